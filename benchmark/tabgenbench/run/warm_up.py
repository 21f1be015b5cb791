"""Imported by the fork server: the first use of anndata and HDF5, which every task would else pay for."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd

from tabgenbench.data.h5ad import read_table, write_table
from tabgenbench.data.table import Table
from tabgenbench.engines.scratch import new_scratch


def _use_files() -> None:
    """Write and read a small table: the first use of anndata and HDF5 takes as long as several more."""
    obs = pd.DataFrame({"condition": pd.Categorical(["a", "b"])}, index=["row-0", "row-1"])
    table = Table(X=np.ones((2, 2), dtype=np.float32), obs=obs, features=("x", "y"))
    folder = new_scratch()
    try:
        write_table(table, folder / "table.h5ad")
        read_table(folder / "table.h5ad")
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)  # the server itself needs none any more, and ends untidily


_use_files()
