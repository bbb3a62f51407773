"""Gaps that another column determines, and mutually exclusive entries, in drawn rows.

A column whose gaps are determined is encoded without its gap indicator. Of two mutually exclusive
entries, the one in the second column is replaced by the nearest that is allowed with the first; if
a few rows of fit have both, one more column marks these exceptions.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from skgen.tables.constraints import GapWhere, NeverTogether
from skgen.tables.rule_checks import have_both, is_among


class KeptGaps:
    """A column that is missing exactly where another one has certain entries.

    Parameters
    ----------
    rule : GapWhere
        The rule.
    column, of : _Column
        The column with gaps, and the one that determines them.
    place : int
        Position of ``of`` in the table.

    Attributes
    ----------
    names : list of str
        Names of the encoded columns.
    keys : ndarray of shape (n_entries, n_codes)
        Codes of the distinct entries of ``of``.
    missing : ndarray of shape (n_entries,), bool
        Whether the column is missing where ``of`` has these.
    """

    def __init__(self, rule: GapWhere, column: Any, of: Any, place: int):
        self.rule, self.column, self.of, self.place = rule, column, of, place
        self.names = column.names[: column.n_codes]
        self.keys, self.missing = np.empty((0, 0)), np.empty(0, dtype=bool)

    def learn(self, entries: pd.Series) -> None:
        """Learn `keys` and `missing` from the entries of ``of``."""
        first = entries[~entries.duplicated()]
        self.keys = self.of.encode(first, False, "missing")
        self.missing = is_among(first, self.rule.entries)

    def encode(self, entries: pd.Series, holes: bool, handle_unknown: str) -> np.ndarray:
        """Return the codes of entries, without the gap indicator."""
        return self.column.encode(entries, holes, handle_unknown)[:, : self.column.n_codes]

    def decode(self, block: np.ndarray, of: pd.Series) -> pd.Series:
        """Return the decoded column, given its codes and the decoded ``of``."""
        if not self.column.has_gaps:
            return self.column.decode(block)
        return self.column.decode(np.column_stack([block, self._is_gap(of)]))

    def _is_gap(self, of: pd.Series) -> np.ndarray:
        """Return in which rows the column must be missing, given the entries of ``of``."""
        codes = np.nan_to_num(self.of.encode(of, False, "missing"))
        return self.missing[cKDTree(self.keys).query(codes)[1]]

    def complete(
        self, series: list[pd.Series], missing: np.ndarray, j: int, changed: np.ndarray
    ) -> None:
        """Replace drawn entries of ``of`` that contradict an observed entry of the column.

        Parameters
        ----------
        series : list of Series
            The columns, changed in place.
        missing : ndarray of shape (n_samples, n_features), bool
            Which entries were drawn.
        j : int
            Position of the column in the table.
        changed : ndarray of shape (n_samples, n_features), bool
            Where entries are replaced is marked in it.
        """
        of = series[self.place]
        rows = np.flatnonzero(~missing[:, j] & missing[:, self.place] & self._is_gap(of))
        if len(rows) and not self.missing.all():
            keys = self.keys[~self.missing]
            codes = np.nan_to_num(self.of.encode(of.iloc[rows], False, "missing"))
            nearest = keys[cKDTree(keys).query(codes)[1]]
            series[self.place] = _replaced(of, rows, self.of.decode(nearest))
            changed[rows, self.place] = True


class KeptApart:
    """Mutually exclusive entries of pairs of columns.

    Parameters
    ----------
    rules : list of NeverTogether
        The rules.
    places : list of (int, int)
        Positions in the table of the two columns of each rule.
    columns : list of _Column
        All columns of the table.

    Attributes
    ----------
    codes : dict of int to ndarray
        Codes of the entries of each of the columns, the most frequent first.
    names : list of str
        Name of the encoded column that marks exceptions; empty if fit saw none.
    """

    def __init__(self, rules: list[NeverTogether], places: list[tuple[int, int]], columns: Any):
        # Rules are applied in the order of their second columns.
        order = sorted(range(len(rules)), key=lambda k: places[k][1])
        self.rules = [rules[k] for k in order]
        self.places = [places[k] for k in order]
        self.columns = columns
        self.codes: dict[int, np.ndarray] = {}
        self.names: list[str] = []

    def learn(self, frame: pd.DataFrame) -> None:
        """Learn the codes of the columns' entries, and whether fit has exceptions."""
        if self._exceptions([frame.iloc[:, j] for j in range(frame.shape[1])]).any():
            self.names = ["exception"]
        for k in {k for pair in self.places for k in pair}:
            entries = frame.iloc[:, k].dropna()
            codes = self.columns[k].encode(entries, False, "missing")[:, : self.columns[k].n_codes]
            found, counts = np.unique(codes, axis=0, return_counts=True)
            self.codes[k] = found[np.argsort(-counts, kind="stable")]

    def encode(self, series: list[pd.Series]) -> np.ndarray:
        """Return the marks of exceptions (1 or 0), one column if fit saw any, else none."""
        return self._exceptions(series).astype(np.float64)[:, None][:, : len(self.names)]

    def _exceptions(self, series: Any) -> np.ndarray:
        """Return which rows have two mutually exclusive entries."""
        is_exception = np.zeros(len(series[self.places[0][0]]), dtype=bool)
        for rule, places in zip(self.rules, self.places, strict=True):
            is_exception |= have_both(rule, *[series[k] for k in places])
        return is_exception

    def keep(self, series: dict[int, pd.Series], marks: np.ndarray | None) -> None:
        """Replace mutually exclusive entries of decoded columns, in place.

        Parameters
        ----------
        series : dict of Series
            The decoded columns.
        marks : ndarray of shape (n_samples, 1) or None
            Decoded marks of exceptions; rows above 0.5 are left as they are.
        """
        free = np.ones(len(series[self.places[0][0]]), dtype=bool)
        if marks is not None:
            free = ~(marks[:, 0] > 0.5)
        self._separate(series, lambda k: free)

    def complete(self, series: list[pd.Series], missing: np.ndarray, changed: np.ndarray) -> None:
        """Replace drawn entries that are excluded by others, in place.

        Parameters
        ----------
        series : list of Series
            The columns.
        missing : ndarray of shape (n_samples, n_features), bool
            Which entries were drawn.
        changed : ndarray of shape (n_samples, n_features), bool
            Where entries are replaced is marked in it.
        """
        for k, rows in self._separate(series, lambda k: missing[:, k]):
            changed[rows, k] = True

    def _separate(
        self, series: Any, free: Callable[[int], np.ndarray]
    ) -> list[tuple[int, np.ndarray]]:
        """Replace mutually exclusive entries of some rows, given by the position of the column.

        Second columns come first, and once more at the end, where first ones may have left them
        other entries. Returns the positions of the columns and the rows that were changed.
        """
        changed = []
        for side in (1, 0, 1):
            for rule, places in zip(self.rules, self.places, strict=True):
                k = places[side]
                both = have_both(rule, *[series[place] for place in places])
                rows = np.flatnonzero(free(k) & both)
                self._replace_excluded(series, k, rows)
                changed.append((k, rows))
        return changed

    def _replace_excluded(self, series: Any, k: int, rows: np.ndarray) -> None:
        """Replace entries of one column by the nearest that no other column excludes."""
        if not len(rows):
            return
        column, codes = self.columns[k], self.codes[k]
        marks = np.zeros((len(codes), len(column.names) - column.n_codes))
        entries = column.decode(np.column_stack([codes, marks]))
        excluded = np.zeros((len(rows), len(codes)), dtype=bool)
        for rule, places in zip(self.rules, self.places, strict=True):
            if k in places:
                other = places[0] if k == places[1] else places[1]
                other_entries = series[other].iloc[rows]
                for pair in rule.pairs:
                    own, others = pair if k == places[0] else pair[::-1]
                    is_other = is_among(other_entries, [others])
                    excluded |= is_other[:, None] & is_among(entries, [own])
        drawn_codes = column.encode(series[k].iloc[rows], False, "missing")[:, : column.n_codes]
        distances = ((drawn_codes[:, None] - codes) ** 2).sum(2)
        chosen = np.where(excluded, np.inf, distances).argmin(1)
        series[k] = _replaced(series[k], rows, entries.iloc[chosen])


def _replaced(column: pd.Series, rows: np.ndarray, entries: pd.Series) -> pd.Series:
    """Return a copy of a column with other entries in some rows."""
    column = column.copy()
    column.iloc[rows] = entries.to_numpy()
    return column
