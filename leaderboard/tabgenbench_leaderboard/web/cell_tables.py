"""Two tables on a generator's web page: scores of each synthetic table (draw), and costs of each training (cell)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from markupsafe import Markup

from tabgenbench.formatting import bytes_text, count_text, duration_text, number_text, place_text
from tabgenbench_leaderboard.board.collect import CellFacts
from tabgenbench_leaderboard.board.model import DatasetBoard

__all__ = ["cell_table", "draw_table", "single_number"]

MAX_CELLS = 200
"""Maximum number of cells (trainings) that a page lists per dataset."""


def draw_table(
    dataset: DatasetBoard, cells: Sequence[CellFacts], columns: Sequence[int], most: int
) -> dict[str, Any] | None:
    """Return the data of a table with the scores of each synthetic table (draw), or None if it has no rows or columns.

    Args:
        dataset: the results on the dataset.
        cells: the results of the trainings of one generator on this dataset.
        columns: indices of the columns to show.
        most: maximum number of values in the table; further rows are left out.
    """
    if not cells or not columns:
        return None
    shown = max(1, most // (len(columns) + 1))
    lines = list(islice(_draw_lines(dataset, cells, columns), shown))
    left_out = sum(_draws(cell) for cell in cells) - len(lines)
    return {
        "header": ["split, seed, draw", *(dataset.columns[i].title for i in columns)],
        "lines": Markup().join(lines),
        "left_out": f"{count_text(left_out, 'more line')} in scores-by-draw.csv or scores.parquet"
        if left_out > 0
        else "",
    }


def _draw_lines(dataset: DatasetBoard, cells: Sequence[CellFacts], columns: Sequence[int]) -> Iterator[Markup]:
    # The texts of these table rows contain no characters to escape.
    places = [(dataset.columns[i].metric, dataset.columns[i].spec.name) for i in columns]
    for cell in cells:
        for draw in range(_draws(cell)):
            found = [cell.metrics[metric].draws if metric in cell.metrics else () for metric, _ in places]
            values = [
                one[draw].get(name) if draw < len(one) else None for one, (_, name) in zip(found, places, strict=True)
            ]
            texts = "</td><td>".join(map(single_number, values))
            place = f"{place_text(cell.row.split, cell.row.fold)}, {cell.row.seed}, {draw}"
            yield Markup(f"<tr><th>{place}</th><td>{texts}</td></tr>\n")


def _draws(cell: CellFacts) -> int:
    return max((len(facts.draws) for facts in cell.metrics.values()), default=0)


def single_number(value: float | None) -> str:
    """Return a value as text with four significant digits, or ``-`` for None."""
    return "-" if value is None else f"{value:.4g}"


def cell_table(cells: Sequence[CellFacts]) -> dict[str, Any] | None:
    """Return the data of a table with costs and machine of each training (cell), or None if ``cells`` is empty."""
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
