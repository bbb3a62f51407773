"""Damaged and hostile model files by the thousand: ``python fuzz_files.py 10000 [seed]``.

Half of them are a good file whose bytes were changed. The other half were made on purpose: their
description or tensors were changed and the checksum made to fit. Loading any of them must raise
`FileFormatError` or give a model. An audit hook watches for code that is run, imported or fetched
and for other files opened; memory is limited to a little more than the process has, and a loading
that hangs ends the process with a traceback.
"""

import copy
import faulthandler
import json
import random
import sys
import warnings
from collections import Counter

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from skgen import BinaryLatentDiffusion, SchrodingerBridgeMatcher, storage
from skgen.persistence import FileFormatError, _register_estimators

# Of the events that Python announces: what runs, imports or fetches code, and opens files.
FORBIDDEN = (
    *("compile", "exec", "import", "marshal.", "pickle.", "os.", "subprocess.", "socket."),
    *("ctypes.", "shutil.", "urllib.", "code.", "object.__reduce__", "sys.", "open", "glob."),
    *("tempfile.", "mmap."),
)
MARGIN = 512 * 2**20
SECONDS = 60
JUNK = [
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    10**400,
    1e308,
    "",
    "x" * 1000,
    "__class__",
    "os.system",
    "builtins.eval",
    [],
    {},
    [[]] * 50,
    {"$": "name", "name": "builtins.exec"},
    {"$": "object", "class": "os.system", "state": {}},
    {"$": "float", "value": "nan"},
    {"$": "same", "number": 0},
    {"$": "dtype", "name": "<U2000000000"},
    {"$": "torch dtype", "name": "load"},
    {"$": "device", "name": "cuda:99"},
    {"$": "objects", "shape": [2**62, 2**62, 0], "items": []},
    {"$": "tuple", "items": {"a": 1}},
    {"$": "dict", "items": [[[], 1]]},
    {"$": "module", "class": "torch.nn.Linear"},
    {
        "$": "module",
        "class": "torch.nn.Conv2d",
        "arguments": {"in_channels": 10**12, "out_channels": 10**12},
    },
]
NAMES = ["__class__", "__dict__", "__setstate__", "fit", "_parameters", "forward", "$", "items"]


def seeds():
    """Make two small good files: a pipeline with a condition, and a model of bits."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 4))
    model = SchrodingerBridgeMatcher(
        hidden_units=8, max_steps=2, random_state=np.random.RandomState(0), time_grid=[0, 0.5, 1]
    ).fit(X, source=X[:20], condition=np.array(["a", "b"])[(X[:, 0] > 0).astype(int)])
    scalers = StandardScaler().fit(X), QuantileTransformer(n_quantiles=5).fit(X)
    bits = BinaryLatentDiffusion(
        n_bits=4, codebook_dim=2, hidden_units=8, n_timesteps=4, max_steps=2, random_state=0
    ).fit(X)
    _register_estimators()
    for value in (make_pipeline(*scalers, model), bits):
        yield storage.dumps({"scikit-learn": "0", "object": value}, "model")


def damaged(data, rng):
    """Change some bytes."""
    data = bytearray(data)
    # Most of a file is weights, and most of what can go wrong stands before them.
    end = rng.choice([9, 64, 8 + int.from_bytes(data[:8], "little"), len(data)])
    for _ in range(rng.choice([1, 1, 3, 20])):
        at = rng.randrange(min(end, len(data)) or 1) if data else 0
        what = rng.randrange(6)
        if what == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif what == 1:
            del data[at : at + rng.choice([1, 8, 1000])]
        elif what == 2:
            data[at:at] = rng.randbytes(rng.choice([1, 8, 1000]))
        elif what == 3:
            del data[at:]
        elif what == 4:
            data[at : at + 8] = b"\xff" * 8
        else:
            data[at:at] = data[: rng.choice([8, 100, len(data)])]
    return bytes(data)


def places(node, found):
    """List (container, key) of every value in a description."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, part in pairs:
        found.append((node, key))
        if isinstance(part, dict | list):
            places(part, found)
    return found


def forged(data, rng):
    """Change description or tensors, and make the checksum fit."""
    size = int.from_bytes(data[:8], "little")
    content = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["skgen"])
    tensors = load_tensors(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        if rng.random() < 0.2:
            name = rng.choice(sorted(tensors))
            tensor = tensors.pop(name)
            if rng.random() < 0.7:
                kinds = [torch.int32, torch.uint8, torch.bool, torch.float16, torch.bfloat16]
                tensor = rng.choice(
                    [tensor.flatten()[:0], tensor.to(rng.choice(kinds)), tensor.flatten()]
                )
                tensors[name] = tensor.clone().contiguous()
            continue
        spots = places(content, [])
        node, key = rng.choice(spots)
        what = rng.randrange(4)
        if what == 0:
            node[key] = copy.deepcopy(rng.choice(JUNK))
        elif what == 1:
            other, name = rng.choice(spots)
            node[key] = copy.deepcopy(other[name])
        elif what == 2:
            del node[key]
        elif isinstance(node, dict):
            node[rng.choice([*NAMES, str(rng.choice(spots)[1])])] = node.pop(key)
    description = json.dumps(content)
    if rng.random() < 0.02:
        description = "[" * rng.choice([500, 100_000])
    checksum = storage.format.checksum(description, tensors)
    return save_tensors(tensors, {"skgen": description, "sha256": checksum})


def limit_memory():
    """Allow a little more than the process has; where the system can."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    resource.setrlimit(resource.RLIMIT_AS, (used + MARGIN, resource.RLIM_INFINITY))


def main(n_files, seed=0):
    """Load that many bad files; return how many of each kind were refused or loaded."""
    files = list(seeds())
    rng = random.Random(seed)
    for data in files:
        storage.loads(data, "model")
    seen, watching = [], [False]

    def hook(event, arguments):
        if watching[0] and event.startswith(FORBIDDEN):
            seen.append(f"{event} {arguments!r:.200}")

    # What scikit-learn says of a version that a forged file names.
    warnings.simplefilter("ignore", InconsistentVersionWarning)
    sys.addaudithook(hook)
    limit_memory()
    outcomes = Counter()
    for number in range(n_files):
        make = (damaged, forged)[number % 2]
        file = rng.choice(files)
        data = make(file, rng)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        watching[0] = True
        try:
            storage.loads(data, "model")
            outcome = "loaded"
        except FileFormatError as error:
            outcome = "refused"
            if not str(error):
                seen.append(f"file {number} was refused without a word")
        finally:
            watching[0] = False
            faulthandler.cancel_dump_traceback_later()
        if make is damaged and outcome == "loaded":
            # The byte was what it had been, or a blank between two names.
            contents = [
                storage.format.checksum(*storage.format.opened(bytes_)) for bytes_ in (data, file)
            ]
            outcome = "loaded" if contents[0] != contents[1] else "unharmed"
        outcomes[f"{make.__name__}, {outcome}"] += 1
    if seen:
        raise SystemExit(f"{len(seen)} events that loading must not cause, the first: {seen[:5]}")
    return outcomes


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), *map(int, sys.argv[2:])), sort_keys=True))
