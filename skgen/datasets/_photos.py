"""Small colour images that need no download: crops of scikit-learn's two sample photographs.

The photographs are cut into strips of `STRIP` columns. Strips in `TEST_STRIPS` are for testing, the
others for training, and no crop crosses from one kind into the other, so that the two subsets share
no pixel while both show all parts of the scenes.
"""

from numbers import Integral

import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.utils import Bunch, check_scalar

from ._crops import check_subset, draw_places

STRIP = 80
TEST_STRIPS = (2, 6)


def load_photo_crops(n_crops=1000, size=32, *, subset="train", random_state=0):
    """Load square colour crops of the photographs of :func:`sklearn.datasets.load_sample_images`.

    Each crop is taken from one of the two photographs with equal chance, at a place drawn uniformly
    from those of its subset. Training and test crops share no pixel.

    Parameters
    ----------
    n_crops : int, default=1000
        Number of crops.

    size : int, default=32
        Height and width of a crop in pixels, from 1 to 80.

    subset : {"train", "test"}, default="train"
        Which part of the photographs to take crops from.

    random_state : int, RandomState instance, Generator or None, default=0
        Draws photographs and places. An int makes the result reproducible.

    Returns
    -------
    crops : :class:`~sklearn.utils.Bunch`
        Dictionary-like, with the attributes

        data : ndarray of shape (n_crops, 3 * size * size), float32
            Flattened crops, channel first: ``data.reshape(-1, 3, size, size)`` are images, with
            intensities from 0 to 1.
        target : ndarray of shape (n_crops,)
            Which photograph each crop is from.
        feature_names : list of str
            Channel, row and column of each entry.
        target_names : list of str
            Names of the photographs.
        DESCR : str
            Description of the data set.

    Raises
    ------
    ValueError
        If `n_crops`, `size` or `subset` is none of the allowed values.
    ImportError
        If Pillow, which reads the photographs, is not installed.

    Examples
    --------
    >>> from skgen.datasets import load_photo_crops
    >>> crops = load_photo_crops(n_crops=100)
    >>> crops.data.shape
    (100, 3072)
    >>> crops.target_names
    ['china', 'flower']
    """
    check_scalar(n_crops, "n_crops", Integral, min_val=1)
    check_scalar(size, "size", Integral, min_val=1, max_val=STRIP)
    check_subset(subset, ("train", "test"))
    try:
        photos = np.stack(load_sample_images().images)
    except ImportError as error:
        raise ImportError(
            "load_photo_crops needs Pillow to read the photographs: "
            "install it with `pip install scikit-gen[plot]`."
        ) from error

    _, height, width, _ = photos.shape
    of_subset = np.isin(np.arange(width) // STRIP, TEST_STRIPS) == (subset == "test")
    rng = np.random.default_rng(random_state)
    photo = rng.integers(len(photos), size=n_crops)
    rows, columns = draw_places(rng, height, of_subset, size, n_crops)
    images = photos[photo[:, None, None], rows, columns]
    return Bunch(
        data=images.transpose(0, 3, 1, 2).reshape(n_crops, -1).astype(np.float32) / 255,
        target=photo,
        feature_names=[
            f"{channel}_{row}_{column}"
            for channel in ("red", "green", "blue")
            for row in range(size)
            for column in range(size)
        ],
        target_names=["china", "flower"],
        DESCR=f"{subset.capitalize()} crops of scikit-learn's sample photographs: "
        f"{n_crops} images of 3 x {size} x {size}, channel first, intensities from 0 to 1.",
    )
