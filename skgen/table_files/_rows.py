"""The rows of a text file: its encoding, what sets its columns apart, where its header stands.

A sample of the file, its first 100,000 characters, is read in each of the ways that there are; the
way in which the rows have as many cells as the header, and the cells look like single values, is
taken. Then the whole file is read, and a row that does not fit is an error that names its line.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice, pairwise
from typing import Any

from ._columns import DIGIT_GAPS, GAPS, SEP, Texts
from ._dates import date_shape
from ._doubts import Correction, Doubt, TableError
from ._numbers import DIGITS, number_shape

SEPARATORS = (",", ";", "\t", "|", "^", "~", "\x01", " ")
SPOKEN = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
SAMPLE = 100_000
MAX_SAMPLED_ROWS = 1000
CELLS_A_CHUNK = 200_000
COMMENTS = ("#", "//", "%")
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What may stand around cells and belongs to none.
BLANKS = " \t\u00a0\u3000"
SEP_LINE = re.compile(r"\"?sep=(.)\"?\s*", re.I)


@dataclass
class FileFormat:
    """How a text file is written.

    Attributes
    ----------
    separator, quote, escape, encoding, newline : str
        What sets columns apart, stands around cells, stands before a quote within them ("" where
        the quote is doubled), the encoding, and what ends a line.
    quoting : {"minimal", "words", "all"}
        Which cells stand in quotes: those that must, words, or all.
    quoted_header : bool
        Whether all names stand in quotes.
    header : bool
        Whether names stand above the rows.
    blank : bool
        Whether a blank stands behind each separator.
    """

    separator: str = ","
    quote: str = '"'
    escape: str = ""
    encoding: str = "utf-8"
    newline: str = "\n"
    quoting: str = "minimal"
    quoted_header: bool = False
    header: bool = True
    blank: bool = False

    def state(self) -> dict[str, Any]:
        """Return the attributes as plain values."""
        return asdict(self)

    def reader(self, lines: Iterator[str]) -> Any:
        """Return a reader of rows."""
        return csv.reader(
            lines,
            delimiter=self.separator,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            doublequote=not self.escape,
            escapechar=self.escape or None,
            skipinitialspace=self.separator not in "\t ",
            strict=True,
        )


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
        What is to be told of the file as a whole.
    unquoted : set of int
        Columns in which words stand in quotes, and NA without them.
    """

    names: list[str]
    columns: list[Texts]
    format: FileFormat
    doubts: list[Doubt] = field(default_factory=list)
    unquoted: set[int] = field(default_factory=set)


# Encoding -----------------------------------------------------------------------------------


def _encoding_of(path: Any, name: str, given: str | None) -> tuple[str, list[Doubt]]:
    """Return the encoding of a file, and what is to be told of it."""
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
            # A mark at the start is no part of the first name.
            return guess if guess and codecs.lookup(given).name == "utf-8" else given, []
        if guess is None:
            zeros = [start[place::2].count(0) / max(1, len(start) // 2) for place in (0, 1)]
            if max(zeros) > 0.3 and min(zeros) < 0.1:
                guess = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        if guess is not None:
            return guess, []
        decoder = codecs.getincrementaldecoder("utf-8")()
        file.seek(0)
        whole = True
        odd = b""
        while whole:
            piece = file.read(1 << 20)
            if b"\0" in piece:
                raise TableError(f"{name} is no text in UTF-8; save it as CSV in UTF-8.")
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                whole = False
                odd = error.object[max(0, error.start - 30) : error.end + 30]
            if not piece:
                break
    if whole:
        return "utf-8", []
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
    return "cp1252", [
        Doubt(
            None,
            f"it is no text in UTF-8, and was read as Windows-1252{example}",
            (Correction("encoding", "cp1250"),),
        )
    ]


# The sample ---------------------------------------------------------------------------------


@dataclass
class _Layout:
    """One way to read the sample, and how well it fits."""

    format: FileFormat
    header: list[str]
    first_line: int
    score: float
    skipped: list[str]
    comment: str


def _parse(format: FileFormat, text: str) -> list[tuple[int, list[str]]] | None:
    """Return the line that each row of the sample begins on, and its cells."""
    reader = format.reader(_lines(io.StringIO(text, newline=""), format))
    rows: list[tuple[int, list[str]]] = []
    line = 0
    try:
        for row in islice(reader, MAX_SAMPLED_ROWS):
            rows.append((line, [cell.strip() for cell in row]))
            line = reader.line_num
    except csv.Error:
        # The sample may end within quotes; a wrong reading ends early.
        if len(rows) < 2:
            return None
    return rows


def _split_lines(text: str) -> list[str]:
    """Return lines as a file gives them; str.splitlines knows more ends of lines."""
    return list(io.StringIO(text, newline=""))


def _trimmed(cells: Sequence[str]) -> int:
    """Return how many cells there are up to the last that is not empty."""
    return max((i for i, cell in enumerate(cells, 1) if cell), default=0)


def _is_value(cell: str) -> bool:
    """Tell whether a cell is a number, a date or a time."""
    shape = cell.translate(DIGITS)
    return (
        number_shape(shape) is not None
        or date_shape(shape) is not None
        or re.fullmatch(r"99?:99(:99)?", shape) is not None
    )


_WORD = re.compile(r"[\w.@/:'’()#&+*%?!°-]+(?:,? [\w.@/:'’()#&+*%?!°-]+)*")


def _is_simple(cell: str) -> bool:
    """Tell whether a cell looks like one value, with no separator left in it."""
    return not cell or _is_value(cell) or _WORD.fullmatch(cell) is not None


def _comment_of(cells: Sequence[str]) -> str:
    """Return the mark of comments that cells begin with, "" where they begin with none."""
    first = cells[0].strip() if cells else ""
    if first.casefold() in GAPS or first in DIGIT_GAPS.values():
        # What Excel writes for an error, such as #N/A, is an entry.
        return ""
    return next((mark for mark in COMMENTS if first.startswith(mark)), "")


def _lay_out(format: FileFormat, rows: list[tuple[int, list[str]]]) -> _Layout | None:
    """Find the header of the sample, and say how well the rows go with it."""

    def below(row: int) -> list[list[str]]:
        return [cells for _, cells in filled[row + 1 :] if not (comment and _comment_of(cells))]

    filled = [(line, cells) for line, cells in rows if _trimmed(cells)]
    if not filled:
        return None
    body = [cells for _, cells in filled[len(filled) // 2 :]]
    width = Counter(map(len, body)).most_common(1)[0][0]
    blank_lines = [line for line, cells in rows if not _trimmed(cells)]
    comment = ""
    start = 0
    for i, (_, cells) in enumerate(filled):
        mark = _comment_of(cells)
        lone = _trimmed(cells) == 1 and width > 1 and cells[0] != ""
        narrow = _trimmed(cells) < width and _block_is_narrow(filled[i:], blank_lines, width)
        next_cells = filled[i + 1][1] if i + 1 < len(filled) else []
        if mark and next_cells and not _is_header_behind_mark(cells, next_cells, width):
            comment = mark
        elif not (lone or narrow) or i + 1 == len(filled):
            start = i
            break
    else:
        return None
    first_line, header = filled[start]
    titles = [i for i, (_, cells) in enumerate(filled[:start]) if not _comment_of(cells)]
    n_typed = _typed_columns(header, below(start))
    if titles and not n_typed:
        # What looks like titles may be the header of rows that are too long.
        is_parted = first_line - 1 in blank_lines
        if not is_parted or any(map(_is_value, header)):
            start, titles = titles[0], []
            first_line, header = filled[start]
    header = _unmarked(header)
    rest = below(start)
    skipped = [format.separator.join(cells) for _, cells in filled[:start]]
    n_names = _trimmed(header)
    fits = [
        len(cells) == len(header) or max(_trimmed(cells), 1) <= n_names <= len(cells)
        for cells in rest
    ]
    share = sum(fits) / len(fits) if fits else 1.0
    if 1 < n_names < width:
        # Rows of one length are well set apart, though the header lacks names: they are refused
        # later, and not taken for a single column.
        share = max(share, 0.3 * sum(len(cells) == width for cells in rest) / max(1, len(rest)))
    simple = [_is_simple(cell) for cells in rest[:200] for cell in cells]
    looks = sum(simple) / len(simple) if simple else 1.0
    score = share * (0.3 + 0.7 * looks)
    if n_names < 2:
        score *= 0.2
    if format.separator == " " and (
        titles or share < 1 or n_names < 3 or 2 * _typed_columns(header, rest) < n_names
    ):
        # Words have blanks too: only what can hardly be prose is set apart by them.
        score = 0.0
    return _Layout(format, header, first_line, score, skipped, comment)


def _block_is_narrow(rest: Any, blank_lines: list[int], width: int) -> bool:
    """Tell whether all rows up to the next blank line have fewer cells than the table."""
    end = next((blank for blank in blank_lines if blank > rest[0][0]), None)
    if end is None:
        return False
    block = [cells for at, cells in rest if at < end]
    below = [cells for at, cells in rest if at > end]
    return (
        bool(below)
        and all(_trimmed(cells) < width for cells in block)
        and _trimmed(below[0]) == width
    )


def _unmarked(cells: Sequence[str]) -> list[str]:
    """Return a header without the mark of comments that it begins with."""
    # Other marks may be of the first name: "% done".
    if _comment_of(cells) != "#":
        return list(cells)
    name = cells[0].removeprefix("#").strip()
    return [name, *cells[1:]] if name else list(cells[1:])


def _is_header_behind_mark(cells: Sequence[str], below: Sequence[str], width: int) -> bool:
    """Tell whether a line that begins with a comment's mark is the header of what follows."""
    names = _unmarked(cells)
    if width < 2 or len(names) != width or not all(names) or any(map(_is_value, names)):
        return False
    return any(map(_is_value, below)) or " " not in cells[0]


def _typed_columns(header: Sequence[str], below: Sequence[Sequence[str]]) -> int:
    """Count the columns that have numbers or dates, and a word for a name."""
    typed = 0
    for j, name in enumerate(header):
        cells = [cells[j] for cells in below if j < len(cells) and cells[j]]
        values = sum(map(_is_value, cells))
        typed += bool(name and not _is_value(name) and cells and values > 0.8 * len(cells))
    return typed


def _is_data(header: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row is one of numbers, as those below, and no header."""
    numbers = [cell for cell in header if _is_value(cell)]
    if not numbers or not below:
        return False
    if _typed_columns(header, below):
        return False
    if all(re.fullmatch(r"\d{1,4}", cell) for cell in numbers) and len(set(numbers)) > 1:
        # Columns that are named by years, or numbered.
        steps = {int(b) - int(a) for a, b in pairwise(numbers)}
        if (len(steps) == 1 and steps != {0} and len(numbers) > 2) or steps == {1}:
            return False
    typed = [
        j
        for j, name in enumerate(header)
        if _is_value(name)
        and (cells := [cells[j] for cells in below if j < len(cells) and cells[j]])
        and sum(map(_is_value, cells)) > 0.8 * len(cells)
    ]
    return bool(typed)


def _candidates(text: str, given: str | None) -> Iterator[FileFormat]:
    seen = [given] if given else [s for s in SEPARATORS if s in text or s == ","]
    # A quote that is escaped, as in dumps of databases, is not doubled.
    escape = "\\" if '\\"' in text and '""' not in re.sub('(?<=[^"])""(?=[^"])', "", text) else ""
    quotes = ['"', ""]
    if re.search(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r\n]|$)", text, re.M) and '"' not in text:
        quotes.insert(0, "'")
    for separator in seen:
        for quote in quotes:
            yield FileFormat(
                separator=separator, quote=quote, escape=escape if quote == '"' else ""
            )


def _best_layout(text: str, given: str | None, name: str) -> _Layout:
    """Read the sample in all ways, and return the one that fits best."""
    best: _Layout | None = None
    for format in _candidates(text, given):
        rows = _parse(format, text)
        layout = None if rows is None else _lay_out(format, rows)
        if layout is None:
            continue
        # Later separators, and quotes that mean nothing, only where they fit clearly better.
        if best is None or layout.score > best.score + (0.05 if format.quote else 0.1):
            best = layout
    if best is None:
        raise TableError(f"{name} is no table: No columns in it.")
    return best


def _learn_quoting(format: FileFormat, text: str) -> set[int]:
    """Learn which cells stand in quotes; return the columns with a bare NA among quoted words."""
    if not format.quote or format.quote not in text:
        return set()
    q, s = re.escape(format.quote), re.escape(format.separator)
    cell = re.compile(rf" ?(?:{q}((?:[^{q}]|{q}{q})*){q}|([^{s}\r\n]*))({s}|\r\n|\r|\n|$)")
    at = j = n_rows = n_words = n_bare = n_needless = 0
    quoted_names: list[bool] = []
    # The bare words of each column, and those in quotes.
    words: dict[int, tuple[set[str], set[str]]] = {}
    while at < len(text) and n_rows < MAX_SAMPLED_ROWS:
        found = cell.match(text, at)
        if found is None or found.end() == at:
            return set()
        is_quoted = found[1] is not None
        content = (found[1] if is_quoted else found[2]).strip()
        if not n_rows and format.header:
            quoted_names.append(is_quoted)
        elif content:
            needs = format.separator in content or format.quote in content or "\n" in content
            n_needless += is_quoted and not needs
            n_bare += not is_quoted
            n_words += not is_quoted and content != "NA" and not _is_value(content)
            words.setdefault(j, (set(), set()))[is_quoted].add(content)
        at = found.end()
        is_end = found[3] != format.separator
        j = 0 if is_end else j + 1
        n_rows += is_end
    format.quoted_header = bool(quoted_names) and all(quoted_names)
    if n_needless:
        format.quoting = "minimal" if n_words else "words" if n_bare else "all"
    return {
        j for j, (bare, quoted) in words.items() if bare == {"NA"} and quoted and "NA" not in quoted
    }


# The whole file -----------------------------------------------------------------------------


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


def _lines(file: Any, format: FileFormat) -> Iterator[str]:
    """Return lines: one blank for several where they separate, gaps of databases as words."""
    if format.separator == " ":
        return (re.sub("(?<=[^ \r\n]) +", " ", line.strip(" ")) for line in file)
    if format.escape:
        s = re.escape(format.separator)
        gap = re.compile(rf"(?:(?<={s})|^)\\N(?=[{s}\r\n]|$)")
        return (gap.sub("NULL", line) for line in file)
    return iter(file)


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
        What the user says of it.
    header : bool, default=None
        Whether there is one, if that is known.

    Raises
    ------
    TableError
        If the rows do not go with the header.
    """
    found_encoding, doubts = _encoding_of(path, name, encoding)
    try:
        with open(path, encoding=found_encoding, newline="") as file:
            sample = file.read(SAMPLE)
            more = file.read(1)
    except UnicodeDecodeError:
        raise TableError(
            f"{name} is no text in {found_encoding}.", [Correction("encoding", "NAME")]
        ) from None
    if not sample.strip():
        raise TableError(f"{name} is no table: No columns in it.")
    if more and "\n" in sample:
        sample = sample[: sample.rindex("\n") + 1]
    skip = 0
    first = re.match(r"[^\r\n]*(?:\r\n|\r|\n|$)", sample)
    assert first is not None
    told = SEP_LINE.fullmatch(first[0])
    if told is not None and separator is None:
        skip = 1
        sample = sample[first.end() :]
        if not sample.strip():
            raise TableError(f"{name} is no table: No columns in it.")
        # A mark that no line has sets nothing apart.
        separator = told[1] if told[1] in sample else None
    layout = _best_layout(sample, separator, name)
    format = layout.format
    format.encoding = found_encoding
    format.newline = next((end for end in ("\r\n", "\n", "\r") if end in sample), "\n")
    rest = _split_lines(sample)[layout.first_line :]
    unquoted = _learn_quoting(format, "".join(rest))
    rest = rest[:200]
    n_separators = sum(line.count(format.separator) for line in rest)
    n_blank = sum(line.count(format.separator + " ") for line in rest)
    format.blank = format.separator not in " \t" and n_blank > 0.9 * n_separators > 0
    try:
        return _read_all(path, name, layout, skip, doubts, header, unquoted)
    except UnicodeDecodeError:
        raise TableError(
            f"{name} is no text in {found_encoding}.", [Correction("encoding", "NAME")]
        ) from None


def _bad_quotes(name: str, line: int, error: Exception) -> TableError:
    return TableError(
        f"{name}: line {line} cannot be read, its quotes do not go together ({error})."
    )


def _rows_of(path: Any, name: str, format: FileFormat, skip: int) -> Iterator[tuple[int, Any]]:
    """Yield the line that each row begins on, counted from 1, and its cells."""
    with open(path, encoding=format.encoding, newline="") as file:
        reader = format.reader(islice(_lines(file, format), skip, None))
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
    layout: _Layout,
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
    header, below = first[0], [cells for cells in first[1:] if _trimmed(cells)]
    if has_header is None:
        has_header = not _is_data(_unmarked(header), below)
        if not has_header:
            doubts.append(Doubt(None, "there is no header: the first line is one of the rows"))
    format.header = has_header
    header = _unmarked(header)
    n = _trimmed(header) or len(header)
    if not has_header:
        n = len(header)
        header = [f"column_{j + 1}" for j in range(n)]
    if not format.quote and any('"' in cell for cells in below for cell in cells):
        doubts.append(
            Doubt(None, "its quotes do not go together, and are read as any other letter")
        )
    if layout.skipped:
        plural = "s" * (len(layout.skipped) > 1)
        text = f"{len(layout.skipped)} line{plural} above the header left out: "
        doubts.append(Doubt(None, text + repr(layout.skipped[0][:60])))
    gatherer = _Gatherer(name, n, layout.comment)
    try:
        with open(path, encoding=format.encoding, newline="") as file:
            reader = format.reader(islice(_lines(file, format), skip, None))
            if has_header:
                next(reader)
            size = max(1000, CELLS_A_CHUNK // n)
            try:
                while chunk := list(islice(reader, size)):
                    gatherer.add(chunk)
            except csv.Error as error:
                raise _bad_quotes(name, skip + reader.line_num, error) from None
        columns = gatherer.columns()
    except _OddRow as odd:
        rows = _rows_of(path, name, format, skip)
        line, cells = next(islice(rows, odd.row + has_header, None))
        more = ""
        if len(cells) < n:
            more = ", perhaps since it goes on in the next line"
        elif n == 1:
            more = ", which is its first line; a title has to be taken out"
        raise TableError(
            f"{name}: line {line} has {len(cells)} cells and the header {n}{more}: "
            f"{format.separator.join(cells)[:80]!r}."
        ) from None
    names, repeated = _names_of(header, n)
    if repeated:
        listed = ", ".join(map(repr, dict.fromkeys(repeated)))
        doubts.append(
            Doubt(None, f"several columns are named {listed}; the later ones were numbered")
        )
    doubts += gatherer.doubts
    return Rows(names, columns, format, doubts, unquoted)


def _has_borders(joined: str) -> bool:
    """Tell whether blanks stand around joined cells; a plain search is faster than a pattern."""
    found = [blank for blank in BLANKS if blank in joined]
    return any(blank + SEP in joined or SEP + blank in joined for blank in found)


class _OddRow(Exception):
    """A row that does not go with the header, counted from the first one below it."""

    def __init__(self, row: int):
        super().__init__(row)
        self.row = row


class _Gatherer:
    """Takes chunks of rows apart into columns, and sees to rows of another length."""

    def __init__(self, name: str, n: int, comment: str):
        self.name, self.n, self.comment = name, n, comment
        self.chunks: list[list[str]] = [[] for _ in range(n)]
        self.doubts: list[Doubt] = []
        self.n_rows = self.n_read = 0
        # The mark of each comment that was left out.
        self.comments: list[str] = []
        # Rows that are too short: their number in the table and in the file, and their cells.
        self.short: list[tuple[int, int, int]] = []

    def add(self, rows: list[list[str]]) -> None:
        """Add rows."""
        n_read = len(rows)
        if self.comment or set(map(len, rows)) != {self.n}:
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
            # A line with no separator is a comment in any file.
            mark = _comment_of(row)
            if mark and (mark == self.comment or size == 1 < n):
                self.comments.append(mark)
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

    def columns(self) -> list[Texts]:
        """Return the columns, without what stands below the table."""
        for mark, count in Counter(self.comments).items():
            lines = "line that begins" if count == 1 else "lines that begin"
            self.doubts.append(Doubt(None, f"{count} {lines} with {mark!r} left out"))
        n_footer = self._footer() if self.n > 1 and self.n_rows else 0
        self.n_rows -= n_footer
        self._tell_short()
        if n_footer:
            for chunks in self.chunks:
                cells = SEP.join(chunks).split(SEP)
                chunks[:] = [SEP.join(cells[:-n_footer])] if len(cells) > n_footer else []
        return [Texts(chunks, self.n_rows) for chunks in self.chunks]

    def _footer(self) -> int:
        """Return how many rows at the end are none: of one cell alone, or empty."""
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
            # What stands below nothing is the table.
            return 0
        if text:
            self.doubts.append(Doubt(None, f"{text[:60]!r} below the rows left out"))
        elif count:
            self.doubts.append(Doubt(None, f"{count} empty rows at the end left out"))
        return count

    def _tell_short(self) -> None:
        """Tell of rows that lack cells, or raise where a row goes over two lines."""
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
