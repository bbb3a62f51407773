"""What is told of a table with an entry that no model takes: where it is, and what would do."""

import numpy as np
import pandas as pd
import pytest

from skgen import (
    FlowMatcher,
    GenerativeImputer,
    GenerativeOverSampler,
    SchrodingerBridgeMatcher,
    VariationalDiffusionAE,
)

N = 40


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(size=(N, 2))


@pytest.fixture
def frame(rows):
    return pd.DataFrame(rows.copy(), columns=["height", "weight"])


@pytest.fixture(scope="module")
def model(rows):
    frame = pd.DataFrame(rows, columns=["height", "weight"])
    return VariationalDiffusionAE(max_steps=2, random_state=0).fit(frame)


TOWNS = ["12.5"] * 3 + ["Oslo", "Rome"] * 18 + ["9"]
DAYS = pd.date_range("2020-03-01", periods=N)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (TOWNS, r"'Oslo' in row 3 of column 'town'.*could not convert.*TableEncoder"),
        (pd.Categorical(TOWNS), r"'Oslo' in row 3 of column 'town'.*TableEncoder"),
        (pd.array(TOWNS, dtype="string"), r"'Oslo' in row 3 of column 'town'.*TableEncoder"),
        (DAYS, r"Timestamp\('2020-03-01.* in row 0 of column 'town'.*TableEncoder"),
        (DAYS.date, r"datetime.date\(2020, 3, 1\) in row 0 of column 'town'.*TableEncoder"),
        (DAYS.astype(object), r"Timestamp\('2020-03-01.* in row 0 of column 'town'.*TableEncoder"),
    ],
)
def test_a_column_of_no_numbers_is_named_with_its_first_entry(frame, column, told):
    with pytest.raises(ValueError, match=told):
        FlowMatcher(max_steps=2).fit(frame.assign(town=column))


def test_columns_without_names_have_numbers(rows):
    X = rows.astype(object)
    X[7, 1] = "tall"
    with pytest.raises(ValueError, match="'tall' in row 7 of column 1"):
        FlowMatcher(max_steps=2).fit(X)
    with pytest.raises(ValueError, match="'tall' in row 7 of column 1"):
        FlowMatcher(max_steps=2).fit(X.tolist())
    X[7, 1] = {"tall": True}
    with pytest.raises(TypeError, match=r"'tall': True.* in row 7 of column 1.*argument must be"):
        FlowMatcher(max_steps=2).fit(X)


@pytest.mark.parametrize("kind", ["float", "object", "Float64", "category", "int of numpy"])
def test_the_first_missing_entry_is_named(frame, kind):
    column = pd.Series(np.arange(N) % 5, dtype=object)
    column[[4, 9]] = None
    if kind == "int of numpy":
        X = np.column_stack([frame, column.astype(float)])
        told = "column 2"
    else:
        X, told = frame.assign(age=column.astype(kind)), "column 'age'"
    told = rf"NaN in row 4 of {told}\..*GenerativeImputer.*TableEncoder"
    with pytest.raises(ValueError, match=told):
        FlowMatcher(max_steps=2).fit(X)


def test_pandas_mark_of_what_is_missing_is_told_in_a_column_of_objects(frame):
    column = pd.Series([1, "2", pd.NA, *[4.0] * (N - 3)], dtype=object)
    with pytest.raises(ValueError, match="NaN in row 2 of column 'age'"):
        FlowMatcher(max_steps=2).fit(frame.assign(age=column))


@pytest.mark.parametrize("row", [50_000, 149_999])
def test_rows_on_disk_have_their_own_numbers(tmp_path, row):
    X = np.memmap(tmp_path / "rows", dtype=np.float32, mode="w+", shape=(150_000, 2))
    X[:] = np.arange(300_000).reshape(-1, 2)
    X[row, 1] = np.nan
    with pytest.raises(ValueError, match=f"NaN in row {row} of column 1"):
        FlowMatcher(max_steps=2).fit(X)


def test_frames_of_polars_are_told_of_by_name(frame):
    polars = pytest.importorskip("polars")
    X = polars.DataFrame({"height": [None, *range(1, N)], "weight": range(N)})
    with pytest.raises(ValueError, match="NaN in row 0 of column 'height'"):
        FlowMatcher(max_steps=2).fit(X)
    X = polars.DataFrame({"height": range(N), "town": TOWNS})
    with pytest.raises(ValueError, match="'Oslo' in row 3 of column 'town'"):
        FlowMatcher(max_steps=2).fit(X)


@pytest.mark.parametrize("method", ["transform", "score_samples", "score"])
def test_methods_tell_as_fit_does(model, frame, method):
    frame.loc[5, "weight"] = np.inf
    with pytest.raises(ValueError, match=r"infinity.* in row 5 of column 'weight'.*finite"):
        getattr(model, method)(frame)
    frame.loc[3, "weight"] = np.nan
    with pytest.raises(ValueError, match=r"NaN in row 3 of column 'weight'. Var.*impute"):
        getattr(model, method)(frame)


def test_gaps_are_no_fault_where_they_are_to_be_filled(model, frame):
    frame.loc[3, "weight"] = np.nan
    assert np.isfinite(model.impute(frame)).all()
    frame.loc[5, "height"] = -np.inf
    with pytest.raises(ValueError, match=r"infinity.* in row 5 of column 'height'"):
        model.impute(frame)
    imputer = GenerativeImputer(FlowMatcher(max_steps=2))
    with pytest.raises(ValueError, match=r"infinity.* in row 5 of column 0"):
        imputer.fit(frame.to_numpy())
    with pytest.raises(ValueError, match=r"infinity.* in row 5 of column 'height'"):
        imputer.fit(frame)


def test_other_arguments_and_other_estimators_tell_the_same(rows):
    source = rows.copy()
    source[2, 0] = np.nan
    with pytest.raises(ValueError, match="Input source contains NaN in row 2 of column 0"):
        SchrodingerBridgeMatcher(max_steps=2).fit(rows, source=source)
    with pytest.raises(ValueError, match="Input X contains NaN in row 2 of column 0"):
        GenerativeOverSampler(FlowMatcher(max_steps=2)).fit_resample(source, [0, 1] * (N // 2))


def test_what_no_entry_is_to_blame_for_is_told_as_scikit_learn_tells_it(rows):
    model = FlowMatcher(max_steps=2, random_state=0).fit(rows)
    with pytest.raises(ValueError, match="3 features"):
        model.transform(np.column_stack([rows, rows[:, 0]]))
    with pytest.raises(ValueError, match="Expected 2D array"):
        model.transform(rows[:, 0])
    with pytest.raises(ValueError, match="Complex data not supported"):
        FlowMatcher(max_steps=2).fit(rows + 1j)


COLUMNS = {
    "category": pd.Categorical(["u", "v"] * (N // 2)),
    "category of intervals": pd.cut(np.arange(N), 3),
    "str": ["u", "v"] * (N // 2),
    "object": pd.Series(["u", 1] * (N // 2), dtype=object),
    "day": pd.date_range("2020", periods=N),
    "day here": pd.date_range("2020", periods=N, tz="Europe/Zurich"),
    "duration": pd.to_timedelta(np.arange(N), "D"),
    "period": pd.period_range("2020", periods=N, freq="M"),
    "interval": pd.interval_range(0, N),
    "Arrow's moments": pd.Series(pd.date_range("2020", periods=N)).astype("timestamp[us][pyarrow]"),
    "complex": np.full(N, 1j),
}


@pytest.mark.parametrize("beside", [[], ["flag"], ["Int64"], ["flag", "Int64", "boolean"]], ids=str)
@pytest.mark.parametrize("kind", COLUMNS)
def test_columns_of_a_frame_that_are_no_numbers_are_told(rows, kind, beside):
    others = {
        "flag": [True, False] * (N // 2),
        "Int64": pd.array([1, 2] * (N // 2), dtype="Int64"),
        "boolean": pd.array([True, False] * (N // 2), dtype="boolean"),
    }
    frame = pd.DataFrame({"v": rows[:, 0], **{name: others[name] for name in beside}})
    model = FlowMatcher(max_steps=2, random_state=0).fit(frame.assign(kind=rows[:, 1]))
    frame["kind"] = COLUMNS[kind]
    told = "'kind' of X is of dtype complex" if kind == "complex" else "row . of column 'kind'"
    for call in (FlowMatcher(max_steps=2).fit, model.transform, model.score_samples, model.impute):
        with pytest.raises((ValueError, TypeError), match=told) as caught:
            call(frame)
        assert kind == "complex" or "TableEncoder" in str(caught.value)
