"""How far the score of VariationalDiffusionAE lies below the true log-likelihood.

Two known distributions: a correlated Gaussian of 5 columns and a ring of 8 Gaussians in the plane;
4,000 rows to learn from and 4,000 held-out ones x, drawn anew for each seed. The gap is the mean of
``score_samples(x) - log p(x)`` in nats a dimension, and its standard error that of this mean: a
bound is below 0 but for the error. At defaults, and with ``objective="likelihood"``; the mean KL of
the latent from N(0, I) is printed beside it, near 0 where the latent is empty.

Goals: not above 0 by more than three standard errors; at least -0.4 at defaults, at least -0.05
with ``objective="likelihood"``.

    python examples/benchmarks/densities.py --seed 0
"""

import numpy as np
from _common import Report, arguments, described, seconds_of_fit

from skgen import VariationalDiffusionAE
from skgen.datasets import CorrelatedGaussian, GaussianRing

N_ROWS = 4000
GOALS = {"representation": ">= -0.4", "likelihood": ">= -0.05"}


def main():
    options = arguments(__doc__).parse_args()
    report = Report(__file__, options)
    distributions = {"gaussian 5-d": CorrelatedGaussian(5), "ring of 8": GaussianRing()}
    for seed in options.seed:
        for data, distribution in distributions.items():
            X_train = distribution.sample(N_ROWS, random_state=2 * seed)
            X_test = distribution.sample(N_ROWS, random_state=2 * seed + 1)
            for objective, goal in GOALS.items():
                model = VariationalDiffusionAE(
                    objective=objective, max_steps=options.max_steps, random_state=seed
                )
                name = described(model)
                seconds = seconds_of_fit(model, X_train)
                gaps = (
                    model.score_samples(X_test) - distribution.log_density(X_test)
                ) / X_test.shape[1]
                gap, error = np.mean(gaps), np.std(gaps, ddof=1) / np.sqrt(len(gaps))
                report.add(data, name, seed, "gap, nats a dimension", gap, goal)
                report.add(data, name, seed, "standard error of the gap", error)
                report.add(data, name, seed, "gap in standard errors", gap / error, "<= 3")
                report.add(data, name, seed, "latent KL, nats", model.latent_kl_)
                report.add(data, name, seed, "seconds of fit", seconds)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
