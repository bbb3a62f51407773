"""Dates as people write them: ``2024-01-31``, ``31.1.24 9:30``, ``20240131``, ``Jan 5, 2024``.

As for numbers, the shape of a text is judged, with a 9 for every digit. A shape determines where
the fields are; which of them is the day, the month or the year is decided by all entries.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ._numbers import DIGITS

# The months in short, in full, and as some write them. Saved formats count the lists of a language.
MONTHS = {
    "en": (
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
        "January February March April May June July August September October November December",
        "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec",
        "Jan Feb Mar Apr May June July Aug Sept Oct Nov Dec",
        "Jan Feb March April May June July Aug Sept Oct Nov Dec",
        "Jan. Feb. March April May June July Aug. Sept. Oct. Nov. Dec.",
    ),
    "de": (
        "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Jan Feb Mrz Apr Mai Jun Jul Aug Sep Okt Nov Dez",
        "Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.",
        "Jänner Februar März April Mai Juni Juli August September Oktober November Dezember",
    ),
    "fr": (
        "janv févr mars avr mai juin juil août sept oct nov déc",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    ),
    "es": (
        "ene feb mar abr may jun jul ago sep oct nov dic",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    ),
    "it": (
        "gen feb mar apr mag giu lug ago set ott nov dic",
        "gennaio febbraio marzo aprile maggio giugno "
        "luglio agosto settembre ottobre novembre dicembre",
    ),
    "pt": (
        "jan fev mar abr mai jun jul ago set out nov dez",
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    ),
    "nl": (
        "jan feb mrt apr mei jun jul aug sep okt nov dec",
        "januari februari maart april mei juni juli augustus september oktober november december",
    ),
}
WORDS = {
    f"{language}{long}": words.split()
    for language, lists in MONTHS.items()
    for long, words in enumerate(lists)
}
MONTH_OF_WORD = {
    word.casefold().rstrip("."): number
    for words in WORDS.values()
    for number, word in enumerate(words, 1)
}
# Offsets from UTC, in minutes, of names that mean one thing in files.
ZONES = {
    **dict.fromkeys(["Z", "UTC", "GMT", "WET"], 0),
    **dict.fromkeys(["WEST", "CET"], 60),
    **dict.fromkeys(["CEST", "EET"], 120),
    **{"EEST": 180, "EDT": -240, "EST": -300, "CDT": -300},
    **{"MDT": -360, "MST": -420, "PDT": -420, "PST": -480},
}
ORDERS = ("DMY", "MDY", "YMD")
# A year of two digits below this is of this century.
PIVOT = 69
_MONTH = r"[^\W\d_]{3,12}"
_SEP = r"(?:[-/.] ?| )"
_DATE = (
    rf"(?P<a>9{{1,4}})(?P<s>{_SEP})(?P<b>9{{1,2}})(?P=s)(?P<c>9{{1,4}})\.?"
    rf"|(?P<d1>9{{1,2}})(?:\.? ?|[-/]| de )(?P<m1>{_MONTH})\.?(?:[-/ ,]{{0,2}}| de )(?P<y1>9999|99)"
    rf"|(?P<m2>{_MONTH})\.?[- ](?P<d2>9{{1,2}}),?[- ](?P<y2>9999)"
    rf"|(?P<y3>9999)[- ](?P<m3>{_MONTH})[- ](?P<d3>9{{1,2}})"
    rf"|(?P<m4>{_MONTH})\.?[- ](?P<y7>9999)"
    r"|(?P<y4>9999)[-/](?P<n4>99)|(?P<n5>99)[/.](?P<y5>9999)"
    r"|(?P<y6>9999)[年년] ?(?P<n6>9{1,2})[月월] ?(?P<d6>9{1,2})[日일]"
    r"|(?P<compact>99999999|999999)"
)
_TIME = (
    r"(?P<H>9{1,2}):(?P<M>99)(?::(?P<S>99)(?:[.,](?P<f>9{1,9}))?)?(?P<half> ?[AaPp]\.?[Mm]\.?)?"
    r"(?P<zone> ?(?:(?:GMT|UTC)?[+-](?:99:?99|99?)|" + "|".join(ZONES) + "))?"
)
_MOMENT = re.compile(rf"(?:{_DATE})(?:(?:[T:]|[ ,]+){_TIME})?")
_RUN = re.compile(r"(?P<compact>99999999)(?P<H>99)(?P<M>99)(?P<S>99)?")


class Field(NamedTuple):
    """A field of a date: its meaning and its position."""

    name: str
    start: int
    stop: int


class Shape(NamedTuple):
    """The positions of the fields in texts of one shape, and which are in letters."""

    fields: tuple[Field, ...]
    month: str
    half: Field | None
    zone: Field | None
    compact: bool

    @property
    def has_long_year(self) -> bool:
        """Whether the year has four digits."""
        return any(f.stop - f.start == 4 for f in self.fields if f.name in ("a", "b", "c", "Y"))

    @property
    def numbers(self) -> tuple[Field, ...]:
        """Fields of the day that are numbers, in the order in which they stand."""
        return tuple(f for f in self.fields if f.name in ("a", "b", "c"))


@lru_cache(maxsize=100_000)
def date_shape(shape: str) -> Shape | None:
    """Return the fields of a shape, or None if no date is written so."""
    found = _RUN.fullmatch(shape) or _MOMENT.fullmatch(shape)
    if found is None:
        return None
    fields, month, compact = [], "", False
    half = zone = None
    for name, text in found.groupdict().items():
        if text is None or name == "s":
            continue
        start, stop = found.span(name)
        if name == "half":
            half = Field("half", start, stop)
        elif name == "zone":
            zone = Field("zone", start, stop)
        elif name == "compact":
            compact = True
            fields += [Field("Y", start, start + 4), Field("m", start + 4, start + 6)]
            fields += [Field("d", start + 6, stop)] if len(text) == 8 else []
        else:
            # By the letter: d1, d2 and so on are days in one or another way of writing.
            kind = {"d": "d", "m": "word", "n": "m", "y": "Y"}.get(name[0], name)
            month = text if kind == "word" else month
            fields.append(Field(kind, start, stop))
    if month and month.casefold() not in MONTH_OF_WORD:
        return None
    numbers = {f.name: f.stop - f.start for f in fields if f.name in "abc"}
    if numbers:
        # Four digits are a year, three are no field, and a year is at an end.
        long = [name for name, width in numbers.items() if width > 2]
        if any(numbers[name] != 4 for name in long) or len(long) > 1:
            return None
        if not long and min(numbers["a"], numbers["c"]) < 2 and numbers["c"] < 2:
            return None
    return Shape(tuple(fields), month, half, zone, compact)


def _digits(texts: Sequence[str], width: int) -> np.ndarray:
    """Return characters of texts of one width as codes, (n, width)."""
    return np.array(texts, dtype=f"U{width}").view(np.uint32).reshape(len(texts), width)


def _number(codes: np.ndarray, where: Field) -> np.ndarray:
    """Return the numbers in a field."""
    value = np.zeros(len(codes), dtype=np.int64)
    for place in range(where.start, where.stop):
        value = value * 10 + (codes[:, place].astype(np.int64) - 48)
    return value


def _days_in(year: np.ndarray, month: np.ndarray) -> np.ndarray:
    first = (year - 1970).astype("M8[Y]").astype("M8[M]") + (np.clip(month, 1, 12) - 1)
    return ((first + 1).astype("M8[D]") - first.astype("M8[D]")).astype(np.int64)


def _is_day(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray:
    inside = (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1)
    return inside & (day <= _days_in(np.where(inside, year, 2000), month))


@dataclass
class DateFormat:
    """How the dates of a column are written.

    Attributes
    ----------
    order : str
        The order of day, month and year if they are written in numbers: DMY, MDY, YMD.
    tokens : list
        How an entry is put together: texts, and [name of a field, fewest digits].
    words : str
        Which list of `WORDS` names the months, "" for none.
    midnight : list
        The tokens of entries without a time, where some have one; empty where all are alike.
    unit : str
        Finest unit of time.
    offset : int or None
        Minutes from UTC that all entries state, None where none does.
    mixed : bool
        Whether entries state different offsets, and were brought to UTC.
    zone : str
        How the offset is written.
    two_digits : bool
        Whether years have two digits.
    """

    order: str = "YMD"
    tokens: list[Any] = field(default_factory=list)
    words: str = ""
    midnight: list[Any] = field(default_factory=list)
    unit: str = "us"
    offset: int | None = None
    mixed: bool = False
    zone: str = ""
    two_digits: bool = False

    def write(self, moments: pd.Series) -> list[str]:
        """Return moments, none missing, as texts."""
        naive = moments
        if getattr(moments.dtype, "tz", None) is not None:
            naive = moments.dt.tz_convert("UTC").dt.tz_localize(None)
            if self.offset:
                naive = naive + pd.Timedelta(minutes=self.offset)
        values, index = np.unique(
            naive.to_numpy().astype("M8[ns]" if self.unit == "ns" else "M8[us]"),
            return_inverse=True,
        )
        texts = np.array(self._texts(values), dtype=object)
        return texts[index].tolist()

    def _texts(self, values: np.ndarray) -> list[str]:
        times = pd.DatetimeIndex(values)
        parts = {
            **{"Y": times.year, "y": times.year % 100, "m": times.month, "d": times.day},
            **{"H": times.hour, "I": (times.hour + 11) % 12 + 1},
            **{"M": times.minute, "S": times.second},
            "f": times.microsecond.astype(np.int64) * 1000 + times.nanosecond,
        }
        names = WORDS.get(self.words, [])
        midnight = (values == values.astype("M8[D]")).tolist()
        columns = {name: part.tolist() for name, part in parts.items()}
        texts = []
        for i in range(len(values)):
            tokens = self.midnight if self.midnight and midnight[i] else self.tokens
            text = ""
            for token in tokens:
                if isinstance(token, str):
                    text += token
                    continue
                name, width = token
                if name == "f":
                    text += f"{columns['f'][i]:09d}"[:width]
                elif name == "word":
                    text += _cased(names[columns["m"][i] - 1], width)
                elif name == "half":
                    text += _half(columns["H"][i], width)
                else:
                    text += f"{columns[name][i]:0{width}d}"
            texts.append(text + self.zone)
        return texts


def _cased(word: str, like: int) -> str:
    """Return a word in capitals (2), small letters (0), or with a capital in front (1)."""
    return (word.lower(), word.capitalize(), word.upper())[like]


def _half(hour: int, like: int) -> str:
    text = " " * (like & 1) + ("pm" if hour >= 12 else "am")
    return text.upper() if like & 2 else text


class Reading(NamedTuple):
    """A column that was read as dates.

    Attributes
    ----------
    format : DateFormat
        How it is written.
    moments : dict of str to int
        Of each distinct text, the units of time since 1970.
    gaps : set of str
        Dates of zeros, which databases write for none.
    ambiguous : bool
        Whether another order of day, month and year gives other dates.
    orders : tuple of str
        The orders that all entries allow.
    """

    format: DateFormat
    moments: dict[str, int]
    gaps: set[str]
    ambiguous: bool
    orders: tuple[str, ...]


class NoDates(Exception):
    """Not all texts are dates: one that is not, and the reason."""

    def __init__(self, text: str, why: str):
        super().__init__(text, why)
        self.text, self.why = text, why


class _Group(NamedTuple):
    """Texts of one shape, and the numbers in their fields."""

    pattern: str
    shape: Shape
    texts: list[str]
    fields: dict[str, np.ndarray]
    n: int

    def day(self, order: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Return year, month and day in an order, None where the shape has another."""
        one = np.ones(len(self.texts), dtype=np.int64)
        numbers = self.shape.numbers
        if numbers:
            widths = {f.name: f.stop - f.start for f in numbers}
            named = dict(zip(order, "abc", strict=True))
            if any(widths[name] == 4 and named["Y"] != name for name in "abc"):
                return None
            if widths[named["Y"]] == 1:
                return None
            year, month, day = (self.fields[named[letter]] for letter in "YMD")
            is_short = widths[named["Y"]] == 2
        else:
            year, day = self.fields["Y"], self.fields.get("d", one)
            word = self.shape.month.casefold()
            month = MONTH_OF_WORD[word] * one if word else self.fields["m"]
            is_short = any(f.name == "Y" and f.stop - f.start == 2 for f in self.shape.fields)
        if is_short:
            year = year + np.where(year < PIVOT, 2000, 1900)
        return year, month, day

    def days(self, order: str) -> np.ndarray:
        """Return the days in an order that is possible."""
        found = self.day(order)
        assert found is not None
        year, month, day = found
        months = (year - 1970).astype("M8[Y]").astype("M8[M]") + (month - 1)
        return months.astype("M8[D]") + (day - 1)

    def has_time(self) -> np.ndarray:
        """Return which times are within a day."""
        right = np.ones(len(self.texts), dtype=bool)
        if "H" in self.fields:
            hours = self.fields["H"]
            is_half = self.shape.half is not None
            right &= (hours >= 1) & (hours <= 12) if is_half else hours <= 23
            right &= (self.fields["M"] <= 59) & (self.fields.get("S", 0 * hours) <= 59)
        return right

    def time(self, per_second: int) -> np.ndarray:
        """Return the time of the day."""
        hours = self.fields["H"]
        half = self.shape.half
        if half is not None:
            late = [text[half.start : half.stop].strip()[0] in "pP" for text in self.texts]
            hours = hours % 12 + 12 * np.array(late)
        ticks = (hours * 3600 + self.fields["M"] * 60 + self.fields.get("S", 0)) * per_second
        if "f" in self.fields:
            width = next(f.stop - f.start for f in self.shape.fields if f.name == "f")
            ticks = ticks + self.fields["f"] * per_second // 10**width
        return ticks


def _grouped(counts: Mapping[str, int]) -> tuple[list[_Group], set[str]]:
    """Return texts by their shape, and those that are dates of zeros only."""
    members: dict[str, list[str]] = {}
    patterns = "\0".join(counts).translate(DIGITS).split("\0") if counts else []
    for text, pattern in zip(counts, patterns, strict=True):
        members.setdefault(pattern, []).append(text)
    groups: list[_Group] = []
    zeros: set[str] = set()
    for pattern, same in members.items():
        shape = date_shape(pattern)
        if shape is None:
            raise NoDates(same[0], "is no date")
        codes = _digits(same, len(pattern))
        fields = {f.name: _number(codes, f) for f in shape.fields if f.name != "word"}
        is_zero = np.all([value == 0 for value in fields.values()], axis=0)
        if is_zero.any():
            zeros.update(text for text, zero in zip(same, is_zero, strict=True) if zero)
            same = [text for text, zero in zip(same, is_zero, strict=True) if not zero]
            fields = {name: value[~is_zero] for name, value in fields.items()}
        if same:
            n = sum(map(counts.__getitem__, same))
            groups.append(_Group(pattern, shape, same, fields, n))
    return groups, zeros


def read_dates(
    counts: Mapping[str, int], *, order: str | None = None, prefer: Sequence[str] = ()
) -> Reading:
    """Read distinct texts as dates, in the order of day, month and year that all of them allow.

    Parameters
    ----------
    counts : dict of str to int
        Distinct texts, no gaps, and how often each comes.
    order : str, default=None
        The order that the user says it is.
    prefer : list of str, default=()
        Orders to prefer where several are possible, the best first.

    Raises
    ------
    NoDates
        If they are not dates in one order.
    """
    groups, zeros = _grouped(counts)
    if not groups:
        raise NoDates("", "no entry is a date")
    orders, odd = _possible_orders(groups, ORDERS if order is None else (order,))
    if not orders:
        asked = "of the others" if order is None else order
        raise NoDates(odd, f"is no date in the order {asked}")
    if len(orders) > 1 and not any(group.shape.has_long_year for group in groups):
        # A year of two digits is in front only if it can be nowhere else.
        orders = [o for o in orders if o != "YMD"]
    chosen = next(o for o in (*prefer, *ORDERS) if o in orders)
    if chosen == "DMY" and all("." in group.pattern for group in groups):
        # Points are used in 31.12.2024 only.
        orders = [chosen]
    ambiguous = any(
        not np.array_equal(group.days(chosen), group.days(other))
        for group in groups
        for other in orders
        if group.shape.numbers
    )
    moments, format = _put_together(groups, chosen)
    return Reading(format, moments, zeros, ambiguous, tuple(orders))


def _possible_orders(groups: list[_Group], orders: Sequence[str]) -> tuple[list[str], str]:
    """Return the orders that all entries allow, or an entry that the most likely one forbids."""
    possible = []
    odd, most = "", -1
    for order in orders:
        wrong, n_right = "", 0
        for group in groups:
            found = group.day(order)
            if found is None:
                wrong = wrong or group.texts[0]
                continue
            right = _is_day(*found) & group.has_time()
            n_right += int(right.sum())
            if not right.all():
                wrong = wrong or group.texts[int(right.argmin())]
        if not wrong:
            possible.append(order)
        elif n_right > most:
            odd, most = wrong, n_right
    return possible, odd


def _put_together(groups: list[_Group], order: str) -> tuple[dict[str, int], DateFormat]:
    """Return the moments, and how they are written."""
    fields = [f for group in groups for f in group.shape.fields]
    is_fine = any(f.name == "f" and f.stop - f.start > 6 for f in fields)
    unit, per_second = ("ns", 10**9) if is_fine else ("us", 10**6)
    moments: dict[str, int] = {}
    offsets: set[int] = set()
    with_offset = [group.shape.zone is not None for group in groups]
    if any(with_offset) and not all(with_offset):
        # A local time besides moments with an offset: its own offset is unknown.
        raise NoDates(groups[with_offset.index(False)].texts[0], "has no offset, others have")
    for group in groups:
        ticks = group.days(order).astype(np.int64) * 86_400 * per_second
        if "H" in group.fields:
            ticks = ticks + group.time(per_second)
        zone = group.shape.zone
        if zone is not None:
            minutes = [_offset(text[zone.start : zone.stop]) for text in group.texts]
            offsets.update(minutes)
            ticks = ticks - np.array(minutes) * 60 * per_second
        moments.update(zip(group.texts, ticks.tolist(), strict=True))
    format = DateFormat(order=order, unit=unit)
    format.words, letters = _language(groups)
    has_points = any(word.endswith(".") for word in WORDS.get(format.words, ()))
    format.two_digits = any(f.stop - f.start == 2 and _name(f, order) == "Y" for f in fields)
    timed = [group for group in groups if "H" in group.fields]
    untimed = [group for group in groups if "H" not in group.fields]
    common = max(timed or groups, key=lambda group: group.n)
    format.tokens = _tokens(common, groups, order, letters, has_points)
    if timed and untimed:
        format.midnight = _tokens(untimed[0], groups, order, letters, has_points)
    if offsets:
        zone = common.shape.zone
        assert zone is not None
        example = common.texts[0][zone.start : zone.stop]
        format.mixed = len(offsets) > 1
        format.offset = 0 if format.mixed else next(iter(offsets))
        format.zone = _zone_text(example) if format.mixed else example
    return moments, format


@lru_cache(maxsize=1000)
def _offset(text: str) -> int:
    """Return the minutes from UTC that an offset or a name means."""
    text = text.strip()
    if text in ZONES:
        return ZONES[text]
    text = text.removeprefix("GMT").removeprefix("UTC")
    digits = text[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return -minutes if text[0] == "-" else minutes


def _zone_text(example: str) -> str:
    """Return how UTC is written where other offsets are written like this."""
    blank = " " * example.startswith(" ")
    bare = example.strip()
    if bare in ZONES:
        return blank + "UTC"
    return blank + re.sub(r"\d", "0", bare.replace("-", "+"))


def _name(f: Field, order: str) -> str:
    """Return what a field is, Y, m, d and so on."""
    if f.name in ("a", "b", "c"):
        return {"Y": "Y", "M": "m", "D": "d"}[order["abc".index(f.name)]]
    return f.name


def _with_point(group: _Group) -> str:
    """Return the word for the month, with the point behind it."""
    stop = next(f.stop for f in group.shape.fields if f.name == "word")
    return group.shape.month + "." * (group.pattern[stop : stop + 1] == ".")


def _language(groups: list[_Group]) -> tuple[str, int]:
    """Return the list that has all words for months, and the kind of their letters."""
    groups = [group for group in groups if group.shape.month]
    if not groups:
        return "", 0
    plain = {group.shape.month for group in groups}
    with_points = {_with_point(group) for group in groups}
    # Points may stand behind the words that are cut off, and not behind mars and mai.
    is_mixed = 0 < sum(word.endswith(".") for word in with_points) < len(with_points)
    for words in [with_points, plain] if is_mixed else [plain]:
        first = min(words)
        for name, known in WORDS.items():
            if {word.casefold() for word in words} <= {word.casefold() for word in known}:
                return name, 2 if first.isupper() else int(first[:1].isupper())
    text = next(group.texts[0] for group in groups if group.shape.month == min(plain))
    raise NoDates(text, "has a month in another language than others")


def _tokens(
    group: _Group, groups: list[_Group], order: str, letters: int, has_points: bool
) -> list[Any]:
    """Return how texts of a shape are put together."""
    # A field whose width varies over the entries is written without zeros in front.
    widths: dict[str, set[int]] = {}
    for f in (f for other in groups for f in other.shape.fields):
        widths.setdefault(_name(f, order), set()).add(f.stop - f.start)
    pattern, shape = group.pattern, group.shape
    fields = [*shape.fields, *([shape.half] if shape.half else [])]
    tokens: list[Any] = []
    at = 0
    for f in sorted(fields, key=lambda f: f.start):
        if f.start > at:
            tokens.append(pattern[at : f.start])
        name, width = _name(f, order), f.stop - f.start
        if name == "word":
            tokens.append(["word", letters])
        elif name == "half":
            text = pattern[f.start : f.stop]
            tokens.append(["half", int(text[0] == " ") + 2 * text.strip().isupper()])
        elif name == "f":
            tokens.append(["f", max(widths["f"])])
        elif name == "Y":
            tokens.append(["y" if width == 2 else "Y", width])
        elif name == "H":
            tokens.append(["I" if shape.half else "H", min(widths["H"])])
        else:
            tokens.append([name, min(widths[name])])
        at = f.stop
        if name == "word" and has_points and pattern[at : at + 1] == ".":
            # The point belongs to the word.
            at += 1
    end = shape.zone.start if shape.zone else len(pattern)
    return [*tokens, pattern[at:end]] if at < end else tokens
