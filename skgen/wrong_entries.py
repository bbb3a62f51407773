"""What is told of rows with an entry that no model takes: which one, where, and what would do.

scikit-learn's checks find such rows; their messages name no row and no column, and for missing
entries they recommend classifiers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

NOT_NUMBERS = (
    "TableEncoder makes numbers of strings, categories and dates: "
    "make_generative_pipeline(TableEncoder(), model) takes the table as it is."
)
MISSING = (
    "impute of a fitted model fills gaps in new rows, GenerativeImputer learns from rows with gaps "
    "and fills them, and make_generative_pipeline(TableEncoder(), model) draws rows with gaps like "
    "those of X."
)
# numpy has a few of these as numbers of nanoseconds.
DATES = (pd.Timestamp, pd.Timedelta, pd.Period, np.datetime64, np.timedelta64)
INFINITE = "Put a finite number in its place, or leave the row out."


@contextmanager
def explained(estimator: Any, X: Any, name: str = "X") -> Iterator[None]:
    """Say of an entry that scikit-learn's checks refuse where it is, and what would do.

    Parameters
    ----------
    estimator : estimator
        What was given the rows.
    X : array-like
        The rows.
    name : str
        The argument that they came as.

    Raises
    ------
    ValueError, TypeError
        What was raised inside, with a message of its own if an entry is to blame.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        told = _told_of(error, X, name, type(estimator).__name__)
        if told is None:
            raise
        raise told from error


def _told_of(error: Exception, X: Any, name: str, caller: str) -> Exception | None:
    """Return what to raise for an error that an entry is to blame for; None for others."""
    text = str(error)
    if "contains NaN" in text or "contains infinity" in text:
        missing = "contains NaN" in text
        where = _first(X, _not_finite(missing))
        if where is None:
            return None
        kind = "NaN" if missing else "infinity, or a number too large,"
        place, _, n = where
        more = f", the first of {n} such entries" if n > 1 else ""
        remedy = f"{caller} takes no missing entries here. {MISSING}" if missing else INFINITE
        return ValueError(f"Input {name} contains {kind} in {place}{more}. {remedy}")
    if "could not convert" in text or "argument must be" in text or "promoted" in text:
        where = _first(X, _not_number)
        if where is None:
            return None
        place, value, _ = where
        dated = isinstance(value, DATES)
        reason = "" if dated else f" ({text})"
        told = f"Input {name} has {value!r} in {place}, which is no number{reason}. {NOT_NUMBERS}"
        return TypeError(told) if type(error) is TypeError and not dated else ValueError(told)
    return None


def _first(X: Any, wrong: Any) -> tuple[str, Any, int] | None:
    """Return the place of the first wrong entry in words, its value, and how many there are."""
    framed = hasattr(X, "columns")
    try:
        # A frame of pandas keeps its dtypes; all else becomes one of objects.
        table = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X, dtype=object))
    except ValueError:
        return None
    names = list(X.columns) if framed else range(table.shape[1])
    found = [wrong(table.iloc[:, j]) for j in range(table.shape[1])]
    bad = [j for j, mask in enumerate(found) if mask.any()]
    if not bad:
        return None
    j = bad[0]
    i = int(np.argmax(found[j]))
    place = f"row {i} of column {names[j]!r}"
    return place, table.iloc[i, j], int(sum(mask.sum() for mask in found))


def _not_finite(missing: bool) -> Any:
    def wrong(column: pd.Series) -> np.ndarray:
        values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        return np.isnan(values) if missing else np.isinf(values)

    return wrong


def _not_number(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return np.zeros(len(column), dtype=bool)
    return np.array([not _is_number(value) for value in column])


def _is_number(value: Any) -> bool:
    if isinstance(value, DATES):
        return False
    try:
        float(value)
    except (TypeError, ValueError):
        return value is None or value is pd.NA
    return True
