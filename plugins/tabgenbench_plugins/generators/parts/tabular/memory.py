"""Whether a device has the memory that a training needs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch

from tabgenbench import Unsupported, machine_memory

__all__ = ["device_bytes", "n_parameters", "require_memory"]


def device_bytes(device: str) -> int:
    """Return the memory of a device in bytes: the GPU's, else the machine's or what its container may use."""
    return machine_memory() if device == "cpu" else int(torch.cuda.mem_get_info(device)[1])


def require_memory(name: str, needed: int, *, device: str, purpose: str) -> None:
    """Refuse a training that a device cannot hold, even with nothing else on it.

    What is free at the moment is not asked: a refusal is the cell's last word, and what others use is theirs to free.

    Args:
        name: of the generator.
        needed: bytes.
        device: where they are needed.
        purpose: what for, such as ``at least, for 15,000 columns``.

    Raises:
        Unsupported: the device has less; gives both numbers in bytes.
    """
    there = device_bytes(device)
    if needed > there:
        raise Unsupported(
            f"generator {name!r}: training needs {needed:,} bytes {purpose}, {device} has {there:,}; "
            "use fewer columns or a machine with more memory"
        )


def n_parameters(widths: Sequence[int]) -> int:
    """Return weights and biases of a stack of linear layers."""
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(widths))
