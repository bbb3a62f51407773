"""Kill fits at random moments and go on: ``python killed.py [n_kills] [seed]``.

For each of two models a process fits with ``checkpoint=`` and is killed (SIGKILL) at a moment drawn
evenly over the time that a whole fit takes, whatever it is doing then, writing the checkpoint
included. The same command runs again until it has been killed so often, then to its end. The
table shows when each process died and the last line whether the model has the bits of one that was
never stopped.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import skgen
from skgen import storage

FIT = """
import sys, torch
import numpy as np
torch.set_num_threads(1)
import skgen
name, path, out = sys.argv[1:]
rng = np.random.default_rng(0)
X = np.tanh(rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6)))
print("ready", flush=True)
model = getattr(skgen, name)(max_steps=400, random_state=0, checkpoint=path or None)
model.fit(X, condition=np.arange(400) % 3)
skgen.save(model.set_params(checkpoint=None), out)
"""


def start(name, path, out):
    """Start a fit; return its process once it has imported what it needs."""
    command = [sys.executable, "-c", FIT, name, str(path), str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def stage_of(path):
    """Return how many stages the checkpoint has done, and its step in the next."""
    if not path.exists():
        return "no checkpoint"
    state = storage.read(path, "checkpoint")
    step = state["running"]["net"]["step"] if state["running"] else 0
    return f"stage {state['stage'] + 1}, step {step}"


def main(n_kills=20, seed=0):
    """Kill, go on, compare."""
    rng = np.random.default_rng(seed)
    torch.set_num_threads(1)
    for name in ("VariationalDiffusionAE", "BinaryLatentDiffusion"):
        with tempfile.TemporaryDirectory() as folder:
            path, whole, resumed = (Path(folder) / part for part in ("fit", "whole", "resumed"))
            begun = time.perf_counter()
            assert start(name, "", whole).wait() == 0
            seconds = time.perf_counter() - begun
            print(f"{name}: {seconds:.1f} s without a stop")
            n_fits = 0
            for kill in range(n_kills):
                # Short enough that most are killed on the way, not after the end.
                delay = rng.uniform(0, seconds / 3)
                process = start(name, path, resumed)
                time.sleep(delay)
                process.kill()
                died = process.wait() != 0
                if not died:
                    n_fits += 1
                parts = len(list(Path(folder).glob(".fit.*.part")))
                print(f"  {kill + 1:2d}  {delay:5.2f} s  {stage_of(path)}, {parts} half-written")
            assert start(name, path, resumed).wait() == 0
            a, b = skgen.load(whole), skgen.load(resumed)
            weights = (model.module_.state_dict().values() for model in (a, b))
            same = all(torch.equal(v, w) for v, w in zip(*weights, strict=True))
            same = same and np.array_equal(a.sample(100), b.sample(100))
            left = sorted(p.name for p in Path(folder).iterdir())
            print(
                f"  same bits: {same}; fits that ended before their kill: {n_fits}; files: {left}"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
