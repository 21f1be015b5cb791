"""The scores of every synthetic table (draw) of a suite."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tabgenbench.records import SuiteRecord, SuiteRow
from tabgenbench.store.reader import RecordReader
from tabgenbench.store.snapshot import CellSnapshot, read_snapshot
from tabgenbench.store.store import Store

__all__ = ["DRAW_FIELDS", "DrawRow", "draw_rows"]

DRAW_FIELDS: dict[str, type] = {
    "dataset": str,
    "generator": str,
    "label": str,
    "is_control": bool,
    "split": int,
    "seed": int,
    "draw": int,
    "metric": str,
    "score": str,
    "value": float,
    "status": str,
    "reason": str,
    "fold": int,
}
"""Name and type of each column of a table of scores; ``fold`` has values only if splits have folds."""
DrawRow = tuple[str, str, str, bool, int, int, int | None, str, str, float | None, str, str, int | None]
"""One row of a table of scores: a value for each column in `DRAW_FIELDS`."""


def draw_rows(store: Store, suite: SuiteRecord) -> list[DrawRow]:
    """Return sorted rows, one per score, training and synthetic table (draw).

    If a score is undefined on a synthetic table, the row has a reason in place of a value. A training or metric without
    a result has a single row, in which draw, score and value are empty.
    """
    reader = RecordReader(store)
    places = {(row.dataset, row.label, row.split, row.seed, row.fold or 0, row.key): row for row in suite.rows}
    rows = (places[place] for place in sorted(places))
    return [found for row in rows for found in _rows_of(row, read_snapshot(reader, row.key, row.scores))]


def _rows_of(row: SuiteRow, found: CellSnapshot) -> Iterator[DrawRow]:
    record = found.record
    name = record.cell.generator if record is not None else row.label.partition(":")[0]
    head = (row.dataset, name, row.shown, row.is_control, row.split, row.seed)
    if record is None or record.status != "ok":
        status, reason = ("waiting", "") if record is None else (record.status, record.reason)
        yield (*head, None, "", "", None, status, _one_line(reason), row.fold)
        return
    for metric, score in found.scores.items():
        if score is None or score.status != "ok":
            status, reason = ("waiting", "") if score is None else (score.status, score.reason)
            yield (*head, None, metric, "", None, status, _one_line(reason), row.fold)
            continue
        for draw in score.draws:
            for spec in score.specs:
                value = draw.scores.get(spec.name)
                is_there = value is not None and math.isfinite(value) and spec.name not in draw.undefined
                status = "ok" if is_there else "undefined"
                reason = _one_line(draw.undefined.get(spec.name, ""))
                shown = value if is_there else None
                yield (*head, draw.draw, metric, spec.name, shown, status, reason, row.fold)


def _one_line(text: str) -> str:
    return " ".join(text.split())
