"""Never end, in ways that are increasingly hard to stop."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import time
from typing import Literal

import pandas as pd
from pydantic import Field

from hostile_plugins.resample import Resample
from tabgenbench import FitContext, SampleContext, Table
from tabgenbench.options import Options

FOR_EVER = 600  # seconds until it ends by itself, if it is not stopped


class Sleeps(Resample):
    name = "sleeps"

    class Config(Options):
        where: Literal["fit", "sample"] = Field("fit", description="where")
        how: Literal["plain", "deaf", "stopped", "in-c", "thread"] = Field("plain", description="how")

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        super().fit(train, validation, context)
        if self.config.where == "fit":
            self.sleep()

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        if self.config.where == "sample":
            self.sleep()
        return super().sample(conditions, context)

    def sleep(self) -> None:
        match self.config.how:
            case "deaf":
                go_deaf()
            case "stopped":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "in-c":  # one C call that holds the interpreter's lock, so that no other Python thread runs
                re.match(r"(a+)+$", "a" * 60 + "b")
            case "thread":  # the call ends, but its thread does not
                threading.Thread(target=time.sleep, args=(FOR_EVER,)).start()
                return
        time.sleep(FOR_EVER)


def go_deaf() -> None:
    """Ignore every signal that can be ignored."""
    for number in signal.valid_signals():
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
