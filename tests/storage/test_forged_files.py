"""Forged files: what loads also runs, or says in words what is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
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
    # More of them, of more models: python examples/benchmarks/fuzz_files.py.
    command = [sys.executable, FUZZER, "--mutants", "60", "--seed", "11"]
    command += ["--models", "table", "encoder, rules"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("('runs', '')") == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (weights_as("half"), "weights of the type"),
        (weights_as("double"), "single precision"),
        (module_with(block_size=2**40), "block_size"),
        (module_with(score_draws=0), "score_draws"),
        (lambda state, tensors: state.update(n_steps=10**9), "n_steps above"),
        (lambda state, tensors: state.update(n_features_in_=2**40), "n_features_in_"),
        (lambda state, tensors: state.update(row_map_=None), "row_map_ that is no RowMap"),
        (lambda state, tensors: state.update(module_=[1]), "module_ that is no network"),
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
    with pytest.raises(FileFormatError, match=r"do not fit together.*with_mean"):
        skgen.load(path)


def without_frames(state, tensors):
    del state["row_map_"]["state"]["frames"]


def test_parts_that_do_not_fit_together_are_refused_when_a_file_is_loaded(model, tmp_path):
    path = forged(model, tmp_path / "m", without_frames)
    with pytest.raises(FileFormatError, match="FlowMatcher do not fit together") as raised:
        skgen.load(path)
    assert str(path) in str(raised.value)
    assert isinstance(raised.value.__cause__, AttributeError)


@skgen.persistence.register
class Shifted(skgen.FlowMatcher):
    """A user's own model."""


def test_models_of_users_are_checked_but_not_tried(tmp_path):
    model = Shifted(hidden_units=8, max_steps=2, n_steps=2, random_state=0).fit(X)
    loaded = skgen.load(forged(model, tmp_path / "m", without_frames))
    with pytest.raises(AttributeError, match="frames"):
        loaded.sample()
    with pytest.raises(FileFormatError, match="block_size"):
        skgen.load(forged(model, tmp_path / "m", module_with(block_size=0)))


@skgen.persistence.register
def never_called(frame):
    raise AssertionError("load calls no function of a user's")


def test_functions_of_users_are_not_called(tmp_path):
    encoder = skgen.TableEncoder().fit(X)
    encoder.constraints_ = [skgen.tables.constraints.Check(never_called)]
    pipe = skgen.make_generative_pipeline(skgen.TableEncoder(), skgen.FlowMatcher(max_steps=2))
    pipe.fit(X)[0].constraints_ = encoder.constraints_
    for part in (encoder, pipe):
        skgen.save(part, tmp_path / "m")
        skgen.load(tmp_path / "m")


def test_a_trial_leaves_the_model_and_random_states_as_they_are(tmp_path):
    # One that is drawn from would be saved with another state.
    model = skgen.VariationalDiffusionAE(
        n_components=2, hidden_units=8, max_steps=2, random_state=np.random.RandomState(1)
    )
    model.fit(X, condition=np.arange(40) % 2 == 0)
    skgen.save(model, tmp_path / "m")
    before = str(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    loaded = skgen.load(tmp_path / "m")
    assert str(np.random.get_state()) == before[0]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])
    assert str(loaded.random_state.get_state()) == str(model.random_state.get_state())
    for name, weight in model.module_.state_dict().items():
        assert torch.equal(loaded.module_.state_dict()[name], weight)
    assert loaded.module_.block_size == model.module_.block_size
    for options in ({}, {"condition": True}):
        drawn = loaded.sample(3, random_state=0, **options)
        np.testing.assert_array_equal(drawn, model.sample(3, random_state=0, **options))
    np.testing.assert_array_equal(loaded.score_samples(X), model.score_samples(X))


def used_by_load(cls, name, path, monkeypatch):
    """Return the arguments by name with which `load` calls a method."""
    own, calls = getattr(cls, name), []

    def recorded(self, *args, **kwargs):
        calls.append(kwargs)
        return own(self, *args, **kwargs)

    monkeypatch.setattr(cls, name, recorded)
    skgen.load(path)
    monkeypatch.undo()
    return calls


def test_the_trial_carries_rows_and_has_sequences_of_lengths(model, tmp_path, monkeypatch):
    path = tmp_path / "m"
    small = {"hidden_units": 8, "max_steps": 2, "random_state": 0}
    skgen.save(model, path)
    assert used_by_load(skgen.FlowMatcher, "trajectory", path, monkeypatch)
    bridge = skgen.SchrodingerBridgeMatcher(**small)
    skgen.save(skgen.make_generative_pipeline(StandardScaler(), bridge).fit(X, source=X), path)
    assert used_by_load(skgen.GenerativePipeline, "translate", path, monkeypatch)
    assert used_by_load(skgen.SchrodingerBridgeMatcher, "trajectory", path, monkeypatch)
    skgen.save(skgen.make_generative_pipeline(skgen.VQDiffusionBridge(**small)).fit(X), path)
    (given,) = used_by_load(skgen.VQDiffusionBridge, "trajectory", path, monkeypatch)
    assert given["n_steps"] == 1
    sequences = skgen.BinaryLatentDiffusion(**small, n_bits=4, n_timesteps=4, input_shape=(3, 2))
    rows = np.random.default_rng(0).normal(size=(40, 6))
    skgen.save(sequences.fit(rows, lengths=1 + np.arange(40) % 3), path)
    for name in ("transform", "score_samples", "impute"):
        (given,) = used_by_load(skgen.BinaryLatentDiffusion, name, path, monkeypatch)
        assert given["lengths"].shape == (3,)
    monkeypatch.setattr(skgen.FlowMatcher, "trajectory", lambda self, *args, **kwargs: 1 / 0)
    skgen.save(model, path)
    with pytest.raises(FileFormatError, match="ZeroDivisionError"):
        skgen.load(path)
