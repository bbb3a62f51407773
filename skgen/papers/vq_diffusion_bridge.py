r"""A vector-quantised autoencoder, and a prior of its codes: a diffusion bridge learnt with it.

An encoder gives each of N tokens a latent :math:`z_e`, which the nearest code of a codebook,
:math:`e_k`, replaces; a decoder gives :math:`p(x|e_k)`, and the bridge of
:mod:`skgen.papers.code_priors` the prior :math:`p(k)`:

.. math::

    \log p(x) \ge E_{q(k|x)}\big[ \log p(x|e_k) + \log p(k) \big] + H\big(q(k|x)\big),

with the bridge's own bound in the place of :math:`\log p(k)`. Encoder, decoder, codebook and prior
are learnt at once (`joint_loss`): the prior's gradient goes on to the encoder, straight through the
codes, and favours codes that the prior can predict. Latents are normalised to the mean and variance
of the process, 0 and 1, so that small latents do not reduce the loss instead. Tables whose columns
have tokens of their own take by default the distribution of :mod:`skgen.papers.column_densities`,
one column after another. It is trained after encoder, decoder and codebook, on values rather than
codes.

In the source the bridge starts from :math:`N(z_e, s^2 I)`. Here it starts from the code: the
decoder reads nothing of the distance of :math:`z_e` from its code, which would only add to the
bound.

Source: Cohen, Quispe, Le Corff, Ollion and Moulines, *Diffusion bridges vector quantized
variational autoencoders*, ICML 2022; van den Oord, Vinyals and Kavukcuoglu, *Neural discrete
representation learning*, NeurIPS 2017.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgen.networks.mlp import initialize
from skgen.networks.quantizers import Normalizer
from skgen.papers.code_module import CodeModule, RowFacts
from skgen.papers.code_priors import BridgePrior
from skgen.papers.column_densities import ColumnDensities
from skgen.papers.layouts import Columns, stack
from skgen.papers.representation import draw_observed, in_parts, warm_up
from skgen.papers.residuals import ERRORS_PER_BIN

INITIAL_ROWS = 4096
# One row in so many of a batch of images goes through the prior while the code is learnt.
PRIOR_PART = 16
# Weight of the loss term that rewards even use of the codes, for each token of an image. Most of an
# image is background, and without it nearly all tokens would have one of two codes.
EVEN_USE = 0.5
SMALLEST_VARIANCE = 1e-6
# Temperature of the draw of codes, and weight of the squared distance of latents from their codes,
# beside half the squared error of the scaled row.
TAU, COMMITMENT = 0.1, 0.25


class VQDiffusionBridgeModule(CodeModule):
    """Encoder, decoder, codebook and prior of the paper, on scaled rows."""

    prior: Any
    normalizer: Normalizer
    # Whether normaliser and codebook have been taken from data.
    initialized: Tensor

    def __init__(
        self,
        parts: Mapping[str, nn.Module | None],
        rows: RowFacts,
        layout: Columns,
        *,
        quantization: str,
        prior_weight: float,
        **options: Any,
    ):
        super().__init__(parts, rows, rising_share=0.2, **options)
        self.n_tokens, self.is_positionwise = layout.n_positions, layout.is_positionwise
        self.on_map = layout.grid is not None
        self.quantization, self.prior_weight = quantization, prior_weight
        self.register_buffer("initialized", torch.tensor(False, device="cpu"))
        if not isinstance(self.prior, BridgePrior):
            self.score_draws = 1

    # The code.

    def latent(self, x: Tensor, learns: bool = False) -> Tensor:
        """Return what the encoder gives, normalised, (n, n_tokens, embedding_dim)."""
        return self.normalizer(self.encoder(x).unflatten(1, (self.n_tokens, -1)), learns)

    def code(self, x: Tensor) -> Tensor:
        """Return the index of each token's code, (n, n_tokens)."""
        with torch.no_grad():
            return self.codebook.nearest(self.latent(x))

    def codes(self, x: Tensor) -> Tensor:
        """Return the codes of many rows, without gradients."""
        return torch.cat(in_parts(lambda part, _: self.code(part), x, None))

    def spacing(self) -> Tensor:
        """Return the distance between codes, which sets the cleanest noise level."""
        return self.codebook.spacing().clamp(min=1e-3)

    def reconstruct(self, q: Tensor) -> Tensor:
        """Return the decoder's mean, or log-odds, of codes (n, n_tokens, embedding_dim)."""
        return self.decoder(q.flatten(1))

    def mean(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the decoder's mean, or log-odds, of the codes of rows."""
        return self.reconstruct(self.codebook(self.code(x)))

    def usage(self, x: Tensor, **_: Any) -> dict[str, float]:
        """Return the perplexity of the codes, and the share of them that is used at all."""
        index = self.codes(x).flatten().cpu()
        share = torch.bincount(index, minlength=len(self.codebook.use)).double() / len(index)
        return {
            "perplexity": float(torch.special.entr(share).sum().exp()),
            "used_embeddings": float((share > 0).double().mean()),
        }

    # What is learnt without gradients.

    def initialize_code(self, noise: Any, x: Tensor, batch_size: int) -> None:
        """Take normalisation, codebook and frequencies from a first part of the data."""
        if self.initialized:
            return
        with torch.no_grad():
            raw = self._latents(x[:INITIAL_ROWS])
            self.normalizer.initialize(raw)
            h = self.normalizer(raw)
            self.codebook.initialize(noise, h, min(batch_size, len(h)) * self.n_tokens)
            self.fit_frequencies(x[:INITIAL_ROWS])
        self.initialized.fill_(True)

    def _latents(self, x: Tensor) -> Tensor:
        """Return the latents of many rows, not normalised, without gradients."""
        raw = torch.cat(in_parts(lambda part, _: self.encoder(part), x, None))
        return raw.unflatten(1, (self.n_tokens, -1))

    def normalize(self, noise: Any, x: Tensor) -> None:
        """Compute the latents' mean and variance anew: moving averages lag behind the encoder."""
        self.normalizer.initialize(self._latents(self._noisy(noise, x[:INITIAL_ROWS])))

    def fit_frequencies(self, x: Tensor, **_: Any) -> None:
        """Count how often each token has each code."""
        self.prior.fit(self.codes(x))

    def add_new_codes(self, x: Tensor, **_: Any) -> None:
        """Count the codes that a later piece of data has and no earlier one had."""
        self.prior.add_new_codes(self.codes(x))

    def reset_prior(self, generator: torch.Generator) -> None:
        """Draw the prior's weights anew."""
        for part in (self.prior, self.evidence, self.embedding):
            if part is not None:
                initialize(part, generator)

    def fit_residuals(self, train: Mapping[str, Tensor], held_out: Mapping[str, Tensor]) -> None:
        """Learn the residuals: their size from held-out rows, or from all rows in two cases.

        Both need tokens of single columns or frames: where each code stands for many rows, and so
        is not overfitted, and where few rows are held out.
        """
        n_shown = len(train["x"]) * self.n_tokens / len(self.codebook.use)
        few = len(held_out["x"]) < ERRORS_PER_BIN
        all_rows = self.is_positionwise and (n_shown >= 200 or few)
        super().fit_residuals(train, train if all_rows else held_out)

    # Losses: a number for each row.

    def _quantise(self, noise: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Quantise a noisy copy of x.

        Returns
        -------
        index : Tensor of shape (n, n_tokens)
            The codes.
        q, straight : Tensor of shape (n, n_tokens, embedding_dim)
            The codes' rows: as they are, and with the gradient that goes on to the encoder.
        loss : Tensor of shape (n,)
            The distance of latents and codes, minus the entropy of drawn codes.
        """
        h = self.latent(self._noisy(noise, x), self.training)
        loss = h.new_zeros(len(h))
        if self.quantization == "sampled" and self.training:
            # A copy: the codes move before gradients come back.
            code = self.codebook.code.detach().clone()
            logits = -torch.cdist(h, code[None]).square() / TAU
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
            self.codebook.update_ema(noise, h, index)
        distance = (h - q).square().sum((1, 2))
        return index, q, straight, loss + COMMITMENT * distance

    def code_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        r"""Reconstruct x from the codes of a noisy copy of it, without the prior.

        With :math:`\hat x` the decoder's mean and :math:`\beta` the weight of commitment, it is
        :math:`\tfrac12 |x - \hat x(e_k)|^2 + \beta |z_e - e_k|^2`, less ``prior_weight`` times the
        entropy of drawn codes and, on images, `EVEN_USE` times that of their use, for each token.
        """
        _, _, straight, loss = self._quantise(noise, x)
        return self._error(x, self.reconstruct(straight)) + loss

    def decoder_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Reconstruct x from its codes, with the encoder frozen."""
        return self._error(x, self.reconstruct(self.codebook(self.code(x)).detach()))

    def joint_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Reconstruct, and learn the prior of the codes, whose gradient reaches the encoder.

        It is `code_loss` plus the loss of the prior. For validation it is the bound on -log p(x):
        the training loss would prefer codes without information, which are easy to predict. On
        images the prior's loss is computed for some rows of a batch and scaled, so that only the
        mean over the batch is right.
        """
        index, q, straight, loss = self._quantise(noise, x)
        mean = self.reconstruct(straight)
        if not self.training:
            error = self._best_nats(x, mean, SMALLEST_VARIANCE)
            return error + self._prior_loss(noise, x, q, index, condition)
        variance = mean.new_ones(1)
        if self.distribution != "bernoulli":
            variance = (x - mean).detach().square().mean(0).clamp(min=SMALLEST_VARIANCE)
        self.steps_taken += 1
        # The loss has half squared errors, as if their variance were 1. The weight of the bound is
        # then the variance of the errors.
        weight = self.prior_weight * warm_up(int(self.steps_taken), self.rising_steps)
        share = weight * variance.mean().clamp(max=1.0)
        # The share scales the gradient to the encoder, and not that of the prior's own weights.
        z = q + share * (straight - straight.detach())
        self.prior.update_ema(index)
        # On images the prior takes most of the time, and it is trained again after this stage.
        n = math.ceil(len(x) / PRIOR_PART) if self.on_map else len(x)
        part = None if condition is None else condition[:n]
        prior_loss = self._prior_loss(noise, x[:n], z[:n], index[:n], part)
        return self._error(x, mean) + loss + F.pad(prior_loss * (len(x) / n), (0, len(x) - n))

    def prior_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Learn the prior of the codes with the encoder frozen; the loss of the last stage.

        On tables the codes are those of a noisy copy of x: the decoder was trained on such codes,
        and few rows are overfitted less. Images would look noisy.
        """
        index = self.code(x if self.shape else self._noisy(noise, x))
        z = self.codebook(index).detach()
        return self._prior_loss(noise, x, z, index, condition)

    def _prior_loss(
        self, noise: Any, x: Tensor, z: Tensor, index: Tensor, condition: Tensor | None
    ) -> Tensor:
        c = self._embed_to_learn(noise, x, condition)
        evidence = self._evidence(x, draw_observed(noise, x, self.shape))
        code = self.codebook.code.detach()
        return self.prior.loss(noise, z, index, code, self.spacing(), evidence, c)

    def likelihood(self, x: Tensor, condition: Tensor | None, **_: Any) -> Callable[[Any], Tensor]:
        """Return the bound on log p(x), as a function of the noise."""
        index = self.code(x)
        z = self.codebook(index)
        loss = self._nats(x, self.reconstruct(z))
        c = self._embed(x, condition)
        evidence = self._evidence(x, None)
        given = (z, index, self.codebook.code, self.spacing(), evidence, c)
        return lambda noise: -(loss + self.prior.bound(noise, *given))

    # Use.

    def _evidence(self, x: Tensor, observed: Tensor | None) -> Tensor:
        """Return features of the observed entries of each token."""
        observed = torch.zeros_like(x) if observed is None else observed
        shape = (self.n_tokens, -1) if self.is_positionwise else self.shape
        features = self.evidence(stack(shape, x * observed, observed))
        return features.unflatten(1, (self.n_tokens, -1))

    def encode(self, x: Tensor, condition: Tensor | None, **_: Any) -> Tensor:
        """Return the codes, as floating numbers."""
        return self.code(x).to(x.dtype)

    def decode(self, index: Tensor, condition: Tensor | None, **_: Any) -> Tensor:
        """Return the decoder's mean, of bits the likelier value."""
        return self._likeliest(self.reconstruct(self.codebook(index.long())))

    @property
    def most_steps(self) -> int | None:
        """The most steps that `sample` takes; None for any number."""
        return self.prior.n_timesteps if isinstance(self.prior, BridgePrior) else None

    def sample(
        self,
        noise: Any,
        n: int,
        condition: Tensor | None,
        *,
        draw_noise: bool,
        guidance_scale: float = 0.0,
        x: Tensor | None = None,
        observed: Tensor | None = None,
        **options: Any,
    ) -> Tensor:
        """Draw codes, all or given the observed entries of x, then a row given them."""
        x = self.codebook.code.new_zeros(n, self.n_features) if x is None else x
        codes = None
        if self.is_positionwise and observed is not None:
            # Where all entries of a token are observed, its code is known.
            codes = self.code(x), observed.unflatten(1, (self.n_tokens, -1)).amin(-1) > 0
        index = self.prior.draw(
            noise,
            self.codebook.code,
            self.spacing(),
            self._evidence(x, observed),
            (self._embed(x, condition), self._embed(x, None) if guidance_scale > 0 else None),
            guidance_scale=guidance_scale,
            observed=codes,
            **options,
        )
        return self._draw_row(noise, self.reconstruct(self.codebook(index)), draw_noise)


class ColumnwiseVQModule(VQDiffusionBridgeModule):
    """Codes of a table's columns, and the distribution of its rows, which is finer than the codes.

    The code of a number gives the interval that it lies in. The prior is a distribution of the
    numbers themselves, so that their places within the intervals are drawn jointly, too.
    """

    prior: ColumnDensities
    # Where it draws a value that a column repeats, it is that value, to the bit.
    draws_values = True

    def fit_frequencies(self, x: Tensor, **_: Any) -> None:
        """Do nothing: the prior counts cells of its own."""

    def add_new_codes(self, x: Tensor, **_: Any) -> None:
        """Do nothing: the prior has cells for all numbers."""

    def fit_residuals(self, train: Mapping[str, Tensor], held_out: Mapping[str, Tensor]) -> None:
        """Do nothing: neither draws nor scores use the decoder's residuals."""

    def prior_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Learn the distribution of the rows; return a loss for each column."""
        return self.prior.loss(noise, x, condition)

    def likelihood(self, x: Tensor, condition: Tensor | None, **_: Any) -> Callable[[Any], Tensor]:
        """Return log p(x), in nats, whatever the noise."""
        value = self.prior.log_likelihood(x, condition)
        return lambda noise: value

    def sample(self, noise: Any, n: int, condition: Tensor | None, **options: Any) -> Tensor:
        """Draw rows."""
        return self.prior.sample(noise, n, condition, **options)

    def impute(
        self, noise: Any, x: Tensor, observed: Tensor, condition: Tensor | None, **options: Any
    ) -> Tensor:
        """Draw missing entries given the observed ones."""
        return self.prior.impute(noise, x, observed, condition, **options)
