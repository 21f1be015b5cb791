"""Numerical settings of a process: threads of libraries and treatment of denormal numbers."""

from __future__ import annotations

import ctypes
import os
import platform
import sys

from tabgenbench.engines.fork_server import THREAD_VARIABLES

__all__ = ["float_environment", "flush_denormals", "limit_threads", "set_float_environment"]

FLUSH = 0x8040  # bits of the register MXCSR: flush denormal results to 0, treat denormal operands as 0
MXCSR = 28  # offset of that register in glibc's fenv_t on x86-64, in bytes
FENV_BYTES = 64  # 32 on x86-64


def limit_threads(threads: int) -> None:
    """Set the number of threads of torch and of libraries that are imported later."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


def flush_denormals() -> None:
    """Treat denormal numbers (below 1.2e-38 in float32) as 0 in this thread.

    Arithmetic with denormal numbers is slow, and the moments that an optimiser estimates can become denormal.

    Without an import of torch, on x86-64, the function itself sets the processor flags that torch would set. Results of
    NumPy are therefore bit-identical in tasks with and without torch. On other processors, torch is imported.
    """
    if "torch" not in sys.modules and platform.machine() == "x86_64":
        state = bytearray(float_environment())
        register = int.from_bytes(state[MXCSR : MXCSR + 4], sys.byteorder) | FLUSH
        state[MXCSR : MXCSR + 4] = register.to_bytes(4, sys.byteorder)
        set_float_environment(bytes(state))
    else:
        import torch

        torch.set_flush_denormal(True)


def float_environment() -> bytes:
    """Return this thread's rounding mode and treatment of denormals, as the bytes of C's ``fenv_t``."""
    state = ctypes.create_string_buffer(FENV_BYTES)
    _libm().fegetenv(state)
    return state.raw


def set_float_environment(state: bytes) -> None:
    """Set this thread's rounding mode and treatment of denormals to a result of `float_environment`."""
    _libm().fesetenv(ctypes.create_string_buffer(state, FENV_BYTES))


def _libm() -> ctypes.CDLL:
    return ctypes.CDLL("libm.so.6")
