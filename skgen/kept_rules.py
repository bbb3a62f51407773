"""How the columns of a table keep a rule: what is encoded in the place of one, and the way back.

Of ``low <= high`` the difference is encoded in the place of ``high``, and of the other rules of
:mod:`skgen.constraints` nothing in the place of their target. Rows whose gaps were drawn are
mended: what was observed stays, and what was drawn moves.
"""

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype
from scipy.spatial import cKDTree

from skgen.columns import MAX_DECIMALS, _make, _of_dtype
from skgen.constraints import FunctionOf, Inequality, Product, as_numbers, combined, tolerance

# Of a factor that is drawn, how many steps away others are tried.
MOST_STEPS = 50


class KeptRule:
    """A rule, and what takes the place of its target among the columns that are encoded.

    Parameters
    ----------
    rule : Inequality, Sum, Product or FunctionOf
        The rule.
    inputs : list of int
        Where the columns are that its target is computed from.
    columns : list of _Column
        All columns of the table.

    Attributes
    ----------
    rest : _Column or None
        What is left of the target: of an inequality, the difference of both columns.
    least : number
        The least difference.
    keys, values : ndarray
        Of a function, the codes of the entries of one column and of those that go with them.
    told : list of int
        The targets of all rules of the table.
    """

    def __init__(self, rule: Any, inputs: list[int], columns: list[Any]):
        self.rule, self.inputs, self.columns = rule, inputs, columns
        self.rest: Any = None
        self.least: Any = 0
        self.keys = self.values = np.empty((0, 0))
        self.told: list[int] = []

    def learn(self, frame: pd.DataFrame, j: int, max_one_hot: int) -> None:
        """Learn from the rows of fit, the target being column j of them."""
        if isinstance(self.rule, Inequality):
            name = f"{self.columns[j].name}_minus_{self.columns[self.inputs[0]].name}"
            rest = self.left_of(frame, j)
            self.rest = _make(rest, name, max_one_hot)
            numbers, _ = _numbers_of([rest.dropna()])
            self.least = numbers[0].min().item()
        elif isinstance(self.rule, FunctionOf):
            (i,) = self.inputs
            first = ~frame.iloc[:, i].duplicated().to_numpy()
            self.keys = self.columns[i].encode(frame.iloc[first, i], False, "missing")
            self.values = self.columns[j].encode(frame.iloc[first, j], False, "missing")

    def left_of(self, frame: pd.DataFrame, j: int) -> pd.Series:
        """Return the difference of the columns of an inequality."""
        rest = frame.iloc[:, j] - frame.iloc[:, self.inputs[0]]
        if is_float_dtype(rest.dtype):
            # Without the rounding error, so that it has the decimals of both.
            decimals = [getattr(self.columns[k], "decimals", 0) for k in (self.inputs[0], j)]
            if None not in decimals:
                rest = rest.round(max(decimals))
        return rest

    def target(self, decoded: list[Any], rest: Any, j: int) -> pd.Series:
        """Return the target, column j, given the columns it is computed from and what was left."""
        own = self.columns[j]
        if isinstance(self.rule, FunctionOf):
            (i,) = self.inputs
            codes = self.columns[i].encode(decoded[i], False, "missing")
            return own.decode(self._nearest(self.values, codes, self.keys))
        series = [decoded[i] for i in self.inputs] + ([] if rest is None else [rest])
        numbers, missing = _numbers_of(series)
        round_by = np.ceil if isinstance(self.rule, Inequality) else np.round
        values = self._computed(numbers)
        entries = own.of_numbers(values, round_by)
        column = _of_dtype(entries, missing, own.dtype, own.marker, own.name)
        if isinstance(self.rule, Inequality):
            # What another rule told may lie beyond all that fit saw.
            below = np.flatnonzero((_numbers_of([column])[0][0] < numbers[0]) & ~missing)
            series = [column]
            _set(series, 0, below, own.of_numbers(values[below]))
            return series[0]
        return column

    def _computed(self, numbers: list[np.ndarray]) -> np.ndarray:
        """Return the target's numbers, given those of its inputs and of what was left."""
        if isinstance(self.rule, Inequality):
            return numbers[0] + numbers[1]
        by_name = dict(zip(self.rule.inputs, numbers, strict=True))
        return combined(self.rule, by_name.__getitem__)

    def _solved(self, place: int, target: np.ndarray, numbers: list[np.ndarray]) -> np.ndarray:
        """Return what one input of a sum or a product must be, given the target and the others."""
        others = [x for k, x in enumerate(numbers) if k != place]
        if isinstance(self.rule, Product):
            with np.errstate(divide="ignore", invalid="ignore"):
                value = target / np.prod(others, axis=0)
            return np.where(np.isfinite(value), value, numbers[place])
        without = [np.zeros_like(x) if k == place else x for k, x in enumerate(numbers)]
        gap = target - self._computed(without)
        return gap if place < len(self.rule.parts) else -gap

    @staticmethod
    def _nearest(values: np.ndarray, codes: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Return the values that go with the keys nearest to some codes; NaN where these are."""
        known = ~np.isnan(codes).any(1)
        found = np.full((len(codes), values.shape[1]), np.nan)
        if known.any() and keys.shape[1]:
            found[known] = values[cKDTree(keys).query(codes[known])[1]]
        elif len(values):
            # Of a constant column there is one key.
            found[known] = values[0]
        return found

    def fill(self, series: list[pd.Series], j: int) -> None:
        """Fill an entry that is the only one missing of those in the rule, in place."""
        if isinstance(self.rule, Inequality | FunctionOf):
            return
        places = [*self.inputs, j]
        missing = np.stack([series[k].isna().to_numpy() for k in places])
        alone = missing.sum(0) == 1
        numbers, _ = _numbers_of([series[k] for k in places])
        for place in range(len(places)):
            rows = np.flatnonzero(alone & missing[place])
            if len(rows):
                self._put(series, place, rows, numbers, j)

    def _put(
        self,
        series: list[pd.Series],
        place: int,
        rows: np.ndarray,
        numbers: list[Any],
        j: int,
        inside: bool = False,
    ) -> None:
        """Compute entries of a column of the rule, the target last; or the nearest in range."""
        *inputs, target = [x[rows] for x in numbers]
        k = [*self.inputs, j][place]
        column = self.columns[k]
        is_target = place == len(inputs)
        values = self._computed(inputs) if is_target else self._solved(place, target, inputs)
        _set(series, k, rows, column.of_numbers(values, np.rint if inside else np.round))

    def mend(
        self,
        series: list[pd.Series],
        j: int,
        missing: np.ndarray,
        free: np.ndarray,
        drawn: list[pd.Series],
        forward: bool,
    ) -> None:
        """Move drawn entries so that the rule holds, in place, and mark that they are to stay.

        Parameters
        ----------
        series : list of Series
            The columns of completed rows.
        j : int
            The target's column.
        missing : ndarray of shape (n_samples, n_features), bool
            Which entries were drawn.
        free : ndarray of shape (n_samples, n_features), bool
            Which of them no rule has moved yet.
        drawn : list of Series
            The columns of the rows as they were drawn, the observed entries not put back.
        forward : bool
            Whether targets follow from their inputs; else targets that stay ask for inputs.
        """
        places = [*self.inputs, j]
        if not missing[:, places].any():
            return
        if isinstance(self.rule, FunctionOf):
            moved = self._mend_function(series, j, free, forward)
        elif isinstance(self.rule, Inequality):
            moved = self._mend_inequality(series, places, missing, free, drawn, forward)
        else:
            moved = self._mend_equation(series, places, free, forward)
        free[np.ix_(moved, np.array(places))] = False

    def _off(self, series: list[pd.Series], places: list[int]) -> np.ndarray:
        """Tell which rows break a sum or a product."""
        numbers, gaps = _numbers_of([series[k] for k in places])
        value, decimals = self._computed(numbers[:-1]), self._decimals(places[-1])
        return ~gaps & (
            np.abs(value - numbers[-1]) > tolerance(self.rule, numbers[-1], value, decimals)
        )

    def _decimals(self, k: int) -> int | None:
        return getattr(self.columns[k], "decimals", 0)

    def _mend_equation(
        self, series: list[pd.Series], places: list[int], free: Any, forward: bool
    ) -> np.ndarray:
        """Compute the target from its inputs, or inputs from a target that stays."""
        broken, target = self._off(series, places), free[:, places[-1]]
        rows = np.flatnonzero(broken & target) if forward else np.empty(0, int)
        if len(rows):
            numbers, _ = _numbers_of([series[k] for k in places])
            self._put(series, len(self.inputs), rows, numbers, places[-1])
        asked = np.flatnonzero(broken & ~target & free[:, places[:-1]].any(1))
        if len(asked):
            part = [one.iloc[asked].reset_index(drop=True) for one in series]
            self._ask(part, places, free[asked])
            for k in places[:-1]:
                _set(series, k, asked, part[k])
        return np.union1d(rows, asked)

    def _ask(self, series: list[pd.Series], places: list[int], free: np.ndarray) -> None:
        """Compute inputs from the target, in their ranges where that can be."""
        grids = [self._decimals(k) for k in places[:-1]]
        # First what no other rule tells, and of that the finest.
        finest = sorted(
            range(len(grids)),
            key=lambda i: (
                places[i] in self.told,
                -(MAX_DECIMALS + 1 if (g := grids[i]) is None else g),
            ),
        )

        def solve(place: int, inside: bool) -> None:
            rows = np.flatnonzero(self._off(series, places) & free[:, places[place]])
            if len(rows):
                numbers, _ = _numbers_of([series[k] for k in places])
                self._put(series, place, rows, numbers, places[-1], inside)

        for place in finest:
            solve(place, True)
        if isinstance(self.rule, Product):
            # Not every factor divides: those of a coarser grid move until one does.
            for place in finest[1:]:
                drawn = _numbers_of([series[places[place]]])[0][0]
                step = getattr(self.columns[places[place]], "step", 10.0 ** -(grids[place] or 0))
                for move in sorted(range(-MOST_STEPS, MOST_STEPS + 1), key=abs):
                    rows = np.flatnonzero(self._off(series, places) & free[:, places[place]])
                    if not len(rows):
                        break
                    moved = self.columns[places[place]].of_numbers(
                        drawn[rows] + move * step, np.rint
                    )
                    _set(series, places[place], rows, moved)
                    solve(finest[0], True)
        for place in finest:
            solve(place, False)

    def _mend_inequality(
        self,
        series: list[pd.Series],
        places: list[int],
        missing: Any,
        free: Any,
        drawn: Any,
        forward: bool,
    ) -> np.ndarray:
        """Put a drawn lower entry the drawn difference below an observed upper one."""
        low, high = places
        numbers, gaps = _numbers_of([series[k] for k in places])
        rows = np.flatnonzero(free[:, low] & ~free[:, high] & ~gaps)
        if len(rows):
            # The difference is what was drawn; the row below it did not know the observed entry.
            before, _ = _numbers_of([drawn[k].iloc[rows] for k in places])
            values = numbers[1][rows] - (before[1] - before[0])
            _set(series, low, rows, self.columns[low].of_numbers(values, np.floor))
        if not forward:
            return rows
        # Between two observed entries a drawn one can only be at an end.
        numbers, gaps = _numbers_of([series[k] for k in places])
        near = numbers[0] + self.least > numbers[1]
        stuck = np.flatnonzero(near & ~gaps & missing[:, high])
        if len(stuck):
            values = self.columns[high].of_numbers(numbers[0][stuck] + self.least, np.ceil)
            _set(series, high, stuck, values)
        return np.union1d(rows, stuck)

    def _mend_function(
        self, series: list[pd.Series], j: int, free: np.ndarray, forward: bool
    ) -> np.ndarray:
        """Let a drawn entry be the nearest with which the observed one goes."""
        (i,) = self.inputs
        rows = np.flatnonzero(free[:, j] & ~free[:, i])
        if forward and len(rows):
            known = [one.iloc[rows] for one in series]
            _set(series, j, rows, self.target(known, None, j))
        rows = np.flatnonzero(free[:, i] & ~free[:, j])
        if not len(rows):
            return rows
        codes = self.columns[i].encode(series[i].iloc[rows], False, "missing")
        wanted = self.columns[j].encode(series[j].iloc[rows], False, "missing")
        off = (self._nearest(self.values, codes, self.keys) != wanted).any(1)
        for value in np.unique(wanted[off], axis=0):
            here = off & (wanted == value).all(1)
            fits = (self.values == value).all(1)
            if fits.any():
                nearest = self._nearest(self.keys[fits], codes[here], self.keys[fits])
                _set(series, i, rows[here], self.columns[i].decode(nearest))
        return rows


def _numbers_of(series: list[pd.Series]) -> tuple[list[np.ndarray], np.ndarray]:
    """Return columns as numbers, 0 where an entry is missing, and the rows in which one is."""
    gaps = [one.isna().to_numpy() for one in series]
    numbers: list[np.ndarray] = []
    for one, missing in zip(series, gaps, strict=True):
        values = as_numbers(one)
        assert values is not None
        numbers.append(np.where(missing, values.dtype.type(0), values))
    return numbers, np.any(gaps, axis=0)


def _set(series: list[pd.Series], k: int, rows: np.ndarray, entries: Any) -> None:
    """Put entries into some rows of a column, whose dtype stays."""
    column = series[k].copy()
    column.iloc[rows] = pd.Series(entries).astype(column.dtype).to_numpy()
    series[k] = column
