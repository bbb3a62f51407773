"""Measures by the nearest real rows of a fake one."""

from numbers import Integral, Real

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances_argmin
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_scalar, gen_batches

from skgen.threads import one_thread

from ._validation import check_tables


def nearest(X, rows):
    """Return the distance of each row of X to the nearest of some rows, and its number."""
    # The search expands the square; computed again for the nearest row, the distance of a copy is
    # 0.
    index = pairwise_distances_argmin(X, rows)
    return np.linalg.norm(X - rows[index], axis=1), index


@one_thread()
def near_copies(X_train, X_test, X_fake, *, quantile=0.01, standardize=True):
    """Share of fake rows that are nearly copies of a training row.

    A fake row is a near-copy if its distance to the nearest training row is at most the `quantile`
    quantile of the same distance for held-out rows. Fresh rows from the distribution of the data
    are flagged at a rate of about `quantile`, a model that repeats its training rows at a rate of
    1.

    Parameters
    ----------
    X_train : array-like or frame of shape (n_train, n_features)
        The rows that the generative model was fitted on.

    X_test : array-like or frame of shape (n_test, n_features)
        Held-out rows of the same distribution. The quantile is resolved in steps of about ``1 /
        n_test``.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows.

    quantile : float, default=0.01
        Rate at which held-out rows count as near-copies, between 0 and 1.

    standardize : bool, default=True
        Whether to divide each column by its standard deviation over the training rows (constant
        columns are left as they are). Right for tables, whose columns have units of their own. Set
        it to False for images and other rows with one unit: there it would magnify pixels that are
        hardly ever lit, and a copy with a little noise would be far from its original.

    Returns
    -------
    share : float
        Between 0 and 1. If so many rows repeat that the threshold is 0, exact copies are counted,
        and the rate for fresh rows is their rate of repetition, which exceeds `quantile`.

    Raises
    ------
    ValueError
        If a table cannot be read as numbers, if the columns differ, or if `quantile`
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
    of_fake, of_test = (nearest(X, X_train)[0] for X in (X_fake, X_test))
    return float(np.mean(of_fake <= np.quantile(of_test, quantile)))


def _in_blocks(A, B):
    """Yield slices of A with the distances of its rows to those of B, 80 MB at a time.

    From differences, not from expanded squares: equal distances come out equal, as the comparison
    of rows that repeat a few values needs.
    """
    for block in gen_batches(len(A), max(1, 10_000_000 // len(B))):
        yield block, cdist(A[block], B)


def _radii(X, n_neighbors):
    """Distance of each row to its n-th nearest other row, of shape (n_rows,)."""
    # the nearest row is the row itself, or one equal to it
    nearest = (np.partition(D, n_neighbors, axis=1)[:, n_neighbors] for _, D in _in_blocks(X, X))
    return np.concatenate(list(nearest))


@one_thread()
def precision_recall_density_coverage(X_real, X_fake, *, n_neighbors=5):
    r"""Share of fake rows among real ones, and of real rows among fake ones, by nearest neighbours.

    The ball of a row reaches to its `n_neighbors`-th nearest neighbour of the same set.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_real, n_features)
        Real rows, more than `n_neighbors`.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows, more than `n_neighbors`; best as many as real ones.

    n_neighbors : int, default=5
        Which neighbour a ball reaches to, at least 1.

    Returns
    -------
    measures : dict of str to float
        - ``"precision"``: share of fake rows in the ball of some real row [1]_;
        - ``"recall"``: share of real rows in the ball of some fake row [1]_;
        - ``"density"``: number of real rows whose ball a fake row lies in, in the mean and divided
          by `n_neighbors` [2]_. Below 1, fake rows are where real rows are rare; above 1, which
          happens in many columns, they are between the real ones and vary too little;
        - ``"coverage"``: share of real rows with a fake row in their ball [2]_.

        Columns are taken as they are: standardise tables of mixed units first.

    Raises
    ------
    ValueError
        If a table cannot be read as numbers, has no more than `n_neighbors` rows, if the
        columns differ, or if `n_neighbors` is below 1.

    See Also
    --------
    near_copies : Whether rows that look right are copies of training rows.

    Notes
    -----
    For :math:`n` and :math:`m` rows of one continuous distribution and :math:`k` neighbours, the
    expected density is 1 and the expected coverage :math:`1 - \prod_{j=1}^k (n - j) / (n + m - j)`,
    which is 0.97 for :math:`n = m` and :math:`k = 5`. Precision and recall depend on the
    distribution: compare with two sets of real rows. A single fake row far out has a large ball,
    and raises recall.

    Time grows with the product of the row counts, memory does not.

    References
    ----------
    .. [1] T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen, T. Aila, "Improved precision and
       recall metric for assessing generative models", NeurIPS 2019.
    .. [2] M. Naeem, S. Oh, Y. Uh, Y. Choi, J. Yoo, "Reliable fidelity and diversity metrics for
       generative models", ICML 2020.

    Examples
    --------
    Fake rows in the right half only are precise, but recall half of the real ones.

    >>> import numpy as np
    >>> from skgen.metrics import precision_recall_density_coverage
    >>> X_real, X_fake = np.random.default_rng(0).normal(size=(2, 1000, 2))
    >>> X_fake[:, 0] = np.abs(X_fake[:, 0])
    >>> measures = precision_recall_density_coverage(X_real, X_fake)
    >>> {name: round(value, 1) for name, value in measures.items()}
    {'precision': 1.0, 'recall': 0.5, 'density': 1.0, 'coverage': 0.5}
    """
    X_real, X_fake = check_tables(X_real=X_real, X_fake=X_fake)
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    if min(len(X_real), len(X_fake)) <= n_neighbors:
        raise ValueError(
            f"X_real has {len(X_real)} rows and X_fake has {len(X_fake)}: give more than "
            f"n_neighbors={n_neighbors} of each."
        )
    radii_real, radii_fake = (_radii(X, n_neighbors) for X in (X_real, X_fake))
    n_balls = np.zeros(len(X_fake))
    n_recalled = n_covered = 0
    for block, distances in _in_blocks(X_real, X_fake):
        in_real = distances <= radii_real[block, None]
        n_balls += in_real.sum(axis=0)
        n_covered += in_real.any(axis=1).sum()
        n_recalled += (distances <= radii_fake).any(axis=1).sum()
    return {
        "precision": float(np.mean(n_balls > 0)),
        "recall": float(n_recalled / len(X_real)),
        "density": float(n_balls.mean() / n_neighbors),
        "coverage": float(n_covered / len(X_real)),
    }
