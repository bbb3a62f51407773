r"""Quantisation: latents of fixed mean and variance, and the nearest row of a codebook.

Everything here is learnt by moving averages, not by gradients. The averages are parameters, so that
training averages and chooses them together with the weights. For a code k with the latents z that
are nearest to it,

.. math::

    n_k \leftarrow \rho n_k + (1 - \rho) |\{z\}|, \qquad
    m_k \leftarrow \rho m_k + (1 - \rho) \textstyle\sum z, \qquad e_k = m_k / n_k,

and a code whose :math:`n_k` has fallen below a share of the mean starts anew at a latent.

Source: van den Oord, Vinyals and Kavukcuoglu, *Neural discrete representation learning*, NeurIPS
2017; Łańcucki et al., *Robust training of vector quantized bottleneck models*, IJCNN 2020; Arthur
and Vassilvitskii, *k-means++: the advantages of careful seeding*, SODA 2007.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DECAY = 0.97
DEAD = 0.05
REVIVED = 0.2
LLOYD_STEPS = 10
SEEDING_ROWS = 10_000
PART_LATENTS = 16_384
SMALLEST_VARIANCE = 1e-6
SOFT_SHARE = 0.5


def sums_by_index(index: Tensor, rows: Tensor, n: int) -> Tensor:
    """Sum the rows, or numbers, of each index below n; the same bits at every call."""
    total = rows.new_zeros(n, *rows.shape[1:])
    if rows.is_cuda:
        # index_add_ would add in whatever order the threads of the device come.
        return total.index_put_((index,), rows, accumulate=True)
    return total.index_add_(0, index, rows)


class Normalizer(nn.Module):
    """Latents to mean 0 and variance 1: of a batch where it learns, of moving averages in use.

    Without it latents would grow or shrink to reduce the loss of the prior.

    Parameters
    ----------
    shape : tuple of int
        (tokens, channels) of the statistics: one of tokens for all to share them.
    """

    def __init__(self, shape: tuple[int, int]):
        super().__init__()
        self.mean = nn.Parameter(torch.empty(shape))
        self.variance = nn.Parameter(torch.empty(shape))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Start at mean zero and variance one; nothing is drawn."""
        with torch.no_grad():
            self.mean.zero_()
            self.variance.fill_(1.0)

    def _moments(self, h: Tensor) -> tuple[Tensor, Tensor]:
        axes = (0, 1) if len(self.mean) == 1 else (0,)
        return h.mean(axes, keepdim=True)[0], h.var(axes, unbiased=False, keepdim=True)[0]

    def initialize(self, h: Tensor) -> None:
        """Take the mean and variance of (n, tokens, channels) latents."""
        mean, variance = self._moments(h)
        self.mean.data.copy_(mean)
        self.variance.data.copy_(variance)

    def forward(self, h: Tensor, learns: bool = False) -> Tensor:
        """Map (n, tokens, channels) to the same, in the precision of the statistics."""
        h = h.to(self.mean.dtype)
        mean, variance = self.mean.detach(), self.variance.detach()
        if learns:
            mean, variance = self._moments(h)
            self.mean.data.lerp_(mean.detach(), 1 - DECAY)
            self.variance.data.lerp_(variance.detach(), 1 - DECAY)
        return (h - mean) / (variance + SMALLEST_VARIANCE).sqrt()


class Codebook(nn.Module):
    """The codes that replace latents.

    Parameters
    ----------
    n_embeddings, embedding_dim : int
        Number and size of the codes.
    """

    def __init__(self, n_embeddings: int, embedding_dim: int):
        super().__init__()
        self.code = nn.Parameter(torch.empty(n_embeddings, embedding_dim))
        self.total = nn.Parameter(torch.empty(n_embeddings, embedding_dim))
        self.use = nn.Parameter(torch.empty(n_embeddings))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Start anywhere: :meth:`initialize` takes the codes from data."""
        with torch.no_grad():
            self.code.normal_(generator=generator)
            self.total.copy_(self.code)
            self.use.fill_(1.0)

    def nearest(self, z: Tensor) -> Tensor:
        """Return the index of the code nearest to each latent, (...) for (..., embedding_dim)."""
        code = self.code.detach()
        centre = code.mean(0)
        code = code - centre
        # |z - e|^2 without |z|^2, which is common to all codes.
        size = 0.5 * code.square().sum(1)
        parts = z.detach().flatten(0, -2).split(PART_LATENTS)
        # In half precision neighbouring codes could not be distinguished.
        with torch.autocast(z.device.type, enabled=False):
            index = [(size - (part.to(code) - centre) @ code.T).argmin(-1) for part in parts]
        return torch.cat(index).view(z.shape[:-1])

    def forward(self, index: Tensor) -> Tensor:
        """Return codes, (n, tokens, embedding_dim)."""
        return F.embedding(index, self.code)

    def evenness(self, z: Tensor, spacing: Tensor) -> Tensor:
        """Return the entropy of the use of the codes by latents, in nats, with a gradient to them.

        A latent is shared among the codes by normal densities with a deviation of half the usual
        distance between codes, `spacing`.
        """
        flat = z.flatten(0, -2)
        # A copy: the codes move before gradients come back.
        code = self.code.detach().clone()
        centre = code.mean(0)
        code = (code - centre) / (SOFT_SHARE * spacing)
        with torch.autocast(z.device.type, enabled=False):
            near = (flat.to(code) - centre) / (SOFT_SHARE * spacing)
            # |z - e|^2 without |z|^2, which is common to all codes.
            share = torch.log_softmax(near @ code.T - 0.5 * code.square().sum(1), -1)
        # In logarithms, so that a code far from all latents does not make NaN.
        log_use = share.logsumexp(0) - math.log(len(flat))
        return -(log_use.exp() * log_use).sum()

    @torch.no_grad()
    def initialize(self, noise: Any, z: Tensor, expected: int) -> None:
        """Choose codes among latents, far from each other, and apply a few steps of Lloyd's method.

        Parameters
        ----------
        noise : GeneratorNoise
            Chooses the rows to start from.
        z : Tensor of shape (n, tokens, embedding_dim)
            Latents.
        expected : int
            Latents of a batch in training.
        """
        flat = z.flatten(0, 1)
        self._spread_out(noise, self._some(noise, flat, min(len(flat), SEEDING_ROWS)))
        for _ in range(LLOYD_STEPS):
            count, total = self._put(flat, self.nearest(flat))
            empty = count == 0
            self.code.copy_(total / count.clamp(min=1)[:, None])
            self.code[empty] = self._some(noise, flat, int(empty.sum()))
        count, _ = self._put(flat, self.nearest(flat))
        self.use.copy_(count.clamp(min=1) * (expected / len(flat)))
        self.total.copy_(self.code * self.use[:, None])

    @torch.no_grad()
    def update_ema(self, noise: Any, z: Tensor, index: Tensor) -> None:
        """Move the codes towards their latents, and revive dead codes."""
        flat = z.detach().flatten(0, 1)
        count, total = self._put(flat, index.flatten())
        self.use.lerp_(count, 1 - DECAY)
        self.total.lerp_(total, 1 - DECAY)
        self.code.copy_(self.total / self.use.clamp(min=1e-6)[:, None])
        mean = len(flat) / len(self.use)
        dead = self.use < DEAD * mean
        if bool(dead.any()):
            self.code[dead] = self._some(noise, flat, int(dead.sum()))
            self.use[dead] = REVIVED * mean
            self.total[dead] = self.code[dead] * self.use[dead][:, None]

    def _spread_out(self, noise: Any, flat: Tensor) -> None:
        """Draw codes from latents, each with a probability by its distance from those drawn before.

        The distance is used, not its square, which favours outliers: each code should have latents.
        """
        uniform = noise.uniform(flat.new_empty(len(self.code)))
        distance = torch.ones_like(flat[:, 0])
        for k, u in enumerate(uniform):
            # On the CPU: on other devices the order of a long sum may vary.
            total = distance.cpu().cumsum(0)
            place = int(torch.searchsorted(total, u.cpu() * total[-1]).clamp(max=len(flat) - 1))
            self.code[k] = flat[place]
            near = (flat - flat[place]).square().sum(1).sqrt()
            distance = near if k == 0 else torch.minimum(distance, near)

    @staticmethod
    def _some(noise: Any, flat: Tensor, n: int) -> Tensor:
        place = noise.uniform(flat.new_empty(n)) * len(flat)
        return flat[place.long().clamp(max=len(flat) - 1)]

    def _put(self, flat: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        count = torch.bincount(index, minlength=len(self.code)).to(flat.dtype)
        return count, sums_by_index(index, flat, len(self.code))

    def spacing(self) -> Tensor:
        """Return the median distance of a code from the one nearest to it."""
        code = self.code.detach()
        itself = torch.eye(len(code), dtype=torch.bool, device=code.device)
        return torch.cdist(code, code).masked_fill(itself, torch.inf).amin(1).median()
