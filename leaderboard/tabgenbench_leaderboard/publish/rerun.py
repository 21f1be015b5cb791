"""Repetition of randomly chosen trainings of a suite and of their scores, in a temporary store (folder of results)."""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tabgenbench.data.split_config import SplitConfig
from tabgenbench.errors import ConfigError, DeviceError
from tabgenbench.formatting import count_text, place_text
from tabgenbench.options import make_options
from tabgenbench.records import CellIdentity, CellRecord, ScoreRecord, SuiteRecord, SuiteRow
from tabgenbench.registry.manager import Plugins
from tabgenbench.registry.suite import Choice, Suite, find_suite, parse_choice
from tabgenbench.run.choose_engine import EngineChoice, choose_engine
from tabgenbench.run.plan import OpenedDataset, open_dataset
from tabgenbench.run.request import PlannedRun, RunRequest, carry_out, plan_run
from tabgenbench.store.reader import RecordReader
from tabgenbench.store.snapshot import read_snapshot
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.publish.checks import REMOVED
from tabgenbench_leaderboard.publish.compare_scores import Repeated, ScoreComparer
from tabgenbench_leaderboard.publish.findings import Finding

__all__ = ["Rerun", "RerunRequest", "repeat_cells"]

NAME = "verify"


@dataclass(frozen=True, kw_only=True)
class RerunRequest:
    """Settings of a repetition of trainings.

    Attributes:
        number: number of trainings to repeat.
        seed: seed of the random choice of trainings.
        tolerance: largest accepted difference between a recorded and a repeated score, as a share of the score's range,
            if the machine, a package version or the code differs. None for the rule in the module `compare_scores`.
        datasets: for each dataset of the suite that no plugin provides, its data file or its card (TOML file).
        data_dir: root folder of downloaded data.
        executor: name of the engine that runs the trainings.
        say: function that receives each line of progress text.
    """

    number: int
    seed: int
    tolerance: float | None = None
    datasets: Sequence[str] = ()
    data_dir: Path | None = None
    executor: str = "local"
    say: Callable[[str], None] = print


@dataclass
class Rerun:
    """The result of `repeat_cells`.

    Attributes:
        findings: scores that differ from the recorded scores, and trainings that failed.
        repeated: number of repeated trainings.
        possible: number of trainings that the installed plugins can repeat.
    """

    findings: list[Finding] = field(default_factory=list)
    repeated: int = 0
    possible: int = 0


@dataclass(frozen=True)
class _Recorded:
    row: SuiteRow
    record: CellRecord
    scores: Mapping[str, ScoreRecord]

    @property
    def place(self) -> tuple[int, int | None]:
        return self.record.cell.split, self.record.cell.fold

    @property
    def settings(self) -> tuple[str, int, int, int, str]:
        environment, cell = self.record.environment, self.record.cell
        return (cell.dataset, cell.seed, cell.draws, environment.threads, environment.device.partition(":")[0])


def repeat_cells(store: Store, suite: SuiteRecord, request: RerunRequest, plugins: Plugins) -> Rerun:
    """Repeat randomly chosen trainings (cells) and their scores, and compare the scores with the recorded scores.

    Only trainings with scores are chosen. A repeated training has the recorded options, seed, number of synthetic
    tables, number of threads and kind of device. The split is computed again from the dataset and must have the
    recorded hash.

    Raises:
        ConfigError: no chosen training can be repeated with the installed plugins and devices, or a dataset of the
            suite is unknown.
        DataError: a dataset cannot be loaded.
    """
    cells = list(_recorded_cells(store, suite))
    obstacles = [_obstacle(cell, plugins) for cell in cells]
    known = [cell for cell, reason in zip(cells, obstacles, strict=True) if not reason]
    for reason, number in sorted(Counter(filter(None, obstacles)).items()):
        request.say(f"{count_text(number, 'cell')} cannot be repeated here: {reason}")
    if not known:
        raise ConfigError("--rerun: no cell of the suite can be repeated here; install the plugins that it names")
    chosen = random.Random(request.seed).sample(known, min(request.number, len(known)))
    request.say(f"repeating {len(chosen)} of {count_text(len(known), 'cell')}, chosen by --seed {request.seed}")
    comparer = ScoreComparer(suite, {cell.row.key: cell.scores for cell in cells}, request.tolerance)
    request.say(comparer.rule)
    result, repeater = Rerun(possible=len(known)), _Repeater(store, suite, request, plugins)
    for settings in sorted({cell.settings for cell in chosen}):
        group = [cell for cell in chosen if cell.settings == settings]
        try:
            result.findings += repeater.repeat(group, comparer)
            result.repeated += len(group)
        except DeviceError as error:
            request.say(f"{count_text(len(group), 'cell')} of them cannot be repeated here: {error}")
    if not result.repeated:
        raise ConfigError("--rerun: none of the chosen cells can be repeated here; run it on a machine like theirs")
    return result


def _recorded_cells(store: Store, suite: SuiteRecord) -> Iterator[_Recorded]:
    reader = RecordReader(store)
    for row in sorted({row.key: row for row in suite.rows}.values(), key=lambda row: row.key):
        found = read_snapshot(reader, row.key, row.scores)
        scores = {label: one for label, one in found.scores.items() if one is not None and one.status == "ok"}
        if found.record is not None and scores:
            yield _Recorded(row, found.record, scores)


def _obstacle(cell: _Recorded, plugins: Plugins) -> str:
    generator = cell.record.cell.generator
    if generator not in plugins.entries("generators"):
        return f"no installed plugin has the generator {generator!r}"
    if lacks := plugins.find("generators", generator).lacks:
        return f"generator {generator!r} {lacks}"
    if REMOVED in str(cell.record.cell.config):
        return "a path was removed from the options of their generator"
    if not any(_is_installed(score.metric, plugins) for score in cell.scores.values()):
        return "no installed plugin has their metrics"
    return ""


def _is_installed(metric: str, plugins: Plugins) -> bool:
    return metric in plugins.entries("metrics") and not plugins.find("metrics", metric).lacks


class _Repeater:
    def __init__(self, store: Store, suite: SuiteRecord, request: RerunRequest, plugins: Plugins) -> None:
        self.store, self.suite, self.request, self.plugins = store, suite, request, plugins

    def repeat(self, group: Sequence[_Recorded], comparer: ScoreComparer) -> list[Finding]:
        with tempfile.TemporaryDirectory(prefix="tabgenbench-verify-") as folder:
            planned = self._plan(Path(folder), group)
            if isinstance(planned, Finding):
                return [planned]
            cells = _restrict(planned, group)
            run = carry_out(planned, self.plugins)
            reader, metrics = RecordReader(run.store), run.plan.metrics
            findings = []
            for cell in group:
                repeated = cells[cell.row.key]
                found = read_snapshot(reader, repeated.key, repeated.metric_keys)
                labels = {label: _same_metric(score, metrics) for label, score in cell.scores.items()}
                scores = {label: found.scores.get(other) for label, other in labels.items() if other}
                again = Repeated(found.record, scores)
                differences, line = comparer.compare(cell.row, cell.record, before=cell.scores, again=again)
                findings += differences
                self.request.say(f"{cell.row.cell_title}: {line}")
            return findings

    def _plan(self, folder: Path, group: Sequence[_Recorded]) -> PlannedRun | Finding:
        cell = group[0].record.cell
        engine, opened = self._engine(group[0]), self._open(cell.dataset)
        n_splits = 1 + max(one.record.cell.split for one in group)
        made: dict[tuple[int, int | None], str] = {}
        differing: list[_Recorded] = []
        for config in _split_configs(self.store, self.suite, cell.split_fingerprint, self.plugins):
            asked = RunRequest(
                suite=_suite_of(group, config, n_splits, self.plugins),
                datasets=[opened],
                engine=engine,
                store=folder,
                say=self.request.say,
                command="tabgenbench verify --rerun",
                is_quiet=True,
            )
            planned = plan_run(asked, self.plugins)
            [dataset] = planned.datasets
            if dataset.index.fingerprint != cell.dataset_fingerprint:
                expected = f"{dataset.index.fingerprint}, that of {cell.dataset} on this machine"
                where = f"cells/{group[0].row.key}/fit.json"
                return Finding(where, f"dataset fingerprint is {cell.dataset_fingerprint}", expected)
            made = {(info.index, info.fold): info.fingerprint for info in dataset.splits}
            differing = [one for one in group if made.get(one.place) != one.record.cell.split_fingerprint]
            if not differing:
                return planned
        one = differing[0]
        expected = f"{made.get(one.place, 'none')}, that of {place_text(*one.place)} of {cell.dataset} made again"
        what = f"split fingerprint is {one.record.cell.split_fingerprint}"
        return Finding(f"cells/{one.row.key}/fit.json", what, expected)

    def _engine(self, cell: _Recorded) -> EngineChoice:
        environment = cell.record.environment
        fixed = {"workers": None, "address": None, "slots_per_gpu": 1, "timeout": None, "memory": None}
        options = {
            "executor": self.request.executor,
            "device": environment.device.partition(":")[0],
            "threads": environment.threads or None,
            "timing": False,
            "retry_failed": False,
            "keep_models": False,
        }
        return choose_engine({**fixed, **options}, self.plugins)

    def _open(self, label: str) -> OpenedDataset:
        for text in self.request.datasets:
            opened = open_dataset(parse_choice(text), self.plugins, self.request.data_dir)
            if opened.label == label:
                return opened
        name = label.partition(":")[0]
        if name not in self.plugins.entries("datasets"):
            raise ConfigError(f"--rerun: dataset {label!r} is not registered; name its file or card with -d")
        return open_dataset(parse_choice(label), self.plugins, self.request.data_dir)


def _split_configs(store: Store, suite: SuiteRecord, fingerprint: str, plugins: Plugins) -> Iterator[SplitConfig]:
    # Older suite records have no settings, so all possible settings are tried.
    if suite.split:
        yield make_options(SplitConfig, suite.split, where=f"suite {suite.name!r}: split")
        return
    path = store.split_folder(fingerprint) / "split.json"
    if path.is_file():
        yield make_options(SplitConfig, json.loads(path.read_text(encoding="utf-8"))["config"], where=str(path))
    if suite.name in plugins.suites():
        yield find_suite(suite.name, plugins).split
    yield SplitConfig()


def _suite_of(group: Sequence[_Recorded], split: SplitConfig, splits: int, plugins: Plugins) -> Suite:
    cell = group[0].record.cell
    generators = {_choice(one.record.cell.generator, one.record.cell.config): one for one in group}
    metrics = {_choice(score.metric, score.config): score for one in group for score in one.scores.values()}
    return Suite(
        name=NAME,
        datasets=(Choice(name=cell.dataset),),
        generators=tuple(
            Choice(name=one.record.cell.generator, options=one.record.cell.config) for one in generators.values()
        ),
        metrics=tuple(
            Choice(name=score.metric, options=score.config)
            for score in metrics.values()
            if _is_installed(score.metric, plugins)
        ),
        splits=splits,
        seeds=1,
        first_seed=cell.seed,
        draws=cell.draws,
        split=split,
    )


def _choice(name: str, config: Mapping[str, Any]) -> str:
    return json.dumps([name, dict(config)], sort_keys=True)


def _work(cell: CellIdentity) -> tuple[str, int, int | None]:
    # The key of a training cannot be used, because it depends on code.
    return _choice(cell.generator, cell.config), cell.split, cell.fold


def _restrict(planned: PlannedRun, group: Sequence[_Recorded]) -> dict[str, Any]:
    run, kept = planned.run, {}
    plan = {_work(cell.identity): cell for cell in run.plan.cells}
    for one in group:
        cell = plan[_work(one.record.cell)]
        labels = {_same_metric(score, run.plan.metrics) for score in one.scores.values()}
        keys = {label: key for label, key in cell.metric_keys.items() if label in labels}
        kept[one.row.key] = replace(cell, metric_keys=keys)
    run.plan = replace(run.plan, cells=tuple(kept.values()))
    return kept


def _same_metric(score: ScoreRecord, metrics: Mapping[str, Any]) -> str:
    place = _choice(score.metric, score.config)
    return next((label for label, metric in metrics.items() if _choice(metric.name, metric.config) == place), "")
