"""Conditions, labels or real vectors, as numbers a network can read."""

import datetime
from contextlib import suppress
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from skgen.entries import is_number

# Fewer rows of a label do not show how such rows vary.
FEWEST_ROWS = 5


def _columns(condition: Any) -> tuple[list[Any], list[np.ndarray]]:
    """Split a condition into named columns, whatever its container."""
    if hasattr(condition, "columns"):
        names = [str(name) for name in condition.columns]
        columns = [condition[name] for name in condition.columns]
        # Numbers of a categorical dtype are labels.
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


def _type_of(label: Any) -> str:
    """Return the name of a label's type; all real numbers share one."""
    if isinstance(label, bool | np.bool_):
        return "bool"
    if isinstance(label, Real | Decimal):
        return "number"
    return "str" if isinstance(label, str) else type(label).__name__


def _text_of(label: Any) -> str:
    """Return a label as text, equal numbers as the same."""
    return repr(float(label)) if _type_of(label) == "number" else str(label)


def _typed(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as floats if all are numbers, otherwise as texts, and the type of each."""
    kind = column.dtype.kind
    if kind != "O":
        name = "str" if kind in "UST" else "bool" if kind == "b" else "number"
        return column.astype(float if name == "number" else str), np.full(len(column), name)
    labels = column.tolist()
    types = np.array([_type_of(label) for label in labels], dtype=str)
    texts = np.array([_text_of(label) for label in labels], dtype=str)
    return (texts.astype(float) if (types == "number").all() else texts), types


def _texts(labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind != "f":
        return labels
    values, place = np.unique(labels, return_inverse=True)
    return np.array([_text_of(value) for value in values.tolist()], dtype=str)[place]


def _keys(labels: np.ndarray, types: np.ndarray) -> np.ndarray:
    """Return texts that are equal where type and value are."""
    return np.char.add(np.char.add(types, " "), _texts(labels))


def _shown(label: Any, kind: str) -> str:
    """Return a label as an error shows it: only text is in quotes, and whole numbers are whole."""
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return label if isinstance(label, str) and kind in ("number", "bool") else repr(label)


def _rare(labels: np.ndarray, types: np.ndarray, counts: np.ndarray) -> list[tuple[str, int]]:
    """Return the labels with too few rows, as errors show them, and their numbers of rows."""
    return [
        (_shown(label, kind), n)
        for label, kind, n in zip(labels.tolist(), types, counts.tolist(), strict=True)
        if n < FEWEST_ROWS
    ]


def _value(label: Any) -> Any:
    """Return a value that is equal for labels that a user may take for one another."""
    text = {"True": "1", "False": "0"}.get(str(label), str(label))
    try:
        return float(text)
    except ValueError:
        return text


def _plain(column: Any) -> np.ndarray:
    """Return a column as an array; objects that are all numbers become a numeric one."""
    values = np.asarray(column)
    if values.dtype.kind != "O" or not all(is_number(type(value)) for value in values):
        return values
    whole = all(isinstance(value, int | np.integer) for value in values)
    with suppress(OverflowError):
        return np.array([int(v) if whole else float(v) for v in values], int if whole else float)
    return values


def _time_of(column: np.ndarray) -> str | None:
    """Return which kind of times a column has, or None."""
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
    """Return times as texts, to match labels: equal times of any type give the same text."""
    if time is None or pd.isna(column).any():
        return column
    texts = []
    for value in column:
        try:
            # pandas 2.1 takes no texts of NumPy.
            moment = getattr(pd, time)(str(value) if isinstance(value, str) else value)
        except (TypeError, ValueError):
            # An unknown label, and refused as one.
            texts.append(str(value))
            continue
        if getattr(moment, "tzinfo", None) is not None:
            moment = moment.tz_convert("UTC")
        text = moment.isoformat(" ") if time == "Timestamp" else str(moment)
        texts.append(text.removesuffix(" 00:00:00") if time == "Timestamp" else text)
    return np.array(texts, dtype=str)


class ConditionEncoder:
    """Encode conditions as rows of floats: labels one-hot, numbers standardised.

    Of K labels, one-hot marks are the root of K, so that their mean square is that of numbers. A
    one-dimensional condition is labels, of any type, unless it holds fractions. In two dimensions,
    be it one column, numbers are numbers, whole or not, and all else is labels, such as strings,
    booleans and categories. Dates, moments and durations are labels, too. They match by the time
    that they stand for, whether given as ``pd.Timestamp``, ``np.datetime64``, ``datetime`` or text.

    A label matches one of `fit` where value and type are the same: the text '1' is not the number
    1, nor is the boolean True. Numbers match by value, whatever their dtype: 1, 1.0 and
    ``np.int8(1)`` are one label.

    Attributes
    ----------
    n_out : int
        Columns of an encoded condition.
    rare : list of (str, int)
        Labels of fewer than `FEWEST_ROWS` rows, as errors show them, and their numbers of rows.
    """

    def fit(self, condition: Any, n_rows: int) -> "ConditionEncoder":
        """Learn the columns, their labels and scales, from the condition of n_rows rows."""
        self.names, columns = _columns(condition)
        self.times = [_time_of(column) for column in columns]
        columns = list(map(_time_texts, columns, self.times))
        flat = not hasattr(condition, "columns") and np.ndim(condition) < 2
        self.labels: list[np.ndarray | None] = []
        self.label_types: list[np.ndarray | None] = []
        self.moments: list[tuple[float, float]] = []
        self.rare: list[tuple[str, int]] = []
        for column in columns:
            self._check_length(column, n_rows)
            self._check_present(column)
            numeric = column.dtype.kind in "fiu"
            if numeric and flat:
                numeric = not np.array_equal(column, np.round(column))
            labels = types = None
            if not numeric:
                labels, types, counts = self._distinct(column)
                self.rare += _rare(labels, types, counts)
            self.labels.append(labels)
            self.label_types.append(types)
            scale = float(np.std(column.astype(float))) if numeric else 1.0
            self.moments.append((float(np.mean(column)), scale or 1.0) if numeric else (0.0, 1.0))
        self.n_out = sum(1 if labels is None else len(labels) for labels in self.labels)
        return self

    @staticmethod
    def _distinct(column: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the labels of a column, each once and in order, their types and frequencies."""
        labels, types = _typed(column)
        _, first, counts = np.unique(_keys(labels, types), return_index=True, return_counts=True)
        order = np.argsort(labels[first], kind="stable")
        return labels[first[order]], types[first[order]], counts[order]

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
        parts = []
        fitted = zip(self.labels, self.label_types, self.moments, strict=True)
        given = map(_time_texts, columns, self.times)
        for column, (labels, types, (mean, scale)) in zip(given, fitted, strict=True):
            self._check_length(column, n_rows)
            self._check_present(column)
            if labels is None or types is None:
                parts.append((self._numbers(column)[:, None] - mean) / scale)
            else:
                parts.append(self._marks(column, labels, types))
        return np.concatenate(parts, 1)

    def parse(self, text: str) -> Any:
        """Return the label or number of `fit` that a text stands for, or else the text itself."""
        if len(self.labels) != 1:
            return text
        labels = self.labels[0]
        with suppress(ValueError):
            number = float(text)
            if labels is None or number in labels:
                return number
        types = self.label_types[0]
        named = types is not None and (types[labels == text] == "bool").any()
        return text == "True" if named else text

    @staticmethod
    def _numbers(column: np.ndarray) -> np.ndarray:
        """Return a column of numbers as floats; raise for texts, even those of numbers."""
        labels = column.tolist() if column.dtype.kind in "OUST" else []
        texts = [label for label in labels if isinstance(label, str | bytes)]
        try:
            if not texts:
                return np.asarray(column, dtype=np.float64)
        except (TypeError, ValueError):
            pass
        raise ValueError(
            f"condition was numbers in fit, but now holds {(texts or column.tolist())[0]!r}, which "
            "is not a number."
        )

    @staticmethod
    def _marks(column: np.ndarray, labels: np.ndarray, types: np.ndarray) -> np.ndarray:
        numbers = labels.dtype.kind == "f"
        given, given_types = _typed(column)
        keys, given_keys = _keys(labels, types), _keys(given, given_types)
        unknown = np.setdiff1d(given_keys, keys)
        if len(unknown):
            row = int(np.flatnonzero(given_keys == unknown[0])[0])
            label, kind = given.tolist()[row], given_types[row]
            seen = [_shown(*pair) for pair in zip(labels.tolist(), types, strict=True)]
            message = (
                f"condition has the unknown label {_shown(label, kind)}; fit saw "
                f"{', '.join(seen[:20])}{', ...' if len(seen) > 20 else ''}."
            )
            if kind not in types:
                meant = (k for k, other in enumerate(labels) if _value(other) == _value(label))
                message += (
                    f" Labels match where value and type do, and that in row {row} is of type "
                    f"{kind}, those of fit of type {' or '.join(np.unique(types))}: give labels "
                    f"such as {seen[next(meant, 0)]}."
                )
            elif numbers:
                message += (
                    " Numbers that are no labels are given to fit as a column, condition[:, None]."
                )
            raise ValueError(message)
        # As large as standardised numbers: a network learns slowly from a single 1.
        return np.where(given_keys[:, None] == keys, len(labels) ** 0.5, 0.0)
