"""Calls on tables run on one thread, whatever the settings of the thread pools.

PyTorch, scikit-learn and BLAS share each matrix product among threads, which wait for each other by
spinning. The products of a table are small: on an idle machine a second thread saves little time.
On a busy one each thread waits until the other gets a core, so that a call takes 3 to 15 times the
processor time of one thread.

When a call ends, even with an error, the settings are as before. This holds also if calls in
several threads of Python overlap: the settings of OpenMP and MKL belong to the calling thread, and
that of OpenBLAS, which belongs to the process, is restored when the last call ends.
"""

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from threadpoolctl import ThreadpoolController

F = TypeVar("F", bound=Callable[..., Any])


@cache
def _pools(user_api: str) -> Any:
    """Return the thread pools of OpenMP or of BLAS; they are searched for once, which is slow."""
    return ThreadpoolController().select(user_api=user_api)


@cache
def _set_mkl() -> Any:
    """Return MKL's setter for the calling thread, which returns the number before, 0 for none.

    PyTorch contains MKL, where threadpoolctl does not find it. MKL has the limit of OpenMP only
    until ``torch.set_num_threads`` is called.
    """
    library = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    found = ctypes.CDLL(str(library)) if library.is_file() else None
    return getattr(found, "MKL_Set_Num_Threads_Local", lambda n_threads: 0)


@contextmanager
def _openmp_limit() -> Iterator[None]:
    """Limit OpenMP and PyTorch's MKL to one thread, for the calling thread."""
    # PyTorch sets the numbers of a thread at its first use there: cause that now.
    torch.get_num_threads()
    before = _set_mkl()(1)
    try:
        with _pools("openmp").limit(limits=1):
            yield
    finally:
        _set_mkl()(before)


def _set_process(library: Any, n_threads: int) -> None:
    """Set the threads that a library has in the whole process."""
    # In newer versions of threadpoolctl only one thread at a time can set OpenBLAS.
    release = getattr(library, "clear_controlling_thread", lambda **_: None)
    release(force=True)
    library.set_num_threads(n_threads)
    release(force=True)


class _BlasLimit:
    """Limits BLAS to one thread in the process while any call is running."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_calls = 0
        self.before: list[tuple[Any, int]] = []

    def __enter__(self) -> None:
        with self.lock:
            self.n_calls += 1
            if self.n_calls == 1:
                self.before = [
                    (library, library.get_num_threads())
                    for library in _pools("blas").lib_controllers
                    # BLAS on OpenMP's threads has the limit of OpenMP.
                    if getattr(library, "threading_layer", None) != "openmp"
                ]
                for library, _ in self.before:
                    _set_process(library, 1)

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.n_calls -= 1
            if self.n_calls == 0:
                for library, n_threads in self.before:
                    # A setting that someone else has made meanwhile stays.
                    if library.get_num_threads() == 1:
                        _set_process(library, n_threads)


_blas_limit = _BlasLimit()
_calling = threading.local()


@contextmanager
def one_thread() -> Iterator[None]:
    """Run a block, or as a decorator a function, on one thread."""
    if getattr(_calling, "limited", False):
        yield
        return
    with ExitStack() as limits:
        limits.enter_context(_blas_limit)
        limits.enter_context(_openmp_limit())
        limits.callback(setattr, _calling, "limited", False)
        _calling.limited = True
        yield


class _AllThreads:
    """Lets a block run on all threads; raises where it would wait for ever after a fork.

    A fork copies only the calling thread. GNU's OpenMP, which PyTorch uses on Linux, waits for ever
    in the forked process for the other threads if it used them before the fork.
    """

    def __init__(self) -> None:
        self.used = self.lost = False

    def forked(self) -> None:
        """Note in a forked process that the threads of its parent do not exist."""
        self.lost, self.used = self.lost or self.used, False

    def __enter__(self) -> None:
        if torch.get_num_threads() == 1:
            return
        if self.lost:
            raise RuntimeError(
                "This process was forked after its parent had used several threads, and would "
                "wait for them for ever. Start workers by multiprocessing's 'spawn' or "
                "'forkserver', or with joblib's default backend, or call "
                "torch.set_num_threads(1) in them."
            )
        self.used = sys.platform == "linux"

    def __exit__(self, *error: object) -> None:
        pass


_all_threads = _AllThreads()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_all_threads.forked)


def threads_for(estimator: Any) -> Any:
    """Return the limit for an estimator: one thread for tables, none for images and sequences.

    Parameters
    ----------
    estimator : estimator
        A model, or a pipeline or imputer around one.

    Returns
    -------
    limit : context manager
        A context for the estimator's methods. For images and sequences it raises RuntimeError in a
        process that was forked after such a run on several threads.
    """
    while hasattr(estimator, "steps") or hasattr(estimator, "model"):
        estimator = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator.model
    return one_thread() if getattr(estimator, "input_shape", None) is None else _all_threads


def limited(method: F) -> F:
    """Decorate a method of an estimator to run with the threads that `threads_for` gives it."""

    @wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        with threads_for(self):
            return method(self, *args, **kwargs)

    # A copy of the method, made of the function that it wraps, is limited as well.
    cast(Any, run).is_limited = True
    return cast(F, run)
