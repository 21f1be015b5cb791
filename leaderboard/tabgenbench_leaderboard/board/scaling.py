"""Scores rescaled in each split by the values of two controls: 0 at the floor control, 1 at the ceiling control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tabgenbench.records import ScoreSpec
from tabgenbench_leaderboard.board.intervals import badness, mean_and_error
from tabgenbench_leaderboard.board.model import BoardRow

__all__ = ["STANDARD_ERRORS", "Scaling", "clipped", "find_control", "scale_score"]

STANDARD_ERRORS = 3
"""Minimum mean difference between floor and ceiling, in standard errors over splits."""


@dataclass(frozen=True)
class Scaling:
    """Scaled values of one score.

    Attributes:
        values: scaled values by split, by label of the row; a scaled value may lie outside [0, 1].
        reason: why the score is not scaled; empty if the score is scaled.
    """

    values: dict[str, dict[int, float]] = field(default_factory=dict)
    reason: str = ""


def clipped(value: float) -> float:
    """Return a scaled value limited to [0, 1]; every mean of several scaled scores uses limited values."""
    return min(1.0, max(0.0, value))


def scale_score(rows: Sequence[BoardRow], index: int, spec: ScoreSpec) -> Scaling:
    """Rescale a score to (b_floor - b) / (b_floor - b_ceiling) in every split in which both controls have a value.

    b is the badness of a value: the value if lower is better, its negative if higher is better, its distance from 1
    if 1 is best. A score is not scaled if its two controls are too close to each other: the mean of b_floor - b_ceiling
    over splits is below `STANDARD_ERRORS` standard errors of this mean, or b_floor - b_ceiling is not positive in some
    split.

    Args:
        rows: rows of a dataset on the board.
        index: index of the score among the row's scores.
        spec: the score's specification, which names the two controls.
    """
    if not spec.floor or not spec.ceiling:
        return Scaling(reason=f"the score names no {'ceiling' if spec.floor else 'floor'}")
    floor, ceiling = find_control(rows, spec.floor), find_control(rows, spec.ceiling)
    if floor is None or ceiling is None:
        return Scaling(reason=f"the board has no control `{spec.ceiling if floor else spec.floor}`")
    low, high = floor.scores[index].by_split, ceiling.scores[index].by_split
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
    """Return the row of a control; of several rows, return the row with default options."""
    found = [row for row in rows if row.is_control and name in (row.generator, row.label)]
    return min(found, key=lambda row: (row.label != name, row.options != "{}", row.label), default=None)


def _reason(span: dict[int, float], spec: ScoreSpec) -> str:
    """Return why the difference between floor and ceiling is too small for scaling; empty if it is large enough."""
    names = f"`{spec.floor}` and `{spec.ceiling}`"
    if len(span) < 2:
        return f"{names} have values in {len(span)} common split{'' if len(span) == 1 else 's'}, not in two or more"
    centre, error = mean_and_error(list(span.values()))
    if centre <= 0 or centre < STANDARD_ERRORS * error:
        return (
            f"`{spec.ceiling}` is not better than `{spec.floor}` by {STANDARD_ERRORS} standard errors (mean difference "
            f"{centre:.3g}, standard error {error:.3g})"
        )
    worse = [str(split) for split, value in span.items() if value <= 0]
    if worse:
        return f"`{spec.ceiling}` is not better than `{spec.floor}` in split {', '.join(worse)}"
    return ""
