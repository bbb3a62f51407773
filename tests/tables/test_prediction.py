"""Regressor and classifier: draws against known conditional distributions, and checks.

The model of most tests is a normal distribution of all columns, whose conditional distributions are
exact, so that what is tested is what stands around a model.
"""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.estimator_checks import parametrize_with_checks

import skgen
from skgen import (
    FlowMatcher,
    GenerativeClassifier,
    GenerativeRegressor,
    TableEncoder,
    VQDiffusionBridge,
    make_generative_pipeline,
)
from skgen.persistence import FileFormatError
from skgen.tables import prediction

QUICK = {"max_steps": 10, "hidden_units": 16, "validation_fraction": 0, "random_state": 0}


@pytest.fixture
def rng():
    return np.random.default_rng(5)


class JointNormal(BaseEstimator):
    """A normal distribution of all columns; missing entries are drawn given the others."""

    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, X, y=None):
        self.mean_, self.covariance_ = np.mean(X, axis=0), np.atleast_2d(np.cov(X, rowvar=False))
        return self

    def sample(self, n_samples=1, *, random_state=None):
        rng = check_random_state(self.random_state if random_state is None else random_state)
        return rng.multivariate_normal(self.mean_, self.covariance_, n_samples)

    def impute(self, X, *, n_draws=1, random_state=None):
        rng = check_random_state(self.random_state if random_state is None else random_state)
        draws = np.repeat(np.asarray(X)[None], n_draws, axis=0)
        for i, gaps in enumerate(np.isnan(X)):
            if not gaps.any():
                continue
            held = self.covariance_[np.ix_(~gaps, ~gaps)]
            slope = np.linalg.solve(held, self.covariance_[np.ix_(~gaps, gaps)]).T
            mean = self.mean_[gaps] + slope @ (X[i, ~gaps] - self.mean_[~gaps])
            left = self.covariance_[np.ix_(gaps, gaps)] - slope @ self.covariance_[~gaps][:, gaps]
            draws[:, i, gaps] = rng.multivariate_normal(mean, left, n_draws)
        return draws if n_draws > 1 else draws[0]


def lines(rng, n):
    """Draw features and two targets that are linear in them but for correlated normal errors."""
    X = rng.normal(size=(n, 3))
    errors = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], n)
    return X, X @ [[1.0, 0.0], [-2.0, 1.0], [0.0, 1.0]] + errors


@parametrize_with_checks(
    [
        GenerativeRegressor(FlowMatcher(**QUICK, n_steps=4), n_draws=5),
        GenerativeClassifier(FlowMatcher(**QUICK, n_steps=4), n_draws=5),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.statistical
def test_means_and_intervals_of_a_normal_distribution(rng):
    X, Y = lines(rng, 3000)
    y = Y[:, 0]
    regressor = GenerativeRegressor(JointNormal(), n_draws=99).fit(X[:2000], y[:2000])
    linear = LinearRegression().fit(X[:2000], y[:2000])
    # Means of 99 draws of deviation 1; 1,000 of them are within 4.5 errors.
    off = regressor.predict(X[2000:]) - linear.predict(X[2000:])
    assert np.abs(off).max() < 4.5 / np.sqrt(99)
    assert abs(off.mean()) < 4 / np.sqrt(99 * 1000)
    low, middle, high = regressor.predict_quantiles(X[2000:]).T
    assert ((low < middle) & (middle < high)).all()
    # The 5th and the 95th of 99 draws: another one is between them in 90 of 100 cases, exactly.
    inside = ((low <= y[2000:]) & (y[2000:] < high)).mean()
    assert inside == pytest.approx(0.9, abs=4 * np.sqrt(0.09 / 1000))
    assert regressor.score(X[2000:], y[2000:]) == pytest.approx(5 / 6, abs=0.05)


@pytest.mark.statistical
def test_several_targets_are_drawn_jointly(rng):
    X, Y = lines(rng, 2000)
    regressor = GenerativeRegressor(JointNormal(), n_draws=20).fit(X, Y)
    assert regressor.n_outputs_ == 2
    drawn = regressor.sample_y(X[:200], 50)
    assert drawn.shape == (200, 2, 50)
    errors = drawn - LinearRegression().fit(X, Y).predict(X[:200])[:, :, None]
    r = np.corrcoef(errors.transpose(1, 0, 2).reshape(2, -1))[0, 1]
    # The standard deviation of a correlation of n pairs is (1 - r^2) / sqrt(n): 2,000 learnt ones,
    # and 10,000 drawn.
    assert r == pytest.approx(0.6, abs=4 * 0.64 * np.sqrt(1 / 2000 + 1 / 10_000))
    assert regressor.predict(X[:3]).shape == (3, 2)
    assert regressor.predict_quantiles(X[:3], [0.1, 0.5, 0.9, 1]).shape == (3, 2, 4)


@pytest.mark.statistical
def test_a_row_with_gaps_is_predicted_by_what_is_there(rng):
    X, Y = lines(rng, 4000)
    regressor = GenerativeRegressor(JointNormal(), n_draws=200).fit(X, Y[:, 1])
    X[:50, 1] = np.nan
    # Without the second feature, of slope 1, the mean is the third, and the variance 2.
    drawn = regressor.sample_y(X[:50], 200)
    # Errors of slopes learnt from 4,000 rows, and of 200 draws.
    error = np.sqrt(2 * (1 / 200 + 4 * 10 / 4000))
    np.testing.assert_allclose(drawn.mean(1), X[:50, 2], atol=4.5 * error)
    # A variance learnt from 4,000 rows has a relative error of sqrt(2 / 4000) = .022.
    assert (drawn - drawn.mean(1, keepdims=True)).var() == pytest.approx(
        2, rel=4 * np.sqrt(2 / 4000)
    )


@pytest.mark.statistical
def test_probabilities_of_two_normal_classes(rng):
    y = rng.permutation(np.repeat(["no", "yes"], 500))
    X = rng.normal(size=(1000, 2)) + 1.5 * (y == "yes")[:, None]
    model = VQDiffusionBridge(max_steps=200, random_state=0)
    classifier = GenerativeClassifier(model, n_draws=50).fit(X[:700], y[:700])
    p = classifier.predict_proba(X[700:])
    np.testing.assert_allclose(p.sum(1), 1)
    assert p.min() > 0
    assert classifier.classes_.tolist() == ["no", "yes"]
    exact = 1 / (1 + np.exp(1.5 * (1.5 - X[700:].sum(1))))
    # Shares of 50 draws are .04 off in the root mean of squares; over eight seeds this is .07.
    assert np.sqrt(np.mean((p[:, 1] - exact) ** 2)) < 0.15
    assert set(classifier.predict(X[:9])) <= {"no", "yes"}
    assert classifier.sample_y(X[:4], 3).shape == (4, 3)


@pytest.mark.parametrize("Predictor", [GenerativeRegressor, GenerativeClassifier])
def test_a_failed_fit_leaves_the_predictor_as_it_was(Predictor, rng):
    X, y = rng.normal(size=(40, 2)), np.arange(40) % 2
    predictor = Predictor(FlowMatcher(**QUICK), n_draws=3).fit(X, y)
    before = predictor.predict(X[:5])
    predictor.set_params(model__lr=-1.0)
    with pytest.raises(ValueError, match="lr"):
        predictor.fit(X[:, :1], y + 7)
    np.testing.assert_array_equal(predictor.predict(X[:5]), before)


def test_a_single_class_is_sure():
    X = np.arange(20.0).reshape(10, 2) ** 2
    classifier = GenerativeClassifier(JointNormal(), n_draws=3).fit(X, ["one"] * 10)
    assert classifier.predict(X).tolist() == ["one"] * 10
    np.testing.assert_allclose(classifier.predict_proba(X), 1)


def test_probabilities_are_shares_of_draws_and_one_even_draw():
    X, y = load_iris(return_X_y=True)
    classifier = GenerativeClassifier(FlowMatcher(**QUICK), n_draws=4, random_state=1).fit(X, y)
    counts = classifier.predict_proba(X) * 5 - 1 / 3
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
    drawn = classifier.sample_y(X, 4)
    np.testing.assert_array_equal(counts.round(), (drawn[:, :, None] == [0, 1, 2]).sum(1))


@pytest.mark.parametrize("kind", ["frame", "numbered", "polars"])
def test_frames_of_mixed_columns(kind, rng):
    n = 60
    frame = pd.DataFrame(
        {
            "town": pd.Categorical(rng.choice(["Ulm", "Bonn"], n)),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(90, size=n), "D"),
            "rate": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
        }
    )
    if kind == "numbered":
        frame.columns = range(3)
    X = pl.from_pandas(frame) if kind == "polars" else frame
    target = rng.normal(size=n)
    regressor = GenerativeRegressor(FlowMatcher(**QUICK), n_draws=3, random_state=0)
    y = regressor.fit(X, target).predict(X)
    assert y.shape == (n,)
    assert np.isfinite(y).all()
    low, high = regressor.predict_quantiles(X, [0, 1]).T
    assert (low >= target.min()).all()
    assert (high <= target.max()).all()
    labels = GenerativeClassifier(FlowMatcher(**QUICK), n_draws=3).fit(X, target > 0).predict(X)
    assert labels.dtype == bool


def test_a_category_that_fit_did_not_see_is_a_gap():
    frame = pd.DataFrame({"town": ["Ulm", "Bonn"] * 15, "rate": np.arange(30) ** 1.5})
    regressor = GenerativeRegressor(FlowMatcher(**QUICK), n_draws=3, random_state=0)
    regressor.fit(frame, np.arange(30.0))
    elsewhere, unknown = (frame[:5].assign(town=town) for town in ("Mainz", None))
    np.testing.assert_array_equal(regressor.predict(elsewhere), regressor.predict(unknown))


def test_a_column_may_be_called_as_the_target_is(rng):
    X, Y = lines(rng, 50)
    frame = pd.DataFrame(X, columns=["target_0", "target_0_", "x"])
    regressor = GenerativeRegressor(JointNormal(), n_draws=3).fit(frame, Y)
    assert list(regressor.feature_names_in_) == list(frame)
    assert regressor.model_.feature_names_in_.tolist()[3:] == ["target_0__", "target_1"]
    assert regressor.predict(frame).shape == (50, 2)


def test_parts_of_many_rows_are_in_their_order(monkeypatch, rng):
    X, _ = lines(rng, 80)
    regressor = GenerativeRegressor(JointNormal(), n_draws=3).fit(X, X @ [1.0, -2.0, 0.5])
    whole = regressor.predict(X)
    np.testing.assert_allclose(whole, X @ [1.0, -2.0, 0.5], atol=1e-3)
    monkeypatch.setattr(prediction, "PART", 100)
    np.testing.assert_allclose(regressor.predict(X), whole, atol=1e-3)


def test_seeds(rng):
    X, Y = lines(rng, 50)
    regressor = GenerativeRegressor(JointNormal(random_state=None), n_draws=3, random_state=4)
    regressor.fit(X, Y)
    np.testing.assert_array_equal(regressor.predict(X), regressor.predict(X))
    one, same, other = (regressor.sample_y(X, 2, random_state=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()
    # Rows of one part, and parts, have draws of their own.
    assert len(np.unique(regressor.sample_y(X[[0] * 20], 2)[:, 0])) == 40


@pytest.mark.parametrize("n_samples", [0, -1, 1.5, "2"])
def test_a_number_of_draws_that_is_none_is_refused(n_samples, rng):
    X, Y = lines(rng, 30)
    regressor = GenerativeRegressor(JointNormal(), n_draws=3).fit(X, Y)
    with pytest.raises(ValueError, match=r"n_samples must be an integer of at least 1, got"):
        regressor.sample_y(X, n_samples)


def test_searches_and_files(tmp_path):
    X, y = load_iris(return_X_y=True)
    classifier = GenerativeClassifier(FlowMatcher(**QUICK), n_draws=3)
    assert cross_val_score(classifier, X, y, cv=3, scoring="neg_log_loss").shape == (3,)
    skgen.save(classifier.fit(X, y), tmp_path / "classifier")
    loaded = skgen.load(tmp_path / "classifier")
    np.testing.assert_array_equal(loaded.predict_proba(X[:9]), classifier.predict_proba(X[:9]))
    regressor = GenerativeRegressor(FlowMatcher(**QUICK), n_draws=3).fit(X[:, :3], X[:, 3])
    skgen.save(regressor, tmp_path / "regressor")
    loaded = skgen.load(tmp_path / "regressor")
    np.testing.assert_array_equal(loaded.predict(X[:9, :3]), regressor.predict(X[:9, :3]))


def test_a_file_without_the_classes_is_refused(tmp_path):
    X, y = load_iris(return_X_y=True)
    classifier = GenerativeClassifier(FlowMatcher(**QUICK)).fit(X, y)
    del classifier.classes_
    skgen.save(classifier, tmp_path / "classifier")
    with pytest.raises(FileFormatError, match="the parts of its GenerativeClassifier do not fit"):
        skgen.load(tmp_path / "classifier")


def test_a_pipeline_brings_its_own_encoder(rng):
    X, Y = lines(rng, 50)
    pipe = make_generative_pipeline(TableEncoder(), JointNormal())
    regressor = GenerativeRegressor(pipe, n_draws=3).fit(X, Y[:, 0])
    assert regressor.model_[0].constraints == "auto"
    with pytest.raises(ValueError, match=r"begins with StandardScaler.*a TableEncoder"):
        GenerativeRegressor(make_generative_pipeline(StandardScaler(), JointNormal())).fit(X, Y)


@pytest.mark.parametrize("quantiles", [[-0.1, 0.5], [0.5, 1.1], 0.5, [[0.5]]])
def test_what_is_no_list_of_probabilities_is_refused(quantiles, rng):
    X, Y = lines(rng, 30)
    regressor = GenerativeRegressor(JointNormal(), n_draws=3).fit(X, Y)
    with pytest.raises(ValueError, match=r"quantiles=.* must be a list of probabilities"):
        regressor.predict_quantiles(X, quantiles)
    assert regressor.predict(X[:2]).shape == (2, 2)
