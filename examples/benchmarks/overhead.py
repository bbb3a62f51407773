"""What training costs beside a hand-written PyTorch loop over the same module.

Each stage of ``VariationalDiffusionAE`` is trained by the package and by the loop below: the same
module, batches, steps and noise, AdamW (fused), warm-up and cosine decay, clipped gradients, moving
average of the weights, and 20 looks at the same validation part that choose among the averages.
Both run in one process, in turn (package, loop, package, loop, ...), one pair a seed, after one
short uncounted run of each. Both must end on the same weights: the largest difference is among the
figures.

Data: 1,078 digits (64 columns) and 4,000 rows of the two moons (2 columns). A run takes 1,000 steps
without early stopping, so that its set-up weighs more than in a full fit.

Goal: a median ratio of seconds, over at least 5 pairs, of at most 1.10.

    python examples/benchmarks/overhead.py
"""

import math
from itertools import islice
from time import perf_counter

import numpy as np
import torch
from _common import Report, arguments
from sklearn.datasets import load_digits, make_moons
from sklearn.model_selection import train_test_split

from skgen import VariationalDiffusionAE
from skgen.base import _seed
from skgen.processes.noise import GeneratorNoise
from skgen.training.net import train

N_STEPS = 1000
# That of StageNet.
EMA_DECAY = 0.998


class _SetUp(Exception):
    """Carries a stage out of `fit`, before it is trained."""


class _UpToTraining(VariationalDiffusionAE):
    """The estimator, stopped where training would start."""

    stage_number = 0

    def _plan(self, *args):
        self.plan = super()._plan(*args)
        return self.plan

    def _stages(self, *args):
        stages = super()._stages(*args)
        raise _SetUp(next(islice(stages, self.stage_number, None)), self.plan)


def set_up(X, stage_number, n_steps, seed):
    """Return a stage, its plan and seed: the same weights at each call."""
    model = _UpToTraining(max_steps=n_steps, early_stopping=False, random_state=seed)
    model.stage_number = stage_number
    try:
        model.fit(X)
    except _SetUp as found:
        return *found.args, _seed(seed)
    raise RuntimeError("fit ended without training")


def look(stage, valid, seed, device):
    """Return the loss on the validation part, with the same noise each time."""
    noise = GeneratorNoise(torch.Generator(device).manual_seed(seed))
    stage.module.eval()
    total, n = 0.0, len(valid["x"])
    with torch.no_grad():
        for start in range(0, n, 1024):
            batch = {k: v[start : start + 1024] for k, v in valid.items()}
            total += stage.loss(noise, **batch).mean().item() * len(batch["x"])
    stage.module.train()
    return total / n


def loop(stage, plan, seed):
    """Train a stage by hand."""
    parameters = list(stage.parameters)
    trained = {id(p) for p in parameters}
    for p in stage.module.parameters():
        p.requires_grad_(id(p) in trained)
    rows, valid, device = stage.train, stage.valid, plan.device
    n, n_steps = len(rows["x"]), plan.n_steps
    size, every = min(plan.batch_size, n), max(10, math.ceil(n_steps / 20))
    repeats = math.ceil(min(1024, 8 * len(valid["x"])) / len(valid["x"]))
    valid = {k: v.repeat(repeats, *[1] * (v.ndim - 1)) for k, v in valid.items()}
    noise = GeneratorNoise(torch.Generator(device).manual_seed(seed))
    order_generator = torch.Generator().manual_seed(seed + 1)
    optimizer = torch.optim.AdamW(
        parameters, lr=plan.lr, betas=(0.9, 0.99), weight_decay=0.01, fused=device.type != "mps"
    )
    weights = [p.detach() for p in parameters]
    average = [w.clone() for w in weights]
    warmup = max(1, min(100, n_steps // 10))
    order, at, best_loss, best = None, 0, math.inf, average
    stage.module.train()
    for step in range(n_steps):
        if order is None or at + size > n:
            order, at = torch.randperm(n, generator=order_generator), 0
        index = order[at : at + size]
        at += size
        cosine = 0.5 * (1 + math.cos(math.pi * step / n_steps))
        rate = plan.lr * min(1.0, (step + 1) / warmup) * max(0.02, cosine)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss = stage.loss(noise, **{k: v[index] for k, v in rows.items()}).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"the loss became {loss.item()} at step {step}")
        decay = min(EMA_DECAY, (step + 1) / (step + 11))
        torch._foreach_lerp_(average, weights, 1 - decay)
        if (step + 1) % every == 0 or step + 1 == n_steps:
            kept = [w.clone() for w in weights]
            torch._foreach_copy_(weights, average)
            valid_loss = look(stage, valid, seed + 2, device)
            torch._foreach_copy_(weights, kept)
            if valid_loss < best_loss:
                best_loss, best = valid_loss, [a.clone() for a in average]
    torch._foreach_copy_(weights, best)


def seconds_a_step(trainer, X, stage_number, n_steps, seed):
    """Train a fresh stage; return the time of a step and the weights."""
    stage, plan, seed = set_up(X, stage_number, n_steps, seed)
    start = perf_counter()
    trainer(stage, plan, seed)
    if plan.device.type == "cuda":
        torch.cuda.synchronize()
    seconds = perf_counter() - start
    return stage.name, seconds / n_steps, torch.cat([p.detach().ravel() for p in stage.parameters])


def main():
    options = arguments(__doc__, seeds=range(7)).parse_args()
    report = Report(__file__, options)
    n_steps = options.max_steps or N_STEPS
    digits, y = load_digits(return_X_y=True)
    digits, _ = train_test_split(digits, test_size=0.4, random_state=0, stratify=y)
    moons, _ = make_moons(4000, noise=0.08, random_state=0)
    for data, X in (("digits", digits), ("two moons", moons)):
        for stage_number in (0, 1):
            ratios = []
            for trainer in (train, loop):
                seconds_a_step(trainer, X, stage_number, min(n_steps, 50), 0)
            for seed in options.seed:
                name, ours, weights = seconds_a_step(train, X, stage_number, n_steps, seed)
                _, by_hand, others = seconds_a_step(loop, X, stage_number, n_steps, seed)
                kind = f"stage {name!r}, {n_steps:,} steps"
                report.add(data, kind, seed, "milliseconds a step, package", 1e3 * ours)
                report.add(data, kind, seed, "milliseconds a step, loop", 1e3 * by_hand)
                difference = float((weights - others).abs().max())
                report.add(data, kind, seed, "largest difference of weights", difference)
                ratios.append(ours / by_hand)
                report.add(data, kind, seed, "ratio", ratios[-1])
            report.add(data, kind, "median", "ratio", np.median(ratios), "<= 1.10")
    report.write()


if __name__ == "__main__":
    main()
