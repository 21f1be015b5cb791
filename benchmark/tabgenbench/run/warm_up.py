"""Writes and reads an HDF5 file when imported, because the first use of HDF5 is slow.

A process that imports this module before it forks saves this time in all forked processes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from tabgenbench.data.h5ad import read_table, write_table
from tabgenbench.data.table import Table


def _use_files() -> None:
    obs = pd.DataFrame({"condition": pd.Categorical(["a", "b"])}, index=["row-0", "row-1"])
    table = Table(X=np.ones((2, 2), dtype=np.float32), obs=obs, features=("x", "y"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.h5ad")
        write_table(table, path)
        read_table(path)


_use_files()
