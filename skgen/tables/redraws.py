"""Rows drawn again until functions hold: rules that nothing computes.

Rows come in groups of `GROUP`, the last one smaller. Those of a group that break a function are
drawn again, the more candidates for each the fewer have held so far, and the first of these that
holds takes the place of the row. What is drawn depends on the seed, the group and the round alone,
so that batches are, one after the other, what all rows at once are.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from skgen.tables.constraints import Check
from skgen.tables.encoder import TableEncoder, as_learnt
from skgen.tables.polars_frames import as_pandas, is_polars

# Rows of a group, and how often they are drawn again at most.
GROUP, MOST_ROUNDS = 16_384, 100
# Candidates of a round, if there are fewer rows to be drawn again; and for a row in all rounds.
CANDIDATES, MOST_TRIED = 1024, 500


def checks_of(encoder: Any) -> list[Check]:
    """Return the functions among the rules of a fitted encoder, or of None."""
    return [rule for rule in getattr(encoder, "constraints_", []) if isinstance(rule, Check)]


def check_redrawn(steps: list[tuple[str, Any]], model: Any) -> None:
    """Raise where functions are asked for that no pipeline of such steps keeps.

    Parameters
    ----------
    steps : list of (str, transformer)
        The steps before the model.
    model : estimator
        The last step.

    Raises
    ------
    ValueError
        If an encoder with functions is not the first step: what these are given is a row of X.
    TypeError
        If the model's ``sample`` takes no seed, and may draw the same rows again.
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
    """Rows drawn again until functions hold.

    Parameters
    ----------
    encoder : TableEncoder
        The fitted encoder whose functions they are.
    random_state : int, RandomState instance or None
        The seed of the rows.

    Attributes
    ----------
    seed : int
        What the seeds of all rounds are made of.
    """

    def __init__(self, encoder: Any, random_state: Any):
        self.encoder, self.checks = encoder, checks_of(encoder)
        self.seed = (
            int(random_state)
            if isinstance(random_state, Integral)
            else int(check_random_state(random_state).randint(2**31 - 1))
        )

    def __call__(
        self, rows: Any, draw: Callable[[np.ndarray, int], Any], group: int, free: Any = None
    ) -> Any:
        """Return rows of a group, those drawn again that break a function.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            The rows.
        draw : callable
            Of the places of rows, and of a seed: as many other rows for these.
        group : int
            The number of the group.
        free : ndarray of shape (n_samples,), bool, default=None
            Which rows may be drawn again; None for all.

        Returns
        -------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in all of which that may be drawn again the functions hold.

        Raises
        ------
        ValueError
            If some do not after `MOST_ROUNDS` rounds, or `MOST_TRIED` candidates each.
        """
        holds = self._holds(rows)
        held = holds if free is None else holds[:, free]
        n_drawn, n_held = held.shape[1], held.sum(1)
        n_whole = held.all(0).sum()
        left = np.flatnonzero(~holds.all(0) & (True if free is None else free))
        tried = 0
        for k in range(MOST_ROUNDS):
            if not len(left):
                return rows
            if tried >= MOST_TRIED:
                break
            wanted = -(-(n_drawn + 1) // (n_whole + 1))
            times = max(1, min(wanted, CANDIDATES // len(left)))
            tried += times
            drawn = draw(np.repeat(left, times), self._seed_of(group, k))
            holds = self._holds(drawn)
            n_drawn, n_held = n_drawn + holds.shape[1], n_held + holds.sum(1)
            n_whole += holds.all(0).sum()
            by_row = holds.all(0).reshape(len(left), times)
            found = by_row.any(1)
            first = np.flatnonzero(found) * times + by_row[found].argmax(1)
            rows = _replaced(rows, left[found], _taken(drawn, first))
            left = left[~found]
        if not len(left):
            return rows
        k = int(n_held.argmin())
        raise ValueError(
            f"The function {self.checks[k].name!r} among the constraints held in "
            f"{n_held[k] / n_drawn:.2%} of {n_drawn:,} drawn rows, and {len(left)} of {len(rows)} "
            f"rows, such as row {left[0]}, have none that can be after {tried} draws of each. "
            "Drawing again serves what most rows keep: leave the function out, say it by a rule "
            "that is computed, such as skgen.Inequality or skgen.Formula, or ask for what can be "
            "where columns are given."
        )

    def _seed_of(self, group: int, k: int) -> int:
        entropy = np.random.SeedSequence([self.seed, group, k])
        return int(entropy.generate_state(1)[0] >> 1)

    def _holds(self, rows: Any) -> np.ndarray:
        """Tell, by function, in which rows it holds, of the dtypes that fit saw."""
        frame = as_pandas(rows)
        frame = frame if isinstance(frame, pd.DataFrame) else pd.DataFrame(frame)
        frame = as_learnt(self.encoder, frame.reset_index(drop=True))
        return np.stack([check.holds(frame) for check in self.checks])


def grouped(batches: Iterable[Any], batch_size: int) -> Iterator[Any]:
    """Put groups of rows together, and take them apart in batches of one size.

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
    held: Any = None
    for rows in batches:
        held = rows if held is None else joined([held, rows])
        while len(held) > batch_size:
            yield _taken(held, np.arange(batch_size))
            held = _taken(held, np.arange(batch_size, len(held)))
    if held is not None:
        yield held


def joined(tables: list[Any]) -> Any:
    """Return tables of one kind one below the other, numbered anew."""
    if len(tables) == 1:
        return tables[0]
    if isinstance(tables[0], np.ndarray):
        return np.concatenate(tables)
    if is_polars(tables[0]):
        import polars as pl

        return pl.concat(tables)
    return pd.concat(tables, ignore_index=True)


def _taken(rows: Any, places: np.ndarray) -> Any:
    if isinstance(rows, pd.DataFrame):
        return rows.iloc[places].reset_index(drop=True)
    return rows[places]


def _replaced(rows: Any, places: np.ndarray, others: Any) -> Any:
    """Return rows with others in some places."""
    if not len(places):
        return rows
    order = np.arange(len(rows))
    order[places] = len(rows) + np.arange(len(places))
    if isinstance(rows, pd.DataFrame):
        others = others.set_axis(rows.columns, axis=1)
        return pd.concat([rows, others]).iloc[order].set_axis(rows.index)
    return joined([rows, others])[order]
