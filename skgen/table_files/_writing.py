"""Tables to files, written as the table that was read: marks, dates, gaps and quotes."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ._dates import DateFormat
from ._doubts import TableError
from ._formats import ColumnFormat
from ._formulas import guarded
from ._layout import FileFormat
from ._numbers import NumberFormat
from ._reading import TableFormat, is_excel, is_parquet, lacks_extra
from ._words import is_date, is_number

ISO = ["Y", 4], "-", ["m", 2], "-", ["d", 2]
TIME = [*ISO, " ", ["H", 2], ":", ["M", 2], ":", ["S", 2]]


def _date_format(column: pd.Series) -> DateFormat:
    """Return how dates are written without a format."""
    present = column.dropna()
    naive = present
    zone = ""
    offset = None
    if getattr(column.dtype, "tz", None) is not None:
        naive = present.dt.tz_convert("UTC").dt.tz_localize(None)
        zone, offset = "+00:00", 0
    values = naive.to_numpy().astype("M8[ns]" if (naive.dt.nanosecond % 1000).any() else "M8[us]")
    unit = np.datetime_data(values.dtype)[0]
    if (values == values.astype("M8[D]")).all() and not zone:
        return DateFormat(tokens=list(ISO), unit=unit)
    tokens: list[Any] = list(TIME)
    if (values != values.astype("M8[s]")).any():
        tokens += [".", ["f", 9 if unit == "ns" else 6]]
    return DateFormat(tokens=tokens, unit=unit, zone=zone, offset=offset)


def _number_texts(values: pd.Series, form: NumberFormat | None, decimal: str) -> list[str]:
    numbers = values.tolist()
    if form is not None:
        return form.write(numbers)
    if values.dtype == np.float32:
        # In its own digits, not in those of the nearest double.
        numbers = values.astype("str").tolist()
    texts = [repr(number) if isinstance(number, float) else str(number) for number in numbers]
    return [text.replace(".", decimal) for text in texts] if decimal != "." else texts


def _column_texts(
    column: pd.Series, format: ColumnFormat | None, decimal: str, keep_formulas: bool
) -> tuple[list[str], np.ndarray]:
    """Return a column as texts, and which of them are words."""
    missing = column.isna().to_numpy()
    present = column[~missing]
    kind = format.kind if format is not None else ""
    is_word = False
    if is_number(column):
        form = format.number if format is not None else None
        filled = _number_texts(present, form, decimal)
    elif is_date(column):
        date = format.date if format is not None and format.date is not None else None
        filled = (date or _date_format(column)).write(present) if len(present) else []
    elif format is not None and kind == "truth" and format.truth:
        filled = [format.truth[bool(value)] for value in present]
    else:
        filled = [str(value) for value in present]
        if not keep_formulas:
            filled = list(map(guarded, filled))
        is_word = True
    gap = format.gaps[0] if format is not None and format.gaps else ""
    texts = np.full(len(column), gap, dtype=object)
    texts[~missing] = filled
    return texts.tolist(), ~missing & is_word


def _quoted(texts: list[str], asked: Sequence[bool], format: FileFormat) -> list[str]:
    """Return texts, in quotes where asked for or needed."""
    quote = format.quote or '"'
    needs = re.compile(rf"[{re.escape(format.separator + quote)}\r\n]|^\s|\s$").search
    escaped = format.escape + quote if format.escape else quote + quote
    return [
        f"{quote}{text.replace(quote, escaped)}{quote}" if ask or needs(text) else text
        for ask, text in zip(asked, texts, strict=True)
    ]


def table_text(
    table: pd.DataFrame,
    format: TableFormat | None = None,
    *,
    keep_formulas: bool = False,
    newline: str | None = None,
) -> str:
    r"""Return a table as the text of a file.

    Parameters
    ----------
    table : DataFrame
        Its rows.

    format : TableFormat, default=None
        How the table that was read is written. None is CSV with commas and decimal points.

    keep_formulas : bool, default=False
        Whether to leave words that begin with ``=``, ``+``, ``-`` or ``@`` as they are. Otherwise
        ``'`` is put before them, so that a spreadsheet does not run them.

    newline : str, default=None
        What ends a line; None for that of the format.

    Returns
    -------
    text : str
        The text.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen.table_files import table_text
    >>> table_text(pd.DataFrame({"a": [1, 2], "b": ["x", "=1+1"]}))
    "a,b\n1,x\n2,'=1+1\n"
    """
    format = format or TableFormat()
    file = format.file
    decimals = {c.number.decimal for c in format.columns.values() if c.number is not None}
    # A column that is not of the file, such as a score, has its decimal mark.
    decimal = "," if decimals == {","} else "."
    lone = table.shape[1] == 1
    columns = []
    for name in table:
        texts, words = _column_texts(table[name], format.columns.get(name), decimal, keep_formulas)
        asked = {"all": [text != "" for text in texts], "words": words.tolist()}.get(file.quoting)
        if lone:
            # An empty line would be no row.
            asked = [text == "" for text in texts] if asked is None else [True] * len(texts)
        columns.append(_quoted(texts, asked or [False] * len(texts), file))
    join = (file.separator + " " * file.blank).join
    lines = [join(row) for row in zip(*columns, strict=True)]
    if file.header:
        names = [str(name) if keep_formulas else guarded(str(name)) for name in table]
        lines.insert(0, join(_quoted(names, [file.quoted_header] * len(names), file)))
    end = file.newline if newline is None else newline
    return "".join(line + end for line in lines)


def write_table(
    table: pd.DataFrame,
    path: str | os.PathLike,
    format: TableFormat | None = None,
    *,
    keep_formulas: bool = False,
) -> None:
    """Write a table: parquet or a workbook where the name ends so, otherwise a text file.

    Parameters
    ----------
    table : DataFrame
        Its rows.

    path : str or path
        Where to write it.

    format : TableFormat, default=None
        How the table that was read is written. None is CSV with commas and decimal points.

    keep_formulas : bool, default=False
        Whether to leave words that begin with ``=``, ``+``, ``-`` or ``@`` as they are. Otherwise
        ``'`` is put before them in text files, and workbooks hold them as texts, so that a
        spreadsheet does not run them.

    Raises
    ------
    TableError
        If it cannot be written there.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from skgen.table_files import read_table, write_table
    >>> path = tempfile.mkdtemp() + "/table.csv"
    >>> write_table(pd.DataFrame({"age": pd.array([34, None], dtype="Int64"), "v": [1.5, 2]}), path)
    >>> with open(path) as file:
    ...     file.read().split()
    ['age,v', '34,1.5', ',2.0']
    """
    try:
        if is_parquet(path):
            try:
                table.to_parquet(path, index=False)
            except ImportError:
                raise lacks_extra(path, "parquet") from None
        elif is_excel(path):
            _write_excel(table, path, keep_formulas)
        else:
            text = table_text(table, format, keep_formulas=keep_formulas)
            encoding = format.file.encoding if format is not None else "utf-8"
            data = _encoded(text, encoding)
            Path(path).write_bytes(data)
    except OSError as error:
        raise TableError(f"cannot write {os.fspath(path)!r}: {error.strerror or error}") from None


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8-sig")


def _write_excel(table: pd.DataFrame, path: str | os.PathLike, keep_formulas: bool) -> None:
    """Write a workbook of one sheet; a text that begins with = is a text in it."""
    try:
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell
    except ImportError:
        raise lacks_extra(path, "excel") from None
    book = Workbook(write_only=True)
    sheet = book.create_sheet("table")

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        made = WriteOnlyCell(sheet, value=value)
        if not keep_formulas and made.data_type == "f":
            made.data_type = "s"
        return made

    columns = []
    for name in table:
        column, missing = table[name], table[name].isna()
        if is_date(column):
            column = column.dt.tz_localize(None) if getattr(column.dtype, "tz", None) else column
            values = [
                None if gap else value.to_pydatetime()
                for value, gap in zip(column, missing, strict=True)
            ]
        else:
            values = [
                None if gap else value
                for value, gap in zip(column.astype(object), missing, strict=True)
            ]
        columns.append(values)
    sheet.append([cell(str(name)) for name in table])
    for row in zip(*columns, strict=True):
        sheet.append([cell(value) for value in row])
    book.save(path)
