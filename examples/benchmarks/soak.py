"""One process that fits, draws, saves, loads and imputes for long: ``python soak.py --minutes 5``.

A service that works for days must not grow, and must answer at the end as it did at the start. Five
small models are used in turn, again and again: each is fitted, draws rows, goes to a file and
comes back, scores and imputes. After every round the process's memory, open handles and threads are
read; the hash of all that the models returned must be that of the first round. The last line says
what changed between the second round, by which libraries have taken what they keep, and the last.
For Linux.
"""

import argparse
import ctypes
import gc
import hashlib
import os
import sys
import tempfile
import threading
import time
import warnings

import numpy as np
import pandas as pd

import skgen

# The most growth of memory, in MB per round on average over at least so many rounds, and at first.
MOST_GROWTH, FEWEST_ROUNDS, ALLOWANCE = 0.5, 4, 8.0


def tables():
    """Return rows of numbers, and a frame of mixed columns with gaps."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4))
    frame = pd.DataFrame(
        {
            "size": X[:, 0].round(2),
            "city": rng.choice(["Bonn", "Oslo", "Ulm"], 200),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, 200), "D"),
            "gap": np.where(rng.random(200) < 0.2, np.nan, X[:, 1]),
            "number": 10**7 + rng.permutation(10**6)[:200],
        }
    )
    return X, frame


def models():
    """Return the models by name, with the table of each."""
    X, frame = tables()
    small = {"max_steps": 6, "hidden_units": 8, "random_state": 0}
    encoder = skgen.TableEncoder(min_count=3, identifiers="fake")
    return {
        "VariationalDiffusionAE": (skgen.VariationalDiffusionAE(**small, n_steps=4), X),
        "FlowMatcher": (skgen.FlowMatcher(**small, n_steps=4), X),
        "BinaryLatentDiffusion": (skgen.BinaryLatentDiffusion(**small, n_timesteps=8), X),
        "VQDiffusionBridge": (skgen.VQDiffusionBridge(**small), X),
        "pipeline": (skgen.make_generative_pipeline(encoder, skgen.FlowMatcher(**small)), frame),
    }


def used(model, table, path, digest):
    """Fit, draw, save, load, score and impute; add all that comes back to a hash."""
    rows = model.fit(table).sample(50)
    skgen.save(model, path)
    loaded = skgen.load(path)
    again = loaded.sample(50)
    is_frame = isinstance(table, pd.DataFrame)
    holes = table[:20].copy()
    if is_frame:
        holes.loc[:9, "size"] = np.nan
        scores = loaded.score_samples_encoded(table[:20])
    else:
        holes[:10, 0] = np.nan
        scores = loaded.score_samples(table[:20])
    for part in (rows, again, scores, loaded.impute(holes, random_state=0)):
        data = part.to_csv().encode() if isinstance(part, pd.DataFrame) else part.tobytes()
        digest.update(data)


def state():
    """Return memory in MB, open handles, threads of the process, and objects of Python."""
    gc.collect()
    # Memory that is free goes back to the system, so that what is left is used.
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as file:
        memory = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    handles, tasks = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    return memory, handles, tasks, len(gc.get_objects()), threading.active_count()


def main():
    """Use the models until the time is over, and compare the rounds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--models", nargs="+", default=list(models()), choices=list(models()))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    end = time.monotonic() + 60 * options.minutes
    hashes, states = [], []
    chosen = {name: both for name, both in models().items() if name in options.models}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.safetensors")
        while time.monotonic() < end or len(hashes) < FEWEST_ROUNDS:
            digest = hashlib.sha256()
            for model, table in chosen.values():
                used(model, table, path, digest)
            hashes.append(digest.hexdigest())
            states.append(state())
            memory, handles, tasks, objects, _ = states[-1]
            print(
                f"round {len(hashes)}: {memory:.1f} MB, {handles} handles, {tasks} threads, "
                f"{objects} objects, {hashes[-1][:12]}",
                flush=True,
            )
        left = os.listdir(folder)
    before, after, rounds = states[1], states[-1], len(states) - 2
    grown = after[0] - before[0]
    faults = [
        *(["other bits"] if len(set(hashes)) > 1 else []),
        *(["more handles"] if after[1] > before[1] else []),
        *(["more threads"] if after[2] > before[2] or after[4] > before[4] else []),
        *(["more memory"] if grown > ALLOWANCE + MOST_GROWTH * rounds else []),
        *(["files left"] if left != ["model.safetensors"] else []),
    ]
    print(
        f"{len(hashes)} rounds, {time.process_time():.0f} s of processor: "
        f"{before[0]:.1f} to {after[0]:.1f} MB, {before[1]} to {after[1]} handles, {before[2]} to "
        f"{after[2]} threads, {before[3]} to {after[3]} objects; {', '.join(faults) or 'no fault'}"
    )
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
