r"""A mixture of kernels on a manifold, one of each width at each row: where a flow starts.

A kernel is a normal distribution of tangents at its row c, carried to the manifold by ``exp``:

.. math:: K(x) = N(\log_c x; 0, C)\,\exp(\text{log\_expansion}(\log_c x)).

Its covariance C is that of the row's k nearest neighbours around it, times the square of a factor,
shrunk to a sphere as if two more neighbours lay round about. There are several k and factors, and a
distribution that covers the manifold. Their shares are those under which held-out rows are most
likely, by expectation maximisation: rows are held out in turn, and the kernels made of the others.

Repeated rows would make kernels without width, whose density says nothing but that rows repeat.
So the standard deviation is at least half the median distance of a row to the nearest other place.

Source: Vincent and Bengio, *Manifold Parzen windows*, NeurIPS 2002; Breiman, Meisel and Purcell,
*Variable kernel estimates of multivariate densities*, Technometrics 1977, for widths by neighbours.
"""

import math
from itertools import product

import torch
from torch import Tensor, nn

from skgen.processes.manifolds import Product
from skgen.processes.noise import GeneratorNoise

# Neighbours and factors of the kernels' widths, for up to three dimensions and for more.
FEW_NEIGHBOURS, MANY_NEIGHBOURS = (3, 6, 12, 25, 60), (10, 30, 100, 300)
FACTORS = (0.35, 0.7)
# Standard deviation of a kernel at most: beyond, its tails would wrap around a circle.
WIDEST = 0.5
# Rows that have kernels, at most; rows held out to find the shares; neighbours that a row is drawn
# from; numbers in memory at a time.
MOST_KERNELS, HELD_OUT, CANDIDATES, AT_ONCE = 10_000, 1000, 64, 2**22
N_ITERATIONS = 200
# Distance up to which two rows are at one place.
SAME = 1e-6


class KernelMixture(nn.Module):
    """Kernels of several widths at each of some rows, and a distribution that covers the manifold.

    Parameters
    ----------
    manifold : Product
        Where the rows lie.
    n_kernels : int
        Rows that have kernels; 0 for the covering distribution alone.
    """

    centres: Tensor
    whitening: Tensor
    spread: Tensor
    log_norm: Tensor
    log_share: Tensor

    def __init__(self, manifold: Product, n_kernels: int):
        super().__init__()
        self.manifold = manifold
        d, m = manifold.n_coordinates, manifold.dim
        neighbours = FEW_NEIGHBOURS if m <= 3 else MANY_NEIGHBOURS
        self.widths = list(product(neighbours, FACTORS)) if n_kernels else []
        s = len(self.widths)
        self.register_buffer("centres", torch.zeros(n_kernels, d, device="cpu"))
        # Ambient tangents to standard normal numbers, and back.
        self.register_buffer("whitening", torch.zeros(s, n_kernels, d, m, device="cpu"))
        self.register_buffer("spread", torch.zeros(s, n_kernels, d, m, device="cpu"))
        self.register_buffer("log_norm", torch.zeros(s, n_kernels, device="cpu"))
        # Of each width, and last that of the covering distribution.
        self.register_buffer("log_share", torch.zeros(s + 1, device="cpu"))

    def fit(self, x: Tensor) -> None:
        """Learn kernels and shares from as many rows as there are kernels."""
        if not self.widths:
            return
        n = len(x)
        floor = self._narrowest(x)
        n_held = min(max(1, n // 10), HELD_OUT)
        # Rows in turn, of as many parts as it takes to hold out enough.
        n_parts = min(-(-n // n_held), max(1, -(-HELD_OUT // n_held)), n)
        found = []
        for part in range(n_parts):
            held = torch.zeros(n, dtype=torch.bool)
            held[part :: max(1, -(-n // n_held))] = True
            self._place(x[~held], floor)
            found.append(self.log_parts(x[held]))
        self.log_share.copy_(best_shares(torch.cat(found).double()))
        self._place(x, floor)

    def _narrowest(self, x: Tensor) -> float:
        """Return the smallest standard deviation of a kernel."""
        # Of a row that is repeated more often no neighbour counts.
        index, found = self._nearest(x, x, 9), []
        for part, near in zip(x.split(512), index.split(512), strict=True):
            distance = self.manifold.log(part[:, None], x[near]).norm(dim=2)
            found.append(torch.where(distance > SAME, distance, torch.inf).min(1).values)
        distances = torch.cat(found)
        distances = distances[distances.isfinite()]
        return 0.5 * float(distances.median()) if len(distances) else 0.01

    def _nearest(self, x: Tensor, y: Tensor, k: int) -> Tensor:
        """Return the numbers of the k rows of y that are nearest to each row of x."""
        a, b = self.manifold.embed(x), self.manifold.embed(y)
        size = b.square().sum(1)
        k = min(k, len(y))
        return torch.cat([(part @ b.T - 0.5 * size).topk(k).indices for part in a.split(512)])

    def _place(self, x: Tensor, floor: float) -> None:
        """Put a kernel of each width at each row."""
        manifold, m = self.manifold, self.manifold.dim
        most = max(k for k, _ in self.widths) + 1
        index = self._nearest(x, x, most)
        frame = manifold.frame(x)
        tangents = torch.cat(
            [
                manifold.log(part[:, None], x[i]) @ basis
                for part, i, basis in zip(
                    x.split(512), index.split(512), frame.split(512), strict=True
                )
            ]
        )
        unit = torch.eye(m).to(x)
        whitening, spread, log_norm = [], [], []
        for k, factor in self.widths:
            # The first is the row itself.
            near = tangents[:, 1 : k + 1]
            covariance = near.transpose(1, 2) @ near / max(1, near.shape[1])
            size = covariance.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
            covariance = torch.lerp(covariance, size * unit, 2 / (k + 2))
            variance, axes = torch.linalg.eigh(factor**2 * covariance + floor**2 * unit)
            std = variance.clamp(floor**2, WIDEST**2).sqrt()
            whitening.append(frame @ (axes / std[:, None]))
            spread.append(frame @ (axes * std[:, None]))
            log_norm.append(-std.log().sum(1) - 0.5 * m * math.log(2 * math.pi))
        self.centres = x
        self.whitening, self.spread = torch.stack(whitening), torch.stack(spread)
        self.log_norm = torch.stack(log_norm)

    def log_parts(self, x: Tensor) -> Tensor:
        """Return the log-density of rows under each width, last under what covers, (n, s + 1)."""
        wide, n = self.manifold.log_density(x)[:, None], len(self.centres)
        if not n:
            return wide
        parts = []
        for some in x.split(max(1, AT_ONCE // (n * x.shape[1]))):
            v = self.manifold.log(self.centres[:, None], some)
            expansion = self.manifold.log_expansion(v) - math.log(n)
            found = [
                torch.logsumexp(norm[:, None] - 0.5 * (v @ w).square().sum(2) + expansion, 0)
                for w, norm in zip(self.whitening, self.log_norm, strict=True)
            ]
            parts.append(torch.stack(found, 1))
        return torch.cat([torch.cat(parts), wide], 1)

    def log_density(self, x: Tensor) -> Tensor:
        """Return the log-density of rows with respect to the manifold's volume, (n,)."""
        return torch.logsumexp(self.log_parts(x) + self.log_share.to(x), 1)

    def draw(self, noise: GeneratorNoise, like: Tensor) -> Tensor:
        """Draw as many rows as those given."""
        x = self.manifold.draw(noise, like)
        u, v = noise.uniform(like), noise.uniform(like)
        z = noise.normal(like.new_empty(len(like), self.manifold.dim))
        if not self.widths:
            return x
        width = _chosen(self.log_share.exp().to(like).expand(len(like), -1), u)
        kernel = (v * len(self.centres)).long().clamp(max=len(self.centres) - 1)
        return torch.where(
            (width == len(self.widths))[:, None],
            x,
            self._from_kernels(width.clamp(max=len(self.widths) - 1), kernel, z),
        )

    def _from_kernels(self, width: Tensor, kernel: Tensor, z: Tensor) -> Tensor:
        v = (self.spread[width, kernel] @ z[:, :, None])[:, :, 0]
        return self.manifold.exp(self.centres[kernel], v)

    def draw_near(self, noise: GeneratorNoise, x: Tensor) -> Tensor:
        """Draw for each row from a kernel that it may come from, other than those at its place.

        The kernel is drawn from the posterior distribution given the row, among the kernels of the
        nearest rows. Over rows of the mixture the draws have the distribution of the mixture.
        """
        draw = self.manifold.draw(noise, x)
        u, z = noise.uniform(x), noise.normal(x.new_empty(len(x), self.manifold.dim))
        if not self.widths:
            return draw
        index = self._nearest(x, self.centres, CANDIDATES)
        wide = self.manifold.log_density(x) + self.log_share[-1]
        logs = []
        for some, i in zip(x.split(512), index.split(512), strict=True):
            v = self.manifold.log(self.centres[i], some[:, None])
            expansion = self.manifold.log_expansion(v) - math.log(len(self.centres))
            own = torch.where(v.norm(dim=2) > SAME, 0.0, -torch.inf)
            found = []
            for w, norm, share in zip(self.whitening, self.log_norm, self.log_share, strict=False):
                squares = (v[:, :, None] @ w[i])[:, :, 0].square().sum(2)
                found.append(share + norm[i] - 0.5 * squares + expansion + own)
            logs.append(torch.stack(found, 2).flatten(1))
        weights = torch.softmax(torch.cat([torch.cat(logs), wide[:, None]], 1), 1)
        chosen = _chosen(weights, u)
        is_wide = chosen == weights.shape[1] - 1
        place = chosen.clamp(max=weights.shape[1] - 2)
        s = len(self.widths)
        kernel = index.gather(1, (place // s)[:, None])[:, 0]
        return torch.where(is_wide[:, None], draw, self._from_kernels(place % s, kernel, z))


def _chosen(weights: Tensor, u: Tensor) -> Tensor:
    """Return the number that a uniform number chooses from the weights of each row."""
    cumulated = weights.cumsum(1)
    found = torch.searchsorted(cumulated, (u * cumulated[:, -1])[:, None], right=True)[:, 0]
    return found.clamp(max=weights.shape[1] - 1)


def best_shares(log_parts: Tensor) -> Tensor:
    """Return the logarithms of the shares under which rows are most likely, by EM."""
    n, s = log_parts.shape
    log_share = log_parts.new_full((s,), -math.log(s))
    for _ in range(N_ITERATIONS):
        posterior = torch.log_softmax(log_parts + log_share, 1)
        # As if one more row were shared out evenly: no share is zero.
        log_share = torch.log((posterior.exp().sum(0) + 1 / s) / (n + 1))
    return log_share
