"""``skgen sample``, ``impute``, ``score``, ``report``, ``inspect``: what uses a fitted model."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skgen._version import __version__
from skgen.command_line.files import (
    STDOUT,
    check_is_there,
    hash_of,
    read_fitted,
    read_model,
    read_rows,
)
from skgen.command_line.messages import UserError, print_result, warn
from skgen.command_line.rows import (
    CHECKED_ROWS,
    MIN_HELD_OUT,
    as_learnt,
    distinguished,
    draw,
    find_unseen,
    named,
    parted,
    predicted,
    split,
)
from skgen.inspection import inspect_model
from skgen.metrics import membership_attack, singling_out_attack, telling_columns
from skgen.metrics._frames import as_numbers
from skgen.table_files import TableFormat, table_text, write_table
from skgen.tables.rule_checks import broken


def sample(options: argparse.Namespace) -> int:
    """Draw new rows."""
    pipe, notes = read_model(options.model)
    rows = draw(pipe, notes, options.n, options.seed, options.condition)
    format = TableFormat.of_state(notes["format"]) if "format" in notes else None
    _write(rows, format, options)
    return 0


def _write(table: pd.DataFrame, format: TableFormat | None, options: argparse.Namespace) -> None:
    """Write a table where the options say, or print it."""
    if options.output in (None, STDOUT):
        text = table_text(table, format, keep_formulas=options.keep_formulas, newline="\n")
        print_result(text)
    else:
        write_table(table, options.output, format, keep_formulas=options.keep_formulas)


def impute(options: argparse.Namespace) -> int:
    """Draw what is missing in rows, given the rest of each."""
    pipe, notes = read_fitted(options.model, "impute")
    if not hasattr(pipe, "impute"):
        raise UserError(f"{type(pipe[-1]).__name__} imputes no gaps; fit another model.")
    table, format = read_rows(options.table, notes, options)
    rows, condition = parted(table, notes)
    unseen, example = find_unseen(pipe, rows, condition, notes, gaps=False)
    if unseen.any():
        raise UserError(
            f"{unseen.sum()} of {len(table)} rows of {options.table} have an entry that is not in "
            f"the training rows: {example}; correct them, or leave the entry empty."
        )
    if not rows.isna().any(axis=None):
        warn("impute", f"{options.table} has no gap in the columns that were learnt.")
    passed = {} if condition is None else {"condition": condition}
    drawn = pipe.impute(rows, n_draws=options.draws, random_state=options.seed, **passed)
    tables = []
    for k, part in enumerate(drawn if options.draws > 1 else [drawn], start=1):
        completed = table.copy()
        completed[list(part)] = part
        tables.append(completed if options.draws == 1 else completed.assign(skgen_draw=k))
    _write(pd.concat(tables, ignore_index=True), format, options)
    return 0


def score(options: argparse.Namespace) -> int:
    """Compare held-out rows with the model."""
    pipe, notes = read_fitted(options.model, "score")
    table, format = read_rows(options.table, notes, options)
    if hash_of(options.table) == notes["hash"]:
        warn("score", "this is the training table; held-out rows would tell more.")
    rows, condition = parted(table, notes)
    unseen, example = find_unseen(pipe, rows, condition, notes)
    if unseen.all():
        raise UserError(
            f"each row of {options.table} has an entry that is not in the training rows: {example}"
        )
    rows = rows[~unseen].reset_index(drop=True)
    passed = {} if condition is None else {"condition": condition[~unseen]}
    if hasattr(pipe, "score_samples"):
        known_scores = pipe.score_samples(rows, **passed)
        unit = "log-likelihood or its lower bound, in the units of the table"
    else:
        known_scores = pipe.score_samples_encoded(rows, **passed)
        unit = "of the encoded rows; compares models and rows of this table only"
    scores = np.full(len(table), np.nan)
    scores[~unseen] = known_scores
    if len(table) >= MIN_HELD_OUT:
        drawn = draw(pipe, notes, min(len(table), CHECKED_ROWS), None)
        real = table[notes["columns"]]
        found, telling = distinguished(*(as_learnt(pipe, t, notes) for t in (real, drawn)))
        by = f", by {', '.join(map(repr, telling))}" if telling else ""
        share = f"{found:.1%} of pairs{by}; 50% would be no difference"
    else:
        share = f"not with {len(table)} rows, at least {MIN_HELD_OUT} are needed"
    result = f"distinguished: {share}\nscore: {known_scores.mean():.4g} nats a row ({unit})\n"
    if unseen.any():
        result += (
            f"left out of the score: {unseen.sum()} of {len(table)} rows, with an entry that is "
            f"not in the training rows, such as {example}\n"
        )
    if options.output is None:
        print_result(result)
        return 0
    _write(table.assign(skgen_score=scores), format, options)
    if options.output == STDOUT:
        print(result, end="", file=sys.stderr)
    else:
        print_result(result)
    return 0


def report(options: argparse.Namespace) -> int:
    """Write a page that judges the model by held-out rows."""
    from skgen.command_line.report import page

    pipe, notes = read_fitted(options.model, "report")
    if options.rows < MIN_HELD_OUT:
        raise UserError(f"--rows must be at least {MIN_HELD_OUT}, got {options.rows}.")
    table, _ = read_rows(options.table, notes, options)
    table = as_learnt(pipe, table[notes["columns"]], notes)
    is_learnt = hash_of(options.table) == notes["hash"]
    if is_learnt and notes["n_held_out"] == 0:
        raise UserError(
            f"no row of {options.table} was held out by fit; give rows that are not training rows."
        )
    if is_learnt:
        reference, unseen = split(table, notes)
    else:
        if len(table) < 2 * MIN_HELD_OUT:
            raise UserError(
                f"{options.table} has {len(table)} rows; at least {2 * MIN_HELD_OUT} are needed."
            )
        reference, unseen = split(table, {"seed": 0, "n_held_out": len(table) // 2})
    drawn = as_learnt(pipe, draw(pipe, notes, options.rows, None), notes)
    facts = {
        "model": " ".join(repr(pipe[-1]).split()),
        "fitted to": f"{notes['n_rows'] - notes['n_held_out']} rows, {len(table.columns)} columns",
        "training": f"{pipe[-1].n_steps_} gradient steps, seed {notes['seed']}",
        "compared": f"{min(len(unseen), options.rows)} rows of {Path(options.table).name} that "
        f"{'fit held out' if is_learnt else 'are taken as held out'}, {len(drawn)} generated rows",
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
        judged=_judgement(pipe, reference, unseen, drawn, options.rows, is_learnt),
    )
    if options.output == STDOUT:
        print_result(text)
        return 0
    Path(options.output).write_text(text, encoding="utf-8")
    if not options.quiet:
        print(f"wrote {options.output}; open it in a browser")
    return 0


def _judgement(
    pipe: Any,
    learnt: pd.DataFrame,
    unseen: pd.DataFrame,
    drawn: pd.DataFrame,
    n_rows: int,
    is_learnt: bool,
) -> list[str]:
    """Return, for the page, what gives drawn rows away, how useful they are, what they disclose."""
    from skgen.command_line.report import judgement

    n_rows = min(len(unseen), len(drawn), n_rows)
    area, shares = telling_columns(unseen[:n_rows], drawn[:n_rows], random_state=0)

    def kept(rule: Any, rows: pd.DataFrame) -> float:
        return 1 - len(broken(rule, rows)) / len(rows)

    rules = [(str(r), kept(r, unseen), kept(r, drawn)) for r in pipe[0].constraints_]
    attacks = None
    if is_learnt:
        # Of rows that are no training rows, the attacks would say nothing.
        of_training = learnt, unseen, drawn
        attacks = (
            singling_out_attack(*of_training, random_state=0),
            membership_attack(*of_training, random_state=0),
        )
    return judgement(area, named(shares, n_rows), rules, predicted(learnt, unseen, drawn), attacks)


def inspect(options: argparse.Namespace) -> int:
    """Tell what a file of a model holds of its rows."""
    check_is_there(options.model)
    parts = inspect_model(options.model)
    if options.json:
        print_result(json.dumps(parts.to_dict("records"), indent=2) + "\n")
        return 0
    lines = [" ".join(f"{part}: {holds}".split()) for part, holds in parts.to_numpy()]
    print_result("\n".join(lines) + "\n")
    return 0
