"""Levels that `fit` did not see: probabilities that sum to one at most, and nothing refused."""

from itertools import product

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, KFold

from skgen import BinaryLatentDiffusion, VariationalDiffusionAE, VQDiffusionBridge

N = 60
BRIEF = {"max_steps": 40, "random_state": 0}
BINARY = [
    BinaryLatentDiffusion(autoencoder=None, n_timesteps=32, **BRIEF),
    BinaryLatentDiffusion(n_bits=4, likelihood="bernoulli", **BRIEF),
    VQDiffusionBridge(n_embeddings=4, likelihood="bernoulli", **BRIEF),
]
DISCRETE = [
    BinaryLatentDiffusion(n_bits=4, likelihood="discrete", **BRIEF),
    VQDiffusionBridge(n_embeddings=4, likelihood="discrete", **BRIEF),
    VariationalDiffusionAE(2, likelihood="discrete", n_steps=8, **BRIEF),
]


def named(models):
    """Return parameters of a test, by name."""
    return pytest.mark.parametrize("model", models, ids=lambda m: f"{type(m).__name__}")


def rare_bits():
    """Return rows of three bits, the second of which is never 1 and the third never 0."""
    X = np.random.default_rng(0).integers(0, 2, (N, 3)).astype(float)
    return X * [1, 0, 1] + [0, 0, 1] * (1 - X)


def few_levels():
    """Return rows of two columns: 0, 1, 3 or 6, and always 2."""
    return np.column_stack([np.resize([0.0, 1.0, 1.0, 3.0, 6.0], N), np.full(N, 2.0)])


@named(BINARY)
def test_a_bit_that_was_never_on_may_be(model):
    """Its probability is that of one more row, and those of all states sum to one at most."""
    model.fit(rare_bits())
    states = np.array(list(product([0.0, 1.0], repeat=3)))
    scores = model.score_samples(states)
    # 64 draws of the bound of a row err by some hundredths.
    assert np.exp(scores).sum() < 1.05
    usual = model.score_samples(np.where([True, False, False], states, [0.0, 0.0, 1.0]))
    n_new = (states[:, 1] == 1).astype(int) + (states[:, 2] == 0)
    np.testing.assert_allclose(scores, usual - n_new * np.log(N), rtol=1e-12)
    # What is drawn has the levels of fit.
    np.testing.assert_array_equal(model.sample(200)[:, 1:], np.tile([0.0, 1.0], (200, 1)))


@named(BINARY)
@pytest.mark.parametrize("values", [(0.0, 1.0), (-3.0, 7.5)])
def test_rows_with_a_new_bit_are_encoded_and_completed(model, values):
    low, high = values
    model.fit(low + (high - low) * rare_bits())
    rows = np.array([[low, high, low], [high, high, high], [np.nan, high, low]])
    assert np.isfinite(model.transform(rows[:2])).all()
    if model.get_params().get("autoencoder", "") is None:
        np.testing.assert_array_equal(model.transform(rows[:2]), [[0, 1, 0], [1, 1, 1]])
        np.testing.assert_array_equal(model.inverse_transform([[0, 1, 0]]), rows[:1])
    filled = model.impute(rows)
    np.testing.assert_array_equal(filled[:2], rows[:2])
    np.testing.assert_array_equal(filled[2, 1:], rows[2, 1:])
    assert filled[2, 0] in values


def test_a_search_over_bits_scores_every_fold():
    """Pixels that are on in a few rows only are never on in the other folds."""
    X = (load_digits().data[:120] > 7).astype(float)
    halves = list(KFold(2).split(X))
    assert any((X[there].any(0) & ~X[here].any(0)).any() for here, there in halves)
    model = BinaryLatentDiffusion(autoencoder=None, n_timesteps=16, random_state=0)
    search = GridSearchCV(model, {"max_steps": [3, 30]}, cv=halves).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_ == {"max_steps": 30}


@named(DISCRETE)
def test_levels_between_and_beyond_those_seen_have_a_small_probability(model):
    model.fit(few_levels())
    grid = np.array(list(product(np.arange(-3.0, 12.0), np.arange(-3.0, 12.0))))
    scores = model.score_samples(grid)
    assert np.isfinite(scores).all()
    # 64 draws of the bound of a row err by about a tenth.
    assert np.exp(scores).sum() < 1.1
    seen = np.isin(grid[:, 0], [0, 1, 3, 6]) & (grid[:, 1] == 2)
    assert np.exp(scores[seen]).sum() > 0.5 * np.exp(scores).sum()
    # A new level has a share of the nearest one of fit.
    nearest = {-3: 0, 2: 1, 4: 3, 5: 6, 11: 6}
    each = np.log(1 / (N + 1) / 256) - np.log1p(-1 / (N + 1))
    for new, old in nearest.items():
        rows = [[new, 2], [old, 2], [new, 7], [old, -1]]
        at_new, at_old, at_both, beside = model.score_samples(rows)
        np.testing.assert_allclose(at_new, at_old + each, rtol=1e-9)
        np.testing.assert_allclose(at_both, at_old + 2 * each, rtol=1e-9)
        np.testing.assert_allclose(beside, at_old + each, rtol=1e-9)
    assert set(model.sample(100)[:, 0]) <= {0.0, 1.0, 3.0, 6.0}


@named(DISCRETE)
def test_half_steps_may_be_rarer_than_the_rows_of_fit(model):
    """A level need not have the decimals of those of fit: a grade of 2.5 among whole ones."""
    model.fit(few_levels())
    at_new, at_old = model.score_samples([[2.75, 2], [3, 2]])
    each = np.log(1 / (N + 1) / 256) - np.log1p(-1 / (N + 1))
    np.testing.assert_allclose(at_new, at_old + each, rtol=1e-9)


@named(DISCRETE)
def test_rows_with_new_levels_are_encoded_and_completed(model):
    model.fit(few_levels())
    rows = np.array([[2.0, 2.0], [9.0, 4.0]])
    # Where two levels are as near, the lower one stands for a new one.
    np.testing.assert_array_equal(model.transform(rows), model.transform([[1.0, 2.0], [6.0, 2.0]]))
    filled = model.impute([[np.nan, 4.0], [5.0, np.nan]])
    assert filled[0, 1] == 4
    assert filled[0, 0] in (0, 1, 3, 6)
    np.testing.assert_array_equal(filled[1], [5, 2])


@pytest.mark.parametrize(
    ("model", "fitted", "row", "message"),
    [
        (BINARY[0], rare_bits(), [0, 0, 2], r"X\[1, 2\] is 2.0, which is not among the levels"),
        (BINARY[1], rare_bits(), [2, 0, 1], r"X\[1, 0\] is 2.0, which is not among the levels"),
        (DISCRETE[2], few_levels(), [np.inf, 2], "infinity"),
    ],
)
def test_what_cannot_be_a_level_is_refused(model, fitted, row, message):
    model.fit(fitted)
    with pytest.raises(ValueError, match=message):
        model.score_samples([fitted[0], row])


def test_levels_that_are_given_are_all_there_are():
    model = VQDiffusionBridge(likelihood=np.arange(7), n_embeddings=4, **BRIEF)
    model.fit(few_levels())
    assert np.isfinite(model.score_samples([[5, 0]])).all()
    with pytest.raises(ValueError, match=r"X\[0, 1\] is 7.0, which is not among the levels"):
        model.score_samples([[5, 7]])


def test_levels_off_any_grid_may_be_followed_by_others():
    levels = np.log1p(few_levels())
    model = BinaryLatentDiffusion(n_bits=4, likelihood="discrete", **BRIEF).fit(levels)
    new, old = model.score_samples(np.log1p([[7, 2], [6, 2]]))
    assert old - new == pytest.approx(np.log(256 * N))


def test_rounding_makes_no_new_level():
    X = few_levels() / 10
    for dtypes in ((np.float32, np.float64), (np.float64, np.float32)):
        model = BinaryLatentDiffusion(n_bits=4, likelihood="discrete", **BRIEF)
        model.fit(X.astype(dtypes[0]))
        exact, rounded = (model.score_samples(X[:20].astype(dtype)) for dtype in dtypes)
        # Draws of the bound are a row's own, and differ with its last digit; a new level would
        # cost 9.7 nats.
        np.testing.assert_allclose(rounded, exact, atol=3.0)
    assert model.score_samples([[0.1 + 0.2, 0.2]]) == pytest.approx(
        model.score_samples([[0.3, 0.2]]), rel=1e-6
    )


def test_a_later_piece_may_bring_the_other_bit():
    X = rare_bits()
    model = BinaryLatentDiffusion(autoencoder=None, n_timesteps=16, **BRIEF).partial_fit(X)
    assert (model.sample(50)[:, 1] == 0).all()
    for _ in range(8):
        model.partial_fit(1 - X)
    assert model.sample(100)[:, 1].mean() > 0.5
    assert np.isfinite(model.score(1 - X))


def test_padding_beyond_a_length_has_no_level():
    rng = np.random.default_rng(0)
    X, lengths = rng.integers(0, 2, (N, 6)).astype(float), rng.integers(2, 5, N)
    X[:, 2:4] = 1
    model = BinaryLatentDiffusion(
        n_bits=4, likelihood="discrete", input_shape=(6, 1), code="frame", **BRIEF
    ).fit(X, lengths=lengths)
    rows = np.tile(X[:1], (3, 1))
    rows[1, 3:], rows[2, 2] = 5, 0
    scores = model.score_samples(rows, lengths=[3, 3, 3])
    share = 1 / (N + 1)
    assert scores[1] == pytest.approx(scores[0], rel=1e-3)
    assert scores[2] == pytest.approx(scores[0] + np.log(share / 256 / (1 - share)), rel=1e-3)
