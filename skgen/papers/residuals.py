"""Residuals of a decoder's mean: their distribution, and the likelihoods that it gives.

Source: Ledoit and Wolf, *A well-conditioned estimator for large-dimensional covariance matrices*,
Journal of Multivariate Analysis, 2004.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

SMALLEST_LOG_VARIANCE = -10.0
ERRORS_PER_BIN = 50
N_QUANTILES = 65
# The share of each error that is independent of the others.
SMALLEST_SHARE = 1e-3


class ResidualDistribution(nn.Module):
    """The distribution of the errors of a decoder's mean on held-out rows, given the mean.

    Where the mean of a pixel is dark, its errors are small and positive; at an edge they are large
    and of both signs. So the mean is divided into bins, for each column or for all columns that
    share a unit. For each bin the mean square of the errors is stored, and their quantiles, from
    which new errors are drawn. For tables their correlation between columns is stored too, and
    errors are drawn by a Gaussian copula.

    Parameters
    ----------
    n_groups : int
        Groups of columns: one of all, or each its own.
    offset : Tensor of shape (n_features,)
        What to add to scaled columns, so that zero means the same in all columns of a group.
    correlated : bool, default=False
        Whether errors of different columns go together.
    """

    offset: Tensor
    edges: Tensor
    log_var: Tensor
    quantiles: Tensor
    root: Tensor | None

    def __init__(self, n_groups: int, offset: Tensor, correlated: bool = False):
        super().__init__()
        self.n_groups = n_groups
        self.register_buffer("offset", offset)
        # The Cholesky root of the correlation.
        root = torch.eye(len(offset), device="cpu") if correlated else None
        self.register_buffer("root", root)
        self.register_buffer("edges", torch.zeros(n_groups, 0, device="cpu"))
        self.register_buffer("log_var", torch.zeros(n_groups, 1, device="cpu"))
        self.register_buffer("quantiles", torch.zeros(n_groups, 1, 2, device="cpu"))

    def fit(self, mean: Tensor, error: Tensor) -> None:
        """Learn from (n, n_features) means and errors; those of one group may have any shape."""
        mean, error = self._grouped(mean), self._grouped(error)
        n_bins = max(1, min(64, mean.shape[1] // ERRORS_PER_BIN))
        inner = torch.linspace(0, 1, n_bins + 1, device=mean.device)[1:-1]
        self.edges = _quantiles(mean, inner)
        index = self._bins(mean)
        level = torch.linspace(0, 1, N_QUANTILES, device=mean.device)
        overall = error.square().mean(1)
        log_var = error.new_empty(self.n_groups, n_bins)
        quantiles = error.new_empty(self.n_groups, n_bins, N_QUANTILES)
        for group in range(self.n_groups):
            for number in range(n_bins):
                mine = error[group, index[group] == number]
                # Equal means may leave a bin with few errors, or none: the mean square of all
                # errors counts as one more error.
                total = mine.square().sum() + overall[group]
                log_var[group, number] = (total / (len(mine) + 1)).log()
                mine = error[group] if len(mine) < 10 else mine
                quantiles[group, number] = _quantiles(mine[None], level)[0]
        self.log_var = log_var.clamp(min=SMALLEST_LOG_VARIANCE)
        self.quantiles = quantiles

    def learn(
        self, errors_of: Callable[[Any], tuple[Tensor, Tensor]], shown: Any, every: Any
    ) -> None:
        """Learn the sizes of errors from the rows ``shown``, and their correlation from ``every``.

        The function gives means and errors, as `fit` takes them, of such rows.
        """
        errors = errors_of(shown)
        self.fit(*errors)
        if self.root is not None:
            self.fit_correlation(*(errors if every is shown else errors_of(every)))

    def fit_correlation(self, mean: Tensor, error: Tensor) -> None:
        """Learn the correlation of the errors of columns, from means and errors as in `fit`."""
        if len(mean) < 2:
            return
        scale = torch.exp(0.5 * self.log_variance(mean - self.offset))
        # A single large error must not determine the correlation.
        score = (error / scale).clamp(-4.0, 4.0)
        covariance = torch.from_numpy(_shrunk_covariance(score.cpu().double().numpy()))
        deviation = covariance.diagonal().clamp(min=SMALLEST_SHARE).sqrt()
        correlation = covariance / deviation / deviation[:, None]
        own = SMALLEST_SHARE * torch.eye(len(correlation), dtype=correlation.dtype)
        correlation = (1 - SMALLEST_SHARE) * correlation + own
        self.root = torch.linalg.cholesky(correlation).to(self.root)

    def _bins(self, mean: Tensor) -> Tensor:
        return torch.searchsorted(self.edges.contiguous(), mean.contiguous())

    def _grouped(self, mean: Tensor) -> Tensor:
        """Turn (n, n_features) to (n_groups, values)."""
        return mean.T if self.n_groups > 1 else mean.reshape(1, -1)

    def _back(self, values: Tensor, like: Tensor) -> Tensor:
        return values.T if self.n_groups > 1 else values.reshape(like.shape)

    def log_variance(self, mean: Tensor) -> Tensor:
        """Return the log mean square of the error at each mean, of its shape."""
        index = self._bins(self._grouped(mean + self.offset))
        return self._back(self.log_var.gather(1, index), mean)

    def uniforms(self, noise: Any, like: Tensor) -> Tensor:
        """Draw the numbers that `draw` takes, each uniform on (0, 1)."""
        if self.root is None:
            return noise.uniforms(like)
        return torch.special.ndtr(noise.normal(like) @ self.root.T)

    def loss(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return -log p of each entry given those before it, if normal, in nats."""
        log_var = self.log_variance(mean)
        if self.root is None:
            return normal_loss(x, mean, log_var)
        score = (x - mean) * torch.exp(-0.5 * log_var)
        own = torch.linalg.solve_triangular(self.root, score.T, upper=False).T
        rest = 0.5 * log_var + self.root.diagonal().log()
        return normal_loss(own, torch.zeros_like(own), torch.zeros_like(own)) + rest

    def draw(self, mean: Tensor, uniform: Tensor) -> Tensor:
        """Return errors at given means: a uniform number picks one between two quantiles."""
        index = self._bins(self._grouped(mean + self.offset))
        place = self._grouped(uniform) * (self.quantiles.shape[2] - 1)
        low = place.floor().long().clamp(max=self.quantiles.shape[2] - 2)
        group = torch.arange(self.n_groups, device=mean.device)[:, None]
        left, right = (self.quantiles[group, index, low + step] for step in (0, 1))
        return self._back(torch.lerp(left, right, place - low), mean)


def _shrunk_covariance(rows: np.ndarray) -> np.ndarray:
    """Return a covariance: of few rows and many columns, shrunk as Ledoit and Wolf do."""
    n, d = rows.shape
    covariance = np.atleast_2d(np.cov(rows.T, bias=True))
    x = rows - rows.mean(0)
    squares = x**2
    variance = squares.sum(0) / n
    mean = variance.sum() / d
    # The distance of the covariance from a multiple of the identity, and the part of it that is due
    # to chance.
    size = (np.dot(x.T, x) ** 2).sum() / n**2
    distance = (size - 2 * mean * variance.sum() + d * mean**2) / d
    chance = 1 / (d * n) * (np.dot(squares.T, squares).sum() / n - size)
    share = 0 if min(chance, distance) == 0 else min(chance, distance) / distance
    return (1 - share) * covariance + share * np.trace(covariance) / d * np.eye(d)


def _quantiles(values: Tensor, levels: Tensor) -> Tensor:
    """Return quantiles of each row of values, (n_rows, n_levels); of any number of values."""
    ordered = values.sort(1).values
    place = levels * (values.shape[1] - 1)
    low = place.floor().long().clamp(max=max(0, values.shape[1] - 2))
    high = (low + 1).clamp(max=values.shape[1] - 1)
    return torch.lerp(ordered[:, low], ordered[:, high], (place - low).expand(len(values), -1))


def normal_loss(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """Return minus the log-density of a normal distribution at each entry, in nats."""
    squared = (x - mean).square() * torch.exp(-log_var)
    return 0.5 * (squared + log_var + math.log(2 * math.pi))


def log_probability(x: Tensor, mean: Tensor, scale: Tensor, edges: Tensor | None) -> Tensor:
    """Return the log-probability of the levels of x under a normal distribution rounded to them."""
    assert edges is not None
    index = torch.searchsorted(edges.contiguous(), x.T.contiguous()).T
    padded = F.pad(edges, (1, 0), value=-math.inf)
    padded = F.pad(padded, (0, 1), value=math.inf)
    columns = torch.arange(x.shape[1], device=x.device)
    low = (padded[columns, index] - mean) / scale
    high = (padded[columns, index + 1] - mean) / scale
    # In the lower tail, where the logarithm of the normal distribution is exact.
    flipped = low + high > 0
    low, high = torch.where(flipped, -high, low), torch.where(flipped, -low, high)
    floor = -1e4
    low, high = low.clamp(min=floor), high.clamp(max=-floor)
    top, bottom = torch.special.log_ndtr(high), torch.special.log_ndtr(low)
    return top + torch.log1p(-torch.exp((bottom - top).clamp(max=-1e-6)))
