"""Runs of honest beside hostile plugins: they end, report the failures, and leave no processes or files.

One run has every hostile generator with honest metrics, the other every hostile metric with honest generators.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.alone]

TIMEOUT, LATE = 6.0, 5.0  # seconds: the limit, and the tolerance for the end
MEMORY = 0.75  # GiB
HONEST = ("shuffled", "condition-mvn", "cvae:epochs=5,hidden=[16]")
HONEST_METRICS = ("gamma", "moments:per_feature=true")
FAILED, ENDED = {"failed"}, {"crashed"}

# Behaviour of a generator, the resulting status, and words that the reason contains.
GENERATORS: dict[str, tuple[set[str], str]] = {
    "raises:where=init": (FAILED, "ValueError: cannot do this in init"),
    "raises": (FAILED, "ValueError: cannot do this in fit"),
    "raises:where=sample": (FAILED, "ValueError: cannot do this in sample"),
    "raises:what=unprintable": (FAILED, "Unprintable"),
    "raises:what=exit": (ENDED, "exit status 0 during fit"),
    "raises:what=exit-with-words": ({"crashed"}, "the licence file is missing"),
    "raises:what=surrogate": (FAILED, r"ValueError: cannot open caf\\udce9\.csv$"),
    "raises:what=no-memory": ({"out_of_memory"}, "can't allocate memory"),
    "raises:what=input": (FAILED, "input: b'' ''"),
    "raises:what=interrupt": (ENDED, "exit status 1 during fit"),
    "raises-in-supports": (FAILED, "ValueError: cannot say what is supported"),
    "raises-in-estimate": ({"ok"}, "^$"),
    "sleeps": ({"timeout"}, "fit.*6 s"),
    "sleeps:where=sample": ({"timeout"}, "sample.*6 s"),
    "sleeps:how=deaf": ({"timeout"}, "fit.*6 s"),
    "sleeps:how=stopped": ({"timeout"}, "fit.*6 s"),
    "sleeps:how=in-c": ({"timeout"}, "fit.*6 s"),
    "sleeps:how=thread": ({"ok"}, "^$"),
    "dies": ({"crashed"}, "SIGSEGV"),
    "dies:how=abort": ({"crashed"}, "SIGABRT"),
    "dies:how=exit": ({"crashed"}, "exit status 0"),
    "dies:how=exit-with-children": ({"crashed"}, "exit status 0"),
    "dies:how=real-time": ({"crashed"}, "signal 40 during fit"),
    "dies:how=close-as-daemon": ({"crashed"}, "closed its message pipe"),
    "dies:how=kill-parent": ({"crashed"}, "killed"),
    "dies:how=stop-parent": ({"timeout"}, "fit.*6 s"),
    "dies:how=close": (ENDED, "closed its message pipe"),
    "hoards": ({"out_of_memory"}, "fit.*limit 0.75 GiB"),
    "hoards:where=children": ({"out_of_memory"}, "fit.*limit 0.75 GiB"),
    "hoards:where=detached": ({"out_of_memory"}, "fit.*limit 0.75 GiB"),
    "leaves": ({"ok"}, "^$"),
    "leaves:then=raise": (FAILED, "ValueError: left"),
    "leaves:then=sleep": ({"timeout"}, "fit.*6 s"),
    "leaves:what=files": ({"ok"}, "^$"),
    "leaves:what=files,then=die": ({"crashed"}, "exit status 0"),
    "leaves:what=shared-memory,then=sleep": ({"timeout"}, "fit.*6 s"),
    "leaves:what=shared-memory,then=die": ({"crashed"}, "exit status 0"),
    "returns:what=few-rows": (FAILED, "rows"),
    "returns:what=nan": (FAILED, "nan.*finite"),
    "returns:what=infinite": (FAILED, "inf.*finite"),
    "returns:what=other-columns": (FAILED, "features"),
    "returns:what=few-columns": (FAILED, "features"),
    "returns:what=other-conditions": (FAILED, r"in row \d+, expected"),
    "returns:what=no-conditions": (FAILED, "condition"),
    "returns:what=float64": (FAILED, "float64.*float32"),
    "returns:what=object": (FAILED, "object.*float32"),
    "returns:what=complex": (FAILED, "complex.*float32"),
    "returns:what=one-dimension": (FAILED, "dimension|shape"),
    "returns:what=no-matrix": (FAILED, "str"),
    "returns:what=other-scale": (FAILED, "scale"),
    "returns:what=frame": (FAILED, "DataFrame.*Table"),
    "returns:what=array": (FAILED, "ndarray.*Table"),
    "returns": (FAILED, "NoneType.*Table"),
    "reports": ({"ok"}, "^$"),
    "reports:what=curve": (FAILED, "AttributeError: 'str' object has no attribute 'losses'"),
    "reports:what=function": ({"ok"}, "^$"),
    "reports:what=many": ({"ok"}, "^$"),
    "reports:what=torn": ({"timeout"}, "fit.*6 s"),
    "prints": ({"ok"}, "^$"),
    "prints:then=raise": (FAILED, "ValueError: printed enough"),
    "prints:then=close": ({"ok"}, "^$"),
    "disturbs": ({"ok"}, "^$"),
    "looks": ({"ok"}, "^$"),
    "looks-own": ({"ok"}, "^$"),
}

METRICS: dict[str, tuple[set[str], str]] = {
    "bad:how=disturbs": ({"ok"}, "^$"),
    "bad:how=mutates": ({"ok"}, "^$"),
    "bad": (FAILED, "ValueError: cannot compute"),
    "bad:how=unprintable": (FAILED, "Unprintable"),
    "bad:how=sys-exit": (ENDED, "exit status 0 during metric"),
    "bad:how=deaf": ({"timeout"}, "6 s"),
    "bad:how=segfault": ({"crashed"}, "SIGSEGV"),
    "bad:how=exit": ({"crashed"}, "exit status 0"),
    "bad:how=exit-with-children": ({"crashed"}, "exit status 0"),
    "bad:how=hoards": ({"out_of_memory"}, "limit 0.75 GiB"),
    "bad:how=nan": (FAILED, "nan.*finite"),
    "bad:how=undeclared": (FAILED, "worse"),
    "bad:how=text": (FAILED, "much"),
    "bad:how=nothing": (FAILED, "NoneType"),
    "bad:how=artifact": (FAILED, "picture"),
    "bad:how=artifact-of-odd-cells": (FAILED, "artifact 'table' cannot be written as CSV: ValueError: no text"),
    "bad:how=artifact-of-long-name": (FAILED, "artifact 'x+' cannot name a file, expected 1 to 64"),
    "bad:how=artifact-elsewhere": (FAILED, "artifact '.*escaped' cannot name a file"),
    "bad:how=surrogate": ({"ok"}, "^$"),
    "bad:how=number-as-note": (FAILED, "notes"),
    "bad:how=no-memory": ({"out_of_memory"}, "can't allocate memory"),
    "bad:how=no-device-memory": ({"out_of_memory"}, "CUDA out of memory"),
    "bad:where=init": (FAILED, "ValueError: cannot compute"),
    "bad:how=exit,where=init": ({"crashed"}, "exit status 0"),
    "bad:how=children": ({"ok"}, "^$"),
    "bad:how=files": ({"ok"}, "^$"),
    "bad:how=prints": ({"ok"}, "^$"),
}


RUNS = pytest.mark.parametrize("name", ["hostile", "hostile_metrics"])


def suite(generators: list[str], metrics: list[str]) -> list[str]:
    limits = ["--timeout", f"{TIMEOUT:g}", "--memory", f"{MEMORY:g}", "--workers", "2", "--threads", "1"]
    chosen = [part for name in generators for part in ("-g", name)] + [
        part for name in metrics for part in ("-m", name)
    ]
    return ["quickstart", "-d", "wdbc", *chosen, "--splits", "1", "--draws", "2", *limits]


@pytest.fixture(scope="module")
def hostile(run_suite: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    generators = [*GENERATORS, *HONEST]
    middle = len(generators) // 2
    generators = [HONEST[0], *generators[:middle], HONEST[1], *generators[middle:-3], HONEST[2]]
    return run_suite(tmp_path_factory.mktemp("h"), *suite(generators, list(HONEST_METRICS)))


@pytest.fixture(scope="module")
def hostile_metrics(run_suite: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    metrics = [*METRICS, *HONEST_METRICS]  # the hostile metric runs before the honest ones
    return run_suite(tmp_path_factory.mktemp("m"), *suite(list(HONEST), metrics))


@pytest.fixture(scope="module")
def undisturbed(run_suite: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    run = run_suite(tmp_path_factory.mktemp("u"), *suite(list(HONEST), list(HONEST_METRICS)))
    assert run.status == 0, run.said
    return run


@RUNS
def test_the_run_ends_and_says_how_many_are_not_ok(name: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(name)
    n_cells = len(HONEST) + (len(GENERATORS) if name == "hostile" else 0)
    assert run.status == 1, run.said[-3000:]
    assert re.search(rf"\d+ of {n_cells} cells ok", run.said)
    assert "Traceback" not in run.said


@pytest.mark.parametrize("label", GENERATORS)
def test_a_generator_has_its_status_and_a_reason(hostile: Any, label: str) -> None:
    statuses, reason = GENERATORS[label]
    record = hostile.cells[label]
    assert record.status in statuses, record.reason
    assert re.search(reason, record.reason), record.reason
    assert len(record.model_dump_json()) < 2e6
    if record.status == "failed":
        named = re.match(r"(\w+): ", record.reason)  # otherwise the harness reports the fault
        assert (named[1] if named else "PluginError") in record.traceback
    if record.status == "crashed" and label.startswith("dies:how=e"):
        assert "last words" in record.output


@pytest.mark.parametrize("label", HONEST)
@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_has_its_status_and_a_reason(hostile_metrics: Any, label: str, metric: str) -> None:
    statuses, reason = METRICS[metric]
    record, _ = hostile_metrics.metrics(label)[metric]
    assert record is not None
    assert record.status in statuses, record.reason
    assert re.search(reason, record.reason), record.reason


@RUNS
def test_what_has_to_be_ended_is_ended_in_time(name: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(name)
    late = {}
    for label, record in run.cells.items():
        if record.status == "timeout":
            *before, ended = [phase.seconds for phase in record.phases.values()]
            rest = seconds_between(record.environment) - sum(before)  # including the time to end the processes
            if not (TIMEOUT <= ended <= TIMEOUT + LATE and rest <= TIMEOUT + LATE + 1.0):  # times are of whole seconds
                late[label] = (ended, rest)
        for metric, (score, info) in run.metrics(label).items():
            timed_out = score is not None and score.status == "timeout"
            if timed_out and not TIMEOUT <= info.seconds <= TIMEOUT + LATE:
                late[f"{label}, {metric}"] = info.seconds
    assert not late


def seconds_between(environment: Any) -> float:
    started, finished = (datetime.fromisoformat(one) for one in (environment.started, environment.finished))
    return (finished - started).total_seconds()


@RUNS
@pytest.mark.parametrize("label", HONEST)
@pytest.mark.parametrize("metric", HONEST_METRICS)
def test_honest_scores_are_those_of_a_run_without_hostile_plugins(
    name: str, request: pytest.FixtureRequest, undisturbed: Any, label: str, metric: str
) -> None:
    run = request.getfixturevalue(name)
    assert run.cells[label].status == "ok"
    assert run.score_bytes(label, metric) == undisturbed.score_bytes(label, metric)


@pytest.mark.parametrize("label", HONEST)
def test_an_artifact_is_kept_beside_its_score(hostile_metrics: Any, undisturbed: Any, label: str) -> None:
    content = hostile_metrics.score_bytes(label, "moments:per_feature=true", ".features.csv")
    assert {line.rpartition(b",")[2] for line in content.splitlines()} == {b"draw", b"0", b"1"}
    assert content == undisturbed.score_bytes(label, "moments:per_feature=true", ".features.csv")


def test_no_artifact_is_written_elsewhere(hostile_metrics: Any) -> None:
    assert not list(hostile_metrics.store.root.parent.rglob("*escaped*"))
    content = hostile_metrics.score_bytes(HONEST[0], "bad:how=surrogate", ".table.csv")
    assert content == b"a,draw\n\\udce9,0\n\\udce9,1\n"


@RUNS
def test_no_shared_memory_is_left(name: str, request: pytest.FixtureRequest) -> None:
    assert request.getfixturevalue(name).shared == []


def test_the_input_of_the_runner_is_its_own(hostile: Any) -> None:
    assert hostile.input == "for the runner"


@pytest.mark.parametrize("name", ["undisturbed", "hostile", "hostile_metrics"])
def test_no_process_is_left(name: str, request: pytest.FixtureRequest) -> None:
    assert request.getfixturevalue(name).processes == []


@pytest.mark.parametrize("name", ["undisturbed", "hostile", "hostile_metrics"])
def test_no_temporary_file_is_left(name: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(name)
    assert run.temporary == []
    assert list((run.store.root / "tmp").iterdir()) == []


def test_what_was_printed_is_kept_as_a_tail(hostile: Any) -> None:
    record = hostile.cells["prints:then=raise"]
    assert record.output.rstrip().endswith("the last line")
    assert len(record.output) < 20_000
    assert hostile.cells["prints"].output == ""


@pytest.mark.parametrize(("label", "place"), [("looks", "X"), ("looks-own", "layers/own")])
def test_no_test_row_is_within_reach_of_a_generator(hostile: Any, site: Path, label: str, place: str) -> None:
    from hostile_plugins.looking import digest
    from sklearn.datasets import load_breast_cancer

    record = hostile.cells[label]
    found = json.loads(record.notes[-1])
    folder = hostile.store.split_folder(record.cell.split_fingerprint)
    rows = {}
    for side in ("train", "validation", "test"):
        with h5py.File(folder / f"{side}.h5ad") as handle:
            rows[side] = {digest(row) for row in handle["X"][()]}
            if place != "X" and place in handle:
                rows[side] |= {digest(row) for row in handle[place][()]}
    assert len(rows["train"] & set(found["rows"])) > 300  # it finds its own training rows, so the search works
    seen = rows["train"] | rows["validation"]
    own = {digest(row) for row in load_breast_cancer().data.astype(np.float32)} - seen if place != "X" else set()
    assert not (rows["test"] - seen) & set(found["rows"])
    assert not own & set(found["rows"])
    assert set(found["files"]) <= {"train.h5ad", "validation.h5ad"}
