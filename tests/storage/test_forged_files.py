"""Forged files: what loads also runs, or says in words what is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skgen
from skgen import storage
from skgen.persistence import FileFormatError

FUZZER = Path(__file__).parents[2] / "examples" / "benchmarks" / "fuzz_files.py"
X = np.random.default_rng(0).normal(size=(40, 3))


@pytest.fixture(scope="module")
def model():
    return skgen.FlowMatcher(hidden_units=8, max_steps=2, n_steps=2, random_state=0).fit(X)


def forged(model, path, change):
    """Save a model, change its description and tensors, and make the checksum fit."""
    skgen.save(model, path)
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    content = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["skgen"])
    tensors = load_tensors(data)
    change(content["model"]["object"]["state"], tensors)
    description = json.dumps(content)
    sum_ = storage.format.checksum(description, tensors)
    path.write_bytes(save_tensors(tensors, {"skgen": description, "sha256": sum_}))
    return path


def weights_as(kind):
    def change(state, tensors):
        name = next(name for name in tensors if name.endswith("weight"))
        tensors[name] = getattr(tensors[name], kind)()

    return change


def module_with(**changes):
    return lambda state, tensors: state["module_"]["state"].update(changes)


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of processes")
def test_what_loads_of_forged_files_also_runs():
    command = [sys.executable, FUZZER, "--mutants", "120", "--seed", "11"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("('runs', '')") == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (weights_as("half"), "weights of the type"),
        (weights_as("double"), "single precision"),
        (module_with(block_size=2**40), "block_size"),
        (module_with(score_draws=0), "score_draws"),
        (lambda state, tensors: state.update(n_steps=10**9), "n_steps is above"),
        (lambda state, tensors: state.update(n_features_in_=2**40), "n_features_in_"),
        (lambda state, tensors: state.update(row_map_=None), "row_map_ is no RowMap"),
        (lambda state, tensors: state.update(module_=[1]), "module_ is no network"),
    ],
)
def test_sizes_and_types_are_checked_when_a_file_is_loaded(model, tmp_path, change, message):
    path = forged(model, tmp_path / "m", change)
    with pytest.raises(FileFormatError, match=message):
        skgen.load(path)


def test_a_pipeline_within_itself_is_refused(model, tmp_path):
    def change(state, tensors):
        state["steps"][0]["items"][1] = {"$": "same", "number": 0}

    path = forged(make_pipeline(StandardScaler().fit(X), model), tmp_path / "m", change)
    with pytest.raises(FileFormatError, match="within itself"):
        skgen.load(path)


def test_a_scaler_that_transforms_nothing_is_refused(model, tmp_path):
    def change(state, tensors):
        del state["steps"][0]["items"][1]["state"]["with_mean"]

    path = forged(make_pipeline(StandardScaler().fit(X), model), tmp_path / "m", change)
    with pytest.raises(FileFormatError, match="StandardScaler that transforms no rows"):
        skgen.load(path)


@pytest.mark.parametrize("use", ["sample", "transform", "score", "impute"])
def test_parts_that_do_not_fit_together_are_the_file_s_fault(model, tmp_path, use):
    def change(state, tensors):
        del state["row_map_"]["state"]["frames"]

    loaded = skgen.load(forged(model, tmp_path / "m", change))
    with pytest.raises(FileFormatError, match="do not fit together") as raised:
        getattr(loaded, use)(*([] if use == "sample" else [X]))
    assert isinstance(raised.value.__cause__, AttributeError)


def test_errors_of_the_caller_stay_theirs(model, tmp_path):
    skgen.save(model, tmp_path / "m")
    loaded = skgen.load(tmp_path / "m")
    with pytest.raises(TypeError, match="unexpected keyword"):
        loaded.sample(2, colour="red")
    # It was tried on the way, and is the same as before.
    np.testing.assert_array_equal(loaded.sample(3), model.sample(3))
    np.testing.assert_array_equal(loaded.score_samples(X), model.score_samples(X))
