"""Stage and Plan, the input of a training: what is trained, how long and how.

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
        What the loss runs on.
    parameters : list of nn.Parameter
        What the stage trains; all other parameters are frozen.
    train : dict of str to Tensor, or Reader
        Rows to learn from.
    valid : dict of str to Tensor or None
        Rows that choose the weights.
    step_factor : float
        What the plan's number of steps is multiplied by.
    lr_factor : float
        What the plan's learning rate is multiplied by.
    diagnose : callable
        Gives further figures for the last row of the stage's history.
    owners : dict of nn.Parameter to Tensor
        For a loss in parts: the one part that each row of a parameter has an effect on. Validation
        then chooses the weights of each part by itself.
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
    """How long and how to train: the estimator's parameters, resolved."""

    n_steps: int
    batch_size: int
    lr: float
    early_stopping: bool
    device: torch.device
    verbose: bool | int | str = False
    net_params: Mapping[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)


def training_device(device: Any, accelerator: Any = None) -> torch.device:
    """Return where to train: on the device that was asked for, or the best there is."""
    if accelerator is not None:
        return accelerator.device
    if device is not None:
        try:
            number = torch.zeros(1, device=device)
            # The device "meta" has no numbers to give back.
            number.cpu()
            return number.device
        except (RuntimeError, AssertionError) as error:
            raise ValueError(
                f"device={device!r} cannot be used here: {error}. "
                "device=None takes the best there is."
            ) from None
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
