"""Features and conditional samples of VariationalDiffusionAE on MNIST.

The first 10,000 training images (28x28, values in [0, 1]), convolutional networks, 32 latent
features: ``VariationalDiffusionAE(n_components=32, input_shape=(1, 28, 28))``.

- features: accuracy of logistic regression on the latent of the 10,000 test images, fitted on that
  of the training images, against PCA of the same size.
- conditional: ``fit(X, condition=y)`` with the ten labels, then 100 samples a label at each
  strength of guidance. A small convolutional classifier, trained here on real digits, reads them:
  the share read as the label asked for; and, in the space of its last hidden layer, the mean
  distance between two samples of a label over that between two real test images of the label,
  averaged over the labels.

Goals: a better linear probe than PCA's; 95% of samples read as the label asked for, with a
diversity of at least 0.90 of the real one. Writes ten samples of each label, at the first strength
of guidance, as a picture. Needs the environment variable SKGEN_DATA to name the folder with
``mnist.npz``.

    SKGEN_DATA=folder python examples/benchmarks/mnist.py
"""

from pathlib import Path
from time import perf_counter

import matplotlib
import numpy as np
import torch
from _common import ROOT, Report, arguments, data_folder, described, seconds_of_fit
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from torch import nn

from skgen import VariationalDiffusionAE
from skgen.datasets import fetch_mnist
from skgen.metrics import linear_probe

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SHAPE = (1, 28, 28)
N_COMPONENTS = 32
PARTS = ("features", "conditional")


class Reader(nn.Module):
    """A small convolutional classifier, whose last hidden layer serves as a feature space."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Unflatten(1, SHAPE),
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 128),
            nn.ReLU(),
        )
        self.out = nn.Linear(128, 10)

    def forward(self, x):
        """Return the logit of each digit."""
        return self.out(self.hidden(x))

    def read(self, X):
        """Return labels and hidden features of rows."""
        device = self.out.weight.device
        with torch.no_grad():
            parts = [self.hidden(part.to(device)) for part in torch.from_numpy(X).split(1000)]
            hidden = torch.cat(parts)
            return self.out(hidden).argmax(1).cpu().numpy(), hidden.cpu().numpy()

    def beliefs(self, X):
        """Return the probability of each digit."""
        hidden = torch.from_numpy(self.read(X)[1]).to(self.out.weight.device)
        with torch.no_grad():
            return torch.softmax(self.out(hidden), 1).cpu().numpy()


def train_reader(X, y, epochs, seed):
    """Train a classifier on real digits, the learning rate falling to 0."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        reader = Reader().to(device)
    X, y = torch.from_numpy(X).to(device), torch.from_numpy(y).to(device)
    n_steps = epochs * (len(X) // 128)
    optimizer = torch.optim.Adam(reader.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / n_steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(len(X), generator=generator).to(device)
        for index in order[: len(X) // 128 * 128].split(128):
            loss = nn.functional.cross_entropy(reader(X[index]), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return reader.eval()


def features(report, options, seed, real):
    """Compare linear probes on the latent and on PCA."""
    X_train, y_train, X_test, y_test = real
    model = VariationalDiffusionAE(
        N_COMPONENTS,
        input_shape=SHAPE,
        max_steps=options.max_steps,
        net_params={"autocast_dtype": "bfloat16"} if options.bf16 else None,
        random_state=seed,
    )
    name, data = described(model), f"mnist {len(X_train):,}"
    report.add(data, name, seed, "seconds of fit", seconds_of_fit(model, X_train))
    pca = PCA(N_COMPONENTS, random_state=seed).fit(X_train)
    principal, latent = (
        linear_probe(kind.transform(X_train), y_train, kind.transform(X_test), y_test)
        for kind in (pca, model)
    )
    report.add(data, f"PCA({N_COMPONENTS})", seed, "linear probe", principal)
    report.add(data, name, seed, "linear probe", latent)
    report.add(data, "latent less PCA", seed, "linear probe", latent - principal, "> 0")


def conditional(report, options, seed, real, reader):
    """Judge samples asked for by label; return those of the first strength of guidance."""
    X_train, y_train, X_test, y_test = real
    model = VariationalDiffusionAE(
        N_COMPONENTS,
        input_shape=SHAPE,
        max_steps=options.max_steps,
        net_params={"autocast_dtype": "bfloat16"} if options.bf16 else None,
        random_state=seed,
    )
    name, data = described(model), f"mnist {len(X_train):,}"
    seconds = seconds_of_fit(model, X_train, condition=y_train)
    report.add(data, name, seed, "seconds of fit given labels", seconds)
    labels = np.repeat(np.arange(10), options.samples)
    real_hidden = reader.read(X_test)[1]
    first = None
    for strength in options.guidance:
        start = perf_counter()
        X_new = model.sample(len(labels), condition=labels, guidance_scale=strength)
        seconds = perf_counter() - start
        read, hidden = reader.read(X_new)
        # a mean over pairs does not depend on how many rows there are
        spread = [
            pdist(hidden[labels == label]).mean() / pdist(real_hidden[y_test == label]).mean()
            for label in range(10)
        ]
        at = f", guidance {strength:g}"
        report.add(data, name, seed, "read as asked" + at, np.mean(read == labels), ">= 0.95")
        report.add(data, name, seed, "diversity" + at, np.mean(spread), ">= 0.90")
        report.add(data, name, seed, f"seconds of {len(labels):,} samples" + at, seconds)
        first = X_new if first is None else first
    return first


def picture(X_new, path):
    """Write ten samples of each label, a row a label."""
    chosen = X_new.reshape(10, -1, 28, 28)[:, :10]
    sheet = chosen.transpose(0, 2, 1, 3).reshape(280, 280)
    path.parent.mkdir(parents=True, exist_ok=True)
    plt.imsave(path, np.kron(sheet, np.ones((2, 2))), cmap="gray_r", vmin=0, vmax=1)
    print(f"wrote {path}")


def main():
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="training images of the models")
    parser.add_argument(
        "--reader-rows", type=int, default=60_000, help="real digits that train the classifier"
    )
    parser.add_argument(
        "--guidance", type=float, nargs="+", default=[0.0, 1.0, 2.0], help="strengths of guidance"
    )
    parser.add_argument("--samples", type=int, default=100, help="samples a label, at least 10")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="what to run")
    parser.add_argument("--bf16", action="store_true", help="train in mixed precision")
    parser.add_argument("--picture", type=Path, help="PNG to write; docs/images/mnist.png")
    options = parser.parse_args()
    report = Report(__file__, options)
    folder = data_folder("MNIST")
    if folder is None:
        return
    X, y = fetch_mnist(data_home=folder, return_X_y=True)
    X_test, y_test = fetch_mnist(subset="test", data_home=folder, return_X_y=True)
    X, X_test = X / 255, X_test / 255
    real = X[: options.rows], y[: options.rows], X_test, y_test
    if "features" in options.part:
        for seed in options.seed:
            features(report, options, seed, real)
    if "conditional" in options.part:
        n = options.reader_rows
        reader = train_reader(X[:n], y[:n], epochs=3, seed=0)
        accuracy = np.mean(reader.read(X_test)[0] == y_test)
        report.add(f"mnist {n:,}", "classifier that reads samples", "", "test accuracy", accuracy)
        sheets = [conditional(report, options, seed, real, reader) for seed in options.seed]
        path = options.picture
        if path is None and options.max_steps is None:
            path = ROOT / "docs" / "images" / "mnist.png"
        if path is not None:
            picture(sheets[0], path)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
