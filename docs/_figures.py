"""The page of all measured figures, written before each build from the tables of docs/benchmarks.

The benchmark scripts write one figure a row: data, model, split, measure, value, goal, machine. A
reader wants one row a measure, with its mean and its spread over splits or seeds. Tables of other
columns are on pages of the notebook as they are, and left out here.
"""

from pathlib import Path

import pandas as pd

PAGE = """All figures
===========

What the scripts in ``examples/benchmarks/`` wrote, a section a script's table: the mean of each
measure over splits or seeds, and the standard deviation where there are several. The
:doc:`notebook </notebook/index>` says what they mean, what was to be reached, and what was tried.
"""
SECTION = """
{name}
{line}

Splits or seeds: {splits}. Machine: {machine}.

.. csv-table::
   :file: figures/{name}.csv
   :header-rows: 1
   :widths: 18 36 24 11 11
"""


def summarize(figures):
    """Return a frame with a row for each measure: its mean and spread over splits."""
    # Some scripts add rows with the mean and the deviation; they are taken anew here.
    figures = figures[~figures["split"].isin(["mean", "std", "median"])]
    by = figures.groupby(["data", "model", "measure"], sort=False)["value"]
    table = by.agg(["mean", "std"]).reset_index()
    for name in ("mean", "std"):
        table[name] = table[name].map(lambda value: "" if pd.isna(value) else f"{value:.4g}")
    return table.rename(columns={"std": "deviation"})


def write_figures(source, target):
    """Write the page, ``figures.rst``, and its tables into a folder."""
    folder = Path(target) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    page = PAGE
    for path in sorted(Path(source).glob("*.csv")):
        figures = pd.read_csv(path, dtype={"split": str})
        if "measure" not in figures:
            continue
        summarize(figures).to_csv(folder / path.name, index=False)
        splits = sorted(set(figures["split"].dropna()) - {"mean", "std", "median"})
        page += SECTION.format(
            name=path.stem,
            line="-" * len(path.stem),
            splits=", ".join(splits) or "none",
            machine="; and ".join(figures["machine"].unique()),
        )
    (Path(target) / "figures.rst").write_text(page, encoding="utf-8")
