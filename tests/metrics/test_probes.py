"""Probes of features whose boundaries are known."""

import numpy as np
import pytest

from skgen.metrics import (
    knn_probe,
    linear_probe,
)


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
