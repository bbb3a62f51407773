r"""Transformers on tokens: a denoiser, and an encoder and decoder that attend to a whole sequence.

A block adds to the tokens h, one after the other, attention among themselves, attention to a
memory where there is one, and a perceptron of each token, every part on normalised tokens that a
context scales and shifts, as in :mod:`skgen.networks.mlp`. What a part adds starts at zero.

Source: Vaswani et al., *Attention is all you need*, NeurIPS 2017; Peebles and Xie, *Scalable
diffusion models with transformers*, ICCV 2023.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgen.networks.mlp import zero_init

HEAD_SIZE = 32


class _Attention(nn.Module):
    """Attention of tokens to a memory, or to themselves."""

    def __init__(self, width: int):
        super().__init__()
        self.n_heads = max(1, width // HEAD_SIZE)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = zero_init(nn.Linear(width, width))

    def _heads(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

    def keys_and_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of a memory, each (n, heads, tokens, HEAD_SIZE)."""
        key, value = self.key_value(memory).chunk(2, -1)
        return self._heads(key), self._heads(value)

    def attend(self, tokens: Tensor, key: Tensor, value: Tensor, causal: bool = False) -> Tensor:
        """Return the attention of tokens to keys and values."""
        query = self._heads(self.query(tokens))
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        return self.out(attended.transpose(1, 2).flatten(2))

    def forward(self, tokens: Tensor, memory: Tensor, causal: bool = False) -> Tensor:
        return self.attend(tokens, *self.keys_and_values(memory), causal)


class _Block(nn.Module):
    """Attention, attention to a memory, perceptron."""

    def __init__(self, width: int, n_modulation: int, attends: bool, causal: bool = False):
        super().__init__()
        self.causal = causal
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.own = _Attention(width)
        self.other = _Attention(width) if attends else None
        self.inner = nn.Linear(width, 2 * width)
        self.outer = zero_init(nn.Linear(2 * width, width))
        self.modulate = zero_init(nn.Linear(n_modulation, 4 * width)) if n_modulation else None

    def forward(self, h: Tensor, modulation: Tensor | None, memory: Tensor | None) -> Tensor:

        def attend(own: Tensor) -> Tensor:
            return self.own(own, own, self.causal)

        return self._through(h, modulation, attend, self._recall(memory))

    def _recall(self, memory: Tensor | None) -> tuple[Tensor, Tensor] | None:
        return None if self.other is None or memory is None else self.other.keys_and_values(memory)

    def walker(
        self, n_tokens: int, memory: Tensor | None
    ) -> Callable[[int, Tensor, Tensor | None], Tensor]:
        """Return a causal block as a function called token by token, which keeps earlier tokens."""
        other = self._recall(memory)
        kept: list[Tensor] = []

        def step(place: int, h: Tensor, modulation: Tensor | None) -> Tensor:
            def attend(own: Tensor) -> Tensor:
                new = self.own.keys_and_values(own)
                if not kept:
                    kept.extend(t.new_empty(*t.shape[:2], n_tokens, t.shape[3]) for t in new)
                for past, t in zip(kept, new, strict=True):
                    past[:, :, place] = t[:, :, 0]
                key, value = (past[:, :, : place + 1] for past in kept)
                return self.own.attend(own, key, value)

            return self._through(h, modulation, attend, other)

        return step

    def _through(
        self,
        h: Tensor,
        modulation: Tensor | None,
        attend: Callable[[Tensor], Tensor],
        other: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        own, wide = self.norm(h), None
        if self.modulate is not None:
            scale, shift, *wide = self.modulate(modulation)[:, None].chunk(4, -1)
            own = torch.addcmul(shift, own, 1 + scale)
        h = h + attend(own)
        if self.other is not None and other is not None:
            h = h + self.other.attend(self.norm(h), *other)
        u = self.norm(h)
        if wide is not None:
            u = torch.addcmul(wide[1], u, 1 + wide[0])
        return h + self.outer(F.silu(self.inner(u)))


class Transformer(nn.Module):
    """Rows of tokens to rows of tokens, modulated by a context, attending to a memory.

    Parameters
    ----------
    n_tokens : int
        Tokens of a row.
    n_in, n_out : int
        Features of a token in the input and in the output; without input features, a token is its
        position.
    n_context : int
        Columns of the context; 0 for none.
    memory : tuple of int, default=None
        (tokens, features of a token) of a memory that is attended to as well.
    width, depth : int
        Size of a token inside, and number of blocks.
    zero_output : bool
        Whether the last layer starts at zero.
    causal : bool
        Whether a token attends to itself and those before it alone.
    """

    def __init__(
        self,
        n_tokens: int,
        n_in: int,
        n_out: int,
        n_context: int = 0,
        *,
        memory: tuple[int, int] | None = None,
        width: int = 128,
        depth: int = 3,
        zero_output: bool = False,
        causal: bool = False,
    ):
        super().__init__()
        n_modulation = width if n_context else 0
        self.n_tokens, self.n_in = n_tokens, n_in
        self.memory_shape = memory
        self.embed = nn.Linear(n_in, width) if n_in else None
        self.place = nn.Embedding(n_tokens, width)
        self.context = nn.Linear(n_context, n_modulation) if n_context else None
        if memory is not None:
            self.embed_memory = nn.Linear(memory[1], width)
            self.memory_place = nn.Embedding(memory[0], width)
        self.blocks = nn.ModuleList(
            _Block(width, n_modulation, memory is not None, causal) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        last = nn.Linear(width, n_out)
        self.last = zero_init(last) if zero_output else last

    def forward(
        self, rows: Tensor, context: Tensor | None = None, memory: Tensor | None = None
    ) -> Tensor:
        """Map rows (n, n_tokens * n_in), or of any width if tokens are positions, to (n, ...)."""
        h = self.place.weight.expand(len(rows), -1, -1)
        if self.embed is not None:
            h = h + self.embed(rows.unflatten(1, (self.n_tokens, self.n_in)))
        modulation, attended = self._beside(context, memory)
        for block in self.blocks:
            h = block(h, modulation, attended)
        return self.last(F.silu(self.norm(h))).flatten(1)

    def _beside(
        self, context: Tensor | None, memory: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return the modulation of the blocks, and the memory that they attend to."""
        modulation = attended = None
        if self.context is not None and context is not None:
            modulation = F.silu(self.context(context))
        if self.memory_shape is not None:
            assert memory is not None
            attended = (
                self.embed_memory(memory.unflatten(1, self.memory_shape)) + self.memory_place.weight
            )
        return modulation, attended

    def walker(
        self, context: Tensor | None = None, memory: Tensor | None = None
    ) -> Callable[[int, Tensor], Tensor]:
        """Return a causal transformer as a function called token by token, (n, n_in) to (n, n_out).

        It returns the same as :meth:`forward`, and computes each token once.
        """
        modulation, attended = self._beside(context, memory)
        blocks = cast(list[_Block], list(self.blocks))
        walkers = [block.walker(self.n_tokens, attended) for block in blocks]

        def step(place: int, token: Tensor) -> Tensor:
            assert self.embed is not None
            h = (self.place.weight[place] + self.embed(token))[:, None]
            for walk in walkers:
                h = walk(place, h, modulation)
            return self.last(F.silu(self.norm(h)))[:, 0]

        return step
