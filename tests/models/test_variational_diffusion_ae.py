"""The variational diffusion autoencoder against distributions whose answers are known."""

import warnings

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from skorch.callbacks import Callback

from skgen import VariationalDiffusionAE
from skgen.data.row_map import Data
from skgen.datasets import CorrelatedGaussian
from skgen.papers._module import SCORE_DRAWS
from skgen.papers.variational_diffusion_ae import maximum_mean_discrepancy
from skgen.processes.noise import GeneratorNoise
from skgen.processes.schedules import SCHEDULES

GAUSSIAN = CorrelatedGaussian(5)
PREDICTIONS = ["v", "epsilon", "x", "score"]
IRIS = load_iris().data
# For what depends neither on the width of a network nor on the steps of a draw.
NARROW = {"hidden_units": 32, "n_steps": 8, "random_state": 0}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def relative(found, expected):
    """Return the error of a matrix as a share of its Frobenius norm."""
    return float(torch.linalg.norm(found - expected) / torch.linalg.norm(expected))


# Sampling


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
    X = GAUSSIAN.sample(3000, random_state=0)
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
        model = VariationalDiffusionAE(2, **made).fit(GAUSSIAN.sample(n, random_state=0))
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


@pytest.mark.statistical
def test_two_thousand_completions_by_the_estimator():
    """Within 5% of the exact conditional distribution, beside what 2,000 draws cannot tell.

    The mean of 2,000 draws has a standard error of 1/sqrt(2000) = .022 standard deviations, and
    their covariance matrix of size k a relative error of about sqrt((k + 1)/2000) = .04, so that
    three standard errors come on top of the 5%.
    """
    X = GAUSSIAN.sample(10_000, random_state=6)
    model = VariationalDiffusionAE(2, max_steps=20, lr=1e-4, hidden_units=32, random_state=0).fit(X)
    row = X[0].copy()
    row[[1, 3]] = np.nan
    mean, covariance = GAUSSIAN.conditional(row)
    draws = np.concatenate(model.impute(row[None], n_draws=2000))
    np.testing.assert_array_equal(draws[:, [0, 2, 4]], np.tile(X[0, [0, 2, 4]], (2000, 1)))
    error = np.abs(draws[:, [1, 3]].mean(0) - mean) / np.sqrt(np.diag(covariance))
    assert np.all(error < 0.05 + 3 * 0.022)
    found = np.cov(draws[:, [1, 3]].T)
    assert relative(torch.from_numpy(found), torch.from_numpy(covariance)) < 0.05 + 3 * 0.04


# Guidance


@pytest.mark.statistical
def test_a_guide_sees_rows_in_the_units_of_the_data():
    X = GAUSSIAN.sample(2000, random_state=7) * 100 + 1000
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
        draws = np.array([module.likelihood(row.expand(10_000, -1), None)(noise) for row in rows])
    log_probability, error = draws.mean(1), draws.std(1) / SCORE_DRAWS**0.5
    # Over 20 seeds the sum is .907, with a spread of .042.
    assert 0.7 < np.exp(log_probability).sum() < 1.1
    # No distribution beats the true one in the mean over its own rows, but for the error of these
    # draws; over 20 seeds the mean is .11 nats below, with a spread of .046.
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
        VariationalDiffusionAE(2, **{**made, "likelihood": [0, 1]}).fit(X)
    for levels in ([1.0], ["discrete"], [0, 1, np.inf]):
        with pytest.raises(ValueError, match="two or more finite"):
            VariationalDiffusionAE(2, **{**made, "likelihood": levels}).fit(X)
    with pytest.raises(ValueError, match=r"has 300\s+values, more than 256"):
        VariationalDiffusionAE(2, **made).fit(np.random.default_rng(3).normal(size=(300, 2)))
    # Levels that no row has can be drawn, and scored.
    model = VariationalDiffusionAE(2, **{**made, "likelihood": [0, 1, 2, 3]}).fit(X)
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
    distribution = CorrelatedGaussian(2)
    X, X_test = distribution.sample(2000, random_state=0), distribution.sample(1000, random_state=1)
    model = VariationalDiffusionAE(
        2, objective="likelihood", max_steps=200, hidden_units=32, random_state=0
    )
    with pytest.warns(UserWarning, match="latent is empty"):
        model.fit(X)
    assert model.latent_kl_ < 0.05
    found, truth = model.score_samples(X_test), distribution.log_density(X_test)
    difference = found - truth
    assert difference.mean() < 3 * difference.std() / len(X_test) ** 0.5
    assert difference.mean() > -0.1 * 2


@pytest.mark.slow
@pytest.mark.statistical
def test_the_representation_objective_fills_the_latent():
    distribution = CorrelatedGaussian(4)
    X, X_test = distribution.sample(1200, random_state=0), distribution.sample(400, random_state=1)
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
    X, X_test = GAUSSIAN.sample(600, random_state=0), GAUSSIAN.sample(300, random_state=1)
    made = {"max_steps": 100, "hidden_units": 32, "random_state": 0}
    model = VariationalDiffusionAE(3, prior=prior, **made).fit(X)
    assert model.latent_kl_ > 0.5
    difference = model.score_samples(X_test) - GAUSSIAN.log_density(X_test)
    assert difference.mean() < 3 * difference.std() / len(X_test) ** 0.5


@pytest.mark.statistical
def test_on_few_rows_the_encoder_starts_at_the_best_linear_one():
    """A latent a x + sqrt(s) e of a component of variance V leaves V s / (a^2 V + s) of it."""
    X = GAUSSIAN.sample(100, random_state=0)
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
    X = GAUSSIAN.sample(500, random_state=8)
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


@pytest.mark.parametrize(
    ("n", "code", "second"), [(90, 60, 90), (300, 703, 1290), (970, 2273, 4500)]
)
def test_the_steps_of_a_stage_follow_the_rows(n, code, second):
    """4 a row beyond 100, up to 3,000 and 300 passes; then half as many again, and 600 passes."""
    model = VariationalDiffusionAE(2, max_steps=1, **NARROW).fit(IRIS)
    train, valid = {"x": torch.zeros(n, 4)}, {"x": torch.zeros(10, 4)}
    for max_steps, expected in ((None, (code, second)), (70, (70, 70))):
        model.set_params(max_steps=max_steps)
        model.module_.frozen.fill_(False)
        plan = model._n_stage_steps(n)
        noise = GeneratorNoise(torch.Generator().manual_seed(0))
        stages = model._stages(model.module_, train, valid, noise)
        assert tuple(round(stage.step_factor * plan) for stage in stages) == expected


@pytest.mark.slow
@pytest.mark.statistical
def test_the_latent_alone_tells_the_row():
    X = GAUSSIAN.sample(500, random_state=9)
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
    callbacks = {"callbacks": [PressCtrlC(step)]}
    model = VariationalDiffusionAE(2, max_steps=20, net_params=callbacks, **NARROW)
    told = f"at step {step} of 20; .* partial_fit trains it further"
    with pytest.warns(UserWarning, match=told):
        model.fit(IRIS)
    before = model.transform(IRIS)
    model.partial_fit(IRIS)
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
def test_mmd_pulls_the_latents_to_the_prior():
    X = GAUSSIAN.sample(500, random_state=9)
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
    X = GAUSSIAN.sample(150, random_state=10)
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
    X_test = GAUSSIAN.sample(60, random_state=11)
    difference = model.score_samples(X_test) - GAUSSIAN.log_density(X_test)
    assert np.isfinite(difference).all()
    assert difference.mean() < 3 * difference.std() / len(X_test) ** 0.5
