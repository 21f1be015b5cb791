"""Print how many headline scores of each question a model wins and loses against each control, from a published board.

python docs/count_comparisons.py leaderboard/boards/current-27-files
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from pathlib import Path

from tabulate import tabulate


def main(folder: Path) -> None:
    """Print a Markdown table: one row for each model and control, ``wins : losses`` for each question."""
    board = json.loads((folder / "board.json").read_text(encoding="utf-8"))
    for dataset in board["datasets"]:
        specs = {column["title"]: column["spec"] for column in dataset["columns"]}
        controls = [row["label"] for row in dataset["rows"] if row["is_control"]]
        counts: Counter[tuple[str, str, str, str]] = Counter()
        with (folder / "comparisons.csv").open(encoding="utf-8") as lines:
            for line in csv.DictReader(lines):
                spec = specs.get(line["score"])
                if line["dataset"] == dataset["dataset"] and line["against"] in controls and spec and spec["headline"]:
                    counts[line["model"], line["against"], spec["question"], line["verdict"]] += 1
        questions = sorted({question for _, _, question, _ in counts})
        models = sorted({model for model, *_ in counts})
        table = [
            [model, control, *(_wins_and_losses(counts, (model, control, question)) for question in questions)]
            for model in models
            for control in controls
        ]
        print(f"{dataset['dataset']}\n\n{tabulate(table, ['model', 'control', *questions], 'github')}\n")


def _wins_and_losses(counts: Counter[tuple[str, str, str, str]], place: tuple[str, str, str]) -> str:
    better, worse = counts[*place, "better"], counts[*place, "worse"]
    return f"{better} : {worse} of {better + worse + counts[*place, 'not distinguishable']}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
