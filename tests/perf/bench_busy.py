"""Train one cell alone and beside two busy processes, and print the ratio of the times.

The engine sets OMP_WAIT_POLICY=PASSIVE for its workers: with threads that spin while they wait, a two-thread training
beside other busy processes takes many times as long.
"""

from __future__ import annotations

import multiprocessing
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tabgenbench.environment import available_cores, describe_environment
from tabgenbench.store import Store

CELL = ("run", "quickstart", "-d", "simulated-tissues:n_rows=800,n_genes=900", "-g", "cvae:epochs=25", "-m", "moments")


def fit_seconds() -> float:
    """Train the cell in a fresh store and return the seconds that the record gives for the fit."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from tabgenbench.cli import main; main()", *CELL, "--splits", "1"]
        subprocess.run([*command, "--draws", "1", "--store", folder], check=True, capture_output=True)
        record = next(Store(Path(folder)).cells())
        return float(record.phases["fit"].seconds or 0.0)


def spin() -> None:
    """Keep one core busy until ended."""
    while True:
        pass


def main() -> None:
    """Print both times, interleaved three times, and their ratio."""
    alone, busy = [], []
    for _ in range(3):
        alone.append(fit_seconds())
        others = [multiprocessing.Process(target=spin, daemon=True) for _ in range(2)]
        for other in others:
            other.start()
        try:
            busy.append(fit_seconds())
        finally:
            for other in others:
                other.terminate()
                other.join()
    machine = describe_environment(threads=available_cores(), device="cpu")
    print(f"{machine.cpu}, {machine.cores} cores, torch {machine.packages['torch']}; cvae, 25 epochs, 800 x 900 table")
    print(f"alone                      {statistics.median(alone):6.1f} s   (median of 3)")
    print(f"beside two busy processes  {statistics.median(busy):6.1f} s")
    print(f"ratio                      {statistics.median(busy) / statistics.median(alone):6.2f}     (at most 3)")


if __name__ == "__main__":
    main()
