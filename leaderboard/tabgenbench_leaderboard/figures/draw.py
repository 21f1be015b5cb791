"""Drawing of all figures of a board as SVG, and on request also as PNG."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tabgenbench_leaderboard.board.learning_curves import LearningCurve, learning_curves
from tabgenbench_leaderboard.board.model import Board, DatasetBoard, FigureNote
from tabgenbench_leaderboard.figures.artifacts import StoredArtifacts, failure_sentence, metric_figures
from tabgenbench_leaderboard.figures.drawn_rows import drawn_rows
from tabgenbench_leaderboard.figures.parallel import draw_files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BoardFigure", "Drawn", "draw_figures", "plan_figures"]


@dataclass(frozen=True)
class BoardFigure:
    """A figure that a board shows, and the function that draws the figure.

    Attributes:
        dataset: name of the dataset whose results the figure shows.
        kind: ``scores``, ``losses``, ``learning``, or the name of a metric.
        name: name of the figure's files without suffix (stem).
        draw: function that draws the figure; call this function inside `tabgenbench.interfaces.drawing.drawing`.
        note: texts that a page shows beside the figure; None unless a metric draws the figure.
    """

    dataset: str
    kind: str
    name: str
    draw: Callable[[], Figure | None]
    note: FigureNote | None = None


@dataclass
class Drawn:
    """A board with its drawn figures.

    Attributes:
        names: stem of a figure's files, by dataset and kind (``scores``, ``losses`` or ``learning``); figures of
            metrics are in ``board``.
        png: content of each PNG file, by the name without suffix.
        svg: content of each SVG file, by the name without suffix.
    """

    board: Board
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    png: dict[str, bytes] = field(default_factory=dict)
    svg: dict[str, str] = field(default_factory=dict)


def plan_figures(board: Board, stored: StoredArtifacts) -> tuple[list[BoardFigure], dict[str, list[str]]]:
    """Return the figures to draw for a board and, by dataset, sentences that explain omitted figures."""
    figures: list[BoardFigure] = []
    left_out: dict[str, list[str]] = {}
    curves = {curve.datasets[0].dataset: curve for curve in learning_curves(board)}
    for dataset in map(drawn_rows, board.datasets):
        stem = partial(_stem, board, dataset)
        if any(score.by_split for row in dataset.rows for score in row.scores):
            figures.append(BoardFigure(dataset.dataset, "scores", stem("scores"), partial(_scores, dataset)))
        if any(row.curves for row in dataset.rows):
            figures.append(BoardFigure(dataset.dataset, "losses", stem("losses"), partial(_losses, dataset)))
        if dataset.dataset in curves:  # a curve belongs to the dataset with the smallest number of training rows
            draw = partial(_learning, curves[dataset.dataset])
            figures.append(BoardFigure(dataset.dataset, "learning", stem("learning"), draw))
        found = metric_figures(dataset, stored)
        left_out[dataset.dataset] = list(found.left_out)
        kinds = _unique_kinds(dataset, [(figure.name, figure.label) for _, figure in found.figures])
        for (metric, figure), kind in zip(found.figures, kinds, strict=True):
            note = FigureNote(
                metric=metric,
                name=stem(kind),
                alt=figure.alt,
                caption=figure.caption,
                intro=figure.intro,
                label=figure.label,
            )
            figures.append(BoardFigure(dataset.dataset, metric, note.name, figure.draw, note))
    return figures, left_out


def draw_figures(
    board: Board,
    stored: StoredArtifacts | None,
    kept: Path | None = None,
    *,
    enlarged: bool = True,
    png: bool = False,
) -> Drawn:
    """Draw all figures of a board; equal boards and artifacts give byte-identical figures.

    Args:
        board: the board whose figures are drawn.
        stored: tables (artifacts) from which metrics draw their figures; None to draw no figures of metrics.
        kept: folder with earlier figures, from which figures of metrics are reused; None to reuse no figures.
        enlarged: whether to draw figures of metrics that show a single generator, which take most of the time.
        png: whether to draw each figure also as PNG, which takes longer than SVG.
    """
    planned, left_out = plan_figures(board, stored or StoredArtifacts())
    figures = [one for one in planned if enlarged or one.note is None or not one.note.label]
    drawn = Drawn(board)
    notes: dict[str, list[FigureNote]] = {dataset.dataset: [] for dataset in board.datasets}
    for one, files in zip(figures, draw_files([one.draw for one in figures], png=png), strict=True):
        if files.error and one.note is None:
            raise RuntimeError(f"figure {one.name!r}: {files.error}")
        if files.error:
            left_out[one.dataset].append(failure_sentence(one.kind, files.error))
        elif files.svg:
            drawn.svg[one.name] = files.svg
            if png:
                drawn.png[one.name] = files.png
            if one.note is None:
                drawn.names[one.dataset, one.kind] = one.name
            else:
                notes[one.dataset].append(one.note)
    if kept is not None:
        for dataset in board.datasets:
            _keep(drawn, dataset, kept, notes[dataset.dataset], left_out[dataset.dataset], png=png)
    drawn.board = board.model_copy(
        update={
            "datasets": tuple(
                dataset.model_copy(
                    update={
                        "figures": tuple(notes[dataset.dataset]),
                        "figures_left_out": tuple(dict.fromkeys(left_out[dataset.dataset])),
                    }
                )
                for dataset in board.datasets
            )
        }
    )
    return drawn


def _keep(
    drawn: Drawn, dataset: DatasetBoard, kept: Path, notes: list[FigureNote], left_out: list[str], *, png: bool
) -> None:
    # Figures of metrics cannot be drawn without the store.
    left_out += dataset.figures_left_out
    for note in dataset.figures:
        paths = {suffix: kept / f"{note.name}.{suffix}" for suffix in ("svg", "png")}
        if not paths["svg"].is_file():
            left_out.append(f"The figure `{note.name}` of `{note.metric}` is left out: its file is missing.")
            continue
        drawn.svg[note.name] = paths["svg"].read_text(encoding="utf-8")
        notes.append(note)
        if png and paths["png"].is_file():
            drawn.png[note.name] = paths["png"].read_bytes()
        elif png:
            left_out.append(f"The figure `{note.name}` of `{note.metric}` has no PNG: its PNG file is missing.")


def _scores(dataset: DatasetBoard) -> Figure | None:
    from tabgenbench_leaderboard.figures.scores import score_figure

    return score_figure(dataset)


def _losses(dataset: DatasetBoard) -> Figure | None:
    from tabgenbench_leaderboard.figures.losses import loss_figure

    return loss_figure(dataset)


def _learning(curve: LearningCurve) -> Figure | None:
    from tabgenbench_leaderboard.figures.learning import learning_figure

    return learning_figure(curve)


def _unique_kinds(dataset: DatasetBoard, figures: Sequence[tuple[str, str]]) -> Iterator[str]:
    slugs = [_slug(row.label, "generator") for row in dataset.rows]
    labels = [row.label for row in dataset.rows]
    used = {"scores", "losses", "learning"}
    for name, label in figures:
        kind = _slug(name, "figure")
        if label in labels:
            place = labels.index(label)  # labels that differ only in punctuation get a number
            kind += f"-{slugs[place]}" + ("" if slugs.count(slugs[place]) == 1 else f"-{place + 1}")
        number, first = 2, kind
        while kind in used:
            kind, number = f"{first}-{number}", number + 1
        used.add(kind)
        yield kind


def _stem(board: Board, dataset: DatasetBoard, kind: str) -> str:
    slugs = [_slug(other.dataset, "dataset") for other in board.datasets]
    place = [other.dataset for other in board.datasets].index(dataset.dataset)
    slug = slugs[place]
    return f"{slug}-{kind}" if slugs.count(slug) == 1 else f"{slug}-{place + 1}-{kind}"


def _slug(text: str, otherwise: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.") or otherwise
