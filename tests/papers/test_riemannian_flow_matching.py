"""Flows on manifolds: known flows and their densities, the order of the steps, the multiplier."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from skgen.papers.kernel_mixture import KernelMixture
from skgen.papers.riemannian_flow_matching import RiemannianFlow
from skgen.processes.manifolds import Product
from skgen.processes.noise import GeneratorNoise

STEPS = {"n_steps": 40, "time_grid": "uniform"}


class ToThePole(nn.Module):
    """The field c e_z, whose tangent part takes all to a pole."""

    def __init__(self, c):
        super().__init__()
        self.c = nn.Parameter(torch.tensor(c).double())

    def forward(self, x, context):
        """Return the field."""
        return self.c * torch.tensor([0.0, 0.0, 1.0]).to(x).expand(len(x), -1)


def flow_to_the_pole(c=0.8):
    base = KernelMixture(Product(["sphere"]), 0)
    module = RiemannianFlow({"network": ToThePole(c), "base": base, "embedding": None})
    return module.double()


def uniform(n, seed=0):
    noise = GeneratorNoise(torch.Generator().manual_seed(seed))
    return Product(["sphere"]).draw(noise, torch.empty(n, 3, dtype=torch.float64))


def test_flow_and_density_are_those_in_closed_form():
    # dz/dt = c (1 - z^2) has z(t) = tanh(c t + artanh z(0)), and areas go with z.
    module, x = flow_to_the_pole(), uniform(200)
    start = module.encode(x, None, **STEPS)
    z, z_0 = x[:, 2], torch.tanh(torch.atanh(x[:, 2]) - 0.8)
    torch.testing.assert_close(start[:, 2], z_0, atol=2e-4, rtol=0)
    torch.testing.assert_close(start.norm(dim=1), torch.ones(200).double())
    exact = ((1 - z_0**2) / (1 - z**2)).log() - math.log(4 * math.pi)
    with torch.no_grad():
        found = module.likelihood(x, None, **STEPS)(None)
    torch.testing.assert_close(found, exact, atol=1e-3, rtol=0)


def test_steps_are_of_second_order():
    module, x = flow_to_the_pole(1.5), uniform(100)
    exact = torch.tanh(torch.atanh(x[:, 2]) + 1.5)
    errors = [
        (module.decode(x, None, n_steps=n, time_grid="uniform").detach()[:, 2] - exact).abs().max()
        for n in (10, 20, 40)
    ]
    for coarse, fine in pairwise(errors):
        assert 3 < float(coarse / fine) < 5.5


def test_encode_undoes_decode():
    module, x = flow_to_the_pole(), uniform(50)
    there = module.decode(x, None, **STEPS)
    torch.testing.assert_close(module.encode(there, None, **STEPS), x, atol=1e-4, rtol=0)


def test_probes_of_the_divergence_are_unbiased():
    module, x = flow_to_the_pole(), uniform(1).expand(4000, -1)
    generator = torch.Generator().manual_seed(0)
    signs = torch.sign(torch.randn(1, 4000, 2, dtype=torch.float64, generator=generator))
    times = torch.linspace(0, 1, 6).double().numpy()
    with torch.no_grad():
        exact = module._log_density(x[:1], None, times, torch.eye(2).double()[:, None])
        found = module._log_density(x, None, times, signs)
    error = 4 * float(found.std()) / 4000**0.5 + 1e-9
    assert float(found.mean()) == pytest.approx(float(exact), abs=error)


def test_multiplier_is_zero_where_the_flow_does_not_help():
    module = flow_to_the_pole()
    module.fit_multiplier(uniform(300, seed=1))
    assert float(module.multiplier) == 0
    # Rows that the flow has carried are more likely under it.
    module.multiplier.fill_(1.0)
    rows = module.decode(uniform(300, seed=1), None, **STEPS)
    module.fit_multiplier(rows)
    assert float(module.multiplier) == 1
