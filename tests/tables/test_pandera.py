"""Drawn orders pass the checks that their owner wrote for pandera, who knows nothing of skgen."""

import numpy as np
import pandas as pd
import pytest

from skgen import FlowMatcher, OneOf, TableEncoder, make_generative_pipeline

pa = pytest.importorskip("pandera.pandas", reason="pandera is an extra: pip install '.[pandera]'")

GOODS = ["books", "garden", "skis"]


def orders(n=600):
    """Make orders like those of the gallery's example of a table."""
    rng = np.random.default_rng(0)
    goods = rng.choice(GOODS, n, p=[0.5, 0.3, 0.2])
    base = np.select([goods == "books", goods == "garden"], [18, 60], 320)
    frame = pd.DataFrame(
        {
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, n), "D"),
            "goods": pd.Categorical(goods),
            "price": (base * rng.lognormal(0, 0.4, n)).round(2),
            "pieces": 1 + rng.binomial(3, 0.3, n),
            "discount": rng.choice([0, 0, 0, 5, 10, 20], n),
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.normal(45, 12, n).round()),
            "express": rng.random(n) < 0.3,
        }
    )
    frame["delivered"] = frame["day"] + pd.to_timedelta(1 + rng.poisson(3, n), "D")
    frame["total"] = (frame["price"] * frame["pieces"]).round(2)
    return frame


def schema_of(table):
    """Write down what the shop asks of its orders."""
    times = str(table["day"].dtype)
    return pa.DataFrameSchema(
        {
            "day": pa.Column(times, pa.Check.in_range("2024-01-01", "2024-12-31")),
            "goods": pa.Column(pa.Category, pa.Check.isin(GOODS)),
            "price": pa.Column(float, pa.Check.gt(0)),
            "pieces": pa.Column(int, pa.Check.in_range(1, 4)),
            "discount": pa.Column(int, pa.Check.isin([0, 5, 10, 20])),
            "age": pa.Column(float, pa.Check.in_range(0, 110), nullable=True),
            "express": pa.Column(bool),
            "delivered": pa.Column(times),
            "total": pa.Column(float, pa.Check.gt(0)),
        },
        checks=[
            pa.Check(lambda rows: rows["day"] < rows["delivered"], name="delivered after the day"),
            pa.Check(
                lambda rows: (rows["total"] - rows["price"] * rows["pieces"]).abs() < 0.0051,
                name="what the pieces cost together",
            ),
        ],
        strict=True,
        ordered=True,
    )


def quick():
    return FlowMatcher(max_steps=5, n_steps=5, random_state=0)


def test_drawn_and_completed_orders_pass_the_schema_of_their_owner():
    table = orders()
    schema = schema_of(table)
    schema.validate(table)
    rules = TableEncoder().fit(table).constraints_
    encoder = TableEncoder(constraints=[*rules, OneOf("discount", [0, 5, 10, 20])])
    pipe = make_generative_pipeline(encoder, quick()).fit(table)
    schema.validate(pipe.sample(1000), lazy=True)
    # Without rules a quick model does not pass.
    free = make_generative_pipeline(TableEncoder(constraints=None), quick()).fit(table)
    with pytest.raises(pa.errors.SchemaErrors):
        schema.validate(free.sample(1000), lazy=True)


def test_a_schema_can_be_a_function_of_rows():
    table = orders()[["day", "delivered", "pieces"]]
    late = pa.Check(lambda rows: (rows["delivered"] - rows["day"]).dt.days <= 8)
    table = table[(table["delivered"] - table["day"]).dt.days <= 8]
    schema = pa.DataFrameSchema(checks=[late])

    def passes(rows):
        try:
            schema.validate(rows, lazy=True)
        except pa.errors.SchemaErrors as error:
            return ~rows.index.isin(error.failure_cases["index"])
        return np.ones(len(rows), dtype=bool)

    encoder = TableEncoder(constraints=[passes])
    pipe = make_generative_pipeline(encoder, quick()).fit(table)
    schema.validate(pipe.sample(300), lazy=True)
