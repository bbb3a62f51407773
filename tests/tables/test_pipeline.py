"""Pipelines that end in a generative model: their densities, their way back, their metadata.

Densities are held against numerical derivatives and closed forms; a Gaussian mixture of
scikit-learn serves as a model whose density is known.
"""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy.special import expit, logit
from scipy.stats import multivariate_normal
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from skgen import (
    BinaryLatentDiffusion,
    FlowMatcher,
    GenerativePipeline,
    SchrodingerBridgeMatcher,
    TableEncoder,
    UncutSource,
    VariationalDiffusionAE,
    make_generative_pipeline,
)

IRIS, SPECIES = load_iris(return_X_y=True)
RNG = np.random.default_rng(0)
# Skewed, correlated, without repeated values, far from 0 and on unlike scales.
SKEWED = np.exp(RNG.normal(size=(400, 3)) @ [[0.5, 0.2, 0], [0, 0.5, 0.3], [0, 0, 0.4]]) * [
    1,
    9,
    99,
]
FRAME = pd.DataFrame(IRIS, columns=["a", "b", "c", "d"])


def quick(**kwargs):
    return FlowMatcher(**{"max_steps": 10, "random_state": 0, **kwargs})


@pytest.fixture(scope="module")
def conditional():
    model = quick(max_steps=200)
    return make_generative_pipeline(StandardScaler(), model).fit(IRIS, condition=SPECIES)


# Densities


def numerical_log_slope(transform, X, step=1e-5):
    """Return log |det J| of a map at each row, by central differences."""
    n, d = X.shape
    moved = []
    for sign in (1, -1):
        rows = np.repeat(X[:, None], d, 1)
        rows[:, np.arange(d), np.arange(d)] *= 1 + sign * step
        moved.append(rows)
    width = np.einsum("nii->ni", moved[0] - moved[1])
    ahead, behind = (transform(rows.reshape(-1, d)).reshape(n, d, -1) for rows in moved)
    return np.linalg.slogdet((ahead - behind) / width[:, :, None])[1]


@pytest.mark.statistical
@pytest.mark.parametrize(
    "step",
    [
        StandardScaler(),
        StandardScaler(with_std=False),
        MinMaxScaler((-3, 5)),
        MaxAbsScaler(),
        RobustScaler(),
        RobustScaler(with_scaling=False),
        PowerTransformer(),
        PowerTransformer("box-cox", standardize=False),
        QuantileTransformer(n_quantiles=40, output_distribution="normal"),
        QuantileTransformer(n_quantiles=40),
        PCA(),
        PCA(whiten=True),
        "passthrough",
    ],
    ids=str,
)
def test_density_is_that_of_the_rows_as_given(step):
    pipe = make_generative_pipeline(MinMaxScaler((1, 2)), step, GaussianMixture(random_state=0))
    pipe.fit(SKEWED)
    # Away from the ends and the knots of the quantile map.
    rows = 0.7 * SKEWED[:50] + 0.3 * np.median(SKEWED, axis=0)
    transform = pipe[:-1].transform
    expected = pipe[-1].score_samples(transform(rows)) + numerical_log_slope(transform, rows)
    # A knot between the two ends of a difference spoils it in a row or two.
    close = np.isclose(pipe.score_samples(rows), expected, atol=1e-4)
    assert close.mean() > (0.9 if isinstance(step, QuantileTransformer) else 0.999)
    assert pipe.score(rows) == pytest.approx(pipe.score_samples(rows).mean())


def test_a_gaussian_through_affine_steps_is_the_same_gaussian():
    X = np.log(SKEWED)
    steps = RobustScaler(), PCA(whiten=True), MaxAbsScaler(), GaussianMixture(reg_covar=0)
    pipe = make_generative_pipeline(*steps).fit(X)
    exact = multivariate_normal(X.mean(0), np.cov(X.T, bias=True)).logpdf(X)
    np.testing.assert_allclose(pipe.score_samples(X), exact, rtol=1e-9)


@pytest.mark.statistical
@pytest.mark.parametrize(
    "step",
    [
        PowerTransformer(),
        QuantileTransformer(n_quantiles=100),
        QuantileTransformer(n_quantiles=100, output_distribution="normal"),
    ],
    ids=["power", "uniform", "normal"],
)
def test_mass_is_that_of_the_samples(step):
    X = SKEWED[:, :1]
    pipe = make_generative_pipeline(step, GaussianMixture(random_state=0)).fit(X)
    grid = np.linspace(X.min(), X.max(), 200_001)
    mass = np.exp(pipe.score_samples(grid[:, None])).mean() * np.ptp(grid)
    drawn, _ = pipe.sample(20_000)
    inside = np.mean((drawn > X.min()) & (drawn < X.max()))
    # Standard error of a share of 20,000 draws: at most .0036.
    assert mass == pytest.approx(inside, abs=0.012)


class Wide(BaseEstimator):
    """Draws evenly from a wide range around the rows, mostly where no row was mapped to."""

    def __init__(self, dtype=np.float64):
        self.dtype = dtype

    def fit(self, X, y=None):
        self.centre_, self.reach_ = X.mean(0), 20 * X.std(0) + 1
        return self

    def sample(self, n_samples=1, random_state=None):
        draws = np.random.default_rng(random_state).uniform(-1, 1, (n_samples, len(self.centre_)))
        return (self.centre_ + self.reach_ * draws).astype(self.dtype)

    def sample_batches(self, n_samples, batch_size, random_state=None):
        rows = self.sample(n_samples, random_state)
        return (rows[k : k + batch_size] for k in range(0, n_samples, batch_size))


# Of powers below 0, between 0 and 2, and above 2.
POWERS = np.clip(
    np.column_stack(
        [
            RNG.pareto(1.5, 300) + 1,
            RNG.normal(3, 0.5, 300),
            5 - 0.5 * np.exp(RNG.normal(size=300)),
        ]
    ),
    0.1,
    30,
)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("step", "low", "high"),
    [
        (PowerTransformer(), -np.inf, np.inf),
        (PowerTransformer(standardize=False), -np.inf, np.inf),
        (PowerTransformer("box-cox"), 0, np.inf),
        (PowerTransformer("box-cox", standardize=False), 0, np.inf),
        (QuantileTransformer(n_quantiles=50), 0.09, 31),
        (make_pipeline(StandardScaler(), PowerTransformer(), PCA()), -np.inf, np.inf),
        (FunctionTransformer(np.exp, np.log), -np.inf, np.inf),
        (FunctionTransformer(np.square, lambda Y: np.sqrt(Y)), 0, np.inf),
        (
            FunctionTransformer(
                lambda X: np.tanh(X / 9), lambda Y: 9 * np.arctanh(Y), check_inverse=False
            ),
            -400,
            400,
        ),
        (FunctionTransformer(expit, logit, check_inverse=False), -800, 800),
    ],
    ids=[
        "power",
        "bare power",
        "box-cox",
        "bare box-cox",
        "quantile",
        "nested",
        *["exp", "square", "tanh", "expit"],
    ],
)
def test_draws_that_no_row_is_mapped_to_go_to_the_nearest_row(step, low, high, dtype):
    pipe = make_generative_pipeline(step, Wide(dtype)).fit(POWERS)
    drawn = pipe[-1].sample(2000, random_state=0)
    rows = pipe.sample(2000, random_state=0)
    assert np.isfinite(rows).all()
    assert ((rows >= low) & (rows <= high)).all()
    # A column keeps its order: who was drawn farther out is no nearer.
    for y, x in zip(drawn.T, rows.T, strict=True) if not isinstance(step, Pipeline) else ():
        assert (np.diff(x[np.argsort(y)]) >= -1e-5 * np.abs(x).max()).all()
    parts = list(pipe.sample_batches(2000, 300, random_state=0))
    np.testing.assert_array_equal(np.concatenate(parts), rows)


@pytest.mark.statistical
@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
def test_a_skewed_column_has_its_quantiles_and_no_gaps(method):
    X = 1 + np.random.default_rng(0).pareto(1.5, (600, 1))
    pipe = make_generative_pipeline(PowerTransformer(method), GaussianMixture(random_state=0))
    pipe.fit(X)
    assert pipe[0].lambdas_ < 0
    levels = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
    for seed in range(5):
        pipe[-1].random_state = seed
        drawn = pipe.sample(10_000)[0]
        assert np.isfinite(drawn).all()
        # Shares of the draws below the quantiles of the table: a standard error of .02 from its
        # 600 rows, and as much for a distribution that is not quite normal.
        below = (drawn < np.quantile(X, levels)).mean(0)
        np.testing.assert_allclose(below, levels, atol=0.1)


def test_nan_that_a_function_means_is_kept():
    marked = FunctionTransformer(np.nan_to_num, lambda Y: np.where(Y > 0, Y, np.nan))
    rows = make_generative_pipeline(marked, Wide()).fit(IRIS).sample(50, random_state=0)
    assert np.isnan(rows).any()


@pytest.mark.parametrize(
    ("X", "step"),
    [
        (np.array([["a", "x"], ["b", "y"], ["c", "x"]] * 9, dtype=object), OrdinalEncoder()),
        (
            pd.DataFrame({"a": ["u", None, "v"] * 9, "b": ["x", "y", "x"] * 9}),
            OrdinalEncoder(encoded_missing_value=-1),
        ),
        (IRIS, KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf")),
    ],
    ids=["texts", "gaps", "bins"],
)
def test_draws_go_to_the_nearest_category(X, step):
    pipe = make_generative_pipeline(step, Wide()).fit(X)
    rows = pd.DataFrame(pipe.sample(500, random_state=0))
    back = pd.DataFrame(pipe[0].inverse_transform(pipe[0].transform(X)))
    for j in range(rows.shape[1]):
        found, there = (set(part.iloc[:, j].fillna("none")) for part in (rows, back))
        assert found == there


def test_quantiles_end_where_the_rows_of_fit_end():
    pipe = make_generative_pipeline(QuantileTransformer(n_quantiles=50), GaussianMixture())
    pipe.fit(SKEWED)
    assert np.isfinite(pipe.score_samples(SKEWED)).all()
    beyond = SKEWED[:1].copy()
    beyond[0, 1] = SKEWED[:, 1].max() * 1.01
    np.testing.assert_array_equal(pipe.score_samples(beyond), -np.inf)


def test_a_probability_does_not_change_with_the_unit():
    X = (RNG.random((80, 3)) < [0.2, 0.5, 0.7]).astype(float)
    model = BinaryLatentDiffusion(autoencoder=None, max_steps=10, random_state=0)
    pipe = make_generative_pipeline(MinMaxScaler((0, 10)), model).fit(X)
    log_probability = pipe[-1].score_samples(pipe[:-1].transform(X))
    assert (log_probability < 0).all()
    np.testing.assert_array_equal(pipe.score_samples(X), log_probability)


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (PCA(2), "pca"),
        (FunctionTransformer(np.log, np.exp), "functiontransformer"),
        (MinMaxScaler(clip=True), "minmaxscaler"),
    ],
)
def test_an_unknown_density_names_the_step(step, name):
    pipe = make_generative_pipeline(step, GaussianMixture()).fit(IRIS)
    for method in ("score", "score_samples"):
        assert not hasattr(pipe, method)
        with pytest.raises(AttributeError, match=f"no attribute '{method}'") as error:
            getattr(pipe, method)(IRIS)
        assert f"because of step '{name}'" in str(error.value.__cause__)
    scores = pipe[-1].score_samples(pipe[:-1].transform(IRIS))
    np.testing.assert_array_equal(pipe.score_samples_encoded(IRIS), scores)
    assert pipe.score_encoded(IRIS) == pytest.approx(scores.mean())


# The way back


@pytest.mark.statistical
@pytest.mark.parametrize("memory", [False, True])
def test_a_failed_fit_leaves_the_pipeline_as_it_was(memory, tmp_path):
    inner = make_pipeline(StandardScaler(), MinMaxScaler())
    steps = [("inner", inner), ("model", FlowMatcher(max_steps=2, random_state=0))]
    pipe = GenerativePipeline(steps, memory=str(tmp_path) if memory else None).fit(FRAME)
    before = pipe.sample(3, n_steps=2)
    pipe.set_params(model__lr=-1.0)
    for fit in (pipe.fit, pipe.fit_transform):
        with pytest.raises(ValueError, match="lr"):
            fit(100 * FRAME[["a", "b"]].set_axis(["e", "f"], axis=1))
    pipe.set_params(model__lr=1e-3)
    assert list(pipe.feature_names_in_) == list(FRAME.columns)
    np.testing.assert_array_equal(pipe.sample(3, n_steps=2), before)


def test_samples_come_back_in_the_units_of_the_rows():
    steps = StandardScaler(), PCA(whiten=True), "passthrough", quick(max_steps=300, hidden_units=32)
    pipe = make_generative_pipeline(*steps).fit(SKEWED)
    X_new = pipe.sample(2000, random_state=1)
    assert X_new.shape == (2000, 3)
    np.testing.assert_allclose(X_new.mean(0), SKEWED.mean(0), rtol=0.15)
    np.testing.assert_allclose(X_new.std(0), SKEWED.std(0), rtol=0.3)
    np.testing.assert_array_equal(pipe.sample(5, random_state=1), X_new[:5])
    rows = pipe[-1].sample(5, random_state=1)
    np.testing.assert_allclose(pipe.transform(X_new[:5]), pipe[-1].transform(rows), atol=1e-5)
    back = pipe.inverse_transform(pipe.transform(SKEWED))
    np.testing.assert_allclose(back, SKEWED, rtol=0.02)


@pytest.mark.statistical
def test_samples_of_other_models_and_with_more_than_rows():
    X_new, component = (
        make_generative_pipeline(StandardScaler(), GaussianMixture(2, random_state=0))
        .fit(IRIS)
        .sample(7)
    )
    assert X_new.shape == (7, 4)
    assert component.shape == (7,)
    assert X_new.min() > 0


def test_containers():
    pipe = make_generative_pipeline(StandardScaler(), PCA(), quick())
    pipe.set_output(transform="pandas").fit(FRAME)
    X_new = pipe.sample(3)
    assert list(X_new.columns) == ["a", "b", "c", "d"]
    Z = pipe.transform(FRAME)
    assert list(Z.columns) == list(pipe[-1].get_feature_names_out())
    assert list(pipe.inverse_transform(Z).columns) == ["a", "b", "c", "d"]
    holes = FRAME.mask(RNG.random(FRAME.shape) < 0.1)
    pipe = make_generative_pipeline(StandardScaler(), quick()).set_output(transform="pandas")
    filled = pipe.fit(FRAME).impute(holes.set_index(np.arange(150) // 2), n_steps=3)
    assert list(filled.index[:3]) == [0, 0, 1]
    assert filled.dtypes.equals(FRAME.dtypes)
    several = pipe.impute(holes.set_index(np.arange(150) // 2), n_draws=2, n_steps=3)
    assert isinstance(several, list)
    for table in several:
        assert list(table.columns) == ["a", "b", "c", "d"]
        assert table.index.equals(filled.index)
        assert table.dtypes.equals(filled.dtypes)
    assert not several[0].equals(several[1])
    pipe.set_output(transform="polars").fit(pl.from_pandas(FRAME))
    assert pipe.sample(2).columns == ["a", "b", "c", "d"]
    assert isinstance(pipe.set_output(transform="default").sample(2), np.ndarray)


@pytest.mark.statistical
@pytest.mark.parametrize(
    "step",
    [
        StandardScaler(),
        RobustScaler(),
        PowerTransformer(),
        FunctionTransformer(np.log1p, np.expm1),
    ],
    ids=["standard", "robust", "power", "log"],
)
def test_impute_keeps_what_is_there(step):
    X = np.where(RNG.random(IRIS.shape) < 0.2, np.nan, IRIS)
    pipe = make_generative_pipeline(step, quick()).fit(IRIS)
    filled = pipe.impute(X, n_steps=3)
    seen = ~np.isnan(X)
    np.testing.assert_array_equal(filled[seen], X[seen])
    assert np.isfinite(filled).all()
    draws = np.stack(pipe.impute(X[:20], n_draws=3, n_steps=3))
    assert draws.shape == (3, 20, 4)
    assert (draws.std(0)[~seen[:20]] > 0).any()
    np.testing.assert_array_equal(pipe.impute(IRIS), IRIS)


def test_imputed_entries_are_drawn_by_the_model_of_the_transformed_rows():
    X = np.where(RNG.random(IRIS.shape) < 0.2, np.nan, IRIS)
    pipe = make_generative_pipeline(StandardScaler(), quick()).fit(IRIS)
    there = pipe[-1].impute(pipe[:-1].transform(X), n_steps=3, random_state=5)
    filled = pipe.impute(X, n_steps=3, random_state=5)
    np.testing.assert_allclose(pipe[:-1].transform(filled), there, atol=1e-9)


@pytest.mark.parametrize(
    ("step", "message"), [(PCA(), "'pca'.*refuses"), (SimpleImputer(), "'simpleimputer'.*fills")]
)
def test_steps_that_keep_missing_entries_from_the_model_are_named(step, message):
    if isinstance(step, SimpleImputer):
        step.set_params(add_indicator=True)
    pipe = make_generative_pipeline(step, quick()).fit(IRIS)
    X = IRIS.copy()
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match=message):
        pipe.impute(X)


# The steps


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((StandardScaler(), LogisticRegression()), "'logisticregression'.*no method sample"),
        ((StandardScaler(),), "'standardscaler'.*no method sample"),
        ((PolynomialFeatures(), quick()), "'polynomialfeatures'.*no inverse_transform"),
        ((FunctionTransformer(np.log), quick()), "'functiontransformer'.*no inverse_func"),
    ],
    ids=["classifier", "scaler", "one way", "no inverse"],
)
def test_wrong_steps_are_told_before_the_fit(steps, message):
    with pytest.raises(TypeError, match=message):
        make_generative_pipeline(*steps).fit(IRIS, SPECIES)


def test_methods_exist_where_the_last_step_has_them():
    pipe = make_generative_pipeline(StandardScaler(), GaussianMixture()).fit(IRIS)
    for method in ("sample", "score_samples", "score", "predict"):
        assert hasattr(pipe, method)
    for method in ("impute", "translate", "transform", "inverse_transform"):
        assert not hasattr(pipe, method)
    assert hasattr(make_generative_pipeline(quick()), "translate")
    assert not hasattr(make_generative_pipeline(VariationalDiffusionAE()), "translate")
    with pytest.raises(NotFittedError):
        make_generative_pipeline(StandardScaler(), quick()).sample()


def test_it_is_a_pipeline():
    pipe = make_generative_pipeline(StandardScaler(), VarianceThreshold(), quick()).fit(IRIS)
    assert isinstance(pipe, Pipeline)
    assert list(pipe.named_steps) == ["standardscaler", "variancethreshold", "flowmatcher"]
    assert type(pipe[:-1]) is Pipeline
    assert type(pipe[1:]) is GenerativePipeline
    assert pipe["flowmatcher"] is pipe[-1]
    assert len(make_generative_pipeline(quick())[:-1]) == 0
    assert pipe.n_features_in_ == 4
    np.testing.assert_array_equal(pipe[:-1].fit_transform(IRIS), pipe[:-1].transform(IRIS))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(pipe)).sample(4), pipe.sample(4))
    again = clone(pipe)
    assert again.get_params().keys() == pipe.get_params().keys()
    np.testing.assert_array_equal(again.fit(IRIS).sample(4), pipe.sample(4))


def test_cached_transformers(tmp_path):
    steps = StandardScaler(), quick()
    pipe = make_generative_pipeline(*steps, memory=str(tmp_path)).fit(IRIS)
    plain = make_generative_pipeline(StandardScaler(), quick()).fit(IRIS)
    np.testing.assert_array_equal(pipe.sample(3), plain.sample(3))


@pytest.mark.statistical
def test_grid_search_by_density():
    pipe = GenerativePipeline([("scale", StandardScaler()), ("model", GaussianMixture())])
    grid = {"model__n_components": [1, 3], "scale": [StandardScaler(), MinMaxScaler()]}
    search = GridSearchCV(pipe, grid, cv=KFold(3, shuffle=True, random_state=0)).fit(IRIS)
    scores = search.cv_results_["mean_test_score"]
    # Densities in the units of X do not depend on the unit that the model worked in.
    np.testing.assert_allclose(scores[0], scores[1], atol=0.02)
    assert search.best_params_["model__n_components"] == 3
    assert search.best_estimator_.sample(3)[0].shape == (3, 4)


# Conditions, sources, metadata


@pytest.mark.statistical
def test_conditions_reach_the_model(conditional):
    means = [IRIS[species == SPECIES].mean(0) for species in range(3)]
    for species in range(3):
        mean = conditional.sample(200, condition=species, random_state=0).mean(0)
        assert np.argmin([np.linalg.norm(mean - other) for other in means]) == species
    right, wrong = (conditional.score(IRIS, condition=c) for c in (SPECIES, (SPECIES + 1) % 3))
    assert right > wrong
    Z = conditional.transform(IRIS, condition=SPECIES)
    assert not np.allclose(Z, conditional.transform(IRIS))
    scaler, model = conditional[0], conditional[1]
    by_hand = scaler.inverse_transform(model.inverse_transform(Z, condition=SPECIES))
    np.testing.assert_array_equal(conditional.inverse_transform(Z, condition=SPECIES), by_hand)
    guided = conditional.sample(9, condition=0, guidance_scale=1.0, random_state=0)
    assert not np.allclose(guided, conditional.sample(9, condition=0, random_state=0))
    Z = clone(conditional).fit_transform(IRIS, condition=SPECIES)
    np.testing.assert_allclose(Z, conditional.transform(IRIS, condition=SPECIES))


@pytest.mark.statistical
def test_conditioned_imputation(conditional):
    X = np.full((60, 4), np.nan)
    X[:, 0] = 5.8
    petals = [
        conditional.impute(X, condition=np.full(60, c), random_state=0)[:, 2].mean() for c in (0, 2)
    ]
    assert petals[1] > petals[0] + 2


@pytest.mark.parametrize("wrap", [np.asarray, UncutSource, pd.DataFrame], ids=lambda w: w.__name__)
def test_a_source_is_transformed_like_the_rows(wrap):
    X, source = IRIS[SPECIES == 2], IRIS[SPECIES == 1] * 1.0
    bridge = SchrodingerBridgeMatcher(max_steps=10, n_steps=4, random_state=0)
    scaler = StandardScaler().fit(X)
    by_hand = clone(bridge).fit(scaler.transform(X), source=scaler.transform(source))
    pipe = make_generative_pipeline(StandardScaler(), bridge).fit(X, source=wrap(source))
    carried = scaler.inverse_transform(by_hand.inverse_transform(scaler.transform(source)))
    np.testing.assert_allclose(pipe.translate(wrap(source)), carried)
    assert pipe.score(X) == pytest.approx(by_hand.score(scaler.transform(X)))
    assert not hasattr(pipe, "score_samples")
    assert pipe.score(X, source=wrap(source)) == pytest.approx(pipe.score(X), abs=1e-4)
    # A bridge between rows scores encoded rows its own way, and the pipeline as the bridge does.
    assert pipe.score_encoded(X) == pipe.score(X)
    assert not hasattr(pipe, "score_samples_encoded")
    named = clone(pipe).fit(X, schrodingerbridgematcher__source=wrap(source))
    np.testing.assert_array_equal(named.translate(source), pipe.translate(source))


def test_translation_needs_a_source():
    pipe = make_generative_pipeline(StandardScaler(), quick()).fit(IRIS)
    with pytest.raises(ValueError, match="fit the pipeline with source="):
        pipe.translate(IRIS)
    with pytest.raises(ValueError, match="takes no rows"):
        pipe.score(IRIS, source=IRIS)


def test_grid_search_with_a_condition():
    pipe = make_generative_pipeline(StandardScaler(), quick())
    search = GridSearchCV(pipe, {"flowmatcher__lr": [1e-3, 3e-3]}, cv=KFold(2, shuffle=True))
    search.fit(IRIS, condition=SPECIES)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.sample(2, condition=1).shape == (2, 4)


def test_metadata_routing(conditional):
    with sklearn.config_context(enable_metadata_routing=True):
        model = quick(n_steps=4, condition_dropout=0)
        pipe = make_generative_pipeline(StandardScaler(), model)
        with pytest.raises(ValueError, match="condition"):
            pipe.fit(IRIS, condition=SPECIES)
        for method in ("fit", "transform", "inverse_transform", "score"):
            getattr(model, f"set_{method}_request")(condition=True)
        search = GridSearchCV(pipe, {"flowmatcher__max_steps": [20]}, cv=KFold(2, shuffle=True))
        search.fit(IRIS, condition=SPECIES)
        # Without its condition, a model that was never without one cannot be scored.
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        pipe.fit(IRIS, condition=SPECIES)
        expected = make_generative_pipeline(StandardScaler(), clone(model))
        Z = pipe.transform(IRIS, condition=SPECIES)
        assert pipe.inverse_transform(Z, condition=SPECIES).shape == IRIS.shape
        score = pipe.score(IRIS, condition=SPECIES)
        assert score == pytest.approx(pipe.score_samples(IRIS, condition=SPECIES).mean())
        assert pipe.sample(3, condition=0).shape == (3, 4)
    named = expected.fit(IRIS, condition=SPECIES).score(IRIS, condition=SPECIES)
    assert named == pytest.approx(score)


def test_a_routed_source_is_transformed():
    X, source = IRIS[SPECIES == 2], IRIS[SPECIES == 1]
    bridge = SchrodingerBridgeMatcher(max_steps=10, n_steps=4, random_state=0)
    plain = make_generative_pipeline(StandardScaler(), clone(bridge)).fit(X, source=source)
    expected = plain.score(X, source=source)
    with sklearn.config_context(enable_metadata_routing=True):
        bridge.set_fit_request(source=True).set_score_request(source=True)
        routed = make_generative_pipeline(StandardScaler(), bridge).fit(X, source=source)
        own = GenerativePipeline(clone(routed).steps, transform_input=["source"])
        own.fit(X, source=source)
        assert routed.score(X, source=source) == pytest.approx(expected)
    for pipe in (routed, own):
        np.testing.assert_array_equal(pipe.translate(source), plain.translate(source))


def test_the_pipeline_itself_requests_nothing():
    # Requests on it would be in vain: those of its steps count.
    assert not hasattr(GenerativePipeline, "set_fit_request")
    assert not hasattr(GenerativePipeline, "set_transform_request")


# Sources that are frames: their columns go by their names.

NAMES = ["a", "b", "c", "d"]
TARGET = pd.DataFrame(IRIS[SPECIES == 2], columns=NAMES)
SOURCE = pd.DataFrame(IRIS[SPECIES == 1], columns=NAMES)
TURNED = SOURCE[["d", "b", "a", "c"]]


def bridge(**settings):
    brief = {"max_steps": 5, "hidden_units": 16, "n_steps": 4, "random_state": 0}
    return SchrodingerBridgeMatcher(**brief, **settings)


@pytest.mark.parametrize("names", [NAMES, [1, 2, 3, 4], list(zip("aabb", range(4), strict=True))])
@pytest.mark.parametrize("wrap", [pd.DataFrame, UncutSource, pl.DataFrame])
def test_the_columns_of_a_source_are_matched_by_their_names(names, wrap):
    if wrap is pl.DataFrame and names is not NAMES:
        pytest.skip("polars knows strings only")
    columns = pd.MultiIndex.from_tuples(names) if isinstance(names[0], tuple) else names
    X, source = (frame.set_axis(columns, axis=1) for frame in (TARGET, SOURCE))
    turned = source.iloc[:, [3, 1, 0, 2]]
    expected = bridge().fit(X, source=source)
    model = bridge().fit(X, source=wrap(turned))
    np.testing.assert_array_equal(model.sample(5), expected.sample(5))
    by_pieces = [bridge().partial_fit(X, source=part).sample(5) for part in (source, wrap(turned))]
    np.testing.assert_array_equal(*by_pieces)
    by_both = [bridge().fit_transform(X, source=part) for part in (source, wrap(turned))]
    np.testing.assert_array_equal(*by_both)
    if names is NAMES:
        assert model.score(X, source=wrap(turned)) == expected.score(X, source=source)
        rows = turned if wrap is UncutSource else wrap(turned)
        for method in ("inverse_transform", "trajectory"):
            found, right = getattr(model, method)(rows), getattr(expected, method)(source)
            np.testing.assert_array_equal(found[-1], right[-1])


def test_a_source_of_other_columns_is_refused():
    other = SOURCE.rename(columns={"d": "e"})
    model = bridge().fit(TARGET, source=SOURCE)
    told = r"source has other columns than X: it lacks \['d'\], X lacks \['e'\]"
    for call in (
        lambda source: bridge().fit(TARGET, source=source),
        lambda source: bridge().partial_fit(TARGET, source=source),
        lambda source: model.score(TARGET, source=source),
    ):
        with pytest.raises(ValueError, match=told):
            call(other)
    with pytest.raises(ValueError, match=r"X has other columns than X: .* \['d'\]"):
        model.inverse_transform(other)
    with pytest.raises(ValueError, match=r"it lacks \['d'\]"):
        bridge().fit(TARGET, source=SOURCE.drop(columns="d"))
    with pytest.raises(ValueError, match=r"X lacks \['e'\]"):
        bridge().fit(TARGET, source=SOURCE.assign(e=1.0))


def test_names_on_one_side_only_are_told():
    expected = bridge().fit(TARGET.to_numpy(), source=SOURCE.to_numpy()).sample(5)
    with pytest.warns(UserWarning, match="X has names of columns, but source has none"):
        model = bridge().fit(TARGET, source=SOURCE.to_numpy())
    np.testing.assert_array_equal(model.sample(5), expected)
    with pytest.warns(UserWarning, match="source has names of columns, but X has none"):
        model = bridge().fit(TARGET.to_numpy(), source=SOURCE)
    np.testing.assert_array_equal(model.sample(5), expected)


@pytest.mark.parametrize("step", ["passthrough", TableEncoder(), StandardScaler()], ids=str)
def test_a_source_in_another_order_is_no_other_source_in_a_pipeline(step):
    pipe = GenerativePipeline([("step", step), ("model", bridge())])
    expected = clone(pipe).fit(TARGET, source=SOURCE)
    found = pipe.fit(TARGET, source=TURNED)
    np.testing.assert_array_equal(found.translate(TURNED), expected.translate(SOURCE))
    assert found.score(TARGET, source=TURNED) == expected.score(TARGET, source=SOURCE)
    if step != "passthrough":
        with pytest.raises(ValueError, match=r"source has other columns than X: it lacks \['d'\]"):
            found.translate(TURNED.drop(columns="d"))


def test_a_table_in_which_nothing_varies_is_told_in_words_of_the_table():
    frame = pd.DataFrame({"a": [1] * 30, "b": ["x"] * 30, "c": [None] * 30})
    pipe = make_generative_pipeline(TableEncoder(), quick())
    for fit in (pipe.fit, pipe.fit_transform):
        with pytest.raises(ValueError, match="nothing to learn: every column of X is constant"):
            fit(frame)
    # What varies in one column is enough.
    drawn = pipe.fit(frame.assign(d=np.arange(30) % 7)).sample(3)
    assert drawn["a"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("step", [StandardScaler(), PCA()], ids=["passes it on", "refuses it"])
def test_a_gap_is_told_by_its_column_in_the_frame(step):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=list("abc"))
    pipe = make_generative_pipeline(step, FlowMatcher(max_steps=2, random_state=0)).fit(frame)
    holes = frame.copy()
    holes.loc[[3, 7], "b"] = np.nan
    for method in (pipe.score, pipe.transform, pipe.fit, pipe.fit_transform):
        with pytest.raises(ValueError, match=r"no entry in row 3 of column 'b': .* contains NaN"):
            method(holes)
    # An array has no names, and the words of the step stay what they are.
    with pytest.raises(ValueError, match=r"^Input X contains NaN"):
        pipe.fit(holes.to_numpy())
