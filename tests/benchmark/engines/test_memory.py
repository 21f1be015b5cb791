from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tabgenbench.engines.memory import group_limit, machine_memory

GIB = 2**30
NO_LIMIT = str(2**63 - 4096)  # the value of control groups version 1 for no limit
SLURM = "slurm/uid_1000/job_7/step_0"


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/user.slice/run-1.scope", {"user.slice/run-1.scope/memory.max": str(GIB)}, GIB),
        ("0::/job/step/task", {"job/memory.max": str(2 * GIB), "job/step/memory.max": "max"}, 2 * GIB),
        ("0::/job/step", {"job/memory.max": str(2 * GIB), "job/step/memory.max": str(GIB)}, GIB),
        ("0::/job", {"memory.max": str(GIB), "job/memory.max": str(2 * GIB)}, GIB),
        ("0::/job", {"job/memory.max": "max"}, None),
        ("0::/job", {"other/memory.max": str(GIB)}, None),
        (f"4:cpu,memory:/{SLURM}\n0::/init", {f"memory/{SLURM}/memory.limit_in_bytes": str(GIB)}, GIB),
        (f"4:memory:/{SLURM}", {"memory/slurm/uid_1000/job_7/memory.limit_in_bytes": str(GIB)}, GIB),
        ("4:memory:/docker/abc", {"memory/memory.limit_in_bytes": str(3 * GIB)}, 3 * GIB),
        ("4:memory:/job", {"memory/memory.limit_in_bytes": NO_LIMIT}, int(NO_LIMIT)),
        ("0::/../../job", {"memory.max": str(GIB), "job/memory.max": str(GIB // 2)}, GIB),
        ("2:cpu:/job", {"job/memory.max": str(GIB)}, None),
        ("", {"memory.max": str(GIB)}, GIB),
        ("nonsense", {}, None),
    ],
)
def test_the_lowest_limit_of_the_groups_around_this_process_counts(
    tmp_path: Path, groups: str, limits: dict[str, str], expected: int | None
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    if groups:
        (tmp_path / "proc/self/cgroup").write_text(groups + "\n")
    for name, text in limits.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    assert group_limit(tmp_path) == expected


def test_a_machine_has_no_more_than_it_has() -> None:
    assert 0 < machine_memory() <= psutil.virtual_memory().total
