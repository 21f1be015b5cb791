from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tabgenbench.options import parse_plugin_string
from tabgenbench.records import (
    Card,
    CellIdentity,
    CellRecord,
    DrawScores,
    Environment,
    Fallback,
    Phase,
    RunInfo,
    ScoreRecord,
    ScoreSpec,
    SuiteRecord,
    SuiteRow,
)
from tabgenbench.store.store import Store

GAMMA = ScoreSpec(
    name="gamma",
    direction="higher",
    low=-1,
    high=1,
    description="Agreement of the gene-gene correlation matrices of test and synthetic rows",
    blind_to="variance, and anything inside a condition",
    floor="shuffled",
    citation="Viñas et al. 2022",
)
KS = ScoreSpec(name="mean-ks", direction="lower", low=0, high=1, description="Mean Kolmogorov-Smirnov distance.")
RATIO = ScoreSpec(name="variance-ratio", direction="one", low=0, description="Total variance, synthetic / real.")
DEND = ScoreSpec(name="s-dend", direction="higher", low=-1, high=1, ranked=False)
UMAP = ScoreSpec(name="umap-overall", direction="higher", low=0, high=1, ranked=False, headline=True)
PCA = tuple(ScoreSpec(name=f"pca-{name}", direction="higher", low=0, headline=True) for name in ("overall", "mixing"))
WITHIN = ScoreSpec(name="gamma-within", direction="higher", low=-1, high=1, headline=True)
DISTANCE = ScoreSpec(name="distance", direction="lower", low=0, question="fidelity", floor="shuffled", headline=True)
OVERLAP = ScoreSpec(name="overlap", direction="higher", high=1, question="fidelity", floor="shuffled", headline=True)
ACCURACY = OVERLAP.model_copy(update={"name": "accuracy", "low": 0, "ceiling": ""})
UNRANKED = OVERLAP.model_copy(update={"name": "unranked", "ranked": False})
DETAIL = OVERLAP.model_copy(update={"name": "detail", "headline": False})
SPREAD = ScoreSpec(name="correlation-spread", direction="one", low=0)
SPECS: dict[str, tuple[ScoreSpec, ...]] = {
    "gamma": (GAMMA,),
    "moments": (KS, RATIO),
    "dendrogram": (DEND,),
    "gamma-within": (WITHIN,),
    "pca-separability": PCA,
    "umap-separability": (UMAP,),
    "correlation-pairs": (SPREAD,),
    "distance": (DISTANCE,),
    "overlap": (OVERLAP,),
    "accuracy": (ACCURACY,),
    "unranked": (UNRANKED,),
    "detail": (DETAIL,),
    "ratio": (ScoreSpec(name="ratio", direction="one", low=0, floor="shuffled"),),
}
CONTROLS = ("condition-mvn", "real-resample", "shuffled", "condition-mean", "truth")

Value = float | Sequence[float] | str


@dataclass
class FakeRun:
    """Writes the records of a run, and the suite that requested them.

    A value is a number, one number per draw, or a string: the reason why the score is undefined in the first draw.
    """

    store: Store
    suite: SuiteRecord = field(
        default_factory=lambda: SuiteRecord(name="tiny", summary="A run.", command="tabgenbench run tiny --splits 3")
    )
    draws: int = 2

    def key(self, *parts: object) -> str:
        return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]

    def ask(
        self,
        label: str,
        *,
        dataset: str = "cells",
        split: int = 0,
        seed: int = 0,
        metrics: Sequence[str] = ("gamma",),
        title: str = "",
    ) -> SuiteRow:
        """List a cell in the suite without writing its record."""
        key = self.key(dataset, label, split, seed)
        name = label.partition(":")[0]
        row = SuiteRow(
            key=key,
            dataset=dataset,
            split=split,
            label=label,
            seed=seed,
            is_control=name in CONTROLS,
            scores={metric: self.key(key, metric) for metric in metrics},
            title=title,
        )
        self.suite.rows.append(row)
        return row

    def cell(
        self,
        label: str,
        scores: Mapping[str, Mapping[str, Value]],
        *,
        dataset: str = "cells",
        split: int = 0,
        seed: int = 0,
        fit_seconds: float = 1.0,
        note: str = "27 of 52 files, 1,078 rows",
        title: str = "",
        **more: Any,
    ) -> CellRecord:
        """Write a successful cell and its scores by metric."""
        row = self.ask(label, dataset=dataset, split=split, seed=seed, metrics=tuple(scores), title=title)
        record = self._record(row, note=note, fit_seconds=fit_seconds, **more)
        self.store.write_cell(record)
        for metric, values in scores.items():
            self.score(row, metric, values)
        return record

    def broken(self, label: str, status: str, reason: str, *, split: int = 0, **more: Any) -> SuiteRow:
        """Write an unsuccessful cell."""
        row = self.ask(label, split=split, **more)
        record = self._record(row, note="", fit_seconds=1.0, status=status, reason=reason)
        record.phases = {"fit": Phase(status=record.status, seconds=1.0)}
        self.store.write_cell(record)
        return row

    def score(self, row: SuiteRow, metric: str, values: Mapping[str, Value], **more: Any) -> None:
        """Write the scores of a metric."""
        specs = list(SPECS[metric.partition(":")[0]])
        draws = []
        for draw in range(self.draws):
            found: dict[str, float] = {}
            undefined: dict[str, str] = {}
            for name, value in values.items():
                if isinstance(value, str):
                    if draw == 0:
                        undefined[name] = value
                    else:
                        found[name] = 0.5
                else:
                    found[name] = value if isinstance(value, float | int) else value[draw]
            draws.append(DrawScores(draw=draw, scores=found, undefined=undefined))
        record = ScoreRecord(
            key=row.scores[metric],
            cell_key=row.key,
            metric=metric.partition(":")[0],
            specs=specs,
            **{"status": "ok", "draws": draws, **more},
        )
        self.store.write_score(record, RunInfo(metric=metric, seconds=0.25))

    def _record(self, row: SuiteRow, *, note: str, fit_seconds: float, **more: Any) -> CellRecord:
        name, options = parse_plugin_string(row.label)
        identity = CellIdentity(
            dataset=row.dataset,
            dataset_fingerprint="d" * 8,
            dataset_note=note,
            split=row.split,
            split_fingerprint=f"s{row.split}",
            split_kind="stratified, grouped",
            n_train=728,
            n_validation=80 + row.split,
            n_test=270 - row.split,
            n_features=969,
            generator=name,
            label=row.label,
            config={"epochs": 1400, **options} if not row.is_control else options,
            card=Card(summary=f"What {name} is", citation="Someone 2023", licence="MIT", url="https://x.org/a_b"),
            is_control=row.is_control,
            seed=row.seed,
            draws=self.draws,
        )
        defaults: dict[str, Any] = {
            "status": "ok",
            "phases": {
                "fit": Phase(status="ok", seconds=fit_seconds, peak_memory_bytes=300 * 2**20),
                "sample": Phase(status="ok", seconds=0.5, peak_memory_bytes=100 * 2**20),
            },
            "environment": Environment(
                packages={"numpy": "2.4.6", "torch": "2.13.0"},
                python="3.11.9",
                platform="Linux",
                git_commit="abc1234",
                cpu="A CPU",
                cores=2,
                threads=1,
                finished=f"2026-01-0{1 + row.split}T00:00:00Z",
            ),
        }
        return CellRecord(key=row.key, cell=identity, **{**defaults, **more})


@pytest.fixture
def run(tmp_path: Path) -> FakeRun:
    """An empty store with helpers that write records and the suite."""
    store = Store(tmp_path / "store")
    store.prepare()
    return FakeRun(store)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[[str], FakeRun]:
    """A function that creates further stores by name."""

    def make(name: str) -> FakeRun:
        store = Store(tmp_path / name)
        store.prepare()
        return FakeRun(store)

    return make


@pytest.fixture
def full_run(run: FakeRun) -> FakeRun:
    """A run with two models, a second config, controls, a failure, a skipped cell, a missing score and a waiting cell.

    Gamma of cvae is 0.92, 0.93, 0.94 over the splits. In each split, condition-mvn is about 0.01 higher, and
    real-resample is equal up to noise.
    """
    for split in range(3):
        base = 0.92 + 0.01 * split
        noise = (0.004, -0.006, 0.003)[split]
        little = 0.0002 * (split - 1)  # equal differences in all splits would not be significant
        curve = {"epoch": [1.0, 2.0, 3.0], "train": [9.0, 5.0, 3.0 + split], "validation": [10.0, 6.0, 4.0]}

        def moments(ks: float, ratio: Value, split: int = split) -> dict[str, Value]:
            return {"mean-ks": ks * (1 + 0.01 * split), "variance-ratio": ratio}

        run.cell(
            "cvae",
            {
                "gamma": {"gamma": (base - 0.001, base + 0.001)},
                "moments": moments(0.1, 0.44 + 0.01 * split),
                "dendrogram": {"s-dend": 0.3},
            },
            split=split,
            fit_seconds=310.0 + split,
            losses=curve,
            notes=["a batch of one row was merged"],
        )
        run.cell(
            "cvae:epochs=30,hidden=[64,32]",
            {
                "gamma": {"gamma": base - 0.02 - little},
                "moments": moments(0.2, "no test row varies" if split == 1 else 0.4),
            },
            split=split,
            fit_seconds=7.0,
        )
        run.cell(
            "condition-mvn",
            {"gamma": {"gamma": base + 0.01 + little}, "moments": moments(0.078, 1.0), "dendrogram": {"s-dend": 0.31}},
            split=split,
            fit_seconds=0.6,
            fallbacks=[Fallback(condition="colon, normal", rows=4, rule="pooled covariance")],
        )
        run.cell("real-resample", {"gamma": {"gamma": base + noise}, "moments": moments(0.063, 1.01)}, split=split)
        run.cell("shuffled", {"gamma": {"gamma": noise / 10}, "moments": moments(0.073, 2.05)}, split=split)
        run.broken("ctgan", "out_of_memory", "needs 20.0 GiB, the limit\nis 4.0 GiB | see <docs>", split=split)
        run.broken("truth", "skipped", "only simulated tables have a true distribution", split=split)
    run.ask("wgan", split=0)
    run.store.write_suite(run.suite)
    return run
