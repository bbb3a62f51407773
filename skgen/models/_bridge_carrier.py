"""What SchrodingerBridgeMatcher and FlowMatcher do once fitted: carry rows from end to end.

Fitting is in :mod:`skgen.models._bridge_matcher`, the mathematics in
:mod:`skgen.papers.schrodinger_bridge`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skgen._compat import _check_feature_names_in
from skgen.base import BaseGenerativeModel, LatentMixin, LikelihoodMixin, _seed
from skgen.blocks import block_noise, in_blocks
from skgen.data.charts import is_flat
from skgen.data.latent_format import SourceFormat
from skgen.data.row_map import Data
from skgen.data.sources import unwrapped
from skgen.metrics import energy_distance
from skgen.papers.bridge_paths import GRIDS, times_of, with_times
from skgen.threads import limited


def _starts_from_noise(name: str, reason: str) -> Callable[[Any], bool]:
    """Return a check for `available_if`: where the source is not normal, it raises the reason."""

    def check(model: Any) -> bool:
        if hasattr(model, "module_") and model.module_.has_source:
            raise AttributeError(f"{name} needs a normal source: {reason}")
        return True

    return check


def _completes(reason: str) -> Callable[[Any], bool]:
    """Return a check for `available_if`: whether a model can draw missing entries."""
    starts_from_noise = _starts_from_noise("impute", reason)

    def check(model: Any) -> bool:
        if not is_flat(model.geometry):
            raise AttributeError(
                "impute needs geometry='euclidean': the flow on a manifold carries whole rows."
            )
        return starts_from_noise(model)

    return check


class _Carrier(LatentMixin, LikelihoodMixin, BaseGenerativeModel):
    """Carries rows between a source and the data by a fitted bridge."""

    # A flow has no noise; a bridge has parameters of these names.
    sigma, sigma_unit, theta, sde_solver = 0.0, "scaled", 0.0, "heun"
    geometry: Any = "euclidean"

    def _sampling_options(self):
        self._check_grid()
        names = ("ode_solver", "sde_solver", "n_steps", "time_grid", "tolerance")
        return {name: getattr(self, name) for name in names}

    def _check_grid(self):
        if isinstance(self.time_grid, str):
            return
        grid = np.asarray(self.time_grid, dtype=np.float64)
        whole = grid.ndim == 1 and len(grid) > 1 and grid[0] == 0 and grid[-1] == 1
        if not whole or not (np.diff(grid) > 0).all():
            raise ValueError(
                f"time_grid must increase from 0 to 1, got {self.time_grid!r}; or name one of "
                f"{sorted(GRIDS)}."
            )

    def sample(
        self,
        n_samples=1,
        *,
        condition=None,
        guidance_scale=0.0,
        n_steps=None,
        random_state=None,
        stochastic=False,
        denoise=False,
    ):
        """Draw rows of the source and carry them to the data.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        condition : scalar or array-like of shape (n_samples,) or (n_samples, n_columns)
            What to condition on; a scalar serves all rows. None draws without a condition.
        guidance_scale : float, default=0.0
            Classifier-free guidance: drifts move beyond the conditional ones by this many times
            the difference that the condition makes. 0 draws from the conditional
            distribution; larger values separate conditions more, and move the means of rows.
        n_steps : int, default=None
            Number of steps; None takes the constructor's.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the constructor's. A seed gives the same rows, whatever the
            number drawn with it: ``sample(10)`` is the head of ``sample(1000)``.
        stochastic : bool, default=False
            Whether to follow the stochastic process in place of the flow.
        denoise : bool, default=False
            Whether the last step of the stochastic process goes without its noise, which takes
            a little of the variance away.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features)
            New rows, in the units of the training data.
        """
        check_is_fitted(self)
        self._check_noise(stochastic)
        options = {"stochastic": bool(stochastic), "denoise": bool(denoise)}
        return self._sample(n_samples, condition, guidance_scale, n_steps, random_state, **options)

    def _check_noise(self, stochastic):
        if stochastic and self.module_.reference.sigma == 0:
            raise ValueError(
                f"stochastic=True needs noise to follow, and this {type(self).__name__} was fitted "
                "without any; SchrodingerBridgeMatcher has it with sigma > 0."
            )

    def _carried(self, method, rows, encoded, random_state, stochastic=True, **options):
        """Carry scaled rows in the model's own precision, along the process or the flow."""
        if stochastic:
            self._check_noise(True)
        seed = _seed(self.random_state if random_state is None else random_state)
        blocks = iter(range(len(rows)))
        options = {**self._sampling_options(), **options}

        def function(x, c):
            noise = block_noise(self.module_, seed, next(blocks)) if stochastic else None
            return getattr(self.module_, method)(x, c, noise=noise, **options)

        given = None if encoded is None else encoded.float()
        return in_blocks(function, self.module_, [rows.float(), given]).double()

    @limited
    def transform(self, X, *, condition=None, stochastic=False, random_state=None):
        """Carry data to the source.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        stochastic : bool, default=False
            Whether to follow the stochastic process against time in place of the flow.
        random_state : int, RandomState instance or None, default=None
            Seed of the process; None falls back on the constructor's.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_features)
            Each row at the source: standard normal numbers, or rows in the units of the source.
        """
        if not stochastic:
            return self._encode_rows(Data(X, condition))
        rows = self._rows(Data(X, condition))
        carried = self._carried("encode", rows.x, rows.condition, random_state).numpy()
        return self._latent_format().show(carried).astype(rows.values.dtype)

    @limited
    def inverse_transform(self, X, *, condition=None, stochastic=False, random_state=None):
        """Carry rows of the source to the data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Standard normal rows, or rows in the units of the source, as `transform` returns them.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        stochastic : bool, default=False
            Whether to follow the stochastic process in place of the flow.
        random_state : int, RandomState instance or None, default=None
            Seed of the process; None falls back on the constructor's.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features)
            Rows in the units of the training data.
        """
        check_is_fitted(self)
        if not stochastic:
            return super().inverse_transform(X, condition=condition)
        latents = self._latent_format()
        Z = latents.read(X, self)
        encoded = self.row_map_.encode(condition, len(Z))
        carried = self._carried("decode", latents.rows(Z), encoded, random_state)
        return self._frame(self.row_map_.inverse(carried).astype(Z.dtype), X)

    @limited
    def trajectory(
        self, Z, n_steps=20, *, times=None, stochastic=None, condition=None, random_state=None
    ):
        """Carry rows of the source to the data and return where they pass.

        Parameters
        ----------
        Z : array-like of shape (n_rows, n_features)
            Standard normal rows, or rows in the units of the source.
        n_steps : int, default=20
            Number of steps; a ``time_grid`` given as an array overrides it.
        times : array-like of shape (n_times,), default=None
            Increasing times from [0, 1] to return. They are added to those of the steps, so that
            few times make no coarser steps. None returns the rows after each step.
        stochastic : bool, default=None
            Whether to follow the stochastic process or the flow, by Heun's method. None follows
            the process, and the flow where there is no noise, ``sigma=0``.
        condition : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
            The condition of each row.
        random_state : int, RandomState instance or None, default=None
            Seed of the process; None falls back on the constructor's.

        Returns
        -------
        times : ndarray of shape (n_times,)
            Times from 0 to 1, ``n_steps + 1`` of them unless given.
        paths : ndarray of shape (n_times, n_rows, n_features)
            Rows at these times, in the units of X, not rounded to the values that a column
            repeats. A normal source is shown as the scaled rows that it stands for.

        Raises
        ------
        ValueError
            If `times` do not increase or leave [0, 1], or rows or condition cannot be used.
        """
        check_is_fitted(self)
        self._check_sampling(n_steps, 0.0, None)
        if stochastic is None:
            stochastic = self.module_.reference.sigma > 0
        latents = self._latent_format()
        Z = latents.read(Z, self)
        rows, encoded = latents.rows(Z), self.row_map_.encode(condition, len(Z))
        grid = times_of(int(n_steps), self.time_grid, self.sde_solver if stochastic else None)
        if times is None:
            times = grid
        else:
            grid, times = with_times(grid, times)
        options = {"time_grid": grid, "ode_solver": "heun"}
        paths = self._carried("paths", rows, encoded, random_state, stochastic, **options)
        paths = paths[:, np.searchsorted(grid, times)].transpose(0, 1)
        rows = self.row_map_.scaler.inverse(paths.flatten(0, 1)).numpy()
        return times, rows.reshape(len(times), *Z.shape).astype(Z.dtype)

    def _latent_format(self):
        if not self.module_.shows_columns:
            return super()._latent_format()
        return SourceFormat(self.n_features_in_, self.row_map_)

    impute = available_if(
        _completes(
            "a bridge between two data sets does not learn the distribution of whole rows that "
            "missing entries are drawn from. Fit without source=.",
        )
    )(BaseGenerativeModel.impute)

    score_samples = available_if(
        _starts_from_noise(
            "score_samples",
            "the density of a source that is known by its rows alone is not known. score compares "
            "carried rows with real ones instead.",
        )
    )(LikelihoodMixin.score_samples)

    @limited
    def score(self, X, y=None, *, source=None, condition=None):
        """Return how well the model explains X: higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data.
        y : None
            Ignored.
        source : array-like of shape (n_source, n_features) or UncutSource, default=None
            Rows to carry to the data for comparison; None takes those of the fit.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row of X; a source of rows must then have as many.

        Returns
        -------
        score : float
            With a normal source, the mean of `score_samples`, in nats per row. With rows as the
            source, minus the energy distance between carried and real rows, both scaled.
        """
        check_is_fitted(self)
        if not self.module_.has_source:
            if source is not None:
                raise ValueError("The model was fitted from a normal source; it takes no rows.")
            return super().score(X, condition=condition)
        real = self._rows(Data(X, condition))
        if source is None:
            rows = self.module_.source.double().cpu()
        else:
            latents = self._latent_format()
            rows = latents.rows(latents.read(unwrapped(source), self, "source"))
        if real.condition is not None and len(rows) != len(real.x):
            raise ValueError(
                f"condition belongs to the {len(real.x)} rows of X, and the source has "
                f"{len(rows)}: give a source row for each."
            )
        carried = self._apply("decode", rows, real.condition, np.float64)
        return -energy_distance(real.x.numpy(), carried)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns of the source.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of X; None takes those of `fit`.

        Returns
        -------
        names : ndarray of str
            The columns' own names where the source has rows, numbered ones where it is normal.
        """
        check_is_fitted(self)
        if not self.module_.shows_columns:
            return super().get_feature_names_out(input_features)
        return _check_feature_names_in(self, input_features)
