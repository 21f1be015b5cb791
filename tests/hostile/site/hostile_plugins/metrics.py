"""A metric that misbehaves as its options specify."""

from __future__ import annotations

import sys
import time
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from hostile_plugins.disturbing import disturb
from hostile_plugins.dying import die
from hostile_plugins.endless import FOR_EVER, go_deaf
from hostile_plugins.hoarding import MOST, hoard
from hostile_plugins.leaving import leave_children, leave_files
from hostile_plugins.printing import print_much
from hostile_plugins.raising import Unprintable, allocate_too_much
from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec
from tabgenbench.options import Options

How = Literal[
    *("raises", "unprintable", "sys-exit", "sleeps", "deaf", "segfault", "exit", "exit-with-children", "hoards"),
    *("nan", "undeclared", "text", "nothing", "artifact", "mutates", "disturbs", "children", "files", "prints"),
    *("artifact-of-odd-cells", "artifact-of-long-name", "artifact-elsewhere", "surrogate", "number-as-note"),
    *("no-memory", "no-device-memory"),
]


class OddCell:
    """A value that cannot be written."""

    def __str__(self) -> str:
        raise ValueError("no text")


class Bad(Metric):
    """A constant score."""

    name = "bad"
    scores = (ScoreSpec(name="bad", direction="lower"),)

    class Config(Options):
        how: How = Field("raises", description="how it misbehaves")
        where: Literal["init", "compute"] = Field("compute", description="where")

    config: Config

    def __init__(self, config: Options | None = None) -> None:
        super().__init__(config)
        if self.config.where == "init":
            self.act(None)

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Any:
        self.act(evaluation)
        return RESULTS.get(self.config.how, Result({"bad": 1.0}))

    def act(self, evaluation: Evaluation | None) -> None:
        how = self.config.how
        if how in ("segfault", "exit", "exit-with-children"):
            die(how)
        act = {
            "raises": _raise,
            "unprintable": _raise_unprintable,
            "sys-exit": sys.exit,
            "sleeps": _sleep,
            "deaf": _sleep_deaf,
            "hoards": lambda: hoard(MOST),
            "mutates": lambda: mutate(evaluation),
            "disturbs": disturb,
            "children": leave_children,
            "files": leave_files,
            "prints": print_much,
            "no-memory": allocate_too_much,
            "no-device-memory": _use_up_device,
        }.get(how)
        if act is not None:
            act()


FRAME = pd.DataFrame({"a": [1]})
RESULTS: dict[str, Any] = {
    "nan": Result({"bad": float("nan")}),
    "undeclared": Result({"bad": 1.0, "worse": 1.0}),
    "text": Result({"bad": "much"}),  # type: ignore[dict-item]
    "nothing": None,
    "artifact": Result({"bad": 1.0}, artifacts={"picture": "no frame"}),  # type: ignore[dict-item]
    "artifact-of-odd-cells": Result({"bad": 1.0}, artifacts={"table": pd.DataFrame({"a": [OddCell()]})}),
    "artifact-of-long-name": Result({"bad": 1.0}, artifacts={"x" * 300: FRAME}),
    "artifact-elsewhere": Result({"bad": 1.0}, artifacts={"/../../../../escaped": FRAME}),
    "surrogate": Result({"bad": 1.0}, artifacts={"table": pd.DataFrame({"a": ["\udce9"]})}, notes=("\udce9",)),
    "number-as-note": Result({"bad": 1.0}, notes=(3,)),  # type: ignore[arg-type]
}


def mutate(evaluation: Evaluation | None) -> None:
    """Write into everything that the metrics of a cell share, if it is writable."""
    assert evaluation is not None
    for table in (evaluation.train, evaluation.test, evaluation.synthetic):
        _overwrite(table.X)
        for column in table.obs.columns:
            table.obs[column] = pd.Categorical([table.obs[column].iloc[0]] * table.n_rows)
        object.__setattr__(table, "features", table.features[::-1])
    for kept in (evaluation.shared._split, evaluation.shared._draw):
        for value in kept.values():
            if isinstance(value, np.ndarray):
                _overwrite(value)
    evaluation.shared.once = lambda key, compute, **_: compute()  # type: ignore[method-assign]
    object.__setattr__(evaluation, "test", evaluation.synthetic)


def _overwrite(values: np.ndarray) -> None:
    try:
        values.setflags(write=True)
        values[...] = 0
    except ValueError:  # mapped read-only
        return


def _raise() -> None:
    raise ValueError("cannot compute")


def _raise_unprintable() -> None:
    raise Unprintable


def _sleep() -> None:
    time.sleep(FOR_EVER)


def _sleep_deaf() -> None:
    go_deaf()
    time.sleep(FOR_EVER)


def _use_up_device() -> None:
    import torch

    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
