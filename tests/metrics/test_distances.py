"""Distances between distributions, against closed forms, scipy, and their invariances."""

import numpy as np
import pytest
import sklearn
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance as scipy_energy_distance
from scipy.stats import norm, ortho_group, wasserstein_distance_nd
from scipy.stats import wasserstein_distance as scipy_wasserstein_distance

from skgen.metrics import (
    energy_distance,
    frechet_distance,
    maximum_mean_discrepancy,
    sliced_wasserstein,
    wasserstein_distance,
)


@pytest.mark.parametrize(("n_real", "n_fake"), [(30, 30), (7, 12), (30_011, 8)])
def test_sliced_wasserstein_of_one_column_matches_scipy(rng, n_real, n_fake):
    x, y = rng.normal(size=n_real), rng.exponential(size=n_fake)
    sliced = sliced_wasserstein(x[:, None], y[:, None], p=1, n_projections=400)
    assert sliced == pytest.approx(scipy_wasserstein_distance(x, y), rel=1e-12)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_sliced_wasserstein_of_unequal_sizes_is_that_of_repeated_rows(rng, p):
    X_real, X_fake = rng.normal(size=(6, 3)), rng.normal(size=(10, 3)) * 2
    repeated = sliced_wasserstein(
        np.repeat(X_real, 5, axis=0), np.repeat(X_fake, 3, axis=0), p=p, random_state=0
    )
    sliced = sliced_wasserstein(X_real, X_fake, p=p, random_state=0)
    assert sliced == pytest.approx(repeated, rel=1e-12)


@pytest.mark.statistical
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


def test_sliced_wasserstein_between_normal_distributions():
    # rows at the quantiles of N(0, 1) and N(1, 2^2), whose distance is sqrt(1 + 1)
    u = (np.arange(5000) + 0.5) / 5000
    X_real, X_fake = norm.ppf(u)[:, None], norm.ppf(u, loc=1, scale=2)[:, None]
    assert sliced_wasserstein(X_real, X_fake) == pytest.approx(np.sqrt(2), abs=1e-3)


def test_sliced_wasserstein_is_a_distance_of_distributions(rng):
    X, Y, Z = rng.normal(size=(3, 40, 5)) * np.array([1, 2, 3])[:, None, None]

    def distance(A, B, p=2):
        return sliced_wasserstein(A, B, p=p, random_state=0)

    assert distance(X, rng.permutation(X)) < 1e-12
    assert distance(X, Y) == pytest.approx(distance(Y, X), rel=1e-12)
    assert distance(X, Z) <= distance(X, Y) + distance(Y, Z)
    assert distance(X, Y, p=1) <= distance(X, Y, p=2)


@pytest.mark.statistical
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
    # a symmetric positive map moves a normal distribution at least cost, so E|x - (A x + b)|^2 is
    # exact
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


# Exact Wasserstein distance


@pytest.mark.parametrize("p", [1, 1.5, 2, 200])
def test_wasserstein_distance_of_a_shift_is_its_length(rng, p):
    X, d = rng.normal(size=(60, 4)), rng.normal(size=4)
    shifted = rng.permutation(X) + d
    assert wasserstein_distance(X, shifted, p=p) == pytest.approx(np.linalg.norm(d), rel=1e-12)
    assert wasserstein_distance(X, X[::-1], p=p) == 0


def test_wasserstein_distance_of_an_optimal_map_is_its_cost(rng):
    # a symmetric positive map is the gradient of a convex function, so no other matching is cheaper
    X = rng.normal(size=(80, 5)) @ rng.normal(size=(5, 5))
    root = rng.normal(size=(5, 5))
    mapped = X @ (root @ root.T) + rng.normal(size=5)
    cost = np.mean(np.sum((mapped - X) ** 2, axis=1))
    assert wasserstein_distance(X, rng.permutation(mapped)) == pytest.approx(np.sqrt(cost))
    # the normal distributions with the same moments are no further apart
    assert frechet_distance(X, mapped) * 79 / 80 <= cost


def test_wasserstein_distance_of_one_column_joins_it_in_order(rng):
    x, y = rng.normal(size=70), rng.exponential(size=70)
    for p in (1, 3):
        ordered = np.mean(np.abs(np.sort(x) - np.sort(y)) ** p) ** (1 / p)
        assert wasserstein_distance(x[:, None], y[:, None], p=p) == pytest.approx(ordered)


def test_wasserstein_distance_matches_a_linear_program(rng):
    X, Y = rng.normal(size=(25, 3)), rng.exponential(size=(25, 3))
    assert wasserstein_distance(X, Y, p=1) == pytest.approx(wasserstein_distance_nd(X, Y))


def test_wasserstein_distance_matches_pot(rng):
    ot = pytest.importorskip("ot")
    X, Y = rng.normal(size=(150, 3)), rng.exponential(size=(150, 3))
    uniform = np.full(150, 1 / 150)
    for p in (1, 2):
        exact = ot.emd2(uniform, uniform, cdist(X, Y) ** p) ** (1 / p)
        assert wasserstein_distance(X, Y, p=p) == pytest.approx(exact, rel=1e-9)


def test_wasserstein_distance_of_large_sets_is_that_of_a_subsample(rng):
    X, Y = rng.normal(size=(300, 2)), rng.normal(size=(200, 2))
    options = {"max_rows": 40, "random_state": 0}
    assert wasserstein_distance(X, Y, **options) == wasserstein_distance(X, Y, **options)
    # any 40 rows of a grid with one point are as good as all
    assert wasserstein_distance(np.zeros((90, 2)), np.full((70, 2), 3.0), max_rows=40) == (
        pytest.approx(3 * np.sqrt(2))
    )
    with pytest.raises(ValueError, match="max_rows == 0, must be >= 1"):
        wasserstein_distance(X, Y, max_rows=0)


@pytest.mark.statistical
def test_wasserstein_distance_knows_a_shift_from_real_against_real(rng):
    X, again, fresh = rng.normal(size=(3, 400, 2))
    floor = wasserstein_distance(X, again)
    assert floor < 0.4
    # a shift by d is between d less and d plus the distance of two sets of one distribution
    assert abs(wasserstein_distance(X, fresh + [2, 0]) - 2) < 0.4


# Maximum mean discrepancy


def kernel_mean(d, scale, shift, h):
    """E exp(-|z|^2 / 2 h^2) for z normal with `scale`^2 I and a mean of length `shift`."""
    wide = h**2 + scale**2
    return (h**2 / wide) ** (d / 2) * np.exp(-(shift**2) / (2 * wide))


@pytest.mark.statistical
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1.7, 0.0), (1.0, 1.5)])
def test_maximum_mean_discrepancy_of_normal_distributions_is_unbiased(rng, scale, shift):
    d, h, n_repeats = 3, 1.3, 400
    exact = (
        kernel_mean(d, np.sqrt(2), 0, h)
        + kernel_mean(d, scale * np.sqrt(2), 0, h)
        - 2 * kernel_mean(d, np.hypot(1, scale), shift, h)
    )
    values = []
    for _ in range(n_repeats):
        X, Y = rng.normal(size=(15, d)), scale * rng.normal(size=(11, d))
        Y[:, 0] += shift
        values.append(maximum_mean_discrepancy(X, Y, bandwidth=h))
    error = np.std(values) / np.sqrt(n_repeats)
    assert np.mean(values) == pytest.approx(exact, abs=4 * error)
    assert error < 0.01


def test_maximum_mean_discrepancy_counts_every_pair_in_blocks_or_not(rng):
    X, Y = rng.normal(size=(900, 3)), rng.normal(size=(500, 3)) + 0.3

    def kernels(A, B):
        return np.exp(-(cdist(A, B) ** 2) / (2 * 0.7**2))

    within = sum(
        kernels(A, A)[~np.eye(len(A), dtype=bool)].mean() - kernels(X, Y).mean() for A in (X, Y)
    )
    for shift in (0, 1e6):
        value = maximum_mean_discrepancy(X + shift, Y + shift, bandwidth=0.7)
        assert value == pytest.approx(within, rel=1e-5)
    with sklearn.config_context(working_memory=1):
        assert maximum_mean_discrepancy(X, Y, bandwidth=0.7) == pytest.approx(within, rel=1e-9)


@pytest.mark.statistical
def test_bandwidth_is_the_median_distance_of_real_rows(rng):
    X, Y = rng.normal(size=(50, 3)), rng.normal(size=(30, 3)) * 9
    median = np.median(cdist(X, X)[np.triu_indices(50, k=1)])
    expected = maximum_mean_discrepancy(X, Y, bandwidth=median)
    assert maximum_mean_discrepancy(X, Y) == pytest.approx(expected, rel=1e-12)
    # repeated rows do not bring it to 0
    assert maximum_mean_discrepancy(np.repeat(X[:2], 20, axis=0), Y) > 0.5

    large = rng.normal(size=(1500, 3))
    once, again = (maximum_mean_discrepancy(large, Y, random_state=0) for _ in range(2))
    assert once == again
    with pytest.raises(ValueError, match="All rows of X_real are equal: give a bandwidth"):
        maximum_mean_discrepancy(np.ones((5, 2)), Y[:, :2])
    with pytest.raises(ValueError, match="bandwidth == 0, must be > 0"):
        maximum_mean_discrepancy(X, Y, bandwidth=0)
    with pytest.raises(ValueError, match="X_real has 50 rows and X_fake has 1: give at least 2"):
        maximum_mean_discrepancy(X, Y[:1])
