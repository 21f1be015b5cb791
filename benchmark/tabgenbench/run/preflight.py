"""Before a run: which cells a generator declines, and which need more memory than the limit.

A plugin's code may hang, crash or end its process here too, so it is asked in processes of the engine, one for each
generator with its options. Only what it says in order counts as a refusal: `Unsupported`, or an estimate above the
limit. Whatever else happens is a warning, and the run, which will meet it again, records it for what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tabgenbench.data.schema import Schema
from tabgenbench.engines.base import Engine, Limits, Outcome, Send, Task
from tabgenbench.engines.memory import machine_memory
from tabgenbench.errors import PluginError, Unsupported
from tabgenbench.formatting import bytes_text, count_text
from tabgenbench.interfaces.checks import check_estimate
from tabgenbench.records import CellRecord, Environment, Phase
from tabgenbench.registry.keys import make_key
from tabgenbench.registry.lazy import load_target
from tabgenbench.run.plan import Cell
from tabgenbench.run.preloads import preload_for

__all__ = ["Preflight", "Refusal", "find_refusals", "refused_record", "was_refused"]

SECONDS = 60.0  # for all questions to one generator; an answer takes microseconds, its imports some seconds
ASKING_BYTES = 4 * 2**30
PHASE = "preflight"
Size = tuple[Schema, int, int]  # a table as a generator is asked about it: schema, rows, features


@dataclass(frozen=True)
class Refusal:
    """Why a cell is not begun, and the memory it would need in bytes, where that is known."""

    reason: str
    estimate: int | None = None


@dataclass(frozen=True)
class Preflight:
    """What is known of cells before they run, by the cell's key.

    Attributes:
        refusals: cells that are not to be begun; their status is ``skipped``.
        estimates: peak memory of fitting in bytes, as the generator itself estimates it.
        warnings: what went wrong while a generator was asked; its cells are left to the run.
    """

    refusals: dict[str, Refusal] = field(default_factory=dict)
    estimates: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)

    def lines(self, cells: Iterable[Cell]) -> list[str]:
        """Return one sentence for each generator, dataset and reason, refusals first.

        Reasons that differ in their numbers alone, as those of several splits do, are told once, by the first cell's.
        """
        cells = list(cells)
        refused = {key: refusal.reason for key, refusal in self.refusals.items()}
        return _grouped("not begun", refused, cells) + _grouped("may fail", self.warnings, cells)


@dataclass(frozen=True)
class Answer:
    """What a generator says of one table: a reason to decline, bytes beside the machine's, or what went wrong."""

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
) -> Preflight:
    """Ask the generators of cells whether they support their tables. Writes nothing but logs.

    Args:
        cells: the cells that are to be trained.
        schemas: schema of each dataset by its label, as in a cell's identity; the group is left out, as in training.
        engine: runs the plugins' code.
        memory: limit that a cell's memory is held to, in bytes, or None.
        folder: an existing folder for the processes' output.
        seconds: time that all questions to one generator may take.
    """
    waiting: list[tuple[dict[Size, list[Cell]], dict[int, Answer], Future[Outcome]]] = []
    for number, question in enumerate(_questions(cells, schemas)):
        generator = next(iter(question.values()))[0].generator
        # A limit for the model is not one for asking it, which takes the memory of its imports.
        limits = Limits(threads=1, timeout=seconds, memory=None if memory is None else max(memory, ASKING_BYTES))
        task = Task(
            function=_ask,
            payload=(generator.target, generator.config, tuple(question)),
            limits=limits,
            log=folder / f"preflight-{number}.log",
            preload=preload_for(generator.target),
        )
        answers: dict[int, Answer] = {}
        waiting.append((question, answers, engine.submit(task, partial(_keep, answers))))
    found = Preflight()
    for question, answers, future in waiting:
        missing = _missing(future.result(), seconds)
        for index, (size, asking) in enumerate(question.items()):
            _take(found, answers.get(index, missing), size, asking, memory)
    return found


def _keep(answers: dict[int, Answer], said: tuple[int, Answer]) -> None:
    answers.update([said])


def _missing(outcome: Outcome, seconds: float) -> Answer:
    """Return what counts as the answer where a process gave none."""
    if outcome.status == "skipped":  # as the fit would be: declined while it was made
        return Answer(declined=outcome.reason)
    how = f"gave no answer in {seconds:g} s" if outcome.status == "timeout" else _ending(outcome)
    return Answer(warning=f"asked whether it supports the table, it {how}")


def refused_record(cell: Cell, refusal: Refusal, environment: Environment) -> CellRecord:
    """Return the record of a cell that is not begun; `was_refused` knows it again."""
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
    """Whether a record is of a cell that was not begun: it is asked again in every run, as the limit may differ."""
    return record.status == "skipped" and PHASE in record.phases


def _questions(cells: Sequence[Cell], schemas: Mapping[str, Schema]) -> list[dict[Size, list[Cell]]]:
    """Return for each generator with its options the tables it is asked about, each with its cells."""
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


def _ask(payload: tuple[str, dict[str, Any], tuple[Size, ...]], send: Send) -> None:
    """Ask one generator about tables; the work of a process. Each answer is sent, in case the next one is the last."""
    target, options, sizes = payload
    kind = load_target(target)
    generator = kind(kind.Config.model_validate(options))
    for index, size in enumerate(sizes):
        send((index, _answer(generator, size)))


def _answer(generator: Any, size: Size) -> Answer:
    method = "supports"
    try:
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
