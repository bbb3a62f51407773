r"""Variance-preserving Gaussian diffusion: kernels, the terms of the bound, sampling steps.

Notation as in :mod:`skgen.processes.schedules`; s < t, x a clean row, noise
:math:`\epsilon \sim N(0, I)`:

.. math::

    z_t = \alpha_t x + \sigma_t \epsilon, \qquad
    q(z_s \mid z_t, x) = N\!\left(
        \frac{\alpha_{t|s}\sigma_s^2 z_t + \alpha_s \sigma_{t|s}^2 x}{\sigma_t^2},\;
        \frac{\sigma_{t|s}^2 \sigma_s^2}{\sigma_t^2} I\right),

with :math:`\alpha_{t|s} = \alpha_t / \alpha_s` and
:math:`\sigma_{t|s}^2 = \sigma_t^2 - \alpha_{t|s}^2 \sigma_s^2`. The bound, in nats per row,

.. math::

    -\log p(x) \le L_{prior} + L_{recon} + \tfrac12 E_t[\gamma'(t) |\epsilon - \hat\epsilon|^2].

Rows run along the first axis; every ``gamma`` broadcasts against them.

Source: Kingma, Salimans, Poole and Ho, *Variational diffusion models*, NeurIPS 2021.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from skgen.processes.schedules import alpha_sigma


def posterior(z_t: Tensor, x: Tensor, gamma_s: Tensor, gamma_t: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return mean and variance of :math:`q(z_s \mid z_t, x)`."""
    (alpha_s, sigma_s), (alpha_t, sigma_t) = alpha_sigma(gamma_s), alpha_sigma(gamma_t)
    c = -torch.expm1(gamma_s - gamma_t)
    # c = sigma_{t|s}^2 / sigma_t^2, so that both weights keep their digits for s near t.
    mean = (alpha_s / alpha_t) * (1 - c) * z_t + alpha_s * c * x
    return mean, c * sigma_s**2 * torch.ones_like(sigma_t)


def normal_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    r"""Return :math:`KL(N(mean, e^{log\_var}) \| N(0, I))`, summed over the last axis."""
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(-1)


def normal_entropy(log_var: Tensor) -> Tensor:
    """Return the entropy of a diagonal Gaussian, summed over the last axis."""
    return 0.5 * (log_var + math.log(2 * math.pi * math.e)).sum(-1)


def prior_loss(x: Tensor, gamma_1: Tensor) -> Tensor:
    r"""Return :math:`KL(q(z_1 \mid x) \| N(0, I))` of each row."""
    alpha_1, _ = alpha_sigma(gamma_1)
    return normal_kl(alpha_1 * x, F.logsigmoid(gamma_1).expand(x.shape))


def gaussian_reconstruction_loss(x: Tensor, gamma_0: Tensor) -> Tensor:
    r"""Return the mean of :math:`-\log N(x; z_0/\alpha_0, (\sigma_0/\alpha_0)^2)` over z_0.

    It does not depend on x but for its shape (n, d).
    """
    return x.shape[1] * 0.5 * (1 + gamma_0 + math.log(2 * math.pi)) * torch.ones_like(x[:, 0])


def discrete_reconstruction_loss(
    x: Tensor, epsilon: Tensor, gamma_0: Tensor, levels: Tensor
) -> Tensor:
    r"""Return :math:`-\log p(x \mid z_0)` for rows whose entries lie on a grid of levels.

    The probability of level v is proportional to
    :math:`\exp(-\tfrac12 e^{-\gamma_0} (z_0/\alpha_0 - v)^2)`.

    Parameters
    ----------
    x, epsilon : Tensor of shape (n, d)
        Clean rows and the noise that made z_0 of them.
    gamma_0 : Tensor
        Noise level at t = 0.
    levels : Tensor of shape (d, n_levels)
        The grid of each column; a column with fewer levels is padded with infinity.
    """
    observed = x + torch.exp(0.5 * gamma_0) * epsilon
    logits = -0.5 * torch.exp(-gamma_0) * (observed[..., None] - levels).square()
    distance = (x[..., None] - levels).abs()
    chosen = distance.argmin(-1, keepdim=True)
    return -torch.log_softmax(logits, -1).gather(-1, chosen).sum((-1, -2))


def predicted_epsilon(z: Tensor, x_hat: Tensor, gamma: Tensor) -> Tensor:
    r"""Return :math:`\hat\epsilon = (z - \alpha \hat x)/\sigma`."""
    alpha, sigma = alpha_sigma(gamma)
    return (z - alpha * x_hat) / sigma


def ancestral_step(
    z_t: Tensor, epsilon_hat: Tensor, gamma_s: Tensor, gamma_t: Tensor, noise: Tensor
) -> Tensor:
    r"""Draw :math:`z_s` from :math:`q(z_s \mid z_t, \hat x)`.

    .. math::

        z_s = \frac{\alpha_s}{\alpha_t}(z_t - c\,\sigma_t\hat\epsilon) + \sigma_s\sqrt{c}\,\xi,
        \qquad c = 1 - e^{\gamma_s - \gamma_t}.
    """
    (alpha_s, sigma_s), (alpha_t, sigma_t) = alpha_sigma(gamma_s), alpha_sigma(gamma_t)
    c = -torch.expm1(gamma_s - gamma_t)
    mean = (alpha_s / alpha_t) * (z_t - c * sigma_t * epsilon_hat)
    return mean + sigma_s * torch.sqrt(c) * noise


def langevin_step(
    z_t: Tensor, epsilon_hat: Tensor, gamma_t: Tensor, noise: Tensor, snr: float = 0.16
) -> Tensor:
    r"""Correct z at its own noise level: :math:`z + \delta s + \sqrt{2\delta}\,\xi`.

    The score is :math:`s = -\hat\epsilon/\sigma_t` and the step :math:`\delta = r^2 \sigma_t^2`
    with a fixed ratio r, so that one step makes the same relative move at every level.

    Source: Song et al., *Score-based generative modeling through SDEs*, ICLR 2021 (there, r is
    estimated from the norms of the batch; here it must not depend on a row's neighbours).
    """
    _, sigma_t = alpha_sigma(gamma_t)
    return z_t - snr**2 * sigma_t * epsilon_hat + math.sqrt(2.0) * snr * sigma_t * noise


def forward_step(z_s: Tensor, gamma_s: Tensor, gamma_t: Tensor, noise: Tensor) -> Tensor:
    r"""Draw :math:`z_t` from :math:`q(z_t \mid z_s)`: the noise of s < t added to z_s."""
    (alpha_s, _), (alpha_t, sigma_t) = alpha_sigma(gamma_s), alpha_sigma(gamma_t)
    c = -torch.expm1(gamma_s - gamma_t)
    return alpha_t / alpha_s * z_s + sigma_t * torch.sqrt(c) * noise
