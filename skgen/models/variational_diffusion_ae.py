"""VariationalDiffusionAE: an encoder, and diffusions as decoder and prior.

The mathematics is in :mod:`skgen.papers.variational_diffusion_ae`.
"""

import math
import warnings
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from skgen._compat import Interval, StrOptions
from skgen.base import FEW_ROWS, BaseGenerativeModel, LatentMixin, LikelihoodMixin, Stage
from skgen.data.row_map import Data
from skgen.networks.conv import ConvEncoder, UNet
from skgen.networks.mlp import ResidualMLP, SkipMLP, correction, initialize
from skgen.papers._module import condition_embedding
from skgen.papers.gaussian_diffusion import NOISE_FEATURES, GaussianDiffusion
from skgen.papers.principal_axes import PrincipalAxes
from skgen.papers.representation import input_noise
from skgen.papers.variational_diffusion_ae import (
    DiffusionAutoencoder,
    principal_components,
    start_at_principal_components,
)
from skgen.processes.schedules import SCHEDULES

# Up to so many rows of a table, its decoder neglects detail, which they hardly show.
DETAILED_ROWS = 2000


@dataclass(frozen=True)
class Defaults:
    """Tuned numbers, by the size of the data and by what a model is trained for."""

    # Units of a hidden layer, and layers of prior and decoder: few rows support, and need, few.
    width: int
    depth: int
    # Whether a table's encoder has a linear part, which starts at the principal components.
    is_linear: bool
    # Share of the decoder's rows that go without a latent.
    latent_dropout: float = 0.25
    # Rows are drawn with the latent down to this level of noise, and without it below: there the
    # row itself says more.
    latent_gamma: float = -math.inf
    # Steps of the second stage, as a multiple of those of the first.
    distribution_step_factor: float = 1.0
    # The most passes over the rows, in the first stage and in the second: with more, few rows would
    # be overfitted.
    code_passes: int = 300
    distribution_passes: int = 600
    # Noise of the rows whose latents train decoder and prior, as a share of the encoder's noise.
    view_noise: float = 0.5
    # Noise levels, minus the log signal-to-noise ratio: cleanest and noisiest of rows, of latents,
    # and the levels below which the losses of decoder and prior count less.
    gammas: tuple[float, float] = (-10.0, 7.0)
    latent_gammas: tuple[float, float] = (-14.0, 7.0)
    soft_gamma: float = -4.0
    soft_latent_gamma: float = -4.0

    @classmethod
    def for_data(cls, n_rows: int, is_table: bool, represents: bool) -> "Defaults":
        """Return those for so many rows, and for features or, unless it represents, the bound."""
        few = n_rows <= FEW_ROWS
        width, depth = (64, 2) if few else (128, 3)
        if not (represents and is_table):
            # Where the bound is the aim, and for images, which take long, the latent comes first.
            return cls(width, depth, few)
        # What is fine comes last: it would take decoder and prior from what matters, the share of
        # each group of rows. Of latents, what is finer than the decoder reads need not be learnt.
        return cls(
            width,
            depth,
            few,
            latent_dropout=0.5,
            latent_gamma=0.0,
            distribution_step_factor=1.5,
            latent_gammas=cls.gammas,
            soft_gamma=-1.0 if n_rows <= DETAILED_ROWS else -4.0,
            soft_latent_gamma=-1.0,
        )


def _shape_of(value: Any) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    gradient = "" if value.requires_grad else ", which has no gradient"
    return f"a tensor of shape {tuple(value.shape)}{gradient}"


def _cleanest(levels: Tensor | None, usual: float) -> float:
    """Return the noise level of the cleanest rows, of discrete data one that tells their levels."""
    if levels is None:
        return usual
    gap = levels.diff(dim=1)
    spacing = float(gap[torch.isfinite(gap)].min()) if torch.isfinite(gap).any() else 1.0
    # Noise of an eighth of the distance of two levels: z_0 shows which level it had.
    return float(np.clip(2 * np.log(spacing / 8), -16.0, -4.0))


def _networks(model: Any, defaults: Defaults, d: int, c: int) -> tuple[Any, Any, Any]:
    """Return the encoder, the decoder's network, and what predicts a row from its latent alone."""
    k, n_context = model.n_components, NOISE_FEATURES + model.n_components + 1 + c
    if model.input_shape is not None:
        shape = tuple(int(side) for side in model.input_shape)
        return ConvEncoder(shape, 2 * k, c), UNet(shape, n_context), None
    Encoder = SkipMLP if defaults.is_linear else ResidualMLP
    width, depth = model.hidden_units or defaults.width, defaults.depth
    encoder = Encoder(d, 2 * k, c, width=width, depth=2)
    denoiser, head = correction(d, d, n_context, width, depth), None
    if model._represents:
        head = ResidualMLP(k, d, c, width=width, depth=0, zero_output=True)
    return encoder, denoiser, head


def _diffusions(
    model: Any,
    defaults: Defaults,
    denoiser: nn.Module,
    n: int,
    d: int,
    c: int,
    levels: Tensor | None,
) -> tuple[GaussianDiffusion, GaussianDiffusion | None]:
    """Return the decoder and the prior, None for one that is normal."""
    Noise, k = SCHEDULES[model.schedule], model.n_components
    axes = PrincipalAxes(d, model.input_shape is None and levels is None, n)
    cleanest, noisiest = defaults.gammas
    schedule = Noise(_cleanest(levels, cleanest), noisiest)
    same = model.prediction, model.n_timesteps
    decoder = GaussianDiffusion(denoiser, axes, schedule, *same, defaults.soft_gamma, n_kinds=2)
    if model.prior == "normal":
        return decoder, None
    width = model.hidden_units or defaults.width
    network = correction(k, k, NOISE_FEATURES + c, width, defaults.depth)
    parts = network, PrincipalAxes(k, True), Noise(*defaults.latent_gammas)
    return decoder, GaussianDiffusion(*parts, *same, defaults.soft_latent_gamma)


def _checked_guide(guide: Any) -> Any:
    """Return a guide that raises an error where it returns something wrong."""
    if not callable(guide):
        raise ValueError(f"guide must be callable, got {guide!r}.")

    def checked(X: Tensor) -> Tensor:
        value = guide(X)
        if not isinstance(value, Tensor) or value.shape != (len(X),) or not value.requires_grad:
            raise ValueError(
                "guide must return a tensor of shape (n,), computed from its rows by torch; for "
                f"{len(X)} rows it returned {_shape_of(value)}."
            )
        return value

    return checked


class VariationalDiffusionAE(LatentMixin, LikelihoodMixin, BaseGenerativeModel):
    """Variational autoencoder with a diffusion decoder and a diffusion prior.

    Learns features (`transform`), draws new rows (`sample`), scores rows by a lower bound of their
    log-likelihood (`score_samples`) and fills in missing entries (`impute`). The first five
    parameters are those to try first.

    Parameters
    ----------
    n_components : int, default=16
        Number of latent features.
    objective : {"representation", "likelihood"}, default="representation"
        What the encoder is trained for: features that carry the data, or the tightest bound,
        which may leave the latent empty.
    prior : {"diffusion", "normal"}, default="diffusion"
        The distribution of the latents: learnt, or N(0, I).
    likelihood : {"gaussian", "discrete"} or array-like of shape (n_levels,), default="gaussian"
        Whether X is real-valued, scored by a density, or on a grid of levels, scored by a
        probability and sampled on the grid. ``"discrete"`` takes the levels that each column has
        in `fit`, and rows to be scored may have further ones, see Notes; an array gives all levels.
    kl_weight : float, default=0.12
        For ``objective="representation"``: weight of the KL of the posterior from N(0, I), divided
        by the number of columns. The other terms of the loss are half the squared error of the
        scaled row, denoised with the latent, and, on tables, a quarter of the squared error of the
        row predicted from the latent alone.
    encoder_noise : float, default=0.33
        Likewise, standard deviation of the noise on the encoder's input in training, as a share of
        that of the data along their first principal axis, and at most that of a column; on tables
        of up to 128 rows, at most this share of that along the last axis that the latents hold at
        the beginning. Noise makes neighbouring rows have similar latents.
    mmd_weight : float, default=0.0
        Likewise, weight of the maximum mean discrepancy of the latents from N(0, I).
    prediction : {"v", "epsilon", "x", "score"}, default="v"
        What the denoising network predicts.
    schedule : {"linear", "cosine", "learned"}, default="linear"
        How the log signal-to-noise ratio falls with time.
    sampler : {"heun", "ddim", "ancestral", "predictor-corrector"}, default="heun"
        How `sample` runs the diffusion: the probability flow at second or first order, or the
        stochastic reverse process, plain or with a Langevin step after each step.
    n_steps : int, default=40
        Steps of the sampler.
    n_timesteps : int, default=None
        Steps of the bound; None is continuous time.
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
        100, up to 3,000. With validation it takes half as many more in the second stage on tables
        for features, but at most 300 passes over the rows in the first stage and 600 in the second.
    batch_size : int, default=128
        Rows of a gradient step.
    lr : float, default=3e-3
        Peak learning rate.
    validation_fraction : float, default=0.1
        Share of the rows that chooses the weights.
    early_stopping : bool, default=True
        Whether to stop when the validation loss has not improved for 10 of 20 evaluations.
    net_params : dict, default=None
        Further settings of the skorch net, such as ``{"callbacks": [...]}``, a list of skorch
        callbacks, ``{"ema_decay": 0.99}``, the decay of the moving average of the weights, 0.998
        unless given, ``{"compile": True}``, ``{"autocast_dtype": "bfloat16"}`` or
        ``{"optimizer__weight_decay": 0.1}``.
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
    `fit`; none is ever drawn. With levels given as ``likelihood``, there are no others.

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
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "objective": [StrOptions({"representation", "likelihood"})],
        "prior": [StrOptions({"diffusion", "normal"})],
        "likelihood": [StrOptions({"gaussian", "discrete"}), "array-like"],
        "kl_weight": [Interval(Real, 0, None, closed="left")],
        "encoder_noise": [Interval(Real, 0, None, closed="left")],
        "mmd_weight": [Interval(Real, 0, None, closed="left")],
        "prediction": [StrOptions({"v", "epsilon", "x", "score"})],
        "schedule": [StrOptions(set(SCHEDULES))],
        "sampler": [StrOptions({"heun", "ddim", "ancestral", "predictor-corrector"})],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "n_timesteps": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        n_components=16,
        *,
        objective="representation",
        prior="diffusion",
        likelihood="gaussian",
        kl_weight=0.12,
        encoder_noise=0.33,
        mmd_weight=0.0,
        prediction="v",
        schedule="linear",
        sampler="heun",
        n_steps=40,
        n_timesteps=None,
        scaling="auto",
        input_shape=None,
        hidden_units=None,
        max_steps=None,
        batch_size=128,
        lr=3e-3,
        validation_fraction=0.1,
        early_stopping=True,
        net_params=None,
        checkpoint=None,
        device=None,
        condition_dropout=0.1,
        verbose="auto",
        random_state=None,
    ):
        self.n_components = n_components
        self.objective = objective
        self.prior = prior
        self.likelihood = likelihood
        self.kl_weight = kl_weight
        self.encoder_noise = encoder_noise
        self.mmd_weight = mmd_weight
        self.prediction = prediction
        self.schedule = schedule
        self.sampler = sampler
        self.n_steps = n_steps
        self.n_timesteps = n_timesteps
        self.scaling = scaling
        self.input_shape = input_shape
        self.hidden_units = hidden_units
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.net_params = net_params
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
            Classifier-free guidance: predictions move beyond the conditional ones by this many
            times the difference that the condition makes. 0 draws from the conditional
            distribution; larger values separate conditions more, and move the means of rows.
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

            def to_data(rows):
                return self.row_map_.scaler.inverse(rows.double())

            options = {"guide": _checked_guide(guide), "to_data": to_data}
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

    @property
    def _represents(self):
        """Whether the encoder is trained for features, rather than for the bound."""
        return self.objective == "representation"

    def _defaults(self, n_rows):
        return Defaults.for_data(n_rows, self.input_shape is None, self._represents)

    def _build_module(self, rows, generator):
        (n, d), k = rows.x.shape, self.n_components
        defaults = self._defaults(n)
        levels = self.row_map_.scaled_levels()
        with torch.device("meta"):
            c, embedding = condition_embedding(rows.n_condition)
            encoder, denoiser, head = _networks(self, defaults, d, c)
            decoder, prior = _diffusions(self, defaults, denoiser, n, d, c, levels)
        encoder_noise = input_noise(rows.x, float(self.encoder_noise))
        if isinstance(encoder, SkipMLP):
            # It starts at the principal components; noise must not hide the last that it holds.
            variance, axes = principal_components(rows.x, k)
            weight = float(self.kl_weight) / d
            # A millionth of the first is rounding.
            kept = variance[variance > max(weight, 1e-6 * float(variance[0]))]
            if len(kept):
                encoder_noise = min(encoder_noise, float(self.encoder_noise * kept[-1].sqrt()))
        parts = {"encoder": encoder, "decoder": decoder, "prior": prior, "head": head}
        module = DiffusionAutoencoder(
            {**parts, "embedding": embedding},
            k,
            has_layout=self.input_shape is not None,
            kl_weight=float(self.kl_weight),
            mmd_weight=float(self.mmd_weight),
            encoder_noise=encoder_noise,
            # An encoder that was trained on the bound was not trained on noisy rows.
            view_noise=encoder_noise * (defaults.view_noise if self._represents else 0.0),
            latent_dropout=defaults.latent_dropout,
            latent_gamma=defaults.latent_gamma,
            condition_dropout=float(self.condition_dropout),
        )
        initialize(module, generator)
        decoder.axes.fit(rows.x)
        if isinstance(encoder, SkipMLP):
            start_at_principal_components(encoder.linear, rows.x, variance, axes, weight)
        if levels is not None:
            module.levels = levels.float() - decoder.axes.mean[:, None]
        return module

    def _stages(self, module, train, valid, noise):
        def stage(name, loss, parameters, step_factor):
            figures = {"diagnose": lambda: {"latent_kl": module.latent_kl(**train)}}
            return Stage(name, loss, module, parameters, train, valid, step_factor, **figures)

        encoder = [*module.encoder.parameters(), *self._parameters_of(module.embedding)]
        decoder = self._parameters_of(module.decoder)
        prior = self._parameters_of(module.prior)
        code_factor = distribution_factor = 1.0
        if self.max_steps is None and valid is not None:
            n = len(train["x"])
            defaults = self._defaults(n)
            passes = self._n_stage_steps(n) * min(self.batch_size, n) / n
            code_factor = min(1.0, defaults.code_passes / passes)
            distribution_factor = min(
                defaults.distribution_step_factor, defaults.distribution_passes / passes
            )
        module.decoder.shrinkage.reset()
        if not module.frozen:
            # Later pieces of data keep the code: were the encoder to drift with each of them,
            # decoder and prior would have to be learnt anew.
            loss = module.representation_loss if self._represents else module.bound
            learnt = encoder + decoder + self._parameters_of(module.head)
            interrupted = yield stage("code", loss, learnt, code_factor)
            if module.prior is not None:
                module.fit_prior_axes(**train)
            module.frozen.fill_(not interrupted)
        interrupted = yield stage(
            "distribution", module.distribution_loss, decoder + prior, distribution_factor
        )
        if valid is not None and not interrupted:
            module.fit_shrinkage(noise, self.input_shape, **valid)

    def _finish_fit(self):
        self.latent_kl_ = self.history_[-1]["latent_kl"]
        if self.verbose and self.verbose != "auto":
            print(f"KL of the latent from N(0, I): {self.latent_kl_:.2f} nats")
        if self.latent_kl_ < 0.05 and not self.row_map_.scaler.constant.all():
            warnings.warn(
                f"The latent is empty: its KL from N(0, I) is {self.latent_kl_:.3f} nats, so that "
                "transform returns next to nothing about X. The bound is tight without it; "
                "objective='representation' learns features.",
                stacklevel=4,
            )

    def _sampling_options(self) -> dict[str, Any]:
        return {"sampler": self.sampler, "n_steps": self.n_steps}
