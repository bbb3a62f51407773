"""Statements about generated rows that are true of a single row of fit."""

from numbers import Integral

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.utils import check_scalar

from skgen.threads import one_thread

from ._frames import MEASURED, check_widths, common_column, matched_tables
from ._privacy import _frames_of, _is_confidence
from ._validation import subsample

# Most columns of a statement, and most draws of a new one, per statement.
MOST_COLUMNS, MOST_TRIES = 8, 10


@one_thread()
def singling_out_attack(
    X_train, X_test, X_fake, *, n_predicates=2000, confidence=0.95, random_state=None
):
    r"""How often statements made from generated rows are true of exactly one row of ``fit``.

    The attacker takes a generated row and a few of its columns, and guesses that one person has
    just these entries: the same categories, numbers at least as high where the entry is above the
    median of the generated rows, and at most as high where it is not [1]_. If the statement is true
    of exactly one row of ``fit``, it singles that row out. By chance it can be true of exactly one
    of as many held-out rows, too; if nothing is memorised, this is as frequent.

    Parameters
    ----------
    X_train : array-like or frame of shape (n_train, n_features)
        The rows that the generative model was fitted on, at least 2.

    X_test : array-like or frame of shape (n_test, n_features)
        Held-out rows of the same distribution, at least 2.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows.

    n_predicates : int, default=2000
        Number of different statements, each about 1 to 8 columns; fewer if the generated rows do
        not allow as many.

    confidence : float, default=0.95
        Of the intervals, between 0 and 1.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws which rows of the larger real table are left out, and the statements. An int makes the
        result reproducible.

    Returns
    -------
    attack : dict of str to float, int or tuple of float
        - ``"train"`` and ``"test"``: the share of statements that are true of exactly one row of
          ``fit``, and of exactly one held-out row, of as many of both; ``"train_interval"`` and
          ``"test_interval"``: Wilson's intervals [2]_;
        - ``"gain"``: the first less the second, 0 where nothing is memorised, and
          ``"gain_interval"``, Newcombe's from Wilson's [3]_;
        - ``"n_predicates"``: the number of statements.

    Raises
    ------
    ValueError
        If a table has too few rows, if the columns differ or cannot be compared, or if
        `n_predicates` or `confidence` is outside of its range.

    See Also
    --------
    membership_attack : Whether rows of ``fit`` can be distinguished from others.
    attribute_disclosure : Whether a column of a row can be guessed from its other columns.

    Notes
    -----
    The intervals take statements for independent. A gap is an entry like a category: a statement
    may say that an entry is missing. Statements are about intervals of numbers, so that a model
    need not repeat a row exactly to be found out.

    References
    ----------
    .. [1] M. Giomi, F. Boenisch, C. Wehmeyer, B. Tasnádi, "A unified framework for quantifying
       privacy risk in synthetic data", Proceedings on Privacy Enhancing Technologies, 2023.
    .. [2] E. Wilson, "Probable inference, the law of succession, and statistical inference",
       Journal of the American Statistical Association 22, 1927.
    .. [3] R. Newcombe, "Interval estimation for the difference between independent proportions:
       comparison of eleven methods", Statistics in Medicine 17, 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen.metrics import singling_out_attack
    >>> rng = np.random.default_rng(0)
    >>> X_train, X_test, X_fresh = rng.normal(size=(3, 500, 4))
    >>> attack = singling_out_attack(X_train, X_test, X_train, random_state=0)
    >>> bool(attack["gain_interval"][0] > 0.05)
    True
    >>> attack = singling_out_attack(X_train, X_test, X_fresh, random_state=0)
    >>> bool(abs(attack["gain"]) < 0.03)
    True
    """
    _is_confidence(confidence)
    check_scalar(n_predicates, "n_predicates", Integral, min_val=1)
    tables = matched_tables({"X_train": X_train, "X_test": X_test, "X_fake": X_fake})
    (train, test, fake), are_numbers = _as_entries(tables)
    rng = np.random.default_rng(random_state)
    n_rows = min(len(train), len(test))
    train, test = (subsample(rows, n_rows, rng) for rows in (train, test))
    medians = pd.DataFrame(fake).median().to_numpy()
    single = [
        [_true_of(rows, *statement, are_numbers, medians).sum() == 1 for rows in (train, test)]
        for statement in _statements(fake, n_predicates, rng)
    ]
    counts, n = np.sum(single, 0).tolist(), len(single)
    shares = [count / n for count in counts]
    (low, high), (low_test, high_test) = (_wilson(count, n, confidence) for count in counts)
    gain = shares[0] - shares[1]
    below = np.hypot(shares[0] - low, high_test - shares[1])
    above = np.hypot(high - shares[0], shares[1] - low_test)
    return {
        "train": shares[0],
        "train_interval": (low, high),
        "test": shares[1],
        "test_interval": (low_test, high_test),
        "gain": gain,
        "gain_interval": (float(gain - below), float(gain + above)),
        "n_predicates": n,
    }


def _as_entries(tables):
    """Return tables as floats, numbers of categories among them, and which columns are numbers."""
    frames = _frames_of(tables)
    first = next(iter(frames.values()))
    for name, frame in frames.items():
        check_widths("X_train", first.shape[1], name, frame.shape[1])
    are_numbers, parts = [], {name: [] for name in frames}
    for j, label in enumerate(first.columns):
        columns = {name: f.iloc[:, j].infer_objects() for name, f in frames.items()}
        kind, columns = common_column(
            {name: column.reset_index(drop=True) for name, column in columns.items()}, label
        )
        are_numbers.append(kind in MEASURED)
        if not are_numbers[-1]:
            places, _ = pd.factorize(pd.concat([c.astype(object) for c in columns.values()]))
            ends = np.cumsum([len(column) for column in columns.values()])[:-1]
            codes = np.split(np.where(places < 0, np.nan, places), ends)
            columns = dict(zip(columns, codes, strict=True))
        for name, column in columns.items():
            parts[name].append(np.asarray(column, dtype=np.float64))
    return [np.stack(part, 1) for part in parts.values()], are_numbers


def _statements(fake, n_predicates, rng):
    """Return columns and entries of different statements."""
    n_rows, n_columns = fake.shape
    statements = {}
    for _ in range(MOST_TRIES * n_predicates):
        size = rng.integers(1, min(n_columns, MOST_COLUMNS) + 1)
        columns = np.sort(rng.choice(n_columns, size, replace=False))
        entries = fake[rng.integers(n_rows), columns]
        statements[(*columns, *np.nan_to_num(entries, nan=np.inf))] = columns, entries
        if len(statements) == n_predicates:
            break
    return list(statements.values())


def _true_of(rows, columns, entries, are_numbers, medians):
    """Return of which rows a statement is true."""
    true = np.ones(len(rows), dtype=bool)
    for j, entry in zip(columns, entries, strict=True):
        if np.isnan(entry):
            true &= np.isnan(rows[:, j])
        elif not are_numbers[j]:
            true &= rows[:, j] == entry
        else:
            true &= rows[:, j] >= entry if entry > medians[j] else rows[:, j] <= entry
    return true


def _wilson(count, n, confidence):
    """Return Wilson's interval of a share."""
    z = norm.ppf(0.5 + confidence / 2)
    centre = (count + z**2 / 2) / (n + z**2)
    reach = z / (n + z**2) * np.sqrt(count * (n - count) / n + z**2 / 4)
    return float(max(0.0, centre - reach)), float(min(1.0, centre + reach))
