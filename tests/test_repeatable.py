"""Settings of cuDNN, which belong to the process, while several threads need them."""

from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event

import pytest
import torch

from skgen.repeatable import REPEATABLE


@pytest.mark.parametrize("fails", [False, True])
def test_settings_of_convolutions_come_back_when_the_last_has_left(fails):
    """Whoever came first may leave first."""
    settings, seen = torch.backends.cudnn, []
    before = settings.deterministic, settings.benchmark

    def look():
        seen.append((settings.deterministic, settings.benchmark))

    first, second = Event(), Event()

    def inside():
        with REPEATABLE:
            first.set()
            second.wait()
            if fails:
                raise RuntimeError

    try:
        settings.deterministic, settings.benchmark = False, True
        with ThreadPoolExecutor(1) as pool:
            fit = pool.submit(inside)
            first.wait()
            with REPEATABLE:
                second.set()
                wait([fit])
                look()
            look()
        assert seen == [(True, False), (False, True)]
    finally:
        settings.deterministic, settings.benchmark = before
