"""
Real digits beside new ones
===========================

Fit :class:`~skgen.VariationalDiffusionAE` on scikit-learn's handwritten digits, use its latent
variables as features, and draw digits that were never written.
"""

import sys
from pathlib import Path
from tempfile import mkdtemp
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skgen import VariationalDiffusionAE
from skgen.metrics import knn_probe, linear_probe, near_copies

# %%
# Learn 1,078 images. Nothing is set but the size of the latent space and the seed.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0, stratify=y)
start = perf_counter()
model = VariationalDiffusionAE(n_components=16, random_state=0).fit(X_train)
print(f"fitted {len(X_train)} digits in {perf_counter() - start:.0f} s, {model.n_steps_} steps")
print(f"score of held-out rows: {model.score(X_test):.1f} nats a row (a lower bound)")
print(f"information in the latent: {model.latent_kl_:.1f} nats")

# %%
# Are the latent variables good features? A linear classifier and five nearest neighbours tell,
# beside as many principal components. No label was seen in fitting.

pca = PCA(16, random_state=0).fit(X_train)
for name, features in (("latent", model), ("PCA", pca)):
    Z_train, Z_test = features.transform(X_train), features.transform(X_test)
    linear = linear_probe(Z_train, y_train, Z_test, y_test)
    neighbours = knn_probe(Z_train, y_train, Z_test, y_test)
    print(f"{name:>6}: linear classifier {linear:.1%}, nearest neighbours {neighbours:.1%}")

# %%
# Draw new digits. A few of the training rows given back would look as good: none is.

X_new = model.sample(len(X_test))
copies = near_copies(X_train, X_test, X_new, standardize=False)
print(f"near-copies of training rows among {len(X_new)} new ones: {copies:.1%} (1% is chance)")

# %%
# Real digits on the left, new ones on the right; below, straight lines in the latent space.


def tile(rows, n_columns):
    """Lay flattened 8x8 images out in rows of n_columns, one pixel apart."""
    images = np.pad(rows.reshape(-1, n_columns, 8, 8), [(0, 0), (0, 0), (0, 1), (0, 1)])
    return images.transpose(0, 2, 1, 3).reshape(len(images) * 9, n_columns * 9)


ends = [np.flatnonzero(y_test == digit)[0] for digit in (3, 8, 0, 1, 4, 9)]
lines = model.interpolate(X_test[ends[::2]], X_test[ends[1::2]], n=21)

figure, axes = plt.subplot_mosaic(
    [["real", "new"], ["lines", "lines"]], figsize=(9, 6.2), height_ratios=[10, 3.4]
)
for name, rows, n_columns, title in (
    ("real", X_test[:100], 10, "real"),
    ("new", X_new[:100], 10, "new"),
    ("lines", lines, 21, "between two real digits, along the latent space"),
):
    axes[name].imshow(tile(rows, n_columns), cmap="gray_r", vmin=0, vmax=16)
    axes[name].set_title(title)
    axes[name].axis("off")
figure.tight_layout()

if "__file__" in globals():
    # Run as a script, not by the gallery: write the picture to the path given, or to a new folder
    # for temporary files.
    path = Path(sys.argv[1]) if sys.argv[1:] else Path(mkdtemp(prefix="skgen-")) / "digits.png"
    figure.savefig(path, dpi=110)
    print(f"wrote {path}")
plt.show()
