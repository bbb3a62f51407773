r"""Bernoulli diffusion with a network, the component of models of bits.

A network corrects the answer that is exact for given frequencies: with
:math:`\Lambda_t = \log\frac{1 + k_t}{1 - k_t}` and bits that are 1 with probability
:math:`\pi_j`, independently,

.. math::

    \operatorname{logit} p(z_{0,j} = 1 | z_t) = \operatorname{logit} \pi_j +
        (2 z_{t,j} - 1) \Lambda_t + F_j,

and :math:`F = 0` is exact for them. Where a few different rows make up nearly all training rows,
the frequencies of whole rows are used instead. An observed bit has :math:`k = 1` at all times, in
this answer and in training, and the network reads which bits are observed: so the distribution of
the others given the observed ones is learnt, not added while sampling.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgen.networks.embeddings import noise_level_features
from skgen.processes import bernoulli

NOISE_FEATURES = 32


class BitFrequencies(nn.Module):
    """Frequencies of independent bits, or of whole rows if few different ones occur.

    Parameters
    ----------
    n_bits : int
        Bits of a row.
    """

    logits: Tensor
    states: Tensor
    log_weight: Tensor

    def __init__(self, n_bits: int):
        super().__init__()
        self.register_buffer("logits", torch.zeros(n_bits, device="cpu"))
        self.register_buffer("states", torch.zeros(0, n_bits, device="cpu"))
        self.register_buffer("log_weight", torch.zeros(1, device="cpu"))

    def fit(self, rows: Tensor) -> None:
        """Learn from (n, n_bits) bits, or from the probabilities that they are 1."""
        n = len(rows)
        self._forget_states()
        # Half a row is added for 0 and for 1, so that no bit is certain.
        self.logits.copy_(torch.logit((rows.double().sum(0) + 0.5) / (n + 1)))
        if not bool(((rows == 0) | (rows == 1)).all()):
            return
        states, counts = torch.unique(rows, dim=0, return_counts=True)
        singles = int((counts == 1).sum())
        # With many different rows, or many that occur once, frequencies of rows are too uncertain.
        if len(states) > 1024 or singles > 0.01 * n:
            return
        # Good-Turing: rows that did not occur are together as probable as those that occurred once.
        unseen = max(singles, 1) / (n + 1)
        weight = torch.cat([counts.double() / n * (1 - unseen), counts.new_tensor([unseen])])
        self.states, self.log_weight = states.float(), weight.log().float()

    def _forget_states(self) -> None:
        self.states, self.log_weight = self.states[:0], torch.zeros_like(self.log_weight[:1])

    def update_ema(self, rows: Tensor) -> None:
        """Move the frequencies of bits that are still being learnt towards those of a batch."""
        self._forget_states()
        p = torch.sigmoid(self.logits).lerp(rows.mean(0, dtype=self.logits.dtype), 1 - 0.97)
        self.logits.copy_(torch.logit(p, eps=1e-3))

    def forward(self, z: Tensor, odds: Tensor) -> Tensor:
        """Return the log-odds that each bit was 1, given noisy bits z of shape (n, n_bits).

        ``odds``, of shape (n, n_bits) or (n, 1), are the log-odds that a bit has not flipped.
        """
        alone = self.logits + (2 * z - 1) * odds
        if len(self.states) == 0:
            return alone
        on, off = odds * z, odds * (1 - z)
        states = self.states
        distance = on @ (1 - states).T + off @ states.T
        # The likelihood of the other bits is common to all states, and left out.
        p, q = torch.sigmoid(self.logits), torch.sigmoid(-self.logits)
        lost = torch.exp(-odds)
        free = torch.where(z > 0, p + q * lost, q + p * lost).log().sum(-1, keepdim=True)
        share = torch.softmax(self.log_weight + torch.cat([-distance, free], 1), 1)
        counted, rest = share[:, :-1], share[:, -1:]
        one = counted @ states + rest * torch.sigmoid(alone)
        zero = counted @ (1 - states) + rest * torch.sigmoid(-alone)
        tiny = torch.finfo(z.dtype).tiny
        return one.clamp(min=tiny).log() - zero.clamp(min=tiny).log()


class BernoulliDiffusion(nn.Module):
    """The distribution of bits given a context.

    Parameters
    ----------
    network : nn.Module
        Takes (n, n_bits) bits as -1 and 1, marks of those observed, of the same shape, and a
        context of noise-level features and given numbers.
    n_bits : int
        Bits of a row.
    schedule : {"linear", "cosine", "sigmoid"}
        How k falls with time.
    target : {"direct", "residual"}
        Whether the network corrects the log-odds that a bit was 1, or that it has flipped.
    n_timesteps : int
        Steps of the bound.
    """

    def __init__(
        self,
        network: nn.Module,
        n_bits: int,
        schedule: str = "cosine",
        target: str = "direct",
        n_timesteps: int = 128,
    ):
        super().__init__()
        self.network, self.frequencies = network, BitFrequencies(n_bits)
        self.k, self.target, self.n_timesteps = bernoulli.SCHEDULES[schedule], target, n_timesteps

    def predict(
        self, z: Tensor, k: Tensor, context: Tensor, observed: Tensor | None = None
    ) -> Tensor:
        """Return the predicted log-odds of z_0 = 1; k has the shape (n, 1), or (1, 1) for all."""
        odds = bernoulli.log_odds(k)
        # If all rows have one time and no context, one embedding serves all.
        features = noise_level_features(odds[:, 0], NOISE_FEATURES)
        n = max(len(features), len(context) if context.shape[1] else 1)
        features, context = features.expand(n, -1), context[:n]
        sure = odds
        if observed is not None:
            sure = torch.where(observed > 0, torch.full_like(z, bernoulli.CERTAIN), odds)
        sign = 2 * z - 1
        F_hat = self.network(sign, observed, torch.cat([features, context], -1))
        return self.frequencies(z, sure) + (-sign * F_hat if self.target == "residual" else F_hat)

    def losses(
        self, noise: Any, z_0: Tensor, context: Tensor, observed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return cross-entropy and bound at a random step, in nats per row.

        The second is an unbiased estimate of the bound on -log p(z_0), or, with bits observed, on
        -log p of the others given them.
        """
        T = self.n_timesteps
        t = (torch.floor(noise.times(z_0) * T) + 1)[:, None] / T
        k_s, k_t = self.k(t - 1 / T).clamp(0, 1), self.k(t).clamp(0, 1)
        z = bernoulli.flip(z_0.detach(), k_t, noise.uniforms(z_0))
        free = torch.ones_like(z)
        if observed is not None:
            z = torch.where(observed > 0, z_0, z)
            free = 1 - observed
        logit = self.predict(z, k_t, context, observed)
        entropy = F.binary_cross_entropy_with_logits(logit, z_0, reduction="none")
        true = bernoulli.posterior(z, z_0, k_s, k_t)
        step = bernoulli.divergence(true, *bernoulli.reverse(logit, z, k_s, k_t))
        return (free * entropy).sum(-1), T * (free * step).sum(-1)

    def run(
        self, noise: Any, z: Tensor, predictor: Any, n_steps: int, observed: Tensor | None = None
    ) -> Tensor:
        """Carry fair coins z to clean bits.

        Parameters
        ----------
        noise : GeneratorNoise
            Source of the draws.
        z : Tensor of shape (n, n_bits)
            Fair coins, and the values of observed bits.
        predictor : callable
            ``predictor(z, k)`` gives the log-odds of z_0 = 1.
        n_steps : int
            Steps, even in time.
        observed : Tensor of shape (n, n_bits), default=None
            1 where a bit stays as it is.
        """
        times = torch.linspace(1, 0, n_steps + 1, dtype=z.dtype, device=z.device)
        levels = self.k(times).clamp(0, 1)
        for k_t, k_s in pairwise(levels):
            logit = predictor(z, k_t.reshape(1, 1))
            log_one, _ = bernoulli.reverse(logit, z, k_s, k_t)
            drawn = (noise.uniforms(z) < log_one.exp()).to(z.dtype)
            z = drawn if observed is None else torch.where(observed > 0, z, drawn)
        return z
