r"""Networks that read only earlier tokens: masked convolutions, attention, and masked layers.

The output for a token depends on the tokens before it, in the order of reading, and on a context
and features of all positions, which may depend on anything.

Source: van den Oord, Kalchbrenner and Kavukcuoglu, *Pixel recurrent neural networks*, ICML 2016;
van den Oord et al., *Conditional image generation with PixelCNN decoders*, NeurIPS 2016; Germain,
Gregor, Murray and Larochelle, *MADE: masked autoencoder for distribution estimation*, ICML 2015.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgen.networks.mlp import ColumnwiseLinear, modulated, zero_init
from skgen.networks.sequence import Transformer

KERNEL = 5
# Features of a token that the later tokens read, where each token has its own network.
READ_FEATURES = 8


class _MaskedConv(nn.Conv2d):
    """A convolution that reads the positions before, and optionally the position itself."""

    mask: Tensor

    def __init__(self, n_in: int, n_out: int, *, own: bool):
        super().__init__(n_in, n_out, KERNEL, padding=KERNEL // 2)
        before = torch.arange(KERNEL * KERNEL, device="cpu") < KERNEL * KERNEL // 2 + own
        self.register_buffer("mask", before.float().unflatten(0, (KERNEL, KERNEL)))

    def forward(self, h: Tensor) -> Tensor:
        return F.conv2d(h, self.weight * self.mask, self.bias, padding=self.padding)

    def walker(self, n: int, positions: tuple[int, int]) -> Callable[[int, int, Tensor], Tensor]:
        """Return the convolution as a function called position by position; it returns (n, n_out).

        A convolution that does not read the position itself gets the entry of the one before.
        """
        side, half = positions[1], KERNEL // 2
        read = int(self.mask.sum())
        weight = self.weight.flatten(2)[:, :, :read].transpose(1, 2).flatten(1)
        own = bool(self.mask[half, half])
        kept = self.weight.new_zeros(
            n, positions[0] + half, positions[1] + 2 * half, self.in_channels
        )

        def step(row: int, column: int, u: Tensor) -> Tensor:
            place = row * side + column - (not own)
            if place >= 0:
                kept[:, place // side + half, place % side + half] = u
            window = kept[:, row : row + half + 1, column : column + KERNEL]
            return F.linear(window.flatten(1, 2)[:, :read].flatten(1), weight, self.bias)

        return step


def _gated(u: Tensor) -> Tensor:
    value, gate = u.chunk(2, 1)
    return torch.tanh(value) * torch.sigmoid(gate)


class _MaskedBlock(nn.Module):
    """A gated masked convolution, modulated by a context and added to its input."""

    def __init__(self, width: int, n_modulation: int):
        super().__init__()
        self.modulate = zero_init(nn.Linear(n_modulation, 2 * width)) if n_modulation else None
        self.inner = _MaskedConv(width, 2 * width, own=True)
        self.outer = zero_init(nn.Conv2d(width, width, 1))

    def forward(self, h: Tensor, modulation: Tensor | None) -> Tensor:
        u = modulated(F.silu(h), self.modulate, modulation)
        return h + self.outer(_gated(self.inner(u)))

    def walker(
        self, n: int, positions: tuple[int, int], modulation: Tensor | None
    ) -> Callable[[int, int, Tensor], Tensor]:
        """Return the block as a function called position by position, (n, width) to the same."""
        walk = self.inner.walker(n, positions)
        scale = shift = None
        if self.modulate is not None:
            scale, shift = self.modulate(modulation).chunk(2, 1)

        def step(row: int, column: int, h: Tensor) -> Tensor:
            u = F.silu(h)
            if scale is not None and shift is not None:
                u = torch.addcmul(shift, u, 1 + scale)
            return h + self.outer(_gated(walk(row, column, u))[:, :, None, None])[:, :, 0, 0]

        return step


class PixelCNN(nn.Module):
    """Masked convolutions on a map of tokens.

    Parameters
    ----------
    positions : tuple of int
        (height, width) of the map.
    n_in, n_out : int
        Numbers that a token comes with, and logits that leave.
    n_evidence : int
        Features of each position that are read in any order.
    n_context : int
        Columns of the context; 0 for none.
    width, depth : int
        Channels, and number of blocks.
    """

    def __init__(
        self,
        positions: tuple[int, int],
        n_in: int,
        n_out: int,
        n_evidence: int,
        n_context: int = 0,
        *,
        width: int = 64,
        depth: int = 5,
    ):
        super().__init__()
        self.positions = positions
        n_modulation = width if n_context else 0
        self.context = nn.Linear(n_context, n_modulation) if n_context else None
        self.first = _MaskedConv(n_in, width, own=False)
        self.evidence = nn.Conv2d(n_evidence, width, 1)
        self.place = nn.Embedding(positions[0] * positions[1], width)
        self.blocks = nn.ModuleList(_MaskedBlock(width, n_modulation) for _ in range(depth))
        self.last = zero_init(nn.Conv2d(width, n_out, 1))

    def forward(self, tokens: Tensor, evidence: Tensor, context: Tensor) -> Tensor:
        """Map (n, n_tokens, n_in) tokens to (n, n_tokens, n_out)."""
        maps, evidence = (t.movedim(2, 1).unflatten(2, self.positions) for t in (tokens, evidence))
        place = self.place.weight.T.unflatten(1, self.positions)
        h = self.first(maps) + self.evidence(evidence) + place
        modulation = None if self.context is None else F.silu(self.context(context))
        for block in self.blocks:
            h = block(h, modulation)
        return self.last(F.silu(h)).flatten(2).movedim(1, 2)

    def walker(self, evidence: Tensor, context: Tensor) -> Callable[[int, Tensor], Tensor]:
        """Return a function of the token before, called position by position, to (n, n_out).

        It returns the same as :meth:`forward`, and computes each position once.
        """
        modulation = None if self.context is None else F.silu(self.context(context))
        n, positions = len(evidence), self.positions
        first = self.first.walker(n, positions)
        blocks = cast(list[_MaskedBlock], list(self.blocks))
        walkers = [block.walker(n, positions, modulation) for block in blocks]
        maps = evidence.movedim(2, 1).unflatten(2, positions)
        beside = self.evidence(maps).flatten(2).movedim(2, 1) + self.place.weight

        def step(place: int, token: Tensor) -> Tensor:
            row, column = divmod(place, positions[1])
            h = first(row, column, token) + beside[:, place]
            for walk in walkers:
                h = walk(row, column, h)
            return self.last(F.silu(h)[:, :, None, None])[:, :, 0, 0]

        return step


class CausalTransformer(nn.Module):
    """Attention to the tokens before.

    Parameters
    ----------
    n_tokens, n_in, n_out : int
        Tokens of a row, numbers that a token comes with, and logits that leave.
    n_evidence : int
        Features of each position that are read in any order.
    n_context : int
        Columns of the context; 0 for none.
    """

    def __init__(self, n_tokens: int, n_in: int, n_out: int, n_evidence: int, n_context: int = 0):
        super().__init__()
        # Features of all positions are a memory, so that each token can read those of later ones.
        self.attention = Transformer(
            n_tokens,
            n_in,
            n_out,
            n_context,
            memory=(n_tokens, n_evidence),
            zero_output=True,
            causal=True,
        )
        self.n_tokens = n_tokens

    def forward(self, tokens: Tensor, evidence: Tensor, context: Tensor) -> Tensor:
        """Map (n, n_tokens, n_in) tokens to (n, n_tokens, n_out)."""
        before = F.pad(tokens[:, :-1], (0, 0, 1, 0))
        out = self.attention(before.flatten(1), context, evidence.flatten(1))
        return out.unflatten(1, (self.n_tokens, -1))

    def walker(self, evidence: Tensor, context: Tensor) -> Callable[[int, Tensor], Tensor]:
        """Return a function of the token before, called token by token, to (n, n_out)."""
        walk = self.attention.walker(context, evidence.flatten(1))

        def step(place: int, token: Tensor) -> Tensor:
            return walk(place, token if place else torch.zeros_like(token))

        return step


class ColumnwiseMADE(nn.Module):
    """A small network for each column, which reads the columns before; no two share a weight.

    Parameters
    ----------
    d, n_in : int
        Columns of a row, and features of each.
    n_evidence : int
        Features of each column that all networks read.
    n_context : int
        Columns of the context; 0 for none.
    width : int
        Units of a column's two layers.
    """

    before: Tensor

    def __init__(self, d: int, n_in: int, n_evidence: int, n_context: int = 0, *, width: int):
        super().__init__()
        self.d, self.n_in, self.width = d, n_in, width
        self.first = nn.Linear(d * n_in, d * width, bias=False)
        self.evidence = nn.Linear(d * n_evidence + n_context, d * width)
        self.inner = ColumnwiseLinear(d, width, width)
        place = torch.arange(d, device="cpu")
        before = (place[:, None] > place).float()
        self.register_buffer("before", before[:, None, :, None])

    def owners(self) -> dict[nn.Parameter, Tensor]:
        """Return the column that each row of each weight belongs to."""
        column = torch.arange(self.d, device="cpu")
        unit = column.repeat_interleave(self.width)
        layers = {self.first: unit, self.evidence: unit, self.inner: column}
        return {p: owner for layer, owner in layers.items() for p in layer.parameters()}

    def _read(self, evidence: Tensor, context: Tensor) -> Tensor:
        return self.evidence(torch.cat([evidence.flatten(1), context], -1))

    def forward(self, rows: Tensor, evidence: Tensor, context: Tensor) -> Tensor:
        """Map (n, d, n_in) features to the units of each column's last layer, (d, n, width)."""
        sizes = (self.d, self.width, self.d, self.n_in)
        weight = (self.first.weight.view(sizes) * self.before).view_as(self.first.weight)
        h = F.linear(rows.flatten(1), weight) + self._read(evidence, context)
        h = F.silu(h).unflatten(1, (self.d, -1)).transpose(0, 1)
        return h + F.silu(self.inner(h))

    def walker(self, evidence: Tensor, context: Tensor) -> Callable[[int, Tensor], Tensor]:
        """Return a function of the column before, called column by column, to its units."""
        total = self._read(evidence, context)
        weight = self.first.weight.T

        def step(column: int, before: Tensor) -> Tensor:
            start = column * self.width
            if column:
                # All that follow read the column before.
                rows = slice((column - 1) * self.n_in, column * self.n_in)
                total[:, start:].addmm_(before, weight[rows, start:])
            h = F.silu(total[:, start : start + self.width])
            return h + F.silu(self.inner.at(column, h))

        return step


class MaskedMLP(nn.Module):
    """A small network for each token, which reads the tokens before.

    A few tokens of different meaning, such as the columns of a table, are learnt in a fraction of
    the steps that attention takes, whose weights all tokens share.

    Parameters
    ----------
    n_tokens, n_in, n_out : int
        Tokens of a row, numbers that a token comes with, and logits that leave.
    n_evidence : int
        Features of each position that are read in any order.
    n_context : int
        Columns of the context; 0 for none.
    width : int
        Units of a token's two layers.
    """

    def __init__(
        self, n_tokens: int, n_in: int, n_out: int, n_evidence: int, n_context: int, *, width: int
    ):
        super().__init__()
        self.read = ColumnwiseLinear(n_tokens, n_in, READ_FEATURES)
        self.network = ColumnwiseMADE(n_tokens, READ_FEATURES, n_evidence, n_context, width=width)
        self.last = zero_init(ColumnwiseLinear(n_tokens, width, n_out))

    def forward(self, tokens: Tensor, evidence: Tensor, context: Tensor) -> Tensor:
        """Map (n, n_tokens, n_in) tokens to (n, n_tokens, n_out)."""
        read = self.read(tokens.transpose(0, 1)).transpose(0, 1)
        return self.last(self.network(read, evidence, context)).transpose(0, 1)

    def walker(self, evidence: Tensor, context: Tensor) -> Callable[[int, Tensor], Tensor]:
        """Return a function of the token before, called token by token, to (n, n_out)."""
        walk = self.network.walker(evidence, context)
        read, last = self.read, cast(ColumnwiseLinear, self.last)

        def step(place: int, token: Tensor) -> Tensor:
            return last.at(place, walk(place, read.at(place - 1, token) if place else token))

        return step
