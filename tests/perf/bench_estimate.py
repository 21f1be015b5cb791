"""Estimate a run of `quickstart` from one earlier run, run it, and print the ratio of estimate and actual time.

The bar: within a factor of 2 for every generator. Actual times are those of the tasks of a generator's cells, as
recorded; the start of a run and the work between tasks are in the last line alone. Both stores are temporary; the first
can be that of an earlier run on this machine:

    python tests/perf/bench_estimate.py [STORE]

Before, the reading of earlier records is timed in a store of 10,000 cells. The bar: 1 s.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from tabgenbench.engines.environment import describe_environment
from tabgenbench.formatting import bytes_text
from tabgenbench.records import Card, CellIdentity, CellRecord, Phase, RunInfo
from tabgenbench.registry.manager import make_manager
from tabgenbench.registry.suite import find_suite
from tabgenbench.run.choose_engine import choose_engine
from tabgenbench.run.estimate import Estimate
from tabgenbench.run.estimator import find_earlier
from tabgenbench.run.plan import open_dataset
from tabgenbench.run.request import PlannedRun, RunRequest, ask_generators, carry_out, plan_run
from tabgenbench.store.earlier import read_earlier
from tabgenbench.store.store import Store

FACTOR, READING_SECONDS = 2.0, 1.0
CELLS, GENERATORS = 10_000, 20
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
    started = time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        run = carry_out(planned(store, None), make_manager())
    whole = time.perf_counter() - started
    for one in read_earlier(run.store, [cell.key for cell in run.plan.cells]):
        tasks = one.fit + one.sample + one.train_rest + sum(one.metrics.values()) + one.score_rest
        seconds[one.identity.label] += tasks
    return seconds, whole


def read_many(folder: Path) -> float:
    """Return the seconds to read earlier cells, for all generators of a store of 10,000 cells with loss curves."""
    store = Store(folder)
    store.prepare()
    curve: list[float | None] = [1 / (epoch + 1) for epoch in range(200)]
    identities = []
    for number in range(CELLS):
        identity = CellIdentity(
            dataset=f"table-{number % 5}",
            dataset_fingerprint=f"table-{number % 5}",
            split=number % 10,
            split_fingerprint=f"split-{number % 50}",
            n_train=900 * (1 + number % 5),
            n_validation=100,
            n_test=250,
            n_features=100,
            generator=f"model-{number % GENERATORS}",
            label=f"model-{number % GENERATORS}",
            config={"epochs": 200, "hidden": [256, 128], "learning_rate": 0.001},
            card=Card(summary="a model of tables", citation="Somebody 2020"),
            is_control=False,
            seed=number // 1000,
            draws=5,
        )
        identities.append(identity)
        record = CellRecord(
            key=f"{number:032x}",
            cell=identity,
            status="ok",
            phases={"fit": Phase(status="ok", seconds=10.0)},
            losses={"epoch": curve, "loss": curve},
        )
        store.write_cell(record)
        for name in ("gamma", "moments"):
            path = store.cell_folder(record.key) / "runs" / f"{name}.json"
            store.write_text(path, RunInfo(metric=name, seconds=1.0).model_dump_json(indent=1))
    started = time.perf_counter()
    n_read = len(find_earlier(store, identities))
    seconds = time.perf_counter() - started
    print(f"{CELLS:,} cells: {n_read} earlier cells read in {seconds:.2f} s (bar {READING_SECONDS:g} s)", flush=True)
    return seconds


def main() -> None:
    """Print estimate, actual time and ratio of every generator; exit with 1 if a ratio misses the bar."""
    machine = describe_environment(threads=1, device="cpu")
    print(f"{machine.cpu}, {machine.cores} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        missed = int(read_many(Path(folder, "many")) > READING_SECONDS)
        earlier, store = Path(sys.argv[1] if len(sys.argv) > 1 else f"{folder}/earlier"), Path(folder, "store")
        if not earlier.exists():
            print(f"the earlier run took {actual(earlier)[1]:.0f} s", flush=True)
        found, reading = estimated(store, earlier)
        print(f"estimate, made in {reading:.2f} s: {found.line}; load {os.getloadavg()[0]:.1f}", flush=True)
        seconds, whole = actual(store)
        size = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    for one in found.generators:
        ratio = (one.seconds or 0.0) / seconds[one.label]
        missed += not 1 / FACTOR <= ratio <= FACTOR
        print(f"{one.label}: estimate {one.seconds or 0.0:.1f} s, actual {seconds[one.label]:.1f} s, ratio {ratio:.2f}")
    print(f"the whole run: {found.line.partition(' (')[0]}; actual {whole:.0f} s and {bytes_text(size)}")
    print(f"load {os.getloadavg()[0]:.1f}; bar: ratios between {1 / FACTOR:g} and {FACTOR:g}")
    if missed:
        raise SystemExit(f"{missed} bars are missed")


if __name__ == "__main__":
    main()
