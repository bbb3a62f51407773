"""How many threads a process takes: one for tables, and settings that come back."""

import functools
import inspect
import re
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from brief import few_steps
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from skorch.callbacks import Callback
from threadpoolctl import ThreadpoolController, threadpool_limits

import skgen
from skgen import (
    BinaryLatentDiffusion,
    FlowMatcher,
    GenerativeImputer,
    GenerativeOverSampler,
    SchrodingerBridgeMatcher,
    TableEncoder,
    VariationalDiffusionAE,
    VQDiffusionBridge,
    command_line,
    make_generative_pipeline,
    metrics,
    plotting,
)
from skgen.command_line import commands
from skgen.command_line import fit as learning
from skgen.threads import one_thread

IRIS, SPECIES = load_iris(return_X_y=True)
# To look for the pools takes long.
POOLS = ThreadpoolController()
QUICK = {"max_steps": 2, "random_state": 0}
MODELS = [
    BinaryLatentDiffusion,
    FlowMatcher,
    SchrodingerBridgeMatcher,
    VariationalDiffusionAE,
    VQDiffusionBridge,
]


def settings():
    """Return the number of threads of each pool, as the calling thread has it."""
    numbers = {pool["filepath"]: pool["num_threads"] for pool in POOLS.info()}
    numbers["torch"] = torch.get_num_threads()
    # PyTorch's own MKL, where it has one.
    mkl = re.search(r"mkl_get_max_threads\(\) : (\d+)", torch.__config__.parallel_info())
    return numbers if mkl is None else {**numbers, "mkl": int(mkl[1])}


@pytest.fixture
def two_threads():
    """Set every pool to two threads, on any machine, and give the settings."""
    with threadpool_limits(2):
        torch.set_num_threads(2)
        try:
            found = settings()
            assert set(found.values()) == {2}
            yield found
        finally:
            torch.set_num_threads(1)


class Watch(Callback):
    """Calls a function at each step of a fit, and keeps the numbers of threads there."""

    def __init__(self, then=lambda: None):
        self.seen, self.then = set(), then

    def on_batch_end(self, net, **kwargs):
        self.seen |= set(settings().values())
        self.then()


@pytest.fixture
def watched(monkeypatch):
    """Note the numbers of threads wherever a module, a scaler, or scikit-learn computes."""
    seen = []

    def watch(owner, name):
        method = getattr(owner, name)

        @functools.wraps(method)
        def noted(*args, **kwargs):
            seen.append(set(settings().values()))
            return method(*args, **kwargs)

        monkeypatch.setattr(owner, name, noted)

    return seen, watch


@pytest.mark.parametrize("Model", MODELS)
def test_models_of_tables_run_on_one_thread(Model, two_threads, watched, few_draws):
    seen, watch = watched
    for name in ("forward", "inverse"):
        watch(skgen.data.scaling.ColumnScaler, name)
    watch(torch.nn.Linear, "forward")
    watch(skgen.mixins, "row_keys")
    watch(skgen.data.checks, "validate_data")
    model = Model(**QUICK, **few_steps(Model, 4))
    gaps = IRIS[:5].copy()
    gaps[:, 1] = np.nan
    calls = {
        "fit": lambda: model.fit(IRIS),
        "partial_fit": lambda: model.partial_fit(IRIS),
        "sample": lambda: model.sample(5),
        "sample_batches": lambda: list(model.sample_batches(5, 3)),
        "fit_transform": lambda: model.fit_transform(IRIS),
        "transform": lambda: model.transform(IRIS[:5]),
        "inverse_transform": lambda: model.inverse_transform(model.transform(IRIS[:5])),
        "impute": lambda: model.impute(gaps),
        "score_samples": lambda: model.score_samples(IRIS[:5]),
        "score": lambda: model.score(IRIS[:5]),
        "interpolate": lambda: model.interpolate(IRIS[:2], IRIS[2:4]),
    }
    if Model is VQDiffusionBridge:
        model.set_params(prior="diffusion")
        calls["trajectory"] = lambda: model.trajectory(2, n_steps=2)
    else:
        calls["trajectory"] = lambda: model.trajectory(IRIS[:2], n_steps=2)
    for name, call in calls.items():
        if not hasattr(model, name):
            continue
        seen.clear()
        call()
        assert seen, name
        assert set().union(*seen) == {1}, name
        assert settings() == two_threads, name


@pytest.mark.parametrize("stochastic", [False, True])
def test_bridges_between_tables_run_on_one_thread(stochastic, two_threads, watched):
    seen, watch = watched
    watch(torch.nn.Linear, "forward")
    watch(skgen.data.checks, "validate_data")
    model = SchrodingerBridgeMatcher(**QUICK).fit(IRIS[:75], source=IRIS[75:])
    model.inverse_transform(IRIS[:5], stochastic=stochastic, random_state=0)
    model.transform(IRIS[:5], stochastic=stochastic, random_state=0)
    model.trajectory(IRIS[:5], n_steps=2, stochastic=stochastic)
    model.score(IRIS[:5])
    assert set().union(*seen) == {1}
    assert settings() == two_threads


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, 1),
        # A wide network took 3 times the processor time of one thread on two busy cores.
        ({"hidden_units": 512, "batch_size": 1024}, 1),
        ({"input_shape": (1, 4, 4)}, 2),
    ],
)
def test_images_keep_their_threads(parameters, expected, two_threads):
    X = np.random.default_rng(0).normal(size=(40, 16))
    watch = Watch()
    model = FlowMatcher(**parameters, **QUICK, net_params={"callbacks": [watch]}).fit(X)
    assert watch.seen == {expected}
    assert settings() == two_threads
    seen = set()
    model.module_.register_forward_pre_hook(lambda *_: seen.add(torch.get_num_threads()))
    for part in model.module_.modules():
        part.register_forward_pre_hook(lambda *_: seen.add(torch.get_num_threads()))
    pipe = make_generative_pipeline(model)
    for call in (lambda: model.sample(2), lambda: pipe.sample(2), lambda: model.transform(X[:2])):
        seen.clear()
        call()
        assert seen == {expected}


def frame():
    data = pd.DataFrame(IRIS, columns=["a", "b", "c", "d"])
    return data.assign(species=np.array(["x", "y", "z"])[SPECIES])


def test_pipelines_imputers_and_samplers_run_on_one_thread(two_threads, watched):
    seen, watch = watched
    for name in ("fit", "fit_transform", "transform", "inverse_transform"):
        watch(PCA, name)
        watch(TableEncoder, name)
    for name in ("impute", "score_samples"):
        watch(FlowMatcher, name)
    watch(skgen.tables.imputation, "_copula_drawn")
    watch(skgen.tables.over_sampling, "column_or_1d")
    numbers = make_generative_pipeline(PCA(), FlowMatcher(**QUICK))
    table = make_generative_pipeline(TableEncoder(), FlowMatcher(**QUICK))
    gaps = frame().where(np.random.default_rng(0).random((150, 5)) > 0.2)
    calls = [
        lambda: numbers.fit(IRIS),
        lambda: numbers.fit_transform(IRIS),
        lambda: numbers.inverse_transform(numbers.transform(IRIS)),
        lambda: numbers.inverse_transform(IRIS),
        lambda: numbers.sample(5),
        lambda: list(numbers.sample_batches(5, 3)),
        lambda: numbers.score_samples(IRIS[:5]),
        lambda: numbers.score(IRIS[:5]),
        lambda: table.fit(frame()),
        lambda: table.sample(5),
        lambda: table.impute(gaps[:5]),
        lambda: GenerativeImputer(table).fit(gaps).transform(gaps[:5]),
        lambda: GenerativeOverSampler(FlowMatcher(**QUICK)).fit_resample(IRIS[:110], SPECIES[:110]),
    ]
    for number, call in enumerate(calls):
        seen.clear()
        call()
        assert seen, number
        assert set().union(*seen) == {1}, number
        assert settings() == two_threads, number


X_REAL, X_FAKE, X_TEST = np.random.default_rng(0).normal(size=(3, 80, 3))
LABELS = X_REAL[:, 0] > 0
METRICS = {
    "attribute_disclosure": (X_REAL, X_TEST, X_FAKE, 0),
    "classifier_two_sample_aucs": (X_REAL, X_FAKE),
    "classifier_two_sample_test": (X_REAL, X_FAKE),
    "conditional_frequency_error": (X_REAL > 0, X_FAKE > 0),
    "correlation_error": (X_REAL, X_FAKE),
    "diversity": (X_REAL,),
    "energy_distance": (X_REAL, X_FAKE),
    "frechet_distance": (X_REAL, X_FAKE),
    "knn_probe": (X_REAL, LABELS, X_TEST, LABELS),
    "linear_probe": (X_REAL, LABELS, X_TEST, LABELS),
    "marginal_error": (X_REAL, X_FAKE),
    "maximum_mean_discrepancy": (X_REAL, X_FAKE),
    "membership_attack": (X_REAL, X_TEST, X_FAKE),
    "singling_out_attack": (X_REAL, X_TEST, X_FAKE),
    "multimodality": (X_REAL, LABELS),
    "mutual_information_error": (X_REAL > 0, X_FAKE > 0),
    "near_copies": (X_REAL, X_TEST, X_FAKE),
    "precision_recall_density_coverage": (X_REAL, X_FAKE),
    "r_precision": (X_REAL, X_FAKE),
    "sample_report": (X_REAL, X_TEST, X_FAKE),
    "sliced_wasserstein": (X_REAL, X_FAKE),
    "telling_columns": (X_REAL, X_FAKE),
    "train_on_synthetic": (X_REAL, LABELS, X_FAKE, LABELS, X_TEST, LABELS),
    "wasserstein_distance": (X_REAL, X_FAKE),
}
# These compute nothing of their own.
NO_METRICS = {"bits_per_dimension", "make_sample_scorer"}


def test_every_metric_is_looked_at():
    assert METRICS.keys() | NO_METRICS == set(metrics.__all__)


# What metrics look at their rows with.
LOOKS_AT_ROWS = "check_tables", "check_two_rows", "named_tables", "matched_tables", "_check_binary"


@pytest.mark.parametrize("name", METRICS)
def test_metrics_run_on_one_thread(name, two_threads, watched):
    seen, watch = watched
    metric = getattr(metrics, name)
    module = sys.modules[inspect.unwrap(metric).__module__]
    for helper in LOOKS_AT_ROWS:
        if hasattr(module, helper):
            watch(module, helper)
    metric(*METRICS[name])
    assert seen
    if name != "frechet_distance":
        # What it computes after looking at its rows is looked at below.
        assert set().union(*seen) == {1}
    assert settings() == two_threads


def test_features_for_the_frechet_distance_keep_their_threads(two_threads, watched):
    seen, watch = watched
    watch(np.linalg, "qr")
    threads_of_features = []

    def features(X):
        threads_of_features.append(torch.get_num_threads())
        return X

    metrics.frechet_distance(X_REAL, X_FAKE, features=features)
    assert threads_of_features == [2, 2]
    assert set().union(*seen) == {1}


def test_pictures_compute_on_one_thread(two_threads, watched):
    seen, watch = watched
    watch(PCA, "fit")
    plotting.LatentMapDisplay.from_samples(IRIS)
    assert seen == [{1}]
    assert settings() == two_threads


def test_commands_run_on_one_thread(two_threads, watched, tmp_path):
    seen, watch = watched
    for name in ("open_table", "save_with_notes", "draw"):
        watch(learning, name)
    for name in ("read_model", "draw", "write_table"):
        watch(commands, name)
    table, model = str(tmp_path / "table.csv"), str(tmp_path / "model.skgen")
    frame().to_csv(table, index=False)
    fit = ["fit", table, "-o", model, "--model", "flow-matcher", "--set", "max_steps=2"]
    assert command_line.main(fit) == 0
    assert command_line.main(["sample", model, "-n", "5", "-o", str(tmp_path / "new.csv")]) == 0
    assert set().union(*seen) == {1}
    assert settings() == two_threads


def stop():
    raise RuntimeError("stopped")


WRONG = np.full((3, 4), np.inf)
FAILING = {
    "fit, data": lambda model: FlowMatcher().fit(WRONG),
    "fit, training": lambda model: FlowMatcher(
        **QUICK, net_params={"callbacks": [Watch(stop)]}
    ).fit(IRIS),
    "sample": lambda model: model.sample(-1),
    "impute": lambda model: model.impute(WRONG),
    "transform": lambda model: model.transform(WRONG),
    "inverse_transform": lambda model: model.inverse_transform(WRONG),
    "score": lambda model: model.score(WRONG),
    "pipeline": lambda model: make_generative_pipeline(PCA(), model).fit(WRONG),
    "imputer": lambda model: GenerativeImputer(model).fit(WRONG),
    "sampler": lambda model: GenerativeOverSampler(model).fit_resample(WRONG, [0, 1, 1]),
    "metric": lambda model: metrics.energy_distance(WRONG, WRONG),
}


@pytest.fixture(scope="module")
def fitted():
    return FlowMatcher(**QUICK).fit(IRIS)


@pytest.mark.parametrize("name", FAILING)
def test_settings_come_back_after_an_error(name, fitted, two_threads):
    with pytest.raises((ValueError, RuntimeError)):
        FAILING[name](fitted)
    assert settings() == two_threads


def test_a_setting_within_a_fit_ends_with_it(two_threads):
    watch = Watch(lambda: torch.set_num_threads(3))
    FlowMatcher(**QUICK, net_params={"callbacks": [watch]}).fit(IRIS)
    assert settings() == two_threads


def run_in_threads(*functions):
    """Run functions in threads of their own, and return what they return."""
    results = [None] * len(functions)

    def run(number):
        results[number] = functions[number]()

    started = [threading.Thread(target=run, args=(k,)) for k in range(len(functions))]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return results


def test_fits_at_the_same_time_restore_what_was(two_threads):
    # Both are in the middle of training at once, in threads that have not used PyTorch before.
    barrier = threading.Barrier(2, timeout=60)

    def fit():
        watch = Watch(barrier.wait)
        FlowMatcher(**QUICK, net_params={"callbacks": [watch]}).fit(IRIS)
        return watch.seen, settings()

    for seen, after in run_in_threads(fit, fit):
        assert seen == {1}
        assert after["torch"] == 2
    assert settings() == two_threads


def blas():
    return {pool["num_threads"] for pool in POOLS.info() if pool["user_api"] == "blas"}


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_blas_has_one_thread_until_the_last_call_ends(first_ends_first, two_threads):
    first, second = threading.Event(), threading.Event()
    readings = []

    def call(entered, leave):
        with one_thread():
            entered.set()
            assert leave.wait(60)

    leave_first, leave_second = threading.Event(), threading.Event()
    one = threading.Thread(target=call, args=(first, leave_first))
    two = threading.Thread(target=call, args=(second, leave_second))
    assert blas() == {2}
    one.start()
    assert first.wait(60)
    two.start()
    assert second.wait(60)
    ends = [(leave_first, one), (leave_second, two)]
    for leave, thread in ends if first_ends_first else reversed(ends):
        readings.append(blas())
        leave.set()
        thread.join()
    assert readings == [{1}, {1}]
    assert settings() == two_threads


def test_what_others_set_for_blas_meanwhile_stays(two_threads):
    limits = []
    with one_thread():
        limits.append(threadpool_limits(3, user_api="blas"))
    assert blas() == {3}
    threadpool_limits(2, user_api="blas")
    assert settings() == two_threads


def test_a_thread_that_has_not_used_pytorch_is_limited_too(two_threads):
    def compute():
        with one_thread():
            # Large enough to be shared, which sets the numbers of a thread at its first time.
            torch.ones(200_000).exp().sum()
            return settings()

    (within,) = run_in_threads(compute)
    assert set(within.values()) == {1}


def test_nested_limits_end_with_the_outer_one(two_threads):
    with one_thread():
        with one_thread():
            pass
        assert set(settings().values()) == {1}
    assert settings() == two_threads


PROGRAM = """
import numpy as np
from threadpoolctl import threadpool_info
from skgen import FlowMatcher, metrics

paths = lambda: {pool["filepath"] for pool in threadpool_info()}
before = paths()
X, Y = np.random.default_rng(0).normal(size=(2, 40, 3))
FlowMatcher(max_steps=2).fit(X).sample(3)
metrics.classifier_two_sample_test(X, Y)
metrics.linear_probe(X, X[:, 0] > 0, Y, Y[:, 0] > 0)
metrics.wasserstein_distance(X, Y)
assert paths() == before, paths() - before
"""


def test_no_pool_is_loaded_after_the_package():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)


FORKED = """
import os, warnings
import numpy as np, torch
from skgen import FlowMatcher

warnings.simplefilter("ignore")
torch.set_num_threads(2)
X = np.random.default_rng(0).normal(size=(40, 16))
image = FlowMatcher(max_steps=1, random_state=0, input_shape=(1, 4, 4))
table = FlowMatcher(max_steps=1, random_state=0)
before, n_threads, used = {argument}
if used:
    image.fit(X)
child = os.fork()
if child == 0:
    torch.set_num_threads(n_threads)
    try:
        (image if before == "image" else table).fit(X)
    except RuntimeError as error:
        os._exit(3 if "forked" in str(error) else 4)
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere OpenMP knows of forks")
@pytest.mark.parametrize(
    ("argument", "code"),
    [
        (("image", 2, True), 3),
        (("image", 1, True), 0),
        (("table", 2, True), 0),
        (("image", 2, False), 0),
    ],
)
def test_a_forked_process_does_not_wait_for_threads_that_are_gone(argument, code):
    program = FORKED.replace("{argument}", repr(argument))
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=120)
    assert ended.returncode == code, ended.stderr
