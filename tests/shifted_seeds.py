"""Other seeds for all tests at once, for ``pytest --seed-shift N``.

An integer seed ends in ``np.random.default_rng``, ``np.random.RandomState`` (as scikit-learn's
``random_state`` does), ``torch.Generator.manual_seed`` or ``torch.manual_seed``. Their substitutes
here add N to it; the same seed still gives the same bits within a run.
"""

import numbers

import numpy as np
import torch

DefaultRandomState = np.random.RandomState
_default_rng, _manual_seed = np.random.default_rng, torch.manual_seed

shift = 0


def shifted(seed):
    """Add the shift to a seed that is a number, or several; leave None, generators and errors."""
    if isinstance(seed, list | tuple):
        return [shifted(part) for part in seed]
    if not isinstance(seed, numbers.Integral) or isinstance(seed, bool) or seed < 0:
        return seed
    # RandomState takes 32 bits: what is within them stays there, and what it refuses it refuses.
    return seed if seed < 2**32 <= seed + shift else seed + shift


class _AnyRandomState(type):
    """Let numpy's own instances, the global one among them, count as instances."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, DefaultRandomState)


class RandomState(DefaultRandomState, metaclass=_AnyRandomState):
    """numpy's generator of old, whose seed is shifted."""

    def __init__(self, seed=None):
        super().__init__(shifted(seed))


class Generator(torch.Generator):
    """torch's generator, whose seed is shifted."""

    def manual_seed(self, seed):
        super().manual_seed(shifted(seed))
        return self


def default_rng(seed=None):
    """Return numpy's generator, from a shifted seed."""
    return _default_rng(shifted(seed))


def manual_seed(seed):
    """Seed torch's global generators with a shifted seed."""
    return _manual_seed(shifted(seed))


def install():
    """Put the four in place of numpy's and torch's."""
    np.random.RandomState, np.random.default_rng = RandomState, default_rng
    torch.Generator, torch.manual_seed = Generator, manual_seed
