"""What every estimator shares: scikit-learn's contract around a PyTorch module.

:class:`BaseGenerativeModel` validates data and conditions, scales columns, splits off a
validation part, trains the stages that a model yields, and evaluates the fitted module in blocks,
in the precision of the data. :class:`LatentMixin` and :class:`LikelihoodMixin` add what a model
can do besides. A model implements ``_build_module`` and ``_stages``; its module, the methods that
the docstrings here name.
"""

import copy
import functools
import inspect
import os
import types
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial as partial_of
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from skgen._compat import (
    ADAPTERS_MANAGER,
    Interval,
    StrOptions,
    _AvailableIfDescriptor,
    _get_output_config,
    validate_parameter_constraints,
)
from skgen.data.checks import check_largest, check_layout, check_near, validated
from skgen.data.out_of_core import OutOfCoreRows, is_stored, located, most_surveyed, named
from skgen.data.row_map import Data, RowMap, Rows, rows_of
from skgen.data.sequences import without_gaps
from skgen.data.sources import read_source
from skgen.processes.noise import GeneratorNoise, RowNoise, row_keys
from skgen.repeatable import repeatable
from skgen.shortfalls import MOST_COLUMNS, N_DRAWN, warn_of_rare, warn_of_shortfalls
from skgen.threads import limited, threads_for
from skgen.training.batches import Reader
from skgen.training.checkpoints import module_state
from skgen.training.identity import Digest
from skgen.training.loop import fit_stages, open_checkpoint
from skgen.training.stages import Plan, Stage, training_device
from skgen.validation import split

REGISTRY: dict[str, type] = {}
"""Every estimator class by its name: how a loader finds it."""

MIN_STEPS, STEPS_PER_ROW, MAX_STEPS = 60, 4, 3000
PIECE_SHARE = 0.3
# Rows drawn at the end of a fit, which show where repeated values part: so many for each training
# row, within bounds. Of wide rows so many values are drawn at most, but so many rows at least.
DRAWS_PER_ROW, FEWEST_DRAWS, MOST_TABLE_DRAWS, MOST_LAYOUT_DRAWS = 4, 400, 4096, 1024
MOST_VALUES_DRAWN, MOST_WIDE_DRAWS = 2**18, 512
# A step costs more where rows have a layout, and borders need no better draws. Few rows tell less
# of borders than coarse draws do.
LAYOUT_STEPS = 32
FEW_ROWS, FEW_ROWS_STEPS = 128, 12


def _weights(module: nn.Module) -> list[Tensor]:
    return [parameter.data for parameter in module.parameters()]


def _seed(random_state: Any) -> int:
    return int(check_random_state(random_state).randint(2**31 - 1))


@dataclass
class _Place:
    """A seed, and how many of the rows that it gives come first."""

    seed: int
    start: int


def contained(values: np.ndarray, container: str, names: Any, given: Any = None) -> Any:
    """Put rows into a container by set_output's name for it, with the index of what was given.

    Names of None are numbered.
    """
    if container == "default":
        return values
    if names is None:
        names = [f"x{j}" for j in range(values.shape[1])]
    adapter = ADAPTERS_MANAGER.adapters[container]
    return adapter.create_container(values, given, columns=[str(name) for name in names])


def several(tables: list[Any]) -> Any:
    """Return a single completed table as it is, more as an array, or as a list of frames."""
    if len(tables) == 1:
        return tables[0]
    return np.stack(tables) if isinstance(tables[0], np.ndarray) else tables


def _name_methods_after(cls: type) -> None:
    """Give a class copies of the public methods that it inherits from this library.

    Python's errors about arguments name the class in which a function was written,
    ``BaseGenerativeModel.sample() takes ...``; those of a copy name the class that was called.
    """
    library = __name__.partition(".")[0]
    for name in dir(cls):
        member = inspect.getattr_static(cls, name)
        conditional = isinstance(member, _AvailableIfDescriptor)
        # What scikit-learn wraps around transform is left out: it will wrap the copy.
        outer = member.fn if conditional else member
        function = inspect.unwrap(outer)
        qualname = f"{cls.__qualname__}.{name}"
        if (
            name.startswith("_")
            or not inspect.isfunction(function)
            or function.__module__.partition(".")[0] != library
            or function.__qualname__ == qualname
        ):
            continue
        copied: Any = types.FunctionType(
            function.__code__, function.__globals__, name, None, function.__closure__
        )
        functools.update_wrapper(copied, function)
        del copied.__wrapped__
        copied.__defaults__, copied.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
        copied.__module__, copied.__qualname__ = cls.__module__, qualname
        if getattr(outer, "is_limited", False):
            copied = limited(copied)
        if conditional:
            copied = available_if(member.check)(copied)
        setattr(cls, name, copied)


class BaseGenerativeModel(BaseEstimator):
    """Fit, sample and impute; see the module for what children implement."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_steps": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean"],
        "ema_decay": [Interval(Real, 0, 1, closed="left")],
        "callbacks": [list, tuple, None],
        "net_params": [dict, None],
        "warm_start": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
        "device": [str, torch.device, None],
        "verbose": ["verbose", StrOptions({"auto"})],
        "random_state": ["random_state"],
        "input_shape": [tuple, list, None],
        "condition_dropout": [Interval(Real, 0, 1, closed="left")],
        "scaling": [StrOptions({"auto", "standard", "common", "quantile"})],
    }

    module_: Any
    row_map_: Any
    _n_pieces: int
    _piece_weights: list[Tensor] | None
    history_: list[dict[str, Any]]

    def __init__(
        self,
        *,
        scaling="auto",
        input_shape=None,
        max_steps=None,
        batch_size=256,
        lr=3e-3,
        validation_fraction=0.1,
        early_stopping=True,
        ema_decay=0.998,
        callbacks=None,
        net_params=None,
        warm_start=False,
        checkpoint=None,
        device=None,
        condition_dropout=0.1,
        verbose="auto",
        random_state=None,
    ):
        # For estimators written outside: those here list all their parameters themselves.
        self.scaling = scaling
        self.input_shape = input_shape
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.ema_decay = ema_decay
        self.callbacks = callbacks
        self.net_params = net_params
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.device = device
        self.condition_dropout = condition_dropout
        self.verbose = verbose
        self.random_state = random_state

    def __init_subclass__(cls, **kwargs: Any):
        _name_methods_after(cls)
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
        """Yield the stages of training, each drawn when the one before it has trained.

        A ``yield`` returns whether Ctrl-C ended the training of its stage.
        """
        raise NotImplementedError

    @property
    def _likelihood(self) -> str:
        """The distribution of the data: "gaussian" has no levels, the others have."""
        return getattr(self, "likelihood", "gaussian")

    def _sampling_options(self) -> dict[str, Any]:
        """Return what the module's ``sample`` and ``impute`` take from the constructor."""
        return {}

    @property
    def _most_sampling_steps(self) -> int | None:
        """The most steps that a sampler can take; None for any number."""
        return None

    # Fitting -------------------------------------------------------------------------------

    def fit(self, X, y=None, *, condition=None):
        """Learn the law of the rows of X.

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
            If what the model draws lacks a value, a share or a dependence of the rows, for fits
            that are not told a number of steps; columns and values are named.
        UserWarning
            If a label to condition on has fewer than five rows.
        """
        return self._fit(Data(X, condition))

    def partial_fit(self, X, y=None, *, condition=None):
        """Go on learning from a piece of the data.

        The first piece fixes the scaling, the labels and the code of the latent. Every call trains
        each stage for ``max_steps`` gradient steps, by default for 60 and one more for each row
        beyond 100, up to 3,000; the learning rate goes through its whole course each time, and no
        validation part is held back. What is used is a moving average of the weights after each
        piece.

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
        reset = not hasattr(self, "module_") or not (partial or self.warm_start)
        before = self.__dict__.copy()
        try:
            with threads_for(self):
                return self._learn(data, reset=reset, partial=partial)
        except BaseException:
            # All or nothing: a failed fit leaves what was there.
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _learn(self, data: Data, *, reset: bool, partial: bool) -> Any:
        self._validate_params()
        digest = Digest if self.checkpoint is not None and not partial else None
        rows, out_of_core, inputs = self._rows_to_learn(data, reset, digest)
        device = training_device(self.device, (self.net_params or {}).get("accelerator"))
        seed, checkpoint, before = _seed(self.random_state), None, [] if reset else self.history_
        if digest is not None:
            start = None if reset else (module_state(self.module_), len(before), self.row_map_)
            checkpoint = open_checkpoint(self, inputs, start, seed, device)
            seed = checkpoint.seed
        learnt, train, valid, reader = self._parts(rows, out_of_core, seed, device, partial)
        module = self._module_to_train(learnt, seed, reset, partial).float().to(device)
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

    def _parts(
        self,
        rows: Rows,
        out_of_core: OutOfCoreRows | None,
        seed: int,
        device: torch.device,
        partial: bool,
    ) -> tuple[Rows, Mapping[str, Tensor], Mapping[str, Tensor] | None, Reader | None]:
        """Return the rows to learn from, they and those that choose the weights as batches.

        The last reads all rows to learn from, where those are a part of them.
        """
        # A piece is too small a part of the data to choose the weights by a part of it.
        fraction = 0.0 if partial else self.validation_fraction
        chosen, held = split(rows.x, rows.condition, fraction, seed)
        learnt = rows.single(chosen)
        valid = None if held is None else rows.single(held).batch(device)
        reader = None
        if out_of_core is not None:
            n, read = out_of_core.rest(self.row_map_, held)
            reader = Reader(n, out_of_core.run, out_of_core.most, lambda i: read(i).batch(device))
        return learnt, learnt.batch(device), valid, reader

    def _module_to_train(self, learnt: Rows, seed: int, reset: bool, partial: bool) -> Any:
        """Return a new module, or a copy of the fitted one to go on with."""
        if reset:
            return self._build_module(learnt, torch.Generator().manual_seed(seed))
        module = copy.deepcopy(self.module_)
        if learnt.source is not None:
            module.source = learnt.source
        if partial and self._piece_weights is not None:
            torch._foreach_copy_(_weights(module), self._piece_weights)
        return module

    def _use(self, module: Any, reset: bool, partial: bool) -> None:
        """Take a trained module into use.

        A piece is small, and weights that have learnt from it last know it best. Training goes on
        from the last weights, and what is used is their moving average over the pieces so far.
        """
        weights, last = _weights(module), None
        self._n_pieces = 1 + (0 if reset or not partial else self._n_pieces)
        if partial:
            last = [w.clone() for w in weights]
            if not reset:
                share = max(PIECE_SHARE, 1 / self._n_pieces)
                pairs = zip(_weights(self.module_), weights, strict=True)
                old = [before.to(new.device) for before, new in pairs]
                torch._foreach_copy_(weights, torch._foreach_lerp(old, weights, share))
        self._piece_weights = last
        self.module_ = module.requires_grad_(False).eval()
        self._copies: dict[torch.dtype, nn.Module] = {}

    def _rows_to_learn(
        self, data: Data, reset: bool, digest: Any
    ) -> tuple[Rows, OutOfCoreRows | None, dict[str, Any]]:
        """Return the rows of a fit, of too many a part and what reads the others.

        The map to them is set. The third are the data by their names, as a checkpoint distinguishes
        them, or the digests of what is not held.
        """
        names = getattr(data.X, "columns", None)
        data = replace(data, X=self._validated(data, reset))
        (n_rows, n_features), inputs, out_of_core = data.X.shape, {}, None
        if data.source is not None:
            source, inputs["source"] = read_source(self, data.source, names, n_features, digest)
            data = replace(data, source=source)
        if n_rows > most_surveyed(n_features):
            # What is learnt of the rows as a whole is learnt from a part of them.
            out_of_core = OutOfCoreRows(data, partial_of(validated, self))
        with located(None if out_of_core is None else "In a random part of X"):
            part = data if out_of_core is None else out_of_core.survey(reset)
            check_layout(self.input_shape, n_features)
            check_largest(part.X, "X")
            if reset:
                needs_condition = self.condition_dropout == 0
                layout = self.input_shape
                row_map = RowMap(self.scaling, layout, self._likelihood, needs_condition)
                part = row_map.fit(part, getattr(self, "levels", None))
            else:
                row_map = self.row_map_.copy()
                part = row_map.check(part)
        if reset:
            row_map.fit_condition(data.condition, n_rows)
        if row_map.condition_encoder is not None and data.condition is None:
            raise ValueError("The model learns with a condition: give condition= here too.")
        if out_of_core is not None:
            inputs |= out_of_core.check(row_map, digest)
        rows = row_map.forward(part)
        if out_of_core is None:
            inputs |= {"X": part.X, "condition": rows.condition, "lengths": part.lengths}
        if reset and row_map.condition_encoder is not None:
            warn_of_rare(row_map.condition_encoder.rare)
        self.row_map_ = row_map
        return rows, out_of_core, inputs

    def _validated(self, data: Data, reset: bool) -> Any:
        """Return X as an array of numbers, or as it is where it is read a part at a time."""
        X = without_gaps(data.X, data.lengths, self.input_shape)
        if is_stored(X):
            if len(X.shape) != 2 and not isinstance(X, np.ndarray):
                raise ValueError(
                    f"X has shape {tuple(X.shape)}, and must have two dimensions: a row of images "
                    "or sequences is flattened, and input_shape= tells its layout."
                )
            if len(X.shape) == 2 and X.shape[0] > most_surveyed(X.shape[1]):
                return X
            X = X if isinstance(X, np.ndarray) else named(np.asarray(X[:]), X)
        return validated(self, X, ensure_min_samples=2, reset=reset)

    def _calibrate(self, n_rows: int, encoded: Tensor | None, seed: int) -> None:
        """Draw rows for the scaler to learn from where repeated values part in them."""
        if not self.row_map_.calibrates or getattr(self.module_, "draws_values", False):
            return
        most = MOST_TABLE_DRAWS if self.input_shape is None else MOST_LAYOUT_DRAWS
        most = max(MOST_WIDE_DRAWS, min(most, MOST_VALUES_DRAWN // self.n_features_in_))
        n = min(most, max(FEWEST_DRAWS, DRAWS_PER_ROW * n_rows))
        if encoded is not None:
            encoded = encoded[np.random.default_rng(seed).integers(len(encoded), size=n)]
        steps = self._sampling_options().get("n_steps")
        if steps is not None and self.input_shape is not None:
            steps = min(steps, LAYOUT_STEPS)
        if steps is not None and n_rows <= FEW_ROWS:
            steps = min(steps, FEW_ROWS_STEPS)
        try:
            rows = self._draw(n, encoded, 0.0, steps, _Place(seed, 0))
        except KeyboardInterrupt:
            warnings.warn(
                "Interrupted while the model drew rows to learn the borders of repeated values "
                "from; it is trained, and puts what it draws on the nearest value.",
                stacklevel=5,
            )
            return
        rows = rows[torch.isfinite(rows).all(1)]
        if len(rows):
            self.row_map_.calibrate(rows)

    def _warn_of_shortfalls(self, X: np.ndarray, encoded: Tensor | None, seed: int) -> None:
        """Draw rows and say what they lack of those of a fit that took its time.

        A number of steps that is set is a trial, or a choice; and columns of a layout are pixels.
        """
        wide = X.shape[1] > MOST_COLUMNS
        if self.max_steps is not None or self.input_shape is not None or wide:
            return
        if encoded is not None:
            encoded = encoded[np.random.default_rng(seed).integers(len(encoded), size=N_DRAWN)]
        try:
            rows = self._draw(N_DRAWN, encoded, 0.0, None, _Place(seed, 0))
        except KeyboardInterrupt:
            # The model is trained.
            return
        if torch.isfinite(rows).all():
            drawn = self.row_map_.inverse(rows, drawn=True)
            warn_of_shortfalls(self, X, drawn, getattr(self, "feature_names_in_", None))

    def _finish_fit(self) -> None:
        """Set further fitted attributes; a place for models."""

    def _plan(self, n_rows: int, device: torch.device, partial: bool) -> Plan:
        return Plan(
            n_steps=self._n_stage_steps(n_rows, partial),
            batch_size=self.batch_size,
            lr=self.lr,
            ema_decay=self.ema_decay,
            early_stopping=self.early_stopping,
            device=device,
            verbose=self.verbose,
            callbacks=self.callbacks or (),
            net_params=self.net_params or {},
        )

    def _n_stage_steps(self, n_rows: int, partial: bool = False) -> int:
        # A piece is one of many: a step a row, where a whole data set gets four.
        steps = MIN_STEPS + (1 if partial else STEPS_PER_ROW) * max(0, n_rows - 100)
        return min(steps, MAX_STEPS) if self.max_steps is None else self.max_steps

    # Using a fitted model ------------------------------------------------------------------

    def _module_in(self, dtype: torch.dtype) -> Any:
        """Return the fitted module in a precision; the copies are made once."""
        if dtype == torch.float32 or self.module_device.type == "mps":
            return self.module_
        if dtype not in self._copies:
            self._copies[dtype] = copy.deepcopy(self.module_).to(dtype)
        return self._copies[dtype]

    @property
    def module_device(self) -> torch.device:
        """The device that the fitted module lives on."""
        return next(self.module_.parameters()).device

    def _check_settings(self) -> None:
        """Validate what set_params may have changed since fit; an older model may lack some."""
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
        """Return data with X as numbers, with NaN for gaps if there may be any."""
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

    @staticmethod
    def _parameters_of(part: nn.Module | None) -> list[nn.Parameter]:
        """Return the parameters of a part that a module may lack."""
        return [] if part is None else list(part.parameters())

    @contextmanager
    def _computing(self, module: nn.Module) -> Iterator[None]:
        """Use a fitted module, without gradients."""
        with torch.no_grad(), repeatable(module):
            yield

    def _in_blocks(
        self,
        function: Callable[..., Tensor],
        module: Any,
        arrays: list[Tensor | None],
    ) -> Tensor:
        """Call a method of the module on blocks of rows, without gradients."""
        present = [a for a in arrays if a is not None]
        blocks = []
        with self._computing(module):
            for start in range(0, len(present[0]), module.block_size):
                part = slice(start, start + module.block_size)
                inputs = [None if a is None else a[part].to(self.module_device) for a in arrays]
                blocks.append(function(*inputs).cpu())
        return torch.cat(blocks)

    def _frame(self, values: np.ndarray, given: Any = None) -> Any:
        """Wrap rows in the container that set_output asks for, with fit's column names.

        Rows that answer to others, one to one, have the index of those given.
        """
        container = _get_output_config("transform", self)["dense"]
        return contained(values, container, getattr(self, "feature_names_in_", None), given)

    def sample(
        self,
        n_samples=1,
        *,
        condition=None,
        guidance_scale=0.0,
        n_steps=None,
        random_state=None,
    ):
        """Draw new rows.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        condition : scalar or array-like of shape (n_samples,) or (n_samples, n_columns)
            What to condition on; a scalar serves all rows. None draws without a condition.
        guidance_scale : float, default=0.0
            Classifier-free guidance: predictions move this many times the difference that the
            condition makes beyond the conditional ones. 0 draws from the conditional law; more
            makes rows easier to tell from those of other conditions, and moves their means.
        n_steps : int, default=None
            Number of sampling steps; None takes the constructor's.
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
        """Draw new rows, some at a time: as many as fit on a disk, in the memory of a batch.

        Parameters
        ----------
        n_samples : int
            Number of rows in all.
        batch_size : int, default=16384
            Rows of a batch; the last one may have fewer.
        condition : scalar or array-like of shape (n_samples,) or (n_samples, n_columns)
            What to condition on; a scalar serves all rows. None draws without a condition.
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
        for name, number in (("n_samples", n_samples), ("batch_size", batch_size)):
            if not isinstance(number, Integral) or number < 1:
                raise ValueError(f"{name} must be an integer of at least 1, got {number!r}.")
        seed = _seed(self.random_state if random_state is None else random_state)
        n_samples, batch_size = int(n_samples), int(batch_size)

        def drawn(start):
            part = slice(start, min(start + batch_size, n_samples))
            told = rows_of(condition, part, n_samples, "condition")
            # Blocks that two batches share are drawn for each of them.
            place = _Place(seed, start)
            return self.sample(part.stop - start, condition=told, random_state=place, **options)

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
        """Return the number of rows and the encoded condition, or say what is wrong with them."""
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples must be an integer of at least 1, got {n_samples!r}.")
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
        if not isinstance(place, _Place):
            place = _Place(_seed(self.random_state if random_state is None else random_state), 0)
        settings = {**self._sampling_options(), **options, "guidance_scale": float(guidance_scale)}
        if n_steps is not None:
            settings["n_steps"] = int(n_steps)
        block = self.module_.block_size
        first, skipped = divmod(place.start, block)
        parts = []
        for number, start in enumerate(range(-skipped, n_samples, block), first):
            # Every block has the same size and a seed of its own, so that a row's bits depend on
            # its place alone, not on how many rows are asked for.
            noise = self._noise(place.seed, number)
            given = None
            if encoded is not None:
                given = encoded[max(start, 0) : start + block]
                ahead = max(-start, 0)
                short = block - ahead - len(given)
                filling = given[:1]
                given = torch.cat([filling.expand(ahead, -1), given, filling.expand(short, -1)])
                given = given.float().to(self.module_device)
            with self._computing(self.module_):
                rows = self.module_.sample(noise, block, given, **settings)
            parts.append(rows.cpu())
        return torch.cat(parts)[skipped : skipped + n_samples]

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

    def _noise(self, seed: int, number: int) -> GeneratorNoise:
        mixed = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]
        generator = torch.Generator(self.module_device).manual_seed(int(mixed >> np.uint64(1)))
        return GeneratorNoise(generator)

    def _check_sampling(self, n_steps: Any, guidance_scale: Any, condition: Any) -> None:
        self._check_settings()
        if n_steps is not None and (not isinstance(n_steps, Integral) or n_steps < 1):
            raise ValueError(f"n_steps must be an integer of at least 1, got {n_steps!r}.")
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
        most = self._most_sampling_steps
        if most is not None and (wanted := int(n_steps or self.n_steps or 1)) > most:
            raise ValueError(
                f"n_steps={wanted} is more than the {most} steps of the diffusion; fit with a "
                "larger n_timesteps."
            )

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
        X : ndarray or frame of shape (n_samples, n_features), or ``n_draws`` of them
            The completed table; observed entries come back as they were given. With ``n_draws``
            above 1, as many tables, each as a single draw would be: ``X[k]`` is the k-th in an
            array of shape (n_draws, n_samples, n_features), or in a list of frames where
            ``set_output`` asks for frames.
        """
        return self._impute(Data(X, condition), n_draws, n_steps, random_state)

    @limited
    def _impute(self, data: Data, n_draws: Any, n_steps: Any, random_state: Any) -> Any:
        check_is_fitted(self)
        if not hasattr(self.module_, "impute"):
            raise NotImplementedError(
                f"{type(self).__name__} draws whole rows only: its module has no impute."
            )
        if not isinstance(n_draws, Integral) or n_draws < 1:
            raise ValueError(f"n_draws must be an integer of at least 1, got {n_draws!r}.")
        self._check_sampling(n_steps, 0.0, data.condition)
        rows = self._rows(data, gaps=True)
        seed = _seed(self.random_state if random_state is None else random_state)
        n_draws = int(n_draws)
        X, encoded, observed = rows.values, rows.condition, rows.observed
        missing = np.isnan(X)
        options = self._sampling_options()
        if n_steps is not None:
            options["n_steps"] = int(n_steps)
        todo = np.flatnonzero(missing.any(1))
        result = np.repeat(X[None], n_draws, 0)
        block = self.module_.block_size
        jobs = np.tile(todo, n_draws)
        draws = np.repeat(np.arange(n_draws), len(todo))
        for number, start in enumerate(range(0, len(jobs), block)):
            index, draw = jobs[start : start + block], draws[start : start + block]
            told = None if encoded is None else encoded[index].float().to(self.module_device)
            with self._computing(self.module_):
                completed = self.module_.impute(
                    self._noise(seed, number),
                    rows.x[index].float().to(self.module_device),
                    observed[index].to(self.module_device),
                    told,
                    **options,
                )
            values = self.row_map_.inverse(completed.cpu(), drawn=True).astype(X.dtype)
            hole = missing[index]
            result[draw[:, None], index[:, None], :] = np.where(hole, values, X[index])[:, None, :]
        return several([self._frame(table, data.X) for table in result])

    # State ---------------------------------------------------------------------------------

    def __getstate__(self):
        state = super().__getstate__().copy()
        if "module_" in state:
            # The optimisers' state is not worth its bytes, and a module on the CPU opens anywhere.
            state.pop("nets_", None)
            state["module_"] = copy.deepcopy(state["module_"]).cpu()
            state["_copies"] = {}
            if state["_piece_weights"] is not None:
                state["_piece_weights"] = [weight.cpu() for weight in state["_piece_weights"]]
        return state

    def __setstate__(self, state):
        # A file of an earlier version lacks the parameters that came later.
        signature = inspect.signature(type(self).__init__)
        defaults = {name: signature.parameters[name].default for name in self._get_param_names()}
        if "scaler_" in state:
            # A file that has the parts of the map one by one.
            state = RowMap.into_state(state)
        super().__setstate__({**defaults, **state})


class LatentMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Data to latent and back, for modules with ``encode`` and ``decode``."""

    @property
    def _n_features_out(self: Any) -> int:
        """The number of latent columns: that of the data, unless a model says otherwise."""
        return self.n_features_in_

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
        Z = self._check_latent(X)
        encoded = self.row_map_.encode(condition, len(Z))
        return self._frame(self._decode_rows(Z, encoded), X)

    @limited
    def _encode_rows(self: Any, data: Data) -> np.ndarray:
        """Return the latent rows of data, without a container."""
        rows = self._rows(data)
        return self._from_latent(self._apply("encode", rows.x, rows.condition, rows.values.dtype))

    def _from_latent(self, rows: np.ndarray) -> np.ndarray:
        """Map what the module encodes to what the user sees."""
        return rows

    def _to_latent(self: Any, Z: np.ndarray) -> Tensor:
        """Invert `_from_latent`."""
        rows = torch.from_numpy(Z.copy())
        check_near(Z, rows)
        return rows

    @limited
    def _decode_rows(self: Any, Z: np.ndarray, encoded: Tensor | None) -> np.ndarray:
        """Return the data of latent rows, without a container."""
        rows = self._apply("decode", self._to_latent(Z), encoded, np.float64, Z.dtype)
        return self.row_map_.inverse(torch.from_numpy(rows)).astype(Z.dtype)

    def _check_latent(self, X: Any) -> np.ndarray:
        Z = check_array(X, dtype=[np.float64, np.float32], input_name="X", estimator=self)
        if Z.shape[1] != self._n_features_out:
            raise ValueError(
                f"inverse_transform takes the {self._n_features_out} latent columns that transform "
                f"returns, got {Z.shape[1]}."
            )
        return Z

    def _apply(
        self, method: str, rows: Tensor, encoded: Tensor | None, out: Any, precision: Any = None
    ) -> np.ndarray:
        dtype = torch.float32 if np.dtype(precision or out) == np.float32 else torch.float64
        module = self._module_in(dtype)
        dtype = next(module.parameters()).dtype
        given = None if encoded is None else encoded.to(dtype)
        options = self._sampling_options()

        def function(x, c):
            return getattr(module, method)(x, c, **options)

        values = self._in_blocks(function, module, [rows.to(dtype), given])
        return values.numpy().astype(out)


class LikelihoodMixin:
    """Log-likelihood or its bound, for modules with ``negative_log_likelihood``.

    Where most of it does not depend on the noise, a module has ``likelihood_of`` instead, which
    computes this once and returns a function of the noise.
    """

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
        dtype = torch.float32 if rows.values.dtype == np.float32 else torch.float64
        module = self._module_in(dtype)
        dtype = next(module.parameters()).dtype
        options = self._sampling_options()

        def function(x, keys, c):
            total = torch.zeros(len(x), dtype=torch.float64, device=x.device)
            loss_of = (
                module.likelihood_of(x, c)
                if hasattr(module, "likelihood_of")
                else lambda noise: module.negative_log_likelihood(noise, x, c, **options)
            )
            for draw in range(module.score_draws):
                total += loss_of(RowNoise(keys, draw, module.score_draws)).double()
            return -total / module.score_draws

        told = None if rows.condition is None else rows.condition.to(dtype)
        arrays = [
            rows.x.to(dtype),
            row_keys(torch.from_numpy(rows.values.astype(np.float64))),
            told,
        ]
        values = self._in_blocks(function, module, arrays)
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
            Mean log-likelihood, or its lower bound, in nats a row.
        """
        return float(np.mean(self.score_samples(X, condition=condition)))
