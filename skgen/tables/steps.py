"""A pipeline's steps forwards and backwards, and errors that name the place in X.

:class:`~skgen.tables.pipeline.GenerativePipeline` is built on this; its methods for users are
there, in ``completion.py`` and in ``scoring.py``.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.metadata_routing import process_routing

from skgen._compat import _get_output_config
from skgen.base import all_or_nothing, contained
from skgen.data.sources import matched, unwrapped
from skgen.shortfalls import compared_as
from skgen.tables.encoder import TableEncoder
from skgen.tables.inverses import inverted
from skgen.tables.redraws import check_redrawn
from skgen.threads import threads_for


def present(**given: Any) -> dict[str, Any]:
    """Return the arguments that are not None."""
    return {name: value for name, value in given.items() if value is not None}


def routes() -> bool:
    """Return whether scikit-learn's metadata routing is enabled."""
    return bool(get_config()["enable_metadata_routing"])


class Steps(Pipeline):
    """Transformers before a model that draws rows, which come back through them."""

    def __getitem__(self, ind):
        part = super().__getitem__(ind)
        if isinstance(ind, slice) and not (part.steps and hasattr(part.steps[-1][1], "sample")):
            return Pipeline(part.steps, memory=self.memory, verbose=self.verbose)
        return part

    # Forwards and backwards.

    @property
    def _model(self) -> Any:
        return self.steps[-1][1]

    def _transformers(self) -> list[tuple[str, Any]]:
        steps = self.steps[:-1]
        return [(name, step) for name, step in steps if step not in (None, "passthrough")]

    def _check_steps(self) -> None:
        self._validate_steps()
        last, model = self.steps[-1]
        if not hasattr(model, "sample"):
            raise TypeError(
                f"The last step of a GenerativePipeline draws samples, but step '{last}', {model}, "
                "has no method sample. End it in a generative model, or take scikit-learn's "
                "Pipeline."
            )
        for name, step in self._transformers():
            one_way = isinstance(step, FunctionTransformer) and (
                step.func is not None and step.inverse_func is None
            )
            if one_way or not hasattr(step, "inverse_transform"):
                wanted = "inverse_func" if one_way else "inverse_transform"
                raise TypeError(
                    f"New rows come back through all steps, but step '{name}', {step}, has no "
                    f"{wanted}. Transform the rows before the pipeline, or take another step."
                )
        check_redrawn(self._transformers(), model)

    def _forward(self, X: Any, routed: Any = None) -> Any:
        """Return rows as the last step gets them."""
        routed = process_routing(self, "transform") if routed is None else routed
        for name, step in self._transformers():
            X = step.transform(X, **routed[name].transform)
        return X

    @contextmanager
    def _gaps_named(self, X: Any) -> Iterator[None]:
        """Name the column of X in the error about a gap that a step refuses.

        A step gets the rows of the step before it, whose columns may have no names.
        """
        try:
            yield
        except ValueError as error:
            reason = None
            with suppress(Exception):
                if "NaN" in str(error) and self._transformers():
                    encoder = self._encoder()
                    reason = _unseen_gap(encoder, X) if encoder else _with_gap(error, X)
            if reason is None:
                raise
            raise ValueError(reason) from error

    @contextmanager
    def _learning(self, X: Any) -> Iterator[None]:
        """Name the place in X in errors of a fit, and in warnings of what it did not learn.

        A failed fit leaves all steps as they were: a model with the transformers of other rows
        would draw wrong rows.
        """
        steps = (part for part in self.get_params().values() if isinstance(part, BaseEstimator))
        compared = compared_as(
            self._model, lambda: self._learnt(X), lambda rows: self._learnt(self._back(rows))
        )
        with (
            all_or_nothing(self, *steps),
            _constant_columns_named(),
            self._gaps_named(X),
            threads_for(self),
            compared,
        ):
            yield

    def _learnt(self, X: Any) -> Any:
        """Return what is learnt of a table: not what a TableEncoder withholds."""
        encoder = self._encoder()
        return encoder._shown(X) if encoder and encoder._withheld.withholds else X

    def _encoder(self) -> TableEncoder | None:
        """Return the first step if it is a TableEncoder, else None."""
        _, first = next(iter(self._transformers()), (None, None))
        return first if isinstance(first, TableEncoder) else None

    def _back(self, rows: Any, routed: Any = None) -> Any:
        """Return rows of the last step in the units of X."""
        rows = np.asarray(rows)
        for name, step in reversed(self._transformers()):
            params = {} if routed is None else routed[name].inverse_transform
            rows = inverted(step, rows, **params)
        return rows

    def _wrapped(self, rows: Any) -> Any:
        """Return rows in the container that set_output asks for; a frame stays what it is."""
        if hasattr(rows, "columns"):
            return rows
        container = _get_output_config("transform", self._model)["dense"]
        return contained(rows, container, getattr(self, "feature_names_in_", None))

    # Metadata.

    def _addressed(self, **given: Any) -> dict[str, Any]:
        """Return arguments for the last step, named as scikit-learn's `fit` takes them."""
        prefix = "" if routes() else self.steps[-1][0] + "__"
        return {prefix + key: value for key, value in present(**given).items()}

    def _source_rows(self, source: Any) -> Any:
        """Return a source as the last step gets it, without its wrapper, by the names of X."""
        names = getattr(self, "feature_names_in_", None)
        return self._forward(matched(unwrapped(source), names, "source"))

    def _get_metadata_for_step(self, *, step_idx, step_params, all_params):
        # scikit-learn calls this when the steps before are fitted.
        params = super()._get_metadata_for_step(
            step_idx=step_idx, step_params=step_params, all_params=all_params
        )
        if step_idx < len(self.steps) - 1 or "source" in (self.transform_input or ()):
            return params
        given = (passed["source"] for passed in params.values() if passed.get("source") is not None)
        source = next(given, None)
        if source is None:
            return params
        rows = self._source_rows(source)
        return {
            method: {**passed, "source": rows} if "source" in passed else passed
            for method, passed in params.items()
        }


def _with_gap(error: ValueError, X: Any) -> str | None:
    """Return an error's message after the place of the first gap in a frame; None without a gap."""
    if not isinstance(X, pd.DataFrame) or not X.isna().to_numpy().any():
        return None
    j, i = (int(place[0]) for place in np.nonzero(X.isna().to_numpy().T))
    return f"X has no entry in row {i} of column {X.columns[j]!r}: {error}"


def _unseen_gap(encoder: TableEncoder, X: Any) -> str | None:
    """Return in words where X has a gap in a column that had none in fit; None if nowhere."""
    frame, coded = encoder._shown(X), encoder._coded()
    for j, column in enumerate(encoder._columns):
        if column.n_codes > 0 and not column.has_gaps and j in coded:
            given = frame.iloc[:, j]
            gaps = np.isnan(column.encode(given, False, encoder.handle_unknown)).any(1)
            if gaps.any():
                return _words_for_gap(column, given, int(gaps.argmax()))
    return None


def _words_for_gap(column: Any, given: pd.Series, row: int) -> str:
    """Return a message about a gap in a column that had none in fit, and what to do."""
    entry = given.iloc[row]
    what = "no entry" if pd.isna(entry) else f"{entry!r}, which fit did not see,"
    return (
        f"X has {what} in row {row} of column {column.name!r}, which had no gap in fit: impute "
        "draws missing entries; a model that shall draw gaps in this column is fitted to rows that "
        "have some."
    )


@contextmanager
def _constant_columns_named() -> Iterator[None]:
    """Say that the columns of the table are constant if the model gets none."""
    try:
        yield
    except ValueError as error:
        if "0 feature(s)" not in str(error):
            raise
        raise ValueError(
            "There is nothing to learn: every column of X is constant or empty, and the steps "
            "before the model leave none of them to it. New rows would all be like the first one."
        ) from error
