"""An estimator of one's own: a flow of affine couplings (Dinh et al., real NVP, ICLR 2017)."""

import torch

from skgen.base import BaseGenerativeModel, GenerativeModule, LatentMixin, LikelihoodMixin, Stage
from skgen.networks.embeddings import ConditionEmbedding
from skgen.networks.mlp import ResidualMLP, initialize


class _RealNVP(GenerativeModule):
    def __init__(self, rows, width, n_layers=6, **options):
        d, k, c = rows.x.shape[1], rows.n_condition, 16 if rows.n_condition else 0
        layers = [ResidualMLP(d, 2 * d, c, width=width, depth=1) for _ in range(n_layers)]
        super().__init__({"embedding": ConditionEmbedding(k, c) if c else None}, **options)
        self.layers = torch.nn.ModuleList(layers)
        self.d, self.score_draws = d, 1

    def coupling(self, k, x, c):
        kept = (torch.arange(self.d, device=x.device) + k) % 2
        log_scale, shift = self.layers[k](x * kept, c).chunk(2, -1)
        return (1 - kept) * torch.tanh(log_scale), (1 - kept) * shift

    def forward(self, x, c):
        log_det = x.new_zeros(len(x))
        for k in range(len(self.layers)):
            log_scale, shift = self.coupling(k, x, c)
            x, log_det = x * log_scale.exp() + shift, log_det + log_scale.sum(-1)
        return x, log_det

    def loss(self, noise, x, condition=None):
        z, log_det = self(x, self._embed_to_learn(noise, x, condition))
        return 0.5 * (z.square() + torch.log(z.new_tensor(2 * torch.pi))).sum(-1) - log_det

    def likelihood(self, x, condition=None, **options):
        return lambda noise: -self.loss(noise, x, condition)

    def encode(self, x, condition=None, **options):
        return self(x, self._embed(x, condition))[0]

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
            flow = _RealNVP(rows, self.hidden_units or 64, condition_dropout=self.condition_dropout)
        return initialize(flow, generator)

    def _stages(self, module, train, valid, noise):
        yield Stage("flow", module.loss, module, [*module.parameters()], train, valid)
