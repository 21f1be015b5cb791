"""Pass invalid reports to the context."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import Any, Literal

from pydantic import Field

from hostile_plugins.endless import FOR_EVER
from hostile_plugins.resample import Resample
from tabgenbench import FitContext, Table
from tabgenbench.options import Options


class Reports(Resample):
    name = "reports"

    class Config(Options):
        what: Literal["notes", "curve", "function", "many", "torn"] = Field("notes", description="what is reported")

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        super().fit(train, validation, context)
        notes: list[Any] = context.notes
        match self.config.what:
            case "notes":  # a number where a sentence is expected, and half of a pair of surrogates
                notes.extend([3, "\udce9"])
            case "curve":
                curve: list[Any] = context.curve
                curve.append("not a report")
            case "function":  # cannot be sent to another process
                notes.append(lambda: None)
            case "many":
                for epoch in range(20_000):
                    context.report(epoch, 20_000, loss=float("nan"), **{f"loss-{epoch % 7}": 1.0})
            case "torn":  # begin a message on every pipe, and never end it
                for number in range(3, 64):
                    with contextlib.suppress(OSError):
                        if stat.S_ISFIFO(os.fstat(number).st_mode):
                            os.write(number, b"\x00\x00")
                time.sleep(FOR_EVER)
