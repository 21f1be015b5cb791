"""How a process computes: threads of its libraries, and numbers too small for the usual form (denormals)."""

from __future__ import annotations

import ctypes
import os
import platform
import sys

from tabgenbench.engines.fork_server import THREAD_VARIABLES

__all__ = ["float_environment", "flush_denormals", "limit_threads", "set_float_environment"]

FLUSH = 0x8040  # of the register MXCSR: denormal results become 0, denormal operands count as 0
MXCSR = 28  # its place in the fenv_t of glibc on x86-64, in bytes
FENV_BYTES = 64  # 32 on x86-64


def limit_threads(threads: int) -> None:
    """Let torch use so many threads, and libraries that are imported from now on."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


def flush_denormals() -> None:
    """Count denormals as 0 in this thread: optimiser moments that decay to them would slow every step.

    This is what `torch.set_flush_denormal` does. Where torch is not imported it is done without torch, so that NumPy
    computes to the same bits in every task.
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
    """Return how this thread rounds, and what it does with denormals, as the C library keeps it."""
    state = ctypes.create_string_buffer(FENV_BYTES)
    _libm().fegetenv(state)
    return state.raw


def set_float_environment(state: bytes) -> None:
    """Set what `float_environment` returned."""
    _libm().fesetenv(ctypes.create_string_buffer(state, FENV_BYTES))


def _libm() -> ctypes.CDLL:
    return ctypes.CDLL("libm.so.6")
