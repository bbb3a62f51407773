"""The README, held to be true: its two commands are single lines, and its Python blocks run.

So are the files beside it that name versions and files of the project.
"""

import re
from pathlib import Path

import pytest

import skgen

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def blocks(language):
    """List the fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def test_each_command_is_one_line_that_sets_itself_up():
    main, tests = (block.strip().splitlines() for block in blocks("sh"))
    assert len(main) == len(tests) == 1
    for command in (main[0], tests[0]):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
        assert "-c constraints.txt" in command
    script = main[0].split()[-1]
    assert (ROOT / script).is_file(), f"the README runs {script}, which is not there"


def test_ci_runs_the_test_command_of_the_readme():
    pattern = re.search(r"grep -E '(.*?)' README\.md", CI).group(1)
    found = [line for line in README.splitlines() if re.search(pattern, line)]
    assert found == [blocks("sh")[1].strip()]


def test_ci_runs_the_tests_that_the_command_of_the_readme_leaves_out():
    left_out = re.search(r' -m "not (\w+)"$', blocks("sh")[1].strip()).group(1)
    assert re.search(rf"^step .* -m pytest .*-m {left_out}$", CI, flags=re.MULTILINE)


def test_the_citation_names_the_version_of_the_package():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [skgen.__version__]


def test_files_that_the_guide_for_contributors_names_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(
        r"(?:\.ci|docs|examples|skgen|tests)/[a-z_/]+(?:\.(?:py|rst)\b|/run\b)?", text
    )
    paths = [name for name in named if not name.startswith("docs/_build")]
    assert len(paths) > 10
    missing = [name for name in paths if not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.slow
@pytest.mark.statistical
def test_python_blocks_run_in_order(monkeypatch):
    # A step for each row beyond the first hundred, where there are four: enough for what is said.
    monkeypatch.setattr("skgen.base.STEPS_PER_ROW", 1)
    scope = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), scope)

    X = scope["X"]
    assert scope["X_new"].shape == (100, X.shape[1])
    # A pipeline worth showing reads the species better than the largest class would.
    assert scope["classifier"].score(X, scope["y"]) > 0.8
    assert set(scope["search"].best_params_) == {"n_components"}
    # Virginica has the longest petals of the three: the condition must show in the samples.
    petal = 2
    other = X[scope["species"] != "virginica", petal].mean()
    assert scope["new_virginica"][:, petal].mean() > other
    missing = scope["X_missing"] != scope["X_missing"]
    assert (scope["X_complete"][~missing] == X[~missing]).all()
    error = abs(scope["X_complete"][missing] - X[missing]).mean()
    assert error < abs(X[missing] - X[~missing[:, petal], petal].mean()).mean()
    assert scope["new_table"].dtypes.equals(scope["table"].dtypes)
    assert set(scope["new_table"]["species"]) == set(scope["species"])
