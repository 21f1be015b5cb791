"""Tables of a board that all output formats share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tabgenbench.formatting import bytes_text, count_text, duration_text
from tabgenbench_leaderboard.board.formatting import column_decimals, difference_text, direction_text, score_text
from tabgenbench_leaderboard.board.model import BoardRow, Comparison, Costs, DatasetBoard, Problem, Range, ScoreColumn
from tabgenbench_leaderboard.pages.document import Cell, Grid, Section, cells, quote

__all__ = [
    "control_grid",
    "cost_grid",
    "fallback_grid",
    "grouped_rows",
    "metric_cost_grid",
    "problem_grid",
    "score_grid",
]

MAX_FALLBACKS = 40
"""Maximum number of rows of the table of fallback rules; ``board.json`` contains all rows."""
MAX_PROBLEMS = 200
"""Maximum number of rows of a table of problems; ``board.json`` contains all rows."""
MAX_REASON = 300
"""Maximum number of characters of a reason on a page; ``board.json`` contains the complete text."""


def grouped_rows(
    dataset: DatasetBoard, line: Callable[[BoardRow], tuple[Cell, ...]]
) -> tuple[tuple[Cell, ...] | Section, ...]:
    """Return a heading and the rows of the models, then the same for the controls; ``line`` makes a row."""
    found: list[tuple[Cell, ...] | Section] = []
    for name, rows in (("models", dataset.models), ("controls", dataset.controls)):
        if rows:
            found += [Section(name), *(line(row) for row in rows)]
    return tuple(found)


def score_grid(dataset: DatasetBoard, columns: Sequence[int], *, short: bool = False) -> Grid:
    """Return a table of a dataset's scores.

    Args:
        dataset: the board of a dataset.
        columns: indices of the score columns to show.
        short: whether headings are short, with an arrow for the better direction. The table then has two more columns,
            the number of successful trainings and the time to fit.
    """
    decimals = {i: column_decimals([row.scores[i] for row in dataset.rows]) for i in columns}

    def line(row: BoardRow) -> tuple[Cell, ...]:
        scores = (Cell(score_text(row.scores[i], decimals[i]), row.scores[i].best) for i in columns)
        fit = row.costs.fit_seconds
        costs = cells([f"{row.cells_ok} of {row.cells}", duration_text(fit.mean) if fit else "-"])
        return (Cell(f"`{quote(row.label)}`"), *(costs if short else ()), *scores)

    headings = [_heading(dataset.columns[i], short=short) for i in columns]
    return Grid(
        ("generator", *(("cells", "fit") if short else ()), *headings),
        grouped_rows(dataset, line),
        f"Scores on {dataset.dataset}: mean ± half of the 95 % interval over splits",
    )


def _heading(column: ScoreColumn, *, short: bool) -> str:
    unit = f" [{quote(column.spec.unit)}]" if column.spec.unit else ""
    marks = "" if column.spec.ranked or short else ", not ranked"
    marks += ", uncalibrated" if column.calibration == "uncalibrated" else ""
    return f"{quote(column.title)}{unit} {direction_text(column, short=short)}{marks}"


def control_grid(dataset: DatasetBoard, model: BoardRow) -> Grid | None:
    """Return a table that compares a model with each control on each ranked score; None without comparisons."""
    found = {
        (comparison.title, comparison.against): comparison
        for comparison in dataset.comparisons
        if comparison.model == model.label and comparison.against_control
    }
    titles = list(dict.fromkeys(title for title, _ in found))
    if not titles:
        return None
    judges = {judge for _, judge in found}
    controls = [control for control in dataset.controls if control.label in judges]
    by_title = {column.title: column for column in dataset.columns}
    rows = tuple(
        (
            Cell(_heading(by_title[title], short=True)),
            *(_verdict_cell(found.get((title, control.label))) for control in controls),
        )
        for title in titles
    )
    header = (f"`{quote(model.label)}` against", *(f"`{quote(control.label)}`" for control in controls))
    return Grid(header, rows, f"{model.label} against the controls on {dataset.dataset}")


def _verdict_cell(comparison: Comparison | None) -> Cell:
    if comparison is None:
        return Cell("-")
    return Cell(difference_text(comparison), strong=comparison.verdict in ("better", "worse"))


def cost_grid(dataset: DatasetBoard) -> Grid:
    """Return a table of the times and the memory of fitting and sampling."""
    on_gpu = any(row.costs.peak_gpu_bytes for row in dataset.rows)

    def line(row: BoardRow) -> tuple[Cell, ...]:
        costs: Costs = row.costs
        gpu = [_bytes_cell(costs.peak_gpu_bytes)] if on_gpu else []
        return cells(
            [
                f"`{quote(row.label)}`",
                f"{row.cells_ok} of {row.cells}",
                _range_cell(costs.fit_seconds),
                _range_cell(costs.sample_seconds),
                _bytes_cell(costs.peak_memory_bytes),
                *gpu,
            ]
        )

    header = ("generator", "cells ok", "fit", "sample, all draws of a cell", "peak memory")
    return Grid(
        (*header, "peak GPU memory") if on_gpu else header,
        grouped_rows(dataset, line),
        f"Costs on {dataset.dataset}: mean over cells (smallest to largest); peak memory is the largest",
    )


def _bytes_cell(size: int | None) -> str:
    return "-" if size is None else bytes_text(size)


def _range_cell(found: Range | None) -> str:
    if found is None:
        return "-"
    ends = (duration_text(found.low), duration_text(found.high))
    text = duration_text(found.mean)
    return text if ends == (text, text) else f"{text} ({ends[0]} to {ends[1]})"


def metric_cost_grid(dataset: DatasetBoard) -> Grid:
    """Return a table of the computation times of the metrics."""
    rows = tuple(
        cells([f"`{quote(cost.metric)}`", _range_cell(cost.seconds), str(cost.cells)]) for cost in dataset.metric_costs
    )
    caption = f"Time to score all draws of a cell on {dataset.dataset}: mean (smallest to largest)"
    return Grid(("metric", "time", "cells"), rows, caption)


def problem_grid(problems: Sequence[Problem], caption: str) -> Grid:
    """Return a table of failed or skipped results with the reasons."""
    rows: list[tuple[Cell, ...] | Section] = [
        cells(
            [
                f"`{quote(problem.label)}`",
                f"`{quote(problem.what)}`",
                problem.status.replace("_", " "),
                _cell_list(problem),
                _shortened(quote(problem.reason)) or "-",
                f"`cells/{quote(problem.keys[0])}`",
            ]
        )
        for problem in problems[:MAX_PROBLEMS]
    ]
    if len(problems) > MAX_PROBLEMS:
        rows.append(Section(f"and {count_text(len(problems) - MAX_PROBLEMS, 'more line')} in board.json"))
    return Grid(("generator", "what", "status", "cells", "reason", "record"), tuple(rows), caption, numeric=False)


def _cell_list(problem: Problem) -> str:
    splits = sorted({split for split, _ in problem.cells})
    seeds = sorted({seed for _, seed in problem.cells})
    if len(problem.cells) > 12:
        return f"{len(problem.cells)} cells"
    text = f"split{'' if len(splits) == 1 else 's'} {', '.join(map(str, splits))}"
    return text if seeds == [0] else f"{text}; seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds))}"


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1].rstrip() + "…"


def fallback_grid(dataset: DatasetBoard) -> Grid | None:
    """Return a table of the rows for which a generator used a fallback rule; None without such rows."""
    found = [(row, fallback) for row in dataset.rows for fallback in row.fallbacks]
    if not found:
        return None
    rows: list[tuple[Cell, ...] | Section] = [
        cells(
            [
                f"`{quote(row.label)}`",
                quote(fallback.condition),
                quote(fallback.rule),
                f"{fallback.rows:,}",
                str(fallback.cells),
            ]
        )
        for row, fallback in found[:MAX_FALLBACKS]
    ]
    if len(found) > MAX_FALLBACKS:
        rows.append(Section(f"and {count_text(len(found) - MAX_FALLBACKS, 'more line')} in board.json"))
    header = ("generator", "condition", "rule", "rows of all draws and cells", "cells")
    return Grid(header, tuple(rows), f"Rows sampled by a fallback rule on {dataset.dataset}", numeric=False)
