r"""Entropic optimal transport in closed form, as a reference for bridges between two sets of rows.

With a potential :math:`u(y) = \sum_k a_k N(y; m_k, S_k)` the plan :math:`\pi(x, y) = p(x)\, u(y)\,
N(y; x, \varepsilon I) / h_0(x)` is the entropic transport between its own marginals, for any
distribution p of x: its density relative to that of Brownian motion of variance
:math:`\varepsilon`, started from p, is a product of a function of x and one of y. Products of
normal densities give

.. math::

    h_t(x) = \sum_k a_k N(x; m_k, S_k + (1 - t) \varepsilon I), \qquad
    \pi(y \mid x) = \sum_k w_k(x)\, N\!\left(y; C_k (S_k^{-1} m_k + x / \varepsilon), C_k\right),

with :math:`C_k = (I / \varepsilon + S_k^{-1})^{-1}` and weights :math:`w_k(x) \propto a_k N(x;
m_k, S_k + \varepsilon I)`. The Schrödinger bridge between the marginals follows :math:`dX =
\varepsilon \nabla \log h_t(X)\,dt + \sqrt\varepsilon\,dB` on [0, 1]. Here x is standard normal.

Source: Gushchin, Kolesov, Mokrov, Karpikova, Spiridonov, Burnaev and Korotin, *Building the bridge
of Schrödinger: a continuous entropic optimal transport benchmark*, NeurIPS 2023 Datasets and
Benchmarks; Léonard, *A survey of the Schrödinger problem*, DCDS-A 2014, for the drift.
"""

from numbers import Integral, Real

import numpy as np
from scipy.special import log_softmax, logsumexp
from sklearn.utils import Bunch, check_array, check_random_state, check_scalar

from ._densities import _check_rows

# Source rows and rounds that make the components equally frequent.
BALANCING_ROWS, BALANCING_ROUNDS = 4096, 50


class EntropicTransport:
    r"""Entropic transport plan from N(0, I), by the normal mixture that is its potential.

    Rows x are standard normal, and y given x is a normal mixture, so that every figure of the plan
    and of the Schrödinger bridge between both ends is known.

    Parameters
    ----------
    weights : array-like of shape (n_components,)
        Weights :math:`a_k` of the potential's components, above 0; only their ratios matter.

    means : array-like of shape (n_components, n_features)
        Means :math:`m_k`.

    covariances : array-like of shape (n_components, n_features, n_features)
        Covariances :math:`S_k`, symmetric and positive definite.

    epsilon : float, default=1.0
        Variance of the reference process, above 0: the plan minimises the mean of
        :math:`\tfrac12 |x - y|^2` plus epsilon times its Kullback-Leibler divergence from
        independent ends. A bridge with noise sigma has epsilon = sigma squared.

    Raises
    ------
    ValueError
        If a shape does not agree with the others, or a value is outside of its range.

    See Also
    --------
    make_entropic_transport : A random plan, and rows of both ends.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen.datasets import EntropicTransport
    >>> plan = EntropicTransport([1.0, 1.0], [[-3.0], [3.0]], [[[1.0]], [[1.0]]], epsilon=1.0)
    >>> mean, covariance = plan.conditional([[0.0], [1.0]])
    >>> mean.round(2)
    array([[0.  ],
           [1.86]])
    >>> plan.drift(0.0, [[0.0], [1.0]]).round(2)
    array([[0.  ],
           [0.86]])
    """

    def __init__(self, weights, means, covariances, epsilon=1.0):
        self.means = check_array(means, dtype=np.float64, input_name="means")
        n, d = self.means.shape
        self.covariances = check_array(
            covariances, dtype=np.float64, allow_nd=True, input_name="covariances"
        )
        if self.covariances.shape != (n, d, d):
            raise ValueError(
                f"covariances has the shape {self.covariances.shape}; {n} means of {d} columns "
                f"take {(n, d, d)}."
            )
        weights = np.asarray(weights, dtype=np.float64)
        if weights.shape != (n,) or not ((weights > 0) & (weights < np.inf)).all():
            raise ValueError(f"weights must be {n} numbers above 0, one a mean, got {weights}.")
        check_scalar(epsilon, "epsilon", Real, min_val=0, include_boundaries="neither")
        self.weights, self.epsilon = weights / weights.sum(), float(epsilon)
        if not np.allclose(self.covariances, self.covariances.transpose(0, 2, 1)):
            raise ValueError("covariances must be symmetric; give (S + S.T) / 2.")
        self._variances, self._axes = np.linalg.eigh(self.covariances)
        if not (self._variances > 0).all():
            raise ValueError(
                f"covariances must be positive definite; the smallest eigenvalue is "
                f"{self._variances.min():.3g}."
            )

    @property
    def n_features(self):
        """Number of columns."""
        return self.means.shape[1]

    def _terms(self, t, X):
        """Return rows on the axes of each component, and the logs of the terms of h_t."""
        X = _check_rows(X, self.n_features)
        z = np.einsum("kid,kde->kie", X - self.means[:, None], self._axes)
        var = self._variances[:, None] + (1 - t) * self.epsilon
        logs = -0.5 * (z**2 / var + np.log(2 * np.pi * var)).sum(2)
        return z, (logs + np.log(self.weights)[:, None]).T

    def log_potential(self, t, X):
        r"""Logarithm of :math:`h_t`, the potential carried back by the reference to time t.

        Parameters
        ----------
        t : float
            Time, from 0 at the source to 1 at the data, where :math:`h_1` is the potential u.

        X : array-like of shape (n_rows, n_features)
            Places.

        Returns
        -------
        log_potential : ndarray of shape (n_rows,)
            In nats.

        Raises
        ------
        ValueError
            If `t` is outside of [0, 1], or `X` has a wrong number of columns, missing or
            non-numeric entries.
        """
        check_scalar(t, "t", Real, min_val=0, max_val=1)
        return logsumexp(self._terms(t, X)[1], axis=1)

    def drift(self, t, X):
        r"""Drift of the Schrödinger bridge, :math:`\varepsilon \nabla \log h_t`.

        Parameters
        ----------
        t : float
            Time, from 0 at the source to 1 at the data.

        X : array-like of shape (n_rows, n_features)
            Places.

        Returns
        -------
        drift : ndarray of shape (n_rows, n_features)
            In columns' units per unit of time.

        Raises
        ------
        ValueError
            As `log_potential`.
        """
        check_scalar(t, "t", Real, min_val=0, max_val=1)
        z, logs = self._terms(t, X)
        pulled = -z / (self._variances[:, None] + (1 - t) * self.epsilon)
        slopes = np.einsum("kie,kde->kid", pulled, self._axes)
        return self.epsilon * np.einsum("ik,kid->id", np.exp(log_softmax(logs, axis=1)), slopes)

    def components(self, X):
        """Mixture of y given x: weights and means of its components, and their covariances.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows x.

        Returns
        -------
        weights : ndarray of shape (n_rows, n_components)
            Probabilities of the components.

        means : ndarray of shape (n_rows, n_components, n_features)
            Means of y.

        covariances : ndarray of shape (n_components, n_features, n_features)
            Covariances of y, the same for every row.

        Raises
        ------
        ValueError
            If `X` has a wrong number of columns, missing or non-numeric entries.
        """
        z, logs = self._terms(0.0, X)
        # S (S + eps I)^-1, the share of the way to m_k that a component does not go.
        kept = self._variances / (self._variances + self.epsilon)
        means = self.means[:, None] + np.einsum("kie,kde->kid", z * kept[:, None], self._axes)
        covariances = self.epsilon * np.einsum("kde,ke,kfe->kdf", self._axes, kept, self._axes)
        return np.exp(log_softmax(logs, axis=1)), means.transpose(1, 0, 2), covariances

    def conditional(self, X):
        """Exact mean and covariance of y given x.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows x.

        Returns
        -------
        mean : ndarray of shape (n_rows, n_features)
            Conditional means.

        covariance : ndarray of shape (n_rows, n_features, n_features)
            Conditional covariances.

        Raises
        ------
        ValueError
            If `X` has a wrong number of columns, missing or non-numeric entries.
        """
        weights, means, covariances = self.components(X)
        mean = np.einsum("ik,ikd->id", weights, means)
        apart = means - mean[:, None]
        within = np.einsum("ik,kde->ide", weights, covariances)
        return mean, within + np.einsum("ik,ikd,ike->ide", weights, apart, apart)

    def sample_conditional(self, X, *, random_state=None):
        """Draw one y for each x.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows x; repeat a row for several draws.

        random_state : int, RandomState instance or None, default=None
            Draws the rows. An int makes the result reproducible.

        Returns
        -------
        Y : ndarray of shape (n_rows, n_features)
            The draws.

        Raises
        ------
        ValueError
            If `X` has a wrong number of columns, missing or non-numeric entries.
        """
        rng = check_random_state(random_state)
        weights, means, covariances = self.components(X)
        below = weights.cumsum(1) < rng.uniform(size=(len(weights), 1))
        chosen = below.sum(1).clip(max=weights.shape[1] - 1)
        roots = np.linalg.cholesky(covariances)
        Y = means[np.arange(len(weights)), chosen]
        noise = rng.normal(size=Y.shape)
        for k, root in enumerate(roots):
            Y[chosen == k] += noise[chosen == k] @ root.T
        return Y

    def sample(self, n_samples=1, *, random_state=None):
        """Draw pairs from the plan.

        Parameters
        ----------
        n_samples : int, default=1
            Number of pairs.

        random_state : int, RandomState instance or None, default=None
            Draws the rows. An int makes the result reproducible.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Source rows, standard normal.

        Y : ndarray of shape (n_samples, n_features)
            Where the plan carries them.
        """
        rng = check_random_state(random_state)
        X = rng.normal(size=(n_samples, self.n_features))
        return X, self.sample_conditional(X, random_state=rng)


def _turned(rng, n_features):
    """Return a random orthogonal matrix, each as likely as any other."""
    q, r = np.linalg.qr(rng.normal(size=(n_features, n_features)))
    return q * np.sign(np.diag(r))


def _balanced(rng, means, covariances, epsilon):
    """Return weights by which every component is chosen for the same share of the source."""
    X = rng.normal(size=(BALANCING_ROWS, means.shape[1]))
    plan = EntropicTransport(np.ones(len(means)), means, covariances, epsilon)
    logs = plan._terms(0.0, X)[1]
    shift = np.zeros(len(means))
    for _ in range(BALANCING_ROUNDS):
        shift -= logsumexp(log_softmax(logs + shift, axis=1), axis=0) - np.log(len(X) / len(means))
    return np.exp(shift - shift.max())


def make_entropic_transport(
    n_samples=1000,
    n_features=2,
    *,
    epsilon=1.0,
    n_components=5,
    radius=5.0,
    random_state=None,
):
    """Draw two sets of rows between which the entropic transport plan is known.

    The source is standard normal. The potential's components have centres evenly distributed on a
    sphere, randomly turned covariances whose eigenvalues go from 1/2 to 2 in equal ratios, and
    weights by which each of them receives the same share of the source.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows of each set, at least 1.

    n_features : int, default=2
        Number of columns, at least 1.

    epsilon : float, default=1.0
        Variance of the reference process, above 0; the square of the noise ``sigma`` of a bridge.

    n_components : int, default=5
        Components of the potential, at least 1.

    radius : float, default=5.0
        Radius of the sphere of their centres, at least 0.

    random_state : int, RandomState instance or None, default=None
        Draws the plan and the rows. An int makes the result reproducible.

    Returns
    -------
    rows : Bunch
        ``source`` and ``data``, each (n_samples, n_features), not paired: row i of one says nothing
        about row i of the other; and ``plan``, the :class:`EntropicTransport` that joins their
        distributions.

    Raises
    ------
    ValueError
        If a parameter is outside of its range.

    References
    ----------
    Gushchin et al., "Building the bridge of Schrödinger: a continuous entropic optimal transport
    benchmark", NeurIPS 2023 Datasets and Benchmarks.

    Examples
    --------
    >>> from skgen.datasets import make_entropic_transport
    >>> rows = make_entropic_transport(500, n_features=3, epsilon=0.1, random_state=0)
    >>> rows.source.shape, rows.data.shape
    ((500, 3), (500, 3))
    >>> mean, covariance = rows.plan.conditional(rows.source)
    >>> covariance.shape
    (500, 3, 3)
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(n_features, "n_features", Integral, min_val=1)
    check_scalar(n_components, "n_components", Integral, min_val=1)
    check_scalar(radius, "radius", Real, min_val=0)
    rng = check_random_state(random_state)
    directions = rng.normal(size=(n_components, n_features))
    means = radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    axes = np.stack([_turned(rng, n_features) for _ in range(n_components)])
    variances = np.geomspace(0.5, 2.0, n_features) if n_features > 1 else np.ones(1)
    covariances = (axes * variances) @ axes.transpose(0, 2, 1)
    plan = EntropicTransport(
        _balanced(rng, means, covariances, epsilon), means, covariances, epsilon
    )
    return Bunch(
        source=rng.normal(size=(n_samples, n_features)),
        data=plan.sample(n_samples, random_state=rng)[1],
        plan=plan,
    )
