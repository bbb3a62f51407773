"""MNIST by codes of 7 x 7 tokens: prior and code at once, one after the other, one by one.

10,000 training rows, 49 tokens, 128 codes of 8 numbers. Three models get the same time of training,
by as many gradient steps as fit into it by two short trials, which take them for longer than they
are: ``VQDiffusionBridge`` as it is (jointly), with ``prior_weight=0``, and with
``prior="autoregressive"``, which draws with all it has computed for the tokens before kept.
Measured against held-out rows: the perplexity of the codes, the mean squared error of the
reconstruction (pixels span [0, 1]), the bound in bits per dimension of pixels in 256 levels, the
Frechet distance of 1,000 samples in the features of a small classifier trained here, and the
seconds that 1,000 samples take; for the bridge in several numbers of steps. Seconds are of the
processor, or on the wall where there is a CUDA device.

Inpainting, by the joint model: 300 held-out digits without their central 14 x 14 pixels, without
the top left quarter, and with the top left quarter alone; how many completed digits the classifier
reads right, beside the model's own reconstructions and the digits themselves, and the mean distance
of two completions of one digit. What is hidden may be what tells a digit: beside them stands the
mean probability that a classifier gives to the right digit which has been trained on digits with
the same pixels hidden. Draws from the distribution of digits given the rest would be read right as
often.

Goals: perplexity 100; the joint model's distance at most its rivals'; ten times faster than one by
one; reading within 3 points of the reconstructions'.

    SKGEN_DATA=... python examples/benchmarks/vq_mnist.py --picture docs/images/mnist_inpainting.png
"""

from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import torch
from _common import Report, arguments, data_folder, described, seconds_of_fit
from mnist import train_reader

from skgen import VQDiffusionBridge
from skgen.datasets import fetch_mnist
from skgen.metrics import frechet_distance

SHAPE, ROWS, DRAWN, FILLED = (1, 28, 28), 10_000, 1_000, 300
BATCH, N_TOKENS, N_EMBEDDINGS, EMBEDDING_DIM = 128, 49, 128, 8
TRIED_STEPS, READER_EPOCHS = (5, 25), 5
# Others may share the processor, where that does the work.
CLOCK = perf_counter if torch.cuda.is_available() else process_time


def build(**settings):
    """Return a model of the settings that all share."""
    return VQDiffusionBridge(
        N_EMBEDDINGS,
        n_tokens=N_TOKENS,
        embedding_dim=EMBEDDING_DIM,
        input_shape=SHAPE,
        batch_size=BATCH,
        **settings,
    )


def steps_within(seconds, settings, X):
    """Return how many gradient steps a stage a fit of so many seconds takes."""
    few, more = TRIED_STEPS
    took = [seconds_of_fit(build(max_steps=n, **settings), X, CLOCK) for n in TRIED_STEPS]
    each = (took[1] - took[0]) / (more - few)
    return max(1, round((seconds - took[0]) / each + few))


def hidden_parts():
    """Return masks of what is hidden by their names."""
    centre, corner = np.zeros((2, 28, 28), bool)
    centre[7:21, 7:21] = corner[:14, :14] = True
    parts = {"centre": centre, "top left": corner, "all but the top left": ~corner}
    return {name: part.ravel() for name, part in parts.items()}


def inpaint(report, model, reader, train, X, y, seed, picture):
    """Complete held-out digits and read them."""
    back = model.inverse_transform(model.transform(X))

    def read(rows):
        return np.mean(reader.read(rows)[0] == y)

    report.add("mnist", "real rows", seed, "read right", read(X))
    goal = f">= {read(back) - 0.03:.3f}"
    report.add("mnist", "reconstructed", seed, "read right", read(back))
    shown = [(X, "original")]
    for name, hidden in hidden_parts().items():
        holes = np.where(hidden, np.nan, X)
        drawn = np.clip(model.impute(holes, n_draws=4, n_steps=32, random_state=seed), 0, 1)
        kept = np.array_equal(drawn[0][:, ~hidden], X[:, ~hidden])
        report.add("mnist", f"completed, {name}", seed, "observed pixels kept", kept)
        right = np.mean([read(rows) for rows in drawn])
        report.add("mnist", f"completed, {name}", seed, "read right", right, goal)
        seeing = train_reader(train[0] * ~hidden, train[1], READER_EPOCHS, seed)
        belief = seeing.beliefs(X * ~hidden)[np.arange(len(y)), y].mean()
        report.add("mnist", f"a classifier, {name} hidden", seed, "belief in the digit", belief)
        apart = np.linalg.norm(drawn[0] - drawn[1], axis=1).mean()
        report.add("mnist", f"completed, {name}", seed, "distance of two", apart, "> 0")
        shown.append((np.where(np.isnan(holes), 0.5, X), "seen"))
        shown += [(rows, "completed") for rows in drawn[:3]]
    if picture is not None:
        draw(shown, picture)


def draw(shown, path):
    """Draw ten digits a column: as they are, what is seen of them, three completions."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(shown), 10, figsize=(7, 0.72 * len(shown)))
    for row, (rows, name) in zip(axes, shown, strict=True):
        for ax, image in zip(row, rows, strict=False):
            ax.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=110)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=8, help="training time of each model")
    parser.add_argument("--picture", type=Path, help="PNG of completed digits to write")
    options = parser.parse_args()
    if data_folder("vq_mnist") is None:
        return
    report = Report(__file__, options)
    X, y = fetch_mnist(return_X_y=True)
    X, y = np.asarray(X, dtype=np.float32) / 255, np.asarray(y).astype(int)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order], y[order]
    held = slice(ROWS, ROWS + DRAWN)
    for seed in options.seed:
        reader = train_reader(X[:ROWS], y[:ROWS], READER_EPOCHS, seed)

        def features(rows, reader=reader):
            return reader.read(np.clip(rows, 0, 1).astype(np.float32))[1]

        def distance(rows, features=features):
            return frechet_distance(features(X[held]), features(rows))

        floor = distance(X[ROWS + DRAWN : ROWS + 2 * DRAWN])
        report.add("mnist", "real rows", seed, "Frechet distance", floor)
        rivals = ({}, {"prior_weight": 0}, {"prior": "autoregressive"})
        for settings in rivals:
            n_steps = options.max_steps or steps_within(60 * options.minutes, settings, X[:ROWS])
            model = build(max_steps=n_steps, random_state=seed, **settings)
            name = described(build(**settings))
            report.add(
                "mnist", name, seed, "seconds of fit", seconds_of_fit(model, X[:ROWS], CLOCK)
            )
            report.add("mnist", name, seed, "steps of a stage", n_steps)
            report.add("mnist", name, seed, "perplexity", model.perplexity_, ">= 100")
            back = model.inverse_transform(model.transform(X[held]))
            report.add("mnist", name, seed, "squared error", np.mean((back - X[held]) ** 2))
            report.add("mnist", f"{name}, reconstructed", seed, "Frechet distance", distance(back))
            # A density of pixels in [0, 1] is one of levels 1/256 apart.
            nats = -model.score(X[held][:200]) / X.shape[1]
            report.add("mnist", name, seed, "bits per dimension", nats / np.log(2) + 8)
            for steps in (128, 32, 16, 8) if "prior" not in settings else (None,):
                start = CLOCK()
                rows = model.sample(DRAWN, n_steps=steps)
                said = name if steps is None else f"{name}, {steps} steps"
                report.add("mnist", said, seed, "seconds of sampling", CLOCK() - start)
                report.add("mnist", said, seed, "Frechet distance", distance(rows))
            if not settings:
                path = options.picture if seed == options.seed[0] else None
                filled = slice(ROWS, ROWS + FILLED)
                train = X[:ROWS], y[:ROWS]
                inpaint(report, model, reader, train, X[filled], y[filled], seed, path)
            report.write()
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
