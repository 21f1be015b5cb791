"""The store: a folder of splits, cells and scores. Every write is atomic; a failure is kept but never counts as done.

splits/<fingerprint>/     split.json  train.h5ad  [validation.h5ad]  test.h5ad  conditions.json
cells/<key>/              fit.json  synthetic/draw-<i>.h5ad  scores/<metric-key>.json  runs/<metric-key>.json
datasets/<identity>.json  what a dataset source gave when it was last loaded, so that it need not be loaded again
suites/<name>.json        what the last run of a suite asked for
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil
from pydantic import BaseModel, ValidationError

from tabgenbench.errors import StoreError
from tabgenbench.record import CellRecord, RunInfo, ScoreRecord, SuiteRecord

__all__ = ["DONE", "Store"]

DONE = ("ok", "skipped")
FOREIGN_SECONDS = 86_400  # how long the temporary files of another machine are left alone
RecordT = TypeVar("RecordT", bound=BaseModel)


class Store:
    """A folder that keeps what runs found.

    Args:
        root: the folder; made by `prepare`, never by reading.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folder and remove what a killed run left half-written.

        Raises:
            StoreError: the folder cannot be made or written.
        """
        try:
            for name in ("splits", "cells", "datasets", "suites", "tmp"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            with self.replacing(self.root / "tmp" / ".probe") as probe:
                probe.touch()
            (self.root / "tmp" / ".probe").unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"--store: cannot write to {self.root} ({error.strerror}); name a folder that you may write to"
            ) from None
        for path in (self.root / "tmp").iterdir():
            if not _owner_lives(path):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    def check_writable(self) -> None:
        """Raise `StoreError` where `prepare` would; makes nothing."""
        place = self.root
        while not place.exists() and place != place.parent:
            place = place.parent
        # A folder marked read-only for everybody is left alone even where the superuser could write.
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK) or not place.stat().st_mode & 0o222:
            raise StoreError(f"--store: cannot write to {self.root}; name a folder that you may write to")

    def new_folder(self) -> Path:
        """Return an empty folder below ``tmp`` that belongs to this process."""
        path = self.root / "tmp" / _temporary_name()
        path.mkdir()
        return path

    def split_folder(self, fingerprint: str) -> Path:
        """Return the folder of a split."""
        return self.root / "splits" / fingerprint

    def cell_folder(self, key: str) -> Path:
        """Return the folder of a cell."""
        return self.root / "cells" / key

    def draw_path(self, key: str, draw: int) -> Path:
        """Return the path of a synthetic table."""
        return self.cell_folder(key) / "synthetic" / f"draw-{draw}.h5ad"

    def publish_folder(self, folder: Path, final: Path) -> None:
        """Move a finished folder to its place in one step; one that is there already is replaced."""
        final.parent.mkdir(parents=True, exist_ok=True)
        while True:
            if final.exists():
                grave = self.new_folder()
                with suppress(FileNotFoundError):  # another runner of this store may move it at the same time
                    os.replace(final, grave / final.name)
                shutil.rmtree(grave, ignore_errors=True)
            try:
                os.replace(folder, final)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            else:
                return

    def read_cell(self, key: str) -> CellRecord | None:
        """Return the record of a cell, or None."""
        return self._read(self.cell_folder(key) / "fit.json", CellRecord)

    def write_cell(self, record: CellRecord) -> None:
        """Write the record of a cell; the synthetic tables are in place by then."""
        self._write(self.cell_folder(record.key) / "fit.json", record)

    def read_score(self, cell_key: str, metric_key: str) -> ScoreRecord | None:
        """Return the record of a metric on a cell, or None."""
        return self._read(self.cell_folder(cell_key) / "scores" / f"{metric_key}.json", ScoreRecord)

    def write_score(self, record: ScoreRecord, info: RunInfo) -> None:
        """Write the scores of a metric, and apart from them how long it took."""
        folder = self.cell_folder(record.cell_key)
        self._write(folder / "runs" / f"{record.key}.json", info)
        self._write(folder / "scores" / f"{record.key}.json", record)

    def read_info(self, cell_key: str, metric_key: str) -> RunInfo | None:
        """Return when and how long a metric ran, or None."""
        return self._read(self.cell_folder(cell_key) / "runs" / f"{metric_key}.json", RunInfo)

    def read_suite(self, name: str) -> SuiteRecord | None:
        """Return what the last run of a suite asked for, or None."""
        return self._read(self.root / "suites" / f"{name}.json", SuiteRecord)

    def write_suite(self, record: SuiteRecord) -> None:
        """Keep what a run asks for."""
        self._write(self.root / "suites" / f"{record.name}.json", record)

    def suites(self) -> list[str]:
        """Return the names of the suites that were run, the latest first."""
        paths = sorted((self.root / "suites").glob("*.json"), key=lambda path: -path.stat().st_mtime_ns)
        return [path.stem for path in paths]

    def cells(self) -> Iterator[CellRecord]:
        """Yield the records of all cells, in the order of their keys."""
        for path in sorted((self.root / "cells").glob("*/fit.json")):
            record = self._read(path, CellRecord)
            if record is not None:
                yield record

    def write_text(self, path: Path, text: str) -> None:
        """Write a file in one step, making its folder."""
        with self.replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")

    @contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        """Give a temporary path to write to, and move it to ``path`` when the block ends well."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.root / "tmp" / f"{_temporary_name()}{path.suffix}"
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def _write(self, path: Path, record: BaseModel) -> None:
        self.write_text(path, record.model_dump_json(indent=1) + "\n")

    def _read(self, path: Path, kind: type[RecordT]) -> RecordT | None:
        try:
            return kind.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise StoreError(
                f"{path}: not a record of this program ({error.error_count()} problems); remove it"
            ) from None


def _temporary_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(6)}"


def _owner_lives(path: Path) -> bool:
    """Whether the process that made a temporary file may still use it."""
    host, _, pid = path.name.rpartition("-")[0].rpartition("-")
    if host == socket.gethostname():
        return pid.isdigit() and psutil.pid_exists(int(pid))
    with suppress(FileNotFoundError):  # nothing is known of processes elsewhere: age decides
        return time.time() - path.stat().st_mtime < FOREIGN_SECONDS
    return True
