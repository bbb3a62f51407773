"""Priors of codes against distributions that can be summed out.

With a network that adds nothing, the bridge's prediction is exact for independent tokens of given
frequencies: what follows from that can be checked without training.
"""

import math

import pytest
import torch

from skgen.networks.mlp import initialize
from skgen.papers.code_priors import AutoregressivePrior, BridgePrior
from skgen.processes import ornstein_uhlenbeck as ou
from skgen.processes.noise import GeneratorNoise

pytestmark = pytest.mark.statistical

FREQUENCY = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
CODE = torch.tensor([[-1.4], [-0.2], [0.5], [1.3]], dtype=torch.float64)


class Something(torch.nn.Module):
    """A network of fixed random waves of its input, or, of size 0, one that adds nothing."""

    def __init__(self, n_out, size):
        super().__init__()
        self.n_out, self.size = n_out, size

    def forward(self, rows, context):
        angle = torch.arange(1, self.n_out + 1, dtype=rows.dtype)
        return self.size * torch.sin(angle * rows[:, :1] + context[:, :1])


def make_prior(n_timesteps=64, size=0.0, n_tokens=1, schedule="geometric"):
    prior = BridgePrior(
        Something(4 * n_tokens, size),
        n_tokens,
        4,
        4,
        theta=3.0,
        schedule=schedule,
        n_timesteps=n_timesteps,
    ).double()
    with torch.no_grad():
        prior.odds.weight.copy_(torch.eye(4))
        prior.odds.bias.zero_()
        prior.frequency.copy_(FREQUENCY.expand(n_tokens, 4))
    return prior


def noise(seed=0):
    return GeneratorNoise(torch.Generator().manual_seed(seed))


def nothing_seen(n, n_tokens=1):
    empty = torch.zeros(n, 0, dtype=torch.float64)
    return torch.zeros(n, n_tokens, 0, dtype=torch.float64), empty


def estimates(prior, k, n=40_000, code=CODE, spacing=0.6, seed=0):
    """Return n estimates of the bound on -log p(k)."""
    index = torch.full((n, prior.n_tokens), k)
    with torch.no_grad():
        given = (
            code[index],
            index,
            code,
            torch.tensor(spacing, dtype=torch.float64),
            *nothing_seen(n),
        )
        return prior.bound(noise(seed), *given)


def test_prediction_is_bayes_rule():
    prior = make_prior()
    z, gamma = torch.tensor([[[0.3]], [[-1.0]]]).double(), torch.tensor([-1.0, 0.5]).double()
    likelihood, log_prior = prior.predict(z, gamma, CODE, *nothing_seen(2))
    for row in range(2):
        mean, variance = ou.marginal(CODE[:, 0], gamma[row])
        weight = FREQUENCY * torch.exp(-0.5 * (z[row, 0, 0] - mean).square() / variance)
        found = torch.softmax((likelihood + log_prior)[row, 0], 0)
        # Frequencies are mixed with a little of the even ones, so that none is zero.
        torch.testing.assert_close(found, weight / weight.sum(), atol=2e-3, rtol=0)


def test_bound_on_a_known_distribution_is_near_it_and_not_below():
    """The mean bound is at least the entropy; 256 steps leave little between (5 errors)."""
    prior = make_prior(n_timesteps=256)
    means, errors = [], []
    for k in range(4):
        found = estimates(prior, k, seed=k)
        means.append(found.mean())
        errors.append(found.std() / len(found) ** 0.5)
    mean = (FREQUENCY * torch.stack(means)).sum()
    error = (FREQUENCY * torch.stack(errors)).square().sum().sqrt()
    entropy = torch.special.entr(FREQUENCY).sum()
    assert mean > entropy - 5 * error
    assert mean < entropy + 0.03 + 5 * error


def summed_out(prior, spacing=0.6):
    """Return log p(k) of the model itself, by quadrature over each of its few latents."""
    grid = torch.linspace(-6, 6, 1201, dtype=torch.float64)
    step = grid[1] - grid[0]
    gammas = prior.levels(torch.tensor(spacing, dtype=torch.float64))
    density = torch.exp(-0.5 * grid.square()) / math.sqrt(2 * math.pi)

    def odds(gamma):
        likelihood, log_prior = prior.predict(
            grid[:, None, None], gamma.expand(len(grid)), CODE, *nothing_seen(len(grid))
        )
        return (likelihood + log_prior)[:, 0]

    with torch.no_grad():
        for gamma_s, gamma_t in zip(gammas[:-1].flip(0), gammas[1:].flip(0), strict=True):
            z_hat = torch.softmax(odds(gamma_t), -1) @ CODE[:, 0]
            mean, variance = ou.bridge(grid, z_hat, gamma_s, gamma_t)
            kernel = torch.exp(-0.5 * (grid[None] - mean[:, None]).square() / variance)
            kernel = kernel / (kernel.sum(1, keepdim=True) * step)
            density = (density[:, None] * kernel).sum(0) * step
        return ((density[:, None] * torch.softmax(odds(gammas[0]), -1)).sum(0) * step).log()


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_bound_is_below_the_model_s_own_probability(size):
    """Three steps of a network, good or bad, summed out; the bound's mean has 5 errors."""
    prior = make_prior(n_timesteps=3, size=size)
    exact = summed_out(prior)
    assert abs(exact.exp().sum() - 1) < 1e-3
    for k in range(4):
        found = estimates(prior, k)
        assert -found.mean() - 5 * found.std() / len(found) ** 0.5 < exact[k]


@pytest.mark.parametrize("n_steps", [1, 3, 64])
def test_samples_of_a_known_distribution_follow_it_in_any_number_of_steps(n_steps):
    """Independent tokens: the mixture of bridges is exact. Five errors of a frequency."""
    prior = make_prior(n_tokens=2)
    n = 8000
    seen, context = nothing_seen(n, 2)
    with torch.no_grad():
        index = prior.draw(
            noise(),
            CODE,
            torch.tensor(0.6).double(),
            seen,
            (context, None),
            n_steps=n_steps,
            temperature=1.0,
            guidance_scale=0.0,
        )
    share = torch.nn.functional.one_hot(index, 4).double().mean((0, 1))
    error = (FREQUENCY * (1 - FREQUENCY) / (2 * n)).sqrt()
    # The process forgets its start but for exp(-3): what is left of it biases a little.
    assert ((share - FREQUENCY).abs() < 5 * error + 0.01).all()


@pytest.mark.parametrize("schedule", ["geometric", "constant"])
def test_levels_rise_between_the_same_ends(schedule):
    levels = make_prior(schedule=schedule).levels(torch.tensor(0.6).double())
    assert (levels.diff() > 0).all()
    torch.testing.assert_close(levels[-1], ou.noise_level(3.0, torch.tensor(1.0).double()))
    # The cleanest noise is an eighth of the distance between codes.
    torch.testing.assert_close(levels[0].exp(), torch.tensor((0.6 / 8) ** 2).double())


def test_frequencies_are_counted_and_later_ones_only_where_there_were_none():
    prior = make_prior(n_tokens=2)
    prior.fit(torch.tensor([[0, 3], [0, 1], [2, 1], [0, 1]]))
    counted = torch.tensor([[0.75, 0.0, 0.25, 0.0], [0.0, 0.75, 0.0, 0.25]]).double()
    torch.testing.assert_close(prior.frequency.data, counted)
    prior.add_new_codes(torch.tensor([[1, 1], [0, 0]]))
    counted[0, 1] = counted[1, 0] = 0.5
    torch.testing.assert_close(prior.frequency.data, counted)


def test_one_code_after_another_is_a_distribution():
    """Probabilities of all rows of three tokens of two codes add up to one."""

    class Before(torch.nn.Module):
        def forward(self, tokens, seen, context):
            shifted = torch.nn.functional.pad(tokens[:, :-1], (0, 0, 1, 0)).cumsum(1)
            return 3 * torch.sin(shifted @ torch.ones(tokens.shape[2], 2).double())

    with torch.device("meta"):
        prior = AutoregressivePrior(Before(), 3, 2)
    initialize(prior, torch.Generator().manual_seed(0))
    prior = prior.double()
    rows = torch.cartesian_prod(*[torch.arange(2)] * 3)
    seen, context = nothing_seen(8, 3)
    with torch.no_grad():
        loss = prior.loss(None, CODE[rows], rows, CODE, torch.tensor(1.0), seen, context)
    torch.testing.assert_close(torch.exp(-loss).sum(), torch.tensor(1.0).double())
