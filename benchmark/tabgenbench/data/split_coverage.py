"""A note on what a split lacks: conditions without training or test rows, and rows that training does not use."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from tabgenbench.data.split import Split, SplitSide, rows_with
from tabgenbench.data.split_config import combination
from tabgenbench.data.table import Table, condition_labels
from tabgenbench.formatting import count_text

__all__ = ["coverage_note"]

MAX_SHOWN = 5


def coverage_note(split: Split, table: Table) -> str:
    """Return a note on conditions without training rows or test rows, on rare conditions, and on dropped rows.

    A condition may lack training or test rows because it has too few rows, because all its rows belong to one group
    (the rows of a group stay together), or because an option such as ``leave_out`` removes them. Rare conditions have
    too few rows or groups for a row on each side. The option ``drop_from_training`` drops rows.
    """
    return "; ".join(part for part in [*_conditions(split, table), _dropped(split, table)] if part)


def _dropped(split: Split, table: Table) -> str:
    if split.config.drop_from_training is None:
        return ""
    values = rows_with(table, split.config.drop_from_training, option="drop_from_training")
    n_test = int(values[split.rows(table, "test")].sum())
    n_dropped = int(values.sum()) - n_test - int(values[split.rows(table, "reference")].sum())
    return (
        f"{count_text(n_dropped, 'row')} with {combination(split.config.drop_from_training)} dropped from training, "
        f"{count_text(n_test, 'such test row')}"
    )


def _conditions(split: Split, table: Table) -> list[str]:
    if not table.schema.conditions:
        return []
    codes, labels = pd.factorize(condition_labels(table.conditions), sort=True)
    sides: tuple[SplitSide, ...] = ("train", "test")
    n_train, n_test = (np.bincount(codes[split.rows(table, side)], minlength=len(labels)) for side in sides)
    unseen, untested = set(labels[n_train == 0]), set(labels[n_test == 0])
    pooled = set(split.pooled) - unseen - untested
    return [
        _part("without training rows", unseen),
        _part("without test rows", untested),
        _part("with too few rows or groups to hold out their share", pooled),
    ]


def _part(what: str, conditions: Collection[str]) -> str:
    if not conditions:
        return ""
    names = sorted(conditions)
    more = f" and {len(names) - MAX_SHOWN:,} more" if len(names) > MAX_SHOWN else ""
    return f"conditions {what}: {' | '.join(names[:MAX_SHOWN])}{more}"
