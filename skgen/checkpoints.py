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
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from types import MappingProxyType
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
# Bytes that are hashed at a time. Longer descriptions, and longer arrays, are told by their hash.
HASHED_BYTES, LONGEST_TEXT, LONGEST_LIST = 2**24, 2000, 100
# Values whose text says all about them.
SIMPLE = (
    *(bool, int, float, complex, str, bytes, np.generic),
    *(torch.dtype, torch.device, PurePath, type(Ellipsis)),
)
# How the entries of callbacks end which may come and go between the attempts at a fit.
MAY_GO = " among callbacks"


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
    """Put back what `module_state` returned, into a module that was built alike.

    Raises
    ------
    FileFormatError
        If the state cannot be that of such a module; it is as it was.
    """
    device = next(module.parameters()).device
    with damage_told():
        for path, part in module.named_modules():
            _check_part(part, state[path])
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


@contextmanager
def damage_told() -> Iterator[None]:
    """Say of whatever a state gets wrong that it is no such state."""
    try:
        yield
    except FileFormatError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise FileFormatError(f"it holds no state of this fit ({error!s:.200}).") from error


def _check_part(part: nn.Module, kept: Mapping[str, Any]) -> None:
    """Check that a state is one of a module without its parts."""
    if type(kept["training"]) is not bool or not _is_plain(kept["plain"]):
        raise ValueError("a network has other attributes")
    for name, value in kept["plain"].items():
        if name in _MODULE_ATTRIBUTES or callable(getattr(type(part), name, None)):
            raise ValueError(f"a network cannot have the attribute {name!r:.50}")
        before = vars(part).get(name)
        if not isinstance(value, type(before)) and None not in (value, before):
            raise ValueError(f"{name!r:.50} is of another type")
    for name, parameter in _copied(part._parameters).items():
        value = kept["parameters"][name]
        if (value.shape, value.dtype) != (parameter.shape, parameter.dtype):
            raise ValueError(f"the weight {name!r:.50} is of another shape or type")
    for name, value in kept["buffers"].items():
        before = part._buffers[name]
        # A buffer may come, go and grow.
        like = value if before is None else before
        if not isinstance(value, Tensor) or (value.dtype, value.ndim) != (like.dtype, like.ndim):
            raise ValueError(f"{name!r:.50} is of another type")


class Digest:
    """A hash of rows that may come a part at a time, from front to back.

    Parameters
    ----------
    *context : object
        What belongs to them, such as their shape.
    """

    def __init__(self, *context: Any):
        self._total = hashlib.sha256(repr(context).encode())

    def add(self, rows: Any) -> None:
        """Go on with these rows."""
        rows = np.asarray(rows)
        self._total.update(f"{rows.dtype}{rows.shape}".encode())
        if rows.dtype.hasobject:
            # Their bytes are addresses.
            self._total.update(_described(rows.tolist()).encode())
            return
        rows = np.atleast_1d(rows)
        size = max(1, HASHED_BYTES * len(rows) // max(1, rows.nbytes))
        for start in range(0, len(rows), size):
            # What is not in one piece is copied, a part of it at a time.
            part = np.ascontiguousarray(rows[start : start + size])
            self._total.update(part.reshape(-1).view(np.uint8).data)

    def __str__(self) -> str:
        return self._total.hexdigest()


def _digest(value: Any) -> str:
    if isinstance(value, Digest):
        return str(value)
    digest = Digest()
    digest.add(value)
    return str(digest)


def _described(value: Any) -> str:
    """Return a text that is the same in every process, and another for another value."""
    return _Describer().text(value)


class _Describer:
    """Describe values by all that they hold, as pickle would write it, but without addresses.

    Functions are told apart by what they do: their code, their defaults and the values around
    them. Of what cannot be taken apart, such as an open file, the class alone is told.
    """

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        # Those that are being described, and those whose addresses must not be given to others.
        self._open: list[Any] = []
        self._alive: list[Any] = []

    def text(self, value: Any) -> str:
        """Return the description of a value."""
        if value is None or isinstance(value, SIMPLE):
            return repr(value)
        if id(value) in self._texts:
            return self._texts[id(value)]
        for number, other in enumerate(self._open):
            if other is value:
                return f"<{number}>"
        self._open.append(value)
        text = self._composed(value)
        self._open.pop()
        if len(text) > LONGEST_TEXT:
            text = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        self._alive.append(value)
        self._texts[id(value)] = text
        return text

    def _joined(self, values: Iterable[Any]) -> str:
        return ", ".join(map(self.text, values))

    def _named(self, values: Mapping[Any, Any]) -> str:
        # The order in which names were given tells nothing.
        return ", ".join(sorted(f"{self.text(k)}: {self.text(v)}" for k, v in values.items()))

    def _composed(self, value: Any) -> str:
        if isinstance(value, np.ndarray):
            long = value.size > LONGEST_LIST and not value.dtype.hasobject
            return f"array {_digest(value)}" if long else self.text(value.tolist())
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, torch.Generator):
            return f"Generator {_digest(value.get_state().numpy())}"
        if isinstance(value, list | tuple):
            return f"[{self._joined(value)}]"
        if isinstance(value, dict):
            return f"{{{self._named(value)}}}"
        if isinstance(value, set | frozenset):
            return f"set [{', '.join(sorted(map(self.text, value)))}]"
        if isinstance(value, type):
            return f"{value.__module__}.{value.__qualname__}"
        if isinstance(value, types.ModuleType):
            return value.__name__
        if isinstance(value, types.MethodType):
            owner = value.__self__
            own = any(type(owner) is type(other) for other in self._open)
            whose = "itself" if own else self.text(owner)
            return f"{value.__func__.__qualname__} {self.text(value.__func__)} of {whose}"
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.CodeType):
            parts = (value.co_code, value.co_consts, value.co_names, value.co_flags)
            return f"code [{self._joined(parts)}]"
        if isinstance(value, types.CellType):
            try:
                return self.text(value.cell_contents)
            except ValueError:
                return "an empty cell"
        return self._object(value)

    def _tensor(self, value: Tensor) -> str:
        text = f"{value.dtype} {tuple(value.shape)}"
        if value.layout != torch.strided or value.is_meta or value.is_quantized:
            return f"{text} {value.layout}"
        numbers = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        return f"{text} {_digest(numbers.numpy())}"

    def _function(self, value: types.FunctionType) -> str:
        code = value.__code__
        # A number that stands in the same file steers it as a default does.
        around = {
            name: value.__globals__[name]
            for name in code.co_names
            if isinstance(value.__globals__.get(name), bool | int | float | str)
        }
        parts = (
            code,
            value.__defaults__,
            value.__kwdefaults__,
            value.__closure__,
            around,
        )
        return f"{value.__module__}.{value.__qualname__} [{self._joined(parts)}]"

    def _object(self, value: Any) -> str:
        name = self.text(type(value))
        try:
            parts = value.__reduce_ex__(4)
        except Exception:
            # A lock, an open file, a process: there is nothing in it that a fit could be told by.
            return name
        if isinstance(parts, str):
            return f"{name} {parts}"
        function, arguments, state, items, pairs = (*parts, None, None, None)[:5]
        inside = [function, arguments, state, list(items or ()), dict(pairs or ())]
        return f"{name} [{self._joined(inside)}]"


def identity(
    model: Any,
    inputs: Mapping[str, Any],
    start: Any,
    seed: int,
    device: torch.device,
    callbacks: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, str]:
    """Return what tells a fit from others: its parameters, its data, where it starts.

    Parameters
    ----------
    model : estimator
        Its class and its parameters are told apart.
    inputs : dict of str to array-like, Digest or None
        The data, by their names.
    start : object
        What a warm start goes on from, None for another.
    seed : int
        The seed, where the estimator has one; without, a fit takes the seed it began with.
    device : torch.device
        Where it trains.
    callbacks : dict of str to object
        The settings of callbacks, by what to call them.
    """
    fit = {"estimator": type(model).__qualname__, "device": device.type}
    for name, value in model.get_params(deep=False).items():
        if name in NOT_COMPARED:
            continue
        if name == "net_params" and value and "accelerator" in value:
            # What it holds is of this process and this moment.
            shared = value["accelerator"]
            told = [getattr(shared, part, None) for part in ("num_processes", "mixed_precision")]
            value = {**value, "accelerator": told}
        fit[name] = _described(value)
    fit |= {name: _described(value) for name, value in callbacks.items()}
    fit["random_state"] = "None" if model.random_state is None else str(seed)
    for name, value in inputs.items():
        fit[name] = "None" if value is None else _digest(value)
    if start is not None:
        fit["the model to go on from"] = _described(start)
    return fit


def _is_row(row: Any) -> bool:
    """Tell whether something can be a row of a history."""
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
        with self._named(), damage_told():
            content = self._checked(content)
        before = content["fit"]
        changed = [
            name
            for name in self.fit | before
            if before.get(name) != self.fit.get(name)
            and not (name.endswith(MAY_GO) and (name not in before or name not in self.fit))
        ]
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

    def _checked(self, content: Any) -> dict[str, Any]:
        """Return what a file holds, if that is of the form of a checkpoint."""
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
        with self._named(), damage_told():
            restore_module(module, self.left["module"])
            noise.generator.set_state(self.left["noise"])
        return False

    def resumed(self, module: nn.Module) -> dict[str, Any] | None:
        """Return the state of the net that was stopped in training, with its module put back."""
        if self.running is None:
            return None
        with self._named():
            restore_module(module, self.running["module"])
        return self.running["net"]

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the file that an error is about."""
        try:
            yield
        except FileFormatError as error:
            raise FileFormatError(
                f"Cannot load {os.fspath(self.path)!r}: {error} Delete it to train from the start."
            ) from error.__cause__

    def damaged(self, error: Exception) -> FileFormatError:
        """Return the error of a file whose state could not be put back."""
        return FileFormatError(
            f"Cannot load {os.fspath(self.path)!r}: it holds no state of this fit "
            f"({error!s:.200}). Delete it to train from the start."
        )

    def check_stages(self, n_stages: int) -> None:
        """Refuse a file by which more stages are done than there are."""
        if self.stage > n_stages:
            with self._named():
                raise FileFormatError(f"it tells of {self.stage} stages, where {n_stages} are.")

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
