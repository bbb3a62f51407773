"""Batches of rows: shuffled without end, in order and once, or read from disk when needed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass
class Reader:
    """Training rows that are read when they are needed.

    Parameters
    ----------
    n : int
        The number of rows.
    run : int
        The number of neighbouring rows that are read together.
    most : int
        The most rows in memory at a time, unless a batch is larger.
    read : callable
        ``read(index)`` gives a dict of tensors of the rows of the given numbers, which increase.
    """

    n: int
    run: int
    most: int
    read: Callable[[np.ndarray], Mapping[str, Tensor]]


class Batches:
    """Batches of a dict of tensors: shuffled without end, or in order and once."""

    def __init__(self, rows: Mapping[str, Tensor], batch_size: int):
        self.rows = rows
        self.n = len(next(iter(rows.values())))
        self.batch_size = batch_size
        self.order: Tensor | None = None
        self.at = 0

    def shuffled(self, n_steps: int, generator: torch.Generator) -> Iterator:
        """Yield ``n_steps`` batches in random order."""
        size = min(self.batch_size, self.n)
        for _ in range(n_steps):
            if self.order is None or self.at + size > self.n:
                self.order, self.at = torch.randperm(self.n, generator=generator), 0
            index = self.order[self.at : self.at + size]
            self.at += size
            yield {k: v[index] for k, v in self.rows.items()}, torch.empty(0)

    def check(self, order: Any, at: Any) -> None:
        """Raise where an order, or a place in it, cannot belong to these rows."""
        _check_place(order, at, self.n)
        if order is not None and not torch.equal(order.sort().values, torch.arange(self.n)):
            raise ValueError("its order of the rows is none")

    def ordered(self) -> Iterator:
        """Yield all rows once, in order."""
        for start in range(0, self.n, self.batch_size):
            part = slice(start, start + self.batch_size)
            yield {k: v[part] for k, v in self.rows.items()}, torch.empty(0)


class ReadBatches:
    """Shuffled batches without end, of rows that are read from disk many batches at a time.

    Runs of neighbouring rows are put in random order. Many runs are read at a time, and their rows
    mixed.
    """

    def __init__(self, reader: Reader, batch_size: int):
        self.reader, self.size = reader, min(batch_size, reader.n)
        # The first rows of the runs of this pass, in order, and the number of rows used.
        self.order: Tensor | None = None
        self.at = 0

    def shuffled(self, n_steps: int, generator: torch.Generator) -> Iterator:
        """Yield ``n_steps`` batches in random order."""
        while n_steps > 0:
            n_read = min(n_steps, max(1, self.reader.most // self.size))
            places = self._next(n_read * self.size, generator)
            if self.reader.run > 1:
                places = places[torch.randperm(len(places), generator=generator)]
            index, back = torch.sort(places)
            rows = self.reader.read(index.numpy())
            back = torch.argsort(back)
            for part in back.split(self.size):
                yield {k: v[part.to(v.device)] for k, v in rows.items()}, torch.empty(0)
            n_steps -= n_read

    def check(self, order: Any, at: Any) -> None:
        """Raise where an order, or a place in it, cannot belong to these rows."""
        n_runs = self.reader.n // self.reader.run
        _check_place(order, at, n_runs * self.reader.run)
        if order is None:
            return
        starts = order.sort().values
        whole = len(starts) == n_runs and bool((starts.diff() == self.reader.run).all())
        if not whole or starts[0] < 0 or starts[-1] + self.reader.run > self.reader.n:
            raise ValueError("its order of the rows is none")

    def _next(self, n: int, generator: torch.Generator) -> Tensor:
        """Return the numbers of the next n rows."""
        n_runs, over = divmod(self.reader.n, self.reader.run)
        parts = []
        while n > 0:
            if self.order is None or self.at == n_runs * self.reader.run:
                # Runs begin at different rows in each pass, so that the last rows are used too.
                first = int(torch.randint(over + 1, (), generator=generator))
                order = torch.randperm(n_runs, generator=generator)
                self.order, self.at = order * self.reader.run + first, 0
            place = torch.arange(self.at, min(self.at + n, n_runs * self.reader.run))
            run = place // self.reader.run
            parts.append(self.order[run] + place % self.reader.run)
            self.at += len(place)
            n -= len(place)
        return torch.cat(parts)


def _check_place(order: Any, at: Any, most: int) -> None:
    if type(at) is not int or not 0 <= at <= most:
        raise ValueError(f"its place in the order of the rows is {at!r:.50}")
    if order is not None and (order.dtype != torch.int64 or order.ndim != 1):
        raise ValueError("its order of the rows is none")
