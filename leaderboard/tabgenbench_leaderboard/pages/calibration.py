"""The table "what each score can see": which planted failures (tables with a known fault) each score detects."""

from __future__ import annotations

from tabgenbench.formatting import count_text
from tabgenbench_leaderboard.board.model import Board, DatasetBoard
from tabgenbench_leaderboard.board.summary import CalibrationRow, CalibrationTable
from tabgenbench_leaderboard.pages.document import Block, Bullets, Cell, Grid, Heading, Paragraph, Section, quote

__all__ = ["calibration_blocks", "calibration_grid", "calibration_note", "table_blocks"]

DETECTED, MISSED, KNOWN, UNTESTED = "yes", "MISSED", "no", "-"
ENOUGH_SPLITS = 10
"""With fewer splits, an undetected failure is weak evidence; ``docs/statistics.md`` has the power of the tests."""
MOST_NAMES = 3
"""Maximum number of scores that the note of a headline names; the others are counted."""
_READING = (
    "A planted failure is a table of real training rows with one known fault. `yes`: the score rates the failure worse "
    "than real rows, by a one-sided paired t-test over {splits} with Holm's correction (p < 0.05); `no`: it does not; "
    "`MISSED`: it does not, but must; `-`: not tested. Scores of privacy are compared with rows that no model sees, "
    "the others with `real-resample`. floor: whether the score distinguishes the control that is its floor."
)


def calibration_blocks(dataset: DatasetBoard) -> list[Block]:
    """Return the page section that shows which planted failures (tables with a known fault) each score detects."""
    blocks: list[Block] = [Heading(3, "What each score can see")]
    if dataset.calibration is None:
        command = f"`tabgenbench calibrate {quote(dataset.dataset)}`"
        text = f"No score is calibrated on this dataset. The command {command} tests what the scores can see."
        return [*blocks, Paragraph(text)]
    unknown = [f"`{quote(column.title)}`" for column in dataset.columns if column.calibration == "not calibrated"]
    if unknown:
        blocks.append(Paragraph(f"Not calibrated here: {', '.join(unknown)}."))
    return [*blocks, *table_blocks(dataset.calibration, dataset.dataset)]


def table_blocks(table: CalibrationTable, dataset: str) -> list[Block]:
    """Return the table of a calibration with an explanation, and lists of missed and untested planted failures."""
    blocks: list[Block] = [Paragraph(_READING.format(splits=count_text(table.splits, "split")))]
    blind = [(row, row.missed(table.failures)) for row in table.rows]
    items = [f"`{quote(row.title)}` misses {', '.join(map(_code, names))}" for row, names in blind if names]
    if items:
        blocks.append(Paragraph(f"Uncalibrated here, and left out of headline and questions: {'; '.join(items)}."))
        if table.splits < ENOUGH_SPLITS:
            found = f"{count_text(table.splits, 'split')} find only large differences"
            command = f"`tabgenbench calibrate {quote(dataset)} --splits {ENOUGH_SPLITS}`"
            blocks.append(Paragraph(f"A miss is weak evidence here, because {found}: repeat {command}."))
    blocks.append(calibration_grid(table, f"What each score can see on {dataset}"))
    if table.inapplicable:
        reasons = tuple(f"{_code(name)}: {quote(reason)}" for name, reason in table.inapplicable.items())
        blocks += [Paragraph("Planted failures that were not tested:"), Bullets(reasons)]
    return blocks


def calibration_note(board: Board) -> str:
    """Return text that names scores that miss a required planted failure, and counts datasets without calibration."""
    blind = [
        f"{quote(column.title)} on {quote(dataset.dataset)}"
        for dataset in board.datasets
        for column in dataset.columns
        if column.calibration == "uncalibrated"
    ]
    unknown = sum(dataset.calibration is None for dataset in board.datasets)
    more = f" and {len(blind) - MOST_NAMES} more" if len(blind) > MOST_NAMES else ""
    parts = [f"Uncalibrated here, so left out: {', '.join(blind[:MOST_NAMES])}{more}."] if blind else []
    if unknown:
        where = "" if unknown == len(board.datasets) else f": {count_text(unknown, 'dataset')}"
        parts.append(f"Not calibrated here{where}.")
    return " ".join(parts)


def calibration_grid(table: CalibrationTable, caption: str) -> Grid:
    """Return the table of scores (rows) and planted failures (columns), grouped by question (such as privacy)."""
    rows: list[tuple[Cell, ...] | Section] = []
    for question in dict.fromkeys(row.question for row in table.rows):
        rows.append(Section(question or "no question"))
        rows += [_line(table, row) for row in table.rows if row.question == question]
    return Grid(("score", *map(_code, table.failures), "floor"), tuple(rows), caption, numeric=False)


def _line(table: CalibrationTable, row: CalibrationRow) -> tuple[Cell, ...]:
    outcomes = zip(table.failures, row.outcomes, strict=True)
    found = [(outcome, name in row.must) for name, outcome in outcomes]
    return (
        Cell(f"`{quote(row.title)}`{' (headline)' if row.headline else ''}"),
        *(Cell(_word(outcome, must=must), strong=must and outcome is False) for outcome, must in found),
        Cell(_word(row.floor, must=False)),
    )


def _word(outcome: bool | None, *, must: bool) -> str:
    if outcome is None:
        return UNTESTED
    return DETECTED if outcome else MISSED if must else KNOWN


def _code(name: str) -> str:
    return f"`{quote(name)}`"
