r"""Embeddings of numbers: noise levels, columns of a table, conditions."""

import math
from typing import Any

import torch
from torch import Tensor, nn


def noise_level_features(gamma: Tensor, n_features: int = 32) -> Tensor:
    r"""Sines and cosines of :math:`\gamma` at geometric frequencies, from 0.05 to 2 a unit.

    Parameters
    ----------
    gamma : Tensor of shape (n,)
        Noise levels, minus the log signal-to-noise ratio: some tens at most in absolute value.
    n_features : int
        Number of features, even.

    Returns
    -------
    Tensor of shape (n, n_features)
    """
    steps = torch.linspace(0, 1, n_features // 2, dtype=gamma.dtype, device=gamma.device)
    angle = gamma[:, None] * torch.exp(math.log(0.05) + math.log(40.0) * steps)
    return torch.cat([angle.sin(), angle.cos()], -1)


def periodic_features(rows: Tensor, n_frequencies: int) -> Tensor:
    r"""Append sines and cosines of each column at 1, 2, 4, ... radians a unit.

    A perceptron is slow to learn narrow structure in few columns; these make it fast.

    Source: Tancik et al., *Fourier features let networks learn high frequency functions in low
    dimensional domains*, NeurIPS 2020; Gorishniy, Rubachev and Babenko, *On embeddings for
    numerical features in tabular deep learning*, NeurIPS 2022.
    """
    angles = [2.0**k * rows for k in range(n_frequencies)]
    return torch.cat([rows, *(f(angle) for angle in angles for f in (torch.sin, torch.cos))], -1)


class ConditionEmbedding(nn.Module):
    """A condition as a vector of n_out numbers; a row without a condition gets a learned one.

    Parameters
    ----------
    n_in : int
        Columns of an encoded condition: marks of labels, or a real vector.
    n_out : int
        Columns of the result.
    """

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.null = nn.Embedding(1, n_out)

    def forward(self, condition: Tensor, keep: Tensor) -> Tensor:
        """Embed (n, n_in) conditions; rows where keep, of shape (n, 1), is 0 become the null."""
        return torch.where(keep > 0, self.linear(condition), self.null.weight)


def embed(
    embedding: ConditionEmbedding | None,
    rows: Tensor,
    condition: Tensor | None,
    dropout: float = 0.0,
    noise: Any = None,
) -> Tensor:
    """Embed the conditions of rows; (n, 0) for a model without conditions.

    Parameters
    ----------
    embedding : ConditionEmbedding or None
        The embedding; None for a model without conditions.
    rows : Tensor
        The rows, as many as the conditions.
    condition : Tensor of shape (n, n_in) or None
        Their conditions; None gives each row the null.
    dropout : float
        Share of conditions to hide.
    noise : object with a ``uniform`` method, or None
        Source of the numbers that choose them; None hides none.
    """
    if embedding is None:
        return rows.new_zeros(rows.shape[0], 0)
    keep = rows.new_ones(rows.shape[0], 1)
    if condition is None:
        condition = rows.new_zeros(rows.shape[0], embedding.linear.in_features)
        keep = torch.zeros_like(keep)
    elif noise is not None and dropout > 0:
        keep = (noise.uniform(rows) >= dropout).to(rows.dtype)[:, None]
    return embedding(condition, keep)
