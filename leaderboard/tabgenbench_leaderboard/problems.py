"""What went wrong, was declined, is not there yet, or was noted: grouped, so that a reader sees each reason once."""

from __future__ import annotations

from collections.abc import Sequence

from tabgenbench_leaderboard.board import CellStatus, Note, Problem
from tabgenbench_leaderboard.collect import CellFacts

__all__ = ["find_notes", "find_problems"]


def find_problems(cells: Sequence[CellFacts]) -> tuple[Problem, ...]:
    """List cells that did not end well, and metrics that did not on cells that did; equal reasons are one entry.

    Order: failures, then skipped, then waiting; in each by label and what failed.
    """
    groups: dict[tuple[str, str, CellStatus, str], list[CellFacts]] = {}
    for cell in cells:
        if cell.status != "ok":
            groups.setdefault((cell.row.label, cell.phase, cell.status, cell.reason), []).append(cell)
        for metric, facts in cell.metrics.items():
            if facts.status != "ok":
                groups.setdefault((cell.row.label, metric, facts.status, facts.reason), []).append(cell)
    rank = {"skipped": 1, "waiting": 2}
    return tuple(
        Problem(
            label=place[0],
            what=place[1],
            status=place[2],
            reason=place[3],
            cells=tuple((cell.row.split, cell.row.seed) for cell in groups[place]),
            keys=tuple(cell.row.key for cell in groups[place]),
        )
        for place in sorted(groups, key=lambda place: (rank.get(place[2], 0), *place))
    )


def find_notes(cells: Sequence[CellFacts]) -> tuple[Note, ...]:
    """List the notes of cells and of metrics, each once with the rows that have it."""
    labels: dict[tuple[str, str], dict[str, None]] = {}
    for cell in cells:
        for text in cell.notes:
            labels.setdefault(("", text), {})[cell.row.label] = None
        for metric, facts in cell.metrics.items():
            for text in facts.notes:
                labels.setdefault((metric, text), {})[cell.row.label] = None
    return tuple(Note(what=what, text=text, labels=tuple(sorted(labels[what, text]))) for what, text in sorted(labels))
