"""Tables too large to hold: read a part at a time, surveyed within bounds, drawn in batches."""

import numpy as np
import pandas as pd
import pytest
import torch
from brief import few_steps
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skgen import (
    BinaryLatentDiffusion,
    FlowMatcher,
    SchrodingerBridgeMatcher,
    VariationalDiffusionAE,
    VQDiffusionBridge,
    make_generative_pipeline,
)
from skgen.data import out_of_core
from skgen.data.out_of_core import MAX_RUNS, most_surveyed, run_length, survey, surveyed, taken
from skgen.datasets import ParquetRows
from skgen.training.batches import ReadBatches, Reader

ESTIMATORS = [
    VariationalDiffusionAE,
    SchrodingerBridgeMatcher,
    FlowMatcher,
    BinaryLatentDiffusion,
    VQDiffusionBridge,
]
RNG = np.random.default_rng(0)
# The first column tells a row's number, the second its sign; rows are sorted by the third.
X = np.column_stack(
    [np.arange(1500.0), RNG.choice([-1.0, 1.0], 1500), np.sort(RNG.normal(size=1500))]
)


@pytest.fixture
def small_bounds(monkeypatch):
    """Let 1,500 rows be too many, and a fit read 128 rows of three columns at a time."""
    monkeypatch.setattr(out_of_core, "SURVEYED_ROWS", 400)
    monkeypatch.setattr(out_of_core, "READ_ENTRIES", 3 * 128)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "rows.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


class OnDisk:
    """Rows that are read by slices, and tell of every one."""

    def __init__(self, X, chunk):
        self.X, self.shape, self.dtype, self.chunks = X, X.shape, X.dtype, (chunk, X.shape[1])
        self.seen, self.most = np.zeros(len(X), int), 0

    def __getitem__(self, part):
        self.seen[part] += 1
        self.most = max(self.most, len(self.X[part]))
        return self.X[part]

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("all rows were loaded at once")


class Record(Callback):
    """Keep what each step learns from."""

    def __init__(self):
        self.batches = []

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if training:
            self.batches.append({k: v.clone() for k, v in batch[0].items()})


# Reading


def test_stored_rows_are_those_of_the_array(mapped, tmp_path):
    zarr, dask = pytest.importorskip("zarr"), pytest.importorskip("dask.array")
    frame = pd.DataFrame(X, columns=["number", "sign", "value"])
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=400)
    on_disk = zarr.create_array(tmp_path / "rows.zarr", shape=X.shape, chunks=(70, 2), dtype=float)
    on_disk[:] = X
    index = np.sort(RNG.choice(1500, 300, replace=False))
    for stored in (mapped, on_disk, dask.from_array(X, chunks=(110, 3)), OnDisk(X, 64)):
        assert out_of_core.is_stored(stored)
        np.testing.assert_array_equal(taken(stored, index), X[index])
    pd.testing.assert_frame_equal(
        taken(ParquetRows(tmp_path / "rows.parquet"), index),
        frame.iloc[index].reset_index(drop=True),
    )


def test_parquet_columns_and_types(tmp_path):
    frame = pd.DataFrame({"a": [1, 2, None], "b": [True, False, True], "c": list("xyz")})
    for part in ("first", "second"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        frame.astype({"a": "Int64"}).to_parquet(tmp_path / "folder" / f"{part}.parquet")
    rows = ParquetRows(tmp_path / "folder", columns=["b", "a"])
    np.testing.assert_array_equal(rows[:], [[1, 1], [0, 2], [1, np.nan]] * 2)
    with pytest.raises(ValueError, match=r"'c' holds (large_)?string"):
        ParquetRows(tmp_path / "folder")
    with pytest.raises(ValueError, match="no column 'd'"):
        ParquetRows(tmp_path / "folder", columns=["d"])
    single = frame[["a"]].astype("float32")
    single.to_parquet(tmp_path / "single.parquet")
    assert ParquetRows(tmp_path / "single.parquet").dtype == np.float32


@pytest.mark.statistical
def test_a_survey_is_random_bounded_and_without_repetition(small_bounds):
    for stored, run in ((X, 1), (OnDisk(X, 64), 2)):
        assert run_length(stored) == run
        index = survey(stored)
        assert len(np.unique(index)) == len(index) == 400
        # The mean of 400 numbers of 1,500 in runs of 2: within four standard errors.
        assert abs(index.mean() - 749.5) < 4 * 433 * np.sqrt(run / 400)
        np.testing.assert_array_equal(index, survey(stored))
    np.testing.assert_array_equal(surveyed(X[:400]), X[:400])
    # An order of all rows of a very large table would not be bounded.
    table = np.broadcast_to(np.float32(0), (100 * MAX_RUNS, 3))
    assert run_length(table) == 100
    assert most_surveyed(3) == 400


@pytest.mark.statistical
@pytest.mark.parametrize("run", [1, 7])
def test_every_row_comes_once_a_pass(run):
    def read(index):
        assert (np.diff(index) >= 0).all()
        assert len(index) <= 63
        return {"x": torch.from_numpy(index)}

    batches = ReadBatches(Reader(504, run, 63, read), 21)
    order = torch.Generator().manual_seed(0)
    steps = [b[0]["x"] for b in batches.shuffled(48, order)]
    assert [len(step) for step in steps] == [21] * 48
    np.testing.assert_array_equal(np.bincount(torch.cat(steps[:24]), minlength=504), 1)
    np.testing.assert_array_equal(np.bincount(torch.cat(steps[24:]), minlength=504), 1)
    # A batch is a mixture of the nine runs or more of three batches, not neighbours: standard error
    # of the mean of 21 such numbers below 504, and of 48 such standard deviations, four times.
    spread = np.std([step.double().mean() for step in steps])
    assert spread < 145 / np.sqrt(63 / run) * (1 + 4 / np.sqrt(2 * 48)) + 145 / np.sqrt(21)


@pytest.mark.statistical
def test_the_last_rows_count_where_runs_do_not_fit():
    def read(index):
        return {"x": torch.from_numpy(index)}

    batches = ReadBatches(Reader(500, 7, 60, read), 20)
    steps = [b[0]["x"] for b in batches.shuffled(1000, torch.Generator().manual_seed(0))]
    # Forty passes, each of which leaves out three rows at either end.
    counts = np.bincount(torch.cat(steps), minlength=500)
    assert counts.min() > 0
    assert counts.max() <= 41


# Fitting


@pytest.mark.statistical
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_fit_reads_all_rows_and_holds_few(Estimator, small_bounds):
    on_disk = OnDisk(X, 64)
    model = Estimator(max_steps=4, batch_size=64, random_state=0, **few_steps(Estimator, 4))
    model.fit(on_disk)
    assert on_disk.seen.min() >= 1
    assert on_disk.most <= 128
    assert model.n_features_in_ == 3
    # What scales a column comes from 400 rows in runs of 2: within four standard errors.
    np.testing.assert_allclose(model.scaler_.location[0], 749.5, atol=4 * 433 * np.sqrt(2 / 400))
    assert np.isfinite(model.sample(5, n_steps=2)).all()
    assert np.isfinite(model.score(X[:50]))


def test_named_columns_of_a_file(small_bounds, tmp_path):
    zarr = pytest.importorskip("zarr")
    frame = pd.DataFrame(X, columns=["number", "sign", "value"])
    frame.to_parquet(tmp_path / "rows.parquet")
    rows = ParquetRows(tmp_path / "rows.parquet")
    model = FlowMatcher(max_steps=2, random_state=0).fit(rows)
    assert list(model.feature_names_in_) == list(frame.columns)
    assert np.isfinite(model.score(frame[:5]))
    on_disk = zarr.create_array(tmp_path / "rows.zarr", shape=X.shape, chunks=(128, 3), dtype=float)
    on_disk[:] = X
    # Runs of two here and there: the same rows in the same order. A frame lies in memory by
    # columns, so that means are sums in another order.
    other = FlowMatcher(max_steps=2, random_state=0).fit(on_disk)
    np.testing.assert_allclose(other.sample(3), model.sample(3), rtol=1e-6)


@pytest.mark.parametrize("n_rows", [300, 1500])
def test_a_map_is_an_array(mapped, small_bounds, n_rows):
    fits = [FlowMatcher(max_steps=12, random_state=0).fit(rows[:n_rows]) for rows in (mapped, X)]
    np.testing.assert_array_equal(fits[0].sample(5, n_steps=2), fits[1].sample(5, n_steps=2))


def test_rows_keep_what_goes_with_them_and_held_out_ones_stay_out(small_bounds, mapped):
    record = Record()
    names = np.where(X[:, 1] > 0, "plus", "minus")
    model = FlowMatcher(max_steps=60, batch_size=50, scaling="standard", random_state=0)
    model.set_params(net_params={"callbacks": [record]}).fit(mapped, condition=names)
    x = torch.cat([batch["x"] for batch in record.batches]).double()
    condition = torch.cat([batch["condition"] for batch in record.batches])
    rows = model.scaler_.inverse(x).numpy()
    np.testing.assert_array_equal(condition[:, 1].numpy() > 0, rows[:, 1] > 0)
    # A tenth of the 400 rows looked at chooses the weights; the others were read in two passes for
    # the flow, and in one for the distribution of whole rows.
    number, count = np.unique(np.round(rows[:, 0]), return_counts=True)
    assert len(number) == 1460
    assert set(count) <= {3, 4, 5}


def test_bits_and_sequences_with_lengths(small_bounds):
    lengths = np.where(X[:, 1] > 0, 3, 2)
    model = BinaryLatentDiffusion(input_shape=(3, 1), max_steps=3, random_state=0)
    record = Record()
    model.set_params(net_params={"callbacks": [record]}).fit(X, lengths=lengths)
    there = torch.cat([batch["x"] for batch in record.batches])[:, 1::2].sum(1)
    assert set(there.tolist()) == {2.0, 3.0}
    with pytest.raises(ValueError, match="lengths has 3 rows where 1500"):
        model.fit(X, lengths=[1, 2, 3])
    bits = RNG.integers(0, 2, (1500, 3), dtype=np.uint8)
    model = BinaryLatentDiffusion(autoencoder=None, max_steps=3, random_state=0).fit(bits)
    assert set(np.unique(model.sample(20, n_steps=2))) <= {0.0, 1.0}
    # A value that the survey has not seen.
    unseen = np.setdiff1d(np.arange(1500), survey(bits))[0]
    bits[unseen, 1] = 7
    with pytest.raises(
        ValueError, match=rf"from 0 on: X\[{unseen}, 1\] is 7.* not among the levels"
    ):
        model.fit(bits)


def test_wrong_values_are_told_before_training(small_bounds):
    record = Record()
    model = FlowMatcher(max_steps=12, net_params={"callbacks": [record]})
    unseen = np.setdiff1d(np.arange(1500), survey(X))[-1]
    for value, message in ((np.nan, "NaN"), (1e200, r"cannot\s+be squared")):
        wrong = X.copy()
        wrong[unseen, 1] = value
        on_disk = OnDisk(wrong, 1)
        with pytest.raises(ValueError, match=f"(?s)In the rows of X from .*{message}"):
            model.fit(on_disk)
    labels = np.full(1500, "a", dtype=object)
    with pytest.raises(ValueError, match="3 rows where 1500"):
        model.fit(X, condition=labels[:3])
    with pytest.raises(ValueError, match="flattened"):
        model.fit(OnDisk(X.reshape(500, 3, 3), 64))
    assert record.batches == []
    assert not hasattr(model, "module_")
    model.fit(X, condition=labels)
    labels[unseen] = "b"
    with pytest.raises(ValueError, match=r"(?s)In the rows of X from .*unknown label 'b'"):
        model.partial_fit(X, condition=labels)


def test_a_long_source_is_taken_in_part(small_bounds):
    model = FlowMatcher(max_steps=4, random_state=0).fit(X[:300], source=OnDisk(X, 64))
    assert len(model.module_.source) == 400
    np.testing.assert_array_equal(
        model.scaler_.inverse(model.module_.source.double())[:, 0].round(), survey(OnDisk(X, 64))
    )


class Stop(Callback):
    """End the process's part in a fit."""

    def on_batch_end(self, net, training=False, **kwargs):
        if training and net.step_ == 15:
            raise SystemExit


def test_a_killed_fit_goes_on(small_bounds, mapped, tmp_path):
    settings = {"max_steps": 20, "batch_size": 64, "random_state": 0}
    whole = FlowMatcher(**settings).fit(mapped)
    killed = FlowMatcher(
        **settings, checkpoint=tmp_path / "fit", net_params={"callbacks": [Stop()]}
    )
    with pytest.raises(SystemExit):
        killed.fit(mapped)
    resumed = FlowMatcher(**settings, checkpoint=tmp_path / "fit").fit(mapped)
    np.testing.assert_array_equal(resumed.sample(5), whole.sample(5))


@pytest.mark.parametrize("what", ["X", "X on disk", "condition", "source", "source on disk"])
def test_a_fit_is_told_by_rows_beyond_the_survey_too(small_bounds, tmp_path, what):
    name, on_disk = what.split()[0], what.endswith("disk")
    rows, other = X[:, :1] if name == "condition" else X, X.copy()
    unseen = np.setdiff1d(np.arange(len(X)), survey(OnDisk(X, 64) if on_disk else X))
    other[unseen[-1], 0] += 0.5
    pair = [rows, other[:, : rows.shape[1]]]
    if on_disk:
        pair = [OnDisk(part, 64) for part in pair]
    data, settings = {"X": X}, {"max_steps": 20, "random_state": 0, "checkpoint": tmp_path / "fit"}
    with pytest.raises(SystemExit):
        FlowMatcher(**settings, net_params={"callbacks": [Stop()]}).fit(**{**data, name: pair[0]})
    with pytest.raises(ValueError, match=f"is of another fit: {name} differs"):
        FlowMatcher(**settings).fit(**{**data, name: pair[1]})
    FlowMatcher(**settings).fit(**{**data, name: pair[0]})


# Sampling


@pytest.fixture(scope="module", params=ESTIMATORS)
def fitted(request):
    iris = load_iris(as_frame=True)
    steps = few_steps(request.param, 4)
    model = request.param(max_steps=4, hidden_units=16, random_state=0, **steps)
    return model.fit(iris.data.astype("float32"), condition=iris.target)


@pytest.mark.parametrize("batch_size", [256, 300])
def test_batches_are_the_bits_of_one_sample(fitted, batch_size):
    whole = fitted.sample(700, n_steps=1, random_state=3)
    batches = list(fitted.sample_batches(700, batch_size, n_steps=1, random_state=3))
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * 2
    np.testing.assert_array_equal(np.concatenate(batches), whole)


def test_batches_have_their_rows_of_a_condition(fitted):
    told = np.arange(400) % 3
    whole = fitted.sample(400, condition=told, n_steps=1)
    batches = fitted.sample_batches(400, 150, condition=list(told), n_steps=1)
    np.testing.assert_array_equal(np.concatenate(list(batches)), whole)
    one = fitted.sample(400, condition=1, n_steps=1)
    batches = fitted.sample_batches(400, 150, condition=1, n_steps=1)
    np.testing.assert_array_equal(np.concatenate(list(batches)), one)


def test_wrong_batches_are_told_when_they_are_asked_for():
    model = FlowMatcher(max_steps=2, random_state=0).fit(X[:50])
    for wrong in ((0, 5), (5, 0), (2.5, 5)):
        with pytest.raises(ValueError, match="at least 1"):
            model.sample_batches(*wrong)
    with pytest.raises(ValueError, match="condition has 2 rows"):
        next(model.sample_batches(5, condition=[1, 2]))


def test_batches_of_a_pipeline():
    model = FlowMatcher(max_steps=2, random_state=0)
    pipe = make_generative_pipeline(StandardScaler(), model).fit(X[:50])
    batches = pipe.sample_batches(1500, 700, random_state=1)
    np.testing.assert_array_equal(np.concatenate(list(batches)), pipe.sample(1500, random_state=1))
