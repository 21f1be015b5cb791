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
    """Print a Markdown table for each dataset, and one of all datasets together if there are several.

    A table has one row for each model and control, with ``wins : losses of comparisons`` for each question.
    """
    board = json.loads((folder / "board.json").read_text(encoding="utf-8"))
    every: Counter[tuple[str, str, str, str]] = Counter()
    for dataset in board["datasets"]:
        specs = {column["title"]: column["spec"] for column in dataset["columns"]}
        controls = [row["label"] for row in dataset["rows"] if row["is_control"]]
        counts: Counter[tuple[str, str, str, str]] = Counter()
        with (folder / "comparisons.csv").open(encoding="utf-8") as lines:
            for line in csv.DictReader(lines):
                spec = specs.get(line["score"])
                if line["dataset"] == dataset["dataset"] and line["against"] in controls and spec and spec["headline"]:
                    counts[line["model"], line["against"], spec["question"], line["verdict"]] += 1
        every += counts
        print(f"{dataset['dataset']}\n\n{_table(counts)}\n")
    if len(board["datasets"]) > 1:
        print(f"all datasets\n\n{_table(every)}\n")


def _table(counts: Counter[tuple[str, str, str, str]]) -> str:
    questions = sorted({question for _, _, question, _ in counts})
    pairs = sorted({(model, control) for model, control, *_ in counts})
    lines = [[*pair, *(_wins_and_losses(counts, (*pair, question)) for question in questions)] for pair in pairs]
    return tabulate(lines, ["model", "control", *questions], "github")


def _wins_and_losses(counts: Counter[tuple[str, str, str, str]], place: tuple[str, str, str]) -> str:
    better, worse = counts[*place, "better"], counts[*place, "worse"]
    return f"{better} : {worse} of {better + worse + counts[*place, 'not distinguishable']}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
