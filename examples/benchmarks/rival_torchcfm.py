"""torchcfm's flow matchers on two data sets, in an environment of their own.

Run by bridges_2d.py and bridge_cells.py:

    python rival_torchcfm.py GIVEN.npz FOUND.npz

As in torchcfm's examples: its MLP of 64 units, Adam at 1e-3, batches of 256. The flow is followed
in 100 steps of Heun's method.
"""

import sys

import numpy as np
import torch
from torchcfm.conditional_flow_matching import (
    ConditionalFlowMatcher,
    ExactOptimalTransportConditionalFlowMatcher,
    SchrodingerBridgeConditionalFlowMatcher,
)
from torchcfm.models.models import MLP

SIGMA, BATCH, STEPS = 0.1, 256, 100
METHODS = {
    "torchcfm CFM": ConditionalFlowMatcher(sigma=SIGMA),
    "torchcfm OT-CFM": ExactOptimalTransportConditionalFlowMatcher(sigma=SIGMA),
    "torchcfm SB-CFM": SchrodingerBridgeConditionalFlowMatcher(sigma=1.0, ot_method="exact"),
}


def train(matcher, x_0, x_1, n_steps):
    """Return a velocity network trained for some steps."""
    network = MLP(dim=x_0.shape[1], w=64, time_varying=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(n_steps):
        a = x_0[torch.randint(len(x_0), (BATCH,))]
        b = x_1[torch.randint(len(x_1), (BATCH,))]
        t, x_t, u_t = matcher.sample_location_and_conditional_flow(a, b)
        loss = ((network(torch.cat([x_t, t[:, None]], -1)) - u_t) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


@torch.no_grad()
def follow(network, x, until):
    """Return the rows at a time, and the energy of the flow up to it."""
    energy, h = 0.0, 1 / STEPS

    def velocity(t, y):
        return network(torch.cat([y, torch.full_like(y[:, :1], t)], -1))

    for k in range(round(until * STEPS)):
        v = velocity(k * h, x)
        w = 0.5 * (v + velocity((k + 1) * h, x + h * v))
        energy += h * float((w**2).sum(1).mean())
        x = x + h * w
    return x.numpy(), energy


def main():
    torch.set_num_threads(1)
    with np.load(sys.argv[1]) as given:
        x_0, x_1, start = (torch.from_numpy(given[k]).float() for k in ("source", "data", "start"))
        n_steps, seed, until = int(given["n_steps"]), int(given["seed"]), float(given["until"])
    found = {}
    for name, matcher in METHODS.items():
        torch.manual_seed(seed)
        # torchcfm draws its pairs from numpy's global state
        np.random.seed(seed)  # noqa: NPY002
        network = train(matcher, x_0, x_1, n_steps)
        found[name], found[name + " energy"] = follow(network, start, until)
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()
