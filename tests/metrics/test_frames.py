"""Frames of mixed columns in the metrics: matched by names and types, and encoded by one encoder.

What is measured is held against tables that were encoded by hand.
"""

import datetime
import inspect
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import GridSearchCV

from skgen import FlowMatcher, TableEncoder, make_generative_pipeline, metrics
from skgen.metrics import (
    _report,
    attribute_disclosure,
    classifier_two_sample_test,
    conditional_frequency_error,
    correlation_error,
    diversity,
    energy_distance,
    frechet_distance,
    knn_probe,
    linear_probe,
    make_sample_scorer,
    marginal_error,
    maximum_mean_discrepancy,
    membership_attack,
    multimodality,
    mutual_information_error,
    near_copies,
    precision_recall_density_coverage,
    r_precision,
    sample_report,
    singling_out_attack,
    sliced_wasserstein,
    telling_columns,
    train_on_synthetic,
    wasserstein_distance,
)
from skgen.metrics._report import GOOD

CITIES = ["Bonn", "Hamburg", "Jena", "Köln"]


def people(rng, n, cities=CITIES):
    """Make a frame of every kind of column, with gaps in most."""
    size = rng.normal(170, 10, n)
    frame = pd.DataFrame(
        {
            "city": rng.choice(cities, n),
            "size": size.round(1),
            "born": pd.Timestamp("1990-01-01") + pd.to_timedelta(rng.integers(9000, size=n), "D"),
            "tall": pd.array(size > 175, dtype="boolean"),
            "member": rng.random(n) < 0.3,
            "children": pd.array(rng.integers(0, 5, n), dtype="Int64"),
            "level": pd.Categorical.from_codes(
                np.digitize(size, [165, 175]), ["s", "m", "l"], ordered=True
            ),
            "kind": pd.Categorical(rng.choice(list("abc"), n)),
            "waited": pd.to_timedelta(rng.integers(100, size=n), "h"),
        }
    )
    for name in ("size", "born", "tall", "children", "kind", "city"):
        frame.loc[rng.random(n) < 0.1, name] = None
    return frame


PAIRWISE = [
    classifier_two_sample_test,
    correlation_error,
    energy_distance,
    frechet_distance,
    marginal_error,
    maximum_mean_discrepancy,
    near_copies,
    precision_recall_density_coverage,
    sliced_wasserstein,
    wasserstein_distance,
]


def pairwise(metric):
    """Reduce a metric to a function of two tables, with its randomness fixed."""
    if metric is near_copies:
        return lambda X, Y: near_copies(X, X, Y)
    if "random_state" in inspect.signature(metric).parameters:
        return lambda X, Y: metric(X, Y, random_state=0)
    return metric


@pytest.mark.parametrize("metric", PAIRWISE)
def test_mixed_frames_are_judged(rng, metric):
    measure = pairwise(metric)
    X, Y = people(rng, 60), people(rng, 50)
    value = measure(X, Y)
    numbers = np.array(list(value.values())) if isinstance(value, dict) else value
    assert np.isfinite(numbers).all()
    # Another order of the columns, another index, other dtypes of the same types.
    same = Y[Y.columns[::-1]].set_axis(np.arange(len(Y)) * 2, axis=0)
    same = same.astype({"children": "float64", "tall": object, "city": object, "member": "boolean"})
    assert measure(X, same) == value


def test_attacks_and_what_tells_rows_apart_take_mixed_frames(rng):
    X_train, X_test, X_fake = (people(rng, n) for n in (60, 60, 50))
    # Another order of the columns, another index.
    same = X_fake[X_fake.columns[::-1]].set_axis(np.arange(50) * 2, axis=0)
    for attack in (
        lambda fake: membership_attack(X_train, X_test, fake, random_state=0),
        lambda fake: attribute_disclosure(X_train, X_test, fake, "city"),
        lambda fake: singling_out_attack(X_train, X_test, fake, random_state=0),
    ):
        assert attack(same) == attack(X_fake)
    area, shares = telling_columns(X_test, same, random_state=0)
    expected, others = telling_columns(X_test, X_fake, random_state=0)
    assert area == expected
    pd.testing.assert_series_equal(shares, others)


def test_what_is_measured_is_that_of_encoded_rows(rng):
    X, Y = people(rng, 80), people(rng, 70)
    # Both have the same categories, and gaps in the same columns.
    encoder = TableEncoder(max_one_hot=20).fit(X)
    A, B = encoder.transform(X), encoder.transform(Y)
    # Neither depends on the scale of a column.
    assert marginal_error(X, Y) == pytest.approx(marginal_error(A, B))
    assert correlation_error(X, Y) == pytest.approx(correlation_error(A, B))
    assert near_copies(X, X, Y) == near_copies(A, A, B)


def test_a_frame_is_at_no_distance_from_itself_and_at_some_from_another(rng):
    X = people(rng, 60)
    for metric in (energy_distance, wasserstein_distance, marginal_error, correlation_error):
        # A root of what is left by rounding.
        assert metric(X, X) == pytest.approx(0, abs=1e-4)
    changed = {
        "city": X["city"].where(X["city"] != "Bonn", "Jena"),
        "size": X["size"] + 5,
        "born": X["born"] + pd.Timedelta(days=800),
        "tall": ~X["tall"],
        "member": ~X["member"],
        "children": X["children"].fillna(0),
        "level": X["level"].iloc[::-1].array,
        "kind": X["kind"].mask(X["kind"] == "a"),
        "waited": 2 * X["waited"],
    }
    assert set(changed) == set(X)
    for name, column in changed.items():
        assert energy_distance(X, X.assign(**{name: column})) > 0.02


def test_the_scale_is_that_of_the_first_table(rng):
    """A bad draw must not make its own distance small."""
    X = people(rng, 200)[["city", "size"]]
    near, far = (X.assign(size=X["size"] + 10 * shift) for shift in (1, 100))
    ratio = wasserstein_distance(X, far, p=1) / wasserstein_distance(X, near, p=1)
    assert ratio == pytest.approx(100, rel=0.2)
    # In deviations of the real rows, to a factor of the root of two.
    assert 0.7 < wasserstein_distance(X[["size"]], near[["size"]], p=1) / 0.9 < 1.5


def test_a_category_that_the_real_rows_lack_is_judged(rng, monkeypatch):
    # Not read here, and slow.
    monkeypatch.setattr(_report, "classifier_two_sample_test", lambda *args, **options: 0.5)
    X, Y = people(rng, 200), people(rng, 150, ["Bonn", "Ulm", "Ulm"])
    report = sample_report(X, people(rng, 150), Y, random_state=0)
    verdict = report.loc["marginal_error", "verdict"]
    share = (Y["city"] == "Ulm").mean()
    assert verdict == f"wrong columns: 'city = Ulm' is off by {share:.0%}"
    ordered = pd.CategoricalDtype(["s", "m", "l", "xl"], ordered=True)
    more = X.assign(level=X["level"].astype(ordered).where(X.index % 2 == 0, "xl"))
    # One column of twenty is off by a half.
    assert marginal_error(X, more) == pytest.approx(0.5 / 20, abs=0.01)
    other = X.assign(kind=pd.Categorical(["d"] * 200))
    assert classifier_two_sample_test(X, other, random_state=0) == pytest.approx(1, abs=0.02)


def test_gaps_that_the_real_rows_lack_are_judged(rng):
    X = pd.DataFrame({"a": rng.normal(size=100), "b": rng.choice(["x", "y"], 100)})
    holes = X.assign(a=X["a"].mask(rng.random(100) < 0.5))
    # The marks of gaps are off by half, and no other column is: those that are left out are
    # taken for the median.
    assert marginal_error(X, holes) > 0.2
    assert marginal_error(X[["a"]], holes[["a"]]) > 0.2
    numbers = pd.DataFrame(rng.normal(size=(100, 2)), columns=["a", "b"])
    assert marginal_error(numbers, numbers.mask(numbers > 0)) > 0.2


def test_what_is_constant_in_the_real_rows_is_judged(rng):
    X = pd.DataFrame({"a": np.zeros(60), "b": ["x"] * 60, "c": rng.normal(size=60)})
    assert marginal_error(X, X) == 0
    assert marginal_error(X, X.assign(a=rng.normal(size=60))) > 0.1
    assert marginal_error(X, X.assign(b=["x", "y"] * 30)) > 0.1
    constant = X[["a", "b"]]
    assert marginal_error(constant, constant) == 0
    assert energy_distance(constant, constant.head(5)) == 0


def test_the_report_of_mixed_frames(rng, monkeypatch):
    X_train, X_test, X_fake = (people(rng, n) for n in (200, 120, 120))
    report = sample_report(X_train, X_test, X_fake, random_state=0)
    assert report.loc["marginal_error", "verdict"] == GOOD
    assert report.loc["near_copies", "verdict"] == GOOD
    # Not read below, and slow.
    monkeypatch.setattr(_report, "classifier_two_sample_test", lambda *args, **options: 0.5)
    copied = sample_report(X_train, X_test, X_train.iloc[:120, ::-1], random_state=0)
    assert copied.loc["near_copies", "value"] == 1
    X_fake["tall"] = True
    report = sample_report(X_train, X_test, X_fake, random_state=0)
    assert "'tall = True'" in report.loc["marginal_error", "verdict"]


def test_frames_of_numbers_read_as_before(rng):
    X, Y = rng.normal(size=(2, 50, 3)) * [1, 100, 0.01]
    names = ["a", "b", "c"]
    for metric in PAIRWISE:
        measure = pairwise(metric)
        value = measure(X, Y)
        left, right = (pd.DataFrame(Z, columns=names) for Z in (X, Y))
        for one, other in (
            (left, right),
            (left, right[["c", "a", "b"]]),
            (left.astype("Float64"), right.astype(object)),
            (left, pl.DataFrame(Y, schema=names)[["b", "c", "a"]]),
        ):
            # Sums of columns that lie otherwise in memory are rounded otherwise.
            assert measure(one, other) == pytest.approx(value, rel=1e-9)


def test_only_one_of_the_tables_is_mixed(rng):
    X = pd.DataFrame({"a": rng.normal(size=40), "b": rng.random(40) < 0.5, "c": np.arange(40)})
    holes = X.mask(rng.random(X.shape) < 0.3)
    assert marginal_error(X, holes) == pytest.approx(marginal_error(holes, X))
    assert 0.1 < marginal_error(X, holes[["c", "b", "a"]]) < 0.5
    names = dict(zip("abc", range(3), strict=True))
    assert marginal_error(X.astype(float).to_numpy(), holes.rename(columns=names)) > 0.1


def test_zeros_and_ones_in_mixed_frames(rng):
    bits = rng.integers(2, size=(2, 100, 4))
    A, B = (
        pd.DataFrame(
            {
                "bool": Z[:, 0] == 1,
                "int": Z[:, 1],
                "text": np.where(Z[:, 2] == 1, "yes", "no"),
                "float": Z[:, 3] * 1.0,
            }
        )
        for Z in bits
    )
    assert mutual_information_error(A, B) == pytest.approx(mutual_information_error(*bits))
    assert conditional_frequency_error(A, A) == (0, 0)
    with pytest.raises(ValueError, match="other entries than 0 and 1 in column 'float'"):
        mutual_information_error(A, B.assign(float=0.5))


def test_metrics_of_one_table_and_of_labels(rng):
    X, Y = people(rng, 60), people(rng, 60)
    condition = np.repeat(["left", "right"], 30)
    assert 0 < diversity(X, random_state=0) < 10
    assert 0 < multimodality(X, condition, random_state=0) < 10
    assert r_precision(X, X, pool_size=4, random_state=0)[0] == 1
    label = X["level"].astype(str)
    for probe in (linear_probe, knn_probe):
        assert probe(X, label, Y, Y["level"].astype(str)) > 0.6
    scores = train_on_synthetic(
        X, X["level"], Y, Y["level"], Y.iloc[:, ::-1], Y["level"], random_state=0
    )
    assert set(scores) == {"fake", "real"}
    with pytest.raises(ValueError, match="y_fake has no entry in row"):
        train_on_synthetic(X, X["level"], Y, Y["kind"], Y, Y["level"])


def test_a_search_chooses_by_what_is_drawn_of_a_table(rng):
    frame = people(rng, 60)
    pipe = make_generative_pipeline(
        TableEncoder(), FlowMatcher(max_steps=2, n_steps=4, random_state=0)
    )
    scorer = make_sample_scorer(energy_distance)
    drawn = pipe.fit(frame).sample(60, random_state=0)
    assert scorer(pipe, frame) == -energy_distance(frame, drawn)
    search = GridSearchCV(pipe, {"flowmatcher__max_steps": [1, 2]}, scoring=scorer, cv=2)
    assert np.isfinite(search.fit(frame).cv_results_["mean_test_score"]).all()


def test_many_categories_become_digits(rng):
    names = [f"name {i}" for i in range(40)]
    X, Y = (pd.DataFrame({"name": rng.choice(names, 300)}) for _ in range(2))
    assert marginal_error(X, Y) < 0.15
    assert marginal_error(X, X.assign(name="name 1")) > 0.3
    names = [*["name 0"] * 60, *names]
    X, Y = (pd.DataFrame({"name": rng.choice(names, 300)}) for _ in range(2))
    assert marginal_error(X, Y) < 0.15


@pytest.mark.parametrize(
    "column",
    [
        [datetime.date(2024, 1, 1), datetime.date(2024, 5, 1), None],
        [Decimal("1.5"), Decimal("2.5"), None],
        [1, 2.5, None],
        [True, None, False],
        pd.period_range("2024-01", periods=3, freq="M"),
        pd.date_range("2024-01-01", periods=3, tz="Europe/Berlin"),
        pd.array(["x", "y", None], dtype="string"),
        pd.array([1, 2, None], dtype="int64[pyarrow]"),
        pd.array(["x", "y", None], dtype="string[pyarrow]"),
        [("a", 1), ("b", 2), None],
        [pd.Interval(0, 1), pd.Interval(1, 2), None],
    ],
    ids=str,
)
def test_columns_of_other_types(column):
    X = pd.DataFrame({"x": column, "text": list("uvw")})
    X = pd.concat([X] * 5, ignore_index=True)
    assert marginal_error(X, X) == 0
    assert marginal_error(X, X.iloc[[0, 1, 3, 4]]) > 0
    one = X.iloc[[0] * 5]
    assert energy_distance(X, one) > 0


def test_dates_are_dates_whatever_holds_them(rng):
    days = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(99, size=50), "D"))
    X = pd.DataFrame({"day": days, "text": "x"})
    for other in (days.dt.date, days.astype("datetime64[s]"), days.dt.to_period("D")):
        assert energy_distance(X, X.assign(day=other)) == pytest.approx(0, abs=1e-4)
    zoned = X.assign(day=days.dt.tz_localize("UTC"))
    berlin = X.assign(day=zoned["day"].dt.tz_convert("Europe/Berlin"))
    assert energy_distance(zoned, berlin) == pytest.approx(0, abs=1e-4)


def test_arrays_of_objects_and_polars_frames(rng):
    X, Y = (people(rng, 40)[["city", "size", "children"]] for _ in range(2))
    value = marginal_error(X, Y)
    assert marginal_error(X, Y.astype(object).to_numpy()) == pytest.approx(value)
    assert marginal_error(X.astype(object).to_numpy(), Y) == pytest.approx(value)
    schema = {"city": pl.String, "size": pl.Float64, "children": pl.Int64}
    rows = Y.astype(object).where(Y.notna(), None).to_numpy().tolist()
    assert marginal_error(X, pl.DataFrame(rows, schema=schema, orient="row")) == value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"city": 1.0}, "Column 'city' holds categories or text in X_real and numbers in X_fake"),
        ({"size": "tall"}, "Column 'size' holds numbers in X_real and categories or text in X_f"),
        ({"born": 5}, "Column 'born' holds dates in X_real and numbers in X_fake"),
        ({"tall": "yes"}, "Column 'tall' holds truth values in X_real and categories or text"),
        ({"born": pd.Timestamp("2024-01-01", tz="UTC")}, "and dates with a time zone in X_fake"),
        ({"size": np.inf}, "X_fake has inf in row 0 of column 'size'"),
        ({"size": 1j}, "X_fake has complex numbers in column 'size'"),
        ({"more": 1}, r"X_fake lacks \[\] and has \['more'\] besides"),
    ],
)
def test_other_types_and_columns_are_refused_in_words(rng, change, message):
    X, Y = people(rng, 30), people(rng, 30)
    with pytest.raises(ValueError, match=message):
        energy_distance(X, Y.assign(**change))


def test_other_tables_are_refused_in_words(rng):
    X = people(rng, 30)
    with pytest.raises(ValueError, match=r"X_fake lacks \['city'\]"):
        energy_distance(X, X.drop(columns="city"))
    with pytest.raises(ValueError, match="X_fake has no rows"):
        energy_distance(X, X[:0])
    with pytest.raises(ValueError, match="X_real has 9 columns and X_fake has 2"):
        energy_distance(X, X.astype(object).to_numpy()[:, :2])
    with pytest.raises(ValueError, match=r"X_fake has \[1\] in row 3 of column 'city'"):
        energy_distance(X, X.assign(city=["u"] * 3 + [[1]] + ["u"] * 26))
    twice = X.set_axis(["x", *list(X)[1:-1], "x"], axis=1)
    assert energy_distance(twice, twice) == pytest.approx(0, abs=1e-4)
    with pytest.raises(ValueError, match="a name comes twice"):
        energy_distance(twice, twice[["size", "x", *list(twice)[2:-1]]])


def test_every_metric_of_tables_is_held_here():
    others = {"bits_per_dimension", "classifier_two_sample_aucs", "make_sample_scorer"}
    source = inspect.getsource(inspect.getmodule(people))
    assert all(f"{name}" in source for name in set(metrics.__all__) - others)
