"""BinaryLatentDiffusion against enumerated distributions, and its codes, sequences and lengths."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV

from skgen import BinaryLatentDiffusion
from skgen.data.row_map import Data
from skgen.datasets import BinaryDistribution, load_pen_digits
from skgen.papers import binary_latent_diffusion
from skgen.processes.noise import GeneratorNoise

IRIS = load_iris().data
DIGITS = load_digits().data[:300]
INK = (DIGITS > 8).astype(float)
BRIEF = {"max_steps": 8, "n_timesteps": 16, "random_state": 0}


# Whole models on bits.


@pytest.fixture(scope="module")
def bits():
    """Draw 4,000 rows of a distribution of four bits, and learn it."""
    distribution = BinaryDistribution.random(4, random_state=3)
    X = distribution.sample(4000, random_state=0)
    model = BinaryLatentDiffusion(
        autoencoder=None, n_timesteps=64, max_steps=150, random_state=0
    ).fit(X)
    return distribution, model


@pytest.mark.statistical
def test_samples_follow_the_distribution(bits):
    distribution, model = bits
    X = model.sample(6000)
    # 4,000 rows teach the distribution up to .4 * sqrt(16 / 4000) = .025 of total variation, 6,000
    # show it up to .021, and 64 steps are off by some .01.
    assert distribution.total_variation(X) < 0.06


@pytest.mark.statistical
def test_score_is_a_bound_near_the_distribution(bits):
    distribution, model = bits
    gap = model.score_samples(distribution.states.astype(float)) - distribution.log_density(
        distribution.states
    )
    mean = float(distribution.probabilities @ gap)
    error = float(np.sqrt(distribution.probabilities**2 @ (gap - mean) ** 2))
    # Over 20 seeds their ratio is .44, with a spread of .99.
    assert mean < 4.5 * error
    # .02 nats a bit.
    assert mean > -0.02 * 4 - 3 * error


@pytest.mark.statistical
def test_missing_bits_follow_the_conditional_distribution(bits):
    distribution, model = bits
    # The rows that the model has learnt.
    taught = distribution.sample(4000, random_state=0)
    for row in ([1, np.nan, np.nan, 0], [np.nan, 1, 1, np.nan]):
        row = np.array(row, dtype=float)
        X = model.impute(np.tile(row, (3000, 1)))
        seen = ~np.isnan(row)
        np.testing.assert_array_equal(X[:, seen], np.tile(row[seen], (3000, 1)))
        exact = distribution.conditional(row)
        code = X.astype(int) @ (1 << np.arange(4))
        found = np.bincount(code, minlength=16) / 3000
        # A share errs by that of 3,000 draws, and of the 300 to 2,000 training rows that show what
        # was seen. Over 20 seeds the total variation is .9 times half the sum of such errors, with
        # a spread of .5.
        n_taught = (taught[:, seen] == row[seen]).all(1).sum()
        errors = np.sqrt(exact * (1 - exact) * (1 / 3000 + 1 / n_taught))
        assert np.abs(found - exact).sum() < 2.9 * errors.sum()


def test_bits_of_any_two_values_come_back(bits):
    distribution, _ = bits
    X = np.where(distribution.sample(400, random_state=1) > 0, 7.5, -2.0)
    X[:, 2] = 3.0
    model = BinaryLatentDiffusion(autoencoder=None, **BRIEF).fit(X)
    np.testing.assert_array_equal(model.inverse_transform(model.transform(X)), X)
    assert set(np.unique(model.sample(50))) <= {7.5, -2.0, 3.0}
    assert (model.sample(50)[:, 2] == 3.0).all()


def test_a_third_value_is_refused(bits):
    distribution, model = bits
    X = distribution.sample(100, random_state=0)
    X[0, 1] = 2
    with pytest.raises(ValueError, match="two values a column, but column 1 of X has 3"):
        BinaryLatentDiffusion(autoencoder=None).fit(X)
    X = distribution.states.astype(float)
    X[2, 0] = 0.5
    with pytest.raises(ValueError, match=r"X\[2, 0\] is 0.5"):
        model.score_samples(X)


# Codes.


def test_outputs_are_one_code_and_all_decode_alike():
    model = BinaryLatentDiffusion(n_bits=20, **BRIEF).fit(IRIS)
    bits = model.transform(IRIS)
    p = model.set_params(output="probability").transform(IRIS)
    packed = model.set_params(output="packed").transform(IRIS)
    assert set(np.unique(bits)) <= {0.0, 1.0}
    np.testing.assert_array_equal(bits, p > 0.5)
    assert packed.dtype == np.uint8
    assert packed.shape == (150, 3)
    np.testing.assert_array_equal(np.unpackbits(packed, axis=1, count=20), bits)
    rows = model.inverse_transform(bits)
    np.testing.assert_array_equal(model.inverse_transform(p), rows)
    np.testing.assert_array_equal(model.inverse_transform(packed), rows)


def test_what_is_no_code_is_refused():
    model = BinaryLatentDiffusion(n_bits=20, **BRIEF).fit(IRIS)
    with pytest.raises(ValueError, match=r"20 bits .* or 3 bytes .* got 4 columns"):
        model.inverse_transform(IRIS)
    with pytest.raises(ValueError, match=r"X\[0, 1\] is 1.5"):
        model.inverse_transform(np.full((1, 20), 1.5) - np.eye(1, 20))
    with pytest.raises(ValueError, match="whole numbers from 0 to 255"):
        model.inverse_transform(np.full((1, 3), 0.5))


@pytest.mark.statistical
def test_codes_carry_the_rows(code_only):
    model = code_only(BinaryLatentDiffusion)(n_bits=32, max_steps=300, random_state=0).fit(IRIS)
    rows = model.inverse_transform(model.transform(IRIS))
    # Far below the variance of the columns, .2 to 3: the code is not empty.
    assert np.mean((rows - IRIS) ** 2) < 0.15 * IRIS.var(0).mean()
    # So does the decoder's linear part alone: of the scaled columns it leaves less than a fifth.
    scaled = model.row_map_.forward(Data(IRIS)).x.float()
    tokens = 2 * torch.from_numpy(model.transform(IRIS)).float() - 1
    with torch.no_grad():
        left = (scaled - model.module_.decoder.linear(tokens)).square().mean()
    assert left < 0.2 * scaled.var(0).mean()
    used = [row for row in model.history_ if "active_bits" in row]
    assert used[-1]["active_bits"] >= 16
    assert 0 < used[-1]["code_entropy"] <= math.log(2)


@pytest.mark.statistical
@pytest.mark.parametrize("autoencoder", ["stochastic", "threshold", "relaxed"])
@pytest.mark.parametrize("codebook_dim", [None, 6])
def test_every_autoencoder_learns(code_only, autoencoder, codebook_dim):
    model = code_only(BinaryLatentDiffusion)(
        32,
        autoencoder=autoencoder,
        codebook_dim=codebook_dim,
        max_steps=150,
        early_stopping=False,
        random_state=0,
    ).fit(IRIS)
    rows = model.inverse_transform(model.transform(IRIS))
    assert np.mean((rows - IRIS) ** 2) < 0.35 * IRIS.var(0).mean()


@pytest.mark.slow
@pytest.mark.statistical
def test_joint_training_keeps_the_code_alive():
    model = BinaryLatentDiffusion(16, joint=True, max_steps=200, random_state=0).fit(IRIS)
    assert list(dict.fromkeys(row["stage"] for row in model.history_)) == ["joint", "diffusion"]
    rows = model.inverse_transform(model.transform(IRIS))
    # A code that the distribution of the bits has emptied leaves all of the variance.
    assert np.mean((rows - IRIS) ** 2) < 0.35 * IRIS.var(0).mean()
    # Half of the bits at least; one after the other keeps 14, and has a lower bound.
    assert [row for row in model.history_ if "active_bits" in row][-1]["active_bits"] >= 8
    apart = BinaryLatentDiffusion(16, max_steps=200, random_state=0).fit(IRIS)
    assert model.score(IRIS) > apart.score(IRIS)


@pytest.mark.statistical
@pytest.mark.parametrize("autoencoder", ["stochastic", "threshold", "relaxed"])
def test_the_distribution_of_the_bits_teaches_the_encoder_its_share(autoencoder):
    """Its gradient in the bits is a share of what it is to its own weights, and none at first."""
    settings = {"autoencoder": autoencoder, "likelihood": "bernoulli", "joint": True}
    model = BinaryLatentDiffusion(16, **settings, **BRIEF)
    high = (IRIS.mean(0) < IRIS).astype(np.float32)
    module = model.fit(high).module_.train().requires_grad_(True)
    x = torch.from_numpy(high[:50])

    def gradient(steps_taken, share):
        module.steps_taken.fill_(steps_taken)
        module.zero_grad()
        module.diffusion.frequencies.logits.zero_()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(binary_latent_diffusion, "JOINT_SHARE", share)
            noise = GeneratorNoise(torch.Generator().manual_seed(0))
            module.joint_loss(noise, x).sum().backward()
        return [p.grad.clone() for p in module.encoder.parameters() if p.grad is not None]

    assert module.steps_taken == BRIEF["max_steps"]
    for a, b in zip(gradient(0, 0.0), gradient(0, 0.1), strict=True):
        assert torch.equal(a, b)
    late = 10 * module.rising_steps
    none, some, more = (gradient(late, share) for share in (0.0, 0.1, 0.2))
    for a, b, c in zip(none, some, more, strict=True):
        torch.testing.assert_close(c - a, 2 * (b - a), rtol=1e-3, atol=1e-4)
    assert any((b - a).abs().max() > 1e-3 for a, b in zip(none, some, strict=True))


def test_errors_are_those_of_frames_that_are_there():
    """In the unit of the prior's share, too, neither padding nor the mask of frames counts."""
    X, lengths = np.random.default_rng(0).normal(size=(60, 8)), np.arange(60) % 4 + 1
    model = BinaryLatentDiffusion(16, input_shape=(4, 2), joint=True, **BRIEF)
    module = model.fit(X, lengths=lengths).module_
    there = np.arange(4) < lengths[:, None]
    x = np.concatenate([X.reshape(60, 4, 2), there[..., None]], -1).reshape(60, 12)
    rows = torch.from_numpy(x)
    found = module._present(rows, rows).numpy()
    np.testing.assert_array_equal(found, X.reshape(60, 4, 2)[there])


def test_half_precision_learns_bits_at_once():
    settings = {"net_params": {"autocast_dtype": "bfloat16"}, "joint": True}
    model = BinaryLatentDiffusion(16, **settings, **BRIEF).fit(IRIS)
    assert np.isfinite(model.score(IRIS))


@pytest.mark.statistical
def test_bits_of_a_whole_sequence_are_not_copies(code_only):
    """A layer that reads all frames at once must not learn one direction for all bits."""
    settings = {"max_steps": 30, "batch_size": 64, "random_state": 0}
    model = code_only(BinaryLatentDiffusion)(64, input_shape=(8, 8), code="sequence", **settings)
    # Of layers that are drawn and move like others only five bits were in use.
    assert model.fit(DIGITS[:150]).history_[-1]["active_bits"] == 64


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("n", "n_columns", "settings", "share"),
    [
        (1200, 4, {}, 0.1),
        (1200, 16, {}, 0.1),
        (1200, 17, {}, 0.28),
        (1000, 4, {}, 0.28),
        (1200, 4, {"n_bits": 12}, 0.28),
        (1200, 4, {"input_shape": (4, 1)}, 0.28),
    ],
)
def test_a_code_with_room_for_every_column_is_learnt_from_less_noise(n, n_columns, settings, share):
    X = np.random.default_rng(0).normal(size=(n, 1)) * np.ones(n_columns)
    X[:, 1:] += 1e-3 * np.random.default_rng(1).normal(size=(n, n_columns - 1))
    brief = {"max_steps": 2, "random_state": 0, "validation_fraction": 0.0}
    model = BinaryLatentDiffusion(scaling="standard", **settings, **brief).fit(X)
    # One factor: columns of unit variance have a first axis of variance n_columns.
    expected = min(1.0, share * n_columns**0.5)
    assert model.module_.encoder_noise == pytest.approx(expected, rel=0.01)


def test_columns_of_one_unit_err_each_in_its_own_way_and_pixels_alike():
    rng = np.random.default_rng(0)
    lengths = rng.normal(size=(120, 3)) * [1, 2, 4]
    model = BinaryLatentDiffusion(**BRIEF).fit(lengths)
    assert model.scaler_.kind == "common"
    assert model.module_.residuals.n_groups == 3
    for X, shape in ((DIGITS[:120], None), (lengths[:, :2], (2, 1))):
        assert (
            BinaryLatentDiffusion(input_shape=shape, **BRIEF).fit(X).module_.residuals.n_groups == 1
        )


def test_discrete_samples_stay_on_the_levels():
    model = BinaryLatentDiffusion(likelihood="discrete", **BRIEF).fit(DIGITS)
    for j, column in enumerate(model.sample(40).T):
        assert set(column) <= set(DIGITS[:, j])
    assert (model.score_samples(DIGITS[:20]) < 0).all()


def test_a_search_over_bits_and_weights():
    search = GridSearchCV(
        BinaryLatentDiffusion(**BRIEF), {"n_bits": [4, 8], "kl_weight": [0.0, 0.1]}, cv=2
    ).fit(IRIS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_steps_beyond_the_diffusion_are_refused():
    model = BinaryLatentDiffusion(**BRIEF).fit(IRIS)
    assert np.isfinite(model.sample(3, n_steps=1)).all()
    assert np.isfinite(model.sample(3, n_steps=16)).all()
    with pytest.raises(ValueError, match="n_steps=17 is more than the 16 steps"):
        model.sample(3, n_steps=17)


@pytest.mark.statistical
def test_temperature_is_exact_for_independent_bits():
    # Of bits with p = .7, the distribution raised to 1 / .5 has .49 / (.49 + .09) = .845.
    rng = np.random.default_rng(0)
    X = (rng.random((4000, 24)) < 0.7).astype(float)
    model = BinaryLatentDiffusion(
        autoencoder=None, temperature=0.5, n_timesteps=32, max_steps=1, random_state=0
    ).fit(X)
    share = model.sample(1000).mean()
    # Five standard errors of a share of 24,000, and what one step of training may move.
    assert abs(share - 0.49 / 0.58) < 5 * (0.13 / 24_000) ** 0.5 + 0.01


# Images and sequences.


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize(
    ("shape", "code", "n_bits"),
    [
        ((1, 8, 8), "frames", 64),
        ((16, 4), "frame", 64),
        ((16, 4), "frames", 64),
        ((16, 4), "sequence", 64),
        ((9, 2), "frames", 66),
    ],
)
def test_layouts(shape, code, n_bits):
    X = DIGITS[:100, : math.prod(shape)]
    model = BinaryLatentDiffusion(input_shape=shape, code=code, **BRIEF).fit(X)
    # 9 frames make 3 chunks, which share 64 bits by 22.
    assert model.transform(X[:5]).shape == (5, n_bits)
    assert np.isfinite(model.sample(3)).all()
    assert np.isfinite(model.score_samples(X[:3])).all()
    holes = X[:3].copy()
    holes[:, ::3] = np.nan
    filled = model.impute(holes)
    seen = ~np.isnan(holes)
    np.testing.assert_array_equal(filled[seen], holes[seen])
    assert np.isfinite(filled).all()


def strokes(n, **settings):
    """Cut pen strokes at a length, and tell the model."""
    X = load_pen_digits().data[:n]
    lengths = np.where(np.arange(n) % 2 == 0, 3, 8)
    model = BinaryLatentDiffusion(32, input_shape=(8, 2), **settings).fit(X, lengths=lengths)
    return X, lengths, model


@pytest.fixture(scope="module")
def unequal():
    return strokes(100, **BRIEF)


@pytest.fixture(scope="module")
def unequal_learnt():
    return strokes(400, max_steps=150, random_state=0)


def test_padding_is_not_read(unequal):
    X, lengths, model = unequal
    other = X.copy()
    other[::2, 6:] = -1e3
    np.testing.assert_array_equal(
        model.transform(X, lengths=lengths), model.transform(other, lengths=lengths)
    )
    same = model.score_samples(X[1:2]), model.score_samples(X[1:2], lengths=lengths[1:2])
    np.testing.assert_array_equal(*same)


def test_the_score_of_a_sequence_does_not_depend_on_others(unequal):
    X, lengths, model = unequal
    together = model.score_samples(X[:6], lengths=lengths[:6])
    alone = [model.score_samples(X[[i]], lengths=lengths[[i]])[0] for i in range(6)]
    np.testing.assert_allclose(together, alone, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.statistical
def test_lengths_are_learnt_and_returned(unequal_learnt):
    _, _, model = unequal_learnt
    X, lengths = model.sample(200, return_lengths=True)
    # Half are 3 long and half 8: within five standard errors of a share of 200, and the rest of
    # what 150 steps have not learnt.
    assert np.isin(lengths, [3, 8]).mean() > 0.9
    assert 0.3 < (lengths == 3).mean() < 0.7
    frames = X.reshape(200, 8, 2)
    for row, length in zip(frames, lengths, strict=True):
        assert (row[length:] == 0).all()


@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame])
def test_gaps_beyond_a_length_are_not_read(unequal, container):
    X, lengths, model = unequal
    beyond = np.repeat(np.arange(8) >= lengths[:, None], 2, axis=1)
    gaps = container(np.where(beyond, np.nan, X)[:20])
    for method in (model.transform, model.score_samples):
        np.testing.assert_array_equal(
            method(gaps, lengths=lengths[:20]), method(X[:20], lengths=lengths[:20])
        )
    again = BinaryLatentDiffusion(16, input_shape=(8, 2), **BRIEF)
    assert np.isfinite(again.fit(gaps, lengths=lengths[:20]).sample(2)).all()
    with pytest.raises(ValueError, match="NaN in row 0 of column 0"):
        again.fit(container(np.full((20, 16), np.nan)), lengths=lengths[:20])


@pytest.mark.slow
@pytest.mark.statistical
def test_imputed_sequences_are_as_long_as_they_were_said_to_be(unequal_learnt):
    X, lengths, model = unequal_learnt
    there = np.repeat(np.arange(8) < lengths[:, None], 2, axis=1)
    holes = np.where(there, X, np.nan)
    holes[:, 6:] = np.nan
    filled = model.impute(holes, lengths=lengths, random_state=0)
    assert (filled[~there] == 0).all()
    # Frames that are there are drawn, however short the code would have the sequence: half of them
    # would be blank, as the frames beyond a length are. Frames at the origin, where a digit's box
    # begins, are drawn no more often than they are seen, 22 times here, by four standard errors.
    drawn, seen = (rows.reshape(-1, 8, 2)[lengths == 8, 3:] for rows in (filled, X))
    n_drawn, n_seen = ((frames == 0).all(2).sum() for frames in (drawn, seen))
    assert n_drawn < n_seen + 4 * n_seen**0.5


def test_wrong_lengths_are_refused(unequal):
    X, lengths, model = unequal
    with pytest.raises(ValueError, match=r"lengths\[0\] is 9"):
        model.transform(X, lengths=np.full(100, 9))
    with pytest.raises(ValueError, match="one number for each of the 100 rows"):
        model.transform(X, lengths=lengths[:5])
    with pytest.raises(ValueError, match="give input_shape="):
        BinaryLatentDiffusion(**BRIEF).fit(X, lengths=lengths)
    plain = BinaryLatentDiffusion(**BRIEF).fit(IRIS)
    with pytest.raises(ValueError, match="fitted without"):
        plain.transform(IRIS, lengths=np.ones(150))
    with pytest.raises(ValueError, match="return_lengths=True needs"):
        plain.sample(3, return_lengths=True)
