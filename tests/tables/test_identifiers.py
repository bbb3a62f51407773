"""Columns that look like identifiers or personal data: told at fit, once, and no false alarms."""

import uuid
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from skgen import FlowMatcher, TableEncoder, make_generative_pipeline
from skgen.tables.identifiers import identifying, looks_like_identifier

N = 60
RNG = np.random.default_rng(0)
SYLLABLES = ["an", "bo", "cer", "dal", "el", "fin", "gor", "hu", "is", "jan"]


def word():
    return "".join(RNG.choice(SYLLABLES, 3)).capitalize()


def texts(make):
    return pd.Series([make() for _ in range(N)])


def digits(n):
    return "".join(map(str, RNG.integers(1, 9, n)))


KEYS = texts(lambda: digits(6) + word())
IDENTIFIERS = {
    "string": (KEYS, "a text of its own in each row"),
    "object": (KEYS.astype(object), "a text of its own in each row"),
    "category": (KEYS.astype("category"), "a text of its own in each row"),
    "with gaps": (KEYS.where(RNG.random(N) < 0.8), "a text of its own in each row"),
    "some twice": (KEYS.where(RNG.random(N) < 0.95, KEYS[0]), "a text of its own in most rows"),
    "UUID": (texts(uuid.uuid4), "a text of its own in each row"),
    "bytes": (texts(lambda: digits(6).encode()), "a text of its own in each row"),
    "sentences": (
        texts(lambda: " ".join(word().lower() for _ in range(7))),
        "a text of its own in each row",
    ),
    "e-mails": (texts(lambda: f"{word()}.{word()}@example.org"), "e-mail addresses"),
    "shared e-mails": (
        pd.Series([f"a{k % 25}@example.org" for k in range(N)]),
        "e-mail addresses",
    ),
    "people": (texts(lambda: f"{word()} {word()}"), "names of people"),
    "people, last names first": (texts(lambda: f"{word()}, Mr. {word()}"), "names of people"),
    "abroad": (texts(lambda: f"+49 {digits(3)} {digits(5)}"), "telephone numbers"),
    "at home": (texts(lambda: f"0{digits(3)}/{digits(6)}"), "telephone numbers"),
    "in America": (texts(lambda: f"({digits(3)}) {digits(3)}-{digits(4)}"), "telephone numbers"),
    "machines": (texts(lambda: f"10.{digits(2)}.{digits(2)}.{digits(1)}"), "addresses of machines"),
    "counted": (pd.Series(RNG.permutation(N) + 7), "numbers that count the rows"),
    "counted objects": (pd.Series(range(N), dtype=object), "numbers that count the rows"),
    "counted with gaps": (
        pd.Series([*range(N - 1), None], dtype="Int64"),
        "numbers that count the rows",
    ),
    "counted, some left out": (
        pd.Series(np.arange(N + 4)).drop([3, 20, 31, 40]).reset_index(drop=True),
        "numbers that count the rows",
    ),
    "counted Decimals": (
        pd.Series([Decimal(k) for k in range(N)], dtype=object),
        "numbers that count the rows",
    ),
    # Integers with gaps are floats where no nullable dtype was asked for.
    "order_id": (
        pd.Series(RNG.permutation(9 * N)[:N] * 1.0).where(np.arange(N) % 4 > 0),
        "a number of its own in each row",
    ),
    # No date, though of three numbers; they look like those of telephones.
    "social security": (
        texts(lambda: f"{digits(3)}-{digits(2)}-{digits(4)}"),
        "telephone numbers",
    ),
    "customer_id": (pd.Series(RNG.permutation(9 * N)[:N]), "a number of its own in each row"),
    "userId": (pd.Series(RNG.permutation(9 * N)[:N]), "a number of its own in each row"),
    "serial": (
        pd.Series(10**8 + RNG.permutation(10**6)[:N] * 900),
        "a long number of its own in each row",
    ),
    "account": (
        pd.Series(RNG.permutation(99 * N)[:N] * 10**6 + 123_456_789),
        "a long number of its own in each row",
    ),
}
ORDINARY = {
    "floats": pd.Series(RNG.normal(size=N)),
    "whole floats": pd.Series(np.arange(N) * 1.0),
    "whole floats with gaps": pd.Series(RNG.integers(0, 99, N) * 1.0).where(RNG.random(N) < 0.8),
    "Arrow's floats with gaps": pd.Series([*RNG.normal(size=N - 1), None], dtype="double[pyarrow]"),
    "prices": pd.Series([Decimal(k) / 4 for k in range(N)], dtype=object),
    "ages": pd.Series(RNG.integers(0, 99, N)),
    "incomes": pd.Series(RNG.lognormal(10, 1, N).astype(int)),
    "weights": pd.Series(RNG.permutation(1_500_000)[:N]),
    "moments": pd.Series(1_700_000_000 + RNG.permutation(99 * N)[:N]),
    "years": pd.Series(np.arange(1950, 1950 + N)),
    "even": pd.Series(2 * np.arange(N)),
    "days": pd.Series(pd.date_range("2020", periods=N)),
    "days as objects": pd.Series([day.date() for day in pd.date_range("2020", periods=N)]),
    "days as texts": pd.Series(pd.date_range("2020", periods=N).strftime("%Y-%m-%d")),
    "days of people": pd.Series(pd.date_range("2020", periods=N).strftime("%d.%m.%Y")),
    "times of day": pd.Series(pd.date_range("2020", periods=N, freq="13min").strftime("%H:%M")),
    "months": pd.Series(pd.period_range("2000", periods=N, freq="M")),
    "intervals": pd.Series(pd.interval_range(0, N)),
    "sizes": pd.Series(pd.Categorical([f"{k:03d}" for k in range(N)], ordered=True)),
    "flags": pd.Series(RNG.random(N) < 0.5),
    "jobs": pd.Series(RNG.choice([word() for _ in range(9)], N)),
    "countries": pd.Series(RNG.choice([f"{word()} {word()}" for _ in range(15)], N)),
    "post codes": pd.Series(RNG.choice([digits(5) for _ in range(15)], N)),
    "support": pd.Series(RNG.choice([f"help{k}@example.org" for k in range(3)], N)),
    "few": KEYS[:9],
}


@pytest.mark.parametrize("name", IDENTIFIERS)
def test_identifiers_are_told(name):
    column, reason = IDENTIFIERS[name]
    assert identifying(column, name) == reason
    assert looks_like_identifier(column.rename(name))
    with pytest.warns(UserWarning, match=rf"identifiers or personal data: '{name}' \({reason}\)"):
        TableEncoder().fit(pd.DataFrame({"v": RNG.normal(size=N), name: column}))


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_columns_are_not(name):
    assert identifying(ORDINARY[name], name) is None
    TableEncoder().fit(ORDINARY[name].to_frame(name))


@pytest.mark.parametrize("load", [load_iris, load_wine, load_diabetes, load_breast_cancer])
def test_ordinary_tables_raise_no_alarm(load):
    table = load(as_frame=True).frame
    for rows in (table, table.sample(60, random_state=0), table.head(12)):
        TableEncoder().fit(rows)


def test_published_tables_raise_no_alarm(data_home):
    for name in ("adult.csv", "california_housing.csv", "power_plant_ccpp.csv"):
        table = pd.read_csv(data_home / name)
        for rows in (table, table.sample(500, random_state=0), table.head(12)):
            TableEncoder().fit(rows)


def test_a_fit_tells_all_of_them_once_and_what_would_do():
    frame = pd.DataFrame(
        {
            "name": IDENTIFIERS["people"][0],
            "email": IDENTIFIERS["e-mails"][0],
            "v": RNG.normal(size=N),
        }
    )
    pipe = make_generative_pipeline(TableEncoder(), FlowMatcher(max_steps=2, random_state=0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pipe.fit(frame).sample(3)
        pipe[:-1].transform(frame)
    told = [str(warning.message) for warning in caught if "identifiers" in str(warning.message)]
    assert len(told) == 1
    assert "'name' (names of people), 'email' (e-mail addresses)" in told[0]
    assert "X.drop(columns=['name', 'email'])" in told[0]
    pipe.fit(frame[["v"]].assign(w=frame["v"] ** 2))


def test_durations_of_numpy_are_no_integers():
    durations = pd.Series(list(np.arange(60).astype("m8[h]")), dtype=object)
    assert identifying(durations, "waited") is None
