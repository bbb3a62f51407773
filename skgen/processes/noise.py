r"""Sources of randomness: one explicit generator, or a counter keyed by each row's own values.

:class:`GeneratorNoise` serves training and sampling, :class:`PartNoise` training that several
processes share. :class:`RowNoise` serves scores, which must not depend on the other rows of a call:
the j-th number of a row is a hash of (row, counter, j).
The hash is the SplitMix64 finaliser on 64-bit integers that wrap.

Source: Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, OOPSLA 2014.
"""

from collections.abc import Callable

import torch
from torch import Tensor

_GOLDEN = -7046029254386353131  # 2^64 / golden ratio, odd, as a signed integer
_MIX_1 = -4658895280553007687
_MIX_2 = -7723592293110705685


def _mix(bits: Tensor) -> Tensor:
    bits = (bits ^ ((bits >> 30) & 0x3FFFFFFFF)) * _MIX_1
    bits = (bits ^ ((bits >> 27) & 0x1FFFFFFFFF)) * _MIX_2
    return bits ^ ((bits >> 31) & 0x1FFFFFFFF)


class GeneratorNoise:
    """Noise for a batch of rows, drawn from one generator."""

    def __init__(self, generator: torch.Generator):
        self.generator = generator

    def normal(self, like: Tensor) -> Tensor:
        """Draw standard normal numbers of the shape, type and device of a tensor."""
        return torch.empty_like(like).normal_(generator=self.generator)

    def uniform(self, like: Tensor) -> Tensor:
        """Draw uniform numbers on [0, 1), one for each row of a tensor."""
        return like.new_empty(len(like)).uniform_(generator=self.generator)

    def uniforms(self, like: Tensor) -> Tensor:
        """Draw uniform numbers on [0, 1) of the shape, type and device of a tensor."""
        return torch.empty_like(like).uniform_(generator=self.generator)

    def times(self, like: Tensor) -> Tensor:
        """Draw stratified times on [0, 1), one for each row: an even grid, randomly shifted."""
        u = like.new_empty(1).uniform_(generator=self.generator)
        return (u + torch.arange(len(like), dtype=like.dtype, device=like.device) / len(like)) % 1


class PartNoise(GeneratorNoise):
    """One part of the noise of a batch: that of every n-th row, from a given one on.

    Processes that share a batch and a seed draw what one process would have drawn.
    """

    def __init__(self, generator: torch.Generator, part: int, n_parts: int):
        super().__init__(generator)
        self.part, self.n_parts = part, n_parts

    def _own(self, draw: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
        whole = like.new_empty((len(like) * self.n_parts, *like.shape[1:]))
        return draw(whole)[self.part :: self.n_parts]

    def normal(self, like: Tensor) -> Tensor:
        """Draw standard normal numbers of the shape, type and device of a tensor."""
        return self._own(super().normal, like)

    def uniform(self, like: Tensor) -> Tensor:
        """Draw uniform numbers on [0, 1), one for each row of a tensor."""
        return self._own(super().uniform, like)

    def uniforms(self, like: Tensor) -> Tensor:
        """Draw uniform numbers on [0, 1) of the shape, type and device of a tensor."""
        return self._own(super().uniforms, like)

    def times(self, like: Tensor) -> Tensor:
        """Draw times that are stratified over the whole batch, one for each row."""
        return self._own(super().times, like)


class RowNoise:
    """The k-th of n_draws independent draws for rows with given keys.

    Parameters
    ----------
    keys : Tensor of shape (n,), int64
        A hash of each row, from :func:`row_keys`.
    draw, n_draws : int
        Which draw this is, and of how many: times are stratified over the draws of a row.
    """

    def __init__(self, keys: Tensor, draw: int, n_draws: int):
        self.keys, self.draw, self.n_draws = keys, draw, n_draws
        self.counter = 0

    def _uniform(self, n_columns: int, stream: int) -> Tensor:
        start = self.counter
        self.counter += n_columns
        columns = torch.arange(start, start + n_columns, device=self.keys.device)
        streams = torch.full_like(self.keys, stream)
        bits = _mix(_mix(self.keys + streams * _GOLDEN)[:, None] + (columns + 1) * _GOLDEN)
        return (((bits >> 11) & 0x1FFFFFFFFFFFFF).double() + 0.5) * 2.0**-53

    def normal(self, like: Tensor) -> Tensor:
        """Draw standard normal numbers of the shape and type of a tensor."""
        uniform = self._uniform(like[0].numel(), self.draw + 1)
        return torch.special.ndtri(uniform).reshape(like.shape).to(like.dtype)

    def uniform(self, like: Tensor) -> Tensor:
        """Draw uniform numbers on (0, 1), one for each row of a tensor."""
        return self._uniform(1, self.draw + 1)[:, 0].to(like.dtype)

    def uniforms(self, like: Tensor) -> Tensor:
        """Draw uniform numbers on (0, 1) of the shape and type of a tensor."""
        uniform = self._uniform(like[0].numel(), self.draw + 1)
        return uniform.reshape(like.shape).to(like.dtype)

    def times(self, like: Tensor) -> Tensor:
        """Draw times on [0, 1), one for each row, evenly spread over the draws of a row."""
        start = self._uniform(1, 0)[:, 0]
        return ((start + self.draw / self.n_draws) % 1).to(like.dtype)


def row_keys(X: Tensor) -> Tensor:
    """Hash the values of each row of a float64 matrix into a 64-bit integer."""
    # Adding zero makes -0.0 and 0.0, which are equal, the same bits.
    bits = (X.double() + 0.0).contiguous().view(torch.int64)
    keys = torch.zeros_like(bits[:, 0])
    for j in range(bits.shape[1]):
        keys = _mix(keys + _GOLDEN + bits[:, j])
    return keys
