"""Codes of human motion by BinaryLatentDiffusion, and motion of a wanted action.

``cmu_mocap.npz``, from the folder that the environment variable SKGEN_DATA names: 96 clips of the
CMU motion capture database at 30 frames a second, of 8 actions. Channels: the steps of the root in
the plane, its height, its rotation and those of the joints that move, 69 in all, each standardised
by the training clips. Windows of 32 frames, one for every 4 frames. Of every action a quarter of
the clips is held out, at least one; of the single clip of washwindow the last 30%.

Codes: the three layouts at 256 bits a window, plain, with a codebook, and with 256 real numbers in
place of bits (the same networks, trained on the squared error alone), beside principal components.
Mean squared error of held-out windows in standardised units, where 1 is the mean of the channel.

Motion: code="frames" with the action as condition, direct and residual target. Fréchet distance,
diversity, multimodality and R-precision among the 8 actions, by 32 features of a classifier that
has learnt the actions from the training windows; an action's features are the mean of its windows'.

    python examples/benchmarks/motion.py --picture docs/images/motion_losses.png
"""

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from _common import Report, arguments, data_folder, described, seconds_of_fit
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPClassifier

from skgen import BinaryLatentDiffusion
from skgen.metrics import diversity, frechet_distance, multimodality, r_precision
from skgen.models.binary_latent_diffusion import _BinaryLatentDiffusion

LENGTH, STRIDE = 32, 4
N_BITS = 256
CODES = ("frame", "frames", "sequence")


class _RealCode(_BinaryLatentDiffusion):
    """The networks with real numbers in place of bits."""

    def binarize(self, noise, logit):
        return logit

    def _kl(self, logit):
        return 0 * logit.sum(-1)

    def encode(self, x, condition, **options):
        return self.code(x, self._embed(x, condition))[0]


class CodeOnly(BinaryLatentDiffusion):
    """The first stage: encoder and decoder."""

    def _stages(self, *args):
        yield next(super()._stages(*args))


class RealCode(CodeOnly):
    """The first stage without quantisation, for comparison."""

    def _build_module(self, *args):
        module = super()._build_module(*args)
        module.__class__ = _RealCode
        return module

    def _from_latent(self, rows):
        return rows

    def _check_latent(self, X):
        return np.asarray(X)


def channels(frames, active):
    """Return steps of the root in the plane, its height, and the rotations that vary."""
    steps = np.diff(frames[:, [0, 2]], axis=0, prepend=frames[:1, [0, 2]])
    rotations = frames[:, 3:][:, active[3:]]
    return np.hstack([steps, frames[:, 1:2], rotations])


def windows(clips):
    """Cut clips into windows; return rows and the number of the clip of each."""
    rows, numbers = [], []
    for number, clip in enumerate(clips):
        for start in range(0, len(clip) - LENGTH + 1, STRIDE):
            rows.append(clip[start : start + LENGTH].ravel())
            numbers.append(number)
    return np.array(rows, np.float32), np.array(numbers)


def load(path, seed):
    """Return windows and actions of training and of held-out clips."""
    with np.load(path) as data:
        ends = np.cumsum(data["clip_len"])[:-1]
        clips = [channels(clip, data["active"]) for clip in np.split(data["frames"], ends)]
        labels = data["clip_label"]
    rng = np.random.default_rng(seed)
    train, test = [], []
    for action in np.unique(labels):
        own = rng.permutation(np.flatnonzero(labels == action))
        if len(own) == 1:
            cut = int(0.7 * len(clips[own[0]]))
            train.append((clips[own[0]][:cut], action))
            test.append((clips[own[0]][cut:], action))
            continue
        n_test = max(1, len(own) // 4)
        test += [(clips[k], action) for k in own[:n_test]]
        train += [(clips[k], action) for k in own[n_test:]]
    frames = np.concatenate([clip for clip, _ in train])
    mean, std = frames.mean(0), np.maximum(frames.std(0), 1e-3)
    parts = []
    for part in (train, test):
        X, numbers = windows([(clip - mean) / std for clip, _ in part])
        parts += [X, np.array([action for _, action in part])[numbers]]
    return *parts, frames.shape[1]


def reconstructions(report, split, X_train, X_test, settings, losses):
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
            model = estimator(N_BITS, code=code, **settings)
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


def actions(report, split, parts, settings, losses):
    """Draw motion of given actions, and judge it by the features of a classifier."""
    X_train, y_train, X_test, y_test = parts
    pca = PCA(64, whiten=True, random_state=0).fit(X_train)
    judge = MLPClassifier(32, alpha=1.0, max_iter=300, early_stopping=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        judge.fit(pca.transform(X_train), y_train)

    def features(X):
        hidden = pca.transform(X) @ judge.coefs_[0] + judge.intercepts_[0]
        return np.maximum(hidden, 0)

    centers = {a: features(X_train[y_train == a]).mean(0) for a in np.unique(y_train)}
    wanted = np.array([centers[action] for action in y_test])
    real = features(X_test)

    def judged(name, X):
        found = features(X)
        report.add("motion", name, split, "Fréchet distance", frechet_distance(real, found))
        report.add("motion", name, split, "diversity", diversity(found, random_state=0))
        several = multimodality(found, y_test, n_pairs=100, random_state=0)
        report.add("motion", name, split, "multimodality", several)
        precision = r_precision(found, wanted, k=(1, 2, 3), pool_size=8, random_state=0)
        for k, value in enumerate(precision, 1):
            report.add("motion", name, split, f"R-precision at {k}", value)
        read = np.mean(judge.predict(pca.transform(X)) == y_test)
        report.add("motion", name, split, "read as asked", read)

    rng = np.random.default_rng(split)
    alike = [rng.choice(np.flatnonzero(y_train == action)) for action in y_test]
    judged("real training windows", X_train[alike])
    judged("held-out windows themselves", X_test)
    for target in ("direct", "residual"):
        model = BinaryLatentDiffusion(N_BITS, code="frames", target=target, **settings)
        name = described(model)
        seconds = seconds_of_fit(model, X_train, condition=y_train)
        report.add("motion", name, split, "seconds of fit", seconds)
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
        for scale in (0.0, 1.0):
            X_new = model.sample(len(y_test), condition=y_test, guidance_scale=scale, n_steps=32)
            judged(f"{target}, guidance {scale:g}", X_new)


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
    parser.add_argument("--picture", type=Path, help="PNG of the losses to write, of the last seed")
    options = parser.parse_args()
    folder = data_folder("motion")
    if folder is None:
        return
    report = Report(__file__, options)
    for split in options.seed:
        *parts, n_channels = load(folder / "cmu_mocap.npz", split)
        print(f"{len(parts[0])} windows to learn from, {len(parts[2])} held out")
        settings = {
            "input_shape": (LENGTH, n_channels),
            "encoder_noise": 0.0,
            "batch_size": 64,
            "max_steps": options.max_steps or 200,
            "early_stopping": False,
            "random_state": 0,
        }
        losses = {}
        actions(report, split, parts, settings, losses)
        reconstructions(report, split, parts[0], parts[2], settings, losses)
    report.summarize()
    report.write()
    if options.picture is not None:
        draw(losses, options.picture)


if __name__ == "__main__":
    main()
