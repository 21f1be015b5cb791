"""The files ``scores.csv`` and ``costs.csv`` with full precision, and ``comparisons.csv`` with nine digits."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from tabgenbench_leaderboard.board.model import Board, Range

__all__ = ["COMPARISON_FIELDS", "COST_FIELDS", "SCORE_FIELDS", "comparisons_csv", "costs_csv", "scores_csv"]

SCORE_FIELDS = ("dataset", "generator", "config", "metric", "score", "mean", "ci_low", "ci_high", "n")
COST_FIELDS = (
    "dataset",
    "generator",
    "config",
    "cells_ok",
    "cells",
    "fit_seconds_mean",
    "fit_seconds_min",
    "fit_seconds_max",
    "sample_seconds_mean",
    "sample_seconds_min",
    "sample_seconds_max",
    "peak_memory_bytes",
    "peak_gpu_bytes",
)
COMPARISON_FIELDS = (
    "dataset",
    "score",
    "model",
    "against",
    "difference",
    "ci_low",
    "ci_high",
    "n",
    "p",
    "p_adjusted",
    "verdict",
)


def scores_csv(board: Board) -> str:
    """Return ``scores.csv``: one line per dataset, generator, config and score, sorted.

    ``config`` contains the options that differ from the generator's defaults, as JSON with sorted keys. ``n`` is the
    number of splits with a value.
    """
    lines = [
        (
            dataset.dataset,
            row.generator,
            row.options,
            column.metric,
            column.spec.name,
            _float(score.mean),
            _float(score.ci_low),
            _float(score.ci_high),
            str(score.n),
        )
        for dataset in board.datasets
        for row in dataset.rows
        for column, score in zip(dataset.columns, row.scores, strict=True)
    ]
    return _csv(SCORE_FIELDS, sorted(lines))


def costs_csv(board: Board) -> str:
    """Return ``costs.csv``: one line per dataset, generator and config, sorted; times are per training."""
    lines = [
        (
            dataset.dataset,
            row.generator,
            row.options,
            str(row.cells_ok),
            str(row.cells),
            *_range(row.costs.fit_seconds),
            *_range(row.costs.sample_seconds),
            _int(row.costs.peak_memory_bytes),
            _int(row.costs.peak_gpu_bytes),
        )
        for dataset in board.datasets
        for row in dataset.rows
    ]
    return _csv(COST_FIELDS, sorted(lines))


def comparisons_csv(board: Board) -> str:
    """Return ``comparisons.csv``: one line per dataset, score and pair of generator labels, sorted."""
    lines = [
        (
            dataset.dataset,
            found.title,
            found.model,
            found.against,
            *map(_rounded, (found.difference, found.ci_low, found.ci_high)),
            str(found.n),
            *map(_rounded, (found.p, found.p_adjusted)),
            found.verdict,
        )
        for dataset in board.datasets
        for found in dataset.comparisons
    ]
    return _csv(COMPARISON_FIELDS, sorted(lines))


def _csv(fields: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows(lines)
    return buffer.getvalue()


def _float(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"


def _int(value: int | None) -> str:
    return "" if value is None else str(value)


def _range(found: Range | None) -> tuple[str, str, str]:
    return (_float(found.mean), _float(found.low), _float(found.high)) if found else ("", "", "")
