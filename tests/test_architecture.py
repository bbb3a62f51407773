"""The floors of the house, held by reading every import in ``skgen`` without running it.

`FLOORS` repeats the table of docs/structure.rst: what each floor may import besides the standard
library. A nested import counts like one at the top of the file.
"""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

FLOORS = {
    "skgen._version": set(),
    "skgen.storage": {"torch", "numpy", "safetensors", "skgen._version"},
    "skgen.processes": {"torch", "scipy", "skgen.processes"},
    "skgen.networks": {"torch", "skgen.networks"},
    "skgen.progress": {"tqdm"},
    "skgen.threads": {"torch", "threadpoolctl"},
    "skgen.docstrings": set(),
    "skgen.training": {
        "torch",
        "numpy",
        "skorch",
        "skgen.docstrings",
        "skgen.processes",
        "skgen.progress",
    },
    "skgen.checkpoints": {"torch", "numpy", "skgen.storage", "skgen.processes"},
    "skgen.entries": {"numpy", "pandas"},
    "skgen.dtypes": {"numpy", "pandas", "pyarrow"},
    "skgen.data": {"torch", "numpy", "pandas", "scipy", "sklearn", "skgen.data", "skgen.entries"},
    "skgen.validation": {"numpy", "torch"},
    # The metrics, which the models ask, read frames by it.
    "skgen.identifiers": {"numpy", "pandas"},
    "skgen.columns": {"numpy", "pandas", "skgen.storage", "skgen.dtypes", "skgen.entries"},
    "skgen.constraints": {"numpy", "pandas"},
    "skgen.kept_rules": {"numpy", "pandas", "scipy", "skgen.columns", "skgen.constraints"},
    "skgen.shortfalls": {"numpy", "pandas", "sklearn"},
    "skgen.table": {
        "sklearn",
        "numpy",
        "pandas",
        "skgen.columns",
        "skgen.constraints",
        "skgen.kept_rules",
        "skgen.dtypes",
        "skgen.identifiers",
        "skgen.data",
    },
    "skgen.base": {
        "sklearn",
        "numpy",
        "torch",
        "skgen.data",
        "skgen.threads",
        "skgen.processes",
        "skgen.training",
        "skgen.checkpoints",
        "skgen.shortfalls",
        "skgen.validation",
    },
    "skgen.models": {
        "torch",
        "numpy",
        "sklearn.covariance",
        "sklearn.linear_model",
        "sklearn.utils._param_validation",
        "sklearn.utils.metaestimators",
        "sklearn.utils.validation",
        "skgen.metrics",
        "skgen.base",
        "skgen.data",
        "skgen.threads",
        "skgen.networks",
        "skgen.processes",
        # Parts that several papers share.
        "skgen.models._bernoulli_diffusion",
        "skgen.models._cells",
        "skgen.models._code_priors",
        "skgen.models._column_densities",
        "skgen.models._completion",
        "skgen.models._gaussian_diffusion",
        "skgen.models._principal_axes",
        "skgen.models._representation",
        "skgen.models._spread",
        "skgen.models._trust",
    },
}
BESIDE = {
    "skgen.metrics",
    "skgen.datasets",
    "skgen.plotting",
    "skgen.persistence",
    "skgen.pipeline",
    "skgen.imputation",
    "skgen.over_sampling",
    "skgen.table_files",
    "skgen.html_report",
    "skgen.command_line",
    "skgen.__main__",
}
# What those beside the tower stay away from: the models, and the roof that leads to them.
FORBIDDEN_BESIDE = {"skgen", "skgen.models"}


def module_name(path, root=ROOT):
    """Give the dotted name of a file, and whether it is a package's ``__init__``."""
    parts = path.relative_to(root).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    return ".".join(parts[:-1] if is_package else parts), is_package


def is_within(name, prefixes):
    """Tell whether a dotted name is one of `prefixes` or lies inside one."""
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def imported(source, module, is_package, known):
    """List (line, dotted name) for every import in `source`, relative ones resolved.

    ``from a import b`` gives ``a.b`` where that is a module (one of `known`), otherwise ``a``.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = module.split(".")
                up = up[: len(up) - node.level + is_package]
                base = ".".join([*up, base] if base else up)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.append((node.lineno, full if full in known else base))
    return found


def violations(source, module, *, is_package=False, known=frozenset()):
    """List what `source`, as the text of `module`, imports against the table."""
    if module == "skgen":
        return []
    floor = next((name for name in FLOORS if is_within(module, [name])), None)
    if floor is None and not is_within(module, BESIDE):
        return [f"{module} stands on no floor: give it one in tests/test_architecture.py"]

    wrong = []
    for line, name in imported(source, module, is_package, known):
        if is_within(name, sys.stdlib_module_names):
            continue
        if floor is None:
            allowed = name not in FORBIDDEN_BESIDE and not is_within(name, ["skgen.models"])
        else:
            # A package's __init__ gathers its own files; models do not import one another.
            allowed = is_within(name, FLOORS[floor]) or (is_package and is_within(name, [floor]))
        if not allowed:
            wrong.append(f"{module}, line {line}: may not import {name}")
    return wrong


SOURCES = sorted((ROOT / "skgen").rglob("*.py"))
KNOWN = frozenset(module_name(path)[0] for path in SOURCES)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_from_floors_below(path):
    module, is_package = module_name(path)
    source = path.read_text(encoding="utf-8")
    assert violations(source, module, is_package=is_package, known=KNOWN) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("skgen.processes.gaussian", "import numpy as np"),
        ("skgen.processes.gaussian", "from ..networks import mlp"),
        ("skgen.networks.mlp", "from skgen.processes import schedules"),
        ("skgen.networks.mlp", "def f():\n    import skorch"),
        ("skgen.training", "from .base import Estimator"),
        ("skgen.training", "import sklearn"),
        ("skgen.base", "from skgen import metrics"),
        ("skgen.base", "import skorch"),
        ("skgen.base", "from .models.some_model import SomeModel"),
        ("skgen.models.some_model", "from .other_model import OtherModel"),
        ("skgen.models.some_model", "from sklearn.base import BaseEstimator"),
        ("skgen.models.some_model", "from ..training import train"),
        ("skgen.metrics", "from skgen import SomeModel"),
        ("skgen.metrics", "import skgen"),
        ("skgen.pipeline", "from skgen.models import SomeModel"),
        ("skgen.datasets", "from ..models import SomeModel"),
        ("skgen.datasets._files", "from ..models.some_model import SomeModel"),
        ("skgen.sundries", "import math"),
    ],
)
def test_a_wrong_import_is_found(module, source):
    known = {"skgen.metrics", "skgen.models", "skgen.networks", "skgen.networks.mlp"}
    is_package = module == "skgen.datasets"
    assert len(violations(source, module, is_package=is_package, known=known)) == 1


@pytest.mark.parametrize(
    ("module", "is_package", "source"),
    [
        ("skgen.processes.gaussian", False, "import math\nimport torch.nn.functional as F"),
        ("skgen.processes.gaussian", False, "from . import schedules"),
        ("skgen.networks.conv", False, "from .embeddings import Embedding"),
        ("skgen.base", False, "from . import training\nfrom sklearn.base import BaseEstimator"),
        ("skgen.models", True, "from .some_model import SomeModel"),
        ("skgen.models.some_model", False, "from ..networks.mlp import MLP"),
        ("skgen.models.some_model", False, "from sklearn.utils._param_validation import Interval"),
        ("skgen.metrics", False, "import sklearn\nfrom .datasets import load_digits"),
        ("skgen", True, "from .models import SomeModel"),
    ],
)
def test_a_right_import_is_let_through(module, is_package, source):
    known = {"skgen.processes.schedules", "skgen.training"}
    assert violations(source, module, is_package=is_package, known=known) == []


PYTHON_FILES = [p for name in ("skgen", "tests", "examples") for p in (ROOT / name).rglob("*.py")]


def opens_with_docstring(source):
    """Tell whether a file's first statement is a docstring that says something."""
    return bool((ast.get_docstring(ast.parse(source)) or "").strip())


def test_docstring_check_can_fail():
    assert opens_with_docstring('"""What this is."""\nimport math')
    assert not opens_with_docstring('import math\n"""Too late."""')
    assert not opens_with_docstring('"""  """')
    assert not opens_with_docstring("")


@pytest.mark.parametrize("path", sorted(PYTHON_FILES), ids=lambda path: str(path.relative_to(ROOT)))
def test_file_says_what_it_is(path):
    assert opens_with_docstring(path.read_text(encoding="utf-8"))


# The methods and properties of the base classes that a model may have its own of.
HOOKS = {
    *("_build_module", "_stages", "_sampling_options", "_finish_fit", "_n_features_out"),
    *("_likelihood", "_most_sampling_steps", "_check_latent", "_from_latent", "_to_latent"),
}


def own_names(path):
    """Give the names that each class of a file defines, by the name of the class."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name: {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }


def test_models_override_the_listed_hooks_alone():
    inherited = set().union(*own_names(ROOT / "skgen" / "base.py").values())
    private = {name for name in inherited if name.startswith("_") and not name.startswith("__")}
    found = {}
    for path in (ROOT / "skgen" / "models").glob("[!_]*.py"):
        for cls, names in own_names(path).items():
            if not cls.startswith("_"):
                found[cls] = names & private
    assert len(found) >= 5
    assert set().union(*found.values()) == HOOKS, found
