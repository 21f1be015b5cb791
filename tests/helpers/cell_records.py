"""Records and plans of cells for tests of the store and of runs."""

from __future__ import annotations

from typing import Any

from tabgenbench.records import Card, CellIdentity, CellRecord
from tabgenbench.run.plan import Cell, GeneratorChoice

__all__ = ["cell_record", "planned_cell"]


def cell_record(key: str = "abc", **values: Any) -> CellRecord:
    """Return the record of a successful cell; ``values`` replace fields of the record."""
    identity = CellIdentity(
        dataset="tiny",
        dataset_fingerprint="d",
        split=0,
        split_fingerprint="s",
        n_train=4,
        n_validation=1,
        n_test=2,
        n_features=3,
        generator="quiet",
        label=f"quiet:{key}",
        config={"epochs": 3},
        card=Card(summary="says nothing"),
        is_control=False,
        seed=0,
        draws=1,
    )
    return CellRecord(**{"key": key, "cell": identity, "status": "ok", **values})


def planned_cell(key: str = "new", **identity: Any) -> Cell:
    """Return a cell of a plan; ``identity`` replaces fields of the identity of `cell_record`."""
    found = cell_record(key).cell.model_copy(update=identity)
    generator = GeneratorChoice(
        name=found.generator,
        distribution="tests",
        label=found.label,
        target="tests:Quiet",
        config=found.config,
        code="",
        card=found.card,
        is_control=found.is_control,
    )
    return Cell(key=key, identity=found, generator=generator, metric_keys={"gamma": "g"})
