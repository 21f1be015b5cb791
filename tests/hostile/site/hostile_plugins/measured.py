"""A generator with a known cost, which records when its fits begin."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from typing import Literal

import numpy as np
from pydantic import Field

from hostile_plugins.resample import Resample
from tabgenbench import FitContext, Table
from tabgenbench.options import Options

FITS = (
    "HOSTILE_FITS"  # environment variable: path of a file that gets a line per fit, with the cell's seed and start time
)
HOLD_SECONDS = 2.0  # how long memory is held
TURNS = 1 << 16


class Measured(Resample):
    name = "measured"

    class Config(Options):
        seconds: float = Field(0.0, ge=0, description="seconds to sleep")
        work: int = Field(0, ge=0, description="rounds of computing, each of some milliseconds of one core")
        memory: int = Field(0, ge=0, description="bytes to allocate")
        where: Literal["numpy", "torch", "fork", "process"] = Field("numpy", description="what allocates")

    config: Config

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        if FITS in os.environ:
            with open(os.environ[FITS], "a") as handle:
                handle.write(f"{context.seed} {time.time()}\n")
        super().fit(train, validation, context)
        time.sleep(self.config.seconds)
        compute(self.config.work)
        if self.config.memory:
            ALLOCATE[self.config.where](self.config.memory)


def compute(rounds: int) -> None:
    """Keep one core busy, in Python, for a number of rounds."""
    state = 1
    for _ in range(rounds * TURNS):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF


def hold_in_numpy(size: int) -> None:
    values = np.ones(size // 8)
    time.sleep(HOLD_SECONDS)
    del values


def hold_in_torch(size: int) -> None:
    import torch

    values = torch.ones(size // 4)
    time.sleep(HOLD_SECONDS)
    del values


def hold_in_fork(size: int) -> None:
    child = os.fork()
    if child == 0:
        hold_in_numpy(size)
        os._exit(0)
    os.waitpid(child, 0)


def hold_in_process(size: int) -> None:
    child = multiprocessing.get_context("fork").Process(target=hold_in_numpy, args=(size,))
    child.start()
    child.join()


ALLOCATE: dict[str, Callable[[int], None]] = {
    "numpy": hold_in_numpy,
    "torch": hold_in_torch,
    "fork": hold_in_fork,
    "process": hold_in_process,
}
