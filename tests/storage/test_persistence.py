"""Model files: every estimator comes back to the bit, bad files are refused, writing is atomic."""

import datetime
import json
import os
import pickle
import re
import socket
import stat
import subprocess
import sys
import textwrap
import uuid
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
import torch
from brief import few_steps
from safetensors.numpy import save_file
from safetensors.torch import load as load_tensors
from safetensors.torch import load_file
from safetensors.torch import save as save_tensors
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from skorch.callbacks import Callback
from torch import nn

import skgen
from skgen import persistence, storage
from skgen.base import REGISTRY
from skgen.persistence import FileFormatError, register

ESTIMATORS = {name: cls for name, cls in REGISTRY.items() if cls.__module__.startswith("skgen.")}
IRIS, SPECIES = (part[::4] for part in load_iris(return_X_y=True))
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
DIGITS = load_digits().data[:30]
BRIEF = {"max_steps": 2, "hidden_units": 16, "random_state": 0}


@pytest.fixture(params=sorted(ESTIMATORS))
def quick(request):
    """Make estimators that train for a few steps only."""
    Estimator = ESTIMATORS[request.param]
    brief = {"max_steps": 4, "hidden_units": 16, "random_state": 0, **few_steps(Estimator, 8)}
    return lambda **kwargs: Estimator(**{**brief, **kwargs})


def stored(model, path):
    skgen.save(model, path)
    return skgen.load(path)


def assert_same(a, b, X, **given):
    np.testing.assert_array_equal(a.transform(X, **given), b.transform(X, **given))
    np.testing.assert_array_equal(
        a.sample(6, n_steps=4, random_state=1), b.sample(6, n_steps=4, random_state=1)
    )
    few = {name: rows[:5] for name, rows in given.items()}
    np.testing.assert_array_equal(a.score_samples(X[:5], **few), b.score_samples(X[:5], **few))


# Names in files


# What the classes and functions that a file may name are called in it, wherever their code stands:
# under another name, files that are written already could not be read.
NAMES_IN_FILES = {
    "BinaryLatentDiffusion",
    "FlowMatcher",
    "GenerativeClassifier",
    "GenerativeImputer",
    "GenerativeOverSampler",
    "GenerativePipeline",
    "GenerativeRegressor",
    "SchrodingerBridgeMatcher",
    "TableEncoder",
    "VQDiffusionBridge",
    "VariationalDiffusionAE",
    "skgen.data.charts.Charts",
    "skgen.data.conditions.ConditionEncoder",
    "skgen.data.levels.Levels",
    "skgen.data.row_map.RowMap",
    "skgen.data.scaling.ColumnScaler",
    "skgen.data.scaling._Spline",
    "skgen.data.sequences.Frames",
    "skgen.entries.Intervals",
    "skgen.entries.Numbers",
    "skgen.entries.Times",
    "skgen.networks.conv.PatchGrid",
    "skgen.processes.bernoulli.cosine_schedule",
    "skgen.processes.bernoulli.linear_schedule",
    "skgen.processes.bernoulli.sigmoid_schedule",
    "skgen.processes.bridges.LinearReference",
    "skgen.processes.manifolds.Product",
    "skgen.tables.columns._Converted",
    "skgen.tables.columns._Empty",
    "skgen.tables.columns._Floats",
    "skgen.tables.columns._Labels",
    "skgen.tables.columns._Steps",
    "skgen.tables.made_up.MadeUp",
    "skgen.tables.rare.CommonCategories",
    "skgen.tables.withheld.Withheld",
    "skgen.tables.constraints.Check",
    "skgen.tables.constraints.Formula",
    "skgen.tables.constraints.FunctionOf",
    "skgen.tables.constraints.GapWhere",
    "skgen.tables.constraints.Inequality",
    "skgen.tables.constraints.NeverTogether",
    "skgen.tables.constraints.OneOf",
    "skgen.tables.constraints.Product",
    "skgen.tables.constraints.Range",
    "skgen.tables.constraints.Sum",
    "skgen.tables.constraints.Support",
    "skgen.tables.kept_patterns.KeptApart",
    "skgen.tables.kept_patterns.KeptGaps",
    "skgen.tables.kept_rules.KeptRule",
}


def test_names_in_files_stay_when_code_moves():
    # Loading registers the estimators, too.
    persistence._register_estimators()
    known = {
        name: what
        for name, what in storage.allowed._BY_NAME.items()
        if what.__module__.split(".")[0] == "skgen"
    }
    assert set(known) == NAMES_IN_FILES
    assert all(storage.name_of(what) == name for name, what in known.items())


# Every estimator


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_loaded_model_is_the_same_to_the_bit(quick, tmp_path, dtype):
    X = IRIS.astype(dtype)
    model = quick().fit(X)
    loaded = stored(model, tmp_path / "m")
    assert_same(model, loaded, X)
    assert loaded.sample(2).dtype == dtype
    assert loaded.history_ == model.history_
    holes = np.where(np.arange(4) == 1, np.nan, X[:5])
    np.testing.assert_array_equal(
        loaded.impute(holes, n_steps=8, random_state=0),
        model.impute(holes, n_steps=8, random_state=0),
    )


def test_conditions_come_back(quick, tmp_path):
    model = quick().fit(IRIS, condition=NAMES)
    loaded = stored(model, tmp_path / "m")
    assert_same(model, loaded, IRIS, condition=NAMES)
    asked = {"condition": "virginica", "guidance_scale": 1.0, "n_steps": 8}
    np.testing.assert_array_equal(loaded.sample(3, **asked), model.sample(3, **asked))
    with pytest.raises(ValueError, match="unknown label 'rose'"):
        loaded.sample(1, condition="rose")


def test_conditions_of_dates_come_back(tmp_path):
    days = pd.Series(pd.date_range("2024-01-01", periods=2).repeat(20))
    model = skgen.FlowMatcher(**BRIEF, n_steps=4).fit(IRIS, condition=days[: len(IRIS)])
    loaded = stored(model, tmp_path / "m")
    for day in ("2024-01-02", pd.Timestamp("2024-01-02"), np.datetime64("2024-01-02")):
        np.testing.assert_array_equal(
            loaded.sample(3, condition=day), model.sample(3, condition=days[30])
        )


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("shape", [(1, 8, 8), (16, 4)])
def test_networks_of_images_and_sequences_come_back(quick, tmp_path, shape):
    model = quick(input_shape=shape, max_steps=2).fit(DIGITS)
    loaded = stored(model, tmp_path / "m")
    np.testing.assert_array_equal(loaded.transform(DIGITS), model.transform(DIGITS))
    np.testing.assert_array_equal(loaded.sample(2, n_steps=4), model.sample(2, n_steps=4))


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize(
    ("name", "settings", "X", "given"),
    [
        ("VariationalDiffusionAE", {"likelihood": "discrete", "schedule": "learned"}, DIGITS, {}),
        ("VariationalDiffusionAE", {"prior": "normal", "scaling": "quantile"}, IRIS, {}),
        ("SchrodingerBridgeMatcher", {"time_grid": [0, 0.3, 1.0]}, IRIS, {"source": IRIS[:20]}),
        ("BinaryLatentDiffusion", {"autoencoder": None}, IRIS > 3.0, {}),
        (
            "BinaryLatentDiffusion",
            {"codebook_dim": 3, "code": "sequence", "input_shape": (16, 4), "output": "packed"},
            DIGITS,
            {"lengths": np.arange(30) % 16 + 1},
        ),
    ],
    ids=["discrete", "normal prior", "source", "bits", "lengths"],
)
def test_variants_come_back(tmp_path, name, settings, X, given):
    Estimator = ESTIMATORS[name]
    model = Estimator(**settings, **BRIEF, **few_steps(Estimator, 4)).fit(X, **given)
    loaded = stored(model, tmp_path / "m")
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    np.testing.assert_array_equal(loaded.sample(4, n_steps=4), model.sample(4, n_steps=4))


def test_a_loaded_model_is_cloned_refitted_and_trained_further(quick, tmp_path):
    model = quick().fit(IRIS)
    loaded = stored(model, tmp_path / "m")
    assert clone(loaded).get_params() == model.get_params()
    assert_same(clone(loaded).fit(IRIS), model, IRIS)
    assert_same(loaded.partial_fit(IRIS), model.partial_fit(IRIS), IRIS)
    # A model that learnt from pieces goes on from the last one's weights, not from their average.
    model = quick().partial_fit(IRIS[:25]).partial_fit(IRIS[15:])
    loaded = stored(model, tmp_path / "m")
    assert_same(loaded.partial_fit(IRIS[:25]), model.partial_fit(IRIS[:25]), IRIS)


def test_an_unfitted_model_comes_back(quick, tmp_path):
    model = quick(random_state=np.random.RandomState(3), device=torch.device("cpu"))
    model.random_state.normal()
    loaded = stored(model, tmp_path / "m")
    assert loaded.device == torch.device("cpu")
    assert loaded.random_state.normal() == model.random_state.normal()
    assert not hasattr(loaded, "module_")


def test_parameters_that_came_later_take_their_defaults(quick, tmp_path):
    model = quick().fit(IRIS)
    del model.checkpoint, model.lr
    for loaded in (stored(model, tmp_path / "m"), pickle.loads(pickle.dumps(model))):
        assert (loaded.checkpoint, loaded.lr) == (None, quick().lr)
        np.testing.assert_array_equal(loaded.sample(3, n_steps=4), model.sample(3, n_steps=4))


def test_names_and_requests_come_back(quick, tmp_path):
    import pandas as pd

    frame = pd.DataFrame(IRIS, columns=["a", "b", "c", "d"])
    model = quick().fit(frame).set_output(transform="pandas")
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(condition=True)
        loaded = stored(model, tmp_path / "m")
        assert loaded.get_metadata_routing().fit.requests["condition"] is True
    pd.testing.assert_frame_equal(loaded.sample(3, n_steps=4), model.sample(3, n_steps=4))
    pd.testing.assert_frame_equal(loaded.transform(frame), model.transform(frame))


@pytest.mark.fixed_seed
def test_the_same_file_in_another_process(tmp_path):
    model = skgen.FlowMatcher(**BRIEF, n_steps=4).fit(IRIS)
    skgen.save(model, tmp_path / "m")
    program = (
        "import sys, torch; torch.set_num_threads(1); import skgen\n"
        f"rows = skgen.load({str(tmp_path / 'm')!r}).sample(5)\n"
        "sys.stdout.write(rows.tobytes().hex())"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout == model.sample(5).tobytes().hex()


@pytest.mark.parametrize(
    "step",
    [
        StandardScaler(),
        MinMaxScaler(),
        MaxAbsScaler(),
        RobustScaler(),
        PowerTransformer(),
        QuantileTransformer(n_quantiles=20, output_distribution="normal", random_state=0),
        PCA(3, random_state=0),
        FunctionTransformer(),
    ],
    ids=lambda step: type(step).__name__,
)
def test_pipelines_come_back(tmp_path, step):
    model = skgen.FlowMatcher(**BRIEF, n_steps=4)
    pipeline = make_pipeline(clone(step), model).fit(IRIS)
    loaded = stored(pipeline, tmp_path / "m")
    np.testing.assert_array_equal(loaded.transform(IRIS), pipeline.transform(IRIS))
    Z = pipeline.transform(IRIS)
    np.testing.assert_array_equal(loaded.inverse_transform(Z), pipeline.inverse_transform(Z))
    assert loaded.score(IRIS) == pipeline.score(IRIS)
    np.testing.assert_array_equal(loaded.fit(IRIS).transform(IRIS), Z)


# What a file holds


def test_any_safetensors_reader_finds_the_weights(tmp_path):
    model = skgen.FlowMatcher(**BRIEF, n_steps=4).fit(IRIS)
    skgen.save(model, tmp_path / "m")
    tensors = load_file(tmp_path / "m")
    weights = dict(model.module_.named_parameters())
    for name, weight in weights.items():
        found = [key for key in tensors if key.endswith("module_." + name)]
        assert len(found) == 1, (name, found)
        assert torch.equal(tensors[found[0]], weight)


class Sundry(BaseEstimator):
    """Holds whatever it is given."""

    def __init__(self, value=None):
        self.value = value


register(Sundry)


class _Tied(nn.Module):
    """Two layers with one weight, and a buffer that may be missing."""

    __module__ = "skgen.tests"

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2)
        self.b.weight = self.a.weight
        self.register_buffer("gone", None)
        self.alias = [self.a]


@pytest.mark.parametrize(
    "value",
    [
        [1, 2.5, True, None, "é\U0001f600\0x", -0.0, 1e-320, 10**30],
        {"a": (1, [2]), 3: "b", ("x", None): {"$": "name"}},
        np.float32(0.1),
        np.array(3.0),
        np.arange(6, dtype=np.uint16).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1),
        np.arange(10.0)[::2],
        np.array([], dtype=np.float32).reshape(0, 3),
        np.array(["ab", "c", ""]),
        np.array([["ab"], ["c\U0001f600"]]),
        np.array([b"ab", b"\xff"]),
        np.array(["a", None, 1.5], dtype=object),
        np.array([], dtype=object),
        np.arange(3, dtype=">f8"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_come_back_with_type_and_layout(tmp_path, value):
    loaded = stored(Sundry(value), tmp_path / "m").value
    assert type(loaded) is type(value)
    if isinstance(value, np.ndarray):
        assert loaded.dtype == value.dtype.newbyteorder("=")
        assert loaded.shape == value.shape
        dense = value.flags.c_contiguous or value.flags.f_contiguous
        if value.dtype.kind in "fu" and value.size and dense:
            assert loaded.strides == value.strides
        assert loaded.flags.writeable
        np.testing.assert_array_equal(loaded, value)
    else:
        assert repr(loaded) == repr(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_lacks_come_back(tmp_path, value):
    np.testing.assert_equal(stored(Sundry(value), tmp_path / "m").value, value)


@pytest.mark.parametrize(
    "value", [np.dtype("float32"), np.float64, torch.float16, torch.nn.Linear, Path("a/b")]
)
def test_types_and_paths_come_back(tmp_path, value):
    assert stored(Sundry(value), tmp_path / "m").value == value


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int8, torch.bool])
def test_tensors_of_all_types_come_back(tmp_path, dtype):
    value = torch.tensor([[0, 1, 2], [3, 4, 5]]).to(dtype).T
    loaded = stored(Sundry(value), tmp_path / "m").value
    assert torch.equal(loaded, value)
    assert loaded.stride() == value.stride()


def test_what_was_one_object_is_one_again(tmp_path):
    array = np.arange(3.0)
    own = Sundry()
    own.value = [array, array, own, _Tied()]
    first, second, itself, module = stored(own, tmp_path / "m").value
    assert first is second
    assert isinstance(itself, Sundry)
    assert itself.value[0] is first
    assert module.a.weight is module.b.weight
    assert module.alias[0] is module.a
    assert module.gone is None
    assert len(list(module.parameters())) == 2


# What cannot be saved


class Shout(Callback):
    """A callback of a user's own."""


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            skgen.FlowMatcher(net_params={"callbacks": [Shout()]}),
            r"object\.net_params\.callbacks\[0\] is .*Shout",
        ),
        (make_pipeline(FunctionTransformer(np.log1p)), r"steps\[0\]\[1\]\.func is .*log1p"),
        (make_pipeline(StandardScaler(), KMeans()), r"steps\[1\]\[1\] is KMeans"),
        (Sundry(np.array(["2020-01-01"], dtype="datetime64[D]")), "datetime64"),
        (Sundry(np.array([1j])), "type complex128, which cannot be saved"),
        (Sundry({1, 2}), r"object\.value is .*set"),
        (KMeans(), "model must be"),
        ([1, 2], "model must be"),
    ],
)
def test_what_cannot_be_saved_is_named_and_the_old_file_stays(tmp_path, model, message):
    skgen.save(skgen.FlowMatcher(tolerance=0.5), tmp_path / "m")
    with pytest.raises(TypeError, match=message):
        skgen.save(model, tmp_path / "m")
    assert skgen.load(tmp_path / "m").tolerance == 0.5
    assert os.listdir(tmp_path) == ["m"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, call):
    skgen.save(skgen.FlowMatcher(tolerance=0.5), tmp_path / "m")

    def fail(*args):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(storage.files.os, call, fail)
        with pytest.raises(OSError, match="disk is full"):
            skgen.save(skgen.FlowMatcher(tolerance=0.25), tmp_path / "m")
    assert skgen.load(tmp_path / "m").tolerance == 0.5
    assert os.listdir(tmp_path) == ["m"]


def test_places_that_cannot_be_written_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        skgen.save(skgen.FlowMatcher(), tmp_path / "nowhere" / "m")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        skgen.save(skgen.FlowMatcher(), tmp_path)
    if os.path.isdir("/proc/self"):
        # A folder in which nobody can make files: no word of the temporary one.
        with pytest.raises(OSError, match=r"No such file or directory: '/proc/m'"):
            skgen.save(skgen.FlowMatcher(), "/proc/m")
    with pytest.raises(FileNotFoundError):
        skgen.load(tmp_path / "m")


def test_a_link_is_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "folder" / "m")
    skgen.save(skgen.FlowMatcher(), link)
    assert link.is_symlink()
    assert isinstance(skgen.load(tmp_path / "folder" / "m"), skgen.FlowMatcher)


POSIX = pytest.mark.skipif(os.name != "posix", reason="needs what POSIX has")


@POSIX
def test_a_saved_file_keeps_its_permissions_and_its_owner(tmp_path):
    path = tmp_path / "m"
    for mode in (0o600, 0o640, 0o666, 0o444):
        path.touch()
        path.chmod(mode)
        before = path.stat()
        skgen.save(skgen.FlowMatcher(), path)
        after = path.stat()
        assert after.st_mode == before.st_mode
        assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
        path.unlink()
    # A new file has what any new file has.
    (tmp_path / "other").touch()
    skgen.save(skgen.FlowMatcher(), path)
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
    # Through a link, what counts is the file.
    path.chmod(0o600)
    (tmp_path / "link").symlink_to(path)
    skgen.save(skgen.FlowMatcher(), tmp_path / "link")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@POSIX
@pytest.mark.skipif(getattr(os, "geteuid", int)() != 0, reason="only root gives files away")
def test_a_file_of_another_owner_stays_theirs(tmp_path):
    path = tmp_path / "m"
    path.touch()
    path.chmod(0o640)
    os.chown(path, 65534, 65533)
    skgen.save(skgen.FlowMatcher(), path)
    after = path.stat()
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (65534, 65533, 0o640)


@POSIX
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "pipe behind a link"])
def test_what_is_no_regular_file_is_left_alone(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    path = Path("special")
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "device":
        # A terminal of its own, so that nothing that others use is at stake.
        parent, child = os.openpty()
        path = Path(os.ttyname(child))
    else:
        os.mkfifo(path)
    before = os.lstat(path)
    target = path
    if "link" in kind:
        target = Path("link")
        target.symlink_to(path)
    with pytest.raises(OSError, match="is a device, a pipe, a socket or the like"):
        skgen.save(skgen.FlowMatcher(), target)
    assert os.path.samestat(os.lstat(path), before)
    assert not [name for name in os.listdir() if name.endswith(".part")]
    if kind == "device":
        os.close(parent)
        os.close(child)


@POSIX
def test_what_a_process_has_open_is_not_replaced(tmp_path):
    log = tmp_path / "log"
    with log.open("w") as file:
        file.write("before\n")
        file.flush()
        link = tmp_path / "link"
        link.symlink_to(f"/dev/fd/{file.fileno()}")
        for path in (f"/dev/fd/{file.fileno()}", link):
            with pytest.raises(OSError, match="is a device, a pipe, a socket or the like"):
                skgen.save(skgen.FlowMatcher(), path)
        file.write("after\n")
    assert log.read_text() == "before\nafter\n"


@POSIX
def test_a_link_to_itself_is_left_alone(tmp_path):
    path = tmp_path / "loop"
    path.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        skgen.save(skgen.FlowMatcher(), path)
    assert path.is_symlink()


@pytest.mark.parametrize("name", ["n" * 100, "n" * 101, "n" * 240, "é" * 120, "n" * 255])
def test_any_name_can_be_saved_to(tmp_path, name):
    path = tmp_path / name
    try:
        path.touch()
    except OSError:
        pytest.skip("this file system has no names as long")
    skgen.save(skgen.FlowMatcher(tolerance=0.5), path)
    assert skgen.load(path).tolerance == 0.5
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["m", "n" * 240])
def test_the_next_save_deletes_what_killed_ones_have_left(tmp_path, monkeypatch, name):
    path = tmp_path / name
    with monkeypatch.context() as patch:
        # A process that dies here deletes nothing.
        patch.setattr(Path, "unlink", lambda self, **options: None)
        patch.setattr(storage.files.os, "replace", lambda *paths: 1 / 0)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                skgen.save(skgen.FlowMatcher(), path)
    assert len(storage.leftovers(path)) == len(os.listdir(tmp_path)) == 3
    others = [".m2.0123456789abcdef.part", ".m.part", f"{name}.part"]
    for other in others:
        (tmp_path / other).touch()
    skgen.save(skgen.FlowMatcher(), path)
    assert sorted(os.listdir(tmp_path)) == sorted([name, *others])


@POSIX
def test_a_save_does_not_delete_what_another_is_writing(tmp_path, monkeypatch):
    path, replace = tmp_path / "m", os.replace

    def interrupted(source, target):
        # In the middle of one save, a whole other one.
        monkeypatch.setattr(storage.files.os, "replace", replace)
        skgen.save(skgen.FlowMatcher(tolerance=0.25), path)
        assert skgen.load(path).tolerance == 0.25
        replace(source, target)

    monkeypatch.setattr(storage.files.os, "replace", interrupted)
    skgen.save(skgen.FlowMatcher(tolerance=0.5), path)
    assert skgen.load(path).tolerance == 0.5
    assert os.listdir(tmp_path) == ["m"]


# What a file must not bring: places that a later fit reads from


class Bomb:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


def test_no_cache_comes_out_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pipe = skgen.make_generative_pipeline(
        StandardScaler(), skgen.FlowMatcher(**BRIEF, n_steps=4), memory="cache"
    ).fit(IRIS)
    skgen.save(pipe, "m")
    cached = list(Path("cache").rglob("output.pkl"))
    assert cached
    for path in cached:
        path.write_bytes(pickle.dumps(Bomb()))
    with pytest.warns(UserWarning, match=r"memory='cache' of GenerativePipeline.*None now"):
        loaded = skgen.load("m")
    assert loaded.memory is None
    loaded.fit(IRIS)
    assert not Path("exploded").exists()
    # Nothing else changes, and the model that was saved keeps what it had.
    assert pipe.memory == "cache"
    np.testing.assert_array_equal(loaded.sample(3), pipe.sample(3))


def test_no_checkpoint_comes_out_of_a_file_however_deep(tmp_path):
    inner = make_pipeline(
        make_pipeline(StandardScaler(), memory=str(tmp_path / "a")),
        skgen.FlowMatcher(checkpoint=tmp_path / "b"),
    )
    imputer = skgen.GenerativeImputer(inner)
    imputer.model_ = skgen.FlowMatcher(checkpoint=str(tmp_path / "c"))
    sampler = skgen.GenerativeOverSampler(imputer)
    skgen.save(sampler, tmp_path / "m")
    with pytest.warns(UserWarning, match="places that a later fit would read from") as caught:
        loaded = skgen.load(tmp_path / "m")
    assert len(caught) == 1
    assert loaded.model.model[0].memory is None
    assert loaded.model.model[1].checkpoint is None
    assert loaded.model.model_.checkpoint is None
    for text in ("a' of Pipeline", "b') of FlowMatcher", "c' of FlowMatcher"):
        assert text in str(caught[0].message)


# The page of the user guide


@pytest.mark.slow
def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = Path(__file__).parents[2] / "docs" / "user_guide" / "files.rst"
    blocks = re.findall(
        r"^.. code-block:: python\n\n((?:   .*\n|\n)+)", page.read_text(encoding="utf-8"), re.M
    )
    assert len(blocks) == 3
    scope = {}
    for block in blocks:
        exec(compile(textwrap.dedent(block), page.name, "exec"), scope)
    assert sorted(os.listdir()) == ["classifier.safetensors", "iris.safetensors"]


# Registering


def test_a_class_must_be_registered_to_be_loaded(tmp_path, monkeypatch):
    skgen.save(Sundry(1), tmp_path / "m")
    name = storage.name_of(Sundry)
    with monkeypatch.context() as patch:
        patch.delitem(storage.allowed._BY_NAME, name)
        with pytest.raises(FileFormatError, match=r"Sundry', which is not registered here"):
            skgen.load(tmp_path / "m")
    assert skgen.load(tmp_path / "m").value == 1


def test_a_name_belongs_to_one_class():
    with pytest.raises(ValueError, match=r"is .*StandardScaler's; give another"):
        register(Shout, "sklearn.preprocessing.StandardScaler")


def test_a_subclass_is_not_registered_by_its_parent(tmp_path):
    class Own(skgen.FlowMatcher):
        pass

    with pytest.raises(TypeError, match="model must be"):
        skgen.save(Own(), tmp_path / "m")


# Files that are none


def test_other_files_are_told_apart(tmp_path):
    path = tmp_path / "m"
    for data, message in [
        (b"", "no file of skgen"),
        (b"hello, world", "no file of skgen"),
        (pickle.dumps(skgen.FlowMatcher()), "no file of skgen"),
        (os.urandom(1000), "no file of skgen"),
        (storage.dumps({}, "checkpoint"), "it is a 'checkpoint', not a model"),
        (storage.dumps({"object": 3}, "model"), "holds no model"),
    ]:
        path.write_bytes(data)
        with pytest.raises(FileFormatError, match=message):
            skgen.load(path)
    save_file({"a": np.zeros(3)}, path)
    with pytest.raises(FileFormatError, match="skgen did not write it"):
        skgen.load(path)


def test_a_flipped_bit_is_found(tmp_path):
    path = tmp_path / "m"
    skgen.save(skgen.FlowMatcher(**BRIEF, n_steps=4).fit(IRIS), path)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match="m': it is damaged: its checksum"):
        skgen.load(path)


def test_a_newer_format_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(storage.format, "FORMAT", 99)
    skgen.save(skgen.FlowMatcher(), tmp_path / "m")
    monkeypatch.undo()
    told = rf"format 99, written by skgen '.*'; skgen .* reads {storage.format.FORMAT}"
    with pytest.raises(FileFormatError, match=told):
        skgen.load(tmp_path / "m")


def test_deep_nesting_is_refused_both_ways(tmp_path):
    value = []
    for _ in range(500):
        value = [value]
    with pytest.raises(TypeError, match="nested more than"):
        skgen.save(Sundry(value), tmp_path / "m")
    description = '{"a":' * 100_000
    tensors = {}
    data = save_tensors(
        tensors, {"skgen": description, "sha256": storage.format.checksum(description, tensors)}
    )
    with pytest.raises(FileFormatError, match="nested too deep"):
        storage.loads(data, "model")


def forge(value, **changes):
    """Give the bytes of a file whose root object has other attributes than it should."""
    node = storage.writer.Writer().node(value, "model")
    node.update(changes)
    content = {"format": storage.format.FORMAT, "kind": "model", "versions": {}, "model": node}
    description = json.dumps(content)
    return save_tensors(
        {}, {"skgen": description, "sha256": storage.format.checksum(description, {})}
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class": "os.system"}, "'os.system', which is not registered"),
        ({"class": "builtins.eval"}, "not registered"),
        ({"class": "torch.nn.Linear"}, "not a class of plain objects"),
        ({"state": {"__class__": 1}}, "cannot have an attribute '__class__'"),
        ({"state": {"get_params": 1}}, "cannot have an attribute 'get_params'"),
        ({"$": "pickle"}, "unknown kind 'pickle'"),
        ({"$": "init__"}, "unknown kind"),
    ],
)
def test_forged_objects_are_refused(changes, message):
    with pytest.raises(FileFormatError, match=message):
        storage.loads(forge(Sundry(), **changes), "model")


def test_a_forged_random_state_reads_no_foreign_memory():
    value = np.random.RandomState(0)
    data = storage.dumps(value, "model")
    tensors, description = load_tensors(data), storage.format.opened(data)[0]
    forged = description.replace('"pos": 624', '"pos": 9999999')
    assert forged != description
    metadata = {"skgen": forged, "sha256": storage.format.checksum(forged, tensors)}
    with pytest.raises(FileFormatError, match="the place 9999999"):
        storage.loads(save_tensors(tensors, metadata), "model")


def packed(node, tensors=None):
    """Give the bytes of a file of a description, its checksum in order."""
    content = {"format": storage.format.FORMAT, "kind": "model", "versions": {}, "model": node}
    description, tensors = json.dumps(content), tensors or {}
    metadata = {"skgen": description, "sha256": storage.format.checksum(description, tensors)}
    return save_tensors(tensors, metadata)


@pytest.mark.parametrize(
    "header",
    [
        *('{"__metadata__":null}', '{"__metadata__":[]}', '{"__metadata__":{"skgen":null}}'),
        *('{"__metadata__":3}', "[]", "3", "null", "{}", '{"__metadata__":{"skgen":3}}'),
    ],
)
def test_headers_that_hold_something_else_are_refused(tmp_path, header):
    (tmp_path / "m").write_bytes(len(header).to_bytes(8, "little") + header.encode())
    with pytest.raises(FileFormatError):
        skgen.load(tmp_path / "m")


FOREIGN_DTYPES = [
    *("datetime64[ns, dateutil//tmp/secret]", "datetime64[ns, dateutil/Europe/Zurich]"),
    *("datetime64[ns, tzlocal()]", "datetime64[ns, ../../secret]", "datetime64[ns, /tmp/secret]"),
    *("timestamp[ns, tz=dateutil//tmp/secret][pyarrow]", "extension<a>[pyarrow]", "category"),
    *("interval[datetime64[ns, dateutil//tmp/secret], right]", "Sparse[object, __import__]"),
    *("os.system", "<M8[ns]", "O", "V8", "json", "geometry"),
]


PROGRAM = f"""
import json, sys
import pandas as pd
from safetensors.torch import save as save_tensors
import skgen
from skgen import storage
frame = pd.DataFrame({{"x": pd.to_datetime(["2020-01-01", "2020-01-02"]).tz_localize("UTC")}})
skgen.persistence._register_estimators()
data = storage.dumps({{"object": skgen.TableEncoder().fit(frame)}}, "model")
description, tensors = storage.format.opened(data)
content = json.loads(description)
column = content["model"]["object"]["state"]["_columns"][0]["state"]
assert "UTC" in column["dtype"]
files = {{}}
for name in {FOREIGN_DTYPES!r}:
    column["dtype"] = name
    description = json.dumps(content)
    metadata = {{"skgen": description, "sha256": storage.format.checksum(description, tensors)}}
    files[name] = save_tensors(tensors, metadata)
seen, found = [], {{}}
sys.addaudithook(lambda event, args: event in ("open", "import") and seen.append(str(args[0])))
for name, data in files.items():
    seen.clear()
    before = set(sys.modules)
    try:
        storage.loads(data, "model")
        outcome = "loaded"
    except storage.FileFormatError as error:
        outcome = "refused"
    found[name] = [outcome, list(seen), sorted(set(sys.modules) - before)]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def foreign_dtypes():
    """Load a file for each in one process, and tell what each opened and imported."""
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("name", FOREIGN_DTYPES)
def test_dtypes_that_would_open_or_import_something_are_refused(foreign_dtypes, name):
    assert foreign_dtypes[name] == ["refused", [], []]


@pytest.mark.parametrize("name", ["_dynamo", "nn", "Tensor", "load", "__name__", ["float32"], None])
def test_names_of_torch_that_are_no_types_are_refused(name):
    before = set(sys.modules)
    with pytest.raises(FileFormatError):
        storage.loads(packed({"$": "torch dtype", "name": name}), "model")
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Decimal", "1E+999999999"),
        ("Decimal", 3),
        ("Timestamp", [{"$": "value", "class": "datetime64", "value": [0, "ns", 1]}, "UTC"]),
        ("Fraction", [1, 0]),
        ("date", "2020-13-01"),
        ("ZoneInfo", "../secret"),
        ("ZoneInfo", "/etc/passwd"),
        ("ZoneInfo", "Europe/Nowhere"),
        ("timezone", 3),
        ("datetime", [2020, 1, 1]),
        ("datetime64", [1, "ns", "x"]),
        ("Timestamp", [{"$": "value", "class": "date", "value": "2020-01-01"}, 3]),
        ("Period", [1, "no unit"]),
        ("Interval", [2, 1, "right"]),
        ("Interval", [1, 2, "up"]),
        ("os.system", "x"),
        (["date"], "x"),
    ],
)
def test_values_that_cannot_be_are_refused(name, value):
    with pytest.raises(FileFormatError):
        storage.loads(packed({"$": "value", "class": name, "value": value}), "model")


VALUES = [
    *(Decimal("1.50"), Decimal("NaN"), Fraction(-1, 3), b"\x00\xff", 1.5 - 2j, uuid.UUID(int=3)),
    *(datetime.date(2020, 2, 29), datetime.datetime(1, 1, 1, 2, 3, 4, 5), datetime.UTC),
    datetime.datetime(2020, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Zurich"), fold=1),
    *(datetime.time(1, 2, 3, 4, tzinfo=datetime.UTC), datetime.timedelta(-1, 2, 3)),
    datetime.timezone(datetime.timedelta(hours=-3, minutes=-30), "there"),
    *(np.datetime64("2020-01-01T03", "h"), np.datetime64("NaT"), np.timedelta64(3, "D")),
    *(pd.Timestamp("2020-01-01 12:00:00.123456789"), pd.Timestamp("2020", tz="Europe/Zurich")),
    *(pd.Timedelta("3h"), pd.Period("2020-01", "M"), pd.Interval(0, 1.5, "left"), pd.NaT, pd.NA),
    pd.Interval(pd.Timestamp("2020"), pd.Timestamp("2021"), "both"),
    np.dtype("datetime64[us]"),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_of_time_and_money_come_back(tmp_path, value):
    loaded, inside = stored(Sundry([value, {"x": (value,), value: 1}]), tmp_path / "m").value
    key = next(key for key in inside if not isinstance(key, str))
    for found in (loaded, inside["x"][0], key):
        assert type(found) is type(value)
        assert repr(found) == repr(value)


def test_keys_of_one_hash_do_not_take_for_ever():
    prime = 2**61 - 1
    for keys in (
        [k * prime for k in range(100_000)],
        [{"$": "value", "class": "Fraction", "value": [k * prime, 1]} for k in range(20_000)],
        [{"$": "tuple", "items": [k * prime]} for k in range(20_000)],
    ):
        for node in (
            {"$": "dict", "items": [[key, 0] for key in keys]},
            {"$": "objects", "shape": [len(keys)], "items": keys},
        ):
            with pytest.raises(FileFormatError, match="different values of one hash"):
                storage.loads(packed(node), "model")
    # What is equal, or only alike, has nothing against it.
    alike = {"$": "objects", "shape": [3000], "items": [1, -1, -2] * 1000}
    assert len(storage.loads(packed(alike), "model")) == 3000


def sequence(modules):
    return {
        **{"$": "module", "class": "torch.nn.Sequential", "training": False},
        **{"arguments": {}, "state": {}, "parameters": {}, "buffers": {}, "modules": modules},
    }


def test_networks_that_stand_in_one_another_several_times_are_refused():
    inner = sequence({})
    for modules in (
        {"a": inner, "b": {"$": "same", "number": 1}},
        {"a": {"$": "same", "number": 0}},
        {"a": sequence({"b": {"$": "same", "number": 0}})},
    ):
        with pytest.raises(FileFormatError, match="a network that stands elsewhere already"):
            storage.loads(packed(sequence(modules)), "model")
    node = sequence({})
    for _ in range(40):
        # Each level holds the one below twice.
        node = sequence({"a": node, "b": {"$": "same", "number": 1}})
    with pytest.raises(FileFormatError):
        storage.loads(packed(node), "model")


def test_estimators_that_stand_in_one_another_many_times_over_are_refused(tmp_path):
    model = StandardScaler()
    for _ in range(30):
        model = Pipeline([("a", model), ("b", model)])
    skgen.save(Pipeline([("one", StandardScaler())]), tmp_path / "m")
    data = storage.dumps({"object": model}, "model")
    with pytest.raises(FileFormatError, match="stand in one another many times over"):
        storage.loads(data, "model")
    # One object in a few places is no more than that.
    scaler = StandardScaler()
    loaded = stored(Pipeline([("a", scaler), ("b", scaler), ("c", scaler)]), tmp_path / "m")
    assert loaded[0] is loaded[2]


def test_what_a_killed_save_left_is_deleted_by_the_next(tmp_path):
    paths = [tmp_path / name for name in ("m", "m" * 240, "a.b.safetensors")]
    program = (
        "import os, sys, skgen; os.fsync = lambda number: os.kill(os.getpid(), 9)\n"
        "for path in sys.argv[1:]:\n"
        "    os.fork() or skgen.save(skgen.FlowMatcher(), path)\n"
        "    os.wait()\n"
    )
    subprocess.run([sys.executable, "-c", program, *paths], check=True)
    left = set(tmp_path.iterdir())
    assert [file.suffix for file in left] == [".part"] * len(paths)
    other = tmp_path / ".other.0123456789abcdef.part"
    other.touch()
    for path in paths:
        before = set(tmp_path.iterdir())
        skgen.save(skgen.FlowMatcher(), path)
        (deleted,) = before - set(tmp_path.iterdir())
        assert deleted in left
        assert path.is_file()
    assert set(tmp_path.iterdir()) == {other, *paths}


def test_weights_that_stand_in_a_file_many_times_over_are_refused():
    # A copy in another type, as transform makes one, would take a thousand times the file.
    tensors = {"t": torch.zeros(100_000)}
    held = {"$": "array", "tensor": "t"}
    shared = {"$": "parameter", "tensor": "t", "requires_grad": False}
    for part in (
        {"items": [{"$": "tensor", "tensor": "t"}] * 1000, "$": "tuple"},
        [shared] * 1000,
        [held] * 1000,
        # And where objects that hold them are repeated.
        [
            {"$": "object", "class": storage.name_of(Sundry), "state": {"value": held}},
            *[{"$": "same", "number": 0}] * 1000,
        ],
    ):
        with pytest.raises(FileFormatError, match="arrays stand in it many times over"):
            storage.loads(packed(part, tensors), "model")
    few = storage.loads(packed([shared] * 20, tensors), "model")
    assert all(weight is few[0] for weight in few)


@pytest.mark.parametrize("n", [150, pytest.param(1500, marks=pytest.mark.slow)])
def test_bad_files(n):
    script = Path(__file__).with_name("fuzz_files.py")
    run = subprocess.run([sys.executable, script, str(n)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    outcomes = json.loads(run.stdout)
    assert sum(outcomes.values()) == n
    # The checksum finds every change that was not made on purpose.
    assert "damaged, loaded" not in outcomes
    assert outcomes["forged, refused"] > outcomes["forged, loaded"] > 0


def mixed_frame():
    return pd.DataFrame(
        {
            "size": [1.5, None, 2.25, 3.0] * 10,
            "colour": ["red", None, "blue", "green"] * 10,
            "grade": pd.Categorical(["b", "a", "c", "a"] * 10, ["a", "b", "c"], ordered=True),
            "day": pd.to_datetime(["2024-01-01", None, "2024-01-09", "2024-01-05"] * 10, utc=True),
            "count": pd.array([1, None, 3, 1000] * 10, dtype="Int64"),
            "flag": [True, False, True, True] * 10,
            "same": ["always"] * 40,
        }
    )


def test_a_pipeline_around_a_table_comes_back(tmp_path):
    frame = mixed_frame()
    model = skgen.make_generative_pipeline(
        skgen.TableEncoder(), skgen.VQDiffusionBridge(max_steps=2, random_state=0)
    ).fit(frame)
    skgen.save(model, tmp_path / "m")
    loaded = skgen.load(tmp_path / "m")
    assert type(loaded) is skgen.GenerativePipeline
    pd.testing.assert_frame_equal(loaded.sample(20, n_steps=4), model.sample(20, n_steps=4))
    np.testing.assert_array_equal(loaded[:-1].transform(frame), model[:-1].transform(frame))
    rows = model[:-1].transform(frame)
    pd.testing.assert_frame_equal(loaded[:-1].inverse_transform(rows), frame)


def test_an_imputer_comes_back(tmp_path):
    holes = IRIS.copy()
    holes[::7, 1] = np.nan
    model = skgen.GenerativeImputer(skgen.FlowMatcher(max_steps=2), random_state=0).fit(holes)
    skgen.save(model, tmp_path / "m")
    np.testing.assert_array_equal(
        skgen.load(tmp_path / "m").transform(holes), model.transform(holes)
    )


def test_skops_takes_what_holds_no_tensors():
    frame = mixed_frame()
    encoder = skgen.TableEncoder().fit(frame)
    columns = [
        f"skgen.tables.columns.{name}" for name in ("_Empty", "_Floats", "_Labels", "_Steps")
    ]
    own = ["skgen.tables.encoder.TableEncoder", "skgen.tables.withheld.Withheld"]
    data, trusted = skops.io.dumps(encoder), [*own, *columns]
    assert set(skops.io.get_untrusted_types(data=data)) <= set(trusted)
    loaded = skops.io.loads(data, trusted=trusted)
    pd.testing.assert_frame_equal(loaded.inverse_transform(loaded.transform(frame)), frame)

    model = skgen.make_generative_pipeline(skgen.TableEncoder(), skgen.FlowMatcher(n_steps=7))
    trusted = [f"{type(part).__module__}.{type(part).__name__}" for part in (model, *model)]
    assert str(skops.io.loads(skops.io.dumps(model), trusted=trusted)) == str(model)
