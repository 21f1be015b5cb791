"""Write the result tables of single-cell.md and metrics.md from the published boards.

    python docs/write_tables.py

The text between each pair of markers is replaced. Values are means over splits with half of the 95 % interval.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from tabulate import tabulate

from tabgenbench_leaderboard.board.intervals import t_interval
from tabgenbench_leaderboard.publish.readme import replace_table

DOCS = Path(__file__).parent
BOARDS = DOCS.parent / "leaderboard" / "boards"
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
    "unseen-type": (
        "atlas-accuracy",
        "atlas-accuracy-without-unknown",
        "atlas-known-accepted",
        "atlas-rejection",
        "atlas-unknown-f1",
    ),
    "unseen-condition": ("type-f1", "scib-total"),
    "unseen-combination": ("shift-r2", "shift-r2-top", "shift-energy"),
    "unseen-combination-kang": ("shift-r2", "shift-r2-top", "shift-r2-half", "shift-energy"),
    "cell-generation": ("c2st-trees", "gamma-within", "zero-fraction-error", "library-ratio", "pseudobulk-correlation"),
}


CONTROLS = {
    "current-27-files": (
        "ks-distance",
        "frechet-distance",
        "energy-distance",
        "within-variance-ratio",
        "recall",
        "coverage",
        "c2st-trees",
        "pca-mixing",
        "pca-overall",
        "gamma",
        "gamma-within",
        "gamma-by-condition",
        "logfc-correlation",
        "de-top-overlap",
        "marker-overlap",
        "tstr-f1",
    )
}
"""Scores of the controls of a board, in metrics.md."""


def board_table(name: str, scores: tuple[str, ...]) -> str:
    """Return the Markdown table of some scores of a board: models first, then controls, each sorted by label."""
    fields = _fields(name, scores)
    labels = [label for _, label in sorted({(control, label) for control, label, _ in fields.index})]
    found = fields.droplevel("is_control")
    lines = [[f"`{label}`", *(found.get((label, score), "-") for score in scores)] for label in labels]
    return tabulate(lines, ["", *(f"`{score}`" for score in scores)], tablefmt="github", disable_numparse=True)


def control_table(name: str, scores: tuple[str, ...]) -> str:
    """Return the Markdown table of some scores of a board's controls, with one row per score."""
    found = _fields(name, scores).xs(True, level="is_control")
    labels = sorted({label for label, _ in found.index})
    lines = [[f"`{score}`", *(found.get((label, score), "-") for label in labels)] for score in scores]
    return tabulate(lines, ["", *(f"`{label}`" for label in labels)], tablefmt="github", disable_numparse=True)


def _fields(name: str, scores: tuple[str, ...]) -> pd.Series[str]:
    """Return the texts of the values by ``is_control``, label and score."""
    found = pd.read_parquet(BOARDS / name / "scores.parquet")
    found = found[(found.status == "ok") & found.score.isin(scores)]
    splits = found.groupby(["is_control", "label", "score", "split"])["value"].mean().dropna()
    return splits.groupby(level=["is_control", "label", "score"]).agg(_field)


def _field(values: pd.Series[float]) -> str:
    interval = t_interval(values.tolist())
    if interval.mean is None or interval.high is None:
        raise SystemExit(f"{BOARDS}: expected at least two splits with values, got {len(values)}")
    return f"{interval.mean:.2f} ± {interval.high - interval.mean:.2f}"


def main() -> None:
    """Write the pages."""
    for page, make, tables in (("single-cell.md", board_table, TABLES), ("metrics.md", control_table, CONTROLS)):
        text = (DOCS / page).read_text(encoding="utf-8")
        for name, scores in tables.items():
            changed = replace_table(text, name, f"\n{make(name, scores)}\n\n")
            if changed is None:
                raise SystemExit(f"{page}: expected the lines <!-- board: {name} --> and <!-- /board: {name} -->")
            text = changed
        (DOCS / page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
