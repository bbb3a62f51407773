"""
The colours of one picture on another
=====================================

Two photographs, and no pixel of one that belongs to a pixel of the other:
:class:`~skgen.SchrodingerBridgeMatcher` carries the colours of a temple to those of a flower, each
to one near it: light stays lighter than dark, and all of the flower's colours come to be used.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from skgen import SchrodingerBridgeMatcher
from skgen.metrics import energy_distance

# %%
# A row is a pixel, its three columns red, green and blue from 0 to 1. Pictures at a quarter of
# their size are enough.

temple, flower = (load_sample_image(f"{name}.jpg")[::4, ::4] / 255 for name in ("china", "flower"))
source, target = temple.reshape(-1, 3), flower.reshape(-1, 3)
rng = np.random.default_rng(0)
source_part, target_part = (rng.permutation(rows)[:4000] for rows in (source, target))

# %%
# ``fit`` takes the rows to arrive at, and those to start from. One scale for the three colours
# keeps their distances: the bridge moves them no farther than it has to.

bridge = SchrodingerBridgeMatcher(scaling="common", max_steps=800, random_state=0)
bridge.fit(target_part, source=source_part)
carried = bridge.inverse_transform(source).clip(0, 1)

# %%
# The simplest rival gives each colour channel the mean and the deviation of the other picture.

shifted = (source - source.mean(0)) / source.std(0) * target.std(0) + target.mean(0)
shifted = shifted.clip(0, 1)

test = rng.permutation(target)[:2000]
for name, rows in (("temple", source), ("mean and deviation", shifted), ("bridge", carried)):
    distance = energy_distance(test, rng.permutation(rows)[:2000])
    print(f"energy distance from the flower's colours, {name:>18}: {distance:.4f}")

# %%
# The temple in the flower's colours, and below each picture where its colours lie between red and
# green. The flower has two kinds of light, orange and teal, where the temple's sky has one: the
# bridge must part the sky.

figure, axes = plt.subplots(2, 4, figsize=(12, 5), height_ratios=[3, 2.4])
pictures = {
    "temple": source,
    "flower": target,
    "mean and deviation": shifted,
    "carried by the bridge": carried,
}
for column, (title, rows) in zip(axes.T, pictures.items(), strict=True):
    column[0].imshow(rows.reshape(temple.shape))
    column[0].set_title(title)
    column[0].axis("off")
    shown = rng.permutation(rows)[:1500]
    column[1].scatter(shown[:, 0], shown[:, 1], c=shown, s=4)
    column[1].set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="red", ylabel="green")
figure.tight_layout()
plt.show()
