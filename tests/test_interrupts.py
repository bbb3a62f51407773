"""Ctrl-C at any moment of a fit ends in KeyboardInterrupt or in a usable model.

Functions that a fit calls are made to raise KeyboardInterrupt at one of their calls: first a fit
counts the calls, then others are interrupted at calls spread over all of it.
"""

import warnings

import numpy as np
import pytest
import torch
from brief import few_steps
from sklearn.base import clone
from sklearn.datasets import load_iris
from torch import nn

import skgen.base
import skgen.blocks
import skgen.data.row_map
import skgen.training.checkpoints
import skgen.training.loop
import skgen.training.net
from skgen.base import REGISTRY, BaseGenerativeModel
from skgen.data.scaling import ColumnScaler
from skgen.training.batches import Batches
from skgen.training.net import StageNet, _Average, _Choose, _Objective

ESTIMATORS = {name: cls for name, cls in REGISTRY.items() if cls.__module__.startswith("skgen.")}
IRIS = load_iris().data[::5]

# What a fit calls, from its checks to its last draws.
CALLED = [
    *((StageNet, name) for name in vars(StageNet) if callable(vars(StageNet)[name])),
    *((StageNet, name) for name in ("notify", "initialize", "validation_step", "evaluation_step")),
    *((cls, name) for cls in (_Average, _Choose) for name in vars(cls) if name.startswith("on_")),
    *((Batches, name) for name in ("__init__", "shuffled", "ordered")),
    *((_Objective, name) for name in ("__init__", "forward")),
    (skgen.data.row_map, "_tensor"),
    *((ColumnScaler, name) for name in ("fit", "forward", "inverse", "calibrate")),
    *((skgen.base, name) for name in ("_seed", "_weights", "split", "fit_stages", "rows_to_learn")),
    (skgen.blocks, "block_noise"),
    *((skgen.training.loop, name) for name in ("train", "_train", "_history_of")),
    *((skgen.training.net, name) for name in ("state_of", "progress_bar")),
    (skgen.training.checkpoints, "restore"),
    *((nn.utils, "clip_grad_norm_"), (torch.Tensor, "backward")),
    *((torch, name) for name in ("randperm", "_foreach_lerp_", "_foreach_copy_")),
    *(
        (BaseGenerativeModel, name)
        for name in ("_learn", "_parts", "_module_to_train", "_plan", "_use", "_calibrate", "_draw")
    ),
]


class Interrupts:
    """Raises KeyboardInterrupt at a call of its number, once; counts the others."""

    def __init__(self, patch):
        self.seen, self.number = 0, None
        for owner, name in CALLED:
            if name != "__sklearn_tags__":
                patch.setattr(owner, name, self.watched(vars(owner).get(name), owner, name))

    def watched(self, own, owner, name):
        function = getattr(owner, name)
        static = isinstance(own, staticmethod)

        def call(*args, **kwargs):
            self.seen += 1
            if self.seen - 1 == self.number:
                raise KeyboardInterrupt
            return function(*args, **kwargs)

        return staticmethod(call) if static else call

    def run(self, number, function):
        """Call a function that is interrupted at a call; return how many calls there were."""
        self.seen, self.number = 0, number
        try:
            function()
        finally:
            self.number = None
        return self.seen


def quick(name, **settings):
    Estimator = ESTIMATORS[name]
    brief = {"max_steps": 3, "hidden_units": 4, "random_state": 0, **few_steps(Estimator, 2)}
    return Estimator(**{**brief, **settings})


def interrupted_everywhere(model, n_points, monkeypatch, **given):
    """Interrupt fits at so many points; count what they ended in."""
    ended = {"interrupt": 0, "model": 0}
    expected = clone(model).fit(IRIS, **given)
    with monkeypatch.context() as patch:
        interrupts = Interrupts(patch)
        n_calls = interrupts.run(None, lambda: clone(model).fit(IRIS, **given))
        assert n_calls > n_points
        for number in np.linspace(0, n_calls - 1, n_points).astype(int):
            new = clone(model)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Training was interrupted|Interrupted wh")
                warnings.filterwarnings("ignore", message="The latent is empty")
                try:
                    interrupts.run(number, lambda new=new: new.fit(IRIS, **given))
                except KeyboardInterrupt:
                    ended["interrupt"] += 1
                    # All or nothing.
                    assert not [name for name in vars(new) if name.endswith("_")], number
                    assert new.get_params().keys() == model.get_params().keys()
                    continue
            ended["model"] += 1
            assert np.isfinite(new.sample(3, n_steps=2)).all(), number
            assert all(not hasattr(net, "generator_") for net in new.nets_)
    # Nothing is left of it: the next fit is like the first.
    again = clone(model).fit(IRIS, **given)
    np.testing.assert_array_equal(again.sample(3, n_steps=2), expected.sample(3, n_steps=2))
    return ended


@pytest.mark.slow
@pytest.mark.usefixtures("few_draws")
def test_an_interrupt_at_each_of_200_points(monkeypatch):
    ended = interrupted_everywhere(quick("FlowMatcher", max_steps=12), 200, monkeypatch)
    assert ended["interrupt"] + ended["model"] == 200
    assert ended["interrupt"] > 20
    assert ended["model"] > 20


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("name", sorted(set(ESTIMATORS) - {"FlowMatcher"}))
def test_an_interrupt_in_every_model(name, monkeypatch):
    ended = interrupted_everywhere(quick(name), 25, monkeypatch)
    assert ended["interrupt"] + ended["model"] == 25


@pytest.mark.usefixtures("few_draws")
def test_an_interrupt_before_the_first_batch(monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    for name in ("get_split_datasets", "fit_loop", "get_iterator", "run_single_epoch"):
        with monkeypatch.context() as patch:
            patch.setattr(StageNet, name, interrupt)
            model = quick("FlowMatcher")
            with pytest.warns(UserWarning, match="Training was interrupted in stage 'iteration 1'"):
                model.fit(IRIS)
        assert np.isfinite(model.sample(2)).all()


@pytest.mark.usefixtures("few_draws")
def test_an_interrupt_anywhere_leaves_a_checkpoint_to_go_on_from(monkeypatch, tmp_path):
    path = tmp_path / "fit"
    expected = quick("FlowMatcher").fit(IRIS)
    with monkeypatch.context() as patch:
        interrupts = Interrupts(patch)
        n_calls = interrupts.run(None, lambda: quick("FlowMatcher", checkpoint=path).fit(IRIS))
        for number in np.linspace(0, n_calls - 1, 20).astype(int):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Training was interrupted|Interrupted wh")
                try:
                    model = quick("FlowMatcher", checkpoint=path)
                    interrupts.run(number, lambda model=model: model.fit(IRIS))
                except KeyboardInterrupt:
                    pass
            again = quick("FlowMatcher", checkpoint=path).fit(IRIS)
            np.testing.assert_array_equal(again.sample(3), expected.sample(3))
            assert not path.exists()
