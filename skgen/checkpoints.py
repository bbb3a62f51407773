"""The file of a fit that may be killed, from which the same fit goes on to the same bits.

At every evaluation of the running stage, and at the end of each, :class:`Checkpoint` writes all
that the rest of the fit depends on: the module, optimiser, schedule, averages and chosen weights,
the states of the generators, the place in the order of the rows. It also writes which fit it is of,
its parameters as text and its data as hashes, and another fit is refused.

A stage of a paper's algorithm is made when the one before has trained, by code that runs between
the two. On the way back to where a fit stopped that code runs again, from the state that the stage
before the stopped one had left: stages need no saving of their own.
"""

import copy
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skgen import storage
from skgen.processes.noise import GeneratorNoise
from skgen.storage import FileFormatError

_MODULE_ATTRIBUTES = frozenset(vars(nn.Module()))
# What does not change the fitted model, or has an entry of its own.
NOT_COMPARED = {"checkpoint", "callbacks", "verbose", "device", "random_state"}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(_is_plain(part) for pair in value.items() for part in pair)
    return value is None or type(value) in (bool, int, float, str, Tensor)


def module_state(module: nn.Module) -> dict[str, Any]:
    """Return a copy of all that training may change in a module, on the CPU.

    These are its parameters and buffers, and the numbers, texts and tensors among its plain
    attributes, like those that count steps or tell whether a law is settled.
    """
    state = {}
    for path, part in module.named_modules():
        plain = {
            name: value
            for name, value in vars(part).items()
            if name not in _MODULE_ATTRIBUTES and _is_plain(value)
        }
        state[path] = {
            "training": part.training,
            "plain": copy.deepcopy(plain),
            "parameters": _copied(part._parameters),
            "buffers": _copied(part._buffers),
        }
    return state


def _copied(tensors: Mapping[str, Tensor | None]) -> dict[str, Tensor]:
    return {k: v.detach().to("cpu", copy=True) for k, v in tensors.items() if v is not None}


def restore_module(module: nn.Module, state: Mapping[str, Any]) -> None:
    """Put back what `module_state` returned, into a module that was built alike."""
    device = next(module.parameters()).device
    for path, part in module.named_modules():
        kept = state[path]
        part.training = kept["training"]
        part.__dict__.update(kept["plain"])
        for name, value in kept["parameters"].items():
            # In place: optimiser and averages hold these very tensors.
            part._parameters[name].data.copy_(value)
        for name in part._buffers:
            value = kept["buffers"].get(name)
            part._buffers[name] = None if value is None else value.to(device)


def _digest(*arrays: Any) -> str:
    total = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        total.update(f"{array.dtype}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _described(value: Any) -> str:
    """Return a text that is the same in every process."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_described, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k!r}: {_described(v)}' for k, v in value.items())}}}"
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return repr(value)
    return getattr(value, "__qualname__", type(value).__qualname__)


def identity(
    model: Any, inputs: Mapping[str, Any], start: nn.Module | None, seed: int, device: torch.device
) -> dict[str, str]:
    """Return what tells a fit from others: its parameters, its data, where it starts.

    Parameters
    ----------
    model : estimator
        Its class and its parameters are told apart.
    inputs : dict of str to array-like or None
        The data, by their names.
    start : nn.Module or None
        The module of a warm start.
    seed : int
        The seed, where the estimator has one; without, a fit takes the seed it began with.
    device : torch.device
        Where it trains.
    """
    fit = {"estimator": type(model).__qualname__, "device": device.type}
    for name, value in model.get_params(deep=False).items():
        if name not in NOT_COMPARED:
            fit[name] = _described(value)
    fit["random_state"] = "None" if model.random_state is None else str(seed)
    for name, value in inputs.items():
        fit[name] = "None" if value is None else _digest(value)
    if start is not None:
        fit["the model to go on from"] = _digest(*(v.cpu() for v in start.state_dict().values()))
    return fit


class Checkpoint:
    """The file of one fit.

    Parameters
    ----------
    path : str or path
        Where it is, or is to be.
    fit : dict of str to str
        Which fit it is, from :func:`identity`.
    seed : int
        The seed of a fit that begins.

    Attributes
    ----------
    seed : int
        The seed that the fit began with.
    stage : int
        How many stages are done.
    left : dict or None
        What the last of them left.
    running : dict or None
        Where the next one stopped.
    history : list of dict
        The rows of the stages done.
    n_steps : int
        Their steps.

    Raises
    ------
    FileFormatError
        If there is a file that is not a checkpoint.
    ValueError
        If it is that of another fit; the message says what differs.
    """

    def __init__(self, path: str | os.PathLike, fit: dict[str, str], seed: int):
        self.path, self.fit = path, fit
        self.seed, self.stage, self.n_steps = seed, 0, 0
        self.left: dict[str, Any] | None = None
        self.running: dict[str, Any] | None = None
        self.history: list[dict[str, Any]] = []
        if Path(path).exists():
            self._read()
        else:
            # Now rather than after the first steps: a path that cannot be written is told at once.
            self._write()

    def _read(self) -> None:
        try:
            content = storage.read(self.path, "checkpoint")
        except FileFormatError as error:
            raise FileFormatError(
                f"{error} checkpoint= needs a path of its own: give another, or delete this file."
            ) from error.__cause__
        before = content["fit"]
        changed = [name for name in self.fit | before if before.get(name) != self.fit.get(name)]
        if changed and content["stage"] == 0 and content["running"] is None:
            # It failed or died before it had learnt anything: nothing is lost.
            self._write()
            return
        if changed:
            raise ValueError(
                f"checkpoint={os.fspath(self.path)!r} is of another fit: "
                f"{', '.join(self._told(before, name) for name in changed[:5])}. Fit with what it "
                "was begun with, give another path, or delete the file to train from the start."
            )
        for name in ("seed", "stage", "n_steps", "left", "running", "history"):
            setattr(self, name, content[name])

    def _told(self, before: dict[str, str], name: str) -> str:
        old, new = before.get(name), self.fit.get(name)
        if max(len(text or "") for text in (old, new)) > 60:
            return f"{name} differs"
        return f"{name} was {old} and is {new}"

    def _write(self) -> None:
        names = ("fit", "seed", "stage", "n_steps", "left", "running", "history")
        storage.write(self.path, {name: getattr(self, name) for name in names}, "checkpoint")

    def goes_on(self, number: int, module: nn.Module, noise: GeneratorNoise) -> bool:
        """Tell whether a stage has been trained; put back what the last of those left."""
        if number >= self.stage:
            return True
        assert self.left is not None
        restore_module(module, self.left["module"])
        noise.generator.set_state(self.left["noise"])
        return False

    def resumed(self, module: nn.Module) -> dict[str, Any] | None:
        """Return the state of the net that was stopped in training, with its module put back."""
        if self.running is None:
            return None
        restore_module(module, self.running["module"])
        return self.running["net"]

    def keep(self, module: nn.Module, net: dict[str, Any]) -> None:
        """Write where the running stage is."""
        self.running = {"module": module_state(module), "net": net}
        self._write()

    def finish_stage(
        self, module: nn.Module, noise: GeneratorNoise, n_steps: int, history: list[dict[str, Any]]
    ) -> None:
        """Write what a stage left."""
        self.left = {"module": module_state(module), "noise": noise.generator.get_state()}
        self.running, self.history = None, history
        self.stage, self.n_steps = self.stage + 1, self.n_steps + n_steps
        self._write()

    def remove(self) -> None:
        """Delete the file, and what a process killed while writing may have left of it."""
        Path(self.path).unlink(missing_ok=True)
        storage.remove_leftovers(self.path)
