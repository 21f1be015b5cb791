"""Trains a generator or loads its saved model, samples rows, and saves the model."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tabgenbench.data.split_files import read_fit_tables, read_reference_as_training, read_transform
from tabgenbench.data.table import Table, stored_values
from tabgenbench.data.transform import Transform
from tabgenbench.engines.base import Send
from tabgenbench.engines.worker import mark
from tabgenbench.errors import text_of
from tabgenbench.formatting import bytes_text
from tabgenbench.interfaces.checks import check_makes, check_sample
from tabgenbench.interfaces.generator import FitContext, Generator, Progress, SampleContext
from tabgenbench.interfaces.persistent import Persistent
from tabgenbench.registry.keys import seed_of
from tabgenbench.registry.lazy import Target, load_target

__all__ = ["MODEL_FOLDER", "FitPayload", "Trained", "keep_model", "synchronize", "train_generator", "warm_up"]

MODEL_FOLDER = "model"  # below the folder of the synthetic tables
REPORT_SECONDS = 0.2  # minimum time between progress messages


@dataclass(frozen=True, kw_only=True)
class FitPayload:
    """Input of `tabgenbench.run.tasks.fit_cell`: paths and settings, without test rows.

    Attributes:
        target: where a worker finds the class of the generator, as returned by `target_of`.
        split_folder: folder with the training rows and the test conditions.
        out_folder: folder for the synthetic tables.
        draws: number of synthetic tables.
        timeout: time limit of each phase (such as fit) in seconds, or None.
        model_bytes: a trained model of more bytes is not saved; 0 saves no model, None saves every model.
    """

    target: Target
    options: dict[str, Any]
    split_folder: Path
    out_folder: Path
    draws: int
    seed: int
    device: str
    timeout: float | None = None
    model_bytes: int | None = 0


@dataclass(kw_only=True)
class Trained:
    """A trained generator, with the tables on which it was trained.

    Attributes:
        fit_context: the context of the training, or None for a loaded model.
        common: function that returns the arguments that `FitContext` and `SampleContext` share. The time limit in them
            starts at the call.
    """

    generator: Generator
    train: Table
    conditions: pd.DataFrame
    transform: Transform
    common: Callable[[], dict[str, Any]]
    fit_context: FitContext | None = None
    fit_seconds: float = 0.0

    @property
    def name(self) -> str:
        """Name of the generator."""
        return type(self.generator).name

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> tuple[Table, float]:
        """Sample rows and check their shape and values; return the rows and the seconds of `Generator.sample`."""
        started = time.perf_counter()
        synthetic = self.generator.sample(conditions.copy(), context)
        synchronize(context.device)
        seconds = time.perf_counter() - started
        return check_sample(synthetic, conditions, like=self.train, plugin=self.name), seconds

    def count_negative(self, checked: Table) -> int:
        """Return the number of negative values that are replaced by 0 when the rows are stored."""
        takes_logs = self.transform.log2p1 or self.transform.library is not None
        if not takes_logs or checked.scale == "standardized":
            return 0
        return int((stored_values(checked.X) < 0).sum())

    def to_store(self, checked: Table) -> Table:
        """Convert sampled rows to the form in the store (see `Transform.to_store`)."""
        return self.transform.to_store(checked)


def train_generator(payload: FitPayload, send: Send, *, model: Path | None = None) -> Trained:
    """Train a generator, or load its saved model.

    During the phase ``fit``, the function sends a `Mark` (start of the phase) and `Progress` messages. Imports, reading
    and the first use of the device happen earlier, so reported times exclude them.
    """
    kind = load_target(payload.target)
    config = kind.Config.model_validate(payload.options)
    generator: Generator = kind(config)
    read = read_reference_as_training if kind.trained_on == "reference" else read_fit_tables
    train, validation, conditions = read(payload.split_folder, kind.scale)
    transform = read_transform(payload.split_folder / "train.h5ad")
    check_makes(kind, train.schema)
    kind.supports(train.schema, train.n_rows, train.n_features)

    @lru_cache(maxsize=1)
    def device_split() -> Any:
        from tabgenbench.interfaces.device_split import upload

        return upload(train, validation, payload.device)

    def common() -> dict[str, Any]:
        deadline = None if payload.timeout is None else time.monotonic() + payload.timeout
        return {"device": payload.device, "deadline": deadline, "make_device_split": device_split}

    for library in kind.libraries:
        import_module(library)
    warm_up(payload.device)
    if model is not None:
        generator = kind.load(model, config, template=train.take([]), device=payload.device)
        return Trained(generator=generator, train=train, conditions=conditions, transform=transform, common=common)
    send(mark("fit", measure=True))
    fit_context = FitContext(seed=seed_of(payload.seed, "fit"), on_report=_throttled(send), **common())
    started = time.perf_counter()
    generator.fit(train, validation, fit_context)
    synchronize(payload.device)
    return Trained(
        generator=generator,
        train=train,
        conditions=conditions,
        transform=transform,
        common=common,
        fit_context=fit_context,
        fit_seconds=time.perf_counter() - started,
    )


def keep_model(generator: Generator, payload: FitPayload, send: Send) -> str:
    """Save the model of a generator; return '', or the reason why no model is saved.

    If a model cannot be saved, the training still counts as successful, because its synthetic tables are complete.
    """
    if payload.model_bytes == 0:
        return "models were not kept (--no-keep-models)"
    if not isinstance(generator, Persistent):
        return f"generator {type(generator).name!r} cannot be saved"
    send(mark("save"))
    folder = payload.out_folder / MODEL_FOLDER
    folder.mkdir()
    reason = ""
    try:
        generator.save(folder)
    except Exception as error:  # a plugin may raise anything
        reason = f"save() raised {text_of(error)[:500]}"
    paths = list(folder.rglob("*"))
    size = sum(path.lstat().st_size for path in paths)
    if any(path.is_symlink() or not (path.is_dir() or path.is_file()) for path in paths):
        reason = reason or "save() wrote something else than plain files and folders"
    if not reason and payload.model_bytes is not None and size > payload.model_bytes:
        reason = f"it has {bytes_text(size)}, limit {bytes_text(payload.model_bytes)}; --keep-models keeps it"
    if reason:
        shutil.rmtree(folder)
    return reason


def warm_up(device: str) -> None:
    """Use NumPy, torch and the device once, so that measured times exclude their start-up.

    The function draws no random numbers. On a CPU, it uses torch only if the generator has imported torch.
    """
    np.linalg.svd(np.ones((8, 8)))
    if device == "cpu" and "torch" not in sys.modules:
        return
    import torch

    square = torch.ones(64, 64, device=device, requires_grad=True)
    (square @ square).sum().backward()  # type: ignore[no-untyped-call]
    torch.optim.Adam([square]).step()
    synchronize(device)


def _throttled(send: Send) -> Callable[[Progress], None]:
    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= REPORT_SECONDS or progress.epoch >= progress.of:
            last = now
            send(progress)

    return report


def synchronize(device: str) -> None:
    """Wait until a GPU has finished all queued work."""
    if device != "cpu":
        import torch

        torch.cuda.synchronize(device)
