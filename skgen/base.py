"""The base class of all estimators: scikit-learn's contract around a PyTorch module.

:class:`BaseGenerativeModel` has the constructor, ``fit`` and ``partial_fit``. A fit validates and
scales rows (:mod:`skgen.data.learning`), holds some out (:mod:`skgen.validation`), builds the
module and trains its stages (:mod:`skgen.training.loop`). Drawing, completing, encoding and scoring
rows are inherited from :mod:`skgen.mixins`. A model implements ``_build_module`` and ``_stages``,
and its module the methods that the docstrings of the mixins name: docs/user_guide/own_estimator.rst
lists them all.
"""

import copy
import inspect
import os
import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from skgen._compat import Interval, StrOptions
from skgen.data.learning import rows_to_learn
from skgen.data.out_of_core import OutOfCoreRows
from skgen.data.row_map import Data, Rows
from skgen.mixins import (
    DrawingEstimator,
    LatentMixin,
    LikelihoodMixin,
    _RowRange,
    _seed,
    contained,
    several,
)
from skgen.own_methods import name_methods_after
from skgen.papers._module import Encodes, GenerativeModule, Imputes, Scores
from skgen.processes.noise import GeneratorNoise
from skgen.repeatable import repeatable
from skgen.shortfalls import MOST_COLUMNS, N_DRAWN, warn_of_rare, warn_of_shortfalls
from skgen.threads import threads_for
from skgen.training.batches import Reader
from skgen.training.identity import Digest
from skgen.training.loop import fit_stages, open_checkpoint
from skgen.training.stages import Plan, Stage, TrainingError, training_device
from skgen.validation import split

__all__ = ["REGISTRY", "BaseGenerativeModel", "LatentMixin", "LikelihoodMixin", "Stage"]
__all__ += ["TrainingError", "all_or_nothing", "contained", "several"]
# The contract of a model's module.
__all__ += ["Encodes", "GenerativeModule", "Imputes", "Scores"]

REGISTRY: dict[str, type] = {}
"""Every estimator class by its name, for `load`."""

MIN_STEPS, STEPS_PER_ROW, MAX_STEPS = 60, 4, 3000
# Rows drawn at the end of a fit: per training row, and at least.
DRAWS_PER_ROW, FEWEST_DRAWS = 4, 400
FEW_ROWS = 128


@contextmanager
def all_or_nothing(*estimators: Any) -> Iterator[None]:
    """Leave estimators as they were if what is inside, a fit, fails or is interrupted."""
    before = [(estimator, estimator.__dict__.copy()) for estimator in estimators]
    try:
        yield
    except BaseException:
        for estimator, state in before:
            estimator.__dict__.clear()
            estimator.__dict__.update(state)
        raise


def _weights(module: nn.Module) -> list[Tensor]:
    return [parameter.data for parameter in module.parameters()]


def _check_contract(model: Any, module: nn.Module) -> None:
    """Raise where a module lacks what the classes that its estimator inherits from ask for."""
    asked = [(BaseGenerativeModel, GenerativeModule), (LatentMixin, Encodes)]
    for cls, protocol in [*asked, (LikelihoodMixin, Scores)]:
        if isinstance(model, cls) and not isinstance(module, protocol):
            raise TypeError(
                f"{type(model).__name__} is a {cls.__name__}, so its module must be a "
                f"{protocol.__name__} of skgen.base, and {type(module).__name__} is none: "
                "docs/user_guide/own_estimator.rst lists what it is to have."
            )


class BaseGenerativeModel(DrawingEstimator):
    """Base class of all estimators; the docstring of the file says what a model implements."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_steps": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean"],
        "net_params": [dict, None],
        "checkpoint": [str, os.PathLike, None],
        "device": [str, torch.device, None],
        "verbose": ["verbose", StrOptions({"auto"})],
        "random_state": ["random_state"],
        "input_shape": [tuple, list, None],
        "hidden_units": [Interval(Integral, 1, None, closed="left"), None],
        "condition_dropout": [Interval(Real, 0, 1, closed="left")],
        "scaling": [StrOptions({"auto", "standard", "common", "quantile"})],
    }

    _n_pieces: int
    _piece_weights: list[Tensor] | None
    history_: list[dict[str, Any]]

    def __init__(
        self,
        *,
        scaling="auto",
        input_shape=None,
        hidden_units=None,
        max_steps=None,
        batch_size=256,
        lr=3e-3,
        validation_fraction=0.1,
        early_stopping=True,
        net_params=None,
        checkpoint=None,
        device=None,
        condition_dropout=0.1,
        verbose="auto",
        random_state=None,
    ):
        # For users' estimators; those of the library list all their parameters.
        self.scaling = scaling
        self.input_shape = input_shape
        self.hidden_units = hidden_units
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.net_params = net_params
        self.checkpoint = checkpoint
        self.device = device
        self.condition_dropout = condition_dropout
        self.verbose = verbose
        self.random_state = random_state

    def __init_subclass__(cls, **kwargs: Any):
        name_methods_after(cls)
        super().__init_subclass__(**kwargs)
        if not cls.__name__.startswith("_"):
            REGISTRY[cls.__name__] = cls

    # What a model brings -------------------------------------------------------------------

    def _build_module(self, rows: Rows, generator: torch.Generator) -> Any:
        """Return the paper's nn.Module for training rows, its weights drawn from the generator."""
        raise NotImplementedError

    def _stages(
        self,
        module: Any,
        train: Mapping[str, Tensor],
        valid: Mapping[str, Tensor] | None,
        noise: GeneratorNoise,
    ) -> Generator[Stage, bool | None, None]:
        """Yield the stages of training, each made when the one before it has been trained.

        A ``yield`` returns whether Ctrl-C ended the training of its stage.
        """
        raise NotImplementedError

    # Fitting -------------------------------------------------------------------------------

    def fit(self, X, y=None, *, condition=None):
        """Learn the distribution of the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to learn from, in any units. A memory map, an array of zarr, h5py or dask, and
            :class:`skgen.datasets.ParquetRows` are read a part at a time and never held whole.
        y : None
            Ignored: a label is never read unless asked for by name, as ``condition``.
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
        return self._fit(Data(X, condition))

    def partial_fit(self, X, y=None, *, condition=None):
        """Go on learning from a piece of the data.

        The first piece fixes the scaling, the labels and the code of the latent. Every call trains
        each stage for ``max_steps`` gradient steps, by default for 60 and one more for each row
        beyond 100, up to 3,000. The learning rate goes through its whole schedule each time, and no
        rows are held out. The fitted model has a moving average of the weights after each piece.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A piece of the data.
        y : None
            Ignored.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of the piece, if the first had one.

        Returns
        -------
        self : object
            The estimator, trained further.
        """
        return self._fit(Data(X, condition), partial=True)

    def _fit(self, data: Data, partial: bool = False) -> Any:
        reset = not (partial and hasattr(self, "module_"))
        with all_or_nothing(self), threads_for(self):
            return self._learn(data, reset=reset, partial=partial)

    def _learn(self, data: Data, *, reset: bool, partial: bool) -> Any:
        self._validate_params()
        digest = Digest if self.checkpoint is not None and not partial else None
        rows, out_of_core, inputs = self._rows_to_learn(data, reset, digest)
        device = training_device(self.device, (self.net_params or {}).get("accelerator"))
        seed, checkpoint, before = _seed(self.random_state), None, [] if reset else self.history_
        if digest is not None:
            checkpoint = open_checkpoint(self, inputs, seed, device)
            seed = checkpoint.seed
        learnt, train, valid, reader = self._parts(rows, out_of_core, seed, device, partial)
        module = self._module_to_train(learnt, seed, reset).float().to(device)
        seed += len(before)
        plan = self._plan(len(train["x"]) if reader is None else reader.n, device, partial)
        noise = GeneratorNoise(torch.Generator(device).manual_seed(seed + 7))
        with repeatable(module):
            stages = self._stages(module, train, valid, noise)
            fitted = fit_stages(stages, module, train, noise, plan, seed, checkpoint, reader)
        self._use(module, reset, partial)
        self.nets_, history, self.n_steps_ = fitted
        self.history_ = before + history
        self.row_map_.dtype = rows.values.dtype
        n_rows = len(rows.x) if out_of_core is None else out_of_core.n_rows
        self._calibrate(n_rows, rows.condition, seed + 9)
        self._finish_fit()
        if not any(net.interrupted_ for net in self.nets_):
            if checkpoint is not None:
                checkpoint.remove()
            if not partial:
                self._warn_of_shortfalls(rows.values, rows.condition, seed + 11)
        return self

    def _rows_to_learn(self, data: Data, reset: bool, digest: Any) -> list[Any]:
        """Set ``row_map_``; return the other results of `rows_to_learn`."""
        row_map = None if reset else self.row_map_.copy()
        row_map, *found = rows_to_learn(self, data, row_map, digest)
        if reset and row_map.condition_encoder is not None:
            warn_of_rare(row_map.condition_encoder.rare)
        self.row_map_ = row_map
        return found

    def _parts(
        self,
        rows: Rows,
        out_of_core: OutOfCoreRows | None,
        seed: int,
        device: torch.device,
        partial: bool,
    ) -> tuple[Rows, Mapping[str, Tensor], Mapping[str, Tensor] | None, Reader | None]:
        """Hold out rows for validation.

        Returns the training rows; the training and the held-out rows as dicts of tensors on the
        device; and, if the training rows are a part of too many, the reader of all of them.
        """
        # No rows of a piece are held out: it may be small.
        fraction = 0.0 if partial else self.validation_fraction
        chosen, held = split(rows.x, rows.condition, fraction, seed)
        learnt = rows.single(chosen)
        valid = None if held is None else rows.single(held).batch(device)
        reader = None
        if out_of_core is not None:
            n, read = out_of_core.rest(self.row_map_, held)
            reader = Reader(n, out_of_core.run, out_of_core.most, lambda i: read(i).batch(device))
        return learnt, learnt.batch(device), valid, reader

    def _module_to_train(self, learnt: Rows, seed: int, reset: bool) -> Any:
        """Return a new module, or a copy of the fitted one to go on with."""
        if reset:
            module = self._build_module(learnt, torch.Generator().manual_seed(seed))
            _check_contract(self, module)
            return module
        module = copy.deepcopy(self.module_)
        if learnt.source is not None:
            module.source = learnt.source
        if self._piece_weights is not None:
            torch._foreach_copy_(_weights(module), self._piece_weights)
        return module

    def _use(self, module: Any, reset: bool, partial: bool) -> None:
        """Make a trained module the fitted one.

        After a piece, the weights fit that piece better than earlier ones. So training goes on from
        the last weights, but the fitted model has their moving average over the pieces so far.
        """
        weights, last = _weights(module), None
        self._n_pieces = 1 + (0 if reset else self._n_pieces)
        if partial:
            last = [w.clone() for w in weights]
            if not reset:
                share = max(0.3, 1 / self._n_pieces)
                pairs = zip(_weights(self.module_), weights, strict=True)
                old = [before.to(new.device) for before, new in pairs]
                torch._foreach_copy_(weights, torch._foreach_lerp(old, weights, share))
        self._piece_weights = last
        self.module_ = module.requires_grad_(False).eval()
        self._copies = {}

    def _calibrate(self, n_rows: int, encoded: Tensor | None, seed: int) -> None:
        """Draw rows, from which the scaler learns the thresholds between repeated values."""
        if not self.row_map_.calibrates or self.module_.draws_values:
            return
        # Fewer of wide rows, but enough for the thresholds.
        most = min(4096 if self.input_shape is None else 1024, 2**18 // self.n_features_in_)
        n = min(max(512, most), max(FEWEST_DRAWS, DRAWS_PER_ROW * n_rows))
        if encoded is not None:
            encoded = encoded[np.random.default_rng(seed).integers(len(encoded), size=n)]
        steps = self._sampling_options().get("n_steps")
        if steps is not None and self.input_shape is not None:
            # A step of these takes longer, and thresholds need no better draws.
            steps = min(steps, 32)
        if steps is not None and n_rows <= FEW_ROWS:
            # They tell less about thresholds than coarse draws do.
            steps = min(steps, 12)
        try:
            rows = self._draw(n, encoded, 0.0, steps, _RowRange(seed, 0))
        except KeyboardInterrupt:
            warnings.warn(
                "Interrupted while the model drew rows to learn the thresholds between repeated "
                "values from; it is trained, and puts drawn entries on the nearest value.",
                stacklevel=5,
            )
            return
        rows = rows[torch.isfinite(rows).all(1)]
        if len(rows):
            self.row_map_.calibrate(rows)

    def _warn_of_shortfalls(self, X: np.ndarray, encoded: Tensor | None, seed: int) -> None:
        """Draw rows, compare them with the training rows, and warn of what they lack.

        There is no warning if ``max_steps`` is given, as in a trial, and none for rows with a
        layout, whose columns are pixels.
        """
        wide = X.shape[1] > MOST_COLUMNS
        if self.max_steps is not None or self.input_shape is not None or wide:
            return
        if encoded is not None:
            encoded = encoded[np.random.default_rng(seed).integers(len(encoded), size=N_DRAWN)]
        try:
            rows = self._draw(N_DRAWN, encoded, 0.0, None, _RowRange(seed, 0))
        except KeyboardInterrupt:
            # The model is trained.
            return
        if torch.isfinite(rows).all():
            drawn = self.row_map_.inverse(rows, drawn=True)
            warn_of_shortfalls(self, X, drawn, getattr(self, "feature_names_in_", None))

    def _finish_fit(self) -> None:
        """Set further fitted attributes; models override it."""

    def _plan(self, n_rows: int, device: torch.device, partial: bool) -> Plan:
        return Plan(
            n_steps=self._n_stage_steps(n_rows, partial),
            batch_size=self.batch_size,
            lr=self.lr,
            early_stopping=self.early_stopping,
            device=device,
            verbose=self.verbose,
            net_params=self.net_params or {},
        )

    def _n_stage_steps(self, n_rows: int, partial: bool = False) -> int:
        # A piece is one of many: one step for each row; a whole data set has four.
        steps = MIN_STEPS + (1 if partial else STEPS_PER_ROW) * max(0, n_rows - 100)
        return min(steps, MAX_STEPS) if self.max_steps is None else self.max_steps

    @staticmethod
    def _parameters_of(part: nn.Module | None) -> list[nn.Parameter]:
        """Return the parameters of a part that a module may lack."""
        return [] if part is None else list(part.parameters())

    # State ---------------------------------------------------------------------------------

    def __getstate__(self):
        state = super().__getstate__().copy()
        if "module_" in state:
            # Without the nets and their large optimisers; and on the CPU, which every machine has.
            state.pop("nets_", None)
            state["module_"] = copy.deepcopy(state["module_"]).cpu()
            state["_copies"] = {}
            if state["_piece_weights"] is not None:
                state["_piece_weights"] = [weight.cpu() for weight in state["_piece_weights"]]
        return state

    def __setstate__(self, state):
        # A pickle of an earlier version lacks the parameters that came later.
        signature = inspect.signature(type(self).__init__)
        defaults = {name: signature.parameters[name].default for name in self._get_param_names()}
        super().__setstate__({**defaults, **state})
