"""Selection of the generators that figures show; figures with thousands of rows would be slow and illegible."""

from __future__ import annotations

from tabgenbench.formatting import count_text
from tabgenbench_leaderboard.board.model import DatasetBoard

__all__ = ["MAX_CONTROLS", "MAX_MODELS", "drawn_rows", "left_out_sentence"]

MAX_MODELS, MAX_CONTROLS = 60, 20


def drawn_rows(dataset: DatasetBoard) -> DatasetBoard:
    """Return the results with only the first `MAX_MODELS` models and `MAX_CONTROLS` controls, ordered by label."""
    if not left_out_sentence(dataset):
        return dataset
    return dataset.model_copy(update={"rows": dataset.models[:MAX_MODELS] + dataset.controls[:MAX_CONTROLS]})


def left_out_sentence(dataset: DatasetBoard) -> str:
    """Return a sentence on the number of generators that figures show; empty if figures show all of them."""
    shown = [
        f"the first {most} of {count_text(found, noun)}"
        for found, most, noun in (
            (len(dataset.models), MAX_MODELS, "model"),
            (len(dataset.controls), MAX_CONTROLS, "control"),
        )
        if found > most
    ]
    return f"Figures show {' and '.join(shown)} by name; the tables show all." if shown else ""
