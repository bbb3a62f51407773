"""Models in files: `save` and `load`, without pickle.

One file holds a fitted estimator or a pipeline of them, as :mod:`skgen.storage` writes it: weights
and arrays as safetensors, the rest as JSON. Loading runs no code from the file. A file may name
registered classes only: the estimators, networks and helpers of skgen, scikit-learn's pipeline and
usual scalers, and those given to :func:`register`.
"""

import datetime
import os
import warnings
from typing import Any

import numpy as np
import pandas as pd
import sklearn
import torch
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from torch import nn

from skgen import storage
from skgen._compat import MetadataRequest, MethodMetadataRequest
from skgen.base import REGISTRY, BaseGenerativeModel
from skgen.data.charts import Charts
from skgen.data.conditions import ConditionEncoder
from skgen.data.levels import Levels
from skgen.data.row_map import RowMap
from skgen.data.scaling import ColumnScaler, _Spline
from skgen.data.sequences import Frames
from skgen.entries import Intervals, Numbers, Times
from skgen.networks.conv import PatchGrid
from skgen.papers._module import SCORE_DRAWS
from skgen.processes import bernoulli
from skgen.processes.bridges import LinearReference
from skgen.processes.manifolds import Product
from skgen.storage import FileFormatError, name_of, register, register_value
from skgen.tables.columns import _Converted, _Empty, _Floats, _Labels, _Steps
from skgen.tables.constraints import RULES, Check, Support
from skgen.tables.encoder import TableEncoder
from skgen.tables.imputation import GenerativeImputer
from skgen.tables.kept_patterns import KeptApart, KeptGaps
from skgen.tables.kept_rules import KeptRule
from skgen.tables.made_up import MadeUp
from skgen.tables.over_sampling import GenerativeOverSampler
from skgen.tables.pipeline import GenerativePipeline
from skgen.tables.prediction import GenerativeClassifier, GenerativeRegressor, Predictor
from skgen.tables.rare import CommonCategories
from skgen.tables.withheld import Withheld
from skgen.trial import steps_of, try_out

__all__ = ["FileFormatError", "load", "register", "save"]

_SCALERS = (
    MaxAbsScaler,
    MinMaxScaler,
    PCA,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
for _cls in (Pipeline, FunctionTransformer, *_SCALERS):
    # By their public names, which scikit-learn keeps when its files move.
    register(_cls, ".".join([*_cls.__module__.split("._")[0].split("."), _cls.__name__]))
for _cls in (MetadataRequest, MethodMetadataRequest):
    register(_cls, f"sklearn.{_cls.__name__}")
for _cls in (
    *(GenerativeClassifier, GenerativeImputer, GenerativeOverSampler, GenerativePipeline),
    *(GenerativeRegressor, TableEncoder),
):
    register(_cls, _cls.__name__)
for _cls in (
    *(_Converted, _Empty, _Floats, _Labels, _Steps, *RULES, KeptApart, KeptGaps, KeptRule),
    *(ColumnScaler, _Spline, ConditionEncoder, Frames, Levels, RowMap, PatchGrid, LinearReference),
    *(Numbers, Times, Intervals, Check, Support, Charts, Product),
    *(CommonCategories, MadeUp, Withheld),
):
    register(_cls)
for _function in bernoulli.SCHEDULES.values():
    register(_function)


def _period_of(parts: Any) -> pd.Period:
    ordinal, unit = parts
    return pd.Period(ordinal=ordinal, freq=unit)


def _timestamp_of(parts: Any) -> pd.Timestamp:
    moment, zone = parts
    if not isinstance(moment, np.datetime64) or not isinstance(zone, datetime.tzinfo | None):
        # pandas would look up a time zone that a text names, even in files.
        raise TypeError("a Timestamp is made of a moment and a time zone")
    value = pd.Timestamp(moment)
    return value if zone is None else value.tz_localize("UTC").tz_convert(zone)


# pandas' own values, among categories, conditions and the names of columns.
register_value(type(pd.NaT), "NaT", lambda value: None, lambda plain: pd.NaT)
register_value(type(pd.NA), "NA", lambda value: None, lambda plain: pd.NA)
register_value(pd.Timestamp, "Timestamp", lambda v: [v.asm8, v.tzinfo], _timestamp_of)
register_value(pd.Timedelta, "Timedelta", lambda v: v.asm8, pd.Timedelta)
register_value(pd.Period, "Period", lambda v: [v.ordinal, v.freqstr], _period_of)
register_value(
    pd.Interval,
    "Interval",
    lambda v: [v.left, v.right, v.closed],
    lambda parts: pd.Interval(*parts),
)

# Parameters that name a file or folder which a later `fit` reads or unpickles.
READ_BY_FIT = ("checkpoint", "memory")

# What no fit goes beyond.
MOST_STEPS, MOST_ROWS, MOST_COLUMNS = 10_000, 1024, 1_000_000


def _register_estimators() -> None:
    # Estimators register themselves in base when their files are imported, which may be before or
    # after this file.
    for name, cls in REGISTRY.items():
        if cls.__module__.split(".")[0] == "skgen":
            register(cls, name)


def save(model: Any, path: str | os.PathLike) -> None:
    """Write a model to one file.

    The file is safetensors: weights and arrays under their own names, and a description of
    everything else in its header. An existing file is replaced only once the new one is complete on
    disk; the new one gets its permissions and, where possible, its owner. A symbolic link is
    followed. Temporary files of a killed `save` to the same name are deleted.

    Parameters
    ----------
    model : estimator
        An estimator of skgen, fitted or not, a scikit-learn pipeline of such and of the usual
        scalers, or an instance of a class given to `register`.
    path : str or path
        Where to write it, such as ``"model.safetensors"``.

    Raises
    ------
    TypeError
        If a part of the model is of a class that is not registered, such as a callback of your own;
        the message says which. A file at `path` is unchanged.
    OSError
        If `path` cannot be written, or is not a regular file but, for example, a folder, a device
        or a pipe.

    See Also
    --------
    load : Read it back.
    inspect_model : What a file holds of the rows.

    Notes
    -----
    Whoever has the file can read what it contains of the training rows, which
    :func:`skgen.inspect_model` tells: the weights; the values that a column repeats, and its
    quantiles or levels if the scaling or the likelihood uses them; the extremes and all categories
    of a :class:`~skgen.TableEncoder`, but for those that `min_count` and `identifiers` keep from
    it; all rows of the source of a bridge fitted with ``source=``, in float32, because `sample`,
    `score` and `partial_fit` start from them; up to 10,000 training rows of a
    :class:`~skgen.FlowMatcher` fitted with a geometry and without a condition, at which its kernels
    lie; and the rows of bits of a :class:`~skgen.BinaryLatentDiffusion`, with their frequencies, if
    few different ones occur.

    The weights from which `partial_fit` goes on are saved, but not the optimiser's
    state nor ``nets_``. A model trained on a GPU loads on the CPU.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> import skgen
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = skgen.FlowMatcher(max_steps=20, random_state=0).fit(X)
    >>> path = tempfile.mkdtemp() + "/model.safetensors"
    >>> skgen.save(model, path)
    >>> bool((skgen.load(path).sample(3) == model.sample(3)).all())
    True
    """
    save_with_notes(model, {}, path)


def save_with_notes(model: Any, notes: dict[str, Any], path: str | os.PathLike) -> None:
    """Write a model as `save` does, with notes: plain values that `load` ignores."""
    _register_estimators()
    value = {"scikit-learn": sklearn.__version__, "object": model, "notes": notes}
    if name_of(type(model)) is None:
        raise TypeError(
            f"model must be an estimator of skgen, a pipeline of them, or of a class given to "
            f"skgen.persistence.register; got {type(model).__name__}."
        )
    storage.write(path, value, "model")


def load(path: str | os.PathLike) -> Any:
    """Read a model that `save` wrote.

    No code from the file is run and nothing is unpickled: classes are looked up by name among those
    registered, and their attributes are restored. A file from a stranger can contain wrong numbers,
    but cannot run anything.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    model : estimator
        The model, on the CPU. It transforms, scores and samples to the same bits, and can be
        cloned, fitted anew and trained further.

    Raises
    ------
    FileFormatError
        If the file is damaged, not of skgen, or of a class that is not registered; or if a model of
        the library, used once in small, raises anything but a ValueError. It is a ValueError.

    Warns
    -----
    UserWarning
        If an estimator in the file has a ``memory`` or a ``checkpoint``: both name files that a
        later `fit` reads, and whoever made the file would choose them. They are None in the loaded
        model, and the warning says what they were.

    See Also
    --------
    save : Write it.

    Examples
    --------
    >>> import tempfile
    >>> import skgen
    >>> path = tempfile.mkdtemp() + "/model.safetensors"
    >>> skgen.save(skgen.VariationalDiffusionAE(n_components=4), path)
    >>> skgen.load(path)
    VariationalDiffusionAE(n_components=4)
    """
    return load_with_notes(path)[0]


def load_with_notes(path: str | os.PathLike) -> tuple[Any, dict[str, Any]]:
    """Read a model and its notes, which are empty if `save` wrote it."""
    value, objects = read_untried(path)
    dropped = [text for part in objects for text in _drop_places(part)]
    if dropped:
        warnings.warn(
            f"{os.fspath(path)!r} names places that a later fit would read from, and a model from "
            f"a file reads from none: {', '.join(dropped[:10])}. They are None now; set them by "
            "set_params if they are yours.",
            stacklevel=3,
        )
    try_out(objects, os.fspath(path), _SCALERS)
    notes = value.get("notes", {})
    return value["object"], notes if isinstance(notes, dict) else {}


def read_untried(path: str | os.PathLike) -> tuple[dict[str, Any], list[Any]]:
    """Read the contents of a file with a model, and all objects in it, without using any."""
    _register_estimators()
    value, objects = storage.read_with_objects(path, "model")
    model = value.get("object") if isinstance(value, dict) else None
    if name_of(type(model)) is None:
        raise FileFormatError(f"Cannot load {os.fspath(path)!r}: it holds no model.")
    for part in objects:
        _check_sizes(part, os.fspath(path))
    return value, objects


def _drop_places(part: Any) -> list[str]:
    """Set parameters that name files which `fit` reads to None; return what they were."""
    if not isinstance(part, BaseEstimator):
        return []
    dropped = []
    for name in READ_BY_FIT:
        value = part.__dict__.get(name)
        if value is not None and name in part._get_param_names():
            setattr(part, name, None)
            shown = repr(value) if isinstance(value, str | os.PathLike) else type(value).__name__
            dropped.append(f"{name}={shown:.200} of {type(part).__name__}")
    return dropped


def _check_sizes(part: Any, path: str) -> None:
    """Raise where an object from a file has a size or a type that no fit leaves."""
    wrong = _wrong_size(part)
    if wrong is not None:
        raise FileFormatError(f"Cannot load {path!r}: its {type(part).__name__} {wrong}.")


def _wrong_size(part: Any) -> str | None:
    n_columns = getattr(part, "__dict__", {}).get("n_features_in_", 0)
    if type(n_columns) is not int or not 0 <= n_columns <= MOST_COLUMNS:
        # scikit-learn makes names of so many.
        return f"has an n_features_in_ that is no whole number up to {MOST_COLUMNS}"
    if _contains_itself(part):
        return "is within itself"
    if not isinstance(part, BaseGenerativeModel) or "module_" not in vars(part):
        return None
    if not isinstance(part.module_, nn.Module):
        return "has a module_ that is no network"
    if type(vars(part).get("row_map_")) is not RowMap:
        return "has a row_map_ that is no RowMap"
    n_steps = vars(part).get("n_steps")
    if isinstance(n_steps, int | float) and n_steps > MOST_STEPS:
        return f"has n_steps above {MOST_STEPS}"
    # Scores of bits are exact sums over the steps of the diffusion.
    draws = max(n for n in (SCORE_DRAWS, vars(part).get("n_timesteps")) if type(n) is int)
    own = type(part).__module__.partition(".")[0] == "skgen"
    for name, most in (("block_size", MOST_ROWS), ("score_draws", draws)):
        # A module of a user's may have larger blocks, and no score.
        most = most if own else 2**31
        value = getattr(part.module_, name, 1 if name == "score_draws" else None)
        if type(value) is not int or not 1 <= value <= most:
            return f"has a module_.{name} that is no whole number from 1 to {most}"
    tensors = (*part.module_.parameters(), *part.module_.buffers())
    if any(tensor.is_floating_point() and tensor.dtype != torch.float32 for tensor in tensors):
        return "has a module_ that is not in single precision, as fits leave it"
    return None


def _contains_itself(part: Any, around: tuple[Any, ...] = ()) -> bool:
    """Tell whether a pipeline, imputer or over-sampler is a part of itself."""
    if any(part is other for other in around):
        return True
    if not isinstance(part, Pipeline | GenerativeImputer | GenerativeOverSampler | Predictor):
        return False
    inner = (vars(part).get("model"), vars(part).get("model_"), *steps_of(part))
    return any(_contains_itself(other, (*around, part)) for other in inner)
