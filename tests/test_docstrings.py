"""Public docstrings, validated with numpydoc: every public name, and a public class's methods.

What a user may call is what ``__all__`` of the public modules lists. Methods that scikit-learn
brings along are scikit-learn's to document and are left out.
"""

import importlib
import inspect
import pkgutil

import pytest
from numpydoc.validate import ERROR_MSGS, validate

import skgen

# Everything numpydoc can check, except for these.
WAIVED = {
    "ES01": "one sentence is often enough",
    "SA01": "a See Also section only where there is something to see",
    "EX01": "asked of classes and functions below; a method's example is its class's",
    "GL01": "ruff holds where the summary begins",
    "GL02": "ruff holds where the closing quotes stand",
    "GL03": "ruff holds blank lines",
    "PR08": "a description may begin with a symbol, which has its own case",
    "RT02": "a single result may carry a name",
    "RT04": "a description may begin with a symbol, which has its own case",
    "SA04": "a name often says enough",
    "YD01": "generators are documented by what they return",
}
CHECKS = set(ERROR_MSGS) - set(WAIVED)
BESIDE = {"metrics", "datasets", "plotting", "persistence", "table_files"}


def public_modules():
    """List ``skgen`` and those of the modules beside the tower that are there."""
    names = {module.name for module in pkgutil.iter_modules(skgen.__path__)}
    return ["skgen", *(f"skgen.{name}" for name in sorted(names & BESIDE))]


def public_methods(cls):
    """List the names of the public methods and properties of `cls` that are written in skgen."""
    for name in dir(cls):
        member = getattr(cls, name)
        # Properties have no module of their own; their getter has.
        code = member.fget if isinstance(member, property) else member
        # By the code's home, not the class's: scikit-learn plants set_*_request on every class.
        home = getattr(inspect.unwrap(code), "__module__", None) if callable(code) else None
        if not name.startswith("_") and (home or "").split(".")[0] == "skgen":
            yield name


def public_objects():
    """List (dotted name, whether it needs an example) of all that is validated."""
    found = []
    for module_name in public_modules():
        module = importlib.import_module(module_name)
        for name in module.__all__:
            if name.startswith("__"):
                continue
            obj, path = getattr(module, name), f"{module_name}.{name}"
            if inspect.isclass(obj):
                found.append((path, True))
                found += [(f"{path}.{method}", False) for method in public_methods(obj)]
            elif callable(obj):
                found.append((path, True))
    return found


def complaints(name, needs_example=False):
    """List what numpydoc finds wrong with the docstring of `name`."""
    checks = CHECKS | {"EX01"} if needs_example else CHECKS
    return [f"{code}: {text}" for code, text in validate(name)["errors"] if code in checks]


@pytest.mark.parametrize(("name", "needs_example"), public_objects())
def test_docstring_is_whole(name, needs_example):
    assert complaints(name, needs_example) == []


def poorly_documented(x, y=1):
    """Adds two numbers

    Parameters
    ----------
    x : float
    """  # noqa: D400, D401
    return x + y


def test_a_poor_docstring_is_found(monkeypatch):
    monkeypatch.setattr(skgen, "poorly_documented", poorly_documented, raising=False)
    codes = {text.split(":")[0] for text in complaints("skgen.poorly_documented", True)}
    assert codes >= {"SS03", "SS05", "PR01", "PR07", "RT01", "EX01"}
