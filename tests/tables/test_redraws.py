"""Functions as rules: rows are drawn again until they hold, whichever way they are drawn."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

import skgen
from skgen import (
    FlowMatcher,
    GenerativeImputer,
    Sum,
    TableEncoder,
    make_generative_pipeline,
)
from skgen.tables import redraws

N = 300


def near(frame):
    """Tell in which rows the two numbers are near each other."""
    return (frame["a"] - frame["b"]).abs() <= 4


def table(n=N):
    rng = np.random.default_rng(0)
    a = rng.integers(0, 12, n)
    frame = pd.DataFrame(
        {"a": a, "b": a + rng.integers(-4, 5, n), "kind": rng.choice(["x", "y"], n)}
    )
    return frame.assign(total=frame["a"] + frame["b"])


def quick(**params):
    return FlowMatcher(max_steps=5, n_steps=5, random_state=0, **params)


@pytest.fixture(scope="module")
def pipe():
    encoder = TableEncoder(constraints=[Sum("total", ["a", "b"]), near])
    return make_generative_pipeline(encoder, quick()).fit(table())


def test_drawn_rows_keep_a_function_and_the_other_rules(pipe):
    free = make_generative_pipeline(TableEncoder(constraints=[Sum("total", ["a", "b"])]), quick())
    before, drawn = free.fit(table()).sample(200), pipe.sample(200)
    assert not near(before).all()
    assert near(drawn).all()
    assert (drawn["total"] == drawn["a"] + drawn["b"]).all()
    assert drawn.dtypes.equals(table().dtypes)
    # What held is left as it was drawn.
    pd.testing.assert_frame_equal(drawn[near(before)], before[near(before)])
    pd.testing.assert_frame_equal(drawn, pipe.sample(200))
    assert not drawn.equals(pipe.sample(200, random_state=1))


@pytest.mark.parametrize("seed", [3, None, "state"])
def test_batches_are_what_is_drawn_at_once(pipe, monkeypatch, seed):
    # Groups in the midst of batches, and batches in the midst of groups.
    for module in (redraws, skgen.tables.pipeline):
        monkeypatch.setattr(module, "GROUP", 64)

    def state():
        return np.random.RandomState(5) if seed == "state" else seed

    whole = pipe.sample(200, random_state=state())
    for size in (48, 150):
        batches = list(pipe.sample_batches(200, size, random_state=state()))
        assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
        pd.testing.assert_frame_equal(pd.concat(batches, ignore_index=True), whole)
    assert near(whole).all()
    with pytest.raises(ValueError, match="batch_size must be an integer"):
        pipe.sample_batches(200, 0)


def test_the_rest_of_rows_keeps_a_function(pipe):
    asked = pd.DataFrame({"a": [0, 5, 11] * 5}, index=np.arange(15) + 7)
    drawn = pipe.sample(15, given=asked, random_state=0)
    assert near(drawn).all()
    assert drawn["a"].tolist() == asked["a"].tolist()
    assert drawn.index.tolist() == asked.index.tolist()
    assert drawn.dtypes.equals(table().dtypes)


def test_completed_rows_keep_a_function_and_whole_rows_stay(pipe):
    frame = table()
    holed = frame.astype("Int64", errors="ignore").mask(
        np.random.default_rng(1).random((N, 4)) < 0.3
    )
    # Nothing of it is missing, so that nothing can be done about it.
    holed.loc[0] = [0, 9, "x", 9]
    for filled in pipe.impute(holed, n_draws=2):
        assert near(filled)[1:].all()
        assert filled.loc[0].tolist() == [0, 9, "x", 9]
        there = holed.notna().to_numpy()
        assert (filled.to_numpy(object)[there] == holed.to_numpy(object)[there]).all()


def test_each_row_keeps_its_condition():
    frame = table()
    kind = np.where(frame["a"] > 5, "large", "small")
    encoder = TableEncoder(constraints=[near])
    pipe = make_generative_pipeline(encoder, FlowMatcher(max_steps=150, n_steps=10, random_state=0))
    pipe.fit(frame[["a", "b"]], condition=kind)
    asked = np.repeat(["large", "small"], 100)
    drawn = pipe.sample(200, condition=asked)
    assert near(drawn).all()
    assert drawn["a"][:100].mean() > drawn["a"][100:].mean() + 3


def test_what_no_row_can_keep_is_told(pipe):
    with pytest.raises(ValueError, match=r"'near' among the constraints held in 0\.00% of") as told:
        pipe.sample(2, given={"a": 0, "b": 11})
    assert "2 of 2 rows, such as row 0" in str(told.value)


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (
            lambda frame: frame["a"] > 0,
            ValueError,
            r"<lambda>\(row\) is true does not hold in \d+ of",
        ),
        (lambda frame: True, TypeError, "returned bool of shape"),
        (lambda frame: frame["a"], TypeError, "dtype int64 for a frame of 300 rows"),
        (lambda frame: near(frame)[1:], TypeError, r"shape \(299,\)"),
        (
            lambda frame: near(frame).astype("boolean").mask(frame["a"] == 3),
            TypeError,
            "True or False",
        ),
    ],
)
def test_a_function_that_tells_no_rows_is_refused(function, error, words):
    with pytest.raises(error, match=words):
        TableEncoder(constraints=[function]).fit(table())


def test_a_function_may_be_of_any_boolean_and_changes_no_rows():
    def wordy(frame):
        frame["a"] = 0
        return pd.array([True] * len(frame), dtype="boolean")

    frame = table()
    encoder = TableEncoder(constraints=[wordy, lambda rows: [True] * len(rows)]).fit(frame)
    pd.testing.assert_frame_equal(frame, table())
    assert list(map(str, encoder.constraints_)) == [
        "wordy(row) is true (in all 300 rows)",
        "<lambda>(row) is true (in all 300 rows)",
    ]
    # Rules of one fit are those of another.
    assert TableEncoder(constraints=encoder.constraints_).fit(frame[:50]).constraints_ == (
        encoder.constraints_
    )


def test_steps_that_keep_no_function_are_refused():
    encoder = TableEncoder(constraints=[near])
    with pytest.raises(ValueError, match=r"'tableencoder' has a function.* make it the first step"):
        make_generative_pipeline(StandardScaler(), encoder, quick()).fit(table()[["a", "b"]])
    with pytest.raises(TypeError, match="takes no random_state in sample"):
        make_generative_pipeline(encoder, GaussianMixture()).fit(table())


def test_a_function_is_pickled_and_saved_where_it_is_registered(pipe, tmp_path):
    again = pickle.loads(pickle.dumps(pipe))
    pd.testing.assert_frame_equal(again.sample(20), pipe.sample(20))
    path = tmp_path / "model.skgen"
    with pytest.raises(TypeError, match=r"near.*skgen\.persistence\.register"):
        skgen.save(pipe, path)
    assert not path.exists()


def registered(frame):
    """Tell of all rows that they can be."""
    return np.ones(len(frame), dtype=bool)


def test_a_registered_function_is_saved(tmp_path):
    skgen.persistence.register(registered)
    encoder = TableEncoder(constraints=[registered]).fit(table())
    skgen.save(encoder, tmp_path / "encoder.skgen")
    (rule,) = skgen.load(tmp_path / "encoder.skgen").constraints_
    assert rule.function is registered
    assert rule.support == encoder.constraints_[0].support


def test_an_imputer_keeps_a_function():
    frame = table()[["a", "b"]].astype(float)
    holed = frame.mask(np.random.default_rng(0).random((N, 2)) < 0.2)
    model = make_generative_pipeline(TableEncoder(constraints=[near]), quick())
    assert near(GenerativeImputer(model, random_state=0).fit_transform(holed)).all()
