"""Probes of features whose boundaries are known."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression

from skgen.metrics import knn_probe, linear_probe, train_on_synthetic


@pytest.mark.statistical
def test_probes_tell_a_linear_boundary_from_a_curved_one(rng):
    Z = rng.uniform(-1, 1, size=(1200, 2))
    halves = np.where(Z[:, 0] > 0, "right", "left")
    quarters = Z[:, 0] * Z[:, 1] > 0

    def probe(measure, y):
        return measure(Z[:800], y[:800], Z[800:], y[800:])

    assert probe(linear_probe, halves) > 0.97
    assert probe(knn_probe, halves) > 0.95
    # the best line, y = x - 2/3, cuts off most of one quarter: two thirds of the rows are right
    assert probe(linear_probe, quarters) < 2 / 3 + 4 * np.sqrt(2 / 9 / 400)
    assert probe(knn_probe, quarters) > 0.93


@pytest.mark.statistical
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


# Fake rows in the place of real ones


@pytest.mark.statistical
def test_train_on_synthetic_of_a_wrong_slope(rng):
    X_real, X_fake, X_test = rng.normal(size=(3, 4000, 1))
    noise = rng.normal(size=(3, 4000))
    y_real, y_test = 2 * X_real[:, 0] + noise[0], 2 * X_test[:, 0] + noise[2]
    # variance explained: 4 of 5, and with the slope 1.5 as much less as its squared error
    for slope, exact in ((2, 0.8), (1.5, 0.75), (0, 0.0)):
        y_fake = slope * X_fake[:, 0] + noise[1]
        tables = (X_real, y_real, X_fake, y_fake, X_test, y_test)
        scores = train_on_synthetic(*tables, estimator=LinearRegression())
        # standard deviation of R² of 4,000 rows below .01
        assert scores == pytest.approx({"fake": exact, "real": 0.8}, abs=0.04)


@pytest.mark.statistical
def test_train_on_synthetic_chooses_by_the_kind_of_target(rng):
    X_real, X_fake, X_test = rng.normal(size=(3, 600, 2))

    def scores(function):
        targets = map(function, (X_real, X_fake, X_test))
        return train_on_synthetic(
            *(part for pair in zip((X_real, X_fake, X_test), targets, strict=True) for part in pair)
        )

    classes = scores(lambda X: np.where(X[:, 0] > 0, "right", "left"))
    assert min(classes.values()) > 0.97
    numbers = scores(lambda X: X[:, 0] + 2 * X[:, 1])
    assert min(numbers.values()) > 0.9
    assert scores(lambda X: X[:, 0] > 0) == classes


def test_train_on_synthetic_refuses_what_teaches_nothing(rng):
    X, y = rng.normal(size=(30, 2)), np.arange(30) % 2
    with pytest.raises(ValueError, match="y_fake is 1 in every row: generate"):
        train_on_synthetic(X, y, X, np.ones(30, dtype=int), X, y)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[30, 29\]"):
        train_on_synthetic(X, y, X, y[1:], X, y)
    with pytest.raises(ValueError, match="X_real has 2 columns and X_test has 1"):
        train_on_synthetic(X, y, X, y, X[:, :1], y)
    # the estimator that is given stays as it was
    dummy = DummyClassifier()
    assert train_on_synthetic(X, y, X, y, X, y, estimator=dummy) == {"fake": 0.5, "real": 0.5}
    assert not hasattr(dummy, "classes_")
