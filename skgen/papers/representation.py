"""What models that encode rows share: the encoder's input, parts of rows, many rows at a time."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def in_parts(function: Callable[..., Any], x: Tensor, condition: Tensor | None) -> list[Any]:
    """Return what a function of rows and their condition gives, some rows at a time.

    Without gradients; memory is that of a part.
    """
    parts = []
    with torch.no_grad():
        for start in range(0, len(x), 1024):
            part = slice(start, start + 1024)
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

    Where many columns say the same, as pixels do, noise averages out over them, and more of it is
    borne; but noise beyond a column's own deviation leaves nothing of an image but its brightness.
    """
    column = float((rows - rows.mean(0)).square().mean()) ** 0.5
    return min(share * _largest_deviation(rows), column)


def warm_up(step: int, n_steps: int) -> float:
    """Return a weight that is 0 for some steps and rises to 1 in as many.

    That of the prior in what shapes the codes: until there is a code it must not count, lest there
    be none.
    """
    return min(1.0, max(0.0, step / n_steps - 1.0))


def draw_observed(noise: Any, x: Tensor, shape: tuple[int, ...] | None) -> Tensor:
    """Draw which entries of rows are observed: of most rows none, of the others a random part.

    The part is a random share of the entries, or, of half the images, all but a rectangle.
    """
    chosen = noise.uniform(x) < 0.25
    share = noise.uniform(x) * chosen
    observed = noise.uniforms(x) < share[:, None]
    if shape is not None and len(shape) == 3:
        hidden = torch.ones_like(x, dtype=torch.bool).unflatten(1, shape)
        for axis in (1, 2):
            ends = torch.stack([noise.uniform(x), noise.uniform(x)]) * shape[axis]
            place = torch.arange(shape[axis], device=x.device)
            inside = (place >= ends.amin(0)[:, None].floor()) & (place < ends.amax(0)[:, None])
            hidden = hidden & (inside[:, None, :, None] if axis == 1 else inside[:, None, None])
        framed = (noise.uniform(x) < 0.5) & chosen
        observed = torch.where(framed[:, None], ~hidden.flatten(1), observed)
    return observed.to(x.dtype)
