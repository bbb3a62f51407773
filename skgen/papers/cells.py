r"""Columns cut into cells, and densities that are a normal mixture tilted in each cell.

A column is cut at the borders of the values that it repeats, each a cell of its own, and at
quantiles of the rest, as many as the root of its rows: the usual number of bins of a histogram. Of
a mixture of two normal densities b and tilts :math:`\tau_k`,

.. math::

    b(x) = (1 - \varepsilon)\, N(x; \mu, s^2) + \varepsilon\, N(x; m, S^2), \qquad
    p(x) = b(x)\, e^{\tau_k} \Big/ \sum_l e^{\tau_l} \int_l b, \qquad x \text{ in cell } k,

is a density. The second component has the mean and deviation of the column, so that no value is
impossible. In the cell of a repeated value, the density of b at that value stands for its integral.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-3
SMALLEST_SCALE = 1e-3
# The share of an empty cell, before it is divided by the number of cells.
RAREST = 1e-3
# Stands for infinity in borders, because infinity would make gradients NaN.
FAR = 1e6
SMALLEST_MASS = 1e-30


def log_normal(x: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Return the log of a normal density."""
    return -0.5 * ((x - mean) / scale).square() - scale.log() - 0.5 * math.log(2 * math.pi)


def draw_index(noise: Any, logits: Tensor) -> Tensor:
    """Draw an index of the last axis by its log-odds."""
    total = torch.softmax(logits, -1).cumsum(-1)
    uniform = noise.uniforms(total[..., 0])[..., None] * total[..., -1:]
    return (total < uniform).sum(-1).clamp(max=logits.shape[-1] - 1)


@dataclass
class Cuts:
    """The cells of one column from left to right.

    Parameters
    ----------
    border : ndarray of shape (n_cells - 1,)
        The borders between cells.
    level : ndarray of shape (n_cells,)
        The repeated value that a cell stands for; NaN for an interval.
    low, high : ndarray of shape (n_cells,)
        Ends, the outer ones beyond the data by a standard deviation.
    """

    border: np.ndarray
    level: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, levels: tuple[np.ndarray, np.ndarray, np.ndarray] | None) -> "Cuts":
        """Cut a column of numbers x, given left ends, right ends and values of repeated ones."""
        left, right, value = (np.empty(0),) * 3 if levels is None else levels

        def level_of(points: np.ndarray) -> np.ndarray:
            if not len(value):
                return np.full(len(points), np.nan)
            k = (np.searchsorted(left, points, side="right") - 1).clip(0)
            return np.where((points >= left[k]) & (points <= right[k]), value[k], np.nan)

        rest = np.sort(x[np.isnan(level_of(x))])
        n_cells = max(1, round(math.sqrt(len(rest))))
        after = np.arange(1, n_cells) * len(rest) // n_cells
        # Between two values, so that none lies on a border.
        after = after[rest[after] > rest[after - 1]]
        cuts = (rest[after] + rest[after - 1]) / 2
        border = np.concatenate([left, right, cuts[np.isnan(level_of(cuts))]])
        border = np.unique(border[np.isfinite(border)])
        scale = max(float(x.std()), SMALLEST_SCALE)
        inner = border if len(border) else np.array([x.min(), x.max()])
        low = np.concatenate([[min(x.min(), inner[0]) - scale], border])
        high = np.concatenate([border, [max(x.max(), inner[-1]) + scale]])
        return cls(border, level_of((low + high) / 2), low, high)

    @property
    def kind(self) -> str:
        """Whether the cells are repeated values, intervals, or both."""
        interval = np.isnan(self.level)
        return "intervals" if interval.all() else "mixed" if interval.any() else "levels"

    def widths(self) -> np.ndarray:
        """Return the width of each cell of a repeated value; at an end, twice its inner half."""
        left, right = self.level - self.low, self.high - self.level
        left[0], right[-1] = (right[0], left[-1]) if len(self.level) > 1 else (0.5, 0.5)
        return np.where(np.isnan(self.level), 1.0, np.maximum(left + right, 1e-12))


class Cells(nn.Module):
    """The cells of columns of one kind that have similar numbers of cells.

    Parameters
    ----------
    columns : list of int
        Which columns they are.
    n_cells : int
        The most cells of one of them.
    kind : {"levels", "intervals", "mixed"}
        What cells they have.
    """

    columns: Tensor
    border: Tensor
    level: Tensor
    is_level: Tensor
    low: Tensor
    high: Tensor
    log_width: Tensor
    start: Tensor
    reference: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, columns: list[int], n_cells: int, kind: str):
        super().__init__()
        self.n_cells, self.kind = n_cells, kind
        n = len(columns)
        self.register_buffer("columns", torch.tensor(columns, device="cpu"))
        self.register_buffer("border", torch.full((n, n_cells - 1), FAR, device="cpu"))
        self.register_buffer("is_level", torch.zeros(n, n_cells, dtype=torch.bool, device="cpu"))
        for name in ("level", "low", "high", "log_width"):
            self.register_buffer(name, torch.zeros(n, n_cells, device="cpu"))
        # Cells beyond a column's own have no share.
        for name in ("start", "reference"):
            self.register_buffer(name, torch.full((n, n_cells), -FAR, device="cpu"))
        self.register_buffer("mean", torch.zeros(n, device="cpu"))
        self.register_buffer("deviation", torch.ones(n, device="cpu"))

    def fit(self, place: int, cuts: Cuts, x: np.ndarray, is_probability: bool) -> None:
        """Take the cells of one column, and tilts that give each its frequency among x."""
        k = len(cuts.level)
        mean, deviation = float(x.mean()), max(float(x.std()), SMALLEST_SCALE)
        count = np.bincount(np.searchsorted(cuts.border, x), minlength=k)
        is_level = torch.from_numpy(~np.isnan(cuts.level))
        level = torch.from_numpy(np.nan_to_num(cuts.level))
        border = torch.from_numpy(np.concatenate([[-np.inf], cuts.border, [np.inf]]) - mean)
        below, above = (torch.special.ndtr(sign * border / deviation) for sign in (1, -1))
        # Each tail from its own side, where small probabilities are exact.
        mass = torch.maximum(below.diff(), -above.diff()).clamp(min=SMALLEST_MASS)
        density = log_normal(level, torch.tensor(mean), torch.tensor(deviation))
        reference = torch.where(is_level, density, mass.log())
        share = torch.from_numpy(count / len(x) + RAREST / k)
        width = np.ones(k) if is_probability else cuts.widths()
        self.mean[place], self.deviation[place] = mean, deviation
        self.border[place, : k - 1] = torch.from_numpy(cuts.border)
        for name, values in (
            ("is_level", is_level),
            ("level", level),
            ("low", torch.from_numpy(cuts.low)),
            ("high", torch.from_numpy(cuts.high)),
            ("log_width", torch.from_numpy(np.log(width))),
            ("reference", reference),
            ("start", share.log() - reference),
        ):
            getattr(self, name)[place, :k] = values

    def index(self, x: Tensor) -> Tensor:
        """Return the cell of each entry of (n, n_columns)."""
        return torch.searchsorted(self.border, x.T.contiguous()).T

    def log_base(self, mean: Tensor, scale: Tensor, rows: slice = slice(None)) -> Tensor:
        r"""Return log of the integral of b over each cell, or of b at a repeated value.

        Parameters
        ----------
        mean, scale : Tensor of shape (n, n_columns)
            :math:`\mu` and s of some of the columns.
        rows : slice
            Which of them.

        Returns
        -------
        Tensor of shape (n, n_columns, n_cells)
        """
        mean, scale = mean[..., None], scale[..., None]
        if self.kind == "levels":
            near = log_normal(self.level[rows], mean, scale)
        else:
            below = torch.special.ndtr((self.border[rows] - mean) / scale)
            mass = torch.diff(F.pad(F.pad(below, (1, 0)), (0, 1), value=1.0), dim=-1)
            near = mass.clamp(min=SMALLEST_MASS).log()
        if self.kind == "mixed":
            near = torch.where(self.is_level[rows], log_normal(self.level[rows], mean, scale), near)
        far = math.log(EPSILON) + self.reference[rows]
        return torch.logaddexp(math.log1p(-EPSILON) + near, far)

    def log_p(self, x: Tensor, mean: Tensor, scale: Tensor, tilt: Tensor) -> Tensor:
        """Return the log-density at each entry of (n, n_columns), or log-probability of a level."""
        index = self.index(x)[..., None]

        def own(values: Tensor) -> Tensor:
            return values.expand(len(x), -1, -1).gather(-1, index)[..., 0]

        x = torch.where(own(self.is_level), own(self.level), x)
        near, far = log_normal(x, mean, scale), log_normal(x, self.mean, self.deviation)
        base = torch.logaddexp(math.log1p(-EPSILON) + near, math.log(EPSILON) + far)
        total = torch.logsumexp(self.log_base(mean, scale) + tilt, -1)
        return base + own(tilt) - total - own(self.log_width)

    def draw(self, noise: Any, place: int, k: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
        """Draw entries of one column in given cells, (n,), by the density b within each cell."""
        ends = self.border.new_tensor([FAR])
        border = torch.cat([-ends, self.border[place], ends]).double()
        left, right = border[k], border[k + 1]
        low, high = self.low[place, k].double(), self.high[place, k].double()
        parts = torch.stack([mean.double(), self.mean[place].double().expand_as(left)])
        scales = torch.stack([scale.double(), self.deviation[place].double().expand_as(left)])
        below, upto = (torch.special.ndtr((end - parts) / scales) for end in (left, right))
        mass = (upto - below) * left.new_tensor([[1 - EPSILON], [EPSILON]])
        first = noise.uniform(left) * mass.sum(0) < mass[0]
        mean, scale, below, upto = (
            torch.where(first, values[0], values[1]) for values in (parts, scales, below, upto)
        )
        share = noise.uniform(left)
        x = mean + scale * torch.special.ndtri(below + (upto - below) * share)
        # Far out, both ends round to one probability: there the density counts as even.
        x = torch.where(upto - below > 1e-13, x, low + (high - low) * share)
        x = torch.minimum(torch.maximum(x, low), high)
        return torch.where(self.is_level[place, k], self.level[place, k].double(), x)
