"""Allocate memory until stopped."""

from __future__ import annotations

import os
import time
from typing import Literal

import numpy as np
from pydantic import Field

from hostile_plugins.endless import FOR_EVER
from hostile_plugins.resample import Resample
from tabgenbench import FitContext, Table
from tabgenbench.options import Options

BLOCK = 2**26  # bytes taken at once
MOST = 2**32  # bytes at which it waits, so that the machine survives if it is not stopped


class Hoards(Resample):
    name = "hoards"

    class Config(Options):
        where: Literal["here", "children", "detached"] = Field("here", description="which processes allocate")

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        if self.config.where == "here":
            hoard(MOST)
        for _ in range(8):  # each of them stays below the limit of the test
            if os.fork() == 0:
                if self.config.where == "detached":
                    os.setsid()
                    if os.fork():
                        os._exit(0)
                hoard(MOST // 8)
                os._exit(0)
        time.sleep(FOR_EVER)


def hoard(most: int) -> None:
    blocks = [np.ones(BLOCK // 8) for _ in range(most // BLOCK)]
    time.sleep(FOR_EVER)
    del blocks
