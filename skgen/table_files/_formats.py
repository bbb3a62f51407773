"""How a column is written, and what all columns of a file have in common."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ._dates import DateFormat
from ._numbers import NumberFormat


@dataclass
class ColumnFormat:
    """How a column is written.

    Attributes
    ----------
    kind : {"numbers", "dates", "truth", "words", "empty"}
        Its kind.
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

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> "ColumnFormat":
        """Return a format from its attributes as plain values."""
        number, date = state["number"], state["date"]
        number = None if number is None else NumberFormat(**number)
        date = None if date is None else DateFormat(**date)
        return cls(**{**state, "number": number, "date": date})


@dataclass
class Context:
    """What all columns of a file have in common.

    Attributes
    ----------
    name : str
        The file's name, for messages.
    separator : str
        The separator of its columns.
    decimal : str or None
        The decimal mark, if the user gave it.
    decimals, orders : Counter
        Decimal marks, and orders of dates, of columns whose entries allow one only.
    """

    name: str = ""
    separator: str = ","
    decimal: str | None = None
    decimals: Counter[str] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)
