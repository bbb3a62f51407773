"""Latent rows as users see them, and what they may give back."""

from typing import Any

import numpy as np
from sklearn.utils import check_array


class LatentFormat:
    """Latent rows as the module has them.

    Parameters
    ----------
    n_columns : int
        Columns that users see.
    """

    def __init__(self, n_columns: int):
        self.n_columns = n_columns

    def show(self, rows: np.ndarray) -> np.ndarray:
        """Return what the module encodes as users see it."""
        return rows

    def read(self, X: Any, estimator: Any) -> np.ndarray:
        """Return what users see as the module has it, or say what is wrong with it."""
        Z = check_array(X, dtype=[np.float64, np.float32], input_name="X", estimator=estimator)
        if Z.shape[1] != self.n_columns:
            raise ValueError(
                f"inverse_transform takes the {self.n_columns} latent columns that transform "
                f"returns, got {Z.shape[1]}."
            )
        return Z
