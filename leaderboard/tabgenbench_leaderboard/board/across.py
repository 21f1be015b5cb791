"""Summary of generators over several datasets: mean rank, win rate and mean scaled score, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tabgenbench_leaderboard.board.generators import GeneratorRows, group_generators
from tabgenbench_leaderboard.board.headline import headline_columns
from tabgenbench_leaderboard.board.intervals import ROUNDING, badness, mean
from tabgenbench_leaderboard.board.model import DatasetBoard
from tabgenbench_leaderboard.board.scaling import clipped
from tabgenbench_leaderboard.board.summary import AcrossMeasure, AcrossRow, MissingRule, estimate

__all__ = ["rank_and_win_rate", "summarise_datasets"]


@dataclass(frozen=True)
class _Values:
    """Values of one measure on one dataset, by the generator's label on the board and by split.

    A measure is a score, or the combined value of the scores of one question (such as fidelity).

    Attributes:
        splits: splits in which at least one generator has a value.
        merit: value of each generator and split, transformed so that a larger value is better.
        scaled: value of each generator and split on a scale from 0 (a bad control) to 1 (a good control), clipped to
            [0, 1]; empty if the measure is not rescaled on this dataset.
    """

    splits: frozenset[int]
    merit: Mapping[str, Mapping[int, float]]
    scaled: Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class _Result:
    """Result of a generator on one dataset; ``floored``: whether the worst value replaces an incomplete result."""

    merit: float
    scaled: float | None
    floored: bool = False


def summarise_datasets(datasets: Sequence[DatasetBoard], missing: MissingRule) -> tuple[AcrossMeasure, ...]:
    """Return a summary of each question (such as fidelity) that has values on at least two datasets.

    If no dataset has questions, the ranked headline scores are summarised instead. A generator has a complete result on
    a dataset if it has a value in every split in which any generator has a value. Only models that have complete
    results on all datasets with values of the question (or score) get ranks and win rates. If ``missing`` is ``floor``,
    all models get ranks and win rates: an incomplete result then has the last rank on its dataset, and a split without
    a value has the scaled value 0.
    """
    if len(datasets) < 2:
        return ()
    generators = group_generators(datasets)
    questions = dict.fromkeys(question.question for dataset in datasets for question in dataset.questions)
    found = []
    for title in questions or _score_titles(datasets):
        values = dict(_question_tables(datasets, title) if questions else _score_tables(datasets, title))
        if len(values) < 2:
            continue
        direction = "higher"
        if not questions:
            columns = (column for dataset in datasets for column in dataset.columns)
            direction = next(column.spec.direction for column in columns if column.title == title)
        found.append(
            AcrossMeasure(
                title=title,
                kind="question" if questions else "score",
                direction=direction,
                datasets=tuple(values),
                rows=tuple(_rows(generators, values, missing)),
            )
        )
    return tuple(found)


def _score_titles(datasets: Sequence[DatasetBoard]) -> dict[str, None]:
    return {
        dataset.columns[i].title: None
        for dataset in datasets
        for i in headline_columns(dataset)
        if dataset.columns[i].spec.ranked
    }


def _question_tables(datasets: Sequence[DatasetBoard], title: str) -> Iterator[tuple[str, _Values]]:
    for dataset in datasets:
        places = [i for i, question in enumerate(dataset.questions) if question.question == title]
        by_label = {row.label: row.questions[i].by_split for row in dataset.rows for i in places}
        splits = frozenset(split for values in by_label.values() for split in values)
        if splits:
            yield dataset.dataset, _Values(splits, by_label, by_label)


def _score_tables(datasets: Sequence[DatasetBoard], title: str) -> Iterator[tuple[str, _Values]]:
    for dataset in datasets:
        for i, column in enumerate(dataset.columns):
            if column.title != title or column.calibration == "uncalibrated":
                continue
            direction = column.spec.direction
            merit = {
                row.label: {split: -badness(value, direction) for split, value in row.scores[i].by_split.items()}
                for row in dataset.rows
            }
            scaled = {
                row.label: {split: clipped(value) for split, value in score.by_split.items()}
                for row in dataset.rows
                if (score := row.scores[i].scaled) is not None
            }
            splits = frozenset(split for values in merit.values() for split in values)
            if splits:
                yield dataset.dataset, _Values(splits, merit, scaled)


def _rows(
    generators: Sequence[GeneratorRows], values: Mapping[str, _Values], missing: MissingRule
) -> Iterator[AcrossRow]:
    results = {one.label: _results(one, values, missing) for one in generators}
    complete = [one for one in generators if len(results[one.label]) == len(values)]
    models = [one.label for one in complete if not one.is_control]
    ranks: dict[str, list[float]] = {label: [] for label in models}
    wins: dict[str, list[float]] = {label: [] for label in models}
    for dataset in values:
        standing = rank_and_win_rate({label: results[label][dataset].merit for label in models})
        for label, (rank, win_rate) in standing.items():
            ranks[label].append(rank)
            wins[label].append(win_rate)
    for one in [*complete, *(one for one in generators if one not in complete)]:
        own = results[one.label]
        scaled = [result.scaled for result in own.values() if result.scaled is not None]
        ranked = one.label in models and len(models) > 1
        floored = sum(result.floored for result in own.values())
        yield AcrossRow(
            label=one.label,
            is_control=one.is_control,
            datasets=len(own) - floored,
            complete=one in complete,
            floored=floored,
            mean_rank=estimate(ranks[one.label]) if ranked else None,
            win_rate=estimate(wins[one.label]) if ranked else None,
            scaled=estimate(scaled) if scaled and len(scaled) == len(own) else None,
        )


def _results(one: GeneratorRows, values: Mapping[str, _Values], missing: MissingRule) -> dict[str, _Result]:
    found = {}
    for dataset, table in values.items():
        label = one.rows[dataset].label if dataset in one.rows else ""
        merit, scaled = table.merit.get(label, {}), table.scaled.get(label, {})
        if len(merit) == len(table.splits):
            value = mean(list(scaled.values())) if len(scaled) == len(merit) else None
            found[dataset] = _Result(mean(list(merit.values())), value)
        elif missing == "floor" and not one.is_control:
            value = mean([scaled.get(split, 0.0) for split in sorted(table.splits)]) if table.scaled else None
            found[dataset] = _Result(-math.inf, value, floored=True)
    return found


def rank_and_win_rate(merit: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Return the rank of each row, 1 for the best row, and the share of all other rows that are worse (win rate).

    A tie counts as half a better row and half a worse row. Values that differ only by rounding are ties.

    >>> rank_and_win_rate({"a": 0.9, "b": 0.5, "c": 0.5})
    {'a': (1.0, 1.0), 'b': (2.5, 0.25), 'c': (2.5, 0.25)}
    """
    found = {}
    for label, value in merit.items():
        others = [other for name, other in merit.items() if name != label]
        ties = sum(math.isclose(other, value, rel_tol=ROUNDING) for other in others)
        better = sum(other > value and not math.isclose(other, value, rel_tol=ROUNDING) for other in others) + ties / 2
        found[label] = (1 + better, 1 - better / len(others) if others else 1.0)
    return found
