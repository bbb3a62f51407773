"""The loop over the stages of a fit, with its history and its checkpoint."""

import itertools
import warnings
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from skgen.processes.noise import GeneratorNoise
from skgen.training.batches import Reader
from skgen.training.checkpoints import Checkpoint
from skgen.training.identity import MAY_GO, identity
from skgen.training.net import StageNet, callbacks_of, steering, train
from skgen.training.stages import Plan, Stage, TrainingError

FIGURES = ("epoch", "step", "train_loss", "valid_loss", "dur")


def open_checkpoint(
    model: Any, inputs: Mapping[str, Any], seed: int, device: torch.device
) -> Checkpoint:
    """Return the checkpoint of an estimator's fit; `identity` describes the parameters."""
    steer, watch = steering(callbacks_of(model.net_params or {}))
    callbacks = {"callbacks": steer or None} | {f"{k}{MAY_GO}": v for k, v in watch.items()}
    fit = identity(model, inputs, seed, device, callbacks)
    return Checkpoint(model.checkpoint, fit, seed)


def fit_stages(
    stages: Generator[Stage, bool | None, None],
    module: nn.Module,
    rows: Mapping[str, Tensor],
    noise: GeneratorNoise,
    plan: Plan,
    seed: int,
    checkpoint: Checkpoint | None = None,
    reader: Reader | None = None,
) -> tuple[list[StageNet], list[dict[str, Any]], int]:
    """Train one stage after the other.

    Parameters
    ----------
    stages : generator of Stage
        Yields a stage when the one before it has been trained, and is sent whether Ctrl-C ended
        that one.
    module : nn.Module
        The module that the stages train.
    rows : dict of str to Tensor
        The training rows that the stages got.
    noise : GeneratorNoise
        The noise that the stages got.
    plan, seed : Plan, int
        How long and how to train; the seed of the order of the rows and of the steps' noise.
    checkpoint : Checkpoint or None
        The file that the fit is written to and goes on from.
    reader : Reader or None
        Reads all rows, if ``rows`` are a part of them.

    Returns
    -------
    nets, history, n_steps : list of StageNet, list of dict, int
        The nets of the stages that were trained, a row for each evaluation, and the steps taken.
    """
    nets: list[StageNet] = []
    history = [] if checkpoint is None else checkpoint.history
    n_steps = 0 if checkpoint is None else checkpoint.n_steps
    interrupted = None
    for number in itertools.count():
        try:
            stage = stages.send(interrupted)
        except StopIteration:
            break
        interrupted = False
        if nets and nets[-1].interrupted_:
            # The remaining stages are made, which may compute what the module needs, but not
            # trained.
            continue
        if reader is not None and stage.train is rows:
            # The stage was made with a part of the rows, but trains on all of them.
            stage = replace(stage, train=reader)
        if checkpoint is not None and not checkpoint.goes_on(number, module, noise):
            continue
        net = _train(stage, module, plan, seed + 10 * number, checkpoint)
        nets.append(net)
        n_steps += net.step_
        interrupted = net.interrupted_
        diagnosis = stage.diagnose()
        history += _history_of(net)
        history[-1].update(diagnosis)
        if checkpoint is not None and not interrupted:
            checkpoint.finish_stage(module, noise, net.step_, history)
    if checkpoint is not None:
        checkpoint.check_stages(number)
    if nets and nets[-1].interrupted_:
        _warn_of_interrupt(nets[-1], checkpoint)
    for net in nets:
        # A fitted net must not keep the data in memory.
        net.stage = None
    return nets, history, n_steps


def _train(
    stage: Stage, module: nn.Module, plan: Plan, seed: int, checkpoint: Checkpoint | None
) -> StageNet:
    """Train a stage, from its last evaluation if there is a checkpoint of it."""
    if checkpoint is None:
        return train(stage, plan, seed)
    resume = checkpoint.resumed(module)
    try:
        return train(stage, plan, seed, resume, lambda net: checkpoint.keep(module, net))
    except TrainingError:
        # Going on from it would fail in the same way.
        checkpoint.remove()
        raise


def _warn_of_interrupt(net: StageNet, checkpoint: Checkpoint | None) -> None:
    again = "partial_fit trains it further." if checkpoint is None else "Call fit again to go on."
    warnings.warn(
        f"Training was interrupted in stage '{net.stage.name}' at step {net.step_} of "
        f"{net.n_steps}; the model is usable as far as it was trained. {again}",
        stacklevel=6,
    )


def _history_of(net: StageNet) -> list[dict[str, Any]]:
    """Return a row for each evaluation of a net, or one row without losses if there was none."""
    name = net.stage.name
    rows = [
        {"stage": name} | {figure: row[figure] for figure in FIGURES if row.get(figure) is not None}
        for row in net.history
        if "train_loss" in row
    ]
    return rows or [{"stage": name, "epoch": 0, "step": net.step_}]
