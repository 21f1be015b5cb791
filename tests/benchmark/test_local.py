from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from tabgenbench.executor import Limits, Outcome, Task
from tabgenbench.local import LocalExecutor

FUNCTIONS = """
import ctypes, os, subprocess, sys, time
import numpy as np
from tabgenbench import Unsupported

def ok(payload, send):
    send("hello")
    return payload + 1

def raises(payload, send):
    raise ValueError("cannot")

def declines(payload, send):
    raise Unsupported("needs the moon")

def allocates(payload, send):
    block = np.ones(payload // 8)
    time.sleep(0.5)
    return block.nbytes

def segfaults(payload, send):
    ctypes.string_at(0)

def exits(payload, send):
    print("last words", flush=True)
    os._exit(0)

def sleeps(payload, send):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    send(child.pid)
    time.sleep(300)

def threads(payload, send):
    import torch
    from threadpoolctl import threadpool_info
    counts = [torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())]
    return counts, os.environ["OMP_WAIT_POLICY"]
"""


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    (tmp_path / "task_functions.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    return importlib.import_module("task_functions")


def run(tmp_path: Path, function: object, payload: object = 1, **limits: object) -> tuple[Outcome, list[object]]:
    messages: list[object] = []
    executor = LocalExecutor(workers=1, threads=1)
    try:
        task = Task(function=function, payload=payload, limits=Limits(**limits), log=tmp_path / "log")  # type: ignore[arg-type]
        return executor.submit(task, messages.append).result(), messages
    finally:
        executor.close()


def test_value_and_messages_come_back(tmp_path: Path, functions: object) -> None:
    outcome, messages = run(tmp_path, functions.ok, 41)  # type: ignore[attr-defined]
    assert (outcome.status, outcome.value, messages) == ("ok", 42, ["hello"])


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("raises", "failed", "ValueError: cannot"),
        ("declines", "skipped", "needs the moon"),
        ("segfaults", "crashed", "SIGSEGV"),
        ("exits", "crashed", "exit status 0 before it gave a result"),
    ],
)
def test_ends_are_told_apart(tmp_path: Path, functions: object, name: str, status: str, reason: str) -> None:
    outcome, _ = run(tmp_path, getattr(functions, name))
    assert outcome.status == status
    assert reason in outcome.reason
    if name == "exits":
        assert "last words" in outcome.traceback


def test_time_limit_ends_the_whole_tree(tmp_path: Path, functions: object) -> None:
    started = time.monotonic()
    outcome, messages = run(tmp_path, functions.sleeps, timeout=1.5)  # type: ignore[attr-defined]
    assert outcome.status == "timeout"
    assert time.monotonic() - started < 60
    assert not psutil.pid_exists(messages[0]) or psutil.Process(messages[0]).status() == "zombie"  # type: ignore[arg-type]


def test_memory_limit_and_peak(tmp_path: Path, functions: object) -> None:
    allocates = functions.allocates  # type: ignore[attr-defined]
    outcome, _ = run(tmp_path, allocates, 2**28)
    assert outcome.peak_memory == pytest.approx(2**28, rel=0.05)
    outcome, _ = run(tmp_path, allocates, 2**31, memory=2**30)
    assert outcome.status == "out_of_memory"


def test_threads_are_set_everywhere(tmp_path: Path, functions: object) -> None:
    outcome, _ = run(tmp_path, functions.threads, threads=1)  # type: ignore[attr-defined]
    counts, policy = outcome.value
    assert set(counts) == {1}
    assert policy == "PASSIVE"
