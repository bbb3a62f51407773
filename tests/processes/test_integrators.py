"""Integrators by their measured order of convergence."""

import math
from itertools import pairwise

import pytest
import torch

from skgen.processes.integrators import euler_step, heun_step


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
