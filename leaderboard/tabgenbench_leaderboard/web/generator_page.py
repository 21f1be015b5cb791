"""The page of a generator: its card, its scores on every dataset, failures, loss curves, cells and records."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from tabgenbench.formatting import bytes_text, count_text, duration_text, number_text, place_text
from tabgenbench.records import Card
from tabgenbench_leaderboard.board.collect import CellFacts
from tabgenbench_leaderboard.board.compare import MAX_PAIRED_MODELS, comparison_sentences
from tabgenbench_leaderboard.board.formatting import column_decimals, estimate_text, score_text, shown_columns
from tabgenbench_leaderboard.board.generators import GeneratorRows
from tabgenbench_leaderboard.board.model import BoardRow, DatasetBoard
from tabgenbench_leaderboard.pages.document import Block, Bullets
from tabgenbench_leaderboard.pages.page import output_blocks, problem_blocks, rule_blocks
from tabgenbench_leaderboard.pages.picture_blocks import picture_blocks
from tabgenbench_leaderboard.pages.summary_tables import DECIMALS, rank_cell
from tabgenbench_leaderboard.pages.tables import control_grid
from tabgenbench_leaderboard.web.curves import curve_figure
from tabgenbench_leaderboard.web.render import html_of
from tabgenbench_leaderboard.web.site import Site, calibration_of, file_stems, short_facts, templates

__all__ = ["generator_page", "rerun_command"]

MAX_NUMBERS = 20_000
"""Maximum number of single values on a page, divided between its datasets."""
MAX_CELLS = 500
"""Maximum number of cells that a page lists per dataset."""


def generator_page(site: Site, one: GeneratorRows) -> str:
    """Return the HTML page of a generator."""
    rows = list(one.rows.values())
    card = next((row.card for row in rows if row.card != Card()), Card())
    datasets = [dataset for dataset in site.board.datasets if dataset.dataset in one.rows]
    most = MAX_NUMBERS // max(1, len(datasets))
    return (
        templates()
        .get_template("generator.html")
        .render(
            suite=site.board.suite,
            home="../index.html",
            up="",
            label=one.label,
            name=rows[0].generator,
            is_control=one.is_control,
            card=card,
            command=rerun_command(site.board.command, rows[0]),
            parts=[_part(site, dataset, one.rows[dataset.dataset], most) for dataset in datasets],
            records=site.records,
            without_records=site.cells is None,
        )
    )


def rerun_command(command: str, row: BoardRow) -> str:
    """Return the command that runs one generator of a suite; empty if the board does not state the suite's command.

    >>> from tabgenbench.records import Card
    >>> from tabgenbench_leaderboard.board.model import Costs
    >>> row = BoardRow(label="CVAE", generator="cvae", options='{"epochs": 30}', config={}, is_control=False,
    ...                card=Card(), cells_ok=1, cells=1, costs=Costs(), scores=())
    >>> rerun_command("tabgenbench run mixed -g copula --splits 3", row)
    'tabgenbench run mixed --splits 3 -g cvae:epochs=30'
    """
    try:
        words = shlex.split(command)
        options = json.loads(row.options)
    except ValueError:
        return ""
    kept: list[str] = []
    for word in words:
        if kept and kept[-1] in ("-g", "--generator"):
            kept.pop()
        elif not word.startswith(("--generator=", "-g=")):
            kept.append(word)
    texts = (
        f"{name}={value if isinstance(value, str) else json.dumps(value, separators=(',', ':'))}"
        for name, value in options.items()
    )
    generator = f"{row.generator}:{','.join(texts)}" if options else row.generator
    return shlex.join([*kept, "-g", generator]) if kept else ""


def _part(site: Site, dataset: DatasetBoard, row: BoardRow, most: int) -> dict[str, Any]:
    """Return what the page shows of one dataset."""
    cells = site.cells_of.get((dataset.dataset, row.label), [])
    columns = shown_columns(dataset)
    return {
        "dataset": dataset.dataset,
        "stem": site.dataset_pages[dataset.dataset].removesuffix(".html"),
        "page": site.dataset_pages[dataset.dataset],
        "facts": short_facts(dataset),
        "config": json.dumps(row.config, sort_keys=True, ensure_ascii=False) if row.config else "",
        "questions": [
            {
                "question": question.question,
                "value": estimate_text(row.questions[i], DECIMALS, expected=row.questions[i].splits),
                "rank": rank_cell(dataset, row, i, question=True).text,
            }
            for i, question in enumerate(dataset.questions)
        ],
        "scores": [_score(site, dataset, row, i) for i in columns],
        "comparisons": _comparisons(dataset, row),
        "table": _values(dataset, row, cells, columns, most),
        "curves": curve_figure(row.curves, row.label),
        "blocks": _blocks(dataset, row),
        "cells": _cells(cells),
    }


def _score(site: Site, dataset: DatasetBoard, row: BoardRow, i: int) -> dict[str, str]:
    column, score = dataset.columns[i], row.scores[i]
    stem = file_stems(one.title for one in dataset.columns)[column.title]
    state = calibration_of(column)
    return {
        "title": column.title,
        "page": f"{site.metric_pages[column.metric]}#{stem}",
        "value": score_text(score, column_decimals([score])),
        "scaled": estimate_text(score.scaled, DECIMALS, expected=score.splits),
        "rank": rank_cell(dataset, row, i, question=False).text,
        "mark": state if state == "uncalibrated" else "",
    }


def _comparisons(dataset: DatasetBoard, row: BoardRow) -> Markup:
    if row.is_control or len(dataset.models) > MAX_PAIRED_MODELS:
        return Markup()
    mine = dataset.model_copy(
        update={"comparisons": tuple(one for one in dataset.comparisons if row.label in (one.model, one.against))}
    )
    sentences = comparison_sentences(mine)
    found = (*sentences.controls.get(row.label, ()), *sentences.models)
    grid = control_grid(mine, row)
    blocks: list[Block] = [Bullets(found)] if found else []
    return html_of([*blocks, *([grid] if grid else [])])


def _blocks(dataset: DatasetBoard, row: BoardRow) -> Markup:
    """Return failures, skipped cells, outputs, fallbacks, notes and figures of a row."""
    mine = dataset.model_copy(
        update={
            "rows": (row,),
            "problems": tuple(one for one in dataset.problems if one.label == row.label),
            "notes": tuple(one for one in dataset.notes if row.label in one.labels),
            "figures": tuple(one for one in dataset.figures if one.label == row.label),
            "figures_left_out": (),
        }
    )
    rules = rule_blocks(mine) if row.fallbacks or mine.notes else []
    return html_of([*problem_blocks(mine), *output_blocks(mine), *rules, *picture_blocks(mine)])


def _values(
    dataset: DatasetBoard, row: BoardRow, cells: Sequence[CellFacts], columns: Sequence[int], most: int
) -> dict[str, Any] | None:
    """Return a table of single values: one line per draw from records, or one line per split without records."""
    titles = [dataset.columns[i].title for i in columns]
    lines = list(_draw_lines(dataset, cells, columns) if cells else _split_lines(row, columns))
    if not lines or not columns:
        return None
    shown = max(1, most // (len(columns) + 1))
    left_out = len(lines) - shown
    return {
        "caption": "Scores by split, seed and draw" if cells else "Scores by split, mean over seeds and draws",
        "header": ["split, seed, draw" if cells else "split", *titles],
        "lines": lines[:shown],
        "left_out": f"{count_text(left_out, 'more line')} in scores-by-draw.csv or scores.parquet"
        if left_out > 0
        else "",
    }


def _draw_lines(dataset: DatasetBoard, cells: Sequence[CellFacts], columns: Sequence[int]) -> Iterator[list[str]]:
    places = [(dataset.columns[i].metric, dataset.columns[i].spec.name) for i in columns]
    for cell in cells:
        draws = max((len(facts.draws) for facts in cell.metrics.values()), default=0)
        for draw in range(draws):
            found = [cell.metrics[metric].draws if metric in cell.metrics else () for metric, _ in places]
            values = [
                one[draw].get(name) if draw < len(one) else None for one, (_, name) in zip(found, places, strict=True)
            ]
            yield [f"{place_text(cell.row.split, cell.row.fold)}, {cell.row.seed}, {draw}", *map(_number, values)]


def _split_lines(row: BoardRow, columns: Sequence[int]) -> Iterator[list[str]]:
    for split in sorted({split for i in columns for split in row.scores[i].by_split}):
        yield [str(split), *(_number(row.scores[i].by_split.get(split)) for i in columns)]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _cells(cells: Sequence[CellFacts]) -> dict[str, Any] | None:
    """Return the table of the cells of a row, with their machines and records."""
    if not cells:
        return None
    more = f", the first {MAX_CELLS}" if len(cells) > MAX_CELLS else ""
    return {
        "caption": f"{count_text(len(cells), 'cell')} with machines and records{more}",
        "lines": [
            {
                "place": f"{place_text(cell.row.split, cell.row.fold)}, seed {cell.row.seed}",
                "status": cell.status.replace("_", " "),
                "fit": "-" if cell.fit_seconds is None else duration_text(cell.fit_seconds),
                "sample": "-" if cell.sample_seconds is None else duration_text(cell.sample_seconds),
                "memory": "-" if cell.peak_memory_bytes is None else bytes_text(cell.peak_memory_bytes),
                "finished": cell.environment.finished[:19] if cell.environment else "-",
                "machine": _machine(cell),
                "key": cell.row.key,
                "is_recorded": cell.status != "waiting",
                "scores": [(name, key) for name, key in cell.row.scores.items() if _has_record(cell, name)],
            }
            for cell in cells[:MAX_CELLS]
        ],
    }


def _has_record(cell: CellFacts, metric: str) -> bool:
    return metric in cell.metrics and cell.metrics[metric].status != "waiting"


def _machine(cell: CellFacts) -> str:
    found = cell.environment
    if found is None:
        return "-"
    threads = count_text(found.threads, "thread")
    names = [found.gpu or found.cpu, threads, f"Python {found.python}" if found.python else ""]
    clock = f"{number_text(found.cpu_mhz, 0)} MHz" if found.cpu_mhz else ""
    return ", ".join(filter(None, [*names, clock]))
