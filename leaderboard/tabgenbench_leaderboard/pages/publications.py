"""Tables that compare published values, stored in ``published/*.toml``, with the values of a board."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from tabgenbench.formatting import count_text, number_text
from tabgenbench_leaderboard.board.formatting import column_decimals, features_text, range_text, score_text
from tabgenbench_leaderboard.board.model import BoardRow, DatasetBoard
from tabgenbench_leaderboard.pages.document import Block, Bullets, Cell, Grid, Heading, Paragraph, cells, quote

__all__ = ["Publication", "PublishedValue", "load_published", "published_blocks"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublishedValue(_Part):
    """A published value of a score. Generator and score have the names that TabGenBench uses."""

    generator: str
    score: str
    value: float
    train_rows: int


class Publication(_Part):
    """The values that one paper reports for one dataset.

    Attributes:
        dataset: name of the dataset, without options.
        citation: citation of the paper.
        data: description of the data that the paper used.
        controls: names of simple generators to show in the table for comparison, such as ``real-resample``.
        notes: sentences on differences between the published values and the values of a board.
        values: the published values of the paper.
    """

    dataset: str
    citation: str
    data: str
    controls: tuple[str, ...] = ()
    notes: tuple[str, ...]
    values: tuple[PublishedValue, ...]


@lru_cache
def load_published() -> tuple[Publication, ...]:
    """Return the publications in the package's files ``published/*.toml``, sorted by file name."""
    folder = files("tabgenbench_leaderboard").joinpath("published")
    texts = {
        entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".toml")
    }
    return tuple(Publication.model_validate(tomllib.loads(texts[name])) for name in sorted(texts))


def published_blocks(dataset: DatasetBoard, publications: Sequence[Publication]) -> list[Block]:
    """Return a table and notes for each score of a paper that the board has for at least one generator of the paper."""
    blocks: list[Block] = []
    for publication in publications:
        if publication.dataset != dataset.dataset.partition(":")[0]:
            continue
        for score in dict.fromkeys(value.score for value in publication.values):
            grid = _grid(dataset, publication, score)
            if grid is not None:
                blocks += [Paragraph(f"Published in {publication.citation}."), grid]
                blocks.append(Bullets(tuple(_words(dataset, publication, score))))
    return [Heading(3, "Published, measured here, controls"), *blocks] if blocks else []


def _grid(dataset: DatasetBoard, publication: Publication, score: str) -> Grid | None:
    place = next((i for i, column in enumerate(dataset.columns) if column.spec.name == score), None)
    values = [value for value in publication.values if value.score == score]
    if place is None or not any(row.generator == value.generator for row in dataset.rows for value in values):
        return None
    decimals = column_decimals([row.scores[place] for row in dataset.rows])
    controls = {row.generator: row for row in sorted(dataset.controls, key=lambda row: -len(row.options))}
    yardsticks = [
        score_text(controls[name].scores[place], decimals) if name in controls else "not run"
        for name in publication.controls
    ]
    rows: list[tuple[Cell, ...]] = []
    for value in values:
        there = [number_text(value.value, 3), f"{value.train_rows:,}"]
        measured = [row for row in dataset.rows if row.generator == value.generator]
        for row in measured:
            here = [score_text(row.scores[place], decimals), _rows_trained_on(dataset)]
            rows.append(cells([f"`{quote(row.label)}`", *there, *here, *yardsticks]))
        if not measured:
            rows.append(cells([f"`{quote(value.generator)}`", *there, "not run", "-", *yardsticks]))
    header = (
        f"{quote(score)}",
        "published",
        "published training rows",
        "measured here",
        "training rows here",
        *(f"`{name}` here" for name in publication.controls),
    )
    return Grid(header, tuple(rows), f"{score} on {dataset.dataset}: published, measured here, controls")


def _rows_trained_on(dataset: DatasetBoard) -> str:
    # Papers count validation rows as training rows.
    if dataset.n_train is None:
        return "-"
    more = dataset.n_validation or (0, 0)
    return range_text((dataset.n_train[0] + more[0], dataset.n_train[1] + more[1]))


def _words(dataset: DatasetBoard, publication: Publication, score: str) -> Iterator[str]:
    yield f"Published: {publication.data}."
    shape = f"{_rows_trained_on(dataset)} training rows and {range_text(dataset.n_test)} test rows"
    note = f"{quote(dataset.note)}, " if dataset.note else ""
    yield (
        f"Here: {note}{features_text(dataset)}; {shape}; mean ± half of the 95 % interval over "
        f"{count_text(len(dataset.splits), 'split')}. Training rows include validation rows. The name of a generator "
        "includes the options that differ from its defaults, such as fewer epochs."
    )
    yield from publication.notes
    order = list(_order(dataset, publication, score))
    if len(order) > 1:
        there = sorted(order, key=lambda found: -found[1])
        here = sorted(order, key=lambda found: -found[2])
        names = [" > ".join(f"`{found[0]}`" for found in ranking) for ranking in (there, here)]
        yield f"Published order by {score}: {names[0]}. Order of the means here: {names[1]}."


def _order(dataset: DatasetBoard, publication: Publication, score: str) -> Iterator[tuple[str, float, float]]:
    """Yield each generator of a paper that has the score on the board, its published value, and its value on the board.

    If the board has several rows of a generator, the row with the shortest text of options is used.
    """
    for value in publication.values:
        if value.score != score:
            continue
        for row in sorted(dataset.rows, key=lambda row: (len(row.options), row.options)):
            measured = _mean(dataset, row, score) if row.generator == value.generator else None
            if measured is not None:
                yield value.generator, value.value, measured
                break


def _mean(dataset: DatasetBoard, row: BoardRow, score: str) -> float | None:
    return next(
        (found.mean for column, found in zip(dataset.columns, row.scores, strict=True) if column.spec.name == score),
        None,
    )
