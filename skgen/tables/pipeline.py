r"""Pipelines that end in a generative model: scikit-learn's, with a way back.

A transformer :math:`T` before the model maps rows :math:`x` to :math:`y = T(x)`, and the model
learns the law of :math:`y`. New rows are carried back, :math:`x = T^{-1}(y)`, and where :math:`T`
is a smooth map between as many columns, densities are too:

.. math:: \log p(x) = \log p(y) + \log \left| \det \frac{\partial T}{\partial x} \right| .
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import UNUSED, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skgen._compat import _get_output_config
from skgen.base import contained, several
from skgen.shortfalls import seen_as
from skgen.tables.availability import can_score, can_score_samples, model_has
from skgen.tables.densities import log_slope
from skgen.tables.encoder import TableEncoder
from skgen.tables.inverses import inverted
from skgen.threads import limited, threads_for

__all__ = ["GenerativePipeline", "make_generative_pipeline"]


def _present(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _missing(X: Any) -> np.ndarray:
    return np.asarray(pd.isna(X if isinstance(X, pd.DataFrame) else np.asarray(X)))


class GenerativePipeline(Pipeline):
    """Transformers, and a generative model of what they return.

    A :class:`~sklearn.pipeline.Pipeline` whose last step draws samples. New rows come back through
    the transformers' ``inverse_transform``, the last one first, so that they are in the units of X,
    and so does all else that the model returns; `score_samples` is the density of X as it was
    given. A method exists where the last step has it.

    Parameters
    ----------
    steps : list of (str, estimator)
        Names and steps. All but the last transform, and can be inverted; the last has ``sample``.
    transform_input : list of str, default=None
        As in :class:`~sklearn.pipeline.Pipeline`.
    memory : str or joblib.Memory, default=None
        Where to cache the fitted transformers.
    verbose : bool, default=False
        Whether to tell the time of each step.

    See Also
    --------
    make_generative_pipeline : The same with names from the steps' types.

    Notes
    -----
    ``condition`` and ``source`` belong to the model: ``pipe.fit(X, condition=c)`` hands them to the
    last step, a source transformed like X. With
    ``sklearn.set_config(enable_metadata_routing=True)`` the steps must request what `fit`,
    `transform`, `inverse_transform` and `score` are given, as in every pipeline;
    `sample`, `impute`, `translate` and `score_samples`, which scikit-learn does not route, hand
    on what they get.

    The log-determinant is known of ``StandardScaler``, ``MinMaxScaler``, ``MaxAbsScaler``,
    ``RobustScaler``, ``PowerTransformer``, ``QuantileTransformer``, ``PCA`` with all components and
    ``"passthrough"``. A ``QuantileTransformer`` ends at the smallest and the largest row of the
    fit: a row beyond them has density 0, a score of minus infinity. The models' own
    ``scaling="quantile"`` has tails.

    A ``PowerTransformer`` whose power is below 0 or above 2 has numbers that it maps no row to, and
    so has many a function. What a model draws there comes back as the row of the nearest number
    that there is a way back from, which can be very large: no density belongs to it. Draws for an
    ``OrdinalEncoder``, and for a ``KBinsDiscretizer`` of ordinals, go to the nearest category.

    A slice without the last step, such as ``pipe[:-1]``, is an ordinary pipeline.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import PowerTransformer
    >>> from skgen import GenerativePipeline, VariationalDiffusionAE
    >>> X, y = load_iris(return_X_y=True)
    >>> pipe = GenerativePipeline(
    ...     [
    ...         ("power", PowerTransformer()),
    ...         ("model", VariationalDiffusionAE(max_steps=50, random_state=0)),
    ...     ]
    ... )
    >>> pipe.fit(X, condition=y).sample(5, condition=2).shape
    (5, 4)
    """

    # The model's requests count, not the pipeline's own.
    __metadata_request__fit = {"condition": UNUSED, "source": UNUSED}
    __metadata_request__transform = {"condition": UNUSED}
    __metadata_request__inverse_transform = {"condition": UNUSED}
    __metadata_request__score = {"condition": UNUSED, "source": UNUSED}

    def __getitem__(self, ind):
        part = super().__getitem__(ind)
        if isinstance(ind, slice) and not (part.steps and hasattr(part.steps[-1][1], "sample")):
            return Pipeline(part.steps, memory=self.memory, verbose=self.verbose)
        return part

    # The way there and back.

    @property
    def _model(self) -> Any:
        return self.steps[-1][1]

    def _transformers(self) -> list[tuple[str, Any]]:
        steps = self.steps[:-1]
        return [(name, step) for name, step in steps if step not in (None, "passthrough")]

    def _check_steps(self) -> None:
        self._validate_steps()
        name, model = self.steps[-1]
        if not hasattr(model, "sample"):
            raise TypeError(
                f"The last step of a GenerativePipeline draws samples, but step '{name}', {model}, "
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

    def _forward(self, X: Any, routed: Any = None) -> Any:
        """Return rows as the last step sees them."""
        routed = process_routing(self, "transform") if routed is None else routed
        for name, step in self._transformers():
            X = step.transform(X, **routed[name].transform)
        return X

    @contextmanager
    def _gaps_named(self, X: Any) -> Iterator[None]:
        """Say of a gap that a step refuses in which column of X it is.

        A step knows the rows of the one before only, in which columns may have no names.
        """
        try:
            yield
        except ValueError as error:
            reason = None
            with suppress(Exception):
                _, first = self._transformers()[0]
                if "NaN" in str(error):
                    encoded = isinstance(first, TableEncoder)
                    reason = first._unseen_gap(X) if encoded else _with_gap(error, X)
            if reason is None:
                raise
            raise ValueError(reason) from error

    @contextmanager
    def _learning(self, X: Any) -> Iterator[None]:
        """Say of what goes wrong in a fit, or of what it could not learn, where it is in X."""
        told = seen_as(self._model, X, self._back)
        with _nothing_left_told(), self._gaps_named(X), threads_for(self), told:
            yield

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
        """Return what is meant for the last step as scikit-learn's `fit` takes it."""
        prefix = "" if _routes() else self.steps[-1][0] + "__"
        return {prefix + key: value for key, value in _present(**given).items()}

    def _source_rows(self, source: Any) -> Any:
        """Return a source as the last step sees it, without what keeps it whole."""
        return self._forward(_unwrapped(source))

    def _get_metadata_for_step(self, *, step_idx, step_params, all_params):
        # scikit-learn asks for this when the steps before are fitted.
        params = super()._get_metadata_for_step(
            step_idx=step_idx, step_params=step_params, all_params=all_params
        )
        if step_idx < len(self.steps) - 1 or "source" in (self.transform_input or ()):
            return params
        given = (told["source"] for told in params.values() if told.get("source") is not None)
        source = next(given, None)
        if source is None:
            return params
        rows = self._source_rows(source)
        return {
            method: {**told, "source": rows} if "source" in told else told
            for method, told in params.items()
        }

    # What users call.

    def fit(self, X, y=None, *, condition=None, source=None, **params):
        """Fit the steps one after the other, the model last.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows to learn from, as the first step takes them.
        y : array-like, default=None
            For transformers that read it. The models of this library do not.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            Labels or real vectors, for a model that learns p(x | condition).
        source : array-like of shape (n_source, n_features) or Whole, default=None
            Rows that a bridge starts from, in the units of X; the steps transform them like X.
        **params : dict of str to object
            Further parameters of steps, as in :class:`~sklearn.pipeline.Pipeline`.

        Returns
        -------
        self : object
            The fitted pipeline.

        Raises
        ------
        TypeError
            If the last step draws no samples, or another one has no way back.
        ValueError
            If the steps leave nothing to learn, as where every column is constant, or the model
            cannot use what they leave.
        """
        self._check_steps()
        told = self._addressed(condition=condition, source=source)
        with self._learning(X):
            return super().fit(X, y, **told, **params)

    @available_if(model_has("transform"))
    def fit_transform(self, X, y=None, *, condition=None, source=None, **params):
        """Fit the steps and return the model's latent rows of X.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows to learn from, as the first step takes them.
        y : array-like, default=None
            For transformers that read it.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        source : array-like of shape (n_source, n_features) or Whole, default=None
            Rows that a bridge starts from, in the units of X.
        **params : dict of str to object
            Further parameters of steps, as in :class:`~sklearn.pipeline.Pipeline`.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_latent)
            The latent of each row.
        """
        self._check_steps()
        told = self._addressed(condition=condition, source=source)
        with self._learning(X):
            return super().fit_transform(X, y, **told, **params)

    @available_if(model_has("transform"))
    @limited
    def transform(self, X, *, condition=None, **params):
        """Transform rows by all steps, the model's latent being the last.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows, as in fit.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        **params : dict of str to object
            Metadata that steps have requested.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_latent)
            The latent of each row.
        """
        with self._gaps_named(X):
            if _routes() or condition is None:
                return super().transform(X, **_present(condition=condition), **params)
            check_is_fitted(self)
            return self._model.transform(self._forward(X), condition=condition)

    @available_if(model_has("inverse_transform"))
    @limited
    def inverse_transform(self, X, *, condition=None, **params):
        """Map the model's latent rows back to data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_latent)
            Latent rows, as `transform` returns them.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        **params : dict of str to object
            Metadata that steps have requested.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features)
            Rows in the units of X.
        """
        check_is_fitted(self)
        told, routed = _present(condition=condition), None
        if _routes() or params:
            routed = process_routing(self, "inverse_transform", **told, **params)
            told = routed[self.steps[-1][0]].inverse_transform
        return self._wrapped(self._back(self._model.inverse_transform(X, **told), routed))

    @available_if(model_has("sample"))
    @limited
    def sample(
        self,
        n_samples=1,
        *,
        condition=None,
        guidance_scale=0.0,
        n_steps=None,
        random_state=None,
        **options,
    ):
        """Draw new rows.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        condition : scalar or array-like of shape (n_samples,) or (n_samples, n_columns)
            What to condition on; a scalar serves all rows. None draws without a condition.
        guidance_scale : float, default=0.0
            How far predictions move towards the condition beyond the conditional ones.
        n_steps : int, default=None
            Number of sampling steps; None takes the model's.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the model's.
        **options : dict of str to object
            Further options of the model's ``sample``, such as ``stochastic=True`` of a bridge.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features)
            New rows, in the units of the training data. Where the model returns more than rows,
            a tuple that begins with them.
        """
        check_is_fitted(self)
        told = _present(condition=condition, n_steps=n_steps, random_state=random_state)
        if guidance_scale != 0:
            told["guidance_scale"] = guidance_scale
        return self._returned(self._model.sample(n_samples, **told, **options))

    @limited
    def _returned(self, drawn: Any) -> Any:
        """Return what the model drew, its rows in the units of X."""
        rows, *others = drawn if isinstance(drawn, tuple) else (drawn,)
        X = self._wrapped(self._back(rows))
        return (X, *others) if others else X

    @available_if(model_has("sample_batches"))
    def sample_batches(self, n_samples, batch_size=16_384, **options):
        """Draw new rows, some at a time, in the memory of a batch.

        Parameters
        ----------
        n_samples : int
            Number of rows in all.
        batch_size : int, default=16384
            Rows of a batch; the last one may have fewer.
        **options : dict of str to object
            Options of `sample`: ``condition``, ``random_state`` and the rest.

        Returns
        -------
        batches : iterator
            Over what `sample` returns of a batch's number of rows. The batches of a seed are, one
            after the other, what ``sample(n_samples)`` returns for it.
        """
        check_is_fitted(self)
        return map(self._returned, self._model.sample_batches(n_samples, batch_size, **options))

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
        missing = _missing(X)
        rows = X
        for name, step in self._transformers():
            if hasattr(step, "transform_holes"):
                rows = step.transform_holes(rows)
                continue
            tags = get_tags(step)
            passes = tags.input_tags.allow_nan or tags.no_validation or not missing.any()
            rows = step.transform(rows) if passes else None
            if not passes or (missing.any() and not _missing(rows).any()):
                raise ValueError(
                    f"impute needs steps that leave missing entries to the model, and step "
                    f"'{name}', {step}, {'fills' if passes else 'refuses'} them."
                )
        told = _present(condition=condition, n_steps=n_steps, random_state=random_state)
        drawn = self._model.impute(rows, n_draws=n_draws, **told)
        draws = [self._back(part) for part in (drawn if n_draws > 1 else [drawn])]
        tables = [self._completed(X, part, missing) for part in draws]
        for table in tables:
            if isinstance(X, pd.DataFrame) and isinstance(table, pd.DataFrame):
                table.index = X.index
        return several(tables)

    def _completed(self, X: Any, drawn: Any, missing: np.ndarray) -> Any:
        """Return X with its missing entries drawn, and the rules kept that the first step knows."""
        rows = _observed_kept(X, drawn, missing)
        steps = self._transformers()
        if steps and hasattr(steps[0][1], "keep_constraints"):
            rows = steps[0][1].keep_constraints(rows, drawn, missing)
        return self._wrapped(rows)

    @available_if(model_has("trajectory"))
    @limited
    def translate(self, source, *, condition=None, **options):
        """Carry rows of the source to the data, by a bridge.

        Parameters
        ----------
        source : array-like or frame of shape (n_source, n_features)
            Rows to carry, in the units of the source given to `fit`.
        condition : array-like of shape (n_source,) or (n_source, n_columns), default=None
            The condition of each row.
        **options : dict of str to object
            Further options of the bridge's ``inverse_transform``: ``stochastic``,
            ``random_state``.

        Returns
        -------
        X : ndarray or frame of shape (n_source, n_features)
            Each row as one of the data, in the units of X.

        Raises
        ------
        ValueError
            If the bridge was fitted without ``source=``.
        """
        check_is_fitted(self)
        if not self._model.module_.has_source:
            raise ValueError(
                "translate needs a bridge from rows to rows, and this one was fitted from a "
                "normal law; fit the pipeline with source=."
            )
        with self._gaps_named(_unwrapped(source)):
            rows = self._source_rows(source)
            told = _present(condition=condition)
            carried = self._model.inverse_transform(rows, **told, **options)
        return self._wrapped(self._back(carried))

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
            return self._score_rows(X, routed, _present(condition=condition))

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
            return self._model.score_samples(self._forward(X), **_present(condition=condition))

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
            return self._model.score(self._forward(X), **_present(condition=condition))

    def _score_rows(self, X: Any, routed: Any, told: dict[str, Any]) -> np.ndarray:
        total: Any = 0.0
        for name, step in self._transformers():
            Y = step.transform(X, **routed[name].transform)
            total, X = total + log_slope(step, X, Y), Y
        scores = self._model.score_samples(X, **told)
        # The units of X change a density, and leave a probability as it is.
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
        source : array-like of shape (n_source, n_features) or Whole, default=None
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
        told = _present(condition=condition, source=source)
        routed = process_routing(self, "score", **(told if _routes() else {}), **params)
        if _routes():
            told = dict(routed[self.steps[-1][0]].score)
        with self._gaps_named(X):
            if hasattr(self._model, "score_samples") and "source" not in told:
                return float(np.mean(self._score_rows(X, routed, told)))
            if told.get("source") is not None:
                told["source"] = self._source_rows(told["source"])
            return self._model.score(self._forward(X, routed), **told)


def _with_gap(error: ValueError, X: Any) -> str | None:
    """Return the words of an error behind the place of the first gap in a frame; None without."""
    if not isinstance(X, pd.DataFrame) or not X.isna().to_numpy().any():
        return None
    j, i = (int(place[0]) for place in np.nonzero(X.isna().to_numpy().T))
    return f"X has no entry in row {i} of column {X.columns[j]!r}: {error}"


def _unwrapped(source: Any) -> Any:
    """Return the rows of a source, without what keeps it whole."""
    return source.rows if hasattr(source, "rows") and not hasattr(source, "shape") else source


@contextmanager
def _nothing_left_told() -> Iterator[None]:
    """Say in words of the table that its columns are constant, where the model is given none."""
    try:
        yield
    except ValueError as error:
        if "0 feature(s)" not in str(error):
            raise
        raise ValueError(
            "There is nothing to learn: every column of X is constant or empty, and the steps "
            "before the model leave none of them to it. New rows would all be like the first one."
        ) from error


def _routes() -> bool:
    return bool(get_config()["enable_metadata_routing"])


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


# A pipeline within a pipeline knows its own way back.
inverted.register(GenerativePipeline, inverted.dispatch(object))


def make_generative_pipeline(*steps, memory=None, verbose=False):
    """Make a :class:`GenerativePipeline` of the given steps, named by their types.

    Parameters
    ----------
    *steps : estimators
        Transformers, and a model with ``sample``.
    memory : str or joblib.Memory, default=None
        Where to cache the fitted transformers.
    verbose : bool, default=False
        Whether to tell the time of each step.

    Returns
    -------
    pipe : GenerativePipeline
        The pipeline.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skgen import VariationalDiffusionAE, make_generative_pipeline
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = VariationalDiffusionAE(max_steps=50, random_state=0)
    >>> pipe = make_generative_pipeline(StandardScaler(), model).fit(X)
    >>> pipe.sample(5).shape
    (5, 4)
    """
    return GenerativePipeline(make_pipeline(*steps).steps, memory=memory, verbose=verbose)
