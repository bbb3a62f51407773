"""The public methods with ``lengths=``, for sequences of unequal length."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgen.data.row_map import Data


class SequenceLengthsMixin:
    """The methods of an estimator with ``lengths=``: how many frames of each sequence there are."""

    def fit(self, X, y=None, *, condition=None, lengths=None):
        """Learn the distribution of the rows of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to learn from, in any units.
        y : None
            Ignored: a label is never read unless asked for by name, as ``condition``.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            Labels of any type, or real vectors, to learn p(x | condition).
        lengths : array-like of shape (n_samples,), default=None
            For sequences of unequal length: the number of frames of each. Entries of X beyond it
            are padding and not read; the model learns the lengths too.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, the data, the condition or a length cannot be used; the message says
            which.
        TrainingError
            If the loss becomes NaN or infinite. A model fitted before stays as it was.

        Warns
        -----
        ConvergenceWarning
            If drawn rows lack a value, a share or a dependence of the training rows; it names
            columns and values. Only for ``max_steps=None``.
        UserWarning
            If a label to condition on has fewer than five rows.
        """
        return self._fit(Data(X, condition, lengths))

    def partial_fit(self, X, y=None, *, condition=None, lengths=None):
        """Go on learning from a piece of the data.

        The first piece fixes scaling, labels and codes. Every call trains each stage for
        ``max_steps`` gradient steps, by default for 60 and one more for each row beyond 100, up to
        3,000. What is used is a moving average of the weights after each piece.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A piece of the data.
        y : None
            Ignored.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of the piece, if the first had one.
        lengths : array-like of shape (n_samples,), default=None
            The number of frames of each sequence, at least 1; entries of X beyond it are padding
            and not read. None means all frames.

        Returns
        -------
        self : object
            The estimator, trained further.
        """
        return self._fit(Data(X, condition, lengths), partial=True)

    def fit_transform(self, X, y=None, *, condition=None, lengths=None):
        """Fit to X and return its codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to learn from.
        y : None
            Ignored.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        lengths : array-like of shape (n_samples,), default=None
            The number of frames of each sequence, at least 1; entries of X beyond it are padding
            and not read. None means all frames.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_bits)
            The code of each row.
        """
        self.fit(X, y, condition=condition, lengths=lengths)
        return self.transform(X, condition=condition, lengths=lengths)

    def transform(self, X, *, condition=None, lengths=None):
        """Map rows to their codes; deterministic.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        lengths : array-like of shape (n_samples,), default=None
            The number of frames of each sequence, at least 1; entries of X beyond it are padding
            and not read. None means all frames.

        Returns
        -------
        Z : ndarray or frame of shape (n_samples, n_bits), or a column for every eight bits
            Bits, their probabilities, or bytes, as ``output`` asks.
        """
        return self._encode_rows(Data(X, condition, lengths))

    def score_samples(self, X, *, condition=None, lengths=None):
        """Return a lower bound of the log-likelihood of each row, in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        lengths : array-like of shape (n_samples,), default=None
            The number of frames of each sequence, at least 1; entries of X beyond it are padding
            and not read. None means all frames.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            Deterministic. A log-density in the units of X, or, for discrete and binary data, a
            log-probability; with lengths, of the sequence and its length.
        """
        return self._score_rows(Data(X, condition, lengths))

    def score(self, X, y=None, *, condition=None, lengths=None):
        """Return the mean of `score_samples`: higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in the units of the training data.
        y : None
            Ignored.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        lengths : array-like of shape (n_samples,), default=None
            The number of frames of each sequence, at least 1; entries of X beyond it are padding
            and not read. None means all frames.

        Returns
        -------
        score : float
            Mean lower bound of the log-likelihood, in nats per row.
        """
        return float(np.mean(self.score_samples(X, condition=condition, lengths=lengths)))

    def sample(
        self,
        n_samples=1,
        *,
        condition=None,
        guidance_scale=0.0,
        n_steps=None,
        random_state=None,
        return_lengths=False,
    ):
        """Draw new rows: a code from the diffusion, then a row given the code.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        condition : scalar or array-like of shape (n_samples,) or (n_samples, n_columns)
            What to condition on; a scalar serves all rows. None draws without a condition.
        guidance_scale : float, default=0.0
            Classifier-free guidance: predicted log-odds move beyond the conditional ones by this
            many times the difference that the condition makes. 0 draws from the conditional
            distribution; larger values separate conditions more, and move the means of rows.
        n_steps : int, default=None
            Number of sampling steps, at most ``n_timesteps``; None takes all.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the constructor's. A seed gives the same rows, whatever the
            number drawn with it: ``sample(10)`` is the head of ``sample(1000)``.
        return_lengths : bool, default=False
            Whether to return the length of each sequence too; for a model fitted with lengths.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features)
            New rows, in the units of the training data. Of a table, the decoder's mean and an
            error as held-out rows have it; of images and sequences the mean, and zero beyond
            their length.
        lengths : ndarray of shape (n_samples,)
            Frames of each sequence, if ``return_lengths``.
        """
        if not return_lengths:
            return self._sample(n_samples, condition, guidance_scale, n_steps, random_state)
        check_is_fitted(self)
        frames = self.row_map_.frames
        if frames is None:
            raise ValueError(
                "return_lengths=True needs a model of sequences of unequal length: fit it with "
                "lengths=."
            )
        n_samples, encoded = self._check_draw(n_samples, condition, guidance_scale, n_steps)
        rows = self._draw(n_samples, encoded, guidance_scale, n_steps, random_state)
        return self._drawn(rows, guidance_scale), frames.split(rows)[1].numpy()

    def impute(
        self, X, *, n_draws=1, condition=None, n_steps=None, random_state=None, lengths=None
    ):
        """Draw the missing entries of X given the observed ones.

        The diffusion draws bits given the observed entries, as it has learnt in training, and the
        decoder draws the missing entries given the bits. This is exact if both are. For binary data
        without an autoencoder, the observed bits are fixed from the start.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with NaN where an entry is missing.
        n_draws : int, default=1
            Number of completions of each row; analyses of the completed tables, one by one, are
            pooled as those of multiple imputation.
        condition : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
            The condition of each row.
        n_steps : int, default=None
            Number of sampling steps; None takes the model's own.
        random_state : int, RandomState instance or None, default=None
            Seed; None falls back on the constructor's.
        lengths : array-like of shape (n_samples,), default=None
            The number of frames of each sequence, at least 1; entries of X beyond it are padding
            and not read. None means all frames.

        Returns
        -------
        X : ndarray or frame of shape (n_samples, n_features), or ``n_draws`` of them
            The completed table; observed entries come back as they were given, and entries that
            are missing beyond a length as zero. With ``n_draws`` above 1, as many tables, each as
            a single draw would be: ``X[k]`` is the k-th in an array of shape (n_draws, n_samples,
            n_features), or in a list of frames where ``set_output`` asks for frames.
        """
        return self._impute(Data(X, condition, lengths), n_draws, n_steps, random_state)
