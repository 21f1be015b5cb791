from __future__ import annotations

import csv
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "leaderboard" / "boards" / "rnaseqdb-27-files"
ROWS = {
    "cvae": "cvae",
    "real training rows": "real-resample",
    "Ledoit-Wolf": "condition-mvn",
    "the mean row": "condition-mean",
    "independent genes": "condition-gaussian",
    "each gene permuted": "shuffled",
}
COLUMNS = ("gamma", "gamma-within", "gamma-by-condition", "within-variance-ratio")


def test_the_figures_of_the_readme_are_those_of_the_published_board() -> None:
    with (BOARD / "scores.csv").open() as handle:
        scores = {(row["generator"], row["score"]): row for row in csv.DictReader(handle)}
    table = [line.split("|")[1:-1] for line in (ROOT / "README.md").read_text().splitlines() if " ± " in line]
    rows = [cells for cells in table if len(cells) == 6]
    assert len(rows) == len(ROWS)
    for cells in rows:
        generator = next(name for words, name in ROWS.items() if words in cells[0])
        for text, score in zip(cells[1:5], COLUMNS, strict=True):
            row = scores[generator, score]
            if "undefined" in text:
                assert row["mean"] == ""
                continue
            mean, half = (float(number) for number in re.findall(r"-?\d+\.\d+", text))
            digits = len(text.partition(".")[2].partition(" ")[0])
            assert mean == round(abs(float(row["mean"])), digits)
            assert half == round((float(row["ci_high"]) - float(row["ci_low"])) / 2, digits)
