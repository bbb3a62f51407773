"""Large tables: what a fit takes in time and memory when the rows are many.

Ten columns, some skewed, one of whole numbers, two correlated, lie in files of 10^4, 10^5 and 10^6
rows that are mapped into memory. Every estimator, in a process of its own, is fitted to one after
the other, with 60 gradient steps a stage. Measured are the time of a step, reading of rows included
and evaluations not; the time of all the rest of the fit; and by how much the peak of the process's
memory has grown since before the first of these fits, the mapped pages of the file included. Then
10^6 rows are drawn in batches. Times are of the processor, one thread, so that what else runs on
the machine counts for less; ratios are to 10^4 rows, in the same run.

Goals: the ratio of a step's time at most 1.2, and memory of at most 1,000 MB above the file.

    python examples/benchmarks/large.py
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np
from _common import Report, arguments
from skorch.callbacks import Callback

import skgen

ESTIMATORS = [
    "FlowMatcher",
    "VariationalDiffusionAE",
    "BinaryLatentDiffusion",
    "VQDiffusionBridge",
    "SchrodingerBridgeMatcher",
]
SIZES = [10**4, 10**5, 10**6]
# By itself it is larger for more rows: a step is to be compared with its like.
GIVEN = {"VQDiffusionBridge": {"n_embeddings": 512, "hidden_units": 128}}


class Steps(Callback):
    """Count the time from the begin of an epoch to its last gradient step, over all epochs."""

    def __init__(self):
        self.seconds, self.n_steps = 0.0, 0

    def on_epoch_begin(self, net, **kwargs):
        """Start the clock."""
        self.begin = self.end = process_time()

    def on_batch_end(self, net, training, **kwargs):
        """Look at it after each step."""
        if training:
            self.end = process_time()
            self.n_steps += 1

    def on_epoch_end(self, net, **kwargs):
        """Leave out the evaluation."""
        self.seconds += self.end - self.begin


def write(path, n_rows):
    """Write the rows to a file, without holding them."""
    rows = np.lib.format.open_memmap(path, "w+", np.float64, (n_rows, 10))
    rng = np.random.default_rng(0)
    for start in range(0, n_rows, 10**5):
        Z = rng.normal(size=(min(10**5, n_rows - start), 10))
        Z[:, 1] = 0.6 * Z[:, 0] + 0.8 * Z[:, 1]
        Z[:, 2:5] = np.exp(Z[:, 2:5])
        Z[:, 5] = np.round(5 * Z[:, 5])
        rows[start : start + len(Z)] = Z
    rows.flush()


def peak():
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name, folder, seed, max_steps):
    """Fit one estimator to the rows of each file."""
    Estimator = partial(getattr(skgen, name), **GIVEN.get(name, {}))
    paths = [Path(folder) / f"{n}.npy" for n in SIZES]
    # What a first fit loads and sets up is not the rows'.
    Estimator(max_steps=2, random_state=seed).fit(np.array(np.load(paths[0])[:1000]))
    before, found = peak(), []
    for path in paths:
        steps, start = Steps(), process_time()
        model = Estimator(max_steps=max_steps, net_params={"callbacks": [steps]}, random_state=seed)
        model.fit(np.load(path, mmap_mode="r"))
        seconds = process_time() - start
        found.append(
            {
                "milliseconds a step": 1000 * steps.seconds / steps.n_steps,
                "seconds of the rest": seconds - steps.seconds,
                "growth of peak memory, MB": peak() - before,
            }
        )
    return found


def draw(folder, seed):
    """Draw a million rows in batches, and then at once."""
    X = np.load(Path(folder) / f"{SIZES[0]}.npy")
    model = skgen.FlowMatcher(max_steps=60, n_steps=1, random_state=seed).fit(X)
    model.sample(20_000)
    before, total = peak(), 0.0
    for rows in model.sample_batches(10**6):
        total += rows.sum()
    in_batches = peak() - before
    whole = model.sample(10**6)
    assert np.isclose(whole.sum(), total, rtol=1e-9)
    return {
        "growth of peak memory in batches, MB": in_batches,
        "growth of peak memory at once, MB": peak() - before,
    }


def main():
    """Measure, each figure in a process of its own."""
    parser = arguments(__doc__)
    parser.add_argument("--estimators", nargs="+", default=ESTIMATORS, help="names")
    parser.add_argument("--one", nargs=2, help="what one process measures, and the folder of files")
    options = parser.parse_args()
    seed, max_steps = options.seed[0], options.max_steps or 60
    if options.one:
        name, folder = options.one
        found = draw(folder, seed) if name == "draw" else measure(name, folder, seed, max_steps)
        print(json.dumps(found))
        return
    report = Report(__file__, options)

    def run(name, folder, seed):
        command = [sys.executable, __file__, "--one", name, folder]
        command += ["--seed", str(seed), "--max-steps", str(max_steps)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout
        return json.loads(told)

    with tempfile.TemporaryDirectory() as folder:
        for n in SIZES:
            write(Path(folder) / f"{n}.npy", n)
        for seed in options.seed:
            for name in options.estimators:
                found = run(name, folder, seed)
                for n, figures in zip(SIZES, found, strict=True):
                    for text, value in figures.items():
                        memory = 1000 + n * 80 // 2**20 if "memory" in text else ""
                        report.add(f"{n} rows", name, seed, text, value, memory)
                        if "memory" not in text:
                            goal, ratio = 1.2 if "step" in text else "", value / found[0][text]
                            report.add(f"{n} rows", name, seed, f"ratio of {text}", ratio, goal)
                # A run that is stopped leaves the estimators that it has come to.
                report.write()
            for text, value in run("draw", folder, seed).items():
                report.add(f"{SIZES[-1]} drawn", "FlowMatcher", seed, text, value)
    report.write()


if __name__ == "__main__":
    main()
