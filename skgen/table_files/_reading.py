"""Tables from files, CSV, .xlsx and parquet, and the kind of each column."""

import csv
import datetime
import difflib
import os
import re
import tempfile
import warnings
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from ._codes import doubt_of_marks
from ._columns import Column
from ._dates import ORDERS
from ._doubts import Doubt, TableError, TableWarning
from ._formats import ColumnFormat, Context
from ._layout import FileFormat
from ._rows import Rows, read_rows
from ._shapes import FEW_NUMBERS
from ._texts import SEP, Texts
from ._words import is_number, taken_as

# What rows of totals begin with.
TOTAL = re.compile(
    r"(?:(?:grand|sub)[ -]?)?(?:totals?|totale|totaal|totaux|sum|summe|gesamt(?:summe)?|insgesamt"
    r"|somme|suma)\s*:?",
    re.I,
)
EXTRAS = {"parquet": "pyarrow", "excel": "openpyxl"}


@dataclass
class TableFormat:
    """How a table is written: the file, and each of its columns.

    Parameters
    ----------
    file : FileFormat
        Separator, quotes, encoding.
    columns : dict of str to ColumnFormat
        How each column is written.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen.table_files import TableFormat, table_text
    >>> format = TableFormat()
    >>> format.file.separator = ";"
    >>> table_text(pd.DataFrame({"a": [1], "b": [2.5]}), format).split()
    ['a;b', '1;2.5']
    """

    file: FileFormat = field(default_factory=FileFormat)
    columns: dict[str, ColumnFormat] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        """Return it as plain values, to be kept beside a model.

        Returns
        -------
        state : dict
            Texts, numbers, lists and dicts.
        """
        return asdict(self)

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> "TableFormat":
        """Invert `state`.

        Parameters
        ----------
        state : dict
            What it returned.

        Returns
        -------
        format : TableFormat
            The format.
        """
        columns = {name: ColumnFormat.of_state(part) for name, part in state["columns"].items()}
        return cls(FileFormat(**state["file"]), columns)


@dataclass
class TableFile:
    r"""A table that was read, and how.

    Parameters
    ----------
    table : DataFrame
        Its rows.
    format : TableFormat
        How it is written.
    doubts : list of Doubt
        Readings that could be meant in another way.
    examples : dict of str to str
        An entry of each column, as written in the file.
    names : list of str
        All columns of the file, also those that were left out.

    Examples
    --------
    >>> import tempfile
    >>> from skgen.table_files import open_table
    >>> path = tempfile.mkdtemp() + "/orders.csv"
    >>> with open(path, "w") as file:
    ...     _ = file.write("day;price\n31.01.2024;1.234,50\n01.02.2024;?\n")
    >>> file = open_table(path)
    >>> file.summary[["column", "taken as", "gaps", "example"]]
      column                            taken as         gaps     example
    0    day  dates from 2024-01-31 to 2024-02-01               31.01.2024
    1  price                       always 1234.5  50.0% ('?')    1.234,50
    """

    table: pd.DataFrame
    format: TableFormat
    doubts: list[Doubt]
    examples: dict[str, str]
    names: list[str] = field(default_factory=list)

    @property
    def summary(self) -> pd.DataFrame:
        """A row for each column: its kind, its gaps, an example, the doubts."""
        rows = []
        for name in self.table:
            column = self.table[name]
            doubts = [d.say(column=False) for d in self.doubts if d.column == name]
            rows.append(
                {
                    "column": name,
                    "taken as": taken_as(column),
                    "gaps": self.gaps(name),
                    "example": self.examples.get(name, ""),
                    "doubt": "; ".join(doubts),
                }
            )
        return pd.DataFrame(rows, columns=["column", "taken as", "gaps", "example", "doubt"])

    def gaps(self, name: str) -> str:
        """Return the share of a column's gaps and their marks, "" if there are none.

        Parameters
        ----------
        name : str
            The column.

        Returns
        -------
        text : str
            Such as ``5.0% ('?')``.
        """
        share = self.table[name].isna().mean()
        if not share:
            return ""
        marks = self.format.columns[name].gaps if name in self.format.columns else []
        shown = ", ".join(repr(mark) for mark in marks[:3] if mark)
        return f"{share:.1%}" + (f" ({shown})" if shown else "")


def is_parquet(path: str | os.PathLike) -> bool:
    """Return whether a file is parquet, by its name."""
    return Path(path).suffix.lower() in (".parquet", ".pq")


def is_excel(path: str | os.PathLike) -> bool:
    """Return whether a file is a workbook of Excel, by its name."""
    return Path(path).suffix.lower() in (".xlsx", ".xlsm")


def lacks_extra(path: str | os.PathLike, extra: str) -> TableError:
    """Return the error that names the extra which a kind of file needs."""
    kind = {"parquet": "parquet", "excel": "a workbook of Excel"}[extra]
    return TableError(
        f"{os.fspath(path)}: {kind} needs {EXTRAS[extra]}, which is not installed: pip install "
        f"'scikit-gen[{extra}]', or use CSV."
    )


def read_table(
    path: str | os.PathLike,
    *,
    numbers: Collection[str] = (),
    dates: Collection[str] | Mapping[str, str | None] = (),
    categories: Collection[str] = (),
    drop: Collection[str] = (),
    gaps: Collection[str] | Mapping[Any, Collection[str]] = (),
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> pd.DataFrame:
    r"""Read a table from a file, and warn of entries that could be meant in another way.

    Parameters
    ----------
    path : str or path
        A text file such as CSV, a workbook (``.xlsx``, with openpyxl), or parquet (``.parquet``,
        with pyarrow).

    numbers : list of str, default=()
        Columns to take as numbers, such as codes with zeros in front.

    dates : list of str or dict, default=()
        Columns to take as dates; a dict also says in which order day, month and year stand:
        ``{"when": "DMY"}``, ``"MDY"`` or ``"YMD"``.

    categories : list of str, default=()
        Columns to take as words, whatever their entries. Only an empty field is a gap there.

    drop : list of str, default=()
        Columns to leave out.

    gaps : list of str or dict, default=()
        Marks of gaps besides the usual ones, in all columns, or in those that a dict names; None in
        a dict stands for all.

    separator : str, default=None
        The separator of the columns. None finds it.

    decimal : {".", ","}, default=None
        The decimal mark. None finds it, column by column.

    encoding : str, default=None
        The encoding. None takes UTF-8 or UTF-16, and Windows-1252 for what is neither.

    Returns
    -------
    table : DataFrame
        Its rows: whole numbers as int64, or Int64 where there are gaps, other numbers as float64,
        dates as datetime64, true and false as bool, everything else as strings.

    Raises
    ------
    TableError
        If the file has no table, a row does not fit the header, or an entry is not of the kind
        given for its column. The message names line or row, the entry, and what to do.

    See Also
    --------
    open_table : The same, with the kind of each column.

    Examples
    --------
    >>> import tempfile
    >>> from skgen.table_files import read_table
    >>> path = tempfile.mkdtemp() + "/people.csv"
    >>> with open(path, "w") as file:
    ...     _ = file.write("zip;born;income\n01067;31.12.1999;1.500,00\n80331;1.2.2001;?\n")
    >>> read_table(path, categories=["zip"])
         zip       born  income
    0  01067 1999-12-31  1500.0
    1  80331 2001-02-01     NaN
    """
    file = open_table(
        path,
        numbers=numbers,
        dates=dates,
        categories=categories,
        drop=drop,
        gaps=gaps,
        separator=separator,
        decimal=decimal,
        encoding=encoding,
    )
    for doubt in file.doubts:
        warnings.warn(f"{os.fspath(path)}: {doubt.say()}", TableWarning, stacklevel=2)
    return file.table


def open_table(
    path: str | os.PathLike,
    *,
    numbers: Collection[str] = (),
    dates: Collection[str] | Mapping[str, str | None] = (),
    categories: Collection[str] = (),
    drop: Collection[str] = (),
    gaps: Collection[str] | Mapping[Any, Collection[str]] = (),
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    like: TableFormat | None = None,
) -> TableFile:
    r"""Read a table from a file, with the kind of each column and doubts.

    Parameters
    ----------
    path : str or path
        As in `read_table`.

    numbers : list of str, default=()
        As in `read_table`.

    dates : list of str or dict, default=()
        As in `read_table`.

    categories, drop : list of str, default=()
        As in `read_table`.

    gaps : list of str or dict, default=()
        As in `read_table`.

    separator, decimal, encoding : str, default=None
        As in `read_table`.

    like : TableFormat, default=None
        The format of another table; columns that are there have the same kinds.

    Returns
    -------
    file : TableFile
        The table, its format, and the doubts.

    Raises
    ------
    TableError
        As in `read_table`.

    Examples
    --------
    >>> import tempfile
    >>> from skgen.table_files import open_table
    >>> path = tempfile.mkdtemp() + "/visits.csv"
    >>> with open(path, "w") as file:
    ...     _ = file.write("when,clinic\n03/04/2024,1\n05/06/2024,2\n")
    >>> [doubt.say() for doubt in open_table(path).doubts]
    ["column 'when': dates as month, day, year, ...; if that is wrong: dates={'when': 'DMY'}"]
    """
    name = os.fspath(path)
    if not Path(path).is_file():
        raise TableError(f"there is no file {name!r}.")
    orders = dict(dates) if isinstance(dates, Mapping) else dict.fromkeys(dates)
    for column, order in orders.items():
        if order not in (None, *ORDERS):
            raise TableError(
                f"the dates of {column!r} are said to be {order!r}; it can be {', '.join(ORDERS)}."
            )
    if decimal not in (None, ".", ","):
        raise TableError(f"the decimal mark can be '.' or ',', got {decimal!r}.")
    if separator is not None:
        separator = {"\\t": "\t", "tab": "\t"}.get(separator, separator)
        if len(separator) != 1:
            raise TableError(f"the separator is one character, got {separator!r}.")
    kinds = {
        **dict.fromkeys(numbers, "numbers"),
        **dict.fromkeys(orders, "dates"),
        **dict.fromkeys(categories, "words"),
    }
    if len(kinds) < len(set(numbers)) + len(orders) + len(set(categories)):
        twice = [c for c in kinds if (c in numbers) + (c in orders) + (c in categories) > 1]
        raise TableError(f"column {twice[0]!r} is said to be two things.")
    columns_gaps = gaps if isinstance(gaps, Mapping) else {None: gaps}
    if is_parquet(path):
        return _read_parquet(path, name, kinds, orders, drop, columns_gaps, like)
    if is_excel(path):
        rows = _read_excel(path, name)
    else:
        header = None if like is None else like.file.header
        rows = read_rows(path, name, separator=separator, encoding=encoding, header=header)
    if not rows.columns or rows.columns[0].n == 0:
        raise TableError(f"{name} has a header and no rows.")
    _check_names(name, rows.names, [*kinds, *drop, *(c for c in columns_gaps if c is not None)])
    context = Context(name, rows.format.separator, decimal)
    columns = []
    for j, (column, texts) in enumerate(zip(rows.names, rows.columns, strict=True)):
        known = None if like is None else like.columns.get(column)
        if column not in drop:
            columns.append(
                _column(column, texts, kinds, orders, columns_gaps, known, j in rows.unquoted)
            )
    file = _decided(columns, context, rows.format, rows.doubts)
    file.names = rows.names
    return file


def _column(
    name: str,
    texts: Texts,
    kinds: Mapping[str, str],
    orders: Mapping[str, str | None],
    gaps: Mapping[Any, Collection[str]],
    known: ColumnFormat | None,
    unquoted_gap: bool = False,
    is_text: bool = False,
) -> Column:
    kind = kinds.get(name)
    if known is not None and known.kind != "empty":
        kind = known.kind
    marks = {*gaps.get(None, ()), *gaps.get(name, ()), *(known.gaps if known else ())}
    return Column(
        name,
        texts,
        kind=kind,
        gaps=frozenset(marks),
        order=orders.get(name),
        like=known,
        unquoted_gap=unquoted_gap,
        is_text=is_text,
    )


def _decided(
    columns: list[Column], context: Context, format: FileFormat, doubts: list[Doubt]
) -> TableFile:
    """Decide the kinds of columns, those last whose own entries leave them open."""
    for column in columns:
        certain = column.certain_decimal()
        if certain is not None:
            context.decimals[certain] += 1
    for column in columns:
        column.decide(context)
    for column in columns:
        column.settle(context)
    series, examples, formats = {}, {}, {}
    doubts = [*doubts, *_second_header(columns)]
    for column in columns:
        series[column.name] = column.series()
        examples[column.name] = column.example()
        formats[column.name] = column.format
        doubts += column.doubts
        if column.like is None and column.format.kind in ("numbers", "dates"):
            doubts += doubt_of_marks(column.name, column.texts, series[column.name])
    doubts += _totals(columns, series)
    return TableFile(pd.DataFrame(series), TableFormat(format, formats), doubts, examples)


def _second_header(columns: list[Column]) -> list[Doubt]:
    """Return where the first row has words above several columns of numbers, such as units."""
    words = [
        column.odd_word
        for column in columns
        if column.odd_word and column.texts.shapes[column.odd_word] == 1
        if column.texts.row_of(column.odd_word) == 0
    ]
    if len(words) < 2:
        return []
    listed = ", ".join(map(repr, words[:3]))
    text = f"the first row has words above numbers, {listed}; a second line of names is to be taken"
    return [Doubt(None, f"{text} out")]


def _totals(columns: list[Column], series: Mapping[str, pd.Series]) -> list[Doubt]:
    """Return that the last row begins with a word for totals, or has the sum of a column."""
    advice = "; if it is one of totals, it is to be taken out"
    entries = ((column.texts, column.texts.chunks[-1].rsplit(SEP, 1)[-1]) for column in columns)
    texts, first = next(((texts, entry) for texts, entry in entries if entry), (None, ""))
    if texts is not None and TOTAL.fullmatch(first) and texts.counts[first] == 1 < texts.n:
        return [Doubt(None, f"the last row begins with {first!r}{advice}")]
    for name, column in series.items():
        if len(column) <= FEW_NUMBERS or not is_number(column):
            continue
        last, others = column.iloc[-1], column.iloc[:-1].dropna().astype(float)
        if pd.isna(last) or others.empty or abs(last) <= others.abs().max():
            continue
        if abs(others.sum() - last) <= 1e-9 * abs(last):
            return [Doubt(None, f"the last row has the sum of the others in {name!r}{advice}")]
    return []


def _check_names(name: str, names: Collection[str], asked: Collection[str]) -> None:
    absent = [column for column in asked if column not in names]
    if absent:
        near = difflib.get_close_matches(absent[0], list(names), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(names)}."
        raise TableError(f"{name} has no column {absent[0]!r}; {hint}")


def _read_excel(path: str | os.PathLike, name: str) -> Rows:
    """Read the first sheet of a workbook as texts."""
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise lacks_extra(path, "excel") from None
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:
        raise TableError(
            f"{name} is no workbook of Excel: {' '.join(str(error).split())}"
        ) from None
    try:
        sheet = book.worksheets[0]
        n_sheets = len(book.worksheets)
        title = sheet.title
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "sheet.csv"
            with open(copy, "w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerows(
                    [_cell_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)
                )
            rows = read_rows(copy, name, separator=",")
    finally:
        book.close()
    rows.format = FileFormat(header=rows.format.header)
    if n_sheets > 1:
        rows.doubts.append(Doubt(None, f"the first of its {n_sheets} sheets was read, {title!r}"))
    return rows


def _cell_text(value: Any) -> str:
    """Return the value of a cell as a text that is read as the same value."""
    if value is None:
        return ""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value).replace("\0", "")


def _read_parquet(
    path: str | os.PathLike,
    name: str,
    kinds: Mapping[str, str],
    orders: Mapping[str, str | None],
    drop: Collection[str],
    gaps: Mapping[Any, Collection[str]],
    like: TableFormat | None,
) -> TableFile:
    """Read parquet, whose columns have types; only those of texts may be dates instead."""
    try:
        table = pd.read_parquet(path)
    except ImportError:
        raise lacks_extra(path, "parquet") from None
    except (ValueError, OSError) as error:
        raise TableError(f"{name} is no table: {' '.join(str(error).split())}") from None
    table.columns = table.columns.astype("str")
    if len(table) == 0:
        raise TableError(f"{name} has a header and no rows.")
    names = list(table)
    _check_names(name, names, [*kinds, *drop, *(c for c in gaps if c is not None)])
    table = table.drop(columns=list(drop)).reset_index(drop=True)
    texts = []
    for column in table:
        known = None if like is None else like.columns.get(column)
        kind = kinds.get(column) or (None if known is None else known.kind)
        if _is_of(table[column], kind):
            continue
        cells = [
            "" if gap else str(value)
            for value, gap in zip(table[column], table[column].isna(), strict=True)
        ]
        joined = Texts([SEP.join(cells)], len(cells))
        texts.append(_column(column, joined, kinds, orders, gaps, known, is_text=True))
    read = _decided(texts, Context(name), FileFormat(), [])
    formats, examples = {}, {}
    for column in table:
        present = table[column].dropna()
        examples[column] = str(present.iloc[0]) if len(present) else ""
        formats[column] = read.format.columns.get(column) or ColumnFormat(_kind_of(table[column]))
        if column not in read.table:
            continue
        is_asked = column in kinds or column in gaps or bool(gaps.get(None))
        if formats[column].kind == "words" and _is_text(table[column]) and not is_asked:
            # Words keep their type, and only their missing entries are gaps.
            formats[column] = ColumnFormat("words")
        else:
            table[column] = read.table[column]
    return TableFile(table, TableFormat(FileFormat(), formats), read.doubts, examples, names)


def _kind_of(column: pd.Series) -> str:
    """Return the kind of a column with a type."""
    if column.isna().all():
        return "empty"
    if is_bool_dtype(column.dtype):
        return "truth"
    if is_numeric_dtype(column.dtype):
        return "numbers"
    return "dates" if is_datetime64_any_dtype(column.dtype) else "typed"


def _is_of(column: pd.Series, kind: str | None) -> bool:
    """Return whether a column has the type of a kind."""
    if kind == "typed":
        return True
    if kind == "words":
        return False
    own = _kind_of(column)
    if kind in (None, "empty"):
        return own == "empty" or not _is_text(column)
    return own in (kind, "empty")


def _is_text(column: pd.Series) -> bool:
    """Return whether all entries are strings."""
    return bool(column.dropna().map(type).eq(str).all())
