from __future__ import annotations

import itertools
import string
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from tabgenbench import ArtifactRow, drawing
from tabgenbench_plugins.metrics.parts.palette import group_looks, status_looks
from tabgenbench_plugins.metrics.parts.umap_figure import RowsPicture, read_picture, rows_figure, rows_sheet

GTEX = ("Brain - Nucleus accumbens (basal ganglia)", "Skin - Not Sun Exposed (Suprapubic)", "Cells - Fibroblasts")


@pytest.fixture(autouse=True)
def settings_of_a_board() -> Iterator[None]:
    with drawing.drawing():
        yield


def names_of(count: int, length: int) -> list[str]:
    """Return wide and narrow names of this length that differ only at their ends."""
    if length < 3:
        return [*string.ascii_letters, *string.digits, *"@%"][:count]
    letters = ("W", "i", "Brain - ")
    return [(letters[i % 3] * length)[: length - 2] + f"{i:02}" for i in range(count)]


def picture_of(tissues: Sequence[str], states: Sequence[str], *, label: str = "cvae", seed: int = 0) -> RowsPicture:
    rng = np.random.default_rng(seed)
    groups = np.arange(max(200, 2 * len(tissues))) % len(tissues)
    points = rng.normal(0, 3, (len(tissues), 2))[groups] + rng.normal(0, 1, (len(groups), 2))
    return RowsPicture(
        label=label,
        split=0,
        draw=0,
        x=tuple(points[:, 0].tolist()),
        y=tuple(points[:, 1].tolist()),
        synthetic=tuple(bool(i % 2) for i in range(len(groups))),
        columns=("tissue", "status"),
        labels=(tuple(tissues[i] for i in groups), tuple(states[i % len(states)] for i in range(len(groups)))),
    )


def check_places(figure: Figure) -> None:
    """Draw the figure and check that legends, sentences and panels are inside it and do not overlap."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    parts = [*figure.legends, *figure.texts, *figure.axes]
    boxes = [part.get_window_extent(canvas.get_renderer()) for part in parts]
    for part, box in zip(parts, boxes, strict=True):
        assert box.x0 >= 0, part
        assert box.y0 >= 0, part
        assert box.x1 <= figure.bbox.width, part
        assert box.y1 <= figure.bbox.height, part
    assert [pair for pair in itertools.combinations(boxes, 2) if Bbox.intersection(*pair)] == []


@pytest.mark.parametrize(
    ("n_tissues", "n_states", "length", "n_generators"),
    [(1, 1, 1, 1), (15, 2, 9, 10), (30, 2, 41, 6), (20, 12, 28, 5), (3, 12, 15, 7), (64, 12, 60, 15), (64, 1, 1, 2)],
)
def test_nothing_lies_on_another_whatever_the_names(
    n_tissues: int, n_states: int, length: int, n_generators: int
) -> None:
    tissues, states = names_of(n_tissues, length), names_of(n_states, length)
    looks = (group_looks(tissues), status_looks(states))
    pictures = [picture_of(tissues, states, label=f"cvae:epochs={i}", seed=i) for i in range(n_generators)]
    for figure in (rows_figure("cells", pictures[0], looks), rows_sheet("cells", pictures, looks)):
        check_places(figure)
        legends = [[text.get_text() for text in legend.get_texts()] for legend in figure.legends]
        assert all(len(set(labels)) == len(labels) for labels in legends)
        assert sum(map(len, legends)) == n_tissues + n_states + 2


def test_names_in_a_panel_stay_inside_it_and_apart() -> None:
    tissues = [f"{name} {i}" for name in GTEX for i in range(10)]
    looks = (group_looks(tissues), status_looks(["normal"]))
    figure = rows_figure("cells", picture_of(tissues, ["normal"]), looks)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    axis = figure.axes[0]
    boxes = [Bbox(text.get_window_extent(canvas.get_renderer())) for text in axis.texts]
    frame = axis.get_window_extent()
    assert len(boxes) > 5
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)
    assert all(frame.y0 <= box.y0 and box.y1 <= frame.y1 for box in boxes)
    smaller = [box.padded(-1) for box in boxes]
    assert [pair for pair in itertools.combinations(smaller, 2) if Bbox.intersection(*pair)] == []


def test_a_status_that_one_generator_lacks_keeps_its_look() -> None:
    looks = (group_looks(["lung"]), status_looks(["cancer", "normal"]))
    pictures = [
        picture_of(["lung"], ["normal"]),
        picture_of(["lung"], ["cancer", "normal"], label="wgan-gp"),
    ]
    figure = rows_sheet("cells", pictures, looks)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cancer", "normal"]


def artifact_row(config: dict[str, Any]) -> ArtifactRow:
    table = pd.DataFrame(
        {
            "row": ["0", "0"],
            "origin": ["real", "synthetic"],
            "x": ["0.5", "-1"],
            "y": ["2", "3"],
            "condition.tissue": ["01", "1"],
            "condition.status": ["normal", "NA"],
        }
    )
    return ArtifactRow(label="cvae", is_control=False, split=2, draw=0, config=config, tables={"umap": table})


def test_an_artifact_is_read_with_its_values_as_they_were_written() -> None:
    picture = read_picture(artifact_row({"tissue": None, "status": None}))
    assert (picture.label, picture.split, picture.x, picture.y) == ("cvae", 2, (0.5, -1.0), (2.0, 3.0))
    assert picture.synthetic == (False, True)
    assert picture.columns == ("tissue", "status")
    assert picture.labels == (("01", "1"), ("normal", "NA"))


def test_the_columns_are_those_that_the_metric_was_told() -> None:
    assert read_picture(artifact_row({"tissue": "status", "status": None})).columns == ("status", "tissue")
