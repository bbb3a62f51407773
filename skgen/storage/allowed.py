"""What a file may name: registered classes and functions, and networks of this library."""

from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import nn

from skgen.storage.errors import FileFormatError

MAX_DEPTH = 100
NUMBERS = "biuf"
TEXTS = "USOmM"
Named = TypeVar("Named")

_BY_NAME: dict[str, Any] = {}
_NAMES: dict[Any, str] = {}
_OWN: dict[str, type[nn.Module]] = {}

# PyTorch's layers are built anew from these arguments, so that files outlive its internals.
LAYERS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("in_features", "out_features"),
    **dict.fromkeys(
        (nn.Conv1d, nn.Conv2d),
        (
            *("in_channels", "out_channels", "kernel_size", "stride", "padding"),
            *("dilation", "groups", "padding_mode"),
        ),
    ),
    nn.Embedding: ("num_embeddings", "embedding_dim", "padding_idx"),
    nn.LayerNorm: ("normalized_shape", "eps", "elementwise_affine"),
    nn.GroupNorm: ("num_groups", "num_channels", "eps", "affine"),
    nn.RMSNorm: ("normalized_shape", "eps", "elementwise_affine"),
    nn.ModuleList: (),
    nn.Sequential: (),
}
MODULE_ATTRIBUTES = frozenset(vars(nn.Module()))


def full_name(thing: Any) -> str:
    """Return the name of a class or function, that of its module in front."""
    return f"{thing.__module__}.{thing.__qualname__}"


def register(target: Named, name: str | None = None) -> Named:
    """Let instances of a class be saved and loaded.

    A file contains of an instance what ``__getstate__`` returns, by default the dict of its
    attributes; loading passes it to ``__setstate__``, or sets the attributes. Neither the
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
    name = full_name(target) if name is None else name
    known = _BY_NAME.get(name)
    # A class defined anew, as in a notebook's cell, takes the place of the old one.
    if known is not None and known is not target and full_name(known) != full_name(target):
        raise ValueError(f"The name {name!r} is {full_name(known)}'s; give another as name=.")
    _BY_NAME[name] = target
    _NAMES.setdefault(target, name)
    return target


for _layer in LAYERS:
    register(_layer, f"torch.nn.{_layer.__name__}")


def _own_modules(cls: type[nn.Module] = nn.Module) -> Iterator[type[nn.Module]]:
    """Yield the network classes of this library, which are always allowed."""
    for child in cls.__subclasses__():
        if child.__module__.split(".")[0] == "skgen":
            yield child
        yield from _own_modules(child)


def _own_module(name: Any) -> type[nn.Module] | None:
    """Return the network class of this library that has a name."""
    if name not in _OWN:
        _OWN.update((full_name(cls), cls) for cls in _own_modules())
    return _OWN.get(name)


def name_of(thing: Any) -> str | None:
    """Return the name of a class or function in files, None if they may not name it."""
    if not isinstance(thing, type) and not callable(thing):
        return None
    try:
        name = _NAMES.get(thing)
    except TypeError:
        return None
    if name is None and isinstance(thing, type) and issubclass(thing, nn.Module):
        return full_name(thing) if _own_module(full_name(thing)) is thing else None
    return name


def find(name: Any) -> Any:
    """Return the class or function with a name in files."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    own = _own_module(name)
    if own is not None:
        return own
    raise FileFormatError(
        f"it names {str(name)[:200]!r}, which is not registered here. If it is a class of yours, "
        "import it and call skgen.persistence.register with it before loading."
    )


def layer_of(cls: type[nn.Module], arguments: dict[str, Any]) -> nn.Module:
    """Build a layer of PyTorch's without memory for its weights."""
    with torch.device("meta"):
        return cls(**arguments)
