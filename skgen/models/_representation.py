"""What models that encode rows share: noise on the encoder's input, and many rows at a time."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

ENCODED_ROWS = 1024


def in_parts(function: Callable[..., Any], x: Tensor, condition: Tensor | None) -> list[Any]:
    """Return what a function of rows and their condition gives, some rows at a time.

    Without gradients; memory is that of a part.
    """
    parts = []
    with torch.no_grad():
        for start in range(0, len(x), ENCODED_ROWS):
            part = slice(start, start + ENCODED_ROWS)
            parts.append(function(x[part], None if condition is None else condition[part]))
    return parts


def _largest_deviation(rows: Tensor) -> float:
    """Return the standard deviation of rows along their first principal axis, near enough."""
    centred = rows - rows.mean(0)
    direction = centred[centred.square().sum(1).argmax()]
    for _ in range(20):
        image = (centred @ direction) @ centred / len(rows)
        size = float(image.norm())
        if size == 0:
            return 0.0
        direction = image / size
    return size**0.5


def input_noise(rows: Tensor, share: float) -> float:
    """Return a share of rows' deviation along their first principal axis, within a column's.

    Where many columns tell the same, as pixels do, noise averages out over them, and more of it is
    borne; but noise beyond a column's own deviation leaves nothing of an image but its brightness.
    """
    column = float((rows - rows.mean(0)).square().mean()) ** 0.5
    return min(share * _largest_deviation(rows), column)
