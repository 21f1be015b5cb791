"""Checks that the records of a suite agree with their hashes, with each other and with the suite."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tabgenbench.data.file_digest import file_digest
from tabgenbench.formatting import place_text
from tabgenbench.records import CellRecord, ScoreRecord, ScoreSpec, SuiteRecord, SuiteRow
from tabgenbench.run.plan import cell_key, metric_key
from tabgenbench.store.calibration import read_calibration
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.calibrate import judge_score
from tabgenbench_leaderboard.publish.copy_records import indexes_of
from tabgenbench_leaderboard.publish.findings import Finding

__all__ = ["Checked", "check_records"]

REMOVED = "<path>"
"""Text that replaces a removed path; a key (hash) cannot be computed again from options with this text."""
SLACK = 1e-6  # a run accepts a value that exceeds the end of its range by rounding


@dataclass
class Checked:
    """The result of checking a suite's records.

    Attributes:
        findings: errors in the records.
        missing: records that the suite requires and the store lacks, and trainings that only some generators have.
        unchecked: number of records whose key cannot be computed again, by the reason.
        cells: number of trainings (cells) with a record.
    """

    findings: list[Finding] = field(default_factory=list)
    missing: list[Finding] = field(default_factory=list)
    unchecked: Counter[str] = field(default_factory=Counter)
    cells: int = 0


def check_records(store: Store, suite: SuiteRecord) -> Checked:
    """Check the records, stored synthetic tables and stored models of a suite, and return the errors."""
    checker = _Checker(store, suite)
    for row in suite.rows:
        checker.check_row(row)
    checker.check_splits()
    checker.check_indexes()
    checker.check_grid()
    checker.check_calibrations()
    for found in store.quarantined:
        place = found.path.relative_to(store.root).as_posix() if found.path.is_relative_to(store.root) else found.path
        checker.found.findings.append(Finding(str(place), f"unreadable, {found.reason}", "a record of this program"))
    return checker.found


class _Checker:
    def __init__(self, store: Store, suite: SuiteRecord) -> None:
        self.store, self.suite, self.found = store, suite, Checked()
        self.records: list[CellRecord] = []
        self.specs: dict[str, tuple[str, list[ScoreSpec]]] = {}
        self.indexes = [(path.relative_to(store.root).as_posix(), index) for path, index in indexes_of(store)]
        self.known = {index.fingerprint for _, index in self.indexes}
        self.known |= {info.fingerprint for _, index in self.indexes for info in index.splits.values()}

    def report(self, where: str, what: str, expected: str) -> None:
        self.found.findings.append(Finding(where, what, expected))

    def check_row(self, row: SuiteRow) -> None:
        where = f"cells/{row.key}/fit.json"
        unreadable = len(self.store.quarantined)
        record = self.store.read_cell(row.key)
        if record is None:
            if len(self.store.quarantined) == unreadable:
                self.found.missing.append(Finding(where, "missing", f"the record of {row.cell_title}"))
            return
        self.records.append(record)
        self.found.cells += 1
        self._check_identity(where, row, record)
        self._check_tables(record)
        if record.status == "ok":
            for label, key in row.scores.items():
                self._check_score(row, record, label=label, key=key)

    def _check_identity(self, where: str, row: SuiteRow, record: CellRecord) -> None:
        cell = record.cell
        for name in ("dataset", "label", "split", "fold", "seed", "is_control"):
            if getattr(cell, name) != getattr(row, name):
                asked = f"{getattr(row, name)!r}, which the suite asks for"
                self.report(where, f"{name} is {getattr(cell, name)!r}", asked)
        if not cell.code:
            self.found.unchecked["recorded without the hash of the code"] += 1
        elif REMOVED in str(cell.config):
            self.found.unchecked["a path was removed from the options"] += 1
        else:
            environment = record.environment
            device = environment.device.partition(":")[0]
            key = cell_key(cell, code=cell.code, device=device, threads=environment.threads)
            if key != record.key:
                what = f"key is {record.key}"
                self.report(where, what, f"{key}, the hash of its dataset, split, options, seed and code")

    def _check_tables(self, record: CellRecord) -> None:
        for draw, known in enumerate(record.draw_hashes):
            path = self.store.draw_path(record.key, draw)
            if path.is_file() and (found := file_digest(path)) != known:
                self.report(
                    path.relative_to(self.store.root).as_posix(), f"SHA-256 is {found}", f"{known}, as recorded"
                )
        folder = self.store.model_folder(record.key)
        damage = self.store.find_model_damage(record) if record.model_hashes and folder.is_dir() else ""
        if damage:
            self.report(folder.relative_to(self.store.root).as_posix(), "differs from its hashes", "those recorded")

    def _check_score(self, row: SuiteRow, cell: CellRecord, *, label: str, key: str) -> None:
        where = f"cells/{row.key}/scores/{key}.json"
        unreadable = len(self.store.quarantined)
        record = self.store.read_score(row.key, key)
        if record is None:
            if len(self.store.quarantined) == unreadable:
                self.found.missing.append(Finding(where, "missing", f"the scores of {label} on {row.cell_title}"))
            return
        if record.metric != label.partition(":")[0]:
            self.report(where, f"metric is {record.metric!r}", f"{label!r}, which the suite asks for")
        info = self.store.read_info(row.key, key)
        if info is None or not info.code:
            self.found.unchecked["recorded without the hash of the code"] += 1
        elif REMOVED in str(record.config):
            self.found.unchecked["a path was removed from the options"] += 1
        elif (computed := metric_key(record.metric, record.config, info.code)) != key:
            self.report(where, f"key is {key}", f"{computed}, the hash of its options and code")
        first, specs = self.specs.setdefault(key, (where, record.specs))
        if specs != record.specs:
            self.report(where, "the descriptions of its scores differ", f"those of {first}, which has the same key")
        for what, expected in _faults_of_scores(record, cell):
            self.report(where, what, expected)

    def check_splits(self) -> None:
        tables: dict[str, list[tuple[str, CellRecord]]] = {}
        splits: dict[tuple[str, str], list[tuple[str, CellRecord]]] = {}
        numbers: dict[tuple[str, str], list[tuple[str, CellRecord]]] = {}
        for record in self.records:
            cell = record.cell
            place = place_text(cell.split, cell.fold)
            tables.setdefault(cell.dataset, []).append((cell.dataset_fingerprint, record))
            splits.setdefault((cell.dataset, place), []).append((cell.split_fingerprint, record))
            numbers.setdefault((cell.dataset, cell.split_fingerprint), []).append((place, record))
        self._report_minority("dataset fingerprint", {f"dataset {name}": found for name, found in tables.items()})
        named = {f"{place} of {name}": found for (name, place), found in splits.items()}
        self._report_minority("split fingerprint", named)
        named = {f"split fingerprint {print_} of {name}": found for (name, print_), found in numbers.items()}
        self._report_minority("place", named)

    def _report_minority(self, what: str, groups: dict[str, list[tuple[str, CellRecord]]]) -> None:
        for name, found in groups.items():
            counts = Counter(value for value, _ in found)
            common = max(counts, key=lambda value: (counts[value], value in self.known, value))
            for value, record in found:
                if value != common:
                    others = f"{common}, that of {counts[common]} other cells of {name}"
                    self.report(f"cells/{record.key}/fit.json", f"{what} is {value}", others)

    def check_indexes(self) -> None:
        known: dict[tuple[str, str], tuple[str, str]] = {}
        for path, index in self.indexes:
            for info in index.splits.values():
                known[index.fingerprint, info.fingerprint] = (path, place_text(info.index, info.fold))
        tables = {table for table, _ in known}
        for record in self.records:
            cell, where = record.cell, f"cells/{record.key}/fit.json"
            own = place_text(cell.split, cell.fold)
            path, place = known.get((cell.dataset_fingerprint, cell.split_fingerprint), ("", own))
            if place != own:
                self.report(where, f"split fingerprint {cell.split_fingerprint}", f"that of {own} in {path}")
            elif not path and cell.dataset_fingerprint in tables:
                what = f"split fingerprint {cell.split_fingerprint} is unknown"
                self.report(where, what, f"a split of {cell.dataset} in datasets/")

    def check_grid(self) -> None:
        """Report generators with no training or several trainings for a dataset, split, fold and seed."""
        where = f"suites/{self.suite.name}.json"
        keys: dict[tuple[str, str, str], set[str]] = {}
        rows: dict[str, dict[str, set[str]]] = {}
        for row in self.suite.rows:
            place = f"{place_text(row.split, row.fold)}, seed {row.seed}"
            keys.setdefault((row.dataset, row.label, place), set()).add(row.key)
            rows.setdefault(row.dataset, {}).setdefault(row.label, set()).add(place)
        for (dataset, label, place), found in keys.items():
            if len(found) > 1:
                cells = ", ".join(sorted(found))
                what = f"{label} on {dataset}, {place}, has {len(found)} cells: {cells}"
                self.report(where, what, "one: results of other code, options, threads or devices are not averaged")
        for dataset, labels in rows.items():
            every = set().union(*labels.values())
            for label, places in labels.items():
                for place in sorted(every - places):
                    what = f"{label} on {dataset} has no row for {place}"
                    self.found.missing.append(Finding(where, what, "one, as of the other generators"))

    def check_calibrations(self) -> None:
        """Compute the tests of each recorded calibration again from its values, and report differences."""
        for fingerprint in sorted({record.cell.dataset_fingerprint for record in self.records}):
            record = read_calibration(self.store, fingerprint)
            if record is None:
                continue
            for score in record.scores:
                if score != judge_score(score):
                    where = f"calibrations/{fingerprint}.json"
                    self.report(where, f"the tests of {score.score} are others", "those that its values by split give")


def _faults_of_scores(record: ScoreRecord, cell: CellRecord) -> Iterator[tuple[str, str]]:
    """Yield each error in the record of a metric: what the record contains, and what is expected."""
    if record.status != "ok":
        return
    draws = [draw.draw for draw in record.draws]
    expected = max(1, cell.cell.draws)  # without draws, scores of embeddings and predictions are recorded as draw 0
    if draws != list(range(expected)):
        yield f"draws are {_listed(draws)}", f"{expected} draws from 0"
    for draw in record.draws:
        for spec in record.specs:
            value = draw.scores.get(spec.name)
            low = -math.inf if spec.low is None else spec.low
            high = math.inf if spec.high is None else spec.high
            if value is None and spec.name not in draw.undefined:
                yield f"draw {draw.draw} has no {spec.name}", "a value or a reason"
            elif value is not None and not low - SLACK <= value <= high + SLACK:
                yield f"{spec.name} of draw {draw.draw} is {value:g}", f"a value from {low:g} to {high:g}"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "missing"
