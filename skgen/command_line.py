"""The command line: a model of a table for those who have a CSV and no Python.

``fit`` learns a table by ``TableEncoder`` and a model and keeps both in a file of
:func:`skgen.save`, which opens in Python too. ``sample``, ``score`` and ``report`` read it.
"""

import argparse
import ast
import difflib
import hashlib
import inspect
import math
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from skgen._version import __version__
from skgen.base import REGISTRY
from skgen.identifiers import BEGINNING as IDENTIFIERS
from skgen.identifiers import identifying, looks_like_identifier, warning_of
from skgen.metrics import classifier_two_sample_test
from skgen.metrics._columns import column_distances
from skgen.metrics._frames import as_numbers
from skgen.persistence import load_with_notes, save_with_notes
from skgen.pipeline import GenerativePipeline
from skgen.table import TableEncoder
from skgen.table_files import (
    ORDERS,
    TableError,
    TableFile,
    TableFormat,
    is_date,
    open_table,
    table_text,
    taken_as,
    write_table,
)
from skgen.threads import one_thread

DEFAULT_MODEL = "vq-diffusion-bridge"
# What is set by options of their own.
OWN_OPTIONS = {"random_state": "--seed", "verbose": "--quiet", "checkpoint": "--checkpoint"}
# What stands beside a model in its file.
NOTES = {
    "columns",
    "format",
    "seed",
    "n_held_out",
    "n_rows",
    "hash",
    "condition",
}
MIN_HELD_OUT, MAX_HELD_OUT = 20, 2000
# The check after a fit is to take seconds; `report` takes its time.
CHECKED_ROWS = 500
# Characters of an entry, and of a cell, in the table of columns.
MAX_EXAMPLE, MAX_WIDTH = 24, 60
INTERRUPTED = 130
# What stands for the standard output where a file's name is asked for.
STDOUT = "-"

DESCRIPTION = """\
Learn a table, and draw new rows like it.

  skgen fit table.csv -o model.skgen        learn a table
  skgen sample model.skgen -n 100           draw 100 new rows
  skgen score model.skgen other.csv         compare rows with the model
  skgen report model.skgen table.csv -o report.html
                                            judge the samples, with pictures
  skgen models [NAME]                       list the models, or one's parameters

A table is a CSV with a header, a workbook (*.xlsx, if openpyxl is installed), or parquet
(*.parquet, if pyarrow is). Columns of numbers, categories, dates, and gaps in any of them are
found, and what is written looks like what was read.
Each command has a --help of its own."""

FIT = """\
Learn a table, keep the model in a file, and check it against rows held out.

What each column is taken for is told before the training, in a table: numbers, with the decimals
and marks they have (1.234,50 EUR; 5%); dates; categories, which words and true/false are; and gaps,
which new rows have as often. Where something could be meant in another way, a line says so and
names the option that changes it: --numbers, --dates, --category, --gap, or --drop for identifiers.

Ctrl-C ends the training early and keeps the model as far as it has learnt (exit status 130)."""

SAMPLE = """\
Draw new rows, of the columns of the table that was learnt.

The same model and seed give the same rows, and the first rows are the same however many are drawn;
take another --seed for other rows."""

SCORE = """\
Compare rows that the model has not seen with the model, in two ways.

told apart: a classifier learns to tell the rows from as many new ones, and names the right one in
    this share of pairs; 50% means that it finds no difference, 100% that all rows differ. It holds
    for every table.
score: the mean over the rows of what the model says of each of them, in nats; higher is better.
    If all columns are numbers with decimals, without gaps, it is the log-likelihood of the rows
    in their units, or its lower bound, and compares with that of any other density. A table with
    categories, whole numbers, dates or gaps has no density; the score is then of the table as the
    model encodes it, and compares models of one table, and rows of it, with each other only.

With -o, the rows come back with one more column, skgen_score, the score of each: the lowest are
the least usual rows."""

REPORT = """\
Judge the model by rows it has not seen, and write one HTML page with pictures.

Give the table that was learnt: the rows that fit held out are compared with new ones. With another
table, all of its rows are taken as not seen, and nothing can be said of copies. It takes from
seconds to minutes, most of it for classifiers."""


class _UserError(Exception):
    """What the user can mend, in one sentence."""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message):
        raise _UserError(f"{message} (see {self.prog} --help)")


def _kebab(name: str) -> str:
    """Return FlowMatcher as flow-matcher."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def _models() -> dict[str, type]:
    """Return the library's estimators by the names that they have here."""
    library = {name: cls for name, cls in REGISTRY.items() if cls.__module__.startswith("skgen.")}
    return {_kebab(name): cls for name, cls in sorted(library.items())}


def _nearest(name: str, names: Any) -> str:
    """Return names to choose from, the most similar first."""
    near = difflib.get_close_matches(name, list(names), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(names)}."


# Types of arguments ------------------------------------------------------------------------


def _number(kind: Any, low: float, high: float, wanted: str) -> Callable[[str], Any]:
    """Return a type of arguments: numbers of a kind within bounds."""

    def parse(text: str) -> Any:
        try:
            number = kind(text)
        except ValueError:
            number = math.nan
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"must be {wanted}, got {text!r}")
        return number

    return parse


_count = _number(int, 1, math.inf, "an integer of at least 1")
_seed = _number(int, 0, 2**32 - 1, "an integer from 0 to 2**32 - 1")
_share = _number(float, 0, 0.5, "a share from 0 to 0.5")


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"must be name=value, got {text!r}")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        # A word that is no Python value is a text: objective=likelihood.
        return name, value


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="skgen",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"skgen {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, summary, description, function):
        sub = commands.add_parser(
            name,
            help=summary,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(function=function)
        return sub

    def add_dialect(sub):
        sub.add_argument(
            "--separator", metavar="MARK", help="what sets columns apart (default: it is found)"
        )
        sub.add_argument(
            "--decimal",
            choices=[".", ","],
            metavar="MARK",
            help="the decimal mark, . or , (default: it is found)",
        )
        sub.add_argument(
            "--encoding",
            metavar="NAME",
            help="such as utf-8 or cp1252 (default: UTF-8 or UTF-16, and else Windows-1252)",
        )

    def add_formulas(sub):
        sub.add_argument(
            "--keep-formulas",
            action="store_true",
            help="write words that begin with = + - @ as they are; without it ' is put before "
            "them, so that a spreadsheet does not run them",
        )

    def add_force(sub):
        sub.add_argument(
            "--force", action="store_true", help="replace the output where it exists already"
        )

    fit = command("fit", "learn a table", FIT, _fit)
    fit.add_argument("table", help="the table: a CSV with a header, a workbook, or parquet")
    fit.add_argument("-o", "--output", required=True, metavar="MODEL", help="file for the model")
    fit.add_argument(
        "-m",
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME",
        help=f"one of {', '.join(_models())} (default: {DEFAULT_MODEL})",
    )
    fit.add_argument(
        "-s",
        "--set",
        action="append",
        type=_setting,
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="set a parameter of the model, such as max_steps=500; may be repeated; "
        "'skgen models NAME' lists them",
    )
    fit.add_argument(
        "--condition",
        metavar="COLUMN",
        help="learn the other columns given this one, without gaps: 'sample --condition' draws "
        "rows of a chosen value",
    )
    fit.add_argument(
        "--numbers",
        action="append",
        default=[],
        metavar="COLUMN",
        help="take a column as numbers; may be repeated",
    )
    fit.add_argument(
        "--dates",
        action="append",
        default=[],
        metavar="COLUMN[=ORDER]",
        help="take a column as dates, day, month and year in the order DMY, MDY or YMD if given; "
        "may be repeated",
    )
    fit.add_argument(
        "--category",
        action="append",
        default=[],
        metavar="COLUMN",
        help="take a column as categories, whatever stands in it; may be repeated",
    )
    fit.add_argument(
        "--gap",
        action="append",
        default=[],
        metavar="[COLUMN=]MARK",
        help="take a mark for a gap, in one column or in all; may be repeated",
    )
    add_dialect(fit)
    fit.add_argument(
        "--drop",
        action="append",
        default=[],
        metavar="COLUMN",
        help="leave out a column; may be repeated",
    )
    fit.add_argument(
        "--no-rules",
        action="store_true",
        help="do not look for rules that all rows keep, such as start <= end or total = a + b",
    )
    fit.add_argument(
        "--held-out",
        type=_share,
        default=0.1,
        metavar="SHARE",
        help="share of the rows that is not learnt but kept for the check and the report, at most "
        f"{MAX_HELD_OUT} rows; 0 learns all (default: 0.1)",
    )
    fit.add_argument(
        "--seed", type=_seed, default=0, help="seed of all that is random (default: 0)"
    )
    fit.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="keep the training in a file; after a crash the same command goes on from it",
    )
    add_force(fit)
    fit.add_argument("-q", "--quiet", action="store_true", help="print errors and warnings only")

    sample = command("sample", "draw new rows", SAMPLE, _sample)
    sample.add_argument("model", help="file of the model")
    sample.add_argument(
        "-n", type=_count, default=10, metavar="ROWS", help="how many rows (default: 10)"
    )
    sample.add_argument(
        "-o",
        "--output",
        metavar="TABLE",
        help="CSV, .xlsx or .parquet; printed as CSV if not given",
    )
    sample.add_argument(
        "--condition",
        metavar="VALUE",
        help="draw rows of this value of the column that fit had as --condition; if not given, "
        "values as often as they were seen",
    )
    sample.add_argument(
        "--seed", type=_seed, help="other rows for another seed (default: that of fit)"
    )

    add_formulas(sample)
    add_force(sample)

    score = command("score", "compare rows with the model", SCORE, _score)
    score.add_argument("model", help="file of the model")
    score.add_argument("table", help="rows that the model has not seen")
    score.add_argument("-o", "--output", metavar="TABLE", help="the rows with the score of each")
    add_dialect(score)
    add_formulas(score)
    add_force(score)

    report = command("report", "judge the samples, with pictures", REPORT, _report)
    report.add_argument("model", help="file of the model")
    report.add_argument("table", help="the table that was learnt, or rows that were not seen")
    report.add_argument("-o", "--output", required=True, metavar="PAGE", help="HTML file to write")
    report.add_argument(
        "--rows",
        type=_count,
        default=1000,
        help="most rows of a kind to compare; more see smaller differences (default: 1000)",
    )
    add_dialect(report)
    report.add_argument(
        "--show-rows",
        action="store_true",
        help="show some rows of the table on the page; without it, no row of the table is in it",
    )
    add_force(report)
    report.add_argument("-q", "--quiet", action="store_true", help="print errors only")

    models = command(
        "models", "list the models", "List the models, or the parameters of one.", _list_models
    )
    models.add_argument("name", nargs="?", help="a model, to show its parameters")
    return parser


def _check_output(options: argparse.Namespace) -> None:
    """Refuse an output that cannot be written, or would replace a file, before the work."""
    output = getattr(options, "output", None)
    is_model = options.command == "fit"
    if output is None or (output == STDOUT and not is_model):
        return
    target = Path(output).resolve()
    if not target.parent.is_dir():
        raise _UserError(f"cannot write {output!r}: there is no folder {target.parent}.")
    if target.is_dir():
        raise _UserError(f"cannot write {output!r}: it is a folder; name a file in it.")
    names = ["table"] if is_model else ["table", "model"]
    read = [path for name in names if os.path.exists(path := getattr(options, name, None) or "")]
    # By another name of the file too: a report is written into what is there.
    if target.exists() and any(target.samefile(path) for path in read):
        raise _UserError(f"-o {output} would replace what is read; give another name.")
    if is_model and (output == STDOUT or (target.exists() and not target.is_file())):
        raise _UserError(f"cannot write the model to {output!r}: name a file.")
    if target.exists() and not target.is_file():
        # /dev/stdout, a pipe: nothing is lost by writing there.
        return
    # A fit that was interrupted goes on from its checkpoint, by the same command.
    resumes = is_model and options.checkpoint is not None and Path(options.checkpoint).exists()
    if target.exists() and not (options.force or resumes):
        raise _UserError(f"{output} exists already; --force replaces it, or give another name.")
    try:
        if target.exists() and not is_model:
            with open(target, "r+b"):
                pass
        else:
            # A file without a name: only trying tells whether one can be made here.
            with tempfile.TemporaryFile(dir=target.parent):
                pass
    except OSError as error:
        raise _UserError(f"cannot write {output!r}: {error.strerror or error}.") from None


def _print_result(text: str) -> None:
    """Print what a command was asked for; fail where nobody can get it."""
    if sys.stdout is None:
        raise _UserError("the standard output is closed, so that the result would be lost.")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _close_stdout()
        raise _UserError(f"cannot write to the standard output: {error.strerror}.") from None


def _close_stdout() -> None:
    """Let the interpreter end in silence where the standard output takes no more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# What the file of a model keeps beside it --------------------------------------------------


def _read_model(path: str) -> tuple[Any, dict[str, Any]]:
    if not Path(path).is_file():
        raise _UserError(f"there is no file {path!r}.")
    model, notes = load_with_notes(path)
    if not hasattr(model, "sample"):
        raise _UserError(f"{path} holds a {type(model).__name__}, which draws no rows.")
    return model, notes


def _read_fitted(path: str, command: str) -> tuple[GenerativePipeline, dict[str, Any]]:
    pipe, notes = _read_model(path)
    if not notes:
        raise _UserError(
            f"{path} was not written by 'skgen fit', so its table is not known; '{command}' needs "
            "one that was, 'sample' does not."
        )
    if not notes.keys() >= NOTES:
        raise _UserError(f"{path} was written by another version of skgen; fit the table again.")
    return pipe, notes


def _read_rows(
    path: str, notes: dict[str, Any], options: argparse.Namespace
) -> tuple[pd.DataFrame, TableFormat]:
    """Read a table with the columns that a model learnt, in their order, and its format."""
    file = open_table(
        path,
        separator=options.separator,
        decimal=options.decimal,
        encoding=options.encoding,
        like=TableFormat.of_state(notes["format"]),
    )
    absent = [name for name in notes["columns"] if name not in file.table]
    if absent:
        raise _UserError(
            f"{path} lacks the column{'s' * (len(absent) > 1)} {', '.join(map(repr, absent))} that "
            f"the model learnt; it has {', '.join(map(repr, file.names[:20]))}."
        )
    _warn_of_doubts(options.command, path, file)
    return file.table[notes["columns"]], file.format


def _warn_of_doubts(command: str, path: str, file: TableFile, *, columns: bool = True) -> None:
    """Tell of what could be meant in another way, of the file and, if asked, of its columns."""
    for doubt in file.doubts:
        if columns or doubt.column is None:
            _warn(command, f"{path}: {doubt.say(flags=True)}.")


def _hash(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _split(table: pd.DataFrame, notes: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows to learn and those held out."""
    order = np.random.default_rng(notes["seed"]).permutation(len(table))
    held = np.sort(order[: notes["n_held_out"]])
    learnt = np.sort(order[notes["n_held_out"] :])
    return table.iloc[learnt].reset_index(drop=True), table.iloc[held].reset_index(drop=True)


def _parted(table: pd.DataFrame, notes: dict[str, Any]) -> tuple[pd.DataFrame, Any]:
    """Return the columns that are drawn, and the values of the one to condition on, or None."""
    if notes["condition"] is None:
        return table, None
    name = notes["condition"]["name"]
    return table.drop(columns=name), table[name].to_numpy()


def _find_unseen(
    pipe: GenerativePipeline, rows: pd.DataFrame, condition: Any, notes: dict[str, Any]
) -> tuple[np.ndarray, str]:
    """Return which rows have an entry that the model does not know, and one such entry in words."""
    entries = pd.DataFrame(pipe[0].find_unseen(rows), columns=rows.columns)
    values = rows
    if condition is not None:
        name, known = notes["condition"]["name"], notes["condition"]["values"]
        # Numbers with decimals are a scale, of which every value can be asked for.
        is_scale = known.dtype.kind == "f"
        entries[name] = pd.isna(condition) if is_scale else ~np.isin(condition, known)
        values = rows.assign(**{name: condition})
    unseen = entries.any(axis=1).to_numpy()
    if not unseen.any():
        return unseen, ""
    row = int(unseen.argmax())
    name = entries.columns[entries.iloc[row].to_numpy().argmax()]
    value = values[name].iloc[row]
    what = "a gap" if pd.isna(value) else repr(value)
    return unseen, f"{what} of column {name!r} in row {row}"


def _drawn(
    pipe: Any, notes: dict[str, Any], n_rows: int, seed: int | None, value: str | None = None
) -> pd.DataFrame:
    """Draw a table of rows, the condition in its place."""
    condition = notes.get("condition")
    if condition is None:
        if value is not None and notes:
            raise _UserError("the model was fitted without --condition, so it takes no value.")
        model = pipe[-1] if isinstance(pipe, GenerativePipeline) else pipe
        encoder = getattr(model, "condition_encoder_", None)
        told = {} if value is None else {"condition": encoder.parse(value) if encoder else value}
        rows = pipe.sample(n_rows, random_state=seed, **told)
        # Sequences come with their lengths.
        rows = rows[0] if isinstance(rows, tuple) else rows
        names = getattr(pipe, "feature_names_in_", None)
        return rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows, columns=names)
    values = condition["values"]
    if value is None:
        rng = np.random.default_rng(notes["seed"] if seed is None else seed)
        chosen = rng.choice(values, n_rows, p=condition["shares"])
    else:
        chosen = np.full(n_rows, _value_of(value, condition), dtype=values.dtype)
    rows = pipe.sample(n_rows, condition=chosen, random_state=seed)
    column = pd.Series(chosen)
    column = column.astype("str") if column.dtype == object else column
    rows.insert(condition["place"], condition["name"], column)
    return rows


def _value_of(text: str, condition: dict[str, Any]) -> Any:
    values, name = condition["values"], condition["name"]
    same = [value for value in values.tolist() if str(value) == text]
    if values.dtype == bool:
        same = [value for value in values.tolist() if str(value).casefold() == text.casefold()]
    if same:
        return same[0]
    if values.dtype.kind in "iuf":
        try:
            number = float(text)
        except ValueError:
            raise _UserError(f"{name!r} is a number, and --condition is {text!r}.") from None
        if values.dtype.kind == "f" or number in values:
            return number
    raise _UserError(
        f"{name!r} was never {text!r}; {_nearest(text, [str(value) for value in values[:20]])}"
    )


def _told_apart(real: pd.DataFrame, fake: pd.DataFrame) -> float:
    """Return how well a classifier tells tables of numbers apart."""
    real, fake = (t.sample(min(len(t), CHECKED_ROWS), random_state=0) for t in (real, fake))
    return classifier_two_sample_test(real, fake, n_splits=2, random_state=0)


# Commands ----------------------------------------------------------------------------------


def _fit(options: argparse.Namespace) -> int:
    def say(text=""):
        if not options.quiet:
            print(text, flush=True)

    model = _chosen_model(options)
    file, notes = _read_to_fit(options)
    table = file.table
    learnt, held = _split(table, notes)
    if options.condition is not None:
        # Of the rows to learn: the model knows no other value.
        notes["condition"] = _law(learnt, options.condition)
    say(f"{options.table}: {len(table)} rows, {table.shape[1]} columns")
    say(_told_columns(file, options.condition))
    # Without the table, each doubt is a warning of its own.
    _warn_of_doubts("fit", options.table, file, columns=options.quiet)
    reasons = {name: why for name in learnt if (why := identifying(learnt[name], name))}
    if options.quiet and reasons:
        _warn("fit", warning_of(reasons))
    say(f"{options.model} learns {len(learnt)} rows; {len(held)} are held out")

    rows, condition = _parted(learnt, notes)
    encoder = TableEncoder(constraints=None if options.no_rules else "auto")
    pipe = GenerativePipeline([("table", encoder), ("model", model)])
    start = perf_counter()
    _fit_quietly(pipe, rows, condition)
    seconds = perf_counter() - start
    for rule in encoder.constraints_:
        say(f"every row keeps, and every new one will: {rule}")
    # What is of this process only; whatever becomes of the check, the model is kept.
    model.set_params(verbose="auto", checkpoint=None)
    try:
        save_with_notes(pipe, notes, options.output)
    except OSError as error:
        # It could be written before the training. A full disk is no reason to lose the model.
        kept = Path(tempfile.mkdtemp(prefix="skgen-")) / Path(options.output).name
        save_with_notes(pipe, notes, kept)
        reason = error.strerror or error
        raise _UserError(
            f"cannot write {options.output!r} any more: {reason}; the model is in {kept}."
        ) from None
    size = os.path.getsize(options.output) / 1e6
    place = f"{options.output} ({size:.1f} MB)"
    if any(net.interrupted_ for net in model.nets_):
        so_far = f"interrupted after {model.n_steps_} steps; the model so far is in {place}"
        again = "; the same command goes on from the checkpoint" if options.checkpoint else ""
        _warn("fit", f"{so_far}{again}.")
        return INTERRUPTED
    say(f"learnt in {seconds:.0f} s, {model.n_steps_} steps; the model is in {place}")
    if options.quiet:
        return 0
    if len(held) == 0:
        say("no check: no rows were held out")
        return 0
    drawn = _drawn(pipe, notes, len(held), None)
    compared = as_numbers({"learnt rows": learnt, "held-out rows": held, "new rows": drawn})
    learnt, held, drawn = compared.values()
    share, floor = _told_apart(held, drawn), _told_apart(held, learnt)
    say(f"check: a classifier tells new rows from held-out ones in {share:.0%} of pairs, and real")
    say(f"  rows from real ones in {floor:.0%}; the less above it, the better")
    distances = column_distances(held.to_numpy(), drawn.to_numpy())
    usual = column_distances(held.to_numpy(), learnt.to_numpy()).max()
    furthest = held.columns[distances.argmax()]
    say(f"  furthest off is the column {furthest!r}, by {distances.max():.0%}; between real rows")
    say(f"  the furthest is off by {usual:.0%}")
    say(f"next: skgen sample {options.output} -n 100")
    return 0


def _fit_quietly(pipe: GenerativePipeline, rows: pd.DataFrame, condition: Any) -> None:
    """Fit, and say without the words of Python what it warns of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        # What is said elsewhere.
        warnings.filterwarnings("ignore", message="Training was interrupted")
        warnings.filterwarnings("ignore", message=IDENTIFIERS)
        pipe.fit(rows, condition=condition)
    for warning in told:
        if issubclass(warning.category, ConvergenceWarning):
            _warn("fit", str(warning.message))
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


def _chosen_model(options: argparse.Namespace) -> Any:
    models = _models()
    if options.model not in models:
        raise _UserError(f"there is no model {options.model!r}; {_nearest(options.model, models)}")
    model = models[options.model]()
    known = model.get_params()
    for name, value in options.settings:
        if name in OWN_OPTIONS:
            raise _UserError(f"--set {name} has an option of its own: {OWN_OPTIONS[name]}.")
        if name not in known:
            raise _UserError(
                f"{options.model} has no parameter {name!r}; {_nearest(name, known)} "
                f"('skgen models {options.model}' lists them)"
            )
        model.set_params(**{name: value})
    return model.set_params(
        random_state=options.seed,
        checkpoint=options.checkpoint,
        verbose=False if options.quiet else "auto",
    )


def _told_columns(file: TableFile, condition: str | None) -> str:
    """Return the table of what each column was taken for."""
    head = ["column", "taken as", "gaps", "example"]
    rows: list[list[str]] = []
    remarks = []
    for name in file.table:
        column = file.table[name]
        example = file.examples.get(name, "")
        example = example if len(example) <= MAX_EXAMPLE else example[: MAX_EXAMPLE - 1] + "…"
        entries = (name, taken_as(column), file.gaps(name), example)
        rows.append([" ".join(entry.split()) for entry in entries])
        told = [d.say(flags=True, column=False) for d in file.doubts if d.column == name]
        if name == condition:
            told.append("the others are learnt given this")
        elif looks_like_identifier(column):
            told.append(f"an identifier? leave it out by --drop {name!r}")
        remarks.append("; ".join(told))
    widths = [min(MAX_WIDTH, max(map(len, cells))) for cells in zip(head, *rows, strict=True)]
    lines = []
    for row, remark in zip([head, *rows], ["", *remarks], strict=True):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        lines.append(f"  {line}{f'  (?) {remark}' if remark else ''}".rstrip())
    return "\n".join(lines)


def _read_to_fit(options: argparse.Namespace) -> tuple[TableFile, dict[str, Any]]:
    """Read the table to learn, and what is to be known of it later."""
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
        raise _UserError(
            f"{options.table} has no column {options.condition!r}; "
            f"{_nearest(options.condition, table.columns)}"
        )
    if len(table) < 2:
        raise _UserError(f"{options.table} has {len(table)} row, too few to learn from.")
    if table.shape[1] == (options.condition is not None):
        raise _UserError(f"no column of {options.table} is left to learn.")
    n_held = min(MAX_HELD_OUT, max(MIN_HELD_OUT, round(options.held_out * len(table))))
    notes = {
        "columns": list(table.columns),
        "format": file.format.state(),
        "seed": options.seed,
        "n_held_out": n_held if options.held_out and len(table) >= 3 * MIN_HELD_OUT else 0,
        "n_rows": len(table),
        "hash": _hash(options.table),
        "condition": None,
    }
    if options.condition is not None:
        _check_condition(table[options.condition])
    return file, notes


def _check_condition(column: pd.Series) -> None:
    """Raise where a column cannot be conditioned on."""
    if is_date(column):
        raise _UserError(f"--condition {column.name!r} is a date; it can be categories or numbers.")
    if column.isna().any():
        row = int(column.isna().to_numpy().argmax())
        raise _UserError(
            f"--condition {column.name!r} has a gap in row {row}; fill it, or drop the row."
        )


def _law(table: pd.DataFrame, name: str) -> dict[str, Any]:
    """Return how often each value of the column to condition on comes, and where it stands."""
    shares = table[name].value_counts(normalize=True).sort_index()
    return {
        "name": name,
        "place": table.columns.get_loc(name),
        "values": shares.index.to_numpy(),
        "shares": shares.to_numpy(),
    }


def _sample(options: argparse.Namespace) -> int:
    pipe, notes = _read_model(options.model)
    rows = _drawn(pipe, notes, options.n, options.seed, options.condition)
    format = TableFormat.of_state(notes["format"]) if "format" in notes else None
    if options.output in (None, STDOUT):
        text = table_text(rows, format, keep_formulas=options.keep_formulas, newline="\n")
        _print_result(text)
    else:
        write_table(rows, options.output, format, keep_formulas=options.keep_formulas)
    return 0


def _score(options: argparse.Namespace) -> int:
    pipe, notes = _read_fitted(options.model, "score")
    table, format = _read_rows(options.table, notes, options)
    if _hash(options.table) == notes["hash"]:
        _warn("score", "this is the table that was learnt; rows not seen would tell more.")
    rows, condition = _parted(table, notes)
    unseen, example = _find_unseen(pipe, rows, condition, notes)
    if unseen.all():
        raise _UserError(
            f"each row of {options.table} has an entry never seen in training: {example}"
        )
    rows = rows[~unseen].reset_index(drop=True)
    told = {} if condition is None else {"condition": condition[~unseen]}
    if hasattr(pipe, "score_samples"):
        known_scores = pipe.score_samples(rows, **told)
        unit = "log-likelihood or its lower bound, in the units of the table"
    else:
        known_scores = pipe.score_samples_encoded(rows, **told)
        unit = "of the encoded rows; compares models and rows of this table only"
    scores = np.full(len(table), np.nan)
    scores[~unseen] = known_scores
    if len(table) >= MIN_HELD_OUT:
        drawn = _drawn(pipe, notes, min(len(table), CHECKED_ROWS), None)
        real, fake = as_numbers({options.table: table, "new rows": drawn}).values()
        share = f"{_told_apart(real, fake):.1%} of pairs; 50% would be no difference"
    else:
        share = f"not with {len(table)} rows, at least {MIN_HELD_OUT} are needed"
    result = f"told apart: {share}\nscore: {known_scores.mean():.4g} nats a row ({unit})\n"
    if unseen.any():
        result += (
            f"left out of the score: {unseen.sum()} of {len(table)} rows, with an entry never seen "
            f"in training, such as {example}\n"
        )
    if options.output is None:
        _print_result(result)
        return 0
    scored = table.assign(skgen_score=scores)
    if options.output == STDOUT:
        _print_result(table_text(scored, format, keep_formulas=options.keep_formulas))
        print(result, end="", file=sys.stderr)
        return 0
    write_table(scored, options.output, format, keep_formulas=options.keep_formulas)
    _print_result(result)
    return 0


def _report(options: argparse.Namespace) -> int:
    from skgen.html_report import page

    pipe, notes = _read_fitted(options.model, "report")
    if options.rows < MIN_HELD_OUT:
        raise _UserError(f"--rows must be at least {MIN_HELD_OUT}, got {options.rows}.")
    table, _ = _read_rows(options.table, notes, options)
    is_learnt = _hash(options.table) == notes["hash"]
    if is_learnt and notes["n_held_out"] == 0:
        raise _UserError(
            f"no row of {options.table} was held out by fit; give rows that the model has not seen."
        )
    if is_learnt:
        reference, unseen = _split(table, notes)
    else:
        if len(table) < 2 * MIN_HELD_OUT:
            raise _UserError(
                f"{options.table} has {len(table)} rows; at least {2 * MIN_HELD_OUT} are needed."
            )
        reference, unseen = _split(table, {"seed": 0, "n_held_out": len(table) // 2})
    drawn = _drawn(pipe, notes, options.rows, None)
    facts = {
        "model": " ".join(repr(pipe[-1]).split()),
        "fitted to": f"{notes['n_rows'] - notes['n_held_out']} rows, {len(table.columns)} columns",
        "training": f"{pipe[-1].n_steps_} gradient steps, seed {notes['seed']}",
        "compared": f"{min(len(unseen), options.rows)} rows of {Path(options.table).name} that "
        f"{'fit held out' if is_learnt else 'are taken as not seen'}, {len(drawn)} generated rows",
        "written by": f"skgen {__version__}",
    }
    if not options.quiet and options.output != STDOUT:
        print(f"comparing {len(unseen)} rows with {len(drawn)} new ones ...", flush=True)
    numbers = as_numbers({"learnt rows": reference, options.table: unseen, "new rows": drawn})
    text = page(
        title=f"Samples of {Path(options.model).name}",
        facts=facts,
        real=table,
        drawn=drawn,
        numbers=list(numbers.values()),
        verbose=False if options.quiet else "auto",
        history=pipe[-1].history_,
        copies_known=is_learnt,
        max_rows=options.rows,
        show_rows=options.show_rows,
    )
    if options.output == STDOUT:
        _print_result(text)
        return 0
    Path(options.output).write_text(text, encoding="utf-8")
    if not options.quiet:
        print(f"wrote {options.output}; open it in a browser")
    return 0


def _list_models(options: argparse.Namespace) -> int:
    models = _models()
    docs = {name: inspect.getdoc(cls) or "" for name, cls in models.items()}
    if options.name is None:
        width = max(map(len, docs))
        lines = [f"{name:<{width}}  {text.splitlines()[0]}\n" for name, text in docs.items()]
        _print_result("".join(lines))
        return 0
    if options.name not in docs:
        raise _UserError(f"there is no model {options.name!r}; {_nearest(options.name, docs)}")
    summary, _, rest = docs[options.name].partition("\n")
    # Up to the title of the next section.
    parameters = re.split(r"\n\n(?=\w+\n-+\n)", rest.partition("Parameters\n----------\n")[2])[0]
    _print_result(f"{summary}\n\n{parameters}\n")
    return 0


def _warn(command: str, text: str) -> None:
    print(f"skgen {command}: warning: {text}", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : list of str, default=None
        Its words, such as ``["sample", "model.skgen", "-n", "5"]``; None takes the process's.

    Returns
    -------
    status : int
        0; 2 for what the user can mend, told in one line; 130 after Ctrl-C.
    """
    command = ""

    def fail(text: str) -> int:
        print(f"skgen{command}: error: {' '.join(text.split())}", file=sys.stderr)
        return 2

    try:
        options = _parser().parse_args(argv)
        command = f" {options.command}"
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *args, **kwargs: _warn(
                options.command, " ".join(str(message).split())
            )
            _check_output(options)
            with one_thread():
                return options.function(options)
    except KeyboardInterrupt:
        print(f"skgen{command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the rows has had enough, as `head` does.
        _close_stdout()
        return 0
    except TableError as error:
        return fail(error.say(flags=True))
    # What the library tells of data, parameters and files is written for the user.
    except (
        _UserError,
        ValueError,
        TypeError,
        OSError,
        ImportError,
        FloatingPointError,
    ) as error:
        return fail(str(error))
