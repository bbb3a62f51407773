"""On a graphics processor: every method, same seed same bits, files for machines without one.

Skipped where PyTorch finds no CUDA device.
"""

import os
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.utils.estimator_checks import check_estimator
from skorch.callbacks import Callback

import skgen
from skgen import (
    BinaryLatentDiffusion,
    FlowMatcher,
    SchrodingerBridgeMatcher,
    VariationalDiffusionAE,
    VQDiffusionBridge,
)
from skgen.papers.code_priors import BridgePrior

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.usefixtures("few_draws"),
]

IRIS, SPECIES = load_iris(return_X_y=True)
DIGITS = load_digits().data
IMAGES = {"input_shape": (1, 8, 8)}
SEQUENCES = {"input_shape": (8, 8)}
MODELS = {
    "ae": (VariationalDiffusionAE, {}),
    "ae likelihood": (VariationalDiffusionAE, {"objective": "likelihood"}),
    "ae discrete": (VariationalDiffusionAE, {"likelihood": "discrete", **IMAGES}),
    "ae images": (VariationalDiffusionAE, IMAGES),
    "ae sequences": (VariationalDiffusionAE, SEQUENCES),
    "bridge": (SchrodingerBridgeMatcher, {}),
    "bridge images": (SchrodingerBridgeMatcher, IMAGES),
    "bridge apart": (SchrodingerBridgeMatcher, {"coupling": "independent"}),
    "flow": (FlowMatcher, {}),
    "bits": (BinaryLatentDiffusion, {}),
    "bits relaxed": (BinaryLatentDiffusion, {"autoencoder": "relaxed"}),
    "bits images": (BinaryLatentDiffusion, IMAGES),
    "bits sequences": (BinaryLatentDiffusion, {"code": "frames", **SEQUENCES}),
    "bits at once": (BinaryLatentDiffusion, {"joint": True}),
    "codes": (VQDiffusionBridge, {"prior": "diffusion"}),
    "codes drawn": (
        VQDiffusionBridge,
        {"prior": "diffusion", "quantization": "sampled", "schedule": "constant"},
    ),
    "codes images": (VQDiffusionBridge, IMAGES),
    "codes sequences": (VQDiffusionBridge, SEQUENCES),
    "codes one by one": (VQDiffusionBridge, {"prior": "autoregressive", **IMAGES}),
    "codes one by one, columns": (VQDiffusionBridge, {}),
    "codes one by one, sequences": (VQDiffusionBridge, {"prior": "autoregressive", **SEQUENCES}),
    "codes in two stages": (
        VQDiffusionBridge,
        {"prior": "diffusion", "prior_weight": 0.0},
    ),
}
# What a machine without a CUDA device does with files made on one with it.
ELSEWHERE = """
import pickle, sys
import joblib, numpy as np, torch, skgen
assert not torch.cuda.is_available()
folder = sys.argv[1]
X = np.load(f"{folder}/X.npy")
models = skgen.load(f"{folder}/m.skgen"), joblib.load(f"{folder}/m.joblib")
models += (pickle.load(open(f"{folder}/m.pickle", "rb")),)
for name, model in zip(("skgen", "joblib", "pickle"), models):
    assert model.module_device.type == "cpu"
    np.save(f"{folder}/{name}.npy", model.transform(X))
    assert np.isfinite(model.sample(5)).all()
"""


def rows_for(settings):
    """Return rows and labels that a model of these settings takes."""
    if "input_shape" in settings:
        return DIGITS[:200], load_digits().target[:200]
    return IRIS, SPECIES


@pytest.fixture(params=MODELS)
def quick(request):
    """Give a model that trains for a few steps only, with rows and labels for it."""
    cls, settings = MODELS[request.param]
    return cls(max_steps=6, random_state=0, **settings), *rows_for(settings)


def test_every_method_answers_on_the_device(quick):
    model, X, y = quick
    model.fit(X, condition=y)
    assert model.module_device.type == "cuda"
    latent = model.transform(X[:9], condition=y[:9])
    back = model.inverse_transform(latent, condition=y[:9])
    holes = np.where(np.arange(X.shape[1]) < 2, np.nan, X[:9])
    found = [
        latent,
        back,
        model.score_samples(X[:5], condition=y[:5]),
        model.impute(holes, condition=y[:9], n_steps=4),
        model.sample(7, condition=y[0], guidance_scale=1.0, n_steps=4),
        model.sample(7, n_steps=4),
    ]
    assert all(isinstance(rows, np.ndarray) and np.isfinite(rows).all() for rows in found)
    assert back.shape == (9, X.shape[1])
    if isinstance(getattr(model.module_, "prior", None), BridgePrior):
        assert np.isfinite(model.trajectory(3, n_steps=4)[1]).all()
    if isinstance(model, SchrodingerBridgeMatcher):
        assert np.isfinite(model.trajectory(X[:3], n_steps=4)[1]).all()


def test_same_seed_same_bits(quick):
    model, X, y = quick
    one, other = (clone(model).set_params(max_steps=20).fit(X, condition=y) for _ in range(2))
    losses = [[row["valid_loss"] for row in model.history_] for model in (one, other)]
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(one.transform(X, condition=y), other.transform(X, condition=y))
    np.testing.assert_array_equal(
        one.sample(40, n_steps=4, random_state=1), other.sample(40, n_steps=4, random_state=1)
    )


def test_files_open_on_a_machine_without_a_device(quick, tmp_path):
    model, X, _ = quick
    model.fit(X)
    np.save(tmp_path / "X.npy", X[:20])
    skgen.save(model, tmp_path / "m.skgen")
    joblib.dump(model, tmp_path / "m.joblib")
    (tmp_path / "m.pickle").write_bytes(pickle.dumps(model))
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    here = model.transform(X[:20])
    for name in ("skgen", "joblib", "pickle"):
        there = np.load(tmp_path / f"{name}.npy")
        if isinstance(model, BinaryLatentDiffusion | VQDiffusionBridge):
            # A logit at zero, or a latent between two codes, may fall to either side.
            assert np.mean(there != here) < 0.02
        else:
            np.testing.assert_allclose(there, here, rtol=2e-3, atol=2e-3 * np.abs(here).max())
    # Here it comes back to where it is used best, and tells the same.
    np.testing.assert_allclose(
        skgen.load(tmp_path / "m.skgen").transform(X[:20]),
        here,
        rtol=2e-3,
        atol=2e-3 * np.abs(here).max(),
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("settings", [{"autocast_dtype": "bfloat16"}, {"compile": True}])
@pytest.mark.parametrize("name", ["ae images", "bridge", "bits images", "codes images"])
def test_half_precision_and_compiled_steps_learn_as_much(name, settings):
    """Trained the same way otherwise, held-out rows score no more than .05 nats an entry less."""
    cls, shared = MODELS[name]
    X, _ = rows_for(shared)
    scores = [
        cls(max_steps=60, random_state=0, net_params=net_params, **shared)
        .fit(X[::2])
        .score(X[1::2])
        for net_params in (None, settings)
    ]
    assert scores[1] > scores[0] - 0.05 * X.shape[1]


def test_random_states_are_left_alone():
    before = torch.cuda.get_rng_state(), torch.get_rng_state()
    VariationalDiffusionAE(max_steps=5, random_state=0).fit(IRIS).sample(5)
    assert torch.equal(before[0], torch.cuda.get_rng_state())
    assert torch.equal(before[1], torch.get_rng_state())


# Four standard deviations of the difference of two fits on a processor that differ by their seed.
@pytest.mark.parametrize(
    ("name", "tolerance"), [("ae", 0.7), ("bridge", 0.15), ("bits", 2.0), ("codes", 2.0)]
)
def test_as_good_as_on_the_processor(name, tolerance):
    cls, shared = MODELS[name]
    mixed = np.array([[1, 0.8, 0.2], [0, 0.6, 0.3], [0, 0, 1.0]])
    X = np.random.default_rng(0).normal(size=(1200, 3)) @ mixed
    scores = [
        cls(max_steps=300, random_state=0, device=device, **shared).fit(X[:1000]).score(X[1000:])
        for device in ("cuda", "cpu")
    ]
    assert abs(scores[0] - scores[1]) < tolerance


class StopAt(Callback):
    """Stop a fit as Ctrl-C does, once."""

    def __init__(self, step):
        self.step, self.seen = step, 0

    def on_batch_end(self, net, training=False, **kwargs):
        self.seen += bool(training)
        if self.seen == self.step:
            raise RuntimeError("stopped")


@pytest.mark.parametrize("name", ["ae", "bridge", "bits", "codes"])
def test_a_fit_goes_on_from_its_checkpoint(name, tmp_path):
    cls, shared = MODELS[name]
    settings = {"max_steps": 60, "random_state": 0, **shared}
    whole = cls(**settings).fit(IRIS)
    stopped = cls(checkpoint=tmp_path / "c", net_params={"callbacks": [StopAt(45)]}, **settings)
    with pytest.raises(RuntimeError, match="stopped"):
        stopped.fit(IRIS)
    resumed = cls(checkpoint=tmp_path / "c", **settings).fit(IRIS)
    np.testing.assert_array_equal(
        whole.sample(9, random_state=1), resumed.sample(9, random_state=1)
    )


def test_pieces_and_batches():
    model = BinaryLatentDiffusion(max_steps=5, random_state=0).fit(IRIS)
    for piece in np.array_split(IRIS, 3):
        model.partial_fit(piece)
    rows = np.concatenate(list(model.sample_batches(50, batch_size=20, random_state=0)))
    np.testing.assert_array_equal(rows, model.sample(50, random_state=0))


@pytest.mark.parametrize(
    "cls",
    [
        VariationalDiffusionAE,
        SchrodingerBridgeMatcher,
        FlowMatcher,
        BinaryLatentDiffusion,
        VQDiffusionBridge,
    ],
)
def test_scikit_learn_s_checks_pass_on_the_device(cls):
    check_estimator(cls(max_steps=5, hidden_units=16))
