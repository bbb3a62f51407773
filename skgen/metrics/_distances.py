"""Distances between the laws that two sets of rows are drawn from."""

from math import fsum
from numbers import Integral, Real

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from sklearn.utils import check_scalar

from ._validation import check_tables


def sliced_wasserstein(X_real, X_fake, *, p=2, n_projections=500, random_state=None):
    r"""Sliced Wasserstein distance between two sets of rows.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_features)
        Real rows.

    X_fake : array-like of shape (n_fake, n_features)
        Generated rows; their number may differ from that of the real ones.

    p : float, default=2
        Order of the distance, at least 1.

    n_projections : int, default=500
        Directions drawn, at least 1. The relative error that they bring to the result falls as one
        over the root of their number.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws the directions. The same int gives the same directions, so that differences between
        models are not blurred by them.

    Returns
    -------
    distance : float
        In the units of the columns, which are taken as they are: standardise tables of mixed units
        first. A shift by :math:`d` reads :math:`|d| / \sqrt{n_\mathrm{features}}` for ``p=2``.

    Raises
    ------
    ValueError
        If a table is not numeric or has missing entries, if the columns differ, or if `p` or
        `n_projections` is below 1.

    Notes
    -----
    Along a direction :math:`\theta` both quantile functions are steps, with jumps at multiples of
    ``1 / n_real`` and ``1 / n_fake``; their difference is integrated exactly on the union of the
    two grids. Two finite sets of one law are at a distance above 0, which falls with their size.

    References
    ----------
    .. [1] N. Bonneel, J. Rabin, G. Peyré, H. Pfister, "Sliced and Radon Wasserstein barycenters of
       measures", Journal of Mathematical Imaging and Vision 51, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen.metrics import sliced_wasserstein
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> round(sliced_wasserstein(X, X + [3, 0, 0, 0], random_state=0), 1)
    1.5
    """
    X_real, X_fake = check_tables(X_real=X_real, X_fake=X_fake)
    check_scalar(p, "p", Real, min_val=1)
    check_scalar(n_projections, "n_projections", Integral, min_val=1)
    n_real, n_fake = len(X_real), len(X_fake)

    # in units of 1 / (n_real n_fake), so that equal jumps are equal integers
    jumps = np.union1d(np.arange(n_real + 1) * n_fake, np.arange(n_fake + 1) * n_real)
    widths = np.diff(jumps) / (n_real * n_fake)
    i_real, i_fake = jumps[:-1] // n_fake, jumps[:-1] // n_real

    rng = np.random.default_rng(random_state)
    theta = rng.normal(size=(n_projections, X_real.shape[1]))
    theta /= np.linalg.norm(theta, axis=1, keepdims=True)

    n_block = max(1, 10_000_000 // len(widths))
    costs = []
    for start in range(0, n_projections, n_block):
        block = theta[start : start + n_block].T
        along_real = np.sort(X_real @ block, axis=0)[i_real]
        along_fake = np.sort(X_fake @ block, axis=0)[i_fake]
        costs.append(widths @ np.abs(along_real - along_fake) ** p)
    return float(np.mean(np.concatenate(costs)) ** (1 / p))


def energy_distance(X_real, X_fake):
    """Energy distance between two sets of rows.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_features)
        Real rows.

    X_fake : array-like of shape (n_fake, n_features)
        Generated rows; their number may differ from that of the real ones.

    Returns
    -------
    distance : float
        The root of twice the mean distance between the sets, less the mean distances within each,
        so that one column reads as in :func:`scipy.stats.energy_distance`. It is exact for the two
        empirical laws, every pair counted, and 0 only if they are the same. Columns are taken as
        they are: standardise tables of mixed units first.

    Raises
    ------
    ValueError
        If a table is not numeric or has missing entries, or if the columns differ.

    Notes
    -----
    Time grows with the product of the row counts, memory does not: distances are summed in blocks
    within scikit-learn's ``working_memory``.

    References
    ----------
    .. [1] G. Székely, M. Rizzo, "Energy statistics: a class of statistics based on distances",
       Journal of Statistical Planning and Inference 143, 2013.

    Examples
    --------
    >>> from skgen.metrics import energy_distance
    >>> round(energy_distance([[0.0, 0.0], [3.0, 4.0]], [[0.0, 0.0]]), 3)
    1.581
    """
    X_real, X_fake = check_tables(X_real=X_real, X_fake=X_fake)
    # squares are expanded in the sums below, and a far origin would cost digits
    centre = X_real.mean(axis=0)
    X_real, X_fake = X_real - centre, X_fake - centre

    def mean_distance(A, B=None):
        sums = pairwise_distances_chunked(A, B, reduce_func=lambda block, start: block.sum(axis=1))
        return fsum(np.concatenate(list(sums))) / (len(A) * len(A if B is None else B))

    squared = 2 * mean_distance(X_real, X_fake) - mean_distance(X_real) - mean_distance(X_fake)
    return max(squared, 0.0) ** 0.5


def frechet_distance(X_real, X_fake, *, features=None):
    r"""Fréchet distance between two sets of rows, squared as it is usually given.

    The squared 2-Wasserstein distance between the normal laws that have the means and covariances
    of the two sets. With the features of a network for images it is known as FID.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_columns)
        Real rows, at least 2; of any shape per row if `features` takes it.

    X_fake : array-like of shape (n_fake, n_columns)
        Generated rows, at least 2; their number may differ from that of the real ones.

    features : callable, default=None
        Maps rows to the features to compare, an array of shape (n_rows, n_features), such as the
        `transform` of a model. None compares the rows themselves.

    Returns
    -------
    distance : float
        In squared units of the columns, which are taken as they are. 0 where means and covariances
        agree, whatever else differs.

    Raises
    ------
    ValueError
        If rows or features are not numeric or have missing entries, if their columns differ, or
        if a set has only one row.

    Notes
    -----
    Covariances are divided by :math:`n - 1`. With :math:`C = R^\top R` from the triangular factor
    of the centred rows, :math:`\operatorname{tr} (C C')^{1/2}` is the sum of the singular values
    of :math:`R R'^\top`, which holds for covariances of any rank and takes no root of a small
    difference.

    Two finite sets of one law are at a distance above 0, which falls as one over their size:
    compare sets of equal sizes.

    References
    ----------
    .. [1] D. Dowson, B. Landau, "The Fréchet distance between multivariate normal distributions",
       Journal of Multivariate Analysis 12, 1982.
    .. [2] M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter, "GANs trained by a two
       time-scale update rule converge to a local Nash equilibrium", NeurIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen.metrics import frechet_distance
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> round(frechet_distance(X, X + [3, 0, 0, 0]), 6)
    9.0
    >>> round(frechet_distance(X, X + [3, 0, 0, 0], features=lambda X: X[:, 1:]), 6)
    0.0
    """
    if features is None:
        X_real, X_fake = check_tables(X_real=X_real, X_fake=X_fake)
    else:
        named = {"features(X_real)": features(X_real), "features(X_fake)": features(X_fake)}
        X_real, X_fake = check_tables(**named)
    if min(len(X_real), len(X_fake)) < 2:
        raise ValueError(
            f"X_real has {len(X_real)} rows and X_fake has {len(X_fake)}: give at least 2 of each, "
            "for a covariance."
        )

    def moments(X):
        mean = X.mean(axis=0)
        return mean, np.linalg.qr(X - mean, mode="r") / np.sqrt(len(X) - 1)

    (mean_real, R_real), (mean_fake, R_fake) = moments(X_real), moments(X_fake)
    across = np.linalg.norm(R_real @ R_fake.T, ord="nuc")
    squared = np.sum((mean_real - mean_fake) ** 2) + np.sum(R_real**2) + np.sum(R_fake**2)
    return float(max(squared - 2 * across, 0.0))
