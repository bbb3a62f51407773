r"""The variational diffusion autoencoder against laws whose answers are known.

A network whose last layer is zero leaves the exact denoiser of a Gaussian law. With it, the bound
is quadratic in the noise, and every sampler is linear in it, so that most of what follows is free
of sampling error: :class:`SigmaPoints` gives the mean of a quadratic function exactly, and
:func:`moments` pushes one unit of each noise coordinate through a sampler, whose covariance is
then :math:`\sum_k a_k a_k^\top`.
"""

import warnings

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from skorch.callbacks import Callback
from torch import nn

from skgen import VariationalDiffusionAE
from skgen.data.row_map import Data
from skgen.datasets import CorrelatedGaussian
from skgen.networks.mlp import ResidualMLP, initialize
from skgen.papers.gaussian_diffusion import GaussianDiffusion
from skgen.papers.principal_axes import PrincipalAxes
from skgen.papers.representation import _largest_deviation, input_noise
from skgen.papers.variational_diffusion_ae import (
    SCORE_DRAWS,
    DiffusionAutoencoder,
    maximum_mean_discrepancy,
)
from skgen.processes.noise import GeneratorNoise
from skgen.processes.schedules import SCHEDULES, alpha_sigma

LAW = CorrelatedGaussian(5)
MEAN, COVARIANCE = torch.from_numpy(LAW.mean), torch.from_numpy(LAW.covariance)
PREDICTIONS = ["v", "epsilon", "x", "score"]
IRIS = load_iris().data
# For what depends neither on the width of a network nor on the steps of a draw.
NARROW = {"hidden_units": 32, "n_steps": 8, "random_state": 0}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def exact_axes():
    """Turn to the axes of the law itself, with nothing estimated."""
    axes = PrincipalAxes(5, rotate=True).double()
    variance, basis = torch.linalg.eigh(COVARIANCE)
    axes.mean.copy_(MEAN)
    axes.scale.copy_(variance.sqrt())
    axes.basis.copy_(basis)
    return axes


def exact(prediction="v", schedule="linear", n_timesteps=None, gammas=(-10.0, 7.0), zero=True):
    """Make the diffusion of the law; its network is zero, or else a random one."""
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
    rows = LAW.sample(4, random_state=0)
    for row, log_density in zip(rows, LAW.log_density(rows), strict=True):
        assert mean_bound(diffusion, torch.from_numpy(row)) == pytest.approx(-log_density, abs=2e-3)


def test_the_t_step_bound_falls_to_the_continuous_one():
    row = torch.from_numpy(LAW.sample(1, random_state=1)[0])
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
    row = torch.from_numpy(LAW.sample(1, random_state=2)[0])
    bounds = [mean_bound(exact(schedule=name), row, n_times=10_000) for name in SCHEDULES]
    # In few steps it does.
    coarse = [mean_bound(exact(schedule=s, n_timesteps=20), row, n_times=20) for s in SCHEDULES]
    assert np.ptp(bounds) < 2e-3
    assert np.ptp(coarse) > 0.1


@pytest.mark.statistical
def test_a_worse_denoiser_has_a_higher_bound():
    """The mean over the law's own rows cannot fall below their entropy."""
    rows = torch.from_numpy(LAW.sample(4000, random_state=3))
    noise = GeneratorNoise(generator())
    right, wrong = (
        exact(zero=zero).bound(GeneratorNoise(generator(4)), rows, context(rows))
        for zero in (True, False)
    )
    excess = right.double().numpy() + LAW.log_density(rows.numpy())
    assert abs(excess.mean()) < 4 * excess.std() / 4000**0.5
    assert wrong.mean() > right.mean() + 1
    # The loss of the representation stage is least for the exact denoiser, too.
    right, wrong = (
        exact(zero=zero).denoising_loss(noise, rows, context(rows)).mean() for zero in (True, False)
    )
    assert wrong > right


def test_a_learned_schedule_descends_the_variance():
    """In training the gradient is that of the squared loss, whose mean is all that can change."""
    rows = torch.from_numpy(LAW.sample(300, random_state=4))
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


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize(
    ("sampler", "tolerance"),
    [("ancestral", 0.22), ("ddim", 0.15), ("heun", 0.06), ("predictor-corrector", 0.22)],
)
def test_the_estimator_samples_with_each_sampler(sampler, tolerance):
    """Errors of a covariance over eight seeds: .126, .082, .024 and .119, with a spread of .02.

    All but Heun's are of the first order, and fall with the number of steps.
    """
    X = LAW.sample(3000, random_state=0)
    model = VariationalDiffusionAE(
        2, sampler=sampler, n_steps=60, max_steps=10, lr=1e-4, hidden_units=32, random_state=0
    ).fit(X)
    drawn = model.sample(2000)
    # The largest of five means errs by .034 deviations, with a spread of .016.
    assert np.all(np.abs(drawn.mean(0) - X.mean(0)) < 0.1 * X.std(0))
    assert relative(torch.from_numpy(np.cov(drawn.T)), torch.from_numpy(np.cov(X.T))) < tolerance


@pytest.mark.parametrize(
    ("n", "objective"), [(500, "representation"), (500, "likelihood"), (60, "representation")]
)
def test_what_is_half_drawn_of_a_table_goes_on_without_the_latent(monkeypatch, n, objective):
    made = {"objective": objective, "max_steps": 1, "hidden_units": 8, "random_state": 0}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The latent is empty")
        model = VariationalDiffusionAE(2, **made).fit(LAW.sample(n, random_state=0))
    decoder, seen = model.module_.decoder, []
    predict = decoder.predict

    def watched(z, gamma, context):
        seen.append((float(gamma[0]), *context[:, :3].abs().amin(0).tolist()))
        return predict(z, gamma, context)

    monkeypatch.setattr(decoder, "predict", watched)
    model._copies = {}
    model.sample(20)
    gamma, *latent, given = map(np.array, zip(*seen, strict=True))
    free = (gamma <= 0) & (objective == "representation")
    assert min((gamma > 0).sum(), (gamma <= 0).sum()) > 20
    np.testing.assert_array_equal(given, np.where(free, 0.0, 1.0))
    np.testing.assert_array_equal(np.all(latent, 0), ~free)


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
    row = LAW.sample(1, random_state=5)[0]
    with_holes = row.copy()
    with_holes[missing] = np.nan
    mean, covariance = LAW.conditional(with_holes)
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
    row = torch.from_numpy(LAW.sample(1, random_state=5)[0])
    with_holes = row.numpy().copy()
    with_holes[[1, 3]] = np.nan
    _, covariance = LAW.conditional(with_holes)
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


@pytest.mark.statistical
def test_two_thousand_completions_by_the_estimator():
    """Within 5% of the exact conditional law, beside what 2,000 draws cannot tell.

    The mean of 2,000 draws has a standard error of 1/sqrt(2000) = .022 standard deviations, and
    their covariance matrix of size k a relative error of about sqrt((k + 1)/2000) = .04, so that
    three standard errors come on top of the 5%.
    """
    X = LAW.sample(10_000, random_state=6)
    model = VariationalDiffusionAE(2, max_steps=20, lr=1e-4, hidden_units=32, random_state=0).fit(X)
    row = X[0].copy()
    row[[1, 3]] = np.nan
    mean, covariance = LAW.conditional(row)
    draws = model.impute(row[None], n_draws=2000)[:, 0]
    np.testing.assert_array_equal(draws[:, [0, 2, 4]], np.tile(X[0, [0, 2, 4]], (2000, 1)))
    error = np.abs(draws[:, [1, 3]].mean(0) - mean) / np.sqrt(np.diag(covariance))
    assert np.all(error < 0.05 + 3 * 0.022)
    found = np.cov(draws[:, [1, 3]].T)
    assert relative(torch.from_numpy(found), torch.from_numpy(covariance)) < 0.05 + 3 * 0.04


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


@pytest.mark.statistical
def test_a_guide_sees_rows_in_the_units_of_the_data():
    X = LAW.sample(2000, random_state=7) * 100 + 1000
    model = VariationalDiffusionAE(2, max_steps=10, lr=1e-4, hidden_units=32, random_state=0).fit(X)
    seen = []

    def guide(x):
        seen.append(x.detach())
        return 0.01 * x[:, 0]

    shift = model.sample(1000, guide=guide).mean(0) - model.sample(1000).mean(0)
    assert seen[-1].dtype == torch.float64
    np.testing.assert_allclose(seen[-1].mean(0), X.mean(0) + shift, rtol=0.2)
    expected = 0.01 * np.cov(X.T)[0]
    np.testing.assert_allclose(shift, expected, atol=0.15 * np.linalg.norm(expected))
    with pytest.raises(ValueError, match="guide must be callable"):
        model.sample(2, guide=3.0)


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


@pytest.mark.slow
@pytest.mark.statistical
def test_guidance_moves_samples_on_towards_their_condition():
    rng = np.random.default_rng(0)
    side = rng.integers(0, 2, 600)
    X = rng.normal(size=(600, 2)) + np.outer(2.0 * side - 1, [1.0, 1.0])
    model = VariationalDiffusionAE(
        2, kl_weight=0.01, max_steps=120, hidden_units=32, random_state=0
    ).fit(X, condition=side)
    means = [model.sample(300, condition=1, guidance_scale=s).mean() for s in (0.0, 1e-6, 2.0)]
    assert means[1] == pytest.approx(means[0], abs=1e-3)
    assert means[2] > means[0] + 0.2


# Discrete data


@pytest.fixture(scope="module")
def bits():
    """Draw pairs of bits with the probabilities .4, .1, .1, .4, and fit them."""
    pairs = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    p = np.array([0.4, 0.1, 0.1, 0.4])
    X = pairs[np.random.default_rng(0).choice(4, 1000, p=p)]
    model = VariationalDiffusionAE(
        2,
        likelihood="discrete",
        objective="likelihood",
        hidden_units=32,
        max_steps=200,
        random_state=0,
    )
    with pytest.warns(UserWarning, match="latent is empty"):
        model.fit(X)
    return pairs, p, X, model


@pytest.mark.statistical
def test_discrete_scores_are_those_of_probabilities(bits):
    """Over the whole grid they sum to one at most, and training has nearly spent that one.

    10,000 draws of a row leave a standard error of about .1 nats in its bound. What
    `score_samples` returns is the same with its own 64 draws, and errs by as much more.
    """
    pairs, p, X, model = bits
    rows, _ = model.scaler_.forward(torch.from_numpy(pairs))
    module, noise = model._module_in(torch.float64), GeneratorNoise(generator())
    with torch.no_grad():
        draws = -np.array(
            [module.negative_log_likelihood(noise, row.expand(10_000, -1), None) for row in rows]
        )
    log_probability, error = draws.mean(1), draws.std(1) / SCORE_DRAWS**0.5
    # Over 20 seeds the sum is .907, with a spread of .042.
    assert 0.7 < np.exp(log_probability).sum() < 1.1
    # No law beats the true one in the mean over its own rows, but for the error of these draws;
    # over 20 seeds the mean is .11 nats below, with a spread of .046.
    gap = p @ (log_probability - np.log(p))
    assert -0.3 < gap < 4 * np.sqrt(np.sum((p * draws.std(1) / 100) ** 2))
    assert np.all(np.abs(model.score_samples(pairs) - log_probability) < 4 * error)
    # The mean over X has four distinct rows, and their errors, in it.
    truth = np.log(p)[(2 * X[:, 0] + X[:, 1]).astype(int)].mean()
    assert model.score(X) < truth + 3 * np.sqrt(np.sum((p * error) ** 2))
    # The unit of the data has no part in a probability: what is added is the share of two levels
    # for those that no row had.
    added = model.row_map_.to_score(Data(pairs)).log_slope
    np.testing.assert_allclose(added, 2 * np.log1p(-1 / (len(X) + 1)))


@pytest.mark.statistical
def test_discrete_samples_lie_on_the_grid(bits):
    pairs, p, _, model = bits
    drawn = model.sample(1000)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    share = np.array([(drawn == pair).all(1).mean() for pair in pairs])
    # A binomial deviation is .016, and training was short: over 20 seeds the largest difference is
    # .053, with a spread of .021. That of even shares is .15.
    assert np.abs(share - p).max() < 0.14


def test_levels_are_checked():
    X = np.random.default_rng(2).integers(0, 3, size=(40, 2)).astype(float)
    made = {"likelihood": "discrete", "max_steps": 5, **NARROW}
    with pytest.raises(ValueError, match=r"X\[\d+, \d+\] is 2.0, which is not among the levels"):
        VariationalDiffusionAE(2, levels=[0, 1], **made).fit(X)
    with pytest.raises(ValueError, match="two or more finite"):
        VariationalDiffusionAE(2, levels=[1.0], **made).fit(X)
    with pytest.raises(ValueError, match=r"has 300\s+values, more than 256"):
        VariationalDiffusionAE(2, **made).fit(np.random.default_rng(3).normal(size=(300, 2)))
    # Levels that no row has can be drawn, and scored.
    model = VariationalDiffusionAE(2, levels=[0, 1, 2, 3], **made).fit(X)
    assert set(np.unique(model.sample(500))) <= {0.0, 1.0, 2.0, 3.0}


def test_rows_between_levels_are_unlikely_and_have_no_place_in_a_later_piece(bits):
    """One level in n + 1 is new, and is one of 256 near each that was seen."""
    pairs, X, _, model = bits
    between, below, above = model.score_samples([[0.0, 0.5], [0.0, 0.0], [0.0, 1.0]])
    assert between <= max(below, above) - np.log(256 * len(X))
    made = {"likelihood": "discrete", "max_steps": 5, **NARROW}
    model = VariationalDiffusionAE(2, **made).partial_fit(np.tile(pairs, (5, 1)))
    with pytest.raises(ValueError, match="level"):
        model.partial_fit(np.tile(pairs + 0.5, (5, 1)))


# The two objectives


@pytest.mark.slow
@pytest.mark.statistical
def test_the_likelihood_objective_reaches_the_density():
    law = CorrelatedGaussian(2)
    X, X_test = law.sample(2000, random_state=0), law.sample(1000, random_state=1)
    model = VariationalDiffusionAE(
        2, objective="likelihood", max_steps=200, hidden_units=32, random_state=0
    )
    with pytest.warns(UserWarning, match="latent is empty"):
        model.fit(X)
    assert model.latent_kl_ < 0.05
    found, truth = model.score_samples(X_test), law.log_density(X_test)
    difference = found - truth
    assert difference.mean() < 3 * difference.std() / len(X_test) ** 0.5
    assert difference.mean() > -0.1 * 2


@pytest.mark.slow
@pytest.mark.statistical
def test_the_representation_objective_fills_the_latent():
    law = CorrelatedGaussian(4)
    X, X_test = law.sample(1200, random_state=0), law.sample(400, random_state=1)
    model = VariationalDiffusionAE(3, max_steps=250, random_state=0).fit(X)
    assert model.latent_kl_ > 1
    probe = LinearRegression().fit(model.transform(X), X)
    assert probe.score(model.transform(X_test), X_test) > 0.8
    # And a row comes back from its latent.
    residual = model.inverse_transform(model.transform(X_test)) - X_test
    assert np.mean(residual**2 / X.var(0)) < 0.3


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("prior", ["diffusion", "normal"])
def test_a_full_latent_is_paid_for_in_the_score(prior):
    X, X_test = LAW.sample(600, random_state=0), LAW.sample(300, random_state=1)
    made = {"max_steps": 100, "hidden_units": 32, "random_state": 0}
    model = VariationalDiffusionAE(3, prior=prior, **made).fit(X)
    assert model.latent_kl_ > 0.5
    difference = model.score_samples(X_test) - LAW.log_density(X_test)
    assert difference.mean() < 3 * difference.std() / len(X_test) ** 0.5


@pytest.mark.statistical
def test_on_few_rows_the_encoder_starts_at_the_best_linear_one():
    """A latent a x + sqrt(s) e of a component of variance V leaves V s / (a^2 V + s) of it."""
    X = LAW.sample(100, random_state=0)
    model = VariationalDiffusionAE(
        3, scaling="standard", max_steps=1, lr=1e-9, validation_fraction=0.0, random_state=0
    ).fit(X)
    rows = torch.from_numpy((X - X.mean(0)) / X.std(0)).float()
    mean, log_var = model.module_.posterior(rows, rows[:, :0])
    whole = PCA(whiten=True).fit(rows.numpy())
    components, variances = whole.transform(rows.numpy()), whole.explained_variance_ * 99 / 100
    for j, variance in enumerate(variances[:3]):
        kept = float(log_var[0, j].exp())
        assert abs(np.corrcoef(mean[:, j], components[:, j])[0, 1]) > 0.9999
        assert float(mean[:, j].var()) == pytest.approx(1 - kept, rel=0.02)

        def loss(parameters, variance=variance):
            a, s = np.exp(parameters)
            spread = a**2 * variance + s
            kl = 0.5 * (spread - 1 - np.log(s))
            return 0.5 * variance * s / spread + model.kl_weight / 5 * kl

        best = minimize(loss, [0.0, -1.0], tol=1e-10).x
        assert kept == pytest.approx(np.exp(best[1]), rel=0.01)
    # Noise enough for the last of the components.
    assert model.module_.encoder_noise == pytest.approx(0.33 * variances[2] ** 0.5, rel=1e-5)


@pytest.mark.statistical
@pytest.mark.parametrize("kl_weight", [0.12, 0.0])
def test_latents_beyond_the_rank_leave_the_noise(kl_weight):
    X = np.random.default_rng(0).normal(size=(100, 2)) @ [[1, 2, 0, 1], [0, 1, 1, -1]]
    told, beyond = (
        VariationalDiffusionAE(k, kl_weight=kl_weight, max_steps=1, random_state=0).fit(X)
        for k in (2, 4)
    )
    assert told.module_.encoder_noise > 0.05
    assert beyond.module_.encoder_noise == told.module_.encoder_noise


@pytest.mark.statistical
def test_few_rows_of_one_unit_keep_what_a_small_component_tells():
    """Three groups, two of them apart along an axis that has a twentieth of the variance."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 40)
    centres = np.array([[-3, -3, -3, 0], [1.5, 1.5, 1.5, 1.2], [1.5, 1.5, 1.5, -1.2]])
    X = centres[y] + 0.3 * rng.normal(size=(120, 4))
    model = VariationalDiffusionAE(2, random_state=0).fit(X[::2])
    features, held = model.transform(X[::2]), model.transform(X[1::2])
    # Groups 8 deviations apart are told by any linear classifier that sees the axis.
    assert LogisticRegression().fit(features, y[::2]).score(held, y[1::2]) > 0.95


@pytest.mark.slow
@pytest.mark.statistical
def test_the_kl_weight_empties_the_latent():
    X = LAW.sample(500, random_state=8)
    made = {"max_steps": 80, "hidden_units": 32, "random_state": 0}
    with warnings.catch_warnings():
        # How empty depends on the rounding of the machine, and so does the warning.
        warnings.filterwarnings("ignore", message="The latent is empty")
        free, held = (
            VariationalDiffusionAE(2, kl_weight=w, **made).fit(X).latent_kl_ for w in (0.0, 3.0)
        )
    assert free > 1
    assert held < 0.3 * free


@pytest.mark.parametrize("objective", ["representation", "likelihood"])
def test_two_stages_and_a_code_that_later_pieces_keep(objective):
    made = {"objective": objective, "max_steps": 20, "kl_weight": 0.01, **NARROW}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The latent is empty")
        model = VariationalDiffusionAE(2, **made).fit(IRIS)
        stages = list(dict.fromkeys(row["stage"] for row in model.history_))
        assert len(stages) == len(model.nets_) == 2
        assert model.n_steps_ == 40
        model = VariationalDiffusionAE(2, **made).partial_fit(IRIS)
        before = model.transform(IRIS), model.sample(5)
        model.partial_fit(IRIS + 0.1)
    assert [row["stage"] for row in model.history_][-1] == stages[-1]
    np.testing.assert_array_equal(model.transform(IRIS), before[0])
    assert not np.array_equal(model.sample(5), before[1])


@pytest.mark.parametrize(("n", "code", "law"), [(90, 60, 90), (300, 703, 1290), (970, 2273, 4500)])
def test_the_steps_of_a_stage_follow_the_rows(n, code, law):
    """4 a row beyond 100, up to 3,000 and 300 passes; then half as many again, and 600 passes."""
    model = VariationalDiffusionAE(2, max_steps=1, **NARROW).fit(IRIS)
    train, valid = {"x": torch.zeros(n, 4)}, {"x": torch.zeros(10, 4)}
    for max_steps, expected in ((None, (code, law)), (70, (70, 70))):
        model.set_params(max_steps=max_steps)
        model.module_.settled = False
        plan = model._n_stage_steps(n)
        noise = GeneratorNoise(torch.Generator().manual_seed(0))
        stages = model._stages(model.module_, train, valid, noise)
        assert tuple(round(stage.effort * plan) for stage in stages) == expected


@pytest.mark.slow
@pytest.mark.statistical
def test_the_latent_alone_tells_the_row():
    X = LAW.sample(500, random_state=9)
    made = {"max_steps": 150, "hidden_units": 32, "scaling": "standard", "random_state": 0}
    module = VariationalDiffusionAE(5, **made).fit(X).module_
    rows = torch.from_numpy((X - X.mean(0)) / X.std(0)).float()
    told = module.decoder.axes.scale * module.head(module.encode(rows, None), rows[:, :0])
    error = (module.decoder.axes.to_axes(rows) - told).square().sum(1).mean()
    # As many latents as columns: all could be told, and nothing would leave an error of 5.
    assert error < 1.25
    assert (
        VariationalDiffusionAE(2, objective="likelihood", max_steps=1).fit(X).module_.head is None
    )


class PressCtrlC(Callback):
    """Interrupts training at a step, as a user would, once."""

    def __init__(self, step):
        self.step, self.pressed = step, False

    def on_batch_end(self, net, training, **kwargs):
        if training and net.step_ == self.step and not self.pressed:
            self.pressed = True
            raise KeyboardInterrupt


@pytest.mark.parametrize("step", [5, 15])
def test_an_interrupted_code_is_gone_on_with(step):
    """Before the first evaluation, at step 10, and after it."""
    model = VariationalDiffusionAE(
        2, max_steps=20, warm_start=True, callbacks=[PressCtrlC(step)], **NARROW
    )
    with pytest.warns(UserWarning, match=f"at step {step} of 20"):
        model.fit(IRIS)
    before = model.transform(IRIS)
    model.fit(IRIS)
    assert len(model.nets_) == 2
    assert not np.array_equal(model.transform(IRIS), before)


# Latent space


def test_interpolation_meets_its_ends():
    model = VariationalDiffusionAE(2, max_steps=60, **NARROW).fit(IRIS)
    A, B = IRIS[:3], IRIS[-3:]
    lines = model.interpolate(A, B, n=5)
    assert lines.shape == (3, 5, 4)
    Z = model.transform(A), model.transform(B)
    for place, share in ((0, 0.0), (2, 0.5), (-1, 1.0)):
        expected = model.inverse_transform((1 - share) * Z[0] + share * Z[1])
        np.testing.assert_allclose(lines[:, place], expected, rtol=1e-6, atol=1e-6)
    with pytest.raises(ValueError, match="at least 2"):
        model.interpolate(A, B, n=1)
    with pytest.raises(ValueError, match="pair up"):
        model.interpolate(A, IRIS[:2])


@pytest.mark.statistical
def test_mmd_of_batches():
    w = torch.randn(60, 3, generator=generator(), dtype=torch.float64)
    assert float(maximum_mean_discrepancy(w, w)) == pytest.approx(0.0, abs=1e-12)
    assert float(maximum_mean_discrepancy(w, w[torch.randperm(60, generator=generator())])) < 1e-12
    near, far = (float(maximum_mean_discrepancy(w, w + shift)) for shift in (0.5, 3.0))
    assert 0 < near < far


@pytest.mark.statistical
def test_mmd_pulls_the_latents_to_the_prior():
    X = LAW.sample(500, random_state=9)
    reference = torch.randn(500, 2, generator=generator(), dtype=torch.float64)
    distances = []
    made = {"kl_weight": 0.0, "scaling": "standard", "max_steps": 80, "hidden_units": 32}
    for weight in (0.0, 30.0):
        total = 0.0
        # Without the weight a latent lies now nearer, now further: the mean of five fits.
        for seed in range(5):
            model = VariationalDiffusionAE(2, mmd_weight=weight, random_state=seed, **made).fit(X)
            w = torch.from_numpy(model.transform(X))
            total += float(maximum_mean_discrepancy(w, reference))
        distances.append(total)
    assert distances[1] < 0.5 * distances[0]


@pytest.mark.statistical
def test_largest_deviation_is_that_of_the_first_axis():
    rows = torch.from_numpy(LAW.sample(1000, random_state=0))
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
    rows = torch.from_numpy(LAW.sample(3000, random_state=0))
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


# Layouts


@pytest.mark.parametrize(
    ("input_shape", "message"),
    [
        ((64,), "positive integers"),
        ((1, 8, 8, 1), "positive integers"),
        ((0, 8, 8), "positive integers"),
        ((1, 8, 7), "means 56 features a row, but X has 64"),
    ],
)
def test_layouts_are_checked(input_shape, message):
    X = load_digits().data[:40]
    with pytest.raises(ValueError, match=message.replace(" ", r"\s+")):
        VariationalDiffusionAE(input_shape=input_shape).fit(X)


@pytest.mark.statistical
@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("likelihood", ["gaussian", "discrete"])
@pytest.mark.parametrize("input_shape", [(1, 8, 8), (32, 2)], ids=["image", "sequence"])
def test_images_and_sequences(input_shape, likelihood):
    X = load_digits().data[:100]
    model = VariationalDiffusionAE(
        4, input_shape=input_shape, likelihood=likelihood, max_steps=15, random_state=0
    ).fit(X)
    rows = model.sample(8, n_steps=4)
    assert rows.shape == (8, 64)
    assert np.isfinite(model.score_samples(X[:5])).all()
    Z = model.transform(X)
    assert Z.std(0).min() > 0
    assert model.inverse_transform(Z[:3]).shape == (3, 64)
    holes = np.where(np.arange(64) < 20, np.nan, X[:2])
    filled = model.impute(holes, n_steps=4)
    np.testing.assert_array_equal(filled[:, 20:], X[:2, 20:])
    assert np.isfinite(filled).all()
    # Pixels that no digit lights, such as the first, stay dark.
    np.testing.assert_array_equal(rows[:, X.std(0) == 0], 0.0)


# Every combination


@pytest.mark.statistical
@pytest.mark.parametrize("n_timesteps", [None, 50])
@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_every_parametrisation_scores_below_the_truth(prediction, schedule, n_timesteps):
    """Even one that has hardly been trained: it is a bound."""
    X = LAW.sample(150, random_state=10)
    model = VariationalDiffusionAE(
        2,
        prediction=prediction,
        schedule=schedule,
        n_timesteps=n_timesteps,
        max_steps=5,
        lr=1e-4,
        hidden_units=16,
        random_state=0,
    ).fit(X)
    assert np.isfinite([row["train_loss"] for row in model.history_]).all()
    rows = model.sample(300, n_steps=20)
    # What the zero network knows is still there: a Gaussian of this mean and spread.
    assert np.all(np.abs(rows.mean(0) - X.mean(0)) < 0.4 * X.std(0))
    assert np.all((rows.std(0) > 0.7 * X.std(0)) & (rows.std(0) < 1.4 * X.std(0)))
    X_test = LAW.sample(60, random_state=11)
    difference = model.score_samples(X_test) - LAW.log_density(X_test)
    assert np.isfinite(difference).all()
    assert difference.mean() < 3 * difference.std() / len(X_test) ** 0.5
