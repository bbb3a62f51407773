"""The values of a column, once its kind is known."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from ._dates import Reading
from ._formulas import GUARD, unguarded
from ._numbers import NumberFormat
from ._texts import SEP, Texts

# The number that NumPy uses for NaT.
_NO_TIME = np.iinfo(np.int64).min


def numbers(texts: Texts, form: NumberFormat, shapes: Collection[str], gaps: set[str]) -> pd.Series:
    """Return texts as numbers."""
    values, missing = form.read(texts.chunks, shapes or {"9": 0}, gaps, SEP)
    if form.whole and missing.any():
        return pd.Series(pd.arrays.IntegerArray(values, missing))
    return pd.Series(values)


def dates(texts: Texts, found: Reading, gaps: set[str]) -> pd.Series:
    """Return texts as dates."""
    form = found.format
    moments = {**found.moments, **dict.fromkeys(gaps, _NO_TIME)}
    ticks = np.fromiter(map(moments.__getitem__, texts.cells()), np.int64, texts.n)
    column = pd.Series(ticks.view(f"M8[{form.unit}]"))
    if form.offset is None:
        return column
    column = column.dt.tz_localize("UTC")
    if form.offset:
        sign = "-" if form.offset < 0 else "+"
        hours, minutes = divmod(abs(form.offset), 60)
        column = column.dt.tz_convert(f"UTC{sign}{hours:02d}:{minutes:02d}")
    return column


def truth(texts: Texts, gaps: set[str]) -> pd.Series:
    """Return texts as true and false, whatever the case of their letters."""
    cells = [None if cell in gaps else cell.casefold() == "true" for cell in texts.cells()]
    dtype = "boolean" if None in cells else "bool"
    return pd.Series(pd.array(cells, dtype=dtype))


def words(texts: Texts, gaps: set[str]) -> pd.Series:
    """Return texts as they are, one object for each word, however often it comes."""
    known: dict[str, Any] = dict.fromkeys(gaps)
    values: list[Any] = []
    for chunk in texts.chunks:
        cells = chunk.split(SEP)
        new = set(cells).difference(known)
        known.update(zip(new, map(unguarded, new) if GUARD in chunk else new, strict=True))
        values.extend(map(known.__getitem__, cells))
    return pd.Series(values) if any(value is not None for value in values) else empty(texts)


def empty(texts: Texts) -> pd.Series:
    """Return nothing but gaps."""
    return pd.Series(np.full(texts.n, np.nan))
