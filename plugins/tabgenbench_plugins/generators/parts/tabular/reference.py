"""The package `ctgan` itself, for comparison: its models untouched, its random numbers and processes kept in bounds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import joblib  # type: ignore[import-untyped]  # it ships no types
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tabgenbench import PluginError
from tabgenbench_plugins.generators.parts.tabular.conditions import Draw

__all__ = ["PackageModel", "package_kind"]

CONDITION = "condition"  # name of the one discrete column
OnEpoch = Callable[[pd.DataFrame], None]


def package_kind(name: str) -> Any:
    """Import a model's class from the package.

    Raises:
        PluginError: the package is not installed.
    """
    try:
        import ctgan
    except ImportError as error:
        raise PluginError(
            f"implementation='reference': the package ctgan cannot be imported ({error}). "
            "Run: pip install ctgan, or use implementation='fast'."
        ) from error
    return getattr(ctgan, name)


class _ReportsLosses:
    """Tells of each epoch: the package appends its losses to a frame that it assigns anew."""

    on_epoch: OnEpoch

    @property
    def loss_values(self) -> pd.DataFrame:
        return self._loss_values

    @loss_values.setter
    def loss_values(self, frame: pd.DataFrame | None) -> None:
        self._loss_values = frame
        if frame is not None and len(frame):
            self.on_epoch(frame)


class PackageModel:
    """A model of the package, fitted on continuous columns and one discrete column.

    Args:
        kind: ``ctgan.CTGAN`` or ``ctgan.TVAE``.
        device: where it computes.
        on_epoch: is given the package's frame of losses after each epoch.
        options: of the model.
    """

    def __init__(self, kind: type, *, device: str, on_epoch: OnEpoch, **options: Any) -> None:
        reporting = type(kind.__name__, (_ReportsLosses, kind), {"on_epoch": staticmethod(on_epoch)})
        self._model: Any = reporting(enable_gpu=device != "cpu", **options)
        self._model._device = torch.device(device)  # its own method takes any CUDA device for the first
        self._device, self._batch = device, int(options["batch_size"])

    def fit(self, values_NC: NDArray[np.float32], labels_N: Sequence[str] | None, *, seed: int) -> None:
        """Train.

        Args:
            values_NC: continuous columns.
            labels_N: the discrete column; None where there is none.
            seed: of NumPy and torch; what they had before comes back.
        """
        frame = pd.DataFrame(values_NC.astype(np.float64), columns=[str(j) for j in range(values_NC.shape[1])])
        self._values = sorted(set(labels_N)) if labels_N is not None else []
        if labels_N is not None:
            frame[CONDITION] = list(labels_N)
        self._model.set_random_state(seed % 2**32)
        with self._in_bounds(seed):
            self._model.fit(frame, [CONDITION] if labels_N is not None else [])

    def start_sampling(self, seed: int) -> None:
        """Seed the draws that follow."""
        self._model.set_random_state(seed % 2**32)
        self._seed = seed

    def draw(self, value: int | None) -> Draw:
        """Sample a batch of rows: of any condition, or with the odds of one value raised."""
        asked = {} if value is None else {"condition_column": CONDITION, "condition_value": self._values[value]}
        with self._in_bounds(self._seed):
            frame = self._model.sample(self._batch, **asked)
        self._seed += 1
        labels = np.zeros(len(frame), dtype=np.int64)
        if self._values:
            labels = pd.Index(self._values).get_indexer(frame.pop(CONDITION)).astype(np.int64)
        return Draw(frame.to_numpy(dtype=np.float32), labels)

    @contextlib.contextmanager
    def _in_bounds(self, seed: int) -> Iterator[None]:
        """Keep the package's transform to this process, and its draws on a GPU, which it leaves unseeded, to a seed."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(joblib.parallel_config(backend="sequential"))
            if self._device != "cpu":
                stack.enter_context(torch.random.fork_rng([torch.device(self._device)]))
                torch.cuda.manual_seed_all(seed % 2**63)
            yield
