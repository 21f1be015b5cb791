"""Check whether training fits into the memory of the device."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tabgenbench import Unsupported, machine_memory

__all__ = ["device_bytes", "n_parameters", "require_memory"]


def device_bytes(device: str) -> int:
    """Return the memory of a device in bytes; for the CPU, the memory of the machine or container."""
    if device == "cpu":
        return machine_memory()
    import torch

    return int(torch.cuda.mem_get_info(device)[1])


def require_memory(name: str, needed: int, *, device: str, purpose: str) -> None:
    """Raise `Unsupported` if training does not fit into the total memory of a device.

    The free memory is not checked, because it may grow when other processes end. The message contains ``purpose``, such
    as ``for 900 rows of 15,000 columns``.
    """
    there = device_bytes(device)
    if needed > there:
        raise Unsupported(
            f"generator {name!r}: training needs {needed:,} bytes {purpose}, {device} has {there:,}; "
            "use fewer columns or a machine with more memory"
        )


def n_parameters(widths: Sequence[int]) -> int:
    """Return the number of weights and biases of a stack of linear layers."""
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(widths))
