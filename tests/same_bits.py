"""The bits that fits give, as hashes, to show that a change of the code left them as they were.

Run by hand, before and after the change, on one machine: bits differ from machine to machine, so
neither pytest nor continuous integration runs this. It takes a minute or two on one core::

    python tests/same_bits.py --write before.txt
    python tests/same_bits.py --against before.txt

Every estimator is fitted for a few steps to small data of each kind. A line is a case, a figure
and 16 digits of its SHA-256. ``--against`` exits with 1 and names those that differ or are missing.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import hashlib
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

import skgen
from skgen import BinaryLatentDiffusion as Bits
from skgen import FlowMatcher as Flow
from skgen import (
    GenerativeImputer,
    GenerativeOverSampler,
    GenerativePipeline,
    TableEncoder,
    UncutSource,
)
from skgen import SchrodingerBridgeMatcher as Bridge
from skgen import VariationalDiffusionAE as Vdae
from skgen import VQDiffusionBridge as Vq

SMALL = {"max_steps": 10, "random_state": 0, "verbose": 0}
FEW_STEPS = {"n_steps": 3}  # of the constructor; where it has none, of ``sample`` and ``impute``
N, rng = 48, np.random.default_rng(0)
IRIS, SPECIES = (part[::3][:N] for part in load_iris(return_X_y=True))
SKEWED = np.exp(IRIS) * [1, 0.01, 100, 1]
SOURCE, LEVELS = rng.normal(size=(40, 4)), rng.integers(0, 4, (N, 5)).astype(float)
BINARY = (rng.random((N, 6)) < np.linspace(0.2, 0.8, 6)).astype(float)
IMAGES = load_digits().data[:N].reshape(N, 4, 2, 4, 2).sum((2, 4)).reshape(N, 16)
LENGTHS = np.arange(N) % 8 + 1
PADDED = np.where(np.repeat(np.arange(8) < LENGTHS[:, None], 2, axis=1), IMAGES, np.nan)
MANY = rng.normal(size=(100_100, 2)).round(1)  # too many to be held at once
NAMED, LENGTHENED = {"condition": load_iris().target_names[SPECIES]}, {"return_lengths": True}
BINARY_SEQUENCE = {"likelihood": "bernoulli", "input_shape": (3, 2), "code": "frame"}
WHOLE_SEQUENCE = {"input_shape": (8, 2), "code": "sequence", "codebook_dim": 3, "output": "packed"}
a, b = rng.integers(100, 9_999, (2, N)) / 100
FRAME = pd.DataFrame(
    {
        **{"a": a, "b": b, "total": (a + b).round(2), "count": rng.poisson(3, N)},
        "gaps": np.where(rng.random(N) < 0.2, np.nan, rng.normal(size=N).round(3)),
        "colour": rng.choice(np.array(["red", "blue", "green", "grey", None], object), N),
        "size": pd.Categorical(rng.choice(["S", "M", "L"], N), ["S", "M", "L"], ordered=True),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, N), "D"),
        "paid": rng.random(N) < 0.7,
    }
)
FRAME.loc[::7, "day"] = pd.NaT
ENCODER = TableEncoder(constraints=[skgen.Sum("total", ["a", "b"])])


class Stop(Callback):
    """Stands for a death in the middle of a fit."""

    def __init__(self, step):
        self.step, self.seen = step, 0

    def on_batch_end(self, net, training, **kwargs):
        self.seen += training
        if training and self.seen == self.step:
            raise InterruptedError


def fitted(how, model, X, given, folder):
    """Return a fitted model, or the figures of what was made with it."""
    if how == "to impute":
        return {"rows": GenerativeImputer(model, random_state=0).fit_transform(with_holes(X))}
    if how == "to over-sample":
        sampler = GenerativeOverSampler(model, sampling_strategy={"virginica": 25}, random_state=0)
        return {"rows": sampler.fit_resample(X, given["condition"])}
    if how == "in parts":
        for part in (slice(N // 2), slice(N // 2, N)):
            model.partial_fit(X[part], **rows_of(given, part))
        return model
    if how == "killed":
        model.set_params(checkpoint=folder / "fit")
        for step in (5, 13):  # of the first stage, then of the second where there is one
            try:
                stopped = clone(model).set_params(net_params={"callbacks": [Stop(step)]})
                return stopped.fit(X, **given)
            except InterruptedError:
                assert (folder / "fit").exists()
    if how == "stored":
        np.save(folder / "rows.npy", X)
        X = np.load(folder / "rows.npy", mmap_mode="r")
    model.fit(X, **given)
    return model.partial_fit(X, **given) if how == "and a part" else model


# Of every estimator: name, settings or the steps before it in a pipeline, X, what else ``fit``
# takes, how it is fitted, options of ``sample``.
CASES = [
    ("table", {}, IRIS, {}, "once", {}),
    ("defaults", {"max_steps": None}, SKEWED[:30], {}, "once", {}),
    ("skewed float32", {}, SKEWED.astype(np.float32), {}, "once", {}),
    ("levels", {}, LEVELS, {}, "once", {}),
    ("binary", {}, BINARY, {}, "once", {}),
    ("image", {"input_shape": (1, 4, 4)}, IMAGES, {}, "once", {}),
    ("sequence", {"input_shape": (8, 2)}, IMAGES, {}, "once", {}),
    ("labels, in parts", {}, IMAGES[:, 5:9], {"condition": LENGTHS % 3}, "in parts", {}),
    ("vectors, and a part", {}, IRIS, {"condition": IMAGES[:, 5:7]}, "and a part", {}),
    ("labels, killed", {}, IRIS, NAMED, "killed", {"guidance_scale": 1.0}),
    ("labels, scaled", [StandardScaler()], SKEWED, NAMED, "once", {}),
    ("frame", [ENCODER], FRAME, {}, "once", {}),
    ("imputer", {}, SKEWED, {}, "to impute", {}),
    ("frame, imputer", [TableEncoder()], FRAME, {}, "to impute", {}),
    ("over-sampler", {}, IRIS, NAMED, "to over-sample", {}),
]
VARIANTS = [
    (Vdae, "discrete", {"likelihood": "discrete", "schedule": "learned"}, LEVELS, {}, {}),
    (Vdae, "discrete image", {"likelihood": "discrete", "input_shape": (1, 4, 4)}, IMAGES, {}, {}),
    (Vdae, "likelihood", {"objective": "likelihood", "prior": "normal"}, IRIS, NAMED, {}),
    (Vdae, "x", {"prediction": "x", "sampler": "ddim", "mmd_weight": 1.0}, IRIS, {}, {}),
    (Vdae, "guide", {"sampler": "ancestral"}, IRIS, {}, {"guide": lambda x: -x[:, 0]}),
    (Bridge, "source", {"n_iterations": 2}, IRIS, {"source": SOURCE}, {"stochastic": True}),
    (Bridge, "reference", {"coupling": "reference", "theta": 1.0}, IRIS, {}, {"stochastic": True}),
    (Bridge, "euler", {"sde_solver": "euler-maruyama"}, IRIS, {}, {"stochastic": True}),
    (Bridge, "bridge steps", {"sde_solver": "bridge"}, IRIS, NAMED, {"stochastic": True}),
    (Bridge, "scaled, source", [StandardScaler()], SKEWED, {"source": UncutSource(SKEWED)}, {}),
    (Flow, "labelled source", {}, IRIS, {"source": UncutSource(IRIS[::-1]), **NAMED}, {}),
    (Flow, "adaptive", {"ode_solver": "adaptive", "tolerance": 0.1}, IRIS, {}, {"denoise": True}),
    (Flow, "rectified", {"coupling": "optimal-transport", "n_iterations": 3}, IRIS, {}, {}),
    (Flow, "many stored rows", {}, MANY, {"condition": MANY[:, 0] > 0}, {}),
    (Bits, "lengths", {"input_shape": (8, 2)}, PADDED, {"lengths": LENGTHS}, LENGTHENED),
    (Bits, "sequence code", WHOLE_SEQUENCE, IMAGES, {"lengths": LENGTHS, **NAMED}, LENGTHENED),
    (Bits, "binary lengths", BINARY_SEQUENCE, BINARY, {"lengths": LENGTHS % 3 + 1}, LENGTHENED),
    (Bits, "no code", {"autoencoder": None}, BINARY, NAMED, {"guidance_scale": 1.0}),
    (Bits, "bernoulli", {"likelihood": "bernoulli", "target": "residual"}, BINARY, {}, {}),
    (Bits, "discrete", {"likelihood": "discrete"}, LEVELS, {}, {}),
    (Bits, "relaxed", {"autoencoder": "relaxed", "output": "probability"}, IRIS, {}, {}),
    (Bits, "joint", {"autoencoder": "threshold", "joint": True, "codebook_dim": 3}, IRIS, {}, {}),
    (Bits, "many stored rows", {"likelihood": "discrete"}, MANY, {}, {}),
    (Vq, "bernoulli", {"likelihood": "bernoulli", "output": "onehot"}, BINARY, {}, {}),
    (Vq, "discrete", {"likelihood": "discrete", "output": "index"}, LEVELS, {}, {}),
    (Vq, "bridge", {"prior": "diffusion", "n_tokens": 3, "schedule": "constant"}, IRIS, NAMED, {}),
    (Vq, "apart", {"prior": "diffusion", "prior_weight": 0}, IRIS, {}, {}),
    (Vq, "sampled", {"quantization": "sampled"}, IRIS, {}, {}),
    (Vq, "code by code", {"prior": "autoregressive", "n_tokens": 3}, IRIS, NAMED, {}),
    (Vq, "pixels", {"prior": "autoregressive", "input_shape": (1, 4, 4)}, IMAGES, {}, {}),
    (Vq, "frames", {"prior": "autoregressive", "input_shape": (8, 2)}, IMAGES, {}, {}),
]


def rows_of(given, part):
    """Return some rows of what goes with the rows of X; a source does not."""
    return {name: values[part] for name, values in given.items() if name != "source"}


def with_holes(X):
    """Return rows of which every fifth entry or so is missing."""
    holes = np.random.default_rng(1).random(X.shape) < 0.2
    return X.mask(holes) if isinstance(X, pd.DataFrame) else np.where(holes, np.nan, X)


def last_step(model):
    """Return the estimator at the end of a pipeline, or the model itself."""
    return model[-1] if isinstance(model, GenerativePipeline) else model


def trained(model):
    """Return the history and the weights, in an order that their names have no part in."""
    last = last_step(model)
    weights = sorted(digest(part.detach().numpy()) for part in last.module_.parameters())
    return [{**row, "dur": 0} for row in last.history_], weights


def figures(model, X, given, options, folder):
    """Yield the figures of a fitted model and their names."""
    rows, few = X[:8], rows_of(given, slice(8))
    asked = {name: few[name] for name in few if name == "condition"}
    steps = {} if hasattr(last_step(model), "n_steps") else FEW_STEPS
    options = {**options, **steps}
    yield from zip(("history", "weights"), trained(model), strict=True)
    yield "sample", model.sample(8, **asked, **options)
    for name in ("impute", "score_samples", "score_samples_encoded", "transform"):
        if hasattr(model, name):
            imputes = name == "impute"
            more = {**few, **steps} if imputes else few
            latent = getattr(model, name)(with_holes(rows) if imputes else rows, **more)
            yield name, latent
    if "source" in given:
        yield "score", model.score(X, **given)
        carry = getattr(model, "translate", model.inverse_transform)
        yield "carried", carry(getattr(given["source"], "rows", given["source"])[:8], **asked)
    else:
        yield "inverse_transform", model.inverse_transform(latent, **asked)
    skgen.save(model, folder / "model")
    loaded = skgen.load(folder / "model")
    yield "loaded", [trained(loaded), loaded.sample(8, **asked, **options)]


def digest(value):
    """Return 16 digits of the SHA-256 of arrays, frames, numbers and what holds them."""
    if isinstance(value, pd.DataFrame):
        value = [value.dtypes.astype(str).to_dict(), value.index.tolist(), value.to_dict("list")]
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, np.ndarray) and value.dtype != object:
        found = f"{value.dtype}{value.shape}".encode() + value.tobytes()
    elif isinstance(value, list | tuple | np.ndarray):
        found = "".join(map(digest, value)).encode()
    else:
        found = repr(value.item() if isinstance(value, np.generic) else value).encode()
    return hashlib.sha256(found).hexdigest()[:16]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    file = parser.add_mutually_exclusive_group()
    file.add_argument("--write", metavar="FILE", type=Path, help="write the hashes to a file")
    file.add_argument("--against", metavar="FILE", type=Path, help="compare with a file's hashes")
    args = parser.parse_args()
    before = args.against.read_text().splitlines() if args.against else []
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    cases = [(E, *case) for E in (Vdae, Bridge, Flow, Bits, Vq) for case in CASES]
    cases += [(*case[:5], "stored" if case[3] is MANY else "once", case[5]) for case in VARIANTS]
    hashes = {}
    for E, kind, settings, X, given, how, options in cases:
        small = {**SMALL, **(FEW_STEPS if hasattr(E(), "n_steps") else {})}
        if isinstance(settings, dict):
            model = E(**{**small, **settings})
        else:
            model = skgen.make_generative_pipeline(*map(clone, settings), E(**small))
        with tempfile.TemporaryDirectory() as name:
            found = fitted(how, model, X, given, folder := Path(name))
            if not how.startswith("to "):
                found = dict(figures(found, X, given, options, folder))
        hashes |= {f"{E.__name__}: {kind}: {k}": digest(v) for k, v in found.items()}
    print(f"{len(hashes)} hashes, {time.process_time():.0f} s", file=sys.stderr)
    lines = [f"{name} {bits}" for name, bits in hashes.items()]
    if args.against:
        lines = sorted({line.rpartition(" ")[0] for line in {*before} ^ {*lines}})
        print(f"{len(lines)} differ or are missing", file=sys.stderr)
    if args.write:
        args.write.write_text("\n".join(lines) + "\n")
    else:
        print("\n".join(lines))
    return int(bool(args.against and lines))


if __name__ == "__main__":
    sys.exit(main())
