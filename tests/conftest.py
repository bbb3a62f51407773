"""What all tests share: one thread a process, other seeds, cheaper fits, the folder of real data.

The thread count is set before torch is imported, and passed on to the processes that tests start.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from pathlib import Path

import pytest
import shifted_seeds
import torch

torch.set_num_threads(1)


def pytest_addoption(parser):
    parser.addoption(
        "--seed-shift",
        type=int,
        default=0,
        metavar="N",
        help="add N to every integer seed (default: 0), and leave out the examples in docstrings",
    )


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "statistical: asserts numbers that depend on the seed, and holds under any"
    )
    config.addinivalue_line(
        "markers",
        "fixed_seed: about one seed, or about two processes; --seed-shift does not change it",
    )
    config.addinivalue_line(
        "markers", "slow: has to train, or to repeat, for long; the README's command leaves it out"
    )
    if config.getoption("seed_shift"):
        shifted_seeds.shift = config.getoption("seed_shift")
        shifted_seeds.install()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark the examples of the models, which train at their defaults, as slow.

    Leave out examples in docstrings where seeds are shifted: they print what theirs give.
    """
    for item in items:
        if isinstance(item, pytest.DoctestItem) and item.path.parent.name == "models":
            item.add_marker("slow")
    if config.getoption("seed_shift"):
        examples = [item for item in items if isinstance(item, pytest.DoctestItem)]
        config.hook.pytest_deselected(items=examples)
        items[:] = [item for item in items if not isinstance(item, pytest.DoctestItem)]


@pytest.fixture(autouse=True)
def _seeds_of_its_own(request, monkeypatch):
    if request.node.get_closest_marker("fixed_seed"):
        monkeypatch.setattr(shifted_seeds, "shift", 0)


@pytest.fixture
def few_draws(monkeypatch):
    """Let fits end with few draws, where the borders of repeated values make no difference."""
    monkeypatch.setattr("skgen.base.FEWEST_DRAWS", 32)
    monkeypatch.setattr("skgen.base.DRAWS_PER_ROW", 0)


@pytest.fixture
def code_only():
    """Give a function that makes estimators whose fits end with the first stage, their code."""

    def of(Estimator):
        class CodeOnly(Estimator):
            def _calibrate(self, *args):
                """Do without what a fit learns of draws at its end: nothing is drawn."""

            def _stages(self, *args):
                yield next(super()._stages(*args))

        return CodeOnly

    return of


@pytest.fixture(scope="session")
def data_home():
    """Give the folder that SKGEN_DATA names; skip where it is not set."""
    name = os.environ.get("SKGEN_DATA")
    if not name:
        pytest.skip("needs the data sets of the folder that SKGEN_DATA names, which is not set")
    folder = Path(name)
    if not folder.is_dir():
        pytest.fail(f"SKGEN_DATA names {name!r}, which is not a folder")
    return folder
