"""Context manager `unchanged_process`, which restores the state of the process after plugin code has run."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["unchanged_process"]


@contextlib.contextmanager
def unchanged_process() -> Iterator[None]:
    """Restore the state of the process after the ``with`` block.

    The state consists of the working folder, environment variables, import paths, temporary folder, standard streams,
    signal handlers, warning filters, random states, and the settings of NumPy and torch.
    """
    folder, environment, paths, scratch = os.getcwd(), dict(os.environ), list(sys.path), tempfile.tempdir
    streams, state = (sys.stdin, sys.stdout, sys.stderr), random.getstate()
    restore_signals, restore_numpy, restore_torch = _signals(), _numpy(), _torch()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        os.chdir(folder)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        sys.path[:] = paths
        tempfile.tempdir = scratch
        sys.stdin, sys.stdout, sys.stderr = streams
        random.setstate(state)
        for restore in (restore_signals, restore_numpy, restore_torch):
            restore()


def _signals() -> Callable[[], None]:
    if threading.current_thread() is not threading.main_thread():  # only that thread may set a handler
        return lambda: None
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGHUP)}

    def restore() -> None:
        for one, handler in handlers.items():
            if handler is not None and signal.getsignal(one) is not handler:
                signal.signal(one, handler)

    return restore


def _numpy() -> Callable[[], None]:
    import numpy as np

    state, errors = np.random.get_state(), np.geterr()

    def restore() -> None:
        np.random.set_state(state)
        np.seterr(**errors)

    return restore


def _torch() -> Callable[[], None]:
    if "torch" not in sys.modules:
        return _reset_torch
    import torch

    state, threads, grad = torch.random.get_rng_state(), torch.get_num_threads(), torch.is_grad_enabled()
    dtype, deterministic = torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()

    def restore() -> None:
        torch.random.set_rng_state(state)
        torch.set_num_threads(threads)
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)
        _set_deterministic(torch, deterministic)

    return restore


def _set_deterministic(torch: Any, mode: bool) -> None:
    """Set torch's deterministic mode if it differs; the call is slow, because torch then imports its compiler."""
    if torch.are_deterministic_algorithms_enabled() != mode:
        torch.use_deterministic_algorithms(mode)


def _reset_torch() -> None:
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.random.default_generator.manual_seed(SEED_AFTER_IMPORT)
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or torch.get_num_threads()))
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
        _set_deterministic(torch, False)


SEED_AFTER_IMPORT = 67280421310721  # default seed of torch's random number generator
