"""Values as a description, a tree of JSON, and tensors."""

import math
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skgen.storage.allowed import (
    LAYERS,
    MAX_DEPTH,
    MODULE_ATTRIBUTES,
    NUMBERS,
    TEXTS,
    full_name,
    layer_of,
    name_of,
)
from skgen.storage.errors import shown
from skgen.storage.values import VALUES, VALUES_BY_NAME


class Writer:
    """Turn a value into a description and tensors."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._numbers: dict[int, int] = {}
        self._stored: dict[int, dict[str, Any]] = {}
        # Objects that are looked up by their identity are kept alive, so that no other gets their
        # address.
        self._alive: list[Any] = []

    def node(self, value: Any, where: str, depth: int = 0) -> Any:
        """Describe a value; `where` names it, for tensors and for errors."""
        if depth > MAX_DEPTH:
            raise TypeError(f"{where} is nested more than {MAX_DEPTH} deep and cannot be saved.")

        def inner(part: Any, name: str) -> Any:
            return self.node(part, f"{where}{name}", depth + 1)

        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"$": "float", "value": repr(value)}
        if kind is list:
            return [inner(part, f"[{k}]") for k, part in enumerate(value)]
        if kind is tuple:
            return {"$": "tuple", "items": [inner(part, f"[{k}]") for k, part in enumerate(value)]}
        if kind is dict:
            if all(type(key) is str for key in value) and "$" not in value:
                return {key: inner(part, f".{key}") for key, part in value.items()}
            pairs = enumerate(value.items())
            return {
                "$": "dict",
                "items": [[inner(k, f".key{n}"), inner(v, f".value{n}")] for n, (k, v) in pairs],
            }
        if kind in VALUES:
            name = VALUES[kind]
            plain = VALUES_BY_NAME[name].write(value)
            return {"$": "value", "class": name, "value": inner(plain, f".{name}")}
        if isinstance(value, np.dtype) and value.kind in NUMBERS + TEXTS:
            return {"$": "dtype", "name": value.str}
        if isinstance(value, type) and issubclass(value, np.generic):
            return {"$": "scalar type", "name": np.dtype(value).str}
        if isinstance(value, torch.dtype):
            return {"$": "torch dtype", "name": str(value).removeprefix("torch.")}
        if isinstance(value, torch.device):
            return {"$": "device", "name": str(value)}
        if isinstance(value, PurePath):
            return {"$": "path", "name": str(value)}
        if isinstance(value, np.generic):
            return {"$": "scalar", "array": self._array(np.asarray(value), where, depth)}
        if kind is np.ndarray:
            return self._once(value, lambda: self._array(value, where, depth))
        if kind is nn.Parameter:
            grad = {"requires_grad": value.requires_grad}
            return self._once(value, lambda: {**self._tensor(value, "parameter", where), **grad})
        if kind is Tensor:
            return self._once(value, lambda: self._tensor(value, "tensor", where))
        if kind is np.random.RandomState:
            return self._random_state(value, where, depth)
        if name_of(value) is not None:
            return {"$": "name", "name": name_of(value)}
        return self._object(value, where, depth)

    def _once(self, value: Any, describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if id(value) not in self._stored:
            self._alive.append(value)
            self._stored[id(value)] = describe()
        return self._stored[id(value)]

    def _tensor(self, value: Tensor, kind: str, where: str) -> dict[str, Any]:
        if value.layout != torch.strided or value.is_quantized or value.is_meta:
            raise TypeError(f"{where} is a tensor of a kind that cannot be saved: {value.layout}.")
        value = value.detach().cpu()
        # The order of its dimensions in memory is kept: it can move the last bit of a product.
        strides = value.stride()
        order = sorted(range(value.ndim), key=lambda k: (-strides[k], k))
        turned = value.permute(order)
        if not turned.is_contiguous():
            order, turned = list(range(value.ndim)), value.contiguous()
        self.tensors[where] = turned.clone(memory_format=torch.contiguous_format)
        node: dict[str, Any] = {"$": kind, "tensor": where}
        return node if order == list(range(value.ndim)) else {**node, "order": order}

    def _array(self, value: np.ndarray, where: str, depth: int) -> dict[str, Any]:
        if value.dtype.kind == "O":
            items = [
                self.node(item, f"{where}[{k}]", depth + 1) for k, item in enumerate(value.flat)
            ]
            return {"$": "objects", "shape": list(value.shape), "items": items}
        if value.dtype.kind in "US":
            size = max(1, value.dtype.itemsize // (4 if value.dtype.kind == "U" else 1))
            plain = np.array(value, dtype=f"<{value.dtype.kind}{size}", order="C")
            words = np.int32 if value.dtype.kind == "U" else np.uint8
            units = np.frombuffer(plain.tobytes(), words).reshape(*value.shape, size)
            self.tensors[where] = torch.from_numpy(units.copy())
            return {"$": "text", "tensor": where, "kind": value.dtype.kind}
        if value.dtype.kind not in NUMBERS or value.dtype.itemsize > 8:
            raise TypeError(
                f"{where} is an array of type {value.dtype}, which cannot be saved; real numbers "
                "of up to 64 bits, text and objects can."
            )
        native = value.astype(value.dtype.newbyteorder("="), order="K", copy=True)
        return self._tensor(torch.from_numpy(native), "array", where)

    def _random_state(self, value: np.random.RandomState, where: str, depth: int) -> dict[str, Any]:
        state: Any = value.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            raise TypeError(
                f"{where} is a RandomState on {state['bit_generator']}; only MT19937, numpy's own "
                "choice, can be saved."
            )
        return {
            "$": "random state",
            "key": self._array(state["state"]["key"], where, depth),
            "pos": int(state["state"]["pos"]),
            "has_gauss": int(state["has_gauss"]),
            "gauss": float(state["gauss"]),
        }

    def _object(self, value: Any, where: str, depth: int) -> dict[str, Any]:
        cls = type(value)
        name = name_of(cls)
        if name is None:
            raise _NotSaved(value, where)
        if id(value) in self._numbers:
            return {"$": "same", "number": self._numbers[id(value)]}
        self._numbers[id(value)] = len(self._numbers)
        self._alive.append(value)

        def inner(part: Any, attribute: str) -> Any:
            return self.node(part, f"{where}.{attribute}", depth + 1)

        def inside(parts: Any) -> dict[str, Any]:
            return {key: inner(part, key) for key, part in parts.items()}

        if not isinstance(value, nn.Module):
            state = value.__getstate__()
            self._alive.append(state)
            if not isinstance(state, dict) or not all(type(key) is str for key in state):
                raise TypeError(f"{where}: the state of {name} is not a dict of attributes.")
            return {"$": "object", "class": name, "state": inside(state)}
        given = LAYERS.get(cls)
        known = MODULE_ATTRIBUTES
        node: dict[str, Any] = {"$": "module", "class": name, "training": value.training}
        if given is not None:
            arguments = {key: getattr(value, key) for key in given}
            node["arguments"] = inside(arguments)
            known = frozenset(vars(layer_of(cls, arguments)))
        node["state"] = inside({k: v for k, v in vars(value).items() if k not in known})
        node["parameters"] = inside(value._parameters)
        node["buffers"] = inside(value._buffers)
        node["modules"] = inside(value._modules)
        return node


def reason_not_saved(value: Any) -> str | None:
    """Return which part of a value cannot be saved, None if all can."""
    try:
        Writer().node(value, "")
    except _NotSaved as error:
        return f"{shown(error.value)} of the class {full_name(type(error.value))}"
    except TypeError as error:
        return str(error).strip().rstrip(".")
    return None


class _NotSaved(TypeError):
    """A value of a class that files do not hold."""

    def __init__(self, value: Any, where: str):
        super().__init__(
            f"{where} is {shown(value)} of the class {full_name(type(value))}, which cannot be "
            "saved. Register its class with skgen.persistence.register, or take it out of the "
            "model."
        )
        self.value = value
