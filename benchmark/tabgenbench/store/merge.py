"""Stores joined: what others found is copied into one store, and where two disagree the place is named.

A key says everything that can change a result, so equal keys should hold equal scores. Where they do not, the target's
stay and nothing else of that cell is taken, so that scores of two trainings are never mixed. Where both have no metric
in common, the hashes of the synthetic tables tell.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tabgenbench.data.split_files import find_damage, same_split
from tabgenbench.errors import StoreError
from tabgenbench.formatting import cell_title
from tabgenbench.records import CellRecord, ScoreRecord, SuiteRecord, SuiteRow
from tabgenbench.store.claims import Claims
from tabgenbench.store.dataset_index import DatasetIndex, publish_split
from tabgenbench.store.store import Store

__all__ = ["MergeReport", "check_sources", "merge_store"]

RANKS = {"ok": 2, "skipped": 1}  # what is worth more takes the place of what is worth less; failures are worth 0


@dataclass
class MergeReport:
    """What came of joining one store to another.

    Attributes:
        source: the store that was read.
        taken: how many splits, cells, scores, datasets and suites were copied or joined.
        present: how many of them the target had already.
        conflicts: a sentence for each place where both have a result and the two differ.
        passed_over: a sentence for each thing that was not taken for another reason.
    """

    source: Path
    taken: Counter[str] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    conflicts: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)

    def count(self, what: str, taken: bool) -> None:
        """Count one thing."""
        (self.taken if taken else self.present)[what] += 1


def check_sources(sources: Sequence[Store], target: Store) -> None:
    """Raise `StoreError` where a source is no store, or is the target."""
    for source in sources:
        if not any((source.root / name).is_dir() for name in ("cells", "splits", "suites")):
            got = "holds no cells, splits or suites" if source.root.is_dir() else "is not a folder"
            raise StoreError(f"merge: {source.root} {got}, expected a store that a run made; name its folder")
        if source.root.resolve() == target.root.resolve():
            raise StoreError(f"merge: {source.root} is named as a source and as --into; name another folder for --into")


def merge_store(source: Store, target: Store, *, say: Callable[[str], None] = lambda _: None) -> MergeReport:
    """Join one store to another; the source is only read. May be ended and begun again at any moment.

    Args:
        source: what to take from; runs may be at work on it.
        target: what to join to, after `Store.prepare`; cells that a run is at work on are passed over.
        say: is told of each kind of thing before it is joined.
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
                    f"{_title(record)}: a run of {target.root} is at work on it; merge again later"
                )
    finally:
        claims.close()
    for name in reversed(source.suites()):
        _merge_suite(source, target, name=name, report=report)
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
    if joined != ours:
        target.write_text(final, joined.model_dump_json(indent=1) + "\n")
    report.count("datasets", joined != ours)


def _merge_cell(source: Store, target: Store, *, record: CellRecord, report: MergeReport) -> None:
    key = record.key
    ours = target.read_cell(key)
    better = ours is None or _rank(record.status) > _rank(ours.status)
    if better and not _copy_cell(source, target, record):
        report.passed_over.append(f"{_title(record)}: changed in {source.root} while it was read; merge again")
        return
    report.count("cells", better)
    if better or ours is None or ours.status == record.status:
        _merge_scores(source, target, record=record, report=report)


def _copy_cell(source: Store, target: Store, record: CellRecord) -> bool:
    """Put a cell in place of one that is worth less; False where a run changed it meanwhile."""
    folder, final = source.cell_folder(record.key), target.cell_folder(record.key)
    if record.status == "ok" and source.draws_are_whole(record):
        try:
            with _copied(folder / "synthetic", target) as copy:
                if source.read_cell(record.key) != record:
                    return False
                target.discard(final)  # with scores, if there are any: they are of another training
                target.publish_folder(copy, final / "synthetic")
        except OSError:
            if source.draws_are_whole(record):
                raise
            return False
    else:
        target.discard(final)
    target.write_cell(record)
    return True


def _merge_scores(source: Store, target: Store, *, record: CellRecord, report: MergeReport) -> None:
    wanted: list[ScoreRecord] = []
    compared: dict[str, bool] = {}  # metric to whether both stores say the same of it
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
            f"cell {record.key} ({_title(record)}): other {what} in {source.root} than in {target.root}; "
            f"the second are kept, and of this cell nothing is taken"
        )
        return
    for score in wanted:
        _copy_score(source, target, score)
        report.count("scores", True)


def _other_draws(source: Store, target: Store, theirs: CellRecord) -> bool:
    """Whether the synthetic tables of a cell are known to have other bytes; asked where no score tells."""
    ours = target.read_cell(theirs.key)
    hashes = [source.draw_hashes(theirs), target.draw_hashes(ours or theirs)]
    return all(hashes) and hashes[0] != hashes[1]


def _same_scores(source: Store, target: Store, score: ScoreRecord) -> bool:
    """Whether both stores have the same bytes, or at least say the same: a newer program may write more fields."""
    paths = [store.score_path(score.cell_key, score.key) for store in (source, target)]
    if paths[0].read_bytes() == paths[1].read_bytes():
        return True
    return score == target.read_score(score.cell_key, score.key)


def _copy_score(source: Store, target: Store, score: ScoreRecord) -> None:
    """Copy the scores of a metric: artifacts first, the record last, as a run writes them."""
    folder, final = source.cell_folder(score.cell_key), target.cell_folder(score.cell_key)
    places = [path.relative_to(folder) for path in sorted((folder / "scores").glob(f"{score.key}.*.csv"))]
    for place in (*places, Path("runs") / f"{score.key}.json", Path("scores") / f"{score.key}.json"):
        if (folder / place).is_file():
            target.write_bytes(final / place, (folder / place).read_bytes())


def _merge_suite(source: Store, target: Store, *, name: str, report: MergeReport) -> None:
    theirs, ours = source.read_suite(name), target.read_suite(name)
    if theirs is None:
        return
    joined = theirs if ours is None else ours.model_copy(update={"rows": _join_rows(ours, theirs)})
    if joined != ours:
        target.write_suite(joined)
        if ours is None:  # the suite that was run last is shown first
            seen = (source.root / "suites" / f"{name}.json").stat()
            os.utime(target.root / "suites" / f"{name}.json", ns=(seen.st_atime_ns, seen.st_mtime_ns))
    report.count("suites", joined != ours)


def _join_rows(ours: SuiteRecord, theirs: SuiteRecord) -> list[SuiteRow]:
    """Return the rows of both by key, ours first; a row of both asks for the scores of both."""
    rows = {row.key: row for row in ours.rows}
    for row in theirs.rows:
        known = rows.get(row.key)
        rows[row.key] = row if known is None else known.model_copy(update={"scores": {**row.scores, **known.scores}})
    return list(rows.values())


@contextmanager
def _copied(folder: Path, target: Store) -> Iterator[Path]:
    """Give a copy of a folder on the disk of the target, to be moved to its place."""
    place = target.new_folder() / folder.name
    try:
        shutil.copytree(folder, place)
        yield place
    finally:
        shutil.rmtree(place.parent, ignore_errors=True)


def _rank(status: str) -> int:
    return RANKS.get(status, 0)


def _title(record: CellRecord) -> str:
    cell = record.cell
    return cell_title(cell.label, cell.dataset, cell.split, cell.seed)
