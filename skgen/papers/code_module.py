r"""What the two papers with a code share: likelihood and draws of the decoder, and imputation.

An encoder gives a row x the code z of q(z|x), a prior learns p(z), or p(z) given some entries of x,
and a decoder gives p(x|z): its mean and the distribution of the residuals of
:mod:`skgen.papers.residuals`, or for bits their log-odds. A row is drawn, or completed, by a draw
from the prior and one from the decoder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skgen.papers._module import GenerativeModule
from skgen.papers.layouts import Shape
from skgen.papers.representation import in_parts
from skgen.papers.residuals import ResidualDistribution, log_probability, normal_loss


@dataclass(frozen=True)
class RowFacts:
    """Facts about the scaled rows that a module is built for.

    Parameters
    ----------
    n_features : int
        Columns of a row.
    shape : tuple of int or None
        (channels, height, width) of an image or (length, channels) of a sequence.
    has_lengths : bool
        Whether the last channel is the mask of the frames.
    likelihood : {"gaussian", "bernoulli", "discrete"}
        What the decoder gives.
    edges : Tensor or None
        The thresholds between levels of discrete columns.
    offset : Tensor of shape (n_features,)
        What to add to scaled columns, so that zero means the same in all columns of one unit.
    columns_alike : bool
        Whether residuals of all columns have one distribution, as those of pixels do.
    n_steps : int
        Gradient steps of a stage.
    """

    n_features: int
    shape: Shape
    has_lengths: bool
    likelihood: str
    edges: Tensor | None
    offset: Tensor
    columns_alike: bool
    n_steps: int


class CodeModule(GenerativeModule):
    """Encoder, decoder and prior of a code, on scaled rows: what does not depend on the code.

    Parameters
    ----------
    parts : dict of str to nn.Module or None
        Prior, encoder, decoder and whatever else a paper has, in the order of their weights.
    rows : RowFacts
        What the networks are built for.
    encoder_noise : float
        Standard deviation of the noise on the encoder's input in training.
    rising_share : float
        Share of a stage's steps without the prior's gradient in the code; it rises in as many.
    condition_dropout : float
        Share of training rows whose condition is hidden.
    """

    encoder: Any
    decoder: Any
    evidence: Any
    codebook: Any
    shape: Any
    residuals: ResidualDistribution
    edges: Tensor | None
    # How many steps have learnt the code.
    steps_taken: Tensor

    def __init__(
        self,
        parts: Mapping[str, nn.Module | None],
        rows: RowFacts,
        *,
        encoder_noise: float,
        rising_share: float,
        condition_dropout: float,
    ):
        has_layout = rows.shape is not None
        super().__init__(parts, has_layout=has_layout, condition_dropout=condition_dropout)
        self.n_features, self.shape = rows.n_features, rows.shape
        n_groups = 1 if rows.columns_alike else self.n_features
        self.residuals = ResidualDistribution(n_groups, rows.offset, correlated=not has_layout)
        self.distribution = rows.likelihood
        self.register_buffer("edges", rows.edges)
        self.encoder_noise = encoder_noise
        self.rising_steps = max(1, round(rising_share * rows.n_steps))
        self.register_buffer("steps_taken", torch.tensor(0, device="cpu"))

    def _noisy(self, noise: Any, x: Tensor) -> Tensor:
        """Return a noisy copy of rows, which the encoder learns from."""
        return x + self.encoder_noise * noise.normal(x)

    def mean(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the decoder's mean, or log-odds, of the codes of rows."""
        raise NotImplementedError

    # Errors: a number for each row.

    def _sum(self, errors: Tensor, x: Tensor, mean: Tensor) -> Tensor:
        """Sum the errors of a row's entries."""
        return errors.sum(-1)

    def _error(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return half the squared error, or for bits the cross-entropy."""
        return self._sum(self._errors(x, mean), x, mean)

    def _errors(self, x: Tensor, mean: Tensor) -> Tensor:
        if self.distribution == "bernoulli":
            return F.binary_cross_entropy_with_logits(mean, x, reduction="none")
        return 0.5 * (x - mean).square()

    def _best_nats(self, x: Tensor, mean: Tensor, smallest_variance: float) -> Tensor:
        """Return -log p(x|z) with the variance of each column that is best for these rows."""
        if self.distribution == "bernoulli":
            return self._error(x, mean)
        variance = (x - mean).detach().square().mean(0).clamp(min=smallest_variance)
        return self._sum(normal_loss(x, mean, variance.log()), x, mean)

    def _nats(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return -log p(x|z), in nats."""
        if self.distribution == "bernoulli":
            nats = self._errors(x, mean)
        elif self.distribution == "gaussian":
            nats = self.residuals.loss(x, mean)
        else:
            scale = torch.exp(0.5 * self.residuals.log_variance(mean))
            nats = -log_probability(x, mean, scale, self.edges)
        return self._sum(nats, x, mean)

    # The residuals of the decoder.

    def fit_residuals(self, train: Mapping[str, Tensor], held_out: Mapping[str, Tensor]) -> None:
        """Learn the decoder's residuals; their size is learnt from held-out rows."""
        if self.distribution != "bernoulli":
            self.residuals.learn(lambda rows: self._residuals(**rows), held_out, train)

    def _residuals(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return means in the units of the residuals, and the residuals."""
        mean = torch.cat(in_parts(self.mean, x, condition))
        return self._present(x, mean + self.residuals.offset), self._present(x, x - mean)

    def _present(self, x: Tensor, values: Tensor) -> Tensor:
        """Return the values of entries that x has."""
        return values

    # Rows.

    def _likeliest(self, mean: Tensor) -> Tensor:
        """Return the decoder's mean, of bits the likelier value."""
        return (mean > 0).to(mean.dtype) if self.distribution == "bernoulli" else mean

    def _draw_row(self, noise: Any, mean: Tensor, draw_noise: bool) -> Tensor:
        """Draw rows given the decoder's mean; without noise, return the mean, except of bits."""
        if self.distribution == "bernoulli":
            p = torch.sigmoid(mean)
            return (noise.uniforms(p) < p).to(p.dtype)
        if not draw_noise:
            return mean
        return mean + self.residuals.draw(mean, self.residuals.uniforms(noise, mean))

    def impute(
        self, noise: Any, x: Tensor, observed: Tensor, condition: Tensor | None, **options: Any
    ) -> Tensor:
        """Draw a code given the observed entries, then the missing entries given the code."""
        observed = observed.to(x.dtype)
        return self.sample(noise, len(x), condition, x=x, observed=observed, **options)
