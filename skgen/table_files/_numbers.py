"""Numbers as people write them: ``1.234,56``, ``$1,234.50``, ``(12)``, ``-5 %``, ``1'000``.

A text is judged by its shape, in which a 9 stands for every digit, so that a column of a million
numbers has a few dozen shapes. A shape is ``before body after``: signs, brackets and one currency
or percent sign around digits with marks among them. Not every shape shows whether a mark separates
decimals or thousands: ``1.234`` may be either, ``1.234.567`` and ``0.5`` may not.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

# A 9 for each digit of a text, so that texts of one form become equal.
DIGITS = str.maketrans("0123456789", "9999999999")
MINUS = "-\u2212\u2013"
BLANKS = " \u00a0\u202f\u2009"
# Marks that can only separate thousands.
THOUSANDS = BLANKS + "'\u2019_"
INFINITE = {"inf", "infinity"}
# Whole numbers of more digits are not exact as floats; they are names, not quantities.
MAX_DIGITS = 15

_CODES = (
    "AED|ARS|AUD|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|ISK|JPY|"
    "KRW|MXN|MYR|NGN|NOK|NZD|PEN|PHP|PLN|RON|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR"
)
_WORDS = ["US$", "R$", "A$", "C$", "HK$", "kr.", "kr", "zł", "Kč", "Ft", "lei", "Fr.", "Rs.", "Rs"]
_CURRENCIES = "|".join([*map(re.escape, _WORDS), _CODES])
# The signs of Unicode's category of currencies that are in use.
_CURRENCY = rf"(?:{_CURRENCIES}|[$¢£¤¥֏฿₡₦₨₩₪₫€₭₮₱₲₴₵₸₹₺₼₽₾₿￠￡￥￦＄])"
# In a set of characters of a pattern, where it is no range.
_MINUS = re.escape(MINUS)
_MARKS = f".,{THOUSANDS}"
_BODY = rf"(?:9+(?:[{_MARKS}]9+)*[.,]?|[.,]9+)(?:[eE][+{_MINUS}]?9+)?"
# Prices without cents have a dash for them: 5.-, 5,--
_NO_CENTS = rf"(?:(?<=9[.,])[{_MINUS}\u2014]{{1,2}})?"
_NUMBER = re.compile(
    rf"(?P<before>[+{_MINUS}{BLANKS}(]*{_CURRENCY}?[+{_MINUS}{BLANKS}(]*)(?P<body>{_BODY})"
    rf"(?P<no_cents>{_NO_CENTS})(?P<after>[{BLANKS})]*(?:{_CURRENCY}|[%‰])?[{BLANKS})]*[{_MINUS}]?)"
)
_UNIT = re.compile(
    rf"[+{_MINUS}]?{_BODY}[{BLANKS}]?(?P<unit>[^\W\d_]{{1,12}}|°[CF]?|[^\W\d]{{1,4}}[²³])"
)


class Shape(NamedTuple):
    """How a number is written, its digits left open."""

    before: str
    body: str
    after: str
    unit: str
    negative: bool
    no_cents: str


@lru_cache(maxsize=100_000)
def number_shape(shape: str) -> Shape | None:
    """Return the parts of a shape, or None if no number is written so."""
    found = _NUMBER.fullmatch(shape)
    if found is None:
        return None
    before, body, after = found["before"], found["body"], found["after"]
    around = before + after
    signs = sum(around.count(sign) for sign in "+" + MINUS)
    opened, closed = before.count("("), after.count(")")
    if signs + opened > 1 or opened != closed or "(" in after or ")" in before:
        return None
    if not readings(body):
        # 1.10.4, 192.168.0.1: marks, but not those of a number.
        return None
    unit = re.sub(rf"[+{_MINUS}{BLANKS}()]", "", around)
    currencies = re.findall(_CURRENCY, around)
    if len(currencies) > 1:
        return None
    negative = opened > 0 or any(sign in around for sign in MINUS)
    return Shape(before, body, after, unit, negative, found["no_cents"])


def unit_of(shape: str) -> str | None:
    """Return the unit after the digits of a shape like ``9 kg``, or None."""
    found = _UNIT.fullmatch(shape)
    return None if found is None else found["unit"]


def _mantissa(body: str) -> str:
    return re.split("[eE]", body)[0]


def _is_grouped(whole: str) -> bool:
    """Return whether one mark separates thousands, or, as in India, thousands and hundreds."""
    marks = {char for char in whole if char != "9"}
    if not marks:
        return True
    if len(marks) > 1:
        return False
    first, *groups = (len(part) for part in whole.split(marks.pop()))
    indian = [2] * (len(groups) - 1) + [3]
    return (groups == [3] * len(groups) and first <= 3) or (groups == indian and first <= 2)


@lru_cache(maxsize=100_000)
def readings(body: str) -> frozenset[str]:
    """Return which of ``.`` and ``,`` can be the decimal mark of a number of this shape."""
    number = _mantissa(body)
    possible = set()
    for decimal in ".,":
        whole, _, fraction = number.partition(decimal)
        if set(fraction) <= {"9"} and _is_grouped(whole):
            possible.add(decimal)
    return frozenset(possible)


def is_whole(body: str, decimal: str) -> bool:
    """Return whether a number of this shape has no decimals."""
    return decimal not in body and body == _mantissa(body)


def n_digits(body: str) -> int:
    """Return how many digits a number of this shape has."""
    return _mantissa(body).count("9")


@dataclass
class NumberFormat:
    """How the numbers of a column are written.

    Attributes
    ----------
    decimal, thousands : str
        The mark before the decimals, and the one between groups of three digits, "" for none.
    least, most : int
        Fewest and most decimals.
    positive, negative : str
        Texts around the digits, for which ``9`` stands, such as ``$9`` and ``($9)``.
    whole : bool
        Whether no number has decimals or an exponent.
    indian : bool
        Whether groups are of two digits but for the last.
    """

    decimal: str = "."
    thousands: str = ""
    least: int = 0
    most: int = 17
    positive: str = "9"
    negative: str = "-9"
    whole: bool = False
    indian: bool = False

    @classmethod
    def of(cls, shapes: Counter[str], decimal: str) -> "NumberFormat":
        """Learn from the shapes of a column, each of a number."""
        decimals: set[int] = set()
        thousands: Counter[str] = Counter()
        around: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        whole, indian, has_powers = True, False, False
        for text, count in shapes.items():
            shape = number_shape(text)
            assert shape is not None
            # The mark before a dash for no cents shows no decimals.
            body = shape.body[:-1] if shape.no_cents else shape.body
            number = _mantissa(body)
            part, _, fraction = number.partition(decimal)
            has_powers |= number != body
            decimals.add(len(fraction))
            whole &= is_whole(body, decimal)
            for mark in set(part) - {"9"}:
                thousands[mark] += count
                indian |= re.search(f"9{re.escape(mark)}99{re.escape(mark)}", part) is not None
            around[shape.negative][f"{shape.before}9{shape.after}"] += count
        positive = around[0].most_common(1)[0][0] if around[0] else None
        negative = around[1].most_common(1)[0][0] if around[1] else None
        if positive is None:
            positive = re.sub(rf"[{_MINUS}()]", "", negative or "9")
        return cls(
            decimal=decimal,
            thousands=thousands.most_common(1)[0][0] if thousands else "",
            least=0 if has_powers else min(decimals),
            most=MAX_DIGITS + 2 if has_powers else max(decimals),
            positive=positive,
            negative=negative or f"-{positive}",
            whole=whole,
            indian=indian,
        )

    def _cleaning(self, shapes: Iterable[str]) -> tuple[list[str], dict[int, Any]]:
        """Return the words and the characters that numbers are read without."""
        found = [shape for shape in map(number_shape, shapes) if shape is not None]
        units = {shape.unit for shape in found if len(shape.unit) > 1}
        dashes = {shape.body[-1] + shape.no_cents for shape in found if shape.no_cents}
        words = sorted(units | dashes, key=len)[::-1]
        chars: dict[int, Any] = {ord(c): None for c in THOUSANDS + ")%‰"}
        chars |= {ord(shape.unit): None for shape in found if len(shape.unit) == 1}
        chars |= {ord(c): "-" for c in MINUS + "("}
        chars[ord("." if self.decimal == "," else ",")] = None
        chars[ord(self.decimal)] = "."
        return words, chars

    def read(self, chunks: Iterable[str], shapes: Iterable[str], gaps: set[str], sep: str) -> Any:
        """Return the numbers of joined texts, and which are gaps.

        Parameters
        ----------
        chunks : iterable of str
            Texts, each chunk of them joined by `sep`.
        shapes : iterable of str
            All shapes that are numbers.
        gaps : set of str
            Texts that are no numbers but gaps.
        sep : str
            What joins texts.

        Returns
        -------
        numbers : ndarray of int64 or float64
            The numbers, 0 or NaN in gaps.
        missing : ndarray of bool
            Where there are gaps.
        """
        shapes = list(shapes)
        words, chars = self._cleaning(shapes)
        plain = {chr(c) for c in chars if chars[c] is None}
        # Most files need no cleaning, which saves time.
        clean = words or any(set(shape) & (plain | set("(\u2212\u2013,")) for shape in shapes)
        behind = any(
            shape.after[-1:] in MINUS
            for shape in map(number_shape, shapes)
            if shape and shape.after
        )
        kind: Any = int if self.whole else float
        values, missing = [], []
        for chunk in chunks:
            raw = chunk.split(sep)
            texts = raw
            if clean:
                for word in words:
                    chunk = chunk.replace(word, "")
                texts = chunk.translate(chars).split(sep)
            if behind:
                texts = [f"-{text[:-1]}" if text[-1:] == "-" else text for text in texts]
            gap = np.fromiter((text in gaps for text in raw), bool, len(raw)) if gaps else None
            if gap is not None and gap.any():
                filler = "0" if self.whole else "nan"
                texts = [filler if g else t for g, t in zip(gap.tolist(), texts, strict=True)]
            values.append(np.array(list(map(kind, texts)), dtype=np.int64 if self.whole else float))
            missing.append(np.zeros(len(raw), dtype=bool) if gap is None else gap)
        return np.concatenate(values), np.concatenate(missing)

    def write(self, values: Sequence[float]) -> list[str]:
        """Return numbers as texts."""
        texts = []
        for value in values:
            size = abs(value)
            if self.least == self.most or self.whole:
                digits = f"{size:.{self.most}f}" if not self.whole else str(round(size))
            else:
                digits = repr(float(size))
                mantissa, e, exponent = digits.partition("e")
                part, _, fraction = mantissa.partition(".")
                fraction = fraction if fraction != "0" else ""
                fraction = fraction.ljust(self.least, "0") if not e else fraction
                digits = part + ("." + fraction if fraction else "") + e + exponent
            part, point, fraction = digits.partition(".")
            if self.thousands and part.isdigit():
                part = self._grouped(part)
            digits = part + (self.decimal if point else "") + fraction
            # No minus before a number that was rounded to zero.
            negative = value < 0 and re.search("[1-9]|inf", digits)
            texts.append((self.negative if negative else self.positive).replace("9", digits))
        return texts

    def _grouped(self, digits: str) -> str:
        if not self.indian:
            return f"{int(digits):,}".replace(",", self.thousands)
        head, tail = digits[:-3], digits[-3:]
        pairs = [head[max(0, i - 2) : i] for i in range(len(head), 0, -2)][::-1]
        return self.thousands.join([*pairs, tail])
