r"""Paths between two distributions along given drifts: the flow, the stochastic process, densities.

With the drifts :math:`v^+` forwards and :math:`v^-` against time of a process, the flow

.. math:: \frac{dx}{dt} = \tfrac12 (v^+ - v^-)

has the same distributions at every time. Rows that it carries from a normal distribution have the
log-density
:math:`\log N(x_0; 0, I) - \int_0^1 \operatorname{div}\,\dot x\,dt`.

Source: Shi, De Bortoli, Campbell and Doucet, *Diffusion Schrödinger bridge matching*, NeurIPS 2023;
Grathwohl et al., *FFJORD*, ICLR 2019, for the trace by probes.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skgen.processes.bridges import GaussianBridge
from skgen.processes.integrators import adaptive_flow, heun_step
from skgen.processes.noise import GeneratorNoise

Field = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Velocity = Callable[[Tensor, Tensor], Tensor]
GRIDS = {
    "uniform": lambda u: u,
    "quadratic": lambda u: 1 - (1 - u) ** 2,
    "cosine": lambda u: 0.5 * (1 - np.cos(np.pi * u)),
}


def times_of(n_steps: int, grid: Any, sde_solver: str | None = None) -> np.ndarray:
    """Return n_steps + 1 times from 0 to 1, or those that are given.

    "auto" is dense at the end for the solver "bridge", and at both ends otherwise.
    """
    if not isinstance(grid, str):
        return np.asarray(grid, dtype=np.float64)
    if grid == "auto":
        grid = "quadratic" if sde_solver == "bridge" else "cosine"
    return GRIDS[grid](np.linspace(0, 1, n_steps + 1))


def with_times(grid: np.ndarray, times: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the times of steps with others among them, and these others; raise if they are none.

    Times of the grid that are all but equal to one of the others make way for it.
    """
    found = np.asarray(times, dtype=np.float64)
    whole = found.ndim == 1 and len(found) > 0 and found[0] >= 0 and found[-1] <= 1
    if not whole or not (np.diff(found) > 0).all():
        raise ValueError(f"times must increase within [0, 1], got {times!r}.")
    apart = np.abs(grid[:, None] - found).min(1) > 1e-6
    return np.union1d(grid[apart], found), found


def velocity_of(field: Field) -> Velocity:
    """Return the velocity of the flow of a field; its time is one number, or one for each row."""

    def velocity(t: Tensor, x: Tensor) -> Tensor:
        forward, backward = field(t.reshape(-1), x)
        return 0.5 * (forward - backward)

    return velocity


def flow(field: Field, x: Tensor, times: np.ndarray, backward: bool = False) -> list[Tensor]:
    """Follow the flow by Heun's method; return the rows at each time."""
    path = [x]
    grid = torch.from_numpy(times[::-1].copy() if backward else times).to(x)
    for t, s in pairwise(grid):
        path.append(heun_step(velocity_of(field), path[-1], t, s))
    return path


def flow_adaptively(field: Field, x: Tensor, tolerance: float, backward: bool = False) -> Tensor:
    """Follow the flow, each row with steps of its own."""
    velocity = velocity_of(field)

    def against(s: Tensor, y: Tensor) -> Tensor:
        return -velocity(1 - s, y)

    return adaptive_flow(against if backward else velocity, x, tolerance)


def walk(
    noise: GeneratorNoise,
    field: Field,
    bridge: GaussianBridge,
    x: Tensor,
    times: np.ndarray,
    backward: bool = False,
    *,
    solver: str = "heun",
    denoise: bool = False,
) -> list[Tensor]:
    r"""Follow the stochastic process; return the rows at each time.

    The kernel of ``"bridge"`` draws an end from :math:`N(\hat x_1, V_t)`, with the variance
    :math:`V_t` of the end given the state for Gaussian ends, and a step of the process pinned
    there: for Gaussian ends it is exact at any number of steps. Heun's method has an error of the
    order of the squared step for any distribution.
    """
    reference = bridge.reference
    if backward:
        bridge = bridge.reversed()
    path = [x]
    grid = torch.from_numpy(times).to(x)

    def along(t: Tensor, y: Tensor) -> Tensor:
        return field((1 - t if backward else t).reshape(1), y)[int(backward)]

    for number, (t, s) in enumerate(pairwise(grid)):
        x = path[-1]
        drift = along(t, x)
        last = denoise and number == len(grid) - 2
        if solver != "bridge":
            shock = 0.0 if last else reference.sigma * (s - t).sqrt() * noise.normal(x)
            ahead = x + (s - t) * drift + shock
            if solver == "heun":
                ahead = ahead + 0.5 * (s - t) * (along(s, ahead) - drift)
            path.append(ahead)
            continue
        end = reference.endpoint(t, x, drift)
        variance = bridge.end_variance(t)
        if not last:
            end = end + variance.sqrt() * noise.normal(x)
        a, b, std = reference.pinned(s - t, 1 - t)
        path.append(a * x + b * end + std * noise.normal(x))
    return path


def log_density(velocity: Velocity, x: Tensor, times: np.ndarray, probes: Tensor) -> Tensor:
    """Return the log-density of rows under the flow from a normal distribution, by Heun's method.

    The trace of the velocity's Jacobian is the sum over the probes, each (1, n_features) or
    (n, n_features), of its products with them: exact for unit vectors, unbiased for random signs.
    """

    def slope(t: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            y = y.detach().requires_grad_()
            speed = velocity(t, y)
            trace = torch.zeros_like(y[:, 0])
            for k, probe in enumerate(probes):
                (product,) = torch.autograd.grad(
                    speed, y, probe.expand_as(y), retain_graph=k + 1 < len(probes)
                )
                trace = trace + (product * probe).sum(1)
        return speed.detach(), trace

    log_volume = torch.zeros_like(x[:, 0])
    grid = torch.from_numpy(times[::-1].copy()).to(x)
    for t, s in pairwise(grid):
        first, trace = slope(t, x)
        second, trace_2 = slope(s, x + (s - t) * first)
        x = x + 0.5 * (s - t) * (first + second)
        log_volume = log_volume + 0.5 * (t - s) * (trace + trace_2)
    log_normal = -0.5 * (x.square().sum(1) + x.shape[1] * math.log(2 * math.pi))
    return log_normal - log_volume
