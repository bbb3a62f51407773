r"""How much of a network's correction to a known answer is used, at each level of noise.

A network that was trained on few rows, or has nothing to learn, corrects too much. Once trained,
its correction F of an answer that is exact for normal data is multiplied by a share,

.. math::

    \lambda = \frac{E\langle F, R \rangle}{E\langle F, F \rangle}, \qquad 0 \le \lambda \le 1,

where R is the residual of the answer on held-out rows. One factor for each level cannot reach a
smaller squared error. For normal data, where F is noise, the share is near zero; where F is right,
it is near one. Scores and completions, which are judged by their squared error, use this share. New
rows use the whole network: if each of many steps were a little too short, drawn rows would be
blurred.

Source: James and Stein, *Estimation with quadratic loss*, Fourth Berkeley Symposium, 1961, for
shrinking estimates towards what is known.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from skgen.networks.quantizers import sums_by_index

N_LEVELS = 12


def shrinkage_draws(rows: Tensor, input_shape: Any) -> list[int]:
    """Return how often to draw each held-out row, as numbers of draws at a time."""
    # Fewer of many rows, or of images, which have many numbers each.
    n = 8 if input_shape is not None else max(8, min(64, 2**17 // len(rows)))
    # A network takes 256 rows in about the time of one.
    each = max(1, 256 // len(rows))
    return [min(each, n - start) for start in range(0, n, each)]


class CorrectionShrinkage(nn.Module):
    """Shares of a correction to use, at each position between the ends of a schedule.

    They are ones until learnt.

    Parameters
    ----------
    n_kinds : int
        Kinds of corrections, each with shares of its own.
    """

    share: Tensor

    def __init__(self, n_kinds: int = 1):
        super().__init__()
        self.register_buffer("share", torch.ones(n_kinds, N_LEVELS, device="cpu"))

    def forward(self, place: Tensor, kind: int = 0) -> Tensor:
        """Return the shares (n, 1) at positions (n,) from 0 to 1, linear between levels."""
        place = (place * N_LEVELS - 0.5).clamp(0, N_LEVELS - 1)
        k = place.long().clamp(max=N_LEVELS - 2)
        share = self.share[kind].to(place.dtype)
        return torch.lerp(share[k], share[k + 1], place - k)[:, None]

    def reset(self) -> None:
        """Set all shares to one: corrections are used whole, as in training."""
        self.share.fill_(1.0)

    def learn(self, results: Iterable[tuple[Tensor, Tensor, Tensor]], kind: int = 0) -> None:
        """Learn the shares of a kind of correction.

        Parameters
        ----------
        results : iterable of (Tensor of shape (n,), Tensor, Tensor), both of shape (n, n_features)
            Positions on the schedule, full corrections, and their noisy targets, of held-out rows.
        kind : int
            The kind.
        """
        right, size = self.share.new_zeros(2, N_LEVELS, dtype=torch.float64)
        for place, moved, wanted in results:
            level = (place * N_LEVELS).long().clamp(0, N_LEVELS - 1)
            right += sums_by_index(level, (moved * wanted).sum(1).double(), N_LEVELS)
            size += sums_by_index(level, (moved * moved).sum(1).double(), N_LEVELS)
        share = torch.where(size > 0, right / size.clamp(min=1e-300), 1.0)
        self.share[kind] = share.clamp(0, 1).to(self.share.dtype)
