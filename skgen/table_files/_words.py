"""Descriptions of columns in words."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

SHOWN_CATEGORIES = 3


def is_number(column: pd.Series) -> bool:
    """Return whether a column has numbers; True and False are categories."""
    return is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype)


def is_date(column: pd.Series) -> bool:
    """Return whether a column has dates or times."""
    return bool(is_datetime64_any_dtype(column.dtype))


def _figure(value: Any) -> str:
    """Return a whole number in full, and others with six digits."""
    if abs(value) < 1e15 and value == int(value):
        return str(int(value))
    text = f"{value:g}"
    return f"{value:.2f}" if "e+" in text and abs(value) < 1e15 else text


def taken_as(column: pd.Series) -> str:
    """Describe the entries of a column as they were read."""
    present = column.dropna()
    if present.empty:
        return "empty"
    n_values = present.nunique()
    if n_values == 1:
        value = present.iloc[0]
        text = _figure(value) if is_number(column) else str(value)
        return f"always {text}".removesuffix(" 00:00:00")
    if is_date(column):
        return f"dates from {present.min()} to {present.max()}".replace(" 00:00:00", "")
    if is_number(column):
        whole = (present == present.round()).all()
        kind = "whole numbers" if whole else "numbers"
        return f"{kind} from {_figure(present.min())} to {_figure(present.max())}"
    counts: Mapping[Any, int] = present.value_counts()[:SHOWN_CATEGORIES].to_dict()
    shown = ", ".join(f"{value} ({count})" for value, count in counts.items())
    return f"{n_values} categories: {shown}{', ...' * (n_values > SHOWN_CATEGORIES)}"


def in_words(column: pd.Series) -> str:
    """Describe a column as it was read, and its gaps."""
    missing = column.isna().mean()
    text = taken_as(column)
    return f"{text}; {missing:.1%} missing" if missing and text != "empty" else text
