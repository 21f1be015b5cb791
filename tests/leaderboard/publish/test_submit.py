from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tabgenbench.store.store import Store

Call = Callable[..., Result]
SUITE = "quickstart"
ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "examples" / "verify-submission.yml"


def test_results_of_another_machine_are_published_in_three_commands(
    planted_store: Store, tabgenbench: Call, tmp_path: Path
) -> None:
    shutil.copytree(planted_store.root, tmp_path / "submission")
    merged = tabgenbench("merge", "submission", "--into", "store")
    assert merged.exit_code == 0, merged.output
    verified = tabgenbench("verify", SUITE, "--store", "store", "--rerun", 1, "--seed", 2, "--executor", "inline")
    assert verified.exit_code == 0, verified.output
    assert "1 of 3 trained again: no findings" in verified.output
    published = tabgenbench("publish", "demo", SUITE, "--to", "boards")
    assert published.exit_code == 0, published.output
    words = ("mallory", "gpu01", "cluster.example", "/home", "/scratch", str(tmp_path))
    for path in Path("boards").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert [word for word in words if word.encode() in content] == [], path


def test_a_forged_submission_is_found_in_the_store(planted_store: Store, tabgenbench: Call, tmp_path: Path) -> None:
    shutil.copytree(planted_store.root, tmp_path / "submission")
    path = sorted((tmp_path / "submission").glob("cells/*/scores/*.json"))[0]
    path.write_text(re.sub(r'"gamma": [-\d.e]+', '"gamma": 0.99', path.read_text()))
    done = tabgenbench("verify", "--store", "submission", "--rerun", 3, "--seed", 0, "--executor", "inline")
    assert done.exit_code == 1, done.output
    assert f"cells/{path.parents[1].name}/scores/{path.name}: gamma of draw 0 is 0.99; expected" in done.output


def steps(text: str) -> list[tuple[str, str]]:
    """Return name and script of every step of a workflow that runs a script."""
    found = re.findall(
        r"- name: ([^\n]+)\n(?: {8}env:\n(?: {10}[^\n]+\n)+)? {8}run: (\|\n(?:(?: {10}[^\n]*)?\n)+|[^\n]+)", text
    )
    return [(name, textwrap.dedent(script.removeprefix("|\n"))) for name, script in found]


@pytest.mark.slow
def test_the_steps_of_the_workflow_verify_a_submission(published_board: Path, tmp_path: Path) -> None:
    text = TEMPLATE.read_text()
    found = steps(text)
    assert len(found) == text.count("run: ") == 4
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(tmp_path)]
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "base"]):
        subprocess.run([*git, *arguments], check=True)
    base = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    shutil.copytree(published_board / "records", tmp_path / "submissions" / "demo")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "results"], check=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "BASE": base, "RERUN": "1", "OMP_NUM_THREADS": "1"}
    output = ""
    for name, script in found[1:]:  # all but the installation
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        output += done.stdout
    assert "1 of 3 trained again: no findings" in output
    assert (tmp_path / "preview" / f"demo-{SUITE}" / "index.html").is_file()
