r"""The distribution of a row, one column after another: a Gaussian that a network corrects.

Columns of few values come first, so that what depends on a label is drawn given it. Given the
columns before it, a column has a density of :mod:`skgen.papers.cells`: normal with mean
:math:`\mu_j` and deviation :math:`s_j` by linear regression on the columns before, tilted in each
cell so that the cell has its frequency where nothing of the row is observed. That is a Gaussian
copula, near enough; of a number given a label, a linear discriminant. A masked network corrects
mean, deviation and tilts,

.. math::

    \mu_j + s_j a_j(x_{<j}), \qquad s_j e^{b_j(x_{<j})}, \qquad \tau_{jk} + c_{jk}(x_{<j}),

by functions that start at zero. What cannot be learnt from few rows stays Gaussian, a linear
relation of two columns stays linear within the cells, and corrections are shared by neighbouring
cells. The networks of two columns share no weight. So validation chooses the weights of each column
by itself, and at the end the factor of its corrections: some columns of a table are overfitted long
before others are learnt.

Missing entries are proposed by the same form given all that is observed, with the conditional
Gaussian as the start. Of some proposals one is drawn by the ratio of the density of whole rows to
that of the proposal.

Source: Uria, Murray and Larochelle, *RNADE: the real-valued neural autoregressive
density-estimator*, NeurIPS 2013; Germain, Gregor, Murray and Larochelle, *MADE*, ICML 2015;
Gorishniy, Rubachev and Babenko, *On embeddings for numerical features in tabular deep learning*,
NeurIPS 2022, for the piecewise linear features; Rubin, *Using the SIR algorithm to simulate
posterior distributions*, Bayesian Statistics 3, 1988, for the completions.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skgen.networks.autoregressive import ColumnwiseMADE
from skgen.networks.mlp import ColumnwiseLinear, zero_init
from skgen.papers.cells import Cells, Cuts, draw_index
from skgen.papers.gaussian_regressions import GaussianRegressions, Regress
from skgen.papers.representation import draw_observed, in_parts

# Cells that share a correction beside their own.
BRANCH = 8
N_PROPOSALS = 8


class ColumnDensities(nn.Module):
    """The distribution of scaled rows, column by column: see the module's docstring.

    Parameters
    ----------
    cuts : list of Cuts
        The cells of each column.
    n_condition : int
        Numbers of an encoded condition; 0 for none.
    width : int
        Hidden units of each column's network.
    condition_dropout : float
        Share of training rows whose condition is hidden.
    is_probability : bool
        Whether repeated values have probabilities, rather than a density over their cell's width.
    """

    order: Tensor
    knot: Tensor
    groups: Any
    heads: Any

    def __init__(
        self,
        cuts: list[Cuts],
        n_condition: int,
        *,
        width: int,
        condition_dropout: float,
        is_probability: bool,
    ):
        super().__init__()
        d = self.n_features = len(cuts)
        self.n_condition = n_condition
        self.condition_dropout, self.is_probability = condition_dropout, is_probability
        sizes = [len(cut.level) if cut.kind == "levels" else math.inf for cut in cuts]
        # Columns of few values first.
        order = sorted(range(d), key=lambda j: sizes[j])
        self.register_buffer("order", torch.tensor(order, device="cpu"))
        # Fewer where columns are many: the first layer grows with the square of their number.
        n_knots = min(max(512 // d, 8), 32)
        self.register_buffer("knot", torch.zeros(d, n_knots + 1, device="cpu"))
        self.groups = nn.ModuleList(_grouped([cuts[j] for j in order]))
        self.gaussian = GaussianRegressions(d, 0)
        self.conditional_gaussian: Any = (
            GaussianRegressions(d, n_condition) if n_condition else None
        )
        n_in = n_knots + 1
        with torch.device("meta"):
            # A condition, and whether it is shown.
            n_context = n_condition + 1 if n_condition else 0
            self.network = ColumnwiseMADE(d, n_in, n_in + 1, n_context, width=width)
            self.heads = nn.ModuleList()
            for group in self.groups:
                n_out = 2 + sum(_branches(group.n_cells))
                self.heads.append(zero_init(ColumnwiseLinear(len(group.columns), width, n_out)))

    def fit(self, cuts: list[Cuts], x: Tensor, condition: Tensor | None, regress: Regress) -> None:
        """Take cells, frequencies and regressions from scaled rows."""
        rows = x[:, self.order].cpu().double().numpy()
        cuts = [cuts[j] for j in self.order.tolist()]
        for group in self.groups:
            for place, j in enumerate(group.columns.tolist()):
                group.fit(place, cuts[j], rows[:, j], self.is_probability)
        shares = np.linspace(0, 1, self.knot.shape[1])
        for j, column in enumerate(rows.T):
            # Where values repeat, knots at the values themselves.
            knots = np.unique(np.quantile(column, shares, method="nearest"))
            self.knot[j] = float(knots[-1])
            self.knot[j, : len(knots)] = torch.from_numpy(knots)
        self.gaussian.fit(rows, np.empty((len(rows), 0)), regress)
        if self.conditional_gaussian is not None and condition is not None:
            self.conditional_gaussian.fit(rows, condition.cpu().double().numpy(), regress)

    # What the network reads.

    def _features(self, x: Tensor, columns: slice = slice(None)) -> Tensor:
        """Return piecewise linear features, 0 to 1 from each knot to the next, and the entry."""
        knot = self.knot[columns]
        width = knot[:, 1:] - knot[:, :-1]
        way = ((x[..., None] - knot[:, :-1]) / width.clamp(min=1e-6)).clamp(0, 1) * (width > 0)
        return torch.cat([way, x[..., None].clamp(-10, 10)], -1)

    def _evidence(self, x: Tensor, observed: Tensor) -> Tensor:
        marks = observed[..., None]
        return torch.cat([self._features(x) * marks, marks], -1)

    def _shown(self, x: Tensor, condition: Tensor | None, noise: Any = None) -> Tensor:
        """Return 1 for the rows whose condition is read, (n, 1); noise hides some."""
        if condition is None:
            return x.new_zeros(len(x), 1)
        shown = x.new_ones(len(x), 1)
        if noise is not None and self.condition_dropout > 0:
            shown = (noise.uniform(x) >= self.condition_dropout).to(x.dtype)[:, None]
        return shown

    def _context(self, x: Tensor, condition: Tensor | None, shown: Tensor) -> Tensor:
        if self.conditional_gaussian is None:
            return x.new_empty(len(x), 0)
        if condition is None:
            condition = x.new_zeros(len(x), self.n_condition)
        return torch.cat([condition * shown, shown], -1)

    # The Gaussian that the network corrects.

    def _either(
        self, method: str, shown: Tensor, condition: Tensor | None, *rows: Tensor
    ) -> tuple[Tensor, ...]:
        """Return a result of the Gaussian given the condition where it is shown, or without it."""
        plain = getattr(self.gaussian, method)(*rows, shown.new_zeros(len(shown), 0))
        if condition is None or self.conditional_gaussian is None:
            return plain
        given = getattr(self.conditional_gaussian, method)(*rows, condition)
        return tuple(
            torch.where(shown.view(-1, *[1] * (a.ndim - 1)) > 0, a, b)
            for a, b in zip(given, plain, strict=True)
        )

    def _gaussian(
        self, x: Tensor, observed: Tensor | None, condition: Tensor | None, shown: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of each entry given those before, and those observed."""
        mean, scale = self._either("given_before", shown, condition, x)
        if observed is None:
            return mean, scale
        some = observed.any(1).nonzero()[:, 0]
        rows = x[some]
        conditions = None if condition is None else condition[some]
        centre, weight, deviation = self._either(
            "given_observed", shown[some], conditions, rows, observed[some]
        )
        centre = centre + ((rows - centre)[:, None, :] * weight).sum(-1)
        return mean.index_copy(0, some, centre), scale.index_copy(0, some, deviation)

    # Densities.

    @staticmethod
    def _corrected(
        group: Cells, out: Tensor, mean: Tensor, scale: Tensor, columns: slice = slice(None)
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean, deviation and tilts after the corrections of the network, of its output."""
        mean = mean + scale * out[..., 0]
        limit = 3.0
        scale = scale * torch.exp(limit * torch.tanh(out[..., 1] / limit))
        tilt, at = group.start[columns], 2
        for generation, size in enumerate(_branches(group.n_cells)):
            part = out[..., at : at + size]
            if generation:
                part = part.repeat_interleave(BRANCH**generation, -1)[..., : group.n_cells]
            tilt, at = tilt + part, at + size
        return mean, scale, tilt

    def _log_p(
        self,
        x: Tensor,
        observed: Tensor | None,
        condition: Tensor | None,
        shown: Tensor,
        dropout: Any = None,
    ) -> Tensor:
        """Return log p of each entry given those before, (n, d); of ordered columns."""
        evidence = self._evidence(x, torch.zeros_like(x) if observed is None else observed)
        context = self._context(x, condition, shown)
        h = self.network(self._features(x), evidence, context)
        if dropout is not None:
            # A quarter of the hidden units is left out of a step.
            h = h * (dropout.uniforms(h) >= 0.25) / (1 - 0.25)
        means, scales = self._gaussian(x, observed, condition, shown)
        result = torch.empty_like(x)
        for group, head in zip(self.groups, self.heads, strict=True):
            columns = group.columns
            out = head(h[columns]).transpose(0, 1)
            parts = self._corrected(group, out, means[:, columns], scales[:, columns])
            result = result.index_copy(1, columns, group.log_p(x[:, columns], *parts))
        return result

    def loss(self, noise: Any, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return -log p of each entry in nats, of ordered columns, (n, d).

        In a quarter of the rows a random part is observed: its entries have no loss, and the
        distribution of the others is the one given them.
        """
        x = x[:, self.order]
        observed = draw_observed(noise, x, None)
        shown = self._shown(x, condition, noise if self.training else None)
        dropout = noise if self.training else None
        log_p = self._log_p(x, observed, condition, shown, dropout)
        return -(log_p * (1 - observed))

    def owners(self) -> dict[nn.Parameter, Tensor]:
        """Return the column, in order, that each row of each weight belongs to."""
        owners = self.network.owners()
        for group, head in zip(self.groups, self.heads, strict=True):
            owners |= dict.fromkeys(head.parameters(), group.columns)
        return owners

    @torch.no_grad()
    def shrink(self, x: Tensor, condition: Tensor | None = None) -> None:
        """Multiply the corrections of each column by the factor that is best on held-out rows."""
        weights = [p for head in self.heads for p in head.parameters()]
        whole = [p.clone() for p in weights]

        def log_p(x: Tensor, condition: Tensor | None) -> Tensor:
            x = x[:, self.order]
            return self._log_p(x, None, condition, self._shown(x, condition))

        found, factors = [], (0.0, 0.25, 0.5, 0.75, 1.0)
        for factor in factors:
            torch._foreach_copy_(weights, torch._foreach_mul(whole, factor))
            found.append(torch.cat(in_parts(log_p, x, condition)).mean(0))
        best = torch.tensor(factors, device=x.device)[torch.stack(found).argmax(0)]
        owners = self.owners()
        for weight, value in zip(weights, whole, strict=True):
            weight.copy_(value * best[owners[weight]].view(-1, 1, 1))

    def log_likelihood(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """Return log p of each row, in nats."""
        x = x[:, self.order]
        return self._log_p(x, None, condition, self._shown(x, condition)).sum(1)

    # Draws.

    def sample(
        self,
        noise: Any,
        n: int,
        condition: Tensor | None,
        *,
        temperature: float = 1.0,
        guidance_scale: float = 0.0,
        **_: Any,
    ) -> Tensor:
        """Draw rows, (n, d)."""
        nothing = self.knot.new_zeros(n, self.n_features)
        return self._restored(
            self._draw(noise, nothing, None, condition, temperature, guidance_scale)
        )

    def impute(
        self,
        noise: Any,
        x: Tensor,
        observed: Tensor,
        condition: Tensor | None,
        *,
        temperature: float = 1.0,
        **_: Any,
    ) -> Tensor:
        """Draw the missing entries of rows given the observed ones."""
        n = len(x)
        x, observed = x[:, self.order], observed[:, self.order].to(x.dtype)
        x, observed = (rows.repeat_interleave(N_PROPOSALS, 0) for rows in (x, observed))
        if condition is not None:
            condition = condition.repeat_interleave(N_PROPOSALS, 0)
        rows = self._draw(noise, x, observed, condition, temperature, 0.0)
        shown = self._shown(rows, condition)
        proposal = self._log_p(rows, observed, condition, shown) * (1 - observed)
        whole = self._log_p(rows, None, condition, shown)
        weight = (whole - proposal).sum(1).view(n, N_PROPOSALS)
        chosen = draw_index(noise, weight)
        rows = rows.view(n, N_PROPOSALS, -1)[torch.arange(n, device=x.device), chosen]
        return self._restored(rows)

    def _restored(self, rows: Tensor) -> Tensor:
        """Put ordered columns back in the order of the data."""
        return torch.empty_like(rows).index_copy(1, self.order, rows)

    def _draw(
        self,
        noise: Any,
        x: Tensor,
        observed: Tensor | None,
        condition: Tensor | None,
        temperature: float,
        guidance_scale: float,
    ) -> Tensor:
        """Draw ordered columns, one after another; those observed are kept."""
        marks = torch.zeros_like(x) if observed is None else observed
        rows = x * marks
        # Guidance needs the distribution without the condition, too.
        conditions = [condition, None] if guidance_scale > 0 else [condition]
        walkers, regressions = [], None
        for c in conditions:
            context = self._context(rows, c, self._shown(rows, c))
            walkers.append(self.network.walker(self._evidence(rows, marks), context))
        if observed is not None:
            shown = self._shown(rows, condition)
            regressions = self._either("given_observed", shown, condition, rows, marks)
        for j, (group, head, place) in enumerate(self._places()):
            columns = slice(place, place + 1)
            before = self._features(rows[:, j - 1 : j], slice(j - 1, j))[:, 0] if j else rows
            ways = []
            for walk, c in zip(walkers, conditions, strict=True):
                out = head.at(place, walk(j, before))[:, None]
                mean, scale = self._gaussian_at(j, rows, c, regressions)
                mean, scale, tilt = self._corrected(
                    group, out, mean[:, None], scale[:, None], columns
                )
                logits = (group.log_base(mean, scale, columns) + tilt)[:, 0]
                ways.append((torch.log_softmax(logits, -1), mean[:, 0], scale[:, 0]))
            log_p, mean, scale = ways[0]
            for other, _, _ in ways[1:]:
                log_p = log_p + guidance_scale * (log_p - other)
            k = draw_index(noise, log_p / temperature)
            drawn = group.draw(noise, place, k, mean, scale).to(rows)
            rows[:, j] = torch.where(marks[:, j] > 0, x[:, j], drawn)
        return rows

    def _places(self) -> list[tuple[Cells, ColumnwiseLinear, int]]:
        """Return the group of each column, its head and the column's place in the group."""
        found: dict[int, Any] = {}
        for group, head in zip(self.groups, self.heads, strict=True):
            for place, j in enumerate(group.columns.tolist()):
                found[j] = group, head, place
        return [found[j] for j in range(self.n_features)]

    def _gaussian_at(
        self, j: int, rows: Tensor, condition: Tensor | None, regressions: tuple[Tensor, ...] | None
    ) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of column j given those before and those observed, (n,)."""
        if regressions is not None:
            mean, weight, scale = regressions
            return mean[:, j] + ((rows - mean) * weight[:, j]).sum(1), scale[:, j]
        gaussian = self.gaussian
        if condition is None or self.conditional_gaussian is None:
            condition = rows.new_zeros(len(rows), 0)
        else:
            gaussian = self.conditional_gaussian
        mean = rows @ gaussian.weight[j] + condition @ gaussian.slope[j] + gaussian.offset[j]
        return mean, gaussian.scale[j].expand_as(mean)


def _branches(n_cells: int) -> list[int]:
    """Return the numbers of corrections: one per cell, one per `BRANCH` of these, and so on."""
    sizes = [n_cells]
    while sizes[-1] > 2 * BRANCH:
        sizes.append(math.ceil(sizes[-1] / BRANCH))
    return sizes


def _grouped(cuts: list[Cuts]) -> list[Cells]:
    """Return the cells of columns, grouped by their kind and similar numbers of cells."""
    groups: dict[tuple[str, float], list[int]] = {}
    for j, cut in enumerate(cuts):
        most = next(most for most in (4, 64, math.inf) if len(cut.level) <= most)
        groups.setdefault((cut.kind, most), []).append(j)
    return [
        Cells(columns, max(2, max(len(cuts[j].level) for j in columns)), kind)
        for (kind, _), columns in groups.items()
    ]
