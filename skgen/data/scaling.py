r"""Column maps between a table in its own units and rows fit for a network, in float64.

Every map is monotone and differentiable in each column, so that densities carry over:
:math:`\log p(x) = \log p(y) + \sum_j \log |dy_j / dx_j|`.

``standard``
    :math:`y_j = (x_j - m_j) / s_j`, each column its own mean and standard deviation.
``common``
    one :math:`s` for all columns, for columns that share a unit (pixels, one-hot, lengths): a pixel
    that is rarely lit keeps its small variance. `share_unit` decides which tables have such
    columns.
``quantile``
    a monotone rational-quadratic spline through the column's quantiles and the normal scores of
    their ranks, with linear tails: heavy tails, skew and bounds become a near-normal column.
``auto``
    the quantile map for columns with skewness beyond 1, excess kurtosis beyond 3 or repeated
    values, and the standard map for the others, whose shape it keeps.

With any of these maps, the two values of a binary column can be put a wide gap apart. A diffusion
or a flow then decides such a column while the others are still noise, so that a category is drawn
before the numbers that depend on it. Without the gap it is decided at the same time as the numbers:
in a table of flowers, one drawn species in twenty did not fit its measures.

If a column has five rows or more for each of its values, all of its values are repeated values:
each is a knot of its spline, and `snap` puts entries of drawn rows on them. In other columns,
values in more than 2% of the rows are repeated values. Thresholds decide which drawn entries belong
to which value: halfway between values, until `calibrate` learns them from draws of the model.

Source of the spline: Gregory and Delbourgo, *Piecewise rational quadratic interpolation to
monotonic data*, IMA Journal of Numerical Analysis, 1982.
"""

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

MAX_KNOTS = 64
ROWS_PER_KNOT = 25
ROWS_PER_VALUE = 5
MAX_SKEWNESS, MAX_KURTOSIS, MAX_ATOM = 1.0, 3.0, 0.02
# The largest ratio of standard deviations of columns that share a unit.
MAX_RATIO = 5.0
# Fewer rows cannot show that columns have similar deviations.
FEWEST_ALIKE = 20
# The most entries that are searched for a small grid.
MAX_SEARCHED = 2**20
MAX_LEVELS = 256
# A distance in normal scores.
TAIL = 1.0


def shared_levels(X: np.ndarray) -> np.ndarray | None:
    """Return the grid of at most 256 values that all columns share, or None.

    A table whose entries all come from one small set of values, most of its columns spanning the
    same range, has columns of one unit: pixels, counts of ink, answers on a scale, indicators.
    """
    low, high = X.min(0), X.max(0)
    varying = high > low
    if X.shape[1] < 2 or not varying.any():
        return None
    # The cheap test first: np.unique sorts the whole table.
    same = (low == np.median(low[varying])) & (high == np.median(high[varying]))
    if np.sum(same & varying) < 0.5 * np.sum(varying):
        return None
    levels = np.unique(X)
    return levels if len(levels) <= min(MAX_LEVELS, X.size // 4) else None


def share_unit(X: np.ndarray) -> bool:
    """Return whether the columns of a table can be taken to be of one unit.

    They can if they share a grid of values (`shared_levels`). They also can if their standard
    deviations are within a factor of `MAX_RATIO`, none is skewed or has heavy tails, and repeated
    values come from one small set. Examples are lengths of flowers in millimetres, coordinates, and
    columns that were scaled before. The deviations of such columns carry information, which
    separate scales would lose.
    """
    if shared_levels(X) is not None:
        return True
    X = np.asarray(X, dtype=np.float64)
    location, deviations, varying = _moments(X)
    # Columns of two values, such as categories, have no unit.
    varying &= ~_two_valued(X)
    if len(X) < FEWEST_ALIKE or varying.sum() < 2:
        return False
    X, location, deviations = X[:, varying], location[varying], deviations[varying]
    if not deviations.max() <= MAX_RATIO * deviations.min() < np.inf:
        return False
    if any(_is_heavy(x) for x in ((X - location) / deviations).T):
        return False
    columns = [np.unique(x, return_counts=True) for x in X.T]
    if not any(_atoms(counts).any() for _, counts in columns):
        return True
    most = min(MAX_LEVELS, X.size // 2)
    if any(len(values) > most for values, _ in columns):
        return False
    return len(np.unique(np.concatenate([values for values, _ in columns]))) <= most


def _moments(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean and deviation of columns, and which columns vary by more than rounding."""
    # Rounding may put the mean of a constant column beside its value.
    location = np.clip(X.mean(0), X.min(0), X.max(0))
    deviation = (X - location).std(0)
    return location, deviation, deviation > 16 * np.finfo(np.float64).eps * np.abs(location)


def _two_valued(X: np.ndarray) -> np.ndarray:
    """Return which columns have two values."""
    low, high = X.min(0), X.max(0)
    between = (low < X) & (high > X)
    return (low < high) & ~between.any(0)


def _is_heavy(x: np.ndarray) -> bool:
    """Return whether a column, centred and of unit variance, is skewed or has heavy tails."""
    skewness, kurtosis = np.mean(x**3), np.mean(x**4) - 3
    return bool(abs(skewness) > MAX_SKEWNESS or kurtosis > MAX_KURTOSIS)


def _atoms(counts: np.ndarray) -> np.ndarray:
    """Return which values of a column are repeated values, from the number of rows of each."""
    n = counts.sum()
    if len(counts) * ROWS_PER_VALUE <= n:
        return np.ones(len(counts), bool)
    return counts > max(MAX_ATOM * n, 2)


class _Spline:
    """Monotone rational-quadratic interpolation of one column, with linear tails.

    A tail is no steeper than the chord to the first knot that is `TAIL` or more away. The two
    outermost rows may be close together by chance, and an entry a little beyond them must not be
    mapped far out.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray):
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)
        slope = self.y.diff() / self.x.diff()
        inner = torch.sqrt(slope[1:] * slope[:-1])
        k = min(int(np.searchsorted(y, y[0] + TAIL)), len(y) - 1)
        first = slope[:1].clamp(max=(y[k] - y[0]) / (x[k] - x[0]))
        k = max(int(np.searchsorted(y, y[-1] - TAIL, side="right")) - 1, 0)
        end = slope[-1:].clamp(max=(y[-1] - y[k]) / (x[-1] - x[k]))
        self.d = torch.cat([first, inner, end])
        self.slope = slope

    def _bin(self, knots: Tensor, value: Tensor) -> Tensor:
        return (torch.searchsorted(knots, value.detach(), right=True) - 1).clamp(
            0, len(self.slope) - 1
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and log dy/dx."""
        k = self._bin(self.x, x.contiguous())
        d_0, d_1, m = self.d[k], self.d[k + 1], self.slope[k]
        height = self.y[k + 1] - self.y[k]
        u = ((x - self.x[k]) / (self.x[k + 1] - self.x[k])).clamp(0, 1)
        v = u * (1 - u)
        bottom = m + (d_0 + d_1 - 2 * m) * v
        y = self.y[k] + height * (m * u**2 + d_0 * v) / bottom
        slope = m**2 * (d_1 * u**2 + 2 * m * v + d_0 * (1 - u) ** 2) / bottom**2
        # Outside the knots u is clamped, and a straight line continues with the slope of the end.
        y = (
            y
            + self.d[0] * (x - self.x[0]).clamp(max=0)
            + self.d[-1] * (x - self.x[-1]).clamp(min=0)
        )
        return y, slope.log()

    def inverse(self, y: Tensor) -> Tensor:
        """Return x: a quadratic equation in each bin."""
        k = self._bin(self.y, y.contiguous())
        d_0, d_1, m = self.d[k], self.d[k + 1], self.slope[k]
        height, width = self.y[k + 1] - self.y[k], self.x[k + 1] - self.x[k]
        rise = (y - self.y[k]).clamp(min=0).minimum(height)
        twist = rise * (d_0 + d_1 - 2 * m)
        a, b, c = height * (m - d_0) + twist, height * d_0 - twist, -m * rise
        # The root that stays finite where a vanishes.
        u = 2 * c / (-b - torch.sqrt((b**2 - 4 * a * c).clamp(min=0)))
        below = (y - self.y[0]).clamp(max=0) / self.d[0]
        above = (y - self.y[-1]).clamp(min=0) / self.d[-1]
        return self.x[k] + u * width + below + above


def _quantiles_between(drawn: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return quantiles of drawn numbers, each halfway between two different numbers."""
    values, counts = np.unique(drawn, return_counts=True)
    between = np.append(values[:-1] / 2 + values[1:] / 2, values[-1])
    below = np.cumsum(counts) / len(drawn)
    k = np.searchsorted(below, shares).clip(max=len(values) - 1)
    lower = np.maximum(k - 1, 0)
    return between[np.where(shares - below[lower] < below[k] - shares, lower, k)]


class ColumnScaler:
    """Fit and apply the column maps of this module.

    Parameters
    ----------
    kind : {"standard", "common", "quantile", "auto"}
        The map.
    gap : float, default=0.0
        Distance between the two values of a binary column, if other columns have more values; 0
        maps binary columns like the others.

    Attributes
    ----------
    location, scale : ndarray of shape (n_features,)
        Centre and scale of each column, in the units of X.
    on_grid : bool
        Whether the columns have one scale and share a small grid of values.
    """

    def __init__(self, kind: str, gap: float = 0.0):
        self.kind, self.gap = kind, gap

    def fit(self, X: np.ndarray) -> "ColumnScaler":
        """Learn the maps from the (n, n_features) rows of X."""
        X = np.asarray(X, dtype=np.float64)
        self.location, deviation, varying = _moments(X)
        self.constant = ~varying
        # Of constant columns only: a file of the model shall not hold the first row.
        self.value = np.where(self.constant, X[0], self.location)
        # A part of many rows is enough.
        some = X[:: max(1, X.size // MAX_SEARCHED)]
        self.on_grid = self.kind == "common" and shared_levels(some) is not None
        apart = np.zeros_like(varying)
        if self.gap and not self.on_grid:
            apart = varying & _two_valued(X)
            apart &= (varying & ~apart).any()
        if self.kind == "common" and varying.any():
            alike = varying & ~apart
            deviation[alike] = np.sqrt(np.mean(deviation[alike] ** 2))
        self.scale = np.where(self.constant, 1.0, deviation)
        self.splines: list[_Spline | None] = [None] * X.shape[1]
        self.atoms: list[tuple[np.ndarray, np.ndarray, np.ndarray] | None] = [None] * X.shape[1]
        self.shares: list[tuple[np.ndarray, np.ndarray] | None] = [None] * X.shape[1]
        self.drawn_atoms = self.atoms
        for j in np.flatnonzero(varying & ~apart):
            self._fit_column(int(j), (X[:, j] - self.location[j]) / self.scale[j], X[:, j])
        for j in np.flatnonzero(apart):
            self._set_apart(int(j), X[:, j].min(), X[:, j].max())
        return self

    def _set_apart(self, j: int, low: float, high: float) -> None:
        """Put two values a gap apart; a drawn entry becomes the nearer one."""
        self.scale[j] = (high - low) / self.gap
        middle = (low / 2 + high / 2 - self.location[j]) / self.scale[j]
        thresholds = np.array([-np.inf, middle, np.inf])
        self.atoms[j] = (thresholds[:-1], thresholds[1:], np.array([low, high]))

    def _fit_column(self, j: int, x: np.ndarray, raw: np.ndarray) -> None:
        n = len(x)
        values, first, counts = np.unique(x, return_index=True, return_counts=True)
        atoms, upto, places = _atoms(counts), np.cumsum(counts), values
        if self.kind == "quantile" or (self.kind == "auto" and (_is_heavy(x) or atoms.any())):
            places = scores = ndtri((upto - 0.5 * counts) / n)
            chosen = np.arange(len(values))
            if not atoms.all():
                n_knots = int(np.clip(n // ROWS_PER_KNOT, 3, MAX_KNOTS))
                # Knots that are even in normal scores are as dense in the tails as in the bulk.
                targets = np.linspace(scores[0], scores[-1], n_knots)
                chosen = np.clip(np.searchsorted(scores, targets), 0, len(values) - 1)
                chosen = np.union1d(chosen, [0, len(values) - 1])
            self.splines[j] = _Spline(values[chosen], scores[chosen])
        if atoms.any():
            thresholds = places[:-1] / 2 + places[1:] / 2
            left, right = np.append(-np.inf, thresholds), np.append(thresholds, np.inf)
            self.atoms[j] = (left[atoms], right[atoms], raw[first][atoms])
            self.shares[j] = ((upto - counts)[atoms] / n, upto[atoms] / n)

    def fit_levels(self, low: np.ndarray, high: np.ndarray) -> "ColumnScaler":
        """Map the two values of each column to 0 and 1, and the one of a constant column to 0."""
        self.constant = high <= low
        self.location, self.value, self.on_grid = low, low, False
        self.scale = np.where(self.constant, 1.0, high - low)
        self.splines, self.atoms = [None] * len(low), [None] * len(low)
        self.shares, self.drawn_atoms = [None] * len(low), self.atoms
        return self

    def repeated(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray] | None]:
        """Return left end, right end and value, in scaled units, of each column's repeated values.

        None for a column without repeated values; a constant column has one value without ends.
        """
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray] | None] = []
        for j, (atoms, spline) in enumerate(zip(self.atoms, self.splines, strict=True)):
            if self.constant[j]:
                found.append((np.array([-np.inf]), np.array([np.inf]), np.array([0.0])))
            elif atoms is None:
                found.append(None)
            else:
                left, right, raw = atoms
                value = torch.from_numpy((raw - self.location[j]) / self.scale[j])
                value = value if spline is None else spline.forward(value)[0]
                found.append((left, right, value.numpy()))
        return found

    @property
    def common_scale(self) -> float | None:
        """The scale that all varying columns share; None if they have several, or curved maps."""
        scales = np.unique(self.scale[~self.constant])
        if len(scales) > 1 or any(spline is not None for spline in self.splines):
            return None
        return float(scales[0]) if len(scales) else 1.0

    @property
    def calibrates(self) -> bool:
        """Whether a column has repeated values, other than the two that a gap sets apart."""
        return any(shares is not None for shares in self.shares)

    def calibrate(self, Y: Tensor) -> "ColumnScaler":
        """Learn the thresholds between repeated values from rows Y that a model drew.

        A model blurs such values: a pixel that is black in half of the rows is drawn a little
        lighter in a fifth of these, and a classifier detects it. So each value gets as large a
        share of the draws as it has of the data: the draws between the quantiles of Y at its ranks.
        """
        self.drawn_atoms = list(self.atoms)
        for j, (atoms, shares) in enumerate(zip(self.atoms, self.shares, strict=True)):
            if atoms is None or shares is None:
                continue
            below, upto = shares
            left, right = np.split(
                _quantiles_between(Y[:, j].numpy(), np.concatenate([below, upto])), 2
            )
            left[below == 0], right[upto == 1] = -np.inf, np.inf
            self.drawn_atoms[j] = (left, right, atoms[2])
        return self

    def _tensor(self, values: np.ndarray, like: Tensor) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float64, device=like.device)

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Map (n, n_features) rows; return them and the log-derivatives summed over a row."""
        Y = (X - self._tensor(self.location, X)) / self._tensor(self.scale, X)
        log_slope = -self._tensor(np.log(self.scale), X).sum().expand(X.shape[0])
        columns = list(Y.unbind(1))
        for j, spline in enumerate(self.splines):
            if spline is not None:
                columns[j], slope = spline.forward(columns[j])
                log_slope = log_slope + slope
        return torch.stack(columns, 1), log_slope

    def inverse(self, Y: Tensor) -> Tensor:
        """Map rows back to the units of X, smoothly."""
        columns = list(Y.unbind(1))
        for j, spline in enumerate(self.splines):
            if spline is not None:
                columns[j] = spline.inverse(columns[j])
        Y = torch.stack(columns, 1)
        return Y * self._tensor(self.scale, Y) + self._tensor(self.location, Y)

    def snap(self, X: Tensor, Y: Tensor, drawn: bool = False) -> Tensor:
        """Put entries of rows X, mapped back from Y, on the repeated values of their columns.

        Each entry goes to the nearest one, and in rows that a model has drawn to the one that
        `calibrate` chooses. A constant column stays constant, a count a whole number.
        """
        X = X.clone()
        for j, atoms in enumerate(self.drawn_atoms if drawn else self.atoms):
            if self.constant[j]:
                X[:, j] = self.value[j]
            elif atoms is not None:
                left, right, value = (self._tensor(part, X) for part in atoms)
                k = (torch.searchsorted(left, Y[:, j].contiguous(), right=True) - 1).clamp(min=0)
                inside = (Y[:, j] >= left[k]) & (Y[:, j] <= right[k])
                X[:, j] = torch.where(inside, value[k], X[:, j])
        return X
