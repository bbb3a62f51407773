"""The Ornstein-Uhlenbeck process against closed forms and against simulation, in float64."""

import math

import pytest
import torch

from skgen.processes import ornstein_uhlenbeck as ou

THETA = 1.7


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def remembered(tau):
    return torch.exp(-2 * THETA * tau)


TAU_S, TAU_T = tensor(0.3), tensor(0.8)
GAMMA_S, GAMMA_T = ou.noise_level(THETA, TAU_S), ou.noise_level(THETA, TAU_T)


def test_marginal_is_the_closed_form():
    z_0 = tensor(-1.2, 0.4, 2.0)
    mean, variance = ou.marginal(z_0, GAMMA_T)
    torch.testing.assert_close(mean, remembered(TAU_T).sqrt() * z_0)
    torch.testing.assert_close(variance, 1 - remembered(TAU_T))


def test_marginals_compose():
    """To s, then on from s to t, is to t."""
    z_0 = tensor(1.5)
    mean_s, variance_s = ou.marginal(z_0, GAMMA_S)
    on = ou.noise_level(THETA, TAU_T - TAU_S)
    mean, variance = ou.marginal(mean_s, on)
    decay = remembered(TAU_T - TAU_S)
    expected_mean, expected_variance = ou.marginal(z_0, GAMMA_T)
    torch.testing.assert_close(mean, expected_mean)
    torch.testing.assert_close(variance + decay * variance_s, expected_variance)


def test_bridge_is_the_paper_s():
    a_s, a_t = remembered(TAU_S), remembered(TAU_T)
    a = a_t / a_s
    z_0, z_t = tensor(-0.8), tensor(1.1)
    mean, variance = ou.bridge(z_t, z_0, GAMMA_S, GAMMA_T)
    start = a_s.sqrt() * (1 - a) / (1 - a_t) * z_0
    end = a.sqrt() * (1 - a_s) / (1 - a_t) * z_t
    torch.testing.assert_close(mean, start + end)
    torch.testing.assert_close(variance, (1 - a) * (1 - a_s) / (1 - a_t))


def test_bridge_in_the_noise_is_the_bridge():
    """With z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps, the mean in eps."""
    a_t, a = remembered(TAU_T), remembered(TAU_T) / remembered(TAU_S)
    z_0, z_t = tensor(-0.8), tensor(1.1)
    eps = (z_t - a_t.sqrt() * z_0) / (1 - a_t).sqrt()
    expected = a**-0.5 * (z_t - (1 - a) * (1 - a_t) ** -0.5 * eps)
    mean, _ = ou.bridge(z_t, z_0, GAMMA_S, GAMMA_T)
    torch.testing.assert_close(mean, expected)


def test_weight_is_the_divergence_of_two_bridges():
    """Of one variance: |difference of means|^2 / (2 variance); and the paper's weight in eps."""
    z_0, z_hat, z_t = tensor(-0.8), tensor(0.9), tensor(1.1)
    mean, variance = ou.bridge(z_t, z_0, GAMMA_S, GAMMA_T)
    mean_hat, _ = ou.bridge(z_t, z_hat, GAMMA_S, GAMMA_T)
    weight = ou.bridge_weight(GAMMA_S, GAMMA_T)
    torch.testing.assert_close(
        weight * (z_0 - z_hat).square(), (mean - mean_hat).square() / (2 * variance)
    )
    a_s, a_t = remembered(TAU_S), remembered(TAU_T)
    a = a_t / a_s
    in_eps = (1 - a) / (2 * a * (1 - a_s))
    torch.testing.assert_close(weight * (1 - a_t) / a_t, in_eps)


def test_divergence_at_the_end():
    """KL between two normal distributions, a value a row."""
    z_0 = tensor([1.4, -0.3], [0.4, 0.4])
    a_t = remembered(TAU_T)
    terms = -a_t - torch.log1p(-a_t) + a_t * z_0.square()
    expected = 0.5 * terms.sum(-1)
    torch.testing.assert_close(ou.prior_divergence(z_0, GAMMA_T), expected)


@pytest.fixture(scope="module")
def simulated():
    """Paths of the equation at s and t, from z_0 = 1.5, by small Euler-Maruyama steps."""
    generator = torch.Generator().manual_seed(0)
    n, step = 40_000, 2e-3
    z = torch.full((n,), 1.5, dtype=torch.float64)
    kept = {}
    for i in range(1, round(float(TAU_T) / step) + 1):
        noise = torch.randn(n, generator=generator, dtype=torch.float64)
        z = z - THETA * z * step + math.sqrt(2 * THETA * step) * noise
        kept[i] = z
    return kept[round(float(TAU_S) / step)], kept[round(float(TAU_T) / step)]


@pytest.mark.statistical
def test_simulated_paths_have_the_marginal(simulated):
    """Five standard errors of 40,000 paths, and the bias of a step: theta times it, relatively."""
    for z, gamma in zip(simulated, (GAMMA_S, GAMMA_T), strict=True):
        mean, variance = ou.marginal(tensor(1.5), gamma)
        n, bias = len(z), THETA * 2e-3
        assert abs(z.mean() - mean) < 5 * (variance / n).sqrt() + bias * abs(mean)
        assert abs(z.var() / variance - 1) < 5 * math.sqrt(2 / n) + 2 * bias


@pytest.mark.statistical
def test_simulated_paths_have_the_bridge(simulated):
    """z_s on z_t is a line, whose slope, height and scatter are the bridge's."""
    z_s, z_t = simulated
    z_0 = tensor(1.5)
    low, variance = ou.bridge(tensor(0.0), z_0, GAMMA_S, GAMMA_T)
    high, _ = ou.bridge(tensor(1.0), z_0, GAMMA_S, GAMMA_T)
    centred = z_t - z_t.mean()
    slope = (centred * z_s).sum() / centred.square().sum()
    residual = z_s - z_s.mean() - slope * centred
    error = 5 * (variance / centred.square().sum()).sqrt()
    assert abs(slope - (high - low)) < error + THETA * 2e-3
    expected = low + (high - low) * z_t.mean()
    assert abs(z_s.mean() - expected) < 5 * (variance / len(z_s)).sqrt() + THETA * 2e-3
    assert abs(residual.var() / variance - 1) < 5 * math.sqrt(2 / len(z_s)) + 2 * THETA * 2e-3
