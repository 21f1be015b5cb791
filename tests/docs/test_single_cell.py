"""The result tables of docs/single-cell.md are those of the published boards."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_tables_are_those_of_the_boards() -> None:
    page = (DOCS / "single-cell.md").read_text(encoding="utf-8")
    script = runpy.run_path(str(DOCS / "write_single_cell.py"))
    for name, scores in script["TABLES"].items():
        assert script["board_table"](name, scores) in page
