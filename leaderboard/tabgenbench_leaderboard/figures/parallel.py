"""Drawing of figures in several processes, because drawing takes most of the time of a large board."""

from __future__ import annotations

import gc
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tabgenbench.engines.environment import available_cores
from tabgenbench.errors import text_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Files", "draw_files"]

FEWEST = 4
"""Minimum number of figures to draw in parallel, because a process takes some tenths of a second to start and end."""

_DRAWING: list[Callable[[], Figure | None]] = []  # the forked processes inherit this list


class Files(NamedTuple):
    """A figure as SVG and PNG, or the error that drawing raised; every field is empty if there was nothing to draw."""

    svg: str = ""
    png: bytes = b""
    error: str = ""


def draw_files(draws: Sequence[Callable[[], Figure | None]], *, png: bool = False) -> list[Files]:
    """Draw figures in parallel and return their files in order, with the same bytes for any number of processes.

    Figures are drawn one by one if there are few figures or only one core, or if the system is not Linux. If other
    threads run, figures are also drawn one by one, because a process with several threads cannot be forked safely.

    Args:
        draws: functions that return a figure, or None; they are called inside `tabgenbench.interfaces.drawing.drawing`.
        png: whether to draw each figure also as PNG.
    """
    workers = min(available_cores(), len(draws))
    if workers < 2 or len(draws) < FEWEST or sys.platform != "linux" or threading.active_count() > 1:
        return [_draw(draw, png=png) for draw in draws]
    import tabgenbench_leaderboard.figures.files  # noqa: F401  imports matplotlib once, for all processes

    _DRAWING[:] = draws
    try:
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(workers, context, initializer=_prepare_process) as pool:
            return list(pool.map(partial(_draw_place, png=png), range(len(draws))))
    finally:
        _DRAWING.clear()


def _prepare_process() -> None:
    """Let Ctrl-C interrupt only the parent process, and exclude inherited objects from garbage collection.

    Collecting inherited objects would be slow, and would copy the memory that the processes share.
    """
    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _draw_place(place: int, *, png: bool) -> Files:
    return _draw(_DRAWING[place], png=png)


def _draw(draw: Callable[[], Figure | None], *, png: bool) -> Files:
    from tabgenbench.interfaces.drawing import drawing
    from tabgenbench_leaderboard.figures.files import png_bytes, svg_text

    try:
        with drawing():
            figure = draw()
            if figure is None:
                return Files()
            svg = svg_text(figure)
            if not png:
                return Files(svg)
            figure.set_layout_engine("none")  # keep the layout of the SVG for the PNG
            return Files(svg, png_bytes(figure))
    except Exception as error:  # a plugin may raise anything
        return Files(error=text_of(error))
