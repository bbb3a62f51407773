"""Codes and samples of VQDiffusionBridge on scikit-learn's digits and on a power plant.

Digits: splits ``train_test_split(X, y, test_size=0.4, random_state=s, stratify=y)`` of 1,797
images of 8x8 pixels; ``VQDiffusionBridge(random_state=0)``, nothing else set. On held-out rows:
accuracy of logistic regression and of 5 nearest neighbours on the embeddings, mean squared error of
the reconstruction in units in which pixels span [-1, 1]. Of as many samples as there are held-out
rows the share of near-copies of training rows (1% is chance), and the larger area under the curve
of two classifiers that tell them from held-out rows.

Power plant: hourly averages, 9,568 rows of 5 columns, 60/40 split by the seed; it needs the
environment variable SKGEN_DATA to name the folder with ``power_plant_ccpp.csv``. The same, without
labels, and the bound in nats of held-out rows. Each by the model as it is, which takes one code
after another on tables, and with ``prior="diffusion"``.

Beside all areas, as the floor, real rows of the training part in the place of samples.

Goals: linear probe 97.5%, at most 2% near-copies.

    SKGEN_DATA=folder python examples/benchmarks/vq_codes.py
"""

import numpy as np
from _common import Report, arguments, data_folder, described, seconds_of_fit
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skgen import VQDiffusionBridge
from skgen.datasets import fetch_power_plant
from skgen.metrics import classifier_two_sample_test, knn_probe, linear_probe, near_copies

SETTINGS = ({}, {"prior": "diffusion"})


def judge_samples(report, data, name, split, X_train, X_test, X_new):
    """Report what samples share with training rows, and how they are told from held-out ones."""
    copies = near_copies(X_train, X_test, X_new)
    report.add(data, name, split, "near-copies", copies, "<= 0.02")
    area = classifier_two_sample_test(X_test, X_new, random_state=0)
    report.add(data, name, split, "area, samples against real", area)


def main():
    options = arguments(__doc__, seeds=(0, 1)).parse_args()
    report = Report(__file__, options)
    digits, y = load_digits(return_X_y=True)
    folder = data_folder("power plant")
    for split in options.seed:
        parts = train_test_split(digits, y, test_size=0.4, random_state=split, stratify=y)
        X_train, X_test, y_train, y_test = parts
        floor = classifier_two_sample_test(X_test, X_train[: len(X_test)], random_state=0)
        report.add("digits", "real rows", split, "area, samples against real", floor)
        for settings in SETTINGS:
            model = VQDiffusionBridge(max_steps=options.max_steps, random_state=0, **settings)
            name = described(model)
            report.add("digits", name, split, "seconds of fit", seconds_of_fit(model, X_train))
            report.add("digits", name, split, "perplexity", model.perplexity_)
            Z_train, Z_test = model.transform(X_train), model.transform(X_test)
            linear = linear_probe(Z_train, y_train, Z_test, y_test)
            report.add("digits", name, split, "linear probe", linear, ">= 0.975")
            near = knn_probe(Z_train, y_train, Z_test, y_test)
            report.add("digits", name, split, "5-NN probe", near)
            error = np.mean((model.inverse_transform(Z_test) - X_test) ** 2) / 64
            report.add("digits", name, split, "squared error", error)
            report.add("digits", name, split, "bound, nats", model.score(X_test))
            X_new = model.sample(len(X_test))
            judge_samples(report, "digits", name, split, X_train, X_test, X_new)
            report.write()
        if folder is None:
            continue
        plant = np.asarray(fetch_power_plant(data_home=folder).data, dtype=float)
        X_train, X_test = train_test_split(plant, test_size=0.4, random_state=split)
        floor = classifier_two_sample_test(X_test, X_train[: len(X_test)], random_state=0)
        report.add("power plant", "real rows", split, "area, samples against real", floor)
        for settings in SETTINGS:
            model = VQDiffusionBridge(max_steps=options.max_steps, random_state=0, **settings)
            name = described(model)
            seconds = seconds_of_fit(model, X_train)
            report.add("power plant", name, split, "seconds of fit", seconds)
            report.add("power plant", name, split, "perplexity", model.perplexity_)
            report.add("power plant", name, split, "bound, nats", model.score(X_test))
            X_new = model.sample(len(X_test))
            judge_samples(report, "power plant", name, split, X_train, X_test, X_new)
            report.write()
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
