"""The result tables of docs/single-cell.md and docs/metrics.md are those of the published boards."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "make", "tables"),
    [("single-cell.md", "board_table", "TABLES"), ("metrics.md", "control_table", "CONTROLS")],
)
def test_tables_are_those_of_the_boards(page: str, make: str, tables: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    script = runpy.run_path(str(DOCS / "write_tables.py"))
    for name, scores in script[tables].items():
        assert script[make](name, scores) in text
