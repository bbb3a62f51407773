"""SchrodingerBridgeMatcher on cells that were seen at several times, no cell twice.

- emt: each inner time of the A549 cells is left out, its neighbours bridged, and the distribution
  halfway compared with the cells of the left-out time by the exact 1-Wasserstein distance. Beside
  it the straight lines of exact optimal transport between the neighbours, halfway, and, with
  ``--rivals`` and the Python of an environment that has torchcfm, its flow matchers at as many
  gradient steps, on cells in units of their pooled deviation.
- drug: cells after 8 hours are carried to 48 hours and compared with held-out cells: maximum mean
  discrepancy (Gaussian kernel, median distance) and exact 2-Wasserstein distance. Beside it the
  cells left as they are, and shifted by the difference of the means.

Needs POT, and the environment variable SKGEN_DATA to name the folder with ``sc_emt_a549.npz`` and
``sc_4i_drug.npz``.

    SKGEN_DATA=folder python examples/benchmarks/bridge_cells.py --rivals PYTHON
"""

import numpy as np
import ot
from _common import Report, arguments, data_folder, described
from bridges_2d import rivals
from scipy.spatial.distance import cdist

from skgen import SchrodingerBridgeMatcher, UncutSource

WALKS = 6


def wasserstein(A, B, order):
    """Return the exact Wasserstein distance of two sets of rows."""
    kind = "euclidean" if order == 1 else "sqeuclidean"
    return ot.emd2([], [], cdist(A, B, kind), numItermax=1_000_000) ** (1 / order)


def discrepancy(A, B):
    """Return the unbiased squared maximum mean discrepancy, at the median distance."""
    both = np.concatenate([A, B])
    distance = cdist(both, both, "sqeuclidean")
    kernel = np.exp(-distance / np.median(distance))
    n = len(A)
    within = [
        (part.sum() - len(part)) / (len(part) * (len(part) - 1))
        for part in (kernel[:n, :n], kernel[n:, n:])
    ]
    return sum(within) - 2 * kernel[:n, n:].mean()


def emt(report, options, folder):
    with np.load(folder / "sc_emt_a549.npz") as data:
        X, time = data["x10"].astype(float), data["time10"]
    for k in (1, 2):
        before, between, after = (X[time == j] for j in (k - 1, k, k + 1))
        name = f"emt time {k}"
        plan = ot.emd([], [], cdist(before, after, "sqeuclidean"))
        i, j = np.nonzero(plan)
        straight = wasserstein(0.5 * (before[i] + after[j]), between, 1)
        report.add(name, "transport, straight", "", "W1", straight)
        for seed in options.seed:
            for sigma in (0.1, 0.3):
                model = SchrodingerBridgeMatcher(
                    sigma, max_steps=options.max_steps, random_state=seed
                ).fit(after, source=UncutSource(before))
                called = described(model)
                walks = [
                    model.trajectory(before, n_steps=20, random_state=walk)[1][10]
                    for walk in range(WALKS)
                ]
                found = wasserstein(np.concatenate(walks), between, 1)
                report.add(name, called + ", process", seed, "W1", found, f"< {straight:.4f}")
                flow = model.trajectory(before, n_steps=20, stochastic=False)[1][10]
                report.add(name, called + ", flow", seed, "W1", wasserstein(flow, between, 1))
            if options.rivals:
                both = np.concatenate([before, after])
                mean, scale = both.mean(0), np.sqrt(both.var(0).mean())
                train = (before - mean) / scale, (after - mean) / scale
                steps = model.n_steps_
                for called, rows, _ in rivals(options.rivals, train, train[0], steps, seed, 0.5):
                    distance = wasserstein(mean + scale * rows, between, 1)
                    report.add(name, called, seed, "W1", distance)


def drug(report, options, folder):
    with np.load(folder / "sc_4i_drug.npz") as data:
        early, late, early_test, late_test = (
            data[key].astype(float) for key in ("t0", "t1", "test_t0", "test_t1")
        )
    shifted = early_test + late.mean(0) - early.mean(0)
    rows = [("left as they are", "", early_test), ("shifted by the mean", "", shifted)]
    for seed in options.seed:
        model = SchrodingerBridgeMatcher(max_steps=options.max_steps, random_state=seed)
        model.fit(late, source=UncutSource(early))
        rows.append((described(model), seed, model.inverse_transform(early_test)))
    for called, seed, found in rows:
        report.add("drug", called, seed, "MMD^2", discrepancy(found, late_test))
        report.add("drug", called, seed, "W2", wasserstein(found, late_test, 2))
    half = late[: len(late_test)]
    report.add("drug", "real cells", "", "MMD^2", discrepancy(half, late_test))
    report.add("drug", "real cells", "", "W2", wasserstein(half, late_test, 2))


DATA = {"drug": drug, "emt": emt}


def main():
    parser = arguments(__doc__, seeds=range(3))
    parser.add_argument("--rivals", help="a Python interpreter with torchcfm")
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=list(DATA))
    options = parser.parse_args()
    report = Report(__file__, options)
    folder = data_folder("cells")
    if folder is None:
        return
    for name in options.data:
        DATA[name](report, options, folder)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
