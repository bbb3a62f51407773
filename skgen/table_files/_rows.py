"""The rows of a text file, column by column; a row that does not fit is an error of its line."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

from ._doubts import Correction, Doubt, TableError
from ._encoding import SAMPLE, encoding_of
from ._layout import (
    FileFormat,
    Layout,
    best_layout,
    comment_of,
    has_values,
    is_data,
    is_gap,
    is_rule,
    is_value,
    learn_quoting,
    lines_of,
    may_be_comment,
    split_lines,
    trimmed,
    unmarked,
    without_comments,
)
from ._texts import SEP, Texts

CELLS_A_CHUNK = 200_000
# Characters around cells that do not belong to them.
BLANKS = " \t\u00a0\u3000"
# Programs that save it fill it up with their own separator, to the number of columns.
SEP_LINE = re.compile(r"\"?sep=([^\w\r\n])\"?([,;|\s]*)", re.I)

# What may separate the columns of a file of one column: within quotes, or by its width.
MAY_SEPARATE = (",", ";", "\t", "|", ":", "  ")
# A joined cell that may begin a comment.
MARKED = re.compile(rf"{SEP}\s*(?:[#%!;]|//)")


@dataclass
class Rows:
    """The rows of a file, column by column.

    Attributes
    ----------
    names : list of str
        Names of the columns.
    columns : list of Texts
        Their entries.
    format : FileFormat
        How the file is written.
    doubts : list of Doubt
        Doubts about the file as a whole.
    unquoted : set of int
        Columns in which words have quotes, and NA has none.
    """

    names: list[str]
    columns: list[Texts]
    format: FileFormat
    doubts: list[Doubt] = field(default_factory=list)
    unquoted: set[int] = field(default_factory=set)


def _names_of(header: Sequence[str], n: int) -> tuple[list[str], list[str]]:
    """Return names, each once, and those that came more than once."""
    names: list[str] = []
    repeated = []
    taken = set(header)
    for j in range(n):
        name = header[j] if j < len(header) else ""
        name = name or f"Unnamed: {j}"
        if name in names:
            repeated.append(name)
            k = 1
            while f"{name}.{k}" in taken:
                k += 1
            name = f"{name}.{k}"
            taken.add(name)
        names.append(name)
    return names, repeated


def read_rows(
    path: Any,
    name: str,
    *,
    separator: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
) -> Rows:
    """Read the rows of a text file.

    Parameters
    ----------
    path : str or path
        The file.
    name : str
        Its name in messages.
    separator, encoding : str, default=None
        What the user gave.
    header : bool, default=None
        Whether there is one, if that is known.

    Raises
    ------
    TableError
        If the rows do not go with the header.
    """
    found_encoding, doubts = encoding_of(path, name, encoding)
    try:
        with open(path, encoding=found_encoding, newline="") as file:
            sample = file.read(SAMPLE)
            more = file.read(1)
    except UnicodeDecodeError:
        raise TableError(
            f"{name} is no text in {found_encoding}.", [Correction("encoding", "NAME")]
        ) from None
    if more and "\n" in sample:
        sample = sample[: sample.rindex("\n") + 1]
    skip = 0
    first = re.match(r"[^\r\n]*(?:\r\n|\r|\n|$)", sample)
    assert first is not None
    sep_line = SEP_LINE.fullmatch(first[0])
    if sep_line is not None:
        skip = 1
        sample = sample[first.end() :]
        # A separator that no line has sets nothing apart.
        separator = separator or (sep_line[1] if sep_line[1] in sample else None)
        padding = sep_line[2].strip()
        other = padding.strip(separator)[-1:]
        if separator and other and re.search(rf"{re.escape(other)}\s*$", sample, re.M):
            raise TableError(
                f"{name}: line 1 says that {separator!r} separates the columns, and it ends in "
                f"{padding!r} as other lines do, with which a program filled them up; take that "
                "off their ends, or save the table anew."
            )
    if not sample.strip():
        raise TableError(f"{name} is no table: No columns in it.")
    layout = best_layout(sample, separator, name)
    format = layout.format
    format.encoding = found_encoding
    format.newline = next((end for end in ("\r\n", "\n", "\r") if end in sample), "\n")
    lines = split_lines(sample)[layout.first_line :]
    rest = [line for line in lines if not may_be_comment([line], layout.comment, format.separator)]
    unquoted = learn_quoting(format, "".join(rest))
    format.blank = _has_blanks(format, rest[:200])
    try:
        return _read_all(path, name, layout, skip, doubts, header, unquoted)
    except UnicodeDecodeError:
        raise TableError(
            f"{name} is no text in {found_encoding}.", [Correction("encoding", "NAME")]
        ) from None


def _has_blanks(format: FileFormat, lines: list[str]) -> bool:
    """Return whether there is a blank after nearly every separator."""
    n_separators = sum(line.count(format.separator) for line in lines)
    n_blank = sum(line.count(format.separator + " ") for line in lines)
    return format.separator not in " \t" and n_blank > 0.9 * n_separators > 0


def _bad_quotes(name: str, line: int, error: Exception) -> TableError:
    if "limit" in str(error):
        return TableError(
            f"{name}: a cell that begins in line {line} has more than {csv.field_size_limit()} "
            "letters; a quote may lack its end."
        )
    return TableError(
        f"{name}: line {line} cannot be read, its quotes do not go together ({error})."
    )


def _rows_of(path: Any, name: str, format: FileFormat, skip: int) -> Iterator[tuple[int, Any]]:
    """Yield the line that each row begins on, counted from 1, and its cells."""
    with open(path, encoding=format.encoding, newline="") as file:
        reader = format.reader(islice(lines_of(file, format), skip, None))
        line = skip + 1
        try:
            for row in reader:
                yield line, row
                line = skip + reader.line_num + 1
        except csv.Error as error:
            raise _bad_quotes(name, line, error) from None


def _read_all(
    path: Any,
    name: str,
    layout: Layout,
    skip: int,
    doubts: list[Doubt],
    has_header: bool | None,
    unquoted: set[int],
) -> Rows:
    format = layout.format
    skip += layout.first_line
    first = [
        [cell.strip() for cell in row] for _, row in islice(_rows_of(path, name, format, skip), 200)
    ]
    header, filled = first[0], [cells for cells in first[1:] if trimmed(cells)]
    below = without_comments(filled, layout.comment, format.separator)
    if has_header is None:
        has_header = not is_data(unmarked(header), below)
        if not has_header:
            doubts.append(Doubt(None, "there is no header: the first line is one of the rows"))
    format.header = has_header
    header = unmarked(header)
    n = trimmed(header) or len(header)
    if not has_header:
        n = len(header)
        header = [f"column_{j + 1}" for j in range(n)]
    if not format.quote and any('"' in cell for cells in below for cell in cells):
        doubts.append(
            Doubt(None, "its quotes do not go together, and are read as any other letter")
        )
    if n == 1:
        doubts += _doubt_of_one_column(header[0], [cells[0] for cells in below])
    if layout.skipped:
        plural = "s" * (len(layout.skipped) > 1)
        text = f"{len(layout.skipped)} line{plural} above the header left out: "
        doubts.append(Doubt(None, text + repr(layout.skipped[0][:60])))
    typed = [j for j in range(n) if has_values(below, j)]
    gatherer = _Gatherer(name, n, layout, typed)
    try:
        _gather(gatherer, path, skip, has_header)
        if gatherer.has_marked_rows():
            is_usual = sum(gatherer.marked.values()) > gatherer.n_rows
            gatherer = _Gatherer(name, n, layout, None if is_usual else typed, marked_rows=True)
            _gather(gatherer, path, skip, has_header)
        columns = gatherer.columns()
    except _OddRow as odd:
        rows = _rows_of(path, name, format, skip)
        line, cells = next(islice(rows, odd.row + has_header, None))
        raise _wrong_length(name, line, cells, n, format.separator, not odd.row) from None
    names, repeated = _names_of(header, n)
    if repeated:
        listed = ", ".join(map(repr, dict.fromkeys(repeated)))
        doubts.append(
            Doubt(None, f"several columns are named {listed}; the later ones were numbered")
        )
    doubts += gatherer.doubts
    return Rows(names, columns, format, doubts, unquoted)


def _doubt_of_one_column(name: str, cells: list[str]) -> list[Doubt]:
    """Return that marks in the only name and in all entries may separate columns."""
    for mark in MAY_SEPARATE:
        # Blanks fill columns up to their width.
        runs = re.compile(re.escape(mark) + "+").findall
        n = len(runs(name))
        if n and cells and all(len(runs(cell)) >= n for cell in cells):
            text = (
                f"it was read as one column, although {mark!r} stands in its name and its entries"
            )
            correction = (Correction("separator", mark),) if mark == ":" else ()
            return [Doubt(None, text, correction)]
    return []


def _gather(gatherer: "_Gatherer", path: Any, skip: int, has_header: bool) -> None:
    """Give a gatherer all rows of a file."""
    format = gatherer.layout.format
    with open(path, encoding=format.encoding, newline="") as file:
        reader = format.reader(islice(lines_of(file, format), skip, None))
        if has_header:
            gatherer.header = next(reader)
        size = max(1000, CELLS_A_CHUNK // gatherer.n)
        try:
            while chunk := list(islice(reader, size)):
                gatherer.add(chunk)
        except csv.Error as error:
            raise _bad_quotes(gatherer.name, skip + reader.line_num, error) from None


def _wrong_length(
    name: str, line: int, cells: list[str], n: int, separator: str, is_first: bool
) -> TableError:
    """Return the error of a row that has more cells than the header, or fewer."""
    more = names = ""
    if is_first and len(cells) == n + 1:
        names = "; if it begins with the name of a row, the header needs a name above that"
    if len(cells) < n:
        more = ", perhaps since it goes on in the next line"
    elif n == 1:
        more = ", which is its first line; a title has to be taken out"
    return TableError(
        f"{name}: line {line} has {len(cells)} cells and the header {n}{more}: "
        f"{separator.join(cells)[:80]!r}{names}."
    )


def _has_borders(joined: str) -> bool:
    """Return whether joined cells have blanks around them, by a search, which is fast."""
    found = [blank for blank in BLANKS if blank in joined]
    return any(blank + SEP in joined or SEP + blank in joined for blank in found)


class _OddRow(Exception):
    """A row that does not fit the header, counted from the first one below it."""

    def __init__(self, row: int):
        super().__init__(row)
        self.row = row


class _Gatherer:
    """Splits chunks of rows into columns, and handles comments and rows of another length.

    Parameters
    ----------
    name : str
        Name of the file.
    n : int
        Number of columns.
    layout : Layout
        How the rows are laid out.
    typed : list of int, default=None
        The columns of numbers and dates. None if rows usually begin like comments.
    marked_rows : bool, default=False
        Whether a line that begins like a comment, and fits the columns, is a row.
    """

    def __init__(
        self,
        name: str,
        n: int,
        layout: Layout,
        typed: list[int] | None = None,
        marked_rows: bool = False,
    ):
        self.name, self.n, self.layout, self.typed = name, n, layout, typed
        self.marked_rows = marked_rows
        self.chunks: list[list[str]] = [[] for _ in range(n)]
        self.doubts: list[Doubt] = []
        # The header as it stands in the file, and how often it comes again.
        self.header: list[str] | None = None
        self.n_headers = 0
        self.n_rows = self.n_read = 0
        # The marks of comments that were left out, and of lines that may be comments or rows.
        self.comments: Counter[str] = Counter()
        self.marked: Counter[str] = Counter()
        self.first: dict[tuple[str, str], str] = {}
        # Rows that are too short: their number in the table and in the file, and their cells.
        self.short: list[tuple[int, int, int]] = []

    def add(self, rows: list[list[str]]) -> None:
        """Add rows."""
        n_read = len(rows)
        is_even = set(map(len, rows)) == {self.n}
        # Lines are drawn around the rows, not among them.
        is_even &= not (is_rule(rows[0]) or is_rule(rows[-1]) or self.header in rows)
        if not is_even or MARKED.search(SEP + SEP.join([row[0] for row in rows])):
            rows = self._evened(rows)
        self.n_read += n_read
        if not rows:
            return
        for chunks, cells in zip(self.chunks, zip(*rows, strict=True), strict=True):
            joined = SEP.join(cells)
            if joined.count(SEP) != len(cells) - 1:
                raise TableError(f"{self.name} is no text in UTF-8; save it as CSV in UTF-8.")
            if joined != joined.strip() or _has_borders(joined):
                joined = SEP.join([cell.strip() for cell in cells])
            chunks.append(joined)
        self.n_rows += len(rows)

    def _evened(self, rows: list[list[str]]) -> list[list[str]]:
        """Return rows of the header's length, or raise where one is longer."""
        n, even = self.n, []
        for at, row in enumerate(rows, self.n_read):
            size = len(row)
            if self._is_comment(row):
                self._count("comments", row)
            elif row == self.header and n > 1:
                self.n_headers += 1
            elif size == n:
                even.append(row)
            elif not any(map(str.strip, row)):
                # A line of blanks; in a table of one column an empty line is no row either.
                continue
            elif size < n:
                self.short.append((self.n_rows + len(even), at, size))
                even.append(row + [""] * (n - size))
            elif any(map(str.strip, row[n:])):
                raise _OddRow(at)
            else:
                even.append(row[:n])
        return even

    def _is_comment(self, row: list[str]) -> bool:
        """Return whether a row is taken for a comment; count it if it could be a row too."""
        mark = comment_of(row)
        # A line with no separator is a comment in any file.
        if not mark or len(row) == 1 < self.n or is_rule(row):
            return bool(mark)
        comment, separator = self.layout.comment, self.layout.format.separator
        if self.typed is None or not may_be_comment(row, comment, separator):
            return False
        cells = [cell.strip() for cell in row]
        fits = len(cells) >= self.n and (self.n == 1 or 1 < trimmed(cells) <= self.n)
        if fits and all(is_gap(cells[j]) or is_value(cells[j]) for j in self.typed):
            self._count("marked", row)
            return not self.marked_rows
        return True

    def _count(self, kind: str, row: list[str]) -> None:
        """Count a line that begins with a mark, and keep the first."""
        mark = comment_of(row)
        getattr(self, kind)[mark] += 1
        self.first.setdefault((kind, mark), self.layout.format.separator.join(row)[:60])

    def has_marked_rows(self) -> bool:
        """Return whether lines that begin with a mark, and fit the columns, are rows.

        They are comments if they are one in ten at most, or half with a comment above the header.
        """
        n_above = self.marked[self.layout.comment]
        return n_above + 9 * (sum(self.marked.values()) - n_above) > self.n_rows

    def columns(self) -> list[Texts]:
        """Return the columns, without the lines below the table."""
        kinds = {"comments": "left out"}
        if self.marked_rows:
            kinds["marked"] = "taken as data (a comment has to be taken out)"
        for kind, done in kinds.items():
            for mark, count in getattr(self, kind).items():
                lines = "line that begins" if count == 1 else "lines that begin"
                text = f"{count} {lines} with {mark!r} {done}: {self.first[kind, mark]!r}"
                self.doubts.append(Doubt(None, text))
        if self.n_headers:
            plural = "s" * (self.n_headers > 1)
            self.doubts.append(
                Doubt(None, f"{self.n_headers} row{plural} with the names of the header left out")
            )
        n_footer = self._footer() if self.n > 1 and self.n_rows else 0
        self.n_rows -= n_footer
        self._warn_of_short_rows()
        if n_footer:
            for chunks in self.chunks:
                cells = SEP.join(chunks).split(SEP)
                chunks[:] = [SEP.join(cells[:-n_footer])] if len(cells) > n_footer else []
        return [Texts(chunks, self.n_rows) for chunks in self.chunks]

    def _footer(self) -> int:
        """Return how many lines at the end are not rows: with one cell only, or empty."""
        short = {row: size for row, _, size in self.short}
        last = list(zip(*(chunks[-1].split(SEP) for chunks in self.chunks), strict=True))
        count, text = 0, ""
        for row in reversed(last):
            is_text = short.get(self.n_rows - 1 - count) == 1
            if any(row) and not is_text:
                break
            text = row[0] if is_text else text
            count += 1
        if count == self.n_rows:
            # Lines with nothing above them are the table.
            return 0
        if text:
            self.doubts.append(Doubt(None, f"{text[:60]!r} below the rows left out"))
        elif count:
            self.doubts.append(Doubt(None, f"{count} empty rows at the end left out"))
        return count

    def _warn_of_short_rows(self) -> None:
        """Add a doubt about rows that lack cells, or raise where a row spans two lines."""
        short = [place for place in self.short if place[0] < self.n_rows]
        for (_, at, size), (_, next_at, next_size) in pairwise(short):
            if next_at == at + 1 and size + next_size == self.n + 1:
                raise _OddRow(at)
        if short:
            row, _, size = short[0]
            plural = "s" * (len(short) > 1)
            text = (
                f"{len(short)} row{plural} with fewer cells than the header (row {row} has {size} "
                f"of {self.n}); what lacks at the end was taken as gaps"
            )
            self.doubts.append(Doubt(None, text))
