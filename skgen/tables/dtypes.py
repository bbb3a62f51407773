"""Dtypes of pandas as plain texts and dicts, which files can hold, and back.

Reading a file must not open another file or import anything, but pandas may do so: it looks up a
time zone named ``dateutil//path`` at that path. So only names of a known form are read.
"""

import re
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import pandas_dtype

__all__ = ["as_objects", "described", "dtype_of", "times_of_pandas"]

_ZONE = r"(?!dateutil|tzlocal)(?:UTC[+-]\d\d:\d\d(?::\d\d)?|[A-Za-z][\w+-]*(?:/[A-Za-z][\w+-]*)*)"
_UNIT = r"(?:s|ms|us|ns)"
_NUMPY = (
    r"(?:u?int(?:8|16|32|64)|float(?:16|32|64|96|128)|complex(?:64|128)|bool|object"
    rf"|(?:datetime64|timedelta64)\[{_UNIT}\])"
)
_NAME = re.compile(
    rf"{_NUMPY}|U?Int(?:8|16|32|64)|Float(?:32|64)|boolean|str|string"
    rf"|datetime64\[{_UNIT}, {_ZONE}\]|period\[[A-Za-z0-9-]{{1,20}}\]"
    rf"|Sparse\[{_NUMPY}, [\w.+-]+\]"
)
_ARROW = re.compile(
    r"null|bool|u?int(?:8|16|32|64)|halffloat|float|double|(?:large_)?(?:string|binary)"
    r"|date32\[day\]|date64\[ms\]"
    rf"|(?:time32|time64|duration|timestamp)\[{_UNIT}\]|timestamp\[{_UNIT}, tz={_ZONE}\]"
)
_INTERVAL = re.compile(r"interval\[(.+), (left|right|both|neither)\]")
_DECIMAL = re.compile(r"decimal(32|64|128|256)\((\d{1,2}), (-?\d{1,2})\)")


def as_objects(values: Any) -> np.ndarray:
    """Return values as an array of objects, each unchanged, even tuples and NumPy's numbers."""
    array = np.empty(len(values), dtype=object)
    for k, value in enumerate(values):
        array[k] = value
    return array


def times_of_pandas(dtype: Any) -> Any:
    """Return pandas' own dtype of dates or durations for one of Arrow's; another one as it is."""
    if not isinstance(dtype, pd.ArrowDtype):
        return dtype
    name, _, rest = str(dtype.pyarrow_dtype).partition("[")
    unit, _, zone = rest.removesuffix("]").partition(", tz=")
    if name == "timestamp":
        return pd.DatetimeTZDtype(unit, zone) if zone else np.dtype(f"datetime64[{unit}]")
    if name == "duration":
        return np.dtype(f"timedelta64[{unit}]")
    days = {"date32": "datetime64[s]", "date64": "datetime64[ms]"}
    return np.dtype(days[name]) if name in days else dtype


def described(dtype: Any) -> Any:
    """Describe a dtype by texts and arrays; one that no file can name is returned as it is."""
    description: Any
    if isinstance(dtype, pd.CategoricalDtype):
        index = dtype.categories
        return {"values": as_objects(index), "of": described(index.dtype), "ordered": dtype.ordered}
    if isinstance(dtype, pd.ArrowDtype):
        description = {"arrow": _described_arrow(dtype.pyarrow_dtype)}
    else:
        description = str(dtype)
    for form in (description, _described_string(dtype)):
        try:
            if dtype_of(form) == dtype:
                return form
        except (TypeError, ValueError):
            continue
    return dtype


def _described_arrow(of: Any) -> Any:
    if type(of).__name__ != "DictionaryType":
        return str(of)
    inner = [_described_arrow(part) for part in (of.index_type, of.value_type)]
    return {"index": inner[0], "values": inner[1], "ordered": of.ordered}


def _described_string(dtype: Any) -> Any:
    # The library that holds the strings, if it is not pandas' default here.
    missing = getattr(dtype, "na_value", None)
    return {"string": getattr(dtype, "storage", None), "nan": isinstance(missing, float)}


def dtype_of(description: Any) -> Any:
    """Invert `described`.

    Parameters
    ----------
    description : str or dict
        A description.

    Returns
    -------
    dtype : dtype
        The dtype.

    Raises
    ------
    ValueError, TypeError
        If there is no such dtype, or none that files may name.
    """
    if isinstance(description, dict):
        if "arrow" in description:
            return pd.ArrowDtype(_arrow_of(description["arrow"]))
        if "string" in description:
            return _string_of(description)
        values = pd.Index(description["values"], dtype=dtype_of(description["of"]))
        return pd.CategoricalDtype(values, bool(description["ordered"]))
    if not isinstance(description, str):
        raise TypeError(f"a dtype is named by a text, not by {type(description).__name__}")
    interval = _INTERVAL.fullmatch(description)
    if interval is not None:
        return pd.IntervalDtype(dtype_of(interval[1]), interval[2])
    if description.endswith("[pyarrow]"):
        return pd.ArrowDtype(_arrow_of(description.removesuffix("[pyarrow]")))
    if not _NAME.fullmatch(description):
        raise ValueError(f"{description[:100]!r} is no dtype that files name")
    return pandas_dtype(description)


def _string_of(description: dict[str, Any]) -> Any:
    if description["string"] not in ("python", "pyarrow"):
        raise ValueError(f"{description['string']!r} is no way of holding strings")
    # The second argument came with pandas 2.3.
    options = {"na_value": np.nan} if description["nan"] is True else {}
    return pd.StringDtype(description["string"], **options)


def _arrow_of(description: Any) -> Any:
    import pyarrow

    if isinstance(description, dict):
        index, values = _arrow_of(description["index"]), _arrow_of(description["values"])
        return pyarrow.dictionary(index, values, description["ordered"] is True)
    decimal = _DECIMAL.fullmatch(description)
    if decimal is not None:
        return getattr(pyarrow, f"decimal{decimal[1]}")(int(decimal[2]), int(decimal[3]))
    if not _ARROW.fullmatch(description):
        raise ValueError(f"{description[:100]!r} is no type of Arrow's that files name")
    name, _, rest = description.partition("[")
    unit, _, zone = rest.removesuffix("]").partition(", tz=")
    if name in ("date32", "date64"):
        return getattr(pyarrow, name)()
    if name == "timestamp":
        return pyarrow.timestamp(unit, zone or None)
    return getattr(pyarrow, name)(unit) if unit else pyarrow.type_for_alias(name)


def described_index(index: pd.Index) -> dict[str, Any]:
    """Describe the names of columns by texts and arrays, as files hold them."""
    if isinstance(index, pd.MultiIndex):
        return {
            "levels": [described_index(level) for level in index.levels],
            "codes": [np.asarray(codes, dtype=np.int64) for codes in index.codes],
            "names": list(index.names),
        }
    return {"values": as_objects(index), "of": described(index.dtype), "name": index.name}


def index_of(description: dict[str, Any]) -> pd.Index:
    """Invert `described_index`."""
    if "levels" in description:
        levels = [index_of(level) for level in description["levels"]]
        return pd.MultiIndex(levels=levels, codes=description["codes"], names=description["names"])
    return pd.Index(
        description["values"], dtype=dtype_of(description["of"]), name=description["name"]
    )
