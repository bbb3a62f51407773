"""The command line: what it understands, draws, scores, reports and refuses."""

import base64
import contextlib
import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import skgen
from skgen import FlowMatcher, TableEncoder, make_generative_pipeline
from skgen.command_line import fit, main, report
from skgen.command_line.models import known_models
from skgen.command_line.rows import predicted
from skgen.persistence import load_with_notes, save_with_notes
from skgen.table_files import TableWarning, in_words, looks_like_identifier, read_table
from skgen.training.net import StageNet

ROOT = Path(__file__).resolve().parents[2]
# A name that would be a formula to matplotlib, and a tag to a browser.
ODD = "<img src=x onerror=alert(1)> $a_{b$"
CITIES = ["Oslo", "Paris", "Rome"]
QUICK = ["--model", "flow-matcher", "--set", "max_steps=2", "--set", "n_steps=2"]


def people(n=100, seed=0):
    rng = np.random.default_rng(seed)
    age = rng.integers(17, 80, n)
    weight = np.round(rng.normal(70, 10, n), 1)
    weight[::9] = np.nan
    return pd.DataFrame(
        {
            "age": age,
            # A tenth, so that no seed makes one of them too rare to be learnt.
            "city": rng.permutation(np.resize(np.repeat(CITIES, [1, 3, 6]), n)),
            ODD: np.round(100 * age + rng.normal(0, 300, n), 2),
            "since": [f"2024-{m:02d}-{d:02d}" for m, d in rng.integers(1, 13, (n, 2))],
            "weight": weight,
            "zip": [f"0{v}" for v in rng.integers(1000, 1005, n)],
            "member": rng.random(n) < 0.5,
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("command_line")
    people().to_csv(folder / "people.csv", index=False)
    people(60, seed=1).to_csv(folder / "others.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def fitted(folder):
    """Give the file of a model, and what its fit said."""
    path = folder / "people.skgen"
    words = ["fit", folder / "people.csv", "-o", path, "--condition", "city", "--category", "zip"]
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(said):
        assert main([*map(str, words), *QUICK]) == 0
    return path, said.getvalue()


def run(*words):
    """Run a command; return its status, and what it wrote on both streams."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(word) for word in words])
    return status, out.getvalue(), err.getvalue()


def drawn(*words):
    status, out, err = run("sample", *words)
    assert (status, err) == (0, "")
    return pd.read_csv(io.StringIO(out), dtype={"zip": "str"}, parse_dates=["since"])


# What is understood


@pytest.mark.statistical
def test_fit_tells_what_it_understood_and_how_good_it_is(fitted):
    _, said = fitted
    assert "100 rows, 7 columns" in said
    assert re.search("column +taken as +gaps +example\n", said)
    table = people()
    age = table["age"]
    assert re.search(rf"age +whole numbers from {age.min()} to {age.max()} +{age[0]}\n", said)
    assert re.search(r"city +3 categories: Rome \(\d+\), .*the others are learnt given this", said)
    since = table["since"]
    assert re.search(f"since +dates from {since.min()} to {since.max()} +{since[0]}\n", said)
    assert re.search(r"weight +numbers from .* +12.0% +\d\d\.\d\n", said)
    assert re.search(r"zip +5 categories: 0100\d \(\d+\), ", said)
    assert re.search(r"member +2 categories: ", said)
    assert "learns 80 rows; 20 are held out" in said
    assert re.search(r"learnt in \d+ s, 3 steps", said)
    assert re.search(r"distinguishes new rows from held-out ones in \d+% of pairs", said)
    assert re.search(r"furthest off is the column '.*', by \d+%", said)


def test_columns_in_words():
    assert in_words(pd.Series([3, 3])) == "always 3"
    assert in_words(pd.Series([np.nan, np.nan])) == "empty"
    assert in_words(pd.Series([1.5, None, 2.0, 3.0])) == "numbers from 1.5 to 3; 25.0% missing"
    assert in_words(pd.Series(list("aabcd"))) == "4 categories: a (2), b (1), c (1), ..."
    assert in_words(pd.Series(pd.to_datetime(["2024-01-02", "2024-01-01"]))) == (
        "dates from 2024-01-01 to 2024-01-02"
    )
    assert looks_like_identifier(pd.Series(range(7, 27)))
    assert looks_like_identifier(pd.Series([f"k{i}" for i in range(20)]))
    assert not looks_like_identifier(pd.Series(np.linspace(0, 1, 20)))
    assert not looks_like_identifier(pd.Series(2 * np.arange(20)))
    assert not looks_like_identifier(pd.Series(["a", "b"] * 10))


def test_decimal_commas_are_read_where_commas_do_not_set_columns_apart(tmp_path):
    (tmp_path / "t.csv").write_text("a;b;c;d\n1,5;7;1,5;1,2,3\n-2,25;;x;4\n;3;2;5\n")
    with pytest.warns(TableWarning) as told:
        table = read_table(tmp_path / "t.csv", categories=["b"])
    first, second = (str(warning.message) for warning in told)
    assert "'c': 67% of the entries are numbers; because of others, such as 'x' in row 1" in first
    assert "'d': 67% of the entries are numbers; because of others, such as '1,2,3'" in second
    assert table["a"].tolist()[:2] == [1.5, -2.25]
    assert np.isnan(table["a"][2])
    assert table["b"].tolist()[::2] == ["7", "3"]
    # Not all are numbers: texts, as they stand.
    assert table["c"].tolist() == ["1,5", "x", "2"]
    assert table["d"].tolist() == ["1,2,3", "4", "5"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found(tmp_path, separator):
    text = "a,b\n1,x\n2,\n".replace(",", separator)
    (tmp_path / "t.csv").write_text("\ufeff" + text, encoding="utf-8")
    table = read_table(tmp_path / "t.csv")
    assert list(table) == ["a", "b"]
    assert table["b"].isna().tolist() == [False, True]


def test_only_whole_columns_of_dates_are_dates(tmp_path):
    columns = {"a": ["2024-01-05", None], "b": ["2024-01-05", "soon"], "c": ["12:30", "12:31"]}
    columns["d"] = ["2024-01-05", "2024-13-05"]
    pd.DataFrame(columns).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(TableWarning) as told:
        table = read_table(tmp_path / "t.csv")
    assert [re.search("column '(.)'", str(w.message))[1] for w in told] == ["b", "c", "d"]
    assert table["a"].tolist() == [pd.Timestamp("2024-01-05"), pd.NaT]
    assert [table[name].iloc[1] for name in "bcd"] == ["soon", "12:31", "2024-13-05"]


# What is drawn


@pytest.mark.statistical
def test_new_rows_are_like_the_table(fitted):
    table, rows = people(), drawn(fitted[0], "-n", 400)
    assert len(rows) == 400
    assert list(rows) == list(table)
    for name in ("city", "zip", "member"):
        assert set(rows[name]) <= set(table[name])
    for name in ("age", "weight", ODD):
        assert rows[name].dropna().between(table[name].min(), table[name].max()).all()
    assert rows["age"].dtype == int
    assert (rows["weight"].dropna() == rows["weight"].dropna().round(1)).all()
    assert rows["since"].between("2024-01-01", "2024-12-31").all()
    # A share p of 400 independent rows has a standard error of sqrt(p (1 - p) / 400): four of them,
    # and the values to condition on are drawn as often as they were learnt.
    stored = load_with_notes(fitted[0])[1]["condition"]
    assert stored["values"].tolist() == CITIES
    share = stored["shares"][2]
    assert abs((rows["city"] == "Rome").mean() - share) < 4 * np.sqrt(share * (1 - share) / 400)


def test_a_seed_gives_the_same_rows_on_the_screen_and_in_a_file(fitted, tmp_path):
    path = fitted[0]
    first = drawn(path, "-n", 5, "--seed", 3)
    assert first.equals(drawn(path, "-n", 5, "--seed", 3))
    assert not first.equals(drawn(path, "-n", 5))
    assert run("sample", path, "-n", 5, "--seed", 3, "-o", tmp_path / "new.csv") == (0, "", "")
    read = pd.read_csv(tmp_path / "new.csv", dtype={"zip": "str"}, parse_dates=["since"])
    assert first.equals(read)


def test_parquet_comes_and_goes(fitted, tmp_path):
    pytest.importorskip("pyarrow", reason="parquet needs pyarrow, which is not installed")
    assert run("sample", fitted[0], "-n", 30, "-o", tmp_path / "new.parquet") == (0, "", "")
    pd.testing.assert_frame_equal(
        read_table(tmp_path / "new.parquet"), drawn(fitted[0], "-n", 30), check_dtype=False
    )
    assert run("score", fitted[0], tmp_path / "new.parquet")[0] == 0


def test_a_condition_is_kept_in_its_place(fitted):
    rows = drawn(fitted[0], "-n", 5, "--condition", "Oslo")
    assert rows["city"].tolist() == ["Oslo"] * 5
    model = skgen.load(fitted[0])
    others = model.sample(5, condition="Oslo").drop(columns="member")
    pd.testing.assert_frame_equal(others, rows.drop(columns=["city", "member"]), check_dtype=False)


@pytest.mark.parametrize(("values", "value"), [([1, 2], "2"), ([0.25, 1.5, 3.125], "0.7")])
def test_numbers_to_condition_on(tmp_path, values, value):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=60), "c": rng.choice(values, 60)})
    table.to_csv(tmp_path / "t.csv", index=False)
    model = tmp_path / "t.skgen"
    fit = ["fit", tmp_path / "t.csv", "-o", model, "--condition", "c", "--held-out", 0, "-q"]
    assert run(*fit, *QUICK) == (0, "", "")
    status, out, _ = run("sample", model, "-n", 3, "--condition", value)
    rows = pd.read_csv(io.StringIO(out))
    assert status == 0
    assert rows["c"].tolist() == [float(value)] * 3
    assert len(rows["x"].unique()) == 3


def test_a_value_that_was_held_out_is_not_drawn(tmp_path):
    table = pd.DataFrame({"x": np.random.default_rng(0).normal(size=60), "c": ["often"] * 60})
    held = np.random.default_rng(0).permutation(60)[:20]
    table.loc[held[:2], "c"] = "seldom"
    table.to_csv(tmp_path / "t.csv", index=False)
    fit = ["fit", tmp_path / "t.csv", "-o", tmp_path / "m", "--condition", "c"]
    assert run(*fit, *QUICK)[0] == 0
    _, out, _ = run("sample", tmp_path / "m", "-n", 200)
    assert set(pd.read_csv(io.StringIO(out))["c"]) == {"often"}


def test_a_model_saved_in_python_is_drawn_from(tmp_path):
    model = FlowMatcher(max_steps=2, n_steps=2, random_state=0).fit(np.eye(3)[np.arange(30) % 3])
    skgen.save(model, tmp_path / "m.skgen")
    status, out, _ = run("sample", tmp_path / "m.skgen", "-n", 4)
    assert status == 0
    np.testing.assert_allclose(pd.read_csv(io.StringIO(out)), model.sample(4))
    # What is typed stands for text, or for the number or the boolean that reads so.
    for values in (["a", "b"], ["1", "2"], [1, 2], [False, True]):
        model.fit(np.eye(3)[np.arange(30) % 3], condition=values * 15)
        skgen.save(model, tmp_path / "m.skgen")
        status, out, _ = run("sample", tmp_path / "m.skgen", "-n", 4, "--condition", values[1])
        assert status == 0
        wanted = model.sample(4, condition=values[1])
        np.testing.assert_allclose(pd.read_csv(io.StringIO(out)), wanted)
    status, _, err = run("score", tmp_path / "m.skgen", "x.csv")
    assert status == 2
    assert "was not written by 'skgen fit'" in err


# Privacy


def visitors(path, n=200, n_rare=3):
    rng = np.random.default_rng(0)
    city = rng.choice(["Bonn", "Oslo"], n).astype(object)
    city[:n_rare] = "Kleinstadt"
    frame = pd.DataFrame(
        {
            "patient": [f"{'ABC'[k % 3]}{k:05d}" for k in rng.permutation(99999)[:n]],
            "age": rng.integers(20, 90, n),
            "weight": rng.normal(70, 9, n).round(1),
            "city": city,
        }
    )
    frame.to_csv(path, index=False)
    return frame


@pytest.mark.parametrize("identifiers", ["drop", "fake"])
def test_what_a_table_says_of_people_is_merged_left_out_or_made_up(tmp_path, identifiers):
    path, model, new = (tmp_path / name for name in ("t.csv", "m.skgen", "new.csv"))
    frame = visitors(path)
    words = ["--min-count", 10, "--identifiers", identifiers]
    status, said, err = run("fit", path, "-o", model, *QUICK, *words)
    assert status == 0, err
    done = {"drop": "left out", "fake": "made up"}[identifiers]
    assert f"an identifier: {done}" in told_of(said, "patient")
    assert "'patient'" not in said.partition("check:")[2]
    data = model.read_bytes()
    assert b"Kleinstadt" not in data
    assert not any(name.encode() in data for name in frame["patient"])
    assert run("sample", model, "-n", 500, "-o", new)[0] == 0
    drawn = pd.read_csv(new)
    assert set(drawn["city"]) <= {"Bonn", "Oslo", "other"}
    if identifiers == "drop":
        assert list(drawn) == ["age", "weight", "city"]
    else:
        assert drawn["patient"].str.fullmatch(r"[A-Z]\d{5}").all()
        assert drawn["patient"].is_unique
        assert not set(drawn["patient"]) & set(frame["patient"])
    status, said, err = run("score", model, path)
    assert status == 0, err
    assert "score:" in said
    status, _, err = run("report", model, path, "-o", tmp_path / "r.html", "-q")
    assert status == 0, err
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Kleinstadt" not in page
    assert "are true of exactly one training row" in page
    assert "training rows are distinguished from held-out ones" in page
    status, said, _ = run("inspect", model)
    assert status == 0
    made_up = {"drop": "nothing: it is left out", "fake": "the form of its entries"}[identifiers]
    assert f"column 'patient': {made_up}" in said
    assert re.search(r"column 'age': steps: the least, 2\d, and the largest, 8\d, exactly", said)
    assert re.search(r"column 'city': categories: 3 as they are: '\w+', '\w+', 'other'", said)
    assert "table: 200 rows, of which 20 were held out" in said
    status, said, _ = run("inspect", model, "--json")
    parts = json.loads(said)
    assert {"part", "holds"} == set(parts[0])
    assert parts[0]["part"] == "file"


def test_a_rare_value_to_condition_on_is_not_merged(tmp_path):
    path = tmp_path / "t.csv"
    visitors(path, n_rare=8).drop(columns="patient").to_csv(path, index=False)
    words = [*QUICK, "--condition", "city", "--min-count"]
    status, _, err = run("fit", path, "-o", tmp_path / "m", *words, 10)
    assert status == 2
    assert "1 values of --condition 'city' have fewer rows than --min-count 10" in err
    status, _, err = run("fit", path, "-o", tmp_path / "m", *words, 2)
    assert status == 0, err
    status, said, _ = run("inspect", tmp_path / "m")
    assert "column 'city': the condition: 3 values as they are" in said
    assert run("inspect", tmp_path / "none")[0] == 2


def test_the_report_says_what_attacks_found():
    found = {"train": 0.2, "test": 0.1, "n_predicates": 2000, "gain_interval": (0.08, 0.12)}
    area = {"auc": 0.9, "auc_interval": (0.85, 0.95)}
    (text,) = report.judgement(0.5, [], [], attacks=(found, area))
    assert "20.0% are true of exactly one training row and 10.0% of exactly one" in text
    assert "+8.0% to +12.0% more" in text
    assert "some training rows are singled out" in text
    assert "in\n90% of pairs, between 85% and 95%" in text
    assert "more than a guess" in text
    found["gain_interval"], area["auc_interval"] = (-0.01, 0.01), (0.48, 0.54)
    (text,) = report.judgement(0.5, [], [], attacks=(found, area))
    assert "Chance may explain it." in text
    assert "A guess may be as good." in text


# Tables of other programs


def learnt_from(folder, text, *words, encoding="utf-8"):
    """Learn a table; return what fit said, what it warned of, and five rows as they are written."""
    path, model = folder / "t.csv", folder / "t.skgen"
    path.write_bytes(text.encode(encoding))
    quick = [*QUICK, "--held-out", 0, "--force"]
    status, said, err = run("fit", path, "-o", model, *quick, *words)
    assert status == 0, err
    warned = re.findall("^skgen fit: warning: .*", err, re.MULTILINE)
    status, rows, _ = run("sample", model, "-n", 40)
    assert status == 0
    return said, warned, rows.splitlines()


def told_of(said, name):
    """Return the line of a column in the table that fit prints."""
    return re.search(f"^  {re.escape(name)} .*", said, re.MULTILINE)[0]


def test_rows_are_written_as_the_table_was(tmp_path):
    text = "ort;tag;umsatz;alter;rabatt\n" + "".join(
        f'"{"ABC"[i % 3]};x";{13 + i % 15}.0{1 + i % 9}.2024;{1000 + 37 * i:,}'.replace(",", ".")
        + f",50 €;{'?' if i % 5 == 0 else 20 + i};{i % 9},5%\n"
        for i in range(40)
    )
    said, warned, rows = learnt_from(tmp_path, text)
    assert warned == []
    assert "(?)" not in said
    assert re.search(r"numbers from 1000.5 to 2443.5 +1\.000,50 €", told_of(said, "umsatz"))
    assert re.search(r"whole numbers from 21 to 59 +20\.0% \('\?'\) +21", told_of(said, "alter"))
    assert rows[0] == "ort;tag;umsatz;alter;rabatt"
    pattern = r'"[ABC];x";\d\d\.0\d\.2024;[12]\.\d{3},\d0 €;(\?|\d\d);\d,5%'
    assert [row for row in rows[1:] if not re.fullmatch(pattern, row)] == []
    # The same in a file, in its encoding.
    _, _, rows = learnt_from(tmp_path, text, encoding="cp1252")
    assert run("sample", tmp_path / "t.skgen", "-n", 40, "-o", tmp_path / "new.csv")[0] == 0
    assert (tmp_path / "new.csv").read_bytes().decode("cp1252").splitlines() == rows


def test_drawn_days_and_codes_are_days_and_codes(tmp_path):
    days = pd.date_range("2023-01-05", periods=80, freq="3D").strftime("%Y%m%d")
    text = "day,zip,v\n" + "".join(f"{day},{i * 131:05d},{i / 8}\n" for i, day in enumerate(days))
    said, _, rows = learnt_from(tmp_path, text)
    assert "dates from 2023-01-05 to" in told_of(said, "day")
    assert "--numbers zip" in told_of(said, "zip")
    drawn = [row.split(",") for row in rows[1:]]
    pd.to_datetime([row[0] for row in drawn], format="%Y%m%d", errors="raise")
    assert {row[1] for row in drawn} <= {f"{i * 131:05d}" for i in range(80)}


def test_corrections_are_flags(tmp_path):
    text = "zip,when,land,v,note\n" + "".join(
        f"{3 * i:03d},0{1 + i % 9}/0{1 + i % 8}/2024,{('NA', 'DE')[i % 2]},"
        f"{'x' if i % 7 else i},n{i}\n"
        for i in range(40)
    )
    said, warned, _ = learnt_from(tmp_path, text)
    assert warned == []
    for name, flag in (
        ("zip", "--numbers zip"),
        ("when", "--dates when=DMY"),
        ("land", "--gap land=NA"),
        ("note", "--drop 'note'"),
    ):
        assert re.search(rf"\(\?\) .*{flag}", told_of(said, name))
    flags = ["--numbers", "zip", "--dates", "when=DMY", "--gap", "land=NA", "--gap", "x"]
    said, _, rows = learnt_from(tmp_path, text, *flags, "--drop", "note")
    assert "(?)" not in said
    assert "from 2024-01-01 to 2024-08-08" in told_of(said, "when")
    assert "50.0% ('NA')" in told_of(said, "land")
    assert "whole numbers from 0 to 35" in told_of(said, "v")
    assert rows[0] == "zip,when,land,v"
    # Without the table, what is doubtful is told by warnings; of the file as a whole always.
    _, warned, _ = learnt_from(tmp_path, "# by a program\n" + text, "-q")
    assert len(warned) == 5
    assert "Columns look like identifiers or personal data: 'zip'" in warned[4]
    assert "1 line above the header left out: '# by a program'" in warned[0]
    assert re.search("column 'zip': zeros in front.*: --numbers zip.$", warned[1])


def test_a_declared_category_keeps_every_word(tmp_path):
    text = "land,v\n" + "".join(f"{('NA', 'None', 'null')[i % 3]},{i}\n" for i in range(60))
    said, _, rows = learnt_from(tmp_path, text, "--category", "land")
    line = told_of(said, "land")
    assert all(f"{word} (20)" in line for word in ("NA", "None", "null"))
    assert "%" not in line
    assert {row.split(",")[0] for row in rows[1:]} <= {"NA", "None", "null"}


def test_identifiers_of_64_bits_name_a_way_out(tmp_path):
    ids = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 80)
    text = "id,v\n" + "".join(f"{i},{k / 8}\n" for k, i in enumerate(ids))
    said, warned, rows = learnt_from(tmp_path, text)
    assert warned == []
    assert "--drop id" in told_of(said, "id")
    assert {int(row.split(",")[0]) for row in rows[1:]} <= set(ids.tolist())


def test_formulas_are_written_safely_unless_asked_for(tmp_path):
    text = "word,v\n" + "".join(f"=A{i % 2},{-i}\n" for i in range(40))
    _, _, rows = learnt_from(tmp_path, text)
    assert {row.split(",")[0] for row in rows[1:]} <= {"'=A0", "'=A1"}
    assert any(row.split(",")[1].startswith("-") for row in rows[1:])
    _, out, _ = run("sample", tmp_path / "t.skgen", "--keep-formulas")
    assert {row.split(",")[0] for row in out.splitlines()[1:]} <= {"=A0", "=A1"}


def test_a_model_saved_by_an_earlier_version_is_fitted_again(numeric, tmp_path):
    model, notes = load_with_notes(numeric[2])
    del notes["format"]
    save_with_notes(model, notes, tmp_path / "m")
    assert run("sample", tmp_path / "m")[0] == 0
    status, _, err = run("score", tmp_path / "m", numeric[1])
    assert status == 2
    assert "another version of skgen; fit the table again" in err


# What is scored


@pytest.fixture(scope="module")
def numeric(folder):
    """Give a table of numbers with decimals, its file, and that of a model of it."""
    table = pd.DataFrame(
        np.random.default_rng(0).normal(5, 3, (90, 2)).round(3), columns=["a", "b"]
    )
    path, model = folder / "numeric.csv", folder / "numeric.skgen"
    table.to_csv(path, index=False)
    assert run("fit", path, "-o", model, "--held-out", 0, "-q", *QUICK) == (0, "", "")
    return table, path, model


def test_floats_alone_are_scored_in_their_units(numeric, tmp_path):
    table, path, model = numeric
    status, out, err = run("score", model, path, "-o", tmp_path / "scored.csv")
    assert status == 0
    assert "this is the training table" in err
    assert "in the units of the table" in out
    # The encoder divides by powers of two, which a model that standardises does not notice.
    alone = FlowMatcher(max_steps=2, n_steps=2, random_state=0).fit(table)
    scored = pd.read_csv(tmp_path / "scored.csv")
    np.testing.assert_allclose(scored["skgen_score"], alone.score_samples(table), rtol=1e-6)
    assert f"score: {scored['skgen_score'].mean():.4g} nats a row" in out
    pipe = make_generative_pipeline(TableEncoder(), clone_of(alone)).fit(table * 1000)
    assert pipe.score(table * 1000) == pytest.approx(alone.score(table) - 2 * np.log(1000))


def clone_of(model):
    return FlowMatcher(**model.get_params())


@pytest.mark.statistical
def test_mixed_tables_are_scored_as_encoded(fitted, tmp_path):
    people(600, seed=1).to_csv(tmp_path / "others.csv", index=False)
    words = ["score", fitted[0], tmp_path / "others.csv", "-o", tmp_path / "scored.csv"]
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    share = float(re.search(r"distinguished: ([\d.]+)% of pairs", out)[1])
    # Two steps learn little: over 20 seeds the share is 84%, with a spread of 2.3. The floor is
    # 50%, with a standard error of 100 / sqrt(12 * 300) = 1.7.
    assert 84 - 4 * 2.3 < share <= 100
    assert "of the encoded rows" in out
    table = read_table(tmp_path / "others.csv", categories=["zip"])
    pipe = skgen.load(fitted[0])
    encoded = pipe[:-1].transform(table.drop(columns="city"))
    scores = pipe[-1].score_samples(encoded, condition=table["city"].to_numpy())
    np.testing.assert_allclose(pd.read_csv(tmp_path / "scored.csv")["skgen_score"], scores)


def test_rows_with_entries_never_seen_are_counted_and_left_out(tmp_path):
    text = "city,age,v\n" + "".join(f"c{i % 4},{20 + i % 9},{i / 8}\n" for i in range(80))
    learnt_from(tmp_path, text)
    other = text.replace("c1,21,0.125", "c9,21,0.125").replace("c2,22,0.25", "c2,,0.25")
    (tmp_path / "other.csv").write_text(other)
    words = ["score", tmp_path / "t.skgen", tmp_path / "other.csv", "-o", tmp_path / "scored.csv"]
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    assert (
        "left out of the score: 2 of 80 rows, with an entry that is not in the training rows, "
        "such as 'c9' of column 'city' in row 1\n"
    ) in out
    scores = pd.read_csv(tmp_path / "scored.csv")["skgen_score"]
    assert np.flatnonzero(scores.isna()).tolist() == [1, 2]
    assert f"score: {scores.mean():.4g} nats a row" in out
    # The table itself has nothing new.
    assert "left out" not in run("score", tmp_path / "t.skgen", tmp_path / "t.csv")[1]
    (tmp_path / "none.csv").write_text(text.replace("c", "d").replace("dity", "city"))
    status, _, err = run("score", tmp_path / "t.skgen", tmp_path / "none.csv")
    assert status == 2
    assert "each row of" in err


def test_a_condition_never_seen_is_left_out_of_the_score(fitted, folder, tmp_path):
    others = pd.read_csv(folder / "others.csv", dtype="str")
    others.loc[3, "city"] = "Lima"
    others.to_csv(tmp_path / "o.csv", index=False)
    status, out, _ = run("score", fitted[0], tmp_path / "o.csv")
    assert status == 0
    assert "1 of 60 rows, with an entry that is not in the training rows, such as 'Lima'" in out


# What is reported


class _Links(HTMLParser):
    """What a page would load or run."""

    def __init__(self):
        super().__init__()
        self.pictures, self.links, self.scripts = [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "img":
            self.pictures.append(attrs["src"])
            assert attrs["alt"]
        self.links += [attrs[name] for name in ("href", "srcset", "action") if name in attrs]
        self.scripts += [name for name in attrs if name.startswith("on")]
        if tag in ("script", "link", "iframe", "object", "embed"):
            self.scripts.append(tag)


@pytest.fixture(scope="module")
def page(fitted, folder):
    path = folder / "report.html"
    status, out, err = run(
        "report", fitted[0], folder / "people.csv", "-o", path, "--rows", 40, "-q"
    )
    assert (status, out, err) == (0, "", "")
    return path


def test_the_page_holds_all_it_shows(page):
    text = page.read_text(encoding="utf-8")
    links = _Links()
    links.feed(text)
    assert links.links == links.scripts == []
    assert "url(" not in text
    # Columns, correlations, pairs, training.
    assert len(links.pictures) == 4
    for source in links.pictures:
        kind, _, data = source.partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data).startswith(b"\x89PNG")


def test_the_page_says_what_was_compared(page):
    text = page.read_text(encoding="utf-8")
    assert "20 rows of people.csv that fit held out, 40 generated rows" in text
    assert "FlowMatcher(max_steps=2, n_steps=2, random_state=0)" in text
    assert "80 rows, 7 columns" in text
    for meaning in report.MEANINGS.values():
        assert meaning in text
    assert "<td>&lt;img src=x onerror=alert(1)&gt; $a_{b$</td>" in text
    assert "<td>city</td>" in text


def test_the_page_speaks_the_words_of_the_table():
    table = pd.DataFrame(
        {
            "day": pd.to_datetime(["2024-01-01", None]),
            "noon": pd.to_datetime(["2024-01-01 12:00", "2024-01-02 00:00"]),
            "price": [1450.25, np.nan],
            "count": [14_500_000, 3],
            "small": [1e-05, 2.5],
            "took": pd.to_timedelta([1, 2], "D"),
            "paid": [True, False],
        }
    )
    cells = report._html_table(list(table), report._first_rows(table))
    assert re.findall("<td[^>]*>(.*?)</td>", cells) == [
        *("2024-01-01", "2024-01-01 12:00:00", "1450.25", "14500000", "0.00001", "1 days", "True"),
        *("", "2024-01-02", "", "3", "2.5", "2 days", "False"),
    ]
    assert [report._figure(v, 4) for v in (145000.0, 1450.26, 3.14159)] == [
        "145000",
        "1450",
        "3.142",
    ]


def test_the_page_says_what_generated_rows_teach():
    rng = np.random.default_rng(0)
    sizes = rng.normal(size=300)
    rows = pd.DataFrame({"size": sizes, "tall": np.where(sizes > 0, "yes", "no"), "id": range(300)})
    learnt, unseen, drawn = rows[:100], rows[100:200], rows[200:]
    told = predicted(learnt, unseen, drawn)
    usual = float((unseen["tall"] == learnt["tall"].mode()[0]).mean())
    assert (told["column"], told["n_rows"], told["usual"]) == ("tall", 100, usual)
    assert told["real"] > 0.9
    assert told["fake"] > 0.9
    assert predicted(learnt, unseen, drawn.assign(tall="no")) is None
    assert predicted(*(part[["size", "id"]] for part in (learnt, unseen, drawn))) is None
    text = report.judgement(0.5, [], [], {**told, "column": "<tall>", "fake": 0.5, "real": 0.75})[
        -1
    ]
    assert "100 generated rows predict &lt;tall&gt; right in 50% of held-out real" in text
    assert "100 real ones, in 75%" in text


def test_rows_that_were_not_learnt_tell_nothing_of_copies(fitted, folder, tmp_path, monkeypatch):
    seen = {}

    def told(X_train, X_test, X_fake, **options):
        seen.update(train=len(X_train), test=len(X_test), fake=len(X_fake))
        names = list(report.MEANINGS)
        columns = {"value": 0.5, "floor": 0.25, "verdict": "no different from real rows"}
        frame = pd.DataFrame(columns, index=names)
        frame.loc["near_copies", "verdict"] = "copies of training rows: 50%, not 1%"
        return frame

    monkeypatch.setattr(report, "sample_report", told)
    path = tmp_path / "r.html"
    words = ["report", fitted[0], folder / "others.csv", "-o", path, "--rows", 30]
    status, out, _ = run(*words)
    assert status == 0
    assert str(path) in out
    assert seen == {"train": 30, "test": 30, "fake": 30}
    text = path.read_text(encoding="utf-8")
    assert "are taken as held out" in text
    assert report.MEANINGS["near_copies"] not in text
    assert "No measure finds a difference" in text
    words = ["report", fitted[0], folder / "people.csv", "-o", path, "--rows", 30, "-q"]
    assert run(*words)[0] == 2
    assert run(*words, "--force") == (0, "", "")
    assert "<strong>1 of 9 measures find a difference" in path.read_text(encoding="utf-8")


def test_the_page_holds_no_row_of_the_table_unless_asked_for(fitted, folder, page, tmp_path):
    report = ["report", fitted[0], folder / "people.csv", "-o", tmp_path / "r.html", "-q"]
    assert run(*report, "--rows", 20, "--show-rows") == (0, "", "")
    texts = [path.read_text(encoding="utf-8") for path in (page, tmp_path / "r.html")]
    first = f'<tr class=right><td class="number">{people()["age"][0]}</td>'
    secret = np.format_float_positional(people()[ODD][0], 8, fractional=False)
    assert [first in text and secret in text for text in texts] == [False, True]
    assert ["Rows of the table" in text for text in texts] == [False, True]
    assert all("Generated rows" in text for text in texts)


def chromium():
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        pytest.skip("needs Chromium to open the page, and none is installed")
    return found


def test_a_browser_shows_the_page(page, tmp_path):
    browser = chromium()
    # The page as it is, but for a script that is let in to tell what the browser made of it.
    script = """<script nonce="check">
    window.onerror = () => { document.body.dataset.failed = 1 };
    addEventListener("load", () => {
      const images = [...document.images];
      const told = { images: images.length, shown: images.filter(i => i.naturalWidth > 99).length,
        loaded: performance.getEntriesByType("resource").filter(
          e => !e.name.startsWith("data:")).length,
        failed: document.body.dataset.failed || 0 };
      document.title = JSON.stringify(told);
    });</script></head>"""
    text = page.read_text(encoding="utf-8")
    policy = "default-src 'none'"
    assert policy in text
    text = text.replace(policy, policy + "; script-src 'nonce-check'").replace("</head>", script)
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command += [profile, (tmp_path / "page.html").as_uri()]
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert dumped.returncode == 0, dumped.stderr
    title = re.search(r"<title>(.*?)</title>", dumped.stdout)[1]
    assert title == '{"images":4,"shown":4,"loaded":0,"failed":0}'


# What is refused


REFUSED = {
    "no file": ("fit {folder}/none.csv -o m", "there is no file '.*none.csv'"),
    "no model": ("fit {csv} -o m --model flow", "no model 'flow'; did you mean flow-matcher"),
    "no parameter": (
        "fit {csv} -o m --set max_step=3",
        "no parameter 'max_step'; did you mean max_",
    ),
    "bad value": (
        "fit {csv} -o m --set max_steps=0 -q --category zip",
        "'max_steps' parameter .* Got 0 instead",
    ),
    "own option": ("fit {csv} -o m --set random_state=3", "option of its own: --seed"),
    "no value": ("fit {csv} -o m --set max_steps", "must be name=value, got 'max_steps'"),
    "no column": ("fit {csv} -o m --drop agee", "no column 'agee'; did you mean age"),
    "no folder": ("fit {csv} -o {folder}/none/m", "there is no folder .*none"),
    "a folder": ("report {model} {csv} -o {folder}", "it is a folder; name a file in it"),
    "the table itself": ("score {model} {csv} -o {csv}", "would replace what is read"),
    "gap in condition": ("fit {csv} -o m --condition weight", "'weight' has a gap in row 0"),
    "date as condition": ("fit {csv} -o m --condition since", "'since' is a date"),
    "share": ("fit {csv} -o m --held-out 2", "a share from 0 to 0.5, got '2'"),
    "seed": ("fit {csv} -o m --seed x", "an integer from 0 to 2.* got 'x'"),
    "one row": ("fit {folder}/one.csv -o m", "has 1 row, too few"),
    "no rows": ("fit {folder}/none_but_head.csv -o m", "has a header and no rows"),
    "empty": ("fit {folder}/empty.csv -o m", "empty.csv is no table: No columns"),
    "no text": ("fit {folder}/bytes.csv -o m", "bytes.csv is no text in UTF-8"),
    "infinite": (
        "fit {folder}/infinite.csv -o m -q",
        "column 'a' has 'inf' in row 1, and numbers must be finite; --gap a=inf would do",
    ),
    "no rows asked": ("sample {model} -n 0", "-n: must be an integer of at least 1, got '0'"),
    "half a row": ("sample {model} -n 1.5", "-n: must be an integer of at least 1, got '1.5'"),
    "unknown city": ("sample {model} --condition Olso", "never 'Olso'; did you mean Oslo"),
    "no condition": ("sample {numeric} --condition 3", "fitted without --condition"),
    "damaged": ("sample {folder}/damaged.skgen", "damaged, or cut off"),
    "not a model": ("sample {csv}", "Cannot load '.*people.csv': it is no file of skgen"),
    "no such model": ("sample {folder}/none.skgen", "there is no file '.*none.skgen'"),
    "lacks columns": ("score {model} {folder}/numeric.csv", "lacks the columns 'age', 'city'"),
    "text for a number": (
        "score {numeric} {folder}/text.csv",
        "'a' has 'x' in row 1, and the model",
    ),
    "nothing held out": ("report {numeric} {folder}/numeric.csv -o r", "no row .* was held out"),
    "few rows": ("report {model} {csv} -o r --rows 5", "--rows must be at least 20, got 5"),
    "no command": ("", "COMMAND"),
    "unknown command": ("fitt", "invalid choice: 'fitt'"),
}


@pytest.fixture(scope="module")
def broken(folder, fitted):
    (folder / "one.csv").write_text("a,b\n1,2\n")
    (folder / "none_but_head.csv").write_text("a,b\n")
    (folder / "empty.csv").write_text("")
    (folder / "bytes.csv").write_bytes(b"a,b\n\xff\xfe\x00,1\n")
    (folder / "infinite.csv").write_text("a\n1.5\ninf\n2.5\n")
    (folder / "text.csv").write_text("a,b\n1.5,1.5\nx,1.5\n")
    (folder / "damaged.skgen").write_bytes(fitted[0].read_bytes()[:-100])


@pytest.mark.parametrize(("words", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_told_in_one_line(broken, folder, fitted, numeric, words, message):
    names = {"csv": folder / "people.csv", "model": fitted[0], "numeric": numeric[2]}
    status, out, err = run(*words.format(folder=folder, **names).split())
    assert (status, out) == (2, "")
    assert re.fullmatch(r"skgen(?: \w+)?: error: [^\n]+\n", err), err
    assert re.search(message, err), err
    assert not Path("m").exists()


# What is written, and where


@pytest.fixture
def no_fit(monkeypatch):
    """Make it an error to train: what is refused is refused before."""

    def fit(*args, **kwargs):
        raise AssertionError("trained before the output was known to be writable")

    monkeypatch.setattr(skgen.GenerativePipeline, "fit", fit)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that takes no file")
@pytest.mark.parametrize("name", ["/proc/m.skgen", "/dev/null", "/dev/full", "-"])
def test_a_model_that_cannot_be_written_is_refused_before_training(folder, no_fit, name):
    status, out, err = run("fit", folder / "people.csv", "-o", name)
    assert (status, out) == (2, "")
    assert re.fullmatch(f"skgen fit: error: cannot write (the model to )?'{name}': [^\n]+\n", err)


def test_a_model_is_not_lost_where_the_disk_is_full_by_now(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    save, output = fit.save_with_notes, tmp_path / "m.skgen"

    def full(model, notes, path):
        if Path(path) == output:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        save(model, notes, path)

    monkeypatch.setattr(fit, "save_with_notes", full)
    status, _, err = run("fit", folder / "people.csv", "-o", output, *QUICK, "-q")
    assert status == 2
    kept = re.search(r"No space left on device; the model is in (.*/m\.skgen)\.", err)
    assert len(skgen.load(kept[1]).sample(3)) == 3


def test_what_is_read_is_not_replaced_by_another_name_of_it(folder, no_fit, fitted, tmp_path):
    text = (folder / "people.csv").read_bytes()
    link, second = tmp_path / "link", tmp_path / "second"
    link.symlink_to(folder / "people.csv")
    try:
        os.link(folder / "people.csv", second)
    except OSError:
        pytest.skip("the folder takes no second name of a file")
    for path in (link, second):
        for command in (["fit"], ["report", fitted[0]], ["score", fitted[0]]):
            status, _, err = run(*command, folder / "people.csv", "-o", path, "--force")
            assert status == 2
            assert "would replace what is read" in err
    assert (folder / "people.csv").read_bytes() == text


def test_what_exists_is_replaced_by_force_only(folder, no_fit, fitted, numeric, tmp_path):
    path = tmp_path / "there"
    path.write_text("mine")
    commands = {
        "fit": ["fit", folder / "people.csv"],
        "sample": ["sample", numeric[2], "-n", 3],
        "score": ["score", numeric[2], folder / "numeric.csv"],
        "report": ["report", fitted[0], folder / "people.csv", "--rows", 20],
    }
    for words in commands.values():
        status, out, err = run(*words, "-o", path)
        assert (status, out, path.read_text()) == (2, "", "mine")
        assert "there exists already; --force replaces it" in err
    assert run(*commands["sample"], "-o", path, "--force") == (0, "", "")
    assert len(pd.read_csv(path)) == 3


def test_a_dash_is_the_standard_output(numeric):
    assert run("sample", numeric[2], "-o", "-") == run("sample", numeric[2])


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX closes and diverts streams")
@pytest.mark.parametrize(
    ("stream", "message"),
    [(">&-", "the standard output is closed"), ("> /dev/full", "cannot write to the standard")],
)
def test_rows_are_not_lost_in_silence(numeric, stream, message):
    if "full" in stream and not Path("/dev/full").exists():
        pytest.skip("needs /dev/full, which is full at once")
    command = f'"{sys.executable}" -m skgen sample "{numeric[2]}" {stream}'
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 2
    assert re.fullmatch(f"skgen sample: error: {message}[^\n]+\n", ended.stderr), ended.stderr


def test_python_without_docstrings_runs_it(numeric):
    command = [sys.executable, "-OO", "-m", "skgen", "sample", numeric[2], "-n", "3"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == run("sample", numeric[2], "-n", 3)[1]


# Models, seeds, interruptions


def test_every_model_has_a_name():
    public = {name for name in skgen.__all__ if hasattr(getattr(skgen, name), "score_samples")}
    public -= {"GenerativePipeline"}
    assert {cls.__name__ for cls in known_models().values()} >= public
    assert set(known_models()) >= {
        "binary-latent-diffusion",
        "flow-matcher",
        "schrodinger-bridge-matcher",
        "variational-diffusion-ae",
        "vq-diffusion-bridge",
    }
    status, out, _ = run("models")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == list(known_models())


def test_the_parameters_of_a_model_are_listed():
    status, out, _ = run("models", "vq-diffusion-bridge")
    assert status == 0
    assert all(f"\n{name} : " in out for name in skgen.VQDiffusionBridge().get_params())
    assert "Attributes" not in out


def test_settings_are_typed(numeric, tmp_path):
    _, path, _ = numeric
    words = ["--set", "objective=likelihood", "--set", "lr=1e-3", "--set", "early_stopping=False"]
    words += ["--set", "max_steps=1", "--model", "variational-diffusion-ae", "--held-out", "0"]
    assert run("fit", path, "-o", tmp_path / "m", "-q", *words) == (0, "", "")
    model = skgen.load(tmp_path / "m")[-1]
    assert (model.objective, model.lr, model.early_stopping) == ("likelihood", 1e-3, False)


def test_ctrl_c_keeps_the_model_and_the_checkpoint(numeric, tmp_path, monkeypatch):
    _, path, _ = numeric
    words = ["--model", "flow-matcher", "--set", "max_steps=30", "--held-out", 0, "-q"]
    assert run("fit", path, "-o", tmp_path / "whole", *words)[0] == 0

    step, checkpoint = StageNet.train_step, tmp_path / "fit.checkpoint"
    with monkeypatch.context() as patch:

        def interrupted(net, *args, **kwargs):
            if net.step_ == 15:
                raise KeyboardInterrupt
            return step(net, *args, **kwargs)

        patch.setattr(StageNet, "train_step", interrupted)
        words += ["--checkpoint", checkpoint]
        status, out, err = run("fit", path, "-o", tmp_path / "part", *words)
    assert (status, out) == (130, "")
    assert re.fullmatch(
        r"skgen fit: warning: interrupted after 15 steps; the model so far is in .*part \(.* MB\); "
        r"the same command goes on from the checkpoint\.\n",
        err,
    )
    assert len(skgen.load(tmp_path / "part").sample(3)) == 3
    assert checkpoint.exists()
    assert run("fit", path, "-o", tmp_path / "part", *words) == (0, "", "")
    resumed = run("sample", tmp_path / "part")
    assert resumed == run("sample", tmp_path / "whole")
    assert not checkpoint.exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a process")
def test_a_process_is_interrupted_by_ctrl_c(numeric, tmp_path):
    _, path, _ = numeric
    command = [sys.executable, "-m", "skgen", "fit", path, "-o", tmp_path / "m"]
    command += ["--model", "flow-matcher", "--set", "max_steps=1000000"]
    # A terminal, on which a long fit shows how far it has come.
    terminal, end = os.openpty()
    import termios

    termios.tcsetwinsize(end, (24, 80))
    process = subprocess.Popen(command, stderr=end, stdout=subprocess.DEVNULL)
    os.close(end)

    def read():
        try:
            return os.read(terminal, 4096)
        except OSError:
            # Linux says so where nobody writes any more.
            return b""

    # Before the first step there is nothing to keep.
    said, rest = b"", b""
    while not re.search(rb" [1-9]\d*/1000000 ", said):
        piece = read()
        assert piece, said
        said += piece
    process.send_signal(signal.SIGINT)
    while piece := read():
        rest += piece
    os.close(terminal)
    assert process.wait(timeout=300) == 130, rest
    assert b"Traceback" not in rest
    assert b"skgen fit: warning: interrupted after" in rest
    assert len(skgen.load(tmp_path / "m").sample(3)) == 3


def test_no_bar_is_written_to_a_file(numeric, fitted, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("skgen.progress.SHOWN_AFTER", 0.0)
    monkeypatch.setattr("skgen.metrics._report.N_SPLITS", 4)
    monkeypatch.setattr("skgen.metrics._report.N_CLASSIFIED", 2)
    assert run("fit", numeric[1], "-o", tmp_path / "m", *QUICK)[2] == ""
    words = ["report", fitted[0], folder / "others.csv", "-o", tmp_path / "r.html", "--rows", 30]
    assert run(*words)[2] == ""
    # The same on a terminal.
    monkeypatch.setattr("skgen.progress.is_watched", lambda: True)
    words.append("--force")
    assert "report" in run(*words)[2]
    assert run(*words, "-q")[2] == ""


def test_the_console_script_is_main():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(project["scripts"]) == {"skgen"}
    module, name = project["scripts"]["skgen"].split(":")
    assert getattr(import_module(module), name) is main
