"""The convolutional networks: layouts, what they start as, what each output hangs on, learning."""

import math

import pytest
import torch
from torch import nn

from skgen.networks.conv import (
    COARSE_POSITIONS,
    ENCODER_POSITIONS,
    UNET_POSITIONS,
    ConvEncoder,
    MapDecoder,
    MapEncoder,
    PatchGrid,
    TokenUNet,
    UNet,
)
from skgen.networks.mlp import initialize

SHAPES = [(1, 1, 1), (1, 7, 7), (3, 8, 8), (1, 28, 29), (2, 67, 5), (8, 2), (13, 3), (196, 1)]
N_CONTEXT = 3


def build(network, *args, live=False, seed=0, **kwargs):
    """Build a network on the meta device and give it weights; a live one has no zeros."""
    with torch.device("meta"):
        module = network(*args, **kwargs)
    if live:
        for part in module.modules():
            part.zero_init = False
    return initialize(module, torch.Generator().manual_seed(seed))


def draw(*size, seed=1):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("max_positions", [UNET_POSITIONS, ENCODER_POSITIONS, 4])
@pytest.mark.parametrize("shape", [*SHAPES, (5000, 2)])
def test_join_inverts_split(shape, max_positions):
    grid = PatchGrid(shape, max_positions)
    rows = draw(2, math.prod(shape))
    maps = grid.split(rows)
    assert maps.shape == (2, grid.n_channels, *grid.positions)
    assert math.prod(grid.positions) <= max_positions
    assert torch.equal(grid.join(maps), rows)


def test_maps_keep_pixels_in_place():
    image = torch.arange(3 * 4 * 5.0)[None]
    assert torch.equal(PatchGrid((3, 4, 5), 20).split(image), image.view(1, 3, 4, 5))
    sequence = torch.arange(7 * 2.0)[None]
    maps = PatchGrid((7, 2), 7).split(sequence)
    assert torch.equal(maps[0, :, 0], sequence.view(7, 2).T)


def test_a_position_holds_the_pixels_of_its_patch():
    rows = torch.arange(2 * 4 * 6.0)[None]
    grid = PatchGrid((2, 4, 6), 6)
    assert (grid.patch, grid.positions) == ([2, 2], (2, 3))
    expected = rows.view(2, 4, 6)[:, 2:4, 4:6].flatten()
    assert torch.equal(grid.split(rows)[0, :, 1, 2], expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_unet_starts_at_zero_and_its_output_can_move(shape):
    net = build(UNet, shape, N_CONTEXT)
    rows = draw(4, math.prod(shape))
    result = net(rows, draw(4, N_CONTEXT, seed=2))
    assert torch.equal(result, torch.zeros_like(rows))
    (result - rows).square().mean().backward()
    assert net.last.weight.grad.abs().max() > 0


def test_blocks_start_unconditioned_and_learn_a_condition():
    net = build(ConvEncoder, (1, 9, 9), 5, N_CONTEXT)
    rows, context = draw(4, 81), draw(4, N_CONTEXT, seed=2)
    assert torch.equal(net(rows, context), net(rows, 2 * context))
    # The last convolution of a block is zero too, so scales and shifts move once it has moved.
    for block in net.blocks:
        nn.init.constant_(block.outer.weight, 0.1)
    assert torch.equal(net(rows, context), net(rows, 2 * context))
    net(rows, context).square().sum().backward()
    assert all(block.modulate.weight.grad.abs().max() > 0 for block in net.blocks)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("network", ["encoder", "unet"])
def test_every_weight_counts(shape, network):
    if network == "unet":
        net = build(UNet, shape, N_CONTEXT, live=True)
    else:
        net = build(ConvEncoder, shape, 6, N_CONTEXT, live=True)
    net.double()(
        draw(3, math.prod(shape)).double(), draw(3, N_CONTEXT, seed=2).double()
    ).square().sum().backward()
    idle = [name for name, weight in net.named_parameters() if weight.grad.abs().max() == 0]
    assert idle == []


@pytest.mark.parametrize("shape", [(1, 7, 7), (13, 3)])
def test_a_row_does_not_see_the_others(shape):
    net = build(UNet, shape, N_CONTEXT, live=True).double()
    rows, context = draw(5, math.prod(shape)).double(), draw(5, N_CONTEXT, seed=2).double()
    alone = torch.cat([net(rows[i : i + 1], context[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(net(rows, context), alone, rtol=1e-10, atol=1e-12)


def test_a_sequence_is_an_image_one_pixel_high():
    sequence = build(UNet, (13, 3), N_CONTEXT, live=True)
    image = build(UNet, (3, 1, 13), N_CONTEXT, live=True)
    rows, context = draw(2, 39), draw(2, N_CONTEXT, seed=2)
    turned = rows.view(2, 13, 3).transpose(1, 2).flatten(1)
    expected = image(turned, context).view(2, 3, 13).transpose(1, 2).flatten(1)
    torch.testing.assert_close(sequence(rows, context), expected)


def test_height_and_width_are_alike():
    wide = build(UNet, (2, 5, 9), N_CONTEXT, live=True).double()
    tall = build(UNet, (2, 9, 5), N_CONTEXT).double()
    _, positions = wide.levels[-1]

    def turn(name, v):
        if name.startswith("draw."):
            return v.unflatten(0, (-1, *positions)).transpose(1, 2).flatten(0, 2)
        return v.transpose(2, 3) if v.ndim == 4 else v

    tall.load_state_dict({name: turn(name, v) for name, v in wide.state_dict().items()})
    rows, context = draw(2, 90).double(), draw(2, N_CONTEXT, seed=2).double()
    turned = rows.view(2, 2, 5, 9).transpose(2, 3).flatten(1)
    expected = tall(turned, context).view(2, 2, 9, 5).transpose(2, 3).flatten(1)
    torch.testing.assert_close(wide(rows, context), expected)


@pytest.mark.parametrize("shape", [(1, 7, 7), (1, 28, 28), (3, 40, 36), (13, 3), (196, 1)])
def test_activations_lie_channels_last(shape):
    # Otherwise results are the same and a step takes twice the time.
    astray = []

    def look(part, inputs, output):
        if not output.is_contiguous(memory_format=torch.channels_last):
            astray.append(part)

    net = build(UNet, shape, N_CONTEXT, live=True)
    for part in net.modules():
        if isinstance(part, nn.Conv2d | nn.GroupNorm):
            part.register_forward_hook(look)
    net(draw(2, math.prod(shape)), draw(2, N_CONTEXT))
    assert astray == []


@pytest.mark.statistical
@pytest.mark.parametrize("shape", [(1, 12, 12), (3, 20, 20), (24, 2)])
def test_precisions_agree(shape):
    net = build(UNet, shape, N_CONTEXT, live=True)
    rows, context = draw(3, math.prod(shape)), draw(3, N_CONTEXT, seed=2)
    single = net(rows, context)
    with torch.autocast("cpu", torch.bfloat16):
        half = net(rows, context)
    double = net.double()(rows.double(), context.double())
    scale = double.std()
    assert (single - double).abs().max() < 1e-4 * scale
    assert (half - double).std() < 0.05 * scale


def test_randomness_is_the_generators_alone():
    before = torch.get_rng_state()
    nets = [build(UNet, (1, 7, 7), N_CONTEXT, live=True, seed=seed) for seed in (3, 3, 4)]
    results = [net(draw(2, 49), draw(2, N_CONTEXT, seed=2)) for net in nets]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(results[0], results[1])
    assert not torch.allclose(results[0], results[2])


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 8, 8), (8, 2), (100_000, 1)])
def test_the_coarsest_map_is_small(shape):
    for net in (build(UNet, shape, 0), build(ConvEncoder, shape, 1)):
        counts = [math.prod(positions) for _, positions in net.levels]
        assert counts[-1] <= COARSE_POSITIONS
        assert counts == sorted(counts, reverse=True)


def fit(net, batch, n_steps, lr=3e-3):
    """Train on fresh batches of (inputs, targets) and return the last losses over the variance."""
    optimizer = torch.optim.Adam(net.parameters(), lr)
    losses = []
    for step in range(n_steps):
        inputs, target = batch(step)
        loss = (net(*inputs) - target).square().mean() / target.var()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses[-10:]) / 10


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("shape", [(1, 7, 9), (13, 2)])
def test_unet_learns_where_and_by_which_sign(shape):
    # Each pixel becomes its left neighbour, or that with its sign turned, as the context says:
    # a network that misses the place or the sign keeps all of the variance.
    axis = 1 if len(shape) == 2 else 3

    def batch(step):
        rows = draw(32, *shape, seed=step)
        sign = draw(32, 1, seed=10_000 + step).sign()
        return (rows.flatten(1), sign), sign * rows.roll(1, axis).flatten(1)

    assert fit(build(UNet, shape, 1, width=16), batch, 150) < 0.5


@pytest.mark.slow
@pytest.mark.statistical
def test_encoder_learns_a_place():
    def batch(step):
        generator = torch.Generator().manual_seed(step)
        place = torch.randint(0, 11, (64, 2), generator=generator)
        rows = 0.1 * torch.randn(64, 11, 11, generator=generator)
        rows[torch.arange(64), place[:, 0], place[:, 1]] += 3
        return (rows.flatten(1),), place / 5 - 1

    assert fit(build(ConvEncoder, (1, 11, 11), 2, width=16), batch, 300) < 0.1


@pytest.mark.parametrize("shape", [(4,), (1, 2, 3, 4), (0, 3), (1, 0, 2)])
def test_bad_shape_is_named(shape):
    with pytest.raises(ValueError, match=r"shape=.*\(length, channels\)"):
        UNet(shape, 1)


@pytest.mark.parametrize("width", [0, 8, 20])
def test_bad_width_is_named(width):
    with pytest.raises(ValueError, match=f"width={width} .* multiple of 16"):
        ConvEncoder((1, 8, 8), 2, width=width)


@pytest.mark.parametrize("shape", [(1, 4, 4), (8, 2)])
def test_rows_of_another_length_are_refused(shape):
    net = build(UNet, shape, 0)
    with pytest.raises(RuntimeError):
        net(torch.zeros(2, 2 * math.prod(shape)))


@pytest.mark.parametrize(
    ("shape", "n_halvings", "n_positions"),
    [
        ((1, 28, 28), None, 16),
        ((3, 8, 8), None, 16),
        ((9, 2), 0, 9),
        ((9, 2), 2, 3),
        ((1, 2), 2, 1),
    ],
)
def test_codes_on_a_map_come_back_to_their_shape(shape, n_halvings, n_positions):
    encoder = MapEncoder(shape, 5, n_halvings=n_halvings)
    decoder = MapDecoder(shape, 5, n_halvings=n_halvings)
    for network in (encoder, decoder):
        initialize(network, torch.Generator().manual_seed(0))
    rows = torch.randn(2, math.prod(shape), generator=torch.Generator().manual_seed(1))
    code = encoder(rows)
    assert encoder.n_positions == n_positions
    assert code.shape == (2, 5 * n_positions)
    assert decoder(code).shape == rows.shape


@pytest.mark.statistical
def test_a_frames_code_is_local():
    encoder = initialize(MapEncoder((12, 2), 3, n_halvings=0), torch.Generator().manual_seed(0))
    rows = torch.randn(1, 24, generator=torch.Generator().manual_seed(1)).requires_grad_()
    (gradient,) = torch.autograd.grad(encoder(rows).reshape(12, 3)[0].sum(), rows)
    # The stem sees one frame on either side; a norm over the map only what all frames are like.
    influence = gradient.reshape(12, 2).abs().sum(1)
    assert float(influence[:2].sum()) > float(influence[6:].sum())


@pytest.mark.slow
@pytest.mark.statistical
def test_tokens_learn_what_lies_beside_them():
    """Each tells the first number of the token on its left, and the second of that above it."""

    def batch(step):
        tokens = draw(32, 5, 4, 2, seed=step)
        left = nn.functional.pad(tokens[:, :, :-1, 0], (1, 0))
        above = nn.functional.pad(tokens[:, :-1, :, 1], (0, 0, 1, 0))
        return (tokens.flatten(1),), torch.stack([left, above], -1).flatten(1)

    # Of a variance of .78.
    assert fit(build(TokenUNet, (5, 4), 2, 2, 0, width=16), batch, 250) < 0.1
