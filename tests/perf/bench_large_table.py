"""Run a large mixed table through everything; print seconds, peak memory and the exponent of time in the rows.

A table of 50 columns (numbers, whole numbers, categories, a date, gaps, a condition) is written as CSV, then loaded,
split, sampled by three generators, scored by the metrics of `quickstart` except UMAP, and shown on a board:
`tabgenbench run` and `tabgenbench leaderboard` in their own processes. Two sizes are measured in one run. The exponent
is log(seconds at the larger size / seconds at the smaller size) / log(ratio of the rows): 1 is linear.

The bar: 500,000 rows in under 15 minutes and 6 GB.

    python tests/perf/bench_large_table.py [ROWS [SMALLER_ROWS]]
"""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from tabgenbench.engines.environment import available_cores
from tabgenbench.store.store import Store

ROWS, SMALLER = 500_000, 50_000
MINUTES, GIGABYTES = 15.0, 6.0
GENERATORS = ("real-resample", "condition-mvn", "tvae:epochs=1")


def write_table(path: Path, n_rows: int) -> None:
    """Write a mixed table of 50 columns, with 5 % gaps in three of them."""
    rng = np.random.default_rng(0)
    level = rng.normal(size=n_rows)
    columns: dict[str, object] = {"label": np.where(level > 0, "yes", "no")}
    for j in range(30):
        columns[f"number-{j}"] = np.round(level * rng.random() + rng.normal(size=n_rows), 4)
    for j in range(8):
        columns[f"count-{j}"] = rng.poisson(np.exp(0.5 * level + 1.0))
    for j in range(10):
        names = np.array([f"value-{k}" for k in range(3 + j)], dtype=object)
        columns[f"category-{j}"] = names[rng.integers(0, len(names), n_rows)]
    days = pd.to_timedelta(rng.integers(0, 3_000, n_rows), "D")
    columns["seen"] = (pd.Timestamp("2015-01-01") + days).strftime("%Y-%m-%d")
    frame = pd.DataFrame(columns)
    for name in ("number-3", "count-2", "category-4"):
        frame.loc[rng.random(n_rows) < 0.05, name] = np.nan
    frame.to_csv(path, index=False)


def timed(*arguments: str) -> float:
    """Return the wall time of a command of tabgenbench in seconds; its output goes to standard error."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "tabgenbench", *arguments], stdout=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"tabgenbench {' '.join(arguments)}: exit status {done.returncode}")
    return time.perf_counter() - started


def measure(folder: Path, n_rows: int) -> dict[str, float]:
    """Return seconds by step for a table of this size, and the largest memory of one process in GB."""
    table, store = folder / f"rows-{n_rows}.csv", folder / f"store-{n_rows}"
    write_table(table, n_rows)
    common = ["-d", str(table), "--splits", "1", "--draws", "1", "--workers", "1", "--store", str(store)]
    generators = [word for name in GENERATORS for word in ("-g", name)]
    seconds = {"load, split and one control": timed("run", "quickstart", *common, "-g", "shuffled", "-m", "moments")}
    seconds["everything"] = timed("run", "quickstart", *common, *generators)
    seconds["board"] = timed("leaderboard", "quickstart", "--store", str(store), "--out", str(folder / f"b{n_rows}"))
    for record in Store(store).cells():
        seconds |= {f"{record.cell.label}: {name}": phase.seconds for name, phase in record.phases.items()}
        for path in sorted((store / "cells" / record.key / "scores").glob("*.json")):
            info = Store(store).read_info(record.key, path.stem)
            score = Store(store).read_score(record.key, path.stem)
            if info is not None and score is not None and record.cell.label == GENERATORS[0]:
                seconds[f"metric {info.metric} ({score.status})"] = info.seconds or 0.0
    return seconds


def main() -> None:
    """Measure both sizes and print a table."""
    large = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    small = int(sys.argv[2]) if len(sys.argv) > 2 else SMALLER
    with tempfile.TemporaryDirectory() as name:
        first, second = (measure(Path(name), n_rows) for n_rows in (small, large))
    print(f"{available_cores()} cores; 50 mixed columns; seconds at {small:,} and {large:,} rows, and the exponent")
    for step, seconds in second.items():
        before = first.get(step, 0.0)
        exponent = math.log(seconds / before) / math.log(large / small) if before > 0 and seconds > 0 else math.nan
        print(f"{step:55} {before:8.1f} {seconds:8.1f} {exponent:6.2f}")
    total = sum(second[step] for step in ("load, split and one control", "everything", "board"))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"together at {large:,} rows: {total / 60:.1f} minutes, largest process {peak:.2f} GiB")
    print(f"bar: {MINUTES:g} minutes and {GIGABYTES:g} GB at {ROWS:,} rows")


if __name__ == "__main__":
    main()
