"""Bars that show how far long work has come, where someone is there to see them."""

import multiprocessing
import sys
import time
from typing import Any

from tqdm.auto import tqdm

# Seconds after which work counts as long.
SHOWN_AFTER = 3.0


def is_watched() -> bool:
    """Tell whether standard error is a terminal, or the process works for a notebook.

    The processes of a parallel search share one terminal, and their bars would overwrite each
    other: only the main process is watched.
    """
    if multiprocessing.current_process().name != "MainProcess":
        return False
    # As tqdm.auto finds out, but that a notebook without widgets counts too.
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
        What is at work, and what a step is.
    since : float
        When the work began, by ``time.monotonic()``.

    Returns
    -------
    bar : tqdm
        The bar.
    """
    if verbose != "auto":
        return tqdm(total=total, desc=name, unit=unit, disable=not verbose)
    return tqdm(
        total=total,
        desc=name,
        unit=unit,
        disable=not is_watched(),
        leave=False,
        delay=max(0.0, since + SHOWN_AFTER - time.monotonic()),
    )
