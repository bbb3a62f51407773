"""The contract of a paper's module: everything that an estimator may ask of it.

A module is a `GenerativeModule` with a method ``sample``. It brings `Encodes`, `Scores` and
`Imputes` as far as its paper does. Rows are scaled, float tensors of shape (n, n_features); a
condition is encoded, (n, n_condition) or None; ``options`` come from the estimator's constructor.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from skgen.networks.embeddings import ConditionEmbedding, embed

CONDITION_FEATURES = 32
# The number of noise draws over which a row's bound is averaged.
SCORE_DRAWS = 64


@runtime_checkable
class Encodes(Protocol):
    """Rows to latent rows and back, without random numbers."""

    def encode(self, x: Tensor, condition: Tensor | None, **options: Any) -> Tensor:
        """Return the latent of each row."""

    def decode(self, z: Tensor, condition: Tensor | None, **options: Any) -> Tensor:
        """Return the row of each latent."""


@runtime_checkable
class Scores(Protocol):
    """A likelihood, or a lower bound of it."""

    # Draws of the noise that a score is the mean of: 1 for an exact likelihood.
    score_draws: int

    def likelihood(
        self, x: Tensor, condition: Tensor | None, **options: Any
    ) -> Callable[[Any], Tensor]:
        """Return log p(x) of each row in nats, or its bound, as a function of the noise."""


@runtime_checkable
class Imputes(Protocol):
    """Draws of the missing entries of rows."""

    def impute(
        self, noise: Any, x: Tensor, observed: Tensor, condition: Tensor | None, **options: Any
    ) -> Tensor:
        """Return whole rows; ``observed`` is a mask like x."""


def condition_embedding(n_condition: int) -> tuple[int, ConditionEmbedding | None]:
    """Return the size of the embedding of so many numbers of a condition, and the embedding."""
    if not n_condition:
        return 0, None
    return CONDITION_FEATURES, ConditionEmbedding(n_condition, CONDITION_FEATURES)


class GenerativeModule(nn.Module):
    """A paper's module. What training changes is a parameter or a buffer, flags included.

    So its ``state_dict`` is its whole state.

    Parameters
    ----------
    parts : dict of str to nn.Module or None
        Its networks, ``embedding`` among them, in the order of their weights.
    has_layout : bool
        Whether rows are images or sequences.
    condition_dropout : float
        Share of training rows whose condition is hidden.
    """

    embedding: ConditionEmbedding | None
    # Takes noise, a number of rows, a condition and options; returns new rows.
    sample: Callable[..., Tensor]
    # Whether the code is learnt: later pieces of data keep it.
    frozen: Tensor
    # Rows of a call to `sample`, `encode` and so on: of tables, and of images and sequences.
    table_block: ClassVar[int] = 256
    layout_block: ClassVar[int] = 64
    # Whether `sample` draws a value that a column repeats to the bit.
    draws_values: ClassVar[bool] = False

    def __init__(
        self,
        parts: Mapping[str, nn.Module | None],
        *,
        has_layout: bool = False,
        condition_dropout: float = 0.0,
    ):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.block_size = self.layout_block if has_layout else self.table_block
        self.condition_dropout, self.score_draws = condition_dropout, SCORE_DRAWS
        self.register_buffer("frozen", torch.tensor(False, device="cpu"))

    @property
    def most_steps(self) -> int | None:
        """The most steps that `sample` takes; None for any number."""
        return None

    def _embed(self, rows: Tensor, condition: Tensor | None, noise: Any = None) -> Tensor:
        """Embed a condition, dropped at random when noise is given; (n, 0) for no condition."""
        return embed(self.embedding, rows, condition, self.condition_dropout, noise)

    def _embed_to_learn(self, noise: Any, rows: Tensor, condition: Tensor | None) -> Tensor:
        """Embed a condition for a loss: dropped at random in training, and not in validation."""
        return self._embed(rows, condition, noise if self.training else None)
