r"""Measures of generated rows against real ones, and of learnt features.

With :math:`P` the law of the real rows and :math:`Q` that of the fake ones:

- classifier two-sample test [1]_: the area under the ROC curve
  :math:`\Pr[f(x) < f(x')]`, :math:`x \sim P`, :math:`x' \sim Q`, of a classifier :math:`f` trained
  to tell them apart. For :math:`P = N(0, I)`, :math:`Q = N(d, I)` the best there is reads
  :math:`\Phi(|d| / \sqrt 2)`.
- sliced Wasserstein distance [2]_: :math:`\mathrm{SW}_p^p = E_\theta \int_0^1
  |F_{\theta P}^{-1}(u) - F_{\theta Q}^{-1}(u)|^p \, du` over directions :math:`\theta` uniform on
  the sphere, :math:`F_{\theta P}` the distribution function of :math:`\theta^\top x`.
- energy distance [3]_: :math:`D^2 = 2 E|x - x'| - E|x - y| - E|x' - y'|`, with
  :math:`x, y \sim P` and :math:`x', y' \sim Q` all independent.
- Fréchet distance [4]_: :math:`|\mu - \mu'|^2 + \operatorname{tr}(C + C' - 2 (C C')^{1/2})` from
  the means and covariances of :math:`P` and :math:`Q`, or of features of their rows.
- errors of binary rows: of :math:`I(x_a; x_b)` over pairs of columns, and of
  :math:`\Pr[x_c = 1 \mid x_a, x_b]` over triples.
- diversity :math:`E|x - y|` over independent rows, multimodality the same over rows of one
  condition, and R-precision, the share of rows that are near to their own condition [5]_.
- near-copies: the share of fake rows that lie nearer to a training row than all but a few of the
  held-out rows do.
- probes: the accuracy of a simple classifier on fixed features.

References
----------
.. [1] D. Lopez-Paz, M. Oquab, "Revisiting classifier two-sample tests", ICLR 2017.
.. [2] N. Bonneel, J. Rabin, G. Peyré, H. Pfister, "Sliced and Radon Wasserstein barycenters of
   measures", Journal of Mathematical Imaging and Vision 51, 2015.
.. [3] G. Székely, M. Rizzo, "Energy statistics: a class of statistics based on distances",
   Journal of Statistical Planning and Inference 143, 2013.
.. [4] D. Dowson, B. Landau, "The Fréchet distance between multivariate normal distributions",
   Journal of Multivariate Analysis 12, 1982.
.. [5] C. Guo, S. Zou, X. Zuo, S. Wang, W. Ji, X. Li, L. Cheng, "Generating diverse and natural 3D
   human motions from text", CVPR 2022.
"""

from math import fsum
from numbers import Integral, Real

import numpy as np
from scipy.special import entr
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances_argmin, pairwise_distances_chunked
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.utils import check_array, check_consistent_length, check_scalar, column_or_1d

__all__ = [
    "classifier_two_sample_aucs",
    "classifier_two_sample_test",
    "conditional_frequency_error",
    "diversity",
    "energy_distance",
    "frechet_distance",
    "knn_probe",
    "linear_probe",
    "multimodality",
    "mutual_information_error",
    "near_copies",
    "r_precision",
    "sliced_wasserstein",
]


def _check_tables(**tables):
    """Return the named tables as float64 arrays, refusing any that cannot be compared.

    Parameters
    ----------
    **tables : array-like of shape (n_rows, n_features)
        Tables by the name that errors are to give them.

    Returns
    -------
    arrays : list of ndarray of shape (n_rows, n_features)
        In the order given.
    """
    arrays = []
    for name, table in tables.items():
        try:
            arrays.append(check_array(table, dtype=np.float64))
        except ValueError as error:
            raise ValueError(
                f"{name} must be a numeric table without gaps (encode or drop other columns, "
                f"impute or drop missing entries): {error}"
            ) from error

    first, *others = tables
    for name, array in zip(others, arrays[1:], strict=True):
        if array.shape[1] != arrays[0].shape[1]:
            raise ValueError(
                f"{first} has {arrays[0].shape[1]} columns and {name} has {array.shape[1]}: "
                "give both the same columns in the same order."
            )
        here, there = (getattr(tables[key], "columns", None) for key in (first, name))
        if here is not None and there is not None and list(here) != list(there):
            raise ValueError(
                f"The columns of {first}, {list(here)}, and of {name}, {list(there)}, differ: "
                "give both the same columns in the same order."
            )
    return arrays


# Telling real from fake


def classifier_two_sample_aucs(X_real, X_fake, *, n_splits=5, random_state=None):
    """Area under the ROC curve of each of two unlike classifiers that tell real from fake rows.

    The larger set is subsampled to the size of the smaller, and each classifier is cross-validated
    on the same stratified folds:

    - ``"boosting"``: gradient-boosted trees, which see marginals, repeated values, sharp edges and
      interactions;
    - ``"kernel"``: logistic regression on 300 Nyström features of a Gaussian kernel, after each
      column is mapped to a normal one by its quantiles; it sees smooth differences such as shifts
      and correlations, which trees need far more rows for.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_features)
        Real rows that the generative model has not seen. A copied row has its twin under the other
        label, which can push the area below 0.5.

    X_fake : array-like of shape (n_fake, n_features)
        Generated rows.

    n_splits : int, default=5
        Folds of the cross-validation, at least 2.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws the subsample, the folds and what is random in the classifiers. An int makes the
        result reproducible.

    Returns
    -------
    aucs : dict of str to float
        Mean area over the folds, by classifier: 0.5 where it finds no difference, 1 where it finds
        one in every row.

    Raises
    ------
    ValueError
        If a table is not numeric, has missing entries or fewer rows than `n_splits`, or if the
        columns differ.

    See Also
    --------
    classifier_two_sample_test : The larger of the two.

    References
    ----------
    .. [1] D. Lopez-Paz, M. Oquab, "Revisiting classifier two-sample tests", ICLR 2017.

    Examples
    --------
    A wrong correlation is a smooth difference, rounding is one that only trees see.

    >>> import numpy as np
    >>> from skgen.metrics import classifier_two_sample_aucs
    >>> rng = np.random.default_rng(0)
    >>> X_real = rng.normal(size=(1000, 2))
    >>> X_fake = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], size=1000)
    >>> aucs = classifier_two_sample_aucs(X_real, X_fake, random_state=0)
    >>> aucs["kernel"] > aucs["boosting"]
    True
    >>> aucs = classifier_two_sample_aucs(X_real, X_real.round(1), random_state=0)
    >>> aucs["boosting"] > aucs["kernel"]
    True
    """
    X_real, X_fake = _check_tables(X_real=X_real, X_fake=X_fake)
    n_rows = min(len(X_real), len(X_fake))
    if n_rows < n_splits:
        raise ValueError(
            f"X_real has {len(X_real)} rows and X_fake {len(X_fake)}, too few for "
            f"n_splits={n_splits}: give each at least as many rows as there are folds."
        )

    rng = np.random.default_rng(random_state)
    X = np.concatenate([rng.permutation(part)[:n_rows] for part in (X_real, X_fake)])
    is_fake = np.repeat([0, 1], n_rows)

    def seed():
        return int(rng.integers(2**31))

    # a training fold holds at least half of the 2 n_rows rows
    classifiers = {
        "boosting": HistGradientBoostingClassifier(random_state=seed()),
        "kernel": make_pipeline(
            # the quantile map takes columns of a scale near 1e-7 and below for constant
            StandardScaler(),
            QuantileTransformer(
                n_quantiles=min(200, n_rows), output_distribution="normal", random_state=seed()
            ),
            StandardScaler(),
            Nystroem(n_components=min(300, n_rows), random_state=seed()),
            LogisticRegression(C=10.0, max_iter=2000),
        ),
    }
    folds = StratifiedKFold(n_splits, shuffle=True, random_state=seed())
    return {
        name: float(cross_val_score(model, X, is_fake, scoring="roc_auc", cv=folds).mean())
        for name, model in classifiers.items()
    }


def classifier_two_sample_test(X_real, X_fake, *, n_splits=5, random_state=None):
    r"""Area under the ROC curve of the better of two classifiers that tell real from fake rows.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_features)
        Real rows that the generative model has not seen.

    X_fake : array-like of shape (n_fake, n_features)
        Generated rows. The larger of the two sets is subsampled to the size of the smaller.

    n_splits : int, default=5
        Folds of the cross-validation, at least 2.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws the subsample, the folds and what is random in the classifiers. An int makes the
        result reproducible.

    Returns
    -------
    auc : float
        0.5 where neither classifier finds a difference, 1 where one finds it in every row.

    Raises
    ------
    ValueError
        If a table is not numeric, has missing entries or fewer rows than `n_splits`, or if the
        columns differ.

    See Also
    --------
    classifier_two_sample_aucs : Both areas, by classifier, and what each classifier sees.

    Notes
    -----
    For two sets of one law, each of :math:`n` rows, the area of one classifier has mean 0.5 and a
    standard deviation of 0.45 to 0.6 over :math:`\sqrt n` in trials, and taking the larger of two
    adds about half a standard deviation: 0.504 on average for 2,000 rows of the two moons, 0.511
    for 719 of the digits. Compare with the value for two halves of the real rows before reading
    much into a small excess over 0.5.

    References
    ----------
    .. [1] D. Lopez-Paz, M. Oquab, "Revisiting classifier two-sample tests", ICLR 2017.

    Examples
    --------
    The best possible area between the laws of `X_real` and `X_shifted` is 0.71.

    >>> import numpy as np
    >>> from skgen.metrics import classifier_two_sample_test
    >>> rng = np.random.default_rng(0)
    >>> X_real, X_good = rng.normal(size=(2, 1000, 3))
    >>> X_shifted = rng.normal([0.8, 0, 0], size=(500, 3))
    >>> round(classifier_two_sample_test(X_real, X_good, random_state=0), 1)
    0.5
    >>> round(classifier_two_sample_test(X_real, X_shifted, random_state=0), 1)
    0.7
    """
    aucs = classifier_two_sample_aucs(X_real, X_fake, n_splits=n_splits, random_state=random_state)
    return max(aucs.values())


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
    X_train, X_test, X_fake = _check_tables(X_train=X_train, X_test=X_test, X_fake=X_fake)
    check_scalar(quantile, "quantile", Real, min_val=0, max_val=1, include_boundaries="neither")
    # centred in any case: the search below expands the square, and a far origin would cost digits
    scaler = StandardScaler(with_std=standardize).fit(X_train)
    X_train, X_test, X_fake = map(scaler.transform, (X_train, X_test, X_fake))

    def distance(X):
        # anew for the nearest row alone, so that an exact copy reads 0
        nearest = pairwise_distances_argmin(X, X_train)
        return np.linalg.norm(X - X_train[nearest], axis=1)

    return float(np.mean(distance(X_fake) <= np.quantile(distance(X_test), quantile)))


# Distances between laws


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
    X_real, X_fake = _check_tables(X_real=X_real, X_fake=X_fake)
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
    X_real, X_fake = _check_tables(X_real=X_real, X_fake=X_fake)
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
        X_real, X_fake = _check_tables(X_real=X_real, X_fake=X_fake)
    else:
        named = {"features(X_real)": features(X_real), "features(X_fake)": features(X_fake)}
        X_real, X_fake = _check_tables(**named)
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


# Binary rows


def _check_binary(n_columns, **tables):
    """Return the named tables as float64 arrays of zeros and ones with at least `n_columns`."""
    arrays = _check_tables(**tables)
    for name, array in zip(tables, arrays, strict=True):
        other = (array != 0) & (array != 1)
        if other.any():
            raise ValueError(
                f"{name} has the entry {array[other][0]:g} in column {other.any(axis=0).argmax()}: "
                "give columns of zeros and ones (encode others one-hot)."
            )
        if array.shape[1] < n_columns:
            raise ValueError(
                f"{name} has {array.shape[1]} columns: give at least {n_columns} to compare."
            )
    return arrays


def _cells(n, n_a, n_b, n_ab):
    """Stack how often two bits are (0, 0), (1, 0), (0, 1), (1, 1), from how often each is 1."""
    return np.stack([n - n_a - n_b + n_ab, n_a - n_ab, n_b - n_ab, n_ab])


def mutual_information_error(X_real, X_fake):
    r"""Error of the mutual information between binary columns, over all pairs of them.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_features)
        Real rows of zeros and ones, with at least 2 columns.

    X_fake : array-like of shape (n_fake, n_features)
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
    The mutual information of :math:`n` rows exceeds that of their law by about :math:`1 / (2 n)`
    nats. It does not tell which way two columns depend on each other: a column and its complement
    read the same.

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


def conditional_frequency_error(X_real, X_fake, *, min_share=0.02):
    r"""Error of the frequency of a bit given two others, over all triples of columns.

    For columns :math:`a < b` with values :math:`u, v` that at least a share `min_share` of the
    real rows has, and every other column :math:`c`, the frequencies of :math:`x_c = 1` among the
    rows with :math:`x_a = u, x_b = v` are compared.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_features)
        Real rows of zeros and ones, with at least 3 columns.

    X_fake : array-like of shape (n_fake, n_features)
        Generated rows of zeros and ones; their number may differ from that of the real ones.

    min_share : float, default=0.02
        Share of the real rows from which on a pair of values counts, above 0 and up to 0.25: at
        least one pair of values of any two columns has a quarter of the rows.

    Returns
    -------
    mean : float
        Mean absolute difference over all that count, between 0 and 1.

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
    Where no fake row has a pair of values that counts, the fake frequency is taken at its worst,
    an error of :math:`\max(p, 1 - p)` for the real frequency :math:`p`. A frequency of :math:`m`
    rows has a standard deviation of up to :math:`1 / (2 \sqrt m)`: compare with the errors
    between two sets of real rows.

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


# Spread of rows, and their fit to a condition


def _pair_distances(X, group, n_pairs, random_state):
    """Draw pairs of different rows of one group, and give their Euclidean distances.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows.

    group : ndarray of shape (n_rows,)
        Number of each row's group, of which each has two rows or more.

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


def diversity(X, *, n_pairs=300, random_state=None):
    """Mean Euclidean distance between two rows.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Generated rows or features of them, at least 2.

    n_pairs : int, default=300
        Pairs of different rows to draw, at least 1. The error that drawing brings falls as one over
        the root of their number.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws the pairs. An int makes the result reproducible.

    Returns
    -------
    diversity : float
        Mean of the distances, not of their squares, in the units of the columns, which are taken
        as they are. It is good where it is near that of the real rows, not where it is large.

    Raises
    ------
    ValueError
        If `X` is not numeric, has missing entries or a single row, or if `n_pairs` is below 1.

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
    (X,) = _check_tables(X=X)
    check_scalar(n_pairs, "n_pairs", Integral, min_val=1)
    if len(X) < 2:
        raise ValueError("X has 1 row: give at least 2, to have a pair.")
    return float(_pair_distances(X, np.zeros(len(X), dtype=int), n_pairs, random_state).mean())


def multimodality(X, condition, *, n_pairs=10, random_state=None):
    """Mean Euclidean distance between two rows generated under the same condition.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
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
        Mean of the distances, not of their squares, over the pairs of a condition and then over
        the conditions, each with equal weight; in the units of the columns of `X`. 0 for a model
        that has one answer to each condition.

    Raises
    ------
    ValueError
        If `X` is not numeric or has missing entries, if the numbers of rows differ, if a condition
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
    Conditions move the rows apart, which `diversity` sees and `multimodality` does not.

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
    (X,) = _check_tables(X=X)
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


def r_precision(features, condition_features, *, k=(1, 2, 3), pool_size=32, random_state=None):
    """Share of rows whose own condition is among the nearest of a pool of conditions.

    The pool of a row holds its own condition and others drawn without replacement from the
    different conditions, equal ones counted once, so that it never competes with a copy of its own.

    Parameters
    ----------
    features : array-like of shape (n_rows, n_features)
        Features of generated rows.

    condition_features : array-like of shape (n_rows, n_features)
        Features of the condition that each row was generated under, in the same space: near to
        those of the rows that suit it.

    k : int or array-like of int of shape (n_k,), default=(1, 2, 3)
        How many of the nearest conditions to look among, each from 1 to `pool_size`.

    pool_size : int, default=32
        Conditions in a pool, at least 2 and at most as many as there are different ones.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws the pools. An int makes the result reproducible.

    Returns
    -------
    precision : ndarray of shape (n_k,)
        Share of the rows for each `k`, by Euclidean distance. Features that know nothing of the
        condition score ``k / pool_size``. Conditions at equal distance are put in random order,
        whose mean is taken.

    Raises
    ------
    ValueError
        If features are not numeric or have missing entries, if numbers of rows or of columns
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
    features, condition_features = _check_tables(
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


# Probes of learnt features


def _probe(classifier, Z_train, y_train, Z_test, y_test):
    """Test accuracy of a classifier fitted on standardised training features."""
    Z_train, Z_test = _check_tables(Z_train=Z_train, Z_test=Z_test)
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
