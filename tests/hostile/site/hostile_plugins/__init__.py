"""Plugins for tests of the runner: some misbehave, some measure what the runner does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tabgenbench import Lazy, hookimpl

if TYPE_CHECKING:
    from tabgenbench.run.plan import Cell

EVENTS = "HOSTILE_EVENTS"  # environment variable with the path of a file that gets a line for each started cell

GENERATORS = {
    "raises": "raising:Raises",
    "raises-in-supports": "raising:RaisesInSupports",
    "raises-in-estimate": "raising:RaisesInEstimate",
    "sleeps": "endless:Sleeps",
    "dies": "dying:Dies",
    "hoards": "hoarding:Hoards",
    "leaves": "leaving:Leaves",
    "returns": "returning:Returns",
    "reports": "reporting:Reports",
    "prints": "printing:Prints",
    "disturbs": "disturbing:Disturbs",
    "looks": "looking:Looks",
    "looks-own": "looking:LooksOwn",
    "measured": "measured:Measured",
}


@hookimpl
def register_generators() -> list[Lazy]:
    return [Lazy(name, f"hostile_plugins.{target}") for name, target in GENERATORS.items()]


@hookimpl
def register_metrics() -> list[Lazy]:
    return [Lazy("bad", "hostile_plugins.metrics:Bad"), Lazy("first-value", "hostile_plugins.first_value:FirstValue")]


@hookimpl
def cell_started(cell: Cell) -> None:
    path = os.environ.get(EVENTS)
    if path:
        with open(path, "a") as handle:
            handle.write(cell.key + "\n")
