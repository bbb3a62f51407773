"""Tables of mixed columns as numbers, so that one table can be compared with another.

Columns are matched by their names. Numbers, dates and durations become one column each, divided by
a power of two near their standard deviation in the first table. A category becomes a column of 0
and 1, or where there are more than 20 of them all become binary digits. Missing entries are marked
in a column of their own. :class:`skgen.TableEncoder` does this, with the categories and the gaps of
all tables, so that none is unknown.
"""

import warnings
from numbers import Number

import numpy as np
import pandas as pd
from pandas.api.types import (
    infer_dtype,
    is_bool_dtype,
    is_complex_dtype,
    is_numeric_dtype,
    is_object_dtype,
)

from skgen.tables.encoder import TableEncoder
from skgen.tables.identifiers import BEGINNING as IDENTIFIERS

# Up to so many categories get a column each, so that a single one can be named in a verdict.
MAX_ONE_HOT = 20
NUMBERS, TRUTHS, CATEGORIES = "numbers", "truth values", "categories or text"
DATES, ZONED, DURATIONS = "dates", "dates with a time zone", "durations"
# Kinds that become one column of floats.
MEASURED = (NUMBERS, DATES, ZONED, DURATIONS)
INFERRED = {
    "boolean": TRUTHS,
    **dict.fromkeys(["integer", "floating", "mixed-integer-float", "decimal"], NUMBERS),
    **dict.fromkeys(["date", "datetime", "datetime64", "period"], DATES),
    **dict.fromkeys(["timedelta", "timedelta64"], DURATIONS),
}


def matched_tables(tables):
    """Return tables with their columns in the order of the first one that has names.

    Parameters
    ----------
    tables : dict of str to array-like
        Tables by the name that errors are to give them.

    Returns
    -------
    tables : dict of str to array-like
        The same tables; arrays, which have no names, are left as they are.
    """
    first, *others = [name for name, table in tables.items() if _is_frame(table)] or [None]
    matched = dict(tables)
    for name in others:
        here, there = list(tables[first].columns), list(tables[name].columns)
        if here == there:
            continue
        lacking = [column for column in here if column not in there]
        further = [column for column in there if column not in here]
        if lacking or further:
            raise ValueError(
                f"The columns of {first}, {here}, and of {name}, {there}, differ: {name} lacks "
                f"{lacking} and has {further} besides. Give both the same columns."
            )
        if len(set(here)) < max(len(here), len(there)):
            raise ValueError(
                f"The columns of {first}, {here}, and of {name}, {there}, cannot be matched, since "
                "a name comes twice: give both the same columns in the same order."
            )
        matched[name] = tables[name][here]
    return matched


def check_widths(first, n_first, other, n_other):
    """Refuse tables of unlike numbers of columns."""
    if n_first != n_other:
        raise ValueError(
            f"{first} has {n_first} columns and {other} has {n_other}: give both the same columns "
            "in the same order."
        )


def mixed_frames(tables):
    """Return tables as frames of pandas if one of them has text, categories, dates or gaps.

    Parameters
    ----------
    tables : dict of str to array-like
        Tables that `matched_tables` returns.

    Returns
    -------
    frames : dict of str to DataFrame, or None
        Frames with the same columns. None if all tables have numbers without gaps, or if one is not
        a table, for which the checks of arrays raise.
    """
    frames = {name: _mixed_frame(table) for name, table in tables.items()}
    mixed = [frame for frame in frames.values() if frame is not None]
    if not mixed:
        return None
    for name, table in tables.items():
        if frames[name] is None:
            numbers = table if isinstance(table, pd.DataFrame) else pd.DataFrame(np.asarray(table))
            frames[name] = numbers.reset_index(drop=True)
    first, *others = frames
    for name in others:
        check_widths(first, frames[first].shape[1], name, frames[name].shape[1])
    columns = next((f.columns for n, f in frames.items() if _is_frame(tables[n])), mixed[0].columns)
    return {name: frame.set_axis(columns, axis=1) for name, frame in frames.items()}


def _is_frame(table):
    return hasattr(table, "columns")


def _mixed_frame(table):
    """Return a table as a frame of pandas if it has more than numbers; None otherwise."""
    if not isinstance(table, pd.DataFrame):
        try:
            rows = np.asarray(table)
        except ValueError:
            # Rows of unlike lengths.
            return None
        if rows.ndim != 2 or not (rows.dtype.kind in "OUSMm" or _is_frame(table)):
            return None
        try:
            if np.isfinite(rows.astype(np.float64)).all():
                return None
        except (TypeError, ValueError):
            # It is not of numbers alone.
            pass
        names = [f"column {j}" for j in range(rows.shape[1])]
        table = table.to_pandas() if _is_frame(table) else pd.DataFrame(rows, columns=names)
    table = table.infer_objects()
    plain = all(is_numeric_dtype(dtype) for dtype in table.dtypes)
    return None if plain and not table.isna().to_numpy().any() else table.reset_index(drop=True)


def as_numbers(frames):
    """Return frames of the same columns as frames of numbers without gaps.

    Parameters
    ----------
    frames : dict of str to DataFrame
        Frames by the name that errors are to give them. The first one sets the scale of numbers.

    Returns
    -------
    numbers : dict of str to DataFrame
        In the order given, each with the same columns.

    Raises
    ------
    ValueError
        If a column is of one type in one frame and of another in the next, or has an entry that
        cannot be compared.
    """
    for name, frame in frames.items():
        if len(frame) == 0:
            raise ValueError(f"{name} has no rows: give some to compare.")
    first = next(iter(frames.values()))
    parts = {name: [] for name in frames}
    for j, label in enumerate(first.columns):
        columns = {name: frame.iloc[:, j] for name, frame in frames.items()}
        for name, part in _column_as_numbers(columns, label).items():
            parts[name].append(part)
    numbers = {name: pd.concat(blocks, axis=1) for name, blocks in parts.items()}
    if not numbers or next(iter(numbers.values())).shape[1] == 0:
        # Every column is the same in all rows of all tables.
        return {name: pd.DataFrame({"constant": np.zeros(len(f))}) for name, f in frames.items()}
    return numbers


def _column_as_numbers(columns, label):
    """Return the numbers of one column of each frame."""
    kind, columns = common_column(columns, label)
    own = next(iter(columns.values()))
    more = []
    if kind not in MEASURED:
        entries = dict.fromkeys(entry for column in columns.values() for entry in column.dropna())
        seen = set(own.dropna())
        more = [entry for entry in entries if entry not in seen]
    if own.nunique() < 2:
        # Such a column gives no scale.
        own, more = pd.concat(list(columns.values()), ignore_index=True), []
    if own.notna().all() and any(column.isna().any() for column in columns.values()):
        more = [*more, None]
    learnt = pd.concat([own, pd.Series(more, dtype=own.dtype)]) if more else own
    with warnings.catch_warnings():
        # Without warnings about identifiers: `fit` gave them, and comparing tables discloses
        # nothing.
        warnings.filterwarnings("ignore", message=IDENTIFIERS)
        encoder = TableEncoder(max_one_hot=MAX_ONE_HOT).fit(learnt.to_frame(str(label)))
    names = _in_words(encoder, str(label))
    blocks = {name: encoder.transform(c.to_frame(str(label))) for name, c in columns.items()}
    if kind == NUMBERS and all(c.dropna().isin([0.0, 1.0]).all() for c in columns.values()):
        # Zeros and ones are not scaled, like truth values.
        one = encoder.transform(pd.DataFrame({str(label): [1.0]}))
        blocks = {name: block / np.where(one == 0, 1, one) for name, block in blocks.items()}
    return {name: pd.DataFrame(block, columns=names) for name, block in blocks.items()}


def _in_words(encoder, label):
    """Return the names of an encoded column in words: ``city = Ulm``."""
    column = encoder._columns[0]
    names = list(encoder.get_feature_names_out())
    if names and column.has_gaps:
        names[-1] = f"{label} missing"
    if column.n_codes and hasattr(column, "values"):
        if column.one_hot or column.n_digits == 1:
            shown = column.values if column.one_hot else column.values[1:]
            words = [f"{label} = {value}" for value in shown]
        else:
            words = [f"{label}, digit {k + 1}" for k in range(column.n_digits)]
            if column.has_common:
                words[0] = f"{label} other than {column.values[0]}"
        names[: column.n_codes] = words
    return names


def common_column(columns, label):
    """Return the kind of a column, and its entries in every frame in one dtype.

    Parameters
    ----------
    columns : dict of str to Series
        The column in each frame.
    label : object
        Its name, for errors.

    Returns
    -------
    kind : str or None
        One of the kinds at the top of this file; None where there is no entry at all.
    columns : dict of str to Series
        Numbers as floats, dates as days since 1970, durations as days, and else what is in them.
    """
    kind = _common_kind(columns, label)
    if kind in MEASURED:
        return kind, {name: _floats(c, kind, name, label) for name, c in columns.items()}
    return kind, _same_dtype(columns, kind)


def _common_kind(columns, label):
    """Return the kind of a column in all frames; None if it has no entry in any."""
    kinds = {name: _kind(column, name, label) for name, column in columns.items()}
    kinds = {name: kind for name, kind in kinds.items() if kind is not None}
    if set(kinds.values()) == {NUMBERS, TRUTHS}:
        return NUMBERS
    first = next(iter(kinds), None)
    for name, kind in kinds.items():
        if kind != kinds[first]:
            raise ValueError(
                f"Column {label!r} holds {kinds[first]} in {first} and {kind} in {name}: give both "
                f"the same types, as {name}.astype({first}.dtypes) may do."
            )
    return kinds.get(first)


def _kind(column, name, label):
    """Return the kind of a column, in words; None if it has no entry."""
    present = column.dropna()
    if present.empty:
        return None
    if isinstance(column.dtype, pd.CategoricalDtype):
        return CATEGORIES
    if is_complex_dtype(column.dtype):
        raise ValueError(
            f"{name} has complex numbers in column {label!r}: give their real and imaginary parts "
            "as two columns."
        )
    if is_numeric_dtype(column.dtype):
        return TRUTHS if is_bool_dtype(column.dtype) else NUMBERS
    if not is_object_dtype(column.dtype):
        # All entries are like the first one.
        present = present.iloc[:1].astype(object)
    kind = INFERRED.get(infer_dtype(present), CATEGORIES)
    if kind == DATES and getattr(present.iloc[0], "tzinfo", None) is not None:
        return ZONED
    if kind != CATEGORIES:
        return kind
    for row, entry in present.items():
        if type(entry).__hash__ is None:
            raise ValueError(
                f"{name} has {entry!r} in row {row} of column {label!r}: give numbers, text, dates "
                "or categories."
            )
    numbers = [isinstance(entry, Number) and not isinstance(entry, bool) for entry in present]
    return NUMBERS if all(numbers) else CATEGORIES


def _floats(column, kind, name, label):
    """Return numbers as floats, and times as days; NaN where an entry is missing."""
    if kind == NUMBERS:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(values).any():
            row = int(np.isinf(values).argmax())
            raise ValueError(
                f"{name} has {values[row]} in row {row} of column {label!r}: put a finite number "
                "in its place, or leave the row out."
            )
        return pd.Series(values)
    if kind == DURATIONS:
        times = pd.to_timedelta(column)
    elif isinstance(column.dtype, pd.PeriodDtype) or infer_dtype(column) == "period":
        times = pd.Series(pd.PeriodIndex(column).to_timestamp())
    else:
        times = pd.to_datetime(column, utc=kind == ZONED)
        times = times.dt.tz_localize(None) if kind == ZONED else times
    times = times.to_numpy()
    unit = np.timedelta64(1, np.datetime_data(times.dtype)[0])
    days = times.astype("int64") / (np.timedelta64(1, "D") / unit)
    return pd.Series(np.where(np.isnat(times), np.nan, days))


def _same_dtype(columns, kind):
    """Return the categories, text or truth values of all frames in columns of one dtype."""
    dtypes = [column.dtype for column in columns.values()]
    dtype = "boolean" if kind == TRUTHS else object
    categorical = [d for d in dtypes if isinstance(d, pd.CategoricalDtype)]
    if categorical:
        # The order of an ordered categorical comes first, then the categories of the others.
        categorical.sort(key=lambda d: not d.ordered)
        entries = [*(c for d in categorical for c in d.categories)]
        entries += [entry for column in columns.values() for entry in column.dropna()]
        dtype = pd.CategoricalDtype(list(dict.fromkeys(entries)), categorical[0].ordered)
    return {name: column.astype(dtype) for name, column in columns.items()}
