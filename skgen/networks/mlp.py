r"""Residual multilayer perceptrons on rows, and the initialisation of every network here.

A block computes :math:`h + B\,\mathrm{silu}(A\,[(1 + \alpha(c)) \odot \mathrm{norm}(h) +
\beta(c)])`: the context c (noise level, latent, condition) scales and shifts the normalised
activations. Scales, shifts and B start at zero, so that a network starts as a linear map.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgen.networks.embeddings import periodic_features


def zero_init(layer: nn.Module) -> nn.Module:
    """Mark a layer: :func:`initialize` sets its weight and bias to zero."""
    cast(Any, layer).zero_init = True
    return layer


def initialize(module: nn.Module, generator: torch.Generator) -> nn.Module:
    """Give a network built on the ``meta`` device its weights, drawn from the generator alone.

    Linear and convolution layers are uniform on plus or minus the inverse root of the
    fan-in, embeddings normal of scale 0.02, norms ones and zeros; a layer marked by
    :func:`zero_init` gets zeros; a module with a ``reset_parameters(generator)`` of its own is
    left to it. PyTorch's own constructors read the global random state, which stays untouched.
    """
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None and parameter.is_meta:
                part._parameters[name] = nn.Parameter(torch.zeros(parameter.shape))
    with torch.no_grad():
        for part in module.modules():
            weight: Any = getattr(part, "weight", None)
            bias: Any = getattr(part, "bias", None)
            if getattr(part, "zero_init", False):
                weight.zero_()
                if bias is not None:
                    bias.zero_()
            elif isinstance(part, nn.Linear | nn.Conv1d | nn.Conv2d):
                limit = weight[0].numel() ** -0.5
                for tensor in (weight, bias):
                    if tensor is not None:
                        tensor.uniform_(-limit, limit, generator=generator)
            elif isinstance(part, nn.Embedding):
                weight.normal_(0.0, 0.02, generator=generator)
            elif isinstance(part, nn.LayerNorm | nn.GroupNorm | nn.RMSNorm):
                if weight is not None:
                    weight.fill_(1.0)
                if bias is not None:
                    bias.zero_()
            elif part._parameters:
                cast(Any, part).reset_parameters(generator)
    return module


MAX_PERIODIC = 128


def modulated(h: Tensor, layer: nn.Module | None, context: Tensor | None) -> Tensor:
    """Return h with each channel scaled and shifted as a layer reads from a context, if any."""
    if layer is None:
        return h
    scale, shift = layer(context)[(..., *[None] * (h.ndim - 2))].chunk(2, 1)
    return torch.addcmul(shift, h, 1 + scale)


class ResidualBlock(nn.Module):
    """One residual block of :class:`ResidualMLP`."""

    def __init__(self, width: int, n_context: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulate = zero_init(nn.Linear(n_context, 2 * width)) if n_context else None
        self.inner = nn.Linear(width, 2 * width)
        self.outer = zero_init(nn.Linear(2 * width, width))

    def forward(self, h: Tensor, context: Tensor | None) -> Tensor:
        """Map (n, width) activations to (n, width)."""
        u = modulated(self.norm(h), self.modulate, context)
        return h + self.outer(F.silu(self.inner(u)))


class ResidualMLP(nn.Module):
    """Rows to rows, modulated by a context.

    Parameters
    ----------
    n_in, n_out : int
        Columns of the input and of the output.
    n_context : int
        Columns of the context; 0 for none.
    width, depth : int
        Units of a layer, and number of residual blocks.
    n_frequencies : int
        Frequencies of the periodic features that go in beside the columns.
    zero_output : bool
        Whether the last layer starts at zero, as a denoiser's correction should.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        n_context: int = 0,
        *,
        width: int = 256,
        depth: int = 3,
        n_frequencies: int = 0,
        zero_output: bool = False,
    ):
        super().__init__()
        n_modulation = min(64, width) if n_context else 0
        self.n_frequencies = n_frequencies
        self.embed = nn.Linear(n_in * (1 + 2 * n_frequencies) + n_context, width)
        self.context = nn.Linear(n_context, n_modulation) if n_context else None
        self.blocks = nn.ModuleList(ResidualBlock(width, n_modulation) for _ in range(depth))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        last = nn.Linear(width, n_out)
        self.last = zero_init(last) if zero_output else last

    def forward(self, rows: Tensor, context: Tensor | None = None) -> Tensor:
        """Map (n, n_in) rows and (n, n_context) contexts, or one for all, to (n, n_out)."""
        if self.n_frequencies:
            rows = periodic_features(rows, self.n_frequencies)
        if self.context is None or context is None:
            h, modulation = self.embed(rows), None
        else:
            h = self.embed(torch.cat([rows, context.expand(rows.shape[0], -1)], -1))
            modulation = F.silu(self.context(context))
        for block in self.blocks:
            h = block(h, modulation)
        return self.last(F.silu(self.norm(h)))


class ColumnwiseLinear(nn.Module):
    """A linear map of its own for each token, or column."""

    def __init__(self, n_tokens: int, n_in: int, n_out: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_tokens, n_in, n_out))
        self.bias = nn.Parameter(torch.empty(n_tokens, 1, n_out))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw as a linear layer is drawn: between plus and minus the inverse root of fan-in."""
        limit = self.weight.shape[1] ** -0.5
        with torch.no_grad():
            for tensor in (self.weight, self.bias):
                tensor.uniform_(-limit, limit, generator=generator)

    def forward(self, h: Tensor) -> Tensor:
        """Map (n_tokens, n, n_in) to (n_tokens, n, n_out)."""
        return torch.baddbmm(self.bias, h, self.weight)

    def at(self, place: int, h: Tensor) -> Tensor:
        """Map (n, n_in) of one token to (n, n_out)."""
        return torch.addmm(self.bias[place], h, self.weight[place])


class ColumnwiseMLP(nn.Module):
    """A small network for each column of the output, which reads all of the input.

    A few columns of different meaning are learnt in a fraction of the steps that one network for
    all takes. The first layer grows with the square of their number.

    Parameters
    ----------
    n_in, n_out, n_context : int
        Columns of the input, of the output and of the context.
    width : int
        Units of a column's two layers, of which the context scales the first.
    """

    def __init__(self, n_in: int, n_out: int, n_context: int, *, width: int):
        super().__init__()
        self.n_out = n_out
        self.first = nn.Linear(n_in + n_context, n_out * width)
        self.scale = zero_init(nn.Linear(n_context, n_out * width))
        self.inner = ColumnwiseLinear(n_out, width, width)
        self.last = zero_init(ColumnwiseLinear(n_out, width, 1))

    def forward(self, rows: Tensor, context: Tensor) -> Tensor:
        """Map (n, n_in) rows and (n, n_context) contexts, or one for all, to (n, n_out)."""
        h = self.first(torch.cat([rows, context.expand(rows.shape[0], -1)], -1))
        h = F.silu(h) * (1 + self.scale(context))
        h = h.unflatten(1, (self.n_out, -1)).transpose(0, 1)
        h = h + F.silu(self.inner(h))
        return self.last(h)[:, :, 0].T


class SkipMLP(nn.Module):
    """A linear map and a network that corrects it, which starts at zero."""

    def __init__(self, n_in: int, n_out: int, n_context: int, width: int, depth: int):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.network = ResidualMLP(
            n_in, n_out, n_context, width=width, depth=depth, zero_output=True
        )

    def forward(self, rows: Tensor, context: Tensor | None = None) -> Tensor:
        """Map (n, n_in) rows and (n, n_context) contexts, if there are any, to (n, n_out)."""
        return self.linear(rows) + self.network(rows, context)


def correction(n_in: int, n_out: int, n_context: int, width: int, depth: int = 3) -> ResidualMLP:
    """Return a network that corrects a known answer for rows of n_in columns; it starts at zero."""
    # Few columns may hold narrow structure; many columns would swamp the first layer.
    n_frequencies = min(MAX_PERIODIC // n_in, 4)
    return ResidualMLP(
        n_in,
        n_out,
        n_context,
        width=width,
        depth=depth,
        n_frequencies=n_frequencies,
        zero_output=True,
    )
