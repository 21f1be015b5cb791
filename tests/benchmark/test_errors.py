from __future__ import annotations

import errno

import pytest
import torch

from tabgenbench.errors import is_out_of_memory

CASES = [
    (MemoryError(), True),
    (torch.OutOfMemoryError("no more"), True),
    (RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"), True),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 400000000000000 bytes."), True),
    (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
    (OSError(errno.ENOSPC, "No space left on device"), False),
    (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    (ValueError("CUDA out of memory"), False),
]


@pytest.mark.parametrize(("error", "expected"), CASES, ids=[repr(error)[:40] for error, _ in CASES])
def test_errors_of_want_of_memory_are_told_apart(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected
