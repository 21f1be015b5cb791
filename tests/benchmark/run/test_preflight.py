from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tabgenbench import Schema
from tabgenbench.engines.base import Engine, EngineOptions
from tabgenbench.engines.local import LocalEngine
from tabgenbench.records import Card, CellIdentity, CellRecord, Environment, Phase
from tabgenbench.registry.keys import make_key
from tabgenbench.run.plan import Cell, GeneratorChoice
from tabgenbench.run.preflight import Preflight, find_refusals, refused_record, was_refused
from tabgenbench.run.preloads import PRELOADS

pytestmark = pytest.mark.alone  # limits of two seconds

GENERATORS = '''
import os, time
import numpy as np
from pydantic import Field
from tabgenbench import Card, Generator, Options, Unsupported

class Base(Generator):
    name, card = "base", Card("for tests of what is asked before a run")
    def fit(self, train, validation, context): ...
    def sample(self, conditions, context): ...

class Square(Base):
    """One float64 matrix of features by features, times an option."""
    class Config(Options):
        copies: int = Field(1, description="matrices")
    def estimate_memory(self, schema, n_rows, n_features):
        return np.int64(8 * self.config.copies * n_features**2)

class Declines(Base):
    @classmethod
    def supports(cls, schema, n_rows, n_features):
        if n_features > 10 or schema.group is not None:
            raise Unsupported(f"{n_features} features, group {schema.group}: expected at most 10, none")

class DeclinesToEstimate(Base):
    def estimate_memory(self, schema, n_rows, n_features):
        raise Unsupported("needs the moon")

class DeclinesToBegin(Base):
    def __init__(self, config=None):
        raise Unsupported("needs a licence")

class Raises(Base):
    @classmethod
    def supports(cls, schema, n_rows, n_features):
        raise ValueError("no\\nidea")

class SaysFalse(Base):
    @classmethod
    def supports(cls, schema, n_rows, n_features):
        return False

class Text(Base):
    def estimate_memory(self, schema, n_rows, n_features):
        return "much"

class Negative(Base):
    def estimate_memory(self, schema, n_rows, n_features):
        return -1.0

class Exits(Base):
    """Answers for small tables, then ends its process."""
    def estimate_memory(self, schema, n_rows, n_features):
        if n_features > 10:
            os._exit(7)
        return 1000

class Leaves(Base):
    @classmethod
    def supports(cls, schema, n_rows, n_features):
        raise SystemExit("bye")

class Hangs(Base):
    @classmethod
    def supports(cls, schema, n_rows, n_features):
        time.sleep(600)
'''
SCHEMAS = {"tiny": Schema(conditions=("tissue",), group="donor"), "wide": Schema()}
FEATURES = {"tiny": 5, "wide": 15_000}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = LocalEngine(EngineOptions(device="cpu", workers=2, threads=1, preloads=PRELOADS))
    yield engine
    engine.close()


@pytest.fixture
def make_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Cell]:
    """Make a cell of a generator above on a dataset of `SCHEMAS`."""
    (tmp_path / "asked_generators.py").write_text(GENERATORS)
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str, dataset: str = "tiny", *, n_train: int = 808, split: int = 0, **options: Any) -> Cell:
        identity = CellIdentity(
            dataset=dataset,
            dataset_fingerprint="",
            split=split,
            split_fingerprint="",
            n_train=n_train,
            n_validation=0,
            n_test=10,
            n_features=FEATURES[dataset],
            generator=name.lower(),
            label=name.lower() + "".join(f":{key}={value}" for key, value in options.items()),
            config=options,
            card=Card(),
            is_control=False,
            seed=0,
            draws=1,
        )
        choice = GeneratorChoice(
            name=identity.generator,
            distribution="",
            label=identity.label,
            target=f"asked_generators:{name}",
            config=options,
            card=identity.card,
            is_control=False,
            code="",
        )
        key = make_key(name=name, dataset=dataset, n_train=n_train, split=split, options=options)
        return Cell(key=key, identity=identity, generator=choice, metric_keys={})

    return make


@pytest.fixture
def ask(engine: Engine, tmp_path: Path) -> Callable[..., Preflight]:
    """Run preflight on cells."""

    def ask(*cells: Cell, memory: int | None = None, seconds: float = 60.0) -> Preflight:
        return find_refusals(cells, SCHEMAS, engine, memory=memory, folder=tmp_path, seconds=seconds)

    return ask


Make, Ask = Callable[..., Cell], Callable[..., Preflight]


def test_nothing_to_ask(ask: Ask) -> None:
    assert ask() == Preflight()


def test_an_estimate_above_the_limit_is_refused_and_told_with_both_numbers(make_cell: Make, ask: Ask) -> None:
    small, large, twice = make_cell("Square"), make_cell("Square", "wide"), make_cell("Square", "wide", copies=2)
    found = ask(small, large, twice, memory=int(1.7 * 2**30))
    assert found.estimates == {small.key: 200, large.key: 8 * 15_000**2, twice.key: 16 * 15_000**2}
    assert found.warnings == {}
    assert list(found.refusals) == [twice.key]
    assert found.refusals[twice.key].estimate == 16 * 15_000**2
    assert found.refusals[twice.key].reason == (
        "needs an estimated 3.4 GiB for 808 rows x 15,000 features, limit 1.7 GiB (--memory); "
        "use fewer features or options that need less, or raise --memory"
    )


def test_without_a_limit_nothing_is_refused_but_more_than_the_machine_has_is_a_warning(
    make_cell: Make, ask: Ask
) -> None:
    much, little = make_cell("Square", "wide", copies=10**6), make_cell("Square", "wide")
    found = ask(much, little)
    assert found.refusals == {}
    assert list(found.warnings) == [much.key]
    assert found.warnings[much.key].startswith(
        "needs an estimated 1.6 PiB for 808 rows x 15,000 features, this machine has"
    )


def test_a_generator_declines_by_table_and_is_not_shown_the_group(make_cell: Make, ask: Ask) -> None:
    served, declined = make_cell("Declines"), make_cell("Declines", "wide")
    found = ask(served, declined)
    assert {key: one.reason for key, one in found.refusals.items()} == {
        declined.key: "15000 features, group None: expected at most 10, none"
    }
    assert found.estimates == found.warnings == {}


@pytest.mark.parametrize(
    ("name", "reason"), [("DeclinesToEstimate", "needs the moon"), ("DeclinesToBegin", "needs a licence")]
)
def test_unsupported_counts_wherever_it_is_raised(make_cell: Make, ask: Ask, name: str, reason: str) -> None:
    cell = make_cell(name)
    assert ask(cell).refusals[cell.key].reason == reason


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Raises", "supports() raised ValueError: no idea"),
        ("SaysFalse", "supports() returned False, which says nothing; to decline raise Unsupported"),
        ("Text", "plugin 'base': estimate_memory() returned 'much', expected bytes or None"),
        ("Negative", "plugin 'base': estimate_memory() returned -1.0, expected bytes or None"),
        ("Leaves", "asked whether it supports the table, it crashed: the process called sys.exit (SystemExit: bye)"),
        ("Gone", "asked whether it supports the table, it failed: module asked_generators has no 'Gone'"),
    ],
)
def test_what_goes_wrong_is_a_warning_and_the_cell_is_left_to_the_run(
    make_cell: Make, ask: Ask, name: str, words: str
) -> None:
    cell = make_cell(name)
    found = ask(cell, memory=2**40)
    assert found.refusals == found.estimates == {}
    assert found.warnings[cell.key].startswith(words)


def test_answers_given_before_a_crash_count(make_cell: Make, ask: Ask) -> None:
    small, large = make_cell("Exits"), make_cell("Exits", "wide")
    found = ask(small, large)
    assert found.estimates == {small.key: 1000}
    assert list(found.warnings) == [large.key]
    assert "it crashed: the process ended with exit status 7" in found.warnings[large.key]


@pytest.mark.slow
def test_a_generator_that_hangs_holds_up_nobody_else(make_cell: Make, ask: Ask) -> None:
    hangs, declines = make_cell("Hangs"), make_cell("Declines", "wide")
    found = ask(hangs, declines, seconds=2)
    assert found.warnings == {hangs.key: "asked whether it supports the table, it gave no answer in 2 s"}
    assert list(found.refusals) == [declines.key]


def test_reasons_that_differ_in_numbers_alone_are_told_once(make_cell: Make, ask: Ask) -> None:
    splits = [make_cell("Square", "wide", n_train=800 + i, split=i) for i in range(3)]
    other = make_cell("Square", "wide", copies=2)
    cells = [*splits, other, make_cell("Raises")]
    assert ask(*cells, memory=10**9).lines(cells) == [
        "refused: square · wide (3 cells): needs an estimated 1.7 GiB for 800 rows x 15,000 features, limit "
        "954 MiB (--memory); use fewer features or options that need less, or raise --memory",
        "refused: square:copies=2 · wide (1 cell): needs an estimated 3.4 GiB for 808 rows x 15,000 features, limit "
        "954 MiB (--memory); use fewer features or options that need less, or raise --memory",
        "may fail: raises · tiny (1 cell): supports() raised ValueError: no idea",
    ]


def test_a_refused_cell_has_a_record_that_is_known_again(make_cell: Make, ask: Ask) -> None:
    cell = make_cell("Declines", "wide")
    record = refused_record(cell, ask(cell).refusals[cell.key], Environment())
    assert (record.key, record.status) == (cell.key, "skipped")
    assert record.reason.startswith("15000 features")
    assert was_refused(CellRecord.model_validate_json(record.model_dump_json()))
    assert not was_refused(record.model_copy(update={"phases": {"fit": Phase(status="skipped")}}))
    assert not was_refused(record.model_copy(update={"status": "failed"}))
