"""The over-sampler: numbers of rows by its strategy, and rows of the class that was asked for."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris

from skgen import FlowMatcher, GenerativeOverSampler, TableEncoder, make_generative_pipeline

X, SPECIES = load_iris(return_X_y=True)
X, SPECIES = X[:120], SPECIES[:120]
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]


class MeanOfClass(BaseEstimator):
    """Draws nothing but the mean of a class."""

    def fit(self, X, *, condition=None):
        X, condition = np.asarray(X), np.asarray(condition)
        self.means_ = {name: X[condition == name].mean(0) for name in np.unique(condition)}
        return self

    def sample(self, n_samples=1, *, condition=None, random_state=None):
        self.seed_ = random_state
        return np.array([self.means_[name] for name in condition])


def counts(y):
    """Count the classes."""
    return dict(zip(*(part.tolist() for part in np.unique(y, return_counts=True)), strict=True))


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("auto", {"setosa": 50, "versicolor": 50, "virginica": 50}),
        ({"virginica": 40}, {"setosa": 50, "versicolor": 50, "virginica": 40}),
        (
            {"setosa": 70, "virginica": 20, "versicolor": np.int64(51)},
            {"setosa": 70, "versicolor": 51, "virginica": 20},
        ),
    ],
)
def test_strategies(strategy, expected):
    sampler = GenerativeOverSampler(MeanOfClass(), sampling_strategy=strategy, random_state=3)
    X_more, y_more = sampler.fit_resample(X, NAMES)
    assert counts(y_more) == expected
    np.testing.assert_array_equal(X_more[:120], X)
    np.testing.assert_array_equal(y_more[:120], NAMES)
    for row, name in zip(X_more[120:], y_more[120:], strict=True):
        np.testing.assert_array_equal(row, sampler.model_.means_[name])
    gained = {name: expected[name] - number for name, number in counts(NAMES).items()}
    assert {k: v for k, v in sampler.sampling_strategy_.items() if v} == {
        k: v for k, v in gained.items() if v
    }
    assert sampler.model_.seed_ == 3


def test_a_share_of_the_larger_class():
    two = SPECIES > 0
    rows, y = X[50 - 20 :], two[50 - 20 :]
    for share, expected in ((0.5, 35), (1.0, 70), (1, 70)):
        sampler = GenerativeOverSampler(MeanOfClass(), sampling_strategy=share)
        assert counts(sampler.fit_resample(rows, y)[1]) == {False: expected, True: 70}


def test_nothing_to_add():
    sampler = GenerativeOverSampler(MeanOfClass())
    rows, y = sampler.fit_resample(X[:100], NAMES[:100])
    np.testing.assert_array_equal(rows, X[:100])
    np.testing.assert_array_equal(y, NAMES[:100])
    assert sampler.model_ is None


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (0.5, "larger of two classes, and y has 3"),
        ({"rose": 9}, "names the class 'rose', which y has not; it has .*'setosa'"),
        ({"setosa": 9}, "means 9 rows of class 'setosa', which has 50 already"),
        ({"setosa": 60.5}, "means 60.5 rows of class 'setosa'"),
        ("most", "sampling_strategy"),
        (1.5, "sampling_strategy"),
    ],
)
def test_strategies_that_cannot_be(strategy, message):
    sampler = GenerativeOverSampler(MeanOfClass(), sampling_strategy=strategy)
    with pytest.raises(ValueError, match=message):
        sampler.fit_resample(X, NAMES)


def test_a_share_that_is_there_already():
    sampler = GenerativeOverSampler(MeanOfClass(), sampling_strategy=0.1)
    with pytest.raises(ValueError, match="means 5 rows of class 0, which has 20 already"):
        sampler.fit_resample(X[30:100], SPECIES[30:100])
    with pytest.raises(ValueError, match="Unknown label type"):
        sampler.fit_resample(X, X[:, 0])
    with pytest.raises(ValueError, match="inconsistent numbers"):
        sampler.fit_resample(X, NAMES[:9])


@pytest.mark.statistical
def test_new_rows_look_like_their_class():
    model = FlowMatcher(max_steps=300, hidden_units=32, n_steps=10, random_state=0)
    sampler = GenerativeOverSampler(model, sampling_strategy={2: 120})
    X_more, y_more = sampler.fit_resample(X, SPECIES)
    assert y_more.dtype == SPECIES.dtype
    new = X_more[120:]
    distances = [np.linalg.norm(new.mean(0) - X[k == SPECIES].mean(0)) for k in range(3)]
    assert np.argmin(distances) == 2
    # Not copies of the 20 rows that there are.
    gaps = np.linalg.norm(new[:, None] - X[None, SPECIES == 2], axis=2).min(1)
    assert np.mean(gaps > 0) > 0.5


def test_frames():
    frame = pd.DataFrame(X, columns=list("abcd")).assign(e=np.where(X[:, 0] > 5.5, "x", "y"))
    frame["f"] = (frame["a"] * 10).round().astype("int16")
    frame.index = frame.index + 7
    y = pd.Series(NAMES, name="species", dtype="category", index=frame.index)
    model = make_generative_pipeline(TableEncoder(), FlowMatcher(max_steps=5, random_state=0))
    X_more, y_more = GenerativeOverSampler(model).fit_resample(frame, y)
    assert X_more.dtypes.equals(frame.dtypes)
    assert y_more.dtype == y.dtype
    assert y_more.name == "species"
    assert counts(y_more) == {"setosa": 50, "versicolor": 50, "virginica": 50}
    assert X_more[:120].equals(frame.reset_index(drop=True))
    numbers = frame[["a", "f"]]
    sampler = GenerativeOverSampler(MeanOfClass())
    X_more, _ = sampler.fit_resample(numbers, y)
    assert X_more.dtypes.equals(numbers.dtypes)
    # A model of plain numbers knows of no whole ones: they are rounded, not cut off.
    mean = numbers["f"][y == "virginica"].mean()
    assert mean % 1 > 0.5
    assert X_more["f"].iloc[-1] == np.round(mean)


class Wild(MeanOfClass):
    """Draws numbers beyond all that it learnt, and between them."""

    def fit(self, X, *, condition=None):
        return super().fit(X.astype(float).to_numpy(), condition=condition)

    def sample(self, n_samples=1, *, condition=None, random_state=None):
        lowest, highest = (f(list(self.means_.values()), axis=0) for f in (np.min, np.max))
        spread = 1 + highest - lowest
        steps = np.linspace(-3, 3, n_samples)[:, None]
        return (lowest + highest) / 2 + steps * spread


@pytest.mark.parametrize(
    "dtype",
    [
        *("uint8", "int8", "int64", "uint64", "UInt8", "Int64", "bool", "boolean", "float32"),
        *("uint8[pyarrow]", "int64[pyarrow]", "bool[pyarrow]", "double[pyarrow]", "Float64"),
        "category",
    ],
)
def test_new_entries_fit_the_dtype_and_the_range_of_their_column(dtype):
    rng = np.random.default_rng(0)
    values = pd.Series(rng.integers(0, 2 if "bool" in dtype else 120, 80))
    if dtype == "uint64":
        values = values.astype("uint64") + np.uint64(2**64 - 200)
    column = values.astype("bool" if "bool" in dtype else values.dtype).astype(dtype)
    frame = pd.DataFrame({"x": column, "v": rng.normal(size=80)})
    y = np.repeat(["a", "b"], [60, 20])
    X_more, _ = GenerativeOverSampler(Wild()).fit_resample(frame, y)
    assert X_more.dtypes.equals(frame.dtypes)
    new = X_more["x"].iloc[80:]
    assert not new.isna().any()
    # Large integers are one and the same as floats.
    assert new.nunique() > 1 or dtype == "uint64"
    if dtype == "category":
        assert set(new) <= set(column)
    elif not dtype.lower().startswith(("float", "double")):
        assert new.min() >= column.min()
        assert new.max() <= column.max()


def test_tables_of_every_kind_are_resampled():
    rng = np.random.default_rng(0)
    days = [datetime.date(2020, 1, 1) + datetime.timedelta(int(k)) for k in rng.integers(0, 99, 60)]
    frame = pd.DataFrame(
        {
            "day": pd.Series(days, dtype=object),
            "price": pd.Series(
                [Decimal(int(k)) / 4 for k in rng.integers(0, 99, 60)], dtype=object
            ),
            "month": pd.Series(pd.period_range("2000", periods=60, freq="M")),
            "age": rng.integers(0, 9, 60).astype("uint8"),
        }
    )
    model = make_generative_pipeline(TableEncoder(), FlowMatcher(max_steps=5, random_state=0))
    X_more, _ = GenerativeOverSampler(model).fit_resample(frame, np.repeat([0, 1], [45, 15]))
    assert X_more.dtypes.equals(frame.dtypes)
    assert len(X_more) == 90
    for name in frame:
        assert X_more[name].between(frame[name].min(), frame[name].max()).all()
