r"""Noise schedules of variance-preserving Gaussian diffusion.

A schedule is an increasing function :math:`\gamma(t)` on :math:`[0, 1]`, minus the log
signal-to-noise ratio, with fixed ends :math:`\gamma_0` and :math:`\gamma_1`:

.. math::

    \sigma_t^2 = \operatorname{sigmoid}(\gamma_t), \qquad
    \alpha_t^2 = \operatorname{sigmoid}(-\gamma_t), \qquad
    \mathrm{SNR}(t) = e^{-\gamma_t}.

Called with times, a schedule returns :math:`\gamma(t)` and :math:`\gamma'(t)`: the bound in
continuous time needs both.

Source: Kingma, Salimans, Poole and Ho, *Variational diffusion models*, NeurIPS 2021.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Schedule(nn.Module):
    """Ends shared by every schedule; children define the shape between them."""

    def __init__(self, gamma_0: float, gamma_1: float):
        super().__init__()
        self.gamma_0 = gamma_0
        self.gamma_1 = gamma_1


class LinearSchedule(Schedule):
    r""":math:`\gamma(t) = \gamma_0 + (\gamma_1 - \gamma_0) t`."""

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return gamma(t) and its derivative, both of the shape of t."""
        slope = self.gamma_1 - self.gamma_0
        return self.gamma_0 + slope * t, torch.full_like(t, slope)


class CosineSchedule(Schedule):
    r""":math:`\alpha_t = \cos(u)`, :math:`\sigma_t = \sin(u)`, :math:`u` linear in :math:`t`.

    The ends of :math:`u` are those that give :math:`\gamma_0` and :math:`\gamma_1`, so that
    :math:`\gamma = 2 \log\tan u` stays finite.
    """

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return gamma(t) and its derivative, both of the shape of t."""
        u_0, u_1 = (math.atan(math.exp(gamma / 2)) for gamma in (self.gamma_0, self.gamma_1))
        u = u_0 + (u_1 - u_0) * t
        return 2 * torch.log(torch.tan(u)), 4 * (u_1 - u_0) / torch.sin(2 * u)


class LearnedSchedule(Schedule):
    r"""A monotone schedule with trainable shape and fixed ends.

    With :math:`g(t) = e^{a_0} t + \sum_k e^{a_k} \operatorname{sigmoid}(e^{b_k}(t - c_k))`,

    .. math:: \gamma(t) = \gamma_0 + (\gamma_1 - \gamma_0) \frac{g(t) - g(0)}{g(1) - g(0)} .
    """

    def __init__(self, gamma_0: float, gamma_1: float, n_bumps: int = 8):
        super().__init__(gamma_0, gamma_1)
        self.n_bumps = n_bumps
        self.log_height = nn.Parameter(torch.empty(n_bumps + 1))
        self.log_rate = nn.Parameter(torch.empty(n_bumps))
        self.centre = nn.Parameter(torch.empty(n_bumps))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Start near the linear schedule; nothing is drawn."""
        with torch.no_grad():
            self.log_height.fill_(-3.0)
            self.log_height[0] = 0.0
            self.log_rate.fill_(math.log(2.0 * self.n_bumps))
            self.centre.copy_((torch.arange(self.n_bumps) + 0.5) / self.n_bumps)

    def _g(self, t: Tensor) -> tuple[Tensor, Tensor]:
        height, rate = self.log_height.exp(), self.log_rate.exp()
        bump = torch.sigmoid(rate * (t[..., None] - self.centre))
        g = height[0] * t + (height[1:] * bump).sum(-1)
        return g, height[0] + (height[1:] * rate * bump * (1 - bump)).sum(-1)

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return gamma(t) and its derivative, both of the shape of t."""
        (g, slope), (ends, _) = self._g(t), self._g(t.new_tensor([0.0, 1.0]))
        scale = (self.gamma_1 - self.gamma_0) / (ends[1] - ends[0])
        return self.gamma_0 + scale * (g - ends[0]), scale * slope


SCHEDULES = {"linear": LinearSchedule, "cosine": CosineSchedule, "learned": LearnedSchedule}


def alpha_sigma(gamma: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return :math:`\alpha` and :math:`\sigma`, exact in the tails of :math:`\gamma`."""
    return torch.exp(0.5 * F.logsigmoid(-gamma)), torch.exp(0.5 * F.logsigmoid(gamma))
