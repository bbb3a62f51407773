"""The commands of ``skgen``, their options, and the texts of --help."""

import argparse
import ast
import math
from collections.abc import Callable
from typing import Any

from skgen._version import __version__
from skgen.command_line.messages import UserError
from skgen.command_line.models import DEFAULT_MODEL, known_models
from skgen.command_line.rows import MAX_HELD_OUT

DESCRIPTION = """\
Learn a table, and draw new rows like it.

  skgen fit table.csv -o model.skgen        learn a table
  skgen sample model.skgen -n 100           draw 100 new rows
  skgen impute model.skgen other.csv        fill the gaps of rows
  skgen score model.skgen other.csv         compare rows with the model
  skgen report model.skgen table.csv -o report.html
                                            judge the samples, with pictures
  skgen inspect model.skgen                 what the file holds of its table
  skgen models [NAME]                       list the models, or one's parameters

A table is a CSV with a header, a workbook (*.xlsx, if openpyxl is installed), or parquet
(*.parquet, if pyarrow is). Columns of numbers, categories, dates, and gaps in any of them are
found, and what is written looks like what was read.
Each command has a --help of its own."""

FIT = """\
Learn a table, keep the model in a file, and check it against rows held out.

Before the training, a table shows what each column is taken for: numbers, with the decimals
and marks they have (1.234,50 EUR; 5%); dates; categories, which words and true/false are; and gaps,
which new rows have as often. Where something could be meant in another way, a line says so and
names the option that changes it: --numbers, --dates, --category, --gap, or --drop for identifiers.

Ctrl-C ends the training early and keeps the model as far as it has learnt (exit status 130)."""

SAMPLE = """\
Draw new rows, of the columns of the table that was learnt.

The same model and seed give the same rows, and the first rows are the same however many are drawn;
take another --seed for other rows."""

IMPUTE = """\
Fill the gaps of rows, of the table that was learnt or of another one with its columns.

What is missing in a row is drawn given what stands in it, as it varies among such rows, and keeps
the rules of the table. One draw serves as a completed table; for standard errors that know of the
gaps, ask for several, such as --draws 5, analyse each, and pool the results. Other columns come
back as they are."""

SCORE = """\
Compare held-out rows, which fit did not learn, with the model in two ways.

distinguished: a classifier learns to distinguish the rows from as many new ones, and is right in
    this share of pairs; 50% means that it finds no difference, 100% that all rows differ. It holds
    for every table.
score: the mean of the model's log-density over the rows, in nats; higher is better.
    If all columns are numbers with decimals, without gaps, it is the log-likelihood of the rows
    in their units, or its lower bound, and compares with that of any other density. A table with
    categories, whole numbers, dates or gaps has no density; the score is then of the table as the
    model encodes it, and compares models of one table, and rows of it, with each other only.

With -o, the rows come back with one more column, skgen_score, the score of each: the lowest are
the least usual rows."""

REPORT = """\
Judge the model by held-out rows, and write one HTML page with pictures.

Give the table that was learnt: the rows that fit held out are compared with new ones. With another
table, all of its rows are taken as held out, and nothing can be said of copies. It takes from
seconds to minutes, most of it for classifiers."""

INSPECT = """\
Tell what the file of a model holds of the table that it learnt: which entries stand in it as they
are, such as categories and extremes, and what is kept of the others. Nothing is drawn or trained.
Whoever has the file can read all of this."""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message):
        raise UserError(f"{message} (see {self.prog} --help)")


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


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = _Parser(
        prog="skgen",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"skgen {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, summary: str, description: str) -> Any:
        return commands.add_parser(
            name,
            help=summary,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    _options_of_fit(command("fit", "learn a table", FIT))
    _options_of_sample(command("sample", "draw new rows", SAMPLE))
    _options_of_impute(command("impute", "fill the gaps of rows", IMPUTE))
    _options_of_score(command("score", "compare rows with the model", SCORE))
    _options_of_report(command("report", "judge the samples, with pictures", REPORT))
    inspect = command("inspect", "what a model's file holds of its table", INSPECT)
    inspect.add_argument("model", help="file of the model")
    inspect.add_argument("--json", action="store_true", help="as JSON")
    models = command("models", "list the models", "List the models, or the parameters of one.")
    models.add_argument("name", nargs="?", help="a model, to show its parameters")
    return top


def _add_dialect(sub: Any) -> None:
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


def _add_formulas(sub: Any) -> None:
    sub.add_argument(
        "--keep-formulas",
        action="store_true",
        help="write words that begin with = + - @ as they are; without it ' is put before "
        "them, so that a spreadsheet does not run them",
    )


def _add_force(sub: Any) -> None:
    sub.add_argument(
        "--force", action="store_true", help="replace the output where it exists already"
    )


def _options_of_fit(sub: Any) -> None:
    sub.add_argument("table", help="the table: a CSV with a header, a workbook, or parquet")
    sub.add_argument("-o", "--output", required=True, metavar="MODEL", help="file for the model")
    sub.add_argument(
        "-m",
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME",
        help=f"one of {', '.join(known_models())} (default: {DEFAULT_MODEL})",
    )
    sub.add_argument(
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
    sub.add_argument(
        "--condition",
        metavar="COLUMN",
        help="learn the other columns given this one, without gaps: 'sample --condition' draws "
        "rows of a chosen value",
    )
    _add_columns(sub)
    _add_dialect(sub)
    sub.add_argument(
        "--no-rules",
        action="store_true",
        help="do not look for rules that all rows keep, such as start <= end or total = a + b",
    )
    _add_privacy(sub)
    sub.add_argument(
        "--held-out",
        type=_share,
        default=0.1,
        metavar="SHARE",
        help="share of the rows that is not learnt but kept for the check and the report, at most "
        f"{MAX_HELD_OUT} rows; 0 learns all (default: 0.1)",
    )
    sub.add_argument(
        "--seed", type=_seed, default=0, help="seed of all that is random (default: 0)"
    )
    sub.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="keep the training in a file; after a crash the same command goes on from it",
    )
    _add_force(sub)
    sub.add_argument("-q", "--quiet", action="store_true", help="print errors and warnings only")


def _add_privacy(sub: Any) -> None:
    sub.add_argument(
        "--min-count",
        type=_count,
        default=1,
        metavar="ROWS",
        help="merge categories of fewer rows into one, 'other' (default: 1, which keeps all)",
    )
    sub.add_argument(
        "--identifiers",
        choices=["keep", "drop", "fake"],
        default="keep",
        help="what becomes of columns that look like identifiers or personal data: learn them, "
        "leave them out, or make up entries of their form in new rows (default: keep)",
    )


def _add_columns(sub: Any) -> None:
    for name, value, text in (
        ("numbers", "COLUMN", "take a column as numbers"),
        (
            "dates",
            "COLUMN[=ORDER]",
            "take a column as dates, day, month and year in the order DMY, MDY or YMD if given",
        ),
        ("category", "COLUMN", "take a column as categories, whatever stands in it"),
        ("gap", "[COLUMN=]MARK", "take a mark for a gap, in one column or in all"),
        ("drop", "COLUMN", "leave out a column"),
    ):
        text = f"{text}; may be repeated"
        sub.add_argument(f"--{name}", action="append", default=[], metavar=value, help=text)


def _add_drawn(sub: Any) -> None:
    sub.add_argument(
        "-o",
        "--output",
        metavar="TABLE",
        help="CSV, .xlsx or .parquet; printed as CSV if not given",
    )
    sub.add_argument(
        "--seed", type=_seed, help="other draws for another seed (default: that of fit)"
    )
    _add_formulas(sub)
    _add_force(sub)


def _options_of_sample(sub: Any) -> None:
    sub.add_argument("model", help="file of the model")
    sub.add_argument(
        "-n", type=_count, default=10, metavar="ROWS", help="how many rows (default: 10)"
    )
    sub.add_argument(
        "--condition",
        metavar="VALUE",
        help="draw rows of this value of the column that fit had as --condition; if not given, "
        "values as often as in the training rows",
    )
    _add_drawn(sub)


def _options_of_impute(sub: Any) -> None:
    sub.add_argument("model", help="file of the model")
    sub.add_argument("table", help="rows with gaps")
    sub.add_argument(
        "--draws",
        type=_count,
        default=1,
        metavar="NUMBER",
        help="how often each gap is drawn: as many completed tables, one below the other, told "
        "apart by a column skgen_draw (default: 1)",
    )
    _add_dialect(sub)
    _add_drawn(sub)


def _options_of_score(sub: Any) -> None:
    sub.add_argument("model", help="file of the model")
    sub.add_argument("table", help="held-out rows: none of those that fit learnt")
    sub.add_argument("-o", "--output", metavar="TABLE", help="the rows with the score of each")
    _add_dialect(sub)
    _add_formulas(sub)
    _add_force(sub)


def _options_of_report(sub: Any) -> None:
    sub.add_argument("model", help="file of the model")
    sub.add_argument("table", help="the table that was learnt, or held-out rows")
    sub.add_argument("-o", "--output", required=True, metavar="PAGE", help="HTML file to write")
    sub.add_argument(
        "--rows",
        type=_count,
        default=1000,
        help="most rows of a kind to compare; more find smaller differences (default: 1000)",
    )
    _add_dialect(sub)
    sub.add_argument(
        "--show-rows",
        action="store_true",
        help="show some rows of the table on the page; without it, no row of the table is in it",
    )
    _add_force(sub)
    sub.add_argument("-q", "--quiet", action="store_true", help="print errors only")
