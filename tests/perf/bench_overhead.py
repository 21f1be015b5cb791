"""Overhead of the runner, measured with ten cells that sleep ten seconds each and a thousand cells that do nothing."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from plugin_site import fit_times, run_measured

from tabgenbench.engines.environment import describe_environment

CELLS, SECONDS = 10, 10.0
OVERHEAD = 0.03  # as a share of the sleeping time
MANY, MANY_SECONDS = 1000, 120.0
SMALL = ("-d", "simulated-tissues:n_rows=120,n_genes=10", "-m", "first-value", "--draws", "1", "--threads", "1")


def measure_sleepers() -> bool:
    """Print the time from the first fit to the end of the run, with one worker, and whether the bar is met."""
    with tempfile.TemporaryDirectory() as name:
        folder, started = Path(name), time.time()
        sleepers = ("-g", f"measured:seconds={SECONDS}", "--splits", "1", "--seeds", str(CELLS), "--workers", "1")
        run_measured(folder, *SMALL, *sleepers)
        ended, first = time.time(), fit_times(folder)[0]
    above = (ended - first) / (CELLS * SECONDS) - 1
    print(f"{CELLS} cells that sleep {SECONDS:g} s: start-up {first - started:.1f} s,", end=" ")
    print(f"then {ended - first:.2f} s, {above:.1%} above {CELLS * SECONDS:g} s (under {OVERHEAD:.0%})", flush=True)
    return above < OVERHEAD


def measure_trivial_cells() -> bool:
    """Print the total time of a thousand trivial cells with two workers, and whether the bar is met."""
    with tempfile.TemporaryDirectory() as name:
        folder, started = Path(name), time.time()
        run_measured(folder, *SMALL, "-g", "measured", "--splits", "2", "--seeds", str(MANY // 2), "--workers", "2")
        ended, begun = time.time(), fit_times(folder)
    seconds, pace = ended - started, (begun[-1] - begun[0]) / (len(begun) - 1)
    print(f"{len(begun)} trivial cells, two workers: start-up {begun[0] - started:.1f} s,", end=" ")
    print(f"{seconds:.0f} s in total (under {MANY_SECONDS:g} s), {1000 * pace:.0f} ms per cell", flush=True)
    return seconds < MANY_SECONDS and len(begun) == MANY


def main() -> None:
    """Measure both; exit with 1 if a bar is missed."""
    machine = describe_environment(threads=1, device="cpu")
    print(f"{machine.cpu}, {machine.cores} cores", flush=True)
    met = [measure_sleepers(), measure_trivial_cells()]
    if not all(met):
        raise SystemExit("a bar is missed")


if __name__ == "__main__":
    main()
