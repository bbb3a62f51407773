"""Imputation by a pipeline: missing entries are drawn, observed entries stay as they are."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skgen.base import several
from skgen.data.row_map import rows_of
from skgen.tables.availability import model_has
from skgen.tables.encoder import TableEncoder
from skgen.tables.polars_frames import as_pandas, as_polars, is_polars
from skgen.tables.redraws import Redraw, checks_of
from skgen.tables.steps import present
from skgen.threads import limited

# Most categories that an error message lists.
MOST_LISTED = 10


def missing_in(X: Any) -> np.ndarray:
    """Return which entries of a table are missing."""
    return np.asarray(pd.isna(X if isinstance(X, pd.DataFrame) else np.asarray(X)))


class CompletionMixin:
    """The methods of a pipeline that draw missing entries given the observed ones."""

    @available_if(model_has("impute"))
    @limited
    def impute(self, X, *, n_draws=1, condition=None, n_steps=None, random_state=None):
        """Draw the missing entries of X given the observed ones.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows with NaN, or another missing value of pandas, where an entry is missing.
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
        X : ndarray or frame of shape (n_samples, n_features), or a list of ``n_draws`` of them
            The completed table, a frame where the steps return frames or ``set_output`` asks for
            them; observed entries come back as they were given. With ``n_draws`` above 1, a list of
            as many tables, each as a single draw would be.

        Raises
        ------
        ValueError
            If a step cannot pass missing entries on to the model; if a function among the
            constraints of a ``TableEncoder`` does not hold in some row, however often its gaps are
            drawn again.
        """
        check_is_fitted(self)
        of_polars = is_polars(X) and self._encoder() is not None
        X = as_pandas(X) if of_polars else X
        missing = missing_in(X)
        passed = present(condition=condition, n_steps=n_steps, random_state=random_state)
        tables = self._draws(X, missing, n_draws, passed)
        if checks_of(self._encoder()):
            tables = self._redrawn_draws(X, missing, tables, passed)
        for table in tables:
            if isinstance(X, pd.DataFrame) and isinstance(table, pd.DataFrame):
                table.index = X.index
        return several([as_polars(table) for table in tables] if of_polars else tables)

    def _draws(
        self: Any, X: Any, missing: np.ndarray, n_draws: int, passed: dict[str, Any]
    ) -> list[Any]:
        """Return ``n_draws`` completed tables, in which functions may not hold yet."""
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
        drawn = self._model.impute(rows, n_draws=n_draws, **passed)
        draws = [as_pandas(self._back(part)) for part in (drawn if n_draws > 1 else [drawn])]
        encoder = self._encoder()
        if encoder is not None:
            draws = [encoder._withheld.completed(X, part) for part in draws]
        return [self._completed(X, part, missing) for part in draws]

    def _redrawn_draws(
        self: Any, X: Any, missing: np.ndarray, tables: list[Any], passed: dict[str, Any]
    ) -> list[Any]:
        """Return completed tables; incomplete rows are drawn again until all functions hold."""
        X = X if isinstance(X, pd.DataFrame) else np.asarray(X)
        seed = passed.get("random_state")
        redraw = Redraw(self._encoder(), self._model.random_state if seed is None else seed)

        def draw(places: np.ndarray, seed: int) -> Any:
            framed = isinstance(X, pd.DataFrame)
            part = X.iloc[places].reset_index(drop=True) if framed else X[places]
            conditions = rows_of(passed.get("condition"), places, len(X), "condition")
            again = {**passed, **present(condition=conditions), "random_state": seed}
            return self._draws(part, missing[places], 1, again)[0]

        free = missing.any(1)
        return [redraw(table, draw, k, free) for k, table in enumerate(tables)]

    def _drawn_given(self: Any, n_samples: int, given: Any, **options: Any) -> Any:
        """Return rows drawn given the entries of some columns, as `sample` does with ``given``."""
        refused = [name for name in options if name not in ("condition", "n_steps", "random_state")]
        if refused:
            raise TypeError(
                f"sample takes no {refused[0]} together with given=, which draws entries as impute "
                "does; leave one of the two out."
            )
        if not hasattr(self, "impute"):
            name, model = self.steps[-1]
            raise TypeError(
                f"given= draws other entries as impute does, and step '{name}', {model}, has no "
                "impute; draw many rows and keep those that match, or take another model."
            )
        encoder = self._encoder()
        labels = getattr(self, "feature_names_in_", None) if encoder is None else encoder._labels
        if labels is None:
            raise TypeError(
                "given= names columns, and the pipeline was fitted to an array, which has no "
                "names: fit it to a frame, or call impute with NaN for what is to be drawn."
            )
        dtypes = dict.fromkeys(labels, float) if encoder is None else _dtypes_of(encoder)
        rows = _rows_given(n_samples, as_pandas(given), dtypes)
        if encoder is not None:
            _check_codes(encoder, rows)
        drawn = self.impute(rows.reindex(columns=labels), **options)
        if isinstance(drawn, np.ndarray):
            drawn = pd.DataFrame(drawn, rows.index, labels)
        if encoder is None:
            return drawn
        drawn = drawn[list(dtypes)].astype(dtypes)
        return as_polars(drawn) if encoder._of_polars else drawn

    def _completed(self: Any, X: Any, drawn: Any, missing: np.ndarray) -> Any:
        """Return X with the missing entries of a draw, changed to keep the encoder's rules."""
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
        observed = X.iloc[:, j] if framed else pd.Series(X[:, j], completed.index, dtype=object)
        drawn = completed.iloc[:, j]
        if missing[:, j].all():
            observed = drawn.set_axis(observed.index)
        elif isinstance(dtype, pd.CategoricalDtype):
            both = _with_both(dtype, observed.dtype)
            observed, drawn = observed.astype(both), drawn.astype(both)
        elif isinstance(observed.dtype, pd.CategoricalDtype):
            # Made-up entries.
            observed = observed.astype(dtype)
        column = observed.where(~missing[:, j], drawn.array)
        columns.append(column if framed else column.astype(dtype).rename(completed.columns[j]))
    return pd.concat(columns, axis=1)


def _with_both(drawn: Any, observed: Any) -> Any:
    """Return a dtype with the categories that are drawn, and those of X that fit has merged."""
    if not isinstance(observed, pd.CategoricalDtype) or set(observed.categories) <= set(
        drawn.categories
    ):
        return drawn
    if set(drawn.categories) <= set(observed.categories):
        return observed
    more = drawn.categories[~drawn.categories.isin(observed.categories)]
    return pd.CategoricalDtype(observed.categories.append(more), observed.ordered)


def _rows_given(n_samples: int, given: Any, dtypes: dict[Any, Any]) -> pd.DataFrame:
    """Return the given columns as a frame, with the dtypes of fit where they have no gap."""
    if isinstance(given, pd.DataFrame):
        if len(given) != n_samples:
            raise ValueError(
                f"given has {len(given)} rows, and n_samples is {n_samples}: they must be equal, "
                f"as in sample({len(given)}, given=...)."
            )
        index = given.index
    elif isinstance(given, Mapping):
        index = pd.RangeIndex(n_samples)
    else:
        raise TypeError(
            "given must be a dict of columns and a value for each, or a frame of n_samples rows, "
            f"got {type(given).__name__}."
        )
    unknown = [name for name in given if name not in dtypes]
    if unknown:
        raise ValueError(
            f"given names the column {unknown[0]!r}, which fit did not see; it saw "
            f"{', '.join(map(repr, dtypes))}."
        )
    columns = {}
    for name in given:
        if isinstance(given, pd.DataFrame):
            present = given[name].dropna()
            columns[name] = _of_dtype(present, dtypes[name], name).reindex(index)
        else:
            present = pd.Series([given[name]], dtype=object).dropna()
            one = _of_dtype(present, dtypes[name], name)
            columns[name] = one.reindex([0] * n_samples).set_axis(index)
    return pd.DataFrame(columns, index)


def _of_dtype(present: pd.Series, dtype: Any, name: Any) -> pd.Series:
    """Return entries cast to the dtype of a column of fit; raise ValueError if one cannot be."""
    reason = f"is of dtype {dtype}"
    cast = None
    if isinstance(dtype, pd.CategoricalDtype):
        reason = f"has the categories {_listed(dtype.categories)}"
        present = present.astype(object)
        cast = present.astype(dtype) if present.isin(dtype.categories).all() else None
    else:
        with suppress(TypeError, ValueError, OverflowError):
            cast = present.astype(dtype)
    if cast is not None and not _is_changed(present, cast):
        return cast
    if len(present) == 1:
        value = present.astype(object).iloc[0]
        raise ValueError(f"given asks for {value!r} in column {name!r}, which {reason}.")
    for i in range(len(present)):
        _of_dtype(present.iloc[[i]], dtype, name)
    return present


def _is_changed(present: pd.Series, cast: pd.Series) -> bool:
    """Return whether a cast changed an entry, such as 2.5 to 2, "no" to True, or one to a gap."""
    if cast.isna().any():
        return True
    exact = is_integer_dtype(cast.dtype) or is_bool_dtype(cast.dtype)
    return exact and bool((cast.astype(object) != present.astype(object)).any())


def _dtypes_of(encoder: TableEncoder) -> dict[Any, Any]:
    """Return the dtypes of the columns that come back, by name."""
    withheld, labels = encoder._withheld, encoder._labels
    dtypes = dict(zip(withheld.places, (c.dtype for c in encoder._columns), strict=True))
    dtypes |= {j: made_up.dtype for j, made_up in withheld.identifiers.items() if made_up}
    return {labels[j]: dtypes[j] for j in withheld.returned}


def _check_codes(encoder: TableEncoder, rows: pd.DataFrame) -> None:
    """Raise ValueError if a given entry is unknown to the encoder."""
    labels = encoder._labels
    unseen = encoder.find_unseen(rows.reindex(columns=labels))
    for name in rows:
        j = labels.get_loc(name)
        wrong = rows[name][unseen[:, j] & rows[name].notna().to_numpy()]
        if len(wrong):
            column = encoder._columns[encoder._withheld.places.index(j)]
            seen = getattr(column, "values", [])
            raise ValueError(
                f"given asks for {wrong.iloc[0]!r} in column {name!r}, where fit saw "
                f"{_listed(seen) or 'no entry'}."
            )


def _listed(values: Any) -> str:
    """Return the first values as text."""
    more = ", ..." if len(values) > MOST_LISTED else ""
    return ", ".join(map(repr, list(values)[:MOST_LISTED])) + more
