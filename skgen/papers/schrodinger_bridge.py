r"""Schrödinger bridges between two distributions, learnt by iterated Markovian fitting.

Of all processes with given distributions at times 0 and 1, the Schrödinger bridge is the nearest to
a reference process (:mod:`skgen.processes.bridges`). It is the one that is both Markov and a
mixture of pinned reference processes, and the algorithm projects on either in turn: draw pairs of
ends :math:`(X_0, X_1)` from the process, pin the reference at them, and regress the drifts

.. math::

    v^+(t, x) = E[\dot X^+_t \mid X_t = x], \qquad v^-(t, x) = E[\dot X^-_t \mid X_t = x]

of the pinned process forwards and against time. One network with two heads predicts both, each as
the correction of what is exact for Gaussian ends. The forward drift learns from pairs simulated
backwards from the data, the backward drift from pairs simulated forwards from the source, so that
the end at which a drift arrives is always a real one. The flow

.. math:: \frac{dx}{dt} = \tfrac12 (v^+ - v^-)

has the same distributions at every time. With :math:`\sigma = 0` both drifts are the flow's
velocity: the first regression is flow matching, the iterations rectified flow.

A bridge carries whole rows and cannot draw missing entries given the observed ones. So, where the
source is normal, a diffusion beside it learns the distribution of whole rows, for `impute` alone:
the attribute ``diffusion``.

Source: Shi, De Bortoli, Campbell and Doucet, *Diffusion Schrödinger bridge matching*, NeurIPS 2023;
Lipman et al., *Flow matching for generative modeling*, ICLR 2023; Liu, Gong and Liu, *Flow straight
and fast*, ICLR 2023; Tong et al., *Improving and generalizing flow-based generative models with
minibatch optimal transport*, TMLR 2024.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from skgen.networks.embeddings import ConditionEmbedding, noise_level_features
from skgen.papers._module import GenerativeModule
from skgen.papers.bridge_paths import (
    Field,
    flow,
    flow_adaptively,
    log_density,
    times_of,
    velocity_of,
    walk,
)
from skgen.papers.correction_shrinkage import shrinkage_draws
from skgen.papers.gaussian_diffusion import GaussianDiffusion, Noise
from skgen.papers.principal_axes import PrincipalAxes
from skgen.processes.bridges import GaussianBridge, LinearReference, schrodinger_covariance
from skgen.processes.noise import GeneratorNoise

TIME_FEATURES = 32
# Columns up to which the divergence of the flow is exact.
EXACT_DIVERGENCE = 16


class SchrodingerBridge(GenerativeModule):
    """Drifts between two distributions, on scaled rows turned to their principal axes.

    Everything here works on the axes; the methods that the estimator calls take and return columns.
    """

    network: nn.Module
    source: Tensor | None
    axes: PrincipalAxes
    diffusion: GaussianDiffusion | None
    mean_0: Tensor
    mean_1: Tensor
    var_0: Tensor
    var_1: Tensor
    cross: Tensor
    table_block = 1024

    def __init__(
        self,
        network: nn.Module,
        axes: PrincipalAxes,
        embedding: ConditionEmbedding | None,
        diffusion: GaussianDiffusion | None,
        reference: LinearReference,
        *,
        has_source: bool,
        **options: Any,
    ):
        parts = {"network": network, "axes": axes, "embedding": embedding, "diffusion": diffusion}
        super().__init__(parts, **options)
        self.reference, self.has_source = reference, has_source
        self.coupling_steps = 20 if axes.rotate else 10
        d = len(axes.mean)
        for name in ("mean_0", "mean_1", "cross"):
            self.register_buffer(name, torch.zeros(d, device="cpu"))
        for name in ("var_0", "var_1"):
            self.register_buffer(name, torch.ones(d, device="cpu"))
        self.register_buffer("source", None)
        # One draw where the divergence is exact, some probes of it where it is not.
        self.score_draws = 1 if d <= EXACT_DIVERGENCE else 8

    @property
    def shows_columns(self) -> bool:
        """Whether what the flow starts from is shown in the units of the data."""
        return self.has_source

    def fit_ends(self, x: Tensor, source: Tensor | None, aligned: bool) -> None:
        """Learn axes, means and variances of both ends from scaled rows.

        Parameters
        ----------
        x : Tensor of shape (n, n_features)
            Data.
        source : Tensor of shape (n_source, n_features) or None
            Where the bridge starts; None is N(0, I).
        aligned : bool
            Whether the coupling will be a transport, or the ends stay independent.
        """
        if source is None:
            self.axes.fit(x)
        else:
            # The axes of the variation within each distribution, centred between the two.
            self.axes.fit(torch.cat([x - x.mean(0), source - source.mean(0)]))
            self.axes.mean.copy_(0.5 * (x.mean(0) + source.mean(0)))
            self.source = source
        for end, rows in (("0", source), ("1", x)):
            if rows is None:
                continue
            turned = self.axes.to_axes(rows)
            var = turned.var(0, correction=0)
            if not self.axes.rotate:
                var = var.mean().expand_as(var)
                mean = torch.zeros_like(var)
            else:
                mean = turned.mean(0)
            self.get_buffer("mean_" + end).copy_(mean)
            # With no variance at all at an end, the steps of a simulated path would be too coarse.
            floor = (1e-5 * var.mean()).clamp(min=1e-8)
            self.get_buffer("var_" + end).copy_(torch.maximum(var, floor))
        if aligned:
            self.cross.copy_(schrodinger_covariance(self.var_0, self.var_1, self.reference))

    # Drifts.

    def gaussian(self) -> GaussianBridge:
        """Return the process that is exact for Gaussian ends."""
        return GaussianBridge(
            self.reference, self.mean_0, self.mean_1, self.var_0, self.var_1, self.cross
        )

    def drifts(self, t: Tensor, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return the forward and the backward drift, each (n, n_features).

        Times are of shape (n,), or (1,) for one time of all rows.
        """
        t_row = t[:, None]
        bridge = self.gaussian()
        mean, var = bridge.marginal(t_row)
        features = noise_level_features(20 * (t - 0.5), TIME_FEATURES)
        if context.shape[1]:
            features = torch.cat([features.expand(len(context), -1), context], -1)
        out = self.network((x - mean) / var.sqrt(), features)
        heads = out.chunk(2 if self.reference.sigma > 0 else 1, -1)
        scale = (self.var_0 + self.var_1).sqrt()
        at_mean, slope = bridge.drift(t_row)
        forward = at_mean + slope * (x - mean) + scale * heads[0]
        if self.reference.sigma == 0:
            return forward, -forward
        at_mean, slope = bridge.reversed().drift(1 - t_row)
        return forward, at_mean + slope * (x - mean) + scale * heads[1]

    def field(self, rows: Tensor, condition: Tensor | None, guidance_scale: float = 0.0) -> Field:
        """Return both drifts as functions of time and place, for rows of given conditions."""
        context = self._embed(rows, condition)
        if guidance_scale == 0:
            return lambda t, x: self.drifts(t, x, context)
        free = self._embed(rows, None)

        def guided(t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
            pairs = zip(self.drifts(t, x, context), self.drifts(t, x, free), strict=True)
            forward, backward = (v + guidance_scale * (v - v_0) for v, v_0 in pairs)
            return forward, backward

        return guided

    # Training.

    def draw_source(self, noise: GeneratorNoise, like: Tensor) -> Tensor:
        """Draw rows of the source on the axes, as many as those given."""
        if self.source is None:
            return noise.normal(like)
        index = (noise.uniform(like) * len(self.source)).long().clamp(max=len(self.source) - 1)
        return self.axes.to_axes(self.source[index]).to(like.dtype)

    def matching_loss(
        self,
        noise: Noise,
        x: Tensor,
        condition: Tensor | None = None,
        x_0: Tensor | None = None,
        real: Tensor | None = None,
    ) -> Tensor:
        r"""Regress the drifts of the process pinned at pairs of rows.

        With :math:`X_t` a draw of the pinned process at a random time and :math:`\dot X^\pm_t` its
        drifts, the loss is :math:`\tfrac12 w^+ |v^+(t, X_t) - \dot X^+_t|^2 + \tfrac12 w^- |v^-(t,
        X_t) - \dot X^-_t|^2`. With :math:`\sigma = \theta = 0` it is :math:`\tfrac12 |v(t, X_t) -
        (X_1 - X_0)|^2`, flow matching. The weights are those of `_drift_loss`.

        Parameters
        ----------
        noise : GeneratorNoise
            Source of times and noise.
        x : Tensor of shape (n, n_features)
            Ends on the axes at time 1, or, where no ``x_0`` is given, scaled rows of data.
        condition : Tensor of shape (n, n_condition) or None
            Their conditions.
        x_0 : Tensor of shape (n, n_features) or None
            Ends on the axes at time 0; None draws them from the source.
        real : Tensor of shape (n, 2) or None
            For each pair, the weights of the forward loss and of the backward one; None is ones.
        """
        assert isinstance(noise, GeneratorNoise)
        if x_0 is None:
            x = self.axes.to_axes(x)
            x_0 = self.draw_source(noise, x)
        context = self._embed_to_learn(noise, x, condition)
        t = noise.times(x).clamp(1e-4, 1 - 1e-4)
        z = noise.normal(x)
        a, b, std = self.reference.pinned(t[:, None])
        forward, backward = self.drifts(t, a * x_0 + b * x + std * z, context)
        loss = self._drift_loss(forward, t, x_0, x, z)
        if self.reference.sigma == 0:
            return loss
        losses = torch.stack([loss, self._drift_loss(backward, 1 - t, x, x_0, z)], 1)
        return (losses if real is None else losses * real).sum(1)

    def _drift_loss(self, drift: Tensor, t: Tensor, x_0: Tensor, x_1: Tensor, z: Tensor) -> Tensor:
        target = self.reference.drift_target(t[:, None], x_0, x_1, z)
        # The weight is the inverse of the target's variance, up to a factor: its noise grows
        # without bound towards the end.
        spread = (self.var_0 + self.var_1).mean()
        weight = spread / (spread + self.reference.noise_in_target(t).square())
        return 0.5 * weight * (drift - target).square().sum(1)

    def diffusion_loss(self, noise: Noise, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Learn the distribution of whole rows, for draws of their missing entries."""
        assert self.diffusion is not None
        context = self._embed_to_learn(noise, x, condition)
        return self.diffusion.softened_bound(noise, x, context)

    def fit_shrinkage(
        self, noise: Noise, shape: Any, x: Tensor, condition: Tensor | None = None
    ) -> None:
        """Learn from held-out rows how much of the network for whole rows to use."""
        assert self.diffusion is not None
        c = self._embed(x, condition)
        draws = ((x.repeat(n, 1), c.repeat(n, 1)) for n in shrinkage_draws(x, shape))
        self.diffusion.fit_shrinkage(noise, draws)

    # What the estimator calls.

    def carry(
        self,
        x: Tensor,
        condition: Tensor | None,
        backward: bool,
        *,
        ode_solver: str,
        sde_solver: str,
        n_steps: int,
        time_grid: Any,
        tolerance: float,
        noise: GeneratorNoise | None = None,
        guidance_scale: float = 0.0,
        denoise: bool = False,
        **_: Any,
    ) -> list[Tensor]:
        """Carry rows on the axes, along the process if there is noise, or along the flow."""
        field = self.field(x, condition, guidance_scale)
        if noise is not None:
            times = times_of(n_steps, time_grid, sde_solver)
            if backward and not isinstance(time_grid, str):
                # Given times begin at the source; a walk backwards begins at the data.
                times = 1 - times[::-1]
            bridge = self.gaussian()
            return walk(
                noise, field, bridge, x, times, backward, solver=sde_solver, denoise=denoise
            )
        if ode_solver == "adaptive":
            return [flow_adaptively(field, x, tolerance, backward)]
        return flow(field, x, times_of(n_steps, time_grid), backward)

    def _to_start(self, rows: Tensor) -> Tensor:
        """Turn source columns to the axes: normal ones have no centre to move."""
        if self.has_source:
            return self.axes.to_axes(rows)
        return self.axes.turn(rows)

    def _from_start(self, x: Tensor) -> Tensor:
        if self.has_source:
            return self.axes.from_axes(x)
        return self.axes.turn_back(x)

    def encode(self, x: Tensor, condition: Tensor | None, **options: Any) -> Tensor:
        """Carry data to the source."""
        return self._from_start(self.carry(self.axes.to_axes(x), condition, True, **options)[-1])

    def decode(self, w: Tensor, condition: Tensor | None, **options: Any) -> Tensor:
        """Carry source rows to the data."""
        return self.axes.from_axes(self.carry(self._to_start(w), condition, False, **options)[-1])

    def sample(
        self,
        noise: GeneratorNoise,
        n: int,
        condition: Tensor | None,
        *,
        stochastic: bool = False,
        **options: Any,
    ) -> Tensor:
        """Draw source rows and carry them."""
        x = self.draw_source(noise, self.axes.mean.new_empty(n, len(self.axes.mean)))
        walk = noise if stochastic else None
        return self.axes.from_axes(self.carry(x, condition, False, noise=walk, **options)[-1])

    def paths(
        self, w: Tensor, condition: Tensor | None, noise: GeneratorNoise | None, **options: Any
    ) -> Tensor:
        """Return the columns of source rows at each time, (n, n_times, n_features)."""
        path = self.carry(self._to_start(w), condition, False, noise=noise, **options)
        return torch.stack([self.axes.from_axes(x) for x in path], 1)

    def likelihood(
        self, x: Tensor, condition: Tensor | None, *, n_steps: int, time_grid: Any, **_: Any
    ) -> Callable[[Noise], Tensor]:
        """Return the log-density of what the flow draws, for a normal source."""
        x = self.axes.to_axes(x)
        velocity = velocity_of(self.field(x, condition))
        times = times_of(n_steps, time_grid)

        def density(noise: Noise) -> Tensor:
            if x.shape[1] <= EXACT_DIVERGENCE:
                probes = torch.eye(x.shape[1]).to(x)[:, None]
            else:
                # Random signs, the same whenever the row is scored.
                probes = torch.sign(noise.normal(x))[None]
            return log_density(velocity, x, times, probes)

        return density

    def impute(
        self,
        noise: GeneratorNoise,
        x: Tensor,
        observed: Tensor,
        condition: Tensor | None,
        *,
        n_steps: int,
        **_: Any,
    ) -> Tensor:
        """Draw the missing entries by the diffusion of whole rows."""
        assert self.diffusion is not None
        context = self._embed(x, condition)
        return self.diffusion.complete(noise, x, observed, context, 2 * n_steps, kind=0)
