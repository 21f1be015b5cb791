from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tabgenbench import Unsupported
from tabgenbench.engines.base import EngineOptions, Limits, Mark, Outcome, Task
from tabgenbench.engines.inline import InlineEngine
from tabgenbench.engines.numerics import float_environment, flush_denormals, set_float_environment
from tabgenbench.errors import ConfigError


def run(
    function: Callable[[Any, Any], Any], payload: Any = None, log: Path = Path("/nowhere")
) -> tuple[Outcome, list[Any]]:
    messages: list[Any] = []
    engine = InlineEngine(InlineEngine.settle(EngineOptions(device="cpu")))
    task = Task(function=function, payload=payload, limits=Limits(threads=1), log=log, environment={"SAID": "before"})
    future = engine.submit(task, messages.append)
    assert future.done()
    engine.close()
    return future.result(), messages


def works(payload: Any, send: Any) -> Any:
    send("hello")
    send(Mark("fit"))
    return payload, os.getpid(), os.environ["SAID"]


def declines(payload: Any, send: Any) -> None:
    raise Unsupported("needs the moon")


def raises(payload: Any, send: Any) -> None:
    raise ValueError("cannot")


def leaves(payload: Any, send: Any) -> None:
    sys.exit("no licence")


def disturbs(payload: Any, send: Any) -> None:
    os.chdir("/")
    os.environ["LEFT"] = "behind"
    sys.path.insert(0, "/left")
    sys.stdout = sys.stderr
    tempfile.tempdir = "/left"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    random.seed(1)
    np.random.seed(1)
    np.seterr(all="ignore")
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)


def state() -> tuple[Any, ...]:
    return (
        os.getcwd(),
        dict(os.environ),
        list(sys.path),
        sys.stdout,
        tempfile.tempdir,
        signal.getsignal(signal.SIGTERM),
        list(warnings.filters),
        random.getstate(),
        np.random.get_state()[1].tolist(),  # type: ignore[index]
        np.geterr(),
        torch.random.get_rng_state().tolist(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        float_environment(),
    )


def test_a_task_runs_in_this_process() -> None:
    outcome, messages = run(works, 3)
    assert (outcome.status, outcome.value) == ("ok", (3, os.getpid(), "before"))
    assert messages == ["hello"]
    assert list(outcome.phases) == ["prepare", "fit"]
    assert outcome.environment.packages["tabgenbench"]


@pytest.mark.parametrize(
    ("function", "status", "reason"),
    [
        (declines, "skipped", "needs the moon"),
        (raises, "failed", "ValueError: cannot"),
        (leaves, "crashed", "the task tried to end its process (SystemExit: no licence)"),
    ],
)
def test_ends_are_told_apart(function: Callable[[Any, Any], Any], status: str, reason: str) -> None:
    outcome, _ = run(function)
    assert (outcome.status, outcome.reason) == (status, reason)


def test_what_a_task_changes_of_the_process_is_restored() -> None:
    before = state()
    outcome, _ = run(disturbs)
    assert outcome.status == "ok"
    assert state() == before


def test_an_interrupt_is_not_caught_and_leaves_the_process_as_it_was() -> None:
    def interrupted(payload: Any, send: Any) -> None:
        disturbs(payload, send)
        raise KeyboardInterrupt

    before = state()
    with pytest.raises(KeyboardInterrupt):
        run(interrupted)
    assert state() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout": 5.0}, "without --timeout"),
        ({"memory": 2**30}, "without --memory"),
        ({"workers": 2}, "without --workers above 1"),
        ({"address": "auto"}, "without --address"),
    ],
)
def test_limits_and_workers_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=f"--executor inline: runs one cell at a time in this process, {words}"):
        InlineEngine.settle(EngineOptions(device="cpu", **options))


def control_bits() -> int:
    """Return the bits of the register MXCSR for rounding and denormals, without its status flags."""
    return int.from_bytes(float_environment()[28:32], "little") & ~0x3F


def test_denormals_are_flushed_as_torch_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny, before = np.full(64, 1e-39, dtype=np.float32), float_environment()
    try:
        assert (tiny * np.float32(0.5)).any()
        monkeypatch.delitem(sys.modules, "torch")
        flush_denormals()
        assert not (tiny * np.float32(0.5)).any()
        without_torch = control_bits()
        set_float_environment(before)
        torch.set_flush_denormal(True)
        assert control_bits() == without_torch
    finally:
        set_float_environment(before)
    assert (tiny * np.float32(0.5)).any()
