"""The methods of fitted models: draw rows, complete them, map them to latents and back, score.

Each class names the methods that it needs of the module. :class:`skgen.base.BaseGenerativeModel`
inherits from :class:`DrawingEstimator`; a model also inherits from the mixins for which its module
has the methods.
"""

import copy
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skgen._compat import ADAPTERS_MANAGER, _get_output_config, validate_parameter_constraints
from skgen.blocks import completed_rows, device_of, drawn_rows, in_blocks, log_likelihoods
from skgen.data.checks import check_count, validated
from skgen.data.latent_format import LatentFormat
from skgen.data.row_map import Data, Rows, rows_of
from skgen.data.sequences import without_gaps
from skgen.papers._module import Imputes
from skgen.processes.noise import row_keys
from skgen.threads import limited


def _seed(random_state: Any) -> int:
    return int(check_random_state(random_state).randint(2**31 - 1))


@dataclass
class _RowRange:
    """Where drawn rows begin: the seed, and the number of the first row among those of the seed."""

    seed: int
    start: int


def _module_imputes(model: Any) -> bool:
    """Tell whether a model has `impute`; before it is fitted, `impute` asks for that."""
    if hasattr(model, "module_") and not isinstance(model.module_, Imputes):
        raise AttributeError(
            f"{type(model).__name__} draws whole rows only: its module has no impute."
        )
    return True


def contained(values: np.ndarray, container: str, names: Any, given: Any = None) -> Any:
    """Put rows into the container that ``set_output`` names, with the index of the input.

    Without names, columns are numbered.
    """
    if container == "default":
        return values
    if names is None:
        names = [f"x{j}" for j in range(values.shape[1])]
    adapter = ADAPTERS_MANAGER.adapters[container]
    return adapter.create_container(values, given, columns=[str(name) for name in names])


def several(tables: list[Any]) -> Any:
    """Return a single completed table as it is, and more as a list."""
    return tables[0] if len(tables) == 1 else tables


class DrawingEstimator(BaseEstimator):
    """New rows, and missing entries where the module has ``impute``."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]]
    module_: Any
    row_map_: Any
    _copies: dict[torch.dtype, Any]
    condition_dropout: float
    random_state: Any

    def _sampling_options(self) -> dict[str, Any]:
        """Return constructor parameters that are keyword arguments of the module's methods."""
        return {}

    def _module_in(self, dtype: torch.dtype) -> Any:
        """Return the fitted module in a precision; a copy is made once."""
        if dtype == torch.float32 or self.module_device.type == "mps":
            return self.module_
        if dtype not in self._copies:
            self._copies[dtype] = copy.deepcopy(self.module_).to(dtype)
        return self._copies[dtype]

    def _in_precision(
        self, dtype: Any, rows: Tensor, encoded: Tensor | None
    ) -> tuple[Any, Tensor, Tensor | None]:
        """Return module, rows and encoded condition in the precision for data of a dtype."""
        module = self._module_in(torch.float32 if dtype == np.float32 else torch.float64)
        precision = next(module.parameters()).dtype
        given = None if encoded is None else encoded.to(precision)
        return module, rows.to(precision), given

    @property
    def module_device(self) -> torch.device:
        """The device of the fitted module."""
        return device_of(self.module_)

    def _check_settings(self) -> None:
        """Validate the parameters, which set_params may have changed since fit."""
        names = [name for name in self._get_param_names() if hasattr(self, name)]
        settings = {name: getattr(self, name) for name in names}
        validate_parameter_constraints(
            self._parameter_constraints, settings, caller_name=type(self).__name__
        )

    @property
    def scaler_(self) -> Any:
        """The scales of the columns."""
        return self.row_map_.scaler

    @property
    def condition_encoder_(self) -> Any:
        """The encoder of conditions, None for a model without."""
        return self.row_map_.condition_encoder

    def _checked(self, data: Data, gaps: bool = False) -> Data:
        """Return data with X as numbers; NaN marks gaps if ``gaps`` allows them."""
        check_is_fitted(self)
        self._check_settings()
        X, finite = data.X, "allow-nan" if gaps else True
        if not gaps:
            X = without_gaps(X, data.lengths, self.row_map_.input_shape)
        return replace(data, X=validated(self, X, reset=False, ensure_all_finite=finite))

    def _rows(self, data: Data, gaps: bool = False) -> Rows:
        """Return rows as the module reads them."""
        data = self._checked(data, gaps)
        return self.row_map_.forward(data)

    def _frame(self, values: np.ndarray, given: Any = None) -> Any:
        """Wrap rows in the container that set_output asks for, with fit's column names.

        If each row belongs to a row of ``given``, it has the index of that row.
        """
        container = _get_output_config("transform", self)["dense"]
        return contained(values, container, getattr(self, "feature_names_in_", None), given)

    def sample(
        self, n_samples=1, *, condition=None, guidance_scale=0.0, n_steps=None, random_state=None
    ):
        """Draw new rows.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        condition : scalar or array-like of shape (n_samples,) or (n_samples, n_columns)
            What to condition on; a scalar holds for all rows. None draws without a condition.
        guidance_scale : float, default=0.0
            Classifier-free guidance: predictions move beyond the conditional ones by this many
            times the difference that the condition makes. 0 draws from the conditional
            distribution; larger values separate conditions more, and move the means of rows.
        n_steps : int, default=None
            Number of sampling steps; None takes the model's own.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the constructor's. A seed gives the same rows, whatever the
            number drawn with it: ``sample(10)`` is the head of ``sample(1000)``.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features)
            New rows, in the units of the training data.
        """
        return self._sample(n_samples, condition, guidance_scale, n_steps, random_state)

    def sample_batches(
        self, n_samples, batch_size=16_384, *, condition=None, random_state=None, **options
    ):
        """Draw new rows in batches: any number of rows, in the memory of one batch.

        Parameters
        ----------
        n_samples : int
            Number of rows in all.
        batch_size : int, default=16384
            Rows of a batch; the last one may have fewer.
        condition : scalar or array-like of shape (n_samples,) or (n_samples, n_columns)
            What to condition on; a scalar holds for all rows. None draws without a condition.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the constructor's. The batches of a seed, one after the other,
            are what ``sample(n_samples)`` returns for it, to the bit.
        **options : dict of str to object
            Further options of ``sample``, such as ``n_steps``.

        Returns
        -------
        batches : iterator
            Over what ``sample`` returns of a batch's number of rows.
        """
        check_is_fitted(self)
        check_count("n_samples", n_samples)
        check_count("batch_size", batch_size)
        seed = _seed(self.random_state if random_state is None else random_state)
        n_samples, batch_size = int(n_samples), int(batch_size)

        def drawn(start):
            part = slice(start, min(start + batch_size, n_samples))
            given = rows_of(condition, part, n_samples, "condition")
            # Blocks that two batches share are drawn for each of them.
            place = _RowRange(seed, start)
            return self.sample(part.stop - start, condition=given, random_state=place, **options)

        return (drawn(start) for start in range(0, n_samples, batch_size))

    @limited
    def _sample(
        self,
        n_samples: Any,
        condition: Any,
        guidance_scale: Any,
        n_steps: Any,
        random_state: Any,
        **options: Any,
    ) -> Any:
        check_is_fitted(self)
        n_samples, encoded = self._check_draw(n_samples, condition, guidance_scale, n_steps)
        rows = self._draw(n_samples, encoded, guidance_scale, n_steps, random_state, **options)
        return self._drawn(rows, guidance_scale)

    def _check_draw(
        self, n_samples: Any, condition: Any, guidance_scale: Any, n_steps: Any
    ) -> tuple[int, Tensor | None]:
        """Return the number of rows and the encoded condition; raise where one is wrong."""
        check_count("n_samples", n_samples)
        self._check_sampling(n_steps, guidance_scale, condition)
        n_samples = int(n_samples)
        return n_samples, self.row_map_.encode(condition, n_samples)

    def _draw(
        self,
        n_samples: int,
        encoded: Tensor | None,
        guidance_scale: Any,
        n_steps: Any,
        random_state: Any,
        **options: Any,
    ) -> Tensor:
        """Return new scaled rows."""
        place = random_state
        if not isinstance(place, _RowRange):
            place = _RowRange(_seed(self.random_state if random_state is None else random_state), 0)
        settings = {**self._sampling_options(), **options, "guidance_scale": float(guidance_scale)}
        if n_steps is not None:
            settings["n_steps"] = int(n_steps)
        return drawn_rows(self.module_, n_samples, encoded, place.seed, place.start, settings)

    @staticmethod
    def _check_drawn(rows: Tensor, guidance_scale: Any) -> None:
        if not bool(torch.isfinite(rows).all()):
            raise ValueError(
                "The drawn rows are not finite: something pulled them too far. Take a smaller "
                f"guidance_scale (it is {guidance_scale:g}), a milder guide, or more n_steps."
            )

    def _drawn(self, rows: Tensor, guidance_scale: Any) -> Any:
        """Return new scaled rows in the units and the container of the data."""
        self._check_drawn(rows, guidance_scale)
        return self._frame(self.row_map_.inverse(rows, drawn=True).astype(self.row_map_.dtype))

    def _check_sampling(self, n_steps: Any, guidance_scale: Any, condition: Any) -> None:
        self._check_settings()
        if n_steps is not None:
            check_count("n_steps", n_steps)
        if not isinstance(guidance_scale, Real) or not 0 <= float(guidance_scale) < float("inf"):
            raise ValueError(
                f"guidance_scale must be a finite number >= 0, got {guidance_scale!r}."
            )
        if float(guidance_scale) > 0:
            if condition is None:
                raise ValueError("guidance_scale > 0 needs a condition to guide towards.")
            if self.condition_dropout == 0:
                raise ValueError(
                    "guidance_scale > 0 needs a model that also learnt without a condition: fit "
                    "it with condition_dropout > 0."
                )
        most = self.module_.most_steps
        if most is not None and n_steps is not None and n_steps > most:
            raise ValueError(
                f"n_steps={n_steps} is more than the {most} steps of the diffusion; fit with a "
                "larger n_timesteps."
            )

    @available_if(_module_imputes)
    def impute(self, X, *, n_draws=1, condition=None, n_steps=None, random_state=None):
        """Draw the missing entries of X given the observed ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with NaN where an entry is missing.
        n_draws : int, default=1
            Number of completions of each row; analyses of the completed tables, one by one, are
            pooled as those of multiple imputation.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        n_steps : int, default=None
            Number of noise levels; None takes the model's own.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the constructor's.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features), or a list of ``n_draws`` of them
            The completed table; observed entries come back as they were given. With ``n_draws``
            above 1, a list of as many tables, each as a single draw would be.
        """
        return self._impute(Data(X, condition), n_draws, n_steps, random_state)

    @limited
    def _impute(self, data: Data, n_draws: Any, n_steps: Any, random_state: Any) -> Any:
        check_is_fitted(self)
        check_count("n_draws", n_draws)
        self._check_sampling(n_steps, 0.0, data.condition)
        rows = self._rows(data, gaps=True)
        seed = _seed(self.random_state if random_state is None else random_state)
        n_draws = int(n_draws)
        X, missing = rows.values, np.isnan(rows.values)
        options = self._sampling_options()
        if n_steps is not None:
            options["n_steps"] = int(n_steps)
        todo = np.flatnonzero(missing.any(1))
        result = np.repeat(X[None], n_draws, 0)
        if len(todo):
            index, draw = np.tile(todo, n_draws), np.repeat(np.arange(n_draws), len(todo))
            parts = (rows.x, rows.observed, rows.condition)
            completed = completed_rows(self.module_, index, *parts, seed, options)
            values = self.row_map_.inverse(completed, drawn=True).astype(X.dtype)
            result[draw, index] = np.where(missing[index], values, X[index])
        return several([self._frame(table, data.X) for table in result])


class LatentMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Data to latent and back, for modules with ``encode`` and ``decode``: `Encodes`."""

    @property
    def _n_features_out(self: Any) -> int:
        """The number of latent columns: that of the data, unless a model says otherwise."""
        return self.n_features_in_

    def _latent_format(self) -> LatentFormat:
        """Return the format in which users see latent rows; models override it."""
        return LatentFormat(self._n_features_out)

    def fit_transform(self, X, y=None, *, condition=None):
        """Fit to X and return its latent rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to learn from.
        y : None
            Ignored.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_latent)
            The latent of each row.
        """
        return self.fit(X, y, condition=condition).transform(X, condition=condition)

    def transform(self, X, *, condition=None):
        """Map rows to the latent space; deterministic.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_latent)
            The latent of each row.
        """
        return self._encode_rows(Data(X, condition))

    @limited
    def inverse_transform(self, X, *, condition=None):
        """Map latent rows back to data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_latent)
            Latent rows, as `transform` returns them.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features)
            Rows in the units of the training data.
        """
        check_is_fitted(self)
        Z = self._latent_format().read(X, self)
        encoded = self.row_map_.encode(condition, len(Z))
        return self._frame(self._decode_rows(Z, encoded), X)

    @limited
    def _encode_rows(self: Any, data: Data) -> np.ndarray:
        """Return the latent rows of data, without a container."""
        rows = self._rows(data)
        encoded = self._apply("encode", rows.x, rows.condition, rows.values.dtype)
        return self._latent_format().show(encoded)

    @limited
    def _decode_rows(self: Any, Z: np.ndarray, encoded: Tensor | None) -> np.ndarray:
        """Return the data of latent rows, without a container."""
        rows = self._apply("decode", self._latent_format().rows(Z), encoded, np.float64, Z.dtype)
        return self.row_map_.inverse(torch.from_numpy(rows)).astype(Z.dtype)

    def _apply(
        self, method: str, rows: Tensor, encoded: Tensor | None, out: Any, precision: Any = None
    ) -> np.ndarray:
        module, rows, given = self._in_precision(precision or out, rows, encoded)
        options = self._sampling_options()

        def function(x, c):
            return getattr(module, method)(x, c, **options)

        values = in_blocks(function, module, [rows, given])
        return values.numpy().astype(out)


class LikelihoodMixin:
    """Log-likelihood or its bound, for modules with ``likelihood``: `Scores`."""

    def score_samples(self, X, *, condition=None):
        """Return the log-likelihood of each row, or its lower bound, in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data; the value is that of their density in these
            units.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            Deterministic: the noise of a row is keyed by its own values.
        """
        return self._score_rows(Data(X, condition))

    @limited
    def _score_rows(self: Any, data: Data) -> np.ndarray:
        data = self._checked(data)
        rows = self.row_map_.to_score(data)
        module, x, given = self._in_precision(rows.values.dtype, rows.x, rows.condition)
        options = self._sampling_options()
        keys = row_keys(torch.from_numpy(rows.values.astype(np.float64)))
        values = log_likelihoods(module, x, keys, given, options)
        return (values + rows.log_slope).numpy().astype(np.float64)

    def score(self, X, y=None, *, condition=None):
        """Return the mean of `score_samples`: higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data.
        y : None
            Ignored.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.

        Returns
        -------
        score : float
            Mean log-likelihood, or its lower bound, in nats per row.
        """
        return float(np.mean(self.score_samples(X, condition=condition)))
