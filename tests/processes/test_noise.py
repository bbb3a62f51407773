"""Noise keyed by rows: standard normal, independent between rows, draws, columns; and in parts."""

import numpy as np
import pytest
import torch
from scipy import stats

from skgen.processes.noise import GeneratorNoise, PartNoise, RowNoise, row_keys


@pytest.fixture(scope="module")
def keys():
    X = np.random.default_rng(0).integers(0, 3, size=(20_000, 12)).astype(float)
    return row_keys(torch.from_numpy(np.unique(X, axis=0)))


def test_keys_do_not_collide(keys):
    assert len(torch.unique(keys)) == len(keys)


def test_equal_rows_have_equal_keys():
    rows = torch.tensor([[0.0, 1.0], [-0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    keys = row_keys(rows)
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.statistical
def test_normal_and_independent(keys):
    like = torch.zeros(len(keys), 3, dtype=torch.float64)
    noise = RowNoise(keys, 0, 2)
    draws = [noise.normal(like), noise.normal(like), RowNoise(keys, 1, 2).normal(like)]
    flat = torch.cat(draws, 1).numpy()
    for column in flat.T:
        assert stats.kstest(column, "norm").pvalue > 1e-4
    # Off-diagonal correlations of n independent draws have standard deviation 1/sqrt(n).
    correlation = np.corrcoef(flat.T) - np.eye(flat.shape[1])
    assert np.abs(correlation).max() < 4.5 / np.sqrt(len(keys))


def test_times_are_even_over_the_draws(keys):
    like = torch.zeros(len(keys), 1, dtype=torch.float64)
    t = torch.stack([RowNoise(keys, k, 8).times(like) for k in range(8)])
    gaps = t.sort(0).values.diff(dim=0)
    torch.testing.assert_close(gaps, torch.full_like(gaps, 1 / 8))


@pytest.mark.parametrize("method", ["normal", "uniform", "uniforms", "times"])
def test_parts_of_the_noise_of_a_batch_make_up_the_whole(method):
    x = torch.zeros(12, 3)
    whole = getattr(GeneratorNoise(torch.Generator().manual_seed(0)), method)(x)
    for k in range(3):
        part = PartNoise(torch.Generator().manual_seed(0), k, 3)
        assert torch.equal(getattr(part, method)(x[k::3]), whole[k::3])
