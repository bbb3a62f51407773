"""Handwritten digits as paths of a pen: short sequences offline.

The file holds the set of the UCI repository: eight positions of the pen in the order of writing,
evenly spaced along its path, moved and scaled so that the smallest value of either coordinate is 0
and the longer side of the digit is 100.
"""

import numpy as np
from sklearn.utils import Bunch

from ._crops import packaged


def load_pen_digits(*, return_X_y=False):
    """Load handwritten digits as the positions of a pen, in the order of writing.

    Other than :func:`sklearn.datasets.load_digits`, whose rows are images, a row is a sequence:
    eight points along the path of the pen.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    digits : :class:`~sklearn.utils.Bunch`
        Dictionary-like, with the attributes

        data : ndarray of shape (10992, 16), float32
            Positions ``x_1, y_1, ..., x_8, y_8``, whole numbers from 0 to 100 with y upwards:
            ``data.reshape(-1, 8, 2)`` are paths. The longer side of each digit is 100.
        target : ndarray of shape (10992,), int64
            The digits, 0 to 9.
        feature_names : list of str
            Coordinate and place along the path of each entry.
        input_shape : tuple of two ints
            ``(8, 2)``, the length of a path and its coordinates, as the `input_shape` of
            estimators takes it.
        DESCR : str
            Description of the data set, with its source and licence.

    (data, target) : tuple of two ndarrays
        If `return_X_y` is True.

    Notes
    -----
    Source: E. Alpaydin, F. Alimoglu, "Pen-Based Recognition of Handwritten Digits", UCI Machine
    Learning Repository, https://doi.org/10.24432/C5MG6K, licensed CC BY 4.0. The published parts
    for training and testing are joined. 44 people wrote the digits, and the rows do not tell who:
    a random split has all of them on both sides.

    References
    ----------
    .. [1] F. Alimoglu, E. Alpaydin, "Methods of combining multiple classifiers based on different
       representations for pen-based handwriting recognition", TAINN 1996.

    Examples
    --------
    >>> from skgen.datasets import load_pen_digits
    >>> digits = load_pen_digits()
    >>> digits.data.shape
    (10992, 16)
    >>> digits.target[0], digits.data[0].reshape(digits.input_shape)[:2].tolist()
    (np.int64(8), [[47.0, 100.0], [27.0, 81.0]])
    """
    arrays = packaged("pen_digits.npz")
    points, target = arrays["points"], arrays["digits"].astype(np.int64)
    data = points.reshape(len(points), -1).astype(np.float32)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        feature_names=[f"{axis}_{place}" for place in range(1, 9) for axis in "xy"],
        input_shape=points.shape[1:],
        DESCR="Pen-based handwritten digits: 10992 digits by 44 writers, each as eight positions "
        "(x, y) of the pen in order, whole numbers from 0 to 100, with the digit as target. "
        "E. Alpaydin, F. Alimoglu, UCI repository, https://doi.org/10.24432/C5MG6K; licensed "
        "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/. The parts for training and "
        "testing are joined.",
    )
