"""Rejection sampling: rows are drawn again until the functions among the constraints hold.

Rows are drawn in groups of `GROUP`, the last one smaller. Each row of a group in which a function
does not hold is drawn again, with more candidates the lower the acceptance rate has been so far,
and is replaced by the first candidate in which all functions hold. The seed of a draw depends only
on the seed of all rows, the group and the round, so rows do not depend on the size of batches.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from skgen.base import _seed
from skgen.tables.constraints import Check
from skgen.tables.encoder import TableEncoder
from skgen.tables.polars_frames import as_pandas, is_polars

# Rows of a group; most rounds in which its rejected rows are drawn again.
GROUP, MOST_ROUNDS = 16_384, 100
# Most candidates of a round, unless more rows are left (each has one at least); candidates of a row
# after which no further round starts.
CANDIDATES, MOST_TRIED = 1024, 500


def checks_of(encoder: Any) -> list[Check]:
    """Return the functions among the rules of a fitted encoder; empty for None."""
    return [rule for rule in getattr(encoder, "constraints_", []) if isinstance(rule, Check)]


def check_redrawn(steps: list[tuple[str, Any]], model: Any) -> None:
    """Raise if an encoder has functions among its constraints that the pipeline cannot satisfy.

    Parameters
    ----------
    steps : list of (str, transformer)
        The steps before the model.
    model : estimator
        The last step.

    Raises
    ------
    ValueError
        If an encoder with functions is not the first step: the functions take rows of X.
    TypeError
        If the model's ``sample`` takes no seed, so that it could draw the same rows again.
    """
    for k, (name, step) in enumerate(steps):
        rules = getattr(step, "constraints", None) if isinstance(step, TableEncoder) else None
        if isinstance(rules, str) or not any(
            callable(r) or isinstance(r, Check) for r in rules or ()
        ):
            continue
        if k > 0:
            raise ValueError(
                f"Step '{name}' has a function among its constraints, which is given rows of X: "
                "make it the first step."
            )
        if "random_state" not in inspect.signature(model.sample).parameters:
            raise TypeError(
                f"Step '{name}' has a function among its constraints, for which rows are drawn "
                f"again, and {model} takes no random_state in sample; take another model."
            )


class Redraw:
    """Draws rows of a group again until functions hold.

    Parameters
    ----------
    encoder : TableEncoder
        The fitted encoder with functions among its constraints.
    random_state : int, RandomState instance or None
        The seed of the rows.

    Attributes
    ----------
    seed : int
        The seed from which the seeds of all groups and rounds are derived.
    """

    def __init__(self, encoder: Any, random_state: Any):
        self.encoder, self.checks = encoder, checks_of(encoder)
        is_seed = isinstance(random_state, Integral)
        self.seed = int(random_state) if is_seed else _seed(random_state)

    def __call__(
        self, rows: Any, draw: Callable[[np.ndarray, int], Any], group: int, free: Any = None
    ) -> Any:
        """Return the rows of a group, with those replaced in which a function does not hold.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            The rows.
        draw : callable
            Takes positions of rows and a seed; returns one new row for each position.
        group : int
            The number of the group.
        free : ndarray of shape (n_samples,), bool, default=None
            Which rows may be drawn again; None for all.

        Returns
        -------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            The rows; in all that may be drawn again the functions hold.

        Raises
        ------
        ValueError
            If some row has no valid candidate after `MOST_ROUNDS` rounds or `MOST_TRIED` draws.
        """
        holds = self._holds(rows)
        valid = holds if free is None else holds[:, free]
        n_drawn, n_valid = valid.shape[1], valid.sum(1)
        n_all_valid = valid.all(0).sum()
        remaining = np.flatnonzero(~holds.all(0) & (True if free is None else free))
        n_tried = 0
        for k in range(MOST_ROUNDS):
            if not len(remaining):
                return rows
            if n_tried >= MOST_TRIED:
                break
            wanted = -(-(n_drawn + 1) // (n_all_valid + 1))
            n_candidates = max(1, min(wanted, CANDIDATES // len(remaining)))
            n_tried += n_candidates
            drawn = draw(np.repeat(remaining, n_candidates), self._seed_of(group, k))
            holds = self._holds(drawn)
            n_drawn, n_valid = n_drawn + holds.shape[1], n_valid + holds.sum(1)
            n_all_valid += holds.all(0).sum()
            by_row = holds.all(0).reshape(len(remaining), n_candidates)
            found = by_row.any(1)
            first = np.flatnonzero(found) * n_candidates + by_row[found].argmax(1)
            rows = _replaced(rows, remaining[found], _taken(drawn, first))
            remaining = remaining[~found]
        if not len(remaining):
            return rows
        k = int(n_valid.argmin())
        raise ValueError(
            f"The function {self.checks[k].name!r} among the constraints held in "
            f"{n_valid[k] / n_drawn:.2%} of {n_drawn:,} drawn rows, and {len(remaining)} of "
            f"{len(rows)} rows, such as row {remaining[0]}, break a function in all {n_tried} "
            "draws of each. Functions suit what most drawn rows keep anyway: leave the function "
            "out, replace it by a rule that is computed, such as skgen.Inequality or "
            "skgen.Formula, or give columns values with which it can hold."
        )

    def _seed_of(self, group: int, k: int) -> int:
        """Return the seed of round k of a group."""
        entropy = np.random.SeedSequence([self.seed, group, k])
        return int(entropy.generate_state(1)[0] >> 1)

    def _holds(self, rows: Any) -> np.ndarray:
        """Return for each function in which rows it holds, given columns of the dtypes of fit."""
        frame = as_pandas(rows)
        frame = frame if isinstance(frame, pd.DataFrame) else pd.DataFrame(frame)
        frame = _as_learnt(self.encoder, frame.reset_index(drop=True))
        return np.stack([check.holds(frame) for check in self.checks])


def grouped(batches: Iterable[Any], batch_size: int) -> Iterator[Any]:
    """Yield the rows of groups in batches of one size.

    Parameters
    ----------
    batches : iterable of DataFrame or ndarray
        The groups.
    batch_size : int
        Rows of a batch.

    Yields
    ------
    batch : DataFrame or ndarray of shape (batch_size, n_features)
        A batch, the last of which may have fewer rows.
    """
    pending: Any = None
    for rows in batches:
        pending = rows if pending is None else joined([pending, rows])
        while len(pending) > batch_size:
            yield _taken(pending, np.arange(batch_size))
            pending = _taken(pending, np.arange(batch_size, len(pending)))
    if pending is not None:
        yield pending


def joined(tables: list[Any]) -> Any:
    """Return tables of one kind concatenated by rows, with a new index."""
    if len(tables) == 1:
        return tables[0]
    if isinstance(tables[0], np.ndarray):
        return np.concatenate(tables)
    if is_polars(tables[0]):
        import polars as pl

        return pl.concat(tables)
    return pd.concat(tables, ignore_index=True)


def _taken(rows: Any, places: np.ndarray) -> Any:
    """Return the rows at some positions."""
    if isinstance(rows, pd.DataFrame):
        return rows.iloc[places].reset_index(drop=True)
    return rows[places]


def _replaced(rows: Any, places: np.ndarray, others: Any) -> Any:
    """Return rows with others at some positions."""
    if not len(places):
        return rows
    order = np.arange(len(rows))
    order[places] = len(rows) + np.arange(len(places))
    if isinstance(rows, pd.DataFrame):
        others = others.set_axis(rows.columns, axis=1)
        return pd.concat([rows, others]).iloc[order].set_axis(rows.index)
    return joined([rows, others])[order]


def _as_learnt(encoder: TableEncoder, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that were learnt, with their dtypes where their entries can have these."""
    frame = encoder._withheld.shown(frame)
    series = []
    for j, column in enumerate(encoder._columns):
        entries = frame.iloc[:, j]
        if entries.dtype != column.dtype:
            with suppress(TypeError, ValueError):
                entries = entries.astype(column.dtype)
        series.append(entries)
    return pd.concat(series, axis=1)
