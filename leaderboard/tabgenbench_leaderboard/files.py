"""Reading and writing the folder of a board."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from tabgenbench.errors import ConfigError, StoreError, did_you_mean
from tabgenbench.records import Card
from tabgenbench.store.reader import without_collection
from tabgenbench_leaderboard.board.collect import CellFacts
from tabgenbench_leaderboard.board.derive import derive_board
from tabgenbench_leaderboard.board.draws import DrawRow
from tabgenbench_leaderboard.board.model import BOARD_VERSION, Board
from tabgenbench_leaderboard.board.summary import MissingRule
from tabgenbench_leaderboard.figures.artifacts import StoredArtifacts
from tabgenbench_leaderboard.figures.draw import draw_figures
from tabgenbench_leaderboard.pages.page import full_page
from tabgenbench_leaderboard.pages.to_bibtex import bibtex_entries
from tabgenbench_leaderboard.pages.to_csv import comparisons_csv, costs_csv, scores_csv
from tabgenbench_leaderboard.pages.to_draws import draws_csv, draws_parquet
from tabgenbench_leaderboard.pages.to_json import board_json
from tabgenbench_leaderboard.pages.to_latex import latex_tables
from tabgenbench_leaderboard.pages.to_markdown import render_markdown

__all__ = ["FORMATS", "KNOWN_FORMATS", "Extras", "parse_formats", "read_board", "render_board", "write_board"]

FORMATS = ("md", "csv", "html", "json")
"""The formats that are written by default."""
KNOWN_FORMATS = (*FORMATS, "tex", "bib", "parquet", "draws", "png")
"""All formats; ``draws`` has the same content as ``parquet``, as a CSV file; ``png`` is every figure as PNG."""


@dataclass(frozen=True)
class Extras:
    """Results that are not part of a board but are needed by some output formats.

    Attributes:
        draws: the scores of every synthetic table (draw), for the formats ``parquet`` and ``draws``; None without a
            store.
        cards: the descriptions (cards) of datasets by label, for ``bib`` and ``html``.
        cells: the results of every training (cell), for ``html``; None without a store.
        published: whether the folder of the board contains the records. HTML pages then link to the records.
    """

    draws: Sequence[DrawRow] | None = None
    cards: Mapping[str, Card] = field(default_factory=dict)
    cells: Sequence[CellFacts] | None = None
    published: bool = False


def parse_formats(text: str) -> tuple[str, ...]:
    """Return the formats of a comma-separated list such as ``md,csv``.

    Raises:
        ConfigError: a format is unknown, or the list is empty.
    """
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise ConfigError(f"--format: got {text!r}, expected some of {','.join(KNOWN_FORMATS)}")
    for name in names:
        if name not in KNOWN_FORMATS:
            raise ConfigError(f"--format: unknown format {name!r}{did_you_mean(name, KNOWN_FORMATS)}")
    return names


def read_board(path: Path, missing: MissingRule | None = None) -> Board:
    """Read a board from a ``board.json`` of this or an older TabGenBench, and compute ranks and summaries again.

    Args:
        path: path of the ``board.json``.
        missing: how the summary over datasets treats a missing result; None selects the rule in the file.

    Raises:
        StoreError: the file cannot be read, is not a board, or has a newer version than this program.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"--from: cannot read {path} ({error.strerror}); name a board.json") from None
    try:
        board = Board.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise StoreError(
            f"--from: {path} is not a board that this version reads ({f'{where}: ' if where else ''}{first['msg']}); "
            "name a board.json that `tabgenbench leaderboard --out` wrote"
        ) from None
    if board.board_version > BOARD_VERSION:
        raise StoreError(
            f"--from: {path} has board version {board.board_version}, this program reads up to {BOARD_VERSION}; "
            "use a newer version of TabGenBench"
        )
    return derive_board(board.model_copy(update={"board_version": BOARD_VERSION}), missing)


def render_board(
    board: Board,
    formats: Collection[str] = FORMATS,
    *,
    artifacts: StoredArtifacts | None = None,
    kept: Path | None = None,
    extras: Extras = Extras(),
) -> dict[str, bytes]:
    """Return the content of every file of a board by its path in the board's folder; equal arguments give equal bytes.

    Args:
        board: the board.
        formats: formats of the files.
        artifacts: tables from which metrics draw their figures; None if no metric draws figures.
        kept: folder of an earlier rendering, from which figures of metrics are reused; needed for a board that was read
            from ``board.json``, which lacks the data of these figures.
        extras: additional results that some formats need.

    Raises:
        ConfigError: ``parquet`` or ``draws`` is requested without ``extras.draws``, or ``parquet`` is requested and the
            package pyarrow is not installed.
    """
    rendered: dict[str, bytes] = {}
    if {"md", "html", "png"} & set(formats):
        png = "png" in formats
        drawn = draw_figures(board, artifacts, kept, enlarged="md" in formats or png, png=png)
        board = drawn.board
        for name in drawn.svg:
            rendered[f"figures/{name}.svg"] = drawn.svg[name].encode()
        for name in drawn.png:
            rendered[f"figures/{name}.png"] = drawn.png[name]
    if "md" in formats:
        rendered["README.md"] = render_markdown(full_page(board, figures=drawn.names)).encode()
    if "csv" in formats:
        rendered["scores.csv"] = scores_csv(board).encode()
        rendered["costs.csv"] = costs_csv(board).encode()
        rendered["comparisons.csv"] = comparisons_csv(board).encode()
    if "json" in formats:
        rendered["board.json"] = board_json(board).encode()
    rendered |= _exports(board, formats, extras)
    if "html" in formats:
        from tabgenbench_leaderboard.web.pages import web_files  # imports Jinja, which no other format needs
        from tabgenbench_leaderboard.web.site import Site

        tables = [name for name in rendered if "/" not in name]
        site = Site(board, drawn.names, extras.cells, extras.cards, records=extras.published, files=tables)
        with without_collection():
            rendered |= web_files(site)
    return rendered


def _exports(board: Board, formats: Collection[str], extras: Extras) -> dict[str, bytes]:
    rendered = {}
    if "tex" in formats:
        rendered["table.tex"] = latex_tables(board).encode()
    if "bib" in formats:
        rendered["references.bib"] = bibtex_entries(board, extras.cards).encode()
    if {"parquet", "draws"} & set(formats) and extras.draws is None:
        raise ConfigError("--format: a board.json has no scores of single draws; name a store instead of --from")
    if "parquet" in formats:
        rendered["scores.parquet"] = draws_parquet(extras.draws or ())
    if "draws" in formats:
        rendered["scores-by-draw.csv"] = draws_csv(extras.draws or ()).encode()
    return rendered


def write_board(
    board: Board,
    out: Path,
    formats: Collection[str] = FORMATS,
    *,
    artifacts: StoredArtifacts | None = None,
    kept: Path | None = None,
    extras: Extras = Extras(),
) -> list[Path]:
    """Write a board to a folder, and replace each existing file atomically.

    Args:
        board: the board.
        out: folder to write.
        formats: formats of the files.
        artifacts: see `render_board`.
        kept: see `render_board`.
        extras: additional results that some formats need.

    Returns:
        The paths of the written files.

    Raises:
        StoreError: the folder cannot be created or written.
    """
    rendered = render_board(board, formats, artifacts=artifacts, kept=kept, extras=extras)
    try:
        for name, content in rendered.items():
            _replace(out / name, content)
    except OSError as error:
        raise StoreError(
            f"--out: cannot write to {out} ({error.strerror}); name a folder that you may write to"
        ) from None
    return [out / name for name in rendered]


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
