"""Models in files: `save` and `load`, without pickle.

One file holds a fitted estimator or a pipeline of them, as :mod:`skgen.storage` writes it: weights
and arrays as safetensors, the rest as JSON. Loading runs no code from the file. What may be in it
is what is registered: the estimators, networks and helpers of skgen, scikit-learn's pipeline and
usual scalers, and what :func:`register` is told of.
"""

import datetime
import os
import warnings
from typing import Any

import numpy as np
import pandas as pd
import sklearn
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
from skgen.base import REGISTRY
from skgen.data.conditions import ConditionEncoder
from skgen.data.levels import Levels
from skgen.data.row_map import RowMap
from skgen.data.scaling import ColumnScaler, _Spline
from skgen.data.sequences import Frames
from skgen.entries import Intervals, Numbers, Times
from skgen.networks.autoregressive import ColumnwiseMADE, PixelCNN
from skgen.networks.conv import PatchGrid
from skgen.networks.mlp import ColumnwiseLinear, ColumnwiseMLP
from skgen.networks.quantizers import Codebook
from skgen.papers.bernoulli_diffusion import BernoulliDiffusion, BitFrequencies
from skgen.papers.binary_latent_diffusion import BinaryLatentDiffusionModule, BitDenoiser
from skgen.papers.cells import Cells
from skgen.papers.code_priors import AutoregressivePrior, BridgePrior
from skgen.papers.column_densities import ColumnDensities
from skgen.papers.correction_shrinkage import CorrectionShrinkage
from skgen.papers.gaussian_diffusion import GaussianDiffusion
from skgen.papers.gaussian_regressions import GaussianRegressions
from skgen.papers.layouts import _EachPlace, _SequenceDecoder, _SequenceEncoder, _SlowLinear
from skgen.papers.principal_axes import PrincipalAxes
from skgen.papers.residuals import ResidualDistribution
from skgen.papers.schrodinger_bridge import SchrodingerBridge
from skgen.papers.variational_diffusion_ae import DiffusionAutoencoder
from skgen.papers.vq_diffusion_bridge import ColumnwiseVQModule, VQDiffusionBridgeModule
from skgen.processes import bernoulli
from skgen.processes.bridges import LinearReference
from skgen.storage import FileFormatError, keep_attributes, name_of, register, register_value
from skgen.tables.columns import _Converted, _Empty, _Floats, _Labels, _Steps
from skgen.tables.constraints import RULES
from skgen.tables.encoder import TableEncoder
from skgen.tables.imputation import GenerativeImputer
from skgen.tables.kept_patterns import KeptApart, KeptGaps
from skgen.tables.kept_rules import KeptRule
from skgen.tables.over_sampling import GenerativeOverSampler
from skgen.tables.pipeline import GenerativePipeline
from skgen.trial import came_from, watch

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
    # Their public names, which scikit-learn keeps when files move.
    register(_cls, ".".join([*_cls.__module__.split("._")[0].split("."), _cls.__name__]))
for _cls in (MetadataRequest, MethodMetadataRequest):
    register(_cls, f"sklearn.{_cls.__name__}")
for _cls in (GenerativeImputer, GenerativeOverSampler, GenerativePipeline, TableEncoder):
    register(_cls, _cls.__name__)
    watch(_cls)
# By the names that the first files have, whatever module they are in by now.
for _cls in (_Converted, _Empty, _Floats, _Labels, _Steps):
    register(_cls, f"skgen.table.{_cls.__name__}")
for _cls in RULES:
    register(_cls, f"skgen.constraints.{_cls.__name__}")
register(KeptRule, "skgen.kept_rules.KeptRule")
for _cls in (KeptApart, KeptGaps):
    register(_cls, f"skgen.kept_patterns.{_cls.__name__}")
for _cls in (ColumnScaler, _Spline):
    register(_cls, f"skgen.scaling.{_cls.__name__}")
register(ConditionEncoder, "skgen.conditions.ConditionEncoder")
for _cls in (Frames, Levels, RowMap, PatchGrid, LinearReference):
    register(_cls)
for _function in (*bernoulli.SCHEDULES.values(), *bernoulli.KERNELS.values()):
    register(_function)

# Networks, by the names of the files that they first stood in, and of the attributes that they had.
_NETWORKS: dict[str, type[nn.Module]] = {
    "_bernoulli_diffusion.BernoulliDiffusion": BernoulliDiffusion,
    "_bernoulli_diffusion.KnownLaw": BitFrequencies,
    "_cells.Cells": Cells,
    "_code_priors.AutoregressivePrior": AutoregressivePrior,
    "_code_priors.BridgePrior": BridgePrior,
    "_column_densities.ColumnDensities": ColumnDensities,
    "_column_densities.GaussianRegressions": GaussianRegressions,
    "_gaussian_diffusion.GaussianDiffusion": GaussianDiffusion,
    "_principal_axes.PrincipalAxes": PrincipalAxes,
    "_spread.Spread": ResidualDistribution,
    "_trust.Trust": CorrectionShrinkage,
    "binary_latent_diffusion._BinaryLatentDiffusion": BinaryLatentDiffusionModule,
    "binary_latent_diffusion._Denoiser": BitDenoiser,
    "binary_latent_diffusion._SlowLinear": _SlowLinear,
    "binary_latent_diffusion._WholeDecoder": _SequenceDecoder,
    "binary_latent_diffusion._WholeEncoder": _SequenceEncoder,
    "schrodinger_bridge._SchrodingerBridge": SchrodingerBridge,
    "variational_diffusion_ae._VariationalDiffusionAE": DiffusionAutoencoder,
    "vq_diffusion_bridge._Places": _EachPlace,
    "vq_diffusion_bridge._VQDiffusionBridge": VQDiffusionBridgeModule,
    "vq_diffusion_bridge._VQTable": ColumnwiseVQModule,
}
for _name, _network in _NETWORKS.items():
    register(_network, f"skgen.models.{_name}")
register(ColumnwiseLinear, "skgen.networks.mlp.Apart")
register(ColumnwiseMLP, "skgen.networks.mlp.ApartMLP")
_CODE_ATTRIBUTES = {"residuals": "spread", "frozen": "settled", "initialized": "started"}
for _network in (BinaryLatentDiffusionModule, VQDiffusionBridgeModule, ColumnwiseVQModule):
    keep_attributes(_network, _CODE_ATTRIBUTES)
keep_attributes(BernoulliDiffusion, {"frequencies": "law"})
keep_attributes(BitDenoiser, {"reads_observed": "holds"})
keep_attributes(Codebook, {"is_ema": "follows"})
keep_attributes(ColumnwiseMADE, {"evidence": "told"})
keep_attributes(DiffusionAutoencoder, {"frozen": "settled"})
keep_attributes(GaussianDiffusion, {"shrinkage": "trust"})
keep_attributes(PixelCNN, {"evidence": "seen"})

register(Numbers)
register(Times)
register(Intervals)


def _period_of(parts: Any) -> pd.Period:
    ordinal, unit = parts
    return pd.Period(ordinal=ordinal, freq=unit)


def _timestamp_of(parts: Any) -> pd.Timestamp:
    moment, zone = parts
    if not isinstance(moment, np.datetime64) or not isinstance(zone, datetime.tzinfo | None):
        # pandas would look for a zone that a text names, in files too.
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

# Parameters that name a file or a folder which a later `fit` reads, or unpickles from.
READ_BY_FIT = ("checkpoint", "memory")


def _register_estimators() -> None:
    # Estimators register themselves in base when their files are imported, this one's before or
    # after.
    for name, cls in REGISTRY.items():
        if cls.__module__.split(".")[0] == "skgen":
            register(cls, name)
            watch(cls)


def save(model: Any, path: str | os.PathLike) -> None:
    """Write a model to one file.

    The file is safetensors: weights and arrays under their own names, and a description of
    everything else in its header. A file of this name is replaced only once the new one is whole
    on disk, which then has its permissions and, where possible, its owner; a symbolic link is
    followed. What a killed `save` to the same name has left beside it is deleted.

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
        If a part of the model is of a class that is not registered, such as a callback of your
        own; the message says which. What was at `path` stays.
    OSError
        If nothing can be written at `path`, or what is there is no regular file, such as a folder,
        a device or a pipe.

    See Also
    --------
    load : Read it back.

    Notes
    -----
    What a file holds of the rows that were learnt: the weights; of each column its extremes, and
    quantiles or levels where the scaling or the likelihood knows them; of a
    :class:`~skgen.TableEncoder` every category, text and name of a column as it is; of a bridge
    fitted with ``source=`` all rows of the source, in float32, since `sample`, `score` and
    `partial_fit` start from them; of :class:`~skgen.BinaryLatentDiffusion` on few different rows
    of bits these rows, with their frequencies. Whoever has the file can read them.

    Of a model in training what its weights need to go on is kept, but not the optimiser's state
    nor ``nets_``. A model trained on a GPU is written from it, and loads on the CPU.

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
    """Write a model as `save` does, and beside it plain values that `load` leaves out."""
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

    No code from the file is run and nothing is unpickled: names of classes are looked up among
    those registered, and their attributes put back. A file from a stranger can hold wrong numbers,
    but not do anything.

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
        If the file is damaged, not of skgen, or of a class that is not registered; a ValueError.

    Warns
    -----
    UserWarning
        If an estimator in the file has a ``memory`` or a ``checkpoint``: both name places that a
        later `fit` reads, and whoever made the file would choose what. They are None in what comes
        back, and the warning says which they were.

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
    """Read a model and the notes beside it, none if `save` wrote it."""
    _register_estimators()
    value, objects = storage.read_with_objects(path, "model")
    model = value.get("object") if isinstance(value, dict) else None
    if name_of(type(model)) is None:
        raise FileFormatError(f"Cannot load {os.fspath(path)!r}: it holds no model.")
    dropped = [text for part in objects for text in _drop_places(part)]
    if dropped:
        warnings.warn(
            f"{os.fspath(path)!r} names places that a later fit would read from, and a model from "
            f"a file reads from none: {', '.join(dropped[:10])}. They are None now; set them by "
            "set_params if they are yours.",
            stacklevel=3,
        )
    came_from(objects, os.fspath(path), _SCALERS)
    notes = value.get("notes", {})
    return model, notes if isinstance(notes, dict) else {}


def _drop_places(part: Any) -> list[str]:
    """Set what an estimator's `fit` would read from to None; return what it was, in words."""
    if not isinstance(part, BaseEstimator):
        return []
    told = []
    for name in READ_BY_FIT:
        value = part.__dict__.get(name)
        if value is not None and name in part._get_param_names():
            setattr(part, name, None)
            shown = repr(value) if isinstance(value, str | os.PathLike) else type(value).__name__
            told.append(f"{name}={shown:.200} of {type(part).__name__}")
    return told
