"""Estimate of the time and disk space of a run, by generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from tabgenbench.formatting import bytes_text, count_text, rough_duration_text
from tabgenbench.run.estimator import CellEstimate
from tabgenbench.run.plan import Cell

__all__ = ["Estimate", "GeneratorEstimate"]

SHOWN = 4  # names in a sentence
WIDE = 1.5  # a range is shown if its ends differ by more than this factor


@dataclass(frozen=True, kw_only=True)
class GeneratorEstimate:
    """Estimated time and disk space of the pending trainings (cells) of one generator.

    Attributes:
        label: name of the generator with the options that differ from the defaults.
        cells: number of pending trainings.
        seconds: total seconds, or None if the time of a training is unknown.
        low: total seconds if each training is as fast as the generator's fastest earlier training.
        high: total seconds if each training is as slow as the generator's slowest earlier training.
        bytes: size of the files that the trainings write. If the generator has no earlier training, only the synthetic
            tables are counted.
        source: text that names the source of the estimate, such as ``3 earlier cells``.
    """

    label: str
    cells: int
    seconds: float | None
    low: float
    high: float
    bytes: float
    source: str

    @classmethod
    def of(cls, label: str, found: Sequence[CellEstimate]) -> Self:
        """Return the sum of the estimates of a generator's pending trainings."""
        known = [one for one in found if one.seconds is not None]
        return cls(
            label=label,
            cells=len(found),
            seconds=sum(one.seconds or 0.0 for one in known) if len(known) == len(found) else None,
            low=sum(one.low for one in known),
            high=sum(one.high for one in known),
            bytes=sum(one.bytes for one in found),
            source=_source(found),
        )

    @property
    def row(self) -> list[object]:
        """Table row: label, number of trainings, time per training, total time, disk space and source."""
        if self.seconds is None:
            return [self.label, self.cells, "unknown", "unknown", bytes_text(self.bytes), self.source]
        one, n = range_text(self.seconds / self.cells, self.low / self.cells, self.high / self.cells), self.cells
        return [self.label, n, one, range_text(self.seconds, self.low, self.high), bytes_text(self.bytes), self.source]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Estimated time and disk space of a run.

    Attributes:
        generators: estimate of each generator with pending trainings.
        workers: number of trainings that run at the same time.
        longest: seconds of the longest training.
        split_bytes: size in bytes of splits that must still be written.
        unknown_metrics: metrics of unknown duration, which the estimated times do not include.
    """

    generators: tuple[GeneratorEstimate, ...]
    workers: int
    longest: float = 0.0
    split_bytes: float = 0.0
    unknown_metrics: tuple[str, ...] = ()

    @classmethod
    def of(cls, cells: Sequence[tuple[Cell, CellEstimate]], *, workers: int, split_bytes: float = 0.0) -> Self:
        """Return the estimate of a run, computed from the estimates of its pending trainings."""
        by_label: dict[str, list[CellEstimate]] = {}
        for cell, found in cells:
            by_label.setdefault(cell.identity.label, []).append(found)
        return cls(
            generators=tuple(GeneratorEstimate.of(label, found) for label, found in by_label.items()),
            workers=workers,
            longest=max((found.seconds or 0.0 for _, found in cells), default=0.0),
            split_bytes=split_bytes,
            unknown_metrics=tuple(dict.fromkeys(label for _, found in cells for label in found.unknown)),
        )

    @property
    def n_cells(self) -> int:
        """Number of pending trainings."""
        return sum(one.cells for one in self.generators)

    @property
    def bytes(self) -> float:
        """Size in bytes of all files that the run will write."""
        return self.split_bytes + sum(one.bytes for one in self.generators)

    @property
    def line(self) -> str:
        """Estimate as text, such as ``about 14 min and 120 MiB of disk (...)``, with its source in parentheses."""
        known = [one for one in self.generators if one.seconds is not None]
        unknown = [one.label for one in self.generators if one.seconds is None]
        if not known:
            return f"unknown time and {bytes_text(self.bytes)} of disk (no earlier record of {_its(unknown)})"
        time = self._time(known)
        if unknown or self.unknown_metrics:
            time = f"at least {time.removeprefix('about ')}"
        based = f"{len(known)} of {count_text(len(self.generators), 'generator')} have earlier records"
        if unknown:
            based += f"; unknown: {_names(unknown)}"
        if self.unknown_metrics:
            based += f"; metrics without earlier record: {_names(self.unknown_metrics)}"
        return f"{time} and {bytes_text(self.bytes)} of disk ({based})"

    def timed_line(self, label: str) -> str:
        """Return a text that the run shows: the estimated times of one generator and of the whole run."""
        [one] = [one for one in self.generators if one.label == label]
        shared = min(self.workers, one.cells)
        time = range_text((one.seconds or 0.0) / shared, one.low / shared, one.high / shared)
        run = self.line.partition(" (")[0]
        return f"{time} for {label} ({count_text(one.cells, 'cell')}), from {one.source}; the whole run: {run}"

    def _time(self, known: Sequence[GeneratorEstimate]) -> str:
        total = sum(one.seconds or 0.0 for one in known)
        share = max(total / self.workers, self.longest) / total if total else 1.0
        low, high = sum(one.low for one in known), sum(one.high for one in known)
        return range_text(total * share, low * share, high * share)


def range_text(seconds: float, low: float, high: float) -> str:
    """Return a time as text, or a range of times if ``high`` is more than 1.5 times ``low``.

    >>> range_text(700, 650, 760), range_text(700, 300, 1500)
    ('about 12 min', '5 to 25 min')
    """
    ends = rough_duration_text(low), rough_duration_text(high)
    if high <= WIDE * low or ends[0] == ends[1]:
        return f"about {rough_duration_text(seconds)}"
    (start, unit), (_, other) = ends[0].split(), ends[1].split()
    return f"{start if unit == other else ends[0]} to {ends[1]}"


def _source(known: Sequence[CellEstimate]) -> str:
    if any(one.seconds is None for one in known):
        return "no earlier record"
    if any(one.is_timed for one in known):
        return "its first epochs"
    scaled = [one.is_scaled for one in known if one.earlier]
    sizes = " of other sizes" if all(scaled) and scaled else ", some of other sizes" if any(scaled) else ""
    return count_text(len({key for one in known for key in one.earlier}), "earlier cell") + sizes


def _its(labels: Sequence[str]) -> str:
    return labels[0] if len(labels) == 1 else f"its {len(labels)} generators"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
