"""Frames of polars as frames of pandas, whose columns have Arrow's dtypes, and back."""

from typing import Any

import pandas as pd


def is_polars(X: Any) -> bool:
    """Return whether a table is a frame of polars, even if polars is not installed."""
    return type(X).__module__.partition(".")[0] == "polars" and hasattr(X, "to_pandas")


def as_pandas(X: Any) -> Any:
    """Return a frame of polars as one of pandas, and anything else as it is.

    Columns have Arrow's dtypes, which know gaps and the types of polars; those of categories are
    pandas' own, ordered where they come from an Enum.
    """
    if not is_polars(X):
        return X
    frame = X.to_pandas(use_pyarrow_extension_array=True)
    for name, dtype in X.schema.items():
        kind = type(dtype).__name__
        if kind == "Enum":
            categories = pd.CategoricalDtype(dtype.categories.to_list(), ordered=True)
            frame[name] = pd.Series(X[name].to_list(), dtype=object).astype(categories)
        elif kind == "Categorical":
            frame[name] = pd.Series(X[name].to_list(), dtype=object).astype("category")
    return frame


def as_polars(frame: pd.DataFrame) -> Any:
    """Return a frame of pandas as one of polars, ordered categories as an Enum of them."""
    import polars as pl

    ordered = {
        name: pl.Enum(list(dtype.categories))
        for name, dtype in frame.dtypes.items()
        if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered
    }
    return pl.from_pandas(frame.reset_index(drop=True)).cast(ordered)
