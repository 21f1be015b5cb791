"""Score simulated tables by every registered metric; print seconds and peak memory of each.

Each metric runs in a separate process, as in the scoring process of a cell: it reads the files of a split and of one
draw, and computes its scores. The columns are processor seconds and wall seconds of the draw; processor seconds of the
work on real rows, which is done once for all draws of a cell; and the peak memory of the process with its libraries and
tables. With --together, all metrics run in one process and share intermediate results, as in a run.

| case | rows x columns | bar |
|---|---|---|
| nearest | 30,000 training, test, synthetic and reference rows x 100 numbers | each metric of nearest rows 90 s, 2 GB |
| rows | 500,000 training, test, synthetic and reference rows x 50 mixed columns | each metric 120 s, 6 GB |
| genes | 6,859 training, 2,287 test and synthetic rows x 969 numbers | all metrics together 150 s for the draw, 4 GB |

Bars are compared with processor seconds, which depend less on other programs than wall seconds do. UMAP is left out.

    python tests/perf/bench_metrics.py [--case CASE] [--metric NAME] [--together] [--threads N]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from bench_gamma import peak_kilobytes
from numpy.typing import NDArray

from tabgenbench import Evaluation, Gap, MetricContext, Schema, Shared, Table, Transform
from tabgenbench.data.gaps import fill_gaps, medians_at_gaps
from tabgenbench.data.h5ad import read_table, write_table
from tabgenbench.data.split_files import read_evaluation_tables, read_reference
from tabgenbench.engines.environment import describe_environment
from tabgenbench.engines.isolate import unchanged_process
from tabgenbench.engines.numerics import limit_threads
from tabgenbench.interfaces.evaluation import lock_arrays
from tabgenbench.registry.manager import make_manager
from tabgenbench.registry.suite import make_choices
from tabgenbench.run.score_tables import compute_metric, make_metric

LEFT_OUT = ("umap-separability",)
NEAREST = ("closest-record", "membership", "mahalanobis-membership", "prdc", "distances")
Values = NDArray[np.float32]
Groups = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Simulated tables and their bar.

    Attributes:
        n_rows: rows of the sides training, test, synthetic and reference.
        n_groups: number of combinations of conditions.
        make: makes a table, from a group for each row and a random generator.
        seconds: the bar, processor seconds of a metric, with its work on real rows.
        gigabytes: the bar, peak memory in 1e9 bytes.
        metrics: names of the metrics; all by default.
        in_total: whether the bar is for the seconds of all metrics together, without the work on real rows.
    """

    n_rows: tuple[int, int, int, int]
    n_groups: int
    make: Callable[[Groups, np.random.Generator], Table]
    seconds: float
    gigabytes: float
    metrics: tuple[str, ...] = ()
    in_total: bool = False


def low_rank(groups: Groups, n_columns: int, rng: np.random.Generator) -> Values:
    """Return correlated numbers of 12 factors, with other means in each group, shape (n_rows, n_columns)."""
    same = np.random.default_rng(1)  # equal for all sides
    mix = same.normal(size=(12, n_columns)).astype(np.float32) / 3
    means = same.normal(size=(int(groups.max()) + 1, 12)).astype(np.float32)
    factors = means[groups] + rng.standard_normal((len(groups), 12), dtype=np.float32)
    values = factors @ mix + rng.standard_normal((len(groups), n_columns), dtype=np.float32)
    return values.astype(np.float32, copy=False)


def table_of(values: Values, obs: dict[str, Any], schema: Schema, *, log2p1: bool = False) -> Table:
    frame = pd.DataFrame({name: pd.Categorical(column) for name, column in obs.items()})
    frame.index = frame.index.map(str)
    return Table(values, frame, tuple(f"number-{j}" for j in range(values.shape[1])), schema, log2p1=log2p1)


def genes(groups: Groups, rng: np.random.Generator) -> Table:
    """Return expression values of 969 genes in 15 tissues, cancer and normal."""
    values = np.exp2(np.maximum(low_rank(groups, 969, rng) + 6, 0)) - 1
    obs = {
        "tissue": np.char.add("tissue-", (groups // 2).astype(str)),
        "status": np.array(["normal", "cancer"])[groups % 2],
    }
    return table_of(values, obs, Schema(conditions=("tissue", "status")), log2p1=True)


def numbers(groups: Groups, rng: np.random.Generator) -> Table:
    """Return 100 numbers."""
    return table_of(low_rank(groups, 100, rng), {"group": groups.astype(str)}, Schema(conditions=("group",)))


def mixed(groups: Groups, rng: np.random.Generator) -> Table:
    """Return 30 numbers, 8 whole numbers, 10 categories, an outcome and a condition; three columns have gaps."""
    n_rows = len(groups)
    values = low_rank(groups, 38, rng)
    values[:, 30:] = rng.poisson(np.exp(np.clip(values[:, 30:] / 2 + 1, None, 4)))
    obs: dict[str, Any] = {"site": groups.astype(str)}
    for j in range(10):
        level = np.clip(np.rint(values[:, j] + rng.normal(size=n_rows) + j / 2 + 1), 0, j + 2)
        obs[f"category-{j}"] = level.astype(int).astype(str)
    chance = 1 / (1 + np.exp(-values[:, 10:13].sum(axis=1)))
    obs["outcome"] = np.where(rng.random(n_rows) < chance, "yes", "no")
    gaps = []
    for j in (3, 17, 33):
        absent = rng.random(n_rows) < 0.05
        values[absent, j] = np.nan
        obs[f"number-{j} is missing"] = np.where(absent, "yes", "no")
        gaps.append(Gap(column=f"number-{j}", shown_by=f"number-{j} is missing", value="yes"))
    schema = Schema(
        conditions=("site",),
        targets=("outcome", "number-0"),
        categorical_features=tuple(obs)[1:],
        whole_numbers=tuple(f"number-{j}" for j in range(30, 38)),
        gaps=tuple(gaps),
    )
    return table_of(values, obs, schema)


CASES = {
    "nearest": Case(n_rows=(30_000,) * 4, n_groups=5, make=numbers, seconds=90.0, gigabytes=2.0, metrics=NEAREST),
    "rows": Case(n_rows=(500_000,) * 4, n_groups=8, make=mixed, seconds=120.0, gigabytes=6.0),
    "genes": Case(
        n_rows=(6_859, 2_287, 2_287, 0), n_groups=30, make=genes, seconds=150.0, gigabytes=4.0, in_total=True
    ),
}


def write_tables(case: Case, folder: Path) -> None:
    """Write the files of a split and one draw, whose rows have the conditions of the test rows."""
    rng = np.random.default_rng(0)
    weights = np.linspace(5, 1, case.n_groups)
    groups = [rng.choice(case.n_groups, n_rows, p=weights / weights.sum()) for n_rows in case.n_rows]
    groups[2] = groups[1]
    train = case.make(groups[0], rng)
    transform, medians = Transform.fit(train), medians_at_gaps(train)
    for number, name in enumerate(("train", "test", "draw-0", "reference")):
        if case.n_rows[number]:
            table = train if number == 0 else case.make(groups[number], rng)
            stored = transform.round_whole(transform.apply(fill_gaps(table, medians)))
            write_table(stored, folder / f"{name}.h5ad", transform=transform)


class Clock:
    """Processor seconds of this process and its children, and those of them in results of `Shared` for real rows."""

    def __init__(self) -> None:
        self.real = 0.0
        self._depth = 0

    @staticmethod
    def now() -> float:
        return sum(os.times()[:4])

    @contextmanager
    def real_rows(self) -> Iterator[None]:
        """Add the time of the block, unless an outer block adds it."""
        self._depth += 1
        start = self.now()
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self.real += self.now() - start

    def watch(self, once: Callable[..., Any]) -> Callable[..., Any]:
        """Return `Shared.once` with the time of results of scope ``split`` added."""

        def timed(
            shared: Shared, key: Hashable, compute: Callable[[], Any], *, scope: Literal["draw", "split"] = "draw"
        ) -> Any:
            def computed() -> Any:
                with self.real_rows():
                    return compute()

            return once(shared, key, computed if scope == "split" else compute, scope=scope)

        return timed


def measure(names: Sequence[str], folder: Path, limit: int) -> None:
    """Compute metrics in this process, as a cell does; print one line of JSON for each."""
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))  # then SIGXCPU ends the process
    plugins = make_manager()
    metrics = [make_metric(choice, plugins) for choice in make_choices("metrics", list(names), plugins)]
    train, test, transform = read_evaluation_tables(folder)
    reference, synthetic = read_reference(folder), transform.apply(read_table(folder / "draw-0.h5ad"))
    lock_arrays([train, test, synthetic, reference])
    evaluation = Evaluation(train, test, synthetic, transform, reference=reference)
    clock = Clock()
    Shared.once = clock.watch(Shared.once)  # type: ignore[method-assign]  # also of those that metrics create
    for metric in metrics:
        clock.real, before, start = 0.0, clock.now(), time.perf_counter()
        with unchanged_process():
            found = compute_metric(metric, evaluation, MetricContext(seed=0))
        row = {
            "metric": metric.name,
            "wall": time.perf_counter() - start,
            "processor": clock.now() - before - clock.real,
            "real": clock.real,
            "gigabytes": peak_kilobytes() * 1024 / 1e9,
            "status": found.status,
            "reason": found.reason,
            "scores": {name: float(value) for name, value in found.result.scores.items()},
            "notes": list(found.result.notes),
        }
        print(json.dumps(row), flush=True)


def in_fresh_process(names: Sequence[str], folder: Path, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the measurements of metrics that are computed in one separate process."""
    limit = arguments.limit * len(names)
    command = [sys.executable, __file__, "--folder", str(folder), "--threads", str(arguments.threads)]
    command += ["--limit", str(limit), *(word for name in names for word in ("--metric", name))]
    start, n_found = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # because of PIPE
        for line in process.stdout:
            n_found += 1
            yield json.loads(line)
    if n_found < len(names):  # a bar that is missed, by an unknown amount
        stopped = process.returncode == -signal.SIGXCPU
        reason = f"stopped after {limit:g} s" if stopped else f"exit status {process.returncode}"
        taken = {"processor": math.inf, "wall": time.perf_counter() - start, "real": 0.0, "gigabytes": 0.0}
        yield {"metric": names[n_found], "status": "failed", "reason": reason, **taken}


def run_case(name: str, arguments: argparse.Namespace) -> bool:
    """Measure a case and print its table; return whether the bar is met."""
    case = CASES[name]
    names = (
        arguments.metric or case.metrics or [one for one in make_manager().entries("metrics") if one not in LEFT_OUT]
    )
    print(f"\n{name}: {' / '.join(f'{n:,}' for n in case.n_rows)} training / test / synthetic / reference rows")
    print(f"{'metric':26}{'processor s':>12}{'wall s':>9}{'real rows s':>13}{'peak GB':>9}  reason", flush=True)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as text:
        write_tables(case, Path(text))
        for group in [names] if arguments.together else [[one] for one in names]:
            for row in in_fresh_process(group, Path(text), arguments):
                rows.append(row)
                print(
                    f"{row['metric']:26}{row['processor']:>12.1f}{row['wall']:>9.1f}{row['real']:>13.1f}"
                    f"{row['gigabytes']:>9.2f}  {row['reason']}",
                    flush=True,
                )
                for note in row.get("notes", ()) if arguments.notes else ():
                    print(f"    {note}", flush=True)
    seconds = [row["processor"] + (0.0 if case.in_total else row["real"]) for row in rows]
    taken = sum(seconds) if case.in_total else max(seconds)
    peak = max(row["gigabytes"] for row in rows)
    failed = any(row["status"] == "failed" for row in rows)
    met = bool(taken < case.seconds and peak < case.gigabytes) and not failed
    print(f"{'together' if case.in_total else 'slowest'} {taken:.1f} s, largest process {peak:.2f} GB; ", end="")
    print(f"bar {case.seconds:g} s and {case.gigabytes:g} GB: {'met' if met else 'missed'}", flush=True)
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure seconds and peak memory of every metric.")
    parser.add_argument("--case", choices=CASES, action="append", help="one case; may be repeated; default: all")
    parser.add_argument("--metric", action="append", help="one metric; may be repeated; default: all of the case")
    parser.add_argument("--together", action="store_true", help="compute all metrics in one process, as a run does")
    parser.add_argument("--threads", type=int, default=1, help="threads of a process (default 1)")
    parser.add_argument("--limit", type=int, default=600, help="processor seconds after which a metric is stopped")
    parser.add_argument("--notes", action="store_true", help="print the notes of each metric, such as on subsampling")
    parser.add_argument("--folder", type=Path, help="compute the metrics on this folder's tables and print JSON")
    arguments = parser.parse_args()
    limit_threads(arguments.threads)
    if arguments.folder:
        measure(arguments.metric, arguments.folder, arguments.limit)
        return 0
    machine = describe_environment(threads=arguments.threads, device="cpu")
    print(f"{machine.cpu}, {machine.cores} cores, {arguments.threads} threads, Python {machine.python}")
    return int(not all([run_case(name, arguments) for name in arguments.case or CASES]))


if __name__ == "__main__":
    sys.exit(main())
