from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from tabgenbench import Artifacts, ConfigError, Metric, MetricFigure, PluginError
from tabgenbench.records import SuiteRow
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.figures.artifacts import FindMetric, collect_artifacts, find_installed
from tabgenbench_leaderboard.files import render_board
from tabgenbench_leaderboard.report import Leaderboard

FakeRun = Any
UMAP, PAIRS = "umap-separability", "correlation-pairs"


def artifact(run: FakeRun, row: SuiteRow, metric: str, name: str, lines: Sequence[str]) -> Path:
    """Write an artifact and its score."""
    if metric not in row.scores:
        row.scores[metric] = run.key(row.key, metric)
        run.score(row, metric, {"umap-overall": 0.5} if metric == UMAP else {"correlation-spread": 1.25})
    path: Path = run.store.cell_folder(row.key) / "scores" / f"{row.scores[metric]}.{name}.csv"
    run.store.write_text(path, "\n".join(lines) + "\n")
    return path


def umap_lines(tissues: Sequence[str]) -> list[str]:
    lines = ["row,origin,x,y,condition.tissue,condition.status,draw"]
    for draw, origin, (i, tissue) in itertools.product((0, 1), ("real", "synthetic"), enumerate(tissues)):
        status = "cancer" if i % 3 == 0 else "normal"
        lines.append(f"{i},{origin},{i % 7 + draw},{i // 7},{tissue},{status},{draw}")
    return lines


HEXAGONS = ["real,synthetic,pairs,width,draw", "0,0,900,0.04,0", "0.5,0.48497,20,0.04,0", "0.1,0,3,0.04,1"]


@pytest.fixture
def pictured(full_run: FakeRun) -> FakeRun:
    """The full run with artifacts of two generators on every split."""
    for row in full_run.suite.rows:
        if row.label in ("cvae", "condition-mvn"):
            artifact(full_run, row, UMAP, "umap", umap_lines(["lung", "liver", "skin"] * 10))
            artifact(full_run, row, PAIRS, "hexagons", HEXAGONS)
    return full_run


def render(
    run: FakeRun, formats: Sequence[str] = ("md", "html"), find_metric: FindMetric = find_installed
) -> dict[str, bytes]:
    board = build_board(run.store, run.suite)
    artifacts = collect_artifacts(run.store, run.suite, find_metric=find_metric)
    return render_board(board, formats, artifacts=artifacts)


def first_row(run: FakeRun, label: str = "cvae") -> SuiteRow:
    row: SuiteRow = min((row for row in run.suite.rows if row.label == label), key=lambda row: row.split)
    return row


def test_artifacts_are_those_of_the_first_draw_of_the_first_split(pictured: FakeRun) -> None:
    found = collect_artifacts(pictured.store, pictured.suite).found
    assert set(found) == {("cells", UMAP), ("cells", PAIRS)}
    assert set(found["cells", UMAP]) == {"cvae", "condition-mvn"}
    one = found["cells", UMAP]["cvae"]
    assert (one.split, one.draw, len(one.tables["umap"]["x"])) == (0, 0, 60)
    assert one.tables["umap"]["condition.tissue"][:4] == ["lung", "liver", "skin", "lung"]
    assert found["cells", PAIRS]["cvae"].tables["hexagons"]["pairs"] == ["900", "20"]


def test_a_board_shows_them_with_what_a_reader_needs(pictured: FakeRun) -> None:
    files = render(pictured)
    names = {name for name in files if name.startswith("figures/")}
    kinds = ("scores", "losses", "umap", "correlations", "umap-cvae", "umap-condition-mvn")
    assert names == {f"figures/cells-{kind}.svg" for kind in kinds}
    page = files["README.md"].decode()
    assert page.count("figures/cells-umap") == 3
    assert "### Figures" in page
    assert page.count("real and synthetic rows are mixed") == 1
    for name, words in {
        "cells-umap-cvae": (
            "cvae on cells",
            "by tissue",
            "by status",
            "real and synthetic",
            "lung",
            "cancer",
            "draw 0",
        ),
        "cells-umap": ("cvae", "condition-mvn", "by tissue", "liver", "synthetic"),
        "cells-correlations": ("cvae", "gamma 0.92", "spread 1.25", "r over synthetic rows", "pairs of features"),
    }.items():
        text = " ".join(ElementTree.fromstring(files[f"figures/{name}.svg"]).itertext())
        assert [word for word in words if word not in text] == []
    sheets = re.findall(r'<img src="../figures/cells-(.*?)[.]svg"', files["web/dataset-cells.html"].decode())
    assert sheets == ["scores", "umap", "correlations", "losses"]
    assert "../figures/cells-umap-cvae.svg" in files["web/generator-cvae.html"].decode()


def test_the_same_records_and_artifacts_give_the_same_bytes(pictured: FakeRun) -> None:
    assert render(pictured) == render(pictured)


def test_labels_that_differ_in_signs_alone_get_figures_of_their_own(run: FakeRun) -> None:
    for label in ("cvae:a=1", "cvae:a=-1"):
        run.cell(label, {"gamma": {"gamma": 0.5}})
        artifact(run, run.suite.rows[-1], UMAP, "umap", umap_lines(["lung"] * 9))
    names = [name for name in render(run, ["md"]) if name.startswith("figures/cells-umap-") and name.endswith("svg")]
    assert len(names) == len(set(names)) == 2


def test_rows_with_no_condition_have_one_panel(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.5}})
    lines = ["row,origin,x,y,draw", "0,real,0,0,0", "0,synthetic,1,1,0"]
    artifact(run, run.suite.rows[0], UMAP, "umap", lines)
    figure = ElementTree.fromstring(render(run, ["md"])["figures/cells-umap-cvae.svg"])
    text = " ".join(figure.itertext())
    assert "real and synthetic" in text
    assert "by " not in text


@pytest.mark.parametrize(
    "lines", [["row"], [""], ["x,draw", "1"], ["x,draw", "1,0,3"], ["x,draw", "1,first"], ["x", "1"]]
)
def test_a_broken_artifact_is_named_and_the_next_split_is_shown(pictured: FakeRun, lines: list[str]) -> None:
    path = artifact(pictured, first_row(pictured), UMAP, "umap", lines)
    artifacts = collect_artifacts(pictured.store, pictured.suite)
    [found] = pictured.store.quarantined
    assert found.path == path
    assert "not an artifact of this program" in str(found)
    assert artifacts.found["cells", UMAP]["cvae"].split == 1


def test_a_board_names_a_broken_artifact(pictured: FakeRun) -> None:
    path = artifact(pictured, first_row(pictured), UMAP, "umap", ["no artifact"])
    pictured.store.write_suite(pictured.suite)
    view = Leaderboard().build(pictured.store.root)
    assert [found for found in view.unreadable if str(path) in found]
    assert view.artifacts.found


@pytest.mark.parametrize("lines", [["y,draw", "1,0"], ["row,origin,x,y,draw", "0,real,a,b,0"]])
def test_figures_that_cannot_be_drawn_are_left_out_and_the_page_says_so(pictured: FakeRun, lines: list[str]) -> None:
    artifact(pictured, first_row(pictured), UMAP, "umap", lines)
    files = render(pictured)
    assert not [name for name in files if name.startswith("figures/cells-umap")]
    assert "figures/cells-correlations.svg" in files
    for page in ("README.md", "web/dataset-cells.html"):
        assert "are left out: drawing raised" in files[page].decode()
    assert f"- Figures of `{UMAP}` are left out: drawing raised" in files["README.md"].decode()


def find_none(name: str) -> Any:
    raise ConfigError(f"unknown metric {name!r}")


def find_broken(name: str) -> Any:
    raise PluginError(f"plugin {name!r}: cannot import it: no module named 'lapack'")


@pytest.mark.parametrize(
    ("find_metric", "reason"),
    [(find_none, "no installed plugin has this metric"), (find_broken, "no module named 'lapack'")],
)
def test_a_board_is_rendered_where_a_metric_is_not_installed(
    pictured: FakeRun, find_metric: FindMetric, reason: str
) -> None:
    files = render(pictured, find_metric=find_metric)
    kinds = {name.removeprefix("figures/cells-") for name in files if name.startswith("figures/")}
    assert kinds == {"scores.svg", "losses.svg"}
    page = files["README.md"].decode()
    for metric in (UMAP, PAIRS):
        assert f"- Figures of `{metric}` are left out: " in page
    assert page.count(reason) == 2
    assert "0.930 ± 0.025" in page


class Drawing(Metric):
    """A metric whose figures a test specifies."""

    name = UMAP
    wanted: Iterable[MetricFigure] = ()
    seen: Artifacts | None = None

    @classmethod
    def figures(cls, artifacts: Artifacts) -> Iterable[MetricFigure]:
        cls.seen = artifacts
        return cls.wanted


def find_drawing(name: str) -> Any:
    return Drawing if name == UMAP else Metric


def simple_figure() -> Figure:
    figure = Figure()
    figure.text(0.5, 0.5, "Drawn by a plugin")
    return figure


def raising_figure() -> Figure:
    raise ValueError("no points")


def test_a_metric_is_given_its_artifacts_with_the_scores_of_their_split(pictured: FakeRun) -> None:
    pictured.score(first_row(pictured), UMAP, {"umap-overall": 0.75}, config={"epochs": 20})
    render(pictured, ["md"], find_drawing)
    assert Drawing.seen is not None
    assert Drawing.seen.dataset == "cells"
    assert [row.label for row in Drawing.seen.rows] == ["cvae", "condition-mvn"]
    assert [row.is_control for row in Drawing.seen.rows] == [False, True]
    row = Drawing.seen.rows[0]
    assert (row.split, row.draw, row.config) == (0, 0, {"epochs": 20})
    assert row.scores["umap-overall"] == 0.75
    assert row.scores["gamma"] == pytest.approx(0.92)


def test_figures_of_one_name_get_files_of_their_own_and_one_that_raises_takes_no_other_down(
    pictured: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {"alt": "A drawing.", "caption": "How to read it."}
    wanted = [
        MetricFigure(name="scores", draw=simple_figure, intro="Look here.", **words),
        MetricFigure(name="a b", draw=raising_figure, **words),
        MetricFigure(name="a b", draw=simple_figure, intro="Look here.", **words),
    ]
    monkeypatch.setattr(Drawing, "wanted", wanted)
    files = render(pictured, ["md"], find_drawing)
    names = {name.removeprefix("figures/cells-") for name in files if name.endswith(".svg")}
    assert {"scores-2.svg", "a-b-2.svg"} <= names
    assert "a-b.svg" not in names
    assert "Drawn by a plugin" in files["figures/cells-a-b-2.svg"].decode()
    page = files["README.md"].decode()
    assert page.count("Look here.") == 1
    assert f"- Figures of `{UMAP}` are left out: drawing raised ValueError: no points." in page
