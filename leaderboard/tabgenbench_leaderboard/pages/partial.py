"""The sentence that states what is missing on a board."""

from __future__ import annotations

from tabgenbench.formatting import count_text
from tabgenbench_leaderboard.board.model import Board

__all__ = ["partial_sentence"]


def partial_sentence(board: Board) -> str:
    """Return a sentence with the numbers of missing trainings and metric results, or '' if nothing is missing."""
    waiting = [problem for dataset in board.datasets for problem in dataset.problems if problem.status == "waiting"]
    cells = sum(len(problem.cells) for problem in waiting if problem.what == "fit")
    results = sum(len(problem.cells) for problem in waiting if problem.what != "fit")
    unasked = 0
    for dataset in board.datasets:
        asked = [row.cells for row in dataset.rows]
        full = max([len(dataset.splits) * len(dataset.seeds), *asked])  # a split into thirds has two cells per seed
        unasked += full * len(asked) - sum(asked)
    parts = [
        f"{count_text(cells, 'cell')} without a record" if cells else "",
        f"{count_text(results, 'result')} of metrics without a record" if results else "",
        f"{count_text(unasked, 'cell')} that other generators have and the suite does not ask for" if unasked else "",
    ]
    found = ", ".join(filter(None, parts))
    return f"This board is partial: {found}." if found else ""
