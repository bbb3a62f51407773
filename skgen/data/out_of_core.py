"""Rows that do not fit into memory: which are read first, and how the others are read.

A fit learns scales, axes and the like from a survey, a random part of bounded size. It reads the
other rows during training, a few thousand at a time. Rows may be in memory, in a memory map, or in
any array on disk with a ``shape``, a ``dtype``, ``chunks`` and slices of rows, such as those of
zarr, h5py and dask.
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

# Tables up to this size are read into memory.
SURVEYED_ROWS, SURVEYED_ENTRIES = 100_000, 2**26
# Entries read at a time; neighbouring rows on disk that are read together as a run; the fewest runs
# whose rows are mixed; and the most runs that are put in random order.
READ_ENTRIES, STORED_RUN, MIXED_RUNS, MAX_RUNS = 2**22, 256, 64, 2**22


def is_stored(X: Any) -> bool:
    """Return whether rows are on disk, to be read a part at a time."""
    parts = ("shape", "dtype", "chunks")
    return isinstance(X, np.memmap) or all(hasattr(X, name) for name in parts)


def most_surveyed(n_features: int) -> int:
    """Return how many rows of a width are held in memory."""
    return min(SURVEYED_ROWS, max(1, SURVEYED_ENTRIES // max(1, n_features)))


def most_read(n_features: int) -> int:
    """Return how many rows of a width are read at a time."""
    return max(1, READ_ENTRIES // max(1, n_features))


def run_length(X: Any) -> int:
    """Return how many neighbouring rows are read together.

    One where rows can be read singly, unless they are so many that their order alone would take too
    much memory; more on disk, where rows are stored in chunks.
    """
    n_rows, n_features = X.shape
    stored = 1 if isinstance(X, np.ndarray) else min(STORED_RUN, _chunk_rows(X))
    mixed = max(1, most_read(n_features) // MIXED_RUNS)
    return max(min(stored, mixed), -(-n_rows // MAX_RUNS))


def _chunk_rows(X: Any) -> int:
    # One length for all chunks in zarr and h5py, a tuple of lengths in dask, None for an array
    # without chunks.
    chunk: Any = X.chunks[0] if X.chunks else STORED_RUN
    return int(chunk) if isinstance(chunk, Integral) else int(max(chunk))


def survey(X: Any) -> np.ndarray:
    """Return the numbers of a random part of the rows, increasing and the same each time."""
    n_rows, n_features = X.shape
    run = run_length(X)
    n_runs = most_surveyed(n_features) // run
    chosen = np.random.default_rng(0).choice(n_rows // run, n_runs, replace=False)
    return (np.sort(chosen)[:, None] * run + np.arange(run)).ravel()


def taken(X: Any, index: np.ndarray) -> Any:
    """Return the rows of the given numbers, which increase; a frame where columns have names."""
    if isinstance(X, np.ndarray):
        return np.asarray(X[index])
    # One slice per chunk: each chunk is decompressed once, and one is in memory at a time.
    chunk = _chunk_rows(X)
    cuts = np.flatnonzero(np.diff(index // chunk)) + 1
    parts = [np.asarray(X[p[0] : p[-1] + 1])[p - p[0]] for p in np.split(index, cuts)]
    return named(np.concatenate(parts), X)


def surveyed(X: Any) -> Any:
    """Return rows, or a random part where they are too many for memory."""
    return X if X.shape[0] <= most_surveyed(X.shape[1]) else taken(X, survey(X))


def named(rows: np.ndarray, X: Any) -> Any:
    """Return rows with the names that the columns of X have, if any."""
    return pd.DataFrame(rows, columns=list(X.columns)) if hasattr(X, "columns") else rows


def pieces(X: Any) -> Iterator[tuple[slice, Any]]:
    """Yield all rows from first to last, a bounded number at a time, with their slices."""
    n_rows, n_features = X.shape
    size = most_read(n_features)
    for start in range(0, n_rows, size):
        part = slice(start, min(start + size, n_rows))
        yield part, named(np.asarray(X[part]), X)


@contextmanager
def located(where: str | None) -> Iterator[None]:
    """Add to an error which rows were read, if not all of them were."""
    try:
        yield
    except ValueError as error:
        if where is None:
            raise
        raise ValueError(f"{where}: {error}") from error


class OutOfCoreRows:
    """Rows of a fit that do not fit into memory, and what goes with them, in pieces.

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
        """Read every row once, so that errors are raised before training.

        Return the digests of the rows and of what goes with them, by name, if ``digest`` is given.
        """
        # The order of the rows depends on the length of a run.
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
            parts = {"X": data.X, "condition": condition, "lengths": data.lengths}
            for name, values in parts.items():
                if digest is not None and values is not None:
                    digests.setdefault(name, digest(context)).add(values)
        return digests

    def rest(
        self, row_map: RowMap, held_out: Tensor | None
    ) -> tuple[int, Callable[[np.ndarray], Rows]]:
        """Return the number of training rows, and a function that reads those of given numbers.

        These are all rows but the held-out ones of the survey.
        """
        held = np.empty(0, np.int64) if held_out is None else self.surveyed[held_out.numpy()]
        # A row's number among the training rows is smaller by the held-out rows before it.
        before = np.sort(held) - np.arange(len(held))

        def read(index: np.ndarray) -> Rows:
            index = index + np.searchsorted(before, index, side="right")
            X = check_array(taken(self.data.X, index), dtype=[np.float64, np.float32])
            data = row_map.check(replace(self.data.beside(index), X=X))
            return row_map.forward(data).single(slice(None))

        return self.n_rows - len(held), read
