"""Diversity of generated rows, and how well they match the condition they were drawn for."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_consistent_length, check_scalar

from skgen.threads import one_thread

from ._validation import check_tables


def _pair_distances(X, group, n_pairs, random_state):
    """Draw pairs of different rows of one group, and give their Euclidean distances.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows.

    group : ndarray of shape (n_rows,)
        The number of each row's group; each group has two rows or more.

    n_pairs : int
        Pairs to draw in each group.

    random_state : int, RandomState instance, Generator or None
        Draws the pairs.

    Returns
    -------
    distances : ndarray of shape (n_groups, n_pairs)
        Distances within each group.
    """
    rng = np.random.default_rng(random_state)
    sizes = np.bincount(group)[:, None]
    first = rng.integers(sizes, size=(len(sizes), n_pairs))
    # any of the rows but the first
    second = rng.integers(sizes - 1, size=(len(sizes), n_pairs))
    second += second >= first
    order = np.argsort(group, kind="stable")
    start = np.cumsum(sizes)[:, None] - sizes
    return np.linalg.norm(X[order[start + first]] - X[order[start + second]], axis=2)


@one_thread()
def diversity(X, *, n_pairs=300, random_state=None):
    """Mean Euclidean distance between two rows.

    Parameters
    ----------
    X : array-like or frame of shape (n_rows, n_features)
        Generated rows or features of them, at least 2.

    n_pairs : int, default=300
        Pairs of different rows to draw, at least 1. The error of drawing them falls as one over the
        root of their number.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws the pairs. An int makes the result reproducible.

    Returns
    -------
    diversity : float
        Mean of the distances, not of their squares, in the units of the columns, which are not
        scaled. A good value is near that of the real rows, not a large one. A frame with
        categories, dates or gaps is scaled by itself: to compare two frames, encode both with one
        fitted :class:`skgen.TableEncoder`.

    Raises
    ------
    ValueError
        If `X` cannot be read as numbers or has a single row, or if `n_pairs` is below 1.

    See Also
    --------
    multimodality : The same within each condition.

    References
    ----------
    .. [1] C. Guo, X. Zuo, S. Wang, S. Zou, Q. Sun, A. Deng, M. Gong, L. Cheng, "Action2Motion:
       conditioned generation of 3D human motions", ACM Multimedia 2020.

    Examples
    --------
    The distance between two normal rows in the plane has the mean root of pi, 1.77.

    >>> import numpy as np
    >>> from skgen.metrics import diversity
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> round(diversity(X, n_pairs=10_000, random_state=0), 1)
    1.8
    """
    (X,) = check_tables(X=X)
    check_scalar(n_pairs, "n_pairs", Integral, min_val=1)
    if len(X) < 2:
        raise ValueError("X has 1 row: give at least 2, to have a pair.")
    return float(_pair_distances(X, np.zeros(len(X), dtype=int), n_pairs, random_state).mean())


@one_thread()
def multimodality(X, condition, *, n_pairs=10, random_state=None):
    """Mean Euclidean distance between two rows generated under the same condition.

    Parameters
    ----------
    X : array-like or frame of shape (n_rows, n_features)
        Generated rows or features of them.

    condition : array-like of shape (n_rows,) or (n_rows, n_condition_features)
        What each row was generated under. Rows with equal conditions, in all columns if there are
        several, belong together; each condition needs two rows or more.

    n_pairs : int, default=10
        Pairs of different rows to draw for each condition, at least 1.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws the pairs. An int makes the result reproducible.

    Returns
    -------
    multimodality : float
        Mean of the distances, not of their squares, over the pairs of a condition and then over the
        conditions, each with equal weight; in the units of the columns of `X`. 0 for a model that
        gives one row for each condition. A frame with categories, dates or gaps is scaled by
        itself, as in `diversity`.

    Raises
    ------
    ValueError
        If `X` cannot be read as numbers, if the numbers of rows differ, if a condition
        has only one row, or if `n_pairs` is below 1.

    See Also
    --------
    diversity : The same over all rows.

    References
    ----------
    .. [1] C. Guo, X. Zuo, S. Wang, S. Zou, Q. Sun, A. Deng, M. Gong, L. Cheng, "Action2Motion:
       conditioned generation of 3D human motions", ACM Multimedia 2020.

    Examples
    --------
    Rows of different conditions are far apart, which raises `diversity` but not `multimodality`.

    >>> import numpy as np
    >>> from skgen.metrics import diversity, multimodality
    >>> condition = np.repeat(["left", "right"], 500)
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> X[condition == "right", 0] += 10
    >>> round(diversity(X, n_pairs=5000, random_state=0))
    6
    >>> round(multimodality(X, condition, n_pairs=5000, random_state=0), 1)
    1.8
    """
    (X,) = check_tables(X=X)
    check_scalar(n_pairs, "n_pairs", Integral, min_val=1)
    check_consistent_length(X, condition)
    condition = np.asarray(condition)
    if condition.dtype == object:
        condition = condition.astype(str)
    distinct, group, sizes = np.unique(condition, axis=0, return_inverse=True, return_counts=True)
    if sizes.min() < 2:
        raise ValueError(
            f"The condition {distinct[sizes.argmin()].tolist()!r} has 1 row: generate at least 2 "
            "under each condition."
        )
    return float(_pair_distances(X, group.reshape(-1), n_pairs, random_state).mean())


@one_thread()
def r_precision(features, condition_features, *, k=(1, 2, 3), pool_size=32, random_state=None):
    """Share of rows whose own condition is among the nearest of a pool of conditions.

    The pool of a row holds its own condition and others drawn without replacement from the
    different conditions, equal ones counted once, so that it never competes with a copy of its own.

    Parameters
    ----------
    features : array-like or frame of shape (n_rows, n_features)
        Features of generated rows.

    condition_features : array-like or frame of shape (n_rows, n_features)
        Features of the condition that each row was generated under, in the same space: near to
        those of the rows that suit it.

    k : int or array-like of int of shape (n_k,), default=(1, 2, 3)
        How many of the nearest conditions to search, each from 1 to `pool_size`.

    pool_size : int, default=32
        Conditions in a pool, at least 2 and at most as many as there are different ones.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws the pools. An int makes the result reproducible.

    Returns
    -------
    precision : ndarray of shape (n_k,)
        Share of the rows for each `k`, by Euclidean distance. Features that do not depend on the
        condition score ``k / pool_size``. For conditions at equal distance the mean over all their
        orders is taken.

    Raises
    ------
    ValueError
        If features cannot be read as numbers, if numbers of rows or of columns
        differ, if there are fewer different conditions than `pool_size`, or if `k` or `pool_size`
        is outside of its range.

    References
    ----------
    .. [1] C. Guo, S. Zou, X. Zuo, S. Wang, W. Ji, X. Li, L. Cheng, "Generating diverse and natural
       3D human motions from text", CVPR 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen.metrics import r_precision
    >>> rng = np.random.default_rng(0)
    >>> condition_features = rng.normal(size=(500, 8))
    >>> features = condition_features + rng.normal(size=(500, 8))
    >>> r_precision(features, condition_features, random_state=0).round(1)
    array([0.6, 0.7, 0.8])
    >>> r_precision(rng.permutation(features), condition_features, k=16, random_state=0).round(1)
    array([0.5])
    """
    features, condition_features = check_tables(
        features=features, condition_features=condition_features
    )
    check_consistent_length(features, condition_features)
    check_scalar(pool_size, "pool_size", Integral, min_val=2)
    k = np.atleast_1d(k)
    if k.ndim > 1 or k.dtype.kind not in "iu" or k.size == 0 or k.min() < 1 or k.max() > pool_size:
        raise ValueError(
            f"k={k.tolist()} with pool_size={pool_size}: give whole numbers from 1 to pool_size."
        )
    distinct, own = np.unique(condition_features, axis=0, return_inverse=True)
    own = own.reshape(-1, 1)
    if len(distinct) < pool_size:
        raise ValueError(
            f"condition_features has {len(distinct)} different rows, fewer than "
            f"pool_size={pool_size}: give pool_size={len(distinct)} or less, or more conditions."
        )

    rng = np.random.default_rng(random_state)
    n_rows, n_features = features.shape
    n_block = max(1, 10_000_000 // max(len(distinct), pool_size * n_features))
    hits = np.zeros(len(k))
    for start in range(0, n_rows, n_block):
        block = slice(start, start + n_block)
        # the conditions of the smallest numbers make the pool, the own one always
        numbers = rng.random((len(features[block]), len(distinct)))
        np.put_along_axis(numbers, own[block], -1.0, axis=1)
        pool = np.argpartition(numbers, pool_size - 1, axis=1)[:, :pool_size]
        distances = np.linalg.norm(features[block, None] - distinct[pool], axis=2)
        own_distance = distances[pool == own[block]][:, None]
        nearer = (distances < own_distance).sum(axis=1, keepdims=True)
        level = (distances == own_distance).sum(axis=1, keepdims=True)
        hits += np.clip((k - nearer) / level, 0, 1).sum(axis=0)
    return hits / n_rows
