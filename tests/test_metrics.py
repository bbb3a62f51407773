"""Metrics, against closed forms, scipy, and the invariances that each of them has."""

import inspect

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.special import gamma
from scipy.stats import energy_distance as scipy_energy_distance
from scipy.stats import hypergeom, norm, ortho_group, wasserstein_distance
from sklearn.datasets import load_digits
from sklearn.metrics import mutual_info_score

from skgen.datasets import BinaryLaw
from skgen.metrics import (
    classifier_two_sample_aucs,
    classifier_two_sample_test,
    conditional_frequency_error,
    diversity,
    energy_distance,
    frechet_distance,
    knn_probe,
    linear_probe,
    multimodality,
    mutual_information_error,
    near_copies,
    r_precision,
    sliced_wasserstein,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def pairwise(metric):
    """Reduce a metric of tables to a function of two of them, with its randomness fixed."""
    if metric is near_copies:
        return lambda X, Y: near_copies(X, X, Y)
    if "random_state" in inspect.signature(metric).parameters:
        return lambda X, Y: metric(X, Y, random_state=0)
    return metric


PAIRWISE = [
    classifier_two_sample_test,
    energy_distance,
    frechet_distance,
    near_copies,
    sliced_wasserstein,
]


# Telling real from fake


def test_two_sample_test_reaches_the_best_area_between_shifted_normals(rng):
    d = 1.5
    X_real, X_fake = rng.normal(size=(1500, 3)), rng.normal(size=(1500, 3)) + d / np.sqrt(3)
    best = norm.cdf(d / np.sqrt(2))
    # the standard error of an area at this size is .007
    assert best - 0.025 < classifier_two_sample_test(X_real, X_fake, random_state=0) < best + 0.02


def test_two_sample_test_of_one_law_is_near_one_half(rng):
    X = rng.standard_t(df=3, size=(3000, 3)) @ rng.normal(size=(3, 3))
    # four standard deviations of .6 / sqrt(1500), and the bias of the larger of two
    assert abs(classifier_two_sample_test(X[:1500], X[1500:], random_state=0) - 0.5) < 0.065


def test_classifiers_see_different_things(rng):
    X = rng.normal(size=(1000, 2))
    tilted = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], size=1000)
    smooth = classifier_two_sample_aucs(X, tilted, random_state=0)
    assert smooth["kernel"] > smooth["boosting"] + 0.01

    rounded = classifier_two_sample_aucs(X, X.round(1), random_state=0)
    assert rounded["boosting"] > 0.9
    assert rounded["kernel"] < 0.6
    # the same seed, so the same areas
    assert classifier_two_sample_test(X, X.round(1), random_state=0) == max(rounded.values())


def test_two_sample_test_ignores_units_and_size_of_the_larger_set(rng):
    X_real, X_fake = rng.normal(size=(400, 2)), rng.normal(size=(3000, 2)) * [1, 1.7]
    auc = classifier_two_sample_test(X_real, X_fake, random_state=0)
    units = np.array([1e-12, 1e12])
    assert classifier_two_sample_test(
        X_real * units, X_fake * units, random_state=0
    ) == pytest.approx(auc, abs=0.01)
    assert classifier_two_sample_test(X_fake, X_real, random_state=0) == pytest.approx(
        auc, abs=0.07
    )


def test_global_random_state_is_left_alone(rng):
    X, Y = rng.normal(size=(2, 40, 2))
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    classifier_two_sample_test(X, Y)
    sliced_wasserstein(X, Y)
    diversity(X)
    multimodality(X, np.arange(40) % 3)
    r_precision(X, Y)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_random_state_may_be_a_generator_or_a_random_state(rng):
    X, Y = rng.normal(size=(2, 30, 3))
    for kind in (np.random.default_rng, np.random.RandomState):
        once, again = (sliced_wasserstein(X, Y, random_state=kind(1)) for _ in range(2))
        assert once == again


def test_two_sample_test_needs_a_row_for_each_fold(rng):
    X = rng.normal(size=(4, 2))
    with pytest.raises(ValueError, match=r"X_real has 4 rows and X_fake 9.*n_splits=5"):
        classifier_two_sample_test(X, rng.normal(size=(9, 2)))


def test_near_copies_of_copies_and_of_fresh_rows(rng):
    X_train, X_test, X_fresh = rng.normal(size=(3, 2000, 4))
    assert near_copies(X_train, X_test, X_train) == 1
    # both the threshold and the share have the spread of a share of 2,000 rows
    error = np.sqrt(2 * 0.05 * 0.95 / 2000)
    fresh = near_copies(X_train, X_test, X_fresh, quantile=0.05)
    assert fresh == pytest.approx(0.05, abs=4 * error)

    half = np.concatenate([X_train[:1000] + 1e-6, X_fresh[:1000]])
    copied = near_copies(X_train, X_test, half, quantile=0.05)
    assert copied == pytest.approx(0.525, abs=4 * error)


def test_near_copies_of_a_table_do_not_depend_on_units(rng):
    X_train, X_test, X_fake = rng.normal(size=(3, 300, 3))
    X_fake[:100] = X_train[:100] + 0.01
    units = np.array([2.0**-40, 1.0, 2.0**40])
    share = near_copies(X_train, X_test, X_fake)
    assert share > 1 / 3
    assert near_copies(X_train * units, X_test * units, X_fake * units) == share


def test_near_copies_of_images_are_seen_through_noise():
    X = np.random.default_rng(0).permutation(load_digits().data)
    X_train, X_test = X[:1078], X[1078:]
    noisy = X_train + 0.5 * np.random.default_rng(1).normal(size=X_train.shape)
    assert near_copies(X_train, X_test, noisy, standardize=False) > 0.99
    # pixels that are lit in a handful of images drown the rest when standardised
    assert near_copies(X_train, X_test, noisy) < 0.01


def test_near_copies_are_exact_far_from_the_origin_and_with_repeated_rows(rng):
    X_train, X_test = rng.normal(size=(2, 50, 2)) + [1e9, 0]
    assert near_copies(X_train, X_test, X_train, standardize=False) == 1
    repeated = np.repeat(X_train, 2, axis=0)
    assert near_copies(repeated, X_train, X_train) == 1
    assert near_copies(repeated, X_train, X_test) == 0


@pytest.mark.parametrize("quantile", [0.0, 1.0, -0.1])
def test_near_copies_refuses_a_quantile_outside_its_range(rng, quantile):
    X = rng.normal(size=(10, 2))
    with pytest.raises(ValueError, match="quantile"):
        near_copies(X, X, X, quantile=quantile)


# Distances between laws


@pytest.mark.parametrize(("n_real", "n_fake"), [(30, 30), (7, 12), (30_011, 8)])
def test_sliced_wasserstein_of_one_column_matches_scipy(rng, n_real, n_fake):
    x, y = rng.normal(size=n_real), rng.exponential(size=n_fake)
    sliced = sliced_wasserstein(x[:, None], y[:, None], p=1, n_projections=400)
    assert sliced == pytest.approx(wasserstein_distance(x, y), rel=1e-12)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_sliced_wasserstein_of_unequal_sizes_is_that_of_repeated_rows(rng, p):
    X_real, X_fake = rng.normal(size=(6, 3)), rng.normal(size=(10, 3)) * 2
    repeated = sliced_wasserstein(
        np.repeat(X_real, 5, axis=0), np.repeat(X_fake, 3, axis=0), p=p, random_state=0
    )
    sliced = sliced_wasserstein(X_real, X_fake, p=p, random_state=0)
    assert sliced == pytest.approx(repeated, rel=1e-12)


def test_sliced_wasserstein_of_shift_and_scale(rng):
    X = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4))
    d = rng.normal(size=4)
    options = {"n_projections": 4000, "random_state": 0}
    # the squared cost along a direction has a relative spread of at most sqrt(2)
    tolerance = 4 * np.sqrt(2 / 4000) / 2
    assert sliced_wasserstein(X, X + d, **options) == pytest.approx(
        np.linalg.norm(d) / 2, rel=tolerance
    )
    assert sliced_wasserstein(X, 3 * X, **options) == pytest.approx(
        2 * np.linalg.norm(X) / np.sqrt(50 * 4), rel=tolerance
    )


def test_sliced_wasserstein_between_normal_laws():
    # rows at the quantiles of N(0, 1) and N(1, 2^2), whose distance is sqrt(1 + 1)
    u = (np.arange(5000) + 0.5) / 5000
    X_real, X_fake = norm.ppf(u)[:, None], norm.ppf(u, loc=1, scale=2)[:, None]
    assert sliced_wasserstein(X_real, X_fake) == pytest.approx(np.sqrt(2), abs=1e-3)


def test_sliced_wasserstein_is_a_distance_of_laws(rng):
    X, Y, Z = rng.normal(size=(3, 40, 5)) * np.array([1, 2, 3])[:, None, None]

    def distance(A, B, p=2):
        return sliced_wasserstein(A, B, p=p, random_state=0)

    assert distance(X, rng.permutation(X)) < 1e-12
    assert distance(X, Y) == pytest.approx(distance(Y, X), rel=1e-12)
    assert distance(X, Z) <= distance(X, Y) + distance(Y, Z)
    assert distance(X, Y, p=1) <= distance(X, Y, p=2)


def test_sliced_wasserstein_hardly_changes_under_rotation(rng):
    X, Y = rng.normal(size=(60, 4)), rng.normal(size=(60, 4)) * [1, 2, 3, 4]
    rotation = ortho_group.rvs(4, random_state=0)
    plain, rotated = (
        sliced_wasserstein(X @ A, Y @ A, n_projections=4000, random_state=0)
        for A in (np.eye(4), rotation)
    )
    assert rotated == pytest.approx(plain, rel=0.05)


@pytest.mark.parametrize(("name", "value"), [("p", 0.5), ("n_projections", 0)])
def test_sliced_wasserstein_names_a_bad_parameter(rng, name, value):
    X = rng.normal(size=(5, 2))
    with pytest.raises(ValueError, match=f"{name} == {value}, must be >= 1"):
        sliced_wasserstein(X, X, **{name: value})


def test_energy_distance_of_one_column_matches_scipy(rng):
    x, y = rng.normal(size=70), rng.exponential(size=41)
    assert energy_distance(x[:, None], y[:, None]) == pytest.approx(
        scipy_energy_distance(x, y), rel=1e-9
    )


def test_energy_distance_counts_every_pair_in_blocks_or_not(rng):
    X, Y = rng.normal(size=(900, 3)), rng.normal(size=(500, 3)) + 0.3
    squared = 2 * cdist(X, Y).mean() - cdist(X, X).mean() - cdist(Y, Y).mean()
    assert energy_distance(X, Y) == pytest.approx(np.sqrt(squared), rel=1e-6)
    with sklearn.config_context(working_memory=1):
        assert energy_distance(X, Y) == pytest.approx(np.sqrt(squared), rel=1e-6)


def test_energy_distance_invariances(rng):
    X, Y = rng.normal(size=(40, 3)), rng.normal(size=(30, 3)) + 1
    distance = energy_distance(X, Y)
    rotation = ortho_group.rvs(3, random_state=0)
    assert energy_distance(X, rng.permutation(X)) < 1e-6 * distance + 1e-4
    assert energy_distance(Y, X) == pytest.approx(distance)
    assert energy_distance(X @ rotation + 1e6, Y @ rotation + 1e6) == pytest.approx(distance)
    assert energy_distance(4 * X, 4 * Y) == pytest.approx(2 * distance)


def test_frechet_distance_of_an_optimal_map_is_its_cost(rng):
    # a symmetric positive map moves a normal law at least cost, so E|x - (A x + b)|^2 is exact
    X = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5))
    root = rng.normal(size=(5, 5))
    A, b = root @ root.T, rng.normal(size=5)
    centred = X - X.mean(axis=0)
    shift = X.mean(axis=0) @ (A - np.eye(5)) + b
    cost = np.sum(shift**2) + np.sum((centred @ (A - np.eye(5))) ** 2) / 59
    assert frechet_distance(X, X @ A + b) == pytest.approx(cost, rel=1e-10)


def test_frechet_distance_matches_the_matrix_root(rng):
    X, Y = rng.normal(size=(50, 4)), rng.exponential(size=(31, 4)) @ rng.normal(size=(4, 4))
    C, D = np.cov(X.T), np.cov(Y.T)
    shift = X.mean(axis=0) - Y.mean(axis=0)
    exact = shift @ shift + np.trace(C + D - 2 * sqrtm(C @ D).real)
    assert frechet_distance(X, Y) == pytest.approx(exact, rel=1e-9)
    assert frechet_distance(Y, X) == pytest.approx(exact, rel=1e-9)


def test_frechet_distance_of_fewer_rows_than_columns(rng):
    X, Y = np.zeros((2, 8, 40))
    X[:, :20], Y[:, 20:] = rng.normal(size=(2, 8, 20))
    total = np.sum((X.mean(axis=0) - Y.mean(axis=0)) ** 2) + X.var(axis=0, ddof=1).sum()
    assert frechet_distance(X, Y) == pytest.approx(total + Y.var(axis=0, ddof=1).sum(), rel=1e-12)
    # the root of a covariance's rounding errors would be 1e-8
    assert frechet_distance(X, X[::-1]) < 1e-12
    assert frechet_distance(X + 1e3, X + 1e3) < 1e-12


def test_frechet_distance_of_features(rng):
    X, Y = rng.normal(size=(2, 40, 3, 6))
    assert frechet_distance(X, Y, features=lambda rows: rows.mean(axis=1)) == frechet_distance(
        X.mean(axis=1), Y.mean(axis=1)
    )
    with pytest.raises(ValueError, match=r"features\(X_fake\) must be a numeric table.*NaN"):
        frechet_distance(X[:, 0], Y[:, 0] * np.nan, features=lambda rows: rows)
    with pytest.raises(ValueError, match="X_real has 40 rows and X_fake has 1: give at least 2"):
        frechet_distance(X[:, 0], Y[:1, 0])


# Binary rows


BINARY = [mutual_information_error, conditional_frequency_error]


def binary_tables(rng, n_real, n_fake, n_columns):
    """Two tables of dependent bits with unequal shares."""
    mixing = rng.normal(size=(n_columns, n_columns))
    tables = (rng.normal(size=(n, n_columns)) @ mixing for n in (n_real, n_fake))
    return [(table > 1.2 * np.arange(n_columns) / n_columns).astype(float) for table in tables]


def test_mutual_information_error_matches_each_pair(rng):
    X, Y = binary_tables(rng, 300, 217, 6)
    Y[:, 2] = 1  # a constant column has none
    error = [
        abs(mutual_info_score(X[:, a], X[:, b]) - mutual_info_score(Y[:, a], Y[:, b]))
        for a in range(6)
        for b in range(a)
    ]
    mean, largest = mutual_information_error(X, Y)
    assert mean == pytest.approx(np.mean(error), rel=1e-10)
    assert largest == pytest.approx(np.max(error), rel=1e-10)
    assert mutual_information_error(X, 1 - X) == pytest.approx((0, 0), abs=1e-12)


def test_mutual_information_of_copies_is_their_entropy():
    p = 0.3
    X = np.repeat([[0, 0], [1, 1]], [7, 3], axis=0)
    independent = np.repeat([[0, 0], [1, 0], [0, 1], [1, 1]], [49, 21, 21, 9], axis=0)
    entropy = -p * np.log(p) - (1 - p) * np.log(1 - p)
    assert mutual_information_error(X, independent) == pytest.approx((entropy, entropy))


@pytest.mark.parametrize("min_share", [0.02, 0.25])
def test_conditional_frequency_error_matches_each_triple(rng, min_share):
    X, Y = binary_tables(rng, 400, 50, 5)
    Y[:, 0] = 0  # nowhere 1, so that some conditions are never seen
    error, n_unseen = [], 0
    for a in range(5):
        for b in range(a + 1, 5):
            for u, v in [(0, 0), (0, 1), (1, 0), (1, 1)]:
                real, fake = (Z[(Z[:, a] == u) & (Z[:, b] == v)] for Z in (X, Y))
                if len(real) < min_share * len(X):
                    continue
                n_unseen += len(fake) == 0
                for c in set(range(5)) - {a, b}:
                    p = real[:, c].mean()
                    error.append(abs(p - fake[:, c].mean()) if len(fake) else max(p, 1 - p))
    assert n_unseen > 0
    mean, largest = conditional_frequency_error(X, Y, min_share=min_share)
    assert mean == pytest.approx(np.mean(error), rel=1e-12)
    assert largest == pytest.approx(np.max(error), rel=1e-12)
    assert conditional_frequency_error(X, X, min_share=min_share) == (0, 0)


def test_conditional_frequency_error_sees_what_pairs_do_not():
    states = BinaryLaw.random(3).states
    parity = states[states.sum(axis=1) % 2 == 0]
    assert mutual_information_error(parity, states) == pytest.approx((0, 0), abs=1e-12)
    # each pair of values has a quarter of the rows, which is the largest share that can be asked
    for min_share in (0.02, 0.25):
        error = conditional_frequency_error(parity, states, min_share=min_share)
        assert error == pytest.approx((0.5, 0.5))
    assert conditional_frequency_error(parity, 1 - parity) == pytest.approx((1, 1))


@pytest.mark.parametrize("metric", BINARY)
def test_binary_tables_that_cannot_be_compared_are_refused(rng, metric):
    X = rng.integers(2, size=(30, 3))
    assert metric(pd.DataFrame(X, columns=list("abc")), X[::-1]) == metric(X, X)
    with pytest.raises(ValueError, match="X_fake has the entry 2 in column 1: give columns of"):
        metric(X, X + [[0, 2, 0]] * (1 - X))
    with pytest.raises(ValueError, match="has 3 columns and X_fake has 2"):
        metric(X, X[:, :2])
    with pytest.raises(ValueError, match="X_real has 1 columns: give at least"):
        metric(X[:, :1], X[:, :1])


@pytest.mark.parametrize("min_share", [0, 0.3])
def test_conditional_frequency_error_refuses_a_share_outside_its_range(min_share):
    X = np.eye(3)
    with pytest.raises(ValueError, match="min_share"):
        conditional_frequency_error(X, X, min_share=min_share)


# Spread of rows, and their fit to a condition


@pytest.mark.parametrize("d", [1, 3, 10])
def test_diversity_of_a_normal_law(rng, d):
    n, scale = 20_000, 1.7
    X = scale * rng.normal(size=(n, d)) + 5
    mean = 2 * scale * gamma((d + 1) / 2) / gamma(d / 2)
    # E|x - y|^2 = 2 d scale^2; few of the pairs share a row
    error = np.sqrt((2 * d * scale**2 - mean**2) / 5000)
    assert diversity(X, n_pairs=5000, random_state=0) == pytest.approx(mean, abs=4 * error)


def test_diversity_draws_every_pair_of_different_rows(rng):
    X = rng.normal(size=(6, 2))
    distances = cdist(X, X)[~np.eye(6, dtype=bool)]
    n_pairs = 40_000
    assert diversity(X, n_pairs=n_pairs, random_state=0) == pytest.approx(
        distances.mean(), abs=4 * distances.std() / np.sqrt(n_pairs)
    )
    assert diversity(X[:2], random_state=0) == pytest.approx(cdist(X, X)[0, 1])
    assert diversity(X, random_state=3) == diversity(X, random_state=3)
    assert diversity(X, random_state=3) != diversity(X, random_state=4)


def test_multimodality_gives_each_condition_the_same_weight(rng):
    condition = rng.permutation(np.repeat(["a", "b", "c"], [2, 5, 200]))
    X = rng.normal(size=(207, 3)) * np.where(condition == "b", 7, 1)[:, None]
    X[condition == "a"] += 1e6
    exact, variance = [], 0.0
    n_pairs = 20_000
    for name in "abc":
        rows = X[condition == name]
        distances = cdist(rows, rows)[~np.eye(len(rows), dtype=bool)]
        exact.append(distances.mean())
        variance += distances.var() / n_pairs / 9
    multi = multimodality(X, condition, n_pairs=n_pairs, random_state=0)
    assert multi == pytest.approx(np.mean(exact), abs=4 * np.sqrt(variance))


def test_multimodality_reads_conditions_of_any_kind(rng):
    X = rng.normal(size=(40, 2))
    number = np.arange(40) % 4
    expected = multimodality(X, number, random_state=0)
    names = np.array(["run", "runs", "walk", "walks"])[number]
    columns = np.column_stack([number // 2, number % 2]).astype(float)
    frame = pd.DataFrame({"first": number // 2, "second": np.array(["x", "y"])[number % 2]})
    for condition in (names, list(names), names.astype(object), pl.Series(names), columns, frame):
        assert multimodality(X, condition, random_state=0) == expected
    # one answer to each condition
    assert multimodality(X[number], number, random_state=0) == 0


def test_spread_needs_two_rows(rng):
    X = rng.normal(size=(5, 2))
    with pytest.raises(ValueError, match="X has 1 row: give at least 2"):
        diversity(X[:1])
    with pytest.raises(ValueError, match="condition 'b' has 1 row: generate at least 2"):
        multimodality(X, list("aabaa"))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        multimodality(X, list("aabb"))
    for measure in (diversity, lambda X, n_pairs: multimodality(X, [0] * 5, n_pairs=n_pairs)):
        with pytest.raises(ValueError, match="n_pairs == 0, must be >= 1"):
            measure(X, n_pairs=0)


def test_r_precision_over_all_conditions_matches_ranks(rng):
    conditions = rng.normal(size=(20, 4))
    own = np.concatenate([np.arange(20), rng.integers(20, size=60)])
    features = conditions[own] + rng.normal(size=(80, 4))
    distances = cdist(features, conditions)
    rank = np.sum(distances < distances[np.arange(80), own][:, None], axis=1)
    precision = r_precision(features, conditions[own], k=(1, 2, 5, 20), pool_size=20)
    np.testing.assert_allclose(precision, [np.mean(rank < k) for k in (1, 2, 5, 20)])
    assert precision[0] < precision[-1] == 1


def test_r_precision_over_a_random_pool_has_its_expectation(rng):
    n, pool_size = 4000, 8
    conditions = rng.normal(size=(50, 3))
    own = np.arange(n) % 50
    features = conditions[own] + rng.normal(size=(n, 3))
    distances = cdist(features, conditions)
    nearer = np.sum(distances < distances[np.arange(n), own][:, None], axis=1)
    # at most k - 1 of the nearer conditions among those drawn with the own one
    k = np.array([1, 2, 3])
    p = hypergeom.cdf(k - 1, 49, nearer[:, None], pool_size - 1)
    precision = r_precision(features, conditions[own], pool_size=pool_size, random_state=0)
    error = np.sqrt((p * (1 - p)).sum(axis=0)) / n
    assert np.all(np.abs(precision - p.mean(axis=0)) < 4 * error)


def test_r_precision_of_perfect_and_of_blind_features(rng):
    conditions = rng.normal(size=(3000, 4))
    np.testing.assert_array_equal(r_precision(conditions, conditions), [1, 1, 1])
    blind = r_precision(rng.permutation(conditions), conditions, random_state=0)
    chance = np.array([1, 2, 3]) / 32
    assert np.all(np.abs(blind - chance) < 4 * np.sqrt(chance / 3000))
    # a collapsed model is as far from every label
    labels = np.eye(10)[rng.integers(10, size=200)]
    tied = r_precision(np.zeros((200, 10)), labels, pool_size=5, k=(1, 3, 5))
    np.testing.assert_allclose(tied, [0.2, 0.6, 1.0])


def test_r_precision_never_competes_with_its_own_condition(rng):
    labels = np.repeat(np.eye(3), [500, 2, 2], axis=0)
    np.testing.assert_array_equal(r_precision(labels, labels, k=1, pool_size=3), [1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "5 different rows, fewer than pool_size=32: give pool_size=5 or less"),
        ({"pool_size": 1}, "pool_size == 1, must be >= 2"),
        ({"pool_size": 4, "k": (1, 5)}, r"k=\[1, 5\] with pool_size=4: give whole numbers"),
        ({"pool_size": 4, "k": 0}, r"k=\[0\]"),
        ({"pool_size": 4, "k": 1.5}, r"k=\[1.5\]"),
    ],
)
def test_r_precision_refuses_bad_options(options, message):
    labels = np.repeat(np.eye(5), 3, axis=0)
    with pytest.raises(ValueError, match=message):
        r_precision(labels, labels, **options)


# Probes of learnt features


def test_probes_tell_a_linear_boundary_from_a_curved_one(rng):
    Z = rng.uniform(-1, 1, size=(1200, 2))
    halves = np.where(Z[:, 0] > 0, "right", "left")
    quarters = Z[:, 0] * Z[:, 1] > 0

    def probe(measure, y):
        return measure(Z[:800], y[:800], Z[800:], y[800:])

    assert probe(linear_probe, halves) > 0.97
    assert probe(knn_probe, halves) > 0.95
    # a line can do little better than chance here, whose standard deviation is .025
    assert probe(linear_probe, quarters) < 0.62
    assert probe(knn_probe, quarters) > 0.93


@pytest.mark.parametrize("probe", [linear_probe, knn_probe])
def test_probes_ignore_units_and_know_chance(rng, probe):
    Z, y = rng.normal(size=(900, 3)), rng.integers(3, size=900)
    chance = probe(Z[:600], y[:600], Z[600:], y[600:])
    assert chance == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / 300))
    Z[:, 0] += 3 * y
    units = np.array([2.0**-30, 1.0, 2.0**30])
    accuracy = probe(Z[:600], y[:600], Z[600:], y[600:])
    assert accuracy > 0.8
    assert probe(Z[:600] * units, y[:600], Z[600:] * units, y[600:]) == pytest.approx(accuracy)


def test_knn_probe_with_one_neighbour_knows_its_training_rows(rng):
    Z, y = rng.normal(size=(50, 2)), rng.integers(2, size=50)
    assert knn_probe(Z, y, Z, y, n_neighbors=1) == 1


@pytest.mark.parametrize("probe", [linear_probe, knn_probe])
def test_probes_refuse_features_and_labels_that_do_not_match(rng, probe):
    Z, y = rng.normal(size=(20, 2)), np.arange(20) % 2
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[20, 19\]"):
        probe(Z, y[1:], Z, y)
    with pytest.raises(ValueError, match="Z_train has 2 columns and Z_test has 1"):
        probe(Z, y, Z[:, :1], y)


# What all metrics of tables share


@pytest.mark.parametrize("metric", PAIRWISE)
def test_frames_read_as_arrays(rng, metric):
    X, Y = rng.normal(size=(2, 30, 2))
    measure = pairwise(metric)
    value = measure(X, Y)
    assert measure(pd.DataFrame(X, columns=["a", "b"]), Y) == value
    assert measure(pl.DataFrame(X, schema=["a", "b"]), pd.DataFrame(Y, columns=["a", "b"])) == value


@pytest.mark.parametrize("metric", PAIRWISE)
def test_tables_that_cannot_be_compared_are_refused(rng, metric):
    X, Y = rng.normal(size=(2, 30, 2))
    measure = pairwise(metric)
    with pytest.raises(ValueError, match="has 2 columns and X_fake has 1"):
        measure(X, Y[:, :1])
    with pytest.raises(ValueError, match=r"X_fake must be a numeric table without gaps.*NaN"):
        measure(X, np.where(Y > 0, Y, np.nan))
    with pytest.raises(ValueError, match=r"X_fake must be a numeric table.*'word'"):
        measure(X, pd.DataFrame({"a": Y[:, 0], "b": "word"}))
    with pytest.raises(ValueError, match=r"\['a', 'b'\].*\['b', 'a'\].*same order"):
        measure(pd.DataFrame(X, columns=["a", "b"]), pd.DataFrame(Y, columns=["b", "a"]))
