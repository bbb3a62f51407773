"""Files that commands read and write: models with notes beside them, and tables."""

import argparse
import hashlib
import os
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from skgen.command_line.messages import UserError, warn
from skgen.persistence import load_with_notes
from skgen.table_files import TableFile, TableFormat, open_table
from skgen.tables.pipeline import GenerativePipeline

# The notes beside a model in its file.
NOTES = {
    "columns",
    "format",
    "seed",
    "n_held_out",
    "n_rows",
    "hash",
    "condition",
}
# The name that stands for the standard output.
STDOUT = "-"


def check_output(options: argparse.Namespace) -> None:
    """Refuse an output that cannot be written, or would replace a file, before the work."""
    output = getattr(options, "output", None)
    is_model = options.command == "fit"
    if output is None or (output == STDOUT and not is_model):
        return
    target = Path(output).resolve()
    if not target.parent.is_dir():
        raise UserError(f"cannot write {output!r}: there is no folder {target.parent}.")
    if target.is_dir():
        raise UserError(f"cannot write {output!r}: it is a folder; name a file in it.")
    names = ["table"] if is_model else ["table", "model"]
    read = [path for name in names if os.path.exists(path := getattr(options, name, None) or "")]
    # Also if the file has another name: a report overwrites it in place.
    if target.exists() and any(target.samefile(path) for path in read):
        raise UserError(f"-o {output} would replace what is read; give another name.")
    if is_model and (output == STDOUT or (target.exists() and not target.is_file())):
        raise UserError(f"cannot write the model to {output!r}: name a file.")
    if target.exists() and not target.is_file():
        # /dev/stdout, a pipe: nothing is lost by writing there.
        return
    # A fit that was interrupted goes on from its checkpoint, by the same command.
    resumes = is_model and options.checkpoint is not None and Path(options.checkpoint).exists()
    if target.exists() and not (options.force or resumes):
        raise UserError(f"{output} exists already; --force replaces it, or give another name.")
    try:
        if target.exists() and not is_model:
            with open(target, "r+b"):
                pass
        else:
            # Whether a file can be made here is found out by making one without a name.
            with tempfile.TemporaryFile(dir=target.parent):
                pass
    except OSError as error:
        raise UserError(f"cannot write {output!r}: {error.strerror or error}.") from None


def check_is_there(path: str) -> None:
    """Raise where there is no file of a model."""
    if not Path(path).is_file():
        raise UserError(f"there is no file {path!r}.")


def read_model(path: str) -> tuple[Any, dict[str, Any]]:
    """Read a model that draws rows, and its notes, which are empty if it was saved in Python."""
    check_is_there(path)
    model, notes = load_with_notes(path)
    if not hasattr(model, "sample"):
        raise UserError(f"{path} holds a {type(model).__name__}, which draws no rows.")
    return model, notes


def read_fitted(path: str, command: str) -> tuple[GenerativePipeline, dict[str, Any]]:
    """Read a model that 'skgen fit' wrote, and its notes."""
    pipe, notes = read_model(path)
    if not notes:
        raise UserError(
            f"{path} was not written by 'skgen fit', so its table is not known; '{command}' needs "
            "one that was, 'sample' does not."
        )
    if not notes.keys() >= NOTES:
        raise UserError(f"{path} was written by another version of skgen; fit the table again.")
    return pipe, notes


def read_rows(
    path: str, notes: dict[str, Any], options: argparse.Namespace
) -> tuple[pd.DataFrame, TableFormat]:
    """Read a table with the columns that a model learnt, which may have others, and its format."""
    file = open_table(
        path,
        separator=options.separator,
        decimal=options.decimal,
        encoding=options.encoding,
        like=TableFormat.of_state(notes["format"]),
    )
    absent = [name for name in notes["columns"] if name not in file.table]
    if absent:
        raise UserError(
            f"{path} lacks the column{'s' * (len(absent) > 1)} {', '.join(map(repr, absent))} that "
            f"the model learnt; it has {', '.join(map(repr, file.names[:20]))}."
        )
    warn_of_doubts(options.command, path, file, columns=notes["columns"])
    return file.table, file.format


def warn_of_doubts(
    command: str, path: str, file: TableFile, *, columns: Collection[str] = ()
) -> None:
    """Print the doubts about the file and about some of its columns."""
    for doubt in file.doubts:
        if doubt.column is None or doubt.column in columns:
            warn(command, f"{path}: {doubt.say(flags=True)}.")


def hash_of(path: str) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
