"""
Colour: crops of two photographs
================================

Learn 32x32 colour crops of scikit-learn's two photographs with convolutional networks, and show
real, reconstructed and new crops. Not part of the gallery build: on two cores the default
200 steps a stage take some minutes (``--max-steps`` changes that).

Run ``python examples/photo_crops.py``; the picture goes to docs/images/photo_crops.png.
"""

import argparse
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

from skgen import VariationalDiffusionAE
from skgen.datasets import load_photo_crops

parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
parser.add_argument("--max-steps", type=int, default=200)
arguments = parser.parse_args()

SIDE, N_SHOWN = 32, 12
X_train = load_photo_crops(2000, size=SIDE, subset="train", random_state=0).data
X_test = load_photo_crops(200, size=SIDE, subset="test", random_state=0).data

start = perf_counter()
model = VariationalDiffusionAE(
    n_components=64,
    input_shape=(3, SIDE, SIDE),
    max_steps=arguments.max_steps,
    batch_size=64,
    random_state=0,
).fit(X_train)
print(f"fitted {len(X_train)} crops in {perf_counter() - start:.0f} s")

shown = X_test[:N_SHOWN]
back = model.inverse_transform(model.transform(shown))
new = model.sample(N_SHOWN, random_state=0)
error = np.mean((back - shown) ** 2) / np.mean((shown - X_train.mean(0)) ** 2)
print(f"share of the held-out crops' variance lost in {model.n_components} latents: {error:.1%}")

figure, axes = plt.subplots(3, 1, figsize=(N_SHOWN * 0.8, 3.2))
for ax, rows, title in zip(axes, (shown, back, new), ("real", "decoded", "new"), strict=True):
    images = rows.reshape(-1, 3, SIDE, SIDE).transpose(2, 0, 3, 1).reshape(SIDE, -1, 3)
    ax.imshow(images.clip(0, 1))
    ax.set_ylabel(title)
    ax.set(xticks=[], yticks=[])
figure.tight_layout()
folder = Path(__file__).resolve().parents[1] / "docs" / "images"
figure.savefig(folder / "photo_crops.png", dpi=110)
print(f"wrote {folder / 'photo_crops.png'}")
