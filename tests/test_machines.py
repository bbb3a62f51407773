"""More than one process: a search through joblib's Dask backend, a fit shared by Accelerate."""

import json
import os
import signal
import socket
import subprocess
import sys
from itertools import chain
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold
from skorch.callbacks import Callback

import skgen
from skgen import FlowMatcher

IRIS = load_iris().data


class KillOnce(Callback):
    """Kill the process in the middle of the first fit that comes here, for good."""

    def __init__(self, path):
        self.path = path

    def on_batch_end(self, net, **kwargs):
        if not self.path.exists():
            self.path.touch()
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.fixed_seed
def test_a_search_on_dask_outlives_a_killed_worker(tmp_path):
    distributed = pytest.importorskip("distributed")
    killed = tmp_path / "killed"
    # Parts of more than a kilobyte, which joblib hands to one worker unless told otherwise.
    X = np.tile(IRIS, (2, 1))
    splits = list(KFold(2, shuffle=True, random_state=0).split(X))
    model = FlowMatcher(max_steps=10, random_state=0, net_params={"callbacks": [KillOnce(killed)]})
    search = GridSearchCV(model, {"n_steps": [2, 10]}, cv=splits, refit=False)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as here,
        distributed.Client(here) as client,
    ):
        client.amm.stop()
        with joblib.parallel_config("dask", scatter=[X, *chain(*splits)]):
            search.fit(X)
    assert killed.exists()
    # In this process, where the first fit has been killed already.
    serial = clone(search).fit(X)
    assert search.best_params_ == serial.best_params_
    for name in ("split0_test_score", "split1_test_score", "mean_test_score"):
        np.testing.assert_array_equal(search.cv_results_[name], serial.cv_results_[name])


NAMES = ["FlowMatcher", "VariationalDiffusionAE"]
SETTINGS = {"max_steps": 10, "batch_size": 64}
PROGRAM = f"""
import json, sys
import torch
torch.set_num_threads(1)
from accelerate import Accelerator
from sklearn.base import clone
from sklearn.datasets import load_iris
import skgen

X = load_iris().data
accelerator = Accelerator(cpu=True)
assert accelerator.num_processes == 2
fits = {{}}
for name in {NAMES}:
    model = getattr(skgen, name)(random_state=0, net_params={{"accelerator": accelerator}})
    model = clone(model.set_params(**{SETTINGS})).fit(X)
    fits[name] = [model.history_, model.sample(20, n_steps=2).tolist()]
errors = []
for wrong in ({{"random_state": None}}, {{"batch_size": 63}}):
    try:
        model.set_params(**{SETTINGS}, random_state=0).set_params(**wrong).fit(X)
    except ValueError as error:
        errors.append(str(error))
with open(sys.argv[1], "w") as file:
    json.dump([fits, errors], file, default=float)
"""


@pytest.mark.slow
@pytest.mark.fixed_seed
def test_two_processes_have_the_losses_of_one(tmp_path):
    pytest.importorskip("accelerate")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for rank in range(2):
        told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
        told |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        told |= {"PYTHONPATH": Path(skgen.__file__).parents[1]}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM, tmp_path / str(rank)],
                env={**os.environ, **{name: str(value) for name, value in told.items()}},
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    for process in processes:
        _, told = process.communicate()
        assert process.returncode == 0, told
    (fits, errors), (other_fits, other_errors) = (
        json.loads((tmp_path / str(rank)).read_text()) for rank in range(2)
    )
    for name in NAMES:
        (history, rows), (other_history, other_rows) = fits[name], other_fits[name]
        # Both processes end with the same model, to the bit.
        assert rows == other_rows
        one = getattr(skgen, name)(**SETTINGS, random_state=0).fit(IRIS)
        for part in ("train_loss", "valid_loss"):
            shared, alone, other = (
                [row[part] for row in rows] for rows in (history, one.history_, other_history)
            )
            assert shared == other
            # float32 sums in another order, carried through ten steps of Adam.
            np.testing.assert_allclose(shared, alone, rtol=1e-4)
    for told in (errors, other_errors):
        assert "random_state" in told[0]
        assert "batch_size=63" in told[1]
