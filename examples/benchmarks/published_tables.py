"""The published comparisons of table generators, by their protocol, beside their figures.

Each table is learnt from the train part of its published split, as many rows are drawn, and these
are judged by ``judge_published.py``, which names the measures, in an environment of its own below
``--environments``. Models are at their defaults behind a ``TableEncoder``, on one thread; as the
floor stand other real rows, a half of the train part judged against the other half. Figures of
TabSyn (ICLR 2024), TabDiff (ICLR 2025) and TabPC (2026) are as published; their seconds of fit are
of a GPU.

Tables: those with ``published/NAME_train.csv`` and ``published/NAME_test.csv`` in the folder that
the environment variable SKGEN_DATA names, and adult from ``adult.csv`` there. Columns of words are
categories, and of numbers those with at most ten values, as in the published settings.

    SKGEN_DATA=folder python examples/benchmarks/published_tables.py --environments FOLDER
    python examples/benchmarks/published_tables.py --table magic --model vq --seed 0
"""

import json
import os
import subprocess
import tempfile
import warnings
from pathlib import Path
from time import process_time

import pandas as pd
from _common import Report, arguments, data_folder
from rivals import THREADS, environment
from small_tables import MODELS

from skgen import TableEncoder, make_generative_pipeline
from skgen.datasets import fetch_adult

MOST_VALUES = 10
JUDGE = Path(__file__).with_name("judge_published.py").resolve()
TARGETS = {"magic": "class", "default": "default payment next month", "adult": "income"}
# TabPC, TabDiff, TabSyn; the best of them where one figure is known.
PUBLISHED = {
    "adult": {
        "detection": {"TabPC": 0.855, "TabDiff": 0.841, "TabSyn": 0.794},
        "beta-recall": {"TabPC": 0.500, "TabDiff": 0.526, "TabSyn": 0.480},
        "trend": {"best published": 0.9856},
        "seconds of fit": {"TabDiff": 11605},
    },
    "magic": {
        "detection": {"TabPC": 0.860, "TabDiff": 0.773, "TabSyn": 0.760},
        "beta-recall": {"TabPC": 0.505, "TabDiff": 0.480, "TabSyn": 0.478},
        "trend": {"best published": 0.9918},
    },
    "default": {
        "detection": {"TabPC": 0.262, "TabDiff": 0.591, "TabSyn": 0.402},
        "beta-recall": {"TabPC": 0.449, "TabDiff": 0.515, "TabSyn": 0.460},
        "trend": {"best published": 0.9726},
        "seconds of fit": {"TabDiff": 13899},
    },
}
GOALS = {
    ("adult", "detection"): ">= 0.9",
    ("magic", "detection"): ">= 0.9",
    ("default", "detection"): ">= 0.7",
}
GOALS |= {(name, "beta-recall"): "0.48 to 0.52" for name in TARGETS}
GOALS |= {(name, "nearer to train"): "0.49 to 0.52" for name in TARGETS}


def tables(names):
    """Yield name, train part and test part of each table that is there."""
    folder = data_folder("published tables")
    for name in names if folder is not None else []:
        if name == "adult":
            yield (
                name,
                *(fetch_adult(subset=part, data_home=folder).data for part in ("train", "test")),
            )
            continue
        paths = [folder / "published" / f"{name}_{part}.csv" for part in ("train", "test")]
        if all(path.is_file() for path in paths):
            yield name, *(pd.read_csv(path) for path in paths)


def kinds(train, target):
    """Return what the judge has to know of the columns."""
    words = set(train.select_dtypes(exclude="number").columns)
    few = {name for name in train if train[name].nunique() <= MOST_VALUES}
    return {"categories": [name for name in train if name in words | few], "target": target}


def judged(python, train, test, drawn, target):
    """Return the measures of drawn rows."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{part}.csv") for part in ("train", "test", "drawn")]
        for frame, path in zip((train, test, drawn), paths, strict=True):
            frame.to_csv(path, index=False)
        told = Path(folder, "kinds.json")
        told.write_text(json.dumps(kinds(train, target)))
        hidden = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        done = subprocess.run(
            [python, JUDGE, *paths, told],
            env={**hidden, **THREADS},
            capture_output=True,
            text=True,
            check=True,
        )
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """Learn, draw and judge."""
    parser = arguments(__doc__, seeds=range(3))
    parser.add_argument("--model", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--table", nargs="+", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--environments", type=Path, default=Path("environments"))
    options = parser.parse_args()
    report = Report(__file__, options)
    warnings.simplefilter("ignore")
    python = environment(options.environments / "judges", ["install sdmetrics xgboost"])
    for name, train, test in tables(options.table):
        target = TARGETS[name]
        for measure, figures in PUBLISHED[name].items():
            for theirs, value in figures.items():
                report.add(name, theirs, "published", measure, value)
        for seed in options.seed:
            halves = train.sample(frac=1, random_state=seed).reset_index(drop=True)
            half = len(halves) // 2
            found = judged(python, halves[:half], test, halves[half:], target)
            for measure, value in found.items():
                report.add(name, "other real rows", seed, measure, value)
            for key in options.model:
                model = MODELS[key](max_steps=options.max_steps, random_state=seed)
                start = process_time()
                pipe = make_generative_pipeline(TableEncoder(), model).fit(train)
                fitted = process_time()
                drawn = pipe.sample(len(train))
                drawing = process_time() - fitted
                for measure, value in judged(python, train, test, drawn, target).items():
                    report.add(name, key, seed, measure, value, GOALS.get((name, measure), ""))
                report.add(name, key, seed, "seconds of fit", fitted - start)
                report.add(name, key, seed, "rows drawn a second", len(train) / drawing)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
