"""Which columns distinguish fake rows, by a classifier that reads linear relations of columns."""

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skgen.threads import one_thread

from ._frames import as_numbers, matched_tables, mixed_frames
from ._validation import check_tables

MIN_ROWS = 20
# Added to the correlations, so that the residual of a sum which holds in all rows is about zero.
RIDGE = 1e-9
N_PERMUTATIONS = 3


class _Relations:
    """The residual of each column in a linear regression on the others.

    Of standardised columns with covariance C this is :math:`(P z)_j / P_{jj}`, :math:`P = C^{-1}`.
    Where a sum holds in all real rows it is 0, and not in rows that break it.
    """

    def __init__(self, X):
        self.mean, self.scale = X.mean(0), X.std(0)
        self.scale[self.scale == 0] = 1.0
        Z = (X - self.mean) / self.scale
        self.precision = np.linalg.inv(Z.T @ Z / len(Z) + RIDGE * np.eye(X.shape[1]))

    def beside(self, X):
        """Return the columns and their residuals, side by side."""
        Z = (X - self.mean) / self.scale
        return np.column_stack([X, np.abs(Z @ self.precision / self.precision.diagonal())])


@one_thread()
def telling_columns(X_real, X_fake, *, random_state=None):
    r"""Area of a classifier that distinguishes fake rows from real ones, and its main columns.

    Gradient-boosted trees are trained on half of the rows. Besides the columns, they read the
    residual of each column in a linear regression on the others, fitted to real rows, so that a sum
    which holds only in these is easily found. The area is that on the other half. A column's share
    is how much the area falls when the column's entries are permuted, which removes its relations
    to all others.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_real, n_features)
        Held-out real rows, at least 20.

    X_fake : array-like or frame of shape (n_fake, n_features)
        Generated rows, at least 20. The larger of the two sets is cut to the size of the smaller.

    random_state : int, RandomState instance, Generator or None, default=None
        Draws the halves and the permutations.

    Returns
    -------
    area : float
        Area under the ROC curve: 0.5 if it finds no difference, 1 if it classifies every row.

    shares : Series
        By how much it falls without each column, by name, the largest first.

    Raises
    ------
    ValueError
        If a table cannot be read as numbers, has too few rows, or if the columns differ.

    See Also
    --------
    classifier_two_sample_test : Area of the better of two other classifiers.

    Examples
    --------
    Totals that are nearly the sum of the parts.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from skgen.metrics import telling_columns
    >>> rng = np.random.default_rng(0)
    >>> def bills():
    ...     X = pd.DataFrame(rng.normal(10, 3, size=(500, 3)), columns=["net", "tax", "weight"])
    ...     return X.assign(total=X["net"] + X["tax"])
    >>> fake = bills().assign(total=lambda X: X["total"] + rng.normal(0, 0.1, 500))
    >>> area, shares = telling_columns(bills(), fake, random_state=0)
    >>> round(area, 2), sorted(shares.index[:3])
    (1.0, ['net', 'tax', 'total'])
    """
    tables, groups, names = _grouped(X_real, X_fake)
    if (n_rows := min(map(len, tables))) < MIN_ROWS:
        n_real, n_fake = map(len, tables)
        raise ValueError(
            f"X_real has {n_real} rows and X_fake {n_fake}: give at least {MIN_ROWS} to judge by."
        )
    area, without = areas_without(tables, groups, n_rows, np.random.default_rng(random_state))
    shares = pd.Series(area - without, index=pd.Index(names, tupleize_cols=False), dtype=float)
    return area, shares.sort_values(ascending=False)


def areas_without(tables, groups, n_rows, rng):
    """Return the area of a classifier, and those where each group of columns is permuted."""
    X = np.concatenate([rng.permutation(part)[:n_rows] for part in tables])
    is_fake = np.repeat([0, 1], n_rows)
    learnt, judged, fake_learnt, fake_judged = train_test_split(
        X, is_fake, test_size=0.5, stratify=is_fake, random_state=int(rng.integers(2**31))
    )
    relations = _Relations(learnt[fake_learnt == 0])
    trees = HistGradientBoostingClassifier(random_state=int(rng.integers(2**31)))
    trees.fit(relations.beside(learnt), fake_learnt)

    def area(rows):
        return roc_auc_score(fake_judged, trees.predict_proba(relations.beside(rows))[:, 1])

    without = []
    for places in groups:
        areas = []
        for _ in range(N_PERMUTATIONS):
            cut = judged.copy()
            cut[:, places] = cut[rng.permutation(len(cut))][:, places]
            areas.append(area(cut))
        without.append(np.mean(areas))
    return float(area(judged)), np.array(without)


def _grouped(X_real, X_fake):
    """Return both tables as arrays, the positions of each column, and the columns' names."""
    tables = matched_tables({"X_real": X_real, "X_fake": X_fake})
    frames = mixed_frames(tables)
    if frames is None:
        arrays = check_tables(**tables)
        names = getattr(tables["X_real"], "columns", range(arrays[0].shape[1]))
        return arrays, [[j] for j in range(arrays[0].shape[1])], list(names)
    parts, groups, end = [], [], 0
    names = list(frames["X_real"].columns)
    for j in range(len(names)):
        column = as_numbers({name: frame.iloc[:, [j]] for name, frame in frames.items()})
        parts.append([part.to_numpy(dtype=np.float64) for part in column.values()])
        start, end = end, end + parts[-1][0].shape[1]
        groups.append(list(range(start, end)))
    return [np.concatenate(blocks, 1) for blocks in zip(*parts, strict=True)], groups, names
