from __future__ import annotations

import itertools
import string
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from tabgenbench_leaderboard.figures.legends import shortened
from tabgenbench_leaderboard.figures.palette import group_looks, status_looks
from tabgenbench_leaderboard.figures.umap import rows_figure, rows_sheet

from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.model import DatasetBoard
from tabgenbench_leaderboard.figures.artifacts import RowsPicture
from tabgenbench_leaderboard.figures.losses import loss_figure
from tabgenbench_leaderboard.figures.scores import drawing, score_figure

FakeRun = Any
GTEX = ("Brain - Nucleus accumbens (basal ganglia)", "Skin - Not Sun Exposed (Suprapubic)", "Cells - Fibroblasts")


@pytest.fixture(autouse=True)
def settings_of_a_board() -> Iterator[None]:
    with drawing():
        yield


def dataset_of(run: FakeRun) -> DatasetBoard:
    return build_board(run.store, run.suite).datasets[0]


def names_of(count: int, length: int) -> list[str]:
    """Return names of a length that differ at their ends alone, wide and narrow ones."""
    if length < 3:
        return [*string.ascii_letters, *string.digits, *"@%"][:count]
    letters = ("W", "i", "Brain - ")
    return [(letters[i % 3] * length)[: length - 2] + f"{i:02}" for i in range(count)]


def picture_of(tissues: Sequence[str], states: Sequence[str], seed: int = 0) -> RowsPicture:
    rng = np.random.default_rng(seed)
    groups = np.arange(max(200, 2 * len(tissues))) % len(tissues)
    points = rng.normal(0, 3, (len(tissues), 2))[groups] + rng.normal(0, 1, (len(groups), 2))
    return RowsPicture(
        split=0,
        draw=0,
        x=tuple(points[:, 0].tolist()),
        y=tuple(points[:, 1].tolist()),
        synthetic=tuple(bool(i % 2) for i in range(len(groups))),
        columns=("tissue", "status"),
        labels=(tuple(tissues[i] for i in groups), tuple(states[i % len(states)] for i in range(len(groups)))),
    )


def check_places(figure: Figure) -> None:
    """Draw; legends, sentences and panels lie inside the figure, and none lies on another."""
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
    run: FakeRun, n_tissues: int, n_states: int, length: int, n_generators: int
) -> None:
    for i in range(n_generators):
        run.cell(f"cvae:epochs={i}", {"gamma": {"gamma": 0.5}})
    dataset = dataset_of(run)
    tissues, states = names_of(n_tissues, length), names_of(n_states, length)
    looks = (group_looks(tissues), status_looks(states))
    pictures = {row.label: picture_of(tissues, states, seed) for seed, row in enumerate(dataset.rows)}
    for figure in (
        rows_figure(dataset, dataset.rows[0], pictures[dataset.rows[0].label], looks),
        rows_sheet(dataset, pictures, looks),
    ):
        assert figure is not None
        check_places(figure)
        legends = [[text.get_text() for text in legend.get_texts()] for legend in figure.legends]
        assert all(len(set(labels)) == len(labels) for labels in legends)
        assert sum(map(len, legends)) == n_tissues + n_states + 2


def test_names_in_a_panel_stay_inside_it_and_apart(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.5}})
    tissues = [f"{name} {i}" for name in GTEX for i in range(10)]
    dataset, looks = dataset_of(run), (group_looks(tissues), status_looks(["normal"]))
    figure = rows_figure(dataset, dataset.rows[0], picture_of(tissues, ["normal"]), looks)
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


def test_a_status_that_one_generator_lacks_keeps_its_look(run: FakeRun) -> None:
    for label in ("cvae", "wgan-gp"):
        run.cell(label, {"gamma": {"gamma": 0.5}})
    dataset, looks = dataset_of(run), (group_looks(["lung"]), status_looks(["cancer", "normal"]))
    pictures = {"cvae": picture_of(["lung"], ["normal"]), "wgan-gp": picture_of(["lung"], ["cancer", "normal"])}
    figure = rows_sheet(dataset, pictures, looks)
    assert figure is not None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cancer", "normal"]


@given(
    st.sets(st.text(string.ascii_letters + " ", min_size=1, max_size=60).map(str.strip), min_size=1), st.integers(4, 44)
)
def test_shortened_names_differ(names: set[str], most: int) -> None:
    names = {" ".join(name.split()) for name in names}
    found = shortened(names, most)
    assert len(set(found.values())) == len(names)
    assert all(found[name] == name for name in names if len(name) <= most)


def test_models_far_from_the_others_are_named_at_the_edge(run: FakeRun) -> None:
    values = {"ctgan": 0.0, "cvae": 0.931, "tvae": 0.942, "wgan-gp": 0.948, "real-resample": 0.95, "shuffled": 0.01}
    for label, value in values.items():
        run.cell(label, {"gamma": {"gamma": value}})
    figure = score_figure(dataset_of(run))
    assert figure is not None
    assert [text.get_text() for text in figure.axes[0].texts] == ["◂ 0.00", "◂ 0.01"]
    assert figure.axes[0].get_xlim()[0] > 0.92


@pytest.mark.parametrize("best", [0.001, 0.5])
def test_the_best_is_never_at_the_edge(run: FakeRun, best: float) -> None:
    for i, value in enumerate((best, 0.91, 0.92, 0.93, 0.94)):
        run.cell(f"cvae:epochs={i}", {"moments": {"mean-ks": value}})
    figure = score_figure(dataset_of(run))
    assert figure is not None
    low, high = figure.axes[0].get_xlim()
    assert low < best < 0.94 < high


def test_thirteen_loss_curves_have_looks_of_their_own_and_a_legend_below(run: FakeRun) -> None:
    for number, label in enumerate(("cvae", "wgan-gp")):
        curves = {f"part number {i} of the loss": [float(i), 2.0 * i + number, None, 20.0] for i in range(13)}
        run.cell(label, {"gamma": {"gamma": 0.5}}, losses={"epoch": [1.0, 2.0, 3.0, 4.0], **curves})
    figure = loss_figure(dataset_of(run))
    assert figure is not None
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    for axis in figure.axes:
        legend = axis.get_legend()
        assert legend is not None
        looks = {(str(lines.get_edgecolor()), str(lines.get_linestyle())) for lines in axis.collections}
        assert len(looks) == 13
        box = legend.get_window_extent(canvas.get_renderer())
        assert box.y1 < axis.get_window_extent().y0
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width
        others = [text.get_window_extent(canvas.get_renderer()) for text in (*figure.texts, axis.xaxis.label)]
        assert not any(Bbox.intersection(box, other) for other in others)
