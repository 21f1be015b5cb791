"""Trainings and metrics without a result, grouped by reason, and notes on results."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tabgenbench.records import SuiteRow
from tabgenbench_leaderboard.board.collect import CellFacts
from tabgenbench_leaderboard.board.model import CellStatus, Note, Problem

__all__ = ["find_notes", "find_problems"]

MAX_LINES, MAX_CHARACTERS = 20, 2000
"""Maximum numbers of lines and characters that a board keeps from the end of an output; the record contains more."""
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[^\S\n]+$|[\x00-\x08\x0b-\x1f\x7f-\x9f]", re.MULTILINE)


def find_problems(cells: Sequence[CellFacts]) -> tuple[Problem, ...]:
    """Return the cells and metrics without a result, grouped by generator, phase or metric, status and reason.

    Failed entries come first, then skipped and waiting entries. Entries with the same status are sorted by label, then
    by phase (such as ``fit``) or metric.
    """
    groups: dict[tuple[str, str, CellStatus, str], list[tuple[SuiteRow, str]]] = {}
    for cell in cells:
        if cell.status != "ok":
            place = (cell.row.shown, cell.phase, cell.status, cell.reason)
            groups.setdefault(place, []).append((cell.row, cell.output))
        for metric, facts in cell.metrics.items():
            if facts.status != "ok":
                place = (cell.row.shown, metric, facts.status, facts.reason)
                groups.setdefault(place, []).append((cell.row, facts.output))
    rank = {"skipped": 1, "waiting": 2}
    return tuple(
        _problem(place, groups[place]) for place in sorted(groups, key=lambda place: (rank.get(place[2], 0), *place))
    )


def _problem(place: tuple[str, str, CellStatus, str], found: Sequence[tuple[SuiteRow, str]]) -> Problem:
    outputs = ((row.key, _tail(output)) for row, output in found)
    key, output = next(((key, text) for key, text in outputs if text), ("", ""))
    return Problem(
        label=place[0],
        what=place[1],
        status=place[2],
        reason=place[3],
        cells=tuple((row.split, row.seed) for row, _ in found),
        keys=tuple(row.key for row, _ in found),
        output=output,
        output_key=key,
    )


def _tail(output: str) -> str:
    # Of a line that is overwritten with \r, such as a progress bar, only the last version is kept.
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in output.split("\n")]
    text = _CONTROLS.sub("", "\n".join(lines)).strip("\n")
    kept = "\n".join(text.split("\n")[-MAX_LINES:])[-MAX_CHARACTERS:]
    return text if kept == text else f"…{kept}"


def find_notes(cells: Sequence[CellFacts]) -> tuple[Note, ...]:
    """Return the distinct notes of splits, trainings and metrics, with the labels of the generators concerned."""
    labels: dict[tuple[str, str], dict[str, None]] = {}
    splits = _splits_by_note(cells)
    for cell in cells:
        if cell.row.split_note:
            labels.setdefault((splits[cell.row.split_note], cell.row.split_note), {})[cell.row.shown] = None
        for text in cell.notes:
            labels.setdefault(("", text), {})[cell.row.shown] = None
        for metric, facts in cell.metrics.items():
            for text in facts.notes:
                labels.setdefault((metric, text), {})[cell.row.shown] = None
    return tuple(
        Note(what=what, text=text, labels=tuple(sorted(labels[what, text])))
        for what, text in sorted(labels, key=lambda place: (place[0], _by_number(place[1])))
    )


def _splits_by_note(cells: Sequence[CellFacts]) -> dict[str, str]:
    splits: dict[str, set[int]] = {}
    for cell in cells:
        splits.setdefault(cell.row.split_note, set()).add(cell.row.split)
    return {
        note: f"split{'s' if len(found) > 1 else ''} {', '.join(map(str, sorted(found)))}"
        for note, found in splits.items()
    }


def _by_number(text: str) -> list[str | int]:
    """Return a sort key that puts "trial 2" before "trial 10"."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", text))]
