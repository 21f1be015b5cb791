"""What a store knows of a dataset, so that the table need not be loaded again, and the publishing of its splits."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from tabgenbench.data.schema import Schema
from tabgenbench.data.split_files import find_damage
from tabgenbench.records import SCHEMA_VERSION
from tabgenbench.store.store import Store

__all__ = ["DatasetIndex", "SplitInfo", "publish_split"]


class SplitInfo(BaseModel):
    """What a plan needs to know of a split."""

    model_config = ConfigDict(frozen=True)

    index: int
    fingerprint: str
    kind: str
    n_train: int
    n_validation: int
    n_test: int
    pooled: tuple[str, ...] = ()


class DatasetIndex(BaseModel):
    """``datasets/<identity>.json``: what a source gave when it was last loaded, and the splits made of it."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, serialize_by_alias=True)

    schema_version: int = SCHEMA_VERSION
    label: str
    fingerprint: str
    note: str
    n_rows: int
    n_features: int
    roles: Schema = Field(alias="schema")
    splits: dict[str, SplitInfo] = {}


def publish_split(store: Store, folder: Path, final: Path) -> None:
    """Move a split to its place; a whole one that is there already stays, a damaged one is put aside."""
    with store.locked():
        damage = find_damage(final) if final.exists() else "absent"
        if not damage:
            store.discard(folder)
            return
        if final.exists():
            store.put_aside(final, f"a split that is not whole: {damage}")
        store.publish_folder(folder, final)
