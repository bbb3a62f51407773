"""Integrators by their measured order of convergence."""

import math
from itertools import pairwise

import pytest
import torch

from skgen.processes.integrators import adaptive_flow, euler_step, heun_step


def error(step, n):
    """Integrate dy/ds = -2 s y from 0 to 1, whose answer is exp(-1), in n steps."""
    grid = torch.linspace(0, 1, n + 1, dtype=torch.float64)
    y = torch.ones(1, dtype=torch.float64)
    for s, s_next in pairwise(grid):
        y = step(lambda s, y: -2 * s * y, y, s, s_next)
    return abs(float(y) - math.exp(-1))


@pytest.mark.parametrize(("step", "order"), [(euler_step, 1), (heun_step, 2)])
def test_order(step, order):
    measured = math.log2(error(step, 200) / error(step, 400))
    assert measured == pytest.approx(order, abs=0.05)


def test_adaptive_flow_meets_its_tolerance_a_row_at_a_time():
    # dy/ds = -k y, k another one in each row: stiff and slow rows in one batch.
    rate = torch.tensor([0.1, 3.0, 200.0], dtype=torch.float64)[:, None]
    y = torch.tensor([[1.0, -2.0]] * 3, dtype=torch.float64)

    def f(s, y):
        return -rate[: len(y)] * y

    whole = adaptive_flow(f, y, 1e-8)
    torch.testing.assert_close(whole, y * torch.exp(-rate), rtol=0, atol=1e-6)
    assert torch.equal(adaptive_flow(f, y[:2], 1e-8), whole[:2])


def test_adaptive_flow_follows_a_force_that_changes():
    y = torch.zeros(4, 1, dtype=torch.float64)
    end = adaptive_flow(lambda s, y: torch.cos(20 * s)[:, None].expand_as(y), y, 1e-7)
    torch.testing.assert_close(
        end, torch.full_like(y, float(torch.sin(torch.tensor(20.0))) / 20), rtol=0, atol=1e-5
    )
