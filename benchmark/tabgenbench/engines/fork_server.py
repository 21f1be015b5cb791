"""Fork servers. A fork server is a process that imports modules once and then forks keepers, which fork workers."""

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
from tabgenbench.engines.variables import environment_variables

__all__ = ["THREAD_VARIABLES", "ForkServer", "server_of"]

FIRST, LAST = "tabgenbench.engines.die_with_parent", "tabgenbench.engines.preload"
# A waiting thread spins (checks in a loop) before it sleeps. Long spinning takes CPU time from other processes; without
# spinning, every step needs a slow wake-up. A thousand spins (a few microseconds) avoid both
# (tests/perf/bench_busy.py).
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
# glibc returns freed memory to the system early, and a training step frees its gradients and allocates them again. If
# blocks below 32 MiB (glibc's own limit for this threshold) stay with the process, up to 64 MiB of them, a step on a
# small table takes about 6 % less processor time (docs/performance.md). Larger blocks are returned at once.
ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20)}
COMPILED = "TORCHINDUCTOR_CACHE_DIR"
NAME = "tabgenbench-keeper"  # process name of keepers
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class ForkServer:
    """Handle of one fork server, with its own set of imported modules.

    The package `multiprocessing` has only one fork server in each process. This class allows several.

    Args:
        modules: modules that the server imports before it forks.
        threads: number of threads of numerical libraries, which the server sets in environment variables.
    """

    def __init__(self, modules: tuple[str, ...], threads: int) -> None:
        self._server: Any = forkserver.ForkServer()
        self._server.set_forkserver_preload([FIRST, *modules, "tabgenbench.engines.worker", LAST])
        self._threads = threads

    def begin(self) -> None:
        """Start the server if it does not run yet, without waiting for its imports."""
        is_main = threading.current_thread() is threading.main_thread()  # end_with_parent follows the thread
        variables = {
            **WAITING,
            **ALLOCATION,
            **dict.fromkeys(THREAD_VARIABLES, str(self._threads)),
            BOUND: str(int(is_main)),
        }
        # The server's socket, its temporary files and torch's compiler cache go to a scratch folder of this process,
        # because the server ends without cleanup. If this process is killed, a later process removes the folder.
        folder = scratch.short_scratch()
        variables["TMPDIR"] = str(folder)
        variables[COMPILED] = os.environ.get(COMPILED, str(folder / "compiled"))
        with _lock, environment_variables(variables), _temporary_files_in(str(folder)):
            self._server.ensure_running()

    def start(self, target: Callable[..., None], *arguments: Any) -> Any:
        """Let the server fork a process that calls ``target``, and return the process."""
        self.begin()
        process = multiprocessing.get_context("forkserver").Process(
            target=target, args=arguments, name=NAME, daemon=False
        )
        forkserver.connect_to_new_process = _connect  # replaces the lookup of the only server of multiprocessing
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
    """Return this process's fork server for a set of modules; the first call creates it.

    Later calls with the same modules ignore ``threads``.
    """
    with _lock:
        return _servers.setdefault(modules, ForkServer(modules, threads))


def _connect(fds: Sequence[int]) -> tuple[int, int]:
    server = getattr(_chosen, "server", None)
    found: tuple[int, int] = (_connect_to_default if server is None else server.connect_to_new_process)(fds)
    return found


def _preparation_data_without_script(name: str) -> dict[str, Any]:
    """Return the settings that `multiprocessing` sends to a new process, for a `ForkServer` without the main script.

    With the main script in the settings, the new process would import the script. Without the guard
    ``if __name__ == "__main__"``, the script would then start another run.
    """
    data: dict[str, Any] = _preparation_data(name)
    if getattr(_chosen, "server", None) is not None:
        data.pop("init_main_from_name", None)
        data.pop("init_main_from_path", None)
    return data


@contextlib.contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    before = tempfile.tempdir
    tempfile.tempdir = folder
    try:
        yield
    finally:
        tempfile.tempdir = before
