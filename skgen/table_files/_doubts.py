"""Doubts and errors about a table that was read, and corrections.

A correction is an argument of :func:`skgen.table_files.read_table` in Python and a flag on the
command line; each message names it in the words of its reader.
"""

import shlex
from collections.abc import Sequence
from typing import NamedTuple

# Flags that are called in another way than the argument.
FLAGS = {"categories": "category", "gaps": "gap"}


class Correction(NamedTuple):
    """An argument that would change how a table is read.

    Attributes
    ----------
    argument : str
        Its name.
    value : str
        What to give: a column, a mark.
    mark : str
        What belongs to the column: a mark of its gaps, an order of its dates.
    """

    argument: str
    value: str
    mark: str = ""

    def as_flag(self) -> str:
        """Return it as words of the command line."""
        value = f"{self.value}={self.mark}" if self.mark else self.value
        return f"--{FLAGS.get(self.argument, self.argument)} {shlex.quote(value)}"

    def as_argument(self) -> str:
        """Return it as an argument of a Python function."""
        if self.argument == "gaps":
            return f"gaps={{{self.value!r}: [{self.mark!r}]}}"
        if self.mark:
            return f"{self.argument}={{{self.value!r}: {self.mark!r}}}"
        if self.argument in ("separator", "decimal", "encoding"):
            return f"{self.argument}={self.value!r}"
        return f"{self.argument}=[{self.value!r}]"


def _in_words(text: str, corrections: Sequence[Correction], flags: bool) -> str:
    if not corrections:
        return text
    ways = {
        is_drop: " or ".join(
            c.as_flag() if flags else c.as_argument()
            for c in corrections
            if (c.argument == "drop") == is_drop
        )
        for is_drop in (False, True)
    }
    text += f"; if that is wrong: {ways[False]}" if ways[False] else ""
    return text + (f"; to leave it out: {ways[True]}" if ways[True] else "")


class Doubt(NamedTuple):
    """Something in a table that could be meant in another way.

    Attributes
    ----------
    column : str or None
        The column; None for the whole file.
    text : str
        How it was read.
    corrections : tuple of Correction
        Arguments that change it.
    """

    column: str | None
    text: str
    corrections: tuple[Correction, ...] = ()

    def say(self, *, flags: bool = False, column: bool = True) -> str:
        """Return it in one sentence.

        Parameters
        ----------
        flags : bool, default=False
            Whether corrections are named as flags of the command line, not as arguments.
        column : bool, default=True
            Whether to name the column.
        """
        text = _in_words(self.text, self.corrections, flags)
        return f"column {self.column!r}: {text}" if column and self.column is not None else text


class TableWarning(UserWarning):
    """Something in a file can be meant in another way than it was read.

    Examples
    --------
    >>> from skgen.table_files import TableWarning
    >>> issubclass(TableWarning, UserWarning)
    True
    """


class TableError(ValueError):
    """A table that cannot be read or written, in one sentence for its owner.

    Parameters
    ----------
    text : str
        What is wrong.
    corrections : sequence of Correction, default=()
        Arguments that avoid the error.

    Examples
    --------
    >>> from skgen.table_files import TableError, read_table
    >>> try:
    ...     read_table("no_such_file.csv")
    ... except TableError as error:
    ...     print(error)
    there is no file 'no_such_file.csv'.
    """

    def __init__(self, text: str, corrections: Sequence[Correction] = ()):
        self.text, self.corrections = text, tuple(corrections)
        super().__init__(self.say())

    def say(self, *, flags: bool = False) -> str:
        """Return the sentence, corrections named as flags or as arguments.

        Parameters
        ----------
        flags : bool, default=False
            Whether corrections are named as flags of the command line.

        Returns
        -------
        text : str
            The sentence.
        """
        if not self.corrections:
            return self.text
        ways = [c.as_flag() if flags else c.as_argument() for c in self.corrections]
        return f"{self.text.rstrip('.')}; {' or '.join(ways)} would do."
