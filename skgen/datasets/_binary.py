r"""Distributions of binary rows with known probabilities, as references for scores and samples.

- any distribution of few bits, its :math:`2^K` states enumerated: the missing bits :math:`m` given
  the observed ones :math:`o` have :math:`p(x_m \mid x_o) = p(x) / \sum_{x_m'} p(x_m', x_o)`; among
  these distributions are the Ising model [1]_ of spins :math:`\sigma = 2 x - 1`,
  :math:`p(x) \propto \exp \left( J \sum_{i \sim j} \sigma_i \sigma_j + h \sum_i \sigma_i \right)`
  over neighbours :math:`i \sim j`, and distributions drawn uniformly from all;
- Bayesian network [2]_ of many bits: :math:`p(x) = \prod_j p(x_j \mid x_{\mathrm{pa}(j)})` with
  parents :math:`\mathrm{pa}(j)` among the columns before :math:`j`.

The constructor alone determines a distribution: one that is drawn has an int as its seed.

References
----------
.. [1] E. Ising, "Beitrag zur Theorie des Ferromagnetismus", Zeitschrift für Physik 31, 1925.
.. [2] J. Pearl, "Probabilistic reasoning in intelligent systems", Morgan Kaufmann, 1988.
"""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from scipy.special import expit, softmax
from sklearn.utils import check_array, check_scalar

from ._densities import _check_rows

MAX_BITS = 20


def _check_bits(X, n_columns, **options):
    """Return rows of zeros and ones as a float64 array, refusing other values."""
    X = _check_rows(X, n_columns, **options)
    other = (X != 0) & (X != 1) & ~np.isnan(X)
    if other.any():
        raise ValueError(f"X has the entry {X[other][0]:g}: give rows of zeros and ones.")
    return X


def _state_numbers(X):
    """Read each row as a binary number, the first column its lowest bit."""
    return X.astype(np.int64) @ (1 << np.arange(X.shape[1], dtype=np.int64))


def _bits(numbers, n_bits):
    """Write numbers as rows of bits, the lowest bit first."""
    return (numbers[:, None] >> np.arange(n_bits) & 1).astype(np.float64)


class BinaryDistribution:
    r"""Any distribution of at most 20 bits, given by the probability of every state.

    State number :math:`s` is the row whose column :math:`j` is bit :math:`j` of :math:`s`, the
    first column the lowest bit: :math:`s = \sum_j x_j 2^j` with :math:`j` from 0.

    Parameters
    ----------
    probabilities : array-like of shape (2 ** n_bits,)
        Probability of each state, in the order of the states' numbers.

    Attributes
    ----------
    n_bits : int
        Number of columns.

    probabilities : ndarray of shape (2 ** n_bits,)
        Probability of each state; read only.

    Raises
    ------
    ValueError
        If the length is no power of two from 2 to 2 ** 20, or if the probabilities are negative,
        not finite, or do not sum to 1.

    Examples
    --------
    Two bits that are equal nine times in ten.

    >>> import numpy as np
    >>> from skgen.datasets import BinaryDistribution
    >>> distribution = BinaryDistribution([0.45, 0.05, 0.05, 0.45])
    >>> distribution.states
    array([[0., 0.],
           [1., 0.],
           [0., 1.],
           [1., 1.]])
    >>> distribution.conditional([1, np.nan])
    array([0. , 0.1, 0. , 0.9])
    >>> distribution.total_variation(distribution.sample(10_000, random_state=0)) < 0.02
    True
    """

    def __init__(self, probabilities):
        probabilities = check_array(probabilities, dtype=np.float64, ensure_2d=False, copy=True)
        n_states = probabilities.size
        if probabilities.ndim != 1 or n_states not in {2**k for k in range(1, MAX_BITS + 1)}:
            raise ValueError(
                f"probabilities has shape {probabilities.shape}: give one probability for each of "
                f"the 2 ** n_bits states of 1 to {MAX_BITS} bits."
            )
        if probabilities.min() < 0:
            raise ValueError(
                f"probabilities has the negative entry {probabilities.min():g}: give entries of at "
                "least 0."
            )
        total = probabilities.sum()
        if abs(total - 1) > 1e-6:
            raise ValueError(
                f"The probabilities sum to {total:g} instead of 1: divide them by their sum."
            )
        self.n_bits = n_states.bit_length() - 1
        self.probabilities = probabilities / total
        self.probabilities.flags.writeable = False

    @classmethod
    def random(cls, n_bits=4, *, random_state=0):
        """Draw a distribution uniformly from all distributions of some number of bits.

        The probabilities are drawn from the Dirichlet distribution with all parameters 1.

        Parameters
        ----------
        n_bits : int, default=4
            Number of columns, from 1 to 20.

        random_state : int, RandomState instance, Generator or None, default=0
            Draws the probabilities. An int makes the distribution reproducible.

        Returns
        -------
        distribution : BinaryDistribution
            The distribution.

        Raises
        ------
        ValueError
            If `n_bits` is outside of its range.
        """
        check_scalar(n_bits, "n_bits", Integral, min_val=1, max_val=MAX_BITS)
        return cls(np.random.default_rng(random_state).dirichlet(np.ones(2**n_bits)))

    @classmethod
    def ising(cls, height=3, width=3, *, coupling=0.4, field=0.0):
        r"""Ising model on a rectangle with free borders.

        With spins :math:`\sigma = \pm 1` for bits 1 and 0, :math:`p \propto \exp \left( J \sum
        \sigma_i \sigma_j + h \sum \sigma_i \right)`, the first sum over neighbours in a row or a
        column of the rectangle, each pair once.

        Parameters
        ----------
        height, width : int, default=3
            Sides of the rectangle, at least 1 with a product of at most 20. The columns of the
            distribution are its sites row by row.

        coupling : float, default=0.4
            Coupling :math:`J` in units of the temperature. Neighbours tend to be equal where it is
            above 0, and to differ where it is below. An infinite lattice orders from
            :math:`\log(1 + \sqrt 2) / 2 = 0.44` on.

        field : float, default=0.0
            Field :math:`h` in units of the temperature; bits tend to be 1 where it is above 0.

        Returns
        -------
        distribution : BinaryDistribution
            The distribution.

        Raises
        ------
        ValueError
            If a side is below 1, if there are more than 20 sites, or if `coupling` or `field` is
            not finite.
        """
        check_scalar(height, "height", Integral, min_val=1)
        check_scalar(width, "width", Integral, min_val=1)
        if height * width > MAX_BITS:
            raise ValueError(
                f"height={height} and width={width} make {height * width} sites: give at most "
                f"{MAX_BITS}."
            )
        for name, value in (("coupling", coupling), ("field", field)):
            check_scalar(value, name, Real)
            if not np.isfinite(value):
                raise ValueError(f"{name}={value} is not finite: give a finite number.")
        n_bits = height * width
        spins = 2 * _bits(np.arange(2**n_bits), n_bits).reshape(-1, height, width) - 1
        across = (spins[:, :, 1:] * spins[:, :, :-1]).sum(axis=(1, 2))
        down = (spins[:, 1:] * spins[:, :-1]).sum(axis=(1, 2))
        return cls(softmax(coupling * (across + down) + field * spins.sum(axis=(1, 2))))

    @property
    def states(self):
        """All rows in the order of their numbers, of shape (2 ** n_bits, n_bits)."""
        return _bits(np.arange(2**self.n_bits), self.n_bits)

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
        X : ndarray of shape (n_samples, n_bits)
            The rows, zeros and ones as floats.
        """
        rng = np.random.default_rng(random_state)
        states = rng.choice(len(self.probabilities), size=n_samples, p=self.probabilities)
        return _bits(states, self.n_bits)

    def log_density(self, X):
        """Exact log-probability of each row.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_bits)
            Rows of zeros and ones.

        Returns
        -------
        log_density : ndarray of shape (n_rows,)
            In nats; minus infinity for a row that the distribution never gives.

        Raises
        ------
        ValueError
            If `X` has a wrong number of columns, missing entries, or any but zeros and ones.
        """
        numbers = _state_numbers(_check_bits(X, self.n_bits))
        with np.errstate(divide="ignore"):
            return np.log(self.probabilities[numbers])

    def conditional(self, x):
        """Exact probabilities of all states, given the observed bits of a row.

        Parameters
        ----------
        x : array-like of shape (n_bits,)
            One row, NaN where a bit is missing.

        Returns
        -------
        probabilities : ndarray of shape (2 ** n_bits,)
            Probability of each state, in the order of `states`: 0 for those that differ from an
            observed bit.

        Raises
        ------
        ValueError
            If `x` has a wrong length, any but zeros, ones and NaN, or observed bits that the
            distribution never gives.
        """
        x = _check_bits([x], self.n_bits, ensure_all_finite="allow-nan")[0]
        numbers = np.arange(len(self.probabilities))
        joint = self.probabilities.copy()
        for j in np.flatnonzero(~np.isnan(x)):
            joint[numbers >> j & 1 != x[j]] = 0
        total = joint.sum()
        if total == 0:
            raise ValueError(
                f"The observed bits of x={x.tolist()} have probability 0 under the distribution: "
                "condition on a row that it can give."
            )
        return joint / total

    def total_variation(self, X):
        r"""Total variation distance to the empirical distribution of some rows.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_bits)
            Rows of zeros and ones.

        Returns
        -------
        distance : float
            Half the sum over all states of the absolute difference between frequency and
            probability, from 0 to 1. For many rows of the distribution itself it is about
            :math:`\sum_s \sqrt{p_s (1 - p_s) / (2 \pi n)}`.

        Raises
        ------
        ValueError
            If `X` has a wrong number of columns, missing entries, or any but zeros and ones.
        """
        numbers = _state_numbers(_check_bits(X, self.n_bits))
        frequencies = np.bincount(numbers, minlength=len(self.probabilities)) / len(numbers)
        return float(0.5 * np.abs(frequencies - self.probabilities).sum())


@dataclass(frozen=True)
class BinaryNetwork:
    r"""Bayesian network over many binary columns, as tables of attributes are.

    Most columns are rarely 1, and each depends on few before it. The log-odds of column :math:`j`
    given the state of its parents are :math:`b_j + 2 w`, with :math:`b_j \sim N(-1, 1)` drawn once
    a column and :math:`w \sim N(0, 1)` anew for each state of the parents. So parents act on each
    other's effect as strongly as alone, and no additive model of the log-odds has the distribution.

    Parameters
    ----------
    n_columns : int, default=40
        Number of columns, at least 1.

    max_parents : int, default=2
        Largest number of parents of a column, from 0 to 10. The number is drawn uniformly from 1
        to this, as far as there are columns before.

    random_state : int, default=0
        Seed that draws the network.

    Attributes
    ----------
    parents : tuple of ndarray
        For each column the columns it depends on, in increasing order and all before it.

    tables : tuple of ndarray
        For each column the probability of a 1 given each state of its parents, of shape
        ``(2 ** len(parents[j]),)``. States are numbered with the first parent the lowest bit, as
        in :class:`BinaryDistribution`.

    Raises
    ------
    ValueError
        If a parameter is outside of its range.

    See Also
    --------
    BinaryDistribution : Any distribution of few bits.

    Examples
    --------
    >>> from skgen.datasets import BinaryNetwork
    >>> distribution = BinaryNetwork()
    >>> X = distribution.sample(10_000, random_state=0)
    >>> X.shape
    (10000, 40)
    >>> distribution.log_density(X).mean().round(1)
    np.float64(-16.0)

    A network of few columns can be enumerated, and its missing bits then have a known distribution
    too.

    >>> import numpy as np
    >>> from skgen.datasets import BinaryDistribution
    >>> small = BinaryNetwork(n_columns=8)
    >>> states = BinaryDistribution.random(8).states
    >>> enumerated = BinaryDistribution(np.exp(small.log_density(states)))
    >>> enumerated.total_variation(small.sample(100_000, random_state=0)) < 0.02
    True
    """

    n_columns: int = 40
    max_parents: int = 2
    random_state: int = 0

    def __post_init__(self):
        check_scalar(self.n_columns, "n_columns", Integral, min_val=1)
        check_scalar(self.max_parents, "max_parents", Integral, min_val=0, max_val=10)
        check_scalar(self.random_state, "random_state", Integral, min_val=0)
        rng = np.random.default_rng(self.random_state)
        parents, tables = [], []
        for j in range(self.n_columns):
            most = min(j, self.max_parents)
            n_parents = rng.integers(1, most, endpoint=True) if most else 0
            parents.append(np.sort(rng.choice(j, size=n_parents, replace=False)))
            tables.append(expit(rng.normal(-1, 1) + 2 * rng.normal(size=2**n_parents)))
        # frozen: the network follows from the three parameters
        object.__setattr__(self, "parents", tuple(parents))
        object.__setattr__(self, "tables", tuple(tables))

    def _probabilities(self, j, X):
        """Probability of a 1 in column `j` of each row, given the columns before."""
        return self.tables[j][_state_numbers(X[:, self.parents[j]])]

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
        X : ndarray of shape (n_samples, n_columns)
            The rows, zeros and ones as floats.
        """
        X = np.random.default_rng(random_state).random((n_samples, self.n_columns))
        for j in range(self.n_columns):
            X[:, j] = X[:, j] < self._probabilities(j, X)
        return X

    def log_density(self, X):
        """Exact log-probability of each row.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            Rows of zeros and ones.

        Returns
        -------
        log_density : ndarray of shape (n_rows,)
            In nats.

        Raises
        ------
        ValueError
            If `X` has a wrong number of columns, missing entries, or any but zeros and ones.
        """
        X = _check_bits(X, self.n_columns)
        log_density = np.zeros(len(X))
        for j in range(self.n_columns):
            p = self._probabilities(j, X)
            log_density += np.log(np.where(X[:, j] == 1, p, 1 - p))
        return log_density
