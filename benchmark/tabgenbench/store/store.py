"""The store: a folder with splits, cells (trained generators with their synthetic tables) and scores.

Writes are atomic, so that other processes never read an incomplete file.

    store.json                       the schema version of the content
    splits/<fingerprint>/            the files that `tabgenbench.data.split_files` describes
    cells/<key>/                     fit.json (record of a training), synthetic/draw-<i>.h5ad, model/ (if it is kept),
                                     scores/<metric-key>.json, runs/<metric-key>.json (time and memory of a metric)
    datasets/<identity>.json         size, schema and splits of a dataset, to plan runs without loading its table
    suites/<name>.json               cells and scores that the last run of a suite requested
    calibrations/<fingerprint>.json  which planted failures each score detects on a dataset
    claims/<key>.json                which run is working on a cell now
    quarantine/                      files that could not be read, at their former relative paths
    tmp/                             files being written
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tabgenbench import __version__
from tabgenbench.data.file_digest import file_digest
from tabgenbench.errors import StoreError, is_of_file_system
from tabgenbench.records import EMBEDDING, SCHEMA_VERSION, CellRecord, RunInfo, ScoreRecord, SuiteRecord
from tabgenbench.store.folder import Quarantined, StoreFolder
from tabgenbench.store.version import MIGRATIONS, Marker, Migration, check_version, migrate

__all__ = ["Quarantined", "Store"]

RecordT = TypeVar("RecordT", bound=BaseModel)


class Store(StoreFolder):
    """The results of runs, kept in a folder.

    Args:
        root: the folder; if it is missing, `prepare` creates it.
        migrations: one function for each older schema version, which converts records to the next version.

    Raises:
        StoreError: the store has a schema version that this program cannot read.
    """

    def __init__(self, root: Path, *, migrations: Mapping[int, Migration] = MIGRATIONS) -> None:
        super().__init__(root)
        self._migrations = migrations
        marker = self._read_marker()
        if marker is not None:
            check_version(root, marker, migrations)

    def prepare(self) -> None:
        """Create the folder and remove unfinished files of killed runs.

        Raises:
            StoreError: the folder of the store cannot be created or written.
        """
        try:
            for name in ("splits", "cells", "datasets", "suites", "claims", "tmp"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            with self.replacing(self.root / "tmp" / ".probe") as probe:
                probe.touch()
            (self.root / "tmp" / ".probe").unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"--store: cannot write to {self.root} ({error.strerror}); name a folder that you may write to"
            ) from None
        self.writing = True
        marker = self._read_marker()
        if marker is None or marker.schema_version < SCHEMA_VERSION:
            self._write(self.root / "store.json", Marker(schema_version=SCHEMA_VERSION, program=__version__))
        for path in self.dead_temporaries():
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    def check_writable(self) -> None:
        """Raise `StoreError` if the folder of the store cannot be created or written; create nothing."""
        place = self.root
        while not place.exists() and place != place.parent:
            place = place.parent
        # A folder that is read-only for everybody stays untouched, even if the superuser could write to it.
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK) or not place.stat().st_mode & 0o222:
            raise StoreError(f"--store: cannot write to {self.root}; name a folder that you may write to")

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Convert an `OSError` of the store's file system in the ``with`` block to `StoreError`."""
        try:
            yield
        except OSError as error:
            if not self._concerns(error):
                raise
            what = os.strerror(error.errno or 0)  # HDF5 has pages of text in its errors
            raise StoreError(
                f"--store: {error.filename or self.root} cannot be read or written ({what}); repair the file system of "
                f"{self.root} and repeat the command to resume"
            ) from error

    def split_folder(self, fingerprint: str) -> Path:
        """Return the folder of a split."""
        return self.root / "splits" / fingerprint

    def cell_folder(self, key: str) -> Path:
        """Return the folder of a cell (one training)."""
        return self.root / "cells" / key

    def draw_path(self, key: str, draw: int) -> Path:
        """Return the path of a synthetic table."""
        return self.cell_folder(key) / "synthetic" / f"draw-{draw}.h5ad"

    def embedding_path(self, key: str) -> Path:
        """Return the path of the embedding and the predictions of a trained generator."""
        return self.cell_folder(key) / "synthetic" / EMBEDDING

    def model_folder(self, key: str) -> Path:
        """Return the folder of the saved model of a trained generator."""
        return self.cell_folder(key) / "model"

    def score_path(self, cell_key: str, metric_key: str) -> Path:
        """Return the path of the scores of a metric on a cell (one training)."""
        return self.cell_folder(cell_key) / "scores" / f"{metric_key}.json"

    def draws_are_whole(self, record: CellRecord) -> bool:
        """Return whether the synthetic tables and the embedding of a trained generator exist and are intact.

        Files are compared with the hashes in the record. For a record without hashes, from an older program version,
        the file sizes are compared. For a record without sizes, each file is opened.
        """
        return not self._torn_draws(record)

    def draw_is_whole(self, record: CellRecord, draw: int) -> bool:
        """Return whether one synthetic table exists and is intact."""
        return self.draw_path(record.key, draw) not in self._torn_draws(record)

    def draw_hashes(self, record: CellRecord) -> list[str]:
        """Return the hash of each synthetic table of a trained generator.

        If the record contains no hashes, the hashes of the files are computed. The result is empty if a file is
        missing.
        """
        if record.draw_hashes or not self.draws_are_whole(record):
            return record.draw_hashes
        return [file_digest(self.draw_path(record.key, draw)) for draw in range(record.cell.draws)]

    def quarantine_corrupt_draws(self, record: CellRecord) -> None:
        """Move corrupt synthetic tables and a corrupt embedding of a trained generator to ``quarantine/``."""
        for path in self._torn_draws(record) if record.status == "ok" else []:
            if path.is_file():
                self.quarantine(path, "a synthetic table that was cut off, or of another training than the record")

    def publish_draws(self, folder: Path, record: CellRecord) -> None:
        """Move synthetic tables to their final folder, and add their sizes and hashes to the new record.

        If the store has scores from an earlier training of this cell, they are removed, unless the earlier tables and
        embedding are identical to the new ones.
        """
        paths = [folder / f"draw-{draw}.h5ad" for draw in range(record.cell.draws)]
        final = self.cell_folder(record.key)
        record.draw_bytes, record.draw_hashes = [_size(path) for path in paths], [file_digest(path) for path in paths]
        embedding = folder / EMBEDDING
        record.embedding_hash = file_digest(embedding) if embedding.is_file() else ""
        if (final / "scores").exists():
            unknown = record.model_copy(update={"draw_bytes": [], "draw_hashes": [], "embedding_hash": ""})
            earlier = self.read_cell(record.key) or unknown
            same = earlier.embedding_hash == record.embedding_hash
            if not same or self.draw_hashes(earlier) != record.draw_hashes:
                self.discard(final / "scores")
                self.discard(final / "runs")
        self.publish_folder(folder, final / "synthetic")

    def publish_model(self, folder: Path | None, record: CellRecord) -> None:
        """Move a saved model to its final folder, and add the hashes of its files to the new record.

        The model of an earlier training is removed, even if ``folder`` is None (no new model).
        """
        final = self.model_folder(record.key)
        record.model_hashes = {} if folder is None else _hashes(folder)
        if folder is None:
            self.discard(final)
        else:
            self.publish_folder(folder, final)

    def find_model_damage(self, record: CellRecord) -> str:
        """Return why the saved model of a trained generator cannot be used, or '' if it is intact."""
        folder = self.model_folder(record.key)
        if not record.model_hashes:
            return record.no_model or "no model was kept"
        if not folder.is_dir():
            return "the kept model was removed"
        return "" if _hashes(folder) == record.model_hashes else f"{folder} is not as it was written"

    def read_cell(self, key: str) -> CellRecord | None:
        """Return the record of a cell (one training), or None if there is no record."""
        path = self.cell_folder(key) / "fit.json"
        record = self.read(path, CellRecord)
        return self._belonging(path, record, fits=record is not None and record.key == key)

    def write_cell(self, record: CellRecord) -> None:
        """Write the record of a training, whose synthetic tables must already be in the store."""
        self._write(self.cell_folder(record.key) / "fit.json", record)

    def read_score(self, cell_key: str, metric_key: str) -> ScoreRecord | None:
        """Return the record of a metric on a cell (one training), or None if there is no record."""
        path = self.score_path(cell_key, metric_key)
        record = self.read(path, ScoreRecord)
        fits = record is not None and (record.cell_key, record.key) == (cell_key, metric_key)
        return self._belonging(path, record, fits=fits)

    def write_score(self, record: ScoreRecord, info: RunInfo) -> None:
        """Write the scores of a metric, and its run time in a separate file."""
        self._write(self.cell_folder(record.cell_key) / "runs" / f"{record.key}.json", info)
        self._write(self.score_path(record.cell_key, record.key), record)

    def read_info(self, cell_key: str, metric_key: str) -> RunInfo | None:
        """Return when and how long a metric ran on a cell (one training), or None if there is no record."""
        return self.read(self.cell_folder(cell_key) / "runs" / f"{metric_key}.json", RunInfo)

    def read_suite(self, name: str) -> SuiteRecord | None:
        """Return the record of the last run of a suite, or None if there is no record."""
        return self.read(self.root / "suites" / f"{name}.json", SuiteRecord)

    def write_suite(self, record: SuiteRecord) -> None:
        """Write the record of a suite."""
        self._write(self.root / "suites" / f"{record.name}.json", record)

    def suites(self) -> list[str]:
        """Return the names of the suites that were run in this store, latest first."""
        paths = sorted((self.root / "suites").glob("*.json"), key=lambda path: -path.stat().st_mtime_ns)
        return [path.stem for path in paths]

    def cells(self) -> Iterator[CellRecord]:
        """Yield the records of all cells (trainings), ordered by key."""
        for path in sorted((self.root / "cells").glob("*/fit.json")):
            record = self.read_cell(path.parent.name)
            if record is not None:
                yield record

    def read(self, path: Path, kind: type[RecordT]) -> RecordT | None:
        """Return the record in a file, or None if the file is missing or has invalid content and is quarantined.

        Raises:
            StoreError: the record has a schema version that this program cannot read, or the file cannot be opened.
        """
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except (NotADirectoryError, IsADirectoryError):
            self.quarantine_blocking(path)
            return None
        except OSError as error:
            raise StoreError(f"{path}: cannot be read ({error.strerror}); make it readable or remove it") from None
        try:
            record = kind.model_validate_json(content)
        except ValidationError as error:
            return self._read_otherwise(path, kind, content=content, problem=_first_problem(error))
        if _version(record) != SCHEMA_VERSION:
            return self._read_otherwise(path, kind, content=content, problem="no schema version")
        return record

    def _read_otherwise(self, path: Path, kind: type[RecordT], *, content: bytes, problem: str) -> RecordT | None:
        with suppress(ValueError):  # invalid JSON, encoding or content
            kept = json.loads(content)
            found = kept.get("schema_version") if isinstance(kept, dict) else None
            if isinstance(found, int) and found != SCHEMA_VERSION:
                check_version(path, Marker(schema_version=found), self._migrations)
                return kind.model_validate(migrate(kind.__name__, kept, found=found, migrations=self._migrations))
        self.quarantine(path, f"not a record of this program ({problem})", content=content)
        return None

    def _concerns(self, error: OSError) -> bool:
        if not isinstance(error.filename, str):
            return is_of_file_system(error)
        return Path(error.filename).absolute().is_relative_to(self.root.absolute())

    def _torn_draws(self, record: CellRecord) -> list[Path]:
        paths = [self.draw_path(record.key, draw) for draw in range(record.cell.draws)]
        if len(record.draw_bytes) != len(paths):
            return [path for path in paths if not _opens(path)]
        torn = [path for path, size in zip(paths, record.draw_bytes, strict=True) if _size(path) != size]
        if torn or len(record.draw_hashes) != len(paths):
            return torn
        known = dict(zip(paths, record.draw_hashes, strict=True))
        embedding = self.embedding_path(record.key)
        if record.embedding_hash:
            known[embedding] = record.embedding_hash
        return [path for path, found in known.items() if not path.is_file() or file_digest(path) != found]

    def _belonging(self, path: Path, record: RecordT | None, *, fits: bool) -> RecordT | None:
        if record is not None and not fits:
            self.quarantine(path, "a record of another cell or metric")
        return record if fits else None

    def _read_marker(self) -> Marker | None:
        path = self.root / "store.json"
        try:
            return Marker.model_validate_json(path.read_bytes())
        except OSError:
            return None
        except ValidationError:
            self.quarantine(path, "does not say the schema version of a store")
            return None

    def _write(self, path: Path, record: BaseModel) -> None:
        self.write_text(path, record.model_dump_json(indent=1) + "\n")


def _version(record: BaseModel) -> int | None:
    """Return the schema version in a record's file, or None if the file has none (not the default of the class)."""
    return getattr(record, "schema_version", None) if "schema_version" in record.model_fields_set else None


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _hashes(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in paths}


def _opens(path: Path) -> bool:
    import h5py

    try:
        with h5py.File(path, "r"):
            return True
    except OSError:
        return False
