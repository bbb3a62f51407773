"""A Gaussian latent diffusion of the project's own parts: the rival of binary codes.

An autoencoder whose latents are numbers, held by tanh to the span that bits have, with a little
noise in the decoder's training; then, with it held, a Gaussian diffusion of the latents on one
scale. Encoder, decoder, denoiser and the embedding of a condition are the networks that
``BinaryLatentDiffusion`` has for the same shape, with as many latents in the place of bits; what it
has for missing entries is left out.
"""

import torch
from torch import nn

from skgen.networks.conv import MapDecoder, MapEncoder
from skgen.networks.embeddings import ConditionEmbedding, embed
from skgen.networks.sequence import Transformer
from skgen.papers._module import CONDITION_FEATURES
from skgen.papers.gaussian_diffusion import NOISE_FEATURES, GaussianDiffusion
from skgen.papers.principal_axes import PrincipalAxes
from skgen.processes.noise import GeneratorNoise
from skgen.processes.schedules import LinearSchedule
from skgen.training.net import train
from skgen.training.stages import Stage

CODE_NOISE, CONDITION_DROPOUT = 0.1, 0.1
ENCODED, DRAWN = 1000, 250


def fitted(name, module, parts, loss, data, plan, seed):
    """Train parts of a module as the estimators do; the first tenth of the rows chooses weights."""
    data = {key: rows.to(plan.device) for key, rows in data.items()}
    cut = len(next(iter(data.values()))) // 10
    parameters = [p for part in parts for p in part.parameters()]
    learnt, held_out = (
        {key: rows[piece] for key, rows in data.items()} for piece in (slice(cut, None), slice(cut))
    )
    train(Stage(name, loss, module.to(plan.device), parameters, learnt, held_out), plan, seed)
    module.requires_grad_(False).eval()


class GaussianLatents(nn.Module):
    """Autoencoder with real latents on a map of positions, and a Gaussian diffusion of them.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) of an image, or (length, channels) of a sequence.
    n_latents, n_positions : int
        Latents of a row, and the positions that share them.
    n_condition : int
        Columns of an encoded condition; 0 for none.
    n_halvings : int, default=None
        How often the encoder halves the resolution; None goes on to 16 positions.
    """

    def __init__(self, shape, n_latents, n_positions, n_condition=0, n_halvings=None):
        super().__init__()
        each, c = n_latents // n_positions, CONDITION_FEATURES if n_condition else 0
        self.encoder = MapEncoder(shape, each, c, n_halvings=n_halvings)
        self.decoder = MapDecoder(shape, each, c, n_halvings=n_halvings)
        denoiser = Transformer(n_positions, each, each, NOISE_FEATURES + c, zero_output=True)
        self.n_latents = n_latents
        self.prior = GaussianDiffusion(
            denoiser, PrincipalAxes(n_latents, rotate=False), LinearSchedule(-10.0, 7.0)
        )
        self.embedding = ConditionEmbedding(n_condition, c) if n_condition else None

    def _embed(self, rows, condition, noise=None):
        return embed(self.embedding, rows, condition, CONDITION_DROPOUT, noise)

    def code_loss(self, noise, x, condition=None):
        """Return half the squared error; latents of unit scale, with noise, as bits have it."""
        c = self._embed(x, condition, noise if self.training else None)
        w = torch.tanh(self.encoder(x, c))
        return 0.5 * (x - self.decoder(w + CODE_NOISE * noise.normal(w), c)).square().sum(-1)

    def distribution_loss(self, noise, x, condition=None):
        """Return the denoising loss of latents."""
        c = self._embed(x, condition, noise if self.training else None)
        return self.prior.denoising_loss(noise, x, c)

    def fit(self, rows, plan, seed, condition=None):
        """Learn the code, then its distribution."""
        given = {} if condition is None else {"condition": condition}
        coder = [part for part in (self.encoder, self.decoder, self.embedding) if part is not None]
        fitted("code", self, coder, self.code_loss, {"x": rows, **given}, plan, seed)
        w = self.encode(rows, condition)
        self.prior.axes.fit(w)
        fitted(
            "distribution",
            self,
            [self.prior],
            self.distribution_loss,
            {"x": w, **given},
            plan,
            seed + 1,
        )

    @property
    def _device(self):
        return self.prior.axes.mean.device

    def _in_parts(self, function, rows, condition, size):
        """Apply a function to rows and conditions a part at a time."""
        rows = rows.to(self._device)
        given = [None] * -(-len(rows) // size)
        if condition is not None:
            given = condition.to(self._device).split(size)
        with torch.no_grad():
            return torch.cat(
                [function(*pair) for pair in zip(rows.split(size), given, strict=True)]
            )

    def encode(self, rows, condition=None):
        """Return the latents of rows."""

        def code(x, given):
            return torch.tanh(self.encoder(x, self._embed(x, given)))

        return self._in_parts(code, rows, condition, ENCODED)

    def decode(self, latents, condition=None):
        """Return rows of latents."""

        def reconstruct(w, given):
            return self.decoder(w, self._embed(w, given))

        return self._in_parts(reconstruct, latents, condition, ENCODED)

    def sample(self, n, sampler, n_steps, seed, condition=None, guidance_scale=0.0):
        """Draw rows, with the guidance that `BinaryLatentDiffusion.sample` has."""
        noise = GeneratorNoise(torch.Generator(self._device).manual_seed(seed))

        def draw(like, given):
            z = noise.normal(like)
            c, c_0 = self._embed(z, given), self._embed(z, None)

            def predict(z, gamma):
                epsilon = self.prior.predict(z, gamma, c)[0]
                if guidance_scale > 0:
                    other = self.prior.predict(z, gamma, c_0)[0]
                    epsilon = epsilon + guidance_scale * (epsilon - other)
                return epsilon

            return self.decoder(self.prior.run(noise, z, predict, sampler, n_steps), c)

        return self._in_parts(draw, torch.empty(n, self.n_latents), condition, DRAWN)
