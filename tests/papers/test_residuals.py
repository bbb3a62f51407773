"""What a decoder's mean leaves out: drawn as it was seen, with its density and correlations."""

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf

from skgen.papers.residuals import ResidualDistribution, _shrunk_covariance, log_probability
from skgen.processes.noise import GeneratorNoise


@pytest.mark.statistical
def test_errors_are_drawn_as_they_were_seen():
    generator = torch.Generator().manual_seed(0)
    mean = torch.rand(4000, 1, generator=generator)
    # Small errors under low means, large and one-sided ones above.
    error = torch.where(
        mean < 0.5,
        0.1 * torch.randn(mean.shape, generator=generator),
        -torch.log(torch.rand(mean.shape, generator=generator)),
    )
    spread = ResidualDistribution(1, torch.zeros(1))
    spread.fit(mean, error)
    for height, part in ((0.2, mean < 0.5), (0.8, mean >= 0.5)):
        at = torch.full((20_000, 1), height)
        drawn = spread.draw(at, torch.rand(at.shape, generator=generator))
        seen = error[part]
        # A bin holds 62 of the errors: five standard errors of their mean and spread.
        assert abs(float(drawn.mean() - seen.mean())) < 5 * float(seen.std()) / 62**0.5
        assert abs(float(drawn.std() / seen.std()) - 1) < 5 * (2 / 62) ** 0.5
        variance = float(spread.log_variance(at[:1]).exp())
        # It leans on the rest by one error in 62.
        leaning = float(error.square().mean()) / 62
        assert abs(variance - leaning - float(seen.square().mean())) < 0.5 * float(
            seen.square().mean()
        )


def correlated_errors(n):
    """Return a spread that has seen n errors of three columns, and their covariance."""
    generator = torch.Generator().manual_seed(0)
    covariance = torch.tensor([[1.0, 0.6, 0.0], [0.6, 0.5, -0.3], [0.0, -0.3, 2.0]])
    root = torch.linalg.cholesky(covariance)
    error = torch.randn(n, 3, generator=generator) @ root.T
    spread = ResidualDistribution(3, torch.zeros(3), correlated=True)
    spread.fit(torch.zeros(n, 3), error)
    spread.fit_correlation(torch.zeros(n, 3), error)
    return spread, covariance


@pytest.mark.statistical
def test_errors_that_go_together_are_drawn_together():
    spread, covariance = correlated_errors(4000)
    noise = GeneratorNoise(torch.Generator().manual_seed(1))
    mean = torch.zeros(20_000, 3)
    drawn = spread.draw(mean, spread.uniforms(noise, mean))
    deviation = covariance.diagonal().sqrt()
    wanted = covariance / deviation / deviation[:, None]
    # Five standard errors of a correlation of 4,000 rows, and a little for what shrinks.
    assert (torch.corrcoef(drawn.T) - wanted).abs().max() < 5 / 4000**0.5 + 0.01


def test_errors_that_go_together_have_their_joint_density():
    """The chain of each entry given those before adds up to the normal distribution of the row."""
    spread, _ = correlated_errors(400)
    spread = spread.double()
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mean = torch.zeros_like(x)
    scale = torch.exp(0.5 * spread.log_variance(mean[:1]))[0]
    distribution = torch.distributions.MultivariateNormal(
        torch.zeros(3, dtype=torch.float64), scale_tril=scale[:, None] * spread.root
    )
    torch.testing.assert_close(-spread.loss(x, mean).sum(1), distribution.log_prob(x))


@pytest.mark.parametrize("n", [1, 2, 9, 60])
def test_few_errors_do(n):
    mean = torch.linspace(-1, 1, n).expand(3, -1).T
    spread = ResidualDistribution(3, torch.zeros(3))
    spread.fit(mean, 0.5 * torch.ones(n, 3))
    at = torch.zeros(4, 3)
    torch.testing.assert_close(spread.draw(at, torch.full((4, 3), 0.3)), torch.full((4, 3), 0.5))
    torch.testing.assert_close(spread.log_variance(at).exp(), torch.full((4, 3), 0.25))


def test_discrete_probabilities_sum_to_one():
    grid = torch.tensor([-1.0, 0.0, 0.4, 2.0]).double()
    edges = ((grid[1:] + grid[:-1]) / 2).expand(3, -1)
    mean = torch.tensor([[-30.0, 0.2, 0.3]]).double()
    scale = torch.tensor([0.5, 0.01, 3.0]).double()
    columns = [log_probability(level.expand(1, 3), mean, scale, edges).exp() for level in grid]
    torch.testing.assert_close(sum(columns), torch.ones(1, 3).double(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(2, 1), (5, 30), (50, 4), (400, 12)])
def test_covariances_are_shrunk_as_in_scikit_learn(shape):
    rows = np.random.default_rng(0).normal(size=shape) @ np.diag(np.arange(1.0, shape[1] + 1))
    np.testing.assert_allclose(_shrunk_covariance(rows), ledoit_wolf(rows)[0], rtol=1e-12)
