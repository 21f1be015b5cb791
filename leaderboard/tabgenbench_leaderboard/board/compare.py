"""Comparisons of rows: the best model, models against controls and models against models, with sentences on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from tabgenbench.formatting import duration_text
from tabgenbench_leaderboard.board.intervals import Paired, compare_paired, compared_quantity, mean
from tabgenbench_leaderboard.board.model import BoardRow, Comparison, DatasetBoard, ScoreColumn, ScoreValue, Verdict

__all__ = ["Sentences", "compare_rows", "comparison_sentences", "mark_best"]

_SWAP: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}

MAX_PAIRED_MODELS = 20
"""Maximum number of models whose pairs are compared: more pairs would dominate the board."""


def mark_best(rows: Sequence[BoardRow], columns: Sequence[ScoreColumn]) -> tuple[BoardRow, ...]:
    """Mark the best value of the models in each ranked column if it is distinguishable from every other model.

    Models without a value are ignored. Nothing is marked if a model has fewer than two splits in common with the best
    model, or if there is only one model.
    """
    marked: set[tuple[str, int]] = set()
    for i, column in enumerate(columns):
        rivals = [row for row in rows if not row.is_control and row.scores[i].by_split]
        if not column.spec.ranked or len(rivals) < 2:
            continue
        best = max(rivals, key=lambda row: (_merit(row.scores[i], column), row.label))
        if all(
            _compare(best.scores[i], row.scores[i], column).verdict == "better"
            for row in rivals
            if row.label != best.label
        ):
            marked.add((best.label, i))
    return tuple(
        row.model_copy(
            update={
                "scores": tuple(
                    score.model_copy(update={"best": True}) if (row.label, i) in marked else score
                    for i, score in enumerate(row.scores)
                )
            }
        )
        for row in rows
    )


def _merit(score: ScoreValue, column: ScoreColumn) -> float:
    direction = column.spec.direction
    value = mean([compared_quantity(value, direction) for value in score.by_split.values()])
    return value if direction == "higher" else -value


def _compare(first: ScoreValue, second: ScoreValue, column: ScoreColumn) -> Paired:
    return compare_paired(first.by_split, second.by_split, column.spec.direction)


def compare_rows(rows: Sequence[BoardRow], columns: Sequence[ScoreColumn]) -> tuple[Comparison, ...]:
    """Compare every model with every control, and every pair of models, on every ranked score that both have."""
    found = []
    for model, other in _pairs(rows):
        for i, column in enumerate(columns):
            if column.spec.ranked and model.scores[i].by_split and other.scores[i].by_split:
                paired = _compare(model.scores[i], other.scores[i], column)
                found.append(
                    Comparison(
                        model=model.label,
                        against=other.label,
                        against_control=other.is_control,
                        title=column.title,
                        difference=paired.interval.mean,
                        ci_low=paired.interval.low,
                        ci_high=paired.interval.high,
                        n=paired.interval.n,
                        verdict=paired.verdict,
                    )
                )
    return tuple(found)


def _pairs(rows: Sequence[BoardRow]) -> Iterator[tuple[BoardRow, BoardRow]]:
    models = [row for row in rows if not row.is_control]
    for i, model in enumerate(models):
        for row in rows:
            if row.is_control:
                yield model, row
        if len(models) <= MAX_PAIRED_MODELS:
            for other in models[i + 1 :]:
                yield model, other


@dataclass(frozen=True)
class Sentences:
    """Sentences on comparisons, one per pair of rows.

    Attributes:
        controls: sentences on each model and the controls, by the model's label.
        models: sentences on the pairs of models.
    """

    controls: dict[str, tuple[str, ...]]
    models: tuple[str, ...]


def comparison_sentences(dataset: DatasetBoard) -> Sentences:
    """Describe the comparisons of a dataset, with one sentence per pair of rows."""
    rows = {row.label: row for row in dataset.rows}
    controls: dict[str, list[str]] = {}
    models: list[str] = []
    for (model, against), group in groupby(dataset.comparisons, key=lambda found: (found.model, found.against)):
        titles: dict[Verdict, list[str]] = {}
        for comparison in group:
            titles.setdefault(comparison.verdict, []).append(comparison.title)
        if rows[against].is_control:
            swapped = {_SWAP.get(verdict, verdict): names for verdict, names in titles.items()}
            controls.setdefault(model, []).append(_sentence(rows[against], rows[model], swapped))
        else:
            models.append(_sentence(rows[model], rows[against], titles))
    return Sentences({model: tuple(texts) for model, texts in controls.items()}, tuple(models))


def _sentence(first: BoardRow, second: BoardRow, titles: Mapping[Verdict, Sequence[str]]) -> str:
    """Describe the verdicts on ``first``; the first mention of a row includes its time to fit."""
    long, short = f"`{first.label}`{_time(first, ' to fit')}", f"`{first.label}`"
    other_long, other_short = f"`{second.label}`{_time(second)}", f"`{second.label}`"
    parts = []
    if "better" in titles:
        parts.append(f"{long} beats {other_long} on: {', '.join(titles['better'])}")
    if "worse" in titles:
        names = f"{other_short} beats {short}" if parts else f"{other_long} beats {long}"
        parts.append(f"{names} on: {', '.join(titles['worse'])}")
    for verdict in ("not distinguishable", "too few splits"):
        if verdict in titles:
            wording = "too few common splits to compare on" if verdict == "too few splits" else f"{verdict} on"
            prefix = "" if parts else f"{long} against {other_long}: "
            parts.append(f"{prefix}{wording}: {', '.join(titles[verdict])}")
    return "; ".join(parts) + "."


def _time(row: BoardRow, suffix: str = "") -> str:
    fit = row.costs.fit_seconds
    return f" ({duration_text(fit.mean)}{suffix})" if fit else ""
