r"""Distributions with a known density, as references for scores and samples.

- correlated normal distribution: :math:`\log p(x) = -\frac12 \left( (x - \mu)^\top \Sigma^{-1} (x -
  \mu) + \log\det 2 \pi \Sigma \right)`; the missing entries :math:`m` given the observed ones
  :math:`o` are normal with mean :math:`\mu_m + \Sigma_{mo} \Sigma_{oo}^{-1} (x_o - \mu_o)` and
  covariance :math:`\Sigma_{mm} - \Sigma_{mo} \Sigma_{oo}^{-1} \Sigma_{om}`;
- ring of :math:`K` normal components: :math:`\log p(x) = \log \frac1K \sum_k
  N(x; c_k, s^2 I)`.

The constructor alone determines a distribution; seeds are used only to draw rows.
"""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import logsumexp
from sklearn.utils import check_array, check_scalar


def _check_rows(X, n_features, **options):
    """Return `X` as a float64 array, refusing a wrong number of columns."""
    X = check_array(X, dtype=np.float64, **options)
    if X.shape[1] != n_features:
        raise ValueError(f"X has {X.shape[1]} columns, and the distribution has {n_features}.")
    return X


@dataclass(frozen=True)
class CorrelatedGaussian:
    r"""Normal distribution with correlated columns of unequal scale.

    Columns have means from -1 to 1, standard deviations from 1/2 to 2 in equal ratios, and
    correlations :math:`0.8^{|i - j|}`.

    Parameters
    ----------
    n_features : int, default=5
        Number of columns, at least 1.

    Raises
    ------
    ValueError
        If `n_features` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen.datasets import CorrelatedGaussian
    >>> distribution = CorrelatedGaussian(n_features=3)
    >>> X = distribution.sample(20_000, random_state=0)
    >>> X.mean(axis=0).round(1)
    array([-1.,  0.,  1.])
    >>> distribution.log_density(X).mean().round(1)
    np.float64(-3.2)
    >>> mean, covariance = distribution.conditional([-1.5, np.nan, np.nan])
    >>> mean.round(2)
    array([-0.8 , -0.28])
    """

    n_features: int = 5

    def __post_init__(self):
        check_scalar(self.n_features, "n_features", Integral, min_val=1)

    @property
    def mean(self):
        """Mean of the distribution, of shape (n_features,)."""
        return np.linspace(-1.0, 1.0, self.n_features)

    @property
    def covariance(self):
        """Covariance of the distribution, of shape (n_features, n_features)."""
        index = np.arange(self.n_features)
        scale = np.geomspace(0.5, 2.0, self.n_features)
        return 0.8 ** np.abs(index[:, None] - index) * np.outer(scale, scale)

    def sample(self, n_samples=1, *, random_state=None):
        """Draw independent rows.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        random_state : int, RandomState instance, Generator or None, default=None
            Draws the rows. An int makes the result reproducible.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows.
        """
        rng = np.random.default_rng(random_state)
        white = rng.normal(size=(n_samples, self.n_features))
        return self.mean + white @ np.linalg.cholesky(self.covariance).T

    def log_density(self, X):
        """Exact log-density of each row.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to evaluate.

        Returns
        -------
        log_density : ndarray of shape (n_rows,)
            In nats.

        Raises
        ------
        ValueError
            If `X` has a wrong number of columns, missing or non-numeric entries.
        """
        X = _check_rows(X, self.n_features)
        root = np.linalg.cholesky(self.covariance)
        white = solve_triangular(root, (X - self.mean).T, lower=True)
        log_volume = np.log(np.diag(root)).sum() + 0.5 * self.n_features * np.log(2 * np.pi)
        return -0.5 * (white**2).sum(axis=0) - log_volume

    def conditional(self, x):
        """Exact distribution of the missing entries of a row, given the others.

        Parameters
        ----------
        x : array-like of shape (n_features,)
            One row, NaN where an entry is missing.

        Returns
        -------
        mean : ndarray of shape (n_missing,)
            Conditional mean of the missing entries, in the order of the columns.

        covariance : ndarray of shape (n_missing, n_missing)
            Their conditional covariance, which depends on which entries are missing only.

        Raises
        ------
        ValueError
            If `x` has a wrong length or non-numeric entries.
        """
        x = _check_rows([x], self.n_features, ensure_all_finite="allow-nan")[0]
        m, o = np.isnan(x), ~np.isnan(x)
        mean, covariance = self.mean, self.covariance
        if not o.any():
            return mean, covariance
        across = covariance[np.ix_(m, o)]
        gain = cho_solve(cho_factor(covariance[np.ix_(o, o)]), across.T).T
        return mean[m] + gain @ (x[o] - mean[o]), covariance[np.ix_(m, m)] - gain @ across.T


@dataclass(frozen=True)
class GaussianRing:
    """Equal mixture of round normal components, evenly spaced on a circle in the plane.

    Parameters
    ----------
    n_components : int, default=8
        Number of components, at least 1.

    radius : float, default=2.0
        Radius of the circle of their centres, at least 0.

    scale : float, default=0.25
        Standard deviation of a component along each axis, above 0. At the defaults neighbouring
        centres are about six standard deviations apart.

    Raises
    ------
    ValueError
        If a parameter is outside of its range.

    Examples
    --------
    >>> from skgen.datasets import GaussianRing
    >>> distribution = GaussianRing()
    >>> X = distribution.sample(1000, random_state=0)
    >>> X.shape
    (1000, 2)
    >>> distribution.log_density(X).mean().round(1)
    np.float64(-2.1)
    """

    n_components: int = 8
    radius: float = 2.0
    scale: float = 0.25

    def __post_init__(self):
        check_scalar(self.n_components, "n_components", Integral, min_val=1)
        check_scalar(self.radius, "radius", Real, min_val=0)
        check_scalar(self.scale, "scale", Real, min_val=0, include_boundaries="neither")

    @property
    def centers(self):
        """Centres of the components, of shape (n_components, 2)."""
        angle = 2 * np.pi * np.arange(self.n_components) / self.n_components
        return self.radius * np.column_stack([np.cos(angle), np.sin(angle)])

    def sample(self, n_samples=1, *, random_state=None):
        """Draw independent rows.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.

        random_state : int, RandomState instance, Generator or None, default=None
            Draws the rows. An int makes the result reproducible.

        Returns
        -------
        X : ndarray of shape (n_samples, 2)
            The rows.
        """
        rng = np.random.default_rng(random_state)
        component = rng.integers(self.n_components, size=n_samples)
        return self.centers[component] + self.scale * rng.normal(size=(n_samples, 2))

    def log_density(self, X):
        """Exact log-density of each row.

        Parameters
        ----------
        X : array-like of shape (n_rows, 2)
            Rows to evaluate.

        Returns
        -------
        log_density : ndarray of shape (n_rows,)
            In nats.

        Raises
        ------
        ValueError
            If `X` has a wrong number of columns, missing or non-numeric entries.
        """
        X = _check_rows(X, 2)
        squared = ((X[:, None, :] - self.centers) ** 2).sum(axis=2) / self.scale**2
        log_volume = np.log(2 * np.pi * self.scale**2) + np.log(self.n_components)
        return logsumexp(-0.5 * squared, axis=1) - log_volume
