"""Columns that are no vectors, as coordinates on a manifold, and back.

Latitude and longitude in degrees become a unit vector, a column of angles an angle in radians, any
other column its distance from the mean in units of its deviation. :class:`Charts` stands where a
:class:`~skgen.data.scaling.ColumnScaler` does in a row map. Densities on spheres and circles are
with respect to area and radians, so that nothing is added to their logarithm; that of a plain
column is in its own units, as everywhere.
"""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

Part = tuple[str, tuple[int, ...], float]
USAGE = (
    'geometry must be "euclidean", "sphere", "torus" or a list of ("sphere", [latitude, '
    'longitude]) and ("circle", [column], period)'
)


def is_flat(geometry: Any) -> bool:
    """Tell whether a geometry is the usual one."""
    return isinstance(geometry, str) and geometry == "euclidean"


def parts_of(geometry: Any, n_columns: int, names: Any) -> list[Part]:
    """Return the parts of a geometry: kind, numbers of columns and period.

    Parameters
    ----------
    geometry : str or list of tuple
        As the estimator has it.
    n_columns : int
        Columns of X.
    names : array-like of str or None
        Their names, where X has them.
    """
    if isinstance(geometry, str):
        if geometry == "torus":
            return [("circle", (j,), 360.0) for j in range(n_columns)]
        if n_columns != 2:
            raise ValueError(
                'geometry="sphere" takes two columns, latitude and longitude in degrees; X has '
                f'{n_columns}. [("sphere", [0, 1])] takes the first two for them, and the others '
                "as plain numbers."
            )
        return [("sphere", (0, 1), 360.0)]
    parts: list[Part] = []
    for entry in geometry:
        parts += _part(entry, n_columns, names)
    taken = [j for _, columns, _ in parts for j in columns]
    twice = next((j for j in taken if taken.count(j) > 1), None)
    if twice is not None:
        shown = twice if names is None else names[twice]
        raise ValueError(f"geometry names column {shown!r} twice; a column is in one part of it.")
    return parts + [("line", (j,), 0.0) for j in range(n_columns) if j not in taken]


def _part(entry: Any, n_columns: int, names: Any) -> list[Part]:
    """Return the parts that an entry of a geometry stands for."""
    entry = tuple(entry) if isinstance(entry, list | tuple) else (entry,)
    kind, columns = entry[0], entry[1] if len(entry) > 1 else ()
    period = entry[2] if len(entry) > 2 else 360
    n_least = {"sphere": 2, "circle": 1}.get(kind if isinstance(kind, str) else "", 0)
    is_list = isinstance(columns, list | tuple | np.ndarray)
    if not n_least or len(entry) > 2 + (kind == "circle") or not is_list or not len(columns):
        raise ValueError(f"{USAGE}; got the entry {entry!r}.")
    if kind == "sphere" and len(columns) != 2:
        raise ValueError(f"A sphere takes two columns, latitude and longitude; got {columns!r}.")
    if not isinstance(period, Real) or not 0 < float(period) < math.inf:
        raise ValueError(f"The period of a circle must be a number above 0, got {period!r}.")
    numbers = tuple(_number(column, n_columns, names) for column in columns)
    if kind == "sphere":
        return [("sphere", numbers, 360.0)]
    return [("circle", (number,), float(period)) for number in numbers]


def _number(column: Any, n_columns: int, names: Any) -> int:
    """Return the number of a column that is told by name or number."""
    if isinstance(column, Integral) and -n_columns <= int(column) < n_columns:
        return int(column) % n_columns
    known = [] if names is None else list(names)
    if column in known:
        return known.index(column)
    raise ValueError(
        f"geometry names the column {column!r}, and X has "
        f"{f'the columns {known}' if known else f'{n_columns} columns without names'}."
    )


class Charts:
    """Maps columns to coordinates on a manifold.

    Parameters
    ----------
    parts : list of tuple
        Kind, numbers of columns and period of each part.
    names : list of str or None
        Names of the columns, for messages.

    Attributes
    ----------
    location, scale : ndarray of shape (n_features,)
        Where the range of an angle or longitude begins, and mean and deviation of plain columns.
    """

    kind, on_grid, calibrates = "chart", False, False
    location: np.ndarray
    scale: np.ndarray

    def __init__(self, parts: list[Part], names: Any = None):
        self.parts = parts
        self.names = None if names is None else [str(name) for name in names]

    @property
    def kinds(self) -> list[str]:
        """The kind of each part."""
        return [kind for kind, _, _ in self.parts]

    def fit(self, X: np.ndarray) -> "Charts":
        """Learn the range that angles are drawn in, and the scales of plain columns."""
        X = X.astype(np.float64)
        self.location, self.scale = np.zeros(X.shape[1]), np.ones(X.shape[1])
        for kind, columns, period in self.parts:
            j = columns[-1]
            if kind == "line":
                std = X[:, j].std()
                self.location[j], self.scale[j] = X[:, j].mean(), std if std > 0 else 1.0
            elif X[:, j].min() < 0 or X[:, j].max() > period:
                self.location[j] = -period / 2
        return self

    def _check_latitudes(self, latitude: Tensor, j: int) -> None:
        wrong = (~(latitude.abs() <= 90)).nonzero()
        if len(wrong):
            row = int(wrong[0])
            column = j if self.names is None else self.names[j]
            raise ValueError(
                f"X has {float(latitude[row]):g} in row {row} of column {column!r}, which is no "
                "latitude: those are from -90 to 90 degrees. Look for exchanged columns, or leave "
                "the row out."
            )

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return coordinates, and what the map adds to the log-density of each row."""
        X, parts = X.double(), []
        log_slope = torch.zeros(len(X), dtype=torch.float64)
        for kind, columns, period in self.parts:
            x = X[:, list(columns)]
            if kind == "sphere":
                self._check_latitudes(x[:, 0], columns[0])
                latitude, longitude = torch.deg2rad(x).unbind(1)
                ring = latitude.cos()
                point = [ring * longitude.cos(), ring * longitude.sin(), latitude.sin()]
                parts.append(torch.stack(point, 1))
            elif kind == "circle":
                turns = torch.remainder(x / period + 0.5, 1.0) - 0.5
                parts.append(2 * math.pi * turns)
            else:
                j = columns[0]
                parts.append((x - self.location[j]) / self.scale[j])
                log_slope -= math.log(self.scale[j])
        return torch.cat(parts, 1), log_slope

    def inverse(self, Y: Tensor) -> Tensor:
        """Return the columns of coordinates."""
        Y, place = Y.double(), 0
        X = Y.new_empty(len(Y), len(self.location))
        for kind, columns, period in self.parts:
            width = 3 if kind == "sphere" else 1
            y = Y[:, place : place + width]
            place, j = place + width, columns[-1]
            if kind == "line":
                X[:, j] = y[:, 0] * self.scale[j] + self.location[j]
                continue
            if kind == "sphere":
                ring = y[:, :2].norm(dim=1)
                X[:, columns[0]] = torch.rad2deg(torch.atan2(y[:, 2], ring))
                angle = torch.atan2(y[:, 1], y[:, 0])
            else:
                angle = y[:, 0]
            value = period * angle / (2 * math.pi)
            X[:, j] = torch.remainder(value - self.location[j], period) + self.location[j]
        return X

    def snap(self, X: Tensor, Y: Tensor, drawn: bool = False) -> Tensor:
        """Return columns as they are: none is put on values that it repeats."""
        return X


def charts_of(estimator: Any, n_columns: int) -> Charts | None:
    """Return the charts of an estimator's geometry, None for plain columns."""
    geometry = getattr(estimator, "geometry", "euclidean")
    if is_flat(geometry):
        return None
    names = getattr(estimator, "feature_names_in_", None)
    return Charts(parts_of(geometry, n_columns, names), names)
