"""The file ``manifest.json`` of a published board, which lists versions of libraries and the hash of every file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tabgenbench import __version__
from tabgenbench.data.file_digest import file_digest
from tabgenbench.errors import StoreError
from tabgenbench.formatting import place_text
from tabgenbench.records import SuiteRecord
from tabgenbench.registry.keys import code_hash
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.pages.to_json import json_lines
from tabgenbench_leaderboard.publish.findings import Finding

__all__ = [
    "MANIFEST",
    "PROGRAM",
    "FileFacts",
    "Manifest",
    "check_manifest",
    "make_manifest",
    "manifest_json",
    "program_hash",
    "read_manifest",
    "tool_versions",
]

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1
PROGRAM = "tabgenbench_leaderboard.publish.board_files"
"""The module whose code, together with the code of its imports from this package, determines the files of a board."""
TOOLS = ("tabgenbench", "jinja2", "matplotlib", "numpy", "pillow", "pyarrow", "pydantic", "tabulate")
COMPARABILITY = (
    "Scores of two boards are comparable where dataset, split and metric have equal hashes below. A metric's hash "
    "covers its options and its code. Times are comparable only between cells that ran on machines of the same kind "
    "with equal settings."
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileFacts(_Part):
    """SHA-256 and size in bytes of a file."""

    sha256: str
    bytes: int


class DatasetFacts(_Part):
    """Fingerprints (hashes) of a dataset and of its splits; a split is named by text such as ``0`` or ``0, fold 1``."""

    fingerprint: str
    splits: dict[str, str]


class Manifest(_Part):
    """Content of ``manifest.json``.

    Attributes:
        suite: name of the suite.
        command: command line of the run that wrote the records, without paths.
        tabgenbench: version of the program that published the board.
        program: hash of the code that writes boards; the same code writes the same pages from the same records.
        tools: versions of the libraries that write the board's files.
        comparability: sentences that state which scores and times of two boards are comparable.
        datasets: fingerprints of each dataset and its splits, by the dataset's label.
        metrics: keys (hashes of code and options) of each metric, by the metric's label.
        missing: records that the suite requests and the board lacks.
        files: hash and size of every file of the board except the manifest, by the file's path.
    """

    manifest_version: int = MANIFEST_VERSION
    suite: str
    command: str
    tabgenbench: str
    program: str
    tools: dict[str, str]
    comparability: str = COMPARABILITY
    datasets: dict[str, DatasetFacts]
    metrics: dict[str, tuple[str, ...]]
    missing: tuple[str, ...] = ()
    files: dict[str, FileFacts] = Field(default_factory=dict)


def tool_versions() -> dict[str, str]:
    """Return the installed versions of the libraries that write the files of a board."""
    found = {}
    for name in TOOLS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def program_hash() -> str:
    """Return a hash of the code that writes boards, and of the templates, styles and scripts of their pages."""
    digest = hashlib.sha256(code_hash(PROGRAM).encode())
    for folder in ("web/assets", "web/templates"):
        for entry in sorted(files("tabgenbench_leaderboard").joinpath(folder).iterdir(), key=lambda found: found.name):
            digest.update(f"{entry.name}\n".encode() + entry.read_bytes())
    return digest.hexdigest()


def make_manifest(folder: Path, store: Store, suite: SuiteRecord, missing: tuple[str, ...]) -> Manifest:
    """Return the manifest of a board with its files in ``folder`` and its records in ``store``."""
    datasets: dict[str, DatasetFacts] = {}
    metrics: dict[str, set[str]] = {}
    for row in sorted(suite.rows, key=lambda row: (row.dataset, row.split, row.fold or 0)):
        for label, key in row.scores.items():
            metrics.setdefault(label, set()).add(key)
        record = store.read_cell(row.key)
        if record is not None:
            cell = record.cell
            facts = datasets.setdefault(row.dataset, DatasetFacts(fingerprint=cell.dataset_fingerprint, splits={}))
            facts.splits[place_text(cell.split, cell.fold).removeprefix("split ")] = cell.split_fingerprint
    return Manifest(
        suite=suite.name,
        command=suite.command,
        tabgenbench=__version__,
        program=program_hash(),
        tools=tool_versions(),
        datasets=datasets,
        metrics={label: tuple(sorted(keys)) for label, keys in sorted(metrics.items())},
        missing=missing,
        files=_files(folder),
    )


def manifest_json(manifest: Manifest) -> str:
    """Return a manifest as JSON with one line per file."""
    return json_lines(manifest.model_dump(mode="json"), 2) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a published board.

    Raises:
        StoreError: the file ``manifest.json`` is missing or is not a manifest.
    """
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be read ({error.strerror}); name a folder that `tabgenbench publish` wrote"
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise StoreError(f"{path}: not a manifest of this program ({place}: {first['msg']}); publish again") from None


def check_manifest(manifest: Manifest, found: Manifest) -> Iterator[Finding]:
    """Yield a finding for each difference between the manifest of a published board and its files and records.

    Args:
        manifest: the manifest of the published board.
        found: the manifest that `make_manifest` computes from the files and records.
    """
    for name, facts in manifest.files.items():
        if name not in found.files:
            yield Finding(name, "missing", f"a file with SHA-256 {facts.sha256}, which {MANIFEST} lists")
        elif found.files[name] != facts:
            yield Finding(name, f"SHA-256 is {found.files[name].sha256}", f"{facts.sha256}, which {MANIFEST} lists")
    for name in sorted(found.files.keys() - manifest.files.keys()):
        yield Finding(name, f"not listed in {MANIFEST}", "no other files")
    for name in ("suite", "command", "datasets", "metrics"):
        if getattr(found, name) != getattr(manifest, name):
            yield Finding(MANIFEST, f"{name}: {getattr(manifest, name)}", f"{getattr(found, name)}, as in the records")


def _files(folder: Path) -> dict[str, FileFacts]:
    found = {}
    for name in sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()):
        if name != MANIFEST:
            found[name] = FileFacts(sha256=file_digest(folder / name), bytes=(folder / name).stat().st_size)
    return found
