"""Saving and loading of trained generators, so that rows can be sampled later without another training.

A saved model is a folder of arrays (safetensors) and JSON. It contains no code, so loading it is safe.
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
    """Interface of a generator that can be saved after `fit` and loaded without the training rows.

    A loaded generator must sample the same rows as the saved generator for equal conditions, seeds and devices. `save`
    may be called after `sample`, so `sample` must not change the model.
    """

    def save(self, folder: Path) -> None:
        """Write the trained model into an existing, empty folder, for example with `save_arrays`."""

    @classmethod
    def load(cls, folder: Path, config: Options, *, template: Table, device: str) -> Generator:
        """Return a generator that samples the same rows as the saved generator.

        Args:
            folder: a folder written by `save`.
            config: options of the saved generator.
            template: a table without rows that has the features, schema and scale of the training rows. Use
                ``template.like`` to build a sampled table.
            device: device that samples, such as ``cpu`` or ``cuda:0``.
        """


def save_arrays(folder: Path, arrays: Mapping[str, Any], facts: Mapping[str, Any] | None = None) -> None:
    """Write arrays and settings of a model into a folder, from which `load_arrays` reads them.

    Args:
        folder: an existing folder.
        arrays: NumPy arrays or torch tensors on any device, by name.
        facts: numbers, texts, lists and dictionaries, by name.

    Raises:
        ValueError: an array contains Python objects.
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
    """Return the arrays and the settings that `save_arrays` wrote. No code is loaded."""
    from safetensors.numpy import load_file

    arrays: dict[str, NDArray[Any]] = load_file(folder / ARRAYS)
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return arrays, facts
