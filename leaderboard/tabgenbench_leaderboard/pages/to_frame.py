"""DataFrames with the headline scores of a board, and with the scores of every training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from tabgenbench_leaderboard.board.collect import CellFacts
from tabgenbench_leaderboard.board.formatting import half_width
from tabgenbench_leaderboard.board.headline import headline_columns
from tabgenbench_leaderboard.board.model import Board, BoardRow, DatasetBoard, Range, ScoreValue
from tabgenbench_leaderboard.board.summary import QuestionValue

__all__ = ["SCORE_COLUMNS", "headline_frame", "scores_frame"]

SCORE_COLUMNS = (
    "dataset",
    "generator",
    "label",
    "is_control",
    "split",
    "seed",
    "metric",
    "score",
    "value",
    "status",
    "reason",
)


def headline_frame(board: Board) -> pd.DataFrame:
    """Return a DataFrame with one row per dataset and generator, models before controls.

    The columns are ``dataset``, ``generator`` (its label on the board) and ``is_control``, then the columns of headline
    scores and of questions (such as fidelity), then ``cells_ok`` (number of successful trainings), ``fit_seconds``,
    ``sample_seconds`` (for all synthetic tables of a training) and ``peak_memory_bytes``. A column such as ``gamma``
    contains the mean, and ``gamma ±`` contains half the width of the 95 % interval. ``<question> first rank`` and
    ``<question> last rank`` are the ends of the confidence interval of the rank. Missing numbers are NaN.
    """
    titles = dict.fromkeys(dataset.columns[i].title for dataset in board.datasets for i in headline_columns(dataset))
    questions = dict.fromkeys(question.question for dataset in board.datasets for question in dataset.questions)
    lines = [
        _headline(dataset, row, list(titles), list(questions)) for dataset in board.datasets for row in dataset.rows
    ]
    return pd.DataFrame(lines)


def _headline(dataset: DatasetBoard, row: BoardRow, titles: Sequence[str], questions: Sequence[str]) -> dict[str, Any]:
    scores = {column.title: score for column, score in zip(dataset.columns, row.scores, strict=True)}
    answers = {column.question: value for column, value in zip(dataset.questions, row.questions, strict=True)}
    line: dict[str, Any] = {"dataset": dataset.dataset, "generator": row.label, "is_control": row.is_control}
    for title in titles:
        line |= _mean_and_half(title, scores.get(title))
    for question in questions:
        answer = answers.get(question)
        line |= _mean_and_half(question, answer)
        rank = (math.nan, math.nan) if answer is None or answer.rank is None else answer.rank
        line |= {f"{question} first rank": rank[0], f"{question} last rank": rank[1]}
    costs = row.costs
    peak = math.nan if costs.peak_memory_bytes is None else float(costs.peak_memory_bytes)
    return {
        **line,
        "cells_ok": row.cells_ok,
        "fit_seconds": _mean(costs.fit_seconds),
        "sample_seconds": _mean(costs.sample_seconds),
        "peak_memory_bytes": peak,
    }


def _mean_and_half(title: str, value: ScoreValue | QuestionValue | None) -> dict[str, float]:
    center = math.nan if value is None or value.mean is None else value.mean
    half = None if value is None else half_width(value)
    return {title: center, f"{title} ±": math.nan if half is None else half}


def _mean(found: Range | None) -> float:
    return math.nan if found is None else found.mean


def scores_frame(board: Board, cells: Sequence[CellFacts]) -> pd.DataFrame:
    """Return a DataFrame with one row per training (cell) and score, averaged over synthetic tables.

    The columns are `SCORE_COLUMNS`, and ``fold`` if a dataset is split into thirds. The column ``generator``
    contains the name of the generator, and ``label`` its label on the board. If a score is NaN, ``status`` and
    ``reason`` say why.
    """
    names = {row.label: row.generator for dataset in board.datasets for row in dataset.rows}
    columns = {dataset.dataset: dataset.columns for dataset in board.datasets}
    lines, folds = [], []
    for cell in cells:
        row = cell.row
        place = (row.dataset, names[row.shown], row.shown, row.is_control, row.split, row.seed)
        for column in columns[row.dataset]:
            facts = cell.metrics.get(column.metric)
            name = column.spec.name
            status: str
            status, reason = (cell.status, cell.reason) if facts is None else (facts.status, facts.reason)
            value = math.nan if facts is None else facts.values.get(name, math.nan)
            if facts is None and status == "ok":
                status = "not asked"
            if facts is not None and name in facts.missing:
                status, reason = "undefined", facts.missing[name]
            lines.append((*place, column.metric, name, value, status, reason))
            folds.append(row.fold)
    frame = pd.DataFrame(lines, columns=list(SCORE_COLUMNS))
    return frame if all(fold is None for fold in folds) else frame.assign(fold=folds)
