"""An estimator of one's own: a flow of affine couplings (Dinh et al., real NVP, ICLR 2017)."""

import torch

from skgen.base import BaseGenerativeModel, GenerativeModule, LatentMixin, LikelihoodMixin, Stage
from skgen.networks.embeddings import ConditionEmbedding
from skgen.networks.mlp import ResidualMLP, initialize


class _RealNVP(GenerativeModule):
    table_block = 1024

    def __init__(self, d, n_condition, dropout, n_layers=6):
        c = 16 if n_condition else 0
        embedding = ConditionEmbedding(n_condition, c) if n_condition else None
        layers = [ResidualMLP(d, 2 * d, c, width=64, depth=1) for _ in range(n_layers)]
        parts = {"embedding": embedding, "layers": torch.nn.ModuleList(layers)}
        super().__init__(parts, condition_dropout=dropout)
        self.d, self.score_draws = d, 1

    def coupling(self, k, x, c):
        kept = (torch.arange(self.d, device=x.device) + k) % 2
        log_scale, shift = self.layers[k](x * kept, c).chunk(2, -1)
        return (1 - kept) * torch.tanh(log_scale), (1 - kept) * shift

    def loss(self, noise, x, condition=None):
        c = self._embed_to_learn(noise, x, condition)
        loss = 0.5 * self.d * torch.log(x.new_tensor(2 * torch.pi))
        for k in range(len(self.layers)):
            log_scale, shift = self.coupling(k, x, c)
            x, loss = x * log_scale.exp() + shift, loss - log_scale.sum(-1)
        return loss + 0.5 * x.square().sum(-1)

    def likelihood(self, x, condition=None, **options):
        return lambda noise: -self.loss(noise, x, condition)

    def encode(self, x, condition=None, **options):
        c = self._embed(x, condition)
        for k in range(len(self.layers)):
            log_scale, shift = self.coupling(k, x, c)
            x = x * log_scale.exp() + shift
        return x

    def decode(self, z, condition=None, **options):
        c = self._embed(z, condition)
        for k in reversed(range(len(self.layers))):
            log_scale, shift = self.coupling(k, z, c)
            z = (z - shift) * (-log_scale).exp()
        return z

    def sample(self, noise, n, condition, **options):
        return self.decode(noise.normal(next(self.parameters()).new_empty(n, self.d)), condition)


class RealNVP(LatentMixin, LikelihoodMixin, BaseGenerativeModel):
    """Normalizing flow: exact log-likelihood, exact inverse."""

    def _build_module(self, rows, generator):
        with torch.device("meta"):
            module = _RealNVP(rows.x.shape[1], rows.n_condition, float(self.condition_dropout))
        return initialize(module, generator)

    def _stages(self, module, train, valid, noise):
        yield Stage("flow", module.loss, module, [*module.parameters()], train, valid)
