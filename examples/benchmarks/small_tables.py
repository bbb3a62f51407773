"""Small tables of mixed columns: is a part of the data lost, for any of twenty seeds?

Six tables of 150 to 1,000 rows: iris, wine and breast cancer with their label, diabetes with the
sex as a category, penguins with three categories and gaps, and 1,000 people of the US census with
nine. Each model at its defaults, behind a ``TableEncoder``, learns all rows of a table and draws
1,000. Of these,

- the largest error of the share of a category with 5% of the real rows or more, and how far it is
  beyond what is allowed: four binomial standard errors of 1,000 draws and 3 points;
- the number of such categories that no drawn row has;
- the share of rows whose label is what a random forest, learnt from the real rows, says of the
  rest of the row, less the same share among held-out real rows (ten folds, mean of three).

Beside these, two columns on a straight line, of a correlation of .998, in 150, 400 and 1,500 rows;
a class of 1, 2 or 3 rows among 200, far from the others, for ``GenerativeOverSampler``, with the
share of its new rows that are nearer to it than to the other class; and a label of 3 rows in 200
as the condition of the model.

Penguins come with the package palmerpenguins, people from the folder that the environment variable
SKGEN_DATA names; without either the table is left out. Seconds are of the processor.

    SKGEN_DATA=folder python examples/benchmarks/small_tables.py
    python examples/benchmarks/small_tables.py --table iris --model vq --seed 0 1 2
"""

import warnings
from time import process_time

import numpy as np
import pandas as pd
from _common import Report, arguments, data_folder
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score

from skgen import (
    BinaryLatentDiffusion,
    FlowMatcher,
    GenerativeOverSampler,
    SchrodingerBridgeMatcher,
    TableEncoder,
    VariationalDiffusionAE,
    VQDiffusionBridge,
    make_generative_pipeline,
)

MODELS = {
    "vq": VQDiffusionBridge,
    "vdae": VariationalDiffusionAE,
    "flow": FlowMatcher,
    "bridge": SchrodingerBridgeMatcher,
    "bits": BinaryLatentDiffusion,
}
N_DRAWN = 1000
LEAST_SHARE = 0.05


def labelled(load, name):
    data = load(as_frame=True)
    labels = pd.Series(data.target_names[data.target], dtype="category")
    return data.data.assign(**{name: labels.to_numpy()}).astype({name: "category"}), name


def diabetes():
    frame = load_diabetes(as_frame=True, scaled=False).frame
    sex = frame["sex"].map({1.0: "a", 2.0: "b"}).astype("category")
    return frame.assign(sex=sex), "sex"


def penguins():
    try:
        from palmerpenguins import load_penguins
    except ImportError:
        print("penguins: left out, since the package palmerpenguins is not installed")
        return None
    frame = load_penguins()
    return frame.astype(dict.fromkeys(["species", "island", "sex"], "category")), "species"


def people():
    if data_folder("people") is None:
        return None
    from skgen.datasets import fetch_adult

    frame = fetch_adult(subset="train").data.sample(1000, random_state=0)
    return frame.reset_index(drop=True), "income"


TABLES = {
    "iris": lambda: labelled(load_iris, "species"),
    "wine": lambda: labelled(load_wine, "cultivar"),
    "breast cancer": lambda: labelled(load_breast_cancer, "diagnosis"),
    "diabetes": diabetes,
    "penguins": penguins,
    "people": people,
}


def features(frame, label, like):
    """Return the columns but the label as numbers, categories one-hot, gaps as a number apart."""
    rows = frame.drop(columns=label)
    words = [c for c in rows if not pd.api.types.is_numeric_dtype(rows[c])]
    numbers = rows.drop(columns=words).astype(float).fillna(-1e3)
    marks = [
        (rows[c].astype(object) == value).rename(f"{c}={value}")
        for c in words
        for value in like[c].cat.categories
    ]
    return pd.concat([numbers, *marks], axis=1).to_numpy(float)


def judge(report, name, model, seed, table, label, drawn, seconds, forest, held_out):
    beyond, error, missing = -np.inf, 0.0, 0
    for column in table.select_dtypes("category"):
        shares = table[column].value_counts(normalize=True)
        found = drawn[column].value_counts(normalize=True)
        for value, share in shares[shares >= LEAST_SHARE].items():
            gap = abs(found.get(value, 0.0) - share)
            allowed = 4 * np.sqrt(share * (1 - share) / N_DRAWN) + 0.03
            error, beyond = max(error, gap), max(beyond, gap - allowed)
            missing += value not in found or found[value] == 0
    known = drawn[label].notna()
    agreed = forest.predict(features(drawn[known], label, table)) == drawn[label][known].to_numpy()
    report.add(name, model, seed, "largest error of a share", error)
    report.add(name, model, seed, "beyond what is allowed", beyond, "<= 0")
    report.add(name, model, seed, "categories missing", missing, "0")
    report.add(name, model, seed, "agreement less held-out", agreed.mean() - held_out, ">= -.07")
    report.add(name, model, seed, "seconds", seconds)


def tables(report, options):
    for name in options.table:
        found = TABLES[name]() if name in TABLES else None
        if found is None:
            continue
        table, label = found
        known = table[label].notna()
        X, y = features(table[known], label, table), table[label][known].to_numpy()
        forest = RandomForestClassifier(random_state=0).fit(X, y)
        held_out = np.mean(
            [
                cross_val_score(
                    RandomForestClassifier(random_state=repeat),
                    X,
                    y,
                    cv=StratifiedKFold(10, shuffle=True, random_state=repeat),
                ).mean()
                for repeat in range(3)
            ]
        )
        report.add(name, "held-out rows", "", "agreement of a random forest", held_out)
        for model in options.model:
            for seed in options.seed:
                start = process_time()
                one = MODELS[model](max_steps=options.max_steps, random_state=seed)
                pipe = make_generative_pipeline(TableEncoder(), one).fit(table)
                drawn = pipe.sample(N_DRAWN)
                seconds = process_time() - start
                judge(report, name, model, seed, table, label, drawn, seconds, forest, held_out)


def line(report, options):
    for n in (150, 400, 1500):
        for model in options.model:
            for seed in options.seed:
                rng = np.random.default_rng(seed)
                x = rng.normal(size=n).round(3)
                y = 2 * x + 0.126 * rng.normal(size=n).round(3)
                frame = pd.DataFrame({"x": x, "y": y})
                one = MODELS[model](max_steps=options.max_steps, random_state=seed)
                drawn = make_generative_pipeline(TableEncoder(), one).fit(frame).sample(N_DRAWN)
                r, real = drawn.corr().iloc[0, 1], frame.corr().iloc[0, 1]
                report.add(f"line, {n} rows", model, seed, "correlation", r, ".993 to 1.003")
                report.add(f"line, {n} rows", model, seed, "less that of the rows", r - real)


def rare(report, options):
    for few in (1, 2, 3):
        for model in options.model:
            for seed in options.seed:
                rng = np.random.default_rng(seed)
                X = np.r_[rng.normal(size=(200, 3)), 6 + 0.5 * rng.normal(size=(few, 3))]
                y = np.repeat([0, 1], [200, few])
                one = MODELS[model](max_steps=options.max_steps, random_state=seed)
                with warnings.catch_warnings(record=True) as told:
                    warnings.simplefilter("always")
                    X_more, _ = GenerativeOverSampler(one).fit_resample(X, y)
                new = X_more[len(X) :]
                own = np.mean(np.linalg.norm(new - 6, axis=1) < np.linalg.norm(new, axis=1))
                name = f"class of {few}"
                report.add(name, model, seed, "new rows near their class", own, ">= .8")
                report.add(name, model, seed, "warnings", len(told))
                if few == 3:
                    with warnings.catch_warnings(record=True) as told:
                        warnings.simplefilter("always")
                        one.fit(X, condition=np.array(["usual", "rare"])[y])
                    new = one.sample(200, condition="rare")
                    own = np.mean(np.linalg.norm(new - 6, axis=1) < np.linalg.norm(new, axis=1))
                    report.add("rare label", model, seed, "rows near it", own, ">= .8")
                    report.add("rare label", model, seed, "warnings", len(told))


def main():
    """Run the parts that are asked for."""
    parser = arguments(__doc__, seeds=range(20))
    parser.add_argument("--model", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--table", nargs="*", default=[*TABLES, "line", "rare"])
    options = parser.parse_args()
    report = Report(__file__, options)
    warnings.simplefilter("ignore")
    tables(report, options)
    if "line" in options.table:
        line(report, options)
    if "rare" in options.table:
        rare(report, options)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
