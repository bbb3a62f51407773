"""What ``guidance_scale`` does to the rows of a class: means, spread, and the class that is read.

Iris and wine under their labels, and 1,000 pen digits. Each model draws 150 rows of every class at
each scale, 60 of every digit.

Measured, in means over the classes: how far the means of the columns are from those of the real
rows of the class, root mean square in standard deviations of the class; the standard deviations of
the drawn columns, divided by those of the real ones; and the share of rows that a random forest,
learnt from the real rows, reads as asked. Of iris also the mean length of the petals of virginica,
5.55 in the real rows.

    python examples/benchmarks/guidance.py --seed 0 1 2
"""

import numpy as np
from _common import Report, arguments
from sklearn.datasets import load_iris, load_wine
from sklearn.ensemble import RandomForestClassifier

from skgen import BinaryLatentDiffusion, FlowMatcher, VariationalDiffusionAE, VQDiffusionBridge
from skgen.datasets import load_pen_digits

SCALES = (0.0, 0.5, 1.0, 2.0)
PETAL_LENGTH, VIRGINICA = 2, 2
N_DIGITS = 1000
MODELS = {
    "flow": FlowMatcher,
    "vdae": VariationalDiffusionAE,
    "bits": BinaryLatentDiffusion,
    "vq": VQDiffusionBridge,
}


def tables():
    """Return rows and labels of each table, by name."""
    X, y = load_pen_digits(return_X_y=True)
    return {
        "iris": load_iris(return_X_y=True),
        "wine": load_wine(return_X_y=True),
        "pen digits": (X[:N_DIGITS].astype(float), y[:N_DIGITS]),
    }


def measured(X, y, drawn, forest):
    """Return the measures of rows that were drawn of each class."""
    shifts, spreads, asked = [], [], []
    for label, rows in drawn.items():
        real = X[y == label]
        varying = real.std(0) > 0
        real, rows_there = real[:, varying], rows[:, varying]
        shift = (rows_there.mean(0) - real.mean(0)) / real.std(0)
        shifts.append(np.sqrt(np.mean(shift**2)))
        spreads.append(np.mean(rows_there.std(0) / real.std(0)))
        asked.append(np.mean(forest.predict(rows) == label))
    return {
        "shift of means": np.mean(shifts),
        "spread": np.mean(spreads),
        "read as asked": np.mean(asked),
    }


def main():
    data = tables()
    parser = arguments(__doc__)
    parser.add_argument("--data", nargs="+", choices=list(data), default=list(data))
    parser.add_argument("--model", nargs="+", choices=list(MODELS), default=list(MODELS))
    options = parser.parse_args()
    report = Report(__file__, options)
    for name in options.data:
        X, y = data[name]
        n_rows = 60 if name == "pen digits" else 150
        forest = RandomForestClassifier(200, random_state=0).fit(X, y)
        for kind in options.model:
            for seed in options.seed:
                model = MODELS[kind](max_steps=options.max_steps, random_state=seed)
                model.fit(X, condition=y)
                for scale in SCALES:
                    drawn = {
                        label: model.sample(n_rows, condition=label, guidance_scale=scale)
                        for label in np.unique(y)
                    }
                    said = f"{kind}, guidance_scale={scale}"
                    for measure, value in measured(X, y, drawn, forest).items():
                        report.add(name, said, seed, measure, value)
                    if name == "iris":
                        length = drawn[VIRGINICA][:, PETAL_LENGTH].mean()
                        report.add(name, said, seed, "petal of virginica", length)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
