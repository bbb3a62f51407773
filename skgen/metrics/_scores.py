"""Scores for model selection: of drawn rows, and bits per dimension from log-likelihoods."""

from inspect import signature
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_scalar


def bits_per_dimension(score, n_features, *, width=1.0):
    r"""Convert a log-density into bits per dimension: the code length of an entry on a grid.

    Rows whose entries lie on a grid, such as pixels, have a probability: that of a cell of width
    :math:`w` along each of :math:`d` columns. With the log-density
    :math:`\log p(x)` in nats it is :math:`p(x) \, w^d`, and the bits per dimension are

    .. math:: -\frac{\log p(x) + d \log w}{d \log 2}.

    Parameters
    ----------
    score : float or array-like
        Log-density of a row or of several in nats, or its mean, such as `score` or `score_samples`
        of an estimator: in the units of the rows.

    n_features : int
        Number of columns :math:`d`, at least 1.

    width : float, default=1.0
        Distance :math:`w` between neighbouring values in the units of the rows, above 0: 1 for
        pixels from 0 to 255, 1/255 if these are divided by 255. Also 1 where `score` is of
        probabilities, such as those of binary rows.

    Returns
    -------
    bits : float or ndarray
        Of the shape of `score`. Lower is better: :math:`b` for a uniform distribution on
        :math:`2^b` values.

    Raises
    ------
    ValueError
        If `n_features` is below 1, or `width` is not above 0.

    Notes
    -----
    A density can be arbitrarily high at the points of a grid. The bits are a code length only if
    the density is that of rows to which noise, uniform over a cell, was added, in fitting and in
    scoring, or if the score is a lower bound of the log-probability of a cell. A lower bound of a
    score gives an upper bound of the bits.

    References
    ----------
    .. [1] L. Theis, A. van den Oord, M. Bethge, "A note on the evaluation of generative models",
       ICLR 2016.

    Examples
    --------
    Pixels uniform on 256 values, divided by 255 and spread over their cells.

    >>> import numpy as np
    >>> from skgen.metrics import bits_per_dimension
    >>> bits_per_dimension(784 * np.log(255 / 256), 784, width=1 / 255)
    8.0
    """
    check_scalar(n_features, "n_features", Integral, min_val=1)
    check_scalar(width, "width", Real, min_val=0, include_boundaries="neither")
    bits = -(np.asarray(score, dtype=np.float64) / n_features + np.log(width)) / np.log(2)
    return bits if bits.ndim else float(bits)


class _SampleScorer:
    """A scorer of the rows that an estimator draws; see `make_sample_scorer`."""

    def __init__(self, metric, sign, random_state, options):
        self.metric, self.sign = metric, sign
        self.random_state, self.options = random_state, options

    def __call__(self, estimator, X, y=None):
        if not hasattr(estimator, "sample"):
            raise TypeError(
                f"{type(estimator).__name__} has no method sample: score an estimator that draws "
                "rows, or put what comes before it into the data."
            )
        value = self.metric(
            X, estimator.sample(len(X), random_state=self.random_state), **self.options
        )
        if np.ndim(value) or isinstance(value, dict):
            raise TypeError(
                f"{_name(self.metric)} returns {value!r}: give a function that returns one number."
            )
        return self.sign * float(value)

    def __repr__(self):
        given = {"greater_is_better": self.sign > 0, "random_state": self.random_state}
        options = ", ".join(
            f"{name}={value!r}" for name, value in {**given, **self.options}.items()
        )
        return f"make_sample_scorer({_name(self.metric)}, {options})"


def _name(function):
    return getattr(function, "__name__", repr(function))


def make_sample_scorer(metric, *, greater_is_better=False, random_state=0, **options):
    """Make a scorer of the rows that an estimator draws, for model selection.

    The scorer draws as many rows as X has and compares the two sets.

    Parameters
    ----------
    metric : callable
        ``metric(X_real, X_fake, **options)`` returns a number, such as `energy_distance`.

    greater_is_better : bool, default=False
        Whether a large value is a good one. If not, the scorer returns minus the value, as
        scikit-learn has it for losses.

    random_state : int, default=0
        Seed of `sample` at every call, so that models are compared on the same noise. The metric
        has it too, if it takes a `random_state` and `options` has none.

    **options : dict
        Further parameters for the metric.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None)`` returns a float, higher is better. It serves as ``scoring``
        of :class:`~sklearn.model_selection.GridSearchCV` and
        :func:`~sklearn.model_selection.cross_val_score`, and can be pickled if the metric can.

    Raises
    ------
    TypeError
        If `metric` cannot be called, or `random_state` is not an int; in scoring, if the estimator
        has no `sample`, or if the metric returns more than one number.

    See Also
    --------
    sample_report : Several measures in words, for one model.

    Examples
    --------
    The bandwidth of a kernel density that draws the best rows, by cross-validation.

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KernelDensity
    >>> from skgen.metrics import energy_distance, make_sample_scorer
    >>> X, _ = load_iris(return_X_y=True)
    >>> scorer = make_sample_scorer(energy_distance)
    >>> search = GridSearchCV(KernelDensity(), {"bandwidth": [0.01, 0.2, 2.0]}, scoring=scorer)
    >>> search.fit(X).best_params_
    {'bandwidth': 0.2}
    """
    if not callable(metric):
        raise TypeError(
            f"metric={metric!r} cannot be called: give a function such as "
            "skgen.metrics.energy_distance."
        )
    check_scalar(random_state, "random_state", Integral)
    if "random_state" in signature(metric).parameters:
        options = {"random_state": random_state, **options}
    return _SampleScorer(metric, 1 if greater_is_better else -1, random_state, options)
