"""Fit the generators of mixed tables on a table of the shape of Adult; print seconds and peak memory of each.

The table has the columns of `adult` with as many categories each, 32,561 rows and gaps, but made-up values, so that
the file of `adult` is not needed. Suite `adult` runs with its own options, then the newer models with default options:
one split, one draw, one metric.

The bars: the fits of ctgan, tvae, gaussian-copula and the controls in under 10 minutes and 3 GB; every other fit in
under 15 minutes and 4 GB, or refused with an estimate.

    python tests/perf/bench_adult_shape.py [ROWS]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from tabgenbench.engines.environment import available_cores
from tabgenbench.store.store import Store

ROWS = 32_561
CATEGORIES = {
    "workclass": 8,
    "education": 16,
    "marital-status": 7,
    "occupation": 14,
    "relationship": 6,
    "race": 5,
    "sex": 2,
    "native-country": 41,
    "income": 2,
}
GAPS = ("workclass", "occupation", "native-country")
CURRENT = ("arf", "tabddpm", "flow-matching", "hierarchical-factors", "forest-flow")
BAR, WIDER_BAR = (10.0, 3.0), (15.0, 4.0)  # minutes and GB of a fit
WIDER = ("cvae", "wgan-gp", *CURRENT)  # generators with the wider bar


def write_table(path: Path, n_rows: int) -> None:
    """Write whole numbers and categories that depend on one latent level; capital gains and losses are mostly 0."""
    rng = np.random.default_rng(0)
    level = rng.normal(size=n_rows)
    columns: dict[str, object] = {
        "age": np.clip(38 + 10 * level + 9 * rng.normal(size=n_rows), 17, 90).astype(int),
        "fnlwgt": np.exp(12 + 0.6 * rng.normal(size=n_rows)).astype(int),
        "education-num": np.clip(10 + 2 * level + 2 * rng.normal(size=n_rows), 1, 16).astype(int),
        "capital-gain": np.where(rng.random(n_rows) < 0.08, rng.integers(100, 99_999, n_rows), 0),
        "capital-loss": np.where(rng.random(n_rows) < 0.05, rng.integers(100, 4_356, n_rows), 0),
        "hours-per-week": np.clip(40 + 12 * rng.normal(size=n_rows), 1, 99).astype(int),
    }
    for name, n_values in CATEGORIES.items():
        place = np.clip((0.5 * level + rng.normal(size=n_rows)) * n_values / 4, 0, n_values - 1).astype(int)
        columns[name] = np.array([f"{name} {j}" for j in range(n_values)], dtype=object)[place]
    frame = pd.DataFrame(columns)
    for name in GAPS:
        frame.loc[rng.random(n_rows) < 0.05, name] = np.nan
    frame.to_csv(path, index=False)


def run(table: Path, store: Path, *generators: str) -> None:
    """Run suite `adult` on a file, with its own generators or with others; stop if the command cannot start."""
    command = [sys.executable, "-m", "tabgenbench", "run", "adult", "-d", f"{table}:conditions=[income]"]
    command += ["--splits", "1", "--draws", "1", "-m", "moments", "--workers", "1", "--store", str(store)]
    done = subprocess.run([*command, *(word for name in generators for word in ("-g", name))], check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}")


def main() -> int:
    """Print a line for each generator; return 1 if a bar is missed."""
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    kept = True
    with tempfile.TemporaryDirectory() as name:
        table = Path(name) / "adult-shape.csv"
        write_table(table, n_rows)
        print(f"{available_cores()} cores; {n_rows:,} rows; seconds of fit and of sampling, peak GB above the start")
        for part, generators in (("adult", ()), ("current", CURRENT)):
            store = Path(name) / part
            run(table, store, *generators)
            for record in Store(store).cells():
                if record.status != "ok":
                    print(f"{record.cell.label:36} {record.status}: {record.reason}")
                    continue
                seconds = {phase: record.phases[phase].seconds or 0.0 for phase in ("fit", "sample")}
                peak = max(record.phases[phase].peak_memory_bytes or 0 for phase in seconds) / 1e9
                minutes, gigabytes = WIDER_BAR if record.cell.generator in WIDER else BAR
                met = seconds["fit"] <= 60 * minutes and peak <= gigabytes
                kept &= met
                print(f"{record.cell.label:36} {seconds['fit']:8.1f} {seconds['sample']:8.1f} {peak:6.2f}", end="")
                print("" if met else f"  bar missed: {minutes:g} minutes, {gigabytes:g} GB")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
