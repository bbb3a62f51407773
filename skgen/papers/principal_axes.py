"""Principal axes of the data, where the diffusions run."""

import torch
from torch import Tensor, nn


class PrincipalAxes(nn.Module):
    """Centre, rotation and standard deviations of rows; the identity until fitted.

    Parameters
    ----------
    n_features : int
        Columns of a row.
    rotate : bool
        Whether to turn to the axes of the covariance, or to keep the columns and one scale, as
        images and sequences need.
    """

    mean: Tensor
    scale: Tensor
    basis: Tensor

    def __init__(self, n_features: int, rotate: bool):
        super().__init__()
        self.rotate = rotate
        self.register_buffer("mean", torch.zeros(n_features, device="cpu"))
        self.register_buffer("scale", torch.ones(n_features, device="cpu"))
        basis = torch.eye(n_features, device="cpu") if rotate else torch.empty(0, device="cpu")
        self.register_buffer("basis", basis)

    def fit(self, rows: Tensor, extra_variance: Tensor | float = 0.0) -> None:
        """Learn from (n, n_features) rows, to whose variance a diagonal may be added."""
        rows = rows.double()
        mean = rows.mean(0)
        centred = rows - mean
        if self.rotate:
            covariance = centred.T @ centred / len(rows)
            covariance += torch.diag(torch.zeros_like(mean) + extra_variance)
            # On few rows the small eigenvalues come out too small; a little of the mean variance
            # on the diagonal keeps them up.
            ridge = covariance.diagonal().mean() / (10.0 * len(rows))
            variance, basis = torch.linalg.eigh(
                covariance + ridge * torch.eye(len(mean), device=rows.device).double()
            )
            self.basis.copy_(basis)
            scale = variance.clamp(min=0).sqrt()
        else:
            scale = (centred.square().mean() + extra_variance).sqrt().expand(len(mean))
        self.mean.copy_(mean)
        self.scale.copy_(scale.clamp(min=1e-6))

    def to_axes(self, rows: Tensor) -> Tensor:
        """Centre and rotate rows."""
        return (rows - self.mean) @ self.basis if self.rotate else rows - self.mean

    def from_axes(self, rows: Tensor) -> Tensor:
        """Rotate and shift rows back."""
        return (rows @ self.basis.T if self.rotate else rows) + self.mean

    def agree(
        self, rows: Tensor, variance: Tensor, target: Tensor, patterns: Tensor, which: Tensor
    ) -> Tensor:
        r"""Move rows on the axes so that they agree with the observed columns.

        With V the covariance, diagonal on the axes, and o the observed columns, x becomes
        :math:`x + V_{\cdot o} V_{oo}^{-1} (x_o^{target} - x_o)`: the conditional mean, where x is
        the mean, and a conditional draw, where x is a draw. Without a rotation the observed
        columns are replaced.

        Parameters
        ----------
        rows : Tensor of shape (n, n_features)
            Rows on the axes.
        variance : Tensor of shape (n_features,)
            Their variances on the axes.
        target : Tensor of shape (n, n_features)
            Centred columns to agree with.
        patterns : Tensor of shape (n_patterns, n_features), bool
            Sets of columns that are observed; many rows may share one.
        which : Tensor of shape (n,), int
            The pattern of each row.
        """
        observed = patterns[which]
        if not self.rotate:
            return torch.where(observed, target, rows)
        columns = rows @ self.basis.T
        residual = observed * (target - columns)
        # In double: the axes may differ in variance by many orders.
        basis, given = self.basis.double(), patterns.double()
        covariance = (basis * variance) @ basis.T
        size = covariance.diagonal().mean()
        held = given[:, :, None] * covariance * given[:, None, :]
        # Columns that follow from others leave it singular but for rounding, which this covers.
        rounding = torch.finfo(rows.dtype).eps
        held = held + torch.diag_embed((1 - given + given * rounding) * size)
        factors = torch.linalg.cholesky(held)[which]
        solved = torch.cholesky_solve(residual.double()[:, :, None], factors)[:, :, 0]
        moved = (observed * solved).to(rows.dtype) @ covariance.to(rows.dtype)
        return (columns + torch.where(observed, residual, moved)) @ self.basis
