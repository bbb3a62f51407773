"""VQDiffusionBridge: codes of a codebook, with a diffusion bridge or another prior.

The mathematics is in :mod:`skgen.papers.vq_diffusion_bridge`.
"""

from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skgen._compat import Interval, StrOptions
from skgen.base import BaseGenerativeModel
from skgen.models._codes import CodeMixin, TokenFormat
from skgen.models._vq_networks import build, defaults_of
from skgen.networks.autoregressive import MaskedMLP
from skgen.networks.mlp import initialize
from skgen.papers.code_priors import BridgePrior
from skgen.papers.vq_diffusion_bridge import ColumnwiseVQModule
from skgen.threads import limited


class VQDiffusionBridge(CodeMixin, BaseGenerativeModel):
    """Vector-quantised autoencoder with a diffusion bridge as the prior of its codes.

    Gives every row a code of a few tokens, each one of a codebook's rows (`transform`), draws new
    rows (`sample`), scores rows by a lower bound of their log-likelihood (`score_samples`) and
    fills in missing entries (`impute`). Images and sequences have the bridge, trained together with
    their codes. Tables have, unless `prior` says otherwise, the distribution of their values, one
    column after another: a Gaussian copula that a network corrects. Its scores are exact. The first
    five parameters are those to try first.

    Parameters
    ----------
    n_embeddings : int, default=None
        Rows of the codebook. None takes 64; where each column of a table has its own token, the
        power of two next to an eightieth of the training rows, from 16 to 512, and for the bridge
        from 16 to 64. With `partial_fit` the first piece decides; give a number if many follow.
    n_tokens : int, default=None
        Tokens of a row. For images and sequences, positions after halving the resolution some
        times: one of the numbers that this can give; None halves until there are at most 64. If
        a sequence has as many tokens as frames, each token is made of one frame alone. For tables
        None takes a token for each column, made of this column alone. Tables of more than 128
        columns have 16 tokens that mix all columns, and so have those of more than 48 columns that
        share one small grid of values, as pixels do, or whose prior is the bridge. A number given
        mixes all columns in each token.
    embedding_dim : int, default=4
        Columns of the codebook.
    prior : {"diffusion", "autoregressive"}, default=None
        The prior: the bridge, or one code after another, by masked convolutions on images, causal
        attention on sequences and a small network for each token of a table, learnt after the
        code; where each column of a table has its own token, one column after another, of values
        rather than codes. None takes the bridge for images and sequences, and one after another
        for tables. Only the bridge uses `theta`, `schedule` and `n_timesteps`.
    likelihood : {"gaussian", "bernoulli", "discrete"} or array-like, default="gaussian"
        What the decoder gives: a normal distribution of every column, with a variance that held-out
        rows show for each height of the mean; a probability for columns of two values, in a table
        of zeros and ones, or of any two values, both of them in each column; or the same normal
        rounded to the levels of each column, whose score is a probability. ``"discrete"`` takes
        the levels that each column has in `fit`, and rows to be scored may have further ones, see
        Notes; an array of shape (n_levels,) is ``"discrete"`` with these levels and no others.
    output : {"embedding", "index", "onehot"}, default="embedding"
        What `transform` returns: the codes' rows, their indices, or a column for every code of
        every token. `inverse_transform` takes each of them.
    prior_weight : float, default=0.1
        Weight of the prior's gradient that reaches the encoder while code and bridge are learnt
        together, before the bridge alone; in units of the weight that the bound gives it, which for
        a normal decoder is the variance of its errors. It is 0 at first, so that a code can form,
        and then rises: from 40% to 80% of the stage on tables, from 20% to 40% on images and
        sequences. With 0 the code is learnt first and the bridge after it. Whatever the prior, it
        is also the weight of the entropy of codes that are drawn.
    quantization : {"nearest", "sampled"}, default="nearest"
        How training chooses codes: the nearest, with straight-through gradients, or drawn with
        probabilities ``softmax(-10 * distance ** 2)``, by Gumbel noise. What is used is the
        nearest.
    theta : float, default=3.0
        Rate of the Ornstein-Uhlenbeck process over a time of one: a code is remembered by a factor
        ``exp(-theta)`` at its end. Its stationary distribution is N(0, I), and latents are
        normalised to mean 0 and variance 1.
    schedule : {"geometric", "constant"}, default="geometric"
        Noise levels of the steps: even in the log signal-to-noise ratio, or even in time as the
        source has them.
    n_timesteps : int, default=128
        Steps of the bridge and of its bound, and of `sample` and `impute` unless they are given
        fewer.
    temperature : float, default=1.0
        What the log-odds of codes, or of the cells of a column, are divided by: below 1 likelier
        rows.
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
        Units of a hidden layer of encoder and decoder on tables; the denoiser has twice as many. On
        images the denoiser has half as many channels, rounded down to a multiple of 16, and 16 at
        least. None takes 64 for tables of up to 10,000 rows and for up to 128 images or sequences,
        and 128 for more. The prior of a table has half of a number that is given for each column or
        token, and 32 for None.
    max_steps : int, default=None
        Gradient steps of each stage. None takes 60, and 4 more for each row beyond 100, up to
        3,000. On tables of 20 rows or more the first stage takes half of these together with the
        bridge, a quarter where each column has its own token, and all otherwise, but at least 120.
        A prior of one column after another takes all of them, and at least 120; one of one code
        after another takes a third, and at least 60, or 120 for fewer than 200 rows. A number that
        is given is never exceeded.
    batch_size : int, default=256
        Rows of a gradient step.
    lr : float, default=3e-3
        Peak learning rate; three times as much for the prior of a table, one column or code after
        another.
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
        One row an evaluation: stage, step, losses, seconds; at the end of a stage that learns the
        code, ``perplexity`` of the codes of the training rows, at most ``n_embeddings``, and the
        share ``used_embeddings`` that is used at all.
    codebook_ : ndarray of shape (n_embeddings, embedding_dim)
        The codes.
    perplexity_ : float
        The exponential of the entropy of the codes' frequencies in training rows.
    n_tokens_ : int
        Tokens of a row.
    n_steps_ : int
        Gradient steps taken by the last fit.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them.

    Notes
    -----
    The prior is given a condition, the encoder and the decoder are not: codes of rows with
    different conditions are of one language.

    A level that a column has in no row of `fit` has a small probability. Of n rows, each column
    keeps ``1 / (n + 1)`` of its probability for such levels: for the other one of a binary
    column, or for up to 256 of them nearest to each level of `fit`, of whose probability they
    take their shares. So the probabilities of all levels sum to one at most. A new level of
    discrete data is encoded as the nearest one of `fit`; none is ever drawn. With levels given
    as ``likelihood``, there are no others.

    References
    ----------
    Cohen, Quispe, Le Corff, Ollion and Moulines, "Diffusion bridges vector quantized variational
    autoencoders", ICML 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgen import VQDiffusionBridge
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = VQDiffusionBridge(n_embeddings=16, random_state=0).fit(X)
    >>> model.sample(5).shape
    (5, 4)
    >>> model.transform(X).shape
    (150, 16)
    >>> model.set_params(output="index").transform(X).shape
    (150, 4)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseGenerativeModel._parameter_constraints,
        "n_embeddings": [Interval(Integral, 2, None, closed="left"), None],
        "n_tokens": [Interval(Integral, 1, None, closed="left"), None],
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "prior": [StrOptions({"diffusion", "autoregressive"}), None],
        "likelihood": [StrOptions({"gaussian", "bernoulli", "discrete"}), "array-like"],
        "output": [StrOptions({"embedding", "index", "onehot"})],
        "prior_weight": [Interval(Real, 0, None, closed="left")],
        "quantization": [StrOptions({"nearest", "sampled"})],
        "theta": [Interval(Real, 0, None, closed="neither")],
        "schedule": [StrOptions({"geometric", "constant"})],
        "n_timesteps": [Interval(Integral, 1, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        n_embeddings=None,
        *,
        n_tokens=None,
        embedding_dim=4,
        prior=None,
        likelihood="gaussian",
        output="embedding",
        prior_weight=0.1,
        quantization="nearest",
        theta=3.0,
        schedule="geometric",
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
        self.n_embeddings = n_embeddings
        self.n_tokens = n_tokens
        self.embedding_dim = embedding_dim
        self.prior = prior
        self.likelihood = likelihood
        self.output = output
        self.prior_weight = prior_weight
        self.quantization = quantization
        self.theta = theta
        self.schedule = schedule
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

    def _build_module(self, rows, generator):
        return initialize(build(self, rows), generator)

    def _stages(self, module, train, valid, noise):
        def step_factor(share, fewest):
            # A first piece of data gets all steps: later ones do not train the code.
            least = fewest / self._n_stage_steps(len(train["x"]))
            least = least if self.max_steps is None else min(1.0, least)
            return max(1.0 if valid is None else share, least)

        stage = partial(self._stage, module, train, valid)
        defaults = defaults_of(self, len(train["x"]))
        held_out = train if valid is None else valid
        prior = [module.prior, module.evidence, module.embedding]
        columnwise = isinstance(module, ColumnwiseVQModule)
        module.initialize_code(noise, train["x"], self.batch_size)
        if module.frozen:
            module.add_new_codes(**train)
            yield stage("decoder", module.decoder_loss, [module.decoder])
            module.fit_residuals(train, held_out)
        else:
            # Later pieces of data keep the code, and train the decoder and the prior.
            joint = self.prior_weight > 0 and isinstance(module.prior, BridgePrior)
            parts = [module.encoder, module.decoder, module.normalizer, module.codebook]
            name, loss = ("joint", module.joint_loss) if joint else ("code", module.code_loss)
            plan = {"diagnose": lambda: module.usage(**train)}
            if self.input_shape is None:
                # Tokens that mix the columns take all steps to be good features by themselves.
                share = defaults.column_step_factor if module.is_positionwise else 1.0
                share = defaults.joint_step_factor if joint else share
                plan["step_factor"] = step_factor(share, defaults.fewest_code_steps)
            interrupted = yield stage(name, loss, [*parts, *prior] if joint else parts, **plan)
            module.normalize(noise, train["x"])
            module.fit_residuals(train, held_out)
            module.frozen.fill_(not interrupted)
            if joint and module.frozen:
                # The prior has learnt from codes that kept changing, and is better learnt anew.
                module.reset_prior(noise.generator)
            module.fit_frequencies(**train)
        plan = {}
        if columnwise:
            plan["step_factor"] = step_factor(1.0, defaults.fewest_code_steps)
            plan["lr_factor"], plan["owners"] = defaults.column_lr_factor, module.prior.owners()
        elif isinstance(module.prior.network, MaskedMLP):
            fewest = defaults.fewest_prior_steps
            plan["step_factor"] = step_factor(defaults.causal_step_factor, fewest)
            plan["lr_factor"] = defaults.causal_lr_factor
        yield stage("prior", module.prior_loss, prior, **plan)
        if columnwise and valid is not None:
            module.prior.shrink(**valid)

    def _finish_fit(self):
        self.n_tokens_ = self.module_.n_tokens
        self.codebook_ = self.module_.codebook.code.cpu().numpy().astype(self.row_map_.dtype)
        perplexities = [row["perplexity"] for row in self.history_ if "perplexity" in row]
        if perplexities:
            self.perplexity_ = perplexities[-1]

    @limited
    def trajectory(self, n_samples=1, *, condition=None, n_steps=None, random_state=None):
        """Follow the latents of new rows from noise to codes.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        condition : scalar or array-like of shape (n_samples,) or (n_samples, n_columns)
            What to condition on; a scalar serves all rows. None draws without a condition.
        n_steps : int, default=None
            Number of sampling steps; None takes all of the bridge's.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the constructor's.

        Returns
        -------
        times : ndarray of shape (n_steps + 1,)
            Time of each point on the process's own clock, from 1, pure noise, towards 0.
        paths : ndarray of shape (n_steps + 1, n_samples, n_tokens, embedding_dim)
            Latents at these times.

        Raises
        ------
        ValueError
            If the prior is autoregressive, which has no such path.
        """
        check_is_fitted(self)
        module = self.module_
        if not isinstance(module.prior, BridgePrior):
            raise ValueError("trajectory needs a model fitted with prior='diffusion'.")
        path: list[Tensor] = []
        n_samples, encoded = self._check_draw(n_samples, condition, 0.0, n_steps)
        rows = self._draw(n_samples, encoded, 0.0, n_steps, random_state, path=path)
        self._check_drawn(rows, 0.0)
        n_points = (n_steps or module.most_steps) + 1
        blocks = [torch.stack(path[i : i + n_points]) for i in range(0, len(path), n_points)]
        paths = torch.cat(blocks, 1)[:, :n_samples].cpu().numpy().astype(self.row_map_.dtype)
        return module.prior.times(module.spacing(), n_points - 1).cpu().numpy(), paths

    def _latent_format(self):
        return TokenFormat(self.module_, self.codebook_, self.output)
