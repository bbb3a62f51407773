r"""Convolutional networks on images and sequences: an encoder, and a U-Net for denoising.

A row is an image (channels, height, width) or a sequence (length, channels), flattened; a sequence
is held as an image one pixel high, with kernels one pixel high. A block at one resolution computes
:math:`h + B * \mathrm{silu}(A * [(1 + \alpha(c)) \odot \mathrm{norm}(h) + \beta(c)])`, A and B
convolutions: the block of :mod:`skgen.networks.mlp`, whose scales and shifts of the context c are
those of a channel here. The encoder halves the resolution block by block. The U-Net does so too,
then doubles it again, adding at each resolution the activations from the way down.

Source: Ronneberger, Fischer and Brox, *U-Net: convolutional networks for biomedical image
segmentation*, MICCAI 2015; Perez et al., *FiLM: visual reasoning with a general conditioning
layer*, AAAI 2018.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgen.networks.mlp import modulated, zero_init

# Pixels of the finest map of each network: where a row has more, small patches become channels.
UNET_POSITIONS = 1024
ENCODER_POSITIONS = 256
# Pixels of the coarsest map, at most.
COARSE_POSITIONS = 16
GROUP_SIZE = 16
# Channels at the finest resolution, unless others are asked for.
WIDTH = 32


class PatchGrid:
    """Rows as maps of patches and back; its maps lie channels last in memory.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) of an image, or (length, channels) of a sequence.
    max_positions : int
        Positions of a map, at most: patches are as small as this allows.
    """

    def __init__(self, shape: tuple[int, ...], max_positions: int):
        if len(shape) not in (2, 3) or min(shape) < 1:
            raise ValueError(
                f"shape={tuple(shape)!r} should be (channels, height, width) or (length, channels),"
                " of positive numbers."
            )
        self.is_image = len(shape) == 3
        channels, *self.size = shape if self.is_image else (shape[1], 1, shape[0])
        patch = 1
        while math.prod(self._count(patch)) > max_positions:
            patch *= 2
        self.patch = [min(patch, n) if n == 1 else patch for n in self.size]
        self.shape = (channels, *self.patch)
        self.n_channels = math.prod(self.shape)
        self.positions = self._count(patch)

    def _count(self, patch: int) -> tuple[int, int]:
        height, width = (math.ceil(n / patch) for n in self.size)
        return height, width

    def split(self, rows: Tensor) -> Tensor:
        """Map (n, n_features) rows to (n, n_channels, *positions), zeros beyond their border."""
        (height, width), (p, q) = self.size, self.patch
        if self.is_image:
            x = rows.unflatten(1, (self.shape[0], height, width))
        else:
            x = rows.unflatten(1, (1, width, self.shape[0])).movedim(3, 1)
        x = F.pad(x, (0, -width % q, 0, -height % p))
        x = x.unflatten(3, (-1, q)).unflatten(2, (-1, p)).permute(0, 2, 4, 1, 3, 5)
        # Channels last in memory: convolutions on a CPU then take half the time, or less.
        return x.flatten(3).movedim(3, 1)

    def join(self, maps: Tensor) -> Tensor:
        """Invert :meth:`split`."""
        height, width = self.size
        x = maps.movedim(1, 3).unflatten(3, self.shape).permute(0, 3, 1, 4, 2, 5)
        x = x.flatten(4).flatten(2, 3)[:, :, :height, :width]
        return (x if self.is_image else x.movedim(1, 3)).flatten(1)


def _pyramid(
    grid: PatchGrid, width: int, n_halvings: int | None = None
) -> list[tuple[int, tuple[int, int]]]:
    """List (channels, positions) from the finest map to the coarsest, a number of halvings on."""
    if width < 1 or width % GROUP_SIZE:
        raise ValueError(f"width={width!r} should be a positive multiple of {GROUP_SIZE}.")
    positions = grid.positions
    # Maps of many pixels are expensive and get few channels, but not fewer than their input.
    channels = width // 2 if math.prod(positions) > ENCODER_POSITIONS else width
    channels = max(channels, min(4 * width, GROUP_SIZE * math.ceil(grid.n_channels / GROUP_SIZE)))
    levels = [(channels, positions)]
    while (
        math.prod(positions) > COARSE_POSITIONS
        if n_halvings is None
        else len(levels) <= n_halvings and math.prod(positions) > 1
    ):
        positions = math.ceil(positions[0] / 2), math.ceil(positions[1] / 2)
        channels = min(2 * channels, 4 * width)
        levels.append((channels, positions))
    return levels


def _conv(n_in: int, n_out: int, positions: tuple[int, int], stride: int = 1) -> nn.Conv2d:
    """Return a convolution with kernels of 3, or of 1 along an axis of one position."""
    kernel, strides, padding = zip(
        *((1, 1, 0) if n == 1 else (3, stride, 1) for n in positions), strict=True
    )
    return nn.Conv2d(n_in, n_out, kernel, strides, padding)


def _norm(channels: int) -> nn.GroupNorm:
    # Groups of 16 channels: with fewer the normalisation costs as much as the convolution.
    return nn.GroupNorm(channels // math.gcd(channels, GROUP_SIZE), channels)


class ConvBlock(nn.Module):
    """One residual block at one resolution."""

    def __init__(self, channels: int, positions: tuple[int, int], n_modulation: int):
        super().__init__()
        self.norm = _norm(channels)
        self.modulate = zero_init(nn.Linear(n_modulation, 2 * channels)) if n_modulation else None
        self.inner = _conv(channels, channels, positions)
        self.outer = zero_init(_conv(channels, channels, positions))

    def forward(self, h: Tensor, modulation: Tensor | None) -> Tensor:
        """Map (n, channels, height, width) activations to the same."""
        u = modulated(self.norm(h), self.modulate, modulation)
        return h + self.outer(F.silu(self.inner(u)))


class _Descent(nn.Module):
    """Stem, context and the blocks and strides down to the coarsest map, where it ends."""

    def __init__(
        self,
        shape: tuple[int, ...],
        n_context: int,
        width: int,
        max_positions: int,
        n_halvings: int | None = None,
    ):
        super().__init__()
        self.grid = PatchGrid(shape, max_positions)
        self.levels = _pyramid(self.grid, width, n_halvings)
        n_modulation = 4 * width if n_context else 0
        self.context = nn.Linear(n_context, n_modulation) if n_context else None
        channels, positions = self.levels[0]
        self.stem = _conv(self.grid.n_channels, channels, positions)
        self.blocks = nn.ModuleList(ConvBlock(*level, n_modulation) for level in self.levels)
        self.downs = nn.ModuleList(
            _conv(fine, coarse, positions, stride=2)
            for (fine, positions), (coarse, _) in zip(self.levels, self.levels[1:], strict=False)
        )
        self.n_modulation = n_modulation

    def descend(self, rows: Tensor, context: Tensor | None) -> tuple[list[Tensor], Tensor | None]:
        """Return the maps from the finest to the coarsest, and what modulates the blocks."""
        modulation = None if self.context is None else F.silu(self.context(context))
        maps = [self.blocks[0](self.stem(self.grid.split(rows)), modulation)]
        for down, block in zip(self.downs, self.blocks[1:], strict=True):
            maps.append(block(down(maps[-1]), modulation))
        return maps, modulation


class ConvEncoder(_Descent):
    """Rows to features, modulated by a context if there is one.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) of an image, or (length, channels) of a sequence.
    n_out : int
        Columns of the result.
    n_context : int
        Columns of the context; 0 for none.
    width : int
        Channels at the finest resolution, a multiple of 16; coarser ones have up to four times as
        many.
    """

    def __init__(self, shape: tuple[int, ...], n_out: int, n_context: int = 0, width: int = WIDTH):
        super().__init__(shape, n_context, width, ENCODER_POSITIONS)
        channels, positions = self.levels[-1]
        self.norm = _norm(channels)
        self.last = nn.Linear(channels * math.prod(positions), n_out)

    def forward(self, rows: Tensor, context: Tensor | None = None) -> Tensor:
        """Map (n, n_features) rows and (n, n_context) contexts to (n, n_out)."""
        maps, _ = self.descend(rows, context)
        return self.last(F.silu(self.norm(maps[-1])).flatten(1))


def _finest(shape: tuple[int, ...]) -> int:
    """Return the most positions of the finest map of a code; a sequence keeps every frame."""
    return ENCODER_POSITIONS if len(shape) == 3 else shape[0]


class MapEncoder(_Descent):
    """Rows to a coarse map of features, modulated by a context if there is one.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) of an image, or (length, channels) of a sequence.
    n_out : int
        Features of a position.
    n_context : int
        Columns of the context; 0 for none.
    n_halvings : int, default=None
        How often the resolution is halved; None goes on to 16 positions. A sequence keeps its own
        resolution to start with, a large image goes in by patches.
    """

    def __init__(
        self, shape: tuple[int, ...], n_out: int, n_context: int = 0, n_halvings: int | None = None
    ):
        super().__init__(shape, n_context, WIDTH, _finest(shape), n_halvings)
        channels, positions = self.levels[-1]
        self.n_positions = math.prod(positions)
        self.norm = _norm(channels)
        self.last = nn.Conv2d(channels, n_out, 1)

    def forward(self, rows: Tensor, context: Tensor | None = None) -> Tensor:
        """Map (n, n_features) rows to (n, n_positions * n_out), position by position."""
        maps, _ = self.descend(rows, context)
        return self.last(F.silu(self.norm(maps[-1]))).movedim(1, 3).flatten(1)


class MapDecoder(nn.Module):
    """A coarse map of features to rows: :class:`MapEncoder` the other way.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) of an image, or (length, channels) of a sequence.
    n_in : int
        Features of a position.
    n_context : int
        Columns of the context; 0 for none.
    n_halvings : int, default=None
        As the encoder's.
    """

    def __init__(
        self, shape: tuple[int, ...], n_in: int, n_context: int = 0, n_halvings: int | None = None
    ):
        super().__init__()
        self.grid = PatchGrid(shape, _finest(shape))
        self.levels = _pyramid(self.grid, WIDTH, n_halvings)[::-1]
        n_modulation = 4 * WIDTH if n_context else 0
        self.context = nn.Linear(n_context, n_modulation) if n_context else None
        channels, positions = self.levels[0]
        self.n_in, self.positions = n_in, positions
        self.stem = _conv(n_in, channels, positions)
        self.blocks = nn.ModuleList(ConvBlock(*level, n_modulation) for level in self.levels)
        self.ups = nn.ModuleList(
            nn.Conv2d(coarse, fine, 1)
            for (coarse, _), (fine, _) in zip(self.levels, self.levels[1:], strict=False)
        )
        self.norm = _norm(self.levels[-1][0])
        self.last = nn.Conv2d(self.levels[-1][0], self.grid.n_channels, 1)

    def forward(self, rows: Tensor, context: Tensor | None = None) -> Tensor:
        """Map (n, n_positions * n_in) features to (n, n_features)."""
        modulation = None if self.context is None else F.silu(self.context(context))
        h = self.stem(rows.unflatten(1, (*self.positions, self.n_in)).movedim(3, 1))
        h = self.blocks[0](h, modulation)
        for up, block, (_, positions) in zip(
            self.ups, self.blocks[1:], self.levels[1:], strict=True
        ):
            h = block(F.interpolate(up(h), size=positions), modulation)
        return self.grid.join(self.last(F.silu(self.norm(h))))


class UNet(_Descent):
    """Rows to rows of the same shape, modulated by a context; zero to start with.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) of an image, or (length, channels) of a sequence.
    n_context : int
        Columns of the context; 0 for none.
    width : int
        Channels at middling resolutions, a multiple of 16: half as many where there are more than
        256 positions, up to four times as many where there are few.
    n_outputs : int
        Rows of the shape that come out, side by side.
    zero_output : bool
        Whether the last layer starts at zero, as a denoiser's correction should.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        n_context: int,
        width: int = WIDTH,
        n_outputs: int = 1,
        zero_output: bool = True,
    ):
        super().__init__(shape, n_context, width, UNET_POSITIONS)
        finer = self.levels[:-1]
        self.ups = nn.ModuleList(
            nn.Conv2d(coarse, fine, 1)
            for (fine, _), (coarse, _) in zip(finer, self.levels[1:], strict=True)
        )
        self.returns = nn.ModuleList(ConvBlock(*level, self.n_modulation) for level in finer)
        # Scales and shifts of channels do not depend on position: a context with more information,
        # such as a latent, is added to the coarsest map.
        self.draw = None
        if n_context:
            size = math.prod(self.levels[-1][1])
            self.draw = zero_init(nn.Linear(self.n_modulation, self.levels[-1][0] * size))
        self.norm = _norm(self.levels[0][0])
        self.n_outputs = n_outputs
        n_channels = n_outputs * self.grid.n_channels
        last = nn.Conv2d(self.levels[0][0], n_channels, 1)
        self.last = zero_init(last) if zero_output else last

    def forward(self, rows: Tensor, context: Tensor | None = None) -> Tensor:
        """Map (n, n_features) rows and (n, n_context) contexts to (n, n_outputs * n_features)."""
        maps, modulation = self.descend(rows, context)
        h = maps.pop()
        if self.draw is not None:
            h = h + self.draw(modulation).unflatten(1, h.shape[1:])
        for up, block in zip(reversed(self.ups), reversed(self.returns), strict=True):
            skip = maps.pop()
            # To exactly the size of the map on the way down, which may be odd.
            h = block(skip + F.interpolate(up(h), size=skip.shape[2:]), modulation)
        outputs = self.last(F.silu(self.norm(h))).chunk(self.n_outputs, 1)
        return torch.cat([self.grid.join(output) for output in outputs], 1)


class TokenUNet(nn.Module):
    """Tokens on a map to tokens, modulated by a context.

    Parameters
    ----------
    positions : tuple of int
        (height, width) of the map.
    n_in, n_out : int
        Numbers that a token comes with, and leaves with.
    n_context : int
        Columns of the context; 0 for none.
    width : int
        Channels, a multiple of 16.
    """

    def __init__(
        self, positions: tuple[int, int], n_in: int, n_out: int, n_context: int, width: int = WIDTH
    ):
        super().__init__()
        self.n_in, self.n_out = n_in, n_out
        self.embed = nn.Linear(n_in, n_out)
        self.network = UNet((n_out, *positions), n_context, width, zero_output=False)

    def forward(self, rows: Tensor, context: Tensor | None = None) -> Tensor:
        """Map rows (n, n_tokens * n_in) and (n, n_context) contexts to (n, n_tokens * n_out)."""
        tokens = self.embed(rows.unflatten(1, (-1, self.n_in)))
        maps = self.network(tokens.transpose(1, 2).flatten(1), context)
        return maps.unflatten(1, (self.n_out, -1)).transpose(1, 2).flatten(1)
