"""Rank intervals: the ranks of a model that the paired tests of all pairs of models do not exclude."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from tabgenbench_leaderboard.board.intervals import Direction, Paired, compare_paired

__all__ = ["RANK_SPLITS", "Standing", "compare_models", "find_standings"]

RANK_SPLITS = 5
"""Minimum number of splits in which a model must have a value to have a rank interval."""


@dataclass(frozen=True)
class Standing:
    """Rank of a model on one score or question, among the models that have a value.

    Attributes:
        rank: best and worst possible rank by the tests. None if the model has values in fewer than
            `RANK_SPLITS` splits, or if no other model has a value.
        best: whether the model is significantly better than every other model.
    """

    rank: tuple[int, int] | None
    best: bool


def compare_models(values: Mapping[str, Mapping[int, float]], direction: Direction) -> dict[tuple[str, str], Paired]:
    """Return the results of paired t-tests for all pairs of models, with Holm's correction over all pairs.

    Args:
        values: values of one score, by model and split. The caller must exclude models without a value.
        direction: whether higher, lower or nearest to 1 is better.
    """
    pairs = list(combinations(values, 2))
    found = compare_paired([(values[first], values[second]) for first, second in pairs], direction)
    return dict(zip(pairs, found, strict=True))


def find_standings(
    values: Mapping[str, Mapping[int, float]], pairs: Mapping[tuple[str, str], Paired]
) -> dict[str, Standing]:
    """Return the rank interval of every model, computed from the comparisons of all pairs of models.

    If b of m models are significantly better than a model and w models are significantly worse, the rank interval of
    the model is [1 + b, m - w]. Holm's correction limits the probability of at least one false positive to 5 %. Without
    a false positive, all rank intervals contain the true ranks. The intervals are therefore simultaneous 95 %
    intervals. The method is from Al Mohamad, Goeman & van Zwet (Simultaneous confidence intervals for ranks, Biometrics
    78, 2022), but with paired t-tests instead of Tukey's test.
    """
    better, worse = dict.fromkeys(values, 0), dict.fromkeys(values, 0)
    for (first, second), paired in pairs.items():
        if paired.verdict in ("better", "worse"):
            winner, loser = (first, second) if paired.verdict == "better" else (second, first)
            worse[winner] += 1
            better[loser] += 1
    m = len(values)
    return {
        label: Standing(
            rank=(1 + better[label], m - worse[label]) if m > 1 and len(splits) >= RANK_SPLITS else None,
            best=m > 1 and worse[label] == m - 1,
        )
        for label, splits in values.items()
    }
