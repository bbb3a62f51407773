"""What all metrics of tables share: frames, refusals, and randomness of their own."""

import inspect

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skgen.metrics import (
    classifier_two_sample_test,
    correlation_error,
    diversity,
    energy_distance,
    frechet_distance,
    marginal_error,
    maximum_mean_discrepancy,
    multimodality,
    near_copies,
    precision_recall_density_coverage,
    r_precision,
    sliced_wasserstein,
    train_on_synthetic,
    wasserstein_distance,
)


def pairwise(metric):
    """Reduce a metric of tables to a function of two of them, with its randomness fixed."""
    if metric is near_copies:
        return lambda X, Y: near_copies(X, X, Y)
    if "random_state" in inspect.signature(metric).parameters:
        return lambda X, Y: metric(X, Y, random_state=0)
    return metric


PAIRWISE = [
    classifier_two_sample_test,
    correlation_error,
    energy_distance,
    frechet_distance,
    marginal_error,
    maximum_mean_discrepancy,
    near_copies,
    precision_recall_density_coverage,
    sliced_wasserstein,
    wasserstein_distance,
]


def test_global_random_state_is_left_alone(rng):
    X, Y = rng.normal(size=(2, 40, 2))
    # The first number that is drawn of a new seed changes the state.
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    classifier_two_sample_test(X, Y)
    sliced_wasserstein(X, Y)
    diversity(X)
    multimodality(X, np.arange(40) % 3)
    r_precision(X, Y)
    wasserstein_distance(X, Y, max_rows=10)
    maximum_mean_discrepancy(np.repeat(X, 30, axis=0), Y)
    train_on_synthetic(X, X[:, 0], Y, Y[:, 0], X, X[:, 0])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_random_state_may_be_a_generator_or_a_random_state(rng):
    X, Y = rng.normal(size=(2, 30, 3))
    for kind in (np.random.default_rng, np.random.RandomState):
        once, again = (sliced_wasserstein(X, Y, random_state=kind(1)) for _ in range(2))
        assert once == again


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
    with pytest.raises(ValueError, match=r"Column 'b' holds numbers in X_.* and categories or"):
        measure(X, pd.DataFrame({"a": Y[:, 0], "b": "word"}))
    with pytest.raises(ValueError, match=r"X_fake lacks \['b'\] and has \['c'\] besides"):
        measure(pd.DataFrame(X, columns=["a", "b"]), pd.DataFrame(Y, columns=["a", "c"]))
