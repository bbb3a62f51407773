"""The classifier two-sample test, against the best area there is."""

import numpy as np
import pytest
from scipy.stats import norm

from skgen.metrics import (
    classifier_two_sample_aucs,
    classifier_two_sample_test,
)


@pytest.mark.statistical
def test_two_sample_test_reaches_the_best_area_between_shifted_normals(rng):
    d = 1.5
    X_real, X_fake = rng.normal(size=(1500, 3)), rng.normal(size=(1500, 3)) + d / np.sqrt(3)
    best = norm.cdf(d / np.sqrt(2))
    # the standard error of an area at this size is .007
    assert best - 0.025 < classifier_two_sample_test(X_real, X_fake, random_state=0) < best + 0.02


@pytest.mark.statistical
def test_two_sample_test_of_one_distribution_is_near_one_half(rng):
    X = rng.standard_t(df=3, size=(3000, 3)) @ rng.normal(size=(3, 3))
    # four standard deviations of .6 / sqrt(1500), and the bias of the larger of two
    assert abs(classifier_two_sample_test(X[:1500], X[1500:], random_state=0) - 0.5) < 0.065


@pytest.mark.statistical
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


@pytest.mark.statistical
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


def test_two_sample_test_needs_a_row_for_each_fold(rng):
    X = rng.normal(size=(4, 2))
    with pytest.raises(ValueError, match=r"X_real has 4 rows and X_fake 9.*n_splits=5"):
        classifier_two_sample_test(X, rng.normal(size=(9, 2)))
