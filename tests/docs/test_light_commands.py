from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "pandas", "numpy", "scipy", "sklearn", "anndata", "matplotlib", "pydantic")
SCRIPT = f"""
import sys
from tabgenbench.commands.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
loaded = [name for name in {HEAVY!r} if name in sys.modules]
print("loaded:", loaded, file=sys.stderr)
"""


def loaded_by(*arguments: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.partition("loaded: ")[2].strip()


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--help"], "Usage: tabgenbench"),
        (["--version"], "tabgenbench"),
        (["list"], "real-resample"),
        (["list", "metrics", "--json"], '"gamma"'),
        (["run", "--help"], "--splits"),
        (["leaderboard", "--help"], "--store"),
        (["dataset", "describe", "--help"], "NAME"),
    ],
)
def test_command_imports_nothing_heavy(arguments: list[str], shown: str) -> None:
    printed, loaded = loaded_by(*arguments)
    assert shown in printed
    assert loaded == "[]"
