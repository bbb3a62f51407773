r"""Bernoulli diffusion of bits: marginals, posteriors, the exact reverse kernel, the bound's terms.

A schedule :math:`k_t` falls from 1 to 0, and each bit becomes a fair coin:

.. math::

    q(z_t = 1 | z_0) &= k_t z_0 + (1 - k_t) / 2, \\
    \operatorname{logit} q(z_s = 1 | z_t, z_0) &=
        (2 z_t - 1)\, \Lambda(k_t / k_s) + (2 z_0 - 1)\, \Lambda(k_s),
    \qquad \Lambda(k) = \log\frac{1 + k}{1 - k}, \quad s < t.

With :math:`p = p(z_0 = 1 | z_t)` the reverse kernel is the mixture
:math:`p\, q(z_s | z_t, 1) + (1 - p)\, q(z_s | z_t, 0)`. Putting p in the place of :math:`z_0` in
the posterior, as the source does, is another kernel, and biased.

Everything is elementwise, and predictions are logits.

Source: Wang, Wang, Liu and Chen, *Binary latent diffusion*, CVPR 2023.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

# Stands for the infinite log-odds of k = 1: its sigmoid is 1 in double precision.
CERTAIN = 40.0
STEEPNESS = 6.0


def linear_schedule(t: Tensor) -> Tensor:
    """Return :math:`k_t = 1 - t`."""
    return 1 - t


def cosine_schedule(t: Tensor) -> Tensor:
    r"""Return :math:`k_t = \cos(\pi t / 2)`."""
    return torch.cos(math.pi / 2 * t)


def sigmoid_schedule(t: Tensor) -> Tensor:
    r"""Return a sigmoid that falls around :math:`t = 1/2`, scaled to go from 1 to 0."""
    end = math.tanh(STEEPNESS / 2)
    return 0.5 - 0.5 * torch.tanh(STEEPNESS * (t - 0.5)) / end


SCHEDULES = {"linear": linear_schedule, "cosine": cosine_schedule, "sigmoid": sigmoid_schedule}


def log_odds(k: Tensor) -> Tensor:
    r"""Return :math:`\Lambda(k)`, the log-odds that a bit has not flipped; finite at k = 1."""
    return (2 * torch.atanh(k.clamp(0, 1))).clamp(max=CERTAIN)


def flip(z_0: Tensor, k: Tensor, uniform: Tensor) -> Tensor:
    """Draw :math:`z_t` given :math:`z_0`, with uniform numbers of their shape."""
    forgotten = uniform < (1 - k) / 2
    return torch.where(forgotten, 1 - z_0, z_0)


def _ends(z_t: Tensor, k_s: Tensor, k_t: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits of the posterior for z_0 = 1 and for z_0 = 0."""
    # Where k_s = 0 so is k_t, and z_s does not depend on z_t.
    from_z_t = (2 * z_t - 1) * log_odds(k_t / k_s.clamp(min=torch.finfo(k_s.dtype).tiny))
    from_z_0 = log_odds(k_s)
    return from_z_t + from_z_0, from_z_t - from_z_0


def posterior(z_t: Tensor, z_0: Tensor, k_s: Tensor, k_t: Tensor) -> Tensor:
    """Return :math:`q(z_s = 1 | z_t, z_0)`; linear in z_0, which may be a probability."""
    one, zero = _ends(z_t, k_s, k_t)
    return z_0 * torch.sigmoid(one) + (1 - z_0) * torch.sigmoid(zero)


def reverse(logit: Tensor, z_t: Tensor, k_s: Tensor, k_t: Tensor) -> tuple[Tensor, Tensor]:
    """Return the log-probabilities of :math:`z_s = 1` and of :math:`z_s = 0` given z_t.

    Parameters
    ----------
    logit : Tensor
        Predicted log-odds of :math:`z_0 = 1`.
    z_t : Tensor
        Bits at the later time.
    k_s, k_t : Tensor
        The schedule at the earlier time and at the later.
    """
    one, zero = _ends(z_t, k_s, k_t)
    p, q = F.logsigmoid(logit), F.logsigmoid(-logit)
    return (
        torch.logaddexp(p + F.logsigmoid(one), q + F.logsigmoid(zero)),
        torch.logaddexp(p + F.logsigmoid(-one), q + F.logsigmoid(-zero)),
    )


def entropy(p: Tensor) -> Tensor:
    """Return the entropy of bits that are 1 with probability p, in nats."""
    return -(torch.xlogy(p, p) + torch.xlogy(1 - p, 1 - p))


def divergence(q: Tensor, log_p: Tensor, log_not_p: Tensor) -> Tensor:
    """Return KL(Bernoulli(q) | Bernoulli(p)) in nats, elementwise."""
    if q.requires_grad:
        # A sure bit would have an infinite slope.
        q = q.clamp(torch.finfo(q.dtype).eps, 1 - torch.finfo(q.dtype).eps)
    return -entropy(q) - q * log_p - (1 - q) * log_not_p
