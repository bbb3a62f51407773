r"""A Bernoulli autoencoder, and a Bernoulli diffusion that learns the law of its codes.

An encoder gives :math:`q(z|x) = \prod_j B(z_j; p_j(x))` over bits, a decoder :math:`p(x|z)`, and
the diffusion of :mod:`skgen.processes.bernoulli` the prior :math:`p(z)`:

.. math::

    \log p(x) \ge E_{q(z|x)}\Big[ \log p(x|z) - \sum_t
        KL\big(q(z_{t-1}|z_t, z) \,\|\, p(z_{t-1}|z_t)\big) \Big] + H\big(q(z|x)\big).

By default the autoencoder is learnt first, from reconstruction and a light
:math:`KL(q \| B(1/2))`; then, with it held, the diffusion learns the law of the codes, for a share
of the rows with part of x in sight: `impute` draws from that. The code of a row, there and in the
score, is the likelier value of each bit: a q without entropy, for which the bound holds as well.
Rows of bits need no autoencoder: the diffusion runs on them.

Source: Wang, Wang, Liu and Chen, *Binary latent diffusion*, CVPR 2023; van den Oord, Vinyals and
Kavukcuoglu, *Neural discrete representation learning*, NeurIPS 2017, for the codebook's loss.
"""

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.validation import check_array, check_is_fitted
from torch import Tensor, nn
from torch.nn import functional as F

from skgen._compat import Interval, StrOptions
from skgen.base import BaseGenerativeModel, LatentMixin, LikelihoodMixin, Stage
from skgen.data.row_map import Data
from skgen.models._bernoulli_diffusion import NOISE_FEATURES, BernoulliDiffusion
from skgen.models._spread import (
    SMALLEST_LOG_VARIANCE,
    Spread,
    decoding_errors,
    decoding_nats,
    draw_decoded,
    normal_loss,
)
from skgen.networks.conv import ConvEncoder, MapDecoder, MapEncoder, UNet
from skgen.networks.embeddings import ConditionEmbedding, embed
from skgen.networks.mlp import ApartMLP, ResidualMLP, SkipMLP, initialize, zero_init
from skgen.networks.sequence import Transformer
from skgen.papers.representation import in_parts, input_noise, rising, sight, stack, stacked
from skgen.processes.bernoulli import KERNELS, SCHEDULES, entropy, log_odds

CONDITION_FEATURES = 32
BITS_PER_COLUMN, MAX_BITS = 8, 64
# The noise of the encoder's input, and that where rows are many and each column has so many bits.
ENCODER_NOISE = 0.28
MANY_ROWS, AMPLE_BITS, AMPLE_BITS_NOISE = 1000, 4, 0.1
EVIDENCE_FEATURES = 64
SCORE_DRAWS = 64
LOWEST_TEMPERATURE = 0.3
# At once: the share of a stage without the law's gradient in the code, which rises in as much
# again, and the weight that the law's loss then has there, in units of the variance of the errors.
RISING_SHARE, JOINT_SHARE = 0.2, 0.1
FADING_SHARE = 0.7
LINEAR_WEIGHT = 0.25
COMMITMENT = 0.25
BIT_PENALTY = 1e-3
SEQUENCE_TOKENS = 16
# Up to so many columns of bits each has a small network of its own, of so many units, which bears
# so much higher a learning rate.
APART_COLUMNS, APART_UNITS, APART_PACE = 64, 32, 3.0
# So many rows have more to teach, in so many times the steps, of a lower rate.
APART_MANY_ROWS, APART_LONG_PACE, APART_EFFORT = 10_000, 1.5, 2.0
FRAME_FEATURES = 64
# A bit that is 1 in fewer rows than this, or in all but as few, is dead.
RARE = 0.01


class _SlowLinear(nn.Module):
    """A linear map whose output moves as slowly as that of a layer of few inputs.

    Steps of Adam are as large for each of many weights, and add up: bits of one long row would
    all come to tell the same.
    """

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_out, n_in))
        self.bias = nn.Parameter(torch.empty(n_out))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw weights that keep the variance of unit inputs."""
        with torch.no_grad():
            self.weight.normal_(generator=generator)
            self.bias.zero_()

    def forward(self, rows: Tensor) -> Tensor:
        return F.linear(rows * rows.shape[1] ** -0.5, self.weight, self.bias)


class _WholeEncoder(nn.Module):
    """A sequence to a few tokens: linearly, corrected by tokens that look at all of it."""

    def __init__(self, shape: tuple[int, ...], n_tokens: int, n_out: int, n_context: int):
        super().__init__()
        length, channels = shape
        self.linear = _SlowLinear(length * channels, n_tokens * n_out)
        self.frames = Transformer(length, channels, FRAME_FEATURES, n_context, depth=2)
        self.tokens = Transformer(
            n_tokens,
            0,
            n_out,
            n_context,
            memory=(length, FRAME_FEATURES),
            depth=1,
            zero_output=True,
        )

    def forward(self, rows: Tensor, context: Tensor) -> Tensor:
        return self.linear(rows) + self.tokens(rows, context, self.frames(rows, context))


class _WholeDecoder(nn.Module):
    """Tokens to a sequence: linearly, corrected by places that look at them and at each other."""

    def __init__(self, shape: tuple[int, ...], n_tokens: int, n_in: int, n_context: int):
        super().__init__()
        length, channels = shape
        self.linear = zero_init(_SlowLinear(n_tokens * n_in, length * channels))
        self.places = Transformer(
            length,
            0,
            channels,
            n_context,
            memory=(n_tokens, n_in),
            depth=2,
            zero_output=True,
        )

    def forward(self, rows: Tensor, context: Tensor) -> Tensor:
        return self.linear(rows) + self.places(rows, context, rows)


class _Denoiser(nn.Module):
    """A network on bits, and on which of them are held, whatever their layout."""

    def __init__(self, network: nn.Module, n_bits: int, shape: tuple[int, ...] | None, holds: bool):
        super().__init__()
        self.network, self.n_bits, self.shape, self.holds = network, n_bits, shape, holds

    def forward(self, sign: Tensor, held: Tensor | None, context: Tensor) -> Tensor:
        if self.holds:
            held = torch.zeros_like(sign) if held is None else held
            sign = stack(self.shape, sign, held)
        out = self.network(sign, context)
        if self.holds and self.shape is not None and len(self.shape) == 2:
            length, channels = self.shape
            return out.unflatten(1, (length, 2 * channels))[..., :channels].flatten(1)
        return out[:, : self.n_bits]


class _BinaryLatentDiffusion(nn.Module):
    """Encoder, decoder, codebook and diffusion of the paper, on scaled rows."""

    codebook: nn.Linear | None
    edges: Tensor | None
    spread: Spread

    def __init__(
        self,
        diffusion: BernoulliDiffusion,
        encoder: nn.Module | None,
        decoder: nn.Module | None,
        evidence: nn.Module | None,
        codebook: nn.Linear | None,
        embedding: ConditionEmbedding | None,
        spread: Spread,
        *,
        n_features: int,
        n_bits: int,
        n_positions: int,
        shape: tuple[int, ...] | None,
        has_lengths: bool,
        block_size: int,
        binarization: str | None,
        likelihood: str,
        edges: Tensor | None,
        kl_weight: float,
        vlb_weight: float,
        encoder_noise: float,
        condition_dropout: float,
        fading_steps: int,
        rising_steps: int,
    ):
        super().__init__()
        self.diffusion, self.encoder, self.decoder = diffusion, encoder, decoder
        self.evidence, self.codebook, self.embedding = evidence, codebook, embedding
        self.n_features, self.n_bits = n_features, n_bits
        self.n_positions, self.shape = n_positions, shape
        self.has_lengths, self.block_size = has_lengths, block_size
        self.binarization, self.likelihood = binarization, likelihood
        self.register_buffer("edges", edges)
        self.spread = spread
        self.kl_weight, self.vlb_weight = kl_weight, vlb_weight
        self.encoder_noise, self.condition_dropout = encoder_noise, condition_dropout
        self.fading_steps, self.steps_seen = fading_steps, 0
        self.rising_steps = rising_steps
        self.settled = False
        # Without an encoder the steps are all that is random: each is visited once.
        self.score_draws = SCORE_DRAWS if encoder is not None else diffusion.n_timesteps

    def _embed(self, rows: Tensor, condition: Tensor | None, noise: Any = None) -> Tensor:
        """Embed a condition, dropped at random when noise is given; (n, 0) for no condition."""
        return embed(self.embedding, rows, condition, self.condition_dropout, noise)

    # The code.

    def code(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the log-odds of the bits, and what the codebook should come near to."""
        assert self.encoder is not None
        out = self.encoder(x, c)
        if self.codebook is None:
            return out, None
        out = out.unflatten(1, (self.n_positions, -1))
        n_each = self.codebook.in_features
        return out[..., :n_each].flatten(1), out[..., n_each:].flatten(1)

    def binarize(self, noise: Any, logit: Tensor) -> Tensor:
        """Make bits of log-odds; gradients pass as if they were probabilities.

        In training they are drawn, by noise that fades until the likelier value is left, or
        relaxed, by a temperature that falls; used, they are the likelier value.
        """
        p = torch.sigmoid(logit)
        level = torch.full_like(p, 0.5)
        if self.training and self.binarization != "threshold":
            share = min(1.0, self.steps_seen / self.fading_steps)
            uniform = noise.uniforms(p)
            if self.binarization == "relaxed":
                temperature = LOWEST_TEMPERATURE**share
                return torch.sigmoid((logit + torch.logit(uniform, eps=1e-6)) / temperature)
            level = torch.lerp(uniform, level, share)
        return (p > level).to(p.dtype) + (p - p.detach())

    def _bits(self, x: Tensor, c: Tensor) -> Tensor:
        """Return the code of rows: the likelier value of each bit."""
        with torch.no_grad():
            return (self.code(x, c)[0] > 0).to(x.dtype)

    def _tokens(self, z: Tensor) -> Tensor:
        """Return what the decoder reads: bits as -1 and 1, or sums of the codebook's rows."""
        if self.codebook is None:
            return 2 * z - 1
        return self.codebook(z.unflatten(1, (self.n_positions, -1))).flatten(1)

    def reconstruct(self, z: Tensor, c: Tensor) -> Tensor:
        """Return the decoder's mean, or log-odds, of shape (n, n_features)."""
        assert self.decoder is not None
        return self.decoder(self._tokens(z), c)

    def _codebook_loss(self, logit: Tensor, z: Tensor, target: Tensor) -> Tensor:
        q = self._tokens(z.detach())
        near = (q - target.detach()).square() + COMMITMENT * (q.detach() - target).square()
        return near.sum(-1) + BIT_PENALTY * torch.sigmoid(logit).sum(-1)

    # Losses, a value a row.

    def _masked(self, errors: Tensor, x: Tensor, parts: Tensor) -> Tensor:
        """Sum the errors of a row's entries; with lengths, those of frames that are there."""
        if not self.has_lengths:
            return errors.sum(-1)
        assert self.shape is not None
        present = x.unflatten(1, self.shape)[..., -1:]
        errors = errors.unflatten(1, self.shape)[..., :-1]
        there = F.binary_cross_entropy_with_logits(
            parts.unflatten(1, self.shape)[..., -1:], present, reduction="none"
        )
        return (present * errors).flatten(1).sum(-1) + there.flatten(1).sum(-1)

    def _error(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return half the squared error, or for bits the cross-entropy."""
        return self._masked(decoding_errors(self.likelihood, x, mean), x, mean)

    def _reconstruction(self, x: Tensor, z: Tensor, c: Tensor) -> Tensor:
        """Return -log p(x|z) in nats."""
        mean = self.reconstruct(z, c)
        nats = decoding_nats(self.likelihood, x, mean, self.spread, self.edges)
        return self._masked(nats, x, mean)

    def code_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Reconstruct x from the bits of a noisy look at it; a light hand on their law.

        Of tables the decoder's linear part has to do so alone, too: what is simple to read from
        bits is simple to use as a feature.
        """
        c = self._embed(x, condition, noise if self.training else None)
        logit, z, codebook_loss = self._look(noise, x, c)
        return self._coded(x, z, self.reconstruct(z, c), logit) + codebook_loss

    def _coded(self, x: Tensor, z: Tensor, mean: Tensor, logit: Tensor) -> Tensor:
        """Return what reconstruction from bits costs, and what keeps their law from collapse."""
        loss = self._error(x, mean) + self.kl_weight * self._kl(logit)
        if isinstance(self.decoder, SkipMLP):
            alone = self.decoder.linear(self._tokens(z))
            loss = loss + LINEAR_WEIGHT * self._error(x, alone)
        return loss

    def _kl(self, logit: Tensor) -> Tensor:
        """Return the divergence of the bits from fair coins, in nats."""
        return (math.log(2) - _entropy(logit)).sum(-1)

    def _look(self, noise: Any, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor | float]:
        """Return the log-odds and the bits of a noisy look at x, and the codebook's loss."""
        logit, target = self.code(x + self.encoder_noise * noise.normal(x), c)
        z = self.binarize(noise, logit)
        self.steps_seen += self.training
        return logit, z, 0.0 if target is None else self._codebook_loss(logit, z, target)

    def fit_spread(self, train: Mapping[str, Tensor], held_out: Mapping[str, Tensor]) -> None:
        """Learn what the decoder's mean leaves out: how much, from rows that chose the weights."""
        if self.likelihood != "bernoulli":
            self.spread.learn(lambda rows: self._errors(**rows), held_out, train)

    def _errors(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return means in the units of the spread, and what they leave out."""

        def mean_of(part: Tensor, given: Tensor | None) -> Tensor:
            c = self._embed(part, given)
            return self.reconstruct(self._bits(part, c), c)

        mean = torch.cat(in_parts(mean_of, x, condition))
        return self._of_frames(x, mean + self.spread.offset), self._of_frames(x, x - mean)

    def _of_frames(self, x: Tensor, rows: Tensor) -> Tensor:
        """Return rows; with lengths, of frames that x has, (n_frames, n_channels)."""
        if not self.has_lengths:
            return rows
        assert self.shape is not None
        there = x.unflatten(1, self.shape)[..., -1] > 0
        return rows.unflatten(1, self.shape)[..., :-1][there]

    def diffusion_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Learn p(z) with the encoder held, or p(x) of bits; of tables, p(z) of a noisy look.

        The decoder knows these bits, too, and few rows are learnt less by heart. Images would come
        out as if seen through the noise.
        """
        c = self._embed(x, condition, noise if self.training else None)
        if self.encoder is None:
            z = x
        else:
            z = self._bits(x if self.shape else x + self.encoder_noise * noise.normal(x), c)
        entropy, bound = self._prior_losses(noise, x, z, c)
        return entropy + self.vlb_weight * bound

    def _prior_losses(self, noise: Any, x: Tensor, z: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Return cross-entropy and bound of the diffusion, with part of x in sight."""
        context, held = self._evident(x, sight(noise, x, None), c)
        return self.diffusion.losses(noise, z, context, held)

    def joint_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Learn the code, and the law of its bits, whose loss counts there with a small weight.

        Judged, rather than descended, it is the bound: bits that tell nothing are easily foretold.
        """
        c = self._embed(x, condition, noise if self.training else None)
        if not self.training:
            z = self._bits(x, c)
            mean = self.reconstruct(z, c)
            if self.likelihood == "bernoulli":
                error = self._error(x, mean)
            else:
                # The best variance of each column is that of these rows.
                variance = (x - mean).square().mean(0)
                log_var = variance.clamp(min=math.exp(SMALLEST_LOG_VARIANCE)).log()
                error = self._masked(normal_loss(x, mean, log_var), x, mean)
            return error + self._prior_losses(noise, x, z, c)[1]
        logit, z, loss = self._look(noise, x, c)
        mean = self.reconstruct(z, c)
        share = torch.full_like(z[0, 0], JOINT_SHARE * rising(self.steps_seen, self.rising_steps))
        # Where errors are half squares, as if of variance 1, the bound's weight is their variance.
        if self.likelihood != "bernoulli":
            errors = self._of_frames(x, x - mean.detach())
            share = share * errors.square().mean().clamp(max=1.0)
        self.diffusion.law.follow(z.detach())
        entropy, bound = self._prior_losses(noise, x, z.detach() + share * (z - z.detach()), c)
        return self._coded(x, z, mean, logit) + loss + entropy + self.vlb_weight * bound

    def likelihood_of(self, x: Tensor, condition: Tensor | None) -> Callable[[Any], Tensor]:
        """Return the bound with nothing left out, of a noise: what `score` reports."""
        c = self._embed(x, condition)
        context, held = self._evident(x, None, c)
        z = x if self.encoder is None else self._bits(x, c)
        loss = 0.0 if self.encoder is None else self._reconstruction(x, z, c)
        return lambda noise: loss + self.diffusion.losses(noise, z, context, held)[1]

    # What is seen of a row.

    def _evident(self, x: Tensor, seen: Tensor | None, c: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the context of the diffusion, and which bits are held."""
        if self.evidence is None:
            return c, seen
        seen = torch.zeros_like(x) if seen is None else seen
        told = self.evidence(stack(self.shape, x * seen, seen))
        return torch.cat([told, c], -1), None

    # What the estimator calls.

    def probabilities(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """Return the probabilities of the bits of many rows, without gradients."""
        if self.encoder is None:
            return x
        return torch.cat(in_parts(self.encode, x, condition))

    def use(self, x: Tensor, condition: Tensor | None = None) -> dict[str, float]:
        """Return how many bits are neither dead nor copies, and the mean entropy of a bit."""
        bits = (self.probabilities(x, condition) > 0.5).double()
        mean = bits.mean(0)
        alive = (mean > RARE) & (mean < 1 - RARE)
        centred = (bits - mean) / (mean * (1 - mean)).sqrt().clamp(min=1e-6)
        correlation = (centred.T @ centred / len(bits)).abs().triu(1)
        copies = (correlation > 0.99).any(0)
        return {
            "active_bits": float((alive & ~copies).sum()),
            "code_entropy": float(entropy(mean).mean()),
        }

    def fit_law(self, x: Tensor, condition: Tensor | None = None) -> None:
        """Tell the diffusion what is known of the law of the bits beforehand."""
        self.diffusion.law.fit(self.probabilities(x, condition))

    def encode(self, x: Tensor, condition: Tensor | None, **_: Any) -> Tensor:
        """Return the probabilities that the bits are 1."""
        if self.encoder is None:
            return x
        return torch.sigmoid(self.code(x, self._embed(x, condition))[0])

    def decode(self, z: Tensor, condition: Tensor | None, **_: Any) -> Tensor:
        """Return the decoder's mean, of bits the likelier value."""
        if self.decoder is None:
            return z
        mean = self.reconstruct(z, self._embed(z, condition))
        if self.likelihood == "bernoulli":
            return self._present((torch.sigmoid(mean) > 0.5).to(mean.dtype), mean)
        return self._present(mean, mean)

    def _present(self, rows: Tensor, mean: Tensor) -> Tensor:
        """Give rows the likeliest length under a mean; of rows without lengths, all of them."""
        if not self.has_lengths:
            return rows
        assert self.shape is not None
        frames = rows.unflatten(1, self.shape)
        there = mean.unflatten(1, self.shape)[..., -1]
        # Log-odds of presence add up as far as the sequence goes; one frame at least.
        length = there.cumsum(1).argmax(1, keepdim=True)
        steps = torch.arange(self.shape[0], device=rows.device)
        present = (steps <= length).to(rows.dtype)[..., None]
        return torch.cat([frames[..., :-1] * present, present], -1).flatten(1)

    def _draw_row(
        self, noise: Any, z: Tensor, c: Tensor, draw_noise: bool, given: Tensor | None
    ) -> Tensor:
        """Draw x given z; of given rows, the frames that are there are known."""
        if self.decoder is None:
            return z
        mean = self.reconstruct(z, c)
        rows = draw_decoded(self.likelihood, noise, mean, self.spread, draw_noise)
        return self._present(rows, mean if given is None else 2 * given - 1)

    def sample(
        self,
        noise: Any,
        n: int,
        condition: Tensor | None,
        *,
        n_steps: int,
        temperature: float,
        draw_noise: bool,
        guidance_scale: float = 0.0,
        x: Tensor | None = None,
        seen: Tensor | None = None,
    ) -> Tensor:
        """Draw bits, all or those that are not seen, then a row given them."""
        like = self.diffusion.law.logits.new_empty(n, self.n_bits)
        given, x = x, like.new_zeros(n, self.n_features) if x is None else x
        c = self._embed(like, condition)
        context, held = self._evident(x, seen, c)
        context_0 = None
        if guidance_scale > 0:
            context_0, _ = self._evident(x, seen, self._embed(like, None))

        def predict(z: Tensor, k: Tensor) -> Tensor:
            logit = self.diffusion.predict(z, k, context, held)
            if context_0 is not None:
                other = self.diffusion.predict(z, k, context_0, held)
                logit = logit + guidance_scale * (logit - other)
            # What z_t says of itself is as good as it is; what is tempered is the rest, the law.
            told = (2 * z - 1) * log_odds(k)
            return told + (logit - told) / temperature

        z = (noise.uniforms(like) < 0.5).to(like.dtype)
        if held is not None:
            z = torch.where(held > 0, x, z)
        z = self.diffusion.run(noise, z, predict, n_steps, held)
        return self._draw_row(noise, z, c, draw_noise, given)

    def impute(
        self,
        noise: Any,
        x: Tensor,
        observed: Tensor,
        condition: Tensor | None,
        **options: Any,
    ) -> Tensor:
        """Draw bits given what is observed, then what is missing given the bits."""
        seen = observed.to(x.dtype)
        return self.sample(noise, len(x), condition, x=x, seen=seen, **options)


def _entropy(logit: Tensor) -> Tensor:
    """Return the entropy of bits with given log-odds, in nats; smooth everywhere."""
    return F.softplus(logit) - logit * torch.sigmoid(logit)


class BinaryLatentDiffusion(LatentMixin, LikelihoodMixin, BaseGenerativeModel):
    """Binary autoencoder with a Bernoulli diffusion over its codes.

    Gives every row a code of bits (`transform`), draws new rows (`sample`), scores rows by a lower
    bound of their log-likelihood (`score_samples`) and fills in missing entries (`impute`). On
    binary data it works without an autoencoder: ``autoencoder=None``.

    Parameters
    ----------
    n_bits : int, default=None
        Bits of a row's code. None takes 8 for each column, and at most 64: the law of more bits
        than the data need is harder to learn, and the score pays. Where a code has positions, as
        for images and sequences, they share the bits evenly, and the number is rounded up to a
        multiple of theirs. Not used without an autoencoder.
    autoencoder : {"stochastic", "threshold", "relaxed"} or None, default="stochastic"
        How training makes bits of the encoder's probabilities: drawn, by noise that fades until the
        likelier value is left, or that value from the start, both with straight-through gradients;
        or relaxed to numbers between 0 and 1, at a temperature that falls from 1 to 0.3. Noise and
        temperature have fallen after 70% of the steps. None runs the diffusion on the data
        themselves, which must have two values a column.
    likelihood : {"gaussian", "bernoulli", "discrete"}, default="gaussian"
        What the decoder gives: a normal law of every column, with a variance that held-out rows
        show for each height of the mean; a probability for columns of two values; or the same
        normal law rounded to the levels of each column, whose score is a probability.
    levels : array-like of shape (n_levels,), default=None
        The levels of discrete and binary data; None takes the values that each column has in
        `fit`, and for a table of zeros and ones, or of any two values, both in each column. Rows
        to be scored may have further levels, see Notes.
    output : {"bits", "probability", "packed"}, default="bits"
        What `transform` returns: bits as 0 and 1, the probabilities that they are 1, or eight bits
        in an unsigned byte. `inverse_transform` takes each of them.
    code : {"frame", "frames", "sequence"}, default="frames"
        For sequences: a code for each frame, for chunks of four frames, or one for the sequence as
        a whole, by attention.
    codebook_dim : int, default=None
        If given, a position's bits choose rows of a learned codebook of this width, and the
        decoder reads their sum (BinaryVQ).
    target : {"direct", "residual"}, default="direct"
        What the diffusion predicts: a bit's value, or that it has flipped.
    schedule : {"cosine", "linear", "sigmoid"}, default="cosine"
        How the memory of a bit fades with time.
    kernel : {"mixture", "plug-in"}, default="mixture"
        The reverse kernel: exact, or the source's, which is biased.
    n_timesteps : int, default=128
        Steps of the diffusion and of its bound.
    n_steps : int, default=None
        Steps of the sampler, from 1 to `n_timesteps`; None takes all.
    temperature : float, default=1.0
        Samples are drawn as if from the law of the bits raised to 1/temperature: below 1 likelier
        rows. Exact for independent bits.
    vlb_weight : float, default=0.1
        Weight of the variational bound beside the cross-entropy.
    kl_weight : float, default=0.01
        Weight of the KL of the bits from fair coins, beside half the squared error of the scaled
        row, or its cross-entropy.
    encoder_noise : float, default=None
        Standard deviation of the noise on the encoder's input in training, as a share of that of
        the data along their first principal axis, and at most that of a column. Noise makes
        neighbours share their code, and hides what varies little. None takes 0.1 for tables of more
        than 1,000 rows with four bits of code or more for each column, and 0.28 otherwise. Columns
        of two values get none.
    joint : bool, default=False
        Whether the code is learnt with a share of the gradient of the law of its bits, for bits
        that can be foretold, before the diffusion goes on alone; or one after the other.
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
        Units of a hidden layer on tables. None takes 64 for up to 128 rows and 128 for more; for
        ``autoencoder=None`` on up to 64 columns, each of which has a small network of its own, 32.
    max_steps : int, default=None
        Gradient steps of each stage. None takes 60, and 4 more for each row beyond 100, up to
        3,000; up to 64 columns of bits without an autoencoder take twice as many where 10,000 rows
        or more teach them.
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
        The fitted networks.
    nets_ : list of skorch.NeuralNet
        The net of each training stage; not kept by pickling.
    history_ : list of dict
        One row an evaluation: stage, step, losses, seconds; after the stage that learns the code,
        ``active_bits``, those neither constant nor copies of others, and ``code_entropy``, the
        mean entropy of a bit in nats, at most 0.693.
    n_bits_ : int
        Bits of a row's code.
    n_steps_ : int
        Gradient steps taken by the last fit.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them.

    Notes
    -----
    A level that a column has in no row of `fit` has a small probability. Of n rows, each column
    keeps ``1 / (n + 1)`` of its probability for such levels: for the other one of a binary
    column, or for up to 256 of them nearest to each level of `fit`, of whose probability they
    take their shares. So the probabilities of all levels sum to one at most. A new level of
    discrete data is encoded as the nearest one of `fit`; none is ever drawn. With ``levels``
    given, discrete data have no others.

    References
    ----------
    Wang, Wang, Liu and Chen, "Binary latent diffusion", CVPR 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgen import BinaryLatentDiffusion
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = BinaryLatentDiffusion(n_bits=16, random_state=0).fit(X)
    >>> model.sample(5).shape
    (5, 4)
    >>> model.transform(X)[0].shape
    (16,)
    >>> model.set_params(output="packed").transform(X).nbytes
    300
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseGenerativeModel._parameter_constraints,
        "n_bits": [Interval(Integral, 1, None, closed="left"), None],
        "autoencoder": [StrOptions({"stochastic", "threshold", "relaxed"}), None],
        "likelihood": [StrOptions({"gaussian", "bernoulli", "discrete"})],
        "levels": ["array-like", None],
        "output": [StrOptions({"bits", "probability", "packed"})],
        "code": [StrOptions({"frame", "frames", "sequence"})],
        "codebook_dim": [Interval(Integral, 1, None, closed="left"), None],
        "target": [StrOptions({"residual", "direct"})],
        "schedule": [StrOptions(set(SCHEDULES))],
        "kernel": [StrOptions(set(KERNELS))],
        "n_timesteps": [Interval(Integral, 1, None, closed="left")],
        "n_steps": [Interval(Integral, 1, None, closed="left"), None],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "vlb_weight": [Interval(Real, 0, None, closed="left")],
        "kl_weight": [Interval(Real, 0, None, closed="left")],
        "encoder_noise": [Interval(Real, 0, None, closed="left"), None],
        "joint": ["boolean"],
        "hidden_units": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        n_bits=None,
        *,
        autoencoder="stochastic",
        likelihood="gaussian",
        levels=None,
        output="bits",
        code="frames",
        codebook_dim=None,
        target="direct",
        schedule="cosine",
        kernel="mixture",
        n_timesteps=128,
        n_steps=None,
        temperature=1.0,
        vlb_weight=0.1,
        kl_weight=0.01,
        encoder_noise=None,
        joint=False,
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
        self.n_bits = n_bits
        self.autoencoder = autoencoder
        self.likelihood = likelihood
        self.levels = levels
        self.output = output
        self.code = code
        self.codebook_dim = codebook_dim
        self.target = target
        self.schedule = schedule
        self.kernel = kernel
        self.n_timesteps = n_timesteps
        self.n_steps = n_steps
        self.temperature = temperature
        self.vlb_weight = vlb_weight
        self.kl_weight = kl_weight
        self.encoder_noise = encoder_noise
        self.joint = joint
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
    def _likelihood(self):
        return "bernoulli" if self.autoencoder is None else self.likelihood

    # The networks.

    def _build_module(self, rows, generator):
        (n, d), n_condition = rows.x.shape, rows.n_condition
        c = CONDITION_FEATURES if n_condition else 0
        width = self.hidden_units or (64 if n <= 128 else 128)
        row_map = self.row_map_
        shape = row_map.shape
        has_code = self.autoencoder is not None
        encoder = decoder = evidence = codebook = None
        n_positions, n_bits = 1, d
        with torch.device("meta"):
            if has_code:
                n_positions, n_bits = self._count_bits(shape)
                each = n_bits // n_positions
                n_told = each + (self.codebook_dim or 0)
                n_read = self.codebook_dim or each
                encoder, decoder = self._autoencoder(
                    shape, d, n_positions, n_told, n_read, c, width
                )
                if self.codebook_dim is not None:
                    codebook = nn.Linear(each, self.codebook_dim, bias=False)
                evidence = (
                    ResidualMLP(2 * d, EVIDENCE_FEATURES, width=width, depth=1)
                    if shape is None
                    else ConvEncoder(stacked(shape), EVIDENCE_FEATURES)
                )
            n_context = NOISE_FEATURES + (EVIDENCE_FEATURES if has_code else 0) + c
            if n_positions > 1:
                network = Transformer(n_positions, each, each, n_context, zero_output=True)
            elif not has_code and shape is None and d <= APART_COLUMNS:
                units = self.hidden_units or APART_UNITS
                network = ApartMLP(2 * d, d, n_context, width=units)
            elif has_code or shape is None:
                n_in = n_bits if has_code else 2 * n_bits
                network = ResidualMLP(n_in, n_bits, n_context, width=width, zero_output=True)
            else:
                network = UNet(stacked(shape), n_context)
            denoiser = _Denoiser(network, n_bits, shape, not has_code)
            diffusion = BernoulliDiffusion(
                denoiser, n_bits, self.schedule, self.target, self.kernel, self.n_timesteps
            )
            embedding = ConditionEmbedding(n_condition, c) if n_condition else None
        kind = self._likelihood
        module = _BinaryLatentDiffusion(
            diffusion,
            encoder,
            decoder,
            evidence,
            codebook,
            embedding,
            Spread(1 if row_map.columns_alike else d, row_map.offset(), correlated=shape is None),
            n_features=d,
            n_bits=n_bits,
            n_positions=n_positions,
            shape=shape,
            has_lengths=row_map.frames is not None,
            block_size=256 if shape is None else 64,
            binarization=self.autoencoder,
            likelihood=kind,
            edges=row_map.edges(),
            kl_weight=float(self.kl_weight),
            vlb_weight=float(self.vlb_weight),
            encoder_noise=0.0 if kind == "bernoulli" else self._input_noise(rows.x, n_bits),
            condition_dropout=float(self.condition_dropout),
            fading_steps=max(1, round(FADING_SHARE * self._n_stage_steps(n))),
            rising_steps=max(1, round(RISING_SHARE * self._n_stage_steps(n))),
        )
        initialize(module, generator)
        return module

    def _input_noise(self, rows, n_bits):
        share = self.encoder_noise
        if share is None:
            # A code with room for what every column says is not to be kept from it; but few rows
            # would be learnt by heart.
            n, d = rows.shape
            roomy = n > MANY_ROWS and n_bits >= AMPLE_BITS * d
            share = AMPLE_BITS_NOISE if roomy and self.input_shape is None else ENCODER_NOISE
        return input_noise(rows, float(share))

    def _halvings(self, shape):
        return None if len(shape) == 3 else {"frame": 0, "frames": 2}[self.code]

    def _count_bits(self, shape):
        """Return the positions of the code, and its bits."""
        n_bits = min(MAX_BITS, BITS_PER_COLUMN * self.n_features_in_)
        n_bits = n_bits if self.n_bits is None else self.n_bits
        if shape is None:
            return 1, n_bits
        if len(shape) == 2 and self.code == "sequence":
            n_positions = min(SEQUENCE_TOKENS, n_bits)
        else:
            n_positions = MapEncoder(shape, 1, n_halvings=self._halvings(shape)).n_positions
        return n_positions, n_positions * math.ceil(n_bits / n_positions)

    def _autoencoder(self, shape, d, n_positions, n_told, n_read, c, width):
        """Return encoder and decoder, of what a position is told and what it reads."""
        if shape is None:
            return SkipMLP(d, n_told, c, width, 2), SkipMLP(n_read, d, c, width, 1)
        if len(shape) == 2 and self.code == "sequence":
            return (
                _WholeEncoder(shape, n_positions, n_told, c),
                _WholeDecoder(shape, n_positions, n_read, c),
            )
        halvings = self._halvings(shape)
        return (
            MapEncoder(shape, n_told, c, n_halvings=halvings),
            MapDecoder(shape, n_read, c, n_halvings=halvings),
        )

    def _stages(self, module, train, valid, noise):
        def stage(name, loss, parts, watched=False, **plan):
            parameters = [p for part in parts if part is not None for p in part.parameters()]
            diagnose = (lambda: module.use(**train)) if watched else dict
            return Stage(name, loss, module, parameters, train, valid, diagnose=diagnose, **plan)

        coder = [module.encoder, module.decoder, module.codebook, module.embedding]
        held_out = train if valid is None else valid
        prior = [module.diffusion, module.evidence]
        if self.autoencoder is None:
            if not module.settled:
                module.fit_law(**train)
            module.settled = True
            plan = {}
            if isinstance(module.diffusion.network.network, ApartMLP):
                plan["pace"] = APART_PACE
                many = valid is not None and len(train["x"]) >= APART_MANY_ROWS
                if many and self.max_steps is None:
                    plan = {"pace": APART_LONG_PACE, "effort": APART_EFFORT}
            yield stage("diffusion", module.diffusion_loss, [*prior, module.embedding], **plan)
            return
        if not module.settled:
            # Later pieces of data keep the code: decoder and diffusion speak its language.
            name, loss, parts = "code", module.code_loss, coder
            if self.joint:
                name, loss, parts = "joint", module.joint_loss, [*coder, *prior]
            code = stage(name, loss, parts, watched=True)
            interrupted = yield code
            module.fit_law(**train)
            module.fit_spread(train, held_out)
            module.settled = not interrupted
        yield stage("diffusion", module.diffusion_loss, prior, watched=True)

    def _finish_fit(self):
        self.n_bits_ = self.module_.n_bits

    # What users call.

    def fit(self, X, y=None, *, condition=None, lengths=None):
        """Learn the law of the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to learn from, in any units.
        y : None
            Ignored: a label is never read unless asked for by name, as ``condition``.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            Labels of any type, or real vectors, to learn p(x | condition).
        lengths : array-like of shape (n_samples,), default=None
            For sequences of unequal length: how many frames of each are there. What lies beyond
            them in X is not read, and the model learns the lengths too.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, the data, the condition or a length cannot be used; the message says
            which.
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
        return self._fit(Data(X, condition, lengths))

    def partial_fit(self, X, y=None, *, condition=None, lengths=None):
        """Go on learning from a piece of the data.

        The first piece fixes scaling, labels and codes. Every call trains each stage for
        ``max_steps`` gradient steps, by default for 60 and one more for each row beyond 100, up to
        3,000. What is used is a moving average of the weights after each piece.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A piece of the data.
        y : None
            Ignored.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of the piece, if the first had one.
        lengths : array-like of shape (n_samples,), default=None
            Frames of each sequence that are there, from 1; what lies beyond them in X is not read.
            None means all.

        Returns
        -------
        self : object
            The estimator, trained further.
        """
        return self._fit(Data(X, condition, lengths), partial=True)

    def fit_transform(self, X, y=None, *, condition=None, lengths=None):
        """Fit to X and return its codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to learn from.
        y : None
            Ignored.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        lengths : array-like of shape (n_samples,), default=None
            Frames of each sequence that are there, from 1; what lies beyond them in X is not read.
            None means all.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_bits)
            The code of each row.
        """
        self.fit(X, y, condition=condition, lengths=lengths)
        return self.transform(X, condition=condition, lengths=lengths)

    def transform(self, X, *, condition=None, lengths=None):
        """Map rows to their codes; deterministic.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        lengths : array-like of shape (n_samples,), default=None
            Frames of each sequence that are there, from 1; what lies beyond them in X is not read.
            None means all.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_bits), or a column for every eight bits
            Bits, their probabilities, or bytes, as ``output`` asks.
        """
        return self._encode_rows(Data(X, condition, lengths))

    def score_samples(self, X, *, condition=None, lengths=None):
        """Return a lower bound of the log-likelihood of each row, in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        lengths : array-like of shape (n_samples,), default=None
            Frames of each sequence that are there, from 1; what lies beyond them in X is not read.
            None means all.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            Deterministic. A log-density in the units of X, or, for discrete and binary data, a
            log-probability; with lengths, of the sequence and its length.
        """
        return self._score_rows(Data(X, condition, lengths))

    def score(self, X, y=None, *, condition=None, lengths=None):
        """Return the mean of `score_samples`: higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data.
        y : None
            Ignored.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        lengths : array-like of shape (n_samples,), default=None
            Frames of each sequence that are there, from 1; what lies beyond them in X is not read.
            None means all.

        Returns
        -------
        score : float
            Mean lower bound of the log-likelihood, in nats a row.
        """
        return float(np.mean(self.score_samples(X, condition=condition, lengths=lengths)))

    def sample(
        self,
        n_samples=1,
        *,
        condition=None,
        guidance_scale=0.0,
        n_steps=None,
        random_state=None,
        return_lengths=False,
    ):
        """Draw new rows: a code from the diffusion, then a row given the code.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        condition : scalar or array-like of shape (n_samples,) or (n_samples, n_columns)
            What to condition on; a scalar serves all rows. None draws without a condition.
        guidance_scale : float, default=0.0
            Classifier-free guidance: predicted log-odds move this many times the difference that
            the condition makes beyond the conditional ones. 0 draws from the conditional law; more
            makes rows easier to tell from those of other conditions, and moves their means.
        n_steps : int, default=None
            Number of sampling steps, at most ``n_timesteps``; None takes the constructor's.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the constructor's. A seed gives the same rows, whatever the
            number drawn with it: ``sample(10)`` is the head of ``sample(1000)``.
        return_lengths : bool, default=False
            Whether to return how long each sequence is, too; of a model fitted with lengths.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features)
            New rows, in the units of the training data. Of a table, the decoder's mean and an
            error as held-out rows have it; of images and sequences the mean, and zero beyond
            their length.
        lengths : ndarray of shape (n_samples,)
            Frames of each sequence, if ``return_lengths``.
        """
        if not return_lengths:
            return self._sample(n_samples, condition, guidance_scale, n_steps, random_state)
        check_is_fitted(self)
        frames = self.row_map_.frames
        if frames is None:
            raise ValueError(
                "return_lengths=True needs a model of sequences of unequal length: fit it with "
                "lengths=."
            )
        n_samples, encoded = self._check_draw(n_samples, condition, guidance_scale, n_steps)
        rows = self._draw(n_samples, encoded, guidance_scale, n_steps, random_state)
        return self._drawn(rows, guidance_scale), frames.split(rows)[1].numpy()

    def impute(
        self, X, *, n_draws=1, condition=None, n_steps=None, random_state=None, lengths=None
    ):
        """Draw the missing entries of X given the observed ones.

        The diffusion draws bits given the observed entries, which it has learnt to do in training,
        and the decoder the missing entries given the bits: exact as far as both are. Binary data
        without an autoencoder have their observed bits held from the start.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with NaN where an entry is missing.
        n_draws : int, default=1
            Number of completions of each row; analyses of the completed tables, one by one, are
            pooled as those of multiple imputation.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        n_steps : int, default=None
            Number of sampling steps; None takes the model's own.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the constructor's.
        lengths : array-like of shape (n_samples,), default=None
            Frames of each sequence that are there, from 1; what lies beyond them in X is not read.
            None means all.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features), or ``n_draws`` of them
            The completed table; observed entries come back as they were given, and entries that
            are missing beyond a length as zero. With ``n_draws`` above 1, as many tables, each as
            a single draw would be: ``X[k]`` is the k-th in an array of shape (n_draws, n_samples,
            n_features), or in a list of frames where ``set_output`` asks for frames.
        """
        return self._impute(Data(X, condition, lengths), n_draws, n_steps, random_state)

    @property
    def _n_features_out(self) -> int:
        n_bits = self.module_.n_bits
        return -(-n_bits // 8) if self.output == "packed" else n_bits

    def _sampling_options(self) -> dict[str, Any]:
        return {
            "n_steps": self.n_steps or self.n_timesteps,
            "temperature": float(self.temperature),
            "draw_noise": self.input_shape is None,
        }

    @property
    def _most_sampling_steps(self):
        return self.n_timesteps

    def _from_latent(self, rows):
        if self.output == "probability":
            return rows
        bits = rows > 0.5
        return np.packbits(bits, axis=1) if self.output == "packed" else bits.astype(rows.dtype)

    def _check_latent(self, X):
        check_is_fitted(self)
        Z = np.asarray(X)
        n_bits = self.module_.n_bits
        n_bytes = -(-n_bits // 8)
        if Z.ndim == 2 and Z.shape[1] == n_bytes and (n_bytes < n_bits or self.output == "packed"):
            if not np.isin(Z, np.arange(256)).all():
                raise ValueError(
                    f"{n_bytes} columns are packed bits, eight in a byte: whole numbers from 0 to "
                    "255."
                )
            bits = np.unpackbits(Z.astype(np.uint8), axis=1, count=n_bits)
            return bits.astype(self.row_map_.dtype)
        Z = check_array(X, dtype=[np.float64, np.float32], input_name="X", estimator=self)
        if Z.shape[1] != n_bits:
            raise ValueError(
                f"inverse_transform takes the {n_bits} bits that transform returns, or "
                f"{n_bytes} bytes of packed ones, got {Z.shape[1]} columns."
            )
        outside = np.argwhere((Z < 0) | (Z > 1))
        if len(outside):
            row, column = outside[0]
            raise ValueError(
                f"X[{row}, {column}] is {Z[row, column]}; a bit, or its probability, is between 0 "
                "and 1."
            )
        return (Z > 0.5).astype(Z.dtype)
