"""Bridges with drifts that are exact for normal ends: their paths and their pairs of ends."""

import numpy as np
import pytest
import torch

from skgen.papers.bridge_couplings import simulated_pairs, transport_pairs
from skgen.papers.bridge_paths import flow, walk
from skgen.papers.principal_axes import PrincipalAxes
from skgen.papers.schrodinger_bridge import SchrodingerBridge
from skgen.processes.bridges import LinearReference, schrodinger_covariance
from skgen.processes.noise import GeneratorNoise


class NoNetwork(torch.nn.Module):
    """A network that corrects nothing: the drifts are those of the Gaussian bridge."""

    def __init__(self, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, rows, context):
        return rows.new_zeros(len(rows), self.n_heads * rows.shape[1])


def closed_form(sigma=1.0, theta=0.0, var_0=1.0, var_1=1.0, d=1):
    """Build a module whose drifts are exact for normal ends."""
    reference = LinearReference(sigma, theta)
    module = SchrodingerBridge(
        NoNetwork(2 if sigma else 1),
        PrincipalAxes(d, True),
        None,
        None,
        reference,
        has_source=False,
        has_layout=False,
        condition_dropout=0.1,
    )
    module.var_0.fill_(var_0)
    module.var_1.fill_(var_1)
    module.cross.copy_(schrodinger_covariance(module.var_0, module.var_1, reference))
    return module.double().eval()


def generator(seed=0):
    return GeneratorNoise(torch.Generator().manual_seed(seed))


# Paths


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("sigma", "theta", "var_1"), [(1.0, 0.0, 1.0), (0.5, 0.0, 3.0), (1.0, 1.5, 2.0)]
)
@pytest.mark.parametrize(("solver", "n_steps"), [("bridge", 4), ("bridge", 20), ("heun", 20)])
@pytest.mark.parametrize("backward", [False, True])
def test_kernels_keep_variance_and_covariance(sigma, theta, var_1, solver, n_steps, backward):
    # 40,000 paths: a variance is known to 0.7% of itself, a covariance to 1% of both deviations;
    # tolerances are four standard errors.
    module = closed_form(sigma, theta, 1.0, var_1)
    noise, n = generator(), 40_000
    start, end = (var_1, 1.0) if backward else (1.0, var_1)
    x = start**0.5 * noise.normal(torch.empty(n, 1, dtype=torch.float64))
    times = 1 - (1 - np.linspace(0, 1, n_steps + 1)) ** 2
    y = walk(noise, module.field(x, None), module.gaussian(), x, times, backward, solver=solver)[-1]
    assert float(y.var()) == pytest.approx(end, rel=0.03)
    assert float((x * y).mean()) == pytest.approx(
        float(module.cross), abs=0.04 * (start * end) ** 0.5
    )


@pytest.mark.statistical
def test_leaving_out_the_last_noise_takes_variance_away():
    module, noise = closed_form(), generator()
    x = noise.normal(torch.empty(40_000, 1, dtype=torch.float64))
    even = np.linspace(0, 1, 21)
    field, bridge = module.field(x, None), module.gaussian()
    y = walk(noise, field, bridge, x, even, solver="bridge", denoise=True)[-1]
    assert float(y.var()) == pytest.approx(0.9515, abs=0.03)
    y = walk(noise, field, bridge, x, even, solver="euler-maruyama")[-1]
    assert float(y.var()) == pytest.approx(1.0156, abs=0.03)


@pytest.mark.statistical
def test_simulated_pairs_converge_to_the_bridge():
    # Markovian fitting with exact drifts for the covariance at hand, simulated: its covariance
    # goes up as in the exact case. Standard error of a covariance at 40,000 pairs: 0.006.
    module, found = closed_form(), []
    module.cross.zero_()
    x = torch.randn(5000, 1, generator=torch.Generator().manual_seed(1)).double()
    for seed in range(3):
        pairs = simulated_pairs(module, generator(seed), x, None, 40_000)
        found.append(float((pairs["x"] * pairs["x_0"]).mean()))
        assert float(pairs["x"].var()) == pytest.approx(1.0, abs=0.07)
        module.cross.fill_(found[-1])
    assert found == pytest.approx([0.5463, 0.6111, 0.6174], abs=0.03)


@pytest.mark.statistical
@pytest.mark.parametrize("theta", [0.0, 1.5])
def test_flow_and_process_have_the_same_distributions(theta):
    module, noise = closed_form(1.0, theta, 1.0, 4.0), generator()
    x = noise.normal(torch.empty(40_000, 1, dtype=torch.float64))
    times = np.linspace(0, 1, 41)
    walked = walk(noise, module.field(x, None), module.gaussian(), x, times)
    flowed = flow(module.field(x, None), x, times)
    for k in (10, 20, 30, 40):
        exact = float(module.gaussian().marginal(torch.tensor(times[k]))[1])
        assert float(flowed[k].var()) == pytest.approx(exact, rel=0.03)
        assert float(walked[k].var()) == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize("stochastic", [False, True])
def test_given_times_hold_in_both_directions(stochastic):
    # Times are those of the bridge, whichever way it is passed.
    module, noise = closed_form(1.0, 0.0, 1.0, 4.0), generator()
    seen = []

    def field(t, x):
        seen.append(float(t[0]))
        return module.drifts(t, x, x[:, :0])

    module.field = lambda *args: field
    grid = [0.0, 0.1, 0.3, 1.0]
    options = {"n_steps": 3, "time_grid": grid, "tolerance": 1e-3, "ode_solver": "heun"}
    walk = {"noise": noise} if stochastic else {}
    x = torch.zeros(2, 1, dtype=torch.float64)
    module.carry(x, None, True, sde_solver="euler-maruyama", **options, **walk)
    assert sorted({round(t, 6) for t in seen}) == ([0.1, 0.3, 1.0] if stochastic else grid)


@pytest.mark.statistical
def test_transport_couples_within_a_condition():
    # Two classes far apart: transport that ignored them would send one half of the normal
    # distribution to each, and the source given a class would not be normal.
    module = closed_form(0.5, d=2)
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=1000)
    x = torch.from_numpy(rng.normal(size=(1000, 2)) * 0.3 + np.where(y, 3.0, -3.0)[:, None])
    condition = torch.eye(2, dtype=torch.float64)[y]
    pairs = transport_pairs(module, generator(), x, condition, 8000)
    label = pairs["condition"].argmax(1)
    assert ((pairs["x"][:, 0] > 0) == label.bool()).all()
    for k in (0, 1):
        start = pairs["x_0"][label == k]
        # 4,000 rows, some of them repeated: standard errors of 0.02 for means, 0.03 for variances.
        np.testing.assert_allclose(start.mean(0), 0, atol=0.1)
        np.testing.assert_allclose(np.cov(start.T), np.eye(2), atol=0.15)


@pytest.mark.statistical
def test_a_condition_of_its_own_for_each_row_leaves_the_source_alone():
    module = closed_form(0.5, d=1)
    x = torch.linspace(-3, 3, 400, dtype=torch.float64)[:, None]
    pairs = transport_pairs(module, generator(), x, x.clone(), 8000)
    corr = np.corrcoef(pairs["x"][:, 0], pairs["x_0"][:, 0])[0, 1]
    assert abs(corr) < 0.06
