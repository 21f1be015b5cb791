"""BibTeX entries for the publications of a board's generators, scores and datasets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tabgenbench.records import Card
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.pages.to_latex import escape_latex

__all__ = ["bibtex_entries"]

_DOI = re.compile(r"\bdoi:?\s*(10\.\d{4,9}/[^\s,;]+)")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


def bibtex_entries(board: Board, datasets: Mapping[str, Card] | None = None) -> str:
    """Return a BibTeX entry for each generator, score and dataset that has a citation.

    A generator, score or dataset has the same BibTeX key on every board.

    The free text of a citation becomes the note of a ``@misc`` entry. The fields year and doi contain the first year
    and the first doi in the text, if there are any.
    """
    entries = {
        key: _entry(key, card) for key, card in sorted(_cited(board, datasets or {}), key=lambda found: found[0])
    }
    return "\n".join(entries.values())


def _cited(board: Board, cards: Mapping[str, Card]) -> Iterator[tuple[str, Card]]:
    for dataset in board.datasets:
        if cards.get(dataset.dataset, Card()).citation:
            yield _key("dataset", dataset.dataset.partition(":")[0]), cards[dataset.dataset]
        for row in dataset.rows:
            if row.card.citation:
                yield _key("generator", row.generator), row.card
        for column in dataset.columns:
            if column.spec.citation:
                yield _key("score", column.spec.name), Card(citation=column.spec.citation)


def _key(kind: str, name: str) -> str:
    return f"{kind}-{re.sub(r'[^A-Za-z0-9.-]+', '-', name).strip('-')}"


def _entry(key: str, card: Card) -> str:
    citation = " ".join(card.citation.split())
    doi, year = _DOI.search(citation), _YEAR.search(_DOI.sub("", citation))
    fields = {
        "note": escape_latex(citation),
        "year": year.group() if year else "",
        "doi": doi.group(1).rstrip(".") if doi else "",
        "url": "".join(card.url.split()).replace("{", "").replace("}", ""),
        "key": key,  # BibTeX sorts entries without authors by this field
    }
    lines = [f"  {name} = {{{text}}}," for name, text in fields.items() if text]
    return "\n".join([f"@misc{{{key},", *lines, "}", ""])
