"""Checks and subsamples of the metrics' arguments."""

import numpy as np
import pandas as pd
from sklearn.utils import check_array, column_or_1d

from ._frames import as_numbers, check_widths, matched_tables, mixed_frames


def check_tables(**tables):
    """Return the named tables as float64 arrays, refusing any that cannot be compared.

    Parameters
    ----------
    **tables : array-like or frame of shape (n_rows, n_features)
        Tables by the name that errors are to give them.

    Returns
    -------
    arrays : list of ndarray of shape (n_rows, n_features)
        In the order given. Where a table has categories, text, dates or gaps, the columns are
        those of their numbers; see `skgen.metrics._frames`.
    """
    return named_tables(**tables)[0]


def named_tables(**tables):
    """Return what `check_tables` does, and the names of the columns.

    Parameters
    ----------
    **tables : array-like or frame of shape (n_rows, n_features)
        Tables by the name that errors are to give them.

    Returns
    -------
    arrays : list of ndarray of shape (n_rows, n_features)
        In the order given.

    names : list or None
        Names of their columns, where the first table has any, or they are mixed.
    """
    tables = matched_tables(tables)
    frames = mixed_frames(tables)
    if frames is not None:
        tables = as_numbers(frames)
    arrays = []
    for name, table in tables.items():
        try:
            arrays.append(check_array(table, dtype=np.float64))
        except ValueError as error:
            raise ValueError(
                f"{name} must be a numeric table without gaps, or a frame, whose categories, dates "
                f"and gaps are judged too: {error}"
            ) from error

    first, *others = tables
    for name, array in zip(others, arrays[1:], strict=True):
        check_widths(first, arrays[0].shape[1], name, array.shape[1])
    columns = getattr(tables[first], "columns", None)
    return arrays, None if columns is None else list(columns)


def check_labels(**labels):
    """Return the named labels as arrays of shape (n_rows,), refusing missing ones."""
    arrays = [column_or_1d(column) for column in labels.values()]
    for name, array in zip(labels, arrays, strict=True):
        missing = pd.isna(array)
        if missing.any():
            raise ValueError(
                f"{name} has no entry in row {missing.argmax()}: leave out rows without a label."
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
