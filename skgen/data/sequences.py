"""Sequences of unequal length: rows of frames, the last of which may be padding."""

from typing import Any

import numpy as np
import torch
from torch import Tensor


def without_gaps(X: Any, lengths: Any, input_shape: Any) -> Any:
    """Return X with zeros for NaN in the padding, which is not read."""
    framed = hasattr(X, "mask")
    if lengths is None or not isinstance(input_shape, tuple | list):
        return X
    if isinstance(X, np.memmap) or not (framed or isinstance(X, np.ndarray | list)):
        # Rows on disk are read a part at a time.
        return X
    rows, lengths = np.asarray(X), np.asarray(lengths)
    sound = rows.ndim == 2 and rows.dtype.kind == "f" and lengths.dtype.kind in "iuf"
    if not sound or lengths.shape != rows.shape[:1]:
        # The checks of `Frames` raise for wrong rows and lengths.
        return X
    frame = np.arange(rows.shape[1]) * int(input_shape[0]) // rows.shape[1]
    gap = np.isnan(rows) & (frame >= lengths[:, None])
    if not gap.any():
        return X
    return X.mask(gap, 0.0) if framed else np.where(gap, rows.dtype.type(0), rows)


class Frames:
    """The mask of the frames of sequences, as a further column in each frame of scaled rows.

    Parameters
    ----------
    input_shape : tuple of int or None
        (length, channels) of a row.
    """

    def __init__(self, input_shape: tuple[int, ...] | None):
        if input_shape is None or len(input_shape) != 2:
            raise ValueError(
                "lengths belong to sequences: give input_shape=(length, channels); it is "
                f"{input_shape!r}."
            )
        self.longest = int(input_shape[0])

    def mask(self, lengths: Any, n_rows: int) -> np.ndarray:
        """Return the mask of the frames of each row, (n, length); None for lengths is all ones."""
        lengths = np.full(n_rows, self.longest) if lengths is None else np.asarray(lengths)
        if lengths.shape != (n_rows,):
            raise ValueError(
                f"lengths must have one number for each of the {n_rows} rows, got shape "
                f"{lengths.shape}."
            )
        if lengths.dtype.kind not in "iuf":
            raise ValueError(f"lengths must be whole numbers, got {lengths.tolist()[0]!r}.")
        wrong = np.flatnonzero(~((lengths >= 1) & (lengths <= self.longest) & (lengths % 1 == 0)))
        if len(wrong):
            raise ValueError(
                f"lengths[{wrong[0]}] is {lengths[wrong[0]]}; a length is a whole number from 1 to "
                f"{self.longest}."
            )
        return np.arange(self.longest) < lengths[:, None]

    def filled(self, X: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return rows with the mean of the frames as padding, so that it does not alter scales."""
        frames = X.reshape(len(X), self.longest, -1)
        weight = mask[..., None].astype(X.dtype)
        mean = (frames * weight).sum(0) / np.maximum(weight.sum(0), 1)
        return np.where(mask[..., None], frames, mean).reshape(len(X), -1)

    def forward(self, x: Tensor, mask: np.ndarray, log_scale: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return scaled rows with the mask in each frame, and the log-slopes without the padding.

        Without quantile maps the slope of a column is the same in all rows.
        """
        there = torch.from_numpy(mask)[..., None].to(x.dtype)
        frames = x.unflatten(1, (self.longest, -1)) * there
        slopes = -torch.from_numpy(log_scale).unflatten(0, (self.longest, -1))
        return torch.cat([frames, there], -1).flatten(1), (there * slopes).sum((1, 2))

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return scaled rows without the mask, and their lengths."""
        frames = x.unflatten(1, (self.longest, -1))
        return frames[..., :-1].flatten(1), frames[..., -1].sum(1).round().long()

    def cut(self, X: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return rows with zeros in the padding."""
        frames = X.reshape(len(X), self.longest, -1)
        return np.where(mask[..., None], frames, X.dtype.type(0)).reshape(len(X), -1)

    def extended(self, columns: Tensor, value: float) -> Tensor:
        """Return values of columns, along the last dimension, with one more for the mask."""
        frames = columns.unflatten(-1, (self.longest, -1))
        return torch.cat([frames, torch.full_like(frames[..., :1], value)], -1).flatten(-2)
