"""Raise at every place that calls a generator's code."""

from __future__ import annotations

import os
import sys
from typing import Literal, NoReturn

import pandas as pd
from pydantic import Field

from hostile_plugins.resample import Resample
from tabgenbench import FitContext, SampleContext, Schema, Table
from tabgenbench.options import Options

What = Literal["error", "unprintable", "exit", "exit-with-words", "interrupt", "surrogate", "no-memory", "input"]


class Unprintable(Exception):
    """An error whose text cannot be computed."""

    def __str__(self) -> str:
        raise RuntimeError("not even this")


class Raises(Resample):
    name = "raises"

    class Config(Options):
        where: Literal["init", "fit", "sample"] = Field("fit", description="where")
        what: What = Field("error", description="what")

    config: Config

    def __init__(self, config: Options | None = None) -> None:
        super().__init__(config)
        if self.config.where == "init":
            self.fail()

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        super().fit(train, validation, context)
        if self.config.where == "fit":
            self.fail()

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        if self.config.where == "sample":
            self.fail()
        return super().sample(conditions, context)

    def fail(self) -> NoReturn:
        match self.config.what:
            case "unprintable":
                raise Unprintable
            case "exit":
                sys.exit(0)
            case "exit-with-words":
                sys.exit("the licence file is missing")
            case "interrupt":
                raise KeyboardInterrupt
            case "surrogate":  # the text of a file name that is not UTF-8
                raise ValueError("cannot open " + os.fsdecode(b"caf\xe9.csv"))
            case "no-memory":
                allocate_too_much()
            case "input":
                raise ValueError(f"input: {os.read(0, 100)!r} {sys.stdin.read()!r}")
        raise ValueError(f"cannot do this in {self.config.where}")


def allocate_too_much() -> None:
    """Make torch raise its plain error on the CPU."""
    import torch

    torch.empty(10**14)


class RaisesInSupports(Resample):
    name = "raises-in-supports"

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        raise ValueError("cannot say what is supported")


class RaisesInEstimate(Resample):
    name = "raises-in-estimate"

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        raise ValueError("cannot say how much memory")
