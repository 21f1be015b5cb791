"""Comparison of the recorded scores of a training with the scores of a repetition of the training.

On the same kind of machine, with equal code and equal package versions, the scores must be equal to the last bit.
Otherwise, rounding can differ. Training amplifies rounding differences: a score can change as much as it changes with
another seed. A difference is then accepted if it is at most 2 % of the range of the score, or at most four standard
deviations of the score over splits. The standard deviation is the larger of two values: that of the generator without
the repeated split (a wrong recorded value would increase it), and the median over the other generators. If a score has
no lower or no upper limit, the larger absolute value of the recorded and the repeated score replaces the range.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean, median, stdev

from tabgenbench.formatting import count_text
from tabgenbench.records import CellRecord, Environment, ScoreRecord, ScoreSpec, SuiteRecord, SuiteRow
from tabgenbench_leaderboard.publish.findings import Finding

__all__ = ["Repeated", "ScoreComparer", "other_machine"]

SHARE, DEVIATIONS = 0.02, 4.0
Scores = Mapping[str, ScoreRecord]


@dataclass(frozen=True)
class Repeated:
    """The record of a repeated training, and records of its scores by metric label. A missing record is None."""

    record: CellRecord | None
    scores: Mapping[str, ScoreRecord | None]


class ScoreComparer:
    """Compares the scores of repeated trainings with the recorded scores.

    Args:
        suite: the record of the suite, which lists the trainings.
        scores: recorded scores, by key of the training and by metric label.
        tolerance: largest accepted difference divided by the range of the score; None for the rule in the docstring of
            this module.
    """

    def __init__(self, suite: SuiteRecord, scores: Mapping[str, Scores], tolerance: float | None) -> None:
        self._tolerance = tolerance
        self._values: dict[tuple[str, str, str], dict[str, dict[int, list[float]]]] = {}
        for row in suite.rows:
            for label, record in scores.get(row.key, {}).items():
                for name, value in _means(record).items():
                    places = self._values.setdefault((row.dataset, label, name), {})
                    places.setdefault(row.label, {}).setdefault(row.split, []).append(value)

    @property
    def rule(self) -> str:
        """Sentence that states which differences between recorded and repeated scores are accepted."""
        if self._tolerance is not None:
            other = f"within {self._tolerance:g} of the range of the score (--tolerance)"
        else:
            other = (
                f"within {SHARE:g} of the range of the score, or {DEVIATIONS:g} standard deviations over splits if "
                "that is more"
            )
        return f"scores must be equal on the same kind of machine with equal versions and code, elsewhere {other}"

    def compare(
        self, row: SuiteRow, recorded: CellRecord, *, before: Scores, again: Repeated
    ) -> tuple[list[Finding], str]:
        """Return a finding for each difference that is not accepted, and a line that summarises the comparison.

        Args:
            row: the entry of the training in the record of the suite.
            recorded: the record of the first training.
            before: the scores of the first training by metric label.
            again: the records of the repeated training.
        """
        repeated = again.record
        if repeated is None or repeated.status != "ok":
            status = "no record" if repeated is None else f"{repeated.status}: {repeated.reason}"
            return [
                Finding(f"cells/{row.key}/fit.json", "status is ok", f"{status}, when trained again here")
            ], "failed"
        reason = other_machine(recorded.environment, repeated.environment)
        if repeated.key != row.key:
            reason = reason or "the code of the generator differs"
        findings: list[Finding] = []
        number = 0
        for label, score in again.scores.items():
            where = f"cells/{row.key}/scores/{row.scores[label]}.json"
            if score is None or score.status != "ok":
                status = "no record" if score is None else f"{score.status}: {score.reason}"
                findings.append(Finding(where, "status is ok", f"{status}, when scored again here"))
                continue
            number += sum(len(draw.scores) for draw in score.draws)
            pair = (before[label], score)
            if not reason and score.key == row.scores[label]:
                findings += _changed_values(where, *pair)
            else:
                findings += self._distant_values(where, row, label, *pair)
        how = f"within tolerance ({reason})" if reason else "equal to the last bit"
        tables = ""
        if recorded.draw_hashes and not reason:
            same = recorded.draw_hashes == repeated.draw_hashes
            tables = f"; synthetic tables {'have' if same else 'do not have'} the recorded hashes"
        line = f"{count_text(len(findings), 'difference')}" if findings else f"{count_text(number, 'value')} {how}"
        return findings, line + tables

    def _distant_values(
        self, where: str, row: SuiteRow, label: str, before: ScoreRecord, again: ScoreRecord
    ) -> Iterator[Finding]:
        old, new = _means(before), _means(again)
        for spec in again.specs:
            if spec.name not in old:
                continue
            what = f"{spec.name} is {old[spec.name]:.6g}"
            if spec.name not in new:
                yield Finding(where, what, "undefined, when trained again")
                continue
            allowed = self._allowed(row, label, spec, value=old[spec.name], other=new[spec.name])
            if abs(old[spec.name] - new[spec.name]) > allowed:
                expected = f"{new[spec.name]:.6g} ± {allowed:.2g}, the value when trained again and the tolerance"
                yield Finding(where, what, expected)

    def _allowed(self, row: SuiteRow, label: str, spec: ScoreSpec, *, value: float, other: float) -> float:
        if spec.low is not None and spec.high is not None:
            width = spec.high - spec.low
        else:
            width = max(abs(value), abs(other))
        if self._tolerance is not None:
            return self._tolerance * width
        places = self._values.get((row.dataset, label, spec.name), {})
        others = {split: values for split, values in places.get(row.label, {}).items() if split != row.split}
        spreads = [
            spread
            for generator, splits in places.items()
            if generator != row.label and (spread := _spread(splits)) is not None
        ]
        deviation = max(_spread(others) or 0.0, median(spreads) if spreads else 0.0)
        return max(SHARE * width, DEVIATIONS * deviation)


def _changed_values(where: str, before: ScoreRecord, again: ScoreRecord) -> Iterator[Finding]:
    for old, new in zip(before.draws, again.draws, strict=False):
        for name in sorted(old.scores.keys() | new.scores.keys()):
            values = old.scores.get(name), new.scores.get(name)
            if values[0] != values[1]:
                what = f"{name} of draw {old.draw} is {_text(values[0])}"
                yield Finding(where, what, f"{_text(values[1])}, when trained again")


def other_machine(first: Environment, second: Environment) -> str:
    """Return a text that names differences between two environments that may change rounding; empty if there are none.

    Only packages that both environments list are compared. A list can contain packages that the process imported for an
    earlier training.
    """
    packages = sorted(
        name for name in first.packages.keys() & second.packages.keys() if first.packages[name] != second.packages[name]
    )
    fields = [name for name in ("cpu", "gpu", "python", "threads") if getattr(first, name) != getattr(second, name)]
    if first.device.partition(":")[0] != second.device.partition(":")[0]:
        fields.append("device")
    differing = [*fields, *packages]
    return f"other {', '.join(differing)}" if differing else ""


def _means(record: ScoreRecord) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for draw in record.draws:
        for name, value in draw.scores.items():
            if name not in draw.undefined and math.isfinite(value):
                found.setdefault(name, []).append(value)
    return {name: fmean(values) for name, values in found.items() if len(values) == len(record.draws)}


def _spread(splits: Mapping[int, list[float]]) -> float | None:
    values = [fmean(seeds) for seeds in splits.values()]
    return stdev(values) if len(values) > 1 else None


def _text(value: float | None) -> str:
    return "undefined" if value is None else repr(value)
