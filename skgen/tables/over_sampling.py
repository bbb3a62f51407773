"""New rows for the classes that have too few, drawn by a conditional generative model.

The interface is that of imbalanced-learn's over-samplers, so that its pipelines take it as a step;
the library itself is not needed.
"""

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_numeric_dtype
from sklearn.base import BaseEstimator, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from skgen._compat import HasMethods, Interval, StrOptions
from skgen.data.checks import explained
from skgen.tables.polars_frames import as_pandas, as_polars, is_polars
from skgen.threads import limited

__all__ = ["GenerativeOverSampler"]


class GenerativeOverSampler(BaseEstimator):
    """Add rows to classes that have too few, drawn by a model conditioned on the class.

    Parameters
    ----------
    model : estimator
        A model whose ``fit`` and ``sample`` take ``condition=``, or a pipeline that ends in one; it
        is cloned.
    sampling_strategy : "auto", float or dict, default="auto"
        How many rows the classes shall have. ``"auto"``: as many as the largest class. A float, for
        two classes: this share of the larger one. A dict: by class; those that are not in it stay.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawn rows; None falls back on the model's.

    Attributes
    ----------
    model_ : estimator
        The fitted model; None where no row was needed.
    sampling_strategy_ : dict
        Number of rows that each class gained.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them.

    Notes
    -----
    One model learns all classes, so that a small class profits from what it has in common with the
    others. Only training rows should be resampled: give ``fit_resample`` the rows that a classifier
    is to learn from, or take the pipeline of imbalanced-learn, which does so.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skgen import GenerativeOverSampler, VariationalDiffusionAE
    >>> X, y = load_iris(return_X_y=True)
    >>> X, y = X[:110], y[:110]
    >>> model = VariationalDiffusionAE(max_steps=50, random_state=0)
    >>> X_more, y_more = GenerativeOverSampler(model).fit_resample(X, y)
    >>> np.bincount(y), np.bincount(y_more)
    (array([50, 50, 10]), array([50, 50, 50]))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [HasMethods(["fit", "sample"])],
        "sampling_strategy": [StrOptions({"auto"}), dict, Interval(Real, 0, 1, closed="right")],
        "random_state": ["random_state"],
    }

    def __init__(self, model, *, sampling_strategy="auto", random_state=None):
        self.model = model
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state

    @limited
    def fit_resample(self, X, y):
        """Learn the classes, and add rows to those that have too few.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their classes.

        Returns
        -------
        X_more : ndarray or frame of shape (n_samples_more, n_features)
            The rows of X, followed by the new ones, class by class; a frame is numbered anew.
        y_more : ndarray or Series of shape (n_samples_more,)
            Their classes.

        Raises
        ------
        ValueError
            If the classes cannot have the numbers asked for.

        Warns
        -----
        UserWarning
            If a class has fewer than five rows; the message names it.
        """
        X_more, y_more = self._resampled(as_pandas(X), y)
        if is_polars(y):
            y_more = type(y)(y.name, np.asarray(y_more).tolist(), dtype=y.dtype)
        return as_polars(X_more) if is_polars(X) else X_more, y_more

    def _resampled(self, X: Any, y: Any) -> tuple[Any, Any]:
        self._validate_params()
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, skip_check_array=True)
        else:
            with explained(self, X):
                X = validate_data(self, X, dtype=[np.float64, np.float32])
        labels = column_or_1d(y)
        check_consistent_length(X, labels)
        check_classification_targets(labels)
        classes, counts = np.unique(labels, return_counts=True)
        self.sampling_strategy_ = self._wanted(dict(zip(classes.tolist(), counts, strict=True)))
        gained = np.array([self.sampling_strategy_.get(name, 0) for name in classes.tolist()])
        asked = np.repeat(classes, gained)
        self.model_ = None
        if len(asked) == 0:
            return X, y
        self.model_ = clone(self.model).fit(X, condition=labels)
        drawn = self.model_.sample(len(asked), condition=asked, random_state=self.random_state)
        if isinstance(y, pd.Series):
            more = pd.Series(asked, name=y.name).astype(y.dtype)
            y_more = pd.concat([y, more], ignore_index=True)
        else:
            y_more = np.concatenate([labels, asked])
        if not isinstance(X, pd.DataFrame):
            return np.concatenate([X, np.asarray(drawn, dtype=X.dtype)]), y_more
        drawn = pd.DataFrame(drawn)
        if drawn.shape[1] < X.shape[1]:
            # Identifiers that a TableEncoder leaves out.
            X = X[list(drawn.columns)]
        columns = [_of_kind(drawn.iloc[:, j], X.iloc[:, j]) for j in range(X.shape[1])]
        drawn = pd.concat(columns, axis=1)
        drawn.columns = X.columns
        return pd.concat([X, drawn], ignore_index=True), y_more

    def _wanted(self, counts: dict[Any, int]) -> dict[Any, int]:
        """Return how many rows each class shall gain."""
        largest = max(counts, key=lambda name: counts[name])
        if isinstance(self.sampling_strategy, dict):
            wanted = self.sampling_strategy
            absent = [name for name in wanted if name not in counts]
            if absent:
                raise ValueError(
                    f"sampling_strategy names the class {absent[0]!r}, which y has not; it has "
                    f"{list(counts)}."
                )
        elif isinstance(self.sampling_strategy, Real):
            if len(counts) != 2:
                raise ValueError(
                    f"sampling_strategy={self.sampling_strategy} is a share of the larger of two "
                    f"classes, and y has {len(counts)}; give a dict, or 'auto'."
                )
            share = int(float(self.sampling_strategy) * counts[largest])
            wanted = {name: share for name in counts if name != largest}
        else:
            wanted = {name: counts[largest] for name in counts if name != largest}
        for name, number in wanted.items():
            if not isinstance(number, Integral) or number < counts[name]:
                raise ValueError(
                    f"sampling_strategy={self.sampling_strategy!r} means {number!r} rows of class "
                    f"{name!r}, which has {counts[name]} already; rows are only added."
                )
        return {name: int(number - counts[name]) for name, number in wanted.items()}


def _of_kind(drawn: pd.Series, given: pd.Series) -> pd.Series:
    """Return drawn numbers as entries of the dtype of a column, in its range where it is coarse."""
    dtype = given.dtype
    if drawn.dtype == dtype or not is_numeric_dtype(drawn.dtype):
        return drawn.astype(dtype)
    if isinstance(dtype, pd.CategoricalDtype):
        categories = dtype.categories.to_numpy(dtype=np.float64)
        nearest = np.abs(drawn.to_numpy()[:, None] - categories).argmin(1)
        return pd.Series(pd.Categorical.from_codes(nearest, dtype=dtype))
    if is_bool_dtype(dtype):
        return (drawn > 0.5).astype(dtype)
    if is_integer_dtype(dtype):
        # As Python's integers: the bounds of 64 bits are no floats.
        low, high = int(given.min()), int(given.max())
        whole = [min(max(round(value), low), high) for value in drawn.tolist()]
        return pd.Series(whole, dtype=object).astype(dtype)
    return drawn.astype(dtype)
