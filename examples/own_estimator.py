"""An estimator of one's own: a flow of affine couplings (Dinh et al., real NVP, ICLR 2017)."""

import torch

from skgen.base import BaseGenerativeModel, LatentMixin, LikelihoodMixin, Stage
from skgen.networks.embeddings import ConditionEmbedding, embed
from skgen.networks.mlp import ResidualMLP, initialize


class _RealNVP(torch.nn.Module):
    def __init__(self, rows, width, dropout, n_layers=6):
        super().__init__()
        self.block_size, self.score_draws = 1024, 1
        self.d, self.dropout, c = rows.x.shape[1], dropout, 16 if rows.n_condition else 0
        self.embedding = ConditionEmbedding(rows.n_condition, c) if c else None
        layers = [ResidualMLP(self.d, 2 * self.d, c, width=width, depth=1) for _ in range(n_layers)]
        self.layers = torch.nn.ModuleList(layers)

    def coupling(self, k, x, c):
        kept = (torch.arange(self.d, device=x.device) + k) % 2
        log_scale, shift = self.layers[k](x * kept, c).chunk(2, -1)
        return (1 - kept) * torch.tanh(log_scale), (1 - kept) * shift

    def negative_log_likelihood(self, noise, x, condition=None, **options):
        c = embed(self.embedding, x, condition, self.dropout, noise if self.training else None)
        loss = 0.5 * self.d * torch.log(x.new_tensor(2 * torch.pi))
        for k in range(len(self.layers)):
            log_scale, shift = self.coupling(k, x, c)
            x, loss = x * log_scale.exp() + shift, loss - log_scale.sum(-1)
        return loss + 0.5 * x.square().sum(-1)

    def encode(self, x, condition=None, **options):
        c = embed(self.embedding, x, condition)
        for k in range(len(self.layers)):
            log_scale, shift = self.coupling(k, x, c)
            x = x * log_scale.exp() + shift
        return x

    def decode(self, z, condition=None, **options):
        c = embed(self.embedding, z, condition)
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
            module = _RealNVP(rows, self.hidden_units or 64, float(self.condition_dropout))
        return initialize(module, generator)

    def _stages(self, module, train, valid, noise):
        loss, parameters = module.negative_log_likelihood, [*module.parameters()]
        yield Stage("flow", loss, module, parameters, train, valid)
