"""Real rows beside generated ones."""

import numpy as np
from sklearn.utils import check_random_state

from ._drawing import check_columns, check_rows, panels

MAX_PANELS = 6
MAX_POINTS = 1000


def _thin(X, n_rows, random_state):
    """Return at most `n_rows` rows, drawn at random."""
    if len(X) <= n_rows:
        return X
    return X[check_random_state(random_state).permutation(len(X))[:n_rows]]


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

    def __init__(self, *, X_real, X_fake, names):
        self.X_real, self.X_fake, self.names = X_real, X_fake, names

    @classmethod
    def from_estimator(cls, estimator, X, *, columns=None, random_state=None, ax=None):
        """Draw as many rows from an estimator as X has, and compare.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with `sample`.

        X : array-like of shape (n_rows, n_features)
            Real rows, best not those of the training.

        columns : list of int, default=None
            Numbers of the columns to show, at most 6. None shows the first ones.

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
        X_real : array-like of shape (n_real, n_features)
            Real rows. A frame gives names to the columns.

        X_fake : array-like of shape (n_fake, n_features)
            Generated rows.

        columns : list of int, default=None
            Numbers of the columns to show, at most 6. None shows the first ones.

        random_state : int, RandomState instance or None, default=None
            Seed of the choice of points: a scatter shows at most 1,000 of each kind.

        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : SampleComparisonDisplay
            What was drawn.
        """
        framed = hasattr(X_real, "columns") and hasattr(X_fake, "columns")
        X_real, names = check_rows(X_real, "X_real")
        X_fake, names_fake = check_rows(X_fake, "X_fake")
        if X_real.shape[1] != X_fake.shape[1] or (framed and names != names_fake):
            raise ValueError(
                f"X_real has the {len(names)} columns {names} and X_fake the {len(names_fake)} "
                f"columns {names_fake}: give both the same columns in the same order."
            )
        display = cls(X_real=X_real, X_fake=X_fake, names=names)
        return display.plot(columns=columns, random_state=random_state, ax=ax)

    def plot(self, ax=None, *, columns=None, random_state=None):
        """Draw the comparison.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw: its place is divided among the panels. None makes a new figure.

        columns : list of int, default=None
            Numbers of the columns to show, at most 6. None shows the first ones.

        random_state : int, RandomState instance or None, default=None
            Seed of the choice of points: a scatter shows at most 1,000 of each kind.

        Returns
        -------
        self : SampleComparisonDisplay
            With what was drawn as its attributes.
        """
        columns = check_columns(columns, len(self.names), MAX_PANELS)
        n = len(columns)
        side = max(4.0, 1.9 * n)
        self.figure_, grid = panels(self, ax, n, n, (side + 0.5, side))
        self.axes_ = np.full((n, n), None)
        both = {"real": self.X_real, "generated": self.X_fake}
        points = {kind: _thin(X, MAX_POINTS, random_state) for kind, X in both.items()}
        for i, j in zip(*np.tril_indices(n), strict=True):
            shared = self.axes_[j, j] if i > j else None
            panel = self.figure_.add_subplot(grid[i, j], sharex=shared)
            self.axes_[i, j] = panel
            for kind, X in both.items():
                if i == j:
                    values = np.concatenate([X[:, columns[i]] for X in both.values()])
                    edges = np.histogram_bin_edges(values, bins=30)
                    panel.hist(
                        X[:, columns[i]], edges, density=True, histtype="step", label=kind, lw=1.5
                    )
                else:
                    x, y = points[kind][:, [columns[j], columns[i]]].T
                    panel.scatter(x, y, s=6, alpha=0.5, linewidths=0)
            if i == j:
                panel.set_yticks([])
            elif j > 0:
                panel.tick_params(labelleft=False)
            if i < n - 1:
                panel.tick_params(labelbottom=False)
            else:
                panel.set_xlabel(self.names[columns[j]])
            if j == 0 and i > 0:
                panel.set_ylabel(self.names[columns[i]])
        place = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.02)} if n > 1 else {}
        legend = self.axes_[0, 0].legend(frameon=False, **place)
        # it stands where no panel is, and is to push none away
        legend.set_in_layout(n == 1)
        self.figure_.align_ylabels(self.axes_[:, 0])
        return self
