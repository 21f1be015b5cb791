from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "perf" / "bench_gamma.py"


@pytest.mark.alone
@pytest.mark.slow
def test_gamma_on_all_genes_stays_far_below_four_gigabytes() -> None:
    command = [sys.executable, str(BENCH), "--route", "metric (both scores)", "--features", "18154"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert found["peak_mb"] < 1500  # a (p, p) matrix alone would take 2,500
    assert 0.9 < found["gamma"] <= 1.0
