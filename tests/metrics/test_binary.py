"""Errors of binary rows, against every pair and triple counted by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mutual_info_score

from skgen.datasets import BinaryDistribution
from skgen.metrics import (
    conditional_frequency_error,
    mutual_information_error,
)

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


@pytest.mark.statistical
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
    states = BinaryDistribution.random(3).states
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
