"""Colour: 32 x 32 crops of scikit-learn's two photographs, real, told from their code, and new.

4,000 crops of the training strips of ``load_photo_crops``, batches of 64. ``VQDiffusionBridge`` has
8 x 8 tokens and 128 codes, ``VariationalDiffusionAE`` 64 latents. On 500 crops of the test strips,
which share no pixel with them: the mean squared error of what the code tells (intensities span
[0, 1]) beside that of 64 principal components, the bound of 100 of them in bits per dimension, and
the better of two classifiers that tell new crops from them, by their 32 first principal components,
beside real training crops in the place of new ones. Of tokens also the perplexity. The picture
shows the first ten test crops, what the code tells of them, and ten new ones.

    python examples/benchmarks/photos.py --model VariationalDiffusionAE --picture photos.png
"""

from pathlib import Path

import numpy as np
from _common import Report, arguments, described, seconds_of_fit
from sklearn.base import clone
from sklearn.decomposition import PCA

from skgen import VariationalDiffusionAE, VQDiffusionBridge
from skgen.datasets import load_photo_crops
from skgen.metrics import bits_per_dimension, classifier_two_sample_test

SHAPE, ROWS, HELD_OUT, SCORED, SHOWN, N_CODED = (3, 32, 32), 4000, 500, 100, 10, 64
GIVEN = {"input_shape": SHAPE, "batch_size": 64}
MODELS = {
    "VQDiffusionBridge": VQDiffusionBridge(128, max_steps=400, **GIVEN),
    "VariationalDiffusionAE": VariationalDiffusionAE(
        N_CODED, max_steps=1500, net_params={"autocast_dtype": "bfloat16"}, **GIVEN
    ),
}


def draw(rows, path):
    """Write a picture with a line for each kind of crops."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(rows), SHOWN, figsize=(SHOWN, 1.1 * len(rows)))
    for line, (name, crops) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(name)
        for ax, crop in zip(line, crops, strict=False):
            ax.imshow(np.clip(crop.reshape(SHAPE).transpose(1, 2, 0), 0, 1))
            ax.set(xticks=[], yticks=[])
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--model", choices=MODELS, default="VQDiffusionBridge")
    parser.add_argument("--picture", type=Path, help="where to draw them; left out by default")
    options = parser.parse_args()
    report = Report(f"photos_{options.model}", options)
    X = load_photo_crops(ROWS).data
    X_test = load_photo_crops(HELD_OUT, subset="test", random_state=1).data
    for seed in options.seed:
        model = clone(MODELS[options.model]).set_params(random_state=seed)
        if options.max_steps is not None:
            model.set_params(max_steps=options.max_steps)
        name = described(model)
        report.add("photographs", name, seed, "seconds of fit", seconds_of_fit(model, X))
        if options.model == "VQDiffusionBridge":
            report.add("photographs", name, seed, "perplexity", model.perplexity_)
        back = model.inverse_transform(model.transform(X_test))
        report.add("photographs", name, seed, "squared error", np.mean((back - X_test) ** 2))
        axes = PCA(N_CODED, random_state=seed).fit(X)
        near = axes.inverse_transform(axes.transform(X_test))
        error = np.mean((near - X_test) ** 2)
        report.add("photographs", f"PCA({N_CODED})", seed, "squared error", error)
        bits = bits_per_dimension(model.score(X_test[:SCORED]), X.shape[1], width=1 / 255)
        report.add("photographs", name, seed, "bits a dimension", bits)
        new = model.sample(HELD_OUT)
        first = PCA(32, random_state=seed).fit(X)
        for kind, crops in ((name, new), ("real crops", X[:HELD_OUT])):
            seen = [first.transform(part) for part in (X_test, crops)]
            area = classifier_two_sample_test(*seen, random_state=0)
            report.add("photographs", kind, seed, "area, crops against held-out ones", area)
        report.write()
        if options.picture is not None:
            draw({"real": X_test, "code": back, "new": new}, options.picture)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
