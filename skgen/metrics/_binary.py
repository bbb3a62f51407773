"""Errors of binary rows, over pairs and triples of columns."""

from numbers import Real

import numpy as np
from scipy.special import entr
from sklearn.utils import check_scalar

from skgen.threads import one_thread

from ._validation import named_tables


def _check_binary(n_columns, **tables):
    """Return the named tables as float64 arrays of zeros and ones with at least `n_columns`."""
    arrays, names = named_tables(**tables)
    for name, array in zip(tables, arrays, strict=True):
        other = (array != 0) & (array != 1)
        if other.any():
            column = other.any(axis=0).argmax()
            raise ValueError(
                f"{name} has the entry {array[other][0]:g} in column {column}: "
                "give columns of zeros and ones (encode others one-hot)."
                if names is None
                else f"{name} has other entries than 0 and 1 in column {names[column]!r}: give "
                "truth values, categories, or numbers that are 0 or 1."
            )
        if array.shape[1] < n_columns:
            raise ValueError(
                f"{name} has {array.shape[1]} columns: give at least {n_columns} to compare."
            )
    return arrays


def _cells(n, n_a, n_b, n_ab):
    """Stack the frequencies of (0, 0), (1, 0), (0, 1), (1, 1) from those of both and of each."""
    return np.stack([n - n_a - n_b + n_ab, n_a - n_ab, n_b - n_ab, n_ab])


@one_thread()
def mutual_information_error(X_real, X_fake):
    r"""Error of the mutual information between binary columns, over all pairs of them.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_real, n_features)
        Real rows of zeros and ones, with at least 2 columns.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows of zeros and ones; their number may differ from that of the real ones.

    Returns
    -------
    mean : float
        Mean absolute difference over all pairs of columns, in nats.

    largest : float
        Largest absolute difference, in nats; at most :math:`\log 2`.

    Raises
    ------
    ValueError
        If a table has missing entries or any but zeros and ones, if the columns differ, or if
        there is only one.

    See Also
    --------
    conditional_frequency_error : The same idea over triples of columns.

    Notes
    -----
    The mutual information of :math:`n` rows exceeds that of their distribution by about :math:`1 /
    (2 n)` nats. It does not show the direction of a dependence: a column and its complement have
    the same value.

    References
    ----------
    .. [1] T. Cover, J. Thomas, "Elements of information theory", Wiley, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen.metrics import mutual_information_error
    >>> X_real = np.repeat([[0, 0, 0], [0, 0, 1], [1, 1, 0], [1, 1, 1]], 100, axis=0)
    >>> X_fake = np.random.default_rng(0).integers(2, size=(400, 3))
    >>> mean, largest = mutual_information_error(X_real, X_fake)
    >>> round(mean, 2), round(largest, 2)  # the first pair has log 2 nats
    (0.23, 0.69)
    """
    X_real, X_fake = _check_binary(2, X_real=X_real, X_fake=X_fake)

    def information(X):
        n, ones = len(X), X.sum(axis=0)
        joint = _cells(n, ones[:, None], ones, X.T @ X) / n
        single = entr(ones / n) + entr(1 - ones / n)
        pairs = single[:, None] + single - entr(joint).sum(axis=0)
        return pairs[np.triu_indices(len(ones), k=1)]

    error = np.abs(information(X_real) - information(X_fake))
    return float(error.mean()), float(error.max())


@one_thread()
def conditional_frequency_error(X_real, X_fake, *, min_share=0.02):
    r"""Error of the frequency of a bit given two others, over all triples of columns.

    For columns :math:`a < b` with values :math:`u, v` that at least a share `min_share` of the
    real rows has, and every other column :math:`c`, the frequencies of :math:`x_c = 1` among the
    rows with :math:`x_a = u, x_b = v` are compared.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_real, n_features)
        Real rows of zeros and ones, with at least 3 columns.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows of zeros and ones; their number may differ from that of the real ones.

    min_share : float, default=0.02
        The smallest share of the real rows with which a pair of values counts, above 0 and up to
        0.25: of any two columns, at least one pair of values has a quarter of the rows.

    Returns
    -------
    mean : float
        Mean absolute difference over all pairs of values that count, between 0 and 1.

    largest : float
        Largest absolute difference, between 0 and 1.

    Raises
    ------
    ValueError
        If a table has missing entries or any but zeros and ones, if the columns differ or are
        fewer than 3, or if `min_share` is outside of its range.

    See Also
    --------
    mutual_information_error : Over pairs of columns.

    Notes
    -----
    Where no fake row has a pair of values that counts, the largest possible error is taken,
    :math:`\max(p, 1 - p)` for the real frequency :math:`p`. A frequency of :math:`m` rows has a
    standard deviation of up to :math:`1 / (2 \sqrt m)`: compare with the errors between two sets of
    real rows.

    Examples
    --------
    Each bit is the exclusive or of the other two in the real rows, and all pairs are independent.

    >>> import numpy as np
    >>> from skgen.metrics import conditional_frequency_error
    >>> rng = np.random.default_rng(0)
    >>> X_real, X_fake = rng.integers(2, size=(2, 100_000, 3))
    >>> X_real[:, 2] = X_real[:, 0] ^ X_real[:, 1]
    >>> mean, largest = conditional_frequency_error(X_real, X_fake)
    >>> round(mean, 1), round(largest, 1)
    (0.5, 0.5)
    """
    X_real, X_fake = _check_binary(3, X_real=X_real, X_fake=X_fake)
    check_scalar(min_share, "min_share", Real, min_val=0, max_val=0.25, include_boundaries="right")
    n_columns = X_real.shape[1]

    def counts(X):
        """Count rows by values of a and b, and those of them with c = 1."""
        triples = np.empty((n_columns,) * 3)
        for a in range(n_columns):
            rows = X[X[:, a] == 1]
            triples[a] = rows.T @ rows
        pairs, ones = X.T @ X, X.sum(axis=0)
        return (
            _cells(len(X), ones[:, None], ones, pairs)[..., None],
            _cells(ones, pairs[:, None, :], pairs, triples),
        )

    (n_real, c_real), (n_fake, c_fake) = counts(X_real), counts(X_fake)
    a, b, c = np.ogrid[:n_columns, :n_columns, :n_columns]
    counted = (n_real >= min_share * len(X_real)) & (a < b) & (c != a) & (c != b)
    n_real, n_fake = (np.broadcast_to(n, counted.shape)[counted] for n in (n_real, n_fake))
    p_real = c_real[counted] / n_real
    p_fake = np.where(n_fake > 0, c_fake[counted] / np.maximum(n_fake, 1), p_real < 0.5)
    error = np.abs(p_real - p_fake)
    return float(error.mean()), float(error.max())
