from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def execute(notebook: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Execute a notebook in an empty folder and return its code cells."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(folder.with_name(name.lower())))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder.mkdir()
    place = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place, coalesce_streams=True).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell: Any) -> list[str]:
    return [output.output_type for output in cell.outputs]


def printed(cell: Any) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


@pytest.mark.slow
def test_the_example_goes_from_a_frame_to_a_board(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = repository / "examples" / "notebook.ipynb"
    committed = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    assert path.stat().st_size < 200_000
    assert [cell.execution_count for cell in committed] == list(range(1, len(committed) + 1))
    executed = execute(nbformat.read(path, 4), tmp_path / "work", monkeypatch)
    assert [kinds(cell) for cell in executed] == [kinds(cell) for cell in committed]
    [board] = [cell for cell in executed if cell.source.endswith("\nboard")]
    assert kinds(board) == ["stream", "display_data", "execute_result"]  # one bar, whatever it showed meanwhile
    assert printed(board).splitlines()[-1] == "12 of 12 cells ok; store: store"
    assert len(printed(board).splitlines()) == 5
    assert "12/12" in board.outputs[1].data["text/plain"]
    assert "mixed:share=0.1" in board.outputs[2].data["text/html"]
    assert {file.name for file in (tmp_path / "work").iterdir()} == {"store", "board"}


@pytest.mark.slow
def test_the_tutorial_of_cells_goes_from_an_h5ad_to_a_board_and_to_generated_cells(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = repository / "examples" / "single-cell.ipynb"
    committed = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    assert path.stat().st_size < 200_000
    assert [cell.execution_count for cell in committed] == list(range(1, len(committed) + 1))
    executed = execute(nbformat.read(path, 4), tmp_path / "work", monkeypatch)
    assert [kinds(cell) for cell in executed] == [kinds(cell) for cell in committed]
    text = "".join(printed(cell) for cell in executed)
    for words in ("invae:epochs=40", "integration    prediction", "zero-fraction-error", "generated: 200 cells"):
        assert words in text
    names = {file.name for file in (tmp_path / "work").iterdir()}
    assert names == {"cells.h5ad", "embeddings", "generated.h5ad", "generation"}


DECLARED = """
import numpy as np
import pandas as pd
import tabgenbench
from tabgenbench import Card, Generator

frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("xyz"))

class Mine(Generator):
    name, card = "mine", Card(summary="training rows at random")

    def fit(self, train, validation, context):
        self.train = train
        for epoch in range(50):
            context.report(epoch + 1, 50, loss=1.0)

    def sample(self, conditions, context):
        rows = context.numpy.integers(0, self.train.n_rows, len(conditions))
        return self.train.like(self.train.dense()[rows], conditions)

class Fails(Mine):
    name = "fails"

    def fit(self, train, validation, context):
        raise ValueError("this cell has a slip")
"""
OPTIONS = "metrics='moments', draws=1, threads=1"
RUN = f"board = tabgenbench.benchmark(frame, [Mine, Fails], splits=2, store='store', {OPTIONS})"
NOTHING = f"tabgenbench.benchmark(frame, Fails, splits=1, {OPTIONS})"


@pytest.mark.slow
def test_an_edited_cell_trains_again_and_a_failure_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = nbformat.v4.new_code_cell
    edited = DECLARED.replace("len(conditions))\n", "len(conditions)) // 2\n")
    assert edited != DECLARED
    notebook = nbformat.v4.new_notebook(cells=[new(text) for text in (DECLARED, RUN, RUN, edited, RUN, NOTHING)])
    with pytest.raises(CellExecutionError) as ended:
        execute(notebook, tmp_path / "work", monkeypatch)
    _, first, again, _, after, nothing = notebook.cells
    failures = [line for line in printed(first).splitlines() if "this cell has a slip" in line]
    failures.sort(key=lambda line: line.split("]")[1])  # two workers may finish in any order
    assert failures == [
        f"[{failures[i][1]}/4] fails · table · split {i} · seed 0: failed: ValueError: this cell has a slip"
        for i in (0, 1)
    ]
    assert kinds(first) == ["stream", "display_data"]
    assert "suite python: 4 cells, 2 done before, 2 failed before, 0 to do" in printed(again)
    assert kinds(again) == ["stream"]
    assert "suite python: 4 cells, 0 done before, 4 to do" in printed(after)
    assert "no cell of 1 has a score: fails · table · split 0 · seed 0: failed: ValueError" in str(ended.value)
    assert "in fit\nValueError: this cell has a slip" in str(ended.value)
    assert [output.output_type for output in nothing.outputs if output.output_type == "error"] == ["error"]
