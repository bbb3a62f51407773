"""The encoder of mixed tables: every frame comes back as it was, and what is drawn looks like one.

Frames of every dtype are made at random; the round trip is exact in values, dtypes and gaps.
"""

import datetime
import math
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgen import (
    BinaryLatentDiffusion,
    FlowMatcher,
    TableEncoder,
    VariationalDiffusionAE,
    make_generative_pipeline,
)
from skgen.datasets import fetch_adult
from skgen.table import _Labels


@parametrize_with_checks([TableEncoder(), TableEncoder(max_one_hot=16)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def gaps(column, rng, share=0.2):
    """Take entries of a column away."""
    return column.mask(rng.random(len(column)) < share)


def columns(n, rng):
    """Make a column of every kind that an encoder may meet, by name."""
    words = np.array(["red", "green", "blue", "", "a b", "ä"])
    sizes = pd.CategoricalDtype(["small", "middle", "large", "never"], ordered=True)
    colours = pd.CategoricalDtype(["never", *words])
    days = pd.Timestamp("2020-02-28") + pd.to_timedelta(rng.integers(0, 99, n), "D")
    moments = pd.to_datetime(rng.integers(0, 2**50, n), unit="us")
    several = np.array([1, True, 1.0, "1", None, b"x", (1, 2), datetime.date(2020, 1, 2)], object)
    integers = pd.Series(rng.integers(-5, 99, n))
    words = pd.Series(words[rng.integers(0, 6, n)])
    mixed = pd.Series(several[rng.integers(0, 8, n)])
    made = {
        "normal": pd.Series(rng.normal(size=n) * 1e3),
        "tiny": pd.Series(rng.normal(size=n) * 1e-200),
        "huge": pd.Series(rng.normal(size=n) * 1e200),
        "far": pd.Series(1e12 + rng.normal(size=n)),
        "tenths": pd.Series(rng.integers(-99, 99, n) / 10),
        "cents": gaps(pd.Series(rng.integers(0, 10**6, n) / 100), rng),
        "float32": pd.Series(rng.normal(size=n).astype(np.float32)),
        "tenths32": gaps(pd.Series((rng.integers(0, 99, n) / 10).astype(np.float32)), rng),
        "float16": pd.Series((rng.integers(0, 99, n) / 10).astype(np.float16)),
        "Float64": gaps(pd.Series(rng.normal(size=n), dtype="Float64"), rng),
        "int64": integers,
        "hundreds": integers * 100,
        "long": pd.Series(rng.integers(0, 2**40, n) + 2**62),
        "uint8": pd.Series(rng.integers(0, 256, n).astype(np.uint8)),
        "uint64": pd.Series(rng.integers(0, 9, n).astype(np.uint64) + np.uint64(2**63)),
        "int8": pd.Series(rng.integers(-128, 128, n).astype(np.int8)),
        "Int64": gaps(integers.astype("Int64"), rng),
        "UInt16": integers.abs().astype("UInt16"),
        "integers with gaps": gaps(integers.astype(float), rng),
        "bool": pd.Series(rng.random(n) < 0.3),
        "boolean": gaps(pd.Series(rng.random(n) < 0.3, dtype="boolean"), rng),
        "str": gaps(words, rng),
        "string": gaps(words.astype("string"), rng),
        "object": words.astype(object),
        "object with None": words.astype(object).where(rng.random(n) < 0.8, None),
        "object with nan": words.astype(object).where(rng.random(n) < 0.8, np.nan),
        "mixed objects": mixed,
        "object integers": integers.astype(object).where(rng.random(n) < 0.8, None),
        "object floats": pd.Series(rng.normal(size=n)).astype(object),
        "object booleans": pd.Series(rng.random(n) < 0.5).astype(object),
        "category": gaps(words.astype(colours), rng),
        "category of integers": (integers % 7).astype("category"),
        "ordered": gaps(pd.Series(sizes.categories[rng.integers(0, 3, n)], dtype=sizes), rng),
        "day": pd.Series(days),
        "moment": gaps(pd.Series(moments), rng),
        "seconds": pd.Series(days).astype("datetime64[s]"),
        "local": gaps(pd.Series(days.tz_localize("Europe/Zurich")), rng),
        "duration": gaps(pd.Series(pd.to_timedelta(rng.integers(-99, 99, n) * 30, "s")), rng),
        "period": pd.Series(days.to_period("M")),
        "interval": pd.cut(integers, 4),
        "many names": pd.Series([f"name {i}" for i in rng.integers(0, 5000, n)]),
        "constant": pd.Series(np.full(n, 3.7)),
        "constant with gaps": gaps(pd.Series(np.full(n, 3)).astype("Int8"), rng),
        "constant string": pd.Series(["x"] * n),
        "string with gaps": gaps(pd.Series(["x"] * n), rng),
        "all missing": pd.Series(np.full(n, np.nan)),
        "all None": pd.Series([None] * n, dtype=object),
        "no date": pd.Series([pd.NaT] * n, dtype="datetime64[ns]"),
        "no category": pd.Series([None] * n, dtype=colours),
        "no Int64": pd.Series([None] * n, dtype="Int64"),
    }
    return made


NAMES = list(columns(3, np.random.default_rng(0)))


def assert_same(back, frame):
    """Hold a frame against another: values, dtypes, types of objects, gaps; not the index."""
    pd.testing.assert_frame_equal(back, frame.reset_index(drop=True), check_exact=True)
    for name in frame:
        if frame[name].dtype == object:
            pairs = zip(back[name], frame[name], strict=True)
            assert all(type(a) is type(b) for a, b in pairs)


@pytest.mark.parametrize("max_one_hot", [2, 16])
@pytest.mark.parametrize("n", [1, 2, 300])
@pytest.mark.parametrize("name", NAMES)
def test_a_column_comes_back(name, n, max_one_hot):
    rng = np.random.default_rng([n, NAMES.index(name)])
    frame = pd.DataFrame({name: columns(n, rng)[name]})
    encoder = TableEncoder(max_one_hot).fit(frame)
    Z = encoder.transform(frame)
    assert Z.shape == (n, len(encoder.get_feature_names_out()))
    assert np.isfinite(Z).all()
    assert_same(encoder.inverse_transform(Z), frame)


def test_a_frame_comes_back():
    frame = pd.DataFrame(columns(200, np.random.default_rng(0)))
    frame.index = np.arange(200) // 3
    encoder = TableEncoder().fit(frame)
    Z = encoder.transform(frame)
    assert_same(encoder.inverse_transform(Z), frame)
    # Rounding of what a network returns does no harm where the grid is not that fine.
    coarse = [name for name in ("tenths", "uint8", "category", "ordered", "day", "str", "boolean")]
    noisy = encoder.inverse_transform(Z + np.random.default_rng(0).normal(0, 1e-4, Z.shape))
    assert_same(noisy[coarse], frame[coarse])
    rows = np.arange(0, 200, 7)
    np.testing.assert_array_equal(encoder.transform(frame.iloc[rows]), Z[rows])


def test_columns_need_no_strings_for_names():
    frame = pd.DataFrame([[1, "a", 2.5], [2, "b", 3.5]])
    encoder = TableEncoder().fit(frame)
    assert list(encoder.get_feature_names_out()) == ["x0", "x1_b", "x2"]
    assert encoder.inverse_transform(encoder.transform(frame)).equals(frame)


def test_what_is_drawn_stays_in_the_table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(columns(300, rng))
    encoder = TableEncoder(max_one_hot=8).fit(frame)
    Z = encoder.transform(frame)
    drawn = encoder.inverse_transform(rng.normal(Z.mean(0), 3 * Z.std(0) + 0.1, (500, Z.shape[1])))
    assert drawn.dtypes.equals(frame.dtypes)
    for name in frame:
        seen, new = frame[name].dropna(), drawn[name].dropna()
        if isinstance(encoder._columns[list(frame).index(name)], _Labels):
            assert {repr(value) for value in new} <= {repr(value) for value in seen}, name
        elif len(seen):
            assert new.min() >= seen.min(), name
            assert new.max() <= seen.max(), name
        assert frame[name].isna().any() or not drawn[name].isna().any()
        if 0 < frame[name].isna().mean() < 1:
            assert 0 < drawn[name].isna().mean() < 1, name
    assert (drawn["hundreds"] % 100 == 0).all()
    np.testing.assert_array_equal(drawn["tenths"], drawn["tenths"].round(1))
    assert (drawn["duration"].dropna() % pd.Timedelta("30s") == pd.Timedelta(0)).all()
    assert (drawn["day"] == drawn["day"].dt.normalize()).all()
    # Codes beyond the last name, and several or none of the one-hot columns, are all read.
    assert drawn["many names"].nunique() > 50


def test_codes_are_short_and_scales_alike():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(columns(300, rng))[["many names", "str", "huge", "tiny", "long", "local"]]
    encoder = TableEncoder().fit(frame)
    names = list(encoder.get_feature_names_out())
    digits = int(np.ceil(np.log2(frame["many names"].nunique())))
    assert sum(name.startswith("many names") for name in names) == digits
    assert [name for name in names if name.startswith("str")] == [
        *("str_bit0", "str_bit1", "str_bit2", "str_missing")
    ]
    Z = pd.DataFrame(encoder.transform(frame), columns=names)
    assert set(np.unique(Z.filter(regex="bit|missing"))) == {0, 1}
    # The most frequent category has no digit.
    most = frame["str"].value_counts().index[0]
    assert not Z.filter(like="str_bit")[frame["str"] == most].any().any()
    spread = Z[["huge", "tiny", "long", "local"]].std()
    assert spread.between(0.5, 2).all()
    one_hot = TableEncoder(max_one_hot=16).fit(frame[["str"]])
    seen = [*frame["str"].value_counts().index, "missing"]
    assert sorted(one_hot.get_feature_names_out()) == sorted(f"str_{value}" for value in seen)
    np.testing.assert_array_equal(one_hot.transform(frame[["str"]]).sum(1), 1)


def test_floats_of_one_unit_keep_their_proportions():
    X = load_iris(as_frame=True).data
    X.iloc[3, 1] = np.nan
    X["name"] = "a"
    encoder = TableEncoder().fit(X)
    Z = pd.DataFrame(encoder.transform(X), columns=encoder.get_feature_names_out())
    lengths = X.columns[:4]
    ratio = Z[lengths].drop(index=3) / X[lengths].drop(index=3)
    assert len(np.unique(ratio)) == 1
    assert math.log2(ratio.iloc[0, 0]).is_integer()
    # What stands in for the gap is the column's median, in its new scale.
    assert Z.loc[3, lengths[1]] == X[lengths[1]].median() * ratio.iloc[0, 0]
    pd.testing.assert_frame_equal(encoder.inverse_transform(Z), X)
    # Huge numbers do not overflow on the way; a column of another unit has its own scale.
    huge = np.where(X[lengths].isna(), 3, X[lengths]) * 2.0**1000
    assert len(np.unique(TableEncoder().fit_transform(huge) / huge)) == 1
    huge[:, 0] *= 1e-30
    assert len(np.unique(TableEncoder().fit_transform(huge) / huge)) > 1


@pytest.mark.parametrize("kind", ["flags", "complete rows", "few complete rows"])
def test_floats_that_only_seem_to_be_of_one_unit_have_a_scale_each(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) * [50, 60, 1]
    if kind == "flags":
        X = np.column_stack([X > 0, X[:, 2] > 0])
        X = np.column_stack([X[:, :2], rng.choice([0, 5e5, 1e6], 200)])
    elif kind == "complete rows":
        X[:100, 2] = 7
        X[100:, 2] *= 1e6
        X[100:, 0] = np.nan
    else:
        X[:, 2] *= 50
        X[4:110, 0], X[100:, 1] = np.nan, np.nan
    Z = TableEncoder().fit_transform(X)[:, :3]
    assert (np.nanstd(Z, 0) > 0.2).all()
    assert (np.nanstd(Z, 0) < 2).all()


def test_one_hot_comes_back_by_the_largest():
    frame = pd.DataFrame({"x": list("aaabbc")})
    encoder = TableEncoder(max_one_hot=3).fit(frame)
    back = encoder.inverse_transform([[0.2, 0.3, 0.1], [0.9, 0.8, 1.1], [-0.3, -0.1, -0.2]])
    assert back["x"].tolist() == ["b", "c", "b"]


def test_every_pattern_of_digits_is_a_category():
    frame = pd.DataFrame({"x": list("aaaaabbbbcccdde")})
    encoder = TableEncoder().fit(frame)
    patterns = np.array([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)], dtype=float)
    assert "".join(encoder.inverse_transform(patterns)["x"]) == "abcdebcd"


def test_missing_entries_are_holes_for_imputation():
    frame = pd.DataFrame(
        {
            "number": [1.0, np.nan, 3.0, 5.0],
            "whole": [1, 2, 3, 4],
            "name": ["a", "b", None, "c"],
            "flag": [True, False, True, False],
        }
    )
    encoder = TableEncoder(max_one_hot=4).fit(frame)
    assert list(encoder.get_feature_names_out()) == [
        *("number", "number_missing", "whole"),
        *("name_a", "name_b", "name_c", "name_missing", "flag_True"),
    ]
    holed = frame.astype({"whole": float, "flag": object})
    holed.loc[1, ["whole", "flag"]] = None
    Z = encoder.transform_holes(holed)
    np.testing.assert_array_equal(np.isnan(Z[1]), [1, 0, 1, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(Z[1, [1, 3, 4, 5, 6]], [0, 0, 1, 0, 0])
    np.testing.assert_array_equal(np.isnan(Z[2]), [0, 0, 0, 1, 1, 1, 0, 0])
    assert Z[2, 6] == 0
    assert np.isnan(encoder.transform(holed)[1]).sum() == 2
    with pytest.raises(
        ValueError, match="'whole' of dtype int64 cannot hold the missing entry of row 1"
    ):
        encoder.inverse_transform(Z)


def test_a_published_table_comes_back(data_home):
    for frame in (pd.read_csv(data_home / "adult.csv"), fetch_adult(data_home=data_home).data):
        for max_one_hot in (2, 16):
            encoder = TableEncoder(max_one_hot).fit(frame)
            assert_same(encoder.inverse_transform(encoder.transform(frame)), frame)


# Models of tables


def people(n):
    """Make a table of dependent columns of several kinds, with gaps."""
    rng = np.random.default_rng(0)
    age = rng.integers(18, 70, n)
    job = np.where(rng.random(n) < (age - 18) / 52, "manager", "clerk").astype(object)
    job[rng.random(n) < 0.1] = None
    frame = pd.DataFrame(
        {
            "age": age,
            "job": job,
            "gain": np.where(rng.random(n) < 0.8, 0, rng.lognormal(6, 1, n).round(2)),
            "joined": pd.Timestamp("2020-01-01") + pd.to_timedelta(100 * (70 - age), "D"),
            "level": pd.Categorical.from_codes(
                np.digitize(age, [30, 50]), ["low", "middle", "high"], ordered=True
            ),
            "left": rng.random(n) < 0.3,
        }
    )
    frame.loc[rng.random(n) < 0.15, "gain"] = np.nan
    return frame


@pytest.mark.parametrize("Model", [VariationalDiffusionAE, BinaryLatentDiffusion])
def test_a_model_of_a_table_draws_a_table(Model):
    frame = people(300)
    model = Model(max_steps=20, random_state=0)
    pipe = make_generative_pipeline(TableEncoder(), model).fit(frame)
    drawn = pipe.sample(1000)
    assert drawn.dtypes.equals(frame.dtypes)
    assert drawn["age"].between(18, 69).all()
    assert drawn["level"].cat.ordered
    assert set(drawn["job"].dropna()) == {"manager", "clerk"}
    assert (drawn["joined"] - pd.Timestamp("2020-01-01")).dt.days.mod(100).eq(0).all()
    assert drawn["gain"].dropna().between(0, frame["gain"].max()).all()
    # The code that reads the real one reads the new one.
    X = pd.get_dummies(drawn.drop(columns="left"), dummy_na=True)
    assert list(X) == list(pd.get_dummies(frame.drop(columns="left"), dummy_na=True))
    again = pickle.loads(pickle.dumps(pipe))
    pd.testing.assert_frame_equal(again.sample(5), drawn[:5])
    with pytest.raises(
        TypeError, match=r"log-determinant of step 'tableencoder'.*without gaps: .*'job', 'gain'"
    ):
        pipe.score(frame)


def test_an_array_in_the_place_of_the_frame_is_imputed():
    frame = people(200)[["age", "job", "level"]]
    frame["age"] = frame["age"].astype(float)
    model = FlowMatcher(max_steps=20, n_iterations=1, coupling="independent", random_state=0)
    pipe = make_generative_pipeline(TableEncoder(), model).fit(frame)
    holes = frame.head(20).copy()
    holes.loc[::2, "age"] = np.nan
    expected = pipe.impute(holes, random_state=0)
    with pytest.warns(UserWarning, match="valid feature names"):
        found = pipe.impute(holes.to_numpy(), random_state=0)
    pd.testing.assert_frame_equal(found, expected.reset_index(drop=True))


def test_gaps_of_a_table_are_imputed():
    frame = people(300).set_index(np.arange(300) // 2)
    model = FlowMatcher(max_steps=200, n_iterations=1, coupling="independent", random_state=0)
    pipe = make_generative_pipeline(TableEncoder(), model).fit(frame)
    holed = frame.astype({"age": float})
    rng = np.random.default_rng(1)
    hidden = rng.random(300) < 0.3
    holed["level"] = holed["level"].mask(hidden)
    holed["age"] = holed["age"].mask(rng.random(300) < 0.1)
    filled = pipe.impute(holed, n_steps=20)
    assert not filled.isna().any().any()
    assert filled.dtypes.equals(holed.dtypes)
    assert filled.index.equals(frame.index)
    seen = holed.notna()
    assert filled.where(seen).equals(holed.where(seen))
    # The level follows from the age and the day of joining; chance would be a third.
    known = hidden & holed["age"].notna().to_numpy()
    right = (filled["level"].to_numpy() == frame["level"].to_numpy())[known]
    assert right.mean() > 0.6
    draws = pipe.impute(holed, n_draws=3, n_steps=5)
    assert len(draws) == 3
    assert all(draw.index.equals(holed.index) for draw in draws)
    assert not draws[0].equals(draws[1])
    # Rows that lack a category may be given it.
    few = pd.Categorical([None] * 300, ["low"], ordered=True)
    assert set(pipe.impute(holed.assign(level=few), n_steps=5)["level"]) == {
        "low",
        "middle",
        "high",
    }


# What is wrong is told


def test_unknown_categories():
    frame = pd.DataFrame({"x": ["a", "b", None, "c"], "y": list("pqrr")})
    new = pd.DataFrame({"x": ["a", "z"], "y": ["p", "z"]})
    with pytest.raises(ValueError, match=r"'x' has 'z' in row 1, a category .*'a', 'b', 'c'"):
        TableEncoder().fit(frame).transform(new)
    encoder = TableEncoder(handle_unknown="missing").fit(frame)
    back = encoder.inverse_transform(encoder.transform(new))
    assert back["x"].isna().tolist() == [False, True]
    assert back["y"].isna().tolist() == [False, True]
    sizes = pd.DataFrame({"x": pd.Categorical(["s", None, "l"], ["s", "l"], ordered=True)})
    encoder.fit(sizes)
    back = encoder.inverse_transform(encoder.transform(pd.DataFrame({"x": ["s", "m", "l"]})))
    assert back.equals(sizes)
    empty = pd.DataFrame({"x": [None, None]}, dtype="str")
    with pytest.raises(ValueError, match="'x' has 'a' in row 0, where fit saw no entry at all"):
        TableEncoder().fit(empty).transform(pd.DataFrame({"x": ["a", None]}))


@pytest.mark.parametrize(
    ("fitted", "new", "message"),
    [
        ([1.5, 2.5], ["a", "b"], "'x' has 'a' in row 0, but fit saw numbers"),
        ([1.5, 2.5], [1.0, np.inf], "'x' has inf in row 1, and numbers must be finite"),
        ([1, 2], [1, 2.5], "'x' has 2.5 in row 1, but fit saw whole numbers"),
        ([1, 2], ["1", "2"], "'x' has '1' in row 0, but fit saw whole numbers"),
        (
            pd.Categorical(["s", "l"], ["s", "l"], ordered=True),
            ["s", "m"],
            "'x' has 'm' in row 1, which is none of the ordered",
        ),
    ],
)
def test_entries_of_another_kind(fitted, new, message):
    encoder = TableEncoder().fit(pd.DataFrame({"x": fitted}))
    with pytest.raises(ValueError, match=message):
        encoder.transform(pd.DataFrame({"x": new}))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([0, 1, 2**60], "spans 1152921504606846976 steps of 1"),
        ([1.0, -np.inf], "has -inf in row 1"),
        ([1j, 2j], "Complex data not supported: column 'x'"),
    ],
)
def test_columns_that_cannot_be_encoded(column, message):
    with pytest.raises(ValueError, match=message):
        TableEncoder().fit(pd.DataFrame({"x": column}))


def test_wrong_tables():
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    encoder = TableEncoder().fit(frame)
    with pytest.raises(ValueError, match="feature names"):
        encoder.transform(frame[["y", "x"]])
    with pytest.raises(ValueError, match="takes the 2 columns that transform returns, got 3"):
        encoder.inverse_transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        encoder.transform(frame[:0])
    with pytest.raises(TypeError, match=r"polars.*X.to_pandas\(\) makes"):
        encoder.fit(pl.DataFrame({"x": [1, 2]}))
    with pytest.raises(TypeError, match=r"column 'x' has \[1\] in row 0"):
        TableEncoder().fit(pd.DataFrame({"x": [[1], [2]]}))
    with pytest.raises(ValueError, match="max_one_hot"):
        TableEncoder(max_one_hot=1).fit(frame)
    with pytest.raises(NotFittedError):
        TableEncoder().transform(frame)


def test_arrays_and_containers():
    X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    encoder = TableEncoder().fit(X)
    back = encoder.inverse_transform(encoder.transform(X))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, X)
    frame = pd.DataFrame({"x": [1.5, None], "y": ["a", "b"]}, index=[7, 7])
    Z = TableEncoder().set_output(transform="pandas").fit_transform(frame)
    assert list(Z.columns) == ["x_missing", "y_b"]
    assert list(Z.index) == [7, 7]


def test_entries_without_a_code_are_found():
    frame = pd.DataFrame({"word": ["a", "b", "a"], "n": [1, 2, 3], "gap": [1.5, None, 2.5]})
    frame["none"] = np.nan
    encoder = TableEncoder().fit(frame)
    assert not encoder.find_unseen(frame).any()
    other = pd.DataFrame(
        {"word": ["a", "c", None], "n": pd.array([9, None, 1], dtype="Int64"), "gap": [7, None, 1]}
    )
    other["none"] = [None, None, 5.0]
    expected = [[0, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 1]]
    np.testing.assert_array_equal(encoder.find_unseen(other), np.array(expected, dtype=bool))
