"""What a column may be by declaration, `OneOf` and `Range`; and how many rows speak for a rule."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import skgen
from skgen import (
    Formula,
    FunctionOf,
    GapWhere,
    Inequality,
    NeverTogether,
    OneOf,
    Product,
    Range,
    Sum,
    TableEncoder,
)
from skgen.tables.constraints import Support
from skgen.tables.rule_checks import broken

DAYS = pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-04"])


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pd.Series([1.0, 2.0, 4.0]), [0.5, 1, 2, 4]),
        (pd.Series([0.25, 0.5], dtype="float32"), [0.1, 0.25, 0.5]),
        (pd.Series([1 / 3, 0.7]), [1 / 3, 2 / 3, 0.7]),
        (pd.Series([3, 9, 12]), [3, 4, 9, 12]),
        (pd.Series([3, None, 9], dtype="Int64"), [-7, 3, 9]),
        (pd.Series([200, 220], dtype="uint8"), [200, 205, 220, 255]),
        (pd.Series(DAYS[[0, 2]]), list(DAYS)),
        (
            pd.Series(DAYS[[0, 2]]).dt.tz_localize("Europe/Zurich"),
            list(DAYS.tz_localize("Europe/Zurich")),
        ),
        (pd.Series(pd.to_timedelta([3, 5], "h")), pd.to_timedelta([2, 3, 5], "h").tolist()),
        (
            pd.Series([Decimal("1.50"), Decimal("3.00")]),
            [Decimal("1.50"), Decimal("2.00"), Decimal("3.00")],
        ),
        (
            pd.Series([datetime.date(2024, 1, 1), datetime.date(2024, 1, 9)]),
            [datetime.date(2024, 1, 1), datetime.date(2024, 1, 2), datetime.date(2024, 1, 9)],
        ),
        (
            pd.Series(pd.Categorical(["s", "l"], ["s", "m", "l", "xl"], ordered=True)),
            ["s", "m", "l"],
        ),
    ],
    ids=lambda column: str(getattr(column, "dtype", "")),
)
def test_numbers_are_drawn_as_the_nearest_declared(column, values):
    frame = column.to_frame("x")
    encoder = TableEncoder(constraints=[OneOf("x", values)]).fit(frame)
    Z = encoder.transform(frame)
    pd.testing.assert_frame_equal(encoder.inverse_transform(Z), frame)
    drawn = np.zeros((999, Z.shape[1]))
    drawn[:, 0] = np.linspace(2 * Z[:, 0].min() - 9, 2 * Z[:, 0].max() + 9, 999)
    back = encoder.inverse_transform(drawn)
    assert back["x"].dtype == column.dtype
    # Each is drawn somewhere, those that fit did not see as well, in their order.
    expected = pd.Series(values, dtype=object).astype(column.dtype)
    assert back["x"].drop_duplicates().tolist() == expected.tolist()
    assert len(broken(encoder.constraints_[0], back)) == 0


@pytest.mark.parametrize("kind", ["str", object, "category", bool])
def test_categories_are_drawn_as_fit_saw_them(kind):
    entries = [True, False] if kind is bool else ["x", "y", "z"]
    column = pd.Series(np.array(entries, dtype=object)[np.arange(30) % len(entries)]).astype(kind)
    if kind == "category":
        column = column.cat.add_categories("w")
    declared = entries if kind is bool else [*entries, "w"]
    encoder = TableEncoder(constraints=[OneOf("x", declared)]).fit(column.to_frame("x"))
    Z = np.random.default_rng(0).normal(size=(500, len(encoder.get_feature_names_out())))
    assert set(encoder.inverse_transform(Z)["x"]) == set(entries)


def test_a_constant_stays_what_it_was():
    frame = pd.DataFrame({"a": [7, 7], "b": [1.5, 1.5], "c": [0, 1]})
    rules = [OneOf("a", [3, 7]), Range("b", 0, 9)]
    encoder = TableEncoder(constraints=rules).fit(frame)
    pd.testing.assert_frame_equal(encoder.inverse_transform(encoder.transform(frame)), frame)


def test_the_ends_of_a_range_are_on_the_grid():
    encoder = TableEncoder(constraints=[Range("x", 0.5, 9.75)]).fit(pd.DataFrame({"x": [2.0, 5.0]}))
    assert encoder.inverse_transform([[-99.0], [99.0]])["x"].tolist() == [1.0, 9.0]


def test_positive_numbers_are_declared_by_a_range():
    frame = pd.DataFrame({"price": [0.5, 2.25, 19.99]})
    rule = Range("price", low=0.01)
    drawn = TableEncoder(constraints=[rule]).fit(frame).inverse_transform([[-9.0], [0.0]])
    assert drawn["price"].tolist() == [0.01, 0.01]
    frame.loc[1, "price"] = 0.0
    with pytest.raises(ValueError, match=r"1 of 3 rows, the first of which is row 1: {'price': "):
        TableEncoder(constraints=[rule]).fit(frame)


def test_completed_rows_have_declared_values():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"price": rng.choice([2, 5, 10], 200), "n": rng.integers(1, 5, 200)})
    frame["paid"] = frame["price"] + frame["n"]
    rules = [Sum("paid", ["price", "n"]), OneOf("price", [1, 2, 5, 10])]
    encoder = TableEncoder(constraints=rules).fit(frame)
    drawn = encoder.inverse_transform(rng.normal(size=(200, 2)))
    missing = np.zeros(drawn.shape, dtype=bool)
    missing[:, :2] = True
    filled = encoder.keep_constraints(drawn.assign(paid=frame["paid"]), drawn, missing)
    assert all(len(broken(rule, filled)) == 0 for rule in rules)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            lambda: OneOf("n", [1, 2]),
            r"'n' is one of 1, 2 does not hold in 1 of 3 rows.*row 2: {'n': .*3",
        ),
        (lambda: OneOf("word", ["x"]), r"row 1: {'word': 'y'}"),
        (lambda: OneOf("n", [1, 2.5]), "declares 2.5, and the column is of dtype int64"),
        (lambda: OneOf("n", ["a"]), "declares 'a', and the column is of dtype int64"),
        (lambda: OneOf("word", ["x", 5]), "declares 5, and the column is of dtype"),
        (
            lambda: OneOf("size", ["s", "xl"]),
            r"declares 'xl', and the column has the categories \['s'",
        ),
        (lambda: OneOf("n", []), "takes a list of values"),
        (lambda: OneOf("word", "xy"), "takes a list of values"),
        (lambda: OneOf("n", [1, None]), "gaps are always allowed"),
        (lambda: OneOf("z", [1]), "'z', which is none of"),
        (lambda: OneOf("cost", [Decimal(1), Decimal(2), Decimal("2.5")]), "'cost' is to be .*2.5"),
        (lambda: OneOf("cost", [Decimal(1), Decimal(2), "a"]), "Column 'cost' has 'a' in row 2"),
    ],
)
def test_declarations_that_cannot_be_are_refused(rule, words):
    frame = pd.DataFrame({"n": [1, 2, 3], "word": ["x", "y", "x"]})
    frame["size"] = pd.Categorical(["s", "m", "s"], ["s", "m"])
    frame["cost"] = [Decimal(1), Decimal(2), Decimal(1)]
    with pytest.raises(ValueError, match=words):
        TableEncoder(constraints=[rule()]).fit(frame)


def test_two_declarations_of_a_column_are_refused():
    frame = pd.DataFrame({"n": [1, 2, 3], "sum": [1, 2, 3]})
    with pytest.raises(ValueError, match="both say what 'n' may be"):
        TableEncoder(constraints=[Range("n", 0, 9), OneOf("n", [1, 2, 3])]).fit(frame)
    with pytest.raises(ValueError, match="about 'sum', which another rule computes"):
        TableEncoder(constraints=[Sum("sum", ["n"]), OneOf("sum", [1, 2, 3])]).fit(frame)


def people():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"price": rng.lognormal(3, 0.5, 1000).round(2), "n": rng.integers(1, 9, 1000)}
    )
    frame["net"] = (1.19 * frame["price"] * frame["n"]).round(2)
    frame["whole"] = frame["n"] * 2
    frame["low"], frame["high"] = frame["n"], frame["n"] + rng.integers(0, 9, 1000)
    frame["sex"] = np.where(np.arange(1000) < 500, "m", "f")
    frame["pregnant"] = np.where(np.arange(1000) < 500, "no", "yes")
    frame["town"] = np.where(np.arange(1000) < 998, "Bern", np.arange(1000).astype(str))
    frame["land"] = np.where(frame["town"] == "Bern", "CH", "DE")
    frame["high"] = frame["high"].astype("Int64").mask(np.arange(1000) < 188)
    frame["told"] = frame["high"].where(frame["sex"] == "f")
    return frame


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Product("net", ["price", "n"], times=1.19), ", to 0.01 (in all 1,000 rows)"),
        (Formula("net", "price * n * 1.19"), ", to 0.01 (in all 1,000 rows)"),
        (Product("whole", ["n"], times=2), " (in all 1,000 rows)"),
        (Inequality("low", "high"), " (in all 812 rows checked, of 1,000)"),
        (FunctionOf("land", "town"), " (in all 998 rows checked, of 1,000)"),
        (NeverTogether("sex", "pregnant", [("m", "yes")]), " (in all 1,000 rows)"),
        (GapWhere("told", "sex", ["m"]), " (in all 1,000 rows)"),
        (Range("high", 0, 99), " (in all 812 rows checked, of 1,000)"),
        (OneOf("n", range(1, 9)), " (in all 1,000 rows)"),
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_rules_say_which_rows_of_fit_speak_for_them(rule, words, tmp_path):
    frame = people()
    if isinstance(rule, GapWhere):
        frame.loc[500:, "told"] = 5
    encoder = TableEncoder(constraints=[rule]).fit(frame)
    (kept,) = encoder.constraints_
    assert str(kept) == str(rule) + words
    # It is the same rule, and that of the user is left as it was.
    assert kept == rule
    assert rule.support is None
    assert kept.support.n_rows == 1000
    skgen.save(encoder, tmp_path / "encoder.skgen")
    (loaded,) = skgen.load(tmp_path / "encoder.skgen").constraints_
    assert loaded.support == kept.support
    # Of other rows, others speak for it.
    (again,) = TableEncoder(constraints=[kept]).fit(frame[400:600]).constraints_
    assert again.support.n_rows == 200


def test_rows_that_a_rule_excepts_are_counted():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 100, (2000, 2)), columns=["a", "b"])
    frame["t"] = frame["a"] + frame["b"]
    frame.loc[3, "t"] += 1
    frame = frame.astype("Int64")
    frame.loc[7:9, ["a", "t"]] = None
    (rule,) = (r for r in TableEncoder().fit(frame).constraints_ if isinstance(r, Sum))
    assert rule.support == Support(2000, 1997, 1996)
    assert str(rule).endswith("(in 1,996 of 1,997 rows checked, of 2,000)")
