"""The check of what a generator samples: nothing of a plugin is believed unseen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tabgenbench.data.table import Table
from tabgenbench.errors import PluginError

__all__ = ["check_sample"]


def check_sample(synthetic: Any, conditions: pd.DataFrame, *, like: Table, plugin: str) -> Table:
    """Return what `Generator.sample` gave, with exactly the conditions asked for.

    Args:
        synthetic: what the plugin returned.
        conditions: what was asked for, shape (n_rows, n_conditions).
        like: the training rows that the generator was given: features and scale have to be theirs.
        plugin: its name, for the message.

    Raises:
        PluginError: it is no table, or rows, features, scale, type, finiteness or conditions are not as asked for.
    """
    where = f"plugin {plugin!r}: sample()"
    if not isinstance(synthetic, Table):
        raise PluginError(f"{where} returned {type(synthetic).__name__}, expected a Table; use train.like()")
    if len(synthetic.obs) != len(conditions):
        raise PluginError(f"{where} returned {len(synthetic.obs)} rows for {len(conditions)} conditions")
    if synthetic.features != like.features:
        raise PluginError(f"{where} returned other features than the training rows have; use train.like(X, conditions)")
    if synthetic.scale != like.scale:
        raise PluginError(f"{where} returned scale {synthetic.scale!r}, expected {like.scale!r}, which it declares")
    if synthetic.X.shape != (len(conditions), like.n_features):
        expected = (len(conditions), like.n_features)
        raise PluginError(f"{where} returned values of shape {synthetic.X.shape}, expected {expected}")
    if synthetic.X.dtype != np.float32:
        raise PluginError(f"{where} returned values of type {synthetic.X.dtype}, expected float32; use train.like()")
    values = synthetic.dense()
    if not np.isfinite(values).all():
        row, column = (int(i[0]) for i in np.nonzero(~np.isfinite(values)))
        place = f"row {row}, feature {like.features[column]!r}"
        raise PluginError(f"{where} returned {values[row, column]} in {place}, expected finite numbers")
    for column in conditions.columns:
        if column not in synthetic.obs:
            raise PluginError(f"{where} returned no column {column!r}, expected the conditions asked for")
        other = synthetic.obs[column].astype(str).to_numpy() != conditions[column].astype(str).to_numpy()
        if other.any():
            row = int(other.argmax())
            got, asked = synthetic.obs[column].iloc[row], conditions[column].iloc[row]
            raise PluginError(f"{where} returned {column}={got!r} in row {row}, asked was {asked!r}")
    return replace(synthetic.like(values, conditions.copy()), scale=synthetic.scale)
