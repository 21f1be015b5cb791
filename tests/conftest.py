from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before the import of NumPy and torch: small tables need one thread
# Numba, which UMAP uses, sets OpenMP's number of threads for the rest of the process.
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tabgenbench import Schema, Source, Table

TISSUES = ("colon", "kidney", "lung")
STATUSES = ("cancer", "normal")


@pytest.fixture
def data_dir() -> Path:
    """The root folder of the real files; the test is skipped if there is none."""
    folder = os.environ.get("TABGENBENCH_DATA")
    if not folder:
        pytest.skip("TABGENBENCH_DATA is not set")
    return Path(folder)


@pytest.fixture
def make_table() -> Callable[..., Table]:
    """A factory of small tables: ``make_table(n_rows=60, n_features=5, seed=0, csr=False, **meaning)``.

    The values resemble gene expression and depend on tissue and status. Conditions are tissue and status, the batch is
    site, the group is donor (a third of the rows belong to donors with two rows). Equal arguments give equal tables.
    """

    def make(
        *, n_rows: int = 60, n_features: int = 5, seed: int = 0, csr: bool = False, group: bool = True, **meaning: Any
    ) -> Table:
        rng = np.random.default_rng(seed)
        tissue, status = np.arange(n_rows) % len(TISSUES), rng.integers(0, len(STATUSES), n_rows)
        donor = np.arange(n_rows) - (np.arange(n_rows) % 6 == 5)  # every sixth row has the donor of the row before it
        level = 2.0 + tissue[:, None] * np.linspace(0, 2, n_features) + status[:, None] * np.linspace(1, 0, n_features)
        values = np.exp2(level + rng.normal(0, 0.5, (n_rows, n_features))) - 1
        values[rng.random(values.shape) < 0.1] = 0.0
        values = np.maximum(values, 0).astype(np.float32)
        obs = pd.DataFrame(
            {
                "tissue": pd.Categorical.from_codes(tissue, categories=TISSUES),
                "status": pd.Categorical.from_codes(status, categories=STATUSES),
                "site": pd.Categorical.from_codes(rng.integers(0, 2, n_rows), categories=["gtex", "tcga"]),
                "donor": pd.Categorical([f"D{i:03d}" for i in donor]),
            },
            index=pd.Index([f"S{i:04d}" for i in range(n_rows)], dtype=object),
        )
        schema = Schema(conditions=("tissue", "status"), batch="site", group="donor" if group else None)
        defaults: dict[str, Any] = {
            "schema": schema,
            "log2p1": True,
            "source": Source("tiny", {"seed": seed}, "a note"),
        }
        features = tuple(f"G{i}" for i in range(n_features))
        return Table(
            X=sparse.csr_matrix(values) if csr else values, obs=obs, features=features, **{**defaults, **meaning}
        )

    return make


@pytest.fixture
def table(make_table: Callable[..., Table]) -> Table:
    """The default table of `make_table`: 60 rows, 5 features."""
    return make_table()
