r"""A variational autoencoder whose decoder, and whose prior, are diffusion models.

An encoder gives :math:`q(w|x) = N(\mu(x), \operatorname{diag} s^2(x))`, a diffusion model given w
is the decoder :math:`p(x|w)`, and a second one over the latents is the prior :math:`p(w)`:

.. math::

    -\log p(x) \le E_{q(w|x)}\big[ L_{x|w} + L_w \big] - H\big(q(w|x)\big),

each L the bound of :mod:`skgen.processes.gaussian`; with :math:`p(w) = N(0, I)` the last two terms
are :math:`KL(q(w|x) \| N(0, I))`. A decoder this strong is content without a latent, so the
default objective learns the encoder from a denoising loss in x, which weighs the noisy end where
only the latent can help, and then holds it while decoder and prior learn the exact bound.

Source: Gonzalez, Garcia Cerdas, Chu and Kulicki, *Representation learning with variational
diffusion models*; Kingma, Salimans, Poole and Ho, *Variational diffusion models*, NeurIPS 2021.
"""

import math
import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from skgen._compat import Interval, StrOptions
from skgen.base import FEW_ROWS, BaseGenerativeModel, LatentMixin, LikelihoodMixin, Stage
from skgen.data.row_map import Data
from skgen.networks.conv import ConvEncoder, UNet
from skgen.networks.embeddings import ConditionEmbedding, embed
from skgen.networks.mlp import ResidualMLP, SkipMLP, correction, initialize
from skgen.papers.gaussian_diffusion import (
    NOISE_FEATURES,
    GaussianDiffusion,
    Noise,
    Predictor,
)
from skgen.papers.principal_axes import PrincipalAxes
from skgen.papers.representation import in_parts, input_noise
from skgen.papers.trust import trust_draws
from skgen.processes.gaussian import normal_entropy, normal_kl
from skgen.processes.schedules import SCHEDULES, alpha_sigma

GAMMA_0, GAMMA_1 = -10.0, 7.0
LATENT_GAMMA_0 = -14.0
LATENT_SOFT_GAMMA = -8.0
CONDITION_FEATURES = 32
DECODING_WEIGHT = 0.5
# Few rows would be learnt by heart: so many passes over them at most, in the code's stage and in
# the law's.
CODE_PASSES, LAW_PASSES = 300, 600
# Share of the decoder's rows that go without a latent. On tables whose encoder is trained for
# features they are more, the law's stage takes longer, and rows are drawn with the latent down to
# this level of noise, and without it below: what is left is better told by the row itself.
LATENT_DROPOUT, TABLE_DROPOUT = 0.25, 0.5
TABLE_GAMMA, TABLE_EFFORT = 0.0, 1.5
LOOK_SHARE = 0.5
EMPTY_LATENT = 0.05
# Contexts of the decoder.
WITH_LATENT, ALONE = 0, 1
SCORE_DRAWS = 64
MMD_SCALES = (0.25, 1.0, 4.0)
# Of the variance along the first principal axis: less is rounding.
SMALLEST_TOLD = 1e-6


def _shape_of(value: Any) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    gradient = "" if value.requires_grad else ", which has no gradient"
    return f"a tensor of shape {tuple(value.shape)}{gradient}"


def _log_variance(raw: Tensor) -> Tensor:
    """Bound a log-variance smoothly: neither wider than the prior by much, nor a point."""
    return -5.0 + 6.0 * torch.tanh((raw + 3.0) / 6.0)


def _principal_components(rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the variance of rows along their first k principal axes, and the axes, in float64."""
    rows = rows.double()
    _, size, axes = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
    return (size[:k].square() / len(rows)).clamp(min=1e-12), axes[:k]


def _start_at_principal_components(
    layer: nn.Linear, rows: Tensor, variance: Tensor, axes: Tensor, weight: float
) -> None:
    """Give an encoder's linear map the posterior of the principal components of rows.

    It is the best linear one where half the squared error is balanced by the KL times the weight:
    of a component of variance V, the latent's posterior keeps a share weight / V of the prior's.
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
        # What `_log_variance` makes the logarithm of.
        layer.bias[k:] = (6.0 * torch.atanh((left.log() + 5.0) / 6.0) - 3.0).to(layer.bias)


def _maximum_mean_discrepancy(w: Tensor, reference: Tensor) -> Tensor:
    """Return the biased squared MMD of two equal batches, inverse multiquadratic kernels."""
    n, k = w.shape
    both = torch.cat([w, reference])
    distance = torch.cdist(both, both).square()
    kernels = [2 * k * c / (2 * k * c + distance) for c in MMD_SCALES]
    kernel = torch.stack(kernels).mean(0)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


class _VariationalDiffusionAE(nn.Module):
    """Encoder, decoder and prior of the paper, on scaled rows."""

    levels: Tensor | None
    decoder: GaussianDiffusion
    prior: GaussianDiffusion | None
    head: nn.Module | None
    embedding: ConditionEmbedding | None

    def __init__(
        self,
        encoder: nn.Module,
        decoder: GaussianDiffusion,
        prior: GaussianDiffusion | None,
        head: nn.Module | None,
        embedding: ConditionEmbedding | None,
        n_components: int,
        *,
        block_size: int,
        kl_weight: float,
        mmd_weight: float,
        encoder_noise: float,
        look_noise: float,
        latent_dropout: float,
        latent_gamma: float,
        condition_dropout: float,
        levels: Tensor | None,
    ):
        super().__init__()
        self.encoder, self.decoder, self.prior = encoder, decoder, prior
        self.head, self.embedding = head, embedding
        self.n_components, self.block_size = n_components, block_size
        self.kl_weight, self.mmd_weight = kl_weight, mmd_weight
        self.encoder_noise, self.look_noise = encoder_noise, look_noise
        self.latent_dropout, self.latent_gamma = latent_dropout, latent_gamma
        self.condition_dropout = condition_dropout
        self.register_buffer("levels", levels)
        self.settled = False
        self.score_draws = SCORE_DRAWS

    # Contexts: what the networks are given besides their rows.

    def _embed(self, rows: Tensor, condition: Tensor | None, noise: Noise | None = None) -> Tensor:
        """Embed a condition, dropped at random when noise is given; (n, 0) for no condition."""
        return embed(self.embedding, rows, condition, self.condition_dropout, noise)

    @staticmethod
    def _decoder_context(w: Tensor, c: Tensor, keep: Tensor | None = None) -> Tensor:
        """Join the latent, whether it is there, and the embedded condition."""
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

    # Losses, a value a row.

    def representation_loss(
        self, noise: Noise, x: Tensor, condition: Tensor | None = None
    ) -> Tensor:
        """Denoise x with the help of w, drawn from a noisy look at x; a light hand on w's law.

        On tables a small network tells x from w alone, too: what is simple to read from a latent
        is simple to use as a feature. Of an image it would tell the large shapes, as principal
        components do, and w with it.
        """
        c = self._embed(x, condition, noise)
        noisy = x + self.encoder_noise * noise.normal(x)
        w, mean, log_var = self._draw(noise, noisy, c)
        loss = self.decoder.denoising_loss(noise, x, self._decoder_context(w, c))
        if self.head is not None:
            axes = self.decoder.axes
            error = axes.to_axes(x) - axes.scale * self.head(w, c)
            loss = loss + DECODING_WEIGHT * 0.5 * error.square().sum(-1)
        loss = loss + self.kl_weight / x.shape[1] * normal_kl(mean, log_var)
        if self.mmd_weight > 0:
            loss = loss + self.mmd_weight * _maximum_mean_discrepancy(w, noise.normal(w))
        return loss

    def bound(self, noise: Noise, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return an estimate of the bound on -log p(x) with p(w) = N(0, I), in nats."""
        c = self._embed(x, condition, noise if self.training else None)
        w, mean, log_var = self._draw(noise, x, c)
        context = self._decoder_context(w, c)
        loss = self.decoder.bound(noise, x, context, self.levels, WITH_LATENT)
        return loss + normal_kl(mean, log_var)

    def law_loss(self, noise: Noise, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Learn p(x|w) and p(w) with the encoder held, each by its softened bound.

        Latents are of a slightly noisy look at x, so that the prior does not learn the training
        rows by heart. A share of the decoder's rows goes without the latent: the same network
        learns the law of x alone, which `impute` draws from.
        """
        c = self._embed(x, condition, noise if self.training else None)
        w, _, _ = self._draw(noise, x + self.look_noise * noise.normal(x), c)
        w = w.detach()
        keep = (noise.uniform(x) >= self.latent_dropout).to(x.dtype)[:, None]
        loss = self.decoder.softened_bound(noise, x, self._decoder_context(w, c, keep))
        return loss if self.prior is None else loss + self.prior.softened_bound(noise, w, c)

    def learn_trust(
        self, noise: Noise, shape: Any, x: Tensor, condition: Tensor | None = None
    ) -> None:
        """Learn from rows held out how far completions and scores are to follow the decoder."""
        c = self._embed(x, condition)
        mean, log_var = self._posteriors(x, condition)
        latents = []
        for n in trust_draws(x, shape):
            w, spread = mean.repeat(n, 1), torch.exp(0.5 * log_var).repeat(n, 1)
            latents.append((n, w + spread * noise.normal(w)))
        for kind in (ALONE, WITH_LATENT):
            keep = x.new_full((len(x), 1), float(kind == WITH_LATENT))
            draws = (
                (x.repeat(n, 1), self._decoder_context(w, c.repeat(n, 1), keep.repeat(n, 1)))
                for n, w in latents
            )
            self.decoder.learn_trust(noise, draws, kind)

    def negative_log_likelihood(
        self, noise: Noise, x: Tensor, condition: Tensor | None, **options: Any
    ) -> Tensor:
        """Return the bound with nothing left out: what `score` reports."""
        if self.prior is None:
            return self.bound(noise, x, condition)
        c = self._embed(x, condition)
        w, _, log_var = self._draw(noise, x, c)
        context = self._decoder_context(w, c)
        loss = self.decoder.bound(noise, x, context, self.levels, WITH_LATENT)
        return loss + self.prior.bound(noise, w, c) - normal_entropy(log_var)

    # What the estimator calls.

    def _posteriors(self, x: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the posterior of many rows, without gradients, some at a time."""

        def posterior(part: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor]:
            return self.posterior(part, self._embed(part, given))

        mean, log_var = zip(*in_parts(posterior, x, condition), strict=True)
        return torch.cat(mean), torch.cat(log_var)

    def fit_prior_axes(self, x: Tensor, condition: Tensor | None = None) -> None:
        """Turn the prior to the principal axes of the latents of x."""
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
        """Follow the probability flow given w, from the centre of the noise."""
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
        """Draw w from the prior, then x given w; its last part, if so trained, given itself.

        Where little noise is left, a row tells what it still needs better than a latent whose law
        is itself learnt; either denoiser, exact, leaves the law of the noisy rows as it is.
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
        """Draw what is not observed from the decoder without a latent: the law of x alone."""
        w = x.new_zeros(len(x), self.n_components)
        context = self._decoder_context(w, self._embed(x, condition), w[:, :1])
        return self.decoder.complete(noise, x, observed, context, n_steps, ALONE)


class VariationalDiffusionAE(LatentMixin, LikelihoodMixin, BaseGenerativeModel):
    """Variational autoencoder with a diffusion decoder and a diffusion prior.

    Learns features (`transform`), draws new rows (`sample`), scores rows by a lower bound of their
    log-likelihood (`score_samples`) and fills in missing entries (`impute`).

    Parameters
    ----------
    n_components : int, default=16
        Number of latent features.
    objective : {"representation", "likelihood"}, default="representation"
        What the encoder is trained for: features that carry the data, or the tightest bound,
        which may leave the latent empty.
    prior : {"diffusion", "normal"}, default="diffusion"
        The law of the latents: learnt, or N(0, I).
    prediction : {"v", "epsilon", "x", "score"}, default="v"
        What the denoising network predicts.
    schedule : {"linear", "cosine", "learned"}, default="linear"
        How the log signal-to-noise ratio falls with time.
    n_timesteps : int, default=None
        Steps of the bound; None is continuous time.
    likelihood : {"gaussian", "discrete"}, default="gaussian"
        Whether X is real-valued, scored by a density, or on a grid of levels, scored by a
        probability and sampled on the grid.
    levels : array-like of shape (n_levels,), default=None
        The grid of discrete data; None takes the values that each column has in `fit`. Rows to be
        scored may have further levels, see Notes.
    sampler : {"heun", "ddim", "ancestral", "predictor-corrector"}, default="heun"
        How `sample` runs the diffusion: the probability flow at second or first order, or the
        stochastic reverse process, plain or with a Langevin step after each step.
    n_steps : int, default=40
        Steps of the sampler.
    kl_weight : float, default=0.12
        Weight of the KL of the posterior from N(0, I), divided by the number of columns, beside
        half the squared error of the scaled row, denoised with the latent, and a quarter of that
        told from the latent alone, for ``objective="representation"``.
    mmd_weight : float, default=0.0
        Weight of the maximum mean discrepancy of the latents from N(0, I), likewise.
    encoder_noise : float, default=0.33
        Standard deviation of the noise on the encoder's input in training, as a share of that of
        the data along their first principal axis, and at most that of a column; on tables of up to
        128 rows along the last axis that the latents tell to begin with. Likewise. Noise makes
        neighbours share their code.
    scaling : {"auto", "quantile", "standard", "common"}, default="auto"
        How columns are scaled: by a map of their quantiles to normal ones, by their standard
        deviation, or all by one. ``"auto"`` takes one scale for images and for tables whose
        columns can be of one unit: they share a small grid of values, or their deviations are
        within a factor of five and none is skewed, has heavy tails or repeats values. Otherwise it
        maps the quantiles of the columns that are or do, and standardises the rest. Beside others,
        columns of two values, such as the codes of categories, are left out of this, and their
        values set 4 apart.
    input_shape : tuple, default=None
        Layout of a row, (channels, height, width) or (length, channels), for convolutional
        networks.
    hidden_units : int, default=None
        Units of a hidden layer on tables. None takes 64 for up to 128 rows and 128 for more.
    max_steps : int, default=None
        Gradient steps of each of the two stages. None takes 60, and 4 more for each row beyond
        100, up to 3,000: in the first stage at most 300 passes over the rows, in the second at most
        600, and on tables with ``objective="representation"`` half as many steps again.
    batch_size : int, default=128
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
        Whether to show a progress bar, and to print the KL of the latent at the end. ``"auto"``
        shows a bar on a terminal or in a notebook while a fit takes more than three seconds, and
        prints nothing.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random.

    Attributes
    ----------
    module_ : torch.nn.Module
        The fitted networks.
    nets_ : list of skorch.NeuralNet
        The net of each training stage; not kept by pickling.
    history_ : list of dict
        One row an evaluation: stage, step, losses, seconds.
    latent_kl_ : float
        Mean KL of the posterior from N(0, I), in nats; near 0, the latent is empty.
    n_steps_ : int
        Gradient steps taken by the last fit.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them.

    Notes
    -----
    A level that a column has in no row of `fit` has a small probability. Of n rows, each column
    keeps ``1 / (n + 1)`` of its probability for such levels: for up to 256 of them nearest to
    each level of `fit`, of whose probability they take their shares. So the probabilities of
    all levels sum to one at most. A new level of discrete data is encoded as the nearest one of
    `fit`; none is ever drawn. With ``levels`` given, discrete data have no others.

    References
    ----------
    Gonzalez, Garcia Cerdas, Chu and Kulicki, "Representation learning with variational diffusion
    models".

    Kingma, Salimans, Poole and Ho, "Variational diffusion models", NeurIPS 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgen import VariationalDiffusionAE
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = VariationalDiffusionAE(n_components=2, random_state=0).fit(X)
    >>> model.sample(5).shape
    (5, 4)
    >>> model.transform(X).shape
    (150, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseGenerativeModel._parameter_constraints,
        "hidden_units": [Interval(Integral, 1, None, closed="left"), None],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "objective": [StrOptions({"representation", "likelihood"})],
        "prior": [StrOptions({"diffusion", "normal"})],
        "prediction": [StrOptions({"v", "epsilon", "x", "score"})],
        "schedule": [StrOptions(set(SCHEDULES))],
        "n_timesteps": [Interval(Integral, 1, None, closed="left"), None],
        "likelihood": [StrOptions({"gaussian", "discrete"})],
        "levels": ["array-like", None],
        "sampler": [StrOptions({"heun", "ddim", "ancestral", "predictor-corrector"})],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "kl_weight": [Interval(Real, 0, None, closed="left")],
        "mmd_weight": [Interval(Real, 0, None, closed="left")],
        "encoder_noise": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=16,
        *,
        objective="representation",
        prior="diffusion",
        prediction="v",
        schedule="linear",
        n_timesteps=None,
        likelihood="gaussian",
        levels=None,
        sampler="heun",
        n_steps=40,
        kl_weight=0.12,
        mmd_weight=0.0,
        encoder_noise=0.33,
        scaling="auto",
        input_shape=None,
        hidden_units=None,
        max_steps=None,
        batch_size=128,
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
        self.n_components = n_components
        self.objective = objective
        self.prior = prior
        self.prediction = prediction
        self.schedule = schedule
        self.n_timesteps = n_timesteps
        self.likelihood = likelihood
        self.levels = levels
        self.sampler = sampler
        self.n_steps = n_steps
        self.kl_weight = kl_weight
        self.mmd_weight = mmd_weight
        self.encoder_noise = encoder_noise
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

    @property
    def _n_features_out(self) -> int:
        return self.module_.n_components

    def sample(
        self,
        n_samples=1,
        *,
        condition=None,
        guidance_scale=0.0,
        n_steps=None,
        random_state=None,
        guide=None,
    ):
        """Draw new rows: a latent from the prior, then a row given the latent.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        condition : scalar or array-like of shape (n_samples,) or (n_samples, n_columns)
            What to condition on; a scalar serves all rows. None draws without a condition.
        guidance_scale : float, default=0.0
            Classifier-free guidance: predictions move this many times the difference that the
            condition makes beyond the conditional ones. 0 draws from the conditional law; more
            makes rows easier to tell from those of other conditions, and moves their means.
        n_steps : int, default=None
            Number of sampling steps; None takes the constructor's.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the constructor's. A seed gives the same rows, whatever the
            number drawn with it: ``sample(10)`` is the head of ``sample(1000)``.
        guide : callable, default=None
            ``guide(x)`` takes a float64 tensor of shape (n, n_features), denoised rows in the
            units of X, and returns a tensor (n,) of log p(c | x), differentiable by torch: rows
            are drawn towards where it is high. Exact when it is linear in x and X is Gaussian.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features)
            New rows, in the units of the training data.
        """
        options = {}
        if guide is not None:
            if not callable(guide):
                raise ValueError(f"guide must be callable, got {guide!r}.")

            def to_data(rows):
                return self.row_map_.scaler.inverse(rows.double())

            def told(X):
                value = guide(X)
                if (
                    not isinstance(value, Tensor)
                    or value.shape != (len(X),)
                    or not value.requires_grad
                ):
                    raise ValueError(
                        "guide must return a tensor of shape (n,), computed from its rows by "
                        f"torch; for {len(X)} rows it returned {_shape_of(value)}."
                    )
                return value

            options = {"guide": told, "to_data": to_data}
        return self._sample(n_samples, condition, guidance_scale, n_steps, random_state, **options)

    def interpolate(self, A, B, n=10, *, condition=None):
        """Decode the straight lines in the latent space from rows A to rows B.

        Parameters
        ----------
        A, B : array-like of shape (n_pairs, n_features)
            Ends of the lines, in the units of the training data.
        n : int, default=10
            Number of points on each line, the ends included.
        condition : array-like of shape (n_pairs,) or (n_pairs, n_columns), default=None
            The condition of each pair.

        Returns
        -------
        X : ndarray of shape (n_pairs, n, n_features)
            Decoded points.
        """
        if not isinstance(n, Integral) or n < 2:
            raise ValueError(f"n must be an integer of at least 2, got {n!r}.")
        ends = [self._encode_rows(Data(X, condition)) for X in (A, B)]
        if len(ends[0]) != len(ends[1]):
            raise ValueError(f"A and B must pair up, got {len(ends[0])} and {len(ends[1])} rows.")
        share = np.linspace(0, 1, n, dtype=ends[0].dtype)[None, :, None]
        Z = ends[0][:, None] * (1 - share) + ends[1][:, None] * share
        Z = Z.reshape(-1, Z.shape[-1])
        encoded = self.row_map_.encode(condition, len(ends[0]))
        if encoded is not None:
            encoded = encoded.repeat_interleave(n, 0)
        return self._decode_rows(Z, encoded).reshape(len(ends[0]), n, -1)

    def _build_module(self, rows, generator):
        (n, d), n_condition, k = rows.x.shape, rows.n_condition, self.n_components
        c = CONDITION_FEATURES if n_condition else 0
        levels, gamma_0 = self.row_map_.scaled_levels(), GAMMA_0
        if levels is not None:
            gap = levels.diff(dim=1)
            spacing = float(gap[torch.isfinite(gap)].min()) if torch.isfinite(gap).any() else 1.0
            # An eighth of a level: z_0 tells its own level from the next.
            gamma_0 = float(np.clip(2 * np.log(spacing / 8), -16.0, -4.0))
        # Few rows support, and need, few units, and a prior and a decoder of few layers.
        width, depth = (64, 2) if n <= FEW_ROWS else (128, 3)
        width = self.hidden_units or width
        represent = self.objective == "representation"
        Noise = SCHEDULES[self.schedule]
        with torch.device("meta"):
            if self.input_shape is None:
                Encoder = SkipMLP if n <= FEW_ROWS else ResidualMLP
                encoder = Encoder(d, 2 * k, c, width=width, depth=2)
                denoiser = correction(d, d, NOISE_FEATURES + k + 1 + c, width, depth)
            else:
                shape = tuple(int(side) for side in self.input_shape)
                encoder = ConvEncoder(shape, 2 * k, c)
                denoiser = UNet(shape, NOISE_FEATURES + k + 1 + c)
            decoder = GaussianDiffusion(
                denoiser,
                PrincipalAxes(d, self.input_shape is None and self.likelihood == "gaussian"),
                Noise(gamma_0, GAMMA_1),
                self.prediction,
                self.n_timesteps,
                n_kinds=2,
            )
            prior = None
            if self.prior == "diffusion":
                prior = GaussianDiffusion(
                    correction(k, k, NOISE_FEATURES + c, width, depth),
                    PrincipalAxes(k, True),
                    Noise(LATENT_GAMMA_0, GAMMA_1),
                    self.prediction,
                    self.n_timesteps,
                    LATENT_SOFT_GAMMA,
                )
            embedding = ConditionEmbedding(n_condition, c) if n_condition else None
            head = None
            if represent and self.input_shape is None:
                head = ResidualMLP(k, d, c, width=width, depth=0, zero_output=True)
        encoder_noise = input_noise(rows.x, float(self.encoder_noise))
        if isinstance(encoder, SkipMLP):
            # It has the components already: enough noise for the last that it begins to tell.
            variance, axes = _principal_components(rows.x, k)
            weight = float(self.kl_weight) / d
            told = variance[variance > max(weight, SMALLEST_TOLD * float(variance[0]))]
            if len(told):
                encoder_noise = min(encoder_noise, float(self.encoder_noise * told[-1].sqrt()))
        # An encoder that has learnt the bound has not seen noisy rows.
        looks = LOOK_SHARE if represent else 0.0
        both = self._draws_without_latent()
        module = _VariationalDiffusionAE(
            encoder,
            decoder,
            prior,
            head,
            embedding,
            k,
            block_size=256 if self.input_shape is None else 64,
            kl_weight=float(self.kl_weight),
            mmd_weight=float(self.mmd_weight),
            encoder_noise=encoder_noise,
            look_noise=looks * encoder_noise,
            latent_dropout=TABLE_DROPOUT if both else LATENT_DROPOUT,
            latent_gamma=TABLE_GAMMA if both else -math.inf,
            condition_dropout=float(self.condition_dropout),
            levels=None,
        )
        initialize(module, generator)
        decoder.axes.fit(rows.x)
        if isinstance(encoder, SkipMLP):
            _start_at_principal_components(encoder.linear, rows.x, variance, axes, weight)
        if levels is not None:
            module.levels = levels.float() - decoder.axes.mean[:, None]
        return module

    def _draws_without_latent(self):
        """Whether rows are drawn without the latent where little noise is left."""
        # Where the bound is the aim, and for images, which take long, the latent comes first.
        return self.objective == "representation" and self.input_shape is None

    def _stages(self, module, train, valid, noise):
        encoder = [*module.encoder.parameters(), *self._parameters_of(module.embedding)]
        decoder = self._parameters_of(module.decoder)
        prior = self._parameters_of(module.prior)
        code_effort = law_effort = 1.0
        if self.max_steps is None and valid is not None:
            n = len(train["x"])
            passes = self._n_stage_steps(n) * min(self.batch_size, n) / n
            code_effort = min(1.0, CODE_PASSES / passes)
            law_effort = TABLE_EFFORT if self._draws_without_latent() else 1.0
            law_effort = min(law_effort, LAW_PASSES / passes)
        module.decoder.trust.reset()
        if not module.settled:
            # Later pieces of data keep the code: were the encoder to drift with each of them,
            # decoder and prior would have to learn its language anew.
            represent = self.objective == "representation"
            loss = module.representation_loss if represent else module.bound
            learnt = encoder + decoder + self._parameters_of(module.head)
            code = self._stage("code", loss, module, learnt, train, valid, code_effort)
            interrupted = yield code
            if module.prior is not None:
                module.fit_prior_axes(**train)
            module.settled = not interrupted
        learnt = decoder + prior
        law = self._stage("law", module.law_loss, module, learnt, train, valid, law_effort)
        interrupted = yield law
        if valid is not None and not interrupted:
            module.learn_trust(noise, self.input_shape, **valid)

    def _stage(self, name, loss, module, parameters, train, valid, effort):
        return Stage(
            name,
            loss,
            module,
            parameters,
            train,
            valid,
            effort,
            diagnose=lambda: {"latent_kl": module.latent_kl(**train)},
        )

    def _finish_fit(self):
        self.latent_kl_ = self.history_[-1]["latent_kl"]
        if self.verbose and self.verbose != "auto":
            print(f"KL of the latent from N(0, I): {self.latent_kl_:.2f} nats")
        if self.latent_kl_ < EMPTY_LATENT and not self.row_map_.scaler.constant.all():
            warnings.warn(
                f"The latent is empty: its KL from N(0, I) is {self.latent_kl_:.3f} nats, so that "
                "transform returns next to nothing about X. The bound is tight without it; "
                "objective='representation' learns features.",
                stacklevel=4,
            )

    def _sampling_options(self) -> dict[str, Any]:
        return {"sampler": self.sampler, "n_steps": self.n_steps}
