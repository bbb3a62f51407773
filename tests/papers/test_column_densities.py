"""The distribution of a row, column by column: densities, conditionals, draws and completions.

What is held: each conditional integrates to one whatever the network adds; the Gaussian that the
network corrects is exact for Gaussian rows, given the columns before and given any observed ones;
draws follow the density; completions follow the density of whole rows given what is observed.
"""

import copy
import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from sklearn.datasets import load_iris

from skgen import GenerativeOverSampler, TableEncoder, VQDiffusionBridge, make_generative_pipeline
from skgen.models._vq_networks import ridge_regression
from skgen.networks.mlp import initialize
from skgen.papers import column_densities
from skgen.papers.cells import Cuts
from skgen.papers.column_densities import ColumnDensities, GaussianRegressions
from skgen.processes.noise import GeneratorNoise

COVARIANCE = np.array([[1.0, 0.8, -0.3], [0.8, 1.5, 0.2], [-0.3, 0.2, 0.7]])
MEAN = np.array([0.5, -1.0, 0.2])


def noise(seed=0):
    return GeneratorNoise(torch.Generator().manual_seed(seed))


def gaussian_rows(n, seed=0):
    return np.random.default_rng(seed).multivariate_normal(MEAN, COVARIANCE, n)


def mixed_rows(n, seed=0):
    """Draw a column of numbers, one with a value in a third of the rows, and one of two values."""
    rng = np.random.default_rng(seed)
    kind = (rng.random(n) < 0.3).astype(float)
    number = rng.normal(size=n) + 2 * kind
    part = np.where(rng.random(n) < 1 / 3, 0.0, np.abs(number) + 0.5)
    return np.column_stack([number, part, kind])


LEVELS = [
    None,
    (np.array([-0.25]), np.array([0.25]), np.array([0.0])),
    (np.array([-np.inf, 0.5]), np.array([0.5, np.inf]), np.array([0.0, 1.0])),
]


def densities(x, levels, wave=0.0, condition=None, is_probability=False):
    """Return the module of rows x; `wave` is the size of random weights in its last layers."""
    cuts = [Cuts.of(column, own) for column, own in zip(x.T, levels, strict=True)]
    n_condition = 0 if condition is None else condition.shape[1]
    module = ColumnDensities(
        cuts,
        n_condition,
        width=8,
        condition_dropout=0.1,
        is_probability=is_probability,
    )
    initialize(module, torch.Generator().manual_seed(1))
    condition = None if condition is None else torch.from_numpy(condition)
    module.fit(cuts, torch.from_numpy(x), condition, ridge_regression)
    module = module.double().eval().requires_grad_(False)
    for head in module.heads:
        head.weight.normal_(0, wave, generator=torch.Generator().manual_seed(2))
    return module


@pytest.mark.parametrize("wave", [0.0, 1.0])
def test_gaussian_rows_start_at_their_density(wave):
    """Of 4,000 rows: no cell is off by more than its frequency is, and a network may change it."""
    x = gaussian_rows(4000)
    module = densities(x, [None] * 3, wave)
    found = module.log_likelihood(torch.from_numpy(gaussian_rows(2000, 1)), None).numpy()
    exact = stats.multivariate_normal(MEAN, COVARIANCE).logpdf(gaussian_rows(2000, 1))
    gap = float(np.mean(exact - found))
    # A density is never better than the true one in the mean (three standard errors). Frequencies
    # of 3 * 63 cells, each known to 1 / sqrt(63) of itself, cost 3 * 63 / 8,000 = .024 nats.
    error = 3 * np.std(exact - found) / math.sqrt(2000)
    assert gap > -error
    if wave == 0:
        assert gap < 0.024 + 0.02 + error
    else:
        assert gap > 0.1


@pytest.mark.parametrize("wave", [0.0, 0.5])
def test_each_conditional_integrates_to_one(wave):
    """On a fine grid of one column, the others fixed; a repeated value has its cell's width."""
    x = mixed_rows(500)
    module = densities(x, LEVELS, wave)
    grid = np.linspace(-12, 14, 52_001)
    for j, fixed in ((0, [0.0, 1.2, 1.0]), (1, [0.7, 0.0, 0.0])):
        rows = np.tile(fixed, (len(grid), 1))
        rows[:, j] = grid
        rows = torch.from_numpy(rows)[:, module.order]
        shown = torch.zeros(len(rows), 1).double()
        log_p = module._log_p(rows, None, None, shown)[:, module.order.tolist().index(j)]
        assert abs(float(log_p.exp().sum()) * (grid[1] - grid[0]) - 1) < 5e-3


def test_probabilities_of_all_rows_add_up_to_one():
    levels = [(np.array([-np.inf, 0.5]), np.array([0.5, np.inf]), np.array([0.0, 1.0]))] * 3
    x = (np.random.default_rng(0).random((200, 3)) < [0.2, 0.5, 0.7]).astype(float)
    module = densities(x, levels, wave=0.7, is_probability=True)
    every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * 3)
    total = module.log_likelihood(every, None).exp().sum()
    torch.testing.assert_close(total, torch.tensor(1.0).double())


def test_regressions_given_any_observed_columns_are_the_conditional_gaussian():
    x = gaussian_rows(200_000)
    gaussian = GaussianRegressions(3, 0)
    gaussian.fit(x, np.empty((len(x), 0)), ridge_regression)
    gaussian = gaussian.double()
    # Exact for the Gaussian that it holds, whose moments follow from its regressions.
    unit = np.eye(3) - gaussian.weight.numpy()
    root = np.linalg.inv(unit) * gaussian.scale.numpy()
    covariance, mean = root @ root.T, np.linalg.solve(unit, gaussian.offset.numpy())
    np.testing.assert_allclose(covariance, COVARIANCE, atol=0.05)
    rows = torch.from_numpy(x[:1])
    for observed in ([0, 0, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0]):
        marks = torch.tensor([observed]).double()
        centre, weight, scale = gaussian.given_observed(rows, marks, rows.new_zeros(1, 0))
        known, missing = np.flatnonzero(observed), np.flatnonzero(np.array(observed) == 0)
        gain = covariance[np.ix_(missing, known)] @ np.linalg.inv(covariance[np.ix_(known, known)])
        expected = mean[missing] + gain @ (x[0, known] - mean[known])
        np.testing.assert_allclose(centre[0, missing], expected, rtol=1e-6, atol=1e-8)
        rest = covariance[np.ix_(missing, missing)] - gain @ covariance[np.ix_(known, missing)]
        back = np.eye(len(missing)) - weight[0].numpy()[np.ix_(missing, missing)]
        factor = np.linalg.inv(back) * scale[0].numpy()[missing]
        np.testing.assert_allclose(factor @ factor.T, rest, rtol=1e-6, atol=1e-8)


def test_draws_follow_the_density():
    """Repeated values by their probability, numbers by their distribution function."""
    x = mixed_rows(2000)
    module = densities(x, LEVELS, wave=0.3)
    n = 20_000
    drawn = module.sample(noise(), n, None).numpy()
    assert np.isin(drawn[:, 2], [0.0, 1.0]).all()
    nats = module.log_likelihood(torch.from_numpy(drawn), None)
    # The entropy by two routes: of the draws, and by importance from other rows.
    other = module.sample(noise(1), n, None)
    again = module.log_likelihood(other, None)
    error = 5 * float(nats.std()) * math.sqrt(2 / n)
    assert abs(float(nats.mean() - again.mean())) < error
    kind = module.order.tolist().index(2)
    shown = torch.zeros(2, 1).double()
    rows = torch.zeros(2, 3).double()
    rows[1, kind] = 1.0
    # Two values whose cells are one wide: density and probability are the same number.
    share = module._log_p(rows, None, None, shown)[:, kind].exp().numpy()
    assert abs(share.sum() - 1) < 1e-6
    assert abs(drawn[:, 2].mean() - share[1]) < 5 * math.sqrt(share[1] * (1 - share[1]) / n)


def test_each_weight_has_an_effect_on_one_column():
    """Its rows' owners say on which: the gradient of another column's density is zero."""
    x = mixed_rows(200)
    module = densities(x, LEVELS, wave=0.5).requires_grad_()
    owners = module.owners()
    assert owners.keys() == set(module.parameters())
    losses = module.loss(noise(), torch.from_numpy(x)).sum(0)
    for j, loss in enumerate(losses):
        gradients = torch.autograd.grad(loss, list(owners), retain_graph=True)
        for gradient, owner in zip(gradients, owners.values(), strict=True):
            assert not gradient[owner != j].any()


def test_corrections_stay_as_far_as_new_rows_bear_them_out():
    """Rows that follow them keep them whole; others are never told worse than by all or none."""
    module = densities(mixed_rows(2000), LEVELS, wave=0.5)
    heads = [head.weight.clone() for head in module.heads]
    # The likelihood of 4,000 rows tells the whole corrections from three quarters of them.
    module.shrink(module.sample(noise(), 4000, None))
    for head, weight in zip(module.heads, heads, strict=True):
        torch.testing.assert_close(head.weight, weight)
    rows = torch.from_numpy(mixed_rows(400, 1))
    whole = module.log_likelihood(rows, None).mean()
    module.shrink(rows)
    shrunk = module.log_likelihood(rows, None).mean()
    for head in module.heads:
        head.weight.zero_()
        head.bias.zero_()
    assert shrunk > max(whole, module.log_likelihood(rows, None).mean())


def test_missing_entries_follow_the_density_given_the_observed_ones(monkeypatch):
    """Three columns of three values: with many proposals the exact conditional, by enumeration."""
    levels = [
        (np.array([-np.inf, 0.5, 1.5]), np.array([0.5, 1.5, np.inf]), np.array([0.0, 1.0, 2.0]))
    ] * 3
    x = np.random.default_rng(0).integers(0, 3, (300, 3)).astype(float)
    module = densities(x, levels, wave=0.5, is_probability=True)
    every = torch.cartesian_prod(*[torch.arange(3).double()] * 3)
    p = module.log_likelihood(every, None).exp().view(3, 3, 3).numpy()
    given = p[:, :, 1] / p[:, :, 1].sum()
    n = 3000
    rows = torch.ones(n, 3).double()
    observed = torch.tensor([False, False, True]).expand(n, 3)

    def variation(n_proposals):
        monkeypatch.setattr(column_densities, "N_PROPOSALS", n_proposals)
        drawn = module.impute(noise(3), rows, observed, None).long().numpy()
        assert (drawn[:, 2] == 1).all()
        share = np.bincount(3 * drawn[:, 0] + drawn[:, 1], minlength=9).reshape(3, 3) / n
        return 0.5 * abs(share - given).sum()

    # Exact draws are at .4 * sum(sqrt(p / n)), at most .022, in the mean.
    found = variation(64)
    assert found < 0.05
    assert found < variation(1)


def test_a_hidden_condition_is_none_and_a_shown_one_counts():
    rng = np.random.default_rng(0)
    label = rng.random(1000) < 0.5
    condition = np.column_stack([label, ~label]).astype(float)
    x = rng.normal(size=(1000, 2)) + 3 * label[:, None]
    module = densities(x, [None] * 2, condition=condition)
    rows, told = torch.from_numpy(x), torch.from_numpy(condition)
    gain = module.log_likelihood(rows, told).mean() - module.log_likelihood(rows, None).mean()
    # The label takes the entropy of two normal densities 3 * sqrt(2) apart, nearly log 2.
    assert 0.4 < float(gain) < 1.0
    drawn = module.sample(noise(), 500, told[:1].expand(500, 2)).mean(0)
    assert (abs(drawn.numpy() - x[label == label[0]].mean(0)) < 5 / math.sqrt(500) + 0.15).all()


# The estimator.


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_no_species_is_lost(seed):
    """As a newcomer runs it: no share of a species is off by 4 standard errors and 3 points."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    species = pd.Categorical.from_codes(y, ["setosa", "versicolor", "virginica"])
    pipe = make_generative_pipeline(TableEncoder(), VQDiffusionBridge(random_state=seed))
    drawn = pipe.fit(X.assign(species=species)).sample(1000)
    shares = drawn["species"].value_counts(normalize=True)
    assert (abs(shares - 1 / 3) < 4 * math.sqrt(2 / 9 / 1000) + 0.03).all()
    # Petals go with their species: the middles are .5 and more apart, deviations .2 to .6.
    petals = drawn.groupby("species", observed=False)["petal length (cm)"].mean()
    real = X["petal length (cm)"].groupby(species, observed=False).mean()
    assert (abs(petals - real) < 0.4).all()


@pytest.mark.slow
@pytest.mark.parametrize("n", [150, 400])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_straight_line_stays_one(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n).round(3)
    frame = pd.DataFrame({"x": x, "y": 2 * x + 0.126 * rng.normal(size=n).round(3)})
    pipe = make_generative_pipeline(TableEncoder(), VQDiffusionBridge(random_state=seed))
    r = pipe.fit(frame).sample(1000).corr().iloc[0, 1]
    assert abs(r - 0.998) < 0.005


@pytest.mark.parametrize("few", [1, 3])
def test_new_rows_of_a_rare_class_lie_by_it(few):
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(200, 3)), 6 + 0.5 * rng.normal(size=(few, 3))]
    y = np.repeat([0, 1], [200, few])
    sampler = GenerativeOverSampler(VQDiffusionBridge(random_state=0))
    with pytest.warns(UserWarning, match=f"1 has {few} row"):
        X_more, _ = sampler.fit_resample(X, y)
    new = X_more[len(X) :]
    assert np.mean(np.linalg.norm(new - 6, axis=1) < np.linalg.norm(new, axis=1)) > 0.8


def test_draws_and_scores_do_not_depend_on_what_else_is_drawn():
    """Copies in either precision agree, and the order of columns is that of the data."""
    X = load_iris(return_X_y=True)[0]
    model = VQDiffusionBridge(max_steps=20, random_state=0).fit(X)
    np.testing.assert_array_equal(model.sample(10), model.sample(300)[:10])
    np.testing.assert_allclose(
        model.score_samples(X.astype(np.float32)), model.score_samples(X), rtol=1e-3, atol=1e-2
    )
    ranges = np.stack([X.min(0) - 3, X.max(0) + 3])
    drawn = model.sample(200)
    assert ((drawn > ranges[0]) & (drawn < ranges[1])).all()
    twin = copy.deepcopy(model)
    np.testing.assert_array_equal(twin.sample(5), model.sample(5))
