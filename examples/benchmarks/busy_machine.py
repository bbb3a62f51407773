"""Processor seconds on a busy machine, with the threads that libraries take and with one.

The script keeps every core busy, by a process for each that does nothing but count, and runs each
group of operations in a process of its own: with no number of threads set, as users start Python,
and beside it, so that both meet the same load, with ``OMP_NUM_THREADS=1``. It reads the processor
seconds that an operation took, without imports and preparations, and those of the commands as a
whole. What is asked of each: at most 1.3 times the seconds of one thread, in the median over runs.

``--idle`` leaves the load out, lets the two take turns, and compares seconds on the wall.

Data: breast cancer (569 x 30); and ``published/magic_train.csv`` (17,117 x 11) of the folder that
SKGEN_DATA names, or digits (1,797 x 64) without it. Fits take 30 steps a stage, but for the whole
fit, which is at the defaults; fitted models draw 1,000 rows, and score and impute 200.

    python examples/benchmarks/busy_machine.py
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from _common import Report, arguments, data_folder
from sklearn.datasets import load_breast_cancer, load_digits

MODELS = (
    "FlowMatcher",
    "SchrodingerBridgeMatcher",
    "VariationalDiffusionAE",
    "BinaryLatentDiffusion",
    "VQDiffusionBridge",
)
N_STEPS = 30
N_DRAWN, N_ROWS = 1000, 200
LEAST_SECONDS = 0.5
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
COUNTING = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    sum(range(100_000))"


@contextmanager
def busy_cores():
    """Keep every core busy; the processes end with the block, or with this process."""
    command = [sys.executable, "-c", COUNTING, str(os.getpid())]
    load = [subprocess.Popen(command) for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for process in load:
            process.kill()
            process.wait()


def read(data):
    """Return a table of numbers."""
    if data == "magic":
        table = pd.read_csv(Path(os.environ["SKGEN_DATA"]) / "published" / "magic_train.csv")
        return table.assign(**{"class": table["class"] == "g"}).to_numpy(dtype=np.float64)
    return (load_digits if data == "digits" else load_breast_cancer)().data


class Clock:
    """Collects the processor seconds and the seconds on the wall of operations.

    Quick ones are repeated, and what is noted is the mean.
    """

    def __init__(self):
        self.seconds = {}

    def time(self, name, function):
        """Run a function and note what it took."""
        cpu, wall, n_calls = process_time(), perf_counter(), 0
        while n_calls == 0 or process_time() - cpu < LEAST_SECONDS:
            function()
            n_calls += 1
        taken = process_time() - cpu, perf_counter() - wall
        self.seconds[name] = [seconds / n_calls for seconds in taken]


def run_models(clock, data, n_steps):
    """Time what each model does."""
    import skgen

    X = read(data)
    gaps = X[:N_ROWS].copy()
    gaps[np.random.default_rng(0).random(gaps.shape) < 0.2] = np.nan
    for name in MODELS:
        model = getattr(skgen, name)(max_steps=n_steps, random_state=0)
        clock.time(f"{name}, fit", lambda model=model: model.fit(X))
        clock.time(f"{name}, sample", lambda model=model: model.sample(N_DRAWN))
        clock.time(f"{name}, score", lambda model=model: model.score(X[:N_ROWS]))
        clock.time(f"{name}, transform", lambda model=model: model.transform(X[:N_ROWS]))
        clock.time(f"{name}, impute", lambda model=model: model.impute(gaps))


def run_whole(clock, data, n_steps):
    """Time a fit at the defaults."""
    from skgen import VQDiffusionBridge

    X = read(data)
    clock.time("VQDiffusionBridge, whole fit", lambda: VQDiffusionBridge(random_state=0).fit(X))


def run_around(clock, data, n_steps):
    """Time what stands around a model: a pipeline with a frame, an imputer, an over-sampler."""
    from sklearn.decomposition import PCA

    from skgen import (
        FlowMatcher,
        GenerativeImputer,
        GenerativeOverSampler,
        TableEncoder,
        make_generative_pipeline,
    )

    X = read(data)
    model = FlowMatcher(max_steps=n_steps, random_state=0)
    frame = (
        pd.DataFrame(X).add_prefix("x").assign(kind=np.where(X[:, 0] > X[:, 0].mean(), "a", "b"))
    )
    pipe = make_generative_pipeline(TableEncoder(), model)
    clock.time("pipeline, fit", lambda: pipe.fit(frame))
    clock.time("pipeline, sample", lambda: pipe.sample(N_DRAWN))
    whitened = make_generative_pipeline(PCA(whiten=True), model)
    clock.time("pipeline with PCA, fit", lambda: whitened.fit(X))
    clock.time("pipeline with PCA, score", lambda: whitened.score(X[:N_ROWS]))
    gaps = X[:N_ROWS].copy()
    gaps[np.random.default_rng(0).random(gaps.shape) < 0.2] = np.nan
    clock.time("imputer", lambda: GenerativeImputer(model).fit_transform(gaps))
    few = np.arange(len(X)) % 10 == 0
    clock.time("over-sampler", lambda: GenerativeOverSampler(model).fit_resample(X, few))


def run_metrics(clock, data, n_steps):
    """Time the metrics that take long enough to be timed, and the report."""
    from skgen import metrics

    X = np.random.default_rng(0).permutation(read(data))
    train, test, fake = np.array_split(X, 3)
    labels = [part[:, 0] > np.median(part[:, 0]) for part in (train, test, fake)]
    two = {
        metric: lambda metric=metric: getattr(metrics, metric)(test, fake)
        for metric in (
            "classifier_two_sample_test",
            "energy_distance",
            "sliced_wasserstein",
            "maximum_mean_discrepancy",
            "precision_recall_density_coverage",
        )
    }
    for metric, function in two.items():
        clock.time(metric, function)
    clock.time("near_copies", lambda: metrics.near_copies(train, test, fake))
    clock.time("linear_probe", lambda: metrics.linear_probe(train, labels[0], test, labels[1]))
    clock.time(
        "train_on_synthetic",
        lambda: metrics.train_on_synthetic(
            train, labels[0], fake, labels[2], test, labels[1], random_state=0
        ),
    )
    rows = {} if data == "breast cancer" else {"max_rows": 300}
    clock.time("sample_report", lambda: metrics.sample_report(train, test, fake, **rows))


def run_command(clock, data, n_steps):
    """Time the commands, whole processes."""
    X = read(data)[:1000]
    with tempfile.TemporaryDirectory() as folder:
        table, model = Path(folder) / "table.csv", Path(folder) / "model.skgen"
        pd.DataFrame(X).add_prefix("x").to_csv(table, index=False)
        program = [sys.executable, "-m", "skgen"]
        settings = ["--quiet", "--seed", "0", "--set", f"max_steps={n_steps}"]
        commands = {
            "skgen fit": ["fit", table, "-o", model, *settings],
            "skgen sample": ["sample", model, "-n", "1000", "-o", Path(folder) / "new.csv"],
            "skgen score": ["score", model, table],
            "skgen report": ["report", model, table, "-o", Path(folder) / "report.html"],
        }
        for command, words in commands.items():
            before, wall = os.times(), perf_counter()
            subprocess.run([*program, *map(str, words)], check=True, capture_output=True)
            after = os.times()
            cpu = sum(after[2:4]) - sum(before[2:4])
            clock.seconds[command] = cpu, perf_counter() - wall


RUNS = {
    "models": run_models,
    "around": run_around,
    "metrics": run_metrics,
    "commands": run_command,
    "whole": run_whole,
}


def start(name, data, n_steps, threads):
    """Start a process that runs operations, with this number of threads, or as users start it."""
    environment = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, __file__, "--operation", name, data, str(n_steps)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def seconds_of(process):
    """Wait for a process and return the seconds of its operations."""
    output, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{process.args} ended with {process.returncode}:\n{errors}")
    return json.loads(output.splitlines()[-1])


def both(job, idle):
    """Return the seconds of a job's operations with the default threads, and with one thread."""
    if idle:
        return [seconds_of(start(*job, threads)) for threads in (None, 1)]
    with busy_cores():
        # A list, so that both are started before one is waited for.
        return [seconds_of(process) for process in [start(*job, None), start(*job, 1)]]


def main():
    parser = arguments(__doc__, seeds=range(3))
    parser.add_argument("--idle", action="store_true", help="start no load, compare the wall")
    parser.add_argument("--only", nargs="+", choices=RUNS, help="parts to run")
    parser.add_argument("--operation", nargs=3, help="run operations here and print their seconds")
    options = parser.parse_args()
    if options.operation:
        name, data, n_steps = options.operation
        clock = Clock()
        RUNS[name](clock, data, int(n_steps))
        print(json.dumps(clock.seconds))
        return
    report = Report(__file__, options)
    n_steps = options.max_steps or N_STEPS
    large = "digits" if data_folder("magic_train.csv") is None else "magic"
    jobs = [
        (name, "breast cancer", n_steps) for name in ("models", "around", "metrics", "commands")
    ]
    jobs += [("models", large, n_steps), ("metrics", large, n_steps), ("whole", large, n_steps)]
    jobs = [job for job in jobs if options.only is None or job[0] in options.only]
    column = int(options.idle)
    measured = "seconds" if options.idle else "processor seconds"
    for job in jobs:
        ratios, table = {}, job[1]
        for run in options.seed:
            default, one = both(job, options.idle)
            for what in default:
                taken, alone = default[what][column], one[what][column]
                report.add(table, what, run, f"{measured}, default threads", taken)
                report.add(table, what, run, f"{measured}, one thread", alone)
                ratios.setdefault(what, []).append(taken / alone)
                report.add(table, what, run, "ratio", ratios[what][-1])
        for what, values in ratios.items():
            report.add(table, what, "median", "ratio", np.median(values), "<= 1.3")
    report.write()


if __name__ == "__main__":
    main()
