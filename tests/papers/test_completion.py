"""Draws of missing entries where the distribution is far from normal, with its exact denoiser."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm

from skgen.papers import completion
from skgen.papers.completion import complete
from skgen.papers.principal_axes import PrincipalAxes
from skgen.processes.noise import GeneratorNoise

# A bow: 31 round normal distributions along a parabola, more of them to the right.
ALONG = torch.linspace(-1.5, 1.5, 31, dtype=torch.float64)
CENTRES = torch.stack([ALONG, ALONG.square() - 1], 1)
SHARE = torch.softmax(0.5 * ALONG, 0)
WIDTH = 0.15


def mixture_axes():
    """Turn to the axes of the bow, with nothing estimated."""
    axes = PrincipalAxes(2, rotate=True).double()
    mean = SHARE @ CENTRES
    covariance = (CENTRES - mean).T @ (SHARE[:, None] * (CENTRES - mean))
    variance, basis = torch.linalg.eigh(covariance + WIDTH**2 * torch.eye(2))
    for name, value in (("mean", mean), ("scale", variance.sqrt()), ("basis", basis)):
        getattr(axes, name).copy_(value)
    return axes


def completed(column, value, n, n_levels=40):
    """Draw the other column of the bow given one, by its exact denoiser."""
    axes = mixture_axes()

    def denoise(y, rho):
        rows = axes.from_axes(y)
        variance = WIDTH**2 + rho**2
        square = (rows[:, None] - CENTRES).square().sum(-1)
        part = torch.softmax(SHARE.log() - 0.5 * square / variance, 1)
        ends = CENTRES + WIDTH**2 / variance * (rows[:, None] - CENTRES)
        return axes.to_axes((part[:, :, None] * ends).sum(1))

    rows = torch.full((n, 2), float(value), dtype=torch.float64)
    observed = torch.zeros(n, 2, dtype=torch.bool)
    observed[:, column] = True
    noise = GeneratorNoise(torch.Generator().manual_seed(0))
    drawn = complete(noise, axes, denoise, rows, observed, finest=0.01, n_levels=n_levels)
    torch.testing.assert_close(drawn[:, column], rows[:, column])
    return drawn[:, 1 - column].numpy()


def distance(column, value, n=2000, **options):
    """Return the distance of Kolmogorov and Smirnov from the exact conditional distribution."""
    seen = norm.pdf(value, CENTRES[:, column], WIDTH) * SHARE.numpy()
    seen = seen / seen.sum()

    def cdf(x):
        return (norm.cdf(x[:, None], CENTRES[:, 1 - column], WIDTH) * seen).sum(1)

    return kstest(completed(column, value, n, **options), cdf).statistic


@pytest.mark.statistical
@pytest.mark.parametrize("value", [-0.9, 0.0, 1.0])
def test_both_arms_of_the_bow_are_drawn(value):
    # 2,000 draws of the distribution itself are further than .044 once in a thousand.
    assert distance(1, value) < 0.044 + 0.04


@pytest.mark.statistical
@pytest.mark.parametrize("value", [-1.2, 0.0, 0.8])
def test_levels_of_noise_bend_completions_to_the_distribution(value, monkeypatch):
    """What is normal about the draw at one level is forgotten at the levels below."""
    few, found = (distance(0, value, n_levels=n_levels) for n_levels in (10, 40))
    assert found < 0.8 * few
    assert found < 0.044 + 0.15
    # The same number of calls as 40 levels, on one way from much noise to none.
    way = (*(float(part) for part in np.geomspace(1, 0.005, 160)), 0.0)
    monkeypatch.setattr(completion, "WAY_BACK", way)
    assert found < 0.6 * distance(0, value, n_levels=1)
