"""Gaps that another column tells, and entries that exclude each other: how drawn rows keep them.

A column whose gaps are told is coded without the mark of its gaps. Of two entries that no row may
have together, the one of the second column becomes the nearest that goes with the first; where a
few rows of fit have them, one more column marks these.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from skgen.tables.constraints import GapWhere, NeverTogether
from skgen.tables.rule_checks import have_both, is_among


class KeptGaps:
    """A column that is missing where another one has certain entries.

    Parameters
    ----------
    rule : GapWhere
        The rule.
    column, of : _Column
        Both columns.
    place : int
        Where the other one is in the table.

    Attributes
    ----------
    names : list of str
        Columns of the matrix that it takes.
    keys : ndarray of shape (n_entries, n_codes)
        Codes of the entries of the other column.
    missing : ndarray of shape (n_entries,), bool
        Whether the column is missing where these are.
    """

    def __init__(self, rule: GapWhere, column: Any, of: Any, place: int):
        self.rule, self.column, self.of, self.place = rule, column, of, place
        self.names = column.names[: column.n_codes]
        self.keys, self.missing = np.empty((0, 0)), np.empty(0, dtype=bool)

    def learn(self, entries: pd.Series) -> None:
        """Learn from the entries of the other column."""
        first = entries[~entries.duplicated()]
        self.keys = self.of.encode(first, False, "missing")
        self.missing = is_among(first, self.rule.entries)

    def encode(self, entries: pd.Series, holes: bool, handle_unknown: str) -> np.ndarray:
        """Return the codes of entries, without a mark of gaps."""
        return self.column.encode(entries, holes, handle_unknown)[:, : self.column.n_codes]

    def decode(self, block: np.ndarray, of: pd.Series) -> pd.Series:
        """Return the column, given its codes and the other column."""
        if not self.column.has_gaps:
            return self.column.decode(block)
        return self.column.decode(np.column_stack([block, self._is_gap(of)]))

    def _is_gap(self, of: pd.Series) -> np.ndarray:
        codes = np.nan_to_num(self.of.encode(of, False, "missing"))
        return self.missing[cKDTree(self.keys).query(codes)[1]]

    def complete(self, series: list[pd.Series], missing: np.ndarray, j: int) -> None:
        """Let a drawn entry of the other column be one that goes with what is observed of this.

        Parameters
        ----------
        series : list of Series
            The columns, changed in place.
        missing : ndarray of shape (n_samples, n_features), bool
            Which entries were drawn.
        j : int
            Where the column is in the table.
        """
        of = series[self.place]
        rows = np.flatnonzero(~missing[:, j] & missing[:, self.place] & self._is_gap(of))
        if len(rows) and not self.missing.all():
            keys = self.keys[~self.missing]
            codes = np.nan_to_num(self.of.encode(of.iloc[rows], False, "missing"))
            nearest = keys[cKDTree(keys).query(codes)[1]]
            moved = of.copy()
            moved.iloc[rows] = self.of.decode(nearest).to_numpy()
            series[self.place] = moved


class KeptApart:
    """Entries of pairs of columns that exclude each other.

    Parameters
    ----------
    rules : list of NeverTogether
        The rules.
    places : list of (int, int)
        Where the two columns of each are in the table.
    columns : list of _Column
        All columns of the table.

    Attributes
    ----------
    codes : dict of int to ndarray
        Codes of the entries of each of the columns, the most frequent first.
    names : list of str
        The column that marks exceptions, if there are any.
    """

    def __init__(self, rules: list[NeverTogether], places: list[tuple[int, int]], columns: Any):
        # A column is settled before those that come after it.
        order = sorted(range(len(rules)), key=lambda k: places[k][1])
        self.rules = [rules[k] for k in order]
        self.places = [places[k] for k in order]
        self.columns = columns
        self.codes: dict[int, np.ndarray] = {}
        self.names: list[str] = []

    def learn(self, frame: pd.DataFrame) -> None:
        """Learn the entries of the columns."""
        if self._exceptions([frame.iloc[:, j] for j in range(frame.shape[1])]).any():
            self.names = ["exception"]
        for k in {k for pair in self.places for k in pair}:
            entries = frame.iloc[:, k].dropna()
            codes = self.columns[k].encode(entries, False, "missing")[:, : self.columns[k].n_codes]
            found, counts = np.unique(codes, axis=0, return_counts=True)
            self.codes[k] = found[np.argsort(-counts, kind="stable")]

    def encode(self, series: list[pd.Series]) -> np.ndarray:
        """Return the marks of exceptions, a column if fit saw any."""
        return self._exceptions(series).astype(np.float64)[:, None][:, : len(self.names)]

    def _exceptions(self, series: Any) -> np.ndarray:
        off = np.zeros(len(series[self.places[0][0]]), dtype=bool)
        for rule, places in zip(self.rules, self.places, strict=True):
            off |= have_both(rule, *[series[k] for k in places])
        return off

    def keep(self, series: dict[int, pd.Series], marks: np.ndarray | None) -> None:
        """Move entries, in place, to the nearest that go with those of other columns.

        Parameters
        ----------
        series : dict of Series
            The decoded columns.
        marks : ndarray of shape (n_samples, 1) or None
            Marks of exceptions, which stay.
        """
        free = np.ones(len(series[self.places[0][0]]), dtype=bool)
        if marks is not None:
            free = ~(marks[:, 0] > 0.5)
        for side in (1, 0):
            for rule, places in zip(self.rules, self.places, strict=True):
                rows = np.flatnonzero(free & have_both(rule, *[series[k] for k in places]))
                self._move(series, places[side], rows)

    def complete(self, series: list[pd.Series], missing: np.ndarray) -> None:
        """Move drawn entries of completed rows, in place.

        Parameters
        ----------
        series : list of Series
            The columns.
        missing : ndarray of shape (n_samples, n_features), bool
            Which entries were drawn.
        """
        for side in (1, 0):
            for rule, places in zip(self.rules, self.places, strict=True):
                off = have_both(rule, *[series[k] for k in places])
                self._move(series, places[side], np.flatnonzero(off & missing[:, places[side]]))

    def _move(self, series: Any, k: int, rows: np.ndarray) -> None:
        """Let entries of one column be the nearest that go with those of the others."""
        if not len(rows):
            return
        column, codes = self.columns[k], self.codes[k]
        marks = np.zeros((len(codes), len(column.names) - column.n_codes))
        entries = column.decode(np.column_stack([codes, marks]))
        apart = np.zeros((len(rows), len(codes)), dtype=bool)
        for rule, places in zip(self.rules, self.places, strict=True):
            if k in places:
                other = places[0] if k == places[1] else places[1]
                there = series[other].iloc[rows]
                for pair in rule.pairs:
                    own, others = pair if k == places[0] else pair[::-1]
                    apart |= is_among(there, [others])[:, None] & is_among(entries, [own])
        drawn = column.encode(series[k].iloc[rows], False, "missing")[:, : column.n_codes]
        far = ((drawn[:, None] - codes) ** 2).sum(2)
        chosen = np.where(apart, np.inf, far).argmin(1)
        moved = series[k].copy()
        moved.iloc[rows] = entries.iloc[chosen].to_numpy()
        series[k] = moved
