"""Values from descriptions and tensors; impossible ones are refused."""

import contextlib
import math
from pathlib import Path
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
    find,
    full_name,
    layer_of,
)
from skgen.storage.errors import FileFormatError, shown, text_of
from skgen.storage.values import VALUES_BY_NAME

# What numpy's Mersenne twister may have as its place: beyond it lies foreign memory.
MT19937_WORDS = 624
MAX_SIZE = 2**31
# Of a window of a convolution, and of all that a network may count but the steps of its training.
MAX_WINDOW, MAX_COUNT = 64, 10_000
TRAINED = ("steps_seen", "rising_steps", "fading_steps")
WINDOWS = ("kernel_size", "stride", "padding", "dilation")
# The types of a layer's arguments that are not sizes; sizes are positive whole numbers.
ARGUMENTS: dict[str, tuple[type, ...]] = {
    "eps": (float,),
    "affine": (bool,),
    "elementwise_affine": (bool,),
    "padding": (int, str, tuple),
    "padding_idx": (int, type(None)),
    "padding_mode": (str,),
}
WEIGHTS = (torch.float32, torch.float64)
TORCH_DTYPES = {
    str(value).removeprefix("torch."): value
    for value in vars(torch).values()
    if isinstance(value, torch.dtype)
}
# Keys of equal hash, each of which is compared with all before it; -1 and -2 are a pair.
MAX_EQUAL_HASHES = 64
# Walking through what a file holds, and what stands in it several times as often, takes this many
# times the steps of reading it at most, and more where there is little.
MAX_REPEATED, FREELY_REPEATED = 10, 10_000
# The same of the numbers in its arrays and weights, which a name repeats.
FREELY_REPEATED_NUMBERS = 10_000_000


class Reader:
    """Turn a description and tensors back into a value."""

    def __init__(self, tensors: dict[str, Tensor]):
        self.tensors = tensors
        self.objects: list[Any] = []
        # For each object the steps of a walk through it, and those of the walk so far: a walk
        # passes what stands in several places as often.
        self._walks: dict[int, tuple[int, int]] = {}
        self._walked, self._read = 0, 0
        # So many numbers the walk passes, and so many there are.
        self._numbers = 0
        self._all_numbers = sum(tensor.numel() for tensor in tensors.values())
        # The networks that are parts of others, and those that are being read.
        self._parts: set[int] = set()
        self._open: list[Any] = []
        self._values: dict[tuple[str, str], Any] = {}

    def value(self, node: Any, depth: int = 0) -> Any:
        """Return what a node describes."""
        if depth > 2 * MAX_DEPTH:
            raise FileFormatError("its description is nested too deep.")
        self._walked, self._read = self._walked + 1, self._read + 1
        if isinstance(node, list):
            return [self.value(part, depth + 1) for part in node]
        if not isinstance(node, dict):
            return node
        if "$" not in node:
            return self._dict(node, depth)
        kind = node["$"]
        read = getattr(self, "_read_" + str(kind).replace(" ", "_"), None)
        if read is None:
            raise FileFormatError(f"its description holds the unknown kind {str(kind)[:50]!r}.")
        if kind in ("tensor", "parameter", "array", "text"):
            # One object that occurs several times is read once.
            key = (kind, node["tensor"])
            if key not in self._values:
                self._values[key] = read(node, depth)
            self._numbers += self.tensors[node["tensor"]].numel()
            self._check_repeated()
            return self._values[key]
        return read(node, depth)

    def _dict(self, node: Any, depth: int) -> dict[str, Any]:
        if not isinstance(node, dict):
            raise FileFormatError(f"its description has {shown(node)} where names belong.")
        return {key: self.value(part, depth + 1) for key, part in node.items()}

    def _read_value(self, node, depth):
        known = VALUES_BY_NAME.get(text_of(node["class"]))
        if known is None:
            raise FileFormatError(f"it holds values of the unknown class {node['class'][:50]!r}.")
        value = known.read(self.value(node["value"], depth + 1))
        if type(value) is not known.cls:
            raise FileFormatError(f"a value in its description is no {node['class']}.")
        return value

    def _read_float(self, node, depth):
        return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[node["value"]]

    def _read_tuple(self, node, depth):
        return tuple(self.value(part, depth + 1) for part in _items(node))

    def _read_dict(self, node, depth):
        pairs = [(self.value(k, depth + 1), self.value(v, depth + 1)) for k, v in _items(node)]
        _check_hashes([key for key, _ in pairs])
        return dict(pairs)

    def _read_dtype(self, node, depth):
        return _dtype(node["name"])

    def _read_scalar_type(self, node, depth):
        return _dtype(node["name"]).type

    def _read_torch_dtype(self, node, depth):
        name = text_of(node["name"])
        if name not in TORCH_DTYPES:
            raise FileFormatError(f"it names the torch type {name[:50]!r}, which is none.")
        return TORCH_DTYPES[name]

    def _read_device(self, node, depth):
        return torch.device(text_of(node["name"]))

    def _read_path(self, node, depth):
        return Path(text_of(node["name"]))

    def _read_scalar(self, node, depth):
        scalar = self.value(node["array"], depth + 1)
        if not isinstance(scalar, np.ndarray) or scalar.ndim:
            raise FileFormatError("a scalar in its description is not one.")
        return scalar[()]

    def _tensor(self, node: Any) -> Tensor:
        tensor = self.tensors[text_of(node["tensor"])]
        order = node.get("order", range(tensor.ndim))
        if sorted(order) != list(range(tensor.ndim)):
            raise FileFormatError(f"tensor {node['tensor']!r} has the impossible order {order}.")
        return tensor.permute([int(k) for k in np.argsort(order)]) if tensor.ndim else tensor

    def _read_tensor(self, node, depth):
        return self._tensor(node)

    def _read_parameter(self, node, depth):
        return nn.Parameter(self._tensor(node), requires_grad=node["requires_grad"] is True)

    def _read_array(self, node, depth):
        return self._tensor(node).numpy()

    def _read_text(self, node, depth):
        units = self._tensor(node)
        words, kind = {"U": (torch.int32, "U"), "S": (torch.uint8, "S")}[node["kind"]]
        if units.dtype != words or units.ndim < 1 or units.shape[-1] < 1:
            raise FileFormatError(f"the text {node['tensor']!r} is not made of letters.")
        if kind == "U" and bool(((units < 0) | (units > 0x10FFFF)).any()):
            raise FileFormatError(f"the text {node['tensor']!r} holds what is no letter.")
        size = units.shape[-1]
        text = np.frombuffer(units.numpy().tobytes(), f"<{kind}{size}")
        return text.reshape(tuple(units.shape[:-1])).copy()

    def _read_objects(self, node, depth):
        shape, items = node["shape"], _items(node)
        if any(type(n) is not int or n < 0 for n in shape) or math.prod(shape) != len(items):
            raise FileFormatError(f"an array of the shape {shown(shape)} has {len(items)} items.")
        array = np.empty(len(items), dtype=object)
        for k, item in enumerate(items):
            array[k] = self.value(item, depth + 1)
        _check_hashes(array)
        return array.reshape(shape)

    def _read_random_state(self, node, depth):
        key, pos = self.value(node["key"], depth + 1), node["pos"]
        whole = isinstance(key, np.ndarray) and key.shape == (MT19937_WORDS,)
        if not whole or key.dtype != np.uint32 or type(pos) is not int:
            raise FileFormatError("the state of a random generator is not whole.")
        if not 0 <= pos <= MT19937_WORDS:
            raise FileFormatError(f"the state of a random generator has the place {pos}.")
        gauss = float(self.value(node["gauss"], depth + 1))
        state = np.random.RandomState(0)
        state.set_state(("MT19937", key, pos, int(node["has_gauss"] == 1), gauss))
        return state

    def _read_name(self, node, depth):
        return find(text_of(node["name"]))

    def _read_same(self, node, depth):
        number = node["number"]
        if type(number) is not int or not 0 <= number < len(self.objects):
            raise FileFormatError(f"its description refers to object {shown(number)}.")
        # What is being read refers to itself, and whoever walks there knows it again.
        walked, numbers = self._walks.get(number, (0, 0))
        self._walked, self._numbers = self._walked + walked, self._numbers + numbers
        self._check_repeated()
        return self.objects[number]

    def _check_repeated(self) -> None:
        """Refuse values that take far more steps to walk through than they took to read."""
        if self._walked > MAX_REPEATED * self._read + FREELY_REPEATED:
            raise FileFormatError("its objects stand in one another many times over.")
        if self._numbers > MAX_REPEATED * self._all_numbers + FREELY_REPEATED_NUMBERS:
            raise FileFormatError("its arrays stand in it many times over.")

    def _walk_since(self, start: tuple[int, int]) -> tuple[int, int]:
        return self._walked - start[0], self._numbers - start[1]

    def _read_object(self, node, depth):
        cls = find(text_of(node["class"]))
        if not isinstance(cls, type) or issubclass(cls, nn.Module):
            raise FileFormatError(f"{node['class']} is not a class of plain objects.")
        value = object.__new__(cls)
        number, start = len(self.objects), (self._walked, self._numbers)
        self.objects.append(value)
        state = self._dict(node["state"], depth)
        self._walks[number] = self._walk_since(start)
        _check_names(cls, state)
        version = state.get("_sklearn_version", "")
        if not isinstance(version, str):
            # scikit-learn would print it, and a tensor imports modules when it is printed.
            raise FileFormatError(f"_sklearn_version is of type {type(version).__name__}.")
        if hasattr(cls, "__setstate__"):
            value.__setstate__(state)
        else:
            value.__dict__.update(state)
        return value

    def _read_module(self, node, depth):
        cls = find(text_of(node["class"]))
        if not isinstance(cls, type) or not issubclass(cls, nn.Module):
            raise FileFormatError(f"{node['class']} is not a class of networks.")
        number, start = len(self.objects), (self._walked, self._numbers)
        self.objects.append(None)
        given = LAYERS.get(cls)
        if given is None:
            module = object.__new__(cls)
            nn.Module.__init__(module)
        else:
            arguments = self._dict(node["arguments"], depth)
            if set(arguments) != set(given):
                raise FileFormatError(f"{node['class']} is built of {sorted(given)}.")
            _check_arguments(node["class"], arguments)
            module = layer_of(cls, arguments)
        self.objects[number] = module
        self._open.append(module)
        state = self._dict(node["state"], depth)
        _check_names(cls, state)
        if not MODULE_ATTRIBUTES.isdisjoint(state):
            raise FileFormatError(f"{node['class']} has attributes that are PyTorch's own.")
        if _is_own(cls):
            _check_counts(node["class"], state, max(MAX_COUNT, self._all_numbers))
        module.__dict__.update(state)
        module.training = node["training"] is True
        for part, kind in (
            ("parameters", nn.Parameter),
            ("buffers", Tensor),
            ("modules", nn.Module),
        ):
            values = self._dict(node[part], depth)
            _check_names(cls, values)
            held = getattr(module, "_" + part)
            if part == "parameters":
                _check_weights(node["class"], values)
            if given:
                _check_parts(node["class"], part, held, values)
            for name, value in values.items():
                if value is not None and not isinstance(value, kind):
                    raise FileFormatError(f"{node['class']}.{name} is of {type(value).__name__}.")
                if isinstance(value, nn.Module):
                    self._check_part(node["class"], name, value)
                held[name] = value
        self._open.pop()
        self._walks[number] = self._walk_since(start)
        return module

    def _check_part(self, cls: str, name: str, part: nn.Module) -> None:
        """Check that networks are trees: each is a part of one other at most, none of itself."""
        if id(part) in self._parts or any(part is other for other in self._open):
            raise FileFormatError(f"{cls}.{name} is a network that stands elsewhere already.")
        self._parts.add(id(part))


def _check_hashes(values: Any) -> None:
    """Refuse values of which too many have one hash: a table of them would take for ever."""
    found: dict[int, list[Any]] = {}
    for value in values:
        # A text has a hash that no file can foresee.
        if type(value) is str or type(value).__hash__ is None:
            continue
        with contextlib.suppress(TypeError):
            same = found.setdefault(hash(value), [])
            if not any(value is other or value == other for other in same):
                same.append(value)
            if len(same) > MAX_EQUAL_HASHES:
                raise FileFormatError("it holds many different values of one hash.")


def _check_arguments(cls: str, arguments: dict[str, Any]) -> None:
    """Check the sizes that a layer of PyTorch's is built with before it is."""
    for name, value in arguments.items():
        if name in WINDOWS and type(value) is not str:
            sizes = value if type(value) is tuple else (value,)
            right = all(type(size) is int and 0 <= size <= MAX_WINDOW for size in sizes)
        elif name in ARGUMENTS:
            right = type(value) in ARGUMENTS[name]
        else:
            sizes = value if type(value) is tuple and value else (value,)
            right = all(type(size) is int and 1 <= size < MAX_SIZE for size in sizes)
        if not right:
            # Its type alone: a foreign value must not be asked to show itself.
            raise FileFormatError(f"{cls} cannot have such a {name} ({type(value).__name__}).")


def _check_parts(cls: str, part: str, built: dict[str, Any], given: dict[str, Any]) -> None:
    """Check that a layer gets the weights that its arguments ask for."""
    if set(built) != set(given):
        raise FileFormatError(f"{cls} has the {part} {sorted(built)}, the file {sorted(given)}.")
    for name, value in given.items():
        # A bias may be switched off; where there is a value, it has the shape of the layer's.
        if value is not None and (built[name] is None or built[name].shape != value.shape):
            raise FileFormatError(f"{cls}.{name} has a shape that the layer cannot have.")
        if value is None and name != "bias" and built[name] is not None:
            raise FileFormatError(f"{cls}.{name} is missing.")


def _is_own(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "skgen"


def _check_counts(cls: str, value: Any, most: int, name: str = "") -> None:
    """Refuse whole numbers beyond all that a network counts: the numbers in its file, or steps."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in TRAINED:
                _check_counts(cls, part, most, str(key)[:50])
    elif isinstance(value, list | tuple):
        for part in value:
            _check_counts(cls, part, most, name)
    elif type(value) is int and not -most <= value <= most:
        raise FileFormatError(f"{cls} has a {name} of {value:.3g}, where {most} is the most.")


def _check_weights(cls: str, weights: dict[str, Any]) -> None:
    """Check that weights are numbers with fractions, of the precision that networks train in."""
    for name, value in weights.items():
        if isinstance(value, nn.Parameter) and value.dtype not in WEIGHTS:
            raise FileFormatError(f"{cls}.{name} has weights of the type {value.dtype}.")


def _check_names(cls: type, state: dict[str, Any]) -> None:
    """Refuse attributes that would stand before a class's own methods."""
    for name in state:
        if name.startswith("__") or callable(getattr(cls, name, None)):
            raise FileFormatError(f"{full_name(cls)} cannot have an attribute {name[:50]!r}.")


def _items(node: Any) -> list[Any]:
    if not isinstance(node["items"], list):
        raise FileFormatError("a list in its description is none.")
    return node["items"]


def _dtype(name: Any) -> np.dtype:
    dtype = np.dtype(text_of(name))
    if dtype.kind not in NUMBERS + TEXTS or dtype.subdtype is not None:
        raise FileFormatError(f"it names the type {name!r}, which files do not hold.")
    return dtype
