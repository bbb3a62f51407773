"""Errors of columns and of pairs of them, against scipy and what normal distributions read."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp, norm, spearmanr

from skgen.metrics import correlation_error, marginal_error


def test_marginal_error_matches_scipy_in_each_column(rng):
    X, Y = rng.normal(size=(70, 4)), rng.exponential(size=(41, 4))
    X[:, 2:], Y[:, 2:] = X[:, 2:].round(), Y[:, 2:].round()  # with ties
    expected = [ks_2samp(x, y).statistic for x, y in zip(X.T, Y.T, strict=True)]
    assert marginal_error(X, Y) == pytest.approx(np.mean(expected), rel=1e-12)


@pytest.mark.statistical
def test_marginal_error_of_shifted_normals_and_of_one_distribution(rng):
    n, d = 4000, 0.7
    X, Y = rng.normal(size=(2, n, 5))
    # a distribution function of n rows is off by .5 / sqrt(n) at most points, twice that at few
    assert marginal_error(X, Y + d) == pytest.approx(2 * norm.cdf(d / 2) - 1, abs=2 / np.sqrt(n))
    # the Kolmogorov distribution has the mean .869 and a standard deviation of .26
    floor = 0.869 * np.sqrt(2 / n)
    error = 0.26 * np.sqrt(2 / n) / np.sqrt(5)
    assert marginal_error(X, Y) == pytest.approx(floor, abs=4 * error)


def test_marginal_error_is_of_single_columns_and_of_no_units(rng):
    X, Y = rng.normal(size=(50, 3)), rng.normal(size=(80, 3))
    error = marginal_error(X, Y)
    assert marginal_error(X, rng.permuted(Y, axis=0)) == error
    assert marginal_error(np.exp(X), np.exp(Y)) == error
    assert marginal_error(Y, X) == error
    assert marginal_error(X, X[::-1]) == 0
    assert marginal_error(X, Y + 100) == 1


def test_correlation_error_matches_scipy_in_each_pair(rng):
    X, Y = rng.normal(size=(70, 4)) @ rng.normal(size=(4, 4)), rng.normal(size=(41, 4)).round()
    pairs = np.triu_indices(4, k=1)
    expected = np.abs(spearmanr(X).statistic - spearmanr(Y).statistic)[pairs].mean()
    assert correlation_error(X, Y) == pytest.approx(expected, rel=1e-10)


@pytest.mark.statistical
def test_correlation_error_of_normal_distributions_and_of_independent_columns(rng):
    n, rho = 4000, 0.6
    X = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=n)
    exact = 6 / np.pi * np.arcsin(rho / 2)
    # a rank correlation has a standard deviation of at most 1 / sqrt(n), here of two
    assert correlation_error(X, rng.permuted(X, axis=0)) == pytest.approx(
        exact, abs=4 * np.sqrt(2 / n)
    )
    X, Y = rng.normal(size=(2, n, 6))
    floor = 2 / np.sqrt(np.pi * n)
    # 15 pairs; the spread of an absolute normal is .76 of its mean
    assert correlation_error(X, Y) == pytest.approx(floor, rel=4 * 0.76 / np.sqrt(15))


def test_correlation_error_ignores_increasing_maps_and_constants(rng):
    X, Y = rng.normal(size=(50, 3)), rng.normal(size=(80, 3))
    error = correlation_error(X, Y)
    assert correlation_error(X**3, np.exp(Y)) == pytest.approx(error, rel=1e-12)
    assert correlation_error(X, X[::-1]) == pytest.approx(0, abs=1e-12)
    # a column that is constant hangs together with nothing
    flat, rising = np.zeros((50, 2)), np.repeat(X[:, :1], 2, axis=1)
    assert correlation_error(flat, flat) == 0
    assert correlation_error(rising, flat) == pytest.approx(1)
    assert correlation_error(rising, rising * [1, -1]) == pytest.approx(2)


def test_correlation_error_needs_a_pair(rng):
    X = rng.normal(size=(20, 2))
    with pytest.raises(ValueError, match="X_real has 1 column: give at least 2"):
        correlation_error(X[:, :1], X[:, :1])
    with pytest.raises(ValueError, match="X_fake has 1: give at least 2 of each"):
        correlation_error(pd.DataFrame(X), X[:1])
