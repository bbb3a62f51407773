"""Bernoulli diffusion against enumeration, in double precision."""

import itertools
import math

import pytest
import torch

from skgen.processes import bernoulli

BITS = torch.tensor([0.0, 1.0]).double()


def chain(betas):
    """Return the transition matrices of one bit, row z_{t-1}, column z_t."""
    return [
        torch.tensor([[1 - b / 2, b / 2], [b / 2, 1 - b / 2]], dtype=torch.float64) for b in betas
    ]


def levels(T, schedule="linear"):
    return bernoulli.SCHEDULES[schedule](torch.arange(T + 1).double() / T)


def betas_of(k):
    return [float(1 - b / a) for a, b in itertools.pairwise(k)]


@pytest.mark.parametrize("schedule", sorted(bernoulli.SCHEDULES))
def test_schedules_fall_from_one_to_zero(schedule):
    k = levels(64, schedule)
    assert abs(float(k[0]) - 1) < 1e-12
    assert abs(float(k[-1])) < 1e-12
    assert (k.diff() < 0).all()


@pytest.mark.parametrize("schedule", sorted(bernoulli.SCHEDULES))
def test_marginal_is_the_product_of_the_steps(schedule):
    k = levels(6, schedule)
    product = torch.eye(2).double()
    for t, step in enumerate(chain(betas_of(k)), 1):
        product = product @ step
        stays = (1 + k[t]) / 2
        torch.testing.assert_close(product[1, 1], stays, atol=1e-12, rtol=0)


def test_posterior_is_bayes_rule():
    k = levels(5, "cosine")
    steps = chain(betas_of(k))
    for s, t in itertools.combinations(range(6), 2):
        to_s, between = torch.eye(2).double(), torch.eye(2).double()
        for step in steps[:s]:
            to_s = to_s @ step
        for step in steps[s:t]:
            between = between @ step
        for z_0, z_t in itertools.product((0, 1), repeat=2):
            joint = to_s[z_0] * between[:, z_t]
            exact = joint[1] / joint.sum()
            found = bernoulli.posterior(BITS[z_t], BITS[z_0], k[s], k[t])
            torch.testing.assert_close(found, exact, atol=1e-12, rtol=0)


def test_reverse_kernel_of_an_exact_denoiser_is_the_exact_one():
    # One bit with p(z_0 = 1) = 0.3: the mixture gives the true p(z_s | z_t).
    k, prior = levels(8), torch.tensor([0.7, 0.3]).double()
    s, t = 4, 5
    for z_t in (0, 1):
        stays = (1 + k[t]) / 2
        likelihood = torch.stack([stays if z_t == z else 1 - stays for z in (0, 1)])
        p = prior[1] * likelihood[1] / (prior * likelihood).sum()
        joint = torch.zeros(2).double()
        for z_0, z_s in itertools.product((0, 1), repeat=2):
            at_s = (1 + k[s]) / 2 if z_0 == z_s else (1 - k[s]) / 2
            r = k[t] / k[s]
            at_t = (1 + r) / 2 if z_s == z_t else (1 - r) / 2
            joint[z_s] += prior[z_0] * at_s * at_t
        one, zero = bernoulli.reverse(torch.logit(p), BITS[z_t], k[s], k[t])
        torch.testing.assert_close(one.exp(), joint[1] / joint.sum(), atol=1e-12, rtol=0)
        torch.testing.assert_close(one.exp() + zero.exp(), torch.ones(()).double())


def test_bound_terms_sum_to_the_gap_of_all_paths():
    # The bound at T = 3 by summing over every path of two bits, the model a fixed table of logits.
    T, n_bits = 3, 2
    k = levels(T)
    generator = torch.Generator().manual_seed(0)
    states = torch.tensor(list(itertools.product((0, 1), repeat=n_bits))).double()
    logits = torch.randn(T + 1, len(states), n_bits, generator=generator).double()

    def kernel(t, z_t):
        """Return p(z_{t-1} = state | z_t) for all states."""
        index = int(z_t[0] * 2 + z_t[1])
        one, zero = bernoulli.reverse(logits[t, index], z_t, k[t - 1], k[t])
        return torch.where(states > 0, one, zero).sum(1).exp()

    def forward(z_s, r):
        return torch.where(states == z_s, (1 + r) / 2, (1 - r) / 2).prod(1)

    for z_0 in states:
        brute = 0.0
        likelihood = 0.0
        for path in itertools.product(range(len(states)), repeat=T):
            z = [z_0, *(states[i] for i in path)]
            q, p = 1.0, 0.5**n_bits
            for t in range(1, T + 1):
                row = forward(z[t - 1], k[t] / k[t - 1])
                q = q * row[path[t - 1]]
                p = p * kernel(t, z[t])[int(z[t - 1][0] * 2 + z[t - 1][1])]
            likelihood = likelihood + p
            if q > 0:
                brute = brute + q * (math.log(float(p)) - math.log(float(q)))
        found = 0.0
        for t in range(1, T + 1):
            weight = forward(z_0, k[t])
            for index, z_t in enumerate(states):
                true = bernoulli.posterior(z_t, z_0, k[t - 1], k[t])
                step = bernoulli.reverse(logits[t, index], z_t, k[t - 1], k[t])
                found = found - float(weight[index] * bernoulli.divergence(true, *step).sum())
        assert abs(found - float(brute)) < 1e-10
        assert found <= math.log(float(likelihood)) + 1e-12


@pytest.mark.statistical
def test_flip_has_the_marginal():
    z_0 = torch.ones(200_000).double()
    uniform = torch.rand(z_0.shape, generator=torch.Generator().manual_seed(0)).double()
    k = torch.tensor(0.4).double()
    share = float(bernoulli.flip(z_0, k, uniform).mean())
    # Five standard errors of a share of 0.7 in 200,000.
    assert abs(share - 0.7) < 5 * (0.7 * 0.3 / 200_000) ** 0.5


def test_divergence_and_entropy_are_scipys():
    from scipy.stats import bernoulli as reference

    q, p = torch.tensor([0.2, 0.9]).double(), torch.tensor([0.6, 0.5]).double()
    exact = q * (q / p).log() + (1 - q) * ((1 - q) / (1 - p)).log()
    torch.testing.assert_close(bernoulli.divergence(q, p.log(), (1 - p).log()), exact)
    torch.testing.assert_close(bernoulli.entropy(q), torch.tensor(reference.entropy(q.numpy())))
