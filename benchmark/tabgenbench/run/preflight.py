"""Check before training (preflight) whether a generator supports its tables and has enough memory.

Each generator is checked in a separate process, because its code may hang or crash. A training (cell) is refused in
three cases: a package of the generator is missing, the generator does not support the table, or its memory estimate
exceeds the limit. After any other problem, the training starts with a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tabgenbench.data.schema import Schema
from tabgenbench.engines.base import Engine, Limits, Outcome, Send, Task
from tabgenbench.engines.memory import machine_memory
from tabgenbench.errors import PluginError, Unsupported
from tabgenbench.formatting import bytes_text, count_text
from tabgenbench.interfaces.checks import check_draws, check_estimate, check_makes
from tabgenbench.records import CellRecord, Environment, Phase
from tabgenbench.registry.keys import make_key
from tabgenbench.registry.lazy import load_target
from tabgenbench.run.plan import Cell
from tabgenbench.run.preloads import LIGHT, PRELOADS, preload_for

__all__ = ["Preflight", "Refusal", "find_refusals", "refused_record", "was_refused"]

SECONDS = 60.0  # for all questions to one generator; an answer takes microseconds, its imports some seconds
ASKING_BYTES = 4 * 2**30  # lowest memory limit of a check, because imports need memory too
PHASE = "preflight"
Size = tuple[Schema, int, int]  # schema, rows and features of a table
Question = dict[Size, list[Cell]]  # to one generator with its options: its tables, each with its cells


@dataclass(frozen=True)
class Refusal:
    """Reason why a training does not start, and the estimated memory of the training in bytes, if known."""

    reason: str
    estimate: int | None = None


@dataclass(frozen=True)
class Preflight:
    """Results of the checks before training, as dictionaries by the key (hash) of a training (cell).

    Attributes:
        refusals: trainings that do not start and get the status ``skipped``.
        estimates: peak memory of fit in bytes, as the generator estimates it.
        warnings: problems that do not prevent the training.
    """

    refusals: dict[str, Refusal] = field(default_factory=dict)
    estimates: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)

    def lines(self, cells: Iterable[Cell]) -> list[str]:
        """Return one line of text per generator, dataset and reason: first refusals, then warnings."""
        cells = list(cells)
        refused = {key: refusal.reason for key, refusal in self.refusals.items()}
        return _grouped("refused", refused, cells) + _grouped("may fail", self.warnings, cells)


@dataclass(frozen=True)
class Answer:
    """Result of checking a generator on one table: why it cannot be trained, its estimate of memory, or a warning."""

    declined: str = ""
    estimate: int | None = None
    machine: int | None = None
    warning: str = ""


def find_refusals(
    cells: Sequence[Cell],
    schemas: Mapping[str, Schema],
    engine: Engine,
    *,
    memory: int | None,
    folder: Path,
    seconds: float = SECONDS,
    at_once: int = 1,
    accept: Callable[[Sequence[Cell]], None] = lambda cells: None,
) -> Preflight:
    """Check each generator on the tables of its trainings; return refusals, memory estimates and warnings.

    Generators with fast imports are checked first, so that they can be trained while large libraries are imported.

    Args:
        cells: the trainings (cells) that the run needs.
        schemas: schema of each dataset by label.
        engine: engine that runs the code of the plugins.
        memory: memory limit of a training in bytes, or None.
        folder: an existing folder for log files.
        seconds: time limit of the check of one generator.
        at_once: number of generators that are checked at the same time.
        accept: function that is called with the trainings that may start, as soon as their generator has been checked.
    """
    found = Preflight({cell.key: Refusal(cell.generator.lacks) for cell in cells if cell.generator.lacks})
    cells = [cell for cell in cells if not cell.generator.lacks]
    limits = Limits(threads=1, timeout=seconds, memory=None if memory is None else max(memory, ASKING_BYTES))
    questions = sorted(_questions(cells, schemas), key=lambda question: list(PRELOADS).index(_preload(question)))
    waiting: dict[Future[Outcome], tuple[Question, dict[int, Answer]]] = {}
    has_light = bool(questions) and _preload(questions[0]) == LIGHT
    for number, question in enumerate(questions):
        while len(waiting) >= at_once:
            _settle(found, waiting, memory=memory, seconds=seconds, accept=accept)
        cell = next(iter(question.values()))[0]
        generator = cell.generator
        task = Task(
            function=_ask,
            payload=(generator.target, generator.config, tuple(question), cell.identity.draws),
            limits=limits,
            log=folder / f"preflight-{number}.log",
            # A check rarely needs the libraries of training, so the check does not wait for their import.
            preload=LIGHT if has_light else preload_for(generator.target),
        )
        answers: dict[int, Answer] = {}
        waiting[engine.submit(task, partial(_keep, answers))] = question, answers
    while waiting:
        _settle(found, waiting, memory=memory, seconds=seconds, accept=accept)
    return found


def _settle(
    found: Preflight,
    waiting: dict[Future[Outcome], tuple[Question, dict[int, Answer]]],
    *,
    memory: int | None,
    seconds: float,
    accept: Callable[[Sequence[Cell]], None],
) -> None:
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        question, answers = waiting.pop(future)
        missing = _missing(future.result(), seconds)
        for index, (size, asking) in enumerate(question.items()):
            _take(found, answers.get(index, missing), size, asking, memory)
            accept([cell for cell in asking if cell.key not in found.refusals])


def _preload(question: Question) -> str:
    return preload_for(next(iter(question.values()))[0].generator.target)


def _keep(answers: dict[int, Answer], said: tuple[int, Answer]) -> None:
    answers.update([said])


def _missing(outcome: Outcome, seconds: float) -> Answer:
    if outcome.status == "skipped":  # the constructor raised Unsupported, as it would before a fit
        return Answer(declined=outcome.reason)
    how = f"gave no answer in {seconds:g} s" if outcome.status == "timeout" else _ending(outcome)
    return Answer(warning=f"asked whether it supports the table, it {how}")


def refused_record(cell: Cell, refusal: Refusal, environment: Environment) -> CellRecord:
    """Return the record of a training that does not start."""
    phases = {PHASE: Phase(status="skipped")}
    return CellRecord(
        key=cell.key,
        cell=cell.identity,
        status="skipped",
        reason=refusal.reason,
        phases=phases,
        environment=environment,
    )


def was_refused(record: CellRecord) -> bool:
    """Return whether a record was made by `refused_record`.

    Every run checks refused trainings again, because limits may change.
    """
    return record.status == "skipped" and PHASE in record.phases


def _questions(cells: Sequence[Cell], schemas: Mapping[str, Schema]) -> list[Question]:
    questions: dict[str, dict[Size, list[Cell]]] = {}
    for cell in cells:
        generator, identity = cell.generator, cell.identity
        schema = schemas[identity.dataset].model_copy(update={"group": None})
        size = schema, identity.n_train, identity.n_features
        same = make_key(name=generator.name, code=generator.code, config=generator.config)
        questions.setdefault(same, {}).setdefault(size, []).append(cell)
    return list(questions.values())


def _take(found: Preflight, answer: Answer, size: Size, cells: Iterable[Cell], memory: int | None) -> None:
    refusal, warning = None, answer.warning
    if answer.declined:
        refusal = Refusal(answer.declined)
    elif answer.estimate is not None and memory is not None and answer.estimate > memory:
        refusal = Refusal(_too_large(answer.estimate, size, memory), answer.estimate)
    elif answer.estimate is not None and memory is None and answer.estimate > (answer.machine or answer.estimate):
        warning = f"{_need(answer.estimate, size)}, this machine has {bytes_text(answer.machine or 0)}"
    for cell in cells:
        if answer.estimate is not None:
            found.estimates[cell.key] = answer.estimate
        if refusal is not None:
            found.refusals[cell.key] = refusal
        elif warning:
            found.warnings[cell.key] = warning


def _need(estimate: int, size: Size) -> str:
    _, n_rows, n_features = size
    return f"needs an estimated {bytes_text(estimate)} for {n_rows:,} rows x {n_features:,} features"


def _too_large(estimate: int, size: Size, memory: int) -> str:
    return (
        f"{_need(estimate, size)}, limit {bytes_text(memory)} (--memory); use fewer features or options that need "
        "less, or raise --memory"
    )


def _ask(payload: tuple[str, dict[str, Any], tuple[Size, ...], int], send: Send) -> None:
    """Check one generator on each of its tables.

    Each result is sent before the next table is checked, because the next check may crash the process.
    """
    target, options, sizes, draws = payload
    kind = load_target(target)
    generator = kind(kind.Config.model_validate(options))
    for index, size in enumerate(sizes):
        send((index, _answer(generator, size, draws)))


def _answer(generator: Any, size: Size, draws: int) -> Answer:
    method = "supports"
    try:
        check_draws(type(generator), draws)
        check_makes(type(generator), size[0])
        returned = type(generator).supports(*size)
        if returned is not None:
            return Answer(warning=f"supports() returned {returned!r}, which says nothing; to decline raise Unsupported")
        method = "estimate_memory"
        estimate = check_estimate(generator.estimate_memory(*size), plugin=generator.name)
        return Answer(estimate=estimate, machine=None if estimate is None else machine_memory())
    except Unsupported as error:
        return Answer(declined=str(error) or f"{method}() declines this table without a reason")
    except PluginError as error:
        return Answer(warning=str(error))
    except Exception as error:  # a plugin may raise anything
        return Answer(warning=_one_line(f"{method}() raised {type(error).__name__}: {error}"))


def _ending(outcome: Outcome) -> str:
    verbs = {"out_of_memory": "ran out of memory", "crashed": "crashed"}
    return _one_line(f"{verbs.get(outcome.status, 'failed')}: {outcome.reason}")


def _grouped(title: str, reasons: Mapping[str, str], cells: Iterable[Cell]) -> list[str]:
    groups: dict[tuple[str, str, str], list[str]] = {}
    for cell in cells:
        reason = reasons.get(cell.key)
        if reason is not None:
            alike = re.sub(r"\d[\d.,]*", "#", reason)
            groups.setdefault((cell.identity.label, cell.identity.dataset, alike), []).append(reason)
    return [
        f"{title}: {label} · {dataset} ({count_text(len(found), 'cell')}): {found[0]}"
        for (label, dataset, _), found in groups.items()
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())
