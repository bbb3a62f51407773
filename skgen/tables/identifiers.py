"""Columns of a table that look like identifiers or like personal data.

A model cannot learn a column in which every row has its own entry: it repeats the entries. They
appear in drawn rows and in saved files, and may belong to people.
"""

import math
import re
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype

# The fewest rows that are judged, and the most whose form is read.
MIN_ROWS, MIN_NUMBERS, MAX_READ = 10, 20, 2000
# The least share of different entries in a column of identifiers, and in one of texts of a personal
# form, such as names, of which some are shared.
NEARLY_ALL, MANY = 0.9, 0.3
# The least share of texts that have the form.
MOST = 0.8
# The fewest digits of integers that number something, all of the same length or of two.
MIN_DIGITS = 7
EPOCHS = ((10**9, 2 * 10**9), (10**12, 2 * 10**12))
NAMED = re.compile(
    r"(?:^|[\W_])(?:id|key|uuid|guid|ssn|isbn|iban|ean|vin|nr|no|number|phone|telephone|tel"
    r"|mobile|fax)s?$|[a-z](?-i:Id|ID|Nr|No|Key)$",
    re.IGNORECASE,
)
E_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}")
PHONE = re.compile(r"(?:\+|\(|0|\d+[ /().-])[\d /().-]{5,20}\d")
TIME = re.compile(
    r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:\d{2}|\d{4}))(?:[T ].*)?"
    r"|\d{1,2}:\d{2}.*"
)
NUMBER = re.compile(r"[+-]?\d*[.,]?\d+")
# Two to four words in capitals, the last name first or last.
PERSON = re.compile(r"[^\W\d_]['’\w.-]*,?(?: [^\W\d_]['’\w.-]*){1,3}")
IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")

BEGINNING = "Columns look like identifiers or personal data"
E_MAILS = "e-mail addresses"


def identifying(column: pd.Series, name: Any = None) -> str | None:
    """Return why a column looks like one of identifiers or personal data; None if it does not.

    Parameters
    ----------
    column : Series
        Its entries.
    name : str, default=None
        Its name, which counts for integers.

    Returns
    -------
    reason : str or None
        In words, such as `E_MAILS`.
    """
    present = column.dropna()
    dtype = column.dtype
    if len(present) < MIN_ROWS:
        return None
    if isinstance(dtype, pd.CategoricalDtype):
        if dtype.ordered:
            return None
    elif is_integer_dtype(dtype):
        return _of_integers(present, name)
    elif is_float_dtype(dtype):
        # Integers with gaps are floats to pandas.
        values = present.to_numpy(dtype=np.float64)
        whole = np.isfinite(values).all() and (values == np.floor(values)).all()
        return _of_integers(present, name) if whole and len(present) < len(column) else None
    elif is_bool_dtype(dtype) or dtype.kind in "fcmMiu":
        return None
    return _of_labels(present.astype(object), name)


def looks_like_identifier(column: pd.Series) -> bool:
    """Return whether a column looks like identifiers or personal data."""
    return identifying(column, column.name) is not None


def _of_integers(present: pd.Series, name: Any) -> str | None:
    """Return why integers look like identifiers: by counting the rows, length or name."""
    if not present.is_unique:
        return None
    values = [int(present.min()), int(present.max())]
    # A few rows may have been left out.
    counts = len(present) >= NEARLY_ALL * (values[1] - values[0] + 1)
    if counts and not (values[0] >= 1800 and values[1] <= 2200):
        return "numbers that count the rows"
    if len(present) < MIN_NUMBERS:
        return None
    if isinstance(name, str) and NAMED.search(name):
        return "a number of its own in each row"
    fewest, most = (len(str(abs(value))) for value in values)
    is_time = any(low <= values[0] and values[1] < high for low, high in EPOCHS)
    if fewest >= MIN_DIGITS and most - fewest <= 1 and values[0] > 0 and not is_time:
        return "a long number of its own in each row"
    return None


def _of_labels(present: pd.Series, name: Any) -> str | None:
    """Return why labels look like identifiers or personal data."""
    some = present.iloc[:: math.ceil(len(present) / MAX_READ)]
    kinds = set(map(type, some))
    if kinds == {Decimal} and all(map(_is_whole_decimal, present)):
        present, kinds = present.map(int), {int}
    # NumPy's durations are integers of NumPy.
    others = {bool, np.timedelta64}
    if all(issubclass(kind, int | np.integer) and kind not in others for kind in kinds):
        return _of_integers(present, name)
    if not kinds <= {str, np.str_, bytes, uuid.UUID, tuple}:
        # Numbers, times and the like, or a mixture.
        return None
    share = present.nunique() / len(present)
    if share < MANY:
        return None
    texts = [str(value).strip() for value in some]

    def most(pattern: re.Pattern, share: float = MOST) -> bool:
        return sum(bool(pattern.fullmatch(text)) for text in texts) >= share * len(texts)

    if most(TIME):
        return None
    if most(E_MAIL):
        return E_MAILS
    if most(IP):
        return "addresses of machines"
    if most(PHONE) and not most(NUMBER) and all(sum(map(str.isdigit, t)) >= 7 for t in texts[:20]):
        return "telephone numbers"
    capital = [all(word[:1].isupper() for word in re.split(r"[ -]", text)) for text in texts]
    if share >= 0.5 and most(PERSON) and sum(capital) >= MOST * len(texts):
        return "names of people"
    if share >= NEARLY_ALL:
        return "a text of its own in each row" if share == 1 else "a text of its own in most rows"
    return None


def _is_whole_decimal(value: Any) -> bool:
    return isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value()


def warning_of(reasons: dict[Any, str], identifiers: str = "keep") -> str:
    """Return a warning about columns, by their names, and about what becomes of them."""
    names = list(reasons)[:10]
    done = {
        "keep": "A model can only memorise them: their entries appear in drawn rows and in the "
        f"file of a saved model. Leave them out, such as by X.drop(columns={names}), before the "
        "rows of a table are used or shared; TableEncoder(identifiers='drop') leaves them out, "
        "identifiers='fake' makes entries up.",
        "drop": "They are left out, of drawn rows too.",
        "fake": "They are not learnt, and made-up entries stand in drawn rows.",
    }[identifiers]
    listed = ", ".join(f"{name!r} ({reasons[name]})" for name in names)
    return f"{BEGINNING}: {listed}{', ...' * (len(reasons) > 10)}. {done}"
