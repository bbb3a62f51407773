"""Which rows are held out to choose the weights: a part that is like the rest, without rare values.

Rows are ordered by their condition, by columns of few values, and then along their first principal
axis, and one of each run of neighbours is held out. So each class has its share of the held-out
rows, whatever the seed. A row with a rare value stays a training row: otherwise the model might not
learn its class.
"""

import numpy as np
import torch
from torch import Tensor

# Columns with at most so many different values order the rows.
MOST_VALUES = 20
# Rows that decide which columns these are.
LOOKED_AT = 1000
# With fewer rows none are held out.
MIN_VALIDATED_ROWS = 20


def split(
    rows: Tensor, condition: Tensor | None, fraction: float, seed: int
) -> tuple[Tensor | slice, Tensor | None]:
    """Return the training rows and the held-out rows, which are None if there are none."""
    n = len(rows)
    n_held = round(fraction * n)
    if n < MIN_VALIDATED_ROWS or n_held == 0:
        return slice(None), None
    if n - n_held < 2:
        raise ValueError(
            f"validation_fraction={fraction} leaves {n - n_held} of {n} rows to learn from; take "
            "less, such as 0.1."
        )
    given = None if condition is None else condition.numpy()
    held = held_out(rows.numpy(), given, fraction, seed)
    if len(held) == 0:
        return slice(None), None
    kept = torch.ones(n, dtype=torch.bool)
    kept[held] = False
    return kept.nonzero()[:, 0], held


def held_out(rows: np.ndarray, condition: np.ndarray | None, fraction: float, seed: int) -> Tensor:
    """Choose the rows of a validation part.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Scaled rows.
    condition : ndarray of shape (n, n_condition) or None
        Their encoded conditions.
    fraction : float
        Share of the rows to hold out.
    seed : int
        Seed of the choice.

    Returns
    -------
    Tensor of shape (n_held_out,)
        Their numbers, in random order; ``round(fraction * n)`` of them, or fewer where too many
        rows have a rare value.
    """
    n = len(rows)
    rng = np.random.default_rng(seed)
    columns = rows if condition is None else np.concatenate([condition, rows], 1)
    rare = np.zeros(n, bool)
    keys = []
    for column in columns.T:
        if len(np.unique(column[:LOOKED_AT])) > MOST_VALUES:
            continue
        values, index, counts = np.unique(column, return_inverse=True, return_counts=True)
        if 1 < len(values) <= MOST_VALUES:
            # Less than one row would be held out.
            rare |= (counts < 1 / fraction)[index]
            keys.append(index)
    centred = rows - rows.mean(0)
    axis = np.linalg.svd(centred[:: max(1, n // LOOKED_AT)], full_matrices=False)[2][0]
    # The last key of lexsort is its primary key.
    order = np.lexsort([centred @ axis, *keys[::-1]])
    order = order[~rare[order]]
    n_held = min(round(fraction * n), len(order))
    ends = np.linspace(0, len(order), n_held + 1)
    place = np.floor(ends[:-1] + rng.random(n_held) * np.diff(ends)).astype(np.int64)
    return torch.from_numpy(rng.permutation(order[np.unique(place)]))
