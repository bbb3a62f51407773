"""Tables in files, CSV and parquet, and their columns in words.

A CSV says nothing of its columns' types. What pandas makes of it stands, but that texts which are
all ISO dates become dates, that where commas do not set columns apart texts which are all numbers
with a decimal comma become numbers, and that the columns named as categories stay texts, leading
zeros and all. The types go into the model's file, so that the next table is read like the one
before.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from skgen.identifiers import looks_like_identifier

__all__ = [
    "TableError",
    "in_words",
    "is_date",
    "is_number",
    "is_parquet",
    "looks_like_identifier",
    "read_table",
    "write_table",
]

SEPARATORS = ",;\t|"
# How an ISO date begins; pandas alone would take "2024" and "12:30" for dates too.
ISO_DATE = r"\d{4}-\d{2}-\d{2}"
COMMA_NUMBER = r"\s*[+-]?\d+(,\d+)?\s*"
SHOWN_CATEGORIES = 3


class TableError(ValueError):
    """A table that cannot be read or written, in one sentence for its owner."""


def is_parquet(path: str | os.PathLike) -> bool:
    """Tell by a file's name whether it is parquet; everything else is CSV."""
    return Path(path).suffix in (".parquet", ".pq")


def _no_parquet(path: str | os.PathLike) -> TableError:
    return TableError(
        f"{os.fspath(path)}: parquet needs pyarrow, which is not installed: pip install "
        "'scikit-gen[parquet]', or use CSV."
    )


def read_table(
    path: str | os.PathLike,
    *,
    categories: Collection[str] = (),
    dates: Collection[str] | None = None,
) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : str or path
        A CSV with a header, its columns set apart by commas, semicolons, tabs or bars; or parquet.
        Where they are not commas, numbers may have decimal commas.
    categories : list of str, default=()
        Columns to take as texts, whatever stands in them.
    dates : list of str, default=None
        Columns to take as dates. None takes those whose entries are all ISO dates.

    Returns
    -------
    table : DataFrame
        Its rows.

    Raises
    ------
    TableError
        If there is no such table in it.
    """
    name = os.fspath(path)
    if not Path(path).is_file():
        raise TableError(f"there is no file {name!r}.")
    try:
        if is_parquet(path):
            table = pd.read_parquet(path)
            table = table.astype({c: "str" for c in categories if c in table})
        else:
            with open(path, encoding="utf-8-sig") as file:
                header = file.readline()
            separator = max(SEPARATORS, key=header.count)
            table = pd.read_csv(
                path,
                sep=separator,
                dtype={c: "str" for c in categories},
                encoding="utf-8-sig",
                low_memory=False,
            )
            if separator != ",":
                for column in table.columns.difference(list(categories)):
                    table[column] = _as_numbers(table[column])
    except ImportError:
        raise _no_parquet(path) from None
    except UnicodeDecodeError:
        raise TableError(f"{name} is no text in UTF-8; save it as CSV in UTF-8.") from None
    except (ValueError, OSError) as error:
        raise TableError(f"{name} is no table: {' '.join(str(error).split())}") from None
    table.columns = table.columns.astype("str")
    if len(table) == 0:
        raise TableError(f"{name} has a header and no rows.")
    for column in table.columns.difference(list(categories)) if dates is None else dates:
        if column in table:
            table[column] = _as_dates(table[column], name, asked=dates is not None)
    return table


def _as_numbers(column: pd.Series) -> pd.Series:
    """Return a column of texts as numbers if all are, with a decimal comma."""
    if is_numeric_dtype(column.dtype):
        return column
    texts = column.dropna().astype("str")
    if texts.empty or not texts.str.fullmatch(COMMA_NUMBER).all():
        return column
    return texts.str.replace(",", ".").astype("float64").reindex(column.index)


def _as_dates(column: pd.Series, name: str, asked: bool) -> pd.Series:
    """Return a column of texts as dates if they are, or because they should be."""
    if is_numeric_dtype(column.dtype) or is_datetime64_any_dtype(column.dtype):
        return column
    texts = column.dropna().astype("str")
    begin = texts.str.match(ISO_DATE)
    if texts.empty or not (asked or begin.all()):
        return column
    parsed = pd.to_datetime(texts, format="ISO8601", errors="coerce")
    if parsed.isna().any():
        if not asked:
            return column
        row = parsed.index[parsed.isna()][0]
        raise TableError(
            f"{name}: column {column.name!r} has {texts[row]!r} in row {row}, and the model learnt "
            "dates there, like 2024-05-31."
        )
    return parsed.reindex(column.index)


def write_table(table: pd.DataFrame, path: str | os.PathLike) -> None:
    """Write a table as parquet where the name ends so, otherwise as CSV.

    Parameters
    ----------
    table : DataFrame
        Its rows.
    path : str or path
        Where to write it.

    Raises
    ------
    TableError
        If it cannot be written there.
    """
    try:
        if is_parquet(path):
            table.to_parquet(path, index=False)
        else:
            table.to_csv(path, index=False)
    except ImportError:
        raise _no_parquet(path) from None
    except OSError as error:
        raise TableError(f"cannot write {os.fspath(path)!r}: {error.strerror or error}") from None


def is_number(column: pd.Series) -> bool:
    """Tell whether a column is of numbers; True and False are categories."""
    return is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype)


def is_date(column: pd.Series) -> bool:
    """Tell whether a column is of dates or times."""
    return bool(is_datetime64_any_dtype(column.dtype))


def in_words(column: pd.Series) -> str:
    """Describe a column as it is understood."""
    present = column.dropna()
    if present.empty:
        return "empty"
    n_values = present.nunique()
    if n_values == 1:
        text = f"always {present.iloc[0]}"
    elif is_date(column):
        text = f"dates from {present.min()} to {present.max()}".replace(" 00:00:00", "")
    elif is_number(column):
        whole = (present == present.round()).all()
        kind = "whole numbers" if whole else "numbers"
        text = f"{kind} from {present.min():g} to {present.max():g}"
    else:
        counts: Mapping[Any, int] = present.value_counts()[:SHOWN_CATEGORIES].to_dict()
        shown = ", ".join(f"{value} ({count})" for value, count in counts.items())
        text = f"{n_values} categories: {shown}{', ...' * (n_values > SHOWN_CATEGORIES)}"
    missing = column.isna().mean()
    return f"{text}; {missing:.1%} missing" if missing else text
