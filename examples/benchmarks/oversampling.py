"""Classifiers after GenerativeOverSampler, SMOTE, random oversampling and none.

Three tables with a rare class: breast cancer, its malignant cells thinned to 25; pen digits, the 8
thinned to 40 among 1,000 rows; and California, the block groups at the cap of house values, about
5% of 1,000 rows, by the other columns, rows without blanks. The last needs the environment variable
SKGEN_DATA to name the folder with ``california_housing.csv``. Stratified folds; what is added is
learnt from the training part only, until both classes have as many rows. ``SMOTE`` and
``RandomOverSampler`` are imbalanced-learn's, at their defaults but for the seed, on standardised
columns, since distances need them; the model scales by itself.

Measured on the held-out part: balanced accuracy and average precision of logistic regression on
standardised columns, and of gradient-boosted trees. Goal: above SMOTE and random oversampling on
all tables, by one of the two.

    SKGEN_DATA=folder python examples/benchmarks/oversampling.py --folds 5 --seed 0 1 2
"""

from time import perf_counter

import numpy as np
from _common import Report, arguments, data_folder, described
from imblearn.over_sampling import SMOTE, RandomOverSampler
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgen import FlowMatcher, GenerativeOverSampler, VariationalDiffusionAE, VQDiffusionBridge
from skgen.datasets import fetch_california_housing, load_pen_digits

MODELS = {"flow": FlowMatcher, "vdae": VariationalDiffusionAE, "vq": VQDiffusionBridge}
N_ROWS = 1000


def thinned(X, rare, n_rare, n_rows, rng):
    """Return so many rows, so many of them rare, in random order."""
    places = [rng.permutation(np.flatnonzero(rare))[:n_rare]]
    places.append(rng.permutation(np.flatnonzero(~rare))[: n_rows - n_rare])
    places = rng.permutation(np.concatenate(places))
    return X[places], rare[places].astype(int)


def tables(seed):
    """Yield name, rows and whether they are rare of each table that is there."""
    rng = np.random.default_rng(seed)
    X, y = load_breast_cancer(return_X_y=True)
    yield "breast cancer", *thinned(X, y == 0, 25, 382, rng)
    X, y = load_pen_digits(return_X_y=True)
    yield "pen digits", *thinned(np.asarray(X, dtype=float), y == 8, 40, N_ROWS, rng)
    folder = data_folder("california")
    if folder is not None:
        rows = fetch_california_housing(data_home=folder, as_frame=True).data.dropna()
        rows = rows.to_numpy(dtype=float)[rng.permutation(len(rows))[:N_ROWS]]
        yield "california", rows[:, :-1], (rows[:, -1] >= 500_000).astype(int)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--model", nargs="+", choices=list(MODELS), default=["flow"])
    options = parser.parse_args()
    report = Report(__file__, options)
    classifiers = {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "trees": HistGradientBoostingClassifier(random_state=0),
    }
    for seed in options.seed:
        samplers = {
            f"GenerativeOverSampler({described(model)})": GenerativeOverSampler(
                model, random_state=seed
            )
            for model in (
                MODELS[kind](max_steps=options.max_steps, random_state=seed)
                for kind in options.model
            )
        }
        samplers |= {
            "SMOTE": SMOTE(random_state=seed),
            "RandomOverSampler": RandomOverSampler(random_state=seed),
            "none": None,
        }
        for data, X, y in tables(seed):
            folds = StratifiedKFold(options.folds, shuffle=True, random_state=seed)
            for fold, (train, test) in enumerate(folds.split(X, y)):
                scaler = StandardScaler().fit(X[train])
                X_train, X_test = scaler.transform(X[train]), scaler.transform(X[test])
                split = f"{seed}.{fold}"
                for name, sampler in samplers.items():
                    start = perf_counter()
                    more = (X_train, y[train])
                    if sampler is not None:
                        more = sampler.fit_resample(*more)
                    seconds = perf_counter() - start
                    report.add(data, name, split, "seconds of resampling", seconds)
                    for kind, classifier in classifiers.items():
                        rare = classifier.fit(*more).predict_proba(X_test)[:, 1]
                        accuracy = balanced_accuracy_score(y[test], rare > 0.5)
                        precision = average_precision_score(y[test], rare)
                        report.add(data, name, split, f"{kind}: balanced accuracy", accuracy)
                        report.add(data, name, split, f"{kind}: average precision", precision)
            # each takes minutes, and none of it should be lost
            report.write()
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
