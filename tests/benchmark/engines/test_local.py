from __future__ import annotations

import subprocess
import sys
import time
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import psutil
import pytest

from tabgenbench.engines import local
from tabgenbench.engines.base import EngineOptions, Limits, Outcome, Task
from tabgenbench.engines.local import LocalEngine
from tabgenbench.engines.watch import Watch

pytestmark = pytest.mark.alone  # these bound the time and the memory of process trees

FUNCTIONS = """
import ctypes, os, signal, subprocess, sys, tempfile, time
from multiprocessing.shared_memory import SharedMemory
import numpy as np
import psutil
from tabgenbench import Unsupported
from tabgenbench.engines.worker import mark

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

def leaves_with_words(payload, send):
    sys.exit("the licence file is missing")

def a_child_leaves_with_words(payload, send):
    if os.fork() == 0:
        sys.exit("a child's words")
    os.wait()
    return "done"

def closes(payload, send):
    os.closerange(3, 256)
    time.sleep(300)

def kills_itself(payload, send):
    os.kill(os.getpid(), payload)

def lacks_memory(payload, send):
    raise OSError(12, "Cannot allocate memory")

def says_odd_things(payload, send):
    send({"cell": ["caf\\udce9"]})
    return ("caf\\udce9",)

def reads_input(payload, send):
    return os.read(0, 10), sys.stdin.read()

def makes_shared_memory(payload, send):
    memory = SharedMemory(create=True, size=2**20)
    send(memory.name)
    if payload == "hangs":
        time.sleep(300)
    return "done"

def sleeps(payload, send):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    send(child.pid)
    time.sleep(300)

def daemon():
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            time.sleep(300)
        os._exit(0)
    os.wait()

def detaches(payload, send):
    for _ in range(3):
        daemon()
    children = psutil.Process(os.getppid()).children()
    send([one.pid for one in children if one.pid != os.getpid()])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if payload == "hangs":
        time.sleep(300)
    if payload == "kills its keeper":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(300)
    return "done"

def phases(payload, send):
    for phase, seconds in payload:
        send(mark(phase))
        time.sleep(seconds)
    return "done"

def grows(payload, send):
    send(mark("fit"))
    block = np.ones(payload // 8)
    time.sleep(60)
    return block.nbytes

def above(payload, send):
    return os.getppid()

def litters(payload, send):
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(b"x" * 1000)
    return file.name

def shouts(payload, send):
    for _ in range(40):
        print("x" * 2**20)
    print("the end", flush=True)
    raise ValueError("enough")

def visible(payload, send):
    time.sleep(0.3)
    return os.environ["CUDA_VISIBLE_DEVICES"]

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
    engine = LocalEngine(EngineOptions(device="cpu", workers=1, threads=1))
    try:
        task = Task(function=function, payload=payload, limits=Limits(**limits), log=tmp_path / "log")  # type: ignore[arg-type]
        return engine.submit(task, messages.append).result(), messages
    finally:
        engine.close()


def test_value_and_messages_come_back(tmp_path: Path, functions: object) -> None:
    outcome, messages = run(tmp_path, functions.ok, 41)  # type: ignore[attr-defined]
    assert (outcome.status, outcome.value, messages) == ("ok", 42, ["hello"])


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("raises", "failed", "ValueError: cannot"),
        ("declines", "skipped", "needs the moon"),
        ("segfaults", "crashed", "SIGSEGV"),
        ("exits", "crashed", "exit status 0 during prepare, before it returned a result"),
        ("leaves_with_words", "crashed", "the licence file is missing"),
        ("a_child_leaves_with_words", "ok", ""),
        ("closes", "crashed", "closed its message pipe"),
        ("lacks_memory", "out_of_memory", "OSError: [Errno 12] Cannot allocate memory"),
    ],
)
def test_ends_are_told_apart(tmp_path: Path, functions: object, name: str, status: str, reason: str) -> None:
    outcome, _ = run(tmp_path, getattr(functions, name))
    assert outcome.status == status
    assert reason in outcome.reason
    if name == "exits":
        assert "last words" in outcome.output
    if name == "leaves_with_words":
        assert "the licence file is missing" in outcome.output


@pytest.mark.parametrize(("number", "name"), [(11, "SIGSEGV"), (40, "signal 40")])
def test_a_signal_is_told_by_its_name_where_it_has_one(
    tmp_path: Path, functions: object, number: int, name: str
) -> None:
    outcome, _ = run(tmp_path, functions.kills_itself, number)  # type: ignore[attr-defined]
    assert (outcome.status, outcome.reason.split(" during ")[0]) == ("crashed", f"the process was killed by {name}")


def test_text_that_cannot_be_written_arrives_as_text_that_can(tmp_path: Path, functions: object) -> None:
    outcome, messages = run(tmp_path, functions.says_odd_things)  # type: ignore[attr-defined]
    assert (outcome.value, messages) == (("caf\\udce9",), [{"cell": ["caf\\udce9"]}])


def test_a_task_has_an_empty_input(tmp_path: Path, functions: object) -> None:
    outcome, _ = run(tmp_path, functions.reads_input)  # type: ignore[attr-defined]
    assert outcome.value == (b"", "")


@pytest.mark.slow
@pytest.mark.parametrize(("how", "status"), [("ends", "ok"), ("hangs", "timeout")])
def test_shared_memory_goes_with_the_task(tmp_path: Path, functions: object, how: str, status: str) -> None:
    timeout = 1.5 if how == "hangs" else None
    outcome, (name,) = run(tmp_path, functions.makes_shared_memory, how, timeout=timeout)  # type: ignore[attr-defined]
    assert outcome.status == status
    assert not Path("/dev/shm", str(name)).exists()


def test_time_limit_ends_the_whole_tree(tmp_path: Path, functions: object) -> None:
    started = time.monotonic()
    outcome, messages = run(tmp_path, functions.sleeps, timeout=1.5)  # type: ignore[attr-defined]
    assert outcome.status == "timeout"
    assert time.monotonic() - started < 60
    assert not psutil.pid_exists(messages[0]) or psutil.Process(messages[0]).status() == "zombie"  # type: ignore[arg-type]


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(("how", "status"), [("ends", "ok"), ("hangs", "timeout"), ("kills its keeper", "crashed")])
def test_detached_processes_are_ended_too(tmp_path: Path, functions: object, how: str, status: str) -> None:
    outcome, messages = run(tmp_path, functions.detaches, how, timeout=1.5)  # type: ignore[attr-defined]
    assert outcome.status == status
    (pids,) = messages
    assert len(pids) == 3  # type: ignore[arg-type]
    assert all(is_gone(pid) for pid in pids)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_each_phase_has_its_own_limit_and_figures(tmp_path: Path, functions: object) -> None:
    two = [("fit", 0.8), ("sample", 0.8)]
    outcome, _ = run(tmp_path, functions.phases, two, timeout=1.4)  # type: ignore[attr-defined]
    assert (outcome.status, outcome.phase) == ("ok", "sample")
    assert outcome.phases["fit"].seconds == pytest.approx(0.8, abs=0.4)
    again = [("fit", 0.8), ("sample", 0.1), ("fit", 30)]
    outcome, _ = run(tmp_path, functions.phases, again, timeout=1.5)  # type: ignore[attr-defined]
    assert (outcome.status, outcome.phase) == ("timeout", "fit")
    assert "fit was ended after 1." in outcome.reason
    assert outcome.phases["fit"].seconds < 1.5 + 5


def test_a_keeper_that_was_killed_while_it_waited_is_replaced(tmp_path: Path, functions: object) -> None:
    engine = LocalEngine(EngineOptions(device="cpu", workers=1, threads=1))
    task = Task(function=functions.above, payload=0, limits=Limits(), log=tmp_path / "log")  # type: ignore[attr-defined]
    try:
        first, _ = (engine.submit(task, print).result() for _ in range(2))  # the second has a keeper of its own
        keeper = psutil.Process(first.value)
        keeper.kill()
        psutil.wait_procs([keeper], timeout=10)
        after = engine.submit(task, print).result()
        assert after.status == "ok", after.reason
        assert after.value != first.value
    finally:
        engine.close()


def test_a_result_that_arrives_with_the_end_of_its_process_is_not_lost(
    tmp_path: Path, functions: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_first(connections: list[Any], timeout: float) -> list[Any]:
        monkeypatch.undo()
        return wait(connections[1:], 10)

    monkeypatch.setattr(local, "wait", end_first)
    outcome, _ = run(tmp_path, functions.above, 0)  # type: ignore[attr-defined]
    assert outcome.status == "ok", outcome.reason


def test_temporary_files_go_with_the_task(tmp_path: Path, functions: object) -> None:
    outcome, _ = run(tmp_path, functions.litters)  # type: ignore[attr-defined]
    assert not Path(outcome.value).parent.exists()


def test_output_is_kept_but_not_without_end(tmp_path: Path, functions: object) -> None:
    outcome, _ = run(tmp_path, functions.shouts)  # type: ignore[attr-defined]
    assert outcome.output.endswith("the end\n")
    assert len(outcome.output) == 4000
    assert (tmp_path / "log").stat().st_size <= 40 * (2**20 + 1) + 100


def test_tasks_get_gpus_by_turns(tmp_path: Path, functions: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    engine = LocalEngine(EngineOptions(device="cuda", workers=4, threads=1, slots_per_gpu=2))
    try:
        function = functions.visible  # type: ignore[attr-defined]
        tasks = [Task(function=function, payload=0, limits=Limits(), log=tmp_path / f"log-{i}") for i in range(4)]
        futures = [engine.submit(task, lambda message: None) for task in tasks]
        assert sorted(future.result().value for future in futures) == ["3", "3", "5", "5"]
    finally:
        engine.close()


def test_memory_limit_and_peak(tmp_path: Path, functions: object) -> None:
    allocates = functions.allocates  # type: ignore[attr-defined]
    outcome, _ = run(tmp_path, allocates, 2**28)
    assert outcome.peak_memory == pytest.approx(2**28, rel=0.05)
    outcome, _ = run(tmp_path, allocates, 2**31, memory=2**30)
    assert outcome.status == "out_of_memory"
    assert "limit 1.00 GiB" in outcome.reason


@pytest.mark.slow
@pytest.mark.parametrize("limit", [{"memory": 2**30}, {"timeout": 1.0}], ids=["memory", "time"])
def test_a_limit_is_that_of_the_phase_that_had_begun_by_then(
    tmp_path: Path, functions: object, monkeypatch: pytest.MonkeyPatch, limit: dict[str, Any]
) -> None:
    look, delays = Watch.look, [4.0]  # as if the supervisor waits for a processor

    def look_late(watch: Watch) -> Any:
        time.sleep(delays.pop() if delays else 0.0)
        return look(watch)

    monkeypatch.setattr(Watch, "look", look_late)
    outcome, _ = run(tmp_path, functions.grows, 2**31, **limit)  # type: ignore[attr-defined]
    assert outcome.status == {"memory": "out_of_memory", "timeout": "timeout"}[next(iter(limit))]
    assert outcome.phase == "fit"
    assert outcome.reason.startswith("fit was ended")


def test_too_much_memory_says_more_than_too_much_time(tmp_path: Path) -> None:
    limits = Limits(timeout=0.0, memory=2**20)
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as parent:
        try:
            while not any(
                psutil.Process(one.pid).memory_info().rss > 2**22 for one in psutil.Process(parent.pid).children()
            ):
                time.sleep(0.01)
            outcome = Watch(parent.pid, Task(function=print, payload=0, limits=limits, log=tmp_path / "log")).look()
        finally:
            parent.stdin.close()  # type: ignore[union-attr]
    assert outcome is not None
    assert outcome.status == "out_of_memory"


def test_threads_are_set_everywhere(tmp_path: Path, functions: object) -> None:
    outcome, _ = run(tmp_path, functions.threads, threads=1)  # type: ignore[attr-defined]
    counts, policy = outcome.value
    assert set(counts) == {1}
    assert policy == "PASSIVE"
