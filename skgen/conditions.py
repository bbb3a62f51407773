"""Conditions, labels or real vectors, as numbers a network can read."""

import datetime
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from skgen.entries import is_number


def _columns(condition: Any) -> tuple[list[Any], list[np.ndarray]]:
    """Split a condition into named columns, whatever it came as."""
    if hasattr(condition, "columns"):
        names = [str(name) for name in condition.columns]
        columns = [condition[name] for name in condition.columns]
        # Numbers that someone has made categories of are labels.
        return names, [
            np.asarray(column.astype(object)) if _is_category(column) else _plain(column)
            for column in columns
        ]
    if hasattr(condition, "toarray"):
        raise TypeError("condition is sparse, but must be dense: give condition.toarray().")
    values = np.asarray(condition)
    if values.dtype.kind == "U" and not isinstance(condition, np.ndarray):
        # NumPy turns the missing value in ["a", nan] into a label.
        values = np.asarray(condition, dtype=object)
    if values.ndim == 0:
        values = values[None]
    if values.ndim == 1:
        category = _is_category(condition)
        return [None], [values if category else _plain(values)]
    if values.ndim == 2:
        return [None] * values.shape[1], list(map(_plain, values.T))
    raise ValueError(
        f"condition must have one dimension (labels) or two (columns), got shape {values.shape}."
    )


def _is_category(column: Any) -> bool:
    return isinstance(getattr(column, "dtype", None), pd.CategoricalDtype)


def _plain(column: Any) -> np.ndarray:
    """Return a column as an array, objects that are all numbers as such."""
    values = np.asarray(column)
    if values.dtype.kind != "O" or not all(is_number(type(value)) for value in values):
        return values
    whole = all(isinstance(value, int | np.integer) for value in values)
    with suppress(OverflowError):
        return np.array([int(v) if whole else float(v) for v in values], int if whole else float)
    return values


def _time_of(column: np.ndarray) -> str | None:
    """Return what kind of times a column is of, if of any."""
    for name, dtype, kinds in (
        ("Timestamp", "M", datetime.date | np.datetime64),
        ("Timedelta", "m", datetime.timedelta | np.timedelta64),
    ):
        if column.dtype.kind == dtype:
            return name
        if column.dtype.kind == "O" and all(isinstance(value, kinds) for value in column):
            return name if len(column) else None
    return None


def _time_texts(column: np.ndarray, time: str | None) -> np.ndarray:
    """Return times as texts, the same for the same time whatever type it has: labels to know."""
    if time is None or pd.isna(column).any():
        return column
    texts = []
    for value in column:
        try:
            moment = getattr(pd, time)(value)
        except (TypeError, ValueError):
            # An unknown label, and told as one.
            texts.append(str(value))
            continue
        if getattr(moment, "tzinfo", None) is not None:
            moment = moment.tz_convert("UTC")
        text = moment.isoformat(" ") if time == "Timestamp" else str(moment)
        texts.append(text.removesuffix(" 00:00:00") if time == "Timestamp" else text)
    return np.array(texts, dtype=str)


class ConditionEncoder:
    """Encode conditions as rows of floats: labels one-hot, numbers standardised.

    Of K labels, one-hot marks are the root of K, so that their mean square is that of numbers.
    A one-dimensional condition is labels, of any type, unless it holds fractions. In two
    dimensions, be it one column, numbers are numbers, whole or not, and all else is labels, such as
    strings, booleans and categories. Dates, moments and durations are labels, known again as what
    they stand for, be they given as ``pd.Timestamp``, ``np.datetime64``, ``datetime`` or text.

    Attributes
    ----------
    n_out : int
        Columns of an encoded condition.
    """

    def fit(self, condition: Any, n_rows: int) -> "ConditionEncoder":
        """Learn the columns, their labels and scales, from the condition of n_rows rows."""
        self.names, columns = _columns(condition)
        self.times = [_time_of(column) for column in columns]
        columns = list(map(_time_texts, columns, self.times))
        flat = not hasattr(condition, "columns") and np.ndim(condition) < 2
        self.labels: list[np.ndarray | None] = []
        self.moments: list[tuple[float, float]] = []
        for column in columns:
            self._check_length(column, n_rows)
            self._check_present(column)
            numeric = column.dtype.kind in "fiu"
            if numeric and flat:
                numeric = not np.array_equal(column, np.round(column))
            self.labels.append(None if numeric else np.unique(column.astype(self._kind(column))))
            scale = float(np.std(column.astype(float))) if numeric else 1.0
            self.moments.append((float(np.mean(column)), scale or 1.0) if numeric else (0.0, 1.0))
        self.n_out = sum(1 if labels is None else len(labels) for labels in self.labels)
        return self

    @staticmethod
    def _kind(column: np.ndarray) -> type:
        return str if column.dtype.kind in "OUSTb" else float

    @staticmethod
    def _check_present(column: np.ndarray) -> None:
        missing = np.flatnonzero(pd.isna(column))
        if len(missing):
            raise ValueError(
                f"condition has a missing value in row {missing[0]}; every row needs one "
                "(give unknown labels a name of their own)."
            )
        if column.dtype.kind == "c":
            raise ValueError(
                "condition holds complex numbers; give real and imaginary parts as two columns."
            )
        if column.dtype.kind == "f" and np.isinf(column).any():
            row = int(np.flatnonzero(np.isinf(column))[0])
            raise ValueError(f"condition is {column[row]} in row {row}; numbers must be finite.")

    @staticmethod
    def _check_length(column: np.ndarray, n_rows: int) -> None:
        if len(column) != n_rows:
            raise ValueError(
                f"condition has {len(column)} rows where {n_rows} are needed, one for each row."
            )

    def transform(self, condition: Any, n_rows: int) -> np.ndarray:
        """Encode the condition of n_rows rows; a single value serves them all."""
        if isinstance(condition, str) or np.ndim(condition) == 0:
            condition = np.repeat(np.asarray(condition), n_rows)
        names, columns = _columns(condition)
        if hasattr(condition, "columns") and any(name is not None for name in self.names):
            absent = [name for name in self.names if name not in names]
            if absent:
                raise ValueError(
                    f"condition lacks the column(s) {absent} seen in fit; it has {names}."
                )
            columns = [columns[names.index(name)] for name in self.names]
        if len(columns) != len(self.names):
            raise ValueError(
                f"condition has {len(columns)} column(s), but fit saw {len(self.names)}."
            )
        # A file of an earlier version does not know of times.
        columns = list(map(_time_texts, columns, getattr(self, "times", [None] * len(columns))))
        parts = []
        for column, labels, moments in zip(columns, self.labels, self.moments, strict=True):
            self._check_length(column, n_rows)
            self._check_present(column)
            if labels is None:
                mean, scale = moments
                try:
                    part = (np.asarray(column, dtype=np.float64)[:, None] - mean) / scale
                except (TypeError, ValueError):
                    raise ValueError(
                        "condition was numbers in fit, but now holds "
                        f"{column.tolist()[0]!r}, which is not a number."
                    ) from None
            else:
                part = self._marks(column, labels)
            parts.append(part)
        return np.concatenate(parts, 1)

    def _marks(self, column: np.ndarray, labels: np.ndarray) -> np.ndarray:
        # What cannot be turned into the labels' type is reported below, as an unknown label.
        with suppress(TypeError, ValueError):
            column = column.astype(labels.dtype.type if labels.dtype.kind == "f" else str)
        unknown = sorted(set(column.tolist()) - set(labels.tolist()), key=str)
        if unknown:
            shown = ", ".join(repr(label) for label in labels[:20].tolist())
            told = ""
            if labels.dtype.kind == "f":
                told = (
                    " Numbers that are no labels are given to fit as a column, condition[:, None]."
                )
            raise ValueError(
                f"condition has the unknown label {unknown[0]!r}; fit saw {shown}"
                f"{', ...' if len(labels) > 20 else ''}.{told}"
            )
        # As large as standardised numbers: a network would be slow to notice a single one.
        return np.where(column[:, None] == labels, len(labels) ** 0.5, 0.0)
