"""The two tasks of a run: `fit_cell` trains and samples without test rows, and `score_cell` computes scores."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tabgenbench.data.h5ad import read_table, write_table
from tabgenbench.data.split_files import read_evaluation_tables, read_reference, read_stored_tables
from tabgenbench.data.table import Table
from tabgenbench.engines.base import Send
from tabgenbench.engines.isolate import unchanged_process
from tabgenbench.engines.worker import failure_of, flush_output, mark
from tabgenbench.interfaces.checks import score_draw
from tabgenbench.interfaces.evaluation import Evaluation, Shared, Side, lock_arrays
from tabgenbench.interfaces.generator import Context, Progress, SampleContext
from tabgenbench.interfaces.metric import Metric, MetricContext
from tabgenbench.records import EMBEDDING, DrawScores
from tabgenbench.registry.keys import seed_of
from tabgenbench.registry.lazy import Target, load_target
from tabgenbench.run.embedding import embed_rows, read_embedding
from tabgenbench.run.training import FitPayload, keep_model, train_generator, warm_up

__all__ = [
    "FitPayload",
    "MetricJob",
    "ScorePayload",
    "fit_cell",
    "metric_phase",
    "score_cell",
    "summed_fallbacks",
    "warm_up",
]


@dataclass(frozen=True, kw_only=True)
class MetricJob:
    """A metric to compute: its label, its class and its options."""

    label: str
    target: Target
    options: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ScorePayload:
    """Input of `score_cell`."""

    split_folder: Path
    draws: tuple[Path, ...]
    metrics: tuple[MetricJob, ...]
    seed: int
    device: str
    memory: int | None = None
    embedding: Path | None = None


@dataclass
class _MetricState:
    metric: Metric | None = None
    draws: list[dict[str, Any]] = field(default_factory=list)
    artifacts: dict[str, list[pd.DataFrame]] = field(default_factory=dict)
    seconds: float = 0.0
    failure: dict[str, str] | None = None


def fit_cell(payload: FitPayload, send: Send) -> dict[str, Any]:
    """Train a generator, write its synthetic tables and model, and return times, losses and notes.

    The function calls ``send`` with the messages of `train_generator` (such as losses), and with a `Mark` at the start
    of each of the phases ``sample``, ``embed`` and ``save``. Test rows are read only after the last table is written,
    and only if the generator embeds rows or predicts labels.
    """
    trained = train_generator(payload, send)
    transform, conditions, fit_context = trained.transform, trained.conditions, trained.fit_context
    assert fit_context is not None  # the generator was trained, not loaded
    send(mark("sample"))
    contexts: list[Context] = [fit_context]
    negative = 0
    sample_common = trained.common()
    sample_seconds = 0.0
    for draw in range(payload.draws):
        context = SampleContext(seed=seed_of(payload.seed, "sample", draw), draw=draw, **sample_common)
        checked, seconds = trained.sample(conditions, context)
        sample_seconds += seconds
        negative += trained.count_negative(checked)
        write_table(trained.to_store(checked), payload.out_folder / f"draw-{draw}.h5ad", transform=transform)
        contexts.append(context)
    if negative:
        n_values = payload.draws * len(conditions) * trained.train.n_features
        fit_context.note(f"{negative:,} of {n_values:,} sampled values were negative and counted as 0")
    send(mark("embed"))
    embedding = payload.out_folder / EMBEDDING
    fit_context.notes.extend(
        embed_rows(trained.generator, payload.split_folder, transform, embedding, must_succeed=payload.draws == 0)
    )
    return {
        "fit_seconds": trained.fit_seconds,
        "sample_seconds": sample_seconds,
        "peak_gpu_bytes": _gpu_peak(payload.device),
        "losses": _curves(fit_context.curve),
        "fallbacks": summed_fallbacks(contexts),
        "notes": list(dict.fromkeys(str(note) for context in contexts for note in context.notes)),
        "no_model": keep_model(trained.generator, payload, send),
    }


def score_cell(payload: ScorePayload, send: Send) -> None:
    """Compute metrics on every synthetic table of a generator.

    If there are no synthetic tables, each metric is computed once, on the generator's embedding and predictions.

    Before each call of a metric, the function sends a `Mark` (message) with the name of the metric's phase. The
    receiver therefore applies the time limit to each metric, and counts a crash as a failure of the metric that caused
    it. At the end, the function sends ``("scored", label, result)`` for each metric.
    """
    train, test, transform = read_evaluation_tables(payload.split_folder)
    own: dict[Side, Table] = {}
    if transform.library is not None:
        own["train"], own["test"] = read_stored_tables(payload.split_folder)
    reference, embedded = read_reference(payload.split_folder), read_embedding(payload.embedding)
    context = MetricContext(seed=payload.seed, device=payload.device, memory_limit=payload.memory)
    states: dict[str, _MetricState] = {}
    for job in payload.metrics:
        send(mark(metric_phase(job.label)))
        states[job.label] = _make(job)
    send(mark("reading"))
    if payload.device != "cpu":
        warm_up(payload.device)
    shared = Shared()
    for draw, path in enumerate(payload.draws or [None]):
        send(mark("reading"))
        shared.next_draw()
        stored = read_stored_tables(payload.split_folder)[1].take([]) if path is None else read_table(path)
        if transform.library is not None:
            own["synthetic"] = transform.invert(stored)
        synthetic = transform.apply(stored)
        evaluation = Evaluation(
            train,
            test,
            synthetic,
            transform,
            shared,
            embedding=embedded.test or None,
            train_embedding=embedded.train or None,
            predictions=embedded.predictions or None,
            reference=reference,
            counts=dict(own),
        )
        lock_arrays([train, test, synthetic, reference, *own.values()])
        for label, state in states.items():
            if state.failure is None:
                send(mark(metric_phase(label)))
                with unchanged_process():
                    _compute(state, evaluation, context, draw)
    for label, state in states.items():
        send(mark(metric_phase(label)))
        send(("scored", label, _summary(state)))


def metric_phase(label: str) -> str:
    """Return the name of the phase in which a metric is computed."""
    return f"metric {label}"


def _make(job: MetricJob) -> _MetricState:
    state = _MetricState()
    with _failing_alone(state):
        kind = load_target(job.target)
        state.metric = kind(kind.Config.model_validate(job.options))
    return state


def _compute(state: _MetricState, evaluation: Evaluation, context: MetricContext, draw: int) -> None:
    started = time.perf_counter()
    assert state.metric is not None  # else _make has recorded a failure
    with _failing_alone(state, where=f"draw {draw}: "):
        result = score_draw(state.metric, evaluation, context)
        scores = {name: float(value) for name, value in sorted(result.scores.items())}
        found = DrawScores(draw=draw, scores=scores, undefined=dict(result.undefined), notes=list(result.notes))
        state.draws.append(found.model_dump())
        for name, frame in result.artifacts.items():
            state.artifacts.setdefault(name, []).append(frame.assign(draw=draw))
    state.seconds += time.perf_counter() - started


@contextmanager
def _failing_alone(state: _MetricState, *, where: str = "") -> Iterator[None]:
    """Record an error in the ``with`` block as a failure of one metric; other metrics are still computed."""
    try:
        yield
    except Exception as error:  # a plugin may raise anything; the error is recorded
        flush_output()
        state.failure = failure_of(error, where=where)


def _summary(state: _MetricState) -> dict[str, Any]:
    artifacts: dict[str, str] = {}
    for name, frames in state.artifacts.items():
        with _failing_alone(state, where=f"artifact {name!r} cannot be written as CSV: "):
            artifacts[name] = pd.concat(frames, ignore_index=True).to_csv(index=False)
    found = state.failure or {"status": "ok"}
    return {
        "seconds": state.seconds,
        "draws": state.draws,
        "artifacts": artifacts if found["status"] == "ok" else {},
        **found,
    }


def summed_fallbacks(contexts: Iterable[Context]) -> list[dict[str, Any]]:
    """Return the number of rows that a fallback rule sampled instead of the model, for each condition and rule."""
    rows: Counter[tuple[str, str]] = Counter()
    for context in contexts:
        for one in context.fallbacks:
            rows[one.condition, one.rule] += one.rows
    return [{"condition": condition, "rows": n, "rule": rule} for (condition, rule), n in rows.items()]


def _curves(curve: list[Progress]) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for progress in curve for name in progress.losses)
    curves: dict[str, list[float | None]] = {"epoch": [float(progress.epoch) for progress in curve]} if names else {}
    for name in names:
        values = (progress.losses.get(name, np.nan) for progress in curve)
        curves[name] = [value if np.isfinite(value) else None for value in values]
    return curves


def _gpu_peak(device: str) -> int | None:
    if device == "cpu":
        return None
    import torch

    return int(torch.cuda.max_memory_allocated(device))
