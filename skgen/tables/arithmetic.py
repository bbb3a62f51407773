r"""Columns of a table as numbers, and the arithmetic of rules: one column computed from others.

Times are integers in their unit. A sum of columns :math:`x_k` is :math:`\sum_k w_k x_k + c`. A
weight :math:`w_k` is 1 or -1; where times and numbers are added, it also converts the unit of the
column to that of the total. Ratios and products are rounded to the decimals of their column, by the
rule for halves that reproduces most rows of fit.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype

from skgen.tables.constraints import Formula, Product, Sum
from skgen.tables.dtypes import times_of_pandas

# Relative tolerance of computed numbers.
EPS = 1e-9
# Nanoseconds of each unit of time, by its name in NumPy or pandas.
NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
    "D": 86_400 * 10**9,
    "W": 7 * 86_400 * 10**9,
}
# Ways of rounding: as numpy.round, half away from 0, and as Python's round (exact decimals).
ROUNDINGS = ("float", "up", "decimal")


def as_numbers(column: pd.Series) -> np.ndarray | None:
    """Return a column as float64 or int64; None if its dtype has no arithmetic.

    Times are integers in their unit, days of Arrow's in seconds. The values of missing entries are
    arbitrary.
    """
    column = plain_times(column)
    dtype = column.dtype
    if is_bool_dtype(dtype) or isinstance(dtype, pd.CategoricalDtype | pd.SparseDtype):
        return None
    if is_integer_dtype(dtype):
        if column.isna().any():
            column = column.fillna(0)
        if len(column) and int(column.max()) > np.iinfo(np.int64).max:
            return None
        return column.to_numpy(dtype=np.int64)
    if is_float_dtype(dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        # float32 0.1 is 0.10000000149 as float64; the decimal 0.1 is meant.
        return _fewest_decimals(numbers) if dtype.itemsize == 4 else numbers
    if isinstance(dtype, pd.DatetimeTZDtype) or (
        isinstance(dtype, np.dtype) and dtype.kind in "mM"
    ):
        return column.astype("int64").to_numpy()
    return None


def plain_times(column: pd.Series) -> pd.Series:
    """Return a column of Arrow's dates or durations as one of pandas' own; others as they are."""
    dtype = times_of_pandas(column.dtype)
    return column if dtype is column.dtype else column.astype(dtype)


def _fewest_decimals(numbers: np.ndarray) -> np.ndarray:
    """Return float32 numbers rounded to the fewest decimals, at most 7, that identify them."""
    exact = numbers.astype(np.float32)
    for decimals in range(8):
        shorter = np.round(numbers, decimals)
        if np.array_equal(shorter.astype(np.float32), exact, equal_nan=True):
            return shorter
    return numbers


def unit_of(column: pd.Series) -> str:
    """Return the unit of a column; columns of equal units can be subtracted and compared."""
    dtype = times_of_pandas(column.dtype)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return f"datetime64[{dtype.unit}] of a time zone"
    return "number" if dtype.kind in "iuf" else str(dtype)


def tick_of(dtype: Any) -> int | None:
    """Return the nanoseconds per unit of a dtype of dates or durations; None for numbers."""
    dtype = times_of_pandas(dtype)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return NANOSECONDS[dtype.unit]
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        return NANOSECONDS[np.datetime_data(dtype)[0]]
    return None


def is_date(dtype: Any) -> bool:
    """Return whether a dtype holds dates or moments, which cannot be added to each other."""
    return isinstance(dtype, pd.DatetimeTZDtype) or getattr(dtype, "kind", "") == "M"


def weights(rule: Sum, dtypes: Sequence[Any]) -> list[Any]:
    """Return the weight of each input of a sum; dtypes are those of the inputs and of the total.

    Raises
    ------
    ValueError
        If columns of such dtypes cannot be added.
    """
    signs = [1] * len(rule.parts) + [-1] * len(rule.less)
    ticks = [tick_of(dtype) for dtype in dtypes]
    if all(tick is None for tick in ticks):
        return signs
    if None in ticks and rule.unit is None:
        raise ValueError(f"The rule {rule} adds times and numbers: give unit=, such as 'D'.")
    dates = [is_date(dtype) for dtype in dtypes]
    if sum(s * d for s, d in zip(signs, dates, strict=False)) != dates[-1]:
        raise ValueError(f"The rule {rule} adds dates: of these only differences can be added.")
    number_tick = NANOSECONDS[rule.unit] if rule.unit else 1
    *sizes, total = [number_tick if tick is None else tick for tick in ticks]
    return [
        sign * (size // total if size % total == 0 else size / total)
        for sign, size in zip(signs, sizes, strict=True)
    ]


def computed(
    rule: Sum | Product | Formula, numbers: Sequence[np.ndarray], by: Sequence[Any]
) -> np.ndarray:
    """Return the target before rounding, computed from the inputs and their weights in a sum."""
    if isinstance(rule, Formula):
        return rule.value(numbers)
    if isinstance(rule, Product):
        value = np.asarray(rule.times, dtype=np.float64)
        with np.errstate(all="ignore"):
            for k, x in enumerate(numbers):
                x = x.astype(np.float64)
                value = value * x if k < len(rule.factors) else value / x
        return value
    total: Any = np.int64(rule.plus) if float(rule.plus).is_integer() else rule.plus
    for weight, x in zip(by, numbers, strict=True):
        total = total + weight * x
    return np.asarray(total)


def solved(
    rule: Sum | Product | Formula,
    place: int,
    target: np.ndarray,
    numbers: Sequence[np.ndarray],
    by: Sequence[Any],
) -> np.ndarray:
    """Return one input, computed from the target and the other inputs; NaN if undetermined."""
    if isinstance(rule, Formula):
        return np.full(len(target), np.nan)
    if isinstance(rule, Product):
        other_factors = [np.ones(len(target)) if k == place else x for k, x in enumerate(numbers)]
        others = computed(rule, other_factors, by)
        with np.errstate(all="ignore"):
            return target / others if place < len(rule.factors) else others / target
    without = [np.zeros_like(x) if k == place else x for k, x in enumerate(numbers)]
    remainder = target - computed(rule, without, by)
    return remainder * by[place] if abs(by[place]) == 1 else remainder / by[place]


def rounded(values: np.ndarray, decimals: int | None, way: str) -> np.ndarray:
    """Return values rounded to decimals in one of `ROUNDINGS`; unchanged if decimals is None."""
    if decimals is None:
        return values
    unit = 10.0**decimals
    if way == "float":
        return np.round(values, decimals)
    if way == "decimal":
        return np.array([round(value, decimals) for value in values.tolist()])
    # Removes floating point errors, so that halves are recognised as such.
    units = np.round(values * unit, 6)
    return np.sign(units) * np.floor(np.abs(units) + 0.5) / unit


def rounding_of(values: np.ndarray, wanted: np.ndarray, decimals: int | None) -> tuple[str, int]:
    """Return the way of rounding that reproduces the most wanted values, and how many differ."""
    best = ("float", len(wanted) + 1)
    for way in ROUNDINGS if decimals is not None else ("float",):
        errors = np.abs(rounded(values, decimals, way) - wanted)
        n_different = int((~(errors <= EPS * (np.abs(wanted) + 1e-300))).sum())
        if n_different < best[1]:
            best = (way, n_different)
        if n_different == 0:
            break
    return best


def tolerance(
    rule: Any, wanted: np.ndarray, value: np.ndarray, decimals: int | None = None
) -> np.ndarray:
    """Return the largest error that a computed value may have, by row.

    Of a product it is half of the last digit, of a sum the rounding error, of integers 0.
    """
    decimals = decimals_of(wanted) if decimals is None else decimals
    size = np.maximum(np.abs(wanted.astype(np.float64)), np.abs(value.astype(np.float64)))
    if isinstance(rule, Product | Formula):
        return last_digit(decimals, size)
    if wanted.dtype.kind == value.dtype.kind == "i":
        return np.zeros(1)
    # A sum of large parts may be near 0 and yet have their rounding error, hence the last term.
    return EPS * (size + 1e-300) + (1e-6 * 10.0**-decimals if decimals < 9 else 0.0)


def last_digit(decimals: int, size: np.ndarray) -> np.ndarray:
    """Return half a unit of the last decimal, plus the rounding error of numbers of that size."""
    return 0.5 * 10.0**-decimals * (1 + 1e-6) + EPS * size


def decimals_of(values: np.ndarray) -> int:
    """Return the fewest decimals that represent all values, at most 9."""
    values = values.astype(np.float64)
    for decimals in range(9):
        if np.allclose(values, np.round(values, decimals), rtol=1e-12, atol=1e-12):
            return decimals
    return 9
