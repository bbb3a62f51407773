"""Progress bars: shown to whoever watches long work, and to nobody else."""

import io
import multiprocessing
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from skorch.callbacks import Callback

from skgen import FlowMatcher, VariationalDiffusionAE, progress
from skgen.metrics import sample_report
from skgen.progress import is_watched, progress_bar
from skgen.training.stages import TrainingError

X = np.random.default_rng(0).normal(size=(60, 2))


class Terminal(io.StringIO):
    """What is written to a terminal, kept."""

    def isatty(self):
        return True


def on_a_terminal(monkeypatch):
    # Not in a fixture: pytest puts its own file in place between set-up and test.
    written = Terminal()
    monkeypatch.setattr(sys, "stderr", written)
    return written


def notebook(monkeypatch, app="IPKernelApp"):
    shell = SimpleNamespace(config={app: {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def test_a_terminal_and_a_notebook_are_watched(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    for file, watched in ((Terminal(), True), (io.StringIO(), False), (None, False)):
        monkeypatch.setattr(sys, "stderr", file)
        assert is_watched() is watched
    notebook(monkeypatch)
    assert is_watched()
    # The shell of IPython is a terminal or none, like any other program.
    notebook(monkeypatch, "TerminalIPythonApp")
    assert not is_watched()


def test_workers_are_not_watched(monkeypatch):
    on_a_terminal(monkeypatch)
    assert is_watched()
    monkeypatch.setattr(
        multiprocessing, "current_process", lambda: SimpleNamespace(name="LokyProcess-1")
    )
    assert not is_watched()


def test_a_bar_waits_for_work_to_take_long(monkeypatch):
    written = on_a_terminal(monkeypatch)
    monkeypatch.setattr(progress, "SHOWN_AFTER", 1e9)
    bar = progress_bar("auto", 5, "short", "step", time.monotonic())
    for _ in range(5):
        bar.update()
        bar.set_postfix({"loss": "1"}, refresh=False)
    bar.close()
    assert written.getvalue() == ""
    bar = progress_bar("auto", 5, "long", "step", -np.inf)
    bar.update()
    assert "long" in written.getvalue()
    bar.close()
    # It is taken away at the end: the last line is blank.
    assert written.getvalue().rpartition("\r")[0].rpartition("\r")[2].strip() == ""


@pytest.mark.parametrize("Estimator", [FlowMatcher, VariationalDiffusionAE])
def test_fits_show_bars_by_default_where_someone_watches(monkeypatch, capsys, Estimator):
    monkeypatch.setattr(progress, "SHOWN_AFTER", 0.0)
    model = Estimator(max_steps=5, random_state=0).fit(X)
    assert model.verbose == "auto"
    assert capsys.readouterr() == ("", "")
    written = on_a_terminal(monkeypatch)
    model.fit(X)
    for stage in {row["stage"] for row in model.history_}:
        assert stage in written.getvalue()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("verbose", ["auto", True, False])
def test_the_report_shows_a_bar(monkeypatch, verbose):
    monkeypatch.setattr(progress, "SHOWN_AFTER", 0.0)
    monkeypatch.setattr("skgen.metrics._report.N_SPLITS", 3)
    written = on_a_terminal(monkeypatch)
    sample_report(X, X, X, verbose=verbose, random_state=0)
    assert ("report" in written.getvalue()) is bool(verbose)


def test_short_fits_leave_a_terminal_as_it_was(monkeypatch):
    written = on_a_terminal(monkeypatch)
    monkeypatch.setattr(progress, "SHOWN_AFTER", 1e9)
    FlowMatcher(max_steps=5, random_state=0).fit(X)
    assert written.getvalue() == ""


@pytest.mark.parametrize("verbose", [True, 1, 2])
def test_verbose_shows_bars_everywhere_and_at_once(capsys, verbose):
    FlowMatcher(max_steps=5, verbose=verbose, random_state=0).fit(X)
    assert "5/5" in capsys.readouterr().err


@pytest.mark.parametrize("verbose", [False, 0])
def test_not_verbose_shows_none(monkeypatch, verbose):
    written = on_a_terminal(monkeypatch)
    monkeypatch.setattr(progress, "SHOWN_AFTER", 0.0)
    FlowMatcher(max_steps=5, verbose=verbose, random_state=0).fit(X)
    assert written.getvalue() == ""


@pytest.mark.parametrize("verbose", ["auto", False])
def test_where_no_bar_is_shown_none_is_made(monkeypatch, verbose):
    """A bar of tqdm starts a thread, which a process that forks is better without."""
    monkeypatch.setattr(progress, "tqdm", None)
    monkeypatch.setattr(progress, "is_watched", lambda: False)
    FlowMatcher(max_steps=5, verbose=verbose, random_state=0).fit(X)


@pytest.mark.parametrize("verbose", ["always", -1, None])
def test_other_values_of_verbose_are_refused(verbose):
    with pytest.raises(ValueError, match="'verbose' parameter"):
        FlowMatcher(max_steps=5, verbose=verbose).fit(X)


def test_a_fit_that_fails_closes_its_bar(monkeypatch):
    on_a_terminal(monkeypatch)
    bars = []

    class Keep(Callback):
        def on_train_begin(self, net, **kwargs):
            bars.append(dict(net.callbacks_)["bar"].bar)

    model = FlowMatcher(
        max_steps=50, lr=1e30, verbose=True, net_params={"callbacks": [Keep()]}, random_state=0
    )
    with pytest.raises(TrainingError):
        model.fit(X)
    assert len(bars) == 1
    # A closed bar is disabled.
    assert bars[0].disable
