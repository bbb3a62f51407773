"""The generator that tests of metrics draw from."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)
