"""What distinguishes one fit from another: its parameters as text, its data as hashes.

A checkpoint holds the result of `identity`; only a fit with the same identity goes on from it.
"""

import hashlib
import types
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

# What does not change the fitted model, or has an entry of its own.
NOT_COMPARED = {"checkpoint", "verbose", "device", "random_state"}
# Bytes that are hashed at a time. Longer descriptions, and longer arrays, are given by their hash.
HASHED_BYTES, LONGEST_TEXT, LONGEST_LIST = 2**24, 2000, 100
# Types whose values are described in full by their text.
SIMPLE = (
    *(bool, int, float, complex, str, bytes, np.generic),
    *(torch.dtype, torch.device, PurePath, type(Ellipsis)),
)
# Names with this ending are of entries that a later attempt at the same fit may lack or add.
MAY_GO = " among callbacks"


class Digest:
    """A hash of rows, which may be added a part at a time, from first to last.

    Parameters
    ----------
    *context : object
        What else is hashed, such as their shape.
    """

    def __init__(self, *context: Any):
        self._total = hashlib.sha256(repr(context).encode())

    def add(self, rows: Any) -> None:
        """Add rows."""
        rows = np.asarray(rows)
        self._total.update(f"{rows.dtype}{rows.shape}".encode())
        if rows.dtype.hasobject:
            # The bytes of objects are addresses.
            self._total.update(_described(rows.tolist()).encode())
            return
        rows = np.atleast_1d(rows)
        size = max(1, HASHED_BYTES * len(rows) // max(1, rows.nbytes))
        for start in range(0, len(rows), size):
            # A non-contiguous array is copied, a part of it at a time.
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
    """Return a text that is the same in every process, and different for different values."""
    return _Describer().text(value)


class _Describer:
    """Describe values by all that they contain, as pickle would write it, but without addresses.

    Functions are described by their code, their defaults and the values of their closure. An object
    that pickle cannot write, such as an open file, is described by its class alone.
    """

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        # Objects that are being described, and objects kept alive so that no other gets their
        # address.
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
        # The order of names does not matter.
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
        # A global number of the same file acts like a default.
        around = {
            name: value.__globals__[name]
            for name in code.co_names
            if isinstance(value.__globals__.get(name), bool | int | float | str)
        }
        parts = (code, value.__defaults__, value.__kwdefaults__, value.__closure__, around)
        return f"{value.__module__}.{value.__qualname__} [{self._joined(parts)}]"

    def _object(self, value: Any) -> str:
        name = self.text(type(value))
        try:
            parts = value.__reduce_ex__(4)
        except Exception:
            # A lock, an open file, a process: its content does not belong to the fit.
            return name
        if isinstance(parts, str):
            return f"{name} {parts}"
        function, arguments, state, items, pairs = (*parts, None, None, None)[:5]
        inside = [function, arguments, state, list(items or ()), dict(pairs or ())]
        return f"{name} [{self._joined(inside)}]"


def identity(
    model: Any,
    inputs: Mapping[str, Any],
    seed: int,
    device: torch.device,
    callbacks: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, str]:
    """Return what distinguishes a fit from others: its parameters and its data.

    Parameters
    ----------
    model : estimator
        Its class and its parameters are compared, except for `NOT_COMPARED`.
    inputs : dict of str to array-like, Digest or None
        The data, by their names.
    seed : int
        The seed, if the estimator has a ``random_state``; otherwise a fit takes the one of the
        file.
    device : torch.device
        Where it trains.
    callbacks : dict of str to object
        The settings of callbacks, by name.
    """
    fit = {"estimator": type(model).__qualname__, "device": device.type}
    for name, value in model.get_params(deep=False).items():
        if name in NOT_COMPARED:
            continue
        fit[name] = _described(_compared(value) if name == "net_params" else value)
    fit |= {name: _described(value) for name, value in callbacks.items()}
    fit["random_state"] = "None" if model.random_state is None else str(seed)
    for name, value in inputs.items():
        fit[name] = "None" if value is None else _digest(value)
    return fit


def _compared(net_params: Any) -> Any:
    """Return the settings of a net that are compared, None for none."""
    # Callbacks have entries of their own.
    settings = {name: value for name, value in (net_params or {}).items() if name != "callbacks"}
    if (shared := settings.get("accelerator")) is not None:
        # What it holds is of this process and this moment.
        kept = [getattr(shared, part, None) for part in ("num_processes", "mixed_precision")]
        settings["accelerator"] = kept
    return settings or None
