"""SchrodingerBridgeMatcher where the bridge is known: N(-0.1, I) to N(+0.1, I), sigma = 1.

Both ends are given as rows. From 50,000 fresh rows of the source, the stochastic process is
followed, and its distribution at 21 even times compared with the exact one: the Kullback-Leibler
divergence of normal distributions with diagonal covariances, averaged over the times. The floor is
the same figure of 50,000 exact rows a time. Beside it the covariance of both ends (exact: 0.618),
the variance at the far end (exact: 1), and, at each iteration, the variance of the simulated ends
over that of the real ones. The source's best figures are 1.23, 4.42 and 8.75 x 1e-3 in 5, 20 and 50
dimensions.

    python examples/benchmarks/bridge_gaussians.py
"""

import numpy as np
from _common import Report, arguments, described, seconds_of_fit

from skgen import SchrodingerBridgeMatcher

SHIFT, ROWS, FRESH = 0.1, 50_000, 50_000
GOALS = {5: 0.6, 20: 2.2, 50: 4.4}
EXACT_COVARIANCE = (5**0.5 - 1) / 2
TIMES = np.linspace(0, 1, 21)


def exact_variance(t):
    """Return the variance of a column of the bridge at time t."""
    return (1 - t) ** 2 + t**2 + t * (1 - t) * 5**0.5


def divergence(rows, t):
    """Return the divergence of the rows' normal distribution from the bridge's at time t."""
    exact = exact_variance(t)
    mean, var = rows.mean(0), rows.var(0)
    gap = (mean - SHIFT * (2 * t - 1)) ** 2
    return 0.5 * np.sum(var / exact + gap / exact - 1 - np.log(var / exact))


def run(report, options, seed, d):
    rng = np.random.default_rng(seed)
    X_source = rng.normal(-SHIFT, 1, (ROWS, d))
    X = rng.normal(SHIFT, 1, (ROWS, d))
    model = SchrodingerBridgeMatcher(
        sigma=1.0,
        n_iterations=4,
        time_grid=TIMES,
        max_steps=options.max_steps or 4000,
        random_state=seed,
    )
    name = described(model.__class__(sigma=1.0, n_iterations=4))
    data = f"normal {d}-d"
    report.add(data, name, seed, "seconds of fit", seconds_of_fit(model, X, source=X_source))
    report.add(data, name, seed, "gradient steps", model.n_steps_, "<= 40000")
    fresh = rng.normal(-SHIFT, 1, (FRESH, d))
    _, paths = model.trajectory(fresh, n_steps=20)
    found = [divergence(rows, t) for rows, t in zip(paths, TIMES, strict=True)]
    floor = [
        divergence(rng.normal(SHIFT * (2 * t - 1), exact_variance(t) ** 0.5, (FRESH, d)), t)
        for t in TIMES
    ]
    report.add(data, name, seed, "KL x 1e3", 1e3 * np.mean(found), f"<= {GOALS[d]}")
    report.add(data, "exact rows", seed, "KL x 1e3", 1e3 * np.mean(floor))
    start, end = (rows - rows.mean(0) for rows in (paths[0], paths[-1]))
    covariance = np.mean(start * end)
    report.add(data, name, seed, "covariance of the ends", covariance, "0.608 to 0.628")
    report.add(data, name, seed, "variance at the end", np.mean(end**2))
    for row in model.history_:
        if "spread" in row:
            report.add(data, name, seed, f"spread, {row['stage']}", row["spread"], "1")


def main():
    parser = arguments(__doc__)
    parser.add_argument("--dimension", type=int, nargs="+", default=list(GOALS))
    options = parser.parse_args()
    report = Report(__file__, options)
    for d in options.dimension:
        for seed in options.seed:
            run(report, options, seed, d)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
