"""How the rows of a text file are laid out, found in its beginning.

A sample of the file, its first 100,000 characters, is read in all possible ways. The way is chosen
in which the rows have as many cells as the header and the cells look like single values.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

from ._columns import DIGIT_GAPS, GAPS
from ._dates import date_shape
from ._doubts import TableError
from ._numbers import DIGITS, number_shape

SEPARATORS = (",", ";", "\t", "|", "^", "~", "\x01", " ")
MAX_SAMPLED_ROWS = 1000
# Other marks begin a comment only with a blank behind them: !important may be a word.
COMMENTS = re.compile(r"#|//|%|[!;](?=\s)")
# A line of lines, as databases draw them under the names: ----+-----
RULE = re.compile(r"[-=+:_|\s\u2500-\u257f]*")
DRAWN = re.compile(r"-{3}|={3}|_{3}|[\u2500-\u257f]{3}")


@dataclass
class FileFormat:
    """How a text file is written.

    Attributes
    ----------
    separator, quote, escape, encoding, newline : str
        The separator of columns, the quote around cells, the character before a quote within them
        ("" if the quote is doubled), the encoding, and the end of a line.
    quoting : {"minimal", "words", "all"}
        Which cells have quotes: those that need them, words, or all.
    quoted_header : bool
        Whether all names have quotes.
    header : bool
        Whether the first row holds the names.
    blank : bool
        Whether there is a blank after each separator.
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
class Layout:
    """One way to read the sample, and how well it fits."""

    format: FileFormat
    header: list[str]
    first_line: int
    score: float
    skipped: list[str]
    comment: str


def _parse(format: FileFormat, text: str) -> list[tuple[int, list[str]]] | None:
    """Return the line that each row of the sample begins on, and its cells."""
    reader = format.reader(lines_of(io.StringIO(text, newline=""), format))
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


def split_lines(text: str) -> list[str]:
    """Return lines as a file gives them; str.splitlines knows more ends of lines."""
    return list(io.StringIO(text, newline=""))


def trimmed(cells: Sequence[str]) -> int:
    """Return how many cells there are up to the last that is not empty."""
    return max((i for i, cell in enumerate(cells, 1) if cell), default=0)


def is_value(cell: str) -> bool:
    """Return whether a cell is a number, a date or a time."""
    shape = cell.translate(DIGITS)
    return (
        number_shape(shape) is not None
        or date_shape(shape) is not None
        or re.fullmatch(r"99?:99(:99)?", shape) is not None
    )


_WORD = re.compile(r"[\w.@/:'’()#&+*%?!°-]+(?:,? [\w.@/:'’()#&+*%?!°-]+)*")


def _is_simple(cell: str) -> bool:
    """Return whether a cell looks like one value, with no separator left in it."""
    return not cell or is_value(cell) or _WORD.fullmatch(cell) is not None


def is_rule(cells: Sequence[str]) -> bool:
    """Return whether a row is a drawn line, with no entries."""
    drawn = [cell for cell in cells if DRAWN.search(cell)]
    if len(cells) == 1 and is_gap(cells[0].strip()):
        return False
    return bool(drawn) and all(map(RULE.fullmatch, cells))


def comment_of(cells: Sequence[str]) -> str:
    """Return the mark of comments that cells begin with, "" where they begin with none."""
    if is_rule(cells):
        return next(cell.strip() for cell in cells if cell.strip())[:3]
    first = cells[0].lstrip() if cells else ""
    found = COMMENTS.match(first)
    if found is None or is_gap(first.rstrip()):
        # What Excel writes for an error, such as #N/A, is an entry.
        return ""
    return found[0]


def is_gap(cell: str) -> bool:
    """Return whether a cell is empty, or a mark of gaps among numbers and dates."""
    return cell.casefold() in GAPS or cell in DIGIT_GAPS.values()


def may_be_comment(cells: Sequence[str], comment: str, separator: str) -> bool:
    """Return whether cells begin with the mark of a comment above, or with a mark and a blank."""
    if is_rule(cells):
        return True
    mark = comment_of(cells)
    behind = cells[0].lstrip()[len(mark) :].lstrip(mark) if mark else ""
    is_alone = not behind and separator == " "
    return bool(mark) and (mark == comment or behind[:1].isspace() or is_alone)


def without_comments(
    rows: Sequence[list[str]], comment: str, separator: str
) -> Sequence[list[str]]:
    """Return rows without those that may be comments, unless most may be."""
    kept = [cells for cells in rows if not may_be_comment(cells, comment, separator)]
    return kept if 2 * len(kept) >= len(rows) else rows


def _lay_out(
    format: FileFormat, rows: list[tuple[int, list[str]]], quoted_names: bool
) -> Layout | None:
    """Find the header of the sample, and how well the rows fit it."""

    def below(row: int) -> Sequence[list[str]]:
        rows_below = [cells for _, cells in filled[row + 1 :]]
        return without_comments(rows_below, comment, format.separator)

    filled = [(line, cells) for line, cells in rows if trimmed(cells)]
    if not filled:
        return None
    body = [cells for _, cells in filled[len(filled) // 2 :]]
    width = Counter(map(len, body)).most_common(1)[0][0]
    blank_lines = [line for line, cells in rows if not trimmed(cells)]
    comment = ""
    start = 0
    for i, (_, cells) in enumerate(filled):
        mark = comment_of(cells)
        lone = trimmed(cells) == 1 and width > 1 and cells[0] != ""
        narrow = trimmed(cells) < width and _block_is_narrow(filled[i:], blank_lines, width)
        next_cells = filled[i + 1][1] if i + 1 < len(filled) else []
        if is_rule(cells) and next_cells:
            continue
        if mark and next_cells and not _is_header_behind_mark(cells, next_cells, width):
            comment = mark
        elif not (lone or narrow) or i + 1 == len(filled):
            start = i
            break
    else:
        return None
    first_line, header = filled[start]
    titles = [i for i, (_, cells) in enumerate(filled[:start]) if not comment_of(cells)]
    n_typed = _typed_columns(header, below(start))
    if titles and not n_typed:
        # Apparent titles may be the header of rows that are too long.
        is_parted = first_line - 1 in blank_lines
        if not is_parted or any(map(is_value, header)):
            start, titles = titles[0], []
            first_line, header = filled[start]
    header = unmarked(header)
    rest = below(start)
    skipped = [format.separator.join(cells) for _, cells in filled[:start]]
    n_names = trimmed(header)
    fits = [
        len(cells) == len(header) or max(trimmed(cells), 1) <= n_names <= len(cells)
        for cells in rest
    ]
    share = sum(fits) / len(fits) if fits else 1.0
    if 1 < n_names < width:
        # Rows of equal length have the right separator even if the header lacks names: they are
        # refused later, rather than read as a single column.
        share = max(share, 0.3 * sum(len(cells) == width for cells in rest) / max(1, len(rest)))
    simple = [_is_simple(cell) for cells in rest[:200] for cell in cells]
    looks = sum(simple) / len(simple) if simple else 1.0
    score = share * (0.3 + 0.7 * looks)
    if n_names < 2:
        score *= 0.2
    is_table = quoted_names and format.quote != ""
    if format.separator == " " and (titles or _is_prose(header, rest, all(fits), is_table)):
        # Words contain blanks too: a blank is the separator only if the text is hardly prose.
        score = 0.0
    return Layout(format, header, first_line, score, skipped, comment)


def _is_prose(header: Sequence[str], rows: Sequence[list[str]], fit: bool, is_table: bool) -> bool:
    """Return whether blanks between the cells of rows may be those between words.

    As R writes, the header may lack a name for the first column, which has the names of rows.
    Names in quotes, and rows that are numbered, are those of a table.
    """
    n_names = len(header)
    if not fit:
        names = [cells[0] for cells in rows]
        if {len(cells) for cells in rows} != {n_names + 1} or len(set(names)) < len(rows):
            return True
        if not is_table and 2 * sum(is_value(" ".join(cells)) for cells in rows) > len(rows):
            # A blank stands within numbers, 1 234 567, and dates, 3 May 2024.
            return True
        is_table |= names == [str(i) for i in range(1, len(rows) + 1)]
        header = ["", *header]
    if is_table:
        return False
    n_typed = _typed_columns(header, rows)
    if fit:
        return n_names < 3 or 2 * n_typed < n_names
    # Two words and a number may be a product.
    return 2 * n_typed <= n_names


def _block_is_narrow(rest: Any, blank_lines: list[int], width: int) -> bool:
    """Return whether all rows up to the next blank line have fewer cells than the table."""
    end = next((blank for blank in blank_lines if blank > rest[0][0]), None)
    if end is None:
        return False
    block = [cells for at, cells in rest if at < end]
    below = [cells for at, cells in rest if at > end]
    return (
        bool(below)
        and all(trimmed(cells) < width for cells in block)
        and trimmed(below[0]) == width
    )


def unmarked(cells: Sequence[str]) -> list[str]:
    """Return a header without the mark of comments that it begins with."""
    # Other marks may be of the first name: "% done".
    if comment_of(cells) != "#":
        return list(cells)
    name = cells[0].removeprefix("#").strip()
    return [name, *cells[1:]] if name else list(cells[1:])


def _is_header_behind_mark(cells: Sequence[str], below: Sequence[str], width: int) -> bool:
    """Return whether a line that begins with a comment's mark is the header of the rows below."""
    names = unmarked(cells)
    if width < 2 or len(names) != width or not all(names) or any(map(is_value, names)):
        return False
    return any(map(is_value, below)) or " " not in cells[0]


def _typed_columns(header: Sequence[str], below: Sequence[Sequence[str]]) -> int:
    """Count the columns that have numbers or dates, and a word for a name."""
    named = [j for j, name in enumerate(header) if name and not is_value(name)]
    return sum(has_values(below, j) for j in named)


def has_values(rows: Sequence[Sequence[str]], j: int) -> bool:
    """Return whether nearly all cells of a column, but for empty ones, are numbers or dates."""
    cells = [cells[j] for cells in rows if j < len(cells) and cells[j]]
    return sum(map(is_value, cells)) > 0.8 * len(cells)


def is_data(header: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row has numbers or words of those below, and is not a header."""
    others = [cells for cells in below if list(cells) != list(header)]
    known = [
        any(name == cells[j] for cells in others if j < len(cells))
        for j, name in enumerate(header)
        if name
    ]
    if sum(known) > 1 and 2 * sum(known) > len(known):
        return True
    numbers = [cell for cell in header if is_value(cell)]
    if not numbers or not below:
        return False
    if _typed_columns(header, below):
        return False
    if all(re.fullmatch(r"\d{1,4}", cell) for cell in numbers) and len(set(numbers)) > 1:
        # Columns that are named by years, or numbered.
        steps = {int(b) - int(a) for a, b in pairwise(numbers)}
        if (len(steps) == 1 and steps != {0} and len(numbers) > 2) or steps == {1}:
            return False
    return any(is_value(name) and has_values(below, j) for j, name in enumerate(header))


def _candidates(text: str, given: str | None) -> Iterator[FileFormat]:
    seen = [given] if given else [s for s in SEPARATORS if s in text or s == ","]
    # A quote that is escaped, as in dumps of databases, is not doubled.
    is_escaped = '\\"' in text and '""' not in re.sub('(?<=[^"])""(?=[^"])', "", text)
    quotes = ['"', ""]
    if re.search(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r\n]|$)", text, re.M) and '"' not in text:
        quotes.insert(0, "'")
    for separator in seen:
        for quote in quotes:
            format = FileFormat(separator=separator, quote=quote)
            if is_escaped and quote == '"' and not _goes_together(format, text):
                format.escape = "\\"
            yield format


def _goes_together(format: FileFormat, text: str) -> bool:
    """Return whether the quotes of the sample do: its backslashes end the names of folders."""
    try:
        for _ in format.reader(lines_of(io.StringIO(text, newline=""), format)):
            pass
    except csv.Error as error:
        # The sample may end within quotes.
        return "end of data" in str(error)
    return True


def best_layout(text: str, given: str | None, name: str) -> Layout:
    """Read the sample in all ways, and return the one that fits best."""
    best: Layout | None = None
    quoted_names = re.search(r'^ *"[^"\r\n]*"(?: +"[^"\r\n]*")+ *\r?$', text, re.M) is not None
    for format in _candidates(text, given):
        rows = _parse(format, text)
        layout = None if rows is None else _lay_out(format, rows, quoted_names)
        if layout is None:
            continue
        # Later separators, and quotes that mean nothing, only where they fit clearly better.
        if best is None or layout.score > best.score + (0.05 if format.quote else 0.1):
            best = layout
    if best is None:
        raise TableError(f"{name} is no table: No columns in it.")
    return best


def learn_quoting(format: FileFormat, text: str) -> set[int]:
    """Learn which cells have quotes; return the columns with a bare NA among quoted words."""
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
            n_words += not is_quoted and content != "NA" and not is_value(content)
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


def lines_of(file: Any, format: FileFormat) -> Iterator[str]:
    """Return lines: one blank for several where they separate, gaps of databases as words."""
    if format.separator == " ":
        return (re.sub("(?<=[^ \r\n]) +", " ", line.strip(" ")) for line in file)
    if format.escape:
        s = re.escape(format.separator)
        gap = re.compile(rf"(?:(?<={s})|^)\\N(?=[{s}\r\n]|$)")
        return (gap.sub("NULL", line) for line in file)
    return iter(file)
