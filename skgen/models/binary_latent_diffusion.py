"""BinaryLatentDiffusion: codes of bits, with a Bernoulli diffusion as their prior.

The mathematics is in :mod:`skgen.papers.binary_latent_diffusion`.
"""

import math
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from torch import nn

from skgen._compat import Interval, StrOptions
from skgen.base import BaseGenerativeModel
from skgen.models._codes import BitFormat, CodeMixin
from skgen.models._sequence_lengths import SequenceLengthsMixin
from skgen.networks.conv import ConvEncoder, UNet
from skgen.networks.mlp import ColumnwiseMLP, ResidualMLP, initialize
from skgen.networks.sequence import Transformer
from skgen.papers._module import condition_embedding
from skgen.papers.bernoulli_diffusion import NOISE_FEATURES, BernoulliDiffusion
from skgen.papers.binary_latent_diffusion import BinaryLatentDiffusionModule, BitDenoiser
from skgen.papers.code_module import RowFacts
from skgen.papers.layouts import AttentiveSequence, Columns, Map, Shape, stacked
from skgen.papers.representation import input_noise
from skgen.processes.bernoulli import SCHEDULES


@dataclass(frozen=True)
class Defaults:
    """Tuned numbers, by the size of the data."""

    # Bits of a row.
    n_bits: int
    # Units of a hidden layer.
    width: int
    # Noise of the encoder's input, as a share of the data's deviation along their first axis, and
    # at most that of a column; columns of two values get none. It makes neighbours share their
    # code, and hides what varies little.
    encoder_noise: float
    # Whether each column of bits has a small network of its own; its units, and its learning rate,
    # which bears to be higher.
    is_columnwise: bool
    # Whether it has more to learn from its rows; its learning rate and steps then.
    trains_long: bool
    column_width: int = 32
    lr_factor: float = 3.0
    long_lr_factor: float = 1.5
    long_step_factor: float = 2.0
    # Features of the observed entries that the diffusion is given.
    n_evidence: int = 64
    # Positions of the code of a whole sequence.
    sequence_tokens: int = 16

    @classmethod
    def for_data(
        cls, n_rows: int, n_columns: int, is_table: bool, n_bits: int | None = None
    ) -> "Defaults":
        """Return those for data of this size, and for so many bits if they are given."""
        n_bits = n_bits or min(64, 8 * n_columns)
        # A code with room for what every column says is to have it; but few rows would be
        # overfitted.
        is_ample = is_table and n_rows > 1000 and n_bits >= 4 * n_columns
        return cls(
            n_bits=n_bits,
            width=64 if n_rows <= 128 else 128,
            encoder_noise=0.1 if is_ample else 0.28,
            is_columnwise=is_table and n_columns <= 64,
            trains_long=n_rows >= 10_000,
        )


def _layout(shape: Shape, d: int, most_tokens: int, code: str) -> Columns:
    """Return the positions that share the bits of a row."""
    if shape is None:
        return Columns(d, 1)
    if len(shape) == 2 and code == "sequence":
        return AttentiveSequence(shape, most_tokens)
    return Map(shape, None if len(shape) == 3 else {"frame": 0, "frames": 2}[code])


def _denoiser_of_rows(
    facts: RowFacts, n_context: int, defaults: Defaults, units: int | None
) -> nn.Module:
    """Return the denoiser of rows of bits, which reads them and which of them are observed."""
    d = facts.n_features
    if facts.shape is not None:
        return UNet(stacked(facts.shape), n_context)
    if defaults.is_columnwise:
        return ColumnwiseMLP(2 * d, d, n_context, width=units or defaults.column_width)
    return ResidualMLP(2 * d, d, n_context, width=units or defaults.width, zero_output=True)


class BinaryLatentDiffusion(SequenceLengthsMixin, CodeMixin, BaseGenerativeModel):
    """Binary autoencoder with a Bernoulli diffusion over its codes.

    Gives every row a code of bits (`transform`), draws new rows (`sample`), scores rows by a lower
    bound of their log-likelihood (`score_samples`) and fills in missing entries (`impute`). On
    binary data it works without an autoencoder: ``autoencoder=None``. The first five parameters are
    those to try first.

    Parameters
    ----------
    n_bits : int, default=None
        Bits of a row's code. None takes 8 for each column, and at most 64: the prior of more bits
        than the data need is harder to learn, and the score pays. Where a code has positions, as
        for images and sequences, they share the bits evenly, and the number is rounded up to a
        multiple of theirs. Not used without an autoencoder.
    autoencoder : {"stochastic", "threshold", "relaxed"} or None, default="stochastic"
        How training makes bits of the encoder's probabilities: drawn, by noise that fades until the
        likelier value is left, or that value from the start, both with straight-through gradients;
        or relaxed to numbers between 0 and 1, at a temperature that falls from 1 to 0.3. Noise and
        temperature have fallen after 70% of the steps. None runs the diffusion on the data
        themselves, which must have two values a column.
    likelihood : {"gaussian", "bernoulli", "discrete"} or array-like, default="gaussian"
        What the decoder gives: a normal distribution of every column, with a variance that held-out
        rows show for each height of the mean; a probability for columns of two values, in a table
        of zeros and ones, or of any two values, both of them in each column; or the same normal
        rounded to the levels of each column, whose score is a probability. ``"discrete"`` takes
        the levels that each column has in `fit`, and rows to be scored may have further ones, see
        Notes; an array of shape (n_levels,) is ``"discrete"`` with these levels and no others.
    output : {"bits", "probability", "packed"}, default="bits"
        What `transform` returns: bits as 0 and 1, the probabilities that they are 1, or eight bits
        in an unsigned byte. `inverse_transform` takes each of them.
    code : {"frame", "frames", "sequence"}, default="frames"
        For sequences: a code for each frame, for chunks of four frames, or one for the sequence as
        a whole, by attention.
    kl_weight : float, default=0.01
        Weight of the KL of the bits from fair coins, beside half the squared error of the scaled
        row, or its cross-entropy.
    joint : bool, default=False
        Whether code and diffusion are first learnt together, with a share of the diffusion's
        gradient in the code, so that its bits can be predicted, and then the diffusion alone.
        Otherwise the code is learnt first and the diffusion after it.
    target : {"direct", "residual"}, default="direct"
        What the diffusion predicts: a bit's value, or that it has flipped.
    schedule : {"cosine", "linear", "sigmoid"}, default="cosine"
        How the memory of a bit fades with time.
    codebook_dim : int, default=None
        If given, a position's bits choose rows of a learned codebook of this width, and the
        decoder reads their sum (BinaryVQ).
    n_timesteps : int, default=128
        Steps of the diffusion and of its bound, and of `sample` and `impute` unless they are given
        fewer.
    temperature : float, default=1.0
        Samples are drawn as if from the prior of the bits raised to 1/temperature: below 1 likelier
        rows. Exact for independent bits.
    scaling : {"auto", "quantile", "standard", "common"}, default="auto"
        How columns are scaled: by a map of their quantiles to normal ones, by their standard
        deviation, or all by one. ``"auto"`` takes one scale for images, sequences and tables whose
        columns can be of one unit: they share a small grid of values, or their deviations are
        within a factor of five and none is skewed, has heavy tails or repeats values. Otherwise it
        maps the quantiles of the columns that are or do, and standardises the rest. Beside others,
        columns of two values, such as the codes of categories, are left out of this, and their
        values set 4 apart.
    input_shape : tuple, default=None
        Layout of a row, (channels, height, width) or (length, channels), for convolutional
        networks and attention.
    hidden_units : int, default=None
        Units of a hidden layer on tables. None takes 64 for up to 128 rows and 128 for more; for
        ``autoencoder=None`` on up to 64 columns, each of which has a small network of its own, 32.
    max_steps : int, default=None
        Gradient steps of each stage. None takes 60, and 4 more for each row beyond 100, up to
        3,000. Without an autoencoder, up to 64 columns take twice as many steps on 10,000 rows or
        more.
    batch_size : int, default=256
        Rows of a gradient step.
    lr : float, default=3e-3
        Peak learning rate.
    validation_fraction : float, default=0.1
        Share of the rows that chooses the weights.
    early_stopping : bool, default=True
        Whether to stop when the validation loss has not improved for 10 of 20 evaluations.
    net_params : dict, default=None
        Further settings of the skorch net, such as ``{"callbacks": [...]}``, a list of skorch
        callbacks, ``{"ema_decay": 0.99}``, the decay of the moving average of the weights, 0.998
        unless given, ``{"compile": True}``, ``{"autocast_dtype": "bfloat16"}`` or
        ``{"optimizer__weight_decay": 0.1}``.
    checkpoint : str or path, default=None
        File that `fit` writes at every evaluation, about 20 times a stage, and goes on from: a fit
        that was killed, run again with the same parameters and data, ends with the same bits as
        one that was not. It is deleted when the fit is done. `partial_fit` does not use it.
    device : str, default=None
        Where to train; None takes CUDA, MPS or the CPU, the first there is.
    condition_dropout : float, default=0.1
        Share of training rows whose condition is hidden, so that the model also answers without.
    verbose : bool, int or "auto", default="auto"
        Whether to show a progress bar. ``"auto"`` shows one on a terminal or in a notebook while
        a fit takes more than three seconds.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random.

    Attributes
    ----------
    module_ : torch.nn.Module
        The fitted networks.
    nets_ : list of skorch.NeuralNet
        The net of each training stage; not kept by pickling.
    history_ : list of dict
        One row an evaluation: stage, step, losses, seconds; after the stage that learns the code,
        ``active_bits``, those neither constant nor copies of others, and ``code_entropy``, the
        mean entropy of a bit in nats, at most 0.693.
    n_bits_ : int
        Bits of a row's code.
    n_steps_ : int
        Gradient steps taken by the last fit.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them.

    Notes
    -----
    A level that a column has in no row of `fit` has a small probability. Of n rows, each column
    keeps ``1 / (n + 1)`` of its probability for such levels: for the other one of a binary
    column, or for up to 256 of them nearest to each level of `fit`, of whose probability they
    take their shares. So the probabilities of all levels sum to one at most. A new level of
    discrete data is encoded as the nearest one of `fit`; none is ever drawn. With levels given
    as ``likelihood``, there are no others.

    References
    ----------
    Wang, Wang, Liu and Chen, "Binary latent diffusion", CVPR 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgen import BinaryLatentDiffusion
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = BinaryLatentDiffusion(n_bits=16, random_state=0).fit(X)
    >>> model.sample(5).shape
    (5, 4)
    >>> model.transform(X)[0].shape
    (16,)
    >>> model.set_params(output="packed").transform(X).nbytes
    300
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseGenerativeModel._parameter_constraints,
        "n_bits": [Interval(Integral, 1, None, closed="left"), None],
        "autoencoder": [StrOptions({"stochastic", "threshold", "relaxed"}), None],
        "likelihood": [StrOptions({"gaussian", "bernoulli", "discrete"}), "array-like"],
        "output": [StrOptions({"bits", "probability", "packed"})],
        "code": [StrOptions({"frame", "frames", "sequence"})],
        "kl_weight": [Interval(Real, 0, None, closed="left")],
        "joint": ["boolean"],
        "target": [StrOptions({"residual", "direct"})],
        "schedule": [StrOptions(set(SCHEDULES))],
        "codebook_dim": [Interval(Integral, 1, None, closed="left"), None],
        "n_timesteps": [Interval(Integral, 1, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        n_bits=None,
        *,
        autoencoder="stochastic",
        likelihood="gaussian",
        output="bits",
        code="frames",
        kl_weight=0.01,
        joint=False,
        target="direct",
        schedule="cosine",
        codebook_dim=None,
        n_timesteps=128,
        temperature=1.0,
        scaling="auto",
        input_shape=None,
        hidden_units=None,
        max_steps=None,
        batch_size=256,
        lr=3e-3,
        validation_fraction=0.1,
        early_stopping=True,
        net_params=None,
        checkpoint=None,
        device=None,
        condition_dropout=0.1,
        verbose="auto",
        random_state=None,
    ):
        self.n_bits = n_bits
        self.autoencoder = autoencoder
        self.likelihood = likelihood
        self.output = output
        self.code = code
        self.kl_weight = kl_weight
        self.joint = joint
        self.target = target
        self.schedule = schedule
        self.codebook_dim = codebook_dim
        self.n_timesteps = n_timesteps
        self.temperature = temperature
        self.scaling = scaling
        self.input_shape = input_shape
        self.hidden_units = hidden_units
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.net_params = net_params
        self.checkpoint = checkpoint
        self.device = device
        self.condition_dropout = condition_dropout
        self.verbose = verbose
        self.random_state = random_state

    def _defaults(self, n_rows):
        is_table = self.input_shape is None
        return Defaults.for_data(n_rows, self.n_features_in_, is_table, self.n_bits)

    def _build_module(self, rows, generator):
        facts, (n, d) = self._row_facts(rows), rows.x.shape
        defaults = self._defaults(n)
        width = self.hidden_units or defaults.width
        has_code = self.autoencoder is not None
        coder = dict.fromkeys(("encoder", "decoder", "evidence", "codebook"))
        n_positions, n_bits = 1, d
        with torch.device("meta"):
            c, embedding = condition_embedding(rows.n_condition)
            if not has_code:
                n_context = NOISE_FEATURES + c
                network = _denoiser_of_rows(facts, n_context, defaults, self.hidden_units)
            else:
                most_tokens = min(defaults.sequence_tokens, defaults.n_bits)
                layout = _layout(facts.shape, d, most_tokens, self.code)
                n_positions, n_evidence = layout.n_positions, defaults.n_evidence
                each = math.ceil(defaults.n_bits / n_positions)
                n_bits = n_positions * each
                coder = self._coder(facts, layout, each, c, width, n_evidence)
                n_context = NOISE_FEATURES + n_evidence + c
                if n_positions > 1:
                    network = Transformer(n_positions, each, each, n_context, zero_output=True)
                else:
                    network = ResidualMLP(n_bits, n_bits, n_context, width=width, zero_output=True)
            denoiser = BitDenoiser(network, n_bits, facts.shape, not has_code)
            options = self.schedule, self.target, self.n_timesteps
            diffusion = BernoulliDiffusion(denoiser, n_bits, *options)
        module = BinaryLatentDiffusionModule(
            {"diffusion": diffusion, **coder, "embedding": embedding},
            facts,
            n_bits=n_bits,
            n_positions=n_positions,
            binarization=self.autoencoder,
            kl_weight=float(self.kl_weight),
            encoder_noise=self._input_noise(rows.x, defaults),
            condition_dropout=float(self.condition_dropout),
        )
        return initialize(module, generator)

    def _coder(self, facts, layout, n_bits, c, width, n_evidence):
        """Return encoder, decoder and codebook of so many bits a position, and what is observed."""
        n_read, shape = self.codebook_dim or n_bits, facts.shape
        return {
            "encoder": layout.encoder(n_bits + (self.codebook_dim or 0), c, width=width),
            "decoder": layout.decoder(n_read, c, width=width),
            "evidence": ResidualMLP(2 * facts.n_features, n_evidence, width=width, depth=1)
            if shape is None
            else ConvEncoder(stacked(shape), n_evidence),
            "codebook": nn.Linear(n_bits, n_read, bias=False) if self.codebook_dim else None,
        }

    def _input_noise(self, rows, defaults):
        if self.row_map_.likelihood == "bernoulli":
            return 0.0
        return input_noise(rows, defaults.encoder_noise)

    def _stages(self, module, train, valid, noise):
        stage = partial(self._stage, module, train, valid)
        prior = [module.diffusion, module.evidence]
        if self.autoencoder is None:
            if not module.frozen:
                module.fit_frequencies(**train)
            module.frozen.fill_(True)
            plan = {}
            if isinstance(module.diffusion.network.network, ColumnwiseMLP):
                defaults = self._defaults(len(train["x"]))
                plan["lr_factor"] = defaults.lr_factor
                if defaults.trains_long and valid is not None and self.max_steps is None:
                    plan["lr_factor"] = defaults.long_lr_factor
                    plan["step_factor"] = defaults.long_step_factor
            yield stage("diffusion", module.diffusion_loss, [*prior, module.embedding], **plan)
            return
        usage = {"diagnose": lambda: module.usage(**train)}
        if not module.frozen:
            # Later pieces of data keep the code, which decoder and diffusion were trained on.
            parts = [module.encoder, module.decoder, module.codebook, module.embedding]
            name, loss = "code", module.code_loss
            if self.joint:
                name, loss, parts = "joint", module.joint_loss, [*parts, *prior]
            interrupted = yield stage(name, loss, parts, **usage)
            module.fit_frequencies(**train)
            module.fit_residuals(train, train if valid is None else valid)
            module.frozen.fill_(not interrupted)
        yield stage("diffusion", module.diffusion_loss, prior, **usage)

    def _finish_fit(self):
        self.n_bits_ = self.module_.n_bits

    def _latent_format(self):
        return BitFormat(self.module_.n_bits, self.output, self.row_map_.dtype)
