"""The recorded peak memory of a cell includes its whole process tree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tabgenbench.store.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.alone]

SITE = Path(__file__).parents[2] / "hostile" / "site"  # its generator `measured` holds memory for two seconds
GIBIBYTE = 2**30
PLACES = ("numpy", "torch", "fork", "process")


def peaks(folder: Path, generators: list[str], *, workers: int) -> dict[str, int]:
    """Run the generators and return the recorded peaks of their fits, in bytes, by label."""
    environment = {**os.environ, "PYTHONPATH": str(SITE), "PYTHONDONTWRITEBYTECODE": "1"}
    chosen = [part for name in generators for part in ("-g", name)]
    options = ["--splits", "1", "--draws", "1", "--threads", "1", "--workers", str(workers), "--store", "store"]
    command = [
        sys.executable,
        "-c",
        "from tabgenbench.commands.cli import main; main()",
        "run",
        "quickstart",
        "-d",
        "wdbc",
    ]
    done = subprocess.run(
        [*command, *chosen, "-m", "first-value", *options], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    records = Store(folder / "store").cells()
    return {record.cell.label: record.phases["fit"].peak_memory_bytes or 0 for record in records}


def label(place: str) -> str:
    return f"measured:memory={GIBIBYTE}" + (f",where={place}" if place != "numpy" else "")


@pytest.mark.parametrize("workers", [1, 2])
def test_peak_of_a_gibibyte(tmp_path: Path, workers: int) -> None:
    """With two workers, the cells run in parallel with each other and with cells that need no memory."""
    idle = "measured:seconds=1.0"
    found = peaks(tmp_path, [label(PLACES[0]), idle, *map(label, PLACES[1:])], workers=workers)
    assert {place: found[label(place)] / GIBIBYTE for place in PLACES} == pytest.approx(
        dict.fromkeys(PLACES, 1.0), rel=0.05
    )
    assert found[idle] < 0.05 * GIBIBYTE
