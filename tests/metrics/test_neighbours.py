"""What nearest neighbours say, on copies and on fresh rows."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

from skgen.metrics import near_copies, precision_recall_density_coverage


@pytest.mark.statistical
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


@pytest.mark.statistical
def test_near_copies_of_a_table_do_not_depend_on_units(rng):
    X_train, X_test, X_fake = rng.normal(size=(3, 300, 3))
    X_fake[:100] = X_train[:100] + 0.01
    units = np.array([2.0**-40, 1.0, 2.0**40])
    share = near_copies(X_train, X_test, X_fake)
    # All 100 copies; of the 200 other rows two in the mean, but none for one seed of seven.
    assert share >= 1 / 3
    assert near_copies(X_train * units, X_test * units, X_fake * units) == share


@pytest.mark.statistical
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


# Precision, recall, density, coverage


def by_definition(X_real, X_fake, k):
    """Count every pair of a ball and a row."""

    def radii(X):
        return np.sort(cdist(X, X), axis=1)[:, k]

    across = cdist(X_real, X_fake)
    in_real = across <= radii(X_real)[:, None]
    return {
        "precision": in_real.any(axis=0).mean(),
        "recall": (across <= radii(X_fake)).any(axis=1).mean(),
        "density": in_real.sum() / (k * len(X_fake)),
        "coverage": in_real.any(axis=1).mean(),
    }


@pytest.mark.parametrize("k", [1, 3, 5])
def test_neighbourhoods_match_their_definition(rng, k):
    X, Y = rng.normal(size=(80, 3)), rng.normal(size=(50, 3)) * [0.3, 1, 2]
    measures = precision_recall_density_coverage(X, Y, n_neighbors=k)
    assert measures == pytest.approx(by_definition(X, Y, k), rel=1e-12)
    # many rows that are equal, and distances that are
    X, Y = (X > 0.5).astype(float), (Y > 0.5).astype(float)
    measures = precision_recall_density_coverage(X, Y, n_neighbors=k)
    assert measures == pytest.approx(by_definition(X, Y, k), rel=1e-12)


def test_neighbourhoods_match_prdc(rng, capsys):
    prdc = pytest.importorskip("prdc")
    X, Y = rng.normal(size=(300, 4)), rng.normal(size=(250, 4)) * [0.5, 1, 1, 1.5]
    expected = prdc.compute_prdc(X, Y, nearest_k=5)
    capsys.readouterr()
    assert precision_recall_density_coverage(X, Y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.statistical
def test_neighbourhoods_of_one_distribution_have_their_expectation(rng):
    n, m, k, n_repeats = 60, 40, 3, 300
    values = [
        precision_recall_density_coverage(
            *np.split(rng.normal(size=(n + m, 2)), [n]), n_neighbors=k
        )
        for _ in range(n_repeats)
    ]
    j = np.arange(1, k + 1)
    exact = {"density": 1.0, "coverage": 1 - np.prod((n - j) / (n + m - j))}
    for name, expectation in exact.items():
        drawn = [value[name] for value in values]
        error = np.std(drawn) / np.sqrt(n_repeats)
        assert np.mean(drawn) == pytest.approx(expectation, abs=4 * error)


@pytest.mark.statistical
def test_neighbourhoods_tell_what_is_wrong(rng):
    modes = np.array([[0, 0], [20, 0], [0, 20], [20, 20]])
    X = modes[rng.integers(4, size=1000)] + rng.normal(size=(1000, 2))

    dropped = modes[rng.integers(2, size=1000)] + rng.normal(size=(1000, 2))
    measures = precision_recall_density_coverage(X, dropped)
    # two of four modes, of a share with a standard deviation of .016, and their edges
    assert measures["precision"] > 0.95
    assert 0.4 < measures["recall"] < 0.57
    assert 0.4 < measures["coverage"] < 0.57

    invented = modes[rng.integers(4, size=1000)] * 1.5 + rng.normal(size=(1000, 2))
    assert precision_recall_density_coverage(X, invented)["precision"] == pytest.approx(
        0.25, abs=0.06
    )
    shrunk = modes[rng.integers(4, size=1000)] + 0.1 * rng.normal(size=(1000, 2))
    measures = precision_recall_density_coverage(X, shrunk)
    assert measures["precision"] > 0.98
    # a share of .04 of the real rows lies within three standard deviations of the fake ones
    assert measures["recall"] < 0.3

    # in many columns a fake row at the centre lies in the balls of rows all around it
    X, central = rng.normal(size=(2, 500, 30))
    assert precision_recall_density_coverage(X, 0.8 * central)["density"] > 2


def test_neighbourhoods_need_more_rows_than_neighbours(rng):
    X = rng.normal(size=(6, 2))
    assert precision_recall_density_coverage(X, X)["precision"] == 1
    with pytest.raises(ValueError, match="X_fake has 5: give more than n_neighbors=5 of each"):
        precision_recall_density_coverage(X, X[:5])
    with pytest.raises(ValueError, match="n_neighbors == 0, must be >= 1"):
        precision_recall_density_coverage(X, X, n_neighbors=0)
