"""GenerativeImputer beside scikit-learn's imputers, on tables with entries missing at random.

Power plant (5 columns), California (9 columns, rows without blanks) and breast cancer (its 10
means): of each, rows to impute and as many real ones to compare with, drawn by the seed. Every
entry is missing with probability .1, .3 and .5; each imputer learns from the rows with gaps, and
fills them.
The first two tables need the environment variable SKGEN_DATA to name the folder with
``power_plant_ccpp.csv`` and ``california_housing.csv``.

Measured, in standard deviations of the columns: the energy distance between completed rows and
real ones that had no part in it, for imputers that draw of one draw; and the root mean squared
error of the missing entries, for those of the mean of 10 draws. The floor of the distance is that
of the same rows before anything was missing. Goals: the distance of ``GenerativeImputer`` the
lowest, its error not the highest.

    SKGEN_DATA=folder python examples/benchmarks/imputer.py --rows 2000 --seed 0 1 2
"""

from time import perf_counter

import numpy as np
from _common import Report, arguments, data_folder
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.preprocessing import StandardScaler

from skgen import FlowMatcher, GenerativeImputer, VariationalDiffusionAE, VQDiffusionBridge
from skgen.datasets import fetch_california_housing, fetch_power_plant
from skgen.metrics import energy_distance

SHARES = (0.1, 0.3, 0.5)
N_DRAWS = 10
MODELS = {"flow": FlowMatcher, "vdae": VariationalDiffusionAE, "vq": VQDiffusionBridge}


def tables():
    """Yield name and rows of each table that is there."""
    yield "breast cancer", load_breast_cancer().data[:, :10]
    folder = data_folder("power plant and california")
    if folder is not None:
        yield "power plant", np.asarray(fetch_power_plant(data_home=folder).data, dtype=float)
        california = fetch_california_housing(data_home=folder, as_frame=True).data
        yield "california", california.dropna().to_numpy(dtype=float)


def draws_of(imputer, X_hole, seed):
    """Return completions of rows: several of an imputer that draws, one of another."""
    if isinstance(imputer, GenerativeImputer):
        model = imputer.fit(X_hole).model_
        return np.stack(model.impute(X_hole, n_draws=N_DRAWS, random_state=seed))
    if getattr(imputer, "sample_posterior", False):
        imputer.fit(X_hole)
        # each call goes on with the generator of the fit
        return np.stack([imputer.transform(X_hole) for _ in range(N_DRAWS)])
    return imputer.fit_transform(X_hole)[None]


def main():
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=500, help="rows to impute of a table, at most")
    parser.add_argument("--share", type=float, nargs="+", choices=SHARES, default=SHARES)
    parser.add_argument("--model", nargs="+", choices=list(MODELS), default=["flow"])
    options = parser.parse_args()
    report = Report(__file__, options)
    for seed in options.seed:
        for data, X in tables():
            rng = np.random.default_rng(seed)
            X = StandardScaler().fit_transform(rng.permutation(X)[: 2 * options.rows])
            X, X_real = X[: len(X) // 2], X[len(X) // 2 :]
            report.add(data, "nothing missing", seed, "energy distance", energy_distance(X_real, X))
            holes = {share: rng.random(X.shape) < share for share in SHARES}
            for share in options.share:
                hole = holes[share]
                X_hole = np.where(hole, np.nan, X)
                generative = [
                    GenerativeImputer(
                        MODELS[kind](max_steps=options.max_steps, random_state=seed),
                        random_state=seed,
                    )
                    for kind in options.model
                ]
                rivals = [
                    IterativeImputer(max_iter=20, tol=1e-2, random_state=seed),
                    IterativeImputer(
                        max_iter=20, tol=1e-2, sample_posterior=True, random_state=seed
                    ),
                    KNNImputer(),
                ]
                for imputer in [*generative, *rivals]:
                    start = perf_counter()
                    draws = draws_of(imputer, X_hole, seed)
                    seconds = perf_counter() - start
                    seeds = [key for key in imputer.get_params() if key.endswith("random_state")]
                    name = repr(clone(imputer).set_params(**dict.fromkeys(seeds)))
                    error = np.sqrt(np.mean((draws.mean(0) - X)[hole] ** 2))
                    what = f"{share:.0%} missing: "
                    distance = energy_distance(X_real, draws[0])
                    report.add(data, name, seed, what + "energy distance", distance)
                    report.add(data, name, seed, what + "error", error)
                    report.add(data, name, seed, what + "seconds", seconds)
                # each takes minutes, and none of it should be lost
                report.write()
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
