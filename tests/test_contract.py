"""One contract for all estimators: scikit-learn's checks, seeds, threads, frames, bad input.

Add an estimator to `ESTIMATORS`, and everything here holds it.
"""

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from brief import few_steps
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch.callbacks import Callback

from skgen import (
    BinaryLatentDiffusion,
    FlowMatcher,
    SchrodingerBridgeMatcher,
    VariationalDiffusionAE,
    VQDiffusionBridge,
)
from skgen.training.stages import TrainingError

ESTIMATORS = [
    VariationalDiffusionAE,
    SchrodingerBridgeMatcher,
    FlowMatcher,
    BinaryLatentDiffusion,
    VQDiffusionBridge,
]
IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]


# On some 60 fits an estimator, narrow and with few steps: what is checked is the contract, not what
# is learnt.
@parametrize_with_checks(
    [Estimator(max_steps=5, hidden_units=16, **few_steps(Estimator, 4)) for Estimator in ESTIMATORS]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([ESTIMATORS[0]()])
def test_scikit_learn_checks_at_the_defaults(estimator, check):
    check(estimator)


@pytest.fixture(params=ESTIMATORS, scope="module")
def Estimator(request):
    return request.param


@pytest.fixture(scope="module")
def quick(Estimator):
    """Make estimators that train, and draw, in a few steps only."""
    brief = {"max_steps": 12, "random_state": 0, **few_steps(Estimator, 8)}
    return lambda **kwargs: Estimator(**{**brief, **kwargs})


@pytest.fixture(scope="module")
def narrow(quick):
    """Make estimators that have small networks besides, for what no width changes."""
    return lambda **kwargs: quick(**{"hidden_units": 32, **kwargs})


@pytest.fixture(scope="module")
def fitted(quick):
    return quick().fit(IRIS)


@pytest.fixture(scope="module")
def conditional(narrow):
    return narrow(max_steps=200).fit(IRIS, condition=NAMES)


# Randomness


def test_same_seed_same_bits(quick, fitted):
    again = quick().fit(IRIS)
    np.testing.assert_array_equal(fitted.sample(7, n_steps=4), again.sample(7, n_steps=4))
    np.testing.assert_array_equal(fitted.transform(IRIS), again.transform(IRIS))
    other = quick(random_state=1).fit(IRIS)
    assert not np.array_equal(fitted.transform(IRIS), other.transform(IRIS))


@pytest.mark.fixed_seed
def test_same_bits_in_another_process():
    names = [Estimator.__name__ for Estimator in ESTIMATORS]
    program = (
        "import sys, skgen, torch; torch.set_num_threads(1)\n"
        "from sklearn.datasets import load_iris\n"
        "X = load_iris().data\n"
        "for name in sys.argv[1:]:\n"
        "    model = getattr(skgen, name)(max_steps=12, random_state=0).fit(X)\n"
        "    print(name, model.sample(7, n_steps=8).tobytes().hex())"
    )
    run = subprocess.run([sys.executable, "-c", program, *names], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    fits = [Estimator(max_steps=12, random_state=0).fit(IRIS) for Estimator in ESTIMATORS]
    rows = [model.sample(7, n_steps=8).tobytes().hex() for model in fits]
    assert dict(line.split() for line in run.stdout.splitlines()) == dict(
        zip(names, rows, strict=True)
    )


def test_same_bits_with_four_fits_in_four_threads(quick, fitted):
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(lambda _: quick().fit(IRIS), range(4)))
    rows = fitted.sample(7, n_steps=8)
    for model in models:
        np.testing.assert_array_equal(model.sample(7, n_steps=8), rows)


def test_a_row_does_not_depend_on_how_many_are_drawn(fitted):
    many = fitted.sample(600, random_state=3)
    np.testing.assert_array_equal(many[:5], fitted.sample(5, random_state=3))
    np.testing.assert_array_equal(many[:300], fitted.sample(300, random_state=3))
    # The blocks that rows are drawn in do not repeat one another. Lengths in tenths of a
    # centimetre do, here and there.
    assert len(np.unique(many, axis=0)) > 550
    same = (many[:, None] == many).all(2)
    assert max(np.diagonal(same, shift).mean() for shift in range(1, 500)) < 0.05


def test_sampling_ignores_the_batch_size(fitted):
    rows = fitted.sample(300, n_steps=8, random_state=3)
    other = clone(fitted).set_params(batch_size=7)
    other.__dict__.update({k: v for k, v in vars(fitted).items() if k.endswith("_") or k[0] == "_"})
    np.testing.assert_array_equal(rows, other.sample(300, n_steps=8, random_state=3))


def test_global_random_states_are_left_alone(narrow):
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    before = np.random.get_state()[1].copy(), torch.get_rng_state().clone()  # noqa: NPY002
    model = narrow().fit(IRIS)
    model.sample(3)
    model.score(IRIS)
    np.testing.assert_array_equal(before[0], np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(before[1], torch.get_rng_state())


def test_the_score_of_a_row_is_its_own(fitted):
    whole = fitted.score_samples(IRIS)
    order = np.random.default_rng(0).permutation(len(IRIS))
    np.testing.assert_allclose(fitted.score_samples(IRIS[order]), whole[order], rtol=1e-9)
    np.testing.assert_allclose(fitted.score_samples(IRIS[:1]), whole[:1], rtol=1e-9)
    np.testing.assert_array_equal(fitted.score_samples(IRIS), whole)


# Errors


def called_methods(Estimator):
    """List the public methods of an estimator that are written in the library."""
    for name in dir(Estimator):
        method = getattr(Estimator, name)
        home = (getattr(method, "__module__", None) or "").partition(".")[0]
        if not name.startswith("_") and callable(method) and home in ("skgen", __name__):
            yield name


def test_errors_about_arguments_name_the_class_that_was_called(Estimator):
    class Derived(Estimator):
        pass

    for cls in (Estimator, Derived):
        names = list(called_methods(cls))
        assert {"fit", "partial_fit", "sample", "transform", "impute", "score"} <= set(names)
        for name in names:
            for given, named in (((None,) * 30, {}), ((), {"nonsense": 1})):
                with pytest.raises(TypeError) as error:
                    getattr(cls(), name)(*given, **named)
                assert f"{cls.__name__}.{name}()" in str(error.value)


def test_methods_are_found_where_they_say_they_are(Estimator):
    for name in called_methods(Estimator):
        method = getattr(Estimator, name)
        assert method.__doc__
        assert method.__module__ == Estimator.__module__
        assert method.__qualname__ == f"{Estimator.__name__}.{name}"


def test_positional_conditions_are_refused_by_name():
    with pytest.raises(TypeError, match=r"FlowMatcher.sample\(\) takes from 1 to 2 positional"):
        FlowMatcher().sample(3, NAMES[:3])


# State


def test_clone_pickle_and_joblib(fitted, tmp_path):
    assert clone(fitted).get_params() == fitted.get_params()
    joblib.dump(fitted, tmp_path / "model.joblib")
    rows, Z, score = fitted.sample(4, n_steps=4), fitted.transform(IRIS), fitted.score(IRIS)
    for loaded in (pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(loaded.sample(4, n_steps=4), rows)
        np.testing.assert_array_equal(loaded.transform(IRIS), Z)
        assert loaded.score(IRIS) == score


def test_a_failed_fit_leaves_the_model_as_it_was(narrow):
    model = narrow().fit(IRIS)
    before = model.sample(3, n_steps=4)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.where(IRIS > 7, np.nan, IRIS))
    model.set_params(lr=-1.0)
    with pytest.raises(ValueError, match="lr"):
        model.fit(IRIS[:, :2])
    model.set_params(lr=1e30)
    with pytest.raises(TrainingError, match="step"):
        model.fit(IRIS[:, :2])
    assert model.n_features_in_ == 4
    np.testing.assert_array_equal(model.sample(3, n_steps=4), before)


def test_a_diverging_first_fit_keeps_nothing(narrow):
    model = narrow(lr=1e30)
    with pytest.raises(TrainingError, match=r"step \d+ of stage .* smaller lr"):
        model.fit(IRIS)
    assert not hasattr(model, "module_")
    assert not hasattr(model, "n_features_in_")


class PressCtrlC(Callback):
    """Interrupts training at a step, as a user would."""

    def __init__(self, step):
        self.step = step

    def on_batch_end(self, net, training, **kwargs):
        if training and net.step_ == self.step:
            raise KeyboardInterrupt


def test_an_interrupted_fit_is_usable(narrow):
    model = narrow(max_steps=100, net_params={"callbacks": [PressCtrlC(30)]})
    with pytest.warns(UserWarning, match="interrupted in stage .* at step 30"):
        model.fit(IRIS)
    assert len(model.nets_) == 1
    assert np.isfinite(model.sample(5)).all()
    assert np.isfinite(model.score(IRIS))
    # Even the stages that were never reached know the scale of the data.
    spread = model.sample(500, random_state=0).std(0) / IRIS.std(0)
    assert np.all((spread > 0.3) & (spread < 3))


def test_a_fit_interrupted_at_its_last_draws_is_usable(quick, monkeypatch):
    X = np.random.default_rng(0).integers(0, 3, size=(60, 4)).astype(float)
    model = quick()
    if isinstance(model, VQDiffusionBridge):
        # One column after another it draws repeated values themselves, and nothing at the end.
        model.set_params(prior="diffusion")
    with monkeypatch.context() as patch:
        patch.setattr(type(model), "_draw", Mock(side_effect=KeyboardInterrupt))
        with pytest.warns(UserWarning, match="puts drawn entries on the nearest value"):
            model.fit(X)
    assert np.isin(model.sample(50), [0, 1, 2]).all()


def test_partial_fit_goes_on_after_fit(narrow):
    model = narrow().fit(IRIS)
    first, rows = model.score(IRIS), len(model.history_)
    scale = model.scaler_.scale
    assert model.set_params(max_steps=150).partial_fit(IRIS).score(IRIS) > first
    assert model.scaler_.scale is scale
    assert len(model.history_) > rows


def test_history_is_a_frame_away(fitted):
    frame = pd.DataFrame(fitted.history_)
    assert {"stage", "epoch", "step", "train_loss", "valid_loss", "dur"} <= set(frame.columns)
    assert len(fitted.nets_) == frame["stage"].nunique()


class Count(Callback):
    """Counts the stages of a fit."""

    def on_train_begin(self, net, **kwargs):
        self.calls = getattr(self, "calls", 0) + 1


def test_user_callbacks_and_net_settings_reach_skorch(narrow):
    count = Count()
    model = narrow(net_params={"callbacks": [count], "optimizer__weight_decay": 0.5}).fit(IRIS)
    assert count.calls == len(model.nets_)
    assert model.nets_[0].optimizer_.param_groups[0]["weight_decay"] == 0.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"callbacks": Count}, r"callbacks=<.*Count.*it must be a list"),
        ({"callbacks": [Callback(), 3]}, r"callbacks\[1\] is 3; it must be a skorch callback"),
        ({"ema_decay": 1.0}, r"ema_decay=1\.0 is not a number of at least 0 and below 1"),
        ({"ema_decay": "long"}, "ema_decay='long'"),
    ],
)
def test_net_settings_that_cannot_be_are_told(settings, message):
    with pytest.raises(ValueError, match=message):
        FlowMatcher(max_steps=2, net_params=settings).fit(IRIS)


def test_bfloat16(narrow):
    model = narrow(net_params={"autocast_dtype": "bfloat16"}).fit(IRIS)
    assert np.isfinite(model.sample(3)).all()


# Frames


def test_rows_keep_their_index(narrow):
    """What answers to rows given has their index: else pandas would pair it with other rows."""
    frame = pd.DataFrame(IRIS, columns=list("abcd")).sample(frac=1, random_state=0)
    model = narrow().fit(frame).set_output(transform="pandas")
    latent = model.transform(frame[:9])
    holes = frame[:9].copy()
    holes.iloc[::2, 1] = np.nan
    for rows in (latent, model.inverse_transform(latent), model.impute(holes, n_steps=2)):
        assert rows.index.equals(frame.index[:9])
    assert model.sample(3).index.equals(pd.RangeIndex(3))


def test_several_imputations_are_what_one_would_be(fitted):
    """Tables that are completed several times: a list of tables, of arrays or of frames."""
    frame = pd.DataFrame(IRIS, columns=list("abcd")).sample(frac=1, random_state=0)[:9]
    holes = frame.mask(np.eye(9, 4, dtype=bool))
    model = copy.deepcopy(fitted)
    arrays = model.impute(holes.to_numpy(), n_draws=3, n_steps=2)
    assert isinstance(arrays, list)
    assert [table.shape for table in arrays] == [(9, 4)] * 3
    model.feature_names_in_ = np.array(list("abcd"), dtype=object)
    frames = model.set_output(transform="pandas").impute(holes, n_draws=3, n_steps=2)
    assert isinstance(frames, list)
    alone = model.impute(holes, n_steps=2)
    for rows, table in zip(arrays, frames, strict=True):
        np.testing.assert_array_equal(table, rows)
        assert table.index.equals(frame.index)
        assert table.dtypes.equals(alone.dtypes)
    one_each = model.set_output(transform="polars").impute(holes, n_draws=2, n_steps=2)
    assert [table.columns for table in one_each] == [list("abcd")] * 2


@pytest.mark.parametrize("value", [-4, 1.5])
@pytest.mark.parametrize("name", ["steps of drawing", "max_steps"])
def test_settings_changed_after_fit_are_checked(fitted, name, value):
    if name != "max_steps":
        (name,) = few_steps(type(fitted), value)
    model = copy.deepcopy(fitted).set_params(**{name: value})
    for call in (model.sample, lambda: model.impute(IRIS[:2]), lambda: model.transform(IRIS[:2])):
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            call()


def test_pandas_in_pandas_out(narrow):
    frame = pd.DataFrame(IRIS, columns=["a", "b", "c", "d"])
    model = narrow().fit(frame).set_output(transform="pandas")
    assert list(model.feature_names_in_) == ["a", "b", "c", "d"]
    assert list(model.sample(3).columns) == ["a", "b", "c", "d"]
    Z = model.transform(frame)
    assert list(Z.columns) == list(model.get_feature_names_out())
    assert list(model.inverse_transform(Z).columns) == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame[["b", "a", "c", "d"]])


def test_polars_in_polars_out(narrow):
    frame = pl.DataFrame(IRIS, schema=["a", "b", "c", "d"], orient="row")
    model = narrow().fit(frame).set_output(transform="polars")
    assert model.sample(3).columns == ["a", "b", "c", "d"]
    assert isinstance(model.transform(frame), pl.DataFrame)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_are_kept(narrow, dtype):
    model = narrow().fit(IRIS.astype(dtype))
    X = IRIS.astype(dtype)
    assert model.transform(X).dtype == dtype
    assert model.inverse_transform(model.transform(X)).dtype == dtype
    assert model.sample(2).dtype == dtype


# Awkward data


def test_scales_from_tiny_to_huge(narrow):
    X = np.random.default_rng(0).normal(size=(60, 3)) * [1e-12, 1.0, 1e12] + [0, 0, 1e12]
    model = narrow(max_steps=60).fit(X)
    X_new = model.sample(400)
    assert np.all(X_new.std(0) / X.std(0) > 0.5)
    assert np.all(X_new.std(0) / X.std(0) < 2)
    assert np.isfinite(model.score_samples(X)).all()


def test_the_score_follows_a_change_of_unit(narrow):
    # Columns of one unit in another one, and columns of a unit each in other ones.
    apart = IRIS * [1, 10, 1, 1]
    for X, unit in ((IRIS, np.full(4, 1e-3)), (apart, np.array([1e-3, 10.0, 10.0, 1e5]))):
        a, b = narrow().fit(X), narrow().fit(X * unit)
        # The same model up to rounding, whose density changes by the Jacobian; noise keys differ.
        shift = a.score(X) - b.score(X * unit)
        assert shift == pytest.approx(np.log(unit).sum(), abs=1.0)


def test_constant_columns_stay_constant(narrow):
    X = np.column_stack([IRIS[:, :2], np.full(len(IRIS), 3.7)])
    model = narrow().fit(X)
    np.testing.assert_array_equal(model.sample(5)[:, 2], 3.7)
    assert np.isfinite(model.score_samples(X)).all()


@pytest.mark.parametrize(
    "X",
    [
        [[0.0, 1.0], [1.0, 3.0]],
        np.arange(30.0)[:, None],
        np.ones((10, 3)),
        np.repeat([[1.0, 2.0], [3.0, 5.0]], 20, 0),
    ],
    ids=["two rows", "one column", "all the same", "duplicates"],
)
def test_little_data(narrow, X):
    model = narrow().fit(X)
    assert np.isfinite(model.sample(4)).all()
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.score(X))


# Conditions


@pytest.mark.statistical
def test_conditions_are_obeyed(conditional):
    for name in np.unique(NAMES):
        mean = conditional.sample(200, condition=name, random_state=0).mean(0)
        distance = {n: np.linalg.norm(mean - IRIS[n == NAMES].mean(0)) for n in np.unique(NAMES)}
        assert min(distance, key=distance.get) == name


def test_conditions_of_any_kind(narrow):
    X, species, names = IRIS[::3], SPECIES[::3], NAMES[::3]
    vectors = np.random.default_rng(0).normal(size=(50, 3))
    for condition in (species, names, names.astype(object), vectors, vectors[:, 0], species > 0):
        model = narrow().fit(X, condition=condition)
        assert model.sample(50, condition=condition).shape == X.shape
        assert np.isfinite(model.score(X, condition=condition))
    frame = pd.DataFrame({"species": names, "size": vectors[:, 0]})
    model = narrow().fit(X, condition=frame)
    swapped = frame[["size", "species"]]
    np.testing.assert_array_equal(
        model.transform(X, condition=frame), model.transform(X, condition=swapped)
    )
    with pytest.raises(ValueError, match=r"lacks the column.*size"):
        model.sample(50, condition=frame[["species"]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.sample(2, condition=["setosa", "rose"]), "unknown label 'rose'"),
        (lambda m: m.sample(3, condition=["setosa"] * 2), "2 rows where 3 are needed"),
        (lambda m: m.transform(IRIS, condition=NAMES[:9]), "9 rows where 150"),
        (lambda m: m.fit(IRIS, condition=NAMES[:9]), "9 rows where 150"),
        (lambda m: m.fit(IRIS, condition=[None] * 150), "missing value in row 0"),
        (lambda m: m.sample(2, guidance_scale=1.0), "needs a condition"),
        (lambda m: m.sample(0), "n_samples"),
        (lambda m: m.sample(2, n_steps=0), "n_steps"),
        (lambda m: m.sample(2, condition="setosa", guidance_scale=-1), "guidance_scale"),
        (lambda m: m.impute(IRIS, n_draws=0), "n_draws"),
    ],
)
def test_bad_input_is_told(conditional, call, message):
    before = conditional.sample(2, n_steps=4)
    with pytest.raises(ValueError, match=message):
        call(conditional)
    np.testing.assert_array_equal(conditional.sample(2, n_steps=4), before)


def test_a_condition_needs_a_conditional_model(fitted, quick):
    with pytest.raises(ValueError, match="fitted without one"):
        fitted.sample(2, condition="setosa")
    always = quick(condition_dropout=0.0).fit(IRIS, condition=NAMES)
    with pytest.raises(ValueError, match="condition_dropout=0"):
        always.sample(2)


def test_labels_never_leak_through_y(quick, fitted):
    with_y = quick().fit(IRIS, SPECIES)
    np.testing.assert_array_equal(with_y.transform(IRIS), fitted.transform(IRIS))


def test_metadata_routing(narrow):
    X, species, names = IRIS[::3], SPECIES[::3], NAMES[::3]
    with sklearn.config_context(enable_metadata_routing=True):
        model = narrow()
        for method in ("fit", "transform", "score"):
            getattr(model, f"set_{method}_request")(condition=True)
        pipeline = make_pipeline(StandardScaler(), model, LogisticRegression(max_iter=500))
        pipeline.fit(X, species, condition=names)
        assert pipeline[1].condition_encoder_ is not None
        search = GridSearchCV(model, {"lr": [1e-3, 3e-3]}, cv=KFold(2, shuffle=True)).fit(
            X, condition=names
        )
        assert search.best_estimator_.condition_encoder_ is not None
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# Missing entries


@pytest.mark.statistical
def test_impute_keeps_what_is_there(fitted):
    rng = np.random.default_rng(0)
    X = np.where(rng.random(IRIS.shape) < 0.2, np.nan, IRIS)
    filled = fitted.impute(X, n_steps=5)
    seen = ~np.isnan(X)
    np.testing.assert_array_equal(filled[seen], IRIS[seen])
    assert np.isfinite(filled).all()
    draws = np.stack(fitted.impute(X[:20], n_draws=3, n_steps=5))
    assert draws.shape == (3, 20, 4)
    holes = np.isnan(X[:20])
    assert (draws.std(0)[holes] > 0).mean() > 0.5
    assert (np.ptp(draws, 0)[~holes] == 0).all()
    np.testing.assert_array_equal(fitted.impute(IRIS), IRIS)


def test_a_row_with_nothing_observed_is_drawn_whole(fitted):
    X = np.full((2, 4), np.nan)
    assert np.isfinite(fitted.impute(X, n_steps=5)).all()


# Data in pieces


@pytest.mark.slow
@pytest.mark.statistical
def test_partial_fit_in_ten_pieces_ends_near_one_fit(Estimator, quick):
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(4, 4))
    X, X_test = np.split(np.tanh(rng.normal(size=(2300, 4)) @ mixing / 2), [2000])
    # The bridge comes least near; and what few steps teach codes leaves one fit easy to meet.
    slow = {SchrodingerBridgeMatcher: (100, 256), VQDiffusionBridge: (50, 256)}
    steps, size = slow.get(Estimator, (20, 64))
    # A bound of few steps would be too low to compare.
    settings = {"batch_size": size}
    if Estimator is BinaryLatentDiffusion:
        settings["n_timesteps"] = 128
    whole = quick(max_steps=6 * steps, **settings).fit(X).score(X_test)
    pieces = quick(max_steps=steps, **settings)
    for piece in np.array_split(X, 10):
        pieces.partial_fit(piece)
    # A log density has no zero of its own, so what is lost is bounded in nats a row: over 20 seeds
    # the mean and four times the spread. Ten calls may take more steps than one, and end higher.
    mean, spread = {
        VariationalDiffusionAE: (0.081, 0.391),
        SchrodingerBridgeMatcher: (0.107, 0.071),
        FlowMatcher: (0.048, 0.044),
        BinaryLatentDiffusion: (-0.284, 0.672),
        VQDiffusionBridge: (0.137, 0.156),
    }[Estimator]
    assert whole - pieces.score(X_test) < mean + 4 * spread


def test_partial_fit_fixes_scaling_and_labels_at_the_first_piece(narrow):
    model = narrow().partial_fit(IRIS[:100], condition=NAMES[:100])
    scale = model.scaler_.scale
    model.partial_fit(IRIS[50:100], condition=NAMES[50:100])
    assert model.scaler_.scale is scale
    with pytest.raises(ValueError, match="unknown label 'virginica'"):
        model.partial_fit(IRIS[100:], condition=NAMES[100:])
    with pytest.raises(ValueError, match="condition"):
        model.partial_fit(IRIS[:50])


@pytest.mark.statistical
def test_new_rows_have_a_repeated_value_as_often_as_the_data(Estimator, quick, narrow):
    rng = np.random.default_rng(0)
    n = 300
    # Columns of one small grid, as pixels are: counts that go together, most of them 0.
    rate = np.exp(rng.normal(size=(n, 1)) - 1)
    X = np.minimum(rng.poisson(rate, size=(n, 6)), 4).astype(float)
    # Codes that little was learnt of come far too often: they take wider networks, and longer.
    made = quick(max_steps=100) if Estimator is VQDiffusionBridge else narrow(max_steps=40)
    new = made.fit(X).sample(2000)
    assert np.isin(new, np.arange(5)).all()
    share = np.mean(X == 0, 0)
    # Four standard errors, of the 1,200 rows that the border is learnt from and of these; and
    # what codes repeat goes to one side of a border or the other.
    error = np.sqrt(share * (1 - share) * (1 / 1200 + 1 / 2000))
    assert np.all(np.abs(np.mean(new == 0, 0) - share) <= 4 * error + 0.02)
