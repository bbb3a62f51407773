"""Stage and Plan, the inputs of training: what is trained, how long and how.

Training changes the module of a `Stage`, and neither the `Stage` nor the `Plan`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from skgen.training.batches import Reader


class TrainingError(FloatingPointError):
    """A loss became NaN or infinite."""


@dataclass(frozen=True)
class Stage:
    """One stage of a paper's algorithm.

    Parameters
    ----------
    name : str
        Its name in the history.
    loss : callable
        ``loss(noise, **batch)`` gives a loss for each row, (n,), or its parts, (n, n_parts).
    module : nn.Module
        The module that computes the loss.
    parameters : list of nn.Parameter
        What the stage trains; all other parameters are frozen.
    train : dict of str to Tensor, or Reader
        The training rows.
    valid : dict of str to Tensor or None
        The held-out rows, whose loss chooses the weights.
    step_factor : float
        Multiplies the plan's number of steps.
    lr_factor : float
        Multiplies the plan's learning rate.
    diagnose : callable
        Gives further figures for the last row of the stage's history.
    owners : dict of nn.Parameter to Tensor
        For a loss in parts: the only part that each row of a parameter affects. Validation then
        chooses the weights of each part separately.
    """

    name: str
    loss: Callable[..., Tensor]
    module: nn.Module
    parameters: Sequence[nn.Parameter]
    train: Mapping[str, Tensor] | Reader
    valid: Mapping[str, Tensor] | None
    step_factor: float = 1.0
    lr_factor: float = 1.0
    diagnose: Callable[[], Mapping[str, float]] = field(default=dict)
    owners: Mapping[nn.Parameter, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """How long and how to train: the estimator's parameters with defaults filled in."""

    n_steps: int
    batch_size: int
    lr: float
    early_stopping: bool
    device: torch.device
    verbose: bool | int | str = False
    net_params: Mapping[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)


def training_device(device: Any, accelerator: Any = None) -> torch.device:
    """Return the device to train on: the one asked for, or the best available one."""
    if accelerator is not None:
        return accelerator.device
    if device is not None:
        try:
            number = torch.zeros(1, device=device)
            # Tensors on the device "meta" have no values.
            number.cpu()
            return number.device
        except (RuntimeError, AssertionError) as error:
            raise ValueError(
                f"device={device!r} cannot be used here: {error}. "
                "device=None takes the best available one."
            ) from None
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
