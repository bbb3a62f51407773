"""Attacks on generated rows: copies are found, fresh rows are not."""

import numpy as np
import pandas as pd
import pytest

from skgen.metrics import attribute_disclosure, membership_attack, singling_out_attack

ATTACKERS = ("distance", "density_ratio")


def rows(seed, n=600, d=4):
    return np.random.default_rng(seed).normal(size=(3, n, d))


def test_a_model_that_repeats_its_rows_is_found_out():
    X_train, X_test, _ = rows(0)
    attack = membership_attack(X_train, X_test, X_train, random_state=0)
    assert attack["distance"] == attack["density_ratio"] == attack["auc"] == 1
    assert attack["nearer_to_train"] == 1
    disclosure = attribute_disclosure(X_train, X_test, X_train, 0)
    assert disclosure["train"] == 1
    # A held-out row's guess is right where two independent normals lie within .1 of each other.
    assert disclosure["test"] == pytest.approx(0.056, abs=3 * np.sqrt(0.056 / 600))
    assert disclosure["gain"] == disclosure["train"] - disclosure["test"]


def test_half_of_the_rows_repeated_are_an_area_of_three_quarters():
    """Repeated rows win against all others; the rest are as far away as those are."""
    X_train, X_test, _ = rows(0, n=2000)
    attack = membership_attack(X_train, X_test, X_train[:1000], random_state=0)
    # The standard error of an area of such rows is about .009.
    assert attack["distance"] == pytest.approx(0.75, abs=0.03)
    assert attack["density_ratio"] == pytest.approx(0.75, abs=0.04)


@pytest.mark.statistical
def test_intervals_hold_a_half_for_fresh_rows():
    """Of 60 intervals of 90% at least 45 hold it: with 54 in the mean, three and a half less."""
    held = dict.fromkeys([*ATTACKERS, "nearer"], 0)
    gains = 0
    for seed in range(60):
        X_train, X_test, X_fake = rows(seed, n=200)
        attack = membership_attack(X_train, X_test, X_fake, confidence=0.9, random_state=seed)
        low, high = attack["nearer_interval"]
        held["nearer"] += low <= 0.5 <= high
        low, high = attack["auc_interval"]
        for name in ATTACKERS:
            held[name] += abs(attack[name] - 0.5) <= (high - low) / 2
        low, high = attribute_disclosure(X_train, X_test, X_fake, 1, confidence=0.9)[
            "gain_interval"
        ]
        gains += low <= 0 <= high
    assert min(*held.values(), gains) >= 45


def test_frames_of_mixed_columns_are_judged():
    rng = np.random.default_rng(0)

    def table(n):
        frame = pd.DataFrame(
            {
                "income": rng.normal(size=n),
                "city": rng.choice(["Hamburg", "Oslo"], n),
                "since": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n), "D"),
            }
        )
        frame.loc[::7, "income"] = np.nan
        return frame

    train, test = table(300), table(300)
    # Where the income is missing, another row may be the same in all else.
    assert membership_attack(train, test, train, random_state=0)["auc"] > 0.95
    for column in ("city", "since"):
        disclosure = attribute_disclosure(train, test, train[::-1], column)
        # But for the seventh without an income.
        assert disclosure["train"] > 0.85
        assert disclosure["gain"] > 0.3


def test_statements_about_repeated_rows_single_them_out():
    """The expected shares of a model that repeats its rows are known.

    A statement about k independent columns is true of another row with a probability p, the product
    of k uniform numbers from 0 to 1/2. It is true of the repeated row; so it singles this one out
    if it is true of none of the n - 1 others, and a held-out row if it is of one of n.
    """
    n = 500
    X_train, X_test, _ = rows(0, n=n)
    attack = singling_out_attack(X_train, X_test, X_train, random_state=0)
    u = np.random.default_rng(1).uniform(0, 0.5, (4, 200_000))
    p = np.cumprod(u, axis=0)
    wanted = ((1 - p) ** (n - 1)).mean(), (n * p * (1 - p) ** (n - 1)).mean()
    # Statements of one row are not independent: as if there were one about each of 500 rows, the
    # standard errors of shares of .2 and .08 are .018 and .012; four of them.
    assert attack["train"] == pytest.approx(wanted[0], abs=0.07)
    assert attack["test"] == pytest.approx(wanted[1], abs=0.05)
    assert attack["gain"] == attack["train"] - attack["test"]
    assert attack["gain_interval"][0] > 0
    assert attack["n_predicates"] == 2000
    for name in ("train", "test", "gain"):
        low, high = attack[f"{name}_interval"]
        assert low < attack[name] < high


@pytest.mark.statistical
def test_statements_about_fresh_rows_single_out_no_more_rows_of_fit_than_others():
    """Of 60 intervals of 90% at least 45 hold 0: with 54 in the mean, three and a half less."""
    held = 0
    for seed in range(60):
        attack = singling_out_attack(
            *rows(seed, n=400), n_predicates=300, confidence=0.9, random_state=seed
        )
        low, high = attack["gain_interval"]
        held += low <= 0 <= high
    assert held >= 45


def test_wilsons_interval_is_that_of_the_score_test():
    """Its ends are the shares at which the observed one is z standard errors away."""
    attack = singling_out_attack(*rows(3), random_state=0)
    z, n = 1.959963984540054, attack["n_predicates"]
    for name in ("train", "test"):
        for end in attack[f"{name}_interval"]:
            away = abs(attack[name] - end) / np.sqrt(end * (1 - end) / n)
            assert away == pytest.approx(z)


def test_statements_about_categories_dates_and_gaps():
    rng = np.random.default_rng(0)

    def table(names, gaps):
        frame = pd.DataFrame({"name": names, "day": pd.date_range("2024", periods=len(names))})
        frame["day"] = frame["day"].mask(gaps)
        return frame

    names = [f"n{k}" for k in range(40)]
    train = table(names, np.arange(40) == 7)
    test = table([f"m{k}" for k in range(40)], np.zeros(40, bool))
    # Each name, and the only gap, is one row's. A day is at one end in few rows.
    attack = singling_out_attack(train, test, train.iloc[[7] * 3], random_state=rng)
    assert attack["n_predicates"] == 3
    assert attack["train"] == 1
    assert attack["test"] == 0
    array = np.column_stack([np.arange(40.0), np.arange(40.0)])
    fake = [[39.0, 0.0], [20.0, 20.0], [0.0, 39.0]]
    attack = singling_out_attack(array, array + 50, fake, random_state=0)
    # Of nine statements "at least 39" and "at most 0", of either column, are true of one row of fit
    # each. Of held-out rows the former is true of all, and the latter of none.
    assert attack["train"] == pytest.approx(4 / 9)
    assert attack["test"] == 0


def test_what_cannot_be_judged_is_named():
    X_train, X_test, X_fake = rows(0, n=20)
    with pytest.raises(ValueError, match="X_test has 3 rows: give at least 4"):
        membership_attack(X_train, X_test[:3], X_fake)
    with pytest.raises(ValueError, match="confidence == 1"):
        membership_attack(X_train, X_test, X_fake, confidence=1)
    with pytest.raises(ValueError, match="X_train has no column 'age'; its columns are"):
        attribute_disclosure(X_train, X_test, X_fake, "age")
    with pytest.raises(ValueError, match="X_train has 1 rows: give at least 2"):
        singling_out_attack(X_train[:1], X_test, X_fake)
    with pytest.raises(ValueError, match="n_predicates == 0"):
        singling_out_attack(X_train, X_test, X_fake, n_predicates=0)
    with pytest.raises(ValueError, match="X_fake has 3"):
        singling_out_attack(X_train, X_test, X_fake[:, :3])
    with pytest.raises(ValueError, match="no other column than 0"):
        attribute_disclosure(X_train[:, :1], X_test[:, :1], X_fake[:, :1], 0)
