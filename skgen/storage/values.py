"""Values such as dates and Decimals, each written as plain values."""

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from skgen.storage.errors import text_of

MAX_EXPONENT = 10_000


@dataclass(frozen=True)
class Value:
    """How values of a class are written as plain ones, and how they are read again."""

    cls: type
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


VALUES: dict[type, str] = {}
VALUES_BY_NAME: dict[str, Value] = {}


def register_value(
    cls: type, name: str, write: Callable[[Any], Any], read: Callable[[Any], Any]
) -> None:
    """Let values of a class, such as dates, be saved as plain values.

    Parameters
    ----------
    cls : type
        The class, without its subclasses.
    name : str
        Its name in files.
    write : callable
        Returns the plain values, such as a number, a text or a list of those.
    read : callable
        Inverts `write`. It is called with the content of a file, and may raise any error for
        impossible values.
    """
    VALUES[cls] = name
    VALUES_BY_NAME[name] = Value(cls, write, read)


def _zone(key: str) -> ZoneInfo:
    # A name in the system's table of time zones, and no path to anywhere else.
    if not re.fullmatch(r"[A-Za-z][\w+-]*(/[A-Za-z][\w+-]*)*", key):
        raise ValueError(f"there is no time zone {key[:100]!r}")
    return ZoneInfo(key)


def _decimal(text: str) -> Decimal:
    value = Decimal(text_of(text))
    if value.is_finite() and abs(value.adjusted()) > MAX_EXPONENT:
        raise ValueError(f"a Decimal has the exponent {value.adjusted()}")
    return value


def _time_of(cls: Any, parts: Any) -> Any:
    count, unit, number = parts
    if unit == "generic":
        # Of no unit, there is nothing but what is missing.
        return cls("NaT")
    return cls(count, (unit, number))


def _datetime_parts(value: Any) -> list[Any]:
    date = [value.year, value.month, value.day] if isinstance(value, datetime.date) else []
    time = [value.hour, value.minute, value.second, value.microsecond]
    return [*date, *time, value.tzinfo, value.fold]


def _moment_of(cls: Any, parts: Any) -> Any:
    *numbers, zone, fold = parts
    return cls(*numbers, zone, fold=fold)


def _made_of(cls: Any, arguments: Any) -> Any:
    return cls(*arguments)


register_value(bytes, "bytes", bytes.hex, bytes.fromhex)
register_value(Decimal, "Decimal", str, _decimal)
register_value(UUID, "UUID", lambda v: v.hex, UUID)
register_value(ZoneInfo, "ZoneInfo", lambda v: v.key, _zone)
register_value(datetime.date, "date", datetime.date.isoformat, datetime.date.fromisoformat)
_cls: Any
for _cls in (datetime.datetime, datetime.time):
    register_value(_cls, _cls.__name__, _datetime_parts, partial(_moment_of, _cls))
for _cls, _arguments in (
    (complex, lambda v: [v.real, v.imag]),
    (Fraction, lambda v: [v.numerator, v.denominator]),
    (datetime.timedelta, lambda v: [v.days, v.seconds, v.microseconds]),
    (datetime.timezone, lambda v: list(v.__getinitargs__())),
):
    register_value(_cls, _cls.__name__, _arguments, partial(_made_of, _cls))
for _times in (np.datetime64, np.timedelta64):
    register_value(
        _times,
        _times.__name__,
        lambda v: [int(v.astype(np.int64)), *np.datetime_data(v.dtype)],
        partial(_time_of, _times),
    )
