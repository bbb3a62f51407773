r"""Gaussian diffusion, and what is built of it, against distributions whose answers are known.

A network whose last layer is zero leaves the exact denoiser of a Gaussian distribution. With it,
the bound is quadratic in the noise, and every sampler is linear in it, so that most of what follows
is free of sampling error: :class:`SigmaPoints` gives the mean of a quadratic function exactly, and
:func:`moments` pushes one unit of each noise coordinate through a sampler, whose covariance is
then :math:`\sum_k a_k a_k^\top`.
"""

import numpy as np
import pytest
import torch
from torch import nn

from skgen.datasets import CorrelatedGaussian
from skgen.networks.mlp import ResidualMLP, initialize
from skgen.papers.gaussian_diffusion import GaussianDiffusion
from skgen.papers.principal_axes import PrincipalAxes
from skgen.papers.representation import _largest_deviation, input_noise
from skgen.papers.variational_diffusion_ae import DiffusionAutoencoder, maximum_mean_discrepancy
from skgen.processes.noise import GeneratorNoise
from skgen.processes.schedules import SCHEDULES, alpha_sigma

GAUSSIAN = CorrelatedGaussian(5)
MEAN, COVARIANCE = torch.from_numpy(GAUSSIAN.mean), torch.from_numpy(GAUSSIAN.covariance)
PREDICTIONS = ["v", "epsilon", "x", "score"]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def exact_axes():
    """Turn to the axes of the distribution itself, with nothing estimated."""
    axes = PrincipalAxes(5, rotate=True).double()
    variance, basis = torch.linalg.eigh(COVARIANCE)
    axes.mean.copy_(MEAN)
    axes.scale.copy_(variance.sqrt())
    axes.basis.copy_(basis)
    return axes


def exact(prediction="v", schedule="linear", n_timesteps=None, gammas=(-10.0, 7.0), zero=True):
    """Make the diffusion of the distribution; its network is zero, or else a random one."""
    network = ResidualMLP(5, 5, 32 + 1, width=16, depth=1, zero_output=zero)
    noise_levels = SCHEDULES[schedule](*gammas)
    diffusion = GaussianDiffusion(network, exact_axes(), noise_levels, prediction, n_timesteps)
    initialize(network, generator())
    if schedule == "learned":
        noise_levels.reset_parameters(generator())
        with torch.no_grad():
            noise_levels.log_height += 0.3 * torch.randn(9, generator=generator(1))
    return diffusion.double().eval().requires_grad_(False)


def context(rows):
    return rows.new_zeros(len(rows), 1)


class SigmaPoints:
    """Noise whose mean over the rows is exact for what is quadratic in it.

    Every time of an even grid meets the points +-sqrt(d) e_j, of mean 0 and covariance I.
    """

    def __init__(self, d, n_times):
        root = d**0.5 * torch.eye(d, dtype=torch.float64)
        self.points = torch.cat([root, -root]).repeat(n_times, 1)
        grid = (torch.arange(n_times, dtype=torch.float64) + 0.5) / n_times
        self.grid = grid.repeat_interleave(2 * d)

    def normal(self, like):
        return self.points

    def times(self, like):
        return self.grid


def mean_bound(diffusion, row, n_times=2000):
    """Average the bound of one row over times and noise."""
    noise = SigmaPoints(5, n_times)
    rows = row.expand(len(noise.grid), -1)
    return float(diffusion.bound(noise, rows, context(rows)).mean())


class Impulses:
    """Noise that is zero but for one unit: row k d + j has it in call k, column j."""

    def __init__(self):
        self.call = 0

    def normal(self, like):
        n, d = like.shape
        drawn = torch.zeros_like(like)
        rows = torch.arange(self.call * d, min((self.call + 1) * d, n))
        drawn[rows, rows % d] = 1.0
        self.call += 1
        return drawn


def moments(diffusion, predictor, sampler, n_steps):
    """Return mean and covariance of what a sampler draws, exact for a linear predictor."""
    calls = 1 + n_steps * {"ancestral": 1, "predictor-corrector": 2}.get(sampler, 0)
    noise, d = Impulses(), 5
    # The last row gets no noise at all: it ends at the mean.
    like = torch.zeros(calls * d + 1, d, dtype=torch.float64)
    rows = diffusion.run(noise, noise.normal(like), predictor, sampler, n_steps)
    assert noise.call == calls
    moved = rows[:-1] - rows[-1]
    return rows[-1], moved.T @ moved


def relative(found, expected):
    """Return the error of a matrix as a share of its Frobenius norm."""
    return float(torch.linalg.norm(found - expected) / torch.linalg.norm(expected))


# The denoiser


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_a_zero_network_is_the_exact_denoiser(prediction):
    """E[x | z] of N(mean, Sigma) is mean + alpha Sigma (alpha^2 Sigma + sigma^2 I)^-1 (z - ..)."""
    diffusion = exact(prediction)
    z = torch.randn(7, 5, generator=generator(), dtype=torch.float64)
    for level in (-10.0, -1.0, 0.0, 3.0, 7.0):
        gamma = torch.full((7,), level, dtype=torch.float64)
        alpha, sigma = alpha_sigma(gamma[0])
        basis = diffusion.axes.basis
        gain = (
            alpha
            * COVARIANCE
            @ torch.linalg.inv(alpha**2 * COVARIANCE + sigma**2 * torch.eye(5).double())
        )
        epsilon_hat, x_hat = diffusion.predict(z, gamma, context(z))
        torch.testing.assert_close(x_hat @ basis.T, z @ basis.T @ gain.T)
        torch.testing.assert_close(alpha * x_hat + sigma * epsilon_hat, z)


@pytest.mark.statistical
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_noise_and_clean_row_agree_for_any_network(prediction):
    diffusion = exact(prediction, zero=False)
    z = torch.randn(50, 5, generator=generator(), dtype=torch.float64)
    gamma = torch.linspace(-10, 7, 50, dtype=torch.float64)
    epsilon_hat, x_hat = diffusion.predict(z, gamma, context(z))
    alpha, sigma = (part[:, None] for part in alpha_sigma(gamma))
    torch.testing.assert_close(alpha * x_hat + sigma * epsilon_hat, z)
    # The network does have a say: the Gaussian answer is another one.
    assert (x_hat - exact(prediction).predict(z, gamma, context(z))[1]).abs().max() > 0.01


def test_a_network_output_means_velocity_noise_row_or_score():
    """On axes of unit variance F is added to the quantity that is predicted."""
    z = torch.randn(4, 5, generator=generator(), dtype=torch.float64)
    gamma = torch.linspace(-4, 4, 4, dtype=torch.float64)
    alpha, sigma = (part[:, None] for part in alpha_sigma(gamma))
    quantities = {
        "v": lambda e, x: alpha * e - sigma * x,
        "epsilon": lambda e, x: e,
        "x": lambda e, x: x,
        "score": lambda e, x: -e / sigma,
    }
    for prediction, quantity in quantities.items():
        difference, outputs = [], []
        for zero in (True, False):
            diffusion = exact(prediction, zero=zero)
            diffusion.axes.scale.fill_(1.0)
            diffusion.network.register_forward_hook(lambda m, a, F, o=outputs: o.append(F))
            difference.append(quantity(*diffusion.predict(z, gamma, context(z))))
        torch.testing.assert_close(difference[1] - difference[0], outputs[1])


# The bound


@pytest.mark.statistical
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_bound_is_the_log_density_of_gaussian_data(prediction):
    """Row by row: with the exact denoiser the bound is tight.

    What the ends leave is of the order exp(gamma_0) / min variance (1e-5 here) and
    exp(-gamma_1) max variance (4e-4), times a few squared standard deviations.
    """
    diffusion = exact(prediction, gammas=(-14.0, 9.0))
    rows = GAUSSIAN.sample(4, random_state=0)
    for row, log_density in zip(rows, GAUSSIAN.log_density(rows), strict=True):
        assert mean_bound(diffusion, torch.from_numpy(row)) == pytest.approx(-log_density, abs=2e-3)


def test_the_t_step_bound_falls_to_the_continuous_one():
    row = torch.from_numpy(GAUSSIAN.sample(1, random_state=1)[0])
    limit = mean_bound(exact(), row)
    gaps = [
        mean_bound(exact(n_timesteps=T), row, n_times=T) - limit for T in (25, 50, 100, 200, 400)
    ]
    assert gaps[-1] > 0
    # First order: a gap halves when the steps double, ever more exactly.
    ratios = np.divide(gaps[:-1], gaps[1:])
    assert np.all(np.diff(ratios) < 0)
    assert ratios[-1] == pytest.approx(2.0, abs=0.05)


@pytest.mark.statistical
def test_the_continuous_bound_does_not_depend_on_the_schedule():
    row = torch.from_numpy(GAUSSIAN.sample(1, random_state=2)[0])
    bounds = [mean_bound(exact(schedule=name), row, n_times=10_000) for name in SCHEDULES]
    # In few steps it does.
    coarse = [mean_bound(exact(schedule=s, n_timesteps=20), row, n_times=20) for s in SCHEDULES]
    assert np.ptp(bounds) < 2e-3
    assert np.ptp(coarse) > 0.1


@pytest.mark.statistical
def test_a_worse_denoiser_has_a_higher_bound():
    """The mean over the distribution's own rows cannot fall below their entropy."""
    rows = torch.from_numpy(GAUSSIAN.sample(4000, random_state=3))
    noise = GeneratorNoise(generator())
    right, wrong = (
        exact(zero=zero).bound(GeneratorNoise(generator(4)), rows, context(rows))
        for zero in (True, False)
    )
    excess = right.double().numpy() + GAUSSIAN.log_density(rows.numpy())
    assert abs(excess.mean()) < 4 * excess.std() / 4000**0.5
    assert wrong.mean() > right.mean() + 1
    # The loss of the representation stage is least for the exact denoiser, too.
    right, wrong = (
        exact(zero=zero).denoising_loss(noise, rows, context(rows)).mean() for zero in (True, False)
    )
    assert wrong > right


def test_a_learned_schedule_descends_the_variance():
    """In training the gradient is that of the squared loss, whose mean is all that can change."""
    rows = torch.from_numpy(GAUSSIAN.sample(300, random_state=4))
    gradients = []
    for training in (False, True):
        diffusion = exact(schedule="learned", zero=False).train(training)
        diffusion.schedule.requires_grad_(True)
        noise = GeneratorNoise(generator(5))
        _, _, loss, _ = diffusion._diffusion_loss(noise, rows, context(rows))
        # Per row: half the gradient of its square, as a mean of n rows hands down 1/n of each.
        (loss.square() / 300 if not training else loss).mean().backward()
        gradients.append(diffusion.schedule.log_height.grad)
    torch.testing.assert_close(gradients[1], gradients[0])


# Sampling


@pytest.mark.parametrize(
    ("sampler", "n_steps", "tolerance", "order"),
    [
        ("heun", 80, 0.0035, 2),
        ("ddim", 200, 0.06, 1),
        ("ancestral", 400, 0.03, 1),
        ("predictor-corrector", 400, 0.03, None),
    ],
)
def test_samplers_reproduce_a_gaussian(sampler, n_steps, tolerance, order):
    diffusion = exact()

    def predictor(z, gamma):
        return diffusion.predict(z, gamma, context(z))[0]

    mean, covariance = moments(diffusion, predictor, sampler, n_steps)
    torch.testing.assert_close(mean, MEAN)
    error = relative(covariance, COVARIANCE)
    assert error < tolerance
    if order is not None:
        coarse = relative(moments(diffusion, predictor, sampler, n_steps // 2)[1], COVARIANCE)
        assert np.log2(coarse / error) == pytest.approx(order, abs=0.4)


# Missing entries


def completed_moments(row, observed, n_levels=20):
    """Return mean and covariance of what the exact denoiser draws of a row's missing entries."""
    # One call to begin with; a level adds noise and comes back in four steps of two calls.
    noise, n = Impulses(), 5 * (1 + n_levels * 9) + 1
    rows = row.expand(n, -1)
    drawn = exact().complete(noise, rows, observed.expand(n, -1), context(rows), n_levels)
    assert noise.call == n // 5
    moved = drawn[:-1] - drawn[-1]
    return drawn[-1], moved.T @ moved


@pytest.mark.parametrize(
    "missing", [[0], [4], [0, 1], [1, 3], [0, 2, 4], [0, 1, 2, 3], [0, 1, 2, 3, 4]]
)
def test_imputation_of_gaussian_data(missing):
    """Without sampling error: mean and covariance as the linear map of the noise gives them."""
    row = GAUSSIAN.sample(1, random_state=5)[0]
    with_holes = row.copy()
    with_holes[missing] = np.nan
    mean, covariance = GAUSSIAN.conditional(with_holes)
    observed = torch.from_numpy(~np.isnan(with_holes))
    found_mean, found = completed_moments(torch.from_numpy(row), observed)
    deviation = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(found_mean[missing].numpy() - mean) < 1e-6 * deviation)
    found = found[missing][:, missing]
    assert relative(found, torch.from_numpy(covariance)) < 1e-6
    if observed.any():
        np.testing.assert_allclose(found_mean[observed], row[observed.numpy()], atol=1e-6)


@pytest.mark.statistical
def test_imputation_needs_the_correlations_of_the_noise(monkeypatch):
    """A check of the check: replacing the observed entries alone leaves the others too free."""
    diffusion = exact()
    row = torch.from_numpy(GAUSSIAN.sample(1, random_state=5)[0])
    with_holes = row.numpy().copy()
    with_holes[[1, 3]] = np.nan
    _, covariance = GAUSSIAN.conditional(with_holes)
    observed = torch.from_numpy(~np.isnan(with_holes))
    axes = diffusion.axes

    def replace(z, gamma):
        _, x_hat = diffusion.predict(z, gamma, context(z))
        columns = torch.where(observed, row, axes.from_axes(x_hat))
        alpha, sigma = (part[:, None] for part in alpha_sigma(gamma))
        return (z - alpha * axes.to_axes(columns)) / sigma

    found = moments(diffusion, replace, "heun", 40)[1][[1, 3]][:, [1, 3]]
    assert relative(found, torch.from_numpy(covariance)) > 0.2

    def replaced(axes, rows, variance, target, patterns, which):
        return torch.where(patterns[which], target, rows @ axes.basis.T) @ axes.basis

    # Nor do many levels of noise make up for them.
    monkeypatch.setattr(PrincipalAxes, "agree", replaced)
    found = completed_moments(row, observed, 40)[1][[1, 3]][:, [1, 3]]
    assert relative(found, torch.from_numpy(covariance)) > 0.1


# Guidance


def test_a_linear_guide_shifts_the_mean_by_sigma_b():
    """N(mean, Sigma) times exp(b'x) is N(mean + Sigma b, Sigma)."""
    # A noisy end at which nothing is left of the shift: at gamma_1 = 7, alpha_1 = .03 of it is.
    diffusion = exact(gammas=(-10.0, 12.0))
    b = torch.tensor([0.5, -0.3, 0.0, 0.4, -0.2], dtype=torch.float64)

    def predictor(z, gamma):
        part = DiffusionAutoencoder._predictor(
            diffusion, context(z), guide=lambda x: x @ b, to_data=lambda x: x
        )
        return part(z, gamma)

    mean, covariance = moments(diffusion, predictor, "heun", 80)
    shift = COVARIANCE @ b
    assert float((mean - MEAN - shift).norm() / shift.norm()) < 0.02
    assert relative(covariance, COVARIANCE) < 0.02


def test_classifier_free_guidance_extrapolates():
    diffusion = exact(zero=False)
    # A random modulation, so that the context has a say.
    for block in diffusion.network.blocks:
        block.modulate.weight.normal_(generator=generator(1))
        block.outer.weight.normal_(generator=generator(2))
    z = torch.randn(6, 5, generator=generator(), dtype=torch.float64)
    gamma = torch.linspace(-3, 3, 6, dtype=torch.float64)
    here, nowhere = torch.ones(6, 1).double(), torch.zeros(6, 1).double()
    with_it, without = (diffusion.predict(z, gamma, c)[0] for c in (here, nowhere))
    assert not torch.allclose(with_it, without)
    for scale in (0.0, 0.5, 2.0):
        predictor = DiffusionAutoencoder._predictor(diffusion, here, nowhere, scale)
        torch.testing.assert_close(predictor(z, gamma), (1 + scale) * with_it - scale * without)
    alone = DiffusionAutoencoder._predictor(diffusion, here)
    torch.testing.assert_close(alone(z, gamma), with_it)


# Parts


@pytest.mark.statistical
def test_mmd_of_batches():
    w = torch.randn(60, 3, generator=generator(), dtype=torch.float64)
    assert float(maximum_mean_discrepancy(w, w)) == pytest.approx(0.0, abs=1e-12)
    assert float(maximum_mean_discrepancy(w, w[torch.randperm(60, generator=generator())])) < 1e-12
    near, far = (float(maximum_mean_discrepancy(w, w + shift)) for shift in (0.5, 3.0))
    assert 0 < near < far


@pytest.mark.statistical
def test_largest_deviation_is_that_of_the_first_axis():
    rows = torch.from_numpy(GAUSSIAN.sample(1000, random_state=0))
    first = torch.linalg.eigvalsh(torch.cov(rows.T, correction=0))[-1].sqrt()
    assert _largest_deviation(rows) == pytest.approx(float(first), rel=1e-3)
    assert _largest_deviation(torch.ones(5, 2)) == 0.0


def test_input_noise_stays_within_a_column():
    # A hundred copies of one column of deviation 2: the first axis has ten times as much.
    column = 2 * torch.linspace(-1, 1, 101, dtype=torch.float64)[:, None] * 3**0.5 / 1.01
    rows = column.expand(-1, 100)
    deviation = float(column.std(correction=0))
    assert input_noise(rows, 0.05) == pytest.approx(0.5 * deviation, rel=1e-6)
    assert input_noise(rows, 0.33) == pytest.approx(deviation, rel=1e-6)


@pytest.mark.statistical
def test_principal_axes():
    axes = PrincipalAxes(5, rotate=True).double()
    rows = torch.from_numpy(GAUSSIAN.sample(3000, random_state=0))
    axes.fit(rows)
    turned = axes.to_axes(rows)
    torch.testing.assert_close(axes.from_axes(turned), rows)
    # A thirty-thousandth of the mean variance is added to each.
    torch.testing.assert_close(
        torch.cov(turned.T, correction=0), torch.diag(axes.scale**2), atol=1e-3, rtol=0
    )
    assert axes.rotate
    plain = PrincipalAxes(5, rotate=False).double()
    plain.fit(rows)
    torch.testing.assert_close(plain.from_axes(plain.to_axes(rows)), rows)
    assert plain.scale.unique().numel() == 1
    assert isinstance(plain, nn.Module)
