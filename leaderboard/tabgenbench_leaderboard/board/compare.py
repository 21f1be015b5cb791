"""Paired comparisons of models with controls and with each other, and sentences that describe the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, product

from tabgenbench.formatting import duration_text
from tabgenbench_leaderboard.board.intervals import Paired, Verdict, compare_paired
from tabgenbench_leaderboard.board.model import BoardRow, Comparison, DatasetBoard, ScoreColumn
from tabgenbench_leaderboard.board.ranks import Standing, compare_models, find_standings

__all__ = ["Sentences", "compare_rows", "comparison_sentences"]

_SWAP: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}

MAX_PAIRED_MODELS = 20
"""Pairs of models are listed only for at most this number of models, because more pairs would dominate the board."""


def compare_rows(
    rows: Sequence[BoardRow], columns: Sequence[ScoreColumn]
) -> tuple[tuple[Comparison, ...], list[dict[str, Standing]]]:
    """Compare every model with every control and with every other model, on each score by which models are ranked.

    On each score, Holm's correction is applied separately to two families of tests: all pairs of models, and all pairs
    of a model and a control. Ranks use all pairs of models. With more than `MAX_PAIRED_MODELS` models, the returned
    comparisons omit the pairs of models.

    Returns:
        The comparisons, and for each score column a dict from the label of a model to its `Standing`. The dict is empty
        if the board does not rank models by the score.
    """
    found: dict[tuple[str, str], list[Comparison]] = {pair: [] for pair in _listed_pairs(rows)}
    standings: list[dict[str, Standing]] = []
    for i, column in enumerate(columns):
        direction = column.spec.direction
        values = {row.label: row.scores[i].by_split for row in rows if row.scores[i].by_split}
        models = {row.label: values[row.label] for row in rows if row.label in values and not row.is_control}
        controls = [row.label for row in rows if row.label in values and row.is_control]
        if not column.spec.ranked:
            standings.append({})
            continue
        between = compare_models(models, direction)
        standings.append(find_standings(models, between))
        pairs = list(product(models, controls))
        against = compare_paired([(values[model], values[control]) for model, control in pairs], direction)
        for place, paired in [*between.items(), *zip(pairs, against, strict=True)]:
            if place in found:
                found[place].append(_comparison(*place, column.title, paired, against_control=place[1] in controls))
    return tuple(chain.from_iterable(found.values())), standings


def _comparison(model: str, other: str, title: str, paired: Paired, *, against_control: bool) -> Comparison:
    return Comparison(
        model=model,
        against=other,
        against_control=against_control,
        title=title,
        difference=paired.interval.mean,
        ci_low=paired.interval.low,
        ci_high=paired.interval.high,
        n=paired.interval.n,
        p=paired.p,
        p_adjusted=paired.p_adjusted,
        verdict=paired.verdict,
    )


def _listed_pairs(rows: Sequence[BoardRow]) -> Iterator[tuple[str, str]]:
    models = [row.label for row in rows if not row.is_control]
    for i, model in enumerate(models):
        yield from ((model, row.label) for row in rows if row.is_control)
        if len(models) <= MAX_PAIRED_MODELS:
            yield from ((model, other) for other in models[i + 1 :])


@dataclass(frozen=True)
class Sentences:
    """Sentences that describe the comparisons on a dataset, one sentence per pair of generators.

    Attributes:
        controls: sentences that compare each model with the controls, by the model's label.
        models: sentences that compare one model with another model.
    """

    controls: dict[str, tuple[str, ...]]
    models: tuple[str, ...]


def comparison_sentences(dataset: DatasetBoard) -> Sentences:
    """Return the sentences that describe the comparisons on a dataset."""
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
