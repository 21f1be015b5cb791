"""Write the result tables of single-cell.md from the published boards.

    python docs/write_single_cell.py

The text between each pair of markers is replaced. Values are means over splits with half of the 95 % interval.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from tabulate import tabulate

from tabgenbench_leaderboard.board.intervals import t_interval
from tabgenbench_leaderboard.publish.readme import replace_table

PAGE = Path(__file__).parent / "single-cell.md"
BOARDS = Path(__file__).parents[1] / "leaderboard" / "boards"
TABLES = {
    "integration": (
        "scib-total",
        "batch-from-invariant",
        "batch-spurious-share",
        "type-invariant-share",
        "condition-invariant-share",
        "mcc-invariant",
        "type-f1",
    ),
    "kang-integration": (
        "scib-total",
        "scib-batch",
        "scib-bio",
        "batch-from-invariant",
        "type-f1",
        "condition-f1",
    ),
    "mixology-integration": (
        "scib-total",
        "scib-batch",
        "scib-bio",
        "batch-from-invariant",
        "batch-spurious-share",
        "type-invariant-share",
    ),
    "unseen-donor": (
        "type-f1",
        "condition-f1",
        "atlas-accuracy",
        "atlas-known-accepted",
        "atlas-accuracy-without-unknown",
    ),
    "unseen-condition": ("type-f1", "scib-total"),
    "unseen-combination": ("shift-r2", "shift-r2-top", "shift-energy"),
    "unseen-combination-kang": ("shift-r2", "shift-r2-top", "shift-r2-half", "shift-energy"),
    "cell-generation": ("c2st-trees", "gamma-within", "zero-fraction-error", "library-ratio", "pseudobulk-correlation"),
}


def board_table(name: str, scores: tuple[str, ...]) -> str:
    """Return the Markdown table of some scores of a board: models first, then controls, each sorted by label."""
    found = pd.read_parquet(BOARDS / name / "scores.parquet")
    found = found[(found.status == "ok") & found.score.isin(scores)]
    splits = found.groupby(["is_control", "label", "score", "split"])["value"].mean()
    lines = []
    for _, label in sorted({(control, label) for control, label, _, _ in splits.index}):
        own = splits.xs(label, level="label").droplevel("is_control")
        present = set(own.index.get_level_values("score"))
        lines.append([f"`{label}`", *(_field(own[score].tolist()) if score in present else "-" for score in scores)])
    return tabulate(lines, ["", *(f"`{score}`" for score in scores)], tablefmt="github", disable_numparse=True)


def _field(values: list[float]) -> str:
    interval = t_interval(values)
    if interval.mean is None or interval.high is None:
        raise SystemExit(f"{BOARDS}: expected at least two splits with values, got {len(values)}")
    return f"{interval.mean:.2f} ± {interval.high - interval.mean:.2f}"


def main() -> None:
    """Write the page."""
    text = PAGE.read_text(encoding="utf-8")
    for name, scores in TABLES.items():
        changed = replace_table(text, name, f"\n{board_table(name, scores)}\n\n")
        if changed is None:
            raise SystemExit(f"{PAGE}: expected the lines <!-- board: {name} --> and <!-- /board: {name} -->")
        text = changed
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
