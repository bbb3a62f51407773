"""
Handwriting on request
======================

Ask for a digit, get the strokes of a pen: :class:`~skgen.BinaryLatentDiffusion` learns
handwriting with the digit as its condition, and a classifier that has only seen real strokes reads
what it writes.
"""

from itertools import pairwise
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skgen import BinaryLatentDiffusion
from skgen.datasets import load_pen_digits

# %%
# A digit is eight positions of the pen, evenly spaced along its path: 16 columns. Half of the
# digits are there to learn from, a quarter to teach the reader, a quarter to test it.

X, y = load_pen_digits(return_X_y=True)
X_train, X_rest, y_train, y_rest = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
X_reader, X_test, y_reader, y_test = train_test_split(
    X_rest, y_rest, test_size=0.5, random_state=0, stratify=y_rest
)

# %%
# The model gives each digit a code of 64 bits, and learns which codes go with which label. Eight
# positions are few enough to be learnt as a table; ``input_shape=(8, 2)``, for networks that know
# of their order, is for longer sequences.

start = perf_counter()
model = BinaryLatentDiffusion(n_bits=64, max_steps=600, random_state=0)
model.fit(X_train, condition=y_train)
print(f"fitted {len(X_train)} digits in {perf_counter() - start:.0f} s")

# %%
# Write 100 of each digit. Guidance sharpens what the label says, at some cost in variety.

asked = np.repeat(np.arange(10), 100)
X_new = model.sample(len(asked), condition=asked, guidance_scale=0.5)

# %%
# Can they be read? The reader has seen neither the model's training rows nor a new one.

reader = SVC(C=10).fit(X_reader, y_reader)
print(f"real strokes read as their label: {reader.score(X_test, y_test):.1%}")
print(f"new strokes read as the digit asked for: {reader.score(X_new, asked):.1%}")

# %%
# A row a digit: real strokes that the model has not seen on the left, the first new ones on the
# right, none picked out. The pen sets down at the dot and goes from dark to light; where it was
# lifted on the way, as for many a 4 and 5, a line joins the parts.

n_shown = 9
colors = plt.get_cmap("viridis")(np.linspace(0, 0.85, 7))
figure, axes = plt.subplots(1, 2, figsize=(10, 5.6), sharey=True)
sides = ((X_test, y_test, "real, held out"), (X_new, asked, "new, on request"))
for axis, (rows, digits, title) in zip(axes, sides, strict=True):
    for digit in range(10):
        for place, row in enumerate(rows[digits == digit][:n_shown]):
            path = row.reshape(8, 2) + [130 * place, -130 * digit]
            for color, part in zip(colors, pairwise(path), strict=True):
                axis.plot(*np.transpose(part), color=color, linewidth=2, solid_capstyle="round")
            axis.plot(*path[0], "o", color=colors[0], markersize=4)
    axis.set_title(title)
    axis.set_aspect("equal")
    axis.set_ylim(-1190, 120)
    axis.axis("off")
for digit in range(10):
    axes[0].text(-60, 50 - 130 * digit, digit, ha="right", va="center", fontsize=12)
figure.tight_layout()
plt.show()
