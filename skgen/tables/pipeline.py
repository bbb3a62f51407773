r"""Pipelines that end in a generative model, and that map drawn rows back through the steps.

A transformer :math:`T` before the model maps rows :math:`x` to :math:`y = T(x)`, and the model
learns the distribution of :math:`y`. New rows are carried back, :math:`x = T^{-1}(y)`, and where
:math:`T` is a smooth map between as many columns, densities are too:

.. math:: \log p(x) = \log p(y) + \log \left| \det \frac{\partial T}{\partial x} \right| .
"""

from numbers import Integral
from typing import Any

from sklearn.pipeline import make_pipeline
from sklearn.utils.metadata_routing import UNUSED, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skgen.data.row_map import rows_of
from skgen.data.sources import unwrapped
from skgen.own_methods import name_methods_after
from skgen.tables.availability import model_has
from skgen.tables.completion import CompletionMixin
from skgen.tables.inverses import inverted
from skgen.tables.redraws import GROUP, Redraw, checks_of, grouped, joined
from skgen.tables.scoring import ScoringMixin
from skgen.tables.steps import Steps, present, routes
from skgen.threads import limited

__all__ = ["GenerativePipeline", "make_generative_pipeline"]


class GenerativePipeline(CompletionMixin, ScoringMixin, Steps):
    """Transformers, and a generative model of what they return.

    A :class:`~sklearn.pipeline.Pipeline` whose last step draws samples. New rows come back through
    the transformers' ``inverse_transform``, the last one first, so that they are in the units of X.
    The same holds for all other rows that the model returns; `score_samples` is the log-density of
    X in its own units. A method exists if the last step has it.

    Parameters
    ----------
    steps : list of (str, estimator)
        Names and steps. All but the last transform, and can be inverted; the last has ``sample``.
    transform_input : list of str, default=None
        As in :class:`~sklearn.pipeline.Pipeline`.
    memory : str or joblib.Memory, default=None
        Where to cache the fitted transformers.
    verbose : bool, default=False
        Whether to print the time of each step.

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

    The range of a ``PowerTransformer`` with a power below 0 or above 2 is bounded, as that of many
    functions. A draw outside the range comes back as the row of the nearest number inside, which
    can be very large: it has no density. Draws for an ``OrdinalEncoder``, and for a
    ``KBinsDiscretizer`` of ordinals, go to the nearest category.

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
        source : array-like of shape (n_source, n_features) or UncutSource, default=None
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
            If the last step draws no samples, or another one has no inverse.
        ValueError
            If the steps leave nothing to learn, as where every column is constant, or the model
            cannot use what they leave.
        """
        self._check_steps()
        passed = self._addressed(condition=condition, source=source)
        with self._learning(X):
            return super().fit(X, y, **passed, **params)

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
        source : array-like of shape (n_source, n_features) or UncutSource, default=None
            Rows that a bridge starts from, in the units of X.
        **params : dict of str to object
            Further parameters of steps, as in :class:`~sklearn.pipeline.Pipeline`.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_latent)
            The latent of each row.
        """
        self._check_steps()
        passed = self._addressed(condition=condition, source=source)
        with self._learning(X):
            return super().fit_transform(X, y, **passed, **params)

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
            if routes() or condition is None:
                return super().transform(X, **present(condition=condition), **params)
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
        passed, routed = present(condition=condition), None
        if routes() or params:
            routed = process_routing(self, "inverse_transform", **passed, **params)
            passed = routed[self.steps[-1][0]].inverse_transform
        return self._wrapped(self._back(self._model.inverse_transform(X, **passed), routed))

    @available_if(model_has("sample"))
    @limited
    def sample(
        self,
        n_samples=1,
        *,
        given=None,
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
        given : dict or frame of n_samples rows, default=None
            Some columns of the rows, the rest of which is drawn given them: by name a value for
            all rows, or a frame. What is missing in it is drawn too. The model must impute.
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
            a tuple that begins with them. With `given` a frame, with its index.

        Raises
        ------
        TypeError
            With `given`, if the model does not impute, if the pipeline was fitted to an array, or
            if there are options that ``impute`` does not take.
        ValueError
            If `given` has a column or an entry that was not in fit, or not n_samples rows; if a
            function among the constraints of a ``TableEncoder`` does not hold in some row, however
            often it is drawn again.
        """
        check_is_fitted(self)
        passed = present(condition=condition, n_steps=n_steps, random_state=random_state)
        if guidance_scale != 0:
            passed["guidance_scale"] = guidance_scale
        if given is not None:
            return self._drawn_given(n_samples, given, **passed, **options)
        drawn = self._returned(self._model.sample(n_samples, **passed, **options))
        if not checks_of(self._encoder()):
            return drawn
        starts = range(0, len(drawn), GROUP)
        groups = (drawn[start : start + GROUP] for start in starts)
        redrawn = self._redrawn(groups, n_samples, {**passed, **options})
        return joined(list(self._numbered(redrawn)))

    def _numbered(self, tables: Any) -> Any:
        """Yield tables, the made-up entries of each numbered after those of the one before."""
        encoder, start = self._encoder(), 0
        for table in tables:
            rows, *others = table if isinstance(table, tuple) else (table,)
            rows = rows if encoder is None else encoder._withheld.numbered(rows, start)
            start += len(rows)
            yield (rows, *others) if others else rows

    def _redrawn(self, groups: Any, n_samples: int, options: dict[str, Any]) -> Any:
        """Return groups of drawn rows, those drawn again in which a function does not hold."""
        options = {"condition": None, "random_state": None, **options}
        condition, seed = options.pop("condition"), options.pop("random_state")
        redraw = Redraw(self._encoder(), self._model.random_state if seed is None else seed)

        def redrawn(k, rows):
            def draw(places, seed):
                given = rows_of(condition, k * GROUP + places, n_samples, "condition")
                again = present(condition=given, random_state=seed)
                return self._returned(self._model.sample(len(places), **again, **options))

            return redraw(rows, draw, k)

        return (redrawn(k, rows) for k, rows in enumerate(groups))

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
        if not checks_of(self._encoder()):
            batches = self._model.sample_batches(n_samples, batch_size, **options)
            return self._numbered(map(self._returned, batches))
        # What is no size of a batch, the model refuses.
        usual = isinstance(batch_size, Integral) and batch_size > 0
        size = GROUP if usual else batch_size
        groups = map(self._returned, self._model.sample_batches(n_samples, size, **options))
        redrawn = self._redrawn(groups, n_samples, options)
        return grouped(self._numbered(redrawn), int(batch_size))

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
        if not getattr(self._model.module_, "has_source", False):
            raise ValueError(
                "translate needs a bridge from rows to rows, and this one was fitted from a "
                "normal distribution; fit the pipeline with source=."
            )
        with self._gaps_named(unwrapped(source)):
            rows = self._source_rows(source)
            passed = present(condition=condition)
            carried = self._model.inverse_transform(rows, **passed, **options)
        return self._wrapped(self._back(carried))


name_methods_after(GenerativePipeline)
# A pipeline within a pipeline inverts its own steps.
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
        Whether to print the time of each step.

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
