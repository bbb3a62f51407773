"""How many drawn rows keep the rules of their table, and what looking for rules costs.

A simulated table of orders (5,000 rows of 14 columns: dates, prices, quantities, a discount, tax, a
total, a city and its country, gaps of one column that another tells) and the people of the census
(``adult.csv``; needs the environment variable SKGEN_DATA), by every model at its defaults, 100,000
drawn rows. For each table: the rules that are found without being told. For each model: the share
of drawn rows that keep all that is known of the table, with the rules and without them, the
seconds of the processor for either fit, and the larger area of two classifiers that tell as many
drawn rows as held-out ones.

Goals: all rows keep the rules, and a fit takes at most 1.1 times as long with them.

    SKGEN_DATA=folder python examples/benchmarks/rules.py

``--max-steps``, ``--draws`` and ``--rows`` make a quick trial of it.
"""

import time
import warnings

import numpy as np
import pandas as pd
from _common import Report, arguments, data_folder

from skgen import (
    BinaryLatentDiffusion,
    FlowMatcher,
    SchrodingerBridgeMatcher,
    TableEncoder,
    VariationalDiffusionAE,
    VQDiffusionBridge,
    make_generative_pipeline,
)
from skgen.datasets import fetch_adult
from skgen.metrics import classifier_two_sample_test

MODELS = (
    FlowMatcher,
    SchrodingerBridgeMatcher,
    VariationalDiffusionAE,
    BinaryLatentDiffusion,
    VQDiffusionBridge,
)
COUNTRIES = {"Bern": "CH", "Basel": "CH", "Paris": "FR", "Lyon": "FR", "Rome": "IT", "Bari": "IT"}
# Rows that the classifiers compare.
COMPARED = 2000


def orders(n, rng):
    """Draw orders of a shop."""
    ordered = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 360, n), "D"))
    days = 1 + rng.poisson(3, n)
    frame = pd.DataFrame(
        {
            "ordered": ordered,
            "shipped": ordered + pd.to_timedelta(rng.geometric(0.4, n) - 1, "D"),
            "city": rng.choice(list(COUNTRIES), n, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05]),
            "price": rng.lognormal(3, 0.7, n).round(2),
            "quantity": rng.geometric(0.4, n).clip(max=12),
            "percent": rng.choice([0, 0, 0, 5, 10, 20], n),
            "paid by": rng.choice(["card", "invoice", "transfer"], n, p=[0.6, 0.3, 0.1]),
        }
    )
    frame["delivered"] = frame["shipped"] + pd.to_timedelta(days, "D")
    frame["days"] = days
    frame["country"] = frame["city"].map(COUNTRIES)
    frame["net"] = (frame["price"] * frame["quantity"]).round(2)
    frame["tax"] = (0.19 * frame["net"]).round(2)
    frame["total"] = (frame["net"] + frame["tax"]).round(2)
    frame["reminders"] = pd.Series(rng.poisson(0.5, n)).where(frame["paid by"] == "invoice")
    return frame.astype({"reminders": "Int64"})


def kept_orders(frame):
    """Tell which orders keep what holds in all of them."""
    return {
        "net = price * quantity": (frame["net"] - frame["price"] * frame["quantity"]).abs() < 5e-3,
        "tax = 19% of net": (frame["tax"] - 0.19 * frame["net"]).abs() < 5.001e-3,
        "total = net + tax": (frame["total"] - frame["net"] - frame["tax"]).abs() < 5e-3,
        "ordered <= shipped": frame["ordered"] <= frame["shipped"],
        "delivered = shipped + days": frame["delivered"]
        == frame["shipped"] + pd.to_timedelta(frame["days"], "D"),
        "country of city": frame["city"].map(COUNTRIES) == frame["country"],
        "reminders of invoices": frame["reminders"].notna() == (frame["paid by"] == "invoice"),
    }


def kept_people(train):
    """Return what tells which people keep what holds, but for 4 of 32,561, of all."""
    names = train.drop_duplicates("education_num").set_index("education_num")["education"]
    names = names.astype(str)

    def kept(frame):
        return {
            "education of its number": frame["education_num"].map(names)
            == frame["education"].astype(str),
            "husbands are male": (frame["relationship"] != "Husband") | (frame["sex"] == "Male"),
        }

    return kept


def tables(options, seed):
    """Yield name, rows to learn, held-out rows, and what tells which rows keep the rules."""
    rng = np.random.default_rng(seed)
    yield "orders", orders(options.rows or 5000, rng), orders(COMPARED, rng), kept_orders
    folder = data_folder("adult")
    if folder is not None:
        train = fetch_adult(data_home=folder).data
        kept = kept_people(train)
        if options.rows:
            train = train.sample(options.rows, random_state=seed).reset_index(drop=True)
        yield "adult", train, fetch_adult(subset="test", data_home=folder).data, kept


def main():
    parser = arguments(__doc__)
    parser.add_argument("--draws", type=int, default=100_000, help="rows to draw")
    parser.add_argument("--rows", type=int, help="rows to learn, for a quick trial")
    parser.add_argument("--models", nargs="+", default=[m.__name__ for m in MODELS], help="models")
    options = parser.parse_args()
    report = Report(__file__, options)
    # Of people's names that the tables have none of, and of quick trials.
    warnings.simplefilter("ignore")
    # What the first fit of a process loads is no part of any.
    FlowMatcher(max_steps=1).fit(np.eye(9))
    for seed in options.seed:
        for data, train, held_out, kept in tables(options, seed):
            for rule in TableEncoder().fit(train).constraints_:
                print(f"{data}: {rule}", flush=True)
            for Model in (m for m in MODELS if m.__name__ in options.models):
                steps = {} if options.max_steps is None else {"max_steps": options.max_steps}
                name, seconds = Model.__name__, {}
                for constraints in ("auto", None):
                    how = "with rules" if constraints else "without"
                    pipe = make_generative_pipeline(
                        TableEncoder(constraints=constraints), Model(**steps, random_state=seed)
                    )
                    start = time.process_time()
                    pipe.fit(train)
                    seconds[how] = time.process_time() - start
                    report.add(data, name, seed, f"seconds of fit, {how}", seconds[how])
                    n_draws = options.draws if constraints else min(options.draws, 10_000)
                    drawn = pipe.sample(n_draws)
                    for rule, keeps in kept(drawn).items():
                        goal = "= 1" if constraints else ""
                        report.add(data, name, seed, f"{rule}, {how}", keeps.mean(), goal)
                    auc = classifier_two_sample_test(
                        held_out[:COMPARED], drawn[:COMPARED], random_state=seed
                    )
                    report.add(data, name, seed, f"larger auc, {how}", auc)
                ratio = seconds["with rules"] / seconds["without"]
                report.add(data, name, seed, "fit with rules over without", ratio, "<= 1.1")
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
