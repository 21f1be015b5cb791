"""The last sections of a board's page: meaning of the scores, descriptions of the generators, and environment."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tabgenbench.records import Card
from tabgenbench_leaderboard.board.formatting import direction_text
from tabgenbench_leaderboard.board.model import Board, BoardRow, ScoreColumn
from tabgenbench_leaderboard.board.scaling import is_ceiling_best
from tabgenbench_leaderboard.pages.document import Block, Bullets, Grid, Heading, Paragraph, cells, quote

__all__ = ["environment_blocks", "limits_text", "reference_blocks"]


def reference_blocks(board: Board) -> list[Block]:
    """Return the last sections of a board's page."""
    blocks: list[Block] = []
    columns = {column.title: column for dataset in board.datasets for column in dataset.columns}
    if columns:
        items = tuple(_score_item(column) for column in columns.values())
        blocks += [Heading(2, "What the scores mean"), Bullets(items)]
    rows = {
        row.label: row for dataset in board.datasets for row in sorted(dataset.rows, key=lambda row: bool(row.config))
    }
    for title, control in (("The models", False), ("The controls", True)):
        chosen = sorted((row for row in rows.values() if row.is_control == control), key=lambda row: row.label)
        if chosen:
            blocks += [Heading(2, title), Bullets(tuple(_generator_item(row) for row in chosen))]
    return [*blocks, *environment_blocks(board)]


def _sentence(text: str) -> str:
    text = quote(text)
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _score_item(column: ScoreColumn) -> str:
    spec = column.spec
    parts = [
        f"`{quote(column.title)}` ({direction_text(column)}{limits_text(column)}, of metric `{quote(column.metric)}`)"
    ]
    if spec.unit:
        parts[0] += f" in {quote(spec.unit)}"
    if spec.description:
        parts[0] += f": {_sentence(spec.description)}"
    if spec.blind_to:
        parts.append(f"Blind to: {_sentence(spec.blind_to)}")
    if spec.floor:
        best = ", ceiling: the best possible value, 1" if is_ceiling_best(spec) else ""
        ceiling = f", ceiling: `{quote(spec.ceiling)}`" if spec.ceiling else best
        parts.append(f"Floor: `{quote(spec.floor)}`{ceiling}.")
    if spec.question:
        parts.append(f"Question: {spec.question}.")
    if not spec.ranked:
        parts.append("Not ranked.")
    if spec.citation:
        parts.append(f"Source: {_sentence(spec.citation)}")
    return " ".join(parts)


def limits_text(column: ScoreColumn) -> str:
    """Return the range of a score as text, such as ``, 0 to 1``; empty if the score has no limits."""
    low, high = column.spec.low, column.spec.high
    if low is not None and high is not None:
        return f", {low:g} to {high:g}"
    if low is not None:
        return f", at least {low:g}"
    return f", at most {high:g}" if high is not None else ""


def _generator_item(row: BoardRow) -> str:
    parts = [f"`{quote(row.label)}`", *_card_sentences(row.card)]
    if row.config:
        options = json.dumps(row.config, sort_keys=True, ensure_ascii=False)
        parts.append(f"All options: `{quote(options)}`")
    return f"{parts[0]}: {' '.join(parts[1:])}" if len(parts) > 1 else parts[0]


def _card_sentences(card: Card) -> Iterator[str]:
    if card.summary:
        yield _sentence(card.summary)
    if card.citation:
        yield _sentence(card.citation)
    if card.licence:
        yield f"Licence: {_sentence(card.licence)}"
    if card.url:
        yield quote(card.url)


def environment_blocks(board: Board) -> list[Block]:
    """Return the section on the machines, settings and packages used for training; empty if there are no records."""
    if not board.machines:
        return []
    blocks: list[Block] = [Heading(2, "Environment")]
    if board.first_finished:
        blocks.append(Paragraph(f"Cells finished between {board.first_finished} and {board.last_finished}."))
    header = (
        "device",
        "cells",
        "threads per cell",
        "parallel cells",
        "CPU",
        "cores",
        "GPU",
        "Python",
        "platform",
        "commit",
    )
    rows = tuple(
        cells(
            [
                quote(machine.device),
                str(machine.cells),
                str(machine.threads),
                f"{machine.workers}{' (`--timing`)' if machine.timing else ''}",
                quote(machine.cpu) or "-",
                str(machine.cores),
                quote(machine.gpu) or "-",
                quote(machine.python) or "-",
                quote(machine.platform) or "-",
                f"`{quote(machine.git_commit)}`" if machine.git_commit else "-",
            ]
        )
        for machine in board.machines
    )
    blocks.append(Grid(header, rows, "Machines and settings that cells ran on", numeric=False))
    if board.packages:
        versions = ", ".join(f"{quote(name)} {' / '.join(found)}" for name, found in board.packages.items())
        blocks.append(Paragraph(f"Packages: {versions}."))
    return blocks
