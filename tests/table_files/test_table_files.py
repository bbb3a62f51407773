"""Tables in files: what columns are taken for, what is told and refused, and what is written."""

import csv
import io
import warnings

import numpy as np
import pandas as pd
import pytest

from skgen.table_files import (
    TableError,
    TableFormat,
    TableWarning,
    open_table,
    read_table,
    table_text,
    write_table,
)


def file_of(folder, text, encoding="utf-8", name="table.csv"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def column_file(folder, entries, separator=",", name="x"):
    """Write a column beside one of whole numbers, in quotes where they are needed."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerows([[name, "row"], *([entry, i] for i, entry in enumerate(entries))])
    return file_of(folder, out.getvalue())


def same(file, text):
    """Tell whether a table is written as it stands in a file."""
    return table_text(file.table, file.format) == text


def told(file):
    return [doubt.say(flags=True) for doubt in file.doubts]


# Numbers

NUMBERS = {
    "whole": (",", ["1", "-20", "300"], [1, -20, 300]),
    "thousands by commas": (",", ["1,000.50", "999.25", "1,234,567.00"], [1000.5, 999.25, 1234567]),
    "thousands by commas, whole": (",", ["1,000", "12,345", "7"], [1000, 12345, 7]),
    "dollars": (",", ["$1,037.25", "$999.00", "-$5.50"], [1037.25, 999, -5.5]),
    "dollars before the sign": (",", ["$5.50", "$-7.25"], [5.5, -7.25]),
    "euros behind": (";", ["1.037,25 €", "999,00 €", "-5,50 €"], [1037.25, 999, -5.5]),
    "pounds": (",", ["£12", "£1,500"], [12, 1500]),
    "rupees": (",", ["₹1,23,456.50", "₹12,34,567.00", "₹999.25"], [123456.5, 1234567, 999.25]),
    "a code of currency": (",", ["EUR 12.50", "EUR 7.00"], [12.5, 7]),
    "a code behind": (";", ["12,50 CHF", "7,05 CHF"], [12.5, 7.05]),
    "a word of currency": (";", ["1 250,50 kr", "99,00 kr"], [1250.5, 99]),
    "percent": (",", ["12.5%", "7.0%", "-3.5%"], [12.5, 7, -3.5]),
    "percent with a blank and comma": (";", ["12,5 %", "7,0 %"], [12.5, 7]),
    "accounting": (",", ["(1,234.50)", "12.25", "(3.00)"], [-1234.5, 12.25, -3]),
    "accounting dollars": (",", ["($1,234.50)", "$12.25"], [-1234.5, 12.25]),
    "unicode minus": (",", ["\u22125.5", "6.5", "\u22120.5"], [-5.5, 6.5, -0.5]),
    "a minus behind": (",", ["12.50-", "3.25"], [-12.5, 3.25]),
    "decimal commas": (";", ["0,5", "-1,25", "3"], [0.5, -1.25, 3]),
    "points of thousands": (";", ["1.000,5", "22.000,25", "1,5"], [1000.5, 22000.25, 1.5]),
    "many points of thousands": ("\t", ["1.234.567", "2.345.678"], [1234567, 2345678]),
    "blanks of thousands": (";", ["1 234,5", "12 345,5"], [1234.5, 12345.5]),
    "hard blanks of thousands": (";", ["1\u00a0234,5", "12\u00a0345,5"], [1234.5, 12345.5]),
    "narrow blanks": (";", ["1\u202f234", "12\u202f345"], [1234, 12345]),
    "apostrophes": (",", ["1'234.50", "987.25"], [1234.5, 987.25]),
    "curly apostrophes": (";", ["1’234.50", "987.25"], [1234.5, 987.25]),
    "powers of ten": (",", ["1.5e-05", "2.5e+10", "3.5"], [1.5e-5, 2.5e10, 3.5]),
    "powers and commas": (";", ["1,5E+03", "2,5E-02"], [1500, 0.025]),
    "a point in front": (",", [".5", "-.25"], [0.5, -0.25]),
    "fractions of thousands": (",", ["0.125", "1.250", "10.500"], [0.125, 1.25, 10.5]),
    "fractions behind semicolons": (";", ["0.125", "1.250", "10.500"], [0.125, 1.25, 10.5]),
    "a plus": (",", ["+1.5", "-1.5"], [1.5, -1.5]),
    "a dash for no cents": (",", ["5.-", "1'200.--", "-3.-"], [5, 1200, -3]),
    "a dash behind a comma": (";", ["1.200,- €", "7,50 €", "-3,\u2013 €"], [1200, 7.5, -3.0]),
}


@pytest.mark.parametrize(("separator", "entries", "values"), NUMBERS.values(), ids=NUMBERS)
def test_numbers_as_people_write_them(tmp_path, separator, entries, values):
    file = open_table(column_file(tmp_path, entries, separator))
    assert file.table["x"].tolist() == pytest.approx(values, rel=1e-15)
    assert file.table["x"].dtype == (int if all(isinstance(v, int) for v in values) else float)
    assert told(file) == []
    # What is written is read as the same.
    write_table(file.table, tmp_path / "again.csv", file.format)
    again = open_table(tmp_path / "again.csv", like=file.format)
    pd.testing.assert_frame_equal(again.table, file.table)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in NUMBERS
        if not name.startswith(("a point in", "a plus", "powers of ten", "a dash"))
    ],
)
def test_numbers_are_written_as_they_were(tmp_path, name):
    separator, entries, _ = NUMBERS[name]
    path = column_file(tmp_path, entries, separator)
    if name in ("decimal commas", "dollars before the sign", "powers and commas"):
        entries = entries[:2]
    file = open_table(path)
    read = list(csv.reader(io.StringIO(table_text(file.table, file.format)), delimiter=separator))
    written = [row[0] for row in read[1:]][: len(entries)]
    assert written == (["1500", "0,025"] if name == "powers and commas" else entries)


OPEN_MARKS = {
    "point in a file of semicolons": (";", ["1.000", "12.345"], None, [1000, 12345], "thousands"),
    "the other column has decimal commas": (";", ["1.000", "12.345"], "0,5", [1000, 12345], None),
    "the other column has decimal points": (";", ["1.000", "12.345"], "0.5", [1, 12.345], None),
    "comma in a file of semicolons": (";", ["1,234", "2,345"], None, [1.234, 2.345], "decimals"),
    "comma beside decimal points": (";", ["1,234", "2,345"], "0.5", [1234, 2345], None),
    "point in a file of tabs": ("\t", ["1.234", "2.345"], None, [1.234, 2.345], "decimals"),
    "comma in a file of commas": (",", ["1,234", "2,345"], None, [1234, 2345], None),
    "point in a file of commas": (",", ["1.234", "2.345"], None, [1.234, 2.345], None),
    "long numbers without it": (";", ["1.234", "20345"], None, [1.234, 20345], None),
}


@pytest.mark.parametrize(
    ("separator", "entries", "other", "values", "doubt"), OPEN_MARKS.values(), ids=OPEN_MARKS
)
def test_a_mark_that_may_be_of_thousands_is_read_as_the_file_has_it(
    tmp_path, separator, entries, other, values, doubt
):
    lines = [f'"{entry}"{separator}{other or "a"}' for entry in entries]
    path = file_of(tmp_path, "\n".join([f"x{separator}y", *lines]) + "\n")
    file = open_table(path)
    assert file.table["x"].tolist() == pytest.approx(values)
    if doubt is None:
        assert told(file) == []
    else:
        mark = entries[0][1]
        (text,) = told(file)
        assert f"'x': the mark {mark!r} is taken as one of {doubt}; if that is wrong" in text
        # The correction that it names makes it the other.
        right = text.split("--decimal ")[1].strip("'")
        corrected = open_table(path, decimal=right)
        assert told(corrected) == []
        factor = 1000 if doubt == "decimals" else 0.001
        assert corrected.table["x"].tolist() == pytest.approx([v * factor for v in values])


def test_numbers_that_do_not_go_together_are_told(tmp_path):
    for entries, text in (
        (["$5", "€6", "$7"], "numbers with '$', '€' beside them"),
        (["5%", "0.5", "7%"], "numbers with nothing, '%' beside them"),
        (["1,5", "2.5", "3,5"], "the marks in its numbers do not go together"),
        (["5 kg", "6 kg", "7.5 kg"], "numbers with 'kg' behind them"),
        ([f"{i}.5{'KM'[i % 2]}" for i in range(20)], "numbers with 'K', 'M' behind them"),
        (["5", "7", "<3", ">100", "12"], "60% of the entries are numbers; because of others"),
    ):
        file = open_table(column_file(tmp_path, entries))
        assert file.table["x"].tolist() == entries
        assert text in told(file)[0]
    file = open_table(column_file(tmp_path, ["5 kg", "6 kg", "7.5 kg"]), numbers=["x"])
    assert file.table["x"].tolist() == [5, 6, 7.5]
    assert table_text(file.table, file.format).split("\n")[1:3] == ["5 kg,0", "6 kg,1"]


def test_digits_that_are_names_stay_words(tmp_path):
    zips = [f"{i * 131:05d}" for i in range(60)]
    file = open_table(column_file(tmp_path, zips, name="zip"))
    assert file.table["zip"].tolist() == zips
    assert told(file) == [
        "column 'zip': zeros in front, as in '00000', so that it is taken as categories; if that "
        "is wrong: --numbers zip"
    ]
    assert open_table(tmp_path / "table.csv", numbers=["zip"]).table["zip"].tolist() == [
        i * 131 for i in range(60)
    ]
    # They are as long as dates.
    codes = [f"{i * 131:08d}" for i in range(60)]
    assert len(told(open_table(column_file(tmp_path, codes)))) == 1
    for names in (
        [str(2**62 + i * 977) for i in range(60)],
        [f"{4000000000000000 + i * 7919}" for i in range(60)],
        [str(-(2**62) + i * 977) for i in range(60)],
    ):
        file = open_table(column_file(tmp_path, names))
        assert file.table["x"].tolist() == names
        assert "--drop x" in told(file)[0]
    # Phones, of one length and all different, are numbers with a doubt.
    phones = [str(49170_0000000 + i * 97) for i in range(60)]
    assert "--category x" in told(open_table(column_file(tmp_path, phones)))[0]
    assert told(open_table(column_file(tmp_path, ["0", "1", "0", "2"]))) == []


def test_whole_numbers_with_gaps_are_whole(tmp_path):
    text = "age,v\n" + "".join(f"{'' if i % 5 == 0 else 20 + i},{i / 8}\n" for i in range(60))
    file = open_table(file_of(tmp_path, text))
    assert file.table["age"].dtype == "Int64"
    assert same(file, text)
    # What pandas wrote as floats comes out as floats.
    text = text.replace(",", ".0,", 61).replace("age.0", "age").replace("\n.0,", "\n,")
    file = open_table(file_of(tmp_path, text))
    assert file.table["age"].dtype == float
    assert same(file, text)


# Gaps

GAPS = [
    "#DIV/0!",
    "?",
    "-",
    "n/a",
    "N/A",
    "NA",
    "NULL",
    "null",
    "None",
    "NaN",
    "\\N",
    "#N/A",
    ".",
    "--",
    "k.A.",
]


@pytest.mark.parametrize("mark", GAPS)
def test_marks_of_gaps_among_numbers_and_dates(tmp_path, mark):
    numbers = [mark if i % 9 == 0 else str(20 + i) for i in range(40)]
    file = open_table(column_file(tmp_path, numbers))
    assert file.table["x"].dtype == "Int64"
    assert file.table["x"].isna().sum() == 5
    assert file.summary["gaps"][0] == f"12.5% ({mark!r})"
    assert told(file) == []
    assert table_text(file.table, file.format).split("\n")[1] == f"{mark},0"
    days = [mark if i % 9 == 0 else f"2024-05-{i % 28 + 1:02d}" for i in range(40)]
    column = open_table(column_file(tmp_path, days)).table["x"]
    assert column.isna().sum() == 5
    assert column[1] == pd.Timestamp("2024-05-02")


@pytest.mark.parametrize("word", ["NA", "None", "none", "n.a."])
def test_words_that_mark_gaps_elsewhere_stay_words_among_words(tmp_path, word):
    entries = [(word, "DE", "ZA")[i % 3] for i in range(60)]
    file = open_table(column_file(tmp_path, entries))
    assert file.table["x"].tolist() == entries
    correction = f"--gap {word.join(['x=', ''])}"
    assert told(file) == [
        f"column 'x': {word!r} (20) is taken as a category; if that is wrong: {correction}"
    ]
    for gaps in ({"x": [word]}, [word]):
        file = open_table(tmp_path / "table.csv", gaps=gaps)
        assert file.table["x"].isna().sum() == 20
        assert told(file) == []


@pytest.mark.parametrize("mark", ["?", "-", "n/a", "NULL", "null", "\\N", "#N/A", "NaN"])
def test_marks_of_gaps_among_words(tmp_path, mark):
    entries = [(mark, "red", "blue")[i % 3] for i in range(60)]
    file = open_table(column_file(tmp_path, entries))
    assert file.table["x"].isna().sum() == 20
    assert file.summary["gaps"][0] == f"33.3% ({mark!r})"
    # What is declared keeps all but empty fields.
    declared = open_table(tmp_path / "table.csv", categories=["x"])
    assert declared.table["x"].tolist() == entries
    assert told(declared) == []


def test_plus_and_minus_are_two_categories(tmp_path):
    entries = ["+", "-", "+", "+", "-"]
    assert open_table(column_file(tmp_path, entries)).table["x"].tolist() == entries


def test_an_infinite_number_is_refused_by_column_and_row(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1.5,x\n-Infinity,y\n2.5,z\n")
    message = r"column 'a' has '-Infinity' in row 1, and numbers must be finite; gaps=\{'a': \['-I"
    with pytest.raises(TableError, match=message):
        read_table(path)
    assert read_table(path, gaps={"a": ["-Infinity"]})["a"].isna().tolist() == [False, True, False]
    # Floats hold no number that large.
    path.write_text("a,b\n1e5,x\n1e400,y\n2.5,z\n")
    with pytest.raises(TableError, match="column 'a' has '1e400' in row 1, and numbers must be"):
        read_table(path)
    # Among words it is one.
    path.write_text("a,b\ninf,x\nsup,y\nmax,z\n")
    assert read_table(path)["a"].tolist() == ["inf", "sup", "max"]


def test_a_word_among_many_numbers_is_a_gap_and_told(tmp_path):
    entries = ["unbekannt" if i % 7 == 0 else str(i) for i in range(60)]
    file = open_table(column_file(tmp_path, entries))
    assert file.table["x"].isna().sum() == 9
    assert told(file) == [
        "column 'x': 'unbekannt' (9) is taken as a gap among numbers; if that is wrong: "
        "--category x"
    ]
    # Among few it is a code like them.
    entries = ["A" if i % 4 == 0 else str(i % 4) for i in range(60)]
    assert open_table(column_file(tmp_path, entries)).table["x"].tolist() == entries


MARKED = {
    "nines among ages": (["999"], [str(18 + i % 70) for i in range(90)]),
    "nine among yes and no": (["9"], [str(i % 2) for i in range(90)]),
    "two codes of a survey": (["98", "99"], [str(i % 5) for i in range(90)]),
    "both ends": (["-999", "9999"], [str(i) for i in range(90)]),
    "decimals": (["-999.0"], [f"{15 + i / 10}" for i in range(90)]),
    "the last day": (["9999-12-31"], [f"2023-04-{1 + i % 30:02d}" for i in range(90)]),
    "the first day": (["01.01.1900"], [f"{1 + i % 30:02d}.04.2023" for i in range(90)]),
}


@pytest.mark.parametrize(("marks", "others"), MARKED.values(), ids=MARKED)
def test_marks_far_from_all_others_are_told(tmp_path, marks, others):
    entries = [marks[i % len(marks)] if i % 9 == 0 else text for i, text in enumerate(others)]
    path = column_file(tmp_path, entries)
    file = open_table(path)
    # No entry is lost: only the owner knows what it stands for.
    assert file.table["x"].notna().all()
    kind = "date" if len(marks[0]) == 10 else "number"
    assert told(file) == [
        f"column 'x': '{mark}' ({entries.count(mark)}), far from all others, is taken as a {kind}; "
        f"if that is wrong: --gap x={mark}"
        for mark in marks
    ]
    again = open_table(path, gaps={"x": marks})
    assert again.table["x"].isna().tolist() == [text in marks for text in entries]
    assert told(again) == []
    # All gaps of a column are written alike.
    assert len(marks) > 1 or same(again, path.read_text())


@pytest.mark.parametrize(
    "entries",
    [
        ["0", "1000"] * 45,
        [str(i % 7) for i in range(90)],
        [str(int(2 ** (i / 6))) for i in range(90)],
        # Of one row, it may as well be right.
        ["9999" if i == 40 else str(i) for i in range(90)],
        # Half of them is no gap.
        ["100" if i % 2 else str(i % 3) for i in range(90)],
    ],
    ids=["two levels", "few levels", "a long tail", "a single row", "a half"],
)
def test_numbers_that_are_no_marks_are_not_told(tmp_path, entries):
    assert told(open_table(column_file(tmp_path, entries))) == []


def test_a_second_line_of_names_is_told(tmp_path):
    text = "mass,length\nkg,m\n" + "".join(f"{i * 1.5},{i * 2.25}\n" for i in range(1, 30))
    assert (
        "the first row has words above numbers, 'kg', 'm'"
        in told(open_table(file_of(tmp_path, text)))[0]
    )


def test_zeros_are_no_date(tmp_path):
    for zero, day in (("0000-00-00", "2024-02-0{}"), ("00.00.0000", "0{}.02.2024")):
        days = [zero if i % 5 == 0 else day.format(1 + i % 9) for i in range(40)]
        file = open_table(column_file(tmp_path, days))
        assert file.table["x"].isna().sum() == 8
        assert table_text(file.table, file.format).split("\n")[1] == f"{zero},0"


def test_true_and_false(tmp_path):
    text = "a,b,c\n" + "TRUE,true,t\nFALSE,,f\nTRUE,false,t\n"
    file = open_table(file_of(tmp_path, text))
    assert file.table["a"].tolist() == [True, False, True]
    assert file.table["a"].dtype == bool
    assert file.table["b"].dtype == "boolean"
    assert file.table["c"].tolist() == ["t", "f", "t"]
    assert same(file, text)


def test_columns_without_entries(tmp_path):
    text = "a,b,c\n" + "1,,NA\n2,,NA\n3,,NA\n"
    file = open_table(file_of(tmp_path, text))
    assert file.summary["taken as"].tolist() == ["whole numbers from 1 to 3", "empty", "empty"]
    assert same(file, text)


# Dates

DAYS = pd.to_datetime([f"2023-{1 + i % 12:02d}-{1 + i * 5 % 28:02d}" for i in range(40)])
DATES = {
    "ISO": "%Y-%m-%d",
    "ISO with slashes": "%Y/%m/%d",
    "German": "%d.%m.%Y",
    "British": "%d/%m/%Y",
    "American": "%m/%d/%Y",
    "American, dashes": "%m-%d-%Y",
    "compact": "%Y%m%d",
    "short German": "%d.%m.%y",
    "English": "%d-%b-%Y",
    "SAS": "%d%b%Y",
    "American in words": "%B %d, %Y",
    "English in words": "%d %B %Y",
    "Hungarian": "%Y. %m. %d.",
    "SAS with a time": "%d%b%Y:%H:%M:%S",
}


@pytest.mark.parametrize("form", DATES.values(), ids=DATES)
def test_dates_as_people_write_them(tmp_path, form):
    entries = DAYS.strftime(form).tolist()
    path = column_file(tmp_path, entries)
    file = open_table(path)
    assert file.table["x"].tolist() == DAYS.tolist()
    assert [text for text in told(file) if "two digits" not in text] == []
    assert same(file, path.read_text(encoding="utf-8"))


TIMES = {
    "ISO": ("%Y-%m-%d %H:%M:%S", ""),
    "ISO with T": ("%Y-%m-%dT%H:%M:%S", "Z"),
    "an offset": ("%Y-%m-%d %H:%M:%S", "+02:00"),
    "an offset in short": ("%Y-%m-%d %H:%M:%S", " -0530"),
    "a zone": ("%Y-%m-%d %H:%M", " UTC"),
    "Apache": ("%d/%b/%Y:%H:%M:%S", " -0530"),
    "Google Forms": ("%Y/%m/%d %I:%M:%S %p", " GMT+2"),
    "German": ("%d.%m.%Y %H:%M", ""),
    "American": ("%m/%d/%Y %I:%M %p", ""),
    "compact": ("%Y%m%d%H%M%S", ""),
    "with fractions": ("%Y-%m-%d %H:%M:%S.%f", ""),
}


@pytest.mark.parametrize(("form", "zone"), TIMES.values(), ids=TIMES)
def test_moments_as_people_write_them(tmp_path, form, zone):
    moments = DAYS + pd.to_timedelta(np.arange(40) * 3000 % 86400 // 60 * 60, unit="s")
    if "%f" in form:
        moments = moments + pd.Timedelta(microseconds=120_500)
    path = column_file(tmp_path, [text + zone for text in moments.strftime(form)])
    file = open_table(path)
    assert told(file) == []
    shift = {"+02:00": -120, " GMT+2": -120, " -0530": 330}.get(zone, 0)
    read = file.table["x"]
    if zone:
        read = read.dt.tz_convert("UTC").dt.tz_localize(None)
    assert read.tolist() == (moments + pd.Timedelta(minutes=shift)).tolist()
    assert same(file, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("entries", "first"),
    [
        (["1.2.2024", "13.12.2024", "5.10.2023"], "2024-02-01"),
        (["1/2/2024", "12/13/2024", "5/10/2023"], "2024-01-02"),
        (["1. Januar 2024", "13. März 2024", "5. Oktober 2023"], "2024-01-01"),
        (["5 de enero de 2024", "13 de marzo de 2024"], "2024-01-05"),
        (["03 janv. 2024", "14 févr. 2024", "05 août. 2024"], "2024-01-03"),
        (["Sept 5, 2024", "June 13, 2024", "July 1, 2023"], "2024-09-05"),
        (["1. Mrz 2024", "13. Okt 2024"], "2024-03-01"),
        (["5 janv. 2024", "13 mars 2024", "1 sept. 2023", "9 mai 2024"], "2024-01-05"),
        (["Jan. 5, 2024", "June 13, 2024", "Sept. 1, 2023"], "2024-01-05"),
        (["2024-01", "2024-12", "2023-07"], "2024-01-01"),
        (["01.2024", "12.2024", "07.2023"], "2024-01-01"),
        (["März 2024", "Mai 2023"], "2024-03-01"),
        (["2024年1月5日", "2024年12月15日"], "2024-01-05"),
        (["202401", "202312", "202407", "202308"], "2024-01-01"),
        (["2024-01-05 08:00", "2024-01-06", "2024-01-07 09:30"], "2024-01-05 08:00"),
    ],
)
def test_dates_of_varying_width_and_words(tmp_path, entries, first):
    path = column_file(tmp_path, entries)
    file = open_table(path)
    assert file.table["x"][0] == pd.Timestamp(first)
    assert same(file, path.read_text(encoding="utf-8"))


def test_the_order_of_dates_that_entries_leave_open_is_told(tmp_path):
    entries = ["03/04/2024", "05/06/2024", "07/08/2024"]
    file = open_table(column_file(tmp_path, entries))
    assert file.table["x"][0] == pd.Timestamp("2024-03-04")
    assert told(file) == [
        "column 'x': dates as month, day, year, which they do not show; if that is wrong: --dates "
        "x=DMY"
    ]
    file = open_table(tmp_path / "table.csv", dates={"x": "DMY"})
    assert file.table["x"][0] == pd.Timestamp("2024-04-03")
    assert told(file) == []
    # Another column of the file shows it, or its separator speaks for it.
    rows = [f"{entry},{20 + i}/01/2024" for i, entry in enumerate(entries)]
    file = open_table(file_of(tmp_path, "\n".join(["x,y", *rows]) + "\n"))
    assert file.table["x"][0] == pd.Timestamp("2024-04-03")
    assert told(file) == []
    file = open_table(column_file(tmp_path, [e.replace("/", ".") for e in entries], ";"))
    assert file.table["x"][0] == pd.Timestamp("2024-04-03")
    # Where all orders mean the same there is no doubt.
    assert told(open_table(column_file(tmp_path, ["01/01/2024", "02/02/2024"]))) == []


def test_what_is_no_date_is_told(tmp_path):
    for entries, text in (
        (["13/05/2024", "05/14/2024", "01/02/2024"], "is no date in the order of the others"),
        (["2024-01-05", "2024-13-05", "2024-02-30"], "is no date in the order of the others"),
        (["20240105 ", "20240587", "20241205"], ""),
        (["08:30", "12:15", "23:59"], "times of the day"),
        (["3 Mai 2024", "4 July 2024"], "'4 July 2024' in row 1 has a month in another language"),
        (["Mo, 01.02.2024", "Di, 02.02.2024"], "dates or times in a form not known"),
        (["2024-W01", "2024-W02"], "dates or times in a form not known"),
        (["45000", "02.01.2024", "03.01.2024"], "because of others, such as '45000' in row 0"),
        # A month of 13 makes numbers of all.
        (["01.2024", "13.2024"], ""),
    ):
        file = open_table(column_file(tmp_path, entries))
        assert not pd.api.types.is_datetime64_any_dtype(file.table["x"].dtype)
        assert text in " ".join(told(file))


def test_winter_and_summer_come_to_utc(tmp_path):
    entries = [f"2024-{3 + i % 3:02d}-15T12:00:00+0{1 + (i % 3 > 0)}:00" for i in range(40)]
    file = open_table(column_file(tmp_path, entries))
    assert file.table["x"][:2].tolist() == [
        pd.Timestamp("2024-03-15 11:00", tz="UTC"),
        pd.Timestamp("2024-04-15 10:00", tz="UTC"),
    ]
    assert "several offsets, brought to UTC" in told(file)[0]
    assert table_text(file.table, file.format).split("\n")[2] == "2024-04-15T10:00:00+00:00,1"
    words = [f"2024-0{3 + i % 5}-15 12:00 {'CET' if i % 5 == 0 else 'CEST'}" for i in range(40)]
    file = open_table(column_file(tmp_path, words))
    assert file.table["x"][1] == pd.Timestamp("2024-04-15 10:00", tz="UTC")
    assert table_text(file.table, file.format).split("\n")[2] == "2024-04-15 10:00 UTC,1"


def test_dates_far_away(tmp_path):
    path = column_file(tmp_path, ["9999-12-31", "2024-01-05", "1066-10-14"])
    file = open_table(path)
    assert [day.year for day in file.table["x"]] == [9999, 2024, 1066]
    assert same(file, path.read_text())


# Files


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "^", "~"])
def test_separators_within_quotes_do_not_count(tmp_path, separator):
    others = [s for s in ",;\t|" if s != separator][:3]
    lines = [separator.join(f'"Name{s} full{s} or not"' for s in others)]
    lines += [separator.join([f"n{i % 3}", str(i), f'"{i},5"']) for i in range(20)]
    file = open_table(file_of(tmp_path, "\n".join(lines) + "\n"))
    assert list(file.table) == [f"Name{s} full{s} or not" for s in others]
    assert file.table.iloc[:, 2].tolist() == [i + 0.5 for i in range(20)]
    assert file.format.file.separator == separator


def test_decimal_commas_are_no_separators(tmp_path):
    text = "a,x;b\n" + "".join(f"{i},5;{i},25\n" for i in range(20))
    file = open_table(file_of(tmp_path, text))
    assert list(file.table) == ["a,x", "b"]
    assert file.table["b"][3] == 3.25
    text = "name;age\n" + "".join(f"Smith{i % 9}, John;{i}\n" for i in range(20))
    assert open_table(file_of(tmp_path, text)).table["age"].tolist() == list(range(20))


@pytest.mark.parametrize(
    "columns", [["order", "amount", "kind"], ["a", "b"], ["x", "y", "z", "u", "v"]]
)
@pytest.mark.parametrize("surplus", [1, 3])
def test_empty_surplus_cells_are_left_out(tmp_path, columns, surplus):
    rows = [",".join(f"{name}{i % 3}" for name in columns) for i in range(20)]
    expected = [[f"{name}{i % 3}" for name in columns] for i in range(20)]
    for header in (",".join(columns), ",".join(columns) + "," * surplus):
        lines = [header, *(row + "," * surplus for row in rows)]
        file = open_table(file_of(tmp_path, "\n".join(lines) + "\n"))
        assert list(file.table) == columns
        assert file.table.to_numpy().tolist() == expected
        assert told(file) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age,income\n" + "20,1000,9\n" * 5, "line 2 has 3 cells and the header 2: '20,1000,9'"),
        ("a;b\n" + "x;y\n" * 30 + "x;y;z\n", "line 32 has 3 cells and the header 2"),
        ("a;b\n" + "20;1000;9\n" * 5, "line 2 has 3 cells and the header 2: '20;1000;9'"),
        ("a;b\n" + "1;0,5;9\n" * 5, "line 2 has 3 cells and the header 2: '1;0,5;9'"),
        ("a\tb\n" + "1\t2\t9\n" * 5, "line 2 has 3 cells and the header 2"),
        ("a|b\n" + "1|x|9\n" * 5, "line 2 has 3 cells and the header 2"),
        ("a;b\n1;x\n" + "1;x;9\n" * 20, "line 3 has 3 cells and the header 2"),
        ("a,b,\n1,2,3\n4,5,6\n", "line 2 has 3 cells and the header 2"),
        ("age\n20,1000\n21,1001\n", "line 2 has 2 cells and the header 1"),
        ('a,b\n"x\ny",1\nz,2,3\n', "line 4 has 3 cells and the header 2"),
        ("# by hand\na,b\n1,2\n3,4,5\n", "line 4 has 3 cells and the header 2"),
        ("a,b,c\n1,2,3\n1,the text\ngoes on,3\n4,5,6\n", "line 3 has 2 cells and the header 3"),
        ('a,b\n1,x\n2,y\n3,"z" u\n', "line 4 cannot be read, its quotes do not go together"),
    ],
)
def test_rows_that_do_not_go_with_the_header_are_refused_by_line(tmp_path, text, message):
    with pytest.raises(TableError, match=message.replace("(", r"\(")):
        open_table(file_of(tmp_path, text))


ABOVE = {
    "Excel's separator": ("sep=;\n", None),
    "Excel's separator in capitals": ("SEP=;\r\n", None),
    "Excel's separator, filled up": ("sep=;;;\n", None),
    "Excel's separator, filled up with others": ("sep=;,,\r\n", None),
    "Excel's separator in quotes, filled up": ('"sep=;",,\n', None),
    "a comment": ("# made by a program\n", "1 line above"),
    "comments": ("# made by a program\n# on a day; at night\n", "2 lines above"),
    "slashes": ("// made by a program\n", "1 line above"),
    "another mark": ("! made, by a program\n", "1 line above"),
    "a title": ("Sales of the year\n", "1 line above"),
    "a title and an empty line": ("Sales of the year\n\n", "1 line above"),
    "a title with cells": ("Sales of the year;;\n;;\n", "1 line above"),
    "names and values": ("Station;Berlin\nFrom;01.01.2024\n\n", "2 lines above"),
    "an empty line": ("\n", None),
}


@pytest.mark.parametrize(("above", "doubt"), ABOVE.values(), ids=ABOVE)
def test_what_stands_above_the_header_is_left_out_and_told(tmp_path, above, doubt):
    text = "age;income;sex\n" + "".join(f"{20 + i};{1000 + i};{'mf'[i % 2]}\n" for i in range(40))
    file = open_table(file_of(tmp_path, above + text))
    assert list(file.table) == ["age", "income", "sex"]
    assert file.table["income"].tolist() == list(range(1000, 1040))
    assert len(told(file)) == (doubt is not None)
    assert (doubt or "") in " ".join(told(file))
    assert table_text(file.table, file.format, newline="\n") == text


def test_a_separator_that_no_line_has_sets_nothing_apart(tmp_path):
    # Written by hand, or by a program whose rows go by another mark.
    file = open_table(file_of(tmp_path, "sep=;\na,b\n1,2.5\n2,3.5\n"))
    assert file.table.to_dict("list") == {"a": [1, 2], "b": [2.5, 3.5]}
    file = open_table(file_of(tmp_path, "sep=;\na\n1\n2\n"))
    assert file.table.to_dict("list") == {"a": [1, 2]}
    # No separator at all: the name of a column.
    assert list(open_table(file_of(tmp_path, "sep=a\n1\n2\n")).table) == ["sep=a"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_that_were_filled_up_with_another_separator_are_refused(tmp_path, end):
    for row in ("20;1000,,", "20;1000,5,"):
        text = end.join(["sep=;,,", "age;income,,", *[row] * 5]) + end
        with pytest.raises(TableError, match=r"line 1 says that ';' .* and it ends in ',,'"):
            open_table(file_of(tmp_path, text))


def test_a_header_may_begin_with_a_mark(tmp_path):
    for text in ("#id,name\n1,a\n2,b\n", "# x,y\n1.5,2\n3.5,4\n", "% done,y\n1.5,2\n3.5,4\n"):
        file = open_table(file_of(tmp_path, text))
        assert list(file.table) == text.split("\n")[0].lstrip("# ").split(",")
        assert len(file.table) == 2


@pytest.mark.parametrize("mark", ["#", "//", "%", ";", "!", "##"])
@pytest.mark.parametrize("comment", ["a unit, see log", "source, 2020", "one, two, three, four"])
def test_comments_among_rows_are_left_out_and_told(tmp_path, mark, comment):
    numbers = [f"{i},{i / 2}" for i in range(5)]
    words = [f"{'ab'[i % 2]},{'xyz'[i % 3]}" for i in range(10)]
    for rows in (numbers, words):
        plain = open_table(file_of(tmp_path, "\n".join(["k,v", *rows]))).table
        for at, end in ((0, "\n"), (4, "\r\n"), (len(rows), "\n")):
            lines = ["k,v", *rows[:at], f"{mark} {comment}", *rows[at:]]
            file = open_table(file_of(tmp_path, end.join(lines) + end))
            pd.testing.assert_frame_equal(file.table, plain)
            text = f"{mark} {comment}".replace(", ", ",")
            begin = mark.replace("##", "#")
            assert told(file) == [f"1 line that begins with {begin!r} left out: {text!r}"]


def test_comments_of_another_mark_than_that_on_top_and_of_other_files(tmp_path):
    text = "# top\na,b,c\n1,x,2\n// a note, and more\n2,y,3\n# other, note\n"
    file = open_table(file_of(tmp_path, text))
    assert file.table.to_numpy().tolist() == [[1, "x", 2], [2, "y", 3]]
    assert len(told(file)) == 3
    for text in ("a\n1\n2\n# a note, on it\n3\n", "a b c\n1 2 3\n# a note on it\n2 3 4\n3 4 5\n"):
        file = open_table(file_of(tmp_path, text))
        assert file.table["a"].tolist() == [1, 2, 3]
        assert len(told(file)) == 1


def test_entries_may_begin_with_marks_of_comments(tmp_path):
    for top in ("", "# made by a program\n"):
        for words in ("#one #two #three", "#12 #7 #1", "#\u00a0one %\u00a0two !\u00a0three"):
            rows = [[words.split(" ")[i % 3], i] for i in range(30)]
            text = "k,v\n" + "".join(f"{word},{i}\n" for word, i in rows)
            file = open_table(file_of(tmp_path, top + text))
            assert file.table.to_numpy().tolist() == rows
            assert len(told(file)) == bool(top)
    # Some rows, whose other cells go with the columns: data, and told.
    text = "figure,year\n# of shops,5\nsales,7\n% sold,8\ncost,4\nstaff,6\n"
    file = open_table(file_of(tmp_path, text + "# source: office, by phone\n"))
    assert file.table["figure"].tolist() == ["# of shops", "sales", "% sold", "cost", "staff"]
    out, *data = told(file)
    assert out == "1 line that begins with '#' left out: '# source: office,by phone'"
    assert [line.split(" (")[0] for line in data] == [
        f"1 line that begins with {mark!r} taken as data" for mark in "#%"
    ]


@pytest.mark.parametrize("mark", ["#", "//", "%"])
def test_a_comment_of_one_cell_is_no_row(tmp_path, mark):
    file = open_table(file_of(tmp_path, f"a;b\nx;1\n{mark} by hand\ny;2\nx;3\n"))
    assert file.table.to_dict("list") == {"a": ["x", "y", "x"], "b": [1, 2, 3]}
    assert told(file) == [f"1 line that begins with {mark!r} left out: '{mark} by hand'"]


@pytest.mark.parametrize("mark", ["#N/A", "#DIV/0!", "#VALUE!"])
def test_errors_of_a_spreadsheet_begin_no_comment(tmp_path, mark):
    file = open_table(file_of(tmp_path, f"# top\na,b\n1,2\n{mark},4\n5,6\n7,8\n"))
    assert file.table["a"].tolist() == [1, pd.NA, 5, 7]
    assert file.table["b"].tolist() == [2, 4, 6, 8]


def test_rows_that_all_lack_cells_are_no_footer(tmp_path):
    file = open_table(file_of(tmp_path, "weight,kg\n1.5\n2.5\n3.5\n"))
    assert file.table["weight"].tolist() == [1.5, 2.5, 3.5]
    assert "3 rows with fewer cells than the header" in told(file)[0]


def test_a_title_that_may_be_the_header_is_refused(tmp_path):
    rows = "Anna,Paris\nBert,Rome\nCora,Oslo\n"
    message = "line 2 has 2 cells and the header 1, which is its first line; a title has to be"
    with pytest.raises(TableError, match=message):
        open_table(file_of(tmp_path, "name\n" + rows))
    with pytest.raises(TableError, match="line 3 has 2 cells and the header 1"):
        open_table(file_of(tmp_path, "age\n\n20,1000\n21,1010\n"))
    # An empty line parts a title from a header.
    assert list(open_table(file_of(tmp_path, "People\n\nname,city\n" + rows)).table) == [
        "name",
        "city",
    ]


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("separator", [" ", "\t", ","])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_names_of_rows_without_a_name_in_the_header_are_refused(tmp_path, quote, separator, end):
    # As R writes.
    lines = [["a", "b", "c"], *([f"r{i}", str(i), f"{i / 2}", "xy"[i % 2]] for i in range(20))]
    quoted = [[cell if cell[0].isdigit() else quote + cell + quote for cell in x] for x in lines]
    text = end.join(map(separator.join, quoted)) + end
    message = "line 2 has 4 cells and the header 3: .* the header needs a name above that"
    with pytest.raises(TableError, match=message):
        open_table(file_of(tmp_path, text))


PROSE = {
    "sentences": ("a word", ["the cat sat", "the dog ran"]),
    "places": ("house street", ["Main Street 12", "Oak Street 5"]),
    "products": ("product name", ["iPhone 12 Pro", "Galaxy 20 Pro"]),
    "positions": ("north or south side", ["N 48.5 E 11.5 m", "S 47.5 E 10.5 m"]),
}


@pytest.mark.parametrize(("name", "entries"), PROSE.values(), ids=PROSE)
def test_a_column_of_words_with_blanks_is_one(tmp_path, name, entries):
    file = open_table(file_of(tmp_path, "\n".join([name, *entries * 5])))
    assert file.table.to_dict("list") == {name: entries * 5}
    assert told(file) == []
    # Distinct ones, as names of rows are.
    file = open_table(file_of(tmp_path, "\n".join([name, *entries])))
    assert file.table.to_dict("list") == {name: entries}


def test_a_blank_within_numbers_and_dates_is_no_separator(tmp_path):
    for name, entry, value in (
        ("total revenue", "{} 234 567", 1_234_567),
        ("first day", "{} May 2024", pd.Timestamp("2024-05-01")),
        ("first time", "2024-05-{} 10:00 PM", pd.Timestamp("2024-05-01 22:00")),
    ):
        lines = [name, *(entry.format(i) for i in range(1, 9))]
        file = open_table(file_of(tmp_path, "\n".join(lines)))
        assert file.table[name][0] == value


def test_quotes_that_do_not_go_together_are_letters_and_told(tmp_path):
    file = open_table(file_of(tmp_path, 'a,b\n1,"x" y\n2,z\n3,u\n'))
    assert file.table["b"].tolist() == ['"x" y', "z", "u"]
    assert "its quotes do not go together" in told(file)[0]


def test_what_stands_below_the_rows_is_left_out_and_told(tmp_path):
    text = "a;b;c\n" + "1;2;3\n" * 10
    for below, doubt in (
        ("Total rows: 10\n", "'Total rows: 10' below the rows left out"),
        ("\n(10 rows)\n", "'(10 rows)' below the rows left out"),
        (";;\n;;\n", "2 empty rows at the end left out"),
    ):
        file = open_table(file_of(tmp_path, text + below))
        assert len(file.table) == 10
        assert told(file) == [doubt]


DRAWN = {
    "psql": (" id | v\n----+-----\n", " {i} | {v}\n", "(12 rows)\n"),
    "MySQL": ("+----+-----+\n| id | v |\n+----+-----+\n", "| {i} | {v} |\n", "+----+-----+\n"),
    "SAP": ("List\n\n--------\n|id|v|\n--------\n", "|{i}|{v}|\n", "--------\n"),
    "Markdown": ("| id | v |\n|---|:-:|\n", "| {i} | {v} |\n", ""),
    "SQL Server": ("id,v\n--,-----\n", "{i},{v}\n", ""),
    "SQLite": ("id  v      w\n--  -----  -----\n", "{i}   {v}   1\n", ""),
    "one column": ("v\n-----\n", "{v}\n", ""),
}


@pytest.mark.parametrize(("above", "row", "below"), DRAWN.values(), ids=DRAWN)
def test_drawn_lines_are_no_rows(tmp_path, above, row, below):
    rows = "".join(row.format(i=i, v=i / 4) for i in range(12))
    file = open_table(file_of(tmp_path, above + rows + below))
    assert file.table["v"].tolist() == [i / 4 for i in range(12)]
    assert any("left out" in text and "--" in text for text in told(file))
    # Gaps are no lines.
    file = open_table(file_of(tmp_path, "v\n1\n---\n3\n"))
    assert file.table["v"].tolist() == [1, pd.NA, 3]


def test_a_header_that_comes_again_is_no_row(tmp_path):
    rows = "".join(f"x{i % 3},{i}\n" for i in range(12))
    file = open_table(file_of(tmp_path, f"a,b\n{rows}a,b\n{rows}"))
    assert file.table["b"].tolist() == [*range(12), *range(12)]
    assert told(file) == ["1 row with the names of the header left out"]


def test_a_first_line_of_entries_is_no_header(tmp_path):
    rows = "".join(f"{'pe'[i % 2]},{'xbf'[i % 3]},{'sy'[i // 3 % 2]}\n" for i in range(24))
    file = open_table(file_of(tmp_path, rows))
    assert len(file.table) == 24
    assert told(file) == ["there is no header: the first line is one of the rows"]
    assert list(open_table(file_of(tmp_path, "kind,p,q\n" + rows)).table) == ["kind", "p", "q"]


@pytest.mark.parametrize(
    ("last", "doubt"),
    [
        ("Summe;;7", "begins with 'Summe'"),
        (";;Total:", "begins with 'Total:'"),
        (";;78", "has the sum of the others in 'v'"),
        ("x;;78", "has the sum of the others in 'v'"),
        ("x;;77", None),
        ("Total;;77", None),
    ],
)
def test_a_row_of_totals_is_told(tmp_path, last, doubt):
    rows = "".join(f"{'x' if i % 2 else 'Total'};a;{i}\n" for i in range(13))
    rows = rows.replace("Total", "y") if last.startswith(("Summe", ";")) else rows
    file = open_table(file_of(tmp_path, f"k;a;v\n{rows}{last}\n"))
    texts = [text for text in told(file) if "the last row" in text]
    assert len(texts) == (doubt is not None)
    assert doubt is None or doubt in texts[0]


def test_one_column_that_may_be_several_is_told(tmp_path):
    for text, doubt in (
        ("a:b\n1:x\n2:y\n", "':' stands in its name and its entries; if that is wrong: --sep"),
        ('"a,""b"",c"\n"1,""x, y"",2"\n"3,""y, z"",4"\n', "',' stands in its name and its entries"),
        ("id   name\n1    x y\n3    z\n5  u v\n", "'  ' stands in its name and its entries"),
        ("  x     y\n" + "".join(f"{i:3d} {i / 4:5.2f}\n" for i in range(9)), "'  ' stands in"),
        ("score\n3:1\n0:2\n", None),
    ):
        file = open_table(file_of(tmp_path, text))
        assert file.table.shape[1] == 1
        assert len(told(file)) == (doubt is not None)
        assert doubt is None or doubt in told(file)[0]


def test_a_cell_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(TableError, match="a cell that begins in line 2 has more than 131072 let"):
        open_table(file_of(tmp_path, f"a,b\n1,{'x' * 200_000}\n"))


def test_a_backslash_before_a_quote_may_end_a_folder(tmp_path):
    text = "id,place,v\n" + "".join(f'{i},"C:\\new, {i % 2}\\",{i}\n' for i in range(10))
    file = open_table(file_of(tmp_path, text))
    assert len(file.table) == 10
    assert file.table["place"][1] == "C:\\new, 1\\"
    assert same(file, text)
    # Where quotes do not go together so, it escapes the quote.
    text = text.replace("C:\\new, 1\\", 'a \\"b\\", c').replace("C:\\new, 0\\", "d")
    assert open_table(file_of(tmp_path, text)).table["place"][1] == 'a "b", c'


def test_cells_that_lack_at_the_end_are_gaps_and_told(tmp_path):
    file = open_table(file_of(tmp_path, "a,b,c\n1,2,3\n4,5\n6,7,8\n"))
    assert file.table["c"].tolist() == [3, pd.NA, 8]
    assert "1 row with fewer cells than the header (row 1 has 2 of 3)" in told(file)[0]


def test_rows_without_a_header_are_rows(tmp_path):
    text = "".join(f"{i / 7:.2f},{i % 5},{'ab'[i % 2]}\n" for i in range(40))
    file = open_table(file_of(tmp_path, text))
    assert list(file.table) == ["column_1", "column_2", "column_3"]
    assert len(file.table) == 40
    assert told(file) == ["there is no header: the first line is one of the rows"]
    assert same(file, text)
    # Years and numbers of columns are names.
    for header in ("country,1990,1991,1992", "0,1,2,3"):
        text = header + "\n" + "".join(f"x,{i},{i * i},{i - 3}\n" for i in range(20))
        assert list(open_table(file_of(tmp_path, text)).table) == header.split(",")


def test_blanks_belong_neither_to_names_nor_to_values(tmp_path):
    text = "a, kind, day\n" + "".join(
        f"{i}, {'xy'[i % 2]}, 2024-05-{i + 1:02d}\n" for i in range(28)
    )
    file = open_table(file_of(tmp_path, text))
    assert list(file.table) == ["a", "kind", "day"]
    assert file.table["kind"][0] == "x"
    assert file.table["day"][27] == pd.Timestamp("2024-05-28")
    assert same(file, text)
    padded = "a   ;kind \n" + "".join(f"{i}  ; {'xy'[i % 2]}  \n" for i in range(20))
    file = open_table(file_of(tmp_path, padded))
    assert list(file.table) == ["a", "kind"]
    assert file.table["kind"].tolist() == ["x", "y"] * 10
    quoted = 'a, "b, c"\n1, "x, y"\n2, "z"\n'
    assert open_table(file_of(tmp_path, quoted)).table["b, c"].tolist() == ["x, y", "z"]


@pytest.mark.parametrize(
    ("encoding", "doubt"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", None),
        ("utf-16-le", None),
        ("utf-16-be", None),
        ("cp1252", "no text in UTF-8, and was read as Windows-1252, such as 'Köln'"),
    ],
)
def test_encodings(tmp_path, encoding, doubt):
    text = "city;n\n" + "Köln;1\nMálaga;2\n" * 5
    file = open_table(file_of(tmp_path, text, encoding))
    assert file.table["city"][:2].tolist() == ["Köln", "Málaga"]
    assert list(file.table) == ["city", "n"]
    assert len(told(file)) == (doubt is not None)
    assert (doubt or "") in " ".join(told(file))
    write_table(file.table, tmp_path / "again.csv", file.format)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "table.csv").read_bytes()


def test_an_encoding_can_be_given(tmp_path):
    path = file_of(tmp_path, "city,n\nŁódź,1\nKraków,2\n", "cp1250")
    assert open_table(path, encoding="cp1250").table["city"][0] == "Łódź"
    with pytest.raises(TableError, match="no encoding 'cp1'"):
        open_table(path, encoding="cp1")
    with pytest.raises(TableError, match="is no text in ascii"):
        open_table(path, encoding="ascii")
    path = file_of(tmp_path, "a,b\nx\0,1\n")
    with pytest.raises(TableError, match="is no text in UTF-8"):
        open_table(path)


def test_names_that_come_twice_are_numbered_and_told(tmp_path):
    file = open_table(file_of(tmp_path, "a,a,,a.1\n1,2,3,4\n5,6,7,8\n"))
    assert list(file.table) == ["a", "a.2", "Unnamed: 2", "a.1"]
    assert told(file) == ["several columns are named 'a'; the later ones were numbered"]


QUOTING = {
    "where needed": 'a,b,c\n1,x,"y, z"\n2,u,v\n',
    "words": '"a","b","c"\n1,"x","y, z"\n2,"u","v"\n',
    "all": '"a","b"\n"1","x"\n"2","y"\n',
    "names": '"a","b"\n1,x\n2,y\n',
    "quotes within": 'a,b\n1,"say ""x"""\n2,y\n',
    "lines within": 'a,b\n1,"x\ny"\n2,z\n',
    "semicolons": "a;b\n1;x,y\n2;z\n",
    "Windows": "a,b\r\n1,x\r\n2,y\r\n",
}


@pytest.mark.parametrize("text", QUOTING.values(), ids=QUOTING)
def test_quotes_come_out_as_they_were(tmp_path, text):
    file = open_table(file_of(tmp_path, text))
    assert same(file, text)


def test_quotes_tell_missing_entries_from_namibia(tmp_path):
    # As R writes: words in quotes, NA without.
    rows = [f'"{("NA", "DE", "ZA")[i % 3]}",{"NA" if i % 5 == 0 else i}' for i in range(30)]
    file = open_table(file_of(tmp_path, "\n".join(['"land","v"', *rows]) + "\n"))
    assert (file.table["land"] == "NA").sum() == 10
    assert file.table["v"].isna().sum() == 6
    rows = [f"{('NA', quote('DE'), quote('ZA'))[i % 3]},{i}" for i in range(30)]
    text = "\n".join(['"land","v"', *rows]) + "\n"
    file = open_table(file_of(tmp_path, text))
    assert file.table["land"].isna().sum() == 10
    assert told(file) == []
    assert same(file, text)


def quote(text):
    return f'"{text}"'


# Corrections


def test_corrections_are_kept_to(tmp_path):
    text = "a,b,c,d\n" + "".join(f"{i:03d},{i % 3},x{i},{i}?\n" for i in range(20))
    path = file_of(tmp_path, text)
    table = open_table(path, numbers=["a"], categories=["b"], drop=["c", "d"]).table
    assert table["a"].tolist() == list(range(20))
    assert table["b"].tolist() == [str(i % 3) for i in range(20)]
    assert list(table) == ["a", "b"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"numbers": ["c"]},
            "column 'c' has 'x0' in row 0, which is no number; gaps={'c': ['x0']}",
        ),
        ({"dates": ["c"]}, "column 'c' has 'x0' in row 0, which is no date; gaps={'c': ['x0']}"),
        ({"dates": {"day": "MDY"}}, "has '13.01.2024' in row 0, which is no date in the order MDY"),
        ({"dates": {"day": "DYM"}}, "said to be 'DYM'; it can be DMY, MDY, YMD"),
        ({"numbers": ["cc"]}, "has no column 'cc'; did you mean c"),
        ({"drop": ["dya"]}, "has no column 'dya'; did you mean day"),
        ({"numbers": ["a"], "categories": ["a"]}, "column 'a' is said to be two things"),
        ({"separator": ";;"}, "the separator is one character"),
        ({"decimal": ";"}, "the decimal mark can be '.' or ','"),
    ],
)
def test_corrections_that_cannot_be_are_refused(tmp_path, options, message):
    text = "a,c,day\n" + "".join(f"{i},x{i},{13 + i}.01.2024\n" for i in range(5))
    with pytest.raises(TableError) as error:
        open_table(file_of(tmp_path, text), **options)
    assert message in str(error.value)


def test_in_python_doubts_are_warnings_that_name_arguments(tmp_path):
    path = column_file(tmp_path, [f"{i:03d}" for i in range(20)], name="code")
    with pytest.warns(TableWarning, match=r"zeros in front.*: numbers=\['code'\]$"):
        read_table(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_table(path, categories=["code"])


def test_a_table_is_read_like_another(tmp_path):
    text = "zip;day;price;land\n" + "".join(
        f"{i:05d};{13 + i}.0{1 + i % 9}.2024;{i},5;{('NA', 'DE')[i % 2]}\n" for i in range(15)
    )
    format = open_table(file_of(tmp_path, text)).format
    again = TableFormat.of_state(format.state())
    assert again == format
    # By another program, and nothing in it that shows what it is.
    other = "price,land,zip,more,day\n1.25,NA,12345,x,2024-05-01\n?,DE,99999,y,2024-05-02\n"
    table = open_table(file_of(tmp_path, other), like=again).table
    assert table["zip"].tolist() == ["12345", "99999"]
    assert table["land"].tolist() == ["NA", "DE"]
    assert table["price"].tolist()[0] == 1.25
    assert table["day"].tolist() == list(pd.to_datetime(["2024-05-01", "2024-05-02"]))
    # What the other table lacks comes, too.
    assert table["more"].tolist() == ["x", "y"]
    with pytest.raises(TableError, match="'price' has 'x' in row 0, and the model learnt numbers"):
        open_table(file_of(tmp_path, other.replace("1.25", "x")), like=again)


# What is written


FORMULAS = ["=1+1", "=cmd|' /C calc'!A0", "+A1", "@SUM(A1)", "-A1+5"]


@pytest.mark.parametrize("word", FORMULAS)
def test_formulas_are_written_so_that_no_spreadsheet_runs_them(tmp_path, word):
    table = pd.DataFrame({"a": [word, "plain"], "n": [-5, 3]})
    assert table_text(table).split("\n")[1] == f"'{word},-5"
    assert table_text(table, keep_formulas=True).split("\n")[1] == f"{word},-5"
    # Read again, it is what it was.
    write_table(table, tmp_path / "t.csv")
    assert open_table(tmp_path / "t.csv").table["a"].tolist() == [word, "plain"]
    assert table_text(table.rename(columns={"a": word})).startswith(f"'{word},n")


@pytest.mark.parametrize("word", ["-5", "+5.5", "-", "-1,000", "-$5", "x=1", "a@b.org", "\u22125"])
def test_numbers_and_other_words_are_no_formulas(word):
    (row,) = csv.reader([table_text(pd.DataFrame({"a": [word], "b": [1]})).split("\n")[1]])
    assert row[0] == word


def test_a_new_column_has_the_decimal_mark_of_the_file(tmp_path):
    file = open_table(file_of(tmp_path, "a;b\n1,5;x\n2,5;y\n"))
    scored = file.table.assign(score=[0.25, np.nan])
    assert table_text(scored, file.format) == "a;b;score\n1,5;x;0,25\n2,5;y;\n"


def test_a_frame_of_python_is_written_as_csv(tmp_path):
    table = pd.DataFrame(
        {
            "day": pd.to_datetime(["2024-01-05", None]),
            "at": pd.to_datetime(["2024-01-05 12:30", "2024-01-05 00:00"]),
            "is": [True, False],
            "n": [1.5, np.nan],
            "word": ["x, y", None],
        }
    )
    assert table_text(table) == (
        'day,at,is,n,word\n2024-01-05,2024-01-05 12:30:00,True,1.5,"x, y"\n'
        ",2024-01-05 00:00:00,False,,\n"
    )
    assert table_text(pd.DataFrame({"a": [1, 2], "b": [None, "x"]})[["b"]]) == 'b\n""\nx\n'


# Workbooks and parquet


def test_a_workbook_is_read_as_what_it_shows(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="workbooks need openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Sales of the year"])
    sheet.append([])
    sheet.append(["zip", "day", "price", "n", "kind"])
    for i in range(20):
        day = pd.Timestamp("2024-01-05") + pd.Timedelta(days=i)
        row = [f"{i:05d}", day.to_pydatetime(), i + 0.25, None if i % 5 == 0 else i, "ab"[i % 2]]
        sheet.append(row)
    book.create_sheet("notes")
    book.save(tmp_path / "t.xlsx")
    file = open_table(tmp_path / "t.xlsx")
    assert list(file.table) == ["zip", "day", "price", "n", "kind"]
    assert file.table["zip"][1] == "00001"
    assert file.table["day"][19] == pd.Timestamp("2024-01-24")
    assert file.table["price"].tolist() == [i + 0.25 for i in range(20)]
    assert file.table["n"].dtype == "Int64"
    assert "the first of its 2 sheets was read" in " ".join(told(file))
    file.table["kind"] = "=1+1"
    write_table(file.table, tmp_path / "again.xlsx", file.format)
    again = open_table(tmp_path / "again.xlsx")
    pd.testing.assert_frame_equal(again.table, file.table)
    cell = openpyxl.load_workbook(tmp_path / "again.xlsx").active["E2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_what_needs_an_extra_names_it(tmp_path, monkeypatch):
    for module in ("openpyxl", "pyarrow"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(TableError, match=r"pip install 'scikit-gen\[excel\]'"):
        open_table(tmp_path / "t.xlsx")
    with pytest.raises(TableError, match=r"pip install 'scikit-gen\[excel\]'"):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "u.xlsx")


def test_parquet_keeps_its_types(tmp_path):
    pytest.importorskip("pyarrow", reason="parquet needs pyarrow")
    table = pd.DataFrame(
        {
            "n": [1, 2, 3],
            "day": ["2024-01-05", "2024-01-06", None],
            "code": ["007", "12", "5"],
            "zip": [1067, 80331, 10115],
            "kind": pd.Categorical(["a", "b", "a"]),
            "land": ["NA", None, "NULL"],
        }
    )
    table.to_parquet(tmp_path / "t.parquet")
    read = open_table(tmp_path / "t.parquet", categories=["zip"]).table
    assert read["day"].tolist() == [*pd.to_datetime(["2024-01-05", "2024-01-06"]), pd.NaT]
    assert read["code"].tolist() == ["007", "12", "5"]
    assert read["zip"].tolist() == ["1067", "80331", "10115"]
    assert read["kind"].dtype == "category"
    assert read["land"].dropna().tolist() == ["NA", "NULL"]


# Files as other programs write them: the text, its encoding, what each column is with its gaps and
# its first entry, what is told, and whether it is written as it was.
SPREADSHEETS = {
    "Excel in Germany": (
        "Datum;Artikel;Menge;Preis;Rabatt\r\n"
        "31.01.2024;Größe L;1.200;1.234,50 €;5,0%\r\n"
        "01.02.2024;Größe M;85;-12,00 €;12,5%\r\n"
        "15.02.2024;;2.000;3,99 €;\r\n",
        "cp1252",
        [
            ("Datum", "dates", 0, "2024-01-31"),
            ("Artikel", "words", 1, "Größe L"),
            ("Menge", "numbers", 0, 1200),
            ("Preis", "numbers", 0, 1234.5),
            ("Rabatt", "numbers", 1, 5.0),
        ],
        ["read as Windows-1252, such as 'Größe'"],
        True,
    ),
    "Excel in the United States": (
        "Date,Item,Units,Price,Paid\r\n"
        '1/31/2024,"Bolt, 5""","1,200","$1,234.50",TRUE\r\n'
        "2/1/2024,Nut,85,($12.00),FALSE\r\n"
        "12/15/2024,Nut,,$3.99,TRUE\r\n",
        "utf-8-sig",
        [
            ("Date", "dates", 0, "2024-01-31"),
            ("Item", "words", 0, 'Bolt, 5"'),
            ("Units", "numbers", 1, 1200),
            ("Price", "numbers", 0, 1234.5),
            ("Paid", "truth", 0, True),
        ],
        [],
        True,
    ),
    "Excel in France": (
        "Date;Ville;Montant;Taux;Payé\r\n"
        "31/01/2024;Orléans;1\u202f234,50 €;5,5 %;VRAI\r\n"
        "01/02/2024;Nîmes;-12,00 €;10,0 %;FAUX\r\n",
        "utf-8-sig",
        [
            ("Date", "dates", 0, "2024-01-31"),
            ("Ville", "words", 0, "Orléans"),
            ("Montant", "numbers", 0, 1234.5),
            ("Taux", "numbers", 0, 5.5),
            ("Payé", "words", 0, "VRAI"),
        ],
        [],
        True,
    ),
    "Excel in Switzerland": (
        "Datum;Ort;Betrag\r\n5.1.2024;Zürich;1'234.50\r\n13.12.2024;Genève;CHF 7.05\r\n",
        "utf-8",
        [
            ("Datum", "dates", 0, "2024-01-05"),
            ("Ort", "words", 0, "Zürich"),
            ("Betrag", "numbers", 0, 1234.5),
        ],
        [],
        False,
    ),
    "Excel's Unicode text": (
        "name\tn\r\nŁódź\t1,5\r\nKraków\t-2,25\r\n",
        "utf-16",
        [("name", "words", 0, "Łódź"), ("n", "numbers", 0, 1.5)],
        [],
        True,
    ),
    "LibreOffice, all texts in quotes": (
        '"id","born","note"\n1,"1999-12-31","a, b"\n2,"2001-02-01",""\n',
        "utf-8",
        [
            ("id", "numbers", 0, 1),
            ("born", "dates", 0, "1999-12-31"),
            ("note", "words", 1, "a, b"),
        ],
        [],
        False,
    ),
    "a sheet with a title and a sum": (
        "Revenue 2024;;\n;;\nRegion;Q1;Q2\nNorth;1,5;2,5\nSouth;3,5;4,5\nTotal\n",
        "utf-8",
        [
            ("Region", "words", 0, "North"),
            ("Q1", "numbers", 0, 1.5),
            ("Q2", "numbers", 0, 2.5),
        ],
        ["1 line above the header left out: 'Revenue 2024;;'", "'Total' below the rows left out"],
        False,
    ),
}
DUMPS = {
    "PostgreSQL, COPY": (
        "id,at,ok,amount\n"
        "1,2024-03-15 12:00:00+01,t,12.50\n"
        "2,2024-06-15 12:00:00+02,f,\n"
        "3,2024-06-16 12:00:00+02,t,7.00\n",
        "utf-8",
        [
            ("id", "numbers", 0, 1),
            ("at", "dates", 0, pd.Timestamp("2024-03-15 11:00", tz="UTC")),
            ("ok", "words", 0, "t"),
            ("amount", "numbers", 1, 12.5),
        ],
        ["several offsets, brought to UTC"],
        False,
    ),
    "psql with bars": (
        "id|name|day\n1|Anna|2024-01-05\n2|Bert|2024-01-06\n(2 rows)\n",
        "utf-8",
        [
            ("id", "numbers", 0, 1),
            ("name", "words", 0, "Anna"),
            ("day", "dates", 0, "2024-01-05"),
        ],
        ["'(2 rows)' below the rows left out"],
        False,
    ),
    "MySQL with tabs": (
        "id\tday\tnote\n1\t2024-01-05\tx y\n2\t0000-00-00\t\\N\n\\N\t2024-01-07\tz\n",
        "utf-8",
        [("id", "numbers", 1, 1), ("day", "dates", 1, "2024-01-05"), ("note", "words", 1, "x y")],
        [],
        True,
    ),
    "MySQL with backslashes": (
        '"id","note","n"\n"1","say \\"x\\", he","5"\n"2","plain",\\N\n',
        "utf-8",
        [
            ("id", "numbers", 0, 1),
            ("note", "words", 0, 'say "x", he'),
            ("n", "numbers", 1, 5),
        ],
        [],
        False,
    ),
    "SQL Server": (
        "Id,Name,Created,Amount\n"
        "1,Anna,2024-01-05 10:30:00.000,10.0000\n"
        "2,NULL,2024-01-06 00:00:00.000,NULL\n",
        "utf-8",
        [
            ("Id", "numbers", 0, 1),
            ("Name", "words", 1, "Anna"),
            ("Created", "dates", 0, "2024-01-05 10:30"),
            ("Amount", "numbers", 1, 10.0),
        ],
        [],
        True,
    ),
    "Oracle": (
        '"ID","HIRED","SALARY"\n7369,17-DEC-80,800\n7499,20-FEB-81,1600\n7521,22-FEB-81,\n',
        "utf-8",
        [
            ("ID", "numbers", 0, 7369),
            ("HIRED", "dates", 0, "1980-12-17"),
            ("SALARY", "numbers", 1, 800),
        ],
        ["years of two digits"],
        True,
    ),
    "a list of SAP": (
        "Kunde|Datum|Betrag\n0000012345|31.01.2024|1.234,50-\n0000099999|01.02.2024|12,00 \n",
        "utf-8",
        [
            ("Kunde", "words", 0, "0000012345"),
            ("Datum", "dates", 0, "2024-01-31"),
            ("Betrag", "numbers", 0, -1234.5),
        ],
        ["'Kunde': zeros in front"],
        False,
    ),
}
STATISTICS = {
    "R, write.csv": (
        '"","land","v","ok"\n"1","DE",1.5,TRUE\n"2",NA,NA,FALSE\n"3","ZA",2.25,TRUE\n',
        "utf-8",
        [
            ("Unnamed: 0", "numbers", 0, 1),
            ("land", "words", 1, "DE"),
            ("v", "numbers", 1, 1.5),
            ("ok", "truth", 0, True),
        ],
        [],
        False,
    ),
    "R, write.csv2": (
        '"land";"v";"n"\n"DE";1,5;1\n"NA";NA;2\n"ZA";2,25;NA\n',
        "utf-8",
        [("land", "words", 0, "DE"), ("v", "numbers", 1, 1.5), ("n", "numbers", 1, 1)],
        ["'NA' (1) is taken as a category"],
        True,
    ),
    "pandas": (
        ",age,city,at\n0,34.0,Rome,2024-01-05 10:00:00\n1,,,\n2,51.0,Oslo,2024-01-06 11:30:00\n",
        "utf-8",
        [
            ("Unnamed: 0", "numbers", 0, 0),
            ("age", "numbers", 1, 34.0),
            ("city", "words", 1, "Rome"),
            ("at", "dates", 1, "2024-01-05 10:00"),
        ],
        [],
        False,
    ),
    "SAS": (
        "id,visit,weight\n001,05JAN2024,71.5\n002,17FEB2024,.\n003,.,80.25\n",
        "utf-8",
        [
            ("id", "words", 0, "001"),
            ("visit", "dates", 1, "2024-01-05"),
            ("weight", "numbers", 1, 71.5),
        ],
        ["'id': zeros in front"],
        True,
    ),
    "SPSS": (
        "id;sex;income\r\n1;male;1500,5\r\n2;female;#NULL!\r\n3;#NULL!;2000,0\r\n",
        "utf-8-sig",
        [("id", "numbers", 0, 1), ("sex", "words", 1, "male"), ("income", "numbers", 1, 1500.5)],
        [],
        True,
    ),
    "Stata": (
        "make,price,sold\nAMC Concord,4099,05jan2024\nBuick Opel,,17feb2024\n",
        "utf-8",
        [
            ("make", "words", 0, "AMC Concord"),
            ("price", "numbers", 1, 4099),
            ("sold", "dates", 0, "2024-01-05"),
        ],
        [],
        True,
    ),
    "MATLAB": (
        "t,v,label\n0,1.5,a\n0.25,NaN,b\n0.5,2.5,\n",
        "utf-8",
        [("t", "numbers", 0, 0), ("v", "numbers", 1, 1.5), ("label", "words", 1, "a")],
        [],
        True,
    ),
    "NumPy, savetxt": (
        "# x y n\n" + "".join(f"{i / 7:.18e} {i * 3 / 7:.18e} {i:d}\n" for i in range(5)),
        "utf-8",
        [("x", "numbers", 0, 0), ("y", "numbers", 0, 0), ("n", "numbers", 0, 0)],
        [],
        False,
    ),
    "UCI, without a header": (
        "39, State-gov, 77516, <=50K\n50, ?, 83311, >50K\n38, Private, ?, <=50K\n",
        "utf-8",
        [
            ("column_1", "numbers", 0, 39),
            ("column_2", "words", 1, "State-gov"),
            ("column_3", "numbers", 1, 77516),
            ("column_4", "words", 0, "<=50K"),
        ],
        ["there is no header"],
        True,
    ),
    "a weather service": (
        "STATIONS_ID;MESS_DATUM;  TMK;eor\n"
        "        433;20240101;   1.5;eor\n"
        "        433;20240102;  -0.5;eor\n"
        "        433;20240103;  12.5;eor\n",
        "utf-8",
        [
            ("STATIONS_ID", "numbers", 0, 433),
            ("MESS_DATUM", "dates", 0, "2024-01-01"),
            ("TMK", "numbers", 0, 1.5),
            ("eor", "words", 0, "eor"),
        ],
        ["numbers that are all dates, taken as dates"],
        False,
    ),
}
FOREIGN = {**SPREADSHEETS, **DUMPS, **STATISTICS}


@pytest.mark.parametrize(
    ("text", "encoding", "columns", "doubts", "is_same"), FOREIGN.values(), ids=FOREIGN
)
def test_files_of_other_programs(tmp_path, text, encoding, columns, doubts, is_same):
    file = open_table(file_of(tmp_path, text, encoding))
    read = [
        (name, file.format.columns[name].kind, column.isna().sum(), column.dropna().iloc[0])
        for name, column in file.table.items()
    ]
    expected = [
        (name, kind, gaps, pd.Timestamp(first) if kind == "dates" else first)
        for name, kind, gaps, first in columns
    ]
    assert read == expected
    assert len(told(file)) == len(doubts)
    for one, doubt in zip(told(file), doubts, strict=True):
        assert doubt in one
    assert same(file, text) == is_same
    # Whatever is written is read as the same, a column of quotes and gaps apart.
    write_table(file.table, tmp_path / "again.csv", file.format)
    again = open_table(tmp_path / "again.csv", like=file.format)
    pd.testing.assert_frame_equal(again.table, file.table, check_dtype=False)
