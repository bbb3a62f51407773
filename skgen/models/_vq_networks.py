"""The networks of VQDiffusionBridge: by the kind and the number of rows, and its parameters."""

import math

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
from skgen.papers.layouts import Columns, Map, Places, causal_network, token_denoiser
from skgen.papers.representation import input_noise
from skgen.papers.vq_diffusion_bridge import ColumnwiseVQModule, VQDiffusionBridgeModule
from skgen.processes.ornstein_uhlenbeck import stationary_variance

EVIDENCE_FEATURES = 8
MANY_ROWS = 10_000
MOST_TOKENS, MOST_COLUMN_TOKENS, MOST_GRID_TOKENS, MIXED_TOKENS = 64, 128, 48, 16
FEWEST_EMBEDDINGS, MOST_EMBEDDINGS, ROWS_PER_EMBEDDING = 16, 512, 80
USUAL_EMBEDDINGS = 64
PENALTIES = np.logspace(-4, 3, 15)


def ridge_regression(x, y):
    """Return coefficients, intercept and mean square error by the best penalty: a `Regress`."""
    ridge = RidgeCV(alphas=PENALTIES).fit(x, y)
    return ridge.coef_, float(ridge.intercept_), -ridge.best_score_


def _cuts(row_map, x):
    """Return the cells of the columns of scaled rows, of levels or of repeated values."""
    levels = row_map.scaler.repeated()
    if row_map.likelihood != "gaussian":
        levels = []
        for values in row_map.scaled_levels().numpy():
            values = values[np.isfinite(values)]
            if row_map.likelihood == "bernoulli":
                # A value that one column never has in fit has a small probability there.
                values = np.array([0.0, 1.0])
            between = (values[1:] + values[:-1]) / 2
            levels.append((np.append(-np.inf, between), np.append(between, np.inf), values))
    return [Cuts.of(*column) for column in zip(x.double().numpy().T, levels, strict=True)]


def _layout(facts: RowFacts, n_tokens: int | None, bridges: bool) -> Columns:
    """Return how rows are cut into tokens, as many as asked for."""
    d, shape = facts.n_features, facts.shape
    if shape is None:
        # Many columns of one small grid are pixels, or like them.
        mixes = bridges or facts.columns_alike
        if n_tokens is None and d <= (MOST_GRID_TOKENS if mixes else MOST_COLUMN_TOKENS):
            return Places(d, d)
        return Columns(d, int(n_tokens or MIXED_TOKENS))
    maps = [Map(shape, 0)]
    while maps[-1].n_positions > 1:
        maps.append(Map(shape, len(maps)))
    counts = [part.n_positions for part in maps]
    n_tokens = n_tokens or next(count for count in counts if count <= MOST_TOKENS)
    if n_tokens not in counts:
        raise ValueError(
            f"n_tokens={n_tokens} cannot be had from input_shape={shape} by halving its "
            f"resolution; choose one of {counts}, or None."
        )
    chosen = counts.index(n_tokens)
    # Tokens of single frames.
    is_framewise = chosen == 0 and len(shape) == 2
    return Places(d, counts[0], shape) if is_framewise else maps[chosen]


def _count_embeddings(n: int, bridges: bool) -> int:
    """Return the rows of the codebook that n rows teach, where columns have tokens of their own."""
    # The bridge predicts no more of them.
    most = USUAL_EMBEDDINGS if bridges else MOST_EMBEDDINGS
    return max(FEWEST_EMBEDDINGS, min(most, 2 ** round(math.log2(n / ROWS_PER_EMBEDDING))))


def build(model, rows):
    """Return the module of an estimator for training rows, without weights."""
    facts, n = model._row_facts(rows), len(rows.x)
    shape, size = facts.shape, int(model.embedding_dim)
    bridges = model.prior == "diffusion" or (model.prior is None and shape is not None)
    layout = _layout(facts, model.n_tokens, bridges)
    own_columns = layout.by_place and shape is None
    n_codes = model.n_embeddings
    if n_codes is None:
        n_codes = _count_embeddings(n, bridges) if own_columns else USUAL_EMBEDDINGS
    width = model.hidden_units or (64 if n <= (128 if shape else MANY_ROWS) else 128)
    causal_width = (model.hidden_units or 64) // 2 or 1
    theta, centre, dropout = float(model.theta), float(model.z_star), float(model.condition_dropout)
    variance = stationary_variance(theta, float(model.eta or math.sqrt(2 * theta)))
    columnwise = own_columns and not bridges
    with torch.device("meta"):
        c, embedding = condition_embedding(0 if columnwise else rows.n_condition)
        # Of one number there is little to be read.
        evidence_width = width // 4 if own_columns else width
        evidence = layout.encoder(EVIDENCE_FEATURES, width=evidence_width, n_in=2)
        if columnwise:
            evidence = None
        elif bridges:
            prior = _bridge(model, layout, n_codes, c, width, theta, variance, centre)
        else:
            sizes = TOKEN_FEATURES, n_codes, EVIDENCE_FEATURES, c
            network = causal_network(layout, *sizes, width=causal_width)
            prior = AutoregressivePrior(network, layout.n_positions, n_codes)
        n_statistics = 1 if layout.by_place or shape is not None else layout.n_positions
        coder = {
            "encoder": layout.encoder(size, width=width),
            "decoder": layout.decoder(size, width=width),
            "evidence": evidence,
            "normalizer": Normalizer((n_statistics, size), centre, math.sqrt(variance)),
            "codebook": Codebook(n_codes, size, model.codebook == "average"),
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
    plain = layout.by_place or facts.likelihood == "bernoulli"
    return (ColumnwiseVQModule if columnwise else VQDiffusionBridgeModule)(
        {"prior": prior, **coder},
        facts,
        layout,
        quantization=model.quantization,
        tau=float(model.tau),
        commitment=float(model.commitment),
        prior_weight=float(model.prior_weight),
        encoder_noise=0.0 if plain else input_noise(rows.x, model.encoder_noise),
        condition_dropout=dropout,
    )


def _bridge(model, layout, n_codes, c, width, theta, variance, centre):
    """Return the bridge as a prior of so many codes, given c numbers of a condition."""
    n_in = int(model.embedding_dim) + BELIEF_FEATURES + EVIDENCE_FEATURES
    return BridgePrior(
        token_denoiser(layout, n_in, TOKEN_FEATURES, NOISE_FEATURES + c, width=width),
        layout.n_positions,
        n_codes,
        TOKEN_FEATURES,
        theta=theta,
        variance=variance,
        centre=centre,
        schedule=model.schedule,
        n_timesteps=int(model.n_timesteps),
        vlb_weight=float(model.vlb_weight),
    )
