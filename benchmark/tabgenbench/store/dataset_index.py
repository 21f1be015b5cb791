"""Index files of datasets, from which runs are planned without loading tables; storage of new splits."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from tabgenbench.data.schema import Schema
from tabgenbench.records import SCHEMA_VERSION, Card
from tabgenbench.store.store import Store

__all__ = ["DatasetIndex", "SplitInfo", "publish_split"]


class SplitInfo(BaseModel):
    """Properties of a split that are needed to plan a run."""

    model_config = ConfigDict(frozen=True)

    index: int
    fold: int | None = None
    fingerprint: str
    kind: str
    n_train: int
    n_validation: int
    n_test: int
    n_features: int | None = Field(None, description="features that the split keeps; None: all of the table")
    pooled: tuple[str, ...] = ()
    note: str = ""


class DatasetIndex(BaseModel):
    """``datasets/<identity>.json``: size, schema and splits of a table when it was last loaded."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, serialize_by_alias=True)

    schema_version: int = SCHEMA_VERSION
    label: str
    fingerprint: str
    note: str
    n_rows: int
    n_features: int
    roles: Schema = Field(alias="schema")
    splits: dict[str, SplitInfo] = {}
    card: Card = Field(default_factory=Card, description="what the table is and whose; empty in older records")


def publish_split(store: Store, folder: Path, final: Path) -> None:
    """Move a new split from ``folder`` to ``final``.

    If ``final`` contains an intact split, ``folder`` is removed instead. A damaged split in ``final`` is quarantined.
    """
    from tabgenbench.data.split_files import find_damage  # imports pandas, which readers of the index do not need

    with store.locked():
        damage = find_damage(final) if final.exists() else "absent"
        if not damage:
            store.discard(folder)
            return
        if final.exists():
            store.quarantine(final, f"a split that is not whole: {damage}")
        store.publish_folder(folder, final)
