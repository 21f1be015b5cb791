"""Reads times and sizes of finished trainings (cells), from which the times of new trainings are estimated.

A record (result file) names the generator at its beginning, so only the few records that an estimate needs are read to
the end. Unreadable files are skipped, because an estimate must not stop a run.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tabgenbench.errors import StoreError
from tabgenbench.records import CellIdentity, CellRecord, Environment, RunInfo
from tabgenbench.store.reader import RecordReader
from tabgenbench.store.store import Store

__all__ = ["EarlierCell", "find_identities", "read_earlier"]

SCAN_SECONDS = 0.5  # folder names are hashes, so the cells found in this time are a random sample
_HEAD = 4096  # bytes that usually contain a record up to the generator's options
_CARD = b'\n  "card": '


@dataclass(frozen=True, kw_only=True)
class EarlierCell:
    """Times in seconds and sizes in bytes of one cell (training), which is finished unless `is_timed` is true.

    Attributes:
        identity: dataset, numbers of rows and features, generator and options.
        device: kind of device, such as ``cpu``.
        fit: seconds of the fit.
        sample: seconds of sampling all draws (synthetic tables).
        train_rest: seconds of the training process outside fit and sampling: start, imports, reading, writing.
        metrics: seconds of each metric by its label, summed over draws.
        score_rest: seconds of the scoring processes outside the metrics.
        table_bytes: size of all synthetic tables.
        model_bytes: size of the saved model.
        record_bytes: size of the records and artifacts.
        is_timed: whether the training is still running, so that ``fit`` is extrapolated from its first epochs.
    """

    key: str
    identity: CellIdentity
    device: str = "cpu"
    threads: int = 1
    fit: float
    sample: float = 0.0
    train_rest: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    score_rest: float = 0.0
    table_bytes: int = 0
    model_bytes: int = 0
    record_bytes: int = 0
    is_timed: bool = False


def find_identities(
    store: Store, generators: Collection[str], *, seconds: float = SCAN_SECONDS
) -> Iterator[tuple[str, CellIdentity]]:
    """Yield the key and the description (`CellIdentity`) of each training (cell) of the given generators.

    Of each record, only the beginning is read. The card, ``is_control``, ``seed`` and ``draws`` of a description
    therefore contain placeholders, such as seed 0 and one draw.

    Args:
        store: the store.
        generators: names of generators, without options.
        seconds: time limit of the search.
    """
    wanted = re.compile(rb'\n  "generator": (' + b"|".join(re.escape(_quoted(name)) for name in generators) + rb"),\n")
    until = time.monotonic() + seconds
    for name in _names(store.root / "cells") if generators else ():
        if time.monotonic() > until:
            return
        head = _head(f"{store.root}/cells/{name}/fit.json")
        if wanted.search(head) and (identity := _identity(head)) is not None:
            yield name, identity


def read_earlier(store: Store, keys: Iterable[str]) -> Iterator[EarlierCell]:
    """Yield times and sizes of the given cells (trainings) whose status is ``ok``, in the order of the keys."""
    reader = RecordReader(store)
    for key in keys:
        try:
            record = reader.cell(key)
            infos = [reader.info(key, name[:-5]) for name in _names(store.cell_folder(key) / "runs")]
        except StoreError:
            continue
        fit = record.phases.get("fit") if record is not None and record.status == "ok" else None
        if record is not None and fit is not None and fit.seconds is not None:
            yield _earlier(store, record, fit.seconds, [info for info in infos if info is not None])


def _earlier(store: Store, record: CellRecord, fit: float, infos: list[RunInfo]) -> EarlierCell:
    sampling, preparing = (record.phases.get(name) for name in ("sample", "prepare"))
    sample = (sampling.seconds if sampling else None) or 0.0
    prepare = (preparing.seconds if preparing else None) or 0.0
    metrics = {info.metric: info.seconds for info in infos if info.seconds is not None}
    train = _wall(record.environment)
    tasks = {(info.environment.started, info.environment.finished): info.environment for info in infos}
    folder, score = store.cell_folder(record.key), sum(_wall(one) or 0.0 for one in tasks.values())
    records = [folder / "fit.json", *(folder / name for name in ("scores", "runs"))]
    return EarlierCell(
        key=record.key,
        identity=record.cell,
        device=record.environment.device.partition(":")[0],
        threads=record.environment.threads,
        fit=fit,
        sample=sample,
        train_rest=prepare if train is None else train - fit - sample,
        metrics=metrics,
        score_rest=score - sum(metrics.values()) if score else 0.0,
        table_bytes=sum(record.draw_bytes),
        model_bytes=_bytes(store.model_folder(record.key)) if record.model_hashes else 0,
        record_bytes=sum(_bytes(path) for path in records),
    )


def _wall(environment: Environment) -> float | None:
    try:
        started, finished = map(datetime.fromisoformat, (environment.started, environment.finished))
        return (finished - started).total_seconds()
    except (ValueError, TypeError):  # not recorded, or one of them without a time zone
        return None


def _head(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        head = os.read(descriptor, _HEAD)
        while head and _CARD not in head and (more := os.read(descriptor, 16 * _HEAD)):
            head += more
        return head
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _identity(head: bytes) -> CellIdentity | None:
    end = head.find(_CARD)
    try:
        found = json.loads(head[:end].rstrip(b",") + b"}}")["cell"]
        return CellIdentity(**found, card={}, is_control=False, seed=0, draws=1)
    except (ValueError, TypeError, KeyError):
        return None


def _quoted(name: str) -> bytes:
    return json.dumps(name, ensure_ascii=False).encode()


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _bytes(path: Path) -> int:
    try:
        if not path.is_dir():
            return path.stat().st_size
        return sum(_bytes(one) for one in path.iterdir())
    except OSError:
        return 0
