"""Which rows break a rule, and whether the rules that a user gives can be applied to a table."""

import copy
import operator
from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_object_dtype, is_string_dtype

from skgen.tables.arithmetic import (
    EPS,
    as_numbers,
    computed,
    decimals_of,
    plain_times,
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
from skgen.tables.dtypes import times_of_pandas

# Rules that compute a column; a column may be the target of at most one of them.
COMPUTED = (Inequality, Sum, Product, Formula, FunctionOf)
# Most rows from which the decimals of a product are determined.
MOST_ROUNDED = 20_000


def is_computed(rule: Any) -> bool:
    """Return whether a rule computes the entries of its target, rather than restricting them."""
    return isinstance(rule, COMPUTED)


def ordered(rules: Sequence[Any]) -> list[Any] | None:
    """Return rules in an order in which they can be computed; None if they depend on each other."""
    remaining, in_order = list(rules), []
    while remaining:
        targets = {rule.target for rule in remaining}
        ready = [rule for rule in remaining if not targets & set(rule.inputs)]
        if not ready:
            return None
        in_order += ready
        remaining = [rule for rule in remaining if rule not in ready]
    return in_order


def checked_rules(
    rules: Sequence[Any], frame: pd.DataFrame, *, of_observed: bool = False
) -> list[Rule | Check]:
    """Return the rules that a user gave in an order in which they can be computed.

    Parameters
    ----------
    rules : sequence of Rule or callable
        The rules; a function becomes a :class:`skgen.tables.constraints.Check`.
    frame : DataFrame of shape (n_samples, n_features)
        The rows, which must keep them.
    of_observed : bool, default=False
        Whether gaps of the frame are unknown entries, which break no rule.

    Raises
    ------
    TypeError
        If one is neither a rule nor a function.
    ValueError
        If a rule names an unknown column, has the same target as another one, depends on its own
        target, or is broken by a row.
    """
    rules = [_as_rule(rule, k) for k, rule in enumerate(rules)]
    for k, rule in enumerate(rules):
        if not isinstance(rule, Check):
            _check_columns(rule, frame)
            _check_others(rule, rules[:k], rules)
        broken_rows = broken(rule, frame, of_observed=of_observed)
        if len(broken_rows) > getattr(rule, "exceptions", 0.0) * len(frame):
            names = [] if isinstance(rule, Check) else [*rule.inputs, rule.target]
            entries = {name: frame[name].iloc[broken_rows[0]] for name in names}
            raise ValueError(
                f"The rule {rule} does not hold in {len(broken_rows)} of {len(frame)} rows, the "
                f"first of which is row {broken_rows[0]}{f': {entries}' if entries else ''}. "
                "Correct the rows, or leave the rule out."
            )
    in_order = ordered([rule for rule in rules if is_computed(rule)])
    if in_order is None:
        raise ValueError(
            f"The rules {', '.join(map(str, rules))} depend on each other in a circle: one of "
            "their columns must be computed without the others. Leave one rule out."
        )
    return in_order + [rule for rule in rules if not is_computed(rule)]


def _as_rule(rule: Any, k: int) -> Any:
    """Return a rule without the support of another fit; a function becomes a `Check`.

    Anything else raises a TypeError.
    """
    if isinstance(rule, RULES + (Check,)):
        return _with_support(rule, None)
    if callable(rule) and not isinstance(rule, type):
        return Check(rule)
    names = ", ".join(kind.__name__ for kind in RULES)
    raise TypeError(
        f"constraints[{k}] is {rule!r}: give skgen.{names}, or a function that says of each row of "
        "a frame whether it is possible."
    )


def _with_support(rule: Any, support: Support | None) -> Any:
    """Return a copy of a rule with a support."""
    if rule.support is support:
        return rule
    rule = copy.copy(rule)
    object.__setattr__(rule, "support", support)
    return rule


def supported(rule: Any, frame: pd.DataFrame) -> Any:
    """Return a rule with its support: the rows in which it could be checked, and in which it held.

    Parameters
    ----------
    rule : Rule or Check
        The rule.
    frame : DataFrame of shape (n_samples, n_features)
        Rows of fit; only the exceptions that the rule allows break it.

    Returns
    -------
    rule : Rule or Check
        A copy with the attribute ``support``.
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
        sample = frame.iloc[np.flatnonzero(present)[:MOST_ROUNDED]]
        target, *inputs = (as_numbers(sample[name]) for name in (rule.target, *rule.inputs))
        if target is not None and target.dtype.kind == "f":
            expected = computed(rule, [x for x in inputs if x is not None], [])
            differs = np.abs(expected - target) > EPS * np.abs(target)
            decimals = decimals_of(target) if differs.any() else None
    return _with_support(rule, Support(n, n_checked, n_checked - n_broken, decimals))


def _check_columns(rule: Any, frame: pd.DataFrame) -> None:
    """Raise ValueError if a rule names columns that are missing or of an unsuitable dtype."""
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


def _check_others(rule: Any, earlier: Sequence[Any], rules: Sequence[Any]) -> None:
    """Raise ValueError if a rule conflicts with another one."""
    if is_computed(rule):
        same = [str(r) for r in earlier if is_computed(r) and r.target == rule.target]
        if same:
            raise ValueError(
                f"The rules {same[0]} and {rule} both compute {rule.target!r}: leave one out."
            )
        return
    if isinstance(rule, Range | OneOf):
        others = [r for r in earlier if isinstance(r, Range | OneOf) and r.column == rule.column]
        if others:
            raise ValueError(
                f"The rules {others[0]} and {rule} both say what {rule.column!r} may be: leave one "
                "of them out."
            )
    computed_by = {other.target: other for other in rules if is_computed(other)}
    gaps = {other.target: other for other in rules if isinstance(other, GapWhere)}
    for name in (rule.target, *rule.inputs):
        other = computed_by.get(name)
        if isinstance(rule, GapWhere) and name == rule.of:
            other = other or gaps.get(name)
        if other is not None:
            raise ValueError(
                f"The rule {rule} is about {name!r}, which another rule computes, {other}: leave "
                "one of them out."
            )


def broken(rule: Any, frame: pd.DataFrame, *, of_observed: bool = False) -> np.ndarray:
    """Return the positions of the rows that break a rule.

    A computed target that is present although an input is missing, or the reverse, breaks a rule as
    well, but no inequality. With ``of_observed``, gaps are to be imputed and break no rule.
    """
    if of_observed and isinstance(rule, GapWhere):
        # Gaps that are to be imputed say nothing about where gaps belong.
        return np.empty(0, dtype=int)
    if isinstance(rule, Check):
        # A function may read any column, so all must be observed.
        rows = frame.notna().all(axis=1) if of_observed else np.ones(len(frame), dtype=bool)
        complete = np.flatnonzero(rows)
        return complete[~rule.holds(frame.iloc[complete])]
    if of_observed:
        complete = np.flatnonzero(frame[[rule.target, *rule.inputs]].notna().all(axis=1))
        return complete[broken(rule, frame.iloc[complete])]
    target = frame[rule.target]
    present = target.notna().to_numpy()
    if isinstance(rule, FunctionOf):
        codes = [pd.factorize(frame[name], use_na_sentinel=False)[0] for name in rule.inputs]
        target_codes = pd.Series(pd.factorize(target, use_na_sentinel=False)[0])
        return np.flatnonzero(target_codes.groupby(codes[0]).transform("first") != target_codes)
    if isinstance(rule, GapWhere):
        return np.flatnonzero(is_among(frame[rule.of], rule.entries) == present)
    if isinstance(rule, NeverTogether):
        return np.flatnonzero(have_both(rule, frame[rule.first], target))
    if isinstance(rule, OneOf):
        return np.flatnonzero(present & ~target.isin(declared(rule, target.dtype)).to_numpy(bool))
    if isinstance(rule, Range):
        bounds = (rule.low, operator.lt), (rule.high, operator.gt)
        entries = plain_times(target[present])
        outside = [
            is_out(entries, bound_of(rule, bound, entries.dtype)).to_numpy(bool)
            for bound, is_out in bounds
            if bound is not None
        ]
        is_outside = np.any(outside, axis=0) if outside else np.zeros(len(entries), dtype=bool)
        return np.flatnonzero(present)[is_outside]
    return _broken_numbers(rule, frame, present)


def bound_of(rule: Range, bound: Any, dtype: Any) -> Any:
    """Return a bound as an entry of a column of a dtype, or raise a ValueError."""
    if not _can_represent(bound, dtype):
        raise ValueError(
            f"The rule {rule} has the bound {bound!r}, and the column is of dtype {dtype}: give a "
            "value that such a column can have."
        )
    return pd.Series([bound], dtype=object).astype(dtype).iloc[0]


def declared(rule: OneOf, dtype: Any) -> pd.Series:
    """Return the values that a rule allows as entries of a column of a dtype.

    Raises
    ------
    ValueError
        If the dtype cannot represent one of them.
    """
    given = pd.Series(list(rule.values), dtype=object)
    reason, converted = f"is of dtype {dtype}", given
    if isinstance(dtype, pd.CategoricalDtype):
        reason = f"has the categories {list(dtype.categories)}"
        unsuitable = ~given.isin(dtype.categories)
        converted = given if unsuitable.any() else given.astype(dtype)
    elif is_object_dtype(dtype):
        unsuitable = pd.Series(False, given.index)
    else:
        unsuitable = pd.Series([not _can_represent(value, dtype) for value in given])
        converted = given if unsuitable.any() else given.astype(dtype)
    if unsuitable.any():
        raise ValueError(
            f"The rule {rule} declares {given[unsuitable].iloc[0]!r}, and the column {reason}: "
            "leave the value out, or convert the column."
        )
    return converted


def _can_represent(value: Any, dtype: Any) -> bool:
    """Return whether a dtype can represent a value without changing it."""
    kind = times_of_pandas(dtype).kind
    if (kind in "iuf" and isinstance(value, str)) or (kind in "mM" and isinstance(value, Number)):
        # pandas reads texts as numbers, and numbers as times since 1970.
        return False
    try:
        entry = pd.Series([value], dtype=object).astype(dtype)
    except (TypeError, ValueError, OverflowError):
        return False
    exact = is_integer_dtype(dtype) or is_bool_dtype(dtype) or is_string_dtype(dtype)
    return not entry.isna().any() and (not exact or bool(entry.iloc[0] == value))


def is_among(column: pd.Series, entries: Sequence[Any]) -> np.ndarray:
    """Return which entries of a column are among the given ones, where None stands for a gap."""
    known = [entry for entry in entries if entry is not None]
    among = column.astype(object).isin(known) if known else pd.Series(False, column.index)
    return (among | (column.isna() & (len(known) < len(entries)))).to_numpy(dtype=bool)


def have_both(rule: NeverTogether, first: pd.Series, second: pd.Series) -> np.ndarray:
    """Return which rows have two mutually exclusive entries."""
    both = np.zeros(len(first), dtype=bool)
    for a, b in rule.pairs:
        both |= is_among(first, [a]) & is_among(second, [b])
    return both


def _broken_numbers(rule: Any, frame: pd.DataFrame, present: np.ndarray) -> np.ndarray:
    """Return the positions of the rows that break an inequality or an arithmetic rule."""
    others = [frame[name].notna().to_numpy() for name in rule.inputs]
    inputs_present = np.all(others, axis=0)
    if isinstance(rule, Product):
        for name in rule.over:
            # A ratio with the divisor 0 is missing.
            inputs_present &= ~(frame[name] == 0).fillna(False).to_numpy(dtype=bool)
    mismatch = (inputs_present != present) & (not isinstance(rule, Inequality))
    at = np.flatnonzero(inputs_present & present)
    target = as_numbers(frame[rule.target].iloc[at])
    inputs = [as_numbers(frame[name].iloc[at]) for name in rule.inputs]
    if target is None or any(values is None for values in inputs):
        return np.arange(len(frame))
    if isinstance(rule, Inequality):
        is_broken = inputs[0] > target
    else:
        dtypes = [frame[name].dtype for name in (*rule.inputs, rule.target)]
        coefficients = weights(rule, dtypes) if isinstance(rule, Sum) else []
        value = computed(rule, [x for x in inputs if x is not None], coefficients)
        is_broken = ~(np.abs(value - target) <= tolerance(rule, target, value))
    return np.flatnonzero(mismatch | np.isin(np.arange(len(frame)), at[is_broken]))
