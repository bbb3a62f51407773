"""Which rows break a rule, and whether rules that a user gave can be kept."""

import copy
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_object_dtype, is_string_dtype

from skgen.tables.arithmetic import (
    EPS,
    as_numbers,
    computed,
    decimals_of,
    tolerance,
    unit_of,
    weights,
)
from skgen.tables.constraints import (
    RULES,
    Check,
    Formula,
    FunctionOf,
    GapWhere,
    Inequality,
    NeverTogether,
    OneOf,
    Product,
    Range,
    Rule,
    Sum,
    Support,
)

# A column is computed by one of these, and by one at most.
COMPUTED = (Inequality, Sum, Product, Formula, FunctionOf)
# Rows in which it is looked whether a product is rounded, at most.
MOST_ROUNDED = 20_000


def is_computed(rule: Any) -> bool:
    """Tell whether a rule computes the entries of its target, and not what they cannot be."""
    return isinstance(rule, COMPUTED)


def ordered(rules: Sequence[Any]) -> list[Any] | None:
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
) -> list[Rule | Check]:
    """Return rules that a user gave in the order in which they can be computed.

    Parameters
    ----------
    rules : sequence of Rule or callable
        The rules; a function becomes a :class:`skgen.tables.constraints.Check`.
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
    rules = [_plain(rule, k) for k, rule in enumerate(rules)]
    for k, rule in enumerate(rules):
        if not isinstance(rule, Check):
            _check_columns(rule, frame)
            _check_others(rule, rules[:k], rules)
        wrong = broken(rule, frame, of_observed=of_observed)
        if len(wrong) > getattr(rule, "exceptions", 0.0) * len(frame):
            names = [] if isinstance(rule, Check) else [*rule.inputs, rule.target]
            entries = {name: frame[name].iloc[wrong[0]] for name in names}
            raise ValueError(
                f"The rule {rule} does not hold in {len(wrong)} of {len(frame)} rows, the first of "
                f"which is row {wrong[0]}{f': {entries}' if entries else ''}. Mend the rows, or "
                "leave the rule out."
            )
    in_order = ordered([rule for rule in rules if is_computed(rule)])
    if in_order is None:
        raise ValueError(
            f"The rules {', '.join(map(str, rules))} run in a circle: one column must be told "
            "without the others."
        )
    return in_order + [rule for rule in rules if not is_computed(rule)]


def _plain(rule: Any, k: int) -> Any:
    """Return a rule without the rows of another fit, of a function a rule; raise for all else."""
    if isinstance(rule, RULES + (Check,)):
        return _with_support(rule, None)
    if callable(rule) and not isinstance(rule, type):
        return Check(rule)
    names = ", ".join(kind.__name__ for kind in RULES)
    raise TypeError(
        f"constraints[{k}] is {rule!r}: give skgen.{names}, or a function that says of each row of "
        "a frame whether it can be."
    )


def _with_support(rule: Any, support: Support | None) -> Any:
    if rule.support is support:
        return rule
    rule = copy.copy(rule)
    object.__setattr__(rule, "support", support)
    return rule


def supported(rule: Any, frame: pd.DataFrame) -> Any:
    """Return a rule that rows keep with what these say for it.

    Parameters
    ----------
    rule : Rule or Check
        The rule.
    frame : DataFrame of shape (n_samples, n_features)
        Rows of which none breaks it but those that it excepts.

    Returns
    -------
    rule : Rule or Check
        A copy whose ``support`` counts rows.
    """
    n = len(frame)
    if isinstance(rule, Check | GapWhere):
        return _with_support(rule, Support(n, n, n))
    if isinstance(rule, FunctionOf):
        n_checked = int(frame[rule.of].duplicated(keep=False).sum())
        return _with_support(rule, Support(n, n_checked, n_checked))
    present = np.ones(n, dtype=bool)
    for name in (rule.target, *rule.inputs):
        present &= frame[name].notna().to_numpy()
    n_checked, decimals = int(present.sum()), None
    may_slip = isinstance(rule, NeverTogether) or bool(getattr(rule, "exceptions", 0))
    n_broken = len(broken(rule, frame)) if may_slip else 0
    if isinstance(rule, Product | Formula):
        some = frame.iloc[np.flatnonzero(present)[:MOST_ROUNDED]]
        wanted, *given = (as_numbers(some[name]) for name in (rule.target, *rule.inputs))
        if wanted is not None and wanted.dtype.kind == "f":
            value = computed(rule, [x for x in given if x is not None], [])
            off = np.abs(value - wanted) > EPS * np.abs(wanted)
            decimals = decimals_of(wanted) if off.any() else None
    return _with_support(rule, Support(n, n_checked, n_checked - n_broken, decimals))


def _check_columns(rule: Any, frame: pd.DataFrame) -> None:
    """Raise where a rule is about columns that are not there, or not of its kind."""
    for name in (rule.target, *rule.inputs):
        if name not in frame.columns:
            raise ValueError(
                f"The rule {rule} names the column {name!r}, which is none of "
                f"{list(frame.columns)}."
            )
    if isinstance(rule, FunctionOf | GapWhere | NeverTogether):
        return
    if isinstance(rule, OneOf):
        declared(rule, frame[rule.column].dtype)
        return
    for name in (rule.target, *rule.inputs):
        if as_numbers(frame[name]) is None:
            raise ValueError(
                f"The rule {rule} computes with the column {name!r}, which is of dtype "
                f"{frame[name].dtype}: convert it to numbers or times of pandas."
            )
    if isinstance(rule, Inequality) and unit_of(frame[rule.low]) != unit_of(frame[rule.high]):
        raise ValueError(
            f"The rule {rule} compares {frame[rule.low].dtype} with {frame[rule.high].dtype}: "
            "convert one of the columns."
        )
    if isinstance(rule, Sum):
        weights(rule, [frame[name].dtype for name in (*rule.inputs, rule.total)])


def _check_others(rule: Any, before: Sequence[Any], rules: Sequence[Any]) -> None:
    """Raise where two rules are in each other's way."""
    if is_computed(rule):
        same = [str(r) for r in before if is_computed(r) and r.target == rule.target]
        if same:
            raise ValueError(
                f"The rules {same[0]} and {rule} both tell {rule.target!r}: leave one of them out."
            )
        return
    if isinstance(rule, Range | OneOf):
        others = [r for r in before if isinstance(r, Range | OneOf) and r.column == rule.column]
        if others:
            raise ValueError(
                f"The rules {others[0]} and {rule} both say what {rule.column!r} may be: leave one "
                "of them out."
            )
    told = {other.target: other for other in rules if is_computed(other)}
    gaps = {other.target: other for other in rules if isinstance(other, GapWhere)}
    for name in (rule.target, *rule.inputs):
        other = told.get(name)
        if isinstance(rule, GapWhere) and name == rule.of:
            other = other or gaps.get(name)
        if other is not None:
            raise ValueError(
                f"The rule {rule} is about {name!r}, which another rule tells, {other}: leave one "
                "of them out."
            )


def broken(rule: Any, frame: pd.DataFrame, *, of_observed: bool = False) -> np.ndarray:
    """Return the numbers of the rows that break a rule, or in which only its target is known.

    Of what is observed of rows, whose gaps are to be imputed, a gap breaks nothing.
    """
    if of_observed and isinstance(rule, GapWhere):
        # Where a gap is to be filled, none is an answer.
        return np.empty(0, dtype=int)
    if isinstance(rule, Check):
        # Which columns it reads is not known.
        rows = frame.notna().all(axis=1) if of_observed else np.ones(len(frame), dtype=bool)
        whole = np.flatnonzero(rows)
        return whole[~rule.holds(frame.iloc[whole])]
    if of_observed:
        whole = np.flatnonzero(frame[[rule.target, *rule.inputs]].notna().all(axis=1))
        return whole[broken(rule, frame.iloc[whole])]
    target = frame[rule.target]
    present = target.notna().to_numpy()
    if isinstance(rule, FunctionOf):
        codes = [pd.factorize(frame[name], use_na_sentinel=False)[0] for name in rule.inputs]
        known = pd.Series(pd.factorize(target, use_na_sentinel=False)[0])
        return np.flatnonzero(known.groupby(codes[0]).transform("first") != known)
    if isinstance(rule, GapWhere):
        return np.flatnonzero(is_among(frame[rule.of], rule.entries) == present)
    if isinstance(rule, NeverTogether):
        return np.flatnonzero(have_both(rule, frame[rule.first], target))
    if isinstance(rule, OneOf):
        return np.flatnonzero(present & ~target.isin(declared(rule, target.dtype)).to_numpy(bool))
    if isinstance(rule, Range):
        ends = (rule.low, operator.lt), (rule.high, operator.gt)
        entries = target[present]
        beyond = [
            is_beyond(entries, end).to_numpy(bool) for end, is_beyond in ends if end is not None
        ]
        is_off = np.any(beyond, axis=0) if beyond else np.zeros(len(entries), dtype=bool)
        return np.flatnonzero(present)[is_off]
    return _broken_numbers(rule, frame, present)


def declared(rule: OneOf, dtype: Any) -> pd.Series:
    """Return the values of a rule as entries of a column of a dtype.

    Raises
    ------
    ValueError
        If the column cannot have one of them.
    """
    given = pd.Series(list(rule.values), dtype=object)
    what, of_dtype = f"is of dtype {dtype}", given
    if isinstance(dtype, pd.CategoricalDtype):
        what = f"has the categories {list(dtype.categories)}"
        off = ~given.isin(dtype.categories)
        of_dtype = given if off.any() else given.astype(dtype)
    elif is_object_dtype(dtype):
        off = pd.Series(False, given.index)
    else:
        off = pd.Series([not _can_be(value, dtype) for value in given])
        of_dtype = given if off.any() else given.astype(dtype)
    if off.any():
        raise ValueError(
            f"The rule {rule} declares {given[off].iloc[0]!r}, and the column {what}: leave the "
            "value out, or convert the column."
        )
    return of_dtype


def _can_be(value: Any, dtype: Any) -> bool:
    """Tell whether a value is one of a dtype, and is not changed by it."""
    try:
        entry = pd.Series([value], dtype=object).astype(dtype)
    except (TypeError, ValueError, OverflowError):
        return False
    exact = is_integer_dtype(dtype) or is_bool_dtype(dtype) or is_string_dtype(dtype)
    return not entry.isna().any() and (not exact or bool(entry.iloc[0] == value))


def is_among(column: pd.Series, entries: Sequence[Any]) -> np.ndarray:
    """Tell which entries of a column are among some, of which None is a gap."""
    known = [entry for entry in entries if entry is not None]
    among = column.astype(object).isin(known) if known else pd.Series(False, column.index)
    return (among | (column.isna() & (len(known) < len(entries)))).to_numpy(dtype=bool)


def have_both(rule: NeverTogether, first: pd.Series, second: pd.Series) -> np.ndarray:
    """Tell which rows have two entries that exclude each other."""
    both = np.zeros(len(first), dtype=bool)
    for a, b in rule.pairs:
        both |= is_among(first, [a]) & is_among(second, [b])
    return both


def _broken_numbers(rule: Any, frame: pd.DataFrame, present: np.ndarray) -> np.ndarray:
    """Return the rows that break a rule of numbers."""
    others = [frame[name].notna().to_numpy() for name in rule.inputs]
    whole = np.all(others, axis=0)
    if isinstance(rule, Product):
        for name in rule.over:
            # What is divided by nothing is missing.
            whole &= ~(frame[name] == 0).fillna(False).to_numpy(dtype=bool)
    unlike = (present & ~whole) if isinstance(rule, Inequality) else (whole != present)
    at = np.flatnonzero(whole & present)
    wanted = as_numbers(frame[rule.target].iloc[at])
    given = [as_numbers(frame[name].iloc[at]) for name in rule.inputs]
    if wanted is None or any(values is None for values in given):
        return np.arange(len(frame))
    if isinstance(rule, Inequality):
        off = given[0] > wanted
    else:
        dtypes = [frame[name].dtype for name in (*rule.inputs, rule.target)]
        by = weights(rule, dtypes) if isinstance(rule, Sum) else []
        value = computed(rule, [x for x in given if x is not None], by)
        off = ~(np.abs(value - wanted) <= tolerance(rule, wanted, value))
    return np.flatnonzero(unlike | np.isin(np.arange(len(frame)), at[off]))
