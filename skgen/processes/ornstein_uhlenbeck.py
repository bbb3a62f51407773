r"""The Ornstein-Uhlenbeck process and its bridges, and the terms of the bound that they give.

The process :math:`dz = -\theta z\, d\tau + \sqrt{2 \theta}\, dW`, whose stationary distribution is
:math:`N(0, I)`, forgets where it started: with :math:`\bar a_t = e^{-2 \theta \tau_t}` and
:math:`a = \bar a_t / \bar a_s` for s < t,

.. math::

    q(z_t | z_0) &= N\big(\sqrt{\bar a_t}\, z_0,\; (1 - \bar a_t) I\big), \\
    q(z_s | z_t, z_0) &= N\Big(\tfrac{\sqrt{\bar a_s}\,(1 - a)}{1 - \bar a_t} z_0
        + \tfrac{\sqrt{a}\,(1 - \bar a_s)}{1 - \bar a_t} z_t,\;
        \tfrac{(1 - a)(1 - \bar a_s)}{1 - \bar a_t} I\Big).

Noise levels are given as :math:`\gamma = \log\frac{1 - \bar a}{\bar a}`, which keeps its digits at
both ends: in them the process is the variance-preserving diffusion of
:mod:`skgen.processes.gaussian`, which has its bridges and its divergence at the end. The source has
any noise :math:`\eta` and mean :math:`z^*`; latents normalised to the stationary distribution make
them units.

Source: Cohen, Quispe, Le Corff, Ollion and Moulines, *Diffusion bridges vector quantized
variational autoencoders*, ICML 2022; Uhlenbeck and Ornstein, *On the theory of the Brownian
motion*, Physical Review, 1930.
"""

import torch
from torch import Tensor

from skgen.processes.gaussian import posterior as bridge
from skgen.processes.gaussian import prior_loss as prior_divergence
from skgen.processes.schedules import alpha_sigma

__all__ = ["bridge", "bridge_weight", "marginal", "noise_level", "prior_divergence"]


def noise_level(theta: float, tau: Tensor) -> Tensor:
    r"""Return :math:`\gamma` after a time :math:`\tau > 0`."""
    return torch.log(torch.expm1(2 * theta * tau))


def marginal(z_0: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return mean and variance of :math:`q(z_t \mid z_0)`."""
    alpha, sigma = alpha_sigma(gamma)
    return alpha * z_0, sigma.square()


def bridge_weight(gamma_s: Tensor, gamma_t: Tensor) -> Tensor:
    r"""Return w in :math:`w |z_0 - \hat z_0|^2`, the KL between bridges from two starts.

    .. math::

        w = \frac{1}{2} \Big(\frac{\bar a_s}{1 - \bar a_s} - \frac{\bar a_t}{1 - \bar a_t}\Big)
    """
    return (torch.exp(-gamma_s) - torch.exp(-gamma_t)) / 2
