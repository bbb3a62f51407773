"""Predictors trained on latent features, and on fake rows instead of real ones."""

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import type_of_target

from skgen.threads import one_thread

from ._validation import check_labels, check_tables


def _probe(classifier, Z_train, y_train, Z_test, y_test):
    """Test accuracy of a classifier fitted on standardised training features."""
    Z_train, Z_test = check_tables(Z_train=Z_train, Z_test=Z_test)
    y_train, y_test = check_labels(y_train=y_train, y_test=y_test)
    check_consistent_length(Z_train, y_train)
    check_consistent_length(Z_test, y_test)
    model = make_pipeline(StandardScaler(), classifier).fit(Z_train, y_train)
    return float(model.score(Z_test, y_test))


@one_thread()
def linear_probe(Z_train, y_train, Z_test, y_test):
    """Accuracy of logistic regression on fixed features.

    Features are standardised by the training rows; the regression is scikit-learn's with its
    default penalty.

    Parameters
    ----------
    Z_train : array-like or frame of shape (n_train, n_features)
        Features to fit the probe on, such as the `transform` of a model.

    y_train : array-like of shape (n_train,)
        Their labels.

    Z_test : array-like or frame of shape (n_test, n_features)
        Features to judge the probe on.

    y_test : array-like of shape (n_test,)
        Their labels.

    Returns
    -------
    accuracy : float
        Share of test rows that are labelled right, between 0 and 1.

    Raises
    ------
    ValueError
        If features cannot be read as numbers, or if numbers of columns or of labels
        do not match.

    See Also
    --------
    knn_probe : The same with nearest neighbours, which need no linear boundary.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skgen.metrics import linear_probe
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     X, y, test_size=0.4, random_state=0, stratify=y
    ... )
    >>> round(linear_probe(X_train, y_train, X_test, y_test), 2)
    0.97
    """
    return _probe(LogisticRegression(max_iter=5000), Z_train, y_train, Z_test, y_test)


@one_thread()
def knn_probe(Z_train, y_train, Z_test, y_test, *, n_neighbors=5):
    """Accuracy of nearest neighbours on fixed features.

    Features are standardised by the training rows, and neighbours vote with equal weights.

    Parameters
    ----------
    Z_train : array-like or frame of shape (n_train, n_features)
        Features to find neighbours among, such as the `transform` of a model.

    y_train : array-like of shape (n_train,)
        Their labels.

    Z_test : array-like or frame of shape (n_test, n_features)
        Features to judge the probe on.

    y_test : array-like of shape (n_test,)
        Their labels.

    n_neighbors : int, default=5
        Neighbours that vote, at most `n_train`.

    Returns
    -------
    accuracy : float
        Share of test rows that are labelled right, between 0 and 1.

    Raises
    ------
    ValueError
        If features cannot be read as numbers, or if numbers of columns or of labels
        do not match.

    See Also
    --------
    linear_probe : The same with logistic regression.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skgen.metrics import knn_probe
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     X, y, test_size=0.4, random_state=0, stratify=y
    ... )
    >>> round(knn_probe(X_train, y_train, X_test, y_test), 2)
    0.97
    """
    return _probe(KNeighborsClassifier(n_neighbors=n_neighbors), Z_train, y_train, Z_test, y_test)


@one_thread()
def train_on_synthetic(
    X_real, y_real, X_fake, y_fake, X_test, y_test, *, estimator=None, random_state=None
):
    """Score on real rows of a predictor trained on fake rows, and of one trained on real rows.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_real, n_features)
        Real rows, those that the generative model was fitted on.

    y_real : array-like of shape (n_real,)
        What to predict for each: classes or numbers.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows, best as many as real ones.

    y_fake : array-like of shape (n_fake,)
        What to predict for each: the condition they were generated under, or a generated column.

    X_test : array-like or frame of shape (n_test, n_features)
        Held-out real rows, used to fit neither the generative model nor a predictor.

    y_test : array-like of shape (n_test,)
        What is right for each.

    estimator : classifier or regressor, default=None
        The predictor, of which copies are fitted to arrays of numbers. None takes gradient-boosted
        trees: a regressor where `y_real` has fractions, a classifier otherwise.

    random_state : int, RandomState instance or None, default=None
        Seed of the trees, where `estimator` is None.

    Returns
    -------
    scores : dict of str to float
        ``"fake"`` and ``"real"``: the score on the test rows of the predictor trained on fake or
        real rows, which is accuracy for classes and R² for numbers. Their difference is the loss
        from using fake rows.

    Raises
    ------
    ValueError
        If a table cannot be read as numbers, if a label is missing, if numbers of columns or of
        labels do not match, or if `y_fake` holds a single class.

    See Also
    --------
    linear_probe : How well latent variables serve, in place of fake rows.

    References
    ----------
    .. [1] C. Esteban, S. Hyland, G. Rätsch, "Real-valued (medical) time series generation with
       recurrent conditional GANs", arXiv:1706.02633, 2017.

    Examples
    --------
    Fake rows with labels at random teach nothing.

    >>> import numpy as np
    >>> from skgen.metrics import train_on_synthetic
    >>> rng = np.random.default_rng(0)
    >>> X_real, X_fake, X_test = rng.normal(size=(3, 300, 2))
    >>> y_real, y_test = X_real[:, 0] > 0, X_test[:, 0] > 0
    >>> y_fake = rng.integers(2, size=300).astype(bool)
    >>> scores = train_on_synthetic(X_real, y_real, X_fake, y_fake, X_test, y_test)
    >>> scores["real"] > 0.95, scores["fake"] < 0.65
    (True, True)
    """
    X_real, X_fake, X_test = check_tables(X_real=X_real, X_fake=X_fake, X_test=X_test)
    y_real, y_fake, y_test = check_labels(y_real=y_real, y_fake=y_fake, y_test=y_test)
    for X, y in ((X_real, y_real), (X_fake, y_fake), (X_test, y_test)):
        check_consistent_length(X, y)
    if estimator is None:
        if random_state is None:
            # Trees without a seed would draw from numpy's global state.
            random_state = int(np.random.default_rng().integers(2**31))
        if type_of_target(y_real) == "continuous":
            estimator = HistGradientBoostingRegressor(random_state=random_state)
        else:
            estimator = HistGradientBoostingClassifier(random_state=random_state)
    if is_classifier(estimator) and len(np.unique(y_fake)) == 1:
        raise ValueError(
            f"y_fake is {y_fake.tolist()[0]!r} in every row: generate rows of at least 2 classes."
        )
    return {
        name: float(clone(estimator).fit(X, y).score(X_test, y_test))
        for name, X, y in (("fake", X_fake, y_fake), ("real", X_real, y_real))
    }
