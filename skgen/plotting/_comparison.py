"""Real rows beside generated ones."""

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from skgen.metrics._frames import (
    DATES,
    MEASURED,
    ZONED,
    common_column,
    matched_tables,
    mixed_frames,
)
from skgen.metrics._validation import subsample

from ._drawing import check_columns, check_rows, panels

MAX_PANELS = 6
MAX_POINTS = 1000
# The most categories that are named at an axis, and the most letters of a name.
MAX_TICKS, MAX_LETTERS = 8, 14
# Points of a category are moved at random by up to this, to both sides.
SPREAD = 0.3


def _present(values):
    return values[~np.isnan(values)]


def _edges(values, kind):
    """Return the edges of the bins of a histogram: one bin a category."""
    if isinstance(kind, list):
        return np.arange(len(kind) + 1) - 0.5
    return np.histogram_bin_edges(values, bins=30)


def _name_ticks(axis, kind):
    """Label an axis with the categories or dates of a column."""
    if kind == "dates":
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(minticks=2, maxticks=4)
        axis.set_major_locator(locator)
        axis.set_major_formatter(ConciseDateFormatter(locator))
    elif isinstance(kind, list):
        shown = kind[:MAX_TICKS]
        cut = [
            name if len(name) <= MAX_LETTERS else name[: MAX_LETTERS - 1] + "…" for name in shown
        ]
        axis.set_ticks(range(len(cut)), cut)
        if axis.axis_name == "x":
            axis.set_tick_params(rotation=45)


def _drawable(frames):
    """Return mixed frames as numbers to draw, and what the columns hold.

    Categories are numbered: in their order where they have one, otherwise by how often each comes
    in the first frame.
    """
    values = {name: np.empty(frame.shape) for name, frame in frames.items()}
    kinds = []
    for j, label in enumerate(next(iter(frames.values())).columns):
        columns = {name: frame.iloc[:, j] for name, frame in frames.items()}
        kind, columns = common_column(columns, label)
        if kind in MEASURED:
            kinds.append("dates" if kind in (DATES, ZONED) else None)
        else:
            own, *others = columns.values()
            entries = list(own.value_counts(sort=True).index)
            entries += [entry for column in others for entry in column.value_counts().index]
            if isinstance(own.dtype, pd.CategoricalDtype) and own.dtype.ordered:
                entries = list(own.dtype.categories)
            numbers = {entry: k for k, entry in enumerate(dict.fromkeys(entries))}
            columns = {name: column.map(numbers) for name, column in columns.items()}
            kinds.append([str(entry) for entry in numbers])
        for name, column in columns.items():
            values[name][:, j] = column.to_numpy(dtype=float, na_value=np.nan)
    return values, kinds


class SampleComparisonDisplay:
    """Real rows beside generated ones: histograms of columns, and a scatter of each pair.

    Parameters
    ----------
    X_real : ndarray of shape (n_real, n_features)
        Real rows.

    X_fake : ndarray of shape (n_fake, n_features)
        Generated rows.

    names : list of str of length n_features
        Names of the columns.

    kinds : list of length n_features, default=None
        What the numbers of each column stand for: None for themselves, ``"dates"`` for days since
        1970, or a list of the names of categories, which are numbered from 0. None is themselves
        in every column.

    Attributes
    ----------
    axes_ : ndarray of Axes of shape (n_columns, n_columns)
        Of the last plot: histograms on the diagonal, scatters below it, and None above.

    figure_ : Figure
        The figure that they are in.

    See Also
    --------
    skgen.metrics.sample_report : The same in figures and in words.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen.plotting import SampleComparisonDisplay
    >>> X_real, X_fake = np.random.default_rng(0).normal(size=(2, 200, 3))
    >>> display = SampleComparisonDisplay.from_samples(X_real, X_fake)
    >>> display.axes_.shape
    (3, 3)
    """

    def __init__(self, *, X_real, X_fake, names, kinds=None):
        self.X_real, self.X_fake, self.names, self.kinds = X_real, X_fake, names, kinds

    @classmethod
    def from_estimator(cls, estimator, X, *, columns=None, random_state=None, ax=None):
        """Draw as many rows from an estimator as X has, and compare.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with `sample`.

        X : array-like or frame of shape (n_rows, n_features)
            Real rows, best not those of the training.

        columns : list of int or str, default=None
            The columns to show, at most 6, by number or name. None shows the first ones.

        random_state : int, RandomState instance or None, default=None
            Seed of `sample`, and of the choice of points.

        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : SampleComparisonDisplay
            What was drawn.
        """
        X_fake = estimator.sample(len(X), random_state=random_state)
        return cls.from_samples(X, X_fake, columns=columns, random_state=random_state, ax=ax)

    @classmethod
    def from_samples(cls, X_real, X_fake, *, columns=None, random_state=None, ax=None):
        """Compare real rows with generated ones.

        Parameters
        ----------
        X_real : array-like or frame of shape (n_real, n_features)
            Real rows. A frame gives names to the columns, and may hold categories, text, dates and
            gaps, which are left out.

        X_fake : array-like or frame of shape (n_fake, n_features)
            Generated rows; the columns of two frames are matched by their names.

        columns : list of int or str, default=None
            The columns to show, at most 6, by number or name. None shows the first ones.

        random_state : int, RandomState instance or None, default=None
            Seed of the choice of points: a scatter shows at most 1,000 of each kind.

        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : SampleComparisonDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If the columns differ in names, types or number.
        """
        tables = matched_tables({"X_real": X_real, "X_fake": X_fake})
        frames = mixed_frames(tables)
        kinds = None
        if frames is None:
            X_real, names = check_rows(tables["X_real"], "X_real")
            X_fake, names_fake = check_rows(tables["X_fake"], "X_fake")
            if X_real.shape[1] != X_fake.shape[1]:
                raise ValueError(
                    f"X_real has the {len(names)} columns {names} and X_fake the "
                    f"{len(names_fake)} columns {names_fake}: give both the same columns."
                )
        else:
            values, kinds = _drawable(frames)
            X_real, X_fake = values["X_real"], values["X_fake"]
            names = [str(name) for name in frames["X_real"].columns]
        display = cls(X_real=X_real, X_fake=X_fake, names=names, kinds=kinds)
        return display.plot(columns=columns, random_state=random_state, ax=ax)

    def plot(self, ax=None, *, columns=None, random_state=None):
        """Draw the comparison.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw: its place is divided among the panels. None makes a new figure.

        columns : list of int or str, default=None
            The columns to show, at most 6, by number or name. None shows the first ones.

        random_state : int, RandomState instance or None, default=None
            Seed of the choice of points: a scatter shows at most 1,000 of each kind.

        Returns
        -------
        self : SampleComparisonDisplay
            The display, with the drawn artists as attributes.
        """
        columns = check_columns(columns, self.names, MAX_PANELS)
        n = len(columns)
        side = max(4.0, 1.9 * n)
        self.figure_, grid = panels(self, ax, n, n, (side + 0.5, side))
        self.axes_ = np.full((n, n), None)
        both = {"real": self.X_real, "generated": self.X_fake}
        points = {
            kind: subsample(X, MAX_POINTS, check_random_state(random_state)).copy()
            for kind, X in both.items()
        }
        kinds = [None if self.kinds is None else self.kinds[column] for column in columns]
        rng = check_random_state(random_state)
        for j, kind in enumerate(kinds):
            if isinstance(kind, list):
                # Points of one category would lie upon each other.
                for X in points.values():
                    X[:, columns[j]] += rng.uniform(-SPREAD, SPREAD, size=len(X))
        for i, j in zip(*np.tril_indices(n), strict=True):
            shared = self.axes_[j, j] if i > j else None
            panel = self.figure_.add_subplot(grid[i, j], sharex=shared)
            self.axes_[i, j] = panel
            for kind, X in both.items():
                if i == j:
                    values = [_present(X[:, columns[i]]) for X in both.values()]
                    edges = _edges(np.concatenate(values), kinds[i])
                    own = _present(X[:, columns[i]])
                    # Without an entry there is no density, but a line in the legend.
                    density = len(own) > 0
                    panel.hist(own, edges, density=density, histtype="step", label=kind, lw=1.5)
                else:
                    x, y = points[kind][:, [columns[j], columns[i]]].T
                    panel.scatter(x, y, s=6, alpha=0.5, linewidths=0)
            _name_ticks(panel.xaxis, kinds[j])
            if i == j:
                panel.set_yticks([])
            else:
                _name_ticks(panel.yaxis, kinds[i])
            if 0 < j < i:
                panel.tick_params(labelleft=False)
            if i < n - 1:
                panel.tick_params(labelbottom=False)
            else:
                panel.set_xlabel(self.names[columns[j]])
            if j == 0 and i > 0:
                panel.set_ylabel(self.names[columns[i]])
        place = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.02)} if n > 1 else {}
        legend = self.axes_[0, 0].legend(frameon=False, **place)
        # it is where no panel is, and must not move any
        legend.set_in_layout(n == 1)
        self.figure_.align_ylabels(self.axes_[:, 0])
        return self
