"""SchrodingerBridgeMatcher, FlowMatcher: exact bridges, sources, conditions, solvers."""

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_moons
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skgen import FlowMatcher, SchrodingerBridgeMatcher, UncutSource
from skgen.datasets import CorrelatedGaussian
from skgen.metrics import energy_distance
from skgen.papers import bridge_couplings
from skgen.processes.bridges import LinearReference, schrodinger_covariance

IRIS, SPECIES = load_iris(return_X_y=True)
MOONS = make_moons(2000, noise=0.08, random_state=0)[0]


# Densities and samples


@pytest.fixture(scope="module")
def moons():
    return SchrodingerBridgeMatcher(max_steps=700, random_state=0).fit(MOONS)


@pytest.mark.slow
@pytest.mark.statistical
def test_density_of_a_gaussian():
    distribution = CorrelatedGaussian()
    X, X_test = distribution.sample(3000, random_state=0), distribution.sample(400, random_state=1)
    model = SchrodingerBridgeMatcher(max_steps=300, random_state=0).fit(X)
    exact = distribution.log_density(X_test)
    gap = model.score_samples(X_test) - exact
    error = gap.std() / len(gap) ** 0.5
    assert gap.mean() < 3 * error
    assert gap.mean() > -0.05 * X.shape[1]
    # 3,000 rows and as many samples: entries of a covariance err by 4% of both deviations.
    found, real = np.cov(model.sample(3000).T), np.cov(X.T)
    scale = np.sqrt(np.outer(np.diag(real), np.diag(real)))
    np.testing.assert_allclose(found / scale, real / scale, atol=0.12)


@pytest.mark.slow
@pytest.mark.statistical
def test_score_is_a_density(moons):
    # Its integral over a grid far beyond the data, in raw units.
    side = np.linspace(-2.5, 3.5, 70)
    cell = (side[1] - side[0]) ** 2
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    assert np.exp(moons.score_samples(grid)).sum() * cell == pytest.approx(1, abs=0.02)


@pytest.mark.slow
@pytest.mark.statistical
def test_score_tells_the_moons_from_what_is_not_there(moons):
    centre = np.array([[0.5, 0.25], [3.0, 3.0]])
    assert moons.score_samples(centre).max() < np.quantile(moons.score_samples(MOONS), 0.01)


@pytest.mark.slow
@pytest.mark.statistical
def test_hutchinson_agrees_with_the_exact_divergence(moons, monkeypatch):
    exact = moons.score_samples(MOONS[:200])
    monkeypatch.setattr("skgen.papers.schrodinger_bridge.EXACT_DIVERGENCE", 1)
    monkeypatch.setattr(moons.module_, "score_draws", 32)
    for copy in moons._copies.values():
        monkeypatch.setattr(copy, "score_draws", 32)
    probed = moons.score_samples(MOONS[:200])
    assert np.abs(probed - exact).std() < 0.5
    error = (probed - exact).std() / 200**0.5
    assert abs((probed - exact).mean()) < 4 * error


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("stochastic", [False, True])
def test_samples_of_the_moons(moons, stochastic):
    fresh = make_moons(2000, noise=0.08, random_state=1)[0]
    floor = energy_distance(MOONS, fresh)
    found = moons.sample(2000, stochastic=stochastic)
    assert energy_distance(fresh, found) < max(3 * floor, 0.1)


@pytest.mark.slow
@pytest.mark.statistical
def test_there_and_back(moons):
    Z = moons.transform(MOONS)
    assert np.abs(Z.mean(0)).max() < 0.12
    assert np.abs(np.cov(Z.T) - np.eye(2)).max() < 0.15
    fine = SchrodingerBridgeMatcher(n_steps=200)
    fine.__dict__.update({k: v for k, v in vars(moons).items() if k.endswith("_") or k[0] == "_"})
    some = MOONS[::5]
    np.testing.assert_allclose(fine.inverse_transform(fine.transform(some)), some, atol=0.01)


@pytest.mark.slow
@pytest.mark.statistical
def test_solvers_and_grids_agree(moons):
    Z = np.random.default_rng(0).normal(size=(100, 2))
    state = {k: v for k, v in vars(moons).items() if k.endswith("_") or k[0] == "_"}

    def carried(**kwargs):
        model = SchrodingerBridgeMatcher(**kwargs)
        model.__dict__.update(state)
        return model.inverse_transform(Z)

    exact = carried(n_steps=400)
    np.testing.assert_allclose(carried(ode_solver="adaptive", tolerance=1e-5), exact, atol=1e-3)
    np.testing.assert_allclose(carried(time_grid=np.linspace(0, 1, 301)), exact, atol=1e-2)
    for grid in ("uniform", "cosine", "quadratic"):
        np.testing.assert_allclose(carried(n_steps=200, time_grid=grid), exact, atol=2e-2)


def test_adaptive_rows_do_not_depend_on_their_neighbours():
    model = SchrodingerBridgeMatcher(ode_solver="adaptive", max_steps=100, random_state=0)
    model.fit(MOONS[:300])
    Z = np.random.default_rng(0).normal(size=(50, 2))
    whole = model.inverse_transform(Z)
    np.testing.assert_allclose(model.inverse_transform(Z[7:9]), whole[7:9], rtol=1e-9)


# Two data sets


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("n_source", [300, 700])
def test_a_bridge_between_two_tables_in_raw_units(n_source):
    rng = np.random.default_rng(0)
    units, shift = np.array([1e-3, 5e4]), np.array([7.0, -2e6])
    X_source = rng.normal(size=(n_source, 2)) * units + shift
    X = (rng.normal(size=(300, 2)) * [0.5, 2.0] + [3.0, -1.0]) * units + shift
    model = SchrodingerBridgeMatcher(sigma=0.2, max_steps=400, random_state=0).fit(
        X, source=X_source
    )
    there, back = model.inverse_transform(X_source), model.transform(X)
    # 300 rows: means are known to 6% of a deviation, deviations to 4%; the ends meet half of each.
    np.testing.assert_allclose((there.mean(0) - X.mean(0)) / X.std(0), 0, atol=0.2)
    np.testing.assert_allclose(there.std(0) / X.std(0), 1, atol=0.2)
    np.testing.assert_allclose((back.mean(0) - X_source.mean(0)) / X_source.std(0), 0, atol=0.2)
    np.testing.assert_allclose(back.std(0) / X_source.std(0), 1, atol=0.2)
    drawn = model.sample(300, random_state=1)
    np.testing.assert_allclose((drawn.mean(0) - X.mean(0)) / X.std(0), 0, atol=0.25)
    # Monotone within a column: transport does not shuffle.
    assert np.corrcoef(X_source[:, 1], there[:, 1])[0, 1] > 0.9


def test_noise_in_units_of_the_data():
    rng = np.random.default_rng(0)
    X, X_source = 40 * rng.normal(size=(80, 2)), 40 * rng.normal(size=(80, 2)) + 100
    model = SchrodingerBridgeMatcher(
        6.0, sigma_unit="data", scaling="common", max_steps=20, random_state=0
    ).fit(X, source=X_source)
    scale = np.concatenate([X, X_source]).std(0)
    scale = np.mean(scale**2) ** 0.5
    assert model.module_.reference.sigma == pytest.approx(6.0 / scale)
    scaled = clone(model).set_params(sigma=6.0 / scale, sigma_unit="scaled")
    np.testing.assert_allclose(
        model.inverse_transform(X_source),
        scaled.fit(X, source=X_source).inverse_transform(X_source),
        rtol=1e-5,
    )


@pytest.mark.parametrize("scaling", ["standard", "quantile", "auto"])
def test_noise_in_units_of_the_data_needs_one_scale(scaling):
    X = np.random.default_rng(0).normal(size=(80, 2)) * [1.0, 50.0]
    model = SchrodingerBridgeMatcher(sigma_unit="data", scaling=scaling, max_steps=5)
    with pytest.raises(ValueError, match="Set scaling='common'"):
        model.fit(X)


@pytest.fixture(scope="module")
def translator():
    model = SchrodingerBridgeMatcher(scaling="standard", max_steps=100, random_state=0)
    return model.fit(IRIS[50:100], source=IRIS[:50])


@pytest.mark.parametrize("name", ["score_samples", "impute"])
def test_what_needs_a_normal_source(translator, name):
    assert hasattr(SchrodingerBridgeMatcher(), name)
    assert not hasattr(translator, name)
    with pytest.raises(AttributeError) as error:
        getattr(translator, name)(IRIS)
    assert f"{name} needs a normal source" in str(error.value.__cause__)
    assert "diffusion" not in {row["stage"] for row in translator.history_}


@pytest.mark.statistical
def test_score_with_rows_is_an_energy_distance(translator):
    good = translator.score(IRIS[50:100])
    assert good < 0
    assert translator.score(IRIS[50:100], source=IRIS[:25]) < 0
    # Setosa is not what it carries to.
    assert good > translator.score(IRIS[:50])


@pytest.mark.statistical
def test_trajectories(translator):
    times, paths = translator.trajectory(IRIS[:7])
    assert times.shape == (21,)
    assert paths.shape == (21, 7, 4)
    assert times[0] == 0
    assert times[-1] == 1
    assert (np.diff(times) > 0).all()
    np.testing.assert_allclose(paths[0], IRIS[:7], atol=1e-5)
    again = translator.trajectory(IRIS[:7])[1]
    np.testing.assert_array_equal(again, paths)
    _, flow = translator.trajectory(IRIS[:7], n_steps=20, stochastic=False)
    # Rows at the end are put on the values that a column repeats; paths are not.
    np.testing.assert_allclose(flow[-1], translator.inverse_transform(IRIS[:7]), atol=0.15)
    assert translator.trajectory(IRIS[:7], 5)[1].shape == (6, 7, 4)


def test_trajectories_at_given_times(translator):
    times, paths = translator.trajectory(IRIS[:7], 100, times=[0, 0.3, 0.5], stochastic=False)
    np.testing.assert_array_equal(times, [0, 0.3, 0.5])
    np.testing.assert_allclose(paths[0], IRIS[:7], atol=1e-5)
    # Two times more change the steps of the flow, whose error is of their second order, 1e-4.
    steps, whole = translator.trajectory(IRIS[:7], 100, stochastic=False)
    between = [np.interp(0.3, steps, x) for x in whole.reshape(101, -1).T]
    np.testing.assert_allclose(paths[1].ravel(), between, atol=2e-3)
    # Times of the steps themselves change nothing.
    same = translator.trajectory(IRIS[:7], 100, times=steps[[20, 50]], stochastic=False)[1]
    np.testing.assert_array_equal(same, whole[[20, 50]])
    assert translator.trajectory(IRIS[:7], times=[0.4])[1].shape == (1, 7, 4)


@pytest.mark.parametrize("times", [[0.5, 0.2], [0.5, 0.5], [-0.1, 1], [0, 1.1], [], 0.5, [np.nan]])
def test_trajectory_refuses_times(translator, times):
    with pytest.raises(ValueError, match=r"times must increase within \[0, 1\]"):
        translator.trajectory(IRIS[:2], times=times)


@pytest.mark.statistical
def test_the_process_is_seeded(translator):
    one = translator.inverse_transform(IRIS[:50], stochastic=True, random_state=1)
    np.testing.assert_array_equal(
        one, translator.inverse_transform(IRIS[:50], stochastic=True, random_state=1)
    )
    other = translator.inverse_transform(IRIS[:50], stochastic=True, random_state=2)
    assert np.abs(one - other).max() > 0.05
    assert translator.transform(IRIS[50:100], stochastic=True).shape == (50, 4)


def test_frames_keep_their_names(translator):
    frame = load_iris(as_frame=True).data
    model = SchrodingerBridgeMatcher(max_steps=10, random_state=0).set_output(transform="pandas")
    model.fit(frame[50:100], source=frame[:50])
    assert list(model.transform(frame[50:100]).columns) == list(frame.columns)
    assert list(model.inverse_transform(frame[:50]).columns) == list(frame.columns)
    normal = SchrodingerBridgeMatcher(max_steps=10, random_state=0).set_output(transform="pandas")
    names = list(normal.fit(frame).transform(frame).columns)
    assert names[0] == "schrodingerbridgematcher0"


# Routing


@pytest.mark.statistical
def test_source_passes_through_a_pipeline():
    with config_context(enable_metadata_routing=True):
        model = SchrodingerBridgeMatcher(max_steps=150, random_state=0).set_fit_request(source=True)
        steps = [("scale", StandardScaler()), ("bridge", model)]
        pipe = Pipeline(steps, transform_input=["source"])
        pipe.fit(IRIS[50:100], source=IRIS[:50])
    carried = model.inverse_transform(pipe[0].transform(IRIS[:50]))
    found = pipe[0].inverse_transform(carried)
    np.testing.assert_allclose(found.mean(0), IRIS[50:100].mean(0), atol=0.5)


@pytest.mark.parametrize(
    ("source", "seen"), [(IRIS[:70], 70), (IRIS[:100], 50), (UncutSource(IRIS[:100]), 100)]
)
def test_source_passes_through_a_grid_search(source, seen):
    sizes = []

    class Spy(SchrodingerBridgeMatcher):
        def _build_module(self, rows, generator):
            sizes.append(len(rows.source))
            return super()._build_module(rows, generator)

    with config_context(enable_metadata_routing=True):
        model = Spy(max_steps=4, random_state=0).set_fit_request(source=True)
        model.set_score_request(source=False)
        search = GridSearchCV(model, {"sigma": [0.3, 1.0]}, cv=KFold(2, shuffle=True), refit=False)
        search.fit(IRIS[50:], source=source)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert set(sizes) == {seen}


def test_whole_shows_what_it_holds():
    assert repr(UncutSource(IRIS[:5])) == "UncutSource((5, 4) rows)"


# Conditions


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("Estimator", [SchrodingerBridgeMatcher, FlowMatcher])
def test_conditional_samples(Estimator):
    # Three round clouds: 500 rows know a mean to 4.5% of a deviation and a deviation to 3%.
    rng = np.random.default_rng(0)
    centres = {"left": (-4.0, 0.0), "right": (4.0, 0.0), "up": (0.0, 5.0)}
    names = np.repeat(list(centres), 500)
    X = rng.normal(size=(1500, 2)) + np.array([centres[name] for name in names])
    model = Estimator(max_steps=450, random_state=0).fit(X, condition=names)
    for name in centres:
        drawn = model.sample(500, condition=name)
        real = X[names == name]
        np.testing.assert_allclose(drawn.mean(0), real.mean(0), atol=0.3)
        np.testing.assert_allclose(drawn.std(0), real.std(0), atol=0.2)
    sharper = model.sample(300, condition="up", guidance_scale=1.0)
    assert sharper.mean(0)[1] > 4.5
    some = X[::5]
    assert model.score(some, condition=names[::5]) > model.score(some) + 0.5


# Flow matching


@pytest.mark.slow
@pytest.mark.statistical
def test_rectified_flow_straightens():
    # Straight paths: the flow's energy is the coupling's cost, and one step is enough.
    rows = MOONS[:1000]
    once = FlowMatcher(max_steps=250, random_state=0).fit(rows)
    thrice = FlowMatcher(n_iterations=3, max_steps=250, random_state=0).fit(rows)
    Z = np.random.default_rng(0).normal(size=(400, 2))

    def bend(model):
        fine, coarse = (model.trajectory(Z, n_steps=n, stochastic=False)[1][-1] for n in (100, 2))
        return np.sqrt(np.mean((fine - coarse) ** 2))

    assert bend(thrice) < 0.5 * bend(once)
    assert thrice.coupling_cost_ < 0.9 * once.coupling_cost_


def test_no_noise_no_process():
    model = FlowMatcher(max_steps=10, random_state=0).fit(IRIS)
    assert "sigma" not in model.get_params()
    for call in (
        lambda: model.sample(3, stochastic=True),
        lambda: model.transform(IRIS, stochastic=True),
        lambda: model.trajectory(IRIS[:3], stochastic=True),
    ):
        with pytest.raises(ValueError, match="sigma > 0"):
            call()
    # Left to itself, a path follows what there is.
    for mine, flow in zip(
        model.trajectory(IRIS[:3]), model.trajectory(IRIS[:3], stochastic=False), strict=True
    ):
        np.testing.assert_array_equal(mine, flow)


@pytest.mark.statistical
def test_columns_that_hardly_vary_leave_the_couplings_sound():
    X = np.random.default_rng(0).normal(size=(300, 6)) * [1, 1, 1, 1e-4, 1e-8, 0]
    made = {"n_iterations": 2, "max_steps": 60, "random_state": 0}
    model = SchrodingerBridgeMatcher(scaling="common", **made).fit(X)
    rows = [row for row in model.history_ if "coupling_cost" in row]
    scaled = model.scaler_.forward(torch.from_numpy(X))[0]
    # Independent ends would cost this, which no transport exceeds but by the spread of its draws.
    independent = X.shape[1] + float(scaled.var(0).sum())
    assert all(row["coupling_cost"] < 1.1 * independent for row in rows)
    assert all(row["path_energy"] < 1.1 * independent for row in rows)
    # The variance of simulated ends over that of real ones, from 300 rows.
    assert rows[-1]["spread"] == pytest.approx(1, abs=0.3)
    assert np.isfinite(model.score_samples(X)).all()
    np.testing.assert_array_equal(model.sample(50, random_state=0)[:, 5], 0)


@pytest.mark.parametrize("Estimator", [SchrodingerBridgeMatcher, FlowMatcher])
@pytest.mark.parametrize("shape", [None, (1, 8, 8)])
def test_rows_that_are_all_the_same(Estimator, shape):
    X = np.full((40, 2 if shape is None else 64), 3.0)
    model = Estimator(input_shape=shape, max_steps=2, n_steps=2, random_state=0).fit(X)
    np.testing.assert_allclose(model.sample(5), 3.0)
    if shape is None:
        model = clone(model).fit(np.random.default_rng(0).normal(size=(40, 2)), source=X)
        assert np.isfinite(model.sample(5)).all()


def test_longer_iterations_learn_from_more_pairs(monkeypatch):
    asked = []
    draw = bridge_couplings.transport_pairs

    def drawn(module, noise, x, condition, n):
        asked.append((len(x), n))
        return draw(module, noise, x, condition, n)

    monkeypatch.setattr(bridge_couplings, "transport_pairs", drawn)
    X = np.random.default_rng(0).normal(size=(200, 2))
    for max_steps in (4, 100):
        SchrodingerBridgeMatcher(max_steps=max_steps, n_iterations=1).fit(X)
    # 180 rows to learn from, 20 that choose the weights.
    assert asked == [(180, 360), (20, 256), (180, 800), (20, 256)]


@pytest.mark.parametrize(
    ("kwargs", "source", "n"),
    [
        ({}, False, 1),
        ({}, True, 2),
        ({"coupling": "reference"}, False, 2),
        ({"n_iterations": 3}, False, 3),
        ({"n_iterations": 1}, True, 1),
    ],
)
def test_iterations_are_two_between_sets_and_one_from_noise(kwargs, source, n):
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = SchrodingerBridgeMatcher(max_steps=2, random_state=0, **kwargs)
    model.fit(X, source=X + 1 if source else None)
    stages = {row["stage"] for row in model.history_}
    further = set() if source else {"diffusion"}
    assert stages == {f"iteration {i}" for i in range(1, n + 1)} | further


@pytest.mark.slow
@pytest.mark.statistical
def test_the_start_from_the_reference_converges():
    # Iterative proportional fitting: N(0, 1) to N(1, 1).
    rng = np.random.default_rng(0)
    X, X_source = rng.normal(1, 1, (2000, 1)), rng.normal(0, 1, (2000, 1))
    model = SchrodingerBridgeMatcher(
        1.0, coupling="reference", n_iterations=4, scaling="common", max_steps=200, random_state=0
    ).fit(X, source=X_source)
    # The scale is that of both together, sqrt(1.25).
    s = X.std(), X_source.std(), np.concatenate([X, X_source]).std()
    exact = schrodinger_covariance(
        torch.tensor((s[1] / s[2]) ** 2), torch.tensor((s[0] / s[2]) ** 2), LinearReference(1.0)
    )
    ends = model.inverse_transform(X_source, stochastic=True)
    found = np.cov(X_source[:, 0], ends[:, 0])[0, 1] / s[2] ** 2
    assert found == pytest.approx(float(exact), abs=0.1)
    assert ends.mean() == pytest.approx(X.mean(), abs=0.15)


# Missing entries


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize(
    "model",
    [
        SchrodingerBridgeMatcher(n_iterations=1, max_steps=600, random_state=0),
        FlowMatcher(max_steps=600, random_state=0),
    ],
    ids=["bridge", "flow"],
)
def test_imputation_has_the_conditional_distribution(model):
    # Columns 0 and 2 of a 5-d Gaussian given the rest. 2,000 draws know a mean to 2.2% of a
    # conditional deviation and a covariance to 3%.
    distribution = CorrelatedGaussian()
    X = distribution.sample(4000, random_state=0)
    model = clone(model).fit(X)
    row = distribution.sample(1, random_state=5)
    row[0, [0, 2]] = np.nan
    draws = np.concatenate(model.impute(row, n_draws=2000))
    np.testing.assert_array_equal(draws[:, [1, 3, 4]], np.repeat(row[:, [1, 3, 4]], 2000, 0))
    mean, covariance = distribution.conditional(row[0])
    deviation = np.sqrt(np.diag(covariance))
    found = draws[:, [0, 2]]
    np.testing.assert_allclose((found.mean(0) - mean) / deviation, 0, atol=0.12)
    scale = np.outer(deviation, deviation)
    np.testing.assert_allclose(np.cov(found.T) / scale, covariance / scale, atol=0.15)


@pytest.mark.statistical
@pytest.mark.parametrize("coupling", ["independent", "optimal-transport"])
def test_imputation_with_columns_that_follow_from_others(coupling):
    x = np.random.default_rng(0).normal(size=(200, 2))
    X = np.column_stack([x, x[:, 0], 2 * x[:, 0] - x[:, 1]])
    sigma = 0.0 if coupling == "independent" else 0.1
    model = SchrodingerBridgeMatcher(
        sigma, coupling=coupling, n_iterations=1, max_steps=20, random_state=0
    ).fit(X)
    holes = X.copy()
    holes[:100, 1] = np.nan
    filled = model.impute(holes, n_steps=10)
    # The missing entry is a sum of observed ones, known to the model's rounding.
    assert np.corrcoef(filled[:100, 1], X[:100, 1])[0, 1] > 0.95


@pytest.mark.statistical
@pytest.mark.parametrize(
    "model",
    [FlowMatcher("optimal-transport"), FlowMatcher(n_iterations=2)],
    ids=["ot", "rectified"],
)
def test_a_flow_whose_ends_belong_together_imputes_too(model):
    """Its own field tells nothing of the distribution of whole rows: that is learnt beside it."""
    x = np.random.default_rng(0).normal(size=(400, 2)) @ [[1.0, 0.9], [0.0, 0.4]]
    model = clone(model).set_params(max_steps=60, random_state=0).fit(x)
    holes = x.copy()
    holes[:, 1] = np.nan
    filled = model.impute(holes)[:, 1]
    # 400 pairs know a correlation of .91 to .009.
    expected = np.corrcoef(x.T)[0, 1]
    assert np.corrcoef(x[:, 0], filled)[0, 1] == pytest.approx(expected, abs=0.03)


# Layouts


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize(("shape", "n_rows"), [((1, 8, 8), 120), ((16, 4), 120)])
def test_images_and_sequences(shape, n_rows):
    X = load_digits().data[:n_rows]
    model = SchrodingerBridgeMatcher(input_shape=shape, max_steps=6, random_state=0).fit(X)
    assert model.sample(3).shape == (3, 64)
    assert np.isfinite(model.score_samples(X[:2])).all()
    other = SchrodingerBridgeMatcher(input_shape=shape, max_steps=6, random_state=0)
    other.fit(X, source=X[:50] // 4)
    assert other.inverse_transform(X[:5]).shape == (5, 64)


# Bad input


@pytest.mark.parametrize(
    ("kwargs", "source", "message"),
    [
        ({}, IRIS[:, :3], "3 columns"),
        ({}, IRIS[:1], "minimum of 2"),
        ({}, np.full((5, 4), np.nan), "source contains NaN"),
        ({"time_grid": [0.0, 0.5, 0.9]}, None, "from 0 to 1"),
        ({"time_grid": [0.0, 0.5, 0.4, 1.0]}, None, "from 0 to 1"),
        ({"coupling": "reference", "sigma": 0.0}, None, "sigma > 0"),
        ({"coupling": "reference", "n_iterations": 1}, None, "n_iterations"),
        ({"sigma": -1.0}, None, "sigma"),
    ],
)
def test_bad_input(kwargs, source, message):
    with pytest.raises(ValueError, match=message):
        SchrodingerBridgeMatcher(**kwargs).fit(IRIS, source=source)


def test_a_source_that_fails_leaves_nothing(translator):
    before = set(vars(translator))
    rows = translator.sample(3)
    with pytest.raises(ValueError, match="2 columns"):
        translator.fit(IRIS, source=IRIS[:, :2])
    assert set(vars(translator)) == before
    np.testing.assert_array_equal(translator.sample(3), rows)


def test_later_pieces_may_bring_a_source(translator):
    normal = SchrodingerBridgeMatcher(max_steps=5, random_state=0).partial_fit(IRIS)
    with pytest.raises(ValueError, match="normal source"):
        normal.partial_fit(IRIS, source=IRIS)
    with pytest.raises(ValueError, match="takes no rows"):
        normal.score(IRIS, source=IRIS)
    model = SchrodingerBridgeMatcher(max_steps=5, random_state=0)
    model.partial_fit(IRIS[50:100], source=IRIS[:50])
    model.partial_fit(IRIS[100:], source=IRIS[:20])
    assert len(model.module_.source) == 20
    model.partial_fit(IRIS[100:])
    assert len(model.module_.source) == 20
