r"""Draws of missing entries from a denoiser of whole rows.

Let x be a draw of a whole row given the observed entries. Add noise, :math:`y = x + \rho\epsilon`,
and draw x again given y and the observed entries: the new x has the same distribution. This is a
step of Gibbs' sampler, at any level of noise. Much noise moves between modes. At little noise the
draw of x given y and the observed entries is exact to a good approximation, because any smooth
distribution is then nearly normal.

Source: Boys et al., *Tweedie moment projected diffusions for inverse problems*, TMLR 2024, for the
draw at one level; Xu et al., *Restart sampling for improving generative processes*, NeurIPS 2023,
for adding noise again; Wu et al., *Principled probabilistic imaging using diffusion models as
plug-and-play priors*, NeurIPS 2024, for levels of noise that fall.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from skgen.papers.principal_axes import PrincipalAxes

# Levels are even in this root of the noise: errors of the denoiser add up over levels of little
# noise, and only there matter fine structures.
ROOT = 2.0
# The steps from a level's noise back to a clean row, as shares of that noise.
WAY_BACK = (1.0, 0.5, 0.25, 0.125, 0.0)


def complete(
    noise: Any,
    axes: PrincipalAxes,
    denoise: Callable[[Tensor, Tensor], Tensor],
    rows: Tensor,
    observed: Tensor,
    *,
    finest: float,
    n_levels: int,
) -> Tensor:
    r"""Draw missing entries given the observed ones, at falling levels of noise.

    A step from noise r to s draws an end x from :math:`N(\hat x, V_r)`, moved to agree with what is
    observed, and :math:`y_s` given :math:`y_r` and x; :math:`V_r` is the variance of x given
    :math:`y_r` for normal data with the same principal axes, for which all of it is exact.

    Parameters
    ----------
    noise : GeneratorNoise
        Source of randomness.
    axes : PrincipalAxes
        Where the denoiser works.
    denoise : callable
        ``denoise(y, r)``, with y of shape (n, n_features) and r a number, is the mean of x.
    rows : Tensor of shape (n, n_features)
        Rows with any value where an entry is missing.
    observed : Tensor of shape (n, n_features), bool
        Which entries are observed.
    finest : float
        The lowest noise for which the denoiser was trained.
    n_levels : int
        Levels of noise.

    Returns
    -------
    Tensor of shape (n, n_features)
        Whole rows, which agree with what is observed.
    """
    scale, target = axes.scale, rows - axes.mean
    given = torch.unique(observed, dim=0, return_inverse=True)
    # The highest noise, which hides a row's mode, in deviations along the first axis.
    coarsest = 3.0 * scale.max()
    lowest = torch.minimum(coarsest, coarsest.new_tensor(finest / WAY_BACK[-2]))
    share = torch.linspace(0, 1, n_levels).to(scale)
    x = axes.agree(scale * noise.normal(rows), scale.square(), target, *given)
    for level in torch.lerp(coarsest ** (1 / ROOT), lowest ** (1 / ROOT), share) ** ROOT:
        y = x + level * noise.normal(x)
        for r, s in pairwise(level * part for part in WAY_BACK):
            variance = (scale * r).square() / (scale.square() + r.square())
            x = denoise(y, r) + variance.sqrt() * noise.normal(y)
            x = axes.agree(x, variance, target, *given)
            kept = (s / r).square()
            y = torch.lerp(x, y, kept) + s * torch.sqrt(1 - kept) * noise.normal(y)
    return axes.from_axes(x)
