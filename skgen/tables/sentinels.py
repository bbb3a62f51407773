"""Sentinels: values of a column that stand for something else, far from all others."""

from itertools import product

import numpy as np

# Marks such as 9999: the most at one end of a column, and their least distance from all other
# values, in widths of these.
MOST_MARKS, SENTINEL_GAP = 3, 3.0


def sentinels(values: np.ndarray) -> list[tuple[float, float]]:
    """Return sentinels, such as -1, 9999 or a last day, each with the nearest of the other values.

    Sentinels are up to `MOST_MARKS` repeated values at one end. Their distance from the others is
    more than `SENTINEL_GAP` times the range of the others, not counting as many values at the other
    end, which may be sentinels too.
    """
    found, counts = np.unique(values, return_counts=True)
    pairs = []
    for sign in (1, -1):
        found, counts = sign * found[::sign], counts[::sign]
        for n_marks in range(1, min(MOST_MARKS, len(found) - 1) + 1):
            if counts[-n_marks] < 2:
                break
            last, first = found[-n_marks - 1], found[min(MOST_MARKS, len(found) - n_marks - 1)]
            # Scaled down, since a difference of the largest floats overflows.
            if found[-n_marks] / 8 - last / 8 > SENTINEL_GAP * (last / 8 - first / 8):
                pairs.append((sign * found[-n_marks], sign * last))
        found, counts = sign * found[::sign], counts[::sign]
    return pairs


def far_from_others(values: np.ndarray) -> np.ndarray:
    """Return which values are sentinels for certain, at one end or both.

    Their distance from the others, of which there are two different ones at least, is more than
    `SENTINEL_GAP` times the whole range of these.
    """
    pairs = sentinels(values)
    uppers = [pair for pair in pairs if pair[0] > pair[1]]
    lowers = [pair for pair in pairs if pair[0] < pair[1]]
    for upper, lower in [*product([*uppers, None], [*lowers, None])][:-1]:
        far = np.zeros(len(values), dtype=bool)
        far |= values >= upper[0] if upper else False
        far |= values <= lower[0] if lower else False
        others = np.unique(values[~far])
        width = SENTINEL_GAP * np.ptp(others) if len(others) > 1 else np.inf
        if all(abs(mark - other) > width for mark, other in filter(None, [upper, lower])):
            return far
    return np.zeros(len(values), dtype=bool)
