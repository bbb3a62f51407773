"""Words that a spreadsheet would run as formulas are written with a quote before them."""

import re

from ._numbers import DIGITS, number_shape

_BEGINNING = re.compile(r"[=+@\t\r-]")
# The quote that marks a text in spreadsheets, which do not show it.
GUARD = "'"


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet would run a text: it begins with = + - @ and is not a number."""
    if len(text) < 2 or not _BEGINNING.match(text):
        return False
    return number_shape(text.translate(DIGITS)) is None


def guarded(text: str) -> str:
    """Return a text that no spreadsheet runs."""
    return GUARD + text if is_formula(text) else text


def unguarded(text: str) -> str:
    """Invert `guarded`."""
    return text[1:] if text.startswith(GUARD) and is_formula(text[1:]) else text
