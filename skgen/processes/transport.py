r"""Optimal transport between two equal batches: a partner for each row.

The entropic plan minimises :math:`\sum_{ij} P_{ij} C_{ij} - \varepsilon H(P)` over plans with even
marginals, at the squared distance C; at :math:`\varepsilon = 0` it is an assignment. Sinkhorn's
iterations run on kernels that the potentials keep within range, from a large :math:`\varepsilon`
down to the one asked for.

Source: Cuturi, *Sinkhorn distances*, NeurIPS 2013; Schmitzer, *Stabilized sparse scaling
algorithms for entropy regularized transport problems*, SIAM Journal on Scientific Computing, 2019.
"""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

LEVEL_ITERATIONS, LAST_ITERATIONS = 5, 60
TINY = 1e-200


def entropic_plan(cost: Tensor, regularisation: float) -> Tensor:
    """Return the plan of shape (n, n) between even marginals, float64.

    Parameters
    ----------
    cost : Tensor of shape (n, n)
        Cost of each pair.
    regularisation : float
        Weight of the entropy, above 0.
    """
    cost = cost.double()
    n = len(cost)
    f, g = cost.new_zeros(n), cost.new_zeros(n)
    level = max(float(cost.max()) / 4, regularisation)
    while True:
        kernel = torch.exp((f[:, None] + g - cost) / level)
        u, v = torch.ones_like(f), torch.ones_like(g)
        for _ in range(LEVEL_ITERATIONS if level > regularisation else LAST_ITERATIONS):
            u = 1 / (n * (kernel @ v)).clamp(min=TINY)
            v = 1 / (n * (u @ kernel)).clamp(min=TINY)
        f, g = f + level * u.log(), g + level * v.log()
        if level == regularisation:
            return u[:, None] * kernel * v
        level = max(level / 2, regularisation)


def partners(x_0: Tensor, x_1: Tensor, regularisation: float, uniform: Tensor) -> Tensor:
    """Return for each row of x_1 the number of its partner in x_0.

    Parameters
    ----------
    x_0, x_1 : Tensor of shape (n, n_features)
        The batches.
    regularisation : float
        That of the plan; 0 pairs each row with another one.
    uniform : Tensor of shape (n,)
        Uniform numbers that draw the partners.
    """
    cost = torch.cdist(x_0.double(), x_1.double()).square()
    if regularisation == 0:
        _, partner = linear_sum_assignment(cost.T.cpu().numpy())
        return torch.from_numpy(partner).to(x_0.device)
    heights = entropic_plan(cost, regularisation).T.cumsum(1)
    drawn = uniform.double()[:, None] * heights[:, -1:]
    return torch.searchsorted(heights.contiguous(), drawn)[:, 0].clamp(max=len(x_0) - 1)
