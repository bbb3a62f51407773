"""
Codes out of noise: the bridge at work
======================================

Chains of five points of the plane, each near one of eight places on a circle and next door to the
last: data whose distribution lies in the codes. ``VQDiffusionBridge`` finds the eight places as
codes, and learns which may follow which, at once.

The picture follows three new chains back along the bridge, in the plane of the latents: five tokens
start as noise, wander towards the codebook (crosses), and settle on neighbours. Whatever the
rotation of the codebook's circle, the order around it is that of the data.
"""

# %%
# Data with a distribution of neighbours
# --------------------------------------

import matplotlib.pyplot as plt
import numpy as np

from skgen import VQDiffusionBridge


def chains(n, seed):
    """Draw chains of five points, (n, 10): places on the circle, steps of one, a little noise."""
    rng = np.random.default_rng(seed)
    place = rng.integers(8, size=(n, 1)) + np.cumsum(rng.choice([-1, 1], (n, 5)), axis=1)
    angle = 2 * np.pi * place / 8
    points = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return (points + 0.05 * rng.standard_normal(points.shape)).reshape(n, 10)


# Small networks bear a high learning rate, and large batches tell a distribution of so few codes
# sooner.
X = chains(4000, seed=0)
model = VQDiffusionBridge(
    n_embeddings=8,
    embedding_dim=2,
    input_shape=(5, 2),
    hidden_units=32,
    max_steps=700,
    batch_size=1024,
    lr=1e-2,
    random_state=0,
).fit(X)
print(f"perplexity of the codes: {model.perplexity_:.2f} of 8")

# %%
# Are new steps allowed ones?
# ---------------------------
#
# A step is right where it leads to a neighbour on the circle; by chance a quarter would.


def valid_steps(X):
    """Return the share of steps that lead to a neighbouring place."""
    points = X.reshape(len(X), 5, 2)
    place = np.round(np.arctan2(points[..., 1], points[..., 0]) / (2 * np.pi / 8)).astype(int)
    return np.isin(np.diff(place, axis=1) % 8, [1, 7]).mean()


X_new = model.sample(500)
print(f"right steps: real {valid_steps(X):.1%}, new {valid_steps(X_new):.1%}")

# %%
# The way back from noise
# -----------------------

times, paths = model.trajectory(3, random_state=1)
shown = np.linspace(0, len(times) - 1, 6).round().astype(int)
fig, axes = plt.subplots(3, 6, figsize=(11, 5.6), sharex=True, sharey=True)
for row, chain in zip(axes, np.moveaxis(paths, 1, 0), strict=True):
    for ax, at in zip(row, shown, strict=True):
        ax.scatter(*model.codebook_.T, marker="x", color="0.6", s=30)
        ax.plot(*chain[at].T, color="0.8", lw=1, zorder=0)
        ax.scatter(*chain[at].T, c=np.arange(5), cmap="viridis", s=30)
        ax.set(aspect="equal", xticks=[], yticks=[])
for ax, at in zip(axes[0], shown, strict=True):
    ax.set_title(f"time {times[at]:.3f}", fontsize=9)
fig.suptitle("Three chains of five tokens, from noise to codes (dark: first token)")
fig.tight_layout()
plt.show()
