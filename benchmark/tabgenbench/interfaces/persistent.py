"""Generators that can be saved and loaded, so that rows are sampled later without training again.

A saved model is a folder of arrays (safetensors) and JSON. A saved model contains no code, so nothing is unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tabgenbench.data.table import Table
    from tabgenbench.interfaces.generator import Generator
    from tabgenbench.options import Options

__all__ = ["Persistent", "load_arrays", "save_arrays"]

ARRAYS, FACTS = "arrays.safetensors", "facts.json"


@runtime_checkable
class Persistent(Protocol):
    """A generator that can be saved after `fit` and loaded in a process that never reads the training rows.

    Calls of `sample` must not change what `save` writes. A loaded generator returns the same rows as the saved one for
    equal conditions, seeds and devices.
    """

    def save(self, folder: Path) -> None:
        """Write the trained model into an existing, empty folder, for example with `save_arrays`."""

    @classmethod
    def load(cls, folder: Path, config: Options, *, template: Table, device: str) -> Generator:
        """Return a generator that samples the same rows as the saved one.

        Args:
            folder: a folder written by `save`.
            config: the options of the generator that was saved.
            template: a table without rows: features, schema and scale of the training rows; ``template.like`` builds
                the sampled table.
            device: device that samples, such as ``cpu`` or ``cuda:0``.
        """


def save_arrays(folder: Path, arrays: Mapping[str, Any], facts: Mapping[str, Any] | None = None) -> None:
    """Write arrays or tensors, and settings that JSON can express, into a folder; `load_arrays` reads them.

    Args:
        folder: an existing folder.
        arrays: NumPy arrays or torch tensors on any device, by name.
        facts: numbers, texts, lists and dictionaries, by name.

    Raises:
        ValueError: an array holds Python objects, which only pickle can write.
    """
    from safetensors.numpy import save_file

    plain = {
        name: np.ascontiguousarray(value.detach().cpu() if hasattr(value, "detach") else value)
        for name, value in arrays.items()
    }
    for name, value in plain.items():
        if value.dtype.hasobject:
            raise ValueError(f"array {name!r} holds Python objects, expected numbers; put texts into the facts")
    save_file(plain, folder / ARRAYS)
    (folder / FACTS).write_text(json.dumps(dict(facts or {}), allow_nan=False) + "\n", encoding="utf-8")


def load_arrays(folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the settings that `save_arrays` wrote. Nothing is unpickled."""
    from safetensors.numpy import load_file

    arrays: dict[str, NDArray[Any]] = load_file(folder / ARRAYS)
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return arrays, facts
