"""A table to rows and back: inverses, log-slopes, levels, lengths, and what travels with rows."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from skgen.data.row_map import Data, RowMap
from skgen.data.sequences import Frames

IRIS, SPECIES = load_iris(return_X_y=True)
rng = np.random.default_rng(0)
SKEWED = np.exp(IRIS) * [1, 0.01, 100, 1]
BINARY = (rng.random((40, 6)) < 0.4).astype(float)
GRID = rng.integers(0, 4, (40, 5)).astype(float)


def fitted(data, *settings, **options):
    row_map = RowMap(*settings, **options)
    data = row_map.fit(data)
    row_map.fit_condition(data.condition, len(data.X))
    return row_map


@pytest.mark.parametrize("scaling", ["auto", "standard", "common", "quantile"])
def test_densities_carry_over(scaling):
    row_map = fitted(Data(SKEWED), scaling, None)
    rows = row_map.forward(Data(SKEWED[:5]))
    x = torch.from_numpy(SKEWED[:5]).requires_grad_()
    y, _ = row_map.scaler.forward(x)
    slopes = torch.autograd.grad(y.sum(), x)[0]
    torch.testing.assert_close(rows.log_slope, slopes.log().sum(1))
    torch.testing.assert_close(rows.x, y.detach())
    np.testing.assert_allclose(row_map.inverse(rows.x), SKEWED[:5], rtol=1e-9)


@pytest.mark.parametrize(("X", "likelihood"), [(BINARY, "bernoulli"), (GRID, "discrete")])
def test_levels_come_back_and_have_no_slope(X, likelihood):
    row_map = fitted(Data(X), "auto", None, likelihood)
    rows = row_map.to_score(Data(X[:5]))
    blurred = rows.x + 0.1 * torch.from_numpy(rng.random((5, X.shape[1])) - 0.5)
    np.testing.assert_array_equal(row_map.inverse(blurred, drawn=True), X[:5])
    # A level that was seen keeps 1 - 1 / (n + 1) of its probability; both of a column keep all.
    kept = 0 if likelihood == "bernoulli" else X.shape[1] * np.log(1 - 1 / 41)
    np.testing.assert_allclose(rows.log_slope, kept)


def test_lengths_stand_beside_the_frames():
    X, lengths = rng.normal(size=(30, 8)), np.arange(30) % 4 + 1
    row_map = fitted(Data(X, lengths=lengths), "auto", (4, 2))
    rows = row_map.forward(Data(X, lengths=lengths))
    assert row_map.shape == (4, 3)
    assert rows.x.shape == (30, 12)
    np.testing.assert_array_equal(row_map.frames.split(rows.x)[1], lengths)
    there = np.repeat(np.arange(4) < lengths[:, None], 2, axis=1)
    np.testing.assert_allclose(row_map.inverse(rows.x), np.where(there, X, 0), atol=1e-12)
    # A frame that is not there has no slope.
    each = -np.log(row_map.scaler.scale)
    np.testing.assert_allclose(rows.log_slope, (there * each).sum(1))


def test_padding_does_not_count_for_the_scale():
    X, lengths = rng.normal(size=(30, 8)), np.full(30, 2)
    padded = np.where(np.arange(8) < 4, X, 1e6)
    one, other = (fitted(Data(part, lengths=lengths), "standard", (4, 2)) for part in (X, padded))
    np.testing.assert_array_equal(one.scaler.scale[:4], other.scaler.scale[:4])
    assert one.scaler.constant[4:].all()
    assert other.scaler.constant[4:].all()


def test_what_belongs_to_columns_is_extended_to_the_mask():
    frames = Frames((2, 3))
    columns = torch.arange(6.0)
    np.testing.assert_array_equal(frames.extended(columns, -1), [0, 1, 2, -1, 3, 4, 5, -1])


def test_gaps_are_marked_and_stand_at_the_centre():
    X = IRIS[:6].copy()
    X[2, 1] = np.nan
    row_map = fitted(Data(IRIS), "standard", None)
    rows = row_map.forward(Data(X))
    np.testing.assert_array_equal(rows.observed, ~np.isnan(X))
    assert rows.x[2, 1] == 0


def test_condition_and_source_travel_with_the_rows():
    data = Data(IRIS[:50], SPECIES[:50] % 2, source=IRIS[50:] + 1)
    row_map = fitted(data, "standard", None)
    rows = row_map.forward(data)
    both = torch.cat([rows.x, rows.source])
    torch.testing.assert_close(both.mean(0), torch.zeros(4, dtype=torch.float64))
    part = rows.single(torch.tensor([3, 1]))
    assert part.x.shape == (2, 4)
    assert part.source.shape == (100, 4)
    assert part.n_condition == row_map.condition_encoder.n_out == rows.n_condition
    assert set(part.batch("cpu")) == {"x", "condition"}
    torch.testing.assert_close(part.x, rows.x[[3, 1]].float())


def test_a_copy_learns_of_values_by_itself():
    row_map = fitted(Data(BINARY[:, :2] * [0, 1]), "auto", None, "bernoulli")
    copied = row_map.copy()
    copied.check(Data(BINARY[:, :2]))
    assert [len(seen) for seen in row_map.levels.fitted] == [1, 2]
    assert [len(seen) for seen in copied.levels.fitted] == [2, 2]
    assert copied.scaler is row_map.scaler
