"""Leave processes and files behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from multiprocessing.shared_memory import SharedMemory
from typing import Literal

from pydantic import Field

from hostile_plugins.endless import FOR_EVER, go_deaf
from hostile_plugins.resample import Resample
from tabgenbench import FitContext, Table
from tabgenbench.options import Options

FILES, FILE_BYTES = 4, 2**28


class Leaves(Resample):
    name = "leaves"

    class Config(Options):
        what: Literal["children", "files", "shared-memory"] = Field("children", description="what is left")
        then: Literal["return", "raise", "die", "sleep"] = Field("return", description="behaviour afterwards")

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        super().fit(train, validation, context)
        {"children": leave_children, "files": leave_files, "shared-memory": leave_shared_memory}[self.config.what]()
        match self.config.then:
            case "raise":
                raise ValueError("left")
            case "die":
                os._exit(0)
            case "sleep":
                time.sleep(FOR_EVER)


def leave_children() -> None:
    """Start a child, an orphaned grandchild in a separate session, and a program in a separate session."""
    if os.fork() == 0:
        _linger()
    first = os.fork()
    if first == 0:
        os.setsid()
        if os.fork() == 0:
            go_deaf()
            _linger()
        os._exit(0)
    os.waitpid(first, 0)
    code = f"import time; time.sleep({FOR_EVER})"
    subprocess.Popen([sys.executable, "-S", "-c", code], start_new_session=True)


def leave_files() -> None:
    """Leave a gibibyte of temporary files, half of it in a folder."""
    folder = tempfile.mkdtemp()
    for number in range(FILES):
        handle, _ = tempfile.mkstemp(dir=folder if number % 2 else None)
        os.posix_fallocate(handle, 0, FILE_BYTES)
        os.close(handle)


def leave_shared_memory() -> None:
    """Leave named shared memory; the names of all such memory of this run share a prefix."""
    memory = SharedMemory(f"{os.environ['HOSTILE_MARK']}-{os.getpid()}", create=True, size=2**20)
    memory.buf[0] = 1


def _linger() -> None:
    time.sleep(FOR_EVER)
    os._exit(0)
