"""What the displays share: axes, panels, checks, and sheets of images."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array


def pyplot(display):
    """Return matplotlib's pyplot, or raise an error that says how to install it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__} draws with matplotlib, which is not installed: "
            "pip install 'scikit-gen[plot]'."
        ) from error
    return plt


def take_axes(display, ax, size=None):
    """Give a display the axes to draw in, new ones for None, and their figure."""
    plt = pyplot(display)
    display.ax_ = plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax
    display.figure_ = display.ax_.figure


def panels(display, ax, n_rows, n_columns, size, **ratios):
    """Divide the place of the axes given, or a new figure, into panels."""
    if ax is None:
        figure = pyplot(display).figure(figsize=size, layout="constrained")
        grid = figure.add_gridspec(n_rows, n_columns, **ratios)
    else:
        figure = ax.figure
        grid = ax.get_subplotspec()
        if grid is None:
            raise ValueError(
                "ax was placed by hand and cannot be divided into panels: give axes from "
                "plt.subplots, or none."
            )
        ax.set_axis_off()
        grid = grid.subgridspec(n_rows, n_columns, **ratios)
    return figure, grid


def check_rows(X, name):
    """Return a numeric table and the names of its columns."""
    names = getattr(X, "columns", None)
    X = check_array(X, dtype=np.float64, input_name=name)
    names = [f"column {i}" for i in range(X.shape[1])] if names is None else list(names)
    return X, names


def check_columns(columns, names, at_most):
    """Return the numbers of the columns to show, which are given by number or by name."""
    if columns is None:
        return list(range(min(len(names), at_most)))
    # A name is no list of its letters, and a mask of columns no list of the numbers 0 and 1.
    columns = [columns] if isinstance(columns, str) else list(columns)
    found = [names.index(c) if isinstance(c, str) and c in names else c for c in columns]
    numbers = [c for c in found if isinstance(c, Integral) and not isinstance(c, bool)]
    fit = len(numbers) == len(found) and all(0 <= c < len(names) for c in numbers)
    if not fit or not 1 <= len(found) <= at_most:
        raise ValueError(
            f"columns={columns}: give at most {at_most} columns, each by its number, from 0 "
            f"to {len(names) - 1}, or by its name, one of {names}."
        )
    return found


def check_image_shape(input_shape, n_features):
    """Return (channels, height, width), of which a row is a flattened image."""
    shape = () if input_shape is None else tuple(input_shape)
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ValueError(
            f"input_shape={input_shape}: give (channels, height, width), with 1 channel or 3, to "
            "show rows as images."
        )
    if np.prod(shape) != n_features:
        raise ValueError(
            f"input_shape={shape} means {np.prod(shape)} columns, and the rows have {n_features}."
        )
    return shape


def tile(rows, shape, n_columns, span):
    """Lay flattened images out in rows of `n_columns`, a pixel apart, with values from 0 to 1."""
    channels, height, width = shape
    low, high = span
    images = np.clip((rows - low) / ((high - low) or 1.0), 0, 1).reshape(-1, *shape)
    n_rows = -(-len(images) // n_columns)
    # the gaps, and the places that are left over, are not drawn
    sheet = np.full((n_rows * n_columns, channels, height + 1, width + 1), np.nan)
    sheet[: len(images), :, :-1, :-1] = images
    sheet = sheet.reshape(n_rows, n_columns, channels, height + 1, width + 1)
    sheet = sheet.transpose(0, 3, 1, 4, 2).reshape(
        n_rows * (height + 1), n_columns * (width + 1), channels
    )
    return sheet[:-1, :-1]


def show_images(ax, sheet, cmap):
    """Draw a sheet of images, its gaps left clear."""
    if sheet.shape[2] == 1:
        ax.imshow(np.ma.masked_invalid(sheet[:, :, 0]), cmap=cmap, vmin=0, vmax=1)
    else:
        clear = np.isnan(sheet).any(axis=2, keepdims=True)
        ax.imshow(np.where(clear, 0, np.concatenate([sheet, np.where(clear, 0, 1)], axis=2)))
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color("0.8")
