from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from tabgenbench_leaderboard.figures.palette import COLOURS, group_looks, status_looks

from tabgenbench.records import SuiteRow
from tabgenbench_datasets.rnaseqdb_files import TISSUE_OF_CODE
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.figures.artifacts import collect_pictures
from tabgenbench_leaderboard.figures.files import with_palette
from tabgenbench_leaderboard.files import render_board

FakeRun = Any
RNASEQDB = tuple(dict.fromkeys(TISSUE_OF_CODE.values()))
ORIGINS = ("#7a828c", "#c2186b")  # of real and synthetic rows
# Machado et al. 2009, severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "deuteranopia": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritanopia": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}


def artifact(run: FakeRun, row: SuiteRow, metric: str, name: str, lines: Sequence[str]) -> Path:
    path: Path = run.store.cell_folder(row.key) / "scores" / f"{row.scores[metric]}.{name}.csv"
    run.store.write_text(path, "\n".join(lines) + "\n")
    return path


def umap_lines(tissues: Sequence[str]) -> list[str]:
    lines = ["row,origin,x,y,condition.tissue,condition.status,draw"]
    for draw, origin, (i, tissue) in itertools.product((0, 1), ("real", "synthetic"), enumerate(tissues)):
        status = "cancer" if i % 3 == 0 else "normal"
        lines.append(f"{i},{origin},{i % 7 + draw},{i // 7},{tissue},{status},{draw}")
    return lines


@pytest.fixture
def pictured(full_run: FakeRun) -> FakeRun:
    """The full run with artifacts of two generators on every split."""
    for row in full_run.suite.rows:
        if row.label in ("cvae", "condition-mvn"):
            artifact(full_run, row, "gamma", "umap", umap_lines(["lung", "liver", "skin"] * 10))
            hexagons = ["real,synthetic,pairs,width,draw", "0,0,900,0.04,0", "0.5,0.48497,20,0.04,0", "0.1,0,3,0.04,1"]
            artifact(full_run, row, "moments", "hexagons", hexagons)
    return full_run


def render(run: FakeRun, formats: Sequence[str] = ("md", "html")) -> dict[str, bytes]:
    board = build_board(run.store, run.suite)
    return render_board(board, formats, pictures=collect_pictures(run.store, run.suite))


def test_pictures_are_those_of_the_first_draw_of_the_first_split(pictured: FakeRun) -> None:
    pictures = collect_pictures(pictured.store, pictured.suite)
    assert set(pictures.rows) == set(pictures.correlations) == {("cells", "cvae"), ("cells", "condition-mvn")}
    rows = pictures.rows["cells", "cvae"]
    assert (rows.split, rows.draw, len(rows.x), sum(rows.synthetic)) == (0, 0, 60, 30)
    assert rows.columns == ("tissue", "status")
    assert rows.labels[0][:4] == ("lung", "liver", "skin", "lung")
    assert pictures.correlations["cells", "cvae"].pairs == (900, 20)


def test_the_columns_are_those_that_the_metric_was_told(pictured: FakeRun) -> None:
    row = next(row for row in pictured.suite.rows if row.label == "cvae" and row.split == 0)
    pictured.score(row, "gamma", {"gamma": 0.5}, config={"tissue": "status", "status": None})
    assert collect_pictures(pictured.store, pictured.suite).rows["cells", "cvae"].columns == ("status", "tissue")


def test_a_board_shows_them_with_what_a_reader_needs(pictured: FakeRun) -> None:
    files = render(pictured)
    names = {name for name in files if name.startswith("figures/")}
    kinds = ("scores", "losses", "umap", "correlations", "umap-cvae", "umap-condition-mvn")
    assert names == {f"figures/cells-{kind}.{suffix}" for kind in kinds for suffix in ("png", "svg")}
    page = files["README.md"].decode()
    assert page.count("figures/cells-umap") == 3
    assert "### Figures" in page
    assert "real and synthetic rows do not" in page
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
        "cells-correlations": ("cvae", "condition-mvn", "gamma 0.92", "r over synthetic rows", "pairs of features"),
    }.items():
        text = " ".join(ElementTree.fromstring(files[f"figures/{name}.svg"]).itertext())
        assert [word for word in words if word not in text] == []
    assert files["index.html"].decode().count("<svg") == 4  # the sheets, not each generator enlarged


def test_the_same_records_and_artifacts_give_the_same_bytes(pictured: FakeRun) -> None:
    assert render(pictured) == render(pictured)


def test_labels_that_differ_in_signs_alone_get_figures_of_their_own(run: FakeRun) -> None:
    for label in ("cvae:a=1", "cvae:a=-1"):
        run.cell(label, {"gamma": {"gamma": 0.5}})
        artifact(run, run.suite.rows[-1], "gamma", "umap", umap_lines(["lung"] * 9))
    names = [name for name in render(run, ["md"]) if name.startswith("figures/cells-umap-") and name.endswith("png")]
    assert len(names) == len(set(names)) == 2


def test_rows_with_no_condition_have_one_panel(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.5}})
    lines = ["row,origin,x,y,draw", "0,real,0,0,0", "0,synthetic,1,1,0"]
    artifact(run, run.suite.rows[0], "gamma", "umap", lines)
    figure = ElementTree.fromstring(render(run, ["md"])["figures/cells-umap-cvae.svg"])
    text = " ".join(figure.itertext())
    assert "real and synthetic" in text
    assert "by " not in text


@pytest.mark.parametrize("lines", [["draw", "0"], ["row,origin,x,y,draw", "0,real,a,b,0"], ["row"], [""]])
def test_a_broken_artifact_is_named(pictured: FakeRun, lines: list[str]) -> None:
    row = min((row for row in pictured.suite.rows if row.label == "cvae"), key=lambda row: row.split)
    path = artifact(pictured, row, "gamma", "umap", lines)
    pictures = collect_pictures(pictured.store, pictured.suite)
    [found] = pictured.store.set_aside
    assert found.path == path
    assert "not an artifact of this program" in str(found)
    assert pictures.rows["cells", "cvae"].split == 1  # the next split's is shown in its place


def oklab(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_lms = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
    to_lab = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    return np.array([to_lab @ np.cbrt(to_lms @ np.clip(m @ linear, 0, 1)) for m in map(np.array, SIGHT.values())])


def test_colours_are_told_apart_with_any_colour_sight() -> None:
    places = {colour: oklab(colour) for colour in COLOURS}
    distances = [np.linalg.norm(places[a] - places[b], axis=1) for a, b in itertools.combinations(COLOURS, 2)]
    assert np.min(distances) > 0.085  # about four times what is just noticeable


def test_each_group_has_one_look_of_its_own() -> None:
    looks = group_looks(f"tissue {i}" for i in range(64))
    assert len(set(looks.values())) == 64
    assert group_looks(["b", "a"]) == group_looks(["a", "b", "b"])
    assert len(set(group_looks(["kidney", "lung", *(f"tissue {i}" for i in range(62))]).values())) == 64


def test_a_tissue_of_rnaseqdb_looks_the_same_on_every_board() -> None:
    thirteen = group_looks(tissue for tissue in RNASEQDB if tissue not in ("esophagus_gas", "esophagus_muc"))
    fifteen = group_looks(RNASEQDB)
    assert thirteen.items() <= fifteen.items()
    assert group_looks([*RNASEQDB, "blood"]).items() >= fifteen.items()


def test_no_tissue_looks_like_a_status() -> None:
    looks = status_looks(f"{i:02}" for i in range(12))
    assert len(set(looks.values())) == 12
    assert len({look.marker for look in status_looks(["cancer", "normal"]).values()}) == 2
    states = {look.colour for look in looks.values()}
    for state, other in [*itertools.product(states, (*COLOURS, *ORIGINS)), *itertools.combinations(states, 2)]:
        distances = np.linalg.norm(oklab(state) - oklab(other), axis=1)
        assert distances[0] > 0.12, (state, other)
        assert distances.min() > 0.06, (state, other)


def test_each_colour_of_a_sign_is_kept_to_the_bit() -> None:
    level = np.add.outer(np.arange(300), np.arange(400)) % 750  # more shades of grey than a palette has places
    pixels = np.stack([level // 3, (level + 1) // 3, (level + 2) // 3], axis=-1).astype(np.uint8)
    pixels[::2] = 255
    rare = [(119, 17, 85), (165, 40, 120)]
    for i, colour in enumerate(rare):
        pixels[0, 20 * i : 20 * i + 10] = colour
    image = with_palette(Image.fromarray(pixels))
    kept = np.asarray(image.convert("RGB")).astype(int)
    np.testing.assert_array_equal(kept[::2], pixels[::2])
    assert np.abs(kept - pixels).max() <= 6  # of 255
