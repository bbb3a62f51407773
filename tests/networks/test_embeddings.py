"""Embeddings: exact sines and cosines, told noise levels, conditions that may be hidden."""

import math

import torch
from torch import nn

from skgen.networks.embeddings import (
    ConditionEmbedding,
    noise_level_features,
    periodic_features,
)


def test_periodic_features_are_sines_and_cosines_at_doubling_frequencies():
    rows = torch.tensor([[0.0, 0.3], [-1.2, 2.0]], dtype=torch.float64)
    features = periodic_features(rows, 3)
    expected = [
        [*row, *(f(2**k * x) for k in range(3) for f in (math.sin, math.cos) for x in row)]
        for row in rows.tolist()
    ]
    torch.testing.assert_close(features, torch.tensor(expected, dtype=torch.float64))
    assert torch.equal(periodic_features(rows, 0), rows)


def test_noise_level_features_are_a_geometric_range():
    gamma = torch.tensor([-14.0, 0.0, 0.1, 7.0], dtype=torch.float64)
    features = noise_level_features(gamma, 8)
    frequencies = [0.05 * 40 ** (k / 3) for k in range(4)]
    expected = [
        [f(w * g) for f in (math.sin, math.cos) for w in frequencies] for g in gamma.tolist()
    ]
    torch.testing.assert_close(features, torch.tensor(expected, dtype=torch.float64))


def test_noise_levels_are_told_apart_over_the_whole_range():
    gamma = torch.linspace(-16, 7, 200, dtype=torch.float64)
    distance = torch.cdist(noise_level_features(gamma), noise_level_features(gamma))
    away = distance + 10 * torch.eye(200)
    assert away.min() > 0.1
    # The nearest other level is a neighbour.
    assert (away.argmin(1) - torch.arange(200)).abs().max() == 1


def test_a_hidden_condition_becomes_the_learned_vector():
    embedding = ConditionEmbedding(3, 5)
    generator = torch.Generator().manual_seed(0)
    nn.init.normal_(embedding.null.weight, generator=generator)
    condition = torch.randn(4, 3, generator=generator)
    keep = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    embedded = embedding(condition, keep)
    torch.testing.assert_close(embedded[::2], embedding.linear(condition)[::2])
    assert torch.equal(embedded[1], embedding.null.weight[0])
    # What is hidden cannot leak, not even as a NaN or a gradient.
    condition = condition.requires_grad_()
    (gradient,) = torch.autograd.grad(embedding(condition, keep).sum(), condition)
    assert (gradient[1::2] == 0).all()
    assert (gradient[::2] != 0).any()
