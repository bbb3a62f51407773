"""Generative models that behave like scikit-learn estimators."""

from skgen._version import __version__ as __version__
from skgen.inspection import inspect_model
from skgen.models.binary_latent_diffusion import BinaryLatentDiffusion
from skgen.models.schrodinger_bridge import FlowMatcher, SchrodingerBridgeMatcher, UncutSource
from skgen.models.variational_diffusion_ae import VariationalDiffusionAE
from skgen.models.vq_diffusion_bridge import VQDiffusionBridge
from skgen.persistence import load, save
from skgen.tables.constraints import (
    Formula,
    FunctionOf,
    GapWhere,
    Inequality,
    NeverTogether,
    OneOf,
    Product,
    Range,
    Sum,
)
from skgen.tables.encoder import TableEncoder
from skgen.tables.imputation import GenerativeImputer
from skgen.tables.over_sampling import GenerativeOverSampler
from skgen.tables.pipeline import GenerativePipeline, make_generative_pipeline
from skgen.tables.prediction import GenerativeClassifier, GenerativeRegressor

__all__ = [
    "BinaryLatentDiffusion",
    "FlowMatcher",
    "Formula",
    "FunctionOf",
    "GapWhere",
    "GenerativeClassifier",
    "GenerativeImputer",
    "GenerativeOverSampler",
    "GenerativePipeline",
    "GenerativeRegressor",
    "Inequality",
    "NeverTogether",
    "OneOf",
    "Product",
    "Range",
    "SchrodingerBridgeMatcher",
    "Sum",
    "TableEncoder",
    "UncutSource",
    "VQDiffusionBridge",
    "VariationalDiffusionAE",
    "inspect_model",
    "load",
    "make_generative_pipeline",
    "save",
]
