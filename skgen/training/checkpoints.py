"""Checkpoints: a killed fit, run again, goes on from its file and ends with the same bits.

At every evaluation of the running stage, and at the end of each stage, :class:`Checkpoint` writes
all that the rest of the fit depends on: the module, optimiser, schedule, averages and chosen
weights, the states of the generators, and the place in the order of the rows. The file also says
which fit it belongs to (:mod:`skgen.training.identity`); another fit raises an error.

Stages are not saved. A model makes each stage when the one before it has been trained. When a fit
goes on, the model makes its stages again from the first, finished ones are skipped, and the module
gets the state that the last of them left.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from skgen import storage
from skgen.processes.noise import GeneratorNoise
from skgen.storage import FileFormatError
from skgen.training.identity import MAY_GO
from skgen.training.resuming import damage_as_format_error, restore

# What a file has besides the identity of its fit.
KEPT = ("seed", "stage", "n_steps", "left", "running", "history")


def module_state(module: nn.Module) -> dict[str, Any]:
    """Return a copy of a module's state on the CPU: its ``state_dict``, and its mode."""
    tensors = {k: v.detach().to("cpu", copy=True) for k, v in module.state_dict().items()}
    return {"training": module.training, "tensors": tensors}


def restore_module(module: nn.Module, state: Mapping[str, Any]) -> None:
    """Put back what `module_state` returned, into a module that was built alike.

    Raises
    ------
    FileFormatError
        If the state cannot be that of such a module, which is then unchanged.
    """
    device = next(module.parameters()).device
    buffers = {
        f"{path}.{name}".lstrip("."): (part, name, value)
        for path, part in module.named_modules()
        for name, value in part._buffers.items()
    }
    with damage_as_format_error():
        _check_module(dict(module.named_parameters()), buffers, state)
    tensors = state["tensors"]
    module.train(state["training"])
    for name, parameter in module.named_parameters():
        # In place: optimiser and averages hold these very tensors.
        parameter.data.copy_(tensors[name])
    for path, (part, name, _) in buffers.items():
        value = tensors.get(path)
        part._buffers[name] = None if value is None else value.to(device, copy=True)


def _check_module(
    parameters: Mapping[str, Tensor],
    buffers: Mapping[str, tuple[nn.Module, str, Tensor | None]],
    state: Mapping[str, Any],
) -> None:
    """Check that a state is one of a module with such parameters and buffers."""
    tensors = state["tensors"]
    if type(state["training"]) is not bool or not tensors.keys() <= parameters.keys() | buffers:
        raise ValueError("a network has other parts")
    for name, weight in parameters.items():
        value = tensors[name]
        if (value.shape, value.dtype) != (weight.shape, weight.dtype):
            raise ValueError(f"the weight {name!r:.50} is of another shape or type")
    for name in tensors.keys() & buffers:
        # A buffer may come, go and grow.
        value, before = tensors[name], buffers[name][2]
        like = value if before is None else before
        if not isinstance(value, Tensor) or (value.dtype, value.ndim) != (like.dtype, like.ndim):
            raise ValueError(f"{name!r:.50} is of another type")


def _is_row(row: Any) -> bool:
    """Return whether a value can be a row of a history."""
    return (
        isinstance(row, dict)
        and type(row.get("stage")) is str
        and all(type(key) is str for key in row)
        and all(isinstance(value, bool | int | float | str | np.number) for value in row.values())
    )


class Checkpoint:
    """The file of one fit.

    Parameters
    ----------
    path : str or path
        Where the file is, or will be.
    fit : dict of str to str
        Which fit it is, from :func:`skgen.training.identity.identity`.
    seed : int
        The seed of a fit that begins.

    Attributes
    ----------
    seed : int
        The seed that the fit began with.
    stage : int
        The number of finished stages.
    left : dict or None
        The state of module and noise at the end of the last finished stage.
    running : dict or None
        The state of module and net in the running stage, at its last evaluation.
    history : list of dict
        The history of the finished stages.
    n_steps : int
        The gradient steps of the finished stages.

    Raises
    ------
    FileFormatError
        If there is a file that is not a checkpoint.
    ValueError
        If the checkpoint is of another fit; the message says what differs.
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
            # Written now, so that a path that cannot be written fails before the first steps.
            self._write()

    def _read(self) -> None:
        try:
            content = storage.read(self.path, "checkpoint")
        except FileFormatError as error:
            raise FileFormatError(
                f"{error} checkpoint= needs a path of its own: give another, or delete this file."
            ) from error.__cause__
        with self._named(), damage_as_format_error():
            content = self._checked(content)
        before = content["fit"]
        changed = [
            name
            for name in self.fit | before
            if before.get(name) != self.fit.get(name)
            and not (name.endswith(MAY_GO) and (name not in before or name not in self.fit))
        ]
        if changed and content["stage"] == 0 and content["running"] is None:
            # That fit had not trained anything yet: nothing is lost.
            self._write()
            return
        if changed:
            differences = ", ".join(self._difference(before, name) for name in changed[:5])
            raise ValueError(
                f"checkpoint={os.fspath(self.path)!r} is of another fit: {differences}. Fit with "
                "what it was begun with, give another path, or delete the file to train from the "
                "start."
            )
        for name in KEPT:
            setattr(self, name, content[name])

    def _checked(self, content: Any) -> dict[str, Any]:
        """Return the content of a file if it has the form of a checkpoint, or raise."""
        fit, history = content["fit"], content["history"]
        right = isinstance(fit, dict) and all(type(text) is str for text in fit.values())
        for name, most in (("seed", 2**31), ("stage", 2**31), ("n_steps", 2**63)):
            right = right and type(content[name]) is int and 0 <= content[name] < most
        for name, parts in (("left", {"module", "noise"}), ("running", {"module", "net"})):
            value = content[name]
            right = right and (value is None or (isinstance(value, dict) and set(value) == parts))
        right = right and (content["running"] is None or type(content["running"]["net"]) is dict)
        right = right and (content["left"] is None) == (content["stage"] == 0)
        right = right and isinstance(history, list) and all(map(_is_row, history))
        if not right:
            raise ValueError("its parts are not those of a checkpoint")
        return content

    def _difference(self, before: dict[str, str], name: str) -> str:
        old, new = before.get(name), self.fit.get(name)
        if max(len(text or "") for text in (old, new)) > 60:
            return f"{name} differs"
        return f"{name} was {old} and is {new}"

    def _write(self) -> None:
        content = {name: getattr(self, name) for name in ("fit", *KEPT)}
        storage.write(self.path, content, "checkpoint")

    def goes_on(self, number: int, module: nn.Module, noise: GeneratorNoise) -> bool:
        """Return whether a stage is still to be trained; if not, restore the state at its end."""
        if number >= self.stage:
            return True
        assert self.left is not None
        with self._named(), damage_as_format_error():
            restore_module(module, self.left["module"])
            noise.generator.set_state(self.left["noise"])
        return False

    def resumed(self, module: nn.Module) -> Callable[[Any], None] | None:
        """Restore the module of the running stage; return a function that restores its net."""
        if self.running is None:
            return None
        state = self.running["net"]
        with self._named():
            restore_module(module, self.running["module"])

        def put_back(net: Any) -> None:
            with self._named():
                restore(net, state)

        return put_back

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Add the name of the file to an error."""
        try:
            yield
        except FileFormatError as error:
            raise FileFormatError(
                f"Cannot load {os.fspath(self.path)!r}: {error} Delete it to train from the start."
            ) from error.__cause__

    def check_stages(self, n_stages: int) -> None:
        """Raise for a file with more finished stages than the fit has."""
        if self.stage > n_stages:
            with self._named():
                raise FileFormatError(f"it has {self.stage} stages, and the fit {n_stages}.")

    def keep(self, module: nn.Module, net: dict[str, Any]) -> None:
        """Write the state of the running stage."""
        self.running = {"module": module_state(module), "net": net}
        self._write()

    def finish_stage(
        self, module: nn.Module, noise: GeneratorNoise, n_steps: int, history: list[dict[str, Any]]
    ) -> None:
        """Write the state at the end of a stage."""
        self.left = {"module": module_state(module), "noise": noise.generator.get_state()}
        self.running, self.history = None, history
        self.stage, self.n_steps = self.stage + 1, self.n_steps + n_steps
        self._write()

    def remove(self) -> None:
        """Delete the file, and temporary files of processes killed while writing it."""
        Path(self.path).unlink(missing_ok=True)
        storage.remove_leftovers(self.path)
