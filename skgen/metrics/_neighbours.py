"""What the nearest real rows say of a fake one."""

from numbers import Real

import numpy as np
from sklearn.metrics import pairwise_distances_argmin
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_scalar

from ._validation import check_tables


def near_copies(X_train, X_test, X_fake, *, quantile=0.01, standardize=True):
    """Share of fake rows that lie suspiciously near to a training row.

    A fake row is a near-copy if its distance to the nearest training row is at most the `quantile`
    quantile of the same distance for held-out rows. Fresh rows from the law of the data are flagged
    at a rate of about `quantile`, a model that repeats its training rows at a rate of 1.

    Parameters
    ----------
    X_train : array-like of shape (n_train, n_features)
        The rows that the generative model was fitted on.

    X_test : array-like of shape (n_test, n_features)
        Held-out rows of the same law. The quantile is resolved in steps of about ``1 / n_test``.

    X_fake : array-like of shape (n_fake, n_features)
        Generated rows.

    quantile : float, default=0.01
        Rate at which held-out rows count as near-copies, between 0 and 1.

    standardize : bool, default=True
        Whether to divide each column by its standard deviation over the training rows (constant
        columns are left as they are). Right for tables, whose columns have units of their own.
        Set it to False for images and other rows with one unit: there it would magnify pixels that
        are hardly ever lit, and a copy with a little noise would look far from its original.

    Returns
    -------
    share : float
        Between 0 and 1. Where rows repeat so often that the threshold is 0, exact copies count, and
        the rate for fresh rows is their rate of repetition, which exceeds `quantile`.

    Raises
    ------
    ValueError
        If a table is not numeric or has missing entries, if the columns differ, or if `quantile`
        is outside of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen.metrics import near_copies
    >>> rng = np.random.default_rng(0)
    >>> X_train, X_test, X_fresh = rng.normal(size=(3, 1000, 4))
    >>> near_copies(X_train, X_test, X_train + 1e-3)
    1.0
    >>> near_copies(X_train, X_test, X_fresh) < 0.03
    True
    """
    X_train, X_test, X_fake = check_tables(X_train=X_train, X_test=X_test, X_fake=X_fake)
    check_scalar(quantile, "quantile", Real, min_val=0, max_val=1, include_boundaries="neither")
    # centred in any case: the search below expands the square, and a far origin would cost digits
    scaler = StandardScaler(with_std=standardize).fit(X_train)
    X_train, X_test, X_fake = map(scaler.transform, (X_train, X_test, X_fake))

    def distance(X):
        # anew for the nearest row alone, so that an exact copy reads 0
        nearest = pairwise_distances_argmin(X, X_train)
        return np.linalg.norm(X - X_train[nearest], axis=1)

    return float(np.mean(distance(X_fake) <= np.quantile(distance(X_test), quantile)))
