"""Fork servers: processes that have modules imported, and fork the processes of tasks."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import forkserver, spawn
from typing import Any

from tabgenbench.engines import scratch
from tabgenbench.engines.die_with_parent import BOUND

__all__ = ["THREAD_VARIABLES", "ForkServer", "server_of"]

FIRST, LAST = "tabgenbench.engines.die_with_parent", "tabgenbench.engines.preload"
# Threads that spin for long while they wait starve other busy processes; threads that never spin pay for a wake-up at
# every step. A thousand turns, some microseconds, cost neither (tests/perf/bench_busy.py).
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
# glibc returns freed memory to the system early. A training step that frees its gradients and allocates them again then
# spends up to a tenth of its time in page faults (tests/perf/bench_small_table.py). Blocks below 32 MiB, glibc's own
# limit for this threshold, stay with the process, up to 64 MiB of them; larger ones are returned at once.
ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20)}
COMPILED = "TORCHINDUCTOR_CACHE_DIR"
NAME = "tabgenbench-keeper"  # of a process that does not import the script that runs here
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class ForkServer:
    """One server; `multiprocessing` itself has one a process, and so one set of imported modules.

    Args:
        modules: what it imports before it forks anything.
        threads: number of threads that libraries find in their environment variables.
    """

    def __init__(self, modules: tuple[str, ...], threads: int) -> None:
        self._server: Any = forkserver.ForkServer()
        self._server.set_forkserver_preload([FIRST, *modules, "tabgenbench.engines.worker", LAST])
        self._threads = threads

    def begin(self) -> None:
        """Let the server begin its imports, where it does not run yet, without waiting for them."""
        is_main = threading.current_thread() is threading.main_thread()  # the kernel goes by threads
        variables = {
            **WAITING,
            **ALLOCATION,
            **dict.fromkeys(THREAD_VARIABLES, str(self._threads)),
            BOUND: str(int(is_main)),
        }
        # It keeps its socket in a temporary folder, which a killed run would leave behind; torch has one too.
        folder = scratch.short_scratch()
        variables[COMPILED] = os.environ.get(COMPILED, str(folder / "compiled"))
        with _lock, _environment(**variables), _temporary_files_in(str(folder)):
            self._server.ensure_running()

    def start(self, target: Callable[..., None], *arguments: Any) -> Any:
        """Return a process that the server has forked, once it has imported its modules; it calls ``target``."""
        self.begin()
        process = multiprocessing.get_context("forkserver").Process(
            target=target, args=arguments, name=NAME, daemon=False
        )
        forkserver.connect_to_new_process = _connect  # where multiprocessing looks up its one server
        spawn.get_preparation_data = _preparation_data_without_script
        _chosen.server = self._server
        try:
            process.start()
        finally:
            _chosen.server = None
        return process


_lock = threading.Lock()
_chosen = threading.local()
_servers: dict[tuple[str, ...], ForkServer] = {}
_connect_to_default = forkserver.connect_to_new_process
_preparation_data = spawn.get_preparation_data


def server_of(modules: tuple[str, ...], threads: int) -> ForkServer:
    """Return this process's server with these modules; it keeps the number of threads that it was first asked for."""
    with _lock:
        return _servers.setdefault(modules, ForkServer(modules, threads))


def _connect(fds: Sequence[int]) -> tuple[int, int]:
    """Ask the server that this thread has chosen for a process, or that of `multiprocessing`."""
    server = getattr(_chosen, "server", None)
    found: tuple[int, int] = (_connect_to_default if server is None else server.connect_to_new_process)(fds)
    return found


def _preparation_data_without_script(name: str) -> dict[str, Any]:
    """Return the data that prepare a new process; for a process of a server here, without the script that runs.

    By default every process of a fork server imports that script, so a script without the guard
    ``if __name__ == "__main__"`` would start its own run there. The processes of tasks do not need the script.
    """
    data: dict[str, Any] = _preparation_data(name)
    if getattr(_chosen, "server", None) is not None:
        data.pop("init_main_from_name", None)
        data.pop("init_main_from_path", None)
    return data


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    before = tempfile.tempdir
    tempfile.tempdir = folder
    try:
        yield
    finally:
        tempfile.tempdir = before
