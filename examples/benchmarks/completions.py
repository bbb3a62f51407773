"""Missing entries drawn by each model at its defaults.

- gaussian, models whose distribution is a density alone: against the closed form. A correlated
  Gaussian of 5 columns, 20,000 rows to learn from, a row with entries missing in three patterns. Of
  20,000 draws: the largest error of a mean, in conditional standard deviations, and the relative
  error of the covariance in Frobenius norm, beside those of as many exact draws; of 2,000 exact
  draws the latter is 3 to 4%. Least squares on the same rows, which are the most likely
  distribution of this form, show what the rows leave open: of 4,000 rows their mean is off by up to
  6%.
- moons, every model: two moons, 4,000 rows to learn from; of 1,500 further rows one column is
  drawn given the other. How well a classifier tells the completed rows from 1,500 real ones: the
  larger area of two classifiers, mean of five draws, .5 for a perfect model.

Goal: at most 5%; of the moons none.

    python examples/benchmarks/completions.py --seed 0
"""

import numpy as np
from _common import Report, arguments, seconds_of_fit
from sklearn.datasets import make_moons
from sklearn.linear_model import LinearRegression

import skgen
from skgen.datasets import CorrelatedGaussian
from skgen.metrics import classifier_two_sample_test

DENSE = ("VariationalDiffusionAE", "FlowMatcher", "SchrodingerBridgeMatcher")
MODELS = (*DENSE, "BinaryLatentDiffusion", "VQDiffusionBridge")
N_MOON_DRAWS = 5
N_ROWS, N_DRAWS = 20_000, 20_000
PATTERNS = ([1, 3], [0, 2, 4], [4])


def regressed(X, row):
    """Mean and covariance of a row's missing entries by linear regression on its observed ones."""
    missing = np.isnan(row)
    regression = LinearRegression().fit(X[:, ~missing], X[:, missing])
    residuals = X[:, missing] - regression.predict(X[:, ~missing])
    mean = regression.predict(row[None, ~missing])[0]
    return mean, np.cov(residuals.T).reshape(len(mean), len(mean))


def completed_moons(report, options):
    """Judge completed rows of the two moons beside real ones: one column missing in each."""
    for seed in options.seed:
        X, holed, real = (
            make_moons(n, noise=0.08, random_state=3 * seed + part)[0]
            for part, n in enumerate((4000, 1500, 1500))
        )
        floor = classifier_two_sample_test(real, holed, random_state=0)
        report.add("moons", "real rows", seed, "area", floor)
        for name in options.models:
            model = getattr(skgen, name)(max_steps=options.max_steps, random_state=seed).fit(X)
            for column in range(2):
                missing = holed.copy()
                missing[:, column] = np.nan
                areas = [
                    classifier_two_sample_test(real, rows, random_state=0)
                    for rows in model.impute(missing, n_draws=N_MOON_DRAWS)
                ]
                part = f"moons, column {column} missing"
                report.add(part, name, seed, "area", np.mean(areas))


def completed_gaussians(report, options):
    """Hold draws of a Gaussian's missing entries to the closed form."""
    distribution = CorrelatedGaussian(5)
    for seed in options.seed:
        X = distribution.sample(N_ROWS, random_state=2 * seed)
        row = distribution.sample(1, random_state=2 * seed + 1)[0]
        for name in [name for name in options.models if name in DENSE]:
            model = getattr(skgen, name)(max_steps=options.max_steps, random_state=seed)
            report.add("gaussian 5-d", name, seed, "seconds of fit", seconds_of_fit(model, X))
            for missing in PATTERNS:
                holed = row.copy()
                holed[missing] = np.nan
                mean, covariance = distribution.conditional(holed)
                rng = np.random.default_rng(seed)
                draws = {
                    name: np.concatenate(model.impute(holed[None], n_draws=N_DRAWS))[:, missing],
                    "exact draws": rng.multivariate_normal(mean, covariance, N_DRAWS),
                    "least squares": rng.multivariate_normal(*regressed(X, holed), N_DRAWS),
                }
                for kind, rows in draws.items():
                    goal = "<= 0.05" if kind == name else ""
                    off = np.abs(rows.mean(0) - mean) / np.sqrt(np.diag(covariance))
                    apart = np.cov(rows.T).reshape(covariance.shape) - covariance
                    part = f"columns {', '.join(map(str, missing))}"
                    report.add(part, kind, seed, "error of the mean", off.max(), goal)
                    share = np.linalg.norm(apart) / np.linalg.norm(covariance)
                    report.add(part, kind, seed, "error of the covariance", share, goal)


PARTS = {"gaussian": completed_gaussians, "moons": completed_moons}


def main():
    parser = arguments(__doc__)
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--part", nargs="+", default=list(PARTS), choices=PARTS)
    options = parser.parse_args()
    report = Report(__file__, options)
    for part in options.part:
        PARTS[part](report, options)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
