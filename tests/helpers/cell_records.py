"""Records of cells for tests of the store."""

from __future__ import annotations

from typing import Any

from tabgenbench.records import Card, CellIdentity, CellRecord

__all__ = ["cell_record"]


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
