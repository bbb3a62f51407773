"""Tables of mixed columns as matrices of numbers, and back.

A column of numbers, dates or ordered categories is one column of the matrix. A column of categories
is one-hot, or the binary digits of the category's number, by frequency: 40 categories take 6
columns. One more column marks missing entries, if there were any in fit. A decoded column has the
dtype, the grid of values and the missing entries of the original.
"""

import math
import warnings
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skgen._compat import Interval, StrOptions, _check_feature_names_in
from skgen.data.scaling import MAX_RATIO, share_unit
from skgen.tables.column import _check_saved
from skgen.tables.columns import _Floats, _make
from skgen.tables.constraints import GapWhere, NeverTogether, OneOf, Range
from skgen.tables.densities import constant, log_slope
from skgen.tables.dtypes import described_index, index_of
from skgen.tables.identifiers import warning_of
from skgen.tables.kept_patterns import KeptApart, KeptGaps
from skgen.tables.kept_rules import KeptRule
from skgen.tables.polars_frames import as_pandas, as_polars, is_polars
from skgen.tables.rule_checks import checked_rules, declared, is_computed, supported
from skgen.tables.rule_search import found_rules
from skgen.tables.side_by_side import beside
from skgen.tables.withheld import Withheld

__all__ = ["TableEncoder"]

# The most rows that are searched for columns of one unit.
MAX_SEARCHED = 100_000


class TableEncoder(TransformerMixin, BaseEstimator):
    """Encode a frame of mixed columns as numbers, and decode it.

    For the front of a pipeline that ends in a generative model: drawn rows are decoded to a frame
    like that of fit, with its dtypes and categories, with numbers in its range and with its
    decimals, and with missing entries in columns that had gaps.

    Parameters
    ----------
    max_one_hot : int, default=2
        Columns of up to this many categories, more than two, become one-hot; others the binary
        digits of the category's number.
    handle_unknown : {"error", "missing"}, default="error"
        Whether a category that was not in fit is an error or a missing entry.
    constraints : {"auto"}, list of rules or None, default="auto"
        Rules that every decoded row keeps: ``"auto"`` finds those that all rows of fit keep and
        would not by chance; a list holds :class:`skgen.Inequality`, :class:`skgen.Sum`,
        :class:`skgen.Product`, :class:`skgen.Formula`, :class:`skgen.FunctionOf`,
        :class:`skgen.GapWhere`, :class:`skgen.NeverTogether`, :class:`skgen.Range` and
        :class:`skgen.OneOf`, and functions of a frame that return for each row whether it can be:
        :class:`skgen.GenerativePipeline` draws rows again until these hold. None keeps none.
    min_count : int, default=1
        Categories of fewer rows are merged into one, "other", or into missing entries where a
        column does not hold that word. 1 keeps every category.
    identifiers : {"keep", "drop", "fake"}, default="keep"
        What becomes of columns that look like identifiers or personal data: ``"keep"`` encodes them
        like others; ``"drop"`` leaves them out, of what comes back too; ``"fake"`` brings back
        made-up entries of the same form. A warning names all of them.

    Attributes
    ----------
    constraints_ : list of rules
        The rules that are kept; ``str`` describes a rule in words, with the rows of fit that
        support it, which its ``support`` counts.
    identifiers_ : dict of str to str
        The columns that look like identifiers or personal data, and why.
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
    booleans, objects            a single column. A category of more than half of the rows has a
                                 digit of its own, so that no other one decides about it
    gaps in any of them          one more column, 1 where the entry is missing
    constant, all missing        nothing; they come back as they were
    ===========================  ===================================================================

    Every category is kept, however rare, unless `min_count` is above 1: a column of 1,000 names
    takes 10 digits. Merged categories are nowhere in a saved model. They come back as "other", or
    "other_2" and so on where that is a category; among ordered categories, and among objects that
    are not all texts, as missing entries. An entry that fit did not see counts as rare in a column
    with merged categories. Rules are those of the merged table. Numbers, times and truth values are
    not merged.

    A column of identifiers, or of what belongs to people, such as names, e-mail addresses and
    telephone numbers, comes out again as it is, unless `identifiers` says otherwise. With
    ``"drop"`` and ``"fake"`` nothing of its entries is learnt but, for the latter, their most
    frequent form: which positions are digits, small letters or capitals. The k-th row of a table
    has the k-th made-up entry, whatever its numbers are, so that all rows of one table differ, and
    none has an entry of fit. E-mail addresses are of example.org. There are no gaps among made-up
    entries. Rows to encode may lack these columns.

    A missing entry in a column that had none in fit becomes NaN, as an ``impute`` takes it;
    `transform_holes` does the same for all columns.

    The frame of fit comes back exactly, but for its index, and with one sign of a missing entry
    (None, NaN or NA) in a column of objects. Objects that are numbers or times, such as Decimals or
    dates, come back with their types; if a column has several types, with the one that most similar
    entries had, and Decimals with as many digits as a float has. The entries of a new row come back
    on the grid and in the range of fit. An array comes back as an array, and a frame of polars as
    one of polars, which takes pyarrow.

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
        "constraints": [StrOptions({"auto"}), list, tuple, None],
        "min_count": [Interval(Integral, 1, None, closed="left")],
        "identifiers": [StrOptions({"keep", "drop", "fake"})],
    }

    def __init__(
        self,
        max_one_hot=2,
        *,
        handle_unknown="error",
        constraints="auto",
        min_count=1,
        identifiers="keep",
    ):
        self.max_one_hot = max_one_hot
        self.handle_unknown = handle_unknown
        self.constraints = constraints
        self.min_count = min_count
        self.identifiers = identifiers

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
        self._of_polars, X = is_polars(X), as_pandas(X)
        whole = self._frame(X, reset=True)
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(whole.shape[1])])
        self._withheld = Withheld(whole, names, self.min_count, self.identifiers)
        frame = self._withheld.shown(whole)
        self._columns = [
            _make(frame.iloc[:, k], str(names[j]), self.max_one_hot)
            for k, j in enumerate(self._withheld.places)
        ]
        for column in self._columns:
            column.check_saved()
        _learn_rules(self, frame)
        self._labels = X.columns if isinstance(X, pd.DataFrame) else None
        if self._labels is not None and not hasattr(self, "feature_names_in_"):
            _check_saved(described_index(self._labels), "The names of the columns of X hold")
        self._array_dtype = None if isinstance(X, pd.DataFrame) else whole.dtypes.iloc[0]
        self._n_features_out = sum(len(column.names) for column in self._coded().values())
        self.identifiers_ = dict(self._withheld.reasons)
        if self.identifiers_:
            warnings.warn(warning_of(self.identifiers_, self.identifiers), stacklevel=2)
        return self

    def _coded(self) -> dict[int, Any]:
        """Return what is encoded for each column: itself, what a rule leaves of it, or nothing."""
        coded = dict(enumerate(self._columns)) | {j: kept.rest for j, kept in self._kept.items()}
        coded |= self._gaps
        if self._apart is not None and self._apart.names:
            coded[len(self._columns)] = self._apart
        return {j: column for j, column in coded.items() if column is not None}

    def __getstate__(self):
        state = super().__getstate__()
        if isinstance(state.get("_labels"), pd.Index):
            state = {**state, "_labels": described_index(state["_labels"])}
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if isinstance(state.get("_labels"), dict):
            self._labels = index_of(state["_labels"])

    def _frame(self, X: Any, reset: bool) -> pd.DataFrame:
        """Return X as a frame whose index is the number of the row."""
        X = as_pandas(X) if reset else self._withheld.widened(as_pandas(X), self._labels)
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, skip_check_array=True, reset=reset)
            if len(X) == 0:
                raise ValueError(f"Found a frame with 0 sample(s), columns {list(X.columns)}.")
            if not reset and self._labels is not None:
                _check_order(X.columns, self._labels)
            return X.reset_index(drop=True)
        if hasattr(X, "to_pandas"):
            raise TypeError(
                "TableEncoder takes frames of pandas or polars, and arrays, and X is a "
                f"{type(X).__module__}.{type(X).__name__}; X.to_pandas() makes one of pandas."
            )
        rows = validate_data(self, X, dtype=None, ensure_all_finite="allow-nan", reset=reset)
        if rows.dtype.kind in "OUS":
            # NumPy turns all entries of a list into texts if some are texts, and pandas has its own
            # dtype for columns of texts.
            return pd.DataFrame(np.asarray(X, dtype=object), dtype=object)
        return pd.DataFrame(rows)

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
        """Return which entries have no code: new categories, and gaps where fit had none.

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
        frame = self._shown(X)
        unseen = np.zeros((len(frame), self._withheld.n_columns), dtype=bool)
        for k, j in enumerate(self._withheld.places):
            unseen[:, j] = self._columns[k].unseen(frame.iloc[:, k])
        return unseen

    def _shown(self, X: Any) -> pd.DataFrame:
        """Return what is encoded of X."""
        return self._withheld.shown(self._frame(X, reset=False))

    def _encoded(self, X: Any, holes: bool) -> np.ndarray:
        check_is_fitted(self)
        frame = self._shown(X)
        if holes and self._kept:
            frame = filled(frame, self._kept)
        coded, blocks = self._coded(), []
        for j, column in enumerate(self._columns):
            # Columns that a rule computes, too: this checks their entries.
            block = column.block(frame.iloc[:, j], holes, self.handle_unknown)
            if j in self._kept and j in coded:
                block = self._kept[j].encode_rest(frame, holes, self.handle_unknown)
            elif j in self._gaps:
                block = self._gaps[j].encode(frame.iloc[:, j], holes, self.handle_unknown)
            if j in coded:
                blocks.append(block)
        if self._apart is not None:
            blocks.append(self._apart.encode([frame.iloc[:, j] for j in range(frame.shape[1])]))
        return beside(blocks)

    def keep_constraints(self, X, drawn, missing):
        """Make drawn entries of completed rows keep the rules, given those that were observed.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_samples, n_features)
            Completed rows.
        drawn : DataFrame or ndarray of shape (n_samples, n_features)
            The rows as `inverse_transform` returned them, all of whose entries were drawn.
        missing : ndarray of shape (n_samples, n_features), bool
            Which of their entries were drawn; the others stay as they are.

        Returns
        -------
        X : DataFrame or ndarray of shape (n_samples, n_features)
            Rows that keep each rule wherever the observed entries allow it.
        """
        check_is_fitted(self)
        if not (self._kept or self._gaps or self._apart) or not missing.any():
            return X
        frame, before = (Y if isinstance(Y, pd.DataFrame) else pd.DataFrame(Y) for Y in (X, drawn))
        series, drawn = (
            [Y.iloc[:, j].reset_index(drop=True) for j in range(Y.shape[1])]
            for Y in map(self._withheld.shown, (frame, before))
        )
        _mend(self, series, drawn, missing[:, self._withheld.at(frame)])
        mended = self._withheld.mended(frame, series, missing)
        return mended if isinstance(X, pd.DataFrame) else mended.to_numpy(dtype=X.dtype)

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
        decoded = _decoded(self, Z)
        frame = pd.concat([decoded[j] for j in range(len(self._columns))], axis=1)
        frame = self._withheld.restored(frame, self._labels)
        if self._labels is None:
            return frame.to_numpy(dtype=self._array_dtype)
        return as_polars(frame) if self._of_polars else frame

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of X; only those of `fit` are taken.

        Returns
        -------
        names : ndarray of str
            ``age``, ``age_missing``, ``colour_red`` for one-hot, ``colour_bit0`` for digits.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        names = [name for column in self._coded().values() for name in column.names]
        return np.asarray(names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def columns_without_density(encoder: TableEncoder) -> list[str]:
    """Return the names of columns without a density: all but different floats without gaps."""
    coded = encoder._coded()
    return [
        column.name
        for j, column in enumerate(encoder._columns)
        # A column that a rule computes has no density; what the rule leaves has that of the column.
        if type(column) is not _Floats or column.names != [column.name] or j not in coded
    ]


def _check_order(found: pd.Index, labels: pd.Index) -> None:
    # scikit-learn ignores names that are not strings.
    if not found.equals(labels) and set(found) == set(labels):
        raise ValueError(
            f"The names of the columns should be in the order of fit, {list(labels)}; they are "
            f"{list(found)}."
        )


def _learn_rules(encoder: TableEncoder, frame: pd.DataFrame) -> None:
    """Find or check the rules, and learn what takes the place of their targets."""
    if encoder.constraints == "auto":
        rules: list[Any] = list(found_rules(frame))
    else:
        with encoder._withheld.explained():
            rules = checked_rules(encoder.constraints or [], frame)
    encoder.constraints_ = [supported(rule, frame) for rule in rules]
    _learn_kept(encoder, rules, frame)


def _learn_kept(encoder: TableEncoder, rules: list[Any], frame: pd.DataFrame) -> None:
    """Learn how each rule is kept."""
    places = {name: j for j, name in enumerate(frame.columns)} if rules else {}
    for rule in rules:
        if isinstance(rule, Range):
            encoder._columns[places[rule.column]].allow(rule.low, rule.high)
        elif isinstance(rule, OneOf):
            column = encoder._columns[places[rule.column]]
            column.allow_only(declared(rule, column.dtype))
    computed = [rule for rule in rules if is_computed(rule)]
    computed_at = [places[rule.target] for rule in computed]
    # Before anything is encoded.
    _keep_proportions(encoder._columns, computed_at, frame)
    encoder._kept = {}
    for j, rule in zip(computed_at, computed, strict=True):
        inputs = [places[name] for name in rule.inputs]
        encoder._kept[j] = KeptRule(rule, [*inputs, j], encoder._columns, computed_at)
        encoder._kept[j].learn(frame, encoder.max_one_hot)
    encoder._gaps = {}
    for rule in (rule for rule in rules if isinstance(rule, GapWhere)):
        i, j = places[rule.of], places[rule.column]
        encoder._gaps[j] = KeptGaps(rule, encoder._columns[j], encoder._columns[i], i)
        encoder._gaps[j].learn(frame.iloc[:, i])
    apart = [rule for rule in rules if isinstance(rule, NeverTogether)]
    pairs = [(places[rule.first], places[rule.second]) for rule in apart]
    encoder._apart = KeptApart(apart, pairs, encoder._columns) if apart else None
    if encoder._apart is not None:
        encoder._apart.learn(frame)


def _decoded(encoder: TableEncoder, Z: np.ndarray) -> dict[int, Any]:
    """Return the columns of rows of the matrix, by place."""
    decoded: dict[int, Any] = {}
    blocks: dict[int, Any] = {}
    end = 0
    for j, column in encoder._coded().items():
        start, end = end, end + len(column.names)
        blocks[j] = Z[:, start:end]
        if j not in encoder._gaps and column is not encoder._apart:
            decoded[j] = column.decode(blocks[j])
    for j, gaps in encoder._gaps.items():
        decoded[j] = gaps.decode(blocks[j], decoded[gaps.place])
    if encoder._apart is not None:
        encoder._apart.keep(decoded, blocks.get(len(encoder._columns)))
    for j, kept in encoder._kept.items():
        # The target replaces what the rule left of it.
        decoded[j] = kept.target(decoded, decoded.get(j))
    return decoded


def _mend(encoder: TableEncoder, series: list[Any], drawn: list[Any], missing: np.ndarray) -> None:
    """Make drawn entries of completed columns keep the rules, in place."""
    changed = np.zeros_like(missing)
    for j, gaps in encoder._gaps.items():
        gaps.complete(series, missing, j, changed)
    if encoder._apart is not None:
        encoder._apart.complete(series, missing, changed)
    free = missing.copy()
    # A rule may change its inputs before the rules that compute these: so the last rule comes
    # first. Then come the columns that are computed from the inputs.
    for forward in (False, True):
        if forward:
            # What is computed from an entry that was replaced above follows it.
            free &= ~changed
        for kept in encoder._kept.values() if forward else reversed(encoder._kept.values()):
            kept.mend(series, missing, free, drawn, forward)


def _keep_proportions(columns: list[Any], computed_at: list[int], frame: pd.DataFrame) -> None:
    """Give columns of floats that can be of one unit one scale."""
    inner = [getattr(column, "inner", column) for column in columns]
    floats = {
        j: column
        for j, column in enumerate(inner)
        if isinstance(column, _Floats) and column.n_codes and j not in computed_at
    }
    scales = [column.scale for column in floats.values()]
    # Each scale was rounded to a power of two.
    if len(scales) < 2 or max(scales) > 2 * MAX_RATIO * min(scales):
        return
    some = frame.iloc[:: max(1, len(frame) // MAX_SEARCHED)]
    values = np.stack(
        [
            columns[j].encode(some.iloc[:, j], True, "error")[:, 0] * (column.scale / max(scales))
            for j, column in floats.items()
        ],
        1,
    )
    complete = ~np.isnan(values).any(1)
    # Complete rows may be few, or unlike the others.
    if complete.mean() < 0.5 or not share_unit(values[complete]):
        return
    scale = 2.0 ** round(np.mean(np.log2(scales)))
    for column in floats.values():
        column.filler *= column.scale / scale
        column.scale = scale


def filled(frame: pd.DataFrame, kept: dict[int, KeptRule]) -> pd.DataFrame:
    """Return a frame with the missing entries that rules compute from observed ones."""
    series = [frame.iloc[:, j] for j in range(frame.shape[1])]
    for _ in kept:
        for rule in kept.values():
            rule.fill(series)
    whole = pd.concat(series, axis=1)
    whole.columns = frame.columns
    return whole


@log_slope.register
def _(step: TableEncoder, X: Any, Y: Any) -> Any:
    # Only floats without gaps have a density.
    if columns_without_density(step):
        return None
    return constant(-sum(math.log(column.scale) for column in step._coded().values()), X)
