"""What generated rows disclose about the rows that a model was fitted on."""

from numbers import Real

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from scipy.stats import norm, rankdata
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, check_scalar

from skgen.threads import one_thread

from ._neighbours import nearest
from ._validation import check_tables

# The largest error of a right guess of a number, in its standard deviations.
NEAR = 0.1


def _area(members, others):
    """Area under the ROC curve of a score, and its standard error (DeLong et al., 1988)."""
    n, m = len(members), len(others)
    ranks = rankdata(np.r_[members, others])
    of_members = (ranks[:n] - rankdata(members)) / m
    of_others = 1 - (ranks[n:] - rankdata(others)) / n
    variance = of_members.var(ddof=1) / n + of_others.var(ddof=1) / m
    return of_members.mean(), np.sqrt(variance)


def _interval(value, error, confidence):
    reach = norm.ppf(0.5 + confidence / 2) * error
    return float(max(0.0, value - reach)), float(min(1.0, value + reach))


def _is_confidence(confidence):
    check_scalar(confidence, "confidence", Real, min_val=0, max_val=1, include_boundaries="neither")


def _at_least(n_rows, **tables):
    for name, table in tables.items():
        if len(table) < n_rows:
            raise ValueError(f"{name} has {len(table)} rows: give at least {n_rows}.")


def _frames_of(tables):
    """Return tables as frames of pandas, of two rows at least and the generated one of one."""
    frames = {}
    for name, table in tables.items():
        table = table.to_pandas() if hasattr(table, "to_pandas") else table
        is_frame = isinstance(table, pd.DataFrame)
        frames[name] = table if is_frame else pd.DataFrame(np.asarray(table))
        _at_least(2 if name != "X_fake" else 1, **{name: frames[name]})
    return frames


@one_thread()
def membership_attack(X_train, X_test, X_fake, *, confidence=0.95, random_state=None):
    r"""How well attackers who have generated rows can distinguish the rows of ``fit`` from others.

    Two attackers have the generated rows and give every real row a score. If nothing is memorised,
    rows of ``fit`` and held-out rows get similar scores:

    - ``"distance"``: how near the nearest generated row is;
    - ``"density_ratio"``: how much nearer it is than the nearest of other real rows, which the
      attacker has as well [1]_. Half of the held-out rows are used for this, and get no score. This
      attacker also finds copies of rows in dense regions, where all rows are near.

    Parameters
    ----------
    X_train : array-like or frame of shape (n_train, n_features)
        The rows that the generative model was fitted on, at least 2.

    X_test : array-like or frame of shape (n_test, n_features)
        Held-out rows of the same distribution, at least 4.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows; the more there are, the more the attackers find.

    confidence : float, default=0.95
        Of the intervals, between 0 and 1.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws which rows of the larger real table are left out, and which held-out rows the second
        attacker has. An int makes the result reproducible.

    Returns
    -------
    attack : dict of str to float or tuple of float
        - ``"distance"`` and ``"density_ratio"``: the area under the ROC curve of either attacker,
          the probability that a row of ``fit`` scores above a held-out one. 0.5 is a guess, 1 means
          that every row of ``fit`` is found;
        - ``"auc"``: the larger of both, and ``"auc_interval"``: an interval for it from the
          standard error of the area [2]_, given the generated rows. The larger of two areas that
          are both 0.5 lies about half a standard error above it;
        - ``"nearer_to_train"``: the share of generated rows that are nearer to a row of ``fit``
          than to a held-out one, of as many of both, and ``"nearer_interval"``. 0.5 is right.
          Generated rows that share their nearest real row count as one observation in it.

        Columns are divided by their standard deviations over the rows of ``fit``.

    Raises
    ------
    ValueError
        If a table cannot be read as numbers, has too few rows, if the columns differ, or if
        `confidence` is outside of its range.

    See Also
    --------
    attribute_disclosure : Whether a column of a row can be guessed from its other columns.
    near_copies : Share of generated rows that are copies.

    Notes
    -----
    An area of 0.5 means that these attackers find nothing, not that there is nothing to find: it
    does not bound the privacy loss. Repeated training rows are found best in columns of numbers; if
    real rows are often equal, distances are tied, and a tie counts one half.

    References
    ----------
    .. [1] B. van Breugel, H. Sun, Z. Qian, M. van der Schaar, "Membership inference attacks against
       synthetic data through overfitting detection", AISTATS 2023.
    .. [2] E. DeLong, D. DeLong, D. Clarke-Pearson, "Comparing the areas under two or more
       correlated receiver operating characteristic curves", Biometrics 44, 1988.

    Examples
    --------
    A model that repeats half of its training rows: these are found, the others are guessed.

    >>> import numpy as np
    >>> from skgen.metrics import membership_attack
    >>> rng = np.random.default_rng(0)
    >>> X_train, X_test, X_fresh = rng.normal(size=(3, 1000, 4))
    >>> attack = membership_attack(X_train, X_test, X_train[:500], random_state=0)
    >>> bool(abs(attack["distance"] - 0.75) < 0.03), attack["nearer_to_train"]
    (True, 1.0)
    >>> attack = membership_attack(X_train, X_test, X_fresh, random_state=0)
    >>> bool(abs(attack["auc"] - 0.5) < 0.05)
    True
    """
    X_train, X_test, X_fake = check_tables(X_train=X_train, X_test=X_test, X_fake=X_fake)
    _is_confidence(confidence)
    _at_least(2, X_train=X_train)
    _at_least(4, X_test=X_test)
    rng = check_random_state(random_state)
    scaler = StandardScaler().fit(X_train)
    train, test, fake = (rng.permutation(scaler.transform(X)) for X in (X_train, X_test, X_fake))
    rivals, others = np.array_split(test, 2)
    distances = [nearest(rows, fake)[0] for rows in (train, test, others)]
    areas = {"distance": _area(-distances[0], -distances[1])}
    to_rivals = [nearest(rows, rivals)[0] for rows in (train, others)]
    # Copies are at a distance of 0, and a ratio to it has to be a number.
    least = 1e-9 + 1e-6 * np.median(to_rivals[1])
    ratios = [
        np.log(rival + least) - np.log(own + least)
        for rival, own in zip(to_rivals, distances[::2], strict=True)
    ]
    areas["density_ratio"] = _area(*ratios)
    best, error = max(areas.values())
    n = min(len(train), len(test))
    share, share_error = _share_nearer(fake, train[:n], test[:n])
    return {
        **{name: float(area) for name, (area, _) in areas.items()},
        "auc": float(best),
        "auc_interval": _interval(best, error, confidence),
        "nearer_to_train": share,
        "nearer_interval": _interval(share, share_error, confidence),
    }


def _share_nearer(fake, train, test):
    """Share of rows nearer to one table than to the other, and its standard error."""
    (to_train, nearest_train), (to_test, nearest_test) = nearest(fake, train), nearest(fake, test)
    nearer = np.where(to_train == to_test, 0.5, to_train < to_test)
    owner = np.where(to_train <= to_test, nearest_train, len(train) + nearest_test)
    # If both tables have one distribution, the table of a real row is a fair coin, for each real
    # row, not for each generated one.
    weights = np.bincount(owner)
    return float(nearer.mean()), 0.5 * np.sqrt(np.square(weights).sum()) / len(fake)


@one_thread()
def attribute_disclosure(X_train, X_test, X_fake, column, *, confidence=0.95):
    """How well a column of a row of ``fit`` can be guessed from its others and generated rows.

    The attacker knows all other columns of a row, and takes the entry of the generated row that is
    nearest in these. For held-out rows this is right as often as the dependence of the columns
    allows, which a model should learn; for rows of ``fit`` it should not be right more often.

    Parameters
    ----------
    X_train : array-like or frame of shape (n_train, n_features)
        The rows that the generative model was fitted on, at least 2.

    X_test : array-like or frame of shape (n_test, n_features)
        Held-out rows of the same distribution, at least 2.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows.

    column : hashable
        The column that is guessed: its name in a frame, otherwise its position.

    confidence : float, default=0.95
        Of the interval, between 0 and 1.

    Returns
    -------
    disclosure : dict of str to float or tuple of float
        - ``"train"`` and ``"test"``: the share of rows whose entry is guessed right. A number is
          guessed right to a tenth of its standard deviation; gaps are right where both have one;
        - ``"gain"``: the first less the second, 0 where nothing is memorised, and
          ``"gain_interval"``, by the normal approximation.

    Raises
    ------
    ValueError
        If a table cannot be read as numbers, has too few rows or columns, if the columns differ or
        `column` is none of them, or if `confidence` is outside of its range.

    See Also
    --------
    membership_attack : Whether rows of ``fit`` can be distinguished from others.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen.metrics import attribute_disclosure
    >>> rng = np.random.default_rng(0)
    >>> X_train, X_test, X_fresh = rng.normal(size=(3, 1000, 4))
    >>> round(attribute_disclosure(X_train, X_test, X_train, 0)["train"], 2)
    1.0
    >>> disclosure = attribute_disclosure(X_train, X_test, X_fresh, 0)
    >>> bool(abs(disclosure["gain"]) < 0.05)
    True
    """
    _is_confidence(confidence)
    tables = {"X_train": X_train, "X_test": X_test, "X_fake": X_fake}
    frames = _frames_of(tables)
    for name, frame in frames.items():
        if column not in frame.columns:
            raise ValueError(
                f"{name} has no column {column!r}; its columns are {list(frame.columns)}."
            )
        if frame.shape[1] < 2:
            raise ValueError(f"{name} has no other column than {column!r} to guess it from.")
    entries = {name: frame[column] for name, frame in frames.items()}
    train, test, fake = check_tables(
        **{name: frame.drop(columns=[column]) for name, frame in frames.items()}
    )
    scaler = StandardScaler().fit(train)
    train, test, fake = map(scaler.transform, (train, test, fake))
    guesses = entries["X_fake"]
    right = {
        name: _equal(entries[f"X_{name}"], guesses.iloc[nearest(rows, fake)[1]], entries["X_train"])
        for name, rows in (("train", train), ("test", test))
    }
    shares = {name: float(values.mean()) for name, values in right.items()}
    error = np.sqrt(sum(values.var(ddof=1) / len(values) for values in right.values()))
    gain = shares["train"] - shares["test"]
    reach = float(norm.ppf(0.5 + confidence / 2) * error)
    return {**shares, "gain": gain, "gain_interval": (gain - reach, gain + reach)}


def _equal(real, guessed, learnt):
    """Return which guesses are right: numbers to a tenth of their deviation, others exactly."""
    real, guessed = real.reset_index(drop=True), guessed.reset_index(drop=True)
    both_missing = (real.isna() & guessed.isna()).to_numpy()
    if is_numeric_dtype(learnt) and not is_bool_dtype(learnt):
        values = (part.to_numpy(float, na_value=np.nan) for part in (real, guessed))
        reach = NEAR * np.nanstd(learnt.to_numpy(float, na_value=np.nan))
        return both_missing | (np.abs(np.subtract(*values)) <= reach)
    return both_missing | (real.astype(object) == guessed.astype(object)).to_numpy()
