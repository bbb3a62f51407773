"""Rules that the rows of a table keep and would not by chance.

What is found holds in every row, in at least `FEWEST_ROWS`, and would not do so by chance. Sums,
products, ratios and functions are exact, so that a few rows tell; a sum may also be broken by one
row in a thousand. An inequality could hold because the two columns lie apart, or because a limit is
rarely reached. So two columns count where rows put together at random would break it. Of numbers
the differences press against a limit, besides: so many are near it, and not many more a step
further, that others would be below it were there none. The limit is 0, of whole numbers also 1, and
rows in which the lower column is at its least say nothing of it. Of dates that come one after the
other in every row no more is asked. A difference that is the same in every row is no chance.
Two entries exclude each other where so many rows would have both by chance that none is no chance.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from skgen.tables.arithmetic import (
    EPS,
    NANOSECONDS,
    as_numbers,
    computed,
    decimals_of,
    is_date,
    last_digit,
    rounding_of,
    tick_of,
    unit_of,
)
from skgen.tables.constraints import (
    FunctionOf,
    GapWhere,
    Inequality,
    NeverTogether,
    Product,
    Rule,
    Sum,
)
from skgen.tables.rule_checks import broken, is_computed, ordered

FEWEST_ROWS = 50
# Rows that are searched for rules, and columns, at most; what is found is held against all rows.
MOST_SEARCHED, MOST_COLUMNS = 20_000, 64
# Of rows put together at random, the share that breaks an inequality.
LEAST_BROKEN = 0.01
# A step from the limit of the differences, in parts of their median's distance from it.
STEP = 0.25
# Log-probabilities that a function of independent columns would hold, and an inequality, by the
# differences and by these in parts of the larger column.
CHANCE, CHANCE_OF_ORDER, CHANCE_OF_PARTS = np.log(1e-9), np.log(1e-6), np.log(1e-3)
# A column that tells another one has each of its values in so many rows in the mean.
ROWS_PER_VALUE = 5
# Rows in which all parts of a sum, or of a product, differ from 0, or 1, and from what most rows
# have, at least; and different values of a ratio.
FEWEST_TELLING = 10
# The share of rows that may break a sum, and in how many rows, taken at random, it is looked for,
# so often.
MOST_BROKEN, FEW, N_TRIES = 0.001, 250, 3
# What ratios are given in, and products.
PARTS, PRODUCT_TIMES = (1, 100, 1000), (1, 0.01)
# Of the division by a square: metres, and centimetres.
SQUARE_TIMES = (1, 10_000)
# Digits of a rate.
MOST_DIGITS = 6
# Columns whose entries may exclude each other have so many at most. So many rows would have two of
# them by chance, at least, and of these, and of all rows, such shares may.
MOST_ENTRIES, FEWEST_EXPECTED, MOST_TOGETHER, MOST_SLIPS = 50, 100, 0.01, 1e-4
# Integers beyond this are not exact as floats, and numbers of nature stay below it.
LARGEST = 2.0**53
# No difference of 64 bits is longer, of dates in nanoseconds some 290 years.
LONGEST = 2.0**62


class _Searched:
    """Some rows of a frame: numbers, units, and what is missing, by column."""

    def __init__(self, frame: pd.DataFrame):
        step = -(-len(frame) // MOST_SEARCHED)
        self.frame = frame.iloc[::step].reset_index(drop=True)
        self.n_columns = self.frame.shape[1]
        self.missing = [self.frame.iloc[:, j].isna().to_numpy() for j in range(self.n_columns)]
        self.numbers: list[Any] = [as_numbers(self.frame.iloc[:, j]) for j in range(self.n_columns)]
        self.units = [unit_of(self.frame.iloc[:, j]) for j in range(self.n_columns)]
        for j, (x, missing) in enumerate(zip(self.numbers, self.missing, strict=True)):
            if x is not None and (missing.all() or x[~missing].min() == x[~missing].max()):
                # A constant needs no rule.
                self.numbers[j] = None

    @cached_property
    def some(self) -> "_Some":
        """Some of the rows, of the columns that can be multiplied."""
        return _Some(self)

    def numeric(self) -> list[int]:
        """Return the columns of numbers that can be added and multiplied without a loss."""
        return [
            j
            for j, (x, unit) in enumerate(zip(self.numbers, self.units, strict=True))
            if x is not None and unit == "number" and np.nanmax(np.abs(x.astype(float))) < LARGEST
        ]


def found_rules(frame: pd.DataFrame) -> list[Rule]:
    """Return rules that the rows of a frame keep and would not by chance.

    Parameters
    ----------
    frame : DataFrame of shape (n_samples, n_features)
        The rows.

    Returns
    -------
    rules : list of Rule
        Those that compute a column, each target once, in an order in which each can be computed
        when those before it are; then the others.
    """
    if len(frame) < FEWEST_ROWS or frame.shape[1] > MOST_COLUMNS or not frame.columns.is_unique:
        return []
    searched = _Searched(frame)
    names = list(frame.columns)
    chosen: list[Any] = []
    told: set[int] = set()
    # The most telling first: what is computed exactly leaves nothing to a limit.
    kinds = _sums, _spans, _products_and_ratios, _rates, _functions, _inequalities
    for t, make in itertools.chain.from_iterable(kind(searched) for kind in kinds):
        if t in told:
            continue
        rule = _held(make(names), frame)
        if rule is not None and ordered([*chosen, rule]) is not None:
            chosen.append(rule)
            told.add(t)
    others = [*_gaps(searched, told), *_apart(searched, told)]
    held = [_held(make(names), frame) for make in others]
    return [*(ordered(chosen) or []), *(rule for rule in held if rule is not None)]


def _held(rule: Any, frame: pd.DataFrame) -> Any:
    """Return a rule that all rows keep, or with the share of those that break it; None if more."""
    if isinstance(rule, NeverTogether):
        pairs = tuple(pair for pair in rule.pairs if _is_rare(rule, pair, frame))
        return replace(rule, pairs=pairs) if pairs else None
    wrong = broken(rule, frame)
    if not len(wrong):
        return rule
    if not isinstance(rule, Sum) or len(wrong) > MOST_BROKEN * len(frame):
        return None
    if frame[[rule.target, *rule.inputs]].iloc[wrong].isna().any(axis=None):
        return None
    return replace(rule, exceptions=len(wrong) / len(frame))


def _is_rare(rule: NeverTogether, pair: tuple[Any, Any], frame: pd.DataFrame) -> bool:
    return len(broken(replace(rule, pairs=(pair,)), frame)) <= MOST_SLIPS * len(frame)


def found_rules_of_observed(frame: pd.DataFrame) -> list[Rule]:
    """Return rules that the observed entries of rows keep, whose gaps are to be imputed.

    Parameters
    ----------
    frame : DataFrame of shape (n_samples, n_features)
        The rows.

    Returns
    -------
    rules : list of Rule
        Those that rows keep which are complete in some columns, as many as leave `FEWEST_ROWS`, and
        that no other row breaks.
    """
    gaps = frame.isna().to_numpy()
    by_gaps = np.argsort(gaps.sum(0), kind="stable").tolist()
    chosen: list[Rule] = []
    left = by_gaps
    while left:
        # What was left out before comes first.
        complete, columns = np.ones(len(frame), dtype=bool), []
        for j in [left[0], *(j for j in by_gaps if j != left[0])]:
            if (complete & ~gaps[:, j]).sum() >= FEWEST_ROWS:
                complete &= ~gaps[:, j]
                columns.append(j)
        left = [j for j in left[1:] if j not in columns]
        for rule in found_rules(frame.iloc[complete, sorted(columns)]):
            new = all(rule.target != other.target for other in chosen)
            # A gap that is to be filled is no entry, and what excludes it no rule.
            kept = new and is_computed(rule) and not len(broken(rule, frame, of_observed=True))
            if kept and ordered([*chosen, rule]) is not None:
                chosen.append(rule)
    return ordered(chosen) or []


def _telling(x: np.ndarray, *idle: float) -> np.ndarray:
    """Tell in which rows a column is neither at an idle value nor at the most frequent one."""
    values, counts = np.unique(x, return_counts=True)
    return ~np.isin(x, [*idle, values[counts.argmax()]])


def _sums(searched: _Searched) -> Iterator[Any]:
    """Yield sums of up to four columns, and copies: those of few parts first.

    A sum is missing where any of its parts is, so that each pattern of gaps is searched by itself.
    """
    numeric = searched.numeric()
    patterns = {searched.missing[j].tobytes(): searched.missing[j] for j in numeric}
    for missing in patterns.values():
        columns = [j for j in numeric if not (searched.missing[j] & ~missing).any()]
        rows = np.flatnonzero(~missing)
        if len(rows) < FEWEST_ROWS:
            continue
        X = np.stack([searched.numbers[j][rows].astype(np.float64) for j in columns], 1)
        targets = [np.array_equal(searched.missing[j], missing) for j in columns]
        few = np.random.default_rng(0)
        parts = [X]
        if len(rows) * MOST_BROKEN >= 1:
            # A few rows of many that break a sum are in few of some.
            parts += [X[few.choice(len(X), FEW, replace=False)] for _ in range(N_TRIES)]
        seen = set()
        for part in parts:
            for t, added, less, plus in _sums_of(part, targets):
                key = (t, *sorted(added), None, *sorted(less))
                if key in seen:
                    continue
                seen.add(key)
                ups, downs = (tuple(sorted(columns[k] for k in g)) for g in (added, less))
                yield columns[t], _named(Sum(columns[t], ups, downs, plus))


class _Relations:
    """Columns of X, and relations of a few of them that are found by one number a column.

    Relations of columns are relations of any weighted sum of their rows, less their means.
    """

    def __init__(self, X: np.ndarray, targets: list[bool]):
        self.X, self.targets = X, targets
        weights = np.random.default_rng(0).normal(size=len(X))
        self.S = weights @ (X - X.mean(0))
        large = np.abs(weights) @ np.abs(X) + np.abs(weights).sum() * np.abs(X).max(0)
        self.size = EPS * large + 1e-300
        self.error = EPS * np.abs(X).max(0) + 1e-300
        self.telling = np.stack([_telling(x, 0) for x in X.T])

    def sum_of(self, t: int, added: list[int], less: list[int]) -> Iterator[Any]:
        """Yield a target, what is added and subtracted, and a number, if that is the same."""
        parts = [*added, *less]
        few = self.X[:20]
        off = few[:, t] - few[:, added].sum(1) + few[:, less].sum(1)
        if np.ptp(off) > 2 * self.error[[t, *parts]].max():
            return
        enough = self.telling[parts].all(0).sum() >= FEWEST_TELLING
        if not enough or not self.targets[t] or len({t, *parts}) <= len(parts):
            return
        X = self.X
        off = X[:, t] - X[:, added].sum(1) + X[:, less].sum(1)
        large = self.error[[t, *parts]].max()
        plus = float(np.round(np.median(off), 9))
        if np.abs(off - plus).max() <= large:
            plus = 0 if abs(plus) <= large else plus
            yield t, added, less, int(plus) if float(plus).is_integer() else plus

    def copies(self) -> Iterator[Any]:
        """Yield columns that are another one, or a number less another one."""
        for a, value in enumerate(self.S):
            for t in np.flatnonzero(np.abs(self.S - value) <= self.size[a]).tolist():
                if t > a:
                    yield from self.sum_of(t, [a], [])
            for t in np.flatnonzero(np.abs(self.S + value) <= self.size[a]).tolist():
                if t > a:
                    yield from self.sum_of(t, [], [a])

    def sums(self, left: list[int]) -> Iterator[Any]:
        """Yield sums of two, three and four columns."""
        S, size = self.S, self.size
        pairs = np.array(list(itertools.combinations(left, 2)), dtype=int).reshape(-1, 2)
        both = S[pairs].sum(1)
        by_value = np.argsort(both)

        def equal_to(value: float, off: float) -> list[list[int]]:
            first, last = np.searchsorted(both[by_value], [value - off, value + off])
            return pairs[by_value[first:last]].tolist()

        for t in left:
            for pair in equal_to(S[t], size[t]):
                yield from self.sum_of(t, pair, [])
            for pair in equal_to(-S[t], size[t]):
                yield from self.sum_of(t, [], pair)
        for t, c in itertools.permutations(left, 2):
            off = size[t] + size[c]
            for pair in equal_to(S[t] - S[c], off):
                yield from self.sum_of(t, [*pair, c], [])
            if t < c or not self.targets[c]:
                for pair in equal_to(S[t] + S[c], off):
                    yield from self.sum_of(t, pair, [c])
                for pair in equal_to(-S[t] - S[c], off):
                    yield from self.sum_of(t, [], [*pair, c])
        widest = 2 * size.max()
        for t in left:
            ends = [np.searchsorted(both[by_value], S[t] - both + o) for o in (-widest, widest)]
            for p in np.flatnonzero(ends[1] > ends[0]):
                for q in by_value[ends[0][p] : ends[1][p]]:
                    if p < q:
                        yield from self.sum_of(t, [*pairs[p].tolist(), *pairs[q].tolist()], [])


def _sums_of(X: np.ndarray, targets: list[bool]) -> Iterator[Any]:
    """Yield a target, parts that are added and that are subtracted, columns of X, and a number."""
    relations = _Relations(X, targets)
    copied: set[int] = set()
    for found in relations.copies():
        if found[0] not in copied:
            copied.add(found[0])
            yield found
    yield from relations.sums([k for k in range(X.shape[1]) if k not in copied])


def _spans(searched: _Searched) -> Iterator[Any]:
    """Yield dates that are others and a duration, or a number of days or the like."""
    ticks = [tick_of(searched.frame.iloc[:, j].dtype) for j in range(searched.n_columns)]
    dates = [j for j in range(searched.n_columns) if is_date(searched.frame.iloc[:, j].dtype)]
    dates = [j for j in dates if searched.numbers[j] is not None]
    lengths = [j for j in searched.numeric()] + [
        j for j, x in enumerate(searched.numbers) if x is not None and ticks[j] and j not in dates
    ]
    for low, high in itertools.permutations(dates, 2):
        if searched.units[low] != searched.units[high]:
            continue
        for k in lengths:
            whole = ~np.any([searched.missing[j] for j in (low, high, k)], axis=0)
            x = searched.numbers[k][whole]
            if whole.sum() < FEWEST_ROWS or _telling(x, 0).sum() < FEWEST_TELLING:
                continue
            span = searched.numbers[high][whole] - searched.numbers[low][whole]
            for unit in ("W", "D", "h", "min", "s") if ticks[k] is None else (None,):
                size = (ticks[k] or NANOSECONDS[unit or "ns"]) / (ticks[high] or 1)
                if np.array_equal(x[:20] * size, span[:20]) and np.array_equal(x * size, span):
                    yield high, _named(Sum(high, (low, k), unit=unit))


def _matches(
    rule: Product, searched: _Searched, inputs: tuple[int, ...], t: int, decimals: int
) -> bool:
    """Tell whether a product or a ratio is what a column has in all rows, as it is rounded."""
    rows = np.flatnonzero(~np.any([searched.missing[j] for j in (*inputs, t)], axis=0))
    value = computed(rule, [searched.numbers[j][rows] for j in inputs], [])
    rows, value = rows[np.isfinite(value)], value[np.isfinite(value)]
    if len(rows) < FEWEST_ROWS:
        return False
    telling = np.all([_telling(searched.numbers[j][rows], 0, 1) for j in inputs], axis=0)
    wanted = searched.numbers[t][rows].astype(np.float64)
    n_values = len(np.unique(wanted[telling]))
    if telling.sum() < FEWEST_TELLING or n_values < FEWEST_TELLING:
        return False
    close = np.abs(value - wanted) <= last_digit(decimals, np.abs(wanted))
    # Fit's rows come back as they are.
    grid = decimals if decimals < 9 else None
    return bool(close.all() and rounding_of(value, wanted, grid)[1] == 0)


class _Some:
    """Some rows of the columns of numbers, which tell at once what a column is not."""

    def __init__(self, searched: _Searched):
        self.columns = searched.numeric()
        n, rng = len(searched.frame), np.random.default_rng(0)
        rows = rng.choice(n, min(n, 200), replace=False)
        X = [searched.numbers[j][rows].astype(np.float64) for j in self.columns]
        for x, j in zip(X, self.columns, strict=True):
            x[searched.missing[j][rows]] = np.nan
        self.X = np.stack(X, 1) if X else np.empty((len(rows), 0))
        self.decimals = [
            decimals_of(searched.numbers[j][~searched.missing[j]]) for j in self.columns
        ]
        digit = [last_digit(d, np.zeros(1))[0] for d in self.decimals]
        self.off = np.array(digit) + EPS * np.abs(self.X)

    def near(self, value: np.ndarray) -> np.ndarray:
        """Tell which columns are near a value wherever both are there, and vary there."""
        known = np.isfinite(value)
        with np.errstate(invalid="ignore"):
            far = np.abs(self.X - value[:, None]) > self.off
        there = ~np.isnan(self.X) & known[:, None]
        return np.flatnonzero(~(far & there).any(0) & (there.sum(0) >= 2))


def _products_and_ratios(searched: _Searched) -> list[Any]:
    """Return products and ratios; of those that go both ways the column of more values is told."""
    found = [*_products(searched), *_ratios(searched)]
    n_values = {t: len(np.unique(searched.numbers[t])) for t, _ in found}
    return sorted(found, key=lambda one: -n_values[one[0]])


def _products(searched: _Searched) -> Iterator[Any]:
    """Yield products of two columns, also of percents."""
    some = searched.some
    for a, b in itertools.combinations(range(len(some.columns)), 2):
        value = some.X[:, a] * some.X[:, b]
        for times in PRODUCT_TIMES:
            for t in some.near(times * value):
                if t not in (a, b):
                    yield from _product(searched, t, (a, b), (), times)


def _ratios(searched: _Searched) -> Iterator[Any]:
    """Yield ratios of two columns, also percents, and those of a column and a square."""
    some = searched.some
    for a, b in itertools.permutations(range(len(some.columns)), 2):
        with np.errstate(all="ignore"):
            value = some.X[:, a] / some.X[:, b]
            square = value / some.X[:, b]
        for over, quotient, all_times in (
            ((b,), value, PARTS),
            ((b, b), square, SQUARE_TIMES),
        ):
            for times in all_times:
                for t in some.near(times * quotient):
                    if t not in (a, b):
                        yield from _product(searched, t, (a,), over, times)


def _rates(searched: _Searched) -> Iterator[Any]:
    """Yield columns that are a fixed multiple of another one, such as a tax at one rate."""
    some = searched.some
    X, off = some.X, some.off
    for a, t in itertools.permutations(range(len(some.columns)), 2):
        x, y = np.abs(X[:, a]), X[:, t] * np.sign(X[:, a])
        there = np.isfinite(x) & np.isfinite(y) & (x > 0)
        if there.sum() < 2:
            continue
        low = ((y - off[:, t])[there] / x[there]).max()
        high = ((y + off[:, t])[there] / x[there]).min()
        # The shortest decimal number that may be the rate.
        digits = range(MOST_DIGITS + 1) if low <= high else ()
        rates = (round((low + high) / 2, n) for n in digits)
        rate = next((r for r in rates if low <= r <= high), 0)
        if rate not in (0, 1, -1):
            yield from _product(searched, t, (a,), (), int(rate) if rate % 1 == 0 else rate)


def _product(
    searched: _Searched,
    t: int,
    factors: tuple[int, ...],
    over: tuple[int, ...],
    times: float,
) -> Iterator[Any]:
    """Yield a product whose columns are given by their places among those of numbers."""
    some = searched.some
    up, down = (tuple(some.columns[k] for k in group) for group in (factors, over))
    rule = Product(some.columns[t], up, down, times)
    if _matches(rule, searched, (*up, *down), rule.total, some.decimals[t]):
        yield rule.total, _named(rule)


def _named(rule: Sum | Product) -> Callable[[Any], Any]:
    """Return what gives a rule of places the names of columns."""

    def make(names: Any) -> Any:
        groups = ("parts", "less") if isinstance(rule, Sum) else ("factors", "over")
        named: Any = {group: tuple(names[j] for j in getattr(rule, group)) for group in groups}
        return replace(rule, total=names[rule.total], **named)

    return make


def _gaps(searched: _Searched, told: set[int]) -> Iterator[Any]:
    """Yield columns whose gaps another one tells, those that come together first."""
    n = len(searched.frame)
    free = [j for j in range(searched.n_columns) if j not in told]
    holed = [j for j in free if FEWEST_TELLING <= searched.missing[j].sum() <= n - FEWEST_TELLING]
    leads: list[int] = []
    for t in holed:
        lead = next(
            (j for j in leads if np.array_equal(searched.missing[j], searched.missing[t])), None
        )
        if lead is not None:
            yield lambda names, t=t, j=lead: GapWhere(names[t], names[j], (None,))
            continue
        leads.append(t)
    coded = {}
    for t in leads:
        missing = searched.missing[t]
        for j in (j for j in free if j not in holed):
            if j not in coded:
                coded[j] = pd.factorize(searched.frame.iloc[:, j])
            codes, values = coded[j]
            few = 2 <= len(values) <= n / ROWS_PER_VALUE and not searched.missing[j].any()
            if not few or not _is_told(searched.numbers[j]):
                continue
            counts = np.bincount(codes, minlength=len(values))
            gaps = np.bincount(codes, missing, minlength=len(values))
            share = missing.mean()
            chance = (n - len(values)) * np.log(max(share, 1 - share))
            if (((gaps == 0) | (gaps == counts)) & (counts > 0)).all() and chance < CHANCE:
                entries = tuple(
                    sorted((_plain(values[k]) for k in np.flatnonzero(gaps == counts)), key=str)
                )
                yield lambda names, t=t, j=j, e=entries: GapWhere(names[t], names[j], e)
                break


def _is_told(numbers: np.ndarray | None) -> bool:
    """Tell whether all entries that may be drawn were seen: labels, and whole numbers in a row."""
    if numbers is None:
        return True
    seen = np.unique(numbers)
    return seen.dtype.kind == "i" and bool((np.diff(seen) == np.gcd.reduce(np.diff(seen))).all())


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _apart(searched: _Searched, told: set[int]) -> Iterator[Any]:
    """Yield entries of two columns that exclude each other."""
    coded = {}
    for j in range(searched.n_columns):
        column = searched.frame.iloc[:, j]
        codes, values = pd.factorize(column)
        few = 2 if searched.numbers[j] is not None else MOST_ENTRIES
        if j not in told and 2 <= len(values) <= few:
            coded[j] = codes, values
    n = len(searched.frame)
    for i, j in itertools.combinations(coded, 2):
        (a, firsts), (b, seconds) = coded[i], coded[j]
        there = (a >= 0) & (b >= 0)
        shape = len(firsts), len(seconds)
        counts = np.bincount(a[there] * shape[1] + b[there], minlength=shape[0] * shape[1])
        counts = counts.reshape(shape)
        if not there.any():
            continue
        by_chance = np.outer(counts.sum(1), counts.sum(0)) / there.sum()
        rare = counts <= np.minimum(MOST_TOGETHER * by_chance, MOST_SLIPS * n)
        found = np.argwhere(rare & (by_chance >= FEWEST_EXPECTED))
        if len(found):
            pairs = tuple((_plain(firsts[k]), _plain(seconds[m])) for k, m in found)
            yield lambda names, i=i, j=j, pairs=pairs: NeverTogether(names[i], names[j], pairs)


def _functions(searched: _Searched) -> Iterator[Any]:
    """Yield functions of one column, of labels first, which have no order to be learnt."""
    n = len(searched.frame)
    codes, counts = [], []
    for j in range(searched.n_columns):
        code, values = pd.factorize(searched.frame.iloc[:, j], use_na_sentinel=False)
        codes.append(code)
        counts.append(len(values))
    candidates = [j for j in range(searched.n_columns) if 2 <= counts[j] <= n / ROWS_PER_VALUE]
    is_label = [x is None for x in searched.numbers]
    pairs = [(t, j) for t in candidates for j in candidates if t != j and counts[t] <= counts[j]]
    # Of two that tell each other, numbers are kept.
    pairs.sort(key=lambda pair: (not is_label[pair[0]], is_label[pair[1]], counts[pair[1]]))
    for t, j in pairs:
        for some in (slice(0, 500), slice(None)):
            both = codes[j][some].astype(np.int64) * counts[t] + codes[t][some]
            if len(np.unique(both)) > len(np.unique(codes[j][some])):
                break
        else:
            share = np.bincount(codes[t]) / n
            # What most rows have, such as a gap or 0, comes by chance.
            log_share = np.where(share == share.max(), 0.0, np.log(share))
            first = np.unique(codes[j], return_index=True)[1]
            # The entries after the first of a value, were they independent of it.
            chance = log_share[codes[t]].sum() - log_share[codes[t][first]].sum()
            if chance < CHANCE:
                yield t, lambda names, t=t, j=j: FunctionOf(names[t], names[j])


def _inequalities(searched: _Searched) -> Iterator[Any]:
    """Yield inequalities, those first whose columns are near each other."""
    found = []
    columns = [j for j, x in enumerate(searched.numbers) if x is not None]
    for low, high in itertools.permutations(columns, 2):
        if searched.units[low] != searched.units[high]:
            continue
        present = ~searched.missing[high]
        if (searched.missing[low] & present).any() or present.sum() < FEWEST_ROWS:
            continue
        x, y = searched.numbers[low][present], searched.numbers[high][present]
        if (x[:100] > y[:100]).any() or (x > y).any():
            continue
        gap = y.astype(np.float64) - x.astype(np.float64)
        always = np.ptp(gap) == 0 and _telling(x).sum() >= FEWEST_TELLING
        if gap.max() <= LONGEST and (always or _is_limit(x, y, gap, searched.units[high])):
            found.append((np.median(gap) / np.std(y.astype(np.float64)), low, high))
    for _, low, high in sorted(found):
        yield high, lambda names, low=low, high=high: Inequality(names[low], names[high])


def _is_limit(x: np.ndarray, y: np.ndarray, gap: np.ndarray, unit: str) -> bool:
    """Tell whether x <= y would be broken by chance, were it no rule."""
    apart = 1 - np.searchsorted(np.sort(x), y, side="right").mean() / len(x)
    if apart < LEAST_BROKEN or len(x) * np.log1p(-apart) > CHANCE_OF_ORDER:
        return False
    if unit != "number":
        return True
    if np.ptp(gap[x > x.min()]) == 0:
        # Two columns of two values have no other difference.
        return False
    if x.dtype.kind == y.dtype.kind == "i":
        gap = gap - min(gap[x > x.min()].min(), 1)
    if _chance_below(gap[x > x.min()]) > CHANCE_OF_ORDER:
        return False
    if x.min() < 0:
        return True
    # Where both are small they are near each other: the difference in parts of the larger one.
    parts = (gap / np.maximum(y, EPS))[(x > x.min()) & (y > 0)]
    return _chance_below(parts) < CHANCE_OF_PARTS


def _chance_below(gap: np.ndarray) -> float:
    """Return the log-probability that no difference is below 0, were 0 no limit."""
    near, further = (float(np.sum(gap <= k * STEP * np.median(gap))) for k in (1, 2))
    # As many times fewer below the limit as there are near it than a step further.
    return -near * min(near / max(further - near, 1), 1)
