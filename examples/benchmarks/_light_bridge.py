r"""Light Schrödinger bridges: potentials that are mixtures of normal densities, fitted by descent.

The plan :math:`\pi(y \mid x) \propto e^{\langle x, y \rangle / \varepsilon} v(y)` with :math:`v(y)
= \sum_k \alpha_k N(y; r_k, \varepsilon A_k)` is a mixture of :math:`N(r_k + A_k x, \varepsilon
A_k)`, and its divergence from the entropic transport plan is, but for a constant,

.. math::

    E \log c(x) - E \log v(y), \qquad c(x) = \sum_k \alpha_k \exp \frac{x^T A_k x + 2 r_k^T
    x}{2 \varepsilon}.

Two things differ from the source: the start is a normal bridge for each cluster of the data,
between it and the rows that optimal transport within batches joins to it; and the weights that
held-out rows choose are kept. A component is stored by where it carries the mean of these rows, so
that a change of :math:`A_k` does not move it.

Source: Korotin, Gushchin and Burnaev, *Light Schrödinger bridge*, ICLR 2024.
"""

import math

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.covariance import ledoit_wolf
from torch import nn

from skgen.processes.transport import partners

EVALUATIONS = 20


def _root(matrix, power):
    values, axes = torch.linalg.eigh(matrix)
    return (axes * values.clamp(min=1e-9) ** power) @ axes.mT


def _normal_slope(before, after, epsilon):
    """Return the slope A of the bridge between N(., before) and N(., after)."""
    half, back = _root(before, 0.5), _root(before, -0.5)
    inner = 4 * half @ after @ half + epsilon**2 * torch.eye(len(before), dtype=before.dtype)
    cross = (_root(inner, 0.5) - epsilon * torch.eye(len(before), dtype=before.dtype)) / 2
    return back @ cross @ back


class LightBridge(nn.Module):
    """The potentials; begins with a normal bridge for each cluster of y."""

    def __init__(self, x, y, epsilon, n_components, generator):
        super().__init__()
        self.epsilon, n = epsilon, min(len(x), len(y)) // 256 * 256
        x = x[torch.randperm(len(x), generator=generator)[:n]]
        y = y[torch.randperm(len(y), generator=generator)[:n]]
        joined = []
        for some_x, some_y in zip(x.split(256), y.split(256), strict=True):
            uniform = torch.rand(len(some_y), generator=generator)
            joined.append(some_x[partners(some_x, some_y, 2 * epsilon, uniform)])
        paired = torch.cat(joined)
        seed = int(torch.randint(2**31, (), generator=generator))
        cluster = KMeans(n_components, n_init=4, random_state=seed).fit_predict(y.numpy())
        centers, ends, roots, shares = [], [], [], []
        for k in range(n_components):
            chosen = torch.from_numpy(cluster == k)
            parts = paired[chosen].double(), y[chosen].double()
            spreads = [torch.from_numpy(ledoit_wolf(part.numpy())[0]) for part in parts]
            slope = _normal_slope(*spreads, epsilon)
            centers.append(parts[0].mean(0))
            ends.append(parts[1].mean(0))
            roots.append(torch.linalg.cholesky(0.5 * (slope + slope.T)))
            shares.append(len(parts[0]) / n)
        root = torch.stack(roots)
        log_diagonal = torch.diag_embed(root.diagonal(dim1=1, dim2=2).log())
        self.register_buffer("centers", torch.stack(centers).to(x))
        self.ends = nn.Parameter(torch.stack(ends).to(x))
        self.root = nn.Parameter((root.tril(-1) + log_diagonal).to(x))
        self.height = nn.Parameter(torch.zeros(n_components))
        self._balance(x, torch.tensor(shares).log().to(x))

    @torch.no_grad()
    def _balance(self, x, log_shares):
        """Choose the heights by which components have the shares of the clusters."""
        for _ in range(30):
            taken = torch.log_softmax(self._terms(x)[0], 1).logsumexp(0) - math.log(len(x))
            self.height += log_shares - taken

    def _parts(self):
        lower = self.root.tril(-1) + torch.diag_embed(self.root.diagonal(dim1=1, dim2=2).exp())
        pulled = (lower @ (lower.mT @ self.centers[:, :, None]))[:, :, 0]
        r = self.ends - pulled
        inside = ((0.5 * pulled + r) * self.centers).sum(1)
        return lower, r, self.height - inside / self.epsilon

    def _terms(self, x):
        """Return the logs of the terms of c(x), the factors of A, and r."""
        lower, r, height = self._parts()
        square = 0.5 * (x[None] @ lower).square().sum(2) + r @ x.T
        return (height[:, None] + square / self.epsilon).T, lower, r

    def loss(self, x, y):
        """Return the divergence from the plan, but for a constant."""
        lower, r, height = self._parts()
        z = torch.linalg.solve_triangular(lower, (y[None] - r[:, None]).mT, upper=False)
        log_volume = self.root.diagonal(dim1=1, dim2=2).sum(1)
        log_volume = log_volume + 0.5 * y.shape[1] * math.log(2 * math.pi * self.epsilon)
        terms = (height - log_volume)[:, None] - 0.5 * z.square().sum(1) / self.epsilon
        return self._terms(x)[0].logsumexp(1).mean() - terms.logsumexp(0).mean()

    @torch.no_grad()
    def draw(self, x, generator):
        """Draw a y for each x."""
        logs, lower, r = self._terms(x)
        k = torch.multinomial(logs.softmax(1), 1, generator=generator)[:, 0]
        noise = torch.randn(x.shape, generator=generator)
        drawn = torch.empty_like(x)
        for j, root in enumerate(lower):
            own = x[k == j]
            drawn[k == j] = r[j] + own @ root @ root.T + self.epsilon**0.5 * noise[k == j] @ root.T
        return drawn


def fit_light_bridge(X, Y, epsilon, n_components=10, n_steps=1000, seed=0, lr=0.01):
    """Return fitted potentials, and the held-out loss of the weights that are kept."""
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.from_numpy(np.asarray(rows)).float() for rows in (X, Y))
    (x_valid, x), (y_valid, y) = (
        (rows[: len(rows) // 10], rows[len(rows) // 10 :]) for rows in (x, y)
    )
    bridge = LightBridge(x, y, epsilon, n_components, generator)
    optimizer = torch.optim.Adam(bridge.parameters(), lr=lr, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(n_steps, 1))
    best, kept = math.inf, None
    for step in range(n_steps + 1):
        if step % max(1, n_steps // EVALUATIONS) == 0:
            with torch.no_grad():
                held_out = float(bridge.loss(x_valid, y_valid))
            if held_out < best:
                best = held_out
                kept = {name: value.clone() for name, value in bridge.state_dict().items()}
        some = [rows[torch.randint(len(rows), (512,), generator=generator)] for rows in (x, y)]
        optimizer.zero_grad()
        bridge.loss(*some).backward()
        optimizer.step()
        schedule.step()
    bridge.load_state_dict(kept)
    return bridge, best
