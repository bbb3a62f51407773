"""What a command prints: its result, its warnings, and errors that the user can correct."""

import difflib
import os
import sys
from typing import Any

INTERRUPTED = 130


class UserError(Exception):
    """An error that the user can correct, in one sentence."""


def nearest(name: str, names: Any) -> str:
    """Return names to choose from, the most similar first."""
    near = difflib.get_close_matches(name, list(names), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(names)}."


def warn(command: str, text: str) -> None:
    """Print a warning of a command in one line."""
    print(f"skgen {command}: warning: {text}", file=sys.stderr, flush=True)


def print_result(text: str) -> None:
    """Print the result of a command; raise if the standard output cannot take it."""
    if sys.stdout is None:
        raise UserError("the standard output is closed, so that the result would be lost.")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        close_stdout()
        raise UserError(f"cannot write to the standard output: {error.strerror}.") from None


def close_stdout() -> None:
    """Let the interpreter end without an error if the standard output is closed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
