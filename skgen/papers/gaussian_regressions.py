"""A normal distribution as regressions of each column on those before, any of them observed."""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from skgen.papers.cells import SMALLEST_SCALE

# A regularised regression of numbers on rows: coefficients, the intercept, and the mean square of
# the errors of rows that are left out one at a time.
Regress: TypeAlias = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, float, float]]


class GaussianRegressions(nn.Module):
    """A normal distribution of rows given a condition, as regressions on the columns before."""

    weight: Tensor
    slope: Tensor
    offset: Tensor
    scale: Tensor

    def __init__(self, d: int, n_condition: int):
        super().__init__()
        shapes = {"weight": (d, d), "slope": (d, n_condition), "offset": (d,), "scale": (d,)}
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, device="cpu"))

    def fit(self, x: np.ndarray, condition: np.ndarray, regress: Regress) -> None:
        """Regress each column on condition and columns before.

        The deviation is that of leave-one-out errors: what cannot be learnt from few rows counts as
        noise.
        """
        step = max(1, len(x) // 4096)
        x, condition = x[::step], condition[::step]
        n_condition = condition.shape[1]
        for j, column in enumerate(x.T):
            given = np.concatenate([condition, x[:, :j]], 1)
            deviation = given.std(0)
            deviation[deviation == 0] = 1.0
            # In the penalty a condition counts ten times as much as a column: a label of one row in
            # 200 has the mean of its row.
            deviation[:n_condition] /= 10.0
            self.offset[j], scale = float(column.mean()), float(column.std())
            if given.shape[1] and scale > 0 and len(x) > 2:
                coefficients, self.offset[j], error = regress(given / deviation, column)
                slopes = torch.from_numpy(coefficients / deviation)
                self.slope[j], self.weight[j, :j] = slopes[:n_condition], slopes[n_condition:]
                scale = math.sqrt(error)
            self.scale[j] = max(scale, SMALLEST_SCALE)

    def given_before(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of each column given those before it, (n, d) each."""
        mean = x @ self.weight.T + condition @ self.slope.T + self.offset
        return mean, self.scale.expand_as(mean)

    def given_observed(
        self, x: Tensor, observed: Tensor, condition: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the regressions of missing columns on those before, given the observed ones.

        The precision of the missing columns of a row is factorised from the last to the first:
        each factor is a regression on the missing columns before.

        Parameters
        ----------
        x : Tensor of shape (n, d)
            Rows; missing entries are not read.
        observed : Tensor of shape (n, d)
            1 where an entry is observed, 0 where it is missing.
        condition : Tensor of shape (n, n_condition)
            The conditions of the rows.

        Returns
        -------
        mean : Tensor of shape (n, d)
            Of each missing entry given all that are observed.
        weight : Tensor of shape (n, d, d)
            Slopes on how far the missing entries before are from their means.
        scale : Tensor of shape (n, d)
            Deviations given these, too.
        """
        d = len(self.offset)
        given, missing = observed.double(), 1 - observed.double()
        unit = torch.eye(d, dtype=torch.float64, device=x.device) - self.weight.double()
        root = unit / self.scale.double()[:, None]
        precision = root.T @ root
        start = (self.offset + condition @ self.slope.T).double()
        mean = torch.linalg.solve_triangular(unit, start.T, upper=False).T
        # Observed entries get a unit row each, which leaves them alone.
        masked = missing[:, :, None] * missing[:, None, :] * precision + torch.diag_embed(given)
        lower = torch.linalg.cholesky(masked.flip(1, 2))
        pull = -missing * (given * (x.double() - mean) @ precision)
        shift = torch.cholesky_solve(pull.flip(1)[..., None], lower)[..., 0].flip(1)
        upper = lower.flip(1, 2)
        diagonal = upper.diagonal(dim1=1, dim2=2)
        weight = -(upper / diagonal[:, None, :]).transpose(1, 2).tril(-1)
        return (mean + shift).to(x), weight.to(x), (1 / diagonal).to(x)
