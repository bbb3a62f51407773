"""Search for rules that the rows of a table keep, and would not keep by chance.

A rule is found if it holds in every row, in at least `FEWEST_ROWS` rows, and is unlikely to hold by
chance. Sums, products, ratios and functions are exact, so that a few informative rows suffice. A
sum may be broken by one row in a thousand.

An inequality could hold because the ranges of the two columns do not overlap, or because small
differences are rare. So it counts only if entries of the two columns, paired at random, would break
it. For numbers the differences must also end abruptly at a limit: so many lie near it, and not many
more one step further, that without a limit some would lie below it. The limit is 0, or up to 1 for
integers. Rows in which the lower column has its minimum are ignored. For dates the first condition
suffices. A difference that is the same in every row always counts.

Two entries are mutually exclusive if many rows would have both were the columns independent, and
next to no row has.
"""

import itertools
from collections.abc import Iterator
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

# Fewest rows from which rules are learnt.
FEWEST_ROWS = 50
# Most rows that are searched (what is found is checked on all), and most columns of a table.
MOST_SEARCHED, MOST_COLUMNS = 20_000, 64
# Least share of randomly paired entries of two columns that must break an inequality of them.
LEAST_BROKEN = 0.01
# Width of the two bins of differences next to the limit, as a share of their median.
STEP = 0.25
# Thresholds of log-probabilities, in nats, below which chance is excluded: of a function or a
# pattern of gaps; of an inequality; of an inequality, judged by relative differences.
CHANCE, CHANCE_OF_ORDER, CHANCE_OF_PARTS = np.log(1e-9), np.log(1e-6), np.log(1e-3)
# Fewest rows per distinct value, on average, of a column that may determine another one.
ROWS_PER_VALUE = 5
# Fewest informative rows of a rule, in which no input is 0 (or 1, in a product) or has its most
# frequent value; fewest distinct values of a product; fewest rows with and without a gap.
FEWEST_INFORMATIVE = 10
# Largest share of rows that may break a sum; rows of each random subsample in which sums with
# such exceptions are searched; number of subsamples.
MOST_BROKEN, SUBSAMPLE_ROWS, N_SUBSAMPLES = 0.001, 250, 3
# Constant factors that are tried: of ratios (plain, percent, per mille), of products (plain,
# percent).
RATIO_TIMES, PRODUCT_TIMES = (1, 100, 1000), (1, 0.01)
# Constant factors that are tried of a ratio to a square: lengths in metres, in centimetres.
SQUARE_TIMES = (1, 10_000)
# Most decimals of a constant rate.
MOST_DIGITS = 6
# Mutually exclusive entries: most distinct entries of a column; fewest rows that would have both
# entries if the columns were independent; largest share of that number, and of all rows, that has.
MOST_ENTRIES, FEWEST_EXPECTED, MOST_TOGETHER, MOST_EXCEPTIONS = 50, 100, 0.01, 1e-4
# Bound of the absolute values in arithmetic rules: larger integers are not exact as float64.
LARGEST = 2.0**53
# Bound of the differences of an inequality, in units of its columns: 292 years in nanoseconds.
LONGEST = 2.0**63


class _Searched:
    """The rows of a frame that are searched: numbers, units and missing entries by column."""

    def __init__(self, frame: pd.DataFrame):
        step = -(-len(frame) // MOST_SEARCHED)
        self.frame = frame.iloc[::step].reset_index(drop=True)
        self.names = list(frame.columns)
        self.n_columns = self.frame.shape[1]
        self.missing = [self.frame.iloc[:, j].isna().to_numpy() for j in range(self.n_columns)]
        self.numbers: list[Any] = [as_numbers(self.frame.iloc[:, j]) for j in range(self.n_columns)]
        self.units = [unit_of(self.frame.iloc[:, j]) for j in range(self.n_columns)]
        for j, (x, missing) in enumerate(zip(self.numbers, self.missing, strict=True)):
            if x is not None and (missing.all() or x[~missing].min() == x[~missing].max()):
                # A constant needs no rule.
                self.numbers[j] = None

    @cached_property
    def sample(self) -> "_NumberSample":
        """A random sample of the rows of the numeric columns."""
        return _NumberSample(self)

    def numeric(self) -> list[int]:
        """Return the positions of the numeric columns whose arithmetic is exact in float64."""
        return [
            j
            for j, (x, unit) in enumerate(zip(self.numbers, self.units, strict=True))
            if x is not None and unit == "number" and np.nanmax(np.abs(x.astype(float))) < LARGEST
        ]


def found_rules(frame: pd.DataFrame) -> list[Rule]:
    """Return the rules that all rows of a frame keep and would not keep by chance.

    Parameters
    ----------
    frame : DataFrame of shape (n_samples, n_features)
        The rows.

    Returns
    -------
    rules : list of Rule
        First the rules that compute a column, at most one per target, in an order of computation;
        then the others.
    """
    if len(frame) < FEWEST_ROWS or frame.shape[1] > MOST_COLUMNS or not frame.columns.is_unique:
        return []
    searched = _Searched(frame)
    chosen: list[Any] = []
    targets: set[int] = set()
    # Exact rules come first: a target that one of them computes needs no inequality.
    kinds = _sums, _spans, _products_and_ratios, _rates, _functions, _inequalities
    for t, found in itertools.chain.from_iterable(kind(searched) for kind in kinds):
        if t in targets:
            continue
        rule = _confirmed(found, frame)
        if rule is not None and ordered([*chosen, rule]) is not None:
            chosen.append(rule)
            targets.add(t)
    others = [*_gaps(searched, targets), *_mutually_exclusive(searched, targets)]
    confirmed = [_confirmed(rule, frame) for rule in others]
    return [*(ordered(chosen) or []), *(rule for rule in confirmed if rule is not None)]


def _confirmed(rule: Any, frame: pd.DataFrame) -> Any:
    """Return the rule, with its share of exceptions; None if too many rows break it."""
    if isinstance(rule, NeverTogether):
        pairs = tuple(pair for pair in rule.pairs if _is_rare(rule, pair, frame))
        return replace(rule, pairs=pairs) if pairs else None
    broken_rows = broken(rule, frame)
    if not len(broken_rows):
        return rule
    if not isinstance(rule, Sum) or len(broken_rows) > MOST_BROKEN * len(frame):
        return None
    if frame[[rule.target, *rule.inputs]].iloc[broken_rows].isna().any(axis=None):
        return None
    return replace(rule, exceptions=len(broken_rows) / len(frame))


def _is_rare(rule: NeverTogether, pair: tuple[Any, Any], frame: pd.DataFrame) -> bool:
    """Return whether the share of rows with both entries of a pair is within `MOST_EXCEPTIONS`."""
    return len(broken(replace(rule, pairs=(pair,)), frame)) <= MOST_EXCEPTIONS * len(frame)


def found_rules_of_observed(frame: pd.DataFrame) -> list[Rule]:
    """Return the rules that the observed entries of rows with missing entries keep.

    Parameters
    ----------
    frame : DataFrame of shape (n_samples, n_features)
        The rows.

    Returns
    -------
    rules : list of Rule
        Rules that compute a column. They are searched in sets of columns in which at least
        `FEWEST_ROWS` rows are complete, and no other row may break them.
    """
    missing = frame.isna().to_numpy()
    by_n_missing = np.argsort(missing.sum(0), kind="stable").tolist()
    chosen: list[Rule] = []
    remaining = by_n_missing
    while remaining:
        # Start with a column that no set has had yet, then add those with the fewest gaps.
        complete, columns = np.ones(len(frame), dtype=bool), []
        for j in [remaining[0], *(j for j in by_n_missing if j != remaining[0])]:
            if (complete & ~missing[:, j]).sum() >= FEWEST_ROWS:
                complete &= ~missing[:, j]
                columns.append(j)
        remaining = [j for j in remaining[1:] if j not in columns]
        for rule in found_rules(frame.iloc[complete, sorted(columns)]):
            new = all(rule.target != other.target for other in chosen)
            # Only rules that compute a column: a gap here is to be imputed and is no entry.
            kept = new and is_computed(rule) and not len(broken(rule, frame, of_observed=True))
            if kept and ordered([*chosen, rule]) is not None:
                chosen.append(rule)
    return ordered(chosen) or []


def _is_informative(x: np.ndarray, *idle: float) -> np.ndarray:
    """Return the rows in which a column has neither an idle value nor its most frequent one."""
    values, counts = np.unique(x, return_counts=True)
    return ~np.isin(x, [*idle, values[counts.argmax()]])


def _sums(searched: _Searched) -> Iterator[tuple[int, Rule]]:
    """Yield copies and sums of up to four columns, those of few parts first, and their targets.

    A sum is missing where any part is missing, so each pattern of missing entries is searched
    separately: targets have that pattern, and parts have no gap outside it.
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
        rng = np.random.default_rng(0)
        subsamples = [X]
        if len(rows) * MOST_BROKEN >= 1:
            # Small subsamples are likely to contain none of the few rows that break a sum.
            subsamples += [
                X[rng.choice(len(X), SUBSAMPLE_ROWS, replace=False)] for _ in range(N_SUBSAMPLES)
            ]
        seen = set()
        for subsample in subsamples:
            for t, added, less, plus in _sums_of(subsample, targets):
                key = (t, *sorted(added), None, *sorted(less))
                if key in seen:
                    continue
                seen.add(key)
                ups, downs = (
                    tuple(searched.names[columns[k]] for k in sorted(part))
                    for part in (added, less)
                )
                yield columns[t], Sum(searched.names[columns[t]], ups, downs, plus)


class _Relations:
    """Search for sums among the columns of X, by one random projection per column.

    If columns satisfy a linear equation, so do the weighted sums of their centred rows, up to
    rounding. Candidates are found among these numbers and then checked on all rows.
    """

    def __init__(self, X: np.ndarray, targets: list[bool]):
        self.X, self.targets = X, targets
        weights = np.random.default_rng(0).normal(size=len(X))
        self.S = weights @ (X - X.mean(0))
        # Bounds of the rounding errors of the projections, and of entries, by column.
        magnitude = np.abs(weights) @ np.abs(X) + np.abs(weights).sum() * np.abs(X).max(0)
        self.bound = EPS * magnitude + 1e-300
        self.tolerance = EPS * np.abs(X).max(0) + 1e-300
        self.informative = np.stack([_is_informative(x, 0) for x in X.T])

    def sum_of(self, t: int, added: list[int], subtracted: list[int]) -> Iterator[Any]:
        """Yield (target, added, subtracted, constant) if the sum holds in all rows of X."""
        parts = [*added, *subtracted]
        head = self.X[:20]
        residual = head[:, t] - head[:, added].sum(1) + head[:, subtracted].sum(1)
        if np.ptp(residual) > 2 * self.tolerance[[t, *parts]].max():
            return
        is_informative = self.informative[parts].all(0).sum() >= FEWEST_INFORMATIVE
        if not is_informative or not self.targets[t] or len({t, *parts}) <= len(parts):
            return
        X = self.X
        residual = X[:, t] - X[:, added].sum(1) + X[:, subtracted].sum(1)
        largest_tolerance = self.tolerance[[t, *parts]].max()
        plus = float(np.round(np.median(residual), 9))
        if np.abs(residual - plus).max() <= largest_tolerance:
            plus = 0 if abs(plus) <= largest_tolerance else plus
            yield t, added, subtracted, int(plus) if float(plus).is_integer() else plus

    def copies(self) -> Iterator[Any]:
        """Yield columns that equal another one plus a constant, or a constant minus another."""
        for a, value in enumerate(self.S):
            for t in np.flatnonzero(np.abs(self.S - value) <= self.bound[a]).tolist():
                if t > a:
                    yield from self.sum_of(t, [a], [])
            for t in np.flatnonzero(np.abs(self.S + value) <= self.bound[a]).tolist():
                if t > a:
                    yield from self.sum_of(t, [], [a])

    def sums(self, columns: list[int]) -> Iterator[Any]:
        """Yield sums of two, three and four columns."""
        S, bound = self.S, self.bound
        pairs = np.array(list(itertools.combinations(columns, 2)), dtype=int).reshape(-1, 2)
        both = S[pairs].sum(1)
        by_value = np.argsort(both)

        def equal_to(value: float, tolerance: float) -> list[list[int]]:
            first, last = np.searchsorted(both[by_value], [value - tolerance, value + tolerance])
            return pairs[by_value[first:last]].tolist()

        for t in columns:
            for pair in equal_to(S[t], bound[t]):
                yield from self.sum_of(t, pair, [])
            for pair in equal_to(-S[t], bound[t]):
                yield from self.sum_of(t, [], pair)
        for t, c in itertools.permutations(columns, 2):
            tolerance = bound[t] + bound[c]
            for pair in equal_to(S[t] - S[c], tolerance):
                yield from self.sum_of(t, [*pair, c], [])
            if t < c or not self.targets[c]:
                for pair in equal_to(S[t] + S[c], tolerance):
                    yield from self.sum_of(t, pair, [c])
                for pair in equal_to(-S[t] - S[c], tolerance):
                    yield from self.sum_of(t, [], [*pair, c])
        widest = 2 * bound.max()
        for t in columns:
            ends = [np.searchsorted(both[by_value], S[t] - both + o) for o in (-widest, widest)]
            for p in np.flatnonzero(ends[1] > ends[0]):
                for q in by_value[ends[0][p] : ends[1][p]]:
                    if p < q:
                        yield from self.sum_of(t, [*pairs[p].tolist(), *pairs[q].tolist()], [])


def _sums_of(X: np.ndarray, targets: list[bool]) -> Iterator[Any]:
    """Yield (target, added, subtracted, constant) of the sums among the columns of X."""
    relations = _Relations(X, targets)
    copied: set[int] = set()
    for found in relations.copies():
        if found[0] not in copied:
            copied.add(found[0])
            yield found
    yield from relations.sums([k for k in range(X.shape[1]) if k not in copied])


def _spans(searched: _Searched) -> Iterator[tuple[int, Rule]]:
    """Yield dates that are another date plus a duration, or plus a number of weeks to seconds."""
    names = searched.names
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
            complete = ~np.any([searched.missing[j] for j in (low, high, k)], axis=0)
            x = searched.numbers[k][complete]
            if complete.sum() < FEWEST_ROWS or _is_informative(x, 0).sum() < FEWEST_INFORMATIVE:
                continue
            span = searched.numbers[high][complete] - searched.numbers[low][complete]
            for unit in ("W", "D", "h", "min", "s") if ticks[k] is None else (None,):
                step = (ticks[k] or NANOSECONDS[unit or "ns"]) / (ticks[high] or 1)
                if np.array_equal(x[:20] * step, span[:20]) and np.array_equal(x * step, span):
                    yield high, Sum(names[high], (names[low], names[k]), unit=unit)


def _matches(
    rule: Product, searched: _Searched, inputs: tuple[int, ...], t: int, decimals: int
) -> bool:
    """Return whether a product or ratio equals the column t in all rows, up to its rounding."""
    rows = np.flatnonzero(~np.any([searched.missing[j] for j in (*inputs, t)], axis=0))
    product = computed(rule, [searched.numbers[j][rows] for j in inputs], [])
    rows, product = rows[np.isfinite(product)], product[np.isfinite(product)]
    if len(rows) < FEWEST_ROWS:
        return False
    informative = np.all([_is_informative(searched.numbers[j][rows], 0, 1) for j in inputs], axis=0)
    wanted = searched.numbers[t][rows].astype(np.float64)
    n_values = len(np.unique(wanted[informative]))
    if informative.sum() < FEWEST_INFORMATIVE or n_values < FEWEST_INFORMATIVE:
        return False
    is_close = np.abs(product - wanted) <= last_digit(decimals, np.abs(wanted))
    # The rows of fit must be reproduced exactly.
    grid = decimals if decimals < 9 else None
    return bool(is_close.all() and rounding_of(product, wanted, grid)[1] == 0)


class _NumberSample:
    """A random sample of rows of the numeric columns, to exclude most candidates cheaply."""

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
        rounding = [last_digit(d, np.zeros(1))[0] for d in self.decimals]
        self.tolerance = np.array(rounding) + EPS * np.abs(self.X)

    def near(self, value: np.ndarray) -> np.ndarray:
        """Return the columns that equal a value, up to rounding, where both are present.

        At least two rows must have both.
        """
        is_finite = np.isfinite(value)
        with np.errstate(invalid="ignore"):
            differs = np.abs(self.X - value[:, None]) > self.tolerance
        both_present = ~np.isnan(self.X) & is_finite[:, None]
        return np.flatnonzero(~(differs & both_present).any(0) & (both_present.sum(0) >= 2))


def _products_and_ratios(searched: _Searched) -> list[tuple[int, Rule]]:
    """Return products and ratios, ordered by distinct values of the target, the most first.

    Of those of the same columns, the one whose target is rounded the least, relative to its size,
    comes first: the others follow from it. A percentage to one decimal determines the rounded part
    of a total of 300, and not the reverse.
    """
    found = [*_products(searched), *_ratios(searched)]
    n_values = {t: len(np.unique(searched.numbers[t])) for t, _ in found}
    found.sort(key=lambda one: -n_values[one[0]])
    of_columns: dict[frozenset[Any], list[int]] = {}
    for place, (_, rule) in enumerate(found):
        of_columns.setdefault(frozenset((rule.target, *rule.inputs)), []).append(place)
    for places in of_columns.values():
        by_rounding = sorted(
            (found[k] for k in places), key=lambda one: _rounding(searched, one[0])
        )
        for k, one in zip(places, by_rounding, strict=True):
            found[k] = one
    return found


def _rounding(searched: _Searched, t: int) -> float:
    """Return the size of the last digit of a column, relative to the median of its numbers."""
    size = np.median(np.abs(searched.numbers[t][~searched.missing[t]]))
    decimals = searched.sample.decimals[searched.sample.columns.index(t)]
    return float(10.0**-decimals / size) if size else np.inf


def _products(searched: _Searched) -> Iterator[tuple[int, Rule]]:
    """Yield products of two columns, also where one is a percentage."""
    sample = searched.sample
    for a, b in itertools.combinations(range(len(sample.columns)), 2):
        product = sample.X[:, a] * sample.X[:, b]
        for times in PRODUCT_TIMES:
            for t in sample.near(times * product):
                if t not in (a, b):
                    yield from _product(searched, t, (a, b), (), times)


def _ratios(searched: _Searched) -> Iterator[tuple[int, Rule]]:
    """Yield ratios of two columns, also as percentages, and of a column and a square."""
    sample = searched.sample
    for a, b in itertools.permutations(range(len(sample.columns)), 2):
        with np.errstate(all="ignore"):
            ratio = sample.X[:, a] / sample.X[:, b]
            ratio_to_square = ratio / sample.X[:, b]
        for over, quotient, all_times in (
            ((b,), ratio, RATIO_TIMES),
            ((b, b), ratio_to_square, SQUARE_TIMES),
        ):
            for times in all_times:
                for t in sample.near(times * quotient):
                    if t not in (a, b):
                        yield from _product(searched, t, (a,), over, times)


def _rates(searched: _Searched) -> Iterator[tuple[int, Rule]]:
    """Yield columns that are a fixed multiple of another one, such as a tax at one rate."""
    sample = searched.sample
    X, tolerance = sample.X, sample.tolerance
    for a, t in itertools.permutations(range(len(sample.columns)), 2):
        x, y = np.abs(X[:, a]), X[:, t] * np.sign(X[:, a])
        present = np.isfinite(x) & np.isfinite(y) & (x > 0)
        if present.sum() < 2:
            continue
        low = ((y - tolerance[:, t])[present] / x[present]).max()
        high = ((y + tolerance[:, t])[present] / x[present]).min()
        # The rate with the fewest decimals in the interval that all rows allow.
        digits = range(MOST_DIGITS + 1) if low <= high else ()
        rates = (round((low + high) / 2, n) for n in digits)
        rate = next((r for r in rates if low <= r <= high), 0)
        if rate not in (0, 1, -1):
            yield from _product(searched, t, (a,), (), int(rate) if rate % 1 == 0 else rate)


def _product(
    searched: _Searched, t: int, factors: tuple[int, ...], over: tuple[int, ...], times: float
) -> Iterator[tuple[int, Rule]]:
    """Yield the product if it matches; columns are given by position among the numeric ones."""
    columns, names = searched.sample.columns, searched.names
    up, down = (tuple(names[columns[k]] for k in group) for group in (factors, over))
    rule = Product(names[columns[t]], up, down, times)
    inputs = tuple(columns[k] for k in (*factors, *over))
    if _matches(rule, searched, inputs, columns[t], searched.sample.decimals[t]):
        yield columns[t], rule


def _gaps(searched: _Searched, targets: set[int]) -> Iterator[Rule]:
    """Yield columns whose gaps another column determines, first those with equal gaps."""
    n = len(searched.frame)
    others = [j for j in range(searched.n_columns) if j not in targets]
    with_gaps = [
        j
        for j in others
        if FEWEST_INFORMATIVE <= searched.missing[j].sum() <= n - FEWEST_INFORMATIVE
    ]
    names = searched.names
    patterns: dict[bytes, int] = {}
    for t in with_gaps:
        first = patterns.setdefault(searched.missing[t].tobytes(), t)
        if first != t:
            yield GapWhere(names[t], names[first], (None,))
    factorized = {}
    for t in patterns.values():
        missing = searched.missing[t]
        for j in (j for j in others if j not in with_gaps):
            if j not in factorized:
                factorized[j] = pd.factorize(searched.frame.iloc[:, j])
            codes, values = factorized[j]
            is_candidate = 2 <= len(values) <= n / ROWS_PER_VALUE and not searched.missing[j].any()
            if not is_candidate or not _covers_all_entries(searched.numbers[j]):
                continue
            counts = np.bincount(codes, minlength=len(values))
            gaps = np.bincount(codes, missing, minlength=len(values))
            share = missing.mean()
            chance = (n - len(values)) * np.log(max(share, 1 - share))
            if (((gaps == 0) | (gaps == counts)) & (counts > 0)).all() and chance < CHANCE:
                entries = tuple(
                    sorted((_plain(values[k]) for k in np.flatnonzero(gaps == counts)), key=str)
                )
                yield GapWhere(names[t], names[j], entries)
                break


def _covers_all_entries(numbers: np.ndarray | None) -> bool:
    """Return whether fit saw every entry that may be drawn: labels, or evenly spaced integers."""
    if numbers is None:
        return True
    values = np.unique(numbers)
    return values.dtype.kind == "i" and bool(
        (np.diff(values) == np.gcd.reduce(np.diff(values))).all()
    )


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as a Python object, anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _mutually_exclusive(searched: _Searched, targets: set[int]) -> Iterator[Rule]:
    """Yield pairs of columns with mutually exclusive entries."""
    factorized = {}
    for j in range(searched.n_columns):
        column = searched.frame.iloc[:, j]
        codes, values = pd.factorize(column)
        most_entries = 2 if searched.numbers[j] is not None else MOST_ENTRIES
        if j not in targets and 2 <= len(values) <= most_entries:
            factorized[j] = codes, values
    n = len(searched.frame)
    for i, j in itertools.combinations(factorized, 2):
        (a, firsts), (b, seconds) = factorized[i], factorized[j]
        both_present = (a >= 0) & (b >= 0)
        shape = len(firsts), len(seconds)
        pair = a[both_present] * shape[1] + b[both_present]
        counts = np.bincount(pair, minlength=shape[0] * shape[1]).reshape(shape)
        if not both_present.any():
            continue
        expected = np.outer(counts.sum(1), counts.sum(0)) / both_present.sum()
        is_rare = counts <= np.minimum(MOST_TOGETHER * expected, MOST_EXCEPTIONS * n)
        found = np.argwhere(is_rare & (expected >= FEWEST_EXPECTED))
        if len(found):
            pairs = tuple((_plain(firsts[k]), _plain(seconds[m])) for k, m in found)
            yield NeverTogether(searched.names[i], searched.names[j], pairs)


def _functions(searched: _Searched) -> Iterator[tuple[int, Rule]]:
    """Yield columns that another one determines, label targets first."""
    n = len(searched.frame)
    codes, counts = [], []
    for j in range(searched.n_columns):
        column_codes, values = pd.factorize(searched.frame.iloc[:, j], use_na_sentinel=False)
        codes.append(column_codes)
        counts.append(len(values))
    candidates = [j for j in range(searched.n_columns) if 2 <= counts[j] <= n / ROWS_PER_VALUE]
    is_label = [x is None for x in searched.numbers]
    pairs = [(t, j) for t in candidates for j in candidates if t != j and counts[t] <= counts[j]]
    # Where two columns determine each other, the number is kept and the label is computed.
    pairs.sort(key=lambda pair: (not is_label[pair[0]], is_label[pair[1]], counts[pair[1]]))
    for t, j in pairs:
        for rows in (slice(0, 500), slice(None)):
            both = codes[j][rows].astype(np.int64) * counts[t] + codes[t][rows]
            if len(np.unique(both)) > len(np.unique(codes[j][rows])):
                break
        else:
            share = np.bincount(codes[t]) / n
            # The most frequent entry, such as a gap or 0, is no evidence against chance.
            log_share = np.where(share == share.max(), 0.0, np.log(share))
            first = np.unique(codes[j], return_index=True)[1]
            # Log-probability of all entries but the first of each value of j, if independent of j.
            log_chance = log_share[codes[t]].sum() - log_share[codes[t][first]].sum()
            if log_chance < CHANCE:
                yield t, FunctionOf(searched.names[t], searched.names[j])


def _inequalities(searched: _Searched) -> Iterator[tuple[int, Rule]]:
    """Yield inequalities, ordered by the median difference in standard deviations of high."""
    found = []
    columns = [j for j, x in enumerate(searched.numbers) if x is not None]
    for low, high in itertools.permutations(columns, 2):
        if searched.units[low] != searched.units[high]:
            continue
        present = ~(searched.missing[low] | searched.missing[high])
        if present.sum() < FEWEST_ROWS:
            continue
        x, y = searched.numbers[low][present], searched.numbers[high][present]
        if (x[:100] > y[:100]).any() or (x > y).any():
            continue
        gap = y.astype(np.float64) - x.astype(np.float64)
        always = np.ptp(gap) == 0 and _is_informative(x).sum() >= FEWEST_INFORMATIVE
        if gap.max() < LONGEST and (always or _is_limit(x, y, gap, searched.units[high])):
            found.append((np.median(gap) / np.std(y.astype(np.float64)), low, high))
    for _, low, high in sorted(found):
        yield high, Inequality(searched.names[low], searched.names[high])


def _is_limit(x: np.ndarray, y: np.ndarray, gap: np.ndarray, unit: str) -> bool:
    """Return whether x <= y is unlikely to hold in all rows by chance."""
    share_broken = 1 - np.searchsorted(np.sort(x), y, side="right").mean() / len(x)
    if share_broken < LEAST_BROKEN or len(x) * np.log1p(-share_broken) > CHANCE_OF_ORDER:
        return False
    if unit != "number":
        return True
    if np.ptp(gap[x > x.min()]) == 0:
        # One difference only, such as that of two binary columns, is no evidence.
        return False
    if x.dtype.kind == y.dtype.kind == "i":
        gap = gap - min(gap[x > x.min()].min(), 1)
    if _chance_below(gap[x > x.min()]) > CHANCE_OF_ORDER:
        return False
    if x.min() < 0:
        return True
    # Small numbers have small differences, so relative differences must have the limit as well.
    relative = (gap / np.maximum(y, EPS))[(x > x.min()) & (y > 0)]
    return _chance_below(relative) < CHANCE_OF_PARTS


def _chance_below(gap: np.ndarray) -> float:
    """Return the log-probability (nats) that no difference is below 0 if 0 were no limit."""
    near, further = (float(np.sum(gap <= k * STEP * np.median(gap))) for k in (1, 2))
    # The expected number below 0: counts are assumed to fall from bin to bin by a fixed ratio.
    return -near * min(near / max(further - near, 1), 1)
