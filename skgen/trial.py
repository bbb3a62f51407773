"""Errors of models that came out of files, and whether the file is to blame.

A forged file can describe a model whose parts do not fit together: an attribute that is missing, a
weight of another type, a network in the place of another. Only the code that uses a part knows what
it must be, and to run it all in `load` would take as long as `load` itself. So the methods of a
model are watched: where one ends in an error that is not a ValueError, a loaded model is tried on
rows that it draws itself. If it fails there too, the file is to blame, and the error is a
`FileFormatError`; else the error is the caller's and is raised as it is. What does not fail costs
nothing.
"""

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
import torch
from sklearn.pipeline import Pipeline
from torch import nn

from skgen._compat import _AvailableIfDescriptor
from skgen.base import BaseGenerativeModel
from skgen.data.row_map import RowMap
from skgen.papers._module import SCORE_DRAWS
from skgen.storage import FileFormatError
from skgen.tables.encoder import TableEncoder
from skgen.tables.imputation import GenerativeImputer
from skgen.tables.over_sampling import GenerativeOverSampler

# Public methods that need a fitted model and do not change it.
METHODS = (
    *("sample", "sample_batches", "transform", "inverse_transform", "score", "score_samples"),
    *("impute", "trajectory", "translate", "get_feature_names_out", "parse_condition"),
    *("transform_holes", "find_unseen", "keep_constraints"),
)
# Rows that a trial draws.
N_ROWS = 64
MOST_STEPS, MOST_ROWS, MOST_COLUMNS = 10_000, 1024, 1_000_000
FRACTIONAL = (torch.float64, torch.float16, torch.bfloat16, torch.float32)

_PATHS: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def watch(cls: type) -> None:
    """Let errors of a class's methods be looked into where an instance came out of a file."""
    for name in METHODS:
        member = inspect.getattr_static(cls, name, None)
        if isinstance(member, _AvailableIfDescriptor):
            # In place: what scikit-learn knows of the method stays.
            if not hasattr(member.fn, "is_watched"):
                member.fn = _watched(member.fn)
        elif inspect.isfunction(member) and not hasattr(member, "is_watched"):
            setattr(cls, name, _watched(member))


def came_from(objects: list[Any], path: str, scalers: tuple[type, ...] = ()) -> None:
    """Check estimators that came out of a file as far as that is quick, and note that they did."""
    for part in objects:
        n_columns = getattr(part, "__dict__", {}).get("n_features_in_", 0)
        if type(n_columns) is not int or not 0 <= n_columns <= MOST_COLUMNS:
            # scikit-learn makes names of so many.
            raise FileFormatError(
                f"Cannot load {path!r}: n_features_in_ of its {type(part).__name__} is no whole "
                f"number up to {MOST_COLUMNS}."
            )
        _check_tree(part, path)
        if isinstance(part, BaseGenerativeModel) and "module_" in vars(part):
            _check(part, path)
        if type(part) in scalers:
            _check_scaler(part, path)
        if isinstance(part, BaseGenerativeModel | Pipeline | TableEncoder | GenerativeImputer):
            _PATHS[part] = path


def _check_tree(part: Any, path: str, around: tuple[Any, ...] = ()) -> None:
    """Check that no pipeline, imputer or over-sampler is a part of itself."""
    if any(part is other for other in around):
        raise FileFormatError(f"Cannot load {path!r}: its {type(part).__name__} is within itself.")
    if isinstance(part, Pipeline | GenerativeImputer | GenerativeOverSampler):
        state = vars(part)
        steps = state.get("steps")
        inner = [state.get("model"), state.get("model_")]
        inner += [s[-1] for s in steps if type(s) is tuple and s] if type(steps) is list else []
        for other in inner:
            _check_tree(other, path, (*around, part))


def _check_scaler(scaler: Any, path: str) -> None:
    """Try a fitted transformer of scikit-learn, whose methods are not watched."""
    n_columns = vars(scaler).get("n_features_in_", 0)
    if n_columns < 1:
        return
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            rows = _attempt(scaler.transform, np.full((2, n_columns), 0.5))
            if rows is not None:
                _attempt(scaler.inverse_transform, rows)
    except Exception as error:
        raise FileFormatError(
            f"Cannot load {path!r}: it holds a {type(scaler).__name__} that transforms no rows "
            f"({type(error).__name__}: {error!s:.200})."
        ) from error


def _check(model: Any, path: str) -> None:
    """Check what sizes and types a fitted model has at least."""
    module, most = model.module_, MOST_STEPS
    n_steps = vars(model).get("n_steps")
    parts = {
        "module_ is no network": isinstance(module, nn.Module),
        "row_map_ is no RowMap": type(vars(model).get("row_map_")) is RowMap,
        f"n_steps is above {most}": not isinstance(n_steps, int | float) or n_steps <= most,
    }
    wrong = [what for what, right in parts.items() if not right]
    # Scores of bits are exact sums over the steps of the diffusion.
    draws = max(n for n in (SCORE_DRAWS, vars(model).get("n_timesteps")) if type(n) is int)
    for name, most in () if wrong else (("block_size", MOST_ROWS), ("score_draws", draws)):
        # A module of a user's that has no score needs no draws.
        value = getattr(module, name, 1 if name == "score_draws" else None)
        if type(value) is not int or not 1 <= value <= most:
            wrong.append(f"module_.{name} is no whole number from 1 to {most}")
    tensors = () if wrong else (*module.parameters(), *module.buffers())
    # Fits leave networks in single precision.
    if any(tensor.dtype in FRACTIONAL and tensor.dtype != torch.float32 for tensor in tensors):
        wrong.append("module_ is not in single precision")
    if wrong:
        raise FileFormatError(f"Cannot load {path!r}: of its {type(model).__name__}, {wrong[0]}.")


def _watched(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except ValueError:
            raise
        except Exception as error:
            path = _PATHS.pop(self, None)
            fault = None if path is None else fault_of(self)
            if fault is None:
                raise
            _PATHS[self] = str(path)
            raise FileFormatError(
                f"The file {path!r} holds a {type(self).__name__} whose parts do not fit together "
                f"({type(fault).__name__}: {fault!s:.200})."
            ) from error

    vars(call)["is_watched"] = True
    return call


def fault_of(model: Any) -> Exception | None:
    """Try a model on rows that it draws itself; return the first error, ValueErrors aside."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            _try(_miniature(model))
        except Exception as error:
            return error
    return None


def _with(thing: Any, **changes: Any) -> Any:
    """Return a copy that shares all attributes but those given."""
    copied = object.__new__(type(thing))
    copied.__dict__.update(thing.__dict__)
    copied.__dict__.update(changes)
    return copied


def _miniature(part: Any) -> Any:
    """Return a copy of a fitted model whose calls take few rows and steps; others as they are."""
    if isinstance(part, Pipeline):
        return _with(part, steps=[(name, _miniature(step)) for name, step in part.steps])
    if isinstance(part, GenerativeImputer) and "model_" in vars(part):
        return _with(part, model_=_miniature(part.model_))
    if not isinstance(part, BaseGenerativeModel) or "module_" not in vars(part):
        return part
    module = part.module_
    if isinstance(module, nn.Module):
        sizes = {"block_size": N_ROWS, "score_draws": 2}
        module = _with(module, **{k: size for k, size in sizes.items() if k in vars(module)})
    few = {"n_steps": 2} if isinstance(vars(part).get("n_steps"), int) else {}
    return _with(part, module_=module, _copies={}, **few)


def _attempt(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a function returns, None where it raises a ValueError: an answer in words."""
    try:
        return function(*args, **kwargs)
    except ValueError:
        return None


def _try(model: Any) -> None:
    """Call the methods of a model on rows of its own."""
    if isinstance(model, Pipeline):
        for _, step in model.steps:
            _try(step)
    if isinstance(model, TableEncoder):
        _try_encoder(model)
        return
    if isinstance(model, GenerativeImputer):
        _try(model.model_)
    drawing = getattr(model, "model_", model)
    last = drawing.steps[-1][1] if isinstance(drawing, Pipeline) else drawing
    if not isinstance(last, BaseGenerativeModel):
        return
    # A condition can be left out.
    known = _attempt(_conditions, last)
    conditions: list[dict[str, Any]] = [{}, known] if known else [{}]
    for given in conditions:
        for rows in _attempt(_own_rows, drawing, last, given) or ():
            _try_on(rows, model, drawing, given)


def _own_rows(drawing: Any, last: Any, given: dict[str, Any]) -> list[Any]:
    """Return rows that a model draws, or the centre of its columns where it draws none."""
    X = None
    if _has(drawing, "sample"):
        X = _attempt(drawing.sample, N_ROWS, random_state=0, **given)
    if X is None:
        X = np.tile(last.row_map_.scaler.location, (N_ROWS, 1))
    return [X] if isinstance(X, pd.DataFrame) else [X.astype(np.float32), X.astype(float)]


def _try_on(rows: Any, model: Any, drawing: Any, given: dict[str, Any]) -> None:
    for name in ("transform", "score_samples", "score"):
        if _has(model, name):
            latent = _attempt(getattr(model, name), rows, **given)
            if name == "transform" and latent is not None and _has(model, "inverse_transform"):
                _attempt(model.inverse_transform, latent, **given)
    if _has(drawing, "impute"):
        _attempt(drawing.impute, _with_gaps(rows), random_state=0, **given)
    if model is not drawing:
        _attempt(model.transform, _with_gaps(rows))


def _has(model: Any, name: str) -> bool:
    return bool(_attempt(hasattr, model, name))


def _conditions(model: Any) -> dict[str, Any]:
    """Return a condition of the trial's rows that a model knows, none if it takes none."""
    encoder = model.row_map_.condition_encoder
    if encoder is None:
        return {}
    columns = [
        np.full(N_ROWS, mean) if labels is None else labels[np.arange(N_ROWS) % len(labels)]
        for labels, (mean, _) in zip(encoder.labels, encoder.moments, strict=True)
    ]
    if len(columns) == 1:
        return {"condition": columns[0]}
    names = range(len(columns)) if None in encoder.names else encoder.names
    return {"condition": pd.DataFrame(dict(zip(names, columns, strict=True)))}


def _with_gaps(rows: Any) -> Any:
    """Return rows with a gap in each, in one column after the other."""
    gaps = np.arange(rows.shape[1]) == (np.arange(len(rows)) % rows.shape[1])[:, None]
    return rows.mask(gaps) if isinstance(rows, pd.DataFrame) else np.where(gaps, np.nan, rows)


def _try_encoder(encoder: Any) -> None:
    """Decode random numbers, and encode what comes of them."""
    numbers = np.random.default_rng(0).normal(size=(N_ROWS, encoder._n_features_out))
    rows = _attempt(encoder.inverse_transform, numbers)
    if rows is None:
        return
    for name in ("transform", "transform_holes", "find_unseen"):
        for given in (rows, _with_gaps(pd.DataFrame(rows))):
            _attempt(getattr(encoder, name), given)
    missing = np.asarray(pd.DataFrame(_with_gaps(pd.DataFrame(rows))).isna())
    _attempt(encoder.keep_constraints, rows, rows, missing)
