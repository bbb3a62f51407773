"""Copies of inherited methods, under the name of the class that inherits them.

`skgen.base` calls `name_methods_after` for every estimator class, so that an error such as
``FlowMatcher.sample() got an unexpected keyword argument`` names the class that was called.
"""

import functools
import inspect
import types
from typing import Any

from sklearn.utils.metaestimators import available_if

from skgen._compat import _AvailableIfDescriptor
from skgen.threads import limited


def name_methods_after(cls: type) -> None:
    """Give a class copies of the public methods that it inherits from this library.

    Python's errors about arguments name the class in which a function was written,
    ``BaseGenerativeModel.sample() takes ...``; those of a copy name the class that was called.
    """
    library = __name__.partition(".")[0]
    for name in dir(cls):
        member = inspect.getattr_static(cls, name)
        conditional = isinstance(member, _AvailableIfDescriptor)
        # Without scikit-learn's wrapper of transform, which will wrap the copy.
        outer = member.fn if conditional else member
        function = inspect.unwrap(outer)
        qualname = f"{cls.__qualname__}.{name}"
        if (
            name.startswith("_")
            or not inspect.isfunction(function)
            or function.__module__.partition(".")[0] != library
            or function.__qualname__ == qualname
        ):
            continue
        copied: Any = types.FunctionType(
            function.__code__, function.__globals__, name, None, function.__closure__
        )
        functools.update_wrapper(copied, function)
        del copied.__wrapped__
        copied.__defaults__, copied.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
        copied.__module__, copied.__qualname__ = cls.__module__, qualname
        if getattr(outer, "is_limited", False):
            copied = limited(copied)
        if conditional:
            copied = available_if(member.check)(copied)
        setattr(cls, name, copied)
