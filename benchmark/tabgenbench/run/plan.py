"""The plan of a run: all trainings (cells) and their metrics, with validated options and with keys."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from tabgenbench.data.schema import Schema
from tabgenbench.errors import ConfigError
from tabgenbench.interfaces.dataset import DatasetSource
from tabgenbench.interfaces.kinds import Kind
from tabgenbench.options import Options, make_options
from tabgenbench.records import SCHEMA_VERSION, Card, CellIdentity, ScoreSpec, SuiteRecord, SuiteRow
from tabgenbench.registry.file_source import FileSource, looks_like_file
from tabgenbench.registry.keys import class_hash, code_hash, make_key
from tabgenbench.registry.lazy import Target, target_of
from tabgenbench.registry.manager import Plugins
from tabgenbench.registry.suite import Choice, Suite, is_for
from tabgenbench.run.prepare import Prepared
from tabgenbench.store.dataset_index import SplitInfo

__all__ = [
    "Cell",
    "GeneratorChoice",
    "MetricChoice",
    "OpenedDataset",
    "Plan",
    "cell_key",
    "label_of",
    "make_plan",
    "metric_key",
    "open_dataset",
]


class OpenedDataset(NamedTuple):
    """A dataset of a run.

    Attributes:
        source: source of the table.
        code: hash of the source's code.
        label: name of the dataset on boards.
        train_rows: number of training rows, or None for the number that the suite sets.
    """

    source: DatasetSource
    code: str
    label: str
    train_rows: int | None = None

    def named(self, label: str) -> OpenedDataset:
        """Return the dataset with a new label, to which the option ``train_rows`` is appended if it is set."""
        if self.train_rows is not None:
            label += f"{',' if ':' in label else ':'}train_rows={self.train_rows}"
        return self._replace(label=label)


@dataclass(frozen=True, kw_only=True)
class PluginChoice:
    """A generator or a metric of a suite, with all options.

    Attributes:
        distribution: Python distribution that registers the plugin.
        label: name with the options that differ from the defaults.
        code: hash of the plugin's code.
        only_for: datasets on which the plugin is used. If empty, the plugin is used on all datasets.
    """

    name: str
    distribution: str
    label: str
    target: Target
    config: dict[str, Any]
    code: str
    only_for: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GeneratorChoice(PluginChoice):
    """A generator of a suite, with all options.

    Attributes:
        is_planted: whether the generator is a planted failure. Boards leave planted failures out.
        lacks: names of missing packages of the generator, or an empty text. With missing packages, the generator is
            not trained.
        title: label that the suite sets for boards, or an empty text.
    """

    card: Card
    is_control: bool
    is_planted: bool = False
    lacks: str = ""
    title: str = ""

    @property
    def shown(self) -> str:
        """The label that boards show."""
        return self.title or self.label


@dataclass(frozen=True, kw_only=True)
class MetricChoice(PluginChoice):
    """A metric of a suite, with all its options and the specifications of its scores."""

    specs: tuple[ScoreSpec, ...]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One generator, trained once on one split of one dataset with one seed.

    Attributes:
        key: hash of everything that can change the trained model and its samples.
        identity: dataset, split, generator and seed, as stored in the results.
        generator: the generator to train.
        metric_keys: the key of each metric's scores, by the label of the metric.
    """

    key: str
    identity: CellIdentity
    generator: GeneratorChoice
    metric_keys: dict[str, str]

    @property
    def title(self) -> str:
        """Title of the training, such as ``cvae · rnaseqdb · split 0 · seed 0``."""
        return self.identity.title


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All trainings (cells) of a run in order, and their metrics."""

    suite: Suite
    cells: tuple[Cell, ...]
    metrics: dict[str, MetricChoice]
    notes: dict[str, str]
    schemas: dict[str, Schema]
    split_notes: dict[str, str] = field(default_factory=dict)

    def to_record(self, command: str) -> SuiteRecord:
        """Return the suite's record, from which boards are computed."""
        rows = [
            SuiteRow(
                key=cell.key,
                dataset=cell.identity.dataset,
                split=cell.identity.split,
                fold=cell.identity.fold,
                label=cell.identity.label,
                seed=cell.identity.seed,
                is_control=cell.identity.is_control,
                scores=cell.metric_keys,
                title=cell.generator.title,
                is_planted=cell.generator.is_planted,
                split_note=self.split_notes.get(cell.identity.split_fingerprint, ""),
            )
            for cell in self.cells
        ]
        suite = self.suite
        split = suite.split.model_dump(mode="json")
        return SuiteRecord(name=suite.name, summary=suite.summary, command=command, split=split, rows=rows)


@dataclass(frozen=True, kw_only=True)
class ResolvedSuite:
    """Generators and metrics of a suite, with validated options."""

    generators: tuple[GeneratorChoice, ...]
    metrics: tuple[MetricChoice, ...]


def resolve(suite: Suite, plugins: Plugins) -> ResolvedSuite:
    """Find every generator and metric of a suite, and validate their options.

    Raises:
        ConfigError: a name or an option is unknown or invalid, a generator or metric is listed twice with equal
            options, or two generators have the same label on a dataset.
        PluginError: a class cannot be imported or used, or a package of a metric is not installed.
    """
    generators, metrics = [], []
    for choice in suite.generators:
        kind, common = _resolve_one("generators", choice, plugins)
        entry = plugins.find("generators", choice.name)
        generators.append(
            GeneratorChoice(
                **common,
                card=kind.card.model_copy(update={"extra": entry.extra}),
                is_control=kind.is_control,
                is_planted=bool(kind.planted_for),
                lacks=entry.lacks,
                title=choice.label,
            )
        )
    for choice in suite.metrics:
        kind, common = _resolve_one("metrics", choice, plugins)
        metrics.append(MetricChoice(**common, specs=kind.scores))
    _check_labels("generators", generators)
    _check_labels("metrics", metrics)
    _check_titles(generators)
    return ResolvedSuite(generators=tuple(generators), metrics=tuple(metrics))


def _resolve_one(kind: Kind, choice: Choice, plugins: Plugins) -> tuple[Any, dict[str, Any]]:
    entry = plugins.find(kind, choice.name)
    found = entry.load_fitting(kind, without_packages=kind == "generators")
    config = make_options(found.Config, choice.options, where=f"{kind.removesuffix('s')} {choice.name!r}")
    return found, {
        "name": choice.name,
        "distribution": entry.plugin.partition(":")[0],
        "label": label_of(choice.name, config),
        "target": target_of(found),
        "config": config.model_dump(mode="json"),
        "code": class_hash(found),
        "only_for": choice.only_for,
    }


def _check_labels(kind: Kind, chosen: Sequence[PluginChoice]) -> None:
    label, count = Counter(one.label for one in chosen).most_common(1)[0] if chosen else ("", 0)
    if count > 1:
        raise ConfigError(f"{kind}: {label!r} is listed {count} times with equal options; list it once")


def _check_titles(generators: Sequence[GeneratorChoice]) -> None:
    for one, other in combinations(generators, 2):
        if one.shown == other.shown and _may_share_a_dataset(one.only_for, other.only_for):
            both = f"{one.label!r} and {other.label!r}"
            raise ConfigError(f"generators: {both} have the same label, {one.shown!r}; give each its own label")


def _may_share_a_dataset(first: Sequence[str], second: Sequence[str]) -> bool:
    if not first or not second:
        return True
    return any(is_for([one], other) or is_for([other], one) for one in first for other in second)


def open_dataset(choice: Choice, plugins: Plugins, data_dir: Path | None) -> OpenedDataset:
    """Return the dataset that a registered name or the path of a file selects.

    Every dataset accepts the option ``train_rows``, which is not passed to the source of the table.

    Raises:
        ConfigError: the dataset or an option does not exist, or ``train_rows`` is not a positive whole number.
        PluginError: the class of the dataset cannot be imported or is not a dataset source.
    """
    options = dict(choice.options)
    train_rows = options.pop("train_rows", None)
    if train_rows is not None and (not isinstance(train_rows, int) or isinstance(train_rows, bool) or train_rows < 1):
        raise ConfigError(
            f"dataset {choice.name!r}: option 'train_rows': got {train_rows!r}, expected a whole number of at least 1"
        )
    is_file = looks_like_file(choice.name) or Path(choice.name).is_file()
    if choice.name not in plugins.entries("datasets") and is_file:
        file = FileSource.from_path(Path(choice.name).expanduser(), options)
        opened = OpenedDataset(file, code_hash(FileSource.__module__), "", train_rows)
        return opened.named(label_of(file.name, file.config))
    entry = plugins.find("datasets", choice.name)
    kind = entry.load_fitting("datasets")
    config = make_options(kind.Config, options, where=f"dataset {choice.name!r}")
    opened = OpenedDataset(kind(config, data_dir=data_dir), code_hash(entry.module), "", train_rows)
    return opened.named(label_of(choice.name, config))


def make_plan(
    suite: Suite, resolved: ResolvedSuite, prepared: Sequence[Prepared], *, device: str, threads: int
) -> Plan:
    """Return all trainings (cells) of a suite. Trainings with the same key are listed once.

    Args:
        suite: the suite.
        resolved: generators and metrics of the suite.
        prepared: datasets of the suite with their splits.
        device: device of the computation. Its kind, ``cpu`` or ``cuda``, is part of the keys.
        threads: number of threads of each training, which is part of the keys.
    """
    cells: dict[str, Cell] = {}
    machine = {"device": device.partition(":")[0], "threads": threads}
    for dataset in prepared:
        generators = [one for one in resolved.generators if is_for(one.only_for, dataset.index.label)]
        scored_by = [one for one in resolved.metrics if is_for(one.only_for, dataset.index.label)]
        for split in dataset.splits:
            for seed in range(suite.first_seed, suite.first_seed + suite.seeds):
                for generator in generators:
                    identity = _identity(dataset, split, generator, seed=seed, draws=suite.draws)
                    cell = _cell(identity, generator, scored_by, machine)
                    cells[cell.key] = cell
    metrics = {metric.label: metric for metric in resolved.metrics}
    return Plan(
        suite=suite,
        cells=tuple(cells.values()),
        metrics=metrics,
        notes={dataset.index.label: dataset.index.note for dataset in prepared},
        schemas={dataset.index.label: dataset.index.roles for dataset in prepared},
        split_notes={split.fingerprint: split.note for dataset in prepared for split in dataset.splits},
    )


def label_of(name: str, config: Options) -> str:
    """Return a plugin's name with the options that differ from the defaults, such as ``cvae:epochs=30``."""
    defaults = {key: field.get_default(call_default_factory=True) for key, field in type(config).model_fields.items()}
    changed = [
        f"{key}={_short(value)}"
        for key, value in config.model_dump(mode="json").items()
        if getattr(config, key) != defaults[key] and (key, value) != ("name", name)
    ]
    return name + (":" + ",".join(changed) if changed else "")


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _identity(
    dataset: Prepared, split: SplitInfo, generator: GeneratorChoice, *, seed: int, draws: int
) -> CellIdentity:
    return CellIdentity(
        dataset=dataset.index.label,
        dataset_fingerprint=dataset.index.fingerprint,
        dataset_note=dataset.index.note,
        split=split.index,
        fold=split.fold,
        split_fingerprint=split.fingerprint,
        split_kind=split.kind,
        n_train=split.n_train,
        n_validation=split.n_validation,
        n_test=split.n_test,
        n_features=dataset.index.n_features if split.n_features is None else split.n_features,
        n_categorical=dataset.index.roles.n_categorical,
        generator=generator.name,
        label=generator.label,
        config=generator.config,
        card=generator.card,
        is_control=generator.is_control,
        seed=seed,
        draws=draws,
        code=generator.code,
    )


def cell_key(identity: CellIdentity, *, code: str, device: str, threads: int) -> str:
    """Return a hash of everything that can change a trained model and its samples (the key of a cell).

    Args:
        identity: description of the training.
        code: hash of the generator's code.
        device: kind of the device, ``cpu`` or ``cuda``.
        threads: number of threads of the training.
    """
    return make_key(
        version=SCHEMA_VERSION,
        dataset=identity.dataset_fingerprint,
        split=identity.split_fingerprint,
        generator=identity.generator,
        config=identity.config,
        code=code,
        seed=identity.seed,
        draws=identity.draws,
        device=device,
        threads=threads,
    )


def metric_key(name: str, config: dict[str, Any], code: str) -> str:
    """Return a hash of everything that can change the scores of a metric; ``code`` is the hash of the metric's code."""
    return make_key(version=SCHEMA_VERSION, metric=name, config=config, code=code)


def _cell(
    identity: CellIdentity, generator: GeneratorChoice, metrics: Sequence[MetricChoice], machine: dict[str, Any]
) -> Cell:
    key = cell_key(identity, code=generator.code, **machine)
    metric_keys = {metric.label: metric_key(metric.name, metric.config, metric.code) for metric in metrics}
    return Cell(key=key, identity=identity, generator=generator, metric_keys=metric_keys)
