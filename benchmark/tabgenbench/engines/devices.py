"""Check of the option ``--device`` against the devices of this machine."""

from __future__ import annotations

from pathlib import Path

from tabgenbench.errors import DeviceError

__all__ = ["resolve_device"]


def resolve_device(name: str) -> str:
    """Check that the device of ``--device`` exists, and return ``cpu``, ``cuda`` or a name such as ``cuda:1``.

    ``auto`` is ``cuda`` if the machine has a GPU, and ``cpu`` otherwise. ``cuda`` stands for all visible GPUs.

    Raises:
        DeviceError: the device does not exist, or the name is invalid.
    """
    if name == "cpu":
        return "cpu"
    kind, _, index = name.partition(":")
    if name != "auto" and (kind != "cuda" or (index and not index.isdigit())):
        raise DeviceError(f"--device: got {name!r}, expected auto, cpu, cuda or cuda:INDEX")
    count = _cuda_devices()
    if name == "auto":
        return "cuda" if count else "cpu"
    if int(index or 0) >= count:
        raise DeviceError(
            f"--device: {name!r} is not on this machine, which has {count} CUDA devices; use --device cpu"
        )
    return f"cuda:{int(index)}" if index else "cuda"


def _cuda_devices() -> int:
    if not Path("/dev/nvidiactl").exists():  # without a driver, torch need not be imported
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
