"""Tables of mixed columns as matrices of numbers, and back.

A column of numbers, dates or ordered categories is one column of the matrix. A column of categories
is one-hot, or the binary digits of the category's number, by frequency: 40 categories take 6
columns. One more marks missing entries, where fit saw any. What comes back has the dtype, the grid
of values and the missing entries of what was there.
"""

import math
import warnings
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pandas.api.types import (
    is_bool_dtype,
    is_complex_dtype,
    is_float_dtype,
    is_integer_dtype,
    is_object_dtype,
    is_timedelta64_dtype,
    is_unsigned_integer_dtype,
)
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from skgen import storage
from skgen.dtypes import as_objects, described, dtype_of
from skgen.entries import (
    MAX_EXACT,
    Intervals,
    NotOfForm,
    Numbers,
    Times,
    form_of,
    is_finite,
    is_number,
    is_whole,
)
from skgen.identifiers import identifying, warning_of
from skgen.scaling import MAX_RATIO, share_unit

__all__ = ["TableEncoder"]

MAX_DECIMALS = 12
# Marks such as 9999: how many a column has at an end at most, and how far they are from all other
# values, in widths of these.
MOST_MARKS, SENTINEL_GAP = 3, 3.0
# Rows that are searched for columns of one unit, at most.
MAX_SEARCHED = 100_000
# Signs of a missing entry that are one object each.
MARKERS = {"NA": pd.NA, "NaT": pd.NaT}


def _of_dtype(values: Any, missing: np.ndarray, dtype: Any, marker: Any, name: str) -> pd.Series:
    """Return values as a column of a dtype, with its missing entries."""
    if is_object_dtype(dtype):
        column = pd.Series(np.empty(len(values), dtype=object))
        column[:] = values
        column[missing] = marker
        return column
    if isinstance(dtype, pd.ArrowDtype):
        # Not by mask, which fails for some of Arrow's types where all is missing.
        entries = np.array(values, dtype=object)
        entries[missing] = None
        return pd.Series(entries, dtype=object).astype(dtype)
    column = pd.Series(values).astype(dtype)
    if not missing.any():
        return column
    if isinstance(dtype, np.dtype) and dtype.kind in "iub":
        raise ValueError(
            f"Column {name!r} of dtype {dtype} cannot hold the missing entry of row "
            f"{int(missing.argmax())}; impute the rows, or fit a frame of a nullable dtype."
        )
    return column.mask(missing)


def _check_saved(value: Any, what: str) -> None:
    """Raise a TypeError that begins with `what` if no file can hold a value."""
    reason = storage.reason_not_saved(value)
    if reason is not None:
        raise TypeError(
            f"{what} {reason}, which no model file can hold. Convert it, such as by astype(str), "
            "to_datetime or tz_convert, or register its class with skgen.persistence.register."
        )


class _Column:
    """One column of a table: codes of its entries, a mark of its gaps, and the way back.

    Attributes
    ----------
    names : list of str
        Columns of the matrix that it takes: the codes, and the mark where fit saw gaps.
    filler : float or ndarray of shape (n_codes,)
        Codes that stand in for those of a missing entry.
    """

    filler: Any = 0.0

    def __init__(self, column: pd.Series, name: str):
        self.name, self.dtype = name, column.dtype
        missing = column.isna().to_numpy()
        self.has_gaps = bool(missing.any())
        self.marker = column[missing].iloc[0] if self.has_gaps else None
        self.names = self._learn(column[~missing])
        self.n_codes = len(self.names)
        if self.has_gaps:
            self.names = [*self.names, name + "_missing"]

    def _learn(self, present: pd.Series) -> list[str]:
        """Learn from the entries that are there; return the names of the codes."""
        raise NotImplementedError

    def _codes(self, present: pd.Series) -> np.ndarray:
        """Return the codes of entries, (n, n_codes)."""
        raise NotImplementedError

    def _entries(self, codes: np.ndarray) -> Any:
        """Return the entries that are nearest to some codes."""
        raise NotImplementedError

    def _unknown(self, present: pd.Series, handle_unknown: str) -> Any:
        """Tell which entries have no code, or raise where that is asked for."""
        return np.zeros(len(present), dtype=bool)

    def unseen(self, column: pd.Series) -> np.ndarray:
        """Tell which entries have no code."""
        missing = np.array(column.isna())
        unseen = missing & (not self.has_gaps)
        unseen[~missing] = self._unknown(column[~missing], "missing")
        return unseen

    def encode(self, column: pd.Series, holes: bool, handle_unknown: str) -> np.ndarray:
        """Return the columns of the matrix; for holes, NaN in the codes of missing entries."""
        missing = np.array(column.isna())
        missing[~missing] = self._unknown(column[~missing], handle_unknown)
        block = np.full((len(column), self.n_codes), np.nan)
        block[~missing] = self._codes(column[~missing])
        if not self.has_gaps:
            return block
        if not holes:
            block[missing] = self.filler
        # What is to be imputed is there, and not known.
        mark = np.zeros(len(column)) if holes else missing.astype(np.float64)
        return np.column_stack([block, mark])

    def decode(self, block: np.ndarray) -> pd.Series:
        """Return the column for rows of the matrix, whatever stands in them."""
        codes = block[:, : self.n_codes]
        missing = np.isnan(codes).any(1)
        codes = np.where(missing[:, None], self.filler, codes)
        if self.has_gaps:
            missing = missing | (block[:, -1] > 0.5)
        return _of_dtype(self._entries(codes), missing, self.dtype, self.marker, self.name)

    def __getstate__(self) -> dict[str, Any]:
        names = {id(marker): name for name, marker in MARKERS.items()}
        marker = names.get(id(self.marker), self.marker)
        return {**self.__dict__, "dtype": described(self.dtype), "marker": marker}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if isinstance(self.dtype, str | dict):
            self.dtype = dtype_of(self.dtype)
        if isinstance(self.marker, str):
            self.marker = MARKERS[self.marker]

    def check_saved(self) -> None:
        """Raise where no file could hold an entry or the dtype: after the training is too late."""
        _check_saved(described(self.dtype), f"Column {self.name!r} is of dtype {self.dtype}, and")
        _check_saved(self.marker, f"Column {self.name!r} holds")

    def _refuse(self, value: Any, row: Any, what: str) -> ValueError:
        return ValueError(f"Column {self.name!r} has {value!r} in row {row}, {what}")


class _Empty(_Column):
    """A column without a single entry: nothing to learn, nothing to give but gaps."""

    def __init__(self, column: pd.Series, name: str):
        super().__init__(column, name)
        self.names = []

    def _learn(self, present):
        return []

    def _unknown(self, present, handle_unknown):
        return np.ones(len(present), dtype=bool)

    def encode(self, column, holes, handle_unknown):
        present = np.flatnonzero(column.notna())
        if len(present) and handle_unknown == "error":
            raise self._refuse(
                column.iloc[present[0]],
                present[0],
                "where fit saw no entry at all; handle_unknown='missing' leaves it out.",
            )
        return np.empty((len(column), 0))

    def decode(self, block):
        nothing = np.full(len(block), None)
        missing = np.ones(len(block), dtype=bool)
        return _of_dtype(nothing, missing, self.dtype, self.marker, self.name)


def _sentinels(values: np.ndarray) -> list[tuple[float, float]]:
    """Return the gaps that part marks, such as -1, 9999 or a last day of time, from the rest.

    Marks are up to `MOST_MARKS` repeated values at an end. Their gap is wider than `SENTINEL_GAP`
    times what all others span, but for as many at the other end, which may be marks themselves.
    """
    found, counts = np.unique(values, return_counts=True)
    gaps = []
    for sign in (1, -1):
        found, counts = sign * found[::sign], counts[::sign]
        for n_marks in range(1, min(MOST_MARKS, len(found) - 1) + 1):
            if counts[-n_marks] < 2:
                break
            last, first = found[-n_marks - 1], found[min(MOST_MARKS, len(found) - n_marks - 1)]
            if found[-n_marks] - last > SENTINEL_GAP * (last - first):
                gaps.append(tuple(sorted((sign * last, sign * found[-n_marks]))))
        found, counts = sign * found[::sign], counts[::sign]
    return gaps


class _Numbers(_Column):
    """Numbers on a scale of their own, a power of two so that no digit is lost.

    What is decoded between a sentinel and the rest is the nearer end of the gap.
    """

    gaps: Any = ()

    def _learn(self, present):
        values = self._numbers(present)
        self.low, self.high = float(values.min()), float(values.max())
        self.gaps = _sentinels(values)
        largest = np.abs(values).max() or 1.0
        spread = float(np.std(values / largest)) * largest
        self.scale = 2.0 ** round(math.log2(spread)) if 0 < spread < math.inf else 1.0
        self.filler = np.sort(values)[len(values) // 2] / self.scale
        return [] if self.low == self.high else [self.name]

    def _numbers(self, present: pd.Series) -> np.ndarray:
        """Return entries as floats."""
        raise NotImplementedError

    def _nearest(self, values: np.ndarray) -> Any:
        """Invert `_numbers`, to the grid of the values."""
        raise NotImplementedError

    def _codes(self, present):
        return (self._numbers(present) / self.scale)[:, None][:, : self.n_codes]

    def _entries(self, codes):
        if not self.n_codes:
            return self._nearest(np.full(len(codes), self.low))
        values = np.clip(codes[:, 0] * self.scale, self.low, self.high)
        for low, high in self.gaps:
            inside = (low < values) & (values < high)
            values[inside] = np.where(values[inside] < low / 2 + high / 2, low, high)
        return self._nearest(values)


class _Floats(_Numbers):
    """Floats, rounded to the decimals that all of them have."""

    def _learn(self, present):
        values = self._numbers(present)
        self.decimals = None
        for decimals in range(MAX_DECIMALS + 1):
            if np.abs(values).max() * 10.0**decimals > MAX_EXACT:
                break
            if np.array_equal(self._rounded(values, decimals), self._rounded(values, None)):
                self.decimals = decimals
                break
        return super()._learn(present)

    def _rounded(self, values, decimals):
        values = values if decimals is None else np.round(values, decimals)
        return values.astype(np.float32) if str(self.dtype).lower() == "float32" else values

    def _numbers(self, present):
        try:
            values = present.to_numpy(dtype=np.float64)
        except (TypeError, ValueError):
            value, row = _first(present, lambda v: not isinstance(v, (int, float, np.number)))
            raise self._refuse(value, row, "but fit saw numbers there.") from None
        if not np.isfinite(values).all():
            value, row = _first(present, lambda v: not np.isfinite(v))
            raise self._refuse(value, row, "and numbers must be finite (X contains infinity).")
        return values

    def _nearest(self, values):
        values = self._rounded(values, self.decimals)
        return values.tolist() if is_object_dtype(self.dtype) else values


class _Steps(_Numbers):
    """Integers and times, counted from the least in steps that all of them are multiples of."""

    def _learn(self, present):
        self.origin, self.step = 0, 1
        counts = self._integers(present)
        self.origin = int(min(counts))
        counts = counts - self.origin
        if not isinstance(self.dtype, pd.CategoricalDtype):
            self.step = math.gcd(*set(counts)) or 1
        if int(max(counts)) // self.step > MAX_EXACT:
            raise ValueError(
                f"Column {self.name!r} spans {int(max(counts))} steps of {self.step}, more than a "
                "float holds exactly (2**53); round it to coarser steps, or make it a category."
            )
        return super()._learn(present)

    def _unknown(self, present, handle_unknown):
        if not isinstance(self.dtype, pd.CategoricalDtype):
            return super()._unknown(present, handle_unknown)
        unknown = self._places(present) < 0
        if handle_unknown == "error" and unknown.any():
            raise self._refuse(
                present[unknown].iloc[0],
                present.index[unknown][0],
                "which is none of the ordered categories; handle_unknown='missing' takes it for a "
                "gap.",
            )
        return unknown

    def _integers(self, present: pd.Series) -> np.ndarray:
        """Return entries as Python's integers, which do not overflow."""
        if is_object_dtype(self.dtype) or is_integer_dtype(self.dtype):
            values = present.to_numpy(dtype=object)
            for row, value in zip(present.index, values, strict=True):
                if not is_number(type(value)) or not is_finite(value) or not is_whole(value):
                    raise self._refuse(value, row, "but fit saw whole numbers there.")
            return np.array([int(v) for v in values], dtype=object)
        if isinstance(self.dtype, pd.CategoricalDtype):
            return self._places(present).astype(object)
        return present.astype(self.dtype).astype("int64").to_numpy().astype(object)

    def _places(self, present: pd.Series) -> np.ndarray:
        """Return the places of entries among the ordered categories, -1 for others."""
        # As objects: an index of intervals finds nothing where they overlap.
        return self.dtype.categories.astype(object).get_indexer(present.astype(object))

    def _numbers(self, present):
        return ((self._integers(present) - self.origin) / self.step).astype(np.float64)

    def _nearest(self, values):
        integers = np.round(values).astype(np.int64).astype(object) * self.step + self.origin
        if is_object_dtype(self.dtype):
            return integers
        if isinstance(self.dtype, pd.CategoricalDtype):
            return pd.Categorical.from_codes(integers.astype(np.int64), dtype=self.dtype)
        if is_integer_dtype(self.dtype):
            unsigned = is_unsigned_integer_dtype(self.dtype)
            return integers.astype(np.uint64 if unsigned else np.int64)
        kind = "m" if is_timedelta64_dtype(self.dtype) else "M"
        zone = getattr(self.dtype, "tz", None)
        unit = self.dtype.unit if zone else np.datetime_data(self.dtype)[0]
        times = pd.Series(integers.astype(np.int64).view(f"{kind}8[{unit}]"))
        return times.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else times


class _Labels(_Column):
    """Categories, one-hot or as binary digits."""

    def __init__(self, column: pd.Series, name: str, max_one_hot: int):
        self.max_one_hot = max_one_hot
        super().__init__(column, name)

    def _learn(self, present):
        counts: dict[Any, int] = {}
        first: dict[Any, Any] = {}
        for value in present.astype(object):
            key = self._key(value)
            counts[key] = counts.get(key, 0) + 1
            first.setdefault(key, value)
        # By frequency, so that digits which are seldom 1 belong to seldom categories.
        by_count = not is_bool_dtype(self.dtype)
        keys = sorted(counts, key=lambda key: (-counts[key] * by_count, str(first[key])))
        self.number = {key: i for i, key in enumerate(keys)}
        self.values = np.empty(len(keys), dtype=object)
        for i, key in enumerate(keys):
            self.values[i] = first[key]
        self.one_hot = 2 < len(keys) <= self.max_one_hot
        self.n_digits = (len(keys) - 1).bit_length()
        if self.one_hot:
            return [f"{self.name}_{value}" for value in self.values]
        if self.n_digits == 1:
            return [f"{self.name}_{self.values[1]}"]
        return [f"{self.name}_bit{digit}" for digit in range(self.n_digits)]

    def __getstate__(self):
        return {k: v for k, v in super().__getstate__().items() if k != "number"}

    def __setstate__(self, state):
        super().__setstate__(state)
        self.number = {self._key(value): i for i, value in enumerate(self.values)}

    def check_saved(self):
        super().check_saved()
        done: set[type] = {str}
        for value in self.values:
            if type(value) in done:
                continue
            _check_saved(value, f"Column {self.name!r} holds")
            if not isinstance(value, tuple | frozenset):
                # What a tuple holds is another matter in each.
                done.add(type(value))

    def _key(self, value: Any) -> Any:
        # 1, 1.0 and True are equal, but not the same entry of a column of objects.
        return (type(value), value) if is_object_dtype(self.dtype) else value

    def _unknown(self, present, handle_unknown):
        unknown = [self._key(value) not in self.number for value in present.astype(object)]
        if handle_unknown == "error" and any(unknown):
            at = unknown.index(True)
            seen = ", ".join(map(repr, self.values[:10]))
            raise self._refuse(
                present.iloc[at],
                present.index[at],
                f"a category that fit did not see ({seen}{', ...' * (len(self.values) > 10)}); "
                "handle_unknown='missing' takes it for a gap.",
            )
        return unknown

    def _codes(self, present):
        index = [self.number[self._key(value)] for value in present.astype(object)]
        index = np.array(index, dtype=np.int64)[:, None]
        if self.one_hot:
            return index == np.arange(len(self.values))
        return index >> np.arange(self.n_digits) & 1

    def _entries(self, codes):
        if self.one_hot:
            return self.values[codes.argmax(1)]
        index = ((codes > 0.5) << np.arange(self.n_digits)).sum(1, dtype=np.int64)
        # A number beyond the last: the nearest that there is lacks the highest digit.
        index = np.where(index < len(self.values), index, index - (1 << self.n_digits >> 1))
        return self.values[index]


class _Converted(_Column):
    """Numbers, times and intervals by another name, encoded as what they are converted to.

    Attributes
    ----------
    form : Numbers, Times or Intervals
        The conversion, from :mod:`skgen.entries`.
    inner : _Floats or _Steps
        The column of what they are converted to.
    """

    def _learn(self, present):
        entries = present.astype(object)
        self.form = form_of(entries)
        plain = self.form.plain(entries)
        made = _Floats if is_float_dtype(plain.dtype) else _Steps
        self.inner = made(plain, self.name)
        return self.inner.names

    @property
    def filler(self):
        return self.inner.filler

    def __setstate__(self, state):
        super().__setstate__(state)
        if not isinstance(self.form, Numbers | Times | Intervals):
            raise TypeError(f"column {self.name!r} has no form of entries")

    def check_saved(self):
        super().check_saved()
        _check_saved(self.form, f"Column {self.name!r} holds")

    def _unknown(self, present, handle_unknown):
        if isinstance(self.form, Intervals):
            return self.inner._unknown(present.astype(object), handle_unknown)
        return super()._unknown(present, handle_unknown)

    def _codes(self, present):
        try:
            return self.inner._codes(self.form.plain(present.astype(object)))
        except NotOfForm as error:
            raise self._refuse(error.value, error.row, error.reason) from None

    def _entries(self, codes):
        return as_objects(self.form.entries(self.inner._entries(codes)))


def _first(column: pd.Series, wanted: Any) -> tuple[Any, Any]:
    """Return the first entry of a kind, and its row."""
    return next((v, row) for row, v in zip(column.index, column, strict=True) if wanted(v))


def _make(column: pd.Series, name: str, max_one_hot: int) -> Any:
    """Choose how a column is taken."""
    dtype = column.dtype
    present = column.dropna()
    if present.empty:
        return _Empty(column, name)
    if is_complex_dtype(dtype):
        raise ValueError(
            f"Complex data not supported: column {name!r} is of dtype {dtype}; give its real and "
            "imaginary parts as two columns."
        )
    if isinstance(dtype, pd.CategoricalDtype):
        return _Steps(column, name) if dtype.ordered else _Labels(column, name, max_one_hot)
    if _holds_objects(dtype):
        return _make_of_objects(column, present.astype(object), name, max_one_hot)
    if is_integer_dtype(dtype) or dtype.kind in "mM":
        return _Steps(column, name)
    return _Floats(column, name) if is_float_dtype(dtype) else _Labels(column, name, max_one_hot)


def _holds_objects(dtype: Any) -> bool:
    """Tell whether what entries are is told by themselves, not by the dtype of their column."""
    if isinstance(dtype, pd.ArrowDtype):
        # Those of Arrow that pandas computes with as with its own.
        return dtype.kind not in "iufbU"
    return is_object_dtype(dtype) or isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype)


def _make_of_objects(column: pd.Series, entries: pd.Series, name: str, max_one_hot: int) -> Any:
    """Choose how a column is taken, by its entries."""
    kinds = set(map(type, entries))
    for kind in kinds:
        if kind.__hash__ is None:
            value, row = _first(entries, lambda v, kind=kind: isinstance(v, kind))
            raise TypeError(
                f"Each argument must be a string or a number, or another hashable value: column "
                f"{name!r} has {value!r} in row {row}."
            )
    if kinds == {int}:
        return _Steps(column, name)
    if kinds == {float}:
        return _Floats(column, name)
    try:
        form = form_of(entries)
    except NotOfForm as error:
        raise ValueError(f"Column {name!r} has {error}") from None
    return _Labels(column, name, max_one_hot) if form is None else _Converted(column, name)


def _described_index(index: pd.Index) -> dict[str, Any]:
    """Describe the names of columns by texts and arrays, as files hold them."""
    if isinstance(index, pd.MultiIndex):
        return {
            "levels": [_described_index(level) for level in index.levels],
            "codes": [np.asarray(codes, dtype=np.int64) for codes in index.codes],
            "names": list(index.names),
        }
    return {"values": as_objects(index), "of": described(index.dtype), "name": index.name}


def _index_of(told: dict[str, Any]) -> pd.Index:
    """Invert `_described_index`."""
    if "levels" in told:
        levels = [_index_of(level) for level in told["levels"]]
        return pd.MultiIndex(levels=levels, codes=told["codes"], names=told["names"])
    return pd.Index(told["values"], dtype=dtype_of(told["of"]), name=told["name"])


class TableEncoder(TransformerMixin, BaseEstimator):
    """Encode a frame of mixed columns as numbers, and decode it.

    For the front of a pipeline that ends in a generative model: what the model draws comes back as
    a frame like the one that was learnt, of the same dtypes, with categories among those seen,
    numbers in the range and with the decimals that were seen, and entries missing where a column
    had gaps.

    Parameters
    ----------
    max_one_hot : int, default=2
        Columns of up to this many categories, more than two, become one-hot; others the binary
        digits of the category's number.
    handle_unknown : {"error", "missing"}, default="error"
        What a category means that fit did not see: an error, or a missing entry.

    Attributes
    ----------
    n_features_in_ : int
        Columns of the frame.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where they are strings.

    Notes
    -----
    ===========================  ===================================================================
    column                       becomes
    ===========================  ===================================================================
    floats                       the numbers divided by a power of two, which loses no digit. It is
                                 the same for all columns if they can be of one unit, as for the
                                 models' ``scaling="auto"``. They come back with as many decimals as
                                 the entries of fit have (up to 12), in the range of fit
    integers, dates, durations,  steps from the least one, in the largest step that all entries of
    periods                      fit are multiples of
    objects that are all         what they stand for, floats or steps from the least one, and back
    numbers or all times         with the types that they had
    ordered categories,          their place in the order
    intervals
    other categories, strings,   binary digits of their number by frequency, or one-hot; two of them
    booleans, objects            a single column
    gaps in any of them          one more column, 1 where the entry is missing
    constant, all missing        nothing; they come back as they were
    ===========================  ===================================================================

    Every category is kept, however rare, since one that was merged could not come back: a column
    of 1,000 names takes 10 digits. A column of identifiers, or of what belongs to people, such as
    names, e-mail addresses and telephone numbers, is better dropped, and `fit` warns of it: its
    entries come out again as they are.

    A missing entry in a column that had none in fit becomes NaN, as an ``impute`` takes it;
    `transform_holes` does the same for all columns.

    The frame of fit comes back exactly, but for its index, and with one sign of a missing entry
    (None, NaN or NA) in a column of objects. Objects that are numbers or times, such as Decimals
    or dates, come back with their types; where a column has several, with the one that most
    entries like them had, and Decimals with as many digits as a float can tell. A row that fit has
    not seen comes back on the grid and in the range that it saw. An array comes back as an array.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgen import TableEncoder
    >>> frame = pd.DataFrame(
    ...     {
    ...         "size": [1.5, None, 2.25, 3.0],
    ...         "colour": ["red", "blue", "red", "green"],
    ...         "day": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-09", "2024-01-05"]),
    ...     }
    ... )
    >>> encoder = TableEncoder().fit(frame)
    >>> encoder.get_feature_names_out().tolist()
    ['size', 'size_missing', 'colour_bit0', 'colour_bit1', 'day']
    >>> X = encoder.transform(frame)
    >>> X.shape
    (4, 5)
    >>> encoder.inverse_transform(X).equals(frame)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_one_hot": [Interval(Integral, 2, None, closed="left")],
        "handle_unknown": [StrOptions({"error", "missing"})],
    }

    def __init__(self, max_one_hot=2, *, handle_unknown="error"):
        self.max_one_hot = max_one_hot
        self.handle_unknown = handle_unknown

    def fit(self, X, y=None):
        """Learn the columns.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            The table.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        ValueError
            If a column cannot be encoded; the message names it.
        TypeError
            If a column holds what cannot be hashed, or what no file of a model can hold.

        Warns
        -----
        UserWarning
            If columns look like identifiers or personal data: texts or labels of which nearly
            every row has its own, integers that count the rows or number something, e-mail
            addresses, telephone numbers, names of people.
        """
        self._validate_params()
        frame = self._frame(X, reset=True)
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(frame.shape[1])])
        self._columns = [
            _make(frame.iloc[:, j], str(name), self.max_one_hot) for j, name in enumerate(names)
        ]
        for column in self._columns:
            column.check_saved()
        self._keep_proportions(frame)
        self._labels = X.columns if isinstance(X, pd.DataFrame) else None
        if self._labels is not None and not hasattr(self, "feature_names_in_"):
            _check_saved(_described_index(self._labels), "The names of the columns of X hold")
        self._array_dtype = None if isinstance(X, pd.DataFrame) else frame.dtypes.iloc[0]
        self._n_features_out = sum(len(column.names) for column in self._columns)
        found = ((name, identifying(frame.iloc[:, j], name)) for j, name in enumerate(names))
        reasons = {name: reason for name, reason in found if reason is not None}
        if reasons:
            warnings.warn(warning_of(reasons), stacklevel=2)
        return self

    def _keep_proportions(self, frame: pd.DataFrame) -> None:
        """Give columns of floats that can be of one unit one scale."""
        inner = [getattr(column, "inner", column) for column in self._columns]
        floats = {
            j: column
            for j, column in enumerate(inner)
            if isinstance(column, _Floats) and column.n_codes
        }
        scales = [column.scale for column in floats.values()]
        # Each was rounded to a power of two.
        if len(scales) < 2 or max(scales) > 2 * MAX_RATIO * min(scales):
            return
        some = frame.iloc[:: max(1, len(frame) // MAX_SEARCHED)]
        values = np.stack(
            [
                self._columns[j].encode(some.iloc[:, j], True, "error")[:, 0]
                * (column.scale / max(scales))
                for j, column in floats.items()
            ],
            1,
        )
        complete = ~np.isnan(values).any(1)
        # Few complete rows, or others than the rest, tell too little.
        if complete.mean() < 0.5 or not share_unit(values[complete]):
            return
        scale = 2.0 ** round(np.mean(np.log2(scales)))
        for column in floats.values():
            column.filler *= column.scale / scale
            column.scale = scale

    def __getstate__(self):
        state = super().__getstate__()
        if isinstance(state.get("_labels"), pd.Index):
            state = {**state, "_labels": _described_index(state["_labels"])}
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if isinstance(state.get("_labels"), dict):
            self._labels = _index_of(state["_labels"])

    def _frame(self, X: Any, reset: bool) -> pd.DataFrame:
        """Return X as a frame whose index is the number of the row."""
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, skip_check_array=True, reset=reset)
            if len(X) == 0:
                raise ValueError(f"Found a frame with 0 sample(s), columns {list(X.columns)}.")
            if not reset and self._labels is not None:
                self._check_order(X.columns)
            return X.reset_index(drop=True)
        if hasattr(X, "to_pandas"):
            raise TypeError(
                f"TableEncoder takes pandas frames and arrays, and X is a {type(X).__module__}."
                f"{type(X).__name__}; X.to_pandas() makes a pandas frame of it."
            )
        X = validate_data(self, X, dtype=None, ensure_all_finite="allow-nan", reset=reset)
        return pd.DataFrame(X)

    def _check_order(self, found: pd.Index) -> None:
        # Of names that are no strings scikit-learn takes no notice.
        if not found.equals(self._labels) and set(found) == set(self._labels):
            raise ValueError(
                f"The names of the columns should be in the order of fit, {list(self._labels)}; "
                f"they are {list(found)}."
            )

    def transform(self, X):
        """Encode a table.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            The table, with the columns of fit.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_features_out), float64
            Its numbers.

        Raises
        ------
        ValueError
            If an entry cannot be encoded; the message names column, row and entry.
        """
        return self._encoded(X, holes=False)

    def transform_holes(self, X):
        """Encode a table whose gaps are to be imputed: NaN for every missing entry.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            The table, with the columns of fit.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_features_out), float64
            Its numbers; where an entry is missing, NaN in all columns of it, except for those that
            mark gaps, where 0 says that the entry is there.
        """
        return self._encoded(X, holes=True)

    def find_unseen(self, X):
        """Tell which entries have no code: categories that fit did not see, gaps where it saw none.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            The table, with the columns of fit.

        Returns
        -------
        unseen : ndarray of shape (n_samples, n_features), bool
            Whether the entry has no code. A model scores the rows without any.
        """
        check_is_fitted(self)
        frame = self._frame(X, reset=False)
        unseen = [column.unseen(frame.iloc[:, j]) for j, column in enumerate(self._columns)]
        return np.stack(unseen, 1)

    def _encoded(self, X: Any, holes: bool) -> np.ndarray:
        check_is_fitted(self)
        frame = self._frame(X, reset=False)
        blocks = [
            column.encode(frame.iloc[:, j], holes, self.handle_unknown)
            for j, column in enumerate(self._columns)
        ]
        return np.concatenate(blocks, 1)

    def _unseen_gap(self, X: Any) -> str | None:
        """Return in words where X has a gap in a column that had none in fit; None if nowhere."""
        frame = self._frame(X, reset=False)
        for j, column in enumerate(self._columns):
            given = frame.iloc[:, j]
            unread = column.n_codes > 0 and not column.has_gaps
            gaps = (
                np.isnan(column.encode(given, False, self.handle_unknown)).any(1) if unread else []
            )
            if np.any(gaps):
                row = int(np.argmax(gaps))
                what = (
                    "no entry"
                    if pd.isna(given.iloc[row])
                    else f"{given.iloc[row]!r}, which fit did not see,"
                )
                return (
                    f"X has {what} in row {row} of column {column.name!r}, which had no gap in "
                    "fit: impute draws what is missing, and a model that is to know gaps of this "
                    "column is fitted to rows that have some."
                )
        return None

    def inverse_transform(self, X):
        """Decode numbers to a table.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_out)
            Numbers as `transform` returns them, or as a model draws them: the nearest entries are
            taken.

        Returns
        -------
        X : DataFrame or ndarray of shape (n_samples, n_features)
            A table like that of fit.

        Raises
        ------
        ValueError
            If an entry is missing in a column whose dtype cannot hold that.
        """
        check_is_fitted(self)
        Z = check_array(X, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_features=0)
        if Z.shape[1] != self._n_features_out:
            raise ValueError(
                f"inverse_transform takes the {self._n_features_out} columns that transform "
                f"returns, got {Z.shape[1]}."
            )
        ends = np.cumsum([len(column.names) for column in self._columns])
        blocks = np.split(Z, ends[:-1], axis=1)
        decoded = [
            column.decode(block) for column, block in zip(self._columns, blocks, strict=True)
        ]
        frame = pd.concat(decoded, axis=1)
        if self._labels is None:
            return frame.to_numpy(dtype=self._array_dtype)
        frame.columns = self._labels
        return frame

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of X; only those seen in `fit` are taken.

        Returns
        -------
        names : ndarray of str
            ``age``, ``age_missing``, ``colour_red`` for one-hot, ``colour_bit0`` for digits.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        names = [name for column in self._columns for name in column.names]
        return np.asarray(names, dtype=object)

    def _without_density(self) -> list[Any]:
        """Return the names of columns that are not of different floats without gaps."""
        return [
            column.name
            for column in self._columns
            if type(column) is not _Floats or column.names != [column.name]
        ]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []
        return tags
