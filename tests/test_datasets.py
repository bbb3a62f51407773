"""Data sets: distributions against scipy, quadrature and enumeration, crops, missing files.

What reads a published set in full needs the folder that SKGEN_DATA names, and is skipped without.
"""

from itertools import product
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal
from sklearn.datasets import load_sample_images
from sklearn.metrics import pairwise_distances_argmin

from skgen.datasets import (
    BinaryDistribution,
    BinaryNetwork,
    CorrelatedGaussian,
    GaussianRing,
    _files,
    _photos,
    fetch_adult,
    fetch_california_housing,
    fetch_mnist,
    fetch_power_plant,
    load_pen_digits,
    load_photo_crops,
    load_relief,
)

# Distributions with a known density


@pytest.mark.parametrize("n_features", [1, 2, 5, 12])
def test_gaussian_density_matches_scipy(n_features):
    distribution = CorrelatedGaussian(n_features)
    X = 2 * np.random.default_rng(0).normal(size=(20, n_features))
    exact = multivariate_normal(distribution.mean, distribution.covariance).logpdf(X)
    np.testing.assert_allclose(distribution.log_density(X), exact, rtol=1e-10)


def test_gaussian_is_correlated_and_unequal_in_scale():
    distribution = CorrelatedGaussian()
    scale = np.sqrt(np.diag(distribution.covariance))
    correlation = distribution.covariance / np.outer(scale, scale)
    np.testing.assert_allclose(np.diag(correlation, k=1), 0.8)
    np.testing.assert_allclose(scale[[0, -1]], [0.5, 2.0])
    np.testing.assert_allclose(distribution.mean, [-1, -0.5, 0, 0.5, 1])


@pytest.mark.statistical
def test_gaussian_sample_has_mean_covariance_and_entropy():
    distribution, n = CorrelatedGaussian(), 50_000
    X = distribution.sample(n, random_state=0)
    variance = np.diag(distribution.covariance)
    # four standard errors of a mean, of a covariance, and of the mean log-density
    assert np.all(np.abs(X.mean(axis=0) - distribution.mean) < 4 * np.sqrt(variance / n))
    error = np.sqrt((np.outer(variance, variance) + distribution.covariance**2) / n)
    assert np.all(np.abs(np.cov(X.T) - distribution.covariance) < 4 * error)
    entropy = multivariate_normal(distribution.mean, distribution.covariance).entropy()
    assert -distribution.log_density(X).mean() == pytest.approx(entropy, abs=4 * np.sqrt(2.5 / n))


@pytest.mark.parametrize("missing", [[0], [4], [1, 3], [0, 1, 2, 3]])
def test_gaussian_conditional_completes_the_chain_rule(missing):
    distribution = CorrelatedGaussian()
    x = distribution.sample(random_state=1)[0]
    gaps = np.isin(np.arange(5), missing)
    mean, covariance = distribution.conditional(np.where(gaps, np.nan, x))

    seen = multivariate_normal(
        distribution.mean[~gaps], distribution.covariance[np.ix_(~gaps, ~gaps)]
    )
    whole = multivariate_normal(mean, covariance).logpdf(x[gaps]) + seen.logpdf(x[~gaps])
    assert whole == pytest.approx(distribution.log_density([x])[0], rel=1e-10)

    precision = np.linalg.inv(distribution.covariance)
    np.testing.assert_allclose(covariance, np.linalg.inv(precision[np.ix_(gaps, gaps)]), atol=1e-12)


@pytest.mark.statistical
def test_gaussian_conditional_matches_simulation():
    distribution = CorrelatedGaussian(3)
    X = distribution.sample(400_000, random_state=0)
    near = X[np.abs(X[:, 1] - 0.8) < 0.02]
    mean, covariance = distribution.conditional([np.nan, 0.8, np.nan])
    tolerance = 5 * np.sqrt(np.diag(covariance) / len(near)) + 0.02
    assert len(near) > 3000
    assert np.all(np.abs(near[:, [0, 2]].mean(axis=0) - mean) < tolerance)
    np.testing.assert_allclose(np.cov(near[:, [0, 2]].T), covariance, atol=0.1)


def test_gaussian_conditional_at_its_ends():
    distribution = CorrelatedGaussian(3)
    mean, covariance = distribution.conditional([np.nan] * 3)
    np.testing.assert_array_equal(mean, distribution.mean)
    np.testing.assert_array_equal(covariance, distribution.covariance)
    mean, covariance = distribution.conditional([0.0, 1.0, 2.0])
    assert mean.shape == (0,)
    assert covariance.shape == (0, 0)


def grid(distribution, half_width, n):
    """Return a distribution's log-density at the centres of n x n cells, and the area of a cell."""
    edge = (np.arange(n) + 0.5) / n * 2 * half_width - half_width
    points = np.stack(np.meshgrid(edge, edge), axis=-1).reshape(-1, 2)
    return distribution.log_density(points), (2 * half_width / n) ** 2


@pytest.mark.parametrize(
    "distribution", [GaussianRing(), GaussianRing(3, radius=1.0, scale=0.6), CorrelatedGaussian(2)]
)
def test_density_in_the_plane_integrates_to_one(distribution):
    log_density, area = grid(distribution, half_width=14, n=800)
    assert np.exp(log_density).sum() * area == pytest.approx(1, abs=1e-6)


@pytest.mark.statistical
def test_ring_sample_follows_its_density():
    distribution, n = GaussianRing(), 40_000
    X = distribution.sample(n, random_state=0)
    log_density, area = grid(distribution, half_width=4, n=800)
    expected = (np.exp(log_density) * log_density).sum() * area
    assert distribution.log_density(X).mean() == pytest.approx(
        expected, abs=4 * distribution.log_density(X).std() / np.sqrt(n)
    )

    away = X[:, None] - distribution.centers
    component = (away**2).sum(axis=2).argmin(axis=1)
    share = np.bincount(component, minlength=8) / n
    np.testing.assert_allclose(share, 1 / 8, atol=4 * np.sqrt(7 / 64 / n))
    # few rows are nearer to another centre than to their own
    spread = away[np.arange(n), component].std(axis=0)
    np.testing.assert_allclose(spread, distribution.scale, rtol=0.02)
    np.testing.assert_allclose(np.linalg.norm(distribution.centers, axis=1), distribution.radius)


@pytest.mark.parametrize("distribution", [CorrelatedGaussian(), GaussianRing()])
def test_distribution_is_fixed_and_rows_follow_the_seed(distribution):
    assert type(distribution)() == distribution
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    X = distribution.sample(10, random_state=3)
    np.testing.assert_array_equal(distribution.sample(10, random_state=np.random.default_rng(3)), X)
    assert not np.array_equal(distribution.sample(10, random_state=4), X)
    assert not np.array_equal(distribution.sample(10), distribution.sample(10))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_distributions_refuse_what_they_cannot_use():
    with pytest.raises(ValueError, match="n_features == 0"):
        CorrelatedGaussian(0)
    with pytest.raises(ValueError, match="scale == 0"):
        GaussianRing(scale=0)
    with pytest.raises(ValueError, match="X has 3 columns, and the distribution has 2"):
        GaussianRing().log_density(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="NaN"):
        CorrelatedGaussian().log_density(np.full((1, 5), np.nan))


# Distributions of binary rows


def test_state_numbers_have_the_first_column_as_their_lowest_bit():
    distribution = BinaryDistribution.random(5)
    bits = [[s // 2**j % 2 for j in range(5)] for s in range(32)]
    np.testing.assert_array_equal(distribution.states, bits)
    np.testing.assert_allclose(
        np.exp(distribution.log_density(bits)), distribution.probabilities, rtol=1e-14
    )
    shuffled = np.random.default_rng(0).permutation(32)
    np.testing.assert_allclose(
        np.exp(distribution.log_density(distribution.states[shuffled])),
        distribution.probabilities[shuffled],
        rtol=1e-14,
    )


def total_variation_of_own_rows(p, n):
    """Mean and bound on the spread of the distance between a distribution and n of its rows."""
    # one row more or less at a state moves the distance by at most 1 / n
    return np.sqrt(p * (1 - p) / (2 * np.pi * n)).sum(), 1 / (2 * np.sqrt(n))


@pytest.mark.statistical
@pytest.mark.parametrize(
    "distribution",
    [
        BinaryDistribution.random(6),
        BinaryDistribution.ising(2, 3),
        BinaryDistribution([0.5, 0, 0.2, 0.3]),
    ],
)
def test_binary_sample_follows_its_distribution(distribution):
    n = 40_000
    X = distribution.sample(n, random_state=0)
    mean, spread = total_variation_of_own_rows(distribution.probabilities, n)
    assert distribution.total_variation(X) == pytest.approx(mean, abs=4 * spread)
    assert distribution.total_variation(X) < 3 * mean
    p = distribution.probabilities[distribution.probabilities > 0]
    surprise = distribution.log_density(X)
    entropy = -(p * np.log(p)).sum()
    assert -surprise.mean() == pytest.approx(entropy, abs=4 * surprise.std() / np.sqrt(n))


def test_total_variation_of_rows_by_hand():
    distribution = BinaryDistribution([0.1, 0.2, 0.3, 0.4])
    assert distribution.total_variation([[1, 1]]) == pytest.approx(0.6)
    assert distribution.total_variation([[0, 0], [1, 0], [1, 0], [0, 1], [1, 1]]) == pytest.approx(
        0.3
    )
    exact = np.repeat(distribution.states, [1, 2, 3, 4], axis=0)
    assert distribution.total_variation(exact) == pytest.approx(0, abs=1e-15)
    assert BinaryDistribution([0, 0.5, 0.5, 0]).total_variation([[0, 0], [1, 1]]) == 1


@pytest.mark.parametrize("missing", [[], [2], [0, 3], [0, 1, 2, 3]])
def test_binary_conditional_completes_the_chain_rule(missing):
    distribution = BinaryDistribution.random(4, random_state=1)
    gaps = np.isin(np.arange(4), missing)
    table = distribution.probabilities.reshape((2,) * 4)  # axis 3 is the first column
    for x in distribution.states:
        conditional = distribution.conditional(np.where(gaps, np.nan, x))
        assert conditional.sum() == pytest.approx(1)
        agrees = np.all(distribution.states[:, ~gaps] == x[~gaps], axis=1)
        assert np.all(conditional[~agrees] == 0)
        seen = table.sum(axis=tuple(3 - j for j in missing), keepdims=True)
        seen = seen[tuple(0 if gaps[3 - a] else int(x[3 - a]) for a in range(4))]
        own = conditional[np.all(distribution.states == x, axis=1)][0]
        assert own * seen == pytest.approx(np.exp(distribution.log_density([x])[0]), rel=1e-12)


@pytest.mark.statistical
def test_random_distribution_is_uniform_over_distributions():
    # under Dirichlet(1, ..., 1) over S states, E p^2 = 2 / (S (S + 1)), with Var p^2 < E p^4
    P = np.stack(
        [BinaryDistribution.random(3, random_state=seed).probabilities for seed in range(1000)]
    )
    square, fourth = 2 / (8 * 9), 24 / (8 * 9 * 10 * 11)
    np.testing.assert_allclose(
        (P**2).mean(axis=0), square, atol=4 * np.sqrt((fourth - square**2) / len(P))
    )
    np.testing.assert_array_equal(BinaryDistribution.random(3).probabilities, P[0])


def test_ising_chain_has_its_closed_forms():
    n_sites, coupling = 7, 0.6
    distribution = BinaryDistribution.ising(1, n_sites, coupling=coupling)
    spins = 2 * distribution.states - 1
    moments = spins.T @ (distribution.probabilities[:, None] * spins)
    apart = np.abs(np.subtract.outer(np.arange(n_sites), np.arange(n_sites)))
    np.testing.assert_allclose(moments, np.tanh(coupling) ** apart, atol=1e-12)
    # all spins equal: exp((n - 1) J) / (2 (2 cosh J)^(n - 1))
    aligned = 0.5 * (np.exp(coupling) / (2 * np.cosh(coupling))) ** (n_sites - 1)
    np.testing.assert_allclose(distribution.probabilities[[0, -1]], aligned, rtol=1e-12)
    np.testing.assert_array_equal(
        BinaryDistribution.ising(n_sites, 1, coupling=coupling).probabilities,
        distribution.probabilities,
    )


def test_ising_without_coupling_is_a_product():
    distribution = BinaryDistribution.ising(2, 3, coupling=0, field=0.7)
    ones = distribution.states.sum(axis=1)
    p = 1 / (1 + np.exp(-1.4))
    np.testing.assert_allclose(
        distribution.probabilities, p**ones * (1 - p) ** (6 - ones), rtol=1e-12
    )


@pytest.mark.parametrize(("height", "width"), [(3, 4), (4, 2)])
def test_ising_model_matches_its_transfer_matrix(height, width):
    coupling, field = 0.4, -0.2
    rows = np.array(list(product([-1, 1], repeat=width)))
    within = coupling * (rows[:, 1:] * rows[:, :-1]).sum(axis=1) + field * rows.sum(axis=1)
    transfer = np.exp(coupling * rows @ rows.T + within)
    partition = (np.exp(within) @ np.linalg.matrix_power(transfer, height - 1)).sum()

    distribution = BinaryDistribution.ising(height, width, coupling=coupling, field=field)
    pairs = height * (width - 1) + width * (height - 1)
    ones = np.exp(coupling * pairs + field * height * width) / partition
    assert distribution.probabilities[-1] == pytest.approx(ones, rel=1e-12)
    # turning over the first site of all ones breaks its two couplings
    assert distribution.probabilities[-2] == pytest.approx(
        ones * np.exp(-4 * coupling - 2 * field), rel=1e-12
    )


def test_network_is_the_product_of_its_tables():
    distribution = BinaryNetwork(n_columns=7, max_parents=3, random_state=2)
    for x, log_density in zip(
        states := np.array(list(product([0, 1], repeat=7))),
        distribution.log_density(states),
        strict=True,
    ):
        p = 1.0
        for j, (parents, table) in enumerate(
            zip(distribution.parents, distribution.tables, strict=True)
        ):
            one = table[sum(int(x[i]) << place for place, i in enumerate(parents))]
            p *= one if x[j] else 1 - one
        assert log_density == pytest.approx(np.log(p), rel=1e-12)
    assert np.exp(distribution.log_density(states)).sum() == pytest.approx(1, rel=1e-12)


@pytest.mark.statistical
def test_network_sample_follows_its_distribution():
    distribution, n = BinaryNetwork(n_columns=8, random_state=1), 100_000
    states = BinaryDistribution.random(8).states
    enumerated = BinaryDistribution(np.exp(distribution.log_density(states)))
    mean, spread = total_variation_of_own_rows(enumerated.probabilities, n)
    X = distribution.sample(n, random_state=0)
    assert enumerated.total_variation(X) == pytest.approx(mean, abs=4 * spread)
    assert enumerated.total_variation(X) < 3 * mean


@pytest.mark.statistical
def test_network_tables_are_its_conditional_frequencies():
    distribution = BinaryNetwork()
    X = distribution.sample(50_000, random_state=0)
    for j, (parents, table) in enumerate(
        zip(distribution.parents, distribution.tables, strict=True)
    ):
        state = X[:, parents] @ 2 ** np.arange(len(parents))
        for number, p in enumerate(table):
            given = X[state == number, j]
            if len(given) > 200:
                # 150 frequencies, so five standard errors
                assert given.mean() == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / len(given)))


@pytest.mark.statistical
def test_network_is_like_a_table_of_attributes():
    distribution = BinaryNetwork()
    assert all(len(p) <= 2 and (p < j).all() for j, p in enumerate(distribution.parents))
    assert [len(p) for p in distribution.parents].count(2) > 10
    X = distribution.sample(20_000, random_state=0)
    share = X.mean(axis=0)
    assert share.min() < 0.1
    assert np.median(share) < 0.4
    correlation = np.abs(np.corrcoef(X.T)) - np.eye(40)
    assert correlation.max() > 0.5
    assert np.sum(correlation > 0.1) / 2 > 40
    # the contrast that an additive model of the log-odds would have at 0
    tables = np.stack([table for table in distribution.tables if len(table) == 4])
    log_odds = np.log(tables / (1 - tables))
    assert np.median(np.abs(log_odds @ [1, -1, -1, 1])) > 1


def test_network_is_fixed_by_its_parameters():
    distribution, other = BinaryNetwork(n_columns=12), BinaryNetwork(n_columns=12, random_state=1)
    assert distribution == BinaryNetwork(n_columns=12)
    X = distribution.sample(100, random_state=3)
    np.testing.assert_array_equal(BinaryNetwork(n_columns=12).sample(100, random_state=3), X)
    assert not np.allclose(distribution.log_density(X), other.log_density(X))
    independent = BinaryNetwork(n_columns=5, max_parents=0)
    p = np.concatenate(independent.tables)
    states = BinaryDistribution.random(5).states
    np.testing.assert_allclose(
        np.exp(independent.log_density(states)), np.where(states, p, 1 - p).prod(axis=1)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: BinaryDistribution([0.2, 0.3, 0.5]),
            r"shape \(3,\): give one probability for each",
        ),
        (lambda: BinaryDistribution([[0.5, 0.5]]), r"shape \(1, 2\)"),
        (lambda: BinaryDistribution([1.5, -0.5]), "negative entry -0.5"),
        (lambda: BinaryDistribution([1, 3]), "sum to 4 instead of 1: divide"),
        (lambda: BinaryDistribution([np.nan, 1]), "NaN"),
        (lambda: BinaryDistribution.random(21), "n_bits == 21, must be <= 20"),
        (
            lambda: BinaryDistribution.ising(3, 7),
            "height=3 and width=7 make 21 sites: give at most 20",
        ),
        (lambda: BinaryDistribution.ising(coupling=np.inf), "coupling=inf is not finite"),
        (
            lambda: BinaryDistribution([0.5, 0.5]).log_density([[2]]),
            "entry 2: give rows of zeros and ones",
        ),
        (lambda: BinaryDistribution([0.5, 0.5]).log_density([[np.nan]]), "NaN"),
        (
            lambda: BinaryDistribution([1, 0]).conditional([1]),
            r"x=\[1.0\] have probability 0 under",
        ),
        (lambda: BinaryNetwork(0), "n_columns == 0, must be >= 1"),
        (lambda: BinaryNetwork(max_parents=11), "max_parents == 11, must be <= 10"),
        (
            lambda: BinaryNetwork(4).log_density(np.zeros((2, 3))),
            "3 columns, and the distribution has 4",
        ),
    ],
)
def test_binary_distributions_refuse_what_they_cannot_use(make, message):
    with pytest.raises(ValueError, match=message):
        make()


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


@pytest.mark.statistical
def test_crops_reach_all_of_their_subset(numbered):
    # The first of 420 places down a photograph is missed by all of n / 2 crops in exp(-n / 840) of
    # the seeds: one in 10^10.
    seen = np.zeros((2, 427, 640), dtype=bool)
    for subset in ("train", "test"):
        numbers = pixel_numbers(load_photo_crops(20_000, 8, subset=subset), 8)
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


ADULT = (
    "age,workclass,fnlwgt,education,education_num,marital_status,occupation,relationship,race,sex,"
    "capital_gain,capital_loss,hours_per_week,native_country,income,split\n"
    "39,State-gov,77516,HS-grad,9,Divorced,Sales,Wife,White,Male,2174,0,40,Peru,<=50K,train\n"
    "25,,226802,11th,7,Divorced,,Wife,White,Male,0,0,40,Peru,>50K,test\n"
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
def test_adult_keeps_categories_and_blanks(tmp_path):
    (tmp_path / "adult.csv").write_text(ADULT)
    train, test = (fetch_adult(subset=s, data_home=tmp_path).data for s in ("train", "test"))
    assert train.iloc[0].tolist()[:4] == [39, "State-gov", 77516, "HS-grad"]
    assert test.iloc[0].isna().tolist() == [name in ("workclass", "occupation") for name in test]
    assert train.dtypes.equals(test.dtypes)
    assert list(train["income"].cat.categories) == ["<=50K", ">50K"]
    with pytest.raises(ValueError, match="subset='all' is unknown"):
        fetch_adult(subset="all", data_home=tmp_path)


def test_adult_from_openml_is_split_by_its_order(monkeypatch, tmp_path):
    (tmp_path / "adult.csv").write_text(ADULT)
    here = pd.concat([fetch_adult(subset=s, data_home=tmp_path).data for s in ("test", "train")])
    (tmp_path / "adult.csv").unlink()
    rows = here.iloc[[0] * 16_281 + [1] * 4].astype({"age": float})
    rows = rows.rename(columns={"income": "class"}).rename(columns=lambda n: n.replace("_", "-"))
    monkeypatch.setattr(_files, "fetch_openml", lambda **options: SimpleNamespace(data=rows))
    train = fetch_adult(data_home=tmp_path)
    assert train.data.shape == (4, 15)
    assert list(train.data) == train.feature_names == list(here)
    assert train.data["age"].dtype == np.int64
    assert len(fetch_adult(subset="test", data_home=tmp_path).data) == 16_281
    rows = rows[::-1]
    with pytest.raises(ValueError, match="not in the order"):
        fetch_adult(data_home=tmp_path)


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
        (fetch_adult, "adult.csv", "https://www.openml.org/d/1590"),
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
    for subset, n_people, n_rich in (("train", 32_561, 7_841), ("test", 16_281, 3_846)):
        adult = fetch_adult(subset=subset, data_home=data_home).data
        assert adult.shape == (n_people, 15)
        assert (adult["income"] == ">50K").sum() == n_rich
        assert list(adult.columns[adult.isna().any()]) == [
            *("workclass", "occupation", "native_country")
        ]


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


@pytest.mark.statistical
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
