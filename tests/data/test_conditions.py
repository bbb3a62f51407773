"""Conditions of every kind as numbers: one-hot labels, standardised numbers, told errors."""

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skgen.data.conditions import ConditionEncoder


def encode(condition, n=None, then=None):
    """Fit on a condition and encode it, or another."""
    n = len(condition) if n is None else n
    encoder = ConditionEncoder().fit(condition, n)
    then = condition if then is None else then
    return encoder.transform(then, len(then))


LABELS = [
    ["b", "a", "c", "a"],
    np.array(["b", "a", "c", "a"]),
    np.array(["b", "a", "c", "a"], dtype=object),
    pd.Series(["b", "a", "c", "a"]),
    pd.Series(["b", "a", "c", "a"]).astype("category"),
    pl.Series(["b", "a", "c", "a"]),
    [5, -1, 7, -1],
    np.array([5, 1, 7, 1], dtype=np.uint8),
    np.array([5.0, -1.0, 7.0, -1.0]),
]


def marks(rows):
    """Return marks of labels in the size that the encoder gives them: of mean square one."""
    rows = np.asarray(rows, dtype=float)
    return rows * np.sqrt(rows.shape[1])


@pytest.mark.parametrize("condition", LABELS, ids=lambda c: type(c).__name__)
def test_labels_become_indicators_in_sorted_order(condition):
    expected = [[0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]]
    np.testing.assert_array_equal(encode(condition), marks(expected))


def test_booleans_are_two_labels():
    np.testing.assert_array_equal(encode([True, False, True]), marks([[0, 1], [1, 0], [0, 1]]))


def test_fractions_are_numbers():
    condition = np.array([0.5, 1.5, 4.0])
    encoded = encode(condition)
    np.testing.assert_allclose(encoded[:, 0], (condition - 2.0) / condition.std())
    # New numbers keep the scale that fit saw.
    new = encode(condition, then=np.array([2.0, 2.0 + condition.std()]))
    np.testing.assert_allclose(new, [[0.0], [1.0]], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_vectors_are_standardised_by_column(dtype):
    condition = np.random.default_rng(0).integers(-50, 50, size=(200, 3)).astype(dtype)
    encoded = encode(condition)
    np.testing.assert_allclose(encoded.mean(0), 0.0, atol=1e-6)
    np.testing.assert_allclose(encoded.std(0), 1.0, rtol=1e-5)
    assert encoded.dtype == np.float64


def test_a_column_of_whole_numbers_is_numbers_and_a_row_of_them_labels():
    ages = np.array([20, 30, 70])
    standardised = ((ages - 40) / ages.std())[:, None]
    for condition in (ages[:, None], ages[:, None].tolist(), pd.DataFrame({"age": ages})):
        np.testing.assert_allclose(encode(condition), standardised)
    np.testing.assert_array_equal(encode(ages), marks(np.eye(3)))
    classes = pd.DataFrame({"age": pd.Categorical(ages)})
    np.testing.assert_array_equal(encode(classes), marks(np.eye(3)))
    np.testing.assert_array_equal(encode(classes, then=classes[1:]), marks(np.eye(3)[1:]))
    with pytest.raises(ValueError, match=r"unknown label 25; .* condition\[:, None\]"):
        encode(ages, then=np.array([20, 25, 70]))


def test_a_constant_number_stays_finite():
    encoded = encode(np.column_stack([np.full(5, 3.3), np.arange(5.0)]))
    np.testing.assert_array_equal(encoded[:, 0], 0.0)


def test_frames_mix_labels_and_numbers():
    frame = pd.DataFrame({"kind": ["x", "y", "x"], "size": [1.0, 2.0, 3.0]})
    encoded = encode(frame)
    np.testing.assert_array_equal(encoded[:, :2], marks([[1, 0], [0, 1], [1, 0]]))
    np.testing.assert_allclose(encoded[:, 2], np.array([-1, 0, 1]) / np.std([1, 2, 3]))
    np.testing.assert_array_equal(encode(pl.DataFrame(frame.to_dict("list"))), encoded)
    # Columns go by their names, whatever their order and company.
    other = frame.assign(extra=0)[["size", "extra", "kind"]]
    np.testing.assert_array_equal(encode(frame, then=other), encoded)


def test_a_single_value_serves_all_rows():
    encoder = ConditionEncoder().fit(["b", "a", "b"], 3)
    np.testing.assert_array_equal(encoder.transform("b", 4), marks([[0, 1]] * 4))
    encoder = ConditionEncoder().fit([3, 1, 2], 3)
    np.testing.assert_array_equal(encoder.transform(2, 2), marks([[0, 1, 0]] * 2))
    encoder = ConditionEncoder().fit([0.5, 1.0, 1.5], 3)
    np.testing.assert_array_equal(encoder.transform(1.0, 2), [[0.0]] * 2)


def test_labels_are_the_same_whatever_their_width():
    encoder = ConditionEncoder().fit(np.array([1, 2, 3], dtype=np.int8), 3)
    for condition in ([3, 1], np.array([3.0, 1.0]), np.array([3, 1], dtype=np.uint64)):
        np.testing.assert_array_equal(
            encoder.transform(condition, 2), marks([[0, 0, 1], [1, 0, 0]])
        )
    encoder = ConditionEncoder().fit(np.array(["a", "b"]), 2)
    # A longer word than any seen must not be cut to one.
    with pytest.raises(ValueError, match="unknown label 'abc'"):
        encoder.transform(np.array(["abc"]), 1)


@pytest.mark.parametrize(
    ("fitted", "then"),
    [
        ([1, 2, 3], [1.0, 3]),
        ([1, 2, 3], np.array([1, 3], dtype=np.int8)),
        ([1, 2, 3], [Decimal(1), Decimal(3)]),
        (pd.Series([1, 2, 3], dtype=object), [1, 3]),
        (pd.Series([1, 2, 3], dtype="Int64"), np.array([1.0, 3.0])),
        (pd.Series([1, 2, 3]).astype("category").to_frame(), np.array([[1.0], [3.0]])),
        (np.array([b"a", b"b", b"c"]), ["a", "c"]),
        (pd.Series(["a", "b", "c"], dtype="string"), np.array(["a", "c"])),
    ],
)
def test_labels_of_equal_value_match_whatever_their_dtype(fitted, then):
    encoded = ConditionEncoder().fit(fitted, 3).transform(then, 2)
    np.testing.assert_array_equal(encoded, marks(np.eye(3)[[0, 2]]))


@pytest.mark.parametrize(
    ("fitted", "then", "shown"),
    [
        ([1, 2], ["2", "1"], "label '1'; .* row 1 is of type str, .* type number: .* such as 1[.]"),
        (["1", "2"], [1, 2], "label 1; .* row 0 is of type number, .* type str: .* such as '1'"),
        (["1", "2"], [2.0, 2.0], "label 2; .* type number, .* type str: give .* such as '2'"),
        ([10, 20], np.array(["20"] * 2), "label '20'; .* such as 20[.]"),
        ([10, 20], pd.Series(["20", "10"]), "label '10'; .* such as 10[.]"),
        ([10, 20], pd.Series(["20"] * 2, dtype="category"), "label '20'; .* such as 20[.]"),
        ([0, 1], [True, True], "label True; .* of type bool, .* type number: .* such as 1[.]"),
        ([True, False], [1, 1], "label 1; .* type number, .* type bool: give .* such as True"),
        ([True, False], ["True"] * 2, "label 'True'; .* type str, .* type bool: .* such as True"),
        (["a", 1], [True, "a"], "label True; .* type bool, .* type number or str"),
        (pd.DataFrame({"a": ["1", "2"]}), pd.DataFrame({"a": [1, 2]}), "of type str: .* '1'"),
        (pd.DataFrame({"a": [True, False]}), pd.DataFrame({"a": ["True"] * 2}), "such as True"),
        ([0.5, 1.5], ["0.5", "1.5"], "now holds '0.5', which is not a number"),
        (np.array([[1], [2]]), np.array([["1"], ["2"]]), "now holds '1', which is not a number"),
        (np.array([[1], [2]]), np.array([[1], ["2"]], dtype=object), "now holds '2', which"),
    ],
)
def test_labels_of_another_type_do_not_match(fitted, then, shown):
    encoder = ConditionEncoder().fit(fitted, 2)
    with pytest.raises(ValueError, match=shown):
        encoder.transform(then, 2)


def test_equal_texts_of_different_types_are_different_labels():
    mixed = ["1", 1, True, "True", "1"]
    encoded = encode(mixed)
    assert encoded.shape == (5, 4)
    np.testing.assert_array_equal(encoded[0], encoded[4])
    assert len(np.unique(encoded, axis=0)) == 4


def test_a_text_stands_for_the_label_that_reads_so():
    for fitted, text, label in [
        ([1, 2], "2", 2),
        (["1", "2"], "2", "2"),
        ([True, False], "False", False),
        ([0.5, 1.5], "2.5", 2.5),
        (["a", "b"], "c", "c"),
    ]:
        parsed = ConditionEncoder().fit(fitted, 2).parse(text)
        assert parsed == label
        assert type(parsed) is type(label) or isinstance(label, int)


DAYS = ["2024-01-02", "2024-01-01", "2024-01-04", "2024-01-01"]
DATES = {
    "datetime64": pd.Series(pd.to_datetime(DAYS)),
    "in seconds": np.array(DAYS, dtype="M8[s]"),
    "date": [datetime.date.fromisoformat(day) for day in DAYS],
    "datetime": np.array([datetime.datetime.fromisoformat(day) for day in DAYS], dtype=object),
    "Timestamp": list(map(pd.Timestamp, DAYS)),
    "category": pd.Series(pd.to_datetime(DAYS)).astype("category"),
    "Arrow": pd.Series(pd.to_datetime(DAYS)).astype("timestamp[us][pyarrow]"),
    "frame": pd.DataFrame({"day": pd.to_datetime(DAYS)}),
}


@pytest.mark.parametrize("kind", DATES)
def test_dates_are_labels_whatever_type_they_are_given_as(kind):
    encoder = ConditionEncoder().fit(DATES[kind], 4)
    expected = marks([[0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]])
    for other in DATES.values():
        values = other["day"] if hasattr(other, "columns") else other
        values = pd.DataFrame({"day": values}) if kind == "frame" else values
        np.testing.assert_array_equal(encoder.transform(values, 4), expected)
    day = "2024-01-02"
    for value in (day, pd.Timestamp(day), np.datetime64(day), datetime.date(2024, 1, 2)):
        given = pd.DataFrame({"day": [value] * 2}) if kind == "frame" else value
        np.testing.assert_array_equal(encoder.transform(given, 2), expected[[0, 0]])
    unknown = pd.Timestamp("2024-01-03")
    unknown = pd.DataFrame({"day": [unknown]}) if kind == "frame" else unknown
    with pytest.raises(ValueError, match="unknown label '2024-01-03'; fit saw '2024-01-01', '20"):
        encoder.transform(unknown, 1)


def test_moments_and_durations_are_labels():
    here = pd.Series(pd.date_range("2024-01-01 12:30", periods=2, tz="Europe/Zurich"))
    encoder = ConditionEncoder().fit(here, 2)
    np.testing.assert_array_equal(encoder.transform(here.dt.tz_convert("UTC"), 2), marks(np.eye(2)))
    same = encoder.transform("2024-01-01 11:30+00:00", 1)
    np.testing.assert_array_equal(same, marks(np.eye(2)[:1]))
    for unknown in (pd.Timestamp("2024-01-01 12:30"), "noon"):
        with pytest.raises(ValueError, match=r"unknown label '(2024-01-01 12:30:00|noon)'"):
            encoder.transform(unknown, 1)
    hours = pd.Series(pd.to_timedelta([1, 30], "h"))
    encoder = ConditionEncoder().fit(hours, 2)
    for value in (pd.Timedelta("30h"), np.timedelta64(30, "h"), datetime.timedelta(hours=30)):
        np.testing.assert_array_equal(encoder.transform(value, 1), marks(np.eye(2)[1:]))
    with pytest.raises(ValueError, match="missing value in row 1"):
        ConditionEncoder().fit(pd.Series([pd.Timestamp("2024"), pd.NaT]), 2)


def test_objects_that_are_all_numbers_are_numbers():
    values = [0.5, 1.5, 4.0]
    expected = encode(np.array(values))
    for kind in (Decimal, np.float64, Fraction):
        objects = np.array([kind(v) for v in values], dtype=object)
        np.testing.assert_array_equal(encode(objects), expected)
        np.testing.assert_array_equal(encode(objects[:, None]), expected)
        np.testing.assert_array_equal(encode(np.array(values), then=objects), expected)
    # Whole ones in a row are labels, as ever, and those that someone has made categories of.
    np.testing.assert_array_equal(encode([Decimal(3), Decimal(1)]), marks([[0, 1], [1, 0]]))
    classes = pd.Series([0.5, 1.5], dtype=object).astype("category").to_frame("x")
    np.testing.assert_array_equal(encode(classes), marks(np.eye(2)))


def test_n_out_counts_the_columns():
    frame = pd.DataFrame(
        {"kind": list("xyz"), "size": [0.5, 1.0, 2.0], "flag": [True, False, True]}
    )
    encoder = ConditionEncoder().fit(frame, 3)
    assert encoder.n_out == encoder.transform(frame, 3).shape[1] == 3 + 1 + 2


@pytest.mark.parametrize(
    ("fitted", "then", "message"),
    [
        (["a", "b"], ["c", "a"], "unknown label 'c'; fit saw 'a', 'b'"),
        ([1, 2], [3, 1], "unknown label 3"),
        ([True, False], ["maybe", "maybe"], "unknown label 'maybe'"),
        (list(range(30)), list(range(29)) + [99], r"unknown label 99.*, \.\.\."),
        (["a", "b"], ["a"], "1 rows where 2 are needed"),
        (["a", "b"], ["a", None], "missing value in row 1"),
        ([0.5, 1.0], [np.nan, 1.0], "missing value in row 0"),
        ([0.5, 1.0], ["small", "large"], "now holds 'small', which is not a number"),
        (np.eye(2), [1.0, 2.0], r"1 column\(s\), but fit saw 2"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 1.0]}), np.ones((2, 3)), "3 column"),
        (
            pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 1.0]}),
            pd.DataFrame({"a": [1.0, 2.0], "c": [0.0, 1.0]}),
            r"lacks the column\(s\) \['b'\]",
        ),
        (["a", "b"], np.ones((2, 1, 1)), "one dimension .* or two"),
    ],
)
def test_what_cannot_be_encoded_is_told(fitted, then, message):
    encoder = ConditionEncoder().fit(fitted, len(fitted))
    with pytest.raises(ValueError, match=message):
        encoder.transform(then, len(fitted))


@pytest.mark.parametrize(
    ("condition", "n", "message"),
    [
        (["a", "b"], 3, "2 rows where 3 are needed"),
        (["a", None, "b"], 3, "missing value in row 1"),
        (["a", float("nan")], 2, "missing value in row 1"),
        ([0.5, np.nan], 2, "missing value in row 1"),
        (pd.Series(["a", pd.NA, "b"], dtype="string"), 3, "missing value in row 1"),
        (pd.Series([1, pd.NA, 2], dtype="Int64"), 3, "missing value in row 1"),
        ([0.5, np.inf], 2, "row 1"),
        (np.zeros((2, 2, 2)), 2, "shape"),
    ],
    ids=["short", "None", "nan label", "nan", "NA label", "NA number", "infinite", "three axes"],
)
def test_what_cannot_be_learnt_is_told(condition, n, message):
    with pytest.raises(ValueError, match=message):
        ConditionEncoder().fit(condition, n)
