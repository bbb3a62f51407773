"""A table to rows and back: inverses, log-slopes, levels, lengths, and what travels with rows."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

import skgen
from skgen import BinaryLatentDiffusion, SchrodingerBridgeMatcher, VQDiffusionBridge
from skgen.data.row_map import Data, RowMap
from skgen.data.sequences import Frames

IRIS, SPECIES = load_iris(return_X_y=True)
rng = np.random.default_rng(0)
SKEWED = np.exp(IRIS) * [1, 0.01, 100, 1]
BINARY = (rng.random((40, 6)) < 0.4).astype(float)
GRID = rng.integers(0, 4, (40, 5)).astype(float)
BRIEF = {"max_steps": 4, "n_steps": 3, "random_state": 0, "verbose": 0}


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


@pytest.mark.parametrize(
    ("model", "X", "given"),
    [
        (SchrodingerBridgeMatcher(**BRIEF), IRIS, {"source": IRIS[:30] + 1}),
        (BinaryLatentDiffusion(autoencoder=None, **BRIEF), BINARY, {}),
        (BinaryLatentDiffusion(input_shape=(3, 2), **BRIEF), BINARY, {"lengths": [1, 2] * 20}),
        (VQDiffusionBridge(likelihood="discrete", **BRIEF), GRID, {"condition": BINARY[:, 0]}),
    ],
    ids=["source", "binary", "lengths", "discrete"],
)
def test_states_with_the_parts_one_by_one_still_open(model, X, given, tmp_path):
    model.fit(X, **given)
    row_map = model.row_map_
    state = {k: v for k, v in model.__getstate__().items() if k != "row_map_"}
    state |= {"scaler_": row_map.scaler, "condition_encoder_": row_map.condition_encoder}
    state |= {"_fit_dtype": row_map.dtype, "_source": None}
    if isinstance(model, BinaryLatentDiffusion):
        state["_has_lengths"] = row_map.frames is not None
    if row_map.levels is not None:
        levels = row_map.levels
        state |= {"_levels": levels.fitted, "_possible_levels": levels.possible}
        state["_n_level_rows"] = levels.n_rows
    opened = type(model).__new__(type(model))
    opened.__setstate__(pickle.loads(pickle.dumps(state)))
    assert not {"scaler_", "_levels", "_has_lengths", "_source"} & set(vars(opened))
    beside = {name: values[:8] for name, values in given.items() if name != "source"}
    asked = {name: values for name, values in beside.items() if name == "condition"}
    skgen.save(opened, tmp_path / "model")
    for other in (opened, skgen.load(tmp_path / "model")):
        np.testing.assert_array_equal(other.sample(8, **asked), model.sample(8, **asked))
        np.testing.assert_array_equal(
            other.transform(X[:8], **beside), model.transform(X[:8], **beside)
        )
