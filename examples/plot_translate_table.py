"""
Last year's customers as this year's
====================================

Two tables of a shop, of different people in two years: age, yearly spending, how they order, and
whether they are members. Between the years prices rose and orders went online. What would a
customer of last year look like today? :class:`~skgen.SchrodingerBridgeMatcher` learns to carry one
table to the other, each row as little as it has to, and a pipeline takes columns of all kinds.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skgen import SchrodingerBridgeMatcher, TableEncoder, make_generative_pipeline
from skgen.plotting import TrajectoryDisplay

CHANNELS = ["phone", "shop", "online"]


def customers(n, year, rng):
    """Return n customers: the young order online, and in the second year most do."""
    age = rng.gamma(9, 5, n).clip(18, 90).round()
    online = 1 / (1 + np.exp((age - (35 if year == 1 else 55)) / 6))
    phone = (1 - online) * (age > 60) * 0.5
    u = rng.random(n)
    channel = np.select([u < online, u < online + phone], ["online", "phone"], "shop")
    member = rng.random(n) < np.where(age > 45, 0.6, 0.25) + 0.1 * (year - 1)
    spending = np.exp(6 + 0.01 * age + 0.4 * member + 0.3 * rng.normal(size=n))
    return pd.DataFrame(
        {
            "age": age,
            "spending": (spending * (1.0 if year == 1 else 1.3)).round(2),
            "channel": pd.Categorical(channel, CHANNELS),
            "member": np.where(member, "yes", "no"),
        }
    )


rng = np.random.default_rng(0)
last_year, this_year = customers(1500, 1, rng), customers(1500, 2, rng)

# %%
# The source goes through the steps of the pipeline like the table that it is carried to.

pipe = make_generative_pipeline(
    TableEncoder(), SchrodingerBridgeMatcher(max_steps=600, random_state=0)
).set_output(transform="pandas")
pipe.fit(this_year, source=last_year)
fresh = customers(1000, 1, rng)
carried = pipe.translate(fresh)
pd.concat({"last year": fresh.head(), "carried": carried.head()}, axis=1)

# %%
# Carried customers spend as this year's do, and are still themselves: they keep their age, and who
# spent much spends much. Answers are less exact than numbers: some too many order online, and the
# new members are hardly there. The two values of a column are far apart, few rows have to change
# from one to the other, and the shortest way leaves them where they are.

summary = pd.DataFrame(
    {
        name: {
            "median spending": table["spending"].median(),
            "online": (table["channel"] == "online").mean(),
            "members": (table["member"] == "yes").mean(),
        }
        for name, table in (
            ("last year", fresh),
            ("carried", carried),
            ("this year", customers(1000, 2, rng)),
        )
    }
)
print(summary.round(2))
for column in ("age", "spending"):
    rank = fresh[column].corr(carried[column], method="spearman")
    print(f"rank correlation of {column} before and after: {rank:.2f}")

# %%
# Left, where the bridge carries 60 customers in age and spending, on the way between the scaled
# tables. Right, how they ordered and how they would order today.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), width_ratios=[1.2, 1])
encoded = pipe[0].transform(fresh.head(60))
TrajectoryDisplay.from_estimator(pipe[-1], encoded, columns=["age", "spending"], ax=left)

moves = pd.crosstab(fresh["channel"], carried["channel"]).reindex(
    index=CHANNELS, columns=CHANNELS, fill_value=0
)
right.imshow(np.sqrt(moves), cmap="Blues")
for (row, column), count in np.ndenumerate(moves.to_numpy()):
    color = "white" if count > moves.to_numpy().max() / 2 else "black"
    right.text(column, row, count, ha="center", va="center", color=color)
right.set_xticks(range(3), CHANNELS)
right.set_yticks(range(3), CHANNELS)
right.set(xlabel="carried to this year", ylabel="last year", title="customers by channel")
figure.tight_layout()
plt.show()
