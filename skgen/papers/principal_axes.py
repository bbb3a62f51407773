"""Principal axes of the data, on which diffusions and bridges run."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PrincipalAxes(nn.Module):
    r"""Centre, rotation and standard deviations of rows; the identity until fitted.

    Where there are fewer rows than columns, the rows span r of d dimensions. In the others every
    axis has the same variance. So any orthogonal matrix whose first columns are the axes U of the
    rows can be used: with E the first r columns of the identity and A = U - E,

    .. math:: Q = I - A (I - U^T E)^{-1} A^T, \qquad Q E = U,

    which takes d r numbers, instead of d squared, to store and to multiply by.

    Parameters
    ----------
    n_features : int
        Columns of a row.
    rotate : bool
        Whether to turn to the axes of the covariance, or to keep the columns and one scale, as
        images and sequences need.
    n_rows : int or None
        How many rows the axes are learnt from; None is for many.
    """

    mean: Tensor
    scale: Tensor
    basis: Tensor
    inner: Tensor

    def __init__(self, n_features: int, rotate: bool, n_rows: int | None = None):
        super().__init__()
        self.rotate = rotate
        # Two products with d x r matrices are cheaper than one with d x d.
        self.few_rows = rotate and n_rows is not None and 2 * n_rows < n_features
        self.register_buffer("mean", torch.zeros(n_features, device="cpu"))
        self.register_buffer("scale", torch.ones(n_features, device="cpu"))
        # Q, or A and the inverse matrix in the formula above.
        basis = torch.eye(n_features, device="cpu") if rotate else torch.empty(0, device="cpu")
        if self.few_rows and n_rows:
            basis = torch.zeros(n_features, n_rows, device="cpu")
            self.register_buffer("inner", torch.eye(n_rows, device="cpu"))
        self.register_buffer("basis", basis)

    def fit(self, rows: Tensor, extra_variance: Tensor | float = 0.0) -> None:
        """Learn from (n, n_features) rows, to whose variance a diagonal may be added."""
        rows = rows.double()
        mean = rows.mean(0)
        centred = rows - mean
        if self.few_rows:
            scale = self._fit_span(centred, extra_variance)
        elif self.rotate:
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

    def _fit_span(self, centred: Tensor, extra_variance: Tensor | float) -> Tensor:
        """Learn the axes of few rows; return the deviations along all of them."""
        n, d = centred.shape
        extra = torch.as_tensor(extra_variance, dtype=torch.float64).mean().to(centred.device)
        _, singular, axes = torch.linalg.svd(centred, full_matrices=False)
        # The signs of Householder's reflections, of which none is left out: the inverse is small.
        reflected, factors = torch.geqrf(axes.T)
        axes = axes.T * reflected.diagonal().sign() * torch.where(factors == 0, -1.0, 1.0)
        first = torch.eye(d, n, dtype=axes.dtype, device=axes.device)
        self.basis.copy_(axes - first)
        self.inner.copy_(torch.linalg.inv((first - axes)[:n].T))
        variance = F.pad(singular.square() / n, (0, d - n)) + extra
        return (variance + variance.mean() / (10.0 * n)).sqrt()

    def turn(self, rows: Tensor) -> Tensor:
        """Rotate centred rows to the axes."""
        if not self.rotate:
            return rows
        basis = self.basis.to(rows.dtype)
        if not self.few_rows:
            return rows @ basis
        return rows - rows @ basis @ self.inner.to(rows.dtype) @ basis.T

    def turn_back(self, rows: Tensor) -> Tensor:
        """Rotate rows on the axes back to centred columns."""
        if not self.rotate:
            return rows
        basis = self.basis.to(rows.dtype)
        if not self.few_rows:
            return rows @ basis.T
        return rows - rows @ basis @ self.inner.T.to(rows.dtype) @ basis.T

    def to_axes(self, rows: Tensor) -> Tensor:
        """Centre and rotate rows."""
        return self.turn(rows - self.mean)

    def from_axes(self, rows: Tensor) -> Tensor:
        """Rotate and shift rows back."""
        return self.turn_back(rows) + self.mean

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
        columns = self.turn_back(rows)
        residual = observed * (target - columns)
        # In double: the axes may differ in variance by many orders.
        given = patterns.double()
        basis = self.turn_back(torch.eye(len(variance), device=rows.device).double()).T
        covariance = (basis * variance) @ basis.T
        size = covariance.diagonal().mean()
        held = given[:, :, None] * covariance * given[:, None, :]
        # Columns that are linear in others make it singular; this much on the diagonal prevents it.
        rounding = torch.finfo(rows.dtype).eps
        held = held + torch.diag_embed((1 - given + given * rounding) * size)
        factors = torch.linalg.cholesky(held)[which]
        solved = torch.cholesky_solve(residual.double()[:, :, None], factors)[:, :, 0]
        moved = (observed * solved).to(rows.dtype) @ covariance.to(rows.dtype)
        return self.turn(columns + torch.where(observed, residual, moved))
