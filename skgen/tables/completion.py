"""Rows completed by a pipeline: what is missing is drawn, what is observed comes back as it was."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skgen.base import several
from skgen.tables.availability import model_has
from skgen.tables.steps import present
from skgen.threads import limited


def missing_in(X: Any) -> np.ndarray:
    """Tell which entries of a table are missing."""
    return np.asarray(pd.isna(X if isinstance(X, pd.DataFrame) else np.asarray(X)))


class CompletionMixin:
    """The methods of a pipeline that draw some entries of a row given the others."""

    @available_if(model_has("impute"))
    @limited
    def impute(self, X, *, n_draws=1, condition=None, n_steps=None, random_state=None):
        """Draw the missing entries of X given the observed ones.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows with NaN, or whatever is missing in a frame, where an entry is missing.
        n_draws : int, default=1
            Number of completions of each row; analyses of the completed tables, one by one, are
            pooled as those of multiple imputation.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        n_steps : int, default=None
            Number of noise levels; None takes the model's own.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the model's.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features), or ``n_draws`` of them
            The completed table; observed entries come back as they were given. With ``n_draws``
            above 1, as many tables, each as a single draw would be: ``X[k]`` is the k-th in an
            array of shape (n_draws, n_samples, n_features), or in a list of frames where the steps
            return frames or ``set_output`` asks for them.

        Raises
        ------
        ValueError
            If a step cannot pass missing entries on to the model.
        """
        check_is_fitted(self)
        missing = missing_in(X)
        rows = X
        for name, step in self._transformers():
            if hasattr(step, "transform_holes"):
                rows = step.transform_holes(rows)
                continue
            tags = get_tags(step)
            passes = tags.input_tags.allow_nan or tags.no_validation or not missing.any()
            rows = step.transform(rows) if passes else None
            if not passes or (missing.any() and not missing_in(rows).any()):
                raise ValueError(
                    f"impute needs steps that leave missing entries to the model, and step "
                    f"'{name}', {step}, {'fills' if passes else 'refuses'} them."
                )
        told = present(condition=condition, n_steps=n_steps, random_state=random_state)
        drawn = self._model.impute(rows, n_draws=n_draws, **told)
        draws = [self._back(part) for part in (drawn if n_draws > 1 else [drawn])]
        tables = [self._completed(X, part, missing) for part in draws]
        for table in tables:
            if isinstance(X, pd.DataFrame) and isinstance(table, pd.DataFrame):
                table.index = X.index
        return several(tables)

    def _completed(self: Any, X: Any, drawn: Any, missing: np.ndarray) -> Any:
        """Return X with its missing entries drawn, and the rules kept that the first step knows."""
        rows = _observed_kept(X, drawn, missing)
        steps = self._transformers()
        if steps and hasattr(steps[0][1], "keep_constraints"):
            rows = steps[0][1].keep_constraints(rows, drawn, missing)
        return self._wrapped(rows)


def _observed_kept(X: Any, completed: Any, missing: np.ndarray) -> Any:
    """Return the completed rows with the observed entries of X as they were."""
    if not isinstance(completed, pd.DataFrame):
        return np.where(missing, completed, np.where(missing, 0, X).astype(completed.dtype))
    framed = isinstance(X, pd.DataFrame)
    columns = []
    for j, dtype in enumerate(completed.dtypes):
        given = X.iloc[:, j] if framed else pd.Series(X[:, j], completed.index, dtype=object)
        if missing[:, j].all():
            given = completed.iloc[:, j].set_axis(given.index)
        elif isinstance(dtype, pd.CategoricalDtype):
            # Categories that the rows at hand happen to lack may be drawn.
            given = given.astype(dtype)
        whole = given.where(~missing[:, j], completed.iloc[:, j].array)
        columns.append(whole if framed else whole.astype(dtype).rename(completed.columns[j]))
    return pd.concat(columns, axis=1)
