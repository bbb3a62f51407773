"""Checkpoints: a fit that was killed, however often, ends with the bits of one that was not."""

import functools
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from brief import few_steps
from sklearn.datasets import load_iris
from skorch.callbacks import Callback, Freezer, GradientNormClipping, LRScheduler
from torch import nn

import skgen
from skgen import storage
from skgen.base import REGISTRY
from skgen.persistence import FileFormatError
from skgen.training.checkpoints import module_state, restore_module
from skgen.training.identity import _described, identity
from skgen.training.stages import TrainingError

ESTIMATORS = {name: cls for name, cls in REGISTRY.items() if cls.__module__.startswith("skgen.")}
IRIS, SPECIES = (part[::3] for part in load_iris(return_X_y=True))
STEPS = 24


@pytest.fixture(params=sorted(ESTIMATORS), scope="module")
def quick(request):
    """Make narrow estimators that train for a few steps only."""
    Estimator = ESTIMATORS[request.param]
    brief = {"max_steps": STEPS, "hidden_units": 16, "random_state": 0, **few_steps(Estimator, 4)}
    return lambda **kwargs: Estimator(**{**brief, **kwargs})


class Stop(Callback):
    """Raises something at a step of the whole fit."""

    def __init__(self, step, error=KeyboardInterrupt):
        self.step, self.error, self.seen = step, error, 0

    def on_batch_end(self, net, training, **kwargs):
        self.seen += training
        if training and self.seen == self.step:
            raise self.error


class Killed(Exception):
    """Stands for a death that nothing of the fit can answer."""


def assert_same(a, b):
    """Hold two models equal in every bit but the seconds that they took."""
    states = a.module_.state_dict(), b.module_.state_dict()
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    histories = [[{**row, "dur": 0} for row in model.history_] for model in (a, b)]
    assert histories[0] == histories[1]
    assert a.n_steps_ == b.n_steps_
    np.testing.assert_array_equal(a.sample(4, n_steps=4), b.sample(4, n_steps=4))


@pytest.fixture(scope="module")
def whole(quick):
    return quick().fit(IRIS, condition=SPECIES)


@pytest.mark.parametrize("step", [5, STEPS - 1, STEPS + 7, STEPS + 12])
def test_a_stopped_fit_goes_on_to_the_same_bits(quick, whole, tmp_path, step):
    path = tmp_path / "fit"
    stopped = quick(checkpoint=path, net_params={"callbacks": [Stop(step, Killed)]})
    if len(whole.nets_) > 1 or step < STEPS:
        with pytest.raises(Killed):
            stopped.fit(IRIS, condition=SPECIES)
        assert not hasattr(stopped, "module_")
        assert path.exists()
    again = quick(checkpoint=path).fit(IRIS, condition=SPECIES)
    assert_same(again, whole)
    # What a stage has trained is not trained again.
    first = [row["step"] for row in whole.history_ if row["stage"] == whole.history_[0]["stage"]]
    assert len(again.nets_) == len(whole.nets_) - (step > first[-1] and len(whole.nets_) > 1)
    assert os.listdir(tmp_path) == []


# Trains what its arguments name, each model in a process of its own, and prints how they ended.
PROGRAM = """
import os, signal, sys, torch
import torch._dynamo  # what a first fit imports, once for all
import numpy as np
from skorch.callbacks import Callback
torch.set_num_threads(1)
import skgen

for name, path, step, out in (argument.split(",") for argument in sys.argv[1:]):
    child = os.fork()
    if child == 0:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()

class Kill(Callback):
    seen = 0
    def on_batch_end(self, net, training, **kwargs):
        self.seen += training
        if self.seen == int(step):
            os.kill(os.getpid(), signal.SIGKILL)

X = np.random.default_rng(0).normal(size=(60, 3)) @ np.random.default_rng(1).normal(size=(3, 3))
model = getattr(skgen, name)(
    max_steps=40, hidden_units=16, random_state=0,
    checkpoint=path or None, net_params={"callbacks": [Kill()]},
)
model.fit(X, condition=np.arange(60) % 3)
skgen.save(model.set_params(net_params=None, checkpoint=None), out)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_killed_process_goes_on_to_the_same_bits(tmp_path):
    paths = {name: tmp_path / name for name in ("VariationalDiffusionAE", "BinaryLatentDiffusion")}

    def run(*jobs):
        """Give the exit codes of jobs, one after the other; no two runs share a process."""
        arguments = [",".join(map(str, job)) for job in jobs]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return list(map(int, done.stdout.split())), done.stderr

    # In the first stage, in the second, and soon after having gone on.
    steps = {
        name: np.random.default_rng(len(name)).integers([11, 25, 2], [25, 60, 8]) for name in paths
    }
    for k in range(3):
        codes, errors = run(
            *((name, path, steps[name][k], "never") for name, path in paths.items())
        )
        assert codes == [-9, -9], errors
        assert all(path.exists() for path in paths.values())
    codes, errors = run(
        *((name, path, 0, f"{path}.resumed") for name, path in paths.items()),
        *((name, "", 0, f"{path}.whole") for name, path in paths.items()),
    )
    assert codes == [0, 0, 0, 0], errors
    for path in paths.values():
        assert not path.exists()
        whole, resumed = (skgen.load(f"{path}.{out}") for out in ("whole", "resumed"))
        assert_same(resumed, whole)


@pytest.mark.slow
@pytest.mark.usefixtures("few_draws")
def test_every_way_of_training_goes_on(tmp_path):
    """A variant each for what a stage may hold: sources, lengths, levels, learnt schedules."""
    digits = np.random.default_rng(0).integers(0, 4, (40, 8)).astype(float)
    path = tmp_path / "fit"
    for Estimator, settings, X, given in [
        (skgen.SchrodingerBridgeMatcher, {"n_iterations": 3}, IRIS, {"source": IRIS[:20]}),
        (skgen.VariationalDiffusionAE, {"schedule": "learned"}, IRIS, {}),
        (skgen.VariationalDiffusionAE, {"likelihood": "discrete"}, digits, {}),
        (skgen.VariationalDiffusionAE, {"validation_fraction": 0.0}, IRIS, {"condition": SPECIES}),
        (skgen.BinaryLatentDiffusion, {"joint": True}, IRIS, {}),
        (skgen.BinaryLatentDiffusion, {"autoencoder": None}, digits > 1, {}),
        (skgen.BinaryLatentDiffusion, {"autoencoder": "relaxed", "codebook_dim": 3}, IRIS, {}),
        (
            skgen.BinaryLatentDiffusion,
            {"input_shape": (4, 2), "max_steps": 14},
            digits,
            {"lengths": np.arange(40) % 4 + 1},
        ),
    ]:
        settings = {"hidden_units": 16, "random_state": 0, **few_steps(Estimator, 4), **settings}
        settings = {"max_steps": STEPS, **settings}
        whole = Estimator(**settings).fit(X, **given)
        for step in (whole.n_steps_ - 3, whole.n_steps_ // 2 + 2):
            with pytest.raises(Killed):
                Estimator(
                    **settings, checkpoint=path, net_params={"callbacks": [Stop(step, Killed)]}
                ).fit(X, **given)
            assert_same(Estimator(**settings, checkpoint=path).fit(X, **given), whole)


def test_ctrl_c_leaves_a_usable_model_and_the_file(tmp_path):
    path = tmp_path / "fit"
    model = skgen.FlowMatcher(
        max_steps=30, random_state=0, checkpoint=path, net_params={"callbacks": [Stop(15)]}
    )
    with pytest.warns(UserWarning, match=r"at step 15 of 30.* Call fit again to go on"):
        model.fit(IRIS)
    assert np.isfinite(model.sample(3)).all()
    model.set_params(net_params=None).fit(IRIS)
    assert_same(model, skgen.FlowMatcher(max_steps=30, random_state=0).fit(IRIS))
    assert not path.exists()


def test_without_a_seed_the_first_one_is_kept(tmp_path, monkeypatch):
    path = tmp_path / "fit"
    stopped = skgen.FlowMatcher(
        max_steps=30, checkpoint=path, net_params={"callbacks": [Stop(15, Killed)]}
    )
    with pytest.raises(Killed):
        stopped.fit(IRIS)
    seed = storage.read(path, "checkpoint")["seed"]
    resumed = skgen.FlowMatcher(max_steps=30, checkpoint=path).fit(IRIS)
    for file in ("base", "mixins"):
        monkeypatch.setattr(f"skgen.{file}._seed", lambda random_state: seed)
    assert_same(resumed, skgen.FlowMatcher(max_steps=30).fit(IRIS))


@pytest.mark.parametrize(
    ("changes", "X", "condition", "message"),
    [
        ({"lr": 0.1}, IRIS, SPECIES, r"lr was 0\.003 and is 0\.1"),
        ({"random_state": 1}, IRIS, SPECIES, "random_state was"),
        ({"net_params": {"optimizer": torch.optim.SGD}}, IRIS, SPECIES, "net_params was None"),
        ({}, IRIS + 1, SPECIES, "fit' is of another fit: X differs"),
        ({}, IRIS[1:], SPECIES[1:], "X differs, condition differs"),
        ({}, IRIS, None, "condition was .* and is None|condition differs"),
    ],
)
def test_another_fit_is_refused(tmp_path, changes, X, condition, message):
    path = tmp_path / "fit"
    settings = {"max_steps": 30, "random_state": 0, "checkpoint": path}
    with pytest.raises(Killed):
        skgen.FlowMatcher(**settings, net_params={"callbacks": [Stop(15, Killed)]}).fit(
            IRIS, condition=SPECIES
        )
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message):
        skgen.FlowMatcher(**{**settings, **changes}).fit(X, condition=condition)
    assert path.read_bytes() == before


class Momentum:
    """Makes an optimiser, and has a parameter of its own."""

    def __init__(self, momentum):
        self.momentum = momentum

    def __call__(self, *args, **kwargs):
        return torch.optim.SGD(*args, momentum=self.momentum, **kwargs)

    def make(self, *args, **kwargs):
        return self(*args, **kwargs)


class Slotted(Momentum):
    __slots__ = ("nesterov",)

    def __init__(self, nesterov):
        super().__init__(0.5)
        self.nesterov = nesterov


def closed(momentum):
    return lambda *args, **kwargs: torch.optim.SGD(*args, momentum=momentum, **kwargs)


def defaulted(momentum):
    def optimizer(*args, momentum=momentum, **kwargs):
        return torch.optim.SGD(*args, momentum=momentum, **kwargs)

    return optimizer


@pytest.mark.parametrize(
    "make",
    [
        lambda value: functools.partial(torch.optim.SGD, momentum=value),
        lambda value: functools.partial(closed(value)),
        Momentum,
        Slotted,
        lambda value: Momentum(value).make,
        lambda value: Momentum(np.full(200, value)),
        lambda value: Momentum(torch.full((3,), value)),
        lambda value: Momentum({"inner": [Momentum(value)]}),
        lambda value: Momentum({value, "other"}),
        closed,
        defaulted,
    ],
)
def test_objects_are_told_apart_by_what_they_hold(make):
    assert _described(make(0.5)) == _described(make(0.5))
    assert _described(make(0.5)) != _described(make(0.9))


def test_functions_are_told_apart_by_what_they_do():
    assert _described(lambda step: 0.5**step) == _described(lambda step: 0.5**step)
    assert _described(lambda step: 0.5**step) != _described(lambda step: 0.9**step)
    assert _described(lambda step: step.real) != _described(lambda step: step.imag)


def test_what_refers_to_itself_is_described():
    first, other = Momentum(0.5), Momentum(0.9)
    first.own, other.own = first, other
    assert _described(first) != _described(other)
    # As often as it is named, it is described once.
    deep = [first]
    for _ in range(200):
        deep = [deep, deep]
    assert len(_described(deep)) < 3000


@pytest.mark.parametrize(
    ("before", "now", "message"),
    [
        ([Stop(15, Killed)], [Stop(20, Killed)], "Stop among callbacks was"),
        ([GradientNormClipping(0.1)], [GradientNormClipping(0.2)], "callbacks"),
        ([GradientNormClipping(0.1)], [], "callbacks"),
        ([], [("freeze", Freezer("*bias"))], "callbacks"),
        (
            [LRScheduler("StepLR", step_size=5, gamma=0.5)],
            [LRScheduler("StepLR", step_size=5, gamma=0.9)],
            "callbacks",
        ),
        ([Freezer("*bias")], [Freezer("*weight")], "callbacks"),
    ],
)
def test_callbacks_that_train_otherwise_are_another_fit(tmp_path, before, now, message):
    path = tmp_path / "fit"
    settings = {"max_steps": 30, "random_state": 0, "checkpoint": path}
    stop = [] if any(isinstance(callback, Stop) for callback in before) else [Stop(15, Killed)]
    with pytest.raises(Killed):
        skgen.FlowMatcher(**settings, net_params={"callbacks": [*before, *stop]}).fit(IRIS)
    with pytest.raises(ValueError, match=message):
        skgen.FlowMatcher(**settings, net_params={"callbacks": now}).fit(IRIS)


def test_callbacks_that_were_in_use_are_known_again(tmp_path):
    path = tmp_path / "fit"
    callbacks = [Freezer("*bias"), LRScheduler("StepLR", step_size=5), Stop(15, Killed)]
    model = skgen.FlowMatcher(
        max_steps=30, random_state=0, checkpoint=path, net_params={"callbacks": callbacks}
    )
    with pytest.raises(Killed):
        model.fit(IRIS)
    model.fit(IRIS)
    assert not path.exists()


def _change(*keys, value=None, remove=False):
    def change(content):
        part = content
        for key in keys[:-1]:
            part = part[key]
        if remove:
            del part[keys[-1]]
        else:
            part[keys[-1]] = value(part[keys[-1]]) if callable(value) else value

    return change


def _weights_changed(change):
    return lambda state: {
        path: {**part, "parameters": change(part["parameters"])} for path, part in state.items()
    }


HAND_MADE = {
    "no fit": _change("fit", remove=True),
    "a fit that is a list": _change("fit", value=[]),
    "no seed": _change("seed", remove=True),
    "a seed below zero": _change("seed", value=-1),
    "a text for a seed": _change("seed", value="0"),
    "stages without what they left": _change("stage", value=1),
    "a history of numbers": _change("history", value=[1]),
    "running, but not what": _change("running", value=3),
    "no module": _change("running", "module", remove=True),
    "no networks": _change("running", "module", value={}),
    "a weight less": _change(
        "running", "module", value=_weights_changed(lambda v: dict(list(v.items())[1:]))
    ),
    "weights of one number": _change(
        "running", "module", value=_weights_changed(lambda v: {k: w.sum() for k, w in v.items()})
    ),
    "attributes that are methods": _change(
        "running", "module", "", "plain", value={"forward": "f"}
    ),
    "attributes of PyTorch's": _change("running", "module", "", "plain", value={"_modules": {}}),
    "a buffer that is a number": _change("running", "module", "", "buffers", value={"source": 1}),
    "no net": _change("running", "net", value=None),
    "steps beyond the last": _change("running", "net", "step", value=31),
    "steps below zero": _change("running", "net", "step", value=-1),
    "a fraction of a step": _change("running", "net", "step", value=0.5),
    "no average": _change("running", "net", "average", value=[[], 1]),
    "a short average": _change("running", "net", "average", 0, value=lambda a: a[:-1]),
    "an average of one number": _change(
        "running", "net", "average", 0, value=lambda a: [v.sum() for v in a]
    ),
    "a best of another shape": _change("running", "net", "choose", 1, value=[torch.zeros(1)]),
    "a text for the best loss": _change("running", "net", "choose", 0, value="low"),
    "generators of nothing": _change("running", "net", "generators", value=[]),
    "a generator of zeros": _change(
        "running", "net", "generators", 0, value=lambda state: state[:5]
    ),
    "rows that are none": _change("running", "net", "batches", 0, value=lambda order: order + 1),
    "rows that come twice": _change("running", "net", "batches", 0, value=lambda order: order * 0),
    "a place that is none": _change("running", "net", "batches", 1, value=10**6),
    "moments of another shape": _change(
        "running",
        "net",
        "optimizer",
        "state",
        0,
        "exp_avg",
        value=lambda moment: moment.reshape(-1)[:1],
    ),
    "no moments": _change("running", "net", "optimizer", "state", 0, value={"step": 1}),
    "an optimiser of no groups": _change("running", "net", "optimizer", "param_groups", value=[]),
    "a rate that is a text": _change(
        "running", "net", "optimizer", "param_groups", 0, "lr", value="high"
    ),
    "a schedule with a method": _change("running", "net", "schedule", "step", value=1),
    "a history of lists": _change("running", "net", "history", 0, "step", value=[]),
    "all stages, and more": lambda content: content.update(
        stage=9,
        running=None,
        left={
            "module": content["running"]["module"],
            "noise": content["running"]["net"]["generators"][0],
        },
    ),
}


@pytest.fixture(scope="module")
def stopped_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("stopped") / "fit"
    with pytest.raises(Killed):
        skgen.FlowMatcher(
            max_steps=30,
            random_state=0,
            checkpoint=path,
            net_params={"callbacks": [Stop(15, Killed)]},
        ).fit(IRIS)
    return path.read_bytes()


@pytest.mark.parametrize("name", HAND_MADE)
def test_a_file_made_by_hand_is_told_from_a_checkpoint(tmp_path, stopped_file, name):
    path = tmp_path / "fit"
    path.write_bytes(stopped_file)
    content = storage.read(path, "checkpoint")
    HAND_MADE[name](content)
    storage.write(path, content, "checkpoint")
    before = path.read_bytes()
    model = skgen.FlowMatcher(max_steps=30, random_state=0, checkpoint=path)
    with pytest.raises(FileFormatError, match=r"Cannot load '.*fit': it holds no|9 stages"):
        model.fit(IRIS)
    assert path.read_bytes() == before
    assert not hasattr(model, "module_")


def test_a_fit_that_never_began_is_not_in_the_way(tmp_path):
    path = tmp_path / "fit"
    settings = {"max_steps": 5, "random_state": 0, "checkpoint": path}
    with pytest.raises(ValueError, match="validation_fraction"):
        skgen.FlowMatcher(**settings, validation_fraction=0.99).fit(IRIS)
    skgen.FlowMatcher(**settings).fit(IRIS)
    assert not path.exists()


def test_another_estimator_is_refused(tmp_path):
    path = tmp_path / "fit"
    with pytest.raises(Killed):
        skgen.FlowMatcher(checkpoint=path, net_params={"callbacks": [Stop(15, Killed)]}).fit(IRIS)
    with pytest.raises(ValueError, match="estimator was FlowMatcher and is VariationalDiffusionAE"):
        skgen.VariationalDiffusionAE(checkpoint=path).fit(IRIS)


def test_a_file_that_is_no_checkpoint_is_left_alone(tmp_path):
    path = tmp_path / "model"
    skgen.save(skgen.FlowMatcher(tolerance=0.5), path)
    with pytest.raises(FileFormatError, match=r"is a 'model', not a checkpoint.* of its own"):
        skgen.FlowMatcher(checkpoint=path).fit(IRIS)
    assert skgen.load(path).tolerance == 0.5


def test_bad_paths_are_told_before_training(tmp_path):
    for path, error in [
        (tmp_path / "nowhere" / "fit", FileNotFoundError),
        (tmp_path, IsADirectoryError),
        (3, ValueError),
    ]:
        model = skgen.FlowMatcher(
            max_steps=30, checkpoint=path, net_params={"callbacks": [Stop(1, Killed)]}
        )
        with pytest.raises(error):
            model.fit(IRIS)


def test_a_diverging_fit_leaves_no_file(tmp_path):
    with pytest.raises(TrainingError):
        skgen.FlowMatcher(max_steps=30, lr=1e30, checkpoint=tmp_path / "fit").fit(IRIS)
    assert os.listdir(tmp_path) == []


def test_pieces_do_not_use_it(tmp_path):
    skgen.FlowMatcher(max_steps=5, checkpoint=tmp_path / "no" / "fit").partial_fit(IRIS)


def test_what_a_death_while_writing_left_is_removed(tmp_path):
    path, other = tmp_path / "fit", tmp_path / ".fit2.0123456789abcdef.part"
    left = tmp_path / ".fit.0123456789abcdef.part"
    left.touch()
    other.touch()
    skgen.FlowMatcher(max_steps=5, random_state=0, checkpoint=path).fit(IRIS)
    assert os.listdir(tmp_path) == [other.name]


class _Law(nn.Module):
    """A parameter, buffers that come and go, and plain attributes."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.register_buffer("states", torch.zeros(0, 2))
        self.register_buffer("missing", None)
        self.settled, self.steps, self.shape, self.function = False, 0, (1, [2]), len


def test_the_state_of_a_module_is_a_copy_of_all_that_training_changes():
    module = nn.Sequential(_Law())
    law = module[0]
    parameter = law.weight
    before = module_state(module)
    with torch.no_grad():
        law.weight += 1
    law.states, law.missing = torch.ones(3, 2), torch.ones(1)
    law.settled, law.steps = True, 5
    law.shape[1].append(3)
    module.eval()
    after = module_state(module)
    restore_module(module, before)
    assert law.weight is parameter
    assert torch.equal(law.weight, torch.zeros(2))
    assert (law.states.shape, law.missing) == ((0, 2), None)
    assert (law.settled, law.steps, law.shape, law.training) == (False, 0, (1, [2]), True)
    restore_module(module, after)
    assert torch.equal(law.weight, torch.ones(2))
    assert torch.equal(law.states, torch.ones(3, 2))
    assert (law.settled, law.steps, law.shape, module.training) == (True, 5, (1, [2, 3]), False)
    assert law.function is len


def test_a_fit_is_described_alike_in_every_process():
    assert _described(np.arange(3)) == _described([0, 1, 2])
    text = _described({"optimizer": torch.optim.SGD, "f": _described, "object": Stop(1)})
    assert "0x" not in text
    assert "SGD" in text
    inputs = {"X": IRIS, "condition": None}
    fits = [
        identity(skgen.FlowMatcher(random_state=0, verbose=v), inputs, 5, torch.device("cpu"))
        for v in (True, False)
    ]
    assert fits[0] == fits[1]


def test_descriptions_do_not_depend_on_the_order_of_a_set():
    program = (
        "from skgen.training.identity import _described; import functools, torch\n"
        "f = lambda name: name in {'weight', 'bias', 'scale', 'shift'}\n"
        "print(_described([f, {'a', 'b', 'c'}, functools.partial(f, name={'d', 'e'})]))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
