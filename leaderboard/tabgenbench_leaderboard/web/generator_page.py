"""The web page of a generator, with its description, scores, failures, loss curves and trainings."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from tabgenbench.records import COMMANDS, Card
from tabgenbench_leaderboard.board.compare import MAX_PAIRED_MODELS, comparison_sentences
from tabgenbench_leaderboard.board.formatting import estimate_text, rank_text, score_text
from tabgenbench_leaderboard.board.generators import GeneratorRows
from tabgenbench_leaderboard.board.model import BoardRow, DatasetBoard
from tabgenbench_leaderboard.board.scaling import find_ceiling
from tabgenbench_leaderboard.pages.document import Block, Bullets
from tabgenbench_leaderboard.pages.page import fallback_blocks, note_blocks, output_blocks, problem_blocks
from tabgenbench_leaderboard.pages.picture_blocks import picture_blocks
from tabgenbench_leaderboard.pages.summary_tables import DECIMALS
from tabgenbench_leaderboard.pages.tables import control_grid
from tabgenbench_leaderboard.web.cell_tables import cell_table, draw_table, single_number
from tabgenbench_leaderboard.web.curves import curve_figure
from tabgenbench_leaderboard.web.render import html_of
from tabgenbench_leaderboard.web.site import DatasetFacts, Site, templates

__all__ = ["generator_page", "rerun_command"]

MAX_NUMBERS = 6_000
"""Maximum number of single values on a page, divided between its datasets."""


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
            commands=[] if site.board.has_external_tables else _commands(site.board.command, one),
            parts=[_part(site, dataset, one.rows[dataset.dataset], most) for dataset in datasets],
            records=site.records,
            without_records=site.cells is None,
        )
    )


def _commands(command: str, one: GeneratorRows) -> list[str]:
    datasets: dict[str, list[str]] = {}
    for dataset, row in one.rows.items():
        datasets.setdefault(row.options, []).append(dataset)
    first, *others = command.split(COMMANDS)  # each command of a merged suite may have run on some datasets only
    is_named = bool(others) or len(datasets) > 1
    found = [rerun_command(first, one.rows[names[0]], names if is_named else ()) for names in datasets.values()]
    return [text for text in found if text]


def rerun_command(command: str, row: BoardRow, datasets: Sequence[str] = ()) -> str:
    """Return ``command``, changed so that it runs only the generator of ``row``; empty if it cannot be parsed.

    Args:
        command: the command that ran the suite.
        row: the generator's results on one dataset.
        datasets: datasets on which to run the generator; empty for the datasets that the command names.

    >>> from tabgenbench.records import Card
    >>> from tabgenbench_leaderboard.board.model import Costs
    >>> row = BoardRow(label="CVAE", generator="cvae", options='{"epochs": 30}', config={}, is_control=False,
    ...                card=Card(), cells_ok=1, cells=1, costs=Costs(), scores=())
    >>> rerun_command("tabgenbench run mixed -g copula --splits 3", row)
    'tabgenbench run mixed --splits 3 -g cvae:epochs=30'
    >>> rerun_command("tabgenbench run mixed -d c", row, ["a", "b"])
    'tabgenbench run mixed -d a -d b -g cvae:epochs=30'
    """
    try:
        words = shlex.split(command)
        options = json.loads(row.options)
    except ValueError:
        return ""
    replaced = ["-g", "--generator", *(["-d", "--dataset"] if datasets else [])]
    kept: list[str] = []
    for word in words:
        if kept and kept[-1] in replaced:
            kept.pop()
        elif not word.startswith(tuple(f"{option}=" for option in replaced)):
            kept.append(word)
    texts = (
        f"{name}={value if isinstance(value, str) else json.dumps(value, separators=(',', ':'))}"
        for name, value in options.items()
    )
    generator = f"{row.generator}:{','.join(texts)}" if options else row.generator
    chosen = [word for dataset in datasets for word in ("-d", dataset)]
    return shlex.join([*kept, *chosen, "-g", generator]) if kept else ""


def _part(site: Site, dataset: DatasetBoard, row: BoardRow, most: int) -> dict[str, Any]:
    cells = site.cells_of.get((dataset.dataset, row.label), [])
    facts = site.facts[dataset.dataset]
    splits = [] if cells else sorted({split for i in facts.shown for split in row.scores[i].by_split})
    page, ceiling = site.dataset_pages[dataset.dataset], find_ceiling([dataset])
    return {
        "dataset": dataset.dataset,
        "stem": page.removesuffix(".html"),
        "page": page,
        "facts": facts.facts,
        "config": json.dumps(row.config, sort_keys=True, ensure_ascii=False) if row.config else "",
        "questions": [
            {
                "question": question.question,
                "value": estimate_text(row.questions[i], DECIMALS, expected=row.questions[i].splits),
                "rank": rank_text(row.questions[i].rank, facts.ranked_questions[i]),
            }
            for i, question in enumerate(dataset.questions)
        ],
        "ceiling": "real rows" if ceiling.is_control else ceiling.text,
        "splits": splits,
        "scores": [_score(facts, dataset, row, i, splits) for i in facts.shown],
        "comparisons": _comparisons(dataset, row),
        "draws": draw_table(dataset, cells, facts.shown, most),
        "curves": curve_figure(row.curves, row.label),
        "blocks": _blocks(dataset, row),
        "cells": cell_table(cells),
    }


def _score(facts: DatasetFacts, dataset: DatasetBoard, row: BoardRow, i: int, splits: Sequence[int]) -> dict[str, Any]:
    column, score = dataset.columns[i], row.scores[i]
    state = column.calibration
    return {
        "title": column.title,
        "page": facts.scores[i],
        "value": score_text(score, facts.decimals[i]),
        "scaled": estimate_text(score.scaled, DECIMALS, expected=score.splits),
        "rank": rank_text(score.rank, facts.ranked[i]),
        "by_split": [single_number(score.by_split.get(split)) for split in splits],
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
    mine = dataset.model_copy(
        update={
            "rows": (row,),
            "problems": tuple(one for one in dataset.problems if one.label == row.label),
            "notes": tuple(
                one.model_copy(update={"labels": (row.label,)}) for one in dataset.notes if row.label in one.labels
            ),
            "figures": tuple(one for one in dataset.figures if one.label == row.label),
            "figures_left_out": (),
        }
    )
    fallbacks = fallback_blocks(mine) if row.fallbacks else []
    return html_of([*problem_blocks(mine), *output_blocks(mine), *fallbacks, *note_blocks(mine), *picture_blocks(mine)])
