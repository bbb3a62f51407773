"""A transformer that fills gaps with draws of a generative model, learnt from data with gaps.

Rows without gaps are an unbiased sample only if gaps are at random, and with many columns they are
few. So the model is fitted again to all rows, their gaps drawn given the observed entries. This is
a step of stochastic EM, whose fixed point is the distribution of the observed entries, provided
that gaps depend on observed entries only. If rows without gaps are in the minority, the first fit
is to rows whose gaps are drawn from a normal distribution of the columns' normal scores (a Gaussian
copula), learnt from all rows.

Source: Little and Rubin, *Statistical analysis with missing data*, 2019, for normal distributions
learnt from rows with gaps; Hoff, *Extending the rank likelihood for semiparametric copula
estimation*, 2007.
"""

import warnings
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skgen._compat import HasMethods, Interval
from skgen.base import all_or_nothing
from skgen.data.checks import array_with_gaps, explained
from skgen.tables.constraints import FunctionOf, GapWhere
from skgen.tables.encoder import TableEncoder, filled
from skgen.tables.polars_frames import as_pandas, as_polars, is_polars
from skgen.tables.rule_checks import broken, checked_rules
from skgen.tables.rule_search import found_rules_of_observed
from skgen.tables.withheld import Withheld
from skgen.threads import limited

__all__ = ["GenerativeImputer"]

MIN_COMPLETE = 20
# With this share of complete rows the first fit is to these, without assuming a copula.
ENOUGH_COMPLETE = 0.5
# Sweeps that learn the normal distribution, from so many rows, fewer where columns are many; wider
# tables start from entries taken at random. Of two columns that are seldom observed in one row, a
# correlation of 0 was .12 after 10 sweeps, .06 after 30 and .00 after 100. Then the sweeps that
# fill all rows, and the numbers in a part of the matrices that these take.
N_SWEEPS, MOST_LEARNT, FEWEST_LEARNT, LEARNING = 100, 10_000, 500, 3e8
N_LAST = 5
MOST_COLUMNS = 128
PART = 2**22


class GenerativeImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Fill missing entries with draws of a generative model, given the observed ones.

    Parameters
    ----------
    model : estimator
        A model with ``impute``, or a pipeline that ends in one; it is cloned.
    n_draws : int, default=1
        1 returns a draw, which keeps the variances of the columns and their correlations; a larger
        number returns the mean of so many draws, which is nearer to the missing entry. Either is
        one table; for multiple imputation, ``imputer.model_.impute(X, n_draws=5)`` returns several
        draws.
    n_rounds : int, default=1
        How often the model is fitted again, to all rows with their gaps drawn. 0 learns only from
        rows without gaps.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws; None falls back on the model's.

    Attributes
    ----------
    model_ : estimator
        The fitted model.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them.

    Notes
    -----
    The first fit is to the rows without gaps, where they are at least half of all and 20. Elsewhere
    it is to all rows, each gap filled with an entry of its column, drawn by a Gaussian copula
    given the row's other entries: the columns' normal scores are taken for jointly normal, and a
    draw becomes the observed entry of its rank. Columns that are not numbers go by their order.
    Beyond 128 columns entries are taken at random. Rows with a label that no complete row has are
    always among the first.

    Frames of mixed columns take a pipeline with a :class:`~skgen.TableEncoder`, and one draw. Its
    rules are those that the observed entries keep.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skgen import GenerativeImputer, VariationalDiffusionAE
    >>> X, _ = load_iris(return_X_y=True)
    >>> X[::3, 2] = np.nan
    >>> model = VariationalDiffusionAE(max_steps=50, random_state=0)
    >>> X_full = GenerativeImputer(model, random_state=0).fit_transform(X)
    >>> bool(np.isnan(X_full).any())
    False
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [HasMethods(["fit", "impute"])],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "n_rounds": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, model, *, n_draws=1, n_rounds=1, random_state=None):
        self.model = model
        self.n_draws = n_draws
        self.n_rounds = n_rounds
        self.random_state = random_state

    @limited
    def fit(self, X, y=None):
        """Learn the distribution of the rows from their observed entries.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows, NaN where an entry is missing.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted imputer.

        Raises
        ------
        ValueError
            If a column has no entry at all, or too few rows are complete for ``n_rounds=0``.
        """
        with all_or_nothing(self):
            self.model_ = self._learnt(X)
        return self

    def _learnt(self, X: Any) -> Any:
        """Return the model, fitted to rows with gaps."""
        self._validate_params()
        X, missing = self._checked(X, reset=True)
        if missing.all(0).any():
            column = int(missing.all(0).argmax())
            column = X.columns[column] if isinstance(X, pd.DataFrame) else column
            raise ValueError(
                f"Column {column!r} of X has no entry at all, so it cannot be learnt; drop it."
            )
        complete = np.asarray(~missing.any(1))
        if complete.sum() < min(MIN_COMPLETE, len(X)) and self.n_rounds == 0:
            raise ValueError(
                f"n_rounds=0 learns from rows without gaps, and X has {complete.sum()} of them, "
                f"fewer than {MIN_COMPLETE}; n_rounds=1 learns from all rows."
            )
        untrained, rules = self._with_rules(X)
        enough = max(min(MIN_COMPLETE, len(X)), ENOUGH_COMPLETE * len(X))
        taken = complete
        if self.n_rounds and complete.sum() < enough:
            taken = np.ones(len(X), dtype=bool)
        elif self.n_rounds:
            taken = complete | _unlike(X, complete)
        start = _rows(X, complete)
        if (taken & ~complete).any():
            filled = _computed(untrained, X, complete) if rules else X
            rng = check_random_state(self._seed())
            start = _rows(_copula_drawn(filled, np.asarray(pd.isna(filled)), rng), taken)
        model = clone(untrained).fit(_keeping(rules, start))
        for _ in range(self.n_rounds if missing.any() else 0):
            drawn = model.impute(X, random_state=self.random_state)
            if isinstance(X, pd.DataFrame) and not isinstance(drawn, pd.DataFrame):
                drawn = pd.DataFrame(drawn, columns=X.columns)
            model = clone(untrained).fit(_keeping(rules, drawn))
        return model

    def _with_rules(self, X: Any) -> tuple[Any, list[Any]]:
        """Return the model with the rules that the observed entries keep, and the rules.

        In completed rows rules cannot be found; they are made to keep those of the observed
        entries.
        """
        first = self.model[0] if isinstance(self.model, Pipeline) else None
        if not isinstance(first, TableEncoder):
            return self.model, []
        rules = _rules_of_observed(first, X)
        model = clone(self.model)
        model[0].set_params(constraints=rules or None)
        return model, rules

    @limited
    def transform(self, X):
        """Fill the missing entries.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows, NaN where an entry is missing.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features)
            Completed rows; observed entries come back as they were given. A frame where the model's
            draws are frames; means of draws are floats, whole numbers' too.
        """
        check_is_fitted(self)
        whole = self._filled(*self._checked(X, reset=False))
        return as_polars(whole) if is_polars(X) and isinstance(whole, pd.DataFrame) else whole

    def _filled(self, X: Any, missing: np.ndarray) -> Any:
        """Return rows with a draw, or the mean of some, where an entry is missing."""
        draws = self.model_.impute(X, n_draws=self.n_draws, random_state=self.random_state)
        if self.n_draws == 1:
            return draws
        if isinstance(X, pd.DataFrame):
            others = [name for name in X if not is_numeric_dtype(X[name].dtype)]
            if others:
                raise ValueError(
                    f"n_draws={self.n_draws} averages draws, and the columns {others} are not "
                    "numbers; n_draws=1 returns a draw."
                )
        given = _numbers(X)
        mean = np.mean([_numbers(draw) for draw in draws], axis=0, dtype=np.float64)
        filled = np.where(missing, mean, given).astype(given.dtype)
        if not (isinstance(X, pd.DataFrame) and isinstance(draws[0], pd.DataFrame)):
            return filled
        whole = X.columns[~missing.any(0)]
        return pd.DataFrame(filled, X.index, X.columns).astype(X.dtypes[whole])

    def _seed(self) -> Any:
        last = self.model[-1] if isinstance(self.model, Pipeline) else self.model
        own = self.random_state
        return getattr(last, "random_state", None) if own is None else own

    def _checked(self, X: Any, reset: bool) -> tuple[Any, np.ndarray]:
        """Return X, arrays as floats and frames as they are, and which entries are missing.

        A frame of polars becomes one of pandas for a pipeline whose encoder reads its columns.
        """
        encodes = isinstance(self.model, Pipeline) and isinstance(self.model[0], TableEncoder)
        X = as_pandas(X) if encodes else X
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, skip_check_array=True, reset=reset)
            numbers = X.select_dtypes("number", exclude="timedelta")
            with explained(self, numbers):
                if np.isinf(numbers.to_numpy(float, na_value=np.nan)).any():
                    raise ValueError("Input X contains infinity.")
        else:
            X = array_with_gaps(self, X, reset)
        return X, np.asarray(pd.isna(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _numbers(table: Any) -> np.ndarray:
    if isinstance(table, pd.DataFrame):
        return table.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(table)


def _rows(X: Any, chosen: np.ndarray) -> Any:
    return X.loc[chosen] if isinstance(X, pd.DataFrame) else X[chosen]


def _unlike(X: Any, complete: np.ndarray) -> np.ndarray:
    """Return which rows have a label that no complete row has."""
    unlike = np.zeros(len(X), dtype=bool)
    for j in range(X.shape[1]) if isinstance(X, pd.DataFrame) else ():
        column = X.iloc[:, j]
        if not is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype):
            codes = pd.factorize(column)[0]
            unlike |= (codes >= 0) & ~np.isin(codes, codes[complete])
    return unlike


def _rules_of_observed(encoder: TableEncoder, X: Any) -> list[Any]:
    """Return the rules that rows keep whose gaps are to be imputed, as far as is observed.

    They are for `constraints` of an encoder that is fitted to the completed rows, in which rules
    cannot be found.

    Parameters
    ----------
    encoder : TableEncoder
        It says whether rules are looked for, or which there are.
    X : DataFrame or ndarray of shape (n_samples, n_features)
        The table.

    Returns
    -------
    rules : list of rules
        Those found, or those by hand.

    Raises
    ------
    ValueError
        If a rule by hand is broken by a row in which all its columns are observed.
    """
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X)
    frame = frame.reset_index(drop=True)
    withheld = Withheld(frame, list(frame.columns), encoder.min_count, encoder.identifiers)
    if encoder.constraints == "auto":
        found = found_rules_of_observed(frame.iloc[:, withheld.places])
        # Which categories are rare differs from one completed table to the next.
        return [r for r in found if encoder.min_count == 1 or not isinstance(r, FunctionOf)]
    rules = checked_rules(encoder.constraints or [], frame, of_observed=True)
    # Completed rows have no gaps.
    return [rule for rule in rules if not isinstance(rule, GapWhere)]


def _with_computed(encoder: TableEncoder, X: Any) -> Any:
    """Return rows with the entries that rules compute, each the only gap in its rule.

    Parameters
    ----------
    encoder : TableEncoder
        A fitted one.
    X : DataFrame or ndarray of shape (n_samples, n_features)
        The table.

    Returns
    -------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        The table with fewer gaps.
    """
    if not encoder._kept:
        return X
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X)
    shown = encoder._withheld.shown(frame)
    series = [column for _, column in filled(shown.reset_index(drop=True), encoder._kept).items()]
    whole = encoder._withheld.mended(frame, series, frame.isna().to_numpy())
    return whole if isinstance(X, pd.DataFrame) else whole.to_numpy(dtype=X.dtype)


def _computed(untrained: Any, X: Any, complete: np.ndarray) -> Any:
    """Return rows with the entries that rules compute from observed ones."""
    if not complete.any():
        return X
    with warnings.catch_warnings():
        # The fit of the model warns of identifiers.
        warnings.simplefilter("ignore")
        return _with_computed(clone(untrained[0]).fit(_rows(X, complete)), X)


def _keeping(rules: list[Any], rows: Any) -> Any:
    """Return the rows that keep some rules; the observed entries of a few rows allow none."""
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
    frame = frame.reset_index(drop=True)
    keep = np.ones(len(frame), dtype=bool)
    for rule in rules:
        keep[broken(rule, frame, of_observed=True)] = False
    return rows if keep.all() else _rows(rows, keep)


def _copula_drawn(X: Any, missing: np.ndarray, rng: np.random.RandomState) -> Any:
    """Return rows whose gaps are filled with entries of their columns, by a Gaussian copula."""
    scores = rng.standard_normal(X.shape)
    low, high = np.full(X.shape, np.nan), np.full(X.shape, np.nan)
    for j, gaps in enumerate(missing.T):
        column = X.iloc[:, j] if isinstance(X, pd.DataFrame) else X[:, j]
        ordered = _ordered(column)[~gaps]
        n = len(ordered)
        scores[~gaps, j] = ndtri((rankdata(ordered) - 0.5) / n)
        # A repeated value may have any score between those of its neighbours.
        first, last = rankdata(ordered, "min"), rankdata(ordered, "max")
        bounds = np.stack([ndtri((first - 1) / n), ndtri(last / n)])
        bounds[:, (first == last) | (last - first == n - 1)] = np.nan
        low[~gaps, j], high[~gaps, j] = bounds
    wide = X.shape[1] > MOST_COLUMNS
    drawn = scores if wide else _normal_drawn(scores, ~missing, low, high, rng)
    places = np.repeat(np.arange(len(X))[:, None], X.shape[1], 1)
    for j, gaps in enumerate(missing.T):
        given = np.flatnonzero(~gaps)
        given = given[np.argsort(scores[given, j])]
        between = ndtri(np.arange(1, len(given)) / len(given))
        places[gaps, j] = given[np.searchsorted(between, drawn[gaps, j])]
    if isinstance(X, pd.DataFrame):
        columns = [X.iloc[places[:, j], j].reset_index(drop=True) for j in range(X.shape[1])]
        return pd.concat(columns, axis=1).set_axis(X.columns, axis=1)
    return np.take_along_axis(X, places, axis=0)


def _ordered(column: Any) -> np.ndarray:
    """Return numbers in the order of a column's entries, or any where they have none."""
    try:
        return pd.factorize(column, sort=True)[0]
    except TypeError:
        return pd.factorize(column)[0]


def _normal_drawn(
    scores: np.ndarray,
    observed: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Return scores, the missing ones drawn from a normal distribution that is learnt from them.

    Observed scores between finite or infinite bounds are drawn as well; NaN for bounds keeps them.
    """
    n, n_columns = scores.shape
    n_learnt = min(n, MOST_LEARNT, max(FEWEST_LEARNT, int(LEARNING / n_columns**3)))
    learnt = rng.permutation(n)[:n_learnt]
    swept, seen = scores[learnt], observed[learnt]
    bounds = low[learnt], high[learnt]
    means, covariances = [], []
    for _ in range(N_SWEEPS):
        mean, covariance = swept.mean(0), np.atleast_2d(np.cov(swept.T, bias=True))
        size = covariance.diagonal().mean() or 1.0
        # Columns that follow from others leave it singular.
        covariance = covariance + size / (10 * n_learnt) * np.eye(n_columns)
        swept = _bounded_drawn(swept, seen, *bounds, mean, covariance, rng)
        swept = _conditionally_drawn(swept, seen, mean, covariance, rng)
        means.append(mean)
        covariances.append(covariance)
    mean, covariance = (np.mean(part[N_SWEEPS // 2 :], axis=0) for part in (means, covariances))
    for _ in range(N_LAST):
        scores = _bounded_drawn(scores, observed, low, high, mean, covariance, rng)
        scores = _conditionally_drawn(scores, observed, mean, covariance, rng)
    return scores


def _bounded_drawn(
    rows: np.ndarray,
    observed: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    mean: np.ndarray,
    covariance: np.ndarray,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Draw the scores between bounds, column by column, given the others of the row."""
    rows, precision = rows.copy(), np.linalg.inv(covariance)
    for j in np.flatnonzero((high > low).any(0)):
        which = high[:, j] > low[:, j]
        deviation = precision[j, j] ** -0.5
        centre = rows[which, j] - (rows[which] - mean) @ precision[j] / precision[j, j]
        ends = [ndtr((end[which, j] - centre) / deviation) for end in (low, high)]
        rank = ends[0] + (ends[1] - ends[0]) * rng.random_sample(len(centre))
        drawn = centre + deviation * ndtri(np.clip(rank, 1e-300, 1 - 1e-16))
        rows[which, j] = np.clip(drawn, low[which, j], high[which, j])
        # Scores of ranks are standard normal; two values determine neither mean nor deviation.
        given = rows[observed[:, j], j]
        rows[observed[:, j], j] = (given - given.mean()) / (given.std() or 1.0)
    return rows


def _conditionally_drawn(
    rows: np.ndarray,
    observed: np.ndarray,
    mean: np.ndarray,
    covariance: np.ndarray,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Draw the missing entries of each row given the others, from a normal distribution."""
    n, n_columns = rows.shape
    size, step = covariance.diagonal().mean(), max(1, PART // n_columns**2)
    # Any draw of whole rows, moved to agree with what is observed, is a conditional draw.
    drawn = mean + rng.standard_normal(rows.shape) @ np.linalg.cholesky(covariance).T
    off = observed * (rows - drawn)
    for start in range(0, n, step):
        part = slice(start, start + step)
        both = observed[part, :, None] & observed[part, None, :]
        held = np.where(both, covariance, size * np.eye(n_columns))
        drawn[part] += np.linalg.solve(held, off[part, :, None])[:, :, 0] @ covariance
    return np.where(observed, rows, drawn)
