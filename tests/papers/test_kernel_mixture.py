"""Kernel mixtures: densities that integrate to one, draws of these densities, shares."""

import math

import pytest
import torch

from skgen.papers.kernel_mixture import KernelMixture, best_shares
from skgen.processes.manifolds import Product
from skgen.processes.noise import GeneratorNoise


def noise_of(seed):
    return GeneratorNoise(torch.Generator().manual_seed(seed))


def cap(n, seed=0, scale=0.3):
    """Return rows around a place of the sphere."""
    manifold = Product(["sphere"])
    x = torch.tensor([[0.6, 0.0, 0.8]], dtype=torch.float64).expand(n, -1)
    z = torch.randn(n, 2, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return manifold.exp(x, scale * (manifold.frame(x) @ z)[:, :, 0])


def sphere_grid(n):
    """Return points of the sphere of equal area."""
    k = torch.arange(n, dtype=torch.float64)
    z, angle = 1 - (2 * k + 1) / n, k * math.pi * (3 - 5**0.5)
    ring = (1 - z * z).sqrt()
    return torch.stack([ring * angle.cos(), ring * angle.sin(), z], 1)


@pytest.fixture(scope="module")
def mixture():
    base = KernelMixture(Product(["sphere"]), 50).double()
    base.fit(cap(50))
    return base


def test_density_integrates_to_one_over_the_sphere(mixture):
    density = mixture.log_density(sphere_grid(20_000)).exp()
    assert 4 * math.pi * float(density.mean()) == pytest.approx(1, abs=0.01)


def test_density_integrates_to_one_over_a_torus():
    side = torch.linspace(-math.pi, math.pi, 161).double()[:-1]
    grid = torch.cartesian_prod(side, side)
    x = torch.randn(60, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    base = KernelMixture(Product(["circle", "circle"]), 60).double()
    # Around the place where angles wrap.
    base.fit(base.manifold.exp(torch.full_like(x, math.pi), x))
    total = base.log_density(grid).exp().sum() * (2 * math.pi / 160) ** 2
    assert float(total) == pytest.approx(1, abs=0.01)


@pytest.mark.statistical
def test_draws_have_the_density(mixture):
    n, grid = 20_000, sphere_grid(20_000)
    x = mixture.draw(noise_of(0), torch.empty(n, 3, dtype=torch.float64))
    density = 4 * math.pi * mixture.log_density(grid).exp() / len(grid)
    for of in (lambda y: y[:, 0], lambda y: y[:, 2], lambda y: (y[:, 2] > 0.9).double()):
        expected = float((of(grid) * density).sum())
        assert float(of(x).mean()) == pytest.approx(expected, abs=4 * float(of(x).std()) / n**0.5)


@pytest.mark.statistical
def test_starts_near_rows_of_the_mixture_are_draws_of_it(mixture):
    # Of 50 kernels all are candidates, and no row lies at one's place.
    n = 20_000
    rows = mixture.draw(noise_of(1), torch.empty(n, 3, dtype=torch.float64))
    near = mixture.draw_near(noise_of(2), rows)
    for of in (lambda y: y[:, 0], lambda y: y[:, 2], lambda y: (y[:, 2] > 0.9).double()):
        error = 4 * float(of(rows).std()) * (2 / n) ** 0.5
        assert float(of(near).mean()) == pytest.approx(float(of(rows).mean()), abs=error)
    distance = mixture.manifold.log(rows, near).norm(dim=1)
    assert float(distance.median()) < 0.5


def test_a_start_comes_from_no_kernel_at_the_row(mixture):
    starts = mixture.draw_near(noise_of(0), mixture.centres)
    assert (mixture.manifold.log(mixture.centres, starts).norm(dim=1) > 1e-4).all()


def test_repeated_rows_have_kernels_of_some_width():
    x = cap(20).repeat(4, 1)
    base = KernelMixture(Product(["sphere"]), 80).double()
    base.fit(x)
    assert base.log_density(x).isfinite().all()
    distance = torch.cdist(cap(20), cap(20)).fill_diagonal_(torch.inf).min(1).values.median()
    # The density of one kernel at its centre is at most that of this width.
    assert base.log_norm.max() <= -2 * math.log(0.49 * distance) - math.log(2 * math.pi)


def test_shares_are_those_under_which_rows_are_most_likely():
    generator = torch.Generator().manual_seed(0)
    log_parts = torch.randn(400, 3, dtype=torch.float64, generator=generator)
    found = best_shares(log_parts)
    assert float(found.exp().sum()) == pytest.approx(1)

    def value(log_share):
        return float(torch.logsumexp(log_parts + log_share, 1).mean())

    for move in torch.eye(3).double():
        other = torch.log_softmax(found + 0.3 * move, 0)
        assert value(found) > value(other)


def test_without_kernels_the_mixture_covers_the_manifold():
    base = KernelMixture(Product(["circle"]), 0)
    base.fit(torch.zeros(3, 1))
    x = base.draw(noise_of(0), torch.empty(5, 1))
    torch.testing.assert_close(base.log_density(x), torch.full((5,), -math.log(2 * math.pi)))
