"""The course of training."""

from ._drawing import panels


def _history_of(estimator):
    """Return the history of an estimator, or of the last model that it holds; None without one."""
    if hasattr(estimator, "history_"):
        return estimator.history_
    held = [step for _, step in getattr(estimator, "steps", [])]
    held += [getattr(estimator, name, None) for name in ("model_", "best_estimator_")]
    found = (_history_of(part) for part in reversed(held) if part is not None)
    return next((history for history in found if history is not None), None)


class TrainingCurveDisplay:
    """Training and validation loss by gradient step, in a panel a stage.

    Parameters
    ----------
    history : list of dict
        A row an evaluation, as in ``history_`` of an estimator: its ``"stage"``, ``"step"``,
        ``"train_loss"`` and, if there is a validation part, ``"valid_loss"``.

    Attributes
    ----------
    axes_ : list of Axes
        One a stage, of the last plot.

    figure_ : Figure
        The figure that they are in.

    See Also
    --------
    SampleComparisonDisplay : What the training came to.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgen import VariationalDiffusionAE
    >>> from skgen.plotting import TrainingCurveDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = VariationalDiffusionAE(max_steps=40, random_state=0).fit(X)
    >>> display = TrainingCurveDisplay.from_estimator(model)
    >>> [ax.get_title() for ax in display.axes_]
    ['code', 'distribution']
    """

    def __init__(self, *, history):
        self.history = history

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the losses that an estimator was fitted with.

        Parameters
        ----------
        estimator : estimator
            A fitted model, or what holds one: a pipeline, a search,
            :class:`skgen.GenerativeImputer` or :class:`skgen.GenerativeOverSampler`.

        ax : Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : TrainingCurveDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If no fitted model is found in it.
        """
        history = _history_of(estimator)
        if history is None:
            raise ValueError(
                f"This {type(estimator).__name__} has no history_: fit it first, or give the "
                "fitted model that it holds."
            )
        return cls(history=history).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the losses.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw: its place is divided among the stages. None makes a new figure.

        Returns
        -------
        self : TrainingCurveDisplay
            The display, with the drawn artists as attributes.
        """
        stages = []
        runs = []
        for row in self.history:
            # a stage that comes again, after partial_fit, gets a panel of its own
            follows = runs and stages[-1] == row["stage"] and row["step"] > runs[-1][-1]["step"]
            if not follows:
                stages.append(row["stage"])
                runs.append([])
            runs[-1].append(row)
        n = len(stages)
        self.figure_, grid = panels(self, ax, 1, n, (3.6 * n + 1, 3.4))
        self.axes_ = []
        for number, (stage, rows) in enumerate(zip(stages, runs, strict=True)):
            panel = self.figure_.add_subplot(grid[number])
            for key, label in (("train_loss", "training"), ("valid_loss", "validation")):
                points = [(row["step"], row[key]) for row in rows if key in row]
                if points:
                    panel.plot(*zip(*points, strict=True), label=label, marker=".")
            panel.set(title=stage, xlabel="gradient steps")
            self.axes_.append(panel)
        self.axes_[0].set_ylabel("loss")
        self.axes_[0].legend(frameon=False)
        return self
