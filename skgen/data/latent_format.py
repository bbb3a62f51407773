"""Latent rows in the format that users get, and back."""

from typing import Any

import numpy as np
import torch
from sklearn.utils import check_array
from torch import Tensor

from skgen.data.checks import check_near
from skgen.data.row_map import RowMap
from skgen.data.sources import matched


class LatentFormat:
    """Latent rows as the module has them; subclasses convert them.

    Parameters
    ----------
    n_columns : int
        Columns that `transform` returns.
    """

    def __init__(self, n_columns: int):
        self.n_columns = n_columns

    def show(self, rows: np.ndarray) -> np.ndarray:
        """Return latent rows of the module in the users' format."""
        return rows

    def read(self, X: Any, estimator: Any) -> np.ndarray:
        """Return rows in the users' format as the module's, or raise where they cannot be."""
        Z = check_array(X, dtype=[np.float64, np.float32], input_name="X", estimator=estimator)
        if Z.shape[1] != self.n_columns:
            raise ValueError(
                f"inverse_transform takes the {self.n_columns} latent columns that transform "
                f"returns, got {Z.shape[1]}."
            )
        return Z

    def rows(self, Z: np.ndarray) -> Tensor:
        """Return the result of `read` as rows of the module."""
        rows = torch.from_numpy(Z.copy())
        check_near(Z, rows)
        return rows


class SourceFormat(LatentFormat):
    """Rows of a source, in the units of the data.

    Parameters
    ----------
    n_columns : int
        Columns of the data.
    row_map : RowMap
        The map to scaled rows, and back.
    """

    def __init__(self, n_columns: int, row_map: RowMap):
        super().__init__(n_columns)
        self.row_map = row_map

    def show(self, rows: np.ndarray) -> np.ndarray:
        """Return scaled rows in the units of the data."""
        return self.row_map.inverse(torch.from_numpy(rows)).astype(rows.dtype)

    def read(self, X: Any, estimator: Any, name: str = "X") -> np.ndarray:
        """Return rows with the columns in the order of those of the data."""
        names = getattr(estimator, "feature_names_in_", None)
        return super().read(matched(X, names, name), estimator)

    def rows(self, Z: np.ndarray) -> Tensor:
        """Return scaled rows."""
        return self.row_map.scaled(Z)[0]
