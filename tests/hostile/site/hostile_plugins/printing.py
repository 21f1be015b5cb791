"""Print a lot, or close the outputs of the process."""

from __future__ import annotations

import os
import sys
from typing import Literal

from pydantic import Field

from hostile_plugins.resample import Resample
from tabgenbench import FitContext, Table
from tabgenbench.options import Options

BYTES = 2**20


class Prints(Resample):
    name = "prints"

    class Config(Options):
        then: Literal["return", "raise", "close"] = Field("return", description="behaviour afterwards")

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        super().fit(train, validation, context)
        print_much()
        match self.config.then:
            case "raise":
                raise ValueError("printed enough")
            case "close":
                sys.stdout.close()
                sys.stderr.close()
                os.close(1)
                os.close(2)


def print_much() -> None:
    """Write one MiB to each output, through Python and directly to the file descriptor."""
    line = "x" * 79 + "\n"
    for stream in (sys.stdout, sys.stderr):
        stream.write(line * (BYTES // len(line)))
        stream.flush()
    os.write(1, b"\xff\x00" * (BYTES // 2))
    print("the last line", file=sys.stderr, flush=True)
