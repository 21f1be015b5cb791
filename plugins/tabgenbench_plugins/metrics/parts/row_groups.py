"""Codes of rows that are equal for identical rows and depend only on the content of the rows."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["row_groups"]


def row_groups(values: NDArray[np.float32], *, seed: int) -> NDArray[np.int64]:
    """Return one code per row, starting at 0; identical rows have equal codes, and the order of codes is random.

    The code of a row does not depend on the positions of rows, because codes are ranks of hashes of the content.

    Args:
        values: shape (n_rows, n_columns).
        seed: selects the random order.

    Returns:
        Array of shape (n_rows,).
    """
    key = str(seed).encode()[:64]
    rows = np.ascontiguousarray(values + 0.0)  # no negative zeros, which equal zeros and have other bytes
    hashes = [hashlib.blake2b(row.tobytes(), digest_size=8, key=key).digest() for row in rows]
    numbers = np.frombuffer(b"".join(hashes), dtype=np.uint64)
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)
