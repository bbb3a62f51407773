"""Networks on CUDA that give the same bits at every call."""

import threading
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn


class _Repeatable:
    """A context in which cuDNN takes convolutions that give the same bits at every call.

    Its settings belong to the process, not to a thread: the last thread to leave restores them.
    """

    def __init__(self) -> None:
        self._lock, self._n_inside = threading.Lock(), 0
        self._before: tuple[bool, bool] = False, False

    def __enter__(self) -> None:
        settings = torch.backends.cudnn
        with self._lock:
            if self._n_inside == 0:
                self._before = settings.deterministic, settings.benchmark
                settings.deterministic, settings.benchmark = True, False
            self._n_inside += 1

    def __exit__(self, *_: Any) -> None:
        settings = torch.backends.cudnn
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                settings.deterministic, settings.benchmark = self._before


REPEATABLE = _Repeatable()


def repeatable(module: nn.Module) -> Any:
    """Return the context in which a module repeats its bits."""
    return REPEATABLE if next(module.parameters()).is_cuda else nullcontext()
