"""Inverses of steps for draws outside the range of what the steps return."""

import warnings
from functools import singledispatch
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OrdinalEncoder,
    PowerTransformer,
)

# Numbers of which at least one is in the range of each common function.
INSIDE = (0.0, 1.0, 0.5, -1.0, -0.5)


@singledispatch
def inverted(step: Any, rows: np.ndarray, **params: Any) -> Any:
    """Return rows in the units before a step, even rows outside its range."""
    return step.inverse_transform(rows, **params)


@inverted.register(PowerTransformer)
@inverted.register(FunctionTransformer)
def _(step: Any, rows: np.ndarray, **params: Any) -> Any:
    # Transforms with powers below 0 or above 2 have a bounded range, as many functions do.
    def inverse(rows: np.ndarray) -> Any:
        with warnings.catch_warnings():
            # scikit-learn warns of the values that are corrected here.
            warnings.filterwarnings("ignore", "invalid value", RuntimeWarning)
            warnings.filterwarnings("ignore", "Some values in column", UserWarning)
            return step.inverse_transform(rows.copy(), **params)

    wrong = isinstance(step, PowerTransformer) or isinstance(step.inverse_func, np.ufunc)
    raised: list[str] = []
    with np.errstate(
        invalid="call", divide="call", over="call", call=lambda *a: raised.append(a[0])
    ):
        X = inverse(rows)
        if not wrong and not raised:
            # An entry that is NaN now was NaN before.
            return X
        return _brought_back(inverse, rows, X)


@inverted.register
def _(step: Pipeline, rows: np.ndarray, **params: Any) -> Any:
    if params:
        return step.inverse_transform(rows, **params)
    for _, inner in reversed(step.steps):
        if inner not in (None, "passthrough"):
            rows = inverted(inner, rows)
    return rows


def _brought_back(inverse: Any, rows: np.ndarray, X: Any) -> Any:
    """Return X = inverse(rows), where an entry without inverse gets that of the nearest other.

    The inverse maps each column by itself, and is defined on an interval of each.
    """
    values = np.asarray(X)
    if values.shape != rows.shape or values.dtype.kind != "f":
        return X
    # Beyond this a square overflows, as in a variance.
    largest = np.sqrt(np.finfo(values.dtype).max) / 1e4
    lost = np.isfinite(rows) & ~(np.abs(values) <= largest)
    todo = np.flatnonzero(lost.any(1))
    if len(todo) == 0:
        return X
    lost, far = lost[todo], rows[todo].copy()

    def is_good(inner: np.ndarray) -> np.ndarray:
        return np.abs(np.asarray(inverse(np.where(lost, inner, rows[todo])))) <= largest

    near = np.full_like(far, np.nan)
    for inside in INSIDE:
        trial = np.full_like(far, inside)
        near = np.where(np.isnan(near) & is_good(trial), trial, near)
    if np.isnan(near[lost]).any():
        return X
    while True:
        middle = near + (far - near) / 2
        if not (lost & (middle != near) & (middle != far)).any():
            break
        good = is_good(middle)
        near, far = np.where(good, middle, near), np.where(good, far, middle)
    reached = rows.copy()
    reached[todo] = np.where(lost, near, rows[todo])
    return inverse(reached)


@inverted.register
def _(step: OrdinalEncoder, rows: np.ndarray, **params: Any) -> Any:
    rows = np.array(rows, dtype=np.float64)
    for j, categories in enumerate(step.categories_):
        missing = pd.isna(categories).any()
        whole = np.clip(np.round(rows[:, j]), 0, max(0, len(categories) - 1 - missing))
        gap = step.encoded_missing_value
        if missing and not np.isnan(gap):
            whole = np.where(np.abs(rows[:, j] - gap) < np.abs(rows[:, j] - whole), gap, whole)
        rows[:, j] = whole
    return step.inverse_transform(rows, **params)


@inverted.register
def _(step: KBinsDiscretizer, rows: np.ndarray, **params: Any) -> Any:
    if step.encode == "ordinal":
        rows = np.clip(np.round(rows), 0, step.n_bins_ - 1)
    return step.inverse_transform(rows, **params)
