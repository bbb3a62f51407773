"""Checks and subsamples of what the metrics are given."""

import numpy as np
from sklearn.utils import check_array


def check_tables(**tables):
    """Return the named tables as float64 arrays, refusing any that cannot be compared.

    Parameters
    ----------
    **tables : array-like of shape (n_rows, n_features)
        Tables by the name that errors are to give them.

    Returns
    -------
    arrays : list of ndarray of shape (n_rows, n_features)
        In the order given.
    """
    arrays = []
    for name, table in tables.items():
        try:
            arrays.append(check_array(table, dtype=np.float64))
        except ValueError as error:
            raise ValueError(
                f"{name} must be a numeric table without gaps (encode or drop other columns, "
                f"impute or drop missing entries): {error}"
            ) from error

    first, *others = tables
    for name, array in zip(others, arrays[1:], strict=True):
        if array.shape[1] != arrays[0].shape[1]:
            raise ValueError(
                f"{first} has {arrays[0].shape[1]} columns and {name} has {array.shape[1]}: "
                "give both the same columns in the same order."
            )
        here, there = (getattr(tables[key], "columns", None) for key in (first, name))
        if here is not None and there is not None and list(here) != list(there):
            raise ValueError(
                f"The columns of {first}, {list(here)}, and of {name}, {list(there)}, differ: "
                "give both the same columns in the same order."
            )
    return arrays


def check_two_rows(X_real, X_fake):
    """Refuse sets of a single row."""
    if min(len(X_real), len(X_fake)) < 2:
        raise ValueError(
            f"X_real has {len(X_real)} rows and X_fake has {len(X_fake)}: give at least 2 of each."
        )


def subsample(X, n_rows, rng):
    """Return `n_rows` rows of X, drawn without replacement, or all of them where X has no more."""
    return X if len(X) <= n_rows else rng.permutation(X)[:n_rows]
