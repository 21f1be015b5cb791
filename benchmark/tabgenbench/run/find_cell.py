"""Selection of one training (cell) in a store, by its key or by generator, dataset, split and seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabgenbench.errors import ConfigError, StoreError, TabGenBenchError, did_you_mean
from tabgenbench.options import make_options
from tabgenbench.records import CellRecord
from tabgenbench.registry.file_source import looks_like_file
from tabgenbench.registry.manager import Plugins
from tabgenbench.registry.suite import make_choices, parse_choice
from tabgenbench.run.plan import label_of, open_dataset
from tabgenbench.run.prepare import read_index
from tabgenbench.store.store import Store

__all__ = ["CellChoice", "find_cell"]

MOST = 5  # cells or labels that a message names


@dataclass(frozen=True, kw_only=True)
class CellChoice:
    """Description of the training (cell) to select.

    With ``cell``, all other attributes must be omitted. ``generator`` or ``dataset`` may be omitted if the store has
    only one.

    Attributes:
        cell: key of the training, first characters of the key, or title (``cvae · rnaseqdb · split 0 · seed 0``).
        generator: label, name, class or instance of the generator.
        dataset: label, name or path of the dataset.
        split: number of the split, by default the lowest.
        seed: seed of the training, by default the lowest.
    """

    cell: str = ""
    generator: Any = None
    dataset: str | Path | None = None
    split: int | None = None
    seed: int | None = None


def find_cell(store: Store, choice: CellChoice, plugins: Plugins, say: Callable[[str], None]) -> CellRecord:
    """Return the record of the selected training, which must have the status ``ok``.

    Args:
        store: the store.
        choice: the training to select.
        plugins: the plugins, to which a class in ``choice`` is added.
        say: function that prints a message, for example if trainings of several versions match and the latest is used.

    Raises:
        StoreError: the store has no trainings.
        ConfigError: no training matches, several generators, datasets or keys match, or no matching training
            succeeded.
    """
    others = (choice.generator, choice.dataset, choice.split, choice.seed)
    if choice.cell and any(one is not None for one in others):
        raise ConfigError("CELL: got -g, -d, --split or --seed as well; give either the cell or these")
    if not (store.root / "cells").is_dir():
        raise StoreError(
            f"--store: {store.root} contains no cells, expected the store of a run; name its folder, "
            "or train the generator first: tabgenbench run"
        )
    records = list(store.cells())
    if not records:
        raise StoreError(f"--store: {store.root} contains no cells yet; run a suite first")
    found = _by_key(records, choice.cell) if choice.cell else _by_labels(records, choice, plugins)
    if choice.dataset is not None and looks_like_file(str(choice.dataset)):
        found = _of_file(found, store, choice.dataset, plugins, say)
    good = [record for record in found if record.status == "ok"]
    if not good:
        one = found[0]
        raise ConfigError(f"{one.cell.title}: is {one.status} ({one.reason}), so it has no rows; choose another cell")
    good = _first(_first(good, "--split", choice.split, "split"), "--seed", choice.seed, "seed")
    good = _of_first_fold(good)
    latest = max(good, key=lambda record: (store.cell_folder(record.key) / "fit.json").stat().st_mtime_ns)
    if len(good) > 1:
        say(f"{len(good)} cells are {latest.cell.title}, of other versions or data; the latest is used: {latest.key}")
    return latest


def _of_first_fold(records: Sequence[CellRecord]) -> list[CellRecord]:
    first = min(-1 if record.cell.fold is None else record.cell.fold for record in records)
    return [record for record in records if record.cell.fold == (None if first < 0 else first)]


def _by_key(records: Sequence[CellRecord], text: str) -> list[CellRecord]:
    found = [record for record in records if record.key == text]
    found = found or [record for record in records if record.cell.title == text]
    found = found or [record for record in records if record.key.startswith(text)]
    if not found:
        raise ConfigError(f"CELL: no cell has the key {text!r}{_known(records)}")
    if len(found) > 1:
        raise ConfigError(f"CELL: {len(found)} cells have keys that begin with {text!r}{_known(found)}")
    return found


def _known(records: Sequence[CellRecord]) -> str:
    named = [f"{record.key} ({record.cell.title})" for record in records[:MOST]]
    rest = len(records) - MOST
    return f"; known: {', '.join(named)}{f' and {rest} more' if rest > 0 else ''}"


def _by_labels(records: Sequence[CellRecord], choice: CellChoice, plugins: Plugins) -> list[CellRecord]:
    dataset = [] if choice.dataset is None else _dataset_labels(choice.dataset, plugins)
    found = _narrowed(records, "-d", dataset, lambda record: record.cell.dataset)
    generator = [] if choice.generator is None else _generator_labels(choice.generator, plugins)
    return _narrowed(found, "-g", generator, lambda record: record.cell.label)


def _narrowed(
    records: Sequence[CellRecord], option: str, wanted: Sequence[str], label: Callable[[CellRecord], str]
) -> list[CellRecord]:
    """Return all records of the first label in ``wanted`` that any record has.

    A name without options also selects a label with options, if only one label has this name.
    """
    labels = sorted(set(map(label, records)))
    if not wanted:
        if len(labels) > 1:
            raise ConfigError(f"{option}: missing, and the store has {_listed(labels)}; name one")
        return list(records)
    for text in wanted:
        fits = [one for one in labels if one == text] or [one for one in labels if one.partition(":")[0] == text]
        if len(fits) > 1:
            raise ConfigError(f"{option}: {text!r} may be {_listed(fits)}; name one with its options")
        if fits:
            return [record for record in records if label(record) == fits[0]]
    raise ConfigError(f"{option}: the store has no cell of {wanted[0]!r}{did_you_mean(wanted[0], labels)}")


def _of_file(
    records: list[CellRecord], store: Store, given: str | Path, plugins: Plugins, say: Callable[[str], None]
) -> list[CellRecord]:
    index = None
    with suppress(TabGenBenchError):  # the file may be gone
        opened = open_dataset(parse_choice(str(given)), plugins, None)
        index = read_index(store, opened.source, opened.code)
    same = [record for record in records if index is not None and record.cell.dataset_fingerprint == index.fingerprint]
    if not same:
        name = records[0].cell.dataset
        say(f"{given}: no run of this store has read this file with these options; rows are of its dataset {name!r}")
    return same or records


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(map(repr, labels[:MOST])) + (f" and {len(labels) - MOST} more" if len(labels) > MOST else "")


def _generator_labels(given: Any, plugins: Plugins) -> list[str]:
    [choice] = make_choices("generators", given, plugins)
    labels = [str(given)] if isinstance(given, str) else []
    try:
        kind = plugins.find("generators", choice.name).load_fitting("generators")
        config = make_options(kind.Config, choice.options, where=f"generator {choice.name!r}")
    except TabGenBenchError:  # the store may have a generator that is not installed any more
        return labels or [choice.name]
    return list(dict.fromkeys((label_of(choice.name, config), *labels)))


def _dataset_labels(given: str | Path, plugins: Plugins) -> list[str]:
    try:
        opened = open_dataset(parse_choice(str(given)), plugins, None)
    except TabGenBenchError:  # the file may be gone; the store has its name
        path = Path(given)
        return [str(given), path.stem] if path.suffix else [str(given)]
    return list(dict.fromkeys((opened.label, opened.source.name, str(given))))


def _first(records: Sequence[CellRecord], option: str, wanted: int | None, field: str) -> list[CellRecord]:
    values = sorted({getattr(record.cell, field) for record in records})
    if wanted is not None and wanted not in values:
        known = ", ".join(map(str, values))
        raise ConfigError(f"{option}: got {wanted}, the store has {records[0].cell.label} with {field} {known}")
    chosen = values[0] if wanted is None else wanted
    return [record for record in records if getattr(record.cell, field) == chosen]
