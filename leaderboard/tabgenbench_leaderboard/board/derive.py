"""Computation of comparisons, ranks, scaled scores and summaries from a board's values in each split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tabgenbench_leaderboard.board.across import summarise_datasets
from tabgenbench_leaderboard.board.compare import compare_rows
from tabgenbench_leaderboard.board.model import Board, BoardRow, DatasetBoard, ScaledScore, ScoreValue
from tabgenbench_leaderboard.board.questions import question_columns, question_values
from tabgenbench_leaderboard.board.ranks import Standing
from tabgenbench_leaderboard.board.scaling import Scaling, scale_score
from tabgenbench_leaderboard.board.summary import MissingRule, estimate

__all__ = ["derive_board"]


def derive_board(board: Board, missing: MissingRule | None = None) -> Board:
    """Return a board whose comparisons, ranks, scaled scores and summaries are recomputed from its values per split.

    Args:
        board: the board, possibly of an older version of this program.
        missing: how the summary over datasets treats a missing result; None keeps the rule of the board.
    """
    datasets = tuple(_derive_dataset(dataset) for dataset in board.datasets)
    rule = missing or board.missing
    return board.model_copy(
        update={"datasets": datasets, "missing": rule, "across": summarise_datasets(datasets, rule)}
    )


def _derive_dataset(dataset: DatasetBoard) -> DatasetBoard:
    comparisons, standings = compare_rows(dataset.rows, dataset.columns)
    scalings = [scale_score(dataset.rows, i, column.spec) for i, column in enumerate(dataset.columns)]
    columns = tuple(
        column.model_copy(update={"unscaled": scaling.reason})
        for column, scaling in zip(dataset.columns, scalings, strict=True)
    )
    rows = [_with_scores(row, standings, scalings) for row in dataset.rows]
    questions = question_columns(columns)
    values = [question_values(question, rows, columns) for question in questions]
    return dataset.model_copy(
        update={
            "columns": columns,
            "questions": questions,
            "rows": tuple(
                row.model_copy(update={"questions": tuple(found[row.label] for found in values)}) for row in rows
            ),
            "comparisons": comparisons,
        }
    )


def _with_scores(row: BoardRow, standings: Sequence[Mapping[str, Standing]], scalings: Sequence[Scaling]) -> BoardRow:
    scores = tuple(
        _judged(score, standing.get(row.label), scaling.values.get(row.label, {}))
        for score, standing, scaling in zip(row.scores, standings, scalings, strict=True)
    )
    return row.model_copy(update={"scores": scores})


def _judged(score: ScoreValue, standing: Standing | None, scaled: dict[int, float]) -> ScoreValue:
    return score.model_copy(
        update={
            "best": standing.best if standing else False,
            "rank": standing.rank if standing else None,
            "scaled": ScaledScore(**dict(estimate(list(scaled.values()))), by_split=scaled) if scaled else None,
        }
    )
