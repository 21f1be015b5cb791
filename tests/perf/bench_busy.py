"""Train one cell alone and in parallel with two busy processes, and print the ratio of the times.

The engine sets OMP_WAIT_POLICY=PASSIVE for its workers. If threads spin while they wait, a two-thread training in
parallel with other busy processes takes many times as long.
"""

from __future__ import annotations

import multiprocessing
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tabgenbench.engines.environment import available_cores, describe_environment
from tabgenbench.store.store import Store

BAR = 3.0
CELL = ("run", "quickstart", "-d", "simulated-tissues:n_rows=800,n_genes=900", "-g", "cvae:epochs=25", "-m", "moments")


def fit_seconds(threads: int) -> float:
    """Train the cell with this many threads in a new store; return the recorded seconds of the fit."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tabgenbench", *CELL, "--splits", "1"]
        options = ["--draws", "1", "--threads", str(threads), "--store", folder]
        subprocess.run([*command, *options], check=True, capture_output=True)
        record = next(Store(Path(folder)).cells())
        return float(record.phases["fit"].seconds or 0.0)


def spin() -> None:
    """Keep one core busy until the process is ended."""
    while True:
        pass


def compare(threads: int) -> float:
    """Measure both times three times in turn, print the medians and return their ratio."""
    alone, busy = [], []
    for _ in range(3):
        alone.append(fit_seconds(threads))
        others = [multiprocessing.Process(target=spin, daemon=True) for _ in range(2)]
        for other in others:
            other.start()
        try:
            busy.append(fit_seconds(threads))
        finally:
            for other in others:
                other.terminate()
                other.join()
    ratio = statistics.median(busy) / statistics.median(alone)
    print(f"{threads} threads per cell: alone {statistics.median(alone):.1f} s, with two busy processes", end=" ")
    print(f"{statistics.median(busy):.1f} s (medians of 3), ratio {ratio:.2f} (at most {BAR:g})", flush=True)
    return ratio


def main() -> int:
    """Compare with one thread per cell (the default) and one thread per core; return 1 if a ratio misses the bar."""
    machine = describe_environment(threads=available_cores(), device="cpu")
    print(f"{machine.cpu}, {machine.cores} cores, torch {machine.packages['torch']}; cvae, 25 epochs, 800 x 900 table")
    return int(max([compare(threads) for threads in sorted({1, available_cores()})]) > BAR)


if __name__ == "__main__":
    sys.exit(main())
