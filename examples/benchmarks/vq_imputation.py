"""Missing entries of a table: VQDiffusionBridge beside scikit-learn's imputers.

Power plant: hourly averages, 9,568 rows of 5 columns, 60/40 split by the seed; it needs the
environment variable SKGEN_DATA to name the folder with ``power_plant_ccpp.csv``. All learn from
the complete training part. Of the held-out rows each entry is missing with probability 0.2.

Measured: the root mean squared error of the missing entries in standard deviations of their
column, for ours of the mean of 20 draws; and the larger area under the curve of two
classifiers that tell completed rows that had something missing, for ours one draw of each,
from training rows (0.5 is none; the same rows before anything was missing are the floor). Goals:
the error below both imputers', the area nearer to 0.5.

    SKGEN_DATA=folder python examples/benchmarks/vq_imputation.py
"""

import numpy as np
from _common import Report, arguments, data_folder, described, seconds_of_fit
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.model_selection import train_test_split

from skgen import VQDiffusionBridge
from skgen.datasets import fetch_power_plant
from skgen.metrics import classifier_two_sample_test

MISSING = 0.2
N_DRAWS = 20


def main():
    options = arguments(__doc__, seeds=(0, 1)).parse_args()
    report = Report(__file__, options)
    folder = data_folder("power plant")
    if folder is None:
        return
    X = np.asarray(fetch_power_plant(data_home=folder).data, dtype=float)
    for seed in options.seed:
        X_train, X_test = train_test_split(X, test_size=0.4, random_state=seed)
        hole = np.random.default_rng(seed).random(X_test.shape) < MISSING
        X_hole = np.where(hole, np.nan, X_test)
        scale = X_train.std(0)
        model = VQDiffusionBridge(max_steps=options.max_steps, random_state=seed)
        name = described(model)
        report.add("power plant", name, seed, "seconds of fit", seconds_of_fit(model, X_train))
        draws = np.stack(model.impute(X_hole, n_draws=N_DRAWS))
        # What is guessed best, and what should look real.
        answers = {name: (draws.mean(0), draws[0]), "nothing missing": (X_test, X_test)}
        for imputer in (IterativeImputer(random_state=0), KNNImputer()):
            completed = imputer.fit(X_train).transform(X_hole)
            answers[type(imputer).__name__] = completed, completed
        for name, (guess, drawn) in answers.items():
            error = ((guess - X_test) / scale)[hole]
            report.add("power plant", name, seed, "error of missing", np.sqrt(np.mean(error**2)))
            # Rows that had nothing missing are the same for all.
            area = classifier_two_sample_test(X_train, drawn[hole.any(1)], random_state=0)
            report.add("power plant", name, seed, "area, completed against real", area)
        # each takes minutes, and none of it should be lost
        report.write()
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
