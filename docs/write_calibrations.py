"""Write the tables of "what each score can see" in metrics.md from the calibrations in a store.

    python docs/write_calibrations.py STORE

The text between the two markers is replaced; datasets are in alphabetical order.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tabgenbench.formatting import count_text
from tabgenbench.store.calibration import CalibrationRecord, read_calibration
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.calibrated import calibration_table
from tabgenbench_leaderboard.pages.calibration import calibration_grid
from tabgenbench_leaderboard.pages.document import Block, Bullets, Heading, Paragraph
from tabgenbench_leaderboard.pages.to_markdown import render_markdown

PAGE = Path(__file__).parent / "metrics.md"
START, END = "<!-- calibrations -->\n", "<!-- /calibrations -->\n"


def read_calibrations(store: Store) -> list[CalibrationRecord]:
    """Return all calibrations of a store, sorted by the name of the dataset."""
    paths = (store.root / "calibrations").glob("*.json")
    records = [record for path in paths if (record := read_calibration(store, path.stem)) is not None]
    return sorted(records, key=lambda record: record.dataset)


def dataset_blocks(record: CalibrationRecord) -> list[Block]:
    """Return the heading and the table of a dataset, and what was not tested."""
    table = calibration_table(record, lambda score: score.score)
    blocks: list[Block] = [Heading(3, f"On `{record.dataset}`"), Paragraph(_uncovered(record))]
    blocks.append(calibration_grid(table, f"What each score can see on {record.dataset}"))
    reasons = [f"`{name}`: {reason}" for name, reason in table.inapplicable.items()]
    reasons += [f"`{metric}`: {reason}" for metric, reason in record.skipped.items()]
    return [*blocks, Paragraph("Not tested:"), Bullets(tuple(reasons))] if reasons else blocks


def _uncovered(record: CalibrationRecord) -> str:
    """Return a sentence on the planted failures that no headline score of their question detects."""
    found = {
        (test.name, score.question)
        for score in record.scores
        for test in score.tests
        if score.headline and test.detected
    }
    tested = {test.name for score in record.scores for test in score.tests if test.detected is not None}
    lacking = [
        f"`{failure.name}` ({failure.question})"
        for failure in record.failures
        if failure.name in tested and (failure.name, failure.question) not in found
    ]
    text = f"{count_text(record.splits, 'split')}. "
    if not lacking:
        return text + (
            "Each planted failure that applies to the dataset is detected by a headline score of the question that the "
            "failure belongs to."
        )
    return text + f"No headline score of its question detects {', '.join(lacking)}."


def main() -> None:
    """Replace the tables in the page."""
    records = read_calibrations(Store(Path(sys.argv[1])))
    if not records:
        sys.exit(f"{sys.argv[1]}: no calibrations; run tabgenbench calibrate DATASET --store {sys.argv[1]}")
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    _, after = rest.split(END)
    tables = render_markdown([block for record in records for block in dataset_blocks(record)])
    PAGE.write_text(f"{before}{START}\n{tables.strip()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
