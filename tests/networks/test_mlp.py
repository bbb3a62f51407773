"""Perceptrons: where their weights come from, what they start as, what a context does."""

import pytest
import torch
from torch import nn

from skgen.networks.mlp import ColumnwiseMLP, ResidualBlock, ResidualMLP, initialize, zero_init
from skgen.processes.schedules import LearnedSchedule


def build(*args, seed=0, **kwargs):
    with torch.device("meta"):
        network = ResidualMLP(*args, **{"width": 16, "depth": 2, **kwargs})
    return initialize(network, torch.Generator().manual_seed(seed)).double()


def draw(*size, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*size, generator=generator, dtype=torch.float64)


def enliven(network, seed=2):
    """Give every weight a value, zeros included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.uniform_(-0.3, 0.3, generator=generator)
    return network


def test_weights_come_from_the_generator_alone():
    before = torch.get_rng_state()
    networks = [build(3, 2, 4, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(before, torch.get_rng_state())
    first, second, other = (
        torch.cat([p.flatten() for p in network.parameters()]) for network in networks
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.statistical
def test_the_distribution_of_the_weights():
    with torch.device("meta"):
        parts = nn.ModuleDict(
            {
                "linear": nn.Linear(64, 500),
                "conv": nn.Conv2d(4, 200, 3),
                "embedding": nn.Embedding(400, 10),
                "norm": nn.GroupNorm(2, 8),
                "zero": zero_init(nn.Linear(5, 5)),
                "schedule": LearnedSchedule(-5.0, 5.0),
            }
        )
    initialize(parts, torch.Generator().manual_seed(0))
    assert not any(parameter.is_meta for parameter in parts.parameters())
    for name, fan_in in (("linear", 64), ("conv", 36)):
        weight, limit = parts[name].weight.detach(), fan_in**-0.5
        # The largest of thousands of uniform numbers comes near the limit.
        assert 0.99 * limit < weight.abs().max() <= limit
        assert float(weight.var()) == pytest.approx(limit**2 / 3, rel=0.05)
        assert parts[name].bias.abs().max() <= limit
        assert parts[name].bias.std() > 0.4 * limit
    assert float(parts["embedding"].weight.detach().std()) == pytest.approx(0.02, rel=0.05)
    assert (parts["norm"].weight == 1).all()
    assert (parts["norm"].bias == 0).all()
    assert (parts["zero"].weight == 0).all()
    assert (parts["zero"].bias == 0).all()
    gamma, _ = parts["schedule"](torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(gamma, torch.tensor([-5.0, 0.0, 5.0]))


def test_initialize_sets_a_network_that_is_on_a_device_already():
    network = ResidualMLP(3, 2, 4, width=16, depth=2)
    initialize(network, torch.Generator().manual_seed(0))
    for mine, meta in zip(network.parameters(), build(3, 2, 4).parameters(), strict=True):
        torch.testing.assert_close(mine.double(), meta)


@pytest.mark.parametrize("n_frequencies", [0, 3])
def test_a_denoiser_starts_at_zero(n_frequencies):
    network = build(3, 2, 4, zero_output=True, n_frequencies=n_frequencies)
    assert (network(draw(10, 3), draw(10, 4)) == 0).all()


def test_blocks_start_as_the_identity():
    block = initialize(ResidualBlock(16, 4), torch.Generator().manual_seed(0)).double()
    h = draw(10, 16)
    torch.testing.assert_close(block(h, draw(10, 4)), h)
    assert not torch.allclose(enliven(block)(h, draw(10, 4)), h)


def test_a_block_computes_its_equation():
    block = enliven(initialize(ResidualBlock(16, 4), torch.Generator()).double())
    h, c = draw(10, 16), draw(10, 4, seed=3)
    norm = (h - h.mean(1, keepdim=True)) / (h.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    scale, shift = (c @ block.modulate.weight.T + block.modulate.bias).split(16, 1)
    inner = ((1 + scale) * norm + shift) @ block.inner.weight.T + block.inner.bias
    outer = (inner * torch.sigmoid(inner)) @ block.outer.weight.T + block.outer.bias
    torch.testing.assert_close(block(h, c), h + outer)


def test_a_network_starts_linear_before_its_last_layer():
    """With idle blocks the activations are those of the first layer."""
    network = build(3, 2, 4)
    rows, context = draw(10, 3), draw(10, 4)
    kept = []
    network.norm.register_forward_hook(lambda module, inputs, out: kept.append(inputs[0]))
    network(rows, context)
    torch.testing.assert_close(kept[0], network.embed(torch.cat([rows, context], 1)))


def test_the_context_modulates_every_block():
    network = enliven(build(3, 2, 4))
    rows = draw(10, 3)
    with torch.no_grad():
        # The first layer no longer sees the context, which is left to the blocks.
        network.embed.weight[:, 3:] = 0
    assert not torch.allclose(network(rows, draw(10, 4)), network(rows, draw(10, 4, seed=4)))
    with torch.no_grad():
        for block in network.blocks:
            block.modulate.weight.zero_()
    torch.testing.assert_close(network(rows, draw(10, 4)), network(rows, draw(10, 4, seed=4)))


def test_rows_do_not_see_one_another():
    network = enliven(build(3, 2, 4, n_frequencies=2))
    rows, context = draw(10, 3), draw(10, 4)
    whole = network(rows, context)
    torch.testing.assert_close(network(rows[4:5], context[4:5]), whole[4:5])
    order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network(rows[order], context[order]), whole[order])


def test_without_a_context():
    network = enliven(build(3, 2))
    assert network.context is None
    assert network(draw(10, 3)).std() > 0


def test_every_weight_is_learnt():
    network = enliven(build(3, 2, 4, n_frequencies=2))
    network(draw(10, 3), draw(10, 4)).square().sum().backward()
    assert all((parameter.grad != 0).any() for parameter in network.parameters())


def test_a_network_for_each_column_shares_nothing_but_the_input():
    with torch.device("meta"):
        network = ColumnwiseMLP(5, 3, 4, width=6)
    network = initialize(network, torch.Generator().manual_seed(0)).double()
    rows, context = draw(7, 5), draw(7, 4, seed=2)
    assert torch.equal(network(rows, context), torch.zeros(7, 3).double())
    enliven(network)
    out = network(rows, context)
    assert out.shape == (7, 3)
    # The second column hears of all of the input, and moves the second part of each weight alone.
    rows.requires_grad_()
    network(rows, context)[:, 1].sum().backward()
    assert bool((rows.grad != 0).all())
    parts = [network.first.weight.grad.unflatten(0, (3, 6)), network.scale.weight.grad]
    parts = [parts[0], parts[1].unflatten(0, (3, 6)), network.inner.weight.grad]
    for gradient in [*parts, network.last.weight.grad, network.last.bias.grad]:
        moved = gradient.flatten(1).abs().amax(1) > 0
        assert moved.tolist() == [False, True, False]
    # One context for all rows is that context in every row.
    one = context[:1]
    torch.testing.assert_close(network(rows, one), network(rows, one.expand(7, -1)))
