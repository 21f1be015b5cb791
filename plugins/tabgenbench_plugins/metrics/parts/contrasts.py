"""Contrasts between two groups of rows with different conditions, such as cancer and normal samples of a tissue.

A contrast compares one level (such as ``cancer``) with all other levels of the same stratum (such as the tissue
``liver``). In this module, a *cell* is a pair (stratum, level), as in a contingency table, and stands for the rows with
this level in this stratum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Evaluation, Unsupported, condition_labels, did_you_mean

__all__ = ["Cell", "Cells", "Contrast", "condition_cells", "contrasts_of", "role_cells", "role_columns"]

Cell: TypeAlias = tuple[str, str]
Cells: TypeAlias = dict[Cell, NDArray[np.intp]]


@dataclass(frozen=True)
class Contrast:
    """Two groups of rows. Each group is given by one or more pairs (stratum, level), such as (liver, cancer).

    Attributes:
        name: label of the contrast, such as ``liver: cancer - normal``.
        first: pairs of the first group. The mean of the second group is subtracted from the mean of this group.
        second: pairs of the second group.
    """

    name: str
    first: tuple[Cell, ...]
    second: tuple[Cell, ...]


def role_columns(evaluation: Evaluation, *, tissue: str | None, status: str | None) -> tuple[str | None, str]:
    """Return the condition columns used as tissue and status; the tissue is None if there is only one condition column.

    The status is chosen first: the argument ``status``, or else the column named "status", or else the first column
    with two values in the real test rows, or else the last column. The argument ``tissue`` and the column named
    "tissue" are skipped. The tissue is the argument ``tissue``, or else the column named "tissue", or else the first
    column other than the status.

    Raises:
        Unsupported: the dataset has no condition column, or a given column is not a condition.
    """
    conditions = evaluation.test.conditions
    columns = [str(column) for column in conditions]
    if not columns:
        raise Unsupported("the dataset has no condition column, and this metric compares conditions")
    for option, name in (("tissue", tissue), ("status", status)):
        if name is not None and name not in columns:
            hint = did_you_mean(name, columns)
            raise Unsupported(f"option {option!r}: {name!r} is not a condition column of this dataset{hint}")
    if len(columns) == 1 or (status is not None and status == tissue):
        return None, status or columns[0]
    if status is None:
        others = [column for column in columns if column != tissue]
        free = [column for column in others if column.casefold() != "tissue"] or others
        named = [column for column in free if column.casefold() == "status"]
        two_values = [column for column in free if conditions[column].astype(str).nunique() == 2]
        status = (named or two_values or free[-1:])[0]
    if tissue is None:
        others = [column for column in columns if column != status]
        tissue = next((column for column in others if column.casefold() == "tissue"), others[0])
    return tissue, status


def role_cells(conditions: pd.DataFrame, tissue: str | None, status: str) -> Cells:
    """Return the row positions of each status in each tissue, or of each status if ``tissue`` is None."""
    levels = conditions[status].astype(str).to_numpy(dtype=object)
    strata = np.full(len(levels), "", dtype=object)
    if tissue is not None:
        strata = conditions[tissue].astype(str).to_numpy(dtype=object)
    return _cells(strata, levels)


def condition_cells(conditions: pd.DataFrame) -> Cells:
    """Return the row positions of each combination of conditions; the stratum of each combination is an empty text."""
    labels = condition_labels(conditions).to_numpy().astype(str).astype(object)
    return _cells(np.full(len(labels), "", dtype=object), labels)


def _cells(strata: NDArray[np.object_], levels: NDArray[np.object_]) -> Cells:
    rows = pd.Series(np.arange(len(levels))).groupby([strata, levels]).indices
    return {(str(stratum), str(level)): rows[stratum, level] for stratum, level in sorted(rows)}


def contrasts_of(cells: Cells, *, min_rows: int, mirrored: bool = False) -> list[Contrast]:
    """Return the contrast of each level with the other levels of its stratum, if the two groups have enough rows.

    Args:
        cells: positions of the real test rows by stratum and level.
        min_rows: smallest number of rows of each group.
        mirrored: whether a stratum of two levels gives two contrasts with opposite signs instead of one contrast.
    """
    found = []
    for stratum in sorted({stratum for stratum, _ in cells}):
        levels = [level for one, level in cells if one == stratum]
        for level in levels if mirrored or len(levels) != 2 else levels[:1]:
            others = tuple((stratum, other) for other in levels if other != level)
            n_others = sum(len(cells[cell]) for cell in others)
            if min(len(cells[stratum, level]), n_others) >= min_rows:
                name = f"{level} - {others[0][1] if len(others) == 1 else 'others'}"
                found.append(Contrast(f"{stratum}: {name}" if stratum else name, ((stratum, level),), others))
    return found
