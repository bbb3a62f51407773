"""FlowMatcher with a geometry: known distributions, conditions, files, what does not go with it."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import skgen
from skgen import FlowMatcher

QUICK = {"max_steps": 60, "n_steps": 6, "hidden_units": 32, "random_state": 0}
PLACES, TIGHTNESS = np.array([[35.0, 140.0], [-20.0, -70.0]]), 20.0


def units(X):
    """Return unit vectors of places in degrees."""
    latitude, longitude = np.deg2rad(X).T
    ring = np.cos(latitude)
    return np.column_stack([ring * np.cos(longitude), ring * np.sin(longitude), np.sin(latitude)])


def earth(n, seed=0):
    """Return draws of two von Mises-Fisher distributions, and which each is of."""
    rng = np.random.default_rng(seed)
    which = rng.integers(2, size=n)
    k = TIGHTNESS
    height = 1 + np.log(rng.uniform(np.exp(-2 * k), 1, n)) / k
    angle = rng.uniform(0, 2 * np.pi, n)
    ring = np.sqrt(1 - height**2)
    pole = units(PLACES)[which]
    east = np.cross([0, 0, 1], pole)
    east /= np.linalg.norm(east, axis=1, keepdims=True)
    north = np.cross(pole, east)
    y = height[:, None] * pole + ring[:, None] * (
        np.cos(angle)[:, None] * east + np.sin(angle)[:, None] * north
    )
    latitude, longitude = np.arcsin(y[:, 2]), np.arctan2(y[:, 1], y[:, 0])
    return np.rad2deg(np.column_stack([latitude, longitude])), which


def earth_density(X):
    k, y = TIGHTNESS, units(X)
    norm = np.log(k / (4 * np.pi * np.sinh(k)))
    return norm + np.logaddexp.reduce(k * y @ units(PLACES).T, 1) - np.log(2)


def grid(n):
    """Return places of equal area."""
    k = np.arange(n)
    longitude = np.rad2deg(k * np.pi * (3 - 5**0.5)) % 360 - 180
    return np.column_stack([np.rad2deg(np.arcsin(1 - (2 * k + 1) / n)), longitude])


@pytest.fixture(scope="module")
def on_earth():
    return FlowMatcher(geometry="sphere", **QUICK).fit(earth(600)[0])


@pytest.mark.statistical
def test_a_distribution_on_the_sphere_is_recovered(on_earth):
    X = earth(800, seed=1)[0]
    gap = on_earth.score_samples(X) - earth_density(X)
    # Of 600 rows a kernel estimate loses some .1 nats.
    assert -0.3 < gap.mean() < 3 * gap.std() / len(gap) ** 0.5
    drawn = on_earth.sample(1000)
    assert (np.abs(drawn[:, 0]) <= 90).all()
    assert (np.abs(drawn[:, 1]) <= 180).all()
    share = (drawn[:, 1] > 35).mean()
    assert share == pytest.approx(0.5, abs=4 * (0.25 / 600 + 0.25 / 1000) ** 0.5)
    near = units(drawn[drawn[:, 1] > 35]) @ units(PLACES[:1]).T
    assert near.mean() == pytest.approx(1 / math.tanh(TIGHTNESS) - 1 / TIGHTNESS, abs=0.03)


def test_density_integrates_to_one_over_the_sphere():
    model = FlowMatcher(geometry="sphere", **QUICK).fit(earth(120)[0])
    # With the flow, whether or not it has been chosen.
    model.module_.multiplier.fill_(1.0)
    density = np.exp(model.score_samples(grid(5000)))
    assert 4 * np.pi * density.mean() == pytest.approx(1, abs=0.01)
    X = earth(50, seed=2)[0]
    there = model.inverse_transform(model.transform(X))
    assert (units(there) * units(X)).sum(1).min() > 0.9999


@pytest.mark.statistical
def test_a_distribution_on_the_torus_is_recovered():
    rng = np.random.default_rng(0)
    covariance = np.array([[0.25, 0.2], [0.2, 0.25]])

    def rows(n):
        return np.rad2deg(np.pi + rng.multivariate_normal([0, 0], covariance, n)) % 360

    X, X_test = rows(600), rows(500)
    model = FlowMatcher(geometry="torus", **QUICK).fit(X)
    z = np.deg2rad(X_test) - np.pi
    exact = -0.5 * (z @ np.linalg.inv(covariance) * z).sum(1)
    exact -= 0.5 * np.log(np.linalg.det(covariance)) + np.log(2 * np.pi)
    gap = model.score_samples(X_test) - exact
    assert -0.3 < gap.mean() < 3 * gap.std() / len(gap) ** 0.5
    # Whole turns make no difference.
    np.testing.assert_allclose(
        model.score_samples(X_test[:5] + 360), model.score_samples(X_test[:5])
    )
    drawn = model.sample(1000)
    assert ((drawn >= 0) & (drawn <= 360)).all()
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0.8, abs=0.1)


def test_a_product_keeps_names_and_units():
    X, which = earth(150)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "hour": rng.uniform(0, 24, 150),
            "lat": X[:, 0],
            "depth": 30 + 20 * which + rng.normal(size=150),
            "lon": X[:, 1],
        }
    )
    model = FlowMatcher(
        geometry=[("sphere", ["lat", "lon"]), ("circle", ["hour"], 24)], **QUICK
    ).set_output(transform="pandas")
    drawn = model.fit(frame).sample(300)
    assert list(drawn) == list(model.transform(frame)) == list(frame)
    assert drawn["hour"].between(0, 24).all()
    # Depth goes with the place.
    east = drawn["lon"] > 35
    assert drawn["depth"][~east].mean() - drawn["depth"][east].mean() > 10
    # In other units of the plain column the density is another, by their ratio.
    metres = frame.assign(depth=1000 * frame["depth"])
    other = FlowMatcher(**model.get_params()).fit(metres)
    moved = other.score_samples(metres[:9]) + np.log(1000)
    np.testing.assert_allclose(moved, model.score_samples(frame[:9]), rtol=1e-3)


def test_conditions_are_kept():
    X, which = earth(300)
    model = FlowMatcher(geometry="sphere", max_steps=400, n_steps=12, random_state=0)
    model.fit(X, condition=which)
    for label in (0, 1):
        drawn = model.sample(100, condition=label, guidance_scale=1.0)
        assert (units(drawn) @ units(PLACES)[label] > 0.5).mean() > 0.85
    assert len(model.module_.base.centres) == 0
    right = model.score_samples(X[:50], condition=which[:50])
    assert right.mean() > model.score_samples(X[:50], condition=1 - which[:50]).mean() + 1


def test_files_pieces_and_pipelines(on_earth, tmp_path):
    X = earth(100, seed=3)[0]
    skgen.save(on_earth, tmp_path / "model")
    loaded = skgen.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.sample(5), on_earth.sample(5))
    np.testing.assert_array_equal(loaded.score_samples(X), on_earth.score_samples(X))
    np.testing.assert_array_equal(on_earth.sample(3), on_earth.sample(8)[:3])
    model = FlowMatcher(geometry="sphere", **QUICK)
    assert model.partial_fit(X[:50]).partial_fit(X[50:]).sample(4).shape == (4, 2)
    pipe = make_pipeline(FlowMatcher(geometry="sphere", **QUICK)).fit(X)
    assert pipe.score_samples(X).shape == (100,)
    times, paths = on_earth.trajectory(X[:4], n_steps=5)
    assert paths.shape == (6, 4, 2)
    assert len(times) == 6


def test_what_does_not_go_with_a_geometry_says_so(on_earth):
    X = earth(60)[0]
    assert not hasattr(on_earth, "impute")
    assert not hasattr(FlowMatcher(geometry="torus"), "impute")
    assert hasattr(FlowMatcher(), "impute")
    with pytest.raises(ValueError, match="source= does not go with geometry='sphere'"):
        FlowMatcher(geometry="sphere", **QUICK).fit(X, source=X)
    wrong = {"coupling": "optimal-transport", "n_iterations": 2, "ode_solver": "adaptive"}
    wrong["scaling"] = "quantile"
    for name, value in wrong.items():
        with pytest.raises(ValueError, match=f"{name}=.* does not go with geometry"):
            FlowMatcher(geometry="sphere", **QUICK, **{name: value}).fit(X)
    X[7, 0] = -91
    with pytest.raises(ValueError, match="-91 in row 7 of column 0, which is no latitude"):
        FlowMatcher(geometry="sphere", **QUICK).fit(X)
    with pytest.raises(ValueError, match="-91 in row 7 of column 0"):
        on_earth.score_samples(X)


@pytest.mark.slow
@parametrize_with_checks([FlowMatcher(geometry="torus", max_steps=5, hidden_units=16, n_steps=4)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)
