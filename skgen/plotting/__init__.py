"""Pictures of estimators and of what they draw, as scikit-learn's displays have it.

A display holds what it shows; `plot` draws it, as often as wanted and on axes of the caller's, and
``from_estimator`` and ``from_samples`` do both at once. matplotlib is imported where it draws.
"""

from ._comparison import SampleComparisonDisplay
from ._images import ImageGridDisplay
from ._latent import CodeUsageDisplay, LatentMapDisplay
from ._skeleton import SkeletonDisplay
from ._training import TrainingCurveDisplay
from ._trajectory import TrajectoryDisplay

__all__ = [
    "CodeUsageDisplay",
    "ImageGridDisplay",
    "LatentMapDisplay",
    "SampleComparisonDisplay",
    "SkeletonDisplay",
    "TrainingCurveDisplay",
    "TrajectoryDisplay",
]
