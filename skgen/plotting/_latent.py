"""Codes and latent rows."""

from numbers import Integral

import numpy as np
from scipy.special import entr
from sklearn.decomposition import PCA
from sklearn.utils import check_consistent_length, check_scalar

from skgen.threads import one_thread

from ._drawing import check_rows, pyplot, take_axes

MAX_CLASSES = 20


class CodeUsageDisplay:
    """How a code is used: how often each bit is one, or how often each code of a codebook occurs.

    Parameters
    ----------
    usage : ndarray of shape (n_bits,) or (n_codes,)
        Share of rows in which a bit is one, or of entries that are a word.

    is_codebook : bool
        Whether `usage` is of the words of a codebook.

    Attributes
    ----------
    ax_ : Axes
        The axes of the last plot.

    figure_ : Figure
        The figure that they are in.

    Examples
    --------
    Of four bits, one is never set.

    >>> import numpy as np
    >>> from skgen.plotting import CodeUsageDisplay
    >>> Z = np.random.default_rng(0).integers(2, size=(1000, 4)) * [1, 1, 0, 1]
    >>> CodeUsageDisplay.from_samples(Z).ax_.get_title()
    '3.0 bits of 4 in use'
    """

    def __init__(self, *, usage, is_codebook):
        self.usage, self.is_codebook = usage, is_codebook

    @classmethod
    def from_estimator(cls, estimator, X, *, n_codes=None, ax=None):
        """Draw the usage of the codes of rows.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator whose `transform` returns bits, or numbers of words.

        X : array-like of shape (n_rows, n_features)
            Rows.

        n_codes : int, default=None
            Words of the codebook, where codes are numbers from 0. None takes codes for bits.

        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : CodeUsageDisplay
            What was drawn.
        """
        return cls.from_samples(estimator.transform(X), n_codes=n_codes, ax=ax)

    @classmethod
    def from_samples(cls, Z, *, n_codes=None, ax=None):
        """Draw the usage of codes.

        Parameters
        ----------
        Z : array-like of shape (n_rows, n_latent)
            Codes: bits, or numbers of words.

        n_codes : int, default=None
            Words of the codebook, where codes are numbers from 0. None takes codes for bits.

        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : CodeUsageDisplay
            What was drawn.
        """
        Z, _ = check_rows(Z, "Z")
        if n_codes is None:
            wrong, allowed = (Z != 0) & (Z != 1), "bits, or give n_codes, the size of the codebook"
        else:
            check_scalar(n_codes, "n_codes", Integral, min_val=2)
            wrong = ~np.isin(Z, np.arange(n_codes))
            allowed = f"whole numbers from 0 to {n_codes - 1}"
        if wrong.any():
            raise ValueError(f"Z has the entry {Z[wrong][0]:g}: give {allowed}.")
        if n_codes is None:
            return cls(usage=Z.mean(axis=0), is_codebook=False).plot(ax=ax)
        usage = np.bincount(Z.astype(int).ravel(), minlength=n_codes) / Z.size
        return cls(usage=usage, is_codebook=True).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the usage.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        self : CodeUsageDisplay
            The display, with the drawn artists as attributes. The title sums it up: the entropy of
            the bits, each by itself, in bits; or the perplexity of the words, the number of equally
            frequent ones that would be as hard to guess.
        """
        take_axes(self, ax, (6.4, 3.4))
        usage, n = self.usage, len(self.usage)
        if self.is_codebook:
            self.ax_.bar(np.arange(1, n + 1), np.sort(usage)[::-1], width=1.0, color="C0")
            self.ax_.axhline(1 / n, color="C7", ls="--", lw=1, label="all alike")
            n_used, perplexity = np.count_nonzero(usage), np.exp(entr(usage).sum())
            self.ax_.set(
                title=f"{n_used} words of {n} in use, perplexity {perplexity:.1f}",
                xlabel="words, the most frequent first",
                ylabel="share of entries",
            )
        else:
            self.ax_.bar(np.arange(n), usage, width=0.9, color="C0")
            self.ax_.axhline(0.5, color="C7", ls="--", lw=1, label="one in half of the rows")
            entropy = np.sum(entr(usage) + entr(1 - usage)) / np.log(2)
            self.ax_.set(
                title=f"{entropy:.1f} bits of {n} in use",
                xlabel="bit",
                ylabel="share of ones",
                ylim=(0, 1),
            )
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        self.ax_.margins(x=0.01)
        self.ax_.legend(frameon=False)
        return self


class LatentMapDisplay:
    """Latent rows in the plane of their first two principal components, coloured by a label.

    Parameters
    ----------
    positions : ndarray of shape (n_rows, 2)
        Principal components of the rows.

    shares : ndarray of shape (2,)
        Share of the variance that each explains.

    labels : ndarray of shape (n_rows,) or None
        A class or a number for each row.

    Attributes
    ----------
    ax_ : Axes
        The axes of the last plot.

    figure_ : Figure
        The figure that they are in.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgen.plotting import LatentMapDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> LatentMapDisplay.from_samples(X, y).ax_.get_xlabel()
    'first component (92% of the variance)'
    """

    def __init__(self, *, positions, shares, labels=None):
        self.positions, self.shares, self.labels = positions, shares, labels

    @classmethod
    def from_estimator(cls, estimator, X, labels=None, *, ax=None):
        """Draw a map of the latent rows of X.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with `transform`.

        X : array-like of shape (n_rows, n_features)
            Rows.

        labels : array-like of shape (n_rows,), default=None
            A class or a number for each row.

        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : LatentMapDisplay
            What was drawn.
        """
        return cls.from_samples(estimator.transform(X), labels, ax=ax)

    @classmethod
    def from_samples(cls, Z, labels=None, *, ax=None):
        """Draw a map of latent rows.

        Parameters
        ----------
        Z : array-like of shape (n_rows, n_latent)
            Latent rows, of at least 2 columns.

        labels : array-like of shape (n_rows,), default=None
            A class or a number for each row.

        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : LatentMapDisplay
            What was drawn.
        """
        Z, _ = check_rows(Z, "Z")
        if min(Z.shape) < 2:
            raise ValueError(f"Z has the shape {Z.shape}: give at least 2 rows of 2 columns.")
        if labels is not None:
            check_consistent_length(Z, labels)
            labels = np.asarray(labels)
        pca = PCA(2, svd_solver="full")
        with one_thread():
            positions = pca.fit(Z).transform(Z)
        shares = pca.explained_variance_ratio_
        return cls(positions=positions, shares=shares, labels=labels).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the map.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        self : LatentMapDisplay
            The display, with the drawn artists as attributes. Up to 20 different labels are
            classes, with a legend; more, if they are numbers, are a scale.
        """
        take_axes(self, ax)
        x, y = self.positions.T
        options = {"s": 10, "linewidths": 0, "alpha": 0.8}
        classes = [] if self.labels is None else np.unique(self.labels)
        if self.labels is None:
            self.ax_.scatter(x, y, **options)
        elif len(classes) <= MAX_CLASSES:
            colors = pyplot(self).get_cmap("tab10" if len(classes) <= 10 else "tab20").colors
            for label, color in zip(classes, colors, strict=False):
                mine = self.labels == label
                self.ax_.scatter(x[mine], y[mine], color=color, label=str(label), **options)
            self.ax_.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1), markerscale=2)
        elif self.labels.dtype.kind in "iuf":
            drawn = self.ax_.scatter(x, y, c=self.labels, cmap="viridis", **options)
            self.figure_.colorbar(drawn, ax=self.ax_, label="label")
        else:
            raise ValueError(
                f"labels has {len(classes)} classes, too many for a legend: give at most "
                f"{MAX_CLASSES}, or numbers."
            )
        for axis, name, share in zip("xy", ("first", "second"), self.shares, strict=True):
            label = f"{name} component ({share:.0%} of the variance)"
            self.ax_.set(**{f"{axis}label": label})
        return self
