"""
A table like the one you have
=============================

Learn a table of orders with dates, categories, whole numbers and gaps, and draw a table that the
same code reads and the same checks pass: :class:`~skgen.TableEncoder` makes numbers of it and finds
the rules that all its rows keep, a model learns them, and
:func:`~skgen.make_generative_pipeline` brings what it draws all the way back.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skgen import TableEncoder, VQDiffusionBridge, make_generative_pipeline

# %%
# A made-up shop. Three kinds of goods have prices and seasons of their own; three orders in four
# have no discount; some customers do not tell their age. The distribution is known here, so that
# what is drawn can be held against it.

rng = np.random.default_rng(0)
n = 1500
goods = rng.choice(["books", "garden", "skis"], n, p=[0.5, 0.3, 0.2])
season = np.select([goods == "garden", goods == "skis"], [rng.normal(150, 35, n), 365], 0)
day = np.where(goods == "books", rng.integers(0, 365, n), season) + np.where(
    goods == "skis", rng.normal(-25, 30, n), 0
)
price = np.select([goods == "books", goods == "garden"], [18, 60], 320) * rng.lognormal(0, 0.4, n)
with_discount = rng.random(n) < np.where(goods == "skis", 0.6, 0.15)
orders = pd.DataFrame(
    {
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(day.round() % 365, "D"),
        "goods": pd.Categorical(goods),
        "price": price.round(2),
        "pieces": 1 + rng.binomial(3, np.where(goods == "books", 0.3, 0.05)),
        "discount": np.where(with_discount, rng.choice([5, 10, 20], n), 0),
        "age": np.where(rng.random(n) < 0.1, np.nan, rng.normal(45, 12, n).round()),
        "express": rng.random(n) < 1 / (1 + np.exp((price - 150) / 60)),
    }
)
orders["delivered"] = orders["day"] + pd.to_timedelta(1 + rng.poisson(3, n), "D")
orders["total"] = (orders["price"] * orders["pieces"]).round(2)
orders.head()

# %%
# Fit, draw, look: the drawn table has the same columns, dtypes, decimals and gaps.

start = perf_counter()
pipe = make_generative_pipeline(TableEncoder(), VQDiffusionBridge(random_state=0)).fit(orders)
drawn = pipe.sample(n)
print(f"fitted and drawn in {perf_counter() - start:.0f} s")
print("same dtypes:", drawn.dtypes.equals(orders.dtypes))
drawn.head()

# %%
# Nobody delivers before the order, and a total is what the pieces cost together. The encoder has
# found both, and each drawn row keeps them: the shop's own check, which knows nothing of the model,
# lets the new table pass.

print(*pipe[0].constraints_, sep="\n")


def check(table):
    """Raise where an order cannot be."""
    assert (table["day"] < table["delivered"]).all()
    assert np.allclose(table["total"], table["price"] * table["pieces"], atol=0.006)
    assert table["pieces"].between(1, 4).all()


check(orders)
check(drawn)

# %%
# A shop that checks its tables by `pandera <https://pandera.readthedocs.io>`__ has the same in a
# schema, and the drawn table passes it as it is:
#
# .. code-block:: python
#
#     import pandera.pandas as pa
#
#     schema = pa.DataFrameSchema(
#         {
#             "pieces": pa.Column(int, pa.Check.in_range(1, 4)),
#             "price": pa.Column(float, pa.Check.gt(0)),
#         },
#         checks=pa.Check(lambda rows: rows["day"] < rows["delivered"]),
#     )
#     schema.validate(drawn)

# %%
# One function reports on both tables.


def report(table):
    """Summarise orders by kind of goods."""
    by = table.groupby("goods", observed=True)
    return pd.DataFrame(
        {
            "share": by.size() / len(table),
            "median price": by["price"].median(),
            "with discount": by["discount"].agg(lambda column: (column > 0).mean()),
            "express": by["express"].mean(),
            "age missing": by["age"].agg(lambda column: column.isna().mean()),
        }
    ).round(2)


print(pd.concat({"real": report(orders), "drawn": report(drawn)}, axis=1).T.to_string())

# %%
# A gap is drawn given what is there: hide the goods of 200 orders, and read them off price and day.

holed = orders[:200].assign(goods=pd.Categorical([None] * 200, orders["goods"].cat.categories))
filled = pipe.impute(holed, random_state=0)
right = (filled["goods"] == orders["goods"][:200]).mean()
likeliest = orders["goods"].value_counts(normalize=True).max()
print(f"goods drawn right: {right:.0%}; always saying the most frequent: {likeliest:.0%}")

# %%
# Prices and seasons of the three kinds of goods, real above, drawn below.

figure, axes = plt.subplots(2, 2, figsize=(9, 5.5), sharex="col", sharey="col")
colors = dict(zip(orders["goods"].cat.categories, ("C0", "C2", "C1"), strict=True))
bins = {
    "price": np.geomspace(4, 1200, 40),
    "day": pd.date_range("2024-01-01", "2024-12-31", periods=40),
}
for row, (title, table) in zip(axes, {"real": orders, "drawn": drawn}.items(), strict=True):
    for axis, name in zip(row, bins, strict=True):
        for kind, part in table.groupby("goods", observed=True):
            axis.hist(part[name], bins[name], color=colors[kind], alpha=0.6, label=kind)
        axis.set_title(f"{title}: {name}")
axes[0, 0].set_xscale("log")
axes[0, 0].legend()
figure.autofmt_xdate()
figure.tight_layout()
plt.show()
