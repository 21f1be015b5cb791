"""Data that all web pages of a board share, such as the names of the pages and the templates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined

from tabgenbench.records import Card
from tabgenbench_leaderboard.board.collect import CellFacts
from tabgenbench_leaderboard.board.formatting import column_decimals, shown_columns
from tabgenbench_leaderboard.board.generators import GeneratorRows, group_generators
from tabgenbench_leaderboard.board.model import Board, DatasetBoard
from tabgenbench_leaderboard.pages.page import facts_sentence

__all__ = ["FOLDER", "DatasetFacts", "Site", "file_stems", "is_link", "templates"]

FOLDER = "web"
"""Folder of all files of the web board except ``index.html``."""
_LONGEST_STEM = 60


@dataclass(frozen=True)
class DatasetFacts:
    """Values that several pages show for a dataset.

    Attributes:
        shown: indices of the score columns that pages show.
        scores: address, for each column, of the text that describes its score.
        ranked: number of models with a value in each column.
        ranked_questions: number of models with a mean score for each question, such as fidelity.
        decimals: number of decimals of each column.
        facts: sentence on the numbers of splits, seeds, synthetic tables, rows and features.
    """

    shown: list[int]
    scores: list[str]
    ranked: list[int]
    ranked_questions: list[int]
    decimals: list[int]
    facts: str


@dataclass(frozen=True)
class Site:
    """A board, and additional data that its pages show.

    Attributes:
        board: the board, including the captions of figures that metrics drew.
        figures: name of a figure's files without suffix, by dataset and kind (see `figures.draw.Drawn`).
        cells: the results of each training (cell); None for a board that was read from its ``board.json``.
        cards: descriptions of datasets by label.
        records: whether the folder of the board contains the records, as in a published board.
        files: names of the tables in the folder of the board, such as ``scores.csv``.
    """

    board: Board
    figures: Mapping[tuple[str, str], str]
    cells: Sequence[CellFacts] | None = None
    cards: Mapping[str, Card] = field(default_factory=dict)
    records: bool = False
    files: Sequence[str] = ()

    @cached_property
    def generators(self) -> list[GeneratorRows]:
        """The generators of the board, models before controls."""
        return group_generators(self.board.datasets)

    @cached_property
    def extras(self) -> dict[str, str]:
        """Name of the pip extra that a generator requires, by the generator's label."""
        return {one.label: row.card.extra for one in self.generators for row in one.rows.values() if row.card.extra}

    @cached_property
    def generator_pages(self) -> dict[str, str]:
        """File name of each generator's page, by the generator's label."""
        return _pages("generator", [one.label for one in self.generators])

    @cached_property
    def dataset_stems(self) -> dict[str, str]:
        """Name of each dataset in a form that is valid in file names, by the dataset's name."""
        return file_stems(dataset.dataset for dataset in self.board.datasets)

    @cached_property
    def dataset_pages(self) -> dict[str, str]:
        """File name of each dataset's page."""
        return _pages("dataset", self.dataset_stems)

    @cached_property
    def metric_pages(self) -> dict[str, str]:
        """File name of each metric's page, by the metric's name with options."""
        return _pages("metric", [column.metric for dataset in self.board.datasets for column in dataset.columns])

    @cached_property
    def facts(self) -> dict[str, DatasetFacts]:
        """Values that several pages show for each dataset, by the dataset's name."""
        return {dataset.dataset: self._facts(dataset) for dataset in self.board.datasets}

    def _facts(self, dataset: DatasetBoard) -> DatasetFacts:
        columns, models = dataset.columns, dataset.models
        anchors = file_stems(column.title for column in columns)
        # The note on the source of a dataset is left out, because the dataset's own page shows it.
        facts = facts_sentence(dataset.model_copy(update={"note": ""})).replace("`", "")
        return DatasetFacts(
            shown=shown_columns(dataset),
            scores=[f"{self.metric_pages[column.metric]}#{anchors[column.title]}" for column in columns],
            ranked=[sum(bool(row.scores[i].by_split) for row in models) for i in range(len(columns))],
            ranked_questions=[
                sum(bool(row.questions[i].by_split) for row in models) for i in range(len(dataset.questions))
            ],
            decimals=[column_decimals([row.scores[i] for row in dataset.rows]) for i in range(len(columns))],
            facts=facts,
        )

    @cached_property
    def cells_of(self) -> dict[tuple[str, str], list[CellFacts]]:
        """Results of the trainings (cells), by dataset and generator label."""

        def place(cell: CellFacts) -> tuple[str, str]:
            return cell.row.dataset, cell.row.shown

        return {found: list(group) for found, group in groupby(sorted(self.cells or (), key=place), key=place)}


def _pages(kind: str, names: Iterable[str]) -> dict[str, str]:
    return {name: f"{kind}-{stem}.html" for name, stem in file_stems(names).items()}


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """Return a unique file name without suffix for each name, with lower-case letters, digits and hyphens.

    >>> file_stems(["CTGAN, 30 epochs", "ctgan:30-epochs", "<>"])
    {'CTGAN, 30 epochs': 'ctgan-30-epochs', 'ctgan:30-epochs': 'ctgan-30-epochs-2', '<>': 'unnamed'}
    """
    found: dict[str, str] = {}
    used: set[str] = set()
    for name in dict.fromkeys(names):
        first = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_STEM].strip("-") or "unnamed"
        stem, number = first, 2
        while stem in used:
            stem, number = f"{first}-{number}", number + 1
        used.add(stem)
        found[name] = stem
    return found


def is_link(url: str) -> bool:
    """Return whether an address is safe as a link, that is, begins with http or https."""
    return re.fullmatch(r"https?://[^\s<>\"']+", url) is not None


@lru_cache
def templates() -> Environment:
    """Return the page templates. The templates escape inserted values."""
    environment = Environment(
        loader=PackageLoader("tabgenbench_leaderboard", "web/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["link"] = is_link
    return environment
