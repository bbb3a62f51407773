"""Forged model files by the thousand: ``python fuzz_files.py --mutants 20000 --seed 1``.

Small models of eight kinds are saved, and each mutant is one of the files with one to three changes
of a kind; where these are not to its bytes, the checksum is made to fit. A mutant is loaded and,
if it loads, used: sample, transform, inverse_transform, score, impute, as far as the model has
them. It must be refused (FileFormatError at load), or every use must give rows or raise a
ValueError. Everything else counts as a fault: another exception, more than 2 seconds of
processor time for all of it, or more than 200 MB beside what the process had. Mutants run in a
process with limits; where one hangs or crashes, another process goes on. The tables count outcomes
by kind of model and by kind of change; "file error" is a FileFormatError at use. For Linux.
"""

import argparse
import copy
import gc
import json
import os
import random
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from sklearn.preprocessing import StandardScaler

import skgen
from skgen import storage

SECONDS, MEGABYTES = 2.0, 200
# Of a process: a mutant may ask for more than is counted, and the message says so.
MARGIN = 1024 * 2**20
HANGS = 60
USES = ("sample", "transform", "inverse_transform", "score", "impute")
OUTCOMES = (
    "refused",
    "runs",
    "ValueError",
    "file error",
    "error at load",
    "error at use",
    "slow",
    "memory",
)
FAULTS = OUTCOMES[4:]
JUNK = [None, True, "", "x" * 300, 1.5, -1, 0, 2**31, 2**63, 10**30, 1e308, [], {}, [1, 2], "auto"]
JUNK += [{"$": "float", "value": value} for value in ("nan", "inf", "-inf")]
JUNK += [{"$": "tuple", "items": []}, {"$": "dtype", "name": "<f8"}, {"$": "same", "number": 0}]
NUMBERS = [0, -1, 1, 2, 7, 1000, 10**6, 2**31 - 1, 2**40, -(2**40), 0.5, -0.5, 1e-300, 1e300]
DTYPES = [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32]
DTYPES += [torch.uint8, torch.bool, torch.float32]


# What is forged -----------------------------------------------------------------------------


def frame_of(n, rng):
    """Return a table with columns of several kinds, gaps and rules."""
    size = rng.normal(50, 9, n).round(1)
    colour = rng.choice(["red", "green", "blue", "grey"], n)
    frame = pd.DataFrame(
        {
            "size": size,
            "weight": np.where(np.arange(n) % 7, size * 2, np.nan),
            "colour": colour,
            "kind": np.where(colour == "red", "warm", "cold"),
            "count": rng.integers(0, 5, n),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, n), "D"),
            "flag": rng.random(n) < 0.5,
        }
    )
    frame["total"] = frame["size"] + frame["count"]
    frame["number"] = rng.permutation(10**6)[:n] + 10**7
    return frame


def models():
    """Fit the models; yield the name of each, the model, and rows to use it on."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    X[:, 3] = rng.integers(0, 3, 60)
    small = {"max_steps": 5, "hidden_units": 8, "random_state": 0}
    c = np.where(X[:, 0] > 0, "a", "b")
    table = skgen.VariationalDiffusionAE(**small, n_components=2, n_steps=2)
    yield "table", table.fit(X, condition=c), X
    frame = frame_of(60, rng)
    with warnings.catch_warnings():
        # Of the column of identifiers.
        warnings.simplefilter("ignore")
        encoder = skgen.TableEncoder(min_count=12, identifiers="fake").fit(frame)
    plain = frame.drop(columns=["weight", "total", "number"])
    model = skgen.FlowMatcher(**small, n_steps=2)
    yield (
        "mixed frame",
        skgen.make_generative_pipeline(skgen.TableEncoder(), model).fit(plain),
        plain,
    )
    S = rng.normal(size=(40, 8))
    sequence = skgen.BinaryLatentDiffusion(**small, n_bits=4, n_timesteps=4, input_shape=(4, 2))
    yield "sequence", sequence.fit(S, lengths=1 + np.arange(40) % 4), S
    image = skgen.VariationalDiffusionAE(**small, n_components=2, n_steps=2, input_shape=(1, 4, 4))
    pixels = rng.normal(size=(40, 16))
    yield "image", image.fit(pixels), pixels
    yield "encoder, rules", encoder, frame
    bridge = skgen.SchrodingerBridgeMatcher(**small, n_steps=2)
    yield "bridge, source", bridge.fit(X, source=X[:20] + 1), X
    B = (rng.random((60, 6)) < 0.4).astype(float)
    bits = skgen.BinaryLatentDiffusion(**small, n_bits=4, n_timesteps=4, likelihood="bernoulli")
    yield "bits", bits.fit(B), B
    vq = skgen.VQDiffusionBridge(**small)
    pipe = skgen.make_generative_pipeline(StandardScaler(), vq)
    yield "VQ, scaler", pipe.fit(X, condition=c), X


def module_of(model):
    """Return the network of a model, None for an encoder."""
    model = model[-1] if hasattr(model, "steps") else model
    return getattr(model, "module_", None)


def own_path():
    """Return the path of the file that this process writes its models and mutants to."""
    return os.path.join(tempfile.gettempdir(), f"fuzz-{os.getpid()}.safetensors")


def files(names=None):
    """Return by name the bytes of each model's file, its rows, and the rows with gaps."""
    found = {}
    for name, model, rows in models():
        if names and name not in names:
            continue
        module = module_of(model)
        if module is not None:
            # Rows of a block and draws of a score: a mutant is to take milliseconds.
            module.block_size, module.score_draws = 4, 2
        rows = rows[:3].copy()
        gaps = rows.copy()
        if isinstance(rows, pd.DataFrame):
            gaps.loc[0, "colour"], gaps.loc[1, "size"] = None, np.nan
        else:
            gaps[0, 0] = gaps[1, -1] = np.nan
        path = own_path()
        skgen.save(model, path)
        with open(path, "rb") as file:
            found[name] = (file.read(), rows, gaps)
        os.remove(path)
    return found


# How it is forged ---------------------------------------------------------------------------


def places(node, found=None):
    """List (container, key) of every value in a description."""
    found = [] if found is None else found
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, part in pairs:
        found.append((node, key))
        if isinstance(part, dict | list):
            places(part, found)
    return found


def states(node):
    """List the dicts of attributes: of objects, networks, their weights and their parts."""
    keys = ("state", "parameters", "buffers", "modules", "arguments")
    return [at[key] for at, key in places(node) if key in keys and isinstance(at[key], dict)]


def mutate_value(content, tensors, rng):
    node, key = rng.choice(places(content))
    node[key] = copy.deepcopy(rng.choice(JUNK))


def mutate_number(content, tensors, rng):
    found = [(node, key) for node, key in places(content) if type(node[key]) in (int, float, bool)]
    node, key = rng.choice(found)
    old = node[key]
    node[key] = rng.choice([*NUMBERS, old + 1, old - 1, old * 2, not old, -old])


def mutate_delete(content, tensors, rng):
    node, key = rng.choice(places(content))
    del node[key]


def mutate_swap(content, tensors, rng):
    (a, i), (b, j) = rng.sample(places(content), 2)
    a[i], b[j] = copy.deepcopy(b[j]), copy.deepcopy(a[i])


def mutate_copy(content, tensors, rng):
    """Put a copy of one value in the place of another, or a second mention of an object."""
    (a, i), (b, j) = rng.sample(places(content), 2)
    a[i] = {"$": "same", "number": rng.randrange(30)} if rng.random() < 0.3 else copy.deepcopy(b[j])


def mutate_class(content, tensors, rng):
    found = [(node, key) for node, key in places(content) if key in ("class", "name")]
    node, key = rng.choice(found)
    names = [*storage.allowed._BY_NAME, *(at[name] for at, name in found)]
    node[key] = rng.choice(names)


def mutate_attribute(content, tensors, rng):
    """Drop, exchange or add attributes of objects."""
    one, other = (rng.choice(states(content)) for _ in range(2))
    key = rng.choice(list(one)) if one else None
    what = rng.randrange(4)
    if key is None:
        return
    if what == 0:
        del one[key]
    elif what == 1:
        name = rng.choice(list(other)) if other else key
        other[name] = copy.deepcopy(one[key])
    elif what == 2:
        keys = list(one)
        values = [one[k] for k in keys]
        rng.shuffle(values)
        one.update(zip(keys, values, strict=True))
    else:
        one[rng.choice(["x", "module_", "scale", "n_steps", key + "_"])] = one.pop(key)


def mutate_tensors_swapped(content, tensors, rng):
    a, b = rng.sample(sorted(tensors), 2)
    alike = [name for name in tensors if tensors[name].dtype == tensors[a].dtype and name != a]
    b = rng.choice(sorted(alike)) if alike and rng.random() < 0.7 else b
    tensors[a], tensors[b] = tensors[b], tensors[a]


def mutate_tensor_shape(content, tensors, rng):
    name = rng.choice(sorted(tensors))
    tensor = tensors[name]
    changed = [tensor.flatten(), tensor.flatten()[:1], tensor[None], tensor.flatten()[:0]]
    if tensor.ndim:
        changed += [tensor[:-1], tensor[:1], torch.cat([tensor, tensor]), tensor.transpose(0, -1)]
    tensors[name] = rng.choice(changed).clone().contiguous()


def mutate_tensor_dtype(content, tensors, rng):
    name = rng.choice(sorted(tensors))
    tensors[name] = tensors[name].to(rng.choice(DTYPES))


def mutate_tensor_values(content, tensors, rng):
    name = rng.choice(sorted(tensors))
    tensor = tensors[name].clone()
    if tensor.dtype.is_floating_point:
        value = rng.choice([0.0, -1.0, 1e30, 1e-30, float("nan"), float("inf")])
    else:
        value = rng.choice([0, 1, 100] if tensor.dtype == torch.bool else [0, 1, 100, 127])
    if rng.random() < 0.5 or tensor.numel() == 0:
        tensor.fill_(value)
    else:
        tensor.view(-1)[rng.randrange(tensor.numel())] = value
    tensors[name] = tensor


MUTATIONS = {
    name.removeprefix("mutate_").replace("_", " "): function
    for name, function in list(globals().items())
    if name.startswith("mutate_")
}


def damaged(data, rng):
    """Change bytes, most often of the header."""
    data = bytearray(data)
    end = rng.choice([8, 8 + int.from_bytes(data[:8], "little"), len(data)])
    for _ in range(rng.choice([1, 3, 20])):
        at = rng.randrange(end)
        data[at] = rng.choice([data[at] ^ (1 << rng.randrange(8)), 0, 255, 34])
    return bytes(data[: rng.randrange(len(data))] if rng.random() < 0.2 else data)


def mutant(number, seed, found):
    """Return the kind of model and of change of a mutant, and its bytes."""
    rng = random.Random(f"{seed} {number}")
    model = rng.choice(sorted(found))
    kind = rng.choice(["bytes", *MUTATIONS])
    data = found[model][0]
    if kind == "bytes":
        return model, kind, damaged(data, rng)
    size = int.from_bytes(data[:8], "little")
    content = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["skgen"])
    tensors = load_tensors(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        # The parts of the file that hold the model, whose size the others would hide.
        MUTATIONS[kind](content["model"], tensors, rng)
    description = json.dumps(content)
    sum_ = storage.format.checksum(description, tensors)
    return model, kind, save_tensors(tensors, {"skgen": description, "sha256": sum_})


# What becomes of it -------------------------------------------------------------------------


class TooLong(BaseException):
    """The processor time of a mutant is over."""


def used(model, rows, gaps):
    """Use a model in all ways that it has; return the first error that is none in words."""
    outcome = "runs"
    latent = None
    for name in USES:
        try:
            if not hasattr(model, name):
                continue
            method = getattr(model, name)
            if name == "sample":
                method(2, random_state=0)
            elif name == "transform":
                latent = method(rows)
            elif name == "inverse_transform":
                if latent is not None:
                    method(latent)
            elif name == "impute":
                method(gaps, random_state=0)
            else:
                method(rows)
        except storage.FileFormatError:
            return "file error", ""
        except ValueError:
            outcome = "ValueError"
        except MemoryError:
            return "memory", name
        except Exception as error:
            if "memory" in str(error):
                return "memory", f"{name}: {error!r:.100}"
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{where.filename.rsplit('/', 2)[-2]}/{where.filename.rsplit('/')[-1]}"
            told = f"{type(error).__name__} in {name}: {error!s:.90} ({place}:{where.lineno})"
            return "error at use", told
    return outcome, ""


def judged(data, rows, gaps, path):
    """Load and use a mutant; return the outcome and what there is to say of it."""
    with open(path, "wb") as file:
        file.write(data)
    try:
        model = skgen.load(path)
    except storage.FileFormatError:
        return "refused", ""
    except MemoryError:
        return "memory", "load"
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return "error at load", f"{error!r:.120} ({where.filename[-30:]}:{where.lineno})"
    return used(model, rows, gaps)


def memory(field):
    """Return the megabytes of a field of the process's status."""
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(field))
    return int(line.split()[1]) / 1024


def too_long(*_):
    raise TooLong


def work(numbers, seed, found, out):
    """Judge mutants, and write a line of JSON on each."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    path = own_path()
    size = int(memory("VmSize:") * 2**20)
    resource.setrlimit(resource.RLIMIT_AS, (size + MARGIN, resource.RLIM_INFINITY))
    signal.signal(signal.SIGPROF, too_long)
    # An error of a forged object may not be shown; its text may be long.
    for number in numbers:
        model, kind, data = mutant(number, seed, found)
        print(json.dumps([number, model, kind]), file=out, flush=True)
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        before, start = memory("VmRSS:"), time.process_time()
        try:
            signal.setitimer(signal.ITIMER_PROF, 2 * SECONDS)
            outcome, told = judged(data, *found[model][1:], path)
            signal.setitimer(signal.ITIMER_PROF, 0)
        except TooLong as error:
            frames = traceback.extract_tb(error.__traceback__)
            ours = [f"{f.filename[-40:]}:{f.lineno}" for f in frames if "skgen" in f.filename]
            outcome, told = "slow", str(ours[-3:])
        seconds, megabytes = time.process_time() - start, memory("VmHWM:") - before
        if outcome not in FAULTS and seconds > SECONDS:
            outcome, told = "slow", f"{seconds:.1f} s, {outcome}"
        if outcome not in FAULTS and megabytes > MEGABYTES:
            outcome, told = "memory", f"{megabytes:.0f} MB, {outcome}"
        line = [number, model, kind, outcome, told, round(seconds, 3), round(megabytes)]
        print(json.dumps(line), file=out, flush=True)
    os.path.exists(path) and os.remove(path)


def started(numbers, seed, found):
    """Start a process on some mutants; return its number and where its lines are read."""
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        return child, os.fdopen(read)
    os.close(read)
    with os.fdopen(write, "w") as out:
        try:
            work(numbers, seed, found, out)
        finally:
            out.flush()
            os._exit(0)


def run(n, seed, found, report=None, seconds=float("inf")):
    """Judge n mutants one after the other, or as many as the time allows; return a line on each."""
    lines, todo, end = [], list(range(n)), time.monotonic() + seconds
    while todo and time.monotonic() < end:
        gc.collect()
        child, file = started(todo, seed, found)
        last = None
        while select.select([file], [], [], HANGS)[0]:
            text = file.readline()
            if not text or time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
                break
            line = json.loads(text)
            last = line if len(line) == 3 else None
            if len(line) > 3:
                lines.append(line)
                if report is not None and line[3] in FAULTS:
                    print(*line, file=report, flush=True)
        else:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        file.close()
        done = lines[-1][0] if lines else -1
        if last is not None and time.monotonic() < end:
            # Hung or crashed in it.
            lines.append([*last, "slow", "hung or crashed", float(HANGS), 0])
            done = last[0]
            if report is not None:
                print(*lines[-1], file=report, flush=True)
        todo = list(range(done + 1, n))
    return lines


def table(lines, by, title):
    """Return a table of outcomes as text."""
    rows = defaultdict(list)
    for line in lines:
        rows[line[by]].append(line)
    rows["all"] = lines
    text = [f"{title:18}" + "".join(f"{name:>15}" for name in OUTCOMES) + "   s, most  MB, most"]
    for name in [*sorted(set(rows) - {"all"}), "all"]:
        counts = Counter(line[3] for line in rows[name])
        most = [max(line[k] for line in rows[name]) for k in (5, 6)]
        cells = "".join(f"{counts[outcome]:15}" for outcome in OUTCOMES)
        text.append(f"{name:18}{cells}{most[0]:10.2f}{most[1]:10}")
    return "\n".join(text)


def main(argv=None):
    """Judge the mutants and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutants", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after these")
    parser.add_argument("--models", nargs="*", help="names of kinds of models; by default all")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found = files(arguments.models)
    for name, (data, rows, gaps) in found.items():
        outcome = judged(data, rows, gaps, own_path())
        start = time.process_time()
        judged(data, rows, gaps, own_path())
        print(name, len(data) // 1000, "kB", outcome, round(time.process_time() - start, 3), "s")
    lines = run(arguments.mutants, arguments.seed, found, sys.stdout, 60 * arguments.minutes)
    print(table(lines, 1, "model"), table(lines, 2, "change"), sep="\n\n")
    return sum(line[3] in FAULTS for line in lines)


if __name__ == "__main__":
    sys.exit(main() > 0)
