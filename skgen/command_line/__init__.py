"""The command line: a model of a table for those who have a CSV and no Python.

``fit`` learns a table by ``TableEncoder`` and a model and keeps both in a file of
:func:`skgen.save`, which opens in Python too. ``sample``, ``score`` and ``report`` read it.
"""

from skgen.command_line.program import main

__all__ = ["main"]
