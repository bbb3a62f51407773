"""Accuracy of simple classifiers on learnt features."""

from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length, column_or_1d

from ._validation import check_tables


def _probe(classifier, Z_train, y_train, Z_test, y_test):
    """Test accuracy of a classifier fitted on standardised training features."""
    Z_train, Z_test = check_tables(Z_train=Z_train, Z_test=Z_test)
    y_train, y_test = column_or_1d(y_train), column_or_1d(y_test)
    check_consistent_length(Z_train, y_train)
    check_consistent_length(Z_test, y_test)
    model = make_pipeline(StandardScaler(), classifier).fit(Z_train, y_train)
    return float(model.score(Z_test, y_test))


def linear_probe(Z_train, y_train, Z_test, y_test):
    """Accuracy of logistic regression on fixed features.

    Features are standardised by the training rows; the regression is scikit-learn's with its
    default penalty.

    Parameters
    ----------
    Z_train : array-like of shape (n_train, n_features)
        Features to fit the probe on, such as the `transform` of a model.

    y_train : array-like of shape (n_train,)
        Their labels.

    Z_test : array-like of shape (n_test, n_features)
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
        If features are not numeric or have missing entries, or if numbers of columns or of labels
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


def knn_probe(Z_train, y_train, Z_test, y_test, *, n_neighbors=5):
    """Accuracy of nearest neighbours on fixed features.

    Features are standardised by the training rows, and neighbours vote with equal weights.

    Parameters
    ----------
    Z_train : array-like of shape (n_train, n_features)
        Features to find neighbours among, such as the `transform` of a model.

    y_train : array-like of shape (n_train,)
        Their labels.

    Z_test : array-like of shape (n_test, n_features)
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
        If features are not numeric or have missing entries, or if numbers of columns or of labels
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
