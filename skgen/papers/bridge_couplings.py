"""Pairs of ends for training a bridge: by transport, by the reference, or by the bridge itself.

`pairs_of` chooses: the first iteration learns from the coupling that the estimator names, each
later one from pairs simulated by the current bridge.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from skgen.papers.bridge_paths import flow, times_of, walk
from skgen.papers.schrodinger_bridge import SchrodingerBridge
from skgen.processes.noise import GeneratorNoise
from skgen.processes.transport import partners

Rows = dict[str, Tensor]


def pairs_of(
    module: SchrodingerBridge,
    noise: GeneratorNoise,
    rows: Mapping[str, Tensor],
    coupling: str,
    iteration: int,
    n_least: int,
) -> Mapping[str, Tensor]:
    """Return what an iteration learns from: pairs of ends, or data alone.

    Parameters
    ----------
    module : SchrodingerBridge
        The current bridge.
    noise : GeneratorNoise
        Source of the pairs.
    rows : dict of str to Tensor
        Scaled rows of data and their conditions.
    coupling : {"optimal-transport", "independent", "reference"}
        What the first iteration learns from.
    iteration : int
        Its number, from 1; those after the first learn from simulated pairs.
    n_least : int
        The fewest pairs of a table.
    """
    if iteration == 1 and coupling == "independent":
        return rows
    x, n = rows["x"], len(rows["x"])
    if module.axes.rotate:
        # On tables pairs are cheap, and few of them are soon memorised.
        n = max(n, min(16384, max(n_least, 2 * n)))
    couple = reference_pairs if coupling == "reference" else transport_pairs
    return (couple if iteration == 1 else simulated_pairs)(
        module, noise, x, rows.get("condition"), n + n % 2
    )


def convergence(
    module: SchrodingerBridge, noise: GeneratorNoise, pairs: Mapping[str, Tensor]
) -> dict[str, float]:
    """Return figures of the pairs of an iteration that stop changing once iterations converge."""
    x, x_0, condition = pairs["x"], pairs.get("x_0"), pairs.get("condition")
    if x_0 is None:
        x = module.axes.to_axes(x)
        x_0 = module.draw_source(noise, x)
    figures = {}
    if "real" in pairs:
        # Half of the pairs begin at the data, half at the source.
        (x_half, ahead), (back, x_0_half) = x.chunk(2), x_0.chunk(2)
        simulated, real = (
            _variance(ahead) + _variance(back),
            _variance(x_half) + _variance(x_0_half),
        )
        figures["spread"] = float(simulated / real)
    figures["coupling_cost"] = float((x - x_0).square().sum(1).mean())
    few = slice(0, module.block_size)
    given = None if condition is None else condition[few]
    return figures | {"path_energy": path_energy(module, noise, x[few], given)}


def _variance(rows: Tensor) -> Tensor:
    return rows.var(0).sum()


def _cycle(noise: GeneratorNoise, x: Tensor, n: int) -> Tensor:
    """Return n indices of rows in random order: every row equally often, or once less."""
    rounds = [torch.argsort(noise.uniform(x)) for _ in range(-(-n // len(x)))]
    return torch.cat(rounds)[:n]


def transport_pairs(
    module: SchrodingerBridge, noise: GeneratorNoise, x: Tensor, condition: Tensor | None, n: int
) -> Rows:
    """Couple data with source rows by optimal transport in batches of one condition."""
    index, cuts = _cycle(noise, x, n), torch.empty(0, dtype=torch.int64)
    if condition is not None:
        _, group = torch.unique(condition, dim=0, return_inverse=True)
        index = index[torch.argsort(group[index], stable=True)]
        cuts = torch.nonzero(group[index].diff()).flatten().cpu() + 1
    starts = []
    batches = [b for part in index.tensor_split(cuts) for b in part.split(256)]
    for batch in batches:
        x_1 = module.axes.to_axes(x[batch])
        x_0 = module.draw_source(noise, x_1)
        chosen = partners(x_0, x_1, module.reference.regularisation, noise.uniform(x_1))
        starts.append(x_0[chosen])
    index = torch.cat(batches)
    pairs = {"x": module.axes.to_axes(x[index]), "x_0": torch.cat(starts)}
    return pairs if condition is None else {**pairs, "condition": condition[index]}


def reference_pairs(
    module: SchrodingerBridge, noise: GeneratorNoise, x: Tensor, condition: Tensor | None, n: int
) -> Rows:
    """Couple source rows with where the reference process carries them."""
    index = _cycle(noise, x, n)
    x_0 = module.draw_source(noise, x[index])
    decay = math.exp(-module.reference.theta)
    # The variance of the unpinned process at time 1.
    var = module.reference.sigma**2 * decay * module.reference.length
    pairs = {"x": decay * x_0 + var**0.5 * noise.normal(x_0), "x_0": x_0}
    return pairs if condition is None else {**pairs, "condition": condition[index]}


def simulated_pairs(
    module: SchrodingerBridge, noise: GeneratorNoise, x: Tensor, condition: Tensor | None, n: int
) -> Rows:
    """Couple the ends by the process as it is: half from the data, half from the source."""
    index = _cycle(noise, x, n)
    half = n // 2
    given = None if condition is None else condition[index]
    x_1 = module.axes.to_axes(x[index[:half]])
    x_0 = module.draw_source(noise, x[index[half:]])
    back = _ends(module, noise, x_1, None if given is None else given[:half], True)
    ahead = _ends(module, noise, x_0, None if given is None else given[half:], False)
    real = x.new_zeros(n, 2)
    real[:half, 0], real[half:, 1] = 2.0, 2.0
    pairs = {"x": torch.cat([x_1, ahead]), "x_0": torch.cat([back, x_0]), "real": real}
    return pairs if given is None else {**pairs, "condition": given}


def _ends(
    module: SchrodingerBridge,
    noise: GeneratorNoise,
    rows: Tensor,
    condition: Tensor | None,
    backward: bool,
) -> Tensor:
    """Carry rows to the other end for training, their variance kept."""
    size = 4 * module.block_size
    ends = []
    with torch.no_grad():
        for start in range(0, len(rows), size):
            part = slice(start, start + size)
            x = rows[part]
            field = module.field(x, None if condition is None else condition[part])
            times = times_of(module.coupling_steps, "cosine")
            if module.reference.sigma == 0:
                path = flow(field, x, times, backward)
            else:
                path = walk(noise, field, module.gaussian(), x, times, backward)
            ends.append(path[-1])
    return torch.cat(ends)


def path_energy(
    module: SchrodingerBridge, noise: GeneratorNoise, like: Tensor, condition: Tensor | None
) -> float:
    """Return the mean of the flow's squared speed over time and source rows."""
    with torch.no_grad():
        x = module.draw_source(noise, like)
        times = times_of(module.coupling_steps, "uniform")
        path = torch.stack(flow(module.field(x, condition), x, times))
        speed = path.diff(dim=0).square().sum(-1).mean(1)
        return float((speed / torch.from_numpy(np.diff(times)).to(speed)).sum())
