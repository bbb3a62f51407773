"""Normalised latents and codebooks."""

import math

import pytest
import torch

from skgen.networks.quantizers import REVIVED, Codebook, Normalizer
from skgen.processes.noise import GeneratorNoise


def noise(seed=0):
    return GeneratorNoise(torch.Generator().manual_seed(seed))


def ready(part):
    part.reset_parameters(torch.Generator().manual_seed(0))
    return part


def test_normalised_latents_have_the_moments_of_the_process():
    h = torch.randn(500, 3, 2, generator=torch.Generator().manual_seed(0)) * 40 + 7
    each = ready(Normalizer((3, 2)))(h, learns=True)
    torch.testing.assert_close(each.mean(0), torch.zeros(3, 2), rtol=0, atol=1e-6)
    torch.testing.assert_close(each.std(0, unbiased=False), torch.ones(3, 2))
    shared = ready(Normalizer((1, 2)))(h, learns=True)
    torch.testing.assert_close(shared.mean((0, 1)), torch.zeros(2), rtol=0, atol=1e-6)


def test_a_latent_of_another_scale_is_the_same_latent():
    h = torch.randn(50, 3, 2, generator=torch.Generator().manual_seed(0)).double()
    part = ready(Normalizer((3, 2))).double()
    torch.testing.assert_close(
        part(100 * h - 3, learns=True), part(h, learns=True), rtol=1e-4, atol=0
    )


def test_in_use_the_moments_are_those_of_the_start_and_hold():
    h = torch.randn(50, 3, 2, generator=torch.Generator().manual_seed(0))
    part = ready(Normalizer((3, 2)))
    part.initialize(h)
    first = part(h)
    part(100 * h)
    torch.testing.assert_close(part(h), first)


def clusters(n=400):
    centres = torch.tensor([[-2.0, 0.0], [0.0, 2.0], [2.0, 0.0], [0.0, -2.0]])
    kind = torch.arange(n) % 4
    scatter = 0.01 * torch.randn(n, 2, generator=torch.Generator().manual_seed(1))
    return centres, kind, (centres[kind] + scatter)[:, None]


@pytest.mark.statistical
def test_codes_start_at_the_clusters():
    """Sixteen codes in four tight clusters: every cluster has some, every row has one near."""
    _, _, z = clusters()
    book = ready(Codebook(16, 2))
    book.initialize(noise(), z, expected=len(z))
    near = book(book.nearest(z))
    assert (near - z).norm(dim=-1).max() < 0.1


@pytest.mark.statistical
def test_codes_follow_the_mean_of_what_is_put_to_them():
    centres, kind, z = clusters()
    book = ready(Codebook(4, 2))
    with torch.no_grad():
        book.code.copy_(centres * 0.6)
        book.use.fill_(100.0)
        book.total.copy_(book.code * 100)
    for _ in range(300):
        index = book.nearest(z)
        assert torch.equal(index[:, 0], kind)
        book.update_ema(noise(), z, index)
    means = torch.stack([z[kind == k, 0].mean(0) for k in range(4)])
    torch.testing.assert_close(book.code.detach(), means, atol=2e-3, rtol=0)
    assert book.code.grad is None


def test_a_dead_code_starts_anew_at_a_latent():
    centres, _, z = clusters()
    book = ready(Codebook(5, 2))
    with torch.no_grad():
        book.code.copy_(torch.cat([centres, torch.tensor([[50.0, 50.0]])]))
        book.use.copy_(torch.tensor([100.0, 100, 100, 100, 1e-3]))
        book.total.copy_(book.code * book.use[:, None])
    book.update_ema(noise(), z, book.nearest(z))
    assert (book.code[4] - z[:, 0]).norm(dim=-1).min() == 0
    assert book.use[4] == REVIVED * len(z) / 5


def test_spacing_is_the_usual_distance_to_the_next_code():
    book = ready(Codebook(4, 1))
    with torch.no_grad():
        book.code.copy_(torch.tensor([[0.0], [1.0], [3.0], [6.0]]))
    # To the nearest: 1, 1, 2, 3; the lower of the two in the middle.
    assert book.spacing() == 1.0


def test_evenness_is_the_entropy_of_use_and_asks_for_it():
    book = ready(Codebook(4, 1))
    with torch.no_grad():
        book.code.copy_(torch.tensor([[0.0], [1.0], [2.0], [3.0]]))
    even = book.evenness(torch.tensor([0.0, 1.0, 2.0, 3.0])[None, :, None], book.spacing())
    # Half a distance of width: a latent at its code is at most 12% of a neighbour's each.
    assert math.log(4) - 0.02 < even <= math.log(4)
    z = torch.tensor([0.0, 0.0, 0.4, 3.0])[None, :, None].requires_grad_(True)
    uneven = book.evenness(z, book.spacing())
    assert uneven < even - 0.2
    uneven.backward()
    # The one on the way to a code that nothing uses gains by going on.
    assert z.grad[0, 2, 0] > 0
    # It does not change with the scale of latents and codes.
    with torch.no_grad():
        book.code.mul_(50)
    again = book.evenness(50 * z.detach(), book.spacing())
    torch.testing.assert_close(again, uneven.detach())


@pytest.mark.parametrize("code", [[0.0, 0.1, 0.2, 0.3, 2000.0], [0.0, 0.0, 0.0, 0.0, 0.3]])
def test_codes_far_away_and_codes_alike_leave_gradients(code):
    """A use of zero has an entropy of zero, whose slope is infinite."""
    book = ready(Codebook(5, 1))
    with torch.no_grad():
        book.code.copy_(torch.tensor(code)[:, None])
    z = torch.linspace(0, 0.3, 40)[None, :, None].requires_grad_(True)
    even = book.evenness(z, book.spacing().clamp(min=1e-3))
    even.backward()
    assert 0 <= even <= math.log(5)
    assert torch.isfinite(z.grad).all()


def test_half_precision_around_it_does_not_blur_the_use():
    book = ready(Codebook(64, 1))
    with torch.no_grad():
        book.code.copy_(torch.linspace(99, 101, 64)[:, None])
    z = torch.linspace(99, 101, 500)[None, :, None]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = book.evenness(z, book.spacing())
    assert torch.equal(half, book.evenness(z, book.spacing()))


@pytest.mark.parametrize("centre", [0.0, 100.0])
def test_half_precision_around_it_does_not_change_which_code_is_nearest(centre):
    """Codes close together on a line, as those of one column are, and far from the origin."""
    place = torch.linspace(-3, 3, 512)[:, None]
    codebook = Codebook(512, 2)
    codebook.code.data = torch.cat([place, place.square() / 4], 1) + centre
    z = codebook.code.detach()[None] + 1e-3
    with torch.autocast("cpu", torch.bfloat16):
        index = codebook.nearest(z)
    exact = torch.cdist(z.double(), codebook.code.detach().double()[None]).argmin(-1)
    assert torch.equal(index, exact)
