"""Which columns give fake rows away: those that differ, and all columns of a broken sum."""

import numpy as np
import pandas as pd
import pytest

from skgen.metrics import classifier_two_sample_test, telling_columns


def bills(rng, n=1000):
    X = pd.DataFrame(rng.normal(10, 3, size=(n, 4)), columns=["net", "tax", "freight", "weight"])
    return X.assign(total=X["net"] + X["tax"] + X["freight"])


@pytest.mark.statistical
def test_a_broken_sum_is_seen_and_all_its_columns_named(rng):
    real, fake = bills(rng), bills(rng)
    fake["total"] += rng.normal(0, 0.3, len(fake))
    area, shares = telling_columns(real, fake, random_state=0)
    assert area > 0.99
    assert set(shares.index[:4]) == {"net", "tax", "freight", "total"}
    assert shares["weight"] < 0.05
    # What trees alone do not see.
    assert classifier_two_sample_test(real, fake, random_state=0) < 0.8


@pytest.mark.statistical
def test_a_column_of_another_distribution_is_named(rng):
    def people(p):
        return pd.DataFrame(
            {
                "age": pd.array(rng.integers(18, 80, 1000), dtype="Int64"),
                "town": rng.choice(["Bern", "Rome", "Oslo"], 1000, p=p),
                "born": pd.Timestamp("2000-01-01")
                + pd.to_timedelta(rng.integers(0, 99, 1000), "D"),
            }
        )

    area, shares = telling_columns(people([0.6, 0.3, 0.1]), people([0.2, 0.3, 0.5]), random_state=0)
    assert 0.65 < area < 0.8
    assert shares.index[0] == "town"
    assert shares.iloc[1:].abs().max() < 0.05


@pytest.mark.statistical
def test_rows_of_one_distribution_are_not_told(rng):
    area, shares = telling_columns(bills(rng), bills(rng), random_state=0)
    # Four standard deviations of .6 / sqrt(500).
    assert abs(area - 0.5) < 0.11
    assert shares.abs().max() < 0.11


def test_a_seed_gives_the_same_and_arrays_have_numbers_for_names(rng):
    X = rng.normal(size=(60, 3))
    first, second = (telling_columns(X, X + [0, 2, 0], random_state=1) for _ in range(2))
    assert first[0] == second[0]
    pd.testing.assert_series_equal(first[1], second[1])
    assert first[1].index[0] == 1


def test_too_few_rows_are_refused(rng):
    X = rng.normal(size=(19, 2))
    with pytest.raises(ValueError, match="19 rows and X_fake 40: give at least 20 to judge"):
        telling_columns(X, rng.normal(size=(40, 2)))
    with pytest.raises(ValueError, match="3 columns"):
        telling_columns(rng.normal(size=(40, 3)), rng.normal(size=(40, 2)))


def test_constant_columns_and_a_sum_in_both_are_no_error():
    rng = np.random.default_rng(0)
    real, fake = (bills(rng, 50).assign(one=1) for _ in range(2))
    area, shares = telling_columns(real, fake, random_state=0)
    assert 0 <= area <= 1
    assert shares["one"] == 0
