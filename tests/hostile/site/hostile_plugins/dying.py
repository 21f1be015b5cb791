"""End the process."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from typing import Literal

from pydantic import Field

from hostile_plugins.endless import FOR_EVER
from hostile_plugins.leaving import leave_children
from hostile_plugins.resample import Resample
from tabgenbench import FitContext, Table
from tabgenbench.options import Options

How = Literal[
    *("segfault", "exit", "exit-with-children", "abort", "real-time", "kill-parent", "stop-parent", "close"),
    "close-as-daemon",
]


class Dies(Resample):
    name = "dies"

    class Config(Options):
        how: How = Field("segfault", description="how")

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        print("last words", flush=True)
        die(self.config.how)
        time.sleep(FOR_EVER)


def die(how: str) -> None:
    match how:
        case "segfault":
            ctypes.string_at(0)
        case "exit":
            os._exit(0)
        case "exit-with-children":  # they hold every file that this process had open
            leave_children()
            os._exit(0)
        case "abort":
            os.abort()
        case "real-time":  # a signal without a name
            os.kill(os.getpid(), 40)
        case "kill-parent" | "stop-parent":
            if os.getppid() > 1:
                os.kill(os.getppid(), signal.SIGKILL if how == "kill-parent" else signal.SIGSTOP)
        case "close":
            os.closerange(0, 4096)
        case "close-as-daemon":
            os.closerange(3, 256)
