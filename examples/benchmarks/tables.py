"""How well two classifiers tell samples of VariationalDiffusionAE from held-out rows of tables.

Two moons (4,000 rows, noise 0.08, and as many held-out ones), hourly averages of a power plant
(9,568 rows of 5 columns, 60/40 split) and block groups of California (20,433 rows of 9 columns
without blanks, 60/40 split); the last two need the environment variable SKGEN_DATA to name the
folder with ``power_plant_ccpp.csv`` and ``california_housing.csv``. As many samples as held-out
rows. Areas under the curve by classifier and the larger of the two, which is what
``classifier_two_sample_test`` returns; beside it, as the floor, real rows of the training part in
the place of samples. Also the share of near-copies of training rows (1% is chance) and the time.

Goals: an area of at most 0.60 on the two moons and 0.70 on the power plant.

    SKGEN_DATA=folder python examples/benchmarks/tables.py
"""

from _common import Report, arguments, data_folder, described, seconds_of_fit
from sklearn.datasets import make_moons
from sklearn.model_selection import train_test_split

from skgen import VariationalDiffusionAE
from skgen.datasets import fetch_california_housing, fetch_power_plant
from skgen.metrics import classifier_two_sample_aucs, near_copies

GOALS = {"two moons": "<= 0.60", "power plant": "<= 0.70"}


def tables(seed):
    """Yield name, training and held-out rows of each table that is there."""
    yield (
        "two moons",
        make_moons(4000, noise=0.08, random_state=2 * seed)[0],
        make_moons(4000, noise=0.08, random_state=2 * seed + 1)[0],
    )
    folder = data_folder("power plant and california")
    if folder is None:
        return
    plant = fetch_power_plant(data_home=folder).data
    yield "power plant", *train_test_split(plant, test_size=0.4, random_state=seed)
    california = fetch_california_housing(data_home=folder, as_frame=True).data.dropna().to_numpy()
    yield "california", *train_test_split(california, test_size=0.4, random_state=seed)


def main():
    options = arguments(__doc__).parse_args()
    report = Report(__file__, options)
    for seed in options.seed:
        for data, X_train, X_test in tables(seed):
            model = VariationalDiffusionAE(max_steps=options.max_steps, random_state=seed)
            name = described(model)
            seconds = seconds_of_fit(model, X_train)
            report.add(data, name, seed, "seconds of fit", seconds)
            X_new = model.sample(len(X_test))
            for rows, kind in ((X_new, name), (X_train, "real training rows")):
                aucs = classifier_two_sample_aucs(X_test, rows, random_state=seed)
                for classifier, auc in aucs.items():
                    report.add(data, kind, seed, f"auc of the {classifier} classifier", auc)
                goal = GOALS.get(data, "") if kind == name else ""
                report.add(data, kind, seed, "larger auc", max(aucs.values()), goal)
            report.add(data, name, seed, "near-copies", near_copies(X_train, X_test, X_new))
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
