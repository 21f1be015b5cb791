"""Leave processes and files behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
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
        what: Literal["children", "files"] = Field("children", description="what is left")
        then: Literal["return", "raise", "die", "sleep"] = Field("return", description="what comes after")

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        super().fit(train, validation, context)
        (leave_children if self.config.what == "children" else leave_files)()
        match self.config.then:
            case "raise":
                raise ValueError("left")
            case "die":
                os._exit(0)
            case "sleep":
                time.sleep(FOR_EVER)


def leave_children() -> None:
    """Start a child, a grandchild in a session of its own whose parent has ended, and a program in its own session."""
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


def _linger() -> None:
    time.sleep(FOR_EVER)
    os._exit(0)
