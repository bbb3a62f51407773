"""Which methods a pipeline has: those of its last step, and scores if rows have a density.

Each check is one for :func:`sklearn.utils.metaestimators.available_if`.
"""

from typing import Any

from skgen.tables.densities import is_known
from skgen.tables.encoder import TableEncoder, columns_without_density


def model_has(method: str) -> Any:
    """Return a check that the last step has `method`, whose own error is raised otherwise."""

    def check(self: Any) -> bool:
        getattr(self._final_estimator, method)
        return True

    return check


def has_density(self: Any) -> bool:
    """Return whether the log-determinant of every step is known, or raise, naming the step."""
    for name, step in self._transformers():
        if not is_known(step):
            raise AttributeError(_no_density(name, step))
    return True


def _no_density(name: str, step: Any) -> str:
    columns = columns_without_density(step) if isinstance(step, TableEncoder) else []
    why = (
        f"its columns {columns} have entries without fractions, equal entries or gaps"
        if columns
        else "the log-determinant of what it does is not known"
    )
    return (
        f"Rows have no density in the units of X, because of step '{name}', {step}: {why}. "
        "score_encoded and score_samples_encoded score the encoded rows, those that the steps "
        "hand to the model."
    )


def can_score_samples(self: Any) -> bool:
    """Return whether each row of X has a score, or raise an AttributeError that says why not."""
    return model_has("score_samples")(self) and has_density(self)


def can_score(self: Any) -> bool:
    """Return whether X as a whole has a score, or raise an AttributeError that says why not."""
    # A model without a density, such as a bridge between rows, scores the encoded rows its own way.
    own_way = model_has("score")(self) and not hasattr(self._final_estimator, "score_samples")
    return own_way or has_density(self)
