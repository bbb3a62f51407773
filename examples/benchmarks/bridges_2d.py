"""SchrodingerBridgeMatcher in two dimensions, beside torchcfm at equal gradient steps.

From N(0, I) to two moons, an S-curve and eight Gaussians, and from the moons to the Gaussians, as
torchcfm and its paper define them, 10,000 rows of each end. Judged on 2,048 rows that no model saw,
their modes in equal numbers and normal sources from a Sobol sequence, so that the sample itself
does not unbalance the modes: the exact 2-Wasserstein distance of carried and real rows (its floor
is that of two such real samples), and the path energy, the mean squared speed of the flow, over
the exact cost of optimal transport.

The rivals run in an environment of their own, a Python with torchcfm installed:

    python examples/benchmarks/bridges_2d.py --rivals ENVIRONMENT/bin/python
"""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from _common import Report, arguments, described, seconds_of_fit
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm, qmc
from sklearn.datasets import make_moons
from sklearn.metrics import pairwise_distances

from skgen import SchrodingerBridgeMatcher, UncutSource

ROWS, JUDGED = 10_000, 2_048
CENTRES = 5 * np.array([[np.cos(a), np.sin(a)] for a in np.arange(8) * np.pi / 4])


def normal(n, rng, even):
    """Return normal rows, from a Sobol sequence where they are to be even."""
    if even:
        return norm.ppf(qmc.Sobol(2, seed=rng).random(n).clip(1e-9, 1 - 1e-9))
    return rng.normal(size=(n, 2))


def eight(n, rng, even):
    """Return rows of eight Gaussians on a circle of radius 5, of variance 0.1^(1/2)."""
    mode = np.arange(n) % 8 if even else rng.integers(8, size=n)
    return CENTRES[mode] + rng.normal(size=(n, 2)) * 0.1**0.25


def moons(n, rng, even):
    """Return rows of two moons, as many of each."""
    return 3 * make_moons(n, noise=0.2, random_state=int(rng.integers(2**31)))[0] - 1


def s_curve(n, rng, even):
    """Return rows of an S-curve seen from the side, scaled to a deviation of 7."""
    u = qmc.Sobol(1, seed=rng).random(n)[:, 0] if even else rng.random(n)
    t = 3 * np.pi * (u - 0.5)
    rows = np.c_[np.sin(t), np.sign(t) * (np.cos(t) - 1)] + 0.1 * rng.normal(size=(n, 2))
    # The root of the mean variance of the two columns.
    return 7 * rows / 1.0056


SETS = {
    "moons": (normal, moons),
    "s-curve": (normal, s_curve),
    "8 gaussians": (normal, eight),
    "moons to 8": (moons, eight),
}


def wasserstein(A, B):
    """Return the exact 2-Wasserstein distance of two sets of as many rows."""
    cost = pairwise_distances(A, B, "sqeuclidean")
    return np.sqrt(cost[linear_sum_assignment(cost)].mean())


def rivals(python, train, judged, n_steps, seed, until=1.0):
    """Train torchcfm's methods in their own environment; return (name, rows, energy) at a time."""
    settings = {"start": judged, "n_steps": n_steps, "seed": seed, "until": until}
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "given.npz"), Path(folder, "found.npz")
        np.savez(given, source=train[0], data=train[1], **settings)
        script = Path(__file__).with_name("rival_torchcfm.py")
        subprocess.run([python, script, given, found], check=True, env={**os.environ})
        with np.load(found) as results:
            names = [name for name in results.files if not name.endswith(" energy")]
            return [(n, results[n], float(results[n + " energy"])) for n in names]


def run(report, options, name, seed):
    rng = np.random.default_rng(seed)
    source, data = SETS[name]
    X_source, X = source(ROWS, rng, False), data(ROWS, rng, False)
    start, real = source(JUDGED, rng, True), data(JUDGED, rng, True)
    cost = wasserstein(start, real) ** 2
    floor = wasserstein(data(JUDGED, rng, True), real)
    report.add(name, "two real samples", seed, "W2", floor)
    for kwargs in ({}, {"sigma": 0.0, "n_iterations": 1}):
        model = SchrodingerBridgeMatcher(
            scaling="common", max_steps=options.max_steps, random_state=seed, **kwargs
        )
        called = described(model)
        seconds = seconds_of_fit(model, X, source=UncutSource(X_source))
        times, paths = model.trajectory(start, n_steps=100, stochastic=False)
        speed = (np.diff(paths, axis=0) ** 2).sum(-1).mean(1) / np.diff(times)
        report.add(name, called, seed, "W2", wasserstein(model.inverse_transform(start), real))
        report.add(name, called, seed, "path energy / cost", speed.sum() / cost, "0.95 to 1.05")
        report.add(name, called, seed, "gradient steps", model.n_steps_)
        report.add(name, called, seed, "seconds of fit", seconds)
        if not kwargs:
            n_steps = model.n_steps_
    if options.rivals:
        found = rivals(options.rivals, (X_source, X), start, n_steps, seed)
        for called, rows, energy in found:
            report.add(name, called, seed, "W2", wasserstein(rows, real))
            report.add(name, called, seed, "path energy / cost", energy / cost)


def main():
    parser = arguments(__doc__, seeds=range(5))
    parser.add_argument("--rivals", help="a Python interpreter with torchcfm")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    options = parser.parse_args()
    report = Report(__file__, options)
    for name in options.sets:
        for seed in options.seed:
            run(report, options, name, seed)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
