"""The page on other packages: each piece of code runs as printed, if its package is installed."""

import re

import numpy as np
import pytest
from pages import python_blocks

PAGE = "user_guide/integrations.rst"
BLOCKS = python_blocks(PAGE)
PACKAGES = ("onnxruntime", "onnxscript", "optuna", "sdmetrics", "skrub")


def run(monkeypatch, folder, *blocks):
    """Run pieces of code in order, in a folder, with short fits; return what they defined."""
    monkeypatch.setattr("skgen.base.STEPS_PER_ROW", 0)
    monkeypatch.chdir(folder)
    scope = {}
    for block in blocks:
        for package in PACKAGES:
            if re.search(rf"^(import|from) {package}\b", block, re.MULTILINE):
                pytest.importorskip(package)
        exec(compile(block, PAGE, "exec"), scope)
    return scope


def test_every_piece_of_code_is_tried():
    assert len(BLOCKS) == 6


def test_a_frozen_encoder_makes_features(monkeypatch, tmp_path):
    found = run(monkeypatch, tmp_path, BLOCKS[0])
    features, frozen = found["features"], found["classifier"][0]
    np.testing.assert_array_equal(frozen.transform(found["X"]), features.transform(found["X"]))
    assert found["accuracy"] > 0.8


def test_an_exported_encoder_gives_the_same_features(monkeypatch, tmp_path):
    # Both are float32, and may add up in another order.
    np.testing.assert_allclose(run(monkeypatch, tmp_path, BLOCKS[1])["same"], 0, atol=1e-5)


# Its own parts warn of each other.
@pytest.mark.filterwarnings("default")
def test_onnx_gives_the_same_features(monkeypatch, tmp_path):
    np.testing.assert_allclose(run(monkeypatch, tmp_path, *BLOCKS[1:3])["same"], 0, atol=1e-5)


def test_optuna_searches(monkeypatch, tmp_path):
    study = run(monkeypatch, tmp_path, BLOCKS[3])["study"]
    assert len(study.trials) == 3
    assert np.isfinite(study.best_value)


def test_skrub_encodes(monkeypatch, tmp_path):
    features = run(monkeypatch, tmp_path, BLOCKS[4])["features"]
    assert features.shape == (60, 2)
    assert np.isfinite(features).all()


def test_sdmetrics_judges_drawn_frames(monkeypatch, tmp_path):
    assert 0.5 < run(monkeypatch, tmp_path, BLOCKS[5])["score"] <= 1
