"""What figures need beyond records: the artifacts that metrics left beside their scores, read as plain columns."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tabgenbench.records import ScoreRecord, SuiteRecord, SuiteRow
from tabgenbench.store.store import Store

__all__ = ["CorrelationPicture", "Pictures", "RowsPicture", "collect_pictures"]

ROWS, HEXAGONS = "umap", "hexagons"
PREFIX = "condition."


@dataclass(frozen=True)
class RowsPicture:
    """Real test rows and synthetic rows as points in the plane: one draw of one cell.

    Attributes:
        split: split of the cell.
        draw: which of its draws.
        x: horizontal place of each row.
        y: vertical place.
        synthetic: whether the row is synthetic.
        columns: names of up to two condition columns: what plays the tissue, what plays the status.
        labels: for each of these the value of every row.
    """

    split: int
    draw: int
    x: tuple[float, ...]
    y: tuple[float, ...]
    synthetic: tuple[bool, ...]
    columns: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class CorrelationPicture:
    """Counts of pairs of features in hexagons of real and synthetic correlation: one draw of one cell.

    Attributes:
        split: split of the cell.
        draw: which of its draws.
        width: width of a hexagon, which stands on a tip.
        real: real correlation at the centre of each hexagon.
        synthetic: synthetic correlation there.
        pairs: pairs of features in it.
    """

    split: int
    draw: int
    width: float
    real: tuple[float, ...]
    synthetic: tuple[float, ...]
    pairs: tuple[int, ...]


@dataclass(frozen=True)
class Pictures:
    """What there is to draw, by dataset and label."""

    rows: dict[tuple[str, str], RowsPicture] = field(default_factory=dict)
    correlations: dict[tuple[str, str], CorrelationPicture] = field(default_factory=dict)


def collect_pictures(store: Store, suite: SuiteRecord) -> Pictures:
    """Read the artifacts ``umap`` and ``hexagons`` of the first draw of each generator's first split that has them.

    An artifact that cannot be read is as good as absent; `Store.set_aside` names it.
    """
    pictures = Pictures()
    for row in sorted(suite.rows, key=lambda row: (row.dataset, row.label, row.split, row.seed)):
        place = (row.dataset, row.label)
        if place not in pictures.rows:
            for key, path in _artifacts(store, row, ROWS):
                with _reading(store, path):
                    pictures.rows.setdefault(place, _rows_picture(path, row.split, store.read_score(row.key, key)))
        if place not in pictures.correlations:
            for _, path in _artifacts(store, row, HEXAGONS):
                with _reading(store, path):
                    pictures.correlations.setdefault(place, _correlation_picture(path, row.split))
    return pictures


def _artifacts(store: Store, row: SuiteRow, name: str) -> Iterator[tuple[str, Path]]:
    for _, key in sorted(row.scores.items()):
        path = f"{store.root}/cells/{row.key}/scores/{key}.{name}.csv"
        if os.path.isfile(path):  # as text: most cells have none, and there may be many thousands
            yield key, Path(path)


@contextmanager
def _reading(store: Store, path: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError, TypeError, IndexError, OSError, csv.Error) as error:
        store.put_aside(path, f"not an artifact of this program ({type(error).__name__}: {error})")


def _rows_picture(path: Path, split: int, record: ScoreRecord | None) -> RowsPicture:
    lines, draw = _first_draw(path)
    config = record.config if record is not None else {}
    known = [name.removeprefix(PREFIX) for name in lines[0] if name.startswith(PREFIX)]
    wanted = [config.get("tissue"), config.get("status")]
    chosen = [name for name in wanted if name in known]
    columns = tuple(dict.fromkeys([*chosen, *known]))[:2]
    return RowsPicture(
        split=split,
        draw=draw,
        x=tuple(float(line["x"]) for line in lines),
        y=tuple(float(line["y"]) for line in lines),
        synthetic=tuple(line["origin"] == "synthetic" for line in lines),
        columns=columns,
        labels=tuple(tuple(line[PREFIX + name] for line in lines) for name in columns),
    )


def _correlation_picture(path: Path, split: int) -> CorrelationPicture:
    lines, draw = _first_draw(path)
    return CorrelationPicture(
        split=split,
        draw=draw,
        width=float(lines[0]["width"]),
        real=tuple(float(line["real"]) for line in lines),
        synthetic=tuple(float(line["synthetic"]) for line in lines),
        pairs=tuple(int(line["pairs"]) for line in lines),
    )


def _first_draw(path: Path) -> tuple[list[dict[str, str]], int]:
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    first = min(int(line["draw"]) for line in lines)
    return [line for line in lines if int(line["draw"]) == first], first
