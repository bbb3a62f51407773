"""What of a table is kept from a model, and from its file: rare categories, and identifiers.

Everything behind this file, the columns of an encoder and its rules, is learnt from the table as
`Withheld.shown` returns it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from skgen.tables.identifiers import E_MAILS, identifying
from skgen.tables.made_up import MadeUp
from skgen.tables.polars_frames import as_polars, is_polars
from skgen.tables.rare import CommonCategories, common_categories


class Withheld:
    """Rare categories that are merged, and columns of identifiers that are left out or made up.

    Parameters
    ----------
    frame : DataFrame of shape (n_samples, n_features)
        The table.
    names : sequence of str
        The names of its columns.
    min_count : int
        The least number of rows of a category that is kept.
    identifiers : {"keep", "drop", "fake"}
        What becomes of columns that look like identifiers.

    Attributes
    ----------
    n_columns : int
        Columns of the table.
    reasons : dict of str to str
        Why columns look like identifiers, by their names.
    identifiers : dict of int to MadeUp or None
        By position, columns that are not learnt; None for one that does not come back.
    common : dict of int to CommonCategories
        By position, columns with merged categories.
    """

    def __init__(self, frame: pd.DataFrame, names: Sequence[Any], min_count: int, identifiers: str):
        self.n_columns = frame.shape[1]
        self.identifiers: dict[int, MadeUp | None] = {}
        self.common: dict[int, CommonCategories] = {}
        self.reasons: dict[Any, str] = {}
        for j, name in enumerate(names):
            column = frame.iloc[:, j]
            common = common_categories(column, str(name), min_count)
            # A column of identifiers that are merged holds none.
            merged = identifiers == "keep" and common is not None
            reason = identifying(common.merged(column) if common and merged else column, name)
            if reason is not None:
                self.reasons[name] = reason
            if reason is not None and identifiers != "keep":
                made_up = MadeUp(column, str(name), reason == E_MAILS)
                self.identifiers[j] = made_up if identifiers == "fake" else None
            elif common is not None:
                self.common[j] = common
        if self.n_columns and len(self.identifiers) == self.n_columns:
            raise ValueError(
                f"All columns of X look like identifiers or personal data, {self.reasons}: with "
                f"identifiers={identifiers!r} none is left to learn."
            )

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Say in errors about rules that these are to hold in what is learnt of the table."""
        try:
            yield
        except ValueError as error:
            if not self.withholds:
                raise
            what = ["columns of identifiers left out"] if self.identifiers else []
            what += ["rare categories merged"] if self.common else []
            raise ValueError(
                f"{error} Rules are those of the table with {' and '.join(what)}."
            ) from error

    @property
    def withholds(self) -> bool:
        """Whether anything is withheld."""
        return bool(self.identifiers or self.common)

    @property
    def places(self) -> list[int]:
        """The positions of the columns that are learnt."""
        return [j for j in range(self.n_columns) if j not in self.identifiers]

    @property
    def returned(self) -> list[int]:
        """The positions of the columns that come back."""
        return [j for j in range(self.n_columns) if self.identifiers.get(j, self) is not None]

    def widened(self, X: Any, labels: Any) -> Any:
        """Return a table with all columns: those that are not learnt may be left out of it."""
        if not self.identifiers:
            return X
        if not isinstance(X, pd.DataFrame):
            rows = np.asarray(X, dtype=object)
            if rows.ndim != 2 or rows.shape[1] != len(self.places):
                return X
            wide = np.full((len(rows), self.n_columns), None, dtype=object)
            wide[:, self.places] = rows
            return wide
        if labels is None or not X.columns.equals(labels[self.places]):
            return X
        return X.reindex(columns=labels)

    def at(self, X: Any) -> list[int]:
        """Return where the learnt columns are in a table, which may lack the others."""
        return self.places if X.shape[1] == self.n_columns else list(range(len(self.places)))

    def shown(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return what is learnt of a table: its columns but for identifiers, categories merged."""
        if not self.withholds:
            return frame
        columns = {j: frame.iloc[:, k] for j, k in zip(self.places, self.at(frame), strict=True)}
        columns |= {j: common.merged(columns[j]) for j, common in self.common.items()}
        shown = pd.concat(columns.values(), axis=1)
        shown.columns = frame.columns[self.at(frame)]
        return shown

    def restored(self, frame: pd.DataFrame, labels: Any, start: int = 0) -> pd.DataFrame:
        """Return decoded columns with those that are made up, from entry number `start` on."""
        columns = {j: frame.iloc[:, k] for k, j in enumerate(self.places)}
        for j, made_up in self.identifiers.items():
            if made_up is not None:
                columns[j] = made_up.entries(start, len(frame)).set_axis(frame.index)
        whole = pd.concat([columns[j] for j in self.returned], axis=1)
        whole.columns = range(len(self.returned)) if labels is None else labels[self.returned]
        return whole

    def numbered(self, frame: Any, start: int) -> Any:
        """Return a decoded table whose made-up entries begin with number `start`."""
        for j, made_up in self.identifiers.items():
            if made_up is not None:
                entries = made_up.entries(start, len(frame))
                place = self.returned.index(j)
                if isinstance(frame, np.ndarray):
                    frame[:, place] = entries
                elif is_polars(frame):
                    named = entries.rename(frame.columns[place]).to_frame()
                    frame = frame.with_columns(as_polars(named))
                else:
                    frame.isetitem(place, entries.set_axis(frame.index))
        return frame

    def completed(self, X: Any, drawn: Any) -> Any:
        """Return completed rows with the columns of X, those that do not come back as they are."""
        if not self.identifiers:
            return drawn
        given, frame = (Y if isinstance(Y, pd.DataFrame) else pd.DataFrame(Y) for Y in (X, drawn))
        columns = {j: frame.iloc[:, k] for k, j in enumerate(self.returned)}
        wanted = range(self.n_columns) if X.shape[1] == self.n_columns else self.places
        parts = [
            columns[j] if j in columns else given.iloc[:, j].set_axis(frame.index) for j in wanted
        ]
        whole = pd.concat(parts, axis=1)
        whole.columns = given.columns
        return whole if isinstance(drawn, pd.DataFrame) else whole.to_numpy(dtype=drawn.dtype)

    def mended(
        self, frame: pd.DataFrame, series: Sequence[pd.Series], missing: np.ndarray
    ) -> pd.DataFrame:
        """Return rows with other entries in the learnt columns, observed rare categories kept."""
        columns = [frame.iloc[:, k].reset_index(drop=True) for k in range(frame.shape[1])]
        for j, k, column in zip(self.places, self.at(frame), series, strict=True):
            if j in self.common:
                column = columns[k].where(~missing[:, k], column.astype(columns[k].dtype))
            columns[k] = column
        mended = pd.concat(columns, axis=1)
        mended.columns, mended.index = frame.columns, frame.index
        return mended
