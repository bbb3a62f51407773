"""Bad input, at every public method of every estimator: told by name, and nothing is harmed.

Whatever is thrown at a method, it answers with a ValueError or a TypeError (before `fit` with
NotFittedError) whose text says which argument it was or what it held, or with finite numbers of the
right shape; and the model is, bit for bit, what it was. A table lists what a hand may do wrong;
hypothesis searches the floating-point numbers.
"""

import math
import warnings

import hypothesis
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from brief import few_steps
from hypothesis import strategies
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from skgen import UncutSource
from skgen.base import REGISTRY
from skgen.training.stages import TrainingError

ESTIMATORS = {name: cls for name, cls in REGISTRY.items() if cls.__module__.startswith("skgen.")}
IRIS, SPECIES = (part[::5] for part in load_iris(return_X_y=True))
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
NAN, INF = math.nan, math.inf
SMALL = {"max_steps": 3, "hidden_units": 8, "random_state": 0}


def with_entry(value, dtype=float):
    X = IRIS.astype(dtype)
    X[3, 2] = value
    return X


# What X may be that it must not be, and what the answer must speak of.
BAD_X = {
    "text": (np.full(IRIS.shape, "a"), "convert string to float"),
    "one dimension": (IRIS[0], "2D array"),
    "three dimensions": (IRIS[None], "dim 3"),
    "no rows": (IRIS[:0], "0 sample"),
    "no columns": (IRIS[:, :0], "0 feature"),
    "nothing": (None, "2D array"),
    "a number": (3.0, "2D array"),
    "a dict": ({"a": 1}, "dict"),
    "objects": (np.full(IRIS.shape, object()), "object"),
    "ragged": ([[1, 2], [3]], "inhomogeneous"),
    "complex": (IRIS + 1j, "Complex data"),
    "sparse": (scipy.sparse.csr_matrix(IRIS), "Sparse data"),
    "infinity": (with_entry(INF), "infinity"),
    "minus infinity": (with_entry(-INF), "infinity"),
    "1e300": (with_entry(1e300), r"\[3, 2\] is 1e\+300"),
    "1e38 in float32": (with_entry(1e38, np.float32), r"\[3, 2\] is 1e\+38"),
    "all 1e300": (IRIS * 1e300, r"\[0, 0\] is 5\.1e\+300"),
}
# For methods that know how many columns there are.
BAD_ROWS = {
    "a column too few": (IRIS[:, :3], "3"),
    "columns too many": (np.hstack([IRIS] * 20), "80"),
}
BAD_CONDITIONS = {
    "too few": (["setosa"], "1 rows where 2"),
    "unknown": (["setosa", "rose"], "unknown label 'rose'"),
    "missing": (["setosa", None], "missing value in row 1"),
    "not a number": ([NAN, 1.0], "missing value in row 0"),
    "infinite": ([1.0, INF], "is inf in row 1"),
    "numbers": ([5, 6], "unknown label"),
    "a dict": ({"a": 1}, "unknown label"),
    "a function": (len, "unknown label"),
    "objects": ([object(), object()], "unknown label"),
    "empty": ([], "0 rows where 2"),
    "wide": (np.zeros((2, 3)), "3 column"),
    "three dimensions": (np.zeros((2, 1, 1)), r"shape \(2, 1, 1\)"),
    "ragged": ([["a"], ["a", "b"]], "inhomogeneous"),
    "complex": ([1j, 2j], "complex numbers"),
    "sparse": (scipy.sparse.csr_matrix(np.zeros((2, 1))), "condition is sparse"),
    "frame": (pd.DataFrame({"a": ["setosa", "x"], "b": [1, 2]}), "2 column"),
}
BAD_COUNTS = [-1, 0, 1.5, NAN, "3", [2], np.array([2, 3])]
BAD_SEEDS = [-1, "a", 1.5, 2**40, object()]
WITH_X = ["transform", "inverse_transform", "score_samples", "score", "impute"]


@pytest.fixture(params=sorted(ESTIMATORS), scope="module")
def Estimator(request):
    return ESTIMATORS[request.param]


@pytest.fixture(scope="module")
def fitted(Estimator):
    return Estimator(**SMALL, **few_steps(Estimator, 4)).fit(IRIS)


@pytest.fixture(scope="module")
def conditional(Estimator):
    return Estimator(**SMALL, **few_steps(Estimator, 4)).fit(IRIS, condition=NAMES)


def state_of(model):
    """Give the bits that a model answers from."""
    tensors = {name: value.clone() for name, value in model.module_.state_dict().items()}
    kept = sorted(name for name in vars(model) if name not in ("_copies",))
    return kept, tensors, model.sample(3, n_steps=2, random_state=0)


@pytest.fixture
def unharmed():
    """Watch a model; at the end it must be what it was."""
    watched = []

    def watch(model):
        watched.append((model, state_of(model)))
        return model

    yield watch
    for model, (kept, tensors, rows) in watched:
        kept_now, tensors_now, rows_now = state_of(model)
        assert kept_now == kept
        for name, value in tensors.items():
            assert torch.equal(tensors_now[name], value), name
        np.testing.assert_array_equal(rows_now, rows)


def answers(call, pattern, error=(ValueError, TypeError)):
    """Hold a call to an exception of the right kind that says what is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error, match=pattern) as info:
            call()
    # Not from the depths of numpy or torch, by their own words of shapes and strides.
    assert not isinstance(info.value, RuntimeError)


@pytest.mark.parametrize("kind", BAD_X)
def test_bad_rows_are_told(fitted, unharmed, kind):
    X, pattern = BAD_X[kind]
    unharmed(fitted)
    for method in WITH_X:
        # A latent of another number of columns is told for that.
        other = method == "inverse_transform" and fitted._n_features_out != IRIS.shape[1]
        answers(lambda m=method: getattr(fitted, m)(X), None if other else pattern)
    if kind == "1e38 in float32":
        # Far from other rows, but not too large to be learnt with them.
        return
    for method in ("fit", "partial_fit", "fit_transform"):
        new = clone(fitted)
        answers(lambda m=method, n=new: getattr(n, m)(X), pattern)
        assert not hasattr(new, "module_")
        assert not hasattr(new, "n_features_in_")


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_another_number_of_columns_is_told(fitted, unharmed, kind):
    X, pattern = BAD_ROWS[kind]
    unharmed(fitted)
    for method in [*WITH_X, "partial_fit"]:
        answers(lambda m=method: getattr(fitted, m)(X), pattern)


def test_missing_entries_are_for_impute_alone(fitted, unharmed):
    X = with_entry(NAN)
    unharmed(fitted)
    for method in ("transform", "inverse_transform", "score_samples", "score", "partial_fit"):
        answers(lambda m=method: getattr(fitted, m)(X), "NaN|between 0 and 1|packed bits|bits that")
    assert np.isfinite(fitted.impute(X)).all()


def test_one_row_is_enough_but_for_learning(fitted, unharmed):
    unharmed(fitted)
    Z = fitted.transform(IRIS[:1])
    assert len(Z) == len(fitted.inverse_transform(Z)) == len(fitted.score_samples(IRIS[:1])) == 1
    answers(lambda: clone(fitted).fit(IRIS[:1]), "1 sample.* minimum of 2")
    answers(lambda: fitted.partial_fit(IRIS[:1]), "1 sample.* minimum of 2")


@pytest.mark.parametrize("kind", BAD_CONDITIONS)
def test_bad_conditions_are_told(conditional, unharmed, kind):
    condition, pattern = BAD_CONDITIONS[kind]
    unharmed(conditional)
    X = IRIS[:2]
    Z = conditional.transform(X, condition=["setosa"] * 2)
    for call in (
        lambda: conditional.transform(X, condition=condition),
        lambda: conditional.inverse_transform(Z, condition=condition),
        lambda: conditional.score_samples(X, condition=condition),
        lambda: conditional.score(X, condition=condition),
        lambda: conditional.sample(2, condition=condition),
        lambda: conditional.impute(X, condition=condition),
        lambda: conditional.partial_fit(X, condition=condition),
    ):
        answers(call, pattern)


def test_a_condition_that_is_not_known_is_told(fitted, conditional, unharmed):
    unharmed(fitted)
    for method in WITH_X:
        given = fitted.transform(IRIS) if method == "inverse_transform" else IRIS
        answers(
            lambda m=method, X=given: getattr(fitted, m)(X, condition=NAMES), "fitted without one"
        )
    answers(lambda: fitted.partial_fit(IRIS, condition=NAMES), "fitted without one")
    answers(lambda: conditional.partial_fit(IRIS), "give condition=")


def test_bad_counts_and_seeds_are_told(conditional, unharmed):
    model = unharmed(conditional)
    holes = np.full((2, 4), NAN)
    for value in BAD_COUNTS:
        answers(lambda v=value: model.sample(v), "n_samples")
        answers(lambda v=value: model.sample(2, n_steps=v), "n_steps")
        answers(lambda v=value: model.impute(holes, n_steps=v), "n_steps")
        answers(lambda v=value: model.impute(holes, n_draws=v), "n_draws")
    for value in BAD_SEEDS:
        answers(lambda v=value: model.sample(2, random_state=v), "[sS]eed")
        answers(lambda v=value: model.impute(holes, random_state=v), "[sS]eed")
    for value in [-1, "a", None, NAN, INF, [1], 1j]:
        answers(
            lambda v=value: model.sample(2, condition="setosa", guidance_scale=v), "guidance_scale"
        )


def test_guidance_that_leads_nowhere_is_told(conditional, unharmed):
    model = unharmed(conditional)
    try:
        rows = model.sample(2, condition="setosa", guidance_scale=1e300)
    except ValueError as error:
        assert "smaller guidance_scale" in str(error)  # noqa: PT017
    else:
        assert np.isfinite(rows).all()


@pytest.mark.parametrize(
    ("settings", "pattern"),
    [
        ({"input_shape": ("a",)}, "input_shape"),
        ({"input_shape": (-1, -4)}, "input_shape"),
        ({"input_shape": (3, 3)}, r"input_shape=\(3, 3\) means 9 features"),
        ({"input_shape": ()}, "input_shape"),
        ({"net_params": {"callbacks": [3]}}, r"callbacks\[0\] is 3"),
        ({"net_params": {"callbacks": [("name", "a")]}}, r"callbacks\[0\] is \('name', 'a'\)"),
        ({"net_params": {"callbacks": 3}}, "callbacks=3"),
        ({"net_params": {"ema_decay": NAN}}, "ema_decay=nan"),
        ({"net_params": {"bogus": 1}}, "bogus"),
        ({"net_params": {"autocast_dtype": "float3"}}, "autocast_dtype='float3'"),
        ({"device": "nonsense"}, "device='nonsense'"),
        ({"device": "meta"}, "device='meta'"),
        ({"device": "cuda:99"}, "device='cuda:99'"),
        ({"validation_fraction": 0.99}, "validation_fraction=0.99 leaves 0 of 30 rows"),
        ({"lr": NAN}, "lr"),
        ({"lr": INF}, "lr"),
        ({"max_steps": 0}, "max_steps"),
        ({"random_state": -1}, "random_state"),
        ({"scaling": "none"}, "scaling"),
        ({"checkpoint": 3}, "checkpoint"),
    ],
)
def test_bad_parameters_are_told_in_fit(fitted, unharmed, settings, pattern):
    given = fitted.get_params()
    unharmed(fitted)
    answers(lambda: fitted.set_params(**settings).fit(IRIS), pattern)
    fitted.set_params(**given)


def test_before_fit_every_method_says_so(Estimator):
    model = Estimator()
    calls = {
        **{method: (IRIS,) for method in WITH_X},
        "sample": (),
        "get_feature_names_out": (),
        **({"trajectory": (IRIS,)} if hasattr(model, "trajectory") else {}),
        **({"interpolate": (IRIS, IRIS)} if hasattr(model, "interpolate") else {}),
    }
    for method, arguments in calls.items():
        answers(lambda m=method, a=arguments: getattr(model, m)(*a), "not fitted", NotFittedError)


SHAPES = strategies.tuples(strategies.integers(1, 3), strategies.just(4))
SEARCH = hypothesis.settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_numbers_give_finite_answers_or_are_told(fitted, unharmed, dtype):
    unharmed(fitted)

    @SEARCH
    @hypothesis.given(arrays(dtype, SHAPES))
    def search(X):
        for method in ("transform", "score_samples", "impute", "inverse_transform"):
            width = fitted._n_features_out if method == "inverse_transform" else X.shape[1]
            given = np.resize(X, (len(X), width))
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    answer = getattr(fitted, method)(given)
            except (ValueError, TypeError) as error:
                assert str(error)  # noqa: PT017
            else:
                assert len(answer) == len(X)
                assert np.isfinite(answer).all(), (method, X)

    search()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_numbers_are_learnt_or_told(fitted, dtype):
    shapes = strategies.tuples(strategies.integers(2, 4), strategies.just(2))

    @hypothesis.settings(SEARCH, max_examples=8)
    @hypothesis.given(arrays(dtype, shapes))
    def search(X):
        new = clone(fitted)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                # The small latent of a model that has hardly trained is not this test's matter.
                warnings.filterwarnings("ignore", message="The latent is empty")
                new.fit(X)
                rows = new.sample(3)
        except (ValueError, TypeError, TrainingError) as error:
            assert str(error)  # noqa: PT017
        else:
            assert np.isfinite(rows).all(), X

    search()


# What single estimators have


@pytest.fixture(scope="module")
def bridge():
    return ESTIMATORS["SchrodingerBridgeMatcher"](**SMALL).fit(IRIS, source=IRIS[:10])


@pytest.mark.parametrize("kind", BAD_X)
def test_bad_sources_are_told(bridge, unharmed, kind):
    Bridge, model = type(bridge), unharmed(bridge)
    source, pattern = BAD_X[kind]
    if kind in ("nothing", "1e38 in float32"):
        # No source is a normal one; and 1e38 in a source that is fitted only widens the scale.
        return
    for given in (source, UncutSource(source)):
        answers(lambda s=given: Bridge(**SMALL).fit(IRIS, source=s), pattern)
        answers(lambda s=given: model.score(IRIS, source=s), pattern)
    answers(lambda: model.trajectory(source), pattern)
    answers(lambda: Bridge(**SMALL).fit(IRIS, source=IRIS[:, :2]), "source has 2 columns")
    answers(lambda: model.trajectory(IRIS, n_steps=0), "n_steps")


@pytest.mark.parametrize("grid", [[0, NAN, 1], ["a", "b"], [[0, 1]], [], [1, 0], [0.0, 2.0]])
def test_bad_time_grids_are_told(grid):
    model = ESTIMATORS["FlowMatcher"](**SMALL, time_grid=grid)
    answers(lambda: model.fit(IRIS), "time_grid|could not convert string")


def test_too_much_mean_reversion_is_told():
    model = ESTIMATORS["SchrodingerBridgeMatcher"](**SMALL, theta=1e6)
    answers(lambda: model.fit(IRIS), "theta")


@pytest.fixture(scope="module")
def autoencoder():
    return ESTIMATORS["VariationalDiffusionAE"](**SMALL).fit(IRIS)


@pytest.mark.parametrize(
    ("guide", "pattern"),
    [
        (3, "guide must be callable"),
        (lambda X: None, "returned NoneType"),
        (lambda X: 1.0, "returned float"),
        (lambda X: X, r"returned a tensor of shape \(256, 4\)"),
        (lambda X: X.sum(), r"returned a tensor of shape \(\)"),
        (lambda X: X.detach().sum(1), "no gradient"),
        (lambda X: X.sum(1) * NAN, "not finite"),
    ],
)
def test_bad_guides_are_told(autoencoder, unharmed, guide, pattern):
    model = unharmed(autoencoder)
    answers(lambda: model.sample(2, guide=guide, n_steps=2), pattern)


def test_bad_ends_of_lines_are_told(autoencoder, unharmed):
    model = unharmed(autoencoder)
    for n in (1, 0, -1, 2.5, "a"):
        answers(lambda n=n: model.interpolate(IRIS[:2], IRIS[2:4], n), "n must be an integer")
    answers(lambda: model.interpolate(IRIS[:2], IRIS[:3]), "must pair up")


@pytest.fixture(scope="module")
def sequences():
    model = ESTIMATORS["BinaryLatentDiffusion"](**SMALL, input_shape=(4, 1))
    return model.fit(IRIS, lengths=np.arange(30) % 4 + 1)


@pytest.mark.parametrize(
    "lengths",
    [
        np.zeros(30),
        np.full(30, 9),
        np.full(30, 1.5),
        np.full(30, NAN),
        ["a"] * 30,
        [1, 2],
        np.ones((30, 1)),
        [object()] * 30,
        2,
        -np.ones(30),
    ],
    ids=[
        "zero",
        "too long",
        "half",
        "nan",
        "text",
        "too few",
        "column",
        "object",
        "one number",
        "negative",
    ],
)
def test_bad_lengths_are_told(sequences, unharmed, lengths):
    model = unharmed(sequences)
    answers(lambda: model.transform(IRIS, lengths=lengths), "length")
    answers(lambda: clone(model).fit(IRIS, lengths=lengths), "length")
