"""Verification of a published board, which is rebuilt from its records and compared with its published files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tabgenbench.errors import TabGenBenchError
from tabgenbench.records import SuiteRecord
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.find import find_suite
from tabgenbench_leaderboard.pages.to_draws import has_parquet
from tabgenbench_leaderboard.publish.board_files import board_files
from tabgenbench_leaderboard.publish.checks import Checked, check_records
from tabgenbench_leaderboard.publish.copy_records import records_of
from tabgenbench_leaderboard.publish.findings import Finding
from tabgenbench_leaderboard.publish.manifest import (
    check_manifest,
    make_manifest,
    program_hash,
    read_manifest,
    tool_versions,
)
from tabgenbench_leaderboard.publish.publish import RECORDS
from tabgenbench_leaderboard.publish.scrub import Scrubber
from tabgenbench_leaderboard.report import Leaderboard

__all__ = ["Verified", "verify_folder", "verify_store"]

FIGURE_TOOLS = ("matplotlib", "numpy", "pillow")
"""Figures are compared only if these packages have the versions that drew the figures."""


@dataclass(frozen=True)
class Verified:
    """The result of the verification of a published board or a store.

    Attributes:
        store: the store with the verified records.
        suite: the record of the suite.
        findings: errors in the files of the board or the store, and missing records that no manifest lists.
        notes: sentences on checks that could not be made on this machine.
        checked: result of the checks of the records.
        compared: number of files that were rebuilt and compared with the published files.
        folder: name of the subfolder of the board that contains the records; empty for a store.
    """

    store: Store
    suite: SuiteRecord
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    checked: Checked
    compared: int = 0
    folder: str = ""


def verify_store(folder: Path, suite_name: str | None) -> Verified:
    """Check the records of a suite in a store.

    Raises:
        StoreError: there is no store, or the store has no suite.
        ConfigError: the store has no suite of this name.
    """
    store = Store(folder)
    suite = find_suite(store, suite_name)
    checked = check_records(store, suite)
    findings = (*checked.findings, *checked.missing)
    return Verified(store, suite, findings, _unchecked_notes(checked), checked)


def verify_folder(folder: Path) -> Verified:
    """Check the records of a published board, rebuild the board, and compare the result with the published files.

    Raises:
        StoreError: the folder is not a published board, or its records cannot be read as a store.
    """
    manifest = read_manifest(folder)
    store = Store(folder / RECORDS)
    suite = find_suite(store, manifest.suite)
    checked = check_records(store, suite)
    findings = list(check_manifest(manifest, make_manifest(folder, store, suite, manifest.missing)))
    findings += _in_records(checked.findings)
    known = {f"{RECORDS}/{text}" for text in manifest.missing}
    findings += [one for one in _in_records(checked.missing) if str(one) not in known]
    findings += _identifying(store, suite)
    notes = list(_unchecked_notes(checked))
    try:
        view = Leaderboard().build(store.root, suite.name)
        rebuilt = board_files(view, parquet="scores.parquet" in manifest.files and has_parquet())
    except TabGenBenchError as error:
        findings.append(Finding(RECORDS, f"no board can be built from them ({error})", "the records of the board"))
        return Verified(store, suite, tuple(findings), tuple(notes), checked, folder=RECORDS)
    with_figures = all(manifest.tools.get(name) == tool_versions().get(name) for name in FIGURE_TOOLS)
    if not with_figures:
        there = ", ".join(f"{name} {manifest.tools.get(name, 'unknown')}" for name in FIGURE_TOOLS)
        here = ", ".join(f"{name} {tool_versions().get(name, 'missing')}" for name in FIGURE_TOOLS)
        notes.append(f"figures were not compared: drawn with {there}; installed: {here}")
    if "scores.parquet" in manifest.files and not has_parquet():
        notes.append("scores.parquet was not compared: the package pyarrow is missing")
        rebuilt.pop("scores-by-draw.csv", None)
    differing = list(_differences(folder, rebuilt, with_figures=with_figures))
    if differing and manifest.program != program_hash():
        notes.append(
            f"another version of the program published this board (tabgenbench {manifest.tabgenbench}); where only the "
            "layout of pages differs, publish the records again"
        )
    return Verified(store, suite, tuple(findings + differing), tuple(notes), checked, len(rebuilt), RECORDS)


def _in_records(findings: list[Finding]) -> list[Finding]:
    return [finding.below(RECORDS) for finding in findings]


def _unchecked_notes(checked: Checked) -> tuple[str, ...]:
    return tuple(
        f"the keys of {number} records were not checked: {reason}" for reason, number in checked.unchecked.items()
    )


def _identifying(store: Store, suite: SuiteRecord) -> Iterator[Finding]:
    scrubber = Scrubber()
    for path, record in records_of(store, suite):
        if scrubber.record(record) is not record:
            where = f"{RECORDS}/{path.relative_to(store.root).as_posix()}"
            yield Finding(where, "contains a host name, a path or an address", "none: publish the store again")


def _differences(folder: Path, rebuilt: dict[str, bytes], *, with_figures: bool) -> Iterator[Finding]:
    for name, content in rebuilt.items():
        path = folder / name
        if name.startswith("figures/") and not with_figures:
            continue
        if not path.is_file():
            yield Finding(name, "missing", "the file that the records give")
            continue
        found = path.read_bytes()
        if name == "scores.parquet":
            same = _equal_tables(found, content)
        else:
            same = found == content
        if not same:
            yield _first_difference(name, found, content)


def _equal_tables(first: bytes, second: bytes) -> bool:
    import pyarrow
    import pyarrow.parquet

    try:
        tables = [pyarrow.parquet.read_table(io.BytesIO(content)) for content in (first, second)]
    except pyarrow.ArrowException:
        return False
    return bool(tables[0].equals(tables[1]))


def _first_difference(name: str, found: bytes, rebuilt: bytes) -> Finding:
    try:
        lines = [content.decode().splitlines() for content in (found, rebuilt)]
    except UnicodeDecodeError:
        return Finding(name, f"{len(found):,} bytes that differ", f"the {len(rebuilt):,} bytes that the records give")
    if name.endswith(".parquet"):
        return Finding(name, "its rows differ", "those that the records give")
    for number, (left, right) in enumerate(zip(*lines, strict=False), 1):
        if left != right:
            return Finding(
                name, f"line {number} is {_around(left, right)}", f"{_around(right, left)}, as the records give"
            )
    return Finding(name, f"{len(lines[0])} lines", f"{len(lines[1])} lines, as the records give")


def _around(line: str, other: str) -> str:
    pairs = zip(line, other, strict=False)
    place = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(line), len(other)))
    start = max(0, place - 30)
    return repr(("…" if start else "") + line[start : place + 30] + ("…" if len(line) > place + 30 else ""))
