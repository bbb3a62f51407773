"""Rules that all rows of a table keep: found on the rows of `fit`, and kept by every drawn row.

A rule tells one column, its target, from others. :class:`skgen.TableEncoder` leaves the target out
of what a model learns, or puts what is left of it in its place, and computes it when it decodes:

- :class:`Inequality`, ``low <= high``: the difference, of which the least is never negative, in the
  place of ``high``;
- :class:`Sum`, ``total = a + b - c``: nothing in the place of ``total``;
- :class:`Product`, ``total = price * quantity``, rounded as the column is: nothing;
- :class:`FunctionOf`, a column that goes with another one, as the country with the city: nothing.

What is found holds in every row, in at least `FEWEST_ROWS`, and would not do so by chance. Sums,
products and functions are exact, so that a few rows tell. An inequality could hold because the two
columns lie apart, or because a limit is rarely reached. So two columns count where rows put
together at random would break it. Of numbers the differences press against a limit, besides: so
many are near it, and not many more a step further, that others would be below it were there none.
The limit is 0, of whole numbers also 1, and rows in which the lower column is at its least say
nothing of it. Of dates that come one after the other in every row no more is asked. A difference
that is the same in every row is no chance.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype

__all__ = ["FunctionOf", "Inequality", "Product", "Sum"]

FEWEST_ROWS = 50
# Rows that are searched for rules, and columns, at most; what is found is held against all rows.
MOST_SEARCHED, MOST_COLUMNS = 20_000, 64
# Of rows put together at random, the share that breaks an inequality.
LEAST_BROKEN = 0.01
# A step from the limit of the differences, in parts of their median's distance from it.
STEP = 0.25
# Log-probabilities that a function of independent columns would hold, and an inequality.
CHANCE, CHANCE_OF_ORDER = np.log(1e-9), np.log(1e-6)
# A column that tells another one has each of its values in so many rows in the mean.
ROWS_PER_VALUE = 5
# Rows in which all parts of a sum, or of a product, differ from 0, or 1, and from what most rows
# have, at least.
FEWEST_TELLING = 10
# Integers beyond this are not exact as floats, and numbers of nature stay below it.
LARGEST = 2.0**53
EPS = 1e-9
# No difference of 64 bits is longer, of dates in nanoseconds some 290 years.
LONGEST = 2.0**62


@dataclass(frozen=True)
class Inequality:
    """``low <= high`` in every row in which both are there.

    Parameters
    ----------
    low, high : hashable
        Names of two columns of numbers, of durations, or of dates of one dtype.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import Inequality, TableEncoder
    >>> stays = pd.DataFrame({"arrival": [1, 4, 9], "departure": [3, 4, 14]})
    >>> encoder = TableEncoder(constraints=[Inequality("arrival", "departure")]).fit(stays)
    >>> encoder.inverse_transform([[9.0, -9.0]])
       arrival  departure
    0        9          9
    """

    low: Any
    high: Any

    @property
    def target(self) -> Any:
        """The column that is computed."""
        return self.high

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The columns that it is computed from."""
        return (self.low,)

    def __str__(self) -> str:
        return f"{self.low!r} <= {self.high!r}"


@dataclass(frozen=True)
class Sum:
    """A column that is the sum of others in every row, less the sum of further ones.

    Parameters
    ----------
    total : hashable
        Name of the column that is the sum.
    parts : sequence of hashable
        Names of the columns that are added. A single one makes the total a copy of it.
    less : sequence of hashable, default=()
        Names of columns that are subtracted.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import Sum, TableEncoder
    >>> bills = pd.DataFrame({"net": [10, 20, 30], "tax": [1, 4, 3], "gross": [11, 24, 33]})
    >>> encoder = TableEncoder(constraints=[Sum("gross", ["net", "tax"])]).fit(bills)
    >>> encoder.inverse_transform(encoder.transform(bills)).equals(bills)
    True
    >>> encoder.get_feature_names_out().tolist()
    ['net', 'tax']
    """

    total: Any
    parts: Sequence[Any]
    less: Sequence[Any] = ()

    @property
    def target(self) -> Any:
        """The column that is computed."""
        return self.total

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The columns that it is computed from."""
        return (*self.parts, *self.less)

    def __str__(self) -> str:
        told = " + ".join(repr(part) for part in self.parts)
        return f"{self.total!r} = {told}" + "".join(f" - {part!r}" for part in self.less)


@dataclass(frozen=True)
class Product:
    """A column that is the product of others in every row, rounded to the decimals that it has.

    Parameters
    ----------
    total : hashable
        Name of the column that is the product.
    factors : sequence of hashable
        Names of the columns that are multiplied.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import Product, TableEncoder
    >>> bills = pd.DataFrame({"price": [1.25, 2.5], "number": [3, 2], "net": [3.75, 5.0]})
    >>> encoder = TableEncoder(constraints=[Product("net", ["price", "number"])]).fit(bills)
    >>> print(*encoder.constraints_)
    'net' = 'price' * 'number'
    """

    total: Any
    factors: Sequence[Any]

    @property
    def target(self) -> Any:
        """The column that is computed."""
        return self.total

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The columns that it is computed from."""
        return tuple(self.factors)

    def __str__(self) -> str:
        return f"{self.total!r} = " + " * ".join(repr(factor) for factor in self.factors)


@dataclass(frozen=True)
class FunctionOf:
    """A column that goes with another one: equal entries of that, equal entries of this.

    Parameters
    ----------
    column : hashable
        Name of the column that is known from the other one.
    of : hashable
        Name of the other one.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import FunctionOf, TableEncoder
    >>> places = pd.DataFrame({"city": ["Bern", "Rome", "Basel"], "country": ["CH", "IT", "CH"]})
    >>> encoder = TableEncoder(constraints=[FunctionOf("country", "city")]).fit(places)
    >>> encoder.inverse_transform(encoder.transform(places)).equals(places)
    True
    """

    column: Any
    of: Any

    @property
    def target(self) -> Any:
        """The column that is computed."""
        return self.column

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The columns that it is computed from."""
        return (self.of,)

    def __str__(self) -> str:
        return f"{self.column!r} is a function of {self.of!r}"


Rule = Inequality | Sum | Product | FunctionOf


# Columns as numbers.


def as_numbers(column: pd.Series) -> np.ndarray | None:
    """Return a column as float64 or int64, missing entries apart; None where it has no arithmetic.

    Times are whole numbers of their unit. Of missing entries the values mean nothing.
    """
    dtype = column.dtype
    if is_bool_dtype(dtype) or isinstance(dtype, pd.CategoricalDtype | pd.SparseDtype):
        return None
    if is_integer_dtype(dtype):
        if column.isna().any():
            column = column.fillna(0)
        if len(column) and int(column.max()) > np.iinfo(np.int64).max:
            return None
        return column.to_numpy(dtype=np.int64)
    if is_float_dtype(dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        # The decimals that are meant: 0.1 of 32 bits is another number in 64.
        return _shortest(numbers) if dtype.itemsize == 4 else numbers
    if isinstance(dtype, pd.DatetimeTZDtype) or (
        isinstance(dtype, np.dtype) and dtype.kind in "mM"
    ):
        return column.astype("int64").to_numpy()
    return None


def _shortest(numbers: np.ndarray) -> np.ndarray:
    """Return the shortest decimals that are certain numbers of 32 bits."""
    exact = numbers.astype(np.float32)
    for decimals in range(8):
        shorter = np.round(numbers, decimals)
        if np.array_equal(shorter.astype(np.float32), exact, equal_nan=True):
            return shorter
    return numbers


def _unit(column: pd.Series) -> str:
    """Return what two columns must share to be subtracted."""
    dtype = column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        return f"datetime64[{dtype.unit}] of a time zone"
    return "number" if dtype.kind in "iuf" else str(dtype)


def combined(rule: Rule, numbers: Callable[[Any], np.ndarray]) -> np.ndarray:
    """Return a sum or a product, before it is rounded, given the numbers of columns."""
    if isinstance(rule, Product):
        factors = [numbers(name).astype(np.float64) for name in rule.factors]
        return np.prod(factors, axis=0)
    assert isinstance(rule, Sum)
    total = sum(numbers(name) for name in rule.parts)
    return np.asarray(total - sum((numbers(name) for name in rule.less), np.int64(0)))


# What is searched.


class _Searched:
    """Some rows of a frame: numbers, units, and what is missing, by column."""

    def __init__(self, frame: pd.DataFrame):
        step = -(-len(frame) // MOST_SEARCHED)
        self.frame = frame.iloc[::step].reset_index(drop=True)
        self.n_columns = self.frame.shape[1]
        self.missing = [self.frame.iloc[:, j].isna().to_numpy() for j in range(self.n_columns)]
        self.numbers: list[Any] = [as_numbers(self.frame.iloc[:, j]) for j in range(self.n_columns)]
        self.units = [_unit(self.frame.iloc[:, j]) for j in range(self.n_columns)]
        for j, (x, missing) in enumerate(zip(self.numbers, self.missing, strict=True)):
            if x is not None and (missing.all() or x[~missing].min() == x[~missing].max()):
                # A constant needs no rule.
                self.numbers[j] = None

    def numeric(self) -> list[int]:
        """Return the columns of numbers that can be added and multiplied without a loss."""
        return [
            j
            for j, (x, unit) in enumerate(zip(self.numbers, self.units, strict=True))
            if x is not None and unit == "number" and np.nanmax(np.abs(x.astype(float))) < LARGEST
        ]


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
            kept = new and not len(broken(rule, frame, of_observed=True))
            if kept and ordered([*chosen, rule]) is not None:
                chosen.append(rule)
    return ordered(chosen) or []


def found_rules(frame: pd.DataFrame) -> list[Rule]:
    """Return rules that the rows of a frame keep and would not by chance, each target once.

    Parameters
    ----------
    frame : DataFrame of shape (n_samples, n_features)
        The rows.

    Returns
    -------
    rules : list of Rule
        In an order in which each can be computed when those before it are.
    """
    if len(frame) < FEWEST_ROWS or frame.shape[1] > MOST_COLUMNS or not frame.columns.is_unique:
        return []
    searched = _Searched(frame)
    names = list(frame.columns)
    chosen: list[Rule] = []
    # The most telling first: what is computed exactly leaves nothing to a limit.
    kinds = (_sums(searched), _products(searched), _functions(searched), _inequalities(searched))
    for make in itertools.chain(*kinds):
        rule = make(names)
        new = all(rule.target != other.target for other in chosen)
        if new and holds(rule, frame) and ordered([*chosen, rule]) is not None:
            chosen.append(rule)
    return ordered(chosen) or []


def ordered(rules: Sequence[Rule]) -> list[Rule] | None:
    """Return rules so that none needs a target of a later one; None where they run in a circle."""
    left, done = list(rules), []
    while left:
        targets = {rule.target for rule in left}
        free = [rule for rule in left if not targets & set(rule.inputs)]
        if not free:
            return None
        done += free
        left = [rule for rule in left if rule not in free]
    return done


def checked_rules(
    rules: Sequence[Any], frame: pd.DataFrame, *, of_observed: bool = False
) -> list[Rule]:
    """Return rules that a user gave in the order in which they can be computed.

    Parameters
    ----------
    rules : sequence of Rule
        The rules.
    frame : DataFrame of shape (n_samples, n_features)
        The rows, which must keep them.
    of_observed : bool, default=False
        Whether a gap of the frame is an entry that is not known, and breaks no rule.

    Raises
    ------
    TypeError
        If one is no rule.
    ValueError
        If a rule names a column that is not there, has one target with another, needs its own
        target, or is broken by a row.
    """
    for k, rule in enumerate(rules):
        if not isinstance(rule, Inequality | Sum | Product | FunctionOf):
            raise TypeError(
                f"constraints[{k}] is {rule!r}: give skgen.Inequality, Sum, Product or FunctionOf."
            )
        for name in (rule.target, *rule.inputs):
            if name not in frame.columns:
                raise ValueError(
                    f"The rule {rule} names the column {name!r}, which is none of "
                    f"{list(frame.columns)}."
                )
        same = [str(other) for other in rules[:k] if other.target == rule.target]
        if same:
            raise ValueError(
                f"The rules {same[0]} and {rule} both tell {rule.target!r}: leave one of them out."
            )
        if not isinstance(rule, FunctionOf):
            for name in (rule.target, *rule.inputs):
                if as_numbers(frame[name]) is None:
                    raise ValueError(
                        f"The rule {rule} computes with the column {name!r}, which is of dtype "
                        f"{frame[name].dtype}: convert it to numbers or times of pandas."
                    )
            if isinstance(rule, Inequality) and _unit(frame[rule.low]) != _unit(frame[rule.high]):
                raise ValueError(
                    f"The rule {rule} compares {frame[rule.low].dtype} with "
                    f"{frame[rule.high].dtype}: convert one of the columns."
                )
        wrong = broken(rule, frame, of_observed=of_observed)
        if len(wrong):
            entries = {name: frame[name].iloc[wrong[0]] for name in (*rule.inputs, rule.target)}
            raise ValueError(
                f"The rule {rule} does not hold in {len(wrong)} of {len(frame)} rows, the first of "
                f"which is row {wrong[0]}: {entries}. Mend the rows, or leave the rule out."
            )
    in_order = ordered(rules)
    if in_order is None:
        raise ValueError(
            f"The rules {', '.join(map(str, rules))} run in a circle: one column must be told "
            "without the others."
        )
    return in_order


def holds(rule: Rule, frame: pd.DataFrame) -> bool:
    """Tell whether a rule holds in every row, and gaps of its columns go together."""
    return len(broken(rule, frame)) == 0


def broken(rule: Rule, frame: pd.DataFrame, *, of_observed: bool = False) -> np.ndarray:
    """Return the numbers of the rows that break a rule, or in which only its target is known.

    Of what is observed of rows, whose gaps are to be imputed, a gap breaks nothing.
    """
    if of_observed:
        whole = np.flatnonzero(frame[[rule.target, *rule.inputs]].notna().all(axis=1))
        return whole[broken(rule, frame.iloc[whole])]
    target = frame[rule.target]
    present = target.notna().to_numpy()
    if isinstance(rule, FunctionOf):
        codes = [pd.factorize(frame[name], use_na_sentinel=False)[0] for name in rule.inputs]
        known = pd.Series(pd.factorize(target, use_na_sentinel=False)[0])
        return np.flatnonzero(known.groupby(codes[0]).transform("first") != known)
    others = [frame[name].notna().to_numpy() for name in rule.inputs]
    whole = np.all(others, axis=0)
    exact = not isinstance(rule, Inequality)
    unlike = (whole != present) if exact else (present & ~whole)
    at = np.flatnonzero(whole & present)
    wanted = as_numbers(target.iloc[at])
    given: dict[Any, Any] = {name: as_numbers(frame[name].iloc[at]) for name in rule.inputs}
    if wanted is None or any(values is None for values in given.values()):
        return np.arange(len(frame))
    if isinstance(rule, Inequality):
        off = given[rule.low] > wanted
    else:
        value = combined(rule, given.__getitem__)
        off = np.abs(value - wanted) > tolerance(rule, wanted, value)
    return np.flatnonzero(unlike | np.isin(np.arange(len(frame)), at[off]))


def tolerance(
    rule: Rule, wanted: np.ndarray, value: np.ndarray, decimals: int | None = None
) -> np.ndarray:
    """Return by how much a computed value may miss: rounding, and of a product its last digit."""
    decimals = decimals_of(wanted) if decimals is None else decimals
    size = np.maximum(np.abs(wanted.astype(np.float64)), np.abs(value.astype(np.float64)))
    if isinstance(rule, Product):
        return _last_digit(decimals, size)
    return np.zeros(1) if wanted.dtype.kind == value.dtype.kind == "i" else EPS * (size + 1e-300)


def _last_digit(decimals: int, size: np.ndarray) -> np.ndarray:
    """Return what rounding to decimals may change, with the rounding error of numbers so large."""
    return 0.5 * 10.0**-decimals * (1 + 1e-6) + EPS * size


def decimals_of(values: np.ndarray) -> int:
    """Return the decimals that all values have, 9 at most."""
    values = values.astype(np.float64)
    for decimals in range(9):
        if np.allclose(values, np.round(values, decimals), rtol=1e-12, atol=1e-12):
            return decimals
    return 9


def _telling(x: np.ndarray, *idle: float) -> np.ndarray:
    """Tell in which rows a column is neither at an idle value nor at the most frequent one."""
    values, counts = np.unique(x, return_counts=True)
    return ~np.isin(x, [*idle, values[counts.argmax()]])


def _sums(searched: _Searched) -> Any:
    """Yield sums of up to three columns, and copies: those of few parts first.

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
        for t, parts, less in _sums_of(X, targets):
            places = [sorted(columns[k] for k in group) for group in (parts, less)]
            yield lambda names, t=columns[t], places=places: Sum(
                names[t], *(tuple(names[j] for j in group) for group in places)
            )


def _sums_of(X: np.ndarray, targets: list[bool]) -> Any:
    """Yield a target, parts that are added and parts that are subtracted, columns of X."""
    # Relations of columns are relations of any weighted sum of their rows: one number a column.
    weights = np.random.default_rng(0).normal(size=len(X))
    S = weights @ X
    size = EPS * np.abs(weights) @ np.abs(X) + 1e-300
    telling = np.stack([_telling(x, 0) for x in X.T])
    order = np.argsort(S)

    def equal_to(value: float, off: float, S: np.ndarray, order: np.ndarray) -> Any:
        first, last = np.searchsorted(S[order], [value - off, value + off])
        return order[first:last]

    def tell(*parts: int) -> bool:
        return telling[list(parts)].all(0).sum() >= FEWEST_TELLING

    copied: set[int] = set()
    for a in range(len(S)):
        near = [t for t in equal_to(S[a], size[a], S, order) if t > a and t not in copied]
        same = [t for t in near if targets[t] and np.allclose(X[:, t], X[:, a], rtol=EPS, atol=0)]
        if same and tell(a):
            yield from ((t, [a], []) for t in same)
            copied.update(same)
    left = [k for k in range(len(S)) if k not in copied]
    pairs = np.array(list(itertools.combinations(left, 2)), dtype=int).reshape(-1, 2)
    both = S[pairs].sum(1)
    for (a, b), value in zip(pairs, both, strict=True):
        for t in equal_to(value, size[a] + size[b], S, order):
            if targets[t] and t not in (a, b) and t not in copied and tell(a, b):
                yield t, [a, b], []
    # t - c = a + b, and t + c = a + b.
    by_value = np.argsort(both)
    for t, c in itertools.permutations(left, 2):
        for sign in ((1, -1) if t < c or not targets[c] else (1,)) if targets[t] else ():
            for a, b in pairs[equal_to(S[t] - sign * S[c], size[t] + size[c], both, by_value)]:
                if len({a, b, c, t}) == 4 and tell(a, b, c):
                    yield (t, [a, b, c], []) if sign > 0 else (t, [a, b], [c])


def _products(searched: _Searched) -> Any:
    """Yield products of two columns."""
    columns = searched.numeric()
    few = np.random.default_rng(0)
    for t in columns:
        decimals = decimals_of(searched.numbers[t][~searched.missing[t]])
        for a, b in itertools.combinations([j for j in columns if j != t], 2):
            missing = searched.missing[a] | searched.missing[b] | searched.missing[t]
            rows = np.flatnonzero(~missing)
            if len(rows) < FEWEST_ROWS:
                continue
            x, y, z = (searched.numbers[j] for j in (a, b, t))
            for some in (few.choice(rows, 20), rows):
                off = np.abs(x[some].astype(float) * y[some] - z[some])
                if (off > _last_digit(decimals, np.abs(z[some]))).any():
                    break
            else:
                telling = _telling(x[rows], 0, 1) & _telling(y[rows], 0, 1)
                if telling.sum() >= FEWEST_TELLING:
                    yield lambda names, t=t, a=a, b=b: Product(names[t], (names[a], names[b]))


def _functions(searched: _Searched) -> Any:
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
                yield lambda names, t=t, j=j: FunctionOf(names[t], names[j])


def _inequalities(searched: _Searched) -> Any:
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
        yield lambda names, low=low, high=high: Inequality(names[low], names[high])


def _is_limit(x: np.ndarray, y: np.ndarray, gap: np.ndarray, unit: str) -> bool:
    """Tell whether x <= y would be broken by chance, were it no rule."""
    apart = 1 - np.searchsorted(np.sort(x), y, side="right").mean() / len(x)
    if apart < LEAST_BROKEN or len(x) * np.log1p(-apart) > CHANCE_OF_ORDER:
        return False
    if unit != "number":
        return True
    gap = gap[x > x.min()]
    if np.ptp(gap) == 0:
        # Two columns of two values have no other difference.
        return False
    if x.dtype.kind == y.dtype.kind == "i":
        gap = gap - min(gap.min(), 1)
    near, further = (float(np.sum(gap <= k * STEP * np.median(gap))) for k in (1, 2))
    # As many times fewer below the limit as there are near it than a step further.
    return bool(-near * min(near / max(further - near, 1), 1) < CHANCE_OF_ORDER)
