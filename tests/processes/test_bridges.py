"""Pinned linear processes and their Gaussian case, against closed forms and simulation."""

import math

import pytest
import torch

from skgen.processes.bridges import GaussianBridge, LinearReference, schrodinger_covariance

REFERENCES = [LinearReference(1.0), LinearReference(0.4), LinearReference(0.8, 1.7)]
T = torch.linspace(0.05, 0.95, 7, dtype=torch.float64)


def transition(reference, t):
    """Return decay and variance of the unpinned reference over a time t."""
    if reference.theta == 0:
        return torch.ones_like(t), reference.sigma**2 * t
    decay = torch.exp(-reference.theta * t)
    return decay, reference.sigma**2 * (1 - decay**2) / (2 * reference.theta)


@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_pinned_distribution_is_the_conditional_of_the_reference(reference):
    # X_t given X_0 = x_0 and X_1 = x_1, from the joint normal distribution of (X_t, X_1) given X_0.
    decay, var = transition(reference, T)
    rest, left = transition(reference, 1 - T)
    whole_var = rest**2 * var + left
    gain = rest * var / whole_var
    a, b, std = reference.pinned(T)
    torch.testing.assert_close(b, gain)
    torch.testing.assert_close(a, decay * (1 - gain * rest))
    torch.testing.assert_close(std**2, var - gain * rest * var)


@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_drift_target_is_the_drift_of_the_pinned_process(reference):
    x_0, x_1, z = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64)
    a, b, std = reference.pinned(T)
    x = a * x_0 + b * x_1 + std * z
    # Drift of the reference, and sigma^2 times the slope of the log-density of the end given x.
    decay, var = transition(reference, 1 - T)
    expected = -reference.theta * x + reference.sigma**2 * decay * (x_1 - decay * x) / var
    target = reference.drift_target(T, x_0, x_1, z)
    torch.testing.assert_close(target, expected)
    torch.testing.assert_close(reference.endpoint(T, x, target), x_1.expand_as(T))


@pytest.mark.statistical
@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_simulation_with_the_drift_has_the_pinned_distribution(reference):
    # One's sampling and the other's drifts: Euler-Maruyama to time 0.6 against the closed form.
    # 20,000 paths: standard errors are 0.7% of the deviation for the mean, 1% for the variance;
    # the steps add less than half a percent. Tolerances are four standard errors and the steps.
    n, steps, end = 20_000, 400, 0.6
    generator = torch.Generator().manual_seed(0)
    x_0, x_1 = 0.5, -1.0
    x = torch.full((n,), x_0, dtype=torch.float64)
    h = end / steps
    for k in range(steps):
        left = torch.tensor(1 - k * h, dtype=torch.float64)
        drift = (x_1 - reference.C(left) * x) / reference.S(left)
        x = x + h * drift + reference.sigma * h**0.5 * torch.randn(n, generator=generator).double()
    a, b, std = (float(v) for v in reference.pinned(torch.tensor(end, dtype=torch.float64)))
    assert abs(float(x.mean()) - (a * x_0 + b * x_1)) < 0.035 * std
    assert abs(float(x.var()) / std**2 - 1) < 0.05


def bridge(reference):
    ends = torch.tensor([[0.4, 2.0], [-0.3, 1.0], [1.5, 0.2], [0.7, 3.0]], dtype=torch.float64)
    cross = schrodinger_covariance(ends[2], ends[3], reference)
    return GaussianBridge(reference, *ends, cross)


@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_gaussian_drift_is_the_regression_on_the_pinned_drift(reference):
    process, t = bridge(reference), T[:, None]
    a, b, _ = reference.pinned(t)
    mean, var = process.marginal(t)
    slope = (a * process.cross + b * process.var_1) / var
    at_mean, drift_slope = process.drift(t)
    left = 1 - t
    torch.testing.assert_close(drift_slope, (slope - reference.C(left)) / reference.S(left))
    expected = (process.mean_1 - reference.C(left) * mean) / reference.S(left)
    torch.testing.assert_close(at_mean, expected)


@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_both_drifts_add_up_to_the_score(reference):
    # v_forward + v_backward = sigma^2 times the gradient of the log-density.
    process, t = bridge(reference), T[:, None]
    (at_mean, slope), (back_mean, back_slope) = process.drift(t), process.reversed().drift(1 - t)
    _, var = process.marginal(t)
    torch.testing.assert_close(slope + back_slope, -(reference.sigma**2) / var)
    torch.testing.assert_close(at_mean + back_mean, torch.zeros_like(at_mean))


@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_flow_and_process_keep_the_marginals(reference):
    # d var / dt of the flow is twice its slope times the variance; of the process, sigma^2 more.
    process = bridge(reference)
    t = T[:, None].clone().requires_grad_()
    _, var = process.marginal(t)
    (rate,) = torch.autograd.grad(var[:, 0].sum(), t)
    slope, back = process.drift(t)[1], process.reversed().drift(1 - t)[1]
    torch.testing.assert_close(((slope - back) * var)[:, :1], rate)
    torch.testing.assert_close((2 * slope * var + reference.sigma**2)[:, :1], rate)


def test_unit_normal_case():
    one = torch.ones(1, dtype=torch.float64)
    for sigma in (0.0, 0.3, 1.0, 3.0):
        expected = (math.sqrt(4 + sigma**4) - sigma**2) / 2
        found = schrodinger_covariance(one, one, LinearReference(sigma))
        assert float(found) == pytest.approx(expected, rel=1e-12)
    process = GaussianBridge(
        LinearReference(1.0), 0 * one, 0 * one, one, one, found * 0 + 0.6180339887
    )
    t = T[:, None]
    expected = (1 - t) ** 2 + t**2 + t * (1 - t) * math.sqrt(5)
    torch.testing.assert_close(process.marginal(t)[1], expected, rtol=1e-9, atol=0)


def test_covariance_of_an_ornstein_uhlenbeck_bridge_is_the_fixed_point():
    # The bridge's own process must join its ends with the covariance that it was built on.
    reference = LinearReference(0.8, 1.7)
    process = bridge(reference)
    torch.testing.assert_close(markov_covariance(process), process.cross, rtol=1e-6, atol=0)


def markov_covariance(process, n=4001):
    """Return the covariance of the ends of the Markov process with a Gaussian bridge's drift."""
    t = torch.linspace(0, 1, n, dtype=torch.float64)[:, None]
    return process.var_0 * torch.exp(torch.trapezoid(process.drift(t)[1], t, dim=0))


def test_markovian_fitting_with_exact_drifts():
    # From the independent coupling, sigma = 1: formulas of the exact case.
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    cross, found = zero, []
    for _ in range(4):
        process = GaussianBridge(LinearReference(1.0), zero, zero, one, one, cross)
        cross = markov_covariance(process)
        found.append(float(cross))
    assert found == pytest.approx([0.5463, 0.6111, 0.6174, 0.6180], abs=5e-5)
