"""Spread and R-precision, against their expectation over every pair or pool."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.spatial.distance import cdist
from scipy.special import gamma
from scipy.stats import hypergeom

from skgen.metrics import (
    diversity,
    multimodality,
    r_precision,
)


@pytest.mark.statistical
@pytest.mark.parametrize("d", [1, 3, 10])
def test_diversity_of_a_normal_distribution(rng, d):
    n, scale = 20_000, 1.7
    X = scale * rng.normal(size=(n, d)) + 5
    mean = 2 * scale * gamma((d + 1) / 2) / gamma(d / 2)
    # E|x - y|^2 = 2 d scale^2; few of the pairs share a row
    error = np.sqrt((2 * d * scale**2 - mean**2) / 5000)
    assert diversity(X, n_pairs=5000, random_state=0) == pytest.approx(mean, abs=4 * error)


@pytest.mark.statistical
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


@pytest.mark.statistical
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


@pytest.mark.statistical
def test_r_precision_over_all_conditions_matches_ranks(rng):
    conditions = rng.normal(size=(20, 4))
    own = np.concatenate([np.arange(20), rng.integers(20, size=60)])
    features = conditions[own] + rng.normal(size=(80, 4))
    distances = cdist(features, conditions)
    rank = np.sum(distances < distances[np.arange(80), own][:, None], axis=1)
    precision = r_precision(features, conditions[own], k=(1, 2, 5, 20), pool_size=20)
    np.testing.assert_allclose(precision, [np.mean(rank < k) for k in (1, 2, 5, 20)])
    assert precision[0] < precision[-1] == 1


@pytest.mark.statistical
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


@pytest.mark.statistical
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
