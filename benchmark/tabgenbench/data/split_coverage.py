"""A note on the conditions that are missing from the training rows or the test rows of a split."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from tabgenbench.data.split import Split, SplitSide
from tabgenbench.data.table import Table, condition_labels

__all__ = ["coverage_note"]

MAX_SHOWN = 5


def coverage_note(split: Split, table: Table) -> str:
    """Return a note on conditions without training rows or test rows, and on conditions too rare for stratification.

    A condition lacks training or test rows if it has too few rows, or if all its rows belong to one group, because the
    rows of a group stay together. The note is empty if no condition has these problems.
    """
    if not table.schema.conditions:
        return ""
    codes, labels = pd.factorize(condition_labels(table.conditions), sort=True)
    sides: tuple[SplitSide, ...] = ("train", "test")
    n_train, n_test = (np.bincount(codes[split.rows(table, side)], minlength=len(labels)) for side in sides)
    unseen, untested = set(labels[n_train == 0]), set(labels[n_test == 0])
    pooled = set(split.pooled) - unseen - untested
    parts = [
        _part("without training rows", unseen),
        _part("without test rows", untested),
        _part("with too few rows or groups to hold out their share", pooled),
    ]
    return "; ".join(part for part in parts if part)


def _part(what: str, conditions: Collection[str]) -> str:
    if not conditions:
        return ""
    names = sorted(conditions)
    more = f" and {len(names) - MAX_SHOWN:,} more" if len(names) > MAX_SHOWN else ""
    return f"conditions {what}: {' | '.join(names[:MAX_SHOWN])}{more}"
