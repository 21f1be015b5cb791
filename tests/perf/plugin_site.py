"""Run the command line with the generators that measure the runner (tests/hostile/site)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SITE = Path(__file__).parents[1] / "hostile" / "site"


def run_measured(folder: Path, *arguments: str) -> None:
    """Run ``tabgenbench run quickstart`` with these arguments in a folder; its store is ``folder / 'store'``.

    When the generator ``measured`` begins a fit, it adds a line to ``folder / 'fits'``: the seed and the time.

    Raises:
        subprocess.CalledProcessError: the exit status of the run is not 0.
    """
    environment = {**os.environ, "PYTHONPATH": str(SITE)}
    environment["HOSTILE_FITS"] = str(folder / "fits")
    command = [sys.executable, "-m", "tabgenbench", "run", "quickstart"]
    subprocess.run(
        [*command, *arguments, "--store", "store"], cwd=folder, env=environment, check=True, capture_output=True
    )


def fit_times(folder: Path) -> list[float]:
    """Return the start times of the fits, sorted, in seconds since 1970."""
    return sorted(float(line.split()[1]) for line in (folder / "fits").read_text().splitlines())
