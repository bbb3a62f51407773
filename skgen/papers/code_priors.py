r"""Priors of codes: a diffusion bridge to the codebook, and one code after another.

Both give log-odds over the K codes of each of N tokens, given a context and features of the
observed entries. The bridge carries a code :math:`e_k` by the process of
:mod:`skgen.processes.ornstein_uhlenbeck` through noise levels :math:`\gamma_0 < \dots < \gamma_T`:

.. math::

    -\log p(k) \le E\Big[-\log p(k | z_0)
        + \sum_{t=1}^T \frac{1}{2}\big(e^{-\gamma_{t-1}} - e^{-\gamma_t}\big) |e_k - \hat e(z_t)|^2
        + KL\big(q(z_T | e_k) \| N(0, I)\big)\Big],

:math:`z_0` standing so near to its code that it is rarely taken for another's. A network corrects
the answer that is exact for independent tokens of given frequencies :math:`\pi`,

.. math::

    \log p(k | z_t) = \log \pi_k - \frac{|z_t - \sqrt{\bar a_t}\, e_k|^2}{2 (1 - \bar a_t)}
        + F_k + \text{const}, \qquad \hat e = \sum_k p(k | z_t)\, e_k,

and the codes are sampled by the mixture of bridges from each of them.

Source: Cohen, Quispe, Le Corff, Ollion and Moulines, *Diffusion bridges vector quantized
variational autoencoders*, ICML 2022; Dieleman et al., *Continuous diffusion for categorical data*,
2022, for learning the codes' log-odds.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgen.networks.autoregressive import CausalTransformer, MaskedMLP, PixelCNN
from skgen.networks.embeddings import noise_level_features
from skgen.networks.mlp import zero_init
from skgen.papers.cells import draw_index
from skgen.processes import ornstein_uhlenbeck as ou

NOISE_FEATURES = 32
TOKEN_FEATURES = 32
BELIEF_FEATURES = 16
# Codes of less log-probability count as excluded.
LEAST_BELIEF = -8.0
# Weight of the variational bound beside the cross-entropy of the codes.
VLB_WEIGHT = 0.1


def _code_loss(log_p: Tensor, index: Tensor) -> Tensor:
    """Return -log p of the codes of a row, in nats, of log-probabilities."""
    return -log_p.gather(-1, index[..., None]).sum((1, 2))


class _CodePrior(nn.Module):
    """A prior of codes that starts at how often each token has each code."""

    def __init__(self, n_tokens: int, n_embeddings: int):
        super().__init__()
        self.n_tokens, self.n_embeddings = n_tokens, n_embeddings
        self.frequency = nn.Parameter(torch.empty(n_tokens, n_embeddings))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Start at even frequencies; nothing is drawn."""
        with torch.no_grad():
            self.frequency.fill_(1 / self.n_embeddings)

    def fit(self, index: Tensor) -> None:
        """Count the codes of each token, (n, n_tokens)."""
        self.frequency.data.copy_(self._shares(index))

    def add_new_codes(self, index: Tensor) -> None:
        """Count codes that a token did not have in earlier pieces of the data."""
        has_code = self.frequency.data > 0
        self.frequency.data.copy_(torch.where(has_code, self.frequency, self._shares(index)))

    def update_ema(self, index: Tensor) -> None:
        """Move the frequencies towards those of a batch."""
        self.frequency.data.lerp_(self._shares(index), 1 - 0.995)

    def _shares(self, index: Tensor) -> Tensor:
        place = torch.arange(self.n_tokens, device=index.device) * self.n_embeddings
        n_cells = self.n_tokens * self.n_embeddings
        count = torch.bincount((index + place).flatten(), minlength=n_cells)
        return count.view_as(self.frequency).to(self.frequency.dtype) / len(index)

    def log_frequency(self) -> Tensor:
        """Return logarithms of the frequencies, none of which is zero, (n_tokens, n_embeddings)."""
        return (self.frequency.detach() + 1e-3 / self.n_embeddings).log()


class BridgePrior(_CodePrior):
    r"""A prior of codes by an Ornstein-Uhlenbeck bridge.

    Parameters
    ----------
    network : nn.Module
        Takes (n, n_tokens * (embedding_dim + BELIEF_FEATURES + n_evidence)) latents, features of
        the codes that they make likely and of observed entries, and a context of noise-level
        features and given numbers; gives as many features a token as `n_features` says.
    n_tokens, n_embeddings : int
        Tokens of a row, and codes.
    n_features : int
        Features of a token that the log-odds are made of.
    theta : float
        The rate of the process, over a time of one.
    schedule : {"geometric", "constant"}
        The noise levels: even in :math:`\gamma`, or even in time.
    n_timesteps : int
        Steps of the bound.
    """

    def __init__(
        self,
        network: nn.Module,
        n_tokens: int,
        n_embeddings: int,
        n_features: int,
        *,
        theta: float,
        schedule: str,
        n_timesteps: int,
    ):
        super().__init__(n_tokens, n_embeddings)
        self.network = network
        self.belief = nn.Linear(n_embeddings, BELIEF_FEATURES, bias=False)
        self.odds = zero_init(nn.Linear(n_features, n_embeddings))
        self.theta, self.schedule, self.n_timesteps = theta, schedule, n_timesteps

    # Noise levels.

    def levels(self, spacing: Tensor) -> Tensor:
        """Return the noise levels from clean to noisy, (n_timesteps + 1,)."""
        # The noise of the cleanest level is an eighth of the distance between codes.
        clean = 2 * torch.log(spacing / 8)
        # Not above the noisiest level, of a process that hardly moves.
        last = ou.noise_level(self.theta, torch.ones_like(clean))
        first = torch.minimum(clean.clamp(-14.0, -2.0), last - 1)
        share = torch.linspace(
            0, 1, self.n_timesteps + 1, dtype=spacing.dtype, device=spacing.device
        )
        if self.schedule == "constant":
            start = torch.log1p(first.exp()) / (2 * self.theta)
            return ou.noise_level(self.theta, start + (1 - start) * share)
        return first + (last - first) * share

    def _path(self, spacing: Tensor, n_steps: int) -> Tensor:
        """Return the noise levels of a sampler, from noisy to clean."""
        gammas = self.levels(spacing)
        place = torch.linspace(0, self.n_timesteps, n_steps + 1, device=gammas.device)
        return gammas[place.round().long()].flip(0)

    def times(self, spacing: Tensor, n_steps: int) -> Tensor:
        """Return the times of a sampler's noise levels on the clock of the process."""
        return torch.log1p(self._path(spacing, n_steps).exp()) / (2 * self.theta)

    # Predictions.

    def predict(
        self, z: Tensor, gamma: Tensor, code: Tensor, evidence: Tensor, context: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the log-likelihood of each code given z_t, and the log-prior, up to constants.

        Each has the shape (n, n_tokens, n_embeddings); gamma has (n,).
        """
        mean, variance = ou.marginal(code, gamma[:, None, None])
        # |z - m|^2 without |z|^2, which is common to all codes.
        log_likelihood = (
            z @ mean.transpose(1, 2) - 0.5 * mean.square().sum(-1)[:, None]
        ) / variance
        frequency = self.log_frequency()
        # For each token alone: its latent, and how likely that makes each code. In logarithms,
        # because the evidence of independent tokens adds up in them.
        belief = torch.log_softmax(log_likelihood + frequency, -1).clamp(min=LEAST_BELIEF)
        belief = self.belief(1 - belief / (LEAST_BELIEF / 2))
        alone = torch.cat([z, belief, evidence], -1)
        features = torch.cat([noise_level_features(gamma, NOISE_FEATURES), context], -1)
        out = self.network(alone.flatten(1), features)
        return log_likelihood, frequency + self.odds(out.unflatten(1, (self.n_tokens, -1)))

    def losses(
        self,
        noise: Any,
        z: Tensor,
        index: Tensor,
        code: Tensor,
        spacing: Tensor,
        evidence: Tensor,
        context: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return cross-entropy and bound at a random level, in nats per row.

        Parameters
        ----------
        noise : GeneratorNoise or RowNoise
            Source of levels and noise.
        z : Tensor of shape (n, n_tokens, embedding_dim)
            The codes of the rows; the gradient passes through them to the encoder.
        index : Tensor of shape (n, n_tokens)
            Their indices.
        code : Tensor of shape (n_embeddings, embedding_dim)
            All codes.
        spacing : Tensor
            Distance between codes.
        evidence : Tensor of shape (n, n_tokens, n_evidence)
            Features of the observed entries of a row.
        context : Tensor of shape (n, n_context)
            The embedded condition.

        Returns
        -------
        cross_entropy, bound : Tensor of shape (n,)
            The second is an unbiased estimate of the bound on -log p(index).
        """
        gammas = self.levels(spacing)
        n_levels = self.n_timesteps + 1
        t = torch.floor(noise.times(z[:, 0, 0]) * n_levels).long().clamp(max=self.n_timesteps)
        gamma, before = gammas[t], gammas[(t - 1).clamp(min=0)]
        mean, variance = ou.marginal(z, gamma[:, None, None])
        z_t = mean + variance.sqrt() * noise.normal(z)
        log_likelihood, log_prior = self.predict(z_t, gamma, code, evidence, context)
        log_p = torch.log_softmax(log_likelihood + log_prior, -1)
        entropy = _code_loss(log_p, index)
        error = (z - log_p.exp() @ code).square().sum((1, 2))
        step = ou.bridge_weight(before, gamma) * error
        end = ou.prior_divergence(z.flatten(1), gammas[-1])
        return entropy, n_levels * torch.where(t == 0, entropy, step) + end

    def loss(self, noise: Any, *given: Any) -> Tensor:
        """Return the loss of training: the cross-entropy, and the weighted bound."""
        entropy, bound = self.losses(noise, *given)
        return entropy + VLB_WEIGHT * bound

    def bound(self, noise: Any, *given: Any) -> Tensor:
        """Return an unbiased estimate of the bound on -log p of the codes, in nats."""
        return self.losses(noise, *given)[1]

    def draw(
        self,
        noise: Any,
        code: Tensor,
        spacing: Tensor,
        evidence: Tensor,
        contexts: tuple[Tensor, Tensor | None],
        *,
        n_steps: int,
        temperature: float,
        guidance_scale: float,
        observed: tuple[Tensor, Tensor] | None = None,
        path: list[Tensor] | None = None,
    ) -> Tensor:
        """Draw the codes of rows, (n, n_tokens).

        Parameters
        ----------
        noise : GeneratorNoise
            Source of the draws.
        code : Tensor of shape (n_embeddings, embedding_dim)
            All codes.
        spacing : Tensor
            Distance between codes.
        evidence : Tensor of shape (n, n_tokens, n_evidence)
            Features of the observed entries of a row.
        contexts : tuple of Tensor
            The context, and, for guidance, that of no condition.
        n_steps : int
            Steps, even in those of the bound.
        temperature : float
            What the log-prior is divided by.
        guidance_scale : float
            How many times the difference that the context makes is added to the log-odds.
        observed : tuple of Tensor, default=None
            Codes of all tokens, (n, n_tokens), and which of them are observed.
        path : list, default=None
            Takes the latents at each level, from noise on.
        """
        context, unconditioned = contexts

        def logits_at(z: Tensor, gamma: Tensor) -> Tensor:
            gamma = gamma.expand(len(z))
            log_likelihood, log_prior = self.predict(z, gamma, code, evidence, context)
            if unconditioned is not None:
                other = self.predict(z, gamma, code, evidence, unconditioned)[1]
                log_prior = log_prior + guidance_scale * (log_prior - other)
            return log_likelihood + log_prior / temperature

        gammas = self._path(spacing, n_steps)
        like = evidence.new_empty(len(evidence), self.n_tokens, code.shape[1])
        z = noise.normal(like)
        for gamma_t, gamma_s in pairwise(gammas):
            if observed is not None:
                z = self._with_observed(noise, z, gamma_t, code, observed)
            if path is not None:
                path.append(z)
            z_hat = F.embedding(draw_index(noise, logits_at(z, gamma_t)), code)
            mean, variance = ou.bridge(z, z_hat, gamma_s, gamma_t)
            z = mean + variance.sqrt() * noise.normal(z)
        if path is not None:
            path.append(z)
        index = draw_index(noise, logits_at(z, gammas[-1]))
        return index if observed is None else torch.where(observed[1], observed[0], index)

    def _with_observed(
        self, noise: Any, z: Tensor, gamma: Tensor, code: Tensor, observed: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Put the observed tokens where their codes would be at a noise level."""
        mean, variance = ou.marginal(F.embedding(observed[0], code), gamma)
        return torch.where(observed[1][..., None], mean + variance.sqrt() * noise.normal(z), z)


class AutoregressivePrior(_CodePrior):
    """A prior of codes, one after another.

    Parameters
    ----------
    network : PixelCNN, CausalTransformer or MaskedMLP
        Takes tokens (n, n_tokens, TOKEN_FEATURES), features of observed entries, and a context;
        gives what to add to the log-frequencies of each token, given those before. Its ``walker``
        gives the same, token by token.
    n_tokens, n_embeddings : int
        Tokens of a row, and codes.
    """

    def __init__(
        self, network: PixelCNN | CausalTransformer | MaskedMLP, n_tokens: int, n_embeddings: int
    ):
        super().__init__(n_tokens, n_embeddings)
        self.network = network
        self.tokens = nn.Linear(n_embeddings, TOKEN_FEATURES)

    def _embedded(self, index: Tensor, evidence: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return F.embedding(index, self.tokens.weight.T) + self.tokens.bias
        # Gradients of looked-up rows add up in any order on some devices.
        return self.tokens(F.one_hot(index, self.n_embeddings).to(evidence.dtype))

    def loss(
        self,
        noise: Any,
        z: Tensor,
        index: Tensor,
        code: Tensor,
        spacing: Tensor,
        evidence: Tensor,
        context: Tensor,
    ) -> Tensor:
        """Return -log p(index), exactly, in nats per row."""
        logits = (
            self.network(self._embedded(index, evidence), evidence, context) + self.log_frequency()
        )
        return _code_loss(torch.log_softmax(logits, -1), index)

    bound = loss

    def draw(
        self,
        noise: Any,
        code: Tensor,
        spacing: Tensor,
        evidence: Tensor,
        contexts: tuple[Tensor, Tensor | None],
        *,
        temperature: float,
        guidance_scale: float,
        observed: tuple[Tensor, Tensor] | None = None,
        **_: Any,
    ) -> Tensor:
        """Draw the codes of rows, (n, n_tokens), one after another; those observed stay."""
        walkers = [self.network.walker(evidence, c) for c in contexts if c is not None]
        frequency = self.log_frequency()
        index = torch.zeros(len(evidence), self.n_tokens, dtype=torch.long, device=evidence.device)
        for place in range(self.n_tokens):
            # Not read at the first place.
            before = self._embedded(index[:, max(0, place - 1)], evidence)
            logits, *others = [walk(place, before) + frequency[place] for walk in walkers]
            for other in others:
                logits = logits + guidance_scale * (logits - other)
            logits = logits / temperature
            index[:, place] = draw_index(noise, logits)
            if observed is not None:
                index[:, place] = torch.where(
                    observed[1][:, place], observed[0][:, place], index[:, place]
                )
        return index
