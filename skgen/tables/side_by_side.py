"""Columns of a matrix side by side: what each holds is computed some rows at a time.

So many rows of all columns stay in a cache. A column is an array of shape (n, k), or gives one for
a slice of its rows.
"""

from typing import Any

import numpy as np

# Rows that are put together at a time.
MANY_ROWS = 4096


class Lookup:
    """Columns whose rows are rows of a small table.

    Parameters
    ----------
    table : ndarray of shape (n_entries, n_columns)
        The different rows.
    places : ndarray of shape (n,), int
        Which of them each row is.
    """

    def __init__(self, table: np.ndarray, places: np.ndarray):
        self.table, self.places = table, places
        self.shape = len(places), table.shape[1]

    def __getitem__(self, rows: slice) -> np.ndarray:
        return np.take(self.table, self.places[rows], axis=0)


class Scaled:
    """One column of numbers, divided by a scale.

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
    """Put columns side by side.

    Parameters
    ----------
    blocks : list of ndarray, Lookup or Scaled of shape (n, k)
        The columns, some of which may be none.

    Returns
    -------
    Z : ndarray of shape (n, n_columns), float64
        All of them.
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
