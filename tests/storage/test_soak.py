"""A process that fits, draws, saves and loads again and again does not grow, and keeps its bits."""

import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "examples" / "benchmarks" / "soak.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of processes")
def test_a_process_that_works_for_long_stays_as_it_was():
    # For longer, with all models: python examples/benchmarks/soak.py --minutes 5.
    command = [sys.executable, SOAK, "--minutes", "0.1", "--models", "FlowMatcher", "pipeline"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "no fault" in run.stdout
