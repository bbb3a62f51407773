"""Data on a grid of levels: what the estimators that take discrete or binary data share."""

import numpy as np
import torch

from skgen.data.scaling import ColumnScaler

MAX_LEVELS = 256
# Levels of so many decimals are a grid; with more they can be any numbers.
MOST_DECIMALS = 6


def _equal(values: np.ndarray, others: np.ndarray, eps: float) -> np.ndarray:
    """Return which values are equal up to a few roundings."""
    return np.abs(values - others) <= 4 * eps * np.abs(others)


def _has_decimals(values: np.ndarray, decimals: int, eps: float) -> np.ndarray:
    """Return which values have so many decimals at most, up to rounding."""
    return _equal(values, np.round(values, decimals), eps)


def _nearest(X: np.ndarray, levels: list[np.ndarray]) -> np.ndarray:
    """Return rows with each entry at the nearest level of its column."""
    columns = []
    for x, grid in zip(X.T, levels, strict=True):
        grid = grid.astype(X.dtype)
        columns.append(grid[np.searchsorted((grid[1:] + grid[:-1]) / 2, x)])
    return np.stack(columns, 1)


class LevelsMixin:
    r"""Levels of each column: found in `fit`, checked, and the nearest taken in samples.

    A row to be scored may have a level that no row of `fit` had. Of n rows in `fit`, a column
    keeps a share :math:`\epsilon = 1 / (n + 1)` of its probability for such levels, of which there
    may be K: the other one of a binary column, or up to 256. With :math:`p_0` the probabilities of
    the levels in `fit`, v one of them and u one that is none and nearest to v,

    .. math::

        p(v | \cdot) = (1 - \epsilon) \, p_0(v | \cdot), \qquad
        p(u | \cdot) = \frac{\epsilon}{K} \, p_0(v | \cdot),

    so that the probabilities of all levels sum to one at most. Where `fit` knew all levels, both of
    a binary column or those given as ``levels``, :math:`\epsilon` is 0. New rows have the levels
    of `fit`.

    Expects ``likelihood``, ``levels``, ``scaling`` and ``scaler_`` of the estimator.
    """

    @property
    def _likelihood(self):
        """The distribution of the data: "gaussian" has no levels, the others have."""
        return self.likelihood

    def _check_values(self, X, reset):
        if self._likelihood == "gaussian":
            return
        binary = self._likelihood == "bernoulli"
        if reset:
            self._possible_levels = self._find_levels(X)
            self._n_level_rows = len(X) if binary or self.levels is None else np.inf
            # Of binary columns those that rows have are looked for below.
            self._levels = [v[:0] for v in self._possible] if binary else self._possible
        self._refuse(X, ~self._are_at(X, self._possible))
        if binary:
            at = zip(_nearest(X, self._possible).T, self._levels, strict=True)
            self._levels = [np.union1d(levels, x).astype(np.float64) for x, levels in at]

    @property
    def _possible(self):
        """The levels that each column may have, which a file of an earlier version lacks."""
        return self.__dict__.get("_possible_levels") or self._levels

    def _refuse(self, X, wrong):
        """Raise where an entry is marked as wrong."""
        if wrong.any():
            # The first column, and the first row in it.
            j, i = (int(place[0]) for place in np.nonzero(wrong.T))
            raise ValueError(
                f"X[{i}, {j}] is {X[i, j]}, which is not among the levels of its column; give all "
                "levels as levels=, or leave it None in fit to take those that X has."
            )

    def _are_at(self, X, levels):
        """Return which entries are at a level of their column, up to rounding."""
        return _equal(X, _nearest(X, levels), self._rounding(X))

    def _rounding(self, X):
        """Return the relative rounding error of X or of the rows of `fit`, the larger one."""
        dtypes = X.dtype, getattr(self, "_fit_dtype", X.dtype)
        return max(float(np.finfo(dtype).eps) for dtype in dtypes)

    def _to_score(self, X, **given):
        if self._likelihood == "gaussian":
            return super()._to_score(X, **given)
        read = self._read(X, **given)
        unseen = read & ~self._are_at(X, self._levels)
        n_seen, n_possible = (
            np.array([len(levels) for levels in part]) for part in (self._levels, self._possible)
        )
        other = n_possible > n_seen
        share = np.full(X.shape[1], 1 / (getattr(self, "_n_level_rows", np.inf) + 1))
        share[(n_seen == 2) & (self._likelihood == "bernoulli")] = 0.0
        closed = other | (share == 0)
        self._refuse(X, unseen & closed & ~self._are_at(X, self._possible))
        self._check_decimals(X, unseen & ~closed)
        log_share = np.broadcast_to(np.log1p(-share), X.shape).copy()
        each = share / np.where(other, 1, MAX_LEVELS)
        log_share[unseen] = np.log(np.broadcast_to(each, X.shape)[unseen])
        rows, more = super()._to_score(_nearest(X, self._levels), **given)
        return rows, more + (log_share * read).sum(1)

    def _read(self, X, **given):
        """Return which entries of rows are read at all."""
        return np.ones(X.shape, bool)

    def _check_decimals(self, X, unseen):
        """Raise where a new level has more decimals than those of `fit`: it is off their grid."""
        if not unseen.any():
            return
        values, eps = np.concatenate(self._levels), self._rounding(X)
        numbers = range(MOST_DECIMALS + 1)
        decimals = next((d for d in numbers if _has_decimals(values, d, eps).all()), None)
        off = np.argwhere(unseen & ~_has_decimals(X, decimals, eps)) if decimals is not None else []
        if len(off):
            i, j = off[0]
            raise ValueError(
                f"X[{i}, {j}] is {X[i, j]}, which is off the grid of the data: the levels of fit "
                f"have {decimals} decimals at most. Round it, or give all levels to fit as levels=."
            )

    def _scaled(self, X, **given):
        X = X if self._likelihood == "gaussian" else _nearest(X, self._possible)
        return super()._scaled(X, **given)

    def _find_levels(self, X):
        if self.levels is not None:
            grid = np.unique(np.asarray(self.levels, dtype=np.float64))
            if not np.isfinite(grid).all() or len(grid) < 2:
                raise ValueError(f"levels must be two or more finite numbers, got {self.levels!r}.")
            if self._likelihood == "bernoulli" and len(grid) > 2:
                raise ValueError(f"Binary data have two levels, got levels={self.levels!r}.")
            return [grid] * X.shape[1]
        levels = [np.unique(column).astype(np.float64) for column in X.T]
        most = max(map(len, levels))
        if self._likelihood == "bernoulli" and most > 2:
            column = int(np.argmax([len(values) for values in levels]))
            raise ValueError(
                f"Binary data have two values a column, but column {column} of X has {most}, "
                f"{levels[column][:3].tolist()} among them; other data take another likelihood= "
                "and an autoencoder."
            )
        if self._likelihood == "bernoulli":
            # A table of zeros and ones, or of any two values, may have both in each column.
            both = np.unique(np.concatenate(levels))
            both = np.array([0.0, 1.0]) if np.isin(both, [0, 1]).all() else both
            return [both] * len(levels) if len(both) == 2 else levels
        if most > MAX_LEVELS:
            raise ValueError(
                f"likelihood='discrete' is for data on a grid, but a column of X has {most} "
                f"values, more than {MAX_LEVELS}; use likelihood='gaussian'."
            )
        return levels

    def _scaling_kind(self, X):
        kind = super()._scaling_kind(X)
        return kind if self._likelihood != "discrete" or kind == "common" else "standard"

    @property
    def _columns_alike(self):
        """Whether statistics of all columns may be pooled, as of pixels."""
        laid_out = self.input_shape is not None
        return self.scaler_.kind == "common" and (laid_out or self.scaler_.on_grid)

    def _fit_scaler(self, X):
        if self._likelihood != "bernoulli":
            return super()._fit_scaler(X)
        low, high = (np.array([pick(levels) for levels in self._possible]) for pick in (min, max))
        return ColumnScaler(self.scaling).fit_levels(low, high)

    def _edges(self):
        """Return the thresholds between levels of each column, in scaled units, inf-padded."""
        levels = self._scaled_levels(self._levels)
        return ((levels[:, 1:] + levels[:, :-1]) / 2).float()

    def _scaled_levels(self, columns):
        """Return the levels of columns in scaled units, (n_features, n_levels), inf-padded."""
        grid = np.full((len(columns), max(map(len, columns))), np.inf)
        for j, levels in enumerate(columns):
            grid[j, : len(levels)] = (levels - self.scaler_.location[j]) / self.scaler_.scale[j]
        return torch.from_numpy(grid)

    @property
    def _draws_blurred(self):
        return self._likelihood == "gaussian"

    def _to_data(self, rows, drawn=False):
        if self._likelihood == "gaussian":
            return super()._to_data(rows, drawn)
        # New rows have levels of `fit`; rows that are decoded may have any.
        columns = self._levels if drawn else self._possible
        nearest = (rows.double()[..., None] - self._scaled_levels(columns)).abs().argmin(-1).numpy()
        return np.stack([levels[nearest[:, j]] for j, levels in enumerate(columns)], 1)

    def _log_volume(self, log_slope):
        # A probability does not change with the unit.
        return log_slope if self._likelihood == "gaussian" else torch.zeros_like(log_slope)
