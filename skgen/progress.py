"""Progress bars for long work, on a terminal or in a notebook."""

import multiprocessing
import sys
import time
import warnings
from typing import Any

from tqdm import TqdmWarning

with warnings.catch_warnings():
    # In a notebook without widgets it shows bars of text, which is fine, and warns of them.
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

# Seconds after which work counts as long.
SHOWN_AFTER = 3.0


def is_watched() -> bool:
    """Return whether standard error is a terminal, or the process belongs to a notebook.

    The processes of a parallel search share one terminal, and their bars would overwrite each
    other: only the main process shows bars.
    """
    if multiprocessing.current_process().name != "MainProcess":
        return False
    # As tqdm.auto finds it out, but a notebook without widgets counts too.
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get_ipython() if get_ipython is not None else None
    in_notebook = shell is not None and "IPKernelApp" in shell.config
    return in_notebook or (sys.stderr is not None and sys.stderr.isatty())


def progress_bar(verbose: Any, total: int, name: str, unit: str, since: float) -> Any:
    """Return a bar of tqdm, which the caller updates and closes.

    Parameters
    ----------
    verbose : bool, int or "auto"
        Whether to show it. ``"auto"`` shows it on a terminal or in a notebook while work takes more
        than `SHOWN_AFTER` seconds, and takes it away at the end.
    total : int
        Number of steps.
    name, unit : str
        What works, and what a step is called.
    since : float
        When the work began, by ``time.monotonic()``.

    Returns
    -------
    bar : tqdm, or a substitute if none is shown
        The bar.
    """
    if not verbose or (verbose == "auto" and not is_watched()):
        return _NoBar()
    if verbose != "auto":
        return tqdm(total=total, desc=name, unit=unit)
    delay = max(0.0, since + SHOWN_AFTER - time.monotonic())
    return tqdm(total=total, desc=name, unit=unit, leave=False, delay=delay)


class _NoBar:
    """A substitute for a bar: tqdm starts a thread even for a disabled one."""

    def update(self, n: float = 1) -> None:
        """Do nothing."""

    def set_postfix(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
