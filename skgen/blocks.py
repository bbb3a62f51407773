"""A fitted module applied to many rows, block by block, without gradients.

`drawn_rows` makes draws independent of how many rows are asked for at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skgen.processes.noise import GeneratorNoise, RowNoise
from skgen.repeatable import repeatable


def device_of(module: nn.Module) -> torch.device:
    """Return the device of a module."""
    return next(module.parameters()).device


@contextmanager
def computing(module: nn.Module) -> Iterator[None]:
    """Use a fitted module, without gradients."""
    with torch.no_grad(), repeatable(module):
        yield


def block_noise(module: nn.Module, seed: int, number: int) -> GeneratorNoise:
    """Return the noise of a block by its number."""
    mixed = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]
    generator = torch.Generator(device_of(module)).manual_seed(int(mixed >> np.uint64(1)))
    return GeneratorNoise(generator)


def in_blocks(
    function: Callable[..., Tensor], module: Any, arrays: Sequence[Tensor | None]
) -> Tensor:
    """Return the results of a function for all rows, block by block; an array may be None."""
    n = len(next(a for a in arrays if a is not None))
    blocks = []
    with computing(module):
        for start in range(0, n, module.block_size):
            part = slice(start, start + module.block_size)
            inputs = [None if a is None else a[part].to(device_of(module)) for a in arrays]
            blocks.append(function(*inputs).cpu())
    return torch.cat(blocks)


def drawn_rows(
    module: Any,
    n_rows: int,
    encoded: Tensor | None,
    seed: int,
    first_row: int,
    settings: Mapping[str, Any],
) -> Tensor:
    """Return the rows that a seed gives, from number ``first_row`` on.

    Every block has the same size and a seed of its own, made of the seed and its number. So a row's
    bits depend on the seed and its number alone, not on how many rows are drawn in one call.
    """
    block = module.block_size
    first, skipped = divmod(first_row, block)
    parts = []
    for number, start in enumerate(range(-skipped, n_rows, block), first):
        given = None
        if encoded is not None:
            given = encoded[max(start, 0) : start + block]
            ahead = max(-start, 0)
            short = block - ahead - len(given)
            filling = given[:1]
            given = torch.cat([filling.expand(ahead, -1), given, filling.expand(short, -1)])
            given = given.float().to(device_of(module))
        with computing(module):
            rows = module.sample(block_noise(module, seed, number), block, given, **settings)
        parts.append(rows.cpu())
    return torch.cat(parts)[skipped : skipped + n_rows]


def completed_rows(
    module: Any,
    index: np.ndarray,
    x: Tensor,
    observed: Tensor,
    encoded: Tensor | None,
    seed: int,
    options: Mapping[str, Any],
) -> Tensor:
    """Return completed rows, one for each number in ``index``, which may repeat."""
    device, parts = device_of(module), []
    for number, start in enumerate(range(0, len(index), module.block_size)):
        part = index[start : start + module.block_size]
        given = None if encoded is None else encoded[part].float().to(device)
        with computing(module):
            noise, rows = block_noise(module, seed, number), x[part].float().to(device)
            completed = module.impute(noise, rows, observed[part].to(device), given, **options)
        parts.append(completed.cpu())
    return torch.cat(parts)


def log_likelihoods(
    module: Any, x: Tensor, keys: Tensor, encoded: Tensor | None, options: Mapping[str, Any]
) -> Tensor:
    """Return the log-likelihood of each row, or its bound, averaged over draws of the noise.

    The noise of a row is made from its key alone.
    """

    def function(x: Tensor, keys: Tensor, c: Tensor | None) -> Tensor:
        total = torch.zeros(len(x), dtype=torch.float64, device=x.device)
        likelihood = module.likelihood(x, c, **options)
        for draw in range(module.score_draws):
            total += likelihood(RowNoise(keys, draw, module.score_draws)).double()
        return total / module.score_draws

    return in_blocks(function, module, [x, keys, encoded])
