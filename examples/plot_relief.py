"""
Detail for a coarse map, learnt without pairs
=============================================

The Earth's relief, once on a grid of 120 minutes of arc and once on one of 20, in different parts
of the world: no coarse map comes with its fine one. :class:`~skgen.SchrodingerBridgeMatcher`
carries coarse maps to fine ones all the same, and keeps what they show.
"""

import matplotlib.pyplot as plt
import numpy as np

from skgen import SchrodingerBridgeMatcher
from skgen.datasets import load_relief

# %%
# Fine crops from some strips of the globe, coarse crops from others, and a third part of the world
# to judge on, where both are known.

fine = load_relief(800, subset="fine", random_state=0).data
coarse = load_relief(800, subset="coarse", random_state=1).coarse
test = load_relief(200, subset="test", random_state=2)

# %%
# ``coupling="reference"`` begins with a process that hardly moves the source, so a map stays what
# it is while it learns detail. The noise is about as large as the detail: a twelfth of the
# deviation of all heights.

model = SchrodingerBridgeMatcher(
    sigma=0.08,
    coupling="reference",
    input_shape=(1, 32, 32),
    max_steps=300,
    batch_size=32,
    net_params={"autocast_dtype": "bfloat16"},
    random_state=0,
)
model.fit(fine, source=coarse)
carried = model.inverse_transform(test.coarse)

# %%
# Two figures: how the power of the relief falls with the wavenumber, where a coarse map has no
# detail; and whether the carried map, coarsened again, is the map that it came from.


def spectrum(rows):
    """Return the mean power at each whole wavenumber of a crop, up to 15."""
    window = np.hanning(32)[:, None] * np.hanning(32)
    images = rows.reshape(-1, 32, 32)
    images = (images - images.mean((1, 2), keepdims=True)) * window
    power = (np.abs(np.fft.fft2(images)) ** 2).mean(0)
    frequency = np.fft.fftfreq(32, 1 / 32)
    radius = np.rint(np.hypot(frequency[:, None], frequency)).astype(int)
    return np.bincount(radius.ravel(), power.ravel())[1:16] / np.bincount(radius.ravel())[1:16]


def coarsen(rows):
    """Return means over blocks of 6 x 6 pixels."""
    return rows.reshape(-1, 32, 32)[:, 1:31, 1:31].reshape(-1, 5, 6, 5, 6).mean((2, 4))


for name, rows in (("carried", carried), ("real", test.data)):
    gap = np.sqrt(np.mean((coarsen(rows) - coarsen(test.coarse)) ** 2))
    print(f"{name}, coarsened, less the coarse map: {gap:.0f} m")

# %%
# Coarse, carried, real.

figure, axes = plt.subplots(3, 7, figsize=(11, 4.6))
for column, k in zip(axes.T, (2, 3, 4, 5, 6, 7, 1), strict=True):
    limits = {"vmin": test.data[k].min(), "vmax": test.data[k].max(), "cmap": "terrain"}
    for axis, rows in zip(column, (test.coarse, carried, test.data), strict=True):
        axis.imshow(rows[k].reshape(32, 32)[::-1], **limits)
        axis.set_xticks([])
        axis.set_yticks([])
for axis, name in zip(axes[:, 0], ("coarse", "carried", "real"), strict=True):
    axis.set_ylabel(name)
figure.tight_layout()

# %%
# At the smallest scales, where coarse maps have nothing, the carried ones have the power of real
# ones; between those and the coarse map's own they are still short of it. A minute's training draws
# texture, and no river: more steps, and more crops, go on from here.

figure, axis = plt.subplots(figsize=(5.5, 3.6))
for name, rows in (("coarse", test.coarse), ("carried", carried), ("real", test.data)):
    axis.semilogy(np.arange(1, 16), spectrum(rows), label=name)
axis.set_xlabel("wavenumber, cycles a crop")
axis.set_ylabel("power")
axis.legend()
figure.tight_layout()
plt.show()
