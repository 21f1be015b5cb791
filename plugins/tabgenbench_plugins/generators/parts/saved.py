"""Conversion of conditions and categories of saved models to JSON data and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tabgenbench import ConditionCodes
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions

__all__ = ["codes_from", "codes_to", "conditions_from", "conditions_to"]


def conditions_to(conditions: TrainingConditions) -> dict[str, Any]:
    """Return the condition columns, and label, values and number of training rows of each condition, as JSON data."""
    first = np.unique(conditions.group, return_index=True)[1]
    return {
        "columns": list(conditions.frame.columns),
        "labels": list(conditions.labels),
        "values": conditions.frame.iloc[first].astype(str).to_numpy().tolist(),
        "counts": conditions.counts.tolist(),
    }


def conditions_from(saved: Mapping[str, Any]) -> TrainingConditions:
    """Restore the training conditions from the result of `conditions_to`, with rows sorted by condition."""
    counts = np.asarray(saved["counts"], dtype=np.int64)
    group = np.repeat(np.arange(len(counts)), counts)
    values = np.array(saved["values"], dtype=object).reshape(len(counts), len(saved["columns"]))
    frame = pd.DataFrame(values, columns=saved["columns"]).iloc[group].reset_index(drop=True)
    return TrainingConditions(frame, tuple(saved["labels"]), group, counts)


def codes_to(codes: ConditionCodes) -> dict[str, Any]:
    """Return the names and the possible values of categorical columns as JSON data."""
    return {"columns": list(codes.columns), "values": [list(values) for values in codes.categories]}


def codes_from(saved: Mapping[str, Any]) -> ConditionCodes:
    """Restore names and values of categorical columns from the result of `codes_to`."""
    return ConditionCodes(tuple(saved["columns"]), tuple(tuple(values) for values in saved["values"]))
