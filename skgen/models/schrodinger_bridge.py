r"""Schrödinger bridges between two laws, learnt by iterated Markovian fitting.

Of all processes with given laws at times 0 and 1, the Schrödinger bridge is the nearest to a
reference process (:mod:`skgen.processes.bridges`). It is the one that is both Markov and a mixture
of pinned reference processes, and the algorithm projects on either in turn: draw pairs of ends
:math:`(X_0, X_1)` from the process, pin the reference at them, and regress the drifts

.. math::

    v^+(t, x) = E[\dot X^+_t \mid X_t = x], \qquad v^-(t, x) = E[\dot X^-_t \mid X_t = x]

of the pinned process forwards and against time. One network with two heads predicts both, each as
the correction of what is exact for Gaussian ends. The forward drift learns from pairs simulated
backwards from the data, the backward drift from pairs simulated forwards from the source, so that
the end at which a drift arrives is always a real one. The flow

.. math:: \frac{dx}{dt} = \tfrac12 (v^+ - v^-)

has the same laws at every time. With :math:`\sigma = 0` both drifts are the flow's velocity: the
first regression is flow matching, the iterations rectified flow.

A bridge carries rows, and where its ends belong together it tells nothing of a row's missing
entries: where the source is normal, a diffusion beside it learns the law of whole rows, for
`impute` alone.

Source: Shi, De Bortoli, Campbell and Doucet, *Diffusion Schrödinger bridge matching*, NeurIPS 2023;
Lipman et al., *Flow matching for generative modeling*, ICLR 2023; Liu, Gong and Liu, *Flow straight
and fast*, ICLR 2023; Tong et al., *Improving and generalizing flow-based generative models with
minibatch optimal transport*, TMLR 2024.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from skgen._compat import Interval, StrOptions, _check_feature_names_in
from skgen.base import (
    BaseGenerativeModel,
    LatentMixin,
    LikelihoodMixin,
    Stage,
    _seed,
)
from skgen.data.row_map import Data
from skgen.data.sources import matched
from skgen.metrics import energy_distance
from skgen.models._gaussian_diffusion import NOISE_FEATURES, GaussianDiffusion
from skgen.models._principal_axes import PrincipalAxes
from skgen.models._trust import trust_draws
from skgen.networks.conv import UNet
from skgen.networks.embeddings import ConditionEmbedding, embed, noise_level_features
from skgen.networks.mlp import correction, initialize
from skgen.processes.bridges import GaussianBridge, LinearReference, schrodinger_covariance
from skgen.processes.integrators import adaptive_flow, heun_step
from skgen.processes.noise import GeneratorNoise, RowNoise
from skgen.processes.schedules import SCHEDULES
from skgen.processes.transport import partners
from skgen.threads import limited

TIME_FEATURES = 32
CONDITION_FEATURES = 32
FIRST_TIME = 1e-4
COUPLING_STEPS, COUPLING_STEPS_IMAGES = 20, 10
# Pairs of an iteration on tables: two a row and, so that none is learnt by heart, so many a step.
PAIRS_PER_ROW, PAIRS_PER_STEP = 2, 8
MAX_PAIRS, MIN_PAIRS = 16384, 256
TRANSPORT_BATCH = 256
# Of the mean variance of an end along its axes.
LEAST_VARIANCE = 1e-5
LATER_EFFORT = 0.5
# What noise adds to the loss of a table takes steps to average out, however few the rows.
FEWEST_NOISY_STEPS = 750
SMALL_TABLE = 4
EXACT_DIVERGENCE = 16
PROBES = 8
# The law of whole rows: its levels of noise, and how many of them `impute` passes a step.
LAW_GAMMAS = (-10.0, 7.0)
LEVELS_PER_STEP = 2
Noise = GeneratorNoise | RowNoise
Field = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
GRIDS = {
    "uniform": lambda u: u,
    "quadratic": lambda u: 1 - (1 - u) ** 2,
    "cosine": lambda u: 0.5 * (1 - np.cos(np.pi * u)),
}


class Whole:
    """Rows that cross-validation passes on whole.

    scikit-learn cuts every argument of ``fit`` that has as many rows as X. A source that happens to
    have as many is kept whole inside this wrapper.

    Parameters
    ----------
    rows : array-like of shape (n_source, n_features)
        The rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skgen import SchrodingerBridgeMatcher, Whole
    >>> rng = np.random.default_rng(0)
    >>> X, X_source = rng.normal(size=(50, 2)), rng.uniform(size=(50, 2))
    >>> model = SchrodingerBridgeMatcher(random_state=0).fit(X, source=Whole(X_source))
    >>> model.inverse_transform(X_source[:3]).shape
    (3, 2)
    """

    def __init__(self, rows: Any):
        self.rows = rows

    def __repr__(self) -> str:
        return f"Whole({np.shape(self.rows)} rows)"


class _SchrodingerBridge(nn.Module):
    """Drifts between two laws, on scaled rows turned to their principal axes.

    Everything here works on the axes; the methods that the estimator calls take and return columns.
    """

    source: Tensor | None
    embedding: ConditionEmbedding | None
    mean_0: Tensor
    mean_1: Tensor
    var_0: Tensor
    var_1: Tensor
    cross: Tensor

    def __init__(
        self,
        network: nn.Module,
        axes: PrincipalAxes,
        embedding: ConditionEmbedding | None,
        reference: LinearReference,
        *,
        block_size: int,
        condition_dropout: float,
        has_source: bool,
        law: GaussianDiffusion | None,
    ):
        super().__init__()
        self.network, self.axes, self.embedding = network, axes, embedding
        self.reference = reference
        self.block_size, self.condition_dropout = block_size, condition_dropout
        self.has_source = has_source
        self.coupling_steps = COUPLING_STEPS if axes.rotate else COUPLING_STEPS_IMAGES
        d = len(axes.mean)
        for name in ("mean_0", "mean_1", "cross"):
            self.register_buffer(name, torch.zeros(d, device="cpu"))
        for name in ("var_0", "var_1"):
            self.register_buffer(name, torch.ones(d, device="cpu"))
        self.register_buffer("source", None)
        # Scores: one draw where the divergence is exact, some probes of it where it is not.
        self.score_draws = 1 if d <= EXACT_DIVERGENCE else PROBES
        self.law = law

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
            # The axes of what varies within the two laws, seen from between them.
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
            # Down to no variance at all the steps of a simulated path could not follow.
            floor = (LEAST_VARIANCE * var.mean()).clamp(min=1e-8)
            self.get_buffer("var_" + end).copy_(torch.maximum(var, floor))
        if aligned:
            self.cross.copy_(schrodinger_covariance(self.var_0, self.var_1, self.reference))

    # Drifts.

    def _embed(self, rows: Tensor, condition: Tensor | None, noise: Noise | None = None) -> Tensor:
        """Embed a condition, dropped at random when noise is given; (n, 0) for no condition."""
        return embed(self.embedding, rows, condition, self.condition_dropout, noise)

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
        """Regress the drifts of the process pinned at pairs of rows.

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
        context = self._embed(x, condition, noise if self.training else None)
        t = noise.times(x).clamp(FIRST_TIME, 1 - FIRST_TIME)
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
        # The inverse of the target's variance, up to a factor: the noise in it grows without
        # bound at the end.
        spread = (self.var_0 + self.var_1).mean()
        weight = spread / (spread + self.reference.noise_in_target(t).square())
        return 0.5 * weight * (drift - target).square().sum(1)

    def law_loss(self, noise: Noise, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Learn the law of whole rows, for draws of their missing entries."""
        assert self.law is not None
        context = self._embed(x, condition, noise if self.training else None)
        return self.law.softened_bound(noise, x, context)

    def learn_trust(
        self, noise: Noise, shape: Any, x: Tensor, condition: Tensor | None = None
    ) -> None:
        """Learn from rows held out how far to follow the law of whole rows."""
        assert self.law is not None
        c = self._embed(x, condition)
        draws = ((x.repeat(n, 1), c.repeat(n, 1)) for n in trust_draws(x, shape))
        self.law.learn_trust(noise, draws)

    def transport_pairs(
        self, noise: GeneratorNoise, x: Tensor, condition: Tensor | None, n: int
    ) -> dict[str, Tensor]:
        """Couple data with source rows by optimal transport in batches of one condition."""
        index = _cycle(noise, x, n)
        if condition is not None:
            _, group = torch.unique(condition, dim=0, return_inverse=True)
            index = index[torch.argsort(group[index], stable=True)]
            cuts = torch.nonzero(group[index].diff()).flatten() + 1
            batches = [
                part
                for whole in index.tensor_split(cuts.cpu())
                for part in whole.split(TRANSPORT_BATCH)
            ]
        else:
            batches = list(index.split(TRANSPORT_BATCH))
        starts = []
        for batch in batches:
            x_1 = self.axes.to_axes(x[batch])
            x_0 = self.draw_source(noise, x_1)
            chosen = partners(x_0, x_1, self.reference.regularisation, noise.uniform(x_1))
            starts.append(x_0[chosen])
        index = torch.cat(batches)
        pairs = {"x": self.axes.to_axes(x[index]), "x_0": torch.cat(starts)}
        return pairs if condition is None else {**pairs, "condition": condition[index]}

    def reference_pairs(
        self, noise: GeneratorNoise, x: Tensor, condition: Tensor | None, n: int
    ) -> dict[str, Tensor]:
        """Couple source rows with where the reference process carries them."""
        index = _cycle(noise, x, n)
        x_0 = self.draw_source(noise, x[index])
        decay = math.exp(-self.reference.theta)
        # The variance of the unpinned process at time 1.
        var = self.reference.sigma**2 * decay * self.reference.length
        pairs = {"x": decay * x_0 + var**0.5 * noise.normal(x_0), "x_0": x_0}
        return pairs if condition is None else {**pairs, "condition": condition[index]}

    def simulated_pairs(
        self, noise: GeneratorNoise, x: Tensor, condition: Tensor | None, n: int
    ) -> dict[str, Tensor]:
        """Couple the ends by the process as it is: half from the data, half from the source."""
        index = _cycle(noise, x, n)
        half = n // 2
        given = None if condition is None else condition[index]
        x_1 = self.axes.to_axes(x[index[:half]])
        x_0 = self.draw_source(noise, x[index[half:]])
        back = self._ends(noise, x_1, None if given is None else given[:half], True)
        ahead = self._ends(noise, x_0, None if given is None else given[half:], False)
        real = x.new_zeros(n, 2)
        real[:half, 0], real[half:, 1] = 2.0, 2.0
        pairs = {"x": torch.cat([x_1, ahead]), "x_0": torch.cat([back, x_0]), "real": real}
        return pairs if given is None else {**pairs, "condition": given}

    def _ends(
        self, noise: GeneratorNoise, rows: Tensor, condition: Tensor | None, backward: bool
    ) -> Tensor:
        """Carry rows to the other end for training, their variance kept."""
        size = 4 * self.block_size
        ends = []
        with torch.no_grad():
            for start in range(0, len(rows), size):
                part = slice(start, start + size)
                x = rows[part]
                field = self.field(x, None if condition is None else condition[part])
                times = _times(self.coupling_steps, "cosine")
                if self.reference.sigma == 0:
                    path = self.flow(field, x, times, backward)
                else:
                    path = self.walk(noise, field, x, times, backward)
                ends.append(path[-1])
        return torch.cat(ends)

    def path_energy(self, noise: GeneratorNoise, like: Tensor, condition: Tensor | None) -> float:
        """Return the mean of the flow's squared speed over time and source rows."""
        with torch.no_grad():
            x = self.draw_source(noise, like)
            times = _times(self.coupling_steps, "uniform")
            path = torch.stack(self.flow(self.field(x, condition), x, times))
            speed = path.diff(dim=0).square().sum(-1).mean(1)
            return float((speed / torch.from_numpy(np.diff(times)).to(speed)).sum())

    # Carrying rows.

    @staticmethod
    def flow(field: Field, x: Tensor, times: np.ndarray, backward: bool = False) -> list[Tensor]:
        """Follow the flow by Heun's method; return the rows at each time."""
        path = [x]
        grid = torch.from_numpy(times[::-1].copy() if backward else times).to(x)
        for t, s in pairwise(grid):
            path.append(heun_step(_velocity(field), path[-1], t, s))
        return path

    @staticmethod
    def flow_adaptively(
        field: Field, x: Tensor, tolerance: float, backward: bool = False
    ) -> Tensor:
        """Follow the flow, each row with steps of its own."""
        velocity = _velocity(field)

        def against(s: Tensor, y: Tensor) -> Tensor:
            return -velocity(1 - s, y)

        return adaptive_flow(against if backward else velocity, x, tolerance)

    def walk(
        self,
        noise: GeneratorNoise,
        field: Field,
        x: Tensor,
        times: np.ndarray,
        backward: bool = False,
        *,
        solver: str = "heun",
        denoise: bool = False,
    ) -> list[Tensor]:
        r"""Follow the stochastic process; return the rows at each time.

        The kernel of ``"bridge"`` draws an end from :math:`N(\hat x_1, V_t)`, with the variance
        :math:`V_t` of the end given the state for Gaussian laws, and a step of the process pinned
        there: for Gaussian laws it is exact at any number of steps. Heun's method errs by the
        square of the step for any law.
        """
        reference = self.reference
        bridge = self.gaussian().reversed() if backward else self.gaussian()
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

    # What the estimator calls.

    def _carry(
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
            times = _times(n_steps, time_grid, "quadratic" if sde_solver == "bridge" else "cosine")
            if backward and not isinstance(time_grid, str):
                # Given times are those of the source; a walk counts from its own start.
                times = 1 - times[::-1]
            return self.walk(noise, field, x, times, backward, solver=sde_solver, denoise=denoise)
        if ode_solver == "adaptive":
            return [self.flow_adaptively(field, x, tolerance, backward)]
        return self.flow(field, x, _times(n_steps, time_grid, "cosine"), backward)

    def _to_start(self, rows: Tensor) -> Tensor:
        """Turn source columns to the axes: normal ones have no centre to move."""
        if self.has_source:
            return self.axes.to_axes(rows)
        return rows @ self.axes.basis if self.axes.rotate else rows

    def _from_start(self, x: Tensor) -> Tensor:
        if self.has_source:
            return self.axes.from_axes(x)
        return x @ self.axes.basis.T if self.axes.rotate else x

    def encode(self, x: Tensor, condition: Tensor | None, **options: Any) -> Tensor:
        """Carry data to the source."""
        return self._from_start(self._carry(self.axes.to_axes(x), condition, True, **options)[-1])

    def decode(self, w: Tensor, condition: Tensor | None, **options: Any) -> Tensor:
        """Carry source rows to the data."""
        return self.axes.from_axes(self._carry(self._to_start(w), condition, False, **options)[-1])

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
        return self.axes.from_axes(self._carry(x, condition, False, noise=walk, **options)[-1])

    def paths(
        self, w: Tensor, condition: Tensor | None, noise: GeneratorNoise | None, **options: Any
    ) -> Tensor:
        """Return the columns of source rows at each time, (n, n_times, n_features)."""
        path = self._carry(self._to_start(w), condition, False, noise=noise, **options)
        return torch.stack([self.axes.from_axes(x) for x in path], 1)

    def negative_log_likelihood(
        self,
        noise: Noise,
        x: Tensor,
        condition: Tensor | None,
        *,
        n_steps: int,
        time_grid: Any,
        **_: Any,
    ) -> Tensor:
        """Return minus the log-density of what the flow draws, for a normal source."""
        x = self.axes.to_axes(x)
        velocity = _velocity(self.field(x, condition))
        d = x.shape[1]
        probes = torch.eye(d).to(x)[:, None] if d <= EXACT_DIVERGENCE else None
        if probes is None:
            # Signs of the row's own: unbiased for the trace.
            probes = torch.sign(noise.normal(x))[None]

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
        grid = torch.from_numpy(_times(n_steps, time_grid, "cosine")[::-1].copy()).to(x)
        for t, s in pairwise(grid):
            first, trace = slope(t, x)
            second, trace_2 = slope(s, x + (s - t) * first)
            x = x + 0.5 * (s - t) * (first + second)
            log_volume = log_volume + 0.5 * (t - s) * (trace + trace_2)
        log_normal = -0.5 * (x.square().sum(1) + d * math.log(2 * math.pi))
        return -(log_normal - log_volume)

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
        """Draw what is not observed by the law of whole rows."""
        assert self.law is not None
        context = self._embed(x, condition)
        n_levels = LEVELS_PER_STEP * n_steps
        return self.law.complete(noise, x, observed, context, n_levels, kind=0)


def _unwrapped(source: Any) -> Any:
    return source.rows if isinstance(source, Whole) else source


def _starts_from_noise(name: str, reason: str) -> Callable[[Any], bool]:
    """Make the check that a model's source is normal; an AttributeError says why it must be."""

    def check(model: Any) -> bool:
        if hasattr(model, "module_") and model.module_.has_source:
            raise AttributeError(f"{name} needs a normal source: {reason}")
        return True

    return check


class SchrodingerBridgeMatcher(LatentMixin, LikelihoodMixin, BaseGenerativeModel):
    """Schrödinger bridge from a normal law, or from other data, to the data.

    Draws new rows (`sample`), carries rows from the source to the data (`inverse_transform`) and
    back (`transform`), along a flow or along a stochastic process; scores rows by their
    log-density (`score_samples`) where the source is normal.

    Parameters
    ----------
    sigma : float, default=0.1
        Noise of the reference process, in units of the scaled columns. More noise makes a
        smoother problem and a looser coupling; 0 is flow matching, or, with more than one
        iteration, rectified flow.
    theta : float, default=0.0
        Mean reversion of the reference process; 0 is Brownian motion, above 0 an
        Ornstein-Uhlenbeck process around the centre of the scaled columns.
    coupling : {"optimal-transport", "independent", "reference"}, default="optimal-transport"
        The first coupling of source and data: entropic optimal transport within batches of one
        condition, at the regularisation that belongs to the reference; none; or source rows and
        where the reference carries them, which makes the algorithm iterative proportional
        fitting and needs iterations.
    n_iterations : int, default=None
        Number of Markovian projections: the first learns from the first coupling, each further
        one from pairs simulated by the process as it stands. None takes 1 from a normal source,
        from where a second one draws no better rows, and 2 between two sets of rows and for
        ``coupling="reference"``.
    ode_solver : {"heun", "adaptive"}, default="heun"
        How the flow is followed: in ``n_steps`` steps of Heun's method, or by a pair of orders 3
        and 2 with steps of each row's own.
    sde_solver : {"heun", "bridge", "euler-maruyama"}, default="heun"
        How the stochastic process is followed: by Heun's method, of second order; by the pinned
        process towards a drawn end, which is exact for normal laws; or by the Euler-Maruyama
        method.
    n_steps : int, default=20
        Number of steps.
    time_grid : {"auto", "uniform", "quadratic", "cosine"} or array-like, default="auto"
        Times of the steps: even, dense at the end, dense at both ends, or an increasing array
        from 0, the source, to 1, the data, which sets their number. ``"auto"`` is
        ``"quadratic"`` for the solver ``"bridge"`` and ``"cosine"`` for the others.
    tolerance : float, default=1e-3
        Error of a step of the adaptive solver, in units of the scaled columns.
    scaling : {"auto", "quantile", "standard", "common"}, default="auto"
        How columns are scaled, those of the source like those of X: by a map of their quantiles
        to normal ones, by their standard deviation, or all by one, which keeps distances.
        ``"auto"`` takes one scale for images and for tables whose columns can be of one unit: they
        share a small grid of values, or their deviations are within a factor of five and none is
        skewed, has heavy tails or repeats values. Otherwise it maps the quantiles of the columns
        that are or do, and standardises the rest. Beside others, columns of two values, such as
        the codes of categories, are left out of this, and their values set 4 apart.
    input_shape : tuple, default=None
        Layout of a row, (channels, height, width) or (length, channels), for convolutional
        networks.
    hidden_units : int, default=None
        Units of a hidden layer on tables. None takes 64 for up to 4 columns or 128 rows, and 128
        for more.
    max_steps : int, default=None
        Gradient steps of the first iteration; each further one takes half of them, and so does,
        without a source, the law of whole rows that `impute` draws from. None takes 60, and 4 more
        for each row beyond 100, up to 3,000.
    batch_size : int, default=256
        Rows of a gradient step.
    lr : float, default=3e-3
        Peak learning rate.
    validation_fraction : float, default=0.1
        Share of the rows that chooses the weights.
    early_stopping : bool, default=True
        Whether to stop when the validation loss has not improved for 10 of 20 evaluations.
    ema_decay : float, default=0.998
        Decay of the moving average of the weights.
    callbacks : list, default=None
        Further skorch callbacks.
    net_params : dict, default=None
        Further settings of the skorch net, such as ``{"compile": True}``,
        ``{"autocast_dtype": "bfloat16"}`` or ``{"optimizer__weight_decay": 0.1}``.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights it has.
    checkpoint : str or path, default=None
        File that `fit` writes at every evaluation, about 20 times a stage, and goes on from: a fit
        that was killed, run again with the same parameters and data, ends with the same bits as
        one that was not. It is deleted when the fit is done. `partial_fit` does not use it.
    device : str, default=None
        Where to train; None takes CUDA, MPS or the CPU, the first there is.
    condition_dropout : float, default=0.1
        Share of training rows whose condition is hidden, so that the model also answers without.
    verbose : bool, int or "auto", default="auto"
        Whether to show a progress bar. ``"auto"`` shows one on a terminal or in a notebook while
        a fit takes more than three seconds.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random.

    Attributes
    ----------
    module_ : torch.nn.Module
        The fitted network, and the source's rows.
    nets_ : list of skorch.NeuralNet
        The net of each iteration, and of the law of whole rows; not kept by pickling.
    history_ : list of dict
        One row an evaluation: stage, step, losses, seconds; in the last row of an iteration also
        ``coupling_cost``, the mean squared distance of the pairs it learnt from, and
        ``path_energy``, the mean squared speed of the flow, both in units of the scaled columns,
        which settle as the iterations converge; and ``spread``, the variance of the simulated ends
        over that of the real ones.
    coupling_cost_, path_energy_ : float
        The last of each.
    n_steps_ : int
        Gradient steps taken by the last fit.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them.

    See Also
    --------
    FlowMatcher : The same without noise.

    Notes
    -----
    Scores follow the flow backwards in the steps of `n_steps` and ``time_grid``, so that they are
    the density of what `sample` draws, up to the error of the steps. The divergence is exact up to
    16 columns; above, it is the mean of 8 probes, fixed for a row, whose error averages out over
    rows.

    Source rows are kept with the model, all of them, and so stand in the file that
    :func:`skgen.save` writes and in a pickle: `sample` draws from them, `score` carries them, and
    `partial_fit` without ``source=`` goes on with them. Of more than 100,000 rows a random part
    is taken. A model fitted without ``source=`` keeps none.

    References
    ----------
    Shi, De Bortoli, Campbell and Doucet, "Diffusion Schrödinger bridge matching", NeurIPS 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgen import SchrodingerBridgeMatcher
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SchrodingerBridgeMatcher(random_state=0).fit(X)
    >>> model.sample(5).shape
    (5, 4)
    >>> bridge = SchrodingerBridgeMatcher(random_state=0).fit(X[y == 2], source=X[y == 1])
    >>> bridge.inverse_transform(X[y == 1]).shape
    (50, 4)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseGenerativeModel._parameter_constraints,
        "sigma": [Interval(Real, 0, None, closed="left")],
        # Beyond, its hyperbolic functions leave the range of float32.
        "theta": [Interval(Real, 0, 50, closed="both")],
        "coupling": [StrOptions({"optimal-transport", "independent", "reference"})],
        "n_iterations": [Interval(Integral, 1, None, closed="left"), None],
        "ode_solver": [StrOptions({"heun", "adaptive"})],
        "sde_solver": [StrOptions({"heun", "bridge", "euler-maruyama"})],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "time_grid": [StrOptions({"auto", *GRIDS}), "array-like"],
        "tolerance": [Interval(Real, 0, None, closed="neither")],
        "hidden_units": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        sigma=0.1,
        *,
        theta=0.0,
        coupling="optimal-transport",
        n_iterations=None,
        ode_solver="heun",
        sde_solver="heun",
        n_steps=20,
        time_grid="auto",
        tolerance=1e-3,
        scaling="auto",
        input_shape=None,
        hidden_units=None,
        max_steps=None,
        batch_size=256,
        lr=3e-3,
        validation_fraction=0.1,
        early_stopping=True,
        ema_decay=0.998,
        callbacks=None,
        net_params=None,
        warm_start=False,
        checkpoint=None,
        device=None,
        condition_dropout=0.1,
        verbose="auto",
        random_state=None,
    ):
        self.sigma = sigma
        self.theta = theta
        self.coupling = coupling
        self.n_iterations = n_iterations
        self.ode_solver = ode_solver
        self.sde_solver = sde_solver
        self.n_steps = n_steps
        self.time_grid = time_grid
        self.tolerance = tolerance
        self.scaling = scaling
        self.input_shape = input_shape
        self.hidden_units = hidden_units
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.ema_decay = ema_decay
        self.callbacks = callbacks
        self.net_params = net_params
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.device = device
        self.condition_dropout = condition_dropout
        self.verbose = verbose
        self.random_state = random_state

    # Fitting.

    def fit(self, X, y=None, *, source=None, condition=None):
        """Learn the bridge from the source to the law of the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to learn from, in any units.
        y : None
            Ignored: a label is never read unless asked for by name, as ``condition``.
        source : array-like of shape (n_source, n_features) or Whole, default=None
            Rows to start from, unpaired, in the units of X and scaled like it; None starts from
            N(0, I). A frame's columns are matched with those of X by their names. Inside
            :class:`Whole` cross-validation does not cut them.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            Labels of any type, or real vectors, to learn p(x | condition).

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, the data or the condition cannot be used; the message says which.
        TrainingError
            If the loss becomes NaN or infinite. A model fitted before stays as it was.

        Warns
        -----
        ConvergenceWarning
            If what the model draws lacks a value, a share or a dependence of the rows, for fits
            that are not told a number of steps; columns and values are named.
        UserWarning
            If a label to condition on has fewer than five rows.
        """
        return self._fit(Data(X, condition, source=_unwrapped(source)))

    def partial_fit(self, X, y=None, *, source=None, condition=None):
        """Go on learning from a piece of the data.

        The first piece fixes the scaling, the labels and the Gaussian part of the drifts. Every
        call trains each stage for ``max_steps`` gradient steps, by default for 60 and one more for
        each row beyond 100, up to 3,000, and no validation part is held back.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A piece of the data.
        y : None
            Ignored.
        source : array-like of shape (n_source, n_features) or Whole, default=None
            A piece of the source, in place of the one before; None keeps that.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of the piece, if the first had one.

        Returns
        -------
        self : object
            The estimator, trained further.
        """
        return self._fit(Data(X, condition, source=_unwrapped(source)), partial=True)

    def fit_transform(self, X, y=None, *, source=None, condition=None):
        """Fit to X and carry it to the source.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to learn from.
        y : None
            Ignored.
        source : array-like of shape (n_source, n_features) or Whole, default=None
            Rows to start from.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_features)
            Each row at the source.
        """
        fitted = self.fit(X, y, source=source, condition=condition)
        return fitted.transform(X, condition=condition)

    def _validate_params(self):
        super()._validate_params()
        self._check_grid()
        if self.coupling == "reference" and (self.sigma == 0 or self.n_iterations == 1):
            raise ValueError(
                "coupling='reference' needs sigma > 0 and n_iterations of at least 2: its first "
                "iteration knows the source alone."
            )

    def _check_grid(self):
        if isinstance(self.time_grid, str):
            return
        grid = np.asarray(self.time_grid, dtype=np.float64)
        if (
            grid.ndim != 1
            or len(grid) < 2
            or not np.isfinite(grid).all()
            or (np.diff(grid) <= 0).any()
            or grid[0]
            or grid[-1] != 1
        ):
            raise ValueError(
                f"time_grid must increase from 0 to 1, got {self.time_grid!r}; or name one of "
                f"{sorted(GRIDS)}."
            )

    def _n_projections(self, has_source):
        if self.n_iterations is not None:
            return self.n_iterations
        return 2 if has_source or self.coupling == "reference" else 1

    def _build_module(self, rows, generator):
        (n, d), n_condition, source = rows.x.shape, rows.n_condition, rows.source
        c = CONDITION_FEATURES if n_condition else 0
        n_heads = 2 if self.sigma > 0 else 1
        width = self.hidden_units or (64 if n <= 128 or d <= SMALL_TABLE else 128)
        with torch.device("meta"):

            def network_of(n_heads, n_context):
                if self.input_shape is None:
                    return correction(d, n_heads * d, n_context + c, width)
                shape = tuple(int(side) for side in self.input_shape)
                return UNet(shape, n_context + c, n_outputs=n_heads)

            network = network_of(n_heads, TIME_FEATURES)
            law = None
            if source is None:
                law = GaussianDiffusion(
                    network_of(1, NOISE_FEATURES),
                    PrincipalAxes(d, self.input_shape is None),
                    SCHEDULES["linear"](*LAW_GAMMAS),
                )
            module = _SchrodingerBridge(
                network,
                PrincipalAxes(d, self.input_shape is None),
                ConditionEmbedding(n_condition, c) if n_condition else None,
                LinearReference(float(self.sigma), float(self.theta)),
                block_size=1024 if self.input_shape is None else 64,
                condition_dropout=float(self.condition_dropout),
                has_source=source is not None,
                law=law,
            )
        initialize(module, generator)
        # Where the ends stay independent, the exact Gaussian process is that of such a coupling.
        once = self._n_projections(source is not None) == 1
        stays = self.coupling == "independent" and self.sigma == 0 and once
        if law is not None:
            law.axes.fit(rows.x)
        module.fit_ends(rows.x, source, aligned=not stays)
        return module

    def _stages(self, module, train, valid, noise):
        parameters = [*module.network.parameters(), *self._parameters_of(module.embedding)]
        n_steps = self._n_stage_steps(len(train["x"]))
        is_noisy_table = self.sigma > 0 and self.input_shape is None and valid is not None
        fewest = FEWEST_NOISY_STEPS if is_noisy_table and self.max_steps is None else 0
        for iteration in range(1, self._n_projections(module.has_source) + 1):
            effort = max(1.0, fewest / n_steps) * (1.0 if iteration == 1 else LATER_EFFORT)
            n_least = round(PAIRS_PER_STEP * effort * n_steps)
            training = self._pairs(module, train, noise, iteration, n_least)
            validation = (
                None if valid is None else self._pairs(module, valid, noise, iteration, MIN_PAIRS)
            )
            interrupted = yield Stage(
                f"iteration {iteration}",
                module.matching_loss,
                module,
                parameters,
                training,
                validation,
                effort=effort,
                diagnose=lambda pairs=training: self._convergence(module, pairs, noise),
            )
            if interrupted:
                return
        if module.law is not None:
            law = self._parameters_of(module.law)
            module.law.trust.reset()
            interrupted = yield Stage(
                "law", module.law_loss, module, law, train, valid, LATER_EFFORT
            )
            if valid is not None and not interrupted:
                module.learn_trust(noise, self.input_shape, **valid)

    def _pairs(self, module, rows, noise, iteration, n_least):
        """Return what an iteration learns from: pairs of ends, or data alone."""
        if iteration == 1 and self.coupling == "independent":
            return rows
        x, condition = rows["x"], rows.get("condition")
        n_pairs = len(x)
        if self.input_shape is None:
            # On tables pairs are cheap, and few of them are soon known by heart.
            n_pairs = max(n_pairs, min(MAX_PAIRS, max(n_least, PAIRS_PER_ROW * n_pairs)))
        n_pairs += n_pairs % 2
        if iteration > 1:
            return module.simulated_pairs(noise, x, condition, n_pairs)
        if self.coupling == "reference":
            return module.reference_pairs(noise, x, condition, n_pairs)
        return module.transport_pairs(noise, x, condition, n_pairs)

    @staticmethod
    def _convergence(module, pairs, noise):
        x, x_0 = pairs["x"], pairs.get("x_0")
        if x_0 is None:
            x = module.axes.to_axes(x)
            x_0 = module.draw_source(noise, x)
        condition = pairs.get("condition")
        few = slice(0, module.block_size)
        figures = {}
        if "real" in pairs:
            # Half of the pairs begin at the data, half at the source.
            ends, starts = x.chunk(2), x_0.chunk(2)
            figures["spread"] = float(
                (_spread(ends[1]) + _spread(starts[0])) / (_spread(ends[0]) + _spread(starts[1]))
            )
        return figures | {
            "coupling_cost": float((x - x_0).square().sum(1).mean()),
            "path_energy": module.path_energy(
                noise, x[few], None if condition is None else condition[few]
            ),
        }

    def _finish_fit(self):
        # The law's rows come after those of the iterations.
        last = next(row for row in reversed(self.history_) if "coupling_cost" in row)
        self.coupling_cost_, self.path_energy_ = last["coupling_cost"], last["path_energy"]

    # Carrying rows.

    def _sampling_options(self):
        self._check_grid()
        names = ("ode_solver", "sde_solver", "n_steps", "time_grid", "tolerance")
        return {name: getattr(self, name) for name in names}

    def sample(
        self,
        n_samples=1,
        *,
        condition=None,
        guidance_scale=0.0,
        n_steps=None,
        random_state=None,
        stochastic=False,
        denoise=False,
    ):
        """Draw rows of the source and carry them to the data.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        condition : scalar or array-like of shape (n_samples,) or (n_samples, n_columns)
            What to condition on; a scalar serves all rows. None draws without a condition.
        guidance_scale : float, default=0.0
            Classifier-free guidance: drifts move this many times the difference that the
            condition makes beyond the conditional ones. 0 draws from the conditional law; more
            makes rows easier to tell from those of other conditions, and moves their means.
        n_steps : int, default=None
            Number of steps; None takes the constructor's.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the constructor's. A seed gives the same rows, whatever the
            number drawn with it: ``sample(10)`` is the head of ``sample(1000)``.
        stochastic : bool, default=False
            Whether to follow the stochastic process in place of the flow.
        denoise : bool, default=False
            Whether the last step of the stochastic process goes without its noise, which takes
            a little of the variance away.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features)
            New rows, in the units of the training data.
        """
        check_is_fitted(self)
        self._check_noise(stochastic)
        options = {"stochastic": bool(stochastic), "denoise": bool(denoise)}
        return self._sample(n_samples, condition, guidance_scale, n_steps, random_state, **options)

    def _check_noise(self, stochastic):
        if stochastic and self.module_.reference.sigma == 0:
            raise ValueError(
                f"stochastic=True needs noise to follow, and this {type(self).__name__} was fitted "
                "without any; SchrodingerBridgeMatcher has it with sigma > 0."
            )

    def _carried(self, method, rows, encoded, random_state):
        """Carry scaled rows along the stochastic process, in the model's own precision."""
        self._check_noise(True)
        seed = _seed(self.random_state if random_state is None else random_state)
        blocks = iter(range(len(rows)))
        options = self._sampling_options()

        def function(x, c):
            noise = self._noise(seed, next(blocks))
            return getattr(self.module_, method)(x, c, noise=noise, **options)

        given = None if encoded is None else encoded.float()
        return self._in_blocks(function, self.module_, [rows.float(), given]).double()

    @limited
    def transform(self, X, *, condition=None, stochastic=False, random_state=None):
        """Carry data to the source.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        stochastic : bool, default=False
            Whether to follow the stochastic process against time in place of the flow.
        random_state : int, RandomState instance or None, default=None
            Seed of the process; None falls back on the constructor's.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_features)
            Each row at the source: standard normal numbers, or rows in the units of the source.
        """
        if not stochastic:
            return self._encode_rows(Data(X, condition))
        rows = self._rows(Data(X, condition))
        carried = self._carried("encode", rows.x, rows.condition, random_state).numpy()
        return self._from_latent(carried).astype(rows.values.dtype)

    @limited
    def inverse_transform(self, X, *, condition=None, stochastic=False, random_state=None):
        """Carry rows of the source to the data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Standard normal rows, or rows in the units of the source, as `transform` returns them.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        stochastic : bool, default=False
            Whether to follow the stochastic process in place of the flow.
        random_state : int, RandomState instance or None, default=None
            Seed of the process; None falls back on the constructor's.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features)
            Rows in the units of the training data.
        """
        check_is_fitted(self)
        if not stochastic:
            return super().inverse_transform(X, condition=condition)
        Z = self._check_latent(X)
        encoded = self.row_map_.encode(condition, len(Z))
        carried = self._carried("decode", self._to_latent(Z), encoded, random_state)
        return self._frame(self.row_map_.inverse(carried).astype(Z.dtype), X)

    @limited
    def trajectory(self, Z, n_steps=20, *, stochastic=None, condition=None, random_state=None):
        """Carry rows of the source to the data and return where they pass.

        Parameters
        ----------
        Z : array-like of shape (n_rows, n_features)
            Standard normal rows, or rows in the units of the source.
        n_steps : int, default=20
            Number of steps; a ``time_grid`` given as an array overrides it.
        stochastic : bool, default=None
            Whether to follow the stochastic process or the flow, by Heun's method. None follows
            the process, and the flow where there is no noise, ``sigma=0``.
        condition : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
            The condition of each row.
        random_state : int, RandomState instance or None, default=None
            Seed of the process; None falls back on the constructor's.

        Returns
        -------
        times : ndarray of shape (n_steps + 1,)
            Times from 0 to 1.
        paths : ndarray of shape (n_steps + 1, n_rows, n_features)
            Rows at these times, in the units of X, not rounded to the values that a column
            repeats. A normal source is shown as the scaled rows that it stands for.
        """
        check_is_fitted(self)
        self._check_sampling(n_steps, 0.0, None)
        if stochastic is None:
            stochastic = self.module_.reference.sigma > 0
        elif stochastic:
            self._check_noise(True)
        Z = self._check_latent(Z)
        encoded = self.row_map_.encode(condition, len(Z))
        seed = _seed(self.random_state if random_state is None else random_state)
        options = {**self._sampling_options(), "n_steps": int(n_steps), "ode_solver": "heun"}
        blocks = iter(range(len(Z)))

        def function(x, c):
            noise = self._noise(seed, next(blocks)) if stochastic else None
            return self.module_.paths(x, c, noise, **options)

        given = None if encoded is None else encoded.float()
        paths = self._in_blocks(function, self.module_, [self._to_latent(Z).float(), given])
        kind = "quadratic" if stochastic and self.sde_solver == "bridge" else "cosine"
        times = _times(int(n_steps), self.time_grid, kind)
        n, d = Z.shape
        rows = self.row_map_.scaler.inverse(paths.transpose(0, 1).reshape(-1, d).double()).numpy()
        return times, rows.reshape(len(times), n, d).astype(Z.dtype)

    def _check_latent(self, X, name="X"):
        if self.module_.has_source:
            X = matched(X, getattr(self, "feature_names_in_", None), name)
        return super()._check_latent(X)

    def _from_latent(self, rows):
        if not self.module_.has_source:
            return rows
        return self.row_map_.inverse(torch.from_numpy(rows)).astype(rows.dtype)

    def _to_latent(self, Z):
        if not self.module_.has_source:
            return super()._to_latent(Z)
        return self.row_map_.scaled(Z)[0]

    # Missing entries and scores.

    impute = available_if(
        _starts_from_noise(
            "impute",
            "a bridge between two data sets does not learn the law of whole rows that missing "
            "entries are drawn from. Fit without source=.",
        )
    )(BaseGenerativeModel.impute)

    @available_if(
        _starts_from_noise(
            "score_samples",
            "the density of a source that is known by its rows alone is not known. score compares "
            "carried rows with real ones instead.",
        )
    )
    def score_samples(self, X, *, condition=None):
        """Return the log-density of each row under the flow from a normal source, in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data; the value is that of their density in these
            units.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            Deterministic.
        """
        return super().score_samples(X, condition=condition)

    @limited
    def score(self, X, y=None, *, source=None, condition=None):
        """Return how well the model explains X: higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data.
        y : None
            Ignored.
        source : array-like of shape (n_source, n_features) or Whole, default=None
            Rows to carry to the data for comparison; None takes those of the fit.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row of X; a source of rows must then have as many.

        Returns
        -------
        score : float
            With a normal source, the mean of `score_samples`, in nats a row. With rows as the
            source, minus the energy distance between carried and real rows, both scaled.
        """
        check_is_fitted(self)
        if not self.module_.has_source:
            if source is not None:
                raise ValueError("The model was fitted from a normal source; it takes no rows.")
            return super().score(X, condition=condition)
        real = self._rows(Data(X, condition))
        if source is None:
            rows = self.module_.source.double().cpu()
        else:
            rows = self._to_latent(self._check_latent(_unwrapped(source), "source"))
        if real.condition is not None and len(rows) != len(real.x):
            raise ValueError(
                f"condition belongs to the {len(real.x)} rows of X, and the source has "
                f"{len(rows)}: give a source row for each."
            )
        carried = self._apply("decode", rows, real.condition, np.float64)
        return -energy_distance(real.x.numpy(), carried)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns of the source.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of X; None takes those seen in `fit`.

        Returns
        -------
        names : ndarray of str
            The columns' own names where the source has rows, numbered ones where it is normal.
        """
        check_is_fitted(self)
        if not self.module_.has_source:
            return super().get_feature_names_out(input_features)
        return _check_feature_names_in(self, input_features)


class FlowMatcher(SchrodingerBridgeMatcher):
    """Flow matching: an ordinary differential equation from a normal law, or other data, to X.

    :class:`SchrodingerBridgeMatcher` without noise. One iteration is flow matching, between
    independent ends or along optimal transport within batches; several are rectified flow.

    Parameters
    ----------
    coupling : {"independent", "optimal-transport"}, default="independent"
        The coupling of source and data that the first iteration learns from.
    n_iterations : int, default=1
        Number of regressions: each after the first learns from pairs that the flow joins, and
        straightens it.
    ode_solver : {"heun", "adaptive"}, default="heun"
        How the flow is followed: in ``n_steps`` steps of Heun's method, or by a pair of orders 3
        and 2 with steps of each row's own.
    n_steps : int, default=20
        Number of steps.
    time_grid : {"auto", "uniform", "quadratic", "cosine"} or array-like, default="auto"
        Times of the steps: even, dense at the end, dense at both ends, or an increasing array
        from 0 to 1, which sets their number. ``"auto"`` is ``"cosine"``.
    tolerance : float, default=1e-3
        Error of a step of the adaptive solver, in units of the scaled columns.
    scaling : {"auto", "quantile", "standard", "common"}, default="auto"
        How columns are scaled, as in :class:`SchrodingerBridgeMatcher`.
    input_shape : tuple, default=None
        Layout of a row, (channels, height, width) or (length, channels), for convolutional
        networks.
    hidden_units : int, default=None
        Units of a hidden layer on tables. None takes 64 for up to 4 columns or 128 rows, and 128
        for more.
    max_steps : int, default=None
        Gradient steps of the first iteration; each further one takes half of them, and so does,
        without a source, the law of whole rows that `impute` draws from. None takes 60, and 4 more
        for each row beyond 100, up to 3,000.
    batch_size : int, default=256
        Rows of a gradient step.
    lr : float, default=3e-3
        Peak learning rate.
    validation_fraction : float, default=0.1
        Share of the rows that chooses the weights.
    early_stopping : bool, default=True
        Whether to stop when the validation loss has not improved for 10 of 20 evaluations.
    ema_decay : float, default=0.998
        Decay of the moving average of the weights.
    callbacks : list, default=None
        Further skorch callbacks.
    net_params : dict, default=None
        Further settings of the skorch net, such as ``{"compile": True}``,
        ``{"autocast_dtype": "bfloat16"}`` or ``{"optimizer__weight_decay": 0.1}``.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights it has.
    checkpoint : str or path, default=None
        File that `fit` writes at every evaluation, about 20 times a stage, and goes on from: a fit
        that was killed, run again with the same parameters and data, ends with the same bits as
        one that was not. It is deleted when the fit is done. `partial_fit` does not use it.
    device : str, default=None
        Where to train; None takes CUDA, MPS or the CPU, the first there is.
    condition_dropout : float, default=0.1
        Share of training rows whose condition is hidden, so that the model also answers without.
    verbose : bool, int or "auto", default="auto"
        Whether to show a progress bar. ``"auto"`` shows one on a terminal or in a notebook while
        a fit takes more than three seconds.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random.

    Attributes
    ----------
    module_ : torch.nn.Module
        The fitted network, and the source's rows.
    nets_ : list of skorch.NeuralNet
        The net of each iteration, and of the law of whole rows; not kept by pickling.
    history_ : list of dict
        One row an evaluation: stage, step, losses, seconds; in the last row of an iteration also
        ``coupling_cost``, the mean squared distance of the pairs it learnt from, and
        ``path_energy``, the mean squared speed of the flow, both in units of the scaled columns,
        which settle as the iterations converge; and ``spread``, the variance of the simulated ends
        over that of the real ones.
    coupling_cost_, path_energy_ : float
        The last of each.
    n_steps_ : int
        Gradient steps taken by the last fit.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them.

    See Also
    --------
    SchrodingerBridgeMatcher : The same with noise.

    Notes
    -----
    Rows given as ``source=`` are kept with the model and stand in its file, as with
    :class:`SchrodingerBridgeMatcher`.

    References
    ----------
    Lipman, Chen, Ben-Hamu, Nickel and Le, "Flow matching for generative modeling", ICLR 2023.

    Liu, Gong and Liu, "Flow straight and fast: learning to generate and transfer data with
    rectified flow", ICLR 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgen import FlowMatcher
    >>> X, _ = load_iris(return_X_y=True)
    >>> FlowMatcher(random_state=0).fit(X).sample(5).shape
    (5, 4)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        name: constraint
        for name, constraint in SchrodingerBridgeMatcher._parameter_constraints.items()
        if name not in ("sigma", "theta", "sde_solver")
    } | {"coupling": [StrOptions({"optimal-transport", "independent"})]}

    def __init__(
        self,
        coupling="independent",
        *,
        n_iterations=1,
        ode_solver="heun",
        n_steps=20,
        time_grid="auto",
        tolerance=1e-3,
        scaling="auto",
        input_shape=None,
        hidden_units=None,
        max_steps=None,
        batch_size=256,
        lr=3e-3,
        validation_fraction=0.1,
        early_stopping=True,
        ema_decay=0.998,
        callbacks=None,
        net_params=None,
        warm_start=False,
        checkpoint=None,
        device=None,
        condition_dropout=0.1,
        verbose="auto",
        random_state=None,
    ):
        super().__init__(
            sigma=0.0,
            coupling=coupling,
            n_iterations=n_iterations,
            ode_solver=ode_solver,
            n_steps=n_steps,
            time_grid=time_grid,
            tolerance=tolerance,
            scaling=scaling,
            input_shape=input_shape,
            hidden_units=hidden_units,
            max_steps=max_steps,
            batch_size=batch_size,
            lr=lr,
            validation_fraction=validation_fraction,
            early_stopping=early_stopping,
            ema_decay=ema_decay,
            callbacks=callbacks,
            net_params=net_params,
            warm_start=warm_start,
            checkpoint=checkpoint,
            device=device,
            condition_dropout=condition_dropout,
            verbose=verbose,
            random_state=random_state,
        )


def _velocity(field: Field) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the velocity of the flow of a field, at one time or a time a row."""

    def velocity(t: Tensor, x: Tensor) -> Tensor:
        forward, backward = field(t.reshape(-1), x)
        return 0.5 * (forward - backward)

    return velocity


def _spread(rows: Tensor) -> Tensor:
    return rows.var(0).sum()


def _times(n_steps: int, grid: Any, kind: str = "uniform") -> np.ndarray:
    """Return n_steps + 1 times from 0 to 1, of the kind given where the grid is "auto"."""
    if not isinstance(grid, str):
        return np.asarray(grid, dtype=np.float64)
    return GRIDS[kind if grid == "auto" else grid](np.linspace(0, 1, n_steps + 1))


def _cycle(noise: GeneratorNoise, x: Tensor, n: int) -> Tensor:
    """Return n numbers of rows: every row as often as the others, or once less."""
    rounds = [torch.argsort(noise.uniform(x)) for _ in range(-(-n // len(x)))]
    return torch.cat(rounds)[:n]
