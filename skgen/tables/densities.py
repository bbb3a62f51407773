r"""Log-determinants of scikit-learn's transformers: what each adds to the log-density of a row.

.. math:: \log p(x) = \log p(T(x)) + \log \left| \det \frac{\partial T}{\partial x} \right| .
"""

from functools import singledispatch
from typing import Any

import numpy as np
from scipy.stats import norm
from sklearn.decomposition import PCA
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from skgen._compat import scale_after_power


@singledispatch
def log_slope(step: Any, X: Any, Y: Any) -> np.ndarray | None:
    """Return log |det dY/dX| for rows X and their transforms Y; None where it is not known."""
    return None


def constant(value: float, X: Any) -> np.ndarray:
    """Return one log-determinant for all rows."""
    return np.full(len(X), value)


def _of_scale(scale: Any, X: Any) -> np.ndarray:
    # A scaler that does not scale has None.
    return constant(0.0 if scale is None else -np.log(scale).sum(), X)


@log_slope.register(StandardScaler)
@log_slope.register(RobustScaler)
def _(step: Any, X: Any, Y: Any) -> Any:
    return _of_scale(step.scale_, X)


@log_slope.register
def _(step: MaxAbsScaler, X: Any, Y: Any) -> Any:
    return None if getattr(step, "clip", False) else _of_scale(step.scale_, X)


@log_slope.register
def _(step: MinMaxScaler, X: Any, Y: Any) -> Any:
    # Its scale multiplies. What is clipped is no longer one to one.
    return None if step.clip else _of_scale(1 / step.scale_, X)


@log_slope.register
def _(step: PowerTransformer, X: Any, Y: Any) -> Any:
    if step.method == "box-cox":
        of_columns = (step.lambdas_ - 1) * np.log(_array(X))
    else:
        X = _array(X)
        of_columns = (step.lambdas_ - 1) * np.sign(X) * np.log1p(np.abs(X))
    total = of_columns.sum(1)
    return total + _of_scale(scale_after_power(step), X) if step.standardize else total


@log_slope.register
def _(step: QuantileTransformer, X: Any, Y: Any) -> Any:
    total = np.zeros(len(X))
    for x, y, knots in zip(_array(X).T, _array(Y).T, step.quantiles_.T, strict=True):
        # Between two different knots the map is a straight line; beyond the last it is flat.
        knots, place = np.unique(knots, return_index=True)
        if len(knots) < 2:
            return None
        slopes = np.diff(step.references_[place]) / np.diff(knots)
        k = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(slopes) - 1)
        inside = (x >= knots[0]) & (x <= knots[-1])
        total += np.where(inside, np.log(slopes[k]), -np.inf)
        if step.output_distribution == "normal":
            total -= norm.logpdf(y)
    return total


@log_slope.register
def _(step: PCA, X: Any, Y: Any) -> Any:
    if Y.shape[1] != X.shape[1]:
        return None
    if not step.whiten:
        return constant(0.0, X)
    scale = np.sqrt(step.explained_variance_)
    return _of_scale(np.maximum(scale, np.finfo(scale.dtype).eps), X)


def is_known(step: Any) -> bool:
    """Return whether the log-determinant of a step is known.

    For a step that is not fitted, its type decides whether it may be.
    """
    known = log_slope.dispatch(type(step)) is not log_slope.dispatch(object)
    if known and hasattr(step, "n_features_in_"):
        # The result for no rows is None exactly if it is None for all rows.
        n_out = len(step.get_feature_names_out())
        no_rows = np.empty((0, step.n_features_in_)), np.empty((0, n_out))
        known = log_slope(step, *no_rows) is not None
    return known


def _array(X: Any) -> np.ndarray:
    return np.asarray(X, dtype=np.float64)
