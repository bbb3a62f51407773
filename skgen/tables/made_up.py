r"""Entries made up in the form of a column of identifiers: all different, none of them a real one.

The form is the most frequent arrangement of letters, digits and other characters, with an alphabet
at each position: digits, small letters, capitals, or what of these the real entries have there. The
entries of a form of alphabets of sizes :math:`n_1, ..., n_L` are numbered from 0 to
:math:`n_1 \cdots n_L - 1`, as numbers in a system of mixed bases. No real entry has a number that
leaves a certain rest after division by a certain power of two, and only such numbers are made up.
Number k of these is :math:`(a k + b) \bmod n`, where a and n, how many there are, have no common
divisor: so all are different. Where a form has too few entries, longer ones follow.
"""

import math
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype, is_integer_dtype

from skgen.tables.dtypes import described, dtype_of

DIGITS, SMALL, CAPITALS = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
HEXADECIMAL = set("abcdefABCDEF")
# Domains for documentation (RFC 2606), which belong to nobody.
DOMAINS = ("@example.org", "@example.com", "@example.net")
# Letters and digits, each of which is one position of a form; the most positions.
VARIED, MOST_POSITIONS = re.compile(r"[^\W_]"), 64
# So many entries all forms of a column have together.
ENOUGH = 10**12
# The number b / a, so that the first entries look like the others.
FIRST = 1_000_003
# Whole numbers that a float holds exactly.
MAX_FLOAT = 2**53
# Entries of the kinds that are no texts, from their texts.
KINDS: dict[str, Any] = {
    "text": str,
    "number": int,
    "Decimal": Decimal,
    "bytes": lambda text: text.encode("latin-1"),
    "UUID": uuid.UUID,
}


class MadeUp:
    """Made-up entries for a column.

    Parameters
    ----------
    column : Series
        The real entries.
    name : str
        Its name, for errors.
    are_addresses : bool
        Whether they are e-mail addresses; made-up ones are of a domain that belongs to nobody.

    Attributes
    ----------
    dtype : dtype
        The dtype of made-up entries: that of the real ones, or of the categories of these.
    kind : str
        A key of `KINDS`.
    forms : list of (list of str, int, int)
        The alphabets of the positions, and the divisor and the rest of the numbers of entries.
    """

    def __init__(self, column: pd.Series, name: str, are_addresses: bool):
        dtype = column.dtype
        self.name = name
        self.dtype = dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype
        entries = column.dropna().astype(object)
        self.kind = _kind_of(self.dtype, set(map(type, entries)))
        texts = [_text_of(value, self.kind) for value in entries]
        self.forms = list(_forms(texts, are_addresses, self._largest()))

    def _largest(self) -> int | None:
        """Return the largest number that the dtype holds; None for texts."""
        if self.kind not in ("number", "Decimal"):
            return None
        if is_float_dtype(self.dtype):
            return MAX_FLOAT
        if is_integer_dtype(self.dtype):
            return int(np.iinfo(getattr(self.dtype, "numpy_dtype", self.dtype)).max)
        return ENOUGH**2

    def entries(self, start: int, n: int) -> pd.Series:
        """Return entries number ``start`` to ``start + n - 1``.

        Raises
        ------
        ValueError
            If the dtype does not hold as many.
        """
        made = np.empty(n, dtype=object)
        done, first = 0, 0
        for form, divisor, rest in self.forms:
            size = math.prod(map(len, form)) // divisor
            factor = _coprime(size)
            for k in range(max(start + done, first), min(start + n, first + size)):
                number = rest + divisor * (factor * (k - first + FIRST) % size)
                made[done] = KINDS[self.kind](_written(number, form))
                done += 1
            first += size
        if done < n:
            raise ValueError(
                f"Column {self.name!r} of dtype {self.dtype} has room for {first} made-up numbers "
                f"and {start + n} rows were asked for: draw fewer, fit a column of a larger "
                "dtype, or choose identifiers='drop'."
            )
        return pd.Series(made, dtype=object).astype(self.dtype)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "dtype": described(self.dtype)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if isinstance(self.dtype, str | dict):
            self.dtype = dtype_of(self.dtype)


def _kind_of(dtype: Any, types: set[type]) -> str:
    if is_integer_dtype(dtype) or is_float_dtype(dtype):
        return "number"
    for kind, base in (("number", int | np.integer), ("Decimal", Decimal), ("bytes", bytes)):
        if all(issubclass(one, base) for one in types):
            return kind
    return "UUID" if types == {uuid.UUID} else "text"


def _text_of(value: Any, kind: str) -> str:
    if kind in ("number", "Decimal"):
        return str(abs(int(value)))
    return value.decode("latin-1") if kind == "bytes" else str(value)


def _forms(
    texts: list[str], are_addresses: bool, largest: int | None
) -> Iterator[tuple[list[str], int, int]]:
    """Yield forms, with divisors and rests that no number of a text has, until there are enough."""
    suffix = ""
    if are_addresses:
        suffix = next((d for d in DOMAINS if not any(t.endswith(d) for t in texts)), DOMAINS[0])
    form = _form_of([t.rpartition("@")[0] if are_addresses else t for t in texts])
    if largest is not None:
        form[0] = DIGITS[1:]
        form = form[: len(str(largest)) - 1]
    n_found = 0
    while n_found < ENOUGH and (largest is None or 10 ** len(form) <= largest):
        whole = [*form, *suffix]
        divisor, rest = _free_class([n for t in texts if (n := _number_of(t, whole)) is not None])
        size = math.prod(map(len, whole)) // divisor
        if size:
            n_found += size
            yield whole, divisor, rest
        last = max((p for p, letters in enumerate(form) if len(letters) > 1), default=None)
        form = [*form, SMALL] if last is None else [*form[: last + 1], *form[last:]]


def _form_of(texts: list[str]) -> list[str]:
    """Return the alphabets of the most frequent arrangement of texts, position by position."""
    arrangements = [VARIED.sub("x", text[:MOST_POSITIONS]) for text in texts]
    arrangement, _ = Counter(arrangements).most_common(1)[0]
    same = [t for t, one in zip(texts, arrangements, strict=True) if one == arrangement]
    characters = [{text[p] for text in same} for p in range(len(arrangement))]
    varied = {c for p, one in enumerate(characters) if arrangement[p] == "x" for c in one}
    letters = {c for c in varied if not c.isdigit()}
    is_hexadecimal = letters != varied and letters <= HEXADECIMAL
    form = []
    for literal, found in zip(arrangement, characters, strict=True):
        if literal != "x":
            form.append(literal)
            continue
        capitals, digits = any(map(str.isupper, found)), any(map(str.isdigit, found))
        small = any(not c.isupper() and not c.isdigit() for c in found)
        last = 6 if is_hexadecimal else 26
        form.append(DIGITS * digits + CAPITALS[:last] * capitals + SMALL[:last] * small)
    return form


def _number_of(text: str, form: list[str]) -> int | None:
    """Return the number of a text among those of a form; None if it is not of the form."""
    if len(text) != len(form):
        return None
    number = 0
    for character, letters in zip(text, form, strict=True):
        place = letters.find(character)
        if place < 0:
            return None
        number = number * len(letters) + place
    return number


def _written(number: int, form: list[str]) -> str:
    """Invert `_number_of`."""
    characters = []
    for letters in reversed(form):
        number, place = divmod(number, len(letters))
        characters.append(letters[place])
    return "".join(reversed(characters))


def _free_class(numbers: list[int]) -> tuple[int, int]:
    """Return the least power of two, and a rest that none of the numbers leaves."""
    divisor = 1
    while True:
        rests = {number % divisor for number in numbers}
        if len(rests) < divisor:
            return divisor, next(rest for rest in range(divisor) if rest not in rests)
        divisor *= 2


def _coprime(size: int) -> int:
    """Return a number without a common divisor with `size`, near to its golden section."""
    factor = size * 618_033_988_749_895 // 10**15 | 1
    while math.gcd(factor, size) != 1:
        factor += 2
    return factor
