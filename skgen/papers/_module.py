"""What every paper's module has: parts, the embedding of a condition, the size of a block."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from skgen.networks.embeddings import ConditionEmbedding, embed

CONDITION_FEATURES = 32
# The number of noise draws over which a row's bound is averaged.
SCORE_DRAWS = 64


def condition_embedding(n_condition: int) -> tuple[int, ConditionEmbedding | None]:
    """Return the size of the embedding of so many numbers of a condition, and the embedding."""
    if not n_condition:
        return 0, None
    return CONDITION_FEATURES, ConditionEmbedding(n_condition, CONDITION_FEATURES)


class GenerativeModule(nn.Module):
    """A paper's module, on scaled rows.

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
    # Rows of a call to `sample`, `encode` and so on: of tables, and of images and sequences.
    table_block: ClassVar[int] = 256
    layout_block: ClassVar[int] = 64

    def __init__(
        self, parts: Mapping[str, nn.Module | None], *, has_layout: bool, condition_dropout: float
    ):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.block_size = self.layout_block if has_layout else self.table_block
        self.condition_dropout, self.score_draws = condition_dropout, SCORE_DRAWS
        # Whether the code has been learnt, and later pieces of data keep it. Checkpoints and files
        # contain this and the other plain attributes besides the weights.
        self.frozen = False

    def _embed(self, rows: Tensor, condition: Tensor | None, noise: Any = None) -> Tensor:
        """Embed a condition, dropped at random when noise is given; (n, 0) for no condition."""
        return embed(self.embedding, rows, condition, self.condition_dropout, noise)

    def _embed_to_learn(self, noise: Any, rows: Tensor, condition: Tensor | None) -> Tensor:
        """Embed a condition for a loss: dropped at random in training, and not in validation."""
        return self._embed(rows, condition, noise if self.training else None)
