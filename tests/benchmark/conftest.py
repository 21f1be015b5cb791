from __future__ import annotations

import textwrap
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tabgenbench.commands.cli import main

PLUGIN = '''
"""Generators and a metric for tests of the runner."""

import os, time
import numpy as np
from tabgenbench import Card, Generator, Metric, Result, ScoreSpec, Unsupported, hookimpl


class Honest(Generator):
    name, card, is_control = "honest", Card("training rows at random"), False

    def fit(self, train, validation, context):
        self.train = train
        for epoch in range(3):
            context.report(epoch + 1, 3, loss=1.0 / (epoch + 1))

    def sample(self, conditions, context):
        rows = context.numpy.integers(0, self.train.n_rows, len(conditions))
        noise = context.numpy.normal(0, 0.1, (len(conditions), self.train.n_features))
        return self.train.like(self.train.dense()[rows] + noise, conditions)


class Own(Honest):
    name, card, scale = "own-scale", Card("returns negative values on the own scale"), "own"

    def sample(self, conditions, context):
        context.fallback("M", rows=1 + context.draw, rule="invented")
        return self.train.like(-np.ones((len(conditions), self.train.n_features)), conditions)


class Declines(Honest):
    name, card = "declines", Card("declines")

    @classmethod
    def supports(cls, schema, n_rows, n_features):
        raise Unsupported("needs the moon")


class Raises(Honest):
    name, card = "raises", Card("raises")

    def fit(self, train, validation, context):
        raise ValueError("cannot learn this")


class Sleeps(Honest):
    name, card = "sleeps", Card("sleeps")

    def fit(self, train, validation, context):
        time.sleep(60)


class Exits(Honest):
    name, card = "exits", Card("ends its process")

    def fit(self, train, validation, context):
        print("last words")
        os._exit(0)


class Short(Honest):
    name, card = "short", Card("returns too few rows")

    def sample(self, conditions, context):
        return super().sample(conditions.iloc[1:], context)


class NotFinite(Honest):
    name, card = "not-finite", Card("returns NaN")

    def sample(self, conditions, context):
        table = super().sample(conditions, context)
        table.X[2, 1] = np.nan
        return table


class OtherConditions(Honest):
    name, card = "other-conditions", Card("returns other conditions")

    def sample(self, conditions, context):
        return super().sample(conditions, context).take(np.arange(len(conditions))[::-1])


class Looks(Honest):
    name, card = "looks", Card("fails when the fitting process holds a test row")

    def fit(self, train, validation, context):
        import gc, sys
        from tabgenbench.data.table import Table
        super().fit(train, validation, context)
        links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
        with open("/proc/self/maps") as maps:
            mapped = maps.read()
        if any("test.h5ad" in os.readlink(link) for link in links if os.path.islink(link)) or "test.h5ad" in mapped:
            raise RuntimeError("found the test file open")
        tables = [one for one in gc.get_objects() if isinstance(one, Table)]
        context.note(f"rows in reach: {max(one.n_rows for one in tables)}")


class Mean(Metric):
    name = "mean"
    scores = (ScoreSpec(name="mean", direction="lower", description="mean of the synthetic rows"),)

    def compute(self, evaluation, context):
        return Result({"mean": float(evaluation.synthetic.dense().mean())})


class Breaks(Mean):
    name = "breaks"
    scores = (ScoreSpec(name="broken", direction="lower"),)

    def compute(self, evaluation, context):
        raise RuntimeError("cannot compute")


class Kills(Mean):
    name = "kills"
    scores = (ScoreSpec(name="killed", direction="lower"),)

    def compute(self, evaluation, context):
        os._exit(3)


class Missing(Mean):
    name = "undefined"
    scores = (ScoreSpec(name="undefined", direction="lower"),)

    def compute(self, evaluation, context):
        return Result({"undefined": float("nan")})


class Needs(Mean):
    name, requires = "needs", ("embedding",)
    scores = (ScoreSpec(name="needed", direction="lower"),)


class Plugin:
    @hookimpl
    def register_generators(self):
        return [Honest, Own, Declines, Raises, Sleeps, Exits, Short, NotFinite, OtherConditions, Looks]

    @hookimpl
    def register_metrics(self):
        return [Mean, Breaks, Kills, Missing, Needs]
'''


@pytest.fixture
def plugin_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a distribution named ``stranger`` with the generators and metrics above; return its module's path."""
    site = tmp_path / "site"
    name = f"stranger_{zlib.crc32(str(tmp_path).encode()):x}"  # a module stays imported, so each test has its own
    info = site / "stranger-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[tabgenbench]\nstranger = {name}:Plugin\n")
    module = site / f"{name}.py"
    module.write_text(textwrap.dedent(PLUGIN))
    monkeypatch.syspath_prepend(str(site))
    return module


@pytest.fixture
def tabgenbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run the command line in this process, in an empty folder; returns the exit status."""
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("TABGENBENCH_DATA", raising=False)

    def call(*arguments: str) -> int:
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as error:
            return int(error.code or 0)
        return 0

    return call
