"""Data sets for examples, tests and benchmarks, beside those that scikit-learn brings.

- distributions with a known density: `CorrelatedGaussian`, `GaussianRing`;
- distributions of binary rows with known probabilities: `BinaryDistribution`, `BinaryNetwork`;
- two sets of rows with a known entropic transport plan: `make_entropic_transport`,
  `EntropicTransport`;
- images offline: `load_photo_crops`, and `load_relief` on two grids;
- sequences offline: `load_pen_digits`;
- published sets from a folder or OpenML: `fetch_mnist`, `fetch_california_housing`,
  `fetch_power_plant`, and `fetch_adult` with columns of all kinds;
- numbers in Parquet files, read without loading them: `ParquetRows`.
"""

from ._binary import BinaryDistribution, BinaryNetwork
from ._densities import CorrelatedGaussian, GaussianRing
from ._entropic_transport import EntropicTransport, make_entropic_transport
from ._files import fetch_adult, fetch_california_housing, fetch_mnist, fetch_power_plant
from ._parquet import ParquetRows
from ._pen_digits import load_pen_digits
from ._photos import load_photo_crops
from ._relief import load_relief

__all__ = [
    "BinaryDistribution",
    "BinaryNetwork",
    "CorrelatedGaussian",
    "EntropicTransport",
    "GaussianRing",
    "ParquetRows",
    "fetch_adult",
    "fetch_california_housing",
    "fetch_mnist",
    "fetch_power_plant",
    "load_pen_digits",
    "load_photo_crops",
    "load_relief",
    "make_entropic_transport",
]
