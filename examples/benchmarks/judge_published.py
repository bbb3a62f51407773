"""The measures of the published comparisons of table generators; run by published_tables.py.

    python judge_published.py TRAIN.csv TEST.csv DRAWN.csv KINDS.json

It runs in an environment of its own, with the packages sdmetrics and xgboost, and prints the
measures as JSON. KINDS.json holds ``categories``, the names of the columns of categories, and
``target``, the name of the column to learn.

detection
    ``1 - (2 * max(auc, 1/2) - 1)`` of XGBoost that tells drawn rows from those of the train part,
    mean of three folds: 1 if it cannot.
beta-recall
    The share of real rows within the support of the drawn ones, Alaa et al. (ICML 2022): 1 less the
    mean distance of the curve of coverage from the diagonal. As many exact draws read 1/2, since
    the nearest drawn row competes with the nearest real one.
shape, trend
    SDMetrics' scores of columns and of pairs of columns, in percent of agreement, 0 to 1.
utility
    What XGBoost, learnt from the drawn rows, reaches on the test part: the area under the curve,
    or the root mean squared error of a numeric target.
nearer to train
    The share of drawn rows whose nearest real row is of the train part, of as many rows of either.
"""

import json
import sys
import warnings

import numpy as np
import pandas as pd
from sdmetrics.reports.single_table import QualityReport
from sklearn.metrics import roc_auc_score, root_mean_squared_error
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import NearestNeighbors
from xgboost import XGBClassifier, XGBRegressor

TREES = {"n_estimators": 100, "max_depth": 5, "enable_categorical": True, "n_jobs": 1}


def typed(frame, categories, known):
    """Give each column of categories the categories of all tables."""
    return frame.astype({name: pd.CategoricalDtype(known[name]) for name in categories})


def detection(real, drawn):
    """Return how little a boosting classifier tells drawn rows from real ones."""
    X = pd.concat([real, drawn], ignore_index=True)
    y = np.repeat([1, 0], [len(real), len(drawn)])
    areas = []
    for learn, held in StratifiedKFold(3, shuffle=True, random_state=0).split(X, y):
        trees = XGBClassifier(enable_categorical=True, n_jobs=1).fit(X.iloc[learn], y[learn])
        areas.append(roc_auc_score(y[held], trees.predict_proba(X.iloc[held])[:, 1]))
    return float(np.mean([2 - 2 * max(area, 0.5) for area in areas]))


def encoded(real, *tables):
    """Return tables as numbers: those of the real one from 0 to 1, categories as indicators."""
    all_rows = pd.get_dummies(pd.concat([real, *tables]), dtype=float).fillna(0.0)
    ends = np.cumsum([len(table) for table in (real, *tables)])
    low, high = all_rows[: len(real)].min(), all_rows[: len(real)].max()
    values = ((all_rows - low) / (high - low).where(high > low, 1.0)).to_numpy()
    return np.split(values, ends[:-1])


def beta_recall(real, drawn):
    """Return how evenly the drawn rows cover the real ones."""
    shares = np.linspace(0, 1, 30)
    to_real = NearestNeighbors(n_neighbors=2).fit(real).kneighbors(real)[0][:, 1]
    to_drawn, nearest = NearestNeighbors(n_neighbors=1).fit(drawn).kneighbors(real)
    covered = to_drawn[:, 0] <= to_real
    reached = np.linalg.norm(drawn[nearest[:, 0]] - drawn.mean(0), axis=1)
    radii = np.quantile(reached, shares)
    curve = [np.mean(covered & (reached <= radius)) for radius in radii]
    return float(1 - np.abs(shares - curve).sum() / shares.sum())


def nearer_to_train(train, test, drawn):
    """Return the share of drawn rows that are nearer to rows of the train part."""
    some = np.random.default_rng(0).permutation(len(train))[: len(test)]
    distances = [
        NearestNeighbors(n_neighbors=1).fit(rows).kneighbors(drawn)[0][:, 0]
        for rows in (train[some], test)
    ]
    difference = distances[0] - distances[1]
    return float(np.mean(difference < 0) + 0.5 * np.mean(difference == 0))


def utility(drawn, test, target):
    """Return what is learnt from the drawn rows, on the test part."""
    X, X_test = drawn.drop(columns=target), test.drop(columns=target)
    if isinstance(test[target].dtype, pd.CategoricalDtype):
        y, y_test = drawn[target].cat.codes, test[target].cat.codes
        share = XGBClassifier(**TREES).fit(X, y == 1).predict_proba(X_test)[:, 1]
        return float(roc_auc_score(y_test == 1, share))
    found = XGBRegressor(**TREES).fit(X, drawn[target]).predict(X_test)
    return float(root_mean_squared_error(test[target], found))


def main():
    warnings.simplefilter("ignore")
    train, test, drawn = (pd.read_csv(path) for path in sys.argv[1:4])
    with open(sys.argv[4]) as file:
        kinds = json.load(file)
    categories = kinds["categories"]
    for frame in (train, test, drawn):
        frame[categories] = frame[categories].astype(object).fillna("gap").astype(str)
    known = {
        name: sorted(set(train[name]) | set(test[name]) | set(drawn[name])) for name in categories
    }
    train, test, drawn = (typed(frame, categories, known) for frame in (train, test, drawn))
    columns = {
        name: {"sdtype": "categorical" if name in categories else "numerical"} for name in train
    }
    report = QualityReport()
    report.generate(train, drawn, {"columns": columns}, verbose=False)
    shape, trend = report.get_properties()["Score"]
    real, held, new = encoded(train, test, drawn)
    measures = {
        "detection": detection(train, drawn),
        "beta-recall": beta_recall(real, new),
        "shape": float(shape),
        "trend": float(trend),
        "utility": utility(drawn, test, kinds["target"]),
        "nearer to train": nearer_to_train(real, held, new),
    }
    print(json.dumps(measures))


if __name__ == "__main__":
    main()
