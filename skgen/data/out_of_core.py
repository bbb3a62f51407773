"""Rows too many to hold: where they lie, which are looked at first, how the others are read.

A fit learns scales, axes and the like from a survey, a random part of bounded size, and reads the
rest when its turn comes, a few thousand rows at a time. Rows may lie in memory, in a memory map,
or in anything on disk that has a ``shape``, a ``dtype`` and ``chunks`` and is cut by rows, as the
arrays of zarr, h5py and dask are.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_array
from torch import Tensor

from skgen.data.checks import check_largest
from skgen.data.row_map import Data, RowMap, Rows

# Tables up to this size are held and seen whole.
SURVEYED_ROWS, SURVEYED_ENTRIES = 100_000, 2**26
# Entries read at a time; rows beside one another on disk that are read together, and the least
# number of such places that are mixed; and runs that an order is drawn of.
READ_ENTRIES, STORED_RUN, MIXED_RUNS, MAX_RUNS = 2**22, 256, 64, 2**22


def is_stored(X: Any) -> bool:
    """Tell whether rows lie on disk, to be read a part at a time."""
    parts = ("shape", "dtype", "chunks")
    return isinstance(X, np.memmap) or all(hasattr(X, name) for name in parts)


def most_surveyed(n_features: int) -> int:
    """Return how many rows of a width are held and seen whole."""
    return min(SURVEYED_ROWS, max(1, SURVEYED_ENTRIES // max(1, n_features)))


def most_read(n_features: int) -> int:
    """Return how many rows of a width are read at a time."""
    return max(1, READ_ENTRIES // max(1, n_features))


def run_length(X: Any) -> int:
    """Return how many rows beside one another are read together.

    One where every row can be had alone, unless there are so many that their order alone would
    take too much memory; more on disk, where rows come in chunks.
    """
    n_rows, n_features = X.shape
    stored = 1 if isinstance(X, np.ndarray) else min(STORED_RUN, _chunk_rows(X))
    mixed = max(1, most_read(n_features) // MIXED_RUNS)
    return max(min(stored, mixed), -(-n_rows // MAX_RUNS))


def _chunk_rows(X: Any) -> int:
    # One length for all chunks in zarr and h5py, a tuple of lengths in dask; none where an array
    # lies in one piece.
    chunk: Any = X.chunks[0] if X.chunks else STORED_RUN
    return int(chunk) if isinstance(chunk, Integral) else int(max(chunk))


def survey(X: Any) -> np.ndarray:
    """Return the numbers of a random part of the rows, in order: the same ones each time."""
    n_rows, n_features = X.shape
    run = run_length(X)
    n_runs = most_surveyed(n_features) // run
    chosen = np.random.default_rng(0).choice(n_rows // run, n_runs, replace=False)
    return (np.sort(chosen)[:, None] * run + np.arange(run)).ravel()


def taken(X: Any, index: np.ndarray) -> Any:
    """Return the rows of the given numbers, which increase; a frame where columns have names."""
    if isinstance(X, np.ndarray):
        return np.asarray(X[index])
    # One slice a chunk: what lies on disk is decompressed once, and one chunk of it is held.
    chunk = _chunk_rows(X)
    cuts = np.flatnonzero(np.diff(index // chunk)) + 1
    parts = [np.asarray(X[p[0] : p[-1] + 1])[p - p[0]] for p in np.split(index, cuts)]
    return named(np.concatenate(parts), X)


def surveyed(X: Any) -> Any:
    """Return rows, of too many to hold a random part."""
    return X if X.shape[0] <= most_surveyed(X.shape[1]) else taken(X, survey(X))


def named(rows: np.ndarray, X: Any) -> Any:
    """Return rows with the names that the columns of X have, if any."""
    return pd.DataFrame(rows, columns=list(X.columns)) if hasattr(X, "columns") else rows


def pieces(X: Any) -> Iterator[tuple[slice, Any]]:
    """Yield all rows from front to back, a bounded number at a time, and which they are."""
    n_rows, n_features = X.shape
    size = most_read(n_features)
    for start in range(0, n_rows, size):
        part = slice(start, min(start + size, n_rows))
        yield part, named(np.asarray(X[part]), X)


@contextmanager
def located(where: str | None) -> Iterator[None]:
    """Say in which rows it was that a value was wrong, where not all of them are looked at."""
    try:
        yield
    except ValueError as error:
        if where is None:
            raise
        raise ValueError(f"{where}: {error}") from error


class OutOfCoreRows:
    """Rows of a fit that are too many to be held, and what goes with them, in pieces.

    Scales and the like are learnt from a survey, a random part of the rows.

    Parameters
    ----------
    data : Data
        The rows, in memory or on disk.
    validate : callable
        ``validate(X, rows=numbers, reset=reset)`` returns rows on disk as numbers, or raises.
    """

    def __init__(self, data: Data, validate: Callable[..., np.ndarray]):
        self.data, self.validate = data, validate
        self.n_rows, n_features = data.X.shape
        self.run, self.most = run_length(data.X), most_read(n_features)
        self.surveyed = survey(data.X)

    def survey(self, reset: bool) -> Data:
        """Return the surveyed rows, and what goes with them."""
        X = taken(self.data.X, self.surveyed)
        if is_stored(self.data.X):
            X = self.validate(X, rows=self.surveyed, reset=reset)
        return replace(self.data.beside(self.surveyed), X=X, source=self.data.source)

    def check(self, row_map: RowMap, digest: Callable[..., Any] | None) -> dict[str, Any]:
        """Look at every row once, so that what is wrong is told before training.

        Return the digests of the rows, and of what goes with each, by name, where a way to make
        them is given.
        """
        # The same rows that are read in other runs come in another order.
        context = self.n_rows, self.run
        digests: dict[str, Any] = {}
        for part, X in pieces(self.data.X):
            numbers = np.arange(*part.indices(self.n_rows))
            with located(f"In the rows of X from {part.start} on"):
                if is_stored(self.data.X):
                    X = self.validate(X, rows=numbers, reset=False)
                check_largest(X, "X")
                data = row_map.check(replace(self.data.beside(part), X=X))
                condition = row_map.encode(data.condition, len(X))
            for name, values in (
                ("X", data.X),
                ("condition", condition),
                ("lengths", data.lengths),
            ):
                if digest is not None and values is not None:
                    digests.setdefault(name, digest(context)).add(values)
        return digests

    def rest(
        self, row_map: RowMap, held_out: Tensor | None
    ) -> tuple[int, Callable[[np.ndarray], Rows]]:
        """Return how many rows are left to learn from, and what reads those of given numbers.

        All are but those of the survey that are held out.
        """
        held = np.empty(0, np.int64) if held_out is None else self.surveyed[held_out.numpy()]
        # The number of a row among the others is less by as many as are held out before it.
        before = np.sort(held) - np.arange(len(held))

        def read(index: np.ndarray) -> Rows:
            index = index + np.searchsorted(before, index, side="right")
            X = check_array(taken(self.data.X, index), dtype=[np.float64, np.float32])
            data = row_map.check(replace(self.data.beside(index), X=X))
            return row_map.forward(data).single(slice(None))

        return self.n_rows - len(held), read
