"""Chains of codes on a circle: the first experiment of the diffusion bridge's authors.

10,000 chains of five points of the plane, each near one of eight places on the unit circle (noise
0.05): the first place is uniform, each next one a neighbour of the last.
``VQDiffusionBridge(n_embeddings=8, embedding_dim=2, input_shape=(5, 2), hidden_units=64,
batch_size=1024, lr=6e-3, random_state=seed)``, once with the process of the source
(``schedule="constant"``, ``theta=3`` over a time of one, which is its theta of 2 over 100 steps of
.015, ``n_timesteps=100``; its noise is the unit of the latents) and once with the default one.

Measured on 10,000 new chains, each point put to the nearest place: the share of steps that lead to
a neighbour, and the largest error of the frequency of a first place; beside, as the floor, those
of 10,000 real chains. Goals: 99% of steps, and .02.

    python examples/benchmarks/vq_chains.py
"""

import numpy as np
from _common import Report, arguments, seconds_of_fit

from skgen import VQDiffusionBridge

N_PLACES, LENGTH, NOISE = 8, 5, 0.05
N_ROWS = 10_000
SOURCE = {"schedule": "constant", "n_timesteps": 100}


def chains(n, seed):
    """Draw n chains, (n, 10)."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([-1, 1], (n, LENGTH - 1))
    place = np.cumsum(np.column_stack([rng.integers(N_PLACES, size=n), steps]), 1)
    angle = 2 * np.pi * place / N_PLACES
    points = np.stack([np.cos(angle), np.sin(angle)], -1)
    return (points + NOISE * rng.standard_normal(points.shape)).reshape(n, -1)


def judged(X):
    """Return the share of steps to a neighbour, and the largest error of a first place."""
    points = np.asarray(X).reshape(len(X), LENGTH, 2)
    angle = np.arctan2(points[..., 1], points[..., 0])
    place = np.round(angle / (2 * np.pi / N_PLACES)).astype(int) % N_PLACES
    steps = np.diff(place, axis=1) % N_PLACES
    first = np.bincount(place[:, 0], minlength=N_PLACES) / len(X)
    return np.isin(steps, [1, N_PLACES - 1]).mean(), np.abs(first - 1 / N_PLACES).max()


def main():
    """Fit, sample and report."""
    options = arguments(__doc__, seeds=(0, 1)).parse_args()
    report = Report(__file__, options)
    for seed in options.seed:
        X = chains(N_ROWS, seed)
        for name, process in (("the source's process", SOURCE), ("default process", {})):
            model = VQDiffusionBridge(
                n_embeddings=N_PLACES,
                embedding_dim=2,
                input_shape=(LENGTH, 2),
                hidden_units=64,
                batch_size=1024,
                lr=6e-3,
                max_steps=options.max_steps,
                random_state=seed,
                **process,
            )
            seconds = seconds_of_fit(model, X)
            valid, start = judged(model.sample(N_ROWS))
            report.add("chains", name, seed, "steps to a neighbour", valid, ">= 0.99")
            report.add("chains", name, seed, "largest error of a first place", start, "<= 0.02")
            report.add("chains", name, seed, "perplexity", model.perplexity_)
            report.add("chains", name, seed, "bound, nats", model.score(chains(2000, seed + 100)))
            report.add("chains", name, seed, "fit, s", seconds)
        valid, start = judged(chains(N_ROWS, seed + 200))
        report.add("chains", "real rows", seed, "steps to a neighbour", valid)
        report.add("chains", "real rows", seed, "largest error of a first place", start)
        # each takes minutes, and none of it should be lost
        report.write()
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
