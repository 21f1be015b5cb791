from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from tabgenbench.interfaces.drawing import drawing
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.model import DatasetBoard
from tabgenbench_leaderboard.figures.losses import loss_figure
from tabgenbench_leaderboard.figures.scores import score_figure

FakeRun = Any


@pytest.fixture(autouse=True)
def settings_of_a_board() -> Iterator[None]:
    with drawing():
        yield


def dataset_of(run: FakeRun) -> DatasetBoard:
    return build_board(run.store, run.suite).datasets[0]


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
