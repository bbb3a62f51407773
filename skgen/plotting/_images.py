"""Rows that are images."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from ._drawing import check_image_shape, check_rows, panels, show_images, tile


class ImageGridDisplay:
    """Rows as images, in a sheet a kind: real ones beside their reconstructions and new ones.

    Parameters
    ----------
    sheets : dict of str to ndarray of shape (n_images, n_features)
        Flattened images by the title they are to have. The values of the first sheet span from
        black to white, and others are clipped to it.

    input_shape : tuple of int
        Channels, height and width of an image; 1 channel or 3.

    Attributes
    ----------
    axes_ : list of Axes
        One a sheet, of the last plot.

    figure_ : Figure
        The figure that they are in.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skgen.plotting import ImageGridDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> display = ImageGridDisplay.from_samples({"real": X[:20]}, input_shape=(1, 8, 8))
    >>> display.axes_[0].get_title()
    'real'
    """

    def __init__(self, *, sheets, input_shape):
        self.sheets, self.input_shape = sheets, input_shape

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        n_images=25,
        input_shape=None,
        n_columns=None,
        cmap="gray",
        random_state=None,
        ax=None,
    ):
        """Draw real images beside their reconstructions and as many new ones.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with `sample`. Reconstructions need `transform` and
            `inverse_transform`, and are left out without.

        X : array-like of shape (n_rows, n_features)
            Real rows, best not those of the training; the first ones are shown.

        n_images : int, default=25
            Images of each kind.

        input_shape : tuple of int, default=None
            Channels, height and width of an image. None takes that of the estimator.

        n_columns : int, default=None
            Images side by side. None makes sheets near to a square.

        cmap : str or Colormap, default="gray"
            Colours of images with one channel.

        random_state : int, RandomState instance or None, default=None
            Seed of `sample`.

        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : ImageGridDisplay
            What was drawn.
        """
        check_scalar(n_images, "n_images", Integral, min_val=1)
        if input_shape is None:
            input_shape = getattr(estimator, "input_shape", None)
        sheets = {"real": X[:n_images]}
        if hasattr(estimator, "transform") and hasattr(estimator, "inverse_transform"):
            sheets["reconstructed"] = estimator.inverse_transform(estimator.transform(X[:n_images]))
        sheets["new"] = estimator.sample(n_images, random_state=random_state)
        return cls.from_samples(
            sheets, input_shape=input_shape, n_columns=n_columns, cmap=cmap, ax=ax
        )

    @classmethod
    def from_samples(cls, sheets, *, input_shape, n_columns=None, cmap="gray", ax=None):
        """Draw images.

        Parameters
        ----------
        sheets : dict of str to array-like of shape (n_images, n_features)
            Flattened images by the title they are to have. The values of the first sheet span from
            black to white, and others are clipped to it.

        input_shape : tuple of int
            Channels, height and width of an image; 1 channel or 3.

        n_columns : int, default=None
            Images side by side. None makes sheets near to a square.

        cmap : str or Colormap, default="gray"
            Colours of images with one channel.

        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : ImageGridDisplay
            What was drawn.
        """
        if not isinstance(sheets, dict) or not sheets:
            raise TypeError('sheets must be a dict of titles and rows, such as {"new": X_new}.')
        sheets = {title: check_rows(X, title)[0] for title, X in sheets.items()}
        for X in sheets.values():
            input_shape = check_image_shape(input_shape, X.shape[1])
        return cls(sheets=sheets, input_shape=input_shape).plot(
            n_columns=n_columns, cmap=cmap, ax=ax
        )

    def plot(self, ax=None, *, n_columns=None, cmap="gray"):
        """Draw the sheets side by side.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw: its place is divided among the sheets. None makes a new figure.

        n_columns : int, default=None
            Images side by side in a sheet. None makes sheets near to a square.

        cmap : str or Colormap, default="gray"
            Colours of images with one channel.

        Returns
        -------
        self : ImageGridDisplay
            The display, with the drawn artists as attributes.
        """
        if n_columns is not None:
            check_scalar(n_columns, "n_columns", Integral, min_val=1)
        _, height, width = self.input_shape
        first = next(iter(self.sheets.values()))
        span = first.min(), first.max()
        tiled = []
        for X in self.sheets.values():
            fitting = max(1, round(np.sqrt(len(X) * height / width)))
            tiled.append(tile(X, self.input_shape, n_columns or fitting, span))
        widths = [sheet.shape[1] / sheet.shape[0] for sheet in tiled]
        self.figure_, grid = panels(
            self,
            ax,
            1,
            len(tiled),
            (3.2 * sum(widths) + 0.2, 3.5),
            width_ratios=widths,
            wspace=0.06,
        )
        self.axes_ = []
        for number, (title, sheet) in enumerate(zip(self.sheets, tiled, strict=True)):
            panel = self.figure_.add_subplot(grid[number])
            show_images(panel, sheet, cmap)
            panel.set_title(title)
            self.axes_.append(panel)
        return self
