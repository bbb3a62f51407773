"""Regression and classification by a generative model of features and target together.

A model of the rows (x, y) predicts y by draws given x, as it draws any entry that is missing. One
fit serves means, quantiles and probabilities, rows with gaps, and targets of several columns.
"""

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from skgen._compat import HasMethods, Interval
from skgen.base import all_or_nothing
from skgen.data.checks import array_with_gaps, check_count
from skgen.tables.encoder import TableEncoder
from skgen.tables.pipeline import make_generative_pipeline
from skgen.tables.polars_frames import as_pandas
from skgen.threads import limited

__all__ = ["GenerativeClassifier", "GenerativeRegressor"]

# Entries of the completed rows that are held at a time.
PART = 2**20


class Predictor(BaseEstimator):
    """What both share: the joint table, and draws of the target given the rest."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [HasMethods(["fit", "impute"])],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, model, *, n_draws=100, random_state=None):
        self.model = model
        self.n_draws = n_draws
        self.random_state = random_state

    def _features_of_fit(self, X: Any, y: Any) -> pd.DataFrame:
        """Check the parameters and that there is a target, and return X as a frame."""
        self._validate_params()
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        return self._features(X, reset=True)

    def _learn(self, X: pd.DataFrame, targets: pd.DataFrame) -> None:
        """Fit the model to the features and the target, the last columns of one table."""
        names = []
        for k in range(targets.shape[1]):
            name = f"target_{k}"
            while name in X.columns:
                name += "_"
            names.append(name)
        targets = targets.set_axis(names, axis=1)
        model = clone(self.model)
        if not isinstance(model, Pipeline):
            # Rules of fit may not hold in the rows that a prediction is for, and these may have
            # categories that fit did not see.
            encoder = TableEncoder(handle_unknown="missing", constraints=None)
            model = make_generative_pipeline(encoder, model)
        elif not isinstance(model[0], TableEncoder):
            raise ValueError(
                f"model is a pipeline that begins with {model[0]}, and the target is a column of "
                "its table; give the model alone, or a pipeline that begins with a TableEncoder."
            )
        self.model_ = model.fit(pd.concat([X, targets], axis=1))

    def _features(self, X: Any, reset: bool) -> pd.DataFrame:
        """Return X as a frame, arrays as floats with named columns."""
        X = as_pandas(X)
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, skip_check_array=True, reset=reset)
            return X.set_axis(list(map(str, X.columns)), axis=1).reset_index(drop=True)
        X = array_with_gaps(self, X, reset)
        return pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])

    def _draws(self, X: Any, n_draws: int, random_state: Any, n_targets: int) -> np.ndarray:
        """Draw targets, an array of shape (n_samples, n_targets, n_draws)."""
        check_count("n_samples", n_draws)
        X = self._features(X, reset=False)
        columns = self.model_[0].feature_names_in_
        X = X.set_axis(columns[:-n_targets], axis=1).reindex(columns=columns)
        seed = self.random_state if random_state is None else random_state
        rng = check_random_state(self.model_[-1].random_state if seed is None else seed)
        step = max(1, PART // (n_draws * len(columns)))
        parts = []
        for start in range(0, len(X), step):
            seed = int(rng.randint(2**31 - 1))
            part = X.iloc[start : start + step]
            tables = self.model_.impute(part, n_draws=n_draws, random_state=seed)
            tables = tables if n_draws > 1 else [tables]
            parts.append(np.stack([table.iloc[:, -n_targets:] for table in tables], axis=2))
        return np.concatenate(parts)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        # A row's draws depend on its place among the rows.
        tags.non_deterministic = True
        return tags


class GenerativeRegressor(RegressorMixin, Predictor):
    """Predict numbers by draws from a generative model of features and target.

    Parameters
    ----------
    model : estimator
        A model with ``impute``, or a pipeline of a :class:`~skgen.TableEncoder` and one; it is
        cloned. A model alone gets an encoder in front, without rules, to which a category that fit
        did not see is a gap.
    n_draws : int, default=100
        Draws of the target for each row, of which means and quantiles are taken.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws; None falls back on the model's.

    Attributes
    ----------
    model_ : GenerativePipeline
        The fitted model of features and target.
    n_outputs_ : int
        Columns of y.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them.

    See Also
    --------
    GenerativeClassifier : The same for classes.
    GenerativeImputer : Fills gaps in any column.

    Notes
    -----
    The model learns the joint distribution of the columns of X and y, and draws y given x. X may be
    a frame of mixed columns, and its rows may have gaps: the target is drawn given what is there.
    Draws stay within the range of y in `fit`.

    A regressor that is made for one target, such as
    :class:`~sklearn.ensemble.HistGradientBoostingRegressor`, is faster, and usually nearer to the
    mean; this one knows how the target is distributed, whatever its shape, and several targets
    jointly.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skgen import FlowMatcher, GenerativeRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = GenerativeRegressor(FlowMatcher(max_steps=50, random_state=0), n_draws=20)
    >>> regressor.fit(X, y).predict(X[:3]).shape
    (3,)
    >>> regressor.predict_quantiles(X[:3], [0.05, 0.95]).shape
    (3, 2)
    """

    def fit(self, X, y):
        """Learn the joint distribution of features and target.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows; NaN, or another missing value of pandas, where an entry is missing.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers to predict.

        Returns
        -------
        self : object
            The fitted regressor.

        Raises
        ------
        ValueError
            If X or y is not as described, or the model is a pipeline without an encoder in front.
        """
        with all_or_nothing(self):
            X = self._features_of_fit(X, y)
            y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=self)
            if y.ndim == 1 or y.shape[1] == 1:
                y = column_or_1d(y, warn=True)
            check_consistent_length(X, y)
            self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
            self._is_column = y.ndim == 1
            self._learn(X, pd.DataFrame(y.reshape(len(y), self.n_outputs_)))
        return self

    @limited
    def sample_y(self, X, n_samples=1, *, random_state=None):
        """Draw the target given the features.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_features)
            Rows, as in `fit`.
        n_samples : int, default=1
            Number of draws for each row.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on that of the regressor, then of the model.

        Returns
        -------
        y : ndarray of shape (n_rows, n_samples) or (n_rows, n_outputs, n_samples)
            Draws, in the units of y.
        """
        check_is_fitted(self)
        drawn = self._draws(X, n_samples, random_state, self.n_outputs_).astype(np.float64)
        return drawn[:, 0] if self._is_column else drawn

    def predict(self, X):
        """Return the mean of the draws.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows, as in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Means, whose Monte Carlo error is the deviation of y given x over the root of
            ``n_draws``.
        """
        return self.sample_y(X, self.n_draws).mean(axis=-1)

    def predict_quantiles(self, X, quantiles=(0.05, 0.5, 0.95)):
        """Return quantiles of the draws.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows, as in `fit`.
        quantiles : array-like of shape (n_quantiles,), default=(0.05, 0.5, 0.95)
            Probabilities between 0 and 1.

        Returns
        -------
        y : ndarray of shape (n_samples, n_quantiles) or (n_samples, n_outputs, n_quantiles)
            Quantiles, at the places k / (n_draws + 1) between which another draw falls with the
            stated probability. Beyond the first and the last place they are the extreme draws.

        Raises
        ------
        ValueError
            If a quantile is not between 0 and 1.
        """
        quantiles = np.asarray(quantiles, dtype=np.float64)
        if quantiles.ndim != 1 or not ((quantiles >= 0) & (quantiles <= 1)).all():
            raise ValueError(
                f"quantiles={quantiles.tolist()} must be a list of probabilities between 0 and 1."
            )
        drawn = self.sample_y(X, self.n_draws)
        return np.moveaxis(np.quantile(drawn, quantiles, axis=-1, method="weibull"), 0, -1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = True
        tags.target_tags.multi_output = True
        return tags


class GenerativeClassifier(ClassifierMixin, Predictor):
    """Predict classes by draws from a generative model of features and class.

    Parameters
    ----------
    model : estimator
        A model with ``impute``, or a pipeline of a :class:`~skgen.TableEncoder` and one; it is
        cloned. A model alone gets an encoder in front, without rules, to which a category that fit
        did not see is a gap.
    n_draws : int, default=100
        Draws of the class for each row; probabilities are shares of them.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws; None falls back on the model's.

    Attributes
    ----------
    model_ : GenerativePipeline
        The fitted model of features and class.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them.

    See Also
    --------
    GenerativeRegressor : The same for numbers.
    GenerativeOverSampler : Draws more rows of small classes.

    Notes
    -----
    The class is one more column of the table that the model learns. X may be a frame of mixed
    columns, and its rows may have gaps: the class is drawn given what is there.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgen import FlowMatcher, GenerativeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = GenerativeClassifier(FlowMatcher(max_steps=50, random_state=0), n_draws=20)
    >>> classifier.fit(X, y).predict_proba(X[:2]).shape
    (2, 3)
    """

    def fit(self, X, y):
        """Learn the joint distribution of features and class.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows; NaN, or another missing value of pandas, where an entry is missing.
        y : array-like of shape (n_samples,)
            Their classes.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If X or y is not as described, or the model is a pipeline without an encoder in front.
        """
        with all_or_nothing(self):
            X = self._features_of_fit(X, y)
            y = check_array(y, ensure_2d=False, dtype=None, input_name="y", estimator=self)
            y = column_or_1d(y, warn=True)
            check_consistent_length(X, y)
            check_classification_targets(y)
            self.classes_, places = np.unique(y, return_inverse=True)
            labels = pd.Categorical.from_codes(places, range(len(self.classes_)))
            self._learn(X, pd.DataFrame({0: labels}))
        return self

    @limited
    def sample_y(self, X, n_samples=1, *, random_state=None):
        """Draw the class given the features.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_features)
            Rows, as in `fit`.
        n_samples : int, default=1
            Number of draws for each row.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on that of the classifier, then of the model.

        Returns
        -------
        y : ndarray of shape (n_rows, n_samples)
            Drawn classes.
        """
        check_is_fitted(self)
        return self.classes_[self._draws(X, n_samples, random_state, 1)[:, 0].astype(np.int64)]

    @limited
    def predict_proba(self, X):
        """Return the share of draws of each class.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows, as in `fit`.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Probabilities, with one draw of an even distribution over the classes added, so that
            none is 0.
        """
        check_is_fitted(self)
        drawn = self._draws(X, self.n_draws, None, 1)[:, 0].astype(np.int64)
        counts = (drawn[:, :, None] == np.arange(len(self.classes_))).sum(1)
        return (counts + 1 / len(self.classes_)) / (self.n_draws + 1)

    def predict(self, X):
        """Return the most frequent class of the draws.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows, as in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Classes.
        """
        places = self.predict_proba(X).argmax(1)
        return self.classes_[places]
