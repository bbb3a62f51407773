"""Entropic transport with a known plan: identities in float64, draws against their moments."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import simpson
from scipy.stats import multivariate_normal, norm

from skgen.datasets import EntropicTransport, make_entropic_transport


@pytest.fixture(params=[0.1, 1.0, 10.0])
def epsilon(request):
    return request.param


def density(mean, covariance, X):
    return multivariate_normal(mean, covariance).pdf(X)


def potential(plan, Y):
    """Return u(y) = sum_k a_k N(y; m_k, S_k), by scipy."""
    terms = zip(plan.weights, plan.means, plan.covariances, strict=True)
    return sum(a * density(m, S, Y) for a, m, S in terms)


def test_conditional_density_is_potential_times_kernel(epsilon):
    # The definition of the plan, without the algebra of products: the mixture of `components` is
    # u(y) N(y; x, eps I) / h_0(x).
    plan = make_entropic_transport(1, 3, epsilon=epsilon, random_state=0).plan
    rng = np.random.default_rng(0)
    Y = 4 * rng.normal(size=(50, 3))
    for x in rng.normal(size=(4, 3)):
        (weights,), (means,), covariances = plan.components(x[None])
        terms = zip(weights, means, covariances, strict=True)
        mixture = sum(w * density(m, C, Y) for w, m, C in terms)
        kernel = density(x, epsilon * np.eye(3), Y)
        exact = potential(plan, Y) * kernel / np.exp(plan.log_potential(0, x[None]))
        assert_allclose(mixture, exact, rtol=1e-9, atol=1e-200)
        assert_allclose(weights.sum(), 1)


def test_plan_has_normal_rows_as_its_first_marginal(epsilon):
    # In one dimension by quadrature: the plan's density summed over y is N(x; 0, 1), and over x
    # it is u(y) times the convolution of N(x; 0, 1) / h_0(x) with the kernel, as entropic
    # transport must be.
    means, variances = np.array([[-4.0], [0.5], [3.0]]), np.array([0.5, 1.0, 2.0])
    plan = EntropicTransport([0.2, 0.5, 0.3], means, variances[:, None, None], epsilon)
    x, y = np.linspace(-7, 7, 401), np.linspace(-30, 30, 1201)
    weights, centers, covariances = plan.components(x[:, None])
    parts = norm.pdf(y, centers, covariances[:, 0].ravel()[None, :, None] ** 0.5)
    joint = norm.pdf(x)[:, None] * np.einsum("ik,iky->iy", weights, parts)
    assert_allclose(simpson(joint, x=y, axis=1), norm.pdf(x), rtol=1e-8)
    scale = norm.pdf(x) / np.exp(plan.log_potential(0, x[:, None]))
    kernel = norm.pdf(y, x[:, None], epsilon**0.5)
    by_potentials = potential(plan, y[:, None]) * simpson(scale[:, None] * kernel, x=x, axis=0)
    assert_allclose(simpson(joint, x=x, axis=0), by_potentials, rtol=1e-6, atol=1e-9)


def test_drawn_source_is_standard_normal():
    X, _ = make_entropic_transport(1, 4, random_state=1).plan.sample(40_000, random_state=0)
    # Five standard errors: of a mean 40,000^-1/2, of a variance (2 / 40,000)^1/2.
    assert_allclose(X.mean(0), 0, atol=5 / 200)
    assert_allclose(np.cov(X.T), np.eye(4), atol=5 * 2**0.5 / 200)


def test_conditional_moments_match_draws(epsilon):
    plan = make_entropic_transport(1, 3, epsilon=epsilon, random_state=2).plan
    n = 40_000
    for x in np.random.default_rng(3).normal(size=(3, 3)):
        (mean,), (covariance,) = plan.conditional(x[None])
        Y = plan.sample_conditional(np.tile(x, (n, 1)), random_state=0)
        # Errors are measured from the draws: the deviation of a mean, and of a mean of products.
        assert (np.abs(Y.mean(0) - mean) < 5 * Y.std(0) / n**0.5).all()
        products = (Y - mean)[:, :, None] * (Y - mean)[:, None]
        error = products.std(0) / n**0.5
        assert (np.abs(products.mean(0) - covariance) < 5 * error).all()


def test_one_component_is_the_bridge_of_normal_ends():
    # With variances 1 and v at the ends, the covariance of the ends of the Schrödinger bridge is
    # c = ((4 v + eps^2)^1/2 - eps) / 2. The plan has the slope C / eps and the variance
    # v = (C / eps)^2 + C.
    for epsilon in (0.1, 1.0, 10.0):
        plan = EntropicTransport([1.0], [[2.0]], [[[0.7]]], epsilon)
        mean, covariance = plan.conditional([[0.0], [1.0]])
        slope = mean[1, 0] - mean[0, 0]
        v = slope**2 + covariance[0, 0, 0]
        assert_allclose(slope, ((4 * v + epsilon**2) ** 0.5 - epsilon) / 2, rtol=1e-12)


@pytest.mark.parametrize("t", [0.0, 0.3, 0.9, 1.0])
def test_drift_is_the_slope_of_the_log_potential(epsilon, t):
    plan = make_entropic_transport(1, 3, epsilon=epsilon, random_state=4).plan
    X = 2 * np.random.default_rng(5).normal(size=(6, 3))
    # Central differences err by the squared step, 1e-10, and by rounding over the step, 1e-11.
    step = 1e-5
    slope = [
        (plan.log_potential(t, X + step * e) - plan.log_potential(t, X - step * e)) / (2 * step)
        for e in np.eye(3)
    ]
    assert_allclose(plan.drift(t, X), epsilon * np.transpose(slope), rtol=1e-6, atol=1e-7)


def test_drift_at_the_source_points_to_the_conditional_mean(epsilon):
    # E[X_1 | X_0 = x] = x + drift: the drift of a bridge at the start is E[X_1 - x | x].
    plan = make_entropic_transport(1, 5, epsilon=epsilon, random_state=6).plan
    X = np.random.default_rng(7).normal(size=(8, 5))
    assert_allclose(X + plan.drift(0.0, X), plan.conditional(X)[0], rtol=1e-9, atol=1e-12)


def test_bridge_with_the_drift_ends_in_the_plan():
    plan = make_entropic_transport(1, 2, epsilon=1.0, random_state=8).plan
    n, n_steps = 4_000, 200
    rng = np.random.default_rng(0)
    x = np.array([0.3, -0.5])
    rows = np.tile(x, (n, 1))
    for t in np.arange(n_steps) / n_steps:
        rows = rows + plan.drift(t, rows) / n_steps + rng.normal(size=rows.shape) / n_steps**0.5
    (mean,), (covariance,) = plan.conditional(x[None])
    # Five standard errors of 4,000 rows are .08 of a deviation, and for two modes apart at most
    # .11 of a variance; Euler's method errs by about the step, 1/200 of either.
    spread = np.diag(covariance) ** 0.5
    assert (np.abs(rows.mean(0) - mean) < 0.09 * spread).all()
    assert_allclose(np.cov(rows.T), covariance, atol=0.12 * spread.max() ** 2)


def test_components_share_the_source_evenly(epsilon):
    plan = make_entropic_transport(1, 4, epsilon=epsilon, n_components=5, random_state=9).plan
    X = np.random.default_rng(1).normal(size=(20_000, 4))
    # The weights are balanced on 4,096 rows: a share of 1/5 has a standard error of .0063 there.
    assert_allclose(plan.components(X)[0].mean(0), 0.2, atol=0.03)


def test_rows_are_not_paired():
    rows = make_entropic_transport(20_000, 2, epsilon=0.1, random_state=10)
    coupled, drawn = rows.plan.sample(20_000, random_state=0)
    # Pairs of the plan are correlated; row i of both sets is independent, within five errors.
    assert np.abs(np.corrcoef(rows.source.T, rows.data.T)[:2, 2:]).max() < 5 / 20_000**0.5
    assert np.abs(np.corrcoef(coupled.T, drawn.T)[:2, 2:]).max() > 0.3


def test_seed_gives_the_plan_and_its_rows():
    first, again = (make_entropic_transport(20, 3, random_state=0) for _ in range(2))
    assert (first.source == again.source).all()
    assert (first.data == again.data).all()
    assert (first.plan.means == again.plan.means).all()
    assert (first.plan.means != make_entropic_transport(20, 3, random_state=1).plan.means).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EntropicTransport([1.0], [[0.0]], np.ones((2, 1, 1))), "has the shape"),
        (lambda: EntropicTransport([0.0], [[0.0]], np.ones((1, 1, 1))), "above 0, one a mean"),
        (lambda: EntropicTransport([1.0], [[0.0]], np.ones((1, 1, 1)), 0.0), "epsilon"),
        (lambda: EntropicTransport([1.0], [[0.0]], -np.ones((1, 1, 1))), "positive definite"),
        (lambda: EntropicTransport([1.0], [[0.0, 0]], [[[1, 0.5], [0, 1]]]), "symmetric"),
        (lambda: make_entropic_transport(5, 0), "n_features"),
        (lambda: make_entropic_transport(random_state=0).plan.drift(1.5, [[0, 0]]), "t == 1.5"),
        (lambda: make_entropic_transport(random_state=0).plan.drift(0.5, [[0]]), "1 columns"),
    ],
)
def test_refuses_what_it_cannot_use(make, message):
    with pytest.raises(ValueError, match=message):
        make()
