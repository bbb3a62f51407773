"""What SchrodingerBridgeMatcher and FlowMatcher share: network, stages and `fit`.

What they do once fitted is in :mod:`skgen.models._bridge_carrier`, the mathematics in
:mod:`skgen.papers.schrodinger_bridge`.
"""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import torch

from skgen._compat import Interval, StrOptions
from skgen.base import BaseGenerativeModel, Stage
from skgen.data.row_map import Data
from skgen.data.sources import unwrapped
from skgen.models._bridge_carrier import _Carrier
from skgen.networks.conv import UNet
from skgen.networks.mlp import correction, initialize
from skgen.papers._module import condition_embedding
from skgen.papers.bridge_couplings import convergence, pairs_of
from skgen.papers.bridge_paths import GRIDS
from skgen.papers.gaussian_diffusion import NOISE_FEATURES, GaussianDiffusion
from skgen.papers.principal_axes import PrincipalAxes
from skgen.papers.schrodinger_bridge import TIME_FEATURES, SchrodingerBridge
from skgen.processes.bridges import LinearReference
from skgen.processes.schedules import SCHEDULES


@dataclass(frozen=True)
class Defaults:
    """Tuned numbers, by the size of the data."""

    # Units of a hidden layer: few rows support few, and few columns need few.
    width: int
    # Pairs of ends for each step of an iteration on a table, so that none is memorised; and the
    # fewest held-out pairs.
    pairs_per_step: int = 8
    fewest_valid_pairs: int = 256
    # Steps of later iterations and of the diffusion for `impute`, as a share of those of the first
    # iteration.
    later_step_factor: float = 0.5
    # The fewest steps on a table with noise: averaging out the noise of the loss takes steps, even
    # for few rows.
    fewest_noisy_steps: int = 750
    # Ends of the noise schedule of that diffusion.
    diffusion_gammas: tuple[float, float] = (-10.0, 7.0)

    @classmethod
    def for_data(cls, n_rows: int, n_columns: int) -> "Defaults":
        """Return those for a table, or rows with a layout, of this size."""
        return cls(width=64 if n_rows <= 128 or n_columns <= 4 else 128)


class _BridgeMatcher(_Carrier):
    """Learns a bridge from a normal distribution, or from rows of a source, to the data."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseGenerativeModel._parameter_constraints,
        "n_iterations": [Interval(Integral, 1, None, closed="left"), None],
        "ode_solver": [StrOptions({"heun", "adaptive"})],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "time_grid": [StrOptions({"auto", *GRIDS}), "array-like"],
        "tolerance": [Interval(Real, 0, None, closed="neither")],
    }

    def fit(self, X, y=None, *, source=None, condition=None):
        """Learn the bridge from the source to the distribution of the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to learn from, in any units.
        y : None
            Ignored: a label is never read unless asked for by name, as ``condition``.
        source : array-like of shape (n_source, n_features) or UncutSource, default=None
            Rows to start from, unpaired, in the units of X and scaled like it; None starts from
            N(0, I). A frame's columns are matched with those of X by their names. Inside
            :class:`UncutSource` cross-validation does not cut them.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            Labels of any type, or real vectors, to learn p(x | condition).

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, the data or the condition cannot be used; the message says which.
        TrainingError
            If the loss becomes NaN or infinite. A model fitted before stays as it was.

        Warns
        -----
        ConvergenceWarning
            If drawn rows lack a value, a share or a dependence of the training rows; it names
            columns and values. Only for ``max_steps=None``.
        UserWarning
            If a label to condition on has fewer than five rows.
        """
        return self._fit(Data(X, condition, source=unwrapped(source)))

    def partial_fit(self, X, y=None, *, source=None, condition=None):
        """Go on learning from a piece of the data.

        The first piece fixes the scaling, the labels and the Gaussian part of the drifts. Every
        call trains each stage for ``max_steps`` gradient steps, by default for 60 and one more for
        each row beyond 100, up to 3,000. No rows are held out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A piece of the data.
        y : None
            Ignored.
        source : array-like of shape (n_source, n_features) or UncutSource, default=None
            A piece of the source, in place of the one before; None keeps that.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of the piece, if the first had one.

        Returns
        -------
        self : object
            The estimator, trained further.
        """
        return self._fit(Data(X, condition, source=unwrapped(source)), partial=True)

    def fit_transform(self, X, y=None, *, source=None, condition=None):
        """Fit to X and carry it to the source.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to learn from.
        y : None
            Ignored.
        source : array-like of shape (n_source, n_features) or UncutSource, default=None
            Rows to start from.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_features)
            Each row at the source.
        """
        fitted = self.fit(X, y, source=source, condition=condition)
        return fitted.transform(X, condition=condition)

    def _validate_params(self):
        super()._validate_params()
        self._check_grid()

    def _n_projections(self, has_source):
        if self.n_iterations is not None:
            return self.n_iterations
        return 2 if has_source or self.coupling == "reference" else 1

    def _reference(self):
        sigma = float(self.sigma)
        if sigma > 0 and self.sigma_unit == "data":
            scale = self.row_map_.scaler.common_scale
            if scale is None:
                raise ValueError(
                    "sigma_unit='data' needs columns of one unit, and these have scales of their "
                    f"own under scaling={self.scaling!r}. Set scaling='common', or give sigma in "
                    "units of the scaled columns, sigma_unit='scaled'."
                )
            sigma /= scale
        return LinearReference(sigma, float(self.theta))

    def _build_module(self, rows, generator):
        (n, d), source = rows.x.shape, rows.source
        n_heads = 2 if self.sigma > 0 else 1
        defaults = Defaults.for_data(n, d)
        width = self.hidden_units or defaults.width
        with torch.device("meta"):
            c, embedding = condition_embedding(rows.n_condition)

            def network_of(n_heads, n_context):
                if self.input_shape is None:
                    return correction(d, n_heads * d, n_context + c, width)
                shape = tuple(int(side) for side in self.input_shape)
                return UNet(shape, n_context + c, n_outputs=n_heads)

            network = network_of(n_heads, TIME_FEATURES)
            diffusion = None
            if source is None:
                diffusion = GaussianDiffusion(
                    network_of(1, NOISE_FEATURES),
                    PrincipalAxes(d, self.input_shape is None, n),
                    SCHEDULES["linear"](*defaults.diffusion_gammas),
                )
            module = SchrodingerBridge(
                network,
                PrincipalAxes(
                    d, self.input_shape is None, n + (0 if source is None else len(source))
                ),
                embedding,
                diffusion,
                self._reference(),
                has_source=source is not None,
                has_layout=self.input_shape is not None,
                condition_dropout=float(self.condition_dropout),
            )
        initialize(module, generator)
        # If the ends stay independent, the Gaussian process is that of independent ends.
        once = self._n_projections(source is not None) == 1
        stays = self.coupling == "independent" and self.sigma == 0 and once
        if diffusion is not None:
            diffusion.axes.fit(rows.x)
        module.fit_ends(rows.x, source, aligned=not stays)
        return module

    def _stages(self, module, train, valid, noise):
        parameters = [*module.network.parameters(), *self._parameters_of(module.embedding)]
        n_steps = self._n_stage_steps(len(train["x"]))
        defaults = Defaults.for_data(*train["x"].shape)
        later = defaults.later_step_factor
        is_noisy_table = self.sigma > 0 and self.input_shape is None and valid is not None
        fewest = defaults.fewest_noisy_steps if is_noisy_table and self.max_steps is None else 0
        for iteration in range(1, self._n_projections(module.has_source) + 1):
            step_factor = max(1.0, fewest / n_steps) * (1.0 if iteration == 1 else later)

            def pairs(rows, n_least, iteration=iteration):
                return pairs_of(module, noise, rows, self.coupling, iteration, n_least)

            training = pairs(train, round(defaults.pairs_per_step * step_factor * n_steps))
            interrupted = yield Stage(
                f"iteration {iteration}",
                module.matching_loss,
                module,
                parameters,
                training,
                None if valid is None else pairs(valid, defaults.fewest_valid_pairs),
                step_factor=step_factor,
                diagnose=lambda learnt=training: convergence(module, noise, learnt),
            )
            if interrupted:
                return
        if module.diffusion is not None:
            parameters = self._parameters_of(module.diffusion)
            module.diffusion.shrinkage.reset()
            interrupted = yield Stage(
                "diffusion", module.diffusion_loss, module, parameters, train, valid, later
            )
            if valid is not None and not interrupted:
                module.fit_shrinkage(noise, self.input_shape, **valid)

    def _finish_fit(self):
        # The rows of the stage for `impute` come after those of the iterations.
        last = next(row for row in reversed(self.history_) if "coupling_cost" in row)
        self.coupling_cost_, self.path_energy_ = last["coupling_cost"], last["path_energy"]
