"""The estimators at their defaults beside what a user would pick instead, on six tables.

Each table is cut 60/40 and each model learns from the 60%, in a process of its own with one thread,
then draws as many rows as were held out. All are judged by the same code: the larger area of
``classifier_two_sample_test``, the sliced Wasserstein distance of standardised rows, the share of
near-copies of training rows (1% is chance), and nats a held-out row where a model has a density. A
fit and a sample are timed on the wall and of the processor; only the latter compare on a machine
that is shared. Tables of more than 10,000 rows are cut down to as many first.

Tables: ``power plant`` and ``california`` (files in the folder that SKGEN_DATA names), ``cells``
(``sc_emt_a549.npz`` there), and scikit-learn's ``digits``, ``breast cancer`` and ``diabetes``.

Each rival has its own environment, made below the folder ``--environments`` at its first use and
kept there; one that cannot be installed or run, or takes more than ``--limit`` seconds of the
processor, gets a row that says so. Every row is written as it is found, in the place of an older
one of the same table, model and seed, so that single cells can be run again:

    SKGEN_DATA=folder python examples/benchmarks/rivals.py --environments FOLDER
    SKGEN_DATA=folder python examples/benchmarks/rivals.py --tables california --models FlowMatcher
    python examples/benchmarks/rivals.py --summary

The last one only writes the views side by side, and the goals, from the rows that are there.
"""

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import venv
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from _common import ROOT, arguments, data_folder, machine
from rival_tables import RIVALS
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skgen.datasets import fetch_california_housing, fetch_power_plant
from skgen.metrics import classifier_two_sample_test, near_copies, sliced_wasserstein

MOST_ROWS = 10_000
FOUR = [
    "VariationalDiffusionAE",
    "SchrodingerBridgeMatcher",
    "BinaryLatentDiffusion",
    "VQDiffusionBridge",
]
OURS = [*FOUR, "FlowMatcher"]
FLOOR = "real training rows"
NEURAL = ["NSF", "OT-CFM", "RealNVP", "CTGAN", "TVAE", "TabularARGN"]
THREADS = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1"
)
# What pip is asked for in each environment, after torch in the version that runs here.
PACKAGES = {
    "zuko": ["zuko"],
    # Its requirements bring torchvision and much else that its flows never import.
    "torchcfm": ["pot", "--no-deps torchcfm"],
    "probaforms": ["probaforms"],
    "ctgan": ["ctgan"],
    "ForestDiffusion": ["ForestDiffusion"],
    "mostlyai": ["mostlyai-engine"],
}
ENVIRONMENT = {
    "NSF": "zuko",
    "OT-CFM": "torchcfm",
    "RealNVP": "probaforms",
    "CTGAN": "ctgan",
    "TVAE": "ctgan",
    "ForestDiffusion": "ForestDiffusion",
    "ForestDiffusion K=10": "ForestDiffusion",
    "TabularARGN": "mostlyai",
}
FIELDS = {
    "fit cpu": "fit, CPU s",
    "fit wall": "fit, s",
    "sample cpu": "sample, CPU s",
    "sample wall": "sample, s",
}
COLUMNS = (
    "table",
    "model",
    "seed",
    "area",
    "sliced Wasserstein",
    "near-copies",
    "nats a row",
    *FIELDS.values(),
    "version",
    "note",
    "machine",
)
GOALS = (
    "table",
    "rivals tried",
    "best of ours",
    "best rival",
    "lowest area",
    "its time",
    "none worse than TVAE",
)


def read_cells(folder):
    """Return ten coordinates of cells at four times."""
    with np.load(folder / "sc_emt_a549.npz") as data:
        return data["x10"].astype(float)


# Each takes the data folder; three do without.
TABLES = {
    "power plant": lambda folder: fetch_power_plant(data_home=folder).data,
    "california": lambda folder: (
        fetch_california_housing(data_home=folder, as_frame=True).data.dropna().to_numpy()
    ),
    "cells": read_cells,
    "digits": lambda _: load_digits().data,
    "breast cancer": lambda _: load_breast_cancer().data,
    "diabetes": lambda _: load_diabetes(scaled=False).data,
}
# One unit in all columns: pixels that are hardly ever lit are not to be magnified.
IMAGES = {"digits"}
FROM_FOLDER = {"power plant", "california", "cells"}


def split(table, folder, seed):
    """Return training and held-out rows of a table."""
    X = TABLES[table](folder)
    if len(X) > MOST_ROWS:
        X = X[np.random.default_rng(seed).choice(len(X), MOST_ROWS, replace=False)]
    return train_test_split(X, test_size=0.4, random_state=seed)


class CannotRun(Exception):
    """A model gave no rows; the message says why."""


def last_line(text):
    """Return the last line of a program's complaint, cut to a cell of a table."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else "no message"


def interpreter(name, environments):
    """Return the Python that runs a model; make its environment where there is none."""
    if name not in ENVIRONMENT:
        return sys.executable
    own = torch.__version__.partition("+")[0]
    return environment(
        environments / ENVIRONMENT[name],
        [
            f"install --no-compile torch=={own}",
            *(f"install --no-compile {packages}" for packages in PACKAGES[ENVIRONMENT[name]]),
            # Built for another torch, they break what would do without them.
            "uninstall --yes torchvision torchaudio",
        ],
    )


def environment(folder, commands):
    """Return the Python of an environment; make it by commands of pip where there is none."""
    python, installed = folder / "bin" / "python", folder / "installed"
    if not installed.is_file():
        print(f"making {folder}", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        for command in commands:
            pip = [python, "-m", "pip", "--quiet", *command.split()]
            done = subprocess.run(pip, capture_output=True, text=True)
            if done.returncode:
                raise CannotRun(f"not installed: {last_line(done.stderr)}")
        installed.touch()
    return python


def run(name, X, X_test, seed, options):
    """Let a model learn and draw in a process of its own; return rows and measures."""
    python = interpreter(name, options.environments)
    ours = {**os.environ, "PYTHONPATH": str(ROOT)}
    theirs = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def limited():
        resource.setrlimit(resource.RLIMIT_CPU, (options.limit, options.limit + 5))

    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "given.npz")
        max_steps = options.max_steps or 0
        np.savez(given, X=X, X_test=X_test, n_samples=len(X_test), seed=seed, max_steps=max_steps)
        done = subprocess.run(
            [python, Path(__file__).with_name("rival_tables.py").resolve(), name, given, folder],
            env={**(theirs if name in ENVIRONMENT else ours), **THREADS},
            cwd=folder,
            capture_output=True,
            text=True,
            preexec_fn=limited,
        )
        found = Path(folder, "measures.json")
        if done.returncode == -signal.SIGXCPU:
            raise CannotRun(f"stopped after {options.limit} s of the processor")
        if done.returncode < 0:
            raise CannotRun(f"stopped by signal {-done.returncode}")
        if done.returncode:
            raise CannotRun(last_line(done.stderr))
        with np.load(Path(folder, "samples.npz")) as data:
            return data["samples"], json.loads(found.read_text())


def judged(table, X, X_test, X_new):
    """Return the measures that every model is judged by."""
    scaler = StandardScaler().fit(X)
    scaled = scaler.transform(X_test), scaler.transform(X_new)
    return {
        "area": classifier_two_sample_test(X_test, X_new, random_state=0),
        "sliced Wasserstein": sliced_wasserstein(*scaled, random_state=0),
        "near-copies": near_copies(X, X_test, X_new, standardize=table not in IMAGES),
    }


def cell(table, name, seed, options, folder):
    """Return the row of one model on one table."""
    row = {"table": table, "model": name, "seed": seed, "machine": machine()}
    X, X_test = split(table, folder, seed)
    if name == FLOOR:
        rows = X[np.random.default_rng(seed).permutation(len(X))[: len(X_test)]]
        return {**row, **judged(table, X, X_test, rows), "near-copies": ""}
    try:
        X_new, measures = run(name, X, X_test, seed, options)
        if not np.isfinite(X_new).all():
            raise CannotRun(f"{np.mean(~np.isfinite(X_new)):.1%} of the drawn values are NaN")
    except CannotRun as reason:
        return {**row, "note": str(reason)}
    row |= {column: measures[field] for field, column in FIELDS.items()}
    row |= {"version": measures["version"], "nats a row": measures["nats"]}
    row["note"] = ", ".join(f"{k}={v:.3g}" for k, v in measures["chosen"].items())
    return row | judged(table, X, X_test, X_new)


def text(value):
    """Return a figure as it stands in a table."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def key(row):
    """Return what tells the rows of the results apart, in the order of the page."""
    models = [FLOOR, *OURS, *RIVALS]
    return list(TABLES).index(row["table"]), models.index(row["model"]), int(row["seed"])


def read(path):
    """Return the rows of earlier runs."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path, columns, rows):
    """Write rows as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def mean(rows, table, model, column):
    """Return the mean of a column over seeds; None where there is no figure."""
    values = [
        float(row[column])
        for row in rows
        if row["table"] == table and row["model"] == model and row[column]
    ]
    return np.mean(values) if values else None


def standing(rows, table):
    """Return how a table stands to the goals, in words."""
    areas = {name: mean(rows, table, name, "area") for name in [*OURS, *RIVALS]}
    areas = {name: area for name, area in areas.items() if area is not None}
    ours = {name: areas[name] for name in FOUR if name in areas}
    rivals = {name: areas[name] for name in RIVALS if name in areas}
    if not ours or not rivals:
        return None
    best, rival = min(ours, key=ours.get), min(rivals, key=rivals.get)
    tried = {row["model"] for row in rows if row["table"] == table} & set(RIVALS)
    row = {
        "table": table,
        "rivals tried": f"{len(tried)} of {len(RIVALS)}",
        "best of ours": f"{best} {ours[best]:.3f}",
        "best rival": f"{rival} {rivals[rival]:.3f}",
    }
    # Rivals that are still to come may change this.
    met = "met" if len(tried) == len(RIVALS) else "met so far"
    above = ours[best] - rivals[rival]
    row["lowest area"] = met if above <= 0 else f"missed by {above:.3f}"
    seconds = {
        name: mean(rows, table, name, "fit, CPU s")
        for name in NEURAL
        if name in areas and areas[name] <= ours[best] + 0.05
    }
    spent = mean(rows, table, best, "fit, CPU s")
    if seconds:
        quick = min(seconds, key=seconds.get)
        told = f"{spent:.0f} s against {seconds[quick]:.0f} of {quick}"
        row["its time"] = f"{met if spent <= seconds[quick] else 'missed'}: {told}"
    else:
        row["its time"] = f"{met}: {spent:.0f} s, no neural rival within .05"
    worst = max(ours, key=ours.get)
    if "TVAE" in areas:
        beyond = ours[worst] - areas["TVAE"]
        told = f"{worst} {ours[worst]:.3f} against {areas['TVAE']:.3f}"
        row["none worse than TVAE"] = f"{met if beyond <= 0 else 'missed'}: {told}"
    return row


def area_and_seconds(figure):
    """Return an area with the seconds of the fit, where there was one."""
    seconds = figure("fit, CPU s")
    return f"{figure('area'):.3f}" + ("" if seconds is None else f" ({seconds:.0f})")


def distance_and_copies(figure):
    """Return a distance with the share of near-copies, where it has a meaning."""
    copies = figure("near-copies")
    return f"{figure('sliced Wasserstein'):.3f}" + ("" if copies is None else f" ({copies:.1%})")


def nats(figure):
    """Return a log-likelihood."""
    value = figure("nats a row")
    return "" if value is None else f"{value:.2f}"


VIEWS = {"areas": area_and_seconds, "distances": distance_and_copies, "nats": nats}


def beside(rows, view):
    """Return a view of the results with a line a model and a column a table."""
    lines = []
    for name in [FLOOR, *OURS, *RIVALS]:
        line = {"model": name}
        for table in TABLES:
            if mean(rows, table, name, "area") is not None:
                line[table] = view(partial(mean, rows, table, name))
            elif any(row["table"] == table and row["model"] == name for row in rows):
                line[table] = "none"
        if any(line.get(table) for table in TABLES):
            lines.append(line)
    return lines


def summarize(path):
    """Write the results side by side, and how they stand to the goals."""
    rows = read(path)
    for name, view in VIEWS.items():
        write(path.with_name(f"{path.stem}_{name}.csv"), ["model", *TABLES], beside(rows, view))
    goals = [row for table in TABLES if (row := standing(rows, table))]
    write(path.with_name(f"{path.stem}_goals.csv"), GOALS, goals)
    for row in [*beside(rows, area_and_seconds), *goals]:
        print(*row.values(), sep="; ")


def main():
    parser = arguments(__doc__)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), help="names of tables")
    parser.add_argument(
        "--models", nargs="+", choices=[FLOOR, *OURS, *RIVALS], help="all, without it"
    )
    parser.add_argument("--environments", type=Path, help="folder of the rivals' environments")
    parser.add_argument("--limit", type=int, default=600, help="CPU seconds a model may take")
    parser.add_argument("--summary", action="store_true", help="run nothing")
    options = parser.parse_args()
    if options.environments is not None:
        options.environments = options.environments.resolve()
    if options.output is None and options.max_steps is not None:
        parser.error("--max-steps makes a trial: give the file for its rows by --output")
    path = options.output or ROOT / "docs" / "benchmarks" / "rivals.csv"
    tables = [name.replace("_", " ") for name in options.tables]
    if unknown := set(tables) - set(TABLES):
        parser.error(f"no table {', '.join(unknown)}; there are {', '.join(TABLES)}")
    folder = None
    if FROM_FOLDER & set(tables) and not options.summary:
        folder = data_folder(", ".join(sorted(FROM_FOLDER)))
        tables = [name for name in tables if folder or name not in FROM_FOLDER]
    models = [] if options.summary else options.models or [FLOOR, *OURS, *RIVALS]
    if options.environments is None and (left_out := ENVIRONMENT.keys() & set(models)):
        print(f"without --environments there is no {', '.join(sorted(left_out))}")
        models = [name for name in models if name not in left_out]
    for table, name, seed in product(tables, models, options.seed):
        row = cell(table, name, seed, options, folder)
        row = {column: text(value) for column, value in row.items()}
        kept = [other for other in read(path) if key(other) != key(row)]
        write(path, COLUMNS, sorted([*kept, row], key=key))
        print(*[row.get(column, "") for column in COLUMNS[:-1]], sep="; ", flush=True)
    summarize(path)


if __name__ == "__main__":
    main()
