from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "tabgenbench-example"

Call = Callable[..., int]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Make the example importable in this process; return an environment in which other processes can import it."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = tmp_path / "site"
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    points = [f"{name} = {target}" for name, target in project["entry-points"]["tabgenbench"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[tabgenbench]", *points]) + "\n", encoding="utf-8")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for folder in (EXAMPLE / "src", site):
        monkeypatch.syspath_prepend(str(folder))
    path = os.pathsep.join(filter(None, [str(site), str(EXAMPLE / "src"), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


@pytest.mark.usefixtures("installed")
def test_its_plugins_are_listed_under_its_distribution(tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert tabgenbench("list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    origin = {row["name"]: row["plugin"] for kind in ("generators", "metrics") for row in listed[kind]}
    assert origin["smoothed-bootstrap"] == origin["example-ks"] == "tabgenbench-example:example"


@pytest.mark.usefixtures("installed")
def test_a_run_trains_it_and_keeps_its_score(tabgenbench: Call) -> None:
    store = Path("store")
    chosen = ["-d", "wdbc", "-g", "smoothed-bootstrap:bandwidth=0.5", "-m", "example-ks:per_feature=true"]
    assert tabgenbench("run", "quickstart", *chosen, "--splits", "1", "--draws", "1", "--executor", "inline") == 0
    record = json.loads(next(store.glob("cells/*/fit.json")).read_bytes())
    assert record["status"] == "ok"
    assert record["cell"]["config"] == {"bandwidth": 0.5, "keep_variance": True}
    score = json.loads(next(store.glob("cells/*/scores/*.json")).read_bytes())
    assert score["metric"] == "example-ks"
    assert score["specs"][0]["direction"] == "lower"
    value = score["draws"][0]["scores"]["example-ks"]
    assert 0.0 < value < 0.2
    rows = next(store.glob("cells/*/scores/*.features.csv")).read_text(encoding="utf-8").splitlines()
    assert rows[0] == "feature,distance,draw"
    assert len(rows) == 1 + record["cell"]["n_features"]
    assert sum(float(row.split(",")[-2]) for row in rows[1:]) / len(rows[1:]) == pytest.approx(value)


@pytest.mark.slow
def test_its_own_tests_pass(installed: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=EXAMPLE,
        env=installed,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
