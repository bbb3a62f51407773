"""Frames of polars: they are learnt, drawn, completed and stored with the types that they had."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from skgen import (
    BinaryLatentDiffusion,
    FlowMatcher,
    GenerativeImputer,
    GenerativeOverSampler,
    Inequality,
    Range,
    Sum,
    TableEncoder,
    load,
    make_generative_pipeline,
    save,
)

N = 60
RNG = np.random.default_rng(0)
DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(int(k)) for k in RNG.integers(0, 90, N)]
FRAME = pl.DataFrame(
    {
        "whole": RNG.integers(0, 99, N),
        "byte": pl.Series(RNG.integers(0, 255, N), dtype=pl.UInt8),
        "real": np.round(RNG.normal(size=N), 2),
        "single": pl.Series(np.round(RNG.normal(size=N), 1), dtype=pl.Float32),
        "text": RNG.choice(["red", "green", "blue"], N),
        "kind": pl.Series(RNG.choice(["x", "y"], N), dtype=pl.Categorical),
        "size": pl.Series(RNG.choice(["l", "s"], N), dtype=pl.Enum(["s", "m", "l"])),
        "paid": RNG.random(N) < 0.5,
        "day": DAYS,
        "noon": pl.Series(
            [datetime.datetime(2024, 6, 1, 12) + datetime.timedelta(hours=k % 7) for k in range(N)],
            dtype=pl.Datetime("ms", "Europe/Berlin"),
        ),
        "took": [datetime.timedelta(minutes=k % 11) for k in range(N)],
        "clock": [datetime.time(8 + k % 5) for k in range(N)],
        "sum": [Decimal(int(k)) / 4 for k in RNG.integers(0, 50, N)],
    }
)
EVERY_FIFTH = pl.arange(0, N, eager=True) % 5 == 0
WITH_GAPS = FRAME.with_columns(pl.when(~EVERY_FIFTH).then(pl.all()).name.keep())


def quick():
    return make_generative_pipeline(
        TableEncoder(), BinaryLatentDiffusion(max_steps=20, random_state=0)
    )


@pytest.mark.parametrize("frame", [FRAME, WITH_GAPS], ids=["whole", "gaps"])
def test_a_frame_comes_back(frame):
    encoder = TableEncoder().fit(frame)
    Z = encoder.transform(frame)
    assert Z.dtype == np.float64
    assert_frame_equal(encoder.inverse_transform(Z), frame)


def test_a_pipeline_draws_and_completes_frames(tmp_path):
    pipe = quick().fit(FRAME)
    drawn = pipe.sample(7)
    assert drawn.schema == FRAME.schema
    assert drawn.null_count().sum_horizontal().item() == 0
    completed = pipe.impute(WITH_GAPS)
    assert completed.schema == FRAME.schema
    assert completed.null_count().sum_horizontal().item() == 0
    assert_frame_equal(completed.filter(~EVERY_FIFTH), FRAME.filter(~EVERY_FIFTH))
    first, second = pipe.impute(WITH_GAPS, n_draws=2)
    assert first.schema == second.schema == FRAME.schema
    save(pipe, tmp_path / "m")
    assert_frame_equal(load(tmp_path / "m").sample(7), drawn)


def test_an_imputer_learns_from_frames_and_completes_them():
    imputer = GenerativeImputer(quick(), random_state=0)
    completed = imputer.fit_transform(WITH_GAPS)
    assert completed.schema == FRAME.schema
    assert completed.null_count().sum_horizontal().item() == 0
    assert_frame_equal(completed.filter(~EVERY_FIFTH), FRAME.filter(~EVERY_FIFTH))
    assert isinstance(imputer.transform(WITH_GAPS.to_pandas()), pd.DataFrame)


@pytest.mark.parametrize("columns", [FRAME.columns, ["whole", "byte", "single", "paid"]])
def test_an_over_sampler_adds_rows_to_frames(columns):
    model = quick() if columns == FRAME.columns else quick()[-1]
    y = pl.Series("class", ["a"] * 40 + ["b"] * 20, dtype=pl.Categorical)
    X_more, y_more = GenerativeOverSampler(model).fit_resample(FRAME.select(columns), y)
    assert X_more.schema == FRAME.select(columns).schema
    assert_frame_equal(X_more[:N], FRAME.select(columns))
    assert y_more.to_list() == y.to_list() + ["b"] * 20
    assert (y_more.name, y_more.dtype) == ("class", pl.Categorical)


def test_the_rest_is_drawn_given_columns():
    pipe = quick().fit(FRAME)
    given = {"day": datetime.date(2024, 2, 3), "size": "l", "sum": Decimal("2.5")}
    drawn = pipe.sample(4, given=given)
    assert drawn.schema == FRAME.schema
    assert drawn["day"].to_list() == [datetime.date(2024, 2, 3)] * 4
    assert drawn["size"].to_list() == ["l"] * 4
    assert drawn["sum"].to_list() == [Decimal("2.5")] * 4
    assert_frame_equal(pipe.sample(3, given=FRAME[:3, 4:6])[:, 4:6], FRAME[:3, 4:6])
    with pytest.raises(ValueError, match="'pink' in column 'text', where fit saw"):
        pipe.sample(4, given={"text": "pink"})


def test_frames_of_both_kinds_are_read():
    encoder = TableEncoder().fit(FRAME.select("whole", "text"))
    pandas = FRAME.select("whole", "text").to_pandas()
    Z = encoder.transform(pandas)
    np.testing.assert_array_equal(Z, encoder.transform(FRAME.select("whole", "text")))
    of_pandas = TableEncoder().fit(pandas)
    back = of_pandas.inverse_transform(of_pandas.transform(FRAME.select("whole", "text")))
    assert back.equals(pandas)


def test_lists_are_refused_in_words():
    frame = pl.DataFrame({"x": [[1], [2]]})
    with pytest.raises((TypeError, ValueError), match="column 'x'"):
        TableEncoder().fit(frame)


@pytest.mark.parametrize("kind", [pl.Date, pl.Datetime("us"), pl.Datetime("ms", "UTC")])
def test_dates_keep_their_order_and_their_distance(kind):
    rng = np.random.default_rng(0)
    start = pl.Series(rng.integers(18_000, 18_300, 400)).cast(pl.Int32).cast(pl.Date)
    nights, lag = rng.integers(0, 30, (2, 400))
    frame = pl.DataFrame({"start": start, "nights": nights}).with_columns(
        end=pl.col("start") + pl.duration(days="nights"),
        paid=pl.col("start") + pl.duration(days=pl.Series(lag)),
    )
    frame = frame.with_columns(pl.col("start", "end", "paid").cast(kind))
    encoder = TableEncoder().fit(frame)
    assert set(encoder.constraints_) == {
        Sum("end", ("start", "nights"), unit="D"),
        Inequality("start", "paid"),
    }
    Z = encoder.transform(frame)
    assert_frame_equal(encoder.inverse_transform(Z), frame)
    drawn = encoder.inverse_transform(2 * rng.normal(size=Z.shape))
    assert drawn.schema == frame.schema
    assert (drawn["start"] <= drawn["paid"]).all()
    assert (drawn["end"] - drawn["start"]).dt.total_days().to_list() == drawn["nights"].to_list()


def test_completed_dates_keep_their_order():
    rng = np.random.default_rng(0)
    start = pl.Series(rng.integers(18_000, 18_300, 200)).cast(pl.Int32).cast(pl.Date)
    frame = pl.DataFrame({"start": start, "lag": rng.integers(0, 30, 200)})
    frame = frame.select("start", end=pl.col("start") + pl.duration(days="lag"))
    model = FlowMatcher(max_steps=5, random_state=0)
    pipeline = make_generative_pipeline(TableEncoder(), model).fit(frame)
    for name in frame.columns:
        holes = frame.with_columns(pl.lit(None, dtype=pl.Date).alias(name))
        completed = pipeline.impute(holes, random_state=0)
        assert completed.schema == frame.schema
        assert (completed["start"] <= completed["end"]).all()


def test_days_have_bounds():
    days = [datetime.date(2024, 1, 1 + k) for k in range(20)]
    rule = Range("day", datetime.date(2023, 12, 1), "2024-02-01")
    encoder = TableEncoder(constraints=[rule]).fit(pl.DataFrame({"day": days}))
    drawn = encoder.inverse_transform([[-9.0], [9.0]])["day"].to_list()
    assert drawn == [datetime.date(2023, 12, 1), datetime.date(2024, 2, 1)]
    at_noon = [Range("day", datetime.datetime(2023, 12, 1, 12))]
    with pytest.raises(ValueError, match=r"'day' is to be bounded by .* give a day"):
        TableEncoder(constraints=at_noon).fit(pl.DataFrame({"day": days}))
