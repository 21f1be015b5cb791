"""Summary (headline) of a board: selection of the main scores, and two sentences that summarise comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Literal

from tabgenbench.formatting import count_text, end_cut
from tabgenbench_leaderboard.board.model import Board, Comparison, DatasetBoard

__all__ = ["control_descriptions", "headline_columns", "headline_sentences"]

MOST_UNMARKED = 4
"""Maximum number of scores of a headline if no metric declares headline scores."""
MOST_NAMES = 3
"""Number of names that a list of more than four names shows; the other names are counted."""
MOST_CHARACTERS = 280
"""Maximum number of characters of a sentence; parts that do not fit are counted."""
MOST_DESCRIBED = 80
"""Maximum number of characters of the description of a control."""

Relation = Literal["beats", "is beaten by", "not distinguishable", "mixed", "unknown"]


def headline_columns(dataset: DatasetBoard) -> list[int]:
    """Return the indices of the headline columns (main scores) that have a value.

    Headline columns are the scores that metrics declare as headline scores. The first headline scores of all metrics
    come first, then the second headline scores, and so on. A score is left out if, on this dataset, the score misses
    a planted failure that the score must detect. If no headline score is left, the headline columns are the first four
    other scores that rank generators, or the first four other scores if none ranks generators.
    """
    columns = dataset.columns
    known = [
        i
        for i, column in enumerate(columns)
        if column.calibration != "uncalibrated" and any(row.scores[i].by_split for row in dataset.rows)
    ]
    marked = [i for i in known if columns[i].spec.headline]
    if not marked:
        return [i for i in known if columns[i].spec.ranked][:MOST_UNMARKED] or known[:MOST_UNMARKED]
    ranks = {i: rank for _, group in groupby(marked, key=lambda i: columns[i].metric) for rank, i in enumerate(group)}
    return sorted(marked, key=lambda i: (ranks[i], i))


def control_descriptions(datasets: Sequence[DatasetBoard]) -> tuple[str, ...]:
    """Return one sentence for each control, such as ``shuffled: Every feature permuted.``."""
    found: dict[str, str] = {}
    for row in (row for dataset in datasets for row in dataset.controls if row.card.summary):
        name = row.generator if row.label.startswith(row.generator) else row.label
        summary = row.card.summary.removeprefix("control: ").removesuffix(".")
        found.setdefault(name, f"{name}: {end_cut(summary, MOST_DESCRIBED)}.")
    return tuple(found.values())


def headline_sentences(board: Board) -> tuple[str, ...]:
    """Return a sentence on the controls that each model beats, and a sentence on the models that each control beats.

    Only ranked headline scores are compared. A generator beats another generator if the first is significantly better
    on at least one score of at least one dataset, and significantly worse on no score of any dataset. The first
    sentence also names the models that cannot be compared with any control. If no control beats any model, the second
    sentence instead names, for each model, the generators from which it cannot be distinguished. If no comparison is
    possible, the only sentence gives the reason.
    """
    relations = _relations(board)
    controls = list(dict.fromkeys(row.label for dataset in board.datasets for row in dataset.controls))
    models = list(dict.fromkeys(row.label for dataset in board.datasets for row in dataset.models))
    if not models or not controls:
        return ("There is nothing to compare: a suite needs a model and a control.",)
    if not any((model, control) in relations for model in models for control in controls):
        return ("No model and control have a score in common yet.",)
    if all(relation == "unknown" for relation in relations.values()):
        fix = "" if board.has_external_tables else ": run with --splits 3"
        return (f"A comparison needs at least two common splits{fix}.",)
    second = _beaten_sentence(models, controls, relations) or _equal_sentence(models, controls, relations)
    return _beating_sentence(models, controls, relations), second


def _relations(board: Board) -> dict[tuple[str, str], Relation]:
    found: dict[tuple[str, str], list[Comparison]] = {}
    for dataset in board.datasets:
        titles = {dataset.columns[i].title for i in headline_columns(dataset)}
        for comparison in dataset.comparisons:
            if comparison.title in titles:
                found.setdefault((comparison.model, comparison.against), []).append(comparison)
    return {pair: _relation(comparisons) for pair, comparisons in found.items()}


def _relation(comparisons: Sequence[Comparison]) -> Relation:
    verdicts = {comparison.verdict for comparison in comparisons}
    if verdicts == {"too few splits"}:
        return "unknown"
    if {"better", "worse"} <= verdicts:
        return "mixed"
    if "better" in verdicts or "worse" in verdicts:
        return "beats" if "better" in verdicts else "is beaten by"
    return "not distinguishable"


def _beating_sentence(
    models: Sequence[str], controls: Sequence[str], relations: dict[tuple[str, str], Relation]
) -> str:
    known = {model for (model, other), relation in relations.items() if other in controls and relation != "unknown"}
    judged = [model for model in models if model in known]
    beaten: dict[tuple[str, ...], list[str]] = {}
    for model in judged:
        place = tuple(control for control in controls if relations.get((model, control)) == "beats")
        beaten.setdefault(place, []).append(model)
    groups = sorted(beaten.items(), key=lambda found: -len(found[0]))
    parts = [
        f"{_listed(names)} {'beats' if len(names) == 1 else 'beat'} {_controls(place, controls)}"
        for place, names in groups
    ]

    def sentence(shown: int) -> str:
        more = [] if shown == len(parts) else [f"{count_text(sum(len(n) for _, n in groups[shown:]), 'more model')}"]
        beat = [f"{text} {'beats' if text.startswith('1 ') else 'beat'} fewer controls" for text in more]
        found = "; ".join(parts[:shown] + beat)
        return f"On the ranked headline scores, {found} (better on at least one, worse on none)."

    return " ".join(filter(None, [_longest(sentence, len(parts)) if parts else "", _missing_sentence(models, judged)]))


def _missing_sentence(models: Sequence[str], judged: Sequence[str]) -> str:
    missing = [model for model in models if model not in judged]
    why = "a comparison with a control needs a score on at least two common splits"
    return f"Not compared: {_listed(missing)} ({why})." if missing else ""


def _beaten_sentence(models: Sequence[str], controls: Sequence[str], relations: dict[tuple[str, str], Relation]) -> str:
    parts = []
    for control in controls:
        beaten = [model for model in models if relations.get((model, control)) == "is beaten by"]
        if beaten:
            every = len(beaten) == len(models) > 1
            parts.append(f"{_quoted(control)} beats {'every model' if every else _listed(beaten)}")

    def sentence(shown: int) -> str:
        more = f"; {count_text(len(parts) - shown, 'more control')} beat models too" if shown < len(parts) else ""
        return f"By the same rule, {'; '.join(parts[:shown])}{more}."

    return _longest(sentence, len(parts)) if parts else ""


def _longest(sentence: Callable[[int], str], most: int) -> str:
    shown = most
    while shown > 1 and len(sentence(shown)) > MOST_CHARACTERS:
        shown -= 1
    return sentence(shown)


def _controls(beaten: Sequence[str], controls: Sequence[str]) -> str:
    if not beaten:
        return "no control"
    left = [control for control in controls if control not in beaten]
    if not left:
        return "every control" if len(controls) > 1 else _listed(controls)
    return f"every control but {_listed(left)}" if len(left) < len(beaten) else _listed(beaten)


def _equal_sentence(models: Sequence[str], controls: Sequence[str], relations: dict[tuple[str, str], Relation]) -> str:
    equal = {pair for pair, relation in relations.items() if relation == "not distinguishable"}
    groups = list(_equal_groups(models, controls, equal))
    if not groups and "unknown" in relations.values():
        return "Some rows have too few common splits for a comparison."
    if not groups:
        return "Every model is distinguishable from every other row on at least one of them."

    def sentence(shown: int) -> str:
        more = f"; and {len(groups) - shown} more" if shown < len(groups) else ""
        return f"Not distinguishable on any ranked headline score: {'; '.join(groups[:shown])}{more}."

    return _longest(sentence, len(groups))


def _equal_groups(models: Sequence[str], controls: Sequence[str], equal: set[tuple[str, str]]) -> Iterator[str]:
    for model in models:
        others = [other for other in [*models, *controls] if (model, other) in equal]
        if others:
            yield f"{_quoted(model)} from {_listed(others)}"


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


def _listed(names: Sequence[str]) -> str:
    shown = [_quoted(name) for name in (names[:MOST_NAMES] if len(names) > MOST_NAMES + 1 else names)]
    if len(shown) < len(names):
        shown.append(f"{len(names) - len(shown)} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
