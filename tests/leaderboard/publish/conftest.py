from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tabgenbench.commands.cli import main, make_cli
from tabgenbench.records import Fallback, Phase
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.publish.publish import publish_board

SUITE = "quickstart"
DATASET = "simulated-tissues:n_rows=120,n_genes=6"
HOST, USER = "gpu01.cluster.example", "mallory"
PLANTED = f'File "/home/{USER}/.venv/lib/x.py": on gpu01 by {USER} <{USER}@{HOST}>, see ~{USER}/log and /scratch/{USER}'


def run_suite(store: Path, *more: str) -> None:
    """Train two controls on two splits in this process."""
    arguments = ["run", SUITE, "-d", DATASET, "-g", "shuffled", "-g", "condition-mean", "-m", "gamma"]
    numbers = ["--splits", "2", "--draws", "2", "--threads", "1", "--executor", "inline", "--store", str(store)]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        make_cli().main([*arguments, *numbers, *more], standalone_mode=False)


def fail_cell(store: Store) -> None:
    """Turn the cell of condition-mean on split 1 into a failure."""
    [record] = [one for one in store.cells() if (one.cell.generator, one.cell.split) == ("condition-mean", 1)]
    folder = store.cell_folder(record.key)
    for name in ("scores", "runs", "synthetic", "model"):
        shutil.rmtree(folder / name, ignore_errors=True)
    failed = {"status": "failed", "reason": "ValueError: no", "phases": {"fit": Phase(status="failed")}}
    store.write_cell(record.model_copy(update={**failed, "draw_hashes": [], "draw_bytes": [], "model_hashes": {}}))


def plant(store: Store) -> None:
    """Write a host, a user and paths into every field of free text of every record."""
    for record in list(store.cells()):
        record.cell.dataset_note = f"of {PLANTED}"
        record.environment = record.environment.model_copy(
            update={"host": HOST, "platform": f"Linux on {HOST}", "login": USER, "user": USER}
        )
        texts = {name: PLANTED for name in ("reason", "traceback", "output", "no_model")}
        fallbacks = [Fallback(condition="colon", rows=1, rule=PLANTED)]
        store.write_cell(record.model_copy(update={**texts, "notes": [PLANTED], "fallbacks": fallbacks}))
        for path in sorted((store.cell_folder(record.key) / "scores").glob("*.json")):
            score, info = store.read_score(record.key, path.stem), store.read_info(record.key, path.stem)
            assert score is not None
            assert info is not None
            score.traceback = score.reason = PLANTED
            score.draws[0].notes = [PLANTED]
            info.output = PLANTED
            info.environment.host = HOST
            store.write_score(score, info)
    suite = store.read_suite(SUITE)
    assert suite is not None
    suite.command = (
        f"/home/{USER}/.venv/bin/tabgenbench run {SUITE} --store /home/{USER}/store --address ray://{HOST}:1"
    )
    suite.summary = PLANTED
    for row in suite.rows:
        row.split_note = PLANTED
    store.write_suite(suite)
    for path in (store.root / "datasets").glob("*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "note": PLANTED}))


@pytest.fixture(scope="package")
def clean_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The store of a real run in which every cell is ok; not to be changed."""
    root = tmp_path_factory.mktemp("clean") / "store"
    run_suite(root)
    return Store(root)


@pytest.fixture(scope="package")
def planted_store(clean_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The same store with a failed cell, as another user ran it on another machine; not to be changed."""
    root = tmp_path_factory.mktemp("planted") / "store"
    shutil.copytree(clean_store.root, root)
    store = Store(root)
    store.prepare()
    fail_cell(store)
    plant(store)
    return Store(root)


@pytest.fixture(scope="package")
def published_board(planted_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published board of that store; not to be changed."""
    folder = tmp_path_factory.mktemp("boards") / "demo"
    publish_board(planted_store, SUITE, folder, partial=False, force=False)
    return folder


@pytest.fixture
def board(published_board: Path, tmp_path: Path) -> Path:
    """A copy of the published board that a test may change."""
    folder = tmp_path / "boards" / "demo"
    shutil.copytree(published_board, folder)
    return folder


@pytest.fixture
def tabgenbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command line in an empty folder, as `main` does it but without its exit."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(_Main(), [str(argument) for argument in arguments])

    return call


class _Main:
    """`main` in the form that click's runner calls."""

    name = "tabgenbench"

    def main(self, args: list[str], prog_name: str, **_: object) -> None:
        main(args)
