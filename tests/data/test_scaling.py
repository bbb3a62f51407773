"""Column maps: inverses, log-derivatives against autograd, atoms kept."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import load_iris

from skgen.data.scaling import MAX_RATIO, ColumnScaler, share_unit, shared_levels


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return np.column_stack(
        [
            rng.normal(size=2000),
            rng.lognormal(sigma=2, size=2000) * 1e9,
            rng.beta(0.3, 0.3, size=2000) * 1e-9,
            rng.poisson(2, size=2000),
            np.full(2000, 5.0),
        ]
    )


@pytest.mark.parametrize("kind", ["standard", "common", "quantile", "auto"])
def test_inverse(table, kind):
    scaler = ColumnScaler(kind).fit(table)
    wide = torch.from_numpy(np.concatenate([table, table * 1.5, -table]))
    Y, _ = scaler.forward(wide)
    torch.testing.assert_close(scaler.inverse(Y), wide, rtol=1e-9, atol=1e-18)


@pytest.mark.parametrize("kind", ["standard", "quantile", "auto"])
def test_log_derivative_against_autograd(table, kind):
    scaler = ColumnScaler(kind).fit(table)
    # Off the knots, where the clamp of the tails has two slopes.
    X = torch.from_numpy(table[:50] + 0.013 * (table.std(0) + 1e-12)).requires_grad_()
    Y, log_slope = scaler.forward(X)
    (slope,) = torch.autograd.grad(Y.sum(), X)
    torch.testing.assert_close(log_slope, slope.log().sum(1), rtol=1e-6, atol=1e-6)


@pytest.mark.statistical
def test_quantiles_make_columns_normal(table):
    Y, _ = ColumnScaler("quantile").fit(table).forward(torch.from_numpy(table))
    for j in range(3):
        # Fitted on the same rows, the distance is well below that of 2,000 free draws (.03).
        assert stats.kstest(Y[:, j].numpy(), "norm").statistic < 0.03


@pytest.mark.statistical
def test_a_tail_does_not_hang_on_the_two_outermost_rows():
    """A row as far beyond the last one as that is from the median is hardly further out in scores.

    Over 300 seeds it is .8 times as far out, 2.1 times at most; at the slope between the two
    outermost rows it would be a million times as far.
    """
    X = np.sort(np.random.default_rng(0).exponential(size=(400, 1)), axis=0)
    X[-2] = X[-1] - 1e-9
    scaler = ColumnScaler("quantile").fit(X)
    beyond = np.stack([np.median(X, axis=0), X[-1], 2 * X[-1] - np.median(X, axis=0)])
    middle, end, out = scaler.forward(torch.from_numpy(beyond))[0][:, 0]
    assert end < out < end + 4 * (end - middle)
    torch.testing.assert_close(scaler.inverse(torch.stack([out])[:, None]).numpy()[0], beyond[2])


@pytest.mark.statistical
def test_repeated_values_come_back_whole(table):
    scaler = ColumnScaler("quantile").fit(table)
    Y = torch.randn(500, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    X = scaler.snap(scaler.inverse(Y), Y).numpy()
    assert set(X[:, 4]) == {5.0}
    common = X[np.abs(X[:, 3] - 2) < 2.5, 3]
    np.testing.assert_array_equal(common, np.round(common))
    # A value is drawn as often as it was seen: the binomial deviation at n = 500 is .02.
    for value in range(4):
        assert np.mean(X[:, 3] == value) == pytest.approx(np.mean(table[:, 3] == value), abs=0.08)


@pytest.fixture
def repeated():
    """Rows of rare and frequent values: one in twenty; a spike between rare values; a spread."""
    rng = np.random.default_rng(0)
    spike = np.where(rng.random(4000) < 0.6, 40, rng.integers(30, 50, 4000))
    return np.column_stack(
        [rng.random(4000) < 0.05, spike, rng.binomial(4, 0.3, 4000), rng.integers(0, 2, 4000)]
    ).astype(float)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", ["quantile", "auto", "standard", "common"])
def test_a_repeated_value_owns_the_place_where_it_stood(repeated, kind):
    scaler = ColumnScaler(kind).fit(repeated)
    Y, _ = scaler.forward(torch.from_numpy(repeated))
    gaps = np.array([np.diff(np.unique(column)).min() for column in Y.numpy().T])
    rng = np.random.default_rng(1)
    Y = Y + torch.from_numpy(0.49 * gaps * rng.uniform(-1, 1, repeated.shape))
    np.testing.assert_array_equal(scaler.snap(scaler.inverse(Y), Y).numpy(), repeated)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", ["quantile", "auto", "standard", "common"])
def test_blurred_rows_keep_the_shares_of_repeated_values(repeated, kind):
    scaler = ColumnScaler(kind).fit(repeated)
    rng = np.random.default_rng(1)

    def drawn():
        Y, _ = scaler.forward(torch.from_numpy(repeated))
        return Y + torch.from_numpy(rng.normal(0, 0.2, repeated.shape))

    scaler.calibrate(drawn())
    Y = drawn()
    X = scaler.snap(scaler.inverse(Y), Y, drawn=True).numpy()
    for before, after in zip(repeated.T, X.T, strict=True):
        values, counts = np.unique(before, return_counts=True)
        new = np.array([np.sum(after == value) for value in values])
        # Four times the standard error of a number of rows that cross a threshold, in the draws
        # that it was learnt from and in these.
        assert np.all(np.abs(new - counts) <= 4 * np.sqrt(2 * counts))


@pytest.mark.statistical
@pytest.mark.parametrize("kind", ["quantile", "auto", "standard", "common"])
def test_what_a_model_draws_keeps_the_shares_that_it_is_calibrated_to(kind):
    rng = np.random.default_rng(0)
    n = 20_000
    # A pixel, black in half of the rows; a column that piles up at its cap; one without repeats.
    pixel = rng.choice(np.arange(5.0), n, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    capped = np.minimum(rng.normal(size=n), 1.0)
    X = np.column_stack([pixel, capped, rng.normal(size=n)])
    scaler = ColumnScaler(kind).fit(X)

    def drawn():
        Y, _ = scaler.forward(torch.from_numpy(rng.permutation(X)))
        # Blurred to one side, as no fixed threshold would expect.
        return 0.9 * Y + torch.from_numpy(np.abs(rng.normal(0, 0.3, X.shape)))

    scaler.calibrate(drawn())
    Y = drawn()
    loose = scaler.inverse(Y)
    new, nearest = (scaler.snap(loose, Y, drawn=kept).numpy() for kept in (True, False))
    for column, values in ((0, np.arange(5.0)), (1, [1.0])):
        for value in values:
            share = np.mean(X[:, column] == value)
            # Of the thresholds' quantiles, at both ends, and of the rows drawn anew.
            error = np.sqrt(3 * share * (1 - share) / n)
            assert np.mean(new[:, column] == value) == pytest.approx(share, abs=4 * error)
    assert abs(np.mean(nearest[:, 0] == 0) - 0.5) > 0.05
    assert set(np.unique(new[:, 0])) == set(range(5))
    np.testing.assert_array_equal(new[:, 2], loose[:, 2].numpy())
    # Rows that are mapped to and fro are not drawn, and stay where they are.
    Y, _ = scaler.forward(torch.from_numpy(X))
    back = scaler.snap(scaler.inverse(Y), Y).numpy()
    np.testing.assert_array_equal(back[:, 0], X[:, 0])


@pytest.mark.statistical
def test_auto_maps_only_the_columns_that_need_it(table):
    # Normal: no. Lognormal: yes. Bounded: no. Counts: yes, and their values are kept. Constant: no.
    scaler = ColumnScaler("auto").fit(table)
    assert [spline is not None for spline in scaler.splines] == [False, True, False, True, False]
    assert [atoms is not None for atoms in scaler.atoms] == [False, False, False, True, False]


@pytest.mark.statistical
@pytest.mark.parametrize(("n", "least"), [(50, 0.88), (90, 0.97), (150, 1)])
def test_lengths_of_flowers_share_a_unit(n, least):
    rng, found = np.random.default_rng(n), []
    for _ in range(100):
        X = load_iris().data[rng.permutation(150)[:n]]
        assert shared_levels(X) is None
        found.append(share_unit(X))
        # In inches they do no more and no less; a column in millimetres tells them apart.
        assert share_unit(X / 2.54) == found[-1]
        assert not share_unit(X * [1, 1, 1, 10])
    # Of 400 subsets of 50 rows .963 do, of 90 rows .998: those less four errors of 100.
    assert np.mean(found) >= least


@pytest.mark.statistical
def test_columns_share_a_unit_where_they_vary_alike_and_evenly():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    X[:, 1] *= 0.9 * MAX_RATIO * X[:, 0].std() / X[:, 1].std()
    X[:, 2] *= 2 * X[:, 0].std() / X[:, 2].std()
    X += [1e3, -5, 0]
    assert share_unit(X)
    assert share_unit(np.column_stack([X, np.ones(400)]))
    assert not share_unit(X * [1, 2, 1])
    # Heavy tails and values that repeat need the quantiles of their column.
    assert not share_unit(np.column_stack([X, rng.lognormal(size=400)]))
    assert not share_unit(np.column_stack([X, np.where(X[:, 0] > 1e3, 1e3, X[:, 0])]))
    # Values that come twice each make no grid of skewed columns.
    skewed = rng.lognormal(size=(200, 1))
    assert not share_unit(np.column_stack([skewed, rng.permutation(skewed)]))
    # One column has nobody to share with, a few rows can be alike by chance, and what cannot be
    # squared has no deviation.
    assert not share_unit(X[:, :1])
    assert not share_unit(X[:10])
    assert not share_unit(np.ones((50, 2)))
    assert not share_unit(1e-200 * X)
    # The rounding of a constant is no deviation, here as in the map.
    rounded = np.column_stack([X, np.where(X[:, 0] > 1e3, 0.3, 0.1 + 0.2)])
    assert share_unit(rounded)
    assert ColumnScaler("common").fit(rounded).constant.tolist() == [False, False, False, True]


def test_a_common_scale_is_a_grid_s_where_the_columns_share_one():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 5, size=(200, 10)).astype(float)
    assert ColumnScaler("common").fit(pixels).on_grid
    assert not ColumnScaler("standard").fit(pixels).on_grid
    assert not ColumnScaler("common").fit(rng.normal(size=(200, 10))).on_grid
    assert not ColumnScaler("common").fit_levels(np.zeros(3), np.ones(3)).on_grid


@pytest.mark.statistical
def test_shared_levels():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 17, size=(200, 30)).astype(float)
    np.testing.assert_array_equal(shared_levels(pixels), np.arange(17))
    assert shared_levels(rng.normal(size=(200, 3))) is None
    assert shared_levels(np.column_stack([pixels[:, 0], pixels[:, 1] * 100])) is None


@pytest.mark.parametrize("kind", ["standard", "common", "quantile", "auto"])
@pytest.mark.parametrize("share", [0.5, 0.02])
def test_two_values_are_set_a_gap_apart_whatever_their_unit_and_shares(kind, share):
    rng = np.random.default_rng(0)
    label = np.where(rng.random(1000) < share, 7e3, -1e3)
    X = np.column_stack([rng.normal(size=1000), label, rng.normal(size=1000)])
    scaler = ColumnScaler(kind, gap=4.0).fit(X)
    Y, _ = scaler.forward(torch.from_numpy(X))
    low, high = Y[:, 1].unique().tolist()
    assert high - low == pytest.approx(4.0)
    assert Y[:, 1].mean() == pytest.approx(0.0, abs=1e-9)
    # The nearer value owns what is drawn between and beyond.
    drawn = Y.clone()
    drawn[:, 1] = torch.linspace(low - 5, high + 5, 1000, dtype=Y.dtype)
    back = scaler.snap(scaler.inverse(drawn), drawn, drawn=True)[:, 1]
    expected = torch.where(drawn[:, 1] < (low + high) / 2, -1e3, 7e3).to(back)
    assert torch.equal(back, expected)
    # The others are scaled as they are without it.
    alone, _ = ColumnScaler(kind).fit(X[:, [0, 2]]).forward(torch.from_numpy(X[:, [0, 2]]))
    torch.testing.assert_close(Y[:, [0, 2]], alone)


def test_columns_of_two_values_alone_and_pixels_have_no_gap():
    X = np.random.default_rng(0).integers(0, 2, (200, 6)).astype(float)
    for kind in ("standard", "common"):
        with_gap, without = (ColumnScaler(kind, gap).fit(X) for gap in (4.0, None))
        np.testing.assert_array_equal(with_gap.scale, without.scale)
    pixels = np.column_stack([X, np.random.default_rng(1).integers(0, 17, (200, 6)) / 16])
    with_gap, without = (ColumnScaler("common", gap).fit(pixels) for gap in (4.0, None))
    assert with_gap.on_grid
    np.testing.assert_array_equal(with_gap.scale, without.scale)


def test_two_values_tell_nothing_of_a_unit():
    X, y = load_iris(return_X_y=True)
    assert share_unit(np.column_stack([X, y == 0, 1000.0 * (y == 1)]))
