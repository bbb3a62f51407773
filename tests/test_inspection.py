"""What `inspect_model` says of a file is what the file holds."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import skgen
from skgen import storage
from skgen.persistence import FileFormatError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
QUICK = {"max_steps": 2, "hidden_units": 8, "random_state": 0}


def inspected(model, path):
    """Save a model, and return what its file holds by part."""
    skgen.save(model, path)
    parts = skgen.inspect_model(path)
    assert parts["part"].is_unique
    return parts.set_index("part")["holds"].to_dict()


def test_columns_of_a_table_are_told_one_by_one(tmp_path):
    frame = pd.DataFrame(
        {
            "size": X[:, 0].round(2),
            "whole": RNG.integers(3, 90, 60),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(60), "D"),
            "city": np.resize(["Bonn", "Bonn", "Oslo"], 60),
            "grade": pd.Categorical(np.resize(list("abc"), 60), list("cbad"), ordered=True),
            "gap": np.where(np.arange(60) % 5, X[:, 1], np.nan),
            "one": 7,
            "none": pd.Series([None] * 60, dtype=object),
            "mail": [f"{k}@example.org" for k in range(60)],
        }
    )
    frame.loc[0, "city"] = "Rareville"
    encoder = skgen.TableEncoder(min_count=2, identifiers="fake")
    with pytest.warns(UserWarning, match="identifiers"):
        encoder.fit(frame)
    holds = inspected(encoder, tmp_path / "m")
    low, high = frame["size"].min(), frame["size"].max()
    assert holds["column 'size'"] == f"numbers: the least, {low}, and the largest, {high}, exactly"
    assert f"{frame['whole'].min()}, and the largest" in holds["column 'whole'"]
    assert "2024-01-01 00:00:00, and the largest, 2024-02-29 00:00:00" in holds["column 'day'"]
    assert holds["column 'city'"] == (
        "categories: 3 as they are: 'Bonn', 'Oslo', 'other'; rare ones are merged into 'other' and "
        "not in the file"
    )
    # An unused category goes, too.
    assert holds["column 'grade'"].startswith("categories: 3 as they are: 'c', 'b', 'a'")
    assert holds["column 'gap'"].endswith("exactly, and that there were gaps")
    assert holds["column 'one'"] == "its only value: 7"
    assert holds["column 'none'"] == "nothing: all entries were missing"
    assert holds["column 'mail'"].startswith("the form of its entries, from which others are made")
    assert holds["TableEncoder"] == "the names of 9 columns"
    assert f"written by skgen {skgen.__version__}" in holds["file"]


@pytest.mark.parametrize(
    "name",
    ["VariationalDiffusionAE", "FlowMatcher", "BinaryLatentDiffusion", "VQDiffusionBridge"],
)
def test_models_are_described(tmp_path, name):
    model = getattr(skgen, name)(**QUICK)
    assert inspected(model, tmp_path / "m")[name] == "parameters only: it is not fitted"
    rows = X.copy()
    rows[:, 2] = np.resize([0.0, 1.0, 5.0], 60)
    model.fit(rows, condition=np.resize(["a", "b"], 60))
    holds = inspected(model, tmp_path / "m")
    n_weights = sum(p.numel() for p in model.module_.parameters())
    steps = f"{n_weights} weights after {model.n_steps_} gradient steps"
    assert holds[name].startswith(steps)
    assert holds[f"{name}, condition"] == "2 labels as they are: 'a', 'b'"
    assert "of 3 columns" in holds[f"{name}, columns"]
    assert "repeated values of 1, at most 3 of each" in holds[f"{name}, columns"]
    assert not {f"{name}, source", f"{name}, kernels"} & set(holds)


def test_rows_in_a_file_are_counted(tmp_path):
    bridge = skgen.SchrodingerBridgeMatcher(**QUICK).fit(X, source=X[:20] + 1)
    source = inspected(bridge, tmp_path / "m")["SchrodingerBridgeMatcher, source"]
    assert source == "all 20 rows of the source, to single precision"
    angles = skgen.FlowMatcher(geometry="torus", **QUICK).fit(X % 1 * 360)
    # A tenth of 60 was held out.
    assert inspected(angles, tmp_path / "m")["FlowMatcher, kernels"].startswith("54 rows of fit")
    bits = np.tile([[0.0, 1, 1, 0], [1, 0, 0, 1]], (100, 1))
    model = skgen.BinaryLatentDiffusion(**QUICK, likelihood="bernoulli", autoencoder=None)
    holds = inspected(model.fit(bits), tmp_path / "m")
    assert holds["BinaryLatentDiffusion, bits"] == "2 rows of bits, with their frequencies"


def test_steps_of_a_pipeline_and_what_is_within_others(tmp_path):
    steps = MinMaxScaler(), StandardScaler()
    pipe = skgen.make_generative_pipeline(*steps, skgen.VQDiffusionBridge(**QUICK))
    imputer = skgen.GenerativeImputer(pipe, random_state=0)
    with_gaps = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
    holds = inspected(imputer.fit(with_gaps).model_, tmp_path / "m")
    assert holds["MinMaxScaler"] == "of each column the exact extremes"
    assert holds["StandardScaler"] == "of each column the mean"
    assert "principal axes" in inspected(PCA().fit(X), tmp_path / "m")["PCA"]
    assert "gradient steps" in holds["VQDiffusionBridge"]


def test_the_classes_of_a_classifier_are_told(tmp_path):
    classifier = skgen.GenerativeClassifier(skgen.FlowMatcher(**QUICK))
    skgen.save(classifier.fit(X, np.resize(["ill", "well"], 60)), tmp_path / "classifier")
    parts = skgen.inspect_model(tmp_path / "classifier")
    told = parts.loc[parts["part"] == "GenerativeClassifier", "holds"].tolist()
    assert told == ["classes: 2 as they are: 'ill', 'well'"]


def test_nothing_is_run(tmp_path, monkeypatch):
    model = skgen.FlowMatcher(**QUICK).fit(X)
    for name in ("sample", "transform", "score_samples", "impute"):
        monkeypatch.setattr(skgen.FlowMatcher, name, None)
    assert "FlowMatcher" in inspected(model, tmp_path / "m")


def test_the_first_row_is_not_in_the_file(tmp_path):
    """Scales kept it until constant columns alone had their value kept."""
    rows = np.column_stack([X, np.full(60, 1.5)])
    model = skgen.FlowMatcher(**QUICK).fit(rows)
    assert (model.sample(5)[:, 3] == 1.5).all()
    skgen.save(model, tmp_path / "m")
    numbers = np.concatenate(
        [
            tensor.double().flatten().numpy()
            for tensor in load_tensors((tmp_path / "m").read_bytes()).values()
        ]
    )
    assert not np.isin(X, numbers).any()
    assert 1.5 in numbers


def test_what_makes_no_sense_is_a_file_error(tmp_path):
    path = tmp_path / "m"
    with pytest.raises(FileNotFoundError):
        skgen.inspect_model(path)
    path.write_bytes(b"no model")
    with pytest.raises(FileFormatError, match="no file of skgen"):
        skgen.inspect_model(path)
    skgen.save(skgen.TableEncoder().fit(pd.DataFrame({"a": X[:, 0]})), path)
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    content = json.loads(header["__metadata__"]["skgen"])
    del content["model"]["object"]["state"]["_columns"]
    description, tensors = json.dumps(content), load_tensors(data)
    sum_ = storage.format.checksum(description, tensors)
    path.write_bytes(save_tensors(tensors, {"skgen": description, "sha256": sum_}))
    with pytest.raises(FileFormatError, match="its parts do not fit together"):
        skgen.inspect_model(path)
