"""The encoding of a text file."""

import codecs
import re
from functools import partial
from typing import Any

from ._doubts import Correction, Doubt, TableError

SAMPLE = 100_000
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(path: Any, name: str, given: str | None) -> tuple[str, list[Doubt]]:
    """Return the encoding of a file, and doubts about it."""
    with open(path, "rb") as file:
        start = file.read(SAMPLE)
        guess = next((encoding for bom, encoding in BOMS if start.startswith(bom)), None)
        if given is not None:
            try:
                codecs.lookup(given)
            except LookupError:
                raise TableError(
                    f"there is no encoding {given!r}; utf-8 and cp1252 are usual."
                ) from None
            # A byte-order mark is not part of the first name.
            return guess if guess and codecs.lookup(given).name == "utf-8" else given, []
        if guess is None:
            zeros = [start[place::2].count(0) / max(1, len(start) // 2) for place in (0, 1)]
            if max(zeros) > 0.3 and min(zeros) < 0.1:
                guess = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        if guess is not None:
            return guess, []
        decoder = codecs.getincrementaldecoder("utf-8")()
        file.seek(0)
        try:
            for piece in iter(partial(file.read, 1 << 20), b""):
                if b"\0" in piece:
                    raise TableError(f"{name} is no text in UTF-8; save it as CSV in UTF-8.")
                decoder.decode(piece)
            decoder.decode(b"", final=True)
            return "utf-8", []
        except UnicodeDecodeError as error:
            odd = error.object[max(0, error.start - 30) : error.end + 30]
    try:
        with open(path, encoding="cp1252", newline="") as text:
            while text.read(1 << 20):
                pass
        shown = re.search(r"[^\s,;|\t\"]*[^\x00-\x7f][^\s,;|\t\"]*", odd.decode("cp1252"))
    except UnicodeDecodeError:
        raise TableError(
            f"{name} is no text in UTF-8; save it as CSV in UTF-8.",
            [Correction("encoding", "NAME")],
        ) from None
    example = f", such as {shown[0]!r}" if shown else ""
    reason = f"it is no text in UTF-8, and was read as Windows-1252{example}"
    return "cp1252", [Doubt(None, reason, (Correction("encoding", "cp1250"),))]
