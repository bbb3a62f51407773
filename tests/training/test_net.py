"""Training on losses of one number, whose course can be followed by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from skgen.training.net import MAX_GRADIENT_NORM, PATIENCE, _Average, _WarmupCosine, train
from skgen.training.stages import Plan, Stage, TrainingError

CPU = torch.device("cpu")


class Point(nn.Module):
    """Two numbers, of which a stage may train one."""

    def __init__(self):
        super().__init__()
        self.p = nn.Parameter(torch.zeros(1))
        self.held = nn.Parameter(torch.ones(1))


class Watch(Callback):
    """Keeps the trained number, its gradient's norm and its learning rate after each step."""

    def __init__(self, module):
        self.module = module
        self.values, self.norms, self.rates = [], [], []

    def on_grad_computed(self, net, named_parameters, training, **kwargs):
        self.norms.append(self.module.p.grad.norm().item())

    def on_batch_begin(self, net, training, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])

    def on_batch_end(self, net, training, **kwargs):
        if training:
            self.values.append(self.module.p.item())


def fit(loss=None, valid=None, rows=10.0, seed=0, weight=1.0, **plan):
    """Train a point towards rows, by default at half the squared distance."""
    module = Point()

    def squared(noise, x):
        return 0.5 * weight * (x[:, 0] - module.p).square()

    stage = Stage(
        "descent",
        squared if loss is None else lambda noise, x: loss(module, noise, x),
        module,
        [module.p],
        {"x": torch.full((40, 1), rows)},
        None if valid is None else {"x": torch.full((10, 1), valid)},
    )
    watch = Watch(module)
    defaults = {"n_steps": 60, "batch_size": 8, "lr": 0.05, "early_stopping": False, "device": CPU}
    net_params = {"ema_decay": 0.9, "callbacks": [watch], **plan.pop("net_params", {})}
    net = train(stage, Plan(**{**defaults, **plan}, net_params=net_params), seed)
    return net, module, watch


def averages(values, decay):
    """Follow the moving average by hand, from a start at zero."""
    average, course = 0.0, []
    for k, value in enumerate(values, start=1):
        d = min(decay, k / (k + 10))
        average = d * average + (1 - d) * value
        course.append(average)
    return course


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_the_average_of_the_weights_is_kept(decay):
    _, module, watch = fit(net_params={"ema_decay": decay})
    assert len(watch.values) == 60
    assert module.p.item() == pytest.approx(averages(watch.values, decay)[-1], rel=1e-5)
    if decay:
        assert module.p.item() < watch.values[-1]


def test_the_average_is_applied_for_a_while_only():
    parameter = nn.Parameter(torch.zeros(2))
    average, net = _Average([parameter]), SimpleNamespace(ema_decay=0.9)
    average.on_train_begin(net)
    with torch.no_grad():
        parameter.fill_(11.0)
    average.on_batch_end(net, True)
    average.on_batch_end(net, False)
    with average.applied():
        # One step: a decay of 1/11, so that ten elevenths are new.
        torch.testing.assert_close(parameter.detach(), torch.full((2,), 10.0))
    torch.testing.assert_close(parameter.detach(), torch.full((2,), 11.0))


def test_what_a_stage_does_not_train_is_held():
    def loss(module, noise, x):
        return (x[:, 0] - module.p * module.held).square()

    _, module, _ = fit(loss)
    assert module.held.item() == 1.0
    assert module.p.item() > 0.1


def test_the_kept_weights_are_those_of_the_best_evaluation():
    """Validation rows at 1, passed on the way to the training rows at 10."""
    net, module, watch = fit(valid=1.0, n_steps=400)
    losses = [row["valid_loss"] for row in net.history if "valid_loss" in row]
    assert len(losses) == 20
    best = int(np.argmin(losses))
    assert 0 < best < len(losses) - 1
    assert losses[-1] > 5 * losses[best]
    # An evaluation sees the average after the last step of its epoch.
    course = averages(watch.values, 0.9)
    assert module.p.item() == pytest.approx(course[20 * (best + 1) - 1], rel=1e-4)
    assert 0.5 * (1 - module.p.item()) ** 2 == pytest.approx(losses[best], rel=1e-3)
    # The validation rows were never trained on.
    assert watch.values[-1] > 2


def test_each_part_of_a_loss_keeps_its_own_best_weights():
    """Two numbers on one way: the first passes its validation row early, the second late."""
    module = Point()
    module.p = nn.Parameter(torch.zeros(2, 1))
    target, watch = torch.tensor([1.0, 4.0]), Watch(module)
    watch.on_batch_end = lambda net, training, **kwargs: None

    def parts(noise, x):
        return 0.5 * (x - module.p[:, 0]).square()

    rows, valid = torch.full((40, 2), 10.0), target.expand(10, 2).clone()
    owners = {module.p: torch.tensor([0, 1])}
    stage = Stage("descent", parts, module, [module.p], {"x": rows}, {"x": valid}, owners=owners)
    net_params = {"ema_decay": 0.0}
    plan = Plan(
        n_steps=200, batch_size=8, lr=0.2, early_stopping=False, device=CPU, net_params=net_params
    )
    net = train(stage, plan, seed=0)
    losses = np.array(net.history[:, "valid_loss"])
    best = dict(net.callbacks_)["choose"].best_loss.numpy()
    # Each number stands where its own loss was least; no single evaluation had both.
    kept = 0.5 * (target - module.p[:, 0].detach()).square()
    np.testing.assert_allclose(kept, best, rtol=1e-4)
    assert best.sum() < losses.min()
    assert module.p[0] < module.p[1]


def test_training_stops_when_validation_has_not_improved():
    whole, _, _ = fit(valid=1.0, n_steps=1000)
    net, module, _ = fit(valid=1.0, n_steps=1000, early_stopping=True)
    losses = [row["valid_loss"] for row in net.history if "valid_loss" in row]
    assert len(losses) == int(np.argmin(losses)) + 1 + PATIENCE
    assert net.step_ == 50 * len(losses) < whole.step_ == 1000
    assert 0.5 * (1 - module.p.item()) ** 2 == pytest.approx(min(losses), rel=1e-3)


def test_without_validation_nothing_is_chosen_or_stopped():
    net, _, _ = fit(n_steps=200, early_stopping=True)
    assert net.step_ == 200
    assert not any(row.get("valid_loss") for row in net.history)


@pytest.mark.parametrize("n_steps", [1, 3, 10, 25, 199, 201, 250])
def test_the_number_of_steps_is_kept(n_steps):
    net, _, watch = fit(n_steps=n_steps, valid=10.0)
    assert net.step_ == len(watch.values) == n_steps
    assert net.history[-1].get("step", n_steps) == n_steps


@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_a_lost_loss_stops_training_and_says_where(lost):
    calls = []

    def loss(module, noise, x):
        calls.append(1)
        return (x[:, 0] - module.p).square() + (lost if len(calls) == 7 else 0.0)

    with pytest.raises(
        TrainingError, match=rf"training loss became {lost} at step 7 of stage 'descent'.*0.05"
    ):
        fit(loss)
    assert len(calls) == 7


def test_a_lost_validation_loss_is_told_too():
    def loss(module, noise, x):
        return (x[:, 0] - module.p).square() / x[:, 0].clamp(min=0)

    with pytest.raises(TrainingError, match=r"validation loss became .* at step 10 of stage"):
        fit(loss, valid=-1.0)


def test_the_learning_rate_ramps_up_and_falls_by_a_cosine():
    for n_steps in (1, 10, 60, 400, 3000):
        factor = _WarmupCosine(n_steps)
        course = np.array([factor(step) for step in range(n_steps + 1)])
        warmup = max(1, min(100, n_steps // 10))
        assert course[0] == pytest.approx(1 / warmup)
        assert course.argmax() in (warmup - 1, warmup)
        assert np.all(np.diff(course[warmup:]) <= 0)
        assert course[-1] == pytest.approx(0.02)
        assert course.max() <= 1
    # Half-way down at half the steps.
    assert _WarmupCosine(400)(200) == pytest.approx(0.5)


def test_the_optimiser_gets_these_learning_rates():
    _, _, watch = fit(n_steps=60, lr=0.05)
    factor = _WarmupCosine(60)
    np.testing.assert_allclose(watch.rates, [0.05 * factor(step) for step in range(60)])


def test_gradients_are_clipped():
    _, _, watch = fit(weight=1e6)
    assert max(watch.norms) == pytest.approx(MAX_GRADIENT_NORM, rel=1e-4)
    _, _, watch = fit(weight=1e-3)
    assert max(watch.norms) == pytest.approx(1e-3 * 10, rel=1e-4)


def noisy(module, noise, x):
    return (x[:, 0] + noise.normal(x)[:, 0] - module.p).square()


def test_a_seed_fixes_the_course():
    before = torch.get_rng_state()
    courses = [fit(noisy, seed=seed)[2].values for seed in (0, 0, 1)]
    assert courses[0] == courses[1] != courses[2]
    assert torch.equal(before, torch.get_rng_state())


def test_each_evaluation_sees_the_same_noise():
    """Validation losses of weights that do not move are all the same, training losses are not."""
    net, _, _ = fit(noisy, valid=10.0, lr=1e-12)
    assert len({row["valid_loss"] for row in net.history if "valid_loss" in row}) == 1
    assert len({row["train_loss"] for row in net.history if "train_loss" in row}) > 1


def test_settings_reach_the_net():
    net, _, _ = fit(net_params={"optimizer__weight_decay": 0.5, "autocast_dtype": "bfloat16"})
    assert net.optimizer_.param_groups[0]["weight_decay"] == 0.5


def test_another_optimiser_gets_its_own_settings_alone():
    net, _, _ = fit(net_params={"optimizer": torch.optim.SGD, "optimizer__momentum": 0.5})
    assert net.optimizer_.param_groups[0]["momentum"] == 0.5


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"weight_decai": 0.5}, "net_params cannot be used: .*weight_decai"),
        ({"optimizer__wd": 0.5}, "net_params cannot be used: .*'wd'"),
        ({"lr": 0.5}, "net_params has 'lr', which the estimator sets"),
        ({"module": 1}, "net_params has 'module', which the estimator sets"),
        ({"history": 1}, "net_params has 'history', which the estimator sets"),
        ({"callbacks": [3]}, r"callbacks\[0\] is 3"),
        ({"callbacks": "disable"}, "callbacks='disable'; it must be a list"),
        ({"ema_decay": -0.1}, r"net_params cannot be used: ema_decay=-0\.1 is not"),
        ({"ema_decay": True}, "net_params cannot be used: ema_decay=True is not"),
    ],
)
def test_settings_that_the_net_cannot_use_are_told(params, told):
    with pytest.raises(ValueError, match=told):
        fit(net_params=params)
