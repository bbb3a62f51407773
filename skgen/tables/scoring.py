"""Scores of a pipeline: densities of rows in the units of X, and those of encoded rows."""

from typing import Any

import numpy as np
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skgen.tables.availability import can_score, can_score_samples, model_has
from skgen.tables.densities import log_slope
from skgen.tables.steps import present, routes
from skgen.threads import limited


class ScoringMixin:
    """The methods of a pipeline that score rows."""

    @available_if(can_score_samples)
    @limited
    def score_samples(self, X, *, condition=None):
        """Return the log-likelihood of each row, or its lower bound, in nats.

        It exists where rows have a density in the units of X, once the pipeline is fitted: where
        the log-determinant of every step is known. `score_samples_encoded` needs none.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows; the value is that of their density in the units they are given in.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            The model's score of the encoded row, and the steps' log-determinants.
        """
        check_is_fitted(self)
        routed = process_routing(self, "score")
        with self._gaps_named(X):
            return self._score_rows(X, routed, present(condition=condition))

    @available_if(model_has("score_samples"))
    @limited
    def score_samples_encoded(self, X, *, condition=None):
        """Return the model's score of each encoded row: as the steps hand it to the model.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows, in the units of the training data.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats, in the units of the encoded rows: it compares rows, and models that come after
            the same steps fitted to the same rows.
        """
        check_is_fitted(self)
        with self._gaps_named(X):
            return self._model.score_samples(self._forward(X), **present(condition=condition))

    @available_if(model_has("score"))
    @limited
    def score_encoded(self, X, y=None, *, condition=None):
        """Return how well the model explains the encoded rows: higher is better.

        Where a pipeline has no `score`, such as one of a :class:`skgen.TableEncoder` and columns of
        many kinds, a search takes this one: ``GridSearchCV(pipe, grid,
        scoring=GenerativePipeline.score_encoded)``.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows, in the units of the training data.
        y : array-like, default=None
            Ignored.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.

        Returns
        -------
        score : float
            Mean of `score_samples_encoded`, in nats per row: it compares models that come after the
            same steps, not steps. A model that has none, such as a bridge between rows, scores the
            encoded rows its own way.
        """
        if hasattr(self._model, "score_samples"):
            return float(np.mean(self.score_samples_encoded(X, condition=condition)))
        check_is_fitted(self)
        with self._gaps_named(X):
            return self._model.score(self._forward(X), **present(condition=condition))

    def _score_rows(self: Any, X: Any, routed: Any, passed: dict[str, Any]) -> np.ndarray:
        total: Any = 0.0
        for name, step in self._transformers():
            Y = step.transform(X, **routed[name].transform)
            total, X = total + log_slope(step, X, Y), Y
        scores = self._model.score_samples(X, **passed)
        # A density depends on the units of X; a probability does not.
        levels = getattr(getattr(self._model, "row_map_", None), "levels", None)
        return scores + total if levels is None else scores

    @available_if(can_score)
    @limited
    def score(self, X, y=None, *, condition=None, source=None, **params):
        """Return how well the pipeline explains X: higher is better.

        It exists where rows have a density in the units of X, once the pipeline is fitted, and
        where the model scores without one; `score_encoded` needs none.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows, in the units of the training data.
        y : array-like, default=None
            Ignored by the models of this library.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        source : array-like of shape (n_source, n_features) or UncutSource, default=None
            Rows for a bridge to carry, in the units of X.
        **params : dict of str to object
            Metadata that steps have requested.

        Returns
        -------
        score : float
            Mean of `score_samples`, in nats a row. A model that has none, such as a bridge between
            rows, scores the transformed rows its own way.
        """
        check_is_fitted(self)
        passed = present(condition=condition, source=source)
        routed = process_routing(self, "score", **(passed if routes() else {}), **params)
        if routes():
            passed = dict(routed[self.steps[-1][0]].score)
        with self._gaps_named(X):
            if hasattr(self._model, "score_samples") and "source" not in passed:
                return float(np.mean(self._score_rows(X, routed, passed)))
            if passed.get("source") is not None:
                passed["source"] = self._source_rows(passed["source"])
            return self._model.score(self._forward(X, routed), **passed)
