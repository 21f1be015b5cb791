"""Comparison of synthetic tables from other programs with controls (simple reference generators).

The results are stored as a suite whose only split is the given training and test rows. The specification of each score
names its controls, which are trained and sampled in this process.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabgenbench.data.gaps import fill_gaps, medians_at_gaps
from tabgenbench.data.table import Table
from tabgenbench.data.transform import Transform
from tabgenbench.engines.environment import describe_environment
from tabgenbench.errors import DataError, PluginError, Unsupported
from tabgenbench.interfaces.checks import check_makes, check_sample
from tabgenbench.interfaces.evaluation import Evaluation, Shared, Side, lock_arrays
from tabgenbench.interfaces.generator import FitContext, Generator, SampleContext
from tabgenbench.interfaces.metric import Metric, MetricContext
from tabgenbench.interfaces.report import Board
from tabgenbench.records import (
    Card,
    CellIdentity,
    CellRecord,
    DrawScores,
    Environment,
    Phase,
    RunInfo,
    ScoreRecord,
    SuiteRecord,
    SuiteRow,
)
from tabgenbench.registry.keys import make_key, seed_of
from tabgenbench.registry.manager import Plugins
from tabgenbench.registry.suite import Choice, Suite
from tabgenbench.run.name_tables import file_stem, name_tables
from tabgenbench.run.plan import GeneratorChoice, MetricChoice, cell_key, metric_key, resolve
from tabgenbench.run.read_scored import Data, ReadRequest, read_scored_tables
from tabgenbench.run.score_tables import ScoreRequest, chosen_metrics, compute_metric, make_metric
from tabgenbench.store.store import Store

__all__ = ["ONE_SPLIT", "SUITE", "rank_tables", "ranked_board"]

SUITE = "scored-tables"
REPORT = "leaderboard"
ONE_SPLIT = "There is one split: values have no intervals and are not scaled by controls, and tables have no rank."
MACHINE: dict[str, Any] = {"device": "cpu", "threads": 1}


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """A synthetic table from another program or from a control, with its description.

    Attributes:
        stored: the table in the form in which a run stores it: as counts, or on the evaluation scale.
        phases: times of training and sampling a control; empty for a table from another program.
    """

    name: str
    stored: Table
    card: Card
    config: dict[str, Any]
    code: str
    is_control: bool
    phases: dict[str, Phase]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Split:
    train: Table
    test: Table
    transform: Transform
    name: str


@contextmanager
def ranked_board(request: ScoreRequest, plugins: Plugins, *, command: str) -> Iterator[Board]:
    """Yield the board of the compared tables; the files of the board are deleted when the ``with`` block ends.

    See `rank_tables` for arguments and errors.
    """
    with tempfile.TemporaryDirectory(prefix="tabgenbench-") as folder:
        rank_tables(request, Store(Path(folder)), plugins, command=command)
        yield plugins.find("reports", REPORT).load_fitting("reports")().build(Path(folder), SUITE)


def rank_tables(request: ScoreRequest, store: Store, plugins: Plugins, *, command: str) -> SuiteRecord:
    """Score synthetic tables and controls, and write the scores to a store as the records of a suite.

    Args:
        request: the tables; `name_tables` names the tables in ``synthetic``.
        store: the store, which is created if necessary.
        plugins: the metrics and the controls.
        command: the command line that the board shows.

    Returns:
        The record of the suite, with one entry for each table and each control.

    Raises:
        DataError: a table cannot be used, the columns of the tables differ, or two tables, or a table and a control,
            have the same name.
        ConfigError: a metric or an option is unknown.
        PluginError: a metric's class cannot be used.
    """
    named = name_tables(request.synthetic)
    choices = chosen_metrics(request, plugins)
    controls = _controls(choices, plugins)
    for name in set(named) & set(controls):
        raise DataError(f"synthetic tables: {name!r} is also the name of a control; rename the table")
    found = Suite(
        name=SUITE,
        datasets=(Choice(name=SUITE),),
        generators=tuple(Choice(name=name) for name in controls),
        metrics=choices,
    )
    resolved = resolve(found, plugins)
    split, synthetic = _read(request, named)
    store.prepare()
    metrics = [make_metric(choice, plugins) for choice in choices]
    scorer = _Scorer(split, metrics, resolved.metrics, store, request)
    rows = [scorer.record(candidate) for candidate in synthetic]
    pairs = zip(choices, resolved.metrics, strict=True)
    wanted = _controls([choice for choice, metric in pairs if metric.label in scorer.applied], plugins)
    for choice in resolved.generators:
        if choice.name not in wanted:
            continue
        try:
            rows.append(scorer.record(_control(choice, plugins, split, request.seed)))
        except (PluginError, Unsupported) as error:
            request.say(f"note: control {choice.name} is left out: {error}")
    suite = SuiteRecord(name=SUITE, summary=f"Synthetic tables from files or memory. {ONE_SPLIT}", command=command)
    suite.rows = rows
    store.write_suite(suite)
    return suite


def _controls(metrics: Sequence[Choice], plugins: Plugins) -> list[str]:
    names: dict[str, None] = {}
    for choice in metrics:
        for spec in plugins.find("metrics", choice.name).load_fitting("metrics").scores:
            names.update(dict.fromkeys((spec.ceiling, spec.floor, *spec.detects, *spec.misses)))
    found, known = [], plugins.entries("generators")
    for name in names:
        with suppress(PluginError):  # a control whose packages are not installed
            kind = known[name].load_fitting("generators") if name in known else None
            if kind is not None and kind.is_control and kind.trained_on == "train":
                found.append(name)
    return found


def _read(request: ScoreRequest, named: Mapping[str, Data]) -> tuple[_Split, list[_Candidate]]:
    tables = read_scored_tables(
        ReadRequest(
            train=request.train,
            test=request.test,
            synthetic={f"synthetic table {name!r}": table for name, table in named.items()},
            conditions=request.conditions,
            ignore=request.ignore,
            log2p1=request.log2p1,
            say=request.say,
        )
    )
    transform, medians = Transform.fit(tables.train), medians_at_gaps(tables.train)
    train, test, *synthetic = (fill_gaps(one, medians) for one in (tables.train, tables.test, *tables.synthetic))
    name = file_stem(Path(request.train)) if isinstance(request.train, str | Path) else "table"
    found = []
    for label, table in zip(named, synthetic, strict=True):
        note = f"{table.n_rows:,} rows from {named[label]}" if isinstance(named[label], str | Path) else ""
        card = Card(summary=f"A synthetic table of {table.n_rows:,} rows, made elsewhere.")
        stored = table if transform.library is not None else transform.apply(table)
        notes = (note,) if note else ()
        code = make_key(table=table.fingerprint())
        found.append(
            _Candidate(
                name=label, stored=stored, card=card, config={}, code=code, is_control=False, phases={}, notes=notes
            )
        )
    return _Split(train=train, test=test, transform=transform, name=name), found


def _control(choice: GeneratorChoice, plugins: Plugins, split: _Split, seed: int) -> _Candidate:
    kind: type[Generator] = plugins.find("generators", choice.name).load_fitting("generators")
    check_makes(kind, split.train.schema)
    train = split.transform.for_generator(split.train) if kind.scale == "standardized" else split.train
    kind.supports(train.schema, train.n_rows, train.n_features)
    generator = kind(kind.Config.model_validate(choice.config))
    asked = split.test.conditions
    started = time.perf_counter()
    generator.fit(train, None, FitContext(device="cpu", seed=seed_of(seed, "fit")))
    fitted = time.perf_counter()
    context = SampleContext(device="cpu", seed=seed_of(seed, "sample", 0))
    rows = check_sample(generator.sample(asked.copy(), context), asked, like=train, plugin=choice.name)
    ended = time.perf_counter()
    return _Candidate(
        name=choice.label,
        stored=split.transform.to_store(rows),
        card=choice.card,
        config=choice.config,
        code=choice.code,
        is_control=True,
        phases={
            "fit": Phase(status="ok", seconds=fitted - started),
            "sample": Phase(status="ok", seconds=ended - fitted),
        },
        notes=tuple(map(str, context.notes)),
    )


class _Scorer:
    def __init__(
        self,
        split: _Split,
        metrics: Sequence[Metric],
        choices: Sequence[MetricChoice],
        store: Store,
        request: ScoreRequest,
    ) -> None:
        self._split, self._store, self._request = split, store, request
        self._metrics = dict(zip([choice.label for choice in choices], metrics, strict=True))
        self._choices = {choice.label: choice for choice in choices}
        self._keys = {one.label: metric_key(one.name, one.config, one.code) for one in choices}
        self._environment: Environment = describe_environment(threads=1)
        self._train, self._test = (split.transform.apply(one) for one in (split.train, split.test))
        self._fingerprint = make_key(train=split.train.fingerprint(), test=split.test.fingerprint())
        self._shared = Shared()
        self.applied: set[str] = set()  # labels of the metrics that gave a result for some table

    def record(self, candidate: _Candidate) -> SuiteRow:
        """Score a synthetic table, write the records, and return the table's entry in the record of the suite."""
        identity = self._identity(candidate)
        key = cell_key(identity, code=candidate.code, **MACHINE)
        self._store.write_cell(
            CellRecord(
                key=key,
                cell=identity,
                status="ok",
                phases=candidate.phases,
                notes=list(candidate.notes),
                environment=self._environment,
            )
        )
        evaluation = self._evaluation(candidate)
        context = MetricContext(seed=seed_of(self._request.seed, "metric"))
        for label, metric in self._metrics.items():
            self._score(key, label, metric, evaluation, context)
        return SuiteRow(
            key=key,
            dataset=identity.dataset,
            split=0,
            label=identity.label,
            seed=identity.seed,
            is_control=candidate.is_control,
            scores=dict(self._keys),
        )

    def _evaluation(self, candidate: _Candidate) -> Evaluation:
        split, counts = self._split, {}
        if split.transform.library is not None:
            own: dict[Side, Table] = {"train": split.train, "test": split.test}
            counts = {**own, "synthetic": split.transform.invert(candidate.stored)}
        synthetic = split.transform.apply(candidate.stored)
        self._shared.next_draw()
        lock_arrays([self._train, self._test, synthetic, *counts.values()])
        return Evaluation(self._train, self._test, synthetic, split.transform, self._shared, counts=counts)

    def _score(self, key: str, label: str, metric: Metric, evaluation: Evaluation, context: MetricContext) -> None:
        started = time.perf_counter()
        found, choice = compute_metric(metric, evaluation, context), self._choices[label]
        if found.status == "ok":
            self.applied.add(label)
        seconds, result = time.perf_counter() - started, found.result
        scores = {name: float(value) for name, value in sorted(result.scores.items())}
        draw = DrawScores(draw=0, scores=scores, undefined=dict(result.undefined), notes=list(result.notes))
        record = ScoreRecord(
            key=self._keys[label],
            cell_key=key,
            metric=metric.name,
            config=choice.config,
            specs=list(choice.specs),
            status=found.status,
            reason=found.reason,
            draws=[draw] if found.status == "ok" else [],
        )
        folder = self._store.cell_folder(key) / "scores"
        for name, frame in result.artifacts.items():
            self._store.write_text(folder / f"{record.key}.{name}.csv", frame.assign(draw=0).to_csv(index=False))
        info = RunInfo(metric=label, code=choice.code, seconds=seconds, environment=self._environment)
        self._store.write_score(record, info)

    def _identity(self, candidate: _Candidate) -> CellIdentity:
        split = self._split
        return CellIdentity(
            dataset=split.name,
            dataset_fingerprint=self._fingerprint,
            split=0,
            split_fingerprint=self._fingerprint,
            split_kind="given training and test rows",
            n_train=split.train.n_rows,
            n_validation=0,
            n_test=split.test.n_rows,
            n_features=split.train.n_features,
            n_categorical=split.train.schema.n_categorical,
            generator=candidate.name,
            label=candidate.name,
            config=candidate.config,
            card=candidate.card,
            is_control=candidate.is_control,
            seed=self._request.seed,
            draws=1,
            code=candidate.code,
        )
