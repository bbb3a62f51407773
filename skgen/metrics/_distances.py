"""Distances between the distributions that two sets of rows are drawn from."""

from math import fsum
from numbers import Integral, Real

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, pdist
from sklearn.metrics import pairwise_distances_chunked
from sklearn.utils import check_scalar

from skgen.threads import one_thread

from ._validation import check_tables, check_two_rows, subsample


@one_thread()
def sliced_wasserstein(X_real, X_fake, *, p=2, n_projections=500, random_state=None):
    r"""Sliced Wasserstein distance between two sets of rows.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_real, n_features)
        Real rows.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows; their number may differ from that of the real ones.

    p : float, default=2
        Order of the distance, at least 1.

    n_projections : int, default=500
        Directions drawn, at least 1. The relative error of the result due to them falls as one over
        the root of their number.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws the directions. The same int gives the same directions, so that they add no noise to
        differences between models.

    Returns
    -------
    distance : float
        In the units of the columns, which are taken as they are: standardise tables of mixed units
        first. A shift by :math:`d` gives :math:`|d| / \sqrt{n_\mathrm{features}}` for ``p=2``.

    Raises
    ------
    ValueError
        If a table cannot be read as numbers, if the columns differ, or if `p` or
        `n_projections` is below 1.

    Notes
    -----
    Along a direction :math:`\theta` both quantile functions are steps, with jumps at multiples of
    ``1 / n_real`` and ``1 / n_fake``; their difference is integrated exactly on the union of the
    two grids. Two finite sets of one distribution are at a distance above 0, which falls with their
    size.

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


@one_thread()
def wasserstein_distance(X_real, X_fake, *, p=2, max_rows=2000, random_state=None):
    r"""Wasserstein distance between two sets of rows of equal size, exactly.

    The larger set is subsampled to the size of the smaller, and both to `max_rows`. Each real row
    is then matched to one fake row so that the mean of :math:`|x - x'|^p` is least.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_real, n_features)
        Real rows.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows; their number may differ from that of the real ones.

    p : float, default=2
        Order of the distance, at least 1.

    max_rows : int, default=2000
        Rows to match at most, at least 1. Memory grows with its square and time nearly with its
        cube: 2,000 take 32 MB and about a second.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws the subsamples. An int makes the result reproducible; sets of equal sizes up to
        `max_rows` are taken whole.

    Returns
    -------
    distance : float
        In the units of the columns, which are taken as they are: standardise tables of mixed units
        first. A shift by :math:`d` gives :math:`|d|`.

    Raises
    ------
    ValueError
        If a table cannot be read as numbers, if the columns differ, or if `p` or
        `max_rows` is below 1.

    See Also
    --------
    sliced_wasserstein : For any number of rows and of columns.

    Notes
    -----
    Two sets of one distribution are at a distance above 0, which in many columns falls as slowly as
    :math:`n^{-1 / n_\mathrm{features}}` with their size: compare with two sets of real rows.

    References
    ----------
    .. [1] G. Peyré, M. Cuturi, "Computational optimal transport", Foundations and Trends in Machine
       Learning 11, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen.metrics import wasserstein_distance
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> round(wasserstein_distance(X, X[::-1] + [3, 0, 0, 0]), 6)
    3.0
    """
    X_real, X_fake = check_tables(X_real=X_real, X_fake=X_fake)
    check_scalar(p, "p", Real, min_val=1)
    check_scalar(max_rows, "max_rows", Integral, min_val=1)
    n_rows = min(len(X_real), len(X_fake), max_rows)
    rng = np.random.default_rng(random_state)
    X_real, X_fake = (subsample(X, n_rows, rng) for X in (X_real, X_fake))
    distances = cdist(X_real, X_fake)
    # powers relative to the largest, so that none overflows
    scale = distances.max() or 1.0
    costs = (distances / scale) ** p
    return float(scale * costs[linear_sum_assignment(costs)].mean() ** (1 / p))


@one_thread()
def energy_distance(X_real, X_fake):
    """Energy distance between two sets of rows.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_real, n_features)
        Real rows.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows; their number may differ from that of the real ones.

    Returns
    -------
    distance : float
        The root of twice the mean distance between the sets, less the mean distances within each;
        for one column this is :func:`scipy.stats.energy_distance`. It is exact for the two
        empirical distributions, over all pairs, and 0 only if they are the same. Columns are taken
        as they are: standardise tables of mixed units first.

    Raises
    ------
    ValueError
        If a table cannot be read as numbers, or if the columns differ.

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


@one_thread()
def maximum_mean_discrepancy(X_real, X_fake, *, bandwidth=None, random_state=None):
    r"""Squared maximum mean discrepancy between two sets of rows, without bias.

    With the Gaussian kernel :math:`k(x, y) = \exp(-|x - y|^2 / 2 h^2)`.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_real, n_features)
        Real rows, at least 2.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows, at least 2; their number may differ from that of the real ones.

    bandwidth : float, default=None
        The kernel's :math:`h`, above 0 and in the units of the columns. None takes the median of
        the positive distances between real rows, of 1,000 of them if there are more. It does not
        depend on the fake rows, so that all models are measured with one kernel.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws the rows for the median. An int makes the result reproducible; up to 1,000 real rows
        it is not used.

    Returns
    -------
    discrepancy : float
        The mean kernel within each set, pairs of a row with itself left out, less twice the mean
        kernel between them; at most 2. For two sets of one distribution its expectation is 0, and
        single values lie on both sides of it. Columns are taken as they are: standardise tables of
        mixed units first.

    Raises
    ------
    ValueError
        If a table cannot be read as numbers, has a single row, if the columns differ, if
        `bandwidth` is not above 0, or if it is None and all real rows are equal.

    See Also
    --------
    energy_distance : The same with another kernel, and no bandwidth to choose.

    Notes
    -----
    Time grows with the product of the row counts, memory does not: kernels are summed in blocks
    within scikit-learn's ``working_memory``.

    References
    ----------
    .. [1] A. Gretton, K. Borgwardt, M. Rasch, B. Schölkopf, A. Smola, "A kernel two-sample test",
       Journal of Machine Learning Research 13, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen.metrics import maximum_mean_discrepancy
    >>> rng = np.random.default_rng(0)
    >>> X_real, X_good = rng.normal(size=(2, 500, 3))
    >>> abs(maximum_mean_discrepancy(X_real, X_good)) < 0.005
    True
    >>> round(maximum_mean_discrepancy(X_real, X_good + 1), 1)
    0.2
    """
    X_real, X_fake = check_tables(X_real=X_real, X_fake=X_fake)
    check_two_rows(X_real=X_real, X_fake=X_fake)
    # squares are expanded in the sums below, and a far origin would cost digits
    centre = X_real.mean(axis=0)
    X_real, X_fake = X_real - centre, X_fake - centre
    if bandwidth is None:
        distances = pdist(subsample(X_real, 1000, np.random.default_rng(random_state)))
        if not distances.any():
            raise ValueError("All rows of X_real are equal: give a bandwidth, there is no median.")
        bandwidth = np.median(distances[distances > 0])
    check_scalar(bandwidth, "bandwidth", Real, min_val=0, include_boundaries="neither")

    def summed(D, start):
        # in place: a block may be as large as the working memory
        D /= bandwidth
        D *= D
        D /= -2
        return np.exp(D, out=D).sum(axis=1)

    def kernel_sum(A, B=None):
        return fsum(np.concatenate(list(pairwise_distances_chunked(A, B, reduce_func=summed))))

    def mean_within(A):
        # a row has the kernel 1 with itself
        return (kernel_sum(A) - len(A)) / (len(A) * (len(A) - 1))

    between = kernel_sum(X_real, X_fake) / (len(X_real) * len(X_fake))
    return mean_within(X_real) + mean_within(X_fake) - 2 * between


def frechet_distance(X_real, X_fake, *, features=None):
    r"""Fréchet distance between two sets of rows, squared as it is usually given.

    The squared 2-Wasserstein distance between the normal distributions that have the means and
    covariances of the two sets. With the features of a network for images it is known as FID.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_real, n_columns)
        Real rows, at least 2; of any shape per row if `features` takes it.

    X_fake : array-like or frame of shape (n_fake, n_columns)
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
        If rows or features cannot be read as numbers, if their columns differ, or
        if a set has only one row.

    Notes
    -----
    Covariances are divided by :math:`n - 1`. With :math:`C = R^\top R` from the triangular factor
    of the centred rows, :math:`\operatorname{tr} (C C')^{1/2}` is the sum of the singular values
    of :math:`R R'^\top`, which holds for covariances of any rank and takes no root of a small
    difference.

    Two finite sets of one distribution are at a distance above 0, which falls as one over their
    size: compare sets of equal sizes.

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
    check_two_rows(X_real=X_real, X_fake=X_fake)

    def moments(X):
        mean = X.mean(axis=0)
        return mean, np.linalg.qr(X - mean, mode="r") / np.sqrt(len(X) - 1)

    # The features are the caller's, and may be a network's of images.
    with one_thread():
        (mean_real, R_real), (mean_fake, R_fake) = moments(X_real), moments(X_fake)
        across = np.linalg.norm(R_real @ R_fake.T, ord="nuc")
    squared = np.sum((mean_real - mean_fake) ** 2) + np.sum(R_real**2) + np.sum(R_fake**2)
    return float(max(squared - 2 * across, 0.0))
