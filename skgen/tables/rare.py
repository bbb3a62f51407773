"""Categories that few rows have, merged into one.

A table with rare categories says much about the rows that have them. They become one category: a
word in columns of texts, and a missing entry in others, which cannot hold a word.
"""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_object_dtype

from skgen.tables.columns import _Labels, _make
from skgen.tables.dtypes import as_objects, described, dtype_of

# The word that stands for rare categories.
WORD = "other"


class CommonCategories:
    """The categories of a column that enough rows have; all others are merged.

    Parameters
    ----------
    column : Series
        The column, whose entries are categories.
    min_count : int
        The least number of rows.

    Attributes
    ----------
    kept : ndarray of object
        The categories that stay.
    has_rare : bool
        Whether any row had another one. If not, other entries are left to the encoder to refuse.
    word : str or None
        What the others become; None for a missing entry.
    dtype : dtype
        The dtype of the merged column: that of the column, with its categories but for rare ones.
    """

    def __init__(self, column: pd.Series, min_count: int):
        self.of_objects = is_object_dtype(column.dtype)
        present = column.dropna().astype(object)
        counts = Counter(map(self._key, present))
        first: dict[Any, Any] = {}
        for value in present:
            first.setdefault(self._key(value), value)
        enough = {key for key, count in counts.items() if count >= min_count}
        self.kept = as_objects([value for key, value in first.items() if key in enough])
        self._known = enough
        self.has_rare = len(enough) < len(counts)
        dtype: Any = column.dtype
        is_ordered = isinstance(dtype, pd.CategoricalDtype) and dtype.ordered
        takes_word = not is_ordered and all(isinstance(value, str) for value in first.values())
        self.word = _unlike(first.values()) if takes_word and self.has_rare else None
        if isinstance(dtype, pd.CategoricalDtype):
            names = dtype.categories
            self.all_kept = self._known >= set(map(self._key, names))
            names = names[[self._key(value) in enough for value in names]]
            if self.word is not None:
                names = names.append(pd.Index([self.word], dtype=names.dtype))
            dtype = pd.CategoricalDtype(names, dtype.ordered)
        else:
            self.all_kept = not self.has_rare
        self.dtype = dtype

    def _key(self, value: Any) -> Any:
        # As in columns of categories: 1, 1.0 and True are equal, but not the same object.
        return (type(value), value) if self.of_objects else value

    def merged(self, column: pd.Series) -> pd.Series:
        """Return a column with one category, or gaps, in the place of all that are not kept."""
        entries = column.astype(object)
        rare = ~np.array([self._key(value) in self._known for value in entries], dtype=bool)
        rare &= ~column.isna().to_numpy()
        if rare.any() and not self.has_rare:
            return column
        entries.iloc[np.flatnonzero(rare)] = self.word
        return entries.astype(self.dtype)

    def __getstate__(self) -> dict[str, Any]:
        state = {k: v for k, v in self.__dict__.items() if k != "_known"}
        return {**state, "dtype": described(self.dtype)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if isinstance(self.dtype, str | dict):
            self.dtype = dtype_of(self.dtype)
        self._known = {self._key(value) for value in self.kept}


def common_categories(column: pd.Series, name: str, min_count: int) -> CommonCategories | None:
    """Return which categories of a column stay; None if all do, or if it has no categories.

    Numbers, times and truth values are no categories.
    """
    if min_count == 1 or is_bool_dtype(column.dtype) or not column.notna().any():
        return None
    if not isinstance(column.dtype, pd.CategoricalDtype):
        if not isinstance(_make(column, name, 2), _Labels):
            return None
        if set(map(type, column.dropna().astype(object))) <= {bool, np.bool_}:
            return None
    common = CommonCategories(column, min_count)
    return None if common.all_kept else common


def _unlike(categories: Any) -> str:
    """Return a word that none of the categories is, in small letters or capitals."""
    taken = {str(value).casefold().strip() for value in categories}
    word, k = WORD, 1
    while word in taken:
        k += 1
        word = f"{WORD}_{k}"
    return word
