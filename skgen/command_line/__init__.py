"""The command line, for those who have a table and no Python."""

from skgen.command_line.commands import main

__all__ = ["main"]
