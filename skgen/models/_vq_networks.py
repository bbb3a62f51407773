"""The networks of VQDiffusionBridge, chosen by its parameters and the kind and number of rows."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import RidgeCV

from skgen.networks.quantizers import Codebook, Normalizer
from skgen.papers._module import condition_embedding
from skgen.papers.cells import Cuts
from skgen.papers.code_module import RowFacts
from skgen.papers.code_priors import (
    BELIEF_FEATURES,
    NOISE_FEATURES,
    TOKEN_FEATURES,
    AutoregressivePrior,
    BridgePrior,
)
from skgen.papers.column_densities import ColumnDensities
from skgen.papers.layouts import Columns, ColumnsOrFrames, Map, causal_network, token_denoiser
from skgen.papers.representation import input_noise
from skgen.papers.vq_diffusion_bridge import ColumnwiseVQModule, VQDiffusionBridgeModule


@dataclass(frozen=True)
class Defaults:
    """Tuned numbers, by the size and the kind of the data, and by the prior."""

    # Units of a hidden layer of encoder and decoder.
    width: int
    # Codes where each column has its own token.
    n_column_embeddings: int
    # Whether each column of a table has its own token.
    has_column_tokens: bool
    # Learning rate of a table's prior of one code after another, its fewest steps, and its steps
    # as a share of the plan's: a token's own small network learns fast.
    causal_lr_factor: float
    fewest_prior_steps: int
    causal_step_factor: float = 1 / 3
    # The learning rate of the distribution of columns, one after another.
    column_lr_factor: float = 3.0
    # Codes, and tokens of a table, where tokens mix the columns.
    n_embeddings: int = 64
    n_tokens: int = 16
    # Tokens of images and sequences at most, and units of a table's causal prior.
    most_tokens: int = 64
    causal_width: int = 32
    # Features of the observed entries, for each token.
    n_evidence: int = 8
    # Noise of the encoder's input, as a share of the data's deviation along their first axis, and
    # at most that of a column; tokens of one column or frame, and columns of two values, get none.
    # It makes neighbours share their code.
    encoder_noise: float = 0.28
    # Steps of the code of a table: with the bridge at once, and where each column has its own
    # token. Columns are soon in codes; their prior takes longer. Fewer steps than these leave codes
    # out that rows far from the rest have, and new rows too near to each other.
    joint_step_factor: float = 0.5
    column_step_factor: float = 0.25
    fewest_code_steps: int = 120

    @classmethod
    def for_data(
        cls, n_rows: int, n_columns: int, is_table: bool, bridges: bool, columns_alike: bool
    ) -> "Defaults":
        """Return those for data of this size, and for the bridge or another prior."""
        # A column's codes stand for 80 rows each; the bridge predicts no more than 64 of them.
        n_embeddings = 2 ** round(math.log2(n_rows / 80))
        # With so few rows, the prior of tokens that mix the columns would be overfitted before its
        # first evaluation.
        few = n_rows < 200
        return cls(
            width=64 if n_rows <= (10_000 if is_table else 128) else 128,
            n_column_embeddings=max(16, min(64 if bridges else 512, n_embeddings)),
            # Many columns of one small grid are pixels, or like them.
            has_column_tokens=n_columns <= (48 if bridges or columns_alike else 128),
            causal_lr_factor=1.0 if few else 3.0,
            fewest_prior_steps=120 if few else 60,
        )


def bridges(model):
    """Return whether a model's prior is the bridge."""
    return model.prior == "diffusion" or (model.prior is None and model.input_shape is not None)


def defaults_of(model, n_rows):
    """Return the defaults of a model for a number of training rows."""
    size = n_rows, model.n_features_in_, model.input_shape is None
    return Defaults.for_data(*size, bridges(model), model.row_map_.columns_alike)


def ridge_regression(x, y):
    """Return coefficients, intercept and mean square error by the best penalty: a `Regress`."""
    ridge = RidgeCV(alphas=np.logspace(-4, 3, 15)).fit(x, y)
    return ridge.coef_, float(ridge.intercept_), -ridge.best_score_


def _cuts(row_map, x):
    """Return the cells of the columns of scaled rows, of levels or of repeated values."""
    levels = row_map.scaler.repeated()
    if row_map.likelihood != "gaussian":
        levels = []
        for values in row_map.scaled_levels().numpy():
            values = values[np.isfinite(values)]
            if row_map.likelihood == "bernoulli":
                # A value that a column did not have in fit has a small probability there.
                values = np.array([0.0, 1.0])
            between = (values[1:] + values[:-1]) / 2
            levels.append((np.append(-np.inf, between), np.append(between, np.inf), values))
    return [Cuts.of(*column) for column in zip(x.double().numpy().T, levels, strict=True)]


def _layout(facts: RowFacts, n_tokens: int | None, defaults: Defaults) -> Columns:
    """Return how rows are cut into tokens, as many as asked for."""
    d, shape = facts.n_features, facts.shape
    if shape is None:
        if n_tokens is None and defaults.has_column_tokens:
            return ColumnsOrFrames(d, d)
        return Columns(d, int(n_tokens or defaults.n_tokens))
    maps = [Map(shape, 0)]
    while maps[-1].n_positions > 1:
        maps.append(Map(shape, len(maps)))
    counts = [part.n_positions for part in maps]
    n_tokens = n_tokens or next(count for count in counts if count <= defaults.most_tokens)
    if n_tokens not in counts:
        raise ValueError(
            f"n_tokens={n_tokens} cannot be had from input_shape={shape} by halving its "
            f"resolution; choose one of {counts}, or None."
        )
    chosen = counts.index(n_tokens)
    # Tokens of single frames.
    is_framewise = chosen == 0 and len(shape) == 2
    return ColumnsOrFrames(d, counts[0], shape) if is_framewise else maps[chosen]


def build(model, rows):
    """Return the module of an estimator for training rows, without weights."""
    facts, defaults = model._row_facts(rows), defaults_of(model, len(rows.x))
    shape, size = facts.shape, int(model.embedding_dim)
    layout = _layout(facts, model.n_tokens, defaults)
    own_columns = layout.is_positionwise and shape is None
    usual = defaults.n_column_embeddings if own_columns else defaults.n_embeddings
    n_codes = model.n_embeddings or usual
    width = model.hidden_units or defaults.width
    causal_width = max(1, model.hidden_units // 2) if model.hidden_units else defaults.causal_width
    dropout = float(model.condition_dropout)
    columnwise = own_columns and not bridges(model)
    with torch.device("meta"):
        c, embedding = condition_embedding(0 if columnwise else rows.n_condition)
        # One number has few features.
        evidence_width = width // 4 if own_columns else width
        n_evidence = defaults.n_evidence
        evidence = layout.encoder(n_evidence, width=evidence_width, n_in=2)
        if columnwise:
            evidence = None
        elif bridges(model):
            prior = _bridge(model, layout, n_codes, n_evidence, c, width)
        else:
            sizes = TOKEN_FEATURES, n_codes, n_evidence, c
            network = causal_network(layout, *sizes, width=causal_width)
            prior = AutoregressivePrior(network, layout.n_positions, n_codes)
        n_statistics = 1 if layout.is_positionwise or shape is not None else layout.n_positions
        coder = {
            "encoder": layout.encoder(size, width=width),
            "decoder": layout.decoder(size, width=width),
            "evidence": evidence,
            "normalizer": Normalizer((n_statistics, size)),
            "codebook": Codebook(n_codes, size),
            "embedding": embedding,
        }
    if columnwise:
        prior = ColumnDensities(
            cuts := _cuts(model.row_map_, rows.x),
            rows.n_condition,
            width=causal_width,
            condition_dropout=dropout,
            is_probability=facts.likelihood != "gaussian",
        )
        prior.fit(cuts, rows.x, rows.condition, ridge_regression)
    plain = layout.is_positionwise or facts.likelihood == "bernoulli"
    return (ColumnwiseVQModule if columnwise else VQDiffusionBridgeModule)(
        {"prior": prior, **coder},
        facts,
        layout,
        quantization=model.quantization,
        prior_weight=float(model.prior_weight),
        encoder_noise=0.0 if plain else input_noise(rows.x, defaults.encoder_noise),
        condition_dropout=dropout,
    )


def _bridge(model, layout, n_codes, n_evidence, c, width):
    """Return the bridge as a prior of so many codes, given c numbers of a condition."""
    n_in = int(model.embedding_dim) + BELIEF_FEATURES + n_evidence
    return BridgePrior(
        token_denoiser(layout, n_in, TOKEN_FEATURES, NOISE_FEATURES + c, width=width),
        layout.n_positions,
        n_codes,
        TOKEN_FEATURES,
        theta=float(model.theta),
        schedule=model.schedule,
        n_timesteps=int(model.n_timesteps),
    )
