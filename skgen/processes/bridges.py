r"""Bridges between two distributions: a linear reference process pinned at both ends.

With Gaussian ends the bridge is Gaussian, too, and is computed exactly: :class:`GaussianBridge`.

The reference is :math:`dX = -\theta X\,dt + \sigma\,dB` on [0, 1], Brownian for
:math:`\theta = 0`. With :math:`S(u) = \sinh(\theta u)/\theta` and :math:`C(u) = \cosh(\theta u)`
(u and 1 in the limit), the process pinned at :math:`x_0` and :math:`x_1` is

.. math::

    X_t = \frac{S(1-t)}{S(1)} x_0 + \frac{S(t)}{S(1)} x_1 + \sigma\sqrt{\frac{S(t)S(1-t)}{S(1)}}\,Z,

its drift forwards :math:`(x_1 - C(1-t) X_t)/S(1-t)` and, run against time,
:math:`(x_0 - C(t) X_t)/S(t)`. Everything is symmetric: backwards is forwards with time reversed and
the two ends exchanged, so that one direction is written here, and t is always the time since its
own start.

Source: Shi, De Bortoli, Campbell and Doucet, *Diffusion Schrödinger bridge matching*, NeurIPS 2023.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LinearReference:
    """The reference process.

    Parameters
    ----------
    sigma : float
        Its noise, at least 0.
    theta : float
        Its mean reversion, at least 0; 0 is Brownian motion.
    """

    sigma: float
    theta: float = 0.0

    def S(self, u: Tensor) -> Tensor:
        """Return sinh(theta u) / theta."""
        return torch.sinh(self.theta * u) / self.theta if self.theta > 0 else u

    def C(self, u: Tensor) -> Tensor:
        """Return cosh(theta u)."""
        return torch.cosh(self.theta * u)

    @property
    def length(self) -> float:
        """S(1)."""
        return math.sinh(self.theta) / self.theta if self.theta > 0 else 1.0

    def pinned(self, t: Tensor, s: Tensor | float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        """Return the weights of both ends in X_t, pinned at times 0 and s, and its deviation.

        Parameters
        ----------
        t, s : Tensor
            The process is pinned at times 0 and s; t lies between.

        Returns
        -------
        a, b, std : Tensor
            X_t given both ends is ``a * x_0 + b * x_s + std * Z``.
        """
        s = torch.as_tensor(s, dtype=t.dtype, device=t.device)
        whole, gone, left = self.S(s), self.S(t), self.S(s - t)
        return left / whole, gone / whole, self.sigma * (gone * left / whole).clamp(min=0).sqrt()

    def drift_target(self, t: Tensor, x_0: Tensor, x_1: Tensor, z: Tensor) -> Tensor:
        """Return the drift of the pinned process at ``a x_0 + b x_1 + std z``."""
        known = (self.C(t) * x_1 - self.C(1 - t) * x_0) / self.length
        return known - self.noise_in_target(t) * z

    def noise_in_target(self, t: Tensor) -> Tensor:
        """Return the factor of z in :meth:`drift_target`; infinite at the end."""
        u = self.S(1 - t)
        return self.C(1 - t) * self.sigma * (self.S(t) / (u * self.length)).sqrt()

    def endpoint(self, t: Tensor, x: Tensor, drift: Tensor) -> Tensor:
        """Return the end that a drift points to."""
        return self.C(1 - t) * x + self.S(1 - t) * drift

    @property
    def regularisation(self) -> float:
        r"""The entropic regularisation of the optimal transport at cost :math:`|x_0 - x_1|^2`."""
        return 2 * self.sigma**2 * self.length


@dataclass(frozen=True)
class GaussianBridge:
    """The process between two Gaussians with given cross-covariance, for each axis by itself.

    Parameters
    ----------
    reference : LinearReference
        The reference process.
    mean_0, mean_1, var_0, var_1 : Tensor of shape (n_features,)
        Means and variances of the ends.
    cross : Tensor of shape (n_features,)
        Covariance of the ends.
    """

    reference: LinearReference
    mean_0: Tensor
    mean_1: Tensor
    var_0: Tensor
    var_1: Tensor
    cross: Tensor

    def reversed(self) -> "GaussianBridge":
        """Return the process with time reversed."""
        return GaussianBridge(
            self.reference, self.mean_1, self.mean_0, self.var_1, self.var_0, self.cross
        )

    def marginal(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance at times t."""
        a, b, std = self.reference.pinned(t)
        mean = a * self.mean_0 + b * self.mean_1
        var = a**2 * self.var_0 + b**2 * self.var_1 + 2 * a * b * self.cross + std**2
        return mean, var

    def drift(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return the Markov drift at the mean of time t, and its slope."""
        reference = self.reference
        a, b, _ = reference.pinned(t)
        gone, left = reference.C(t), reference.C(1 - t)
        slope = (
            self.cross * (1 - 2 * b * left)
            + gone * b * self.var_1
            - left * a * self.var_0
            - reference.sigma**2 * reference.S(t) * left
        ) / reference.length
        at_mean = (gone * self.mean_1 - left * self.mean_0) / reference.length
        return at_mean, slope / self.marginal(t)[1]

    def end_variance(self, t: Tensor) -> Tensor:
        """Return the variance of the end given the state at times t."""
        a, b, _ = self.reference.pinned(t)
        _, var = self.marginal(t)
        return (self.var_1 - (a * self.cross + b * self.var_1) ** 2 / var).clamp(min=0)


def schrodinger_covariance(var_0: Tensor, var_1: Tensor, reference: LinearReference) -> Tensor:
    """Return the covariance of the ends of the Schrödinger bridge between two Gaussians."""
    sigma_2 = reference.sigma**2 * reference.length
    # A quotient instead of a difference of nearly equal numbers, if sigma is large.
    product = var_0 * var_1
    return 2 * product / ((4 * product + sigma_2**2).sqrt() + sigma_2).clamp(min=1e-30)
