"""Schrödinger bridges and flow matching as estimators: parameters, their ranges, docstrings.

Methods, networks and stages are in :mod:`skgen.models._bridge_matcher`, the mathematics in
:mod:`skgen.papers.schrodinger_bridge`; those of flows on manifolds in
:mod:`skgen.models._manifold_flow` and :mod:`skgen.papers.riemannian_flow_matching`.
"""

from numbers import Real
from typing import Any, ClassVar

from skgen._compat import Interval, StrOptions
from skgen.data.charts import is_flat
from skgen.data.sources import UncutSource
from skgen.models import _manifold_flow
from skgen.models._bridge_matcher import _BridgeMatcher

__all__ = ["FlowMatcher", "SchrodingerBridgeMatcher", "UncutSource"]


class SchrodingerBridgeMatcher(_BridgeMatcher):
    """Schrödinger bridge from a normal distribution, or from other data, to the data.

    Draws new rows (`sample`), carries rows from the source to the data (`inverse_transform`) and
    back (`transform`), along a flow or along a stochastic process; scores rows by their
    log-density (`score_samples`) where the source is normal. The first five parameters are those to
    try first.

    Parameters
    ----------
    sigma : float, default=0.1
        Noise of the reference process, in the units of ``sigma_unit``. More noise makes a
        smoother problem and a looser coupling; 0 is flow matching, or, with more than one
        iteration, rectified flow.
    coupling : {"optimal-transport", "independent", "reference"}, default="optimal-transport"
        The first coupling of source and data: entropic optimal transport within batches of one
        condition, at the regularisation that belongs to the reference; none; or source rows and
        where the reference carries them, which makes the algorithm iterative proportional
        fitting and needs iterations.
    n_iterations : int, default=None
        Number of Markovian projections: the first learns from the first coupling, each further
        one from pairs simulated by the process as it stands. None takes 1 from a normal source,
        from where a second one draws no better rows, and 2 between two sets of rows and for
        ``coupling="reference"``.
    n_steps : int, default=20
        Number of steps.
    theta : float, default=0.0
        Mean reversion of the reference process; 0 is Brownian motion, above 0 an
        Ornstein-Uhlenbeck process around the centre of the scaled columns.
    sigma_unit : {"scaled", "data"}, default="scaled"
        Units of `sigma`: those of the scaled columns, or those of the data, which needs columns of
        one scale, as ``scaling="common"`` makes them.
    ode_solver : {"heun", "adaptive"}, default="heun"
        How the flow is followed: in ``n_steps`` steps of Heun's method, or by a pair of orders 3
        and 2 with steps of each row's own.
    sde_solver : {"heun", "bridge", "euler-maruyama"}, default="heun"
        How the stochastic process is followed: by Heun's method, of second order; by the pinned
        process towards a drawn end, which is exact for normal distributions; or by the
        Euler-Maruyama method.
    time_grid : {"auto", "uniform", "quadratic", "cosine"} or array-like, default="auto"
        Times of the steps: even, dense at the end, dense at both ends, or an increasing array
        from 0, the source, to 1, the data, which sets their number. ``"auto"`` is
        ``"quadratic"`` for the solver ``"bridge"`` and ``"cosine"`` for the others.
    tolerance : float, default=1e-3
        Error of a step of the adaptive solver, in units of the scaled columns.
    scaling : {"auto", "quantile", "standard", "common"}, default="auto"
        How columns are scaled, those of the source like those of X: by a map of their quantiles
        to normal ones, by their standard deviation, or all by one, which keeps distances.
        ``"auto"`` takes one scale for images and for tables whose columns can be of one unit: they
        share a small grid of values, or their deviations are within a factor of five and none is
        skewed, has heavy tails or repeats values. Otherwise it maps the quantiles of the columns
        that are or do, and standardises the rest. Beside others, columns of two values, such as
        the codes of categories, are left out of this, and their values set 4 apart.
    input_shape : tuple, default=None
        Layout of a row, (channels, height, width) or (length, channels), for convolutional
        networks.
    hidden_units : int, default=None
        Units of a hidden layer on tables. None takes 64 for up to 4 columns or 128 rows, and 128
        for more.
    max_steps : int, default=None
        Gradient steps of the first iteration. Each further one takes half of them, and so does,
        without a source, the diffusion that `impute` draws from. None takes 60, and 4 more for each
        row beyond 100, up to 3,000.
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
        The fitted network, and the source's rows.
    nets_ : list of skorch.NeuralNet
        The net of each iteration, and of the diffusion for `impute`; not kept by pickling.
    history_ : list of dict
        One row an evaluation: stage, step, losses, seconds; in the last row of an iteration also
        ``coupling_cost``, the mean squared distance of the pairs it learnt from, and
        ``path_energy``, the mean squared speed of the flow, both in units of the scaled columns,
        which stop changing as the iterations converge; and ``spread``, the variance of the
        simulated ends over that of the real ones.
    coupling_cost_, path_energy_ : float
        The last of each.
    n_steps_ : int
        Gradient steps taken by the last fit.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them.

    See Also
    --------
    FlowMatcher : The same without noise.

    Notes
    -----
    Scores follow the flow backwards in the steps of `n_steps` and ``time_grid``, so that they are
    the density of what `sample` draws, up to the error of the steps. The divergence is exact up to
    16 columns; above, it is the mean of 8 probes, fixed for a row, whose error averages out over
    rows.

    Source rows are kept with the model, all of them, and so stand in the file that
    :func:`skgen.save` writes and in a pickle: `sample` draws from them, `score` carries them, and
    `partial_fit` without ``source=`` goes on with them. Of more than 100,000 rows a random part
    is taken. A model fitted without ``source=`` keeps none.

    References
    ----------
    Shi, De Bortoli, Campbell and Doucet, "Diffusion Schrödinger bridge matching", NeurIPS 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgen import SchrodingerBridgeMatcher
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SchrodingerBridgeMatcher(random_state=0).fit(X)
    >>> model.sample(5).shape
    (5, 4)
    >>> bridge = SchrodingerBridgeMatcher(random_state=0).fit(X[y == 2], source=X[y == 1])
    >>> bridge.inverse_transform(X[y == 1]).shape
    (50, 4)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_BridgeMatcher._parameter_constraints,
        "sigma": [Interval(Real, 0, None, closed="left")],
        "sigma_unit": [StrOptions({"scaled", "data"})],
        "coupling": [StrOptions({"optimal-transport", "independent", "reference"})],
        # Beyond, its hyperbolic functions leave the range of float32.
        "theta": [Interval(Real, 0, 50, closed="both")],
        "sde_solver": [StrOptions({"heun", "bridge", "euler-maruyama"})],
    }

    def __init__(
        self,
        sigma=0.1,
        *,
        coupling="optimal-transport",
        n_iterations=None,
        n_steps=20,
        theta=0.0,
        sigma_unit="scaled",
        ode_solver="heun",
        sde_solver="heun",
        time_grid="auto",
        tolerance=1e-3,
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
        self.sigma = sigma
        self.coupling = coupling
        self.n_iterations = n_iterations
        self.n_steps = n_steps
        self.theta = theta
        self.sigma_unit = sigma_unit
        self.ode_solver = ode_solver
        self.sde_solver = sde_solver
        self.time_grid = time_grid
        self.tolerance = tolerance
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

    def _validate_params(self):
        super()._validate_params()
        if self.coupling == "reference" and (self.sigma == 0 or self.n_iterations == 1):
            raise ValueError(
                "coupling='reference' needs sigma > 0 and n_iterations of at least 2: its first "
                "iteration knows the source alone."
            )


class FlowMatcher(_BridgeMatcher):
    """Flow matching: a differential equation from a normal distribution, or other data, to X.

    :class:`SchrodingerBridgeMatcher` without noise. One iteration is flow matching, between
    independent ends or along optimal transport within batches; several are rectified flow. The
    first five parameters are those to try first.

    Parameters
    ----------
    coupling : {"independent", "optimal-transport"}, default="independent"
        The coupling of source and data that the first iteration learns from.
    n_iterations : int, default=1
        Number of regressions: each after the first learns from pairs that the flow joins, and
        straightens it.
    n_steps : int, default=20
        Number of steps.
    ode_solver : {"heun", "adaptive"}, default="heun"
        How the flow is followed: in ``n_steps`` steps of Heun's method, or by a pair of orders 3
        and 2 with steps of each row's own.
    time_grid : {"auto", "uniform", "quadratic", "cosine"} or array-like, default="auto"
        Times of the steps: even, dense at the end, dense at both ends, or an increasing array
        from 0 to 1, which sets their number. ``"auto"`` is ``"cosine"``.
    tolerance : float, default=1e-3
        Error of a step of the adaptive solver, in units of the scaled columns.
    geometry : {"euclidean", "sphere", "torus"} or list of tuple, default="euclidean"
        Where rows lie. ``"sphere"``: two columns, latitude and longitude in degrees. ``"torus"``:
        every column an angle in degrees. A list names the parts of a product, by names or numbers
        of columns: ``("sphere", ["lat", "lon"])`` and ``("circle", ["hour"], 24)``, of which the
        last is the period, by default 360; columns that it leaves out are plain numbers. Rows
        come in and go out in these units; the notes say what differs.
    scaling : {"auto", "quantile", "standard", "common"}, default="auto"
        How columns are scaled, as in :class:`SchrodingerBridgeMatcher`. A geometry standardises
        its plain columns.
    input_shape : tuple, default=None
        Layout of a row, (channels, height, width) or (length, channels), for convolutional
        networks.
    hidden_units : int, default=None
        Units of a hidden layer on tables. None takes 64 for up to 4 columns or 128 rows, and 128
        for more.
    max_steps : int, default=None
        Gradient steps of the first iteration. Each further one takes half of them, and so does,
        without a source, the diffusion that `impute` draws from. None takes 60, and 4 more for each
        row beyond 100, up to 3,000.
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
        The fitted network, and the source's rows.
    nets_ : list of skorch.NeuralNet
        The net of each iteration, and of the diffusion for `impute`; not kept by pickling.
    history_ : list of dict
        One row an evaluation: stage, step, losses, seconds; in the last row of an iteration also
        ``coupling_cost``, the mean squared distance of the pairs it learnt from, and
        ``path_energy``, the mean squared speed of the flow, both in units of the scaled columns,
        which stop changing as the iterations converge; and ``spread``, the variance of the
        simulated ends over that of the real ones.
    coupling_cost_, path_energy_ : float
        The last of each.
    n_steps_ : int
        Gradient steps taken by the last fit.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them.

    See Also
    --------
    SchrodingerBridgeMatcher : The same with noise.

    Notes
    -----
    Rows given as ``source=`` are kept with the model and stand in its file, as with
    :class:`SchrodingerBridgeMatcher`.

    With a geometry, rows are drawn from a mixture of kernels at the training rows, up to 10,000 of
    them, and carried along geodesics by a flow whose velocity held-out rows multiply by 0, .5 or 1.
    So the model and its file keep these rows. `transform` returns where a row starts, in the units
    of X. Scores are densities per steradian on a sphere, per radian of a circle, and per unit of
    other columns. Given a condition, the flow starts from a uniform distribution, and no rows are
    kept. `impute`, a source, several iterations, optimal transport, the adaptive solver and
    ``input_shape`` need ``geometry="euclidean"``.

    References
    ----------
    Lipman, Chen, Ben-Hamu, Nickel and Le, "Flow matching for generative modeling", ICLR 2023.

    Chen and Lipman, "Flow matching on general geometries", ICLR 2024.

    Liu, Gong and Liu, "Flow straight and fast: learning to generate and transfer data with
    rectified flow", ICLR 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgen import FlowMatcher
    >>> X, _ = load_iris(return_X_y=True)
    >>> FlowMatcher(random_state=0).fit(X).sample(5).shape
    (5, 4)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_BridgeMatcher._parameter_constraints,
        "coupling": [StrOptions({"optimal-transport", "independent"})],
        "geometry": [StrOptions({"euclidean", "sphere", "torus"}), list, tuple],
    }

    def __init__(
        self,
        coupling="independent",
        *,
        n_iterations=1,
        n_steps=20,
        ode_solver="heun",
        time_grid="auto",
        tolerance=1e-3,
        geometry="euclidean",
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
        self.coupling = coupling
        self.n_iterations = n_iterations
        self.n_steps = n_steps
        self.ode_solver = ode_solver
        self.time_grid = time_grid
        self.tolerance = tolerance
        self.geometry = geometry
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
        if is_flat(self.geometry):
            return super()._build_module(rows, generator)
        return _manifold_flow.build_module(self, rows, generator)

    def _stages(self, module, train, valid, noise):
        if is_flat(self.geometry):
            return super()._stages(module, train, valid, noise)
        return _manifold_flow.stages(self, module, train, valid, noise)

    def _validate_params(self):
        super()._validate_params()
        if not is_flat(self.geometry):
            _manifold_flow.check(self)
