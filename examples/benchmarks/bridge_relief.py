"""SchrodingerBridgeMatcher on unpaired super-resolution of the Earth's relief.

Crops of 32 x 32 pixels of the relief on a grid of 20 minutes of arc, and of that on a grid of 120
minutes resampled bicubically, from disjoint parts of the globe (``skgen.datasets.load_relief``).
Judged on a third part: the mean absolute difference of the log10 of one plus the counts in 56 bins
of height, and of the log10 of the radial power spectrum, from those of the real fine relief; and
the root mean square difference between the coarsened output (means of 6 x 6 pixels) and the
coarsened input. Beside it bicubic interpolation, which is the input itself, and a bridge of the
same training that starts from noise.

    python examples/benchmarks/bridge_relief.py
"""

import numpy as np
from _common import Report, arguments, described, seconds_of_fit

from skgen import SchrodingerBridgeMatcher
from skgen.datasets import load_relief

EDGES = np.linspace(-8000, 6000, 57)


def coarsen(rows):
    """Return means over blocks of 6 x 6 pixels."""
    return rows.reshape(-1, 32, 32)[:, 1:31, 1:31].reshape(-1, 5, 6, 5, 6).mean((2, 4))


def log_counts(rows):
    """Return the log10 of one plus the counts of heights."""
    return np.log10(1 + np.histogram(rows, EDGES)[0])


def log_spectrum(rows):
    """Return the log10 of the mean power at each whole wavenumber of a crop, up to 15."""
    window = np.hanning(32)[:, None] * np.hanning(32)
    images = rows.reshape(-1, 32, 32)
    power = np.abs(np.fft.fft2((images - images.mean((1, 2), keepdims=True)) * window)) ** 2
    frequency = np.fft.fftfreq(32, 1 / 32)
    radius = np.rint(np.hypot(frequency[:, None], frequency)).astype(int).ravel()
    total = np.bincount(radius, power.mean(0).ravel())
    return np.log10((total / np.bincount(radius))[1:16])


def run(report, options, seed):
    fine = load_relief(1000, subset="fine", random_state=seed).data
    coarse = load_relief(1000, subset="coarse", random_state=seed + 100).coarse
    test = load_relief(300, subset="test", random_state=seed + 200)
    more = load_relief(300, subset="test", random_state=seed + 300)
    model = SchrodingerBridgeMatcher(
        sigma=0.08,
        coupling="reference",
        input_shape=(1, 32, 32),
        max_steps=options.max_steps or 400,
        batch_size=32,
        net_params={"autocast_dtype": "bfloat16"},
        random_state=seed,
    )
    free = SchrodingerBridgeMatcher(**{**model.get_params(), "coupling": "independent"})
    seconds = seconds_of_fit(model, fine, source=coarse)
    report.add("relief", described(model), seed, "seconds of fit", seconds)
    free.fit(fine)
    for name, rows in (
        ("bicubic interpolation", test.coarse),
        ("bridge, flow", model.inverse_transform(test.coarse)),
        ("bridge, process", model.inverse_transform(test.coarse, stochastic=True)),
        ("bridge from noise", free.sample(300)),
        ("other real crops", more.data),
    ):
        counts = np.abs(log_counts(rows) - log_counts(test.data)).mean()
        power = np.abs(log_spectrum(rows) - log_spectrum(test.data)).mean()
        gap = np.sqrt(np.mean((coarsen(rows) - coarsen(test.coarse)) ** 2))
        report.add("relief", name, seed, "log-frequencies of heights", counts)
        report.add("relief", name, seed, "log-power spectrum", power)
        report.add("relief", name, seed, "coarsened less input, m", gap)


def main():
    options = arguments(__doc__, seeds=range(2)).parse_args()
    report = Report(__file__, options)
    for seed in options.seed:
        run(report, options, seed)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
