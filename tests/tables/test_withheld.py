"""Rare categories merged, and columns of identifiers left out or made up."""

import uuid
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare

import skgen
from skgen import (
    FlowMatcher,
    FunctionOf,
    GenerativeImputer,
    GenerativeOverSampler,
    OneOf,
    TableEncoder,
    VQDiffusionBridge,
    make_generative_pipeline,
)
from skgen.tables.made_up import MadeUp

pytestmark = pytest.mark.filterwarnings("ignore:Columns look like identifiers")

N = 120
RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=N)
CITIES = np.array(["Bonn", "Oslo"], dtype=object)[np.arange(N) % 2]
RARE = CITIES.copy()
RARE[:3] = "Kleinstadt", "Dörfchen", "Kleinstadt"
KINDS = {
    "texts": pd.Series(RARE, dtype="str"),
    "objects": pd.Series(RARE, dtype=object),
    "Arrow's texts": pd.Series(RARE).astype("string[pyarrow]"),
    "categories": pd.Series(RARE).astype("category"),
}


def holds(path, text):
    """Return whether a file has a text, in JSON or among arrays of texts."""
    data = path.read_bytes()
    return any(text.encode(coding) in data for coding in ("utf-8", "utf-32-le"))


def table(city, **columns):
    return pd.DataFrame({"city": city, "v": NUMBERS, **columns})


# Rare categories


@pytest.mark.parametrize("kind", KINDS)
def test_rare_categories_come_back_as_one_word(kind):
    frame = table(KINDS[kind])
    encoder = TableEncoder(min_count=3, constraints=None).fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame))
    assert back["city"].tolist() == ["other"] * 3 + CITIES[3:].tolist()
    assert back["v"].equals(frame["v"])
    if kind == "categories":
        assert back["city"].dtype == pd.CategoricalDtype(["Bonn", "Oslo", "other"])
    else:
        assert back["city"].dtype == frame["city"].dtype
    # What comes back is encoded as what it came from.
    np.testing.assert_array_equal(encoder.transform(back), encoder.transform(frame))


def test_as_many_rows_as_asked_for_are_enough():
    frame = table(KINDS["texts"])
    back = TableEncoder(min_count=2).fit(frame)
    assert set(back.inverse_transform(back.transform(frame))["city"]) == {
        *("Bonn", "Oslo", "Kleinstadt", "other")
    }


def test_by_default_every_category_comes_back():
    for kind in KINDS.values():
        frame = table(kind)
        encoder = TableEncoder().fit(frame)
        pd.testing.assert_frame_equal(encoder.inverse_transform(encoder.transform(frame)), frame)


@pytest.mark.parametrize("taken", ["other", "Other", " OTHER"])
def test_the_word_is_no_category(taken):
    entries = RARE.copy()
    entries[10:30] = taken
    frame = table(pd.Series(entries, dtype="str"))
    encoder = TableEncoder(min_count=3).fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame))["city"]
    assert back.tolist() == ["other_2"] * 3 + entries[3:].tolist()


@pytest.mark.parametrize(
    "entries",
    [
        pd.Series(pd.Categorical(np.r_[7, 8, 9, np.arange(N - 3) % 3])),
        pd.Series(pd.Categorical(RARE, ["Kleinstadt", "Bonn", "Dörfchen", "Oslo"], ordered=True)),
        pd.Series([(1, 2), 3.5, b"x", *[("a", k % 2) for k in range(N - 3)]], dtype=object),
    ],
    ids=["numbers", "ordered", "objects"],
)
def test_what_takes_no_word_becomes_a_gap(entries):
    frame = table(entries)
    encoder = TableEncoder(min_count=4).fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame))["city"]
    assert back[:3].isna().all()
    assert back[3:].tolist() == entries[3:].tolist()
    if isinstance(entries.dtype, pd.CategoricalDtype):
        wanted = [value for value in entries.cat.categories if value in set(entries[3:])]
        assert back.cat.categories.tolist() == wanted
        assert back.cat.ordered == entries.cat.ordered


def test_numbers_times_and_truth_values_are_not_merged():
    frame = pd.DataFrame(
        {
            "whole": np.r_[99, np.arange(N - 1) % 5],
            "day": pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(N) // 60 * 7, "D"),
            "flag": np.arange(N) == 0,
            "flag as object": pd.Series((np.arange(N) == 0).tolist(), dtype=object),
            "price": pd.Series([Decimal(k // 60) for k in range(N)], dtype=object),
        }
    )
    encoder = TableEncoder(min_count=N, constraints=None).fit(frame)
    pd.testing.assert_frame_equal(encoder.inverse_transform(encoder.transform(frame)), frame)


def test_gaps_stay_gaps_and_new_categories_are_rare():
    frame = table(KINDS["texts"].mask(np.arange(N) % 7 == 5))
    encoder = TableEncoder(min_count=3).fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame))["city"]
    assert (back.isna() == frame["city"].isna()).all()
    new = table(pd.Series(["Neustadt"] * N, dtype="str"))
    assert not encoder.find_unseen(new).any()
    assert set(encoder.inverse_transform(encoder.transform(new))["city"]) == {"other"}
    # Where nothing was merged, they are what they were.
    whole = TableEncoder(min_count=3).fit(table(pd.Series(CITIES, dtype="str")))
    with pytest.raises(ValueError, match="'Neustadt' in row 0, a category that fit did not see"):
        whole.transform(new)


def test_unused_categories_of_the_dtype_go():
    city = pd.Series(pd.Categorical(CITIES, ["Bonn", "Oslo", "Nirgendwo"]))
    encoder = TableEncoder(min_count=2).fit(table(city))
    back = encoder.inverse_transform(encoder.transform(table(city)))["city"]
    assert back.cat.categories.tolist() == ["Bonn", "Oslo"]
    with pytest.raises(ValueError, match="'Nirgendwo' in row 0, a category that fit did not see"):
        encoder.transform(
            table(pd.Series(pd.Categorical(["Nirgendwo"] * N, city.dtype.categories)))
        )


def test_rules_hold_in_the_merged_table():
    """Cities tell their country; the rare ones of both countries, merged, do not."""
    n, cities = 960, np.array([f"city {k}" for k in range(12)], dtype=object)
    city, country = cities[np.arange(n) % 12], np.repeat(["DE", "NO", "FR"], [6, 4, 2])
    frame = pd.DataFrame({"city": city, "country": country[np.arange(n) % 12]}).astype("str")
    whole = TableEncoder(min_count=5).fit(frame)
    assert any(isinstance(rule, FunctionOf) for rule in whole.constraints_)
    frame.loc[:1, "city"] = ["Kaff", "Nest"]
    frame.loc[6:7, "city"] = ["Sted", "Bygd"]
    encoder = TableEncoder(min_count=5).fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame))
    assert back["country"].equals(frame["country"])
    by_hand = TableEncoder(min_count=5, constraints=[FunctionOf("country", "city")])
    with pytest.raises(ValueError, match="of the table with rare categories merged"):
        by_hand.fit(frame)
    with pytest.raises(ValueError, match="of the table with rare categories merged"):
        by_hand.set_params(constraints=[OneOf("city", sorted(set(frame["city"])))]).fit(frame)


@pytest.mark.parametrize("kind", [*KINDS, "ordered"])
def test_no_rare_category_is_in_the_file(tmp_path, kind):
    entries = KINDS.get(kind, pd.Series(pd.Categorical(RARE, sorted(set(RARE)), ordered=True)))
    frame = table(entries, land=pd.Series(RARE).map({"Kleinstadt": "X"}).fillna("Y"))
    encoder = TableEncoder(min_count=3)
    pipe = make_generative_pipeline(encoder, FlowMatcher(max_steps=2, random_state=0))
    skgen.save(pipe.fit(frame), tmp_path / "m")
    # JSON escapes other letters.
    for text in ("Kleinstadt", "Dörfchen", "rfchen"):
        assert not holds(tmp_path / "m", text)
    assert holds(tmp_path / "m", "Bonn")
    loaded = skgen.load(tmp_path / "m")
    pd.testing.assert_frame_equal(loaded.sample(20), pipe.sample(20))
    np.testing.assert_array_equal(loaded[0].transform(frame), encoder.transform(frame))


def test_rows_with_rare_categories_are_completed_and_scored():
    city = KINDS["categories"].copy()
    frame = table(city, w=2 * NUMBERS)
    pipe = make_generative_pipeline(
        TableEncoder(min_count=3), VQDiffusionBridge(max_steps=2, random_state=0)
    ).fit(frame)
    holes = frame.copy()
    holes.loc[0, "v"] = np.nan
    holes.loc[5:20, "city"] = np.nan
    filled = pipe.impute(holes, random_state=0)
    observed = holes["city"].notna()
    assert filled.loc[observed, "city"].tolist() == holes.loc[observed, "city"].tolist()
    assert set(filled.loc[~observed, "city"]) <= {"Bonn", "Oslo", "other"}
    assert filled.notna().all(axis=None)
    assert np.isfinite(pipe.score_samples_encoded(frame)).all()
    drawn = pipe.sample(5, given={"v": 0.5}, random_state=0)
    assert (drawn["v"] == 0.5).all()


def test_the_imputer_completes_tables_with_rare_categories():
    frame = table(KINDS["texts"], land=pd.Series(RARE).str[:1])
    frame.loc[40:80, "city"] = None
    model = make_generative_pipeline(
        TableEncoder(min_count=3), VQDiffusionBridge(max_steps=2, random_state=0)
    )
    filled = GenerativeImputer(model, random_state=0).fit_transform(frame)
    observed = frame["city"].notna()
    assert filled["city"].notna().all()
    assert filled.loc[observed, "city"].tolist() == frame.loc[observed, "city"].tolist()


@pytest.mark.parametrize("identifiers", ["drop", "fake"])
def test_what_is_withheld_is_no_shortfall_of_the_model(identifiers, monkeypatch):
    """The end of a fit compares what was learnt, column by column."""
    compared = []
    monkeypatch.setattr(
        "skgen.shortfalls.shortfalls", lambda rows, drawn: compared.append((rows, drawn))
    )
    monkeypatch.setattr("skgen.base.MAX_STEPS", 2)
    frame = table(KINDS["texts"])
    frame.insert(0, "key", [f"k{k:05d}" for k in range(N)])
    encoder = TableEncoder(min_count=3, identifiers=identifiers)
    small = {"hidden_units": 8, "n_steps": 2, "random_state": 0}
    make_generative_pipeline(encoder, FlowMatcher(**small)).fit(frame)
    ((rows, drawn),) = compared
    assert list(rows) == list(drawn) == ["city", "v"]
    assert set(rows["city"]) == {"Bonn", "Oslo", "other"}


# Identifiers


def word(letters, length):
    return "".join(RNG.choice(list(letters), length))


IDENTIFIERS = {
    "people": pd.Series(
        [f"{word('abcde', 5).title()} {word('abcde', 6).title()}" for _ in range(N)], dtype="str"
    ),
    "e-mails": pd.Series([f"{word('abcde', 5)}.{k % 9}@example.org" for k in range(N)]),
    "phones": pd.Series([f"+49 {word('123456', 3)} {word('123456', 6)}" for _ in range(N)]),
    "codes": pd.Series([f"{word('ABC', 2)}-{k:04d}" for k in range(N)], dtype=object),
    "short": pd.Series([f"{'ABCDEFGHIJKL'[k % 12]}{k // 12}" for k in range(N)]),
    "categories": pd.Series([f"{k:04d}" for k in range(N)]).astype("category"),
    "numbers": pd.Series(10**7 + RNG.permutation(10**6)[:N]),
    "counted": pd.Series(RNG.permutation(N)),
    "counted in 16 bits": pd.Series(RNG.permutation(N).astype(np.int16)),
    "counted with gaps": pd.Series([*range(N - 1), None], dtype="Int64"),
    "order_id": pd.Series(RNG.permutation(9 * N)[:N] * 1.0).where(np.arange(N) % 4 > 0),
    "Decimals": pd.Series([Decimal(k) for k in range(N)], dtype=object),
    "UUIDs": pd.Series([uuid.UUID(int=int(RNG.integers(2**62))) for _ in range(N)], dtype=object),
    "bytes": pd.Series([word("abcde", 9).encode() for _ in range(N)], dtype=object),
    "signs": pd.Series([f"{'#!?'[k % 3]}" * (k + 1) for k in range(N)], dtype=object),
}


@pytest.mark.parametrize("name", IDENTIFIERS)
def test_made_up_entries_are_different_and_none_is_real(name):
    column = IDENTIFIERS[name]
    made_up = MadeUp(column, name, name == "e-mails")
    n = 5000
    entries = made_up.entries(0, n)
    assert entries.is_unique
    assert not set(entries.astype(object)) & set(column.dropna().astype(object))
    kinds = {type(value) for value in column.dropna().astype(object)}
    assert {type(value) for value in entries.astype(object)} == kinds
    if name != "categories":
        assert entries.dtype == column.dtype
    # A part of a table has the entries that it has in the whole.
    pd.testing.assert_series_equal(made_up.entries(90, 40), entries[90:130].reset_index(drop=True))


def test_made_up_entries_have_the_form_of_real_ones():
    def entries(name, n=400):
        return MadeUp(IDENTIFIERS[name], name, name == "e-mails").entries(0, n)

    assert entries("people").str.fullmatch("[A-Z][a-z]{4} [A-Z][a-z]{5}").all()
    # Real addresses are of example.org here: the made-up ones are of another domain.
    assert entries("e-mails").str.fullmatch(r"[a-z]{5}\.\d@example\.com").all()
    assert entries("phones").str.fullmatch(r"\+\d\d \d{3} \d{6}").all()
    assert entries("codes").str.fullmatch(r"[A-Z]{2}-\d{4}").all()
    assert entries("numbers").between(10**7, 10**8 - 1).all()


def test_each_letter_is_as_frequent_as_any_other():
    """The first 26,000 entries: golden sections are spread more evenly than random numbers."""
    made = MadeUp(IDENTIFIERS["people"], "people", False).entries(0, 26_000)
    for place in (0, 3, 7):
        assert chisquare(made.str[place].str.lower().value_counts()).pvalue > 1e-4
        assert made.str[place].nunique() == 26


def test_a_dtype_that_holds_too_few_says_so():
    made_up = MadeUp(pd.Series(np.arange(100, dtype=np.int8)), "id", False)
    with pytest.raises(ValueError, match=r"'id' of dtype int8 has room for .* made-up numbers"):
        made_up.entries(0, 200)


def people(n=N):
    names = {name: IDENTIFIERS[name][:n] for name in ("people", "numbers")}
    return pd.DataFrame({"v": NUMBERS[:n], **names, "city": CITIES[:n]})


@pytest.mark.parametrize("identifiers", ["drop", "fake"])
def test_identifiers_are_told_and_nowhere_in_the_file(identifiers, tmp_path):
    frame = people()
    model = FlowMatcher(max_steps=2, random_state=0)
    pipe = make_generative_pipeline(TableEncoder(identifiers=identifiers), model)
    with pytest.warns(UserWarning, match=r"'people' \(names of people\), 'numbers' \(a number"):
        pipe.fit(frame)
    assert list(pipe[0].identifiers_) == ["people", "numbers"]
    drawn = pipe.sample(50)
    back = pipe[0].inverse_transform(pipe[0].transform(frame))
    pd.testing.assert_frame_equal(back[["v", "city"]], frame[["v", "city"]])
    skgen.save(pipe, tmp_path / "m")
    assert not any(holds(tmp_path / "m", name) for name in frame["people"])
    loaded = skgen.load(tmp_path / "m")
    pd.testing.assert_frame_equal(loaded.sample(50), drawn)
    if identifiers == "drop":
        assert list(drawn) == list(back) == ["v", "city"]
    else:
        assert list(drawn) == list(frame)
        for name in ("people", "numbers"):
            assert drawn[name].is_unique
            assert drawn[name].dtype == frame[name].dtype
            assert not set(drawn[name]) & set(frame[name])
    # Drawn rows, and rows without the columns, are rows of the table.
    whole = pipe.score_samples_encoded(frame)
    np.testing.assert_array_equal(pipe.score_samples_encoded(frame[["v", "city"]]), whole)
    assert np.isfinite(pipe.score_samples_encoded(drawn)).all()
    assert pipe[0].find_unseen(frame).shape == frame.shape


@pytest.mark.parametrize("checks", [[], [lambda frame: frame["v"] > 0]])
def test_rows_drawn_in_batches_are_numbered_on(checks):
    """Draws of two categories repeat each other; their made-up entries do not."""
    frame = people()
    encoder = TableEncoder(identifiers="fake", constraints=checks or None)
    frame["v"] = frame["v"].abs()
    pipe = make_generative_pipeline(encoder, FlowMatcher(max_steps=20, random_state=0)).fit(frame)
    whole = pipe.sample(300)
    assert whole["people"].is_unique
    parts = pd.concat(list(pipe.sample_batches(300, 70)), ignore_index=True)
    pd.testing.assert_frame_equal(parts, whole)
    pd.testing.assert_frame_equal(pipe.sample(40), whole[:40])


@pytest.mark.parametrize("identifiers", ["drop", "fake"])
def test_rows_with_identifiers_are_completed(identifiers):
    frame = people()
    frame["w"] = 1 - frame["v"]
    encoder = TableEncoder(identifiers=identifiers)
    model = VQDiffusionBridge(max_steps=2, random_state=0)
    pipe = make_generative_pipeline(encoder, model).fit(frame)
    holes = frame.copy()
    holes.loc[:3, "v"] = np.nan
    holes.loc[2:5, "people"] = None
    filled = pipe.impute(holes, random_state=0)
    assert list(filled) == list(frame)
    np.testing.assert_allclose(filled["v"] + filled["w"], 1, atol=1e-12)
    given = holes["people"].notna()
    pd.testing.assert_series_equal(filled.loc[given, "people"], holes.loc[given, "people"])
    if identifiers == "drop":
        assert filled.loc[~given, "people"].isna().all()
    else:
        assert not set(filled.loc[~given, "people"]) & set(frame["people"])
    narrow = holes[["v", "city", "w"]]
    pd.testing.assert_frame_equal(pipe.impute(narrow, random_state=0), filled[list(narrow)])
    drawn = pipe.sample(4, given={"city": "Bonn"}, random_state=0)
    assert list(drawn) == list(pipe.sample(1))
    assert (drawn["city"] == "Bonn").all()
    filled = GenerativeImputer(pipe, random_state=0).fit_transform(holes)
    assert filled["v"].notna().all()


def test_over_sampling_adds_rows_without_identifiers():
    frame = people()
    y = np.arange(N) % 5 == 0
    model = make_generative_pipeline(
        TableEncoder(identifiers="fake"), FlowMatcher(max_steps=2, random_state=0)
    )
    X, _ = GenerativeOverSampler(model, random_state=0).fit_resample(frame, y)
    assert X["people"].is_unique
    model.set_params(tableencoder__identifiers="drop")
    X, y = GenerativeOverSampler(model, random_state=0).fit_resample(frame, y)
    assert list(X) == ["v", "city"]
    assert len(X) == len(y) == 192


def test_arrays_come_back_as_arrays():
    rows = people().to_numpy(dtype=object)
    for identifiers, n_columns in (("drop", 2), ("fake", 4)):
        encoder = TableEncoder(identifiers=identifiers).fit(rows)
        back = encoder.inverse_transform(encoder.transform(rows))
        assert back.shape == (N, n_columns)
        assert back[:, [0, -1]].tolist() == rows[:, [0, -1]].tolist()
        np.testing.assert_array_equal(encoder.transform(back), encoder.transform(rows))


def test_frames_of_polars_have_made_up_entries():
    polars = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    frame = polars.from_pandas(people())
    pipe = make_generative_pipeline(
        TableEncoder(identifiers="fake"), FlowMatcher(max_steps=2, random_state=0)
    ).fit(frame)
    whole = pipe.sample(30)
    assert whole["people"].n_unique() == 30
    assert polars.concat(list(pipe.sample_batches(30, 7))).equals(whole)


def test_a_table_of_identifiers_alone_is_refused():
    with pytest.raises(ValueError, match="All columns of X look like identifiers"):
        TableEncoder(identifiers="drop").fit(people()[["people"]])


def test_a_rule_about_a_column_that_is_left_out_says_so():
    encoder = TableEncoder(identifiers="drop", constraints=[FunctionOf("city", "people")])
    with pytest.raises(ValueError, match="columns of identifiers left out"):
        encoder.fit(people())


def test_merged_identifiers_are_no_matter_of_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder = TableEncoder(min_count=2).fit(people().drop(columns="numbers"))
    assert encoder.identifiers_ == {}
