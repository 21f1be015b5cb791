from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tabgenbench.engines.base import Limits
from tabgenbench.engines.ray_cluster import Node, last_line, survey, usable
from tabgenbench.engines.ray_engine import to_reserve
from tabgenbench.engines.ray_node import Job, look_around, near_copy
from tabgenbench.errors import ConfigError, DeviceError
from tabgenbench.records import CellRecord
from tabgenbench.run.preflight import ASKING_BYTES
from tabgenbench.store.store import Store

pytest.importorskip("ray", reason="the extra ray is not installed")

PLUGIN = '''
"""Generators for tests of the Ray engine."""

import os, time
from pathlib import Path
import psutil
from tabgenbench import Card, Generator, Unsupported, hookimpl


class Honest(Generator):
    name, card, is_control = "honest", Card("training rows at random"), False

    def fit(self, train, validation, context):
        self.train = train
        context.report(1, 1, loss=1.0)

    def sample(self, conditions, context):
        rows = context.numpy.integers(0, self.train.n_rows, len(conditions))
        return self.train.like(self.train.dense()[rows], conditions)


class Waits(Honest):
    name, card = "waits", Card("says in a file that it was begun, and waits for leave to go on")

    def fit(self, train, validation, context):
        super().fit(train, validation, context)
        place = Path(os.environ["TEST_PLACE"])
        (place / f"{self.name}-{os.getpid()}").touch()
        while not (place / "go").exists():
            time.sleep(0.05)


class WaitsToo(Waits):
    name, card = "waits-too", Card("likewise")


class Declines(Honest):
    name, card = "declines", Card("declines")

    def fit(self, train, validation, context):
        raise Unsupported("needs the moon")


class Raises(Honest):
    name, card = "raises", Card("raises")

    def fit(self, train, validation, context):
        raise ValueError("cannot learn this")


class Sleeps(Honest):
    name, card = "sleeps", Card("sleeps")

    def fit(self, train, validation, context):
        time.sleep(600)


class Exits(Honest):
    name, card = "exits", Card("ends its process")

    def fit(self, train, validation, context):
        print("last words", flush=True)
        os._exit(0)


class KillsItsHost(Honest):
    name, card = "kills-its-host", Card("kills the Ray worker process above it")

    def fit(self, train, validation, context):
        for one in psutil.Process().parents():
            if one.name().startswith("ray::"):
                one.kill()
        time.sleep(600)


class Plugin:
    @hookimpl
    def register_generators(self):
        return [Honest, Waits, WaitsToo, Declines, Raises, Sleeps, Exits, KillsItsHost]
'''

CLUSTER = '''
"""A cluster of a head without cores and two nodes of one core and some bytes each, until standard input ends."""

import os, sys, tempfile

with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:  # short: it has sockets in it
    os.environ["RAY_TMPDIR"] = folder
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        cluster.add_node(num_cpus=1, memory=int(sys.argv[1]))
    cluster.wait_for_nodes()
    print(cluster.address, flush=True)
    sys.stdin.read()
    cluster.shutdown()
'''

RUN = (
    "run",
    "quickstart",
    "-d",
    "wdbc",
    "--splits",
    "1",
    "--draws",
    "2",
    "--threads",
    "1",
    "--memory",
    "4",
    "-m",
    "moments",
)
PATIENCE = 120.0
GIBIBYTE = 2**30
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a Python program in an empty folder, with a distribution that has the generators above."""
    info = tmp_path / "site" / "ray_strangers-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ray-strangers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tabgenbench]\nstrangers = ray_strangers:Plugin\n")
    (tmp_path / "site" / "ray_strangers.py").write_text(textwrap.dedent(PLUGIN))
    work = tmp_path / "work"
    for name in ("work", "temporary", "home"):
        (tmp_path / name).mkdir()
    variables = {
        **os.environ,
        "HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(tmp_path / "site"),
        "TEST_PLACE": str(work),
        "TMPDIR": str(tmp_path / "temporary"),
    }
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        program = subprocess.Popen([sys.executable, *arguments], cwd=work, env=variables, text=True, **pipes)
        started.append(program)
        return program

    yield start
    for program in started:
        if program.poll() is None:
            program.terminate()
        try:
            program.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            program.kill()
            program.communicate()
            raise


def begin(start: Start, *arguments: str) -> subprocess.Popen[str]:
    return start("-m", "tabgenbench", *RUN, *arguments)


def finish(program: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = program.communicate(timeout=2 * PATIENCE)
    assert "Traceback" not in err
    assert "raylet" not in out
    return program.returncode, err


def wait_until(condition: Callable[[], bool], program: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert program.poll() is None, program.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def begun(work: Path, name: str) -> list[int]:
    return [
        int(path.name.rpartition("-")[2]) for path in work.glob(f"{name}-*") if path.name[len(name) + 1 :].isdigit()
    ]


def ray_worker(pid: int) -> psutil.Process:
    return next(one for one in psutil.Process(pid).parents() if one.name().startswith("ray::"))


def records(store: Path) -> dict[str, CellRecord]:
    return {record.cell.label: record for record in Store(store).cells()}


def score_bytes(store: Path) -> dict[str, bytes]:
    return {str(path.relative_to(store)): path.read_bytes() for path in store.glob("cells/*/scores/*")}


@pytest.fixture
def go_on(tmp_path: Path) -> Callable[[], None]:
    return (tmp_path / "work" / "go").touch


@pytest.fixture
def cluster(start: Start, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a cluster whose nodes offer 8 GiB, or the memory that a test specifies."""
    program = start("-c", CLUSTER, str(getattr(request, "param", 8 * GIBIBYTE)))
    assert program.stdout is not None
    yield program.stdout.readline().strip()
    program.communicate(timeout=PATIENCE)  # the end of its input ends the cluster


@pytest.mark.alone
@pytest.mark.slow
def test_scores_and_statuses_are_those_of_local(start: Start, tmp_path: Path) -> None:
    names = ["honest", "cvae:epochs=2", "declines", "raises", "exits", "sleeps"]
    chosen = [word for name in names for word in ("-g", name)]
    for engine in ("local", "ray"):
        program = begin(start, *chosen, "--timeout", "15", "--workers", "2", "--executor", engine, "--store", engine)
        assert finish(program)[0] == 1
    local, ray = (records(tmp_path / "work" / engine) for engine in ("local", "ray"))
    statuses = {name: record.status for name, record in ray.items()}
    assert list(statuses.values()).count("ok") == 2
    assert {
        "declines": "skipped",
        "raises": "failed",
        "exits": "crashed",
        "sleeps": "timeout",
    }.items() <= statuses.items()
    assert statuses == {name: record.status for name, record in local.items()}
    assert ray["raises"].reason == local["raises"].reason == "ValueError: cannot learn this"
    assert "last words" in ray["exits"].output
    assert ray["honest"].phases["fit"].peak_memory_bytes is not None
    scores = score_bytes(tmp_path / "work" / "ray")
    assert len(scores) >= 2
    assert scores == score_bytes(tmp_path / "work" / "local")
    assert not list((tmp_path / "work" / "ray" / "tmp").iterdir())
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.alone
@pytest.mark.slow
def test_a_killed_worker_costs_only_its_own_cell(start: Start, tmp_path: Path, go_on: Callable[[], None]) -> None:
    work = tmp_path / "work"
    chosen = ("-g", "waits", "-g", "waits-too", "--workers", "2")
    program = begin(start, *chosen, "--executor", "ray", "--store", "ray")
    wait_until(lambda: bool(begun(work, "waits") and begun(work, "waits-too")), program)
    [first], children = begun(work, "waits"), psutil.Process(program.pid).children(recursive=True)
    ray_worker(first).kill()
    wait_until(lambda: len(begun(work, "waits")) == 2, program)
    assert not psutil.pid_exists(first)
    go_on()
    assert finish(program)[0] == 0
    assert len(begun(work, "waits-too")) == 1
    assert not [one for one in children if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert finish(begin(start, *chosen, "--executor", "local", "--store", "local"))[0] == 0
    assert score_bytes(work / "ray") == score_bytes(work / "local")
    assert {record.status for record in records(work / "ray").values()} == {"ok"}


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.stress
def test_a_cell_that_always_takes_its_worker_down_is_recorded_as_crashed(start: Start, tmp_path: Path) -> None:
    program = begin(start, "-g", "kills-its-host", "-g", "honest", "--workers", "1", "--executor", "ray")
    assert finish(program)[0] == 1
    found = records(tmp_path / "work" / "store")
    assert found["kills-its-host"].status == "crashed"
    assert "lost 4 times" in found["kills-its-host"].reason
    assert found["honest"].status == "ok"


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.stress
def test_cells_of_a_lost_node_run_on_another(
    start: Start, cluster: str, tmp_path: Path, go_on: Callable[[], None]
) -> None:
    work = tmp_path / "work"
    place = ("--executor", "ray", "--address", cluster)
    program = begin(start, "-g", "waits", "-g", "waits-too", *place)
    wait_until(lambda: bool(begun(work, "waits") and begun(work, "waits-too")), program)
    [first] = begun(work, "waits")
    raylet = next(one for one in psutil.Process(first).parents() if one.name() == "raylet")
    raylet.kill()
    wait_until(lambda: not psutil.pid_exists(first), program)
    go_on()
    assert finish(program)[0] == 0
    assert {record.status for record in records(work / "store").values()} == {"ok"}
    assert len(begun(work, "waits")) == 2
    assert not list((work / "store" / "tmp").iterdir())


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.parametrize("cluster", [3 * GIBIBYTE], indirect=True)
def test_a_dry_run_needs_no_more_memory_than_a_cell_and_writes_nothing(
    start: Start, cluster: str, tmp_path: Path
) -> None:
    place = ("--executor", "ray", "--address", cluster, "--store", "new/store", "--dry-run")
    program = begin(start, "-g", "honest", *place, "--memory", "1")
    out, err = program.communicate(timeout=2 * PATIENCE)
    assert program.returncode == 0, err
    assert "1 cells, 1 to do" in out
    assert "may fail" not in out
    assert not (tmp_path / "work" / "new").exists()
    code, err = finish(begin(start, "-g", "honest", *place))
    assert code == 2
    assert "--memory: got 4.0 GiB, but no node of the Ray cluster has more than 3.0 GiB" in err


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.parametrize("answers", [True, False])
def test_ctrl_c_ends_a_run_and_leaves_nothing(start: Start, tmp_path: Path, answers: bool) -> None:
    program = begin(start, "-g", "waits", "--executor", "ray", "--workers", "1")
    wait_until(lambda: bool(begun(tmp_path / "work", "waits")), program)
    children = psutil.Process(program.pid).children(recursive=True)
    if not answers:  # a stopped worker does not react when Ray cancels its task
        next(one for one in children if one.cmdline()[:1] == ["ray::run_task"]).suspend()
    program.terminate()
    code, _ = finish(program)
    assert code != 0
    assert not [one for one in children if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert not list((tmp_path / "temporary").iterdir())
    assert not records(tmp_path / "work" / "store")


def test_an_address_where_nothing_answers() -> None:
    with pytest.raises(ConfigError, match=r"--address: nothing answers at 127\.0\.0\.1:1 .*ray start --head"):
        survey("127.0.0.1:1", threads=1, device="cpu")
    with pytest.raises(ConfigError, match="got 'ray://somewhere:10001', expected HOST:PORT"):
        survey("ray://somewhere:10001", threads=1, device="cpu")
    with pytest.raises(DeviceError, match="a Ray cluster assigns its GPUs itself"):
        survey("127.0.0.1:1", threads=1, device="cuda:1")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'tabgenbench\[ray\]'"):
        survey("127.0.0.1:1", threads=1, device="cpu")


def test_the_reason_of_a_node_is_the_last_line_of_what_ray_says() -> None:
    said = (
        "ray::look_around() (pid=7)\n  File \"x.py\", line 1\n\nModuleNotFoundError: No module named 'tabgenbench'.\n"
    )
    assert last_line(RuntimeError(said)) == "ModuleNotFoundError: No module named 'tabgenbench'"
    assert last_line(TimeoutError()) == "TimeoutError"


def test_ray_keeps_no_more_for_a_task_than_a_cell_may_take() -> None:
    head = Node("a", "head", 0, 0, 64 * GIBIBYTE)
    nodes = [head, Node("b", "small", 4, 0, 1 * GIBIBYTE), Node("c", "large", 4, 0, 3 * GIBIBYTE)]

    def kept(limit: int | None, memory: int | None) -> int | None:
        return to_reserve(Limits(threads=1, memory=limit), memory=memory, nodes=nodes)

    assert kept(None, None) is None
    assert kept(2 * GIBIBYTE, 2 * GIBIBYTE) == 2 * GIBIBYTE
    assert kept(ASKING_BYTES, 1 * GIBIBYTE) == 1 * GIBIBYTE
    with pytest.raises(ConfigError, match=r"got 4\.0 GiB, but no node .* more than 3\.0 GiB"):
        kept(4 * GIBIBYTE, 4 * GIBIBYTE)


def test_slots_of_nodes() -> None:
    nodes = [Node("a", "head", 0, 0, 0), Node("b", "small", 5, 0, 0), Node("c", "large", 16, 2, 0)]

    def slots(threads: int, device: str, slots_per_gpu: int = 1) -> dict[str, int]:
        return usable(nodes, threads=threads, device=device, slots_per_gpu=slots_per_gpu)

    assert slots(2, "cpu") == {"b": 2, "c": 8}
    assert slots(8, "cpu") == {"c": 2}
    assert slots(2, "cuda", 3) == {"c": 6}
    assert slots(8, "cuda", 3) == {"c": 2}
    with pytest.raises(ConfigError, match=r"got 17, but no node .* \(at most 16\)"):
        slots(17, "cpu")
    with pytest.raises(DeviceError, match="no node of the Ray cluster has a GPU"):
        usable(nodes[:2], threads=1, device="cuda", slots_per_gpu=1)


@pytest.mark.slow
def test_a_node_says_whether_it_shares_the_store(tmp_path: Path) -> None:
    probe = tmp_path / "tmp" / "probe"
    probe.mkdir(parents=True)
    (probe / "token").write_text("abc")
    job = Job("abc", probe, "runner", 1, str(tmp_path), ())
    report = look_around(job)
    assert report.problem == ""
    assert dict(report.packages)["tabgenbench"]
    other = Job("other", probe, "runner", 1, str(tmp_path), ())
    problem = look_around(other).problem
    assert f"does not see the content of {tmp_path}" in problem
    assert "leave that node out" in problem


def test_a_split_is_copied_once_for_all_processes_of_a_node(tmp_path: Path) -> None:
    folder = tmp_path / "store" / "splits" / "abc"
    folder.mkdir(parents=True)
    (folder / "train.h5ad").write_bytes(b"0" * 10_000_000)
    found: list[tuple[Path, int]] = []

    def copy() -> None:
        near = near_copy(folder, tmp_path / "near")
        found.append((near, (near / "train.h5ad").stat().st_ino))

    threads = [threading.Thread(target=copy) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert found[0][0].is_relative_to(tmp_path / "near")
    assert (found[0][0] / "train.h5ad").stat().st_size == 10_000_000
    assert sorted(path.name for path in (tmp_path / "near" / "splits").iterdir()) == ["abc", "abc.lock"]


def test_a_split_that_cannot_be_copied_is_read_from_the_store(tmp_path: Path) -> None:
    (tmp_path / "full").write_text("a file where a folder should be")
    assert near_copy(tmp_path, tmp_path / "full") == tmp_path
