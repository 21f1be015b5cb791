"""Run simulated cells through simulation, split, `condition-nb` and metrics of counts; print seconds and peak memory.

Everything runs in one process (engine `inline`), whose peak memory is printed.

The bar: 100,000 cells x 2,000 genes in under 20 minutes and 8 GB.

    python tests/perf/bench_cells.py [CELLS [GENES]]
"""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path

from bench_large_table import timed

from tabgenbench.engines.environment import available_cores
from tabgenbench.store.store import Store

CELLS, GENES = 100_000, 2_000
MINUTES, GIGABYTES = 20.0, 8.0
METRICS = ("count-realism", "mean-variance", "moments", "distances")


def main() -> int:
    """Measure and print; return 1 if a bar is missed."""
    n_cells = int(sys.argv[1]) if len(sys.argv) > 1 else CELLS
    n_genes = int(sys.argv[2]) if len(sys.argv) > 2 else GENES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "store"
        metrics = [word for metric in METRICS for word in ("-m", metric)]
        dataset = f"simulated-cells:n_cells={n_cells},n_genes={n_genes}"
        common = ("--splits", "1", "--draws", "1", "--executor", "inline", "--store", str(folder))
        seconds = timed("run", "quickstart", "-d", dataset, "-g", "condition-nb", *metrics, *common)
        print(f"{available_cores()} cores; {n_cells:,} cells x {n_genes:,} genes")
        store = Store(folder)
        for record in store.cells():
            phases = ", ".join(f"{name} {phase.seconds:.1f} s" for name, phase in record.phases.items())
            print(f"{record.cell.label}: {record.status}; {phases}{record.reason and '; '}{record.reason}")
            for path in sorted((folder / "cells" / record.key / "scores").glob("*.json")):
                score, info = store.read_score(record.key, path.stem), store.read_info(record.key, path.stem)
                if score is not None and info is not None:
                    print(f"    {score.metric}: {score.status}, {info.seconds or 0:.1f} s; {score.reason}")
        n_bytes = sum(path.stat().st_size for path in folder.rglob("*.h5ad"))
        print(f"tables in the store: {n_bytes / 2**20:.0f} MiB")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"everything {seconds / 60:.1f} minutes, peak memory {peak:.2f} GiB")
    print(f"bar: {MINUTES:g} minutes and {GIGABYTES:g} GB")
    return int(seconds / 60 > MINUTES or peak * 2**30 > GIGABYTES * 1e9)


if __name__ == "__main__":
    sys.exit(main())
