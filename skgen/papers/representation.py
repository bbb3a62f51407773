"""What models with an encoder share: noise of its input, rows in parts, and observed entries."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def in_parts(function: Callable[..., Any], x: Tensor, condition: Tensor | None) -> list[Any]:
    """Return the results of a function of rows and their condition, for parts of the rows.

    Without gradients, and in the memory that one part needs.
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

    Where many columns are correlated, as pixels are, noise averages out over them, and more of it
    does no harm. But noise beyond the deviation of a column leaves only the brightness of an image.
    """
    column = float((rows - rows.mean(0)).square().mean()) ** 0.5
    return min(share * _largest_deviation(rows), column)


def warm_up(step: int, n_steps: int) -> float:
    """Return a weight that is 0 for ``n_steps`` steps and then rises to 1 in as many.

    It is the weight of the prior in the loss of the code. If the prior counted from the start, the
    code could collapse before it holds anything.
    """
    return min(1.0, max(0.0, step / n_steps - 1.0))


def draw_observed(noise: Any, x: Tensor, shape: tuple[int, ...] | None) -> Tensor:
    """Draw which entries of rows are observed: in most rows none, in the others a random part.

    The part is a random share of the entries or, for half of these images, all but a rectangle.
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
