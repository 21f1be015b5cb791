from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import tabgenbench_leaderboard
from tabgenbench.errors import ConfigError, StoreError
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.model import Board, FigureNote
from tabgenbench_leaderboard.files import read_board, write_board

FakeRun = Any
PUBLISHED = sorted((Path(__file__).parents[2] / "leaderboard" / "boards").iterdir())


def invoke(*arguments: object) -> Result:
    group = click.Group(context_settings={"help_option_names": ["-h", "--help"]})  # click keeps the first that it sees
    tabgenbench_leaderboard.register_commands(group)
    return CliRunner().invoke(group, ["leaderboard", *map(str, arguments)])


@pytest.fixture
def written(full_run: FakeRun, tmp_path: Path) -> Path:
    """A board in a folder, with a figure of a metric but without the artifacts for drawing it again."""
    board = build_board(full_run.store, full_run.suite)
    note = FigureNote(metric="umap-separability", name="cells-umap", alt="A cloud.", caption="How to read it.")
    dataset = board.datasets[0].model_copy(update={"figures": (note,)})
    folder = tmp_path / "board"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "cells-umap.svg").write_text("<svg>the old one</svg>\n")
    write_board(board.model_copy(update={"datasets": (dataset,)}), folder, kept=folder / "figures")
    return folder


def test_a_board_is_written_again_with_the_same_bytes(written: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    result = invoke("--from", written / "board.json", "--out", out)
    assert result.exit_code == 0, result.exception
    assert f"The full board is in {out}:" in result.stdout
    names = {path.relative_to(written) for path in written.rglob("*") if path.is_file()}
    assert names == {path.relative_to(out) for path in out.rglob("*") if path.is_file()}
    assert all((out / name).read_bytes() == (written / name).read_bytes() for name in names)


def test_figures_of_metrics_are_kept_as_they_are(written: Path, tmp_path: Path) -> None:
    invoke("--from", written / "board.json", "--out", tmp_path / "again")
    page = (tmp_path / "again" / "README.md").read_text()
    assert "![A cloud.](figures/cells-umap.svg)\n\nHow to read it." in page
    assert (tmp_path / "again" / "figures" / "cells-umap.svg").read_text() == "<svg>the old one</svg>\n"
    assert '<img src="../figures/cells-umap.svg"' in (tmp_path / "again" / "web" / "dataset-cells.html").read_text()


def test_png_files_of_metrics_are_kept_if_png_is_asked_for(written: Path, tmp_path: Path) -> None:
    (written / "figures" / "cells-umap.png").write_bytes(b"the old PNG")
    invoke("--from", written / "board.json", "--out", tmp_path / "again", "--format", "png")
    figures = tmp_path / "again" / "figures"
    assert (figures / "cells-umap.png").read_bytes() == b"the old PNG"
    assert (figures / "cells-scores.png").read_bytes().startswith(b"\x89PNG")


def test_a_board_without_png_files_is_rendered_and_the_page_says_which_png_is_missing(written: Path) -> None:
    invoke("--from", written / "board.json", "--out", written, "--format", "md,png")
    page = (written / "README.md").read_text()
    assert "figures/cells-umap.svg" in page
    assert "The figure `cells-umap` of `umap-separability` has no PNG: its PNG file is missing." in page
    names = sorted(path.name for path in (written / "figures").glob("*.png"))
    assert names == ["cells-losses.png", "cells-scores.png"]


def test_a_figure_whose_files_are_gone_is_left_out_and_the_page_says_so(written: Path, tmp_path: Path) -> None:
    (written / "figures" / "cells-umap.svg").unlink()
    invoke("--from", written / "board.json", "--out", tmp_path / "again")
    page = (tmp_path / "again" / "README.md").read_text()
    assert "figures/cells-umap.svg" not in page
    assert "The figure `cells-umap` of `umap-separability` is left out: its file is missing." in page


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_board_of_any_version_gets_ranks_and_scaled_scores_from_its_values_by_split(
    run: FakeRun, tmp_path: Path, version: int
) -> None:
    for split in range(5):
        for label, value in {"cvae": 0.2, "tvae": 0.5, "shuffled": 1.2, "real-resample": 0.1}.items():
            run.cell(label, {"distance": {"distance": value + 0.01 * split * value}}, split=split)
    board = build_board(run.store, run.suite)
    content = board.model_dump(mode="json")
    content["board_version"] = version
    if version < 3:
        strip(content)
    (tmp_path / "board.json").write_text(json.dumps(content))
    read = read_board(tmp_path / "board.json")
    assert read.board_version == 4
    row = read.datasets[0].rows[0]
    assert row.scores[0].rank == (1, 1)
    assert row.scores[0].scaled == board.datasets[0].rows[0].scores[0].scaled
    assert [found.p_adjusted for found in read.datasets[0].comparisons] == pytest.approx([0] * 5, abs=1e-3)
    assert [question.question for question in read.datasets[0].questions] == (["fidelity"] if version >= 3 else [])
    if version >= 3:
        assert read == board


def strip(content: dict[str, Any]) -> None:
    """Remove what version 3 added to a board."""
    del content["missing"], content["across"]
    for dataset in content["datasets"]:
        del dataset["questions"]
        for column in dataset["columns"]:
            del column["unscaled"], column["spec"]["question"], column["spec"]["ceiling"]
        for row in dataset["rows"]:
            del row["questions"]
            for score in row["scores"]:
                del score["rank"], score["scaled"]
        for comparison in dataset["comparisons"]:
            del comparison["p"], comparison["p_adjusted"]


def test_the_rule_for_missing_results_is_kept_and_can_be_changed(run: FakeRun, tmp_path: Path) -> None:
    for dataset, labels in {"a": ("cvae", "tvae", "ctgan"), "b": ("cvae", "tvae")}.items():
        for label in labels:
            run.cell(label, {"gamma": {"gamma": len(label) / 10}}, dataset=dataset)
    run.store.write_suite(run.suite)
    page = invoke("tiny", "--store", run.store.root, "--missing", "floor", "--format", "md").stdout
    assert "Missing results count as the floor" in page
    assert "1 of 2 datasets, 1 as the floor" in page
    invoke("tiny", "--store", run.store.root, "--missing", "floor", "--format", "json", "--out", tmp_path)
    kept = invoke("--from", tmp_path / "board.json", "--format", "md").stdout
    assert kept == page
    apart = invoke("--from", tmp_path / "board.json", "--missing", "apart", "--format", "md").stdout
    assert apart == invoke("tiny", "--store", run.store.root, "--format", "md").stdout
    assert "models without all results" in apart


def test_without_out_the_headline_is_printed(written: Path) -> None:
    result = invoke("--from", written / "board.json")
    assert result.stdout.startswith("tiny: A run.\n")
    assert f"tabgenbench leaderboard --from {written / 'board.json'} --out DIR" in result.stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read"),
        (b"{", "is not a board that this version reads"),
        (b'{"suite": "x"}', "is not a board that this version reads (summary: Field required)"),
        ("newer", "has board version 99, this program reads up to 4; use a newer version"),
    ],
)
def test_what_is_no_board_is_one_sentence(written: Path, content: bytes | str | None, words: str) -> None:
    path = written / "board.json"
    if content == "newer":
        path.write_text(json.dumps({**json.loads(path.read_text()), "board_version": 99}))
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path = written / "nothing.json"
    with pytest.raises(StoreError) as caught:
        read_board(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_suite_and_a_file_are_not_both_given(written: Path) -> None:
    result = invoke("tiny", "--from", written / "board.json")
    assert isinstance(result.exception, ConfigError)


def without_figures(board: Board) -> dict[str, Any]:
    """Return a board as JSON without the parts that depend on the available figures."""
    content = board.model_dump(mode="json")
    for dataset in content["datasets"]:
        del dataset["figures"], dataset["figures_left_out"]
    return content


@pytest.mark.slow
@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda path: path.name)
def test_a_published_board_is_what_its_board_json_gives(folder: Path, tmp_path: Path) -> None:
    """Compare pages and tables by bytes, and figures by name, because they depend on the version of matplotlib."""
    result = invoke("--from", folder / "board.json", "--out", tmp_path, "--format", "md,csv,json")
    assert result.exit_code == 0, result.exception
    for name in ("README.md", "scores.csv", "costs.csv", "comparisons.csv", "board.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == figures
    assert without_figures(read_board(tmp_path / "board.json")) == without_figures(read_board(folder / "board.json"))
