"""
Places on the globe
===================

Volcanoes lie on arcs, and one arc crosses the date line. :class:`~skgen.FlowMatcher` with
``geometry="sphere"`` takes latitude and longitude in degrees, and knows that the map has no edge.
"""

import matplotlib.pyplot as plt
import numpy as np

from skgen import FlowMatcher

# %%
# Three arcs of circles around a place each, about as the volcanoes of the Aleutians, of Tonga and
# of the Andes lie, with some scatter.


def arc(n, centre, radius, bearings, scatter, rng):
    """Return places at a distance from a centre, between two bearings, all in degrees."""
    distance = np.deg2rad(radius + scatter * rng.normal(size=n))
    bearing = np.deg2rad(rng.uniform(*bearings, size=n))
    latitude, longitude = np.deg2rad(centre)
    there = np.arcsin(
        np.sin(latitude) * np.cos(distance) + np.cos(latitude) * np.sin(distance) * np.cos(bearing)
    )
    east = np.arctan2(
        np.sin(bearing) * np.sin(distance) * np.cos(latitude),
        np.cos(distance) - np.sin(latitude) * np.sin(there),
    )
    degrees = np.rad2deg([there, longitude + east])
    return np.column_stack([degrees[0], (degrees[1] + 180) % 360 - 180])


def volcanoes(n, rng):
    """Return places on the three arcs."""
    return np.concatenate(
        [
            arc(n, (72, -178), 20, (130, 230), 0.6, rng),
            arc(n, (-18, 160), 24, (75, 130), 0.6, rng),
            arc(n, (-20, -88), 18, (30, 150), 0.9, rng),
        ]
    )


X = volcanoes(200, np.random.default_rng(0))
model = FlowMatcher(geometry="sphere", max_steps=300, random_state=0).fit(X)
drawn = model.sample(600)

# %%
# The density is one per steradian. Fresh places from the same arcs have about the score that the
# model gives to its own draws.

fresh = volcanoes(100, np.random.default_rng(1))
print(f"fresh places {model.score(fresh):.2f}, drawn ones {model.score(drawn):.2f} nats per row")

# %%
# Across the date line nothing is cut.

longitude, latitude = np.meshgrid(np.arange(-179, 180, 3.0), np.arange(-88.5, 89, 3.0))
places = np.column_stack([latitude.ravel(), longitude.ravel()])
density = model.score_samples(places).reshape(latitude.shape)

figure, axes = plt.subplots(1, 2, figsize=(11, 3.4), sharey=True, layout="constrained")
for axis, rows, title in zip(axes, (X, drawn), ("to learn from", "drawn"), strict=True):
    axis.contourf(longitude, latitude, np.maximum(density, -6), levels=12, cmap="Blues")
    axis.scatter(rows[:, 1], rows[:, 0], s=3, color="#d95f02")
    axis.set(title=f"places {title}", xlabel="longitude", xlim=(-180, 180), ylim=(-80, 85))
axes[0].set_ylabel("latitude")
figure.suptitle("Blue: the logarithm of the density per steradian")
plt.show()
