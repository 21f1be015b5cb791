"""Estimate `quickstart` from an earlier run, and print the ratio of estimate and actual time of every generator.

    python tests/perf/bench_estimate.py [STORE] [--one-run]

The bar: within a factor of 2 for every generator, in two comparisons. First the cells of splits 1 and 2 are estimated
from those of split 0 in the same run, so that both had the same share of the machine. Then the whole suite is
estimated from the whole earlier run, and run again (not with --one-run); other work on the machine in one of the two
runs is part of that ratio. Actual times are those of the tasks of a generator's cells, as recorded; the start of a run
and the work between tasks are in the last line alone. The stores are temporary, or STORE is that of an earlier run on
this machine.

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
from collections.abc import Mapping
from pathlib import Path

from tabgenbench.engines.environment import describe_environment
from tabgenbench.formatting import bytes_text
from tabgenbench.records import Card, CellIdentity, CellRecord, Phase, RunInfo
from tabgenbench.registry.manager import make_manager
from tabgenbench.registry.suite import find_suite
from tabgenbench.run.choose_engine import choose_engine
from tabgenbench.run.estimate import Estimate
from tabgenbench.run.estimator import Estimator, Need, find_earlier
from tabgenbench.run.plan import Cell, open_dataset
from tabgenbench.run.request import PlannedRun, RunRequest, ask_generators, carry_out, plan_run
from tabgenbench.store.earlier import EarlierCell, read_earlier
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
        seconds[one.identity.label] += tasks(one)
    return seconds, whole


def tasks(one: EarlierCell) -> float:
    """Return the seconds of the tasks of a cell."""
    return one.fit + one.sample + one.train_rest + sum(one.metrics.values()) + one.score_rest


def compare_splits(store: Path) -> int:
    """Estimate splits 1 and 2 of a run from split 0; print the ratios and return how many miss the bar."""
    run = planned(store, None).run
    by_split: dict[bool, list[tuple[Cell, EarlierCell]]] = {True: [], False: []}
    for cell in run.plan.cells:
        for one in read_earlier(run.store, [cell.key]):
            by_split[cell.identity.split == 0].append((cell, one))
    estimator = Estimator(one for _, one in by_split[True])
    estimates: dict[str, float] = defaultdict(float)
    seconds: dict[str, float] = defaultdict(float)
    for cell, one in by_split[False]:
        estimates[cell.identity.label] += estimator.cell(cell, Need(fit=True, metrics=list(one.metrics))).seconds or 0.0
        seconds[cell.identity.label] += tasks(one)
    print("splits 1 and 2, estimated from split 0 of the same run:")
    return print_ratios(estimates, seconds)


def print_ratios(estimates: Mapping[str, float], seconds: Mapping[str, float]) -> int:
    """Print a line for each generator; return how many miss the bar."""
    missed = 0
    for label, estimate in estimates.items():
        ratio = estimate / seconds[label]
        missed += not 1 / FACTOR <= ratio <= FACTOR
        print(f"  {label}: estimate {estimate:.1f} s, actual {seconds[label]:.1f} s, ratio {ratio:.2f}", flush=True)
    return missed


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
    found = []
    for _ in range(3):
        started = time.perf_counter()
        n_read = len(find_earlier(store, identities))
        found.append(time.perf_counter() - started)
    times = f"best {min(found):.2f} s, worst {max(found):.2f} s of 3 (bar {READING_SECONDS:g} s)"
    print(f"{CELLS:,} cells: {n_read} earlier cells read in {times}", flush=True)
    return min(found)


def main() -> None:
    """Print estimate, actual time and ratio of every generator; exit with 1 if a ratio misses the bar."""
    machine = describe_environment(threads=1, device="cpu")
    print(f"{machine.cpu}, {machine.cores} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    stores = [argument for argument in sys.argv[1:] if argument != "--one-run"]
    with tempfile.TemporaryDirectory() as folder:
        missed = int(read_many(Path(folder, "many")) > READING_SECONDS)
        earlier, store = Path(stores[0] if stores else f"{folder}/earlier"), Path(folder, "store")
        if not earlier.exists():
            print(f"the earlier run took {actual(earlier)[1]:.0f} s", flush=True)
        missed += compare_splits(earlier)
        if "--one-run" not in sys.argv:
            missed += compare_runs(earlier, store)
    print(f"load {os.getloadavg()[0]:.1f}; bar: ratios between {1 / FACTOR:g} and {FACTOR:g}")
    if missed:
        raise SystemExit(f"{missed} bars are missed")


def compare_runs(earlier: Path, store: Path) -> int:
    """Estimate the suite from an earlier run, and run it; print the ratios and return how many miss the bar."""
    found, reading = estimated(store, earlier)
    print(f"the suite, estimated from another run in {reading:.2f} s; load {os.getloadavg()[0]:.1f}:", flush=True)
    seconds, whole = actual(store)
    size = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    missed = print_ratios({one.label: one.seconds or 0.0 for one in found.generators}, seconds)
    print(f"the whole run: {found.line.partition(' (')[0]}; actual {whole:.0f} s and {bytes_text(size)}")
    return missed


if __name__ == "__main__":
    main()
