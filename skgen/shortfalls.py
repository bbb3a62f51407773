r"""Warnings at the end of a fit: what rows drawn by the model lack of the training rows.

In columns with categories or few values, a value with a share :math:`p` of at least 5% of the rows,
and at least five rows, is reported if none of n drawn rows has it, or if its share is off by more
than four binomial standard errors :math:`\sqrt{p (1 - p) / n}` and 3 percentage points.

A dependence of two columns is reported if their rank correlation r falls short of that of the
training rows: on Fisher's scale, :math:`z = \operatorname{artanh} r`, by more than four standard
errors
:math:`\sqrt{1 / (n - 3) + 1 / (m - 3)}`, m being the number of rows, and .2; and by .02 at least. A
category counts as a column of 0 and 1. A correlation of .97 in the place of .998 is reported, one
of .4 in the place of .6 is not. Columns in which one value has more than 95% of the rows are left
out: their correlations depend on a few rows.

Source: Fisher, *On the "probable error" of a coefficient of correlation deduced from a small
sample*, Metron, 1921.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.exceptions import ConvergenceWarning

N_DRAWN = 512
LEAST_SHARE, FEWEST_ROWS = 0.05, 5
STANDARD_ERRORS, POINTS, FISHER, LEAST_LOSS = 4, 0.03, 0.2, 0.02
# The most rows and columns that are compared, and shortfalls that are named; with more columns the
# check would take too long.
MOST_ROWS, MOST_COLUMNS, MOST_NAMED = 5000, 256, 4
# A numeric column of so few values counts as categories, too.
FEW_VALUES = 10

_compared_as: ContextVar[tuple[Any, Callable[[], Any], Callable[[Any], Any]] | None] = ContextVar(
    "compared_as", default=None
)


@contextmanager
def compared_as(model: Any, rows: Callable[[], Any], back: Callable[[Any], Any]) -> Iterator[None]:
    """Let a model that is fitted inside compare its draws with rows in their original units.

    Parameters
    ----------
    model : estimator
        The model that is fitted.
    rows : callable
        ``rows()`` returns the training rows before they were transformed, once the steps before the
        model are fitted.
    back : callable
        ``back(drawn)`` transforms drawn rows back.
    """
    token = _compared_as.set((model, rows, back))
    try:
        yield
    finally:
        _compared_as.reset(token)


def warn_of_shortfalls(model: Any, rows: Any, drawn: np.ndarray, names: Any) -> None:
    """Warn if rows that a model drew lack something of its training rows.

    Parameters
    ----------
    model : estimator
        The fitted model.
    rows, drawn : ndarray of shape (n_samples, n_features) and (n_drawn, n_features)
        Rows in the units of the model.
    names : sequence of str, or None
        Names of the columns; None numbers them.

    Warns
    -----
    ConvergenceWarning
        Naming columns and values.
    """
    seen = _compared_as.get()
    if seen is not None and seen[0] is model:
        _, whole, back = seen
        rows, drawn = whole(), back(drawn)
    found = shortfalls(_framed(rows, names), _framed(drawn, names))
    if not found:
        return
    more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    warnings.warn(
        f"What {type(model).__name__} has learnt falls short of the rows. "
        f"{'; '.join(found[:MOST_NAMED])}{more}. A larger max_steps=, more rows or another model "
        "may help; skgen.metrics.sample_report compares rows in full.",
        ConvergenceWarning,
        stacklevel=_levels_of_libraries(),
    )


def warn_of_rare(labels: list[tuple[str, int]]) -> None:
    """Warn of labels to condition on that have too few rows.

    Parameters
    ----------
    labels : list of (str, int)
        The labels and how many rows each has.
    """
    if not labels:
        return
    listed = ", ".join(f"{label} has {n} row{'s' * (n > 1)}" for label, n in labels[:MOST_NAMED])
    more = f" and {len(labels) - MOST_NAMED} more have as few" if len(labels) > MOST_NAMED else ""
    warnings.warn(
        f"Of the condition, {listed}{more}: so few rows do not show how the rows of a label vary, "
        "and drawn ones may be wrong. Collect more rows, or merge rare labels.",
        stacklevel=_levels_of_libraries(),
    )


def _levels_of_libraries() -> int:
    """Return how many calls there are from the user's line to that of the caller."""
    frame, level = sys._getframe(1), 1
    libraries = ("skgen", "sklearn")
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in libraries:
        frame, level = frame.f_back, level + 1
    return level


def _framed(rows: Any, names: Any) -> pd.DataFrame:
    if hasattr(rows, "to_pandas"):
        rows = rows.to_pandas()
    if not isinstance(rows, pd.DataFrame):
        rows = np.asarray(rows)
        names = [f"column {j}" for j in range(rows.shape[1])] if names is None else names
        rows = pd.DataFrame(rows, columns=names)
    return rows.iloc[:: -(-len(rows) // MOST_ROWS)].reset_index(drop=True)


def shortfalls(rows: pd.DataFrame, drawn: pd.DataFrame) -> list[str]:
    """Return in words what drawn rows lack compared with others, missing values first.

    Parameters
    ----------
    rows, drawn : DataFrame
        Rows with the same columns in the same order, of any types.

    Returns
    -------
    found : list of str
        A clause for each value or dependence.
    """
    m, n = len(rows), len(drawn)
    if m < 4 or n < 4 or rows.shape[1] > MOST_COLUMNS:
        return []
    found, columns = [], []
    for j, label in enumerate(rows.columns):
        real, new = rows.iloc[:, j], drawn.iloc[:, j]
        for value, share in _shares(real).items():
            own, other = _is(real, value), _is(new, value)
            gap = abs(other.mean() - share)
            allowed = STANDARD_ERRORS * np.sqrt(share * (1 - share) / n) + POINTS
            if not other.any() or gap > allowed:
                found.append(
                    f"{_is_words(label, value)} in {share:.0%} of the rows and in "
                    f"{other.mean():.0%} of {n} drawn ones"
                )
            elif not _is_ordered(real) and share <= 1 - LEAST_SHARE:
                columns.append((j, _is_words(label, value), own, other))
        if _is_ordered(real) and max(real.value_counts(), default=m) <= (1 - LEAST_SHARE) * m:
            columns.append((j, f"{label!r}", _ranks(real), _ranks(new)))
    return found + _lost_dependences(columns, m, n)


def _is_ordered(column: pd.Series) -> bool:
    """Return whether a column has an order: numbers, times or ordered categories."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return bool(dtype.ordered)
    return (is_numeric_dtype(dtype) and not is_bool_dtype(dtype)) or dtype.kind in "mM"


def _shares(column: pd.Series) -> dict[Any, float]:
    """Return the frequent values of a column of categories, or of few numbers, and their shares."""
    present = column.dropna()
    least = max(LEAST_SHARE * len(column), FEWEST_ROWS)
    counts = {}
    if not _is_ordered(column) or present.nunique() <= FEW_VALUES:
        counts = present.value_counts().to_dict()
    counts[None] = len(column) - len(present)
    return {value: n / len(column) for value, n in counts.items() if n >= least}


def _is(column: pd.Series, value: Any) -> np.ndarray:
    same = column.isna() if value is None else (column == value).fillna(False)
    return same.to_numpy(dtype=np.float64)


def _is_words(label: Any, value: Any) -> str:
    return f"{label!r} is missing" if value is None else f"{label!r} is {value!r}"


def _ranks(column: pd.Series) -> np.ndarray:
    """Return the ranks of a column from 0 to 1; missing entries are in the middle."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = pd.Series(column.cat.codes)
        column = codes.where(codes >= 0)
    ranks: pd.Series = column.rank(pct=True).astype(np.float64)
    return ranks.fillna(ranks.median()).fillna(0.5).to_numpy()


def _lost_dependences(
    columns: list[tuple[int, str, np.ndarray, np.ndarray]], m: int, n: int
) -> list[str]:
    """Return which rank correlations of m rows fall short in n drawn ones, the worst first."""
    if len(columns) < 2:
        return []
    column = np.array([number for number, *_ in columns])
    real, new = (_fisher(np.stack([one[part] for one in columns])) for part in (2, 3))
    lost = np.sign(real) * (real - new)
    lost[column[:, None] == column] = 0
    least = STANDARD_ERRORS * np.sqrt(1 / (n - 3) + 1 / (m - 3)) + FISHER
    much = np.abs(np.tanh(real) - np.tanh(new)) > LEAST_LOSS
    pairs = [(i, k) for i, k in np.argwhere(much & (lost > least)) if i < k]
    pairs.sort(key=lambda pair: -lost[pair])
    # For two columns of categories, one pair of values is named.
    clauses: dict[tuple[int, int], str] = {}
    for i, k in pairs:
        clauses.setdefault(
            (columns[i][0], columns[k][0]),
            f"the rank correlation of {columns[i][1]} with {columns[k][1]} is "
            f"{np.tanh(real[i, k]):.3g} in the rows and {np.tanh(new[i, k]):.3g} in drawn ones",
        )
    return list(clauses.values())


def _fisher(columns: np.ndarray) -> np.ndarray:
    """Return Fisher's z of the correlations of columns, (n_columns, n); 0 for a constant one."""
    columns = columns - columns.mean(1, keepdims=True)
    size = np.sqrt(np.square(columns).sum(1, keepdims=True))
    columns = columns / np.where(size > 0, size, 1)
    return np.arctanh(np.clip(columns @ columns.T, -1 + 1e-6, 1 - 1e-6))
