"""Pictures of estimators and of the rows that they draw, like scikit-learn's displays.

A display contains the data that it shows; `plot` draws them, any number of times and on the
caller's axes, and ``from_estimator`` and ``from_samples`` do both at once. matplotlib is imported
only to draw.
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
