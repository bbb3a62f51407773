"""SchrodingerBridgeMatcher beside entropic transport plans that are known, in 2 to 64 dimensions.

From N(0, I) to the mixture of a plan in closed form, at three variances of the reference, 10,000
rows of each end. The stochastic process is followed from 40 fresh source rows, 400 draws for each;
their mean and covariance are compared with the plan's. The measure is cBW2-UVP in %: twice the mean
squared Bures-Wasserstein distance of both, over the trace of the covariance of the data. The floor
is the same figure of 400 exact draws. Beside it light bridges, whose potential is a mixture like
the plan's own: of 5 and of 10 components, the one of the smaller loss on held-out rows; and the
start of that descent. Seconds are those of the processor.

    python examples/benchmarks/bridge_plans.py
"""

from time import process_time

import numpy as np
import torch
from _common import Report, arguments, described, seconds_of_fit
from _light_bridge import fit_light_bridge

from skgen import SchrodingerBridgeMatcher, UncutSource
from skgen.datasets import make_entropic_transport

ROWS, SOURCES, DRAWS, N_STEPS = 10_000, 40, 400, 50


def squared_distance(mean, covariance, rows):
    """Return the squared Bures-Wasserstein distance of a normal distribution from rows."""
    found = np.atleast_2d(np.cov(rows.T, bias=True))
    values, axes = np.linalg.eigh(covariance)
    root = (axes * np.sqrt(values.clip(min=0))) @ axes.T
    overlap = np.sqrt(np.linalg.eigvalsh(root @ found @ root).clip(min=0)).sum()
    gap = ((mean - rows.mean(0)) ** 2).sum()
    return gap + np.trace(covariance) + np.trace(found) - 2 * overlap


def unexplained(plan, X, draws, Y):
    """Return cBW2-UVP in %, of the draws of each source row, one row after the other."""
    exact = zip(*plan.conditional(X), np.split(draws, len(X)), strict=True)
    distances = [squared_distance(*triple) for triple in exact]
    return 200 * np.mean(distances) / Y.var(0).sum()


def light(rows, epsilon, seed, start, n_steps):
    """Fit light bridges of 5 and 10 components; return draws from `start`, and seconds."""
    began = process_time()
    found = [fit_light_bridge(rows.source, rows.data, epsilon, k, n_steps, seed) for k in (5, 10)]
    bridge, _ = min(found, key=lambda pair: pair[1])
    seconds = process_time() - began
    generator = torch.Generator().manual_seed(seed)
    return bridge.draw(torch.from_numpy(start).float(), generator).double().numpy(), seconds


def run(report, options, d, epsilon, seed):
    rows = make_entropic_transport(ROWS, d, epsilon=epsilon, random_state=seed)
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(SOURCES, d))
    start = np.repeat(X, DRAWS, axis=0)
    data, measure = f"{d}-d, variance {epsilon:g}", "cBW2-UVP, %"
    exact = rows.plan.sample_conditional(start, random_state=seed)
    report.add(data, "exact draws", seed, measure, unexplained(rows.plan, X, exact, rows.data))
    for name, n_steps in (("light bridge", 1000), ("its start", 0)):
        drawn, seconds = light(
            rows, epsilon, seed, start, min(n_steps, options.max_steps or n_steps)
        )
        report.add(data, name, seed, measure, unexplained(rows.plan, X, drawn, rows.data))
        report.add(data, name, seed, "seconds of fit", seconds)
    if options.light_only:
        return
    model = SchrodingerBridgeMatcher(
        epsilon**0.5,
        sigma_unit="data",
        scaling="common",
        max_steps=options.max_steps,
        random_state=seed,
    )
    named = described(model.__class__(epsilon**0.5, sigma_unit="data", scaling="common"))
    source = UncutSource(rows.source)
    seconds = seconds_of_fit(model, rows.data, source=source, clock=process_time)
    carried = model.set_params(n_steps=N_STEPS).inverse_transform(start, stochastic=True)
    goal = "floor + .2" if d == 2 else "floor + 1"
    found = unexplained(rows.plan, X, carried, rows.data)
    report.add(data, named, seed, measure, found, goal)
    report.add(data, named, seed, "seconds of fit", seconds, "<= 120")


def main():
    parser = arguments(__doc__, seeds=range(5))
    parser.add_argument("--dimension", type=int, nargs="+", default=[2, 16, 64])
    parser.add_argument("--variance", type=float, nargs="+", default=[0.1, 1.0, 10.0])
    parser.add_argument("--light-only", action="store_true", help="without the networks")
    options = parser.parse_args()
    report = Report(__file__, options)
    for d in options.dimension:
        for epsilon in options.variance:
            for seed in options.seed:
                run(report, options, d, epsilon, seed)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
