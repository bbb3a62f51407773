r"""A Bernoulli autoencoder, and a Bernoulli diffusion as the prior of its codes.

An encoder gives :math:`q(z|x) = \prod_j B(z_j; p_j(x))` over bits, a decoder :math:`p(x|z)`, and
the diffusion of :mod:`skgen.processes.bernoulli` the prior :math:`p(z)`:

.. math::

    \log p(x) \ge E_{q(z|x)}\Big[ \log p(x|z) - \sum_t
        KL\big(q(z_{t-1}|z_t, z) \,\|\, p(z_{t-1}|z_t)\big) \Big] + H\big(q(z|x)\big).

By default the autoencoder is learnt first, from reconstruction and a light
:math:`KL(q \| B(1/2))`; then, with it frozen, the diffusion learns the prior, for a share of the
rows given part of x: `impute` draws from that. The code of a row, there and in the score, is the
likelier value of each bit: a q without entropy, for which the bound holds as well. Rows of bits
need no autoencoder: the diffusion runs on them. The losses are `code_loss` and `diffusion_loss` of
`BinaryLatentDiffusionModule`, or `joint_loss` for both at once.

Source: Wang, Wang, Liu and Chen, *Binary latent diffusion*, CVPR 2023; van den Oord, Vinyals and
Kavukcuoglu, *Neural discrete representation learning*, NeurIPS 2017, for the codebook's loss.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgen.networks.mlp import SkipMLP
from skgen.papers.bernoulli_diffusion import BernoulliDiffusion
from skgen.papers.code_module import CodeModule, RowFacts
from skgen.papers.layouts import Shape, stack
from skgen.papers.representation import draw_observed, in_parts, warm_up
from skgen.papers.residuals import SMALLEST_LOG_VARIANCE
from skgen.processes.bernoulli import entropy, log_odds

# For joint training: the weight of the prior's loss in the code, in units of the variance of
# residuals.
JOINT_SHARE = 0.1
# Weight of the variational bound beside the cross-entropy of the bits.
VLB_WEIGHT = 0.1
# Weight of what draws the encoder's output to the codebook, beside what draws the codebook to it.
COMMITMENT = 0.25


class BitDenoiser(nn.Module):
    """A network on bits, and on which of them are observed, whatever their layout."""

    def __init__(self, network: nn.Module, n_bits: int, shape: Shape, reads_observed: bool):
        super().__init__()
        self.network, self.n_bits, self.shape = network, n_bits, shape
        self.reads_observed = reads_observed

    def forward(self, sign: Tensor, observed: Tensor | None, context: Tensor) -> Tensor:
        """Map bits as -1 and 1, marks of those observed, and contexts to log-odds."""
        if self.reads_observed:
            sign = stack(self.shape, sign, torch.zeros_like(sign) if observed is None else observed)
        out = self.network(sign, context)
        if self.reads_observed and self.shape is not None and len(self.shape) == 2:
            length, channels = self.shape
            return out.unflatten(1, (length, 2 * channels))[..., :channels].flatten(1)
        return out[:, : self.n_bits]


class BinaryLatentDiffusionModule(CodeModule):
    """Encoder, decoder, codebook and diffusion of the paper, on scaled rows."""

    diffusion: BernoulliDiffusion

    def __init__(
        self,
        parts: Mapping[str, nn.Module | None],
        rows: RowFacts,
        *,
        n_bits: int,
        n_positions: int,
        binarization: str | None,
        kl_weight: float,
        **options: Any,
    ):
        super().__init__(parts, rows, rising_share=0.2, **options)
        self.n_bits, self.n_positions = n_bits, n_positions
        self.has_lengths, self.binarization = rows.has_lengths, binarization
        self.kl_weight = kl_weight
        self.fading_steps = max(1, round(0.7 * rows.n_steps))
        if self.encoder is None:
            # Only the step is random: each is visited once.
            self.score_draws = self.diffusion.n_timesteps

    # The code.

    def code(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the log-odds of the bits, and the encoder's target for the codebook's sums."""
        out = self.encoder(x, c)
        if self.codebook is None:
            return out, None
        out = out.unflatten(1, (self.n_positions, -1))
        n_each = self.codebook.in_features
        return out[..., :n_each].flatten(1), out[..., n_each:].flatten(1)

    def binarize(self, noise: Any, logit: Tensor) -> Tensor:
        """Make bits of log-odds; gradients pass as if they were probabilities.

        In training they are drawn, with noise that fades until only the likelier value is drawn, or
        relaxed to numbers between 0 and 1, at a temperature that falls. Afterwards they are the
        likelier value.
        """
        p = torch.sigmoid(logit)
        level = torch.full_like(p, 0.5)
        if self.training and self.binarization != "threshold":
            share = min(1.0, int(self.steps_taken) / self.fading_steps)
            uniform = noise.uniforms(p)
            if self.binarization == "relaxed":
                temperature = 0.3**share
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
        return self.decoder(self._tokens(z), c)

    def mean(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the decoder's mean, or log-odds, of the codes of rows."""
        c = self._embed(x, condition)
        return self.reconstruct(self._bits(x, c), c)

    def probabilities(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """Return the probabilities of the bits of many rows, without gradients."""
        return x if self.encoder is None else torch.cat(in_parts(self.encode, x, condition))

    def usage(self, x: Tensor, condition: Tensor | None = None) -> dict[str, float]:
        """Return how many bits are neither dead nor copies, and the mean entropy of a bit."""
        bits = (self.probabilities(x, condition) > 0.5).double()
        mean = bits.mean(0)
        # Dead bits are 1 in hardly a row, or in nearly all.
        alive = (mean > 0.01) & (mean < 0.99)
        centred = (bits - mean) / (mean * (1 - mean)).sqrt().clamp(min=1e-6)
        correlation = (centred.T @ centred / len(bits)).abs().triu(1)
        copies = (correlation > 0.99).any(0)
        return {
            "active_bits": float((alive & ~copies).sum()),
            "code_entropy": float(entropy(mean).mean()),
        }

    # Sequences of unequal length, whose last channel is the mask of the frames.

    def _sum(self, errors: Tensor, x: Tensor, mean: Tensor) -> Tensor:
        """Sum the errors of a row's entries; with lengths, without those of the padding."""
        if not self.has_lengths:
            return errors.sum(-1)
        present = x.unflatten(1, self.shape)[..., -1:]
        errors = errors.unflatten(1, self.shape)[..., :-1]
        log_odds = mean.unflatten(1, self.shape)[..., -1:]
        presence = F.binary_cross_entropy_with_logits(log_odds, present, reduction="none")
        return (present * errors).flatten(1).sum(-1) + presence.flatten(1).sum(-1)

    def _present(self, x: Tensor, values: Tensor) -> Tensor:
        """Return values; with lengths, without the padding of x, (n_frames, n_channels)."""
        if not self.has_lengths:
            return values
        is_present = x.unflatten(1, self.shape)[..., -1] > 0
        return values.unflatten(1, self.shape)[..., :-1][is_present]

    def _with_length(self, rows: Tensor, mean: Tensor) -> Tensor:
        """Give rows the likeliest length under a mean; of rows without lengths, all of them."""
        if not self.has_lengths:
            return rows
        # The likeliest length has the largest sum of log-odds of presence; one frame at least.
        log_odds = mean.unflatten(1, self.shape)[..., -1]
        last = log_odds.cumsum(1).argmax(1, keepdim=True)
        frames = rows.unflatten(1, self.shape)
        steps = torch.arange(frames.shape[1], device=rows.device)
        present = (steps <= last).to(rows.dtype)[..., None]
        return torch.cat([frames[..., :-1] * present, present], -1).flatten(1)

    # Losses: a number for each row.

    def code_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        r"""Reconstruct x from the bits of a noisy copy; the loss of the first stage.

        With :math:`\hat x(z)` the decoder's mean and :math:`\beta` the ``kl_weight``, it is
        :math:`\tfrac12 |x - \hat x(z)|^2 + \beta\,KL(q(z|x) \| B(1/2))`, or the cross-entropy in
        place of the squared error for binary data. On tables a quarter of the error of the
        decoder's linear part alone is added: it makes bits that are simple to use as features. With
        a codebook, the distance of its sums from what the encoder gives is added, and a thousandth
        of the expected number of ones, so that few of its rows are summed.
        """
        c = self._embed_to_learn(noise, x, condition)
        logit, z, codebook_loss = self._noisy_code(noise, x, c)
        return self._coding_loss(x, z, self.reconstruct(z, c), logit) + codebook_loss

    def _noisy_code(
        self, noise: Any, x: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | float]:
        """Return the log-odds and the bits of a noisy copy of x, and the codebook's loss."""
        logit, target = self.code(self._noisy(noise, x), c)
        z = self.binarize(noise, logit)
        self.steps_taken += self.training
        if target is None:
            return logit, z, 0.0
        q = self._tokens(z.detach())
        near = (q - target.detach()).square() + COMMITMENT * (q.detach() - target).square()
        return logit, z, near.sum(-1) + 1e-3 * torch.sigmoid(logit).sum(-1)

    def _coding_loss(self, x: Tensor, z: Tensor, mean: Tensor, logit: Tensor) -> Tensor:
        """Return the error of the reconstruction from bits, and their KL from fair coins."""
        loss = self._error(x, mean) + self.kl_weight * self._kl(logit)
        if isinstance(self.decoder, SkipMLP):
            alone = self.decoder.linear(self._tokens(z))
            loss = loss + 0.25 * self._error(x, alone)
        return loss

    def _kl(self, logit: Tensor) -> Tensor:
        """Return the divergence of the bits from fair coins, in nats; smooth everywhere."""
        return (math.log(2) - (F.softplus(logit) - logit * torch.sigmoid(logit))).sum(-1)

    def diffusion_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Learn p(z) with the encoder frozen, or p(x) of bits; the loss of the last stage.

        It is the cross-entropy of the bits, and a part of their bound:
        `BernoulliDiffusion.losses`. On tables the bits are those of a noisy copy of x: the decoder
        was trained on such bits, and few rows are overfitted less. Images would look noisy.
        """
        c = self._embed_to_learn(noise, x, condition)
        z = x
        if self.encoder is not None:
            z = self._bits(x if self.shape else self._noisy(noise, x), c)
        entropy, bound = self._prior_losses(noise, x, z, c)
        return entropy + VLB_WEIGHT * bound

    def _prior_losses(self, noise: Any, x: Tensor, z: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Return cross-entropy and bound of the diffusion, with part of x observed."""
        context, observed = self._inputs(x, draw_observed(noise, x, None), c)
        return self.diffusion.losses(noise, z, context, observed)

    def joint_loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Learn the code and the prior of its bits, whose gradient reaches the code a little.

        It is `code_loss` plus `diffusion_loss` of the bits that training makes. For validation it
        is the bound on -log p(x). The training loss would prefer bits without information, which
        are easy to predict.
        """
        c = self._embed_to_learn(noise, x, condition)
        if not self.training:
            z = self._bits(x, c)
            error = self._best_nats(x, self.reconstruct(z, c), math.exp(SMALLEST_LOG_VARIANCE))
            return error + self._prior_losses(noise, x, z, c)[1]
        logit, z, loss = self._noisy_code(noise, x, c)
        mean = self.reconstruct(z, c)
        weight = JOINT_SHARE * warm_up(int(self.steps_taken), self.rising_steps)
        share = torch.full_like(z[0, 0], weight)
        # The loss has half squared errors, as if their variance were 1. The weight of the bound is
        # then the variance of the errors.
        if self.distribution != "bernoulli":
            errors = self._present(x, x - mean.detach())
            share = share * errors.square().mean().clamp(max=1.0)
        self.diffusion.frequencies.update_ema(z.detach())
        entropy, bound = self._prior_losses(noise, x, z.detach() + share * (z - z.detach()), c)
        return self._coding_loss(x, z, mean, logit) + loss + entropy + VLB_WEIGHT * bound

    def likelihood(self, x: Tensor, condition: Tensor | None, **_: Any) -> Callable[[Any], Tensor]:
        """Return the bound on log p(x), as a function of the noise."""
        c = self._embed(x, condition)
        context, observed = self._inputs(x, None, c)
        z = x if self.encoder is None else self._bits(x, c)
        loss = 0.0 if self.encoder is None else self._nats(x, self.reconstruct(z, c))
        return lambda noise: -(loss + self.diffusion.losses(noise, z, context, observed)[1])

    # Use.

    def _inputs(
        self, x: Tensor, observed: Tensor | None, c: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return the context of the diffusion, and which of its bits are observed."""
        if self.evidence is None:
            return c, observed
        observed = torch.zeros_like(x) if observed is None else observed
        features = self.evidence(stack(self.shape, x * observed, observed))
        return torch.cat([features, c], -1), None

    def fit_frequencies(self, x: Tensor, condition: Tensor | None = None) -> None:
        """Take the frequencies of the bits, the answer that the diffusion corrects."""
        self.diffusion.frequencies.fit(self.probabilities(x, condition))

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
        return self._with_length(self._likeliest(mean), mean)

    @property
    def most_steps(self) -> int:
        """The most steps that `sample` takes."""
        return self.diffusion.n_timesteps

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
        observed: Tensor | None = None,
    ) -> Tensor:
        """Draw bits, all or given the observed entries of x, then a row given them."""
        like = self.diffusion.frequencies.logits.new_empty(n, self.n_bits)
        given, x = x, like.new_zeros(n, self.n_features) if x is None else x
        c = self._embed(like, condition)
        context, observed_bits = self._inputs(x, observed, c)
        context_0 = None
        if guidance_scale > 0:
            context_0, _ = self._inputs(x, observed, self._embed(like, None))

        def predict(z: Tensor, k: Tensor) -> Tensor:
            logit = self.diffusion.predict(z, k, context, observed_bits)
            if context_0 is not None:
                other = self.diffusion.predict(z, k, context_0, observed_bits)
                logit = logit + guidance_scale * (logit - other)
            # Only the prior is tempered, not the likelihood of z_t.
            log_likelihood = (2 * z - 1) * log_odds(k)
            return log_likelihood + (logit - log_likelihood) / temperature

        z = (noise.uniforms(like) < 0.5).to(like.dtype)
        if observed_bits is not None:
            z = torch.where(observed_bits > 0, x, z)
        z = self.diffusion.run(noise, z, predict, n_steps, observed_bits)
        if self.decoder is None:
            return z
        mean = self.reconstruct(z, c)
        rows = self._draw_row(noise, mean, draw_noise)
        # Rows that are completed have a known length.
        return self._with_length(rows, mean if given is None else 2 * given - 1)
