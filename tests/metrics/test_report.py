"""The report, on samplers whose fault is known, and on perfect ones, which have none."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import betabinom, binom, ks_2samp
from sklearn.datasets import load_digits

from skgen.metrics import _report, sample_report
from skgen.metrics._report import ALARM, GOOD, MEASURES, NEARER, _copies, _Floor

N_TRAIN, N_TEST = 300, 150
TELLS = "classifier_two_sample_test"


def correlated(rng, n):
    return rng.normal(size=(n, 3)) @ np.array([[1.0, 0.9, 0.5], [0, 0.4, 0.5], [0, 0, 0.7]])


def modes(rng, n, n_modes=4):
    return 8 * np.eye(4, 3)[rng.integers(n_modes, size=n)] + rng.normal(size=(n, 3))


def circle(rng, n):
    angle = rng.uniform(0, 2 * np.pi, size=n)
    return np.column_stack([np.cos(angle), np.sin(angle)]) + 0.05 * rng.normal(size=(n, 2))


def table(rng, n):
    """Columns of few values, of one, heavy tails, a rare event, and large units."""
    kind = rng.integers(3, size=n)
    columns = [kind, np.ones(n), rng.standard_t(2, size=n), rng.random(n) < 0.02]
    return np.column_stack([*columns, 1e9 + 1e6 * (kind + rng.exponential(size=n))])


def bits(rng, n):
    """Rows of 5 dependent bits, of which there are 32 different ones at most."""
    common = rng.normal(size=(n, 1))
    return (common + rng.normal(size=(n, 5)) > np.linspace(0, 1.5, 5)).astype(float)


def report_of(distribution, rng, fake, times=1, **options):
    """Report on what `fake` makes of training, test and fresh rows."""
    X_train, X_test, X_fresh = (distribution(rng, times * n) for n in (N_TRAIN, N_TEST, N_TEST))
    X_fake = fake(X_train, X_test, X_fresh)
    return sample_report(X_train, X_test, X_fake, random_state=0, **options)


def blamed(report):
    """Give the names of the measures whose verdict is not good."""
    return set(report.index[report["verdict"] != GOOD])


@pytest.fixture
def no_classifiers(monkeypatch):
    """Leave out the classifiers, which take most of the time."""
    monkeypatch.setattr(_report, "classifier_two_sample_test", lambda *args, **options: 0.5)


@pytest.mark.usefixtures("no_classifiers")
def test_sums_that_no_row_keeps_are_seen_by_relations(rng):
    def bills(n):
        parts = rng.normal(size=(n, 2))
        return np.column_stack([parts, parts.sum(1)])

    tables = bills(N_TRAIN), bills(N_TEST), bills(N_TEST)
    assert sample_report(*tables, random_state=0).loc[TELLS, "verdict"] == GOOD
    tables[2][:, 2] += 0.01 * rng.normal(size=N_TEST)
    report = sample_report(*tables, random_state=0)
    assert report.loc[TELLS, "value"] == 0.5
    assert report.loc[TELLS, "verdict"] == "distinguished in 98% of pairs, by relations"


@pytest.mark.slow
@pytest.mark.statistical
def test_a_perfect_sampler_is_no_different_from_real_rows(rng):
    reports = [
        report_of(distribution, rng, lambda X_train, X_test, X_fresh: X_fresh)
        for distribution in (correlated, modes, circle, table)
    ]
    for report in reports:
        assert tuple(report.index) == MEASURES
        assert list(report.columns) == ["value", "floor", "verdict"]
        assert report["value"].dtype == report["floor"].dtype == np.float64
        # 20 pairs of sets: the mean area has a standard deviation of .01
        assert report.loc["classifier_two_sample_test", "floor"] == pytest.approx(0.51, abs=0.04)
        # 1 - 1 / 2^5, nearly, whatever the distribution
        assert report.loc["coverage", "floor"] == pytest.approx(0.97, abs=0.02)
    # of four reports at 1 in 100, two or more would be blamed in .06% of such tests
    assert binom.sf(1, 4, 0.01) < 0.0006
    assert sum(bool(blamed(report)) for report in reports) <= 1


@pytest.mark.statistical
def test_a_copier_is_told_from_a_perfect_sampler_by_its_copies_alone(rng):
    copied = report_of(
        correlated, rng, lambda X_train, X_test, X_fresh: rng.permutation(X_train)[:N_TEST]
    )
    assert copied.loc["near_copies", "value"] == 1
    assert copied.loc["near_copies", "verdict"].startswith("copies of training rows: 100%, not 1%")

    # One row in five is a copy, with a little noise. Two of 150 held-out rows lie below their
    # quantile, so that 16 copies are put down to chance, and more are not.
    def partly(X_train, X_test, X_fresh):
        return np.concatenate([X_train[:30] + 1e-3, X_fresh[30:]])

    assert betabinom.ppf(1 - ALARM, N_TEST, 3, N_TEST - 2) == 16
    reports = [copied, report_of(correlated, rng, partly)]
    assert all("near_copies" in blamed(report) for report in reports)
    # of two reports at 1 in 100, both would be blamed for something else in .01% of such tests
    assert sum(len(blamed(report)) > 1 for report in reports) <= 1


@pytest.mark.statistical
@pytest.mark.usefixtures("no_classifiers")
def test_a_dropped_mode_is_said_to_leave_real_rows_out(rng):
    report = report_of(
        modes, rng, lambda X_train, X_test, X_fresh: modes(rng, len(X_fresh), n_modes=3), times=2
    )
    assert blamed(report) >= {"recall", "coverage"}
    assert blamed(report).isdisjoint({"precision", "near_copies"})
    for name in ("recall", "coverage"):
        assert report.loc[name, "verdict"].startswith("real rows left out")
        # Of a quarter of the rows: over 40 seeds .243 and .232, with a spread of .024.
        assert report.loc[name, "floor"] - report.loc[name, "value"] == pytest.approx(0.24, abs=0.1)


@pytest.mark.statistical
def test_shuffled_columns_are_said_to_be_independent(rng):
    report = report_of(
        correlated, rng, lambda X_train, X_test, X_fresh: rng.permuted(X_fresh, axis=0)
    )
    assert "marginal_error" not in blamed(report)
    verdict = report.loc["correlation_error", "verdict"]
    assert verdict.startswith("columns independent: ")
    assert verdict.endswith("of column 0 and column 1")
    verdict = report.loc["classifier_two_sample_test", "verdict"]
    assert verdict.endswith(", by no single column")


@pytest.mark.statistical
def test_dependence_without_correlation_is_seen(rng):
    # Twice the rows: areas of .74 to .81 under 12 seeds, of which .51 would be by chance; with half
    # of them one seed in twenty showed nothing.
    report = report_of(
        circle, rng, lambda X_train, X_test, X_fresh: rng.permuted(X_fresh, axis=0), times=2
    )
    assert blamed(report).isdisjoint({"marginal_error", "correlation_error"})
    verdict = report.loc["classifier_two_sample_test", "verdict"]
    assert verdict.startswith("distinguished in")
    assert verdict.endswith(", by no single column")
    assert report.loc["precision", "verdict"].startswith("unlike real rows")


@pytest.mark.statistical
@pytest.mark.usefixtures("no_classifiers")
def test_loose_and_wrong_correlations_are_told_apart(rng):
    def loose(X_train, X_test, X_fresh):
        return X_fresh * np.sqrt(0.5) + rng.permuted(X_fresh, axis=0) * np.sqrt(0.5)

    # Three times the rows: over 300 seeds the larger of the two errors is 1.83 times as far from
    # its floor as is seen, with a spread of .21, and these rows are 2.08 times as far from
    # independent ones, with a spread of .22. With a third of them one seed in twenty showed
    # nothing, or independent columns.
    verdict = report_of(correlated, rng, loose, times=3).loc["correlation_error", "verdict"]
    assert verdict.startswith("columns too loosely related")

    def opposite(X_train, X_test, X_fresh):
        return X_fresh * [1, -1, 1]

    verdict = report_of(correlated, rng, opposite).loc["correlation_error", "verdict"]
    assert verdict.startswith("columns wrongly related: -")


@pytest.mark.statistical
@pytest.mark.usefixtures("no_classifiers")
def test_a_wrong_column_is_named(rng):
    names = ["length", "width", "weight"]
    X_train, X_test, X_fresh = (
        pd.DataFrame(correlated(rng, n), columns=names) for n in (N_TRAIN, N_TEST, N_TEST)
    )
    X_fresh["width"] += 1.5
    report = sample_report(X_train, X_test, X_fresh, random_state=0)
    distance = ks_2samp(X_test["width"], X_fresh["width"]).statistic
    assert report.loc["marginal_error", "verdict"] == (
        f"wrong columns: 'width' is off by {distance:.0%}"
    )


@pytest.mark.statistical
@pytest.mark.usefixtures("no_classifiers")
def test_a_single_wrong_column_or_pair_among_many_is_named(rng):
    X_train, X_test, X_fresh = (rng.normal(size=(n, 30)) for n in (N_TRAIN, N_TEST, N_TEST))
    # the largest of 30 distances is about .18 by chance, and .45 with this shift
    X_fresh[:, 17] += 1.2
    verdict = sample_report(X_train, X_test, X_fresh, random_state=0).loc[
        "marginal_error", "verdict"
    ]
    assert verdict.startswith("wrong columns: column 17 is off by")

    X_fresh = rng.normal(size=(N_TEST, 30))
    X_fresh[:, 4] = 0.6 * X_fresh[:, 4] + 0.8 * X_fresh[:, 8]
    report = sample_report(X_train, X_test, X_fresh, random_state=0)
    verdict = report.loc["correlation_error", "verdict"]
    assert verdict.startswith("columns wrongly related: 0.")
    # a rank correlation of .786, with a standard deviation of .035
    assert float(verdict.split(": ")[1].split(",")[0]) == pytest.approx(0.786, abs=4 * 0.035)
    assert verdict.endswith("of column 4 and column 8")
    assert report.loc["marginal_error", "verdict"] == GOOD


@pytest.mark.statistical
def test_a_model_that_has_seen_the_test_rows_is_found(rng):
    report = report_of(correlated, rng, lambda X_train, X_test, X_fresh: X_test + 1e-6)
    assert blamed(report) >= {"marginal_error", "energy_distance"}
    assert set(report.loc[list(blamed(report)), "verdict"]) == {NEARER}


@pytest.mark.statistical
@pytest.mark.usefixtures("no_classifiers")
def test_too_little_variety_of_images_is_said(rng):
    X = rng.permutation(load_digits().data)
    X_train, X_test, X_fresh = np.split(X[: N_TRAIN + 2 * N_TEST], [N_TRAIN, N_TRAIN + N_TEST])
    # each halfway to the mean of the images, as a blurred model draws them
    shrunk = (X_fresh + X_train.mean(axis=0)) / 2
    report = sample_report(X_train, X_test, shrunk, standardize=False, random_state=0)
    assert report.loc["density", "verdict"] == "too little variety: between real rows"
    assert "recall" in blamed(report)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.usefixtures("no_classifiers")
def test_perfect_samplers_are_seldom_blamed():
    n_blamed = 0
    for distribution in (correlated, modes, table, bits):
        for seed in range(10):
            rng = np.random.default_rng(seed)
            report = report_of(distribution, rng, lambda X_train, X_test, X_fresh: X_fresh)
            n_blamed += bool(blamed(report))
    # of 40 reports at 1 in 100, three or more would be blamed in .7% of such tests
    assert binom.sf(2, 40, 0.01) < 0.008
    assert n_blamed <= 2


@pytest.mark.statistical
@pytest.mark.parametrize("is_share", [False, True])
def test_bounds_of_a_floor_hold_at_their_level(rng, is_share):
    n_rows, n_trials = 200, 20_000
    if is_share:
        draws = rng.binomial(n_rows, 0.9, size=(n_trials, 21)) / n_rows
    else:
        # Wilson and Hilferty: the cube root of a chi-square of 30 degrees is normal, nearly
        draws = rng.chisquare(30, size=(n_trials, 21))
    sides = [_Floor(values[1:], n_rows, is_share).side(values[0]) for values in draws]
    for side in (-1, 1):
        # five standard deviations, for what is left of skewness in the tails
        assert np.mean(np.equal(sides, side)) < ALARM + 5 * np.sqrt(ALARM / n_trials)
    floor = _Floor(draws[0, 1:], n_rows, is_share)
    assert floor.mean == pytest.approx(draws[0, 1:].mean())
    assert floor.side(floor.mean / 9) == -1
    assert floor.side(1.0 if is_share else 9 * floor.mean) == 1


@pytest.mark.statistical
def test_copies_by_chance_are_of_their_exact_distribution(rng):
    n_trials = 300
    found = {"continuous": 0, "repeated": 0}
    for _ in range(n_trials):
        X_train, X_test, X_fake = rng.uniform(size=(3, 60, 1))
        found["continuous"] += not _copies(X_train, X_test, X_fake)[2]
        X_train, X_test, X_fake = rng.integers(400, size=(3, 60, 1))
        found["repeated"] += not _copies(X_train, X_test, X_fake)[2]
    # fewer than .17 are expected of 300
    assert max(found.values()) <= 2
    X_train = rng.uniform(size=(60, 1))
    assert _copies(X_train, rng.uniform(size=(60, 1)), X_train)[2] == np.False_


@pytest.mark.statistical
@pytest.mark.usefixtures("no_classifiers")
def test_report_of_one_column_and_of_unequal_numbers_of_rows(rng):
    x_train, x_test, x_fake = rng.exponential(size=70), rng.exponential(size=90), np.ones(400)
    report = sample_report(x_train[:, None], x_test[:, None], x_fake[:, None], random_state=0)
    assert "correlation_error" not in report.index
    assert "marginal_error" in blamed(report)


@pytest.mark.statistical
def test_report_does_not_depend_on_units_and_can_be_repeated(monkeypatch, rng):
    monkeypatch.setattr(_report, "N_CLASSIFIED", 4)
    X_train, X_test, X_fake = correlated(rng, 100), correlated(rng, 60), 2 * correlated(rng, 80)
    report = sample_report(X_train, X_test, X_fake, random_state=0)
    # powers of two, whose products are exact
    units = np.array([2.0**-20, 1, 2.0**20])
    again = sample_report(X_train * units, X_test * units, X_fake * units, random_state=0)
    pd.testing.assert_frame_equal(report, again)
    other = sample_report(X_train, X_test, X_fake, max_rows=30, random_state=0)
    assert not np.array_equal(report["value"], other["value"])


def test_report_refuses_what_it_cannot_judge(rng):
    X = correlated(rng, 40)
    with pytest.raises(ValueError, match="X_fake has 19 rows: give at least 20 to judge by"):
        sample_report(X, X, X[:19])
    with pytest.raises(ValueError, match="X_train has 3 columns and X_fake has 2"):
        sample_report(X, X, X[:, :2])
    with pytest.raises(ValueError, match="max_rows == 19, must be >= 20"):
        sample_report(X, X, X, max_rows=19)
    with pytest.raises(ValueError, match=r"X_fake must be a numeric table without gaps.*NaN"):
        sample_report(X, X, np.full_like(X, np.nan))
