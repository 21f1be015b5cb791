"""A guard around the code of a plugin that shares its process with that of others."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import warnings
from collections.abc import Iterator

import numpy as np

__all__ = ["unchanged_process"]


@contextlib.contextmanager
def unchanged_process() -> Iterator[None]:
    """Put back what the block changes of the process: working folder, environment, paths, random states, settings."""
    import torch

    folder, environment, paths = os.getcwd(), dict(os.environ), list(sys.path)
    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    errors, threads, grad = np.geterr(), torch.get_num_threads(), torch.is_grad_enabled()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        os.chdir(folder)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        sys.path[:] = paths
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.random.set_rng_state(states[2])
        np.seterr(**errors)
        torch.set_num_threads(threads)
        torch.set_grad_enabled(grad)
