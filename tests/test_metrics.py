"""Metrics, against closed forms, scipy, and the invariances that each of them has."""

import inspect

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance as scipy_energy_distance
from scipy.stats import norm, ortho_group, wasserstein_distance
from sklearn.datasets import load_digits

from skgen.metrics import (
    classifier_two_sample_aucs,
    classifier_two_sample_test,
    energy_distance,
    knn_probe,
    linear_probe,
    near_copies,
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


PAIRWISE = [classifier_two_sample_test, energy_distance, near_copies, sliced_wasserstein]


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
