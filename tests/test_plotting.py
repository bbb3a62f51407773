"""Displays: what is drawn is what was given, on the axes given, and errors say what would do."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgen import (
    BinaryLatentDiffusion,
    FlowMatcher,
    GenerativeImputer,
    GenerativeOverSampler,
    SchrodingerBridgeMatcher,
    TableEncoder,
    VariationalDiffusionAE,
    make_generative_pipeline,
)
from skgen.plotting import (
    CodeUsageDisplay,
    ImageGridDisplay,
    LatentMapDisplay,
    SampleComparisonDisplay,
    SkeletonDisplay,
    TrainingCurveDisplay,
    TrajectoryDisplay,
)

IRIS, SPECIES = load_iris(return_X_y=True)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def closed():
    """Leave no figure open, and draw each, so that what cannot be drawn fails."""
    yield
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()
    plt.close("all")


@pytest.fixture(scope="module")
def autoencoder():
    return VariationalDiffusionAE(
        n_components=3, max_steps=25, hidden_units=32, n_steps=8, random_state=0
    ).fit(IRIS)


@pytest.fixture(scope="module")
def bridge():
    return SchrodingerBridgeMatcher(max_steps=10, random_state=0).fit(IRIS)


def points(collection):
    return np.asarray(collection.get_offsets())


# Training curves


def test_training_curve_draws_the_history_of_each_stage(autoencoder):
    display = TrainingCurveDisplay.from_estimator(autoencoder)
    history = pd.DataFrame(autoencoder.history_)
    for ax, (stage, rows) in zip(display.axes_, history.groupby("stage", sort=False), strict=True):
        assert ax.get_title() == stage
        assert ax.figure is display.figure_
        for line, key in zip(ax.lines, ("train_loss", "valid_loss"), strict=True):
            np.testing.assert_array_equal(line.get_xydata(), rows[["step", key]])
    labels = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert labels == ["training", "validation"]


def test_training_curve_without_validation_and_with_a_second_fit():
    first = [{"stage": "one", "step": s, "train_loss": 1 / s} for s in (10, 20)]
    # a row of an interrupted stage has no loss
    history = [*first, {"stage": "two", "step": 3}, *first, *first]
    display = TrainingCurveDisplay(history=history).plot()
    assert [ax.get_title() for ax in display.axes_] == ["one", "two", "one", "one"]
    assert [len(ax.lines) for ax in display.axes_] == [1, 0, 1, 1]


def test_panels_take_the_place_of_the_axes_given(autoencoder):
    figure, (left, right) = plt.subplots(1, 2)
    display = TrainingCurveDisplay.from_estimator(autoencoder, ax=left)
    assert display.figure_ is figure
    figure.canvas.draw()
    place = left.get_position()
    for ax in display.axes_:
        assert place.x0 - 1e-9 <= ax.get_position().x0 < ax.get_position().x1 <= place.x1 + 1e-9
    assert right.has_data() is False
    assert len(plt.get_fignums()) == 1
    with pytest.raises(ValueError, match="ax was placed by hand and cannot be divided"):
        TrainingCurveDisplay.from_estimator(autoencoder, ax=figure.add_axes((0, 0, 1, 1)))


def test_training_curve_needs_a_fitted_estimator():
    with pytest.raises(ValueError, match="This FlowMatcher has no history_: fit it first"):
        TrainingCurveDisplay.from_estimator(FlowMatcher())


def test_training_curve_finds_the_model_that_something_holds(autoencoder):
    X = IRIS.copy()
    y = np.repeat([0, 1], [100, 50])
    quick = FlowMatcher(max_steps=2, random_state=0)
    pipe = make_generative_pipeline(StandardScaler(), quick).fit(X)
    holes = X.copy()
    holes[::9, 1] = np.nan
    imputer = GenerativeImputer(make_generative_pipeline(StandardScaler(), quick)).fit(holes)
    sampler = GenerativeOverSampler(quick)
    sampler.fit_resample(X, y)
    search = GridSearchCV(pipe, {"flowmatcher__max_steps": [2]}, cv=2).fit(X)
    features = make_pipeline(quick, StandardScaler()).fit(X)
    for holder, model in (
        (pipe, pipe[-1]),
        (imputer, imputer.model_[-1]),
        (sampler, sampler.model_),
        (search, search.best_estimator_[-1]),
        (features, features[0]),
    ):
        assert TrainingCurveDisplay.from_estimator(holder).history == model.history_
    for empty in (make_generative_pipeline(quick), GenerativeImputer(quick), StandardScaler()):
        with pytest.raises(ValueError, match=f"This {type(empty).__name__} has no history_"):
            TrainingCurveDisplay.from_estimator(clone(empty))


# Comparison of samples


def test_comparison_draws_pairs_and_densities(rng):
    X, Y = rng.normal(size=(60, 3)), rng.normal(size=(40, 3))
    frame = pd.DataFrame(X, columns=["length", "width", "weight"])
    display = SampleComparisonDisplay.from_samples(frame, Y, columns=[2, 0])
    assert display.axes_.shape == (2, 2)
    assert display.axes_[0, 1] is None
    scatter = display.axes_[1, 0]
    assert (scatter.get_xlabel(), scatter.get_ylabel()) == ("weight", "length")
    for drawn, rows in zip(scatter.collections, (X, Y), strict=True):
        np.testing.assert_array_equal(points(drawn), rows[:, [2, 0]])
    for ax, column in zip(display.axes_.diagonal(), (2, 0), strict=True):
        for patch, rows in zip(ax.patches, (Y, X), strict=True):
            # the outline of a histogram whose bins cover both, and whose area is 1
            x, y = patch.get_xy().T
            assert x.min() <= min(X[:, column].min(), Y[:, column].min())
            assert np.trapezoid(y, x) == pytest.approx(1)
            assert np.sum(y * (rows[:, column].size > 0)) > 0
    labels = [text.get_text() for text in display.axes_[0, 0].get_legend().get_texts()]
    assert labels == ["real", "generated"]


def test_comparison_shows_the_first_columns_and_some_of_many_rows(rng):
    X, Y = rng.normal(size=(2, 1500, 8))
    display = SampleComparisonDisplay.from_samples(X, Y, random_state=0)
    assert display.axes_.shape == (6, 6)
    assert display.axes_[5, 0].get_xlabel() == "column 0"
    assert [len(points(drawn)) for drawn in display.axes_[1, 0].collections] == [1000, 1000]
    again = SampleComparisonDisplay.from_samples(X, Y, random_state=0)
    np.testing.assert_array_equal(
        points(display.axes_[1, 0].collections[0]), points(again.axes_[1, 0].collections[0])
    )
    single = SampleComparisonDisplay.from_samples(X[:, :1], Y[:, :1])
    assert single.axes_.shape == (1, 1)


def test_comparison_of_an_estimator_draws_as_many_rows(autoencoder):
    display = SampleComparisonDisplay.from_estimator(autoencoder, IRIS[:70], random_state=3)
    np.testing.assert_array_equal(display.X_fake, autoencoder.sample(70, random_state=3))


@pytest.mark.parametrize(
    "columns", [[0, 3], [-1], [], list(range(7)), ["a"], [0.0], "ab", [True, False, True]]
)
def test_comparison_refuses_columns_that_are_not_there(rng, columns):
    X = rng.normal(size=(10, 3))
    with pytest.raises(ValueError, match="give at most 6 columns, each by its number, from 0 to 2"):
        SampleComparisonDisplay.from_samples(X, X, columns=columns)


def test_comparison_takes_columns_by_name():
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": ["x", "y", "x"], "c": [3.0, 1.0, 2.0]})
    by_name = SampleComparisonDisplay.from_samples(frame, frame, columns=["c", "b"])
    by_number = SampleComparisonDisplay.from_samples(frame, frame, columns=[2, 1])
    labels = [[ax.get_xlabel() for ax in display.axes_[-1]] for display in (by_name, by_number)]
    assert labels[0] == labels[1] == ["c", "b"]


def test_a_name_of_a_column_is_not_a_list_of_letters():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0], "ab": [0.0, 1.0]})
    display = SampleComparisonDisplay.from_samples(frame, frame, columns="ab")
    assert [ax.get_xlabel() for ax in display.axes_[-1]] == ["ab"]


def test_comparison_refuses_other_columns(rng):
    X = rng.normal(size=(5, 3))
    with pytest.raises(
        ValueError, match=r"the 3 columns .* and X_fake the 2 columns .*: give both"
    ):
        SampleComparisonDisplay.from_samples(X, X[:, :2])
    frame = pd.DataFrame(X, columns=list("abc"))
    with pytest.raises(ValueError, match=r"X_fake lacks \['a'\] and has \['d'\] besides"):
        SampleComparisonDisplay.from_samples(frame, frame.rename(columns={"a": "d"}))
    with pytest.raises(ValueError, match="Column 'b' holds numbers in X_real and categories"):
        SampleComparisonDisplay.from_samples(frame, frame.assign(b="word"))


def test_comparison_matches_frames_by_the_names_of_their_columns(rng):
    frame = pd.DataFrame(rng.normal(size=(5, 3)), columns=list("abc"))
    display = SampleComparisonDisplay.from_samples(frame, frame[list("cba")])
    np.testing.assert_array_equal(display.X_real, display.X_fake)
    assert display.names == ["a", "b", "c"]


def mixed(rng, n, cities=("Bonn", "Köln")):
    return pd.DataFrame(
        {
            "city": rng.choice(cities, n),
            "size": rng.normal(size=n),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(90, size=n), "D"),
            "level": pd.Categorical.from_codes(rng.integers(3, size=n), ["s", "m", "l"], True),
        }
    )


def test_comparison_of_mixed_frames(rng):
    real, fake = mixed(rng, 80), mixed(rng, 60, ("Bonn", "Jena"))
    real.loc[:9, "size"] = np.nan
    fake.loc[:4, "city"] = None
    display = SampleComparisonDisplay.from_samples(real, fake[real.columns[::-1]], random_state=0)
    assert display.axes_.shape == (4, 4)
    display.figure_.canvas.draw()

    def ticks(axis):
        return [text.get_text() for text in axis.get_ticklabels()]

    # The most frequent city of the real rows is first, and one that they lack last; levels keep
    # their order.
    first, second = real["city"].value_counts().index
    assert ticks(display.axes_[3, 0].xaxis) == [first, second, "Jena"]
    assert ticks(display.axes_[3, 0].yaxis) == ["s", "m", "l"]
    assert "2024" in "".join(ticks(display.axes_[2, 0].yaxis))
    # Rows with a gap in one of two columns have no point.
    sizes = [np.isfinite(points(c)).all(1).sum() for c in display.axes_[1, 0].collections]
    assert sizes == [70, 55]
    days = points(display.axes_[2, 1].collections[1])[:, 1]
    expected = (fake["day"] - pd.Timestamp("1970-01-01")).dt.days
    np.testing.assert_array_equal(np.sort(days), np.sort(expected))
    # A point lies nearer to its own category than to another.
    codes = points(display.axes_[3, 0].collections[0]).round()
    np.testing.assert_array_equal(codes[:, 1], real["level"].cat.codes)
    np.testing.assert_array_equal(codes[:, 0] == 0, real["city"] == first)


def test_comparison_of_a_pipeline_of_a_table(rng):
    frame = mixed(rng, 60)
    pipe = make_generative_pipeline(TableEncoder(), FlowMatcher(max_steps=2, random_state=0))
    display = SampleComparisonDisplay.from_estimator(pipe.fit(frame), frame, random_state=0)
    assert display.names == list(frame)
    assert display.X_fake.shape == (60, 4)


# Images


def test_image_grid_lays_images_out_in_order():
    X = np.arange(5 * 6.0).reshape(5, 6)
    display = ImageGridDisplay.from_samples({"all": X}, input_shape=(1, 2, 3), n_columns=2)
    sheet = display.axes_[0].images[0].get_array()
    # three rows of two images of 2 by 3, a pixel between them
    assert sheet.shape == (3 * 3 - 1, 2 * 4 - 1)
    drawn = sheet.filled(np.nan) * 29
    for i, rows in enumerate(X):
        top, left = 3 * (i // 2), 4 * (i % 2)
        np.testing.assert_allclose(drawn[top : top + 2, left : left + 3], rows.reshape(2, 3))
    assert np.isnan(drawn[2]).all()
    assert np.isnan(drawn[6:, 4:]).all()


def test_image_grid_in_colour_and_on_the_span_of_the_first_sheet():
    X = np.zeros((1, 3, 2, 2))
    X[0, 0], X[0, 1, 0, 0] = 10, 10  # red, and yellow at the top left
    sheets = {"first": X.reshape(1, -1), "brighter": 7 * X.reshape(1, -1) - 5}
    display = ImageGridDisplay.from_samples(sheets, input_shape=(3, 2, 2))
    for ax, title in zip(display.axes_, sheets, strict=True):
        image = ax.images[0].get_array()
        assert to_hex(image[0, 0]) == "#ffff00"
        assert to_hex(image[1, 1]) == "#ff0000"
        assert ax.get_title() == title


def test_image_grid_of_an_estimator(autoencoder, bridge):
    options = {"input_shape": (1, 2, 2), "n_images": 6, "random_state": 1}
    assert list(ImageGridDisplay.from_estimator(bridge, IRIS, **options).sheets)[-1] == "new"
    display = ImageGridDisplay.from_estimator(autoencoder, IRIS, **options)
    assert list(display.sheets) == ["real", "reconstructed", "new"]
    back = autoencoder.inverse_transform(autoencoder.transform(IRIS[:6]))
    np.testing.assert_array_equal(display.sheets["reconstructed"], back)
    np.testing.assert_array_equal(display.sheets["new"], autoencoder.sample(6, random_state=1))


@pytest.mark.parametrize(
    ("input_shape", "message"),
    [
        (None, r"input_shape=None: give \(channels, height, width\)"),
        ((2, 2), "with 1 channel or 3"),
        ((2, 1, 2), "with 1 channel or 3"),
        ((1, 2, 3), "means 6 columns, and the rows have 4"),
    ],
)
def test_image_grid_refuses_rows_that_are_no_images(autoencoder, input_shape, message):
    with pytest.raises(ValueError, match=message):
        ImageGridDisplay.from_estimator(autoencoder, IRIS, input_shape=input_shape)
    with pytest.raises(ValueError, match="n_columns == 0, must be >= 1"):
        ImageGridDisplay.from_samples({"new": IRIS}, input_shape=(1, 2, 2), n_columns=0)
    with pytest.raises(TypeError, match="sheets must be a dict of titles and rows"):
        ImageGridDisplay.from_samples(IRIS, input_shape=(1, 2, 2))


# Trajectories


def test_trajectory_of_a_bridge(bridge, rng):
    Z = rng.normal(size=(9, 4))
    figure, ax = plt.subplots()
    display = TrajectoryDisplay.from_estimator(
        bridge, Z, n_steps=5, columns=[3, 1], random_state=0, ax=ax
    )
    assert display.ax_ is ax
    assert display.figure_ is figure
    times, paths = bridge.trajectory(Z, n_steps=5, random_state=0)
    np.testing.assert_array_equal(display.times, times)
    for line, path in zip(ax.lines, paths.transpose(1, 0, 2), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), path[:, [3, 1]])
    start, end = ax.collections
    np.testing.assert_array_equal(points(start), paths[0][:, [3, 1]])
    np.testing.assert_array_equal(points(end), paths[-1][:, [3, 1]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("column 3", "column 1")


def test_trajectory_of_a_bridge_without_noise_follows_the_flow(rng):
    Z = rng.normal(size=(5, 4))
    flow = FlowMatcher(max_steps=5, random_state=0).fit(IRIS, condition=SPECIES)
    display = TrajectoryDisplay.from_estimator(flow, Z, condition=[0, 0, 1, 2, 2])
    _, paths = flow.trajectory(Z, stochastic=False, condition=[0, 0, 1, 2, 2])
    np.testing.assert_array_equal(display.paths, paths)


def test_trajectory_of_a_frame_names_its_axes(rng):
    frame = pd.DataFrame(rng.normal(size=(40, 3)), columns=["a", "b", "c"])
    model = FlowMatcher(max_steps=5, random_state=0).fit(frame, source=frame + 2)
    display = TrajectoryDisplay.from_estimator(
        model, frame[:4], times=[0, 0.5, 1], columns=["c", "a"]
    )
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("c", "a")
    assert display.paths.shape == (3, 4, 3)
    np.testing.assert_array_equal(display.ax_.lines[2].get_xdata(), display.paths[:, 2, 2])
    with pytest.raises(ValueError, match="give at most 2 columns"):
        display.plot(columns=["d"])
    with pytest.raises(ValueError, match="has 1 names, and paths 3 columns"):
        TrajectoryDisplay.from_samples(display.times, display.paths, feature_names=["a"])


def test_trajectory_of_one_column_is_drawn_over_time(rng):
    times, paths = np.linspace(0, 1, 4), rng.normal(size=(4, 300, 1))
    ax = TrajectoryDisplay.from_samples(times, paths).ax_
    assert len(ax.lines) == 100
    np.testing.assert_array_equal(ax.lines[7].get_xydata(), np.c_[times, paths[:, 7, 0]])
    assert ax.get_xlabel() == "time"


def test_trajectory_of_images_is_a_chain_a_row(rng):
    times, paths = np.linspace(0, 1, 17), rng.normal(size=(17, 2, 4))
    ax = TrajectoryDisplay.from_samples(times, paths, input_shape=(1, 2, 2)).ax_
    assert [text.get_text() for text in ax.texts] == [f"{t:.2f}" for t in times[::2]]
    sheet = ax.images[0].get_array().filled(np.nan)
    assert sheet.shape == (2 * 3 - 1, 9 * 3 - 1)
    low, high = paths[-1].min(), paths[-1].max()
    np.testing.assert_allclose(low + sheet[:2, -2:] * (high - low), paths[-1, 0].reshape(2, 2))


def test_trajectory_says_what_it_needs(autoencoder, rng):
    with pytest.raises(TypeError, match="VariationalDiffusionAE has no method trajectory: give a"):
        TrajectoryDisplay.from_estimator(autoencoder, IRIS)
    with pytest.raises(ValueError, match=r"times has the shape \(3,\) and paths \(4, 5, 2\)"):
        TrajectoryDisplay.from_samples(np.arange(3), rng.normal(size=(4, 5, 2)))
    with pytest.raises(ValueError, match="give at most 2 columns"):
        TrajectoryDisplay.from_samples(np.arange(4), rng.normal(size=(4, 5, 3)), columns=[0, 1, 2])


# Codes


def heights(ax):
    return [bar.get_height() for bar in ax.patches]


def test_code_usage_of_bits(rng):
    Z = np.array([[1, 0, 0, 1], [1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 1, 0]])
    display = CodeUsageDisplay.from_samples(Z)
    assert heights(display.ax_) == [1, 0, 0.5, 0.25]
    entropy = 1 - 0.25 * np.log2(0.25) - 0.75 * np.log2(0.75)
    assert display.ax_.get_title() == f"{entropy:.1f} bits of 4 in use"

    model = BinaryLatentDiffusion(n_bits=5, max_steps=5, random_state=0).fit(IRIS)
    display = CodeUsageDisplay.from_estimator(model, IRIS)
    np.testing.assert_allclose(heights(display.ax_), model.transform(IRIS).mean(axis=0))


def test_code_usage_of_a_codebook():
    Z = [[5, 1], [5, 1], [5, 2], [5, 0]]
    ax = CodeUsageDisplay.from_samples(Z, n_codes=6).ax_
    assert heights(ax) == [0.5, 0.25, 0.125, 0.125, 0, 0]
    # the entropy is 1.75 bits
    assert ax.get_title() == f"4 words of 6 in use, perplexity {2**1.75:.1f}"


@pytest.mark.parametrize(
    ("Z", "n_codes", "message"),
    [
        ([[0, 2]], None, "entry 2: give bits, or give n_codes"),
        ([[0, 0.5]], None, "entry 0.5: give bits"),
        ([[0, 4]], 4, "entry 4: give whole numbers from 0 to 3"),
        ([[0, 1.5]], 4, "entry 1.5: give whole numbers"),
        ([[0, -1]], 4, "entry -1: give whole numbers"),
        ([[0, 0]], 1, "n_codes == 1, must be >= 2"),
    ],
)
def test_code_usage_refuses_what_is_no_code(Z, n_codes, message):
    with pytest.raises(ValueError, match=message):
        CodeUsageDisplay.from_samples(Z, n_codes=n_codes)


# Latent maps


def test_latent_map_keeps_the_distances_of_a_plane(rng):
    plane = rng.normal(size=(60, 2)) * [3, 1]
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0][:2]
    display = LatentMapDisplay.from_samples(plane @ turn + 7)
    drawn = points(display.ax_.collections[0])
    gram = (plane - plane.mean(axis=0)) @ (plane - plane.mean(axis=0)).T
    np.testing.assert_allclose(drawn @ drawn.T, gram, atol=1e-9)
    assert display.shares.sum() == pytest.approx(1)


def test_latent_map_colours_classes_and_numbers(autoencoder, rng):
    names = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
    figure, ax = plt.subplots()
    display = LatentMapDisplay.from_estimator(autoencoder, IRIS, names, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert [text.get_text() for text in ax.get_legend().get_texts()] == sorted(set(names))
    # a display can be drawn again, elsewhere
    other = plt.subplots()[1]
    assert display.plot(other).ax_ is other
    for drawn, name in zip(ax.collections, sorted(set(names)), strict=True):
        np.testing.assert_allclose(points(drawn), display.positions[names == name])

    numbers = rng.normal(size=150)
    scale = LatentMapDisplay.from_estimator(autoencoder, IRIS, numbers).ax_
    np.testing.assert_array_equal(scale.collections[0].get_array(), numbers)
    assert scale.get_legend() is None


def test_latent_map_says_what_it_needs(rng):
    Z = rng.normal(size=(30, 3))
    with pytest.raises(ValueError, match=r"Z has the shape \(30, 1\): give at least 2 rows of 2"):
        LatentMapDisplay.from_samples(Z[:, :1])
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[30, 29\]"):
        LatentMapDisplay.from_samples(Z, np.zeros(29))
    with pytest.raises(ValueError, match="labels has 30 classes, too many for a legend"):
        LatentMapDisplay.from_samples(Z, [f"name {i}" for i in range(30)])


# Skeletons

CHAIN = np.array([[0, 0, 0], [0, 1, 0], [0, 1, 2], [1, 1, 2]], dtype=float)


def test_skeleton_draws_a_bone_for_each_joint_but_the_root():
    poses = np.stack([CHAIN, CHAIN + 1])
    ax = plt.figure().add_subplot(projection="3d")
    display = SkeletonDisplay.from_samples(poses, [-1, 0, 1, 1], up="y", ax=ax)
    assert display.ax_ is ax
    bones = [np.transpose(line.get_data_3d()) for line in ax.lines]
    expected = [pose[[a, b]] for pose in poses for a, b in ((0, 1), (1, 2), (1, 3))]
    np.testing.assert_array_equal(bones, expected)
    assert ax.lines[0].get_color() is not ax.lines[3].get_color()
    # the same length in each direction
    assert ax.get_aspect() == "equal"
    # a root may also be its own parent
    assert len(SkeletonDisplay.from_samples(CHAIN, [0, 0, 1, 2]).ax_.lines) == 3


def test_skeleton_says_what_it_needs():
    parents = [-1, 0, 1, 2]
    with pytest.raises(ValueError, match=r"poses has the shape \(1, 4, 2\): give \(n_joints, 3\)"):
        SkeletonDisplay.from_samples(CHAIN[:, :2], parents)
    for wrong in ([-1, 0, 1], [-1, 0, 1, 4], [-2, 0, 1, 2], [-1, 0, 1, 0.5]):
        with pytest.raises(ValueError, match="for 4 joints: give the number of a joint for each"):
            SkeletonDisplay.from_samples(CHAIN, wrong)
    with pytest.raises(ValueError, match="up='up': give 'x', 'y' or 'z'"):
        SkeletonDisplay.from_samples(CHAIN, parents, up="up")
    with pytest.raises(ValueError, match="ax is flat: give axes made with projection='3d'"):
        SkeletonDisplay.from_samples(CHAIN, parents, ax=plt.subplots()[1])


# Without matplotlib


def test_without_matplotlib_the_error_names_the_extra(monkeypatch, rng):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"LatentMapDisplay draws .*'scikit-gen\[plot\]'"):
        LatentMapDisplay.from_samples(rng.normal(size=(5, 2)))


def test_importing_the_module_imports_no_matplotlib():
    code = "import sys, skgen.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
