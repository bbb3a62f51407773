"""Data on a grid of levels: what the estimators that take discrete or binary data share."""

import numpy as np
import torch

from skgen.scaling import ColumnScaler

MAX_LEVELS = 256


class LevelsMixin:
    """Levels of each column: found in `fit`, checked, and the nearest taken in samples.

    Expects ``likelihood``, ``levels``, ``scaling`` and ``scaler_`` of the estimator.
    """

    @property
    def _likelihood(self):
        """What the data are: "gaussian" is anything, the others live on levels."""
        return self.likelihood

    def _check_values(self, X, reset):
        if self._likelihood == "gaussian":
            return
        if reset:
            self._levels = self._find_levels(X)
        for j, levels in enumerate(self._levels):
            off = np.flatnonzero(~np.isin(X[:, j], levels.astype(X.dtype)))
            if len(off):
                raise ValueError(
                    f"X[{off[0]}, {j}] is {X[off[0], j]}, which is not among the levels of its "
                    "column; give all levels as levels=, or leave it None in fit "
                    "to take those that X has."
                )

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
        """Whether what is learnt of one column may be told of another, as of pixels."""
        laid_out = self.input_shape is not None
        return self.scaler_.kind == "common" and (laid_out or self.scaler_.on_grid)

    def _fit_scaler(self, X):
        if self._likelihood != "bernoulli":
            return super()._fit_scaler(X)
        low, high = (np.array([pick(levels) for levels in self._levels]) for pick in (min, max))
        return ColumnScaler(self.scaling).fit_levels(low, high)

    def _edges(self):
        """Return what parts the levels of each column, in scaled units, inf-padded."""
        levels = self._scaled_levels()
        return ((levels[:, 1:] + levels[:, :-1]) / 2).float()

    def _scaled_levels(self):
        """Return the grid of each column in scaled units, (n_features, n_levels), inf-padded."""
        grid = np.full((len(self._levels), max(map(len, self._levels))), np.inf)
        for j, levels in enumerate(self._levels):
            grid[j, : len(levels)] = (levels - self.scaler_.location[j]) / self.scaler_.scale[j]
        return torch.from_numpy(grid)

    @property
    def _draws_blurred(self):
        return self._likelihood == "gaussian"

    def _to_data(self, rows, drawn=False):
        if self._likelihood == "gaussian":
            return super()._to_data(rows, drawn)
        nearest = (rows.double()[..., None] - self._scaled_levels()).abs().argmin(-1).numpy()
        columns = [levels[nearest[:, j]] for j, levels in enumerate(self._levels)]
        return np.stack(columns, 1)

    def _log_volume(self, log_slope):
        # A probability does not change with the unit.
        return log_slope if self._likelihood == "gaussian" else torch.zeros_like(log_slope)
