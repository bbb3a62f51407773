"""A report on generated rows: several measures, compared with those of real rows, in words."""

import time
from contextlib import closing
from numbers import Integral

import numpy as np
import pandas as pd
from scipy.stats import betabinom, norm, t
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_scalar

from skgen.progress import progress_bar
from skgen.threads import one_thread

from ._columns import column_distances, rank_correlations
from ._distances import energy_distance
from ._neighbours import near_copies, precision_recall_density_coverage
from ._telling import areas_without
from ._two_sample import classifier_two_sample_test
from ._validation import named_tables, subsample

N_SPLITS = 60
# classifiers take most of the time
N_CLASSIFIED = 20
MIN_ROWS = 20
COPY_QUANTILE = 0.01
MAX_COPIES = 5000
FALSE_ALARMS = 0.01
# not shown; a single wrong one would be lost in the mean over many
LARGEST = ("largest_marginal_error", "largest_correlation_error")
SHARES = {"classifier_two_sample_test", "precision", "recall", "coverage"}

# The verdict on a value that is too low, and on one that is too high: up to 50 characters, as many
# as pandas shows of a cell, if names are short.
GOOD = "no different from real rows"
NEARER = "nearer than real rows: are they training rows?"
VERDICTS = {
    "marginal_error": (NEARER, GOOD),
    "correlation_error": (GOOD, GOOD),
    "energy_distance": (NEARER, "the joint distribution differs"),
    "classifier_two_sample_test": (NEARER, "distinguished in {value:.0%} of pairs"),
    "precision": ("unlike real rows: {value:.0%} lie among them, not {floor:.0%}", GOOD),
    "recall": ("real rows left out: {value:.0%} reached, not {floor:.0%}", GOOD),
    "density": ("they lie where real rows are rare", "too little variety: between real rows"),
    "coverage": ("real rows left out: {value:.0%} covered, not {floor:.0%}", GOOD),
}
MEASURES = (*VERDICTS, "near_copies")
# each may be too low or too high
ALARM = FALSE_ALARMS / (2 * len(MEASURES + LARGEST))
BY_RELATIONS = "distinguished in {area:.0%} of pairs, by relations"
# Fewer rows per column do not show relations of columns.
RELATED_ROWS = 4
COPIED = "copies of training rows: {value:.0%}, not {floor:.0%}"


class _Floor:
    """The value of a measure between real rows, and how far from it a single value may be.

    The bounds are those of a prediction interval for one more value of a normal distribution, on a
    scale where the values are near to one: the arcsine of the root for shares, the cube root for
    errors. The standard deviation is at least that of a share of `n_rows` independent rows, or the
    change of an error that one row can make.
    """

    def __init__(self, values, n_rows, is_share):
        self.mean = float(np.mean(values))
        self.is_share = is_share
        scaled = self._scaled(np.asarray(values))
        n = len(scaled)
        if is_share:
            least = 0.5 / np.sqrt(n_rows)
        else:
            least = np.cbrt(self.mean + 1 / n_rows) - np.cbrt(self.mean)
        spread = max(np.std(scaled, ddof=1), least)
        self.centre = scaled.mean()
        self.reach = t.ppf(1 - ALARM, n - 1) * spread * np.sqrt(1 + 1 / n)

    def _scaled(self, values):
        return np.arcsin(np.sqrt(values)) if self.is_share else np.cbrt(values)

    def side(self, value):
        """Return -1 if a value is too low, 1 if it is too high, otherwise 0."""
        deviation = self._scaled(value) - self.centre
        return int(np.sign(deviation) * (abs(deviation) > self.reach))


def _spread(X, rng):
    """Move rows a little, so that equal ones are neighbours in random order.

    If rows repeat a few values, whole groups would be in a ball or outside, and shares would vary
    far more than those of independent rows.
    """
    return X + 1e-6 * X.std() * rng.normal(size=X.shape)


def _measure(X, Y, rng):
    """Compare two sets of equal size by all measures but classifiers and copies."""
    distances = column_distances(X, Y)
    values = {
        "marginal_error": distances.mean(),
        "largest_marginal_error": distances.max(),
        "energy_distance": energy_distance(X, Y),
        **precision_recall_density_coverage(_spread(X, rng), _spread(Y, rng)),
    }
    if X.shape[1] > 1:
        errors = np.abs(rank_correlations(X) - rank_correlations(Y))
        values["correlation_error"] = errors.mean()
        values["largest_correlation_error"] = errors.max()
    return values


def _distinguished(X, Y, rng):
    """Compare two sets of equal size by classifiers that are trained on half of them at a time."""
    return classifier_two_sample_test(X, Y, n_splits=2, random_state=int(rng.integers(2**31)))


def _by_relations(X, Y, rng):
    """Test whether trees on relations of columns distinguish fake rows Y from real rows X.

    They are tested on held-out rows. So for rows of one distribution the area has the mean and the
    variance of the Mann-Whitney statistic.
    """
    n_rows, n_columns = X.shape
    if n_columns < 2 or n_rows < RELATED_ROWS * n_columns:
        return GOOD
    area, _ = areas_without((X, Y), [], n_rows, rng)
    n = n_rows / 2
    reach = norm.ppf(1 - ALARM) * np.sqrt((2 * n + 1) / (12 * n * n))
    return BY_RELATIONS.format(area=area) if area > 0.5 + reach else GOOD


def _copies(X_train, X_test, X_fake):
    """Return the share of near-copies, that of held-out rows, and whether chance explains it.

    If held-out and fake rows are of one distribution, all orders of their distances to the training
    rows are equally likely: given k of n held-out rows below a threshold, the number of fake rows
    below it is beta-binomial.
    """
    options = {"quantile": COPY_QUANTILE, "standardize": False}
    share, floor = (near_copies(X_train, X_test, X, **options) for X in (X_fake, X_test))
    n, m = len(X_test), len(X_fake)
    k = round(floor * n)
    chance = k >= n or share * m <= betabinom.ppf(1 - ALARM, m, k + 1, n - k)
    return share, floor, chance


def _wrong_columns(X, Y, names):
    """Name the column of fake rows Y that is most unlike that of real rows X."""
    distances = column_distances(X, Y)
    worst = distances.argmax()
    return f"wrong columns: {names[worst]} is off by {distances[worst]:.0%}"


def _wrong_correlations(X, Y, names, rng):
    """Say how the correlations of fake rows Y differ from those of real rows X."""
    real, fake = rank_correlations(X), rank_correlations(Y)
    shuffled = [np.abs(rank_correlations(rng.permuted(Y, axis=0))) for _ in range(N_SPLITS)]
    independent = all(
        _Floor([of(part) for part in shuffled], len(Y), is_share=False).side(of(np.abs(fake))) <= 0
        for of in (np.mean, np.max)
    )
    worst = np.abs(real - fake).argmax()
    # For the named pair, in the direction of its real correlation; the sign counts as opposite only
    # beyond four standard errors of a correlation of zero.
    along, least = fake[worst] * np.sign(real[worst]), -4 / np.sqrt(len(Y))
    if independent:
        how = "columns independent"
    elif least < along < np.abs(real[worst]):
        how = "columns too loosely related"
    else:
        how = "columns wrongly related"
    first, second = (names[index[worst]] for index in np.triu_indices(len(names), k=1))
    return f"{how}: {fake[worst]:.2f}, not {real[worst]:.2f}, of {first} and {second}"


@one_thread()
def sample_report(
    X_train, X_test, X_fake, *, standardize=True, max_rows=1000, random_state=None, verbose="auto"
):
    r"""Judge generated rows by several measures, and say what is wrong with them.

    Each measure of test against fake rows is compared with the same measure of real against real
    rows, on sets of the same size: 60 times, two such sets are drawn from training and test rows,
    20 times for the classifiers, which take most of the time.

    Parameters
    ----------
    X_train : array-like or frame of shape (n_train, n_features)
        The rows that the generative model was fitted on.

    X_test : array-like or frame of shape (n_test, n_features)
        Held-out rows of the same distribution, at least 20.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows, at least 20.

    standardize : bool, default=True
        Whether to divide each column by its standard deviation over the training rows. Right for
        tables, whose columns have units of their own; set it to False for images.

    max_rows : int, default=1000
        The most rows of `X_test` and of `X_fake` to use, at least 20. With more, smaller
        differences are found; 1,000 rows of 5 columns take about 10 seconds on one core, most of it
        for the classifiers.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws the rows, the sets and what is random in the classifiers. An int makes the result
        reproducible.

    verbose : bool or "auto", default="auto"
        Whether to show a progress bar. ``"auto"`` shows one on a terminal or in a notebook while
        the report takes more than three seconds.

    Returns
    -------
    report : DataFrame
        A row a measure, in this order:

        - ``marginal_error``: whether the columns are right one by one. The verdict asks for the
          largest error too, since one wrong column is lost in the mean over many;
        - ``correlation_error``: the same of pairs of columns; left out if there is one column;
        - ``energy_distance``: whether the joint distribution is right;
        - ``classifier_two_sample_test``: whether a classifier that is trained on half of the rows
          at a time distinguishes them from real ones. If these classifiers find nothing, the
          verdict is that of the trees of :func:`telling_columns`, which read relations of columns;
        - ``precision`` and ``density``: whether they lie where real rows do;
        - ``recall`` and ``coverage``: whether any real rows are left out;
        - ``near_copies``: whether they repeat training rows.

        Its columns are ``value``, of fake rows; ``floor``, the mean between real rows, which a
        perfect model would have; and ``verdict``, in words, such as by how much a distribution
        function is off. ``print(report.to_string())`` shows all of it.

    Raises
    ------
    ValueError
        If a table cannot be read as numbers, has fewer than 20 rows, if the columns differ,
        or if `max_rows` is below 20.

    See Also
    --------
    classifier_two_sample_aucs : The areas of two classifiers.
    telling_columns : Which columns give generated rows away.
    make_sample_scorer : A single measure, to choose a model by.

    Notes
    -----
    A verdict speaks of a difference where a value lies outside of a prediction interval for one
    more value between real rows: on a scale where these are near to normal, their mean and
    :math:`t \, s \sqrt{1 + 1/n}`, with their number :math:`n`, their standard deviation :math:`s`
    and a quantile of Student's t distribution, :math:`t`. Shares are put on the scale of the
    arcsine of their root, errors on that of their cube root, and :math:`s` is at least the standard
    deviation due to single rows. Equal rows are neighbours in random order. The number of
    near-copies is compared with its exact distribution, which is beta-binomial, and the area of
    trees that read relations of columns with the distribution of the Mann-Whitney statistic, if
    there are four rows per column. The levels are such that the report of a perfect model names a
    difference in about 1 of 100 cases.

    Differences that are too small for the number of rows are not found: no difference found does
    not mean that there is none. The training rows are assumed to have the distribution of the test
    rows.

    Examples
    --------
    Rows whose columns were drawn independently of each other.

    >>> import numpy as np
    >>> from skgen.metrics import sample_report
    >>> rng = np.random.default_rng(0)
    >>> X_train, X_test, X = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=(3, 100))
    >>> X_fake = rng.permuted(X, axis=0)
    >>> report = sample_report(X_train, X_test, X_fake, random_state=0)
    >>> report.loc["marginal_error", "verdict"]
    'no different from real rows'
    >>> report.loc["correlation_error", "verdict"]  # doctest: +ELLIPSIS
    'columns independent: ... of column 0 and column 1'
    """
    (X_train, X_test, X_fake), names = named_tables(X_train=X_train, X_test=X_test, X_fake=X_fake)
    check_scalar(max_rows, "max_rows", Integral, min_val=MIN_ROWS)
    for name, X in (("X_train", X_train), ("X_test", X_test), ("X_fake", X_fake)):
        if len(X) < MIN_ROWS:
            raise ValueError(f"{name} has {len(X)} rows: give at least {MIN_ROWS} to judge by.")
    names = [f"column {i}" if names is None else repr(names[i]) for i in range(X_train.shape[1])]
    scaler = StandardScaler(with_std=standardize).fit(X_train)
    X_train, X_test, X_fake = map(scaler.transform, (X_train, X_test, X_fake))
    rng = np.random.default_rng(random_state)

    n_rows = min(len(X_train), len(X_test), len(X_fake), max_rows)
    real, fake = (subsample(X, n_rows, rng) for X in (X_test, X_fake))
    pool = np.concatenate([X_train, X_test])
    values = _measure(real, fake, rng)
    values["classifier_two_sample_test"] = _distinguished(real, fake, rng)
    between_real = {name: [] for name in values}
    with closing(progress_bar(verbose, N_SPLITS, "report", "split", time.monotonic())) as bar:
        for number in range(N_SPLITS):
            drawn = pool[rng.permutation(len(pool))[: 2 * n_rows]]
            pair = drawn[:n_rows], drawn[n_rows:]
            for name, value in _measure(*pair, rng).items():
                between_real[name].append(value)
            if number < N_CLASSIFIED:
                between_real["classifier_two_sample_test"].append(_distinguished(*pair, rng))
            bar.update()

    floors = {name: _Floor(between_real[name], n_rows, name in SHARES) for name in values}
    sides = {name: floors[name].side(value) for name, value in values.items()}

    verdicts = {}
    for name in VERDICTS.keys() & values.keys():
        too_low, too_high = VERDICTS[name]
        verdict = (too_low, GOOD, too_high)[sides[name] + 1]
        verdicts[name] = verdict.format(value=values[name], floor=floors[name].mean)
    if max(sides["marginal_error"], sides["largest_marginal_error"]) > 0:
        verdicts["marginal_error"] = _wrong_columns(real, fake, names)
    elif sides["classifier_two_sample_test"] > 0:
        verdicts["classifier_two_sample_test"] += ", by no single column"
    if max(sides.get("correlation_error", 0), sides.get("largest_correlation_error", 0)) > 0:
        verdicts["correlation_error"] = _wrong_correlations(real, fake, names, rng)

    floor_means = {name: floor.mean for name, floor in floors.items()}
    held_out, drawn = (subsample(X, MAX_COPIES, rng) for X in (X_test, X_fake))
    values["near_copies"], floor_means["near_copies"], by_chance = _copies(X_train, held_out, drawn)
    copied = COPIED.format(value=values["near_copies"], floor=floor_means["near_copies"])
    verdicts["near_copies"] = GOOD if by_chance else copied
    if verdicts["classifier_two_sample_test"] == GOOD:
        verdicts["classifier_two_sample_test"] = _by_relations(real, fake, rng)
    columns = {"value": values, "floor": floor_means, "verdict": verdicts}
    index = pd.Index([name for name in MEASURES if name in values], name="measure")
    return pd.DataFrame(columns, index=index)
