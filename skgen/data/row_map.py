r"""The map from a table to rows that a network reads, and back.

:class:`Data` holds X and what goes with its rows. :class:`RowMap` learns from
it how columns are scaled (:mod:`skgen.data.scaling`), which levels discrete columns have
(:mod:`skgen.data.levels`), whether rows are sequences of unequal length
(:mod:`skgen.data.sequences`), and how a condition becomes numbers (:mod:`skgen.data.conditions`).
Where columns are coordinates on a manifold, :mod:`skgen.data.charts` is in the place of scales.
The map takes data to :class:`Rows`, and rows that a network gives back to the units of X. Densities
carry over, :math:`\log p(X) = \log p(x) + \log |dx / dX|`.
"""

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skgen._compat import _num_samples, _safe_indexing
from skgen.data.charts import Charts
from skgen.data.checks import check_near
from skgen.data.conditions import ConditionEncoder
from skgen.data.levels import Levels
from skgen.data.scaling import ColumnScaler, share_unit
from skgen.data.sequences import Frames

# Distance between the two values of a column that has no others, in deviations of the others.
GAP = 4.0


def rows_of(values: Any, index: Any, n_rows: int, name: str) -> Any:
    """Return some rows of what goes with n_rows rows; a single value serves them all."""
    single = isinstance(values, str) or getattr(values, "ndim", 1) == 0
    if single or not hasattr(values, "__len__"):
        return values
    if _num_samples(values) != n_rows:
        raise ValueError(
            f"{name} has {_num_samples(values)} rows where {n_rows} are needed, one for each row."
        )
    return _safe_indexing(values, index)


@dataclass
class Data:
    """The arguments of a method: rows and what goes with them.

    Parameters
    ----------
    X : array-like of shape (n, n_features), or rows on disk
        Rows in their own units.
    condition : array-like of shape (n,) or (n, n_columns), default=None
        Their condition.
    lengths : array-like of shape (n,), default=None
        The number of frames of each row; the rest is padding.
    source : array-like of shape (n_source, n_features), default=None
        Rows that a bridge starts from.
    """

    X: Any
    condition: Any = None
    lengths: Any = None
    source: Any = None

    def beside(self, index: Any) -> "Data":
        """Return what goes with some rows, without the rows."""
        n = self.X.shape[0]
        condition = rows_of(self.condition, index, n, "condition")
        return Data(None, condition, rows_of(self.lengths, index, n, "lengths"))


@dataclass
class Rows:
    """Rows as a network reads them, on the CPU, and what goes with them.

    Parameters
    ----------
    x : Tensor of shape (n, n_columns)
        Scaled rows; with lengths, each frame has a further column that is 1 where it is present and
        -1 in the padding.
    condition : Tensor of shape (n, n_condition) or None
        Their encoded condition.
    log_slope : Tensor of shape (n,) or None
        What the map adds to the log-density of x.
    observed : Tensor of shape (n, n_columns) or None
        Which entries are observed, if some are missing; x has the centre of the column in the
        others.
    source : Tensor of shape (n_source, n_columns) or None
        Scaled rows that a bridge starts from.
    values : ndarray of shape (n, n_features) or None
        The rows of X that x was made of.
    """

    x: Tensor
    condition: Tensor | None = None
    log_slope: Any = None
    observed: Any = None
    source: Tensor | None = None
    values: Any = None

    @property
    def n_condition(self) -> int:
        """Columns of the encoded condition, 0 for none."""
        return 0 if self.condition is None else self.condition.shape[1]

    def single(self, index: Any) -> "Rows":
        """Return the rows of given numbers, in single precision, for training."""
        condition = None if self.condition is None else self.condition[index].float()
        source = None if self.source is None else self.source.float()
        return Rows(self.x[index].float(), condition, source=source)

    def batch(self, device: torch.device | str) -> dict[str, Tensor]:
        """Return the arguments of a loss, by name, on a device."""
        parts = {"x": self.x, "condition": self.condition}
        return {name: part.to(device) for name, part in parts.items() if part is not None}


class RowMap:
    """The map between data and rows, learnt in `fit`.

    Parameters
    ----------
    scaling : {"auto", "standard", "common", "quantile"}
        How columns are scaled.
    input_shape : tuple of int or None
        The layout of a row, (channels, height, width) or (length, channels).
    likelihood : {"gaussian", "discrete", "bernoulli"}, default="gaussian"
        Whether scores are densities or probabilities of levels.
    needs_condition : bool, default=False
        Whether a model that was fitted with a condition always needs one.
    charts : Charts or None
        The map of columns that are coordinates on a manifold.

    Attributes
    ----------
    scaler : ColumnScaler or Charts
        The scales of the columns, or what is in their place.
    levels : Levels or None
        The levels of discrete and binary columns.
    frames : Frames or None
        The mask of the frames, for rows with lengths.
    condition_encoder : ConditionEncoder or None
        The encoder of conditions.
    has_source : bool
        Whether the fit had a source of rows.
    dtype : dtype
        Of the rows of the last fit.
    """

    scaler: Any
    dtype: Any

    def __init__(
        self,
        scaling: str,
        input_shape: Any,
        likelihood: str = "gaussian",
        needs_condition: bool = False,
        charts: Charts | None = None,
    ):
        self.charts = charts
        self.scaling, self.likelihood = scaling, likelihood
        self.input_shape = None if input_shape is None else tuple(int(s) for s in input_shape)
        self.needs_condition = needs_condition
        self.levels: Levels | None = None
        self.frames: Frames | None = None
        self.condition_encoder: ConditionEncoder | None = None
        self.has_source = False

    # Learning.

    def fit(self, data: Data, levels: Any = None) -> Data:
        """Learn all but the condition from checked rows; return the rows to train on.

        Parameters
        ----------
        data : Data
            The rows, or a part of them.
        levels : array-like of shape (n_levels,), default=None
            The levels of discrete columns; None takes those of the rows.
        """
        if self.likelihood != "gaussian":
            self.levels = Levels(self.likelihood == "bernoulli").fit(data.X, levels)
        if data.lengths is not None:
            self.frames = Frames(self.input_shape)
        self.has_source = data.source is not None
        data = self.check(data)
        self.scaler = self._fit_scaler(data)
        return data

    def fit_condition(self, condition: Any, n_rows: int) -> None:
        """Learn the labels or scales of the condition of n_rows rows, if there is one."""
        if condition is not None:
            self.condition_encoder = ConditionEncoder().fit(condition, n_rows)

    def copy(self) -> "RowMap":
        """Return a copy whose levels and thresholds can be extended without changing this map."""
        copied = copy.copy(self)
        copied.levels = copy.copy(self.levels)
        return copied

    def check(self, data: Data) -> Data:
        """Raise for rows that cannot be learnt from; return them as they are."""
        if self.levels is not None:
            self.levels.extend(data.X)
        if data.source is not None and not self.has_source:
            raise ValueError("The model was fitted from a normal source; it cannot take rows now.")
        return self._filled(data)

    def _fit_scaler(self, data: Data) -> ColumnScaler | Charts:
        """Choose the scales: the reasons for each kind are at the head of `skgen.data.scaling`."""
        if self.charts is not None:
            return self.charts.fit(data.X)
        if self.levels is not None and self.levels.is_binary:
            columns = self.levels.possible
            low, high = (np.array([pick(column) for column in columns]) for pick in (min, max))
            return ColumnScaler(self.scaling).fit_levels(low, high)
        X = data.X
        if data.source is not None:
            # Both ends of a bridge in one scale, so that distances between them mean something.
            X = np.concatenate([X, data.source])
        kind = self.scaling
        if kind == "auto":
            kind = "common" if self.input_shape is not None or share_unit(X) else "auto"
        if self.likelihood == "discrete" and kind != "common":
            # Levels are mapped by location and scale alone, without a spline.
            kind = "standard"
        if self.frames is not None and kind == "quantile":
            # So are frames: `Frames.forward` knows the slopes of scales, and none of splines.
            kind = "common"
        apart = self.scaling == "auto" and self.input_shape is None
        return ColumnScaler(kind, GAP if apart else 0.0).fit(X)

    @property
    def calibrates(self) -> bool:
        """Whether thresholds between repeated values are to be learnt from draws of the model.

        Not for discrete data, and not for sequences of unequal length.
        """
        return self.levels is None and self.frames is None and self.scaler.calibrates

    def calibrate(self, x: Tensor) -> None:
        """Learn the thresholds between repeated values from rows that a model drew."""
        self.scaler = copy.copy(self.scaler).calibrate(x)

    # To rows.

    def encode(self, condition: Any, n_rows: int) -> Tensor | None:
        """Return the encoded condition of n_rows rows, or None."""
        if self.condition_encoder is None:
            if condition is not None:
                raise ValueError(
                    "condition was given, but the model was fitted without one; "
                    "fit it with condition=."
                )
            return None
        if condition is None:
            if self.needs_condition:
                raise ValueError(
                    "The model was fitted with a condition and condition_dropout=0, so it needs a "
                    "condition here too; it answers without one after condition_dropout=0.1."
                )
            return None
        return torch.from_numpy(self.condition_encoder.transform(condition, n_rows))

    def forward(self, data: Data) -> Rows:
        """Map checked data to rows; NaN marks a missing entry."""
        condition = self.encode(data.condition, len(data.X))
        X, observed = data.X, None
        missing = np.isnan(X)
        if missing.any():
            # A missing entry is at its column's centre until it is drawn.
            X = np.where(missing, self.scaler.location, X.astype(np.float64))
            observed = torch.from_numpy(~missing)
            observed = observed if self.frames is None else self.frames.extended(observed, True)
        x, log_slope = self.scaled(X, data.lengths)
        source = None
        if data.source is not None:
            source = self.scaler.forward(_tensor(data.source))[0]
        return Rows(x, condition, log_slope, observed, source, data.X)

    def to_score(self, data: Data) -> Rows:
        """Map checked data to rows to be scored."""
        X, mask, log_share = data.X, self._mask(data), None
        if self.levels is not None:
            read = np.ones(X.shape, bool)
            if mask is not None:
                read = np.repeat(mask, X.shape[1] // mask.shape[1], 1)
            X, log_share = self.levels.to_score(X, read)
        if self.frames is not None and mask is not None:
            # The noise of a row is made from a hash of its values, without those of the padding.
            X = self.frames.cut(X, mask)
        rows = self.forward(replace(data, X=X))
        # A probability does not change with the unit.
        return rows if log_share is None else replace(rows, log_slope=torch.from_numpy(log_share))

    def scaled(self, X: np.ndarray, lengths: Any = None) -> tuple[Tensor, Tensor]:
        """Return scaled rows, and the log-derivatives of the scaling, summed over each row."""
        X = X if self.levels is None else self.levels.nearest(X)
        x, log_slope = self.scaler.forward(_tensor(X))
        check_near(X, x)
        mask = self._mask(Data(X, lengths=lengths))
        if mask is None or self.frames is None:
            return x, log_slope
        return self.frames.forward(x, mask, np.log(self.scaler.scale))

    def _mask(self, data: Data) -> np.ndarray | None:
        """Return the mask of the frames of each row, (n, length), or None without lengths."""
        if self.frames is not None:
            return self.frames.mask(data.lengths, len(data.X))
        if data.lengths is not None:
            raise ValueError(
                "lengths was given, but the model was fitted without; fit it with lengths=."
            )
        return None

    def _filled(self, data: Data) -> Data:
        mask = self._mask(data)
        if mask is None or self.frames is None:
            return data
        return replace(data, X=self.frames.filled(data.X, mask))

    # Back to data.

    def inverse(self, x: Tensor, drawn: bool = False) -> np.ndarray:
        """Map scaled rows, drawn by a model or carried by it, back to the units of X."""
        lengths = None
        if self.frames is not None:
            x, lengths = self.frames.split(x)
        if self.levels is None:
            Y = x.double()
            X = self.scaler.snap(self.scaler.inverse(Y), Y, drawn).numpy()
        else:
            X = self.levels.inverse(x, self.scaler.location, self.scaler.scale, drawn)
        if self.frames is None or lengths is None:
            return X
        return self.frames.cut(X, np.arange(self.frames.longest) < lengths.numpy()[:, None])

    # What networks are built from.

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The layout of scaled rows, with the channel that holds the mask of the frames."""
        if self.frames is None or self.input_shape is None:
            return self.input_shape
        return (self.input_shape[0], self.input_shape[1] + 1)

    @property
    def columns_alike(self) -> bool:
        """Whether statistics of all columns may be pooled, as those of pixels are."""
        laid_out = self.input_shape is not None
        alike = self.scaler.kind == "common" and (laid_out or self.scaler.on_grid)
        return self.frames is not None or alike

    def offset(self) -> Tensor:
        """Return the centres of the columns in units of their scales, (n_columns,)."""
        offset = torch.from_numpy(self.scaler.location / self.scaler.scale).float()
        return offset if self.frames is None else self.frames.extended(offset, 0)

    def scaled_levels(self) -> Tensor | None:
        """Return the levels of `fit` in scaled units, (n_features, n_levels), inf-padded."""
        if self.levels is None:
            return None
        return self.levels.scaled(self.scaler.location, self.scaler.scale)

    def edges(self) -> Tensor | None:
        """Return the thresholds between levels of discrete columns, in scaled units, inf-padded."""
        levels = self.scaled_levels()
        if levels is None or self.likelihood != "discrete":
            return None
        edges = ((levels[:, 1:] + levels[:, :-1]) / 2).float()
        return (
            edges if self.frames is None else self.frames.extended(edges.T, np.inf).T.contiguous()
        )


def _tensor(X: np.ndarray) -> Tensor:
    # A copy: the memory of a frame may be read-only, which torch does not support.
    return torch.from_numpy(np.array(X, dtype=np.float64))
