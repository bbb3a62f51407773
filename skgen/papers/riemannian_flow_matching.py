r"""Flow matching on a manifold.

With :math:`x_0` from a base distribution, :math:`x_1` a row and :math:`x_t` on the geodesic between
them, the network learns

.. math:: v(t, x) = E\left[\frac{\log_{x_t} x_1}{1 - t} \,\middle|\, x_t = x\right],

a tangent at x. The flow :math:`\dot x = v(t, x)` then carries the base distribution to that of the
rows, and rows have the log-density
:math:`\log p_0(x_0) - \int_0^1 \operatorname{div} v\,dt` with respect to the manifold's volume.

Without a condition the base is a mixture of kernels at the training rows
(:mod:`skgen.papers.kernel_mixture`), and :math:`x_0` comes from a kernel that :math:`x_1` may come
from, so that what is left to the flow is small. Held-out rows then choose a multiplier of the
velocity from 0, .5 and 1: the density is exact for each. It is 0 where the flow does not make
held-out rows more likely, by more than a standard error. Given a condition, where mass has to be
moved, the base covers the manifold, and both ends are independent.

Source: Chen and Lipman, *Flow matching on general geometries*, ICLR 2024.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skgen.networks.embeddings import noise_level_features
from skgen.papers._module import GenerativeModule
from skgen.papers.bridge_paths import Velocity, times_of
from skgen.papers.kernel_mixture import KernelMixture
from skgen.papers.schrodinger_bridge import EXACT_DIVERGENCE, TIME_FEATURES
from skgen.processes.bridges import LinearReference
from skgen.processes.manifolds import Product
from skgen.processes.noise import GeneratorNoise, RowNoise

MULTIPLIERS = (0.5, 1.0)
# Held-out rows that choose between them, and steps of the flow meanwhile.
FEW, FEW_STEPS = 500, 10
Noise = GeneratorNoise | RowNoise


class RiemannianFlow(GenerativeModule):
    """A flow on a manifold, on rows of its coordinates."""

    network: nn.Module
    base: KernelMixture
    scale: Tensor
    multiplier: Tensor
    table_block = 1024
    has_source, shows_columns = False, True
    reference = LinearReference(0.0)

    def __init__(self, parts: Mapping[str, nn.Module | None], **options: Any):
        super().__init__(parts, **options)
        # The root mean square of the velocities to be learnt, and what they are multiplied by.
        self.register_buffer("scale", torch.ones((), device="cpu"))
        self.register_buffer("multiplier", torch.ones((), device="cpu"))
        self.score_draws = 1 if self.manifold.dim <= EXACT_DIVERGENCE else 8

    @property
    def manifold(self) -> Product:
        """Where the rows lie."""
        return self.base.manifold

    def field(
        self, rows: Tensor, condition: Tensor | None, guidance_scale: float = 0.0
    ) -> Velocity:
        """Return the velocity as a function of time and place, for rows of given conditions."""
        contexts = [self._embed(rows, condition)]
        if guidance_scale:
            contexts.append(self._embed(rows, None))

        def velocity(t: Tensor, x: Tensor) -> Tensor:
            v = [self.velocity(t.reshape(-1), x, context) for context in contexts]
            return v[0] + guidance_scale * (v[0] - v[-1])

        return velocity

    def velocity(self, t: Tensor, x: Tensor, context: Tensor) -> Tensor:
        """Return tangents at x, (n, n_coordinates), at times of shape (n,), or (1,) for all."""
        features = noise_level_features(20 * (t - 0.5), TIME_FEATURES).expand(len(x), -1)
        out = self.network(self.manifold.features(x), torch.cat([features, context], -1))
        return self.multiplier * self.scale * self.manifold.project(x, out)

    # Training.

    def pairs(self, noise: GeneratorNoise, x: Tensor) -> Tensor:
        """Return a start for each row: near it where it has no condition, or anywhere."""
        return self.base.draw(noise, x) if self.embedding else self.base.draw_near(noise, x)

    def fit_scale(self, x_0: Tensor, x: Tensor) -> None:
        """Learn the size of velocities from pairs of ends."""
        squares = self.manifold.log(x_0, x).square().sum(1).mean() / self.manifold.dim
        self.scale.copy_(squares.sqrt().clamp(min=1e-6))

    def matching_loss(
        self, noise: Noise, x: Tensor, condition: Tensor | None = None, x_0: Tensor | None = None
    ) -> Tensor:
        r"""Regress the velocity on that of the geodesics between pairs of ends.

        With s the size of velocities that `fit_scale` learnt, the loss is :math:`\tfrac{1}{2 s^2}
        |v(t, x_t) - \log_{x_t} x_1 / (1 - t)|^2`.

        Parameters
        ----------
        noise : GeneratorNoise
            Source of times and starts.
        x : Tensor of shape (n, n_coordinates)
            Rows.
        condition : Tensor of shape (n, n_condition) or None
            Their conditions.
        x_0 : Tensor of shape (n, n_coordinates) or None
            Where they start; None draws it.
        """
        assert isinstance(noise, GeneratorNoise)
        if x_0 is None:
            x_0 = self.pairs(noise, x)
        t = noise.times(x).clamp(max=1 - 1e-3)
        x_t = self.manifold.exp(x_0, t[:, None] * self.manifold.log(x_0, x))
        target = self.manifold.log(x_t, x) / (1 - t[:, None])
        v = self.velocity(t, x_t, self._embed_to_learn(noise, x, condition))
        return 0.5 * ((v - target) / self.scale).square().sum(1)

    def fit_multiplier(self, x: Tensor) -> None:
        """Choose the multiplier by the likelihood of held-out rows."""
        x = x[:FEW]
        times = times_of(FEW_STEPS, "cosine")
        with torch.no_grad():
            best, chosen = self.base.log_density(x), 0.0
            for multiplier in MULTIPLIERS:
                self.multiplier.fill_(multiplier)
                value = self._log_density(x, None, times, self._probes(None, x))
                gain = value - best
                if gain.mean() > gain.std() / len(x) ** 0.5:
                    best, chosen = value, multiplier
        self.multiplier.fill_(chosen)

    def convergence(
        self, pairs: Mapping[str, Tensor], options: Mapping[str, Any]
    ) -> dict[str, float]:
        """Return the mean squares of the pairs' distances and of the flow's speed."""
        few = slice(0, self.block_size)
        x_0, condition = pairs["x_0"][few], pairs.get("condition")
        cost = self.manifold.log(x_0, pairs["x"][few]).square().sum(1).mean()
        with torch.no_grad():
            given = None if condition is None else condition[few]
            times = times_of(options["n_steps"], "uniform")
            path = self._flow(self.field(x_0, given), x_0, times)
            steps = [self.manifold.log(x, y).square().sum(1).mean() for x, y in pairwise(path)]
            energy = sum(float(s) / float(h) for s, h in zip(steps, np.diff(times), strict=True))
        return {"coupling_cost": float(cost), "path_energy": energy}

    # What the estimator calls.

    def _flow(
        self, velocity: Velocity, x: Tensor, times: np.ndarray, backward: bool = False
    ) -> list[Tensor]:
        """Follow the flow by Heun's method, each step along a geodesic."""
        if not self.multiplier:
            return [x] * len(times)
        path, manifold = [x], self.manifold
        grid = torch.from_numpy(times[::-1].copy() if backward else times).to(x)
        for t, s in pairwise(grid):
            x = path[-1]
            v = velocity(t, x)
            ahead = velocity(s, manifold.exp(x, (s - t) * v))
            path.append(manifold.exp(x, 0.5 * (s - t) * (v + manifold.project(x, ahead))))
        return path

    def encode(
        self, x: Tensor, condition: Tensor | None, *, n_steps: int, time_grid: Any, **_: Any
    ) -> Tensor:
        """Carry rows to the base."""
        return self._flow(self.field(x, condition), x, times_of(n_steps, time_grid), True)[-1]

    def decode(
        self, w: Tensor, condition: Tensor | None, *, n_steps: int, time_grid: Any, **_: Any
    ) -> Tensor:
        """Carry rows of the base to the data."""
        return self._flow(self.field(w, condition), w, times_of(n_steps, time_grid))[-1]

    def sample(
        self,
        noise: GeneratorNoise,
        n: int,
        condition: Tensor | None,
        *,
        n_steps: int,
        time_grid: Any,
        guidance_scale: float = 0.0,
        **_: Any,
    ) -> Tensor:
        """Draw rows of the base and carry them."""
        x = self.base.draw(noise, self.scale.new_empty(n, self.manifold.n_coordinates))
        velocity = self.field(x, condition, guidance_scale)
        return self._flow(velocity, x, times_of(n_steps, time_grid))[-1]

    def paths(
        self, w: Tensor, condition: Tensor | None, *, n_steps: int, time_grid: Any, **_: Any
    ) -> Tensor:
        """Return rows of the base at each time, (n, n_times, n_coordinates)."""
        path = self._flow(self.field(w, condition), w, times_of(n_steps, time_grid))
        return torch.stack(path, 1)

    def _probes(self, noise: Noise | None, x: Tensor) -> Tensor:
        """Return tangents in the frame of each row, (n_probes, n or 1, dim)."""
        m = self.manifold.dim
        if noise is None or m <= EXACT_DIVERGENCE:
            return torch.eye(m).to(x)[:, None]
        return torch.sign(noise.normal(x.new_empty(len(x), m)))[None]

    def likelihood(
        self, x: Tensor, condition: Tensor | None, *, n_steps: int, time_grid: Any, **_: Any
    ) -> Callable[[Noise], Tensor]:
        """Return the log-density of what the flow draws, as a function of the noise."""
        if not self.multiplier:
            return lambda noise: self.base.log_density(x)
        times = times_of(n_steps, time_grid)
        return lambda noise: self._log_density(x, condition, times, self._probes(noise, x))

    def _log_density(
        self, x: Tensor, condition: Tensor | None, times: np.ndarray, probes: Tensor
    ) -> Tensor:
        velocity, manifold = self.field(x, condition), self.manifold

        def slope(t: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            frame, trace = manifold.frame(y), torch.zeros_like(y[:, 0])
            with torch.enable_grad():
                y = y.detach().requires_grad_()
                v = velocity(t, y)
                for k, probe in enumerate(probes):
                    e = (frame @ probe[:, :, None])[:, :, 0]
                    (product,) = torch.autograd.grad(v, y, e, retain_graph=k + 1 < len(probes))
                    # The sum of e^T J e over tangents e: the trace of P J P.
                    trace = trace + (product * e).sum(1)
            return v.detach(), trace

        log_volume = torch.zeros_like(x[:, 0])
        grid = torch.from_numpy(times[::-1].copy()).to(x)
        for t, s in pairwise(grid):
            v, trace = slope(t, x)
            ahead, trace_2 = slope(s, manifold.exp(x, (s - t) * v))
            x = manifold.exp(x, 0.5 * (s - t) * (v + manifold.project(x, ahead)))
            log_volume = log_volume + 0.5 * (t - s) * (trace + trace_2)
        return self.base.log_density(x) - log_volume
