"""Copies the records of a suite into a new store, without texts that identify a machine or a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from tabgenbench import __version__
from tabgenbench.records import SCHEMA_VERSION, RunInfo, SuiteRecord
from tabgenbench.store.calibration import calibration_path, read_calibration
from tabgenbench.store.dataset_index import DatasetIndex
from tabgenbench.store.store import Store
from tabgenbench.store.version import Marker
from tabgenbench_leaderboard.figures.artifacts import drawn_artifacts
from tabgenbench_leaderboard.publish.scrub import Scrubber

__all__ = ["copy_records", "indexes_of", "records_of"]


def copy_records(store: Store, suite: SuiteRecord, target: Path, scrubber: Scrubber) -> None:
    """Write the records of a suite into an empty folder, which becomes a store.

    Synthetic tables, models and the rows of splits are not copied. Artifacts (tables for figures) of metrics are copied
    only if a figure uses them. The scrubber removes texts that identify a machine or a person; a record without such
    texts is copied unchanged.
    """
    for path, record in records_of(store, suite):
        place = target / path.relative_to(store.root)
        place.parent.mkdir(parents=True, exist_ok=True)
        clean = scrubber.record(record)
        place.write_bytes(path.read_bytes() if clean is record else _text_of(clean))
    for path in drawn_artifacts(store, suite):
        place = target / path.relative_to(store.root)
        place.write_text(scrubber.text(path.read_text(encoding="utf-8"), free=False), encoding="utf-8")
    (target / "store.json").write_bytes(_text_of(Marker(schema_version=SCHEMA_VERSION, program=__version__)))


def records_of(store: Store, suite: SuiteRecord) -> Iterator[tuple[Path, BaseModel]]:
    """Yield the path and the content of every record of a suite.

    The records describe the suite, its trainings, scores, run times and datasets, and the calibrations, which state
    which planted failures each score detects.
    """
    yield store.root / "suites" / f"{suite.name}.json", suite
    fingerprints = set()
    for row in suite.rows:
        record = store.read_cell(row.key)
        if record is None:
            continue
        fingerprints.add(record.cell.dataset_fingerprint)
        folder = store.cell_folder(row.key)
        yield folder / "fit.json", record
        for key in row.scores.values() if record.status == "ok" else ():
            score = store.read_score(row.key, key)
            path = folder / "runs" / f"{key}.json"
            info = store.read(path, RunInfo) if score is not None else None
            if score is not None:
                yield store.score_path(row.key, key), score
            if info is not None:
                yield path, info
    yield from ((path, index) for path, index in indexes_of(store) if index.fingerprint in fingerprints)
    for fingerprint in sorted(fingerprints):
        calibration = read_calibration(store, fingerprint)
        if calibration is not None:
            yield calibration_path(store, fingerprint), calibration


def indexes_of(store: Store) -> Iterator[tuple[Path, DatasetIndex]]:
    """Yield the path and the content of the record of each dataset in a store."""
    for path in sorted((store.root / "datasets").glob("*.json")):
        index = store.read(path, DatasetIndex)
        if index is not None:
            yield path, index


def _text_of(record: BaseModel) -> bytes:
    return (record.model_dump_json(indent=1) + "\n").encode()
