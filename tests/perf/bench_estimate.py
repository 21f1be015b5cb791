"""Estimate a run of `quickstart` from one earlier run, run it, and print the ratio of estimate and actual time.

The bar: within a factor of 2 for every generator. Actual times are those that a worker spends on a cell, summed over the
cells of a generator. The stores of both runs are temporary; the first can be the store of an earlier run on this machine:

    python tests/perf/bench_estimate.py [STORE]
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from unittest.mock import patch

from tabgenbench.engines.environment import describe_environment
from tabgenbench.formatting import bytes_text
from tabgenbench.records import CellRecord
from tabgenbench.registry.manager import make_manager
from tabgenbench.registry.suite import find_suite
from tabgenbench.run.cell_work import CellWork
from tabgenbench.run.choose_engine import choose_engine
from tabgenbench.run.estimate import Estimate
from tabgenbench.run.plan import Cell, open_dataset
from tabgenbench.run.request import PlannedRun, RunRequest, ask_generators, carry_out, plan_run

FACTOR = 2.0
OPTIONS = {
    "device": "cpu",
    "executor": "local",
    "address": None,
    "workers": None,
    "slots_per_gpu": 1,
    "threads": 1,
    "timing": False,
    "timeout": None,
    "memory": None,
    "retry_failed": False,
    "keep_models": None,
}


def planned(store: Path, earlier: Path | None) -> PlannedRun:
    """Return the plan of a run of the suite in a store."""
    plugins = make_manager()
    suite = find_suite("quickstart", plugins)
    engine = choose_engine(OPTIONS, plugins)
    datasets = [open_dataset(choice, plugins, None) for choice in suite.datasets]
    request = RunRequest(
        suite=suite, datasets=datasets, engine=engine, store=store, say=lambda line: None, estimate_from=earlier
    )
    return plan_run(request, plugins)


def estimated(store: Path, earlier: Path) -> tuple[Estimate, float]:
    """Return the estimate of a run in an empty store, and the seconds that reading the earlier records took."""
    run = planned(store, earlier)
    ask_generators(run)
    started = time.perf_counter()
    run.run.load_earlier()
    found = run.run.make_estimate()
    return found, time.perf_counter() - started


def actual(store: Path) -> tuple[dict[str, float], float]:
    """Run the suite; return the seconds of each generator's cells, and those of the whole run."""
    seconds: dict[str, float] = defaultdict(float)
    do = CellWork.do

    def timed(self: CellWork, cell: Cell) -> CellRecord | None:
        started = time.perf_counter()
        record = do(self, cell)
        seconds[cell.identity.label] += time.perf_counter() - started
        return record

    started = time.perf_counter()
    with patch.object(CellWork, "do", timed), contextlib.redirect_stderr(None):
        run = planned(store, None)
        carry_out(run, make_manager())
    return seconds, time.perf_counter() - started


def main() -> None:
    """Print estimate, actual time and ratio of every generator; exit with 1 if a ratio misses the bar."""
    machine = describe_environment(threads=1, device="cpu")
    print(f"{machine.cpu}, {machine.cores} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        earlier, store = Path(sys.argv[1] if len(sys.argv) > 1 else f"{folder}/earlier"), Path(folder, "store")
        if not earlier.exists():
            print(f"the earlier run took {actual(earlier)[1]:.0f} s", flush=True)
        found, reading = estimated(store, earlier)
        print(f"estimate, made in {reading:.2f} s: {found.line}; load {os.getloadavg()[0]:.1f}", flush=True)
        seconds, whole = actual(store)
        size = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    missed = 0
    for one in found.generators:
        ratio = (one.seconds or 0.0) / seconds[one.label]
        missed += not 1 / FACTOR <= ratio <= FACTOR
        print(f"{one.label}: estimate {one.seconds or 0.0:.1f} s, actual {seconds[one.label]:.1f} s, ratio {ratio:.2f}")
    print(f"the whole run: {found.line.partition(' (')[0]}; actual {whole:.0f} s and {bytes_text(size)}")
    print(f"load {os.getloadavg()[0]:.1f}; bar: ratios between {1 / FACTOR:g} and {FACTOR:g}")
    if missed:
        raise SystemExit(f"{missed} generators miss the bar")


if __name__ == "__main__":
    main()
