"""A trial of what came out of a file: `load` ends with it.

A forged file can describe a model whose parts do not fit together: an attribute that is missing, a
network in the place of another. Only the code that uses a part knows what it must be. So each
fitted estimator of the library in a file is used once, in small: a miniature, which has the same
weights but takes fewer steps and smaller blocks, draws a few rows, and transforms, scores and
completes them; a bridge carries them, too, and sequences have the lengths that were drawn. A
ValueError is an answer in words; any other exception is a `FileFormatError`. Nobody can say the
like of a user's own classes, which are not tried.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn import config_context
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skgen.base import BaseGenerativeModel
from skgen.storage import FileFormatError
from skgen.tables.encoder import TableEncoder
from skgen.tables.imputation import GenerativeImputer
from skgen.tables.prediction import Predictor
from skgen.tables.redraws import checks_of
from skgen.threads import one_thread

N_ROWS = 3
FAILED = object()


def try_out(objects: list[Any], path: str, scalers: tuple[type, ...]) -> None:
    """Use each fitted estimator of the library, and each scaler, that came out of a file.

    Parameters
    ----------
    objects : list
        All objects in the file.
    path : str
        The file, for messages.
    scalers : tuple of type
        The transformers of scikit-learn that files may name.

    Raises
    ------
    FileFormatError
        If one raises anything but a ValueError.
    """
    tried = [part for part in objects if _is_known(part, scalers)]
    # A pipeline's steps are tried within it.
    within = {id(s) for part in tried if isinstance(part, Pipeline) for s in steps_of(part)}
    for part in tried:
        if id(part) not in within:
            _try(part, path)


def steps_of(part: Any) -> list[Any]:
    """Return the steps of a pipeline, as far as they are such, of other objects none."""
    steps = getattr(part, "__dict__", {}).get("steps")
    return [s[-1] for s in steps if type(s) is tuple and s] if type(steps) is list else []


def _is_known(part: Any, scalers: tuple[type, ...]) -> bool:
    """Tell whether all that an estimator does is the library's or one of scikit-learn's scalers."""
    cls = type(part)
    if cls is FunctionTransformer:
        functions = (vars(part).get(name) for name in ("func", "inverse_func"))
        return all(f is None or _is_own(f) for f in functions)
    if cls is Pipeline or (isinstance(part, Pipeline) and _is_own(cls)):
        # Steps that are no estimators at all are for the trial to stumble over.
        steps = [s for s in steps_of(part) if hasattr(s, "fit")]
        known = all(_is_known(step, scalers) for step in steps)
        return known and bool(steps) and isinstance(steps[-1], BaseGenerativeModel)
    if isinstance(part, GenerativeImputer | Predictor):
        return _is_own(cls) and _is_known(vars(part).get("model_"), scalers)
    if isinstance(part, BaseGenerativeModel):
        module = vars(part).get("module_")
        networks = module.modules() if isinstance(module, nn.Module) else ()
        return _is_own(cls) and all(_is_own(type(n)) or _is_layer(type(n)) for n in networks)
    return cls in scalers or (isinstance(part, TableEncoder) and _is_own(cls))


def _is_own(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).partition(".")[0] == "skgen"


def _is_layer(cls: type) -> bool:
    return cls.__module__.startswith("torch.nn.")


def _try(part: Any, path: str) -> None:
    """Use an estimator on rows of its own."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), one_thread():
        warnings.simplefilter("ignore")
        try:
            with config_context(enable_metadata_routing=False):
                _attempt(_use, part)
        except MemoryError:
            # Nothing the file can help.
            raise
        except Exception as error:
            raise FileFormatError(
                f"Cannot load {path!r}: the parts of its {type(part).__name__} do not fit together "
                f"({type(error).__name__}: {error!s:.200})."
            ) from error


def _attempt(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a function returns, `FAILED` where it says in words why it does not."""
    try:
        return function(*args, **kwargs)
    except (ValueError, ImportError):
        # A library that is not installed is no fault of the file either.
        return FAILED


def _miniature(part: Any) -> Any:
    """Return a copy of a fitted estimator, with the same weights, that takes little time."""
    changes: dict[str, Any] = {}
    if isinstance(part, Pipeline):
        changes["steps"] = [(name, _miniature(step)) for name, step in part.steps]
    elif isinstance(part, GenerativeImputer | Predictor):
        changes = {"model_": _miniature(part.model_), "random_state": 0, "n_draws": 1}
    elif isinstance(part, TableEncoder) and "constraints_" in vars(part):
        # Without the functions of users.
        functions = checks_of(part)
        changes["constraints_"] = [rule for rule in part.constraints_ if rule not in functions]
        if vars(part).get("_of_polars") is True:
            changes["_of_polars"] = False
    elif isinstance(part, BaseGenerativeModel) and "module_" in vars(part):
        changes = {"block_size": N_ROWS, "score_draws": 1}
        module = part.module_
        module = _with(module, **{k: n for k, n in changes.items() if k in vars(module)})
        if isinstance(module._buffers.get("source"), torch.Tensor):
            # The score of a bridge carries all rows of the source.
            module._buffers = {**module._buffers, "source": module._buffers["source"][:N_ROWS]}
        # No copy in double precision either.
        changes = {"module_": module, "_copies": {torch.float64: module}}
        if isinstance(vars(part).get("n_steps"), int | float):
            changes["n_steps"] = 1
    else:
        return part
    if vars(part).get("_sklearn_output_config") == {"transform": "polars"}:
        changes["_sklearn_output_config"] = {}
    return _with(part, **changes)


def _with(thing: Any, **changes: Any) -> Any:
    """Return a copy that shares all attributes but those given."""
    copied = object.__new__(type(thing))
    copied.__dict__.update(thing.__dict__)
    copied.__dict__.update(changes)
    return copied


def _use(part: Any) -> None:
    check_is_fitted(part)
    part = _miniature(part)
    if isinstance(part, TableEncoder):
        _use_encoder(part)
    elif isinstance(part, GenerativeImputer):
        rows = _attempt(_drawn, part.model_, {})
        if rows is not FAILED:
            _attempt(part.transform, _with_gaps(rows))
    elif isinstance(part, Predictor):
        rows = _attempt(_drawn, part.model_, {})
        if rows is not FAILED:
            columns = pd.DataFrame(rows).iloc[:, : part.n_features_in_]
            names = getattr(part, "feature_names_in_", columns.columns)
            _attempt(part.predict, columns.set_axis(names, axis=1))
    elif isinstance(part, Pipeline | BaseGenerativeModel):
        _use_model(part)
    else:
        rows = _attempt(part.transform, np.full((2, part.n_features_in_), 0.5))
        if rows is not FAILED and hasattr(part, "inverse_transform"):
            _attempt(part.inverse_transform, rows)


def _use_model(part: Any) -> None:
    last = part.steps[-1][1] if isinstance(part, Pipeline) else part
    given = _attempt(_conditions, last)
    given = {} if given is FAILED else given
    # Drawn without a condition and used with one, where both are possible.
    rows = _attempt(_drawn, part, {})
    if rows is FAILED and given:
        rows = _attempt(_drawn, part, given)
    if rows is FAILED and isinstance(part, Pipeline):
        for step in steps_of(part):
            if hasattr(step, "fit"):
                _attempt(_use, step)
        return
    if rows is FAILED:
        rows = np.tile(part.row_map_.scaler.location, (N_ROWS, 1))
    rows, lengths = (rows, {}) if part is not last else _with_lengths(part, rows, given)
    if hasattr(part, "transform"):
        latent = _attempt(part.transform, rows, **given, **lengths)
        if latent is not FAILED and hasattr(part, "inverse_transform"):
            _attempt(part.inverse_transform, latent, **given)
        if latent is not FAILED and hasattr(last, "trajectory"):
            # A bridge carries rows of its source; a prior's path begins with noise.
            start = latent if hasattr(last.module_, "has_source") else N_ROWS
            _attempt(last.trajectory, start, n_steps=1, random_state=0, **given)
    if hasattr(part, "translate"):
        _attempt(part.translate, rows, random_state=0, **given)
    for name in ("score_samples", "score_samples_encoded", "score"):
        if hasattr(part, name):
            _attempt(getattr(part, name), rows, **given, **lengths)
            break
    if hasattr(part, "impute"):
        options = {"n_steps": 1, "random_state": 0, **given, **lengths}
        _attempt(part.impute, _with_gaps(rows), **options)


def _with_lengths(model: Any, rows: Any, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return drawn sequences and their lengths, as an argument; other rows, and none."""
    if model.row_map_.frames is None:
        return rows, {}
    options = {"n_steps": 1, "random_state": 0, "return_lengths": True}
    drawn = _attempt(model.sample, N_ROWS, **options)
    if drawn is FAILED:
        drawn = _attempt(model.sample, N_ROWS, **options, **given)
    return (rows, {}) if drawn is FAILED else (drawn[0], {"lengths": drawn[1]})


def _drawn(part: Any, given: dict[str, Any]) -> Any:
    """Return rows that a model draws."""
    last = part if hasattr(part, "sample") else part.steps[-1][1]
    rows = last.sample(N_ROWS, random_state=0, n_steps=1, **given)
    if last is part:
        return rows
    for _, step in reversed(part.steps[:-1]):
        # A pipeline of scikit-learn may have "passthrough" among its steps.
        rows = rows if step is None or step == "passthrough" else step.inverse_transform(rows)
    return rows


def _conditions(model: Any) -> dict[str, Any]:
    """Return a condition of the trial's rows that a model knows, none if it takes none."""
    encoder = model.row_map_.condition_encoder
    if encoder is None:
        return {}
    columns = [
        np.full(N_ROWS, mean) if labels is None else _first(labels, types)
        for labels, types, (mean, _) in zip(
            encoder.labels, encoder.label_types, encoder.moments, strict=True
        )
    ]
    if len(columns) == 1:
        return {"condition": columns[0]}
    names = range(len(columns)) if None in encoder.names else encoder.names
    return {"condition": pd.DataFrame(dict(zip(names, columns, strict=True)))}


def _first(labels: np.ndarray, types: np.ndarray) -> np.ndarray:
    """Return the first labels of a condition, with their types."""
    read: dict[str, Callable[[Any], Any]] = {"bool": lambda text: text == "True", "number": float}
    numbers = np.arange(N_ROWS) % len(labels)
    found = [
        read.get(kind, str)(labels[k]) for k, kind in zip(numbers, types[numbers], strict=True)
    ]
    return np.array(found, dtype=object)


def _with_gaps(rows: Any) -> Any:
    """Return rows with a gap in each, in one column after the other."""
    gaps = np.arange(rows.shape[1]) == (np.arange(len(rows)) % rows.shape[1])[:, None]
    return rows.mask(gaps) if isinstance(rows, pd.DataFrame) else np.where(gaps, np.nan, rows)


def _use_encoder(encoder: Any) -> None:
    """Decode random numbers, and encode what comes of them."""
    numbers = np.random.default_rng(0).normal(size=(N_ROWS, encoder._n_features_out))
    rows = _attempt(encoder.inverse_transform, numbers)
    if rows is FAILED:
        rows = pd.DataFrame(np.full((N_ROWS, encoder.n_features_in_), np.nan), dtype=object)
        rows.columns = rows.columns if encoder._labels is None else encoder._labels
    gaps = _with_gaps(rows)
    for name in ("transform", "transform_holes", "find_unseen"):
        _attempt(getattr(encoder, name), rows if name == "transform" else gaps)
    _attempt(encoder.keep_constraints, rows, rows, np.asarray(pd.DataFrame(gaps).isna()))
