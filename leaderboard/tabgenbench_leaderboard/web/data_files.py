"""The data of a web board: ``data-board.js`` for the board, and files of about 1 MB or less for each dataset.

The data files are scripts, because browsers do not let a page that is opened from disk read other data files. Numbers
have five significant digits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tabgenbench_leaderboard.board.compare import MAX_PAIRED_MODELS
from tabgenbench_leaderboard.board.formatting import half_width
from tabgenbench_leaderboard.board.generators import tie_groups
from tabgenbench_leaderboard.board.headline import headline_columns
from tabgenbench_leaderboard.board.model import BoardRow, Comparison, DatasetBoard, Range, ScoreColumn, ScoreValue
from tabgenbench_leaderboard.board.scaling import find_ceiling
from tabgenbench_leaderboard.board.summary import AcrossMeasure, AcrossRow, Estimate, QuestionValue
from tabgenbench_leaderboard.web.site import Site

__all__ = ["data_files", "dataset_scripts"]

MAX_BYTES = 900_000
"""Approximate maximum size of a data file."""


def data_files(site: Site) -> dict[str, bytes]:
    """Return the content of every data file, by the name of the file."""
    files: dict[str, bytes] = {}
    names: list[list[str]] = []
    for i, stem in enumerate(site.dataset_stems.values()):
        scripts = list(dataset_scripts(site, i))
        names.append([f"data-{stem}-{number}.js" for number in range(1, len(scripts) + 1)])
        files.update(zip(names[-1], scripts, strict=True))
    return {"data-board.js": _call("board", _board_data(site, names)), **files}


def dataset_scripts(site: Site, index: int) -> Iterator[bytes]:
    """Yield the data files of a dataset: columns, comparisons and rows in the first file, and then further rows."""
    dataset = site.board.datasets[index]
    head: dict[str, Any] | None = _head(site, dataset)
    own = {
        one.rows[dataset.dataset].label: place
        for place, one in enumerate(site.generators)
        if dataset.dataset in one.rows
    }
    ties = [_ties(dataset, i) for i in range(len(dataset.questions))]
    chunk: list[str] = []
    size = len(_json(head))
    for row in dataset.rows:
        text = _json(_row(row, own[row.label], ties))
        if chunk and size + len(text) > MAX_BYTES:
            yield _call("dataset", index, head, chunk)
            head, chunk, size = None, [], 0
        chunk.append(text)
        size += len(text)
    yield _call("dataset", index, head, chunk)


def _call(function: str, *values: Any) -> bytes:
    """Return a script that calls a JavaScript function with the values; a list must contain items encoded as JSON."""
    parts = [_json(value) if not isinstance(value, list) else "[\n" + ",\n".join(value) + "\n]" for value in values]
    text = f"tabgenbench.{function}({', '.join(parts)});\n"
    for sign in "<>&\u2028\u2029":  # no text of a record can end a script or start an element
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text.encode()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _board_data(site: Site, names: Sequence[Sequence[str]]) -> dict[str, Any]:
    board = site.board
    shown = [measure for measure in board.across if _has_values(measure)]
    measures = [_measure(measure) for measure in shown]
    across = [{(row.label, row.is_control): row for row in measure.rows} for measure in shown]
    return {
        "suite": board.suite,
        "floored": board.missing == "floor",
        "ceiling": find_ceiling(board.datasets).value,
        "datasets": [
            {
                "name": dataset.dataset,
                "stem": site.dataset_stems[dataset.dataset],
                "page": site.dataset_pages[dataset.dataset],
                "files": names[i],
                "splits": len(dataset.splits),
            }
            for i, dataset in enumerate(board.datasets)
        ],
        "measures": measures,
        "generators": [
            {
                "label": one.label,
                "control": one.is_control,
                "page": site.generator_pages[one.label],
                "summary": next((row.card.summary for row in one.rows.values() if row.card.summary), ""),
                "licence": next((row.card.licence for row in one.rows.values() if row.card.licence), ""),
                "cells": [sum(row.cells_ok for row in one.rows.values()), sum(row.cells for row in one.rows.values())],
                "fit": _short(one.fit_seconds),
                "memory": one.peak_memory_bytes,
                "across": [_across(rows.get((one.label, one.is_control))) for rows in across],
            }
            | ({"extra": site.extras[one.label]} if one.label in site.extras else {})
            for one in site.generators
        ],
    }


def _has_values(measure: AcrossMeasure) -> bool:
    return any(row.scaled is not None or row.mean_rank is not None for row in measure.rows)


def _measure(measure: AcrossMeasure) -> dict[str, Any]:
    return {
        "title": measure.title,
        "kind": measure.kind,
        "direction": measure.direction,
        "datasets": len(measure.datasets),
        "ranked": sum(row.mean_rank is not None for row in measure.rows),
        "scaled": any(row.scaled is not None for row in measure.rows),
    }


def _across(row: AcrossRow | None) -> list[Any] | None:
    if row is None:
        return None
    found = [row.scaled, row.mean_rank, row.win_rate]
    return [row.datasets, row.floored, int(row.complete), *(number for one in found for number in _estimate(one))]


def _head(site: Site, dataset: DatasetBoard) -> dict[str, Any]:
    headline, facts = set(headline_columns(dataset)), site.facts[dataset.dataset]
    return {
        "splits": len(dataset.splits),
        "questions": [
            {"question": one.question, "titles": one.titles, "ranked": facts.ranked_questions[i]}
            for i, one in enumerate(dataset.questions)
        ],
        "columns": [_column(site, dataset, i, headline=i in headline) | {"place": i} for i in facts.shown],
        "pairs": _pairs(dataset) if len(dataset.models) <= MAX_PAIRED_MODELS else None,
    }


def _column(site: Site, dataset: DatasetBoard, i: int, *, headline: bool) -> dict[str, Any]:
    column: ScoreColumn = dataset.columns[i]
    spec, facts = column.spec, site.facts[dataset.dataset]
    found = {
        "title": column.title,
        "page": facts.scores[i],
        "direction": spec.direction,
        "decimals": facts.decimals[i],
        "ranked": facts.ranked[i] if spec.ranked else 0,
        "headline": headline,
        "unit": spec.unit,
        "question": spec.question,
        "text": spec.description,
        "blind": spec.blind_to,
        "unscaled": column.unscaled,
        "calibration": column.calibration,
    }
    return {name: value for name, value in found.items() if value not in ("", False)}


def _pairs(dataset: DatasetBoard) -> list[list[Any]]:
    rows = {row.label: i for i, row in enumerate(dataset.rows)}
    columns = {column.title: i for i, column in enumerate(dataset.columns)}

    def pair(one: Comparison) -> list[Any]:
        return [rows[one.model], rows[one.against], columns[one.title], one.verdict]

    return [pair(one) for one in dataset.comparisons]


def _row(row: BoardRow, generator: int, ties: Sequence[dict[str, str]]) -> list[Any]:
    is_complete = (
        all(value.n == value.splits for value in row.questions) if row.questions else row.cells_ok == row.cells
    )
    seconds: Range | None = row.costs.fit_seconds
    return [
        generator,
        row.label,
        int(is_complete),
        [row.cells_ok, row.cells],
        [_short(value) for value in (seconds.mean, seconds.low, seconds.high)] if seconds else None,
        row.costs.peak_memory_bytes,
        [_question(value, ties[i].get(row.label, "")) for i, value in enumerate(row.questions)],
        [_score(score) for score in row.scores],
    ]


def _ties(dataset: DatasetBoard, question: int) -> dict[str, str]:
    ranks = {row.label: row.questions[question].rank for row in dataset.models}
    return tie_groups({label: rank for label, rank in ranks.items() if rank is not None})


def _question(value: QuestionValue, ties: str) -> list[Any] | str:
    if value.mean is None:
        return f"lacks {', '.join(value.lacking)}" if value.lacking else "no value"
    rank = value.rank or (None, None)
    return _trimmed([*_estimate(value), value.n, *rank, int(value.best), ties or None])


def _score(score: ScoreValue) -> list[Any] | str:
    if score.mean is None:
        return score.state
    rank = score.rank or (None, None)
    return _trimmed([*_estimate(score), score.n, *rank, int(score.best), *_estimate(score.scaled)])


def _estimate(found: Estimate | ScoreValue | None) -> list[float | None]:
    return [_short(found.mean), _short(half_width(found))] if found else [None, None]


def _trimmed(values: list[Any]) -> list[Any]:
    while values and values[-1] is None:
        values.pop()
    return values


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
