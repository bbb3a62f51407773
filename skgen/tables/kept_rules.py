"""How a rule that computes a column is encoded and decoded, and how completed rows satisfy it.

For ``low <= high`` the difference is encoded instead of ``high``. The targets of the other rules of
:mod:`skgen.tables.constraints` that compute a column are not encoded, except for the deviations of
a sum that some rows break. In completed rows, drawn entries are changed until the rule holds;
observed entries stay.
"""

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype
from scipy.spatial import cKDTree

from skgen.tables.arithmetic import (
    as_numbers,
    computed,
    plain_times,
    rounded,
    rounding_of,
    solved,
    tolerance,
    weights,
)
from skgen.tables.column import _of_dtype
from skgen.tables.columns import MAX_DECIMALS, _Labels, _make
from skgen.tables.constraints import FunctionOf, Inequality, Product, Sum

# Largest change of a drawn factor, in steps of its grid, that is tried to satisfy a product.
MOST_STEPS = 50


class KeptRule:
    """A rule that computes a column, with what is encoded instead of that column.

    Parameters
    ----------
    rule : Inequality, Sum, Product, Formula or FunctionOf
        The rule.
    places : list of int
        Positions in the table of the rule's inputs and, last, of its target.
    columns : list of _Column
        All columns of the table.
    told : list of int
        Positions of the targets of all rules of the table.

    Attributes
    ----------
    rest : _Column or None
        The column that is encoded instead of the target: of an inequality, the difference; of a
        sum with exceptions, the deviation from it, as labels.
    least : number
        The least difference of an inequality in the rows of fit.
    keys, values : ndarray
        Of a function, the codes of the distinct entries of its input and of the targets they have.
    way : str
        How a product or a formula is rounded.
    divisors : dict of int to number
        By position, the entry nearest to 0 of each divisor of a ratio that is never 0 in fit.
    """

    way = "float"

    def __init__(self, rule: Any, places: list[int], columns: list[Any], told: list[int]):
        self.rule, self.places, self.columns, self.told = rule, places, columns, told
        self.rest: Any = None
        self.least: Any = 0
        self.keys = self.values = np.empty((0, 0))
        self.divisors: dict[int, Any] = {}

    def learn(self, frame: pd.DataFrame, max_one_hot: int) -> None:
        """Learn the attributes from the rows of fit."""
        if isinstance(self.rule, Inequality):
            low, high = self.places
            name = f"{self.columns[high].name}_minus_{self.columns[low].name}"
            rest = self.left_of(frame)
            self.rest = _make(rest, name, max_one_hot)
            both = frame.iloc[:, low].notna() & frame.iloc[:, high].notna()
            numbers, _ = _numbers_of([rest[both]])
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
        """Return the codes of `rest`, the difference or the deviation from a sum."""
        rest = self.left_of(frame, holes)
        if isinstance(self.rule, Sum):
            known_rests = np.sort(self.rest.values.astype(np.float64))
            # A deviation that fit did not see is replaced by the nearest that it saw.
            midpoints = (known_rests[1:] + known_rests[:-1]) / 2
            gaps = rest.isna()
            nearest = known_rests[np.searchsorted(midpoints, rest.fillna(0))]
            rest = pd.Series(nearest, rest.index).where(~gaps, np.nan if holes else 0.0)
        return self.rest.encode(rest, holes, handle_unknown)

    def left_of(self, frame: pd.DataFrame, holes: bool = False) -> pd.Series:
        """Return the difference of the columns of an inequality, or the deviation from a sum.

        Where a lower entry is a gap, and no hole that is to be imputed, the difference is that from
        an entry of the middle.
        """
        if isinstance(self.rule, Sum):
            numbers, gaps = _numbers_of([frame.iloc[:, k] for k in self.places])
            deviation = (numbers[-1] - self._computed(numbers[:-1])).astype(np.float64)
            decimals = self._decimals(self.places[-1])
            deviation = np.round(deviation, MAX_DECIMALS if decimals is None else decimals)
            tolerated = tolerance(self.rule, numbers[-1], deviation, decimals)
            return pd.Series(np.where(np.abs(deviation) <= tolerated, 0.0, deviation)).mask(gaps)
        low, high = self.places
        lower = frame.iloc[:, low]
        lower = plain_times(lower if holes else self._without_gaps(lower))
        rest = plain_times(frame.iloc[:, high]) - lower
        if is_float_dtype(rest.dtype):
            # Rounded to the decimals of both columns, which removes the rounding error.
            decimals_of_both = [getattr(self.columns[k], "decimals", 0) for k in self.places]
            if None not in decimals_of_both:
                rest = rest.round(max(decimals_of_both))
        return rest

    def _without_gaps(self, lower: pd.Series) -> pd.Series:
        """Return the lower column of an inequality with an entry of the middle in its gaps."""
        if not lower.hasnans:
            return lower
        column, gaps = self.columns[self.places[0]], np.flatnonzero(lower.isna())
        block = np.zeros((len(gaps), len(column.names)))
        block[:, : column.n_codes] = column.filler
        return _replaced(lower, gaps, column.decode(block))

    def target(self, decoded: Any, rest: Any = None) -> pd.Series:
        """Return the target, computed from decoded columns (by position) and from `rest`."""
        *inputs, j = self.places
        target_column = self.columns[j]
        if isinstance(self.rule, FunctionOf):
            (i,) = inputs
            codes = self.columns[i].encode(decoded[i], False, "missing")
            return target_column.decode(self._nearest(self.values, codes, self.keys))
        for i, nearest in self.divisors.items():
            zeros = np.flatnonzero((decoded[i] == 0).fillna(False).to_numpy(dtype=bool))
            if len(zeros):
                entries = self.columns[i].of_numbers(np.full(len(zeros), nearest))
                decoded[i] = _replaced(decoded[i], zeros, entries)
        series = [decoded[i] for i in inputs] + ([] if rest is None else [rest])
        if isinstance(self.rule, Inequality):
            known = series[0].notna().to_numpy()
            series[0] = self._without_gaps(series[0])
        numbers, missing = _numbers_of(series)
        if isinstance(self.rule, Inequality):
            numbers[1] = np.where(known, np.maximum(numbers[1], self.least), numbers[1])
        values = self._rounded(self._computed(numbers))
        is_infinite = ~np.isfinite(values.astype(np.float64))
        if is_infinite.any():
            # Division by 0: a gap if fit saw gaps in the target, else the value of 0.
            values = np.where(is_infinite, 0.0, values)
            missing = missing | (is_infinite & target_column.has_gaps)
        round_by = np.ceil if isinstance(self.rule, Inequality) else np.round
        entries = target_column.of_numbers(values, round_by)
        column = _of_dtype(
            entries, missing, target_column.dtype, target_column.marker, target_column.name
        )
        if isinstance(self.rule, Inequality):
            # A lower column that another rule computed may exceed the range of the target in fit.
            too_low = np.flatnonzero((_numbers_of([column])[0][0] < numbers[0]) & known & ~missing)
            column = _replaced(column, too_low, target_column.of_numbers(values[too_low]))
        return column

    def _computed(self, numbers: list[np.ndarray]) -> np.ndarray:
        """Return the numbers of the target, before rounding, given those of inputs and `rest`."""
        if isinstance(self.rule, Inequality):
            low, difference = numbers[0], numbers[1]
            if low.dtype.kind == difference.dtype.kind == "i":
                # A late date plus a difference to a last day would overflow.
                difference = np.minimum(difference, np.iinfo(np.int64).max - np.maximum(low, 0))
            return low + difference
        n = len(self.rule.inputs)
        value = computed(self.rule, numbers[:n], self._weights())
        if len(numbers) > n:
            rest = numbers[n]
            value = value + (np.rint(rest).astype(np.int64) if value.dtype.kind == "i" else rest)
        return value

    def _weights(self) -> list[Any]:
        """Return the weights of the inputs of a sum; empty for other rules."""
        if not isinstance(self.rule, Sum):
            return []
        return weights(self.rule, [self.columns[k].dtype for k in self.places])

    def _rounded(self, values: np.ndarray) -> np.ndarray:
        """Return computed numbers, of a product or a formula rounded as the target is."""
        if isinstance(self.rule, Inequality | Sum):
            return values
        return rounded(values, self._decimals(self.places[-1]), self.way)

    @staticmethod
    def _nearest(values: np.ndarray, codes: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Return the values at the keys nearest to the given codes; NaN where a code is NaN."""
        is_known = ~np.isnan(codes).any(1)
        found = np.full((len(codes), values.shape[1]), np.nan)
        if is_known.any() and keys.shape[1]:
            found[is_known] = values[cKDTree(keys).query(codes[is_known])[1]]
        elif len(values):
            # A constant column has no codes, and one key.
            found[is_known] = values[0]
        return found

    def fill(self, series: list[pd.Series]) -> None:
        """Compute, in place, missing entries in rows where the rule has only one missing entry."""
        if isinstance(self.rule, Inequality | FunctionOf):
            return
        missing = np.stack([series[k].isna().to_numpy() for k in self.places])
        only_one = missing.sum(0) == 1
        numbers, _ = _numbers_of([series[k] for k in self.places])
        for place in range(len(self.places)):
            rows = np.flatnonzero(only_one & missing[place])
            if len(rows):
                self._set_computed(series, place, rows, numbers)

    def _set_computed(
        self,
        series: list[pd.Series],
        place: int,
        rows: np.ndarray,
        numbers: list[Any],
        inside: bool = False,
    ) -> None:
        """Set entries of one column of the rule, in place, to what the others determine.

        With ``inside``, they are put on the column's grid and in its range.
        """
        *inputs, target = [x[rows] for x in numbers]
        k = self.places[place]
        column = self.columns[k]
        is_target = place == len(inputs)
        if is_target:
            values = self._rounded(self._computed(inputs))
        else:
            values = solved(self.rule, place, target, inputs, self._weights())
        determined = np.isfinite(values.astype(np.float64))
        entries = column.of_numbers(values[determined], np.rint if inside else np.round)
        series[k] = _replaced(series[k], rows[determined], entries)

    def mend(
        self,
        series: list[pd.Series],
        missing: np.ndarray,
        free: np.ndarray,
        drawn: list[pd.Series],
        forward: bool,
    ) -> None:
        """Change drawn entries in place so that the rule holds, and mark them as no longer free.

        Parameters
        ----------
        series : list of Series
            The columns of completed rows.
        missing : ndarray of shape (n_samples, n_features), bool
            Which entries were drawn.
        free : ndarray of shape (n_samples, n_features), bool
            Which of them no rule has changed yet; updated in place.
        drawn : list of Series
            The columns of the rows as drawn, before observed entries were restored.
        forward : bool
            Whether targets are computed from inputs; otherwise inputs are solved for targets that
            are not free.
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

    def _breaks(self, series: list[pd.Series]) -> np.ndarray:
        """Return which rows break a sum, a product or a formula."""
        numbers, gaps = _numbers_of([series[k] for k in self.places])
        value, decimals = self._computed(numbers[:-1]), self._decimals(self.places[-1])
        tolerated = tolerance(self.rule, numbers[-1], value, decimals)
        return ~gaps & ~(np.abs(value - numbers[-1]) <= tolerated)

    def _decimals(self, k: int) -> int | None:
        """Return the decimals of the column at a position; None where it has no grid."""
        return getattr(self.columns[k], "decimals", 0)

    def _mend_equation(self, series: list[pd.Series], free: Any, forward: bool) -> np.ndarray:
        """Compute free targets from inputs, or solve for free inputs; return the changed rows."""
        *inputs, j = self.places
        broken, target = self._breaks(series), free[:, j]
        rows = np.flatnonzero(broken & target) if forward else np.empty(0, int)
        if len(rows):
            numbers, _ = _numbers_of([series[k] for k in self.places])
            self._set_computed(series, len(inputs), rows, numbers)
        to_solve = np.flatnonzero(broken & ~target & free[:, inputs].any(1))
        if len(to_solve):
            part = [column.iloc[to_solve].reset_index(drop=True) for column in series]
            self._solve_inputs(part, free[to_solve])
            for k in inputs:
                series[k] = _replaced(series[k], to_solve, part[k])
        return np.union1d(rows, to_solve)

    def _solve_inputs(self, series: list[pd.Series], free: np.ndarray) -> None:
        """Solve for free inputs given the target, within their ranges if possible."""
        places = self.places
        grids = [self._decimals(k) for k in places[:-1]]
        # First columns that no other rule computes or restricts; of these, the finest grid first.
        by_fineness = sorted(
            range(len(grids)),
            key=lambda i: (
                places[i] in self.told,
                getattr(self.columns[places[i]], "allowed", None) is not None,
                -(MAX_DECIMALS + 1 if (g := grids[i]) is None else g),
            ),
        )

        def solve(place: int, inside: bool) -> None:
            rows = np.flatnonzero(self._breaks(series) & free[:, places[place]])
            if len(rows):
                numbers, _ = _numbers_of([series[k] for k in places])
                self._set_computed(series, place, rows, numbers, inside)

        for place in by_fineness:
            solve(place, True)
        if isinstance(self.rule, Product):
            # Not every factor divides the target: coarser factors are changed until one does.
            for place in by_fineness[1:]:
                k = places[place]
                drawn = _numbers_of([series[k]])[0][0]
                step = getattr(self.columns[k], "step", 10.0 ** -(grids[place] or 0))
                for move in sorted(range(-MOST_STEPS, MOST_STEPS + 1), key=abs):
                    rows = np.flatnonzero(self._breaks(series) & free[:, k])
                    if not len(rows):
                        break
                    moved = self.columns[k].of_numbers(drawn[rows] + move * step, np.rint)
                    series[k] = _replaced(series[k], rows, moved)
                    solve(by_fineness[0], True)
        for place in by_fineness:
            solve(place, False)

    def _mend_inequality(
        self, series: list[pd.Series], missing: Any, free: Any, drawn: Any, forward: bool
    ) -> np.ndarray:
        """Set free lower entries the drawn difference below fixed upper ones; return the rows."""
        low, high = self.places
        numbers, gaps = _numbers_of([series[low], series[high]])
        rows = np.flatnonzero(free[:, low] & ~free[:, high] & ~gaps)
        if len(rows):
            # The model drew the difference; the drawn lower entry ignores the observed upper one.
            drawn_numbers, _ = _numbers_of([drawn[k].iloc[rows] for k in self.places])
            values = numbers[1][rows] - (drawn_numbers[1] - drawn_numbers[0])
            series[low] = self._limited(series, low, rows, values, np.floor, numbers[1][rows])
        if not forward:
            return rows
        # Drawn upper entries that are too low become the lowest that is allowed.
        numbers, gaps = _numbers_of([series[low], series[high]])
        too_low = numbers[0] + self.least > numbers[1]
        raised = np.flatnonzero(too_low & ~gaps & missing[:, high])
        if len(raised):
            values = numbers[0][raised] + self.least
            series[high] = self._limited(series, high, raised, values, np.ceil, numbers[0][raised])
        return np.union1d(rows, raised)

    def _limited(
        self,
        series: list[pd.Series],
        k: int,
        rows: np.ndarray,
        values: np.ndarray,
        round_by: Any,
        limit: np.ndarray,
    ) -> pd.Series:
        """Return a column with other values in some rows, on its grid if these keep to the limit.

        The limit is the least value with `np.ceil`, the largest with `np.floor`. Where the nearest
        value that fit knows is beyond it, the given value is taken as it is.
        """
        column = _replaced(series[k], rows, self.columns[k].of_numbers(values, round_by))
        (numbers,), _ = _numbers_of([column.iloc[rows]])
        beyond = np.flatnonzero(numbers < limit if round_by is np.ceil else numbers > limit)
        return _replaced(column, rows[beyond], self.columns[k].of_numbers(values[beyond]))

    def _mend_function(self, series: list[pd.Series], free: Any, forward: bool) -> np.ndarray:
        """Make free entries of a function and of its input consistent; return the changed rows.

        A target becomes what its input determines, an input the nearest that has its target.
        """
        i, j = self.places
        rows = np.flatnonzero(free[:, j] & ~free[:, i])
        if forward and len(rows):
            series[j] = _replaced(series[j], rows, self.target({i: series[i].iloc[rows]}))
        rows = np.flatnonzero(free[:, i] & ~free[:, j])
        if not len(rows):
            return rows
        codes = self.columns[i].encode(series[i].iloc[rows], False, "missing")
        wanted = self.columns[j].encode(series[j].iloc[rows], False, "missing")
        differs = (self._nearest(self.values, codes, self.keys) != wanted).any(1)
        for value in np.unique(wanted[differs], axis=0):
            same_target = differs & (wanted == value).all(1)
            candidates = (self.values == value).all(1)
            if candidates.any():
                nearest = self._nearest(
                    self.keys[candidates], codes[same_target], self.keys[candidates]
                )
                entries = self.columns[i].decode(nearest)
                series[i] = _replaced(series[i], rows[same_target], entries)
        return rows


def _numbers_of(series: list[pd.Series]) -> tuple[list[np.ndarray], np.ndarray]:
    """Return columns as numbers, 0 where missing, and which rows have any missing entry."""
    gaps = [column.isna().to_numpy() for column in series]
    numbers: list[np.ndarray] = []
    for column, missing in zip(series, gaps, strict=True):
        values = as_numbers(column)
        assert values is not None
        numbers.append(np.where(missing, values.dtype.type(0), values))
    return numbers, np.any(gaps, axis=0)


def _replaced(column: pd.Series, rows: np.ndarray, entries: Any) -> pd.Series:
    """Return a copy of a column, of the same dtype, with other entries in the given rows."""
    column = column.copy()
    column.iloc[rows] = pd.Series(entries).astype(column.dtype).to_numpy()
    return column
