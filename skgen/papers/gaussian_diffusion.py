r"""Gaussian diffusion of rows given a context, a component of the papers' modules.

Rows are turned to the principal axes of the data, where each axis has its own standard deviation
:math:`\lambda`. A network corrects the answer that is exact for Gaussian data: with
:math:`r^2 = \alpha^2 \lambda^2 + \sigma^2` and the unit-variance input :math:`\zeta = z / r`, a
network F predicts

.. math::

    \hat\epsilon = \frac{\sigma}{r}\zeta + \frac{\alpha\lambda}{r} F, \qquad
    \hat x = \frac{\alpha\lambda^2}{r}\zeta - \frac{\lambda\sigma}{r} F,

so that F is the velocity :math:`\alpha\epsilon - \sigma x` of an axis of unit variance, and F = 0
is the exact denoiser of :math:`N(0, \operatorname{diag} \lambda^2)`. The other parametrisations
predict their own quantity's deviation from the same answer.

Once trained, F is multiplied by a factor learnt from held-out rows, in scores and completions but
not in new rows: :mod:`skgen.papers.correction_shrinkage`.
"""

import math
from collections.abc import Callable, Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn

from skgen.networks.embeddings import noise_level_features
from skgen.papers.completion import complete
from skgen.papers.correction_shrinkage import CorrectionShrinkage
from skgen.papers.principal_axes import PrincipalAxes
from skgen.papers.representation import in_parts
from skgen.processes import gaussian
from skgen.processes.integrators import euler_step, heun_step
from skgen.processes.noise import GeneratorNoise, RowNoise
from skgen.processes.schedules import Schedule, alpha_sigma

NOISE_FEATURES = 32
Noise = GeneratorNoise | RowNoise
Predictor = Callable[[Tensor, Tensor], Tensor]


class GaussianDiffusion(nn.Module):
    """The distribution of rows given a context, by diffusion.

    Parameters
    ----------
    network : nn.Module
        Takes (n, n_features) rows and a context of noise-level features and given numbers.
    axes : PrincipalAxes
        Where the diffusion runs.
    schedule : Schedule
        The noise levels.
    prediction : {"v", "epsilon", "x", "score"}
        What the network predicts.
    n_timesteps : int or None
        Steps of the bound; None for continuous time.
    soft_gamma : float
        Noise level below which `softened_bound` gives levels little weight.
    n_kinds : int
        Kinds of contexts; for each, how much of the network is used is learnt.
    """

    def __init__(
        self,
        network: nn.Module,
        axes: PrincipalAxes,
        schedule: Schedule,
        prediction: str = "v",
        n_timesteps: int | None = None,
        soft_gamma: float = -4.0,
        n_kinds: int = 1,
    ):
        super().__init__()
        self.soft_gamma = soft_gamma
        self.network, self.axes, self.schedule = network, axes, schedule
        self.prediction, self.n_timesteps = prediction, n_timesteps
        self.shrinkage = CorrectionShrinkage(n_kinds)

    def predict(
        self, z: Tensor, gamma: Tensor, context: Tensor, kind: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the predicted noise and clean row, both on the axes.

        With the kind of the context, once trained, the network's output is multiplied by the
        shrinkage of that kind; with None it is used whole.
        """
        alpha, sigma = (part[:, None] for part in alpha_sigma(gamma))
        scale = self.axes.scale
        r = torch.sqrt((alpha * scale).square() + sigma.square())
        zeta = z / r
        features = noise_level_features(gamma, NOISE_FEATURES)
        F = self.network(zeta, torch.cat([features, context], -1))
        if kind is not None and not self.training:
            F = F * self.shrinkage(self._place(gamma), kind)
        if self.prediction == "x":
            x_hat = scale * (alpha * scale / r * zeta + F)
            return gaussian.predicted_epsilon(z, x_hat, gamma[:, None]), x_hat
        weight = {"v": alpha * scale / r, "epsilon": 1.0, "score": -sigma}[self.prediction]
        epsilon_hat = sigma / r * zeta + weight * F
        if self.prediction == "v":
            return epsilon_hat, scale * (alpha * scale * zeta - sigma * F) / r
        return epsilon_hat, (z - sigma * epsilon_hat) / alpha

    def _place(self, gamma: Tensor) -> Tensor:
        """Return where noise levels lie between the schedule's ends, from 0 to 1."""
        first, last = self.schedule.gamma_0, self.schedule.gamma_1
        return (gamma - first) / (last - first)

    def fit_shrinkage(
        self, noise: Noise, draws: Iterable[tuple[Tensor, Tensor]], kind: int = 0
    ) -> None:
        """Learn how much of the network to use, given a kind of context.

        Parameters
        ----------
        noise : GeneratorNoise
            Source of levels and noise.
        draws : iterable of (Tensor of shape (n, n_features), Tensor of shape (n, n_context))
            Held-out rows and their contexts.
        kind : int
            The kind of context.
        """

        def measured(rows: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            gamma, _ = self.schedule(noise.times(rows))
            _, epsilon, z = self._noised(noise, rows, gamma)
            alpha, sigma = (part[:, None] for part in alpha_sigma(gamma))
            known = sigma * z / ((alpha * self.axes.scale).square() + sigma.square())
            moved = self.predict(z, gamma, context)[0] - known
            return self._place(gamma), moved, epsilon - known

        results = (part for rows, context in draws for part in in_parts(measured, rows, context))
        self.shrinkage.learn(results, kind)

    def _noised(self, noise: Noise, rows: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.axes.to_axes(rows)
        epsilon = noise.normal(x)
        alpha, sigma = (part[:, None] for part in alpha_sigma(gamma))
        return x, epsilon, alpha * x + sigma * epsilon

    def denoising_loss(self, noise: Noise, rows: Tensor, context: Tensor) -> Tensor:
        r"""Return :math:`\tfrac12|x - \hat x|^2` of each row, at a random time of the schedule."""
        gamma, _ = self.schedule(noise.times(rows))
        x, _, z = self._noised(noise, rows, gamma)
        _, x_hat = self.predict(z, gamma, context)
        return 0.5 * (x - x_hat).square().sum(-1)

    def bound(
        self,
        noise: Noise,
        rows: Tensor,
        context: Tensor,
        levels: Tensor | None = None,
        kind: int | None = None,
    ) -> Tensor:
        r"""Return an unbiased estimate of the bound on :math:`-\log p`, in nats per row.

        With ``levels`` the rows are discrete, and their columns must not have been rotated.
        """
        x, _, diffusion, control = self._diffusion_loss(noise, rows, context, kind)
        gamma_0, gamma_1 = x.new_tensor([self.schedule.gamma_0, self.schedule.gamma_1])
        if levels is None:
            diffusion = diffusion - control
            reconstruction = gaussian.gaussian_reconstruction_loss(x, gamma_0)
        else:
            epsilon_0 = noise.normal(x)
            reconstruction = gaussian.discrete_reconstruction_loss(x, epsilon_0, gamma_0, levels)
        return diffusion + reconstruction + gaussian.prior_loss(x, gamma_1)

    def softened_bound(self, noise: Noise, rows: Tensor, context: Tensor) -> Tensor:
        r"""Return the part of the bound that depends on the network; low levels weigh less.

        The weight of a level is :math:`\operatorname{sigmoid}(\gamma - \gamma_{soft})`. The best
        prediction at each level is that of the bound itself. But at levels far below the scale of
        the data's structure the noise cannot be predicted, and its error only adds variance.
        """
        _, gamma, diffusion, control = self._diffusion_loss(noise, rows, context)
        return torch.sigmoid(gamma - self.soft_gamma) * (diffusion - control)

    def _diffusion_loss(
        self, noise: Noise, rows: Tensor, context: Tensor, kind: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return rows on the axes, noise levels, the bound's diffusion term, a control variate.

        The control variate has mean zero: it is the part of the error of the exact Gaussian
        denoiser that the noise alone causes. At low noise it is nearly all of the term's variance.
        """
        t = noise.times(rows)
        if self.n_timesteps is None:
            gamma, weight = self.schedule(t)
        else:
            T = self.n_timesteps
            # t in [0, 1) picks one of the T steps.
            t = (torch.floor(t * T) + 1) / T
            gamma, gamma_s = self.schedule(t)[0], self.schedule(t - 1 / T)[0]
            weight = T * torch.expm1(gamma - gamma_s)
        if self.training and gamma.requires_grad:
            gamma, weight = _variance_gradient(gamma, weight)
        x, epsilon, z = self._noised(noise, rows, gamma)
        epsilon_hat, _ = self.predict(z, gamma, context, kind)
        error = (epsilon - epsilon_hat).square()
        alpha, sigma = (part[:, None] for part in alpha_sigma(gamma.detach()))
        known = 1 / (1 + (sigma / (alpha * self.axes.scale)).square())
        control = known.square() * (epsilon.square() - 1)
        return x, gamma, 0.5 * weight * error.sum(-1), 0.5 * weight.detach() * control.sum(-1)

    def gammas(self, n_steps: int, like: Tensor) -> Tensor:
        """Return n_steps + 1 noise levels, from the noisiest to the cleanest."""
        t = torch.linspace(1, 0, n_steps + 1, dtype=like.dtype, device=like.device)
        with torch.no_grad():
            return self.schedule(t)[0]

    def run(
        self, noise: Noise | None, z: Tensor, predictor: Predictor, sampler: str, n_steps: int
    ) -> Tensor:
        """Carry z from pure noise to clean rows.

        Parameters
        ----------
        noise : GeneratorNoise or None
            Source of the noise of the stochastic samplers; the flow needs none.
        z : Tensor of shape (n, n_features)
            Standard normal rows, on the axes.
        predictor : callable
            ``predictor(z, gamma)`` gives the predicted noise at a level, of shape (n,).
        sampler : {"ancestral", "ddim", "predictor-corrector", "heun"}
            The method.
        n_steps : int
            Noise levels to pass.

        Returns
        -------
        Tensor of shape (n, n_features)
            Clean rows, off the axes.
        """
        gammas = self.gammas(n_steps, z)

        def flow(s: Tensor, y: Tensor) -> Tensor:
            gamma = 2 * torch.log(s)
            return predictor(y * alpha_sigma(gamma)[0], gamma.expand(len(y)))

        for gamma_t, gamma_s in pairwise(gammas):
            if sampler in ("ddim", "heun"):
                step = euler_step if sampler == "ddim" else heun_step
                s_t, s_s = torch.exp(gamma_t / 2), torch.exp(gamma_s / 2)
                z = step(flow, z / alpha_sigma(gamma_t)[0], s_t, s_s) * alpha_sigma(gamma_s)[0]
                continue
            assert noise is not None
            epsilon_hat = predictor(z, gamma_t.expand(len(z)))
            z = gaussian.ancestral_step(z, epsilon_hat, gamma_s, gamma_t, noise.normal(z))
            if sampler == "predictor-corrector":
                epsilon_hat = predictor(z, gamma_s.expand(len(z)))
                z = gaussian.langevin_step(z, epsilon_hat, gamma_s, noise.normal(z))
        gamma_0 = gammas[-1]
        alpha, sigma = alpha_sigma(gamma_0)
        return self.axes.from_axes((z - sigma * predictor(z, gamma_0.expand(len(z)))) / alpha)

    def complete(
        self,
        noise: Noise,
        rows: Tensor,
        observed: Tensor,
        context: Tensor,
        n_levels: int,
        kind: int | None = None,
    ) -> Tensor:
        """Draw missing entries of rows, given the observed ones and a kind of context."""

        def denoise(y: Tensor, rho: Tensor) -> Tensor:
            gamma = 2 * torch.log(rho).expand(len(y))
            return self.predict(y * alpha_sigma(gamma)[0][:, None], gamma, context, kind)[1]

        finest = math.exp(0.5 * self.schedule.gamma_0)
        return complete(noise, self.axes, denoise, rows, observed, finest=finest, n_levels=n_levels)


def _variance_gradient(gamma: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Train a learned schedule to reduce the variance of the bound, whose mean it cannot change.

    The gradient of the squared loss is twice the loss times the gradient of the loss. The loss of a
    row is known in the backward pass: it is its weight times the gradient of that weight.
    """
    state: dict[str, Tensor] = {}

    def on_weight(gradient: Tensor) -> Tensor:
        state["loss"] = weight.detach() * gradient
        return 2 * state["loss"] * gradient

    def on_gamma(gradient: Tensor) -> Tensor:
        return 2 * state["loss"] * gradient

    # Gradients come back in the reverse order of these: the weight's hook must come first.
    gamma = gamma * 1.0
    weight = weight * 1.0
    weight.register_hook(on_weight)
    gamma.register_hook(on_gamma)
    return gamma, weight
