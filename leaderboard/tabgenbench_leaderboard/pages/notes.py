"""Sentences that show the notes of generators, splits and metrics on a page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tabgenbench.formatting import count_text
from tabgenbench_leaderboard.board.model import DatasetBoard, Note
from tabgenbench_leaderboard.pages.document import quote

__all__ = ["fallback_sentence", "note_sentences"]

MAX_NOTES = 40
_MEASURED = re.compile(r"(?<![=\w.])\d[\d.,]*")  # a number; not the value of an option, such as the 2 in depth=2


def note_sentences(dataset: DatasetBoard) -> list[str]:
    """Return the notes on a dataset's results; notes that differ only in numbers become one sentence."""
    kinds: dict[tuple[str, str], list[Note]] = {}
    for note in dataset.notes:
        kinds.setdefault((note.what, _MEASURED.sub("#", note.text)), []).append(note)
    sentences = [_sentence(notes, dataset) for notes in list(kinds.values())[:MAX_NOTES]]
    if len(kinds) > MAX_NOTES:
        sentences.append(f"and {count_text(len(kinds) - MAX_NOTES, 'more note')} in board.json")
    return sentences


def fallback_sentence(dataset: DatasetBoard) -> str:
    """Return a sentence that says whether a fallback rule, instead of a model, sampled any rows."""
    if any(row.fallbacks for row in dataset.rows):
        return "Rows that a fallback rule sampled instead of the model, by condition; summed over draws and cells."
    return "No generator sampled rows by a fallback rule."


def _sentence(notes: Sequence[Note], dataset: DatasetBoard) -> str:
    first = notes[0]
    labels = sorted({label for note in notes for label in note.labels})
    everyone = len(labels) == len(dataset.rows) and len(labels) > 1
    who = "every row" if everyone else ", ".join(f"`{quote(label)}`" for label in labels)
    what = f"`{quote(first.what)}`: " if first.what else ""
    more = f"; {len(notes) - 1:,} more with other numbers" if len(notes) > 1 else ""
    return f"{what}{quote(first.text)} ({who}{more})"
