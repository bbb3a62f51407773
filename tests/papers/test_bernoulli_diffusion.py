"""Bernoulli diffusion against enumerated distributions of few bits.

Where rows are few different ones, the diffusion starts from their frequencies, and its network at
zero: untrained, it is the exact denoiser of a known distribution, and what follows from that can be
checked without training.
"""

import itertools

import pytest
import torch

from skgen.papers.bernoulli_diffusion import BernoulliDiffusion, BitFrequencies
from skgen.processes import bernoulli
from skgen.processes.noise import GeneratorNoise


class Nothing(torch.nn.Module):
    """A network that adds nothing to what is known."""

    def forward(self, sign, held, context):
        return torch.zeros_like(sign)


def states_of(n_bits):
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=n_bits))).double()


def counted_frequencies(n_bits=3):
    """Learn frequencies from integer counts; return them, all states and their probabilities."""
    states = states_of(n_bits)
    counts = torch.arange(1, len(states) + 1) * 500
    frequencies = BitFrequencies(n_bits).double()
    frequencies.fit(states.repeat_interleave(counts, 0))
    return frequencies.double(), states, (counts / counts.sum()).double()


def likelihood(states, z, k):
    """Return q(z | state) for all states, k a number or one a bit."""
    return torch.where(states == z, (1 + k) / 2, (1 - k) / 2).prod(1)


def test_frequencies_give_bayes_rule_over_the_states():
    frequencies, states, p = counted_frequencies()
    k = torch.tensor(0.6).double()
    odds = bernoulli.log_odds(k).reshape(1, 1)
    found = torch.sigmoid(frequencies(states, odds))
    for row, z in zip(found, states, strict=True):
        weight = p * likelihood(states, z, k)
        # The part kept for unseen states is one row in 18,000.
        torch.testing.assert_close(row, (weight @ states) / weight.sum(), atol=1e-3, rtol=0)


def test_frequencies_give_each_bit_its_own_odds():
    frequencies, states, p = counted_frequencies()
    held = torch.tensor([1.0, 0.0, 0.0]).double()
    k = torch.where(held > 0, torch.tensor(1.0), torch.tensor(0.3)).double()
    odds = bernoulli.log_odds(k).expand(len(states), -1)
    found = torch.sigmoid(frequencies(states, odds))
    for row, z in zip(found, states, strict=True):
        weight = p * likelihood(states, z, k)
        torch.testing.assert_close(row, (weight @ states) / weight.sum(), atol=1e-3, rtol=0)


def test_many_different_rows_leave_independent_bits():
    rows = (torch.rand(500, 30, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    frequencies = BitFrequencies(30)
    frequencies.fit(rows)
    assert len(frequencies.states) == 0
    logit = frequencies(rows[:4], torch.full((4, 1), 0.8))
    sign = 2 * rows[:4] - 1
    mean = (rows.double().sum(0) + 0.5) / 501
    torch.testing.assert_close(logit, (torch.logit(mean) + sign * 0.8).float())


@pytest.mark.parametrize("schedule", sorted(bernoulli.SCHEDULES))
def test_bound_is_below_the_log_probability_and_near_it(schedule):
    frequencies, states, p = counted_frequencies()
    T = 128
    diffusion = BernoulliDiffusion(Nothing(), 3, schedule, n_timesteps=T).double()
    diffusion.frequencies = frequencies
    k = diffusion.k(torch.arange(T + 1).double() / T).clamp(0, 1)
    context = torch.empty(1, 0).double()
    bound = torch.zeros(len(states)).double()
    for t in range(1, T + 1):
        logit = diffusion.predict(states, k[t].reshape(1, 1), context)
        step = bernoulli.reverse(logit, states, k[t - 1], k[t])
        for index, z_0 in enumerate(states):
            true = bernoulli.posterior(states, z_0, k[t - 1], k[t])
            weight = likelihood(states, z_0, k[t])
            bound[index] -= weight @ bernoulli.divergence(true, *step).sum(1)
    gap = (p * (bound - p.log())).sum()
    assert -0.02 * 3 < float(gap) <= 1e-4


@pytest.mark.statistical
def test_losses_estimate_the_bound_without_bias():

    frequencies, states, _ = counted_frequencies()
    diffusion = BernoulliDiffusion(Nothing(), 3, n_timesteps=4).double()
    diffusion.frequencies = frequencies
    z_0, context = states[5], torch.empty(1, 0).double()
    k = diffusion.k(torch.arange(5).double() / 4).clamp(0, 1)
    exact = 0.0
    for t in range(1, 5):
        step = bernoulli.reverse(
            diffusion.predict(states, k[t].reshape(1, 1), context), states, k[t - 1], k[t]
        )
        true = bernoulli.posterior(states, z_0, k[t - 1], k[t])
        exact += float(likelihood(states, z_0, k[t]) @ bernoulli.divergence(true, *step).sum(1))
    noise = GeneratorNoise(torch.Generator().manual_seed(0))
    _, found = diffusion.losses(noise, z_0.expand(40_000, -1), torch.empty(40_000, 0).double())
    assert abs(float(found.mean()) - exact) < 4 * float(found.std()) / 200


def test_targets_differ_by_a_sign_only():
    generator = torch.Generator().manual_seed(0)
    out = torch.randn(8, 3, generator=generator).double()

    class Fixed(torch.nn.Module):
        def forward(self, sign, held, context):
            return out

    states = states_of(3)
    k, context = torch.tensor([[0.5]]).double(), torch.empty(1, 0).double()
    direct = BernoulliDiffusion(Fixed(), 3, target="direct").double()
    residual = BernoulliDiffusion(Fixed(), 3, target="residual").double()
    base = BernoulliDiffusion(Nothing(), 3).double().predict(states, k, context)
    torch.testing.assert_close(direct.predict(states, k, context) - base, out)
    # The log-odds of a flip are those of the bit, with the sign of what z_t is.
    torch.testing.assert_close(residual.predict(states, k, context) - base, out * (1 - 2 * states))


def test_what_was_counted_is_forgotten_while_bits_are_learnt():
    rows = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(300, 1)
    frequencies = BitFrequencies(2)
    frequencies.fit(rows)
    assert len(frequencies.states) == 2
    frequencies.update_ema(torch.ones(50, 2))
    assert len(frequencies.states) == 0
    # From a half, three hundredths of the way to the batch's frequency of 1.
    torch.testing.assert_close(torch.sigmoid(frequencies.logits), torch.full((2,), 0.515))
