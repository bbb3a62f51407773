"""How the columns of a table keep a rule: what is encoded in the place of one, and the way back.

Of ``low <= high`` the difference is encoded in the place of ``high``, and of the other rules of
:mod:`skgen.tables.constraints` that compute their target nothing in its place, or by how much some
rows break them. Rows whose gaps were drawn are mended: what was observed stays, and what was drawn
moves.
"""

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype
from scipy.spatial import cKDTree

from skgen.tables.arithmetic import (
    as_numbers,
    computed,
    rounded,
    rounding_of,
    solved,
    tolerance,
    weights,
)
from skgen.tables.column import _of_dtype
from skgen.tables.columns import MAX_DECIMALS, _Labels, _make
from skgen.tables.constraints import FunctionOf, Inequality, Product, Sum

# Of a factor that is drawn, how many steps away others are tried.
MOST_STEPS = 50


class KeptRule:
    """A rule, and what takes the place of its target among the columns that are encoded.

    Parameters
    ----------
    rule : Inequality, Sum, Product, Formula or FunctionOf
        The rule.
    places : list of int
        Where the columns are that its target is computed from, and at last the target.
    columns : list of _Column
        All columns of the table.
    told : list of int
        Where the targets of all rules of the table are.

    Attributes
    ----------
    rest : _Column or None
        What is left of the target: of an inequality, the difference of both columns; of a sum that
        some rows break, by how much, as labels.
    least : number
        The least difference.
    keys, values : ndarray
        Of a function, the codes of the entries of one column and of those that go with them.
    way : str
        How a product or a formula is rounded.
    divisors : dict of int to number
        Of columns that a ratio is divided by and that are never 0, what is nearest to it.
    """

    way = "float"
    # Not in files of earlier versions.
    divisors: Any = {}

    def __init__(self, rule: Any, places: list[int], columns: list[Any], told: list[int]):
        self.rule, self.places, self.columns, self.told = rule, places, columns, told
        self.rest: Any = None
        self.least: Any = 0
        self.keys = self.values = np.empty((0, 0))
        self.divisors = {}

    def learn(self, frame: pd.DataFrame, max_one_hot: int) -> None:
        """Learn from the rows of fit."""
        if isinstance(self.rule, Inequality):
            low, high = self.places
            name = f"{self.columns[high].name}_minus_{self.columns[low].name}"
            rest = self.left_of(frame)
            self.rest = _make(rest, name, max_one_hot)
            numbers, _ = _numbers_of([rest.dropna()])
            self.least = numbers[0].min().item()
        elif isinstance(self.rule, FunctionOf):
            i, j = self.places
            first = ~frame.iloc[:, i].duplicated().to_numpy()
            self.keys = self.columns[i].encode(frame.iloc[first, i], False, "missing")
            self.values = self.columns[j].encode(frame.iloc[first, j], False, "missing")
        elif isinstance(self.rule, Sum):
            if self.rule.exceptions:
                own = self.columns[self.places[-1]]
                rest = self.left_of(frame).fillna(0)
                self.rest = _Labels(rest, f"{own.name}_off", max_one_hot)
        else:
            numbers, gaps = _numbers_of([frame.iloc[:, k] for k in self.places])
            *inputs, wanted = [x[~gaps] for x in numbers]
            decimals = self._decimals(self.places[-1])
            self.way, _ = rounding_of(self._computed(inputs), wanted, decimals)
            n_factors = len(getattr(self.rule, "factors", inputs))
            for k in self.places[n_factors:-1]:
                (x,), _ = _numbers_of([frame.iloc[:, k].dropna()])
                if x.all():
                    self.divisors[k] = x[np.abs(x).argmin()].item()

    def encode_rest(self, frame: pd.DataFrame, holes: bool, handle_unknown: str) -> np.ndarray:
        """Return the codes of what is left of the target."""
        rest = self.left_of(frame)
        if isinstance(self.rule, Sum):
            known = np.sort(self.rest.values.astype(np.float64))
            # By another amount than fit saw, the nearest stands for it.
            between = (known[1:] + known[:-1]) / 2
            gaps = rest.isna()
            nearest = known[np.searchsorted(between, rest.fillna(0))]
            rest = pd.Series(nearest, rest.index).where(~gaps, np.nan if holes else 0.0)
        return self.rest.encode(rest, holes, handle_unknown)

    def left_of(self, frame: pd.DataFrame) -> pd.Series:
        """Return the difference of the columns of an inequality, or by how much a sum is broken."""
        if isinstance(self.rule, Sum):
            numbers, gaps = _numbers_of([frame.iloc[:, k] for k in self.places])
            off = (numbers[-1] - self._computed(numbers[:-1])).astype(np.float64)
            decimals = self._decimals(self.places[-1])
            off = np.round(off, MAX_DECIMALS if decimals is None else decimals)
            small = tolerance(self.rule, numbers[-1], off, decimals)
            return pd.Series(np.where(np.abs(off) <= small, 0.0, off)).mask(gaps)
        low, high = self.places
        rest = frame.iloc[:, high] - frame.iloc[:, low]
        if is_float_dtype(rest.dtype):
            # Without the rounding error, so that it has the decimals of both.
            of_both = [getattr(self.columns[k], "decimals", 0) for k in self.places]
            if None not in of_both:
                rest = rest.round(max(of_both))
        return rest

    def target(self, decoded: Any, rest: Any = None) -> pd.Series:
        """Return the target, given the columns, by place, and what was left of it."""
        *inputs, j = self.places
        own = self.columns[j]
        if isinstance(self.rule, FunctionOf):
            (i,) = inputs
            codes = self.columns[i].encode(decoded[i], False, "missing")
            return own.decode(self._nearest(self.values, codes, self.keys))
        for i, nearest in self.divisors.items():
            zeros = np.flatnonzero((decoded[i] == 0).fillna(False).to_numpy(dtype=bool))
            if len(zeros):
                entries = self.columns[i].of_numbers(np.full(len(zeros), nearest))
                decoded[i] = _replaced(decoded[i], zeros, entries)
        series = [decoded[i] for i in inputs] + ([] if rest is None else [rest])
        numbers, missing = _numbers_of(series)
        round_by = np.ceil if isinstance(self.rule, Inequality) else np.round
        values = self._rounded(self._computed(numbers))
        beyond = ~np.isfinite(values.astype(np.float64))
        if beyond.any():
            # Divided by nothing, as no row of fit was unless it has a gap.
            values = np.where(beyond, 0.0, values)
            missing = missing | (beyond & own.has_gaps)
        entries = own.of_numbers(values, round_by)
        column = _of_dtype(entries, missing, own.dtype, own.marker, own.name)
        if isinstance(self.rule, Inequality):
            # What another rule told may lie beyond all that fit saw.
            below = np.flatnonzero((_numbers_of([column])[0][0] < numbers[0]) & ~missing)
            column = _replaced(column, below, own.of_numbers(values[below]))
        return column

    def _computed(self, numbers: list[np.ndarray]) -> np.ndarray:
        """Return the target's numbers, given those of its inputs and of what was left."""
        if isinstance(self.rule, Inequality):
            return numbers[0] + numbers[1]
        n = len(self.rule.inputs)
        value = computed(self.rule, numbers[:n], self._weights())
        if len(numbers) > n:
            rest = numbers[n]
            value = value + (np.rint(rest).astype(np.int64) if value.dtype.kind == "i" else rest)
        return value

    def _weights(self) -> list[Any]:
        if not isinstance(self.rule, Sum):
            return []
        return weights(self.rule, [self.columns[k].dtype for k in self.places])

    def _rounded(self, values: np.ndarray) -> np.ndarray:
        """Return computed numbers rounded as the target is."""
        if isinstance(self.rule, Inequality | Sum):
            return values
        return rounded(values, self._decimals(self.places[-1]), self.way)

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

    def fill(self, series: list[pd.Series]) -> None:
        """Fill an entry that is the only one missing of those in the rule, in place."""
        if isinstance(self.rule, Inequality | FunctionOf):
            return
        missing = np.stack([series[k].isna().to_numpy() for k in self.places])
        alone = missing.sum(0) == 1
        numbers, _ = _numbers_of([series[k] for k in self.places])
        for place in range(len(self.places)):
            rows = np.flatnonzero(alone & missing[place])
            if len(rows):
                self._put(series, place, rows, numbers)

    def _put(
        self,
        series: list[pd.Series],
        place: int,
        rows: np.ndarray,
        numbers: list[Any],
        inside: bool = False,
    ) -> None:
        """Compute entries of a column of the rule, the target last; or the nearest in range."""
        *inputs, target = [x[rows] for x in numbers]
        k = self.places[place]
        column = self.columns[k]
        is_target = place == len(inputs)
        if is_target:
            values = self._rounded(self._computed(inputs))
        else:
            values = solved(self.rule, place, target, inputs, self._weights())
        told = np.isfinite(values.astype(np.float64))
        entries = column.of_numbers(values[told], np.rint if inside else np.round)
        series[k] = _replaced(series[k], rows[told], entries)

    def mend(
        self,
        series: list[pd.Series],
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
        missing : ndarray of shape (n_samples, n_features), bool
            Which entries were drawn.
        free : ndarray of shape (n_samples, n_features), bool
            Which of them no rule has moved yet.
        drawn : list of Series
            The columns of the rows as they were drawn, the observed entries not put back.
        forward : bool
            Whether targets follow from their inputs; else targets that stay ask for inputs.
        """
        if not missing[:, self.places].any():
            return
        if isinstance(self.rule, FunctionOf):
            moved = self._mend_function(series, free, forward)
        elif isinstance(self.rule, Inequality):
            moved = self._mend_inequality(series, missing, free, drawn, forward)
        else:
            moved = self._mend_equation(series, free, forward)
        free[np.ix_(moved, np.array(self.places))] = False

    def _off(self, series: list[pd.Series]) -> np.ndarray:
        """Tell which rows break a sum, a product or a formula."""
        numbers, gaps = _numbers_of([series[k] for k in self.places])
        value, decimals = self._computed(numbers[:-1]), self._decimals(self.places[-1])
        small = tolerance(self.rule, numbers[-1], value, decimals)
        return ~gaps & ~(np.abs(value - numbers[-1]) <= small)

    def _decimals(self, k: int) -> int | None:
        return getattr(self.columns[k], "decimals", 0)

    def _mend_equation(self, series: list[pd.Series], free: Any, forward: bool) -> np.ndarray:
        """Compute the target from its inputs, or inputs from a target that stays."""
        *inputs, j = self.places
        broken, target = self._off(series), free[:, j]
        rows = np.flatnonzero(broken & target) if forward else np.empty(0, int)
        if len(rows):
            numbers, _ = _numbers_of([series[k] for k in self.places])
            self._put(series, len(inputs), rows, numbers)
        asked = np.flatnonzero(broken & ~target & free[:, inputs].any(1))
        if len(asked):
            part = [one.iloc[asked].reset_index(drop=True) for one in series]
            self._ask(part, free[asked])
            for k in inputs:
                series[k] = _replaced(series[k], asked, part[k])
        return np.union1d(rows, asked)

    def _ask(self, series: list[pd.Series], free: np.ndarray) -> None:
        """Compute inputs from the target, in their ranges where that can be."""
        places = self.places
        grids = [self._decimals(k) for k in places[:-1]]
        # First what no other rule tells or declares, and of that the finest.
        finest = sorted(
            range(len(grids)),
            key=lambda i: (
                places[i] in self.told,
                getattr(self.columns[places[i]], "allowed", None) is not None,
                -(MAX_DECIMALS + 1 if (g := grids[i]) is None else g),
            ),
        )

        def solve(place: int, inside: bool) -> None:
            rows = np.flatnonzero(self._off(series) & free[:, places[place]])
            if len(rows):
                numbers, _ = _numbers_of([series[k] for k in places])
                self._put(series, place, rows, numbers, inside)

        for place in finest:
            solve(place, True)
        if isinstance(self.rule, Product):
            # Not every factor divides: those of a coarser grid move until one does.
            for place in finest[1:]:
                k = places[place]
                drawn = _numbers_of([series[k]])[0][0]
                step = getattr(self.columns[k], "step", 10.0 ** -(grids[place] or 0))
                for move in sorted(range(-MOST_STEPS, MOST_STEPS + 1), key=abs):
                    rows = np.flatnonzero(self._off(series) & free[:, k])
                    if not len(rows):
                        break
                    moved = self.columns[k].of_numbers(drawn[rows] + move * step, np.rint)
                    series[k] = _replaced(series[k], rows, moved)
                    solve(finest[0], True)
        for place in finest:
            solve(place, False)

    def _mend_inequality(
        self, series: list[pd.Series], missing: Any, free: Any, drawn: Any, forward: bool
    ) -> np.ndarray:
        """Put a drawn lower entry the drawn difference below an observed upper one."""
        low, high = self.places
        numbers, gaps = _numbers_of([series[low], series[high]])
        rows = np.flatnonzero(free[:, low] & ~free[:, high] & ~gaps)
        if len(rows):
            # The difference is what was drawn; the row below it did not know the observed entry.
            before, _ = _numbers_of([drawn[k].iloc[rows] for k in self.places])
            values = numbers[1][rows] - (before[1] - before[0])
            entries = self.columns[low].of_numbers(values, np.floor)
            series[low] = _replaced(series[low], rows, entries)
        if not forward:
            return rows
        # Between two observed entries a drawn one can only be at an end.
        numbers, gaps = _numbers_of([series[low], series[high]])
        near = numbers[0] + self.least > numbers[1]
        stuck = np.flatnonzero(near & ~gaps & missing[:, high])
        if len(stuck):
            entries = self.columns[high].of_numbers(numbers[0][stuck] + self.least, np.ceil)
            series[high] = _replaced(series[high], stuck, entries)
        return np.union1d(rows, stuck)

    def _mend_function(self, series: list[pd.Series], free: Any, forward: bool) -> np.ndarray:
        """Let a drawn entry be the nearest with which the observed one goes."""
        i, j = self.places
        rows = np.flatnonzero(free[:, j] & ~free[:, i])
        if forward and len(rows):
            series[j] = _replaced(series[j], rows, self.target({i: series[i].iloc[rows]}))
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
                entries = self.columns[i].decode(nearest)
                series[i] = _replaced(series[i], rows[here], entries)
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


def _replaced(column: pd.Series, rows: np.ndarray, entries: Any) -> pd.Series:
    """Return a column with other entries in some rows, and its dtype."""
    column = column.copy()
    column.iloc[rows] = pd.Series(entries).astype(column.dtype).to_numpy()
    return column
