"""One column of a table: codes of its entries, a mark of its gaps, and the way back."""

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_object_dtype

from skgen import storage
from skgen.tables.dtypes import described, dtype_of

# Objects that stand for a missing entry.
MARKERS = {"NA": pd.NA, "NaT": pd.NaT}


def _of_dtype(values: Any, missing: np.ndarray, dtype: Any, marker: Any, name: str) -> pd.Series:
    """Return values as a column of a dtype, with its missing entries."""
    if is_object_dtype(dtype):
        column = pd.Series(np.empty(len(values), dtype=object))
        column[:] = values
        column[missing] = marker
        return column
    if isinstance(dtype, pd.ArrowDtype):
        # Not by mask, which fails for some of Arrow's types where all is missing.
        entries = np.array(values, dtype=object)
        entries[missing] = None
        column = pd.Series(entries, dtype=object)
        if type(dtype.pyarrow_dtype).__name__ == "DictionaryType":
            # Arrow makes no dictionary of objects such as dates.
            column = column.astype(pd.ArrowDtype(dtype.pyarrow_dtype.value_type))
        return column.astype(dtype)
    column = pd.Series(values).astype(dtype)
    if not missing.any():
        return column
    if isinstance(dtype, np.dtype) and dtype.kind in "iub":
        raise ValueError(
            f"Column {name!r} of dtype {dtype} cannot hold the missing entry of row "
            f"{int(missing.argmax())}; impute the rows, or fit a frame of a nullable dtype."
        )
    return column.mask(missing)


def _check_saved(value: Any, what: str) -> None:
    """Raise a TypeError that begins with `what` if no file can hold a value."""
    reason = storage.reason_not_saved(value)
    if reason is not None:
        raise TypeError(
            f"{what} {reason}, which no model file can hold. Convert it, such as by astype(str), "
            "to_datetime or tz_convert, or register its class with skgen.persistence.register."
        )


class _Column:
    """One column of a table: encodes its entries, marks its gaps, and decodes both.

    Attributes
    ----------
    names : list of str
        Its columns in the matrix: the codes, and the mark of gaps if there were any in fit.
    filler : float or ndarray of shape (n_codes,)
        The codes of a missing entry.
    """

    filler: Any = 0.0

    def __init__(self, column: pd.Series, name: str):
        self.name, self.dtype = name, column.dtype
        missing = column.isna().to_numpy()
        self.has_gaps = bool(missing.any())
        self.marker = column[missing].iloc[0] if self.has_gaps else None
        self.names = self._learn(column[~missing])
        self.n_codes = len(self.names)
        if self.has_gaps:
            self.names = [*self.names, name + "_missing"]

    def _learn(self, present: pd.Series) -> list[str]:
        """Learn from the present entries; return the names of the codes."""
        raise NotImplementedError

    def _codes(self, present: pd.Series) -> np.ndarray:
        """Return the codes of entries, (n, n_codes)."""
        raise NotImplementedError

    def _entries(self, codes: np.ndarray) -> Any:
        """Return the entries that are nearest to some codes."""
        raise NotImplementedError

    def allow_only(self, entries: pd.Series) -> None:
        """Let what is decoded be one of some entries, where it could be another one.

        Categories are decoded as those of fit, which are among the entries.
        """

    def _unknown(self, present: pd.Series, handle_unknown: str) -> Any:
        """Return which entries have no code, or raise if asked to."""
        return np.zeros(len(present), dtype=bool)

    def unseen(self, column: pd.Series) -> np.ndarray:
        """Return which entries have no code."""
        missing = np.array(column.isna())
        unseen = missing & (not self.has_gaps)
        unseen[~missing] = self._unknown(column[~missing], "missing")
        return unseen

    def encode(self, column: pd.Series, holes: bool, handle_unknown: str) -> np.ndarray:
        """Return the columns of the matrix; for holes, NaN in the codes of missing entries."""
        missing = np.array(column.isna())
        present = column[~missing] if missing.any() else column
        unknown = self._unknown(present, handle_unknown)
        if unknown.any():
            missing[~missing] = unknown
            present = column[~missing]
        block = np.asarray(self._codes(present), dtype=np.float64)
        if missing.any():
            block, there = np.full((len(column), self.n_codes), np.nan), block
            block[~missing] = there
        if not self.has_gaps:
            return block
        if not holes and missing.any():
            block[missing] = self.filler
        # An entry to be imputed is present, but unknown.
        mark = np.zeros(len(column)) if holes else missing.astype(np.float64)
        return np.column_stack([block, mark])

    def block(self, column: pd.Series, holes: bool, handle_unknown: str) -> Any:
        """Return what `encode` does, or what computes it some rows at a time."""
        return self.encode(column, holes, handle_unknown)

    def decode(self, block: np.ndarray) -> pd.Series:
        """Return the column for any rows of the matrix, such as drawn ones."""
        codes = block[:, : self.n_codes]
        missing = np.isnan(codes).any(1)
        codes = np.where(missing[:, None], self.filler, codes)
        if self.has_gaps:
            missing = missing | (block[:, -1] > 0.5)
        return _of_dtype(self._entries(codes), missing, self.dtype, self.marker, self.name)

    def __getstate__(self) -> dict[str, Any]:
        names = {id(marker): name for name, marker in MARKERS.items()}
        marker = names.get(id(self.marker), self.marker)
        return {**self.__dict__, "dtype": described(self.dtype), "marker": marker}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if isinstance(self.dtype, str | dict):
            self.dtype = dtype_of(self.dtype)
        if isinstance(self.marker, str):
            self.marker = MARKERS[self.marker]

    def check_saved(self) -> None:
        """Raise if no file can hold an entry or the dtype: after training it would be too late."""
        _check_saved(described(self.dtype), f"Column {self.name!r} is of dtype {self.dtype}, and")
        _check_saved(self.marker, f"Column {self.name!r} holds")

    def _refuse(self, value: Any, row: Any, what: str) -> ValueError:
        return ValueError(f"Column {self.name!r} has {value!r} in row {row}, {what}")
