"""The state of a net in training, from which the training can go on and end with the same bits.

A state may come from a file that is damaged or made by hand. What would cause an error too late, or
a wrong result, is checked here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from skgen.storage import FileFormatError

# Tensors of an optimiser's state that must have the shape of their weight.
LIKE_WEIGHTS = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer"}
MOMENTS = {"step", "exp_avg", "exp_avg_sq"}


@contextmanager
def damage_as_format_error() -> Iterator[None]:
    """Turn any error that a wrong state causes into a FileFormatError."""
    try:
        yield
    except FileFormatError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise FileFormatError(f"it holds no state of this fit ({error!s:.200}).") from error


def state_of(net: Any) -> dict[str, Any]:
    """Return the state of a net that the rest of its training depends on, without the module."""
    callbacks = dict(net.callbacks_)
    average, choose = callbacks["average"], callbacks["choose"]
    plain = (bool, int, float, str)
    return {
        "step": net.step_,
        "stop": net.stop_training,
        "optimizer": net.optimizer_.state_dict(),
        "schedule": callbacks["schedule"].lr_scheduler_.state_dict(),
        "average": [average.average, average.step],
        "choose": [choose.best_loss, choose.best, choose.totals],
        "generators": [net.generator_.get_state(), net.order_.get_state()],
        "batches": [net.batches_.order, net.batches_.at],
        "history": [{k: v for k, v in row.items() if isinstance(v, plain)} for row in net.history],
    }


def restore(net: Any, state: Mapping[str, Any]) -> None:
    """Put back what `state_of` returned.

    Raises
    ------
    FileFormatError
        If the state cannot be that of such a net.
    """
    with damage_as_format_error():
        _check_state(net, state)
        _put_back(net, state)


def _put_back(net: Any, state: Mapping[str, Any]) -> None:
    callbacks = dict(net.callbacks_)
    average, choose = callbacks["average"], callbacks["choose"]

    def moved(tensors):
        return None if tensors is None else [t.to(net.place) for t in tensors]

    net.step_, net.stop_training = state["step"], state["stop"]
    net.module_.training = net.stage.module.training
    net.optimizer_.load_state_dict(state["optimizer"])
    callbacks["schedule"].lr_scheduler_.load_state_dict(dict(state["schedule"]))
    average.average, average.step = moved(state["average"][0]), state["average"][1]
    choose.best_loss, best, totals = state["choose"]
    choose.best, choose.totals = moved(best), list(totals)
    for generator, kept in zip((net.generator_, net.order_), state["generators"], strict=True):
        generator.set_state(kept)
    net.batches_.order, net.batches_.at = state["batches"]
    for row in state["history"]:
        net.history.append({**row, "batches": []})
    for group in net.optimizer_.param_groups:
        for parameter in group["params"]:
            kept = net.optimizer_.state.get(parameter)
            # A weight without a gradient so far has no moments.
            adam = isinstance(net.optimizer_, torch.optim.Adam | torch.optim.AdamW)
            if kept and adam and MOMENTS - kept.keys():
                raise ValueError("the optimiser's moments are missing")
            for name in LIKE_WEIGHTS & (kept or {}).keys():
                _check_tensor(kept[name], parameter, name)


def _check_state(net: Any, state: Mapping[str, Any]) -> None:
    callbacks = dict(net.callbacks_)
    average, (best_loss, best, totals) = state["average"], state["choose"]
    for tensors in (average[0], average[0] if best is None else best):
        for value, weight in zip(tensors, net.stage.parameters, strict=True):
            _check_tensor(value, weight, "average")
    if not all(isinstance(total, float) for total in totals):
        raise ValueError("the losses of its evaluations are of another type")
    steps = (state["step"], average[1])
    if any(type(step) is not int or step < 0 for step in steps) or steps[0] > net.n_steps:
        raise ValueError(f"its steps are {steps!r:.50}")
    _check_tensor(best_loss, callbacks["choose"].best_loss, "best loss")
    if type(state["stop"]) is not bool:
        raise ValueError("whether it was to stop is of another type")
    schedule = callbacks["schedule"].lr_scheduler_.state_dict()
    _check_alike(dict(state["schedule"]), schedule, "schedule")
    groups = net.optimizer_.state_dict()["param_groups"]
    for kept, own in zip(state["optimizer"]["param_groups"], groups, strict=True):
        _check_alike(kept, own, "optimizer")
    net.batches_.check(*state["batches"])
    for row in state["history"]:
        if not all(isinstance(value, bool | int | float | str) for value in row.values()):
            raise ValueError("its history is none")


def _check_tensor(value: Any, like: Tensor, name: str) -> None:
    if (value.shape, value.dtype) != (like.shape, like.dtype):
        raise ValueError(f"{name!r:.50} is of another shape or type than the weights")


def _check_alike(kept: Any, own: Any, name: str) -> None:
    """Raise where parts of two states differ in names or types."""
    if type(kept) is not type(own) and not (
        isinstance(kept, int | float) and isinstance(own, int | float)
    ):
        raise ValueError(f"{name!r:.50} is of another type")
    if isinstance(own, dict):
        if kept.keys() != own.keys():
            raise ValueError(f"{name!r:.50} has other parts")
        for key, part in own.items():
            _check_alike(kept[key], part, key)
    elif isinstance(own, list | tuple):
        for part, like in zip(kept, own, strict=True):
            _check_alike(part, like, name)
