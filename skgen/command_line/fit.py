"""``skgen fit``: learn a table, keep the model in a file, and check it against rows held out."""

import argparse
import os
import tempfile
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from skgen.command_line.files import hash_of, warn_of_doubts
from skgen.command_line.messages import UserError, nearest, warn
from skgen.command_line.models import known_models
from skgen.command_line.rows import (
    MAX_HELD_OUT,
    MIN_HELD_OUT,
    as_learnt,
    distinguished,
    draw,
    frequencies,
    parted,
    split,
)
from skgen.metrics._columns import column_distances
from skgen.metrics._frames import as_numbers
from skgen.persistence import save_with_notes
from skgen.table_files import ORDERS, TableFile, is_date, is_number, open_table, taken_as
from skgen.tables.encoder import TableEncoder
from skgen.tables.identifiers import BEGINNING as IDENTIFIERS
from skgen.tables.identifiers import identifying, looks_like_identifier, warning_of
from skgen.tables.pipeline import GenerativePipeline

# Parameters that have options of their own.
OWN_OPTIONS = {"random_state": "--seed", "verbose": "--quiet", "checkpoint": "--checkpoint"}
# Characters of an entry, and of a cell, in the table of columns.
MAX_EXAMPLE, MAX_WIDTH = 24, 60
INTERRUPTED = 130


def fit(options: argparse.Namespace) -> int:
    """Learn a table, keep the model, and check it against rows held out."""

    def say(text=""):
        if not options.quiet:
            print(text, flush=True)

    model = _chosen_model(options)
    file, notes = _read_to_fit(options)
    table = file.table
    learnt, held = split(table, notes)
    if options.condition is not None:
        # Of the training rows: the model knows no other value.
        notes["condition"] = frequencies(learnt, options.condition)
        _check_frequent(learnt[options.condition], options.min_count)
    say(f"{options.table}: {len(table)} rows, {table.shape[1]} columns")
    say(_columns_in_words(file, options.condition, options.identifiers))
    # Without the table, each doubt is a warning of its own.
    warn_of_doubts("fit", options.table, file, columns=table.columns if options.quiet else ())
    reasons = {name: why for name in learnt if (why := identifying(learnt[name], name))}
    if options.quiet and reasons:
        warn("fit", warning_of(reasons, options.identifiers))
    say(f"{options.model} learns {len(learnt)} rows; {len(held)} are held out")

    rows, condition = parted(learnt, notes)
    encoder = TableEncoder(
        constraints=None if options.no_rules else "auto",
        min_count=options.min_count,
        identifiers=options.identifiers,
    )
    pipe = GenerativePipeline([("table", encoder), ("model", model)])
    start = perf_counter()
    _fit_quietly(pipe, rows, condition)
    seconds = perf_counter() - start
    for rule in encoder.constraints_:
        say(f"a rule of the table, which new rows keep: {rule}")
    # Callbacks belong to this process. The model is saved before the check, which may fail.
    model.set_params(verbose="auto", checkpoint=None)
    place = _save(pipe, notes, options.output)
    if any(net.interrupted_ for net in model.nets_):
        so_far = f"interrupted after {model.n_steps_} steps; the model so far is in {place}"
        again = "; the same command goes on from the checkpoint" if options.checkpoint else ""
        warn("fit", f"{so_far}{again}.")
        return INTERRUPTED
    say(f"learnt in {seconds:.0f} s, {model.n_steps_} steps; the model is in {place}")
    if options.quiet:
        return 0
    if len(held) == 0:
        say("no check: no rows were held out")
        return 0
    for line in _check(pipe, notes, learnt, held):
        say(line)
    say(f"next: skgen sample {options.output} -n 100")
    return 0


def _save(pipe: GenerativePipeline, notes: dict[str, Any], output: str) -> str:
    """Save a model; return the file's name and size."""
    try:
        save_with_notes(pipe, notes, output)
    except OSError as error:
        # The output could be written before the training. A full disk must not lose the model.
        kept = Path(tempfile.mkdtemp(prefix="skgen-")) / Path(output).name
        save_with_notes(pipe, notes, kept)
        reason = error.strerror or error
        raise UserError(
            f"cannot write {output!r} any more: {reason}; the model is in {kept}."
        ) from None
    return f"{output} ({os.path.getsize(output) / 1e6:.1f} MB)"


def _check(
    pipe: GenerativePipeline, notes: dict[str, Any], learnt: pd.DataFrame, held: pd.DataFrame
) -> list[str]:
    """Compare new rows with those held out, and say what was found in a few lines."""
    drawn = draw(pipe, notes, len(held), None)
    learnt, held, drawn = (as_learnt(pipe, table, notes) for table in (learnt, held, drawn))
    (share, telling), (floor, _) = distinguished(held, drawn), distinguished(held, learnt)
    compared = as_numbers({"learnt rows": learnt, "held-out rows": held, "new rows": drawn})
    learnt, held, drawn = compared.values()
    distances = column_distances(held.to_numpy(), drawn.to_numpy())
    usual = column_distances(held.to_numpy(), learnt.to_numpy()).max()
    furthest = held.columns[distances.argmax()]
    return [
        f"check: a classifier distinguishes new rows from held-out ones in {share:.0%} of pairs,",
        f"  and real rows from real ones in {floor:.0%}; the best is no more than that",
        *([f"  it relies on {', '.join(map(repr, telling))}"] if telling and share > floor else []),
        f"  furthest off is the column {furthest!r}, by {distances.max():.0%}; between real rows",
        f"  the furthest is off by {usual:.0%}",
    ]


def _fit_quietly(pipe: GenerativePipeline, rows: pd.DataFrame, condition: Any) -> None:
    """Fit, and print its warnings without Python's prefixes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        # Reported elsewhere.
        warnings.filterwarnings("ignore", message="Training was interrupted")
        warnings.filterwarnings("ignore", message=IDENTIFIERS)
        pipe.fit(rows, condition=condition)
    for warning in caught:
        if issubclass(warning.category, ConvergenceWarning):
            warn("fit", str(warning.message))
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


def _chosen_model(options: argparse.Namespace) -> Any:
    models = known_models()
    if options.model not in models:
        raise UserError(f"there is no model {options.model!r}; {nearest(options.model, models)}")
    model = models[options.model]()
    known = model.get_params()
    for name, value in options.settings:
        if name in OWN_OPTIONS:
            raise UserError(f"--set {name} has an option of its own: {OWN_OPTIONS[name]}.")
        if name not in known:
            raise UserError(
                f"{options.model} has no parameter {name!r}; {nearest(name, known)} "
                f"('skgen models {options.model}' lists them)"
            )
        model.set_params(**{name: value})
    return model.set_params(
        random_state=options.seed,
        checkpoint=options.checkpoint,
        verbose=False if options.quiet else "auto",
    )


def _columns_in_words(file: TableFile, condition: str | None, identifiers: str) -> str:
    """Return a table in words: what each column was taken for."""
    head = ["column", "taken as", "gaps", "example"]
    rows: list[list[str]] = []
    remarks = []
    for name in file.table:
        column = file.table[name]
        example = file.examples.get(name, "")
        example = example if len(example) <= MAX_EXAMPLE else example[: MAX_EXAMPLE - 1] + "…"
        entries = (name, taken_as(column), file.gaps(name), example)
        rows.append([" ".join(entry.split()) for entry in entries])
        notes_of_column = [d.say(flags=True, column=False) for d in file.doubts if d.column == name]
        if name == condition:
            notes_of_column.append("the others are learnt given this")
        elif looks_like_identifier(column):
            done = f"an identifier? leave it out by --drop {name!r}"
            others = {"drop": "an identifier: left out", "fake": "an identifier: made up"}
            notes_of_column.append(others.get(identifiers, done))
        remarks.append("; ".join(notes_of_column))
    widths = [min(MAX_WIDTH, max(map(len, cells))) for cells in zip(head, *rows, strict=True)]
    lines = []
    for row, remark in zip([head, *rows], ["", *remarks], strict=True):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        lines.append(f"  {line}{f'  (?) {remark}' if remark else ''}".rstrip())
    return "\n".join(lines)


def _read_to_fit(options: argparse.Namespace) -> tuple[TableFile, dict[str, Any]]:
    """Read the table to learn, and the notes about it for later commands."""
    dates: dict[str, str | None] = {}
    for text in options.dates:
        name, _, order = text.rpartition("=")
        dates.update({name: order} if name and order in ORDERS else {text: None})
    gaps: dict[str | None, list[str]] = {}
    for text in options.gap:
        name, _, mark = text.rpartition("=")
        gaps.setdefault(name or None, []).append(mark if name else text)
    file = open_table(
        options.table,
        numbers=options.numbers,
        dates=dates,
        categories=options.category,
        drop=options.drop,
        gaps=gaps,
        separator=options.separator,
        decimal=options.decimal,
        encoding=options.encoding,
    )
    table = file.table
    if options.condition is not None and options.condition not in table:
        raise UserError(
            f"{options.table} has no column {options.condition!r}; "
            f"{nearest(options.condition, table.columns)}"
        )
    if len(table) < 2:
        raise UserError(f"{options.table} has {len(table)} row, too few to learn from.")
    if table.shape[1] == (options.condition is not None):
        raise UserError(f"no column of {options.table} is left to learn.")
    n_held = min(MAX_HELD_OUT, max(MIN_HELD_OUT, round(options.held_out * len(table))))
    notes = {
        "columns": list(table.columns),
        "format": file.format.state(),
        "seed": options.seed,
        "n_held_out": n_held if options.held_out and len(table) >= 3 * MIN_HELD_OUT else 0,
        "n_rows": len(table),
        "hash": hash_of(options.table),
        "condition": None,
    }
    if options.condition is not None:
        _check_condition(table[options.condition])
    return file, notes


def _check_condition(column: pd.Series) -> None:
    """Raise where a column cannot be conditioned on."""
    if is_date(column):
        raise UserError(f"--condition {column.name!r} is a date; it can be categories or numbers.")
    if column.isna().any():
        row = int(column.isna().to_numpy().argmax())
        raise UserError(
            f"--condition {column.name!r} has a gap in row {row}; fill it, or drop the row."
        )


def _check_frequent(condition: pd.Series, min_count: int) -> None:
    """Raise where a value to condition on has few rows: it is kept, and stands in the file."""
    if is_number(condition):
        return
    counts = condition.value_counts()
    rare = counts[counts < min_count].index.tolist()
    if rare:
        raise UserError(
            f"{len(rare)} values of --condition {condition.name!r} have fewer rows than "
            f"--min-count {min_count}, such as {rare[0]!r}, and are not merged: merge them in the "
            "table, or learn the column like the others."
        )
