"""Gaussian diffusion against closed forms, in float64."""

import math

import numpy as np
import pytest
import torch

from skgen.processes import gaussian
from skgen.processes.noise import GeneratorNoise
from skgen.processes.schedules import alpha_sigma


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


GAMMA_S, GAMMA_T = tensor(-2.0), tensor(0.7)


def test_posterior_is_bayes_rule():
    """q(z_s | z_t, x) is proportional to q(z_t | z_s) q(z_s | x), all Gaussian."""
    x, z_t = tensor(0.8), tensor(-1.1)
    (alpha_s, sigma_s), (alpha_t, sigma_t) = alpha_sigma(GAMMA_S), alpha_sigma(GAMMA_T)
    ratio = alpha_t / alpha_s
    step_variance = sigma_t**2 - ratio**2 * sigma_s**2
    precision = ratio**2 / step_variance + 1 / sigma_s**2
    expected = (ratio * z_t / step_variance + alpha_s * x / sigma_s**2) / precision
    mean, variance = gaussian.posterior(z_t, x, GAMMA_S, GAMMA_T)
    torch.testing.assert_close(mean, expected)
    torch.testing.assert_close(variance, 1 / precision)


def test_ancestral_step_draws_from_the_posterior_of_the_predicted_row():
    z_t, epsilon_hat = tensor(0.3, -0.4), tensor(1.2, 0.5)
    alpha_t, sigma_t = alpha_sigma(GAMMA_T)
    x_hat = (z_t - sigma_t * epsilon_hat) / alpha_t
    mean, variance = gaussian.posterior(z_t, x_hat, GAMMA_S, GAMMA_T)
    for xi in (-1.0, 0.0, 2.0):
        drawn = gaussian.ancestral_step(z_t, epsilon_hat, GAMMA_S, GAMMA_T, tensor(xi))
        torch.testing.assert_close(drawn, mean + variance.sqrt() * xi)


def test_forward_steps_compose_to_the_marginal():
    """Noise of s, then of t given s, has the mean and variance of q(z_t | x)."""
    (alpha_s, sigma_s), (alpha_t, sigma_t) = alpha_sigma(GAMMA_S), alpha_sigma(GAMMA_T)
    zero, one = tensor(0.0), tensor(1.0)
    slope = gaussian.forward_step(one, GAMMA_S, GAMMA_T, zero)
    spread = gaussian.forward_step(zero, GAMMA_S, GAMMA_T, one)
    torch.testing.assert_close(slope * alpha_s, alpha_t)
    torch.testing.assert_close(slope**2 * sigma_s**2 + spread**2, sigma_t**2)


def test_langevin_step_keeps_the_marginal_nearly():
    """The variance of N(0, v) after a step errs by the square of the step only."""
    _, sigma_t = alpha_sigma(GAMMA_T)
    v = 1.0
    for snr in (0.1, 0.05):
        slope = gaussian.langevin_step(tensor(1.0), sigma_t / v, GAMMA_T, tensor(0.0), snr)
        spread = gaussian.langevin_step(tensor(0.0), tensor(0.0), GAMMA_T, tensor(1.0), snr)
        error = float(slope**2 * v + spread**2 - v)
        delta = float(snr**2 * sigma_t**2)
        assert error == pytest.approx(delta**2 / v, rel=1e-6)


def test_kl_and_entropy():
    mean, log_var = tensor(0.5, -1.0), tensor(-0.3, 0.4)
    q = torch.distributions.Normal(mean, torch.exp(log_var / 2))
    p = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    kl = torch.distributions.kl_divergence(q, p).sum()
    torch.testing.assert_close(gaussian.normal_kl(mean, log_var), kl)
    torch.testing.assert_close(gaussian.normal_entropy(log_var), q.entropy().sum())


def test_prior_loss_is_the_kl_of_the_noisiest_row():
    x, gamma_1 = tensor([0.4, -2.0]).reshape(1, 2), tensor(3.0)
    alpha, sigma = alpha_sigma(gamma_1)
    q = torch.distributions.Normal(alpha * x, sigma.expand(1, 2))
    p = torch.distributions.Normal(tensor(0.0), tensor(1.0))
    expected = torch.distributions.kl_divergence(q, p).sum(-1)
    torch.testing.assert_close(gaussian.prior_loss(x, gamma_1), expected)


def test_gaussian_reconstruction_is_the_mean_density_of_x():
    """The mean over the noise, by Gauss-Hermite quadrature: exact for the square it holds."""
    gamma_0 = tensor(-5.0)
    alpha, sigma = alpha_sigma(gamma_0)
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    x = tensor(0.3)
    z_0 = alpha * x + sigma * torch.from_numpy(nodes)
    losses = -torch.distributions.Normal(z_0 / alpha, sigma / alpha).log_prob(x)
    expected = (losses * torch.from_numpy(weights / weights.sum())).sum()
    value = gaussian.gaussian_reconstruction_loss(x[None], gamma_0)
    torch.testing.assert_close(value, expected[None])


def test_discrete_reconstruction_sums_to_one_over_the_levels():
    levels = torch.stack([tensor(0.0, 1.0, 2.0), tensor(-1.0, 1.0, math.inf)])
    gamma_0 = tensor(-1.0)
    z_0 = tensor(0.6, -0.2)
    total = 0.0
    for a in levels[0]:
        for b in levels[1][:2]:
            x = torch.stack([a, b])[None]
            epsilon = (z_0 - x) * torch.exp(-gamma_0 / 2)
            loss = gaussian.discrete_reconstruction_loss(x, epsilon, gamma_0, levels)
            total += float(torch.exp(-loss))
    assert total == pytest.approx(1.0)


def test_t_step_and_continuous_weights_agree_in_the_limit():
    """T expm1(gamma_t - gamma_s) tends to gamma'(t)."""
    slope, T = 12.0, 10**6
    assert T * math.expm1(slope / T) == pytest.approx(slope, rel=1e-4)


def test_stratified_times_fill_the_unit_interval():
    noise = GeneratorNoise(torch.Generator().manual_seed(0))
    t = noise.times(torch.zeros(100, 1))
    assert ((t >= 0) & (t < 1)).all()
    gaps = t.sort().values.diff()
    torch.testing.assert_close(gaps, torch.full((99,), 0.01), atol=1e-5, rtol=0)
