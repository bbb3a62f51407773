r"""The Ornstein-Uhlenbeck process and its bridges, and the terms of the bound that they give.

The process :math:`dz = -\theta (z - z^*) d\tau + \eta\, dW` tends to a normal distribution: with
:math:`\bar a_t = e^{-2 \theta \tau_t}`, :math:`a = \bar a_t / \bar a_s` for s < t, and the
stationary variance :math:`S = \eta^2 / (2 \theta)`,

.. math::

    q(z_t | z_0) &= N\big(z^* + \sqrt{\bar a_t}\,(z_0 - z^*),\; S (1 - \bar a_t) I\big), \\
    q(z_s | z_t, z_0) &= N\Big(z^* + \tfrac{\sqrt{\bar a_s}\,(1 - a)}{1 - \bar a_t} (z_0 - z^*)
        + \tfrac{\sqrt{a}\,(1 - \bar a_s)}{1 - \bar a_t} (z_t - z^*),\;
        S \tfrac{(1 - a)(1 - \bar a_s)}{1 - \bar a_t} I\Big).

Noise levels are given as :math:`\gamma = \log\frac{1 - \bar a}{\bar a}`, which keeps its digits at
both ends: about its centre, in units of :math:`\sqrt S`, the process is the variance-preserving
diffusion of :mod:`skgen.processes.gaussian`.

Source: Cohen, Quispe, Le Corff, Ollion and Moulines, *Diffusion bridges vector quantized
variational autoencoders*, ICML 2022; Uhlenbeck and Ornstein, *On the theory of the Brownian
motion*, Physical Review, 1930.
"""

import math

import torch
from torch import Tensor

from skgen.processes import gaussian
from skgen.processes.schedules import alpha_sigma


def noise_level(theta: float, tau: Tensor) -> Tensor:
    r"""Return :math:`\gamma` after a time :math:`\tau > 0`."""
    return torch.log(torch.expm1(2 * theta * tau))


def stationary_variance(theta: float, eta: float) -> float:
    r"""Return :math:`S = \eta^2 / (2 \theta)`."""
    return eta**2 / (2 * theta)


def marginal(z_0: Tensor, gamma: Tensor, centre: float, variance: float) -> tuple[Tensor, Tensor]:
    r"""Return mean and variance of :math:`q(z_t \mid z_0)`."""
    alpha, sigma = alpha_sigma(gamma)
    return centre + alpha * (z_0 - centre), variance * sigma.square()


def bridge(
    z_t: Tensor, z_0: Tensor, gamma_s: Tensor, gamma_t: Tensor, centre: float, variance: float
) -> tuple[Tensor, Tensor]:
    r"""Return mean and variance of :math:`q(z_s \mid z_t, z_0)`, s < t."""
    mean, share = gaussian.posterior(z_t - centre, z_0 - centre, gamma_s, gamma_t)
    return centre + mean, variance * share


def flow_step(z_t: Tensor, z_0: Tensor, gamma_s: Tensor, gamma_t: Tensor, centre: float) -> Tensor:
    r"""Carry z_t to s < t along the line of constant noise: no noise is added, none is lost.

    With :math:`\hat z_0` for :math:`z_0` it is Euler's step on the probability flow.
    """
    (alpha_s, sigma_s), (alpha_t, sigma_t) = alpha_sigma(gamma_s), alpha_sigma(gamma_t)
    ratio = sigma_s / sigma_t
    return centre + ratio * (z_t - centre) + (alpha_s - ratio * alpha_t) * (z_0 - centre)


def bridge_weight(gamma_s: Tensor, gamma_t: Tensor, variance: float) -> Tensor:
    r"""Return w in :math:`w |z_0 - \hat z_0|^2`, the KL between bridges from two starts.

    .. math::

        w = \frac{1}{2S} \Big(\frac{\bar a_s}{1 - \bar a_s} - \frac{\bar a_t}{1 - \bar a_t}\Big)
    """
    return (torch.exp(-gamma_s) - torch.exp(-gamma_t)) / (2 * variance)


def prior_divergence(z_0: Tensor, gamma: Tensor, centre: float, variance: float) -> Tensor:
    r"""Return :math:`KL(q(z_T | z_0) \| N(z^*, S I))`, summed over the last axis."""
    return gaussian.prior_loss((z_0 - centre) / math.sqrt(variance), gamma)
