"""Rendering of a whole board as plain text for a terminal."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import click
from tabulate import MIN_PADDING, tabulate

from tabgenbench.formatting import spaced
from tabgenbench.store.calibration import CalibrationRecord
from tabgenbench_leaderboard.board.calibrated import calibration_table
from tabgenbench_leaderboard.board.compare import comparison_sentences
from tabgenbench_leaderboard.board.formatting import shown_columns
from tabgenbench_leaderboard.board.model import Board, DatasetBoard
from tabgenbench_leaderboard.pages.calibration import calibration_blocks, table_blocks
from tabgenbench_leaderboard.pages.document import Block, Bullets, Cell, Grid, Heading, Paragraph, Section, quote
from tabgenbench_leaderboard.pages.notes import note_sentences
from tabgenbench_leaderboard.pages.page import facts_sentence, gaps, waiting_sentence
from tabgenbench_leaderboard.pages.summary_tables import across_blocks, standing_blocks
from tabgenbench_leaderboard.pages.tables import score_grid
from tabgenbench_leaderboard.pages.timing import timing_sentences

__all__ = ["calibration_text", "print_text", "render_text"]

_LABEL_WIDTH = 34
_HEADING_WIDTH = 20
_MOST_ITEMS = 200  # maximum number of shown items of a list
_GAP = "  "
_ASCII = str.maketrans({"±": "+-", "↑": "(higher)", "↓": "(lower)", "…": "...", "─": "-", "·": "-"})


def print_text(text: str) -> None:
    """Print text to standard output, with ASCII replacements if the encoding lacks a character."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    click.echo(text, nl=False)


def render_text(board: Board, *, width: int = 110) -> str:
    """Return a board as text: its scores, sentences on comparisons, and failures.

    Args:
        board: the board to render.
        width: width of the terminal in characters; a wider table is split into several tables.
    """
    lines = [f"Leaderboard: {board.suite}"]
    lines += _wrapped(board.summary, width) if board.summary else []
    lines += [f"  {board.command}"] if board.command else []
    lines += _block_lines(across_blocks(board), width)
    for dataset in board.datasets:
        lines += ["", *_dataset_lines(dataset, width)]
    lines += ["", *_wrapped(_LEGEND, width)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def calibration_text(record: CalibrationRecord, *, width: int = 110) -> str:
    """Return a text that says which planted failures each score detects, and which tests do not apply."""
    table = calibration_table(record, lambda score: score.score)
    lines = [f"Calibration: {quote(record.dataset)}"]
    lines += _block_lines(table_blocks(table, record.dataset), width)
    skipped = [f"{quote(metric)}: {quote(reason)}" for metric, reason in record.skipped.items()]
    lines += _listing("Metrics that do not apply", skipped, width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


_LEGEND = (
    "Mean ± half of the 95 % t-interval over splits; within a split, draws are averaged first, then seeds. ↑ higher is "
    "better, ↓ lower is better. *: best model, distinguishable from every other model by paired t-tests with Holm's "
    "correction. Controls are never marked. Rows are sorted by name, because no single score ranks generators."
)


def _dataset_lines(dataset: DatasetBoard, width: int) -> Iterator[str]:
    title = f"── {quote(dataset.dataset)} "
    yield title + "─" * max(0, width - len(title))
    yield from _wrapped(facts_sentence(dataset), width)
    yield ""
    columns = shown_columns(dataset)
    yield from _grid_lines(score_grid(dataset, columns, short=True), width)
    if not columns:
        yield "No score yet."
    yield from _block_lines([*standing_blocks(dataset), *calibration_blocks(dataset)], width)
    timing = timing_sentences(dataset.fit_settings)
    if timing:
        yield ""
        yield from _wrapped(" ".join(timing), width)
    yield from _listing("Scores without a value in some splits", list(gaps(dataset)), width)
    sentences = comparison_sentences(dataset)
    against = list(chain.from_iterable(sentences.controls.values()))
    yield from _listing("Against the controls (paired per-split differences)", against, width)
    yield from _listing("Between the models", sentences.models, width)
    yield from _problem_lines(dataset, width)
    if any(row.fallbacks for row in dataset.rows):
        rules = [
            f"{quote(row.label)}, {quote(one.condition)}: {one.rows:,} rows ({quote(one.rule)})"
            for row in dataset.rows
            for one in row.fallbacks
        ]
        yield from _listing("Rows sampled by a fallback rule, all draws and cells", rules, width)
    yield from _listing("Notes", note_sentences(dataset), width)


def _block_lines(blocks: Sequence[Block], width: int) -> Iterator[str]:
    for block in blocks:
        yield from [] if isinstance(block, Bullets) else [""]
        if isinstance(block, Heading):
            yield from _wrapped(f"{block.text}:", width)
        elif isinstance(block, Paragraph):
            yield from _wrapped(block.text, width)
        elif isinstance(block, Grid):
            yield from _grid_lines(block, width)
        elif isinstance(block, Bullets):
            for item in block.items:
                yield from _wrapped(item, width, first="  - ", rest="    ")


def _problem_lines(dataset: DatasetBoard, width: int) -> Iterator[str]:
    failed, skipped = [], []
    for problem in dataset.problems:
        count = f"{len(problem.cells)} cell{'' if len(problem.cells) == 1 else 's'}"
        reason = f": {quote(problem.reason)}" if problem.reason else ""
        line = f"{quote(problem.label)}, {quote(problem.what)}, {problem.status.replace('_', ' ')} ({count}){reason}"
        if problem.status == "skipped":
            skipped.append(line)
        elif problem.status != "waiting":
            failed.append(line)
    yield from _listing("Failures", failed, width)
    yield from _listing("Skipped", skipped, width)
    waiting = waiting_sentence(dataset)
    if waiting:
        yield ""
        yield from _wrapped(waiting, width)


def _listing(title: str, items: Sequence[str], width: int) -> Iterator[str]:
    if items:
        yield ""
        yield f"{title}:"
        for item in items[:_MOST_ITEMS]:
            yield from _wrapped(item, width, first="  - ", rest="    ")
        if len(items) > _MOST_ITEMS:
            yield f"  and {len(items) - _MOST_ITEMS:,} more (--out DIR writes them)"


def _wrapped(text: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    plain = text.replace("`", "")
    return textwrap.wrap(
        plain, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def _grid_lines(grid: Grid, width: int) -> Iterator[str]:
    names = [_label(row) for row in grid.rows]
    left = _width([grid.header[0], *names])
    columns = [_column(grid, i) for i in range(1, len(grid.header))]
    blocks: list[list[list[str]]] = [[]]
    used = left
    for column in columns:
        needed = len(_GAP) + _width(column)
        if blocks[-1] and used + needed > width:
            blocks.append([])
            used = left
        blocks[-1].append(column)
        used += needed
    for i, block in enumerate(blocks):
        yield from [""] if i else []
        header = _bottom_aligned([grid.header[0], *(column[0] for column in block)])
        lines = [[name, *(column[j] for column in block)] for j, name in enumerate(names, 1)]
        align = ("left", *("right" for _ in block))
        options: Any = {"disable_numparse": True, "preserve_whitespace": True}
        table = tabulate(lines, header, tablefmt="plain", colalign=align, headersalign=align, **options)
        yield from table.splitlines()


def _width(column: Sequence[str]) -> int:
    heading, *cells = (max(map(len, text.split("\n"))) for text in column)
    return max([heading + MIN_PADDING, *cells])  # tabulate makes a column wider than its heading


def _bottom_aligned(headings: Sequence[str]) -> list[str]:
    depth = max(heading.count("\n") for heading in headings)
    return ["\n" * (depth - heading.count("\n")) + heading for heading in headings]


def _label(row: tuple[Cell, ...] | Section) -> str:
    if isinstance(row, Section):
        return row.text
    text = row[0].text.replace("`", "")
    pieces = textwrap.wrap(spaced(text), _LABEL_WIDTH - 2, break_long_words=True, break_on_hyphens=False)
    return "\n    ".join([f"  {pieces[0]}", *pieces[1:]] if pieces else ["  "])


def _column(grid: Grid, index: int) -> list[str]:
    cells = ["" if isinstance(row, Section) else _starred(row[index]) for row in grid.rows]
    widest = max([_HEADING_WIDTH, *map(len, cells)])
    heading = textwrap.wrap(grid.header[index], widest, break_long_words=False, break_on_hyphens=False)
    return ["\n".join(heading), *cells]


def _starred(cell: Cell) -> str:
    text = cell.text.replace("`", "")
    return f"*{text}" if cell.strong else text
