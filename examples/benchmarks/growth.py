"""How training, sampling and memory grow with rows, columns and sampling steps.

Each fit runs in a process of its own with one thread: 30 gradient steps a stage on normal rows
with a common factor, then 1,000 drawn rows. Seconds are those of the processor.

- A step: the mean over all stages, from one gradient step to the next, and beside it a bare loop
  over the loss of the same stage and batches, with a backward pass and fused AdamW and nothing
  else. Their ratio is what schedule, clipping, moving average and bookkeeping cost.
- Set-up: a fit less its steps: checks, column maps, principal axes, evaluations, what a stage is
  started from.
- Sampling, and beside it the calls of networks alone, as many and of the same shapes, with nothing
  between them.
- Memory: the peak of the process in the fit, above what it held with the data and all imports.

Growth is read as ratios to the base: 1,000 rows of 10 columns, sampled in the default steps.

    python examples/benchmarks/growth.py
"""

import csv
import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from time import process_time

import numpy as np
import torch
from _common import ROOT, arguments, machine
from skorch.callbacks import Callback

import skgen
from skgen.processes.noise import GeneratorNoise
from skgen.training.batches import Reader

MODELS = [
    "VariationalDiffusionAE",
    "SchrodingerBridgeMatcher",
    "FlowMatcher",
    "BinaryLatentDiffusion",
    "VQDiffusionBridge",
]
N_STEPS, DRAWN = 30, 1000
BASE_ROWS, BASE_COLUMNS = 10**3, 10
ROWS, COLUMNS, SAMPLING = [10**4, 10**5, 10**6], [2, 100, 500], [5, 10, 20, 40, 80]
# A fit may take as much; beyond it the machine would be lost to all others.
MOST_SECONDS = 600
# The clock of a process moves by some milliseconds at a time.
LEAST_SECONDS = 0.2
FIELDS = (
    "model",
    "grows",
    "at",
    "step, ms",
    "of bare loop",
    "step, growth",
    "set-up, s",
    "sampling, s",
    "of bare calls",
    "sampling, growth",
    "peak memory, MB",
    "of the data",
)


class _Clock(Callback):
    """Processor time between the gradient steps of a fit, and its stages."""

    def __init__(self):
        self.steps, self.stages = [], []

    def on_train_begin(self, net, **kwargs):
        self.last = None

    def on_batch_end(self, net, training, **kwargs):
        now = process_time()
        if training and self.last is not None:
            self.steps.append(now - self.last)
        # An evaluation stands between two steps that are not counted.
        self.last = now if training else None

    def on_train_end(self, net, **kwargs):
        self.stages.append((net.stage, net.lr, net.batch_size))


def taken_from(rows, batch_size):
    """Return what takes a batch of rows, held or read when their turn comes."""
    rng = np.random.default_rng(0)
    if isinstance(rows, Reader):
        return lambda: rows.read(np.unique(rng.integers(rows.n, size=batch_size)))
    n = len(rows["x"])
    size = min(batch_size, n)
    return lambda: {k: v[torch.from_numpy(rng.integers(n, size=size))] for k, v in rows.items()}


def bare_steps(stage, lr, batch_size, n_steps):
    """Return the seconds of each step of a loop with a loss, its gradient and an optimiser."""
    parameters = [p.requires_grad_(True) for p in stage.parameters]
    optimizer = torch.optim.AdamW(parameters, lr=lr, fused=True)
    noise = GeneratorNoise(torch.Generator().manual_seed(0))
    take = taken_from(stage.train, batch_size)
    seconds = []
    stage.module.train()
    for _ in range(n_steps):
        start = process_time()
        loss = stage.loss(noise, **take()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seconds.append(process_time() - start)
    stage.module.eval()
    return seconds


def networks(module):
    """Yield the networks inside a module, each as a whole."""
    if type(module).__module__.startswith("skgen.networks"):
        yield module
    else:
        for child in module.children():
            yield from networks(child)


def seconds_of_calls(model, n_samples):
    """Return the seconds of the networks' calls that a sample makes, with nothing between them."""
    calls = []
    hooks = [
        network.register_forward_pre_hook(
            lambda called, args, kwargs: calls.append((called, args, kwargs)), with_kwargs=True
        )
        for network in networks(model.module_)
    ]
    model.sample(n_samples)
    for hook in hooks:
        hook.remove()

    def again():
        for called, args, kwargs in calls:
            called(*args, **kwargs)

    with torch.no_grad():
        return seconds_of(again)


def seconds_of(work):
    """Return the seconds of a call, the mean of as many as the clock can tell."""
    start, n = process_time(), 0
    while n == 0 or process_time() - start < LEAST_SECONDS:
        work()
        n += 1
    return (process_time() - start) / n


def memory(kind):
    """Return megabytes held now ("VmRSS") or at most so far ("VmHWM")."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(kind):
            return int(line.split()[1]) / 1024
    raise OSError(f"/proc/self/status has no {kind}: this benchmark runs on Linux only")


def measure(name, n_rows, n_columns, n_steps, sampling):
    """Fit a model and draw from it; return the figures by name."""
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS + 5))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_columns))
    X += rng.normal(size=(n_rows, 1))
    clock = _Clock()
    model = getattr(skgen, name)(
        max_steps=n_steps, early_stopping=False, net_params={"callbacks": [clock]}, random_state=0
    )
    # Imports and buffers of the first call are not the fit's.
    getattr(skgen, name)(max_steps=1, random_state=0).fit(X[:200]).sample(2)
    # The peak from here on: 5 resets it.
    Path("/proc/self/clear_refs").write_text("5")
    held = memory("VmRSS")
    start = process_time()
    model.fit(X)
    fit = process_time() - start
    peak = memory("VmHWM")
    model.sample(2)
    drawn = {n: seconds_of(lambda n=n: model.sample(DRAWN, n_steps=n)) for n in (None, *sampling)}
    bare = [step for given in clock.stages for step in bare_steps(*given, n_steps)[2:]]
    return {
        "step": float(np.mean(clock.steps)),
        "bare": float(np.mean(bare)),
        "set-up": fit - sum(clock.steps),
        "sampling": drawn,
        "calls": seconds_of_calls(model, DRAWN),
        "memory": peak - held,
        "data": X.nbytes / 2**20,
    }


def measured(*given):
    """Measure in a process of its own; None where it was stopped."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(measure, *given).result()
        except BrokenProcessPool:
            return None


class Table:
    """Rows of figures, printed and written as they come."""

    def __init__(self, path):
        self.path, self.rows = path, []
        print(f"growth: {machine()}")

    def add(self, **row):
        """Add a row; write all."""
        shown = {k: f"{v:.3g}" if isinstance(v, float) else v for k, v in row.items()}
        self.rows.append(shown)
        print(*shown.values(), sep="; ", flush=True)
        with self.path.open("w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def grow(table, name, rows, columns, n_steps):
    """Add the rows of a model: the base, and what grows from there."""
    # Tables have no steps there.
    steps = [] if name == "VQDiffusionBridge" else SAMPLING
    base = measured(name, BASE_ROWS, BASE_COLUMNS, n_steps, steps)
    if base is None:
        table.add(model=name, grows="base", at=f"over {MOST_SECONDS} s")
        return
    least = base["sampling"][None]
    cells = [("base", BASE_ROWS, BASE_ROWS, BASE_COLUMNS)]
    cells += [("rows", n, n, BASE_COLUMNS) for n in rows]
    cells += [("columns", n, BASE_ROWS, n) for n in columns]
    for kind, size, n_rows, n_columns in cells:
        found = base if kind == "base" else measured(name, n_rows, n_columns, n_steps, [])
        if found is None:
            table.add(model=name, grows=kind, at=f"{size:,}: over {MOST_SECONDS} s")
            continue
        sampling = found["sampling"][None]
        figures = {
            "step, ms": 1e3 * found["step"],
            "of bare loop": found["step"] / found["bare"],
            "step, growth": found["step"] / base["step"],
            "set-up, s": found["set-up"],
            "sampling, s": sampling,
            "of bare calls": sampling / found["calls"],
            "sampling, growth": sampling / least,
            "peak memory, MB": found["memory"],
            "of the data": found["memory"] / found["data"],
        }
        table.add(model=name, grows=kind, at=f"{size:,}", **figures)
    for n in steps:
        seconds = base["sampling"][n]
        figures = {"sampling, s": seconds, "sampling, growth": seconds / least}
        table.add(model=name, grows="sampling steps", at=f"{n}", **figures)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS)
    parser.add_argument("--columns", nargs="+", type=int, default=COLUMNS)
    options = parser.parse_args()
    table = Table(options.output or ROOT / "docs" / "benchmarks" / "growth.csv")
    n_steps = options.max_steps or N_STEPS
    for name in options.models:
        grow(table, name, options.rows, options.columns, n_steps)


if __name__ == "__main__":
    main()
