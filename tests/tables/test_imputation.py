"""The imputer: observed entries stay, draws have the conditional distribution, means are nearer."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgen import FlowMatcher, GenerativeImputer, Sum, TableEncoder, make_generative_pipeline


@parametrize_with_checks([GenerativeImputer(FlowMatcher(max_steps=2), random_state=0)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


class NormalDistribution(BaseEstimator):
    """A normal distribution with exact conditional draws, to compare an imputer with."""

    def fit(self, X):
        assert not np.isnan(X).any()
        self.n_rows_ = len(X)
        self.mean_, self.covariance_ = np.mean(X, axis=0), np.cov(np.transpose(X))
        return self

    def impute(self, X, *, n_draws=1, random_state=None):
        rng = np.random.default_rng(random_state)
        draws = np.repeat(np.asarray(X)[None], n_draws, 0)
        for missing in np.unique(np.isnan(draws[0]), axis=0):
            rows = np.flatnonzero((np.isnan(draws[0]) == missing).all(1))
            m, C = missing, self.covariance_
            gain = C[np.ix_(m, ~m)] @ np.linalg.inv(C[np.ix_(~m, ~m)])
            spread = C[np.ix_(m, m)] - gain @ C[~m][:, m]
            size = (n_draws, len(rows))
            noise = rng.multivariate_normal(np.zeros(m.sum()), spread, size) if m.any() else 0
            mean = self.mean_[m] + (draws[0][rows][:, ~m] - self.mean_[~m]) @ gain.T
            draws[np.ix_(range(n_draws), rows, m)] = mean + noise
        return draws[0] if n_draws == 1 else draws


def normal_with_gaps(n=2000):
    """Draw correlated rows; the second entry tends to be missing where the first is large."""
    rng = np.random.default_rng(0)
    X = rng.multivariate_normal([0, 0, 0], [[1, 0.8, 0], [0.8, 1, 0.3], [0, 0.3, 1]], n)
    gaps = np.zeros(X.shape, dtype=bool)
    gaps[:, 1] = rng.random(n) < 1 / (1 + np.exp(-3 * X[:, 0]))
    gaps[:, 2] = rng.random(n) < 0.1
    return X, np.where(gaps, np.nan, X), gaps


@pytest.mark.statistical
def test_gaps_that_depend_on_what_is_observed_do_no_harm():
    X, holed, gaps = normal_with_gaps(8000)
    imputer = GenerativeImputer(NormalDistribution(), random_state=0)
    filled = imputer.fit_transform(holed)
    np.testing.assert_array_equal(filled[~gaps], X[~gaps])
    assert imputer.model_.n_rows_ == len(X)
    # The rows without gaps have too small a mean in both columns, -.56 here; all rows have 0. Over
    # 40 seeds mean, variance and covariance have a spread of .016, .025 and .018.
    alone = clone(imputer).set_params(n_rounds=0).fit(holed)
    assert alone.model_.n_rows_ == (~gaps.any(1)).sum()
    assert alone.model_.mean_[1] < -0.3
    assert abs(filled[:, 1].mean()) < 0.12
    # Draws keep variance and correlation; means would have a variance of .82.
    assert np.cov(filled.T)[1, 1] == pytest.approx(1, abs=0.15)
    assert np.cov(filled.T)[0, 1] == pytest.approx(0.8, abs=0.12)


@pytest.mark.statistical
def test_a_mean_of_draws_is_nearer_than_a_draw():
    X, holed, gaps = normal_with_gaps(1600)
    one = GenerativeImputer(NormalDistribution(), random_state=0).fit_transform(holed)
    mean = GenerativeImputer(NormalDistribution(), n_draws=50, random_state=0).fit_transform(holed)
    errors = [np.mean((rows - X)[gaps] ** 2) for rows in (one, mean)]
    # A draw errs by twice the conditional variance, the mean of 50 by 1.02 of it; their ratio has a
    # spread of .12 over 40 seeds, and is 1 where the mean is a draw.
    assert errors[0] / errors[1] == pytest.approx(2 / 1.02, rel=0.3)
    np.testing.assert_array_equal(mean[~gaps], X[~gaps])


class Recorder(BaseEstimator):
    """Keeps what each fit was to, in a list that clones share, and has a seed."""

    def __init__(self, given=None, random_state=None):
        self.given = given
        self.random_state = random_state

    def __sklearn_clone__(self):
        return Recorder(self.given, self.random_state)

    def fit(self, X):
        self.given.append(X)
        return self

    def impute(self, X, random_state=None):
        return X


def fitted_to(X, random_state=0):
    """Return what the fits of an imputer are to; the second is to the rows as they are."""
    model = Recorder([], random_state)
    GenerativeImputer(model).fit(X)
    return model.given


@pytest.mark.statistical
def test_few_complete_rows_start_from_a_copula():
    X, _, _ = normal_with_gaps(10_000)
    # Every row but 15 lacks one of its three entries, the second where the first is positive.
    places = np.random.default_rng(1).integers(0, 3, 9985)
    places[(places == 1) & (X[15:, 0] < 0)] = 2
    holed = X.copy()
    holed[np.arange(15, 10_000), places] = np.nan
    with pytest.raises(ValueError, match=r"has \d+ of them, fewer than 20; n_rounds=1"):
        GenerativeImputer(NormalDistribution(), n_rounds=0).fit(holed)
    start = fitted_to(holed)[0]
    np.testing.assert_array_equal(start[~np.isnan(holed)], holed[~np.isnan(holed)])
    # Mean 0, variance 1 and correlations .8, 0 and .3 of all rows, though larger entries of the
    # second column are missing more often (observed ones have a mean of -.13). Over 25 seeds the
    # means have a spread of .016 and less; correlations of .03 and less, where few rows hold both
    # columns, and what sweeps have not forgotten of their start adds .02.
    np.testing.assert_allclose(start.mean(0), 0, atol=0.08)
    correlations = np.corrcoef(start.T)[[0, 0, 1], [1, 2, 2]]
    np.testing.assert_allclose(correlations, [0.8, 0, 0.3], atol=0.13)
    # Rounds of a model keep what belongs together; .8 has a spread of .012 over 25 seeds.
    imputer = GenerativeImputer(NormalDistribution(), n_rounds=10, random_state=0)
    found = np.corrcoef(imputer.fit_transform(holed[:3000]).T)[0, 1]
    assert found == pytest.approx(0.8, abs=0.08)
    # It goes by ranks alone, and knows no unit.
    np.testing.assert_array_equal(fitted_to(np.exp(3 * holed))[0], np.exp(3 * start))


@pytest.mark.statistical
def test_a_copula_draws_entries_of_any_kind():
    X, _, _ = normal_with_gaps(6000)
    frame = pd.DataFrame(
        {
            "size": pd.Categorical(np.array(["s", "m", "l"])[np.digitize(X[:, 0], [-0.5, 0.5])]),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.round(30 * X[:, 1]), "D"),
            "many": pd.array(np.clip(np.round(2 * X[:, 2]), 0, 9), dtype="Int64"),
            "constant": "same",
        }
    )
    frame["size"] = frame["size"].cat.reorder_categories(["s", "m", "l"], ordered=True)
    holed = frame.mask(np.arange(6000)[:, None] % 4 == np.arange(4))

    start = fitted_to(holed)[0]
    assert start.dtypes.equals(holed.dtypes)
    assert not start.isna().any().any()
    assert start.where(holed.notna()).equals(holed)
    # The scores are those of the normal entries they were made of: correlation .8, of which three
    # sizes show .72; that of 1,500 drawn pairs has a spread of .012. Draws by the correlation that
    # three sizes show, cut into three again, have .65.
    gaps = holed["size"].isna()
    drawn = np.corrcoef(start["size"].cat.codes[gaps], start["day"].astype("int64")[gaps])[0, 1]
    assert drawn == pytest.approx(0.72, abs=0.05)


@pytest.mark.statistical
def test_rare_entries_are_drawn_as_often_as_they_are_seen():
    rng = np.random.default_rng(0)
    X = (rng.random((4000, 3)) < [0.2, 0.05, 0.02]).astype(float)
    gaps = rng.random(X.shape) < 0.5
    start = fitted_to(np.where(gaps, np.nan, X))[0]
    for drawn, seen, hidden in zip(start.T, X.T, gaps.T, strict=True):
        share = seen[~hidden].mean()
        # A difference of two shares of some 2,000 rows: four standard errors.
        bound = 4 * np.sqrt(2 * share * (1 - share) / 2000)
        assert abs(drawn[hidden].mean() - share) < bound
        assert drawn[hidden].any()


@pytest.mark.statistical
def test_wide_tables_start_from_entries_at_random():
    X = np.random.default_rng(0).normal(size=(400, 130))
    X[::2, 0], X[1::2, 1] = np.nan, np.nan
    start = fitted_to(X)[0]
    assert np.isin(start[::2, 0], X[1::2, 0]).all()
    assert len(np.unique(start[::2, 0])) > 10


def test_entries_without_an_order_and_a_seed_of_the_model():
    frame = pd.DataFrame({"a": [(1, 2), "a", None, 2, "b"] * 6, "b": np.arange(30.0)})
    frame.loc[::5, "b"] = np.nan
    frame.columns = pd.Index(["a", "b"], name="kind")

    first = fitted_to(frame, random_state=3)[0]
    assert first.equals(fitted_to(frame, random_state=3)[0])
    assert not first.equals(fitted_to(frame, random_state=4)[0])
    assert first.columns.name == "kind"
    assert not first.isna().any().any()


def test_frames_and_containers():
    X, holed, gaps = normal_with_gaps(60)
    frame = pd.DataFrame(holed, columns=list("abc"), index=np.arange(60) // 2)
    model = FlowMatcher(max_steps=5, n_steps=5, random_state=0)
    imputer = GenerativeImputer(model).set_output(transform="pandas")
    filled = imputer.fit_transform(frame)
    assert list(filled) == list(imputer.get_feature_names_out()) == list("abc")
    np.testing.assert_array_equal(filled.to_numpy()[~gaps], X[~gaps])
    assert not filled.isna().any().any()
    averaged = imputer.set_params(n_draws=3).set_output(transform="default").transform(frame)
    np.testing.assert_array_equal(averaged[~gaps], X[~gaps])

    sparse = frame.mask(np.eye(3, dtype=bool)[np.arange(60) % 3])
    filled = imputer.set_params(n_draws=1).fit_transform(sparse)
    np.testing.assert_array_equal(filled[sparse.notna()], frame.to_numpy()[sparse.notna()])

    mixed = frame.assign(d=pd.Series(list("xyz"))[np.arange(60) % 3].to_numpy())
    mixed["d"] = mixed["d"].mask(gaps[:, 2])
    pipe = make_generative_pipeline(TableEncoder(), model)
    imputer = GenerativeImputer(pipe)
    filled = imputer.fit_transform(mixed)
    assert filled.dtypes.equals(mixed.dtypes)
    assert not filled.isna().any().any()
    assert set(filled["d"]) == {"x", "y", "z"}
    assert filled.where(mixed.notna()).equals(mixed)
    with pytest.raises(ValueError, match=r"columns \['d'\] are not numbers; n_draws=1"):
        imputer.set_params(n_draws=2).transform(mixed)
    imputer.set_params(n_draws=1)
    # A mean of draws is a table as one draw is, with fractions where numbers were drawn.
    counts = pd.array([1, 2, None] * 20, "Int64")
    ages = mixed.drop(columns="d").assign(e=np.arange(60) % 50, f=counts)
    draw = imputer.fit_transform(ages)
    mean = clone(imputer).set_params(n_draws=4).fit_transform(ages)
    assert isinstance(mean, pd.DataFrame)
    assert mean.index.equals(draw.index)
    assert mean.drop(columns="f").dtypes.equals(draw.drop(columns="f").dtypes)
    assert mean["f"].dtype == float
    seen, given = ages.notna().to_numpy(), ages.to_numpy(float, na_value=np.nan)
    np.testing.assert_array_equal(mean.to_numpy()[seen], given[seen])
    imputer.fit(mixed)
    assert imputer.transform(mixed.drop(columns="d").assign(d="x"))["d"].eq("x").all()


@pytest.mark.statistical
def test_in_a_pipeline_with_a_classifier():
    X, holed, _ = normal_with_gaps(90)
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    steps = GenerativeImputer(NormalDistribution(), random_state=0), LogisticRegression()
    assert cross_val_score(make_pipeline(*steps), holed, y, cv=3).mean() > 0.8


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_draws": 0}, "n_draws"),
        ({"n_rounds": -1}, "n_rounds"),
        ({"model": GaussianMixture()}, "model.*impute"),
    ],
)
def test_wrong_parameters(parameters, message):
    imputer = GenerativeImputer(NormalDistribution()).set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        imputer.fit(np.eye(3))


def test_a_failed_fit_leaves_the_imputer_as_it_was():
    X = np.random.default_rng(0).normal(size=(40, 3))
    imputer = GenerativeImputer(FlowMatcher(max_steps=2, random_state=0)).fit(X)
    X_holes = np.where(X > 1, np.nan, X)
    before = imputer.transform(X_holes)
    imputer.set_params(model__lr=-1.0)
    with pytest.raises(ValueError, match="lr"):
        imputer.fit(X[:, :2])
    np.testing.assert_array_equal(imputer.transform(X_holes), before)


def test_a_column_without_entries():
    X = np.eye(3)
    X[:, 1] = np.nan
    with pytest.raises(ValueError, match="Column 1 of X has no entry"):
        GenerativeImputer(NormalDistribution()).fit(X)


@pytest.mark.parametrize(
    ("n_complete", "fits"),
    [(300, [300]), (150, [150, 300]), (149, [300, 300]), (5, [300, 300])],
)
def test_complete_rows_are_the_start_where_there_are_enough(n_complete, fits):
    X, _, _ = normal_with_gaps(300)
    X = np.nan_to_num(X)
    X[n_complete:, 0] = np.nan
    assert [len(rows) for rows in fitted_to(X)] == fits


def test_gaps_among_objects_that_are_quantities_are_filled():
    rng = np.random.default_rng(0)
    n = 60
    days = [datetime.date(2020, 1, 1) + datetime.timedelta(int(k)) for k in rng.integers(0, 99, n)]
    frame = pd.DataFrame(
        {
            "day": pd.Series(days, dtype=object),
            "price": pd.Series([Decimal(int(k)) / 4 for k in rng.integers(0, 99, n)], dtype=object),
            "month": pd.Series(pd.period_range("2000", periods=n, freq="M")),
            "wait": pd.Series(pd.to_timedelta(rng.integers(0, 99, n), "h")),
            "moment": pd.Series(pd.date_range("2020", periods=n)).astype("timestamp[us][pyarrow]"),
        }
    )
    holed = frame.mask(rng.random(frame.shape) < 0.3)
    model = make_generative_pipeline(TableEncoder(), FlowMatcher(max_steps=5, random_state=0))
    filled = GenerativeImputer(model, random_state=0).fit_transform(holed)
    assert filled.dtypes.equals(frame.dtypes)
    assert not filled.isna().any().any()
    assert filled.where(holed.notna()).equals(holed.where(holed.notna()))
    for name in frame:
        assert {*map(type, filled[name])} == {*map(type, frame[name])}
        assert filled[name].between(holed[name].min(), holed[name].max()).all()


def bills_with_gaps(share, seed=0):
    """Make bills, a fifth of whose entries are missing, and give the complete ones too."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.integers(0, 100, (400, 2)), columns=["net", "tax"]).astype("Int64")
    frame["total"] = frame["net"] + frame["tax"]
    frame["weight"] = rng.normal(size=400).round(2)
    return frame, frame.mask(rng.random(frame.shape) < share)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("constraints", ["auto", [Sum("total", ["net", "tax"])]])
def test_rules_are_those_of_the_observed_entries(share, constraints):
    _, holed = bills_with_gaps(share)
    encoder = TableEncoder(constraints=constraints)
    model = make_generative_pipeline(encoder, FlowMatcher(max_steps=5, random_state=0))
    imputer = GenerativeImputer(model, random_state=0).fit(holed)
    assert [set(map(str, (r.total, *r.parts))) for r in imputer.model_[0].constraints_] == [
        {"total", "net", "tax"}
    ]
    filled = imputer.transform(holed)
    assert (filled["total"] == filled["net"] + filled["tax"]).all()
    assert filled.where(holed.notna()).equals(holed)


def test_a_rule_that_observed_entries_break_is_refused():
    _, holed = bills_with_gaps(0.2)
    whole = holed[["net", "tax", "total"]].notna().all(axis=1).to_numpy()
    holed.loc[np.flatnonzero(whole)[:3], "total"] += 1
    encoder = TableEncoder(constraints=[Sum("total", ["net", "tax"])])
    model = make_generative_pipeline(encoder, FlowMatcher(max_steps=5, random_state=0))
    with pytest.raises(
        ValueError, match=r"'total' = 'net' \+ 'tax' does not hold in 3 of 400 rows"
    ):
        GenerativeImputer(model).fit(holed)


@pytest.mark.parametrize("kind", ["str", "category", "object"])
def test_labels_that_only_rows_with_gaps_have_are_known(kind):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=100), "y": ["a", "b"] * 50})
    frame.loc[[3, 50], "x"] = np.nan
    frame.loc[[3, 50], "y"] = ["c", "d"]
    frame["y"] = frame["y"].astype(kind)
    model = make_generative_pipeline(TableEncoder(), FlowMatcher(max_steps=5, random_state=0))
    filled = GenerativeImputer(model, random_state=0).fit_transform(frame)
    assert filled["x"].notna().all()
    assert filled["y"].equals(frame["y"])
