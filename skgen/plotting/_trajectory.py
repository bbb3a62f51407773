"""The paths of a bridge."""

import numpy as np

from ._drawing import check_columns, check_image_shape, show_images, take_axes, tile

MAX_PATHS = 100
MAX_CHAINS = 10
MAX_TIMES = 9


class TrajectoryDisplay:
    """Where rows pass on their way from the source of a bridge to the data.

    Rows of one column are drawn over time, others in the plane of two columns, and images as a
    chain a row from left to right.

    Parameters
    ----------
    times : ndarray of shape (n_times,)
        Times, rising.

    paths : ndarray of shape (n_times, n_rows, n_features)
        Rows at these times.

    feature_names : list of str, default=None
        Names of the columns, for the axes. None numbers them.

    Attributes
    ----------
    ax_ : Axes
        The axes of the last plot.

    figure_ : Figure
        The figure that they are in.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen.plotting import TrajectoryDisplay
    >>> times = np.linspace(0, 1, 21)
    >>> steps = np.random.default_rng(0).normal(size=(20, 8, 2))
    >>> paths = np.concatenate([np.zeros((1, 8, 2)), steps.cumsum(axis=0)])
    >>> display = TrajectoryDisplay.from_samples(times, paths)
    >>> display.ax_.get_xlabel()
    'column 0'
    """

    def __init__(self, *, times, paths, feature_names=None):
        self.times, self.paths, self.feature_names = times, paths, feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        Z,
        *,
        n_steps=20,
        times=None,
        stochastic=None,
        condition=None,
        columns=None,
        input_shape=None,
        cmap="gray",
        random_state=None,
        ax=None,
    ):
        """Carry rows of the source to the data and draw where they pass.

        Parameters
        ----------
        estimator : estimator
            A fitted bridge: an estimator with `trajectory`.

        Z : array-like of shape (n_rows, n_features)
            Rows of the source.

        n_steps : int, default=20
            Steps on the way.

        times : array-like of shape (n_times,), default=None
            Increasing times from [0, 1] to show. None shows those of the steps.

        stochastic : bool, default=None
            Whether to follow the stochastic process or the flow. None follows the process, and the
            flow of a model without noise, whose ``sigma`` is 0.

        condition : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
            The condition of each row, for a model that was fitted with one.

        columns : list of int or str, default=None
            The two columns to show, by number or name. None shows the first ones.

        input_shape : tuple of int, default=None
            Channels, height and width, to show rows as images. None takes that of the estimator, if
            it is one of images.

        cmap : str or Colormap, default="gray"
            Colours of images with one channel.

        random_state : int, RandomState instance or None, default=None
            Seed of the process.

        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : TrajectoryDisplay
            What was drawn.
        """
        if not hasattr(estimator, "trajectory"):
            raise TypeError(
                f"{type(estimator).__name__} has no method trajectory: give a bridge, such as "
                "SchrodingerBridgeMatcher."
            )
        own = getattr(estimator, "input_shape", None)
        if input_shape is None and own is not None and len(own) == 3:
            input_shape = own
        times, paths = estimator.trajectory(
            Z,
            n_steps=n_steps,
            times=times,
            stochastic=stochastic,
            condition=condition,
            random_state=random_state,
        )
        return cls.from_samples(
            times,
            paths,
            columns=columns,
            input_shape=input_shape,
            feature_names=getattr(estimator, "feature_names_in_", None),
            cmap=cmap,
            ax=ax,
        )

    @classmethod
    def from_samples(
        cls,
        times,
        paths,
        *,
        columns=None,
        input_shape=None,
        feature_names=None,
        cmap="gray",
        ax=None,
    ):
        """Draw where rows pass.

        Parameters
        ----------
        times : array-like of shape (n_times,)
            Times, rising.

        paths : array-like of shape (n_times, n_rows, n_features)
            Rows at these times, as `trajectory` of a bridge returns them.

        columns : list of int or str, default=None
            The two columns to show, by number or name. None shows the first ones.

        input_shape : tuple of int, default=None
            Channels, height and width, to show rows as images.

        feature_names : list of str, default=None
            Names of the columns, for the axes and for `columns`. None numbers them.

        cmap : str or Colormap, default="gray"
            Colours of images with one channel.

        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : TrajectoryDisplay
            What was drawn.
        """
        times, paths = np.asarray(times, dtype=np.float64), np.asarray(paths, dtype=np.float64)
        if paths.ndim != 3 or times.shape != paths.shape[:1]:
            raise ValueError(
                f"times has the shape {times.shape} and paths {paths.shape}: give (n_times,) and "
                "(n_times, n_rows, n_features), as trajectory returns them."
            )
        if feature_names is not None and len(feature_names) != paths.shape[2]:
            raise ValueError(
                f"feature_names has {len(feature_names)} names, and paths {paths.shape[2]} columns."
            )
        display = cls(times=times, paths=paths, feature_names=feature_names)
        return display.plot(columns=columns, input_shape=input_shape, cmap=cmap, ax=ax)

    def plot(self, ax=None, *, columns=None, input_shape=None, cmap="gray"):
        """Draw the paths.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a new figure.

        columns : list of int or str, default=None
            The two columns to show, by number or name. None shows the first ones.

        input_shape : tuple of int, default=None
            Channels, height and width, to show rows as images: each at nine times at most, on the
            span of the last ones.

        cmap : str or Colormap, default="gray"
            Colours of images with one channel.

        Returns
        -------
        self : TrajectoryDisplay
            The display, with the drawn artists as attributes. At most 100 paths are drawn, or 10
            chains of images: the first ones.
        """
        n_features = self.paths.shape[2]
        if input_shape is not None:
            shape = check_image_shape(input_shape, n_features)
            return self._plot_images(shape, cmap, ax)
        shown = self.paths[:, :MAX_PATHS]
        names = [f"column {c}" for c in range(n_features)]
        if self.feature_names is not None:
            names = list(self.feature_names)
        columns = check_columns(columns, names, 2)
        take_axes(self, ax)
        if len(columns) == 1:
            y = shown[:, :, columns[0]]
            self.ax_.plot(self.times, y, color="C7", lw=0.8, alpha=0.6)
            ends = [(np.full_like(y[k], self.times[k]), y[k]) for k in (0, -1)]
            self.ax_.set(xlabel="time", ylabel=names[columns[0]])
        else:
            x, y = np.moveaxis(shown[:, :, columns], 2, 0)
            self.ax_.plot(x, y, color="C7", lw=0.8, alpha=0.6)
            ends = [(x[k], y[k]) for k in (0, -1)]
            self.ax_.set(xlabel=names[columns[0]], ylabel=names[columns[1]])
        for (x, y), label, color in zip(ends, ("start", "end"), ("C0", "C1"), strict=True):
            self.ax_.scatter(x, y, s=14, color=color, label=label, zorder=3, linewidths=0)
        self.ax_.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
        return self

    def _plot_images(self, shape, cmap, ax):
        """Draw each row as a chain of images."""
        at = np.unique(np.linspace(0, len(self.times) - 1, MAX_TIMES).round().astype(int))
        chains = self.paths[at, :MAX_CHAINS].transpose(1, 0, 2)
        span = chains[:, -1].min(), chains[:, -1].max()
        sheet = tile(chains.reshape(-1, chains.shape[2]), shape, len(at), span)
        size = 6.5 * np.array([1, sheet.shape[0] / sheet.shape[1]]) + [0, 0.4]
        take_axes(self, ax, tuple(size))
        show_images(self.ax_, sheet, cmap)
        width = shape[2] + 1
        for number, time in enumerate(self.times[at]):
            self.ax_.text((number + 0.5) * width, -1, f"{time:.2f}", ha="center", va="bottom")
        return self
