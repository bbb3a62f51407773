"""The texts of a column: its entries as written in the file."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cached_property
from itertools import chain

from ._numbers import DIGITS

# The character that joins texts; no text file contains it.
SEP = "\0"
# Numbers and dates have fewer shapes.
MAX_SHAPES = 20_000


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
        """Count how often some texts occur."""
        found: Counter[str] = Counter()
        for chunk in self.chunks:
            found.update([cell for cell in chunk.split(SEP) if cell in texts])
        return found

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each text occurs."""
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
        """Return the first text that is not a gap, "" if all are."""
        return next((cell for cell in self.cells() if cell not in gaps), "")
