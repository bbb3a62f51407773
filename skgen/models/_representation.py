"""What makes a code worth having: noise on the encoder's input."""

from torch import Tensor


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
