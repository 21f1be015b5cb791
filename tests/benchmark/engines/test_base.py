from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabgenbench.engines.base import Limits, Task


@dataclass(frozen=True)
class Payload:
    inputs: tuple[Path, ...]
    by_name: dict[str, Path]
    result: Path
    title: str


def nothing(payload: Any, send: Any) -> None: ...


def test_a_moved_task_names_the_new_places_everywhere() -> None:
    payload = Payload(
        (Path("/s/split/train"), Path("/other")), {"a": Path("/s/split")}, Path("/s/out/draw"), "/s/split"
    )
    task = Task(
        function=nothing,
        payload=payload,
        limits=Limits(),
        log=Path("/s/log"),
        reads=(Path("/s/split"), Path("/other")),
        writes=Path("/s/out"),
    )
    moved = task.moved({Path("/s/split"): Path("/near"), Path("/s/out"): Path("/s/out-1")})
    assert moved.payload == Payload(
        (Path("/near/train"), Path("/other")), {"a": Path("/near")}, Path("/s/out-1/draw"), "/s/split"
    )
    assert (moved.reads, moved.writes) == ((Path("/near"), Path("/other")), Path("/s/out-1"))
    assert moved.log == task.log
    assert task.payload == payload
