"""Flows on manifolds for FlowMatcher: which networks and stages, by the size of the data.

The mathematics is in :mod:`skgen.papers.riemannian_flow_matching`.
"""

from collections.abc import Generator, Mapping
from typing import Any

import torch
from torch import Tensor

from skgen.base import Stage
from skgen.data.row_map import Rows
from skgen.networks.mlp import ResidualMLP, initialize
from skgen.papers._module import condition_embedding
from skgen.papers.kernel_mixture import MOST_KERNELS, KernelMixture
from skgen.papers.riemannian_flow_matching import RiemannianFlow
from skgen.papers.schrodinger_bridge import TIME_FEATURES
from skgen.processes.manifolds import Product
from skgen.processes.noise import GeneratorNoise

# Layers of the network; pairs of ends for each step, and at most; pairs that choose the weights.
DEPTH, PAIRS_PER_STEP, MOST_PAIRS, FEWEST_VALID_PAIRS = 3, 8, 32_768, 1024


def check(model: Any, has_source: bool = False) -> None:
    """Raise for parameters, or a source, that a geometry does not go with."""
    wrong = {
        "source=": has_source,
        f"coupling={model.coupling!r}": model.coupling != "independent",
        f"n_iterations={model.n_iterations!r}": model.n_iterations not in (1, None),
        f"ode_solver={model.ode_solver!r}": model.ode_solver != "heun",
        f"input_shape={model.input_shape!r}": model.input_shape is not None,
        f"scaling={model.scaling!r}": model.scaling not in ("auto", "standard"),
    }
    named = next((name for name, is_wrong in wrong.items() if is_wrong), None)
    if named is not None:
        raise ValueError(
            f"{named} does not go with geometry={model.geometry!r}: a flow on a manifold has one "
            "iteration by Heun's method, on rows without a layout, from a distribution of its own, "
            "and standardises plain columns. Leave it at its default, or take geometry='euclidean'."
        )


def build_module(model: Any, rows: Rows, generator: torch.Generator) -> RiemannianFlow:
    """Return the module for training rows, its base distribution learnt."""
    check(model, rows.source is not None)
    manifold = Product(model.row_map_.charts.kinds)
    n = min(len(rows.x), MOST_KERNELS)
    width = model.hidden_units or (64 if manifold.dim <= 4 or n <= 128 else 128)
    with torch.device("meta"):
        c, embedding = condition_embedding(rows.n_condition)
        network = ResidualMLP(
            manifold.n_features,
            manifold.n_coordinates,
            TIME_FEATURES + c,
            width=width,
            depth=DEPTH,
            zero_output=True,
        )
        base = KernelMixture(manifold, 0 if c else n)
        parts = {"network": network, "base": base, "embedding": embedding}
        module = RiemannianFlow(parts, condition_dropout=float(model.condition_dropout))
    initialize(module, generator)
    module.base.fit(rows.x[torch.randperm(len(rows.x), generator=generator)[:n]])
    return module


def stages(
    model: Any,
    module: RiemannianFlow,
    train: Mapping[str, Tensor],
    valid: Mapping[str, Tensor] | None,
    noise: GeneratorNoise,
) -> Generator[Stage, bool | None, None]:
    """Yield the one stage of a flow on a manifold."""

    def pairs(rows: Mapping[str, Tensor], n_least: int) -> dict[str, Tensor]:
        n = max(len(rows["x"]), min(n_least, MOST_PAIRS))
        times = -(-n // len(rows["x"]))
        repeated = {name: part.repeat(times, 1)[:n] for name, part in rows.items()}
        return {**repeated, "x_0": module.pairs(noise, repeated["x"])}

    training = pairs(train, PAIRS_PER_STEP * model._n_stage_steps(len(train["x"])))
    module.multiplier.fill_(1.0)
    module.fit_scale(training["x_0"], training["x"])
    parameters = [*module.network.parameters(), *model._parameters_of(module.embedding)]
    interrupted = yield Stage(
        "flow",
        module.matching_loss,
        module,
        parameters,
        training,
        None if valid is None else pairs(valid, FEWEST_VALID_PAIRS),
        diagnose=lambda: module.convergence(training, model._sampling_options()),
    )
    if module.embedding is None and valid is not None and not interrupted:
        module.fit_multiplier(valid["x"])
