"""What a file of a model holds of the rows that it was fitted to, in words."""

import json
import os
from collections.abc import Iterator
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from torch import nn

from skgen.base import BaseGenerativeModel
from skgen.papers.bernoulli_diffusion import BitFrequencies
from skgen.papers.kernel_mixture import KernelMixture
from skgen.persistence import read_untried
from skgen.storage import FileFormatError
from skgen.storage.format import opened
from skgen.tables.columns import _Converted, _Empty, _Labels, _Steps
from skgen.tables.encoder import TableEncoder
from skgen.tables.prediction import GenerativeClassifier

__all__ = ["inspect_model"]

# Most values of a list that are shown.
MOST_SHOWN = 10
# What scikit-learn's transformers hold of each column.
OF_SCALERS = {
    "center_": "the median",
    "data_max_": "the exact extremes",
    "lambdas_": "a power",
    "max_abs_": "the largest absolute value, exactly",
    "mean_": "the mean",
    "quantiles_": "quantiles, which are entries, the extremes among them",
    "components_": "a share in the principal axes",
}


def inspect_model(path: str | os.PathLike) -> pd.DataFrame:
    """Tell what a file of a model holds of the rows that it was fitted to.

    The file is read and described; nothing is drawn, trained or run.

    Parameters
    ----------
    path : str or path
        A file that :func:`skgen.save` or ``skgen fit`` wrote.

    Returns
    -------
    parts : DataFrame
        A row for each part: ``part``, such as "column 'city'", and ``holds``, in words.

    Raises
    ------
    FileFormatError
        If the file is damaged, not of skgen, or lacks what it should have. It is a ValueError.

    See Also
    --------
    load : Read the model.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> import skgen
    >>> frame = pd.DataFrame({"size": [1.5, 2.25, 3.0], "colour": ["red", "blue", "red"]})
    >>> path = tempfile.mkdtemp() + "/encoder.safetensors"
    >>> skgen.save(skgen.TableEncoder().fit(frame), path)
    >>> parts = skgen.inspect_model(path).set_index("part")["holds"]
    >>> parts["column 'size'"]
    'numbers: the least, 1.5, and the largest, 3.0, exactly'
    >>> parts["column 'colour'"]
    "categories: 2 as they are: 'red', 'blue'"
    """
    value, objects = read_untried(path)
    try:
        parts = [*_of_file(path), *_of_notes(value.get("notes"))]
        for thing in objects:
            parts += _told(thing)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise FileFormatError(
            f"Cannot inspect {os.fspath(path)!r}: its parts do not fit together ({error!s:.200})."
        ) from error
    return pd.DataFrame(parts, columns=["part", "holds"])


def _of_file(path: str | os.PathLike) -> Iterator[tuple[str, str]]:
    data = Path(path).read_bytes()
    content = json.loads(opened(data)[0])
    versions = ", ".join(f"{name} {version}" for name, version in content["versions"].items())
    yield "file", f"{len(data) / 1e6:.2f} MB, format {content['format']}, written by {versions}"


def _of_notes(notes: Any) -> Iterator[tuple[str, str]]:
    """Yield what ``skgen fit`` notes of the table beside the model."""
    if not isinstance(notes, dict) or "n_rows" not in notes:
        return
    yield (
        "table",
        f"{notes['n_rows']} rows, of which {notes['n_held_out']} were held out; the names of its "
        f"columns, {_listed(notes['columns'])}; how they are written; the SHA-256 of its file",
    )
    if notes["condition"] is not None:
        values = notes["condition"]["values"]
        yield (
            f"column {notes['condition']['name']!r}",
            f"the condition: {len(values)} values as they are, with their shares: "
            f"{_listed(values.tolist())}",
        )


@singledispatch
def _told(thing: Any) -> Iterator[tuple[str, str]]:
    """Yield the parts of an object of a file, and what each holds."""
    if not isinstance(thing, BaseEstimator) or not type(thing).__module__.startswith("sklearn."):
        return
    held = [words for name, words in OF_SCALERS.items() if name in vars(thing)]
    if held:
        yield type(thing).__name__, f"of each column {', '.join(held)}"


@_told.register
def _(classifier: GenerativeClassifier) -> Iterator[tuple[str, str]]:
    classes = vars(classifier).get("classes_")
    if classes is not None:
        shown = _listed(classes.tolist())
        yield type(classifier).__name__, f"classes: {len(classes)} as they are: {shown}"


@_told.register
def _(encoder: TableEncoder) -> Iterator[tuple[str, str]]:
    name = type(encoder).__name__
    if "_withheld" not in vars(encoder):
        yield name, "parameters only: it is not fitted"
        return
    withheld, labels = encoder._withheld, encoder._labels
    names = range(withheld.n_columns) if labels is None else list(labels)
    yield name, f"the names of {withheld.n_columns} columns" if labels is not None else "columns"
    learnt = dict(zip(withheld.places, encoder._columns, strict=True))
    for j, label in enumerate(names):
        if j not in learnt:
            made_up = withheld.identifiers[j]
            holds = "nothing: it is left out"
            if made_up is not None:
                example = made_up.entries(0, 1).iloc[0]
                holds = f"the form of its entries, from which others are made up: {example!r}"
        else:
            holds = _of_column(learnt[j])
            if j in withheld.common:
                word = withheld.common[j].word
                merged = "missing entries" if word is None else repr(word)
                holds += f"; rare ones are merged into {merged} and not in the file"
        yield f"column {label!r}", holds
    if encoder.constraints_:
        yield "rules", "; ".join(map(str, encoder.constraints_))


def _of_column(column: Any) -> str:
    """Return in words what a column of an encoder holds."""
    gaps = ", and that there were gaps" if column.has_gaps else ""
    if isinstance(column, _Empty):
        return "nothing: all entries were missing"
    if isinstance(column.dtype, pd.CategoricalDtype):
        values = column.dtype.categories.tolist()
        return f"categories: {len(values)} as they are: {_listed(values)}{gaps}"
    if isinstance(column, _Labels):
        return f"categories: {len(column.values)} as they are: {_listed(column.values)}{gaps}"
    inner = column.inner if isinstance(column, _Converted) else column
    ends = inner._nearest(np.array([inner.low, inner.high]))
    if isinstance(column, _Converted):
        ends = column.form.entries(ends)
    low, high = (str(end) for end in pd.Series(ends).astype(object))
    if inner.low == inner.high:
        return f"its only value: {low}{gaps}"
    kind = "steps" if isinstance(inner, _Steps) else "numbers"
    more = f" and {len(inner.gaps)} marks beyond the others" if len(inner.gaps) else ""
    return f"{kind}: the least, {low}, and the largest, {high}, exactly{more}{gaps}"


@_told.register
def _(model: BaseGenerativeModel) -> Iterator[tuple[str, str]]:
    name = type(model).__name__
    module = vars(model).get("module_")
    if not isinstance(module, nn.Module):
        yield name, "parameters only: it is not fitted"
        return
    n_weights = sum(parameter.numel() for parameter in module.parameters())
    yield (
        name,
        f"{n_weights} weights after {model.n_steps_} gradient steps, and the losses on the way",
    )
    yield from _of_rows(model.row_map_, f"{name}, columns")
    encoder = model.row_map_.condition_encoder
    if encoder is not None:
        parts = [
            "mean and deviation"
            if labels is None
            else f"{len(labels)} labels as they are: {_listed(labels.tolist())}"
            for labels in encoder.labels
        ]
        yield f"{name}, condition", "; ".join(parts)
    source = module._buffers.get("source")
    if source is not None:
        yield f"{name}, source", f"all {len(source)} rows of the source, to single precision"
    for part in module.modules():
        if isinstance(part, KernelMixture) and len(part.centres):
            yield f"{name}, kernels", f"{len(part.centres)} rows of fit, to single precision"
        elif isinstance(part, BitFrequencies) and len(part.states):
            yield f"{name}, bits", f"{len(part.states)} rows of bits, with their frequencies"


def _of_rows(row_map: Any, part: str) -> Iterator[tuple[str, str]]:
    """Yield what a map of rows holds of their columns."""
    if row_map.levels is not None:
        n_levels = [len(levels) for levels in row_map.levels.possible]
        yield part, f"the values of {len(n_levels)} columns, at most {max(n_levels)} of each"
        return
    scaler = row_map.scaler
    if row_map.charts is not None:
        yield part, "centre and scale of those that are no angles or places"
        return
    n_atoms = [len(atoms[2]) for atoms in scaler.atoms if atoms is not None]
    splines = [spline for spline in scaler.splines if spline is not None]
    words = [f"mean and deviation of {len(scaler.location)} columns"]
    if n_atoms:
        words.append(f"the repeated values of {len(n_atoms)}, at most {max(n_atoms)} of each")
    if splines:
        most = max(len(spline.x) for spline in splines)
        words.append(
            f"up to {most} quantiles of {len(splines)}, which are entries, with the extremes"
        )
    if scaler.constant.any():
        words.append(f"the only value of {int(scaler.constant.sum())}")
    yield part, "; ".join(words)


def _listed(values: Any) -> str:
    more = ", ..." if len(values) > MOST_SHOWN else ""
    return ", ".join(map(repr, list(values)[:MOST_SHOWN])) + more
