"""The rows of a fit: validated, and mapped to what a network reads; a part of them if too many."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from skgen.data.charts import charts_of
from skgen.data.checks import check_largest, check_layout, validated
from skgen.data.levels import likelihood_of
from skgen.data.out_of_core import OutOfCoreRows, is_stored, located, most_surveyed, named
from skgen.data.row_map import Data, RowMap, Rows
from skgen.data.sequences import without_gaps
from skgen.data.sources import read_source


def rows_to_learn(
    estimator: Any, data: Data, row_map: RowMap | None, digest: Any
) -> tuple[RowMap, Rows, OutOfCoreRows | None, dict[str, Any]]:
    """Validate the data of a fit and turn them into rows.

    Returns the row map; the rows, or a part if they are too many; what reads the others, or None;
    and the data, or digests of them, by name, for the checkpoint.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted; it stores the number and the names of the columns.
    data : Data
        What `fit` was given.
    row_map : RowMap or None
        A copy of the fitted map when a fit goes on; None learns a new one.
    digest : callable or None
        Makes the digests for a checkpoint, if one is wanted.
    """
    names, layout = getattr(data.X, "columns", None), estimator.input_shape
    reset = row_map is None
    data = replace(data, X=_validated(estimator, data, reset))
    (n_rows, n_features), inputs, out_of_core = data.X.shape, {}, None
    if data.source is not None:
        source, inputs["source"] = read_source(estimator, data.source, names, n_features, digest)
        data = replace(data, source=source)
    if n_rows > most_surveyed(n_features):
        # Scales, levels and axes are learnt from a part of the rows.
        out_of_core = OutOfCoreRows(data, partial(validated, estimator))
    with located(None if out_of_core is None else "In a random part of X"):
        part = data if out_of_core is None else out_of_core.survey(reset)
        check_layout(layout, n_features)
        check_largest(part.X, "X")
        if row_map is None:
            needs_condition = estimator.condition_dropout == 0
            likelihood, levels = likelihood_of(estimator)
            charts = charts_of(estimator, n_features)
            row_map = RowMap(estimator.scaling, layout, likelihood, needs_condition, charts)
            part = row_map.fit(part, levels)
        else:
            part = row_map.check(part)
    if reset:
        row_map.fit_condition(data.condition, n_rows)
    if row_map.condition_encoder is not None and data.condition is None:
        raise ValueError("The model learns with a condition: give condition= here too.")
    if out_of_core is not None:
        inputs |= out_of_core.check(row_map, digest)
    rows = row_map.forward(part)
    if out_of_core is None:
        inputs |= {"X": part.X, "condition": rows.condition, "lengths": part.lengths}
    return row_map, rows, out_of_core, inputs


def _validated(estimator: Any, data: Data, reset: bool) -> Any:
    """Return X as an array of numbers, or as it is where it is read a part at a time."""
    X = without_gaps(data.X, data.lengths, estimator.input_shape)
    if is_stored(X):
        if len(X.shape) != 2 and not isinstance(X, np.ndarray):
            raise ValueError(
                f"X has shape {tuple(X.shape)}, and must have two dimensions: a row of images "
                "or sequences is flattened, and input_shape= gives its layout."
            )
        if len(X.shape) == 2 and X.shape[0] > most_surveyed(X.shape[1]):
            return X
        X = X if isinstance(X, np.ndarray) else named(np.asarray(X[:]), X)
    return validated(estimator, X, ensure_min_samples=2, reset=reset)
