"""Build the board of a store of 10,000 cells, and of 10,000 scores, in a fresh process; print seconds and peak memory.

The bars, in seconds of processor time: a board as text in 3 s, and in all formats with figures in 10 s; both in 500 MB.
Two stores are measured: 10,000 trained cells, each with the scores of two metrics (50,000 files), and 5,000 cells with
10,000 scores (25,000 files). Figures are drawn in several processes, so the wall time of all formats is shorter than
the processor time on an idle machine, and longer if other programs use the machine.
"""

from __future__ import annotations

import hashlib
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from tabgenbench.engines.environment import available_cores, describe_environment
from tabgenbench.records import (
    Card,
    CellIdentity,
    CellRecord,
    DrawScores,
    Environment,
    Phase,
    RunInfo,
    ScoreRecord,
    ScoreSpec,
    SuiteRecord,
    SuiteRow,
)
from tabgenbench.store.store import Store

SECONDS, ALL_SECONDS, MEGABYTES = 3.0, 10.0, 500.0
EPOCHS, DRAWS = 200, 5
MODELS, CONTROLS = 16, ("condition-mvn", "real-resample", "shuffled", "condition-mean")
DATASETS, SEEDS = 5, 5
METRICS = {"correlations": ("gamma", "correlation-spread", "correlation-error"), "moments": ("mean-ks", "variance")}
CHILD = """
import atexit, pathlib, sys
def note():
    lines = pathlib.Path('/proc/self/status').read_text().splitlines()
    pathlib.Path(sys.argv[1]).write_text(next(line.split()[1] for line in lines if line.startswith('VmHWM')))
atexit.register(note)
from tabgenbench.commands.cli import main
main(sys.argv[2:])
"""


def key(*parts: object) -> str:
    """Return a key of the usual length."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:32]


def spec(name: str) -> ScoreSpec:
    """Return the specification of a score, with texts as long as those of a built-in metric."""
    return ScoreSpec(
        name=name,
        direction="higher" if name == "gamma" else "lower",
        low=-1.0 if name == "gamma" else 0.0,
        high=1.0,
        description="Agreement of the feature-feature correlation matrices of test rows and synthetic rows. " * 2,
        blind_to="the scale of single features, and anything that differs between conditions only",
        floor="shuffled",
        citation="Somebody and Other 2020, Journal of Tables 12, section 3.4, formula 7",
    )


def row(number: int, dataset: int, split: int, seed: int) -> SuiteRow:
    """Return a row of the suite: one cell and its scores."""
    control = number >= MODELS
    label = CONTROLS[number - MODELS] if control else f"model-{number}:epochs={EPOCHS},hidden=[256,{16 * number}]"
    place = key("cell", dataset, label, split, seed)
    scores = {metric: key(metric, place) for metric in METRICS}
    name = f"table-{dataset}:genes=all"
    return SuiteRow(key=place, dataset=name, split=split, label=label, seed=seed, is_control=control, scores=scores)


def cell_record(asked: SuiteRow, environment: Environment, rng: random.Random) -> CellRecord:
    """Return the record of a successful cell; a model's record has loss curves of 200 epochs."""
    generator = asked.label.partition(":")[0]
    curves: dict[str, list[float | None]] = {"epoch": [float(epoch + 1) for epoch in range(EPOCHS)]}
    for name in ("train", "validation", "kl"):
        level = rng.uniform(1, 3)
        curves[name] = [level * math.exp(-epoch / 50) + rng.random() / 100 for epoch in range(EPOCHS)]
    return CellRecord(
        key=asked.key,
        cell=CellIdentity(
            dataset=asked.dataset,
            dataset_fingerprint=key(asked.dataset),
            dataset_note="52 of 52 files, 9,850 rows",
            split=asked.split,
            split_fingerprint=key(asked.dataset, asked.split),
            split_kind="stratified, grouped",
            n_train=6900,
            n_validation=760,
            n_test=2190 + asked.split,
            n_features=18154,
            generator=generator,
            label=asked.label,
            config={f"option_{i}": [i, str(i), i / 7][i % 3] for i in range(0 if asked.is_control else 15)},
            card=Card(
                summary=f"What {generator} is, in one sentence that a reader of the board understands",
                citation="Somebody and Other 2020, Journal of Tables 12",
                licence="Apache-2.0",
                url="https://example.org/somebody/model",
            ),
            is_control=asked.is_control,
            seed=asked.seed,
            draws=DRAWS,
        ),
        status="ok",
        phases={
            "prepare": Phase(status="ok", seconds=rng.uniform(1, 2)),
            "fit": Phase(status="ok", seconds=rng.uniform(50, 60), peak_memory_bytes=rng.randrange(2**28, 2**30)),
            "sample": Phase(status="ok", seconds=rng.uniform(1, 2), peak_memory_bytes=rng.randrange(2**27, 2**28)),
        },
        losses={} if asked.is_control else curves,
        notes=["the last batch of an epoch held one row and was joined to the one before it"],
        environment=environment,
    )


def score_record(asked: SuiteRow, metric: str, rng: random.Random) -> ScoreRecord:
    """Return the scores of a metric on all draws of a cell."""
    names = METRICS[metric]
    scores = [{name: rng.gauss(0.5, 0.05) for name in names} for _ in range(DRAWS)]
    return ScoreRecord(
        key=asked.scores[metric],
        cell_key=asked.key,
        metric=metric,
        config={"features": None, "block": 2048},
        specs=[spec(name) for name in names],
        status="ok",
        draws=[DrawScores(draw=draw, scores=found) for draw, found in enumerate(scores)],
    )


def files_of(asked: SuiteRow, environment: Environment, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield the files of a cell, by their paths below its folder."""
    yield "fit.json", cell_record(asked, environment, rng).model_dump_json(indent=1)
    for metric, name in asked.scores.items():
        yield f"scores/{name}.json", score_record(asked, metric, rng).model_dump_json(indent=1)
        info = RunInfo(metric=metric, seconds=rng.uniform(0.1, 0.3), environment=environment)
        yield f"runs/{name}.json", info.model_dump_json(indent=1)


def fill(store: Store, splits: int) -> int:
    """Write the store's files directly, without atomic replacement; return the number of cells."""
    store.prepare()
    rng = random.Random(0)
    environment = describe_environment(threads=1, device="cpu", workers=available_cores())
    numbers = product(range(MODELS + len(CONTROLS)), range(DATASETS), range(splits), range(SEEDS))
    rows = [row(*number) for number in numbers]
    for asked in rows:
        folder = store.cell_folder(asked.key)
        for name in ("scores", "runs"):
            (folder / name).mkdir(parents=True)
        for name, text in files_of(asked, environment, rng):
            (folder / name).write_text(text + "\n", encoding="utf-8")
    store.write_suite(SuiteRecord(name="large", summary="A large suite.", command="tabgenbench run large", rows=rows))
    return len(rows)


@dataclass(frozen=True)
class Taken:
    """Cost of a process: wall seconds including its start, seconds of processor time, peak memory in MB."""

    seconds: float
    processor: float
    megabytes: float

    def meets(self, seconds: float) -> bool:
        """Whether the processor time and the memory are below their bars."""
        return self.processor < seconds and self.megabytes < MEGABYTES

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s ({self.processor:.1f} s of processor time), {self.megabytes:.0f} MB"


def measure(folder: Path, *options: str) -> Taken:
    """Build the board in a fresh process."""
    peak = folder / "peak"
    arguments = ["leaderboard", "large", "--full", "--store", str(folder / "store")]
    command = [sys.executable, "-c", CHILD, str(peak), *arguments]
    start, before = time.perf_counter(), os.times()
    done = subprocess.run([*command, *options], check=True, capture_output=True, text=True)
    seconds, after = time.perf_counter() - start, os.times()
    if "Leaderboard: large" not in done.stdout or "generator" not in done.stdout:
        raise SystemExit(f"leaderboard: printed no board; {done.stderr}")
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return Taken(seconds, processor, int(peak.read_text()) * 1024 / 1e6)


def compare(splits: int) -> bool:
    """Print the costs for one size of store and the bars; return whether the bars are met."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        cells = fill(Store(folder / "store"), splits)
        built = time.perf_counter() - start
        size = sum(path.stat().st_size for path in (folder / "store").rglob("*.json")) / 1e6
        scores = cells * len(METRICS)
        print(f"{cells:,} cells, {scores:,} scores, {size:,.0f} MB of records (written in {built:.0f} s)", flush=True)
        text = sorted((measure(folder) for _ in range(3)), key=lambda taken: taken.processor)[1]
        kept = text.meets(SECONDS)
        print(f"  text, median of 3: {text}; {bar_text(SECONDS, kept=kept)}", flush=True)
        taken = measure(folder, "--out", str(folder / "board"))
        written = [path.stat().st_size for path in (folder / "board").rglob("*") if path.is_file()]
        all_kept = taken.meets(ALL_SECONDS)
        print(f"  all formats: {taken}; {bar_text(ALL_SECONDS, kept=all_kept)}", flush=True)
        print(f"  {len(written)} files of {sum(written) / 1e6:.0f} MB", flush=True)
    return kept and all_kept


def bar_text(seconds: float, *, kept: bool) -> str:
    """Return a bar in words."""
    return f"bar {seconds:.0f} s of processor time and {MEGABYTES:.0f} MB: {'met' if kept else 'missed'}"


def main() -> int:
    """Measure both sizes; return 1 if a bar is missed."""
    machine = describe_environment(threads=1, device="cpu")
    print(f"{machine.cpu}, {machine.cores} cores, Python {machine.python}; records in the page cache")
    return int(not all([compare(splits) for splits in (20, 10)]))


if __name__ == "__main__":
    sys.exit(main())
