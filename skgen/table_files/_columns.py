"""What the texts of a column are taken for: numbers, dates, true and false, or words.

Each decision rests on all entries of the column, not on the first of them. Most of it is decided by
shapes, the texts with a 9 for every digit, of which there are few. Where the entries of a column
leave two readings open, the other columns of the file decide, and the choice is told as a doubt.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from ._dates import DateFormat, NoDates, Reading, date_shape, read_dates
from ._doubts import Correction, Doubt, TableError
from ._formulas import GUARD, unguarded
from ._numbers import (
    DIGITS,
    INFINITE,
    MAX_DIGITS,
    NumberFormat,
    n_digits,
    number_shape,
    readings,
    unit_of,
)

# What joins texts; a text file has none.
SEP = "\0"
# What marks a gap among numbers or dates, in small letters.
_GAPS = r"""
? ?? ??? - -- --- – — . .. ... * ** n/a na n.a. n.a #n/a #na nan -nan null nil none nat <na> <null>
(null) [null] \n missing unknown k.a. n.d. n.v. s/d nr #value! #ref! #null! #num! #name?
"""
GAPS = frozenset(["", "not available", "k. a.", *_GAPS.split()])
# The same, as written, of marks with digits.
DIGIT_GAPS = {mark.translate(DIGITS): mark for mark in ["#DIV/0!", "1.#QNAN", "1.#IND", "-1.#IND"]}
# What marks a gap among words, as written. NA is Namibia's, None a word.
_WORD_GAPS = r"? ?? - -- – — . n/a N/A #N/A #NULL! NULL null NaN nan <NA> NaT \N (null) [NULL]"
WORD_GAPS = frozenset(["", *_WORD_GAPS.split()])
# Words that mark a gap in other columns, and are told where they stay words.
KEPT_WORDS = ("NA", "None", "none", "N.A.", "n.a.")
# A column of fewer different numbers can be one of codes, with a word among them.
FEW_NUMBERS = 10
MAX_UNITS = 3
MIN_COMPACT = 3
# Numbers and dates have fewer ways of being written.
MAX_SHAPES = 20_000
SURE_COMPACT = 10
CODE_NAME = re.compile(
    r"(?:^|[\W_])(?:zip|plz|post(?:al)?_?code|postal|phone|tel|iban|ean|isbn)(?:$|[\W_])", re.I
)


class Texts:
    """The texts of a column, joined chunk by chunk, which takes the memory of the file."""

    def __init__(self, chunks: list[str], n: int):
        self.chunks, self.n = chunks, n

    def cells(self) -> Iterator[str]:
        """Return an iterator over the texts."""
        return chain.from_iterable(chunk.split(SEP) for chunk in self.chunks)

    @cached_property
    def shapes(self) -> Counter[str]:
        """How many texts there are of each shape, until there are so many that they are words."""
        shapes: Counter[str] = Counter()
        for chunk in self.chunks:
            shapes.update(chunk.translate(DIGITS).split(SEP))
            if len(shapes) > MAX_SHAPES:
                break
        return shapes

    def count(self, texts: Collection[str]) -> Counter[str]:
        """Count how often some texts come."""
        found: Counter[str] = Counter()
        for chunk in self.chunks:
            found.update([cell for cell in chunk.split(SEP) if cell in texts])
        return found

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each text comes."""
        counts: Counter[str] = Counter()
        for chunk in self.chunks:
            counts.update(chunk.split(SEP))
        return counts

    def find(self, pattern: str) -> str | None:
        """Return the first text that begins with a pattern."""
        compiled = re.compile(f"(?:^|{SEP})({pattern})")
        for chunk in self.chunks:
            found = compiled.search(chunk)
            if found:
                start = found.start(1)
                return chunk[start:].split(SEP, 1)[0]
        return None

    def row_of(self, text: str) -> int:
        """Return the first row that has a text."""
        return next(row for row, cell in enumerate(self.cells()) if cell == text)

    def first_but(self, gaps: set[str]) -> str:
        """Return the first text that is no gap, "" if all are."""
        return next((cell for cell in self.cells() if cell not in gaps), "")


@dataclass
class ColumnFormat:
    """How a column is written.

    Attributes
    ----------
    kind : {"numbers", "dates", "truth", "words", "empty"}
        What it was taken for.
    gaps : list of str
        The marks of its gaps, the most frequent first.
    number, date : NumberFormat, DateFormat or None
        How its numbers or dates are written.
    truth : list of str
        How false and true are written.
    """

    kind: str
    gaps: list[str] = field(default_factory=list)
    number: NumberFormat | None = None
    date: DateFormat | None = None
    truth: list[str] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> "ColumnFormat":
        """Invert `state`."""
        number, date = state["number"], state["date"]
        return cls(
            kind=state["kind"],
            gaps=list(state["gaps"]),
            number=None if number is None else NumberFormat(**number),
            date=None if date is None else DateFormat(**date),
            truth=list(state["truth"]),
        )


@dataclass
class Context:
    """What the file says of all its columns.

    Attributes
    ----------
    name : str
        The file's name, for messages.
    separator : str
        What sets its columns apart.
    decimal : str or None
        The decimal mark that the user says it has.
    decimals, orders : Counter
        Decimal marks, and orders of dates, that columns are sure of.
    """

    name: str = ""
    separator: str = ","
    decimal: str | None = None
    decimals: Counter[str] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)


class Column:
    """A column that is being read.

    Parameters
    ----------
    name : str
        Its name.
    texts : Texts
        Its entries.
    kind : str, default=None
        What it has to be, if that is known.
    gaps : set of str, default=()
        More marks of gaps.
    order : str, default=None
        The order of day, month and year, if that is known.
    like : ColumnFormat, default=None
        How the column was written in the table that a model learnt.
    unquoted_gap : bool, default=False
        Whether NA stands in it without quotes, and words with quotes.
    is_text : bool, default=False
        Whether it is known to be of texts, which may be dates but not numbers.
    """

    def __init__(
        self,
        name: str,
        texts: Texts,
        *,
        kind: str | None = None,
        gaps: frozenset[str] = frozenset(),
        order: str | None = None,
        like: ColumnFormat | None = None,
        unquoted_gap: bool = False,
        is_text: bool = False,
    ):
        self.name, self.texts = name, texts
        self.kind, self.order, self.like = kind, order, like
        self.given_gaps, self.unquoted_gap, self.is_text = gaps, unquoted_gap, is_text
        # Where texts have a type of their own, gaps have too.
        self.marks = frozenset([""]) if is_text else GAPS
        self.word_marks = frozenset([""]) if is_text else WORD_GAPS
        self.doubts: list[Doubt] = []
        self.format = ColumnFormat("empty")
        self._dates: Reading | None = None
        self.given_gaps |= {DIGIT_GAPS[shape] for shape in texts.shapes if shape in DIGIT_GAPS}
        # Gaps among words are seldom; numbers and dates have more.
        self.gaps: set[str] = set()
        # A word that was taken for a gap among numbers or dates.
        self.odd_word = ""
        # What stands behind all numbers, if it is to be cut off.
        self._unit = ""
        self._split_shapes()

    # What the shapes say

    def _split_shapes(self) -> None:
        """Count what looks like a number, like a date, and like neither."""
        self.numeric: Counter[str] = Counter()
        self.dated: Counter[str] = Counter()
        self.rest: Counter[str] = Counter()
        self.infinite = False
        # Marks that the user gave may have digits, which shapes do not show.
        self.given = self.texts.count(self.given_gaps) if self.given_gaps else Counter()
        given_shapes: Counter[str] = Counter()
        for text, count in self.given.items():
            given_shapes[text.translate(DIGITS)] += count
        for shape, count in self.texts.shapes.items():
            count -= given_shapes[shape]
            if count <= 0 or shape.casefold() in self.marks:
                continue
            if shape.lstrip("+-").casefold() in INFINITE:
                self.infinite = True
                continue
            is_number = number_shape(shape) is not None
            is_date = date_shape(shape) is not None
            if is_number:
                self.numeric[shape] = count
            if is_date:
                self.dated[shape] = count
            if not is_number and not is_date:
                self.rest[shape] = count
        self.n_present = (
            sum(self.numeric.values())
            + sum(self.rest.values())
            + sum(count for shape, count in self.dated.items() if shape not in self.numeric)
        )

    @property
    def all_numbers(self) -> bool:
        """Whether all that is no gap looks like a number."""
        return bool(self.numeric) and sum(self.numeric.values()) == self.n_present

    @property
    def all_dates(self) -> bool:
        """Whether all that is no gap looks like a date."""
        return bool(self.dated) and sum(self.dated.values()) == self.n_present

    def certain_decimal(self) -> str | None:
        """Return the decimal mark that its entries leave no doubt of, if there is one."""
        if self.kind in ("words", "dates") or self.is_text:
            return None
        if not self.numeric or 2 * sum(self.numeric.values()) < self.n_present:
            return None
        possible = self._possible_decimals()
        if len(possible) != 1:
            return self._decimal_of_zeros() if len(possible) == 2 else None
        return next(iter(possible))

    def _possible_decimals(self) -> frozenset[str]:
        possible = frozenset(".,")
        for shape in self.numeric:
            found = number_shape(shape)
            assert found is not None
            possible &= readings(found.body)
        return possible

    def _bodies(self) -> list[str]:
        return [found.body for found in map(number_shape, self.numeric) if found is not None]

    def _open_mark(self) -> str:
        """Return the mark that can be of decimals or of thousands, "" if there is none."""
        marks = {mark for body in self._bodies() for mark in ".," if mark in body}
        return marks.pop() if len(marks) == 1 else ""

    def _decimal_of_zeros(self) -> str | None:
        """Return the mark that is of decimals because 0 stands before it, as in 0.125."""
        mark = self._open_mark()
        if not mark:
            return None
        if self.texts.find(rf"[^\d{SEP}]*0{re.escape(mark)}\d"):
            return mark
        # Long numbers without a mark: it is not of thousands.
        long = any(re.fullmatch("9{4,}", body) for body in self._bodies())
        return mark if long else None

    # Decisions

    def decide(self, context: Context) -> None:
        """Choose what the column is; dates whose order is open stay open."""
        if self.kind == "words":
            self._be_words(declared=True)
        elif self.kind == "numbers":
            self._be_numbers(context, forced=True)
        elif self.kind == "dates":
            self._be_dates(context, forced=True)
        elif self.kind == "truth":
            self._be_truth(forced=True, context=context)
        elif self.n_present == 0 and not self.infinite and self._is_empty():
            self._be_empty()
        elif len(self.texts.shapes) > MAX_SHAPES or not (
            (not self.is_text and self._be_truth())
            or self._be_compact_dates(context)
            or (not self.is_text and self._be_numbers(context))
            or self._be_dates(context)
        ):
            self._be_words()

    def settle(self, context: Context) -> None:
        """Choose the order of dates that their own entries leave open."""
        if self._dates is None:
            return
        if self._dates.ambiguous and self.order is None:
            known = [order for order, _ in context.orders.most_common()]
            prefer = self._likely_orders(context)
            counts = self._present_counts()
            like = None if self.like is None or self.like.date is None else self.like.date.order
            preferred = [*([like] if like else []), *known, *prefer]
            self._dates = read_dates(counts, prefer=preferred)
            chosen = self._dates.format.order
            if not like and (chosen not in known or len(known) > 1):
                others = [order for order in self._dates.orders if order != chosen]
                self._doubt(
                    f"dates as {_spelt(chosen)}, which they do not show",
                    *(Correction("dates", self.name, other) for other in others),
                )
        form = self._dates.format
        self.gaps |= self._dates.gaps
        known_form = self.like.date if self.like is not None else None
        if form.two_digits and not (known_form and known_form.two_digits):
            self._doubt("years of two digits, taken as 1969 to 2068")
        if form.mixed and not (known_form and known_form.mixed):
            self._doubt("moments with several offsets, brought to UTC")
        self.format = ColumnFormat("dates", self._gap_list(), date=form)

    def _likely_orders(self, context: Context) -> tuple[str, ...]:
        separators = {re.sub("9", "", shape)[:1] for shape in self.dated}
        comma = context.separator == ";" or context.decimals[","] > context.decimals["."]
        if separators == {"/"} and not comma:
            return ("MDY", "DMY", "YMD")
        return ("DMY", "MDY", "YMD")

    def _doubt(self, text: str, *corrections: Correction) -> None:
        self.doubts.append(Doubt(self.name, text, corrections))

    def _present_counts(self) -> dict[str, int]:
        gaps = self.gaps
        return {text: n for text, n in self.texts.counts.items() if text not in gaps}

    def _gap_list(self) -> list[str]:
        """Return the marks of gaps that come, the most frequent first."""
        return [gap for gap, _ in self.texts.count(self.gaps).most_common()] if self.gaps else []

    def _mark_gaps(self) -> set[str]:
        """Return the marks of gaps among numbers or dates that the column has."""
        marks = {shape for shape in self.texts.shapes if shape.casefold() in self.marks}
        return marks | set(self.given)

    def _is_empty(self) -> bool:
        """Tell whether there are only marks of gaps, and not several of them that are words."""
        return sum(shape not in self.word_marks for shape in self.texts.shapes) < 2

    def _be_empty(self) -> None:
        self.gaps = self._mark_gaps()
        self.format = ColumnFormat("empty", self._gap_list())

    def _be_words(self, declared: bool = False) -> None:
        # What is known to be words has the gaps that it had.
        known = self.word_marks if not declared else {""} | set(self.like.gaps if self.like else ())
        counts = self.texts.count({*known, *KEPT_WORDS, "+"})
        self.gaps = {text for text in known if text in counts} | set(self.given)
        if "+" in counts and not declared:
            self.gaps.discard("-")
        if self.unquoted_gap and not declared and "NA" in counts:
            self.gaps.add("NA")
        self.format = ColumnFormat("words", self._gap_list())
        if declared:
            return
        units = self._behind_numbers()
        if units:
            listed = ", ".join(map(repr, units))
            corrections = [Correction("numbers", self.name)] if len(units) == 1 else []
            self._doubt(f"numbers with {listed} behind them, taken as categories", *corrections)
        for word in KEPT_WORDS:
            if word in counts and word not in self.gaps:
                self._doubt(
                    f"{word!r} ({counts[word]}) is taken as a category",
                    Correction("gaps", self.name, word),
                )

    def _be_truth(self, forced: bool = False, context: Context | None = None) -> bool:
        words = {shape for shape in self.rest if shape.casefold() in ("true", "false")}
        if forced:
            known = dict(
                zip(
                    ("false", "true"),
                    self.like.truth if self.like else ("False", "True"),
                    strict=True,
                )
            )
            self.gaps = self._mark_gaps()
            odd = [t for t in self.texts.counts if t not in self.gaps and t.casefold() not in known]
            if odd:
                raise self._error(odd[0], "which is neither true nor false", context)
            self.format = ColumnFormat("truth", self._gap_list(), truth=list(known.values()))
            return True
        if (
            len(self.rest) > 2
            or len(words) != len(self.rest)
            or self.n_present != sum(self.rest.values())
            or not words
        ):
            return False
        by_value = {word.casefold(): word for word in sorted(words)}
        if len(by_value) < len(words):
            return False
        one = next(iter(words))
        for value in ("false", "true"):
            by_value.setdefault(value, _as_written(value, one))
        self.gaps = self._mark_gaps()
        self.format = ColumnFormat(
            "truth", self._gap_list(), truth=[by_value["false"], by_value["true"]]
        )
        return True

    def _odd_words(self, share: float) -> list[str]:
        """Return the words, without a digit, that stand among numbers or dates: one of them."""
        if len(self.rest) == 1 and share >= 0.5:
            word = next(iter(self.rest))
            if "9" not in word and len(self.texts.counts) - 1 > FEW_NUMBERS:
                self.odd_word = word
                return [word]
        return []

    def _be_numbers(self, context: Context, forced: bool = False) -> bool:
        n_numbers = sum(self.numeric.values())
        if self.all_dates and not forced and not self._only_digits():
            # 05.06.2024 is no number.
            return False
        if not n_numbers and not self.infinite and not forced:
            return False
        share = n_numbers / max(1, self.n_present)
        odd: list[str] = []
        if not forced and n_numbers < self.n_present:
            odd = self._odd_words(share)
            if not odd:
                if share >= 0.5:
                    self._tell_the_odd("numbers", share)
                return False
        units = self._units()
        if forced and n_numbers < self.n_present:
            behind = self._behind_numbers()
            if len(behind) == 1 and not self.dated:
                self._cut_unit(behind[0])
            elif self.rest or n_numbers < self.n_present:
                self._refuse("number", context)
        elif len(units - {""}) > 1 or (units & {"%", "‰"} and len(units) > 1):
            listed = ", ".join(repr(unit) if unit else "nothing" for unit in sorted(units))
            if forced:
                raise TableError(
                    f"{context.name}: column {self.name!r} has numbers with {listed} beside them, "
                    "which cannot be compared.",
                    [Correction("categories", self.name), Correction("drop", self.name)],
                )
            self._doubt(
                f"numbers with {listed} beside them, taken as categories",
                Correction("drop", self.name),
            )
            return False
        decimal = self._decimal(context, forced)
        if decimal is None:
            return False
        if not forced and self._is_code(decimal):
            return False
        self.gaps = self._mark_gaps() | set(odd)
        for word in odd:
            self._doubt(
                f"{word!r} ({self.rest[word]}) is taken as a gap among numbers",
                Correction("categories", self.name),
            )
        form = NumberFormat.of(self.numeric, decimal) if self.numeric else NumberFormat()
        if self.infinite:
            form.whole = False
        if form.whole and any(n_digits(body) > MAX_DIGITS + 2 for body in self._bodies()):
            form.whole = False
        form.positive += self._unit
        form.negative += self._unit
        self.format = ColumnFormat("numbers", self._gap_list(), number=form)
        if not forced:
            self._tell_of_codes(form)
        return True

    def _only_digits(self) -> bool:
        return all(set(shape) == {"9"} for shape in self.numeric)

    def _units(self) -> set[str]:
        return {found.unit for found in map(number_shape, self.numeric) if found is not None}

    def _behind_numbers(self) -> list[str]:
        """Return the words, few, that stand behind the digits of all entries."""
        found = {unit_of(shape) for shape in self.rest}
        units = sorted(unit for unit in found if unit is not None)
        is_all = len(units) == len(found) and sum(self.rest.values()) == self.n_present
        # Many letters, or few numbers, are codes such as 12A.
        is_codes = len(units) > 1 and len(self.texts.counts) <= FEW_NUMBERS
        return units if is_all and len(units) <= MAX_UNITS and not is_codes else []

    def _cut_unit(self, unit: str) -> None:
        """Take numbers with a unit behind them for numbers; the unit comes back in writing."""
        first = self.texts.first_but(self._mark_gaps())
        self._unit = first[len(first[: -len(unit)].rstrip()) :]
        chunks = [
            SEP.join(
                cell[: -len(unit)].rstrip() if cell.endswith(unit) else cell
                for cell in chunk.split(SEP)
            )
            for chunk in self.texts.chunks
        ]
        self.texts = Texts(chunks, self.texts.n)
        self._split_shapes()

    def _tell_the_odd(self, kind: str, share: float) -> None:
        odd = next(iter(self.rest), None)
        if odd is None:
            return
        text = self.texts.find(_pattern_of(odd)) or odd
        self._doubt(
            f"{share:.0%} of the entries are {kind}; because of others, such as {text!r} in row "
            f"{self.texts.row_of(text)}, all are taken as categories",
            Correction("gaps", self.name, text),
        )

    def _refuse(self, kind: str, context: Context) -> None:
        odd = next((shape for shape in (*self.rest, *self.dated) if shape not in self.numeric), "")
        if kind == "date":
            odd = next(
                (shape for shape in (*self.rest, *self.numeric) if shape not in self.dated), ""
            )
        text = self.texts.find(_pattern_of(odd)) or odd
        raise self._error(text, f"which is no {kind}", context)

    def _error(self, text: str, why: str, context: Context | None) -> TableError:
        where = context.name if context else ""
        row = self.texts.row_of(text) if text else 0
        if self.like is not None:
            learnt = {"numbers": "numbers", "dates": "dates", "truth": "true and false"}[
                self.like.kind
            ]
            more = ", like 2024-05-31" if learnt == "dates" else ""
            return TableError(
                f"{where}: column {self.name!r} has {text!r} in row {row}, and the model learnt "
                f"{learnt} there{more}."
            )
        return TableError(
            f"{where}: column {self.name!r} has {text!r} in row {row}, {why}",
            [Correction("gaps", self.name, text)],
        )

    def _decimal(self, context: Context, forced: bool) -> str | None:
        """Return the decimal mark; None, with a doubt, where none is right for all entries."""
        possible = self._possible_decimals()
        if context.decimal is not None:
            possible &= {context.decimal}
        if not possible:
            text = "the marks in its numbers do not go together"
            if context.decimal is not None:
                text += f" with the decimal mark {context.decimal!r}"
            if forced:
                raise TableError(
                    f"{context.name}: column {self.name!r}: {text}.",
                    [Correction("categories", self.name)],
                )
            self._doubt(f"{text}, so that it is taken as categories", Correction("drop", self.name))
            return None
        if len(possible) == 1:
            return next(iter(possible))
        usual = context.decimals.most_common(1)[0][0] if context.decimals else None
        mark = self._open_mark()
        if not mark:
            return usual or "."
        sure = self._decimal_of_zeros()
        if sure is not None:
            return sure
        if usual is not None:
            if len(context.decimals) > 1:
                self._doubt_decimal(usual, mark)
            return usual
        if self.like is not None and self.like.number is not None:
            return self.like.number.decimal
        if context.separator == ",":
            return "."
        decimal = "," if context.separator == ";" else "."
        self._doubt_decimal(decimal, mark)
        return decimal

    def _doubt_decimal(self, decimal: str, mark: str) -> None:
        what = "decimals" if mark == decimal else "thousands"
        other = "." if decimal == "," else ","
        self._doubt(f"the mark {mark!r} is taken as one of {what}", Correction("decimal", other))

    def _is_code(self, decimal: str) -> bool:
        """Tell, with a doubt, whether digits are names and not quantities."""
        plain = [body for body in self._bodies() if set(body) == {"9"}]
        if any(len(body) > MAX_DIGITS for body in plain) and len(plain) == len(self.numeric):
            self._doubt(
                f"numbers of up to {max(map(len, plain))} digits, which are names and no "
                "quantities, taken as categories",
                Correction("drop", self.name),
                Correction("numbers", self.name),
            )
            return True
        if not any(len(body) > 1 for body in plain):
            return False
        text = self.texts.find(r"0\d+(?![\d.,])")
        if text is not None and text.isdigit():
            self._doubt(
                f"zeros in front, as in {text!r}, so that it is taken as categories",
                Correction("numbers", self.name),
            )
            return True
        return False

    def _tell_of_codes(self, form: NumberFormat) -> None:
        if not form.whole:
            return
        if CODE_NAME.search(self.name):
            self._doubt(
                "numbers, which its name says are codes", Correction("categories", self.name)
            )
            return
        bodies = self._bodies()
        lengths = {len(body) for body in bodies}
        if min(lengths) >= 9 and len(lengths) == 1 and set("".join(bodies)) == {"9"}:
            n = sum(self.numeric.values())
            if n >= FEW_NUMBERS and len(self.texts.counts) > 0.95 * n:
                self._doubt(
                    f"numbers of {lengths.pop()} digits, nearly all different: codes?",
                    Correction("categories", self.name),
                    Correction("drop", self.name),
                )

    def _be_compact_dates(self, context: Context) -> bool:
        """Take whole numbers like 20240131 for dates, if all are and of our time."""
        if not self.all_numbers or not self.all_dates or not self._only_digits():
            return False
        self.gaps = self._mark_gaps()
        counts = self._present_counts()
        years = {text[:4] for text in counts if set(text) != {"0"}}
        if not all("1900" <= year <= "2099" or year == "9999" for year in years):
            return False
        if len(counts) < MIN_COMPACT and len(next(iter(counts))) < 8:
            return False
        try:
            found = read_dates(counts)
        except NoDates:
            return False
        self._dates = found
        if len(counts) < SURE_COMPACT:
            self._doubt(
                "numbers that are all dates, taken as dates", Correction("numbers", self.name)
            )
        self.format = ColumnFormat("dates", self._gap_list(), date=found.format)
        return True

    def _be_dates(self, context: Context, forced: bool = False) -> bool:
        n_dates = sum(self.dated.values())
        if not n_dates and not forced:
            self._tell_of_times()
            return False
        odd: list[str] = []
        if n_dates < self.n_present:
            share = n_dates / max(1, self.n_present)
            if forced:
                self._refuse("date", context)
            odd = self._odd_words(share)
            if not odd:
                if share >= 0.5 and n_dates > sum(self.numeric.values()):
                    self._tell_the_odd("dates", share)
                return False
        self.gaps = self._mark_gaps() | set(odd)
        counts = self._present_counts()
        try:
            found = read_dates(counts, order=self.order)
        except NoDates as error:
            if forced:
                raise self._error(error.text, f"which {error.why}", context) from None
            if error.text:
                row = self.texts.row_of(error.text)
                self._doubt(
                    f"they look like dates, but {error.text!r} in row {row} {error.why}, so that "
                    "all are taken as categories",
                    Correction("gaps", self.name, error.text),
                )
            return False
        for word in odd:
            self._doubt(
                f"{word!r} ({self.rest[word]}) is taken as a gap among dates",
                Correction("categories", self.name),
            )
        self._dates = found
        in_numbers = any(
            shape.numbers for shape in map(date_shape, self.dated) if shape is not None
        )
        if in_numbers and not found.ambiguous and found.format.order != "YMD":
            context.orders[found.format.order] += 1
        self.format = ColumnFormat("dates", self._gap_list(), date=found.format)
        return True

    def _tell_of_times(self) -> None:
        times = all(re.fullmatch("99?:99(:99)?", shape) for shape in self.rest)
        if self.rest and times and not self.numeric:
            self._doubt("times of the day, taken as categories", Correction("drop", self.name))

    # The values

    def example(self) -> str:
        """Return the first entry that is no gap, as it stands in the file."""
        return self.texts.first_but(self.gaps) + self._unit

    def series(self) -> pd.Series:
        """Return the entries as what they were taken for."""
        kind = self.format.kind
        if kind == "empty":
            return pd.Series(np.full(self.texts.n, np.nan), name=self.name)
        if kind == "numbers":
            return self._number_series()
        if kind == "dates":
            return self._date_series()
        if kind == "truth":
            return self._truth_series()
        # One object for each word, however often it comes.
        words: dict[str, Any] = dict.fromkeys(self.gaps)
        values: list[Any] = []
        for chunk in self.texts.chunks:
            cells = chunk.split(SEP)
            new = set(cells).difference(words)
            words.update(zip(new, map(unguarded, new) if GUARD in chunk else new, strict=True))
            values.extend(map(words.__getitem__, cells))
        if all(value is None for value in values):
            return pd.Series(np.full(self.texts.n, np.nan), name=self.name)
        return pd.Series(values, name=self.name)

    def _number_series(self) -> pd.Series:
        form = self.format.number
        assert form is not None
        shapes = self.numeric or {"9": 0}
        values, missing = form.read(self.texts.chunks, shapes, self.gaps, SEP)
        if form.whole and missing.any():
            return pd.Series(pd.arrays.IntegerArray(values, missing), name=self.name)
        return pd.Series(values, name=self.name)

    def _date_series(self) -> pd.Series:
        assert self._dates is not None
        form = self._dates.format
        moments = {**self._dates.moments, **dict.fromkeys(self.gaps, _NO_TIME)}
        ticks = np.fromiter(map(moments.__getitem__, self.texts.cells()), np.int64, self.texts.n)
        values = ticks.view(f"M8[{form.unit}]")
        column = pd.Series(values, name=self.name)
        if form.offset is None:
            return column
        column = column.dt.tz_localize("UTC")
        if form.offset:
            sign = "-" if form.offset < 0 else "+"
            hours, minutes = divmod(abs(form.offset), 60)
            column = column.dt.tz_convert(f"UTC{sign}{hours:02d}:{minutes:02d}")
        return column

    def _truth_series(self) -> pd.Series:
        gaps = self.gaps
        # Whatever the case, one of the two.
        cells = [None if cell in gaps else cell.casefold() == "true" for cell in self.texts.cells()]
        dtype = "boolean" if None in cells else "bool"
        return pd.Series(pd.array(cells, dtype=dtype), name=self.name)


# As numpy has it.
_NO_TIME = np.iinfo(np.int64).min


def _as_written(value: str, like: str) -> str:
    """Return true or false in the letters of the other."""
    if like.isupper():
        return value.upper()
    return value.capitalize() if like[0].isupper() else value


def _pattern_of(shape: str) -> str:
    return re.escape(shape).replace("9", r"\d") + rf"(?={SEP}|$)"


def _spelt(order: str) -> str:
    names = {"D": "day", "M": "month", "Y": "year"}
    return ", ".join(names[letter] for letter in order)
