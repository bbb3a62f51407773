"""Rows of a model's table: held out, drawn, and with entries that the model does not know."""

from typing import Any

import numpy as np
import pandas as pd

from skgen.command_line.messages import UserError, nearest
from skgen.metrics import classifier_two_sample_test, telling_columns, train_on_synthetic
from skgen.metrics._frames import as_numbers
from skgen.table_files import is_date, is_number
from skgen.tables.pipeline import GenerativePipeline

MIN_HELD_OUT, MAX_HELD_OUT = 20, 2000
# The check after a fit should take seconds; `report` may take longer.
CHECKED_ROWS = 2000
# The least fall of the area without a column that is named, and the most columns that are named.
LEAST_SHARE, MOST_NAMED = 0.01, 4
# The most values of a column that the report's trees predict.
MOST_CLASSES = 10


def split(table: pd.DataFrame, notes: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training rows and the held-out ones."""
    order = np.random.default_rng(notes["seed"]).permutation(len(table))
    held = np.sort(order[: notes["n_held_out"]])
    learnt = np.sort(order[notes["n_held_out"] :])
    return table.iloc[learnt].reset_index(drop=True), table.iloc[held].reset_index(drop=True)


def parted(table: pd.DataFrame, notes: dict[str, Any]) -> tuple[pd.DataFrame, Any]:
    """Return the columns that are drawn, and the values of the one to condition on, or None."""
    table = table[notes["columns"]]
    if notes["condition"] is None:
        return table, None
    name = notes["condition"]["name"]
    return table.drop(columns=name), table[name].to_numpy()


def as_learnt(pipe: GenerativePipeline, table: pd.DataFrame, notes: dict[str, Any]) -> pd.DataFrame:
    """Return a table, drawn or not, without identifiers, and with rare categories merged.

    As the model learnt it, if it did not learn them.
    """
    name = None if notes["condition"] is None else notes["condition"]["name"]
    shown = pipe[0]._shown(table.drop(columns=[] if name is None else name))
    if name is not None:
        shown = shown.copy()
        shown.insert(min(notes["condition"]["place"], shown.shape[1]), name, table[name].to_numpy())
    return shown


def find_unseen(
    pipe: GenerativePipeline,
    rows: pd.DataFrame,
    condition: Any,
    notes: dict[str, Any],
    *,
    gaps: bool = True,
) -> tuple[np.ndarray, str]:
    """Return which rows have an entry that the model does not know, and one such entry in words.

    Such as a gap in a column that had none, if gaps count.
    """
    entries = pd.DataFrame(pipe[0].find_unseen(rows), columns=rows.columns)
    if not gaps:
        entries &= rows.notna().to_numpy()
    values = rows
    if condition is not None:
        name, known = notes["condition"]["name"], notes["condition"]["values"]
        # Numbers with decimals are a scale, of which every value can be asked for.
        is_scale = known.dtype.kind == "f"
        entries[name] = pd.isna(condition) if is_scale else ~np.isin(condition, known)
        values = rows.copy()
        values[name] = condition
    unseen = entries.any(axis=1).to_numpy()
    if not unseen.any():
        return unseen, ""
    row = int(unseen.argmax())
    name = entries.columns[entries.iloc[row].to_numpy().argmax()]
    value = values[name].iloc[row]
    what = "a gap" if pd.isna(value) else repr(value)
    return unseen, f"{what} of column {name!r} in row {row}"


def draw(
    pipe: Any, notes: dict[str, Any], n_rows: int, seed: int | None, value: str | None = None
) -> pd.DataFrame:
    """Draw a table of rows, the condition in its place."""
    condition = notes.get("condition")
    if condition is None:
        if value is not None and notes:
            raise UserError("the model was fitted without --condition, so it takes no value.")
        model = pipe[-1] if isinstance(pipe, GenerativePipeline) else pipe
        encoder = getattr(model, "condition_encoder_", None)
        passed = {} if value is None else {"condition": encoder.parse(value) if encoder else value}
        rows = pipe.sample(n_rows, random_state=seed, **passed)
        # Sequences come with their lengths.
        rows = rows[0] if isinstance(rows, tuple) else rows
        names = getattr(pipe, "feature_names_in_", None)
        return rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows, columns=names)
    values = condition["values"]
    if value is None:
        rng = np.random.default_rng(notes["seed"] if seed is None else seed)
        chosen = rng.choice(values, n_rows, p=condition["shares"])
    else:
        chosen = np.full(n_rows, value_of(value, condition), dtype=values.dtype)
    rows = pipe.sample(n_rows, condition=chosen, random_state=seed)
    column = pd.Series(chosen)
    column = column.astype("str") if column.dtype == object else column
    rows.insert(min(condition["place"], rows.shape[1]), condition["name"], column)
    return rows


def value_of(text: str, condition: dict[str, Any]) -> Any:
    """Return the value of the column to condition on that a text stands for."""
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
            raise UserError(f"{name!r} is a number, and --condition is {text!r}.") from None
        if values.dtype.kind == "f" or number in values:
            return number
    raise UserError(
        f"{name!r} was never {text!r}; {nearest(text, [str(value) for value in values[:20]])}"
    )


def distinguished(real: pd.DataFrame, fake: pd.DataFrame) -> tuple[float, list[str]]:
    """Return the area of the best of three classifiers of two tables, and its main columns."""
    n_rows = min(len(real), len(fake), CHECKED_ROWS)
    real, fake = (t.sample(n_rows, random_state=0).reset_index(drop=True) for t in (real, fake))
    area, shares = telling_columns(real, fake, random_state=0)
    numbers = as_numbers({"real rows": real, "new rows": fake}).values()
    largest = max(area, classifier_two_sample_test(*numbers, n_splits=2, random_state=0))
    return largest, named(shares, n_rows)


def named(shares: pd.Series, n_rows: int) -> list[str]:
    """Return the columns without which the area of a classifier is lower than by chance."""
    main = shares.index[shares >= max(LEAST_SHARE, n_rows**-0.5)]
    return [str(name) for name in main[:MOST_NAMED]]


def predicted(
    learnt: pd.DataFrame, unseen: pd.DataFrame, drawn: pd.DataFrame
) -> dict[str, Any] | None:
    """Return how well classifiers trained on drawn rows predict the last column of few categories.

    None if there is no such column, or if drawn rows have a single category in it.
    """
    n_rows = min(len(learnt), len(drawn))
    tables = [learnt.sample(n_rows, random_state=0), drawn.head(n_rows), unseen]
    tables = [table.reset_index(drop=True) for table in tables]
    for name in reversed(list(learnt.columns) if learnt.shape[1] > 1 else []):
        labels = [table[name].astype("str").fillna("") for table in tables]
        is_scale = is_number(learnt[name]) or is_date(learnt[name])
        if is_scale or not 1 < labels[0].nunique() <= MOST_CLASSES or labels[1].nunique() < 2:
            continue
        parts = {str(k): table.drop(columns=name) for k, table in enumerate(tables)}
        (X_real, X_fake, X_test), (y_real, y_fake, y_test) = as_numbers(parts).values(), labels
        scores = train_on_synthetic(X_real, y_real, X_fake, y_fake, X_test, y_test, random_state=0)
        usual = float((y_test == y_real.mode()[0]).mean())
        return {"column": str(name), "n_rows": n_rows, "usual": usual, **scores}
    return None


def frequencies(table: pd.DataFrame, name: str) -> dict[str, Any]:
    """Return the frequency of each value of the column to condition on, and its position."""
    shares = table[name].value_counts(normalize=True).sort_index()
    return {
        "name": name,
        "place": table.columns.get_loc(name),
        "values": shares.index.to_numpy(),
        "shares": shares.to_numpy(),
    }
