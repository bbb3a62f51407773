"""What the benchmark scripts share: arguments, the machine in words, rows in one long table.

Each row holds one figure: the data, the model with what was set on it, the split or seed, the
measure, its value, and the goal where there is one.
"""

import argparse
import csv
import os
import platform
from pathlib import Path
from time import perf_counter

import numpy as np
import sklearn
import torch
from sklearn.base import clone

import skgen

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ("data", "model", "split", "measure", "value", "goal", "machine")


def arguments(description, seeds=(0,)):
    """Return a parser with the options that every benchmark takes."""
    parser = argparse.ArgumentParser(
        description=description.partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--seed", type=int, nargs="+", default=list(seeds), help="seeds, or numbers of splits"
    )
    parser.add_argument(
        "--output", type=Path, help="CSV to write; docs/benchmarks/NAME.csv if all steps are run"
    )
    parser.add_argument(
        "--max-steps", type=int, help="gradient steps of a stage, for a quick trial of the script"
    )
    return parser


def machine():
    """Return versions, processor and threads in one line."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        named = [row for row in cpuinfo.read_text().splitlines() if row.startswith("model name")]
        name = named[0].partition(":")[2].strip() if named else name
    where = f"{name}, {torch.get_num_threads()} threads of {os.cpu_count()}"
    if torch.cuda.is_available():
        where += f", {torch.cuda.get_device_name()}"
    return (
        f"python {platform.python_version()}, torch {torch.__version__}, "
        f"scikit-learn {sklearn.__version__}, skgen {skgen.__version__}; {where}"
    )


def data_folder(needed_by):
    """Return the folder that SKGEN_DATA names; say what goes without it, and None, otherwise."""
    folder = os.environ.get("SKGEN_DATA")
    if folder:
        return Path(folder).expanduser()
    print(f"{needed_by}: skipped, since the environment variable SKGEN_DATA names no data folder")
    return None


def described(model):
    """Return an estimator with what is set on it, but for its seed."""
    return " ".join(repr(clone(model).set_params(random_state=None)).split())


def seconds_of_fit(model, X, clock=perf_counter, **kwargs):
    """Fit a model and return how long it took, by a clock."""
    start = clock()
    model.fit(X, **kwargs)
    return clock() - start


class Report:
    """The rows of one benchmark: printed as they come, written at the end."""

    def __init__(self, script, options):
        name = Path(script).stem
        self.output = options.output
        # a shortened trial must not take the place of the figures in the docs
        if self.output is None and options.max_steps is None:
            self.output = ROOT / "docs" / "benchmarks" / f"{name}.csv"
        self.rows = []
        self.machine = machine()
        print(f"{name}: {self.machine}")

    def add(self, data, model, split, measure, value, goal=""):
        """Add one figure and print it."""
        self.rows.append((data, model, split, measure, float(value), goal))
        aim = f"  (goal {goal})" if goal else ""
        print(f"{data:<13} {model:<46} {split!s:>6}  {measure:<34} {value:>9.4g}{aim}", flush=True)

    def summarize(self):
        """Add mean and standard deviation over the splits, where there are several."""
        groups = {}
        for data, model, _, measure, value, goal in self.rows:
            groups.setdefault((data, model, measure, goal), []).append(value)
        for (data, model, measure, goal), values in groups.items():
            if len(values) > 1:
                self.add(data, model, "mean", measure, np.mean(values), goal)
                self.add(data, model, "std", measure, np.std(values, ddof=1))

    def write(self):
        """Write the rows as CSV."""
        if self.output is None:
            print("nothing written: --max-steps makes this a trial, and no --output was given")
            return
        self.output.parent.mkdir(parents=True, exist_ok=True)
        with self.output.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for *names, value, goal in self.rows:
                writer.writerow([*names, f"{value:.6g}", goal, self.machine])
        print(f"wrote {self.output}")
