"""What is said at the end of a fit of what a model's own draws lack: named, and only where true."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from skgen import FlowMatcher, GenerativeOverSampler, TableEncoder, make_generative_pipeline
from skgen.shortfalls import N_DRAWN, shortfalls


def table(n, rng):
    """Make rows of words, numbers, dates, truth values and gaps that depend on one another."""
    country = rng.choice(["DE", "FR", "IT", "MT"], n, p=[0.5, 0.3, 0.14, 0.06])
    x = rng.normal(size=n)
    return pd.DataFrame(
        {
            "country": pd.Categorical(country),
            "capital": pd.Series(country).map(
                {"DE": "Berlin", "FR": "Paris", "IT": "Rome", "MT": "Valletta"}
            ),
            "x": x,
            "y": 2 * x + 0.126 * rng.normal(size=n),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.round(9 * x), "D"),
            "member": x + rng.normal(size=n) > 0,
            "age": pd.Series(rng.normal(size=n)).where(rng.random(n) > 0.2),
            "children": rng.binomial(3, 0.4, n),
        }
    )


@pytest.mark.statistical
@pytest.mark.parametrize("n", [150, 1500])
def test_nothing_is_missed_in_rows_drawn_with_replacement(n):
    # Of 20 tables of some 100 comparisons each, at four standard errors and a margin, none is off.
    for seed in range(20):
        rows = table(n, np.random.default_rng(seed))
        drawn = rows.sample(N_DRAWN, replace=True, random_state=seed, ignore_index=True)
        assert shortfalls(rows, drawn) == []


def lose_a_value(drawn):
    drawn["country"] = drawn["country"].where(drawn["country"] != "IT", "DE")


def shift_a_share(drawn):
    drawn.loc[:99, "children"] = 3


def lose_the_gaps(drawn):
    drawn["age"] = drawn["age"].fillna(0.0)


def blur_a_line(drawn):
    drawn["y"] += 0.5 * np.random.default_rng(0).normal(size=len(drawn))


def shuffle_words(drawn):
    drawn["capital"] = drawn["capital"].sample(frac=1, random_state=0).to_numpy()


def shuffle_dates(drawn):
    drawn["day"] = drawn["day"].sample(frac=1, random_state=0).to_numpy()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lose_a_value, ["'country' is 'IT'", "in 0% of 512 drawn ones"]),
        (shift_a_share, ["'children' is 3"]),
        (lose_the_gaps, ["'age' is missing", "in 0% of 512 drawn ones"]),
        (blur_a_line, ["rank correlation of 'x' with 'y' is 0.998 in the rows"]),
        (shuffle_words, ["'country' is 'DE' with 'capital' is 'Berlin'"]),
        (shuffle_dates, ["'x' with 'day'"]),
    ],
)
def test_what_is_missed_is_named(spoil, words):
    rng = np.random.default_rng(0)
    rows, drawn = table(1500, rng), table(N_DRAWN, rng)
    spoil(drawn)
    found = "; ".join(shortfalls(rows, drawn))
    assert all(word in found for word in words), found


def test_a_fit_whose_draws_are_all_alike_names_column_and_value_once(monkeypatch):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"colour": rng.choice(["red", "green", "blue"], 99), "x": rng.random(99)})
    monkeypatch.setattr(FlowMatcher, "_draw", lambda self, n, *given: torch.zeros(n, 3))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        make_generative_pipeline(TableEncoder(), FlowMatcher(random_state=0)).fit(frame)
    (one,) = [w for w in told if issubclass(w.category, ConvergenceWarning)]
    assert "FlowMatcher" in str(one.message)
    assert "'colour' is" in str(one.message)
    assert "bit" not in str(one.message)
    assert one.filename == __file__


def test_a_fit_that_has_learnt_says_nothing():
    X = np.random.default_rng(0).normal(size=(200, 2)) @ np.array([[1, 0.8], [0, 0.6]])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        FlowMatcher(random_state=0).fit(X)


def test_a_number_of_steps_that_was_chosen_is_left_alone():
    X = np.random.default_rng(0).normal(size=(200, 1)) + [[0.0, 1.0]]
    X[:, 1] = np.where(np.abs(X[:, 0]) > 1, 5, -5)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        FlowMatcher(max_steps=1, random_state=0).fit(X)


@pytest.mark.parametrize("label", ["rare", 7, True])
def test_a_label_of_few_rows_is_named(label):
    X = np.random.default_rng(0).normal(size=(40, 2))
    other = {"rare": "usual", 7: 3, True: False}[label]
    condition = [label] * 3 + [other] * 37
    with pytest.warns(UserWarning, match=f"{label!r} has 3 rows") as told:
        FlowMatcher(max_steps=1, random_state=0).fit(X, condition=condition)
    assert told[0].filename == __file__
    with pytest.warns(UserWarning, match=f"{label!r} has 3 rows"):
        GenerativeOverSampler(FlowMatcher(max_steps=1, random_state=0)).fit_resample(X, condition)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FlowMatcher(max_steps=1, random_state=0).fit(X, condition=condition[:1] * 5 + [other] * 35)
        # Of numbers there are no labels.
        FlowMatcher(max_steps=1, random_state=0).fit(X, condition=X[:, 0])
