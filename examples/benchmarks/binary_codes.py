"""Codes and samples of BinaryLatentDiffusion on scikit-learn's digits and on a power plant.

Digits: five splits ``train_test_split(X, y, test_size=0.4, random_state=s, stratify=y)``, s = 0..4,
of 1,797 images of 8x8 pixels; ``BinaryLatentDiffusion(random_state=0)``, nothing else set, which
gives 64 bits. On held-out rows: accuracy of logistic regression and of 5 nearest neighbours on the
bits, beside PCA with 16 components; mean squared error of the reconstruction in units in which
pixels span [-1, 1], beside PCA's and that of a VQ-VAE whose code has 64 bits too. Of as many
samples as there are held-out rows the share of near-copies of training rows (1% is chance), and,
for the first split, the area under the curve of the better of two classifiers that tell them from
held-out rows.

The VQ-VAE is written here in plain torch: on rows with one scale, with the same noise on the
encoder's input, batches, learning rate, most steps and share of rows that chooses the weights, and
about as many weights. Each of its tokens has a codebook of its own, a moving average of what was
put to it; codes that nothing is put to start anew at an encoded row.

Power plant: hourly averages, 9,568 rows of 5 columns, 60/40 split, for the first two numbers of
splits, which are the model's seeds there; it needs the environment variable SKGEN_DATA to name the
folder with ``power_plant_ccpp.csv``. As many samples as held-out rows: areas under the curve by
classifier and the larger of them.

Beside all areas, as the floor, real rows of the training part in the place of samples.

Goals: linear probe 97.0%; reconstruction below PCA's; at most 2% near-copies; an area of at most
0.70 on the power plant.

    SKGEN_DATA=folder python examples/benchmarks/binary_codes.py
"""

import numpy as np
import torch
from _common import Report, arguments, data_folder, described, seconds_of_fit
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F

from skgen import BinaryLatentDiffusion
from skgen.datasets import fetch_power_plant
from skgen.metrics import classifier_two_sample_aucs, knn_probe, linear_probe, near_copies
from skgen.papers.representation import input_noise

COMMITMENT = 0.25
CODEBOOK_DECAY = 0.99
# Of the codes' mean use; below it a code is dead.
DEAD = 0.05


class SkipMLP(nn.Module):
    """A linear map and a network of two hidden layers that corrects it."""

    def __init__(self, n_in, n_out, width=256):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.network = nn.Sequential(
            nn.Linear(n_in, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, n_out),
        )

    def forward(self, x):
        """Map rows to rows."""
        return self.linear(x) + self.network(x)


class VQVAE(nn.Module):
    """Autoencoder whose code is the nearest row of a codebook for each of some tokens."""

    def __init__(self, n_features, n_tokens, n_codes, dim=8):
        super().__init__()
        self.encoder = SkipMLP(n_features, n_tokens * dim)
        self.decoder = SkipMLP(n_tokens * dim, n_features)
        self.n_tokens = n_tokens
        self.register_buffer("codebook", torch.zeros(n_tokens, n_codes, dim))
        self.register_buffer("use", torch.ones(n_tokens, n_codes))
        self.register_buffer("total", torch.zeros(n_tokens, n_codes, dim))

    def set_codes(self, h, which):
        """Start codes at encoded rows (n_tokens, n, dim); `which` (n_tokens, n_codes) of them."""
        drawn = torch.randint(h.shape[1], which.shape)
        fresh = h[torch.arange(self.n_tokens)[:, None], drawn]
        self.codebook[which], self.total[which], self.use[which] = fresh[which], fresh[which], 1.0

    def follow(self, h, index):
        """Move the codes to the mean of what is put to them, and revive dead ones."""
        put = F.one_hot(index, self.use.shape[1]).to(h.dtype)
        self.use.lerp_(put.sum(1), 1 - CODEBOOK_DECAY)
        self.total.lerp_(put.transpose(1, 2) @ h, 1 - CODEBOOK_DECAY)
        self.codebook.copy_(self.total / self.use.clamp(min=1e-6)[..., None])
        self.set_codes(h, self.use < DEAD * h.shape[1] / self.use.shape[1])

    def forward(self, x, start=False):
        """Return the reconstruction and the commitment of each row."""
        h = self.encoder(x).unflatten(1, (self.n_tokens, -1))
        tokens = h.detach().transpose(0, 1)
        if start:
            self.set_codes(tokens, torch.ones_like(self.use, dtype=torch.bool))
        index = torch.cdist(tokens, self.codebook).argmin(-1)
        q = self.codebook[torch.arange(self.n_tokens)[:, None], index].transpose(0, 1)
        if self.training:
            self.follow(tokens, index)
        commitment = (h - q).square().flatten(1).sum(1)
        return self.decoder((h + (q - h).detach()).flatten(1)), commitment


class VQBaseline:
    """Scales rows as one, fits a VQ-VAE to them and reconstructs others."""

    def __init__(self, n_tokens, n_bits_each, max_steps=None):
        self.n_tokens, self.n_bits_each = n_tokens, n_bits_each
        self.n_steps = max_steps or 3000

    def __repr__(self):
        return f"VQ-VAE, {self.n_tokens} tokens of {self.n_bits_each} bits"

    def fit(self, X):
        """Learn from 90% of the rows; the others choose the weights."""
        torch.manual_seed(0)
        self.mean, self.scale = X.mean(0), np.sqrt(X.var(0).mean())
        rows = self._scaled(X)
        order = torch.randperm(len(rows))
        n_held = round(0.1 * len(rows))
        held, rows = rows[order[:n_held]], rows[order[n_held:]]
        noise = input_noise(rows, 0.33)
        self.net = net = VQVAE(X.shape[1], self.n_tokens, 2**self.n_bits_each)
        optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.n_steps)
        best, weights = np.inf, None
        for step in range(self.n_steps):
            x = rows[torch.randint(len(rows), (256,))]
            net.train()
            mean, commitment = net(x + noise * torch.randn_like(x), start=step == 0)
            loss = (0.5 * (x - mean).square().sum(1) + COMMITMENT * commitment).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if (step + 1) % max(1, self.n_steps // 20) == 0:
                net.eval()
                with torch.no_grad():
                    error = float((net(held)[0] - held).square().mean())
                if error < best:
                    best = error
                    weights = {key: value.clone() for key, value in net.state_dict().items()}
        net.load_state_dict(weights)
        net.eval()
        return self

    def _scaled(self, X):
        return torch.from_numpy((X - self.mean) / self.scale).float()

    def reconstruct(self, X):
        """Return rows as they come back from their codes."""
        with torch.no_grad():
            return self.net(self._scaled(X))[0].double().numpy() * self.scale + self.mean

    @property
    def n_weights(self):
        """Number of weights of encoder and decoder."""
        return sum(p.numel() for p in self.net.parameters())


def error(X, X_back):
    """Return the mean squared error of pixels from 0 to 16, as if they spanned [-1, 1]."""
    return np.mean(((X - X_back) / 8) ** 2)


def report_areas(report, data, name, seed, X_train, X_test, X_new, goal=""):
    """Report how well two classifiers tell samples, and real rows, from held-out rows."""
    for rows, kind in ((X_new, name), (X_train, "real training rows")):
        aucs = classifier_two_sample_aucs(X_test, rows, random_state=seed)
        for classifier, auc in aucs.items():
            report.add(data, kind, seed, f"auc of the {classifier} classifier", auc)
        report.add(data, kind, seed, "larger auc", max(aucs.values()), goal if kind == name else "")


def digits(report, split, options, *, areas):
    """Report codes, reconstructions and samples of one split."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.4, random_state=split, stratify=y
    )
    model = BinaryLatentDiffusion(max_steps=options.max_steps, random_state=0)
    name = described(model)
    seconds = seconds_of_fit(model, X_train)
    report.add("digits", name, split, "seconds of fit", seconds)
    coder = (model.module_.encoder, model.module_.decoder)
    n_weights = sum(p.numel() for part in coder for p in part.parameters())
    report.add("digits", name, split, "weights of encoder and decoder", n_weights)

    pca = PCA(16, random_state=0).fit(X_train)
    for features, kind in ((model, name), (pca, "PCA(16)")):
        Z_train, Z_test = features.transform(X_train), features.transform(X_test)
        goal = ">= 0.970" if kind == name else ""
        linear = linear_probe(Z_train, y_train, Z_test, y_test)
        report.add("digits", kind, split, "linear probe", linear, goal)
        neighbours = knn_probe(Z_train, y_train, Z_test, y_test)
        report.add("digits", kind, split, "nearest-neighbour probe", neighbours)
        back = error(X_test, features.inverse_transform(Z_test))
        goal = "< PCA(16)" if kind == name else ""
        report.add("digits", kind, split, "reconstruction, mean squared", back, goal)
    for n_tokens, n_bits_each in ((8, 8), (16, 4)):
        rival = VQBaseline(n_tokens, n_bits_each, options.max_steps)
        seconds = seconds_of_fit(rival, X_train)
        report.add("digits", repr(rival), split, "seconds of fit", seconds)
        report.add("digits", repr(rival), split, "weights of encoder and decoder", rival.n_weights)
        back = error(X_test, rival.reconstruct(X_test))
        report.add("digits", repr(rival), split, "reconstruction, mean squared", back)

    X_new = model.sample(len(X_test))
    copies = near_copies(X_train, X_test, X_new, standardize=False)
    report.add("digits", name, split, "near-copies", copies, "<= 0.02")
    if areas:
        report_areas(report, "digits", name, split, X_train, X_test, X_new)


def power_plant(report, seed, options):
    """Report samples of one split of the power plant."""
    folder = data_folder("power plant")
    if folder is None:
        return
    plant = fetch_power_plant(data_home=folder).data
    X_train, X_test = train_test_split(plant, test_size=0.4, random_state=seed)
    model = BinaryLatentDiffusion(max_steps=options.max_steps, random_state=seed)
    name = described(model)
    seconds = seconds_of_fit(model, X_train)
    report.add("power plant", name, seed, "seconds of fit", seconds)
    X_new = model.sample(len(X_test))
    report_areas(report, "power plant", name, seed, X_train, X_test, X_new, "<= 0.70")
    copies = near_copies(X_train, X_test, X_new)
    report.add("power plant", name, seed, "near-copies", copies, "<= 0.02")


def main():
    options = arguments(__doc__, seeds=range(5)).parse_args()
    report = Report(__file__, options)
    for split in options.seed:
        digits(report, split, options, areas=split == options.seed[0])
        if split in options.seed[:2]:
            power_plant(report, split, options)
        # each takes minutes, and none of it should be lost
        report.write()
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
