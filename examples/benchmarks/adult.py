"""How well a classifier learns from a drawn table of mixed columns, on people of the US census.

Adult: 32,561 rows to learn from, 16,281 held out; integers, categories and gaps, the class of
income among the columns. ``make_generative_pipeline(TableEncoder(), model)`` with default models
draws as many rows as it has learnt from. ``HistGradientBoostingClassifier`` learns the income from
the drawn rows, and is tested on the held-out real ones; beside it, the same from the real rows.
Also the areas under the curve of two classifiers that tell 5,000 drawn rows from as many held-out
ones, encoded as numbers, with real rows of the training part as the floor; the mean total variation
between the columns of categories; the share of zeros among capital gains; and the share of
near-copies of 5,000 training rows (1% is chance). It needs the environment variable SKGEN_DATA to
name the folder with ``adult.csv``. Seconds are of the processor, on one thread.

With ``--rivals`` CTGAN and TVAE of the package ctgan and TabularARGN of mostlyai-engine learn from
the same rows at their defaults, each in a process and an environment of its own, which is made
below the folder ``--environments`` where it is not there.

    SKGEN_DATA=folder python examples/benchmarks/adult.py
    SKGEN_DATA=folder python examples/benchmarks/adult.py --rivals --environments FOLDER
"""

import os
import subprocess
import tempfile
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from _common import Report, arguments, data_folder, described
from rivals import THREADS, interpreter
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, roc_auc_score

from skgen import (
    BinaryLatentDiffusion,
    TableEncoder,
    VariationalDiffusionAE,
    VQDiffusionBridge,
    make_generative_pipeline,
)
from skgen.datasets import fetch_adult
from skgen.metrics import classifier_two_sample_aucs, near_copies

MODELS = {
    "vdae": VariationalDiffusionAE,
    "bld": BinaryLatentDiffusion,
    "vq": VQDiffusionBridge,
}
RIVALS = ["TabularARGN", "TVAE", "CTGAN"]
N_COMPARED = 5000


def learnt_from(table, test, seed):
    """Return accuracy and area under the curve, on real rows, of what was learnt from a table."""
    rich, rich_test = (rows["income"] == ">50K" for rows in (table, test))
    classifier = HistGradientBoostingClassifier(
        categorical_features="from_dtype", random_state=seed
    ).fit(table.drop(columns="income"), rich)
    share = classifier.predict_proba(test.drop(columns="income"))[:, 1]
    return accuracy_score(rich_test, share > 0.5), roc_auc_score(rich_test, share)


def total_variation(real, drawn):
    """Return the mean total variation between the columns of categories, gaps being one more."""
    names = real.select_dtypes("category").columns
    shares = [
        [rows[name].value_counts(normalize=True, dropna=False, sort=False) for name in names]
        for rows in (real, drawn)
    ]
    pairs = zip(*shares, strict=True)
    return np.mean([0.5 * a.sub(b, fill_value=0).abs().sum() for a, b in pairs])


def judge(report, name, seed, found, train, test):
    """Report all that is measured of one table, and how long it took to make."""
    drawn, fitted, sampled = found
    if drawn is not train:
        report.add("adult", name, seed, "seconds of fit", fitted)
        report.add("adult", name, seed, "seconds of drawing", sampled)
    accuracy, area = learnt_from(drawn, test, seed)
    report.add("adult", name, seed, "accuracy on real rows", accuracy)
    report.add("adult", name, seed, "auc on real rows", area)
    report.add("adult", name, seed, "total variation of categories", total_variation(train, drawn))
    report.add("adult", name, seed, "zeros of capital gain", np.mean(drawn["capital_gain"] == 0))
    encoder = TableEncoder().fit(pd.concat([train, test]))
    rows, held = (
        encoder.transform(table.sample(min(len(table), N_COMPARED), random_state=seed))
        for table in (drawn, test)
    )
    for kind, value in classifier_two_sample_aucs(held, rows, random_state=seed).items():
        report.add("adult", name, seed, f"auc of the {kind} classifier", value)
    if drawn is not train:
        learnt = encoder.transform(train.sample(min(len(train), N_COMPARED), random_state=seed + 1))
        report.add("adult", name, seed, "near-copies", near_copies(learnt, held, rows))


def drawn_by(pipe, train):
    """Return rows of one of our pipelines, and the seconds of fit and sample."""
    start = process_time()
    pipe.fit(train)
    fitted = process_time()
    drawn = pipe.sample(len(train))
    return drawn, fitted - start, process_time() - fitted


def drawn_by_rival(name, train, seed, environments):
    """Return rows of a rival, with the types of the training rows, and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "given.csv"), Path(folder, "found.csv")
        train.to_csv(given, index=False)
        script = Path(__file__).with_name("rival_mixed.py").resolve()
        done = subprocess.run(
            [
                interpreter(name, environments),
                script,
                name,
                given,
                str(len(train)),
                str(seed),
                found,
            ],
            env={**os.environ, **THREADS},
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        drawn = pd.read_csv(found, keep_default_na=False, na_values=[""])
    for column, dtype in train.dtypes.items():
        values = drawn[column]
        if dtype == "int64":
            drawn[column] = values.round().astype(dtype)
            continue
        # What is drawn for rare categories is none of them.
        values = values.where(values.isin(dtype.categories)).astype(dtype)
        drawn[column] = values if train[column].hasnans else values.fillna(train[column].mode()[0])
    return drawn, *map(float, done.stdout.split()[-2:])


def main():
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, help="training rows to use; all if not given")
    parser.add_argument("--model", nargs="*", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--max-one-hot", type=int, help="the encoder's setting, if not its default")
    parser.add_argument(
        "--rivals", nargs="*", choices=RIVALS, help="other libraries; without a name all of them"
    )
    parser.add_argument("--environments", type=Path, help="folder of the rivals' environments")
    options = parser.parse_args()
    if options.rivals is not None and options.environments is None:
        parser.error("--rivals needs --environments")
    folder = data_folder("adult")
    if folder is None:
        return
    report = Report(__file__, options)
    test = fetch_adult(subset="test", data_home=folder).data
    for seed in options.seed:
        train = fetch_adult(data_home=folder).data
        if options.rows is not None:
            train = train.sample(options.rows, random_state=seed)
        judge(report, f"{len(train)} real rows", seed, (train, 0.0, 0.0), train, test)
        for kind in options.model:
            model = MODELS[kind](max_steps=options.max_steps, random_state=seed)
            encoder = TableEncoder()
            if options.max_one_hot is not None:
                encoder.set_params(max_one_hot=options.max_one_hot)
            name = f"{encoder!r}, {described(model)}"
            found = drawn_by(make_generative_pipeline(encoder, model), train)
            judge(report, name, seed, found, train, test)
        for name in [] if options.rivals is None else options.rivals or RIVALS:
            found = drawn_by_rival(name, train, seed, options.environments.resolve())
            judge(report, name, seed, found, train, test)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
