"""Integer codes of rows. A code depends on the content of the row, not on its position."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["row_groups"]


def row_groups(values: NDArray[np.float32], *, seed: int) -> NDArray[np.int64]:
    """Return the code of each row, an integer from 0, shape (n_rows,); identical rows have equal codes.

    A code is the rank of the hash of ``seed`` and the row's content, so the order of the codes is random.
    """
    key = str(seed).encode()[:64]
    rows = np.ascontiguousarray(values + 0.0)  # no negative zeros, which equal zeros and have other bytes
    hashes = [hashlib.blake2b(row.tobytes(), digest_size=8, key=key).digest() for row in rows]
    numbers = np.frombuffer(b"".join(hashes), dtype=np.uint64)
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)
