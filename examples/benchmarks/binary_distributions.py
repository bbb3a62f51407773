r"""How near BinaryLatentDiffusion without an autoencoder comes to distributions of bits that are
known.

Distributions: ``BinaryDistribution.random(8, random_state=seed)``, and, for the first seed only,
``BinaryDistribution.ising(4, 4)`` and ``BinaryNetwork()`` of 40 columns. 100,000 rows to learn
from; ``BinaryLatentDiffusion(autoencoder=None, random_state=seed)``, nothing else set.

- Total variation between 200,000 samples and the distribution; the floor, which is that of as many
  exact draws; and their difference. The Ising model has 65,536 states, three draws a state: its
  floor is high and hides smaller errors. So also the number of ones alone, which has 17 values.
- The gap, mean score less exact log-likelihood, in nats a bit. The noise of a score is keyed by the
  values of a row, and equal rows share it. Of 8 bits, each of the 256 states :math:`s` is therefore
  scored once; the gap is :math:`\bar g = \sum_s p_s g_s`, with states as independent units in its
  standard error, :math:`\sqrt{\sum_s p_s^2 (g_s - \bar g)^2}`. Of the other distributions the
  different ones among 2,000 fresh rows are scored, with their shares in the place of :math:`p_s`.
- Imputation of 1, 4 and 7 of the 8 bits, given fixed values of the others: total variation between
  20,000 completed rows and the exact conditional distribution, beside that of as many exact draws.
- The network: errors of the mutual information of pairs of columns, and of the frequencies given
  two columns, between 100,000 samples and as many fresh rows; beside it, two fresh sets.

Goals: a difference of at most 0.02 in total variation; a gap of at least -0.02 nats a bit, and not
above 0 by more than three standard errors; frequencies given two columns within 0.02.

    python examples/benchmarks/binary_distributions.py
"""

import numpy as np
from _common import Report, arguments, described, seconds_of_fit

from skgen import BinaryLatentDiffusion
from skgen.datasets import BinaryDistribution, BinaryNetwork
from skgen.metrics import conditional_frequency_error, mutual_information_error

N_TRAIN = 100_000
N_SCORED = 2000
MIN_SHARE = 0.02
MISSING = {"1 of 8": [3], "4 of 8": [0, 2, 4, 6], "7 of 8": [0, 1, 2, 3, 4, 5, 6]}


def report_gap(report, data, name, seed, gaps, weights):
    """Report a weighted mean of gaps a bit, with its standard error."""
    gap = weights @ gaps
    error = np.sqrt(weights**2 @ (gaps - gap) ** 2)
    report.add(data, name, seed, "gap, nats a bit", gap, ">= -0.02")
    report.add(data, name, seed, "standard error of the gap", error)
    report.add(data, name, seed, "gap in standard errors", gap / error, "<= 3")


def report_variation(report, data, name, seed, distribution, X_new, X_exact, what=""):
    """Report the total variation of samples, of exact draws, and the difference."""
    model, floor = distribution.total_variation(X_new), distribution.total_variation(X_exact)
    report.add(data, name, seed, f"total variation{what}", model)
    report.add(data, "exact draws", seed, f"total variation{what}", floor)
    report.add(data, name, seed, f"total variation{what} above floor", model - floor, "<= 0.02")


def variation_of_ones(distribution, X):
    """Return the total variation of the number of ones in a row."""
    exact = np.bincount(distribution.states.sum(1).astype(int), weights=distribution.probabilities)
    found = np.bincount(X.sum(1).astype(int), minlength=len(exact)) / len(X)
    return 0.5 * np.abs(exact - found).sum()


def frequencies(X):
    """Return counts of values of two columns, and of ones in a third beside them."""
    sides = (1 - X, X)
    pairs = np.array([[u.T @ v for v in sides] for u in sides])
    triples = [[[(u[:, [a]] * v).T @ X for a in range(X.shape[1])] for v in sides] for u in sides]
    return pairs[..., None], np.array(triples)


def share_within(X_real, X_fake, tolerance=0.02):
    """Return the share of frequencies given two columns that differ by at most a tolerance.

    Over what ``conditional_frequency_error`` counts.
    """
    (n_real, ones_real), (n_fake, ones_fake) = frequencies(X_real), frequencies(X_fake)
    a, b, c = np.ogrid[tuple(slice(side) for side in ones_real.shape[2:])]
    counted = (n_real >= MIN_SHARE * len(X_real)) & (a < b) & (c != a) & (c != b)
    error = np.abs(ones_real / np.maximum(n_real, 1) - ones_fake / np.maximum(n_fake, 1))
    return np.mean(error[counted] <= tolerance)


def fitted(report, data, distribution, seed, max_steps):
    """Fit a model to rows of a distribution; return it and its description."""
    model = BinaryLatentDiffusion(autoencoder=None, max_steps=max_steps, random_state=seed)
    name = described(model)
    seconds = seconds_of_fit(model, distribution.sample(N_TRAIN, random_state=4 * seed))
    report.add(data, name, seed, "seconds of fit", seconds)
    report.add(data, name, seed, "steps of fit", model.n_steps_)
    return model, name


def report_fresh_gap(report, data, name, seed, distribution, model):
    """Report the gap over fresh rows."""
    X_test = distribution.sample(N_SCORED, random_state=4 * seed + 1)
    rows, counts = np.unique(X_test, axis=0, return_counts=True)
    gaps = (model.score_samples(rows) - distribution.log_density(rows)) / rows.shape[1]
    report_gap(report, data, name, seed, gaps, counts / N_SCORED)


def random_bits(report, seed, options):
    """Report samples, scores and imputation of any distribution of 8 bits."""
    data, distribution = "8 random bits", BinaryDistribution.random(8, random_state=seed)
    model, name = fitted(report, data, distribution, seed, options.max_steps)
    gaps = (
        model.score_samples(distribution.states) - distribution.log_density(distribution.states)
    ) / distribution.n_bits
    report_gap(report, data, name, seed, gaps, distribution.probabilities)
    for kind, missing in MISSING.items():
        x = distribution.sample(random_state=4 * seed + 2)
        x[:, missing] = np.nan
        conditional = BinaryDistribution(distribution.conditional(x[0]))
        n = options.samples // 10
        completed = np.concatenate(model.impute(x, n_draws=n))
        exact = conditional.sample(n, random_state=4 * seed + 3)
        what = f", {kind} imputed"
        report_variation(report, data, name, seed, conditional, completed, exact, what)
    X_new = model.sample(options.samples)
    X_exact = distribution.sample(options.samples, random_state=4 * seed + 3)
    report_variation(report, data, name, seed, distribution, X_new, X_exact)


def ising(report, seed, options):
    """Report samples and scores of the Ising model on 4 x 4 sites."""
    data, distribution = "ising 4 x 4", BinaryDistribution.ising(4, 4)
    model, name = fitted(report, data, distribution, seed, options.max_steps)
    report_fresh_gap(report, data, name, seed, distribution, model)
    X_new = model.sample(options.samples)
    X_exact = distribution.sample(options.samples, random_state=4 * seed + 3)
    report_variation(report, data, name, seed, distribution, X_new, X_exact)
    for rows, kind in ((X_new, name), (X_exact, "exact draws")):
        ones = variation_of_ones(distribution, rows)
        report.add(data, kind, seed, "total variation, number of ones", ones)


def network(report, seed, options):
    """Report samples and scores of a network of 40 columns."""
    data, distribution = "network of 40", BinaryNetwork()
    model, name = fitted(report, data, distribution, seed, options.max_steps)
    report_fresh_gap(report, data, name, seed, distribution, model)
    n = options.samples // 2
    X_real, X_other = (distribution.sample(n, random_state=4 * seed + k) for k in (2, 3))
    for rows, kind in ((model.sample(n), name), (X_other, "exact draws")):
        mean, largest = mutual_information_error(X_real, rows)
        report.add(data, kind, seed, "mutual information, mean error", mean)
        report.add(data, kind, seed, "mutual information, largest error", largest)
        mean, largest = conditional_frequency_error(X_real, rows, min_share=MIN_SHARE)
        share = share_within(X_real, rows)
        goal = "<= 0.02" if kind == name else ""
        report.add(data, kind, seed, "frequencies given two, mean error", mean, goal)
        report.add(data, kind, seed, "frequencies given two, largest", largest, goal)
        report.add(data, kind, seed, "frequencies given two, within .02", share)


DISTRIBUTIONS = {"bits": random_bits, "ising": ising, "network": network}


def main():
    parser = arguments(__doc__, seeds=(0, 1))
    parser.add_argument(
        "--samples", type=int, default=200_000, help="draws of the distributions of bits"
    )
    parser.add_argument(
        "--distribution",
        nargs="+",
        choices=DISTRIBUTIONS,
        default=list(DISTRIBUTIONS),
        help="distributions to learn",
    )
    options = parser.parse_args()
    report = Report(__file__, options)
    for distribution in options.distribution:
        for seed in options.seed if distribution == "bits" else options.seed[:1]:
            DISTRIBUTIONS[distribution](report, seed, options)
            # each takes minutes, and none of it should be lost
            report.write()
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
