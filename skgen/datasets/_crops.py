"""Files that come with the package, and square crops of images, in strips for each subset."""

from importlib.resources import files

import numpy as np


def packaged(name):
    """Return the arrays of a file that comes with the package, by name."""
    path = files("skgen.datasets") / "data" / name
    with path.open("rb") as file, np.load(file) as arrays:
        return dict(arrays)


def check_subset(subset, known):
    """Refuse a subset that is none of those known."""
    if subset not in known:
        names = ", ".join(map(repr, known[:-1]))
        raise ValueError(f"subset={subset!r} is unknown: give {names} or {known[-1]!r}.")


def draw_places(rng, height, of_subset, size, n_crops):
    """Draw where crops lie, uniformly among the columns of a subset.

    Parameters
    ----------
    rng : Generator
        Draws the places.

    height : int
        Rows of the image.

    of_subset : ndarray of bool of shape (width,)
        Which of its columns are of the subset.

    size, n_crops : int
        Height and width of a crop, and how many.

    Returns
    -------
    rows, columns : ndarray of shape (n_crops, size, 1) and (n_crops, 1, size)
        Numbers of the rows and columns of each crop.
    """
    windows = np.lib.stride_tricks.sliding_window_view(of_subset, size)
    top = rng.integers(height - size + 1, size=n_crops)
    left = rng.choice(np.flatnonzero(windows.all(axis=1)), size=n_crops)
    every = np.arange(size)
    return top[:, None, None] + every[:, None], left[:, None, None] + every
