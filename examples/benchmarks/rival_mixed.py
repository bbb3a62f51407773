"""One model of another library on a table of mixed columns; run by adult.py, in its environment.

    python rival_mixed.py MODEL TABLE.csv N_SAMPLES SEED SAMPLES.csv

Columns that do not hold numbers are categories; a gap in one is a category of its own, ``gap``, as
CTGAN and TVAE take none. The drawn rows are written likewise. It prints the seconds of fit and
sample on one thread, imports and start-up not among them.
"""

import sys

import pandas as pd
from rival_tables import seeded, timed
from sklearn.utils import Bunch

GAP = "gap"


def synthesizer(name, seed, categories):
    """Return fit and sample of CTGAN or TVAE of the package ctgan."""
    import ctgan

    model = getattr(ctgan, name)()
    model.set_random_state(seed)
    return Bunch(fit=lambda table: model.fit(table, categories), sample=model.sample)


def autoregressive(seed):
    """Return fit and sample of TabularARGN of mostlyai-engine."""
    from mostlyai.engine import TabularARGN

    model = TabularARGN(random_state=seed)
    return Bunch(fit=model.fit, sample=lambda n: model.sample(n_samples=n))


def main():
    name, path, n, seed, found = sys.argv[1:]
    n, seed = int(n), int(seed)
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    categories = list(table.select_dtypes(exclude="number").columns)
    table[categories] = table[categories].fillna(GAP)
    seeded(seed)
    if name == "TabularARGN":
        model = autoregressive(seed)
    else:
        model = synthesizer(name, seed, categories)
    _, _, fit_cpu = timed(model.fit, table)
    drawn, _, sample_cpu = timed(model.sample, n)
    drawn[categories] = drawn[categories].astype(object).where(drawn[categories] != GAP)
    drawn.to_csv(found, index=False)
    print(fit_cpu, sample_cpu)


if __name__ == "__main__":
    main()
