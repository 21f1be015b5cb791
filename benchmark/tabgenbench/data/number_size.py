"""Detection of numbers that are too large for the 32-bit floating-point values of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from tabgenbench.data.column_names import is_number

__all__ = ["too_large", "too_large_in_matrix"]

LARGEST = float(np.finfo(np.float32).max)
FIX = "expected at most 3.4e38 in size; give the column another unit, name it as a condition, or ignore it"


def too_large(column: pd.Series) -> str:
    """Return a message about the first too large number in a column, or '' if there is no such number.

    pandas reads whole numbers that do not fit into 64 bits as text. Such numbers are too large as well.
    """
    kind = column.dtype
    if pd.api.types.is_bool_dtype(kind) or isinstance(kind, pd.CategoricalDtype):
        return ""
    is_numeric = pd.api.types.is_numeric_dtype(kind)
    if is_numeric and not pd.api.types.is_float_dtype(kind):
        return ""
    numbers = np.abs(pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan))
    unread = np.isnan(numbers) & column.notna().to_numpy()
    if not all(is_number(str(value)) for value in column[unread]):
        return ""  # some texts are not numbers
    numbers[unread] = np.inf  # pandas does not read some texts such as -1e400
    bad = (numbers > LARGEST) & np.isfinite(numbers) if is_numeric else numbers >= 2.0**63
    if not bad.any():
        return ""
    row = int(bad.argmax())
    fix = FIX
    if not is_numeric and numbers[row] <= LARGEST:
        fix = "expected a whole number below 2^63; give the column another unit, name it as the id, or ignore it"
    return f"row {column.index[row]!r}: {column.iloc[row]!s} is too large, {fix}"


def too_large_in_matrix(values: Any) -> tuple[int, int] | None:
    """Return row and column of a number that is too large in a dense or sparse matrix, or None if there is none."""
    if values.dtype != np.float64:
        return None
    stored = values.data if sparse.issparse(values) else np.asarray(values)
    with np.errstate(invalid="ignore"):
        if not ((np.abs(stored) > LARGEST) & np.isfinite(stored)).any():
            return None
    entries = sparse.coo_matrix(values)
    first = int(((np.abs(entries.data) > LARGEST) & np.isfinite(entries.data)).argmax())
    return int(entries.row[first]), int(entries.col[first])
