"""Errors of single columns, and of pairs of them."""

import numpy as np
from scipy.stats import rankdata

from skgen.threads import one_thread

from ._validation import check_tables, check_two_rows


def column_distances(X_real, X_fake):
    """Kolmogorov-Smirnov distance of each column, of shape (n_features,)."""
    distances = []
    for x, y in zip(X_real.T, X_fake.T, strict=True):
        x, y = np.sort(x), np.sort(y)
        # both distribution functions change at these values only
        at = np.concatenate([x, y])
        F, G = (np.searchsorted(z, at, side="right") / len(z) for z in (x, y))
        distances.append(np.abs(F - G).max())
    return np.array(distances)


def rank_correlations(X):
    """Spearman's correlation of each pair of columns, of shape (n_pairs,); 0 with a constant."""
    ranks = rankdata(X, axis=0)
    ranks -= ranks.mean(axis=0)
    lengths = np.linalg.norm(ranks, axis=0)
    ranks /= np.where(lengths > 0, lengths, 1)
    return (ranks.T @ ranks)[np.triu_indices(X.shape[1], k=1)]


@one_thread()
def marginal_error(X_real, X_fake):
    r"""Error of the columns one by one: their mean Kolmogorov-Smirnov distance.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_real, n_features)
        Real rows.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows; their number may differ from that of the real ones.

    Returns
    -------
    error : float
        Mean over the columns of :math:`\sup_x |F(x) - G(x)|`, with the real and the fake
        distribution function of a column: between 0 and 1, whatever its units. It does not measure
        dependences between columns.

    Raises
    ------
    ValueError
        If a table cannot be read as numbers, or if the columns differ.

    See Also
    --------
    correlation_error : Dependences between pairs of columns.

    Notes
    -----
    Between two sets of :math:`n` rows from one distribution, the error of a continuous column is
    about :math:`0.869 \sqrt{2 / n}`, the mean of the Kolmogorov distribution, and that of a column
    with few values is less.

    Examples
    --------
    The distribution functions of two normal distributions a distance of 1 apart differ by up to
    0.38.

    >>> import numpy as np
    >>> from skgen.metrics import marginal_error
    >>> X_real, X_good = np.random.default_rng(0).normal(size=(2, 5000, 2))
    >>> round(marginal_error(X_real, X_good), 1)
    0.0
    >>> round(marginal_error(X_real, X_good + 1), 1)
    0.4
    """
    X_real, X_fake = check_tables(X_real=X_real, X_fake=X_fake)
    return float(column_distances(X_real, X_fake).mean())


@one_thread()
def correlation_error(X_real, X_fake):
    r"""Error of the dependences between pairs of columns, by Spearman's rank correlation.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_real, n_features)
        Real rows, at least 2, with at least 2 columns.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows, at least 2; their number may differ from that of the real ones.

    Returns
    -------
    error : float
        Mean absolute difference over all pairs of columns, between 0 and 2. It does not change
        when a column is mapped by an increasing function, the same for real and fake rows. A
        constant column counts as uncorrelated.

    Raises
    ------
    ValueError
        If a table cannot be read as numbers, has a single row or a single column, or if the
        columns differ.

    See Also
    --------
    marginal_error : The columns one by one.
    mutual_information_error : Pairs of binary columns, in nats.

    Notes
    -----
    Between two sets of :math:`n` rows from one distribution, the error of a pair of independent
    columns is about :math:`2 / \sqrt{\pi n}`.

    Examples
    --------
    Normal columns with a correlation of 0.8 have a rank correlation of 0.79.

    >>> import numpy as np
    >>> from skgen.metrics import correlation_error
    >>> rng = np.random.default_rng(0)
    >>> X_real = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=5000)
    >>> X_fake = rng.permuted(X_real, axis=0)
    >>> round(correlation_error(X_real, X_fake), 1)
    0.8
    """
    X_real, X_fake = check_tables(X_real=X_real, X_fake=X_fake)
    check_two_rows(X_real, X_fake)
    if X_real.shape[1] < 2:
        raise ValueError("X_real has 1 column: give at least 2, to have a pair.")
    return float(np.abs(rank_correlations(X_real) - rank_correlations(X_fake)).mean())
