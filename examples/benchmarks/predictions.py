"""Predictive distributions of GenerativeRegressor beside gradient boosting for quantiles.

Four tables, one target each: the progression of diabetes (442 rows of 10 columns), house values of
block groups of California with gaps (5,000 rows of 8 columns), the output of a
power plant (5,000 of 4) and the hours of work of people of the census (5,000 of 14, nine of them
categories, with gaps); all but the first need the environment variable SKGEN_DATA. A fifth of the
rows, at most 500, is held out.

- ``GenerativeRegressor`` of the given models at their defaults, 100 draws for each row;
- ``HistGradientBoostingRegressor`` for 19 quantiles, .05, .10, ..., .95, one fit each, sorted in
  each row, and one fit for the mean; categories as it takes them.

On the held-out rows: the continuous ranked probability score as twice the mean pinball loss of the
19 quantiles, less is better; the share of targets between the quantiles .05 and .95, .90 is right;
the root mean squared error of the mean. Seconds are of the processor.

    SKGEN_DATA=folder python examples/benchmarks/predictions.py
"""

import warnings
from time import process_time

import numpy as np
from _common import Report, arguments, data_folder
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_pinball_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split

from skgen import FlowMatcher, GenerativeRegressor, VQDiffusionBridge
from skgen.datasets import fetch_adult, fetch_california_housing, fetch_power_plant

MODELS = {"vq": VQDiffusionBridge, "flow": FlowMatcher}
LEVELS = np.arange(1, 20) / 20
MOST_ROWS = 5500


def tables():
    """Yield the name of each table that is there, the table and its target."""
    yield "diabetes", load_diabetes(as_frame=True, scaled=False).frame, "target"
    folder = data_folder("california, power plant and hours")
    if folder is None:
        return
    houses = fetch_california_housing(data_home=folder, as_frame=True).data
    yield "california", houses, "median_house_value"
    plant = fetch_power_plant(data_home=folder, as_frame=True).data
    yield "power plant", plant, plant.columns[-1]
    yield "hours", fetch_adult(subset="train", data_home=folder).data, "hours_per_week"


def boosted(X, y, X_test):
    """Return quantiles and means of gradient boosting."""
    kinds = {"categorical_features": "from_dtype", "random_state": 0}
    quantiles = [
        HistGradientBoostingRegressor(loss="quantile", quantile=level, **kinds).fit(X, y)
        for level in LEVELS
    ]
    mean = HistGradientBoostingRegressor(**kinds).fit(X, y).predict(X_test)
    return np.sort([model.predict(X_test) for model in quantiles], axis=0).T, mean


def drawn(model, X, y, X_test):
    """Return quantiles and means of draws."""
    drawn = GenerativeRegressor(model).fit(X, y).sample_y(X_test, 100)
    # As `predict_quantiles` and `predict` do, of the same draws.
    return np.quantile(drawn, LEVELS, axis=1, method="weibull").T, drawn.mean(1)


def main():
    """Run all models on all tables."""
    parser = arguments(__doc__, seeds=range(3))
    parser.add_argument("--model", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--table", nargs="+")
    options = parser.parse_args()
    report = Report(__file__, options)
    warnings.simplefilter("ignore")
    for name, table, target in tables():
        if options.table and name not in options.table:
            continue
        for seed in options.seed:
            rows = table.sample(min(MOST_ROWS, len(table)), random_state=seed)
            train, test = train_test_split(
                rows, test_size=min(500, len(rows) // 5), random_state=seed
            )
            X, y = train.drop(columns=target), train[target].to_numpy(float)
            X_test, y_test = test.drop(columns=target), test[target].to_numpy(float)
            makers = {"gradient boosting": None}
            makers |= {
                kind: MODELS[kind](max_steps=options.max_steps, random_state=seed)
                for kind in options.model
            }
            for kind, model in makers.items():
                start = process_time()
                if model is None:
                    quantiles, mean = boosted(X, y, X_test)
                else:
                    quantiles, mean = drawn(model, X, y, X_test)
                seconds = process_time() - start
                losses = [
                    mean_pinball_loss(y_test, q, alpha=level)
                    for q, level in zip(quantiles.T, LEVELS, strict=True)
                ]
                inside = (quantiles[:, 0] <= y_test) & (y_test <= quantiles[:, -1])
                report.add(name, kind, seed, "ranked probability score", 2 * np.mean(losses))
                report.add(name, kind, seed, "inside of 90%", inside.mean())
                error = root_mean_squared_error(y_test, mean)
                report.add(name, kind, seed, "root mean squared error", error)
                report.add(name, kind, seed, "seconds", seconds)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
