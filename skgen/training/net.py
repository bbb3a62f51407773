"""Gradient steps on a stage's loss; the only file that knows skorch.

skorch gives the loop over epochs and batches, callbacks, the history, the optimiser and its
settings by name, compilation, and Accelerate. :class:`StageNet` overrides what skorch assumes about
supervised learning and data sets: batches are dicts of tensors, drawn by the package
(``get_split_datasets``, ``get_iterator``, ``infer``); an epoch is a number of steps, and averaged
weights are evaluated, with the same noise each time (``run_single_epoch``); the loss comes from the
module, a value for each row (``get_loss``); each step has its own noise, its loss is checked and
its gradient clipped (``train_step``, ``train_step_single``); generators are those of the fit
(``fit_loop``); and errors about settings name ``net_params`` (``_initialize_optimizer``,
``_validate_params``). The rest are callbacks: a schedule with warm-up and cosine decay, the moving
average of the weights, and the choice of the average with the least validation loss.
"""

import copy
import functools
import inspect
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from numbers import Real
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from skgen import docstrings
from skgen.processes.noise import GeneratorNoise, PartNoise
from skgen.progress import progress_bar
from skgen.training.batches import Batches, ReadBatches, Reader
from skgen.training.resuming import state_of
from skgen.training.stages import Plan, Stage, TrainingError

with docstrings.kept("skorch"):
    import skorch.callbacks
    from skorch import NeuralNet
    from skorch.callbacks import Callback, LRScheduler
    from skorch.hf import AccelerateMixin
    from skorch.utils import noop

N_EVALUATIONS = 20
PATIENCE = 10
MAX_GRADIENT_NORM = 1.0
# Callbacks of skorch that change the training; its other callbacks only observe it.
STEERING = (
    skorch.callbacks.EarlyStopping,
    skorch.callbacks.GradientNormClipping,
    skorch.callbacks.InputShapeSetter,
    skorch.callbacks.LoadInitState,
    skorch.callbacks.ParamMapper,
    LRScheduler,
)


class _Objective(nn.Module):
    """A loss as a module, which skorch expects."""

    def __init__(self, module: nn.Module, loss: Callable[..., Tensor]):
        super().__init__()
        self.module = module
        self._loss = loss

    def forward(self, noise: Any, **batch: Tensor) -> Tensor:
        return self._loss(noise, **batch)


class _WarmupCosine:
    """Factor of the learning rate at a step: a linear warm-up, then half a cosine."""

    def __init__(self, n_steps: int):
        self.n_steps = n_steps
        self.warmup = max(1, min(100, n_steps // 10))

    def __call__(self, step: int) -> float:
        ramp = min(1.0, (step + 1) / self.warmup)
        return ramp * max(0.02, 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.n_steps))))


class _Average(Callback):
    """Moving average of the trained weights, updated by one fused call for each step."""

    def __init__(self, parameters: Sequence[nn.Parameter]):
        self.parameters = list(parameters)

    def on_train_begin(self, net, **kwargs):
        self.average = [p.detach().clone() for p in self.parameters]
        self.weights = [p.detach() for p in self.parameters]
        self.step = 0

    def on_batch_end(self, net, training, **kwargs):
        if training:
            self.step += 1
            decay = min(net.ema_decay, self.step / (self.step + 10))
            torch._foreach_lerp_(self.average, self.weights, 1 - decay)

    @contextmanager
    def applied(self):
        """Replace the weights by their average inside a block."""
        kept = [p.clone() for p in self.weights]
        torch._foreach_copy_(self.weights, self.average)
        try:
            yield
        finally:
            torch._foreach_copy_(self.weights, kept)


class _Choose(Callback):
    """Keep the averaged weights with the least validation loss; stop when it stops improving.

    If a loss has parts, the weights of each part are those of that part's best evaluation.
    """

    def __init__(self, average: _Average, owners: Mapping[Any, Tensor], early_stopping: bool):
        self.average, self.early_stopping = average, early_stopping
        # The losses are compared on the CPU, whatever the device of the weights.
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
        # If a loss has parts, some part improves by chance at nearly every evaluation: the
        # improvement of five evaluations together has to be this large.
        patience, least = (5, 0.01) if self.n_parts > 1 else (PATIENCE, 0.0)
        before = self.totals[:-patience][-1:]
        if self.early_stopping and before and before[0] - self.totals[-1] <= least:
            net.stop_training = True

    def on_train_end(self, net, **kwargs):
        chosen = self.average.average if self.best is None else self.best
        torch._foreach_copy_(self.average.weights, chosen)


class _Keep(Callback):
    """Pass on the state of the net at every evaluation."""

    def __init__(self, keep: Callable[[dict[str, Any]], None]):
        self.keep: Callable[[dict[str, Any]], None] | None = keep

    def on_epoch_end(self, net, **kwargs):
        self.keep(state_of(net))

    def on_train_end(self, net, **kwargs):
        # The net is kept after training, but not the checkpoint and the module that the function
        # holds.
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
        # Shown with the next step: a refresh now would ignore the bar's delay.
        self.bar.set_postfix(shown, refresh=False)

    def close(self):
        """Close the bar, also after an error."""
        if hasattr(self, "bar"):
            self.bar.close()

    def __getstate__(self):
        return {k: v for k, v in self.__dict__.items() if k != "bar"}


class _Stopped(Exception):
    """Training ended before its last epoch."""


@contextmanager
def _settings_named() -> Iterator[None]:
    """Name ``net_params`` in errors about settings that the net or its optimiser cannot use."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ValueError(f"net_params cannot be used: {error}") from error


class StageNet(NeuralNet):
    """A skorch net for one stage.

    Its data are dicts of tensors, its epochs a number of steps, its loss a mean over rows.
    ``autocast_dtype="bfloat16"`` trains in mixed precision; ``ema_decay`` is that of the moving
    average of the weights; ``compile=True`` is skorch's own.
    """

    # True until the loop ends by itself.
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
        ema_decay=0.998,
        place="cpu",
        **kwargs,
    ):
        # The device of the module; skorch's ``device`` would move it.
        self.place = place
        self.stage, self.seed, self.n_steps, self.resume = stage, seed, n_steps, resume
        self.autocast_dtype, self.ema_decay = autocast_dtype, ema_decay
        super().__init__(module, **kwargs)

    def get_split_datasets(self, X, y=None, **fit_params):
        """Return the stage's own rows; few validation rows are repeated."""
        valid = self.stage.valid
        if valid is not None:
            # Few rows are evaluated several times, with different noise, for a more stable choice.
            n = len(next(iter(valid.values())))
            repeats = math.ceil(min(1024, 8 * n) / n)
            valid = {k: v.repeat((repeats,) + (1,) * (v.ndim - 1)) for k, v in valid.items()}
            valid = Batches(valid, max(self.batch_size, 1024))
        rows = self.stage.train
        make = ReadBatches if isinstance(rows, Reader) else Batches
        self.batches_ = make(rows, self.batch_size)
        if self.resume is not None:
            self.resume(self)
            if "bar" in (callbacks := dict(self.callbacks_)):
                callbacks["bar"].bar.update(self.step_)
        return self.batches_, valid

    def _initialize_optimizer(self, reason=None):
        with _settings_named():
            return super()._initialize_optimizer(reason)

    def _validate_params(self):
        with _settings_named():
            super()._validate_params()
            decay = self.ema_decay
            if not isinstance(decay, Real) or isinstance(decay, bool) or not 0 <= decay < 1:
                raise ValueError(
                    f"ema_decay={decay!r} is not a number of at least 0 and below 1; 0 takes the "
                    "weights as they are, 0.998 is the usual one"
                )

    def get_iterator(self, dataset, training=False):
        """Return the batches unchanged."""
        return dataset

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train until the last step, until validation stops improving, or until Ctrl-C."""
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

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run some steps, or an evaluation of the averaged weights."""
        if iterator is None:
            return
        if training:
            if self.stop_training or self.step_ >= self.n_steps:
                raise _Stopped
            n_steps = max(10, math.ceil(self.n_steps / N_EVALUATIONS))
            n_steps = min(n_steps, self.n_steps - self.step_)
            batches = iterator.shuffled(n_steps, self.order_)
            super().run_single_epoch(batches, training, prefix, step_fn, **fit_params)
            self.history.record("step", self.step_)
        else:
            # The same noise at each evaluation: losses differ only by the weights.
            generator = torch.Generator(self.place).manual_seed(self.seed + 2)
            self.noise_ = GeneratorNoise(generator)
            with dict(self.callbacks_)["average"].applied():
                super().run_single_epoch(
                    iterator.ordered(), training, prefix, step_fn, **fit_params
                )

    def train_step(self, batch, **fit_params):
        """Take one gradient step; raise if its loss is not finite."""
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
        """Return the message about a loss that is not finite."""
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
        # Setting the mode visits every layer: once per epoch is enough.
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
        """Return the mean over rows of the sum of all parts."""
        return y_pred.mean(0).sum()


class SharedStageNet(AccelerateMixin, StageNet):
    """A net whose steps several processes share, by an ``accelerator`` of Hugging Face Accelerate.

    Each process holds the same rows and draws the same batches and the same noise, and takes the
    gradients of its own part of a batch. Their mean over the processes is the gradient of one
    process.
    """

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train, after checking that all processes have the same seed."""
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
        """Evaluate all rows; the processes agree on the loss, and so choose the same weights."""
        step = self._agreed(super().validation_step(batch, **fit_params))
        return {**step, "y_pred": self.accelerator.reduce(step["y_pred"].detach(), "mean")}

    def _agreed(self, step: dict[str, Any]) -> dict[str, Any]:
        return {**step, "loss": self.accelerator.reduce(step["loss"].detach(), "mean")}


def train(
    stage: Stage,
    plan: Plan,
    seed: int,
    resume: Callable[[Any], None] | None = None,
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
    resume : callable, default=None
        Puts a net into the state of a training that was stopped; the module is in that state
        already.
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
    trained = {id(p) for p in stage.parameters}
    for parameter in stage.module.parameters():
        parameter.requires_grad_(id(parameter) in trained)
    n_steps = max(1, round(stage.step_factor * plan.n_steps))
    callbacks, bar = _callbacks(stage, plan, n_steps, keep)
    shared = "accelerator" in plan.net_params
    own: dict[str, Any] = {
        "stage": stage,
        "seed": seed,
        "n_steps": n_steps,
        "resume": resume,
        # The module returns the loss. It is not a module of its own, which processes would share.
        "criterion": object,
        "lr": plan.lr * stage.lr_factor,
        "batch_size": plan.batch_size,
        "max_epochs": N_EVALUATIONS + 1,
        "callbacks": callbacks,
        "train_split": None,
        "place": plan.device,
        "device": None if shared else plan.device,
        "verbose": 0,
    }
    cls = SharedStageNet if shared else StageNet
    net = cls(_Objective(stage.module, stage.loss), **own, **_settings(plan, shared, own))
    with warnings.catch_warnings(), closing(bar):
        # In skorch the first step of the schedule comes before that of the optimiser.
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
        net.fit(stage.train, None)
    for name in ("generator_", "order_", "batches_"):
        # A generator cannot be copied or pickled. After an early Ctrl-C there is none.
        net.__dict__.pop(name, None)
    net.resume = None
    return net


def callbacks_of(net_params: Mapping[str, Any]) -> Sequence[Any]:
    """Return the callbacks among the settings of a net, checked.

    Parameters
    ----------
    net_params : dict
        The settings.

    Raises
    ------
    ValueError
        If they are no list, or one of them is no callback; the message says which.
    """
    callbacks = net_params.get("callbacks")
    if callbacks is None:
        return ()
    if not isinstance(callbacks, list | tuple):
        raise ValueError(
            f"net_params has callbacks={callbacks!r}; it must be a list of skorch callbacks."
        )
    for number, callback in enumerate(callbacks):
        named = isinstance(callback, tuple) and len(callback) == 2
        part = callback[1] if named else callback
        if not isinstance(part, Callback) and not (
            isinstance(part, type) and issubclass(part, Callback)
        ):
            raise ValueError(
                f"callbacks[{number}] is {callback!r}; it must be a skorch callback, or a pair of "
                "a name and one."
            )
    return callbacks


def _callbacks(
    stage: Stage, plan: Plan, n_steps: int, keep: Callable[[dict[str, Any]], None] | None
) -> tuple[list[Any], _Bar]:
    """Return all callbacks of a net, and its progress bar, whether shown or not."""
    schedule = LRScheduler(
        torch.optim.lr_scheduler.LambdaLR, step_every="batch", lr_lambda=_WarmupCosine(n_steps)
    )
    average = _Average(stage.parameters)
    choose = _Choose(average, stage.owners, plan.early_stopping)
    bar = _Bar(stage.name, n_steps, plan.verbose, plan.started)
    callbacks = [("schedule", schedule), ("average", average), ("choose", choose)]
    shown = [("bar", bar)] if plan.verbose else []
    # After the user's callbacks, so that what they change is kept too.
    last = [] if keep is None else [("keep", _Keep(keep))]
    return [*callbacks, *shown, *callbacks_of(plan.net_params), *last], bar


def _settings(plan: Plan, shared: bool, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the net that a user may change, as they are changed."""
    given = {name: value for name, value in plan.net_params.items() if name != "callbacks"}
    if taken := sorted((own.keys() | {"module", "history"}) & given.keys()):
        raise ValueError(
            f"net_params has {taken[0]!r}, which the estimator sets; of its own parameters "
            "lr, batch_size, device, verbose, max_steps and validation_fraction may do."
        )
    settings: dict[str, Any] = {}
    if "optimizer" not in given:
        # Another one may not take what is AdamW's.
        settings = {
            "optimizer": torch.optim.AdamW,
            "optimizer__betas": (0.9, 0.99),
            "optimizer__weight_decay": 0.01,
            "optimizer__fused": plan.device.type in ("cpu", "cuda"),
        }
    # The callback that prints losses; Accelerate's mixin needs it and makes it print.
    silent = {"callbacks__print_log__sink": noop} if shared else {"callbacks__print_log": None}
    return {**silent, **settings, **given}


def steering(callbacks: Sequence[Any]) -> tuple[list[Any], dict[str, list[Any]]]:
    """Return the settings of callbacks that distinguish one fit from another.

    Parameters
    ----------
    callbacks : sequence
        Callbacks, their classes, or pairs of a name and one of these.

    Returns
    -------
    steering : list
        Those of skorch that change the training, each with its name and all its settings.
    watching : dict of str to list
        The settings of the others by the names of their classes, as far as they define what a
        callback does: numbers, texts, functions and classes, but not the files it writes to.
        skorch's own observing callbacks are left out.
    """
    steer: list[Any] = []
    watch: dict[str, list[Any]] = {}
    for part in callbacks:
        named = isinstance(part, tuple) and len(part) == 2
        name, callback = part if named else (None, part)
        is_class = isinstance(callback, type)
        cls = callback if is_class else type(callback)
        if issubclass(cls, STEERING):
            # If the callback was fitted, some of its settings have been converted.
            ready = None if is_class else copy.copy(callback).initialize()
            steer.append([name, cls, None if ready is None else _attributes(ready)])
        elif cls.__module__.partition(".")[0] != "skorch":
            settings = {} if is_class else _attributes(callback)
            settings = {key: value for key, value in settings.items() if _is_setting(value)}
            watch.setdefault(cls.__qualname__, []).append(settings)
    return steer, watch


def _attributes(callback: Any) -> dict[str, Any]:
    """Return the parameters of a callback, or all its attributes but those of a fit."""
    own = {name: value for name, value in vars(callback).items() if not name.endswith("_")}
    names = inspect.signature(type(callback).__init__).parameters
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    if isinstance(callback, STEERING) and any(p.kind in variable for p in names.values()):
        # Its constructor takes parameters by any name.
        return own
    return {name: value for name, value in own.items() if name in names}


def _is_setting(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_setting, value))
    if isinstance(value, functools.partial):
        return True
    return value is None or isinstance(value, bool | int | float | str | type | FunctionType)
