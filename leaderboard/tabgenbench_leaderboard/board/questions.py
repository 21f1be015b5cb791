"""Summaries of generators by question; a question, such as fidelity, combines several scores into one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from tabgenbench.records import Question
from tabgenbench_leaderboard.board.intervals import mean, t_interval
from tabgenbench_leaderboard.board.model import BoardRow, ScoreColumn
from tabgenbench_leaderboard.board.ranks import compare_models, find_standings
from tabgenbench_leaderboard.board.scaling import clipped
from tabgenbench_leaderboard.board.summary import QuestionColumn, QuestionValue

__all__ = ["question_columns", "question_values"]


def question_columns(columns: Sequence[ScoreColumn]) -> tuple[QuestionColumn, ...]:
    """Return the questions (such as fidelity) of a dataset, each with the titles of its combined scores.

    The combined scores are the question's ranked headline scores that can be rescaled on this dataset (0 at the floor,
    1 at the ceiling). A score is left out if, on this dataset, the score misses a planted failure that the score must
    detect.
    """
    titles: dict[str, list[str]] = {}
    for column in columns:
        spec = column.spec
        is_blind = column.calibration == "uncalibrated"
        if spec.question and spec.headline and spec.ranked and not column.unscaled and not is_blind:
            titles.setdefault(spec.question, []).append(column.title)
    return tuple(
        QuestionColumn(question=question, titles=tuple(titles[question]))
        for question in get_args(Question)
        if question in titles
    )


def question_values(
    question: QuestionColumn, rows: Sequence[BoardRow], columns: Sequence[ScoreColumn]
) -> dict[str, QuestionValue]:
    """Return the mean of a question's rescaled scores for every generator, by the generator's label.

    In each split, the rescaled scores are clipped to [0, 1] and averaged. A split in which one of these scores has no
    rescaled value is omitted.
    """
    places = [i for i, column in enumerate(columns) if column.title in question.titles]
    by_split = {row.label: _by_split(row, places) for row in rows}
    models = {row.label: by_split[row.label] for row in rows if not row.is_control and by_split[row.label]}
    standings = find_standings(models, compare_models(models, "higher"))
    found = {}
    for row in rows:
        values, standing = by_split[row.label], standings.get(row.label)
        interval = t_interval(list(values.values()))
        splits = max(row.scores[i].splits for i in places)
        found[row.label] = QuestionValue(
            mean=interval.mean,
            ci_low=interval.low,
            ci_high=interval.high,
            n=interval.n,
            splits=splits,
            by_split=values,
            rank=standing.rank if standing else None,
            best=standing.best if standing else False,
            lacking=tuple(columns[i].title for i in places if len(_scaled(row, i)) < splits),
        )
    return found


def _scaled(row: BoardRow, place: int) -> Mapping[int, float]:
    scaled = row.scores[place].scaled
    return scaled.by_split if scaled else {}


def _by_split(row: BoardRow, places: Sequence[int]) -> dict[int, float]:
    scores = [_scaled(row, i) for i in places]
    common = set(scores[0]).intersection(*scores[1:])
    return {split: mean([clipped(score[split]) for score in scores]) for split in sorted(common)}
