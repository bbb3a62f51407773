"""Networks that see what comes before: what an output depends on."""

import pytest
import torch

from skgen.networks.autoregressive import CausalTransformer, MaskedMLP, PixelCNN
from skgen.networks.mlp import initialize

N_IN, N_OUT, N_SEEN, N_CONTEXT = 3, 4, 2, 5


def stirred(network):
    """Give every weight a value, those that start at zero too."""
    initialize(network, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.2 * torch.randn(weight.shape, generator=generator))
    return network.double()


@pytest.fixture(params=["map", "line", "table"])
def network(request):
    with torch.device("meta"):
        if request.param == "map":
            made = PixelCNN((3, 4), N_IN, N_OUT, N_SEEN, N_CONTEXT, width=8, depth=2)
        elif request.param == "line":
            made = CausalTransformer(12, N_IN, N_OUT, N_SEEN, N_CONTEXT)
        else:
            made = MaskedMLP(12, N_IN, N_OUT, N_SEEN, N_CONTEXT, width=8)
    return stirred(made)


def inputs():
    generator = torch.Generator().manual_seed(2)

    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return draw(1, 12, N_IN).requires_grad_(), draw(1, 12, N_SEEN), draw(1, N_CONTEXT)


@pytest.mark.parametrize("place", [0, 1, 5, 11])
def test_an_output_depends_on_the_tokens_before_alone(network, place):
    tokens, seen, context = inputs()
    out = network(tokens, seen, context)
    assert out.shape == (1, 12, N_OUT)
    (gradient,) = torch.autograd.grad(out[0, place].square().sum(), tokens)
    touched = gradient[0].abs().sum(-1) > 0
    assert not touched[place:].any()
    if place:
        assert touched[place - 1]


def test_an_output_depends_on_what_is_seen_anywhere_near_and_on_the_context(network):
    tokens, seen, context = inputs()
    seen.requires_grad_()
    context.requires_grad_()
    out = network(tokens, seen, context)
    told, given = torch.autograd.grad(out[0, 0].square().sum(), (seen, context))
    assert told[0, 0].abs().sum() > 0
    assert given.abs().sum() > 0


def test_token_by_token_it_tells_the_same(network):
    tokens, seen, context = (t.detach().expand(3, *t.shape[1:]) for t in inputs())
    tokens = tokens + torch.arange(3.0, dtype=torch.float64)[:, None, None]
    walk = network.walker(seen, context)
    out = torch.stack([walk(place, tokens[:, max(0, place - 1)]) for place in range(12)], 1)
    torch.testing.assert_close(out, network(tokens, seen, context), rtol=0, atol=1e-12)
