"""Run a sparse table of counts through load, split, controls, metrics and the board; print seconds and peak memory.

The table is an h5ad file of raw counts (CSR, 5 % of the values above zero) with one condition. Metrics that decline so
many features are listed with their reason.

The bar: 10,000 rows x 20,000 features in under 15 minutes and 6 GB.

    python tests/perf/bench_sparse_table.py [ROWS [FEATURES]]
"""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from bench_large_table import timed
from scipy import sparse

from tabgenbench.engines.environment import available_cores
from tabgenbench.store.store import Store

ROWS, FEATURES, DENSITY = 10_000, 20_000, 0.05
MINUTES, GIGABYTES = 15.0, 6.0
GENERATORS = ("real-resample", "shuffled", "condition-mean", "condition-mvn")


def write_counts(path: Path, n_rows: int, n_features: int) -> None:
    """Write sparse counts of two conditions that differ in a tenth of the features."""
    rng = np.random.default_rng(0)
    label = np.where(rng.random(n_rows) < 0.5, "case", "control")
    counts = sparse.random(n_rows, n_features, DENSITY, format="csr", random_state=rng, dtype=np.float32)
    counts.data = 1.0 + rng.poisson(2.0, counts.nnz).astype(np.float32)
    raised = (counts.indices < n_features // 10) & np.repeat(label == "case", np.diff(counts.indptr))
    counts.data[raised] += 2.0
    names = [f"gene-{j}" for j in range(n_features)]
    obs = pd.DataFrame({"label": pd.Categorical(label)}, index=[f"cell-{i}" for i in range(n_rows)])
    anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=names)).write_h5ad(path)


def main() -> int:
    """Measure and print a table; return 1 if a bar is missed."""
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    n_features = int(sys.argv[2]) if len(sys.argv) > 2 else FEATURES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table, store = folder / "counts.h5ad", folder / "store"
        write_counts(table, n_rows, n_features)
        common = [
            "-d",
            f"{table}:conditions=[label]",
            "--splits",
            "1",
            "--draws",
            "1",
            "--workers",
            "1",
            "--store",
            str(store),
        ]
        generators = [word for one in GENERATORS for word in ("-g", one)]
        run = timed("run", "quickstart", *common, *generators)
        board = timed("leaderboard", "quickstart", "--store", str(store), "--out", str(folder / "board"))
        print(f"{available_cores()} cores; {n_rows:,} rows x {n_features:,} features, {DENSITY:.0%} above zero")
        _print_cells(store)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"run {run / 60:.1f} minutes, board {board:.0f} s, largest process {peak:.2f} GiB")
    print(f"bar: {MINUTES:g} minutes and {GIGABYTES:g} GB")
    return int((run + board) / 60 > MINUTES or peak * 2**30 > GIGABYTES * 1e9)


def _print_cells(folder: Path) -> None:
    store = Store(folder)
    for record in store.cells():
        phases = ", ".join(f"{name} {phase.seconds:.1f} s" for name, phase in record.phases.items())
        print(f"{record.cell.label}: {record.status}; {phases}{record.reason and '; '}{record.reason}")
        for path in sorted((folder / "cells" / record.key / "scores").glob("*.json")):
            score, info = store.read_score(record.key, path.stem), store.read_info(record.key, path.stem)
            if score is not None and info is not None and record.cell.label == GENERATORS[0]:
                print(f"    {score.metric}: {score.status}, {info.seconds or 0:.1f} s; {score.reason}")


if __name__ == "__main__":
    sys.exit(main())
