"""Entries that are numbers or times in objects of other types, as plain numbers and back.

A column of objects may hold Decimals, dates, periods: quantities with an order, which a model
should learn as such. A form converts such entries to integers, floats or ordered categories, and
converts drawn values back to entries of the original types.
"""

import datetime
import math
from collections import Counter
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

# Whole numbers up to here are exact as floats.
MAX_EXACT = 2**53
EPOCH = datetime.datetime(1970, 1, 1)
MICROSECOND = datetime.timedelta(microseconds=1)
# Decimal places up to which Decimals are counted exactly; a float has no more.
MAX_DIGITS = 330
PLAIN_NUMBERS: dict[str, type] = {kind.__name__: kind for kind in (int, float, Decimal, Fraction)}
NO_NUMBER = "but fit saw finite numbers there."


class NotOfForm(ValueError):
    """An entry that is not of the form of those in fit."""

    def __init__(self, value: Any, row: Any, reason: str):
        super().__init__(f"{value!r} in row {row}, {reason}")
        self.value, self.row, self.reason = value, row, reason


def is_number(kind: type) -> bool:
    """Return whether entries of a type are numbers: neither booleans nor enumeration members."""
    if issubclass(kind, np.timedelta64):
        # To NumPy, a timedelta is an integer.
        return False
    return kind in PLAIN_NUMBERS.values() or issubclass(kind, np.integer | np.floating)


def form_of(entries: pd.Series) -> Any:
    """Return the form of a column's entries.

    Parameters
    ----------
    entries : Series of object
        Entries, at least one, none of them missing.

    Returns
    -------
    form : Numbers, Times, Intervals or None
        None for labels. Others have ``plain(entries)``, which returns a Series of integers, floats
        or ordered categories, and ``entries(values)``, which inverts it.

    Raises
    ------
    NotOfForm
        If a number is infinite.
    """
    kinds = set(map(type, entries))
    if all(map(is_number, kinds)):
        return Numbers(entries)
    if kinds == {pd.Interval}:
        return Intervals.of(entries)
    return Times.of(entries, kinds)


def _converted(entries: pd.Series, number: Any, reason: str) -> list[Any]:
    """Return a number for each entry, or raise for the first without one."""
    numbers = []
    for row, value in entries.items():
        try:
            numbers.append(number(value))
        except (TypeError, ValueError, ArithmeticError, AttributeError):
            raise NotOfForm(value, row, reason) from None
    return numbers


class Numbers:
    """Integers, floats, Decimals and Fractions, of one type or of several.

    If all are exact, they are counted in the largest unit that divides them, provided that a float
    can hold the counts; otherwise they become floats. A drawn whole number has the most frequent
    type of the whole entries, another one the most frequent type of the others.
    """

    def __init__(self, entries: pd.Series):
        whole: Counter[type] = Counter()
        parted: Counter[type] = Counter()
        for row, value in entries.items():
            if not is_finite(value):
                raise NotOfForm(value, row, "and numbers must be finite (X contains infinity).")
            (whole if is_whole(value) else parted)[type(value)] += 1
        self.whole = self._most(whole or parted)
        self.parted = self._most(parted or whole)
        kinds = {*whole, *parted}
        exponents: set[Any] = {v.as_tuple().exponent for v in entries if isinstance(v, Decimal)}
        inexact = any(issubclass(kind, float | np.floating) for kind in kinds)
        inexact |= min(exponents, default=0) < -MAX_DIGITS
        self.unit = None if inexact else self._unit(entries)
        # All Decimals get the same number of digits, as sums of money have.
        self.exponent = exponents.pop() if len(exponents) == 1 and not inexact else None
        single = kinds <= {np.float32, np.float16}
        self.dtype = "object" if self.unit else "float32" if single else "float64"

    @staticmethod
    def _most(counts: "Counter[type]") -> type:
        return max(counts, key=lambda kind: (counts[kind], kind.__name__))

    @staticmethod
    def _unit(entries: pd.Series) -> int | None:
        """Return how many units make one; None where a float cannot count them."""
        unit, largest = 1, max(abs(_exact(value)) for value in entries)
        for value in entries:
            unit = math.lcm(unit, _exact(value).denominator)
            if unit > 1 and unit * largest > MAX_EXACT:
                return None
        return unit

    def plain(self, entries: pd.Series) -> pd.Series:
        """Return entries as counts of the unit, or as floats."""

        def number(value: Any) -> Any:
            if not is_number(type(value)) or not is_finite(value):
                raise ValueError
            # Entries that were not in fit are rounded to its grid.
            return float(value) if self.unit is None else round(_exact(value) * self.unit)

        numbers = _converted(entries, number, NO_NUMBER)
        return pd.Series(numbers, index=entries.index, dtype=self.dtype)

    def entries(self, values: Any) -> list[Any]:
        """Invert `plain`."""
        return list(map(self._entry, values))

    def _entry(self, value: Any) -> Any:
        kind: Any
        exact: Any = float(value) if self.unit is None else Fraction(int(value), self.unit)
        kind = self.whole if is_whole(exact) else self.parted
        if kind is Decimal:
            return self._decimal(exact)
        if kind is Fraction:
            return Fraction(repr(exact)) if isinstance(exact, float) else exact
        return kind(round(exact) if issubclass(kind, int | np.integer) else exact)

    def _decimal(self, exact: Any) -> Decimal:
        with localcontext() as context:
            context.prec = 2 * MAX_DIGITS
            if isinstance(exact, float):
                value = Decimal(repr(exact))
            else:
                value = Decimal(exact.numerator) / Decimal(exact.denominator)
            if self.exponent is not None:
                return value.quantize(Decimal((0, (1,), self.exponent)))
            value = value.normalize()
            return value.quantize(Decimal(1)) if is_whole(value) else value

    def __getstate__(self) -> dict[str, Any]:
        names = {"whole": self.whole.__name__, "parted": self.parted.__name__}
        return {**self.__dict__, **names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for part in ("whole", "parted"):
            name = state[part]
            kind = PLAIN_NUMBERS.get(name)
            kind = np.dtype(name).type if kind is None else kind
            if not is_number(kind):
                raise ValueError(f"{name!r} is no type of numbers")
            setattr(self, part, kind)


def is_finite(value: Any) -> bool:
    """Return whether a number is finite; integers too large for a float are."""
    return isinstance(value, int) or math.isfinite(value)


def is_whole(value: Any) -> bool:
    """Return whether a finite number is whole."""
    if isinstance(value, Decimal):
        return bool(value == value.to_integral_value())
    return bool(value == value // 1)


def _exact(value: Any) -> Fraction:
    return Fraction(value.item() if isinstance(value, np.generic) else value)


def _is_midnight(moment: Any) -> bool:
    moment = pd.Timestamp(moment)
    return moment == moment.normalize()


def _most_are_days(entries: pd.Series) -> bool:
    """Return whether most of the entries at midnight are dates."""
    midnights = [type(value) is datetime.date for value in entries if _is_midnight(value)]
    return 2 * sum(midnights) >= len(midnights)


class Times:
    """Dates, moments, times of day, durations and periods, as counts of a unit.

    Parameters
    ----------
    kind : str
        The type of decoded entries, such as ``"date"`` or ``"Timestamp"``.
    unit : str or tuple, default=None
        Their unit, if the type has several.
    zone : tzinfo, default=None
        The time zone of decoded entries.
    days : bool, default=False
        Whether moments at midnight are decoded as dates.
    """

    def __init__(self, kind: str, unit: Any = None, zone: Any = None, days: bool = False):
        self.kind, self.unit, self.zone, self.days = kind, unit, zone, days

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if not hasattr(self, f"_count_{self.kind}"):
            raise ValueError(f"{self.kind!r} is no kind of times")
        if not isinstance(self.zone, datetime.tzinfo | None):
            raise TypeError("a time zone is none")

    @classmethod
    def of(cls, entries: pd.Series, kinds: set[type]) -> "Times | None":
        """Return the form of entries of some types; None if they are not times of one kind."""
        zones = Counter(getattr(value, "tzinfo", None) for value in entries)
        if None in zones and len(zones) > 1:
            # Moments with and without a time zone cannot be compared.
            return None
        zone = max(zones, key=lambda zone: (zones[zone], str(zone)))
        if kinds == {datetime.date}:
            return cls("date")
        if kinds == {datetime.time}:
            return cls("time", None, zone) if len(zones) == 1 else None
        moments = {datetime.date, datetime.datetime, pd.Timestamp, np.datetime64}
        days = datetime.date in kinds <= moments and _most_are_days(entries)
        if kinds <= {datetime.date, datetime.datetime}:
            return cls("datetime", None, zone, days)
        if kinds == {datetime.timedelta}:
            return cls("timedelta")
        if kinds == {pd.Period}:
            units = {value.freqstr for value in entries}
            return cls("Period", units.pop()) if len(units) == 1 else None
        if kinds in ({np.datetime64}, {np.timedelta64}):
            try:
                unit = np.datetime_data(np.result_type(*{value.dtype for value in entries}))
            except TypeError:
                # Years and days of a duration cannot be compared.
                return None
            return cls(kinds.pop().__name__, unit)
        for name, several in (
            ("Timestamp", moments),
            ("Timedelta", {datetime.timedelta, pd.Timedelta, np.timedelta64}),
        ):
            if kinds <= several:
                made = [getattr(pd, name)(value) for value in entries]
                units = {value.unit for value in made}
                finest = next(u for u in ("ns", "us", "ms", "s") if u in units)
                return cls(name, finest, zone, days)
        return None

    def plain(self, entries: pd.Series) -> pd.Series:
        """Return entries as integers."""
        number = getattr(self, f"_count_{self.kind}")
        reason = f"but fit saw entries of {self.kind} {self.zone or ''}".rstrip() + " there."
        numbers = _converted(entries, number, reason)
        return pd.Series(numbers, index=entries.index, dtype=object)

    def entries(self, values: Any) -> list[Any]:
        """Invert `plain`."""
        made = [getattr(self, f"_entry_{self.kind}")(int(value)) for value in values]
        if not self.days:
            return made
        return [value.date() if _is_midnight(value) else value for value in made]

    def _moment(self, value: Any) -> Any:
        """Return a moment in UTC, without a zone; raise for entries of another kind."""
        if not isinstance(value, datetime.date | np.datetime64):
            raise TypeError
        if not isinstance(value, datetime.datetime):
            value = pd.Timestamp(value)
        if (value.tzinfo is None) != (self.zone is None):
            raise TypeError
        if self.zone is None:
            return value
        return value.astimezone(datetime.UTC).replace(tzinfo=None)

    def _count_date(self, value: Any) -> int:
        if not isinstance(value, datetime.datetime) and isinstance(value, datetime.date):
            return value.toordinal()
        value = self._moment(value)
        if value != pd.Timestamp(value).normalize():
            raise ValueError
        return value.toordinal()

    @staticmethod
    def _entry_date(n: int) -> Any:
        return datetime.date.fromordinal(n)

    def _count_time(self, value: Any) -> int:
        if value.tzinfo != self.zone:
            raise ValueError
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return seconds * 10**6 + value.microsecond

    def _entry_time(self, n: int) -> Any:
        return (EPOCH + n * MICROSECOND).time().replace(tzinfo=self.zone)

    def _count_datetime(self, value: Any) -> int:
        value = self._moment(value)
        if isinstance(value, pd.Timestamp):
            value = value.to_pydatetime(warn=False)
        return (value - EPOCH) // MICROSECOND

    def _entry_datetime(self, n: int) -> Any:
        value = EPOCH + n * MICROSECOND
        if self.zone is None:
            return value
        return value.replace(tzinfo=datetime.UTC).astimezone(self.zone)

    def _count_Timestamp(self, value: Any) -> int:
        return int(pd.Timestamp(self._moment(value)).as_unit(self.unit).asm8.astype(np.int64))

    def _entry_Timestamp(self, n: int) -> Any:
        value = pd.Timestamp(np.datetime64(n, self.unit))
        return value if self.zone is None else value.tz_localize("UTC").tz_convert(self.zone)

    @property
    def _dtype(self) -> np.dtype:
        unit, number = self.unit
        return np.dtype(f"{self.kind}[{number}{unit}]")

    def _count_datetime64(self, value: Any) -> int:
        if not isinstance(value, np.datetime64):
            value = pd.Timestamp(self._moment(value)).asm8
        return int(value.astype(self._dtype).astype(np.int64))

    def _entry_datetime64(self, n: int) -> Any:
        return np.datetime64(n, self.unit)

    @staticmethod
    def _count_timedelta(value: Any) -> int:
        if not isinstance(value, datetime.timedelta):
            value = pd.Timedelta(value) if isinstance(value, np.timedelta64) else None
        return value // MICROSECOND

    @staticmethod
    def _entry_timedelta(n: int) -> Any:
        return n * MICROSECOND

    def _count_Timedelta(self, value: Any) -> int:
        if not isinstance(value, datetime.timedelta | np.timedelta64):
            raise TypeError
        return int(pd.Timedelta(value).as_unit(self.unit).asm8.astype(np.int64))

    def _entry_Timedelta(self, n: int) -> Any:
        return pd.Timedelta(np.timedelta64(n, self.unit))

    def _count_timedelta64(self, value: Any) -> int:
        if isinstance(value, datetime.timedelta):
            value = pd.Timedelta(value).asm8
        if not isinstance(value, np.timedelta64):
            raise TypeError
        return int(value.astype(self._dtype).astype(np.int64))

    def _entry_timedelta64(self, n: int) -> Any:
        return np.timedelta64(n, self.unit)

    def _count_Period(self, value: Any) -> int:
        if value.freqstr != self.unit:
            raise ValueError
        return value.ordinal

    def _entry_Period(self, n: int) -> Any:
        return pd.Period(ordinal=n, freq=self.unit)


class Intervals:
    """Intervals as ordered categories: those of fit, ordered by their ends."""

    def __init__(self, categories: list[Any]):
        # As objects, because an index of intervals that overlap finds none of them.
        self.categories = np.empty(len(categories), dtype=object)
        self.categories[:] = categories

    @classmethod
    def of(cls, entries: pd.Series) -> "Intervals | None":
        """Return the form of intervals; None where they cannot be compared."""
        if len({interval.closed for interval in entries}) > 1:
            return None
        try:
            return cls(sorted(set(entries)))
        except TypeError:
            return None

    def plain(self, entries: pd.Series) -> pd.Series:
        """Return entries as ordered categories."""
        dtype = pd.CategoricalDtype(pd.Index(self.categories, dtype=object), ordered=True)
        return pd.Series(pd.Categorical(entries, dtype=dtype), index=entries.index)

    @staticmethod
    def entries(values: Any) -> list[Any]:
        """Invert `plain`."""
        return list(values)
