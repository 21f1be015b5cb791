"""Merging of stores: the results of several stores are copied into one, and differences are reported.

The key of a cell (training) is a hash of everything that can change a result, so equal keys should have equal scores.
If scores with equal keys differ, the target keeps its own scores of the cell. No scores of the cell are then copied,
because scores of two trainings must not be mixed. If the stores have no metric of the cell in common, the hashes of the
cell's synthetic tables are compared.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tabgenbench.data.split_files import find_damage, same_split
from tabgenbench.errors import StoreError
from tabgenbench.records import COMMANDS, Card, CellRecord, ScoreRecord, SuiteRecord, SuiteRow
from tabgenbench.store.calibration import CalibrationRecord, read_calibration, write_calibration
from tabgenbench.store.claims import Claims
from tabgenbench.store.dataset_index import DatasetIndex, publish_split
from tabgenbench.store.store import Store

__all__ = ["MergeReport", "check_sources", "merge_store"]

RANKS = {"ok": 2, "skipped": 1}  # a record of higher rank replaces one of lower rank; failures have rank 0


@dataclass
class MergeReport:
    """The result of merging one store into another.

    Attributes:
        source: the store that was read.
        taken: number of copied or merged items by kind, such as ``cells`` or ``scores``.
        present: number of items by kind that the target already had.
        conflicts: a sentence for each result that both stores have and that differs.
        passed_over: a sentence for each item that could not be copied, such as a damaged split.
    """

    source: Path
    taken: Counter[str] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    conflicts: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)

    def count(self, what: str, taken: bool) -> None:
        """Count an item of a kind as copied (``taken``) or as already present."""
        (self.taken if taken else self.present)[what] += 1


def check_sources(sources: Sequence[Store], target: Store) -> None:
    """Raise `StoreError` if a source is not a store, or if it is the target itself."""
    for source in sources:
        if not any((source.root / name).is_dir() for name in ("cells", "splits", "suites")):
            got = "holds no cells, splits or suites" if source.root.is_dir() else "is not a folder"
            raise StoreError(f"merge: {source.root} {got}, expected a store that a run made; name its folder")
        if source.root.resolve() == target.root.resolve():
            raise StoreError(f"merge: {source.root} is named as a source and as --into; name another folder for --into")


def merge_store(source: Store, target: Store, *, say: Callable[[str], None] = lambda _: None) -> MergeReport:
    """Merge one store into another; the source is only read. The merge can be interrupted and repeated at any time.

    Args:
        source: the store to copy from; runs may write to it during the merge.
        target: the store to copy to, after a call of `Store.prepare`. Cells (trainings) on which a run of this store
            is working are skipped.
        say: receives a line before each kind of item is merged.
    """
    report = MergeReport(source.root)
    say(f"{source.root}: splits")
    for folder in sorted(path for path in (source.root / "splits").glob("*") if path.is_dir()):
        _merge_split(folder, target, report)
    for path in sorted((source.root / "datasets").glob("*.json")):
        _merge_index(source, target, path=path, report=report)
    say(f"{source.root}: cells")
    claims = Claims(target)
    try:
        for record in source.cells():
            if claims.acquire(record.key):
                _merge_cell(source, target, record=record, report=report)
                claims.release(record.key)
            else:
                report.passed_over.append(
                    f"{record.cell.title}: a run of {target.root} is at work on it; merge again later"
                )
    finally:
        claims.close()
    for name in reversed(source.suites()):
        _merge_suite(source, target, name=name, report=report)
    for path in sorted((source.root / "calibrations").glob("*.json")):
        theirs = read_calibration(source, path.stem)
        if theirs is not None:
            _merge_calibration(theirs, target, report)
    return report


def _merge_split(folder: Path, target: Store, report: MergeReport) -> None:
    final = target.split_folder(folder.name)
    damage = find_damage(folder)
    if damage:
        report.passed_over.append(f"{folder}: a split that is not whole: {damage}")
        return
    taken = not final.exists() or bool(find_damage(final))
    if taken:
        with _copied(folder, target) as copy:
            publish_split(target, copy, final)
    elif not same_split(folder, final):
        report.conflicts.append(f"split {folder.name}: {folder} and {final} hold different values; the second is kept")
    report.count("splits", taken)


def _merge_index(source: Store, target: Store, *, path: Path, report: MergeReport) -> None:
    final = target.root / "datasets" / path.name
    theirs, ours = source.read(path, DatasetIndex), target.read(final, DatasetIndex)
    if theirs is None:
        return
    if ours is not None and ours.fingerprint != theirs.fingerprint:
        report.conflicts.append(f"dataset {ours.label}: {path} and {final} are of different tables; the second is kept")
        return
    joined = theirs if ours is None else ours.model_copy(update={"splits": {**theirs.splits, **ours.splits}})
    if ours is not None and ours.roles is None:
        joined.roles = theirs.roles
    if joined.card == Card():
        joined = joined.model_copy(update={"card": theirs.card})
    if joined != ours:
        target.write_text(final, joined.model_dump_json(indent=1) + "\n")
    report.count("datasets", joined != ours)


def _merge_cell(source: Store, target: Store, *, record: CellRecord, report: MergeReport) -> None:
    key = record.key
    ours = target.read_cell(key)
    better = ours is None or _rank(record.status) > _rank(ours.status)
    if better and not _copy_cell(source, target, record):
        report.passed_over.append(f"{record.cell.title}: changed in {source.root} while it was read; merge again")
        return
    report.count("cells", better)
    if better or ours is None or ours.status == record.status:
        _merge_scores(source, target, record=record, report=report)


def _copy_cell(source: Store, target: Store, record: CellRecord) -> bool:
    """Copy the result of a training over a missing or worse one; return False if a run changed the source meanwhile."""
    folder, final = source.cell_folder(record.key), target.cell_folder(record.key)
    if record.status == "ok" and source.draws_are_whole(record):
        try:
            with _copied(folder / "synthetic", target) as copy:
                if source.read_cell(record.key) != record:
                    return False
                target.discard(final)  # also removes the scores, which belong to another training
                target.publish_folder(copy, final / "synthetic")
        except OSError:
            if source.draws_are_whole(record):
                raise
            return False
    else:
        target.discard(final)
    target.write_cell(_copy_model(source, target, record))
    return True


def _copy_model(source: Store, target: Store, record: CellRecord) -> CellRecord:
    if not record.model_hashes:
        return record
    if not source.find_model_damage(record):
        with suppress(FileNotFoundError), _copied(source.model_folder(record.key), target) as copy:
            target.publish_folder(copy, target.model_folder(record.key))
    reason = target.find_model_damage(record)
    if not reason:
        return record
    target.discard(target.model_folder(record.key))
    return record.model_copy(update={"model_hashes": {}, "no_model": "the merged store had no whole model"})


def _merge_scores(source: Store, target: Store, *, record: CellRecord, report: MergeReport) -> None:
    wanted: list[ScoreRecord] = []
    compared: dict[str, bool] = {}  # metric -> whether both stores have equal scores
    for path in sorted((source.cell_folder(record.key) / "scores").glob("*.json")):
        theirs, ours = source.read_score(record.key, path.stem), target.read_score(record.key, path.stem)
        if theirs is None:
            continue
        if ours is None or _rank(theirs.status) > _rank(ours.status):
            wanted.append(theirs)
            continue
        report.count("scores", False)
        if ours.status == theirs.status == "ok":
            compared[theirs.metric] = _same_scores(source, target, theirs)
    different = ", ".join(metric for metric, same in compared.items() if not same)
    what = f"scores of {different}" if different else ""
    if wanted and not compared and _other_draws(source, target, record):
        what = "synthetic tables"
    if what:
        report.conflicts.append(
            f"cell {record.key} ({record.cell.title}): other {what} in {source.root} than in {target.root}; "
            f"the second are kept, and of this cell nothing is taken"
        )
        return
    for score in wanted:
        _copy_score(source, target, score)
        report.count("scores", True)


def _other_draws(source: Store, target: Store, theirs: CellRecord) -> bool:
    ours = target.read_cell(theirs.key)
    hashes = [source.draw_hashes(theirs), target.draw_hashes(ours or theirs)]
    return all(hashes) and hashes[0] != hashes[1]


def _same_scores(source: Store, target: Store, score: ScoreRecord) -> bool:
    """Return whether two score files have equal bytes or equal records.

    The bytes may differ because a newer program version writes additional fields.
    """
    paths = [store.score_path(score.cell_key, score.key) for store in (source, target)]
    if paths[0].read_bytes() == paths[1].read_bytes():
        return True
    return score == target.read_score(score.cell_key, score.key)


def _copy_score(source: Store, target: Store, score: ScoreRecord) -> None:
    """Copy the scores of a metric, the record last, so that no record lacks its artifacts."""
    folder, final = source.cell_folder(score.cell_key), target.cell_folder(score.cell_key)
    places = [path.relative_to(folder) for path in sorted((folder / "scores").glob(f"{score.key}.*.csv"))]
    for place in (*places, Path("runs") / f"{score.key}.json", Path("scores") / f"{score.key}.json"):
        if (folder / place).is_file():
            target.write_bytes(final / place, (folder / place).read_bytes())


def _merge_suite(source: Store, target: Store, *, name: str, report: MergeReport) -> None:
    theirs, ours = source.read_suite(name), target.read_suite(name)
    if theirs is None:
        return
    other = _other_table(source, target, theirs, ours) if ours is not None else ""
    if other:
        report.conflicts.append(
            f"suite {name}: dataset {other!r} is another table in {source.root} than in {target.root}; the second is "
            "kept: give one of the datasets another name"
        )
        return
    joined = theirs if ours is None else _join_suites(ours, theirs)
    if joined != ours:
        target.write_suite(joined)
        if ours is None:  # suites are listed by the time of their last run
            seen = (source.root / "suites" / f"{name}.json").stat()
            os.utime(target.root / "suites" / f"{name}.json", ns=(seen.st_atime_ns, seen.st_mtime_ns))
    report.count("suites", joined != ours)


def _merge_calibration(theirs: CalibrationRecord, target: Store, report: MergeReport) -> None:
    ours = read_calibration(target, theirs.dataset_fingerprint)
    if ours is None:
        write_calibration(target, theirs)
    elif ours != theirs:
        report.conflicts.append(
            f"calibration of {theirs.dataset}: {report.source} has other results than {target.root}; the second is "
            "kept: calibrate the dataset again in the merged store"
        )
        return
    report.count("calibrations", ours is None)


def _other_table(source: Store, target: Store, theirs: SuiteRecord, ours: SuiteRecord) -> str:
    tables = _tables(target, ours)
    found = _tables(source, theirs)
    return next((name for name, table in found.items() if tables.get(name, table) != table), "")


def _tables(store: Store, suite: SuiteRecord) -> dict[str, str]:
    tables: dict[str, str] = {}
    for row in suite.rows:
        record = store.read_cell(row.key) if row.dataset not in tables else None
        if record is not None:
            tables[row.dataset] = record.cell.dataset_fingerprint
    return tables


def _join_suites(ours: SuiteRecord, theirs: SuiteRecord) -> SuiteRecord:
    rows = _join_rows(ours, theirs)
    if rows == ours.rows:
        return ours
    commands = [command for suite in (ours, theirs) for command in suite.command.split(COMMANDS) if command]
    return ours.model_copy(update={"rows": rows, "command": COMMANDS.join(dict.fromkeys(commands))})


def _join_rows(ours: SuiteRecord, theirs: SuiteRecord) -> list[SuiteRow]:
    rows = {row.key: row for row in ours.rows}
    for row in theirs.rows:
        known = rows.get(row.key)
        rows[row.key] = row if known is None else known.model_copy(update={"scores": {**row.scores, **known.scores}})
    return list(rows.values())


@contextmanager
def _copied(folder: Path, target: Store) -> Iterator[Path]:
    place = target.new_folder() / folder.name
    try:
        shutil.copytree(folder, place)
        yield place
    finally:
        shutil.rmtree(place.parent, ignore_errors=True)


def _rank(status: str) -> int:
    return RANKS.get(status, 0)
