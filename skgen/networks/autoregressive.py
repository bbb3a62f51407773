r"""Networks that see what comes before: masked convolutions on maps, causal attention on tokens.

The output for a token depends on the tokens before it, in the order of reading, and on a context
and features of every place, which may tell of anything.

Source: van den Oord, Kalchbrenner and Kavukcuoglu, *Pixel recurrent neural networks*, ICML 2016;
van den Oord et al., *Conditional image generation with PixelCNN decoders*, NeurIPS 2016.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgen.networks.mlp import zero_init
from skgen.networks.sequence import Transformer

KERNEL = 5


class _MaskedConv(nn.Conv2d):
    """A convolution that reads what comes before, and the place itself or not."""

    mask: Tensor

    def __init__(self, n_in: int, n_out: int, *, own: bool):
        super().__init__(n_in, n_out, KERNEL, padding=KERNEL // 2)
        before = torch.arange(KERNEL * KERNEL, device="cpu") < KERNEL * KERNEL // 2 + own
        self.register_buffer("mask", before.float().unflatten(0, (KERNEL, KERNEL)))

    def forward(self, h: Tensor) -> Tensor:
        return F.conv2d(h, self.weight * self.mask, self.bias, padding=self.padding)


class _MaskedBlock(nn.Module):
    """A gated masked convolution, modulated by a context and added to what came in."""

    def __init__(self, width: int, n_modulation: int):
        super().__init__()
        self.modulate = zero_init(nn.Linear(n_modulation, 2 * width)) if n_modulation else None
        self.inner = _MaskedConv(width, 2 * width, own=True)
        self.outer = zero_init(nn.Conv2d(width, width, 1))

    def forward(self, h: Tensor, modulation: Tensor | None) -> Tensor:
        u = F.silu(h)
        if self.modulate is not None:
            scale, shift = self.modulate(modulation)[:, :, None, None].chunk(2, 1)
            u = torch.addcmul(shift, u, 1 + scale)
        value, gate = self.inner(u).chunk(2, 1)
        return h + self.outer(torch.tanh(value) * torch.sigmoid(gate))


class PixelCNN(nn.Module):
    """Masked convolutions on a map of tokens.

    Parameters
    ----------
    positions : tuple of int
        (height, width) of the map.
    n_in, n_out : int
        Numbers that a token comes with, and logits that leave.
    n_seen : int
        Features of each place that are seen whatever the order.
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
        n_seen: int,
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
        self.seen = nn.Conv2d(n_seen, width, 1)
        self.place = nn.Embedding(positions[0] * positions[1], width)
        self.blocks = nn.ModuleList(_MaskedBlock(width, n_modulation) for _ in range(depth))
        self.last = zero_init(nn.Conv2d(width, n_out, 1))

    def forward(self, tokens: Tensor, seen: Tensor, context: Tensor) -> Tensor:
        """Map (n, n_tokens, n_in) tokens to (n, n_tokens, n_out)."""
        maps, seen = (t.movedim(2, 1).unflatten(2, self.positions) for t in (tokens, seen))
        place = self.place.weight.T.unflatten(1, self.positions)
        h = self.first(maps) + self.seen(seen) + place
        modulation = None if self.context is None else F.silu(self.context(context))
        for block in self.blocks:
            h = block(h, modulation)
        return self.last(F.silu(h)).flatten(2).movedim(1, 2)


class CausalTransformer(nn.Module):
    """Attention to the tokens before.

    Parameters
    ----------
    n_tokens, n_in, n_out : int
        Tokens of a row, numbers that a token comes with, and logits that leave.
    n_seen : int
        Features of each place that are seen whatever the order.
    n_context : int
        Columns of the context; 0 for none.
    """

    def __init__(self, n_tokens: int, n_in: int, n_out: int, n_seen: int, n_context: int = 0):
        super().__init__()
        # Features of all places come as a memory: a token's own would leave the later ones out.
        self.attention = Transformer(
            n_tokens,
            n_in,
            n_out,
            n_context,
            memory=(n_tokens, n_seen),
            zero_output=True,
            causal=True,
        )
        self.n_tokens = n_tokens

    def forward(self, tokens: Tensor, seen: Tensor, context: Tensor) -> Tensor:
        """Map (n, n_tokens, n_in) tokens to (n, n_tokens, n_out)."""
        before = F.pad(tokens[:, :-1], (0, 0, 1, 0))
        out = self.attention(before.flatten(1), context, seen.flatten(1))
        return out.unflatten(1, (self.n_tokens, -1))
