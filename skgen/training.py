r"""Training: gradient steps on a loss a row, by skorch. The one file that knows it.

:func:`train` composes a skorch net around a loss: tensor batches in place of a loader of rows,
AdamW with warm-up and cosine decay, clipped gradients, a moving average of the weights, and a
validation part with the same noise each time that chooses among the averages.
"""

import copy
import functools
import inspect
import math
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skgen import docstrings
from skgen.processes.noise import GeneratorNoise, PartNoise
from skgen.progress import progress_bar

with docstrings.kept("skorch"):
    import skorch.callbacks
    from skorch import NeuralNet
    from skorch.callbacks import Callback, LRScheduler
    from skorch.hf import AccelerateMixin
    from skorch.utils import noop

N_EVALUATIONS = 20
MIN_VALIDATION_ROWS = 1024
MIN_EPOCH_STEPS = 10
PATIENCE = 10
# Of a loss in parts, one or another improves by chance at nearly every evaluation: so many of them
# have to bring so much together.
PARTS_PATIENCE, LEAST_GAIN = 5, 0.01
MAX_GRADIENT_NORM = 1.0
# What optimisers remember of a weight and has its shape: their loops take that for granted.
LIKE_WEIGHTS = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer"}
MOMENTS = {"step", "exp_avg", "exp_avg_sq"}
# Callbacks of skorch that train otherwise, where its others watch.
STEERING = (
    skorch.callbacks.EarlyStopping,
    skorch.callbacks.GradientNormClipping,
    skorch.callbacks.InputShapeSetter,
    skorch.callbacks.LoadInitState,
    skorch.callbacks.ParamMapper,
    LRScheduler,
)


class TrainingError(FloatingPointError):
    """A loss became NaN or infinite."""


class StateError(ValueError):
    """The state of a training that was stopped is none of this training's."""


@dataclass
class Reader:
    """Rows to learn from that are read when their turn comes.

    Parameters
    ----------
    n : int
        How many there are.
    run : int
        How many beside one another are read together.
    most : int
        How many are held at a time, as far as a batch has no more.
    read : callable
        ``read(index)`` gives a dict of tensors of the rows of the given numbers, which increase.
    """

    n: int
    run: int
    most: int
    read: Callable[[np.ndarray], Mapping[str, Tensor]]


@dataclass
class Stage:
    """One stage of a paper's algorithm.

    Parameters
    ----------
    name : str
        Its name in the history.
    loss : callable
        ``loss(noise, **batch)`` gives a loss a row, of shape (n,); or its parts, (n, n_parts).
    module : nn.Module
        What the loss runs on.
    parameters : list of nn.Parameter
        What the stage trains; everything else is held.
    train : dict of str to Tensor, or Reader
        Rows to learn from.
    valid : dict of str to Tensor or None
        Rows that choose the weights.
    effort : float
        Its share of the plan's steps.
    pace : float
        What the plan's learning rate is multiplied by.
    interrupted : bool
        Whether Ctrl-C ended it.
    diagnose : callable
        Gives further figures for the last row of the stage's history.
    owners : dict of nn.Parameter to Tensor
        The part of the loss that each row of a parameter has an effect on, where it has none on
        another. Validation then chooses the weights part by part.
    """

    name: str
    loss: Callable[..., Tensor]
    module: nn.Module
    parameters: Sequence[nn.Parameter]
    train: Mapping[str, Tensor] | Reader
    valid: Mapping[str, Tensor] | None
    effort: float = 1.0
    pace: float = 1.0
    interrupted: bool = False
    diagnose: Callable[[], Mapping[str, float]] = field(default=dict)
    owners: Mapping[nn.Parameter, Tensor] = field(default_factory=dict)


@dataclass
class Plan:
    """How long and how to train: the estimator's parameters, resolved."""

    n_steps: int
    batch_size: int
    lr: float
    ema_decay: float
    early_stopping: bool
    device: torch.device
    verbose: bool | int | str = False
    callbacks: Sequence[Any] = ()
    net_params: Mapping[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)


class _Objective(nn.Module):
    """A loss as the module that skorch expects."""

    def __init__(self, module: nn.Module, loss: Callable[..., Tensor]):
        super().__init__()
        self.module = module
        self._loss = loss

    def forward(self, noise: Any, **batch: Tensor) -> Tensor:
        return self._loss(noise, **batch)


class _Batches:
    """Batches of a dict of tensors: shuffled without end, or in order and once."""

    def __init__(self, rows: Mapping[str, Tensor], batch_size: int):
        self.rows = rows
        self.n = len(next(iter(rows.values())))
        self.batch_size = batch_size
        self._order: Tensor | None = None
        self._at = 0

    def shuffled(self, n_steps: int, generator: torch.Generator) -> Iterator:
        size = min(self.batch_size, self.n)
        for _ in range(n_steps):
            if self._order is None or self._at + size > self.n:
                self._order, self._at = torch.randperm(self.n, generator=generator), 0
            index = self._order[self._at : self._at + size]
            self._at += size
            yield {k: v[index] for k, v in self.rows.items()}, torch.empty(0)

    def check(self, order: Any, at: Any) -> None:
        """Raise where an order and a place in it are none of these rows'."""
        _check_place(order, at, self.n)
        if order is not None and not torch.equal(order.sort().values, torch.arange(self.n)):
            raise ValueError("its order of the rows is none")

    def ordered(self) -> Iterator:
        for start in range(0, self.n, self.batch_size):
            part = slice(start, start + self.batch_size)
            yield {k: v[part] for k, v in self.rows.items()}, torch.empty(0)


class _ReadBatches:
    """Shuffled batches without end of rows that are read, many batches at a time.

    The order is one of runs of rows. What is read at a time comes from many runs, and is mixed.
    """

    def __init__(self, reader: Reader, batch_size: int):
        self.reader, self.size = reader, min(batch_size, reader.n)
        # Where the runs of this pass begin, in their order, and the rows that are done.
        self._order: Tensor | None = None
        self._at = 0

    def shuffled(self, n_steps: int, generator: torch.Generator) -> Iterator:
        while n_steps > 0:
            n_read = min(n_steps, max(1, self.reader.most // self.size))
            places = self._next(n_read * self.size, generator)
            if self.reader.run > 1:
                places = places[torch.randperm(len(places), generator=generator)]
            index, back = torch.sort(places)
            rows = self.reader.read(index.numpy())
            back = torch.argsort(back)
            for part in back.split(self.size):
                yield {k: v[part.to(v.device)] for k, v in rows.items()}, torch.empty(0)
            n_steps -= n_read

    def check(self, order: Any, at: Any) -> None:
        """Raise where an order and a place in it are none of these rows'."""
        n_runs = self.reader.n // self.reader.run
        _check_place(order, at, n_runs * self.reader.run)
        if order is None:
            return
        starts = order.sort().values
        whole = len(starts) == n_runs and bool((starts.diff() == self.reader.run).all())
        if not whole or starts[0] < 0 or starts[-1] + self.reader.run > self.reader.n:
            raise ValueError("its order of the rows is none")

    def _next(self, n: int, generator: torch.Generator) -> Tensor:
        """Return the numbers of the next n rows."""
        n_runs, over = divmod(self.reader.n, self.reader.run)
        parts = []
        while n > 0:
            if self._order is None or self._at == n_runs * self.reader.run:
                # Runs do not begin at the same rows in every pass, so that the last ones count.
                first = int(torch.randint(over + 1, (), generator=generator))
                order = torch.randperm(n_runs, generator=generator)
                self._order, self._at = order * self.reader.run + first, 0
            place = torch.arange(self._at, min(self._at + n, n_runs * self.reader.run))
            run = place // self.reader.run
            parts.append(self._order[run] + place % self.reader.run)
            self._at += len(place)
            n -= len(place)
        return torch.cat(parts)


def _check_place(order: Any, at: Any, most: int) -> None:
    if type(at) is not int or not 0 <= at <= most:
        raise ValueError(f"its place in the order of the rows is {at!r:.50}")
    if order is not None and (order.dtype != torch.int64 or order.ndim != 1):
        raise ValueError("its order of the rows is none")


def _check_tensor(value: Any, like: Tensor, name: str) -> None:
    if (value.shape, value.dtype) != (like.shape, like.dtype):
        raise ValueError(f"{name!r:.50} is of another shape or type than the weights")


def _check_alike(kept: Any, own: Any, name: str) -> None:
    """Raise where parts of two settings have other names or types."""
    if type(kept) is not type(own) and not (
        isinstance(kept, int | float) and isinstance(own, int | float)
    ):
        raise ValueError(f"{name!r:.50} is of another type")
    if isinstance(own, dict):
        if kept.keys() != own.keys():
            raise ValueError(f"{name!r:.50} has other parts")
        for key, part in own.items():
            _check_alike(kept[key], part, key)
    elif isinstance(own, list | tuple):
        for part, like in zip(kept, own, strict=True):
            _check_alike(part, like, name)


class _WarmupCosine:
    """Factor of the learning rate at a step: a ramp, then half a cosine."""

    def __init__(self, n_steps: int):
        self.n_steps = n_steps
        self.warmup = max(1, min(100, n_steps // 10))

    def __call__(self, step: int) -> float:
        ramp = min(1.0, (step + 1) / self.warmup)
        return ramp * max(0.02, 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.n_steps))))


class _Average(Callback):
    """Moving average of the trained weights, kept in one fused call a step."""

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float):
        self.parameters, self.decay = list(parameters), decay

    def on_train_begin(self, net, **kwargs):
        self.average = [p.detach().clone() for p in self.parameters]
        self.weights = [p.detach() for p in self.parameters]
        self.step = 0

    def on_batch_end(self, net, training, **kwargs):
        if training:
            self.step += 1
            decay = min(self.decay, self.step / (self.step + 10))
            torch._foreach_lerp_(self.average, self.weights, 1 - decay)

    @contextmanager
    def applied(self):
        """Put the average in the place of the weights for a while."""
        kept = [p.clone() for p in self.weights]
        torch._foreach_copy_(self.weights, self.average)
        try:
            yield
        finally:
            torch._foreach_copy_(self.weights, kept)


class _Choose(Callback):
    """Keep the average that validated best; stop when it has not improved for a while.

    Of a loss in parts, the weights of each part are those of that part's best evaluation.
    """

    def __init__(self, average: _Average, owners: Mapping[Any, Tensor], early_stopping: bool):
        self.average, self.early_stopping = average, early_stopping
        # Where the losses are compared, whatever device the weights are on.
        self.owners = [owners.get(p, torch.tensor(0)).cpu() for p in average.parameters]
        self.n_parts = 1 + max(int(owner.max()) for owner in self.owners)

    def on_train_begin(self, net, **kwargs):
        self.best_loss = torch.full((self.n_parts,), math.inf, dtype=torch.float64)
        self.best, self.totals = None, []

    def on_epoch_begin(self, net, **kwargs):
        self.total, self.n_rows = torch.zeros_like(self.best_loss), 0

    def on_batch_end(self, net, training, y_pred=None, **kwargs):
        if not training:
            self.total += y_pred.detach().cpu().double().sum(0)
            self.n_rows += len(y_pred)

    def on_epoch_end(self, net, **kwargs):
        loss = net.history[-1].get("valid_loss")
        if loss is None:
            return
        if not math.isfinite(loss):
            raise TrainingError(net.lost(loss, "validation"))
        parts = self.total / self.n_rows
        better = parts < self.best_loss
        self.best_loss = torch.minimum(parts, self.best_loss)
        self.totals.append(float(self.best_loss.sum()))
        new = self.average.average
        if self.best is None:
            self.best = [a.clone() for a in new]
        for kept, value, owner in zip(self.best, new, self.owners, strict=True):
            rows = better[owner].to(value.device)
            rows = rows.view(rows.shape + (1,) * (value.ndim - rows.ndim))
            kept.copy_(torch.where(rows, value, kept))
        patience, least = (PARTS_PATIENCE, LEAST_GAIN) if self.n_parts > 1 else (PATIENCE, 0.0)
        before = self.totals[:-patience][-1:]
        if self.early_stopping and before and before[0] - self.totals[-1] <= least:
            net.stop_training = True

    def on_train_end(self, net, **kwargs):
        chosen = self.average.average if self.best is None else self.best
        torch._foreach_copy_(self.average.weights, chosen)


class _Keep(Callback):
    """Hand over the state of the net at every evaluation."""

    def __init__(self, keep: Callable[[dict[str, Any]], None]):
        self.keep: Callable[[dict[str, Any]], None] | None = keep

    def on_epoch_end(self, net, **kwargs):
        self.keep(net.training_state())

    def on_train_end(self, net, **kwargs):
        # A net outlives its training, and need not hold on to what it was kept by.
        self.keep = None


class _Bar(Callback):
    """A progress bar over the gradient steps."""

    def __init__(self, name: str, n_steps: int, verbose: bool | int | str, started: float):
        self.name, self.n_steps, self.verbose, self.started = name, n_steps, verbose, started

    def on_train_begin(self, net, **kwargs):
        self.bar = progress_bar(self.verbose, self.n_steps, self.name, "step", self.started)

    def on_batch_end(self, net, training, **kwargs):
        self.bar.update(int(training))

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        shown = {k: f"{row[k]:.4g}" for k in ("train_loss", "valid_loss") if row.get(k) is not None}
        # Shown with the next step: a refresh would not wait for the bar's delay.
        self.bar.set_postfix(shown, refresh=False)

    def close(self):
        """Close the bar, also after an error."""
        if hasattr(self, "bar"):
            self.bar.close()

    def __getstate__(self):
        return {k: v for k, v in self.__dict__.items() if k != "bar"}


class StageNet(NeuralNet):
    """A skorch net for one stage.

    Its data are dicts of tensors, its epochs a number of steps, its loss a mean over rows.
    ``autocast_dtype="bfloat16"`` trains in mixed precision; ``compile=True`` is skorch's own.
    """

    # Until the loop has ended by itself, Ctrl-C has ended it.
    interrupted_, step_ = True, 0

    def __init__(
        self,
        module,
        *,
        stage=None,
        seed=0,
        n_steps=1,
        resume=None,
        autocast_dtype=None,
        place="cpu",
        **kwargs,
    ):
        # Where the module is; skorch's device is where it is to be moved to.
        self.place = place
        self.stage, self.seed, self.n_steps, self.resume = stage, seed, n_steps, resume
        self.autocast_dtype = autocast_dtype
        super().__init__(module, **kwargs)

    def steps_an_epoch(self) -> int:
        """Return the gradient steps between two evaluations."""
        return max(MIN_EPOCH_STEPS, math.ceil(self.n_steps / N_EVALUATIONS))

    def get_split_datasets(self, X, y=None, **fit_params):
        """Return the stage's own rows, the few of validation repeated."""
        valid = self.stage.valid
        if valid is not None:
            # Few rows are seen several times, at other times and noises, for a steadier choice.
            n = len(next(iter(valid.values())))
            repeats = math.ceil(min(MIN_VALIDATION_ROWS, 8 * n) / n)
            valid = {k: v.repeat((repeats,) + (1,) * (v.ndim - 1)) for k, v in valid.items()}
            valid = _Batches(valid, max(self.batch_size, 1024))
        rows = self.stage.train
        make = _ReadBatches if isinstance(rows, Reader) else _Batches
        self.batches_ = make(rows, self.batch_size)
        if self.resume is not None:
            self._restore(self.resume)
        return self.batches_, valid

    def _initialize_optimizer(self, reason=None):
        with _settings_told():
            return super()._initialize_optimizer(reason)

    def _validate_params(self):
        with _settings_told():
            super()._validate_params()

    def get_iterator(self, dataset, training=False):
        """Return the batches as they are."""
        return dataset

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train until the steps are done, the weights chosen, or Ctrl-C pressed."""
        device = torch.device(self.place)
        self.generator_ = torch.Generator(device).manual_seed(self.seed)
        self.order_ = torch.Generator().manual_seed(self.seed + 1)
        self.stop_training = False
        # The last evaluation of the stage before left the module in evaluation mode.
        self.module_.train()
        with suppress(_Stopped):
            super().fit_loop(X, y, epochs, **fit_params)
        # Ctrl-C before here ends the loop in skorch, which goes on to `on_train_end`.
        self.interrupted_ = False
        return self

    def forget(self) -> None:
        """Give up what has done its work: a generator cannot be copied or pickled."""
        for name in ("generator_", "order_", "batches_"):
            # Ctrl-C may have come before there was any.
            self.__dict__.pop(name, None)
        self.resume = None

    def training_state(self) -> dict[str, Any]:
        """Return what the rest of the training depends on, besides the module."""
        callbacks = dict(self.callbacks_)
        average, choose = callbacks["average"], callbacks["choose"]
        names = (bool, int, float, str)
        return {
            "step": self.step_,
            "stop": self.stop_training,
            "optimizer": self.optimizer_.state_dict(),
            "schedule": callbacks["schedule"].lr_scheduler_.state_dict(),
            "average": [average.average, average.step],
            "choose": [choose.best_loss, choose.best, choose.totals],
            "generators": [self.generator_.get_state(), self.order_.get_state()],
            "batches": [self.batches_._order, self.batches_._at],
            "history": [
                {k: v for k, v in row.items() if isinstance(v, names)} for row in self.history
            ],
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Put back what `training_state` returned; raise StateError for what it cannot be."""
        try:
            self._check_state(state)
            self._put_back(state)
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise StateError(str(error)) from error
        if "bar" in (callbacks := dict(self.callbacks_)):
            callbacks["bar"].bar.update(self.step_)

    def _put_back(self, state: Mapping[str, Any]) -> None:
        callbacks = dict(self.callbacks_)
        average, choose = callbacks["average"], callbacks["choose"]

        def moved(tensors):
            return None if tensors is None else [t.to(self.place) for t in tensors]

        self.step_, self.stop_training = state["step"], state["stop"]
        self.module_.training = self.stage.module.training
        self.optimizer_.load_state_dict(state["optimizer"])
        callbacks["schedule"].lr_scheduler_.load_state_dict(dict(state["schedule"]))
        average.average, average.step = moved(state["average"][0]), state["average"][1]
        choose.best_loss, choose.best, totals = state["choose"]
        choose.totals = list(totals)
        choose.best = moved(choose.best)
        for generator, kept in zip(
            (self.generator_, self.order_), state["generators"], strict=True
        ):
            generator.set_state(kept)
        self.batches_._order, self.batches_._at = state["batches"]
        for row in state["history"]:
            self.history.append({**row, "batches": []})
        for group in self.optimizer_.param_groups:
            for parameter in group["params"]:
                kept = self.optimizer_.state.get(parameter)
                # A weight that has had no gradient has none.
                adam = isinstance(self.optimizer_, torch.optim.Adam | torch.optim.AdamW)
                if kept and adam and MOMENTS - kept.keys():
                    raise ValueError("the optimiser's moments are missing")
                for name in LIKE_WEIGHTS & (kept or {}).keys():
                    _check_tensor(kept[name], parameter, name)

    def _check_state(self, state: Mapping[str, Any]) -> None:
        """Check what would be noticed too late, or never, when it is put back."""
        weights = self.stage.parameters
        average, (best_loss, best, totals) = state["average"], state["choose"]
        for tensors in (average[0], average[0] if best is None else best):
            for value, weight in zip(tensors, weights, strict=True):
                _check_tensor(value, weight, "average")
        if not all(isinstance(total, float) for total in totals):
            raise ValueError("the losses of its evaluations are of another type")
        steps = (state["step"], average[1])
        if any(type(step) is not int or step < 0 for step in steps) or steps[0] > self.n_steps:
            raise ValueError(f"its steps are {steps!r:.50}")
        _check_tensor(best_loss, dict(self.callbacks_)["choose"].best_loss, "best loss")
        if type(state["stop"]) is not bool:
            raise ValueError("whether it was to stop is of another type")
        _check_alike(
            dict(state["schedule"]),
            dict(self.callbacks_)["schedule"].lr_scheduler_.state_dict(),
            "schedule",
        )
        groups = self.optimizer_.state_dict()["param_groups"]
        for kept, own in zip(state["optimizer"]["param_groups"], groups, strict=True):
            _check_alike(kept, own, "optimizer")
        self.batches_.check(*state["batches"])
        for row in state["history"]:
            if not all(isinstance(value, bool | int | float | str) for value in row.values()):
                raise ValueError("its history is none")

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run some steps, or an evaluation of the averaged weights."""
        if iterator is None:
            return
        if training:
            if self.stop_training or self.step_ >= self.n_steps:
                raise _Stopped
            n_steps = min(self.steps_an_epoch(), self.n_steps - self.step_)
            batches = iterator.shuffled(n_steps, self.order_)
            super().run_single_epoch(batches, training, prefix, step_fn, **fit_params)
            self.history.record("step", self.step_)
        else:
            # The same noise at each evaluation: losses differ by the weights alone.
            generator = torch.Generator(self.place).manual_seed(self.seed + 2)
            self.noise_ = GeneratorNoise(generator)
            with dict(self.callbacks_)["average"].applied():
                super().run_single_epoch(
                    iterator.ordered(), training, prefix, step_fn, **fit_params
                )

    def train_step(self, batch, **fit_params):
        """Take one gradient step; raise where its loss is not finite."""
        self.noise_ = self.training_noise()
        step = super().train_step(batch, **fit_params)
        self.step_ += 1
        if not math.isfinite(step["loss"].item()):
            raise TrainingError(self.lost(step["loss"].item(), "training"))
        return step

    def training_noise(self) -> GeneratorNoise:
        """Return the noise of a step."""
        return GeneratorNoise(self.generator_)

    def lost(self, loss: float, part: str) -> str:
        """Return what to tell of a loss that is not finite."""
        return (
            f"The {part} loss became {loss} at step {self.step_} of stage '{self.stage.name}'. "
            "Nothing of this fit is kept. Try a smaller lr "
            f"(it was {self.lr:g}), a larger batch_size, or look for extreme values in X."
        )

    def train_step_single(self, batch, **fit_params):
        """Compute gradients, and clip them."""
        step = super().train_step_single(batch, **fit_params)
        nn.utils.clip_grad_norm_(self.stage.parameters, MAX_GRADIENT_NORM)
        return step

    def _set_training(self, training=True):
        # Setting the mode walks through every layer: once an epoch is enough.
        if self.module_.training != training:
            super()._set_training(training)

    def infer(self, x, **fit_params):
        """Return the loss of each row of a batch."""
        batch = {k: v.to(self.place) for k, v in x.items()}
        if self.autocast_dtype is None:
            return self.module_(self.noise_, **batch)
        name = str(self.autocast_dtype).removeprefix("torch.")
        dtype = vars(torch).get(name)
        if not isinstance(dtype, torch.dtype):
            raise ValueError(
                f"autocast_dtype={self.autocast_dtype!r} is no type of PyTorch's; "
                "'bfloat16' is one."
            )
        with torch.autocast(torch.device(self.place).type, dtype):
            return self.module_(self.noise_, **batch)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the mean over rows, of all parts together."""
        return y_pred.mean(0).sum()


def steering(callbacks: Sequence[Any]) -> tuple[list[Any], dict[str, list[Any]]]:
    """Return the settings of callbacks, which a checkpoint tells fits apart by.

    Parameters
    ----------
    callbacks : sequence
        Callbacks, their classes, or pairs of a name and one of these.

    Returns
    -------
    steering : list
        Those of skorch that train otherwise, each with its name and all its settings.
    watching : dict of str to list
        The settings of the others by the names of their classes, as far as those say what a
        callback does: numbers, texts, functions and classes. What it writes to may change.
        Those of skorch's own only watch, and are left out.
    """
    steer: list[Any] = []
    watch: dict[str, list[Any]] = {}
    for part in callbacks:
        named = isinstance(part, tuple) and len(part) == 2
        name, callback = part if named else (None, part)
        is_class = isinstance(callback, type)
        cls = callback if is_class else type(callback)
        if issubclass(cls, STEERING):
            # Where it was fitted already, some of its settings were made ready for use.
            ready = None if is_class else copy.copy(callback).initialize()
            steer.append([name, cls, None if ready is None else _attributes(ready)])
        elif cls.__module__.partition(".")[0] != "skorch":
            told = {} if is_class else _attributes(callback)
            told = {key: value for key, value in told.items() if _is_setting(value)}
            watch.setdefault(cls.__qualname__, []).append(told)
    return steer, watch


def _attributes(callback: Any) -> dict[str, Any]:
    """Return the parameters of a callback, or all but what it has learnt."""
    own = {name: value for name, value in vars(callback).items() if not name.endswith("_")}
    names = inspect.signature(type(callback).__init__).parameters
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    if isinstance(callback, STEERING) and any(p.kind in variable for p in names.values()):
        # Its parameters have names that its constructor does not tell.
        return own
    return {name: value for name, value in own.items() if name in names}


def _is_setting(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_setting, value))
    if isinstance(value, functools.partial):
        return True
    return value is None or isinstance(value, bool | int | float | str | type | FunctionType)


@contextmanager
def _settings_told() -> Iterator[None]:
    """Say where a setting came from that the net or its optimiser cannot use."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ValueError(f"net_params cannot be used: {error}") from error


class SharedStageNet(AccelerateMixin, StageNet):
    """A net whose steps several processes share, by an ``accelerator`` of Hugging Face Accelerate.

    Each process holds the same rows and draws the same batches and the same noise, and takes the
    gradients of its own part of a batch. The mean over the processes is what one process has.
    """

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train, once it is sure that all processes begin alike."""
        n_processes = self.accelerator.num_processes
        if self.batch_size % n_processes:
            raise ValueError(
                f"batch_size={self.batch_size} cannot be shared by {n_processes} processes in "
                "equal parts; give a multiple."
            )
        seeds = self.accelerator.gather(torch.tensor([self.seed], device=self.place))
        if (seeds != self.seed).any():
            raise ValueError(
                "Processes that share a fit need one seed: give random_state= an integer."
            )
        return super().fit_loop(X, y, epochs, **fit_params)

    def train_step(self, batch, **fit_params):
        """Take a step on this process's part of a batch."""
        n, k = self.accelerator.num_processes, self.accelerator.process_index
        rows, rest = batch
        part = {name: v[: len(v) - len(v) % n][k::n] for name, v in rows.items()}
        return super().train_step((part, rest), **fit_params)

    def training_noise(self) -> GeneratorNoise:
        """Return this process's part of the noise of a step."""
        accelerator = self.accelerator
        return PartNoise(self.generator_, accelerator.process_index, accelerator.num_processes)

    def train_step_single(self, batch, **fit_params):
        """Compute gradients, and clip them; the loss is the mean over the processes."""
        step = super().train_step_single(batch, **fit_params)
        self.accelerator.clip_grad_norm_(self.stage.parameters, MAX_GRADIENT_NORM)
        return self._agreed(step)

    def validation_step(self, batch, **fit_params):
        """Judge all rows; the processes agree on the loss, and so on what they choose by it."""
        step = self._agreed(super().validation_step(batch, **fit_params))
        return {**step, "y_pred": self.accelerator.reduce(step["y_pred"].detach(), "mean")}

    def _agreed(self, step: dict[str, Any]) -> dict[str, Any]:
        return {**step, "loss": self.accelerator.reduce(step["loss"].detach(), "mean")}


class _Repeatable:
    """While anyone is inside, cuDNN takes convolutions that give the same bits at every call.

    Its settings are a process's, not a thread's: the last to leave puts them back.
    """

    def __init__(self) -> None:
        self._lock, self._n_inside = threading.Lock(), 0
        self._before: tuple[bool, bool] = False, False

    def __enter__(self) -> None:
        settings = torch.backends.cudnn
        with self._lock:
            if self._n_inside == 0:
                self._before = settings.deterministic, settings.benchmark
                settings.deterministic, settings.benchmark = True, False
            self._n_inside += 1

    def __exit__(self, *_: Any) -> None:
        settings = torch.backends.cudnn
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                settings.deterministic, settings.benchmark = self._before


REPEATABLE = _Repeatable()


class _Stopped(Exception):
    """Training ended before its last epoch."""


def train(
    stage: Stage,
    plan: Plan,
    seed: int,
    resume: Mapping[str, Any] | None = None,
    keep: Callable[[dict[str, Any]], None] | None = None,
) -> StageNet:
    """Train one stage; return the net, whose module holds the chosen weights.

    Parameters
    ----------
    stage : Stage
        Loss, data, and what to train.
    plan : Plan
        Steps, batch size, learning rate and the rest.
    seed : int
        Seed of order and noise.
    resume : dict, default=None
        State of a training that was stopped, to go on from; the module is as it was then.
    keep : callable, default=None
        Called with that state at every evaluation.

    Returns
    -------
    StageNet
        The fitted net; ``net.interrupted_`` is true when Ctrl-C ended it.

    Raises
    ------
    TrainingError
        When a loss becomes NaN or infinite.
    """
    for number, callback in enumerate(plan.callbacks):
        named = isinstance(callback, tuple) and len(callback) == 2
        part = callback[1] if named else callback
        if not isinstance(part, Callback) and not (
            isinstance(part, type) and issubclass(part, Callback)
        ):
            raise ValueError(
                f"callbacks[{number}] is {callback!r}; it must be a skorch callback, or a pair of "
                "a name and one."
            )
    trained = {id(p) for p in stage.parameters}
    for parameter in stage.module.parameters():
        parameter.requires_grad_(id(parameter) in trained)
    n_steps = max(1, round(stage.effort * plan.n_steps))
    average = _Average(stage.parameters, plan.ema_decay)
    callbacks: list[Any] = [
        (
            "schedule",
            LRScheduler(
                torch.optim.lr_scheduler.LambdaLR,
                step_every="batch",
                lr_lambda=_WarmupCosine(n_steps),
            ),
        ),
        ("average", average),
        ("choose", _Choose(average, stage.owners, plan.early_stopping)),
    ]
    bar = _Bar(stage.name, n_steps, plan.verbose, plan.started)
    if plan.verbose:
        callbacks.append(("bar", bar))
    # After the user's callbacks, so that what they change is kept too.
    last = [] if keep is None else [("keep", _Keep(keep))]
    shared = "accelerator" in plan.net_params
    settings: dict[str, Any] = {
        "optimizer": torch.optim.AdamW,
        "optimizer__betas": (0.9, 0.99),
        "optimizer__weight_decay": 0.01,
        "optimizer__fused": plan.device.type in ("cpu", "cuda"),
    }
    if "optimizer" in plan.net_params:
        # Another one may not take what is AdamW's.
        settings.clear()
    settings.update(plan.net_params)
    # What prints a table of losses: Accelerate's mixin keeps it, and has it print.
    name, nothing = (
        ("callbacks__print_log__sink", noop) if shared else ("callbacks__print_log", None)
    )
    settings.setdefault(name, nothing)
    own: dict[str, Any] = {
        "stage": stage,
        "seed": seed,
        "n_steps": n_steps,
        "resume": resume,
        # The module returns the loss. Not a module of its own, which processes would share.
        "criterion": object,
        "lr": plan.lr * stage.pace,
        "batch_size": plan.batch_size,
        "max_epochs": N_EVALUATIONS + 1,
        "callbacks": [*callbacks, *plan.callbacks, *last],
        "train_split": None,
        "place": plan.device,
        "device": None if shared else plan.device,
        "verbose": 0,
    }
    if taken := sorted((own.keys() | {"module", "history"}) & plan.net_params.keys()):
        raise ValueError(
            f"net_params has {taken[0]!r}, which the estimator sets; of its own parameters "
            "lr, batch_size, callbacks, device, verbose, max_steps and validation_fraction may do."
        )
    cls = SharedStageNet if shared else StageNet
    net = cls(_Objective(stage.module, stage.loss), **own, **settings)
    with warnings.catch_warnings(), closing(bar):
        # The first step of the schedule comes before the optimiser's, by skorch's design.
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
        net.fit(stage.train, None)
    net.forget()
    return net
