"""Features of VariationalDiffusionAE against principal components on further sets with labels.

Accuracy of logistic regression and of 5 nearest neighbours on the held-out 40% of three stratified
splits, on the latent, on PCA of the same size and on the columns as they are. The size follows one
rule: ``n_components = min(16, n_columns // 2)``. PCA runs on the columns as they are and on columns
of unit variance, since either can be far the better one: the latent is compared with the better of
the two, anew for each split and probe.

Sets: iris, wine and breast cancer of scikit-learn; crops of 3x8x8 pixels of its two photographs,
told apart; and, where the environment variable SKGEN_DATA names the folder with their files, pen
digits (``pen_digits.npz``, 10,992 rows of eight pen positions), the first 3,000 training images of
MNIST (``mnist.npz``) and cells at four times (``sc_emt_a549.npz``, 3,133 rows of 10 columns).
The photographs have a training and a test part of their own that share no pixel; there a split is
a draw of crops.

Goal: no worse than the better PCA, the mean difference at least 0 on each set.

    SKGEN_DATA=folder python examples/benchmarks/features.py
"""

import numpy as np
from _common import Report, arguments, data_folder, described, seconds_of_fit
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skgen import VariationalDiffusionAE
from skgen.datasets import fetch_mnist, load_photo_crops
from skgen.metrics import knn_probe, linear_probe

PROBES = {"linear probe": linear_probe, "nearest-neighbour probe": knn_probe}


def labelled_sets():
    """Yield name, rows and labels of each set that is there."""
    for name, load in (("iris", load_iris), ("wine", load_wine), ("cancer", load_breast_cancer)):
        yield name, *load(return_X_y=True)
    folder = data_folder("pen digits, MNIST and cells")
    if folder is None:
        return
    with np.load(folder / "pen_digits.npz") as arrays:
        points, y = arrays["points"], arrays["y"]
    yield "pen digits", points.reshape(len(points), -1).astype(float), y
    X, y = fetch_mnist(data_home=folder, return_X_y=True)
    yield "mnist 3,000", X[:3000], y[:3000]
    with np.load(folder / "sc_emt_a549.npz") as arrays:
        yield "cells", arrays["x10"], arrays["time10"]


def photographs(split):
    """Return training and test rows and labels of one draw of crops."""
    train = load_photo_crops(1000, 8, subset="train", random_state=2 * split)
    test = load_photo_crops(1000, 8, subset="test", random_state=2 * split + 1)
    return train.data, test.data, train.target, test.target


def compare(report, data, split, parts, max_steps):
    """Probe each kind of features on one split."""
    X_train, X_test, y_train, y_test = parts
    n_components = min(16, X_train.shape[1] // 2)
    model = VariationalDiffusionAE(n_components, max_steps=max_steps, random_state=split)
    name = described(model)
    report.add(data, name, split, "seconds of fit", seconds_of_fit(model, X_train))
    pca, scaled_pca = (PCA(n_components, random_state=split) for _ in range(2))
    kinds = {
        name: model,
        f"PCA({n_components})": pca.fit(X_train),
        f"PCA({n_components}), unit variance": make_pipeline(StandardScaler(), scaled_pca).fit(
            X_train
        ),
        "columns as they are": FunctionTransformer(),
    }
    features = {kind: (f.transform(X_train), f.transform(X_test)) for kind, f in kinds.items()}
    for measure, probe in PROBES.items():
        accuracy = {
            kind: probe(Z_train, y_train, Z_test, y_test)
            for kind, (Z_train, Z_test) in features.items()
        }
        for kind, value in accuracy.items():
            report.add(data, kind, split, measure, value)
        latent, plain, scaled, _ = accuracy.values()
        report.add(data, "latent less PCA", split, measure, latent - max(plain, scaled), ">= 0")


def main():
    options = arguments(__doc__, seeds=range(3)).parse_args()
    report = Report(__file__, options)
    for split in options.seed:
        compare(report, "photographs", split, photographs(split), options.max_steps)
    for data, X, y in labelled_sets():
        for split in options.seed:
            parts = train_test_split(X, y, test_size=0.4, random_state=split, stratify=y)
            compare(report, data, split, parts, options.max_steps)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
