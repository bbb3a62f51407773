"""Schedules: fixed ends, increasing, and the derivative that they claim."""

import math

import pytest
import torch

from skgen.networks.mlp import initialize
from skgen.processes.schedules import SCHEDULES, alpha_sigma


@pytest.fixture(params=sorted(SCHEDULES))
def schedule(request):
    made = initialize(SCHEDULES[request.param](-9.0, 6.0), torch.Generator()).double()
    if request.param == "learned":
        # Away from its start, as after training.
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in made.parameters():
                parameter += 0.5 * torch.randn(
                    parameter.shape, generator=generator, dtype=torch.float64
                )
    return made


def test_ends_are_fixed(schedule):
    gamma, _ = schedule(torch.tensor([0.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(gamma, torch.tensor([-9.0, 6.0], dtype=torch.float64))


def test_derivative_against_autograd(schedule):
    t = torch.linspace(0.01, 0.99, 50, dtype=torch.float64, requires_grad=True)
    gamma, slope = schedule(t)
    (expected,) = torch.autograd.grad(gamma.sum(), t) if gamma.requires_grad else (slope,)
    torch.testing.assert_close(slope.detach(), expected)
    assert (slope > 0).all()


def test_cosine_is_a_cosine():
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    gamma, _ = SCHEDULES["cosine"](-40.0, 40.0)(t)
    alpha, sigma = alpha_sigma(gamma)
    torch.testing.assert_close(alpha, torch.cos(math.pi / 2 * t), atol=1e-8, rtol=0)
    torch.testing.assert_close(sigma, torch.sin(math.pi / 2 * t), atol=1e-8, rtol=0)


def test_alpha_and_sigma_keep_their_digits_in_the_tails():
    gamma = torch.tensor([-60.0, 0.0, 60.0], dtype=torch.float64)
    alpha, sigma = alpha_sigma(gamma)
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(gamma))
    torch.testing.assert_close(torch.log(alpha**2 / sigma**2), -gamma)
