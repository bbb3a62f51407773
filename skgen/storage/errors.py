"""The error about a file that cannot be read."""

from typing import Any


class FileFormatError(ValueError):
    """A file is damaged, of another kind, or names a class that is not registered.

    Examples
    --------
    >>> from skgen.persistence import FileFormatError
    >>> issubclass(FileFormatError, ValueError)
    True
    """


def shown(value: Any) -> str:
    """Return the representation of a value, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def text_of(value: Any) -> str:
    """Return a text that a description holds, or raise where it is none."""
    if not isinstance(value, str):
        raise FileFormatError(f"its description has {shown(value)} where a name belongs.")
    return value
