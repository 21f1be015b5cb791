"""The web page of a dataset: description (card), scores, costs, failures and figures."""

from __future__ import annotations

from collections.abc import Iterator

from tabgenbench.formatting import count_text
from tabgenbench.records import Card
from tabgenbench_leaderboard.board.formatting import shown_columns
from tabgenbench_leaderboard.board.model import DatasetBoard
from tabgenbench_leaderboard.pages.calibration import calibration_blocks
from tabgenbench_leaderboard.pages.document import Block, Heading, Paragraph
from tabgenbench_leaderboard.pages.page import (
    cost_blocks,
    curve_blocks,
    facts_sentence,
    fallback_blocks,
    learning_blocks,
    model_blocks,
    note_blocks,
    problem_blocks,
    score_blocks,
)
from tabgenbench_leaderboard.pages.picture_blocks import picture_blocks
from tabgenbench_leaderboard.pages.publications import load_published, published_blocks
from tabgenbench_leaderboard.pages.summary_tables import standing_blocks
from tabgenbench_leaderboard.web.render import html_of
from tabgenbench_leaderboard.web.site import Site, templates

__all__ = ["dataset_page"]

MAX_VALUES = 5_000
"""Maximum number of scores in the tables of a page; if there are more, the page refers to the board."""


def dataset_page(site: Site, dataset: DatasetBoard) -> str:
    """Return the HTML page of a dataset."""
    return (
        templates()
        .get_template("dataset.html")
        .render(
            suite=site.board.suite,
            home="../index.html",
            up="",
            dataset=dataset,
            facts=facts_sentence(dataset).replace("`", ""),
            card=site.cards.get(dataset.dataset, Card()),
            stem=site.dataset_stems[dataset.dataset],
            body=html_of(list(_blocks(site, dataset))),
        )
    )


def _blocks(site: Site, dataset: DatasetBoard) -> Iterator[Block]:
    yield from learning_blocks(dataset, site.figures)
    if len(dataset.rows) * len(shown_columns(dataset)) <= MAX_VALUES:
        yield from score_blocks(dataset, site.figures)
        yield from standing_blocks(dataset)
    else:
        values = f"{count_text(len(dataset.rows), 'row')} and {count_text(len(shown_columns(dataset)), 'score')}"
        yield Heading(3, "Scores")
        yield Paragraph(f"The scores of {values} are on the board, and not repeated here.")
    yield from calibration_blocks(dataset)
    yield from published_blocks(dataset, load_published())
    yield from model_blocks(dataset)
    yield from cost_blocks(dataset)
    yield from problem_blocks(dataset)
    yield from fallback_blocks(dataset)
    yield from note_blocks(dataset)
    yield from picture_blocks(dataset, enlarged=False)
    yield from curve_blocks(dataset, site.figures)
