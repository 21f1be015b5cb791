from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.slow
def test_every_block_of_the_page_runs_in_one_script(
    repository: Path, fenced: Callable[[Path, str], list[str]], tmp_path: Path
) -> None:
    script = tmp_path / "page.py"
    script.write_text("\n".join(fenced(repository / "docs" / "python.md", "python")))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        capture_output=True,
        text=True,
        timeout=500,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert (
        "no cell of 1 has a score: broken · breast-cancer · split 0 · seed 0: failed: ValueError: cannot" in done.stdout
    )
    assert "jitter:sd=0.5" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my-store", "page.py", "ranked"]
    assert len(list((tmp_path / "my-store" / "cells").iterdir())) == 7
