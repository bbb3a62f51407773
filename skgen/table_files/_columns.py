"""What the texts of a column are taken for: numbers, dates, true and false, or words.

Each decision rests on all entries of the column, not on the first ones. Most of it is decided by
shapes, the texts with a 9 for every digit, of which there are few. If the entries of a column allow
two readings, the other columns of the file decide, and the choice is reported as a doubt.
"""

import re
from itertools import islice

import numpy as np
import pandas as pd

from . import _values
from ._codes import doubt_of_codes, doubt_of_quantities
from ._dates import MONTH_OF_WORD, NoDates, Reading, date_shape, read_dates
from ._decimals import decimal_of
from ._doubts import Correction, Doubt, TableError
from ._formats import ColumnFormat, Context
from ._numbers import DIGITS, MAX_DIGITS, NumberFormat, n_digits
from ._shapes import FEW_NUMBERS, Shapes
from ._texts import MAX_SHAPES, SEP, Texts

# Marks of a gap among numbers or dates, in small letters.
_GAPS = r"""
? ?? ??? - -- --- – — . .. ... * ** n/a na n.a. n.a #n/a #na nan -nan null nil none nat <na> <null>
(null) [null] \n missing unknown k.a. n.d. n.v. s/d nr #value! #ref! #null! #num! #name?
"""
GAPS = frozenset(["", "not available", "k. a.", *_GAPS.split()])
# The same, as written, of marks with digits.
DIGIT_GAPS = {mark.translate(DIGITS): mark for mark in ["#DIV/0!", "1.#QNAN", "1.#IND", "-1.#IND"]}
# Marks of a gap among words, as written, without NA, which is Namibia's code, and None, a word.
_WORD_GAPS = r"? ?? - -- – — . n/a N/A #N/A #NULL! NULL null NaN nan <NA> NaT \N (null) [NULL]"
WORD_GAPS = frozenset(["", *_WORD_GAPS.split()])
# Words that mark a gap in other columns, and cause a doubt if they stay words.
KEPT_WORDS = ("NA", "None", "none", "N.A.", "n.a.", "k.A.", "k. A.")
TRUTH = ("false", "true")
TIME = re.compile("99?:99(:99)?")
# A date, a time, a week or a quarter within a text of another form.
_MONTHS = "|".join(MONTH_OF_WORD)
MOMENT = re.compile(
    r"(?<![\w.:])(?:99?[:h]99|(?:9999|99?)([-/.\\])99?\1(?:9999|99)|9999-?[QW]99?)(?!\.?9)"
    rf"|[QW] ?99?[ /-]9999|99?\W*(?:{_MONTHS})\b|\b(?:{_MONTHS})\W*99?",
    re.I,
)
MIN_COMPACT = 3
SURE_COMPACT = 10


class Column:
    """A column that is being read.

    Parameters
    ----------
    name : str
        Its name.
    texts : Texts
        Its entries.
    kind : str, default=None
        Its kind, if it is known.
    gaps : set of str, default=()
        More marks of gaps.
    order : str, default=None
        The order of day, month and year, if that is known.
    like : ColumnFormat, default=None
        How the column was written in the training table.
    unquoted_gap : bool, default=False
        Whether NA occurs in it without quotes, and words with quotes.
    is_text : bool, default=False
        Whether its entries are known to be texts, which may be dates but not numbers.
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
        # The unit after all numbers, if it is removed.
        self._unit = ""
        self.shapes = Shapes(self.texts, self.marks, self.given_gaps)

    def certain_decimal(self) -> str | None:
        """Return the decimal mark if its entries allow one only."""
        if self.kind in ("words", "dates") or self.is_text:
            return None
        if not self.shapes.numeric or 2 * sum(self.shapes.numeric.values()) < self.shapes.n_present:
            return None
        possible = self.shapes.possible_decimals()
        if len(possible) != 1:
            return self.shapes.decimal_of_zeros() if len(possible) == 2 else None
        return next(iter(possible))

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
            self._be_declared_truth(context)
        elif self.shapes.n_present == 0 and not self.shapes.infinite and self._is_empty():
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
        separators = {re.sub("9", "", shape)[:1] for shape in self.shapes.dated}
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

    def _is_empty(self) -> bool:
        """Return whether there are only marks of gaps, at most one of them a word."""
        return sum(shape not in self.word_marks for shape in self.texts.shapes) < 2

    def _be_empty(self) -> None:
        self.gaps = self.shapes.gaps()
        self.format = ColumnFormat("empty", self._gap_list())

    def _be_words(self, declared: bool = False) -> None:
        # A column that is known to be words has the gaps that it had.
        known = self.word_marks if not declared else {""} | set(self.like.gaps if self.like else ())
        counts = self.texts.count({*known, *KEPT_WORDS, "+"})
        self.gaps = {text for text in known if text in counts} | set(self.shapes.given)
        if "+" in counts and not declared:
            self.gaps.discard("-")
        if self.unquoted_gap and not declared and "NA" in counts:
            self.gaps.add("NA")
        self.format = ColumnFormat("words", self._gap_list())
        if declared:
            return
        units = self.shapes.behind_numbers()
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

    def _be_declared_truth(self, context: Context) -> None:
        self.gaps = self.shapes.gaps()
        counts = self._present_counts()
        odd = next((text for text in counts if text.casefold() not in TRUTH), None)
        if odd is not None:
            raise _wrong_entry(self, odd, "which is neither true nor false", context)
        truth = self.like.truth if self.like else ["False", "True"]
        self.format = ColumnFormat("truth", self._gap_list(), truth=truth)

    def _be_truth(self) -> bool:
        words = sorted(self.shapes.rest)
        by_value = {word.casefold(): word for word in words}
        is_all = self.shapes.n_present == sum(self.shapes.rest.values())
        is_truth = by_value.keys() <= set(TRUTH) and len(by_value) == len(words)
        if not words or not is_all or not is_truth:
            return False
        truth = [by_value.get(value) or _as_written(value, words[0]) for value in TRUTH]
        self.gaps = self.shapes.gaps()
        self.format = ColumnFormat("truth", self._gap_list(), truth=truth)
        return True

    def _odd_words(self, share: float) -> list[str]:
        """Return the words, without a digit, among numbers or dates: one at most."""
        if len(self.shapes.rest) == 1 and share >= 0.5:
            word = next(iter(self.shapes.rest))
            if "9" not in word and len(self.texts.counts) - 1 > FEW_NUMBERS:
                self.odd_word = word
                return [word]
        return []

    def _doubt_gaps(self, words: list[str], kind: str) -> None:
        for word in words:
            text = f"{word!r} ({self.shapes.rest[word]}) is taken as a gap among {kind}"
            self._doubt(text, Correction("categories", self.name))

    def _be_numbers(self, context: Context, forced: bool = False) -> bool:
        n_numbers = sum(self.shapes.numeric.values())
        if not n_numbers and not self.shapes.infinite and not forced:
            return False
        share = n_numbers / max(1, self.shapes.n_present)
        odd: list[str] = []
        if not forced and n_numbers < self.shapes.n_present:
            odd = self._odd_words(share)
            if not odd:
                if share >= 0.5 and not self.shapes.all_dates:
                    self._warn_of_odd_entries("numbers", share)
                return False
        units = self.shapes.units()
        if forced and n_numbers < self.shapes.n_present:
            behind = self.shapes.behind_numbers()
            if len(behind) == 1 and not self.shapes.dated:
                self._cut_unit(behind[0])
            else:
                raise _odd_entry(self, "number", context)
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
        decimal, doubt = decimal_of(self.name, self.shapes, context, self.like, forced)
        self.doubts += [] if doubt is None else [doubt]
        if decimal is None:
            return False
        if not forced and (codes := doubt_of_quantities(self.name, self.texts, self.shapes)):
            self.doubts.append(codes)
            return False
        if self.shapes.infinite:
            raise _wrong_entry(self, self.shapes.infinite, "and numbers must be finite.", context)
        self.gaps = self.shapes.gaps() | set(odd)
        self._doubt_gaps(odd, "numbers")
        form = (
            NumberFormat.of(self.shapes.numeric, decimal) if self.shapes.numeric else NumberFormat()
        )
        if form.whole and any(n_digits(body) > MAX_DIGITS + 2 for body in self.shapes.bodies()):
            form.whole = False
        if any(re.search("[eE].?999", body) for body in self.shapes.bodies()):
            # Floats hold powers of ten up to 308.
            read, _ = form.read(self.texts.chunks, self.shapes.numeric, self.gaps, SEP)
            row = int(np.isinf(read).argmax())
            if np.isinf(read[row]):
                text = next(islice(self.texts.cells(), row, None))
                raise _wrong_entry(self, text, "and numbers must be finite.", context)
        form.positive += self._unit
        form.negative += self._unit
        self.format = ColumnFormat("numbers", self._gap_list(), number=form)
        if not forced and form.whole:
            self.doubts += doubt_of_codes(self.name, self.texts, self.shapes)
        return True

    def _cut_unit(self, unit: str) -> None:
        """Read numbers with a unit after them as numbers; the unit is written again."""
        first = self.texts.first_but(self.shapes.gaps())
        self._unit = first[len(first[: -len(unit)].rstrip()) :]
        chunks = [
            SEP.join(
                cell[: -len(unit)].rstrip() if cell.endswith(unit) else cell
                for cell in chunk.split(SEP)
            )
            for chunk in self.texts.chunks
        ]
        self.texts = Texts(chunks, self.texts.n)
        self.shapes = Shapes(self.texts, self.marks, self.given_gaps)

    def _warn_of_odd_entries(self, kind: str, share: float) -> None:
        right = self.shapes.numeric if kind == "numbers" else self.shapes.dated
        others = (*self.shapes.rest, *self.shapes.numeric, *self.shapes.dated)
        odd = next(shape for shape in others if shape not in right)
        text = self.texts.find(_pattern_of(odd)) or odd
        self._doubt(
            f"{share:.0%} of the entries are {kind}; because of others, such as {text!r} in row "
            f"{self.texts.row_of(text)}, all are taken as categories",
            Correction("gaps", self.name, text),
        )

    def _be_compact_dates(self, context: Context) -> bool:
        """Read numbers like 20240131 and 01.2024 as dates, if all are dates from 1900 to 2099."""
        if not self.shapes.all_numbers or not self.shapes.all_dates:
            return False
        self.gaps = self.shapes.gaps()
        counts = self._present_counts()
        years = {re.sub(r"\d\d\.", "", text)[:4] for text in counts if set(text) != {"0"}}
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
        if self.shapes.all_numbers and not forced:
            # Digits that are dates were taken as such; others are codes.
            return False
        n_dates = sum(self.shapes.dated.values())
        if not n_dates and not forced:
            self._warn_of_times()
            return False
        odd: list[str] = []
        if n_dates < self.shapes.n_present:
            share = n_dates / max(1, self.shapes.n_present)
            if forced:
                raise _odd_entry(self, "date", context)
            odd = self._odd_words(share)
            if not odd:
                if share >= 0.5 and n_dates > sum(self.shapes.numeric.values()):
                    self._warn_of_odd_entries("dates", share)
                return False
        self.gaps = self.shapes.gaps() | set(odd)
        counts = self._present_counts()
        try:
            found = read_dates(counts, order=self.order)
        except NoDates as error:
            if forced:
                raise _wrong_entry(self, error.text, f"which {error.why}", context) from None
            if error.text:
                row = self.texts.row_of(error.text)
                self._doubt(
                    f"they look like dates, but {error.text!r} in row {row} {error.why}, so that "
                    "all are taken as categories",
                    Correction("gaps", self.name, error.text),
                )
            return False
        self._doubt_gaps(odd, "dates")
        self._dates = found
        in_numbers = any(
            shape.numbers for shape in map(date_shape, self.shapes.dated) if shape is not None
        )
        if in_numbers and not found.ambiguous and found.format.order != "YMD":
            context.orders[found.format.order] += 1
        self.format = ColumnFormat("dates", self._gap_list(), date=found.format)
        return True

    def _warn_of_times(self) -> None:
        if not self.shapes.rest or self.shapes.numeric:
            return
        kinds = {
            "times of the day": TIME.fullmatch,
            "dates or times in a form not known": MOMENT.search,
        }
        for kind, is_kind in kinds.items():
            if all(map(is_kind, self.shapes.rest)):
                self._doubt(f"{kind}, taken as categories", Correction("drop", self.name))
                return

    # The values

    def example(self) -> str:
        """Return the first entry that is not a gap, as written in the file."""
        return self.texts.first_but(self.gaps) + self._unit

    def series(self) -> pd.Series:
        """Return the entries, converted to their kind."""
        form = self.format
        if form.number is not None:
            values = _values.numbers(self.texts, form.number, self.shapes.numeric, self.gaps)
        elif self._dates is not None:
            values = _values.dates(self.texts, self._dates, self.gaps)
        else:
            read = {"truth": _values.truth, "words": _values.words}.get(form.kind)
            values = _values.empty(self.texts) if read is None else read(self.texts, self.gaps)
        values.name = self.name
        return values


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


def _odd_entry(column: Column, kind: str, context: Context) -> TableError:
    """Return the error of the first entry that is no number, or no date."""
    shapes = column.shapes
    others, right = (
        ((*shapes.rest, *shapes.numeric), shapes.dated)
        if kind == "date"
        else ((*shapes.rest, *shapes.dated), shapes.numeric)
    )
    odd = next((shape for shape in others if shape not in right), "")
    text = column.texts.find(_pattern_of(odd)) or odd
    return _wrong_entry(column, text, f"which is no {kind}", context)


def _wrong_entry(column: Column, text: str, why: str, context: Context) -> TableError:
    """Return the error of an entry that the column cannot have."""
    row = column.texts.row_of(text) if text else 0
    found = f"{context.name}: column {column.name!r} has {text!r} in row {row}, "
    if column.like is None:
        return TableError(found + why, [Correction("gaps", column.name, text)])
    learnt = "true and false" if column.like.kind == "truth" else column.like.kind
    more = ", like 2024-05-31" if learnt == "dates" else ""
    return TableError(f"{found}and the model learnt {learnt} there{more}.")
