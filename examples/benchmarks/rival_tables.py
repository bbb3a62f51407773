"""One model on one table, timed; run by rivals.py, in the environment of that model.

    python rival_tables.py MODEL GIVEN.npz FOUND_FOLDER

``GIVEN.npz`` holds the rows to learn from, the held-out rows for models with a density, how many
rows to draw and the seed. What is found are ``samples.npz`` and ``measures.json``: seconds on the
wall and of the processor for fit and sample, nats a held-out row, and the version of the package.
Imports and start-up are not timed. Every package is as its own documentation has it, with its own
defaults; where one leaves something to its user, the class here says what was chosen.
"""

import copy
import json
import os
import random
import sys
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np

STEPS, BATCH = 5000, 256


def names(X):
    """Return names for the columns of X, as packages for frames want them."""
    return [f"x{j}" for j in range(X.shape[1])]


class _Standardized:
    """Rows centred and scaled, for packages that leave this to their users."""

    def fit_scale(self, X):
        """Learn the scale; return scaled rows."""
        self.mean, self.std = X.mean(0), X.std(0)
        self.std[self.std == 0] = 1.0
        return self.scaled(X)

    def scaled(self, X):
        """Return scaled rows."""
        return (X - self.mean) / self.std

    def unscaled(self, rows):
        """Return rows in the units of the table."""
        return rows * self.std + self.mean

    def density(self, nats):
        """Return densities of scaled rows as those of rows in the units of the table."""
        return nats - np.log(self.std).sum()


class _Ours:
    """An estimator of this package at its defaults."""

    def __init__(self, name, seed, max_steps):
        import skgen

        self.version = skgen.__version__
        self.model = getattr(skgen, name)(max_steps=max_steps, random_state=seed)

    def fit(self, X):
        self.model.fit(X)

    def sample(self, n):
        return self.model.sample(n)

    def score_samples(self, X):
        return self.model.score_samples(X)


class _Mixture(_Standardized):
    """GaussianMixture: full covariances, components by three-fold cross-validation."""

    package = "scikit-learn"

    def __init__(self, seed):
        from sklearn.mixture import GaussianMixture
        from sklearn.model_selection import GridSearchCV

        components = {"n_components": [1, 2, 4, 8, 16, 32, 64, 128]}
        self.model = GridSearchCV(GaussianMixture(random_state=seed), components, cv=3)

    def fit(self, X):
        self.model.fit(self.fit_scale(X))
        return self.model.best_params_

    def sample(self, n):
        return self.unscaled(self.model.best_estimator_.sample(n)[0])

    def score_samples(self, X):
        return self.density(self.model.best_estimator_.score_samples(self.scaled(X)))


class _Kernel(_Standardized):
    """KernelDensity: a Gaussian kernel, its bandwidth by three-fold cross-validation."""

    package = "scikit-learn"

    def __init__(self, seed):
        from sklearn.model_selection import GridSearchCV
        from sklearn.neighbors import KernelDensity

        self.seed = seed
        widths = {"bandwidth": np.geomspace(0.02, 1.0, 9)}
        self.model = GridSearchCV(KernelDensity(), widths, cv=3)

    def fit(self, X):
        self.model.fit(self.fit_scale(X))
        return self.model.best_params_

    def sample(self, n):
        return self.unscaled(self.model.best_estimator_.sample(n, random_state=self.seed))

    def score_samples(self, X):
        return self.density(self.model.best_estimator_.score_samples(self.scaled(X)))


class _SplineFlow(_Standardized):
    """zuko's NSF. The loop is the user's: Adam at 1e-3, 5,000 batches of 256 at most.

    A tenth of the rows, looked at every 100 steps, chooses the weights, and ends the training when
    ten looks have not improved: without it small tables are memorised.
    """

    package = "zuko"

    def __init__(self, seed):
        import torch
        import zuko

        self.torch, self.flows = torch, zuko.flows

    def fit(self, X):
        torch = self.torch
        rows = torch.from_numpy(self.fit_scale(X)).float()
        rows = rows[torch.randperm(len(rows))]
        valid, rows = rows[: len(rows) // 10], rows[len(rows) // 10 :]
        self.flow = self.flows.NSF(features=rows.shape[1])
        optimizer = torch.optim.Adam(self.flow.parameters(), lr=1e-3)
        best, kept, since = np.inf, None, 0
        for step in range(1, STEPS + 1):
            batch = rows[torch.randint(len(rows), (BATCH,))]
            loss = -self.flow().log_prob(batch).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 100 == 0:
                with torch.no_grad():
                    loss = -self.flow().log_prob(valid).mean().item()
                since += 1
                if loss < best:
                    best, kept, since = loss, copy.deepcopy(self.flow.state_dict()), 0
                if since == 10:
                    break
        self.flow.load_state_dict(kept)

    def sample(self, n):
        with self.torch.no_grad():
            return self.unscaled(self.flow().sample((n,)).numpy().astype(float))

    def score_samples(self, X):
        with self.torch.no_grad():
            rows = self.torch.from_numpy(self.scaled(X)).float()
            return self.density(self.flow().log_prob(rows).numpy().astype(float))


class _TransportFlow(_Standardized):
    """torchcfm's OT-CFM, as in its examples: an MLP of 64 units, sigma = 0.1, Adam at 1e-3.

    The loop is the user's: 5,000 batches of 256, and 100 steps of Euler's method to draw.
    """

    package = "torchcfm"

    def __init__(self, seed):
        import torch
        from torchcfm.conditional_flow_matching import ExactOptimalTransportConditionalFlowMatcher
        from torchcfm.models.models import MLP

        self.torch, self.network = torch, MLP
        self.matcher = ExactOptimalTransportConditionalFlowMatcher(sigma=0.1)

    def fit(self, X):
        torch = self.torch
        rows = torch.from_numpy(self.fit_scale(X)).float()
        self.velocity = self.network(dim=rows.shape[1], w=64, time_varying=True)
        optimizer = torch.optim.Adam(self.velocity.parameters(), lr=1e-3)
        for _ in range(STEPS):
            x_1 = rows[torch.randint(len(rows), (BATCH,))]
            t, x_t, u_t = self.matcher.sample_location_and_conditional_flow(
                torch.randn_like(x_1), x_1
            )
            loss = ((self.velocity(torch.cat([x_t, t[:, None]], -1)) - u_t) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def sample(self, n):
        torch = self.torch
        with torch.no_grad():
            x = torch.randn(n, len(self.std))
            for k in range(100):
                t = torch.full((n, 1), k / 100)
                x = x + self.velocity(torch.cat([x, t], -1)) / 100
        return self.unscaled(x.numpy().astype(float))


class _CouplingFlow(_Standardized):
    """probaforms' RealNVP."""

    package = "probaforms"

    def __init__(self, seed):
        from probaforms.models import RealNVP

        self.model = RealNVP()

    def fit(self, X):
        self.model.fit(self.fit_scale(X), None)

    def sample(self, n):
        return self.unscaled(np.asarray(self.model.sample(n), dtype=float))


class _Synthesizer:
    """CTGAN and TVAE of the package ctgan; every column is continuous."""

    package = "ctgan"

    def __init__(self, name, seed):
        import ctgan

        self.model = getattr(ctgan, name)()
        self.model.set_random_state(seed)

    def fit(self, X):
        import pandas as pd

        self.model.fit(pd.DataFrame(X, columns=names(X)))

    def sample(self, n):
        return self.model.sample(n).to_numpy(dtype=float)


class _Forest:
    """ForestDiffusion; each row repeated `duplicate` times with noise, its default 100."""

    package = "ForestDiffusion"

    def __init__(self, duplicate, seed):
        from ForestDiffusion import ForestDiffusionModel

        self.build, self.duplicate, self.seed = ForestDiffusionModel, duplicate, seed

    def fit(self, X):
        # It learns as it is made. One process, like every other model here.
        self.model = self.build(X, duplicate_K=self.duplicate, n_jobs=1, seed=self.seed)

    def sample(self, n):
        return np.asarray(self.model.generate(batch_size=n), dtype=float)


class _Autoregressive:
    """TabularARGN of mostlyai-engine."""

    package = "mostlyai-engine"

    def __init__(self, seed):
        from mostlyai.engine import TabularARGN

        self.model = TabularARGN(random_state=seed)

    def fit(self, X):
        import pandas as pd

        self.model.fit(pd.DataFrame(X, columns=names(X)))

    def sample(self, n):
        return self.model.sample(n_samples=n).to_numpy(dtype=float)


RIVALS = {
    "GaussianMixture": _Mixture,
    "KernelDensity": _Kernel,
    "NSF": _SplineFlow,
    "OT-CFM": _TransportFlow,
    "RealNVP": _CouplingFlow,
    "CTGAN": lambda seed: _Synthesizer("CTGAN", seed),
    "TVAE": lambda seed: _Synthesizer("TVAE", seed),
    "ForestDiffusion": lambda seed: _Forest(100, seed),
    "ForestDiffusion K=10": lambda seed: _Forest(10, seed),
    "TabularARGN": _Autoregressive,
}


def timed(work, *given):
    """Call, and return the result with the seconds on the wall and of the processor."""
    wall, cpu = perf_counter(), sum(os.times()[:4])
    result = work(*given)
    return result, perf_counter() - wall, sum(os.times()[:4]) - cpu


def described(model):
    """Return the package of a model with its version."""
    if isinstance(model, _Ours):
        return f"skgen {model.version}"
    return f"{model.package} {version(model.package)}"


def seeded(seed):
    """Seed the global states that packages draw from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        import torch
    except ImportError:
        return
    torch.manual_seed(seed)
    torch.set_num_threads(1)


def main():
    name, given, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    with np.load(given) as data:
        X, X_test = data["X"], data["X_test"]
        n, seed, max_steps = (int(data[k]) for k in ("n_samples", "seed", "max_steps"))
    seeded(seed)
    model = RIVALS[name](seed) if name in RIVALS else _Ours(name, seed, max_steps or None)
    chosen, fit_wall, fit_cpu = timed(model.fit, X)
    samples, sample_wall, sample_cpu = timed(model.sample, n)
    nats = float(np.mean(model.score_samples(X_test))) if hasattr(model, "score_samples") else None
    np.savez(folder / "samples.npz", samples=np.asarray(samples, dtype=float))
    measures = {
        "fit wall": fit_wall,
        "fit cpu": fit_cpu,
        "sample wall": sample_wall,
        "sample cpu": sample_cpu,
        "nats": nats,
        "version": described(model),
        "chosen": {k: float(v) for k, v in (chosen or {}).items()},
    }
    (folder / "measures.json").write_text(json.dumps(measures))


if __name__ == "__main__":
    main()
