"""Checks of the arguments: which entry is wrong, where it is, and what to do.

scikit-learn's own checks find an entry that no model can take, but name neither its row nor its
column, and for missing entries they recommend classifiers.
"""

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data
from torch import Tensor

NOT_NUMBERS = (
    "TableEncoder makes numbers of strings, categories and dates: "
    "make_generative_pipeline(TableEncoder(), model) takes the table as it is."
)
MISSING = (
    "impute of a fitted model fills gaps in new rows, GenerativeImputer learns from rows with gaps "
    "and fills them, and make_generative_pipeline(TableEncoder(), model) draws rows with gaps like "
    "those of X."
)
DATES = (datetime.date, datetime.timedelta, pd.Timedelta, pd.Period, np.datetime64, np.timedelta64)
# Parts of the messages of NumPy, pandas and scikit-learn about entries that are not numbers.
NO_NUMBER = ("could not convert", "argument must be", "promoted", "Cannot cast", "Cannot interpret")
INFINITE = "Put a finite number in its place, or leave the row out."
ROWS_AT_ONCE = 2**16
# The largest value whose square is finite, with room for a sum; and the distance from the training
# data, in standard deviations, beyond which float32 can neither distinguish rows nor square them.
LARGEST, FARTHEST = 1e150, 1e12


def validated(
    estimator: Any, X: Any, *, rows: np.ndarray | None = None, **options: Any
) -> np.ndarray:
    """Return X as numbers by scikit-learn's ``validate_data``, or raise for the first other entry.

    ``rows`` are the numbers of the rows, if X is a part of the argument.
    """
    with explained(estimator, X, rows=rows):
        return validate_data(estimator, X, dtype=[np.float64, np.float32], **options)


def check_largest(rows: np.ndarray, name: str) -> None:
    """Raise where a value is too large to be squared."""
    large = np.argwhere(np.abs(rows) > np.float64(LARGEST))
    if len(large):
        row, column = large[0]
        raise ValueError(
            f"{name}[{row}, {column}] is {rows[row, column]:g}: values beyond {LARGEST:g} cannot "
            "be squared. Look for a wrong unit, or divide the column by a constant."
        )


def check_near(X: np.ndarray, x: Tensor) -> None:
    """Raise where scaled rows x of X are too far from the training data for a network."""
    far = (~(x.abs() <= FARTHEST)).nonzero()
    if len(far):
        row, column = far[0].tolist()
        raise ValueError(
            f"X[{row}, {column}] is {X[row, column]:g}, more than {FARTHEST:g} standard "
            "deviations from what the model has learnt; look for a wrong unit or a mark of a "
            "missing value."
        )


def check_layout(input_shape: Any, n_features: int) -> None:
    """Raise where a layout does not fit rows with ``n_features`` columns."""
    if input_shape is None:
        return
    shape = tuple(input_shape)
    if len(shape) not in (2, 3) or any(
        not isinstance(side, Integral) or side < 1 for side in shape
    ):
        raise ValueError(
            "input_shape must be (channels, height, width) or (length, channels), positive "
            f"integers; got {input_shape!r}."
        )
    if np.prod(shape) != n_features:
        raise ValueError(
            f"input_shape={shape} means {np.prod(shape)} features a row, but X has {n_features}."
        )


def check_count(name: str, value: Any) -> None:
    """Raise where a number of rows, steps or draws is none."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")


def array_with_gaps(estimator: Any, X: Any, reset: bool) -> np.ndarray:
    """Return an array of floats in which entries may be missing, checked as scikit-learn does.

    Parameters
    ----------
    estimator : estimator
        The estimator whose method has the argument.
    X : array-like of shape (n_samples, n_features)
        The rows.
    reset : bool
        Whether the rows are those of ``fit``: there are two at least, and their columns are noted.

    Raises
    ------
    ValueError, TypeError
        If an entry is no number or infinite, or the columns are not those of fit.
    """
    with explained(estimator, X):
        return validate_data(
            estimator,
            X,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
            ensure_min_samples=2 if reset else 1,
            reset=reset,
        )


@contextmanager
def explained(
    estimator: Any, X: Any, name: str = "X", rows: np.ndarray | None = None
) -> Iterator[None]:
    """Name the row and column of an entry that scikit-learn's checks refuse, and what to do.

    Parameters
    ----------
    estimator : estimator
        The estimator whose method has the argument.
    X : array-like
        The rows.
    name : str
        The name of the argument.
    rows : ndarray, default=None
        Their numbers, if X is a part of the argument.

    Raises
    ------
    ValueError, TypeError
        The error raised inside, with a message about the entry if an entry is the cause.
    """
    if isinstance(X, pd.DataFrame):
        _check_dtypes(X, name, rows)
    try:
        yield
    except (ValueError, TypeError) as error:
        replaced = None
        # The error must be raised even if its place is not found.
        with suppress(Exception):
            replaced = _error_about(error, X, name, rows, type(estimator).__name__)
        if replaced is None:
            raise
        raise replaced from error


def _check_dtypes(X: pd.DataFrame, name: str, rows: np.ndarray | None) -> None:
    """Raise for columns without numbers that a cast beside other columns would turn into some."""
    for j, dtype in enumerate(X.dtypes):
        if dtype.kind == "c":
            raise ValueError(
                f"Complex data not supported: column {X.columns[j]!r} of {name} is of dtype "
                f"{dtype}; give its real and imaginary parts as two columns."
            )
        if dtype.kind in "mM" or isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
            place = _place(X.iloc[:, [j]], lambda column: np.ones(len(column), dtype=bool), rows)
            if place is not None:
                raise ValueError(_no_number(place, name, ""))


def _no_number(place: tuple[str, Any], name: str, reason: str) -> str:
    """Return the message about an entry that is not a number."""
    where, value = place
    remedy = f" {NOT_NUMBERS}" if name == "X" else ""
    return f"Input {name} has {value!r} in {where}, which is no number{reason}.{remedy}"


def _error_about(
    error: Exception, X: Any, name: str, rows: np.ndarray | None, caller: str
) -> Exception | None:
    """Return the error to raise where an entry is the cause; None for other causes."""
    text = str(error)
    if "contains infinity" in text:
        place = _place(X, lambda column: np.isinf(_values(column)), rows)
        remedy = f"a number too large, in {place[0]}. {INFINITE}" if place else ""
        return ValueError(f"Input {name} contains infinity, or {remedy}") if place else None
    not_number = any(part in text for part in NO_NUMBER)
    place = _place(X, _not_number, rows) if not_number else None
    if place is not None:
        dated = isinstance(place[1], DATES)
        message = _no_number(place, name, "" if dated else f" ({text})")
        return TypeError(message) if type(error) is TypeError and not dated else ValueError(message)
    if "contains NaN" in text or not_number:
        # To NumPy, pandas' NA is not a number.
        place = _place(X, lambda column: np.isnan(_values(column)), rows)
        remedy = f" {caller} takes no missing entries here. {MISSING}" if name == "X" else ""
        return ValueError(f"Input {name} contains NaN in {place[0]}.{remedy}") if place else None
    return None


def _place(
    X: Any, wrong: Callable[[Any], np.ndarray], rows: np.ndarray | None
) -> tuple[str, Any] | None:
    """Return where the first wrong entry of a table is, in words, and its value."""
    names = getattr(X, "column_names", getattr(X, "columns", None))
    if not isinstance(X, pd.DataFrame):
        X = np.asarray(X) if hasattr(X, "dtype") else np.asarray(X, dtype=object)
        if X.ndim != 2:
            return None
    names = range(X.shape[1]) if names is None else list(names)
    for start in range(0, len(X), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        table = X.iloc[part] if isinstance(X, pd.DataFrame) else pd.DataFrame(X[part])
        masks = np.column_stack([wrong(table.iloc[:, j]) for j in range(table.shape[1])])
        if masks.any():
            # The first column with a wrong entry, and its first such row.
            j = int(masks.any(0).argmax())
            i = int(masks[:, j].argmax())
            number = start + i if rows is None else rows[start + i]
            return f"row {number} of column {names[j]!r}", table.iloc[i, j]
    return None


def _values(column: pd.Series) -> np.ndarray:
    """Return a column as floats, NaN where an entry is missing or not a number."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=float, na_value=np.nan)
    return np.array([_number(value) for value in column], dtype=float)


def _not_number(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return np.zeros(len(column), dtype=bool)
    dated = np.array([isinstance(value, DATES) for value in column])
    unread = np.array([_number(value) is None for value in column])
    return dated | (unread & ~pd.isna(column).to_numpy())


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
