"""``skgen impute``: which entries it fills, what comes back as it was, and what it refuses."""

import contextlib
import io

import numpy as np
import pandas as pd
import pytest

from skgen.command_line import main

# Identifiers, marks, decimals and dates of another country; gaps in numbers, words and days.
TABLE = pd.DataFrame(
    {
        "id": [f"{i:04d}" for i in range(120)],
        "height": [f"{150 + i % 40},{i % 10}" for i in range(120)],
        "town": [["Ulm", "Köln", "Bonn"][i % 3] for i in range(120)],
        "since": [f"{1 + i % 28:02d}.{1 + i % 12:02d}.2023" for i in range(120)],
        "children": [str(i % 4) for i in range(120)],
    }
)
HOLES = {"height": [3, 50, 51], "town": [7, 50], "since": [9, 50], "children": [11, 12, 13]}


def run(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(word) for word in words])
    return status, out.getvalue(), err.getvalue()


def read(text):
    return pd.read_csv(io.StringIO(text), sep=";", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module", params=["vq-diffusion-bridge", "flow-matcher"])
def given(request, tmp_path_factory):
    """Give the file of a model, the file of its rows, and which entries are gaps."""
    folder = tmp_path_factory.mktemp("impute_command")
    table, gaps = TABLE.copy(), pd.DataFrame(False, index=TABLE.index, columns=TABLE.columns)
    for name, rows in HOLES.items():
        table.loc[rows, name], gaps.loc[rows, name] = "", True
    table.to_csv(folder / "rows.csv", sep=";", index=False)
    words = ["-o", folder / "rows.skgen", "--drop", "id", "--set", "max_steps=20", "-q"]
    status, _, err = run("fit", folder / "rows.csv", *words, "--model", request.param)
    assert (status, err) == (0, "")
    return folder / "rows.skgen", folder / "rows.csv", gaps


def test_gaps_are_filled_and_all_else_comes_back_as_it_was_written(given, tmp_path):
    model, rows, gaps = given
    status, said, err = run("impute", model, rows, "-o", tmp_path / "full.csv")
    assert (status, said, err) == (0, "", "")
    table = read(rows.read_text(encoding="utf-8"))
    full = read((tmp_path / "full.csv").read_text(encoding="utf-8"))
    assert list(full) == list(TABLE)
    assert full.where(~gaps).equals(table.where(~gaps))
    assert full.ne("").all(axis=None)
    # In the words, the decimals and the days of the table.
    assert full["height"].str.fullmatch(r"1\d\d,\d").all()
    assert full["town"].isin(TABLE["town"]).all()
    since = pd.to_datetime(full["since"], format="%d.%m.%Y")
    assert since.between("2023-01-01", "2023-12-31").all()
    assert full["children"].isin(list("0123")).all()


def test_several_draws_are_tables_one_below_the_other(given):
    model, rows, gaps = given
    status, text, err = run("impute", model, rows, "--draws", 3)
    assert (status, err) == (0, "")
    full = read(text)
    assert full["skgen_draw"].tolist() == np.repeat(["1", "2", "3"], len(TABLE)).tolist()
    draws = [part.iloc[:, :-1].reset_index(drop=True) for _, part in full.groupby("skgen_draw")]
    for draw in draws[1:]:
        assert draw.where(~gaps).equals(draws[0].where(~gaps))
        assert not draw.equals(draws[0])
    assert run("impute", model, rows, "--draws", 3)[1] == text
    assert run("impute", model, rows, "--draws", 3, "--seed", 5)[1] != text


def test_rows_that_were_not_learnt_are_filled_too(given, tmp_path):
    model, _, _ = given
    new = TABLE.iloc[:4].drop(columns="id").assign(town=["", "Ulm", "", "Bonn"], note="x = 1")
    new = new.rename(columns={"note": "self"})
    # A column that had no gap in fit can have one here, and the order of columns is free.
    new = new[["town", "self", "children", "since", "height"]]
    new.to_csv(tmp_path / "new.csv", sep=";", index=False)
    status, text, err = run("impute", model, tmp_path / "new.csv")
    assert (status, err) == (0, "")
    full = read(text)
    assert list(full) == list(new)
    assert full["town"].isin(TABLE["town"]).all()
    assert full.drop(columns="town").equals(new.drop(columns="town").reset_index(drop=True))


def test_the_condition_is_given_and_an_entry_never_seen_is_named(tmp_path):
    TABLE.drop(columns="id").to_csv(tmp_path / "rows.csv", sep=";", index=False)
    words = ["--condition", "town", "--set", "max_steps=20", "-q"]
    fitted = run("fit", tmp_path / "rows.csv", "-o", tmp_path / "rows.skgen", *words)
    assert (fitted[0], fitted[2]) == (0, "")
    new = TABLE.drop(columns="id").iloc[:3].assign(height=["", "", "160,5"])
    new.to_csv(tmp_path / "new.csv", sep=";", index=False)
    status, text, err = run("impute", tmp_path / "rows.skgen", tmp_path / "new.csv")
    assert (status, err) == (0, "")
    assert read(text).drop(columns="height").equals(new.drop(columns="height"))
    assert read(text)["height"].ne("").all()
    for town, what in [("Rom", "'Rom'"), ("", "a gap")]:
        new.assign(town=["Ulm", town, "Bonn"]).to_csv(tmp_path / "odd.csv", sep=";", index=False)
        status, text, err = run("impute", tmp_path / "rows.skgen", tmp_path / "odd.csv")
        assert (status, text) == (2, "")
        assert f"{what} of column 'town' in row 1" in err


def test_rows_without_a_gap_come_back_with_a_word(given):
    model, rows, gaps = given
    whole = rows.with_name("whole.csv")
    full = TABLE[~gaps.any(axis=1)]
    full.to_csv(whole, sep=";", index=False)
    status, text, err = run("impute", model, whole)
    assert status == 0
    assert "no gap" in err
    assert read(text).equals(full.reset_index(drop=True))


def test_a_score_leaves_the_other_columns_as_they_are(given):
    model, rows, gaps = given
    unlike = rows.with_name("held.csv")
    held = TABLE[~gaps.any(axis=1)].tail(20)
    held.to_csv(unlike, sep=";", index=False)
    status, text, _ = run("score", model, unlike, "-o", "-")
    assert status == 0
    scored = read(text)
    assert scored.drop(columns="skgen_score").equals(held.reset_index(drop=True))
    assert scored["skgen_score"].str.fullmatch(r"-?\d+,\d+").all()


def test_a_model_that_cannot_impute_says_so(tmp_path):
    angles = np.random.default_rng(0).uniform(0, 6, (80, 2)).round(3)
    pd.DataFrame(angles, columns=["a", "b"]).to_csv(tmp_path / "rows.csv", index=False)
    words = ["--set", "max_steps=2", "--set", "geometry=torus", "-q"]
    words += ["--model", "flow-matcher", "-o", tmp_path / "rows.skgen"]
    assert run("fit", tmp_path / "rows.csv", *words)[0] == 0
    status, text, err = run("impute", tmp_path / "rows.skgen", tmp_path / "rows.csv")
    assert (status, text) == (2, "")
    assert "imputes no gaps" in err
