"""How rows are cut into positions that each have a code, and the networks for each way.

Tokens of a table mix all its columns or are made of one column each; those of an image or sequence
are the positions of a map after some halvings of the resolution; a sequence can also have tokens
that attend to all of it. Each layout gives networks from n_in numbers of an entry to n_out numbers
of a position, and back.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgen.networks.autoregressive import CausalTransformer, MaskedMLP, PixelCNN
from skgen.networks.conv import GROUP_SIZE, MapDecoder, MapEncoder, TokenUNet
from skgen.networks.mlp import ResidualMLP, SkipMLP, zero_init
from skgen.networks.sequence import Transformer

Shape = tuple[int, ...] | None

FRAME_FEATURES = 64


def stack(shape: Shape, first: Tensor, second: Tensor) -> Tensor:
    """Join two tables of rows of one shape, as channels where they have a shape."""
    if shape is None or len(shape) == 3:
        return torch.cat([first, second], 1)
    parts = [rows.unflatten(1, shape) for rows in (first, second)]
    return torch.cat(parts, -1).flatten(1)


def stacked(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of two rows of one shape that :func:`stack` has joined."""
    *first, last = shape
    return (2 * shape[0], *shape[1:]) if len(shape) == 3 else (*first, 2 * last)


class Columns:
    """Tokens that mix all columns of a table."""

    shape: Shape = None
    is_positionwise = False
    # Positions of an image's map, (height, width).
    grid: tuple[int, int] | None = None

    def __init__(self, n_features: int, n_positions: int):
        self.n_features, self.n_positions = n_features, n_positions

    def encoder(self, n_out: int, n_context: int = 0, *, width: int, n_in: int = 1) -> nn.Module:
        """Return a network from rows to positions."""
        sizes = n_in * self.n_features, n_out * self.n_positions
        return SkipMLP(*sizes, n_context, width, 2)

    def decoder(self, n_in: int, n_context: int = 0, *, width: int) -> nn.Module:
        """Return a network from positions to rows."""
        return SkipMLP(n_in * self.n_positions, self.n_features, n_context, width, 1)


class ColumnsOrFrames(Columns):
    """A token for each column of a table or frame of a sequence, by one shared network."""

    is_positionwise = True

    def __init__(self, n_features: int, n_positions: int, shape: Shape = None):
        super().__init__(n_features, n_positions)
        self.shape, self.size = shape, n_features // n_positions

    def encoder(self, n_out: int, n_context: int = 0, *, width: int, n_in: int = 1) -> nn.Module:
        """Return a network from rows to positions."""
        return _SharedNetwork(n_in * self.size, n_out, width)

    def decoder(self, n_in: int, n_context: int = 0, *, width: int) -> nn.Module:
        """Return a network from positions to rows."""
        return _SharedNetwork(n_in, self.size, width)


class Map(Columns):
    """Positions of an image or sequence after ``n_halvings`` halvings of its resolution."""

    shape: tuple[int, ...]

    def __init__(self, shape: tuple[int, ...], n_halvings: int | None):
        self.shape, self.n_halvings = shape, n_halvings
        with torch.device("meta"):
            self.n_positions = MapEncoder(shape, 1, n_halvings=n_halvings).n_positions
            if len(shape) == 3:
                self.grid = MapDecoder(shape, 1, n_halvings=n_halvings).positions

    def encoder(self, n_out: int, n_context: int = 0, *, width: int, n_in: int = 1) -> nn.Module:
        """Return a network from rows to positions."""
        shape = stacked(self.shape) if n_in == 2 else self.shape
        return MapEncoder(shape, n_out, n_context, n_halvings=self.n_halvings)

    def decoder(self, n_in: int, n_context: int = 0, *, width: int) -> nn.Module:
        """Return a network from positions to rows."""
        return MapDecoder(self.shape, n_in, n_context, n_halvings=self.n_halvings)


class AttentiveSequence(Columns):
    """Tokens that attend to all frames of a sequence."""

    shape: tuple[int, ...]

    def __init__(self, shape: tuple[int, ...], n_positions: int):
        self.shape, self.n_positions = shape, n_positions

    def encoder(self, n_out: int, n_context: int = 0, *, width: int, n_in: int = 1) -> nn.Module:
        """Return a network from rows to positions."""
        return _SequenceEncoder(self.shape, self.n_positions, n_out, n_context)

    def decoder(self, n_in: int, n_context: int = 0, *, width: int) -> nn.Module:
        """Return a network from positions to rows."""
        return _SequenceDecoder(self.shape, self.n_positions, n_in, n_context)


def token_denoiser(
    layout: Columns, n_in: int, n_out: int, n_context: int, *, width: int
) -> nn.Module:
    """Return a network from n_in numbers of each token to n_out, given a context."""
    n_tokens = layout.n_positions
    if layout.grid is not None:
        # Convolutions: neighbours matter in the same way everywhere.
        channels = GROUP_SIZE * max(1, width // (2 * GROUP_SIZE))
        return TokenUNet(layout.grid, n_in, n_out, n_context, width=channels)
    # More tokens than these are denoised by attention, fewer are learnt faster as one row.
    if layout.shape is None or n_tokens <= 64:
        sizes = n_tokens * n_in, n_tokens * n_out
        return ResidualMLP(*sizes, n_context, width=2 * width, depth=2)
    return Transformer(n_tokens, n_in, n_out, n_context)


def causal_network(
    layout: Columns, *sizes: int, width: int
) -> PixelCNN | CausalTransformer | MaskedMLP:
    """Return a network from tokens, evidence and a context to the next token."""
    if layout.grid is not None:
        return PixelCNN(layout.grid, *sizes)
    if layout.shape is not None:
        return CausalTransformer(layout.n_positions, *sizes)
    return MaskedMLP(layout.n_positions, *sizes, width=width)


class _SharedNetwork(nn.Module):
    """One network for every column of a table, or every frame of a sequence."""

    def __init__(self, n_in: int, n_out: int, width: int):
        super().__init__()
        self.network, self.n_in = SkipMLP(n_in, n_out, 0, max(1, width // 2), 1), n_in

    def forward(self, rows: Tensor, context: Tensor | None = None) -> Tensor:
        places = rows.unflatten(1, (-1, self.n_in)).flatten(0, 1)
        return self.network(places).unflatten(0, (len(rows), -1)).flatten(1)


class _SlowLinear(nn.Module):
    """A linear map whose output moves as slowly as that of a layer of few inputs.

    Adam takes equally large steps for each of many weights, and they add up in the output: all bits
    of a long row would become the same.
    """

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_out, n_in))
        self.bias = nn.Parameter(torch.empty(n_out))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw weights that keep the variance of unit inputs."""
        with torch.no_grad():
            self.weight.normal_(generator=generator)
            self.bias.zero_()

    def forward(self, rows: Tensor) -> Tensor:
        return F.linear(rows * rows.shape[1] ** -0.5, self.weight, self.bias)


class _SequenceEncoder(nn.Module):
    """A sequence to a few tokens: linearly, corrected by tokens that attend to all of it."""

    def __init__(self, shape: tuple[int, ...], n_tokens: int, n_out: int, n_context: int):
        super().__init__()
        length, channels = shape
        self.linear = _SlowLinear(length * channels, n_tokens * n_out)
        self.frames = Transformer(length, channels, FRAME_FEATURES, n_context, depth=2)
        memory = (length, FRAME_FEATURES)
        self.tokens = Transformer(
            n_tokens, 0, n_out, n_context, memory=memory, depth=1, zero_output=True
        )

    def forward(self, rows: Tensor, context: Tensor) -> Tensor:
        return self.linear(rows) + self.tokens(rows, context, self.frames(rows, context))


class _SequenceDecoder(nn.Module):
    """Tokens to a sequence: linearly, corrected by frames that attend to them and one another."""

    def __init__(self, shape: tuple[int, ...], n_tokens: int, n_in: int, n_context: int):
        super().__init__()
        length, channels = shape
        self.linear = zero_init(_SlowLinear(n_tokens * n_in, length * channels))
        memory = (n_tokens, n_in)
        self.places = Transformer(
            length, 0, channels, n_context, memory=memory, depth=2, zero_output=True
        )

    def forward(self, rows: Tensor, context: Tensor) -> Tensor:
        return self.linear(rows) + self.places(rows, context, rows)
