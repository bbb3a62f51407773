"""The rows that a bridge starts from, with the columns of X."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils import check_array

from skgen.data.checks import check_largest, explained
from skgen.data.out_of_core import is_stored, named, pieces, surveyed


class UncutSource:
    """Rows of a source that cross-validation does not cut.

    scikit-learn cuts every argument of ``fit`` that has as many rows as X into folds. A source that
    happens to have as many rows is not cut inside this wrapper.

    Parameters
    ----------
    rows : array-like of shape (n_source, n_features)
        The rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen import SchrodingerBridgeMatcher, UncutSource
    >>> rng = np.random.default_rng(0)
    >>> X, X_source = rng.normal(size=(50, 2)), rng.uniform(size=(50, 2))
    >>> model = SchrodingerBridgeMatcher(max_steps=20, random_state=0)
    >>> model = model.fit(X, source=UncutSource(X_source))
    >>> model.inverse_transform(X_source[:3]).shape
    (3, 2)
    """

    def __init__(self, rows: Any):
        self.rows = rows

    def __repr__(self) -> str:
        return f"UncutSource({np.shape(self.rows)} rows)"


def unwrapped(source: Any) -> Any:
    """Return the rows of a source, with or without its wrapper."""
    return source.rows if isinstance(source, UncutSource) else source


def read_source(
    estimator: Any, source: Any, names: Any, n_features: int, digest: Callable[..., Any] | None
) -> tuple[np.ndarray, Any]:
    """Return the rows of a source, or a random part of too many, and the digest of all of them.

    The columns are matched with those of X, by their number and, if there are any, their names.
    ``digest`` makes a digest of a shape, to which rows are added; None makes none.
    """
    total = None
    if is_stored(source):
        total = _digest_of(source, digest)
        source = surveyed(source)
        if is_stored(source):
            source = named(np.asarray(source[:]), source)
    source = matched(source, names, "source", stacklevel=7)
    with explained(estimator, source, "source"):
        rows = check_array(source, dtype=np.float64, ensure_min_samples=2, input_name="source")
    total = _digest_of(rows, digest) if total is None else total
    rows = surveyed(rows)
    check_largest(rows, "source")
    if rows.shape[1] != n_features:
        raise ValueError(
            f"source has {rows.shape[1]} columns, but X has {n_features}: both ends of a bridge "
            "need the same columns."
        )
    return rows, total


def _digest_of(rows: Any, digest: Callable[..., Any] | None) -> Any:
    if digest is None:
        return None
    total = digest(rows.shape)
    for _, part in pieces(rows):
        total.add(part)
    return total


def matched(rows: Any, names: Any, what: str, stacklevel: int | None = None) -> Any:
    """Return rows with the columns in the order of those of X, matched by their names.

    If only one of the two has names, columns are matched by position, with a warning if ``warn``;
    names that are not strings count only if neither has names that are.
    """
    found = getattr(rows, "columns", None)
    found, names = (None if part is None else list(part) for part in (found, names))
    if found == names:
        return rows
    of_texts = [
        part is not None and all(isinstance(name, str) for name in part) for part in (found, names)
    ]
    if found is None or names is None or of_texts[0] != of_texts[1]:
        if stacklevel is not None and of_texts[0] != of_texts[1]:
            with_names, without = (what, "X") if of_texts[0] else ("X", what)
            warnings.warn(
                f"{with_names} has names of columns, but {without} has none: the columns of {what} "
                "are taken by their places.",
                stacklevel=stacklevel,
            )
        return rows
    lacking = [name for name in names if name not in found]
    unknown = [name for name in found if name not in names]
    if lacking or unknown or len(found) != len(names) or len(set(found)) < len(found):
        differences = [f"it lacks {lacking[:5]}"] * bool(lacking)
        differences += [f"X lacks {unknown[:5]}"] * bool(unknown)
        reasons = ", ".join(differences) or "some names come twice"
        raise ValueError(
            f"{what} has other columns than X: {reasons}. "
            "Both ends of a bridge need the same columns."
        )
    return rows.loc[:, names] if hasattr(rows, "loc") else rows[names]
