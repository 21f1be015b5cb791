"""Rescaling of scores in each split.

The score of the floor (a control with bad values) becomes 0. The score of the ceiling (a control with good values, or
the best possible value) becomes 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tabgenbench.records import ScoreSpec
from tabgenbench_leaderboard.board.intervals import badness, mean_and_error
from tabgenbench_leaderboard.board.model import BoardRow, DatasetBoard

__all__ = [
    "STANDARD_ERRORS",
    "Ceiling",
    "Scaling",
    "clipped",
    "find_ceiling",
    "find_control",
    "is_ceiling_best",
    "scale_score",
]

STANDARD_ERRORS = 3
"""A score is scaled only if floor and ceiling differ, on average over splits, by this number of standard errors."""
BEST = 1.0
"""The best possible value of a score, which is the ceiling if the score names no ceiling control."""


@dataclass(frozen=True)
class Scaling:
    """Scaled values of one score.

    Attributes:
        values: scaled values by generator label and split; they may lie outside [0, 1].
        reason: why the score is not scaled; empty if the score is scaled.
    """

    values: dict[str, dict[int, float]] = field(default_factory=dict)
    reason: str = ""


def clipped(value: float) -> float:
    """Return a scaled value limited to [0, 1]."""
    return min(1.0, max(0.0, value))


def is_ceiling_best(spec: ScoreSpec) -> bool:
    """Return whether the best possible value 1, instead of a control, is the ceiling of a score.

    The ceiling is 1 if four conditions hold: the score has a floor, the score has no ceiling control, higher values are
    better, and the range is [0, 1] or (like R²) has only the upper limit 1. Scores with the range [-1, 1] do not
    qualify: those without a ceiling control are differences, which cannot reach 1.
    """
    is_best_one = spec.direction == "higher" and spec.high == BEST and spec.low in (None, 0)
    return bool(spec.floor) and not spec.ceiling and is_best_one


class Ceiling(NamedTuple):
    """Meaning of the scaled value 1.

    Attributes:
        text: ``ceiling control``, ``best possible value``, or both texts joined by ``or``.
        is_control: whether the ceiling of every rescaled score is a control and never the best possible value.
    """

    text: str
    is_control: bool

    @property
    def value(self) -> str:
        """Text with which a web page explains the scaled value 1."""
        return "value of real rows" if self.is_control else self.text


def find_ceiling(datasets: Iterable[DatasetBoard]) -> Ceiling:
    """Return what the rescaled value 1 stands for: the ceiling control, the best possible value, or both."""
    scaled = (column.spec for dataset in datasets for column in dataset.columns if not column.unscaled)
    are_best = {is_ceiling_best(spec) for spec in scaled}
    names = {False: "ceiling control", True: "best possible value"}
    text = " or ".join(names[is_best] for is_best in sorted(are_best or {False}))
    return Ceiling(text, is_control=True not in are_best)


def scale_score(rows: Sequence[BoardRow], index: int, spec: ScoreSpec) -> Scaling:
    """Rescale a score to (b_floor - b) / (b_floor - b_ceiling) in each split.

    The badness b of a score is the score itself if lower is better, the negative score if higher is better, and the
    distance from 1 if 1 is best. b_floor is the badness of the floor. b_ceiling is the badness of the ceiling control
    or of the best possible value (see `is_ceiling_best`). Splits without b_floor or b_ceiling are left out.

    The score is rescaled only if the difference b_floor - b_ceiling is known in at least two splits and positive in
    each of them, and if its mean over splits is at least `STANDARD_ERRORS` times the standard error of the mean.

    Args:
        rows: rows of a dataset on the board, one per generator.
        index: index of the score among the scores of a row.
        spec: the score's specification, which names the controls.
    """
    if not spec.floor or not (spec.ceiling or is_ceiling_best(spec)):
        return Scaling(reason=f"the score names no {'ceiling' if spec.floor else 'floor'}")
    floor, ceiling = find_control(rows, spec.floor), find_control(rows, spec.ceiling) if spec.ceiling else None
    if floor is None or (spec.ceiling and ceiling is None):
        return Scaling(reason=f"the board has no control `{spec.ceiling if floor else spec.floor}`")
    low = floor.scores[index].by_split
    high = ceiling.scores[index].by_split if ceiling else dict.fromkeys(low, BEST)
    span = {
        split: badness(low[split], spec.direction) - badness(high[split], spec.direction)
        for split in sorted(low.keys() & high.keys())
    }
    reason = _reason(span, spec)
    if reason:
        return Scaling(reason=reason)
    return Scaling(
        {
            row.label: {
                split: (badness(low[split], spec.direction) - badness(value, spec.direction)) / span[split]
                for split, value in row.scores[index].by_split.items()
                if split in span
            }
            for row in rows
        }
    )


def find_control(rows: Sequence[BoardRow], name: str) -> BoardRow | None:
    """Return the row of a control on the board, preferably with default options, or None if there is no such row."""
    found = [row for row in rows if row.is_control and name in (row.generator, row.label)]
    return min(found, key=lambda row: (row.label != name, row.options != "{}", row.label), default=None)


def _reason(span: dict[int, float], spec: ScoreSpec) -> str:
    top = f"`{spec.ceiling}`" if spec.ceiling else "the best possible value"
    if len(span) < 2:
        names = f"`{spec.floor}` and {top}"
        return f"{names} have values in {len(span)} common split{'' if len(span) == 1 else 's'}, not in two or more"
    centre, error = mean_and_error(list(span.values()))
    if centre <= 0 or centre < STANDARD_ERRORS * error:
        return (
            f"{top} is not better than `{spec.floor}` by {STANDARD_ERRORS} standard errors (mean difference "
            f"{centre:.3g}, standard error {error:.3g})"
        )
    worse = [str(split) for split, value in span.items() if value <= 0]
    if worse:
        return f"{top} is not better than `{spec.floor}` in split {', '.join(worse)}"
    return ""
