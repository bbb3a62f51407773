"""Rules of tables: found where they hold and not by chance, and kept by whatever is decoded."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

import skgen
from skgen import (
    FlowMatcher,
    FunctionOf,
    GapWhere,
    Inequality,
    NeverTogether,
    Product,
    Sum,
    TableEncoder,
    VQDiffusionBridge,
    make_generative_pipeline,
)
from skgen.tables.rule_checks import broken
from skgen.tables.rule_search import found_rules

COUNTRY = {"Bern": "CH", "Basel": "CH", "Paris": "FR", "Lyon": "FR", "Rome": "IT"}


def orders(n, rng):
    """Make orders whose columns follow from one another in all the ways that are known."""
    quantity = rng.integers(1, 9, n)
    price = rng.lognormal(2, 1, n).round(2)
    ordered = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D"))
    shipped = ordered + pd.to_timedelta(1 + rng.poisson(2, n), "D")
    frame = pd.DataFrame(
        {
            "total": 0.0,
            "ordered": ordered,
            "shipped": shipped,
            "paid": shipped.where(rng.random(n) < 0.7)
            + pd.to_timedelta(rng.integers(0, 30, n), "D"),
            "city": rng.choice(list(COUNTRY), n),
            "country": "",
            "price": price,
            "quantity": quantity,
            "returned": rng.binomial(quantity, 0.2),
            "net": (price * quantity).round(2),
            "tax": (0.2 * price * quantity).round(2),
            "shipping": rng.choice([0.0, 4.9, 9.9], n),
        }
    )
    frame["country"] = frame["city"].map(COUNTRY)
    frame["total"] = (frame["net"] + frame["tax"] + frame["shipping"]).round(2)
    return frame


def rules_of(frame):
    return sorted(map(str, found_rules(frame)))


def kept(frame):
    """Tell of the rules of orders in how many rows each is broken."""
    paid = frame["paid"].notna()
    return {
        "total": (frame["total"] - frame[["net", "tax", "shipping"]].sum(axis=1))
        .abs()
        .gt(0.005)
        .sum(),
        "net": (frame["net"] - frame["price"] * frame["quantity"]).abs().gt(0.0051).sum(),
        "country": (frame["city"].map(COUNTRY) != frame["country"]).sum(),
        "shipped": (frame["shipped"] <= frame["ordered"]).sum(),
        "paid": (frame["paid"] < frame["shipped"])[paid].sum(),
        "returned": (frame["returned"] > frame["quantity"]).sum(),
    }


@pytest.mark.statistical
@pytest.mark.parametrize("n", [300, 1000])
def test_the_rules_of_orders_are_found(n):
    found = set(rules_of(orders(n, np.random.default_rng(0))))
    # In 300 rows about five orders are returned as a whole, which could be by chance.
    assert found - {"'returned' <= 'quantity'"} == {
        "'country' is a function of 'city'",
        "'net' = 'price' * 'quantity'",
        "'ordered' <= 'shipped'",
        "'shipped' <= 'paid'",
        "'tax' = 0.2 * 'net'",
        "'total' = 'net' + 'tax' + 'shipping'",
    }
    assert n < 1000 or "'returned' <= 'quantity'" in found


@pytest.mark.parametrize("least", [0, 1, 7])
@pytest.mark.parametrize("unit", ["D", "s"])
def test_an_order_with_a_gap_is_found(least, unit):
    rng = np.random.default_rng(0)
    per_day = {"D": 1, "s": 86_400}[unit]
    days = rng.integers(0, 300 * per_day, 200)
    later = days + rng.integers(least * per_day, (least + 30) * per_day, 200)
    frame = pd.DataFrame({"from": days, "to": later}).apply(pd.to_datetime, unit=unit)
    encoder = TableEncoder().fit(frame)
    assert encoder.constraints_ == [Inequality("from", "to")]
    drawn = encoder.inverse_transform(9 * rng.normal(size=(500, 2)))
    inside = drawn["to"] < frame["to"].max()
    gap = frame["to"] - frame["from"]
    assert ((drawn["to"] - drawn["from"])[inside] >= gap.min()).all()


@pytest.mark.parametrize(
    "coefficients", [(1, 1, 0), (1, -1, 0), (1, 1, 1), (1, 1, -1), (1, -1, -1)]
)
@pytest.mark.parametrize("whole", [True, False])
def test_sums_and_differences_are_found(coefficients, whole):
    rng = np.random.default_rng(0)
    X = rng.integers(-50, 50, (200, 3)) if whole else rng.normal(size=(200, 3)).round(3)
    frame = pd.DataFrame(X, columns=list("abc"))
    frame["t"] = X @ np.array(coefficients)
    # Another column that has nothing to do with it.
    frame["x"] = rng.normal(size=200)
    (rule,) = found_rules(frame)
    assert isinstance(rule, Sum)
    used = {name for name, c in zip("abc", coefficients, strict=True) if c}
    assert {rule.target, *rule.inputs} == {"t", *used}
    assert len(broken(rule, frame)) == 0


@pytest.mark.statistical
@pytest.mark.parametrize("n", [60, None])
@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer, load_digits])
def test_what_some_rows_of_a_table_keep_the_others_keep(load, n):
    frame = load(as_frame=True).frame
    frame = frame.loc[:, frame.nunique() > 1].iloc[:, :40]
    n = n or len(frame) // 2
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(frame))
        for rule in found_rules(frame.iloc[order[:n]]):
            assert len(broken(rule, frame.iloc[order[n:]])) <= 0.001 * len(frame), rule


@pytest.mark.statistical
def test_no_rule_is_made_up():
    for load in (load_iris, load_wine):
        data = load(as_frame=True)
        assert rules_of(data.data.assign(kind=pd.Categorical(data.target))) == []
    rng = np.random.default_rng(0)
    # Two columns that are empty in most rows, and in the same ones.
    sparse = pd.DataFrame(rng.integers(0, 50, (100, 2)), columns=["a", "b"]).astype("Int64")
    found = rules_of(sparse[np.arange(100) % 5 == 0].reindex(range(100)))
    assert found == ["'b' is missing where 'a' is"]
    noise = pd.DataFrame(rng.normal(size=(1000, 20))).assign(
        a=rng.choice(["x", "y"], 1000), b=rng.choice(list("pqrs"), 1000), c=rng.poisson(2, 1000)
    )
    noise.columns = noise.columns.astype(str)
    assert rules_of(noise) == []
    # One after the other, but so far apart that nothing presses against the limit.
    apart = pd.DataFrame({"low": rng.normal(0, 1, 1000), "high": rng.normal(4.5, 1, 1000)})
    assert rules_of(apart[apart["low"] <= apart["high"]]) == []


def test_rows_of_fit_come_back():
    frame = orders(500, np.random.default_rng(0))
    encoder = TableEncoder().fit(frame)
    Z = encoder.transform(frame)
    pd.testing.assert_frame_equal(encoder.inverse_transform(Z), frame)
    # What is computed has no column; a difference has one in the place of the later date.
    names = encoder.get_feature_names_out().tolist()
    assert len(names) == Z.shape[1]
    assert "shipped_minus_ordered" in names
    assert not {"total", "net", "shipped"} & set(names)
    assert not any(name.startswith("country") for name in names)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": np.arange(99) % 7, "b": np.arange(99) % 11}).astype("Int8"),
        pd.DataFrame({"a": np.arange(99) % 7, "b": np.arange(99) % 11}).astype("uint16"),
        pd.DataFrame({"a": np.arange(99) % 7, "b": np.arange(99) % 11}).astype("float32") / 4,
        pd.DataFrame({"a": np.arange(99) % 7, "b": np.arange(99) % 11}).astype("int64[pyarrow]"),
        pd.DataFrame({"a": np.arange(99) % 7, "b": np.arange(99) % 11}).astype("Float64") / 3,
    ],
    ids=lambda frame: str(frame.dtypes.iloc[0]),
)
def test_a_sum_of_any_numbers_is_kept_and_has_its_dtype(frame):
    frame["t"] = frame["a"] + frame["b"]
    encoder = TableEncoder().fit(frame)
    assert [type(rule) for rule in encoder.constraints_] == [Sum]
    pd.testing.assert_frame_equal(encoder.inverse_transform(encoder.transform(frame)), frame)
    drawn = encoder.inverse_transform(np.random.default_rng(0).normal(size=(1000, 2)))
    assert (drawn.dtypes == frame.dtypes).all()
    assert np.allclose(
        drawn["t"].astype(float), drawn["a"].astype(float) + drawn["b"].astype(float)
    )


@pytest.mark.parametrize(
    "kind", ["datetime64[s]", "datetime64[ns]", "datetime64[us, Europe/Zurich]", "timedelta64[ms]"]
)
def test_an_order_of_times_is_kept(kind):
    rng = np.random.default_rng(0)
    first = pd.Series(rng.integers(0, 900, 400) * 86_400)
    later = first + rng.integers(0, 30, 400) * 86_400
    unit = {"m": "timedelta64[s]", "d": "datetime64[s]"}[kind[0] if kind[0] == "d" else "m"]
    frame = pd.DataFrame({"from": first, "to": later}).astype(unit)
    if "Zurich" in kind:
        frame = frame.apply(lambda column: column.dt.tz_localize("UTC")).astype(kind)
    else:
        frame = frame.astype(kind)
    encoder = TableEncoder().fit(frame)
    assert encoder.constraints_ == [Inequality("from", "to")]
    pd.testing.assert_frame_equal(encoder.inverse_transform(encoder.transform(frame)), frame)
    drawn = encoder.inverse_transform(2 * np.random.default_rng(1).normal(size=(1000, 2)))
    assert (drawn["from"] <= drawn["to"]).all()
    assert drawn["to"].between(frame["to"].min(), frame["to"].max()).all()
    assert (drawn.dtypes == frame.dtypes).all()


@pytest.mark.parametrize("dtype", ["datetime64[s]", "Int64", "float64", "date32[pyarrow]"])
def test_an_order_is_kept_whichever_of_its_columns_has_gaps(dtype):
    rng = np.random.default_rng(0)
    n = 600
    start = rng.integers(0, 300, n)
    end = start + rng.geometric(0.3, n) - 1
    frame = pd.DataFrame({"start": start, "end": end, "paid": end + rng.geometric(0.2, n) - 1})
    if "date" in dtype:
        frame = frame.apply(lambda days: pd.Timestamp("2024-01-01") + pd.to_timedelta(days, "D"))
    frame = frame.astype(dtype)
    # A missing start beside an end, and a missing end between two others.
    for name, share in {"start": 0.1, "end": 0.15, "paid": 0.05}.items():
        frame.loc[rng.random(n) < share, name] = None
    encoder = TableEncoder().fit(frame)
    rules = [Inequality("start", "end"), Inequality("end", "paid")]
    assert encoder.constraints_ == rules
    assert TableEncoder(constraints=rules).fit(frame).constraints_ == rules
    Z = encoder.transform(frame)
    pd.testing.assert_frame_equal(encoder.inverse_transform(Z), frame)
    drawn = encoder.inverse_transform(Z + 0.3 * Z.std(0) * rng.normal(size=Z.shape))
    assert (drawn.dtypes == frame.dtypes).all()
    for rule in rules:
        assert not len(broken(rule, drawn))
        # Observed both, as often as in the rows: 446 of 600 and more.
        assert drawn[[rule.low, rule.high]].notna().all(axis=1).sum() > 400
    # The gaps themselves are the model's, and none comes or goes by the rule.
    assert drawn.isna().equals(frame.isna())


@pytest.mark.parametrize("Model", [FlowMatcher, VQDiffusionBridge])
def test_completed_rows_keep_an_order_that_rows_with_gaps_have(Model):
    rng = np.random.default_rng(0)
    start = rng.integers(0, 300, 200).astype(float)
    frame = pd.DataFrame({"start": start, "end": start + rng.geometric(0.2, 200) - 1})
    frame.loc[rng.random(200) < 0.2, "start"] = np.nan
    pipe = make_generative_pipeline(TableEncoder(), Model(max_steps=20, random_state=0)).fit(frame)
    assert pipe[0].constraints_ == [Inequality("start", "end")]
    drawn = pipe.sample(400)
    assert drawn["start"].isna().any()
    assert not len(broken(Inequality("start", "end"), drawn))
    completed = pipe.impute(frame)
    assert completed.notna().all(axis=None)
    assert completed["end"].equals(frame["end"])
    assert (completed["start"] <= completed["end"]).all()
    assert np.isfinite(pipe.score_samples_encoded(frame)).all()


def test_times_and_large_numbers_hide_no_sum_and_what_a_rule_tells_may_be_beyond():
    rng = np.random.default_rng(0)
    frame = orders(400, rng)
    rules = rules_of(frame)
    frame["number"] = 10**15 + np.arange(400)
    frame["again"] = frame["number"] + np.arange(400) % 2
    for name in ("ordered", "shipped", "paid"):
        frame[name] = frame[name].dt.tz_localize("Europe/Zurich")
    assert set(rules) <= set(rules_of(frame))
    # The product of a large price and a large number, and a column that is never below it.
    given = [Product("net", ["price", "quantity"]), Inequality("net", "total")]
    frame = frame.drop(columns=["number", "again"])
    encoder = TableEncoder(constraints=given).fit(frame)
    n_codes = len(encoder.get_feature_names_out())
    drawn = encoder.inverse_transform(9 * rng.normal(size=(1000, n_codes)))
    assert (drawn["net"] > frame["total"].max()).any()
    assert (drawn["net"] <= drawn["total"]).all()


def test_gaps_of_other_columns_hide_no_sum():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 50, (300, 6)).astype(float), columns=list("abcdef"))
    frame.loc[rng.random(300) < 0.3, "a"] = np.nan
    frame["t"] = frame["a"] + frame["b"] - frame["c"]
    frame["u"] = frame["b"] + frame["c"]
    # Hardly a row is complete.
    frame[["d", "e"]] = frame[["d", "e"]].where(rng.random((300, 2)) < 0.2)
    rules = [rule for rule in found_rules(frame) if isinstance(rule, Sum)]
    assert {frozenset([rule.target, *rule.inputs]) for rule in rules} == {
        frozenset("ubc"),
        frozenset("tabc"),
    }
    encoder = TableEncoder(constraints=rules).fit(frame)
    n_codes = len(encoder.get_feature_names_out())
    drawn = encoder.inverse_transform(9 * rng.normal(size=(99, n_codes)))
    assert all(len(broken(rule, drawn)) == 0 for rule in rules)


def test_a_fixed_difference_and_decimals_of_32_bits_are_kept():
    rng = np.random.default_rng(0)
    invoiced = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 900, 300), "D")
    frame = pd.DataFrame({"invoiced": invoiced, "due": invoiced + pd.Timedelta(days=30)})
    frame[["net", "tax"]] = rng.lognormal(3, 1, (300, 2)).round(2)
    frame["gross"] = (frame["net"] + frame["tax"]).round(2)
    frame["low"] = rng.normal(20, 5, 300).round(1)
    frame["high"] = frame["low"] + rng.exponential(3, 300).round(1)
    kinds = dict.fromkeys(["net", "tax", "gross", "low", "high"], "float32")
    frame = frame.astype(kinds)
    encoder = TableEncoder().fit(frame)
    rules = {Inequality("invoiced", "due"), Sum("gross", ("net", "tax")), Inequality("low", "high")}
    assert set(encoder.constraints_) == rules
    assert encoder.get_feature_names_out().tolist()[0] == "invoiced"
    assert "due" not in encoder.get_feature_names_out()
    pd.testing.assert_frame_equal(encoder.inverse_transform(encoder.transform(frame)), frame)
    drawn = encoder.inverse_transform(9 * rng.normal(size=(500, 5)))
    assert (drawn["due"] - drawn["invoiced"] == pd.Timedelta(days=30)).all()
    assert np.allclose(drawn["gross"], drawn["net"] + drawn["tax"])


def completed(frame, holes, seed=0):
    """Complete rows with draws that know nothing but the columns."""
    encoder = TableEncoder().fit(frame)
    missing = holes.isna().to_numpy()
    Z = encoder.transform_holes(holes)
    other = encoder.transform(frame.sample(len(holes), random_state=seed, replace=True))
    drawn = encoder.inverse_transform(np.where(np.isnan(Z), other, Z))
    rows = holes.astype(object).where(~missing, drawn.astype(object)).astype(frame.dtypes)
    filled = encoder.keep_constraints(rows, drawn, missing)
    there = ~missing
    assert (filled.to_numpy(object)[there] == holes.to_numpy(object)[there]).all()
    return encoder, filled


def test_rows_of_which_the_target_alone_is_known_keep_it():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"price": rng.lognormal(2, 1, 300).round(2), "number": rng.integers(1, 9, 300)}
    )
    frame["net"] = (frame["price"] * frame["number"]).round(2)
    frame[["a", "b"]] = rng.integers(0, 50, (300, 2))
    frame["sum"] = frame["a"] + frame["b"]
    holes = frame.astype(float)
    holes[["price", "number", "a", "b"]] = np.nan
    encoder, filled = completed(frame, holes)
    assert [type(rule) for rule in encoder.constraints_] == [Sum, Product]
    for rule in encoder.constraints_:
        assert len(broken(rule, filled)) == 0
    # Inside the range that fit saw, wherever that can be.
    inputs = ["price", "number", "a", "b"]
    assert (filled[inputs].min() >= frame[inputs].min()).all()
    # One row alone tells no less of its decimals.
    for row in range(10):
        _, one = completed(frame, holes.iloc[row : row + 1].reset_index(drop=True), seed=row)
        assert one["net"].item() == round(one["price"].item() * one["number"].item(), 2)


def test_a_function_of_a_function_follows_what_is_known():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"city": rng.choice(list(COUNTRY), 300)})
    frame["country"] = frame["city"].map(COUNTRY)
    frame["euro"] = frame["country"].map({"CH": "no", "FR": "yes", "IT": "yes"})
    rules = [FunctionOf("country", "city"), FunctionOf("euro", "country")]
    encoder = TableEncoder(constraints=rules).fit(frame)
    holes = frame.iloc[:50].copy()
    holes[["city", "euro"]] = None
    missing = holes.isna().to_numpy()
    for city in COUNTRY:
        drawn = frame[frame["city"] == city].iloc[[0] * 50].reset_index(drop=True)
        filled = encoder.keep_constraints(holes.where(~missing, drawn), drawn, missing)
        assert (filled["country"] == holes["country"]).all()
        assert all(len(broken(rule, filled)) == 0 for rule in rules)
        assert (filled["euro"] == frame["euro"].iloc[:50]).all()


@pytest.mark.parametrize("Model", [VQDiffusionBridge, FlowMatcher])
def test_drawn_and_completed_orders_keep_the_rules(Model):
    rng = np.random.default_rng(0)
    frame = orders(400, rng)
    pipe = make_generative_pipeline(TableEncoder(), Model(max_steps=30, random_state=0)).fit(frame)
    assert set(kept(pipe.sample(2000)).values()) == {0}
    holes = frame.iloc[:200].mask(rng.random((200, frame.shape[1])) < 0.3)
    filled = pipe.impute(holes)
    there = holes.notna().to_numpy()
    assert (filled.to_numpy()[there] == holes.to_numpy()[there]).all()
    missed = kept(filled)
    # Of a product with an observed value no price with two decimals need exist.
    assert {name for name, n in missed.items() if n} <= {"net"}


def test_a_pipeline_with_rules_is_saved(tmp_path):
    frame = orders(200, np.random.default_rng(0))
    pipe = make_generative_pipeline(TableEncoder(), FlowMatcher(max_steps=5, random_state=0))
    skgen.save(pipe.fit(frame), tmp_path / "orders.skgen")
    loaded = skgen.load(tmp_path / "orders.skgen")
    assert loaded[0].constraints_ == pipe[0].constraints_
    pd.testing.assert_frame_equal(loaded.sample(50), pipe.sample(50))


def test_rules_by_hand_and_none():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 9, 30), "b": rng.integers(9, 20, 30)})
    assert TableEncoder().fit(frame).constraints_ == []
    rules = [Inequality("a", "b")]
    encoder = TableEncoder(constraints=rules).fit(frame)
    assert encoder.constraints_ == rules
    drawn = encoder.inverse_transform(9 * rng.normal(size=(1000, 2)))
    assert (drawn["a"] <= drawn["b"]).all()
    summed = orders(300, rng)
    encoder = TableEncoder(constraints=None).fit(summed)
    assert encoder.constraints_ == []
    assert "total" in encoder.get_feature_names_out()
    given = [Sum("total", ["net", "tax"], ["rebate"]), Product("net", ["price", "quantity"])]
    summed = summed.assign(rebate=-summed["shipping"])
    encoder = TableEncoder(constraints=given).fit(summed)
    # In the order in which they can be computed.
    assert encoder.constraints_ == given[::-1]
    pd.testing.assert_frame_equal(encoder.inverse_transform(encoder.transform(summed)), summed)


@pytest.mark.parametrize(
    ("rules", "error", "words"),
    [
        (["a <= b"], TypeError, r"constraints\[0\] is 'a <= b'"),
        ([Inequality("a", "z")], ValueError, "'z', which is none of"),
        ([Inequality("b", "a")], ValueError, r"does not hold in \d+ of 60 rows.*row 0"),
        ([Inequality("a", "day")], ValueError, "compares int64 with datetime64"),
        ([Sum("a", ["word"])], ValueError, "computes with the column 'word'"),
        ([Sum("c", ["a", "b"]), FunctionOf("c", "a")], ValueError, "both compute 'c'"),
        ([Sum("c", ["a", "b"]), Sum("a", ["c"], ["b"])], ValueError, "in a circle"),
        ([FunctionOf("a", "word")], ValueError, "does not hold"),
    ],
)
def test_rules_that_cannot_be_are_refused(rules, error, words):
    a = np.arange(60)
    frame = pd.DataFrame({"a": a, "b": a + 1, "c": 2 * a + 1, "word": ["x", "y"] * 30})
    frame["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(a, "D")
    with pytest.raises(error, match=words):
        TableEncoder(constraints=rules).fit(frame)


def test_a_row_that_breaks_a_rule_is_encoded_and_an_unknown_entry_is_told():
    frame = orders(300, np.random.default_rng(0))
    encoder = TableEncoder().fit(frame)
    other = frame.iloc[:5].copy()
    other.loc[0, "shipped"] = other.loc[0, "ordered"] - pd.Timedelta(days=3)
    assert np.isfinite(encoder.transform(other)).all()
    other.loc[1, "country"] = "XX"
    with pytest.raises(ValueError, match="'country' has 'XX' in row 1"):
        encoder.transform(other)


def test_arrays_have_rules_too():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 20, (200, 2)).astype(float)
    X = np.column_stack([X, X.sum(1)])
    encoder = TableEncoder().fit(X)
    assert encoder.constraints_ == [Sum(2, (0, 1))]
    drawn = encoder.inverse_transform(rng.normal(size=(100, 2)))
    np.testing.assert_array_equal(drawn.sum(1), 2 * drawn[:, 2])


def test_columns_a_fixed_step_apart_stay_so():
    rng = np.random.default_rng(0)
    due = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 200), "D"))
    frame = pd.DataFrame({"due": due, "warned": due + pd.Timedelta(days=14), "x": rng.random(200)})
    encoder = TableEncoder().fit(frame)
    assert encoder.get_feature_names_out().tolist() == ["due", "x"]
    drawn = encoder.inverse_transform(rng.normal(size=(500, 2)))
    inside = drawn["due"] < due.max()
    assert (drawn["warned"] - drawn["due"] == pd.Timedelta(days=14))[inside].all()


@pytest.mark.parametrize("mark", ["9999-12-31", "2262-04-11"])
def test_an_upper_column_is_never_between_a_last_day_and_the_other_days(mark):
    rng = np.random.default_rng(0)
    unit = "s" if mark == "9999-12-31" else "ns"
    start = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 300, 400), "D"))
    start = start.dt.as_unit(unit)
    end = start + pd.to_timedelta(rng.integers(0, 30, 400), "D").as_unit(unit)
    frame = pd.DataFrame(
        {"start": start, "end": end.mask(rng.random(400) < 0.2, pd.Timestamp(mark))}
    )
    encoder = TableEncoder().fit(frame)
    assert encoder.constraints_ == [Inequality("start", "end")]
    Z = encoder.transform(frame)
    pd.testing.assert_frame_equal(encoder.inverse_transform(Z), frame)
    # Differences to the last day are all different.
    drawn = encoder.inverse_transform(Z + 0.4 * rng.normal(size=Z.shape))
    assert (drawn["start"] <= drawn["end"]).all()
    is_marked = drawn["end"] == pd.Timestamp(mark)
    assert is_marked.any()
    assert (drawn["end"][~is_marked] < pd.Timestamp("2021-01-01")).all()


@pytest.mark.parametrize("fixed", ["start", "end"])
def test_completed_rows_are_never_between_a_sentinel_and_the_others(fixed):
    rng = np.random.default_rng(0)
    low = rng.integers(0, 300, 400)
    high = low + rng.integers(0, 30, 400)
    marked = rng.random(400) < 0.2
    frame = pd.DataFrame({"start": np.where(marked, -999, low), "end": high})
    if fixed == "start":
        frame = pd.DataFrame({"start": low, "end": np.where(marked, 9999, high)})
    holes = frame.astype(float)
    holes[next(name for name in frame if name != fixed)] = np.nan
    _, filled = completed(frame, holes)
    assert (filled["start"] <= filled["end"]).all()
    assert ((filled["start"] >= 0) | (filled["start"] == -999)).all()
    assert ((filled["end"] < 400) | (filled["end"] == 9999)).all()


def test_a_function_of_an_entry_that_was_replaced_follows_it():
    rng = np.random.default_rng(0)
    city = rng.choice(list("abcde"), 400)
    frame = pd.DataFrame({"city": city, "size": rng.normal(size=400)})
    frame["country"] = frame["city"].map(dict(zip("abcde", "xxyyz", strict=True)))
    frame["size"] = frame["size"].mask(frame["country"] == "x")
    holes = frame.copy()
    holes[["city", "country"]] = None
    holes = holes[frame["size"].notna()].reset_index(drop=True)
    encoder, filled = completed(frame, holes)
    assert {type(rule) for rule in encoder.constraints_} == {FunctionOf, GapWhere}
    for rule in encoder.constraints_:
        assert len(broken(rule, filled)) == 0


def test_entries_excluded_in_turn_by_one_another_are_replaced():
    rng = np.random.default_rng(0)
    sex, ward = rng.choice(["f", "m"], 3000), rng.choice(["births", "heart", "skin"], 3000)
    pregnant = np.where((sex == "f") & (rng.random(3000) < 0.3), "yes", "no")
    ward = np.where(pregnant == "yes", "births", ward)
    ward = np.where((sex == "m") & (ward == "births"), "heart", ward)
    frame = pd.DataFrame({"sex": sex, "pregnant": pregnant, "ward": ward})
    encoder = TableEncoder().fit(frame)
    assert {type(rule) for rule in encoder.constraints_} == {NeverTogether}
    rows = pd.DataFrame({"sex": ["m"], "pregnant": ["yes"], "ward": ["births"]})
    missing = np.array([[True, False, True]])
    mended = encoder.keep_constraints(rows, rows, missing)
    assert mended.loc[0].tolist() == ["f", "yes", "births"]
