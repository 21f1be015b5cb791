from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "tabgenbench-example"
COMMAND = "from tabgenbench.commands.cli import main; main()"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that finds the example installed: its metadata and its sources on the path."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = tmp_path_factory.mktemp("site")
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    points = [f"{name} = {target}" for name, target in project["entry-points"]["tabgenbench"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[tabgenbench]", *points]) + "\n", encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(site), str(EXAMPLE / "src"), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


def tabgenbench(installed: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], capture_output=True, text=True, timeout=240, env=installed
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_plugins_are_listed_under_its_distribution(installed: dict[str, str]) -> None:
    listed = json.loads(tabgenbench(installed, "list", "--json"))
    origin = {row["name"]: row["plugin"] for kind in ("generators", "metrics") for row in listed[kind]}
    assert origin["smoothed-bootstrap"] == origin["example-ks"] == "tabgenbench-example:example"


def test_a_run_trains_it_and_keeps_its_score(installed: dict[str, str], tmp_path: Path) -> None:
    store = tmp_path / "store"
    chosen = ["-d", "wdbc", "-g", "smoothed-bootstrap:bandwidth=0.5", "-m", "example-ks:per_feature=true"]
    tabgenbench(
        installed,
        "run",
        "quickstart",
        *chosen,
        "--splits",
        "1",
        "--draws",
        "1",
        "--threads",
        "1",
        "--store",
        str(store),
    )
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
