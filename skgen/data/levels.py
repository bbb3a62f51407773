"""Data on a grid of levels, discrete or binary: the levels of each column, and their scores."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

MAX_LEVELS = 256


def _equal(values: np.ndarray, others: np.ndarray, eps: float) -> np.ndarray:
    """Return which values are equal up to a few roundings."""
    return np.abs(values - others) <= 4 * eps * np.abs(others)


def _nearest(X: np.ndarray, levels: list[np.ndarray]) -> np.ndarray:
    """Return rows with each entry at the nearest level of its column."""
    columns = []
    for x, grid in zip(X.T, levels, strict=True):
        grid = grid.astype(X.dtype)
        columns.append(grid[np.searchsorted((grid[1:] + grid[:-1]) / 2, x)])
    return np.stack(columns, 1)


def _grid(levels: Any) -> np.ndarray:
    """Return levels that a user gave, in order."""
    try:
        grid = np.unique(np.asarray(levels, dtype=np.float64))
    except (TypeError, ValueError):
        grid = np.zeros(0)
    if not np.isfinite(grid).all() or len(grid) < 2:
        raise ValueError(
            "likelihood= as an array gives the levels of the columns, two or more finite numbers; "
            f"got {levels!r}."
        )
    return grid


def likelihood_of(estimator: Any) -> tuple[str, Any]:
    """Return the likelihood of an estimator's data, and the levels that its user gave, or None.

    Data have densities, "gaussian", where an estimator has no parameter ``likelihood``. A diffusion
    of the bits of the data, ``autoencoder=None``, has no decoder whose likelihood could be chosen.
    """
    likelihood = getattr(estimator, "likelihood", "gaussian")
    if getattr(estimator, "autoencoder", likelihood) is None:
        return "bernoulli", None
    return (likelihood, None) if isinstance(likelihood, str) else ("discrete", likelihood)


class Levels:
    r"""Levels of each column: found or given in `fit`, checked, and restored in drawn rows.

    A row to be scored may have a level that no row of `fit` had. Of n rows in `fit`, a column
    keeps a share :math:`\epsilon = 1 / (n + 1)` of its probability for such levels, of which there
    may be K: the other one of a binary column, or up to 256. With :math:`p_0` the probabilities of
    the levels in `fit`, v one of them and u one that is none and nearest to v,

    .. math::

        p(v | \cdot) = (1 - \epsilon) \, p_0(v | \cdot), \qquad
        p(u | \cdot) = \frac{\epsilon}{K} \, p_0(v | \cdot),

    so that the probabilities of all levels sum to one at most. Where `fit` knew all levels, both of
    a binary column or those that were given, :math:`\epsilon` is 0. New rows have the levels of
    `fit`.

    Parameters
    ----------
    is_binary : bool
        Whether columns have two values each.

    Attributes
    ----------
    fitted, possible : list of ndarray
        The levels that each column had in `fit`, and those that it may have.
    n_rows : float
        Rows of `fit`; infinitely many where all levels were given.
    dtype : dtype
        Of the rows of `fit`.
    """

    def __init__(self, is_binary: bool):
        self.is_binary = is_binary

    def fit(self, X: np.ndarray, given: Any = None) -> "Levels":
        """Learn the levels from rows, or take those that are given for all discrete columns."""
        self.possible = self._find(X) if given is None else [_grid(given)] * X.shape[1]
        self.n_rows = len(X) if given is None else np.inf
        self.dtype = X.dtype
        # `extend` adds the levels that rows have in binary columns.
        self.fitted = [v[:0] for v in self.possible] if self.is_binary else self.possible
        return self

    def extend(self, X: np.ndarray) -> None:
        """Raise where an entry of training rows is at no level; add the levels of binary columns.

        A binary column may get its second value from a later piece.
        """
        self._refuse(X, ~self._are_at(X, self.possible))
        if self.is_binary:
            at = zip(_nearest(X, self.possible).T, self.fitted, strict=True)
            self.fitted = [np.union1d(levels, x).astype(np.float64) for x, levels in at]

    def nearest(self, X: np.ndarray) -> np.ndarray:
        """Return rows with each entry at the nearest possible level."""
        return _nearest(X, self.possible)

    def to_score(self, X: np.ndarray, read: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rows at the nearest levels of `fit`, and what to add to the score of each row.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Rows.
        read : ndarray of shape (n, n_features)
            Which entries count.
        """
        unseen = read & ~self._are_at(X, self.fitted)
        n_fitted, n_possible = (
            np.array([len(levels) for levels in part]) for part in (self.fitted, self.possible)
        )
        other = n_possible > n_fitted
        share = np.full(X.shape[1], 1 / (self.n_rows + 1))
        share[(n_fitted == 2) & self.is_binary] = 0.0
        closed = other | (share == 0)
        self._refuse(X, unseen & closed & ~self._are_at(X, self.possible))
        log_share = np.broadcast_to(np.log1p(-share), X.shape).copy()
        each = share / np.where(other, 1, MAX_LEVELS)
        log_share[unseen] = np.log(np.broadcast_to(each, X.shape)[unseen])
        return _nearest(X, self.fitted), (log_share * read).sum(1)

    def scaled(self, location: np.ndarray, scale: np.ndarray, drawn: bool = True) -> Tensor:
        """Return the levels of columns in scaled units, (n_features, n_levels), inf-padded.

        With ``drawn`` the levels of `fit`, otherwise all that decoded rows may have.
        """
        columns = self.fitted if drawn else self.possible
        grid = np.full((len(columns), max(map(len, columns))), np.inf)
        for j, levels in enumerate(columns):
            grid[j, : len(levels)] = (levels - location[j]) / scale[j]
        return torch.from_numpy(grid)

    def inverse(self, x: Tensor, location: np.ndarray, scale: np.ndarray, drawn: bool) -> Any:
        """Return the levels nearest to scaled rows, in the units of X."""
        columns = self.fitted if drawn else self.possible
        grid = self.scaled(location, scale, drawn)
        nearest = (x.double()[..., None] - grid).abs().argmin(-1).numpy()
        return np.stack([levels[nearest[:, j]] for j, levels in enumerate(columns)], 1)

    def _refuse(self, X: np.ndarray, wrong: np.ndarray) -> None:
        """Raise where an entry is marked as wrong."""
        if wrong.any():
            # The first column, and the first row in it.
            j, i = (int(place[0]) for place in np.nonzero(wrong.T))
            remedy = (
                "binary columns have those that X has in fit."
                if self.is_binary
                else "fit with an array of all levels as likelihood=, or with 'discrete' for those "
                "that X has."
            )
            raise ValueError(
                f"X[{i}, {j}] is {X[i, j]}, which is not among the levels of its column; {remedy}"
            )

    def _are_at(self, X: np.ndarray, levels: list[np.ndarray]) -> np.ndarray:
        """Return which entries are at a level of their column, up to rounding."""
        return _equal(X, _nearest(X, levels), self._rounding(X))

    def _rounding(self, X: np.ndarray) -> float:
        """Return the relative rounding error of X or of the rows of `fit`, the larger one."""
        return max(float(np.finfo(dtype).eps) for dtype in (X.dtype, self.dtype))

    def _find(self, X: np.ndarray) -> list[np.ndarray]:
        levels = [np.unique(column).astype(np.float64) for column in X.T]
        most = max(map(len, levels))
        if self.is_binary and most > 2:
            column = int(np.argmax([len(values) for values in levels]))
            raise ValueError(
                f"Binary data have two values a column, but column {column} of X has {most}, "
                f"{levels[column][:3].tolist()} among them; other data take another likelihood= "
                "and an autoencoder."
            )
        if self.is_binary:
            # If the whole table has two values, each column may have both.
            both = np.unique(np.concatenate(levels))
            both = np.array([0.0, 1.0]) if np.isin(both, [0, 1]).all() else both
            return [both] * len(levels) if len(both) == 2 else levels
        if most > MAX_LEVELS:
            raise ValueError(
                f"likelihood='discrete' is for data on a grid, but a column of X has {most} "
                f"values, more than {MAX_LEVELS}; use likelihood='gaussian'."
            )
        return levels
