"""Entropic transport between batches: marginals, optimality, the assignment, the Gaussian case."""

import pytest
import torch

from skgen.processes.bridges import LinearReference, schrodinger_covariance
from skgen.processes.transport import entropic_plan, partners


def draw(*size, seed=0):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.statistical
@pytest.mark.parametrize("regularisation", [0.05, 0.5, 5.0])
def test_plan_is_the_entropic_one(regularisation):
    # Within this square no cross ratio of four entries is below exp(-4 * 2.8**2 / 0.05) = 1e-272,
    # so that none of the plan is zero, as entries of rows farther apart are.
    x, y = draw(40, 2).clamp(-1.4, 1.4), draw(40, 2, seed=1).clamp(-1.4, 1.4)
    cost = torch.cdist(x, y).square()
    plan = entropic_plan(cost, regularisation)
    torch.testing.assert_close(plan.sum(0), torch.full((40,), 1 / 40, dtype=torch.float64))
    # What 60 iterations leave at the least of the three: over 300 seeds .0033, with a spread of
    # .0021 and a long tail, up to .012.
    assert float((plan.sum(1) * 40 - 1).abs().mean()) < 0.02
    # Optimal plans are those whose log is minus cost / regularisation plus a sum of potentials.
    log = regularisation * plan.log() + cost
    twist = log - log[:, :1] - log[:1] + log[0, 0]
    assert float(twist.abs().max()) < 1e-8


def test_a_plan_far_below_the_costs_is_finite():
    cost = 1e4 * torch.cdist(draw(30, 2), draw(30, 2, seed=1)).square()
    plan = entropic_plan(cost, 0.01)
    assert torch.isfinite(plan).all()
    assert float(plan.sum()) == pytest.approx(1, rel=1e-6)


def test_without_entropy_one_column_is_sorted():
    x, y = draw(50, 1), draw(50, 1, seed=1)
    chosen = partners(x, y, 0.0, torch.rand(50))
    assert torch.equal(x[chosen][y[:, 0].argsort()][:, 0], x[:, 0].sort().values)


@pytest.mark.statistical
def test_partners_have_the_covariance_of_the_bridge():
    # 40 batches of 256 pairs: the standard error of a covariance near 0.62 is 0.012; batches of
    # this size bias it by less than that.
    reference = LinearReference(1.0)
    products = []
    for seed in range(40):
        x, y = draw(256, 1, seed=2 * seed), draw(256, 1, seed=2 * seed + 1)
        uniform = torch.rand(256, generator=torch.Generator().manual_seed(seed))
        products.append((x[partners(x, y, reference.regularisation, uniform)] * y).mean())
    one = torch.ones(1)
    exact = float(schrodinger_covariance(one, one, reference))
    assert float(torch.stack(products).mean()) == pytest.approx(exact, abs=0.05)
