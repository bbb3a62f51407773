"""One model of another library on a table of mixed columns; run by adult.py, in its environment.

    python rival_mixed.py MODEL TABLE.csv N_SAMPLES SEED SAMPLES.csv

Columns that do not hold numbers are categories; a gap in one is a category of its own, ``gap``, as
CTGAN and TVAE take none. The drawn rows are written likewise. It prints the seconds of fit and
sample on one thread, imports and start-up not among them.
"""

import sys

import pandas as pd
from rival_tables import RIVALS, seeded, timed

GAP = "gap"


def main():
    name, path, n, seed, found = sys.argv[1:]
    n, seed = int(n), int(seed)
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    categories = list(table.select_dtypes(exclude="number").columns)
    table[categories] = table[categories].fillna(GAP)
    seeded(seed)
    model = RIVALS[name](seed).model
    # Only the package ctgan must be told which columns are categories.
    told = [] if name == "TabularARGN" else [categories]
    _, _, fit_cpu = timed(model.fit, table, *told)
    drawn, _, sample_cpu = timed(model.sample, n)
    drawn[categories] = drawn[categories].astype(object).where(drawn[categories] != GAP)
    drawn.to_csv(found, index=False)
    print(fit_cpu, sample_cpu)


if __name__ == "__main__":
    main()
