r"""Objects in one file that holds data only: safetensors, with a description in its header.

A file is a safetensors file. Arrays and weights are its tensors, named by where they stand in the
object; everything else is a JSON description in the metadata of its header. One plain format,
with no archive around it: any reader of safetensors can open it, and its own parser, which checks
every size against the file before memory is taken, is the only one that ever sees the raw bytes.

The description is a tree. JSON's own values stand for themselves; a dict with the key ``"$"`` is
something else: an array, a tensor, a tuple, an object. An object is the name of its class and the
dict of its attributes. Reading never imports, calls a constructor of a model or unpickles: a name
is looked up in the table that :func:`register` fills, and the attributes are put back.

A SHA-256 over description and tensors detects a damaged file. It is not a signature: whoever makes
a file by hand can make the hash too. The content of such a file may be nonsense, but it is only
data.
"""

import hashlib
import json
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from skgen._version import __version__
from skgen.storage.errors import FileFormatError, shown
from skgen.storage.reader import Reader
from skgen.storage.writer import Writer

# One more whenever the description, or what the networks here are made of or take in, changes.
FORMAT = 9


def checksum(description: str, tensors: dict[str, Tensor]) -> str:
    """Return the SHA-256 of a description and tensors."""
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
    writer = Writer()
    node = writer.node(value, kind)
    versions = {"skgen": __version__, "torch": torch.__version__, "numpy": np.__version__}
    content = {"format": FORMAT, "kind": kind, "versions": versions, kind: node}
    description = json.dumps(content, allow_nan=False)
    sum_ = checksum(description, writer.tensors)
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
    description, tensors = opened(data)
    try:
        content = json.loads(description, parse_constant=_no_constant)
        if content["format"] != FORMAT:
            raise FileFormatError(
                f"it has the format {shown(content['format'])}, written by skgen "
                f"{shown(content['versions']['skgen'])}; skgen {__version__} reads {FORMAT}."
            )
        if content["kind"] != kind:
            raise FileFormatError(f"it is a {shown(content['kind'])}, not a {kind}.")
        reader = Reader(tensors)
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


def opened(data: bytes) -> tuple[str, dict[str, Tensor]]:
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
    if metadata.get("sha256") != checksum(metadata["skgen"], tensors):
        raise FileFormatError("it is damaged: its checksum is not that of its contents.")
    return metadata["skgen"], tensors


def _no_constant(name: str) -> float:
    raise FileFormatError(f"its description holds {name}, which is no JSON.")
