"""Generative models that behave like scikit-learn estimators."""

from skgen.models.binary_latent_diffusion import BinaryLatentDiffusion
from skgen.models.schrodinger_bridge import FlowMatcher, SchrodingerBridgeMatcher, Whole
from skgen.models.variational_diffusion_ae import VariationalDiffusionAE
from skgen.models.vq_diffusion_bridge import VQDiffusionBridge

__version__ = "0.1.0"
__all__ = [
    "BinaryLatentDiffusion",
    "FlowMatcher",
    "SchrodingerBridgeMatcher",
    "VQDiffusionBridge",
    "VariationalDiffusionAE",
    "Whole",
]
