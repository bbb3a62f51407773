"""The shapes of a column's texts: how many look like numbers, like dates, or like neither."""

import re
from collections import Counter
from collections.abc import Collection

from ._dates import date_shape
from ._numbers import DIGITS, INFINITE, number_shape, readings, unit_of
from ._texts import SEP, Texts

# A column of fewer different numbers can be one of codes, with a word among them.
FEW_NUMBERS = 10
MAX_UNITS = 3


class Shapes:
    """The texts of a column with a 9 for every digit, counted.

    Parameters
    ----------
    texts : Texts
        The texts.
    marks : set of str
        Marks of gaps, in small letters.
    given_gaps : set of str
        More marks, as written.

    Attributes
    ----------
    numeric, dated, rest : Counter of str
        The shapes that look like a number, like a date, and like neither.
    infinite : str
        An infinite number, as written; empty if there is none.
    given : Counter of str
        The marks in `given_gaps` that occur.
    n_present : int
        How many texts are neither gaps nor infinite.
    """

    def __init__(self, texts: Texts, marks: Collection[str], given_gaps: Collection[str]):
        self.texts, self.marks = texts, marks
        self.numeric: Counter[str] = Counter()
        self.dated: Counter[str] = Counter()
        self.rest: Counter[str] = Counter()
        self.infinite = ""
        # Marks that the user gave may have digits, which shapes do not show.
        self.given = texts.count(given_gaps) if given_gaps else Counter()
        given_shapes: Counter[str] = Counter()
        for text, count in self.given.items():
            given_shapes[text.translate(DIGITS)] += count
        for shape, count in self.texts.shapes.items():
            count -= given_shapes[shape]
            if count <= 0 or shape.casefold() in self.marks:
                continue
            if shape.lstrip("+-").casefold() in INFINITE:
                self.infinite = self.infinite or shape
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
        """Whether all texts but gaps look like a number."""
        return bool(self.numeric) and sum(self.numeric.values()) == self.n_present

    @property
    def all_dates(self) -> bool:
        """Whether all texts but gaps look like a date."""
        return bool(self.dated) and sum(self.dated.values()) == self.n_present

    def possible_decimals(self) -> frozenset[str]:
        """Return the decimal marks that all numbers can have."""
        possible = frozenset(".,")
        for shape in self.numeric:
            found = number_shape(shape)
            assert found is not None
            possible &= readings(found.body)
        return possible

    def bodies(self) -> list[str]:
        """Return the shapes of the numbers without signs and units."""
        return [found.body for found in map(number_shape, self.numeric) if found is not None]

    def open_mark(self) -> str:
        """Return the mark that can be of decimals or of thousands, "" if there is none."""
        marks = {mark for body in self.bodies() for mark in ".," if mark in body}
        return marks.pop() if len(marks) == 1 else ""

    def decimal_of_zeros(self) -> str | None:
        """Return the mark that is of decimals because 0 stands before it, as in 0.125."""
        mark = self.open_mark()
        if not mark:
            return None
        if self.texts.find(rf"[^\d{SEP}]*0{re.escape(mark)}\d"):
            return mark
        # Long numbers without a mark: it is not of thousands.
        long = any(re.fullmatch("9{4,}", body) for body in self.bodies())
        return mark if long else None

    def units(self) -> set[str]:
        """Return the units of the numbers."""
        return {found.unit for found in map(number_shape, self.numeric) if found is not None}

    def behind_numbers(self) -> list[str]:
        """Return the words after the digits of all entries, if they are few."""
        found = {unit_of(shape) for shape in self.rest}
        units = sorted(unit for unit in found if unit is not None)
        is_all = len(units) == len(found) and sum(self.rest.values()) == self.n_present
        # Many letters, or few numbers, are codes such as 12A.
        is_codes = len(units) > 1 and len(self.texts.counts) <= FEW_NUMBERS
        return units if is_all and len(units) <= MAX_UNITS and not is_codes else []

    def gaps(self) -> set[str]:
        """Return the marks of gaps among numbers or dates that the column has."""
        marks = {shape for shape in self.texts.shapes if shape.casefold() in self.marks}
        return marks | set(self.given)
