"""Packages that cannot be imported without their docstrings, which ``python -OO`` takes.

skorch puts docstrings together from those of its other classes while it is imported.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder, SourceFileLoader


class _Loader(SourceFileLoader):
    """Compile a module with its docstrings, and neither read nor write cached files of -OO."""

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        return compile(self.get_data(path), path, "exec", dont_inherit=True, optimize=1)


@contextmanager
def kept(package: str) -> Iterator[None]:
    """Import the modules of a package with their docstrings, even under ``python -OO``."""
    if sys.flags.optimize < 2:
        yield
        return

    class Finder(PathFinder):
        @classmethod
        def find_spec(cls, fullname, path=None, target=None):
            if fullname.partition(".")[0] != package:
                return None
            spec = PathFinder.find_spec(fullname, path, target)
            if spec is not None and type(spec.loader) is SourceFileLoader:
                spec.loader = _Loader(spec.loader.name, spec.loader.path)
            return spec

    sys.meta_path.insert(0, Finder)
    try:
        yield
    finally:
        sys.meta_path.remove(Finder)
