r"""Objects in one file that holds data only: safetensors, with a description in its header.

A file is a safetensors file. Arrays and weights are its tensors, named by where they stand in the
object; everything else is a JSON description in the metadata of its header. One plain format,
with no archive around it: any reader of safetensors can open it, and its own parser, which checks
every size against the file before memory is taken, is the only one that ever sees the raw bytes.

The description is a tree. JSON's own values stand for themselves; a dict with the key ``"$"`` is
something else: an array, a tensor, a tuple, an object. An object is the name of its class and the
dict of its attributes. Reading never imports, calls a constructor of a model or unpickles: a name
is looked up in the table that :func:`register` fills, and the attributes are put back.

A SHA-256 over description and tensors tells a damaged file from a whole one. It is no signature:
whoever makes a file on purpose can make the sum too, and what such a file holds may be nonsense,
but it is data.
"""

import contextlib
import datetime
import hashlib
import json
import math
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path, PurePath
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from skgen._version import __version__

fcntl: Any
try:
    import fcntl
except ImportError:
    # Windows does not delete files that are open, and needs no locks.
    fcntl = None

# One more whenever the description, or what the networks here are made of or take in, changes.
FORMAT = 7
MAX_DEPTH = 100
# What numpy's Mersenne twister may have as its place: beyond it lies foreign memory.
MT19937_WORDS = 624
NUMBERS = "biuf"
TEXTS = "USOmM"
MAX_SIZE = 2**31
MAX_EXPONENT = 10_000
# Bytes of a file's name that the names of its temporary files repeat.
LONGEST_KEPT = 100
BINARY = getattr(os, "O_BINARY", 0)
# The types of a layer's arguments that are not sizes; sizes are positive whole numbers.
ARGUMENTS: dict[str, tuple[type, ...]] = {
    "eps": (float,),
    "affine": (bool,),
    "elementwise_affine": (bool,),
    "padding": (int, str, tuple),
    "padding_idx": (int, type(None)),
    "padding_mode": (str,),
}
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
Named = TypeVar("Named")


class FileFormatError(ValueError):
    """A file is damaged, of another kind, or names a class that is not registered.

    Examples
    --------
    >>> from skgen.persistence import FileFormatError
    >>> issubclass(FileFormatError, ValueError)
    True
    """


_BY_NAME: dict[str, Any] = {}
_NAMES: dict[Any, str] = {}

# PyTorch's layers are built anew from these arguments, so that files outlive its internals.
LAYERS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("in_features", "out_features"),
    **dict.fromkeys(
        (nn.Conv1d, nn.Conv2d),
        (
            "in_channels",
            "out_channels",
            "kernel_size",
            "stride",
            "padding",
            "dilation",
            "groups",
            "padding_mode",
        ),
    ),
    nn.Embedding: ("num_embeddings", "embedding_dim", "padding_idx"),
    nn.LayerNorm: ("normalized_shape", "eps", "elementwise_affine"),
    nn.GroupNorm: ("num_groups", "num_channels", "eps", "affine"),
    nn.RMSNorm: ("normalized_shape", "eps", "elementwise_affine"),
    nn.ModuleList: (),
    nn.Sequential: (),
}
_MODULE_ATTRIBUTES = frozenset(vars(nn.Module()))


def _full_name(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def register(target: Named, name: str | None = None) -> Named:
    """Let instances of a class be saved and loaded.

    What a file keeps of an instance is what ``__getstate__`` returns, by default the dict of its
    attributes; loading gives it to ``__setstate__``, or puts the attributes back. Neither the
    constructor nor anything else of the class is called. A function can be registered too: a file
    then keeps its name.

    Parameters
    ----------
    target : type or function
        The class. It is returned, so that this also serves as a decorator.
    name : str, default=None
        Its name in files. None takes the names of its module and of itself; give the old name
        where a class has moved.

    Returns
    -------
    target : type or function
        What was given.

    Raises
    ------
    ValueError
        If the name already belongs to something else.

    Examples
    --------
    >>> from skgen.persistence import register
    >>> @register
    ... class Halved:
    ...     def __init__(self, factor=0.5):
    ...         self.factor = factor
    """
    name = _full_name(target) if name is None else name
    known = _BY_NAME.get(name)
    # A class defined anew, as in a notebook's cell, takes the place of the old one.
    if known is not None and known is not target and _full_name(known) != _full_name(target):
        raise ValueError(f"The name {name!r} is {_full_name(known)}'s; give another as name=.")
    _BY_NAME[name] = target
    _NAMES.setdefault(target, name)
    return target


@dataclass(frozen=True)
class _Value:
    """How values of a class are written as plain ones, and how they are read again."""

    cls: type
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


_VALUES: dict[type, str] = {}
_VALUES_BY_NAME: dict[str, _Value] = {}


def register_value(
    cls: type, name: str, write: Callable[[Any], Any], read: Callable[[Any], Any]
) -> None:
    """Let values of a class be saved, such as dates: plain values say what they are.

    Parameters
    ----------
    cls : type
        The class; what is derived from it is another one.
    name : str
        Its name in files.
    write : callable
        Returns the plain values, such as a number, a text or a list of those.
    read : callable
        Inverts `write`. It is called with whatever stands in a file, and raises what it likes for
        what cannot be.
    """
    _VALUES[cls] = name
    _VALUES_BY_NAME[name] = _Value(cls, write, read)


def _zone(key: str) -> ZoneInfo:
    # A name in the system's table of time zones, and no path to anywhere else.
    if not re.fullmatch(r"[A-Za-z][\w+-]*(/[A-Za-z][\w+-]*)*", key):
        raise ValueError(f"there is no time zone {key[:100]!r}")
    return ZoneInfo(key)


def _decimal(text: str) -> Decimal:
    value = Decimal(_text(text))
    if value.is_finite() and abs(value.adjusted()) > MAX_EXPONENT:
        raise ValueError(f"a Decimal has the exponent {value.adjusted()}")
    return value


def _time_of(cls: Any, parts: Any) -> Any:
    count, unit, number = parts
    if unit == "generic":
        # Of no unit, there is nothing but what is missing.
        return cls("NaT")
    return cls(count, (unit, number))


def _datetime_parts(value: Any) -> list[Any]:
    date = [value.year, value.month, value.day] if isinstance(value, datetime.date) else []
    time = [value.hour, value.minute, value.second, value.microsecond]
    return [*date, *time, value.tzinfo, value.fold]


register_value(bytes, "bytes", bytes.hex, bytes.fromhex)
register_value(complex, "complex", lambda v: [v.real, v.imag], lambda p: complex(*p))
register_value(Decimal, "Decimal", str, _decimal)
register_value(Fraction, "Fraction", lambda v: [v.numerator, v.denominator], lambda p: Fraction(*p))
register_value(UUID, "UUID", lambda v: v.hex, UUID)
register_value(datetime.date, "date", datetime.date.isoformat, datetime.date.fromisoformat)
register_value(
    datetime.datetime,
    "datetime",
    _datetime_parts,
    lambda p: datetime.datetime(*p[:-1], fold=p[-1]),
)
register_value(datetime.time, "time", _datetime_parts, lambda p: datetime.time(*p[:-1], fold=p[-1]))
register_value(
    datetime.timedelta,
    "timedelta",
    lambda v: [v.days, v.seconds, v.microseconds],
    lambda p: datetime.timedelta(*p),
)
register_value(
    datetime.timezone,
    "timezone",
    lambda v: list(v.__getinitargs__()),
    lambda p: datetime.timezone(*p),
)
register_value(ZoneInfo, "ZoneInfo", lambda v: v.key, _zone)
for _times in (np.datetime64, np.timedelta64):
    register_value(
        _times,
        _times.__name__,
        lambda v: [int(v.astype(np.int64)), *np.datetime_data(v.dtype)],
        partial(_time_of, _times),
    )
for _layer in LAYERS:
    register(_layer, f"torch.nn.{_layer.__name__}")


def _own_modules(cls: type[nn.Module] = nn.Module) -> Iterator[type[nn.Module]]:
    """Go through the network classes that are written here: those are always allowed."""
    for child in cls.__subclasses__():
        if child.__module__.split(".")[0] == "skgen":
            yield child
        yield from _own_modules(child)


def _name_of(thing: Any) -> str | None:
    if not isinstance(thing, type) and not callable(thing):
        return None
    try:
        name = _NAMES.get(thing)
    except TypeError:
        return None
    if name is None and thing in set(_own_modules()):
        return _full_name(thing)
    return name


def _find(name: Any) -> Any:
    if name in _BY_NAME:
        return _BY_NAME[name]
    for cls in _own_modules():
        if _full_name(cls) == name:
            return cls
    raise FileFormatError(
        f"it names {str(name)[:200]!r}, which is not registered here. If it is a class of yours, "
        "import it and call skgen.persistence.register with it before loading."
    )


# Writing -----------------------------------------------------------------------------------


class _Writer:
    """Turn a value into a description and tensors."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._numbers: dict[int, int] = {}
        self._stored: dict[int, dict[str, Any]] = {}
        # What is looked up by its identity must not make room for another.
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
        if kind in _VALUES:
            name = _VALUES[kind]
            plain = _VALUES_BY_NAME[name].write(value)
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
        if _name_of(value) is not None:
            return {"$": "name", "name": _name_of(value)}
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
        name = _name_of(cls)
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
        known = _MODULE_ATTRIBUTES
        node: dict[str, Any] = {"$": "module", "class": name, "training": value.training}
        if given is not None:
            arguments = {key: getattr(value, key) for key in given}
            node["arguments"] = inside(arguments)
            known = frozenset(vars(_layer_of(cls, arguments)))
        node["state"] = inside({k: v for k, v in vars(value).items() if k not in known})
        node["parameters"] = inside(value._parameters)
        node["buffers"] = inside(value._buffers)
        node["modules"] = inside(value._modules)
        return node


def reason_not_saved(value: Any) -> str | None:
    """Return what it is in a value that cannot be saved, None if all can."""
    try:
        _Writer().node(value, "")
    except _NotSaved as error:
        return f"{_shown(error.value)} of the class {_full_name(type(error.value))}"
    except TypeError as error:
        return str(error).strip().rstrip(".")
    return None


class _NotSaved(TypeError):
    """A value of a class that files do not hold."""

    def __init__(self, value: Any, where: str):
        super().__init__(
            f"{where} is {_shown(value)} of the class {_full_name(type(value))}, which cannot be "
            "saved. Register its class with skgen.persistence.register, or take it out of the "
            "model."
        )
        self.value = value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _layer_of(cls: type[nn.Module], arguments: dict[str, Any]) -> nn.Module:
    """Build a layer of PyTorch's without memory for its weights."""
    with torch.device("meta"):
        return cls(**arguments)


# Reading -----------------------------------------------------------------------------------


class _Reader:
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
            # What was one object before is one again.
            key = (kind, node["tensor"])
            if key not in self._values:
                self._values[key] = read(node, depth)
            self._numbers += self.tensors[node["tensor"]].numel()
            self._check_repeated()
            return self._values[key]
        return read(node, depth)

    def _dict(self, node: Any, depth: int) -> dict[str, Any]:
        if not isinstance(node, dict):
            raise FileFormatError(f"its description has {_shown(node)} where names belong.")
        return {key: self.value(part, depth + 1) for key, part in node.items()}

    def _read_value(self, node, depth):
        known = _VALUES_BY_NAME.get(_text(node["class"]))
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
        name = _text(node["name"])
        if name not in TORCH_DTYPES:
            raise FileFormatError(f"it names the torch type {name[:50]!r}, which is none.")
        return TORCH_DTYPES[name]

    def _read_device(self, node, depth):
        return torch.device(_text(node["name"]))

    def _read_path(self, node, depth):
        return Path(_text(node["name"]))

    def _read_scalar(self, node, depth):
        scalar = self.value(node["array"], depth + 1)
        if not isinstance(scalar, np.ndarray) or scalar.ndim:
            raise FileFormatError("a scalar in its description is not one.")
        return scalar[()]

    def _tensor(self, node: Any) -> Tensor:
        tensor = self.tensors[_text(node["tensor"])]
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
            raise FileFormatError(f"an array of the shape {_shown(shape)} has {len(items)} items.")
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
        return _find(_text(node["name"]))

    def _read_same(self, node, depth):
        number = node["number"]
        if type(number) is not int or not 0 <= number < len(self.objects):
            raise FileFormatError(f"its description refers to object {_shown(number)}.")
        # What is being read refers to itself, and whoever walks there knows it again.
        walked, numbers = self._walks.get(number, (0, 0))
        self._walked, self._numbers = self._walked + walked, self._numbers + numbers
        self._check_repeated()
        return self.objects[number]

    def _check_repeated(self) -> None:
        """Refuse what takes far more steps to walk through than it took to read."""
        if self._walked > MAX_REPEATED * self._read + FREELY_REPEATED:
            raise FileFormatError("its objects stand in one another many times over.")
        if self._numbers > MAX_REPEATED * self._all_numbers + FREELY_REPEATED_NUMBERS:
            raise FileFormatError("its arrays stand in it many times over.")

    def _walk_since(self, start: tuple[int, int]) -> tuple[int, int]:
        return self._walked - start[0], self._numbers - start[1]

    def _read_object(self, node, depth):
        cls = _find(_text(node["class"]))
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
        cls = _find(_text(node["class"]))
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
            module = _layer_of(cls, arguments)
        self.objects[number] = module
        self._open.append(module)
        state = self._dict(node["state"], depth)
        _check_names(cls, state)
        if not _MODULE_ATTRIBUTES.isdisjoint(state):
            raise FileFormatError(f"{node['class']} has attributes that are PyTorch's own.")
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
        if name in ARGUMENTS:
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


def _check_names(cls: type, state: dict[str, Any]) -> None:
    """Refuse attributes that would stand before a class's own methods."""
    for name in state:
        if name.startswith("__") or callable(getattr(cls, name, None)):
            raise FileFormatError(f"{_full_name(cls)} cannot have an attribute {name[:50]!r}.")


def _items(node: Any) -> list[Any]:
    if not isinstance(node["items"], list):
        raise FileFormatError("a list in its description is none.")
    return node["items"]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise FileFormatError(f"its description has {_shown(value)} where a name belongs.")
    return value


def _dtype(name: Any) -> np.dtype:
    dtype = np.dtype(_text(name))
    if dtype.kind not in NUMBERS + TEXTS or dtype.subdtype is not None:
        raise FileFormatError(f"it names the type {name!r}, which files do not hold.")
    return dtype


# Files -------------------------------------------------------------------------------------


def _checksum(description: str, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(description.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def dumps(value: Any, kind: str) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    value : object
        Anything made of registered classes, networks, arrays, tensors and Python's plain values.
    kind : str
        What the file is, ``"model"`` or ``"checkpoint"``; also the name of its root.

    Returns
    -------
    bytes

    Raises
    ------
    TypeError
        If a part cannot be saved; the message says where it is.
    """
    writer = _Writer()
    node = writer.node(value, kind)
    versions = {"skgen": __version__, "torch": torch.__version__, "numpy": np.__version__}
    content = {"format": FORMAT, "kind": kind, "versions": versions, kind: node}
    description = json.dumps(content, allow_nan=False)
    sum_ = _checksum(description, writer.tensors)
    metadata = {"format": "pt", "skgen": description, "sha256": sum_}
    return save_tensors(writer.tensors, metadata)


def loads(data: bytes, kind: str) -> Any:
    """Return what `dumps` was given, as `loads_with_objects` does, without the list of objects."""
    return loads_with_objects(data, kind)[0]


def loads_with_objects(data: bytes, kind: str) -> tuple[Any, list[Any]]:
    """Return what `dumps` was given, and every object in it.

    Parameters
    ----------
    data : bytes
        The file's bytes.
    kind : str
        What it should be.

    Returns
    -------
    value : object
        What the bytes hold.
    objects : list
        The instances of registered classes in it, however deep.

    Raises
    ------
    FileFormatError
        If the bytes are not those of such a file.
    """
    description, tensors = _open(data)
    try:
        content = json.loads(description, parse_constant=_no_constant)
        if content["format"] != FORMAT:
            raise FileFormatError(
                f"it has the format {_shown(content['format'])}, written by skgen "
                f"{_shown(content['versions']['skgen'])}; skgen {__version__} reads {FORMAT}."
            )
        if content["kind"] != kind:
            raise FileFormatError(f"it is a {_shown(content['kind'])}, not a {kind}.")
        reader = _Reader(tensors)
        return reader.value(content[kind]), reader.objects
    except FileFormatError:
        raise
    except RecursionError:
        raise FileFormatError("its description is nested too deep.") from None
    except MemoryError:
        raise FileFormatError("it asks for more memory than there is.") from None
    except Exception as error:
        # Whatever else a description can get wrong: a key that lacks, a size that does not fit.
        reason = next(iter(error.args), "")
        if not isinstance(reason, str) or not reason:
            reason = type(error).__name__
        raise FileFormatError(f"its description makes no sense ({reason:.200}).") from error


def _open(data: bytes) -> tuple[str, dict[str, Tensor]]:
    """Return the description and the tensors, or say that these are not the bytes of a file."""
    try:
        tensors = load_tensors(data)
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        metadata = header.get("__metadata__") if isinstance(header, dict) else None
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError, OverflowError) as error:
        raise FileFormatError(
            f"it is no file of skgen, or damaged, or cut off ({error!s:.200})."
        ) from error
    except RecursionError:
        raise FileFormatError("its header is nested too deep.") from None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("skgen"), str):
        raise FileFormatError("it is a safetensors file, but skgen did not write it.")
    if metadata.get("sha256") != _checksum(metadata["skgen"], tensors):
        raise FileFormatError("it is damaged: its checksum is not that of its contents.")
    return metadata["skgen"], tensors


def _no_constant(name: str) -> float:
    raise FileFormatError(f"its description holds {name}, which is no JSON.")


def write(path: str | os.PathLike, value: Any, kind: str) -> None:
    """Write a file, wholly or not at all.

    The bytes go to a temporary file in the same folder, which takes the place of the old file once
    they are on disk: whatever happens on the way, there is the old file or the new one. The new
    one has the permissions of the old one and, where the system allows it, its owner. Temporary
    files that killed processes have left there under this name are deleted.

    Parameters
    ----------
    path : str or path
        Where to write; a symbolic link is followed.
    value : object
        What to write.
    kind : str
        What it is.

    Raises
    ------
    OSError
        If nothing can be written there, or if what is there is no regular file.
    """
    target, before = _target(path)
    data = dumps(value, kind)
    remove_leftovers(target)
    part, file = _new_part(target, before)
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()
            # Where it is still open it is locked, and nobody takes it for one that was left.
            os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        # The new name is on disk when its folder is.
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _target(path: str | os.PathLike) -> tuple[Path, os.stat_result | None]:
    """Return where to write, links followed, and what is there; raise if that must stay."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"Cannot write {str(path)!r}: there is no folder {target.parent}.")
    try:
        # Of the path as it was given: what lies behind /dev/stdout has no name of its own.
        before = os.stat(path)
    except FileNotFoundError:
        return target, None
    if stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError(f"Cannot write {str(path)!r}: it is a folder; name a file in it.")
    whole = stat.S_ISREG(before.st_mode)
    if not whole or not target.exists() or not os.path.samestat(before, os.stat(target)):
        raise OSError(
            f"Cannot write {str(path)!r}: it is a device, a pipe, a socket or the like, and stays "
            "what it is; name a file, or a new one."
        )
    return target, before


def _new_part(target: Path, before: os.stat_result | None) -> tuple[Path, Any]:
    """Return the path of a new temporary file, and the file itself, open and locked."""
    while True:
        part = target.with_name(f"{_part_prefix(target)}{secrets.token_hex(8)}.part")
        # Nobody may read of it what they could not read of the file that it replaces.
        mode = 0o666 if before is None else 0o600
        try:
            number = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | BINARY, mode)
        except OSError as error:
            # In the name that was given, not in that of the temporary file.
            raise OSError(error.errno, error.strerror, str(target)) from None
        file = os.fdopen(number, "wb")
        _lock(file)
        if before is not None and os.name == "posix":
            _take_over(file.fileno(), before)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(part), os.fstat(file.fileno())):
                return part, file
        # Somebody took it for one that was left, in the moment before it was locked.
        file.close()


def _take_over(number: int, before: os.stat_result) -> None:
    """Give an open file the owner, the group and the permissions of another."""
    for uid, gid in ((before.st_uid, -1), (-1, before.st_gid)):
        # Only root gives files away, and others to groups of their own.
        with contextlib.suppress(OSError):
            os.fchown(number, uid, gid)
    permissions = before.st_mode & 0o777
    if os.fstat(number).st_gid != before.st_gid:
        # What one group was allowed is not given to another.
        permissions &= ~0o070
    with contextlib.suppress(OSError):
        os.fchmod(number, permissions)


def _lock(file: Any) -> bool:
    """Lock an open file until it is closed; tell whether it is not another's."""
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Or the file system has no locks.
            return False
    return True


def _part_prefix(target: Path) -> str:
    """Return how the names of a file's temporary files begin."""
    name = os.fsencode(target.name)
    if len(name) <= LONGEST_KEPT:
        return f".{target.name}."
    # The name of a file has a greatest length, 143 to 255 bytes, and theirs is longer.
    return f".{hashlib.sha256(name).hexdigest()[:32]}."


def leftovers(path: str | os.PathLike) -> list[Path]:
    """List the temporary files that a process killed while writing has left."""
    target = Path(os.path.realpath(path))
    start = _part_prefix(target)
    try:
        names = [name for name in os.listdir(target.parent) if name.startswith(start)]
    except OSError:
        # A folder that can be written to, but not listed.
        return []
    return [
        target.with_name(name)
        for name in names
        if name.endswith(".part") and len(name) == len(start) + 21
    ]


def remove_leftovers(path: str | os.PathLike) -> None:
    """Delete the temporary files of writes to a path, but for those that are being written."""
    for part in leftovers(path):
        with contextlib.suppress(OSError), open(part, "rb") as file:
            if _lock(file):
                part.unlink()


def read(path: str | os.PathLike, kind: str) -> Any:
    """Read a file that `write` wrote, as `read_with_objects` does, without the list of objects."""
    return read_with_objects(path, kind)[0]


def read_with_objects(path: str | os.PathLike, kind: str) -> tuple[Any, list[Any]]:
    """Read a file that `write` wrote.

    Parameters
    ----------
    path : str or path
        The file.
    kind : str
        What it should be.

    Returns
    -------
    value : object
        What it holds.
    objects : list
        The instances of registered classes in it, however deep.

    Raises
    ------
    FileFormatError
        If it is not such a file; the message names it and says what is wrong.
    """
    data = Path(path).read_bytes()
    try:
        return loads_with_objects(data, kind)
    except FileFormatError as error:
        raise FileFormatError(f"Cannot load {os.fspath(path)!r}: {error}") from error.__cause__
