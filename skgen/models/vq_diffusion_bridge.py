r"""A vector-quantised autoencoder, and a law of its codes: a diffusion bridge learnt with it.

An encoder gives each of N tokens a latent :math:`z_e`, which the nearest code of a codebook,
:math:`e_k`, replaces; a decoder gives :math:`p(x|e_k)`, and the bridge of
:mod:`skgen.models._code_priors` the prior :math:`p(k)`:

.. math::

    \log p(x) \ge E_{q(k|x)}\big[ \log p(x|e_k) + \log p(k) \big] + H\big(q(k|x)\big),

with the bridge's own bound in the place of :math:`\log p(k)`. Encoder, decoder, codebook and prior
are learnt at once: the prior's gradient goes on to the encoder, straight through the codes, and
asks for codes that it can predict. Latents are normalised to the mean and variance of the process,
so that it cannot ask for small ones instead. Tables whose columns have tokens of their own take,
unless told otherwise, the distribution of :mod:`skgen.models._column_densities`, one column after
another. It is trained after encoder, decoder and codebook, on values rather than codes.

The source lets :math:`z_e` itself start the bridge, with a law :math:`N(z_e, s^2 I)`. Here the
code starts it: whatever the distance of :math:`z_e` from its code adds to the bound, no decoder
reads.

Source: Cohen, Quispe, Le Corff, Ollion and Moulines, *Diffusion bridges vector quantized
variational autoencoders*, ICML 2022; van den Oord, Vinyals and Kavukcuoglu, *Neural discrete
representation learning*, NeurIPS 2017.
"""

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.validation import check_array, check_is_fitted
from torch import Tensor, nn
from torch.nn import functional as F

from skgen._compat import Interval, StrOptions
from skgen.base import BaseGenerativeModel, LatentMixin, LikelihoodMixin, Stage
from skgen.models._cells import Cuts
from skgen.models._code_priors import (
    BELIEF_FEATURES,
    NOISE_FEATURES,
    TOKEN_FEATURES,
    AutoregressivePrior,
    BridgePrior,
)
from skgen.models._column_densities import ColumnDensities
from skgen.models._spread import (
    ERRORS_PER_BIN,
    Spread,
    decoding_errors,
    decoding_nats,
    draw_decoded,
    normal_loss,
)
from skgen.networks.autoregressive import CausalTransformer, MaskedMLP, PixelCNN
from skgen.networks.conv import GROUP_SIZE, MapDecoder, MapEncoder, TokenUNet
from skgen.networks.embeddings import ConditionEmbedding, embed
from skgen.networks.mlp import ResidualMLP, SkipMLP, initialize
from skgen.networks.quantizers import Codebook, Normalizer
from skgen.networks.sequence import Transformer
from skgen.papers.representation import in_parts, input_noise, rising, sight, stack, stacked
from skgen.processes.ornstein_uhlenbeck import stationary_variance
from skgen.threads import limited

CONDITION_FEATURES = 32
SEEN_FEATURES = 8
SCORE_DRAWS = 64
RISING_SHARE = 0.2
STARTING_ROWS = 4096
ROWS_PER_CODE = 200
MANY_ROWS = 10_000
# Columns are soon in codes; their law takes longer. Fewer steps than these leave codes out that
# rows far from the rest have, and new rows too near to each other.
JOINT_EFFORT, COLUMN_EFFORT, FEWEST_CODE_STEPS = 0.5, 0.25, 120
# A token's own small network learns fast.
ONE_BY_ONE_EFFORT, ONE_BY_ONE_PACE, FEWEST_LAW_STEPS = 1 / 3, 3.0, 60
MOST_COLUMN_TOKENS, MOST_GRID_TOKENS, MIXED_TOKENS = 128, 48, 16
FEWEST_EMBEDDINGS, MOST_EMBEDDINGS, ROWS_PER_EMBEDDING = 16, 512, 80
USUAL_EMBEDDINGS = 64
# Of so few rows, tokens that mix the columns have a prior that learns slowly: it would be
# overfitted before its first evaluation.
FEW_ROWS = 200
# One row in so many of a batch of images goes through the prior while the code is learnt.
PRIOR_PART = 16
# Weight of the loss term that rewards even use of the codes, for each token of an image. Most of an
# image is background, and without it nearly all tokens would have one of two codes.
EVEN_USE = 0.5
MOST_TOKENS = 64
SMALLEST_DISTANCE = 1e-3
SMALLEST_VARIANCE = 1e-6


class _Places(nn.Module):
    """One network for every column of a table, or every frame of a sequence."""

    def __init__(self, network: nn.Module, n_in: int):
        super().__init__()
        self.network, self.n_in = network, n_in

    def forward(self, rows: Tensor) -> Tensor:
        places = rows.unflatten(1, (-1, self.n_in)).flatten(0, 1)
        return self.network(places).unflatten(0, (len(rows), -1)).flatten(1)


class _VQDiffusionBridge(nn.Module):
    """Encoder, decoder, codebook and prior of the paper, on scaled rows."""

    edges: Tensor | None
    prior: Any
    evidence: Any

    def __init__(
        self,
        prior: BridgePrior | AutoregressivePrior | ColumnDensities,
        encoder: nn.Module,
        decoder: nn.Module,
        evidence: nn.Module | None,
        normalizer: Normalizer,
        codebook: Codebook,
        embedding: ConditionEmbedding | None,
        spread: Spread,
        *,
        n_features: int,
        n_tokens: int,
        shape: tuple[int, ...] | None,
        by_place: bool,
        block_size: int,
        likelihood: str,
        edges: Tensor | None,
        quantization: str,
        tau: float,
        commitment: float,
        prior_weight: float,
        encoder_noise: float,
        condition_dropout: float,
        rising_steps: int,
    ):
        super().__init__()
        self.prior, self.encoder, self.decoder = prior, encoder, decoder
        self.evidence, self.normalizer, self.codebook = evidence, normalizer, codebook
        self.embedding, self.spread = embedding, spread
        self.n_features, self.n_tokens = n_features, n_tokens
        self.shape, self.by_place, self.block_size = shape, by_place, block_size
        self.on_map = shape is not None and len(shape) == 3
        self.likelihood = likelihood
        self.register_buffer("edges", edges)
        self.quantization, self.tau = quantization, tau
        self.commitment, self.prior_weight = commitment, prior_weight
        self.encoder_noise, self.condition_dropout = encoder_noise, condition_dropout
        self.rising_steps, self.steps_seen = rising_steps, 0
        self.started = self.settled = False
        self.score_draws = SCORE_DRAWS if isinstance(prior, BridgePrior) else 1

    def _embed(self, rows: Tensor, condition: Tensor | None, noise: Any = None) -> Tensor:
        """Embed a condition, dropped at random when noise is given; (n, 0) for no condition."""
        return embed(self.embedding, rows, condition, self.condition_dropout, noise)

    # The code.

    def latent(self, x: Tensor, learns: bool = False) -> Tensor:
        """Return what the encoder gives, normalised, (n, n_tokens, embedding_dim)."""
        return self.normalizer(self.encoder(x).unflatten(1, (self.n_tokens, -1)), learns)

    def code(self, x: Tensor) -> Tensor:
        """Return the index of each token's code, (n, n_tokens)."""
        with torch.no_grad():
            return self.codebook.nearest(self.latent(x))

    def spacing(self) -> Tensor:
        """Return the distance between codes, which sets the cleanest noise level."""
        floor = SMALLEST_DISTANCE * self.normalizer.scale
        return self.codebook.spacing().clamp(min=floor)

    def reconstruct(self, q: Tensor) -> Tensor:
        """Return the decoder's mean, or log-odds, of codes (n, n_tokens, embedding_dim)."""
        return self.decoder(q.flatten(1))

    def start(self, noise: Any, x: Tensor, batch_size: int) -> None:
        """Take normalisation, codebook and frequencies from the first look at the data."""
        if self.started:
            return
        with torch.no_grad():
            x = x[:STARTING_ROWS]
            raw = torch.cat(in_parts(lambda part, _: self.encoder(part), x, None))
            raw = raw.unflatten(1, (self.n_tokens, -1))
            self.normalizer.start(raw)
            h = self.normalizer(raw)
            self.codebook.start(noise, h, min(batch_size, len(x)) * self.n_tokens)
            self._count(self.codebook.nearest(h))
        self.started = True

    def _count(self, index: Tensor) -> None:
        """Tell the prior how often each token has each code."""
        self.prior.fit(index)

    def normalize(self, noise: Any, x: Tensor) -> None:
        """Take the latents' mean and variance anew: averages lag behind an encoder that learns."""
        x = x[:STARTING_ROWS]
        x = x + self.encoder_noise * noise.normal(x)
        raw = torch.cat(in_parts(lambda part, _: self.encoder(part), x, None))
        self.normalizer.start(raw.unflatten(1, (self.n_tokens, -1)))

    def _look(self, noise: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Quantise a noisy look at x.

        Returns
        -------
        index : Tensor of shape (n, n_tokens)
            The codes.
        q, straight : Tensor of shape (n, n_tokens, embedding_dim)
            The codes' rows: as they are, and with the gradient that goes on to the encoder.
        loss : Tensor of shape (n,)
            What keeps latents and codes together, less the entropy of drawn codes.
        """
        h = self.latent(x + self.encoder_noise * noise.normal(x), self.training)
        variance = self.normalizer.scale**2
        loss = h.new_zeros(len(h))
        if self.quantization == "sampled" and self.training:
            # A copy: the codes move before gradients come back.
            code = self.codebook.code.detach().clone()
            logits = -torch.cdist(h, code[None]).square() / (self.tau * variance)
            gumbel = -torch.log(-torch.log(noise.uniforms(logits).clamp(1e-9, 1 - 1e-7)))
            soft = torch.softmax(logits + gumbel, -1)
            index = soft.argmax(-1)
            q = self.codebook(index).detach()
            blurred = soft @ code
            straight = blurred + (q - blurred).detach()
            log_q = torch.log_softmax(logits, -1)
            loss = loss + self.prior_weight * (log_q.exp() * log_q).sum((1, 2))
        else:
            index = self.codebook.nearest(h)
            q = self.codebook(index).detach()
            straight = h + (q - h).detach()
        if self.training and self.on_map:
            even = self.codebook.evenness(h, self.spacing())
            loss = loss - EVEN_USE * self.n_tokens * even
        if self.training:
            self.codebook.follow(noise, h, index)
        apart = (h - q).square().sum((1, 2))
        loss = loss + self.commitment / variance * apart
        if not self.codebook.follows:
            own = (h.detach() - self.codebook(index)).square().sum((1, 2))
            loss = loss + own / variance
        return index, q, straight, loss

    # Losses, a value a row.

    def _error(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return half the squared error, or for bits the cross-entropy."""
        return decoding_errors(self.likelihood, x, mean).sum(-1)

    def code_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Reconstruct x from the codes of a noisy look at it."""
        _, _, straight, loss = self._look(noise, x)
        return self._error(x, self.reconstruct(straight)) + loss

    def decoder_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Reconstruct x from its codes, with the encoder held."""
        return self._error(x, self.reconstruct(self.codebook(self.code(x)).detach()))

    def joint_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Reconstruct, and learn the law of the codes, whose gradient shapes them.

        Judged, rather than descended, it is the bound: a code that tells nothing is easily
        foretold, and half squares are too few nats to make up for that. On a map the values of
        a batch hold the prior's loss in their mean alone: a part of the rows has it, for all.
        """
        index, q, straight, loss = self._look(noise, x)
        mean = self.reconstruct(straight)
        error = self._error(x, mean)
        if self.likelihood == "bernoulli":
            variance = mean.new_ones(1)
        else:
            variance = (x - mean).detach().square().mean(0).clamp(min=SMALLEST_VARIANCE)
        if not self.training:
            if self.likelihood != "bernoulli":
                error = normal_loss(x, mean, variance.log()).sum(-1)
            return error + self._prior_loss(noise, x, q, index, condition)
        self.steps_seen += 1
        # Where errors are half squares, as if of variance 1, the bound's weight is their variance.
        weight = self.prior_weight * rising(self.steps_seen, self.rising_steps)
        share = weight * variance.mean().clamp(max=1.0)
        # The prior's own weights learn at full weight.
        z = q + share * (straight - straight.detach())
        assert isinstance(self.prior, BridgePrior)
        self.prior.follow(index)
        # On a map the prior is the dear part, and is trained anew when the code is done.
        n = math.ceil(len(x) / PRIOR_PART) if self.on_map else len(x)
        told = None if condition is None else condition[:n]
        law = self._prior_loss(noise, x[:n], z[:n], index[:n], told)
        return error + loss + F.pad(law * (len(x) / n), (0, len(x) - n))

    def prior_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Learn the law of the codes with the encoder held; of tables, of a noisy look at them.

        The decoder knows these codes, too, and few rows are learnt less by heart. Images would
        come out as if seen through the noise.
        """
        index = self.code(x if self.shape else x + self.encoder_noise * noise.normal(x))
        z = self.codebook(index).detach()
        return self._prior_loss(noise, x, z, index, condition)

    def _prior_loss(
        self, noise: Any, x: Tensor, z: Tensor, index: Tensor, condition: Tensor | None
    ) -> Tensor:
        c = self._embed(x, condition, noise if self.training else None)
        seen = self._seen(x, sight(noise, x, self.shape))
        code = self.codebook.code.detach()
        return self.prior.loss(noise, z, index, code, self.spacing(), seen, c)

    def likelihood_of(self, x: Tensor, condition: Tensor | None) -> Callable[[Any], Tensor]:
        """Return the bound with nothing left out, of a noise: what `score` reports."""
        index = self.code(x)
        z = self.codebook(index)
        mean = self.reconstruct(z)
        loss = decoding_nats(self.likelihood, x, mean, self.spread, self.edges).sum(-1)
        c = self._embed(x, condition)
        seen = self._seen(x, torch.zeros_like(x))
        given = (z, index, self.codebook.code, self.spacing(), seen, c)
        return lambda noise: loss + self.prior.bound(noise, *given)

    def _seen(self, x: Tensor, seen: Tensor) -> Tensor:
        """Return features of what is seen of rows, (n, n_tokens, SEEN_FEATURES)."""
        shape = (self.n_tokens, -1) if self.by_place else self.shape
        return self.evidence(stack(shape, x * seen, seen)).unflatten(1, (self.n_tokens, -1))

    def _held(self, x: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes, and which are known: those of places that are seen whole."""
        return self.code(x), seen.unflatten(1, (self.n_tokens, -1)).amin(-1) > 0

    # What the estimator calls.

    def codes(self, x: Tensor) -> Tensor:
        """Return the codes of many rows, without gradients."""
        return torch.cat(in_parts(lambda part, _: self.code(part), x, None))

    def count(self, x: Tensor, **_: Any) -> None:
        """Tell the prior how often each token has each code."""
        self._count(self.codes(x))

    def welcome(self, x: Tensor, **_: Any) -> None:
        """Tell the prior of codes that a later piece of data has and no earlier one had."""
        self.prior.welcome(self.codes(x))

    def use(self, x: Tensor, **_: Any) -> dict[str, float]:
        """Return the perplexity of the codes, and the share of them that is used at all."""
        index = self.codes(x).flatten().cpu()
        share = torch.bincount(index, minlength=len(self.codebook.use)).double() / len(index)
        return {
            "perplexity": float(torch.special.entr(share).sum().exp()),
            "used_embeddings": float((share > 0).double().mean()),
        }

    def fit_spread(self, train: Tensor, held_out: Tensor) -> None:
        """Learn what the decoder's mean leaves out: how much, from rows that chose the weights.

        Where each code of a column stands for many rows, all may say; and where a handful of rows
        is held out, which tell less of errors than those that made the codes.
        """
        if self.likelihood == "bernoulli":
            return
        n_shown = len(train) * self.n_tokens / len(self.codebook.use)
        if self.by_place and (n_shown >= ROWS_PER_CODE or len(held_out) < ERRORS_PER_BIN):
            held_out = train
        self.spread.learn(self._errors, held_out, train)

    def _errors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return means in the units of the spread, and what they leave out."""

        def mean_of(part: Tensor, _: Any) -> Tensor:
            return self.reconstruct(self.codebook(self.code(part)))

        mean = torch.cat(in_parts(mean_of, x, None))
        return mean + self.spread.offset, x - mean

    def encode(self, x: Tensor, condition: Tensor | None, **_: Any) -> Tensor:
        """Return the codes, as floating numbers."""
        return self.code(x).to(x.dtype)

    def decode(self, index: Tensor, condition: Tensor | None, **_: Any) -> Tensor:
        """Return the decoder's mean, of bits the likelier value."""
        mean = self.reconstruct(self.codebook(index.long()))
        return (mean > 0).to(mean.dtype) if self.likelihood == "bernoulli" else mean

    def sample(
        self,
        noise: Any,
        n: int,
        condition: Tensor | None,
        *,
        draw_noise: bool,
        guidance_scale: float = 0.0,
        x: Tensor | None = None,
        seen: Tensor | None = None,
        **options: Any,
    ) -> Tensor:
        """Draw codes, all or given what is seen, then a row given them."""
        like = self.codebook.code.new_empty(n, self.n_features)
        x = torch.zeros_like(like) if x is None else x
        nothing = torch.zeros_like(like)
        c = self._embed(x, condition)
        told = self._seen(x, nothing if seen is None else seen)
        held = self._held(x, seen) if self.by_place and seen is not None else None
        c_0 = self._embed(x, None) if guidance_scale > 0 else None
        index = self.prior.draw(
            noise,
            self.codebook.code,
            self.spacing(),
            told,
            (c, c_0),
            guidance_scale=guidance_scale,
            held=held,
            **options,
        )
        mean = self.reconstruct(self.codebook(index))
        return draw_decoded(self.likelihood, noise, mean, self.spread, draw_noise)

    def impute(
        self,
        noise: Any,
        x: Tensor,
        observed: Tensor,
        condition: Tensor | None,
        **options: Any,
    ) -> Tensor:
        """Draw codes given what is observed, then what is missing given the codes."""
        seen = observed.to(x.dtype)
        return self.sample(noise, len(x), condition, x=x, seen=seen, **options)


class _VQTable(_VQDiffusionBridge):
    """Codes of a table's columns, and the distribution of its rows, which is finer than the codes.

    A code of one number says in which interval it lies. The distribution is that of the numbers:
    what is left within the intervals is drawn jointly, too.
    """

    prior: ColumnDensities
    # What it draws of a value that a column repeats is that value, to the bit.
    draws_values = True

    def _count(self, index: Tensor) -> None:
        """Leave the prior alone: it counts cells of its own."""

    def welcome(self, x: Tensor, **_: Any) -> None:
        """Leave the prior alone: it has cells for all numbers."""

    def fit_spread(self, train: Tensor, held_out: Tensor) -> None:
        """Leave out what the decoder leaves out: no draw and no score asks for it."""

    def prior_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Learn the distribution of the rows; return a loss a column."""
        return self.prior.loss(noise, x, condition)

    def likelihood_of(self, x: Tensor, condition: Tensor | None) -> Callable[[Any], Tensor]:
        """Return -log p of the rows, in nats, whatever the noise."""
        value = -self.prior.log_likelihood(x, condition)
        return lambda noise: value

    def sample(self, noise: Any, n: int, condition: Tensor | None, **options: Any) -> Tensor:
        """Draw rows."""
        return self.prior.sample(noise, n, condition, **options)

    def impute(
        self, noise: Any, x: Tensor, observed: Tensor, condition: Tensor | None, **options: Any
    ) -> Tensor:
        """Draw missing entries given the observed ones."""
        return self.prior.impute(noise, x, observed, condition, **options)


class VQDiffusionBridge(LatentMixin, LikelihoodMixin, BaseGenerativeModel):
    """Vector-quantised autoencoder with a diffusion bridge as the prior of its codes.

    Gives every row a code of a few tokens, each one of a codebook's rows (`transform`), draws new
    rows (`sample`), scores rows by a lower bound of their log-likelihood (`score_samples`) and
    fills in missing entries (`impute`). Images and sequences have the bridge, trained together with
    their codes. Tables have, unless `prior` says otherwise, the distribution of their values, one
    column after another: a Gaussian copula that a network corrects. Its scores are exact.

    Parameters
    ----------
    n_embeddings : int, default=None
        Rows of the codebook. None takes 64; where each column of a table has its own token, the
        power of two next to an eightieth of the training rows, from 16 to 512, and for the bridge
        from 16 to 64. The first piece of data decides; give a number where many pieces follow.
    n_tokens : int, default=None
        Tokens of a row. For images and sequences, positions after halving the resolution some
        times: one of the numbers that this can give; None halves until there are at most 64. If
        a sequence has as many tokens as frames, each token is made of one frame alone. For tables
        None takes a token for each column, made of this column alone. Tables of more than 128
        columns have 16 tokens that mix all columns, and so have those of more than 48 columns that
        share one small grid of values, as pixels do, or whose prior is the bridge. A number given
        mixes all columns in each token.
    embedding_dim : int, default=4
        Columns of the codebook.
    quantization : {"nearest", "sampled"}, default="nearest"
        How training chooses codes: the nearest, with straight-through gradients, or drawn with
        probabilities ``softmax(-distance ** 2 / tau)``, by Gumbel noise. What is used is the
        nearest.
    tau : float, default=0.1
        Temperature of the draw, in units of the latent's variance.
    codebook : {"average", "gradient"}, default="average"
        Whether codes are moving averages of the latents put to them, or learn by gradients.
    commitment : float, default=0.25
        Weight of the squared distance of latents from their codes, in units of the latent's
        variance, beside half the squared error of the scaled row.
    prior : {"diffusion", "autoregressive"}, default=None
        The prior: the bridge, or one code after another, by masked convolutions on images, causal
        attention on sequences and a small network for each token of a table, learnt after the
        code; where each column of a table has its own token, one column after another, of values
        rather than codes. None takes the bridge for images and sequences, and one after another
        for tables. `joint`, and what follows of the process, its steps and its sampler, is the
        bridge's.
    joint : bool, default=True
        Whether code and diffusion are learnt at once, before the diffusion goes on alone, or one
        after the other.
    prior_weight : float, default=0.1
        Weight of the prior's gradient that reaches the encoder when trained at once, in units of
        the weight that the bound gives it: with a normal decoder the variance of its errors. It
        is 0 until there is a code, and then rises: from 40% to 80% of the stage on tables, from
        20% to 40% on images and sequences.
    theta : float, default=3.0
        Rate of the Ornstein-Uhlenbeck process over a time of one: a code is remembered by a factor
        ``exp(-theta)`` at its end.
    eta : float, default=None
        Its noise; None takes ``sqrt(2 * theta)``, for a stationary variance of one. Latents are
        normalised to that variance.
    z_star : float, default=0.0
        Its mean, and that of the latents.
    schedule : {"geometric", "constant", "learned"}, default="geometric"
        Noise levels of the steps: even in the log signal-to-noise ratio, even in time as the
        source has them, or learned, so that each step bears the same part of the bound.
    n_timesteps : int, default=128
        Steps of the diffusion and of its bound.
    n_steps : int, default=None
        Steps of the sampler, from 1 to `n_timesteps`; None takes all.
    sampler : {"ancestral", "deterministic"}, default="ancestral"
        How `sample` runs the bridge backwards: by drawing codes and bridges to them, or along the
        probability flow.
    temperature : float, default=1.0
        What the log-odds of codes, or of the cells of a column, are divided by: below 1 likelier
        rows.
    vlb_weight : float, default=0.1
        Weight of the variational bound beside the cross-entropy of the codes.
    encoder_noise : float, default=0.28
        Standard deviation of the noise on the encoder's input in training, as a share of that of
        the data along their first principal axis, and at most that of a column. Noise makes
        neighbours share their code. Tokens of one column or frame, and columns of two values, get
        none.
    likelihood : {"gaussian", "bernoulli", "discrete"}, default="gaussian"
        What the decoder gives: a normal law of every column, with a variance that held-out rows
        show for each height of the mean; a probability for columns of two values; or the same
        normal law rounded to the levels of each column, whose score is a probability.
    levels : array-like of shape (n_levels,), default=None
        The levels of discrete and binary data; None takes the values that each column has in
        `fit`, and for a table of zeros and ones, or of any two values, both in each column. Rows
        to be scored may have further levels, see Notes.
    output : {"embedding", "index", "onehot"}, default="embedding"
        What `transform` returns: the codes' rows, their indices, or a column for every code of
        every token. `inverse_transform` takes each of them.
    scaling : {"auto", "quantile", "standard", "common"}, default="auto"
        How columns are scaled: by a map of their quantiles to normal ones, by their standard
        deviation, or all by one. ``"auto"`` takes one scale for images, sequences and tables whose
        columns can be of one unit: they share a small grid of values, or their deviations are
        within a factor of five and none is skewed, has heavy tails or repeats values. Otherwise it
        maps the quantiles of the columns that are or do, and standardises the rest. Beside others,
        columns of two values, such as the codes of categories, are left out of this, and their
        values set 4 apart.
    input_shape : tuple, default=None
        Layout of a row, (channels, height, width) or (length, channels), for convolutional
        networks and attention.
    hidden_units : int, default=None
        Units of a hidden layer of encoder and decoder on tables, and half as many as the denoiser
        has; on images twice the denoiser's channels, which are a multiple of 16 and at least that.
        None takes 64 for tables of up to 10,000 rows and for up to 128 images or sequences, and 128
        for more; the prior of a table has 32 for each column.
    max_steps : int, default=None
        Gradient steps of each stage. On tables of 20 rows and more the first takes a quarter of
        them where columns have their own tokens, half with the bridge at once, but 120 where there
        are as many. The prior of one column after another takes all of them, of one code after
        another a third, but 60. None takes 60, and 4 more for each row beyond 100, up to 3,000; in
        both stages of a table 120 at least.
    batch_size : int, default=256
        Rows of a gradient step.
    lr : float, default=3e-3
        Peak learning rate; three times as much for the prior of a table, one column or code after
        another.
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
        The fitted networks.
    nets_ : list of skorch.NeuralNet
        The net of each training stage; not kept by pickling.
    history_ : list of dict
        One row an evaluation: stage, step, losses, seconds; at the end of a stage that learns the
        code, ``perplexity`` of the codes of the training rows, at most ``n_embeddings``, and the
        share ``used_embeddings`` that is used at all.
    codebook_ : ndarray of shape (n_embeddings, embedding_dim)
        The codes.
    perplexity_ : float
        The exponential of the entropy of the codes' frequencies in training rows.
    n_tokens_ : int
        Tokens of a row.
    n_steps_ : int
        Gradient steps taken by the last fit.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them.

    Notes
    -----
    A condition tells the prior, not the encoder and the decoder: codes of rows with different
    conditions are of one language.

    A level that a column has in no row of `fit` has a small probability. Of n rows, each column
    keeps ``1 / (n + 1)`` of its probability for such levels: for the other one of a binary
    column, or for up to 256 of them nearest to each level of `fit`, of whose probability they
    take their shares. So the probabilities of all levels sum to one at most. A new level of
    discrete data is encoded as the nearest one of `fit`; none is ever drawn. With ``levels``
    given, discrete data have no others.

    References
    ----------
    Cohen, Quispe, Le Corff, Ollion and Moulines, "Diffusion bridges vector quantized variational
    autoencoders", ICML 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgen import VQDiffusionBridge
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = VQDiffusionBridge(n_embeddings=16, random_state=0).fit(X)
    >>> model.sample(5).shape
    (5, 4)
    >>> model.transform(X).shape
    (150, 16)
    >>> model.set_params(output="index").transform(X).shape
    (150, 4)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseGenerativeModel._parameter_constraints,
        "n_embeddings": [Interval(Integral, 2, None, closed="left"), None],
        "n_tokens": [Interval(Integral, 1, None, closed="left"), None],
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "quantization": [StrOptions({"nearest", "sampled"})],
        "tau": [Interval(Real, 0, None, closed="neither")],
        "codebook": [StrOptions({"average", "gradient"})],
        "commitment": [Interval(Real, 0, None, closed="left")],
        "prior": [StrOptions({"diffusion", "autoregressive"}), None],
        "joint": ["boolean"],
        "prior_weight": [Interval(Real, 0, None, closed="left")],
        "theta": [Interval(Real, 0, None, closed="neither")],
        "eta": [Interval(Real, 0, None, closed="neither"), None],
        "z_star": [Interval(Real, None, None, closed="neither")],
        "schedule": [StrOptions({"geometric", "constant", "learned"})],
        "n_timesteps": [Interval(Integral, 1, None, closed="left")],
        "n_steps": [Interval(Integral, 1, None, closed="left"), None],
        "sampler": [StrOptions({"ancestral", "deterministic"})],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "vlb_weight": [Interval(Real, 0, None, closed="left")],
        "encoder_noise": [Interval(Real, 0, None, closed="left")],
        "likelihood": [StrOptions({"gaussian", "bernoulli", "discrete"})],
        "levels": ["array-like", None],
        "output": [StrOptions({"embedding", "index", "onehot"})],
        "hidden_units": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        n_embeddings=None,
        *,
        n_tokens=None,
        embedding_dim=4,
        quantization="nearest",
        tau=0.1,
        codebook="average",
        commitment=0.25,
        prior=None,
        joint=True,
        prior_weight=0.1,
        theta=3.0,
        eta=None,
        z_star=0.0,
        schedule="geometric",
        n_timesteps=128,
        n_steps=None,
        sampler="ancestral",
        temperature=1.0,
        vlb_weight=0.1,
        encoder_noise=0.28,
        likelihood="gaussian",
        levels=None,
        output="embedding",
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
        self.n_embeddings = n_embeddings
        self.n_tokens = n_tokens
        self.embedding_dim = embedding_dim
        self.quantization = quantization
        self.tau = tau
        self.codebook = codebook
        self.commitment = commitment
        self.prior = prior
        self.joint = joint
        self.prior_weight = prior_weight
        self.theta = theta
        self.eta = eta
        self.z_star = z_star
        self.schedule = schedule
        self.n_timesteps = n_timesteps
        self.n_steps = n_steps
        self.sampler = sampler
        self.temperature = temperature
        self.vlb_weight = vlb_weight
        self.encoder_noise = encoder_noise
        self.likelihood = likelihood
        self.levels = levels
        self.output = output
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

    # The networks.

    def _build_module(self, rows, generator):
        (n, d), n_condition = rows.x.shape, rows.n_condition
        c = CONDITION_FEATURES if n_condition else 0
        row_map = self.row_map_
        shape = row_map.shape
        width = self.hidden_units or (64 if n <= (128 if shape else MANY_ROWS) else 128)
        theta, centre = float(self.theta), float(self.z_star)
        eta = math.sqrt(2 * theta) if self.eta is None else float(self.eta)
        variance = stationary_variance(theta, eta)
        bridges = self.prior == "diffusion" or (self.prior is None and shape is not None)
        n_tokens, n_halvings = self._count_tokens(shape, d, bridges)
        by_place = n_halvings == 0 and (shape is None or len(shape) == 2)
        n_embeddings = self._count_embeddings(n if by_place and shape is None else None, bridges)
        columnwise = by_place and shape is None and not bridges
        size = int(self.embedding_dim)
        with torch.device("meta"):
            encoder, decoder, evidence = (
                self._coder(shape, by_place, d, units, n_halvings, n_tokens, *sides)
                for units, *sides in (
                    (width, 1, size, False),
                    (width, size, 1, True),
                    # What is seen of one number is soon told.
                    (width // 4 if by_place and shape is None else width, 2, SEEN_FEATURES, False),
                )
            )
            codebook = Codebook(n_embeddings, size, self.codebook == "average")
            positions = None
            if shape is not None and len(shape) == 3:
                positions = MapDecoder(shape, 1, n_halvings=n_halvings).positions
            sizes = (n_tokens, n_embeddings, c)
            if columnwise:
                evidence = None
            elif bridges:
                process = {"theta": theta, "variance": variance, "centre": centre}
                prior = self._bridge(shape, positions, *sizes, width, process)
            else:
                prior = self._one_by_one(shape, positions, *sizes)
            shared = by_place or shape is not None
            statistics = (1 if shared else n_tokens, size)
            normalizer = Normalizer(statistics, centre, math.sqrt(variance))
            embedding = ConditionEmbedding(n_condition, c) if n_condition else None
        if columnwise:
            embedding = None
            prior = ColumnDensities(
                self._cuts(rows.x),
                n_condition,
                width=(self.hidden_units or 64) // 2 or 1,
                condition_dropout=float(self.condition_dropout),
                is_probability=self.likelihood != "gaussian",
            )
        plain = by_place or self.likelihood == "bernoulli"
        module = (_VQTable if columnwise else _VQDiffusionBridge)(
            prior,
            encoder,
            decoder,
            evidence,
            normalizer,
            codebook,
            embedding,
            Spread(1 if row_map.columns_alike else d, row_map.offset(), correlated=shape is None),
            n_features=d,
            n_tokens=n_tokens,
            shape=shape,
            by_place=by_place,
            block_size=256 if shape is None else 64,
            likelihood=self.likelihood,
            edges=row_map.edges(),
            quantization=self.quantization,
            tau=float(self.tau),
            commitment=float(self.commitment),
            prior_weight=float(self.prior_weight),
            encoder_noise=0.0 if plain else input_noise(rows.x, self.encoder_noise),
            condition_dropout=float(self.condition_dropout),
            rising_steps=max(1, round(RISING_SHARE * self._n_stage_steps(n))),
        )
        initialize(module, generator)
        return module

    def _cuts(self, rows):
        """Return the cells of the columns of scaled rows, of levels or of repeated values."""
        levels = self.row_map_.scaler.repeated()
        if self.likelihood != "gaussian":
            levels = []
            for values in self.row_map_.scaled_levels().numpy():
                values = values[np.isfinite(values)]
                if self.likelihood == "bernoulli":
                    # A value that one column never has in fit has a small probability there.
                    values = np.array([0.0, 1.0])
                between = (values[1:] + values[:-1]) / 2
                levels.append((np.append(-np.inf, between), np.append(between, np.inf), values))
        columns = rows.cpu().double().numpy().T
        return [Cuts.of(x, own) for x, own in zip(columns, levels, strict=True)]

    def _count_embeddings(self, n, bridges):
        """Return the rows of the codebook: n rows teach so many, where columns have own tokens."""
        if self.n_embeddings is not None:
            return int(self.n_embeddings)
        if n is None:
            return USUAL_EMBEDDINGS
        n_taught = 2 ** round(math.log2(n / ROWS_PER_EMBEDDING))
        # The bridge foretells no more of them.
        most = USUAL_EMBEDDINGS if bridges else MOST_EMBEDDINGS
        return max(FEWEST_EMBEDDINGS, min(most, n_taught))

    def _count_tokens(self, shape, d, bridges):
        """Return the tokens of a row, and how often the resolution is halved to have them.

        None for the second are tokens that mix all columns of a table.
        """
        if shape is None:
            # Many columns of one small grid are pixels, or like them.
            mixes = bridges or self.row_map_.columns_alike
            if self.n_tokens is None and d <= (MOST_GRID_TOKENS if mixes else MOST_COLUMN_TOKENS):
                return d, 0
            return int(self.n_tokens or MIXED_TOKENS), None
        counts = []
        while not counts or counts[-1] > 1:
            with torch.device("meta"):
                counts.append(MapEncoder(shape, 1, n_halvings=len(counts)).n_positions)
        if self.n_tokens is None:
            n_tokens = next(count for count in counts if count <= MOST_TOKENS)
        else:
            n_tokens = int(self.n_tokens)
        if n_tokens not in counts:
            raise ValueError(
                f"n_tokens={n_tokens} cannot be had from input_shape={shape} by halving its "
                f"resolution; choose one of {counts}, or None."
            )
        return n_tokens, counts.index(n_tokens)

    @staticmethod
    def _coder(shape, by_place, d, width, n_halvings, n_tokens, n_in, n_out, decodes):
        """Return a network from n_in numbers a feature to n_out a token, or back."""
        if by_place:
            n_in, n_out = (
                n * (d // n_tokens) if is_data else n
                for n, is_data in ((n_in, not decodes), (n_out, decodes))
            )
            return _Places(SkipMLP(n_in, n_out, 0, max(1, width // 2), 1), n_in)
        if shape is None:
            n_in, n_out = n_in * (n_tokens if decodes else d), n_out * (d if decodes else n_tokens)
            return SkipMLP(n_in, n_out, 0, width, 1 if decodes else 2)
        if decodes:
            return MapDecoder(shape, n_in, n_halvings=n_halvings)
        # Two are what is seen, and whether it is.
        shape = stacked(shape) if n_in == 2 else shape
        return MapEncoder(shape, n_out, n_halvings=n_halvings)

    def _one_by_one(self, shape, positions, n_tokens, n_embeddings, c):
        sizes = (TOKEN_FEATURES, n_embeddings, SEEN_FEATURES, c)
        if positions is not None:
            network = PixelCNN(positions, *sizes)
        elif shape is not None:
            network = CausalTransformer(n_tokens, *sizes)
        else:
            network = MaskedMLP(n_tokens, *sizes, width=(self.hidden_units or 64) // 2 or 1)
        return AutoregressivePrior(network, n_tokens, n_embeddings)

    def _bridge(self, shape, positions, n_tokens, n_embeddings, c, width, process):
        n_in = int(self.embedding_dim) + BELIEF_FEATURES + SEEN_FEATURES
        n_context = NOISE_FEATURES + c
        if positions is not None:
            # What neighbours tell is the same wherever they are.
            channels = GROUP_SIZE * max(1, width // (2 * GROUP_SIZE))
            network = TokenUNet(positions, n_in, TOKEN_FEATURES, n_context, width=channels)
        elif shape is None or n_tokens <= MOST_TOKENS:
            # Few tokens are learnt faster as one row.
            n_out = n_tokens * TOKEN_FEATURES
            network = ResidualMLP(n_tokens * n_in, n_out, n_context, width=2 * width, depth=2)
        else:
            network = Transformer(n_tokens, n_in, TOKEN_FEATURES, n_context)
        return BridgePrior(
            network,
            n_tokens,
            n_embeddings,
            TOKEN_FEATURES,
            **process,
            schedule=self.schedule,
            n_timesteps=int(self.n_timesteps),
            vlb_weight=float(self.vlb_weight),
        )

    def _stages(self, module, train, valid, noise):
        def stage(name, loss, parts, **plan):
            parameters = [p for part in parts if part is not None for p in part.parameters()]
            return Stage(name, loss, module, parameters, train, valid, **plan)

        def effort(share, fewest):
            # A piece of data gets all steps: it is all that the code will see.
            least = fewest / self._n_stage_steps(len(train["x"]))
            least = least if self.max_steps is None else min(1.0, least)
            return max(1.0 if valid is None else share, least)

        held_out = train if valid is None else valid
        coder = [module.encoder, module.decoder, module.normalizer, module.codebook]
        prior = [module.prior, module.evidence, module.embedding]
        if isinstance(module, _VQTable) and not module.started:
            module.prior.fit(self._cuts(train["x"]), train["x"], train.get("condition"))
        module.start(noise, train["x"], self.batch_size)
        if not module.settled:
            # Later pieces of data keep the code, and teach the decoder and the prior.
            joint = self.joint and isinstance(module.prior, BridgePrior)
            name, loss = ("joint", module.joint_loss) if joint else ("code", module.code_loss)
            parts = [*coder, *prior] if joint else coder
            plan = {"diagnose": lambda: module.use(**train)}
            if self.input_shape is None:
                # Tokens that mix the columns take all steps to be good features by themselves.
                share = JOINT_EFFORT if joint else COLUMN_EFFORT if module.by_place else 1.0
                plan["effort"] = effort(share, FEWEST_CODE_STEPS)
            code = stage(name, loss, parts, **plan)
            interrupted = yield code
            module.normalize(noise, train["x"])
            module.fit_spread(train["x"], held_out["x"])
            module.settled = not interrupted
            if joint and module.settled:
                # What it learnt of codes on the move holds it back: it starts afresh.
                for part in prior:
                    if part is not None:
                        initialize(part, noise.generator)
            module.count(**train)
        else:
            module.welcome(**train)
            yield stage("decoder", module.decoder_loss, [module.decoder])
            module.fit_spread(train["x"], held_out["x"])
        plan = {}
        if isinstance(module, _VQTable):
            plan = {"effort": effort(1.0, FEWEST_CODE_STEPS), "pace": ONE_BY_ONE_PACE}
            plan["owners"] = module.prior.owners()
        elif isinstance(module.prior.network, MaskedMLP):
            few = len(train["x"]) < FEW_ROWS
            fewest, pace = (FEWEST_CODE_STEPS, 1.0) if few else (FEWEST_LAW_STEPS, ONE_BY_ONE_PACE)
            plan = {"effort": effort(ONE_BY_ONE_EFFORT, fewest), "pace": pace}
        yield stage("prior", module.prior_loss, prior, **plan)
        if isinstance(module, _VQTable) and valid is not None:
            module.prior.shrink(**valid)

    def _finish_fit(self):
        self.n_tokens_ = self.module_.n_tokens
        self.codebook_ = self.module_.codebook.code.cpu().numpy().astype(self.row_map_.dtype)
        told = [row["perplexity"] for row in self.history_ if "perplexity" in row]
        if told:
            self.perplexity_ = told[-1]

    # What users call.

    @limited
    def trajectory(self, n_samples=1, *, condition=None, n_steps=None, random_state=None):
        """Follow the latents of new rows from noise to codes.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        condition : scalar or array-like of shape (n_samples,) or (n_samples, n_columns)
            What to condition on; a scalar serves all rows. None draws without a condition.
        n_steps : int, default=None
            Number of sampling steps; None takes the constructor's.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the constructor's.

        Returns
        -------
        times : ndarray of shape (n_steps + 1,)
            Time of each point on the process's own clock, from 1, pure noise, towards 0.
        paths : ndarray of shape (n_steps + 1, n_samples, n_tokens, embedding_dim)
            Latents at these times.

        Raises
        ------
        ValueError
            If the prior is autoregressive, which has no such path.
        """
        check_is_fitted(self)
        module = self.module_
        if not isinstance(module.prior, BridgePrior):
            raise ValueError("trajectory needs a model fitted with prior='diffusion'.")
        path: list[Tensor] = []
        n_samples, encoded = self._check_draw(n_samples, condition, 0.0, n_steps)
        rows = self._draw(n_samples, encoded, 0.0, n_steps, random_state, path=path)
        self._check_drawn(rows, 0.0)
        n_points = (n_steps or self.n_steps or self.n_timesteps) + 1
        blocks = [torch.stack(path[i : i + n_points]) for i in range(0, len(path), n_points)]
        paths = torch.cat(blocks, 1)[:, :n_samples].cpu().numpy().astype(self.row_map_.dtype)
        return module.prior.times(module.spacing(), n_points - 1).cpu().numpy(), paths

    @property
    def _n_features_out(self) -> int:
        each = {"embedding": self.embedding_dim, "index": 1, "onehot": len(self.codebook_)}
        return self.module_.n_tokens * each[self.output]

    def _sampling_options(self) -> dict[str, Any]:
        return {
            "n_steps": self.n_steps or self.n_timesteps,
            "sampler": self.sampler,
            "temperature": float(self.temperature),
            "draw_noise": self.input_shape is None,
        }

    @property
    def _most_sampling_steps(self):
        return self.n_timesteps if isinstance(self.module_.prior, BridgePrior) else None

    def _from_latent(self, rows):
        index = rows.astype(np.int64)
        if self.output == "index":
            return index
        if self.output == "embedding":
            return self.codebook_[index].reshape(len(index), -1).astype(rows.dtype)
        return self._one_hot(index).astype(rows.dtype)

    def _one_hot(self, index):
        return (index[..., None] == np.arange(len(self.codebook_))).reshape(len(index), -1)

    def _check_latent(self, X):
        check_is_fitted(self)
        n_tokens, (n_codes, size) = self.module_.n_tokens, self.codebook_.shape
        widths = {"embedding": n_tokens * size, "index": n_tokens, "onehot": n_tokens * n_codes}
        Z = check_array(X, dtype=[np.float64, np.float32])
        # Where widths agree, the constructor says what the columns are.
        kinds = [self.output, *widths]
        kind = next((kind for kind in kinds if widths[kind] == Z.shape[1]), None)
        if kind is None:
            wanted = ", ".join(f"{width} for {kind!r}" for kind, width in widths.items())
            raise ValueError(
                f"inverse_transform takes what transform returns, of as many columns as {wanted}; "
                f"got {Z.shape[1]}."
            )
        if kind == "index":
            outside = np.argwhere(~np.isin(Z, np.arange(n_codes)))
            if len(outside):
                row, column = outside[0]
                raise ValueError(
                    f"X[{row}, {column}] is {Z[row, column]}; an index is a whole number from 0 to "
                    f"{n_codes - 1}."
                )
            return Z
        Z = Z.reshape(len(Z), n_tokens, -1)
        if kind == "onehot":
            return Z.argmax(-1).astype(Z.dtype)
        latents = torch.from_numpy(Z.copy()).to(self.module_device)
        return self.module_.codebook.nearest(latents).cpu().numpy().astype(Z.dtype)
