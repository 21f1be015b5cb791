"""Snapshot of one training (cell) in a store: its record and the scores of the requested metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tabgenbench.records import CellRecord, Problem, ScoreRecord
from tabgenbench.store.reader import RecordReader

__all__ = ["DONE", "CellSnapshot", "read_snapshot"]

DONE = ("ok", "skipped")


@dataclass(frozen=True)
class CellSnapshot:
    """The stored results of a training (cell).

    Attributes:
        record: the record of training and sampling, or None if there is none.
        scores: the record of each requested metric by the metric's label, or None if there is no record. Empty if the
            training did not succeed.
    """

    record: CellRecord | None = None
    scores: Mapping[str, ScoreRecord | None] = field(default_factory=dict)

    @property
    def is_trained(self) -> bool:
        """Whether the training succeeded, so that its synthetic tables can be scored."""
        return self.record is not None and self.record.status == "ok"

    @property
    def missing(self) -> list[str]:
        """Labels of the requested metrics that have no record although the training succeeded."""
        return [label for label, score in self.scores.items() if score is None]

    @property
    def failed_metrics(self) -> list[str]:
        """Labels of the metrics that failed although the training succeeded."""
        return [label for label, score in self.scores.items() if score is not None and score.status not in DONE]

    @property
    def has_failed(self) -> bool:
        """Whether the training or one of the metrics failed."""
        return (self.record is not None and self.record.status not in DONE) or bool(self.failed_metrics)

    def not_ok(self, title: str) -> list[Problem]:
        """Return a problem for the training if it was not successful, else for each metric that was not successful.

        Args:
            title: title of the training, used in the returned problems.
        """
        if self.record is None:
            return []
        if self.record.status != "ok":
            return [Problem(title, None, self.record.status, self.record.reason)]
        return [
            Problem(title, label, score.status, score.reason)
            for label, score in self.scores.items()
            if score is not None and score.status != "ok"
        ]


def read_snapshot(
    reader: RecordReader, key: str, metric_keys: Mapping[str, str], *, curves: bool = False
) -> CellSnapshot:
    """Return the stored results of one training (cell).

    Args:
        reader: object that reads records from the store.
        key: key (hash) of the training.
        metric_keys: key (hash) of each requested metric, by the metric's label.
        curves: whether to read the loss curves of the record.

    Raises:
        StoreError: a record has a schema version that this program cannot read, or the user may not read its file.
    """
    record = reader.cell(key, curves=curves)
    if record is None or record.status != "ok":
        return CellSnapshot(record)
    return CellSnapshot(record, {label: reader.score(key, metric) for label, metric in metric_keys.items()})
