"""Transformers: what tokens may see, and how they start."""

import torch

from skgen.networks.mlp import initialize
from skgen.networks.sequence import Transformer


def build(*args, **kwargs):
    """Make a network whose added parts are not zero, in double precision."""
    network = initialize(Transformer(*args, width=32, **kwargs), torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return network.double()


def rows(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(2)).double()


def test_starts_at_zero():
    network = initialize(
        Transformer(5, 3, 2, 4, zero_output=True), torch.Generator().manual_seed(0)
    )
    assert not network(torch.ones(2, 15), torch.ones(2, 4)).any()


def test_every_token_sees_every_other():
    network = build(5, 3, 2)
    x = rows(1, 15).requires_grad_()
    (gradient,) = torch.autograd.grad(network(x)[0, 0], x)
    assert (gradient.reshape(5, 3).abs().sum(1) > 0).all()


def test_places_are_told_apart():
    network = build(4, 2, 3)
    x = rows(1, 2).repeat(1, 4)
    out = network(x).reshape(4, 3)
    assert (out[0] - out[1]).abs().max().item() > 1e-3


def test_memory_and_context_matter():
    network = build(4, 0, 3, 2, memory=(5, 6))
    c, memory = rows(3, 2), rows(3, 30)
    out = network(c, c, memory)
    assert out.shape == (3, 12)
    assert (network(c, c, memory + 1) - out).abs().max().item() > 1e-3
    assert (network(c, c + 1, memory) - out).abs().max().item() > 1e-3


def test_rows_do_not_see_each_other():
    network = build(4, 2, 3, 2)
    x, c = rows(6, 8), rows(6, 2)
    torch.testing.assert_close(network(x, c)[2:3], network(x[2:3], c[2:3]))
