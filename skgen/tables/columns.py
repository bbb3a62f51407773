"""Columns of a table as columns of numbers, and back: what :class:`skgen.TableEncoder` is made of.

Numbers, dates and ordered categories become one column; other categories become one-hot columns, or
the binary digits of the category's number. One more column marks missing entries, if there were any
in fit.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import (
    infer_dtype,
    is_bool_dtype,
    is_complex_dtype,
    is_float_dtype,
    is_integer_dtype,
    is_object_dtype,
    is_timedelta64_dtype,
    is_unsigned_integer_dtype,
)

from skgen.entries import (
    EPOCH,
    MAX_EXACT,
    Intervals,
    NotOfForm,
    Numbers,
    Times,
    form_of,
    is_finite,
    is_number,
    is_whole,
)
from skgen.tables.arithmetic import NANOSECONDS, tick_of
from skgen.tables.column import _check_saved, _Column, _of_dtype
from skgen.tables.dtypes import as_objects, times_of_pandas
from skgen.tables.sentinels import sentinels
from skgen.tables.side_by_side import Lookup, Scaled

MAX_DECIMALS = 12
# Integers below this, of which no difference overflows 64 bits.
MAX_PLAIN = 2**62


class _Empty(_Column):
    """A column without entries, which is decoded as gaps."""

    def __init__(self, column: pd.Series, name: str):
        super().__init__(column, name)
        self.names = []

    def _learn(self, present):
        return []

    def _unknown(self, present, handle_unknown):
        return np.ones(len(present), dtype=bool)

    def encode(self, column, holes, handle_unknown):
        present = np.flatnonzero(column.notna())
        if len(present) and handle_unknown == "error":
            raise self._refuse(
                column.iloc[present[0]],
                present[0],
                "where fit saw no entry at all; handle_unknown='missing' leaves it out.",
            )
        return np.empty((len(column), 0))

    def decode(self, block):
        nothing = np.full(len(block), None)
        missing = np.ones(len(block), dtype=bool)
        return _of_dtype(nothing, missing, self.dtype, self.marker, self.name)


class _Numbers(_Column):
    """Numbers divided by a scale of the column, a power of two so that no digit is lost.

    A drawn number between a sentinel and the other values is decoded as the nearer of the two.
    """

    gaps: Any = ()
    # The only numbers that are decoded, in their order; None for all.
    allowed: Any = None
    # Whether its numbers are counts of a step.
    counted = False

    def _learn(self, present):
        values = self._numbers(present)
        self.low, self.high = float(values.min()), float(values.max())
        # The intervals between sentinels and the others.
        self.gaps = [tuple(sorted(pair)) for pair in sentinels(values)]
        largest = np.abs(values).max() or 1.0
        spread = float(np.std(values / largest)) * largest
        self.scale = 2.0 ** round(math.log2(spread)) if 0 < spread < math.inf else 1.0
        self.filler = np.sort(values)[len(values) // 2] / self.scale
        return [] if self.low == self.high else [self.name]

    def _numbers(self, present: pd.Series) -> np.ndarray:
        """Return entries as floats."""
        raise NotImplementedError

    def _nearest(self, values: np.ndarray) -> Any:
        """Invert `_numbers`, to the grid of the values."""
        raise NotImplementedError

    def of_numbers(self, values: np.ndarray, round_by: Any = np.round) -> Any:
        """Return computed numbers, times as integers, as entries.

        With `np.round` they are unchanged, up to rounding errors; with `np.ceil`, `np.floor` or
        `np.rint` they are on the grid and in the range of fit.
        """
        raise NotImplementedError

    def allow(self, low: Any, high: Any) -> None:
        """Extend the range of decoded entries beyond that of fit."""
        for end, value, round_by in (("low", low, np.ceil), ("high", high, np.floor)):
            if value is not None:
                number = self._numbers(pd.Series([value], dtype=self.dtype))
                setattr(self, end, float(self._on_grid(number, round_by)[0]))

    def allow_only(self, entries):
        self._refine(entries)
        self.allowed = np.unique(self._numbers(entries))
        self.low, self.high, self.gaps = float(self.allowed[0]), float(self.allowed[-1]), ()

    def _refine(self, entries: pd.Series) -> None:
        """Let the grid of the numbers have further entries."""
        raise NotImplementedError

    def _on_grid(self, numbers: np.ndarray, round_by: Any) -> np.ndarray:
        """Round numbers to the grid by `np.ceil`, `np.floor` or `np.rint`."""
        raise NotImplementedError

    def _inside(self, numbers: np.ndarray, round_by: Any = np.rint) -> np.ndarray:
        """Return numbers in the range or, where only some are allowed, the next of these."""
        numbers = np.clip(numbers, self.low, self.high)
        if self.allowed is None:
            return numbers
        above = np.searchsorted(self.allowed, numbers)
        below = np.searchsorted(self.allowed, numbers, side="right") - 1
        if round_by is np.rint:
            middle = self.allowed[below] / 2 + self.allowed[above] / 2
            return self.allowed[np.where(numbers < middle, below, above)]
        return self.allowed[above if round_by is np.ceil else below]

    def _codes(self, present):
        return (self._numbers(present) / self.scale)[:, None][:, : self.n_codes]

    def block(self, column, holes, handle_unknown):
        if self.has_gaps or not self.n_codes or not _is_plain(column.dtype) or column.hasnans:
            return self.encode(column, holes, handle_unknown)
        return Scaled(self._numbers(column), self.scale)

    def _entries(self, codes):
        if not self.n_codes:
            return self._nearest(np.full(len(codes), self.filler * self.scale))
        return self._nearest(self._beside_sentinels(self._inside(codes[:, 0] * self.scale)))

    def _beside_sentinels(self, values: np.ndarray) -> np.ndarray:
        """Return numbers, those between a sentinel and the other values as the nearer of the two.

        Parameters
        ----------
        values : ndarray of shape (n,)
            Numbers, changed in place.
        """
        for low, high in self.gaps:
            inside = (low < values) & (values < high)
            values[inside] = np.where(values[inside] < low / 2 + high / 2, low, high)
        return values


class _Floats(_Numbers):
    """Floats, rounded to the decimals that all of them have."""

    def _learn(self, present):
        values = self._numbers(present)
        self.decimals = None
        for decimals in range(MAX_DECIMALS + 1):
            if np.abs(values).max() * 10.0**decimals > MAX_EXACT:
                break
            if np.array_equal(self._rounded(values, decimals), self._rounded(values, None)):
                self.decimals = decimals
                break
        return super()._learn(present)

    def _rounded(self, values, decimals):
        values = values if decimals is None else np.round(values, decimals)
        return values.astype(np.float32) if str(self.dtype).lower() == "float32" else values

    def _numbers(self, present):
        try:
            values = present.to_numpy(dtype=np.float64)
        except (TypeError, ValueError):
            value, row = _first(present, lambda v: not isinstance(v, (int, float, np.number)))
            raise self._refuse(value, row, "but fit saw numbers there.") from None
        if not np.isfinite(values).all():
            value, row = _first(present, lambda v: not np.isfinite(v))
            raise self._refuse(value, row, "and numbers must be finite (X contains infinity).")
        return values

    def of_numbers(self, values, round_by=np.round):
        values = values.astype(np.float64)
        if round_by is not np.round:
            values = self._inside(self._on_grid(values, round_by), round_by)
            values = self._beside_sentinels(np.array(values))
        return self._nearest(values)

    def _on_grid(self, numbers, round_by):
        if self.decimals is None:
            return numbers
        # Up to rounding errors it is on the grid already.
        return round_by(np.round(numbers * 10.0**self.decimals, 6)) / 10.0**self.decimals

    def _refine(self, entries):
        values = self._numbers(entries)
        while self.decimals is not None and not np.array_equal(
            self._rounded(values, self.decimals), self._rounded(values, None)
        ):
            self.decimals = self.decimals + 1 if self.decimals < MAX_DECIMALS else None

    def _nearest(self, values):
        values = self._rounded(values, self.decimals)
        return values.tolist() if is_object_dtype(self.dtype) else values


class _Steps(_Numbers):
    """Integers and times, counted from the least one in the largest step that divides them all."""

    counted = True

    def _learn(self, present):
        self.origin, self.step = 0, 1
        counts = np.unique(self._whole(present))
        self.origin = int(counts[0])
        counts = counts - self.origin
        if not isinstance(self.dtype, pd.CategoricalDtype):
            self.step = int(np.gcd.reduce(counts)) or 1
        if int(counts[-1]) // self.step > MAX_EXACT:
            raise ValueError(
                f"Column {self.name!r} spans {int(counts[-1])} steps of {self.step}, more than a "
                "float holds exactly (2**53); round it to coarser steps, or make it a category."
            )
        return super()._learn(present)

    def _unknown(self, present, handle_unknown):
        if not isinstance(self.dtype, pd.CategoricalDtype):
            return super()._unknown(present, handle_unknown)
        unknown = self._places(present) < 0
        if handle_unknown == "error" and unknown.any():
            raise self._refuse(
                present[unknown].iloc[0],
                present.index[unknown][0],
                "which is none of the ordered categories; handle_unknown='missing' takes it for a "
                "gap.",
            )
        return unknown

    def _integers(self, present: pd.Series) -> np.ndarray:
        """Return entries as Python's integers, which do not overflow."""
        if is_object_dtype(self.dtype) or is_integer_dtype(self.dtype):
            values = present.to_numpy(dtype=object)
            for row, value in zip(present.index, values, strict=True):
                if not is_number(type(value)) or not is_finite(value) or not is_whole(value):
                    raise self._refuse(value, row, "but fit saw whole numbers there.")
            return np.array([int(v) for v in values], dtype=object)
        if isinstance(self.dtype, pd.CategoricalDtype):
            return self._places(present).astype(object)
        return present.astype(self.dtype).astype("int64").to_numpy().astype(object)

    def _whole(self, present: pd.Series) -> np.ndarray:
        """Return entries as integers of 64 bits, or Python's where differences overflow these."""
        dtype = present.dtype
        if isinstance(self.dtype, pd.CategoricalDtype):
            return self._places(present)
        if is_object_dtype(self.dtype) or not len(present):
            return self._integers(present)
        if is_integer_dtype(self.dtype):
            if not is_integer_dtype(dtype) or is_unsigned_integer_dtype(dtype):
                return self._integers(present)
            whole = present.to_numpy(dtype=np.int64)
        else:
            whole = present.astype(self.dtype).astype("int64").to_numpy()
        ends = int(whole.min()), int(whole.max()), self.origin
        return whole if max(map(abs, ends)) < MAX_PLAIN else self._integers(present)

    def _places(self, present: pd.Series) -> np.ndarray:
        """Return the positions of entries among the ordered categories, -1 for others."""
        # As objects, because an index of intervals that overlap finds none of them.
        return self.dtype.categories.astype(object).get_indexer(present.astype(object))

    def _numbers(self, present):
        whole = self._whole(present)
        if whole.dtype == object:
            return ((whole - self.origin) / self.step).astype(np.float64)
        if self.step == 1:
            return (whole - self.origin).astype(np.float64)
        steps, rest = np.divmod(whole - self.origin, self.step)
        return steps + rest / self.step

    def of_numbers(self, values, round_by=np.round):
        if round_by is not np.round:
            counts = (values.astype(object) - self.origin) / self.step
            counts = self._on_grid(counts.astype(np.float64), round_by)
            return self._nearest(self._beside_sentinels(self._inside(counts, round_by)))
        values = np.round(values)
        if is_integer_dtype(self.dtype):
            # An extension type holds what numpy's type of the same name does.
            limits = np.iinfo(getattr(self.dtype, "numpy_dtype", self.dtype))
            values = np.clip(values, max(limits.min, -(2**63)), min(limits.max, 2**63 - 1))
        return self._of_integers(values.astype(np.int64).astype(object))

    def _on_grid(self, numbers, round_by):
        return round_by(numbers)

    def _refine(self, entries):
        whole = self._integers(entries) - self.origin
        step = math.gcd(self.step, *whole.tolist())
        times, self.step = self.step // step, step
        scale = 2.0 ** round(math.log2(self.scale * times))
        self.filler, self.scale = self.filler * self.scale * times / scale, scale

    def _nearest(self, values):
        steps = np.round(values).astype(np.int64).astype(object)
        return self._of_integers(steps * self.step + self.origin)

    def _of_integers(self, integers: np.ndarray) -> Any:
        """Invert `_integers`."""
        if is_object_dtype(self.dtype):
            return integers
        if isinstance(self.dtype, pd.CategoricalDtype):
            return pd.Categorical.from_codes(integers.astype(np.int64), dtype=self.dtype)
        if is_integer_dtype(self.dtype):
            unsigned = is_unsigned_integer_dtype(self.dtype)
            return integers.astype(np.uint64 if unsigned else np.int64)
        kind = "m" if is_timedelta64_dtype(self.dtype) else "M"
        zone = getattr(self.dtype, "tz", None)
        unit = self.dtype.unit if zone else np.datetime_data(self.dtype)[0]
        times = pd.Series(integers.astype(np.int64).view(f"{kind}8[{unit}]"))
        return times.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else times


class _Labels(_Column):
    """Categories, one-hot or as binary digits.

    Attributes
    ----------
    values : ndarray of object
        The categories, the most frequent first.
    has_common : bool
        Whether more than half of the rows have the first. Then the first digit says that an entry
        is another one, whose number, among these, is in the digits after it.
    """

    def __init__(self, column: pd.Series, name: str, max_one_hot: int):
        self.max_one_hot = max_one_hot
        super().__init__(column, name)

    def _learn(self, present):
        places, entries = self._distinct(present)
        counts: dict[Any, int] = {}
        first: dict[Any, Any] = {}
        for value, count in zip(entries, np.bincount(places).tolist(), strict=True):
            key = self._key(value)
            counts[key] = counts.get(key, 0) + count
            first.setdefault(key, value)
        # By frequency, so that the highest digits belong to rare categories.
        by_count = not is_bool_dtype(self.dtype)
        keys = sorted(counts, key=lambda key: (-counts[key] * by_count, str(first[key])))
        self.number = {key: i for i, key in enumerate(keys)}
        self.values = np.empty(len(keys), dtype=object)
        for i, key in enumerate(keys):
            self.values[i] = first[key]
        self.one_hot = 2 < len(keys) <= self.max_one_hot
        # A category that most rows have is told by one digit: with more of them, an error in any
        # would lose it.
        self.has_common = len(keys) > 2 and 2 * counts[keys[0]] > len(present)
        self.n_digits = self.has_common + (len(keys) - self.has_common - 1).bit_length()
        if self.one_hot:
            return [f"{self.name}_{value}" for value in self.values]
        if self.n_digits == 1:
            return [f"{self.name}_{self.values[1]}"]
        return [f"{self.name}_bit{digit}" for digit in range(self.n_digits)]

    def __getstate__(self):
        return {k: v for k, v in super().__getstate__().items() if k != "number"}

    def __setstate__(self, state):
        super().__setstate__(state)
        self.number = {self._key(value): i for i, value in enumerate(self.values)}

    def check_saved(self):
        super().check_saved()
        done: set[type] = {str}
        for value in self.values:
            if type(value) in done:
                continue
            _check_saved(value, f"Column {self.name!r} holds")
            if not isinstance(value, tuple | frozenset):
                # Tuples are checked one by one: their items differ.
                done.add(type(value))

    def _distinct(self, present: pd.Series) -> tuple[np.ndarray, Any]:
        """Return the number of each entry among the different ones, in first-come order."""
        if is_object_dtype(present.dtype) and infer_dtype(present, skipna=False) != "string":
            # Some are equal that are not the same.
            return np.arange(len(present)), present
        places, found = pd.factorize(present)
        return places, pd.Index(found).astype(object)

    def _key(self, value: Any) -> Any:
        # 1, 1.0 and True are equal, but not the same entry of a column of objects.
        return (type(value), value) if is_object_dtype(self.dtype) else value

    def _unknown(self, present, handle_unknown):
        places, entries = self._distinct(present)
        unknown = np.array([self._key(value) not in self.number for value in entries], dtype=bool)
        unknown = unknown[places] if unknown.any() else np.zeros(len(places), dtype=bool)
        if handle_unknown == "error" and unknown.any():
            at = int(unknown.argmax())
            seen = ", ".join(map(repr, self.values[:10]))
            raise self._refuse(
                present.iloc[at],
                present.index[at],
                f"a category that fit did not see ({seen}{', ...' * (len(self.values) > 10)}); "
                "handle_unknown='missing' takes it for a gap.",
            )
        return unknown

    def encode(self, column, holes, handle_unknown):
        return self.block(column, holes, handle_unknown)[:]

    def block(self, column, holes, handle_unknown):
        # A row of the table for each category, and the last one for gaps.
        n = len(self.values)
        table = np.zeros((n + 1, len(self.names)))
        if self.one_hot:
            table[:n, : self.n_codes] = np.eye(n)
        else:
            first = int(self.has_common)
            table[first:n, :first] = 1
            number = np.arange(n - first)[:, None]
            table[first:n, first : self.n_codes] = number >> np.arange(self.n_codes - first) & 1
        if holes or not self.has_gaps:
            table[n, : self.n_codes] = np.nan
        else:
            table[n, -1] = 1
        missing = np.array(column.isna())
        present = column[~missing] if missing.any() else column
        found, entries = self._distinct(present)
        numbers = [self.number.get(self._key(value), n) for value in entries]
        places = np.array(numbers, dtype=np.int64)[found]
        if handle_unknown == "error" and n in numbers:
            self._unknown(present, handle_unknown)
        if missing.any():
            places, there = np.full(len(column), n), places
            places[~missing] = there
        return Lookup(table, places)

    def _entries(self, codes):
        if self.one_hot:
            return self.values[codes.argmax(1)]
        first = int(self.has_common)
        n_digits = self.n_digits - first
        number = ((codes[:, first:] > 0.5) << np.arange(n_digits)).sum(1, dtype=np.int64)
        # A number beyond the last category: without its highest digit it is a category.
        is_beyond = number >= len(self.values) - first
        number[is_beyond] -= 1 << n_digits >> 1
        return self.values[np.where(codes[:, 0] > 0.5, number + 1, 0) if first else number]


class _Converted(_Column):
    """Objects that are numbers, times or intervals, converted and then encoded.

    Attributes
    ----------
    form : Numbers, Times or Intervals
        The conversion, from :mod:`skgen.entries`.
    inner : _Floats or _Steps
        The column of the converted entries.
    """

    def _learn(self, present):
        entries = present.astype(object)
        self.form = form_of(entries)
        plain = self.form.plain(entries)
        made = _Floats if is_float_dtype(plain.dtype) else _Steps
        self.inner = made(plain, self.name)
        return self.inner.names

    @property
    def filler(self):
        return self.inner.filler

    def __setstate__(self, state):
        super().__setstate__(state)
        if not isinstance(self.form, Numbers | Times | Intervals):
            raise TypeError(f"column {self.name!r} has no form of entries")

    def check_saved(self):
        super().check_saved()
        _check_saved(self.form, f"Column {self.name!r} holds")

    def _unknown(self, present, handle_unknown):
        if isinstance(self.form, Intervals):
            return self.inner._unknown(present.astype(object), handle_unknown)
        return super()._unknown(present, handle_unknown)

    def _codes(self, present):
        try:
            return self.inner._codes(self.form.plain(present.astype(object)))
        except NotOfForm as error:
            raise self._refuse(error.value, error.row, error.reason) from None

    def _entries(self, codes):
        return as_objects(self.form.entries(self.inner._entries(codes)))

    def allow(self, low: Any, high: Any) -> None:
        """Extend the range of decoded dates and durations of Arrow's beyond that of fit."""
        ends = [None if value is None else self._plain_end(value) for value in (low, high)]
        self.inner.allow(*ends)

    def _plain_end(self, value: Any) -> Any:
        end = pd.Series([value], dtype=object).astype(times_of_pandas(self.dtype)).astype(object)
        try:
            return self.form.plain(end).iloc[0]
        except NotOfForm:
            raise ValueError(
                f"Column {self.name!r} is to be bounded by {value!r}, and its entries are days: "
                "give a day."
            ) from None

    def of_numbers(self, values, round_by=np.round):
        """Return times in the unit of Arrow's dtype as entries, as `_Numbers.of_numbers` does."""
        if self.form.kind == "date":
            # Counted in days, from another first day.
            values = values / (NANOSECONDS["D"] // tick_of(self.dtype)) + EPOCH.toordinal()
        return as_objects(self.form.entries(self.inner.of_numbers(values, round_by)))

    def allow_only(self, entries):
        try:
            plain = self.form.plain(entries.astype(object))
        except NotOfForm as error:
            raise self._refuse(error.value, error.row, error.reason) from None
        back = as_objects(self.form.entries(plain.to_numpy()))
        for value, nearest in zip(entries, back, strict=True):
            if value != nearest:
                raise ValueError(
                    f"Column {self.name!r} is to be {value!r}, and its entries in fit are multiples"
                    f" of a coarser unit: {nearest!r} is the nearest. Convert the column to floats."
                )
        self.inner.allow_only(plain)


def _first(column: pd.Series, wanted: Any) -> tuple[Any, Any]:
    """Return the first entry of a kind, and its row."""
    return next((v, row) for row, v in zip(column.index, column, strict=True) if wanted(v))


def _make(column: pd.Series, name: str, max_one_hot: int) -> Any:
    """Choose how a column is encoded."""
    dtype = column.dtype
    present = column.dropna()
    if present.empty:
        return _Empty(column, name)
    if is_complex_dtype(dtype):
        raise ValueError(
            f"Complex data not supported: column {name!r} is of dtype {dtype}; give its real and "
            "imaginary parts as two columns."
        )
    if isinstance(dtype, pd.CategoricalDtype):
        return _Steps(column, name) if dtype.ordered else _Labels(column, name, max_one_hot)
    if _holds_objects(dtype):
        return _make_of_objects(column, present.astype(object), name, max_one_hot)
    if is_integer_dtype(dtype) or dtype.kind in "mM":
        return _Steps(column, name)
    return _Floats(column, name) if is_float_dtype(dtype) else _Labels(column, name, max_one_hot)


def _is_plain(dtype: Any) -> bool:
    """Tell whether entries of a dtype are numbers or times of numpy."""
    return isinstance(dtype, np.dtype) and dtype.kind in "iufmM"


def _holds_objects(dtype: Any) -> bool:
    """Return whether the kind of a column depends on its entries, not on its dtype."""
    if isinstance(dtype, pd.ArrowDtype):
        # Arrow's dtypes that pandas treats like its own.
        return dtype.kind not in "iufbU"
    return is_object_dtype(dtype) or isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype)


def _make_of_objects(column: pd.Series, entries: pd.Series, name: str, max_one_hot: int) -> Any:
    """Choose how a column is encoded, by its entries."""
    kinds = set(map(type, entries))
    for kind in kinds:
        if kind.__hash__ is None:
            value, row = _first(entries, lambda v, kind=kind: isinstance(v, kind))
            raise TypeError(
                f"Each argument must be a string or a number, or another hashable value: column "
                f"{name!r} has {value!r} in row {row}."
            )
    if is_object_dtype(column.dtype) and kinds == {int}:
        return _Steps(column, name)
    if is_object_dtype(column.dtype) and kinds == {float}:
        return _Floats(column, name)
    try:
        form = form_of(entries)
    except NotOfForm as error:
        raise ValueError(f"Column {name!r} has {error}") from None
    return _Labels(column, name, max_one_hot) if form is None else _Converted(column, name)
