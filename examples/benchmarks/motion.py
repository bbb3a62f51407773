"""Codes of human motion by BinaryLatentDiffusion, and motion of a wanted action.

The data are the windows that ``_motion.py`` cuts out of ``cmu_mocap.npz``, from the folder that the
environment variable SKGEN_DATA names: 32 frames of 69 standardised channels, of 8 actions.

Codes (the part "reconstructions"): the three layouts at 256 bits a window, plain, with a codebook,
and with 256 real numbers in place of bits (the same networks, trained on the squared error alone),
beside principal components. Mean squared error of held-out windows in standardised units, where 1
is the mean of the channel.

Motion (the part "actions"): code="frames" with the action as condition, direct and residual target,
and a Gaussian latent diffusion of equal size: the same encoder, decoder and denoiser, with 256
numbers in the place of 256 bits. New windows of the actions of the held-out ones in 32 steps, of
which Heun's method takes two evaluations each, judged as ``_motion.py`` has it: Fréchet distance,
diversity, multimodality, R-precision among the 8 actions, and how many are read as asked.

    python examples/benchmarks/motion.py --picture docs/images/motion_losses.png
"""

from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import torch
from _common import Report, arguments, data_folder, described, seconds_of_fit
from _gaussian_latents import GaussianLatents
from _motion import N_BITS, N_STEPS, Judge, MotionBits, load, settings
from sklearn.decomposition import PCA

from skgen.data.conditions import ConditionEncoder
from skgen.data.latent_format import LatentFormat
from skgen.networks.mlp import initialize
from skgen.papers.binary_latent_diffusion import BinaryLatentDiffusionModule
from skgen.training.stages import Plan

CODES = ("frame", "frames", "sequence")
# Gradient steps of a stage for each part.
PARTS = {"actions": 1000, "reconstructions": 200}
GUIDANCE = (0.0, 1.0)
# Of code="frames": eight chunks of four frames.
N_POSITIONS, N_HALVINGS = 8, 2


class _RealCode(BinaryLatentDiffusionModule):
    """The networks with real numbers in place of bits."""

    def binarize(self, noise, logit):
        return logit

    def _kl(self, logit):
        return 0 * logit.sum(-1)

    def encode(self, x, condition, **options):
        return self.code(x, self._embed(x, condition))[0]


class CodeOnly(MotionBits):
    """The first stage: encoder and decoder."""

    def _calibrate(self, *args):
        """Do without what fit would learn of draws at its end: no row is drawn."""

    def _stages(self, *args):
        yield next(super()._stages(*args))


class RealCode(CodeOnly):
    """The first stage without quantisation, for comparison."""

    def _build_module(self, *args):
        module = super()._build_module(*args)
        module.__class__ = _RealCode
        return module

    def _latent_format(self):
        return LatentFormat(self.module_.n_bits)


def reconstructions(report, split, X_train, X_test, common, losses):
    """Compare codes by the error of held-out windows."""

    def error(rows):
        return np.mean((rows - X_test) ** 2)

    for n_components in (N_BITS // 32, N_BITS):
        pca = PCA(n_components, random_state=0).fit(X_train)
        name = f"PCA({n_components})"
        report.add("motion", name, split, "bits a window", 32 * n_components)
        rows = pca.inverse_transform(pca.transform(X_test))
        report.add("motion", name, split, "held-out squared error", error(rows))
    for code in CODES:
        for kind in ("bits", "codebook", "real numbers"):
            estimator = RealCode if kind == "real numbers" else CodeOnly
            model = estimator(N_BITS, code=code, **common)
            if kind == "codebook":
                model.set_params(codebook_dim=32)
            name = f"{code}, {kind}"
            seconds = seconds_of_fit(model, X_train)
            rows = model.inverse_transform(model.transform(X_test))
            n_bits = model.n_bits_ * (32 if kind == "real numbers" else 1)
            report.add("motion", name, split, "bits a window", n_bits)
            report.add("motion", name, split, "held-out squared error", error(rows))
            if kind != "real numbers":
                active = model.history_[-1]["active_bits"]
                report.add("motion", name, split, "active bits", active)
            report.add("motion", name, split, "seconds of fit", seconds)
            steps = [row["step"] for row in model.history_]
            losses[name] = steps, [row["valid_loss"] for row in model.history_]


def n_weights(*parts):
    """Return how many weights networks have."""
    return sum(p.numel() for part in parts for p in part.parameters())


def actions(report, split, parts, common, losses):
    """Draw motion of given actions, and judge it by the features of a classifier."""
    X_train, y_train, X_test, y_test = parts
    judge = Judge(*parts)

    def judged(name, X):
        for measure, value in judge.measures(X).items():
            report.add("motion", name, split, measure, value)

    rng = np.random.default_rng(split)
    alike = [rng.choice(np.flatnonzero(y_train == action)) for action in y_test]
    judged("real training windows", X_train[alike])
    judged("held-out windows themselves", X_test)
    for target in ("direct", "residual"):
        model = MotionBits(N_BITS, code="frames", target=target, **common)
        name = described(model)
        seconds = seconds_of_fit(model, X_train, condition=y_train)
        report.add("motion", name, split, "seconds of fit", seconds)
        module = model.module_
        size = n_weights(module.encoder, module.decoder, module.embedding, module.diffusion)
        report.add("motion", name, split, "weights", size)
        path = [row for row in model.history_ if row["stage"] == "diffusion"]
        losses[f"{target} target"] = (
            [row["step"] for row in path],
            [row["valid_loss"] for row in path],
        )
        least = min(row["valid_loss"] for row in path)
        report.add("motion", name, split, "least validation loss of the diffusion", least)
        some = slice(None, None, 16)
        bound = model.score(X_test[some], condition=y_test[some]) / X_test.shape[1]
        report.add("motion", name, split, "held-out score, nats an entry", bound)
        rows = model.inverse_transform(model.transform(X_test, condition=y_test), condition=y_test)
        judged(f"{target}, held-out windows through the code", rows)
        for scale in GUIDANCE:
            X_new = model.sample(
                len(y_test), condition=y_test, guidance_scale=scale, n_steps=N_STEPS
            )
            judged(f"{target}, guidance {scale:g}", X_new)
    gaussian(report, split, parts, common, judged)


def gaussian(report, split, parts, common, judged):
    """Do the same with a Gaussian latent diffusion of equal size."""
    X_train, y_train, X_test, y_test = parts
    seed = common["random_state"]
    mean = X_train.mean(0)
    scale = float((X_train - mean).std())
    encoder = ConditionEncoder().fit(y_train, len(y_train))
    wanted, given = (
        torch.from_numpy(encoder.transform(y, len(y))).float() for y in (y_test, y_train)
    )
    # The first tenth of the rows chooses the weights.
    order = np.random.default_rng(seed).permutation(len(X_train))
    rows = torch.from_numpy((X_train[order] - mean) / scale)
    plan = Plan(
        common["max_steps"],
        common["batch_size"],
        lr=3e-3,
        early_stopping=common["early_stopping"],
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
    )
    model = GaussianLatents(
        common["input_shape"], N_BITS, N_POSITIONS, encoder.n_out, n_halvings=N_HALVINGS
    )
    initialize(model, torch.Generator().manual_seed(seed))
    start = perf_counter()
    model.fit(rows, plan, seed, condition=given[order])
    report.add("motion", "Gaussian latents", split, "seconds of fit", perf_counter() - start)
    report.add("motion", "Gaussian latents", split, "weights", n_weights(model))
    latents = model.encode(torch.from_numpy((X_test - mean) / scale), wanted)
    back = model.decode(latents, wanted).cpu().numpy() * scale + mean
    judged("Gaussian, held-out windows through the code", back)
    for sampler in ("ancestral", "heun"):
        for guidance in GUIDANCE:
            drawn = model.sample(len(y_test), sampler, N_STEPS, seed, wanted, guidance)
            X_new = drawn.cpu().numpy() * scale + mean
            judged(f"Gaussian, {sampler}, guidance {guidance:g}", X_new)


def draw(losses, path):
    """Draw the validation losses by step: the codes, and the diffusion on one of them."""
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.2))
    for axis, code in zip(axes, CODES, strict=False):
        for kind in ("bits", "codebook", "real numbers"):
            axis.semilogy(*losses[f"{code}, {kind}"], label=kind)
        axis.set_title(f"code={code!r}")
    for target in ("direct", "residual"):
        axes[3].plot(*losses[f"{target} target"], label=target)
    axes[3].set_title("diffusion, by target")
    for axis in axes:
        axis.set_xlabel("step")
        axis.legend()
    axes[0].set_ylabel("validation loss, nats a window")
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main():
    parser = arguments(__doc__, seeds=[1])
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="what to run")
    parser.add_argument("--picture", type=Path, help="PNG of the losses to write, of the last seed")
    options = parser.parse_args()
    if set(options.part) != set(PARTS):
        if options.picture is not None:
            parser.error("--picture shows the losses of all parts: leave --part out")
        if options.output is None and options.max_steps is None:
            parser.error("one part must not take the place of both: give a file by --output")
    folder = data_folder("motion")
    if folder is None:
        return
    report = Report(__file__, options)
    for split in options.seed:
        *parts, n_channels = load(folder / "cmu_mocap.npz", split)
        losses = {}
        steps = {part: options.max_steps or PARTS[part] for part in options.part}
        if "actions" in steps:
            actions(report, split, parts, settings(n_channels, steps["actions"]), losses)
        if "reconstructions" in steps:
            common = settings(n_channels, steps["reconstructions"])
            reconstructions(report, split, parts[0], parts[2], common, losses)
        report.write()
    report.summarize()
    report.write()
    if options.picture is not None:
        draw(losses, options.picture)


if __name__ == "__main__":
    main()
