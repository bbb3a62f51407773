r"""A variational autoencoder whose decoder, and whose prior, are diffusion models.

An encoder gives :math:`q(w|x) = N(\mu(x), \operatorname{diag} s^2(x))`, a diffusion model given w
is the decoder :math:`p(x|w)`, and a second one over the latents is the prior :math:`p(w)`:

.. math::

    -\log p(x) \le E_{q(w|x)}\big[ L_{x|w} + L_w \big] - H\big(q(w|x)\big),

each L the bound of :mod:`skgen.processes.gaussian`; with :math:`p(w) = N(0, I)` the last two terms
are :math:`KL(q(w|x) \| N(0, I))`. Trained on this bound, a decoder this strong does not need a
latent, and the encoder learns little. So there are two stages. By default the first one trains the
encoder on a denoising loss in x (`DiffusionAutoencoder.representation_loss`), in which high noise
levels, where only the latent can help, weigh more. In the second one the encoder is frozen, and
decoder and prior learn the bound (`DiffusionAutoencoder.distribution_loss`).

Source: Gonzalez, Garcia Cerdas, Chu and Kulicki, *Representation learning with variational
diffusion models*; Kingma, Salimans, Poole and Ho, *Variational diffusion models*, NeurIPS 2021.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from skgen.papers._module import GenerativeModule
from skgen.papers.correction_shrinkage import shrinkage_draws
from skgen.papers.gaussian_diffusion import GaussianDiffusion, Noise, Predictor
from skgen.papers.representation import in_parts
from skgen.processes.gaussian import normal_entropy, normal_kl
from skgen.processes.schedules import alpha_sigma

# Contexts of the decoder.
WITH_LATENT, ALONE = 0, 1


def _log_variance(raw: Tensor) -> Tensor:
    """Bound a log-variance smoothly: not much wider than the prior, and never a point."""
    return -5.0 + 6.0 * torch.tanh((raw + 3.0) / 6.0)


def principal_components(rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the variance of rows along their first k principal axes, and the axes, in float64."""
    rows = rows.double()
    _, size, axes = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
    return (size[:k].square() / len(rows)).clamp(min=1e-12), axes[:k]


def start_at_principal_components(
    layer: nn.Linear, rows: Tensor, variance: Tensor, axes: Tensor, weight: float
) -> None:
    """Set an encoder's linear map so that its latents are the principal components of rows.

    This is the best linear map for half the squared error plus the KL times the weight: for a
    component of variance V, the posterior of its latent has the variance weight / V.
    """
    k = layer.out_features // 2
    left = torch.ones(k, dtype=torch.float64)
    kept = (weight / variance).clamp(1e-4, 1.0)
    left[: len(kept)] = kept
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[: len(kept)] = (axes * torch.sqrt((1 - kept) / variance)[:, None]).to(
            layer.weight
        )
        layer.bias[:k] = -(layer.weight[:k] @ rows.mean(0).to(layer.weight))
        # `_log_variance` maps this to the logarithm of the variance.
        layer.bias[k:] = (6.0 * torch.atanh((left.log() + 5.0) / 6.0) - 3.0).to(layer.bias)


def maximum_mean_discrepancy(w: Tensor, reference: Tensor) -> Tensor:
    """Return the biased squared MMD of two equal batches, inverse multiquadratic kernels."""
    n, k = w.shape
    both = torch.cat([w, reference])
    distance = torch.cdist(both, both).square()
    kernels = [2 * k * c / (2 * k * c + distance) for c in (0.25, 1.0, 4.0)]
    kernel = torch.stack(kernels).mean(0)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


class DiffusionAutoencoder(GenerativeModule):
    """Encoder, decoder and prior of the paper, on scaled rows."""

    levels: Tensor | None
    encoder: nn.Module
    decoder: GaussianDiffusion
    prior: GaussianDiffusion | None
    head: nn.Module | None

    def __init__(
        self,
        parts: Mapping[str, nn.Module | None],
        n_components: int,
        *,
        kl_weight: float,
        mmd_weight: float,
        encoder_noise: float,
        view_noise: float,
        latent_dropout: float,
        latent_gamma: float,
        **options: Any,
    ):
        super().__init__(parts, **options)
        self.n_components = n_components
        self.kl_weight, self.mmd_weight = kl_weight, mmd_weight
        self.encoder_noise, self.view_noise = encoder_noise, view_noise
        self.latent_dropout, self.latent_gamma = latent_dropout, latent_gamma
        self.register_buffer("levels", None)

    # Contexts: what the networks are given besides their rows.

    @staticmethod
    def _decoder_context(w: Tensor, c: Tensor, keep: Tensor | None = None) -> Tensor:
        """Join the latent, whether there is one, and the embedded condition."""
        keep = w.new_ones(len(w), 1) if keep is None else keep
        return torch.cat([w * keep, keep, c], -1)

    # The approximate posterior.

    def posterior(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and log-variance of q(w|x), each (n, n_components)."""
        mean, log_var = self.encoder(x, c).chunk(2, -1)
        return mean, _log_variance(log_var)

    def _draw(self, noise: Noise, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_var = self.posterior(x, c)
        return mean + torch.exp(0.5 * log_var) * noise.normal(mean), mean, log_var

    # Losses: a number for each row.

    def representation_loss(
        self, noise: Noise, x: Tensor, condition: Tensor | None = None
    ) -> Tensor:
        r"""Denoise x given w, which is drawn given a noisy copy of x; the loss of the first stage.

        With :math:`\hat x` the decoder's denoised row, h a small network, on tables only, that
        predicts x from w alone, :math:`\beta` the ``kl_weight`` and d the number of columns,

        .. math::

            \tfrac12 |x - \hat x(z_t, w)|^2 + \tfrac14 |x - h(w)|^2
                + \frac{\beta}{d} KL\big(q(w|x) \| N(0, I)\big) .

        The second term makes latents that are simple to use as features. Of images it would keep
        only large shapes, as principal components do. With ``mmd_weight``, the discrepancy of the
        batch's latents from N(0, I) is added.
        """
        c = self._embed(x, condition, noise)
        noisy = x + self.encoder_noise * noise.normal(x)
        w, mean, log_var = self._draw(noise, noisy, c)
        loss = self.decoder.denoising_loss(noise, x, self._decoder_context(w, c))
        if self.head is not None:
            axes = self.decoder.axes
            error = axes.to_axes(x) - axes.scale * self.head(w, c)
            loss = loss + 0.25 * error.square().sum(-1)
        loss = loss + self.kl_weight / x.shape[1] * normal_kl(mean, log_var)
        if self.mmd_weight > 0:
            loss = loss + self.mmd_weight * maximum_mean_discrepancy(w, noise.normal(w))
        return loss

    def bound(self, noise: Noise, x: Tensor, condition: Tensor | None = None) -> Tensor:
        r"""Return an estimate of the bound on -log p(x) with p(w) = N(0, I), in nats.

        It is :math:`L_{x|w} + KL(q(w|x) \| N(0, I))`, with w drawn from q(w|x).
        """
        c = self._embed_to_learn(noise, x, condition)
        w, mean, log_var = self._draw(noise, x, c)
        context = self._decoder_context(w, c)
        loss = self.decoder.bound(noise, x, context, self.levels, WITH_LATENT)
        return loss + normal_kl(mean, log_var)

    def distribution_loss(self, noise: Noise, x: Tensor, condition: Tensor | None = None) -> Tensor:
        r"""Learn p(x|w) and p(w) with the encoder frozen; the loss of the second stage.

        It is :math:`\tilde L_{x|w} + \tilde L_w`, each :math:`\tilde L` a bound in which low noise
        levels weigh less: `GaussianDiffusion.softened_bound`. Latents are those of slightly noisy
        rows, so that the prior does not memorise the training rows. For a share of the rows the
        decoder gets no latent: so the same network learns the distribution of x alone, which
        `impute` draws from.
        """
        c = self._embed_to_learn(noise, x, condition)
        w, _, _ = self._draw(noise, x + self.view_noise * noise.normal(x), c)
        w = w.detach()
        keep = (noise.uniform(x) >= self.latent_dropout).to(x.dtype)[:, None]
        loss = self.decoder.softened_bound(noise, x, self._decoder_context(w, c, keep))
        return loss if self.prior is None else loss + self.prior.softened_bound(noise, w, c)

    def fit_shrinkage(
        self, noise: Noise, shape: Any, x: Tensor, condition: Tensor | None = None
    ) -> None:
        """Learn from held-out rows how much of the network completions and scores use."""
        c = self._embed(x, condition)
        mean, log_var = self._posteriors(x, condition)
        latents = []
        for n in shrinkage_draws(x, shape):
            w, spread = mean.repeat(n, 1), torch.exp(0.5 * log_var).repeat(n, 1)
            latents.append((n, w + spread * noise.normal(w)))
        for kind in (ALONE, WITH_LATENT):
            keep = x.new_full((len(x), 1), float(kind == WITH_LATENT))
            draws = (
                (x.repeat(n, 1), self._decoder_context(w, c.repeat(n, 1), keep.repeat(n, 1)))
                for n, w in latents
            )
            self.decoder.fit_shrinkage(noise, draws, kind)

    def likelihood(
        self, x: Tensor, condition: Tensor | None, **_: Any
    ) -> Callable[[Noise], Tensor]:
        """Return an estimate of the whole bound on log p(x), as a function of the noise."""
        prior, c = self.prior, self._embed(x, condition)
        if prior is None:
            return lambda noise: -self.bound(noise, x, condition)

        def bound(noise: Noise) -> Tensor:
            w, _, log_var = self._draw(noise, x, c)
            context = self._decoder_context(w, c)
            loss = self.decoder.bound(noise, x, context, self.levels, WITH_LATENT)
            return -(loss + prior.bound(noise, w, c) - normal_entropy(log_var))

        return bound

    # What the estimator calls.

    def _posteriors(self, x: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the posterior of many rows, without gradients, some at a time."""

        def posterior(part: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor]:
            return self.posterior(part, self._embed(part, given))

        mean, log_var = zip(*in_parts(posterior, x, condition), strict=True)
        return torch.cat(mean), torch.cat(log_var)

    def fit_prior_axes(self, x: Tensor, condition: Tensor | None = None) -> None:
        """Set the axes of the prior to the principal axes of the latents of x."""
        assert self.prior is not None
        mean, log_var = self._posteriors(x, condition)
        self.prior.axes.fit(mean, log_var.exp().mean(0).double())

    def latent_kl(self, x: Tensor, condition: Tensor | None = None) -> float:
        """Return the mean KL from N(0, I) of the posterior, in nats."""
        return float(normal_kl(*self._posteriors(x, condition)).mean())

    def encode(self, x: Tensor, condition: Tensor | None, **_: Any) -> Tensor:
        """Return the posterior mean."""
        return self.posterior(x, self._embed(x, condition))[0]

    def decode(self, w: Tensor, condition: Tensor | None, *, n_steps: int, **_: Any) -> Tensor:
        """Follow the probability flow given w, starting from zeros in the place of noise."""
        context = self._decoder_context(w, self._embed(w, condition))
        z = w.new_zeros(len(w), len(self.decoder.axes.mean))
        return self.decoder.run(None, z, self._predictor(self.decoder, context), "ddim", n_steps)

    @staticmethod
    def _predictor(
        part: GaussianDiffusion,
        context: Tensor,
        unconditioned: Tensor | None = None,
        guidance_scale: float = 0.0,
        guide: Any = None,
        to_data: Any = None,
    ) -> Predictor:
        def predict(z: Tensor, gamma: Tensor) -> Tensor:
            epsilon_hat = part.predict(z, gamma, context)[0]
            if unconditioned is not None:
                other = part.predict(z, gamma, unconditioned)[0]
                epsilon_hat = epsilon_hat + guidance_scale * (epsilon_hat - other)
            return epsilon_hat

        def guided(z: Tensor, gamma: Tensor) -> Tensor:
            alpha, sigma = (column[:, None] for column in alpha_sigma(gamma))
            with torch.enable_grad():
                z = z.detach().requires_grad_()
                epsilon_hat = predict(z, gamma)
                x_hat = part.axes.from_axes((z - sigma * epsilon_hat) / alpha)
                (gradient,) = torch.autograd.grad(guide(to_data(x_hat)).sum(), z)
            return (epsilon_hat - sigma * gradient).detach()

        return predict if guide is None else guided

    def sample(
        self,
        noise: Noise,
        n: int,
        condition: Tensor | None,
        *,
        sampler: str,
        n_steps: int,
        guidance_scale: float = 0.0,
        guide: Any = None,
        to_data: Any = None,
        **_: Any,
    ) -> Tensor:
        """Draw w from the prior, then x given w; below ``latent_gamma``, x without w.

        Where little noise is left, the noisy row itself predicts the clean one better than a latent
        that was drawn from a learnt prior. If both denoisers were exact, drawn rows would have the
        same distribution with either.
        """
        like = self.decoder.axes.mean
        w = noise.normal(like.new_empty(n, self.n_components))
        c = self._embed(w, condition)
        guided = guidance_scale > 0
        c_0 = self._embed(w, None) if guided else None
        if self.prior is not None:
            of_latents = self._predictor(self.prior, c, c_0, guidance_scale)
            w = self.prior.run(noise, w, of_latents, sampler, n_steps)

        def decoding(keep: Tensor) -> Predictor:
            context = self._decoder_context(w, c, keep)
            context_0 = None if c_0 is None else self._decoder_context(w, c_0, keep)
            return self._predictor(self.decoder, context, context_0, guidance_scale, guide, to_data)

        with_latent, without = (decoding(w.new_full((n, 1), keep)) for keep in (1.0, 0.0))

        def predictor(z: Tensor, gamma: Tensor) -> Tensor:
            return (with_latent if gamma[0] > self.latent_gamma else without)(z, gamma)

        z = noise.normal(like.new_empty(n, len(like)))
        return self.decoder.run(noise, z, predictor, sampler, n_steps)

    def impute(
        self,
        noise: Noise,
        x: Tensor,
        observed: Tensor,
        condition: Tensor | None,
        *,
        n_steps: int,
        **_: Any,
    ) -> Tensor:
        """Draw the missing entries by the decoder without a latent: the distribution of x alone.

        `skgen.papers.completion.complete` does the work.
        """
        w = x.new_zeros(len(x), self.n_components)
        context = self._decoder_context(w, self._embed(x, condition), w[:, :1])
        return self.decoder.complete(noise, x, observed, context, n_steps, ALONE)
