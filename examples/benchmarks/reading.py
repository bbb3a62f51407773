"""How long a large CSV takes to be read, judged and encoded, and how much memory.

1,000,000 rows of 30 columns: ten of numbers with two to four decimals, one of them with gaps, six
of whole numbers, eight of 2 to 142 words, four of dates or moments, true and false. The file is
written first, to a folder for such things, and removed. Seconds of the processor; the peak is of
all that the process had in memory up to then.

Then `TableEncoder.transform` against pandas, in turns: each column converted to float64, of words
to the codes of their category, by ``astype``; and the same put into one matrix of float64 of as
many columns as that of `transform`, each code in all columns of its digits. The least of three.

Goals: 30 seconds and 2 GB to read the file and to say what each column is; `transform` within twice
of pandas.

    python examples/benchmarks/reading.py

``--in-memory`` compares `transform` with pandas only, on rows that no file has held.
"""

import argparse
import os
import resource
import sys
import tempfile
import time

import numpy as np
import pandas as pd
from _common import machine

from skgen import TableEncoder
from skgen.table_files import open_table
from skgen.tables.identifiers import identifying

# Rows that are written at a time.
PART = 100_000


def columns(n, rng):
    """Draw rows."""
    numbers = {f"number {j}": rng.normal(size=n).round(2 + j % 3) for j in range(10)}
    whole = {f"whole {j}": rng.integers(0, 10 ** (j + 1), n) for j in range(6)}
    words = {f"word {j}": rng.choice([f"word{k}" for k in range(2 + 20 * j)], n) for j in range(8)}
    days = {
        f"day {j}": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1500, n), "D")
        for j in range(3)
    }
    frame = pd.DataFrame({**numbers, **whole, **words, **days})
    frame["moment"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 10**8, n), "s")
    frame["gaps"] = np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n).round(3))
    return frame.assign(truth=rng.random(n) < 0.5)


def peak():
    """Return the most memory that the process had, in GB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1e9 if sys.platform == "darwin" else 1e6)


def converted(table):
    """Convert each column to numbers by pandas alone."""
    numbers = []
    for name in table:
        column = table[name]
        if column.dtype.kind in "mM":
            column = column.astype("int64").astype("float64")
        elif column.dtype.kind in "iufb":
            column = column.astype("float64")
        else:
            column = column.astype("category").cat.codes
        numbers.append(column.to_numpy())
    return numbers


def matrix(table, widths):
    """Put columns that pandas converted into a matrix, each as often as its codes take columns."""
    ends = np.cumsum([0, *widths])
    Z = np.empty((len(table), ends[-1]))
    for numbers, first, last in zip(converted(table), ends, ends[1:], strict=False):
        Z[:, first:last] = numbers[:, None]
    return Z


def compare(encoder, table):
    """Print how long transform takes, and the same work by pandas."""
    names = encoder.get_feature_names_out().tolist()
    # Of "word 1": "word 1", "word 1_bit0", "word 1_missing".
    widths = [sum(n == c or n.startswith(f"{c}_") for n in names) for c in table]
    assert sum(widths) == len(names)
    ways = {
        "transform": encoder.transform,
        "pandas, each column": converted,
        "pandas, a matrix of as many columns": lambda table: matrix(table, widths),
    }
    seconds = {what: [] for what in ways}
    for _ in range(3):
        for what, way in ways.items():
            start = time.process_time()
            result = way(table)
            seconds[what].append(time.process_time() - start)
            del result
    least = {what: min(times) for what, times in seconds.items()}
    for what, time_ in least.items():
        ratio = least["transform"] / time_
        print(f"{what:<44} {time_:6.2f} s, transform over it {ratio:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the file")
    parser.add_argument("--in-memory", action="store_true", help="compare transform with pandas")
    options = parser.parse_args()
    print(f"reading: {machine()}")
    rng = np.random.default_rng(0)
    if options.in_memory:
        table = columns(options.rows, rng)
        compare(TableEncoder(constraints=None).fit(table), table)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "large.csv")
        for start in range(0, options.rows, PART):
            part = columns(min(PART, options.rows - start), rng)
            part.to_csv(path, index=False, header=start == 0, mode="a")
        print(f"{options.rows} rows, {os.path.getsize(path) / 1e6:.0f} MB")
        start = time.process_time()

        def say(what):
            nonlocal start
            now = time.process_time()
            print(f"{what:<44} {now - start:6.1f} s, peak {peak():.2f} GB", flush=True)
            start = now

        file = open_table(path)
        say("read")
        table = file.table
        _ = file.summary
        for name in table:
            identifying(table[name], name)
        say("what each column is, and whether it names")
    encoder = TableEncoder().fit(table)
    say("TableEncoder.fit, with rules looked for")
    Z = encoder.transform(table)
    say(f"transform, to {Z.shape[1]} columns")
    encoder.inverse_transform(Z)
    say("inverse_transform")
    del Z
    compare(encoder, table)


if __name__ == "__main__":
    main()
