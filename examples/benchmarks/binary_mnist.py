"""Few steps: binary codes and real-valued latents on MNIST, sampled in 16 steps and in 256.

10,000 training rows. `BinaryLatentDiffusion` with 256 bits, laid out on 4 x 4 positions; beside it
a Gaussian latent diffusion of equal size, built from the project's parts: encoder, decoder and
denoiser are the same networks, its 256 latents are numbers, scaled, with a little noise in
the decoder's training. Both are judged by the Frechet distance in the features of a small
classifier trained here, and by the classifier two-sample test on these features, against held-out
rows. The floor is the same figure of other real rows.

    SKGEN_DATA=... python examples/benchmarks/binary_mnist.py
"""

import numpy as np
import torch
from _common import Report, arguments, data_folder, described, seconds_of_fit
from _gaussian_latents import GaussianLatents, fitted
from torch.nn import functional as F

from skgen import BinaryLatentDiffusion
from skgen.datasets import fetch_mnist
from skgen.metrics import classifier_two_sample_test, frechet_distance
from skgen.networks.conv import ConvEncoder
from skgen.networks.mlp import initialize
from skgen.training.stages import Plan

SHAPE, ROWS, DRAWN, BITS, POSITIONS = (1, 28, 28), 10_000, 1_000, 256, 16
BATCH = 128
GOAL = "16 steps within 10% of 256"


def plan(steps):
    """Return how to train, for a number of steps."""
    return Plan(steps, BATCH, 3e-3, True, torch.device("cpu"))


class Features(torch.nn.Module):
    """A small convolutional classifier; its features are what comes before the last layer."""

    def __init__(self):
        super().__init__()
        self.encoder, self.last = ConvEncoder(SHAPE, 64), torch.nn.Linear(64, 10)

    def forward(self, rows):
        """Return the features."""
        return F.silu(self.encoder(rows))

    def train_on(self, rows, y, steps, seed):
        """Learn the labels, carried as the last column of the rows."""

        def loss(noise, x):
            return F.cross_entropy(self.last(self(x[:, :-1])), x[:, -1].long(), reduction="none")

        data = {"x": torch.cat([rows, y[:, None]], 1)}
        fitted("classifier", self, [self], loss, data, plan(steps), seed)


def main():
    options = arguments(__doc__).parse_args()
    if data_folder("binary_mnist") is None:
        return
    report = Report(__file__, options)
    steps = options.max_steps or 1000
    X, y = fetch_mnist(return_X_y=True)
    X, y = np.asarray(X, dtype=np.float32) / 255, np.asarray(y).astype(int)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order], y[order]
    real, other = X[ROWS : ROWS + DRAWN], X[ROWS + DRAWN : ROWS + 2 * DRAWN]
    torch.manual_seed(0)
    for seed in options.seed:
        features = Features()
        initialize(features, torch.Generator().manual_seed(seed))
        features.train_on(torch.from_numpy(X[:ROWS]), torch.from_numpy(y[:ROWS]).float(), 600, seed)

        def seen(rows, features=features):
            with torch.no_grad():
                return features(torch.as_tensor(np.asarray(rows), dtype=torch.float32)).numpy()

        def judge(name, rows, seen=seen, seed=seed):
            a, b = seen(real), seen(rows)
            report.add("mnist", name, seed, "Frechet distance", frechet_distance(a, b), GOAL)
            auc = classifier_two_sample_test(a, b, random_state=0)
            report.add("mnist", name, seed, "AUC of the features", auc, GOAL)

        judge("real rows", other)
        model = BinaryLatentDiffusion(
            BITS,
            input_shape=SHAPE,
            n_timesteps=256,
            max_steps=steps,
            batch_size=BATCH,
            random_state=seed,
        )
        name = described(model)
        report.add("mnist", name, seed, "seconds of fit", seconds_of_fit(model, X[:ROWS]))
        judge(f"{name}, reconstructed", model.inverse_transform(model.transform(other)))
        for n_steps in (4, 8, 16, 64, 256):
            judge(f"{name}, {n_steps} steps", model.sample(DRAWN, n_steps=n_steps))
        mean = X[:ROWS].mean(0)
        scale = float((X[:ROWS] - mean).std())
        rival = GaussianLatents(SHAPE, BITS, POSITIONS)
        initialize(rival, torch.Generator().manual_seed(seed))
        rival.fit(torch.from_numpy((X[:ROWS] - mean) / scale), plan(steps), seed)
        for sampler in ("ancestral", "heun"):
            for n_steps in (16, 256):
                rows = rival.sample(DRAWN, sampler, n_steps, seed).numpy() * scale + mean
                judge(f"Gaussian latents, {sampler}, {n_steps} steps", rows)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
