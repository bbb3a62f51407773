"""Data sets: densities against scipy and quadrature, crops pixel by pixel, files and their absence.

What reads a published set in full needs the folder that SKGEN_DATA names, and is skipped without.
"""

from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal
from sklearn.datasets import load_sample_images
from sklearn.metrics import pairwise_distances_argmin

from skgen.datasets import (
    CorrelatedGaussian,
    GaussianRing,
    _files,
    _photos,
    fetch_california_housing,
    fetch_mnist,
    fetch_power_plant,
    load_pen_digits,
    load_photo_crops,
    load_relief,
)

# Laws with a known density


@pytest.mark.parametrize("n_features", [1, 2, 5, 12])
def test_gaussian_density_matches_scipy(n_features):
    law = CorrelatedGaussian(n_features)
    X = 2 * np.random.default_rng(0).normal(size=(20, n_features))
    exact = multivariate_normal(law.mean, law.covariance).logpdf(X)
    np.testing.assert_allclose(law.log_density(X), exact, rtol=1e-10)


def test_gaussian_is_correlated_and_unequal_in_scale():
    law = CorrelatedGaussian()
    scale = np.sqrt(np.diag(law.covariance))
    correlation = law.covariance / np.outer(scale, scale)
    np.testing.assert_allclose(np.diag(correlation, k=1), 0.8)
    np.testing.assert_allclose(scale[[0, -1]], [0.5, 2.0])
    np.testing.assert_allclose(law.mean, [-1, -0.5, 0, 0.5, 1])


def test_gaussian_sample_has_mean_covariance_and_entropy():
    law, n = CorrelatedGaussian(), 50_000
    X = law.sample(n, random_state=0)
    variance = np.diag(law.covariance)
    # four standard errors of a mean, of a covariance, and of the mean log-density
    assert np.all(np.abs(X.mean(axis=0) - law.mean) < 4 * np.sqrt(variance / n))
    error = np.sqrt((np.outer(variance, variance) + law.covariance**2) / n)
    assert np.all(np.abs(np.cov(X.T) - law.covariance) < 4 * error)
    entropy = multivariate_normal(law.mean, law.covariance).entropy()
    assert -law.log_density(X).mean() == pytest.approx(entropy, abs=4 * np.sqrt(2.5 / n))


@pytest.mark.parametrize("missing", [[0], [4], [1, 3], [0, 1, 2, 3]])
def test_gaussian_conditional_completes_the_chain_rule(missing):
    law = CorrelatedGaussian()
    x = law.sample(random_state=1)[0]
    gaps = np.isin(np.arange(5), missing)
    mean, covariance = law.conditional(np.where(gaps, np.nan, x))

    seen = multivariate_normal(law.mean[~gaps], law.covariance[np.ix_(~gaps, ~gaps)])
    whole = multivariate_normal(mean, covariance).logpdf(x[gaps]) + seen.logpdf(x[~gaps])
    assert whole == pytest.approx(law.log_density([x])[0], rel=1e-10)

    precision = np.linalg.inv(law.covariance)
    np.testing.assert_allclose(covariance, np.linalg.inv(precision[np.ix_(gaps, gaps)]), atol=1e-12)


def test_gaussian_conditional_matches_simulation():
    law = CorrelatedGaussian(3)
    X = law.sample(400_000, random_state=0)
    near = X[np.abs(X[:, 1] - 0.8) < 0.02]
    mean, covariance = law.conditional([np.nan, 0.8, np.nan])
    tolerance = 5 * np.sqrt(np.diag(covariance) / len(near)) + 0.02
    assert len(near) > 3000
    assert np.all(np.abs(near[:, [0, 2]].mean(axis=0) - mean) < tolerance)
    np.testing.assert_allclose(np.cov(near[:, [0, 2]].T), covariance, atol=0.1)


def test_gaussian_conditional_at_its_ends():
    law = CorrelatedGaussian(3)
    mean, covariance = law.conditional([np.nan] * 3)
    np.testing.assert_array_equal(mean, law.mean)
    np.testing.assert_array_equal(covariance, law.covariance)
    mean, covariance = law.conditional([0.0, 1.0, 2.0])
    assert mean.shape == (0,)
    assert covariance.shape == (0, 0)


def grid(law, half_width, n):
    """Evaluate a law's log-density at the centres of n x n cells, and give the area of a cell."""
    edge = (np.arange(n) + 0.5) / n * 2 * half_width - half_width
    points = np.stack(np.meshgrid(edge, edge), axis=-1).reshape(-1, 2)
    return law.log_density(points), (2 * half_width / n) ** 2


@pytest.mark.parametrize(
    "law", [GaussianRing(), GaussianRing(3, radius=1.0, scale=0.6), CorrelatedGaussian(2)]
)
def test_density_in_the_plane_integrates_to_one(law):
    log_density, area = grid(law, half_width=14, n=800)
    assert np.exp(log_density).sum() * area == pytest.approx(1, abs=1e-6)


def test_ring_sample_follows_its_density():
    law, n = GaussianRing(), 40_000
    X = law.sample(n, random_state=0)
    log_density, area = grid(law, half_width=4, n=800)
    expected = (np.exp(log_density) * log_density).sum() * area
    assert law.log_density(X).mean() == pytest.approx(
        expected, abs=4 * law.log_density(X).std() / np.sqrt(n)
    )

    away = X[:, None] - law.centers
    component = (away**2).sum(axis=2).argmin(axis=1)
    share = np.bincount(component, minlength=8) / n
    np.testing.assert_allclose(share, 1 / 8, atol=4 * np.sqrt(7 / 64 / n))
    # few rows are nearer to another centre than to their own
    spread = away[np.arange(n), component].std(axis=0)
    np.testing.assert_allclose(spread, law.scale, rtol=0.02)
    np.testing.assert_allclose(np.linalg.norm(law.centers, axis=1), law.radius)


@pytest.mark.parametrize("law", [CorrelatedGaussian(), GaussianRing()])
def test_law_is_fixed_and_rows_follow_the_seed(law):
    assert type(law)() == law
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    X = law.sample(10, random_state=3)
    np.testing.assert_array_equal(law.sample(10, random_state=np.random.default_rng(3)), X)
    assert not np.array_equal(law.sample(10, random_state=4), X)
    assert not np.array_equal(law.sample(10), law.sample(10))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_laws_refuse_what_they_cannot_use():
    with pytest.raises(ValueError, match="n_features == 0"):
        CorrelatedGaussian(0)
    with pytest.raises(ValueError, match="scale == 0"):
        GaussianRing(scale=0)
    with pytest.raises(ValueError, match="X has 3 columns, and the law has 2"):
        GaussianRing().log_density(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="NaN"):
        CorrelatedGaussian().log_density(np.full((1, 5), np.nan))


# Crops of photographs


def numbered_photos():
    """Two photographs whose three channels spell a pixel's own number, base 256."""
    shape = (2, 427, 640)
    number = np.arange(np.prod(shape)).reshape(shape)
    return np.stack([number // 256**2, number // 256 % 256, number % 256], axis=-1).astype(np.uint8)


@pytest.fixture
def numbered(monkeypatch):
    photos = SimpleNamespace(images=list(numbered_photos()))
    monkeypatch.setattr(_photos, "load_sample_images", lambda: photos)


def pixel_numbers(crops, size):
    """Read the number of every pixel of the crops, of shape (n_crops, size, size)."""
    channels = np.round(crops.data * 255).astype(int).reshape(-1, 3, size, size)
    return channels[:, 0] * 256**2 + channels[:, 1] * 256 + channels[:, 2]


@pytest.mark.parametrize("size", [1, 32, 80])
def test_crops_are_disjoint_and_contiguous(numbered, size):
    numbers = {}
    for subset in ("train", "test"):
        crops = load_photo_crops(200, size, subset=subset)
        numbers[subset] = pixel_numbers(crops, size)
        rows, columns = (np.diff(numbers[subset], axis=axis) for axis in (1, 2))
        assert np.all(rows == 640)
        assert np.all(columns == 1)
        photo = numbers[subset].reshape(200, -1) // (427 * 640)
        np.testing.assert_array_equal(photo, np.broadcast_to(crops.target[:, None], photo.shape))
    assert np.intersect1d(numbers["train"], numbers["test"]).size == 0


def test_crops_reach_all_of_their_subset(numbered):
    seen = np.zeros((2, 427, 640), dtype=bool)
    for subset in ("train", "test"):
        numbers = pixel_numbers(load_photo_crops(2000, 8, subset=subset), 8)
        seen.flat[numbers] = True
    assert seen.any(axis=1).all()
    assert seen.any(axis=2).all()


def test_crops_show_the_photographs():
    crops = load_photo_crops(200, 16)
    assert crops.data.dtype == np.float32
    assert crops.data.min() >= 0
    assert 0.9 < crops.data.max() <= 1
    assert len(crops.feature_names) == crops.data.shape[1]
    assert crops.feature_names[256 + 16 + 2] == "green_1_2"
    np.testing.assert_array_equal(crops.data, load_photo_crops(200, 16).data)

    photos = np.stack(load_sample_images().images)
    image = np.round(crops.data[0].reshape(3, 16, 16) * 255).transpose(1, 2, 0)
    windows = np.lib.stride_tricks.sliding_window_view(photos[crops.target[0]], (16, 16, 3))
    first_pixel = np.all(windows[:, :, 0, 0, 0] == image[0, 0], axis=-1)
    assert np.any(np.all(windows[first_pixel] == image, axis=(1, 2, 3, 4)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 81}, "size == 81, must be <= 80"),
        ({"n_crops": 0}, "n_crops == 0"),
        ({"subset": "all"}, "subset='all' is unknown: give 'train' or 'test'"),
    ],
)
def test_crops_refuse_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        load_photo_crops(**options)


def test_crops_without_pillow_name_the_extra(monkeypatch):
    def without_pillow():
        raise ImportError("no PIL")

    monkeypatch.setattr(_photos, "load_sample_images", without_pillow)
    with pytest.raises(ImportError, match=r"Pillow.*scikit-gen\[plot\]"):
        load_photo_crops()


# Published sets


PLANT = "AT,V,AP,RH,PE\n14.96,41.76,1024.07,73.17,463.26\n25.18,62.96,1020.04,59.08,444.37\n"
HOUSING = (
    "ocean_proximity,longitude,latitude,housing_median_age,total_rooms,total_bedrooms,"
    "population,households,median_income,median_house_value\n"
    "NEAR BAY,-122.23,37.88,41.0,880.0,,322.0,126.0,8.3252,452600.0\n"
)


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.delenv("SKGEN_DATA", raising=False)

    def unreachable(**options):
        raise URLError("no route to host")

    monkeypatch.setattr(_files, "fetch_openml", unreachable)


@pytest.mark.usefixtures("no_network")
def test_file_is_found_in_data_home_before_skgen_data(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, text in ((here, PLANT), (there, PLANT.replace("14.96", "99"))):
        folder.mkdir()
        (folder / "power_plant_ccpp.csv").write_text(text)
    monkeypatch.setenv("SKGEN_DATA", str(there))
    assert fetch_power_plant().data[0, 0] == 99
    plant = fetch_power_plant(data_home=here)
    np.testing.assert_array_equal(plant.data[0], [14.96, 41.76, 1024.07, 73.17, 463.26])

    frame = fetch_power_plant(data_home=str(here), as_frame=True).data
    assert list(frame) == plant.feature_names
    np.testing.assert_array_equal(frame, plant.data)


@pytest.mark.usefixtures("no_network")
def test_housing_keeps_blanks_and_drops_the_category(tmp_path):
    (tmp_path / "california_housing.csv").write_text(HOUSING)
    housing = fetch_california_housing(data_home=tmp_path)
    row = [-122.23, 37.88, 41, 880, np.nan, 322, 126, 8.3252, 452600]
    np.testing.assert_array_equal(housing.data, [row])
    assert housing.feature_names[4] == "total_bedrooms"


@pytest.mark.usefixtures("no_network")
def test_mnist_is_flattened_from_its_file(tmp_path):
    arrays = {
        "x_train": np.arange(3 * 784).reshape(3, 28, 28).astype(np.uint8),
        "y_train": np.array([5, 0, 4], dtype=np.uint8),
        "x_test": np.full((2, 28, 28), 255, dtype=np.uint8),
        "y_test": np.array([7, 2], dtype=np.uint8),
    }
    np.savez(tmp_path / "mnist.npz", **arrays)
    mnist = fetch_mnist(data_home=tmp_path)
    np.testing.assert_array_equal(mnist.data, np.arange(3 * 784).reshape(3, 784) % 256)
    np.testing.assert_array_equal(mnist.target, [5, 0, 4])
    assert mnist.data.dtype == np.float32
    assert mnist.feature_names[30] == "pixel_1_2"

    X, y = fetch_mnist(subset="test", data_home=tmp_path, return_X_y=True)
    assert np.all(X == 255)
    np.testing.assert_array_equal(y, [7, 2])


def test_mnist_from_openml_is_split_and_numeric(monkeypatch, tmp_path):
    labels = np.arange(60_004) % 10
    frame = pd.DataFrame({"pixel1": np.arange(60_004), "class": labels.astype(str)})
    asked = {}

    def fetch(**options):
        asked.update(options)
        return SimpleNamespace(data=frame.astype({"class": "category"}))

    monkeypatch.setattr(_files, "fetch_openml", fetch)
    X, y = fetch_mnist(subset="test", data_home=tmp_path, return_X_y=True)
    np.testing.assert_array_equal(X[:, 0], np.arange(60_000, 60_004))
    np.testing.assert_array_equal(y, labels[60_000:])
    assert len(fetch_mnist(data_home=tmp_path).data) == 60_000
    assert asked["data_home"] == tmp_path


def test_housing_from_openml_keeps_the_order_of_columns(monkeypatch, tmp_path):
    frame = pd.DataFrame(
        {name: [1.0] for name in reversed(HOUSING.split("\n")[0].split(","))} | {"latitude": [2.0]}
    )
    monkeypatch.setattr(_files, "fetch_openml", lambda **options: SimpleNamespace(data=frame))
    np.testing.assert_array_equal(
        fetch_california_housing(data_home=tmp_path).data, [[1, 2, 1, 1, 1, 1, 1, 1, 1]]
    )


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("fetch", "file_name", "origin"),
    [
        (fetch_mnist, "mnist.npz", "https://www.openml.org/d/554 failed.*no route to host"),
        (fetch_california_housing, "california_housing.csv", "https://www.openml.org/d/43939"),
        (fetch_power_plant, "power_plant_ccpp.csv", "https://archive.ics.uci.edu/dataset/294"),
    ],
)
def test_a_missing_file_offline_says_what_would_do(tmp_path, monkeypatch, fetch, file_name, origin):
    with pytest.raises(OSError, match=f"{file_name}.*SKGEN_DATA is not set.*{origin}.*SKGEN_DATA"):
        fetch()
    with pytest.raises(OSError, match=f"{tmp_path.name}.*data_home"):
        fetch(data_home=tmp_path)
    monkeypatch.setenv("SKGEN_DATA", str(tmp_path))
    with pytest.raises(OSError, match=rf"{tmp_path.name}' \(SKGEN_DATA\)"):
        fetch()


def test_a_file_without_its_columns_is_refused(tmp_path):
    (tmp_path / "power_plant_ccpp.csv").write_text(PLANT.replace("PE", "EP"))
    with pytest.raises(ValueError, match=r"power_plant_ccpp.csv has no column \['PE'\]"):
        fetch_power_plant(data_home=tmp_path)


def test_mnist_refuses_an_unknown_subset():
    with pytest.raises(ValueError, match="subset='all' is unknown"):
        fetch_mnist(subset="all")


def test_published_tables_in_full(data_home):
    plant = fetch_power_plant(data_home=data_home).data
    assert plant.shape == (9568, 5)
    assert (plant[:, -1].min(), plant[:, -1].max()) == (420.26, 495.76)
    housing = fetch_california_housing(data_home=data_home).data
    assert housing.shape == (20640, 9)
    np.testing.assert_array_equal(np.isnan(housing).sum(axis=0), [0, 0, 0, 0, 207, 0, 0, 0, 0])
    assert housing[:, -1].max() == 500_001


def test_mnist_in_full(data_home):
    X, y = fetch_mnist(subset="test", data_home=data_home, return_X_y=True)
    assert X.shape == (10_000, 784)
    assert (X.min(), X.max()) == (0, 255)
    np.testing.assert_array_equal(
        np.bincount(y), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    )


def test_relief_subsets_are_disjoint_places():
    crops = {name: load_relief(300, 32, subset=name) for name in ("fine", "coarse", "test")}
    columns = {}
    for name, crop in crops.items():
        assert crop.data.shape == crop.coarse.shape == (300, 1024)
        assert crop.data.dtype == np.float32
        pixel = np.round((crop.longitude - 20.1667) * 3).astype(int)
        columns[name] = {int(p) for start in pixel for p in range(start, start + 32)}
    assert not columns["fine"] & columns["test"]
    assert not columns["fine"] & columns["coarse"]
    assert not columns["coarse"] & columns["test"]


def test_coarse_relief_shows_the_same_place():
    crops = load_relief(200, 32)
    real, coarse = crops.data, crops.coarse
    assert np.corrcoef(real.ravel(), coarse.ravel())[0, 1] > 0.95
    # The coarse grid has next to no detail from one pixel to the next.
    rough = [np.diff(rows.reshape(-1, 32, 32), n=2).std() for rows in (real, coarse)]
    assert rough[1] < 0.2 * rough[0]
    # Heights of the Earth, in metres.
    assert -9100 < real.min() < -3000
    assert 1000 < real.max() < 6300
    again = load_relief(200, 32)
    np.testing.assert_array_equal(again.data, real)


@pytest.mark.parametrize("kwargs", [{"size": 73}, {"n_crops": 0}, {"subset": "all"}])
def test_relief_refuses(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        load_relief(**kwargs)


# Paths of a pen


def test_pen_digits_fill_their_box():
    digits = load_pen_digits()
    assert digits.data.dtype == np.float32
    paths = digits.data.reshape(-1, *digits.input_shape)
    assert paths.shape == (10_992, 8, 2)
    np.testing.assert_array_equal(paths.min(axis=1), 0)
    np.testing.assert_array_equal(paths.max(axis=(1, 2)), 100)
    np.testing.assert_array_equal(paths, np.round(paths))
    assert digits.feature_names[:3] == ["x_1", "y_1", "x_2"]
    np.testing.assert_array_equal(digits.data[:, 3], paths[:, 1, 1])


def test_pen_digits_are_written_from_the_top_and_in_order():
    digits = load_pen_digits()
    paths = digits.data.reshape(-1, 8, 2)
    np.testing.assert_array_equal(
        np.bincount(digits.target), [1143, 1143, 1144, 1055, 1144, 1055, 1056, 1142, 1055, 1055]
    )
    first, last = (paths[:, place, 1] for place in (0, -1))
    for digit in (1, 2, 3, 4, 6, 7, 9):
        rows = digits.target == digit
        assert first[rows].mean() > last[rows].mean() + 25
    # neighbours along the path are nearer than any other two places
    steps = np.linalg.norm(paths[:, :, None] - paths[:, None], axis=3).mean(axis=0)
    apart = np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    assert steps[apart == 1].max() < steps[apart > 1].min()


def test_pen_digits_are_told_apart_by_their_neighbours():
    X, y = load_pen_digits(return_X_y=True)
    nearest = pairwise_distances_argmin(X[:500], X[500:])
    assert np.mean(y[500:][nearest] == y[:500]) > 0.97


def test_pen_digits_name_their_source_and_licence():
    descr = load_pen_digits().DESCR
    assert all(word in descr for word in ("UCI", "CC BY 4.0", "Alpaydin", "Alimoglu"))
