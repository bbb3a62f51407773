"""FlowMatcher with a geometry: places of earthquakes and floods, and the torsion angles of RNA.

Of each data set 80% of the rows are learnt, 10% choose weights and the multiplier of the flow, and
10% are scored: the mean negative log-likelihood in nats per row, per steradian or radian^7. Beside
it stand that of the mixture of kernels that the flow starts from, the multiplier, the share of
drawn rows that are nearer to as many learnt rows as are scored than to those (.5 for fresh rows),
the share that are near-copies of rows learnt (about .01 for fresh rows; on the earthquakes, where
rows repeat, exact copies), the integral of the density over the sphere, and published results on
other splits: Riemannian score-based models (RSGM), Riemannian flow matching (Chen and Lipman, ICLR
2024) and diffusion mixtures (Jo and Hwang, ICML 2024).

Needs the environment variable SKGEN_DATA to name the folder with ``earth/quakes_all.csv``,
``earth/flood.csv`` and ``torus/rna.tsv``.

    SKGEN_DATA=folder python examples/benchmarks/geometry.py
"""

import time

import numpy as np
import pandas as pd
from _common import Report, arguments, data_folder, described
from scipy.spatial import cKDTree

from skgen import FlowMatcher
from skgen.metrics import near_copies

# Goals, and what others report.
GOALS = {"earthquakes": "<= -0.4", "floods": "<= 0.35", "RNA": "<= -5.2"}
PUBLISHED = {
    "earthquakes": {"RSGM": -0.19, "Riemannian flow matching": -0.28, "diffusion mixture": -0.30},
    "floods": {"RSGM": 0.48, "Riemannian flow matching": 0.42, "diffusion mixture": 0.42},
    "RNA": {"diffusion mixture": -3.70, "Riemannian flow matching": -5.20},
}
N_DRAWN, N_INTEGRAL = 1000, 4000


def rows_of(name, folder):
    """Return the rows of a data set, in degrees."""
    if name == "RNA":
        table = pd.read_csv(folder / "torus" / "rna.tsv", sep="\t", header=None)
        return table.iloc[:, 2:].to_numpy(dtype=float)
    file = {"earthquakes": "quakes_all.csv", "floods": "flood.csv"}[name]
    table = pd.read_csv(folder / "earth" / file, comment="#")
    return table.to_numpy(dtype=float)


def placed(X, is_sphere):
    """Return rows as coordinates in which near rows are near."""
    X = np.deg2rad(X)
    if not is_sphere:
        return np.concatenate([np.cos(X), np.sin(X)], 1)
    ring = np.cos(X[:, 0])
    return np.column_stack([ring * np.cos(X[:, 1]), ring * np.sin(X[:, 1]), np.sin(X[:, 0])])


def nearer(learnt, test, drawn):
    """Return the share of drawn rows that are nearer to learnt rows than to as many others."""
    to_learnt, to_test = (cKDTree(rows).query(drawn)[0] for rows in (learnt[: len(test)], test))
    return (to_learnt < to_test).mean()


def integral(model, seed):
    """Return the density's integral over the sphere, by draws of which half are uniform."""
    rng = np.random.default_rng(seed)
    height, longitude = rng.uniform(-1, 1, N_INTEGRAL), rng.uniform(-180, 180, N_INTEGRAL)
    uniform = np.column_stack([np.rad2deg(np.arcsin(height)), longitude])
    X = np.concatenate([uniform, model.sample(N_INTEGRAL, random_state=seed)])
    density = np.exp(model.score_samples(X))
    return (density / (0.5 / (4 * np.pi) + 0.5 * density)).mean()


def main():
    parser = arguments(__doc__, seeds=range(5))
    parser.add_argument("--data", nargs="+", choices=list(GOALS), default=list(GOALS))
    options = parser.parse_args()
    report = Report(__file__, options)
    folder = data_folder("geometry")
    if folder is None:
        return
    for name in options.data:
        X, is_sphere = rows_of(name, folder), name != "RNA"
        for rival, value in PUBLISHED[name].items():
            report.add(name, rival + ", published", "", "NLL", value)
        for seed in options.seed:
            order = np.random.default_rng(seed).permutation(len(X))
            rows, test = np.split(X[order], [int(0.9 * len(X))])
            model = FlowMatcher(
                geometry="sphere" if is_sphere else "torus",
                validation_fraction=1 / 9,
                max_steps=options.max_steps,
                random_state=seed,
            )
            called, start = described(model), time.process_time()
            model.fit(rows)
            seconds = time.process_time() - start
            report.add(name, called, seed, "NLL", -model.score(test), GOALS[name])
            report.add(name, called, seed, "multiplier", float(model.module_.multiplier))
            report.add(name, called, seed, "CPU seconds of fit", seconds, "<= 120")
            drawn = model.sample(N_DRAWN)
            parts = [placed(part, is_sphere) for part in (rows, test, drawn)]
            report.add(name, called, seed, "near-copies", near_copies(*parts, standardize=False))
            report.add(name, called, seed, "nearer to learnt rows", nearer(*parts))
            if is_sphere and seed == options.seed[0]:
                found = integral(model, seed)
                report.add(name, called, seed, "integral over the sphere", found, "1 +- 0.01")
            model.module_.multiplier.fill_(0.0)
            base = -model.score(test.astype(np.float32))
            report.add(name, called + ", kernels alone", seed, "NLL", base)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
