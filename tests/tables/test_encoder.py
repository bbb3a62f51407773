"""The encoder of mixed tables: every frame comes back as it was, and what is drawn looks like one.

Frames of every dtype are made at random; the round trip is exact in values, dtypes and gaps.
"""

import datetime
import enum
import functools
import math
import pickle
import uuid
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from brief import few_steps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

import skgen.tables.encoder
from skgen import (
    BinaryLatentDiffusion,
    FlowMatcher,
    GenerativePipeline,
    TableEncoder,
    VariationalDiffusionAE,
    load,
    make_generative_pipeline,
    save,
)
from skgen.datasets import fetch_adult
from skgen.shortfalls import shortfalls
from skgen.tables.columns import _Labels

# Random columns of many values, of which this file makes many, may look like identifiers.
pytestmark = pytest.mark.filterwarnings("ignore:Columns look like identifiers:UserWarning")


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
        **{f"entries: {name}": column for name, column in entries(n, rng).items()},
        **arrow_columns(n, rng),
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


def of_objects(values):
    """Make a column of values as they are, none turned into another type."""
    column = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        column[i] = value
    return pd.Series(column, dtype=object)


def entries(n, rng):
    """Make columns of objects that are quantities, and of the dtypes that hold such."""
    x = rng.integers(0, 500, n).tolist()
    zone, utc = ZoneInfo("Europe/Zurich"), datetime.UTC
    day, moment = datetime.date(2010, 1, 1), datetime.datetime(2010, 1, 1, 3)
    days = [datetime.timedelta(v) for v in x]
    ends = pd.arrays.IntervalArray.from_tuples([(v, v + 100) for v in x])
    made = {
        "money": [Decimal(v).scaleb(-2) for v in x],
        "quarters": [Decimal(v) / 4 for v in x],
        "thousands": [Decimal(f"{v}E+3") for v in x],
        "negative Decimal": [-Decimal(v) for v in x],
        "sevenths": [Fraction(v, 7) for v in x],
        "np.float64": [np.float64(v) / 3 for v in x],
        "np.float32": [np.float32(v / 3) for v in x],
        "np.float16": [np.float16(v / 3) for v in x],
        "np.int8": [np.int8(v % 100) for v in x],
        "int and float": [v if v % 2 else v + 0.5 for v in x],
        "int and Decimal": [v if v % 2 else Decimal(v) + Decimal("0.5") for v in x],
        "date": [day + d for d in days],
        "datetime": [moment + d for d in days],
        "datetime here": [moment.replace(tzinfo=zone) + d for d in days],
        "datetime in UTC": [moment.replace(tzinfo=utc) + d for d in days],
        "Timestamp": [pd.Timestamp(moment) + d for d in days],
        "Timestamp in ns": [pd.Timestamp(moment).as_unit("ns") + pd.Timedelta(v) for v in x],
        "Timestamp here": [pd.Timestamp(moment, tz=zone) + d for d in days],
        "np.datetime64": [np.datetime64(day) + v for v in x],
        "months": [np.datetime64("2010-01") + v for v in x],
        "far dates": [datetime.datetime(9999 if v % 2 else 1, 12, 31) for v in x],
        "time": [datetime.time(v % 24, 3, 4, v) for v in x],
        "timedelta": days,
        "Timedelta": [pd.Timedelta(v, "s") for v in x],
        "np.timedelta64": [np.timedelta64(v, "D") for v in x],
        "Period": [pd.Period("2010-01") + v for v in x],
        "Interval": [pd.Interval(v, v + 100) for v in x],
        "date and datetime": [day if v % 2 else moment for v in x],
        "with a zone and without": [moment.replace(tzinfo=zone if v % 2 else None) for v in x],
        "months and days": [pd.Period("2010-01" if v % 2 else "2010-01-01") for v in x],
        "open left and right": [pd.Interval(0, 1, ["left", "right"][v % 2]) for v in x],
        "bool and int": [bool(v % 2) if v % 3 else v for v in x],
        "UUID": [uuid.UUID(int=v % 9) for v in x],
        "bytes": [bytes([v % 9]) for v in x],
        "complex": [complex(v % 9, 1) for v in x],
        "np.str_": [np.str_(v % 9) for v in x],
        "tuples": [(v % 3, day, Decimal(1)) for v in x],
    }
    made = {name: of_objects(values) for name, values in made.items()}
    holes = {
        f"{name} with {marker!r}": made[name].where(rng.random(n) < 0.7, marker)
        for name, marker in [
            *(("money", None), ("date", pd.NaT), ("date", pd.NA), ("Interval", np.nan)),
            *(("np.datetime64", np.datetime64("NaT")), ("Timestamp here", pd.NaT)),
        ]
    }
    return {
        **made,
        **holes,
        "one date": of_objects([day] * n),
        "one price": of_objects([Decimal("1.50")] * n),
        "one price with gaps": of_objects([Decimal("1.50") if v % 2 else None for v in x]),
        "period with gaps": gaps(pd.Series(pd.period_range("2000", periods=n, freq="2W")), rng),
        "intervals": pd.Series(ends),
        "intervals of time": pd.Series(pd.interval_range(pd.Timestamp("2020"), periods=n)),
        "category of dates": of_objects([day + d / 9 for d in days]).astype("category"),
        "category of intervals": pd.Series(ends).astype("category"),
        "category of moments": pd.Series(
            pd.Timestamp("2020", tz=zone) + pd.to_timedelta(x, "D")
        ).astype("category"),
        "sparse": pd.Series(x).astype(pd.SparseDtype("int64")),
        "sparse floats": pd.Series([v / 3 if v % 3 else np.nan for v in x]).astype(
            pd.SparseDtype("float64")
        ),
        "string in Python": pd.Series(list(map(str, x))).astype(pd.StringDtype("python")),
        "string in Arrow": pd.Series(list(map(str, x))).astype(pd.StringDtype("pyarrow")),
        "offset": pd.Series(pd.Timestamp("2010", tz="UTC") + pd.to_timedelta(x, "D")).dt.tz_convert(
            datetime.timezone(datetime.timedelta(hours=-5, minutes=-30))
        ),
    }


def arrow_columns(n, rng):
    """Make columns of Arrow's types, each without gaps and with."""
    x = rng.integers(0, 100, n)
    moments = pd.Series(pd.Timestamp("2010") + pd.to_timedelta(x, "D"))
    money = of_objects([Decimal(v).scaleb(-2) for v in x.tolist()])
    words = pd.Series([f"word {v % 7}" for v in x])
    made = [
        *(
            (pa.timestamp("us"), moments),
            (pa.timestamp("ns", "UTC"), moments.dt.tz_localize("UTC")),
        ),
        (pa.timestamp("s", "Europe/Zurich"), moments.dt.tz_localize("Europe/Zurich")),
        *((pa.date32(), moments), (pa.date64(), moments)),
        (pa.time64("us"), of_objects([datetime.time(v % 24, 5) for v in x.tolist()])),
        (pa.duration("ms"), pd.Series(pd.to_timedelta(x, "s"))),
        *((pa.decimal128(10, 2), money), (pa.decimal256(40, 3), money)),
        *((pa.string(), words), (pa.large_string(), words), (pa.bool_(), pd.Series(x > 40))),
        (pa.binary(), of_objects([bytes([v % 9]) for v in x.tolist()])),
        *((pa.int8(), pd.Series(x)), (pa.uint64(), pd.Series(x))),
        *((pa.float32(), pd.Series(x / 4)), (pa.float64(), pd.Series(x / 3))),
        (pa.dictionary(pa.int32(), pa.string()), words),
    ]
    whole = {f"Arrow: {kind}": column.astype(pd.ArrowDtype(kind)) for kind, column in made}
    return whole | {f"{name}, gaps": gaps(column, rng) for name, column in whole.items()}


NAMES = list(columns(3, np.random.default_rng(0)))


@functools.cache
def columns_of(n):
    """Make the columns once for all tests that only read them."""
    return columns(n, np.random.default_rng(n))


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
    frame = pd.DataFrame({name: columns_of(n)[name]})
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


QUANTITIES = [
    *("money", "quarters", "thousands", "sevenths", "np.float64", "np.float32", "np.int8"),
    *("int and float", "int and Decimal", "date", "datetime", "datetime here", "Timestamp"),
    *("np.datetime64", "months", "time", "timedelta", "Timedelta", "np.timedelta64", "Period"),
    *("money with None", "date with NaT", "intervals", "Interval", "period with gaps"),
]


@pytest.mark.parametrize("name", QUANTITIES)
def test_objects_with_an_order_are_one_column_in_their_order(name):
    column = entries(200, np.random.default_rng(0))[name]
    encoder = TableEncoder().fit(column.to_frame("x"))
    names = list(encoder.get_feature_names_out())
    assert names == ["x"] + ["x_missing"] * bool(column.isna().any())
    present = column.dropna().astype(object)
    codes = encoder.transform(column.to_frame("x"))[column.notna().to_numpy(), 0]
    order = np.argsort(codes, kind="stable")
    assert list(present.iloc[order]) == sorted(present)
    # Between two of fit there is more to draw, of the types that were there.
    between = np.column_stack(
        [np.linspace(codes.min(), codes.max(), 500)] + [np.zeros(500)] * (len(names) - 1)
    )
    drawn = encoder.inverse_transform(between)["x"]
    assert {type(value) for value in drawn} <= {type(value) for value in present}
    assert drawn.min() == present.min()
    assert drawn.max() == present.max()
    if "nterval" not in name and "np.int8" not in name:
        assert len(set(drawn) - set(present)) > 0


def test_money_keeps_its_digits():
    frame = pd.DataFrame({"x": of_objects([Decimal("1.50"), Decimal("2.00"), Decimal("10.25")])})
    encoder = TableEncoder().fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame))["x"]
    assert list(map(str, back)) == ["1.50", "2.00", "10.25"]
    # Those that differ in digits come back with as many as they need.
    frame = pd.DataFrame({"x": of_objects([Decimal("1.5"), Decimal("200"), Decimal("0.125")])})
    encoder.fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame))["x"]
    assert list(map(str, back)) == ["1.5", "200", "0.125"]
    # More digits than a float has are rounded to those.
    thirds = pd.DataFrame({"x": of_objects([Decimal(k) / 3 for k in range(9)])})
    back = encoder.fit(thirds).inverse_transform(encoder.transform(thirds))["x"]
    assert all(abs(a - b) <= Decimal("1e-15") for a, b in zip(back, thirds["x"], strict=True))


def test_types_of_one_kind_come_back_as_those_that_most_had():
    frame = pd.DataFrame({"x": of_objects([1, 2, 3.0, 0.5, Decimal("0.25"), Decimal("0.75")])})
    back = TableEncoder().fit(frame)
    back = back.inverse_transform(back.transform(frame))["x"]
    assert list(back) == list(frame["x"])
    assert [type(v) for v in back] == [int, int, int, Decimal, Decimal, Decimal]
    zones = [datetime.timezone(datetime.timedelta(hours=h)) for h in (1, 2, 2)]
    moments = of_objects([datetime.datetime(2020, 1, 1, 12, tzinfo=zone) for zone in zones])
    encoder = TableEncoder().fit(moments.to_frame("x"))
    back = encoder.inverse_transform(encoder.transform(moments.to_frame("x")))["x"]
    assert list(back) == list(moments)
    assert {value.tzinfo for value in back} == {zones[1]}


@pytest.mark.parametrize("moment", [datetime.datetime, pd.Timestamp, np.datetime64])
def test_days_beside_moments_are_times(moment):
    days = [datetime.date(2020, 1, k) for k in range(1, 20)]
    noon = moment("2020-01-05T12") if moment is np.datetime64 else moment(2020, 1, 5, 12)
    mixed = of_objects([*days, noon])
    encoder = TableEncoder().fit(mixed.to_frame("x"))
    assert encoder.get_feature_names_out().tolist() == ["x"]
    back = encoder.inverse_transform(encoder.transform(mixed.to_frame("x")))["x"]
    assert list(back) == [*days, pd.Timestamp(noon)]
    # Most of those at midnight say what all of them come back as.
    other = of_objects([noon, days[0], *map(pd.Timestamp, days)])
    back = encoder.fit(other.to_frame("x"))
    back = back.inverse_transform(back.transform(other.to_frame("x")))["x"]
    assert list(back) == list(map(pd.Timestamp, other))
    # Beside words they are words.
    words = TableEncoder().fit(of_objects([*days, "never"]).to_frame("x"))
    assert len(words.get_feature_names_out()) == 5


def test_times_of_other_types_are_taken_for_what_they_are():
    days = of_objects([datetime.date(2020, 1, k) for k in (1, 2, 5)]).to_frame("x")
    encoder = TableEncoder().fit(days)
    for same in (pd.to_datetime(days["x"]), days["x"].map(np.datetime64)):
        np.testing.assert_array_equal(
            encoder.transform(same.to_frame("x")), encoder.transform(days)
        )
    for value in (
        "2020-01-01",
        3,
        datetime.datetime(2020, 1, 1, 5),
        pd.Timestamp("2020", tz="UTC"),
    ):
        with pytest.raises(ValueError, match=r"'x' has .* in row 0, but fit saw entries of date"):
            encoder.transform(of_objects([value]).to_frame("x"))
    money = TableEncoder().fit(of_objects([Decimal("1.50"), Decimal(3)]).to_frame("x"))
    np.testing.assert_array_equal(
        money.transform(pd.DataFrame({"x": [1.5, 3.0]})),
        money.transform(of_objects([Decimal("1.50"), 3]).to_frame("x")),
    )
    with pytest.raises(ValueError, match="'x' has '3' in row 0, but fit saw finite numbers there"):
        money.transform(pd.DataFrame({"x": ["3"]}))
    with pytest.raises(
        ValueError, match=r"'x' has Decimal\('Infinity'\) in row 1, and numbers must"
    ):
        TableEncoder().fit(of_objects([Decimal(1), Decimal("Infinity")]).to_frame("x"))


class Colour(enum.Enum):
    """Something that no file can hold."""

    RED = 1
    BLUE = 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            of_objects([Colour.RED, Colour.BLUE]),
            r"'x' holds <Colour\.\w+: \d> of the class .*Colour",
        ),
        (of_objects([(1, Colour.RED), (2, 3)]), r"'x' holds <Colour\.RED: 1> of the class"),
        (
            of_objects([Colour.RED, Colour.RED]).astype("category"),
            "'x' is of dtype category.*Colour",
        ),
        (of_objects([frozenset([1]), 2]), r"'x' holds frozenset\(\{1\}\) of the class"),
        (
            pd.Series(pd.date_range("2020", periods=2, tz="dateutil/Europe/Zurich")),
            "'x' is of dtype datetime64.*tz_convert",
        ),
    ],
    ids=["enum", "in a tuple", "category", "frozenset", "dateutil"],
)
def test_what_no_file_can_hold_is_told_before_the_training(values, message):
    frame = pd.DataFrame({"v": [1.5, 2.5], "x": values})
    pipe = make_generative_pipeline(TableEncoder(), FlowMatcher(max_steps=1))
    with pytest.raises(TypeError, match=message):
        pipe.fit(frame)
    named = pd.DataFrame([[1.5], [2.5]], columns=[Colour.RED])
    with pytest.raises(TypeError, match=r"names of the columns of X hold <Colour\.RED: 1>"):
        pipe.fit(named)


COLUMNS = [
    [1, 2, 3],
    pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["letter", None]),
    pd.to_datetime(["2020-01-01", "2020-01-02", "2021-01-01"]),
    pd.period_range("2020-01", periods=3, freq="M"),
    pd.interval_range(0, 3),
    pd.CategoricalIndex(["a", "b", "c"]),
    of_objects([datetime.date(2020, 1, 1), Decimal(1), ("a", None)]),
    [True, False, 2.5],
]


@pytest.mark.parametrize("names", COLUMNS, ids=lambda names: type(names).__name__)
def test_names_of_any_kind_come_back(tmp_path, names):
    frame = pd.DataFrame([[1, "a", 2.5], [2, "b", 3.5], [3, "b", 3.0]], columns=names)
    model = FlowMatcher(max_steps=2, n_steps=4, random_state=0)
    pipe = make_generative_pipeline(TableEncoder(), model).fit(frame)
    back = pipe[:-1].inverse_transform(pipe[:-1].transform(frame))
    pd.testing.assert_frame_equal(back, frame)
    save(pipe, tmp_path / "m")
    loaded = load(tmp_path / "m")
    pd.testing.assert_frame_equal(
        loaded[:-1].inverse_transform(loaded[:-1].transform(frame)), frame
    )
    assert type(loaded.sample(2).columns) is type(frame.columns)
    pd.testing.assert_frame_equal(loaded.sample(2), pipe.sample(2))
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(pipe)).sample(2), pipe.sample(2))


def test_names_that_are_no_strings_are_held_in_order():
    frame = pd.DataFrame({1: [1.5, 2.5], 2: [0.5, 0.25]})
    encoder = TableEncoder().fit(frame)
    with pytest.raises(ValueError, match=r"in the order of fit, \[1, 2\]; they are \[2, 1\]"):
        encoder.transform(frame[[2, 1]])


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True),
    n=st.integers(2, 12),
    distinct=st.integers(1, 12),
    share=st.sampled_from([0, 0.3]),
    seed=st.integers(0, 10),
)
def test_any_frame_comes_back_is_saved_and_learnt(
    tmp_path_factory, names, n, distinct, share, seed
):
    rng = np.random.default_rng(seed)
    made = columns(n, rng)
    # Some values only, down to a single one, and gaps where the dtype can hold them.
    rows = rng.integers(0, min(n, distinct), n)
    frame = pd.DataFrame({name: made[name].iloc[rows].reset_index(drop=True) for name in names})
    for name in names:
        if share and frame[name].dtype.kind not in "iub":
            frame[name] = gaps(frame[name], rng, share)
    encoder = TableEncoder().fit(frame)
    Z = encoder.transform(frame)
    back = encoder.inverse_transform(Z)
    assert back.equals(frame)
    assert back.dtypes.equals(frame.dtypes)
    path = tmp_path_factory.getbasetemp() / "any.skgen"
    save(encoder, path)
    loaded = load(path)
    np.testing.assert_array_equal(loaded.transform(frame), Z)
    assert loaded.inverse_transform(Z).equals(frame)
    model = FlowMatcher(max_steps=2, hidden_units=4, n_steps=2, random_state=0)
    pipe = make_generative_pipeline(TableEncoder(), model)
    if Z.shape[1] == 0:
        with pytest.raises(ValueError, match="every column of X is constant"):
            pipe.fit(frame)
        return
    drawn = pipe.fit(frame).sample(5)
    assert drawn.dtypes.equals(frame.dtypes)
    save(pipe, path)
    assert load(path).sample(5).equals(drawn)


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
        seen, new = (part[name].dropna().astype(object) for part in (frame, drawn))
        if isinstance(encoder._columns[list(frame).index(name)], _Labels):
            assert {repr(value) for value in new} <= {repr(value) for value in seen}, name
        elif len(seen):
            if "date and datetime" in name:
                # Python itself does not compare the two.
                seen, new = seen.map(pd.Timestamp), new.map(pd.Timestamp)
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


@pytest.mark.statistical
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


def test_a_category_that_most_rows_have_is_told_by_one_digit():
    frame = pd.DataFrame({"x": list("aaaaaaabbbccd")})
    encoder = TableEncoder().fit(frame)
    np.testing.assert_array_equal(np.unique(encoder.transform(frame[:7]), axis=0), [[0, 0, 0]])
    patterns = np.array([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)], dtype=float)
    assert "".join(encoder.inverse_transform(patterns)["x"]) == "abacadac"


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


@pytest.mark.statistical
@pytest.mark.parametrize("Model", [VariationalDiffusionAE, BinaryLatentDiffusion])
def test_a_model_of_a_table_draws_a_table(Model):
    frame = people(300)
    model = Model(max_steps=20, hidden_units=32, random_state=0, **few_steps(Model, 10))
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
    assert not hasattr(pipe, "score")
    assert not hasattr(pipe, "score_samples")
    with pytest.raises(AttributeError, match="no attribute 'score'") as error:
        pipe.score(frame)
    reason = str(error.value.__cause__)
    assert "step 'tableencoder'" in reason
    assert "'job', 'gain'" in reason
    assert "score_encoded" in reason
    encoded = pipe[:-1].transform(frame)
    scores = pipe.score_samples_encoded(frame)
    np.testing.assert_array_equal(scores, pipe[-1].score_samples(encoded))
    assert pipe.score_encoded(frame) == pytest.approx(scores.mean())


def test_a_gap_that_fit_did_not_see_names_the_column_of_the_frame():
    frame = people(120)
    pipe = make_generative_pipeline(
        TableEncoder(), FlowMatcher(max_steps=2, n_steps=4, random_state=0)
    )
    pipe.fit(frame)
    assert list(frame.columns[frame.isna().any()]) == ["job", "gain"]
    for name, row in (("left", 3), ("age", 0), ("level", 7), ("joined", 5)):
        holes = frame.astype({"age": float, "left": "boolean"})
        holes.loc[[row, 9], name] = None
        for method in (pipe.transform, pipe.score_samples_encoded, pipe.score_encoded):
            with pytest.raises(ValueError, match=f"no entry in row {row} of column '{name}'"):
                method(holes)
    assert np.isfinite(pipe.score_encoded(frame.assign(gain=np.nan)))
    floats = frame[["gain"]].fillna(0.5).assign(other=np.random.default_rng(0).normal(size=120))
    pipe.fit(floats)
    holes = floats.copy()
    holes.loc[4, "other"] = np.nan
    for method in (pipe.score, pipe.score_samples, pipe.transform):
        with pytest.raises(ValueError, match="no entry in row 4 of column 'other'"):
            method(holes)
    # A category taken for a gap is told, too.
    pipe = make_generative_pipeline(TableEncoder(handle_unknown="missing"), clone(pipe[-1]))
    pipe.fit(frame)
    with pytest.raises(ValueError, match="'top', which fit did not see, in row 2 of column"):
        pipe.transform(
            frame.assign(level=frame["level"].astype(str).where(frame.index != 2, "top"))
        )
    # What else is wrong is said as before.
    with pytest.raises(ValueError, match="fitted without one"):
        pipe.transform(frame, condition=frame["job"])


def test_a_search_takes_the_score_of_encoded_rows():
    frame = people(60)[["age", "level", "left"]]
    pipe = make_generative_pipeline(
        TableEncoder(), FlowMatcher(max_steps=5, n_steps=4, random_state=0)
    )
    grid = {"flowmatcher__lr": [1e-3, 3e-3]}
    search = GridSearchCV(pipe, grid, scoring=GenerativePipeline.score_encoded, cv=2).fit(frame)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    fitted = search.best_estimator_
    encoded = fitted[:-1].transform(frame)
    assert search.score(frame) == pytest.approx(fitted[-1].score(encoded))


def test_what_has_a_density_is_known_once_it_is_fitted():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    pipe = make_generative_pipeline(
        TableEncoder(), FlowMatcher(max_steps=2, n_steps=4, random_state=0)
    )
    assert hasattr(pipe, "score")
    pipe.fit(frame)
    assert hasattr(pipe, "score")
    assert hasattr(pipe, "score_samples")
    assert pipe.score(frame) == pytest.approx(pipe.score_samples(frame).mean())
    assert not hasattr(pipe.fit(frame.assign(kind="x")), "score")


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


@pytest.mark.slow
@pytest.mark.statistical
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
    with pytest.raises(TypeError, match=r"pyarrow.lib.Table; X.to_pandas\(\) makes one"):
        encoder.fit(pa.table({"x": [1, 2]}))
    with pytest.raises(TypeError, match=r"column 'x' has \[1\] in row 0"):
        TableEncoder().fit(pd.DataFrame({"x": [[1], [2]]}))
    with pytest.raises(ValueError, match="max_one_hot"):
        TableEncoder(max_one_hot=1).fit(frame)
    with pytest.raises(NotFittedError):
        TableEncoder().transform(frame)


def test_many_rows_are_put_together_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(columns(30, rng))
    encoder = TableEncoder().fit(frame)
    Z = encoder.transform(frame)
    monkeypatch.setattr(skgen.tables.side_by_side, "MANY_ROWS", 7)
    np.testing.assert_array_equal(encoder.transform(frame), Z)


def test_arrays_and_containers():
    X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    encoder = TableEncoder().fit(X)
    back = encoder.inverse_transform(encoder.transform(X))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, X)
    texts = np.array([["a", "x"], ["b", "y"], ["a", "z"]])
    np.testing.assert_array_equal(encoder.inverse_transform(encoder.fit_transform(texts)), texts)
    mixed = np.array([["a", 1, None], ["b", 2, 0.5], ["a", 4, 1.5]], dtype=object)
    np.testing.assert_array_equal(encoder.inverse_transform(encoder.fit_transform(mixed)), mixed)
    # In a list beside texts numbers stay numbers.
    rows = [[1, "a"], [2, "b"], [4, "a"]]
    Z = encoder.fit_transform(rows)
    assert encoder.get_feature_names_out().tolist() == ["x0", "x1_b"]
    assert encoder.inverse_transform(Z).tolist() == rows
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


@pytest.mark.parametrize("name", NAMES)
def test_rows_drawn_with_replacement_fall_short_of_nothing(name):
    rng = np.random.default_rng(NAMES.index(name))
    frame = pd.DataFrame({name: columns(300, rng)[name], "x": rng.normal(size=300)})
    drawn = frame.iloc[rng.integers(300, size=512)].reset_index(drop=True)
    assert shortfalls(frame, drawn) == []


@pytest.mark.parametrize(
    "marks",
    [["9999-12-31"], ["1900-01-01"], ["1900-01-01", "9999-12-31"], ["9999-12-30", "9999-12-31"]],
)
def test_nothing_is_decoded_between_a_sentinel_and_the_rest(marks):
    rng = np.random.default_rng(0)
    day = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 300), "D"))
    for k, mark in enumerate(marks):
        day[k::9] = pd.Timestamp(mark)
    frame = pd.DataFrame({"day": day, "code": np.where(rng.random(300) < 0.1, -999.0, day.dt.day)})
    encoder = TableEncoder().fit(frame)
    Z = encoder.transform(frame)
    assert_same(encoder.inverse_transform(Z), frame)
    low, high = Z.min(0) - 1, Z.max(0) + 1
    drawn = encoder.inverse_transform(np.linspace(low, high, 20_001))
    usual = day[day.dt.year == 2024]
    between = drawn["day"][~drawn["day"].isin(pd.to_datetime(marks))]
    assert between.between(usual.min(), usual.max()).all()
    assert set(drawn["code"][drawn["code"] < 1]) == {-999.0}


@pytest.mark.parametrize(
    "values", [np.arange(50.0), np.geomspace(1, 1e6, 50), np.r_[np.arange(50.0), 1e6]]
)
def test_a_tail_and_a_grid_are_no_sentinels(values):
    encoder = TableEncoder().fit(pd.DataFrame({"x": values, "y": values + 0.5}))
    half = encoder.inverse_transform(
        encoder.transform(pd.DataFrame({"x": values, "y": values + 0.5})).mean(0)[None]
    )
    assert values.min() < half["x"][0] < values.max()


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.bool_(), pa.date32(), pa.binary()])
@pytest.mark.parametrize("share", [0, 0.2])
def test_a_dictionary_of_arrow_comes_back_whatever_it_holds(kind, share):
    rng = np.random.default_rng(0)
    entries = pa.array(rng.integers(0, 2, 60), mask=rng.random(60) < share)
    entries = entries.cast(pa.int32()).cast(pa.string() if kind == pa.binary() else pa.int32())
    coded = entries.cast(kind).dictionary_encode()
    frame = pd.DataFrame({"coded": pd.arrays.ArrowExtensionArray(coded), "x": rng.normal(size=60)})
    encoder = TableEncoder().fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame))
    assert back["coded"].dtype == frame["coded"].dtype
    assert pa.array(back["coded"].array).to_pylist() == entries.cast(kind).to_pylist()
