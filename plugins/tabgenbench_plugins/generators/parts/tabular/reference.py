"""The unchanged models of the package `ctgan`, run with seeded random numbers and in a single process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import joblib  # type: ignore[import-untyped]  # joblib has no types
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tabgenbench import PluginError
from tabgenbench_plugins.generators.parts.tabular.conditions import Draw

__all__ = ["PackageModel", "package_kind"]

CONDITION = "condition"  # the first discrete column, the only one whose value can be requested
OnEpoch = Callable[[pd.DataFrame], None]


def package_kind(name: str) -> Any:
    """Import a class of the package `ctgan` by its name.

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
    """Calls ``on_epoch`` when the package assigns the attribute ``loss_values``, which it does after every epoch."""

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
    """A model of the package `ctgan`, fitted on continuous and discrete columns.

    ``kind`` is ``ctgan.CTGAN`` or ``ctgan.TVAE``. After each epoch, ``on_epoch`` gets the package's table of losses.
    """

    def __init__(self, kind: type, *, device: str, on_epoch: OnEpoch, **options: Any) -> None:
        reporting = type(kind.__name__, (_ReportsLosses, kind), {"on_epoch": staticmethod(on_epoch)})
        self._model: Any = reporting(enable_gpu=device != "cpu", **options)
        self._model._device = torch.device(device)  # enable_gpu alone uses device cuda:0
        self._device, self._batch = device, int(options["batch_size"])

    def fit(
        self, values_NC: NDArray[np.float32], labels_N: Sequence[str] | None, codes_NQ: NDArray[np.int64], *, seed: int
    ) -> None:
        """Train the model. The global random states of NumPy and torch are seeded before and restored afterwards.

        Args:
            values_NC: continuous columns.
            labels_N: the condition, which becomes the first discrete column, or None.
            codes_NQ: codes of the other discrete columns, if any.
            seed: seed of the random states.
        """
        frame = pd.DataFrame(values_NC.astype(np.float64), columns=[str(j) for j in range(values_NC.shape[1])])
        self._values = sorted(set(labels_N)) if labels_N is not None else []
        if labels_N is not None:
            frame[CONDITION] = list(labels_N)
        self._features = [f"category {q}" for q in range(codes_NQ.shape[1])]
        for name, codes_N in zip(self._features, codes_NQ.T, strict=True):
            frame[name] = codes_N.astype(str).astype(object)
        self._model.set_random_state(seed % 2**32)
        with self._in_bounds(seed):
            self._model.fit(frame, [CONDITION] * (labels_N is not None) + self._features)

    def start_sampling(self, seed: int) -> None:
        """Set the seed of the following calls of `draw`."""
        self._model.set_random_state(seed % 2**32)
        self._seed = seed

    def draw(self, value: int | None) -> Draw:
        """Sample a batch of rows, and return their values and their conditions.

        A row contains the values of continuous columns, then the codes of all discrete columns except the condition.
        Unless ``value`` is None, the condition at position ``value`` in sorted order becomes more frequent.
        """
        asked = {} if value is None else {"condition_column": CONDITION, "condition_value": self._values[value]}
        with self._in_bounds(self._seed):
            frame = self._model.sample(self._batch, **asked)
        self._seed += 1
        labels = np.zeros(len(frame), dtype=np.int64)
        if self._values:
            labels = pd.Index(self._values).get_indexer(frame.pop(CONDITION)).astype(np.int64)
        return Draw(frame.astype({name: np.float64 for name in self._features}).to_numpy(dtype=np.float32), labels)

    @contextlib.contextmanager
    def _in_bounds(self, seed: int) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            stack.enter_context(joblib.parallel_config(backend="sequential"))
            if self._device != "cpu":
                stack.enter_context(torch.random.fork_rng([torch.device(self._device)]))
                torch.cuda.manual_seed_all(seed % 2**63)
            yield
