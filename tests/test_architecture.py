"""How the house is built, held by reading the sources of ``skgen``.

`FLOORS` and `BESIDE` repeat the tables of docs/structure.rst: what each floor may import besides
the standard library. A nested import counts like one at the top of the file. Below them stand: no
circle of imports; the private names of scikit-learn; the hooks of models; sizes. What does not keep
to a rule today is written down with a reason, and a test fails once it is no longer needed.
"""

import ast
import inspect
import re
import sys
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.pipeline import Pipeline

from skgen import _compat
from skgen.base import (
    REGISTRY,
    BaseGenerativeModel,
    Encodes,
    GenerativeModule,
    Imputes,
    Scores,
)

ROOT = Path(__file__).resolve().parents[1]

FLOORS = {
    "skgen._version": set(),
    "skgen._compat": {"sklearn"},
    "skgen.storage": {"torch", "numpy", "safetensors", "skgen._version", "skgen.storage"},
    "skgen.processes": {"torch", "scipy", "skgen.processes"},
    "skgen.networks": {"torch", "skgen.networks"},
    "skgen.papers": {"torch", "numpy", "skgen.networks", "skgen.papers", "skgen.processes"},
    "skgen.progress": {"tqdm"},
    "skgen.threads": {"torch", "threadpoolctl"},
    "skgen.docstrings": set(),
    "skgen.repeatable": {"torch"},
    "skgen.training.net": {
        "torch",
        "skorch",
        "skgen.docstrings",
        "skgen.processes",
        "skgen.progress",
        "skgen.training",
    },
    "skgen.training": {"torch", "numpy", "skgen.storage", "skgen.processes", "skgen.training"},
    "skgen.entries": {"numpy", "pandas"},
    "skgen.data": {
        "torch",
        "numpy",
        "pandas",
        "scipy",
        "sklearn",
        "skgen._compat",
        "skgen.data",
        "skgen.entries",
    },
    "skgen.validation": {"numpy", "torch"},
    # Rows as numbers: the metrics, which the models ask, read frames by it.
    "skgen.tables.dtypes": {"numpy", "pandas", "pyarrow"},
    "skgen.tables.polars_frames": {"pandas", "polars"},
    "skgen.tables.identifiers": {"numpy", "pandas"},
    "skgen.tables.sentinels": {"numpy"},
    "skgen.tables.side_by_side": {"numpy"},
    "skgen.tables.constraints": {"numpy", "pandas"},
    "skgen.tables.arithmetic": {
        "numpy",
        "pandas",
        "skgen.tables.constraints",
        "skgen.tables.dtypes",
    },
    "skgen.tables.rule_checks": {
        "numpy",
        "pandas",
        "skgen.tables.arithmetic",
        "skgen.tables.constraints",
        "skgen.tables.dtypes",
    },
    "skgen.tables.rule_search": {
        "numpy",
        "pandas",
        "skgen.tables.arithmetic",
        "skgen.tables.constraints",
        "skgen.tables.rule_checks",
    },
    "skgen.tables.kept_patterns": {
        "numpy",
        "pandas",
        "scipy",
        "skgen.tables.constraints",
        "skgen.tables.rule_checks",
    },
    "skgen.tables.column": {"numpy", "pandas", "skgen.storage", "skgen.tables.dtypes"},
    "skgen.tables.columns": {
        "numpy",
        "pandas",
        "skgen.entries",
        "skgen.tables.arithmetic",
        "skgen.tables.column",
        "skgen.tables.dtypes",
        "skgen.tables.sentinels",
        "skgen.tables.side_by_side",
    },
    "skgen.tables.kept_rules": {
        "numpy",
        "pandas",
        "scipy",
        "skgen.tables.arithmetic",
        "skgen.tables.column",
        "skgen.tables.columns",
        "skgen.tables.constraints",
    },
    "skgen.tables.rare": {"numpy", "pandas", "skgen.tables.columns", "skgen.tables.dtypes"},
    "skgen.tables.made_up": {"numpy", "pandas", "skgen.tables.dtypes"},
    "skgen.tables.withheld": {
        "numpy",
        "pandas",
        "skgen.tables.identifiers",
        "skgen.tables.made_up",
        "skgen.tables.polars_frames",
        "skgen.tables.rare",
    },
    "skgen.tables.densities": {"numpy", "scipy", "sklearn", "skgen._compat"},
    "skgen.tables.encoder": {
        "sklearn",
        "skgen._compat",
        "numpy",
        "pandas",
        "skgen.tables.column",
        "skgen.tables.columns",
        "skgen.tables.constraints",
        "skgen.tables.kept_patterns",
        "skgen.tables.kept_rules",
        "skgen.tables.polars_frames",
        "skgen.tables.rule_checks",
        "skgen.tables.rule_search",
        "skgen.tables.side_by_side",
        "skgen.tables.densities",
        "skgen.tables.dtypes",
        "skgen.tables.identifiers",
        "skgen.tables.withheld",
        "skgen.data",
    },
    "skgen.shortfalls": {"numpy", "pandas", "sklearn"},
    "skgen.own_methods": {"sklearn", "skgen._compat", "skgen.threads"},
    "skgen.blocks": {"torch", "numpy", "skgen.processes", "skgen.repeatable"},
    "skgen.mixins": {
        "sklearn",
        "skgen._compat",
        "numpy",
        "torch",
        "skgen.blocks",
        "skgen.data",
        "skgen.papers._module",
        "skgen.processes",
        "skgen.threads",
    },
    "skgen.base": {
        "skgen._compat",
        "numpy",
        "torch",
        "skgen.data",
        "skgen.threads",
        "skgen.papers._module",
        "skgen.processes",
        "skgen.mixins",
        "skgen.own_methods",
        "skgen.repeatable",
        "skgen.training",
        "skgen.shortfalls",
        "skgen.validation",
    },
    "skgen.models": {
        "torch",
        "numpy",
        "sklearn.linear_model",
        "sklearn.utils.metaestimators",
        "sklearn.utils.validation",
        "skgen._compat",
        "skgen.metrics",
        "skgen.base",
        "skgen.blocks",
        "skgen.data",
        "skgen.threads",
        "skgen.networks",
        "skgen.papers",
        "skgen.processes",
        # Parts that several models share, or that one has beside its file.
        "skgen.models._bridge_carrier",
        "skgen.models._bridge_matcher",
        "skgen.models._codes",
        "skgen.models._manifold_flow",
        "skgen.models._sequence_lengths",
        "skgen.models._vq_networks",
    },
}
# Beside the tower, and above it: what each room may import of skgen; of other libraries, whatever
# it needs. None of them knows a model.
BESIDE = {
    "skgen.metrics": {
        "skgen.metrics",
        "skgen.progress",
        "skgen.threads",
        "skgen.tables.encoder",
        "skgen.tables.identifiers",
    },
    "skgen.datasets": {"skgen.datasets"},
    "skgen.plotting": {"skgen.plotting", "skgen.metrics", "skgen.threads"},
    "skgen.tables": {
        "skgen.tables",
        "skgen._compat",
        "skgen.base",
        "skgen.own_methods",
        "skgen.shortfalls",
        "skgen.threads",
        "skgen.data",
    },
    "skgen.table_files": {
        "skgen.table_files",
        "skgen.tables.identifiers",
        "skgen.tables.sentinels",
    },
    "skgen.trial": {"skgen.base", "skgen.storage", "skgen.tables", "skgen.threads"},
    "skgen.persistence": {
        "skgen._compat",
        "skgen.base",
        "skgen.data",
        "skgen.entries",
        "skgen.networks",
        "skgen.papers",
        "skgen.processes",
        "skgen.storage",
        "skgen.tables",
        "skgen.trial",
    },
    "skgen.inspection": {
        "skgen.base",
        "skgen.papers",
        "skgen.persistence",
        "skgen.storage",
        "skgen.tables",
    },
    "skgen.command_line": {
        "skgen.command_line",
        "skgen._version",
        "skgen.base",
        "skgen.inspection",
        "skgen.metrics",
        "skgen.persistence",
        "skgen.plotting",
        "skgen.table_files",
        "skgen.tables",
        "skgen.threads",
    },
    "skgen.__main__": {"skgen.command_line"},
}
# Only skgen.training.net knows how networks are trained.
NOT_BESIDE = {"skorch"}
# The file that knows scikit-learn's insides.
COMPAT = "skgen._compat"


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
    room = next((name for name in (*FLOORS, *BESIDE) if is_within(module, [name])), None)
    if room is None:
        return [f"{module} stands on no floor: give it one in tests/test_architecture.py"]

    wrong = []
    for line, name in imported(source, module, is_package, known):
        if is_within(name, sys.stdlib_module_names):
            continue
        if room in FLOORS:
            # A package's __init__ gathers its own files; models do not import one another.
            allowed = is_within(name, FLOORS[room]) or (is_package and is_within(name, [room]))
        elif is_within(name, ["skgen"]):
            allowed = is_within(name, BESIDE[room])
        else:
            allowed = not is_within(name, NOT_BESIDE)
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
        ("skgen.papers.some_paper", "import sklearn"),
        ("skgen.papers.some_paper", "from ..data import row_map"),
        ("skgen.training.net", "from ..base import Estimator"),
        ("skgen.training.net", "import sklearn"),
        ("skgen.training.loop", "import skorch"),
        ("skgen.base", "from skgen import metrics"),
        ("skgen.base", "import skorch"),
        ("skgen.base", "from .models.some_model import SomeModel"),
        ("skgen.models.some_model", "from .other_model import OtherModel"),
        ("skgen.models.some_model", "from sklearn.base import BaseEstimator"),
        ("skgen.models.some_model", "from ..training.net import train"),
        ("skgen.metrics", "from skgen import SomeModel"),
        ("skgen.metrics", "import skgen"),
        ("skgen.tables.pipeline", "from skgen.models import SomeModel"),
        ("skgen.datasets", "from ..models import SomeModel"),
        ("skgen.datasets._files", "from ..models.some_model import SomeModel"),
        ("skgen.sundries", "import math"),
    ],
)
def test_a_wrong_import_is_found(module, source):
    known = {
        *("skgen.metrics", "skgen.models", "skgen.networks", "skgen.networks.mlp"),
        "skgen.tables.pipeline",
    }
    is_package = module in ("skgen.datasets", "skgen.metrics")
    assert len(violations(source, module, is_package=is_package, known=known)) == 1


@pytest.mark.parametrize(
    ("module", "is_package", "source"),
    [
        ("skgen.processes.gaussian", False, "import math\nimport torch.nn.functional as F"),
        ("skgen.processes.gaussian", False, "from . import schedules"),
        ("skgen.networks.conv", False, "from .embeddings import Embedding"),
        ("skgen.base", False, "from . import training\nimport torch"),
        ("skgen.models", True, "from .some_model import SomeModel"),
        ("skgen.models.some_model", False, "from ..networks.mlp import MLP"),
        ("skgen.models.some_model", False, "from .._compat import Interval"),
        ("skgen.metrics", False, "import sklearn\nfrom .threads import one_thread"),
        ("skgen", True, "from .models import SomeModel"),
    ],
)
def test_a_right_import_is_let_through(module, is_package, source):
    known = {"skgen.processes.schedules", "skgen.training"}
    assert violations(source, module, is_package=is_package, known=known) == []


# Circles


def circle(graph):
    """Return the names along one circle of a graph, [] if there is none."""
    done, path = set(), []

    def visit(name):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        path.append(name)
        found = next(filter(None, map(visit, sorted(graph.get(name, ())))), [])
        path.pop()
        done.add(name)
        return found

    return next(filter(None, map(visit, sorted(graph))), [])


def imports_of_files():
    """Return what each file of skgen imports of skgen, also within functions."""
    graph = {}
    for path in SOURCES:
        module, is_package = module_name(path)
        found = imported(path.read_text(encoding="utf-8"), module, is_package, KNOWN)
        graph[module] = {name for _, name in found if name in KNOWN} - {module}
    return graph


def room_of(module):
    """Return a module's room: a folder, or the file itself."""
    return ".".join(module.split(".")[:2])


def test_no_circle_of_files():
    assert circle(imports_of_files()) == []


def test_no_circle_of_rooms():
    rooms = {}
    for module, names in imports_of_files().items():
        # `skgen` itself opens all rooms to users.
        if module != "skgen":
            rooms.setdefault(room_of(module), set()).update(map(room_of, names))
    assert circle({room: names - {room} for room, names in rooms.items()}) == []


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []


# The page about the structure


def files_on_the_page():
    """List the files that docs/structure.rst names, by their room."""
    page = (ROOT / "docs" / "structure.rst").read_text(encoding="utf-8")
    listed = page.partition("   skgen/\n")[2].partition("   examples/")[0]
    found, room = set(), ""
    for line in listed.splitlines():
        if heading := re.match(r"     (\w+)/ ", line):
            room = heading[1] + "/"
            continue
        names = re.match(r" +(\w+\.py(?:, \w+\.py)*)", line)
        found |= {room + name for name in names[1].split(", ")} if names else set()
    return found


def test_the_page_about_the_structure_names_every_file():
    files = {path.relative_to(ROOT / "skgen").as_posix() for path in SOURCES}
    inner = {name for name in files if name.endswith("/__init__.py")}
    assert files_on_the_page() == files - inner


# Private names of scikit-learn


def private_imports(source):
    """List (line, name) of what is imported of scikit-learn by a private name."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found += [
            (node.lineno, name)
            for name in names
            if is_within(name, ["sklearn"]) and any(p.startswith("_") for p in name.split("."))
        ]
    return found


# What is inherited from.
PARENTS = (BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin)


def private_attributes(*classes):
    """List what is private of scikit-learn's classes."""
    parents = {parent for cls in classes for parent in cls.__mro__}
    return {
        name
        for parent in parents
        if parent.__module__.startswith("sklearn.")
        for name in (*vars(parent), *getattr(parent, "__annotations__", ()))
        if re.match("_(?!_)", name)
    }


def names_used(source):
    """List the attributes that are read, the methods that are defined, and what classes assign."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            for line in node.body:
                targets = getattr(line, "targets", [getattr(line, "target", None)])
                yield from (target.id for target in targets if isinstance(target, ast.Name))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_private_names_of_scikit_learn_stand_in_one_file(path):
    if module_name(path)[0] != COMPAT:
        assert private_imports(path.read_text(encoding="utf-8")) == []


def test_a_private_name_is_found():
    assert private_imports("from sklearn.utils import _safe_indexing, check_array") == [
        (1, "sklearn.utils._safe_indexing")
    ]
    assert private_imports("from sklearn.utils._set_output import ADAPTERS_MANAGER")
    assert private_imports("def f():\n    import sklearn.utils._tags")
    assert not private_imports("from sklearn.utils import check_array\nfrom ._utils import x")


def test_private_attributes_of_scikit_learn_are_listed_with_a_reason():
    used = set()
    for path in SOURCES:
        # Pipelines are inherited from in the room of tables only; elsewhere `_fit` is our own.
        is_tables = is_within(module_name(path)[0], ["skgen.tables"])
        private = private_attributes(*PARENTS, *([Pipeline] if is_tables else []))
        used |= private & set(names_used(path.read_text(encoding="utf-8")))
    assert used == set(_compat.INHERITED)


# Hooks


BASE_FILES = {"skgen.base", "skgen.mixins"}
# What a model may bring of its own.
HOOKS = {
    "_build_module",
    "_stages",
    "_sampling_options",
    "_n_features_out",
    "_latent_format",
    "_finish_fit",
}
# Public methods that models write again, and the parameters for which they do. A parameter that one
# model or family has and the others have not must stand in the signature of its method: Python's
# errors, scikit-learn's metadata routing and the documentation know it from there alone.
LENGTHS, SOURCE, PROCESS = ["lengths"], ["source"], ["stochastic", "random_state"]
PARAMETERS_OF_THEIR_OWN = {
    "fit": {"SequenceLengthsMixin": LENGTHS, "_BridgeMatcher": SOURCE},
    "fit_transform": {"SequenceLengthsMixin": LENGTHS, "_BridgeMatcher": SOURCE},
    "impute": {"SequenceLengthsMixin": LENGTHS},
    "inverse_transform": {"_Carrier": PROCESS},
    "partial_fit": {"SequenceLengthsMixin": LENGTHS, "_BridgeMatcher": SOURCE},
    "sample": {
        "SequenceLengthsMixin": ["return_lengths"],
        "VariationalDiffusionAE": ["guide"],
        "_Carrier": ["stochastic", "denoise"],
    },
    "score": {"SequenceLengthsMixin": LENGTHS, "_Carrier": SOURCE},
    "score_samples": {"SequenceLengthsMixin": LENGTHS},
    "transform": {"SequenceLengthsMixin": LENGTHS, "_Carrier": PROCESS},
}


def written_in(cls):
    """Return the methods and properties that are written in a class, not those copied to it.

    Each with the names of its parameters.
    """
    written = {}
    for name, member in vars(cls).items():
        function = getattr(member, "fn", getattr(member, "fget", member))
        code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
        is_own = code is not None and code.co_qualname == f"{cls.__qualname__}.{name}"
        if is_own and not re.fullmatch("__.*__", name):
            written[name] = list(inspect.signature(inspect.unwrap(function)).parameters)
    return written


def overridden():
    """Return what both base and models define, and by class the parameters that models add."""
    found = {}
    for estimator in REGISTRY.values():
        parents = [cls for cls in estimator.__mro__ if cls.__module__.startswith("skgen.")]
        in_base = {}
        for cls in parents:
            if cls.__module__ in BASE_FILES:
                in_base = written_in(cls) | in_base
        for cls in parents:
            if cls.__module__ not in BASE_FILES:
                written = written_in(cls)
                for name in in_base.keys() & written.keys():
                    added = [part for part in written[name] if part not in in_base[name]]
                    found.setdefault(name, {})[cls.__name__] = added
    return found


def test_models_override_hooks_and_public_methods_with_parameters_of_their_own():
    found = overridden()
    assert found.keys() & HOOKS
    others = {name: classes for name, classes in found.items() if name not in HOOKS}
    assert others == PARAMETERS_OF_THEIR_OWN
    assert all(added for classes in others.values() for added in classes.values())


def test_the_page_about_models_names_every_hook():
    page = (ROOT / "docs" / "user_guide" / "own_estimator.rst").read_text(encoding="utf-8")
    named = set(re.findall(r"``(\w+)(?:\(.*?\))?``", page))
    assert (
        HOOKS | set(PARAMETERS_OF_THEIR_OWN) | {"_parameter_constraints", "_validate_params"}
        <= named
    )


def test_the_page_about_models_names_what_a_module_may_bring():
    page = (ROOT / "docs" / "user_guide" / "own_estimator.rst").read_text(encoding="utf-8")
    for part in (GenerativeModule, Encodes, Scores, Imputes):
        members = {name for name in (*vars(part), *part.__annotations__) if name[0] != "_"}
        assert {name for name in members | {part.__name__} if f"``{name}" not in page} == set()


# Sizes: of files and classes with their docstrings, of functions without, since parameters, errors
# and an example that runs take what they take


MOST_LINES_OF_FILE, MOST_LINES_OF_CLASS, MOST_METHODS, MOST_LINES_OF_FUNCTION = 700, 400, 30, 60


def sizes(source, module):
    """Yield (what, its name, its size) of a file, its classes and functions."""
    module = module.removeprefix("skgen.")
    yield "lines of file", module, len(source.splitlines())
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            name = f"{module}.{node.name}"
            yield "lines of class", name, node.end_lineno - node.lineno + 1
            yield "methods", name, sum(isinstance(part, ast.FunctionDef) for part in node.body)
        elif isinstance(node, ast.FunctionDef):
            first = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = first[-1].end_lineno - first[0].lineno + 1 if first else 0
            yield "lines of function", f"{module}.{node.name}", lines


MOST = {
    "lines of file": MOST_LINES_OF_FILE,
    "lines of class": MOST_LINES_OF_CLASS,
    "methods": MOST_METHODS,
    "lines of function": MOST_LINES_OF_FUNCTION,
}


def all_sizes():
    """Return the sizes of all that is over a limit, by what and name."""
    return {
        (what, name): size
        for path in SOURCES
        for what, name, size in sizes(path.read_text(encoding="utf-8"), module_name(path)[0])
        if size > MOST[what]
    }


def test_nothing_is_larger_than_the_limits():
    assert all_sizes() == {}


MOST_PARAMETERS = 26


def test_no_constructor_has_more_parameters_than_the_limit():
    estimators = [cls for cls in REGISTRY.values() if cls.__module__.startswith("skgen.")]
    assert len(estimators) == 5
    for cls in estimators:
        assert len(cls._get_param_names()) <= MOST_PARAMETERS, cls.__name__


def test_what_estimators_share_comes_last_and_in_one_order():
    shared = list(inspect.signature(BaseGenerativeModel.__init__).parameters)[1:]
    for cls in REGISTRY.values():
        if cls.__module__.startswith("skgen."):
            names = list(inspect.signature(cls.__init__).parameters)
            assert names[-len(shared) :] == shared, cls.__name__


def test_sizes_count_docstrings_but_of_functions():
    source = (
        'class A:\n    """What.\n\n    More.\n    """\n\n'
        '    def f(self):\n        """Do."""\n        g()\n'
    )
    assert list(sizes(source, "m")) == [
        ("lines of file", "m", 9),
        ("lines of class", "m.A", 9),
        ("methods", "m.A", 1),
        ("lines of function", "m.f", 1),
    ]


# Every file opens with a docstring


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
