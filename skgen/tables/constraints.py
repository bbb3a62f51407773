"""Classes of the rules that all rows of a table keep.

Some rules compute one column, the target, from others. :class:`skgen.TableEncoder` does not encode
the target, or encodes a remainder instead of it, and computes it when it decodes:

- :class:`Inequality`, ``low <= high``: the difference, which is never negative, is encoded instead
  of ``high``;
- :class:`Sum`, ``total = a + b - c``, also of dates and durations: nothing is encoded, or the
  deviation if a few rows break it;
- :class:`Product`, ``total = price * quantity`` or a ratio, rounded as the column is: nothing;
- :class:`Formula`, any other arithmetic, rounded likewise: nothing;
- :class:`FunctionOf`, a column that another one determines, as the city the country: nothing.

With the others all columns are encoded:

- :class:`GapWhere`, a column that is missing exactly where another one has certain entries: its
  gap indicator is left out;
- :class:`NeverTogether`, mutually exclusive entries of two columns: the second is decoded as the
  nearest that is allowed with the first;
- :class:`Range`, bounds of a column, also beyond the values that fit saw;
- :class:`OneOf`, all values that a column may have;
- :class:`Check`, any function of rows: rows are drawn again until it holds.
"""

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "Check",
    "Formula",
    "FunctionOf",
    "GapWhere",
    "Inequality",
    "NeverTogether",
    "OneOf",
    "Product",
    "Range",
    "Sum",
    "Support",
]

# Most entries that the text of a rule lists.
MAX_SHOWN = 4
# Words for the units of durations.
UNITS = {"W": "weeks", "D": "days", "h": "hours", "min": "minutes", "s": "seconds"}


@dataclass(frozen=True)
class Support:
    """Numbers of rows of fit in which a rule could be checked, and in which it held.

    Parameters
    ----------
    n_rows : int
        Number of rows of fit.
    n_checked : int
        Number of rows in which the rule could be checked: those without a gap in its columns or, of
        a function, those whose input occurs in another row as well.
    n_held : int
        Number of these rows in which it held.
    decimals : int, default=None
        Decimals to which a product or a formula is rounded; None if it is not.
    """

    n_rows: int
    n_checked: int
    n_held: int
    decimals: int | None = None

    def __str__(self) -> str:
        rounded = "" if self.decimals is None else f", to {10.0**-self.decimals:.{self.decimals}f}"
        if self.n_checked == self.n_rows:
            of, rest = "", ""
        else:
            of, rest = " checked", f", of {self.n_rows:,}"
        if self.n_held == self.n_checked:
            rows = f"all {self.n_checked:,} rows{of}{rest}"
        else:
            rows = f"{self.n_held:,} of {self.n_checked:,} rows{of}{rest}"
        return f"{rounded} (in {rows})"


@dataclass(frozen=True)
class _Rule:
    """The base class of rules: their text, and their support in the rows of fit."""

    # None before fit; ignored when rules are compared.
    support: Support | None = field(default=None, init=False, compare=False, repr=False)

    def _words(self) -> str:
        """Return the rule as text, without its support."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self._words() + ("" if self.support is None else str(self.support))


@dataclass(frozen=True)
class Inequality(_Rule):
    """``low <= high`` in every row in which both are observed.

    Parameters
    ----------
    low, high : hashable
        Names of two columns of numbers, of durations, or of dates of one dtype.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import Inequality, TableEncoder
    >>> stays = pd.DataFrame({"arrival": [1, 4, 9], "departure": [3, 4, 14]})
    >>> encoder = TableEncoder(constraints=[Inequality("arrival", "departure")]).fit(stays)
    >>> encoder.inverse_transform([[9.0, -9.0]])
       arrival  departure
    0        9          9
    """

    low: Any
    high: Any

    @property
    def target(self) -> Any:
        """The column that is computed."""
        return self.high

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The columns that it is computed from."""
        return (self.low,)

    def _words(self) -> str:
        return f"{self.low!r} <= {self.high!r}"


@dataclass(frozen=True)
class Sum(_Rule):
    """A column that is the sum of others in every row, less the sum of further ones.

    Parameters
    ----------
    total : hashable
        Name of the column that is the sum.
    parts : sequence of hashable
        Names of the columns that are added. A single one makes the total a copy of it.
    less : sequence of hashable, default=()
        Names of columns that are subtracted.
    plus : float, default=0
        A number that is added.
    unit : str, default=None
        Where dates or durations and numbers are added, what 1 stands for: ``"W"``, ``"D"``,
        ``"h"``, ``"min"`` or ``"s"``.
    exceptions : float, default=0
        The share of rows that may break the rule. New rows do as often, by as much.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import Sum, TableEncoder
    >>> bills = pd.DataFrame({"net": [10, 20, 30], "tax": [1, 4, 3], "gross": [11, 24, 33]})
    >>> encoder = TableEncoder(constraints=[Sum("gross", ["net", "tax"])]).fit(bills)
    >>> encoder.inverse_transform(encoder.transform(bills)).equals(bills)
    True
    >>> encoder.get_feature_names_out().tolist()
    ['net', 'tax']
    >>> print(Sum("end", ["start", "nights"], unit="D"))
    'end' = 'start' + 'nights' days
    """

    total: Any
    parts: Sequence[Any]
    less: Sequence[Any] = ()
    plus: float = 0
    unit: str | None = None
    exceptions: float = 0.0

    def __post_init__(self) -> None:
        _check_lists(self, parts=self.parts, less=self.less)
        if self.unit is not None and self.unit not in UNITS:
            raise ValueError(
                f"Sum({self.total!r}) has the unit {self.unit!r}, which is none of "
                f"{', '.join(map(repr, UNITS))}."
            )

    @property
    def target(self) -> Any:
        """The column that is computed."""
        return self.total

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The columns that it is computed from."""
        return (*self.parts, *self.less)

    def _words(self) -> str:
        added = [f"{self.plus:g}"] if self.plus and not self.parts else []
        terms = " + ".join([*added, *map(repr, self.parts)])
        terms += "".join(f" - {part!r}" for part in self.less)
        if self.plus and self.parts:
            terms += f" {'+' if self.plus > 0 else '-'} {abs(self.plus):g}"
        terms += f" {UNITS[self.unit]}" if self.unit else ""
        but = f", but for {self.exceptions:.2%} of the rows" if self.exceptions else ""
        return f"{self.total!r} = {terms}{but}"


@dataclass(frozen=True)
class Product(_Rule):
    """A column that is a product or a ratio in every row, rounded to the decimals that it has.

    Parameters
    ----------
    total : hashable
        Name of the column that is the product.
    factors : sequence of hashable
        Names of the columns that are multiplied.
    over : sequence of hashable, default=()
        Names of the columns that it is divided by.
    times : float, default=1
        A number that it is multiplied by, such as 100 for a percentage, or a rate.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import Product, TableEncoder
    >>> bills = pd.DataFrame({"price": [1.25, 2.5], "number": [3, 2], "net": [3.75, 5.0]})
    >>> encoder = TableEncoder(constraints=[Product("net", ["price", "number"])]).fit(bills)
    >>> print(*encoder.constraints_)
    'net' = 'price' * 'number' (in all 2 rows)
    >>> print(Product("share", ["part"], ["whole"], times=100))
    'share' = 100 * 'part' / 'whole'
    """

    total: Any
    factors: Sequence[Any]
    over: Sequence[Any] = ()
    times: float = 1

    def __post_init__(self) -> None:
        _check_lists(self, factors=self.factors, over=self.over)

    @property
    def target(self) -> Any:
        """The column that is computed."""
        return self.total

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The columns that it is computed from."""
        return (*self.factors, *self.over)

    def _words(self) -> str:
        times = [f"{self.times:.10g}"] if self.times != 1 else []
        terms = " * ".join([*times, *map(repr, self.factors)])
        return f"{self.total!r} = {terms}" + "".join(f" / {name!r}" for name in self.over)


@dataclass(frozen=True)
class Formula(_Rule):
    """A column that is computed from others in every row, rounded to the decimals that it has.

    Parameters
    ----------
    column : hashable
        Name of the column that is computed.
    text : str
        Names of columns and numbers with ``+ - * / **`` and brackets between them. A name that is
        more than letters, digits and underscores stands between backticks.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import Formula, TableEncoder
    >>> bodies = pd.DataFrame({"kg": [60.0, 82.5, 71.0], "m": [1.65, 1.8, 1.74]})
    >>> bodies["bmi"] = (bodies["kg"] / bodies["m"] ** 2).round(1)
    >>> encoder = TableEncoder(constraints=[Formula("bmi", "kg / m ** 2")]).fit(bodies)
    >>> encoder.inverse_transform(encoder.transform(bodies)).equals(bodies)
    True
    """

    column: Any
    text: str

    def __post_init__(self) -> None:
        # Parsed here, so that a wrong formula raises at once.
        _ = self._parsed

    @cached_property
    def _parsed(self) -> tuple[tuple[str, ...], Callable[[Sequence[Any]], Any]]:
        return _parsed(self.text)

    @property
    def target(self) -> Any:
        """The column that is computed."""
        return self.column

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The columns that it is computed from."""
        return self._parsed[0]

    def value(self, numbers: Sequence[np.ndarray]) -> np.ndarray:
        """Return the value of the formula, before rounding.

        Parameters
        ----------
        numbers : sequence of ndarray of shape (n_samples,)
            The numbers of the inputs, in the order of ``inputs``.

        Returns
        -------
        value : ndarray of shape (n_samples,)
            The value; NaN or infinite where it is undefined.
        """
        with np.errstate(all="ignore"):
            return np.asarray(self._parsed[1](numbers), dtype=np.float64)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_parsed"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _words(self) -> str:
        return f"{self.column!r} = {self.text}"


class _Determined(_Rule):
    """A rule about one column, ``column``, that another one, ``of``, determines."""

    column: Any
    of: Any

    @property
    def target(self) -> Any:
        """The column, or the one whose gaps are computed."""
        return self.column

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The column that it is computed from."""
        return (self.of,)


@dataclass(frozen=True)
class FunctionOf(_Determined):
    """A column that another one determines: rows equal in ``of`` are equal in ``column``.

    Parameters
    ----------
    column : hashable
        Name of the column that is determined.
    of : hashable
        Name of the column that determines it.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import FunctionOf, TableEncoder
    >>> places = pd.DataFrame({"city": ["Bern", "Rome", "Basel"], "country": ["CH", "IT", "CH"]})
    >>> encoder = TableEncoder(constraints=[FunctionOf("country", "city")]).fit(places)
    >>> encoder.inverse_transform(encoder.transform(places)).equals(places)
    True
    """

    column: Any
    of: Any

    def _words(self) -> str:
        return f"{self.column!r} is a function of {self.of!r}"


@dataclass(frozen=True)
class GapWhere(_Determined):
    """A column that is missing where another one has certain entries, and nowhere else.

    Parameters
    ----------
    column : hashable
        Name of the column that has gaps.
    of : hashable
        Name of the column that determines them.
    entries : sequence
        The entries of ``of`` where ``column`` is missing; None stands for gaps of ``of``.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import GapWhere, TableEncoder
    >>> people = pd.DataFrame({"smokes": ["no", "yes", "no"], "a_day": [None, 12.0, None]})
    >>> encoder = TableEncoder(constraints=[GapWhere("a_day", "smokes", ["no"])]).fit(people)
    >>> encoder.get_feature_names_out().tolist()
    ['smokes_yes']
    """

    column: Any
    of: Any
    entries: Sequence[Any]

    def __post_init__(self) -> None:
        _check_lists(self, entries=self.entries)

    def _words(self) -> str:
        if len(self.entries) == 1 and self.entries[0] is None:
            return f"{self.column!r} is missing where {self.of!r} is"
        entries = ["missing" if entry is None else repr(entry) for entry in self.entries]
        return f"{self.column!r} is missing where {self.of!r} is {_listed(entries, ' or ')}"


@dataclass(frozen=True)
class NeverTogether(_Rule):
    """Mutually exclusive entries of two columns.

    Parameters
    ----------
    first, second : hashable
        Names of the columns.
    pairs : sequence of (entry of the first, entry of the second)
        The pairs of entries that no row has together.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import NeverTogether, TableEncoder
    >>> people = pd.DataFrame({"sex": ["m", "f", "f"], "pregnant": ["no", "yes", "no"]})
    >>> rule = NeverTogether("sex", "pregnant", [("m", "yes")])
    >>> encoder = TableEncoder(constraints=[rule]).fit(people)
    >>> Z = encoder.transform(pd.DataFrame({"sex": ["m"], "pregnant": ["yes"]}))
    >>> encoder.inverse_transform(Z)
      sex pregnant
    0   m       no
    """

    first: Any
    second: Any
    pairs: Sequence[tuple[Any, Any]]

    def __post_init__(self) -> None:
        pairs = [pair for pair in self.pairs if not isinstance(pair, str) and np.iterable(pair)]
        if not pairs or [len(pair) for pair in pairs] != [2] * len(self.pairs):
            raise ValueError(
                f"NeverTogether({self.first!r}, {self.second!r}) takes a list of pairs, each of an "
                f"entry of {self.first!r} and one of {self.second!r}, got {self.pairs!r}."
            )

    @property
    def target(self) -> Any:
        """The second column, which is decoded given the first."""
        return self.second

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The first column."""
        return (self.first,)

    def _words(self) -> str:
        pairs = [f"{a!r} with {b!r}" for a, b in self.pairs]
        return f"{self.first!r} and {self.second!r} are never {_listed(pairs, ' or ')}"


class _ColumnRule(_Rule):
    """A rule about the values of one column, ``column``, by itself."""

    column: Any

    @property
    def target(self) -> Any:
        """The column."""
        return self.column

    @property
    def inputs(self) -> tuple[Any, ...]:
        """Empty: no column is computed."""
        return ()


@dataclass(frozen=True)
class Range(_ColumnRule):
    """The least and the largest value that a column may have, also beyond those that fit saw.

    Parameters
    ----------
    column : hashable
        Name of a column of numbers, dates or durations.
    low, high : value, default=None
        The bounds; None stands for the least or largest value that fit saw.

    Notes
    -----
    Without this rule no value outside the range of fit is drawn: where all entries of fit are
    positive, drawn ones are. ``Range("price", low=0.01)`` also refuses rows of fit with a lower
    price, and allows prices below the least of fit to be drawn, down to 0.01.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import Range, TableEncoder
    >>> people = pd.DataFrame({"age": [21, 47, 64]})
    >>> encoder = TableEncoder(constraints=[Range("age", low=18, high=99)]).fit(people)
    >>> encoder.inverse_transform([[-9.0], [9.0]])["age"].tolist()
    [18, 99]
    """

    column: Any
    low: Any = None
    high: Any = None

    def _words(self) -> str:
        low, high = ("" if end is None else str(end) for end in (self.low, self.high))
        return f"{low} <= " * (low != "") + f"{self.column!r}" + f" <= {high}" * (high != "")


@dataclass(frozen=True)
class OneOf(_ColumnRule):
    """The values that a column may have, and no others.

    Parameters
    ----------
    column : hashable
        Name of the column.
    values : sequence
        The values. Gaps need no mention; they are drawn if fit saw some.

    Notes
    -----
    Numbers, dates, durations and ordered categories are decoded as the nearest of the values, also
    where no row of fit has it. Unordered categories that no row of fit has are not drawn.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import OneOf, TableEncoder
    >>> coins = pd.DataFrame({"cents": [5, 10, 50, 100, 5]})
    >>> encoder = TableEncoder(constraints=[OneOf("cents", [5, 10, 20, 50, 100])]).fit(coins)
    >>> Z = encoder.transform(pd.DataFrame({"cents": [18, 36, 900]}))
    >>> encoder.inverse_transform(Z)["cents"].tolist()
    [20, 50, 100]
    """

    column: Any
    values: Sequence[Any]

    def __post_init__(self) -> None:
        if isinstance(self.values, str) or not len(self.values):
            raise ValueError(f"OneOf({self.column!r}) takes a list of values, got {self.values!r}.")
        object.__setattr__(self, "values", tuple(self.values))
        gaps = [value for value in self.values if np.ndim(value) == 0 and pd.isna(value)]
        if gaps:
            raise ValueError(
                f"OneOf({self.column!r}) has {gaps[0]!r} among its values: gaps are always "
                "allowed; leave it out."
            )

    def _words(self) -> str:
        return f"{self.column!r} is one of {_listed(list(map(repr, self.values)), ', ')}"


@dataclass(frozen=True)
class Check(_Rule):
    """A function that returns for each row whether it is possible.

    :class:`skgen.TableEncoder` makes a check of each function among its ``constraints``. It
    computes no column: :class:`skgen.GenerativePipeline` draws rows again until it holds.

    Parameters
    ----------
    function : callable
        Takes a frame; returns a boolean for each row, which depends on that row alone.
    """

    function: Callable[[pd.DataFrame], Any]

    @property
    def target(self) -> Any:
        """None: a function computes no column."""
        return None

    @property
    def inputs(self) -> tuple[Any, ...]:
        """Empty: the columns that a function reads are unknown."""
        return ()

    @property
    def name(self) -> str:
        """The name of the function."""
        return getattr(self.function, "__name__", None) or repr(self.function)

    def holds(self, frame: pd.DataFrame) -> np.ndarray:
        """Return in which rows of a frame the function holds.

        Parameters
        ----------
        frame : DataFrame of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        holds : ndarray of shape (n_samples,), bool
            Whether each row is possible.

        Raises
        ------
        TypeError
            If the function returns anything but a boolean for each row.
        """
        returned = self.function(frame.copy())
        holds = np.asarray(returned)
        if holds.dtype == object and not pd.isna(holds).any():
            # A nullable dtype without gaps: booleans, or None for any other value.
            holds = np.array([h if isinstance(h, bool | np.bool_) else None for h in holds.flat])
        if holds.shape != (len(frame),) or holds.dtype != bool:
            raise TypeError(
                f"The function {self.name!r} among the constraints returned "
                f"{type(returned).__name__} of shape {holds.shape} and dtype "
                f"{getattr(returned, 'dtype', holds.dtype)} for a frame of {len(frame)} rows: "
                "it must return True or False for each row."
            )
        return holds

    def _words(self) -> str:
        return f"{self.name}(row) is true"


Rule = Inequality | Sum | Product | Formula | FunctionOf | GapWhere | NeverTogether | Range | OneOf
RULES = (Inequality, Sum, Product, Formula, FunctionOf, GapWhere, NeverTogether, Range, OneOf)


def _check_lists(rule: Any, **given: Any) -> None:
    """Raise ValueError if an argument of a rule is no list, or if all of them are empty."""
    for name, values in given.items():
        if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
            raise ValueError(
                f"{type(rule).__name__} takes a list as {name}=, got {values!r}; give [{values!r}]."
            )
    if not any(map(len, given.values())):
        what = "= or ".join(given)
        raise ValueError(f"{type(rule).__name__} of {rule.target!r} lists nothing as {what}=.")


def _listed(texts: list[str], between: str) -> str:
    """Return the first of some texts, and the number of the rest."""
    more = [f"{len(texts) - MAX_SHOWN} more"] if len(texts) > MAX_SHOWN else []
    return between.join(texts[:MAX_SHOWN] + more)


# Operations of formulas, by node of the syntax tree.
OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}


def _parsed(text: str) -> tuple[tuple[str, ...], Callable[[Sequence[Any]], Any]]:
    """Return the names of columns in a formula, and a function that computes it from them."""
    quoted: dict[str, str] = {}

    def unquoted(found: re.Match[str]) -> str:
        return quoted.setdefault(found.group(1), f"quoted_name_{len(quoted)}")

    try:
        tree = ast.parse(re.sub(r"`([^`]+)`", unquoted, text).strip(), mode="eval").body
    except SyntaxError:
        raise ValueError(
            f"The formula {text!r} cannot be read: give names of columns and numbers with + - * / "
            "** between them, and names with blanks or marks in backticks."
        ) from None
    original_names = {found: name for name, found in quoted.items()}
    names: dict[str, int] = {}

    def compiled(node: ast.AST) -> Callable[[Sequence[Any]], Any]:
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
            operation = OPERATIONS[type(node.op)]
            left, right = compiled(node.left), compiled(node.right)
            return lambda numbers: operation(left(numbers), right(numbers))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner, sign = compiled(node.operand), -1 if isinstance(node.op, ast.USub) else 1
            return lambda numbers: sign * inner(numbers)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            constant = float(node.value)
            return lambda numbers: constant
        if isinstance(node, ast.Name):
            position = names.setdefault(original_names.get(node.id, node.id), len(names))
            return lambda numbers: numbers[position].astype(np.float64)
        raise ValueError(
            f"The formula {text!r} holds {ast.unparse(node)!r}: it can hold names of columns, "
            "numbers, + - * / ** and brackets."
        )

    value = compiled(tree)
    if not names:
        raise ValueError(f"The formula {text!r} names no column.")
    return tuple(names), value
