"""What nearest neighbours say, on copies and on fresh rows."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skgen.metrics import (
    near_copies,
)


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
