"""Publishing of a board: a folder with pages, tables, stored results (records) and a list of files (manifest)."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tabgenbench.errors import StoreError
from tabgenbench.formatting import count_text
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.find import find_suite
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.publish.board_files import board_files
from tabgenbench_leaderboard.publish.checks import Checked, check_records
from tabgenbench_leaderboard.publish.copy_records import copy_records, records_of
from tabgenbench_leaderboard.publish.findings import Finding
from tabgenbench_leaderboard.publish.manifest import MANIFEST, make_manifest, manifest_json
from tabgenbench_leaderboard.publish.scrub import Scrubber, find_names
from tabgenbench_leaderboard.report import Leaderboard

__all__ = ["RECORDS", "Published", "publish_board"]

RECORDS = "records"
MOST = 10  # maximum number of findings that a message lists
OWN = frozenset(
    {
        MANIFEST,
        RECORDS,
        ".nojekyll",
        "README.md",
        "board.json",
        "comparisons.csv",
        "costs.csv",
        "figures",
        "index.html",
        "references.bib",
        "scores-by-draw.csv",
        "scores.csv",
        "scores.parquet",
        "table.tex",
        "web",
    }
)
"""Files and folders of a published board; a folder that contains anything else is not replaced."""


@dataclass(frozen=True)
class Published:
    """A published board.

    Attributes:
        folder: folder of the board.
        board: values of the board.
        checked: errors in the records, and missing records.
        files: number of files in the folder.
        is_new: whether the folder is new or its content has changed.
    """

    folder: Path
    board: Board
    checked: Checked
    files: int
    is_new: bool


def publish_board(
    store: Store, suite_name: str | None, folder: Path, *, partial: bool, force: bool, hide: Sequence[str] = ()
) -> Published:
    """Write the board of a suite with its records into a folder; the folder appears only when it is complete.

    Args:
        store: the store with the records, which is not changed.
        suite_name: name of the suite; None for the most recent suite.
        folder: the folder of the board.
        partial: whether missing records are allowed; a board with missing records states that it is partial.
        force: whether to replace an existing folder of a board.
        hide: words to remove from free text (such as outputs), in addition to the names of hosts and users.

    Raises:
        StoreError: a record is unreadable, contradicts its hash or another record, or is missing although ``partial``
            is false; or the folder cannot be replaced or written.
        ConfigError: the store has no suite of this name.
    """
    suite = find_suite(store, suite_name)
    checked = check_records(store, suite)
    _refuse(store, suite.name, checked, partial=partial)
    scrubber = Scrubber({*find_names(record for _, record in records_of(store, suite)), *hide})
    draft = folder.parent / f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}"
    try:
        (draft / RECORDS).mkdir(parents=True)
        copy_records(store, suite, draft / RECORDS, scrubber)
        view = Leaderboard().build(draft / RECORDS, suite.name)
        if view.unreadable:
            raise StoreError(f"publish: {view.unreadable[0]}; remove the file, and run the suite again")
        for name, content in board_files(view).items():
            (draft / name).parent.mkdir(exist_ok=True)
            (draft / name).write_bytes(content)
        records = Store(draft / RECORDS)
        published = find_suite(records, suite.name)
        missing = tuple(sorted({str(one) for one in check_records(records, published).missing}))
        manifest = make_manifest(draft, records, published, missing)
        (draft / MANIFEST).write_text(manifest_json(manifest), encoding="utf-8")
        is_new = _replace(folder, draft, force=force)
        return Published(folder, view.board, checked, len(manifest.files) + 1, is_new)
    except OSError as error:
        raise StoreError(
            f"publish: cannot write to {folder} ({error.strerror}); name a folder that you may write to with --to"
        ) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _refuse(store: Store, suite: str, checked: Checked, *, partial: bool) -> None:
    if checked.findings:
        raise StoreError(
            f"publish: {store.root}: {count_text(len(checked.findings), 'finding')} in the records of suite {suite!r}; "
            f"restore the store, or remove these files and run the suite again:\n{_listed(checked.findings)}"
        )
    if checked.missing and not partial:
        raise StoreError(
            f"publish: {store.root}: suite {suite!r} lacks {count_text(len(checked.missing), 'record')}; run it to its "
            f"end, or publish a board that is marked as partial with --partial:\n{_listed(checked.missing)}"
        )


def _listed(findings: Sequence[Finding]) -> str:
    lines = [f"  {finding}" for finding in findings[:MOST]]
    more = len(findings) - MOST
    return "\n".join([*lines, f"  and {more} more"] if more > 0 else lines)


def _replace(folder: Path, draft: Path, *, force: bool) -> bool:
    """Move a finished draft to ``folder`` and return True, or return False if ``folder`` has the same content."""
    if folder.exists():
        if _content(folder) == _content(draft):
            return False
        if not force:
            raise StoreError(f"publish: {folder} exists and differs; replace it with --force, or give another NAME")
        foreign = sorted({path.name for path in folder.iterdir()} - OWN) if folder.is_dir() else [folder.name]
        if foreign:
            raise StoreError(f"publish: {folder} contains {foreign[0]!r}, which is not of a board; move it elsewhere")
        former = draft.with_name(f"{draft.name}-former")
        os.replace(folder, former)
        os.replace(draft, folder)
        shutil.rmtree(former, ignore_errors=True)
    else:
        folder.parent.mkdir(parents=True, exist_ok=True)
        os.replace(draft, folder)
    return True


def _content(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
