"""The pages whose code is promised to run as printed, held to it; small fits, in seconds."""

import inspect
import json
import re
import runpy
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgen import (
    BinaryLatentDiffusion,
    SchrodingerBridgeMatcher,
    VariationalDiffusionAE,
    VQDiffusionBridge,
)
from skgen.base import BaseGenerativeModel

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


sys.path[:0] = [str(ROOT / "examples"), str(DOCS)]
from _figures import write_figures  # noqa: E402
from own_estimator import RealNVP  # noqa: E402
from pages import python_blocks  # noqa: E402


def run_blocks(page, folder, monkeypatch, but=None):
    """Run the Python blocks of a page in order, in a folder, and return what they defined.

    Those that hold the text `but` are left out.
    """
    monkeypatch.chdir(folder)
    scope = {}
    for block in python_blocks(page):
        if but is not None and but in block:
            continue
        exec(compile(block, page, "exec"), scope)
    plt.close("all")
    return scope


@pytest.fixture(scope="module")
def first_steps(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        # A step for each row beyond the first hundred, where there are four: enough for its words.
        monkeypatch.setattr("skgen.base.STEPS_PER_ROW", 1)
        folder = tmp_path_factory.mktemp("first_steps")
        return run_blocks("../examples/first_steps.ipynb", folder, monkeypatch)


def test_the_notebook_holds_no_output():
    text = (ROOT / "examples" / "first_steps.ipynb").read_text(encoding="utf-8")
    for cell in json.loads(text)["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.slow
def test_the_notebook_runs_as_printed(first_steps):
    page = first_steps
    X, y, model = page["X"], page["y"], page["model"]
    assert page["X_new"].shape == (200, 4)
    assert page["W"].shape == (150, 4)
    assert np.shape(page["draws"]) == (10, 150, 4)
    assert page["new_table"].dtypes.equals(page["table"].dtypes)
    assert set(page["search"].best_params_) == {"scaling"}
    # What the page says in words.
    assert model.score_samples(page["strange"])[0] < model.score_samples(X).min()
    spread = X.std(0)
    assert np.abs(page["X_back"] - X).mean() < 0.5 * spread.mean()
    assert page["classifier"].score(X[1::2], y[1::2]) > 0.8
    assert page["error"] < 0.5 * spread[2]
    means = np.array([X[y == k].mean(0) for k in range(3)])
    assert page["three"].shape == (3, 4)
    for rows in (page["virginica"], page["as_virginica"]):
        nearest = np.linalg.norm(rows.mean(0) - means, axis=1).argmin()
        assert nearest == 2


# The page says what this model warns of.
@pytest.mark.filterwarnings("ignore:What FlowMatcher has learnt falls short")
def test_the_page_on_judging_runs_as_printed(tmp_path, monkeypatch):
    # Few rows, short fits and few sets of real rows: what is found does not matter here.
    data = load_breast_cancer(as_frame=True)
    data.data, data.target = data.data[:160], data.target[:160]
    monkeypatch.setattr("sklearn.datasets.load_breast_cancer", lambda **options: data)
    monkeypatch.setattr("skgen.base.STEPS_PER_ROW", 0)
    monkeypatch.setattr("skgen.metrics._report.N_SPLITS", 6)
    monkeypatch.setattr("skgen.metrics._report.N_CLASSIFIED", 2)
    page = run_blocks("user_guide/judging.rst", tmp_path, monkeypatch, but="GridSearchCV")
    assert page["report"].index.equals(page["mixed_report"].index)
    assert np.isfinite(page["mixed_report"][["value", "floor"]].to_numpy()).all()
    assert page["new_table"].dtypes.equals(page["table"].dtypes)


# Few rows, and a short fit.
@pytest.mark.filterwarnings("ignore:What FlowMatcher has learnt falls short")
@pytest.mark.filterwarnings("ignore:Columns look like identifiers")
def test_the_page_on_privacy_runs_as_printed(tmp_path, monkeypatch):
    monkeypatch.setattr("skgen.base.STEPS_PER_ROW", 0)
    page = run_blocks("user_guide/privacy.rst", tmp_path, monkeypatch)
    assert page["low"] <= page["attack"]["auc"] <= page["high"]
    assert abs(page["disclosure"]["gain"]) < 0.5
    assert page["less"] <= page["singled"]["gain"] <= page["more"]


# Short fits.
@pytest.mark.filterwarnings("ignore:What FlowMatcher has learnt falls short")
def test_the_page_on_geometries_runs_as_printed(tmp_path, monkeypatch):
    monkeypatch.setattr("skgen.base.STEPS_PER_ROW", 0)
    page = run_blocks("user_guide/geometry.rst", tmp_path, monkeypatch)
    new = page["new"]
    # Both sides of the date line, and nothing between.
    assert (new["lon"] > 150).any()
    assert (new["lon"] < -150).any()
    assert (new["lon"].abs() > 90).all()
    assert list(page["quakes"].sample(2)) == ["lat", "lon", "hour", "depth"]


# Tasks


def shortened(Estimator):
    """Return a `fit` of at most a few steps, whatever `max_steps` the page gives."""
    fit = Estimator.fit

    def short_fit(self, *given, **named):
        return fit(self.set_params(max_steps=min(self.max_steps or 10, 10)), *given, **named)

    return short_fit


def run_task(name, folder, monkeypatch):
    """Run a page on a task with short fits: what its models learn does not matter here."""
    monkeypatch.setattr("skgen.base.STEPS_PER_ROW", 0)
    monkeypatch.setattr("skgen.metrics._report.N_SPLITS", 6)
    monkeypatch.setattr("skgen.metrics._report.N_CLASSIFIED", 2)
    return run_blocks(f"user_guide/tasks/{name}.rst", folder, monkeypatch)


def test_every_page_on_a_task_is_run_here():
    pages = {path.stem for path in (DOCS / "user_guide" / "tasks").glob("*.rst")} - {"index"}
    tests = {name.removeprefix("test_the_task_") for name in globals() if "_the_task_" in name}
    assert pages == tests


def test_the_task_synthesise(tmp_path, monkeypatch):
    page = run_task("synthesise", tmp_path, monkeypatch)
    assert page["new_table"].dtypes.equals(page["table"].dtypes)
    assert page["new_table"].shape == page["test"].shape
    assert page["third"].columns.tolist() == page["table"].columns.tolist()[:-1]
    assert np.isfinite(page["report"][["value", "floor"]].to_numpy()).all()


def test_the_task_impute(tmp_path, monkeypatch):
    page = run_task("impute", tmp_path, monkeypatch)
    observed = ~page["hidden"]
    for rows in (page["X_complete"], *page["draws"]):
        np.testing.assert_array_equal(rows[observed], page["X_test"][observed])
        assert np.isfinite(rows).all()
    assert np.shape(page["draws"]) == (20, 72, 5)
    assert len(page["X_train"]) == 106
    # Without its network the model is a Gaussian copula, which knows more than the median does.
    assert page["error"][page["hidden"]].mean() < page["by_median"][page["hidden"]].mean()


def test_the_task_oversample(tmp_path, monkeypatch):
    page = run_task("oversample", tmp_path, monkeypatch)
    X_few, y_more = page["X_few"], page["y_more"]
    np.testing.assert_array_equal(page["X_more"][: len(X_few)], X_few)
    assert np.unique(y_more, return_counts=True)[1].tolist() == [40] * 4
    assert (y_more[len(X_few) :] == 5).all()


def test_the_task_predict(tmp_path, monkeypatch):
    page = run_task("predict", tmp_path, monkeypatch)
    low, middle, high = page["low"], page["middle"], page["high"]
    assert ((low <= middle) & (middle <= high)).all()
    assert page["draws"].shape == (133, 10)
    assert page["means"].shape == (133,)
    # Without its network the model is a Gaussian copula: intervals are nearly as wide as stated.
    assert 0.7 < page["inside"] <= 1
    assert page["wider"].shape == (1, 2)


def test_the_task_features(tmp_path, monkeypatch):
    monkeypatch.setattr(VariationalDiffusionAE, "fit", shortened(VariationalDiffusionAE))
    page = run_task("features", tmp_path, monkeypatch)
    assert page["W"].shape == (500, 8)
    assert page["X_back"].shape == (500, 64)
    assert set(page["accuracy"]) == {"latent", "PCA"}


def test_the_task_translate(tmp_path, monkeypatch):
    monkeypatch.setattr(SchrodingerBridgeMatcher, "fit", shortened(SchrodingerBridgeMatcher))
    page = run_task("translate", tmp_path, monkeypatch)
    found = page["found"]
    assert found["truth"][1] == 0
    assert found["carried"][0] < found["drifted"][0]


def test_the_task_anomalies(tmp_path, monkeypatch):
    page = run_task("anomalies", tmp_path, monkeypatch)
    # Normal data teach a Gaussian copula without its network what is strange already.
    assert min(page["auc"].values()) > 0.9
    assert 0 < page["flagged"].mean() < 0.3


# Short fits of digits lack dependences of pixels, and are warned of.
@pytest.mark.filterwarnings("ignore:What VQDiffusionBridge has learnt falls short")
def test_the_task_images(tmp_path, monkeypatch):
    page = run_task("images", tmp_path, monkeypatch)
    upper = page["upper"]
    observed = np.isfinite(upper)
    for rows in page["completed"]:
        np.testing.assert_array_equal(rows[observed], upper[observed])
        assert np.isfinite(rows).all()
    assert page["X_new"].shape == (100, 64)
    assert np.isfinite(page["copies"])


def test_the_task_sequences(tmp_path, monkeypatch):
    for Estimator in (VQDiffusionBridge, BinaryLatentDiffusion):
        monkeypatch.setattr(Estimator, "fit", shortened(Estimator))
    page = run_task("sequences", tmp_path, monkeypatch)
    frames, lengths = page["new_rows"].reshape(200, 8, 2), page["new_lengths"]
    assert all((row[n:] == 0).all() for row, n in zip(frames, lengths, strict=True))
    assert page["Z"].shape == (600, 32)
    assert page["points"].shape == (100, 8, 2)
    assert page["ends"].shape == (5, 16)


# Examples


def files_of_the_clone():
    """List the files that belong to the project, each with the time of its last change."""
    kept = [
        path for part in ("docs", "examples", "skgen", "tests") for path in (ROOT / part).rglob("*")
    ]
    kept += ROOT.iterdir()
    return {
        path: path.stat().st_mtime_ns
        for path in kept
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "given"),
    [("plot_digits.py", []), ("plot_digits.py", ["some.png"])],
)
def test_an_example_leaves_a_clone_as_it_was(name, given, monkeypatch, tmp_path, capsys):
    # Few rows and the least number of steps: what is drawn does not matter here.
    X, y = load_digits(return_X_y=True)
    monkeypatch.setattr("sklearn.datasets.load_digits", lambda **options: (X[:260], y[:260]))
    monkeypatch.setattr("skgen.base.STEPS_PER_ROW", 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(plt, "show", lambda: None)
    monkeypatch.chdir(tmp_path)
    before = files_of_the_clone()
    script = str(ROOT / "examples" / name)
    monkeypatch.setattr(sys, "argv", [script, *given])
    runpy.run_path(script, run_name="__main__")
    # It says where its picture is.
    path = Path(capsys.readouterr().out.rpartition("wrote ")[2].strip())
    assert path.stat().st_size > 1000
    assert tmp_path in path.resolve().parents
    assert given in ([], [str(path)])
    assert files_of_the_clone() == before
    plt.close("all")


def test_no_other_example_of_the_gallery_writes_files():
    writing = re.compile(r"savefig|imsave|\.write_|to_csv|to_parquet|\bopen\(|\bsave\(")
    found = {
        path.name
        for path in (ROOT / "examples").glob("*.py")
        if writing.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"plot_digits.py"}


# An estimator of one's own


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        page = "user_guide/own_estimator.rst"
        return run_blocks(page, tmp_path_factory.mktemp("own"), monkeypatch)


@parametrize_with_checks([RealNVP(max_steps=5)])
def test_the_own_estimator_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_the_own_estimator_fits_in_sixty_lines():
    assert len((ROOT / "examples" / "own_estimator.py").read_text().splitlines()) <= 60


@pytest.mark.slow
def test_the_page_of_the_own_estimator_runs_as_printed(own):
    X, model = own["X"], own["model"]
    # A flow of 300 steps scores well above a normal distribution, whose score has a closed form.
    normal = -0.5 * np.linalg.slogdet(2 * np.pi * np.e * np.cov(X.T, bias=True))[1]
    assert model.score(X) > normal + 0.3
    # Six couplings stretch by e^6 at most, and so does what rounding leaves.
    np.testing.assert_allclose(own["X_back"], X, atol=1e-9)
    # The upper moon lies higher by half its height in the mean.
    assert own["upper"][:, 1].mean() > X[:, 1].mean() + 0.2
    np.testing.assert_array_equal(own["loaded"].sample(5), model.sample(5))


@pytest.mark.slow
def test_the_flow_is_a_density_and_its_own_inverse(own):
    module = own["model"]._module_in(torch.float64)
    x = torch.linspace(-2, 2, 14, dtype=torch.float64).reshape(7, 2)
    z = module.encode(x)
    torch.testing.assert_close(module.decode(z), x)
    slopes = torch.autograd.functional.jacobian(lambda x: module.encode(x).sum(0), x)
    log_slope = torch.linalg.det(slopes.permute(1, 0, 2)).abs().log()
    normal = -0.5 * (z.square() + np.log(2 * np.pi)).sum(1)
    torch.testing.assert_close(module.likelihood(x)(None), normal + log_slope)


@pytest.mark.slow
def test_the_own_estimator_keeps_the_contract(own):
    X, y = own["X"], own["y"]
    model = RealNVP(max_steps=20, random_state=0)
    state = torch.get_rng_state()
    rows = model.fit(X, condition=y).sample(600, condition=1)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(model.sample(5, condition=1), rows[:5])
    np.testing.assert_array_equal(clone(model).fit(X, condition=y).sample(5, condition=1), rows[:5])
    # Without a condition it answers too, for that of some rows was hidden.
    assert np.isfinite(model.score(X))
    assert not hasattr(model, "impute")
    with pytest.raises(AttributeError) as raised:
        model.impute(X)
    assert "RealNVP draws whole rows only" in str(raised.value.__cause__)


def test_the_base_gives_every_shared_parameter_to_an_estimator_of_ones_own():
    shared = inspect.signature(BaseGenerativeModel.__init__).parameters
    assert set(shared) - {"self"} == set(BaseGenerativeModel._parameter_constraints)


def test_the_page_of_figures_holds_means_and_spreads(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "some.csv").write_text(
        "data,model,split,measure,value,goal,machine\n"
        "iris,M,0,score,1.0,,a machine\n"
        "iris,M,1,score,3.0,,a machine\n"
        "iris,M,mean,score,7.0,,a machine\n"
        "iris,M,0,seconds,4.0,,a machine\n"
    )
    write_figures(source, tmp_path)
    table = (tmp_path / "figures" / "some.csv").read_text().splitlines()
    # Of 1 and 3: mean 2, standard deviation the root of 2.
    assert table[1:] == ["iris,M,score,2,1.414", "iris,M,seconds,4,"]
    assert "Splits or seeds: 0, 1. Machine: a machine." in (tmp_path / "figures.rst").read_text()
