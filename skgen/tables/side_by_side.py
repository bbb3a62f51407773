"""A matrix assembled from blocks of columns, a chunk of rows at a time.

The rows of a chunk fit in the processor's cache. A block is an array of shape (n, k), or an object
that returns one for a slice of its rows.
"""

from typing import Any

import numpy as np

# Rows of a chunk.
MANY_ROWS = 4096


class Lookup:
    """A block of columns whose rows are looked up in a small table.

    Parameters
    ----------
    table : ndarray of shape (n_entries, n_columns)
        The distinct rows.
    places : ndarray of shape (n,), int
        The position in the table of each row of the block.
    """

    def __init__(self, table: np.ndarray, places: np.ndarray):
        self.table, self.places = table, places
        self.shape = len(places), table.shape[1]

    def __getitem__(self, rows: slice) -> np.ndarray:
        return np.take(self.table, self.places[rows], axis=0)


class Scaled:
    """A block of one column: numbers divided by a scale.

    Parameters
    ----------
    numbers : ndarray of shape (n,)
        The numbers.
    scale : float
        The scale.
    """

    def __init__(self, numbers: np.ndarray, scale: float):
        self.numbers, self.scale = numbers, scale
        self.shape = len(numbers), 1

    def __getitem__(self, rows: slice) -> np.ndarray:
        return (self.numbers[rows] / self.scale)[:, None]


def beside(blocks: list[Any]) -> np.ndarray:
    """Return blocks of columns joined to one matrix.

    Parameters
    ----------
    blocks : list of ndarray, Lookup or Scaled of shape (n, k)
        The blocks, of n rows each; k may be 0.

    Returns
    -------
    Z : ndarray of shape (n, n_columns), float64
        The matrix.
    """
    n = blocks[0].shape[0] if blocks else 0
    ends = np.cumsum([0] + [block.shape[1] for block in blocks]).tolist()
    Z = np.empty((n, ends[-1]))
    for start in range(0, n, MANY_ROWS):
        rows = slice(start, start + MANY_ROWS)
        part = Z[rows]
        for block, first, last in zip(blocks, ends, ends[1:], strict=False):
            if last - first == 1:
                part[:, first] = block[rows][:, 0]
            elif last > first:
                part[:, first:last] = block[rows]
    return Z
