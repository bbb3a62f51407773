"""Words that a spreadsheet would run as formulas: written with a sign before them, read without."""

import re

from ._numbers import DIGITS, number_shape

_BEGINNING = re.compile(r"[=+@\t\r-]")
# What a spreadsheet takes for the sign of a text, and does not show.
GUARD = "'"


def is_formula(text: str) -> bool:
    """Tell whether a spreadsheet would run a text: it begins with = + - @ and is no number."""
    if len(text) < 2 or not _BEGINNING.match(text):
        return False
    return number_shape(text.translate(DIGITS)) is None


def guarded(text: str) -> str:
    """Return a text that no spreadsheet runs."""
    return GUARD + text if is_formula(text) else text


def unguarded(text: str) -> str:
    """Invert `guarded`."""
    return text[1:] if text.startswith(GUARD) and is_formula(text[1:]) else text
