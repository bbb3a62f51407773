"""Columns as coordinates on manifolds: there and back, what is wrong with them, their names."""

import math

import numpy as np
import pytest
import torch

from skgen.data.charts import Charts, parts_of

NAMES = ["hour", "lat", "depth", "lon"]
PRODUCT = [("sphere", ["lat", "lon"]), ("circle", ["hour"], 24)]


def earth(n=20, seed=0):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(-90, 90, n), rng.uniform(-180, 180, n)])


def test_parts_of_a_product_are_told_by_names_or_numbers():
    parts = parts_of(PRODUCT, 4, NAMES)
    assert parts == [("sphere", (1, 3), 360.0), ("circle", (0,), 24.0), ("line", (2,), 0.0)]
    assert parts_of([("sphere", [1, -1]), ("circle", [0], 24)], 4, None) == parts
    assert parts_of("torus", 2, None) == [("circle", (0,), 360.0), ("circle", (1,), 360.0)]


def test_there_and_back():
    sphere, rng = earth(), np.random.default_rng(1)
    X = np.column_stack(
        [rng.uniform(0, 24, 20), sphere[:, 0], rng.exponential(9, 20), sphere[:, 1]]
    )
    charts = Charts(parts_of(PRODUCT, 4, NAMES)).fit(X)
    x, log_slope = charts.forward(torch.from_numpy(X))
    assert x.shape == (20, 5)
    np.testing.assert_allclose(x[:, :3].norm(dim=1), 1)
    np.testing.assert_allclose(charts.inverse(x).numpy(), X, atol=1e-9)
    # Only the plain column has a scale.
    np.testing.assert_allclose(log_slope, -math.log(X[:, 2].std()))


@pytest.mark.parametrize(("low", "high"), [(-180, 180), (0, 360)])
def test_angles_come_back_in_the_range_that_they_had(low, high):
    rng = np.random.default_rng(0)
    X = rng.uniform(low, high, (200, 2))
    charts = Charts(parts_of("torus", 2, None)).fit(X)
    found = charts.inverse(charts.forward(torch.from_numpy(X + 720))[0]).numpy()
    np.testing.assert_allclose(found, X, atol=1e-9)


def test_what_is_no_latitude_is_named():
    X = earth()
    X[3, 0] = 95
    charts = Charts(parts_of("sphere", 2, None), ["lat", "lon"])
    with pytest.raises(
        ValueError, match=r"95 in row 3 of column 'lat', which is no lat.*exchanged"
    ):
        charts.fit(X).forward(torch.from_numpy(X))


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        ("sphere", "takes two columns.*X has 4"),
        ([("sphere", ["lat", "east"])], "names the column 'east'"),
        ([("sphere", ["lat"])], "two columns, latitude and longitude"),
        ([("circle", ["hour"], 0)], "period of a circle must be a number above 0"),
        ([("circle", ["hour"], 24), ("circle", [0])], "column 'hour' twice"),
        ([("ball", ["hour"])], "geometry must be .*got the entry"),
        ([("circle", "hour")], "got the entry"),
    ],
)
def test_a_geometry_that_cannot_be_is_named(geometry, message):
    with pytest.raises(ValueError, match=message):
        parts_of(geometry, 4, NAMES)
