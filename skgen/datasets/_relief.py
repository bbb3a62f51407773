"""Relief of the Earth on two grids: unpaired super-resolution offline.

The file holds ETOPO's relief between 60 degrees south and north on a grid of 20 minutes of arc,
and on one of 120. The globe is cut into strips of `STRIP` columns of the fine grid, dealt in turn
to the three subsets, so that no crop of one shares a place with a crop of another.
"""

from numbers import Integral

import numpy as np
from scipy.interpolate import RectBivariateSpline
from sklearn.utils import Bunch, check_scalar

from ._crops import check_subset, draw_places, packaged

STRIP = 72
SUBSETS = ("fine", "coarse", "test")


def load_relief(n_crops=1000, size=32, *, subset="test", random_state=0):
    """Load square crops of the Earth's relief, as it is and as a six times coarser grid shows it.

    The coarse relief is known every 120 minutes of arc, and resampled bicubically on the fine
    grid's 20. The three subsets come from disjoint strips of the globe: learn the fine relief on
    ``subset="fine"`` and start from the coarse relief of ``subset="coarse"``, which shows other
    places, and judge on ``subset="test"``.

    Parameters
    ----------
    n_crops : int, default=1000
        Number of crops, at places drawn uniformly.

    size : int, default=32
        Height and width of a crop in pixels, from 1 to 72.

    subset : {"fine", "coarse", "test"}, default="test"
        Which strips of the globe to take crops from.

    random_state : int, RandomState instance, Generator or None, default=0
        Draws the places. An int makes the result reproducible.

    Returns
    -------
    crops : :class:`~sklearn.utils.Bunch`
        Dictionary-like, with the attributes

        data : ndarray of shape (n_crops, size * size), float32
            Height above the sea in metres on the fine grid, flattened row by row from the south.
        coarse : ndarray of shape (n_crops, size * size), float32
            The same places as the coarse grid shows them.
        latitude, longitude : ndarray of shape (n_crops,)
            South-west corner of each crop, in degrees.
        DESCR : str
            Description of the data set.

    Raises
    ------
    ValueError
        If `n_crops`, `size` or `subset` is none of the allowed values.

    Notes
    -----
    Source: NOAA's ETOPO global relief model, in the public domain.

    Examples
    --------
    >>> from skgen.datasets import load_relief
    >>> crops = load_relief(n_crops=10)
    >>> crops.data.shape, crops.coarse.shape
    ((10, 1024), (10, 1024))
    """
    check_scalar(n_crops, "n_crops", Integral, min_val=1)
    check_scalar(size, "size", Integral, min_val=1, max_val=STRIP)
    check_subset(subset, SUBSETS)
    grid = packaged("relief.npz")
    fine = grid["fine"].astype(np.float32)
    latitude, longitude = grid["fine_latitude"], grid["fine_longitude"]
    spline = RectBivariateSpline(
        grid["coarse_latitude"], grid["coarse_longitude"], grid["coarse"].astype(float)
    )
    coarse = spline(latitude, longitude).astype(np.float32)

    strip = np.arange(fine.shape[1]) // STRIP % len(SUBSETS)
    rng, of_subset = np.random.default_rng(random_state), strip == SUBSETS.index(subset)
    places = draw_places(rng, len(fine), of_subset, size, n_crops)
    top, left = places[0][:, 0, 0], places[1][:, 0, 0]
    return Bunch(
        data=fine[places].reshape(n_crops, -1),
        coarse=coarse[places].reshape(n_crops, -1),
        latitude=latitude[top],
        longitude=longitude[left],
        DESCR=f"{n_crops} crops of {size} x {size} of the Earth's relief in metres, subset "
        f"{subset!r}: the 20-minute grid, and the 120-minute grid resampled on it.",
    )
